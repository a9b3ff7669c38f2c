"""Links as Discord takes them: which schemes may stand where."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError


def _with_scheme(*schemes: str) -> AfterValidator:
    def check(url: str) -> str:
        try:
            parts = urlsplit(url)
        except ValueError:
            raise _malformed() from None
        if parts.scheme and parts.scheme not in schemes:
            known = ", ".join(f"'{scheme}'" for scheme in schemes)
            raise PydanticCustomError(
                "URL_TYPE_INVALID_SCHEME",
                'Scheme "{scheme}" is not supported. Scheme must be one of ({known}).',
                {"scheme": parts.scheme, "known": known},
            )
        if not parts.scheme or not parts.netloc:
            raise _malformed()
        return url

    return AfterValidator(check)


def _malformed() -> PydanticCustomError:
    return PydanticCustomError("URL_TYPE_INVALID_URL", "Not a well formed URL.")


WebUrl = Annotated[str, Field(max_length=2048), _with_scheme("http", "https")]
PictureUrl = Annotated[str, Field(max_length=2048), _with_scheme("http", "https", "attachment")]
ButtonUrl = Annotated[str, Field(max_length=512), _with_scheme("http", "https", "discord")]
