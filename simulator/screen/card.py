"""What an agent sees before a call: the card and the desk. Apart from `report`, so that it is on screen at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.console import Console

from simulator.screen.page import Page, Points, Row, Section, paged

if TYPE_CHECKING:
    from simulator.events import Memory
    from simulator.persona import Persona
    from simulator.texts import Texts


class _Screen(Console):
    """A terminal, or a pipe whose reader may have gone: that is told to whoever prints, as `print` does."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def screen(*, plain: bool = False) -> Console:
    """The terminal. Nothing is read as markup; colours respect NO_COLOR. A plain one gets text and line ends only."""
    if plain:
        return _Screen(highlight=False, markup=False, emoji=False, color_system=None, force_terminal=False)
    return _Screen(highlight=False, markup=False, emoji=False)


def show_card(
    persona: Persona, texts: Texts, console: Console, before: Memory | None = None, *, plain: bool = False
) -> None:
    """Put the card and the desk on the screen; for a next call with what was before."""
    for page in (card(persona, texts), desk(persona, texts, before)):
        console.print(page.aloud() if plain else page)
        console.print()


def card(persona: Persona, texts: Texts) -> Page:
    """Who calls, as an agent may know it: title, customer, difficulty."""
    rows = (
        Row(texts("report.card.customer"), persona.customer.name),
        difficulty(persona, texts),
    )
    return paged(texts, Section(persona.title, rows))


def desk(persona: Persona, texts: Texts, before: Memory | None = None) -> Page:
    """What the agent's screen shows: the clock, the records, what they may and may not do.

    In a next call, which comes later than the clock, the log of the last one stands in its place.
    """
    shown = persona.desk
    log = list(_log(persona, texts, before)) if before else []
    lists = (("log", log), ("records", shown.records), ("may", shown.may), ("may_not", shown.may_not))
    clock = [Row(texts("report.desk.clock"), shown.clock)] if shown.clock and not before else []
    points = [Points(texts(f"report.desk.{name}"), tuple(lines)) for name, lines in lists if lines]
    return paged(texts, Section(texts("report.desk.title"), (*clock, *points)))


def _log(persona: Persona, texts: Texts, before: Memory) -> Iterator[str]:
    """What the bank noted of the last call: when, what about, what was promised. Nothing was noted since."""
    when = persona.desk.clock or f"{before.at.astimezone():%Y-%m-%d}"
    how = "report.desk.log_solved" if before.solved else "report.desk.log_unsolved"
    yield texts(how, when=when, call=before.call, matter=before.was_about)
    for promise in before.promises:
        # The offline critic has nothing to say of a promise but the words.
        name = "report.desk.log_words" if promise.what == promise.quote else "report.desk.log_promise"
        yield texts(name, what=promise.what, quote=promise.quote)
    if not before.promises:
        yield texts("report.desk.log_nothing" if before.read else "report.desk.log_unread")
    yield texts("report.desk.log_since")


def difficulty(persona: Persona, texts: Texts) -> Row:
    """The difficulty, such as ★★☆☆☆ 2/5."""
    level = persona.difficulty
    stars = texts("report.card.stars", stars="★" * level + "☆" * (5 - level), level=level)
    return Row(texts("report.card.difficulty"), stars, aloud=texts("report.card.level", level=level))
