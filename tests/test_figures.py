"""What the figures of a critic are: tables worked out by hand, and what must hold for every set of labels."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.critique import LAYERS, Layer, Usage
from simulator.debrief.document import (
    Answer,
    CallCritique,
    CueCritique,
    LayerCritique,
    NeedCritique,
    Quote,
    WorryCritique,
)
from simulator.evals.agreement import Agreement, of_categories, of_levels, precision_and_recall, table
from simulator.evals.figures import NAMES, CriticFigures, Judged, of_critic, of_labellers
from simulator.evals.labelled import Case, CueLabel, Grade, Labels, LayerLabel
from simulator.evals.scorecard import Run, as_json, as_markdown
from simulator.texts import LANGUAGES, Texts
from simulator.transcript import Turn
from tests.scripted import a_persona

PERSONA = a_persona()
CUES = ("again", "kettle", "fine")
THREES: dict[Layer, int | None] = dict.fromkeys(LAYERS, 3)
TURNS = [
    Turn("c1", "customer", PERSONA.opening),
    Turn("a2", "agent", "That is the third time, I see. Your son is waiting for it."),
    Turn("c3", "customer", "It's fine, there's no hurry. It's for my son's rent."),
    Turn("a4", "agent", "That sounds urgent. The trace is running, and I will ring you."),
]


def about(**parts: float) -> Any:
    """Those values of an `Agreement`, up to rounding."""
    return pytest.approx(parts)


# --- agreement -------------------------------------------------------------------------------------------


def test_kappa_of_categories_worked_out_by_hand() -> None:
    # Ten pairs, 4 yes/yes, 4 no/no, 2 apart: exact 0.8. Both say yes five times: by chance 0.5*0.5 + 0.5*0.5 = 0.5.
    # Kappa = (0.8 - 0.5) / (1 - 0.5) = 0.6.
    first = [True, True, True, True, True, False, False, False, False, False]
    second = [True, True, True, True, False, True, False, False, False, False]
    assert of_categories(first, second).model_dump() == about(n=10, exact=0.8, kappa=0.6)


@pytest.mark.parametrize(
    ("first", "second", "exact", "kappa"),
    [
        # Squares of the differences: seen 1. By chance every level of the first meets every one of the second,
        # over n: 0 meets {1, 1, 2, 3}: 1+1+4+9 = 15; 1: 0+0+1+4 = 5; 2: 1+1+0+1 = 3; 3: 4+4+1+0 = 9; in all
        # 32 / 4 = 8. Kappa = 1 - 1/8.
        ([0, 1, 2, 3], [1, 1, 2, 3], 0.75, 0.875),
        # Nobody uses 2 and 3, and from 1 to 4 it is three levels all the same. Seen: (1-4)^2 = 9. By chance:
        # 1 meets {1, 4, 4, 4, 5}: 0+9+9+9+16 = 43, twice; 4: 9+0+0+0+1 = 10, twice; 5: 16+1+1+1+0 = 19; in all
        # 125 / 5 = 25. Kappa = 1 - 9/25.
        ([1, 1, 4, 4, 5], [1, 4, 4, 4, 5], 0.8, 0.64),
        # Turned round: seen 25 + 25 = 50; by chance (0 + 25 + 25 + 0) / 2 = 25. Kappa = 1 - 50/25.
        ([0, 5], [5, 0], 0.0, -1.0),
        # One level off for each: seen 4. By chance 0 meets {1, 0, 1, 0}: 2, twice; 1: 2, twice; in all 8 / 4 = 2.
        ([0, 1, 0, 1], [1, 0, 1, 0], 0.0, -1.0),
        # As good as chance: seen 1. By chance 3 meets {3, 4}: 1, twice; 2 / 2 = 1.
        ([3, 3], [3, 4], 0.5, 0.0),
        ([0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5], 1.0, 1.0),
    ],
)
def test_weighted_kappa_worked_out_by_hand(first: list[int], second: list[int], exact: float, kappa: float) -> None:
    assert of_levels(first, second).model_dump() == about(n=len(first), exact=exact, kappa=kappa)


LEVELS = st.integers(min_value=0, max_value=5)
PAIRS = st.lists(st.tuples(LEVELS, LEVELS), max_size=12)


@settings(max_examples=50)
@given(pairs=PAIRS)
def test_weighted_kappa_is_what_the_formula_says(pairs: list[tuple[int, int]]) -> None:
    """1 - (squares seen) / (squares that chance gives), whichever levels occur; None where chance gives none."""
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    seen = sum((one - other) ** 2 for one, other in pairs)
    chance = sum((one - other) ** 2 for one, other in itertools.product(first, second)) / max(len(pairs), 1)
    found = of_levels(first, second)
    assert found.kappa == (pytest.approx(1 - seen / chance) if chance else None)
    assert found == of_levels(second, first).model_copy(update={"kappa": found.kappa})


@pytest.mark.parametrize(("first", "second", "exact"), [([], [], None), ([3], [3], 1.0), ([2, 2, 2], [2, 2, 2], 1.0)])
def test_kappa_is_not_defined(first: list[int], second: list[int], exact: float | None) -> None:
    nothing = Agreement(n=len(first), exact=exact, kappa=None)
    assert of_levels(first, second) == of_categories(first, second) == nothing


@pytest.mark.parametrize(
    ("labelled", "found", "precision", "recall"),
    [
        ("YYYNN", "YYNYN", 2 / 3, 2 / 3),  # 2 right of 3 made; 2 of 3 found
        ("YNNN", "YYYY", 1 / 4, 1.0),
        ("YYYY", "YNNN", 1.0, 1 / 4),
        ("YN", "NY", 0.0, 0.0),
        ("YN", "NN", None, 0.0),  # none made
        ("NN", "YN", 0.0, None),  # none labelled
        ("NN", "NN", None, None),
        ("", "", None, None),
    ],
)
def test_precision_and_recall(labelled: str, found: str, precision: float | None, recall: float | None) -> None:
    both = precision_and_recall([letter == "Y" for letter in labelled], [letter == "Y" for letter in found])
    assert both == (precision, recall)
    assert {type(one) for one in both} <= {float, type(None)}


def test_a_table_of_both() -> None:
    assert table(["a", "a", "b", "b"], ["a", "b", "b", "c"], ["c", "b", "a"]) == [[0, 0, 0], [1, 1, 0], [0, 1, 1]]
    assert table([], [], ["a", "b"]) == [[0, 0], [0, 0]]


# --- a critic's figures ----------------------------------------------------------------------------------


def labels(cues: Mapping[str, Grade], layers: Mapping[Layer, int | None]) -> Labels:
    return Labels(
        cues={cue: CueLabel(level=level) for cue, level in cues.items()},
        layers={layer: LayerLabel(score=score) for layer, score in layers.items()},
        solved=None,
        need_said=None,
    )


def a_case(
    *grades: Grade, layers: Mapping[Layer, int | None] = THREES, call: str = "call-1", second: Sequence[Grade] = ()
) -> Case:
    """A call with that persona and these settled grades of its cues."""
    cues = dict(zip(CUES, grades, strict=True))
    return Case(
        id=call,
        persona=PERSONA,
        turns=TURNS,
        agent="script",
        first=labels(cues, layers),
        second=labels(dict(zip(CUES, second or grades, strict=True)), layers),
        cues=cues,
        layers=layers,
    )


def a_critique(
    *grades: Any,
    layers: Mapping[Layer, int | None] = THREES,
    evidence: Sequence[Quote] = (),
    sides: tuple[Quote | None, Answer | None] = (None, None),
    **parts: Any,
) -> CallCritique:
    """What a critic made of it; `sides` are the quotes of the first cue, `evidence` that of the first layer."""
    nothing = NeedCritique(guessed=None, said=None, met=None)
    return CallCritique(
        persona=PERSONA.id,
        model="scripted",
        cues={
            cue: CueCritique(
                level=grade,
                anticipated=False,
                customer=sides[0] if cue == CUES[0] else None,
                agent=sides[1] if cue == CUES[0] else None,
                why="",
                better=None,
            )
            for cue, grade in zip(CUES, grades, strict=True)
        },
        need=parts.pop("need", nothing),
        solved=parts.pop("solved", None),
        worries=parts.pop("worries", {}),
        layers={
            layer: LayerCritique(score=score, why="", evidence=list(evidence) if layer == "hear" else [])
            for layer, score in layers.items()
        },
        picked_up="",
        next="",
        dropped_findings=0,
        could_not_judge=parts.pop("could_not_judge", []),
        **parts,
    )


def judged(case: Case, critique: CallCritique, **cost: Any) -> Judged:
    nothing: dict[str, Any] = {"kept": 0, "dropped": 0, "summed_up": True, "requests": 0, "usage": Usage()}
    return Judged(case, critique, **(nothing | cost))


def against(labelled: Sequence[Grade], found: Sequence[Any]) -> CriticFigures:
    return of_critic([judged(a_case(*labelled), a_critique(*found))])


def cell(figures: CriticFigures, label: str, found: str) -> int:
    return figures.confusion[NAMES.index(label)][NAMES.index(found)]


def test_the_figures_of_two_calls() -> None:
    figures = of_critic(
        [
            judged(a_case(3, 1, "not_shown"), a_critique(3, 3, "not_shown"), kept=5, dropped=1, requests=7),
            judged(a_case(0, 5, 2), a_critique(1, 5, "not_shown"), kept=2, dropped=2, usage=Usage(prompt=9)),
        ]
    )
    assert (figures.calls, figures.cues) == (2, 6)
    assert figures.exact == 3 / 6
    # Both numbers: (3,3) (1,3) (0,1) (5,5). Seen 0+4+1+0 = 5. By chance 3 meets {3, 3, 1, 5}: 0+0+4+4 = 8;
    # 1: 4+4+0+16 = 24; 0: 9+9+1+25 = 44; 5: 4+4+16+0 = 24; in all 100 / 4 = 25. Kappa = 1 - 5/25.
    assert figures.levels.model_dump() == about(n=4, exact=0.5, kappa=0.8)
    # Not shown: label once, critic twice; 5 of 6 alike. By chance 1/6*2/6 + 5/6*4/6 = 22/36.
    # Kappa = (30/36 - 22/36) / (14/36) = 4/7.
    assert figures.shown.model_dump() == about(n=6, exact=5 / 6, kappa=4 / 7)
    # One cue that neither saw is left out. Picked up by label: Y N N Y N, by critic: Y Y N Y N; 4 of 5 alike.
    # By chance 2/5*3/5 + 3/5*2/5 = 12/25. Kappa = (20/25 - 12/25) / (13/25) = 8/13.
    assert figures.picked_up.model_dump() == about(n=5, exact=0.8, kappa=8 / 13)
    # Accusations, 0 and 1. Labelled: 1 (found 3) and 0 (found 1); made: that 1.
    accused = figures.accusations
    assert (accused.made, accused.labelled, accused.precision, accused.recall) == (1, 2, 1.0, 0.5)
    assert (figures.claims_kept, figures.claims_dropped, figures.requests) == (7, 3, 7)
    assert figures.usage == Usage(prompt=9)
    assert [(one.call, one.cue, one.label, one.found, one.grave) for one in figures.mistakes] == [
        ("call-1", "kettle", 1, 3, None),
        ("call-1", "again", 0, 1, None),
        ("call-1", "fine", 2, "not_shown", None),
    ]
    assert cell(figures, "1", "3") == cell(figures, "0", "1") == cell(figures, "2", "not_shown") == 1
    assert sum(map(sum, figures.confusion)) == 6


def test_what_could_not_be_judged_counts_nowhere_but_in_the_table() -> None:
    gap = against((0, 3, "not_shown"), ("not_judged", 3, "not_judged"))
    without = against((0, 3, "not_shown"), (0, 3, "not_shown"))
    assert gap.exact == 1.0
    assert (gap.levels.n, gap.shown.n, gap.picked_up.n) == (1, 1, 1)
    assert (gap.accusations.made, gap.accusations.labelled, gap.accusations.recall) == (0, 0, None)
    assert gap.mistakes == []
    assert (gap.cues, cell(gap, "0", "not_judged"), cell(gap, "not_shown", "not_judged")) == (3, 1, 1)
    assert sum(map(sum, gap.confusion)) == sum(map(sum, without.confusion)) == 3
    turns = of_critic([judged(a_case(0, 3, 3), a_critique("not_judged", 3, 3, could_not_judge=[2, 4]))])
    assert turns.turns_not_judged == 2


def test_nothing_at_all_was_judged() -> None:
    none: dict[Layer, int | None] = dict.fromkeys(LAYERS)
    figures = of_critic([judged(a_case(0, 3, 5), a_critique(*["not_judged"] * 3, layers=none))])
    nothing = Agreement(n=0, exact=None, kappa=None)
    assert figures.exact is None
    assert figures.levels == figures.shown == figures.picked_up == nothing
    assert figures.layers == dict.fromkeys(LAYERS, nothing)
    assert figures.layers_not_judged == 4
    assert (figures.accusations.precision, figures.accusations.recall) == (None, None)


def test_layers_are_compared_where_both_have_a_score() -> None:
    scores = [(1, 2), (5, 5), (None, 4), (3, None), (None, None)]
    figures = of_critic(
        [
            judged(
                a_case(3, 3, 3, layers=THREES | {"solve": label}), a_critique(3, 3, 3, layers=THREES | {"solve": found})
            )
            for label, found in scores
        ]
    )
    # Pairs (1,2) (5,5). Seen 1; by chance 1 meets {2, 5}: 1+16 = 17; 5: 9+0 = 9; in all 26 / 2 = 13.
    assert figures.layers["solve"].model_dump() == about(n=2, exact=0.5, kappa=12 / 13)
    assert figures.layers["hear"] == Agreement(n=5, exact=1.0, kappa=None)
    assert figures.layers_not_judged == 2


GRAVE = {(label, 5): "met_beside_the_point" for label in (0, 1, 2)}
GRAVE |= {(2, found): "stock_phrase_picked_up" for found in (3, 4)}
GRAVE |= {(label, 0): "shut_down_without_a_sentence" for label in (1, 2, 3, 4, 5)}


@pytest.mark.parametrize("label", [0, 1, 2, 3, 4, 5, "not_shown"])
@pytest.mark.parametrize("found", [0, 1, 2, 3, 4, 5, "not_shown"])
def test_the_mistakes_that_must_not_happen_are_named(label: Grade, found: Grade) -> None:
    mistakes = against((label, 3, 3), (found, 3, 3)).mistakes
    if label == found:
        assert mistakes == []
    else:
        assert [(one.cue, one.label, one.found, one.grave) for one in mistakes] == [
            ("again", label, found, GRAVE.get((label, found))) if isinstance(label, int) and isinstance(found, int)
            else ("again", label, found, None)
        ]  # fmt: skip


# --- quotes ----------------------------------------------------------------------------------------------


def customer(turn: int, quote: str) -> Quote:
    return Quote(turn=turn, quote=quote)


def agent(turn: int, quote: str | None) -> Answer:
    return Answer(turn=turn, quote=quote)


def need(**said: Quote) -> NeedCritique:
    nothing: dict[str, Any] = {"guessed": None, "said": None, "met": None}
    return NeedCritique(**(nothing | said))


TIMES = "This is the third time"
SEEN = "That is the third time, I see"


@pytest.mark.parametrize(
    ("shown", "valid", "parts"),
    [
        (2, 2, {"sides": (customer(1, TIMES), agent(2, SEEN))}),
        (1, 1, {"sides": (customer(1, TIMES), agent(2, None))}),  # a miss, or a silence: the turn is the evidence
        (1, 1, {"sides": (None, agent(2, SEEN))}),  # anticipated
        (2, 1, {"sides": (customer(1, "the fourth time"), agent(2, SEEN))}),
        (2, 1, {"sides": (customer(2, SEEN), agent(4, "That sounds urgent"))}),  # the agent's words
        (2, 1, {"sides": (customer(1, TIMES), agent(3, "there's no hurry"))}),  # the customer's words
        (2, 1, {"sides": (customer(1, TIMES), agent(4, SEEN))}),  # another turn's words
        (2, 1, {"sides": (customer(3, "there's no hurry"), agent(2, SEEN))}),  # before the customer's
        (2, 1, {"sides": (customer(1, TIMES), agent(2, "I"))}),  # too little to prove anything
        (1, 1, {"need": need(guessed=customer(2, "Your son is waiting"))}),
        (1, 0, {"need": need(guessed=customer(3, "my son's rent"))}),
        (1, 1, {"need": need(said=customer(3, "It's for my son's rent"))}),
        (1, 0, {"need": need(said=customer(2, "Your son is waiting"))}),
        (1, 1, {"need": need(met=customer(4, "I will ring you"))}),
        (1, 0, {"need": need(met=customer(1, TIMES))}),
        (1, 1, {"solved": customer(4, "The trace is running")}),
        (1, 0, {"solved": customer(2, "The trace is running")}),
        (2, 2, {"evidence": [customer(2, SEEN), customer(1, TIMES)]}),  # of a layer: anybody's words
        (2, 1, {"evidence": [customer(2, SEEN), customer(3, TIMES)]}),
        (1, 1, {"worries": {"fee": WorryCritique(eased=True, turn=4, quote="I will ring you")}}),
        (1, 0, {"worries": {"fee": WorryCritique(eased=True, turn=2, quote="I will ring you")}}),
        (0, 0, {"worries": {"fee": WorryCritique(eased=False, turn=None, quote=None)}}),
        (0, 0, {}),
    ],
)
def test_quotes_are_looked_up_once_more(shown: int, valid: int, parts: dict[str, Any]) -> None:
    figures = of_critic([judged(a_case(3, 3, 3), a_critique(3, 3, 3, **parts))])
    assert (figures.evidence_shown, figures.evidence_valid) == (shown, valid)


# --- the labellers ---------------------------------------------------------------------------------------


def test_the_second_labeller_is_measured_as_a_critic_is() -> None:
    case = a_case(3, 1, "not_shown", second=(3, 3, "not_shown"))
    critic = against((3, 1, "not_shown"), (3, 3, "not_shown"))
    labellers = of_labellers([case])
    assert labellers.model_dump() == {name: getattr(critic, name) for name in type(labellers).model_fields} | {
        "layers": {layer: one.model_dump() for layer, one in critic.layers.items()},
        "accusations": critic.accusations.model_dump(),
        **{name: getattr(critic, name).model_dump() for name in ("levels", "shown", "picked_up")},
    }
    assert labellers.exact == pytest.approx(2 / 3)


# --- for every set of labels -----------------------------------------------------------------------------

GRADE: st.SearchStrategy[Grade] = st.sampled_from([0, 1, 2, 3, 4, 5, "not_shown"])
SCORES: st.SearchStrategy[dict[Layer, int | None]] = st.fixed_dictionaries(
    dict.fromkeys(LAYERS, st.none() | st.integers(min_value=1, max_value=5))
)
CALLS = st.lists(st.tuples(st.tuples(GRADE, GRADE, GRADE), SCORES), max_size=5)


def no_such(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@settings(max_examples=30)
@given(calls=CALLS)
def test_a_critic_that_gives_the_labels_is_right_wherever_that_is_defined(calls: list[Any]) -> None:
    figures = of_critic(
        [judged(a_case(*grades, layers=layers), a_critique(*grades, layers=layers)) for grades, layers in calls]
    )
    assert figures.exact == (1.0 if calls else None)
    for one in (figures.levels, figures.shown, figures.picked_up, *figures.layers.values()):
        assert one.exact == (1.0 if one.n else None)
        assert one.kappa in {1.0, None}
    assert {figures.accusations.precision, figures.accusations.recall} <= {1.0, None}
    assert figures.accusations.made == figures.accusations.labelled
    assert figures.mistakes == []
    off_the_diagonal = (n for i, row in enumerate(figures.confusion) for j, n in enumerate(row) if i != j)
    assert not any(off_the_diagonal)


@settings(max_examples=30)
@given(calls=st.lists(st.tuples(*[GRADE] * 3, *[GRADE | st.just("not_judged")] * 3), max_size=4), layers=SCORES)
def test_whatever_is_found_the_figures_are_fractions_or_nothing(calls: list[Any], layers: dict[Layer, Any]) -> None:
    """And what is not defined is null in JSON and a dash on the page, never NaN."""
    pairs = [(a_case(*one[:3]), a_critique(*one[3:], layers=layers)) for one in calls]
    figures = of_critic([judged(*pair) for pair in pairs])
    labellers = of_labellers([case for case, _ in pairs])
    run = Run(model="m", version="0", began="now", prompts={})
    read = json.loads(as_json(run, figures, labellers), parse_constant=no_such)
    assert CriticFigures.model_validate(read["critic"]) == figures
    assert read["confusion_of"] == list(NAMES)
    for one in (figures.levels, figures.shown, figures.picked_up, *figures.layers.values()):
        assert one.exact is None or 0 <= one.exact <= 1
        assert one.kappa is None or one.kappa <= 1
    for language in LANGUAGES:
        assert "nan" not in as_markdown(run, figures, labellers, Texts(language)).lower().split()
    assert sum(map(sum, figures.confusion)) == figures.cues == 3 * len(calls)
