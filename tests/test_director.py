"""The director: a table of cases for each rule of section 3a of the design, and properties over random calls.

A call is written as a list of agent turns, each with what the critic found about it (`Did`). Findings come in
after the customer's reply, as in a typed call, so a turn's effect shows one customer turn later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.critique import PICKED_UP, Findings
from simulator.director import CallState, Direction, direct, follow
from simulator.events import AgentSaid, CouldNotJudge, CustomerSaid, Ended, Event, FindingsMade, Overruled, said
from simulator.persona import Persona
from simulator.transcript import Turn
from tests.scripted import a_persona, a_start, found


@dataclass(frozen=True)
class Did:
    """One agent turn, and what came of judging it: findings, None (could not judge), or nothing ever."""

    findings: Findings | None = None
    words: str = "Let me look that up."
    judged: bool = True


def did(**what: Any) -> Did:
    return Did(found(**what))


def quiet(words: str = "", **what: Any) -> Did:
    return Did(found(**what), words)


NOTHING = did()
UNJUDGED = Did(None)
NEVER = Did(None, judged=False)
SILENT = Did(None, words="", judged=False)  # a second silence in a row is not judged
MISS = did(again=1)


class Call:
    """Writes the events of a call as they would come, the director's part made by the director."""

    def __init__(self, persona: Persona | None = None, turn_limit: int = 20) -> None:
        self.persona = persona or a_persona()
        start = self.persona.emotion.start
        opening = CustomerSaid(turn="c1", text=self.persona.opening, step=start)
        self.events: list[Event] = [a_start(self.persona, turn_limit), opening]
        self.directions: list[Direction] = []

    def say(self, words: str = "Let me look that up.") -> str:
        turn = f"a{self._lines() + 1}"
        self.events.append(AgentSaid(turn=turn, text=words))
        return turn

    def reply(self, *, held_back: bool = False, interrupted: bool = False) -> Direction:
        direction = direct(self.persona, self.events)
        self.directions.append(direction)
        self.events.append(
            CustomerSaid(
                turn=f"c{self._lines() + 1}",
                text="Mm.",
                step=direction.step,
                cue=direction.slip.cue if direction.slip else None,
                held_back=held_back or interrupted,
                interrupted=interrupted,
                worry=None if interrupted else direction.worry_id,
            )
        )
        if direction.farewell:
            self.events.append(Ended(how=direction.farewell))
        return direction

    def judge(self, turn: str, findings: Findings | None) -> None:
        if findings is None:
            self.events.append(CouldNotJudge(turn=turn, why="model_timeout"))
        else:
            self.events.append(FindingsMade(turn=turn, findings=findings))

    def turn(self, what: Did) -> Direction:
        """One agent turn, the customer's reply to it, then what the critic found."""
        turn = self.say(what.words)
        direction = self.reply()
        if what.judged:
            self.judge(turn, what.findings)
        return direction

    def play(self, *turns: Did) -> Call:
        for what in turns:
            self.turn(what)
        return self

    @property
    def state(self) -> CallState:
        return follow(self.persona, self.events)

    @property
    def moves(self) -> list[str]:
        """The moves that were taken, such as ``+picked_up``."""
        signs = {+1: "+", -1: "-"}  # never more than one step
        return [signs[taken.move.by] + taken.move.reason for taken in self.state.taken]

    @property
    def steps(self) -> list[int]:
        """The mood in each customer turn."""
        return [event.step for event in self.events if isinstance(event, CustomerSaid)]

    def _lines(self) -> int:
        return sum(isinstance(event, AgentSaid | CustomerSaid) for event in self.events)


# --- the ladder ------------------------------------------------------------------------------------------

UP = {
    "a cue reaches 3": ([did(again=3)], ["+picked_up"]),
    "a cue reaches 4": ([did(again=4)], ["+picked_up"]),
    "a cue goes straight to 5: one step": ([did(again=5)], ["+met"]),
    "first 3, later 5: each counts": ([did(again=3), did(again=5)], ["+picked_up", "+met"]),
    "first 3, later 4: nothing new": ([did(again=3), did(again=4)], ["+picked_up"]),
    "3 twice": ([did(again=3), did(again=3)], ["+picked_up"]),
    "5 twice": ([did(again=5), did(again=5)], ["+met"]),
    "5, then 3": ([did(again=5), did(again=3)], ["+met"]),
    "two cues at once are one step": ([did(again=3, fine=3)], ["+picked_up"]),
    "perfunctory": ([did(again=2)], []),
    "2, then 3": ([did(again=2), did(again=3)], ["+picked_up"]),
    "an anticipated cue": ([did(fine=3, anticipated=["fine"])], ["+picked_up"]),
    "the need guessed right": ([did(guess=True)], ["+guessed"]),
    "guessed right twice": ([did(guess=True), did(guess=True)], ["+guessed"]),
    "guessed wrong": ([did(guess=False)], []),
    "solved": ([did(solved=True)], ["+solved"]),
    "solved, and reported again": ([did(solved=True), did(solved=True)], ["+solved"]),
    "a cue and solved in one turn are one step": ([did(again=3, solved=True)], ["+picked_up"]),
    "a worry eased": ([did(eased=["fee"])], []),
    "a silence that gave room": ([quiet(again=4)], ["+picked_up"]),
    "nothing found": ([NOTHING], []),
    "could not judge": ([UNJUDGED], []),
    "never judged": ([NEVER], []),
}  # fmt: skip

DOWN = {
    "shut down": ([did(again=0)], ["-shut_down"]),
    "shut down twice": ([did(again=0), did(again=0)], ["-shut_down", "-shut_down"]),
    "down wins over a cue in the same turn": ([did(again=0, fine=5)], ["-shut_down"]),
    "down wins whatever stands first": ([did(fine=5, again=0)], ["-shut_down"]),
    "down wins over solved": ([did(again=0, solved=True)], ["-shut_down"]),
    "down wins over a right guess": ([did(again=0, guess=True)], ["-shut_down"]),
    "two cues shut down at once are one step": ([did(again=0, fine=0)], ["-shut_down"]),
    "a cue that was picked up can still be shut down": ([did(again=3), did(again=0)], ["+picked_up", "-shut_down"]),
}  # fmt: skip

PATIENCE = {  # at difficulty 2: three misses in a row
    "two misses": ([MISS] * 2, []),
    "three misses": ([MISS] * 3, ["-patience"]),
    "five misses": ([MISS] * 5, ["-patience"]),
    "six misses: the count begins again": ([MISS] * 6, ["-patience", "-patience"]),
    "two cues missed in a turn are one miss": ([did(again=1, fine=1)] * 2, []),
    "a cue picked up resets": ([MISS, MISS, did(fine=3), MISS, MISS], ["+picked_up"]),
    "picked up beside the miss resets": ([MISS, MISS, did(again=1, fine=3), MISS, MISS], ["+picked_up"]),
    "picked up before, again at 3: resets too": ([did(fine=3), MISS, MISS, did(fine=3), MISS, MISS], ["+picked_up"]),
    "a right guess resets": ([MISS, MISS, did(guess=True), MISS, MISS], ["+guessed"]),
    "a stock phrase neither counts nor resets": ([MISS, did(again=2), MISS, did(again=2), MISS], ["-patience"]),
    "a turn without a cue neither counts nor resets": ([MISS, NOTHING, MISS, NOTHING, MISS], ["-patience"]),
    "a turn not judged neither counts nor resets": ([MISS, UNJUDGED, MISS, UNJUDGED, MISS], ["-patience"]),
    "a silent miss does not count": ([MISS, MISS, quiet(fine=1), NOTHING], []),
    "a silence that gave room does not reset": ([MISS, MISS, quiet(fine=4), MISS], ["+picked_up", "-patience"]),
    "a back-channel is a silence": ([MISS, MISS, quiet("Mm, go on.", fine=1), NOTHING], []),
    "solved does not reset": ([MISS, MISS, did(solved=True, fine=1)], ["-patience"]),
    "a cue once picked up is never missed": ([did(again=3), MISS, MISS, MISS, MISS], ["+picked_up"]),
    "a cue once met is never missed": ([did(again=5), MISS, MISS, MISS, MISS], ["+met"]),
}

SILENCES = {
    "one": ([quiet()], []),
    "two": ([quiet(), SILENT], []),
    "three": ([quiet(), SILENT, SILENT], ["-silences"]),
    "four": ([quiet(), SILENT, SILENT, SILENT], ["-silences", "-silences"]),
    "two, words, two": ([quiet(), SILENT, NOTHING, quiet(), SILENT], []),
    "back-channels are silences": ([quiet("嗯，您说"), quiet("Mm."), quiet("我在听")], ["-silences"]),
    "a stage direction is a silence": ([quiet("(waits)"), SILENT, SILENT], ["-silences"]),
    "“yes” alone is an answer": ([quiet(), SILENT, Did(found(), "Yes.")], []),
}


@pytest.mark.parametrize(
    ("turns", "moves"),
    [pytest.param(*case, id=name) for table in (UP, DOWN, PATIENCE, SILENCES) for name, case in table.items()],
)
def test_what_moves_the_ladder(turns: list[Did], moves: list[str]) -> None:
    assert Call().play(*turns, NOTHING).moves == moves


def answer(need: int | None = None, **what: Any) -> Did:
    """A turn after the need was said in c5; the answer to it reached that level."""
    return did(said="c5", need=need, **what)


NEED = {  # after the need was guessed in a2 and said in c5
    "at 3": ([answer(3)], ["+need_heard"]),
    "at 5": ([answer(5)], ["+need_met"]),
    "at 3, then at 5": ([answer(3), answer(5)], ["+need_heard", "+need_met"]),
    "at 3, then at 4": ([answer(3), answer(4)], ["+need_heard"]),
    "at 5 twice": ([answer(5), answer(5)], ["+need_met"]),
    "at 5, then at 3": ([answer(5), answer(3)], ["+need_met"]),
    "with a stock phrase": ([answer(2)], []),
    "passed over at once": ([answer(1)], ["-need_passed_over"]),
    "answered, later not again": ([answer(3), answer(1)], ["+need_heard"]),
    "shut down": ([answer(0)], ["-need_passed_over"]),
    "shut down later": ([answer(3), answer(0)], ["+need_heard", "-need_passed_over"]),
    "shut down beside a cue that was met": ([answer(0, fine=5)], ["-need_passed_over"]),
    "an answer resets patience": ([MISS, MISS, answer(3), MISS, MISS], ["+need_heard"]),
    "a right guess again is no guess any more": ([answer(), did(guess=True)], []),
}


@pytest.mark.parametrize(("turns", "moves"), NEED.values(), ids=NEED)
def test_how_the_need_was_answered(turns: list[Did], moves: list[str]) -> None:
    call = Call(a_persona(start=1)).play(did(guess=True), NOTHING, *turns, NOTHING)
    assert call.moves == ["+guessed", *moves]


@pytest.mark.parametrize(
    ("opening", "said", "counts"),
    [
        ([did(again=1), NOTHING], "c3", False),  # the lock is shut
        ([did(guess=True), NOTHING], "c1", False),
        ([did(guess=True), NOTHING], "c5", True),
        ([did(again=3, fine=3), NOTHING], "c5", True),
    ],
)
def test_only_what_was_earned_can_have_been_said(opening: list[Did], said: str, counts: bool) -> None:
    call = Call().play(*opening, did(said=said, need=5), NOTHING)
    assert call.state.need_said == (said if counts else None)
    assert ("+need_met" in call.moves) is counts


def test_a_wrong_guess_after_the_need_was_said_is_none() -> None:
    call = Call().play(did(guess=True), NOTHING, answer(3), did(guess=False), NOTHING)
    assert not call.directions[-1].not_it
    assert call.state.guesses == {"a2": True}


@pytest.mark.parametrize(("difficulty", "misses"), [(1, 3), (2, 3), (3, 2), (4, 2), (5, 1)])
def test_patience_is_set_by_difficulty(difficulty: int, misses: int) -> None:
    persona = a_persona(difficulty=difficulty)
    assert Call(persona).play(*[MISS] * (misses - 1), NOTHING).moves == []
    assert Call(persona).play(*[MISS] * misses, NOTHING).moves == ["-patience"]


def test_a_change_shows_in_the_next_customer_turn_and_keeps_its_reason() -> None:
    call = Call().play(did(again=3), NOTHING)
    assert call.steps == [2, 2, 3]
    (taken,) = call.state.taken
    assert (taken.move.cause, taken.move.cue, taken.before_turn, taken.step) == ("a2", "again", 5, 3)


def test_at_the_top_there_is_no_further_step() -> None:
    call = Call(a_persona(start=4)).play(did(again=3), did(fine=0), NOTHING)
    assert (call.steps, call.moves) == ([4, 4, 4, 3], ["-shut_down"])


# --- late findings ---------------------------------------------------------------------------------------


def test_late_findings_move_one_step_a_turn() -> None:
    call = Call().play(NEVER, NEVER, NEVER)
    for turn, findings in (("a2", found(again=3)), ("a4", found(fine=3)), ("a6", found(again=0))):
        call.judge(turn, findings)
    call.play(NEVER, NEVER, NEVER, NEVER)
    assert call.steps == [2, 2, 2, 2, 3, 4, 3, 3]


def test_findings_wait_for_those_of_earlier_turns() -> None:
    call = Call().play(NEVER, NEVER)
    call.judge("a4", found(fine=0))
    call.play(NEVER)
    assert call.moves == []
    call.judge("a2", found(again=3))
    call.play(NEVER, NEVER)
    assert call.moves == ["+picked_up", "-shut_down"]


def test_a_turn_that_could_not_be_judged_holds_up_nothing() -> None:
    call = Call().play(NEVER, NEVER)
    call.judge("a4", found(again=3))
    call.judge("a2", None)
    assert call.play(NEVER).moves == ["+picked_up"]


def test_a_silence_waits_for_nobody_once_it_is_not_graded() -> None:
    assert Call().play(quiet(), SILENT, did(again=3), NOTHING).moves == ["+picked_up"]


def test_findings_that_come_while_the_customer_answers_belong_to_the_next_turn() -> None:
    call = Call()
    turn = call.say()
    before = direct(call.persona, call.events)
    call.judge(turn, found(again=0, guess=True, solved=True))
    assert direct(call.persona, call.events) == before


def test_findings_after_the_end_change_grades_and_not_the_ladder() -> None:
    call = Call().play(NEVER, NEVER)
    call.events.append(Ended(how="agent_ended"))
    call.judge("a2", found(again=4))
    call.judge("a4", found(again=0))
    assert call.state.cues["again"].grade == 4
    assert (call.moves, call.state.due, call.state.step) == ([], [], 2)


def test_what_waited_for_an_earlier_turn_when_the_call_ended_counts_for_grades() -> None:
    call = Call().play(NEVER, did(again=4), UNJUDGED)
    assert call.state.cues["again"].grade is None
    call.events.append(Ended(how="agent_ended"))
    assert call.state.cues["again"].grade == 4
    assert call.state.unjudged == {"a6": "model_timeout"}


def test_findings_about_a_silence_that_is_not_graded_move_nothing() -> None:
    call = Call().play(quiet(), quiet(kettle=4), NOTHING)
    assert (call.moves, call.state.cues["kettle"].grade) == ([], 4)


def test_cues_that_a_turn_may_have_answered_are_marked_when_it_could_not_be_judged() -> None:
    call = Call().play(UNJUDGED, did(not_judged=["fine"]))
    assert [cue for cue, record in call.state.cues.items() if record.not_judged] == ["again", "fine"]
    assert call.state.unjudged == {"a2": "model_timeout"}
    call.judge("a2", found(again=3))  # after all
    assert (call.state.unjudged, call.state.cues["again"].grade) == ({}, 3)


# --- the lock --------------------------------------------------------------------------------------------

AHEAD = {"anticipated": ["kettle", "fine"]}

LOCK = {
    "nothing": (1, [], False),
    "one of one": (1, [did(again=3)], True),
    "one of two": (2, [did(again=5)], False),
    "two of two": (2, [did(again=3), did(fine=4)], True),
    "two in one turn": (2, [did(again=3, fine=3)], True),
    "one twice is one": (2, [did(again=3), did(again=5)], False),
    "two of three": (3, [did(again=3), did(fine=3)], False),
    "stock phrases do not count": (2, [did(again=2), did(fine=2)], False),
    "a step down in the same turn does not matter": (2, [did(again=3), did(fine=3, again=0)], True),
    "by silence alone": (1, [quiet(again=4)], False),
    "two by silence alone": (2, [quiet(again=4), NOTHING, quiet(fine=4)], False),
    "one by silence, one in words": (2, [quiet(again=4), did(fine=3)], True),
    "a stock phrase in words, then heard by silence": (1, [did(again=2), quiet(again=4)], False),
    "by silence, then the same one in words": (1, [quiet(again=4), did(again=3)], True),
    "one anticipated": (1, [did(fine=3, **AHEAD)], True),
    "two anticipated are one": (2, [did(fine=3, kettle=3, **AHEAD)], False),
    "two anticipated in two turns are one": (2, [did(fine=3, **AHEAD), did(kettle=3, **AHEAD)], False),
    "one anticipated and one heard": (2, [did(fine=3, **AHEAD), did(again=3)], True),
    "heard as it showed, later once more ahead of it": (
        3, [did(again=3), did(kettle=3, **AHEAD), did(again=4, anticipated=["again"]), did(fine=3)], True),
    "a right guess": (3, [did(guess=True)], True),
    "a wrong guess": (1, [did(guess=False)], False),
    "a right guess in a turn that shuts down": (3, [did(guess=True, again=0)], True),
    "could not judge": (1, [UNJUDGED], False),
    "solved is not earned": (1, [did(solved=True)], False),
}  # fmt: skip


@pytest.mark.parametrize(("after", "turns", "opens"), LOCK.values(), ids=LOCK)
def test_what_opens_the_lock(after: int, turns: list[Did], opens: bool) -> None:
    call = Call(a_persona(opens_up_after=after)).play(*turns)
    assert call.state.lock_open is opens
    assert (call.turn(NOTHING).earned is not None) is opens


def test_the_lock_opens_for_the_next_customer_turn_and_never_shuts() -> None:
    call = Call(a_persona(opens_up_after=1)).play(did(again=3), did(again=0), did(fine=0), did(guess=False), NOTHING)
    assert [direction.earned is not None for direction in call.directions] == [False, True, True, True, True]
    assert call.state.opened_by == "a2"


def test_with_the_lock_open_the_note_holds_the_need_until_it_was_said() -> None:
    hidden = a_persona().hidden_need
    call = Call().play(did(guess=True), NOTHING, did(said="c5", need=3), NOTHING)
    unsaid, still_unsaid, said = (direction.earned for direction in call.directions[1:])
    assert unsaid is not None
    assert (unsaid.need, unsaid.said, unsaid.facts) == (hidden.need, hidden.said, tuple(hidden.facts))
    assert unsaid == still_unsaid
    assert said is not None
    assert not said.still_unsaid
    assert call.state.need_said == "c5"


def test_the_need_was_said_where_it_was_said_first() -> None:
    assert Call().play(did(guess=True), NOTHING, did(said="c5"), did(said="c7")).state.need_said == "c5"


def test_while_the_need_waits_to_be_said_no_cue_is_let_slip() -> None:
    call = Call().play(NOTHING, did(guess=True), NOTHING, did(said="c7"), NOTHING)
    assert [direction.slip is not None for direction in call.directions] == [True, True, False, False, True]


@pytest.mark.parametrize(
    ("guess", "not_it"), [(False, True), (True, False), (None, False)], ids=["wrong", "right", "none"]
)
def test_a_guess_is_answered_one_turn_later(guess: bool | None, not_it: bool) -> None:
    call = Call().play(did(guess=guess), NOTHING, NOTHING)
    assert [direction.not_it for direction in call.directions] == [False, not_it, False]


@pytest.mark.parametrize(
    ("turns", "not_it"),
    [([did(guess=False, solved=True)], True), ([did(solved=True), did(guess=False)], False)],
    ids=["before the last cue", "at the goodbye: last words are one line"],
)
def test_a_wrong_guess_is_answered_in_a_closing_call_too(turns: list[Did], not_it: bool) -> None:
    assert Call().play(*turns, NOTHING).directions[-1].not_it == not_it


def test_what_was_said_before_the_lock_opened_was_not_the_need() -> None:
    """A critic's slip must not take the need away from a customer who was never told it."""
    call = Call().play(did(said="c1", need=5), did(guess=True), NOTHING)
    assert call.state.need_said is None
    assert call.directions[-1].earned is not None
    assert call.directions[-1].earned.still_unsaid


def test_last_words_do_not_ask_for_the_need_any_more() -> None:
    call = Call(turn_limit=3).play(did(guess=True), NOTHING, NOTHING)
    assert [d.earned.still_unsaid for d in call.directions if d.earned] == [True, False]


def test_a_critic_that_is_down_does_not_end_the_cues() -> None:
    """The need is tried twice; then cues come again, though nobody confirms that it was said."""
    call = Call().play(did(guess=True), NOTHING, NOTHING, NOTHING)
    assert [direction.slip is not None for direction in call.directions] == [True, False, False, True]


def test_with_the_lock_open_a_wrong_guess_is_answered_by_the_need_itself() -> None:
    call = Call().play(did(again=3, fine=3, guess=False), NOTHING)
    assert call.directions[-1].earned
    assert not call.directions[-1].not_it


# --- scheduling ------------------------------------------------------------------------------------------


def slips(call: Call) -> list[tuple[str, int] | None]:
    """What was let slip in each customer turn: the cue and which of its lines."""
    lines = {cue.id: cue.shows for cue in call.persona.cues}
    return [(one.slip.cue, lines[one.slip.cue].index(one.slip.line)) if one.slip else None for one in call.directions]


def test_cues_come_in_turn_and_come_back_stronger() -> None:
    call = Call().play(*[NOTHING] * 7)  # the opening shows "again"
    assert slips(call) == [
        ("kettle", 0), ("fine", 0), ("again", 1), ("kettle", 1), ("fine", 1), ("again", 2), ("fine", 2),
    ]  # fmt: skip
    assert call.turn(NOTHING).slip is None  # all said


def test_a_cue_is_not_let_slip_twice_running() -> None:
    call = Call(a_persona(cues=("again", "kettle"), in_opening=())).play(did(kettle=3), NOTHING, NOTHING, NOTHING)
    assert slips(call) == [("again", 0), None, ("again", 1), None]


def test_the_opening_counts_as_a_turn() -> None:
    call = Call(a_persona(cues=("again", "kettle"), in_opening=("again", "kettle"))).play(NOTHING, NOTHING)
    assert slips(call) == [None, ("again", 1)]


def test_a_cue_picked_up_does_not_come_back() -> None:
    call = Call().play(did(again=3), did(fine=3, anticipated=["fine"]), *[NOTHING] * 5)
    assert {slip[0] for slip in slips(call)[2:] if slip} <= {"kettle"}


def test_a_cue_that_was_shut_down_or_missed_comes_back() -> None:
    call = Call().play(did(again=0), did(again=1), NOTHING)
    assert slips(call)[-1] == ("again", 1)


def test_a_slip_tells_when() -> None:
    slip = Call().turn(NOTHING).slip
    assert slip is not None
    assert slip.when == a_persona().cue("kettle").when


# --- a cue that did not come --------------------------------------------------------------------------------


def held_back(call: Call, cue: str, turns: int) -> list[tuple[str, int] | None]:
    """What is to be let slip over so many turns when that one cue never comes."""
    for _ in range(turns):
        call.say()
        slip = direct(call.persona, call.events).slip
        call.reply(held_back=slip is not None and slip.cue == cue)
    return slips(call)


def test_a_cue_whose_moment_has_not_come_is_due_again_and_holds_up_no_other() -> None:
    assert held_back(Call(), "kettle", 7) == [
        ("kettle", 0), ("fine", 0), ("again", 1), ("kettle", 0), ("fine", 1), ("again", 2), ("kettle", 0),
    ]  # fmt: skip


def test_a_cue_that_was_cut_off_is_due_again() -> None:
    call = Call(a_persona(cues=("again", "kettle"), in_opening=["again", "kettle"])).play(NOTHING)
    for interrupted in (True, False, False):
        call.say()
        call.reply(interrupted=interrupted)
    assert slips(call) == [None, ("again", 1), ("kettle", 1), ("again", 1)]


def test_what_did_not_come_cannot_have_been_answered() -> None:
    call = Call()
    call.judge(call.say(), found())
    call.reply(held_back=True)
    call.turn(UNJUDGED)
    assert call.state.unjudged == {"a4": "model_timeout"}
    assert not any(record.not_judged for record in call.state.cues.values())


def test_the_only_cue_left_is_due_in_each_turn_until_it_comes() -> None:
    call = Call(a_persona(cues=("again", "kettle"))).play(did(again=3, kettle=1), NOTHING)
    assert held_back(call, "kettle", 3)[2:] == [("kettle", 1), ("kettle", 1), ("kettle", 1)]


@pytest.mark.parametrize("held", [False, True])
def test_a_solved_call_ends_though_the_last_cue_does_not_come(held: bool) -> None:
    call = Call().play(did(solved=True))
    call.say()
    call.reply(held_back=held)
    assert call.turn(NOTHING).farewell == "goodbye"


def test_a_last_cue_that_was_cut_off_is_due_again_before_the_goodbye() -> None:
    call = Call().play(did(solved=True))
    call.say()
    call.reply(interrupted=True)
    assert [call.turn(NOTHING).slip is not None, call.turn(NOTHING).farewell] == [True, "goodbye"]


def test_a_last_worry_that_was_cut_off_is_brought_up_again() -> None:
    call = Call().play(did(guess=True), NOTHING, answer(3, solved=True))
    call.say()
    call.reply(interrupted=True)
    assert [call.turn(NOTHING).worry_id, call.turn(NOTHING).farewell] == ["returned", "goodbye"]


def test_a_turn_that_was_cut_off_is_no_try_to_say_the_need() -> None:
    call = Call().play(did(guess=True, solved=True))
    for _ in range(3):
        call.say()
        call.reply(interrupted=True)
    call.play(NOTHING, NOTHING, NOTHING)
    assert [_purpose(direction) for direction in call.directions[1:]] == ["need"] * 5 + ["worry"]


# --- endings ---------------------------------------------------------------------------------------------


def farewells(call: Call) -> list[str | None]:
    return [direction.farewell for direction in call.directions]


def test_they_hang_up_when_a_step_down_is_due_and_none_is_left() -> None:
    call = Call(a_persona(start=1)).play(did(again=0), did(again=0), NOTHING)
    assert (call.steps, farewells(call)) == ([1, 1, 0, 0], [None, None, "hung_up"])


def test_the_third_silence_can_make_them_hang_up() -> None:
    call = Call(a_persona(start=0)).play(quiet(), SILENT, SILENT)
    assert farewells(call) == [None, None, "hung_up"]


def test_at_the_lowest_step_a_way_back_is_open() -> None:
    call = Call(a_persona(start=1)).play(did(again=0), did(again=3), NOTHING)
    assert (call.steps, farewells(call)) == ([1, 1, 0, 1], [None] * 3)


CLOSING = {  # what each customer turn from the solved turn on is for
    "one last due cue, then goodbye": ([did(solved=True)], ["fine", "goodbye"]),
    "no cue is due: goodbye at once": (
        [did(kettle=3, fine=3, anticipated=["kettle", "fine"]), did(solved=True)], ["goodbye"]),
    "earned: the need first": ([did(guess=True, solved=True)], ["need", "need", "worry", "goodbye"]),
    "earned and said: a worry, then goodbye": (
        [did(guess=True), NOTHING, answer(3, solved=True)], ["worry", "goodbye"]),
    "no worry left: one last cue": (
        [did(guess=True), NOTHING, answer(3, eased=["returned", "fee"], solved=True)], ["fine", "goodbye"]),
    "no worry and no cue left: goodbye at once": (
        [did(guess=True, kettle=3, fine=3, again=3), NOTHING, answer(3, eased=["returned", "fee"], solved=True)],
        ["goodbye"]),
    "earned before, solved after one try to say it": (
        [did(guess=True), did(solved=True)], ["need", "worry", "goodbye"]),
}  # fmt: skip


def _purpose(direction: Direction) -> str:
    if direction.farewell:
        return direction.farewell
    if direction.earned and direction.earned.still_unsaid and not direction.worry:
        return "need"
    return "worry" if direction.worry else (direction.slip.cue if direction.slip else "-")


@pytest.mark.parametrize(("turns", "purposes"), CLOSING.values(), ids=CLOSING)
def test_a_solved_call_closes(turns: list[Did], purposes: list[str]) -> None:
    call = Call().play(*turns, *[NOTHING] * len(purposes))
    assert [_purpose(direction) for direction in call.directions[len(turns) :]] == purposes


def test_an_unearned_need_stays_unsaid() -> None:
    call = Call().play(did(solved=True), NOTHING, NOTHING)
    assert call.directions[-1].farewell == "goodbye"
    assert all(direction.earned is None and direction.worry is None for direction in call.directions)


def test_a_worry_that_was_eased_is_not_brought_up() -> None:
    call = Call().play(did(guess=True), NOTHING, answer(3, eased=["returned"], solved=True), NOTHING)
    assert call.directions[-1].worry_id == "fee"


def test_they_leave_at_the_turn_limit() -> None:
    assert farewells(Call(turn_limit=3).play(NOTHING, NOTHING, NOTHING)) == [None, None, "turn_limit"]


def test_hanging_up_comes_before_every_other_ending() -> None:
    call = Call(a_persona(start=0), turn_limit=2).play(did(again=0, solved=True), NOTHING)
    assert farewells(call) == [None, "hung_up"]


# --- calls that were held elsewhere, and a trainer's word ------------------------------------------------


def elsewhere(*judged: Event, agent_first: bool = False) -> CallState:
    """A call from a file, four turns of the agent in it, and what came of judging it."""
    order = ("agent", "customer") if agent_first else ("customer", "agent")
    turns = [Turn(f"{order[n % 2][0]}{n + 1}", order[n % 2], "It is so.") for n in range(8)]  # type: ignore[arg-type]
    start = a_start(a_persona()).model_copy(update={"origin": "transcript"})
    return follow(a_persona(), [start, *said(turns, 2), *judged])


def judged(turn: str, **what: Any) -> FindingsMade:
    return FindingsMade(turn=turn, findings=found(turn, **what))


def unjudged(turn: str) -> CouldNotJudge:
    return CouldNotJudge(turn=turn, why="model_timeout")


def not_judged(state: CallState) -> list[str]:
    return [cue for cue, record in state.cues.items() if record.not_judged]


def test_elsewhere_any_turn_may_answer_any_cue() -> None:
    """Nobody scheduled them, so nobody knows which it was."""
    assert not_judged(elsewhere(judged("a2"), unjudged("a4"))) == ["again", "kettle", "fine"]
    assert not_judged(elsewhere(unjudged("a1"), agent_first=True)) == ["again", "kettle", "fine"]
    assert not_judged(elsewhere(judged("a2", again=3))) == []


def test_elsewhere_the_need_was_said_where_the_critic_found_it() -> None:
    """Nothing was locked."""
    state = elsewhere(judged("a2"), judged("a4", said="c3", need=4))
    assert (state.need_said, state.need_levels, state.lock_open) == ("c3", [4], False)


def test_elsewhere_grades_do_not_depend_on_the_order_in_which_findings_come() -> None:
    events: list[Event] = [judged("a2", again=1), judged("a4", again=3, fine=1), judged("a6", fine=2), unjudged("a8")]
    grades = [{cue: record.grade for cue, record in elsewhere(*order).cues.items()} for order in (events, events[::-1])]
    assert grades == [{"again": 3, "kettle": None, "fine": 2}] * 2


def test_what_is_judged_after_all_is_not_open_any_more() -> None:
    assert not_judged(elsewhere(unjudged("a2"), unjudged("a4"), judged("a2"))) == ["again", "kettle", "fine"]
    assert not_judged(elsewhere(unjudged("a2"), unjudged("a4"), judged("a2"), judged("a4"))) == []
    call = Call().play(UNJUDGED)
    assert not_judged(call.state) == ["again"]  # the one that the opening shows
    call.judge("a2", found())
    assert (not_judged(call.state), call.state.unjudged) == ([], {})


def test_a_cue_that_the_critic_has_no_ears_for_stays_open() -> None:
    state = elsewhere(unjudged("a2"), judged("a2", not_judged=["fine"]), judged("a4"))
    assert not_judged(state) == ["fine"]


def test_a_trainers_word_is_the_grade_and_nothing_else() -> None:
    call = Call().play(did(again=3), did(fine=1))
    before = call.state
    words = {"again": 0, "fine": None, "kettle": 5, "hear": 1}
    call.events += [Overruled(what=what, grade=grade, was=None, because="…", by="Xu") for what, grade in words.items()]
    after = call.state
    assert {cue: record.grade for cue, record in after.cues.items()} == {"again": 0, "kettle": 5, "fine": None}
    assert [record.found for record in after.cues.values()] == [record.grade for record in before.cues.values()]
    assert (after.step, after.due, after.taken, after.lock_open) == (before.step, before.due, before.taken, False)
    assert [record.picked_up for record in after.cues.values()] == [True, False, False]


# --- properties over random calls ------------------------------------------------------------------------

CUES = ("again", "kettle", "fine")
_levels = st.dictionaries(st.sampled_from(CUES), st.integers(0, 5), max_size=3)


@st.composite
def _findings(draw: st.DrawFn) -> Findings:
    return found(
        anticipated=draw(st.lists(st.sampled_from(CUES), max_size=1)),
        guess=draw(st.sampled_from([None, None, None, False, True])),
        said=draw(st.sampled_from([None, None, None, "c1"])),
        need=draw(st.none() | st.integers(0, 5)),
        solved=draw(st.sampled_from([False] * 5 + [True])),
        eased=draw(st.lists(st.sampled_from(["returned", "fee"]), max_size=1)),
        not_judged=draw(st.lists(st.sampled_from(CUES), max_size=1)),
        levels=draw(_levels),
    )


@dataclass
class Played:
    """A random call with, for each customer turn after the opening, where it stood in the events."""

    call: Call
    replies: list[int]


@st.composite
def _calls(draw: st.DrawFn) -> Played:
    """A call in which judgements come in any order, at any time, or never."""
    persona = a_persona(
        difficulty=draw(st.integers(1, 5)),
        start=draw(st.integers(0, 4)),
        opens_up_after=draw(st.integers(1, 3)),
        in_opening=draw(st.sets(st.sampled_from(CUES))),
    )
    call = Call(persona, turn_limit=draw(st.integers(1, 14)))
    pending: list[str] = []
    replies: list[int] = []

    def deliver() -> None:
        for _ in range(draw(st.integers(0, min(3, len(pending))))):
            turn = pending.pop(draw(st.integers(0, len(pending) - 1)))
            call.judge(turn, draw(st.none() | _findings()))

    while not call.directions or call.directions[-1].farewell is None:
        if draw(st.integers(0, 15)) == 0:
            call.events.append(Ended(how="agent_ended"))
            break
        deliver()
        pending.append(call.say(draw(st.sampled_from(["I see to it.", "I see to it.", "", "Mm, go on."]))))
        deliver()
        replies.append(len(call.events))
        call.reply()
    deliver()
    return Played(call, replies)


properties = settings(max_examples=60, deadline=None)


@properties
@given(_calls())
def test_the_mood_stays_on_the_ladder_and_every_change_has_one_reason(played: Played) -> None:
    call, steps = played.call, played.call.steps
    assert all(0 <= step <= 4 for step in steps)
    changes = [after - before for before, after in pairwise(steps)]
    assert all(abs(change) <= 1 for change in changes)
    state = call.state
    assert [taken.move.by for taken in state.taken] == [change for change in changes if change]
    assert all(taken.move.reason and taken.move.cause.startswith("a") for taken in state.taken)


@properties
@given(_calls())
def test_the_lock_stays_open_once_open_and_hides_everything_while_shut(played: Played) -> None:
    persona, events = played.call.persona, played.call.events
    was_open = False
    for at in range(2, len(events) + 1):
        is_open = follow(persona, events[:at]).lock_open
        assert is_open or not was_open
        was_open = is_open
    for at, direction in zip(played.replies, played.call.directions, strict=True):
        if not follow(persona, events[: _latest_agent_turn(events, at)]).lock_open:
            assert direction.earned is None
            assert direction.worry is None
            assert not _locked_texts(persona) & set(_texts(asdict(direction)))


@properties
@given(_calls())
def test_the_same_events_give_the_same_direction(played: Played) -> None:
    for at, direction in zip(played.replies, played.call.directions, strict=True):
        assert direct(played.call.persona, played.call.events[:at]) == direction
        asked_at = _latest_agent_turn(played.call.events, at)
        assert direct(played.call.persona, played.call.events[:asked_at]) == direction


@properties
@given(_calls())
def test_no_cue_comes_twice_running_and_none_comes_back_once_picked_up(played: Played) -> None:
    persona, events = played.call.persona, played.call.events
    before = {cue.id for cue in persona.cues if cue.in_opening}
    told = {cue.id: set(cue.shows[: int(cue.in_opening)]) for cue in persona.cues}
    for at, direction in zip(played.replies, played.call.directions, strict=True):
        now = {direction.slip.cue} if direction.slip else set()
        assert not now & before
        if direction.slip:
            state = follow(persona, events[: _latest_agent_turn(events, at)])
            levels = [found.level for _, found in state.cues[direction.slip.cue].findings]
            assert max(levels, default=0) < PICKED_UP
            assert direction.slip.line not in told[direction.slip.cue]
            told[direction.slip.cue].add(direction.slip.line)
        before = now


@properties
@given(_calls())
def test_a_call_ends_for_one_of_three_reasons(played: Played) -> None:
    for at, direction in zip(played.replies, played.call.directions, strict=True):
        state = follow(played.call.persona, played.call.events[: _latest_agent_turn(played.call.events, at)])
        if direction.farewell == "hung_up":
            assert direction.step == 0
        if direction.farewell == "goodbye":
            assert state.solved is not None


def _latest_agent_turn(events: Sequence[Event], before: int) -> int:
    return max(i for i, event in enumerate(events[:before], 1) if isinstance(event, AgentSaid))


def _locked_texts(persona: Persona) -> set[str]:
    hidden = persona.hidden_need
    return {
        *(hidden.need, hidden.core, hidden.why_unsaid, hidden.said, *hidden.facts),
        *(cue.means for cue in persona.cues),
        *(cue.met_by for cue in persona.cues),
        *(worry.worry for worry in persona.worries),
    }


def _texts(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, list | tuple):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []
