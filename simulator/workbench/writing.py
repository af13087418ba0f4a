"""Writes a customer file as a person would: keys in order, what each is for above it, long texts folded.

The text depends on nothing but what is given, and what `persona.parse` reads back is what was written. A customer who
is not finished can be written too; then what is not there yet is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import takewhile
from typing import Any

import yaml
from pydantic import BaseModel
from rich.cells import cell_len

from simulator.persona import BREAK_AFTER, BREAK_BEFORE, Path_, Persona, part_class, places_in
from simulator.screen.page import wrap
from simulator.workbench.fields import described

MODELINE = "# yaml-language-server: $schema="
NOTE = "←"
"""What a note begins with."""
WIDEST = 110
"""Cells of a line, as far as its words can be parted."""
_HEAD = frozenset({"format", "id", "language", "title", "difficulty", "tags"})
"""Keys that stand together at the top."""
_SMALL = 4
"""Entries of more keys than this have an empty line between them."""


def written(
    persona: Mapping[str, Any],
    language: str,
    *,
    notes: Mapping[Path_, str] | None = None,
    head: Sequence[str] = (),
    schema: str = "../persona.schema.json",
) -> str:
    """A customer as the text of a file.

    Args:
        persona: the values by key, as they stand in a file; some may be missing.
        language: ``zh`` or ``en``: that of the comments.
        notes: comments of one line to stand above single fields or entries, by their place, and with the place ``()``
            at the top; each begins with `NOTE`.
        head: comments for the top of the file.
        schema: where the JSON Schema is, seen from the file, for editors.
    """
    writer = _Writer(language, notes or {})
    lines = [MODELINE + schema, *(line for text in head for line in _comment(text, 0)), *writer.note((), 0)]
    return "\n".join([*lines, *writer.part(Persona, persona, (), 0)]) + "\n"


def notes_of(text: str) -> dict[Path_, str]:
    """The notes in the text of a file, as they were given to `written`.

    Raises:
        yaml.YAMLError: it is no YAML.
    """
    lines = text.splitlines()
    found: dict[Path_, str] = {}
    for comment in takewhile(lambda line: line.startswith("#"), lines):
        if comment.startswith(f"# {NOTE}"):
            found[()] = comment.removeprefix("# ")
    deepest = {line: path for path, (line, _) in sorted(places_in(text).of.items(), key=lambda item: len(item[0]))}
    for line, path in deepest.items():
        above = lines[line - 2].strip() if line > 1 else ""
        if path and above.startswith(f"# {NOTE}"):
            found[path] = above.removeprefix("# ")
    return found


class _Writer:
    """Writes parts; what a key is for is said where it stands for the first time."""

    def __init__(self, language: str, notes: Mapping[Path_, str]) -> None:
        self._language = language
        self._notes = notes
        self._told: set[tuple[type[BaseModel], str]] = set()

    def part(self, model: type[BaseModel], values: Mapping[str, Any], path: Path_, indent: int) -> Iterator[str]:
        """The lines of a mapping."""
        for name, field in model.model_fields.items():
            value = values.get(name)
            if value is None or value is False or value in ("", [], {}):
                continue
            here = (*path, name)
            if not path and name not in _HEAD:
                yield ""
            if (model, name) not in self._told:
                self._told.add((model, name))
                yield from _comment(described(here, self._language), indent)
            yield from self.note(here, indent)
            inner = part_class(field.annotation)
            if inner and isinstance(value, Mapping):
                yield f"{' ' * indent}{name}:"
                yield from self.part(inner, value, here, indent + 2)
            elif isinstance(value, list):
                yield from self._list(name, value, here, indent, inner)
            else:
                yield from _scalar(f"{name}:", value, indent)

    def _list(
        self, name: str, entries: Sequence[Any], path: Path_, indent: int, inner: type[BaseModel] | None
    ) -> Iterator[str]:
        if name == "tags":
            yield f"{' ' * indent}{name}: {_inline(list(entries))}"
            return
        yield f"{' ' * indent}{name}:"
        for at, entry in enumerate(entries):
            here = (*path, at)
            yield from self.note(here, indent + 2)
            if inner and isinstance(entry, Mapping):
                if at and len(entry) > _SMALL:
                    yield ""
                yield from _as_entry(list(self.part(inner, entry, here, indent + 4)), indent + 2)
            else:
                yield from _scalar("-", entry, indent + 2)

    def note(self, path: Path_, indent: int) -> list[str]:
        """The note on a place, if there is one."""
        return [f"{' ' * indent}# {' '.join(self._notes[path].split())}"] if path in self._notes else []


def _as_entry(lines: list[str], indent: int) -> list[str]:
    """The lines of a mapping as an entry of a list: a dash before its first key, comments above it."""
    first = next(at for at, line in enumerate(lines) if not line.lstrip().startswith("#"))
    above = [line[2:] for line in lines[:first]]
    return [*above, f"{' ' * indent}- {lines[first][indent + 2 :]}", *lines[first + 1 :]]


@cache  # a draft is written after every answer, always with the same comments
def _comment(text: str, indent: int) -> tuple[str, ...]:
    return tuple(f"{' ' * indent}# {line}" for line in wrap(text, WIDEST - indent - 2))


# --- single values ---------------------------------------------------------------------------------------

_FOLD = re.compile(rf"(?<=\S) (?=\S)|(?<=[{BREAK_AFTER}])(?=[{BREAK_BEFORE}])")
"""Where a text can be parted: what reads the file makes the same text of the pieces again."""


def _scalar(lead: str, value: Any, indent: int) -> Iterator[str]:
    """A value behind its key or dash; a text that is too long for the line is folded below it."""
    line = f"{' ' * indent}{lead} {_inline(value)}"
    if not isinstance(value, str) or not value.isprintable() or cell_len(line) <= WIDEST:
        yield line
        return
    yield f"{' ' * indent}{lead} >-"
    margin = " " * (indent + 2)
    yield from (margin + words for words in _folded(value.strip(), WIDEST - indent - 2))


def _folded(text: str, width: int) -> list[str]:
    lines = [""]
    at = 0
    for place in [*_FOLD.finditer(text), None]:
        piece = text[at : place.start() if place else None]
        if lines[-1].strip() and cell_len(lines[-1]) + cell_len(piece) > width:
            lines[-1] = lines[-1].rstrip(" ")
            lines.append("")
        lines[-1] += piece + (place[0] if place else "")
        at = place.end() if place else at
    return lines


def _inline(value: Any) -> str:
    """A value in one line, with quotes where YAML would take it for something else."""
    style = '"' if isinstance(value, str) and not value.isprintable() else None
    text: str = yaml.dump(
        value,
        Dumper=yaml.CSafeDumper,
        allow_unicode=True,
        default_flow_style=True,
        default_style=style,
        width=2**31 - 1,
    )
    return text.removesuffix("...\n").rstrip("\n")
