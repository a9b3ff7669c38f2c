"""From bytes to text, whatever encoding they are in. A byte that is no text in it becomes U+FFFD, and is counted.

A byte order mark decides; else UTF-8 is tried first, and a library is asked about the rest. As long as there are ASCII
bytes only, all candidates agree and nothing needs to be decided: the sample is where the first other byte is.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain

from trainer_core.data.sources.readers.found import Found, NotTextError

_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_LIKELY = (
    "cp1252 cp1251 cp932 euc_jp gb18030 big5 cp949 koi8_r koi8_u iso8859_2 cp1250 cp1253 cp1254 cp1255 cp1256 cp1257"
    " cp1258 iso8859_5 iso8859_7 cp866 cp874 mac_roman cp850 cp437"
).split()
"""Encodings that text files are found in; where the library cannot tell two apart, the earlier one is taken."""
_MULTIBYTE = ("cp932", "euc_jp", "gb18030", "big5", "cp949")
_SAMPLE = 2**15
"""Bytes that the library is asked about."""
_STEPS = 16
"""In which it looks at them: at all of them."""
_BEFORE = 2**10
"""Of these before the first byte that is not ASCII."""
_ALIKE = 0.01
"""Two of the library's scores that are no further apart say the same."""

_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b") | {127})
_MOST_CONTROLS = 0.02
"""Share of control characters from which bytes are no text: random bytes have 10 %, text has none."""
_MOST_UNASSIGNED = 0.05
"""Share of characters without a meaning from which UTF-16 is no text: random bytes have 12 %."""
_ASCII = bytes(range(128))
_MOSTLY = 0.9
"""Share of the bytes beyond ASCII that have to be UTF-8 for the rest to be damage, rather than another encoding."""
_MOST_UNDECODABLE = 0.2
"""Share of undecodable bytes from which a file is no text in that encoding."""

_STAND_IN = "\udcff"
"""Stands for an undecodable byte until it is counted: no decoder makes it of text."""
_UNDECODABLE = "spotter-undecodable"


def _stand_in(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError), "registered for decoding"
    return _STAND_IN * (error.end - error.start), error.end


codecs.register_error(_UNDECODABLE, _stand_in)


def decoded(chunks: Iterable[bytes], found: Found) -> Iterator[str]:
    """The text of a file that is read in chunks, the first of which holds its byte order mark if it has one.

    Tells `found` the encoding and what is undecodable. Raises NotTextError.
    """
    rest = iter(chunks)
    data = next(rest, b"")
    size = len(data)
    encoding, data = _marked(data)
    while encoding is None and data.isascii():
        _refuse_controls(data, size)
        yield data.decode("ascii")
        data = next(rest, b"")
        size += len(data)
        if not data:
            found.encodings["utf-8"] += bool(size)
            return
    if encoding is None:
        more = _more(data, rest)
        data, size = data + more, size + len(more)
        _refuse_controls(data, size)
        encoding = _detected(data)
    found.encodings[encoding] += 1
    decoder = codecs.getincrementaldecoder(encoding)(_UNDECODABLE)
    before = found.undecodable_bytes
    text = _counted(decoder.decode(data), found)
    if encoding.startswith("utf-16"):  # in which any two bytes are a character
        _refuse_unassigned(text[:_SAMPLE])
    for data in chain(rest, [b""]):
        _refuse_controls(text.encode(), size)
        yield text
        size += len(data)
        text = _counted(decoder.decode(data, final=not data), found)
    yield text
    _refuse_undecodable(found.undecodable_bytes - before, size)


def _more(data: bytes, rest: Iterator[bytes]) -> bytes:
    """As much of the rest as a sample needs beyond `data`."""
    parts, wanted = [], _beyond_ascii(data) + _SAMPLE - len(data)
    while wanted > 0 and (part := next(rest, b"")):
        parts.append(part)
        wanted -= len(part)
    return b"".join(parts)


def _counted(text: str, found: Found) -> str:
    undecodable = text.count(_STAND_IN)
    found.undecodable_bytes += undecodable
    return text.replace(_STAND_IN, "\ufffd") if undecodable else text


def utf_8(data: bytes, found: Found) -> str:
    """The text of bytes that ought to be UTF-8."""
    return _counted(data.decode("utf-8", _UNDECODABLE), found)


def mended(text: str, found: Found) -> str:
    """`text` without halves of surrogate pairs, which JSON can spell but no encoding can hold."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _counted(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", _UNDECODABLE), found)
    return text


def _marked(chunk: bytes) -> tuple[str | None, bytes]:
    """The encoding that a byte order mark tells, and what follows the mark."""
    for mark, encoding in _MARKS.items():
        if chunk.startswith(mark):
            return encoding, chunk[len(mark) :]
    return None, chunk


def _detected(sample: bytes) -> str:
    """The encoding of bytes of which some are not ASCII. Raises NotTextError if they are text in none."""
    undecodable = codecs.getincrementaldecoder("utf-8")(_UNDECODABLE).decode(sample).count(_STAND_IN)
    if undecodable <= (1 - _MOSTLY) * len(sample.translate(None, _ASCII)):
        return "utf-8"
    from charset_normalizer import from_bytes

    start = max(0, _beyond_ascii(sample) - _BEFORE)
    sample = sample[start : start + _SAMPLE]
    matches = sorted(
        match
        for end in _ends(sample)
        for match in from_bytes(
            sample[:end], cp_isolation=_LIKELY, steps=_STEPS, chunk_size=_SAMPLE // _STEPS, enable_fallback=False
        )
    )
    if matches:
        clean = [match for match in matches if match.chaos <= matches[0].chaos + _ALIKE]
        likely = [
            match for match in clean if match.encoding in _MULTIBYTE
        ] or clean  # any bytes are text in some others
        best = likely[0]
        alike = {
            encoding
            for match in likely
            if abs(match.chaos - best.chaos) <= _ALIKE and abs(match.coherence - best.coherence) <= _ALIKE
            for encoding in match.could_be_from_charset
        }
        return next((encoding for encoding in _LIKELY if encoding in alike), best.encoding)
    _refuse_undecodable(undecodable, len(sample))
    return "utf-8"


def _ends(sample: bytes) -> set[int]:
    """Where the last whole character ends, in each encoding of several bytes a character that it may be in."""
    ends = set()
    for encoding in _MULTIBYTE:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            decoder.decode(sample)
        except UnicodeDecodeError:
            continue
        ends.add(len(sample) - len(decoder.getstate()[0]))
    return ends or {len(sample)}


def _beyond_ascii(data: bytes) -> int:
    """Where the first byte is that is not ASCII; the length if there is none."""
    beyond = re.search(rb"[\x80-\xff]", data)
    return beyond.start() if beyond else len(data)


def _refuse_controls(data: bytes, size: int) -> None:
    """Look at `data`, the end of the `size` bytes read so far; a few control characters in a short end are let be."""
    controls = len(data) - len(data.translate(None, _CONTROLS))
    if controls > _MOST_CONTROLS * max(len(data), min(size, _SAMPLE)):
        what = "it has NUL bytes" if b"\0" in data else "it has control characters"
        raise NotTextError(f"is binary, no text ({what})")


def _refuse_unassigned(text: str) -> None:
    if sum(unicodedata.category(char) in ("Cn", "Co") for char in text) > _MOST_UNASSIGNED * len(text):
        raise NotTextError("is binary, no text (it has characters that mean nothing)")


def _refuse_undecodable(undecodable: int, size: int) -> None:
    if undecodable > _MOST_UNDECODABLE * size:
        raise NotTextError("is binary, or text in an encoding that cannot be told")
