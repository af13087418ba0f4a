"""The branches of a call: each is the call as it would stand in the record had nothing else ever been said.

The record only grows. Going back (`Rewound`) begins a branch: it holds what its parent held up to a customer turn,
and from there on its own events. What names a turn (findings, a hint) belongs to every branch that holds the turn,
also when it comes late; all else belongs to the branch that was active when it was made. So whatever folds a call
folds the events of one branch and knows nothing of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeGuard

from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Debriefed,
    Ended,
    Event,
    FindingsMade,
    HintGiven,
    MoodShown,
    Rewound,
    transcript,
)
from simulator.transcript import Turn

AboutTurn = FindingsMade | CouldNotJudge | HintGiven
"""Events that name a turn and belong wherever that turn is."""


@dataclass(frozen=True)
class Branch:
    """One way that a call went.

    Attributes:
        number: from 1, in the order in which they were begun.
        events: its own and those that it shares with the branch it left, in order; `Rewound` is not among them.
        left: the branch that was active before it and that it left; None for the first.
        informed: it was begun when a debrief of the call had been opened, so the need was known.
        hinted: cues about which a hint had been given by the time this branch was left, in whatever branch.

    """

    number: int
    events: tuple[Event, ...]
    left: Branch | None = None
    informed: bool = False
    hinted: frozenset[str] = frozenset()

    @property
    def debriefed(self) -> bool:
        """Whether its debrief has been opened."""
        return any(isinstance(event, Debriefed) for event in self.events)

    @property
    def turns(self) -> list[Turn]:
        """What was said in it, in order."""
        return transcript(self.events)


@dataclass
class _Growing:
    """A branch while the record is read."""

    events: list[Event] = field(default_factory=list)
    shared: int = 0
    informed: bool = False
    hinted: set[str] = field(default_factory=set)

    @property
    def unused(self) -> bool:
        """Nothing of its own came of it: they went back twice in a row."""
        return self.shared > 0 and all(is_about_turn(event) for event in self.events[self.shared :])

    def holds(self, turn: str) -> bool:
        return any(is_turn(event) and event.turn == turn for event in self.events)


def branches(record: Sequence[Event]) -> list[Branch]:
    """Every branch of a record, in the order in which they were begun; the last one is active.

    Without a rewind there is one, the record itself. One in which nothing was done before they went back again is
    none: the next takes its place.

    Raises:
        ValueError: a rewind names no customer turn of the branch that was active, or their farewell.
    """
    growing = [_Growing()]
    informed = False
    for event in record:
        here = growing[-1]
        if isinstance(event, Rewound):
            growing[-1 if here.unused else len(growing) :] = [_begun(here, event.to, informed=informed)]
        elif is_about_turn(event):
            for one in [one for one in growing if one.holds(event.turn)] or [here]:
                one.events.append(event)
        else:
            here.events.append(event)
        if isinstance(event, HintGiven):
            here.hinted.add(event.cue)
        informed |= isinstance(event, Debriefed)
    made: list[Branch] = []
    for number, one in enumerate(growing, 1):
        left = made[-1] if made else None
        made.append(Branch(number, tuple(one.events), left, one.informed, frozenset(one.hinted)))
    return made


def _begun(here: _Growing, to: str, *, informed: bool) -> _Growing:
    """The branch that begins where this one had said that turn."""
    at = next((i for i, event in enumerate(here.events) if isinstance(event, CustomerSaid) and event.turn == to), None)
    if at is None or _is_farewell(here.events, at):
        raise ValueError(f"{to} is no customer turn from which the branch that is left could go on")
    kept = here.events[: at + 1]
    turns = {event.turn for event in kept if is_turn(event)}
    for event in here.events[at + 1 :]:
        # A mood that was to be seen stays so: what they saw of it they know.
        if isinstance(event, MoodShown) or (is_about_turn(event) and event.turn in turns):
            kept.append(event)
    return _Growing(kept, len(kept), informed, set(here.hinted))


def _is_farewell(events: Sequence[Event], at: int) -> bool:
    """Whether the customer ended the call with these words; nobody but they could take that back."""
    after = events[at + 1 :]
    ended = any(isinstance(event, Ended) and event.how != "agent_ended" for event in after)
    return ended and not any(isinstance(event, CustomerSaid) for event in after)


def is_turn(event: Event) -> TypeGuard[CustomerSaid | AgentSaid]:
    """Whether something was said, or left unsaid, by one of the two."""
    return isinstance(event, CustomerSaid | AgentSaid)


def is_about_turn(event: Event) -> TypeGuard[AboutTurn]:
    """Whether the event names a turn, and so belongs to every branch that holds it."""
    return isinstance(event, AboutTurn)


def active(record: Sequence[Event]) -> Branch:
    """The branch in which the call goes on."""
    return branches(record)[-1]


def opened(record: Sequence[Event]) -> Branch:
    """The branch to be looked at: the last one whose debrief was opened, else the active one."""
    made = branches(record)
    return next((branch for branch in reversed(made) if branch.debriefed), made[-1])


def shared(one: Sequence[Turn], other: Sequence[Turn]) -> int:
    """How many turns two branches have in common, from the first; the last of them is the fork."""
    count = 0
    for here, there in zip(one, other, strict=False):
        if here.id != there.id:
            break
        count += 1
    return count


def way_back(events: Sequence[Event], line: int | None) -> str | None:
    """The customer turn of a branch to go back to; None when there is nothing to go back to.

    Args:
        events: those of the branch.
        line: of the call, from 1. An agent's line is taken back; behind a customer's the call goes on. None: the
            agent's last words are taken back.
    """
    turns = transcript(events)
    if line is None:
        line = max((number for number, turn in enumerate(turns, 1) if turn.speaker == "agent"), default=0)
    if not 0 < line <= len(turns):
        return None
    after = next((turn for turn in reversed(turns[:line]) if turn.speaker == "customer"), None)
    if after is None or (after is turns[-1] and not _agent_ended(events)):
        return None
    return after.id


def _agent_ended(events: Sequence[Event]) -> bool:
    """Whether the agent ended the call: then even going back to just after the last words changes something."""
    return any(isinstance(event, Ended) and event.how == "agent_ended" for event in events)
