"""Embeds: their form and their budgets."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from playground.errors import Problem, invalid_form
from playground.forms import Part
from playground.wire import Wire

MAX_EMBED_TEXT = 6000
_SCHEMES = ("http://", "https://", "attachment://")


def _known_scheme(url: str) -> str:
    if not url.startswith(_SCHEMES):
        raise PydanticCustomError(
            "URL_TYPE_INVALID_SCHEME", "Scheme must be one of ('http', 'https', 'attachment'). Not a well formed URL."
        )
    return url


Url = Annotated[str, Field(max_length=2048), AfterValidator(_known_scheme)]


class EmbedImage(Part):
    url: Url


class EmbedFooter(Part):
    text: str = Field(max_length=2048)
    icon_url: Url | None = None


class EmbedAuthor(Part):
    name: str = Field(max_length=256)
    url: Url | None = None
    icon_url: Url | None = None


class EmbedField(Part):
    name: str = Field(min_length=1, max_length=256)
    value: str = Field(min_length=1, max_length=1024)
    inline: bool = False


class Embed(Part):
    """A rich embed as a bot sends it. Lengths are in characters."""

    title: str | None = Field(None, max_length=256)
    description: str | None = Field(None, max_length=4096)
    url: Url | None = None
    timestamp: str | None = None
    color: int | None = Field(None, ge=0, le=0xFFFFFF)
    author: EmbedAuthor | None = None
    footer: EmbedFooter | None = None
    image: EmbedImage | None = None
    thumbnail: EmbedImage | None = None
    fields: list[EmbedField] | None = Field(None, max_length=25)

    def to_dict(self) -> Wire:
        return {"type": "rich", **super().to_dict()}

    def text_length(self) -> int:
        """Characters that count towards the 6000 that all embeds of a message share."""
        texts = [self.title, self.description]
        texts += [self.footer.text if self.footer else None, self.author.name if self.author else None]
        for field in self.fields or []:
            texts += [field.name, field.value]
        return sum(len(text) for text in texts if text)


def check_text_budget(embeds: Sequence[Embed], at: tuple[str | int, ...] = ()) -> None:
    """Raises ApiError 50035 if the embeds hold more than 6000 characters together."""
    if sum(embed.text_length() for embed in embeds) > MAX_EMBED_TEXT:
        message = f"Embed size exceeds maximum size of {MAX_EMBED_TEXT}"
        raise invalid_form([Problem((*at, "embeds"), "MAX_EMBED_SIZE_EXCEEDED", message)])
