"""Which channels an agent hears and how the layers come out, over their calls: the figures alone.

A figure is made of what single calls gave: for a channel a 1 for each cue that was picked up and a 0 for each that
was not; for a layer its score. Calls whose debrief has not been opened give nothing, neither do those that were only
tried again when the need was known (see `past`), and neither do cues about which the agent was given a hint: they were
not heard unaided.

A trend is never claimed on fewer than `ENOUGH` calls. From there on the latest five calls (fewer than ten: the later
half) are compared with all those before, and a difference counts as one only where chance would give it, or a larger
one, in at most `CHANCE` of all ways to deal the same values out to the two groups (the exact permutation test of
Fisher 1935, *The Design of Experiments*, and Pitman 1937; for a channel it is Fisher's exact test). Nine figures stand
on one page, so the usual 0.05 would claim something on every third page that shows nothing but chance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import comb
from typing import Literal

from simulator.critique import LAYERS, Layer
from simulator.debrief.past import PastCall
from simulator.persona import CHANNELS, Channel

ENOUGH = 5
"""Calls from which a trend may be claimed."""
LATEST = 5
"""Calls that count as the latest ones."""
CHANCE = 0.01
"""How often chance alone may give such a difference where a change is claimed."""

Change = Literal["better", "worse", "no_clear_change"]


@dataclass(frozen=True)
class Point:
    """What one call gave: 0 or 1 for each cue of a channel, or the one score of a layer."""

    call: int
    began: datetime
    values: tuple[int, ...]


@dataclass(frozen=True)
class Values:
    """Values of several calls taken together."""

    calls: int
    count: int
    total: int

    @property
    def mean(self) -> float:
        """Their mean: of a channel the share that was picked up, of a layer the mean score."""
        return self.total / self.count


@dataclass(frozen=True)
class Trend:
    """The latest calls against those before.

    Attributes:
        latest: the values of the latest calls.
        before: the values of all calls before them.
        chance: how often chance alone gives such a difference or a larger one, 0-1.

    """

    latest: Values
    before: Values
    chance: float

    @property
    def change(self) -> Change:
        """What may be claimed."""
        if self.chance > CHANCE:
            return "no_clear_change"
        return "better" if self.latest.mean > self.before.mean else "worse"


@dataclass(frozen=True)
class Figure:
    """A channel or a layer over an agent's calls.

    Attributes:
        name: which one.
        points: the calls that gave something, oldest first.

    """

    name: Channel | Layer
    points: tuple[Point, ...]

    @property
    def values(self) -> Values | None:
        """All of them together; None where there are none."""
        return together(self.points) if self.points else None

    @property
    def trend(self) -> Trend | None:
        """None as long as it is too early to claim anything."""
        if len(self.points) < ENOUGH:
            return None
        split = -min(LATEST, len(self.points) // 2)
        before, latest = self.points[:split], self.points[split:]
        return Trend(together(latest), together(before), chance(_flat(latest), _flat(before)))


def by_channel(calls: Iterable[PastCall]) -> list[Figure]:
    """A figure for each channel."""
    ordered = _in_order(calls)
    return [_figure(channel, ((call, _heard(call, channel)) for call in ordered)) for channel in CHANNELS]


def by_layer(calls: Iterable[PastCall]) -> list[Figure]:
    """A figure for each of the four layers."""
    ordered = _in_order(calls)
    return [
        _figure(layer, ((call, [call.layers[layer]] if layer in call.layers else []) for call in ordered))
        for layer in LAYERS
    ]


def together(points: Sequence[Point]) -> Values:
    """The values of some calls taken together."""
    values = _flat(points)
    return Values(len(points), len(values), sum(values))


def grouped(points: Sequence[Point], most: int) -> list[list[Point]]:
    """The calls in at most so many groups that follow each other, all of one size but the first.

    The latest calls stand in a full group, for they are what an agent looks for.
    """
    size = -(-len(points) // most) or 1
    first = len(points) % size
    groups = [list(points[:first])] if first else []
    return [*groups, *(list(points[at : at + size]) for at in range(first, len(points), size))]


def chance(one: Sequence[int], other: Sequence[int]) -> float:
    """How often the values, dealt out by chance, differ by as much in their means as they do, or by more.

    Of all ways to choose as many values as the first group has, the share in which their sum lies as far from what is
    to be expected as it does.

    Args:
        one: whole numbers, none below 0; at least one.
        other: the same.
    """
    values = [*one, *other]
    ways = _ways_to_sum(values, len(one))
    expected = len(one) * sum(values)  # times as many as there are values, so that numbers stay whole
    distance = abs(len(values) * sum(one) - expected)
    as_far = sum(count for total, count in ways.items() if abs(len(values) * total - expected) >= distance)
    return as_far / comb(len(values), len(one))


def _ways_to_sum(values: Sequence[int], chosen: int) -> Counter[int]:
    """In how many ways so many of the values can be chosen, by what they sum up to."""
    ways = {(0, 0): 1}  # how many are chosen, their sum → ways
    for value, there in Counter(values).items():
        more: Counter[tuple[int, int]] = Counter()
        for (taken, total), count in ways.items():
            for picked in range(min(there, chosen - taken) + 1):
                more[taken + picked, total + picked * value] += count * comb(there, picked)
        ways = dict(more)
    return Counter({total: count for (taken, total), count in ways.items() if taken == chosen})


def _heard(call: PastCall, channel: Channel) -> list[int]:
    return [int(cue.picked_up) for cue in call.cues if cue.channel == channel and not cue.hinted]


def _figure(name: Channel | Layer, given: Iterable[tuple[PastCall, list[int]]]) -> Figure:
    return Figure(name, tuple(Point(call.number, call.began, tuple(values)) for call, values in given if values))


def _in_order(calls: Iterable[PastCall]) -> list[PastCall]:
    counted = (call for call in calls if call.debriefed and call.counts)
    return sorted(counted, key=lambda call: (call.began, call.number))


def _flat(points: Sequence[Point]) -> list[int]:
    return [value for point in points for value in point.values]
