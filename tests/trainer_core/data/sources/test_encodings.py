from __future__ import annotations

import codecs
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.data.sources.encodings import decoded, mended, utf_8
from trainer_core.data.sources.readers.found import Found, NotTextError

FRENCH = "Le café est près de l'église, où les élèves étudient à Noël. Ça va très bien, à bientôt ! " * 3
RUSSIAN = "Старый тренер стоял у скамьи и считал каждый вдох, пока штанга медленно поднималась. " * 3
JAPANESE = "昔々あるところに、おじいさんとおばあさんが住んでいました。山へ芝刈りに行きました。" * 5
CHINESE = "从前有一个老教练，他站在凳子旁边，数着每一次呼吸。杠铃慢慢地升起来了。" * 5
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff"), min_size=1)


def decode(data: bytes, size: int = 2**20) -> tuple[str, Found]:
    found = Found()
    return "".join(decoded((data[at : at + size] for at in range(0, len(data), size)), found)), found


@given(texts, st.integers(4, 50))
@settings(max_examples=30)
def test_utf_8_is_read_as_it_is_wherever_it_is_parted(text: str, size: int) -> None:
    read, found = decode(text.encode(), size)
    assert (read, found.undecodable_bytes, found.encoding) == (text, 0, "utf-8")


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_tells_the_encoding_and_is_no_text(mark: bytes, encoding: str) -> None:
    read, found = decode(mark + FRENCH.encode(encoding), size=37)
    assert (read, found.encoding, found.undecodable_bytes) == (FRENCH, encoding, 0)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "cp1252"),
        (FRENCH, "mac_roman"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8_r"),
        (RUSSIAN, "cp866"),
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
    ],
)
def test_older_encodings_are_told_apart(text: str, encoding: str) -> None:
    read, found = decode(text.encode(encoding))
    assert (read, found.encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (JAPANESE, "cp932"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
        ("從前有一個老教練，他站在凳子旁邊，數著每一次呼吸。槓鈴慢慢地升起來了。", "big5"),
        ("옛날에 늙은 코치가 있었는데, 그는 의자 옆에 서서 숨을 세었다. 역기가 천천히 올라갔다.", "cp949"),
    ],
)
@pytest.mark.parametrize("size", [2**20, 2**15 - 1])
def test_a_sample_may_end_within_a_character(text: str, encoding: str, size: int) -> None:
    text *= 2**16 // len(text)
    for before in range(3):
        read, found = decode(b"a" * before + text.encode(encoding), size)
        assert found.encoding == encoding
        assert read == "a" * before + text


@pytest.mark.parametrize("seed", range(8))
def test_the_whole_sample_tells_two_encodings_apart(seed: int) -> None:
    words = [*FRENCH.split(), "n’avais", "«Je", "m’endors.»"] * 150
    random.Random(seed).shuffle(words)
    text = " ".join(words)
    assert decode(text.encode("cp1252"))[1].encoding == "cp1252"


def test_a_first_character_at_the_end_of_a_chunk_says_too_little() -> None:
    """What follows is looked at, too."""
    data = b"The tale begins:" * 62 + b"plain: " + JAPANESE.encode("euc_jp")
    assert decode(data, size=1000)[0] == data.decode("euc_jp")


def test_the_encoding_is_looked_for_where_the_text_stops_being_ascii() -> None:
    """A letter's head says nothing about how the rest of it is written."""
    read, found = decode(b"plain as it gets\n" * 1000 + FRENCH.encode("cp1252"), size=1000)
    assert read.endswith(FRENCH)
    assert found.encoding == "cp1252"


def test_damage_in_utf_8_is_counted_byte_by_byte() -> None:
    read, found = decode(RUSSIAN.encode() + b"\xff\xfe\x80" + RUSSIAN.encode())
    assert read == RUSSIAN + "\ufffd" * 3 + RUSSIAN
    assert (found.undecodable_bytes, found.encoding) == (3, "utf-8")


def test_a_character_that_is_cut_off_at_the_end_is_counted() -> None:
    read, found = decode((RUSSIAN + "ы").encode()[:-1])
    assert read == RUSSIAN + "\ufffd"
    assert found.undecodable_bytes == 1


def test_a_replacement_character_that_was_in_the_text_is_no_damage() -> None:
    assert decode("a \ufffd b".encode())[1].undecodable_bytes == 0


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\0" * 1000, "NUL bytes"),
        ("no byte order mark".encode("utf-16-le"), "NUL bytes"),
        (random.Random(1).randbytes(5000), "is binary"),
        (bytes(random.Random(1).choices(range(128, 256), k=5000)), "cannot be told"),
        (codecs.BOM_UTF8 + random.Random(1).randbytes(5000), "is binary"),
        (codecs.BOM_UTF8 + b"\0" * 5000 + FRENCH.encode(), "NUL bytes"),
        (codecs.BOM_UTF16_LE + random.Random(1).randbytes(5000), "characters that mean nothing"),
        (codecs.BOM_UTF16_LE + bytes(5000), "NUL bytes"),
        (FRENCH.encode() * 500 + bytes(50_000), "NUL bytes"),
        (b"\x01\x02\x03", "control characters"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, complaint: str) -> None:
    with pytest.raises(NotTextError, match=complaint):
        decode(data)


def test_a_few_nul_bytes_are_no_reason_to_refuse() -> None:
    assert decode(b"a long line of text\0" * 1 + b"and another " * 50)[0].count("\0") == 1


@pytest.mark.parametrize(
    ("text", "whole"), [("a\ud800b", "a\ufffd\ufffdb"), ("\ude00", "\ufffd\ufffd"), ("é😀", "é😀")]
)
def test_half_a_surrogate_pair_is_mended_and_counted(text: str, whole: str) -> None:
    found = Found()
    assert mended(text, found) == whole
    assert found.undecodable_bytes == whole.count("\ufffd")


def test_a_cell_that_ought_to_be_utf_8_is_read_as_far_as_it_is() -> None:
    found = Found()
    assert utf_8(b"caf\xe9", found) == "caf\ufffd"
    assert found.undecodable_bytes == 1
