"""The check of customer files: every finding has a code, a severity and a place.

`findings` takes the text of a file and knows nothing of files, screens or languages; `check` shows what it finds.
What the rules say, why, and an example of each stand in `simulator/texts/lint.<language>.yaml`, by code. Codes are
never given to another rule.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from simulator.errors import PersonaError, Problem, PromptError
from simulator.persona import Persona, Places, dotted, misnamed, placed, read
from simulator.templates import Prompts
from simulator.workbench import dated, leaks, rules
from simulator.workbench.subject import Hit, Subject

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing to mend in a file.

    Attributes:
        code: the rule, such as ``P101``.
        severity: an ``error`` spoils the call; a ``warning`` may be meant so.
        file: the file's name, as it was given.
        line: counted from 1; 0 when the place is not known.
        column: counted from 1; 0 when the place is not known.
        field: dotted path, such as ``cues[0].channel``; empty for the whole file.
        key: which sentence says it: for ``P001`` to ``P013`` under ``problems`` in the screen texts, for the others
            under the code's ``says`` in the check's own.
        facts: values for the placeholders of that sentence.

    """

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    field: str
    key: str
    facts: dict[str, object] = dataclasses.field(default_factory=dict)


class Rule(NamedTuple):
    """A rule beyond the schema, and how grave it is to break it."""

    severity: Severity
    look: Callable[[Subject], Iterator[Hit]]


RULES: dict[str, Rule] = {
    "P101": Rule("error", leaks.opening),
    "P102": Rule("error", leaks.card),
    "P103": Rule("error", leaks.desk),
    "P104": Rule("error", leaks.answers),
    "P105": Rule("error", leaks.falters),
    "P106": Rule("error", leaks.voice),
    "P107": Rule("error", leaks.cues),
    "P201": Rule("warning", leaks.meanings),
    "P202": Rule("warning", rules.channels),
    "P203": Rule("warning", rules.apart),
    "P204": Rule("warning", rules.stock),
    "P205": Rule("warning", rules.strays),
    "P206": Rule("warning", rules.one_channel),
    "P207": Rule("error", rules.in_opening),
    "P208": Rule("warning", rules.deaf),
    "P209": Rule("warning", rules.stronger),
    "P301": Rule("warning", rules.better),
    "P302": Rule("warning", rules.steps),
    "P303": Rule("warning", rules.start),
    "P401": Rule("error", dated.ages),
    "P402": Rule("error", dated.dates),
    "P403": Rule("warning", rules.allowed),
    "P501": Rule("error", rules.instructs),
    "P502": Rule("error", rules.labels),
    "P503": Rule("warning", rules.directions),
}

OF_SCHEMA = {
    "unreadable": "P001", "not_utf8": "P001",
    "not_yaml": "P002", "not_a_mapping": "P002",
    "id_is_not_stem": "P003",
    "key_twice": "P004",
    "unknown_key": "P005",
    "missing": "P006", "blank_text": "P006",
    "string_type": "P007", "int_type": "P007", "bool_type": "P007", "list_type": "P007", "model_type": "P007",
    "expected_text_or_list": "P007", "does_not_fit": "P007",
    "needs_quotes": "P008",
    "literal_error": "P009", "greater_than_equal": "P009", "less_than_equal": "P009", "string_pattern_mismatch": "P009",
    "too_short": "P010", "too_long": "P010",
    "control_character": "P011",
    "id_twice": "P012",
    "opens_too_late": "P013",
}  # fmt: skip
"""The code of each problem that loading a file can find."""
NO_PROMPTS, NO_CUSTOMER = "P014", "P015"
FIRST = frozenset(OF_SCHEMA.values()) - {"P003"} | {NO_PROMPTS}
"""While a file has one of these, the rules beyond the schema are not asked."""
CODES = (*sorted(set(OF_SCHEMA.values())), NO_PROMPTS, NO_CUSTOMER, *RULES)


def findings(text: str, name: str) -> list[Finding]:
    """All that is to be mended in the text of a file, in its order.

    Args:
        text: the file's text.
        name: the file's name; where it ends with ``.yaml`` or ``.yml``, the id must be its stem.

    Returns:
        What the schema finds (``P0..``); if that is nothing, what the other rules find.
    """
    try:
        persona, places = placed(text, name)
    except PersonaError as error:
        if not is_customer(text) and all(problem.key in {"missing", "unknown_key"} for problem in error.problems):
            return [Finding(NO_CUSTOMER, "error", name, 1, 1, "", "other")]
        return _in_order([_of_schema(problem, name) for problem in error.problems])
    problem = misnamed(persona, Path(name).stem, places) if name.endswith((".yaml", ".yml")) else None
    return _in_order([*([_of_schema(problem, name)] if problem else []), *_beyond(persona, places, text, name)])


def findings_in(file: Path) -> list[Finding]:
    """All that is to be mended in a file; one finding where it cannot be read."""
    try:
        text = read(file)
    except PersonaError as error:
        return [_of_schema(problem, error.file) for problem in error.problems]
    return findings(text, str(file))


def unreadable(name: str) -> Finding:
    """The finding for what is not UTF-8."""
    return _of_schema(Problem("not_utf8"), name)


_KEYS = "customer|surface_complaint|opening|hidden_need|emotion|desk|cues|worries"


def is_customer(text: str) -> bool:
    """Whether a text has any of the keys by which a customer file is known, be it in order or not."""
    return re.search(rf"^['\"]?({_KEYS})['\"]?\s*:", text, re.MULTILINE) is not None


def _beyond(persona: Persona, places: Places, text: str, name: str) -> Iterator[Finding]:
    """What the rules beyond the schema find."""

    def found(code: str, severity: Severity, hit: Hit) -> Finding:
        return Finding(code, severity, name, *places.nearest(hit.path), dotted(hit.path), hit.key, hit.facts)

    try:
        Prompts(persona.language)
    except PromptError as error:  # and so the rules know nothing of the language either
        yield found(NO_PROMPTS, "error", Hit(("language",), "language", error.facts))
        return
    subject, lines = Subject(persona), text.splitlines()
    for code, rule in RULES.items():
        for hit in rule.look(subject):
            one = found(code, rule.severity, hit)
            if not _allowed(code, lines[one.line - 1]):
                yield one


def _allowed(code: str, line: str) -> bool:
    """Whether a comment in the line lets a finding stand, such as ``# allow P104``: words are no sure measure."""
    return re.search(rf"#\s*allow\b[^#]*\b{code}\b", line) is not None


def _of_schema(problem: Problem, name: str) -> Finding:
    code = OF_SCHEMA.get(problem.key, "P007")
    return Finding(code, "error", name, problem.line, problem.column, problem.where, problem.key, problem.facts)


def _in_order(found: list[Finding]) -> list[Finding]:
    return sorted(found, key=lambda one: (one.line, one.column, one.code))
