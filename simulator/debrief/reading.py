"""What is known of a call: its events read as lines, cues and findings, with the words to speak of them.

Everything is derived from the persona and the events. Lines are the lines of the call, counted from 1, whoever
speaks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from simulator.critique import LEVELS, PICKED_UP, CueFinding, Evidence, Findings
from simulator.director import CallState, CueRecord, Move, follow
from simulator.events import (
    CustomerSaid,
    Debriefed,
    Event,
    FindingsMade,
    Grade,
    Guessed,
    HintGiven,
    Overruled,
    Repeated,
    due,
    started,
)
from simulator.screen.page import Row, Tone
from simulator.transcript import Turn, is_quiet

if TYPE_CHECKING:
    from simulator.branches import Branch
    from simulator.persona import Cue, Persona
    from simulator.texts import Texts

_OF_SOMEBODY = frozenset(
    {"title", "ending.open", "picked_up", "you_line", "record.you", "cut_off", "need.you_guessed", "cues.better"}
)
"""Sentences that are told otherwise when the call was not held by whoever reads."""


@dataclass(frozen=True)
class CueLine:
    """What became of one cue.

    Attributes:
        number: its place in the persona's list, from 1.
        cue: the cue itself.
        grade: 0-5; None when it was not shown or could not be judged.
        finding: the first one that reached the grade.
        path: every level an agent turn reached on it, with the line, in the order of the call.
        not_judged: a turn that may have answered it could not be judged (or has not been yet).
        anticipated: it was heard before any words showed it.
        better: a line that would have fitted better, if the critic gave one.
        repeats: the grades of repeated judging, if there was any.
        overruled: a trainer's word, which the grade then is.
        hints: how many steps of a hint were given about it.
        heard_before: it was picked up in an earlier call, and so was not let slip in this one.

    """

    number: int
    cue: Cue
    grade: int | None
    finding: CueFinding | None
    path: tuple[tuple[int, int], ...]
    not_judged: bool
    anticipated: bool
    better: str | None
    repeats: tuple[Grade, ...]
    overruled: Overruled | None
    hints: int
    heard_before: bool

    @property
    def picked_up(self) -> bool:
        """Whether it counts as picked up."""
        return self.grade is not None and self.grade >= PICKED_UP


class Reading:
    """A call as its events tell it, with the words to speak of it.

    Args:
        persona: who called.
        events: those of one branch.
        texts: the screens' texts.
        branch: that branch, where it may have been begun by going back.
    """

    def __init__(self, persona: Persona, events: Sequence[Event], texts: Texts, branch: Branch | None = None) -> None:
        self.branch = branch
        self.persona = persona
        self.events = events
        self.texts = texts
        self.state: CallState = follow(persona, events)
        self.turns: list[Turn] = self.state.turns
        self.line_of = {turn.id: number for number, turn in enumerate(self.turns, 1)}
        made = {e.turn: e.findings for e in events if isinstance(e, FindingsMade)}
        # In the order of the call: turns are judged beside each other.
        self.findings: dict[str, Findings] = {turn: made[turn] for turn in self.line_of if turn in made}
        self.debriefed = next((e for e in reversed(events) if isinstance(e, Debriefed)), None)
        self.guessed = next((e for e in reversed(events) if isinstance(e, Guessed)), None)
        self.verdict = self.debriefed.verdict if self.debriefed else None
        self.repeated = next((e.grades for e in reversed(events) if isinstance(e, Repeated)), {})
        self.overruled = {e.what: e for e in events if isinstance(e, Overruled)}
        unread = (turn for turn, _ in due(events) if not is_quiet(turn))
        self.pending = [turn for turn in unread if turn.id not in self.state.unjudged]

    @cached_property
    def cues(self) -> list[CueLine]:
        """Every cue of the persona, in its order."""
        better = {line.cue: line.line for line in self.verdict.better} if self.verdict else {}
        return [
            self._cue_line(number, cue, self.state.cues[cue.id], better.get(cue.id))
            for number, cue in enumerate(self.persona.cues, 1)
        ]

    def _cue_line(self, number: int, cue: Cue, record: CueRecord, better: str | None) -> CueLine:
        repeats = self.repeated.get(cue.id, ())
        found = sorted(record.findings, key=lambda one: self.line_of[one[0]])  # late ones come out of order
        open_turns = self.state.unjudged.keys() | {turn.id for turn in self.pending}
        return CueLine(
            number=number,
            cue=cue,
            grade=record.grade,
            finding=next((finding for _, finding in found if finding.level == record.found), None),
            path=tuple((self.line_of[turn], finding.level) for turn, finding in found),
            not_judged=record.not_judged or any(cue.id in self.state.answering.get(turn, ()) for turn in open_turns),
            anticipated=record.anticipated,
            better=better,
            repeats=repeats,
            overruled=record.overruled,
            heard_before=record.heard_before,
            hints=max((e.step for e in self.events if isinstance(e, HintGiven) and e.cue == cue.id), default=0),
        )

    @cached_property
    def steps(self) -> list[tuple[int, int]]:
        """Each line in which the customer spoke, with the step of the ladder that they stood on (0 = worst)."""
        return [(self.line_of[e.turn], e.step) for e in self.events if isinstance(e, CustomerSaid)]

    @cached_property
    def graded(self) -> list[CueLine]:
        """The cues that were shown and judged."""
        return [line for line in self.cues if line.grade is not None]

    # --- words ---

    def say(self, name: str, **values: object) -> str:
        """A sentence of the catalogue's ``report`` part; a call held elsewhere is not told to "you"."""
        elsewhere = "elsewhere." if self.state.elsewhere and name in _OF_SOMEBODY else ""
        return self.texts(f"report.{elsewhere}{name}", **values)

    def level(self, level: Grade) -> str:
        """A level as number and word."""
        if level == "not_judged":
            return self.say("not_judged")
        return self.say("cues.not_shown") if level is None else self.say(f"level.{LEVELS[level]}")

    def cue_name(self, cue_id: str) -> str:
        """A cue as sentences speak of it; its id means nothing to a trainee."""
        line = next(line for line in self.cues if line.cue.id == cue_id)
        return self.say("cues.name", number=line.number, channel=self.say(f"channel.{line.cue.channel}"))

    def why(self, key: str | None) -> str:
        """In a few words why something could not be judged."""
        try:
            return self.say(f"why.{key}")
        except KeyError:  # a record of another version
            return self.say("why.other")

    def reason(self, move: Move) -> str:
        """Why the mood moved."""
        cue = self.cue_name(move.cue) if move.cue else ""
        return self.say(f"reason.{move.reason}", line=self.line_of[move.cause], cue=cue)

    def undone(self, name: str, ears: Sequence[object]) -> str:
        """How to say that something did not happen: with care, where nobody can know."""
        gaps = bool(self.state.unjudged or self.pending)
        deaf = started(self.events).engine == "offline" and not ears
        if deaf or (gaps and not self.findings):
            return self.say("not_judged")
        return self.say("not_in_judged" if gaps else name)

    def listed(self, things: Iterable[object]) -> str:
        """Things in a row."""
        return self.say("comma").join(str(thing) for thing in things)

    def quote(self, evidence: Evidence) -> str:
        """The words; the whole turn where the turn itself is the evidence."""
        words = evidence.quote or self.turns[self.line_of[evidence.turn] - 1].text
        return self.say("quote", words=words) if words else self.say("said_nothing")

    def said(self, evidence: Evidence) -> Row:
        """Who said it, in which line, and the words."""
        line = self.line_of[evidence.turn]
        speaker = "you_line" if self.turns[line - 1].speaker == "agent" else "customer_line"
        return Row(self.say(speaker, line=line), self.quote(evidence), at=line)

    def line_said(self, turn: Turn) -> str:
        """A line of the transcript: who speaks, and all of it, stage directions included."""
        words = (turn.text or self.say("said_nothing")) + (self.say("cut_off") if turn.interrupted else "")
        return self.say("pair", label=self.speaker(turn), text=words)

    def speaker(self, turn: Turn) -> str:
        """Who speaks in a turn."""
        return self.say("record.you") if turn.speaker == "agent" else self.persona.customer.name


def tone(level: int | None) -> Tone:
    """Only what was picked up or shut down is underlined by a colour."""
    if level is None or 0 < level < PICKED_UP:
        return "plain"
    return "good" if level else "bad"
