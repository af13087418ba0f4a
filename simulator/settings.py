"""The only reader of the environment and of `.env`.

Every setting is described in `.env.example`. The environment wins over `.env`, which is looked for in the
working folder and then in the folders above it.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit, urlunsplit

from simulator.errors import SettingsError

DEFAULT_MODEL = "gpt-4.1-mini"
Structured = Literal["auto", "json_schema", "json_object", "prompt"]
NoteAs = Literal["system", "user"]
Pace = Literal["off", "natural", "slow"]
PACES: tuple[Pace, ...] = ("off", "natural", "slow")
_T = TypeVar("_T", bound=str)


@dataclass(frozen=True)
class Endpoint:
    """An OpenAI-compatible endpoint and how to speak to it.

    Attributes:
        base_url: None for OpenAI itself.
        api_key: never shown, never stored; a placeholder where the server asks for none.
        model: the model's name there.
        timeout_s: seconds to wait for an answer, and between two pieces of a streamed one.
        stream_usage: whether to ask for token counts in streams (some servers answer 400).
        structured: how answers of a fixed form are asked for; ``auto`` finds out.
        note_as: the director's note as a last system message, or inside the last user message.

    """

    base_url: str | None
    api_key: str = field(repr=False)
    model: str
    timeout_s: float = 60.0
    stream_usage: bool = True
    structured: Structured = "auto"
    note_as: NoteAs = "system"


@dataclass(frozen=True)
class Settings:
    """What a run of the program is set to.

    Attributes:
        customer: the endpoint that plays the customer; None: the offline engine.
        critic: the endpoint that judges; None together with `customer`.
        agent: the name that calls are recorded under.
        lang: language of the screens as set (``zh``, ``en``), or None to follow the locale.
        store: URL of the record of calls, or None for the file in the user's data folder.
        plain: whether calls are read aloud from the screen: lines of text and nothing else.
        pace: how the customer's words appear at a terminal.

    """

    customer: Endpoint | None
    critic: Endpoint | None
    agent: str
    lang: str | None
    store: str | None
    plain: bool = False
    pace: Pace = "natural"


def locale(environ: Mapping[str, str] | None = None) -> str:
    """The locale's name as the environment gives it, such as ``zh_CN.UTF-8``."""
    environ = os.environ if environ is None else environ
    return next((environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if environ.get(name)), "")


def load(folder: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings.

    Args:
        folder: where to look for `.env` first; the working folder by default.
        environ: the environment; the process's own by default.

    Raises:
        SettingsError: a value is unusable.

    """
    values = _gather(folder or Path.cwd(), os.environ if environ is None else environ)
    customer = _endpoint(values, "OPENAI_BASE_URL", "OPENAI_API_KEY", "SIMULATOR_MODEL", "SIMULATOR_TIMEOUT")
    critic = None
    if customer:
        critic = _endpoint(
            _inherited(customer, values.get("SIMULATOR_CRITIC_BASE_URL")) | values,
            "SIMULATOR_CRITIC_BASE_URL",
            "SIMULATOR_CRITIC_API_KEY",
            "SIMULATOR_CRITIC_MODEL",
            "SIMULATOR_CRITIC_TIMEOUT",
        )
    return Settings(
        customer=customer,
        critic=critic,
        agent=values.get("SIMULATOR_AGENT") or _login(),
        lang=_choice(values, "SIMULATOR_LANG", ("zh", "en")),
        store=values.get("SIMULATOR_STORE"),
        plain=_plain(values),
        pace=_choice(values, "SIMULATOR_PACE", PACES) or "natural",
    )


def shown(base_url: str | None) -> str:
    """An endpoint's address as it may be shown and kept: without a password or a query in it."""
    if base_url is None:
        return "OpenAI"
    parts = urlsplit(base_url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _gather(folder: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """`.env` with the environment over it; what is set to nothing counts as not set."""
    file = next((at / ".env" for at in (folder, *folder.parents) if (at / ".env").is_file()), None)
    from_file: Mapping[str, str | None] = {}
    try:
        if file:
            from dotenv import dotenv_values  # only when there is a file: start-up time

            from_file = dotenv_values(file, interpolate=False, encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError("env_unreadable", file=str(file), why=str(error)) from error
    merged = {name: value for name, value in from_file.items() if value} | dict(environ)
    return {name: value.strip() for name, value in merged.items() if value and value.strip()}


def _inherited(customer: Endpoint, critic_url: str | None) -> dict[str, str]:
    """What the critic's endpoint takes over from the customer's; a key never goes to another address."""
    taken = {"SIMULATOR_CRITIC_MODEL": customer.model, "SIMULATOR_CRITIC_TIMEOUT": str(customer.timeout_s)}
    if critic_url in {None, customer.base_url}:
        taken["SIMULATOR_CRITIC_API_KEY"] = customer.api_key
        if customer.base_url:
            taken["SIMULATOR_CRITIC_BASE_URL"] = customer.base_url
    return taken


def _endpoint(values: Mapping[str, str], url: str, key: str, model: str, timeout: str) -> Endpoint | None:
    """The endpoint that four settings describe; None when it has neither a URL nor a key."""
    if not values.get(url) and not values.get(key):
        return None
    base_url = values.get(url)
    if base_url and not base_url.startswith(("http://", "https://")):
        raise SettingsError("setting_not_url", name=url)
    return Endpoint(
        base_url=base_url,
        api_key=values.get(key) or "none",
        model=values.get(model) or DEFAULT_MODEL,
        timeout_s=_seconds(values, timeout),
        stream_usage=_choice(values, "SIMULATOR_STREAM_USAGE", ("on", "off")) != "off",
        structured=_choice(values, "SIMULATOR_STRUCTURED", ("auto", "json_schema", "json_object", "prompt")) or "auto",
        note_as=_choice(values, "SIMULATOR_NOTE_AS", ("system", "user")) or "system",
    )


def _choice(values: Mapping[str, str], name: str, allowed: tuple[_T, ...]) -> _T | None:
    value = values.get(name)
    if value is None:
        return None
    for one in allowed:
        if value.lower() == one:
            return one
    raise SettingsError("setting_not_choice", name=name, value=value, allowed=", ".join(allowed))


def _plain(values: Mapping[str, str]) -> bool:
    """What is set; else whether the terminal can do no more than lines."""
    wanted = _choice(values, "SIMULATOR_PLAIN", ("on", "off"))
    return wanted == "on" or (wanted is None and values.get("TERM") == "dumb")


def _seconds(values: Mapping[str, str], name: str) -> float:
    value = values.get(name, "60")
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not 0 < seconds <= 3600:
        raise SettingsError("setting_not_seconds", name=name, value=value)
    return seconds


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "agent"
