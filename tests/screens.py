"""The real program in a pseudo-terminal: type as a person would, and read whole screens.

In a test::

    with Screen("chat", "my.yaml", env=clean(tmp_path)) as screen:
        screen.ready("You: ")          # the cursor stands behind this
        screen.line("What happened?")  # typed, then Enter
        screen.wait("Ann Marsh: ")     # stands on the screen below what was typed
        assert "…" in screen.text()    # what a person sees, with all that has scrolled away above it

The terminal answers what every terminal answers by itself: where the cursor is (prompt_toolkit asks).
"""

from __future__ import annotations

import difflib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self
from unicodedata import east_asian_width

import pexpect
import pyte

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = Path(__file__).with_name("golden") / "screens"

PATIENCE_S = 25.0
"""How long a text may take to appear; loading the model stack alone takes up to 4 s, on a busy machine longer."""

CTRL_C, CTRL_D, ENTER = "\x03", "\x04", "\r"


def clean(folder: Path, **more: str) -> dict[str, str]:
    """An environment that holds nobody's settings; the record of calls goes into the folder."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        "TZ": "UTC",
        "PYTHONPATH": str(ROOT),
        "SIMULATOR_AGENT": "Test",
        "SIMULATOR_PACE": "off",
        "SIMULATOR_STORE": f"sqlite:///{folder}/calls.sqlite3",
        **more,
    }


def forks(env: Mapping[str, str]) -> bool:
    """Whether a start of the program is a fork of one that is loaded (see `tests.forked`)."""
    if sys.platform != "linux":
        return False
    from tests import forked

    return forked.can_fork(env)


def customer(folder: Path, language: str = "en") -> str:
    """Put the customer of `scripted.a_persona` into the folder, as a file with its name."""
    text = (ROOT / "tests" / "data" / f"{language}.yaml").read_text(encoding="utf-8")
    (folder / "third-call.yaml").write_text(text, encoding="utf-8")
    return "third-call.yaml"


def many_customers(folder: Path, count: int) -> Path:
    """Put so many customers into a folder: those that ship, each under names of its own."""
    texts = [(file.stem, file.read_text(encoding="utf-8")) for file in sorted((ROOT / "personas").glob("*/*.yaml"))]
    for number in range(count):
        stem, text = texts[number % len(texts)]
        name = f"{stem}-{number}"
        (folder / f"{name}.yaml").write_text(text.replace(f"id: {stem}", f"id: {name}", 1), encoding="utf-8")
    return folder


def piped(*args: str, env: Mapping[str, str], typed: str = "") -> subprocess.CompletedProcess[str]:
    """A run of the program with pipes instead of a terminal."""
    if forks(env):
        from tests import forked

        return forked.run(["simulator", *args], env, typed, PATIENCE_S)
    return subprocess.run(
        [sys.executable, "-m", "simulator", *args],
        input=typed, env=env, cwd=env["HOME"], capture_output=True, encoding="utf-8", timeout=PATIENCE_S, check=False,
    )  # fmt: skip


def golden(name: str, text: str) -> None:
    """Compare with the golden file of that name; ``REFRESH_GOLDEN=1`` writes it anew, then read the diff."""
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("REFRESH_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    there = file.read_text(encoding="utf-8")
    difference = difflib.unified_diff(there.splitlines(), text.splitlines(), str(file.name), "now", lineterm="")
    assert text == there, "\n".join(difference)


def timeless(text: str) -> str:
    """Without how long the test took to type, and the line that took longest."""
    return re.sub(r"\d+ (s|秒)(?: \(line \d+\)|（第 \d+ 行）)?$", r"# \1", text, flags=re.MULTILINE)


def kept(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The events of that kind in the record, in their order."""
    with closing(sqlite3.connect(folder / "calls.sqlite3")) as record:
        rows = record.execute("SELECT body FROM events WHERE kind = ? ORDER BY session, number", (kind,)).fetchall()
    return [json.loads(body) for (body,) in rows]


def until_kept(folder: Path, kind: str, count: int) -> list[dict[str, Any]]:
    """Wait until the record holds so many events of that kind."""
    until = time.monotonic() + PATIENCE_S
    while len(found := kept(folder, kind)) < count:
        assert time.monotonic() < until, f"{len(found)} of {count} {kind}"
        time.sleep(0.01)
    return found


class Terminal(pyte.Screen):
    """What a terminal does with the bytes it gets; keeps the lines that scroll away in `above`."""

    def __init__(self, columns: int, rows: int, answer: Callable[[bytes], object]) -> None:
        self.above: list[str] = []
        self._answer = answer
        super().__init__(columns, rows)

    def write_process_input(self, data: str) -> None:
        """Called by pyte with the answer to a question."""
        self._answer(data.encode())

    def draw(self, data: str) -> None:
        """Called by pyte with text; at a character without a width (in an emoji) it would forget the rest."""
        for ch in data:
            super().draw(ch)

    @property
    def display(self) -> list[str]:
        """The screen's lines. pyte's own fails on half of a wide character, when the other half was written over."""
        return ["".join(self._cells(self.buffer[y])) for y in range(self.lines)]

    def _cells(self, row: Mapping[int, pyte.screens.Char]) -> Iterator[str]:
        wide = False
        for x in range(self.columns):
            text = row[x].data
            if text or not wide:
                yield text or " "
            wide = bool(text) and east_asian_width(text[0]) in {"W", "F"}

    def index(self) -> None:
        """Called by pyte when the cursor goes down a line."""
        if self.cursor.y == self.lines - 1:
            self.above.append(self.display[0])
        super().index()

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Make it another size. As in xterm the cursor stays in its line of text, and nothing is wrapped anew."""
        lines, columns = lines or self.lines, columns or self.columns
        x, y = self.cursor.x, self.cursor.y
        gone = max(0, y + 1 - lines)
        self.above += self.display[:gone]
        if gone:  # none would be taken for one
            self.cursor_position()
            self.delete_lines(gone)
        kept = {y: {x: cell for x, cell in row.items() if x < columns} for y, row in self.buffer.items() if y < lines}
        self.lines, self.columns = lines, columns
        for y_, row in list(self.buffer.items()):
            row.clear()
            row.update(kept.get(y_, {}))
        self.cursor_position(y - gone + 1, min(x, columns - 1) + 1)

    @property
    def row(self) -> int:
        """The line that the cursor is in, counted from the first that was ever written."""
        return len(self.above) + self.cursor.y


class Screen:
    """The program in a terminal; use it as a context manager, which ends what is left of it.

    Args:
        args: the command line behind ``python -m simulator``.
        env: the whole environment, see `clean`; its ``HOME`` is the working folder.
        columns: the terminal's width.
        rows: its height.
        module: what is run.
        cold: start it as a person does, never as a fork.

    Attributes:
        raw: every byte that the program wrote.
        terminal: what became of them.
    """

    def __init__(
        self,
        *args: str,
        env: Mapping[str, str],
        columns: int = 80,
        rows: int = 24,
        module: str = "simulator",
        cold: bool = False,
    ) -> None:
        self.raw = b""
        spawn = pexpect.spawn
        if not cold and forks(env):
            from tests import forked

            spawn = forked.Spawn
        self._child: pexpect.spawn[bytes] = spawn(
            sys.executable, ["-m", module, *args], env=env, cwd=env["HOME"], dimensions=(rows, columns)
        )
        self._child.delaybeforesend = None
        self._set_at_first = self._set_to()
        self.terminal = Terminal(columns, rows, self._child.send)
        self._stream = pyte.ByteStream(self.terminal)
        self._since = 0  # the first line that `wait` and `ready` look at

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.close(force=True)

    # --- typing ---

    def type(self, keys: str) -> None:
        """Keys as they are; `CTRL_C`, `CTRL_D` and `ENTER` are keys too."""
        self._child.send(keys.encode())

    def line(self, words: str = "") -> None:
        """Words and Enter. `wait` and `ready` then look below."""
        self._since = self.terminal.row + 1
        self.type(words + ENTER)

    def key(self, key: str) -> None:
        """One of the keys above, at a prompt. `wait` and `ready` then look below it."""
        self._since = self.terminal.row + 1
        self.type(key)

    def resize(self, columns: int, rows: int) -> None:
        """Make the window another size."""
        self.terminal.resize(rows, columns)
        self._child.setwinsize(rows, columns)

    def signal(self, number: int) -> None:
        """As ``kill -number``."""
        self._child.kill(number)

    def hang_up(self) -> int:
        """Close the window; the signal that ended the program as a negative number, or its exit code."""
        child = self._child.ptyproc  # type: ignore[attr-defined]
        child.fileobj.close()
        child.closed = True
        status: int = child.wait()
        return -child.signalstatus if child.signalstatus else status

    @property
    def put_back(self) -> bool:
        """Whether the terminal is set (echo, whole lines and so on) as it was before the program began."""
        return self._set_to() == self._set_at_first

    def _set_to(self) -> list[object]:
        import termios  # not there on Windows

        return list(termios.tcgetattr(self._child.child_fd))

    def kill(self) -> None:
        """As ``kill -9``."""
        self._child.kill(signal.SIGKILL)
        self._read_until(lambda: False, "the program to end", until_end=True)

    # --- reading ---

    def wait(self, *texts: str) -> None:
        """Read until these texts stand on the screen one after the other, below what was typed last."""
        wanted = [_packed(text) for text in texts]
        self._read_until(lambda: _in_order(wanted, self._below()), f"{texts} on the screen")

    def ready(self, label: str) -> None:
        """Read until the cursor stands right behind the label: the program waits for a line."""

        wanted = _packed(label)
        self._read_until(lambda: self._before_cursor().endswith(wanted), f"the cursor behind {label!r}")

    def end(self) -> int:
        """Read until the program has ended; its exit code, or the signal as a negative number.

        The terminal must be as it was before.
        """
        self._read_until(lambda: False, "the program to end", until_end=True)
        assert self.put_back, "the terminal is not as it was"
        self._child.close()
        status, signalled = self._child.exitstatus, self._child.signalstatus
        return status if status is not None else -(signalled or 0)

    def text(self) -> str:
        """All that is on the screen and has scrolled away above it, without blanks at the ends of lines."""
        return "\n".join(line.rstrip() for line in [*self.terminal.above, *self.terminal.display]).rstrip() + "\n"

    def styles(self) -> set[tuple[str, str]]:
        """Every pair of colours that is on the screen now: letters, ground."""
        return {(char.fg, char.bg) for line in self.terminal.buffer.values() for char in line.values()}

    # --- inside ---

    def _below(self) -> str:
        return _packed("".join([*self.terminal.above, *self.terminal.display][self._since :]))

    def _before_cursor(self) -> str:
        """What stands below what was typed last and before the cursor."""
        terminal = self.terminal
        cells = terminal.buffer[terminal.cursor.y]
        lines = [*terminal.above, *terminal.display[: terminal.cursor.y]]
        last = "".join(cells[x].data for x in range(terminal.cursor.x))
        return _packed("".join([*lines, last][self._since :]))

    def _read_until(self, there: Callable[[], bool], what: str, *, until_end: bool = False) -> None:
        until = time.monotonic() + PATIENCE_S
        while not there():
            if self._child.closed:
                raise AssertionError(f"the program had ended; waited for {what}\n{self.text()}")
            try:
                data = self._child.read_nonblocking(1 << 16, timeout=max(0.0, until - time.monotonic()))
            except pexpect.EOF:
                if until_end or there():
                    return
                raise AssertionError(f"the program ended; waited for {what}\n{self.text()}") from None
            except pexpect.TIMEOUT:
                raise AssertionError(f"waited in vain for {what}\n{self.text()}") from None
            self.raw += data
            self._stream.feed(data)


def _packed(text: str) -> str:
    """Without blanks: where a line ends depends on the terminal."""
    return "".join(text.split())


def _in_order(texts: Sequence[str], there: str) -> bool:
    at = 0
    for text in texts:
        at = there.find(text, at)
        if at < 0:
            return False
        at += len(text)
    return True
