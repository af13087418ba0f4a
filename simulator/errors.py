"""Everything this program can say went wrong, in one tree.

::

    SimulatorError            exit   what it means
    ├── UsageError             2     the command line asks for something that is not there
    ├── SettingsError          3     a setting (.env, environment) has an unusable value
    ├── PersonaError           4     a persona file cannot be used; holds one Problem per finding
    ├── PromptError            5     a prompt file is missing or does not render
    ├── StoreError             6     the record of calls cannot be read or written
    ├── ModelError             7     the model's endpoint did not give what was asked
    │   └── SpoiltAnswer       7     an answer began but cannot be used: discard it and ask again
    ├── TranscriptError        8     a call that happened elsewhere cannot be read
    └── SetError               8     a set of labelled calls, or a run over it, cannot be used

An error carries a key and facts, not a sentence: the sentence stands in `simulator/texts/<language>.yaml`
under ``errors``, so that it can be said in the user's language. `simulator.cli.main` is the one place that
catches these, prints the sentence and sets the exit code.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import ClassVar


class SimulatorError(Exception):
    """The root of the tree.

    Args:
        key: names the sentence in the text catalogue, under ``errors``.
        facts: values for the placeholders of that sentence.

    """

    exit_code: ClassVar[int] = 1

    def __init__(self, key: str, **facts: object) -> None:
        super().__init__(key)
        self.key = key
        self.facts = facts

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        return f"{self.key}({facts})"


class UsageError(SimulatorError):
    """The command line asks for something that is not there."""

    exit_code = 2


class SettingsError(SimulatorError):
    """A setting has an unusable value."""

    exit_code = 3


@dataclass(frozen=True)
class Problem:
    """One thing wrong with a file.

    Attributes:
        key: names the sentence in the text catalogue, under ``problems``.
        where: dotted path of the field, such as ``cues[0].channel``; empty for the whole file.
        line: counted from 1; 0 when the place is not known.
        column: counted from 1; 0 when the place is not known.
        facts: values for the placeholders of the sentence.

    """

    key: str
    where: str = ""
    line: int = 0
    column: int = 0
    facts: dict[str, object] = dataclasses.field(default_factory=dict)


class PersonaError(SimulatorError):
    """A persona file cannot be used."""

    exit_code = 4

    def __init__(self, file: str, problems: tuple[Problem, ...]) -> None:
        super().__init__("persona_unusable", file=file, count=len(problems))
        self.file = file
        self.problems = problems

    def __str__(self) -> str:
        places = "; ".join(f"{self.file}:{p.line}: {p.where}: {p.key} {p.facts}" for p in self.problems)
        return f"{self.key}({places})"


class PromptError(SimulatorError):
    """A prompt file is missing or does not render."""

    exit_code = 5


class StoreError(SimulatorError):
    """The record of calls cannot be read or written."""

    exit_code = 6


class ModelError(SimulatorError):
    """The model's endpoint did not give what was asked.

    Keys in use: ``model_auth`` (401, 403), ``model_unknown`` (404), ``model_busy`` (429; facts may hold
    ``wait_s``), ``model_server`` (5xx), ``model_timeout``, ``model_unreachable``, ``model_request`` (other
    4xx), ``model_junk`` (an answer that is no answer), ``model_refused``, ``model_cut`` (the stream broke off).
    """

    exit_code = 7


class SpoiltAnswer(ModelError):
    """An answer began but cannot be used (cut off, reasoning text, a role label): discard it and ask again."""


class TranscriptError(SimulatorError):
    """A call that happened elsewhere cannot be read; the facts hold the file and, where there is one, the line."""

    exit_code = 8


class SetError(SimulatorError):
    """A set of labelled calls, or a run over it, cannot be used; the facts hold the file or folder."""

    exit_code = 8
