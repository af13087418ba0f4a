"""The record of a call as one HTML page that needs nothing else: no script, no network, no other file.

What there is to say is decided in `report`, and the same sections stand here. This module adds what only a page
with links and pictures can show: the call itself with the words of every cue marked where they were said, a badge
at each answer, links between the two, and the ladder as a drawing (`chart`). Everything on the page may come from a
persona file, a model or a person: each string passes `printable` and Jinja's escaping on its way out, and the page's
policy forbids whatever could run or load.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from simulator import __version__
from simulator.branches import opened
from simulator.critique import Evidence
from simulator.debrief import chart, reading, report
from simulator.debrief.reading import CueLine, Reading
from simulator.errors import UsageError
from simulator.events import Event
from simulator.screen.page import Beside, Item, Row, Section, Tone
from simulator.transcript import Turn, in_language, printable, where

if TYPE_CHECKING:
    from simulator.persona import Persona
    from simulator.texts import Texts

_TAGS = {"zh": "zh-CN", "en": "en"}
"""The screens' languages as HTML names them."""
_WIDE, _NARROW = (720, 300), (340, 240)
"""The chart in px, for pages and for phones: one drawing made smaller could not be read."""


def page(persona: Persona, events: Sequence[Event], texts: Texts, number: int | None = None) -> str:
    """The report of a call as an HTML document.

    Args:
        persona: who called.
        events: the record of the call; of its branches, the last one whose debrief has been opened is shown.
        texts: the screens' texts.
        number: the call's number in the record, if it is there.
    """
    way = opened(events)
    call = Reading(persona, way.events, texts, way)
    language = _TAGS[texts.language]

    def foreign(text: str) -> bool:
        """Whether a text is in the call's language and that is not the page's, as far as the script shows."""
        return not in_language(text, language) and in_language(text, persona.language)

    kept = () if number is None else (call.say("kept", number=number),)
    return _template().render(
        call=call,
        say=call.say,
        language=language,
        spoken=persona.language,
        foreign=foreign,
        title=report.title(call),
        facts=[Row(call.say("card.customer"), persona.customer.name), *report.about(call)],
        outcome=[*report.outcome(call), *kept],
        caveats=list(report.caveats(call)),
        tone=reading.tone,
        sections=list(_sections(call)),
        transcript=_transcript(call),
        mood_key=report.mood_key(call),
        charts=_charts(call),
        version=__version__,
    )


def save(text: str, file: str, *, force: bool) -> None:
    """Write the page.

    Raises:
        UsageError: the file is there already and is not to be written over, or it cannot be written.
    """
    try:
        with Path(file).open("w" if force else "x", encoding="utf-8", newline="\n") as out:
            out.write(text)
    except FileExistsError as error:
        raise UsageError("output_exists", file=file) from error
    except OSError as error:
        raise UsageError("output_unwritable", file=file, why=error.strerror or str(error)) from error


@cache
def _template() -> Template:
    """The page's template: filled strictly, and everything that is put in is text."""
    environment = Environment(
        loader=PackageLoader("simulator.debrief", "web"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,  # what is markup already stays so
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    kinds = {"item": Item, "row": Row, "beside": Beside}
    environment.tests |= {name: lambda it, kind=kind: isinstance(it, kind) for name, kind in kinds.items()}
    return environment.get_template("report.html.j2")


def _sections(call: Reading) -> Iterator[Section]:
    """Those of the report, with a place for the call itself, and a drawing in the place of the ladder in marks."""
    for section in report.sections(call):
        if section.name == "cues":
            yield Section(call.say("record.transcript"), (), "call")
        yield Section(section.title, tuple(report.moves(call)), "mood") if section.name == "mood" else section


def _charts(call: Reading) -> dict[str, Markup]:
    """The ladder, drawn for wide and for narrow screens."""
    moods = [printable(step.mood) for step in call.persona.emotion.ladder]
    numbered = [f"{number} {mood}" for number, mood in enumerate(moods, 1)]
    numbers = [str(number) for number in range(1, len(moods) + 1)]
    return {
        name: Markup(chart.ladder(call.steps, names, width=width, height=height))  # pygal escapes
        for name, names, (width, height) in (("wide", numbered, _WIDE), ("narrow", numbers, _NARROW))
        if call.steps
    }


# --- the call, line by line ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Link:
    """A link beside words: where it leads, what it shows, what it says at length, and its own name, if any."""

    to: str
    text: str
    label: str
    anchor: str = ""


@dataclass(frozen=True)
class Piece:
    """Words of a line that are marked alike, and the links that stand right behind them."""

    text: str
    marks: tuple[str, ...]
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Badge:
    """What an agent's line did: what about, how well, and the ways to the words it answers and to the finding."""

    about: str
    mark: str
    tone: Tone
    to: str
    back: str = ""
    anchor: str = ""


@dataclass(frozen=True)
class Line:
    """One line of the call."""

    number: int
    turn: Turn
    who: str
    pieces: tuple[Piece, ...]
    badges: tuple[Badge, ...]


@dataclass(frozen=True)
class _Mark:
    """A quote to be marked in a line: whose it is, and the link that stands behind it."""

    quote: str
    kind: Literal["cue", "need", "answer"]
    link: Link | None = None


class _Notes:
    """What was found about each turn: words to mark in it, and badges to put below it."""

    def __init__(self, call: Reading) -> None:
        self.marks: defaultdict[str, list[_Mark]] = defaultdict(list)
        self.badges: defaultdict[str, list[Badge]] = defaultdict(list)
        self._call = call
        for line in call.cues:
            self._cue(line)
        self._need()
        self._problem()
        self._promises()
        for turn in call.state.unjudged:
            self.badges[turn].append(Badge(call.say("web.critic"), call.say("not_judged"), "plain", "#gaps"))
        for unread in call.pending:
            self.badges[unread.id].append(Badge(call.say("web.critic"), call.say("web.pending"), "plain", "#gaps"))

    def _cue(self, line: CueLine) -> None:
        """The words that showed it, with a link to the first answer, and every answer with a link back to the words."""
        call = self._call
        head = call.say("cues.head", number=line.number, channel=call.say(f"channel.{line.cue.channel}"))
        shown: dict[Evidence, list[int]] = {}
        found = call.state.cues[line.cue.id].findings
        longest = _longest([finding.customer for _, finding in found if finding.customer])
        for number, (turn, finding) in enumerate(found):
            back = ""
            if finding.customer:
                words = longest[finding.customer]
                shown.setdefault(words, []).append(number)
                back = f"#shown-{line.number}-{shown[words][0]}"
            mark, tone = call.level(finding.level), reading.tone(finding.level)
            badge = Badge(head, mark, tone, f"#cue-{line.number}", back, f"answer-{line.number}-{number}")
            if line.overruled and finding == line.finding:
                mark = call.say("web.instead", grade=call.level(line.grade), was=mark)
                badge = replace(badge, mark=mark, tone=reading.tone(line.grade))
            self._answer(finding.agent, turn, badge)
        for words, numbers in shown.items():
            lines = call.listed(sorted(call.line_of[found[number][0]] for number in numbers))
            label = call.say("web.shown", cue=head, lines=lines)
            name = f"{line.number}-{numbers[0]}"
            link = Link(f"#answer-{name}", f"{line.number}", label, f"shown-{name}")
            self.marks[words.turn].append(_Mark(words.quote, "cue", link))

    def _answer(self, evidence: Evidence, turn: str, badge: Badge) -> None:
        self.marks[evidence.turn].append(_Mark(evidence.quote, "answer"))
        self.badges[turn].append(badge)

    def _need(self) -> None:
        """Guesses at the need, the words that said it, and how that was taken."""
        call = self._call
        for turn, found in call.findings.items():
            if guess := found.guess:
                mark = call.say("web.right" if guess.right else "web.wrong")
                tone: Tone = "good" if guess.right else "plain"
                self._answer(guess.agent, turn, Badge(call.say("web.guess"), mark, tone, "#need"))
            if answer := found.need_answer:
                mark, tone = call.level(answer.level), reading.tone(answer.level)
                self._answer(answer.agent, turn, Badge(call.say("need.need"), mark, tone, "#need"))

        said = (found.need_said for found in call.findings.values())
        if words := next((one for one in said if one and one.turn == call.state.need_said), None):
            link = Link("#need", call.say("web.need_said"), call.say("need.title"))
            self.marks[words.turn].append(_Mark(words.quote, "need", link))

    def _problem(self) -> None:
        """What solved the surface problem, and what eased a worry."""
        call = self._call
        if (turn := call.state.solved) and (solved := call.findings[turn].solved):
            badge = Badge(call.say("worries.surface"), call.say("worries.solved"), "good", "#surface")
            self._answer(solved.agent, turn, badge)
        for number, worry in enumerate(call.persona.worries, 1):
            if turn := call.state.eased.get(worry.id):
                eased = next(one for one in call.findings[turn].worries if one.worry == worry.id)
                about = call.say("web.worry", number=number)
                self._answer(eased.agent, turn, Badge(about, call.say("worries.eased"), "good", f"#worry-{number}"))

    def _promises(self) -> None:
        """What was done with the promises of the last call."""
        for found in self._call.state.promises.values():
            for turn, dealt in found:
                mark, tone = self._call.say(f"again.{dealt.outcome}"), report.promise_tone(dealt.outcome)
                badge = Badge(self._call.say("again.promise"), mark, tone, f"#{report.promise_anchor(dealt.promise)}")
                self._answer(dealt.agent, turn, badge)


def _longest(quotes: Sequence[Evidence]) -> dict[Evidence, Evidence]:
    """Each quote with the longest one of the same turn that holds it: the same words are marked and linked once."""
    by_length = sorted(quotes, key=lambda one: len(one.quote), reverse=True)
    return {
        one: next(other for other in by_length if other.turn == one.turn and one.quote in other.quote) for one in quotes
    }


def _transcript(call: Reading) -> list[Line]:
    """Every line of the call with what was found in it."""
    notes = _Notes(call)
    return [
        Line(number, turn, call.speaker(turn), _pieces(turn.text, notes.marks[turn.id]), tuple(notes.badges[turn.id]))
        for number, turn in enumerate(call.turns, 1)
    ]


def _pieces(text: str, marks: Sequence[_Mark]) -> tuple[Piece, ...]:
    """The text cut wherever a mark begins or ends: marks may overlap. A link stands where its mark ends.

    What is not to be found in the text (it was looked up before, so this should not be) is linked at its end.
    """
    placed = [(where(text, mark.quote) or (len(text), len(text)), mark) for mark in marks]
    cuts = sorted({0, len(text)}.union(*(place for place, _ in placed)))
    pieces = []
    for start, end in pairwise(cuts) if text else [(0, 0)]:
        kinds = {mark.kind: None for (first, last), mark in placed if first <= start < end <= last}
        links = [mark.link for (_, last), mark in placed if last == end and mark.link]
        pieces.append(Piece(text[start:end], tuple(kinds), tuple(links)))
    return tuple(pieces)
