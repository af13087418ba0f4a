"""The prompts as a model reads them, for one fixed customer in both languages.

`tests/golden/prompts/<language>/<prompt>.txt` hold them. After a change that is meant, see what has changed::

    REFRESH_GOLDEN=1 python -m pytest tests/test_prompts.py; git diff tests/golden/prompts
"""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import jinja2
import jinja2.meta
import pytest
import yaml

import simulator
from simulator.critic import ModelCritic
from simulator.customer import ModelCustomer
from simulator.director import Direction, Earned, Slip
from simulator.errors import PromptError
from simulator.events import Memory
from simulator.persona import Channel, Persona
from simulator.resources import folder
from simulator.templates import Prompts
from simulator.workbench.agents import KINDS, Kind, ModelAgent
from tests.scripted import ScriptedModel, a_memory, a_persona

GOLDEN = Path(__file__).parent / "golden" / "prompts"
LANGUAGES = ("zh", "en")
CODE = Path(simulator.__file__).parent


# --- golden files ----------------------------------------------------------------------------------------


def directions(persona: Persona) -> dict[str, Direction]:
    """What the director can ask for, one of each."""
    step = persona.emotion.ladder[1]
    plain = Direction(1, step.mood, step.sounds_like)
    kettle, fine = persona.cue("kettle"), persona.cue("fine")
    hidden, worry = persona.hidden_need, persona.worries[0]
    earned = Earned(hidden.need, hidden.said, tuple(hidden.facts), still_unsaid=True)
    said = replace(earned, still_unsaid=False)
    return {
        "nothing": plain,
        "a cue": replace(plain, slip=Slip(fine.id, fine.shows[0], fine.when)),
        "a cue at its moment": replace(plain, slip=Slip(kettle.id, kettle.shows[1], kettle.when)),
        "a wrong guess, and a cue": replace(plain, not_it=True, slip=Slip(fine.id, fine.shows[0], fine.when)),
        "the need, earned": replace(plain, earned=earned),
        "the need, earned, without locked facts": replace(plain, earned=replace(earned, facts=())),
        "the need, said": replace(plain, earned=said, slip=Slip(fine.id, fine.shows[1], fine.when)),
        "a worry": replace(plain, earned=said, worry_id=worry.id, worry=worry.worry),
        "hung up": replace(plain, farewell="hung_up"),
        "goodbye, unearned": replace(plain, farewell="goodbye"),
        "goodbye, earned": replace(plain, farewell="goodbye", earned=said),
        "turn limit": replace(plain, farewell="turn_limit"),
    }


def memories(persona: Persona) -> dict[str, Memory]:
    """What a customer can remember: a call that went badly, and one that went well."""
    quote = "我下午三点前给您回电话" if persona.language.startswith("zh") else "I'll ring you this afternoon"
    about: dict[str, Any] = {"was_about": persona.surface_complaint, "about": persona.next_call}
    worries = tuple(worry.worry for worry in persona.worries)
    well: dict[str, Any] = {
        "need_said": True,
        "told": persona.hidden_need.need,
        "worries": worries,
        "heard": ("again", "fine"),
    }
    return {
        "badly": a_memory([quote, quote], ended="hung_up", step=0, **about),
        "well": a_memory(ended="goodbye", step=4, solved=True, **about, **well),
    }


def remembered(persona: Persona, prompts: Prompts) -> dict[str, str]:
    """What the customer of a next call reads more than one who calls for the first time."""
    customers = {
        name: ModelCustomer(persona.caller(), prompts, ScriptedModel(), before=before).messages([], "")[0].content
        for name, before in memories(persona).items()
    }
    first = ModelCustomer(persona.caller(), prompts, ScriptedModel()).messages([], "")[0].content.splitlines()
    return {
        name: "\n".join(line for line in text.splitlines() if line not in first) for name, text in customers.items()
    }


def rendered(language: str) -> dict[str, str]:
    """Every prompt, by the name of its golden file."""
    persona, prompts = a_persona(language), Prompts(language)
    customer = ModelCustomer(persona.caller(), prompts, ScriptedModel())
    left, well = memories(persona).values()
    plain = directions(persona)["nothing"]
    again = {"the first words": replace(plain, opens=True), "a promise": replace(plain, promise=left.promises[0])}
    notes = [f"### {name}\n{customer.note(direction)}" for name, direction in directions(persona).items()]
    return {
        "customer": customer.messages([], "")[0].content,
        "customer_note": "\n\n".join(notes),
        "critic": ModelCritic(persona, prompts, ScriptedModel()).messages([], "")[0].content,
        "critic_turn": prompts.render("critic_turn", number=4, quiet=False),
        "critic_turn_quiet": prompts.render("critic_turn", number=4, quiet=True),
        "critic_call": prompts.render("critic_call", weak=["again", "fine"]),
        "critic_call_nothing_weak": prompts.render("critic_call", weak=[]),
        "again_customer": "\n\n".join(f"### {name}\n{text}" for name, text in remembered(persona, prompts).items()),
        "again_note": "\n\n".join(f"### {name}\n{customer.note(one)}" for name, one in again.items()),
        "again_critic": prompts.render("again_critic", before=left),
        "again_critic_well": prompts.render("again_critic", before=well),
        "again_turn": prompts.render("again_turn", number=4, quiet=False, promises=left.promises),
        "again_turn_quiet": prompts.render("again_turn", number=4, quiet=True, promises=left.promises),
        "again_call": prompts.render("again_call"),
        "again_promises": prompts.render("again_promises"),
        **{f"agent_{kind}": agent(kind, persona, prompts) for kind in KINDS},
        "critic_again": prompts.render("critic_again", faults=["again: agent_quote is not in line 4: 'x'", "fine: …"]),
    }


def agent(kind: Kind, persona: Persona, prompts: Prompts) -> str:
    return ModelAgent(kind, persona, prompts, ScriptedModel(), turns=8).messages([])[0].content


@pytest.mark.parametrize("name", rendered("en"))
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_prompt_is_the_one_that_was_looked_at(language: str, name: str) -> None:
    file, text = GOLDEN / language / f"{name}.txt", rendered(language)[name] + "\n"
    if os.environ.get("REFRESH_GOLDEN"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    assert text == file.read_text(encoding="utf-8")


def test_there_is_no_golden_file_too_many() -> None:
    assert {file.relative_to(GOLDEN) for file in GOLDEN.rglob("*.txt")} == {
        Path(language, f"{name}.txt") for language in LANGUAGES for name in rendered(language)
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_optional_leaves_no_gap(language: str) -> None:
    persona = a_persona(language)
    bare = persona.model_copy(
        update={
            "believes": [],
            "when_asked": [],
            "desk": persona.desk.model_copy(update={"may_not": []}),
            "cues": [cue.model_copy(update={"harmed_by": None, "when": None}) for cue in persona.cues],
        }
    )
    for text in (
        Prompts(language).render("customer", caller=bare.caller()),
        Prompts(language).render("critic", persona=bare),
    ):
        assert "None" not in text
        assert "\n\n\n" not in text


# --- the files -------------------------------------------------------------------------------------------


def given_in_code() -> Iterator[tuple[str, frozenset[str]]]:
    """Each ``render("name", value=...)`` in the code: the template and the values it is given."""
    for file in CODE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr="render"), args=[ast.Constant(value=name)], keywords=keywords):
                    yield str(name), frozenset(str(keyword.arg) for keyword in keywords)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_template_takes_what_it_is_given(language: str) -> None:
    given = dict(given_in_code())
    templates = {file.stem: file.read_text("utf-8") for file in (folder("prompts") / language).glob("*.j2")}
    assert given.keys() == templates.keys()
    assert len(set(given_in_code())) == len(given)  # one template is given the same values everywhere
    environment = jinja2.Environment(autoescape=False)
    for name, source in templates.items():
        assert jinja2.meta.find_undeclared_variables(environment.parse(source)) == given[name], name


def test_both_languages_have_the_same_files() -> None:
    zh, en = ({file.name for file in (folder("prompts") / language).iterdir()} for language in LANGUAGES)
    assert zh == en
    assert len(zh) > 1


def shape(value: Any) -> Any:
    """The keys of a value and the kinds of its leaves."""
    return {key: shape(part) for key, part in value.items()} if isinstance(value, dict) else type(value).__name__


def test_both_languages_have_the_same_phrases() -> None:
    zh, en = (Prompts(language).phrases for language in LANGUAGES)
    for one in (zh, en):
        assert one["offline_customer"].pop("also")  # its keys are words of the language
    assert shape(zh) == shape(en)
    assert set(zh["offline_critic"]["practise"]) == {*get_args(Channel), "none"}


@pytest.mark.parametrize("language", LANGUAGES)
def test_phrases_are_texts_and_not_something_yaml_made_of_them(language: str) -> None:
    file = folder("prompts") / language / "phrases.yaml"
    leaves = list(_leaves(yaml.load(file.read_text("utf-8"), Loader=yaml.CSafeLoader)))
    assert all(isinstance(leaf, str) and leaf for leaf in leaves)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _leaves(part)
    else:
        yield value


# --- the renderer ----------------------------------------------------------------------------------------


@pytest.fixture
def prompts(tmp_path: Path) -> Prompts:
    (tmp_path / "en").mkdir()
    (tmp_path / "zh").mkdir()
    (tmp_path / "en" / "greet.j2").write_text("Hello {{ who.name }}!", "utf-8")
    (tmp_path / "en" / "broken.j2").write_text("{% if %}", "utf-8")
    return Prompts("en-GB", tmp_path)


@pytest.mark.parametrize(
    ("name", "values", "key"),
    [
        ("gret", {}, "no_such_prompt"),
        ("greet", {}, "prompt_does_not_render"),  # a value is not given
        ("greet", {"who": {}}, "prompt_does_not_render"),  # an attribute is not there
        ("broken", {}, "prompt_does_not_render"),
    ],
)
def test_a_prompt_never_renders_with_a_blank(prompts: Prompts, name: str, values: Any, key: str) -> None:
    with pytest.raises(PromptError) as caught:
        prompts.render(name, **values)
    assert (caught.value.key, caught.value.facts["name"]) == (key, name)


def test_the_error_lists_the_prompts_there_are(prompts: Prompts) -> None:
    with pytest.raises(PromptError) as caught:
        prompts.render("gret")
    assert caught.value.facts["known"] == "broken, greet"


def test_a_language_without_prompts_is_an_error_that_lists_those_there_are(prompts: Prompts) -> None:
    with pytest.raises(PromptError) as caught:
        Prompts("fr-CA", prompts.folder.parent)
    assert (caught.value.key, caught.value.facts) == ("no_prompts", {"language": "fr-CA", "known": "en, zh"})


def test_a_regional_language_falls_back() -> None:
    assert Prompts("zh-CN").folder.name == "zh"


def test_values_are_put_in_as_they_are(prompts: Prompts) -> None:
    name = "{{ who }} {% if %} {x} %s <b>&amp;"
    assert prompts.render("greet", who={"name": name}) == f"Hello {name}!"


def test_every_file_is_hashed(prompts: Prompts) -> None:
    before = prompts.hashes()
    (prompts.folder / "greet.j2").write_text("Hello {{ who.name }}.", "utf-8")
    after = prompts.hashes()
    assert before.keys() == after.keys() == {"greet.j2", "broken.j2"}
    assert {name for name in before if before[name] != after[name]} == {"greet.j2"}
    assert set(Prompts("zh").hashes()) == {file.name for file in (folder("prompts") / "zh").iterdir()}
