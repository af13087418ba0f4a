"""The agents that a customer is tried with: what each is told, what is made of their words, the offline ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import persona as personas
from simulator.critique import Usage
from simulator.errors import ModelError, SpoiltAnswer
from simulator.llm import Message
from simulator.offline_critic import OfflineCritic
from simulator.persona import Persona
from simulator.templates import Prompts
from simulator.transcript import Turn, fold
from simulator.workbench.agents import KINDS, Kind, Line, ModelAgent, OfflineAgent, as_line
from tests.scripted import ScriptedModel, a_persona

SHIPPED = [pytest.param(file, id=file.stem) for file in personas.files()]
OTHERS = [kind for kind in KINDS if kind != "attentive"]


def the_agent(
    kind: Kind = "script", *replies: object, persona: Persona | None = None
) -> tuple[ModelAgent, ScriptedModel]:
    persona = persona or a_persona()
    model = ScriptedModel(*replies)  # type: ignore[arg-type]
    return ModelAgent(kind, persona, Prompts(persona.language), model, turns=8), model


def told(kind: Kind, persona: Persona) -> str:
    return fold(the_agent(kind, persona=persona)[0].messages([])[0].content)


def said(*words: str) -> list[Turn]:
    """A call, the customer first."""
    return [Turn(f"{'ca'[n % 2]}{n + 1}", ("customer", "agent")[n % 2], text) for n, text in enumerate(words)]


# --- what they are told ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", SHIPPED)
def test_every_agent_has_the_desk_and_only_the_attentive_one_what_to_hear(file: Path, kind: Kind) -> None:
    persona = personas.load(file)
    system = told(kind, persona)
    desk = persona.desk
    assert all(fold(line) in system for line in (*desk.records, *desk.may, *desk.may_not))
    of_cues = [fold(text) for cue in persona.cues for text in (*cue.shows, cue.means, cue.met_by)]
    there = [text for text in of_cues if text in system]
    assert there == (of_cues if kind == "attentive" else [])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("file", SHIPPED)
def test_no_agent_is_told_the_need(file: Path, kind: Kind) -> None:
    persona = personas.load(file)
    hidden = persona.hidden_need
    system = told(kind, persona)
    locked = [hidden.need, hidden.core, hidden.why_unsaid, hidden.said, *hidden.facts]
    assert not [text for text in locked if fold(text) in system]


def test_the_call_is_told_with_the_roles_changed_over() -> None:
    agent, _ = the_agent()
    messages = agent.messages(said("Hello?", "Good morning.", "It is gone.", "", "Are you there?"))
    assert messages[1:] == [
        Message("user", "Hello?"),
        Message("assistant", "Good morning."),
        Message("user", "It is gone."),
        Message("assistant", "(the agent says nothing)"),
        Message("user", "Are you there?"),
    ]


def test_requests_grow_at_the_end_only() -> None:
    agent, _ = the_agent()
    turns = said("Hello?", "Good morning.", "It is gone.")
    assert agent.messages(turns)[: len(agent.messages(turns[:1]))] == agent.messages(turns[:1])


# --- what is made of their words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Good morning.", Line("Good morning.")),
        ("  Good\nmorning. ", Line("Good morning.")),
        ("Agent: Good morning.", Line("Good morning.")),
        ("**客服：**您好", Line("**您好")),
        ("客服：您好", Line("您好")),
        ("Goodbye. [END]", Line("Goodbye.", ends=True)),
        ("Goodbye. [END] Customer: Bye.", Line("Goodbye.", ends=True)),
        ("[END]", Line("", ends=True)),
        ("(says nothing)", Line("")),
        ("（不说话）", Line("")),
        ("……", Line("……")),
        ("One moment.\nCustomer: Thank you.\nAgent: Right.", Line("One moment.")),
        ("客户：好的", Line("")),
        ("The customer: is king.", Line("The customer: is king.")),
        ("\x1b[31mred", Line("[31mred")),
    ],
)
def test_a_line_holds_the_agents_own_words(text: str, line: Line) -> None:
    assert as_line(text, "[END]") == line


async def test_a_line_is_put_together_from_its_pieces_with_its_cost() -> None:
    agent, model = the_agent("cold", ["Da", "te of birth.", Usage(prompt=9, completion=2)])
    assert await agent.line(said("Hello?")) == Line("Date of birth.", usage=Usage(prompt=9, completion=2))
    assert len(model.requests) == 1


async def test_a_line_that_broke_is_asked_for_once_more() -> None:
    agent, model = the_agent("cold", ["Da", SpoiltAnswer("model_cut")], "Date of birth.")
    assert (await agent.line(said("Hello?"))).text == "Date of birth."
    agent, model = the_agent("cold", *[["Da", SpoiltAnswer("model_cut")]] * 2)
    with pytest.raises(SpoiltAnswer):
        await agent.line(said("Hello?"))
    assert len(model.requests) == 2


async def test_a_line_that_does_not_come_is_an_error() -> None:
    agent, model = the_agent("cold", ModelError("model_auth"))
    with pytest.raises(ModelError):
        await agent.line(said("Hello?"))
    assert len(model.requests) == 1


# --- offline ---------------------------------------------------------------------------------------------


async def offline(kind: Kind, persona: Persona, *words: str) -> Line:
    return await OfflineAgent(kind, persona, Prompts(persona.language)).line(said(*words))


async def test_the_attentive_one_says_the_ears_of_what_has_just_shown() -> None:
    persona = a_persona()
    greeting = Prompts("en").phrases["trial"]["script"][0]
    assert await offline("attentive", persona, "Good morning.") == Line(greeting)
    assert await offline("attentive", persona, persona.opening) == Line("I will see this through.")
    fine = persona.cue("fine").shows[0]
    assert await offline("attentive", persona, f"{persona.opening} {fine}") == Line(
        "I will see this through. ring you this afternoon."
    )
    need = persona.hidden_need.said
    assert await offline("attentive", persona, "Hello.", "Hello.", need) == Line("your son rent.")


async def test_with_nothing_shown_it_does_the_work_and_then_ends_the_call() -> None:
    persona = a_persona()
    spoken: list[str] = ["Well.", "Hello."]
    for _ in range(3):
        line = await offline("attentive", persona, *spoken, "Mm.")
        assert not line.ends
        spoken += ["Mm.", line.text]
    assert spoken[3::2] == ["send you a text.", "free of charge.", "started the trace."]
    assert await offline("attentive", persona, *spoken, "Mm.") == Line("", ends=True)


async def test_a_cue_without_ears_is_passed_over() -> None:
    persona = a_persona(without_ears=["again"])
    assert (await offline("attentive", persona, "Hi.", "Hello.", persona.opening)).text == "send you a text."


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("kind", OTHERS)
async def test_the_others_say_one_line_after_the_other_whatever_they_hear(language: str, kind: Kind) -> None:
    persona = a_persona(language)
    lines = Prompts(language).phrases["trial"][kind]
    spoken = [persona.opening]
    for wanted in lines:
        assert await offline(kind, persona, *spoken) == Line(wanted)
        spoken += [wanted, persona.cues[0].shows[1]]
    assert await offline(kind, persona, *spoken) == Line("", ends=True)


@pytest.mark.parametrize("file", SHIPPED)
async def test_no_fixed_line_is_heard_by_a_customer_that_ships(file: Path) -> None:
    persona = personas.load(file)
    prompts = Prompts(persona.language)
    critic = OfflineCritic(persona, prompts)
    for kind in OTHERS:
        for words in prompts.phrases["trial"][kind]:
            found = (await critic.judge(said(persona.opening, words), "a2")).findings
            assert [cue for cue in found.cues if cue.level > 2] == [], words
            assert not (found.guess or found.solved or found.worries), words
