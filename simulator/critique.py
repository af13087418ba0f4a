"""What a critic finds, as values, and how findings add up to grades.

The scale for the agent's answer to a cue is adapted from the Empathic Communication Coding System (Bylund &
Makoul 2002) and VR-CoDES-P:

=====  ================  =====================================================================
level  id                what the agent does
=====  ================  =====================================================================
0      ``shut_down``     denies, blames, argues, or cuts off what is behind the cue
1      ``missed``        no sign of having heard it; carries on
2      ``perfunctory``   stock politeness that would fit any call
3      ``acknowledged``  names or reflects the particular thing in the cue
4      ``explored``      acknowledges and gives room or asks to understand more
5      ``met``           acts on what the cue means
=====  ================  =====================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Level = Literal[0, 1, 2, 3, 4, 5]
Layer = Literal["hear", "solve", "warmth", "trust"]
LAYERS: tuple[Layer, ...] = ("hear", "solve", "warmth", "trust")
LEVELS = ("shut_down", "missed", "perfunctory", "acknowledged", "explored", "met")
PICKED_UP = 3
"""The level from which a cue counts as picked up."""


class Value(BaseModel):
    """A value: no unknown keys, never changed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Evidence(Value):
    """Words as they were said, and the id of the turn that holds them.

    ``quote`` is empty only where the turn itself is the evidence: an agent's silence, or the turn that passed
    over a cue.
    """

    turn: str
    quote: str


class CueFinding(Value):
    """How one agent turn answered one cue.

    ``customer`` is None only for an anticipated cue: the agent spoke to it before any words showed it.
    """

    cue: str
    customer: Evidence | None
    agent: Evidence
    why: str
    level: Level


class NeedGuess(Value):
    """The agent put into words what they think is underneath. A list of several guesses is not right."""

    agent: Evidence
    why: str
    right: bool


class NeedAnswer(Value):
    """How one agent turn answered the hidden need after it was said."""

    agent: Evidence
    why: str
    level: Level


class Eased(Value):
    """One agent turn eased one worry."""

    worry: str
    agent: Evidence
    why: str


class Solved(Value):
    """One agent turn solved the surface problem."""

    agent: Evidence
    why: str


Outcome = Literal["kept", "owned", "passed_over", "denied"]
"""What an agent does with a promise of the last call: carry it out; admit that it was not done and make it good; not
deal with it; deny it, blame somebody, or promise it again emptily."""


class Dealt(Value):
    """How one agent turn dealt with one promise of an earlier call; its quote is empty where it was passed over."""

    promise: str
    agent: Evidence
    why: str
    outcome: Outcome


class Findings(Value):
    """All that one agent turn did, each with evidence that was looked up in the transcript.

    ``not_judged`` names cues that were shown but for which this critic has no ears.
    """

    cues: tuple[CueFinding, ...] = ()
    guess: NeedGuess | None = None
    need_said: Evidence | None = None
    need_answer: NeedAnswer | None = None
    solved: Solved | None = None
    worries: tuple[Eased, ...] = ()
    promises: tuple[Dealt, ...] = ()
    not_judged: tuple[str, ...] = ()


class Promise(Value):
    """Something that the agent promised in a call: their words, and in one sentence what it was."""

    agent: Evidence
    what: str


class LayerScore(Value):
    """One of the four layers, over the whole call: 1 harmful or absent ... 5 exemplary; None: could not judge."""

    why: str
    evidence: tuple[Evidence, ...] = ()
    score: int | None = Field(default=None, ge=1, le=5)


class BetterLine(Value):
    """One sentence the agent could have said at a cue that was not picked up."""

    cue: str
    line: str


class Verdict(Value):
    """The critic's view of the whole call, made once it has ended."""

    layers: dict[Layer, LayerScore]
    better: tuple[BetterLine, ...] = ()
    next: str = ""


class Usage(Value):
    """Tokens as the endpoint reports them; false if it reports none."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0

    def __bool__(self) -> bool:
        return bool(self.prompt or self.completion)

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt=self.prompt + other.prompt,
            completion=self.completion + other.completion,
            cached=self.cached + other.cached,
        )


def grade(levels: Iterable[int]) -> int | None:
    """A cue's grade over a call: the highest level of 2 or more; failing that 0 if any turn shut it down; else 1.

    None when there is no level at all: the cue was not shown.
    """
    seen = list(levels)
    if not seen:
        return None
    best = max(seen)
    return best if best >= 2 else min(seen)


def came_of(found: Sequence[Dealt]) -> Dealt | None:
    """What counts of all that was done with a promise: that it was kept or owned, else denied, else passed over.

    None when the call never came to it.
    """
    order: tuple[Outcome, ...] = ("kept", "owned", "denied", "passed_over")
    return min(found, key=lambda one: order.index(one.outcome), default=None)
