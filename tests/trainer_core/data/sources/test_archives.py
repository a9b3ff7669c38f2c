from __future__ import annotations

import gzip
import os
import stat
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from tests.trainer_core.data.sources.given import PROSE, everything, parquet, upload, zipped
from trainer_core.data.sources import archives
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import LocalSource

FILES = {"b/two.csv": b"id,text\n1,two\n", "a.txt": b"one", "c/three.jsonl.gz": gzip.compress(b'{"text": "three"}\n')}


def refused(folder: Path, data: bytes, filename: str = "texts.zip", limit: int = 2**26) -> SpotterError:
    with pytest.raises(SpotterError) as caught:
        everything(upload(folder, filename, data), limit=limit)
    assert caught.value.field == "file"
    assert sorted(path.name for path in folder.iterdir()) == ["upload"]
    return caught.value


def test_every_file_of_a_zip_becomes_documents(tmp_path: Path) -> None:
    read = everything(upload(tmp_path, "texts.zip", zipped(FILES)))
    assert (read.documents, read.column, read.format) == (["two", "one", "three"], "text", "zip")
    assert read.found.read == 3


def test_a_folder_is_read_in_the_order_of_its_names(tmp_path: Path) -> None:
    source = in_folder(tmp_path / "corpora", FILES)
    first = everything(source)
    assert (first.documents, first.column, first.format) == (["one", "two", "three"], "text", "folder")
    assert first.found.source_bytes == sum(map(len, FILES.values()))
    assert everything(source).found.sha256 == first.found.sha256
    (source.path / "a.txt").rename(source.path / "z.txt")
    assert everything(source).found.sha256 != first.found.sha256


def test_what_is_no_text_is_passed_over_and_counted(tmp_path: Path) -> None:
    files = {
        **FILES,
        "picture.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        "numbers.csv": b"id,n\n1,2\n",
        "numbers.parquet": parquet({"n": [1, 2]}),
        "LICENSE": b"four",
        "__MACOSX/a.txt": b"five",
        ".git/config": b"six",
        "b/.DS_Store": b"seven",
    }
    for read in everything(upload(tmp_path, "a.zip", zipped(files))), everything(in_folder(tmp_path / "all", files)):
        assert sorted(read.documents) == ["four", "one", "three", "two"]
        assert read.found.skipped == 3


def test_a_damaged_file_among_others_is_refused_by_its_name(tmp_path: Path) -> None:
    error = refused(tmp_path, zipped({**FILES, "d/new\nline.csv": b'text\n"one\n'}))
    assert error.message == "holds d/new?line.csv, which has a quote that opens on line 2 and never closes"


@pytest.mark.parametrize("files", [{}, {"a.png": b"\0\0\0", "b.txt": b"\n"}])
def test_a_zip_without_text_is_empty(tmp_path: Path, files: dict[str, bytes]) -> None:
    error = refused(tmp_path, zipped(files))
    assert (error.code, error.message) == (Code.CORPUS_EMPTY, "has no text")


@pytest.mark.parametrize("name", ["../out.txt", "/etc/out.txt", "a/../../out.txt", "..\\out.txt", "C:\\out.txt"])
def test_a_name_that_leads_out_of_the_zip_is_refused(tmp_path: Path, name: str) -> None:
    error = refused(tmp_path, zipped({"a.txt": b"one", name: b"two"}))
    assert (error.code, error.next_step) == (Code.CORPUS_UNREADABLE, "Make the zip again, of plain files only.")
    assert error.message == f"holds a name that leads out of it ({name})"


@pytest.mark.parametrize("mode", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_a_link_in_a_zip_is_refused(tmp_path: Path, mode: int) -> None:
    info = zipfile.ZipInfo("a.txt")
    info.external_attr = (mode | 0o777) << 16
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    assert refused(tmp_path, packed.getvalue()).message == "holds a link, or another special file (a.txt)"


def test_a_zip_in_a_zip_is_refused(tmp_path: Path) -> None:
    error = refused(tmp_path, zipped({"a.txt": b"one", "b/Inner.ZIP": zipped(FILES)}))
    assert error.message == "holds another zip (b/Inner.ZIP)"
    assert error.next_step.startswith("Unpack the inner one")


def test_a_zip_bomb_is_stopped_by_what_it_says_it_unpacks_to(tmp_path: Path) -> None:
    error = refused(tmp_path, zipped({f"{n}.txt": b"x" * 2**20 for n in range(5)}), limit=2**22)
    assert (error.code, error.next_step) == (Code.CORPUS_TOO_LARGE, "Give a smaller part of it.")
    assert error.message == "has more than 4,194,304 bytes of text, unpacked, which is the most that is taken in"


def test_a_gzip_bomb_is_stopped_by_what_it_does_unpack_to(tmp_path: Path) -> None:
    bomb = gzip.compress(b"x" * 2**23)
    assert refused(tmp_path, bomb, "a.txt.gz", limit=2**22).code is Code.CORPUS_TOO_LARGE
    assert refused(tmp_path, zipped({"a.txt.gz": bomb}), limit=2**22).message.startswith(
        "has more than 4,194,304 bytes"
    )
    table = gzip.compress(b"text\n" + b"x" * 2**23)
    assert refused(tmp_path, table, "a.csv.gz", limit=2**22).code is Code.CORPUS_TOO_LARGE


def test_a_parquet_file_is_counted_by_its_text(tmp_path: Path) -> None:
    data = parquet({"text": ["x" * 2**20] * 8})
    assert len(data) < 2**22
    assert refused(tmp_path, data, "a.parquet", limit=2**22).code is Code.CORPUS_TOO_LARGE


def test_a_zip_that_lies_about_its_sizes_is_damaged(tmp_path: Path) -> None:
    data = zipped({"a.txt": b"x" * 10_000})
    lying = data.replace(struct.pack("<L", 10_000), struct.pack("<L", 10))
    assert lying != data
    assert "which is damaged" in refused(tmp_path, lying).message


@pytest.mark.parametrize("filename", ["a.txt.gz", "a.csv.gz", "a.parquet.gz"])
def test_a_gzip_that_is_cut_off_is_refused(tmp_path: Path, filename: str) -> None:
    error = refused(tmp_path, gzip.compress(f"text\n{PROSE}\n".encode() * 100)[:-6], filename)
    assert (error.code, error.message) == (Code.CORPUS_UNREADABLE, "is cut off: its end is missing")


@pytest.mark.parametrize(
    ("filename", "data"), [("a.txt.gz", b"plain text"), ("a.zip", b"PK\3\4 no zip"), ("a.zip", b"x")]
)
def test_what_is_not_packed_as_its_name_says_is_refused(tmp_path: Path, filename: str, data: bytes) -> None:
    assert "damaged" in refused(tmp_path, data, filename).message


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    data = bytearray(zipped({"a.txt": b"one"}))
    data[data.index(b"PK\1\2") + 8] |= 1
    assert refused(tmp_path, bytes(data)).next_step == "Make the zip again without a password."


def test_a_rare_packing_that_could_fill_the_memory_is_refused(tmp_path: Path) -> None:
    assert "packed in a rare way (a.txt)" in refused(tmp_path, zipped({"a.txt": b"one"}, zipfile.ZIP_LZMA)).message


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_FILES", 2)
    assert refused(tmp_path, zipped(FILES)).code is Code.CORPUS_TOO_LARGE
    with pytest.raises(SpotterError, match="more than 2 files"):
        everything(in_folder(tmp_path / "corpora", FILES))


@pytest.mark.parametrize("target", ["../secret.txt", "a.txt", "b"])
def test_a_link_in_a_folder_is_refused_wherever_it_leads(tmp_path: Path, target: str) -> None:
    source = in_folder(tmp_path / "corpora", FILES)
    (tmp_path / "secret.txt").write_text("secret")
    (source.path / "link").symlink_to(target)
    with pytest.raises(SpotterError, match=r"holds a link \(link\)") as caught:
        everything(source)
    assert caught.value.next_step == "Put a copy in its place, or remove it."


def test_a_file_that_is_a_link_by_now_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "link.txt").symlink_to("secret.txt")
    with pytest.raises(OSError, match="symbolic links"):
        archives.open_file(tmp_path / "link.txt")


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    source = in_folder(tmp_path / "corpora", FILES)
    os.mkfifo(source.path / "pipe.txt")
    assert len(everything(source).documents) == 3


def in_folder(folder: Path, files: dict[str, bytes]) -> LocalSource:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return LocalSource(path=folder, root=folder.parent)
