"""What the screens say, in the user's language.

The catalogues are `simulator/texts/<language>.yaml`: sentences by dotted name, with ``{placeholders}``. Values
go in as they are and are never read as templates themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from simulator.errors import PersonaError, Problem, SimulatorError
from simulator.resources import texts_file

LANGUAGES = ("zh", "en")


def language(wanted: str | None, locale: str) -> str:
    """The screens' language: the one that is wanted, else the locale's, else English."""
    if wanted:
        return wanted
    return "zh" if locale.lower().startswith("zh") else "en"


class Texts:
    """The sentences of one language.

    Args:
        language: ``zh`` or ``en``.

    """

    def __init__(self, language: str) -> None:
        self.language = language
        with texts_file(language).open(encoding="utf-8") as file:
            self._tree: dict[str, Any] = yaml.load(file, Loader=yaml.CSafeLoader)

    def __call__(self, name: str, /, **values: object) -> str:
        """The sentence of that name with its placeholders filled.

        Raises:
            KeyError: there is no such sentence, or a placeholder has no value.

        """
        found: Any = self._tree
        for part in name.split("."):
            found = found[part]
        if not isinstance(found, str):
            raise KeyError(name)
        return found.format(**values)

    def error(self, error: SimulatorError) -> list[str]:
        """What to say about an error: one line, or one for each problem of a file."""
        if isinstance(error, PersonaError):
            return [self.problem(error.file, problem) for problem in error.problems]
        return [self.sentence(error.key, error.facts)]

    def sentence(self, key: str, facts: Mapping[str, object], /) -> str:
        """The sentence for an error's key."""
        facts = dict(facts)
        # What may be known or not: a sentence holds the hint's place, and the hint is a sentence's part itself.
        facts["near_hint"] = self("hints.near", near=facts["near"]) if facts.get("near") else ""
        facts["said_hint"] = self("hints.said", said=facts["said"]) if facts.get("said") else ""
        facts["wait_hint"] = self("hints.wait", seconds=facts["wait_s"]) if facts.get("wait_s") else ""
        return self(f"errors.{key}", **facts)

    def problem(self, file: str, problem: Problem) -> str:
        """One problem of a file: where it is, and one sentence."""
        place = ":".join([file, *(str(n) for n in (problem.line, problem.column) if n)])
        return f"{place}: {problem.where + ': ' if problem.where else ''}{self.fault(problem)}"

    def fault(self, problem: Problem) -> str:
        """What is wrong, without the place; not a whole sentence."""
        near = problem.facts.get("near")
        return self(f"problems.{problem.key}", **problem.facts) + (self("hints.nearest", near=near) if near else "")
