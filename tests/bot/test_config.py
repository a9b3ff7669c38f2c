"""Settings: where each is read from, which source wins, and what is said of a wrong one."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.config import Settings, SettingsError, load_settings
from trainer_core.approved import NONE, Approved

TOKEN = "MTk4NjIy.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs"

GOOD: list[tuple[str, str, str, object]] = [
    ("DISCORD_TOKEN", "discord_token", TOKEN, SecretStr(TOKEN)),
    ("SPOTTER_OWNER_ID", "owner_id", "123456789012345678", 123456789012345678),
    ("SPOTTER_ALLOWED_USER_IDS", "allowed_user_ids", "12, 34,,56 ", frozenset({12, 34, 56})),
    ("SPOTTER_HOME", "home", "elsewhere", Path("elsewhere")),
    ("SPOTTER_SLOTS", "slots", "3", 3),
    ("SPOTTER_CPU_THREADS", "cpu_threads", "8", 8),
    ("SPOTTER_GPUS", "gpus", "none", "none"),
    ("SPOTTER_RUNNING_PER_PERSON", "running_per_person", "2", 2),
    ("SPOTTER_QUEUED_PER_PERSON", "queued_per_person", "5", 5),
    ("SPOTTER_STALL_MINUTES", "stall_minutes", "0.5", 0.5),
    ("SPOTTER_STANDBY", "standby", "0", 0),
    ("SPOTTER_HEARTBEAT_MINUTES", "heartbeat_minutes", "2.5", 2.5),
    ("SPOTTER_ATTACHMENT_MB", "attachment_mb", "25", 25.0),
    ("SPOTTER_DATA_DIRS", "data_dirs", "corpora, /srv/texts", (Path("corpora"), Path("/srv/texts"))),
    ("SPOTTER_MODULE_DIRS", "module_dirs", "nets", (Path("nets"),)),
    ("SPOTTER_MODEL_DIRS", "model_dirs", "models,,/srv/others ", (Path("models"), Path("/srv/others"))),
    ("SPOTTER_MIRROR_DIR", "mirror_dir", "/mnt/backup ", Path("/mnt/backup")),
    ("SPOTTER_CORPUS_GB", "corpus_gb", "0.5", 0.5),
    ("SPOTTER_GUILDS", "guilds", "true", True),
    ("SPOTTER_HEALTH_PORT", "health_port", "0", 0),
    ("SPOTTER_LOG_LEVEL", "log_level", "DEBUG", "DEBUG"),
    ("SPOTTER_DISCORD_API", "discord_api", "http://127.0.0.1:1/api/v10", "http://127.0.0.1:1/api/v10"),
    ("SPOTTER_DISCORD_GATEWAY", "discord_gateway", "ws://127.0.0.1:1/", "ws://127.0.0.1:1/"),
]
IN_TOML = {
    "discord_token": f'"{TOKEN}"',
    "owner_id": "123456789012345678",
    "allowed_user_ids": "[12, 34, 56]",
    "home": '"elsewhere"',
    "slots": "3",
    "cpu_threads": "8",
    "gpus": '"none"',
    "running_per_person": "2",
    "queued_per_person": "5",
    "stall_minutes": "0.5",
    "standby": "0",
    "heartbeat_minutes": "2.5",
    "attachment_mb": "25",
    "data_dirs": '["corpora", "/srv/texts"]',
    "module_dirs": '["nets"]',
    "model_dirs": '["models", "/srv/others"]',
    "mirror_dir": '"/mnt/backup"',
    "corpus_gb": "0.5",
    "guilds": "true",
    "health_port": "0",
    "log_level": '"DEBUG"',
    "discord_api": '"http://127.0.0.1:1/api/v10"',
    "discord_gateway": '"ws://127.0.0.1:1/"',
}
BAD: list[tuple[str, str]] = [
    ("DISCORD_TOKEN", "two words"),
    ("DISCORD_TOKEN", "••••••"),
    ("SPOTTER_OWNER_ID", "Ada"),
    ("SPOTTER_OWNER_ID", "0"),
    ("SPOTTER_ALLOWED_USER_IDS", "12, Grace"),
    ("SPOTTER_ALLOWED_USER_IDS", "-4"),
    ("SPOTTER_SLOTS", "0"),
    ("SPOTTER_SLOTS", "65"),
    ("SPOTTER_SLOTS", "many"),
    ("SPOTTER_CPU_THREADS", "-1"),
    ("SPOTTER_RUNNING_PER_PERSON", "-1"),
    ("SPOTTER_QUEUED_PER_PERSON", "0"),
    ("SPOTTER_STALL_MINUTES", "0"),
    ("SPOTTER_STALL_MINUTES", "nan"),
    ("SPOTTER_STANDBY", "-1"),
    ("SPOTTER_STANDBY", "9"),
    ("SPOTTER_HEARTBEAT_MINUTES", "-1"),
    ("SPOTTER_HEARTBEAT_MINUTES", "nan"),
    ("SPOTTER_ATTACHMENT_MB", "0"),
    ("SPOTTER_ATTACHMENT_MB", "501"),
    ("SPOTTER_ATTACHMENT_MB", "nan"),
    ("SPOTTER_DATA_DIRS", "~nobody-of-that-name/texts"),
    ("SPOTTER_MODULE_DIRS", "~nobody-of-that-name/nets"),
    ("SPOTTER_MODEL_DIRS", "~nobody-of-that-name/models"),
    ("SPOTTER_MIRROR_DIR", "~nobody-of-that-name/backup"),
    ("SPOTTER_CORPUS_GB", "0"),
    ("SPOTTER_CORPUS_GB", "nan"),
    ("SPOTTER_GUILDS", "perhaps"),
    ("SPOTTER_HEALTH_PORT", "65536"),
    ("SPOTTER_LOG_LEVEL", "loud"),
]


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def companions(name: str) -> dict[str, str]:
    """Variables without which the setting may not be set."""
    pair = ("discord_api", "discord_gateway")
    return {var: text for var, other, text, _ in GOOD if name in pair and other in pair and other != name}


def test_every_setting_is_tried_here() -> None:
    assert {name for _, name, _, _ in GOOD} == set(IN_TOML) == set(Settings.model_fields)


def test_without_any_setting_the_defaults_serve() -> None:
    settings = load_settings()
    assert (settings.discord_token, settings.owner_id, settings.allowed_user_ids) == (None, None, frozenset())
    assert (settings.home, settings.slots, settings.health_port) == (Path("spotter-data"), 1, 8710)


@pytest.mark.parametrize(("variable", "name", "text", "value"), GOOD)
def test_a_setting_is_read_from_the_environment(
    variable: str, name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each, its in {variable: text, **companions(name)}.items():
        monkeypatch.setenv(each, its)
    assert getattr(load_settings(), name) == value


@pytest.mark.parametrize(("variable", "name", "text", "value"), GOOD)
def test_a_setting_is_read_from_env_file(variable: str, name: str, text: str, value: object) -> None:
    also = "".join(f"{other}={its}\n" for other, its in companions(name).items())
    Path(".env").write_text(f"# mine\n{variable}={text}\nSOMETHING_ELSE=1\n{also}")
    assert getattr(load_settings(), name) == value


@pytest.mark.parametrize(("variable", "name", "text", "value"), GOOD)
def test_a_setting_is_read_from_toml(
    variable: str, name: str, text: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for other, its in companions(name).items():
        monkeypatch.setenv(other, its)
    Path("spotter.toml").write_text(f"{name} = {IN_TOML[name]}\n")
    assert getattr(load_settings(), name) == value


def test_one_allowed_person_needs_no_list() -> None:
    Path("spotter.toml").write_text("allowed_user_ids = 12\n")
    assert load_settings().allowed_user_ids == {12}


def test_the_environment_wins_over_env_file_wins_over_toml(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("spotter.toml").write_text("slots = 2\nstandby = 2\nowner_id = 2\nhealth_port = 2\n")
    Path(".env").write_text("SPOTTER_SLOTS=3\nSPOTTER_STANDBY=3\nSPOTTER_OWNER_ID=3\n")
    monkeypatch.setenv("SPOTTER_SLOTS", "4")
    monkeypatch.setenv("SPOTTER_STANDBY", "4")
    settings = load_settings(slots=5)
    assert (settings.slots, settings.standby, settings.owner_id, settings.health_port) == (5, 4, 3, 2)


@pytest.mark.parametrize(("variable", "text"), BAD)
def test_a_wrong_setting_is_one_sentence_that_names_it(
    variable: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, text)
    with pytest.raises(SettingsError) as raised:
        load_settings()
    sentence = str(raised.value)
    assert sentence.startswith(f"{variable}: ") and sentence.endswith(".") and "\n" not in sentence
    assert "Value error" not in sentence


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTTER_SLOTS", "0")
    Path(".env").write_text("SPOTTER_STANDBY=none\n")
    Path("spotter.toml").write_text("guilds = 'perhaps'\n")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert all(name in str(raised.value) for name in ("SPOTTER_SLOTS: ", "SPOTTER_STANDBY: ", "SPOTTER_GUILDS: "))


SLIPS = [
    ("SPOTTER_OWNERID", "SPOTTER_OWNERID: there is no such setting; did you mean SPOTTER_OWNER_ID?"),
    ("spotter_slot", "spotter_slot: there is no such setting; did you mean SPOTTER_SLOTS?"),
    ("SPOTTER_X", "SPOTTER_X: there is no such setting; see the README for those there are."),
    ("SPOTTER_DISCORD_TOKEN", "SPOTTER_DISCORD_TOKEN: there is no such setting; did you mean DISCORD_TOKEN?"),
]


@pytest.mark.parametrize(("variable", "sentence"), SLIPS)
def test_a_variable_that_only_looks_like_a_setting_is_refused(
    variable: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == sentence
    monkeypatch.delenv(variable)
    Path(".env").write_text(f"{variable}=1\n")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == sentence


@pytest.mark.parametrize(
    ("key", "near"), [("slot", "slots"), ("SPOTTER_SLOTS", "slots"), ("Owner_ID", "owner_id"), ("ownerid", "owner_id")]
)
def test_a_key_of_toml_that_is_no_setting_is_refused(key: str, near: str) -> None:
    Path("spotter.toml").write_text(f"{key} = 1\n")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == f"{key}: there is no such setting; did you mean {near}?"


def test_slips_are_named_together_with_what_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTTER_SLOT", "2")
    monkeypatch.setenv("SPOTTER_STANDBY", "none")
    with pytest.raises(SettingsError, match=r"^SPOTTER_SLOT: .* SPOTTER_STANDBY: "):
        load_settings()


@pytest.mark.parametrize(
    ("given", "missing"),
    [("SPOTTER_DISCORD_API", "SPOTTER_DISCORD_GATEWAY"), ("SPOTTER_DISCORD_GATEWAY", "SPOTTER_DISCORD_API")],
)
def test_half_an_address_is_refused(given: str, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(given, "http://127.0.0.1:1/")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == f"{missing}: it goes with {given}; set both or none."


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SPOTTER_HOME", "~/spotter")
    monkeypatch.setenv("SPOTTER_DATA_DIRS", "~/texts")
    assert (load_settings().home, load_settings().data_dirs) == (tmp_path / "spotter", (tmp_path / "texts",))
    monkeypatch.setenv("SPOTTER_HOME", "~nobody-of-that-name/spotter")
    with pytest.raises(SettingsError, match=r"^SPOTTER_HOME: there is no such user's home folder"):
        load_settings()


def test_what_a_worker_may_read_does_not_depend_on_where_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().approved == NONE
    monkeypatch.setenv("SPOTTER_MODULE_DIRS", "nets")
    monkeypatch.setenv("SPOTTER_MODEL_DIRS", "models, nets/../more")
    monkeypatch.setenv("SPOTTER_MIRROR_DIR", "backup")
    wanted = Approved(
        modules=(tmp_path / "nets",), models=(tmp_path / "models", tmp_path / "more"), mirror=tmp_path / "backup"
    )
    assert load_settings().approved == wanted


@pytest.mark.parametrize("setting", ["SPOTTER_MODULE_DIRS", "SPOTTER_MODEL_DIRS", "SPOTTER_MIRROR_DIR"])
def test_a_folder_behind_a_link_keeps_the_links_name(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is called after it goes on when the link is moved to another version."""
    (tmp_path / "link").symlink_to("version-1")
    monkeypatch.setenv(setting, "link")
    approved = load_settings().approved
    assert {*approved.modules, *approved.models, approved.mirror} - {None} == {tmp_path / "link"}


@pytest.mark.parametrize(
    "setting",
    ["SPOTTER_HOME", "SPOTTER_DATA_DIRS", "SPOTTER_MODULE_DIRS", "SPOTTER_MODEL_DIRS", "SPOTTER_MIRROR_DIR"],
)
def test_a_link_that_leads_to_itself_is_no_folder(
    setting: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    monkeypatch.setenv(setting, "loop")
    with pytest.raises(SettingsError) as raised:
        load_settings()
    assert str(raised.value) == f"{setting}: 'loop' is a link that leads to itself."


@pytest.mark.parametrize("setting", ["SPOTTER_MODULE_DIRS", "SPOTTER_MODEL_DIRS"])
def test_two_folders_of_one_name_are_refused(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in the second could not be named."""
    monkeypatch.setenv(setting, "mine/nets,more,theirs/nets")
    with pytest.raises(SettingsError, match=rf"^{setting}: two folders are called nets; approve one of them by a link"):
        load_settings()
    monkeypatch.setenv(setting, f"mine/nets,{Path.cwd() / 'mine/nets'}")
    load_settings()  # one folder, named twice


@pytest.mark.parametrize("setting", ["SPOTTER_MODULE_DIRS", "SPOTTER_MODEL_DIRS"])
@pytest.mark.parametrize("folder", ["/", "my:nets", "caf\udce9"])
def test_a_folder_after_which_nothing_can_be_called_is_refused(
    setting: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(setting, folder)
    with pytest.raises(SettingsError, match=rf"^{setting}: '.*' has no name that can be typed") as raised:
        load_settings()
    assert str(raised.value).isprintable()


def test_toml_that_is_none_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("spotter.toml").write_text("slots = \n")
    with pytest.raises(SettingsError, match=r"^spotter\.toml cannot be read: .*line 1"):
        load_settings()


@pytest.mark.parametrize("name", [".env", "spotter.toml"])
def test_a_file_that_is_not_utf8_is_said_to_be(name: str) -> None:
    Path(name).write_bytes(b"SPOTTER_HOME='caf\xe9'\n")
    with pytest.raises(SettingsError, match=r"\.env or spotter\.toml cannot be read: save it as UTF-8"):
        load_settings()


def test_what_discord_needs_is_said_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError) as both:
        load_settings().for_discord()
    assert "DISCORD_TOKEN is not set: copy it from" in str(both.value)
    assert "SPOTTER_OWNER_ID is not set: it is your own user id" in str(both.value)
    monkeypatch.setenv("DISCORD_TOKEN", f"  {TOKEN}\n")
    with pytest.raises(SettingsError, match=r"^SPOTTER_OWNER_ID is not set") as one:
        load_settings().for_discord()
    assert "DISCORD_TOKEN" not in str(one.value)
    monkeypatch.setenv("SPOTTER_OWNER_ID", "7")
    assert load_settings().for_discord() == (TOKEN, 7)


@pytest.mark.parametrize("blank", ["", "  "])
def test_a_blank_token_is_none(blank: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", blank)
    monkeypatch.setenv("SPOTTER_OWNER_ID", "7")
    with pytest.raises(SettingsError, match=r"^DISCORD_TOKEN is not set"):
        load_settings().for_discord()


def test_the_token_is_nowhere_to_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", TOKEN)
    settings = load_settings()
    assert TOKEN not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


@pytest.mark.parametrize("written", ['"MTk4 NjIy"', "[19862249]", "19862249"])
def test_a_wrong_token_is_not_repeated_not_even_in_a_traceback(written: str) -> None:
    Path("spotter.toml").write_text(f"discord_token = {written}\n")
    with pytest.raises(SettingsError, match=r"^DISCORD_TOKEN: ") as raised:
        load_settings()
    shown = "".join(traceback.format_exception(raised.value))
    assert "NjIy" not in shown and "19862249" not in shown


def test_faults_that_tests_ask_for_are_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTTER_FAULT", "worker.step:1:kill")
    monkeypatch.setenv("SPOTTER_FAULT_ONCE", "somewhere")
    load_settings()
    monkeypatch.setenv("SPOTTER_FAULTS", "worker.step:1:kill")
    with pytest.raises(SettingsError, match="SPOTTER_FAULTS: there is no such setting"):
        load_settings()
