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
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import yaml
from pydantic import Field, ValidationError

from simulator.critique import LAYERS, Layer, Level, Value
from simulator.errors import SetError
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
    call: list[str]
    at_most: dict[str, Level] = Field(default_factory=dict)
    persona_edit: dict[str, str] = Field(default_factory=dict)
    why: str = ""


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
    return [_case(file, folder, agents, settled.get(file.stem, {})) for file in files]


def attempts(folder: Path, only: str = "*") -> list[Attempt]:
    """The attempts of a set whose ids match.

    Raises:
        SetError: as `cases`.
    """
    file = folder / "adversarial.yaml"
    found = [_fitting(Attempt, entry, file) for entry in cast("list[Any]", _loaded(file))]
    wanted = [attempt for attempt in found if _wanted(attempt.id, only)]
    if not wanted:
        raise SetError("set_empty", folder=str(file), only=only)
    return wanted


def heard(attempt: Attempt) -> tuple[Persona, Transcript]:
    """The persona with the attempt's edits, and the turns up to the agent line to be judged."""
    persona = load(find(attempt.persona))
    if attempt.persona_edit:
        held = persona.model_dump()
        for path, words in attempt.persona_edit.items():
            *way, last = [int(part) if part.isdecimal() else part for part in re.split(r"[.\[\]]+", path.rstrip("]"))]
            at: Any = held
            for part in way:
                at = at[part]
            at[last] = words
        persona = Persona.model_validate(held)
    turns = []
    for number, line in enumerate(attempt.call, 1):
        speaker, _, words = line.partition(":")
        who: Literal["agent", "customer"] = "agent" if speaker == "A" else "customer"
        turns.append(Turn(f"{who[0]}{number}", who, words.strip()))
    return persona, turns


def _wanted(name: str, only: str) -> bool:
    return any(fnmatch(name, pattern.strip()) for pattern in only.split(","))


def _case(file: Path, folder: Path, agents: Mapping[str, Any], settled: Mapping[str, Any]) -> Case:
    first, second = (_labels(folder / "labels" / who / f"{file.stem}.yaml") for who in ("first", "second"))
    words = {what: _fitting(Settled, entry, folder / "labels" / "settled.yaml") for what, entry in settled.items()}
    persona = load(find(file.stem.rpartition("-")[0]))

    def held(what: str, one: Any, other: Any) -> Any:
        if one == other:
            return one
        if what not in words:
            raise SetError("not_settled", file=str(folder / "labels" / "settled.yaml"), call=file.stem, what=what)
        return words[what].settled

    ids = [cue.id for cue in persona.cues]
    for labels, who in ((first, "first"), (second, "second")):
        if sorted(labels.cues) != sorted(ids):
            raise SetError("set_file", file=str(folder / "labels" / who / f"{file.stem}.yaml"), why="cues")
    turns = read(file.read_text(encoding="utf-8"), str(file))
    return Case(
        id=file.stem,
        persona=persona,
        turns=[Turn(turn.id, turn.speaker, mask(turn.text).text, turn.interrupted) for turn in turns],
        agent=agents[file.stem]["agent"],
        first=first,
        second=second,
        cues={cue: held(cue, first.cues[cue].level, second.cues[cue].level) for cue in ids},
        layers={layer: held(layer, first.layers[layer].score, second.layers[layer].score) for layer in LAYERS},
    )


def _labels(file: Path) -> Labels:
    return _fitting(Labels, _loaded(file), file)


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
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise SetError("set_file", file=str(file), why=str(error).splitlines()[0]) from error
