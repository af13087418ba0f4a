"""Words on the screen as they come: stage directions are set off, stress is seen, and no line ends within a word."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType
from rich.text import Text

from simulator.pace import Tempo
from simulator.screen.page import BLUE, cells, may_part, wrap
from simulator.transcript import printable


class Flow:
    """What the customer says, on the screen as it comes; stage directions are set off, no line ends within a word.

    The name is there at once: it shows that an answer is on its way. A word that begins near the right margin is
    held back until all of it is there, and so is what may turn out to be stressed.

    Args:
        console: where it is shown.
        label: what stands before the words.
        language: the one that is spoken.
    """

    MARGIN = 16
    """Cells; longer words are seldom."""

    def __init__(self, console: Console, label: str, language: str) -> None:
        self._console = console
        self._language = language
        self._unsettled = ""  # words whose stress is not known yet
        self._begun = self._over = False
        self._column = cells(label)  # cells that are taken in the last line
        self._word = Text()  # what is not on the screen yet
        self._before = " "  # the character before
        self._inside = 0  # brackets that are open: a stage direction may come in several pieces
        console.print(Text(label, f"bold {BLUE}"), end="", soft_wrap=True)

    def write(self, words: str) -> None:
        """Show some more words."""
        text = self._unsettled + words
        runs, self._unsettled = stressed(text if self._begun else text.lstrip(), self._language)
        self._show(runs)

    def _show(self, runs: list[tuple[str, bool]]) -> None:
        ready = Text()
        for ch, stress in ((ch, stress) for run, stress in runs for ch in run):
            self._begun = True
            if may_part(self._before, ch):
                self._place(ready)
            self._inside += ch in "（("
            self._word.append(ch, "dim italic" if self._inside else "bold" if stress else "")
            self._inside -= ch in "）)" and self._inside > 0
            self._before = ch
        if self._column + cells(self._word.plain) + self.MARGIN <= self._console.width:
            self._place(ready)  # the rest of the word will stand behind it
        self._console.print(ready, end="", soft_wrap=True)

    def close(self) -> bool:
        """End the line; whether there are words in it. Without any the name goes too."""
        if not self._over:
            self._over = True
            self._show(stressed(self._unsettled, self._language, whole=True)[0])
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
            words_there = any(ch.isalnum() for ch in self._rest[begin:end])  # dots alone are a breath, not a sentence
            if end < len(self._rest) and words_there and _outside(self._rest[begin:end]):
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


class Speech:
    """Words that are shown at a speaker's pace.

    Args:
        flow: where they are shown.
        tempo: the pace.
        at_once: set when somebody asks for the rest at once.
    """

    def __init__(self, flow: Flow | Sentences, tempo: Tempo, at_once: asyncio.Event) -> None:
        self._flow = flow
        self._tempo = tempo
        self._at_once = at_once
        self._since = 0.0  # when the words before were due, by the loop's clock

    async def say(self, words: str) -> None:
        """Show some more words when they are due; what is due already is shown at once."""
        clock = asyncio.get_running_loop().time
        came = clock()
        due = self._since + self._tempo.before(words)
        if came < due and not self._at_once.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(due - came):
                    await self._at_once.wait()
        self._flow.write(words)
        self._since = max(came, due)


_STRESSED = re.compile(
    r"(?P<mark>\*{1,2})(?P<marked>[^\s*](?:[^*。，；,;]{0,24}[^\s*])?)(?P=mark)"
    r"|[“「][\u3400-\u9fff]{1,8}[”」]"
    r"|(?P<capitals>(?<![A-Za-z])[A-Z]{2,}(?:['’][A-Z]+)?(?![A-Za-z]))"
    r"|[!！]{2,}"
)
_MAY_BE_STRESSED = re.compile(
    r"(?:\*\*(?:[^\s*][^*。，；,;]{0,25}\*?)?|\*(?:[^\s*][^*。，；,;]{0,25})?"
    r"|[“「][\u3400-\u9fff]{0,8}"
    r"|(?<![A-Za-z])(?:[A-Z]{2,}(?:['’][A-Z]*)?|[B-HJ-Z]))\Z"
)
_ABBREVIATIONS = frozenset(
    "AI AM APP APR ASAP ATM CEO CPI EU FAQ GDP IBAN ID IOU ISA IVR OK OTP PIN SIM UK URL US USA USB VAT VIP".split()  # noqa: SIM905
)


def stressed(text: str, language: str, *, whole: bool = False) -> tuple[list[tuple[str, bool]], str]:
    """What is said with stress, as people write it: capitals, ``*marked*`` words, “几个字” in quotes, ！！.

    In Chinese capitals are abbreviations; elsewhere those that are known or have no vowel are.

    Returns:
        The words in runs, each with whether it is stressed, without the asterisks; and what stands at the end of a
        text that is not whole yet and may be stressed, depending on what comes.
    """
    end = len(text)
    if not whole:
        closed = max((match.end() for match in _STRESSED.finditer(text) if match[0][-1] in "*”」"), default=0)
        if may_be := _MAY_BE_STRESSED.search(text, closed):
            end = may_be.start()
    runs, at = [], 0
    for match in _STRESSED.finditer(text[:end]):
        word = match["capitals"]
        if word and (language.startswith("zh") or word in _ABBREVIATIONS or not set(word) & set("AEIOUY")):
            continue
        runs += [(text[at : match.start()], False), (match["marked"] or match[0], True)]
        at = match.end()
    return [run for run in [*runs, (text[at:end], False)] if run[0]], text[end:]
