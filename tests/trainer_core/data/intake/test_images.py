from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

from trainer_core.data.intake.images import TakenIn, ingest_images, looks_like
from trainer_core.errors import Code, SpotterError
from trainer_core.tasks.orders import BuiltinSource, FileSource, HubSource, LocalSource

GB = 2**30
Files = Mapping[str, bytes]


def picture(shade: int = 0, size: tuple[int, int] = (8, 6), mode: str = "RGB", format: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, shade).save(file, format)
    return file.getvalue()


def two_classes() -> dict[str, bytes]:
    return {
        "gym/bar/1.png": picture(1),
        "gym/bar/2.jpg": picture(2, (20, 10), format="JPEG"),
        "gym/rack/1.png": picture(3, mode="L"),
    }


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 10 gigapixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def zipped(tmp_path: Path, files: Files) -> FileSource:
    path = tmp_path / "upload"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return FileSource(path=path, filename="gym.zip")


def in_folder(tmp_path: Path, files: Files) -> LocalSource:
    root = tmp_path / "root"
    for name, data in files.items():
        (root / "pictures" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "pictures" / name).write_bytes(data)
    return LocalSource(path=root / "pictures", root=root)


Packed = Callable[[Path, Files], FileSource | LocalSource]
either = pytest.mark.parametrize("packed", [zipped, in_folder])


def taken_in(source: FileSource | LocalSource, folder: Path, limit: int = GB) -> TakenIn:
    assert looks_like(source)
    return ingest_images(source, folder, limit=limit, advanced=lambda *_: None)


def kept(folder: Path) -> dict[str, list[bytes]]:
    classes = sorted((folder / "images").iterdir())
    return {path.name: sorted(file.read_bytes() for file in path.iterdir()) for path in classes}


@either
def test_the_folder_is_the_class_and_pictures_are_kept_as_they_came(tmp_path: Path, packed: Packed) -> None:
    files = {**two_classes(), "gym/README.txt": b"Two classes.", "gym/rack/.DS_Store": b"\0\1", "top.png": picture(9)}
    told: list[tuple[int, int | None]] = []
    source = packed(tmp_path, files)
    assert looks_like(source)
    result = ingest_images(source, tmp_path, limit=GB, advanced=lambda *progress: told.append(progress))
    pictures = two_classes()
    assert kept(tmp_path) == {
        "bar": sorted([files["gym/bar/1.png"], files["gym/bar/2.jpg"]]),
        "rack": [files["gym/rack/1.png"]],
    }
    assert result.images.classes == {"bar": 2, "rack": 1}
    assert (result.images.smallest, result.images.largest) == ((8, 6), (20, 10))
    assert result.images.modes == {"RGB": 2, "L": 1}
    assert (result.read, result.kept, result.duplicates, result.images.broken) == (3, 3, 0, 0)
    assert result.skipped == 2
    assert result.bytes == sum(map(len, pictures.values()))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_zip_and_a_folder_of_the_same_pictures_have_the_same_content(tmp_path: Path) -> None:
    files = two_classes()
    zipped_up = taken_in(zipped(tmp_path, files), tmp_path / "one")
    folder = taken_in(in_folder(tmp_path, files), tmp_path / "other")
    assert zipped_up.content == folder.content
    assert (zipped_up.format, folder.format) == ("zip", "folder")
    renamed = {name.replace("rack", "ring"): data for name, data in files.items()}
    assert taken_in(zipped(tmp_path, renamed), tmp_path / "third").content != folder.content


@either
def test_broken_and_doubled_pictures_are_counted_and_left_out(tmp_path: Path, packed: Packed) -> None:
    files = two_classes()
    cut = picture(9, (64, 64), format="BMP")[:-100]
    damaged = {"gym/bar/cut.bmp": cut, "gym/bar/text.png": b"no picture", "gym/rack/empty.gif": b""}
    result = taken_in(packed(tmp_path, {**files, **damaged, "gym/rack/again.png": files["gym/bar/1.png"]}), tmp_path)
    assert (result.read, result.kept, result.duplicates, result.images.broken) == (7, 3, 1, 3)
    assert sum(map(len, kept(tmp_path).values())) == 3


def test_a_damaged_member_of_a_zip_is_one_broken_picture(tmp_path: Path) -> None:
    source = zipped(tmp_path, two_classes())
    data = source.path.read_bytes()
    inside = data.index(picture(1))
    source.path.write_bytes(data[: inside + 20] + b"?" + data[inside + 21 :])
    assert taken_in(source, tmp_path).images.broken == 1


@either
@pytest.mark.parametrize(
    ("files", "code", "said"),
    [
        pytest.param(
            {"gym/bar/1.png": picture(1), "gym/bar/2.png": picture(2)},
            Code.CORPUS_EMPTY,
            "one class only",
            id="one class",
        ),
        pytest.param({"1.png": picture(1), "2.png": picture(2)}, Code.CORPUS_EMPTY, "no pictures in", id="no class"),
        pytest.param({"a/1.png": b"x", "b/2.png": b"y"}, Code.CORPUS_EMPTY, "2 of 2 files are broken", id="all broken"),
        pytest.param({**two_classes(), "gym/bar/b.png": bomb()}, Code.CORPUS_UNREADABLE, "more pixels", id="a bomb"),
        pytest.param(
            {**two_classes(), f"{'x' * 61}/1.png": picture(5)}, Code.CORPUS_UNREADABLE, "called so", id="a long name"
        ),
    ],
)
def test_what_cannot_be_learned_from_has_its_code_and_next_step(
    tmp_path: Path, packed: Packed, files: Files, code: Code, said: str
) -> None:
    with pytest.raises(SpotterError, match=said) as caught:
        taken_in(packed(tmp_path, files), tmp_path)
    assert caught.value.code is code
    assert caught.value.field == "file"
    assert caught.value.next_step


@either
def test_more_than_the_limit_is_refused(tmp_path: Path, packed: Packed) -> None:
    files = two_classes()
    with pytest.raises(SpotterError) as caught:
        taken_in(packed(tmp_path, files), tmp_path, limit=sum(map(len, files.values())) - 1)
    assert caught.value.code is Code.CORPUS_TOO_LARGE


@pytest.mark.parametrize("name", ["../up/1.png", "/etc/1.png", "a\\..\\..\\1.png"])
def test_a_name_that_leads_out_of_the_archive_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SpotterError, match="leads out"):
        ingest_images(
            zipped(tmp_path, {**two_classes(), name: picture(7)}), tmp_path, limit=GB, advanced=lambda *_: None
        )


def test_a_link_out_of_a_folder_is_refused(tmp_path: Path) -> None:
    source = in_folder(tmp_path, two_classes())
    (tmp_path / "secret.png").write_bytes(picture(7))
    (source.path / "gym" / "bar" / "link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(SpotterError, match="link"):
        ingest_images(source, tmp_path, limit=GB, advanced=lambda *_: None)


def test_what_holds_text_or_cannot_be_opened_is_none_of_ours(tmp_path: Path) -> None:
    assert not looks_like(zipped(tmp_path, {"a/1.txt": b"x", "a/2.txt": b"y", "a/1.png": picture()}))
    assert not looks_like(zipped(tmp_path, {}))
    (tmp_path / "upload").write_bytes(b"PK no zip")
    assert not looks_like(FileSource(path=tmp_path / "upload", filename="gym.zip"))
    assert not looks_like(FileSource(path=tmp_path / "upload", filename="notes.txt"))
    assert not looks_like(HubSource(name="org/pictures"))
    assert not looks_like(BuiltinSource(name="python-docs"))
