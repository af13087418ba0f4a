"""What a model claims about a call, and what of it holds: every quote is looked up in the right speaker's turn.

The forms are what the critic's model fills in, evidence and reason before the verdict. `check_turn` and
`check_call` keep what stands verbatim in the transcript (see `transcript.holds`) and say, for each claim that does
not, what is wrong with it, in words that can be sent back to the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field

from simulator.critique import (
    LAYERS,
    BetterLine,
    CueFinding,
    Dealt,
    Eased,
    Evidence,
    Findings,
    LayerScore,
    Level,
    NeedAnswer,
    NeedGuess,
    Outcome,
    Promise,
    Solved,
    Verdict,
)
from simulator.events import Owed
from simulator.persona import Persona
from simulator.transcript import Transcript, holds, in_language, is_quiet, number_of, where

_R = TypeVar("_R")

# --- what a model is asked to fill in: evidence and reason stand before the verdict ----------------------


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore")


class CueForm(_Form):
    """One cue, as a model reports it."""

    cue: str
    customer_turn: int | None
    customer_quote: str | None
    agent_quote: str | None
    why: str
    level: int = Field(ge=0, le=5)


class GuessForm(_Form):
    """A guess at the hidden need, as a model reports it."""

    agent_quote: str
    several_guesses: bool
    why: str
    right: bool


class SaidForm(_Form):
    """The place where the customer said the hidden need."""

    customer_turn: int
    customer_quote: str


class NeedForm(_Form):
    """The agent's answer to the need that was said."""

    agent_quote: str | None
    why: str
    level: int = Field(ge=0, le=5)


class DoneForm(_Form):
    """Something the agent turn got done."""

    agent_quote: str
    why: str


class EasedForm(DoneForm):
    """A worry that the agent turn eased."""

    worry: str


class TurnForm(_Form):
    """One agent turn, as a model reports it."""

    cues: list[CueForm]
    guess: GuessForm | None
    need_said: SaidForm | None
    need_answer: NeedForm | None
    solved: DoneForm | None
    worries: list[EasedForm]


class DealtForm(_Form):
    """What the agent turn did with a promise of an earlier call."""

    promise: str
    agent_quote: str | None
    why: str
    outcome: Outcome


class NextTurnForm(TurnForm):
    """One agent turn of a next call, as a model reports it."""

    promises: list[DealtForm]


class QuoteForm(_Form):
    """A quote and the number of its line."""

    turn: int
    quote: str


class LayerForm(_Form):
    """One layer, as a model reports it."""

    evidence: list[QuoteForm]
    why: str
    score: int | None = Field(ge=1, le=5)


class BetterForm(_Form):
    """A better line for one cue."""

    cue: str
    line: str


class CallForm(_Form):
    """The whole call, as a model reports it."""

    hear: LayerForm
    solve: LayerForm
    warmth: LayerForm
    trust: LayerForm
    better: list[BetterForm]
    next: str


class PromiseForm(_Form):
    """One promise, as a model reports it."""

    turn: int
    agent_quote: str
    what: str


class PromisesForm(_Form):
    """What the agent promised in a call, as a model reports it."""

    promises: list[PromiseForm]


# --- what of it holds ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Checked(Generic[_R]):
    """What holds of a reply, and what to send back.

    Attributes:
        result: what holds.
        untrue: a line for each claim whose words are not where they should be.
        missing: a line for each thing that was asked for and is not there.

    """

    result: _R
    untrue: list[str]
    missing: list[str] = field(default_factory=list)


def check_turn(
    form: TurnForm, persona: Persona, turns: Transcript, turn_id: str, owed: Sequence[Owed] = ()
) -> Checked[Findings]:
    """The findings about that agent turn that hold; `owed` are the promises that a next call is about too."""
    return _TurnCheck(persona, turns, turn_id, owed).findings(form)


class _TurnCheck:
    """Looks up the evidence for one agent turn; keeps what holds and says what does not."""

    def __init__(self, persona: Persona, turns: Transcript, turn_id: str, owed: Sequence[Owed]) -> None:
        self._persona = persona
        self._owed = {promise.id for promise in owed}
        self._number = number_of(turns, turn_id)
        self._turn = turns[self._number - 1]
        self._before = [turn for turn in turns[: self._number - 1] if turn.speaker == "customer"]
        self._by_number = dict(enumerate(turns, 1))
        self._quiet = is_quiet(self._turn)
        self.faults: list[str] = []

    def findings(self, form: TurnForm) -> Checked[Findings]:
        """The findings that hold, and a line for each claim that does not."""
        cues: dict[str, CueFinding] = {}
        for claim in form.cues:
            found = self._cue(claim)
            if found and (claim.cue not in cues or _worth(cues[claim.cue]) < _worth(found)):
                cues[claim.cue] = found
        if self._quiet:  # a silence answers cues; it gets nothing done
            return Checked(Findings(cues=tuple(cues.values())), self.faults)
        said = self._said(form.need_said)
        findings = Findings(
            cues=tuple(cues.values()),
            guess=self._guess(form.guess),
            need_said=said,
            need_answer=self._need(form.need_answer) if said else None,
            solved=self._done(form.solved, "solved"),
            worries=tuple(self._worries(form.worries)),
            promises=tuple(self._promises(form.promises)) if isinstance(form, NextTurnForm) else (),
        )
        return Checked(findings, self.faults)

    def _cue(self, claim: CueForm) -> CueFinding | None:
        if fault := self._unfounded(claim):
            self._fault(fault)
            return None
        shown = self._customer(claim.customer_turn, claim.customer_quote) if claim.customer_quote else None
        if (claim.level == 1 or self._quiet) and shown and shown.turn != self._before[-1].id:
            return None  # passing over, or leaving room, is only counted for what the customer has just said
        if not (answer := self._answer(claim)):
            return None
        return CueFinding(cue=claim.cue, customer=shown, agent=answer, why=claim.why, level=cast(Level, claim.level))

    def _unfounded(self, claim: CueForm) -> str:
        """What is wrong with the customer's side of a cue; empty: nothing."""
        if claim.cue not in {cue.id for cue in self._persona.cues}:
            return f"cue {claim.cue!r}: no such cue id"
        if claim.customer_quote:
            found = self._customer(claim.customer_turn, claim.customer_quote)
            return "" if found else f"{claim.cue}: customer_quote is not in an earlier customer line: {_cut(claim)}"
        if line := self._shown_in(claim.cue):
            return f"{claim.cue}: customer_quote is null, but line {line} shows it"
        if claim.level < 3 or self._quiet:  # silence cannot speak to a cue before it shows
            return f"{claim.cue}: level {claim.level} needs the customer's words that show the cue"
        return ""

    def _shown_in(self, cue: str) -> int | None:
        """The line before this one in which the customer said the persona's own words for the cue, if any."""
        lines = self._persona.cue(cue).shows
        said = ((number, turn) for number, turn in self._by_number.items() if turn in self._before)
        return next((number for number, turn in said if any(holds(turn, line) for line in lines)), None)

    def _answer(self, claim: CueForm) -> Evidence | None:
        """The agent's side of a cue: words for anything but a miss; a silence is room or a miss."""
        nothing = Evidence(turn=self._turn.id, quote="")
        if self._quiet:
            if claim.level in {1, 4}:
                return nothing
            self._fault(f"{claim.cue}: a silence is level 4 (they went on) or 1 (they had to call out)")
            return None
        if claim.level == 1:
            return nothing
        return self._agent(claim.agent_quote, claim.cue)

    def _agent(self, quote: str | None, what: str) -> Evidence | None:
        if quote and holds(self._turn, quote):
            return Evidence(turn=self._turn.id, quote=quote.strip())
        self._fault(f"{what}: agent_quote is not in line {self._number}: {quote!r}")
        return None

    def _customer(self, number: int | None, quote: str) -> Evidence | None:
        """Where the customer said it: the line named, else the latest earlier one that holds it."""
        named = self._by_number.get(number or 0)
        places = [turn for turn in (named, *reversed(self._before)) if turn in self._before and holds(turn, quote)]
        return Evidence(turn=places[0].id, quote=quote.strip()) if places and places[0] else None

    def _guess(self, claim: GuessForm | None) -> NeedGuess | None:
        if not claim or not (agent := self._agent(claim.agent_quote, "guess")):
            return None
        return NeedGuess(agent=agent, why=claim.why, right=claim.right and not claim.several_guesses)

    def _said(self, claim: SaidForm | None) -> Evidence | None:
        if not claim:
            return None
        found = self._customer(claim.customer_turn, claim.customer_quote)
        if not found:
            self._fault(f"need_said: not in an earlier customer line: {claim.customer_quote!r}")
        return found

    def _need(self, claim: NeedForm | None) -> NeedAnswer | None:
        if not claim:
            return None
        nothing = Evidence(turn=self._turn.id, quote="")
        agent = nothing if claim.level == 1 else self._agent(claim.agent_quote, "need_answer")
        return NeedAnswer(agent=agent, why=claim.why, level=cast(Level, claim.level)) if agent else None

    def _done(self, claim: DoneForm | None, what: str) -> Solved | None:
        if not claim or not (agent := self._agent(claim.agent_quote, what)):
            return None
        return Solved(agent=agent, why=claim.why)

    def _worries(self, claims: Sequence[EasedForm]) -> list[Eased]:
        known = {worry.id for worry in self._persona.worries}
        found: list[Eased] = []
        for claim in claims:
            if claim.worry not in known:
                self._fault(f"worry {claim.worry!r}: no such worry id")
            elif agent := self._agent(claim.agent_quote, f"worry {claim.worry}"):
                found.append(Eased(worry=claim.worry, agent=agent, why=claim.why))
        return found

    def _promises(self, claims: Sequence[DealtForm]) -> list[Dealt]:
        found: dict[str, Dealt] = {}
        for claim in claims:
            agent: Evidence | None = Evidence(turn=self._turn.id, quote="")
            if claim.promise not in self._owed:
                self._fault(f"promise {claim.promise!r}: no such promise id")
                continue
            if claim.outcome != "passed_over":
                agent = self._agent(claim.agent_quote, f"promise {claim.promise}")
            if agent:
                dealt = Dealt(promise=claim.promise, agent=agent, why=claim.why, outcome=claim.outcome)
                found.setdefault(claim.promise, dealt)
        return list(found.values())

    def _fault(self, line: str) -> None:
        self.faults.append(line)


def _worth(found: CueFinding) -> tuple[int, bool]:
    """The higher level counts; of two alike, the one that quotes the customer."""
    return found.level, found.customer is not None


def _cut(claim: CueForm) -> str:
    return f"[{claim.customer_turn}] {claim.customer_quote!r}"


def check_call(form: CallForm, persona: Persona, turns: Transcript, weak: Sequence[str]) -> Checked[Verdict]:
    """The verdict with the evidence that holds; a layer left with none is not scored.

    Each cue in `weak` must have a better line, in the customer's language.
    """
    by_number = dict(enumerate(turns, 1))
    faults: list[str] = []
    layers = {}
    for layer in LAYERS:
        claim: LayerForm = getattr(form, layer)
        evidence = []
        for quote in claim.evidence:
            turn = by_number.get(quote.turn)
            if turn and holds(turn, quote.quote):
                evidence.append(Evidence(turn=turn.id, quote=quote.quote.strip()))
            else:
                faults.append(f"{layer}: not in line {quote.turn}: {quote.quote!r}")
        score = claim.score if evidence else None
        if claim.score is not None and not claim.evidence:
            faults.append(f"{layer}: a score needs at least one quote")
        layers[layer] = LayerScore(why=claim.why, evidence=tuple(evidence), score=score)
    lines = {claim.cue: claim.line.strip() for claim in form.better if claim.cue in weak and claim.line.strip()}
    missing = [f"better: no line for {cue}" for cue in weak if cue not in lines]
    for cue, line in [*lines.items()]:
        if not in_language(line, persona.language):
            missing.append(f"better, {cue}: not in the customer's language: {line!r}")
            del lines[cue]
    better = tuple(BetterLine(cue=cue, line=line) for cue, line in lines.items())
    return Checked(Verdict(layers=layers, better=better, next=form.next), faults, missing)


def check_promises(form: PromisesForm, turns: Transcript) -> Checked[tuple[Promise, ...]]:
    """The promises whose words the agent did say, in the order of the call, each once."""
    by_number = dict(enumerate(turns, 1))
    found: dict[tuple[int, int], Promise] = {}
    faults: list[str] = []
    for claim in form.promises:
        turn = by_number.get(claim.turn)
        if turn and turn.speaker == "agent" and holds(turn, claim.agent_quote):
            words = Evidence(turn=turn.id, quote=claim.agent_quote.strip())
            place = (where(turn.text, words.quote) or (0, 0))[0]
            found.setdefault((claim.turn, place), Promise(agent=words, what=claim.what.strip()))
        else:
            faults.append(f"promises: not in an agent's line {claim.turn}: {claim.agent_quote!r}")
    return Checked(tuple(found[key] for key in sorted(found)), faults)
