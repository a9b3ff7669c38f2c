from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_core.data.intake.sensitive import Secrets, sift

# Put together here, so that no scanner takes this file for a leak.
TOKENS = {
    "AWS key": "AKIA" + "IOSFODNN7EXAMPLE",
    "Discord token": "MTk4NjIyNDgzNDcxOTI1MjQ4" + ".Cl2FMQ." + "ZnCjm1XVW7vRze4b7Cq4se7kKWs",
    "GitHub token": "gh" + "p_" + "a1B2" * 9,
    "Google API key": "AI" + "za" + "a1B2c" * 7,
    "Hugging Face token": "h" + "f_" + "aB" * 17,
    "JSON web token": "ey"
    + "JhbGciOiJIUzI1NiJ9"
    + ".eyJzdWIiOiIxMjM0NTY3ODkwIn0"
    + ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
    "Slack token": "xo" + "xb-" + "123456789012-" * 2 + "abcdef",
    "Stripe key": "sk" + "_live_" + "a1B2c3" * 4,
    "Telegram token": "110201543:AA" + "HdqTcvCH1vGWJxfSeofSAs0K5PALDsaw1"[:33],
    "API key": "sk-" + "ant-" + "a1B2c3" * 5,
    "e-mail address": "someone.else@gym.example.org",
    "password in an address": "postgres://owner:" + "hunter2@db.local/spotter",
    "key or password": 'api_key = "' + 'a1b2c3d4e5f6g7h8"',
}
KEY = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nx1y2z3\n-----END RSA " + "PRIVATE KEY-----\n"


MORE = {
    "AWS_SECRET_ACCESS_KEY=" + "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY": "key or password",
    "API_KEY=sk" + "_test_" + "4eC39HqLyjWDarjtT1": "Stripe key",
    "DB_PASSWORD=" + "correctHorseBattery": "key or password",
    "password: " + "tr0ub4dor-and-3": "key or password",
    "Authorization: " + "Bearer " + "0123456789abcdef" * 2: "bearer token",
    "jürgen" + "@müller.de": "e-mail address",
    "ey" + "JhbGciOiJIUzI1NiJ9.eyJ" + "zdWIiOiIxMjM0NTY3ODkwIn0" * 100 + ".dozjgNryP4J3jVmNHl0w5": "JSON web token",
}


def sifted(*pieces: str, remove: bool = True) -> tuple[str, Secrets]:
    secrets = Secrets()
    return "".join(sift(pieces, secrets, remove=remove)), secrets


@pytest.mark.parametrize("kind", TOKENS)
def test_a_line_with_a_secret_is_counted_and_goes_if_it_shall(kind: str) -> None:
    text = f"before\nset {TOKENS[kind]} here\nafter\n"
    left, secrets = sifted(text)
    assert left == "before\nafter\n"
    assert kind in secrets.kinds
    assert (secrets.lines, secrets.removed) == (1, 1)
    left, secrets = sifted(text, remove=False)
    assert left == text
    assert (secrets.lines, secrets.removed) == (1, 0)


@pytest.mark.parametrize(("line", "kind"), MORE.items(), ids=range(len(MORE)))
def test_secrets_are_known_as_people_write_them_down(line: str, kind: str) -> None:
    left, secrets = sifted(f"before\n{line}\nafter\n")
    assert left == "before\nafter\n"
    assert kind in secrets.kinds


def test_a_private_key_goes_with_all_its_lines() -> None:
    left, secrets = sifted(f"before\n{KEY}after\n")
    assert left == "before\nafter\n"
    assert secrets.kinds == {"private key": 4}


def test_a_private_key_that_two_pieces_share_goes_too() -> None:
    whole = f"before\n{KEY}after\n"
    for at in range(len(whole)):
        left, secrets = sifted(whole[:at], whole[at:])
        assert left == "before\nafter\n"
        assert secrets.lines == 4


def test_a_private_key_that_never_ends_does_not_take_the_rest_of_the_text() -> None:
    left, secrets = sifted(KEY.partition("\n")[0] + "\n" + "line\n" * 1_000)
    assert secrets.lines < 300
    assert left == "line\n" * (1_001 - secrets.lines)


def test_a_text_about_private_keys_is_none() -> None:
    about = KEY.partition("\n")[0] + " is how one begins.\n"
    after = "The lines after it are ordinary text.\n" * 300
    assert sifted(about + after)[0] == after


def test_a_private_key_in_a_program_goes_with_its_headers() -> None:
    lines = [f'    "{line}\\n"\n' for line in KEY.splitlines()]
    lines[1:1] = ["Proc-Type: 4,ENCRYPTED\n", "\n"]
    assert sifted("before\n", *lines, "after\n")[0] == "before\nafter\n"


def test_a_line_with_two_secrets_is_one_line_of_two_kinds() -> None:
    _, secrets = sifted(f"{TOKENS['AWS key']} {TOKENS['e-mail address']}")
    assert secrets.lines == 1
    assert secrets.kinds == {"AWS key": 1, "e-mail address": 1}


@pytest.mark.parametrize(
    "text",
    [
        "@dataclass(frozen=True)\n",
        "meet at 10@the gym\n",
        "see https://example.org:8080/path@v2\n",
        "the key to a good squat: 'go slowly and breathe'\n",
        "AWS is a cloud; AKIA is a prefix\n",
        "github: https://github.com/someone/something\n",
        "The key: understanding what comes next, and why.\n",
        "    key: PrivateKeyDescription\n",
        "    key = self.public_key_of_something\n",
        "sorted(words, key=operator.itemgetter(1))\n",
        "    token = tokenizer2.encode(text)\n",
        "the secret = patience_and_practice\n",
        "The bearer of this letter, bearer of bad news\n",
    ],
)
def test_ordinary_lines_stay(text: str) -> None:
    assert sifted(text) == (text, Secrets())


@given(st.lists(st.text(st.sampled_from("ab @.\n:/kKeE"), max_size=30), max_size=6))
@settings(max_examples=50)
def test_what_stays_and_what_goes_add_up(pieces: list[str]) -> None:
    whole = "".join(pieces)
    kept, reported = sifted(*pieces, remove=False)
    left, removed = sifted(*pieces)
    assert kept == whole
    assert reported.lines == removed.lines == removed.removed
    assert len(left.splitlines()) == len(whole.splitlines()) - removed.lines
    assert sifted(left)[1] == Secrets()


def test_hints_without_secrets_in_a_very_long_line_take_no_time_to_speak_of() -> None:
    """Ends at all: patterns that look at the whole line from each hint would take hours."""
    left, secrets = sifted("ey" + "Jey" * 50_000 + "@" * 50_000)
    assert secrets == Secrets()
    assert len(left) == 200_002
