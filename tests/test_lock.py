"""The lock: while it is shut, nothing that is hidden stands in any prompt that writes the customer's words.

Held in three ways: `Caller` and `Slip` have no such fields; a persona whose hidden texts are all marked never
shows a mark; and over every persona that ships, no hidden text stands in any message of a whole call. Who goes back to
before the lock opened finds it shut.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from simulator import persona as personas
from simulator.between import recall
from simulator.critique import Evidence, Findings, Promise
from simulator.customer import ModelCustomer
from simulator.director import Slip
from simulator.events import AgentSaid, CustomerSaid, Ended, Event, FindingsMade, Memory, PromisesFound
from simulator.llm import Message
from simulator.persona import Caller, Persona
from simulator.session import Session
from simulator.settings import NoteAs
from simulator.templates import Prompts
from simulator.transcript import fold
from tests.scripted import ScriptedCritic, ScriptedModel, a_persona, a_start, found

SPEAKING = {
    "language",
    "customer",
    "surface_complaint",
    "opening",
    "facts",
    "believes",
    "when_asked",
    "when_guessed",
    "ladder",
}
SHIPPED = [pytest.param(file, id=file.stem) for file in personas.files()]


def all_texts(value: object) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from all_texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from all_texts(part)


def hidden_parts(persona: Persona) -> dict[str, Any]:
    """All that the lock hides, by the name of its field."""
    whole = persona.model_dump()
    cues = {cue["id"]: {key: cue[key] for key in ("means", "met_by", "harmed_by")} for cue in whole["cues"]}
    ears = [*(cue["heard_if"] + cue["met_if"] for cue in whole["cues"])]
    ears += [worry.pop("heard_if") for worry in whole["worries"]]
    ears += [whole["hidden_need"].pop("heard_if"), whole["resolution"].pop("solved_if")]
    return {
        "hidden_need": [text for key, text in whole["hidden_need"].items() if key != "opens_up_after"],
        "cues": cues,
        "worries": [(worry["worry"], worry["eased_by"]) for worry in whole["worries"]],
        "resolution": whole["resolution"],
        "next_call": whole["next_call"],
        "ears": ears,
    }


async def requests(
    persona: Persona, turns: dict[str, Findings], note_as: NoteAs = "system", before: Memory | None = None
) -> list[list[Message]]:
    """What the customer's model is sent, turn by turn, when the critic finds these things in a call of 12 turns."""
    model = ScriptedModel(then="嗯。" if persona.language.startswith("zh") else "Mm.")
    customer = ModelCustomer(persona.caller(), Prompts(persona.language), model, note_as, before)
    session = Session(persona, customer, ScriptedCritic(turns), append=lambda *_: None)
    async for _ in session.begin(a_start(persona, before=before)):
        pass
    if session.awaits_answer:
        async for _ in session.answer():
            pass
    for words in ["0", "", "OK?", "1", "2", "", "", "3", "4", "5", "6", "7"]:
        if session.over:
            break
        async for _ in session.say(words):
            pass
        await session.settle()
    assert not [event for event in session.events if isinstance(event, CustomerSaid) and not event.text]
    return model.requests


def shut(persona: Persona) -> dict[str, dict[str, Findings]]:
    """Calls in which everything happens but what opens the lock, by name; findings by turn."""
    first, last = persona.cues[0].id, persona.cues[-1].id
    heard = 3 if persona.hidden_need.opens_up_after > 1 else 2
    return {
        "every cue comes": {},
        "a wrong guess, misses, a cue": {
            "a2": found(guess=False),
            "a6": found(levels={first: 1}),
            "a8": found(levels={first: heard}),
            "a10": found(levels={last: 1}),
        },
        "they hang up": {f"a{turn}": found(levels={last: 0}) for turn in range(2, 24, 2)},
        "solved, a last cue, goodbye": {"a6": found(solved=True, eased=[persona.worries[0].id])},
    }


# --- by construction -------------------------------------------------------------------------------------


def test_what_a_customer_is_given_has_no_field_for_anything_hidden() -> None:
    assert set(Caller.model_fields) == SPEAKING
    assert set(Slip.__dataclass_fields__) == {"cue", "line", "when"}


def marked(persona: Persona) -> Persona:
    """The persona with every hidden text marked."""
    whole = persona.model_dump()

    def mark(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: mark(part) for key, part in value.items()}
        if isinstance(value, list):
            return [mark(part) for part in value]
        return f"⟦{value}⟧" if isinstance(value, str) else value

    for cue in whole["cues"]:
        cue |= {key: mark(cue[key]) for key in ("means", "met_by", "harmed_by", "heard_if", "met_if")}
    for worry in whole["worries"]:
        worry |= {key: mark(worry[key]) for key in ("worry", "eased_by", "heard_if")}
    whole |= {key: mark(whole[key]) for key in ("hidden_need", "resolution", "next_call", "desk", "tags", "title")}
    return Persona.model_validate(whole)


@pytest.mark.parametrize("note_as", ["system", "user"])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_no_mark_of_the_hidden_parts_is_ever_sent_while_the_lock_is_shut(language: str, note_as: NoteAs) -> None:
    persona = marked(a_persona(language))
    assert "⟦" in persona.model_dump_json()
    assert "⟦" not in persona.caller().model_dump_json()
    for turns in shut(persona).values():
        for messages in await requests(persona, turns, note_as):
            assert not [message for message in messages if "⟦" in message.content]


# --- over two calls --------------------------------------------------------------------------------------


def recalled(persona: Persona, findings: Findings, more: Findings | None = None) -> Memory:
    """What they remember of a call in which the agent promised something, and the critic found these things."""
    events: list[Event] = [a_start(persona), CustomerSaid(turn="c1", text=persona.opening, step=2)]
    events += [AgentSaid(turn="a2", text="0"), CustomerSaid(turn="c3", text="0", step=2)]
    events += [FindingsMade(turn="a2", findings=findings), AgentSaid(turn="a4", text="0")]
    if more:
        events.append(FindingsMade(turn="a4", findings=more))
    made = Promise(agent=Evidence(turn="a2", quote="0"), what="0")
    events += [Ended(how="agent_ended"), PromisesFound(promises=(made,))]
    return recall(12, persona, events, Prompts(persona.language).phrases["again"])


def unsaid(persona: Persona) -> dict[str, Memory]:
    """Memories of calls in which the need was not said, by name: the matter open, solved, the lock opened."""
    heard = {persona.cues[0].id: 3} if persona.hidden_need.opens_up_after > 1 else {}
    return {
        "nothing": recalled(persona, Findings()),
        "solved": recalled(persona, found(levels=heard, solved=True, eased=[persona.worries[0].id])),
        "earned": recalled(persona, found(guess=True, solved=True)),
    }


@pytest.mark.parametrize("note_as", ["system", "user"])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_no_mark_is_sent_in_a_next_call_while_the_need_is_unsaid(language: str, note_as: NoteAs) -> None:
    persona = marked(a_persona(language))
    for name, before in unsaid(persona).items():
        assert "⟦" not in before.model_dump_json(), name
        for calls, turns in shut(persona).items():
            sent = await requests(persona, turns, note_as, before)
            for messages in sent[:2] if name == "earned" else sent:  # one answer that shuts nothing down earns it again
                assert not [message for message in messages if "⟦" in message.content], (name, calls)


async def test_once_it_was_said_a_next_call_knows_it_from_the_first_words() -> None:
    persona = a_persona()
    before = recalled(persona, found(guess=True), found("a4", said="c3", need=3, solved=True))
    (first, *_) = await requests(persona, {}, before=before)
    assert persona.hidden_need.need in first[0].content
    assert persona.hidden_need.said not in "".join(message.content for message in first)  # it is not to be said again
    assert persona.next_call
    assert persona.next_call in first[0].content


@pytest.mark.parametrize("file", SHIPPED)
async def test_nothing_hidden_is_sent_in_a_next_call_while_the_need_is_unsaid(file: Any) -> None:
    persona = personas.load(file)
    locked = locked_texts(persona)
    for name, before in unsaid(persona).items():
        turns = shut(persona)["every cue comes"]
        sent = await requests(persona, turns, before=before)
        assert len(sent) >= 3, name
        for messages in sent[:2] if name == "earned" else sent:
            words = fold("\n".join(message.content for message in messages))
            assert [text for text in locked if text in words] == [], name


# --- over every persona that ships -----------------------------------------------------------------------


def speaking_texts(persona: Persona) -> str:
    """What a customer may say without the lock, and the fixed words of its prompts, folded into one text."""
    prompts = Prompts(persona.language)
    names = ("customer.j2", "customer_note.j2", "again_customer.j2", "again_note.j2")
    fixed = [(prompts.folder / name).read_text("utf-8") for name in names]
    fixed += prompts.phrases["again"].values()
    shown = [text for cue in persona.cues for text in (*cue.shows, cue.when or "")]
    return fold("\n".join([*fixed, *all_texts(persona.caller().model_dump()), *shown]))


def locked_texts(persona: Persona) -> list[str]:
    """The hidden texts, folded, and those ears that are no words of the customer's own.

    Most ears are the customer's own words ("two coats", 孩子不在), so an ear that stands in a speaking text or
    in the fixed words of a prompt says nothing about the lock and is left out: a tenth of them. Nothing else is.
    """
    parts = hidden_parts(persona)
    speaking = speaking_texts(persona)
    ears = [fold(ear) for ear in all_texts(parts.pop("ears")) if fold(ear) not in speaking]
    return [fold(text) for text in all_texts(parts)] + ears


@pytest.mark.parametrize("file", SHIPPED)
async def test_nothing_hidden_is_sent_while_the_lock_is_shut(file: Any) -> None:
    persona = personas.load(file)
    locked = locked_texts(persona)
    assert len(locked) > 100  # need, core, why, said, facts, cues, worries, resolution, and most ears
    for name, turns in shut(persona).items():
        sent = await requests(persona, turns)
        assert len(sent) >= 3, name
        for messages in sent:
            words = fold("\n".join(message.content for message in messages))
            assert [text for text in locked if text in words] == [], name


@pytest.mark.parametrize("file", SHIPPED)
async def test_only_the_cue_that_is_due_is_in_the_note(file: Any) -> None:
    persona = personas.load(file)
    seen: set[str] = set()
    for messages in await requests(persona, {}):
        note = fold(messages[-1].content)
        due = {cue.id for cue in persona.cues if any(fold(line) in note for line in cue.shows)}
        assert len(due) <= 1
        seen |= due
        before = fold("\n".join(message.content for message in messages[:-1]))
        assert not [line for cue in persona.cues for line in cue.shows[1:] if fold(line) in before]
    assert seen == {cue.id for cue in persona.cues}  # each of them was due in this call


@pytest.mark.parametrize("file", SHIPPED)
async def test_once_the_lock_opens_the_need_is_in_the_note(file: Any) -> None:
    persona = personas.load(file)
    hidden = persona.hidden_need
    sent = await requests(persona, {"a2": found(guess=True), "a6": found(said="c5", need=3)})
    notes = [messages[-1].content for messages in sent]
    assert [hidden.said in note and hidden.need in note for note in notes[:4]] == [False, True, True, False]
    assert [all(fact in note for fact in hidden.facts) for note in notes[1:]] == [True] * len(notes[1:])
    for messages in sent:  # nowhere but in the note
        assert not [message for message in messages[:-1] if hidden.need in message.content]


# --- going back -------------------------------------------------------------------------------------------


async def rewound(
    persona: Persona, opened: Findings, to: str, then: dict[str, Findings], note_as: NoteAs = "system", *, late: bool
) -> tuple[list[list[Message]], list[list[Message]]]:
    """What is sent in a call in which the second agent turn, a4, opens the lock, and once they have gone back.

    Args:
        persona: who calls.
        opened: what is found in a4.
        to: the customer turn to go back to.
        then: what is found in later turns, by their ids.
        note_as: where the note goes.
        late: the critic has found nothing yet when they go back; else it has, and the need has been in a prompt.
    """
    model = ScriptedModel(then="嗯。" if persona.language.startswith("zh") else "Mm.")
    customer = ModelCustomer(persona.caller(), Prompts(persona.language), model, note_as)
    critic = ScriptedCritic({"a4": opened} | then)
    critic.hold = asyncio.Event()
    session = Session(persona, customer, critic, append=lambda *_: None)
    if not late:
        critic.hold.set()
    async for _ in session.begin(a_start(persona)):
        pass

    async def say(*turns: str) -> None:
        for words in turns:
            async for _ in session.say(words):
                pass
            if critic.hold and critic.hold.is_set():
                await session.settle()

    await say("0", "1", "2")
    before = list(model.requests)
    session.rewind(to)
    critic.hold.set()
    await say("3", "", "4", "5")
    await session.settle()
    assert session.state.lock_open == ("a4" in {turn.id for turn in session.turns})
    return before, model.requests[len(before) :]


def openings(persona: Persona) -> dict[str, Findings]:
    """Every way in which one agent turn opens the lock, by name."""
    enough = [cue.id for cue in persona.cues][: persona.hidden_need.opens_up_after]
    return {
        "guessed": found("a4", guess=True),
        "heard": found("a4", levels=dict.fromkeys(enough, 4), said="c5", need=3),
    }


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("note_as", ["system", "user"])
@pytest.mark.parametrize("language", ["zh", "en"])
async def test_who_goes_back_to_before_the_lock_opened_finds_it_shut(
    language: str, note_as: NoteAs, *, late: bool
) -> None:
    persona = marked(a_persona(language))
    for opened in openings(persona).values():
        for to in ("c1", "c3"):
            before, after = await rewound(persona, opened, to, {"a8": found("a8", guess=False)}, note_as, late=late)
            assert ("⟦" in before[-1][-1].content) != late  # the note of the branch that was left
            assert len(after) == 4
            for messages in after:
                assert not [message for message in messages if "⟦" in message.content]


async def test_who_goes_back_to_after_the_lock_opened_finds_it_open() -> None:
    persona = marked(a_persona("en"))
    for late in (False, True):
        _, after = await rewound(persona, found("a4", guess=True), "c5", {}, late=late)
        assert persona.hidden_need.said in after[-1][-1].content


@pytest.mark.parametrize("file", SHIPPED)
async def test_nothing_hidden_is_sent_once_they_have_gone_back(file: Any) -> None:
    persona = personas.load(file)
    locked = locked_texts(persona)
    for name, opened in openings(persona).items():
        before, after = await rewound(persona, opened, "c3", {}, late=False)
        assert persona.hidden_need.said in before[-1][-1].content or name == "heard"
        for messages in after:
            words = fold("\n".join(message.content for message in messages))
            assert [text for text in locked if text in words] == [], name
