"""A trainer's workbook as tables of cells: customers read from them, with everything that is wrong, and written.

A workbook holds three sheets, customers, cues and worries, joined by the customer's id; see `docs/spreadsheet.md`.
This module is pure: what stands in which column is in `columns`, and `workbook` alone knows the file's format.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import PersonaError, Problem
from simulator.persona import LADDER_STEPS, Path_, Persona, checked
from simulator.workbench import columns
from simulator.workbench.columns import Column


@dataclass(frozen=True)
class Cell:
    """A cell as a person sees it.

    Attributes:
        text: what it shows, without blanks around it; of a number, its digits.
        problem: why this may not be what was written into it, if so.

    """

    text: str = ""
    problem: Problem | None = None


@dataclass(frozen=True)
class Table:
    """A sheet: its name, and its cells by row and column, both counted from 1. Empty cells are left out."""

    name: str
    rows: Mapping[int, Mapping[int, Cell]]


@dataclass(frozen=True)
class Wrong:
    """Something wrong with a workbook.

    Attributes:
        sheet: one of `columns.SHEETS`.
        problem: what is wrong; ``line`` is the row and ``column`` the column, 0 where there is none.
        heading: of the column or, where there is none, what is meant; may be empty.

    """

    sheet: str
    problem: Problem
    heading: str = ""


@dataclass
class Read:
    """What was found in a workbook.

    Attributes:
        personas: the good ones, with their row.
        bad: customers that cannot be used, by id or, where there is none, by row.
        wrong: everything wrong, by sheet, row and column.

    """

    personas: list[tuple[int, Persona]] = field(default_factory=list)
    bad: list[str | int] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)


def read(tables: Sequence[Table], name: str, language: str) -> Read:
    """The customers of a workbook.

    Args:
        tables: its sheets.
        name: of its file.
        language: of the words in which problems name columns and choices.

    Raises:
        PersonaError: a sheet is not there.
    """
    return _Reader(_named(tables, name), language).read()


def _named(tables: Sequence[Table], file: str) -> dict[str, Table]:
    """The sheets by what they hold."""
    found = {sheet: table for table in reversed(tables) if (sheet := columns.sheet_of(table.name))}
    if lacking := [sheet for sheet in columns.SHEETS if sheet not in found]:
        names = [table.name for table in tables]
        facts = [{**columns.words()["sheets"][sheet], "known": ", ".join(names)} for sheet in lacking]
        raise PersonaError(file, tuple(Problem("sheet_missing", facts=one) for one in facts))
    return found


@dataclass
class _Row:
    """A row as a part of a persona.

    Attributes:
        number: of the row.
        data: what the schema checks.
        places: where each field stands, by its path within `data`.
        owner: the id of the customer it is about; empty where none is given.
        wrong: paths of what could not be read; already reported.

    """

    number: int
    data: dict[str, Any]
    places: dict[Path_, int] = field(default_factory=dict)
    owner: str = ""
    wrong: set[Path_] = field(default_factory=set)


class _Reader:
    """One reading of a workbook."""

    def __init__(self, tables: Mapping[str, Table], language: str) -> None:
        self._tables = tables
        self._language = language
        self._headings: dict[str, dict[int, str]] = {}
        self._unowned: set[Path_] = set()
        self._found = Read()

    def read(self) -> Read:
        rows = {sheet: list(self._rows(sheet)) for sheet in columns.SHEETS}
        customers = rows["customers"]
        parts = {sheet: self._by_owner(sheet, rows[sheet], customers) for sheet in ("cues", "worries")}
        twice = self._twice(customers)
        validated: set[str] = set()
        for row in customers:
            if row.owner in twice and row.owner in validated:  # with the same cues: all of it is said already
                continue
            validated.add(row.owner)
            own = {sheet: owned.get(row.owner, []) for sheet, owned in parts.items()}
            persona = self._persona(row, own)
            if persona is None or row.owner in twice or row.owner in self._found.bad:
                if (name := row.owner or row.number) not in self._found.bad:
                    self._found.bad.append(name)
            else:
                self._found.personas.append((row.number, persona))
        order = {sheet: place for place, sheet in enumerate(columns.SHEETS)}
        self._found.wrong.sort(key=lambda one: (order[one.sheet], one.problem.line, one.problem.column))
        return self._found

    # --- rows ---

    def _rows(self, sheet: str) -> Iterator[_Row]:
        table = self._tables[sheet]
        headed = self._headed(sheet, table.rows.get(1, {}))
        absent = [column for column in columns.COLUMNS[sheet] if column not in headed.values()]
        if columns.OWNER in {column.path for column in absent}:
            self._unowned.add((sheet,))
        for column in absent:
            if not column.optional:
                heading = columns.told(sheet, column, self._language).heading
                self._report(sheet, Problem("sheet_no_column", line=1), heading)
        for number, cells in sorted(table.rows.items()):
            if number == 1 or not cells.keys() & headed.keys():
                continue
            row = _Row(number, _skeleton() if sheet == "customers" else {})
            row.wrong.update(column.path for column in absent)
            for at, column in headed.items():
                row.places[column.path] = at
                self._put(sheet, row, column, cells.get(at, Cell()), at)
            for at in sorted(cells.keys() - self._headings[sheet].keys()):
                self._headings[sheet][at] = ""  # once is enough
                self._report(sheet, Problem("sheet_no_heading", line=number, column=at))
            yield row

    def _headed(self, sheet: str, headings: Mapping[int, Cell]) -> dict[int, Column]:
        """Which column stands where, by the headings."""
        known = {
            columns.folded(columns.told(sheet, column, language).heading): column
            for column in columns.COLUMNS[sheet]
            for language in ("zh", "en")
        }
        found: dict[int, Column] = {}
        shown = self._headings[sheet] = {at: cell.text.rstrip("*＊ ") for at, cell in headings.items()}
        for at, heading in sorted(shown.items()):
            column = known.get(columns.folded(heading))
            if column is None:
                near = difflib.get_close_matches(columns.folded(heading), known, n=1, cutoff=0.6)
                meant = columns.told(sheet, known[near[0]], self._language).heading if near else ""
                self._report(sheet, Problem("sheet_unknown_column", "", 1, at, {"near": meant}), heading)
            elif column in found.values():
                self._report(sheet, Problem("sheet_column_twice", line=1, column=at), heading)
            else:
                found[at] = column
        return found

    def _put(self, sheet: str, row: _Row, column: Column, cell: Cell, at: int) -> None:
        """Put a cell's value where the schema expects it."""
        # A number is one however it is shown; as a text it would not be what was typed.
        problem = None if column.kind == "number" and cell.text else cell.problem
        value = columns.meaning(column, cell.text, self._language) if cell.text and not problem else None
        if isinstance(value, Problem):
            problem = value
        if column.kind == "owner" or (sheet == "customers" and column.path == ("id",)):
            row.owner = cell.text if value is None or isinstance(value, Problem) else str(value)
        if problem:
            row.wrong.add(column.path)
            self._report(sheet, _at(problem, row.number, at))
        elif value is not None and column.kind != "owner":
            *parents, last = column.path
            part: Any = row.data
            for parent in parents:
                part = part[parent]
            part[last] = value

    # --- customers ---

    def _by_owner(self, sheet: str, rows: Iterable[_Row], customers: Iterable[_Row]) -> dict[str, list[_Row]]:
        """Rows by the customer they belong to; those of nobody are reported."""
        known = [row.owner for row in customers if row.owner]
        # An id that is wrong is said once, where it is wrong.
        misnamed = {_letters(row.owner): row.owner for row in customers if ("id",) in row.wrong}
        owned: dict[str, list[_Row]] = {name: [] for name in known}
        for row in rows:
            owner = misnamed.get(_letters(row.owner), row.owner)
            near = [] if owner in owned else difflib.get_close_matches(owner, known, n=1, cutoff=0.8)
            if owner in owned:
                owned[owner].append(row)
            elif columns.OWNER not in row.wrong:
                # Whoever was meant lacks this row, and so is not good either.
                self._found.bad += [name for name in near if name not in self._found.bad]
                problem = Problem("missing")
                if row.owner:
                    problem = Problem("sheet_no_customer", facts={"owner": row.owner, "near": near[0] if near else ""})
                self._report(sheet, _at(problem, row.number, row.places[columns.OWNER]))
        return owned

    def _twice(self, customers: Sequence[_Row]) -> set[str]:
        """The ids that several rows have; each but the first of those is reported."""
        first: dict[str, int] = {}
        for row in customers:
            if row.owner and first.setdefault(row.owner, row.number) != row.number:
                problem = Problem("sheet_id_twice", facts={"id": row.owner, "row": first[row.owner]})
                self._report("customers", _at(problem, row.number, row.places[("id",)]))
        return {name for name, count in Counter(row.owner for row in customers if row.owner).items() if count > 1}

    def _persona(self, row: _Row, parts: Mapping[str, Sequence[_Row]]) -> Persona | None:
        """The customer of a row with their cues and worries, if all of it is good."""
        rows: dict[Path_, _Row] = {(): row}
        for sheet, owned in parts.items():
            rows |= {(sheet, number): one for number, one in enumerate(owned)}
        data = {"format": 1, **row.data} | {sheet: [one.data for one in owned] for sheet, owned in parts.items()}
        places = {(*path, *at): (one.number, column) for path, one in rows.items() for at, column in one.places.items()}
        places |= {path: (one.number, 0) for path, one in rows.items()}
        # Without an id nothing can belong to them, and only the id is to blame.
        lacking = self._unowned if row.owner else {(sheet,) for sheet in parts}
        unread = {(*path, *at) for path, one in rows.items() for at in one.wrong} | lacking
        try:
            persona = checked(data, "", places)
        except PersonaError as error:
            for problem in error.problems:
                path = _path(problem.where)
                if path not in unread:
                    sheet = str(path[0]) if len(path) > 1 and path[0] in parts else "customers"
                    self._report(sheet, problem, self._meant(path))
            return None
        return None if unread & places.keys() else persona

    def _meant(self, path: Path_) -> str:
        """The sheet whose rows are too few or too many, if that is what is wrong there."""
        return columns.sheet_name(str(path[0]), self._language) if path[0] in columns.SHEETS else ""

    def _report(self, sheet: str, problem: Problem, heading: str = "") -> None:
        heading = self._headings.get(sheet, {}).get(problem.column, "") or heading
        self._found.wrong.append(Wrong(sheet, problem, heading))


def _skeleton() -> dict[str, Any]:
    """A persona's parts without their fields, so that each field that is missing is reported for itself."""
    data: dict[str, Any] = {column.group: {} for column in columns.COLUMNS["customers"] if column.group}
    data["emotion"]["ladder"] = [{} for _ in range(LADDER_STEPS)]
    return data


def _path(where: str) -> Path_:
    """``cues[0].channel`` as ``("cues", 0, "channel")``."""
    return tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", where))


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _at(problem: Problem, row: int, column: int) -> Problem:
    return Problem(problem.key, problem.where, row, column, problem.facts)


# --- customers as rows -----------------------------------------------------------------------------------


def cells(personas: Iterable[Persona], language: str) -> dict[str, list[list[str | int]]]:
    """Customers as rows of cells, by sheet, in the order of `columns.COLUMNS`.

    Args:
        personas: whom to write.
        language: of the words of choices: ``zh`` or ``en``.
    """
    made: dict[str, list[list[str | int]]] = {sheet: [] for sheet in columns.SHEETS}
    for persona in personas:
        data = persona.model_dump()
        made["customers"].append(_row("customers", data, language))
        for sheet in ("cues", "worries"):
            made[sheet] += [_row(sheet, {"customer": persona.id, **part}, language) for part in data[sheet]]
    return made


def _row(sheet: str, data: Mapping[str, Any], language: str) -> list[str | int]:
    return [columns.shown(column, _field(data, column.path), language) for column in columns.COLUMNS[sheet]]


def _field(data: Any, path: Path_) -> Any:
    for part in path:
        data = data[part]
    return data
