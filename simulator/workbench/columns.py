"""The columns of a trainer's workbook: what stands in each, its words, and a field as the text of a cell and back.

Headings and choices are taken in either language; the words for them are in `texts/columns.yaml`.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import yaml

from simulator.errors import Problem
from simulator.persona import LADDER_STEPS, Path_
from simulator.resources import texts_file

Kind = Literal["text", "list", "ears", "id", "part", "owner", "number", "language", "channel", "answer"]
"""``list``: one entry a line; ``ears``: the same, the parts of an entry joined by ``+``; ``part``: the id of a cue or
worry; ``owner``: whose it is."""
SHEETS = ("customers", "cues", "worries")


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        path: the field's place in the persona, or in the cue or worry; for whose cue it is, `OWNER`.
        kind: how its cells are read.
        optional: whether a cell may be empty.
        low: the least number, for numbers.
        high: the greatest number, for numbers.

    """

    path: Path_
    kind: Kind = "text"
    optional: bool = False
    low: int = 0
    high: int = 0

    @property
    def group(self) -> str:
        """The part of the persona it belongs to; empty at the top."""
        return str(self.path[0]) if len(self.path) > 1 else ""


OWNER = ("customer",)
_START = ("emotion", "start")


def _ladder() -> Iterator[Column]:
    for step in range(LADDER_STEPS):
        yield Column(("emotion", "ladder", step, "mood"))
        yield Column(("emotion", "ladder", step, "sounds_like"))


COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "customers": (
        Column(("id",), "id"),
        Column(("language",), "language"),
        Column(("title",)),
        Column(("difficulty",), "number", low=1, high=5),
        Column(("tags",), "list", optional=True),
        Column(("customer", "name")),
        Column(("customer", "age"), "number", low=14, high=110),
        Column(("customer", "background")),
        Column(("customer", "voice"), "list"),
        Column(("surface_complaint",)),
        Column(("opening",)),
        Column(("facts",), "list"),
        Column(("believes",), "list", optional=True),
        Column(("when_asked",), "list", optional=True),
        Column(("when_guessed",), "list"),
        Column(("hidden_need", "need")),
        Column(("hidden_need", "core")),
        Column(("hidden_need", "why_unsaid")),
        Column(("hidden_need", "opens_up_after"), "number", low=1, high=6),
        Column(("hidden_need", "said")),
        Column(("hidden_need", "facts"), "list", optional=True),
        Column(("hidden_need", "heard_if"), "ears", optional=True),
        Column(("emotion", "start"), "number", low=1, high=LADDER_STEPS),  # people count the steps from 1
        *_ladder(),
        Column(("desk", "clock"), optional=True),
        Column(("desk", "records"), "list"),
        Column(("desk", "may"), "list"),
        Column(("desk", "may_not"), "list", optional=True),
        Column(("resolution", "solved_when")),
        Column(("resolution", "trusted_when")),
        Column(("resolution", "solved_if"), "ears", optional=True),
        Column(("next_call",), optional=True),
    ),
    "cues": (
        Column(OWNER, "owner"),
        Column(("id",), "part"),
        Column(("channel",), "channel"),
        Column(("shows",), "list"),
        Column(("when",), optional=True),
        Column(("in_opening",), "answer", optional=True),
        Column(("means",)),
        Column(("met_by",)),
        Column(("harmed_by",), optional=True),
        Column(("heard_if",), "ears", optional=True),
        Column(("met_if",), "ears", optional=True),
    ),
    "worries": (
        Column(OWNER, "owner"),
        Column(("id",), "part"),
        Column(("worry",)),
        Column(("eased_by",)),
        Column(("heard_if",), "ears", optional=True),
    ),
}


# --- words -----------------------------------------------------------------------------------------------


@cache
def words() -> dict[str, Any]:
    """Everything that `texts/columns.yaml` holds."""
    with texts_file("columns").open(encoding="utf-8") as file:
        tree: dict[str, Any] = yaml.load(file, Loader=yaml.CSafeLoader)
    return tree


@dataclass(frozen=True)
class Told:
    """What a workbook says about a column in one language."""

    heading: str
    help: str
    example: str


def told(sheet: str, column: Column, language: str) -> Told:
    """The words about a column.

    Args:
        sheet: one of `SHEETS`.
        column: one of its columns.
        language: ``zh`` or ``en``.
    """
    steps = [part for part in column.path if isinstance(part, int)]
    name = ".".join(part for part in column.path if isinstance(part, str))
    heading, help_, example = words()["columns"][sheet][name][language]
    if not steps:
        return Told(heading, help_, example)
    (step,) = steps
    return Told(heading.format(step=step + 1), help_.format(step=step + 1), example[step])


def sheet_name(sheet: str, language: str) -> str:
    """What a sheet is called."""
    name: str = words()["sheets"][sheet][language]
    return name


def sheet_of(name: str) -> str:
    """Which of `SHEETS` is called that, in either language; empty if none."""
    known = {folded(word): sheet for sheet in SHEETS for word in (sheet, *words()["sheets"][sheet].values())}
    return known.get(folded(name), "")


def choices(column: Column, language: str) -> tuple[str, ...]:
    """What can be chosen in a column's cells; empty where anything can be written."""
    if column.kind == "language":
        return ("zh-CN", "en")
    if column.kind in _CHOICES:
        return tuple(one[language] for one in words()[_CHOICES[column.kind]].values())
    return ()


_CHOICES: Mapping[Kind, str] = {"channel": "channels", "answer": "answers"}


def folded(text: str) -> str:
    """A heading, a sheet's name or a choice without what people add or vary: width, case, blanks, a star."""
    return re.sub(r"[\s*]+", "", unicodedata.normalize("NFKC", text)).casefold()


# --- from a cell's text ----------------------------------------------------------------------------------


def meaning(column: Column, text: str, language: str) -> object:
    """What a cell's text means, or the problem with it."""
    match column.kind:
        case "list" | "ears":
            entry = _ear if column.kind == "ears" else _unescaped
            return [entry(line.strip()) for line in text.split("\n") if line.strip()]
        case "number":
            return _number(column, text)
        case "owner":
            return unicodedata.normalize("NFKC", text)
        case "id" | "part" | "language":
            return _id(column, unicodedata.normalize("NFKC", text))
        case "channel" | "answer":
            return _choice(column, text, language)
    return text


def _number(column: Column, text: str) -> int | Problem:
    plain = unicodedata.normalize("NFKC", text)
    number = int(plain) if re.fullmatch(r"[0-9]{1,4}", plain) else None
    if number is None or not column.low <= number <= column.high:
        return Problem("sheet_number", facts={"low": column.low, "high": column.high, "found": _short(text)})
    return number - 1 if column.path == _START else number


_IDS: Mapping[Kind, tuple[str, str]] = {
    "id": (r"[a-z0-9][a-z0-9-]*", "sheet_id"),
    "part": (r"[a-z][a-z0-9-]*", "sheet_part"),
    "language": (r"[a-z]{2,3}(-[A-Za-z0-9]+)*", "sheet_language"),
}
"""What the schema takes, and the problem with anything else: its own would show people the pattern."""


def pattern(column: Column) -> str:
    """What an id or a language tag must match as a whole."""
    return _IDS[column.kind][0]


def _id(column: Column, text: str) -> str | Problem:
    problem = _IDS[column.kind][1]
    return text if re.fullmatch(pattern(column), text) else Problem(problem, facts={"found": _short(text)})


def _choice(column: Column, text: str, language: str) -> object:
    """The id of a channel, or a yes or no; in any language."""
    named = words()[_CHOICES[column.kind]]
    known = {folded(str(word)): one for one, names in named.items() for word in (one, *names.values())}
    if (key := folded(text)) in known:
        return known[key]
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5) if column.kind == "channel" else []
    facts: dict[str, object] = {
        "allowed": ("、" if language == "zh" else ", ").join(choices(column, language)),
        "found": _short(text),
        "near": named[known[near[0]]][language] if near else "",
    }
    return Problem("sheet_choice", facts=facts)


def _ear(line: str) -> str | list[str]:
    """One alternative: words, or a list where several parts are joined by a plus that no backslash stands before."""
    parts = [_unescaped(part.strip()) for part in re.split(r"(?<!\\)[+＋]", line)]
    parts = [part for part in parts if part]
    return parts if len(parts) > 1 else "".join(parts) or _unescaped(line)


def _unescaped(line: str) -> str:
    return re.sub(r"\\([n\\+＋])", lambda found: "\n" if found[1] == "n" else found[1], line)


def _short(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= 40 else flat[:39] + "…"


# --- to a cell's text ------------------------------------------------------------------------------------


def shown(column: Column, value: Any, language: str) -> str | int:
    """A field as its cell shows it."""
    if value is None or value == []:
        return ""
    match column.kind:
        case "list":
            return "\n".join(_escaped(one) for one in value)
        case "ears":
            return "\n".join(_joined(one) for one in value)
        case "number":
            number: int = value
            return number + 1 if column.path == _START else number
        case "channel" | "answer":
            word: str = words()[_CHOICES[column.kind]][value][language]
            return word
    return str(value)


def _joined(ear: str | list[str]) -> str:
    parts = [ear] if isinstance(ear, str) else ear
    return " + ".join(re.sub(r"[+＋]", r"\\\g<0>", _escaped(part)) for part in parts)


def _escaped(entry: str) -> str:
    return entry.replace("\\", r"\\").replace("\n", r"\n")
