"""What tests put in place of a model, a customer or a critic, and short builders for the values they exchange.

Nothing here is patched into anything: the parts take what they need as arguments, and a test hands them these.
"""

from __future__ import annotations

import asyncio
import copy
import functools
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel

from simulator.critic import Judgement, Promising, Summing
from simulator.critique import (
    LAYERS,
    CueFinding,
    Dealt,
    Eased,
    Evidence,
    Findings,
    LayerScore,
    NeedAnswer,
    NeedGuess,
    Outcome,
    Promise,
    Solved,
    Usage,
    Verdict,
)
from simulator.director import Direction
from simulator.events import Memory, Owed, Started
from simulator.llm import Message
from simulator.persona import Persona
from simulator.transcript import Transcript, Turn

DATA = Path(__file__).parent / "data"
T = TypeVar("T", bound=BaseModel)

Streamed = str | Sequence[str | Usage | BaseException]
"""An answer in one piece, or in pieces; an exception among them breaks it off there."""
Reply = Streamed | dict[str, Any] | BaseModel | Exception


class ScriptedModel:
    """A model (`simulator.llm.Model`) that gives prepared replies, one a request.

    A ``str`` or a list of pieces is streamed, a ``dict`` or a form fills a form, an exception is raised.

    Args:
        replies: what to answer, in order.
        then: what to answer once those are used up; without it the script has run out, and that is an error.

    Attributes:
        requests: every list of messages it was sent.
    """

    def __init__(self, *replies: Reply, then: Reply | None = None) -> None:
        self.requests: list[list[Message]] = []
        self._replies = list(replies)
        self._then = then

    @property
    def name(self) -> str:
        return "scripted"

    async def stream(self, messages: Sequence[Message]) -> AsyncIterator[str | Usage]:
        reply = self._next(messages)
        if isinstance(reply, dict | BaseModel):
            raise TypeError(f"request {len(self.requests)} asked for text, the script has a form")
        for piece in [reply] if isinstance(reply, str) else reply:
            await asyncio.sleep(0)
            if isinstance(piece, BaseException):
                raise piece
            yield piece

    async def fill(self, messages: Sequence[Message], form: type[T]) -> tuple[T, Usage]:
        reply = self._next(messages)
        if not isinstance(reply, dict | BaseModel):
            raise TypeError(f"request {len(self.requests)} asked for a form, the script has text")
        await asyncio.sleep(0)
        filled = reply if isinstance(reply, dict) else reply.model_dump()
        return form.model_validate(filled), Usage(prompt=100, completion=10)

    def _next(self, messages: Sequence[Message]) -> Streamed | dict[str, Any] | BaseModel:
        self.requests.append(list(messages))
        reply = self._replies.pop(0) if self._replies else self._then
        if reply is None:
            raise AssertionError(f"script ran out at request {len(self.requests)}")
        if isinstance(reply, Exception):
            raise reply
        return reply


class ScriptedCustomer:
    """A customer who gives prepared answers, and records what it was asked.

    Attributes:
        asked: the turns and the direction of every answer that was asked for.
        hold: while it is set to an event, an answer waits for that event after its first piece.
    """

    def __init__(self, *answers: Streamed, then: Streamed | None = "Mm.") -> None:
        self.asked: list[tuple[list[Turn], Direction]] = []
        self.hold: asyncio.Event | None = None
        self._answers = list(answers)
        self._then = then

    def note(self, direction: Direction) -> str:
        return f"note for step {direction.step}"

    async def answer(self, turns: Transcript, direction: Direction) -> AsyncIterator[str | Usage]:
        self.asked.append((list(turns), direction))
        answer = self._answers.pop(0) if self._answers else self._then
        if answer is None:
            raise AssertionError(f"script ran out at request {len(self.asked)}")
        for piece in [answer] if isinstance(answer, str) else answer:
            if isinstance(piece, BaseException):
                raise piece
            yield piece
            if self.hold:
                await self.hold.wait()


class ScriptedCritic:
    """A critic with prepared findings, by the turn's id or for every turn, and a prepared verdict.

    Attributes:
        asked: the ids of the turns it read, with the ids of all turns that it was shown.
        summed: the grades it was handed for the whole call.
        hold: while it is set to an event, every judgement waits for that event.
        dropped: how many claims it says it dropped, each time.
    """

    def __init__(
        self,
        findings: Mapping[str, Findings | Exception] | Findings | Exception | None = None,
        verdict: Verdict | Exception | None = None,
        promises: Iterable[Promise] | Exception = (),
    ) -> None:
        self.asked: list[tuple[str, list[str]]] = []
        self.summed: list[dict[str, int | None]] = []
        self.hold: asyncio.Event | None = None
        self.dropped = 0
        self._findings = findings or Findings()
        self._verdict = verdict or a_verdict()
        self._promises = promises

    async def judge(self, turns: Transcript, turn_id: str) -> Judgement:
        self.asked.append((turn_id, [turn.id for turn in turns]))
        if self.hold:
            await self.hold.wait()
        made = self._findings.get(turn_id, Findings()) if isinstance(self._findings, Mapping) else self._findings
        if isinstance(made, Exception):
            raise made
        return Judgement(made, self.dropped, Usage(prompt=7))

    async def sum_up(self, turns: Transcript, grades: dict[str, int | None]) -> Summing:  # noqa: ARG002
        self.summed.append(grades)
        if self.hold:
            await self.hold.wait()
        if isinstance(self._verdict, Exception):
            raise self._verdict
        return Summing(self._verdict, self.dropped, Usage(prompt=9))

    async def promises(self, turns: Transcript) -> Promising:
        self.asked.append(("promises", [turn.id for turn in turns]))
        if self.hold:
            await self.hold.wait()
        if isinstance(self._promises, Exception):
            raise self._promises
        return Promising(tuple(self._promises), self.dropped, Usage(prompt=5))


# --- values ----------------------------------------------------------------------------------------------


@functools.cache
def _persona_data(language: str) -> dict[str, Any]:
    data: dict[str, Any] = yaml.load((DATA / f"{language}.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return data


def a_persona(
    language: str = "en",
    *,
    difficulty: int = 2,
    start: int = 2,
    opens_up_after: int = 2,
    in_opening: Iterable[str] = ("again",),
    cues: Iterable[str] = ("again", "kettle", "fine"),
    without_ears: Iterable[str] = (),
) -> Persona:
    """A small valid customer: three cues, two worries. ``zh`` and ``en`` are the same one.

    Args:
        language: ``zh`` or ``en``.
        difficulty: 1-5: patience.
        start: index into the ladder where the call starts.
        opens_up_after: cues that must be picked up.
        in_opening: ids of the cues that the opening shows.
        cues: ids of the cues that they have.
        without_ears: ids of the cues that the offline critic cannot hear.
    """
    data = copy.deepcopy(_persona_data(language))
    data["difficulty"] = difficulty
    data["emotion"]["start"] = start
    data["hidden_need"]["opens_up_after"] = opens_up_after
    data["cues"] = [cue for cue in data["cues"] if cue["id"] in set(cues)]
    for cue in data["cues"]:
        cue["in_opening"] = cue["id"] in set(in_opening)
        if cue["id"] in set(without_ears):
            del cue["heard_if"], cue["met_if"]
    return Persona.model_validate(data)


def a_memory(promises: Iterable[str] = (), **more: Any) -> Memory:
    """What a customer remembers of a call that left the matter open; `promises` are the words of those made in it."""
    owed = [Owed(id=f"p{n}", call=12, line=2 * n, quote=quote, what=f"{quote}.") for n, quote in enumerate(promises, 1)]
    memory: dict[str, Any] = {
        "call": 12,
        "at": datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
        "was_about": "Money she sent on Saturday has not arrived.",
        "about": "Three days later, about the money.",
        "ended": "agent_ended",
        "step": 2,
        "promises": tuple(owed),
        "read": True,
    }
    return Memory(**memory | more)


def a_start(persona: Persona, turn_limit: int = 20, before: Memory | None = None) -> Started:
    """The event that a call with that persona begins with; a next call if they remember another."""
    return Started(
        version="0",
        persona=persona.model_dump(mode="json"),
        engine="model",
        models={"customer": "scripted", "critic": "scripted"},
        prompts={},
        agent="Test",
        turn_limit=turn_limit,
        before=before,
    )


def a_verdict() -> Verdict:
    """A verdict with middling scores."""
    return Verdict(layers={layer: LayerScore(why="…", score=3) for layer in LAYERS}, next="Listen.")


def a_form(*cues: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """What a critic's model fills in about a turn (`simulator.critic.TurnForm`): nothing but what is given."""
    nothing: dict[str, Any] = {"guess": None, "need_said": None, "need_answer": None, "solved": None, "worries": []}
    return {"cues": list(cues), **nothing, **parts}


def found(
    turn: str = "a2",
    *,
    levels: Mapping[str, int] | None = None,
    anticipated: Iterable[str] = (),
    guess: bool | None = None,
    said: str | None = None,
    need: int | None = None,
    solved: bool = False,
    eased: Iterable[str] = (),
    not_judged: Iterable[str] = (),
    promises: Mapping[str, Outcome] | None = None,
    **cues: int,
) -> Findings:
    """Findings about one agent turn, in short.

    Args:
        turn: id of the agent turn.
        levels: cue id → level.
        anticipated: ids of those cues that no words had shown yet.
        guess: whether a guess at the need was right; None: there was none.
        said: id of the customer turn in which the need was said.
        need: level of the answer to the need.
        solved: it solved the surface problem.
        eased: ids of the worries that it eased.
        not_judged: ids of cues that this critic has no ears for.
        promises: id of a promise → what it did with it.
        cues: the same as `levels`, as arguments.
    """
    agent = Evidence(turn=turn, quote="…")
    return Findings(
        cues=tuple(
            CueFinding.model_validate(
                {
                    "cue": cue,
                    "customer": None if cue in set(anticipated) else {"turn": "c1", "quote": "…"},
                    "agent": agent,
                    "why": "…",
                    "level": level,
                }
            )
            for cue, level in (dict(levels or {}) | cues).items()
        ),
        guess=None if guess is None else NeedGuess(agent=agent, why="…", right=guess),
        need_said=Evidence(turn=said, quote="…") if said else None,
        need_answer=None if need is None else NeedAnswer.model_validate({"agent": agent, "why": "…", "level": need}),
        solved=Solved(agent=agent, why="…") if solved else None,
        worries=tuple(Eased(worry=worry, agent=agent, why="…") for worry in eased),
        not_judged=tuple(not_judged),
        promises=tuple(
            Dealt(
                promise=name,
                agent=Evidence(turn=turn, quote="") if outcome == "passed_over" else agent,
                why="…",
                outcome=outcome,
            )
            for name, outcome in (promises or {}).items()
        ),
    )
