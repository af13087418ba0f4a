"""The same call for pipes: the agent's words come in as lines, the call goes out as lines of text or of JSON.

No colours, no pacing. Every turn waits for the critic, so that the same input gives the same call. With
``--json``, whatever would give the customer away is held back until the call has ended.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TextIO

from simulator import back
from simulator.errors import ModelError
from simulator.events import AgentSaid, CustomerSaid, Ended, Rewound
from simulator.persona import Persona
from simulator.transcript import Turn, printable

if TYPE_CHECKING:
    from simulator.calls import Calls
    from simulator.session import Session, Update
    from simulator.texts import Texts

GUESS = "/guess "


def run(persona: Persona, calls: Calls, say: Texts, *, as_json: bool, last: Session | None = None) -> int:
    """Hold a call over standard input and output; returns the exit code. With `last` it is the next one after that.

    Each line of input is what the agent says; an empty line is staying quiet. ``/end`` (or the end of input)
    ends the call, ``/quit`` leaves it open. ``/back N`` goes back in it, also once it has ended. After the end up to
    two lines ``/guess …`` are read: the need, the cues.

    Raises:
        ModelError: an answer did not come. The call stays open.
        UsageError: they cannot go back there: what follows would be said at the wrong place. The call stays open.
    """
    if as_json and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON is, whatever the locale
    output: _Output = _JsonLines(sys.stdout) if as_json else _PlainLines(sys.stdout, persona, say)
    if calls.offline:
        print(say("chat.offline"), file=sys.stderr)
    return asyncio.run(_hold(persona, calls, say, output, last))


async def _hold(persona: Persona, calls: Calls, say: Texts, output: _Output, last: Session | None) -> int:
    if last:
        try:
            await last.find_promises()
        except ModelError as error:
            print(" ".join([*say.error(error), say("chat.promises_unread")]), file=sys.stderr)
    session, start = calls.next(last) if last else calls.new(persona)
    typed = _typed(sys.stdin)
    try:
        async for update in session.begin(start):
            output.show(update)
        if session.awaits_answer:
            async for update in session.answer():
                output.show(update)
        went_back = True
        while went_back:
            left_open = await _call(session, typed, output, say)
            if left_open:
                print(say("chat.left_open"), file=sys.stderr)
                return 0
            went_back = _guess(session, typed, output, say)
        await session.debrief()
        output.reveal(session)
    finally:
        await session.close()
    return 0


async def _call(session: Session, typed: Iterator[str], output: _Output, say: Texts) -> bool:
    """The turn loop over lines; whether the call was left open."""
    while not session.over:
        line = _command(next(typed, "/end").strip())
        if line in {"/quit", "/退出"}:
            return True
        if line in {"/end", "/结束"}:
            session.end()
            output.show(session.events[-1])
            return False
        if (number := back.wanted(line)) is not None:
            _back(session, number, output, say)
            continue
        if line.startswith("/"):  # a slip of the script: no customer should hear it
            print(say("chat.not_said", typed=printable(line)), file=sys.stderr)
            continue
        async with aclosing(session.say(line)) as updates:
            async for update in updates:
                output.show(update)
        await session.settle()
    return False


def _command(line: str) -> str:
    """The line, with the full-width slash of Chinese keyboards as a slash."""
    return "/" + line[1:] if line.startswith("／") else line


def _guess(session: Session, typed: Iterator[str], output: _Output, say: Texts) -> bool:
    """Read the guess from what is left of the input, up to where they go back; whether they do.

    Anything else that is left is not said, and that is told.
    """
    rest: list[str] = []
    number = None
    for line in typed:
        if (number := back.wanted(line)) is not None:
            break
        if line.strip():
            rest.append(_command(line))
    guesses = [line.removeprefix(GUESS) for line in rest if line.startswith(GUESS)][:2]
    if guesses:
        need, cues, *_ = *guesses, "", ""
        session.guess(need, cues)
    if unsaid := len(rest) - len(guesses):
        print(say("chat.unsaid_lines", count=unsaid), file=sys.stderr)
    if number is not None:
        _back(session, number, output, say)
    return number is not None


def _back(session: Session, number: str, output: _Output, say: Texts) -> None:
    """Go back in the call."""
    turn = back.go(session, number, say)
    output.back(session, turn)


def _typed(source: TextIO) -> Iterator[str]:
    for line in source:
        yield line.rstrip("\r\n")


class _Output:
    """Where a call goes."""

    def show(self, update: Update) -> None:
        raise NotImplementedError

    def back(self, session: Session, turn: Turn) -> None:
        """They went back to just after this turn."""
        raise NotImplementedError

    def reveal(self, session: Session) -> None:
        raise NotImplementedError


class _PlainLines(_Output):
    """One line a turn, and the debrief at the end."""

    def __init__(self, out: TextIO, persona: Persona, say: Texts) -> None:
        self._out = out
        self._name = printable(persona.customer.name)
        self._say = say

    def show(self, update: Update) -> None:
        if isinstance(update, CustomerSaid):
            self._line(self._say("chat.them", name=self._name) + printable(update.text))
        elif isinstance(update, AgentSaid):
            self._line(self._say("chat.you") + (printable(update.text) or self._say("chat.stayed_quiet")))
        elif isinstance(update, Ended):
            self._line(self._say(f"chat.ended.{update.how}"))

    def back(self, session: Session, turn: Turn) -> None:
        self._line(self._say("chat.back.gone", line=len(session.turns)))
        self._line(self._say("chat.them", name=self._name) + printable(turn.text))

    def reveal(self, session: Session) -> None:
        from rich.console import Console

        from simulator.debrief import report

        console = Console(file=self._out, no_color=True, highlight=False, markup=False, emoji=False, width=100)
        console.print()
        console.print(report.debrief(session.persona, session.events, self._say, session.number))

    def _line(self, line: str) -> None:
        print(line, file=self._out, flush=True)


class _JsonLines(_Output):
    """One event a line."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def show(self, update: Update) -> None:
        from pydantic import BaseModel

        if isinstance(update, BaseModel):
            self._line(update.model_dump(mode="json", exclude=set(update.spoilers)))

    def back(self, session: Session, turn: Turn) -> None:  # noqa: ARG002 - the event names it
        self.show(session.events[-1])

    def reveal(self, session: Session) -> None:
        """What was held back: findings and debrief as they are, then the fields that the live lines left out."""
        for event in session.events:
            if not isinstance(event, AgentSaid | CustomerSaid | Ended | Rewound) and event is not session.start:
                self._line(event.model_dump(mode="json"))
        turns = {
            e.turn: e.model_dump(mode="json", include=set(e.spoilers))
            for e in session.events
            if isinstance(e, CustomerSaid)
        }
        held_back = session.start.model_dump(mode="json", include=set(session.start.spoilers))
        self._line({"kind": "revealed", **held_back, "turns": turns})

    def _line(self, value: dict[str, Any]) -> None:
        print(json.dumps(value, ensure_ascii=False), file=self._out, flush=True)
