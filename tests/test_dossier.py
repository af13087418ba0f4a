"""Looking into a customer: the card, the schedule of the cues, what each chain would be sent."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator import persona as personas
from simulator.critic import ModelCritic
from simulator.customer import ModelCustomer
from simulator.director import PATIENCE
from simulator.events import CustomerSaid
from simulator.llm import tokens
from simulator.persona import Persona
from simulator.session import Session
from simulator.templates import Prompts
from simulator.texts import LANGUAGES, Texts
from simulator.transcript import fold
from simulator.workbench import dossier
from simulator.workbench.rehearsal import Beat, _requests, rehearse, requests
from tests.screens import clean, customer, golden, piped
from tests.scripted import ScriptedCritic, ScriptedModel, a_form, a_persona, a_start

SHIPPED = [pytest.param(file, id=file.stem) for file in personas.files()]
WORDS = "Good morning, let me look."


def played(persona: Persona, *, hears: bool, turn_limit: int = 20) -> list[Beat]:
    return rehearse(persona, hears=hears, turn_limit=turn_limit, agent=WORDS)


# --- calls that are made up ------------------------------------------------------------------------------


def test_who_hears_nothing_is_shown_every_cue_and_loses_the_customer() -> None:
    persona = a_persona(start=2, difficulty=2)
    beats = played(persona, hears=False)
    assert [beat.cues for beat in beats[:5]] == [{"again": 1}, {"kettle": 1}, {"fine": 1}, {"again": 2}, {"kettle": 2}]
    assert not any(beat.lock_open for beat in beats)
    steps = [beat.step for beat in beats]
    # The misses that use patience up answer the opening and the turns after it; the mood moves when they next speak.
    assert steps[: PATIENCE[2] + 2] == [2] * (PATIENCE[2] + 1) + [1]
    assert steps == sorted(steps, reverse=True)
    assert beats[-1].direction
    assert beats[-1].direction.farewell in {"hung_up", "turn_limit"}


def test_who_hears_everything_opens_the_lock_and_is_told() -> None:
    beats = played(a_persona(opens_up_after=2), hears=True)
    opened = [beat.lock_open for beat in beats]
    assert opened == sorted(opened)
    assert opened.index(True) == 3  # two cues were met by the answers to the turns before the last
    assert beats[-1].step == 4
    assert beats[-1].direction
    assert beats[-1].direction.farewell == "goodbye"


def test_the_turn_limit_ends_it() -> None:
    beats = played(a_persona(), hears=True, turn_limit=2)
    assert [bool(beat.direction and beat.direction.farewell) for beat in beats] == [False, False, True]


@pytest.mark.parametrize("file", SHIPPED)
async def test_a_call_that_is_made_up_goes_as_a_real_one_does(file: Path) -> None:
    """The same findings in a session: the same cues, moods and lock."""
    persona = personas.load(file)
    beats = played(persona, hears=False)
    found = {event.turn: event.findings for event in beats[-1].before if event.kind == "findings_made"}
    model = ScriptedModel(then="…")
    critic = ScriptedCritic({**found})
    session = Session(
        persona, ModelCustomer(persona.caller(), Prompts(persona.language), model), critic, lambda *_: None
    )
    _ = [update async for update in session.begin(a_start(persona))]
    while not session.over:
        _ = [update async for update in session.say(WORDS)]
        await session.settle()
    real = [event for event in session.events if isinstance(event, CustomerSaid)][1:]
    assert [(event.cue, event.step) for event in real] == [
        (next(iter(beat.cues), None), beat.step) for beat in beats[1:]
    ]


# --- the prompts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", SHIPPED)
def test_the_need_is_in_the_prompt_once_the_lock_is_open_and_not_before(file: Path) -> None:
    persona = personas.load(file)
    shut, opened, turn, call = requests(persona)
    assert [one.name for one in (shut, opened, turn, call)] == [
        "customer_shut", "customer_open", "critic_turn", "critic_call",
    ]  # fmt: skip
    need = fold(persona.hidden_need.need)
    whole = [fold("".join(message.content for message in one.messages)) for one in (shut, opened, turn, call)]
    assert [need in text for text in whole] == [False, True, True, True]
    assert [bool(one.form) for one in (shut, opened, turn, call)] == [False, False, True, True]
    assert any(fold(line) in whole[0] for cue in persona.cues for line in cue.shows[:1] if not cue.in_opening)


async def test_they_are_what_the_chains_do_send() -> None:
    persona, prompts = a_persona(), Prompts("en")
    speaks, judges = ScriptedModel(then="Mm."), ScriptedModel(then=a_form())
    session = Session(
        persona,
        ModelCustomer(persona.caller(), prompts, speaks),
        ModelCritic(persona, prompts, judges),
        lambda *_: None,
    )
    _ = [update async for update in session.begin(a_start(persona))]
    _ = [update async for update in session.say(prompts.phrases["trial"]["script"][0])]
    await session.settle()
    await session.close()
    shut, _, turn, _ = await _requests(persona, "system")
    assert list(shut.messages) == speaks.requests[0]
    assert list(turn.messages) == judges.requests[0]


def test_the_note_goes_where_the_endpoint_takes_it() -> None:
    as_system, as_user = (requests(a_persona(), note_as)[0].messages for note_as in ("system", "user"))
    assert as_system[-1].role == "system"
    assert as_user[-1].role == "user"
    assert as_system[-1].content in as_user[-1].content


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_message_stands_there_whole_with_its_tokens(language: str) -> None:
    asked = requests(a_persona(language))
    text = "\n".join(dossier.as_text(asked, Texts(language)))
    for request in asked:
        for message in request.messages:
            assert message.content in text
        assert f"{sum(tokens(message.content) for message in request.messages):,}" in text


def test_tokens_are_counted_high() -> None:
    assert (tokens(""), tokens("字"), tokens("字，"), tokens("seven77"), tokens("seven77字")) == (0, 1, 2, 2, 3)


# --- the command -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("what", ["card", "flow", "prompts"])
def test_the_page(tmp_path: Path, language: str, what: str) -> None:
    file = customer(tmp_path, language)
    option = [] if what == "card" else [f"--{what}"]
    done = piped("persona", "show", file, *option, env=clean(tmp_path, SIMULATOR_LANG=language, COLUMNS="80"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    golden(f"{language}-persona-{what}", done.stdout)


def test_what_no_agent_sees_stands_below_the_heading_that_says_so() -> None:
    persona, say = a_persona(), Texts("en")
    sections = dossier.page(persona, say).sections
    at = [section.title for section in sections].index(say("dossier.hidden"))
    above, below = repr(sections[:at]), repr(sections[at:])
    hidden = [persona.hidden_need.need, *(cue.means for cue in persona.cues), *(w.worry for w in persona.worries)]
    assert not [text for text in hidden if text in above]
    assert [text for text in hidden if text not in below] == []


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("persona show", "The command line does not fit"),
        ("persona show swallowd-card", "There is no customer called swallowd-card (did you mean swallowed-card?)."),
        ("persona show swallowed-card --flow --prompts", "--prompts and --flow cannot be used together."),
    ],
)
def test_the_command_line(tmp_path: Path, line: str, sentence: str) -> None:
    done = piped(*line.split(), env=clean(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
