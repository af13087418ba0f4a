"""Where a customer that is being written is kept: a draft beside the file to be, and in the end the file.

A draft is written anew after every answer. No other file is ever written over unless that was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import yaml

from simulator.errors import PersonaError, Problem, UsageError
from simulator.persona import Path_, Persona, check, parse, places_in
from simulator.resources import UNFINISHED
from simulator.workbench.fields import schema_text
from simulator.workbench.interview import Answers, answers_of, customer
from simulator.workbench.writing import notes_of, written

SCHEMA_FILE = "persona.schema.json"

Notes = dict[Path_, str]


class Keeping:
    """The files of one customer in the making.

    Args:
        output: the file to write, if it is set; by default ``ID.yaml`` in the working folder, or beside the draft.
        language: of the comments, ``zh`` or ``en``.
        force: whether files that are there may be written over.

    Attributes:
        draft: where the draft is, once there is one.
    """

    def __init__(self, output: Path | None, language: str, *, force: bool) -> None:
        self.draft: Path | None = None
        self._output = output
        self._language = language
        self._force = force
        self._taken_up = False

    @property
    def id(self) -> str | None:
        """The customer's id, if the file is set; it is the file's stem."""
        return self._output.stem if self._output else None

    def take_up(self, file: Path) -> tuple[Answers, Notes]:
        """What an unfinished draft holds, as far as it fits the format; it is that draft's from now on.

        Raises:
            PersonaError: it cannot be read.
        """
        content, notes = _read(file)
        self.draft, self._taken_up = file, True
        found = answers_of(content)
        return {path: one for path, one in found.items() if check(path, one) is None}, notes

    def target(self, identity: str) -> Path:
        """The file to be of a customer with that id."""
        return self._output or self._folder / f"{identity}.yaml"

    def check_free(self, identity: str) -> None:
        """Make sure that a customer of that id overwrites nothing.

        Raises:
            UsageError: there is such a file or another draft of it.
        """
        target = self.target(identity)
        if target.exists() and not self._force and not self._is_draft(target):
            raise UsageError("output_exists", file=str(target))
        draft = _draft_of(target)
        if draft.exists() and draft != self.draft and not self._force:
            raise UsageError("draft_exists", file=str(draft))

    def free(self, wanted: str) -> str:
        """The id, with a number behind it if it is taken."""
        for number in range(1, 1000):
            name = wanted if number == 1 else f"{wanted}-{number}"
            with suppress(UsageError):
                self.check_free(name)
                return name
        return wanted

    def keep(self, answers: Answers, notes: Notes, unfinished: str) -> None:
        """Write the draft, under the name that it has now; without an id there is nothing to call it yet.

        Args:
            answers: what has been answered.
            notes: see `written`.
            unfinished: a comment for its top; ``{file}`` in it stands for its name.

        Raises:
            UsageError: it cannot be written.
        """
        identity = answers.get(("id",))
        if not identity:
            return
        wanted = self.draft if self._taken_up and self.draft else _draft_of(self.target(identity))
        if self.draft and self.draft != wanted:
            self.draft.unlink(missing_ok=True)
        self.draft = wanted
        _write(wanted, self._text(answers, notes, [unfinished.replace("{file}", wanted.name)]), force=True)

    def finish(self, answers: Answers, notes: Notes) -> tuple[Path, Persona]:
        """Write the file, and let the draft go.

        Raises:
            PersonaError: something does not fit the format, or is missing; the draft stays.
            UsageError: the file is there already, or cannot be written; the draft stays.
        """
        assert self.draft
        persona = parse(self.draft.read_text(encoding="utf-8"), str(self.draft))
        self.check_free(persona.id)
        target = self.target(persona.id)
        its_own = self._is_draft(target)  # a finished file was taken up: it is written anew, and is no draft to let go
        _write(target, self._text(answers, notes, []), force=self._force or its_own)
        schema, there = self._schema()
        if not there:
            with suppress(UsageError):  # it only helps editors
                _write(self._folder / schema, schema_text() + "\n", force=False)
        if not its_own:
            self.draft.unlink(missing_ok=True)
        return target, persona

    def _is_draft(self, target: Path) -> bool:
        return self.draft is not None and self.draft.resolve() == target.resolve()

    @property
    def _folder(self) -> Path:
        if self._output:
            return self._output.parent
        return self.draft.parent if self._taken_up and self.draft else Path()

    def _text(self, answers: Answers, notes: Notes, head: list[str]) -> str:
        return written(customer(answers), self._language, notes=notes, head=head, schema=self._schema()[0])

    def _schema(self) -> tuple[str, bool]:
        """Where the schema is, seen from the file, and whether it is there already."""
        for name in (SCHEMA_FILE, f"../{SCHEMA_FILE}"):
            if (self._folder / name).is_file():
                return name, True
        return SCHEMA_FILE, False


def _draft_of(target: Path) -> Path:
    return target.with_name(f"{target.stem}{UNFINISHED}")


def _read(file: Path) -> tuple[Mapping[str, object], Notes]:
    try:
        text = file.read_text(encoding="utf-8-sig")
        places_in(text)
        content, notes = yaml.load(text, Loader=yaml.CSafeLoader), notes_of(text)
    except OSError as error:
        raise PersonaError(str(file), (Problem("unreadable", facts={"why": error.strerror or str(error)}),)) from error
    except UnicodeDecodeError as error:
        raise PersonaError(str(file), (Problem("not_utf8"),)) from error
    except (yaml.YAMLError, ValueError, AttributeError) as error:
        raise PersonaError(str(file), (Problem("not_yaml", facts={"why": " ".join(str(error).split())}),)) from error
    if not isinstance(content, Mapping):
        raise PersonaError(str(file), (Problem("not_a_mapping", "", 1, 1),))
    return content, notes


def _write(file: Path, text: str, *, force: bool) -> None:
    try:
        with file.open("w" if force else "x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except FileExistsError as error:
        raise UsageError("output_exists", file=str(file)) from error
    except OSError as error:
        raise UsageError("output_unwritable", file=str(file), why=error.strerror or str(error)) from error
