"""The agents that every customer can meet when they are tried: one who listens, and three who do not.

The attentive one is told what to hear: what each cue looks like, what it means and what would fit. The others get the
desk alone, as an agent does. Each is a prompt for a model; offline they have lines instead, which is no conversation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

from simulator.critique import Usage
from simulator.errors import SpoiltAnswer
from simulator.llm import Message, Model
from simulator.persona import Ears, Persona
from simulator.templates import Prompts
from simulator.transcript import Transcript, holds, printable, spoken

Kind = Literal["attentive", "script", "kind", "cold"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""The one who listens comes first; the others are who they are told apart from."""

ATTEMPTS = 2
"""How often a line is asked for when an answer that began has to be thrown away."""


@dataclass(frozen=True)
class Line:
    """What an agent says next: the words (none: they stay quiet), and whether they end the call with them."""

    text: str
    ends: bool = False
    usage: Usage | None = None


class Agent(Protocol):
    """Somebody who answers the customer."""

    async def line(self, turns: Transcript) -> Line:
        """The agent's next line; `turns` end with the customer's latest words.

        Raises:
            ModelError: no line came.
        """
        ...


class ModelAgent:
    """An agent played by a language model. Requests grow at the end only, so that an endpoint reads each turn once."""

    def __init__(self, kind: Kind, persona: Persona, prompts: Prompts, model: Model, turns: int) -> None:
        self._model = model
        self._words = prompts.phrases
        self._end: str = self._words["trial"]["end"]
        self._system = prompts.render(
            "agent",
            kind=kind,
            customer=persona.customer.name,
            title=persona.title,
            desk=persona.desk,
            cues=persona.cues if kind == "attentive" else (),
            turns=turns,
            end=self._end,
        )

    def messages(self, turns: Transcript) -> list[Message]:
        """The request for the agent's next line: the call with the roles changed over."""
        said = [
            Message("assistant" if turn.speaker == "agent" else "user", turn.text or self._words["call"]["silence"])
            for turn in turns
        ]
        return [Message("system", self._system), *said]

    async def line(self, turns: Transcript) -> Line:
        """See `Agent.line`."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._ask(self.messages(turns))
            except SpoiltAnswer:
                if attempt == ATTEMPTS:
                    raise
        raise AssertionError("unreachable")

    async def _ask(self, messages: Sequence[Message]) -> Line:
        text, usage = "", None
        async for piece in self._model.stream(messages):
            if isinstance(piece, Usage):
                usage = piece
            else:
                text += piece
        return as_line(text, self._end, usage)


_OWN_LABEL = re.compile(r"^[\W_]*(agent|客服|坐席)\s*[:：]\s*", re.IGNORECASE)
_OTHER_LABEL = re.compile(r"^[\W_]*(customer|caller|客户)\s*[:：]", re.IGNORECASE)


def as_line(text: str, end: str, usage: Usage | None = None) -> Line:
    """What a model wrote as one line of an agent: without a label, without what it wrote for the customer."""
    text, ends, _ = text.partition(end)
    own: list[str] = []
    for line in text.splitlines():
        if _OTHER_LABEL.match(line):
            break
        own.append(_OWN_LABEL.sub("", line))
    words = printable(" ".join(own)).strip()
    return Line(words if spoken(words).strip() else "", bool(ends), usage)


class OfflineAgent:
    """An agent with lines instead of a mind.

    The attentive one says, of the customer file's own ears, those for what has just shown; the others say one fixed
    line after the other, whatever they hear.
    """

    def __init__(self, kind: Kind, persona: Persona, prompts: Prompts) -> None:
        self._kind = kind
        self._persona = persona
        self._lines: dict[str, list[str]] = prompts.phrases["trial"]
        self._stop = "。" if persona.language.startswith("zh") else "."

    async def line(self, turns: Transcript) -> Line:
        """See `Agent.line`."""
        said = [turn.text for turn in turns if turn.speaker == "agent"]
        words = self._heard(turns, said) if self._kind == "attentive" else self._next(self._lines[self._kind], said)
        return Line(words, ends=not words)

    def _heard(self, turns: Transcript, said: Sequence[str]) -> str:
        """What speaks to the customer's latest words; failing that the work; nothing when all is done."""
        latest, hidden = turns[-1], self._persona.hidden_need
        shown = [cue for cue in self._persona.cues if any(holds(latest, line) for line in cue.shows)]
        if answers := " ".join(filter(None, (self._spoken(cue.met_if or cue.heard_if) for cue in shown))):
            return answers
        if holds(latest, hidden.said) and (answer := self._spoken(hidden.heard_if)):
            return answer
        if not said:
            return self._lines["script"][0]
        work = [*(worry.heard_if for worry in self._persona.worries), self._persona.resolution.solved_if]
        return self._next([self._spoken(ears) for ears in work if ears], said)

    def _next(self, lines: Sequence[str], said: Sequence[str]) -> str:
        """The first line that was not said yet; empty when all were."""
        return next((line for line in lines if line not in said), "")

    def _spoken(self, ears: Ears) -> str:
        """The first of the alternatives as a sentence; empty when there is none."""
        if not ears:
            return ""
        first = ears[0]
        return (first if isinstance(first, str) else " ".join(first)) + self._stop
