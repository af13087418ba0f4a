"""What the check of a customer found, in words: what is wrong, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simulator.texts import Texts
from simulator.transcript import printable
from simulator.workbench import lint
from simulator.workbench.lint import Finding


def sentence(one: Finding, say: Texts, words: Texts) -> str:
    """What was found.

    Args:
        one: the finding.
        say: the screens' texts.
        words: the check's own.
    """
    if one.code in lint.OF_SCHEMA.values():
        return say.what(one.key, one.facts)
    return words(f"{one.code}.says.{one.key}", **one.facts)


def mend(one: Finding, words: Texts) -> str:
    """What to do about it."""
    return words(f"{one.code}.mend")


def one_line(one: Finding, say: Texts, words: Texts) -> str:
    """What was found with its place, in a line that editors and CI can read."""
    found = sentence(one, say, words)
    if one.field:
        found = words("screen.in_field", field=one.field, sentence=found)
    place = ":".join([one.file, *(str(n) for n in (one.line, one.column) if n)])
    # English words whatever the language of the screens: this line is for programs too.
    return words("screen.piped", place=place, severity=one.severity, code=one.code, sentence=found)


def lines(found: Iterable[Finding], say: Texts) -> Iterator[str]:
    """Every finding in a line, and in the next how to mend it; for a file that has just been written."""
    words = Texts(say.language, "lint")
    for one in found:
        yield printable(one_line(one, say, words))
        yield printable(f"  → {mend(one, words)}")
