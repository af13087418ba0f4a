"""Settings: where they are read from, what the critic takes over, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulator import settings
from simulator.errors import SettingsError
from simulator.settings import DEFAULT_MODEL, Endpoint, Settings

ROOT = Path(__file__).parents[1]
KEY = {"OPENAI_API_KEY": "sk-customer"}
HERE = {"OPENAI_BASE_URL": "http://here/v1"}


def load(folder: Path, **values: str) -> Settings:
    return settings.load(folder, values)


# --- where from ------------------------------------------------------------------------------------------


def test_with_nothing_set_the_offline_engine_is_used(tmp_path: Path) -> None:
    found = load(tmp_path)
    assert (found.customer, found.critic, found.lang, found.store) == (None, None, None, None)
    assert found.agent  # the login name


def test_a_model_or_a_timeout_alone_is_no_endpoint(tmp_path: Path) -> None:
    found = load(tmp_path, SIMULATOR_MODEL="m", SIMULATOR_TIMEOUT="9", SIMULATOR_CRITIC_API_KEY="sk-critic")
    assert (found.customer, found.critic) == (None, None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (KEY, Endpoint(None, "sk-customer", DEFAULT_MODEL)),
        (HERE, Endpoint("http://here/v1", "none", DEFAULT_MODEL)),  # local servers need no key
        (KEY | HERE | {"SIMULATOR_MODEL": "m"}, Endpoint("http://here/v1", "sk-customer", "m")),
        (HERE | {"SIMULATOR_TIMEOUT": "2.5"}, Endpoint("http://here/v1", "none", DEFAULT_MODEL, timeout_s=2.5)),
        (
            HERE | {"SIMULATOR_STREAM_USAGE": "OFF"},
            Endpoint("http://here/v1", "none", DEFAULT_MODEL, stream_usage=False),
        ),
        (HERE | {"SIMULATOR_STREAM_USAGE": "on"}, Endpoint("http://here/v1", "none", DEFAULT_MODEL, stream_usage=True)),
        (HERE | {"SIMULATOR_NOTE_AS": "user"}, Endpoint("http://here/v1", "none", DEFAULT_MODEL, note_as="user")),
        (
            HERE | {"SIMULATOR_STRUCTURED": "prompt"},
            Endpoint("http://here/v1", "none", DEFAULT_MODEL, structured="prompt"),
        ),
    ],
)
def test_the_endpoint_that_plays_the_customer(tmp_path: Path, values: dict[str, str], expected: Endpoint) -> None:
    assert load(tmp_path, **values).customer == expected


def test_the_pace_is_natural_unless_set(tmp_path: Path) -> None:
    assert load(tmp_path).pace == "natural"
    assert [load(tmp_path, SIMULATOR_PACE=value).pace for value in ("off", "slow", " Natural ")] == [
        "off", "slow", "natural",
    ]  # fmt: skip


def test_the_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-file\nSIMULATOR_MODEL=from-file\nSIMULATOR_AGENT=李\n", "utf-8")
    found = load(tmp_path, SIMULATOR_MODEL="from-environment")
    assert found.customer == Endpoint(None, "sk-file", "from-environment")
    assert found.agent == "李"


def test_the_file_is_looked_for_in_the_folders_above(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / ".env").write_text("SIMULATOR_AGENT=outer\n")
    assert load(inner).agent == "outer"
    (tmp_path / "a" / ".env").write_text("SIMULATOR_STORE=sqlite://\n")
    found = load(inner)  # the nearest one alone
    assert (found.store, found.agent == "outer") == ("sqlite://", False)


@pytest.mark.parametrize(
    ("line", "agent"),
    [
        ("SIMULATOR_AGENT=Li", "Li"),
        ("SIMULATOR_AGENT = 'Li Wu' # who", "Li Wu"),
        ('export SIMULATOR_AGENT="Li"', "Li"),
        ("SIMULATOR_AGENT=  Li  ", "Li"),
        ("SIMULATOR_AGENT=$HOME-${USER}", "$HOME-${USER}"),  # nothing is put in
        ("\ufeffSIMULATOR_AGENT=Li", "Li"),  # as some editors save it
        ("# SIMULATOR_AGENT=Wu\nSIMULATOR_AGENT=Li\n\n", "Li"),
    ],
)
def test_lines_of_the_file(tmp_path: Path, line: str, agent: str) -> None:
    (tmp_path / ".env").write_text(line, "utf-8")
    assert load(tmp_path).agent == agent


@pytest.mark.parametrize("nothing", ["", "  "])
def test_what_is_set_to_nothing_is_not_set(tmp_path: Path, nothing: str) -> None:
    assert load(tmp_path, OPENAI_API_KEY=nothing).customer is None
    (tmp_path / ".env").write_text("OPENAI_API_KEY=sk-file\n")
    assert load(tmp_path, OPENAI_API_KEY=nothing).customer is None  # the environment wins with that, too
    (tmp_path / ".env").write_text(f"OPENAI_API_KEY={nothing}\n")
    assert load(tmp_path, **KEY).customer is not None


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("SIMULATOR_AGENT=李".encode("gbk"))
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    assert (caught.value.key, caught.value.facts["file"]) == ("env_unreadable", str(tmp_path / ".env"))


# --- the critic ------------------------------------------------------------------------------------------

BOTH = KEY | HERE | {"SIMULATOR_MODEL": "m", "SIMULATOR_TIMEOUT": "9"}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Endpoint("http://here/v1", "sk-customer", "m", timeout_s=9)),
        ({"SIMULATOR_CRITIC_MODEL": "big"}, Endpoint("http://here/v1", "sk-customer", "big", timeout_s=9)),
        ({"SIMULATOR_CRITIC_TIMEOUT": "99"}, Endpoint("http://here/v1", "sk-customer", "m", timeout_s=99)),
        ({"SIMULATOR_CRITIC_API_KEY": "sk-critic"}, Endpoint("http://here/v1", "sk-critic", "m", timeout_s=9)),
        ({"SIMULATOR_CRITIC_BASE_URL": "http://here/v1"}, Endpoint("http://here/v1", "sk-customer", "m", timeout_s=9)),
        ({"SIMULATOR_NOTE_AS": "user"}, Endpoint("http://here/v1", "sk-customer", "m", timeout_s=9, note_as="user")),
        (
            {"SIMULATOR_CRITIC_BASE_URL": "http://there/v1", "SIMULATOR_CRITIC_API_KEY": "sk-critic"},
            Endpoint("http://there/v1", "sk-critic", "m", timeout_s=9),
        ),
    ],
)
def test_the_critic_takes_over_what_is_not_set(tmp_path: Path, values: dict[str, str], expected: Endpoint) -> None:
    assert load(tmp_path, **(BOTH | values)).critic == expected


@pytest.mark.parametrize("base", [{}, HERE], ids=["OpenAI", "here"])
@pytest.mark.parametrize("there", ["http://there/v1", "http://here.example/v1", "https://here/v1", "http://here/v1/x"])
def test_a_key_never_goes_to_another_address(tmp_path: Path, base: dict[str, str], there: str) -> None:
    critic = load(tmp_path, **(KEY | base), SIMULATOR_CRITIC_BASE_URL=there).critic
    assert critic is not None
    assert (critic.base_url, critic.api_key) == (there, "none")


def test_a_key_is_never_shown(tmp_path: Path) -> None:
    assert "sk-customer" not in repr(load(tmp_path, **KEY))


# --- what is refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("OPENAI_BASE_URL", "here/v1", "setting_not_url"),
        ("OPENAI_BASE_URL", "ftp://here", "setting_not_url"),
        ("SIMULATOR_CRITIC_BASE_URL", "localhost:8000", "setting_not_url"),
        ("SIMULATOR_TIMEOUT", "soon", "setting_not_seconds"),
        ("SIMULATOR_TIMEOUT", "0", "setting_not_seconds"),
        ("SIMULATOR_TIMEOUT", "-1", "setting_not_seconds"),
        ("SIMULATOR_TIMEOUT", "3601", "setting_not_seconds"),
        ("SIMULATOR_TIMEOUT", "nan", "setting_not_seconds"),
        ("SIMULATOR_CRITIC_TIMEOUT", "inf", "setting_not_seconds"),
        ("SIMULATOR_LANG", "fr", "setting_not_choice"),
        ("SIMULATOR_PLAIN", "yes", "setting_not_choice"),
        ("SIMULATOR_STREAM_USAGE", "maybe", "setting_not_choice"),
        ("SIMULATOR_STRUCTURED", "xml", "setting_not_choice"),
        ("SIMULATOR_NOTE_AS", "assistant", "setting_not_choice"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(tmp_path: Path, name: str, value: str, key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, **(KEY | {name: value}))
    assert caught.value.key == key
    assert caught.value.facts["name"] == name
    if key == "setting_not_url":  # it may hold a password
        assert value not in str(caught.value)
    else:
        assert caught.value.facts["value"] == value
    if key == "setting_not_choice":
        assert caught.value.facts["allowed"]


def test_the_screens_language(tmp_path: Path) -> None:
    assert load(tmp_path, SIMULATOR_LANG="ZH").lang == "zh"
    assert load(tmp_path, SIMULATOR_LANG="en").lang == "en"


@pytest.mark.parametrize(
    ("values", "plain"),
    [
        ({}, False),
        ({"TERM": "xterm"}, False),
        ({"TERM": "dumb"}, True),
        ({"SIMULATOR_PLAIN": "On"}, True),
        ({"SIMULATOR_PLAIN": "off", "TERM": "dumb"}, False),
    ],
)
def test_a_plain_terminal(tmp_path: Path, values: dict[str, str], plain: bool) -> None:
    assert load(tmp_path, **values).plain == plain


@pytest.mark.parametrize(
    ("environ", "locale"),
    [
        ({}, ""),
        ({"LANG": "zh_CN.UTF-8"}, "zh_CN.UTF-8"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB"}, "en_GB"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "en_GB", "LC_ALL": "C"}, "C"),
        ({"LANG": "zh_CN.UTF-8", "LC_ALL": ""}, "zh_CN.UTF-8"),
    ],
)
def test_the_locale(environ: dict[str, str], locale: str) -> None:
    assert settings.locale(environ) == locale


def test_every_setting_is_in_the_example_and_the_other_way_round() -> None:
    read = set(re.findall(r'"((?:OPENAI|SIMULATOR)_[A-Z_]+)"', Path(settings.__file__).read_text("utf-8")))
    example = (ROOT / ".env.example").read_text("utf-8")
    assert set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)) == read
    assert set(re.findall(r"\b((?:OPENAI|SIMULATOR)_[A-Z_]+)\b", example)) == read
    assert not re.search(r"^[A-Z_]+=.", example, re.MULTILINE)  # a copy of it sets nothing
