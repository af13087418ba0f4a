"""The chain that listens: what one agent turn did with the customer's cues, and what the whole call was worth.

The critic reads persona and transcript and never the director's schedule, so a transcript from anywhere is
judged exactly as a live call is. Whatever it claims is looked up (see `evidence`); a claim that is not there is
sent back once, then dropped and counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from pydantic import BaseModel

from simulator.critique import Findings, Promise, Usage, Verdict
from simulator.errors import ModelError
from simulator.events import Memory
from simulator.evidence import (
    CallForm,
    Checked,
    NextTurnForm,
    PromisesForm,
    TurnForm,
    check_call,
    check_promises,
    check_turn,
)
from simulator.llm import Message, Model
from simulator.persona import Persona
from simulator.templates import Prompts
from simulator.transcript import Transcript, is_quiet, number_of, printable


@dataclass(frozen=True)
class Judgement:
    """Findings about one agent turn; how many were dropped for want of evidence; what it cost."""

    findings: Findings
    dropped: int = 0
    usage: Usage | None = None


@dataclass(frozen=True)
class Summing:
    """The verdict on a whole call; how many claims were dropped; what it cost."""

    verdict: Verdict
    dropped: int = 0
    usage: Usage | None = None


@dataclass(frozen=True)
class Promising:
    """What the agent promised in a call; how many claims were dropped; what it cost."""

    promises: tuple[Promise, ...]
    dropped: int = 0
    usage: Usage | None = None


class Critic(Protocol):
    """Somebody who judges the agent."""

    async def judge(self, turns: Transcript, turn_id: str) -> Judgement:
        """What the agent turn of that id did.

        `turns` end with it; with a quiet turn they end with the customer's next words, which show what the
        silence did.

        Raises:
            ModelError: it could not be judged.
        """
        ...

    async def sum_up(self, turns: Transcript, grades: dict[str, int | None]) -> Summing:
        """The four layers over the whole call, a better line for each cue graded under 3, what to practise next.

        In a next call trust is judged over both calls.

        Raises:
            ModelError: it could not be judged.
        """
        ...

    async def promises(self, turns: Transcript) -> Promising:
        """What the agent promised in the call.

        Raises:
            ModelError: it could not be read.
        """
        ...


# --- the critic that asks a model ------------------------------------------------------------------------

_F = TypeVar("_F", bound=BaseModel)
_R = TypeVar("_R")


HEAD_START_S = 0.02
"""The customer's request, which somebody waits for, goes out before the critic's is put together."""


class ModelCritic:
    """A critic that asks a language model and checks what it says.

    Requests share one beginning: system text (rubric and persona), then the transcript, then the question. In a next
    call the system text ends with what was before (`before`).
    """

    def __init__(self, persona: Persona, prompts: Prompts, model: Model, before: Memory | None = None) -> None:
        self._persona = persona
        self._before = before
        self._prompts = prompts
        self._model = model
        self._labels = prompts.phrases["transcript"]
        self._system = prompts.render("critic", persona=persona)
        if before:
            self._system += "\n\n" + prompts.render("again_critic", before=before)

    async def judge(self, turns: Transcript, turn_id: str) -> Judgement:
        """See `Critic.judge`."""
        await asyncio.sleep(HEAD_START_S)
        number = number_of(turns, turn_id)
        quiet = is_quiet(turns[number - 1])
        question = self._prompts.render("critic_turn", number=number, quiet=quiet)
        owed = self._before.promises if self._before else ()
        if owed:
            question += "\n" + self._prompts.render("again_turn", number=number, quiet=quiet, promises=owed)
        findings, dropped, usage = await self._ask(
            self.messages(turns, question),
            NextTurnForm if owed else TurnForm,
            lambda form: check_turn(form, self._persona, turns, turn_id, owed),
        )
        return Judgement(findings, dropped, usage)

    async def sum_up(self, turns: Transcript, grades: dict[str, int | None]) -> Summing:
        """See `Critic.sum_up`."""
        weak = [cue for cue, level in grades.items() if level is not None and level < 3]
        question = self._prompts.render("critic_call", weak=weak)
        if self._before:
            question += "\n" + self._prompts.render("again_call")
        verdict, dropped, usage = await self._ask(
            self.messages(turns, question), CallForm, lambda form: check_call(form, self._persona, turns, weak)
        )
        return Summing(verdict, dropped, usage)

    async def promises(self, turns: Transcript) -> Promising:
        """See `Critic.promises`."""
        messages = self.messages(turns, self._prompts.render("again_promises"))
        promises, dropped, usage = await self._ask(messages, PromisesForm, lambda form: check_promises(form, turns))
        return Promising(promises, dropped, usage)

    def messages(self, turns: Transcript, question: str) -> list[Message]:
        """The request: rubric and persona, transcript, and the question last."""
        return [Message("system", self._system), Message("user", f"{self.transcript(turns)}\n\n{question}")]

    def transcript(self, turns: Transcript) -> str:
        """The call as the critic reads it: one numbered line a turn, whatever its words hold."""
        lines = [self._labels["begins"]]
        for number, turn in enumerate(turns, 1):
            words = printable(turn.text) or self._labels["quiet"]
            if turn.interrupted:
                words += self._labels["cut_off"]
            lines.append(f"[{number}] {self._labels[turn.speaker]}{words}")
        return "\n".join(lines)

    async def _ask(
        self, messages: list[Message], form: type[_F], check: Callable[[_F], Checked[_R]]
    ) -> tuple[_R, int, Usage]:
        """Ask, check, and send back once what does not hold; how many claims were dropped after that."""
        reply, usage = await self._model.fill(messages, form)
        first = check(reply)
        if not (faults := first.untrue + first.missing):
            return first.result, 0, usage
        again = [
            *messages,
            Message("assistant", reply.model_dump_json()),
            Message("user", self._prompts.render("critic_again", faults=faults)),
        ]
        try:
            reply, more = await self._model.fill(again, form)
        except ModelError:
            return first.result, len(first.untrue), usage  # what held the first time still holds
        second = check(reply)
        return second.result, len(second.untrue), usage + more
