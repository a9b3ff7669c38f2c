"""Settings: environment, `.env`, `spotter.toml`, in that order. A wrong one is a sentence that names it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

_HOW_TO_GET = {
    "DISCORD_TOKEN": "copy it from your application's Bot page at https://discord.com/developers/applications",
    "SPOTTER_OWNER_ID": (
        "it is your own user id: in Discord switch on Settings > Advanced > Developer Mode, then right-click your name"
        " and choose Copy User ID"
    ),
}


class SettingsError(Exception):
    """A setting is missing or wrong; the message names each and says how to get it right."""


class Settings(BaseSettings):
    """Every setting of Spotter. Each is read from `SPOTTER_<NAME>`, the token from `DISCORD_TOKEN`."""

    model_config = SettingsConfigDict(
        env_prefix="SPOTTER_",
        env_file=".env",
        toml_file="spotter.toml",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,  # one of them is the token
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    discord_token: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("DISCORD_TOKEN", "discord_token")
    )
    """The bot's token."""
    owner_id: int | None = Field(default=None, ge=1)
    """Discord user id of the owner: the one person who may do everything."""
    allowed_user_ids: Annotated[frozenset[Annotated[int, Field(ge=1)]], NoDecode] = frozenset()
    """Further people who may train here, separated by commas."""
    home: Path = Path("spotter-data")
    """Folder for the database, data sets and runs."""
    slots: int = Field(default=1, ge=1, le=64)
    """Runs that may train at once."""
    standby: int = Field(default=1, ge=0, le=8)
    """Workers that wait with torch loaded, so that a run starts at once."""
    heartbeat_minutes: float = Field(default=30.0, ge=0)
    """Minutes between summaries of a run in progress; 0 for none."""
    attachment_mb: float = Field(default=10.0, gt=0, le=500)
    """Largest attached file, in MiB."""
    guilds: bool = False
    """Whether commands may be used in servers too; replies there are only visible to who asks."""
    health_port: int = Field(default=8710, ge=0, le=65535)
    """Port of /healthz and /readyz on loopback; 0 takes any free one."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """How much is logged: DEBUG, INFO, WARNING or ERROR."""
    discord_api: str | None = None
    """Base address of Discord's HTTP API, for the playground."""
    discord_gateway: str | None = None
    """Address of Discord's gateway, for the playground."""

    @field_validator("allowed_user_ids", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return [value] if isinstance(value, int) else value

    @field_validator("discord_token", mode="before")
    @classmethod
    def _stripped(cls, value: object) -> object:
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("discord_token")
    @classmethod
    def _in_one_piece(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("is no token: it has spaces or other characters that no token has")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, dotenv_settings, TomlConfigSettingsSource(settings_cls)

    def for_discord(self) -> tuple[str, int]:
        """(token, owner id), which serving Discord needs. Raises SettingsError naming what is missing."""
        missing = [
            name
            for name, value in (("DISCORD_TOKEN", self.discord_token), ("SPOTTER_OWNER_ID", self.owner_id))
            if value is None
        ]
        if self.discord_token is None or self.owner_id is None:
            raise SettingsError(" ".join(f"{name} is not set: {_HOW_TO_GET[name]}." for name in missing))
        return self.discord_token.get_secret_value(), self.owner_id


def load_settings(**overrides: object) -> Settings:
    """The settings as they stand. Raises SettingsError naming every wrong one."""
    try:
        return Settings(**overrides)  # type: ignore[arg-type]  # the values are validated here
    except ValidationError as error:
        raise SettingsError(" ".join(_sentence(e["loc"], e["msg"]) for e in error.errors())) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"spotter.toml cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(".env or spotter.toml cannot be read: save it as UTF-8.") from error


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    name = str(location[0]).upper()
    name = name if name.startswith(("SPOTTER_", "DISCORD_TOKEN")) else f"SPOTTER_{name}"
    how = f" ({_HOW_TO_GET[name]})" if name in _HOW_TO_GET else ""
    return f"{name}: {message[:1].lower()}{message[1:]}{how}."
