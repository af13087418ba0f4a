"""The events of a session: all that is ever stored. Every other state is a fold over them.

`Started` holds what the session was started with, `CustomerSaid` the note that was sent for that turn; so no
later edit of a persona, a prompt or a rule changes a session of the past.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from simulator.critique import Findings, Promise, Usage, Value, Verdict
from simulator.transcript import Transcript, Turn, is_quiet, quiet_run

Engine = Literal["model", "offline"]
Ending = Literal["agent_ended", "hung_up", "goodbye", "turn_limit"]
Origin = Literal["call", "transcript"]
Mode = Literal["practice", "exam"]
Grade = int | Literal["not_judged"] | None
"""A cue's level in one judging; None: not shown."""


def now() -> datetime:
    """The time, with its zone (UTC)."""
    return datetime.now(UTC)


class Owed(Value):
    """A promise that is still open: the call of the record it was made in, its line there, the words, what it was."""

    id: str
    call: int
    line: int
    quote: str
    what: str


class Memory(Value):
    """What a customer who calls again has in mind, and what the bank's side knows of the last call.

    Nothing that the lock hides stands in it, unless the need was said in an earlier call.

    Attributes:
        call: the last call's number in the record.
        at: when it began.
        was_about: what they called about then.
        about: when and why they call now.
        ended: how the last call ended.
        step: the step of the ladder on which it ended, 0 = worst.
        heard: ids of the cues picked up so far.
        earned: whether the lock was open when it ended.
        need_said: whether the need has been said.
        told: the need, once it has been said.
        solved: whether what they called about was solved.
        eased: ids of the worries eased so far.
        worries: those left open, in their words; none while the need is unsaid.
        promises: what was promised and is still open.
        read: whether the last call has been read for promises.

    """

    call: int
    at: datetime
    was_about: str
    about: str
    ended: Ending
    step: int
    heard: tuple[str, ...] = ()
    earned: bool = False
    need_said: bool = False
    told: str = ""
    solved: bool = False
    eased: tuple[str, ...] = ()
    worries: tuple[str, ...] = ()
    promises: tuple[Owed, ...] = ()
    read: bool = False

    @property
    def matter(self) -> str:
        """What has to be settled now: what was left open, else what they call about this time."""
        return self.about if self.solved else self.was_about


class _Event(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    spoilers: ClassVar[frozenset[str]] = frozenset()
    """Fields that would give the customer away while the call is on."""

    at: datetime = Field(default_factory=now)


class Started(_Event):
    """The call was set up.

    With the origin ``transcript`` it was held elsewhere, and nobody directed the customer. In an ``exam`` there are no
    hints and no going back. In a ``live`` call the customer does not wait for ever. ``before`` is there when the
    customer has called before and this is their next call.
    """

    spoilers = frozenset({"persona", "before"})

    kind: Literal["started"] = "started"
    version: str
    origin: Origin = "call"
    mode: Mode = "practice"
    live: bool = False
    persona: dict[str, Any]
    engine: Engine
    models: dict[str, str]
    addresses: dict[str, str] = {}
    note_as: Literal["system", "user"] = "system"
    prompts: dict[str, str]
    agent: str
    turn_limit: int
    before: Memory | None = None


class CustomerSaid(_Event):
    """The customer spoke.

    ``step`` indexes the emotion ladder (0 = worst); ``cue`` and ``worry`` are what was to be let slip, ``promise`` is
    the one of the last call that was to be asked after.
    ``held_back``: the cue did not come, for its moment had not come or they were cut off.
    """

    spoilers = frozenset({"note", "cue", "held_back", "worry", "promise", "step"})

    kind: Literal["customer_said"] = "customer_said"
    turn: str
    text: str
    interrupted: bool = False
    note: str = ""
    cue: str | None = None
    held_back: bool = False
    worry: str | None = None
    promise: str | None = None
    step: int
    usage: Usage | None = None


class AgentSaid(_Event):
    """The agent spoke, or stayed quiet (no text).

    ``seconds`` is how long they took, from the customer's last word on the screen; None where nobody can know.
    ``dead_air``: they did nothing at all in a live call until the customer spoke up. Both are for looking back:
    no rule and no prompt reads them.
    """

    kind: Literal["agent_said"] = "agent_said"
    turn: str
    text: str
    seconds: float | None = None
    dead_air: bool = False


class FindingsMade(_Event):
    """The critic judged an agent turn. ``dropped`` counts findings whose quotes were not there twice."""

    kind: Literal["findings_made"] = "findings_made"
    turn: str
    findings: Findings
    dropped: int = 0
    usage: Usage | None = None


class CouldNotJudge(_Event):
    """The critic could not judge an agent turn; ``why`` is a key of the text catalogue's errors."""

    kind: Literal["could_not_judge"] = "could_not_judge"
    turn: str
    why: str


class HintGiven(_Event):
    """The agent asked for a hint about a cue that a customer turn showed: its channel (1), words (2) or meaning (3)."""

    spoilers = frozenset({"cue"})

    kind: Literal["hint_given"] = "hint_given"
    turn: str
    cue: str
    step: int


class MoodShown(_Event):
    """The agent had the step of the ladder shown beside the call from here on, or no longer."""

    kind: Literal["mood_shown"] = "mood_shown"
    on: bool


class Rewound(_Event):
    """The agent went back: the call goes on from just after this customer turn, see `branches`. Nothing is removed."""

    kind: Literal["rewound"] = "rewound"
    to: str


class Ended(_Event):
    """The call is over."""

    kind: Literal["ended"] = "ended"
    how: Ending


class Guessed(_Event):
    """What the trainee wrote before the debrief opened."""

    kind: Literal["guessed"] = "guessed"
    need: str
    cues: str


class Debriefed(_Event):
    """The debrief was made. ``verdict`` is None when the critic could not judge the whole call; then ``why``."""

    kind: Literal["debriefed"] = "debriefed"
    verdict: Verdict | None
    why: str | None = None
    dropped: int = 0
    usage: Usage | None = None


class PromisesFound(_Event):
    """The critic read the call for what the agent promised; asked once, when the customer is to call again."""

    kind: Literal["promises_found"] = "promises_found"
    promises: tuple[Promise, ...]
    dropped: int = 0
    usage: Usage | None = None


class Repeated(_Event):
    """The call was judged several times: the grades of each cue, the first being the one in use."""

    kind: Literal["repeated"] = "repeated"
    grades: dict[str, tuple[Grade, ...]]
    usage: Usage | None = None


def agreement(grades: Sequence[Grade]) -> float | None:
    """The share of the most frequent grade among those judged; None when none was."""
    judged = [grade for grade in grades if grade != "not_judged"]
    return max(judged.count(one) for one in judged) / len(judged) if judged else None


class Overruled(_Event):
    """A trainer put their own grade of a cue, or score of a layer, in the place of the critic's.

    Both stay in the record. ``grade`` and ``was``: 0-5 for a cue, 1-5 for a layer; None: not shown or not judged.
    """

    kind: Literal["overruled"] = "overruled"
    what: str
    grade: int | None
    was: int | None
    because: str
    by: str


Event = Annotated[
    Started
    | CustomerSaid
    | AgentSaid
    | FindingsMade
    | CouldNotJudge
    | HintGiven
    | MoodShown
    | Rewound
    | Ended
    | Guessed
    | Debriefed
    | PromisesFound
    | Repeated
    | Overruled,
    Field(discriminator="kind"),
]
event_adapter: TypeAdapter[Event] = TypeAdapter(Event)


def transcript(events: Sequence[Event]) -> list[Turn]:
    """The turns of one branch, in order; of a whole record every turn that was ever said."""
    turns: list[Turn] = []
    for event in events:
        if isinstance(event, CustomerSaid):
            turns.append(Turn(event.turn, "customer", event.text, event.interrupted))
        elif isinstance(event, AgentSaid):
            turns.append(Turn(event.turn, "agent", event.text))
    return turns


def said(turns: Transcript, step: int) -> list[CustomerSaid | AgentSaid]:
    """The turns of a call that was held elsewhere, as events; the customer's mood is not known and stays at `step`."""
    return [
        AgentSaid(turn=turn.id, text=turn.text)
        if turn.speaker == "agent"
        else CustomerSaid(turn=turn.id, text=turn.text, interrupted=turn.interrupted, step=step)
        for turn in turns
    ]


def started(events: Sequence[Event]) -> Started:
    """The event that every session begins with."""
    first = events[0]
    if not isinstance(first, Started):
        raise ValueError(f"a session begins with started, not {first.kind}")
    return first


def ended(events: Sequence[Event]) -> Ended | None:
    """The event that ended the call, if it is over."""
    return next((event for event in events if isinstance(event, Ended)), None)


def due(events: Sequence[Event]) -> Iterator[tuple[Turn, list[Turn]]]:
    """Agent turns that the critic is to judge and has not judged, each with the turns up to where it reads.

    What the agent said is due at once; a silence when the customer's next words show what it did, and only the first
    in a row. What they say before the customer has spoken answers nothing.
    """
    judged = {event.turn for event in events if isinstance(event, FindingsMade)}
    turns = transcript(events)
    for number, turn in enumerate(turns, 1):
        spoken_to = any(one.speaker == "customer" for one in turns[:number])
        if turn.speaker != "agent" or turn.id in judged or not spoken_to:
            continue
        reach = number
        if is_quiet(turn):
            reach = number + 1
            if reach > len(turns) or quiet_run(turns[:number]) > 1:
                continue
        yield turn, turns[:reach]


def mood_shown(events: Sequence[Event]) -> bool:
    """Whether the mood stands beside the call now."""
    return next((event.on for event in reversed(events) if isinstance(event, MoodShown)), False)


def summed_up(events: Sequence[Event]) -> bool:
    """Whether the call as a whole was judged."""
    made = [event for event in events if isinstance(event, Debriefed)]
    return bool(made) and made[-1].verdict is not None
