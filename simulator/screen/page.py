"""A page of sections, items and labelled rows, and how to set it: on a terminal and as Markdown.

What a page says is decided in `report`; this module only lays it out (in HTML, `web` does). Everything on a page
may come from a persona file, a model or a trainee. So each string passes `printable` here, once, and is never read
as markup: a terminal gets `rich.text.Text`, and Markdown gets every significant character escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal
from unicodedata import combining, east_asian_width

from rich.cells import cell_len
from rich.text import Text

from simulator.transcript import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from simulator.texts import Texts

Tone = Literal["plain", "good", "bad"]
"""What a colour underlines. The words say it too: a page reads the same without colours."""

# The four colours of the screens. Each is of middling brightness, so that it can be read on a dark ground and on a
# light one (contrast 3 : 1 at least, WCAG 2.2, a test holds it), and none is one of the sixteen that every terminal
# colours, and in bold brightens, as it likes. Where a terminal has only those, the nearest is taken.
GREEN, RED, BLUE, AMBER = "color(28)", "color(167)", "color(31)", "color(130)"
STYLES: dict[Tone, str] = {"plain": "bold", "good": f"bold {GREEN}", "bad": f"bold {RED}"}
_LABEL = "dim"
WIDEST = 96
"""Cells; longer lines are hard to read, however wide the terminal is."""
BESIDE_FROM = 72
"""Cells; on a narrower page what is to be compared stands one below the other."""
_BETWEEN = " │ "
_COLUMNS_FROM = 60
"""Cells; on a narrower page labels have no column of their own, they run into the words."""
_LONGEST_LABEL = 18
"""Cells; a longer label stands on a line of its own and does not push the words to the right."""


@dataclass(frozen=True)
class Row:
    """Words with a label before them.

    Attributes:
        label: what the words are.
        text: the words.
        at: the line of the call that the label names, for pages with links.
        see: the lines that the words speak of, for pages with links.
        tone: ``good`` for what is worth keeping, for pages with pictures.
        aloud: the same without marks, for pages that are read aloud; None: there are none.

    """

    label: str
    text: str
    at: int | None = None
    see: tuple[int, ...] = ()
    tone: Tone = "plain"
    aloud: str | None = None


@dataclass(frozen=True)
class Points:
    """A list with a label before it."""

    label: str
    points: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """Something with a heading of its own: what it is, how it came out, and rows about it.

    Attributes:
        head: what it is.
        mark: how it came out.
        tone: the colour that underlines the mark.
        rows: about it.
        anchor: its name on pages with links.
        score: how it came out as a number up to 5, for pages with pictures.

    """

    head: str
    mark: str
    tone: Tone
    rows: tuple[Row | Points, ...]
    anchor: str = ""
    score: int | None = None


@dataclass(frozen=True)
class Cell:
    """What stands on one side of a comparison.

    Attributes:
        text: the words; none where this side has nothing.
        notes: what is told about them, each with its tone.

    """

    text: str = ""
    notes: tuple[tuple[str, Tone], ...] = ()


@dataclass(frozen=True)
class Beside:
    """Two sides to be compared.

    Attributes:
        heads: what each side is.
        rows: what belongs beside each other.

    """

    heads: tuple[str, str]
    rows: tuple[tuple[Cell, Cell], ...]

    def side(self, number: int) -> tuple[str, list[Cell]]:
        """One side by itself, 0 or 1: what it is, and what stands on it."""
        return self.heads[number], [row[number] for row in self.rows if row[number].text]


Block = str | Row | Points | Item | Beside


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it; ``name`` is what it is called on pages with links."""

    title: str
    body: tuple[Block, ...]
    name: str = ""


@dataclass(frozen=True)
class Page:
    """Sections, one after the other; rich prints it, `markdown` writes it.

    Attributes:
        sections: what stands on the page.
        pair: how a label and its words are joined in one line, such as ``{label}: {text}``.
        plain: whether a screen reader reads it: no columns, and words where there would be marks.

    """

    sections: tuple[Section, ...]
    pair: str
    plain: bool = False

    def aloud(self) -> Page:
        """The page as a screen reader reads it well."""
        return replace(self, plain=True)

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines that fit the terminal; nothing is ever cut off."""
        setting = _Setting(self, min(options.max_width, WIDEST))
        for number, section in enumerate(self.sections):
            if number:
                yield Text()
            yield from setting.section(section)

    def markdown(self) -> str:
        """The page as Markdown; its sections are headings of the second level."""
        lines = (line for section in self.sections for line in self._section(section))
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))

    def _section(self, section: Section) -> Iterator[str]:
        yield from (f"## {escaped(section.title)}", "")
        for block in section.body:
            if isinstance(block, str):
                yield from ("", escaped(block), "")
            elif isinstance(block, Item):
                heading = self.pair.format(label=escaped(block.head), text=escaped(block.mark))
                yield from ("", f"### {heading}", "")
                for row in block.rows:
                    yield from self._row(row)
            elif isinstance(block, Beside):
                yield from self._beside(block)
            else:
                yield from self._row(block)
        yield ""

    def _beside(self, block: Beside) -> Iterator[str]:
        """Markdown has no columns that hold more than a few words: one side after the other."""
        for head, cells in (block.side(0), block.side(1)):
            yield from ("", f"### {escaped(head)}", "")
            for cell in cells:
                yield f"- {escaped(cell.text)}"
                yield from (f"  - {escaped(note)}" for note, _ in cell.notes)

    def _row(self, row: Row | Points) -> Iterator[str]:
        label = f"**{escaped(row.label)}**"
        if isinstance(row, Row):
            yield f"- {self.pair.format(label=label, text=escaped(row.text))}"
        else:
            yield f"- {label}"
            yield from (f"  - {escaped(point)}" for point in row.points)


_SIGNIFICANT = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def paged(texts: Texts, *sections: Section) -> Page:
    """The sections as one page, with the language's way of setting a label before words."""
    return Page(sections, pair=texts("report.pair", label="{label}", text="{text}"))


def escaped(text: str) -> str:
    """The text as part of a line of Markdown that shows exactly these characters."""
    return _SIGNIFICANT.sub(r"\\\1", printable(text))


# --- on a terminal ---------------------------------------------------------------------------------------


class _Setting:
    """How a page is set in a given width. Labels stand in one column throughout, if there is room for one."""

    def __init__(self, page: Page, width: int) -> None:
        self._width = width
        self._pair = page.pair
        self._plain = page.plain
        labels = [cell_len(printable(row.label)) for section in page.sections for row in _rows(section)]
        fitting = [cells for cells in labels if cells <= _LONGEST_LABEL]
        in_columns = width >= _COLUMNS_FROM and not page.plain
        self._column = max(fitting, default=0) + 2 if in_columns else 0

    def section(self, section: Section) -> Iterator[Text]:
        yield from self._flow(section.title, 0, "bold")
        for number, block in enumerate(section.body):
            if isinstance(block, str):
                yield from self._flow(block, 2)
            elif isinstance(block, Item):
                if number:
                    yield Text()
                yield from self._item(block)
            elif isinstance(block, Beside):
                yield Text()
                yield from self._beside(block)
            else:
                yield from self._row(block, 2)

    def _beside(self, block: Beside) -> Iterator[Text]:
        """Two columns where there is room, else one side below the other, as it is read aloud."""
        if self._plain or self._width < BESIDE_FROM:
            for number in (0, 1):
                head, cells = block.side(number)
                if number:
                    yield Text()
                yield from (Text("  ").append_text(line) for line in _cell(Cell(head), self._width - 2, "bold"))
                yield from (Text("  ").append_text(line) for cell in cells for line in _cell(cell, self._width - 2))
            return
        width = (self._width - 2 - len(_BETWEEN)) // 2
        left, right = (_cell(Cell(head), width, "bold") for head in block.heads)
        yield from _columns(left, right, width)
        for one, other in block.rows:
            yield from _columns(_cell(one, width), _cell(other, width), width)

    def _item(self, item: Item) -> Iterator[Text]:
        """What it is and how it came out, side by side where there is room; then its rows."""
        lines = list(self._flow(item.head, 2, "bold"))
        mark = printable(item.mark)
        if self._plain:
            lines = list(self._flow(self._pair.format(label=printable(item.head), text=mark), 2))
        elif lines[-1].cell_len + 2 + cell_len(mark) <= self._width:
            lines[-1].append("  ").append(mark, STYLES[item.tone])
        else:
            lines += self._flow(mark, 2, STYLES[item.tone])
        yield from lines
        for row in item.rows:
            yield from self._row(row, 4)

    def _row(self, row: Row | Points, indent: int) -> Iterator[Text]:
        if isinstance(row, Row) and not self._column:
            yield from self._run_in(row, indent)
            return
        label = printable(row.label)
        beside = cell_len(label) + 2 <= self._column
        if not beside:
            yield from self._flow(label, indent, _LABEL)
        margin = indent + (self._column or 2)
        for number, words in enumerate(self._words(row, self._width - margin)):
            line = Text(" " * indent)
            if beside and not number:
                line.append(label, _LABEL)
            yield line.append(" " * (margin - line.cell_len)).append(words)

    def _run_in(self, row: Row, indent: int) -> Iterator[Text]:
        """The label and the words in one paragraph that hangs from its first line."""
        label = printable(row.label)
        text = row.aloud if self._plain and row.aloud is not None else row.text
        both = self._pair.format(label=label, text=printable(text))
        for number, words in enumerate(wrap(both, self._width - indent - 2)):
            line = Text(" " * (indent + 2 * bool(number)) + words)
            if not number and words.startswith(label):
                line.stylize(_LABEL, indent, indent + len(label))
            yield line

    def _words(self, row: Row | Points, width: int) -> Iterator[str]:
        if isinstance(row, Row):
            yield from wrap(printable(row.text), width)
        else:
            bullet = "- " if self._plain else "· "
            for point in row.points:
                yield from (("  " if n else bullet) + line for n, line in enumerate(wrap(printable(point), width - 2)))

    def _flow(self, text: str, indent: int, style: str = "") -> Iterator[Text]:
        for line in wrap(printable(text), self._width - indent):
            yield Text(" " * indent).append(line, style)


def _cell(cell: Cell, width: int, style: str = "") -> Iterator[Text]:
    """The words, hanging from their first line, then what is told about them."""
    if not cell.text:
        return
    for number, words in enumerate(wrap(printable(cell.text), width - 2)):
        yield Text("  " if number else "").append(words, style)
    for note, tone in cell.notes:
        for number, words in enumerate(wrap(printable(note), width - 4)):
            yield Text("    " if number else "  · ", "dim").append(words, "" if tone == "plain" else STYLES[tone])


def _columns(left: Iterator[Text], right: Iterator[Text], width: int) -> Iterator[Text]:
    for one, other in zip_longest(left, right):
        line = Text("  ").append_text(one or Text())
        line.append(" " * (2 + width - line.cell_len)).append(_BETWEEN if other else _BETWEEN.rstrip(), "dim")
        yield line.append_text(other or Text())


def _rows(section: Section) -> Iterator[Row | Points]:
    for block in section.body:
        if isinstance(block, Item):
            yield from block.rows
        elif isinstance(block, Row | Points):
            yield block


# --- lines -----------------------------------------------------------------------------------------------

# rich ends lines at spaces only, which leaves a Chinese paragraph cut anywhere.
_OPENING = frozenset("“‘‹（《〈「『【〔([{$¥￥\u200d")
"""What no line ends with (the last one joins parts of an emoji)."""
_CLOSING = frozenset("”’›）》〉」』】〕)]}，。！？、；：…—～·,.!?;:%％\u200d\ufe0f")
"""What no line begins with."""


def wrap(text: str, width: int) -> list[str]:
    """The text in lines of at most `width` cells (2 at least: a Chinese character); one line at least."""
    width = max(width, 2)
    lines, taken = [""], 0
    for unit in _units(text):
        for piece in unit if cells(unit) > width else [unit]:
            if taken + cells(piece) > width:
                lines.append("")
                taken = 0
            if lines[-1] or piece != " ":
                lines[-1] += piece
                taken += cells(piece)
    return [line.rstrip() for line in lines]


def cells(text: str) -> int:
    """How much room a text takes at most: not every terminal joins the parts of an emoji."""
    return sum(map(_cells, text))


def _cells(ch: str) -> int:
    if combining(ch):
        return 0
    return 2 if _is_wide(ch) else max(cell_len(ch), ch == "\ufe0f")  # which turns a sign into a picture


def _units(text: str) -> Iterator[str]:
    """The parts of a text that stay on one line if they fit: words, and single Chinese characters."""
    unit = ""
    for ch in text:
        if unit and may_part(unit[-1], ch):
            yield unit
            unit = ""
        unit += ch
    if unit:
        yield unit


def may_part(before: str, after: str) -> bool:
    """Whether a line may end between the two characters: never before an accent or the colour of a skin."""
    if before == " " or after == " ":
        return True
    if before in _OPENING or after in _CLOSING or combining(after) or "\U0001f3fb" <= after <= "\U0001f3ff":
        return False
    return _is_wide(before) or _is_wide(after)


def _is_wide(ch: str) -> bool:
    return east_asian_width(ch) in {"W", "F"}
