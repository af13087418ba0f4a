"""Trying a customer: offline, with models behind a real endpoint, and what happens when that endpoint does not answer."""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from simulator import arguments
from simulator import persona as personas
from simulator.calls import Calls
from simulator.critic import ModelCritic
from simulator.critique import Usage
from simulator.customer import ModelCustomer, OfflineCustomer
from simulator.errors import ModelError, SpoiltAnswer, UsageError
from simulator.events import AgentSaid, CustomerSaid, Debriefed, Ended, Event
from simulator.llm import Message, T, tokens
from simulator.offline_critic import OfflineCritic
from simulator.outside import read
from simulator.persona import Persona
from simulator.session import Session
from simulator.settings import Endpoint
from simulator.templates import Prompts
from simulator.texts import LANGUAGES, Texts
from simulator.transcript import Transcript
from simulator.workbench import tryout
from simulator.workbench.agents import KINDS, Agent, Kind, Line, ModelAgent, OfflineAgent
from simulator.workbench.rehearsal import turns_needed
from simulator.workbench.trial import Held, Trial, weigh
from tests.screens import CTRL_C, PATIENCE_S, Screen, clean, customer, golden, piped
from tests.scripted import ScriptedCritic, ScriptedCustomer, a_form, a_persona, a_start
from tests.wire import Answer, Body, Wire

SHIPPED = [pytest.param(file, id=file.stem) for file in personas.files()]


# --- one call --------------------------------------------------------------------------------------------


class Speaker:
    """An agent with prepared lines, who says nothing more once they are used up."""

    def __init__(self, *lines: Line | Exception) -> None:
        self.heard: list[Transcript] = []
        self._lines = list(lines)

    async def line(self, turns: Transcript) -> Line:
        self.heard.append(list(turns))
        line = self._lines.pop(0) if self._lines else Line("Well.")
        if isinstance(line, Exception):
            raise line
        return line


async def held(
    agent: Agent, customer_says: ScriptedCustomer | None = None, critic: ScriptedCritic | None = None, turns: int = 3
) -> tuple[tryout.Done, list[Event], int]:
    """A call; what it came to, its events, and how often a turn was counted."""
    persona, events, steps = a_persona(), list[Event](), 0

    def step() -> None:
        nonlocal steps
        steps += 1

    session = Session(
        persona, customer_says or ScriptedCustomer(), critic or ScriptedCritic(), lambda *more: events.extend(more)
    )
    done = await tryout.hold(session, a_start(persona, turn_limit=turns), agent, step)
    return done, events, steps


def said(events: list[Event]) -> list[str]:
    return [event.text for event in events if isinstance(event, AgentSaid)]


async def test_a_call_goes_on_until_the_turn_limit_and_is_summed_up() -> None:
    agent = Speaker()
    done, events, steps = await held(agent)
    assert (done.turns, steps, done.failed) == (3, 3, None)
    assert isinstance(events[-1], Debriefed)
    assert [event.how for event in events if isinstance(event, Ended)] == ["turn_limit"]
    assert [len(turns) for turns in agent.heard] == [1, 3, 5]
    assert {turns[-1].speaker for turns in agent.heard} == {"customer"}


@pytest.mark.parametrize(
    ("line", "words"), [(Line("Goodbye.", ends=True), ["Goodbye."]), (Line("", ends=True), []), (Line(""), [""] * 3)]
)
async def test_an_agent_may_end_the_call_or_stay_quiet(line: Line, words: list[str]) -> None:
    done, events, _ = await held(Speaker(*[line] * len(words or [1])))
    assert said(events) == words
    assert done.turns == len(words)
    assert isinstance(events[-1], Debriefed)


async def test_each_line_waits_for_the_critic_of_the_one_before() -> None:
    critic = ScriptedCritic()
    judged: list[int] = []

    class Watching(Speaker):
        async def line(self, turns: Transcript) -> Line:
            judged.append(len(critic.asked))
            return await super().line(turns)

    await held(Watching(), critic=critic)
    assert judged == [0, 1, 2]


async def test_what_the_agents_lines_cost_is_added_up() -> None:
    done, _, _ = await held(Speaker(*[Line("Well.", usage=Usage(prompt=5, completion=1))] * 2))
    assert done.usage == Usage(prompt=10, completion=2)


@pytest.mark.parametrize(
    ("agent", "customer_says", "side", "key", "turns"),
    [
        (Speaker(Line("Hello."), ModelError("model_auth")), ScriptedCustomer(), "agent", "model_auth", 1),
        (Speaker(), ScriptedCustomer("Mm.", [ModelError("model_server")]), "customer", "model_server", 2),
    ],
)
async def test_words_that_do_not_come_break_the_call_off(
    agent: Agent, customer_says: ScriptedCustomer, side: str, key: str, turns: int
) -> None:
    done, events, _ = await held(agent, customer_says)
    assert done.failed
    assert (done.side, done.failed.key, done.turns) == (side, key, turns)
    assert not [event for event in events if isinstance(event, Ended | Debriefed)]


async def test_answers_out_of_role_are_counted() -> None:
    stray: list[str | Usage | BaseException] = ["Agent: ", SpoiltAnswer("model_out_of_role")]
    cut: list[str | Usage | BaseException] = ["Well, ", SpoiltAnswer("model_cut")]
    done, _, _ = await held(Speaker(), ScriptedCustomer(stray, cut, "Mm."))
    assert (done.thrown_away, done.failed) == (1, None)


async def test_a_critic_that_fails_leaves_gaps_and_no_broken_call() -> None:
    done, events, _ = await held(
        Speaker(), critic=ScriptedCritic(ModelError("model_server"), ModelError("model_server"))
    )
    assert done.failed is None
    trial = weigh(a_persona(), [Held("attentive", 1, events)], [], wanted=1, turns=3)
    assert (trial.verdict, trial.separation, trial.calls[0].not_judged) == ("cannot_tell", None, 3)
    assert tryout._exit_code(trial) == 7


# --- offline ---------------------------------------------------------------------------------------------


async def offline(persona: Persona, kind: Kind) -> Held:
    prompts, events = Prompts(persona.language), list[Event]()
    session = Session(
        persona,
        OfflineCustomer(persona.caller(), prompts),
        OfflineCritic(persona, prompts),
        lambda *e: events.extend(e),
    )
    start = a_start(persona, turn_limit=8).model_copy(update={"engine": "offline"})
    done = await tryout.hold(session, start, OfflineAgent(kind, persona, prompts), lambda: None)
    assert done.failed is None
    return Held(kind, 1, events)


@pytest.mark.parametrize("file", SHIPPED)
async def test_every_customer_that_ships_tells_who_listens_from_who_does_not(file: Path) -> None:
    persona = personas.load(file)
    calls = [await offline(persona, kind) for kind in KINDS]
    trial = weigh(persona, calls, [], wanted=4, turns=8)
    assert (trial.verdict, [one.key for one in trial.reasons]) == ("works", ["in_time", "apart"])
    listened, *others = trial.kinds
    assert listened.picked == listened.graded >= len(persona.cues) - 1
    for other in others:
        assert (other.picked, other.last_steps[0] < listened.last_steps[0]) == (0, True), other.kind


# --- with models -----------------------------------------------------------------------------------------


class Bank:
    """A model that plays all three: whoever the request is for. The attentive agent reads the customer's words back.

    Args:
        leaks: the customer says the need at once.
        fails_after: from this request on the endpoint fails; where `stuck` is set, once that is.
    """

    def __init__(self, persona: Persona, *, leaks: bool = False, fails_after: int | None = None) -> None:
        self.persona = persona
        self.asked: Counter[str] = Counter()
        self.stuck: threading.Event | None = None
        self.waiting = threading.Event()
        self._leaks, self._fails_after = leaks, fails_after
        self._words = Prompts(persona.language).phrases
        self._lock = threading.Lock()

    def __call__(self, body: Body) -> Answer:
        with self._lock:
            number = self.asked.total()
            side, answer = self._answer(body)
            self.asked[side] += 1
        if self._fails_after is not None and number >= self._fails_after:
            if self.stuck:
                self.waiting.set()
                self.stuck.wait(20)
            return Answer(status=500, said="the engine died")
        return answer

    def _answer(self, body: Body) -> tuple[str, Answer]:
        system, last = body["messages"][0]["content"], body["messages"][-1]["content"]
        if "response_format" in body:
            return "critic", Answer(json.dumps(self._judged(body, body["messages"][1]["content"]), ensure_ascii=False))
        for kind in KINDS:
            if self._is(kind, system):
                return kind, Answer(self._agent(kind, last))
        return "customer", Answer(self._customer(last))

    def _is(self, kind: Kind, system: str) -> bool:
        sample = {
            "attentive": self.persona.cues[0].means,
            "script": "procedure: greet" if self.persona.language == "en" else "你照流程走",
            "kind": "You are warm" if self.persona.language == "en" else "你句句暖",
            "cold": "You are fast" if self.persona.language == "en" else "你办得快",
        }
        return sample[kind] in system and self.persona.hidden_need.core not in system

    def _agent(self, kind: Kind, heard: str) -> str:
        if kind == "attentive":
            return f"I heard you say: {heard}"
        return "Your reference number, please." if self.persona.language == "en" else "请您报一下证件号。"

    def _customer(self, note: str) -> str:
        """The cue that is due, the need once it may be said, else the mood's line."""
        hidden = self.persona.hidden_need
        if self._leaks or hidden.need in note:
            return hidden.said
        due = [line for cue in self.persona.cues for line in cue.shows if line in note]
        return (
            due[0]
            if due
            else next(step.sounds_like for step in self.persona.emotion.ladder if step.sounds_like in note)
        )

    def _judged(self, body: Body, question: str) -> dict[str, Any]:
        if "better" in json.dumps(body["response_format"]):
            (number, words), *_ = re.findall(r"^\[(\d+)\] (?:Agent: |客服：)(.+)$", question, re.MULTILINE)
            layer = {"evidence": [{"turn": int(number), "quote": words}], "why": "…", "score": 3}
            asked_for = question.rpartition("better")[2]
            better = [{"cue": cue.id, "line": words} for cue in self.persona.cues if cue.id in asked_for]
            return {**dict.fromkeys(("hear", "solve", "warmth", "trust"), layer), "better": better, "next": "…"}
        lines = re.findall(r"^\[\d+\] (?:Agent: |客服：|Customer: |客户：)(.*)$", question, re.MULTILINE)
        before, agent, hidden = lines[-2], lines[-1], self.persona.hidden_need
        said_at = next((n for n, line in enumerate(lines[:-1], 1) if hidden.said in line), None)
        heard = agent.startswith("I heard")
        cues = [
            {"cue": cue.id, "customer_turn": len(lines) - 1, "customer_quote": line,
             "agent_quote": agent if heard else None, "why": "…", "level": 4 if heard else 1}
            for cue in self.persona.cues for line in cue.shows if line in before
        ]  # fmt: skip
        told = {"customer_turn": said_at, "customer_quote": hidden.said} if said_at else None
        return a_form(*cues, need_said=told)


@pytest.fixture
def wire() -> Iterator[Wire]:
    with Wire() as running:
        yield running


TURNS = 4
"""The fewest in which the customer of these tests can be told about."""


class Runner:
    """Tries the customer with models behind the wire; the exit code and what was printed."""

    def __init__(self, wire: Wire, capsys: pytest.CaptureFixture[str]) -> None:
        self._wire, self._capsys = wire, capsys
        self.said = ""  # on standard error, the last time

    def __call__(
        self, bank: Bank, *, url: str = "", lang: str = "en", only: str = "", **options: Any
    ) -> tuple[int, str]:
        self._wire.play(bank)
        at = Endpoint(base_url=url or self._wire.url, api_key="k", model="wire-1", timeout_s=10)
        defaults: dict[str, Any] = {"times": 1, "turns": TURNS, "jobs": 4, "form": "json", "keep": None, "sure": False}
        wanted = tryout.Options(kinds=tryout.kinds(only), **(defaults | options))
        calls = Calls(customer=at, critic=at, store_url="nowhere", agent="Test", turn_limit=wanted.turns)
        self._capsys.readouterr()
        code = tryout.run(bank.persona, calls, wanted, Texts(lang))
        printed = self._capsys.readouterr()
        self.said = printed.err
        return code, printed.out


@pytest.fixture
def run(wire: Wire, capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(wire, capsys)


@pytest.mark.parametrize(("language", "only"), [("en", "attentive,script"), ("zh", "attentive,cold")])
def test_a_trial_with_models(run: Runner, language: str, only: str) -> None:
    bank, kinds = Bank(a_persona(language)), tryout.kinds(only)
    code, page = run(bank, form="text", lang=language, only=only)
    assert code == 0
    golden(f"{language}-persona-try", page)
    assert {kind: bank.asked[kind] for kind in KINDS if bank.asked[kind]} == dict.fromkeys(kinds, TURNS)
    assert bank.asked["customer"] == len(kinds) * TURNS
    assert bank.asked["critic"] == len(kinds) * (TURNS + 1)
    assert f" {bank.asked.total()} " in run.said  # as was said beforehand


def test_the_document_and_the_kept_calls(run: Runner, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    code, text = run(Bank(a_persona()), times=2, only="script", keep=kept)
    trial = Trial.model_validate_json(text)
    assert (code, trial.verdict, trial.separation) == (0, "cannot_tell", None)  # nobody to compare them with
    assert (trial.wanted, trial.turns, trial.models["customer"]) == (2, TURNS, "wire-1")
    assert [(one.kind, one.calls) for one in trial.kinds] == [("script", 2)]
    assert kept.stat().st_mode & 0o777 == 0o700
    assert sorted(file.name for file in kept.iterdir()) == ["script-1.jsonl", "script-2.jsonl"]
    script = (kept / "script-2.jsonl").read_text(encoding="utf-8")
    assert [turn.speaker for turn in read(script, "script-2.jsonl")] == ["customer", *["agent", "customer"] * TURNS]
    with pytest.raises(UsageError) as caught:
        run(Bank(a_persona()), keep=kept)
    assert caught.value.key == "folder_not_empty"


def test_a_customer_that_does_not_work(run: Runner) -> None:
    code, text = run(Bank(a_persona(), leaks=True), only="cold")
    assert (code, json.loads(text)["verdict"]) == (4, "gives_the_need_away")


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_endpoint_that_dies_on_the_way(run: Runner, language: str) -> None:
    """One call is whole by then; of the other nothing is made up."""
    bank = Bank(a_persona(language), fails_after=3 * TURNS + 1)
    code, page = run(bank, only="attentive,script", jobs=1, form="text", lang=language)
    assert code == 7
    golden(f"{language}-persona-try-died", page)


def test_nobody_there_is_found_out_once(run: Runner) -> None:
    code, text = run(Bank(a_persona()), url="http://127.0.0.1:9/v1", jobs=1)
    trial = Trial.model_validate_json(text)
    assert (code, trial.verdict, trial.wanted, trial.calls) == (7, "cannot_tell", 4, ())
    assert [(one.side, one.why) for one in trial.broken] == [("agent", "model_unreachable")]


def env_of(folder: Path, wire: Wire) -> dict[str, str]:
    return clean(folder, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="wire-1")


def test_at_a_terminal_it_is_asked_whether_to_spend_that(wire: Wire, tmp_path: Path) -> None:
    bank = Bank(a_persona())
    wire.play(bank)
    options = ("persona", "try", customer(tmp_path), "--turns", "4", "--times", "1", "--only", "cold")
    with Screen(*options, env=env_of(tmp_path, wire)) as screen:
        screen.wait("About 13 requests")
        screen.ready("Go ahead? [y/N]")
        screen.line("n")
        screen.wait("Nothing was sent.")
        assert screen.end() == 0
    assert bank.asked.total() == 0


def test_broken_off_it_tells_what_is_finished(wire: Wire, tmp_path: Path) -> None:
    bank = Bank(a_persona(), fails_after=3 * TURNS + 1 + 1)
    bank.stuck = threading.Event()
    wire.play(bank)
    options = ("--turns", "4", "--times", "1", "--jobs", "1", "--keep", "kept")
    with Screen("persona", "try", customer(tmp_path), *options, env=env_of(tmp_path, wire), rows=60) as screen:
        try:
            screen.ready("Go ahead? [y/N]")
            screen.line("y")
            screen.wait("Trying Ann Marsh", "4/16")  # a bar
            assert bank.waiting.wait(PATIENCE_S)
            screen.type(CTRL_C)
            screen.wait("1 of 4 calls held", "Calls that were not held: 3.", "Broken off: 1 of 4 calls were finished.")
            assert screen.end() == 130
        finally:
            bank.stuck.set()
    assert [file.name for file in (tmp_path / "kept").iterdir()] == ["attentive-1.jsonl"]
    assert not (tmp_path / "calls.sqlite3").exists()  # nobody's record


@pytest.mark.parametrize(("language", "words"), [("en", "not a language model"), ("zh", "不是语言模型")])
def test_offline_it_says_what_it_is_and_cannot_tell(tmp_path: Path, language: str, words: str) -> None:
    done = piped("persona", "try", "swallowed-card", "--offline", env=clean(tmp_path, SIMULATOR_LANG=language))
    assert done.returncode == 0
    assert done.stdout.count(words) == 1
    golden(f"{language}-persona-try-offline", done.stdout)


# --- the command line ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("only", "kinds"),
    [("", KINDS), ("cold", ("cold",)), ("cold, attentive", ("attentive", "cold")), (",", KINDS)],
)
def test_which_agents(only: str, kinds: tuple[Kind, ...]) -> None:
    assert tryout.kinds(only) == kinds


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_agent_that_is_not_there(language: str) -> None:
    with pytest.raises(UsageError) as caught:
        tryout.kinds("attentive,warm")
    (sentence,) = Texts(language).error(caught.value)
    assert "warm" in sentence
    assert "attentive, script, kind, cold" in sentence


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("--times 0", "--times must be at least 1, not 0."),
        ("--turns 0", "--turns must be at least 1, not 0."),
        ("--turns 2", "--turns 2 is too few for 杜军科: it takes"),
        ("--jobs 0", "--jobs must be at least 1, not 0."),
        ("--only warm", "There is no agent called warm; there are attentive, script, kind, cold."),
        ("--json --markdown", "--markdown and --json cannot be used together."),
    ],
)
def test_the_command_line(tmp_path: Path, line: str, sentence: str) -> None:
    done = piped("persona", "try", "swallowed-card", "--offline", *line.split(), env=clean(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith(sentence)


@pytest.mark.parametrize("file", SHIPPED)
def test_the_turns_of_a_trial_are_enough_for_every_customer_that_ships(file: Path) -> None:
    needed = turns_needed(personas.load(file))
    assert needed
    assert needed < arguments.TRIAL_TURNS


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = piped("persona", "try", "swallowed-card", "--offline", "--keep", "file", env=clean(tmp_path))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


class Counting:
    """A model that says ordinary lines and counts what it reads and writes as the estimate does."""

    name = "counting"

    def __init__(self) -> None:
        self.read = self.written = self.requests = 0

    def _count(self, messages: Sequence[Message], answer: str) -> None:
        self.read += sum(tokens(message.content) for message in messages)
        self.written += tokens(answer)
        self.requests += 1

    async def stream(self, messages: Sequence[Message]) -> AsyncIterator[str | Usage]:
        words = "Well, I have been waiting since Saturday and nobody has told me anything that I could use."
        self._count(messages, words)
        yield words

    async def fill(self, messages: Sequence[Message], form: type[T]) -> tuple[T, Usage]:
        layer = {"evidence": [{"turn": 2, "quote": "since Saturday"}], "why": "…", "score": 3}
        whole = {**dict.fromkeys(("hear", "solve", "warmth", "trust"), layer), "better": [], "next": "…"}
        filled = form.model_validate(whole if "hear" in form.model_fields else a_form())
        self._count(messages, filled.model_dump_json())
        return filled, Usage()


@pytest.mark.parametrize("language", LANGUAGES)
async def test_what_is_said_beforehand_is_not_less_than_what_comes(language: str) -> None:
    persona, prompts, model = a_persona(language), Prompts(language), Counting()
    options = tryout.Options(("attentive", "script"), times=1, turns=4, jobs=1, form="text", keep=None, sure=True)
    for kind in options.kinds:
        chains = ModelCustomer(persona.caller(), prompts, model), ModelCritic(persona, prompts, model)
        session = Session(persona, *chains, lambda *_: None)
        agent = ModelAgent(kind, persona, prompts, model, options.turns)
        await tryout.hold(session, a_start(persona, turn_limit=4), agent, lambda: None)
    beforehand = await asyncio.to_thread(tryout.estimate, persona, options)  # which has a loop of its own
    assert model.requests == beforehand["requests"]
    assert model.read <= beforehand["read"] <= 1.6 * model.read
    assert model.written <= beforehand["written"]


def test_calls_that_go_into_no_record(tmp_path: Path) -> None:
    store = tmp_path / "calls.sqlite3"
    calls = Calls(customer=None, critic=None, store_url=f"sqlite:///{store}", agent="Test", turn_limit=5)
    events: list[Event] = []
    session, start = calls.aside(a_persona(), lambda *more: events.extend(more))
    assert calls.agents_model() is None
    assert (start.turn_limit, session.number) == (5, None)
    asyncio.run(_begin(session, start))
    assert isinstance(events[-1], CustomerSaid)
    assert not store.exists()


async def _begin(session: Session, start: Any) -> None:
    _ = [update async for update in session.begin(start)]
