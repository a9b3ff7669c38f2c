"""Embeds: their form and their budgets."""

from typing import Annotated, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from playground.forms import Part
from playground.links import PictureUrl, WebUrl
from playground.wire import Wire

MAX_EMBED_TEXT = 6000


def _not_blank(text: str) -> str:
    if not text:
        raise PydanticCustomError("BASE_TYPE_REQUIRED", "This field is required")
    return text


NotBlank = AfterValidator(_not_blank)
BlankIsNone = AfterValidator(lambda text: text or None)


class Trimmed(Part):
    """Discord trims the texts of an embed before it measures them."""

    model_config = ConfigDict(str_strip_whitespace=True)


class EmbedImage(Trimmed):
    url: PictureUrl


class EmbedFooter(Trimmed):
    text: str = Field(max_length=2048)
    icon_url: PictureUrl | None = None


class EmbedAuthor(Trimmed):
    name: Annotated[str, Field(max_length=256), NotBlank]
    url: WebUrl | None = None
    icon_url: PictureUrl | None = None


class EmbedField(Trimmed):
    name: Annotated[str, Field(max_length=256), NotBlank]
    value: Annotated[str, Field(max_length=1024), NotBlank]
    inline: bool = False


class Embed(Trimmed):
    """A rich embed as a bot sends it. Lengths are in characters."""

    title: Annotated[str | None, Field(max_length=256), BlankIsNone] = None
    description: Annotated[str | None, Field(max_length=4096), BlankIsNone] = None
    url: WebUrl | None = None
    timestamp: str | None = None
    color: int | None = Field(None, ge=0, le=0xFFFFFF)
    author: EmbedAuthor | None = None
    footer: EmbedFooter | None = None
    image: EmbedImage | None = None
    thumbnail: EmbedImage | None = None
    fields: list[EmbedField] | None = Field(None, max_length=25)

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        shown = (self.title, self.description, self.author, self.footer, self.fields, self.image, self.thumbnail)
        if not any((*shown, self.timestamp)):
            raise PydanticCustomError("BASE_TYPE_REQUIRED", "This field is required", {"field": "description"})
        return self

    def to_dict(self) -> Wire:
        return {"type": "rich", **super().to_dict()}

    def text_length(self) -> int:
        """Characters that count towards the 6000 that all embeds of a message share."""
        texts = [self.title, self.description]
        texts += [self.footer.text if self.footer else None, self.author.name if self.author else None]
        for field in self.fields or []:
            texts += [field.name, field.value]
        return sum(len(text) for text in texts if text)


def within_budget(embeds: list[Embed] | None) -> list[Embed] | None:
    """The embeds, unless they hold more than 6000 characters together."""
    if sum(embed.text_length() for embed in embeds or []) > MAX_EMBED_TEXT:
        raise PydanticCustomError("MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
    return embeds
