"""The critique as one JSON document: the form that programs rely on, and what each part of it is taken from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest
from pydantic import ValidationError

from simulator.critique import (
    LAYERS,
    BetterLine,
    CueFinding,
    Eased,
    Evidence,
    Findings,
    LayerScore,
    NeedAnswer,
    NeedGuess,
    Solved,
    Verdict,
)
from simulator.debrief.document import CallCritique, as_json, document, schema_text
from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Debriefed,
    Event,
    FindingsMade,
    Grade,
    Overruled,
    Repeated,
    agreement,
)
from tests.scripted import a_persona, a_start, a_verdict, found

PERSONA = a_persona()
CUES, WORRIES = ("again", "kettle", "fine"), ("returned", "fee")


def heard(*events: Event, elsewhere: bool = True, offline: bool = False, lines: int = 9) -> list[Event]:
    """A call of so many lines, the customer first, and what came of judging it."""
    said: list[Event] = [
        AgentSaid(turn=f"a{n}", text="…") if n % 2 == 0 else CustomerSaid(turn=f"c{n}", text="…", step=2)
        for n in range(1, lines + 1)
    ]
    changes: dict[str, Any] = {"origin": "transcript"} if elsewhere else {}
    changes |= {"engine": "offline", "models": {}} if offline else {}
    return [a_start(PERSONA).model_copy(update=changes), *said, *events]


def judged(turn: str, **what: Any) -> FindingsMade:
    return FindingsMade(turn=turn, findings=found(turn, **what))


def of(*events: Event, **call: Any) -> CallCritique:
    return document(PERSONA, heard(*events, **call))


def keys(critique: CallCritique) -> list[str]:
    return list(json.loads(as_json(critique)))


def overruled(what: str, grade: int | None, was: int | None = None) -> Overruled:
    return Overruled(what=what, grade=grade, was=was, because="I was there.", by="Xu")


# --- the whole of it -------------------------------------------------------------------------------------


def at(turn: str, quote: str) -> Evidence:
    return Evidence(turn=turn, quote=quote)


def a_whole_call() -> list[Event]:
    """One with something in every place of the document."""
    third = CueFinding(cue="again", customer=at("c1", "third time"), agent=at("a2", "three"), why="said so", level=3)
    early = CueFinding(cue="fine", customer=None, agent=at("a2", "urgent"), why="before it showed", level=4)
    passed = CueFinding(cue="kettle", customer=at("c3", "kettle"), agent=at("a4", ""), why="went on", level=1)
    guess = NeedGuess(agent=at("a4", "the rent"), why="yes", right=True)
    answer = NeedAnswer(agent=at("a6", "today"), why="just that", level=5)
    eased = Eased(worry="fee", agent=at("a6", "free"), why="said so")
    layers = {layer: LayerScore(why="so", evidence=(at("a4", "the rent"),), score=4) for layer in LAYERS}
    layers["trust"] = LayerScore(why="nothing to go by")
    verdict = Verdict(layers=layers, better=(BetterLine(cue="kettle", line="I'll wait."),), next="Wait.")
    return heard(
        FindingsMade(turn="a2", findings=Findings(cues=(third, early)), dropped=1),
        FindingsMade(turn="a4", findings=Findings(cues=(passed,), guess=guess)),
        FindingsMade(
            turn="a6",
            findings=Findings(
                need_said=at("c5", "his rent"),
                need_answer=answer,
                solved=Solved(agent=at("a6", "started"), why="done"),
                worries=(eased,),
            ),
        ),
        Debriefed(verdict=verdict, dropped=2),
        lines=7,
    )


def test_the_document_has_exactly_this_form() -> None:
    scored = {"score": 4, "why": "so", "evidence": [{"turn": 4, "quote": "the rent"}]}
    wanted = {
        "persona": "third-call",
        "model": "scripted",
        "cues": {
            "again": {
                "level": 3,
                "anticipated": False,
                "customer": {"turn": 1, "quote": "third time"},
                "agent": {"turn": 2, "quote": "three"},
                "why": "said so",
                "better": None,
            },
            "kettle": {
                "level": 1,
                "anticipated": False,
                "customer": {"turn": 3, "quote": "kettle"},
                "agent": {"turn": 4, "quote": None},
                "why": "went on",
                "better": "I'll wait.",
            },
            "fine": {
                "level": 4,
                "anticipated": True,
                "customer": None,
                "agent": {"turn": 2, "quote": "urgent"},
                "why": "before it showed",
                "better": None,
            },
        },
        "need": {
            "guessed": {"turn": 4, "quote": "the rent"},
            "said": {"turn": 5, "quote": "his rent"},
            "met": {"turn": 6, "quote": "today"},
        },
        "solved": {"turn": 6, "quote": "started"},
        "worries": {
            "returned": {"eased": False, "turn": None, "quote": None},
            "fee": {"eased": True, "turn": 6, "quote": "free"},
        },
        "layers": {
            "hear": scored,
            "solve": scored,
            "warmth": scored,
            "trust": {"score": None, "why": "nothing to go by", "evidence": []},
        },
        "picked_up": "2 of 3",
        "next": "Wait.",
        "dropped_findings": 3,
        "could_not_judge": [],
    }
    text = as_json(document(PERSONA, a_whole_call()))
    assert text == json.dumps(wanted, ensure_ascii=False, indent=2)  # the order too


def test_keys_that_only_some_calls_have_are_left_out_of_the_others() -> None:
    plain = keys(of())
    assert keys(of(Repeated(grades={"again": (3, 3)}))) == [*plain, "repeats"]
    assert keys(of(overruled("again", 3))) == [*plain, "overruled"]


def test_the_schema_is_that_of_the_document() -> None:
    schema = json.loads(schema_text())
    written = json.loads(as_json(document(PERSONA, a_whole_call())))
    assert set(schema["properties"]) == {*written, "repeats", "overruled", "before"}
    assert set(schema["required"]) == set(written)
    parts = schema["$defs"]
    assert all(part["additionalProperties"] is False for part in (schema, *parts.values()))
    for part, one in (
        ("CueCritique", written["cues"]["again"]),
        ("Quote", written["solved"]),
        ("Answer", written["cues"]["kettle"]["agent"]),
        ("NeedCritique", written["need"]),
        ("WorryCritique", written["worries"]["fee"]),
        ("LayerCritique", written["layers"]["hear"]),
    ):
        assert list(parts[part]["properties"]) == parts[part]["required"] == list(one)
    with pytest.raises(ValidationError):
        CallCritique.model_validate(written | {"more": 1})


# --- cues ------------------------------------------------------------------------------------------------


def test_a_level_comes_with_the_first_answer_that_reached_it_in_the_order_of_the_call() -> None:
    made = of(judged("a6", again=4), judged("a4", again=4), judged("a2", again=3)).cues["again"]
    assert made.agent
    assert (made.level, made.agent.turn) == (4, 4)


@pytest.mark.parametrize(("levels", "level"), [((1, 2), 2), ((0, 2), 2), ((1, 0), 0), ((1, 1), 1), ((5, 0), 5)])
def test_levels_add_up_as_the_scale_says(levels: tuple[int, int], level: int) -> None:
    made = of(*(judged(f"a{2 * n}", again=one) for n, one in enumerate(levels, 1)))
    assert made.cues["again"].level == level


def test_a_cue_that_nobody_showed_is_held_against_nobody() -> None:
    made = of(judged("a2", again=3))
    shown = made.cues["fine"]
    assert (shown.level, shown.customer, shown.agent, shown.why) == ("not_shown", None, None, "")
    assert made.picked_up == "1 of 1"


def test_of_a_turn_that_could_not_be_judged_every_cue_may_have_been_answered_in_a_call_from_elsewhere() -> None:
    made = of(judged("a2", again=3), CouldNotJudge(turn="a4", why="model_cut"))
    assert [made.cues[cue].level for cue in CUES] == [3, "not_judged", "not_judged"]
    assert (made.could_not_judge, made.picked_up) == ([4], "1 of 1")


def test_of_a_turn_that_could_not_be_judged_only_the_cue_before_it_may_have_been_answered_in_our_own() -> None:
    made = of(CouldNotJudge(turn="a2", why="model_cut"), elsewhere=False, lines=3)
    assert [made.cues[cue].level for cue in CUES] == ["not_judged", "not_shown", "not_shown"]  # the opening shows it


def test_what_could_be_judged_after_all_leaves_nothing_open() -> None:
    for elsewhere in (True, False):
        made = of(CouldNotJudge(turn="a2", why="model_cut"), judged("a2"), elsewhere=elsewhere, lines=3)
        assert [made.cues[cue].level for cue in CUES] == ["not_shown"] * 3
        assert made.could_not_judge == []


def test_a_cue_that_the_offline_critic_has_no_ears_for_is_not_judged() -> None:
    assert of(judged("a2", not_judged=["kettle"]), offline=True).cues["kettle"].level == "not_judged"


def test_a_better_line_only_stands_beside_a_low_level() -> None:
    better = tuple(BetterLine(cue=cue, line="…") for cue in CUES)
    verdict = Verdict(layers=a_verdict().layers, better=better)
    made = of(judged("a2", again=3, kettle=2), Debriefed(verdict=verdict))
    assert [made.cues[cue].better for cue in CUES] == [None, "…", None]


# --- need, worries, layers -------------------------------------------------------------------------------


def test_a_wrong_guess_is_none() -> None:
    made = of(judged("a2", guess=False), judged("a4", guess=True))
    assert made.need.guessed is not None
    assert made.need.guessed.turn == 4


def test_the_need_was_said_where_it_could_have_been() -> None:
    """In a call of ours it is locked: what the critic took for it before the lock opened was something else."""
    early = judged("a4", said="c3", need=5)
    made = of(early, judged("a6", guess=True), judged("a8", said="c7", need=4), elsewhere=False)
    assert made.need.said is not None
    assert (made.need.said.turn, made.need.met) == (7, None)
    met = of(early, judged("a6", guess=True), judged("a8", said="c7", need=5), elsewhere=False).need.met
    assert met is not None
    assert met.turn == 8
    never = of(early, elsewhere=False)
    assert (never.need.said, never.need.met) == (None, None)


@pytest.mark.parametrize("level", [0, 1, 2, 3, 4])
def test_only_what_fits_the_need_met_it(level: int) -> None:
    assert of(judged("a4", said="c3", need=level)).need.met is None


def test_a_worry_is_open_only_where_everything_was_judged() -> None:
    assert [of(judged("a2")).worries[one].eased for one in WORRIES] == [False, False]
    made = of(judged("a2", eased=["fee"]), CouldNotJudge(turn="a4", why="model_cut"))
    assert [made.worries[one].eased for one in WORRIES] == [None, True]


@pytest.mark.parametrize(
    ("events", "why"),
    [((Debriefed(verdict=None, why="model_auth"),), "could not judge: model_auth"), ((), "could not judge: not summed up")],
)  # fmt: skip
def test_layers_that_could_not_be_judged_say_why(events: Iterable[Event], why: str) -> None:
    made = of(*events)
    assert [(made.layers[layer].score, made.layers[layer].why) for layer in LAYERS] == [(None, why)] * 4
    assert made.next == ""


def test_the_latest_verdict_counts_and_so_do_its_dropped_claims_alone() -> None:
    first = Debriefed(verdict=None, why="model_cut", dropped=5)
    found_later = FindingsMade(turn="a2", findings=Findings(), dropped=1)
    made = of(first, found_later, Debriefed(verdict=a_verdict(), dropped=2))
    assert (made.layers["hear"].score, made.next, made.dropped_findings) == (3, "Listen.", 3)


# --- repeats and a trainer's word ------------------------------------------------------------------------


def test_repeats_name_the_levels_and_how_far_they_agree() -> None:
    grades: dict[str, tuple[Grade, ...]] = {"again": (3, 5, 5), "kettle": (None, None, None), "fine": (1, None, "not_judged")}  # fmt: skip
    repeats = of(Repeated(grades={"again": (1, 1)}), Repeated(grades=grades)).repeats  # the latest
    assert repeats
    assert {cue: (one.levels, one.agreement) for cue, one in repeats.items()} == {
        "again": ([3, 5, 5], 2 / 3),
        "kettle": (["not_shown"] * 3, 1),
        "fine": ([1, "not_shown", "not_judged"], 0.5),
    }


def test_what_was_never_judged_agrees_with_nothing() -> None:
    assert agreement(["not_judged", "not_judged"]) is None
    assert agreement([3]) == 1


def test_a_trainers_word_is_the_level_and_both_are_there() -> None:
    better = Verdict(layers=a_verdict().layers, better=(BetterLine(cue="again", line="…"),))
    words = (overruled("again", 4, 2), overruled("again", 5, 2), overruled("kettle", None, 3), overruled("hear", 1, 3))
    made = of(judged("a2", again=2, kettle=3), Debriefed(verdict=better), *words)
    again, kettle, hear = made.cues["again"], made.cues["kettle"], made.layers["hear"]
    assert (again.level, again.why, again.better) == (5, "…", None)  # the reasons stay the critic's
    assert (kettle.level, kettle.customer, kettle.agent) == ("not_shown", None, None)
    assert (hear.score, hear.why, made.picked_up) == (1, a_verdict().layers["hear"].why, "1 of 1")
    assert made.overruled
    assert {word.because for word in made.overruled.values()} == {"I was there."}
    assert {what: (word.level, word.was) for what, word in made.overruled.items()} == {
        "again": (5, 2), "kettle": ("not_shown", 3), "hear": (1, 3),
    }  # fmt: skip


def test_a_trainers_word_stands_where_the_critic_had_none() -> None:
    made = of(
        CouldNotJudge(turn="a2", why="model_cut"),
        Debriefed(verdict=None, why="model_cut"),
        overruled("kettle", 4),
        overruled("hear", 2),
    )
    assert (made.cues["kettle"].level, made.layers["hear"].score, made.layers["solve"].score) == (4, 2, None)
    assert made.overruled
    assert [word.was for word in made.overruled.values()] == ["not_judged", "not_judged"]
    unshown = of(judged("a2"), overruled("kettle", 4)).overruled
    assert unshown
    assert unshown["kettle"].was == "not_shown"
