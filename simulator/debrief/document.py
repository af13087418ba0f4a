"""The critique of a call as one JSON document, for programs. `schema_text` is its JSON Schema.

Turns are lines of the call, counted from 1, whoever speaks.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal, TypeVar

from pydantic import Field

from simulator.critique import LAYERS, CueFinding, Evidence, Layer, LayerScore, Level, Outcome, Value, came_of
from simulator.director import CallState, CueRecord, follow
from simulator.events import Debriefed, Event, FindingsMade, Overruled, Owed, Repeated, agreement, started
from simulator.persona import Cue, Persona, Worry

_G = TypeVar("_G", int, int | Literal["not_judged"])


class Quote(Value):
    """Words as they were said, and the turn that holds them."""

    turn: int = Field(ge=1)
    quote: str


class Answer(Value):
    """The agent's side of a cue. ``quote`` is null only for a miss or a silence: there the turn is the evidence."""

    turn: int = Field(ge=1)
    quote: str | None


class CueCritique(Value):
    """One cue over the whole call, with the answer that its level comes from.

    ``customer`` is null for an anticipated cue, which the agent spoke to before any words showed it, for one that was
    heard in an earlier call, and for one that was not shown or not judged; ``better`` only stands beside a level
    under 3.
    """

    level: Level | Literal["not_shown", "not_judged"]
    anticipated: bool
    customer: Quote | None
    agent: Answer | None
    why: str
    better: str | None


class NeedCritique(Value):
    """The hidden need: the agent's right guess, the customer's saying it, an answer that met it (level 5)."""

    guessed: Quote | None
    said: Quote | None
    met: Quote | None


class WorryCritique(Value):
    """One worry; ``eased`` is null where nobody could judge."""

    eased: bool | None
    turn: int | None
    quote: str | None


class LayerCritique(Value):
    """One layer, 1 harmful or absent to 5 exemplary; null: could not be judged, ``why`` says so."""

    score: int | None = Field(ge=1, le=5)
    why: str
    evidence: list[Quote]


class Repeats(Value):
    """The levels that repeated judging gave a cue, and the share of the most frequent one among those judged."""

    levels: list[Level | Literal["not_shown", "not_judged"]]
    agreement: float | None = Field(ge=0, le=1)


class TrainerWord(Value):
    """A trainer's level of a cue or score of a layer in the place of the critic's."""

    level: int | Literal["not_shown"]
    was: int | Literal["not_shown", "not_judged"]
    because: str
    by: str


class PromiseCritique(Value):
    """A promise of an earlier call: where it was made, and how this call dealt with it.

    ``outcome`` and ``agent`` are null where the call did not come to it or nobody could judge.
    """

    call: int
    line: int
    quote: str
    what: str
    outcome: Outcome | None
    agent: Answer | None
    why: str


class LastCall(Value):
    """What a next call follows: the last call's number, the cues heard so far, and its promises."""

    call: int
    about: str = Field(description="when and why they call now")
    heard: list[str]
    need_said: bool
    solved: bool
    promises: dict[str, PromiseCritique]


class CallCritique(Value):
    """The critique of one call."""

    persona: str = Field(description="the persona's id")
    model: str = Field(description="the critic's model, or offline")
    cues: dict[str, CueCritique] = Field(description="by the cue's id")
    need: NeedCritique
    solved: Quote | None = Field(description="the agent's words that solved the surface problem")
    worries: dict[str, WorryCritique] = Field(description="by the worry's id")
    layers: dict[Layer, LayerCritique]
    picked_up: str = Field(description="cues at level 3 or more, of those shown and judged", examples=["3 of 4"])
    next: str = Field(description="one thing to practise")
    dropped_findings: int = Field(ge=0, description="claims that the call did not bear out, twice")
    could_not_judge: list[int] = Field(description="agent turns that could not be judged")
    repeats: dict[str, Repeats] | None = Field(default=None, description="only with --repeat: by the cue's id")
    overruled: dict[str, TrainerWord] | None = Field(
        default=None, description="only where a trainer overruled: by the cue's or layer's id; the levels are theirs"
    )
    before: LastCall | None = Field(default=None, description="only of a next call")


def schema_text() -> str:
    """The JSON Schema of `CallCritique`."""
    return json.dumps(CallCritique.model_json_schema(), ensure_ascii=False, indent=2)


def document(persona: Persona, events: Sequence[Event]) -> CallCritique:
    """The critique of the call that the events hold."""
    return _Writer(persona, events).write()


def as_json(critique: CallCritique) -> str:
    """One document; keys that only some calls have are left out of the others."""
    absent = {name for name in ("repeats", "overruled", "before") if getattr(critique, name) is None}
    return json.dumps(critique.model_dump(mode="json", exclude=absent), ensure_ascii=False, indent=2)


class _Writer:
    def __init__(self, persona: Persona, events: Sequence[Event]) -> None:
        self._persona = persona
        self._events = events
        self._state: CallState = follow(persona, events)
        self._line_of = {turn.id: number for number, turn in enumerate(self._state.turns, 1)}
        made_of = {event.turn: event.findings for event in events if isinstance(event, FindingsMade)}
        # In the order of the call: turns are judged beside each other.
        self._findings = {turn: made_of[turn] for turn in self._line_of if turn in made_of}
        made = [event for event in events if isinstance(event, Debriefed)]
        self._debriefed = made[-1] if made else None
        self._verdict = made[-1].verdict if made else None

    def write(self) -> CallCritique:
        start, state = started(self._events), self._state
        cues = {cue.id: self._cue(cue) for cue in self._persona.cues}
        graded = [cue.level for cue in cues.values() if isinstance(cue.level, int)]
        solved = self._findings[state.solved].solved if state.solved else None
        dropped = sum(event.dropped for event in self._events if isinstance(event, FindingsMade))
        return CallCritique(
            persona=self._persona.id,
            model=start.models.get("critic", start.engine),
            cues=cues,
            need=self._need(),
            solved=self._quote(solved.agent) if solved else None,
            worries={worry.id: self._worry(worry) for worry in self._persona.worries},
            layers={layer: self._layer(layer) for layer in LAYERS},
            picked_up=f"{sum(level >= 3 for level in graded)} of {len(graded)}",
            next=self._verdict.next if self._verdict else "",
            dropped_findings=dropped + (self._debriefed.dropped if self._debriefed else 0),
            could_not_judge=sorted(self._line_of[turn] for turn in state.unjudged),
            repeats=self._repeats(),
            overruled=self._overruled(),
            before=self._before(),
        )

    def _cue(self, cue: Cue) -> CueCritique:
        record = self._state.cues[cue.id]
        level = self._level(record)
        better = {line.cue: line.line for line in self._verdict.better} if self._verdict else {}
        found = None if level == "not_shown" else self._reached(record)
        return CueCritique(
            level=level,
            anticipated=found is not None and found.customer is None and not record.heard_before,
            customer=self._quote(found.customer) if found and found.customer else None,
            agent=self._answer(found.agent) if found else None,
            why=found.why if found else "",
            better=better.get(cue.id) if isinstance(level, int) and level < 3 else None,
        )

    def _level(self, record: CueRecord) -> Level | Literal["not_shown", "not_judged"]:
        if record.grade is None:
            return "not_judged" if record.not_judged and not record.overruled else "not_shown"
        return record.grade  # type: ignore[return-value]  # 0-5, as findings are

    def _reached(self, record: CueRecord) -> CueFinding | None:
        """The first answer that reached the critic's grade, in the order of the call."""
        found = sorted(record.findings, key=lambda one: self._line_of[one[0]])
        return next((finding for _, finding in found if finding.level == record.found), None)

    def _need(self) -> NeedCritique:
        state = self._state
        guess = next((self._findings[turn].guess for turn, right in state.guesses.items() if right), None)
        claims = [found.need_said for found in self._findings.values() if found.need_said]
        said = next((claim for claim in claims if claim.turn == state.need_said), None)
        after = self._line_of[said.turn] if said else len(state.turns)
        answers = [found.need_answer for found in self._findings.values() if found.need_answer]
        met = next((one for one in answers if one.level == 5 and self._line_of[one.agent.turn] > after), None)
        return NeedCritique(
            guessed=self._quote(guess.agent) if guess else None,
            said=self._quote(said) if said else None,
            met=self._quote(met.agent) if met else None,
        )

    def _worry(self, worry: Worry) -> WorryCritique:
        turn = self._state.eased.get(worry.id)
        if turn is None:
            deaf = started(self._events).engine == "offline" and not worry.heard_if
            if self._state.before and worry.id in self._state.before.eased:
                return WorryCritique(eased=True, turn=None, quote=None)
            unknown = deaf or bool(self._state.unjudged)
            return WorryCritique(eased=None if unknown else False, turn=None, quote=None)
        words = next(one.agent for one in self._findings[turn].worries if one.worry == worry.id)
        return WorryCritique(eased=True, turn=self._line_of[turn], quote=words.quote)

    def _layer(self, layer: Layer) -> LayerCritique:
        word = self._words().get(layer)
        if self._verdict:
            scored = self._verdict.layers[layer]
        else:
            why = self._debriefed and self._debriefed.why
            scored = LayerScore(why=f"could not judge: {why or 'not summed up'}")
        return LayerCritique(
            score=word.grade if word else scored.score,
            why=scored.why,
            evidence=[self._quote(evidence) for evidence in scored.evidence],
        )

    def _before(self) -> LastCall | None:
        before = self._state.before
        if before is None:
            return None
        return LastCall(
            call=before.call,
            about=before.about,
            heard=list(before.heard),
            need_said=before.need_said,
            solved=before.solved,
            promises={one.id: self._promise(one) for one in before.promises},
        )

    def _promise(self, promise: Owed) -> PromiseCritique:
        dealt = came_of([one for _, one in self._state.promises.get(promise.id, ())])
        return PromiseCritique(
            call=promise.call,
            line=promise.line,
            quote=promise.quote,
            what=promise.what,
            outcome=dealt.outcome if dealt else None,
            agent=self._answer(dealt.agent) if dealt else None,
            why=dealt.why if dealt else "",
        )

    def _repeats(self) -> dict[str, Repeats] | None:
        grades = next((event.grades for event in reversed(self._events) if isinstance(event, Repeated)), None)
        if grades is None:
            return None
        return {
            cue: Repeats.model_validate({"levels": [_named(one) for one in seen], "agreement": agreement(seen)})
            for cue, seen in grades.items()
        }

    def _overruled(self) -> dict[str, TrainerWord] | None:
        return {
            what: TrainerWord(level=_named(word.grade), was=self._was(word), because=word.because, by=word.by)
            for what, word in self._words().items()
        } or None

    def _was(self, word: Overruled) -> int | Literal["not_shown", "not_judged"]:
        open_still = word.what in LAYERS or self._state.cues[word.what].not_judged
        return "not_judged" if word.was is None and open_still else _named(word.was)

    def _words(self) -> dict[str, Overruled]:
        return {event.what: event for event in self._events if isinstance(event, Overruled)}

    def _quote(self, evidence: Evidence) -> Quote:
        return Quote(turn=self._line_of[evidence.turn], quote=evidence.quote)

    def _answer(self, evidence: Evidence) -> Answer:
        return Answer(turn=self._line_of[evidence.turn], quote=evidence.quote or None)


def _named(grade: _G | None) -> _G | Literal["not_shown"]:
    return "not_shown" if grade is None else grade
