"""A call of the past in short: how it ended, what was picked up, the layers. Nothing of it before its debrief.

A trainer's word stands in the place of the critic's, as in every report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from simulator.critique import LAYERS, PICKED_UP, Layer
from simulator.director import follow
from simulator.events import Debriefed, Ending, Engine, Event, HintGiven, Overruled, ended, started
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


def in_short(number: int, persona: Persona, events: Sequence[Event]) -> PastCall:
    """What there is to say of a call in one line.

    Raises:
        ValueError: the events do not begin as a call does.
    """
    start, end = started(events), ended(events)
    debriefed = any(isinstance(event, Debriefed) for event in events)
    return PastCall(
        number=number,
        began=start.at,
        persona=persona.id,
        customer=persona.customer.name,
        title=persona.title,
        engine=start.engine,
        ended=end.how if end else None,
        debriefed=debriefed,
        exam=start.mode == "exam",
        cues=_cues(persona, events) if debriefed else (),
        layers=_layers(events) if debriefed else {},
        after=start.before.call if start.before else None,
    )


def _cues(persona: Persona, events: Sequence[Event]) -> tuple[Answered, ...]:
    records = follow(persona, events).cues
    hinted = {event.cue for event in events if isinstance(event, HintGiven)}
    graded = ((cue, records[cue.id].grade) for cue in persona.cues)
    return tuple(Answered(cue.channel, grade, cue.id in hinted) for cue, grade in graded if grade is not None)


def _layers(events: Sequence[Event]) -> dict[Layer, int]:
    verdict = next((event.verdict for event in reversed(events) if isinstance(event, Debriefed)), None)
    words = {event.what: event.grade for event in events if isinstance(event, Overruled)}
    scores = {layer: verdict.layers[layer].score if verdict else None for layer in LAYERS}
    return {layer: score for layer in LAYERS if (score := words.get(layer, scores[layer])) is not None}
