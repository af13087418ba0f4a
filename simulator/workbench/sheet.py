"""Customers in a workbook: `simulator persona import` and `simulator persona export`.

A trainer keeps customers in Excel, one row each; every good row becomes a customer file, and what is wrong with the
others is said with sheet, row and column.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import PersonaError, Problem, UsageError
from simulator.persona import Persona, files, find, load
from simulator.transcript import printable
from simulator.workbench import advice, columns, lint, rows, workbook, writing

if TYPE_CHECKING:
    from simulator.texts import Texts


def take_in(file: str, folder: str, say: Texts, *, force: bool, dry_run: bool) -> int:
    """Write a customer file for each good row of a workbook.

    Args:
        file: the workbook.
        folder: where the files go; it is made if it is not there.
        say: the screens' texts.
        force: write over files that are there.
        dry_run: write nothing, only say what would be written.

    Returns:
        The exit code: that of `PersonaError` if anything was wrong, though the good rows are written.

    Raises:
        PersonaError: the file is no workbook that could be read.
        UsageError: a customer file cannot be written.

    """
    found = rows.read(workbook.read(file), file, say.language)
    if not (found.personas or found.bad or found.wrong):
        raise PersonaError(file, (Problem("sheet_empty"),))
    for wrong in found.wrong:
        _complain(say, file, wrong)
    written, bad = 0, list(found.bad)
    for row, persona in found.personas:
        target = Path(folder).expanduser() / f"{persona.id}.yaml"
        if target.exists() and not force:
            problem = Problem("sheet_file_exists", line=row, facts={"file": str(target)})
            _complain(say, file, rows.Wrong("customers", problem))
            bad.append(persona.id)
            continue
        text = writing.written(persona.model_dump(exclude_defaults=True), say.language)
        if not dry_run:
            _write(text, target)
        written += 1
        print(printable(str(target)))
        for line in advice.lines(lint.findings(text, str(target)), say):
            print(line, file=sys.stderr)
    _sum_up(say, written, bad, dry_run=dry_run)
    return PersonaError.exit_code if found.wrong or bad else 0


def template(file: str, say: Texts, *, force: bool) -> int:
    """Write a workbook to fill in, in the screens' language.

    Raises:
        UsageError: it cannot be written.

    """
    workbook.save({}, file, say.language, force=force)
    print(say("sheet.template", file=printable(file)))
    return 0


def export(names: Sequence[str], file: str, say: Texts, *, force: bool) -> int:
    """Write customers into a workbook.

    Args:
        names: their ids or files; none means all built-in ones.
        file: the workbook.
        say: the screens' texts.
        force: write over a file that is there.

    Raises:
        PersonaError: a customer file cannot be used.
        UsageError: there is no such customer, two have one id, or the workbook cannot be written.

    """
    personas: dict[str, Persona] = {}
    for found in [find(name) for name in names] or files():
        persona = load(found)
        if personas.setdefault(persona.id, persona) != persona:
            raise UsageError("sheet_two_of_one_id", id=persona.id)
    workbook.save(rows.cells(personas.values(), say.language), file, say.language, force=force)
    print(say("sheet.exported", count=len(personas), file=printable(file)))
    return 0


def _complain(say: Texts, file: str, wrong: rows.Wrong) -> None:
    """One problem in one line: sheet, row, column, and what is wrong."""
    problem = wrong.problem
    where = {"file": file, "sheet": columns.sheet_name(wrong.sheet, say.language), "row": problem.line}
    if problem.column:
        place = say("sheet.cell", column=workbook.letter(problem.column), **where)
    else:
        place = say("sheet.whole_row", **where)
    if wrong.heading:
        place += say("sheet.heading", heading=wrong.heading)
    print(printable(say("report.pair", label=place, text=say.what(problem.key, problem.facts))), file=sys.stderr)


def _sum_up(say: Texts, written: int, bad: Sequence[str | int], *, dry_run: bool) -> None:
    print(say("sheet.would_write" if dry_run else "sheet.written", count=written))
    if bad:
        named = (one if isinstance(one, str) else say("sheet.unnamed", row=one) for one in bad)
        names = say("report.comma").join(named)
        print(printable(say("sheet.not_written", count=len(bad), names=names)), file=sys.stderr)


def _write(text: str, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UsageError("output_unwritable", file=str(target), why=error.strerror or str(error)) from error
