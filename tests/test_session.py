"""The turn loop: two chains at once, answers that break, a critic that is slow or down, and taking a call up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from simulator.critic import ModelCritic
from simulator.critique import Usage
from simulator.customer import ModelCustomer
from simulator.director import follow
from simulator.errors import ModelError, SpoiltAnswer, StoreError
from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Debriefed,
    Ended,
    Event,
    FindingsMade,
    Guessed,
    Repeated,
    event_adapter,
    said,
)
from simulator.llm import Message
from simulator.session import ATTEMPTS, Discarded, Session, Update, Words
from simulator.templates import Prompts
from simulator.transcript import Turn
from tests.scripted import (
    ScriptedCritic,
    ScriptedCustomer,
    ScriptedModel,
    Streamed,
    a_form,
    a_persona,
    a_start,
    a_verdict,
    found,
)

PERSONA = a_persona()


class Record:
    """Keeps events as a store would; can be told to fail."""

    def __init__(self) -> None:
        self.kept: list[Event] = []
        self.fails_on: type[Event] | None = None

    def append(self, *events: Event) -> None:
        if self.fails_on and any(isinstance(event, self.fails_on) for event in events):
            raise StoreError("store_unusable", why="disk full")
        self.kept.extend(events)


def a_session(
    *answers: Streamed, critic: ScriptedCritic | None = None, record: Record | None = None, **settings: Any
) -> tuple[Session, ScriptedCustomer, ScriptedCritic]:
    customer, critic = ScriptedCustomer(*answers), critic or ScriptedCritic()
    return Session(PERSONA, customer, critic, (record or Record()).append, **settings), customer, critic


async def begun(
    *answers: Streamed, turn_limit: int = 20, **parts: Any
) -> tuple[Session, ScriptedCustomer, ScriptedCritic]:
    session, customer, critic = a_session(*answers, **parts)
    await all_of(session.begin(a_start(PERSONA, turn_limit)))
    return session, customer, critic


async def all_of(updates: AsyncIterator[Update]) -> list[Update]:
    return [update async for update in updates]


async def a_while() -> None:
    """Long enough for the critic to have begun."""
    await asyncio.sleep(0.05)


async def say(session: Session, *turns: str) -> list[Update]:
    """Say these one after another; what the last one brought."""
    updates: list[Update] = []
    for words in turns:
        updates = await all_of(session.say(words))
        await session.settle()
    return updates


def shown(updates: Sequence[Update]) -> list[str]:
    """Updates in short: ``~`` a piece of words, ``!`` discarded, else the event's kind and its text."""
    short = {Words: lambda u: f"~{u.text}", Discarded: lambda u: f"!{u.why}", Ended: lambda u: f"ended {u.how}"}
    return [short.get(type(one), lambda u: f"{u.kind} {u.text}")(one) for one in updates]


def kinds(events: Sequence[Event]) -> list[str]:
    return [event.kind for event in events]


# --- the call --------------------------------------------------------------------------------------------


async def test_the_opening_is_spoken_word_for_word() -> None:
    session, customer, _ = a_session()
    updates = await all_of(session.begin(a_start(PERSONA)))
    assert updates == session.events
    opening = updates[1]
    assert isinstance(opening, CustomerSaid)
    assert (opening.turn, opening.text, opening.step) == ("c1", PERSONA.opening, PERSONA.emotion.start)
    assert customer.asked == []  # no model is asked for it


async def test_a_turn_is_the_agents_words_then_the_answer_piece_by_piece() -> None:
    session, customer, _ = await begun(["It was ", "Saturday.", Usage(prompt=7, completion=3)])
    updates = await say(session, "When was it?")
    assert shown(updates) == [
        "agent_said When was it?", "~It ", "~was ", "~Saturday.", "customer_said It was Saturday.",
    ]  # fmt: skip
    said = updates[-1]
    assert isinstance(said, CustomerSaid)
    assert (said.turn, said.note, said.cue, said.usage) == (
        "c3",
        "note for step 2",
        "kettle",
        Usage(prompt=7, completion=3),
    )
    turns, direction = customer.asked[0]
    assert [turn.id for turn in turns] == ["c1", "a2"]
    assert direction.slip is not None


@pytest.mark.parametrize(
    ("words", "line", "held_back"),
    [
        ("Oh, hold on, I'll just turn it off.", 0, False),  # the cue with a moment came
        ("It was Saturday.", 0, True),  # its moment had not come
        ("It was Saturday.", 1, False),  # a cue without one counts as let slip, in whatever words
    ],
)
async def test_a_cue_that_waits_for_its_moment_counts_when_it_came(words: str, line: int, held_back: bool) -> None:
    session, _, _ = await begun(*["Mm, hold on, the kettle, I'll turn it off."] * line, words)
    await say(session, *["When was it?"] * (line + 1))
    said = session.events[-2]
    assert isinstance(said, CustomerSaid)
    assert (said.cue, said.held_back) == (["kettle", "fine"][line], held_back)


async def test_control_characters_stay_outside() -> None:
    session, _, _ = await begun(["\x1b[2Ja\n", "b\u202e"])
    updates = await say(session, " \x1b]0;x\x07hi\r\nthere ")
    assert shown(updates) == ["agent_said ]0;xhi there", "~[2Ja ", "~b", "customer_said [2Ja b"]


async def test_both_chains_start_at_once_and_the_answer_waits_for_no_critic() -> None:
    session, customer, critic = await begun(["One ", "two."])
    customer.hold, critic.hold = asyncio.Event(), asyncio.Event()
    updates = session.say("Hello.")
    assert shown([await anext(updates), await anext(updates)]) == ["agent_said Hello.", "~One "]
    await a_while()
    assert critic.asked == [("a2", ["c1", "a2"])]  # it reads while the customer speaks
    customer.hold.set()
    assert shown(await all_of(updates)) == ["~two.", "customer_said One two."]
    assert session.pending == 1
    assert "findings_made" not in kinds(session.events)
    critic.hold.set()
    await session.settle()
    assert session.pending == 0
    assert kinds(session.events)[-1] == "findings_made"


async def test_findings_direct_the_next_turn() -> None:
    session, customer, _ = await begun(critic=ScriptedCritic({"a2": found(again=0)}))
    await say(session, "It was your own mistake.", "Well?")
    assert [direction.step for _, direction in customer.asked] == [2, 1]
    assert session.state.step == 1


async def test_times_and_dead_air_are_kept_and_change_no_request() -> None:
    """Neither the customer nor the critic is told how long somebody took, or that a silence was not chosen."""

    async def held(**timed: Any) -> tuple[list[Any], list[Any], list[Event]]:
        prompts = Prompts("en")
        speaks = ScriptedModel(["It was ", "Saturday."], ["Hello? ", "Are you there?"], "Mm.")
        judges = ScriptedModel(then=a_form())
        customer = ModelCustomer(PERSONA.caller(), prompts, speaks)
        session = Session(PERSONA, customer, ModelCritic(PERSONA, prompts, judges), Record().append)
        await all_of(session.begin(a_start(PERSONA)))
        for words in ("When was it?", "", "I am here."):
            await all_of(session.say(words, **timed if words else timed | {"dead_air": bool(timed)}))
            await session.settle()
        return speaks.requests, judges.requests, session.events

    plain, timed = await held(), await held(seconds=41.5)
    assert plain[:2] == timed[:2]
    assert len(plain[0]) == len(plain[1]) == 3
    agent = [event for event in timed[2] if isinstance(event, AgentSaid)]
    assert [(e.text, e.seconds, e.dead_air) for e in agent] == [
        ("When was it?", 41.5, False), ("", 41.5, True), ("I am here.", 41.5, False),
    ]  # fmt: skip
    assert follow(PERSONA, plain[2]) == follow(PERSONA, timed[2])


# --- answers that break ----------------------------------------------------------------------------------

SPOILT = SpoiltAnswer("model_cut")


async def test_a_spoilt_answer_is_discarded_and_asked_for_again() -> None:
    session, customer, _ = await begun(["Half an", SPOILT], "A whole one.")
    assert shown(await say(session, "Well?")) == [
        "agent_said Well?", "~Half ", "~an", "!model_cut",
        "~A ", "~whole ", "~one.", "customer_said A whole one.",
    ]  # fmt: skip
    assert customer.asked[0] == customer.asked[1]


async def test_after_three_spoilt_answers_it_is_an_error_and_can_be_asked_again() -> None:
    half: Streamed = ["Half", SPOILT]
    session, customer, _ = await begun(half, half, half, "Whole.")
    with pytest.raises(SpoiltAnswer):
        await say(session, "Well?")
    assert len(customer.asked) == ATTEMPTS == 3
    assert session.awaits_answer
    assert session.turns[-1].text == "Well?"  # the agent's words are kept
    assert shown(await all_of(session.answer())) == ["~Whole.", "customer_said Whole."]
    assert customer.asked[-1] == customer.asked[0]
    assert not session.awaits_answer


async def test_an_answer_that_does_not_come_is_an_error_at_once() -> None:
    session, customer, _ = await begun([ModelError("model_busy", wait_s=3)])
    with pytest.raises(ModelError, match="model_busy"):
        await say(session, "Well?")
    assert (len(customer.asked), session.awaits_answer) == (1, True)


async def cut_in(session: Session, customer: ScriptedCustomer, words: str) -> None:
    """Let the customer begin to answer, then cut in."""
    customer.hold = asyncio.Event()
    task = asyncio.ensure_future(all_of(session.say(words)))
    for _ in range(5):
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    customer.hold = None


async def test_an_answer_that_is_cut_off_is_kept_as_far_as_it_was_heard() -> None:
    session, customer, _ = await begun(["I only wanted ", "to ask"])
    await cut_in(session, customer, "Go ahead then.")
    said = session.events[-1]
    assert isinstance(said, CustomerSaid)
    assert (said.text, said.interrupted, said.cue, said.note) == ("I only wanted", True, "kettle", "note for step 2")
    assert said.held_back
    assert session.turns[-1].interrupted
    await say(session, "Sorry, what?")
    assert [turn.text for turn in session.turns][1:] == ["Go ahead then.", "I only wanted", "Sorry, what?", "Mm."]


async def test_a_cue_that_was_cut_off_is_due_again_in_whatever_words_it_was() -> None:
    session, customer, _ = await begun("Mm.", ["It's fine, ", "there's no hurry."])
    await say(session, "When was it?")
    await cut_in(session, customer, "And how much?")
    said = session.events[-1]
    assert isinstance(said, CustomerSaid)
    assert (said.cue, said.held_back) == ("fine", True)


@pytest.mark.parametrize(("cut", "worry"), [(False, "returned"), (True, None)])
async def test_the_worry_that_was_brought_up_is_kept_with_the_turn(cut: bool, worry: str | None) -> None:
    critic = ScriptedCritic({"a2": found(guess=True), "a6": found(said="c5", need=3, solved=True)})
    session, customer, _ = await begun(*["Mm."] * 3, ["And if it comes back ", "to me?"], critic=critic)
    await say(session, "Your son's rent.", "Yes?", "It is done.")
    if cut:
        await cut_in(session, customer, "Anything else?")
    else:
        await say(session, "Anything else?")
    said = next(event for event in reversed(session.events) if isinstance(event, CustomerSaid))
    assert (said.turn, said.worry, said.cue, said.held_back) == ("c9", worry, None, False)


async def test_what_is_kept_is_what_whoever_shows_the_words_had_time_to_show() -> None:
    """An answer may come in one piece; its words are handed out one by one, each when the one before was heard."""
    session, _, _ = await begun("嗯，我（停顿）就是想问问。")
    shown_so_far = ""
    async with aclosing(session.say("您说")) as updates:
        async for update in updates:
            if isinstance(update, Words):
                if update.text == "想":
                    break  # it was never shown
                shown_so_far += update.text
    assert session.turns[-1].text == shown_so_far == "嗯，我（停顿）就是"
    assert session.turns[-1].interrupted


async def test_closing_the_stream_is_cutting_in_as_well() -> None:
    session, _, _ = await begun(["I only wanted ", "to ask"])
    updates = session.say("Well?")
    assert shown([await anext(updates) for _ in range(4)]) == ["agent_said Well?", "~I ", "~only ", "~wanted "]
    await updates.aclose()
    assert session.turns[-1].text == "I only"  # nobody came back for more after the last word: it was not heard
    assert session.turns[-1].interrupted


async def test_cut_off_before_the_first_word_nothing_was_said() -> None:
    session, customer, _ = await begun([" ", "Well"], "Well.")
    await cut_in(session, customer, "Hello?")
    assert session.awaits_answer
    assert shown(await all_of(session.answer())) == ["~Well.", "customer_said Well."]


async def test_cutting_into_a_farewell_does_not_keep_them_on_the_line() -> None:
    session, customer, _ = await begun(["I have to ", "go"], turn_limit=1)
    await cut_in(session, customer, "Wait.")
    assert shown(session.events[-2:]) == ["customer_said I have to", "ended turn_limit"]


# --- the critic beside the call --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (ModelError("model_auth"), "model_auth"),
        (SpoiltAnswer("model_cut"), "model_cut"),
        (TimeoutError(), "model_timeout"),
        (KeyError("a bug"), "critic_failed"),
    ],
    ids=["model", "cut", "time-out", "bug"],
)
async def test_a_critic_that_fails_could_not_judge_and_the_call_goes_on(failure: Exception, why: str) -> None:
    session, _, _ = await begun(critic=ScriptedCritic({"a2": failure, "a4": found(again=3)}))
    await say(session, "Hello.", "You have rung three times.", "I see to it.")
    judged = [event for event in session.events if isinstance(event, CouldNotJudge | FindingsMade)]
    assert [(event.turn, event.kind) for event in judged] == [
        ("a2", "could_not_judge"), ("a4", "findings_made"), ("a6", "findings_made"),
    ]  # fmt: skip
    assert session.state.unjudged == {"a2": why}
    assert session.state.step == 3


async def test_a_critic_that_is_too_slow_could_not_judge() -> None:
    session, _, critic = await begun(critic_timeout_s=0.01)
    critic.hold = asyncio.Event()
    await say(session, "Hello.")
    assert session.state.unjudged == {"a2": "model_timeout"}


async def test_a_silence_is_judged_with_the_customers_next_words_in_view() -> None:
    session, customer, critic = await begun()
    customer.hold = asyncio.Event()
    updates = session.say("")
    await anext(updates)
    await anext(updates)
    await a_while()
    assert critic.asked == []
    customer.hold.set()
    await all_of(updates)
    await a_while()  # nobody need ask for it
    assert critic.asked == [("a2", ["c1", "a2", "c3"])]


@pytest.mark.parametrize(
    ("words", "judged"),
    [
        (["", ""], ["a2"]),
        (["", "Mm, go on.", ""], ["a2"]),
        (["", "", "Hello?", "", ""], ["a2", "a6", "a8"]),
        (["Hello?", ""], ["a2", "a4"]),
    ],
)
async def test_a_second_silence_in_a_row_is_not_judged(words: list[str], judged: list[str]) -> None:
    session, _, critic = await begun()
    await say(session, *words)
    assert [turn for turn, _ in critic.asked] == judged
    assert session.state.waiting == []  # the director waits for none that never comes


async def test_a_silence_without_an_answer_is_not_judged() -> None:
    session, _, critic = await begun([ModelError("model_busy")])
    with pytest.raises(ModelError):
        await say(session, "")
    assert session.awaits_answer
    session.end()
    assert not session.awaits_answer
    await session.debrief()
    assert critic.asked == []


# --- endings and the debrief -----------------------------------------------------------------------------


async def test_the_customer_ends_the_call_after_their_last_words() -> None:
    session, _, _ = await begun("I must go.", turn_limit=1)
    assert shown(await say(session, "Wait.")) == [
        "agent_said Wait.", "~I ", "~must ", "~go.", "customer_said I must go.", "ended turn_limit",
    ]  # fmt: skip
    assert session.over
    assert not session.awaits_answer


async def test_the_agent_ends_the_call() -> None:
    session, _, _ = await begun()
    assert not session.over
    session.end()
    assert session.over
    assert shown(session.events[-1:]) == ["ended agent_ended"]


async def test_the_guess_is_kept_in_one_line_each() -> None:
    session, _, _ = await begun()
    session.guess(" rent\nmoney ", "\x1bthe kettle")
    guess = session.events[-1]
    assert isinstance(guess, Guessed)
    assert (guess.need, guess.cues) == ("rent money", "the kettle")


async def test_the_debrief_waits_for_the_critic_and_hands_it_the_grades() -> None:
    session, _, critic = await begun(critic=ScriptedCritic({"a2": found(again=4), "a4": found(kettle=1)}))
    critic.hold = asyncio.Event()
    await all_of(session.say("Three times, then."))
    await all_of(session.say("Your number?"))
    session.end()
    debrief = asyncio.ensure_future(session.debrief())
    await a_while()
    assert not debrief.done()
    critic.hold.set()
    made = await debrief
    assert made.verdict == a_verdict()
    assert critic.summed == [{"again": 4, "kettle": 1, "fine": None}]
    assert session.events[-1] == made
    assert kinds(session.events)[-3:] == ["findings_made", "findings_made", "debriefed"]


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (ModelError("model_server"), "model_server"),
        (TimeoutError(), "model_timeout"),
        (KeyError("a bug"), "critic_failed"),
    ],
    ids=["model", "time-out", "bug"],
)
async def test_no_call_stays_without_a_debrief(failure: Exception, why: str) -> None:
    session, _, _ = await begun(critic=ScriptedCritic(verdict=failure))
    await say(session, "Hello.")
    session.end()
    made = await session.debrief()
    assert (made.verdict, made.why) == (None, why)
    assert session.events[-1] == made


async def test_what_the_critic_dropped_and_what_it_cost_is_kept() -> None:
    session, _, critic = await begun()
    critic.dropped = 2
    await say(session, "Hello.")
    session.end()
    await session.debrief()
    kept = [event for event in session.events if isinstance(event, FindingsMade | Debriefed)]
    assert [(event.dropped, event.usage) for event in kept] == [(2, Usage(prompt=7)), (2, Usage(prompt=9))]


async def test_a_debrief_does_not_wait_for_ever() -> None:
    session, _, critic = await begun(critic_timeout_s=0.01)
    session.end()
    critic.hold = asyncio.Event()
    assert (await session.debrief()).why == "model_timeout"


# --- judging what is there already -----------------------------------------------------------------------

SAID = [Turn("a1", "agent", "Hello."), Turn("c2", "customer", "Third time."), Turn("a3", "agent", "Is it?")]


def from_elsewhere(critic: ScriptedCritic, *judged: Event) -> Session:
    start = a_start(PERSONA).model_copy(update={"origin": "transcript"})
    session, _, _ = a_session(critic=critic, events=[start, *said(SAID, 2), *judged])
    return session


async def test_a_call_from_elsewhere_is_judged_turn_by_turn_and_summed_up() -> None:
    critic = ScriptedCritic({"a3": found("a3", again=4)})
    session = from_elsewhere(critic)
    await session.complete()
    assert critic.asked == [("a3", ["a1", "c2", "a3"])]  # a greeting answers nothing
    assert critic.summed == [{"again": 4, "kettle": None, "fine": None}]
    assert kinds(session.events)[4:] == ["findings_made", "debriefed"]
    assert session.summed_up


async def test_nothing_is_judged_twice() -> None:
    critic = ScriptedCritic()
    judged = [FindingsMade(turn=turn, findings=found(turn)) for turn in ("a1", "a3")]
    session = from_elsewhere(critic, *judged, Debriefed(verdict=a_verdict()))
    before = list(session.events)
    await session.complete()
    assert (critic.asked, critic.summed, session.events) == ([], [], before)


@pytest.mark.parametrize(
    ("kept", "asked", "summed"),
    [
        ([FindingsMade(turn="a1", findings=found("a1"))], ["a3"], 1),
        ([FindingsMade(turn="a1", findings=found("a1")), CouldNotJudge(turn="a3", why="model_cut"),
          Debriefed(verdict=a_verdict())], ["a3"], 1),
        ([FindingsMade(turn=turn, findings=found(turn)) for turn in ("a1", "a3")]
         + [Debriefed(verdict=None, why="model_cut")], [], 1),
    ],
    ids=["never judged", "could not be judged", "could not be summed up"],
)  # fmt: skip
async def test_only_what_is_missing_is_judged(kept: list[Event], asked: list[str], summed: int) -> None:
    critic = ScriptedCritic()
    session = from_elsewhere(critic, *kept)
    await session.complete()
    assert [turn for turn, _ in critic.asked] == asked
    assert len(critic.summed) == summed
    assert session.summed_up


async def test_a_critic_that_is_still_down_adds_nothing_to_the_sum() -> None:
    critic = ScriptedCritic(ModelError("model_server"))
    judged = FindingsMade(turn="a1", findings=found("a1"))
    session = from_elsewhere(critic, judged, Debriefed(verdict=a_verdict()))
    await session.complete()
    assert (critic.summed, kinds(session.events)[-1]) == ([], "could_not_judge")
    assert session.summed_up  # as it was before


async def test_repeats_are_kept_beside_the_first_judgement() -> None:
    record = Record()
    first = from_elsewhere(ScriptedCritic({"a3": found("a3", again=2)}))
    second = from_elsewhere(ScriptedCritic({"a3": found("a3", again=4, fine=1)}))
    down = from_elsewhere(ScriptedCritic(ModelError("model_server")))
    session, _, _ = a_session(events=first.events, record=record, critic=ScriptedCritic({"a3": found("a3", again=2)}))
    for one in (session, second, down):
        await one.settle()
    session.repeated([second, down])
    repeated = record.kept[-1]
    assert isinstance(repeated, Repeated)
    assert repeated.grades == {
        "again": (2, 4, "not_judged"), "kettle": (None, None, "not_judged"), "fine": (None, 1, "not_judged"),
    }  # fmt: skip
    assert repeated.usage == Usage(prompt=7)  # of the second: the first one's is with its findings
    assert session.state.cues["again"].grade == 2


# --- nothing is lost -------------------------------------------------------------------------------------


async def test_every_event_is_kept_before_it_counts() -> None:
    record = Record()
    session, _, _ = await begun(record=record)
    await say(session, "Hello.", "")
    session.end()
    session.guess("rent", "the kettle")
    await session.debrief()
    assert record.kept == session.events


@pytest.mark.parametrize("kind", [AgentSaid, CustomerSaid, FindingsMade, Ended, Guessed, Debriefed])
async def test_what_could_not_be_kept_did_not_happen(kind: type[Event]) -> None:
    record = Record()
    session, _, _ = await begun(record=record)
    record.fails_on = kind
    with pytest.raises(StoreError):
        await say(session, "Hello.")
        session.end()
        session.guess("rent", "the kettle")
        await session.debrief()
    assert not [event for event in session.events[2:] if isinstance(event, kind)]
    assert record.kept == session.events


async def test_an_opening_that_could_not_be_kept_did_not_happen() -> None:
    record = Record()
    record.fails_on = CustomerSaid
    session, _, _ = a_session(record=record)
    with pytest.raises(StoreError):
        await all_of(session.begin(a_start(PERSONA)))
    assert (session.events, record.kept) == ([], [])  # both or neither


# --- taking a call up again ------------------------------------------------------------------------------

CALL = ["Hello, how can I help?", "", "Three times, that is a lot.", "Mm, go on.", "{{ x }} Who told you so?"]
HEARD = {
    "cue": "again", "customer_turn": 1, "customer_quote": "third time", "agent_quote": "Three times", "why": "…",
    "level": 3,
}  # fmt: skip
FORMS = [a_form(), a_form(), a_form(HEARD)]


def with_models(events: Sequence[Event], *forms: Any) -> tuple[Session, ScriptedModel, ScriptedModel]:
    prompts, speaks, judges = Prompts("en"), ScriptedModel(then="Mm."), ScriptedModel(*forms, then=a_form())
    customer = ModelCustomer(PERSONA.caller(), prompts, speaks)
    session = Session(PERSONA, customer, ModelCritic(PERSONA, prompts, judges), Record().append, events)
    return session, speaks, judges


async def a_whole_call() -> tuple[list[Event], list[list[Message]]]:
    """The events of a call, and what its customer was sent."""
    session, speaks, _ = with_models([], *FORMS)
    await all_of(session.begin(a_start(PERSONA)))
    await say(session, *CALL)
    return session.events, speaks.requests


async def test_after_any_break_the_next_request_is_byte_for_byte_the_same() -> None:
    events, requests = await a_whole_call()
    assert requests[-1][-1] != requests[0][-1]  # the note did change on the way
    stored = [event_adapter.validate_json(event.model_dump_json()) for event in events]
    asked = -1
    for length in range(2, len(stored)):
        asked += isinstance(stored[length - 1], AgentSaid)
        session, speaks, _ = with_models(stored[:length])
        if session.awaits_answer:
            await all_of(session.answer())
            assert speaks.requests == [requests[asked]]
        await session.close()


async def test_what_was_not_judged_is_judged_when_the_call_is_taken_up() -> None:
    events, _ = await a_whole_call()
    assert [e.turn for e in events if isinstance(e, FindingsMade)] == ["a2", "a4", "a6", "a8", "a10"]
    without = [event for event in events if not isinstance(event, FindingsMade) or event.turn == "a2"]
    session, _, judges = with_models(without)
    await session.settle()
    again, _, _ = with_models(session.events)
    await again.settle()
    assert again.events == session.events  # and only once
    assert len(judges.requests) == 4


async def test_what_could_not_be_judged_is_tried_again_when_the_call_is_taken_up() -> None:
    session, _, critic = await begun(critic=ScriptedCritic(ModelError("model_auth")))
    await say(session, "Hello.")
    session, _, critic = a_session(events=session.events)
    await session.settle()
    assert [turn for turn, _ in critic.asked] == ["a2"]


async def test_closing_stops_the_critic_and_leaves_the_turn_to_be_judged() -> None:
    session, _, critic = await begun()
    critic.hold = asyncio.Event()
    await all_of(session.say("Hello."))
    await a_while()
    assert session.pending == len(critic.asked) == 1
    await session.close()
    assert session.pending == 0
    assert kinds(session.events) == ["started", "customer_said", "agent_said", "customer_said"]
    session, _, critic = a_session(events=session.events)
    await session.settle()
    assert critic.asked == [("a2", ["c1", "a2"])]


async def test_a_turns_id_is_its_line() -> None:
    session, _, _ = await begun()
    await say(session, "Hello.", "", "Well?")
    assert [turn.id for turn in session.turns] == ["c1", "a2", "c3", "a4", "c5", "a6", "c7"]
