"""The critic that listens for words: ears but no mind, for practice without a model."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.critic import Judgement, Promising, Summing
from simulator.critique import (
    LAYERS,
    CueFinding,
    Eased,
    Evidence,
    Findings,
    LayerScore,
    NeedAnswer,
    NeedGuess,
    Promise,
    Solved,
    Verdict,
)
from simulator.events import Memory
from simulator.persona import Persona
from simulator.templates import Prompts
from simulator.transcript import Transcript, Turn, holds, is_quiet, number_of, sentences

Ear = str | list[str]


class OfflineCritic:
    """A critic with ears but no mind: it listens for the persona's ``heard_if``, ``met_if`` and ``solved_if``.

    It takes what is said for what is meant, knows no level 0 and no layers, and says so.
    """

    def __init__(self, persona: Persona, prompts: Prompts, before: Memory | None = None) -> None:
        self._persona = persona
        self._before = before
        self._words = prompts.phrases["offline_critic"]

    async def judge(self, turns: Transcript, turn_id: str) -> Judgement:
        """See `Critic.judge`."""
        number = number_of(turns, turn_id)
        turn, before = turns[number - 1], turns[: number - 1]
        if is_quiet(turn):
            return Judgement(self._silence(turn, before[-1:], turns[number:]))
        said = self._need_said(before)
        return Judgement(
            Findings(
                cues=tuple(found for cue in self._persona.cues if (found := self._cue(cue.id, turn, before))),
                guess=None if said else self._guess(turn),
                need_said=said,
                need_answer=self._need_answer(turn) if said else None,
                solved=self._solved(turn),
                worries=tuple(
                    Eased(worry=worry.id, agent=heard, why=self._words["heard"])
                    for worry in self._persona.worries
                    if (heard := self._hear(worry.heard_if, turn))
                ),
                not_judged=tuple(
                    cue.id
                    for cue in self._persona.cues
                    if not cue.heard_if and not cue.met_if and self._shown(cue.id, before[-1:])
                ),
            )
        )

    async def sum_up(self, turns: Transcript, grades: dict[str, int | None]) -> Summing:  # noqa: ARG002 - as `Critic`
        """See `Critic.sum_up`. No layer is scored; what to practise is the channel of the weakest cue."""
        layers = {layer: LayerScore(why=self._words["no_layers"]) for layer in LAYERS}
        weak = [cue for cue in self._persona.cues if (grades.get(cue.id) or 0) < 3 and grades.get(cue.id) is not None]
        weakest = min(weak, key=lambda cue: grades[cue.id] or 0, default=None)
        shown = any(grade is not None for grade in grades.values())
        advice = self._words["practise"][weakest.channel if weakest else "none"]
        if not shown:
            advice = self._words["called_before" if self._before else "nothing_shown"]
        return Summing(Verdict(layers=layers, next=advice))

    async def promises(self, turns: Transcript) -> Promising:
        """See `Critic.promises`. Each sentence of the agent's that sounds like one is taken for one."""
        found = [
            Promise(agent=Evidence(turn=turn.id, quote=one), what=one)
            for turn in turns
            if turn.speaker == "agent"
            for one in sentences(turn.text)
            if holds(turn, one) and any(words in one.lower() for words in self._words["promised"])
        ]
        return Promising(tuple(found))

    def _cue(self, cue_id: str, turn: Turn, before: Transcript) -> CueFinding | None:
        cue = self._persona.cue(cue_id)
        shown = self._shown(cue_id, before)
        if met := self._hear(cue.met_if, turn):
            return CueFinding(cue=cue_id, customer=shown, agent=met, why=self._words["met"], level=5)
        if heard := self._hear(cue.heard_if, turn):
            return CueFinding(cue=cue_id, customer=shown, agent=heard, why=self._words["heard"], level=3)
        just_shown = self._shown(cue_id, before[-1:])
        if not just_shown or not (cue.heard_if or cue.met_if):
            return None
        if stock := self._hear(self._words["stock"], turn):
            return CueFinding(cue=cue_id, customer=just_shown, agent=stock, why=self._words["perfunctory"], level=2)
        nothing = Evidence(turn=turn.id, quote="")
        return CueFinding(cue=cue_id, customer=just_shown, agent=nothing, why=self._words["missed"], level=1)

    def _silence(self, turn: Turn, before: Transcript, after: Transcript) -> Findings:
        called_out = bool(after) and self._hear(self._words["called_out"], after[0]) is not None
        level, why = (1, self._words["called"]) if called_out else (4, self._words["room"])
        nothing = Evidence(turn=turn.id, quote="")
        shown = {cue.id: self._shown(cue.id, before) for cue in self._persona.cues}
        return Findings(
            cues=tuple(
                CueFinding(cue=cue, customer=words, agent=nothing, why=why, level=level)
                for cue, words in shown.items()
                if words
            )
        )

    def _shown(self, cue_id: str, turns: Transcript) -> Evidence | None:
        """The customer's latest words that show the cue: one of its lines, looked up in the turns."""
        for turn in reversed(turns):
            if turn.speaker == "customer":
                for line in self._persona.cue(cue_id).shows:
                    if holds(turn, line):
                        return Evidence(turn=turn.id, quote=line)
        return None

    def _need_said(self, turns: Transcript) -> Evidence | None:
        line = self._persona.hidden_need.said
        said = (turn for turn in turns if turn.speaker == "customer" and holds(turn, line))
        return next((Evidence(turn=turn.id, quote=line) for turn in said), None)

    def _need_answer(self, turn: Turn) -> NeedAnswer | None:
        heard = self._hear(self._persona.hidden_need.heard_if, turn)
        return NeedAnswer(agent=heard, why=self._words["heard"], level=3) if heard else None

    def _guess(self, turn: Turn) -> NeedGuess | None:
        heard = self._hear(self._persona.hidden_need.heard_if, turn)
        if not heard:
            return None
        several = sum(turn.text.lower().count(word) for word in self._words["or"]) >= 2
        return NeedGuess(agent=heard, why=self._words["heard"], right=not several)

    def _solved(self, turn: Turn) -> Solved | None:
        if self._before and self._before.solved:
            return None  # its words are those of the last call's matter, not of this one's
        heard = self._hear(self._persona.resolution.solved_if, turn)
        return Solved(agent=heard, why=self._words["heard"]) if heard else None

    def _hear(self, ears: Sequence[Ear], turn: Turn) -> Evidence | None:
        """The sentence in which one of the alternatives was said; all its parts, where it has several."""
        for ear in ears:
            if hits(ear, turn.text):
                first = ear if isinstance(ear, str) else ear[0]
                spoken_in = (one for one in sentences(turn.text) if hits(first, one))
                return Evidence(turn=turn.id, quote=next(spoken_in, turn.text))
        return None


NEAR_ENOUGH = 86
"""Similarity (0-100) from which an ear counts as hit; short ears must be hit exactly."""


def hits(ear: Ear, text: str, near_enough: float = NEAR_ENOUGH) -> bool:
    """Whether the ear hears something in the text: all its parts, where it has several."""
    return all(_near(part, text, near_enough) for part in ([ear] if isinstance(ear, str) else ear))


def _near(part: str, text: str, near_enough: float) -> bool:
    """Whether something like the part is in the text. A part of up to 4 characters must be there exactly."""
    wanted, said = part.casefold(), text.casefold()
    if len(wanted) <= 4 or wanted in said:
        return wanted in said
    if len(said) < len(wanted):
        return False
    from rapidfuzz import fuzz

    return fuzz.partial_ratio(wanted, said, score_cutoff=near_enough) >= near_enough
