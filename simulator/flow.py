"""Words on the screen as they come: stage directions are set off, and no line ends within a word."""

from __future__ import annotations

from rich.cells import cell_len
from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from simulator.page import may_part


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
        self._column = cell_len(label)  # cells that are taken in the last line
        self._word = Text()  # what is not on the screen yet
        self._before = " "  # the character before
        self._inside = 0  # brackets that are open: a stage direction may come in several pieces
        console.print(Text(label, "bold cyan"), end="", soft_wrap=True)

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
        if self._column + self._word.cell_len + self.MARGIN <= self._console.width:
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
        if self._column + word.cell_len > width and word.plain == " ":
            self._column = width
            return
        if self._column + word.cell_len > width >= word.cell_len:
            ready.append("\n")
            self._column = 0
        for ch in word.divide(range(1, len(word))):
            if self._column + ch.cell_len > width:
                ready.append("\n")
                self._column = 0
            ready.append_text(ch)
            self._column += ch.cell_len
