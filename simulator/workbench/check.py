"""The command ``persona check``: which files are looked at, and how the findings are shown.

For a person they stand under their file, with how to mend them; in a pipe each is one line that editors and CI can
read; ``--json`` is one document (its keys are described in `docs/persona-check.md`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rich.console import Console
from rich.text import Text

from simulator.errors import PersonaError, UsageError
from simulator.persona import files, find, read
from simulator.screen.card import screen
from simulator.screen.page import WIDEST, wrap
from simulator.texts import Texts
from simulator.transcript import printable
from simulator.workbench import advice, lint
from simulator.workbench.lint import CODES, Finding

FOUND = PersonaError.exit_code
"""The exit code where there is something to mend."""
STYLES = {"error": "bold red", "warning": "yellow"}
STDIN = "-"


@dataclass(frozen=True)
class Looked:
    """What was looked at, and what was found.

    Attributes:
        files: the files that were checked, in order.
        left_out: files of a folder that are no customer files.
        findings: by file, in order.
    """

    files: tuple[str, ...]
    left_out: tuple[str, ...]
    findings: tuple[Finding, ...]

    def count(self, severity: str) -> int:
        """How many findings are of that severity."""
        return sum(one.severity == severity for one in self.findings)


# --- looking ---------------------------------------------------------------------------------------------


def look(names: Sequence[str]) -> Looked:
    """Check what is named: files, folders with all below them, ids of built-in customers, ``-`` for standard input.

    Without a name, the built-in customers and the customer files of the working folder.

    Raises:
        UsageError: there is no such customer, or no customer file in a folder.
    """
    checked: dict[str, list[Finding]] = {}
    left_out: list[str] = []
    if not names:
        _look_at((*files(), *_yaml_files(Path(), "*")), checked, left_out)
    for name in names:
        if name == STDIN:
            checked[name] = _standard_input()
        elif not (folder := Path(name).expanduser()).is_dir():
            file = folder if folder.is_file() else find(name)
            checked[str(file)] = lint.findings_in(file)
        else:
            below = _yaml_files(folder, "**/*")
            _look_at(below, checked, left_out)
            if checked.keys().isdisjoint(map(str, below)):
                raise UsageError("nothing_to_check", folder=name)
    return Looked(tuple(checked), tuple(left_out), tuple(one for found in checked.values() for one in found))


def _look_at(found: Sequence[Path], checked: dict[str, list[Finding]], left_out: list[str]) -> None:
    """Check those of the files that were found which are customer files, or cannot be read to tell."""
    for file in found:
        try:
            text = read(file)
        except PersonaError:
            checked[str(file)] = lint.findings_in(file)
            continue
        if lint.is_customer(text):
            checked[str(file)] = lint.findings(text, str(file))
        else:
            left_out.append(str(file))


def _yaml_files(folder: Path, pattern: str) -> list[Path]:
    """The YAML files of a folder; nothing that is hidden."""
    found = (file for file in folder.glob(pattern) if file.suffix in {".yaml", ".yml"} and file.is_file())
    return sorted(file for file in found if not any(part.startswith(".") for part in file.relative_to(folder).parts))


def _standard_input() -> list[Finding]:
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        return [lint.unreadable(STDIN)]
    return lint.findings(text, STDIN)


# --- showing ---------------------------------------------------------------------------------------------


def run(names: Sequence[str], say: Texts, *, as_json: bool, strict: bool) -> int:
    """Check and show. Returns the exit code: 0, or 4 where there are errors (with `strict` also for warnings).

    Raises:
        UsageError: see `look`.
    """
    words = Texts(say.language, "lint")
    looked = look(names)
    if as_json:
        print(_document(looked, say, words))
    elif sys.stdout.isatty():
        _show(looked, say, words, screen())
    else:
        for one in looked.findings:
            print(printable(advice.one_line(one, say, words)))
        for line in _summary(looked, words):
            print(line, file=sys.stderr)
    return FOUND if looked.count("error") or (strict and looked.findings) else 0


def _show(looked: Looked, say: Texts, words: Texts, console: Console) -> None:
    width = min(console.width, WIDEST)
    for file, found in groupby(looked.findings, key=lambda one: one.file):
        for line in wrap(printable(file), width):
            console.print(Text(line, "bold"))
        for one in found:
            console.print(_head(one, words))
            _hang("    ", advice.sentence(one, say, words), console, width)
            _hang("    → ", advice.mend(one, words), console, width, "dim")
        console.print()
    for sentence in _summary(looked, words):
        _hang("", sentence, console, width)


def _head(one: Finding, words: Texts) -> Text:
    """Place, severity, code and field; the severity in words and in colour."""
    head = Text(f"  {one.line}:{one.column}  " if one.line else "  ")
    head.append(words(f"screen.{one.severity}"), STYLES[one.severity])
    return head.append(f"  {one.code}  ").append(printable(one.field), "bold")


def _hang(head: str, text: str, console: Console, width: int, style: str = "") -> None:
    """A text behind its head, in lines that hang below the first."""
    for line in wrap(printable(text), width - len(head)):
        console.print(Text(head).append(line, style))
        head = " " * len(head)


def _summary(looked: Looked, words: Texts) -> Iterator[str]:
    """How many files, errors and warnings; and what else there is to know."""
    if looked.findings:
        errors, warnings = looked.count("error"), looked.count("warning")
        yield words("screen.found", files=len(looked.files), errors=errors, warnings=warnings)
        if any(one.code in lint.FIRST for one in looked.findings):
            yield words("screen.first")
        yield words("screen.more", code=looked.findings[0].code)
    else:
        yield words("screen.nothing", files=len(looked.files))
    if looked.left_out:
        yield words("screen.left_out", count=len(looked.left_out))


def _document(looked: Looked, say: Texts, words: Texts) -> str:
    """All findings as one JSON document."""
    document = {
        "format": 1,
        "files": looked.files,
        "left_out": looked.left_out,
        "errors": looked.count("error"),
        "warnings": looked.count("warning"),
        "findings": [
            {
                "code": one.code,
                "severity": one.severity,
                "file": one.file,
                "line": one.line,
                "column": one.column,
                "field": one.field,
                "message": advice.sentence(one, say, words),
                "mend": advice.mend(one, words),
            }
            for one in looked.findings
        ],
    }
    return json.dumps(document, ensure_ascii=False, indent=2)


def explain(code: str, say: Texts) -> int:
    """Show a rule: what it says, why it matters in a call, and an example of each kind.

    Raises:
        UsageError: there is no such code; holds the nearest one.
    """
    import difflib

    wanted = code.strip().upper()
    if wanted not in CODES:
        near = next(iter(difflib.get_close_matches(wanted, CODES, n=1, cutoff=0.5)), "")
        raise UsageError("no_such_code", name=code, near=near)
    words, console = Texts(say.language, "lint"), screen()
    width = min(console.width, WIDEST)
    severity = "warning" if wanted in lint.RULES and lint.RULES[wanted].severity == "warning" else "error"
    console.print(Text(f"{wanted} · ", "bold").append(words(f"screen.{severity}"), STYLES[severity]))
    _hang("", words(f"{wanted}.rule"), console, width, "bold")
    for title, text in (("why", "why"), ("to_mend", "mend")):
        console.print()
        console.print(Text(words(f"screen.{title}"), "bold"))
        _hang("  ", words(f"{wanted}.{text}"), console, width)
    for kind in ("bad", "good"):
        console.print()
        console.print(Text(words(f"screen.{kind}"), "bold"))
        for line in words(f"{wanted}.{kind}").splitlines():
            console.print(Text(f"  {line}"), soft_wrap=True)
    return 0
