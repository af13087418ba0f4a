"""Calls that are made up: which cue is due when, when the lock opens, what each chain would be sent. Nobody is asked.

The director is the one of every call; what the critic would find is put in its place. The requests are overheard from
the chains themselves. So a customer can be looked into before anybody has talked to them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from simulator import __version__
from simulator.critic import ModelCritic
from simulator.critique import CueFinding, Eased, Evidence, Findings, NeedAnswer, Solved, Usage
from simulator.customer import ModelCustomer
from simulator.director import Direction, direct, follow
from simulator.errors import ModelError
from simulator.events import AgentSaid, CustomerSaid, Ended, Event, FindingsMade, Started, transcript
from simulator.forms import strict_schema
from simulator.llm import Message, T, tokens
from simulator.persona import Persona
from simulator.settings import NoteAs
from simulator.templates import Prompts

ENOUGH = 20
"""Agent turns in which everything that a file holds has been shown."""


@dataclass(frozen=True)
class Beat:
    """One customer turn of a call that was made up.

    Attributes:
        line: its line of the call, from 1.
        direction: what the director asks for; None for the opening, which is spoken as it stands.
        cues: what shows in it: cue id → which of its lines, from 1.
        step: the mood, 0 = worst.
        lock_open: whether the hidden need may be in the prompt.
        before: the events up to the agent's turn that it answers.

    """

    line: int
    direction: Direction | None
    cues: dict[str, int]
    step: int
    lock_open: bool
    before: tuple[Event, ...]


def rehearse(persona: Persona, *, hears: bool, turn_limit: int, agent: str, other: str = "…") -> list[Beat]:
    """The customer's turns, with an agent who meets every cue at once and does the work last, or who hears nothing.

    Args:
        persona: who calls.
        hears: which of the two agents.
        turn_limit: agent turns after which the customer has no more time.
        agent: what the agent is made to say (words: a silence has rules of its own).
        other: what the customer is made to say when no line of the file is due.
    """
    events: list[Event] = [_start(persona, turn_limit), _opening(persona)]
    opening = {cue.id: 1 for cue in persona.cues if cue.in_opening}
    beats = [Beat(1, None, opening, persona.emotion.start, lock_open=False, before=())]
    while not beats[-1].direction or not beats[-1].direction.farewell:
        number = 2 * len(beats)
        events.append(AgentSaid(turn=f"a{number}", text=agent))
        direction = direct(persona, events)
        beat = Beat(number + 1, direction, _cues(persona, events, direction), direction.step,
                    lock_open=direction.earned is not None, before=tuple(events))  # fmt: skip
        events += [_said(beat, direction, other), FindingsMade(turn=f"a{number}", findings=_found(beats, hears=hears))]
        if direction.farewell:
            events.append(Ended(how=direction.farewell))
        beats.append(beat)
    return beats


def turns_needed(persona: Persona) -> int | None:
    """Agent turns that a call must have room for so that who hears everything is told the need; None: none suffice."""
    beats = rehearse(persona, hears=True, turn_limit=ENOUGH, agent=greeting(persona))
    asked = (number for number, beat in enumerate(beats) if beat.direction and beat.direction.earned)
    told = next(asked, None)
    return None if told is None else told + 1  # the last turn of all is for goodbye


def _start(persona: Persona, turn_limit: int) -> Started:
    return Started(
        version=__version__, persona=persona.model_dump(mode="json"), engine="offline",
        models={}, prompts={}, agent="", turn_limit=turn_limit,
    )  # fmt: skip


def _opening(persona: Persona) -> CustomerSaid:
    return CustomerSaid(turn="c1", text=persona.opening, step=persona.emotion.start)


def _cues(persona: Persona, events: list[Event], direction: Direction) -> dict[str, int]:
    slip = direction.slip
    return {slip.cue: follow(persona, events).cues[slip.cue].slips + 1} if slip else {}


def _said(beat: Beat, direction: Direction, other: str) -> CustomerSaid:
    """The customer's turn as it is recorded; the words are those of the file where it has them."""
    slip, earned = direction.slip, direction.earned
    words = slip.line if slip else earned.said if earned and earned.still_unsaid else direction.worry or other
    cue = slip.cue if slip else None
    return CustomerSaid(turn=f"c{beat.line}", text=words, cue=cue, worry=direction.worry_id, step=direction.step)


def _found(beats: list[Beat], *, hears: bool) -> Findings:
    """What a critic would find in the answer to the latest of the customer's turns."""
    latest = beats[-1]
    agent, customer = Evidence(turn=f"a{latest.line + 1}", quote="…"), Evidence(turn=f"c{latest.line}", quote="…")
    cues = tuple(
        CueFinding(cue=cue, customer=customer, agent=agent, why="…", level=5 if hears else 1) for cue in latest.cues
    )
    asked = latest.direction
    if not hears or asked is None:
        return Findings(cues=cues)
    told = next((one for one in beats if one.direction and one.direction.earned), None)
    said = Evidence(turn=f"c{told.line}", quote="…") if told else None
    answer = NeedAnswer(agent=agent, why="…", level=5) if latest is told else None
    all_heard = not cues and latest is not told
    return Findings(
        cues=cues,
        need_said=said,
        need_answer=answer,
        solved=Solved(agent=agent, why="…") if all_heard else None,
        worries=(Eased(worry=asked.worry_id, agent=agent, why="…"),) if asked.worry_id else (),
    )


class Overheard:
    """A model that keeps what it is sent last, and answers nothing of use.

    Attributes:
        messages: the request.
        form: the schema of the form that was asked for, as JSON; empty where it was text.

    """

    name = "nobody"

    def __init__(self) -> None:
        self.messages: tuple[Message, ...] = ()
        self.form = ""

    async def stream(self, messages: Sequence[Message]) -> AsyncIterator[str | Usage]:
        """See `Model.stream`."""
        self.messages, self.form = tuple(messages), ""
        yield "…"

    async def fill(self, messages: Sequence[Message], form: type[T]) -> tuple[T, Usage]:
        """See `Model.fill`; there is no answer."""
        self.messages = tuple(messages)
        self.form = json.dumps(strict_schema(form), ensure_ascii=False, separators=(",", ":"))
        raise ModelError("reply_missing")


@dataclass(frozen=True)
class Request:
    """What one chain would be sent.

    Attributes:
        name: which request it is.
        messages: as they are sent.
        form: the schema of the form that goes with it, as JSON; empty for a request for text.

    """

    name: str
    messages: tuple[Message, ...]
    form: str = ""

    @property
    def tokens(self) -> int:
        """About how many it is (see `llm.tokens`), the form included."""
        return tokens(self.form) + sum(tokens(message.content) for message in self.messages)


def greeting(persona: Persona) -> str:
    """Words for an agent whose words do not matter."""
    return str(Prompts(persona.language).phrases["trial"]["script"][0])


def requests(persona: Persona, note_as: NoteAs = "system") -> list[Request]:
    """What each chain would be sent: the customer with the lock shut and with it open, the critic's two questions.

    The call around them is made up: the opening and a greeting, and nobody's answers where there are none in the file.
    """
    return asyncio.run(_requests(persona, note_as))


async def _requests(persona: Persona, note_as: NoteAs) -> list[Request]:
    prompts, agent, model = Prompts(persona.language), greeting(persona), Overheard()
    customer = ModelCustomer(persona.caller(), prompts, model, note_as)
    critic = ModelCritic(persona, prompts, model)
    asked: list[Request] = []
    heard = rehearse(persona, hears=True, turn_limit=ENOUGH, agent=agent)
    unheard = rehearse(persona, hears=False, turn_limit=ENOUGH, agent=agent)
    shut = next(beat for beat in unheard[1:] if beat.cues or beat is unheard[-1])
    opened = next((beat for beat in heard if beat.lock_open), None)
    for name, beat in (("customer_shut", shut), ("customer_open", opened)):
        if beat and beat.direction:
            _ = [piece async for piece in customer.answer(transcript(beat.before), beat.direction)]
            asked.append(Request(name, model.messages))
    turns = transcript(shut.before)
    with contextlib.suppress(ModelError):
        await critic.judge(turns, turns[-1].id)
    asked.append(Request("critic_turn", model.messages, model.form))
    with contextlib.suppress(ModelError):
        await critic.sum_up(turns, {cue.id: 1 if cue.in_opening else None for cue in persona.cues})
    return [*asked, Request("critic_call", model.messages, model.form)]
