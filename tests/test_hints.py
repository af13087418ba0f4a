"""Help in practice, each use kept, none in an exam: hints in three steps about the cue that showed last and was not
heard; the mood beside the call."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from simulator.critique import CueFinding, Evidence, Findings, Level
from simulator.errors import UsageError
from simulator.events import AgentSaid, CustomerSaid, Event, FindingsMade, HintGiven, MoodShown
from simulator.hints import next_hint
from simulator.session import Session
from tests.scripted import ScriptedCritic, ScriptedCustomer, a_persona, a_start

PERSONA = a_persona()
START = a_start(PERSONA)
OPENING = CustomerSaid(turn="c1", text=PERSONA.opening, step=2)


def heard(turn: str, cue: str, level: Level) -> FindingsMade:
    finding = CueFinding(
        cue=cue, customer=Evidence(turn="c1", quote="x"), agent=Evidence(turn=turn, quote="x"), why="", level=level
    )
    return FindingsMade(turn=turn, findings=Findings(cues=(finding,)))


def said(turn: str, cue: str | None = None, *, held_back: bool = False) -> CustomerSaid:
    return CustomerSaid(turn=turn, text="words of " + turn, cue=cue, held_back=held_back, step=2)


HINT = HintGiven(turn="c1", cue="again", step=1)
CALLS: dict[str, tuple[Sequence[Event], tuple[str, str, int] | None]] = {
    "what the opening shows": ((OPENING,), ("c1", "again", 1)),
    "the second step": ((OPENING, HINT), ("c1", "again", 2)),
    "the third": ((OPENING, HINT, HINT), ("c1", "again", 3)),
    "the third again": ((OPENING, HINT, HINT, HINT), ("c1", "again", 3)),
    "the cue that showed last": ((OPENING, AgentSaid(turn="a2", text="x"), said("c3", "fine")), ("c3", "fine", 1)),
    "its own steps": ((OPENING, HINT, AgentSaid(turn="a2", text="x"), said("c3", "fine")), ("c3", "fine", 1)),
    "one that was held back does not count": (
        (OPENING, AgentSaid(turn="a2", text="x"), said("c3", "kettle", held_back=True)),
        ("c1", "again", 1),
    ),
    "nor one that was heard": ((OPENING, AgentSaid(turn="a2", text="x"), heard("a2", "again", 3), said("c3")), None),
    "one that was answered with a phrase does": (
        (OPENING, AgentSaid(turn="a2", text="x"), heard("a2", "again", 2), said("c3")),
        ("c1", "again", 1),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_a_hint_is_about(name: str) -> None:
    events, wanted = CALLS[name]
    given = next_hint(PERSONA, [START, *events])
    assert (given and (given.turn, given.cue, given.step)) == wanted


def test_nothing_has_shown_yet() -> None:
    quiet = a_persona(in_opening=())
    opening = CustomerSaid(turn="c1", text=quiet.opening, step=2)
    assert next_hint(quiet, [a_start(quiet), opening]) is None


def a_session(*, mode: str, kept: list[Event]) -> Session:
    start = START.model_copy(update={"mode": mode})
    return Session(
        PERSONA, ScriptedCustomer(), ScriptedCritic(), lambda *more: kept.extend(more), events=[start, OPENING]
    )


def test_each_step_is_kept() -> None:
    kept: list[Event] = []
    session = a_session(mode="practice", kept=kept)
    steps = [given.step for _ in range(4) if (given := session.hint())]
    assert steps == [1, 2, 3, 3]
    assert [event.step for event in kept if isinstance(event, HintGiven)] == steps


def test_the_mood_is_shown_or_not_and_that_is_kept() -> None:
    kept: list[Event] = []
    session = a_session(mode="practice", kept=kept)
    assert session.mood is None
    assert session.show_mood()
    assert session.mood == OPENING.step
    assert not session.show_mood()
    assert session.mood is None
    assert [event.on for event in kept if isinstance(event, MoodShown)] == [True, False]


def test_an_exam_shows_no_mood() -> None:
    kept: list[Event] = []
    with pytest.raises(UsageError) as refused:
        a_session(mode="exam", kept=kept).show_mood()
    assert (refused.value.key, kept) == ("exam_no_mood", [])


def test_an_exam_has_none() -> None:
    kept: list[Event] = []
    with pytest.raises(UsageError) as refused:
        a_session(mode="exam", kept=kept).hint()
    assert (refused.value.key, kept) == ("exam_no_hints", [])
