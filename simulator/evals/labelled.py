"""Labelled calls, on which a critic is measured, and attempts to fool it.

A set is a folder: ``calls/<persona>-<n>.txt`` with the call, ``labels/first`` and ``labels/second`` with what two
labellers wrote down apart from each other, ``labels/settled.yaml`` with what was decided where they differ,
``agents.yaml`` with what kind of agent the call was written for, ``adversarial.yaml`` with the attempts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator

from simulator.critique import LAYERS, Layer, Level, Value
from simulator.errors import SetError, UsageError
from simulator.mask import mask
from simulator.outside import read
from simulator.persona import Persona, find, load
from simulator.transcript import Transcript, Turn

Grade = Level | Literal["not_shown"]
_V = TypeVar("_V", bound=Value)


class CueLabel(Value):
    """What a labeller wrote about one cue; ``customer`` and ``agent`` are turns, from 1."""

    level: Grade
    customer: int | None = None
    agent: int | None = None
    why: str = ""


class LayerLabel(Value):
    """What a labeller wrote about one layer."""

    score: int | None = Field(ge=1, le=5)
    why: str = ""


class Labels(Value):
    """What one labeller wrote about one call."""

    cues: dict[str, CueLabel]
    layers: dict[Layer, LayerLabel]
    solved: int | None
    need_said: int | None


class Settled(Value):
    """What was decided where the labellers differ."""

    settled: Grade | None
    because: str


class Attempt(Value):
    """An attempt to fool the critic: the last agent line of a call, and the most that the scale gives it.

    A cue that `at_most` does not name may not reach 3.
    """

    id: str
    persona: str
    kind: str
    call: list[Annotated[str, Field(pattern="^[CA]:")]]
    at_most: dict[str, Level] = Field(default_factory=dict)
    persona_edit: dict[str, str] = Field(default_factory=dict)
    why: str = ""

    @field_validator("call")
    @classmethod
    def _has_an_agent(cls, call: list[str]) -> list[str]:
        if not any(line.startswith("A:") for line in call):
            raise ValueError("no line of the agent")
        return call


@dataclass(frozen=True)
class Case:
    """One labelled call.

    Attributes:
        id: the persona's id and a number.
        persona: who calls.
        turns: what was said.
        agent: what kind of agent it was written for; no judge is told.
        first, second: the labels as they were written.
        cues, layers: what holds: what both wrote, or what was settled.

    """

    id: str
    persona: Persona
    turns: Transcript
    agent: str
    first: Labels
    second: Labels
    cues: Mapping[str, Grade]
    layers: Mapping[Layer, int | None]


def cases(folder: Path, only: str = "*") -> list[Case]:
    """The labelled calls of a set whose ids match one of the patterns in `only`, such as ``two-yuan-*,card-*``.

    Raises:
        SetError: the set is not there, or something in it does not fit; the facts name the file.
    """
    files = sorted(file for file in (folder / "calls").glob("*.txt") if _wanted(file.stem, only))
    if not files:
        raise SetError("set_empty", folder=str(folder), only=only)
    agents = _mapping(folder / "agents.yaml")
    settled = _mapping(folder / "labels" / "settled.yaml")
    return [_case(file, folder, agents, settled) for file in files]


def attempts(folder: Path, only: str = "*") -> list[Attempt]:
    """The attempts of a set whose ids match.

    Raises:
        SetError: as `cases`.
    """
    file = folder / "adversarial.yaml"
    entries = _loaded(file)
    if not isinstance(entries, list):
        raise SetError("set_file", file=str(file), why="no list")
    found = [_fitting(Attempt, entry, file) for entry in entries]
    wanted = [attempt for attempt in found if _wanted(attempt.id, only)]
    if not wanted:
        raise SetError("set_empty", folder=str(file), only=only)
    return wanted


def heard(attempt: Attempt) -> tuple[Persona, Transcript]:
    """The persona with the attempt's edits, and the turns of the call.

    Raises:
        SetError: there is no such persona, or it has no field that an edit names; the facts name the attempt.
    """
    persona = _persona(attempt.persona, attempt.id)
    for path, words in attempt.persona_edit.items():
        persona = _edited(persona, path, words, attempt.id)
    turns = []
    for number, line in enumerate(attempt.call, 1):
        speaker, _, words = line.partition(":")
        who: Literal["agent", "customer"] = "agent" if speaker == "A" else "customer"
        turns.append(Turn(f"{who[0]}{number}", who, words.strip()))
    return persona, turns


def _edited(persona: Persona, path: str, words: str, name: str) -> Persona:
    """The persona with other words at a path such as ``cues[0].shows[1]``."""
    held = persona.model_dump()
    *way, last = [int(part) if part.isdecimal() else part for part in re.split(r"[.\[\]]+", path.rstrip("]"))]
    try:
        at: Any = held
        for part in way:
            at = at[part]
        at[last] = words
        return Persona.model_validate(held)
    except (LookupError, TypeError, ValueError) as error:
        raise SetError("set_file", file=name, why=f"persona_edit {path}") from error


def _persona(name: str, file: str) -> Persona:
    try:
        return _shipped(name)
    except UsageError as error:
        raise SetError("set_file", file=file, why=f"no persona {name}") from error


@cache
def _shipped(name: str) -> Persona:
    return load(find(name))  # 50 ms, and every persona calls several times


def _wanted(name: str, only: str) -> bool:
    return any(fnmatch(name, pattern.strip()) for pattern in only.split(","))


def _case(file: Path, folder: Path, agents: Mapping[str, Any], settled: Mapping[str, Any]) -> Case:
    persona = _persona(file.stem.rpartition("-")[0], str(file))
    first, second = (_labels(folder / "labels" / who / f"{file.stem}.yaml", persona) for who in ("first", "second"))
    words = _Words(folder / "labels" / "settled.yaml", file.stem, settled)
    agent = agents.get(file.stem)
    if not isinstance(agent, dict) or not isinstance(agent.get("agent"), str):
        raise SetError("set_file", file=str(folder / "agents.yaml"), why=file.stem)
    return Case(
        id=file.stem,
        persona=persona,
        turns=[Turn(turn.id, turn.speaker, mask(turn.text).text, turn.interrupted) for turn in _turns(file)],
        agent=agent["agent"],
        first=first,
        second=second,
        cues={cue.id: words.cue(cue.id, first, second) for cue in persona.cues},
        layers={layer: words.layer(layer, first, second) for layer in LAYERS},
    )


class _Words:
    """What was settled about one call."""

    def __init__(self, file: Path, call: str, settled: Mapping[str, Any]) -> None:
        self._file = file
        self._call = call
        entries = settled.get(call, {})
        if not isinstance(entries, dict):
            raise SetError("set_file", file=str(file), why=call)
        self._entries = {what: _fitting(Settled, entry, file) for what, entry in entries.items()}

    def cue(self, cue: str, first: Labels, second: Labels) -> Grade:
        one, other = first.cues[cue].level, second.cues[cue].level
        return one if one == other else _fitting(CueLabel, {"level": self._settled(cue)}, self._file).level

    def layer(self, layer: Layer, first: Labels, second: Labels) -> int | None:
        one, other = first.layers[layer].score, second.layers[layer].score
        return one if one == other else _fitting(LayerLabel, {"score": self._settled(layer)}, self._file).score

    def _settled(self, what: str) -> Grade | None:
        if what not in self._entries:
            raise SetError("not_settled", file=str(self._file), call=self._call, what=what)
        return self._entries[what].settled


def _turns(file: Path) -> list[Turn]:
    try:
        return read(file.read_text(encoding="utf-8"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise SetError("set_file", file=str(file), why=str(error)) from error


def _labels(file: Path, persona: Persona) -> Labels:
    labels = _fitting(Labels, _loaded(file), file)
    for there, wanted, what in (
        (labels.cues, [cue.id for cue in persona.cues], "cues"),
        (labels.layers, LAYERS, "layers"),
    ):
        if set(there) != set(wanted):
            raise SetError("set_file", file=str(file), why=what)
    return labels


def _fitting(form: type[_V], entry: object, file: Path) -> _V:
    try:
        return form.model_validate(entry)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise SetError("set_file", file=str(file), why=f"{where}: {first['msg']}") from error


def _mapping(file: Path) -> dict[str, Any]:
    loaded = _loaded(file)
    if not isinstance(loaded, dict):
        raise SetError("set_file", file=str(file), why="no keys and values")
    return loaded


def _loaded(file: Path) -> object:
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except OSError as error:
        raise SetError("set_file", file=str(file), why=error.strerror or str(error)) from error
    except (ValueError, yaml.YAMLError) as error:
        raise SetError("set_file", file=str(file), why=str(error).splitlines()[0]) from error
