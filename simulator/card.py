"""What an agent sees before a call: the card and the desk. Apart from `report`, so that it is on screen at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from simulator.page import Page, Points, Row, Section, paged

if TYPE_CHECKING:
    from simulator.persona import Persona
    from simulator.texts import Texts


def screen(*, plain: bool = False) -> Console:
    """The terminal. Nothing is read as markup; colours respect NO_COLOR. A plain one gets text and line ends only."""
    if plain:
        return Console(highlight=False, markup=False, emoji=False, color_system=None, force_terminal=False)
    return Console(highlight=False, markup=False, emoji=False)


def show_card(persona: Persona, texts: Texts, console: Console, *, plain: bool = False) -> None:
    """Put the card and the desk on the screen."""
    for page in (card(persona, texts), desk(persona, texts)):
        console.print(page.aloud() if plain else page)
        console.print()


def card(persona: Persona, texts: Texts) -> Page:
    """Who calls, as an agent may know it: title, customer, difficulty."""
    rows = (
        Row(texts("report.card.customer"), persona.customer.name),
        difficulty(persona, texts),
    )
    return paged(texts, Section(persona.title, rows))


def desk(persona: Persona, texts: Texts) -> Page:
    """What the agent's screen shows: the clock, the records, what they may and may not do."""
    shown = persona.desk
    lists = (("records", shown.records), ("may", shown.may), ("may_not", shown.may_not))
    clock = [Row(texts("report.desk.clock"), shown.clock)] if shown.clock else []
    points = [Points(texts(f"report.desk.{name}"), tuple(lines)) for name, lines in lists if lines]
    return paged(texts, Section(texts("report.desk.title"), (*clock, *points)))


def difficulty(persona: Persona, texts: Texts) -> Row:
    """The difficulty, such as ★★☆☆☆ 2/5."""
    level = persona.difficulty
    stars = texts("report.card.stars", stars="★" * level + "☆" * (5 - level), level=level)
    return Row(texts("report.card.difficulty"), stars, aloud=texts("report.card.level", level=level))
