"""Settings: environment, `.env`, `spotter.toml`, in that order. A wrong one is a sentence that names it."""

from __future__ import annotations

import difflib
import errno
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, Self

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from trainer_core import faults
from trainer_core.approved import Approved
from trainer_core.models.listed import can_be_typed

_PREFIX = "SPOTTER_"
_FOR_TESTS = frozenset({faults.VARIABLE, faults.ONCE})
_ENV_FILE, _TOML_FILE = ".env", "spotter.toml"

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
        env_prefix=_PREFIX,
        env_file=_ENV_FILE,
        toml_file=_TOML_FILE,
        extra="ignore",  # `.env` may serve other programs too; what looks like ours is checked by `_unknown`
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
    """Runs that may train at once on the processor; each graphics card takes one more."""
    cpu_threads: int = Field(default=0, ge=0, le=1024)
    """Processor threads for training, shared by the slots; 0 takes as many as there are."""
    gpus: str = "auto"
    """Graphics cards to train on: `auto` for all, `none`, or their UUIDs, separated by commas."""
    running_per_person: int = Field(default=0, ge=0)
    """Runs of one person that may train at once; 0 for as many as there are slots."""
    queued_per_person: int = Field(default=20, ge=1)
    """Runs of one person that may wait at once; a further one is refused."""
    stall_minutes: float = Field(default=5.0, gt=0)
    """Minutes without a step after which a run counts as stalled; slow steps are given ten times their usual length."""
    standby: int = Field(default=1, ge=0, le=8)
    """Workers that wait with torch loaded, so that a run starts at once."""
    heartbeat_minutes: float = Field(default=30.0, ge=0)
    """Minutes between summaries of a run in progress; 0 for none."""
    attachment_mb: float = Field(default=10.0, gt=0, le=500)
    """Largest attached file, in MiB."""
    data_dirs: Annotated[tuple[Path, ...], NoDecode] = ()
    """Folders, separated by commas, whose texts everybody who may train here may take in where they lie."""
    module_dirs: Annotated[tuple[Path, ...], NoDecode] = ()
    """Folders, separated by commas, with Python files of models that everybody who may train here may run: a worker
    executes them.
    """
    model_dirs: Annotated[tuple[Path, ...], NoDecode] = ()
    """Folders, separated by commas, with models that everybody who may train here may go on from."""
    mirror_dir: Path | None = None
    """Folder for a second copy of each checkpoint, on a backup drive, say."""
    corpus_gb: float = Field(default=8.0, gt=0, le=1024)
    """Most that a data set's source may hold once it is unpacked, in GiB."""
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

    @field_validator("home", "mirror_dir")
    @classmethod
    def _expanded(cls, value: Path | None) -> Path | None:
        return None if value is None else _expanded(value)

    @field_validator("data_dirs", "module_dirs", "model_dirs")
    @classmethod
    def _all_expanded(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(map(_expanded, value))

    @field_validator("module_dirs", "model_dirs")
    @classmethod
    def _each_has_its_name(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        """What lies in them is called after them."""
        named: dict[str, Path] = {}
        for folder in map(_absolute, value):
            if not folder.name or not can_be_typed(folder.name):
                raise ValueError(f"{str(folder)!r} has no name that can be typed; approve it by a link that has one")
            if named.setdefault(folder.name, folder) != folder:
                raise ValueError(f"two folders are called {folder.name}; approve one of them by a link of another name")
        return value

    @field_validator("allowed_user_ids", "data_dirs", "module_dirs", "model_dirs", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [part.strip() for part in value.split(",") if part.strip()]
        return [value] if isinstance(value, int) else value

    @field_validator("discord_token", "mirror_dir", mode="before")
    @classmethod
    def _stripped(cls, value: object) -> object:
        return (value.strip() or None) if isinstance(value, str) else value

    @field_validator("discord_token")
    @classmethod
    def _in_one_piece(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not re.fullmatch(r"[!-~]+", value.get_secret_value()):
            raise ValueError("is no token: it has spaces or other characters that no token has")
        return value

    @model_validator(mode="after")
    def _one_server(self) -> Self:
        addresses = {"SPOTTER_DISCORD_API": self.discord_api, "SPOTTER_DISCORD_GATEWAY": self.discord_gateway}
        missing = [name for name, address in addresses.items() if not address]
        if len(missing) == 1:
            raise ValueError(f"{missing[0]}: it goes with {' and '.join(addresses.keys() - missing)}; set both or none")
        return self

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

    @property
    def approved(self) -> Approved:
        """What a worker may read and write besides the home folder."""
        return Approved(
            modules=tuple(map(_absolute, self.module_dirs)),
            models=tuple(map(_absolute, self.model_dirs)),
            mirror=_absolute(self.mirror_dir) if self.mirror_dir else None,
        )

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
    """The settings as they stand. Raises SettingsError naming every wrong one, and every one there is not."""
    try:
        wrong = [*_unknown()]
        settings = Settings(**overrides)  # type: ignore[arg-type]  # the values are validated here
    except ValidationError as error:
        wrong += [_sentence(e["loc"], e["msg"]) for e in error.errors()]
        raise SettingsError(" ".join(wrong)) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{_TOML_FILE} cannot be read: {error}.") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{_ENV_FILE} or {_TOML_FILE} cannot be read: save it as UTF-8.") from error
    if wrong:
        raise SettingsError(" ".join(wrong))
    return settings


def _expanded(path: Path) -> Path:
    """The path with `~` written out. Raises ValueError; a folder that is not there may still come, as a drive does."""
    try:
        expanded = path.expanduser()
    except RuntimeError as error:
        raise ValueError("there is no such user's home folder; write the whole path") from error
    try:
        expanded.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise ValueError(f"{str(path)!r} is a link that leads to itself") from error
    return expanded


def _absolute(folder: Path) -> Path:
    """The folder wherever one stands. A link stays one: it has a name of its own, and may come to lead elsewhere."""
    return folder.resolve() if ".." in folder.parts else folder.absolute()


def _unknown() -> Iterator[str]:
    """A sentence for everything that is set, looks like a setting of ours, and is none: most likely a slip."""
    fields = {name: _variable(name) for name in Settings.model_fields}
    for name in dict.fromkeys([*os.environ, *dotenv_values(_ENV_FILE)]):
        if name.upper().startswith(_PREFIX) and name.upper() not in {*fields.values(), *_FOR_TESTS}:
            yield _no_such(name, fields)
    toml = Path(_TOML_FILE)
    for name in tomllib.loads(toml.read_text(encoding="utf-8")) if toml.is_file() else ():
        if name not in fields:
            yield _no_such(name, {field: field for field in fields})


def _no_such(name: str, known: Mapping[str, str]) -> str:
    """`known`: how each field would be written where `name` stands."""
    near = difflib.get_close_matches(name.lower().removeprefix(_PREFIX.lower()), known, n=1)
    hint = f"did you mean {known[near[0]]}?" if near else "see the README for those there are."
    return f"{name}: there is no such setting; {hint}"


def _variable(field: str) -> str:
    return "DISCORD_TOKEN" if field == "discord_token" else f"{_PREFIX}{field.upper()}"


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    message = message.removeprefix("Value error, ")
    if not location:  # it concerns several, and names them itself
        return f"{message}."
    name = str(location[0])
    name = name if name == "DISCORD_TOKEN" else _variable(name.lower().removeprefix(_PREFIX.lower()))
    how = f" ({_HOW_TO_GET[name]})" if name in _HOW_TO_GET else ""
    return f"{name}: {message[:1].lower()}{message[1:]}{how}."
