"""The call, line by line, with what was found beside each line: the words that count are marked where they were said.

Where there is room the findings stand in a margin, else below the line. What is known of the call stands in `reading`,
when and why the mood moved in `report`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import TYPE_CHECKING

from rich.text import Text

from simulator.branches import branches, opened
from simulator.critique import LAYERS, Evidence
from simulator.debrief import reading, report
from simulator.debrief.reading import CueLine, Reading
from simulator.events import HintGiven, Overruled, ended
from simulator.hints import STEPS
from simulator.screen.page import BESIDE_FROM, STYLES, WIDEST, Block, Page, Section, Tone, escaped, paged, wrap
from simulator.transcript import DIRECTION, Turn, printable, where

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from simulator.events import Event
    from simulator.persona import Persona
    from simulator.texts import Texts

_NUMBER = 5
"""Cells for a line's number."""
_RULE = " │ "


@dataclass(frozen=True)
class Note:
    """Something that was found at a line."""

    text: str
    tone: Tone = "plain"


@dataclass
class Line:
    """A line of the call and what was found there.

    Attributes:
        number: from 1.
        speaker: who says it.
        text: the words.
        marks: where the words that count begin and end.
        notes: what was found, in the order in which it is told.

    """

    number: int
    speaker: str
    text: str
    marks: list[tuple[int, int]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def pieces(self) -> Iterator[tuple[str, bool]]:
        """The words in pieces, with whether they count; marks that overlap are one."""
        at = 0
        for start, end in _merged(self.marks):
            yield self.text[at:start], False
            yield self.text[start:end], True
            at = end
        yield self.text[at:], False


def _merged(marks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(marks):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


@dataclass(frozen=True)
class Margin:
    """A call with its margin; rich prints it, `markdown` writes it.

    Attributes:
        head: what the call was and how it came out.
        lines: the call.
        end: how it ended.
        after: what was found about no line in particular.

    """

    head: Page
    lines: tuple[Line, ...]
    end: str
    after: tuple[Note, ...]
    texts: Texts

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        """Lines that fit the terminal; nothing is ever cut off."""
        width = min(options.max_width, WIDEST)
        yield self.head
        yield Text()
        for line in self.lines:
            yield from self._line(line, width)
        if self.end:
            yield from (Text(" " * _NUMBER + part, "dim") for part in wrap(self.end, width - _NUMBER))
        for note in self.after:
            yield from _set_note(note, width, _NUMBER)

    def markdown(self) -> str:
        """The call as Markdown."""
        title = escaped(self.head.sections[0].title)
        about = self.head.markdown().partition("\n")[2].strip()
        call = "".join(self._markdown_line(line) for line in self.lines)
        after = "".join(f"- {escaped(note.text)}\n" for note in self.after)
        end = f"{escaped(self.end)}\n\n" if self.end else ""
        heading = escaped(self.texts("report.record.transcript"))
        return f"# {title}\n\n{about}\n\n## {heading}\n\n{call}\n{end}{after}".rstrip() + "\n"

    def _markdown_line(self, line: Line) -> str:
        words = "".join(escaped(self._marked(piece, counts)) for piece, counts in line.pieces())
        said = self.texts("report.pair", label=f"**{escaped(line.speaker)}**", text=words)
        return f"{line.number}. {said}\n" + "".join(f"    - {escaped(note.text)}\n" for note in line.notes)

    def _marked(self, words: str, counts: bool) -> str:
        return self.texts("show.marked", words=words) if counts and words else words

    # --- on a terminal ---

    def _line(self, line: Line, width: int) -> Iterator[Text]:
        """The words, and the notes beside them or below."""
        beside = width >= BESIDE_FROM
        room = (width - _NUMBER - len(_RULE)) * 3 // 5 if beside else width - _NUMBER
        said = self._said(line, room)
        if not beside:
            yield from said
            for note in line.notes:
                yield from _set_note(note, width, _NUMBER)
            return
        margin = width - _NUMBER - room - len(_RULE)
        notes = [part for note in line.notes for part in _set_note(note, margin, 0)]
        for words, found in zip_longest(said, notes):
            row = words or Text()
            if found:
                row.append(" " * (_NUMBER + room - row.cell_len)).append(_RULE, "dim").append_text(found)
            yield row

    def _said(self, line: Line, room: int) -> list[Text]:
        """Who speaks and the words, in lines that fit; the words that count are marked, stage directions set off."""
        words = Text()
        for piece, counts in line.pieces():
            words.append(self._marked(piece, counts), "bold" if counts else "")
        words.highlight_regex(DIRECTION, "italic")
        label, _, rest = self.texts("report.pair", label=line.speaker, text="\0").partition("\0")
        said = Text(label, "dim").append_text(words).append(rest)
        parts, at = [], 0
        for number, part in enumerate(wrap(said.plain, room)):
            at = said.plain.index(part, at)
            head = f"{line.number:>{_NUMBER - 2}}  " if not number else " " * _NUMBER
            parts.append(Text(head, "dim").append_text(said[at : at + len(part)]))
            at += len(part)
        return parts


def _set_note(note: Note, width: int, indent: int) -> Iterator[Text]:
    """A note in lines that fit, hanging from its first."""
    for number, part in enumerate(wrap(note.text, width - indent - 2)):
        yield Text(" " * indent).append("  " if number else "· ", "dim").append(part, _STYLE[note.tone])


_STYLE: dict[Tone, str] = {**STYLES, "plain": ""}


# --- what stands where -----------------------------------------------------------------------------------


def with_margin(
    persona: Persona, events: Sequence[Event], texts: Texts, number: int, branch: int | None = None
) -> Margin:
    """The call with its margin.

    Args:
        persona: who called.
        events: the record of the call; a debrief of it has been opened.
        texts: the screens' texts.
        number: the call's number in the record.
        branch: which branch of it, from 1; None: the last one whose debrief has been opened.
    """
    ways = branches(events)
    way = opened(events) if branch is None else ways[branch - 1]
    events = way.events
    call = Reading(persona, events, texts, way)
    title = texts("show.title", number=number, title=persona.title, customer=persona.customer.name)
    facts: tuple[Block, ...] = (
        *report.about(call),
        *report.outcome(call),
        *report.caveats(call),
        *((texts("show.ways", way=way.number, count=len(ways), number=number),) if len(ways) > 1 else ()),
        texts("show.legend", number=number),
    )
    end = ended(events)
    writer = _Writer(call, texts)
    return Margin(
        head=paged(texts, Section(title, facts)),
        lines=tuple(writer.lines),
        end=texts(f"chat.ended.{end.how}") if end else texts("show.open"),
        after=tuple(writer.after),
        texts=texts,
    )


class _Writer:
    """Puts every finding at its line."""

    def __init__(self, call: Reading, texts: Texts) -> None:
        self._call = call
        self._texts = texts
        self.lines = [self._line(number, turn) for number, turn in enumerate(call.turns, 1)]
        self.after: list[Note] = []
        for cue in call.cues:
            self._cue(cue)
        self._need()
        self._problem()
        self._promises()
        self._lock()
        self._mood()
        self._gaps()
        self._hints()
        self._trainer()

    def _line(self, number: int, turn: Turn) -> Line:
        words = turn.text or self._call.say("said_nothing")
        if turn.interrupted:
            words += self._call.say("cut_off")
        return Line(number, printable(self._call.speaker(turn)), printable(words))

    def _note(self, turn: str | int, text: str, tone: Tone = "plain") -> None:
        line = turn if isinstance(turn, int) else self._call.line_of[turn]
        note = Note(printable(text), tone)
        if note not in self.lines[line - 1].notes:  # a cue that several answers quote is told once
            self.lines[line - 1].notes.append(note)

    def _mark(self, evidence: Evidence) -> None:
        line = self.lines[self._call.line_of[evidence.turn] - 1]
        if evidence.quote and (found := where(line.text, printable(evidence.quote))):
            line.marks.append(found)

    def _cue(self, cue: CueLine) -> None:
        """Where it showed, and every answer to it with its level."""
        call = self._call
        shown, early = self._name(cue), self._name(cue, "show.cue_early")
        for turn, finding in call.state.cues[cue.cue.id].findings:
            if finding.customer:
                self._mark(finding.customer)
                self._note(finding.customer.turn, shown)
            self._mark(finding.agent)
            label = shown if finding.customer or cue.heard_before else early
            self._note(turn, call.say("pair", label=label, text=call.level(finding.level)), reading.tone(finding.level))

    def _name(self, cue: CueLine, key: str = "show.cue") -> str:
        return self._texts(key, number=cue.number, channel=self._call.say(f"channel.{cue.cue.channel}"))

    def _need(self) -> None:
        """Guesses, the need when it was said, and how it was answered."""
        call = self._call
        for turn, found in call.findings.items():
            if found.guess:
                self._mark(found.guess.agent)
                self._note(turn, self._texts("show.guess_right" if found.guess.right else "show.guess_wrong"))
            if found.need_said and found.need_said.turn == call.state.need_said:
                self._mark(found.need_said)
                self._note(found.need_said.turn, self._texts("show.need_said"), "good")
            if found.need_answer and call.state.need_said:
                self._mark(found.need_answer.agent)
                level = found.need_answer.level
                told = call.say("pair", label=call.say("need.need"), text=call.level(level))
                self._note(turn, told, reading.tone(level))

    def _problem(self) -> None:
        """What they called about, solved, and the worries that were eased."""
        call, state = self._call, self._call.state
        if state.solved and (solved := call.findings[state.solved].solved):
            self._mark(solved.agent)
            self._note(state.solved, self._texts("show.solved"), "good")
        worries = {worry.id: worry.worry for worry in call.persona.worries}
        for worry, turn in state.eased.items():
            for eased in call.findings[turn].worries:
                if eased.worry == worry:
                    self._mark(eased.agent)
                    words = call.say("quote", words=worries[worry])
                    self._note(turn, self._texts("show.eased", worry=words), "good")

    def _promises(self) -> None:
        """What was done with the promises of the last call."""
        call = self._call
        what = {promise.id: promise.what for promise in call.state.before.promises} if call.state.before else {}
        for name, found in call.state.promises.items():
            for turn, dealt in found:
                came = call.say(f"again.{dealt.outcome}")
                self._note(
                    turn, self._texts("show.promise", came=came, what=what[name]), report.promise_tone(dealt.outcome)
                )
                self._mark(dealt.agent)

    def _lock(self) -> None:
        if self._call.state.opened_by and not self._call.state.elsewhere:
            self._note(self._call.state.opened_by, self._texts("show.opened"), "good")

    def _mood(self) -> None:
        """Each change of mood where it was first heard."""
        if self._call.state.elsewhere:
            return
        for row in report.moves(self._call):
            if row.at is None:
                self.after.append(Note(printable(self._call.say("pair", label=row.label, text=row.text))))
            else:
                self._note(row.at, row.text)

    def _gaps(self) -> None:
        """Lines that nobody judged."""
        call = self._call
        for turn, key in call.state.unjudged.items():
            self._note(turn, call.say("pair", label=call.say("not_judged"), text=call.why(key)))
        for unread in call.pending:
            self._note(unread.id, self._texts("show.pending"))

    def _hints(self) -> None:
        """Where the agent asked for a hint."""
        numbers = {cue.cue.id: cue.number for cue in self._call.cues}
        for event in self._call.events:
            if isinstance(event, HintGiven):
                self._note(event.turn, self._texts("show.hint", number=numbers[event.cue], steps=event.step, of=STEPS))

    def _trainer(self) -> None:
        """A trainer's word: about a cue where it was answered last, else below the call."""
        for cue in self._call.cues:
            if cue.overruled:
                words = self._word(cue.overruled, self._name(cue), self._call.level(cue.overruled.grade))
                if cue.path:
                    self._note(cue.path[-1][0], words)
                else:
                    self.after.append(Note(printable(words)))
        for layer in LAYERS:
            if word := self._call.overruled.get(layer):
                score = self._call.say("layers.score", score=word.grade)
                self.after.append(Note(printable(self._word(word, self._call.say(f"layers.{layer}"), score))))

    def _word(self, word: Overruled, what: str, grade: str) -> str:
        return self._texts("show.overruled", by=word.by, what=what, grade=grade, why=word.because)
