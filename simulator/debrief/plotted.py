"""The figures of `progress` as a page, with a plot over the calls in each line, and as JSON.

A plot is one mark a call, as in the debrief's ladder. A plotting library was looked at (plotext): its charts are many
lines high, so that nine of them fill pages, it takes a Chinese character for one cell, and its version 6 is compiled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from simulator.debrief.past import PastCall
from simulator.debrief.progress import CHANCE, ENOUGH, LATEST, Figure, Values, by_channel, by_layer, grouped, together
from simulator.debrief.report import BARS
from simulator.events import Engine
from simulator.screen.page import Item, Page, Row, Section, paged

if TYPE_CHECKING:
    from simulator.texts import Texts

_MARKS, _NARROW_MARKS = 40, 24
"""Marks in one line of a plot, one for each call; with more calls than that a mark stands for several."""
_NARROW = 60
"""Cells; a narrower screen takes fewer marks."""


def as_page(
    past: Sequence[PastCall], counted: Sequence[PastCall], agent: str, engine: Engine, say: Texts, width: int
) -> Page:
    """The figures for a terminal.

    Args:
        past: all calls of the agent, latest first.
        counted: those that the figures are made of.
        agent: the agent's name.
        engine: the engine of the calls that are counted; others are left out.
        say: the screens' texts.
        width: cells of the screen.
    """
    marks = _MARKS if width >= _NARROW else _NARROW_MARKS
    return _Page(say, marks).made(past, counted, agent, offline=engine == "offline")


class _Page:
    """How the figures are told."""

    def __init__(self, say: Texts, marks: int) -> None:
        self._say = say
        self._marks = marks

    def made(self, past: Sequence[PastCall], counted: Sequence[PastCall], agent: str, *, offline: bool) -> Page:
        """What is counted, a figure for each channel and each layer, and how to read them."""
        say = self._say
        title = say("progress.title_offline" if offline else "progress.title", agent=agent, calls=len(counted))
        head = Section(title, tuple(self._counted(past, counted, offline=offline)))
        if not counted:
            return paged(say, head)
        channels = Section(say("progress.channels"), tuple(map(self._channel, by_channel(counted))))
        layers = Section(say("progress.layers"), tuple(map(self._layer, by_layer(counted))))
        rule = say("progress.rule", latest=LATEST, twice=2 * LATEST, once=round(1 / CHANCE))
        reading = Section(say("progress.reading"), (say("progress.marks"), rule))
        return paged(say, head, channels, *(() if offline else (layers,)), reading)

    def _counted(self, past: Sequence[PastCall], counted: Sequence[PastCall], *, offline: bool) -> Iterator[str]:
        """What the figures are made of, and what is left out of them."""
        if not counted:
            yield self._say("progress.nothing")
        elif offline:
            yield self._say("progress.only_offline")
        if hinted := sum(call.hinted for call in counted):
            yield self._say("progress.hinted", count=hinted)
        before = {call.persona: call.number for call in past}  # they stand latest first: the first call with each
        if again := sum(call.number > before[call.persona] for call in counted):
            yield self._say("progress.again", count=again)
        left_out = Counter(_sort(call) for call in past)
        for why in ("unopened", "known", "model" if offline else "offline"):
            if count := left_out[why]:
                yield self._say(f"progress.left_out.{why}", count=count)

    def _channel(self, figure: Figure) -> Item:
        say = self._say

        def told(values: Values) -> str:
            return say("progress.share", share=f"{values.mean:.0%}", picked=values.total, shown=values.count)

        return self._item(figure, say(f"report.channel.{figure.name}"), told, lambda mean: mean * (len(BARS) - 1))

    def _layer(self, figure: Figure) -> Item:
        say = self._say

        def told(values: Values) -> str:
            return say("progress.mean", mean=f"{values.mean:.1f}")

        return self._item(figure, say(f"report.layers.{figure.name}"), told, lambda mean: mean - 1)

    def _item(self, figure: Figure, name: str, told: Callable[[Values], str], step: Callable[[float], float]) -> Item:
        """A figure: all calls together, a plot over the calls, and what may be said of a trend."""
        say, values = self._say, figure.values
        if values is None:
            return Item(name, say("progress.no_value"), "plain", ())
        groups = grouped(figure.points, self._marks)
        plot = "".join(BARS[round(step(together(group).mean))] for group in groups)
        calls = say("progress.calls", calls=values.calls)
        if len(groups[-1]) > 1:
            calls = say("progress.calls_grouped", calls=values.calls, each=len(groups[-1]))
        rows = (
            Row(say("progress.over_time"), f"{plot}  {calls}"),
            Row(say("progress.trend"), self._trend(figure, told)),
        )
        return Item(name, told(values), "plain", rows)

    def _trend(self, figure: Figure, told: Callable[[Values], str]) -> str:
        trend = figure.trend
        if trend is None:
            return self._say("progress.too_early", calls=len(figure.points), enough=ENOUGH)
        return self._say(
            f"progress.{trend.change}",
            latest=told(trend.latest),
            latest_calls=trend.latest.calls,
            before=told(trend.before),
            before_calls=trend.before.calls,
        )


def _sort(call: PastCall) -> str:
    """Why a call may be left out: its debrief is not open, the need was known, or else its engine."""
    if not call.debriefed:
        return "unopened"
    return call.engine if call.counts else "known"


def as_objects(
    past: Sequence[PastCall], counted: Sequence[PastCall], agent: str, engine: Engine
) -> Iterator[dict[str, Any]]:
    """What is counted, then each figure, for programs; the arguments are those of `as_page`."""
    sorts = Counter(_sort(call) for call in past)
    left_out = {"not_debriefed": sorts["unopened"], "need_known": sorts["known"]}
    left_out["other_engine"] = len(past) - sum(left_out.values()) - len(counted)
    yield {"kind": "calls", "agent": agent, "engine": engine, "counted": len(counted), "left_out": left_out}
    yield from (_as_object("channel", figure, "rate", "picked_up", "cues") for figure in by_channel(counted))
    yield from (_as_object("layer", figure, "mean", "sum", "scores") for figure in by_layer(counted))


def _as_object(kind: str, figure: Figure, mean: str, total: str, count: str) -> dict[str, Any]:
    def told(values: Values | None) -> dict[str, Any]:
        given = (values.calls, values.count, values.total, values.mean) if values else (0, 0, 0, None)
        return dict(zip(("calls", count, total, mean), given, strict=True))

    trend = figure.trend
    return {
        "kind": kind,
        "name": figure.name,
        **told(figure.values),
        "by_call": [
            {"session": point.call, "began": point.began.isoformat(), "values": list(point.values)}
            for point in figure.points
        ],
        "trend": trend
        and {
            "change": trend.change,
            "chance": trend.chance,
            "latest": told(trend.latest),
            "before": told(trend.before),
        },
    }
