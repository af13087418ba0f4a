"""The scripted model keeps what it promises to the tests that lean on it."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.critique import Usage
from simulator.errors import ModelError
from simulator.evidence import QuoteForm
from simulator.llm import Message, Model
from tests.scripted import Reply, ScriptedModel, a_persona

ASK = [Message("user", "?")]


async def stream(model: Model, messages: list[Message] = ASK) -> list[str | Usage]:
    return [piece async for piece in model.stream(messages)]


async def test_it_replies_in_order_records_and_runs_out() -> None:
    model = ScriptedModel("One.", ["T", "wo.", Usage(prompt=1)], {"turn": 1, "quote": "q"})
    assert await stream(model) == ["One."]
    assert await stream(model, [*ASK, *ASK]) == ["T", "wo.", Usage(prompt=1)]
    assert (await model.fill(ASK, QuoteForm))[0] == QuoteForm(turn=1, quote="q")
    assert model.requests == [ASK, [*ASK, *ASK], ASK]
    with pytest.raises(AssertionError, match="script ran out at request 4"):
        await stream(model)


async def test_it_can_go_on_for_ever() -> None:
    model = ScriptedModel("One.", then="More.")
    assert [await stream(model) for _ in range(3)] == [["One."], ["More."], ["More."]]


async def test_an_exception_is_raised_where_it_stands() -> None:
    model = ScriptedModel(ModelError("model_busy"), ["Half", ModelError("model_cut")])
    with pytest.raises(ModelError, match="model_busy"):
        await stream(model)
    pieces = model.stream(ASK)
    assert await anext(pieces) == "Half"
    with pytest.raises(ModelError, match="model_cut"):
        await anext(pieces)


@pytest.mark.parametrize("reply", ["text", {"turn": 1}])
async def test_it_does_not_take_text_for_a_form(reply: Reply) -> None:
    model: Any = ScriptedModel(reply)
    with pytest.raises(TypeError, match="request 1"):
        await (stream(model) if isinstance(reply, dict) else model.fill(ASK, QuoteForm))


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_persona_of_the_tests_is_valid_in_every_variation(language: str) -> None:
    persona = a_persona(
        language, difficulty=5, start=0, opens_up_after=1, cues=("kettle", "fine"), without_ears=["fine"]
    )
    assert [cue.id for cue in persona.cues] == ["kettle", "fine"]
    assert persona.language.startswith(language)
    assert (persona.difficulty, persona.emotion.start, persona.hidden_need.opens_up_after) == (5, 0, 1)
    assert [cue.in_opening for cue in a_persona(language, in_opening=["fine"]).cues] == [False, False, True]
    assert persona.cue("fine").heard_if == persona.cue("fine").met_if == []
    assert persona.cue("kettle").heard_if
