"""Asking a person, or a pipe, the questions of `interview`: each until its answer fits.

`<` goes back. What was there before stands on the line and can be changed; from a pipe an empty line keeps it. What may
be left out is left out with `-`, or by leaving the line empty.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from rich.text import Text

from simulator.persona import CHANNELS, check
from simulator.screen.keyboard import Keyboard, Left
from simulator.screen.page import WIDEST, wrap
from simulator.transcript import printable
from simulator.workbench.fields import example
from simulator.workbench.interview import Question, value

if TYPE_CHECKING:
    from rich.console import Console

    from simulator.errors import Problem
    from simulator.texts import Texts

    Fault = Callable[[Question, Any], str]
    """What is wrong with an answer, as a sentence; empty: nothing."""

BACK: Final = object()
"""In the place of an answer: they want to go back to the question before."""
_BACK = frozenset("<＜《")
_NOTHING = frozenset("-－—")
_YES, _NO = {"y", "yes", "是", "好", "要"}, {"n", "no", "否", "不", "不要"}


class _Asker(Protocol):
    """Somebody, or something, that answers.

    Attributes:
        prefills: whether what was there before stands on the line.
    """

    prefills: bool

    async def ask(self, label: str, before: str) -> str:
        """A line. Raises `Left` or KeyboardInterrupt when there are no more to come."""
        ...


class _Person:
    prefills = True

    def __init__(self, say: Texts, console: Console) -> None:
        self._keyboard = Keyboard(say, no_color=console.no_color)

    async def ask(self, label: str, before: str) -> str:
        return await self._keyboard.ask(label, words=before)


class _Pipe:
    """Answers come as lines; they are printed behind what they answer, so that the whole can be read."""

    prefills = False

    def __init__(self, console: Console) -> None:
        self._console = console

    async def ask(self, label: str, before: str) -> str:
        line = sys.stdin.readline()
        if not line:
            raise Left
        line = printable(line.rstrip("\r\n"))
        self._console.print(Text(f"{label}{line or before}"), soft_wrap=True)
        return line


class Asking:
    """Puts questions and takes answers.

    Args:
        say: the screens' texts.
        console: where to print.
        person: whether somebody sits at a terminal; else the answers come from a pipe.
    """

    def __init__(self, say: Texts, console: Console, *, person: bool) -> None:
        self._say = say
        self._console = console
        self._asker: _Asker = _Person(say, console) if person else _Pipe(console)

    async def answer(
        self, one: Question, before: Any, default: Any, language: str, fault: Fault, keep: Callable[[Any], None]
    ) -> Any:
        """The answer to a question, None when it is left out, or `BACK`.

        Args:
            one: the question.
            before: the answer that was there; it stands on the line to be changed.
            default: what an empty line stands for while there is no answer.
            language: of the example, ``zh`` or ``en``.
            fault: says what is wrong with an answer.
            keep: is given a list each time that it is longer by a line, so that nothing is lost.

        Raises:
            Left: nobody answers any more. KeyboardInterrupt: Ctrl-C.
        """
        self._put(one, language, default if before is None else None)
        if one.kind == "lines":
            return await self._lines(one, before or default or [], fault, keep)
        empty = default if before is None else None if self._asker.prefills else before
        while True:
            typed = await self.typed("> ", as_typed(before)) or as_typed(empty)
            if typed in _BACK or (before is not None and typed[:-1] == as_typed(before) and typed[-1:] in _BACK):
                return BACK
            if one.optional and (not typed or typed in _NOTHING):
                return None
            answer = value(one, typed)
            if one.kind == "yes":
                if answer.lower() in _YES | _NO:
                    return answer.lower() in _YES
                sentence = self._say("draft.yes_or_no")
            else:
                sentence = fault(one, answer)
            if not sentence:
                return answer
            self.line(sentence, "red")

    async def typed(self, label: str, before: str = "") -> str:
        """What is typed behind a label."""
        return printable(await self._asker.ask(label, before)).strip()

    def wants_back(self, typed: str) -> bool:
        """Whether that means to go back."""
        return typed in _BACK

    def line(self, text: str, style: str = "", *, hang: int = 0, margin: int = 0) -> None:
        """Print a paragraph whose later lines stand `hang` cells to the right, the first one `margin`."""
        for words in wrap(printable(text), min(self._console.width, WIDEST) - max(hang, margin)):
            self._console.print(Text(" " * margin + words, style), soft_wrap=True)
            margin = hang

    def gap(self) -> None:
        """Print an empty line."""
        self._console.print()

    def _put(self, one: Question, language: str, default: Any) -> None:
        self.gap()
        text = self._say(f"draft.ask.{one.name}", number=one.number)
        self.line(text + (self._say("draft.optional") if one.optional else ""), "bold")
        if one.kind == "channel":
            for number, channel in enumerate(CHANNELS, 1):
                self.line(f"{number}  {channel}  {self._say(f'draft.channel.{channel}')}", hang=5, margin=2)
        elif one.path[0] != "more":
            found = example(one.path, language)
            words = " / ".join(map(as_line, found)) if one.kind == "lines" else as_typed(found)
            if words != as_typed(default):
                self.line(self._say("draft.example", words=words), "dim", hang=2)
        if default is not None and one.kind != "lines":
            self.line(self._say("draft.default", words=as_typed(default)), "dim", hang=2)

    async def _lines(self, one: Question, before: list[Any], fault: Fault, keep: Callable[[Any], None]) -> Any:
        """One line after the other; an empty one behind the last ends them."""
        kept = [as_line(entry) for entry in before]
        at = 0
        while True:
            old = kept[at] if at < len(kept) else ""
            typed = await self.typed(f"{at + 1}. ", old) or ("" if self._asker.prefills else old)
            if typed in _BACK or (old and typed[:-1] == old and typed[-1:] in _BACK):  # typed behind what stands there
                if not at:
                    return BACK
                at -= 1
            elif typed and typed not in _NOTHING:
                if problem := _line_problem(one, typed):
                    self.line(self.sentence(problem), "red")
                    continue
                kept[at : at + 1] = [typed]
                at += 1
                if not fault(one, _entries(one, kept)):
                    keep(_entries(one, kept))
            elif at < len(kept):
                del kept[at]
            elif not kept and one.optional:
                return None
            elif sentence := fault(one, _entries(one, kept)):
                self.line(sentence, "red")
            else:
                return _entries(one, kept)

    def sentence(self, problem: Problem) -> str:
        """What is wrong with an answer."""
        return self._say("draft.wrong", sentence=self._say.what(problem.key, problem.facts))


def as_typed(answer: Any) -> str:
    """An answer as somebody would type it."""
    if answer is None:
        return ""
    if isinstance(answer, bool):
        return "y" if answer else "n"
    return ", ".join(answer) if isinstance(answer, list) else str(answer)


def as_line(entry: Any) -> str:
    """An entry of a list as somebody would type it: with + between what an offline critic must hear together."""
    return " + ".join(entry) if isinstance(entry, list) else str(entry)


def _entries(one: Question, lines: list[str]) -> list[Any]:
    """What `as_line` made of them, undone."""
    if one.section != "ears":
        return list(lines)
    return [[part.strip() for part in line.split("+")] if "+" in line else line for line in lines]


def _line_problem(one: Question, line: str) -> Problem | None:
    return None if one.section == "ears" else check((*one.path, 0), line)
