"""The emotion ladder as a picture: static SVG by pygal, with nothing in it that runs, loads or is hovered over.

pygal says where lines, dots and labels stand; how they look is left to the page's style sheet (`web/report.css`).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

LONGEST_MOOD = 18
"""Cells of a mood's name beside the chart; the whole name stands in the text below."""
_FONT_PX = 13
_LETTER_PX = 0.6 * _FONT_PX  # what pygal reckons for a letter, Chinese or not
_CELL_PX = 0.53 * _FONT_PX
_MARGIN_PX = 8
_LABEL_PX = 26
"""Room for a line's number below the chart; where there is less, some go unnumbered."""


def ladder(steps: Sequence[tuple[int, int]], moods: Sequence[str], *, width: int, height: int) -> str:
    """One dot for each time the customer spoke, on the step where they stood, as an ``svg`` element.

    Args:
        steps: the line and the step (0 = worst) of each time, in order; one at least.
        moods: the names of all steps, worst first.
        width: in px.
        height: in px.
    """
    import pygal  # type: ignore[import-untyped]
    from pygal.style import Style  # type: ignore[import-untyped]

    names = [mood if cell_len(mood) <= LONGEST_MOOD else chop_cells(mood, LONGEST_MOOD - 1)[0] + "…" for mood in moods]
    needed, given = (max(map(cell_len, names)) * _CELL_PX, max(map(len, names)) * _LETTER_PX)
    chart = pygal.XY(
        width=width,
        height=height,
        margin=_MARGIN_PX,
        margin_left=_MARGIN_PX + needed - given,
        range=(-0.25, len(moods) - 0.75),
        xrange=(steps[0][0] - 0.4, steps[-1][0] + 0.4),
        style=Style(label_font_size=_FONT_PX, major_label_font_size=_FONT_PX),
        show_legend=False,
        dots_size=5,
        css=(),
        js=(),
        no_prefix=True,
        disable_xml_declaration=True,
    )
    numbered = -(-len(steps) * _LABEL_PX // width)
    chart.x_labels = [line for line, _ in steps[::numbered]]
    chart.x_value_formatter = str
    chart.y_labels = [{"value": step, "label": name} for step, name in enumerate(names)]
    chart.add(None, _stairs(steps), show_dots=False)
    chart.add(None, _dots(steps), stroke=False)
    chart.add_xml_filter(_bare)
    svg: str = chart.render(is_unicode=True)
    return svg


def _stairs(steps: Sequence[tuple[int, int]]) -> list[tuple[float, int]]:
    """The line through the dots. It turns between two of them: a mood changes while the agent speaks."""
    points: list[tuple[float, int]] = [steps[0]]
    for (before, old), (line, new) in pairwise(steps):
        points += [((before + line) / 2, old), ((before + line) / 2, new), (line, new)]
    return points


def _dots(steps: Sequence[tuple[int, int]]) -> list[dict[str, object]]:
    """The dots, named by what happened to the mood."""
    before = [step for _, step in steps[:1]] + [step for _, step in steps]
    names = {True: "dot up", False: "dot down"}
    return [
        {"value": (line, step), "node": {"class": names[step > old] if step != old else "dot"}}
        for old, (line, step) in zip(before, steps, strict=False)
    ]


def _bare(svg: Element) -> Element:
    """Only what is drawn: pygal also writes styles, a script, comments, and texts to hover over."""
    del svg.attrib["id"], svg.attrib["xmlns"]  # a page has its own names, and needs no namespace
    for parent in list(svg.iter()):
        for child in list(parent):
            drawn = isinstance(child.tag, str) and child.tag not in {"defs", "desc", "title", "rect"}
            if not drawn or "tooltip-overlay" in child.get("class", ""):
                parent.remove(child)
    return svg
