"""What is typed, on a screen that is read aloud: nothing is drawn again, and the cursor never leaves its line.

The line editor draws nothing then; this is all that is seen of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from simulator.screen.page import cells

if TYPE_CHECKING:
    from prompt_toolkit.buffer import Buffer


class Echo:
    """The line that is typed, behind its label. What cannot be shown in place comes as a new line.

    Args:
        label: what stands before it.
        words: what is on it already.
        buffer: what is typed.
        write: puts text on the screen as it is.
        width: the screen's, in cells, as it is now.
    """

    def __init__(
        self, label: str, words: str, buffer: Buffer, write: Callable[[str], object], width: Callable[[], int]
    ) -> None:
        self._label = label
        self._buffer = buffer
        self._write = write
        self._width = width
        self._text = self._before = words  # what is on the screen: all of it, and what stands before the cursor
        write(label + words)

    def __call__(self, _: object = None) -> None:
        """The buffer has changed: show it."""
        text, before = self._buffer.text, self._buffer.document.text_before_cursor
        if (text, before) == (self._text, self._before):
            return
        fits = cells(self._label + text) < self._width()
        in_one_row = fits and cells(self._label + self._text) < self._width()
        same = _common(before, self._before)
        if self._before == self._text and before == text and text.startswith(self._text):
            self._write(text[len(self._text) :])  # what mostly happens: they type on
        elif text == self._text:
            if in_one_row:  # the cursor has moved: over what is there
                self._write("\b" * cells(self._before[len(same) :]) + before[len(same) :])
        elif in_one_row and same in {before, self._before}:  # changed at the cursor
            gone = max(0, cells(self._text) - cells(text))
            self._write("\b" * cells(self._before[len(same) :]) + text[len(same) :] + " " * gone + "\b" * gone)
            self._write("\b" * cells(text[len(before) :]))
        else:  # another line, such as an earlier one: to be read from its start
            self._write(f"\n{self._label}{text}" + "\b" * (cells(text[len(before) :]) if fits else 0))
        self._text, self._before = text, before


def _common(one: str, other: str) -> str:
    """How both begin."""
    end = next((at for at, (ch, other_ch) in enumerate(zip(one, other, strict=False)) if ch != other_ch), None)
    return min(one, other, key=len) if end is None else one[:end]
