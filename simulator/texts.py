"""What the screens say, in the user's language.

The catalogues are `simulator/texts/<language>.yaml` and, for what no call needs, `tools.<language>.yaml`: sentences by
dotted name, with ``{placeholders}``. Values go in as they are and are never read as templates themselves.
"""

from __future__ import annotations

import functools
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
        part: a catalogue of its own, which only a part of the program needs, such as ``lint``.

    """

    def __init__(self, language: str, part: str = "") -> None:
        self.language = language
        self._tree = _read(f"{part}.{language}" if part else language)
        self._whole = bool(part)

    def __call__(self, name: str, /, **values: object) -> str:
        """The sentence of that name with its placeholders filled.

        Raises:
            KeyError: there is no such sentence, or a placeholder has no value.

        """
        if not self._whole and name.partition(".")[0] not in self._tree:
            self._tree = self._tree | _read(f"tools.{self.language}")  # no call needs it, and start-up shall be quick
            self._whole = True
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
        what = self.what(problem.key, problem.facts)
        return f"{place}: {problem.where + ': ' if problem.where else ''}{what}"

    def what(self, key: str, facts: Mapping[str, object], /) -> str:
        """The sentence for a problem's key, without its place."""
        sentence = self(f"problems.{key}", **facts)
        return sentence + self("hints.nearest", near=facts["near"]) if facts.get("near") else sentence


@functools.cache
def _read(name: str) -> dict[str, Any]:
    with texts_file(name).open(encoding="utf-8") as file:
        tree: dict[str, Any] = yaml.load(file, Loader=yaml.CSafeLoader)
    return tree
