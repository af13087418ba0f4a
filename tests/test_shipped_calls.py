"""Every persona that ships, called twice with the offline engine: by somebody who listens, and by a script reader.

The agents' lines are in `tests/data/calls/<id>.attentive.txt` and `<id>.script.txt`, one line a turn. An empty
line is a silence, ``/end`` ends the call. A good persona, with ears that hear well, tells the two apart.
"""

from __future__ import annotations

import asyncio
import functools
from pathlib import Path

import pytest

from simulator import persona as personas
from simulator.customer import OfflineCustomer
from simulator.director import CallState
from simulator.offline_critic import OfflineCritic
from simulator.persona import Persona
from simulator.session import Session
from simulator.templates import Prompts
from simulator.transcript import Turn, fold
from tests.scripted import DATA, a_start

CALLS = DATA / "calls"
AGENTS = ("attentive", "script")
SHIPPED = [pytest.param(file, id=file.stem) for file in personas.files()]


def lines_of(persona: Persona, agent: str) -> list[str]:
    return (CALLS / f"{persona.id}.{agent}.txt").read_text(encoding="utf-8").splitlines()


@functools.cache
def called(file: Path, agent: str) -> Session:
    """The whole call, held once for all tests."""
    return asyncio.run(hold(personas.load(file), agent))


async def hold(persona: Persona, agent: str) -> Session:
    """Each turn waits for the critic, as it does in pipes."""
    prompts = Prompts(persona.language)
    customer, critic = OfflineCustomer(persona.caller(), prompts), OfflineCritic(persona, prompts)
    session = Session(persona, customer, critic, lambda *_: None)
    _ = [update async for update in session.begin(a_start(persona))]
    lines = lines_of(persona, agent)
    while lines and not session.over:
        line = lines.pop(0)
        if line == "/end":
            session.end()
            break
        _ = [update async for update in session.say(line)]
        await session.settle()
    assert session.over, "the lines ran out and nobody had ended the call"
    assert lines == [], "the call was over before these were said"
    return session


def picked_up(state: CallState) -> set[str]:
    return {cue for cue, record in state.cues.items() if record.picked_up}


def customers(session: Session) -> list[Turn]:
    return [turn for turn in session.turns if turn.speaker == "customer"]


def heard_from(session: Session) -> str:
    return fold("\n".join(turn.text for turn in customers(session)))


def test_each_persona_has_both_calls_and_each_call_a_persona() -> None:
    wanted = {f"{file.stem}.{agent}.txt" for file in personas.files() for agent in AGENTS}
    assert {file.name for file in CALLS.iterdir()} == wanted


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("file", SHIPPED)
def test_a_call_is_one_that_could_be_had(file: Path, agent: str) -> None:
    session = called(file, agent)
    assert 8 <= len(lines_of(session.persona, agent)) <= 12
    said = [turn.text for turn in customers(session)]
    assert said[0] == session.persona.opening
    assert len(said) == len(set(said)), "a customer who says the same words twice"


@pytest.mark.parametrize("file", SHIPPED)
def test_who_listens_fares_better_than_who_reads_the_script(file: Path) -> None:
    start = called(file, "script").persona.emotion.start
    attentive, script = (called(file, agent).state for agent in AGENTS)
    assert script.step <= start < attentive.step
    assert len(picked_up(attentive)) > len(picked_up(script))
    assert attentive.solved


@pytest.mark.parametrize("file", SHIPPED)
def test_the_need_comes_out_for_who_listens_and_never_for_the_script(file: Path) -> None:
    attentive, script = (called(file, agent) for agent in AGENTS)
    persona = attentive.persona
    assert fold(persona.hidden_need.said) in heard_from(attentive)
    assert attentive.state.need_said
    assert not attentive.state.guesses, "it was earned by listening, not by guessing"
    for hidden in (persona.hidden_need.said, *persona.hidden_need.facts, *(w.worry for w in persona.worries)):
        assert fold(hidden) not in heard_from(script)
    assert not script.state.lock_open
