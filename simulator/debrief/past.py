"""A call of the past in short: how it ended, what was picked up, the layers. Nothing of it before its debrief.

A trainer's word stands in the place of the critic's, as in every report. Of a call in which the agent went back, one
branch is told: the last one that counts and whose debrief has been opened. A branch counts when the agent could not
yet know what the customer needs as it was begun: in the branches before it the need had not come out, and no debrief
had been opened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from simulator.branches import Branch, branches, opened
from simulator.critique import LAYERS, PICKED_UP, Layer
from simulator.director import follow
from simulator.events import CustomerSaid, Debriefed, Ending, Engine, Event, Overruled, ended, started
from simulator.persona import Channel, Persona


@dataclass(frozen=True)
class Answered:
    """A cue that was shown and judged: its channel, its grade (0-5), and whether a hint was given about it."""

    channel: Channel
    grade: int
    hinted: bool

    @property
    def picked_up(self) -> bool:
        """Whether it counts as picked up."""
        return self.grade >= PICKED_UP


@dataclass(frozen=True)
class PastCall:
    """One call of the record.

    Attributes:
        number: its number in the record.
        began: when, with its zone.
        persona: id of the customer, as the file was then.
        customer: their name.
        title: what the agent saw of them.
        engine: ``model`` or ``offline``.
        ended: how the call ended; None while it is open.
        debriefed: its debrief has been opened. Until then there are neither cues nor layers here.
        exam: it was an exam.
        ways: how many branches it has.
        open_still: its last branch waits for its debrief, though another one has had its own.
        counts: what is told here was heard without knowing the need, and may go into figures.
        cues: those that were shown and judged.
        layers: 1-5 for each layer that was judged.
        after: number of the call that this is the next one after, if it is one.

    """

    number: int
    began: datetime
    persona: str
    customer: str
    title: str
    engine: Engine
    ended: Ending | None
    debriefed: bool
    exam: bool
    ways: int = 1
    open_still: bool = False
    counts: bool = True
    cues: tuple[Answered, ...] = ()
    layers: dict[Layer, int] = field(default_factory=dict)
    after: int | None = None

    @property
    def picked_up(self) -> int:
        """How many of the cues were picked up."""
        return sum(cue.picked_up for cue in self.cues)

    @property
    def hinted(self) -> int:
        """About how many of the cues a hint was given."""
        return sum(cue.hinted for cue in self.cues)


def in_short(number: int, persona: Persona, record: Sequence[Event]) -> PastCall:
    """What there is to say of a call in one line.

    Raises:
        ValueError: the record does not begin as a call does.
    """
    start, ways = started(record), branches(record)
    counting = next((way for way in reversed(_counting(persona, ways)) if way.debriefed), None)
    told = counting or opened(record)
    end = ended(told.events)
    return PastCall(
        number=number,
        began=start.at,
        persona=persona.id,
        customer=persona.customer.name,
        title=persona.title,
        engine=start.engine,
        ended=end.how if end else None,
        debriefed=told.debriefed,
        exam=start.mode == "exam",
        ways=len(ways),
        open_still=told.debriefed and not ways[-1].debriefed,
        counts=counting is not None or not told.debriefed,
        cues=_cues(persona, told) if told.debriefed else (),
        layers=_layers(told.events) if told.debriefed else {},
        after=start.before.call if start.before else None,
    )


def _counting(persona: Persona, ways: Sequence[Branch]) -> list[Branch]:
    """The branches that were begun before the agent could know the need, the first among them."""
    counting: list[Branch] = []
    for way in ways:
        if way.informed or (way.left and need_came_out(persona, way.left.events)):
            break
        counting.append(way)
    return counting


def need_came_out(persona: Persona, events: Sequence[Event]) -> bool:
    """Whether the agent may have read the need in this branch: the critic found it said, or the customer could say it.

    The customer's last words are read by nobody but the agent, so that they could is enough.
    """
    if follow(persona, events).need_said is not None:
        return True
    answers = [number for number, event in enumerate(events) if isinstance(event, CustomerSaid)]
    return any(follow(persona, events[:number]).known.may_say_need for number in answers)


def _cues(persona: Persona, way: Branch) -> tuple[Answered, ...]:
    records = follow(persona, way.events).cues
    graded = ((cue, records[cue.id].grade) for cue in persona.cues)
    return tuple(Answered(cue.channel, grade, cue.id in way.hinted) for cue, grade in graded if grade is not None)


def _layers(events: Sequence[Event]) -> dict[Layer, int]:
    verdict = next((event.verdict for event in reversed(events) if isinstance(event, Debriefed)), None)
    words = {event.what: event.grade for event in events if isinstance(event, Overruled)}
    scores = {layer: verdict.layers[layer].score if verdict else None for layer in LAYERS}
    return {layer: score for layer in LAYERS if (score := words.get(layer, scores[layer])) is not None}
