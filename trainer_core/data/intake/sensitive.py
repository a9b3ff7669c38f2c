"""Lines that look like they hold a secret: keys, tokens, private keys, e-mail addresses.

What a secret looks like is detect-secrets' business, mostly. Its patterns are slow on whole corpora, and some take
quadratic time on a long line; so a text is first searched for a few letters that its kind of secret begins with, and
only what stands near them is looked at closely.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module

from trainer_core.data.pieces import with_last

_NEAR = 1_000
"""Characters of the line to each side that are looked at closely."""
_LONGEST_LINE = 2**16
"""A longer line is looked at, and removed, in parts."""
_LONGEST_KEY = 200
"""Lines of a private key; one that goes on for longer was never ended."""

PRIVATE_KEY = "private key"
_BEGIN_KEY = re.compile(r"BEGIN [A-Z0-9 ]*PRIVATE KEY|PuTTY-User-Key-File")
_END_KEY = re.compile(r"END [A-Z0-9 ]*PRIVATE KEY|Private-MAC:")
_IN_KEY = re.compile(r"[\s\"'>#*+]*(?:[\w-]+: .*|[A-Za-z0-9+/]*={0,2}(?:\\n)?)[\s\"',;+\\]*")
"""A line of Base64, a header, or none; in the quotes of a program, too."""

Span = tuple[int, int]


@dataclass(slots=True)
class Secrets:
    """What was come upon so far."""

    kinds: Counter[str] = field(default_factory=Counter)
    """Lines by the kind of secret; one with two kinds counts for both."""
    lines: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    hints: tuple[str, ...]
    """Patterns that begin with letters, which is what makes a search fast. A secret of this kind has one in it."""
    closely: str
    """The pattern of such a secret, or the plugin of detect-secrets that knows it."""


_NAME = r"(?i:key|token|secret|passw(?:or)?d)\w{0,20}"
_KINDS = (
    _Kind("AWS key", ("AKIA", "ASIA", "aws", "AWS"), "aws.AWSKeyDetector"),
    _Kind("Azure storage key", ("AccountKey=",), "azure_storage_key.AzureStorageKeyDetector"),
    _Kind("password in an address", ("://",), r"://[^\s:/?#@]{1,256}:[^\s:/?#@]{1,256}@"),
    _Kind("Discord token", (r"\.[\w-]{6}\.[\w-]{27}",), "discord.DiscordBotTokenDetector"),
    _Kind("GitHub token", ("gh[opsur]_",), "github_token.GitHubTokenDetector"),
    _Kind("GitHub token", ("github_pat_",), r"github_pat_\w{22}"),
    _Kind("GitLab token", ("gl[a-z]{2,5}-", "GR1348941"), "gitlab_token.GitLabTokenDetector"),
    _Kind("Google API key", ("AIza",), r"AIza[\w-]{35}"),
    _Kind("Hugging Face token", ("hf_",), r"hf_[A-Za-z0-9]{34}"),
    _Kind("JSON web token", (r"\.eyJ",), r"[\w-]{16}\.eyJ[\w-]{16}"),
    _Kind("Mailchimp key", ("-us[0-9]",), "mailchimp.MailchimpDetector"),
    _Kind("npm token", ("_authToken",), "npm.NpmDetector"),
    _Kind("OpenAI key", ("T3BlbkFJ",), "openai.OpenAIDetector"),
    _Kind("API key", ("sk-(?:ant|proj)-",), r"sk-(?:ant|proj)-[\w-]{20}"),
    _Kind("PyPI token", ("pypi-AgE",), "pypi_token.PypiTokenDetector"),
    _Kind("SendGrid key", (r"SG\.",), "sendgrid.SendGridDetector"),
    _Kind("Slack token", ("xox", r"hooks\.slack\.com"), "slack.SlackDetector"),
    _Kind("Square secret", ("sq0csp-",), "square_oauth.SquareOAuthDetector"),
    _Kind("Stripe key", ("k_live_", "k_test_"), r"[rs]k_(?:live|test)_[0-9a-zA-Z]{16}"),
    _Kind("Telegram token", (":AA",), "telegram_token.TelegramBotTokenDetector"),
    _Kind("Twilio key", ("AC[a-z0-9]{32}", "SK[a-z0-9]{32}"), "twilio.TwilioKeyDetector"),
    _Kind(
        "key or password",
        (r"[:=]\s{0,4}[\"'][^\s\"']{12,128}[\"']",),
        _NAME + r"[\"']?\s{0,4}[:=]\s{0,4}[\"'](?=[^\"']{0,128}\d)[^\s\"']{12,128}[\"']",
    ),
    _Kind(
        "key or password",
        (r"[:=][ \t]{0,4}[\w!@#$%^&*+~?=.-][\w!@#$%^&*+~?/=.-]{11}",),
        _NAME + r"(?:=(?=\S{0,128}(?:[\d!@#$%^&*+~?]|[a-z][A-Z]))|[ \t]{0,4}[:=][ \t]{1,4}(?=\S{0,128}[\d!@#$%^&*+~?]))"
        r"[\w!@#$%^&*+~?/=.-]{12,128}(?=[\s;,&\"']|$)",
    ),
    _Kind("bearer token", ("Bearer ", "bearer "), r"[Bb]earer +(?=[A-Za-z_.~+/-]{0,128}\d)[\w.~+/-]{16}"),
    _Kind("e-mail address", ("@",), r"[\w.%+-]@[\w-]{1,63}(?:\.[\w-]{1,63}){0,8}\.[^\W\d_]{2,24}\b"),
)
_HINTS = tuple((re.compile(hint), kind) for kind in _KINDS for hint in kind.hints)


def sift(document: Iterable[str], secrets: Secrets, *, remove: bool) -> Iterator[str]:
    """The pieces of one document, less the lines with secrets if they are to go; `secrets` grows as they are taken."""
    left_of_key = 0
    for text in _whole_lines(document):
        found, left_of_key = _private_keys(text, left_of_key)
        for hint, kind in _HINTS:
            if hint.search(text):
                for line in _lines_with(hint, kind, text):
                    found.setdefault(line, set()).add(kind.name)
        for names in found.values():
            secrets.kinds.update(names)
        secrets.lines += len(found)
        secrets.removed += len(found) if remove else 0
        yield _without(text, sorted(found)) if remove else text


def _whole_lines(document: Iterable[str]) -> Iterator[str]:
    """The document in pieces that end where a line does, unless it is a very long one."""
    held = ""
    for piece, last in with_last(document):
        text = held + piece
        end = len(text) if last else text.rfind("\n") + 1
        if len(text) - end > _LONGEST_LINE:
            end = len(text)
        held = text[end:]
        yield text[:end]


def _lines_with(hint: re.Pattern[str], kind: _Kind, text: str) -> Iterator[Span]:
    """The lines of `text` with this hint and, near it, a secret of that kind."""
    looks_closely = _looks_closely(kind.closely)
    looked_at = -1
    for match in hint.finditer(text):
        at = match.start()
        if at <= looked_at:
            continue
        line = start, end = _line(text, at)
        if looks_closely(text[max(start, at - _NEAR) : min(end, at + _NEAR)]):
            yield line
            looked_at = end - 1
        else:
            looked_at = min(end - 1, at + _NEAR // 2)


def _private_keys(text: str, left: int) -> tuple[dict[Span, set[str]], int]:
    """The lines of private keys, `left` more of which may follow on the text before; and how many may on this one."""
    found: dict[Span, set[str]] = {}
    start = 0
    while start < len(text):
        if not left:
            begin = _BEGIN_KEY.search(text, start)
            if begin is None:
                break
            start, left = begin.start(), _LONGEST_KEY
        line = _, end = _line(text, start)
        if left < _LONGEST_KEY and not _END_KEY.search(text, *line) and not _IN_KEY.fullmatch(text, *line):
            left = 0  # a text about keys
            continue
        found[line] = {PRIVATE_KEY}
        left = 0 if _END_KEY.search(text, *line) else left - 1
        start = end
    return found, left


def _line(text: str, at: int) -> Span:
    """Start and end of the line around `at`, with its line end."""
    end = text.find("\n", at) + 1
    return text.rfind("\n", 0, at) + 1, end or len(text)


def _without(text: str, lines: Iterable[Span]) -> str:
    kept, start = [], 0
    for line, end in lines:
        kept.append(text[start:line])
        start = end
    return "".join([*kept, text[start:]])


@cache
def _looks_closely(closely: str) -> Callable[[str], bool]:
    """Whether there is such a secret in a text. A plugin is loaded once it is needed."""
    module, _, detector = closely.partition(".")
    if not detector.endswith("Detector"):
        pattern = re.compile(closely)
        return lambda text: pattern.search(text) is not None
    plugin = getattr(import_module(f"detect_secrets.plugins.{module}"), detector)()
    return lambda text: any(True for _ in plugin.analyze_string(text))
