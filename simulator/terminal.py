"""A practice call at a terminal: the card, the call, the guess and the debrief, for a person at the keyboard.

No decision of the call is made here. Whatever was said by a model, a persona file or a person is printed as
data: without control characters, never as markup.
"""

from __future__ import annotations

import asyncio
import difflib
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from rich.console import Console
from rich.text import Text

from simulator import back
from simulator.debrief import report
from simulator.errors import ModelError, SimulatorError, UsageError
from simulator.events import AgentSaid, CouldNotJudge, CustomerSaid, Ended, FindingsMade, Guessed, Started
from simulator.hints import HINTS
from simulator.pace import Tempo, dead_air_s
from simulator.persona import Persona, files, load
from simulator.screen.card import desk, show_card
from simulator.screen.flow import Flow, Sentences, Speech
from simulator.screen.keyboard import DeadAir, Keyboard, Left, Patience, put_back, unless_interrupted
from simulator.screen.page import AMBER, RED, Page, cells, wrap
from simulator.transcript import Turn, is_quiet, parts, printable

if TYPE_CHECKING:
    from simulator.calls import Calls
    from simulator.session import Session, Update
    from simulator.settings import Pace
    from simulator.texts import Texts

_T = TypeVar("_T")

COMMANDS = {
    "/desk": "desk", "/资料": "desk",
    "/hint": "hint", "/提示": "hint",
    "/mood": "mood", "/心情": "mood",
    "/help": "help", "/帮助": "help",
    "/end": "end", "/结束": "end",
    "/quit": "quit", "/退出": "quit",
}  # fmt: skip

DEAD_AIR_AT_MOST = 2
"""Times in a row that a customer speaks up into a dead line by themselves: there may be nobody at the desk."""
PRACTICE_ONLY = ("/hint", "/mood", "/back")
"""What an exam refuses."""


class Terminal:
    """One run of the program at a terminal.

    Args:
        say: the screens' texts.
        console: where to print.
        debug: whether the technical details of errors are shown.
        plain: whether the screen is read aloud: only lines of text, labelled in words, and nothing drawn twice.
        pace: how the customer's words appear.
        patience_s: how long a customer bears a dead line in a live call, by step and difficulty (`pace.dead_air_s`).
    """

    def __init__(
        self,
        say: Texts,
        console: Console,
        *,
        debug: bool = False,
        plain: bool = False,
        pace: Pace = "natural",
        patience_s: Callable[[int, int], float] = dead_air_s,
    ) -> None:
        self._say = say
        self._console = console
        self._debug = debug
        self._plain = plain
        self._pace = pace
        self._patience_s = patience_s
        self._spoken: float | None = None  # when the customer's last word came on the screen, by the monotonic clock
        self._keyboard = Keyboard(say, no_color=console.no_color, plain=plain)
        self._unsent = ""  # words that Ctrl-C took from the prompt, and that it gets back
        self._told_down = False  # whether they know that the critic is down
        self._told_mood: tuple[int | None, int] = (None, 0)  # the mood that they know, and after how many lines
        self._kept = ""  # what to say about what stays open, if they leave now

    def run(self, persona: Persona | None, calls: Calls, last: Session | None = None) -> int:
        """Hold a call with the persona, whose card has been shown, or with one chosen from a list; the exit code.

        With `last` it is the next call after that one.
        """
        with put_back(self._farewell, plain=self._plain):
            try:
                return asyncio.run(self._run(persona, calls, last))
            except Left:
                self._console.print(self._farewell(), style="dim", end="", soft_wrap=True)
                return 0
            except KeyboardInterrupt:  # while nothing was going on that it could cut off
                self._console.print("\n" + self._farewell(), style="dim", end="", soft_wrap=True)
                return 130

    def _farewell(self) -> str:
        """What to say to somebody who leaves, in lines; nothing if nothing stays open."""
        lines = wrap(self._say(self._kept), self._console.width) if self._kept else []
        return "".join(line + "\n" for line in lines)

    async def _run(self, persona: Persona | None, calls: Calls, last: Session | None) -> int:
        session = await self._take_up(calls, persona)
        if session is None:
            if last:
                session, start = await self._next_call(calls, last)
            else:
                if persona is None:
                    persona = await self._choose()
                    show_card(persona, self._say, self._console, plain=self._plain)
                session, start = calls.new(persona)
            self._kept = "chat.left_open"
            self._engine_notice(start.engine == "offline", start.models.get("customer", ""))
            self._note(self._say("chat.exam" if start.mode == "exam" else "chat.how"))
            self._live_notice(start.live)
            self._console.print()
            async for update in session.begin(start):
                if isinstance(update, CustomerSaid):
                    await self._opening(session, update)
        try:
            while True:
                await self._call(session)
                if not await self._guess(session):
                    await self._debrief(session)
                    if not await self._again(session):
                        break
                self._kept = "chat.left_open"  # they went back
        finally:
            await session.close()
        return 0

    # --- before the call ---

    async def _next_call(self, calls: Calls, last: Session) -> tuple[Session, Started]:
        """Have the last call read for promises, which is done once, then show what the agent's screen has of it."""
        try:
            with self._waiting(self._say("chat.reading_last")):
                await unless_interrupted(last.find_promises())
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise Left from None
        except ModelError as error:
            self._sentences([*self._say.error(error), self._say("chat.promises_unread")])
        session, start = calls.next(last)
        show_card(session.persona, self._say, self._console, start.before, plain=self._plain)
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
        if self._plain:
            facts = {"name": persona.customer.name, "title": persona.title, "id": persona.id}
            return self._line(self._say("chat.entry", number=number, level=persona.difficulty, **facts))
        margin = 12
        width = self._console.width - margin
        name = printable(persona.customer.name)
        lines = [Text(words) for words in wrap(f"{name}  {printable(persona.title)}", width)]
        lines[0].stylize("bold", 0, len(name))
        if cells(lines[-1].plain) + 2 + cells(persona.id) > width:
            lines.append(Text())
        lines[-1].append("  " if lines[-1] else "").append(persona.id, "dim")
        stars = "★" * persona.difficulty + "☆" * (5 - persona.difficulty)
        head = Text(f"{number:>3}  ").append(stars, AMBER).append("  ")
        for line in lines:
            self._console.print(head.append_text(line), soft_wrap=True)
            head = Text(" " * margin)
        return None

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
            show_card(session.persona, self._say, self._console, session.start.before, plain=self._plain)
        self._engine_notice(session.start.engine == "offline", session.start.models.get("customer", ""))
        self._live_notice(session.start.live and not session.over and choice != "d")
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
            dead_air = False
            try:
                words = await self._agent_words(session)
            except DeadAir:
                self._note(self._say("chat.dead_air"))
                words, dead_air, self._unsent = "", True, ""
            if words is not None:
                seconds = None if self._spoken is None else round(time.monotonic() - self._spoken, 1)
                await self._show(session, partial(session.say, words, seconds=seconds, dead_air=dead_air))

    async def _agent_words(self, session: Session) -> str | None:
        """What the agent says next; None when they gave a command instead."""
        if self._plain:
            self._news(session)
        own = [turn.text for turn in session.turns if turn.speaker == "agent" and turn.text]
        try:
            words = await self._keyboard.ask(
                self._say("chat.you"), self._toolbar(session), self._unsent, own, self._patience(session)
            )
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
        if (line := back.wanted(words)) is not None:
            self._back(session, line)
            return None
        typed = "/" + words[1:].lower()
        if typed in COMMANDS:
            self._command(session, COMMANDS[typed])
            return None
        near = difflib.get_close_matches(typed, [*COMMANDS, "/back", "/返回"], n=1, cutoff=0.4)
        self._note(self._say("chat.no_such_command", typed=typed, near=near[0] if near else "/help"))
        return None

    def _patience(self, session: Session) -> Patience | None:
        """How long the customer bears a dead line; None: for ever."""
        if not session.start.live:
            return None
        said = [event for event in session.branch.events if isinstance(event, AgentSaid)][-DEAD_AIR_AT_MOST:]
        nobody = len(said) == DEAD_AIR_AT_MOST and all(event.dead_air for event in said)
        return Patience(self._patience_s(session.state.step, session.persona.difficulty), waits=nobody)

    def _command(self, session: Session, command: str) -> None:
        match command:
            case "desk":
                self._page(desk(session.persona, self._say, session.start.before))
            case "hint":
                self._hint(session)
            case "mood":
                self._mood(session)
            case "help":
                self._help(session)
            case "end":
                session.end()
            case "quit":
                raise Left

    def _help(self, session: Session) -> None:
        """The commands; in an exam without those that it refuses."""
        lines = self._say("chat.help").splitlines()
        refused = PRACTICE_ONLY if session.start.mode == "exam" else ()
        self._line("\n".join(line for line in lines if not line.startswith(refused)))

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

    def _mood(self, session: Session) -> None:
        try:
            self._note(self._say("chat.mood_on" if session.show_mood() else "chat.mood_off"))
        except UsageError as error:
            self._sentences(self._say.error(error))

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

        flow, speech, at_once = self._flow(session), None, asyncio.Event()
        try:
            with self._listening(at_once):
                async with aclosing(updates):
                    async for update in updates:
                        if isinstance(update, Words):
                            speech = speech or self._speech(flow, session.state.step, at_once)
                            await speech.say(update.text)
                        elif isinstance(update, Discarded):
                            if flow.close():
                                self._note(self._say("chat.discarded"))
                            flow, speech = self._flow(session), None
                        elif isinstance(update, Ended):
                            flow.close()
                            self._note(self._say(f"chat.ended.{update.how}"))
        except asyncio.CancelledError:
            if flow.close():
                self._note(self._say("chat.cut_in"))
            raise
        finally:
            flow.close()
            self._spoken = time.monotonic()

    async def _opening(self, session: Session, said: CustomerSaid) -> None:
        """The customer's first words, which are kept already: Ctrl-C shows the rest of them as well."""
        flow = self._flow(session)
        rest = parts(printable(said.text))
        at_once = asyncio.Event()
        speech = self._speech(flow, said.step, at_once)

        async def speak() -> None:
            await speech.say(rest.pop(0))  # before the line editor is loaded, which takes a while
            with self._listening(at_once):
                while rest:
                    await speech.say(rest[0])
                    del rest[0]

        with suppress(asyncio.CancelledError):
            await unless_interrupted(speak())
        flow.write("".join(rest))
        flow.close()
        self._spoken = time.monotonic()

    def _listening(self, at_once: asyncio.Event) -> AbstractContextManager[None]:
        """While the customer speaks: the event is set when the rest is wanted at once."""
        return nullcontext() if self._pace == "off" else self._keyboard.listening(at_once)

    def _speech(self, flow: Flow | Sentences, step: int, at_once: asyncio.Event) -> Speech:
        """What the customer says from now on; what was pressed before is no wish to hear the rest of it."""
        at_once.clear()
        return Speech(flow, Tempo(self._pace, step), at_once)

    def _toolbar(self, session: Session) -> Callable[[], str]:
        """The bottom line: the mood, if it was asked for, the commands, and whether the critic is down."""

        def line() -> str:
            down = _critic_down(session)
            mood = session.mood
            shown = "" if mood is None else self._say("chat.mood", mark=report.BARS[mood], step=mood + 1)
            words = self._say("chat.toolbar_critic_down" if down else "chat.toolbar")
            return self._fitting(shown + (words.lstrip() if shown else words))

        return line

    def _fitting(self, line: str) -> str:
        """As much of a bottom line as there is room for: nothing of it is cut in half."""
        parts = line.split("   ")
        while len(parts) > 1 and cells("   ".join(parts)) > self._console.width:
            parts.pop()
        return "   ".join(parts)

    def _news(self, session: Session) -> None:
        """What stands in the bottom line, where there is none: said before the agent speaks, and not again."""
        down = _critic_down(session)
        if down and not self._told_down:
            self._note(self._say("chat.critic_down"))
        self._told_down = down
        mood = (session.mood, len(session.turns))
        if session.mood is not None and mood != self._told_mood:
            self._note(self._say("chat.mood_aloud", step=session.mood + 1))
        self._told_mood = mood

    # --- after the call ---

    async def _guess(self, session: Session) -> bool:
        """Ask what they think before the debrief opens, unless they know already; whether they went back instead."""
        self._kept = "chat.left_debrief"
        if session.branch.informed or any(isinstance(event, Guessed) for event in session.branch.events):
            return False
        self._console.print()
        self._line(self._say("debrief.before"), "bold")
        if session.start.mode == "practice":
            self._note(self._say("debrief.or_back"))
        guessed = []
        for question in ("debrief.guess_need", "debrief.guess_cues"):
            while (line := back.wanted(words := await self._question(question))) is not None:
                if self._back(session, line):
                    return True
            guessed.append(words)
        session.guess(*guessed)
        return False

    async def _question(self, name: str) -> str:
        try:
            return await self._keyboard.ask(self._say(name))
        except KeyboardInterrupt:
            raise Left from None

    async def _debrief(self, session: Session) -> None:
        self._kept = "chat.left_debrief"
        try:
            with self._waiting(self._say("debrief.waiting")):
                await unless_interrupted(session.debrief())
        except (KeyboardInterrupt, asyncio.CancelledError):
            raise Left from None
        self._console.print()
        self._page(report.debrief(session.persona, session.events, self._say, session.number))

    async def _again(self, session: Session) -> bool:
        """After the debrief of a practice call: whether they go back and try again."""
        self._kept = ""
        if session.start.mode == "exam":
            return False
        self._console.print()
        while typed := (await self._question("debrief.again")).strip():
            line = back.wanted(typed)
            if line is None:
                self._note(self._say("debrief.again_how"))
            elif self._back(session, line):
                return True
        return False

    def _back(self, session: Session, line: str) -> bool:
        """Go back in the call and show where they are; whether that could be."""
        try:
            turn = back.go(session, line, self._say)
        except UsageError as error:
            self._sentences(self._say.error(error))
            return False
        self._console.print()
        self._note(self._say("chat.back.gone", line=len(session.turns)))
        self._turn(session, turn)
        return True

    # --- printing ---

    def _flow(self, session: Session) -> Flow | Sentences:
        """A place for what the customer says next, with their name before it."""
        name = printable(session.persona.customer.name)
        label = self._say("chat.them", name=name)
        if self._plain:
            return Sentences(self._console, label, self._say("chat.waiting", name=name))
        return Flow(self._console, label, session.persona.language)

    def _page(self, page: Page) -> None:
        self._console.print(page.aloud() if self._plain else page)

    def _waiting(self, words: str) -> AbstractContextManager[object]:
        """Say what is being waited for."""
        if self._plain:
            self._line(words)
            return nullcontext()
        return self._console.status(words, spinner="dots", spinner_style="dim")

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
            self._line(self._say("chat.offline"), AMBER)
        else:
            self._note(self._say("chat.model", model=model))

    def _live_notice(self, live: bool) -> None:
        if live:
            self._note(self._say("chat.live"))

    def _sentences(self, sentences: Sequence[str]) -> None:
        for sentence in sentences:
            self._line(sentence, RED)

    def _note(self, line: str) -> None:
        self._line(line, "dim")

    def _line(self, text: str, style: str = "") -> None:
        """Words that were written before they are shown: no line ends within a word."""
        for paragraph in text.splitlines():
            for line in wrap(printable(paragraph), self._console.width):
                self._console.print(Text(line, style), soft_wrap=True)


def _critic_down(session: Session) -> bool:
    """Whether the critic could not judge the turn that it read last."""
    judged = [event for event in session.events if isinstance(event, FindingsMade | CouldNotJudge)]
    return bool(judged) and isinstance(judged[-1], CouldNotJudge)
