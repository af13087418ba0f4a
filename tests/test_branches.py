"""Branches: whatever was done, each is the call as if nothing else had ever been said; and where one can go back to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.branches import Branch, active, branches, is_turn, opened, shared, way_back
from simulator.critic import Judgement
from simulator.critique import Findings
from simulator.director import CallState, direct, follow
from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Debriefed,
    Ended,
    Ending,
    Event,
    FindingsMade,
    Guessed,
    HintGiven,
    Overruled,
    Rewound,
)
from simulator.session import Session
from simulator.transcript import Transcript
from tests.scripted import ScriptedCritic, ScriptedCustomer, a_persona, a_start, a_verdict, found

PERSONA = a_persona()
START = a_start(PERSONA)


# --- a record as it grows, with the branches kept by hand -------------------------------------------------


@dataclass
class Plan:
    """A record, and of each branch the turns on its way and where in the record it was active."""

    record: list[Event] = field(default_factory=lambda: [START, CustomerSaid(turn="c1", text="hello", step=2)])
    ways: list[list[str]] = field(default_factory=lambda: [["c1"]])
    own: list[list[int]] = field(default_factory=lambda: [[0]])
    said: int = 1

    def add(self, event: Event, *, own: bool = True) -> None:
        if own:
            self.own[-1].append(len(self.record))
        self.record.append(event)

    def turn(self, speaker: str) -> None:
        self.said += 1
        name = f"{speaker}{self.said}"
        words = f"words of {name}"
        self.add(
            AgentSaid(turn=name, text=words) if speaker == "a" else CustomerSaid(turn=name, text=words, step=2),
            own=False,
        )
        self.ways[-1].append(name)

    def back(self, to: str) -> None:
        self.add(Rewound(to=to), own=False)
        way = self.ways[-1]
        self.ways.append(way[: way.index(to) + 1])
        self.own.append([0])

    def alone(self, number: int) -> list[Event]:
        """The record of a call in which only that branch was held: what is on its way, and what was done in it."""
        kept = []
        for at, event in enumerate(self.record):
            turn = getattr(event, "turn", None)
            if at in self.own[number] or turn in self.ways[number]:
                kept.append(event)
        return kept

    def used(self) -> list[int]:
        """The branches in which something was done before they went back again, and the last."""
        begun = {0: 0}
        for number in range(1, len(self.ways)):
            begun[number] = len(set(self.ways[number]) & set(self.ways[number - 1]))
        return [
            number
            for number in range(len(self.ways))
            if number == len(self.ways) - 1
            or number == 0
            or len(self.ways[number]) > begun[number]
            or len(self.own[number]) > 1
        ]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    plan = Plan()
    for _ in range(draw(st.integers(0, 14))):
        anywhere = [name for way in plan.ways for name in way]
        match draw(st.sampled_from(["said", "said", "said", "agent", "back", "back", "late", "gap", "hint", "end"])):
            case "said":
                plan.turn("a")
                plan.turn("c")
            case "agent":
                plan.turn("a")
            case "back":
                plan.back(draw(st.sampled_from([name for name in plan.ways[-1] if name.startswith("c")])))
            case "late" | "gap" as what:
                if judged := [name for name in anywhere if name.startswith("a")]:
                    turn = draw(st.sampled_from(judged))
                    made = FindingsMade(turn=turn, findings=Findings())
                    plan.add(made if what == "late" else CouldNotJudge(turn=turn, why="model_cut"), own=False)
            case "hint":
                turn = draw(st.sampled_from([name for name in plan.ways[-1] if name.startswith("c")]))
                plan.add(HintGiven(turn=turn, cue=draw(st.sampled_from(["again", "fine"])), step=1), own=False)
            case "end":
                plan.add(Ended(how="agent_ended"))
                plan.add(Guessed(need="n", cues="c"))
                if draw(st.booleans()):
                    plan.add(Debriefed(verdict=None, why="model_auth"))
                    plan.add(Overruled(what="again", grade=3, was=1, because="…", by="Xu"))
                plan.back("c1")
    return plan


@given(plans())
def test_each_branch_is_the_record_of_a_call_in_which_only_it_was_held(plan: Plan) -> None:
    made = branches(plan.record)
    assert [list(branch.events) for branch in made] == [plan.alone(number) for number in plan.used()]
    assert [branch.number for branch in made] == list(range(1, len(made) + 1))
    assert [branch.left for branch in made] == [None, *made[:-1]]


@given(plans())
def test_nothing_that_was_done_is_lost(plan: Plan) -> None:
    there = [event for branch in branches(plan.record) for event in branch.events]
    # An unused branch may hold nothing but what its turns share with the others.
    assert [event for event in plan.record if not isinstance(event, Rewound) and event not in there] == []


@given(plans())
def test_branches_are_the_same_up_to_their_fork_and_nowhere_after(plan: Plan) -> None:
    made = branches(plan.record)
    for one in made:
        for other in made:
            fork = shared(one.turns, other.turns)
            assert one.turns[:fork] == other.turns[:fork]
            assert not {turn.id for turn in one.turns[fork:]} & {turn.id for turn in other.turns[fork:]}
            if one is not other:
                assert one.turns[fork - 1].speaker == "customer"


@given(plans())
def test_what_is_added_to_the_record_only_ever_adds_to_the_active_branch(plan: Plan) -> None:
    for end in range(1, len(plan.record) + 1):
        if not isinstance(plan.record[end - 1], Rewound):
            before, after = (active(plan.record[:n]).events for n in (max(end - 1, 1), end))
            assert after[: len(before)] == before


@given(plans())
def test_what_is_known_when_a_branch_begins(plan: Plan) -> None:
    made = branches(plan.record)
    informed = [branch.informed for branch in made]
    debriefs = [at for at, event in enumerate(plan.record) if isinstance(event, Debriefed)]
    hints = {event.cue for event in plan.record if isinstance(event, HintGiven)}
    assert informed == sorted(informed)  # nobody forgets
    assert any(informed) <= bool(debriefs)
    assert made[-1].hinted == hints
    assert all(one.hinted <= other.hinted for one, other in pairwise(made))


def test_without_going_back_the_only_branch_is_the_record() -> None:
    record: list[Event] = [START, AgentSaid(turn="a1", text=""), FindingsMade(turn="gone", findings=Findings())]
    assert branches(record) == [Branch(1, tuple(record))]


def test_who_goes_back_twice_in_a_row_went_one_way_only() -> None:
    plan = Plan()
    for _ in range(3):
        plan.turn("a")
        plan.turn("c")
    plan.back("c5")
    plan.back("c3")
    assert [[turn.id for turn in branch.turns] for branch in branches(plan.record)] == [
        ["c1", "a2", "c3", "a4", "c5", "a6", "c7"],
        ["c1", "a2", "c3"],
    ]
    plan.add(Ended(how="agent_ended"))  # to end the call there is a way to go
    plan.back("c1")
    assert len(branches(plan.record)) == 3


@pytest.mark.parametrize("to", ["a2", "c9", "", "c5"])
def test_a_record_that_goes_back_to_where_it_has_not_been_is_none(to: str) -> None:
    plan = Plan()
    for _ in range(2):
        plan.turn("a")
        plan.turn("c")
    plan.back("c3")  # c5 is of the branch that is left now
    with pytest.raises(ValueError, match="no customer turn from"):
        branches([*plan.record, Rewound(to=to)])


def test_a_record_in_which_a_farewell_is_taken_back_is_none() -> None:
    plan = Plan()
    plan.turn("a")
    plan.turn("c")
    assert len(branches([*plan.record, Ended(how="agent_ended"), Rewound(to="c3")])) == 2
    with pytest.raises(ValueError, match="could go on"):
        branches([*plan.record, Ended(how="goodbye"), Rewound(to="c3")])
    assert len(branches([*plan.record, Ended(how="goodbye"), Rewound(to="c1")])) == 2


def test_several_branches_are_not_folded_as_one() -> None:
    record: list[Event] = [START, CustomerSaid(turn="c1", text="x", step=2), Rewound(to="c1")]
    with pytest.raises(ValueError, match="one branch at a time"):
        follow(PERSONA, record)


def test_the_branch_to_be_looked_at_is_the_last_that_has_a_debrief() -> None:
    plan = Plan()
    plan.turn("a")
    assert opened(plan.record).number == 1
    plan.add(Debriefed(verdict=a_verdict()))
    plan.back("c1")
    assert opened(plan.record).number == 1
    assert active(plan.record).number == 2
    plan.turn("a")
    plan.add(Debriefed(verdict=None, why="model_auth"))
    assert opened(plan.record).number == 2


# --- where one can go back to ----------------------------------------------------------------------------

CALL: list[Event] = [
    START,
    *(
        AgentSaid(turn=name, text="x") if name.startswith("a") else CustomerSaid(turn=name, text="x", step=2)
        for name in ("c1", "a2", "c3", "a4", "c5")
    ),
]


@pytest.mark.parametrize(
    ("line", "how", "to"),
    [
        (None, None, "c3"),  # the agent's last words are taken back
        (2, None, "c1"),
        (4, None, "c3"),
        (1, None, "c1"),  # behind a customer's line
        (3, None, "c3"),
        (5, None, None),  # that is where they are
        (5, "agent_ended", "c5"),  # the agent takes back the end
        (5, "hung_up", None),  # nobody takes back the customer's
        (4, "hung_up", "c3"),
        (0, None, None),
        (6, None, None),
        (-1, None, None),
    ],
)
def test_where_a_line_leads_back_to(line: int | None, how: Ending | None, to: str | None) -> None:
    assert way_back([*CALL, Ended(how=how)] if how else CALL, line) == to


def test_words_without_an_answer_are_taken_back_too() -> None:
    assert way_back([*CALL, AgentSaid(turn="a6", text="")], None) == "c5"
    assert way_back([*CALL, AgentSaid(turn="a6", text="")], 5) == "c5"
    assert way_back(CALL[:2], None) is None


# --- a whole call with and without what was taken back ----------------------------------------------------


class WordsCritic(ScriptedCritic):
    """Finds what the agent's words name: the same words do the same in every branch."""

    async def judge(self, turns: Transcript, turn_id: str) -> Judgement:
        words = next(turn.text for turn in turns if turn.id == turn_id)
        if words.startswith("0"):
            await asyncio.sleep(0.002)  # that one is late
        return Judgement(FINDS[words], 0, None)


FINDS = {
    "heard": found(again=3, anticipated=["again"]),
    "met": found(fine=5, anticipated=["fine"]),
    "0 no": found(again=0, anticipated=["again"]),
    "guess": found(guess=True),
    "wrong": found(guess=False),
    "solved": found(solved=True),
    "nothing": Findings(),
    "": Findings(),
}

Steps = Sequence[str | int]
"""What the agent says; a number goes back to so many customer turns from the first."""


async def held(steps: Steps, *, wait: bool) -> tuple[Session, ScriptedCustomer]:
    customer = ScriptedCustomer()
    session = Session(PERSONA, customer, WordsCritic(), lambda *_: None)
    async for _ in session.begin(START):
        pass
    for step in steps:
        if isinstance(step, int):
            said = [turn.id for turn in session.turns if turn.speaker == "customer"]
            farewell = session.over and step % len(said) == len(said) - 1
            session.rewind(said[(step - farewell) % len(said)])
        elif not session.over:
            async for _ in session.say(step):
                pass
        if wait:
            await session.settle()
    await session.settle()
    return session, customer


def in_the_end(session: Session) -> list[str]:
    """What was said on the way that was taken in the end."""
    return [turn.text for turn in session.turns if turn.speaker == "agent"]


def unnamed(state: CallState) -> dict[str, object]:
    """Where a call stands, without the names of turns."""
    cues = {
        name: (record.grade, record.slips, record.turns, record.in_words, record.anticipated)
        for name, record in state.cues.items()
    }
    return {
        "step": state.step, "cues": cues, "open": state.lock_open, "misses": state.misses, "silences": state.silences,
        "guesses": list(state.guesses.values()), "solved": state.solved is not None, "over": state.over,
        "taken": [(taken.before_turn, taken.step, taken.move.reason) for taken in state.taken],
        "due": [move.reason for move in state.due], "said": [(turn.speaker, turn.text) for turn in state.turns],
    }  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(sorted(FINDS)) | st.integers(0, 5), max_size=9))
def test_the_customer_is_as_they_were(steps: list[str | int]) -> None:
    """After going back a call goes on just as one in which what was taken back was never said."""

    async def both() -> None:
        session, customer = await held(steps, wait=True)
        alone, asked = await held(in_the_end(session), wait=True)
        assert unnamed(session.state) == unnamed(alone.state)
        if asked.asked and not isinstance(steps[-1], int):
            assert customer.asked[-1][1] == asked.asked[-1][1]
            assert [(t.speaker, t.text) for t in customer.asked[-1][0]] == [
                (t.speaker, t.text) for t in asked.asked[-1][0]
            ]
        names = [event.turn for event in session.events if is_turn(event)]
        assert len(set(names)) == len(names)

    asyncio.run(both())


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from(sorted(FINDS)) | st.integers(0, 5), max_size=9))
def test_a_call_that_is_taken_up_again_stands_where_it_was(steps: list[str | int]) -> None:
    async def both() -> None:
        session, _ = await held(steps, wait=False)
        again = Session(PERSONA, ScriptedCustomer(), WordsCritic(), lambda *_: None, events=session.events)
        assert again.branch == session.branch
        assert again.state == session.state
        if session.turns[-1].speaker == "agent":
            assert direct(PERSONA, again.branch.events) == direct(PERSONA, session.branch.events)
        judged = {event.turn for event in session.events if isinstance(event, FindingsMade)}
        spoken = {e.turn for e in session.events if isinstance(e, AgentSaid) and e.text}
        assert spoken <= judged  # those of branches that were left too

    asyncio.run(both())
