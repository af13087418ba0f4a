"""One practice call: the turn loop.

Each agent turn starts two chains at once. The customer answers, which is the only thing anybody waits for; the
critic reads the turn in the background, and what it finds directs a later customer turn. The core prints
nothing and reads nothing: it yields updates, and hands every event to `append` before it counts as done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from simulator.branches import Branch, active, branches, is_turn
from simulator.critic import Critic
from simulator.critique import Usage
from simulator.customer import Customer
from simulator.director import CallState, CueRecord, Direction, direct, follow
from simulator.errors import ModelError, SpoiltAnswer, UsageError
from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Debriefed,
    Ended,
    Event,
    FindingsMade,
    Grade,
    Guessed,
    HintGiven,
    MoodShown,
    PromisesFound,
    Repeated,
    Rewound,
    Started,
    due,
    ended,
    mood_shown,
    started,
    summed_up,
)
from simulator.hints import next_hint
from simulator.persona import Persona
from simulator.transcript import Turn, echoes, parts, printable

ATTEMPTS = 3
"""How often the customer's words are asked for when an answer that began had to be thrown away."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Words:
    """A part of the customer's answer, as it comes: a word, or a Chinese character (see `transcript.parts`).

    It counts as heard when the next one is asked for. So whoever shows the words at a speaker's pace asks at that
    pace, and what is kept when the agent cuts in is what they could hear.
    """

    text: str


@dataclass(frozen=True)
class Discarded:
    """The words since the last event are void: the answer is asked for again."""

    why: str


Update = Words | Discarded | Event


@dataclass
class _Heard:
    """What has come of an answer so far."""

    text: str = ""
    usage: Usage | None = None

    @property
    def words(self) -> str:
        return printable(self.text).strip()


class Session:
    """A call between an agent and a customer, with a critic beside them.

    Args:
        persona: who calls.
        customer: the chain that speaks.
        critic: the chain that judges.
        append: keeps events for good, all of them or none; called before they count.
        events: what has happened so far in all its branches, when a call is taken up again.
        critic_timeout_s: seconds that the critic gets for one turn.
        at_once: how many turns the critic reads at the same time.
        number: its number in the record, if it has one.
    """

    def __init__(
        self,
        persona: Persona,
        customer: Customer,
        critic: Critic,
        append: Callable[..., None],
        events: Sequence[Event] = (),
        critic_timeout_s: float = 120.0,
        at_once: int = 4,
        number: int | None = None,
    ) -> None:
        self.persona = persona
        self.number = number
        self.events: list[Event] = list(events)
        self._branch = 0, Branch(1, ())
        self._customer = customer
        self._critic = critic
        self._append = append
        self._critic_timeout_s = critic_timeout_s
        self._judging: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(at_once)

    # --- the call ---

    async def begin(self, start: Started) -> AsyncGenerator[Update, None]:
        """Open the call: the customer's first words are the persona's, word for word.

        In a next call they are not: nothing is said yet, and the customer's words are to be asked for with `answer`.
        """
        if start.before:
            yield self._commit(start)[0]
            return
        opening = CustomerSaid(turn=self._new_turn("c"), text=self.persona.opening, step=self.persona.emotion.start)
        for event in self._commit(start, opening):
            yield event

    async def say(
        self, words: str, *, seconds: float | None = None, dead_air: bool = False
    ) -> AsyncGenerator[Update, None]:
        """One turn of the call: the agent's words (none: they stay quiet), then the customer's answer as it comes.

        Args:
            words: what the agent says.
            seconds: how long they took, if that is known.
            dead_air: they did nothing at all until the customer spoke up; there are no words then.

        Raises:
            ModelError: no answer came. The agent's words are kept; `answer` asks again.
        """
        text = printable(words).strip()
        yield self._commit(AgentSaid(turn=self._new_turn("a"), text=text, seconds=seconds, dead_air=dead_air))[0]
        self.judge()
        async with aclosing(self.answer()) as updates:  # closing this one is cutting in there, at once
            async for update in updates:
                yield update

    async def answer(self) -> AsyncGenerator[Update, None]:
        """The customer's answer to the agent's latest words, or their first words in a next call.

        If it is cancelled or closed, the words heard so far are kept: the agent cut in.

        Raises:
            ModelError: no answer came.
        """
        direction = direct(self.persona, self.branch.events)
        heard = _Heard()
        try:
            async with aclosing(self._ask(direction, heard)) as updates:
                async for update in updates:
                    yield update
        except (asyncio.CancelledError, GeneratorExit):
            if heard.words:
                self._answered(direction, heard, interrupted=True)
            raise
        for event in self._answered(direction, heard):
            yield event
        self.judge()

    async def _ask(self, direction: Direction, heard: _Heard) -> AsyncGenerator[Update, None]:
        """The customer's words as they come; what began and cannot be used is asked for again."""
        turns = self.turns
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async for piece in self._customer.answer(turns, direction):
                    if isinstance(piece, Usage):
                        heard.usage = piece
                        continue
                    for part in parts(piece):
                        yield Words(printable(part))
                        heard.text += part  # they came back for more: this was heard
            except SpoiltAnswer as spoilt:
                heard.text = ""
                yield Discarded(spoilt.key)
                if attempt == ATTEMPTS:
                    raise
            else:
                return

    def _answered(self, direction: Direction, heard: _Heard, *, interrupted: bool = False) -> list[Event]:
        """Keep what the customer said, and that the call is over if those were their last words."""
        slip = direction.slip
        came = slip and not interrupted and (not slip.when or echoes(heard.words, slip.line))
        said = CustomerSaid(
            turn=self._new_turn("c"),
            text=heard.words,
            interrupted=interrupted,
            note=self._customer.note(direction),
            cue=slip.cue if slip else None,
            held_back=slip is not None and not came,
            worry=None if interrupted else direction.worry_id,
            promise=direction.promise.id if direction.promise and not interrupted else None,
            step=direction.step,
            usage=heard.usage,
        )
        events: list[Event] = [said]
        if direction.farewell:
            events.append(Ended(how=direction.farewell))
        return self._commit(*events)

    def hint(self) -> HintGiven | None:
        """The next hint, kept in the record; None when nothing that showed is unheard.

        Raises:
            UsageError: the call is an exam.
        """
        if self.start.mode == "exam":
            raise UsageError("exam_no_hints")
        if given := next_hint(self.persona, self.branch.events):
            self._commit(given)
        return given

    def show_mood(self) -> bool:
        """Have the mood shown from now on, or no longer, and keep that; whether it is shown now.

        Raises:
            UsageError: the call is an exam.
        """
        if self.start.mode == "exam":
            raise UsageError("exam_no_mood")
        self._commit(MoodShown(on=not mood_shown(self.branch.events)))
        return mood_shown(self.branch.events)

    def rewind(self, to: str) -> Rewound:
        """Go back: the call goes on from just after this customer turn, in a branch of its own.

        What was said since stays in the record, and the critic goes on with it.

        Args:
            to: id of a customer turn of the branch that is left; not that of their farewell.

        Raises:
            UsageError: the call is an exam. ValueError: there is no such turn.
        """
        if self.start.mode == "exam":
            raise UsageError("exam_no_way_back")
        back = Rewound(to=to)
        active([*self.events, back])  # what names no such turn never gets into the record
        self._commit(back)
        return back

    def end(self) -> None:
        """The agent ends the call."""
        self._commit(Ended(how="agent_ended"))

    # --- after the call ---

    def guess(self, need: str, cues: str) -> None:
        """Keep what the trainee thinks was underneath, before the debrief opens."""
        self._commit(Guessed(need=printable(need).strip(), cues=printable(cues).strip()))

    async def debrief(self) -> Debriefed:
        """Wait for the critic, and have it sum the call up. A critic that fails leaves the layers not judged."""
        await self.settle()
        grades = {cue: record.grade for cue, record in self.state.cues.items()}
        try:
            async with asyncio.timeout(self._critic_timeout_s):
                summing = await self._critic.sum_up(self.turns, grades)
            made = Debriefed(verdict=summing.verdict, dropped=summing.dropped, usage=summing.usage)
        except (ModelError, TimeoutError) as error:
            made = Debriefed(verdict=None, why=_key(error))
        except Exception:  # noqa: BLE001 - a fault of ours must not leave somebody without a debrief
            _log.exception("the critic failed on the whole call")
            made = Debriefed(verdict=None, why="critic_failed")
        self._commit(made)
        return made

    async def find_promises(self) -> None:
        """Have the critic read the call for what the agent promised, unless that was done before.

        Raises:
            ModelError: it could not.
        """
        if any(isinstance(event, PromisesFound) for event in self.branch.events):
            return
        try:
            async with asyncio.timeout(self._critic_timeout_s):
                made = await self._critic.promises(self.turns)
        except TimeoutError as error:
            raise ModelError("model_timeout") from error
        self._commit(PromisesFound(promises=made.promises, dropped=made.dropped, usage=made.usage))

    async def complete(self) -> None:
        """Judge what could not be judged before, and sum the call up if that brought something new."""
        before = len(self.events)
        await self.settle()
        turns = {turn.id for turn in self.turns}
        judged = any(isinstance(event, FindingsMade) and event.turn in turns for event in self.events[before:])
        if judged or not self.summed_up:
            await self.debrief()

    @property
    def summed_up(self) -> bool:
        """Whether the call as a whole was judged."""
        return summed_up(self.branch.events)

    def repeated(self, others: Sequence[Session]) -> None:
        """Keep the grades that judging the same words again gave, this session's first."""
        runs = [self, *others]
        used = [e.usage for other in others for e in other.events if isinstance(e, FindingsMade) and e.usage]
        grades = {cue.id: tuple(_grade(run.state.cues[cue.id]) for run in runs) for cue in self.persona.cues}
        self._commit(Repeated(grades=grades, usage=sum(used, Usage()) if used else None))

    # --- the critic beside the call ---

    def judge(self) -> None:
        """Start the critic on every agent turn that is due for it (see `due`), in whatever branch. Returns at once.

        What could not be judged in an earlier run of the program is tried again.
        """
        for branch in branches(self.events):
            for turn, heard in due(branch.events):
                if turn.id not in self._judging:
                    self._judging[turn.id] = asyncio.create_task(self._judge(turn, heard))

    async def settle(self) -> None:
        """Wait until the critic has finished with every turn, well or not."""
        self.judge()
        await asyncio.gather(*self._judging.values())

    @property
    def pending(self) -> int:
        """How many turns the critic is still reading."""
        return sum(not task.done() for task in self._judging.values())

    async def close(self) -> None:
        """Stop the critic; what it has not finished is judged when the call is taken up again."""
        for task in self._judging.values():
            task.cancel()
        await asyncio.gather(*self._judging.values(), return_exceptions=True)

    async def _judge(self, turn: Turn, turns: Sequence[Turn]) -> None:
        try:
            async with self._room, asyncio.timeout(self._critic_timeout_s):
                made = await self._critic.judge(turns, turn.id)
        except (ModelError, TimeoutError) as error:
            self._commit(CouldNotJudge(turn=turn.id, why=_key(error)))
        except Exception:  # noqa: BLE001 - a fault of ours in the background must not end somebody's call
            _log.exception("the critic failed on turn %s", turn.id)
            self._commit(CouldNotJudge(turn=turn.id, why="critic_failed"))
        else:
            self._commit(FindingsMade(turn=turn.id, findings=made.findings, dropped=made.dropped, usage=made.usage))

    # --- state, derived: all of it from the branch in which the call goes on ---

    @property
    def branch(self) -> Branch:
        """The branch in which the call goes on."""
        read, branch = self._branch
        if read != len(self.events):  # the record only grows
            branch = active(self.events)
            self._branch = len(self.events), branch
        return branch

    @property
    def turns(self) -> list[Turn]:
        """What was said, in order."""
        return self.branch.turns

    @property
    def state(self) -> CallState:
        """Where the call stands."""
        return follow(self.persona, self.branch.events)

    @property
    def mood(self) -> int | None:
        """The step of the ladder that the customer last spoke from (0 = worst); None: it is not to be shown."""
        steps = [event.step for event in self.branch.events if isinstance(event, CustomerSaid)]
        return steps[-1] if steps and mood_shown(self.branch.events) else None

    @property
    def over(self) -> bool:
        """Whether the call has ended."""
        return ended(self.branch.events) is not None

    @property
    def awaits_answer(self) -> bool:
        """Whether the agent has spoken and the customer has not answered, or has to speak first in a next call."""
        if not self.turns:
            return not self.over and bool(self.events) and self.start.before is not None
        return not self.over and self.turns[-1].speaker == "agent"

    @property
    def start(self) -> Started:
        """What the call was started with."""
        return started(self.events)

    def _commit(self, *events: Event) -> list[Event]:
        """Keep events; together they happen or they don't, whenever the program is killed."""
        self._append(*events)
        self.events.extend(events)
        return list(events)

    def _new_turn(self, speaker: str) -> str:
        """An id that no turn has, be it in another branch."""
        return f"{speaker}{sum(map(is_turn, self.events)) + 1}"


def _grade(record: CueRecord) -> Grade:
    return "not_judged" if record.found is None and record.not_judged else record.found


def _key(error: Exception) -> str:
    return error.key if isinstance(error, ModelError) else "model_timeout"
