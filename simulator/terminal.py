"""A practice call at a terminal: the card, the call, the guess and the debrief, for a person at the keyboard.

No decision of the call is made here. Whatever was said by a model, a persona file or a person is printed as
data: without control characters, never as markup.
"""

from __future__ import annotations

import asyncio
import difflib
import traceback
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from simulator import report
from simulator.card import desk, show_card
from simulator.errors import ModelError, SimulatorError, UsageError
from simulator.events import CouldNotJudge, CustomerSaid, Ended, FindingsMade, Guessed, Started
from simulator.flow import Flow
from simulator.hints import HINTS
from simulator.keyboard import Keyboard, Left, unless_interrupted
from simulator.page import wrap
from simulator.persona import Persona, files, load
from simulator.transcript import Turn, is_quiet, printable

if TYPE_CHECKING:
    from simulator.calls import Calls
    from simulator.session import Session, Update
    from simulator.texts import Texts

_T = TypeVar("_T")

COMMANDS = {
    "/desk": "desk", "/资料": "desk",
    "/hint": "hint", "/提示": "hint",
    "/help": "help", "/帮助": "help",
    "/end": "end", "/结束": "end",
    "/quit": "quit", "/退出": "quit",
}  # fmt: skip


class Terminal:
    """One run of the program at a terminal.

    Args:
        say: the screens' texts.
        console: where to print.
        debug: whether the technical details of errors are shown.
    """

    def __init__(self, say: Texts, console: Console, *, debug: bool = False) -> None:
        self._say = say
        self._console = console
        self._debug = debug
        self._keyboard = Keyboard(say, no_color=console.no_color)
        self._unsent = ""  # words that Ctrl-C took from the prompt, and that it gets back
        self._kept = ""  # what to say about what stays open, if they leave now

    def run(self, persona: Persona | None, calls: Calls, last: Session | None = None) -> int:
        """Hold a call with the persona, whose card has been shown, or with one chosen from a list; the exit code.

        With `last` it is the next call after that one.
        """
        try:
            return asyncio.run(self._run(persona, calls, last))
        except Left:
            if self._kept:
                self._note(self._say(self._kept))
            return 0

    async def _run(self, persona: Persona | None, calls: Calls, last: Session | None) -> int:
        session = await self._take_up(calls, persona)
        if session is None:
            if last:
                session, start = await self._next_call(calls, last)
            else:
                if persona is None:
                    persona = await self._choose()
                    show_card(persona, self._say, self._console)
                session, start = calls.new(persona)
            self._kept = "chat.left_open"
            self._engine_notice(start.engine == "offline", start.models.get("customer", ""))
            self._note(self._say("chat.exam" if start.mode == "exam" else "chat.how"))
            self._console.print()
            async for update in session.begin(start):
                if isinstance(update, CustomerSaid):
                    self._turn(session, Turn(update.turn, "customer", update.text))
        try:
            await self._call(session)
            await self._debrief(session)
        finally:
            await session.close()
        return 0

    # --- before the call ---

    async def _next_call(self, calls: Calls, last: Session) -> tuple[Session, Started]:
        """Have the last call read for promises, which is done once, then show what the agent's screen has of it."""
        try:
            with self._console.status(self._say("chat.reading_last"), spinner="dots"):
                await unless_interrupted(last.find_promises())
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise Left from None
        except ModelError as error:
            self._sentences([*self._say.error(error), self._say("chat.promises_unread")])
        session, start = calls.next(last)
        show_card(session.persona, self._say, self._console, start.before)
        return session, start

    async def _choose(self) -> Persona:
        """Let the agent choose from the built-in personas."""
        there: list[Persona] = []
        for file in files():
            try:
                there.append(load(file))
            except SimulatorError as error:  # one bad file must not hide the others
                self._sentences(self._say.error(error))
        # The language of the screens first: that is most likely what they came for.
        there.sort(key=lambda one: not one.language.startswith(self._say.language))
        for number, one in enumerate(there, 1):
            self._entry(number, one)
        while True:
            wanted = (await self._keyboard.ask(self._say("chat.choose", count=len(there)))).strip()
            if wanted.isdecimal() and 1 <= int(wanted) <= len(there):
                return there[int(wanted) - 1]
            ids = {one.id: one for one in there}
            if near := difflib.get_close_matches(wanted, ids, n=1, cutoff=0.6):
                return ids[near[0]]
            self._note(self._say("chat.choose_again", count=len(there)))

    def _entry(self, number: int, persona: Persona) -> None:
        """A line of the list; what does not fit into it hangs below."""
        margin = 12
        width = self._console.width - margin
        name = printable(persona.customer.name)
        lines = [Text(words) for words in wrap(f"{name}  {printable(persona.title)}", width)]
        lines[0].stylize("bold", 0, len(name))
        if lines[-1].cell_len + 2 + cell_len(persona.id) > width:
            lines.append(Text())
        lines[-1].append("  " if lines[-1] else "").append(persona.id, "dim")
        stars = "★" * persona.difficulty + "☆" * (5 - persona.difficulty)
        head = Text(f"{number:>3}  ").append(stars, "yellow").append("  ")
        for line in lines:
            self._console.print(head.append_text(line), soft_wrap=True)
            head = Text(" " * margin)

    async def _take_up(self, calls: Calls, carded: Persona | None) -> Session | None:
        """Offer the latest call that has no debrief yet: go on, end it with its debrief, or leave it."""
        session = self._latest(calls)
        if session is None:
            return None
        name = session.persona.customer.name
        when = session.start.at.astimezone().strftime("%m-%d %H:%M")
        self._line(self._say("chat.unfinished", name=name, title=session.persona.title, when=when))
        self._kept = "chat.left_debrief" if session.over else "chat.left_open"
        if session.over:
            choice = await self._keyboard.choice("chat.unfinished_over", "dn")
        else:
            choice = await self._keyboard.choice("chat.unfinished_choice", "gdn")
        self._console.print()
        if choice == "n":
            self._kept = ""
            return None
        if session.persona != carded or session.start.before:
            show_card(session.persona, self._say, self._console, session.start.before)
        self._engine_notice(session.start.engine == "offline", session.start.models.get("customer", ""))
        self._console.print()
        for turn in session.turns:
            self._turn(session, turn)
        if choice == "d" and not session.over:
            session.end()
        return session

    def _latest(self, calls: Calls) -> Session | None:
        """The latest unfinished call that can be taken up; what is in the way of a later one is said."""
        for kept in calls.unfinished():
            try:
                return calls.again(kept.id)
            except SimulatorError as error:
                self._sentences(self._say.error(error))
        return None

    # --- the call ---

    async def _call(self, session: Session) -> None:
        """The turn loop at the keyboard: ask for the agent's words, show the customer's, until the call is over."""
        session.judge()  # what an earlier run of the program left unjudged
        if session.awaits_answer:
            await self._show(session, session.answer)
        while not session.over:
            words = await self._agent_words(session)
            if words is not None:
                await self._show(session, lambda words=words: session.say(words))  # type: ignore[misc]

    async def _agent_words(self, session: Session) -> str | None:
        """What the agent says next; None when they gave a command instead."""
        try:
            words = await self._keyboard.ask(self._say("chat.you"), self._toolbar(session), self._unsent)
        except KeyboardInterrupt:
            self._unsent = self._keyboard.unsent
            choice = await self._keyboard.choice("chat.interrupt", "ceq")
            self._command(session, {"e": "end", "q": "quit", "c": ""}[choice])
            return None
        self._unsent = ""
        words = printable(words).strip()
        if not words.startswith(("/", "／")):
            if not words:
                self._note(self._say("chat.stayed_quiet"))
            return words
        typed = "/" + words[1:].lower()
        if typed in COMMANDS:
            self._command(session, COMMANDS[typed])
            return None
        near = difflib.get_close_matches(typed, COMMANDS, n=1, cutoff=0.4)
        self._note(self._say("chat.no_such_command", typed=typed, near=near[0] if near else "/help"))
        return None

    def _command(self, session: Session, command: str) -> None:
        match command:
            case "desk":
                self._console.print(desk(session.persona, self._say, session.start.before))
            case "hint":
                self._hint(session)
            case "help":
                self._line(self._say("chat.help"))
            case "end":
                session.end()
            case "quit":
                raise Left

    def _hint(self, session: Session) -> None:
        try:
            given = session.hint()
        except UsageError as error:
            return self._sentences(self._say.error(error))
        if given is None:
            return self._note(self._say("chat.hint.none"))
        cue = session.persona.cue(given.cue)
        words = next(turn.text for turn in session.turns if turn.id == given.turn)
        values = {"channel": self._say(f"report.channel.{cue.channel}"), "words": words, "means": cue.means}
        return self._line(self._say(f"chat.hint.{HINTS[given.step - 1]}", **values), "italic")

    async def _show(self, session: Session, answer: Callable[[], AsyncGenerator[Update, None]]) -> None:
        """Show the customer's answer as it comes. Ctrl-C cuts in; a failure asks what to do."""
        while True:
            try:
                await unless_interrupted(self._stream(session, answer()))
            except asyncio.CancelledError:
                pass
            except ModelError as error:
                self._sentences(self._say.error(error))
                if self._debug:
                    self._line("".join(traceback.format_exception(error)), "dim")
            if not session.awaits_answer:
                return
            # Before anything was said there is nothing that a debrief could be about.
            said = bool(session.turns)
            choice = await self._keyboard.choice(*(("chat.failed", "req") if said else ("chat.failed_first", "rq")))
            if choice != "r":
                self._command(session, {"e": "end", "q": "quit"}[choice])
                return
            answer = session.answer

    async def _stream(self, session: Session, updates: AsyncGenerator[Update, None]) -> None:
        from simulator.session import Discarded, Words

        flow = self._flow(session)
        try:
            async with aclosing(updates):
                async for update in updates:
                    if isinstance(update, Words):
                        flow.write(update.text)
                    elif isinstance(update, Discarded):
                        if flow.close():
                            self._note(self._say("chat.discarded"))
                        flow = self._flow(session)
                    elif isinstance(update, Ended):
                        flow.close()
                        self._note(self._say(f"chat.ended.{update.how}"))
        except asyncio.CancelledError:
            if flow.close():
                self._note(self._say("chat.cut_in"))
            raise
        finally:
            flow.close()

    def _toolbar(self, session: Session) -> Callable[[], str]:
        """The bottom line: the commands, and whether the critic is down."""

        def line() -> str:
            judged = [e for e in session.events if isinstance(e, FindingsMade | CouldNotJudge)]
            down = bool(judged) and isinstance(judged[-1], CouldNotJudge)
            return self._say("chat.toolbar_critic_down" if down else "chat.toolbar")

        return line

    # --- after the call ---

    async def _debrief(self, session: Session) -> None:
        """The guess first, then the debrief."""
        self._kept = "chat.left_debrief"
        try:
            if not any(isinstance(event, Guessed) for event in session.events):
                self._console.print()
                self._line(self._say("debrief.before"), "bold")
                need = await self._keyboard.ask(self._say("debrief.guess_need"))
                cues = await self._keyboard.ask(self._say("debrief.guess_cues"))
                session.guess(need, cues)
            with self._console.status(self._say("debrief.waiting"), spinner="dots"):
                await unless_interrupted(session.debrief())
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise Left from None
        self._console.print()
        self._console.print(report.debrief(session.persona, session.events, self._say, session.number))

    # --- printing ---

    def _flow(self, session: Session) -> Flow:
        """A place for what the customer says next, with their name before it."""
        return Flow(self._console, self._say("chat.them", name=printable(session.persona.customer.name)))

    def _turn(self, session: Session, turn: Turn) -> None:
        """A turn that has been said."""
        if turn.speaker == "customer":
            flow = self._flow(session)
            flow.write(printable(turn.text) + ("——" if turn.interrupted else ""))
            flow.close()
        elif is_quiet(turn) and not turn.text:
            self._note(self._say("chat.stayed_quiet"))
        else:
            self._line(self._say("chat.you") + turn.text)

    def _engine_notice(self, offline: bool, model: str) -> None:
        if offline:
            self._line(self._say("chat.offline"), "yellow")
        else:
            self._note(self._say("chat.model", model=model))

    def _sentences(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            self._line(sentence, "red")

    def _note(self, line: str) -> None:
        self._line(line, "dim")

    def _line(self, text: str, style: str = "") -> None:
        """Words that were written before they are shown: no line ends within a word."""
        for paragraph in text.splitlines():
            for line in wrap(printable(paragraph), self._console.width):
                self._console.print(Text(line, style), soft_wrap=True)
