"""Figures over an agent's calls: what is counted, what may be called a trend, and how it is plotted."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from io import StringIO
from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from simulator.critique import LAYERS
from simulator.debrief.past import Answered, PastCall
from simulator.debrief.plotted import as_objects, as_page
from simulator.debrief.progress import (
    CHANCE,
    ENOUGH,
    LATEST,
    Figure,
    Point,
    by_channel,
    by_layer,
    chance,
    grouped,
    together,
)
from simulator.debrief.report import BARS
from simulator.persona import CHANNELS, Channel
from simulator.texts import LANGUAGES, Texts

BEGAN = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)
SAY = {language: Texts(language) for language in LANGUAGES}
CLAIMS = {"en": ["better", "worse", "clear change"], "zh": ["进步", "退步", "变化"]}
ARROWS = set("▲▼△▽↑↓↗↘⬆⬇")


def a_call(number: int, grades: dict[Channel, Sequence[int]] | None = None, **more: Any) -> PastCall:
    cues = tuple(Answered(channel, grade, hinted=False) for channel, seen in (grades or {}).items() for grade in seen)
    call: dict[str, Any] = {
        "number": number,
        "began": BEGAN + timedelta(days=number),
        "persona": f"persona-{number}",
        "customer": "…",
        "title": "…",
        "engine": "model",
        "ended": "goodbye",
        "debriefed": True,
        "exam": False,
        "cues": cues,
    }
    return PastCall(**call | more)


def figure(*values: Sequence[int]) -> Figure:
    """A figure from what each call gave, oldest first."""
    return Figure("tone", tuple(Point(n, BEGAN + timedelta(days=n), tuple(one)) for n, one in enumerate(values, 1)))


def tone(calls: list[PastCall]) -> Figure:
    return next(one for one in by_channel(calls) if one.name == "tone")


# --- what is counted -------------------------------------------------------------------------------------


def test_a_channel_counts_its_cues_from_level_3_on() -> None:
    calls = [a_call(1, {"tone": [3, 2, 5], "wording": [0]}), a_call(2, {"silence": [4]}), a_call(3, {"tone": [1]})]
    assert [point.values for point in tone(calls).points] == [(1, 0, 1), (0,)]
    values = tone(calls).values
    assert values is not None
    assert (values.calls, values.count, values.total, values.mean) == (2, 4, 2, 0.5)
    assert {one.name: one.values is None for one in by_channel(calls)} == {
        "tone": False, "wording": False, "repetition": True, "silence": False, "surroundings": True,
    }  # fmt: skip


def test_a_layer_counts_the_calls_in_which_it_was_judged() -> None:
    calls = [a_call(1, layers={"hear": 2}), a_call(2), a_call(3, layers={"hear": 5, "trust": 1})]
    seen = {one.name: [point.values for point in one.points] for one in by_layer(calls)}
    assert seen == {"hear": [(2,), (5,)], "solve": [], "warmth": [], "trust": [(1,)]}


def test_calls_stand_in_the_order_of_time() -> None:
    calls = [a_call(3, {"tone": [1]}), a_call(1, {"tone": [5]}), a_call(2, {"tone": [0]})]
    assert [point.call for point in tone(calls).points] == [1, 2, 3]


def test_a_call_whose_debrief_is_not_opened_gives_nothing() -> None:
    assert tone([a_call(1, {"tone": [5]}, debriefed=False)]).points == ()


def test_a_cue_that_needed_a_hint_is_left_out() -> None:
    hinted = a_call(1, cues=(Answered("tone", 5, hinted=True), Answered("tone", 1, hinted=False)))
    assert [point.values for point in tone([hinted]).points] == [(0,)]
    assert hinted.picked_up == hinted.hinted == 1


# --- chance ----------------------------------------------------------------------------------------------


def test_chance_is_fishers() -> None:
    """The lady tasting tea: all eight cups right, in either direction, is 2 in 70."""
    assert chance([1, 1, 1, 1], [0, 0, 0, 0]) == pytest.approx(2 / 70)
    assert chance([1, 1, 1, 0], [0, 0, 0, 1]) == pytest.approx(34 / 70)
    assert chance([1, 1], [1, 1, 1]) == 1.0


def of_all_ways(one: list[int], other: list[int]) -> float:
    """The same by trying them all."""
    values = [*one, *other]

    def distance(chosen: Sequence[int]) -> Fraction:
        return abs(Fraction(sum(chosen), len(one)) - Fraction(sum(values), len(values)))

    ways = list(itertools.combinations(values, len(one)))
    assert len(ways) == comb(len(values), len(one))
    return sum(distance(way) >= distance(one) for way in ways) / len(ways)


scores = st.lists(st.integers(0, 5), min_size=1, max_size=6)


@given(scores, scores)
def test_chance_is_the_share_of_all_ways_to_deal_the_values_out(one: list[int], other: list[int]) -> None:
    assert chance(one, other) == pytest.approx(of_all_ways(one, other))
    assert chance(one, other) == pytest.approx(chance(other, one))
    assert 0 < chance(one, other) <= 1


def test_chance_copes_with_a_long_record() -> None:
    one, other = [5] * 5, [1, 2, 3, 4, 5] * 400
    assert 0 < chance(one, other) < 0.01


# --- trends ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "latest", "change"),
    [
        ([[0]] * 5, [[1]] * 5, "better"),
        ([[1]] * 5, [[0]] * 5, "worse"),
        ([[0]] * 5, [[1]] * 4 + [[0]], "no_clear_change"),
        ([[1, 0]] * 30, [[1, 0]] * 5, "no_clear_change"),
        ([[0]] * 3, [[1]] * 2, "no_clear_change"),  # five calls are enough to look, and too few to find much
        ([[2], [2], [1], [2], [3], [2]], [[4], [5], [4], [4], [5]], "better"),
        ([[3]] * 40, [[3], [3], [3], [3], [4]], "no_clear_change"),
    ],
)
def test_the_latest_calls_against_those_before(before: list[list[int]], latest: list[list[int]], change: str) -> None:
    trend = figure(*before, *latest).trend
    assert trend is not None
    assert (trend.before.calls, trend.latest.calls) == (len(before), len(latest))
    assert trend.latest.total == sum(map(sum, latest))
    assert trend.change == change


values = st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=3), max_size=25)


@given(values)
def test_a_trend_is_claimed_on_five_calls_or_more_and_not_within_chance(given_values: list[list[int]]) -> None:
    made = figure(*given_values)
    trend = made.trend
    assert (trend is None) == (len(given_values) < ENOUGH)
    if trend is None:
        return
    whole = made.values
    assert whole is not None
    assert trend.latest.calls == min(LATEST, len(given_values) // 2)
    assert trend.latest.calls + trend.before.calls == whole.calls
    assert trend.latest.count + trend.before.count == whole.count
    assert trend.latest.total + trend.before.total == whole.total
    if trend.change != "no_clear_change":
        assert trend.chance <= CHANCE
        assert (trend.latest.mean > trend.before.mean) == (trend.change == "better")


def test_an_agent_who_does_not_change_is_seldom_told_otherwise() -> None:
    dice = random.Random(11)
    claims = 0
    for _ in range(1000):
        trend = figure(*([int(dice.random() < 0.6) for _ in range(2)] for _ in range(20))).trend
        claims += trend is not None and trend.change != "no_clear_change"
    assert claims <= 1000 * CHANCE


@given(st.integers(0, 200), st.integers(1, 50))
def test_groups_are_alike_and_leave_nothing_out(count: int, most: int) -> None:
    points = figure(*([1] for _ in range(count))).points
    groups = grouped(points, most)
    assert [point for group in groups for point in group] == list(points)
    assert len(groups) <= most
    assert len({len(group) for group in groups[1:]}) <= 1
    assert all(0 < len(group) <= len(groups[-1]) for group in groups)
    assert together(points[:3]).calls == min(3, count)


# --- the page --------------------------------------------------------------------------------------------


def page(past: Sequence[PastCall], language: str, width: int = 80) -> str:
    out = StringIO()
    counted = [call for call in past if call.debriefed and call.engine == "model"]
    Console(file=out, width=width, color_system=None).print(
        as_page(past, counted, "Sam", "model", SAY[language], width)
    )
    return out.getvalue()


def figures_of(page: str, language: str) -> str:
    """The page without the explanation at its end."""
    return page.partition(SAY[language]("progress.reading"))[0]


grades = st.dictionaries(st.sampled_from(CHANNELS), st.lists(st.integers(0, 5), min_size=1, max_size=3))
layers = st.dictionaries(st.sampled_from(LAYERS), st.integers(1, 5))


@pytest.mark.parametrize("language", LANGUAGES)
@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(grades, layers), max_size=ENOUGH - 1))
def test_no_trend_is_claimed_on_fewer_than_five_calls(language: str, given_calls: list[tuple[Any, Any]]) -> None:
    past = [a_call(n, seen, layers=scored) for n, (seen, scored) in enumerate(given_calls, 1)][::-1]
    shown = figures_of(page(past, language), language)
    assert not any(word in shown.lower() for word in CLAIMS[language])
    assert not ARROWS & set(shown)
    counted = list(as_objects(past, past, "Sam", "model"))
    assert [one["trend"] for one in counted[1:]] == [None] * 9


@pytest.mark.parametrize("language", LANGUAGES)
def test_five_calls_on_one_channel_claim_nothing_on_another(language: str) -> None:
    past = [a_call(n, {"tone": [1] if n < 8 else [5], "silence": [5] if n < 5 else []}) for n in range(1, 13)][::-1]
    shown = figures_of(page(past, language), language)
    say = SAY[language]
    told = {name: shown.partition(say(f"report.channel.{name}"))[2].partition("\n\n")[0] for name in CHANNELS}
    assert CLAIMS[language][0] in told["tone"].lower()
    assert not any(word in told["silence"].lower() for word in CLAIMS[language])
    assert say("progress.too_early", calls=4, enough=5) in " ".join(told["silence"].split())


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_gives_the_calls_and_cues_behind_each_figure(language: str) -> None:
    past = [a_call(n, {"tone": [1, 5], "silence": [4]}, layers={"hear": 3}) for n in range(1, 4)][::-1]
    shown = page(past, language)
    wanted = {
        "en": ["50% (3 of 6)", "▄▄▄  calls: 3", "100% (3 of 3)", "3.0 of 5"],
        "zh": ["50%（3/6）", "▄▄▄  3 通", "3.0/5"],
    }
    assert not [words for words in wanted[language] if words not in shown]


def test_a_plot_shows_the_lowest_and_the_highest() -> None:
    seen = ([1], [5], [1, 5])
    past = [a_call(n, {"tone": given}, layers={"hear": n}) for n, given in enumerate(seen, 1)][::-1]
    shown = page(past, "en")
    assert f"{BARS[0]}{BARS[4]}{BARS[2]}  calls: 3" in shown
    assert f"{BARS[:3]}  calls: 3" in shown


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [80, 40, 30])
def test_a_long_record_fits_the_screen(language: str, width: int) -> None:
    past = [a_call(n, {"tone": [n % 6]}, layers={"hear": 1 + n % 5}) for n in range(1, 501)][::-1]
    shown = page(past, language, width)
    assert max(cell_len(line) for line in shown.splitlines()) <= width
    each = -(-500 // (40 if width == 80 else 24))
    assert {"en": f"each mark {each}", "zh": f"每格 {each} 通"}[language] in " ".join(shown.split())


def test_what_is_left_out_is_said() -> None:
    past = [
        a_call(5, {"tone": [5]}, persona="again"),
        a_call(4, {"tone": [5]}, engine="offline"),
        a_call(3, debriefed=False),
        a_call(2, {"tone": [1]}, cues=(Answered("tone", 5, hinted=True),)),
        a_call(1, persona="again"),
    ]
    shown = " ".join(page(past, "en").split())
    assert "What Sam hears, in 3 calls" in shown
    assert "Left out, because the offline engine's levels are keyword guesses: 1." in shown
    assert "Left out, because the debrief has not been opened yet: 1." in shown
    assert "Cues left out because you asked for a hint about them: 1." in shown
    assert "Calls with a customer who had called before: 1." in shown


def test_the_offline_engines_calls_are_counted_by_themselves_and_have_no_layers() -> None:
    past = [a_call(2, {"tone": [5]}, engine="offline"), a_call(1, {"tone": [1]})]
    out = StringIO()
    Console(file=out, width=80, color_system=None).print(as_page(past, past[:1], "Sam", "offline", SAY["en"], 80))
    shown = " ".join(out.getvalue().split())
    assert "in 1 calls with the offline engine" in shown
    assert "keywords only" in shown
    assert "Left out, because they were held with a model: 1." in shown
    assert "100% (1 of 1)" in shown
    assert "By layer" not in shown
