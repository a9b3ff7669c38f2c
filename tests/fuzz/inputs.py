"""Files as nobody would write them: nearly right ones, by format, and what is left of them after some damage."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable

from hypothesis import strategies as st

from trainer_core.data.formats import FORMATS

_ENCODINGS = "utf-8 utf-8-sig utf-16 utf-16-le utf-32 cp1252 cp1251 cp932 euc_jp gb18030 big5 cp949 iso2022_jp".split()
_TELLING = [b'"', b"'", b",", b";", b"\t", b"\n", b"\r", b"\0", b"\\", b"\\ud800", b"{", b"[", b"]}", b"\xef\xbb\xbf"]
_TELLING += [b"\xff\xfe", b"\xff\xfe\0\0", b"\x80", b"\xf0\x9f\x98", b"PK\3\4", b"PK\1\2", b"PAR1", b"\x1f\x8b", b"../"]
_NAMES = [
    "a.txt",
    "b.csv",
    "c.jsonl",
    "d.json.gz",
    "e.parquet",
    "README",
    "f.tsv",
    "x.png",
    ".hidden",
    "a/b.txt",
    "a.txt",
]
_NAMES += [
    "../a.txt",
    "/a.txt",
    "c:\\a.txt",
    "a\\b.txt",
    "inner.zip",
    "a\0b.txt",
    "ä.txt",
    "__MACOSX/a.txt",
    "a/",
    "",
    ".",
]

_words = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["", " ", "text", "a bar that nobody lifts", "Once there was a bar that nobody could lift. " * 2]),
)
_columns = st.one_of(st.sampled_from(["text", "Text ", "content", "id", "", "question", "answer"]), st.text(max_size=8))
_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), _words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_columns, inner, max_size=4)),
    max_leaves=12,
)
_records = st.one_of(_words, st.dictionaries(_columns, st.one_of(_words, _values), max_size=5))
_entries = st.lists(st.one_of(_records, _values), max_size=8)


@st.composite
def _encoded(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> bytes:
    return draw(texts).encode(draw(st.sampled_from(_ENCODINGS)), draw(st.sampled_from(["replace", "ignore"])))


@st.composite
def _table(draw: st.DrawFn, delimiters: str) -> str:
    mark = draw(st.sampled_from(delimiters))
    end = st.sampled_from(["\n", "\r\n", "\r", "\n\n", ""])
    cells = st.one_of(_words, _words.map(lambda text: '"' + text.replace('"', '""') + '"'), _words.map('"{}'.format))
    rows = draw(st.lists(st.lists(cells, min_size=1, max_size=5), max_size=8))
    names = mark.join(draw(st.lists(_columns, max_size=5)))
    return names + "".join(draw(end) + mark.join(row) for row in rows) + draw(end)


@st.composite
def _parquet(draw: st.DrawFn) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    rows = draw(st.integers(0, 4))
    kinds: list[tuple[pa.DataType, st.SearchStrategy[object]]] = [
        (pa.string(), _words.map(lambda text: text.encode(errors="replace").decode())),
        (pa.binary(), st.binary(max_size=8)),
        (pa.int64(), st.integers(-5, 5)),
        (pa.list_(pa.string()), st.lists(st.sampled_from(["a", "b"]), max_size=2)),
    ]
    columns = {}
    for name in draw(st.lists(_columns.map(lambda text: text.encode(errors="replace").decode()), max_size=4)):
        kind, cells = draw(st.sampled_from(kinds))
        columns[name] = pa.array(draw(st.lists(st.none() | cells, min_size=rows, max_size=rows)), kind)
        if kind == pa.binary() and draw(st.booleans()):
            columns[name] = columns[name].view(pa.string())
    written = io.BytesIO()
    parquet.write_table(pa.table(columns), written, compression=draw(st.sampled_from(["snappy", "none", "zstd"])))
    return written.getvalue()


@st.composite
def _damaged(draw: st.DrawFn, files: st.SearchStrategy[bytes]) -> bytes:
    """Mostly as it is; else with bytes put in, taken out or changed, here and there."""
    data = bytearray(draw(files))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2, 5]))):
        at = draw(st.integers(0, len(data)))
        until = min(len(data), at + draw(st.sampled_from([0, 0, 1, 1, 4, 1000])))
        data[at:until] = draw(st.one_of(st.sampled_from(_TELLING), st.binary(max_size=4)))
    return bytes(data)


@st.composite
def _zip(draw: st.DrawFn) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in draw(st.lists(st.sampled_from(_NAMES), max_size=4, unique=True)):
            info = zipfile.ZipInfo(name)
            info.external_attr = draw(st.sampled_from([0, 0, 0, 0o100644 << 16, 0o40755 << 16, 0o120777 << 16]))
            info.compress_type = draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2]))
            kind = next((kind for kind in FORMATS if name.removesuffix(".gz").endswith(f".{kind}")), "txt")
            data = draw(_PLAIN[kind])
            archive.writestr(info, gzip.compress(data) if name.endswith(".gz") else data)
    return packed.getvalue()


_text = _damaged(_encoded(st.one_of(st.text(max_size=200), _words.map(lambda text: text * 20))))
_PLAIN: dict[str, st.SearchStrategy[bytes]] = {
    "txt": _text,
    "md": _text,
    "csv": _damaged(_encoded(_table(",;\t|"))),
    "tsv": _damaged(_encoded(_table("\t"))),
    "json": _damaged(_encoded(st.one_of(_entries, _values, st.fixed_dictionaries({"data": _entries})).map(json.dumps))),
    "jsonl": _damaged(_encoded(_entries.map(lambda entries: "\n".join(map(json.dumps, entries))))),
    "parquet": _damaged(_parquet()),
}


def files(kind: str) -> st.SearchStrategy[bytes]:
    """Files of a kind that `kind_of` tells."""
    if kind == "zip":
        return _damaged(_zip())
    plain = _PLAIN[kind.removesuffix(".gz")]
    pack: Callable[[bytes], bytes] = gzip.compress
    return _damaged(plain.map(pack)) if kind.endswith(".gz") else plain
