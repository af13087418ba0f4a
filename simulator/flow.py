"""Words on the screen as they come: stage directions are set off, and no line ends within a word."""

from __future__ import annotations

import asyncio
import re

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from simulator.page import BLUE, cells, may_part, wrap
from simulator.transcript import printable


class Flow:
    """What the customer says, on the screen as it comes; stage directions are set off, no line ends within a word.

    The name is there at once: it shows that an answer is on its way. A word that begins near the right margin is
    held back until all of it is there.

    Args:
        console: where it is shown.
        label: what stands before the words.
    """

    MARGIN = 16
    """Cells; longer words are seldom."""

    def __init__(self, console: Console, label: str) -> None:
        self._console = console
        self._begun = self._over = False
        self._column = cells(label)  # cells that are taken in the last line
        self._word = Text()  # what is not on the screen yet
        self._before = " "  # the character before
        self._inside = 0  # brackets that are open: a stage direction may come in several pieces
        console.print(Text(label, f"bold {BLUE}"), end="", soft_wrap=True)

    def write(self, words: str) -> None:
        """Show some more words."""
        ready = Text()
        for ch in words if self._begun else words.lstrip():
            self._begun = True
            if may_part(self._before, ch):
                self._place(ready)
            self._inside += ch in "（("
            self._word.append(ch, "dim italic" if self._inside else "")
            self._inside -= ch in "）)" and self._inside > 0
            self._before = ch
        if self._column + cells(self._word.plain) + self.MARGIN <= self._console.width:
            self._place(ready)  # the rest of the word will stand behind it
        self._console.print(ready, end="", soft_wrap=True)

    def close(self) -> bool:
        """End the line; whether there are words in it. Without any the name goes too."""
        if not self._over:
            self._over = True
            rest = Text()
            self._place(rest)
            self._console.print(rest, end="", soft_wrap=True)
            if self._begun:
                self._console.print()
            else:
                self._console.control(Control(ControlType.CARRIAGE_RETURN, (ControlType.ERASE_IN_LINE, 2)))
        return self._begun

    def _place(self, ready: Text) -> None:
        """Set the word behind what is ready, in a new line if it does not fit."""
        word, self._word = self._word, Text()
        width = self._console.width
        room = cells(word.plain)
        if self._column + room > width and word.plain == " ":
            self._column = width
            return
        if self._column + room > width >= room:
            ready.append("\n")
            self._column = 0
        for ch in word.divide(range(1, len(word))):
            if self._column + cells(ch.plain) > width:
                ready.append("\n")
                self._column = 0
            ready.append_text(ch)
            self._column += cells(ch.plain)


class Sentences:
    """What the customer says, for a screen reader: whole sentences on lines of their own, the name before the first.

    Where nothing was to be said for a while, a line says that the customer is being waited for.

    Args:
        console: where it is shown.
        label: what stands before the words.
        waiting: what is said when the words do not come.
        patience_s: seconds until then; a sentence is seldom longer on its way.
    """

    _END = re.compile(r"[。！？!?…]+[”’」』\"']*|(?<=\w{4})\.+[”’\"']*(?=\s)")  # "Mr." ends nothing

    def __init__(self, console: Console, label: str, waiting: str, patience_s: float = 2.0) -> None:
        self._console = console
        self._label = label
        self._begun = self._over = False
        self._rest = ""  # the sentence that is not complete yet
        self._alarm = asyncio.get_running_loop().call_later(patience_s, self._lines, waiting)

    def write(self, words: str) -> None:
        """Show the sentences that are complete now."""
        self._rest += words if self._rest else words.lstrip()
        begin = 0
        for mark in self._END.finditer(self._rest):
            end = mark.end()
            # At the very end another mark may follow, or a quotation mark.
            if end < len(self._rest) and _outside(self._rest[begin:end]):
                self._say(self._rest[begin:end])
                begin = end
        self._rest = self._rest[begin:].lstrip()

    def close(self) -> bool:
        """Say the rest; whether there were words."""
        self._alarm.cancel()
        if not self._over:
            self._over = True
            self._say(self._rest)
        return self._begun

    def _say(self, words: str) -> None:
        self._alarm.cancel()
        if words := words.strip():
            self._lines(words if self._begun else self._label + words)
            self._begun = True

    def _lines(self, words: str) -> None:
        for line in wrap(printable(words), self._console.width):
            self._console.print(line, soft_wrap=True)


def _outside(words: str) -> bool:
    """Whether every bracket is closed: a stage direction stays in one piece."""
    return sum(ch in "（(" for ch in words) <= sum(ch in "）)" for ch in words)
