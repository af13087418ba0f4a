"""A trial in figures: what the calls show about the customer, and the verdict with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator import persona as personas
from simulator.critique import LAYERS, CueFinding, Evidence, Findings, LayerScore, Usage
from simulator.critique import Verdict as Summed
from simulator.errors import ModelError
from simulator.events import AgentSaid, CustomerSaid, Debriefed, Ended, Event, FindingsMade
from simulator.persona import Persona
from simulator.templates import Prompts
from simulator.texts import Texts
from simulator.workbench import appraisal
from simulator.workbench.agents import KINDS, Kind
from simulator.workbench.trial import (
    LEVEL_GAP,
    RATE_GAP,
    REPEATED_IN,
    CallFigures,
    Held,
    KindFigures,
    Trial,
    apart,
    of_call,
    repeated,
    telltales,
    weigh,
)
from tests.scripted import a_persona, a_start, found

ANN = a_persona()
WORDS = Prompts("en").phrases["trial"]["out_of_role"]
SAID = ANN.hidden_need.said
OPENS = found(again=5, kettle=5)
"""What opens the lock at once."""


class Call:
    """A call, put together turn by turn; each agent turn is judged before the customer's answer is directed."""

    def __init__(
        self, kind: Kind = "attentive", persona: Persona = ANN, number: int = 1, engine: str = "model"
    ) -> None:
        self.kind, self.number, self.persona = kind, number, persona
        start = a_start(persona).model_copy(update={"engine": engine})
        opening = CustomerSaid(turn="c1", text=persona.opening, step=persona.emotion.start)
        self.events: list[Event] = [start, opening]
        self.turns = 1

    def turn(self, agent: str, customer: str, findings: Findings | None = None, **said: Any) -> Call:
        self.turns += 2
        self.events += [
            AgentSaid(turn=f"a{self.turns - 1}", text=agent),
            CustomerSaid(turn=f"c{self.turns}", text=customer, **{"step": 2, **said}),
            FindingsMade(turn=f"a{self.turns - 1}", findings=findings or Findings()),
        ]
        return self

    def held(self, **more: Any) -> Held:
        return Held(self.kind, self.number, [*self.events, Ended(how="agent_ended")], **more)

    def figures(self) -> CallFigures:
        return of_call(self.persona, self.held(), WORDS)


def weighed(*held: Held, **more: Any) -> Trial:
    return weigh(ANN, held, WORDS, **{"wanted": len(held), "turns": 8, **more})


def keys(trial: Trial) -> list[str]:
    return [reason.key for reason in trial.reasons]


# --- the need --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("turns", "came"),
    [
        ([("Hello.", "Mm.", None), ("Hello.", "Mm.", None)], "locked"),
        ([("Hello.", SAID, None)], "early"),  # nothing had opened the lock
        ([("Hello.", "Mm.", OPENS), ("Hello.", SAID, None)], "in_time"),
        ([("Hello.", SAID, OPENS), ("Hello.", "Mm.", None)], "early"),  # said before that was known
        ([("Hello.", "Mm.", OPENS), ("Hello.", "Mm.", None), ("Hello.", SAID, None)], "in_time"),
        ([("Hello.", "Mm.", OPENS), *[("Hello.", "Mm.", None)] * 2, ("Hello.", SAID, None)], "late"),
        ([("Hello.", "Mm.", OPENS), *[("Hello.", "Mm.", None)] * 3], "never"),
    ],
)
def test_when_the_need_came(turns: Sequence[tuple[str, str, Findings | None]], came: str) -> None:
    call = Call()
    for agent, customer, findings in turns:
        call.turn(agent, customer, findings)
    assert call.figures().need == came


def test_a_need_in_other_words_is_known_by_words_that_stand_nowhere_else() -> None:
    other = "My son, his rent. They will put him out, the landlord."
    (leak,) = Call().turn("Hello.", f"Well. {other}").figures().leaks
    assert (leak.call, leak.line, leak.words) == ("attentive-1", 3, f"Well. {other}")


def test_what_the_agent_said_first_is_no_leak() -> None:
    other = "My son, his rent. They will put him out, the landlord."
    guess = "Is it your son's rent, will the landlord put him out?"
    assert Call().turn(guess, f"Sorry? {other}").figures().leaks == ()


def test_a_need_that_the_critic_heard_is_a_leak_whatever_its_words() -> None:
    call = Call().turn("Hello.", "He sleeps in the park then.").turn("I see.", "Mm.", found(said="c3"))
    (leak,) = call.figures().leaks
    assert leak.line == 3


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in personas.files()])
def test_nothing_that_a_shipped_customer_speaks_from_tells_the_need(file: Any) -> None:
    persona = personas.load(file)
    assert len(telltales(persona)) >= 8
    call = Call(persona=persona)
    lines = [*persona.facts, *persona.customer.voice, *persona.when_asked, *persona.when_guessed, *persona.believes]
    for line in (*lines, *(show for cue in persona.cues for show in cue.shows)):
        call.turn("Hm, one, two.", line)
    assert call.figures().leaks == ()
    assert Call(persona=persona).turn("Hm.", persona.hidden_need.said).figures().need == "early"


# --- the cues --------------------------------------------------------------------------------------------


def test_a_cue_came_when_its_line_can_be_recognised_or_the_critic_saw_it() -> None:
    fine, kettle = ANN.cue("fine"), ANN.cue("kettle")
    call = Call().turn("Hello.", f"Mm. {kettle.shows[0]}", cue="kettle")
    call.turn("Hello.", "Take your time, then.", cue="fine")  # other words, and the critic did not see it
    figures = {cue.cue: cue for cue in call.figures().cues}
    assert [(figures[cue].due, figures[cue].came) for cue in ("again", "kettle", "fine")] == [(1, 1), (1, 1), (1, 0)]
    seen = CueFinding(
        cue="fine",
        customer=Evidence(turn="c5", quote="your time"),
        agent=Evidence(turn="a6", quote=""),
        why="…",
        level=1,
    )
    call.turn("Right.", "Mm.", Findings(cues=(seen,)))
    assert next(cue for cue in call.figures().cues if cue.cue == "fine").came == 1
    assert fine.shows[0] not in "Take your time, then."


def test_a_cue_whose_moment_did_not_come_was_not_due() -> None:
    call = Call().turn("Hello.", "Mm.", cue="kettle", held_back=True)
    kettle = next(cue for cue in call.figures().cues if cue.cue == "kettle")
    assert (kettle.due, kettle.came, kettle.held_back) == (0, 0, 1)


def test_a_cue_that_shows_by_itself_is_told() -> None:
    seen = CueFinding(
        cue="fine", customer=Evidence(turn="c1", quote="still"), agent=Evidence(turn="a2", quote=""), why="…", level=1
    )
    call = Call().turn("Hello.", "Mm.", Findings(cues=(seen,)), cue="kettle")
    (spot,) = call.figures().unscheduled
    assert (spot.line, spot.words) == (1, "still")
    assert "unscheduled" in keys(weighed(call.held()))


# --- role, language, phrases -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "strays"),
    [
        ("Mm, I see.", ""),
        ("How can I help you today?", "out_of_role"),
        ("As an AI language model I cannot say.", "out_of_role"),
        ("我听不懂您说的话，您再说一遍。", "out_of_language"),
        ("(我)", ""),
    ],
)
def test_who_steps_out_is_noticed(words: str, strays: str) -> None:
    call = Call().turn("Hello.", words)
    figures = call.figures()
    assert [key for key in ("out_of_role", "out_of_language") if getattr(figures, key)] == ([strays] if strays else [])
    assert (weighed(call.held()).verdict == "breaks_character") == bool(strays)


def test_offline_nothing_is_said_about_what_only_a_model_can_do_wrong() -> None:
    call = Call(engine="offline")
    for _ in range(REPEATED_IN):
        call.turn("Hello.", "How can I help you today? 您好您好您好您好。")
    figures = call.figures()
    assert (figures.out_of_role, figures.out_of_language, figures.repeated) == ((), (), None)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_no_customer_that_ships_has_a_line_that_no_customer_says(language: str) -> None:
    words = Prompts(language).phrases["trial"]["out_of_role"]
    for file in personas.files():
        persona = personas.load(file)
        if persona.language.startswith(language):
            shows = " ".join(line for cue in persona.cues for line in cue.shows)
            text = persona.caller().model_dump_json() + shows
            assert [word for word in words if word.lower() in text.lower()] == []


AGAIN = "as I keep telling you all"


@pytest.mark.parametrize(
    ("texts", "meant", "language", "phrase"),
    [
        ([f"{AGAIN}, no", f"yes, {AGAIN.upper()}", f"well {AGAIN}"], [], "en", (AGAIN.lower(), 3)),
        ([f"{AGAIN}, no", f"yes, {AGAIN}", "well"], [], "en", None),  # two turns are not enough
        ([f"{AGAIN} {AGAIN}", AGAIN, "well"], [], "en", None),  # nor three times in two
        ([AGAIN] * 3, [f"So, {AGAIN}."], "en", None),  # it is meant to come back
        (["I don't know it"] * 3, [], "en", ("i don't know it", 3)),
        (["I see", "I see", "I see"], [], "en", None),  # too short
        (["我说了不是我弄的", "真的，不是我弄的", "不是我弄的呀"], [], "zh-CN", ("不是我弄的", 3)),
        (["不是我", "不是我", "不是我"], [], "zh-CN", None),
        ([], [], "en", None),
    ],
)
def test_a_phrase_that_comes_back(
    texts: list[str], meant: list[str], language: str, phrase: tuple[str, int] | None
) -> None:
    assert repeated(texts, meant, language) == phrase


@given(st.lists(st.text("ab ", max_size=12), max_size=6))
def test_a_phrase_is_in_as_many_turns_as_is_said(texts: list[str]) -> None:
    found_one = repeated(texts, [], "en")
    if found_one:
        phrase, turns = found_one
        assert turns >= REPEATED_IN
        assert sum(f" {phrase} " in f" {' '.join(text.split())} " for text in texts) == turns


# --- kinds and separation --------------------------------------------------------------------------------


def call_with(kind: Kind, levels: dict[str, int | None], number: int = 1, steps: Sequence[int] = (2,)) -> CallFigures:
    cues = [{"cue": cue, "due": 1, "came": 1, "held_back": 0, "level": level} for cue, level in levels.items()]
    return CallFigures.model_validate(
        {
            "call": f"{kind}-{number}", "kind": kind, "turns": 3, "ended": "goodbye", "opening_held": True,
            "need": "locked", "leaks": (), "cues": cues, "unscheduled": (), "not_judged": 0, "steps": tuple(steps),
            "solved": False, "layers": {}, "out_of_role": (), "thrown_away": 0, "out_of_language": (),
            "repeated": None, "usage": Usage(),
        }
    )  # fmt: skip


def kind_with(kind: Kind, *levels: int | None) -> KindFigures:
    from simulator.workbench.trial import of_kind

    return of_kind(kind, [call_with(kind, {f"c{n}": level for n, level in enumerate(levels)})])


def test_the_figures_of_a_kind_are_those_of_all_its_cues_together() -> None:
    from simulator.workbench.trial import of_kind

    figures = of_kind(
        "script",
        [call_with("script", {"a": 5, "b": None}, steps=(2, 3)), call_with("script", {"a": 1, "b": 0}, 2, (2, 0))],
    )
    assert (figures.calls, figures.graded, figures.picked) == (2, 3, 1)
    assert figures.picked_rate == pytest.approx(1 / 3)
    assert figures.mean_level == pytest.approx(2)
    assert figures.levels == (1, 1, 0, 0, 0, 1)
    assert (figures.first_step, figures.last_steps) == (2, (3, 0))


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([kind_with("attentive", 5, 5)], None),
        ([kind_with("script", 1, 1)], None),
        ([kind_with("attentive", 5), kind_with("script", None)], None),  # nothing of theirs was judged
        ([kind_with("attentive", None), kind_with("script", 1)], None),
        ([kind_with("attentive", 5, 3), kind_with("script", 1, 1)], (1.0, 3.0, "script", "script")),
        (
            [kind_with("attentive", 5, 5), kind_with("script", 3, 0), kind_with("kind", 2, 2)],
            (0.5, 3.0, "script", "kind"),
        ),
        ([kind_with("attentive", 1), kind_with("cold", 5)], (-1.0, -4.0, "cold", "cold")),
    ],
)
def test_separation(kinds: list[KindFigures], expected: tuple[Any, ...] | None) -> None:
    found_it = apart(kinds)
    assert (
        found_it and (found_it.picked_rate, found_it.mean_level, found_it.best_picked, found_it.best_level)
    ) == expected


# --- the verdict -----------------------------------------------------------------------------------------


def answers(turn: int, cue: str, level: int) -> Findings:
    """What the critic finds in the agent's turn of that number about a cue of the turn before."""
    before, agent = Evidence(turn=f"c{turn - 1}", quote="…"), Evidence(turn=f"a{turn}", quote="…")
    return Findings(cues=(CueFinding.model_validate(
        {"cue": cue, "customer": before, "agent": agent, "why": "…", "level": level}),))  # fmt: skip


def good(kind: Kind = "attentive", number: int = 1) -> Call:
    """A call in which everything is as it should be."""
    first, second, step = (5, 4, 3) if kind == "attentive" else (1, 2, 2)
    call = Call(kind, number=number)
    call.turn("Hello.", ANN.cue("kettle").shows[0], answers(2, "again", first), cue="kettle")
    call.turn("Hello.", ANN.cue("fine").shows[0], answers(4, "kettle", second), cue="fine", step=step)
    if kind == "attentive":
        call.turn("Hello.", SAID, answers(6, "fine", 5), step=4)
    return call


def test_it_works() -> None:
    trial = weighed(good().held(), good("script").held(), good("cold").held())
    assert (trial.verdict, keys(trial)) == ("works", ["in_time", "apart"])
    assert trial.separation
    assert trial.separation.picked_rate == 1.0
    assert [one.kind for one in trial.kinds] == ["attentive", "script", "cold"]


def test_calls_are_told_in_one_order_however_they_came() -> None:
    one, other = good().held(), good("script").held()
    assert weighed(one, other) == weighed(other, one)


def test_the_gravest_problem_is_the_verdict() -> None:
    leaks = Call("script").turn("Hello.", SAID).turn("Hello.", "How can I help you?", found("a4", again=5))
    trial = weighed(Call().turn("Hello.", "Mm.", found(again=1)).held(), leaks.held())
    assert trial.verdict == "gives_the_need_away"
    problems = [reason.problem for reason in trial.reasons if reason.problem]
    assert problems == ["gives_the_need_away", "breaks_character", "need_never_comes_out", "does_not_tell_apart"]


@pytest.mark.parametrize(
    ("attentive", "key"),
    [
        (Call().turn("Hello.", "Mm.", found(again=1)), "never_earned"),
        (Call().turn("Hello.", "Mm.", OPENS).turn("Hello.", "Mm.").turn("Hello.", "Mm."), "never_said"),
    ],
)
def test_a_need_that_never_comes_out(attentive: Call, key: str) -> None:
    trial = weighed(attentive.held(), good("script").held())
    assert trial.verdict == "need_never_comes_out"
    assert key in keys(trial)


def test_now_and_then_is_a_remark() -> None:
    shut = Call(number=2).turn("Hello.", "Mm.", found(again=5))
    trial = weighed(good().held(), shut.held(), good("script").held())
    assert (trial.verdict, keys(trial)[:2]) == ("works", ["not_always", "apart"])


@pytest.mark.parametrize(("level", "verdict"), [(2, "works"), (3, "does_not_tell_apart"), (5, "does_not_tell_apart")])
def test_who_does_not_listen_must_not_fare_as_well(level: int, verdict: str) -> None:
    other = Call("kind").turn("Hello.", "Mm.", found(again=level, kettle=level))
    assert weighed(good().held(), other.held()).verdict == verdict


@given(st.integers(0, 20), st.integers(0, 20))
def test_both_gaps_must_be_reached(ours: int, theirs: int) -> None:
    def figures(kind: Kind, picked: int) -> KindFigures:
        return kind_with(kind, *[3] * picked, *[1] * (20 - picked))

    separation = apart([figures("attentive", ours), figures("script", theirs)])
    assert separation
    assert separation.picked_rate == pytest.approx((ours - theirs) / 20)
    assert separation.mean_level == pytest.approx((ours - theirs) / 10)


def test_the_gaps_are_those_that_the_labelled_calls_reach() -> None:
    assert (RATE_GAP, LEVEL_GAP) == (0.25, 1.0)


def test_a_mood_that_ends_no_better_is_a_remark() -> None:
    sulking = Call("script").turn("Hello.", "Mm.", found(again=1), step=4)
    trial = weighed(good().held(), sulking.held())
    assert trial.verdict == "works"
    assert "ladder" in keys(trial)


def test_a_cue_that_does_not_come_is_a_remark() -> None:
    mute = Call("script")
    for _ in range(3):
        mute.turn("Hello.", "Mm, well.", found(again=1), cue="kettle").turn("Hello.", "Mm, right.", cue="fine")
    told = {reason.facts["cue"]: reason for reason in weighed(mute.held()).reasons if reason.key == "cue_did_not_come"}
    assert {"kettle", "fine"} <= told.keys()
    assert told["kettle"].weight == "remark"


def test_a_cue_that_is_never_due_is_a_remark() -> None:
    assert "cue_never_due" in keys(weighed(Call().turn("Hello.", "Mm.", found(again=5)).held()))


def test_a_repeated_phrase_is_a_remark_with_the_phrase() -> None:
    call = good("script")
    for _ in range(3):
        call.turn("Hello.", "I wrote it all down.")
    (reason,) = [one for one in weighed(good().held(), call.held()).reasons if one.key == "repeated"]
    assert (reason.facts["phrase"], reason.facts["turns"]) == ("i wrote it all down", 3)


# --- what is not known -----------------------------------------------------------------------------------


def test_a_call_that_broke_off_counts_in_no_figure() -> None:
    broken = (
        Call("script")
        .turn("Hello.", SAID)
        .held(failed=ModelError("model_server", said="no", timeout_s=60.0, url="http://me:secret@x"))
    )
    trial = weighed(good().held(), broken)
    assert (trial.verdict, trial.separation) == ("cannot_tell", None)
    (one,) = trial.broken
    assert (one.call, one.side, one.why, one.facts) == (
        "script-1",
        "agent",
        "model_server",
        {"said": "no", "timeout_s": 60.0},
    )
    assert [call.call for call in trial.calls] == ["attentive-1"]


def test_nothing_held_is_no_verdict() -> None:
    trial = weighed(good().held(failed=ModelError("model_auth")), wanted=8)
    assert (trial.verdict, trial.calls, trial.kinds, trial.reasons) == ("cannot_tell", (), (), ())


def test_a_model_that_will_not_play_the_customer_breaks_character() -> None:
    broken = Call("script").held(failed=ModelError("model_out_of_role"), side="customer", thrown_away=3)
    trial = weighed(good().held(), good("cold").held(), broken)
    assert (trial.verdict, keys(trial)[0]) == ("breaks_character", "never_in_role")


def test_turns_that_were_not_judged_are_told() -> None:
    from simulator.events import CouldNotJudge

    call = good("script")
    call.turn("Hello.", "Mm.").events.append(CouldNotJudge(turn="a6", why="model_timeout"))
    call.events = [event for event in call.events if not (isinstance(event, FindingsMade) and event.turn == "a6")]
    trial = weighed(good().held(), call.held())
    assert "not_judged" in keys(trial)


def test_the_layers_are_means_over_the_calls_that_have_them() -> None:
    def summed(score: int | None) -> Debriefed:
        return Debriefed(verdict=Summed(layers={layer: LayerScore(why="…", score=score) for layer in LAYERS}))

    calls = [good(number=n) for n in (1, 2, 3, 4)]
    for call, score in zip(calls, (2, 5, None), strict=False):
        call.events.append(summed(score))
    calls[3].events.append(Debriefed(verdict=None, why="model_timeout"))
    (kind,) = weighed(*(call.held() for call in calls)).kinds
    assert kind.layers == dict.fromkeys(LAYERS, 3.5)


def test_what_it_cost_is_all_of_it() -> None:
    call = Call().turn("Hello.", "Mm.", usage=Usage(prompt=1))
    assert weighed(call.held(usage=Usage(prompt=10))).usage == Usage(prompt=11)
    assert weighed(call.held(usage=Usage(prompt=10), failed=ModelError("model_cut"))).usage == Usage(prompt=11)


def test_the_page_as_markdown() -> None:
    leaks = Call("script").turn("Hello.", f"*{SAID}*").held()
    page = appraisal.page(ANN, weighed(good().held(), leaks), Texts("en")).markdown()
    assert page.startswith(
        "## Try-out: A transfer that has not arrived — Ann Marsh\n\n### Verdict: It gives the need away\n"
    )
    assert f"**script-1, line 3**: “\\*{SAID}\\*”" in page  # what was said is no markup


def test_of_many_places_the_page_shows_some_and_counts_the_rest() -> None:
    call = Call("script")
    for _ in range(5):
        call.turn("Hello.", SAID)
    page = appraisal.page(ANN, weighed(call.held()), Texts("en")).markdown()
    assert page.count(f"“{SAID}”") == appraisal.SPOTS
    assert "… and 2 more" in page


def test_a_trial_is_a_document() -> None:
    trial = weighed(good().held(), good("script").held())
    assert Trial.model_validate_json(trial.model_dump_json()) == trial
    assert set(KINDS) == {"attentive", "script", "kind", "cold"}
