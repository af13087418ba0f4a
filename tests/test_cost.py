"""What a call costs in prompt tokens: requests of one chain begin alike, so that an endpoint reads little anew.

Tokens are counted high (see `llm.tokens`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from simulator import persona as personas
from simulator.critic import ModelCritic
from simulator.customer import ModelCustomer
from simulator.evidence import CallForm, TurnForm
from simulator.llm import Message, tokens, with_schema
from simulator.persona import Persona
from simulator.session import Session
from simulator.templates import Prompts
from tests.scripted import ScriptedModel, a_start

TURNS = 10
GOAL = 12_000
NOTHING: dict[str, Any] = {
    "cues": [],
    "guess": None,
    "need_said": None,
    "need_answer": None,
    "solved": None,
    "worries": [],
}
LAYER = {"evidence": [{"turn": 1, "quote": ""}], "why": "", "score": None}
CALL = {**dict.fromkeys(("hear", "solve", "warmth", "trust"), LAYER), "better": [], "next": ""}
SAID = {
    "zh": ("您别急，我先看一下这边的记录，您刚才说的那个地方，我跟您一块儿对一遍。", "哦，那你给我看看吧，我昨天就弄了半天也没弄明白，到底怎么回事儿啊？"),
    "en": ("No rush at all, let me look at the record here and we will go through that place together.", "Well, have a look then, I spent half of yesterday on it and it made no sense to me at all."),
}  # fmt: skip


def begin_alike(one: str, other: str) -> int:
    """How many characters."""
    alike, at_most = 0, min(len(one), len(other))
    while alike < at_most:
        middle = (alike + at_most + 1) // 2
        if one[alike:middle] == other[alike:middle]:
            alike = middle
        else:
            at_most = middle - 1
    return alike


def new_tokens(requests: Sequence[Sequence[Message]]) -> int:
    """Tokens of the prompts that do not repeat the beginning of an earlier one."""
    seen: list[str] = []
    new = 0
    for request in requests:
        text = "".join(f"<{message.role}>{message.content}" for message in request)
        shared = max((begin_alike(text, one) for one in seen), default=0)
        new += tokens(text[shared:])
        seen.append(text)
    return new


async def ten_turns(persona: Persona) -> tuple[ScriptedModel, ScriptedModel]:
    """A call of ten agent turns with both chains on a model; what each was sent."""
    prompts, (agent, customer_says) = Prompts(persona.language), SAID[persona.language[:2]]
    speaks = ScriptedModel(then=customer_says)
    judges = ScriptedModel(*[NOTHING] * TURNS, CALL, then=CALL)
    session = Session(
        persona,
        ModelCustomer(persona.caller(), prompts, speaks),
        ModelCritic(persona, prompts, judges),
        lambda *_: None,
    )
    _ = [update async for update in session.begin(a_start(persona))]
    for _ in range(TURNS):
        _ = [update async for update in session.say(agent)]
        await session.settle()
    session.end()
    await session.debrief()
    return speaks, judges


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in personas.files()])
async def test_a_ten_turn_call_sends_little_twice_also_where_the_form_must_be_told_in_words(file: Path) -> None:
    speaks, judges = await ten_turns(personas.load(file))
    customer = new_tokens(speaks.requests)
    assert customer + new_tokens(judges.requests) <= GOAL
    *turns, call = judges.requests
    told = [with_schema(request, TurnForm) for request in turns] + [with_schema(call, CallForm)]
    assert customer + new_tokens(told) <= GOAL
