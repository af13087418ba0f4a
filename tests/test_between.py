"""Two calls: what is remembered of the first, and how the next one is directed, judged and told."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.between import recall
from simulator.critic import ModelCritic, Promising
from simulator.critique import Evidence, Outcome, Promise, came_of
from simulator.customer import ModelCustomer, OfflineCustomer
from simulator.debrief.document import as_json, document
from simulator.debrief.report import markdown
from simulator.director import ASKED_AFTER, BEGINS_AT, BEGINS_OWED, CallState, Direction, direct, follow
from simulator.errors import ModelError
from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Debriefed,
    Ended,
    Ending,
    Event,
    FindingsMade,
    Memory,
    Overruled,
    PromisesFound,
)
from simulator.hints import next_hint
from simulator.offline_critic import OfflineCritic
from simulator.persona import Persona
from simulator.session import Session
from simulator.templates import Prompts
from simulator.texts import LANGUAGES, Texts
from simulator.transcript import Turn
from tests.scripted import (
    ScriptedCritic,
    ScriptedCustomer,
    ScriptedModel,
    a_form,
    a_memory,
    a_persona,
    a_start,
    a_verdict,
    found,
)

PERSONA = a_persona()
PHRASES = Prompts("en").phrases["again"]
RING, NOTE = "I'll ring you this afternoon", "I'll put a note on your account"


def promise(quote: str, turn: str = "a2") -> Promise:
    return Promise(agent=Evidence(turn=turn, quote=quote), what=f"{quote}.")


def a_call(
    *judged: FindingsMade, before: Memory | None = None, how: Ending = "agent_ended", promises: Iterable[Promise] = ()
) -> list[Event]:
    """A call of seven lines that is over and debriefed, with what came of judging it."""
    said: list[Event] = [
        AgentSaid(turn=f"a{n}", text=f"{RING}, and {NOTE}.") if n % 2 == 0 else said_by_customer(n) for n in range(1, 8)
    ]
    end: list[Event] = [Ended(how=how), Debriefed(verdict=a_verdict()), PromisesFound(promises=tuple(promises))]
    by_turn = {one.turn: one for one in judged}
    mixed: list[Event] = []
    for event in said:
        mixed.append(event)
        if isinstance(event, AgentSaid) and event.turn in by_turn:
            mixed.append(by_turn[event.turn])
    return [a_start(PERSONA, before=before), *mixed, *end]


def said_by_customer(number: int) -> CustomerSaid:
    return CustomerSaid(turn=f"c{number}", text="Mm.", step=2)


def judged(turn: str = "a2", **what: Any) -> FindingsMade:
    return FindingsMade(turn=turn, findings=found(turn, **what))


def after(*judged: FindingsMade, persona: Persona = PERSONA, **call: Any) -> Memory:
    return recall(12, persona, a_call(*judged, **call), PHRASES)


# --- what is remembered ----------------------------------------------------------------------------------


def test_a_memory_holds_how_the_call_ended_and_what_it_left() -> None:
    known = after(judged(again=3, eased=["fee"]), how="hung_up", promises=[promise(RING), promise(NOTE, "a4")])
    assert (known.call, known.ended, known.heard, known.eased) == (12, "hung_up", ("again",), ("fee",))
    assert (known.solved, known.earned, known.need_said, known.told, known.worries) == (False, False, False, "", ())
    assert [(one.id, one.call, one.line, one.quote) for one in known.promises] == [
        ("p1", 12, 2, RING),
        ("p2", 12, 4, NOTE),
    ]
    assert known.read


def test_it_is_known_whether_the_call_was_read_for_promises() -> None:
    events = [event for event in a_call() if not isinstance(event, PromisesFound)]
    assert not recall(12, PERSONA, events, PHRASES).read


def test_a_call_that_is_not_over_has_no_memory() -> None:
    with pytest.raises(ValueError, match="not over"):
        recall(12, PERSONA, [event for event in a_call() if not isinstance(event, Ended)], PHRASES)


def test_the_need_is_remembered_only_if_it_was_said() -> None:
    hidden = PERSONA.hidden_need.need
    earned = after(judged(guess=True))
    assert (earned.earned, earned.need_said, earned.told) == (True, False, "")
    assert hidden not in earned.model_dump_json()
    told = after(judged(guess=True), judged("a6", said="c5", need=3))
    assert (told.earned, told.need_said, told.told) == (True, True, hidden)
    assert told.worries == tuple(worry.worry for worry in PERSONA.worries)


def test_a_trainers_word_counts_for_what_was_heard() -> None:
    word = Overruled(what="again", grade=2, was=3, because="…", by="Xu")
    events = [*a_call(judged(again=3, kettle=4)), word]
    assert recall(12, PERSONA, events, PHRASES).heard == ("kettle",)


WELL = (judged(guess=True), judged("a4", solved=True), judged("a6", said="c5", need=5, eased=["returned", "fee"]))


@pytest.mark.parametrize(
    ("events", "promises", "begins"),
    [
        ((), [], "Three days later"),  # nothing was settled
        ((), [promise(RING)], "Three days later"),
        ((judged(solved=True),), [promise(RING)], "A week later; the matter itself was settled, but nothing more"),
        ((judged(solved=True),), [], "Two weeks later"),
        (WELL, [], "Once the money is there"),  # the file's own reason
        (WELL, [promise(RING)], "Once the money is there"),
    ],
)
def test_why_they_call_is_taken_from_the_file_after_a_good_call_and_else_made_from_the_record(
    events: Sequence[FindingsMade], promises: list[Promise], begins: str
) -> None:
    assert after(*events, promises=promises).about.startswith(begins)


def test_without_a_reason_of_their_own_they_call_about_an_open_worry() -> None:
    persona = PERSONA.model_copy(update={"next_call": None})
    about = after(*WELL[:2], judged("a6", said="c5", need=5), persona=persona).about
    assert PERSONA.worries[0].worry in about
    assert after(*WELL, persona=persona).about.startswith("Two weeks later")


def test_the_file_s_own_reason_is_used_once() -> None:
    first = after(*WELL)
    second = after(judged("a2", solved=True), before=first)
    assert first.about == PERSONA.next_call
    assert second.was_about == PERSONA.next_call
    assert second.about != PERSONA.next_call


@pytest.mark.parametrize(("outcome", "open_still"), [("kept", False), ("owned", False), ("denied", True)])
def test_a_third_call_remembers_all_of_them(outcome: Outcome, open_still: bool) -> None:
    first = after(judged(again=3, eased=["fee"]), promises=[promise(RING)])
    assert after(before=a_memory(earned=True)).earned
    second = recall(
        15, PERSONA, a_call(judged(kettle=3, promises={"p1": outcome}), before=first, promises=[promise(NOTE)]), PHRASES
    )
    assert second.heard == ("again", "kettle")
    assert second.eased == ("fee",)
    owed = [(12, RING)] * open_still + [(15, NOTE)]
    assert [(one.call, one.quote) for one in second.promises] == owed
    assert [one.id for one in second.promises] == [f"p{n}" for n in range(1, len(owed) + 1)]
    assert second.was_about == PERSONA.surface_complaint  # still open: they do not call about calling


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_is_made_of_the_words_of_the_record(language: str) -> None:
    for phrase in Prompts(language).phrases["again"].values():
        assert "{matter}" in phrase or "{worry}" in phrase


# --- how the next call is directed -----------------------------------------------------------------------


class Next:
    """Writes the events of a next call, the director's part made by the director."""

    def __init__(self, before: Memory, persona: Persona = PERSONA) -> None:
        self.persona = persona
        self.events: list[Event] = [a_start(persona, before=before)]
        self.directions: list[Direction] = []
        self.reply()

    def reply(self, *, interrupted: bool = False) -> Direction:
        direction = direct(self.persona, self.events)
        self.directions.append(direction)
        said = CustomerSaid(
            turn=f"c{len(self.state.turns) + 1}",
            text="Mm.",
            step=direction.step,
            interrupted=interrupted,
            cue=direction.slip.cue if direction.slip else None,
            held_back=interrupted,
            promise=direction.promise.id if direction.promise and not interrupted else None,
            worry=None if interrupted else direction.worry_id,
        )
        self.events.append(said)
        if direction.farewell:
            self.events.append(Ended(how=direction.farewell))
        return direction

    def turn(self, words: str = "Let me look.", *, interrupted: bool = False, **what: Any) -> Direction:
        """An agent turn, the reply to it, then what the critic found about the turn."""
        turn = f"a{len(self.state.turns) + 1}"
        self.events.append(AgentSaid(turn=turn, text=words))
        direction = self.reply(interrupted=interrupted)
        self.events.append(FindingsMade(turn=turn, findings=found(turn, **what)))
        return direction

    @property
    def state(self) -> CallState:
        return follow(self.persona, self.events)


@pytest.mark.parametrize(("ended_on", "begins_on"), [(0, 1), (1, 1), (2, 2), (3, 3), (4, 3)])
def test_it_begins_near_the_step_where_the_last_one_ended(ended_on: int, begins_on: int) -> None:
    assert Next(a_memory(step=ended_on)).directions[0].step == begins_on
    assert Next(a_memory([RING], step=ended_on)).directions[0].step == min(begins_on, BEGINS_OWED)


def test_the_first_words_open_the_call_and_let_nothing_slip() -> None:
    call = Next(a_memory([RING]))
    first = call.directions[0]
    assert (first.opens, first.slip, first.promise, first.earned, first.farewell) == (True, None, None, None, None)
    assert call.state.last_cues == frozenset()  # the opening of the file was not spoken
    assert not call.turn().opens


def test_each_promise_is_asked_after_once_in_the_first_turns_and_no_cue_beside_it() -> None:
    call = Next(a_memory([RING, NOTE]))
    first, second, third = call.turn(), call.turn(), call.turn()
    assert [one.promise and one.promise.quote for one in (first, second, third)] == [RING, NOTE, None]
    assert [one.slip and one.slip.cue for one in (first, second, third)] == [None, None, "again"]
    assert third.slip
    assert third.slip.line == PERSONA.cue("again").shows[0]  # from the gentler line on


def test_one_that_was_cut_off_comes_again() -> None:
    call = Next(a_memory([RING]))
    assert call.turn(interrupted=True).promise
    assert call.turn().promise
    assert not call.turn().promise


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_what_the_agent_spoke_of_by_themselves_is_not_asked_after(outcome: Outcome) -> None:
    call = Next(a_memory([RING, NOTE]))
    call.turn(promises={"p2": outcome})
    asked = call.turn().promise
    assert (asked is None) == (outcome != "passed_over")


def test_nobody_reads_out_a_list() -> None:
    call = Next(a_memory([f"{RING} {n}" for n in range(ASKED_AFTER + 2)]))
    assert sum(call.turn().promise is not None for _ in range(8)) == ASKED_AFTER


def test_promises_come_before_goodbye() -> None:
    call = Next(a_memory([RING, NOTE]))
    directions = [call.turn(solved=n == 0) for n in range(5)]
    assert [bool(one.promise) for one in directions] == [True, True, False, False, False]
    assert directions[-1].farewell == "goodbye" or directions[-2].farewell == "goodbye"


def test_what_was_heard_before_does_not_come_back_and_is_held_against_nobody() -> None:
    call = Next(a_memory(heard=("again", "fine")))
    slips = [one.slip.cue for one in (call.turn(again=1, fine=2) for _ in range(6)) if one.slip]
    assert set(slips) == {"kettle"}
    assert call.state.cues["again"].grade is None
    assert call.state.cues["fine"].grade is None
    call.turn(again=0)
    assert call.state.cues["again"].grade == 0  # shutting it down now is another thing


def test_nothing_of_it_is_offered_as_a_hint() -> None:
    assert next_hint(PERSONA, Next(a_memory()).events) is None  # the opening of the file was not spoken
    call = Next(a_memory(heard=("again", "fine")))
    call.turn()
    given = next_hint(PERSONA, call.events)
    assert given
    assert given.cue == "kettle"


def moves(call: Next) -> list[tuple[int, str]]:
    return [(taken.move.by, taken.move.reason) for taken in call.state.taken]


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("kept", [(1, "promise_kept")]),
        ("owned", [(1, "promise_kept")]),
        ("denied", [(-1, "promise_denied")]),
        ("passed_over", []),
    ],
)
def test_what_is_done_with_a_promise_moves_the_ladder(outcome: Outcome, expected: list[tuple[int, str]]) -> None:
    call = Next(a_memory([RING]))
    call.turn()
    call.turn(promises={"p1": outcome})
    call.turn()
    assert moves(call) == expected


def test_a_promise_is_made_good_once() -> None:
    call = Next(a_memory([RING]))
    for _ in range(3):
        call.turn(promises={"p1": "owned"})
    call.turn()
    assert moves(call) == [(1, "promise_kept")]


def test_passing_over_a_promise_that_was_asked_after_is_a_miss() -> None:
    call = Next(a_memory([RING]), a_persona(difficulty=5))
    call.turn(promises={"p1": "passed_over"})  # nobody had asked yet
    assert call.state.misses == 0
    call.turn(promises={"p1": "passed_over"})
    call.turn()
    assert moves(call) == [(-1, "patience")]


# --- the lock over two calls -----------------------------------------------------------------------------


def test_a_need_that_was_said_stays_known() -> None:
    call = Next(a_memory(need_said=True, told=PERSONA.hidden_need.need, earned=True))
    assert call.state.lock_open
    earned = call.directions[0].earned
    assert earned
    assert not earned.still_unsaid
    call.turn(guess=True)
    assert call.state.guesses == {}  # nobody guesses at what they were told


def test_a_need_that_was_not_said_is_locked_again_though_it_was_earned() -> None:
    call = Next(a_memory(earned=True, heard=("again", "fine")))
    assert not call.state.lock_open
    assert call.turn().earned is None
    assert call.turn(words="", kettle=0).earned  # by an answer that shut nothing down
    assert call.state.lock_open


@pytest.mark.parametrize("words", ["", "Mm."])
def test_it_is_not_earned_again_by_silence(words: str) -> None:
    call = Next(a_memory(earned=True))
    call.turn(words)
    assert not call.state.lock_open


def test_it_is_not_earned_again_by_shutting_something_down() -> None:
    call = Next(a_memory(earned=True))
    call.turn(again=0)
    assert not call.state.lock_open


def test_what_was_heard_before_counts_for_the_lock_with_one_thing_heard_now() -> None:
    call = Next(a_memory(heard=("again",)))
    assert not call.state.lock_open
    call.turn(kettle=3)
    assert call.state.lock_open
    assert Next(a_memory(heard=("again", "fine"))).state.lock_open is False


OUTCOMES = st.dictionaries(st.sampled_from(["p1", "p2"]), st.sampled_from(get_args(Outcome)), max_size=2)
LEVELS = st.dictionaries(st.sampled_from(["again", "kettle", "fine"]), st.integers(0, 5), max_size=3)


@settings(max_examples=60, deadline=None)
@given(
    turns=st.lists(st.tuples(OUTCOMES, LEVELS, st.booleans(), st.booleans()), max_size=8),
    heard=st.sets(st.sampled_from(["again", "kettle", "fine"])),
    step=st.integers(0, 4),
)
def test_whatever_happens_the_rules_hold(
    turns: list[tuple[dict[str, Outcome], dict[str, int], bool, bool]], heard: set[str], step: int
) -> None:
    call = Next(a_memory([RING, NOTE], heard=tuple(heard), step=step))
    for promises, levels, solved, cut in turns:
        if isinstance(call.events[-1], Ended) or any(isinstance(event, Ended) for event in call.events):
            break
        call.turn(promises=promises, levels=levels, solved=solved, interrupted=cut)
    steps = [one.step for one in call.directions]
    assert BEGINS_AT[0] <= steps[0] <= BEGINS_OWED
    assert all(abs(a - b) <= 1 for a, b in itertools.pairwise(steps))
    assert not [one.slip for one in call.directions if one.slip and (one.promise or one.slip.cue in heard)]
    asked = [event.promise for event in call.events if isinstance(event, CustomerSaid) and event.promise]
    assert len(asked) == len(set(asked))
    for direction, seen in zip(call.directions[1:], range(2, 40), strict=False):
        if direction.earned:  # never in the first words, never unearned
            assert call.state.opened_by
            assert seen > 2


# --- the two chains --------------------------------------------------------------------------------------


def texts_of(model: ScriptedModel) -> list[str]:
    return ["\n".join(message.content for message in request) for request in model.requests]


@pytest.mark.parametrize("note_as", ["system", "user"])
async def test_the_customer_speaks_first_from_what_they_remember(note_as: Any) -> None:
    model = ScriptedModel("Hello, it's Ann Marsh again.", "And the call?")
    before = a_memory([RING])
    customer = ModelCustomer(PERSONA.caller(), Prompts("en"), model, note_as, before)
    session = Session(PERSONA, customer, ScriptedCritic(), append=lambda *_: None)
    assert [event.kind async for event in session.begin(a_start(PERSONA, before=before))] == ["started"]  # type: ignore[union-attr]
    assert session.awaits_answer
    _ = [update async for update in session.answer()]
    assert session.turns == [Turn("c1", "customer", "Hello, it's Ann Marsh again.")]
    assert not session.awaits_answer
    _ = [update async for update in session.say("Good morning.")]
    first, second = texts_of(model)
    assert before.about in first
    assert PERSONA.opening not in first
    assert "nothing yet. You speak first" in first
    assert f'Last time the agent promised you: "{RING}"' in second
    assert [event.promise for event in session.events if isinstance(event, CustomerSaid)] == [None, "p1"]
    await session.close()


def test_nothing_is_added_to_a_first_call() -> None:
    prompts = Prompts("en")
    first = ModelCustomer(PERSONA.caller(), prompts, ScriptedModel()).messages([], "")
    assert first[0].content == prompts.render("customer", caller=PERSONA.caller())


async def test_first_words_that_fail_are_asked_for_again() -> None:
    before = a_memory()
    session = Session(PERSONA, ScriptedCustomer(["He", ModelError("model_cut")], "Hello."), ScriptedCritic(), print)
    async for _ in session.begin(a_start(PERSONA, before=before)):
        pass
    with pytest.raises(ModelError):
        _ = [update async for update in session.answer()]
    assert session.awaits_answer
    _ = [update async for update in session.answer()]
    assert [turn.text for turn in session.turns] == ["Hello."]


@pytest.mark.parametrize("language", LANGUAGES)
async def test_offline_they_say_why_they_call_and_hold_the_words_up(language: str) -> None:
    persona = a_persona(language)
    before = a_memory([RING])
    customer = OfflineCustomer(persona.caller(), Prompts(language), before)
    events: list[Event] = [a_start(persona, before=before)]
    opening = [piece async for piece in customer.answer([], direct(persona, events))]
    assert before.about in str(opening[0])
    assert persona.customer.name in str(opening[0])
    events += [CustomerSaid(turn="c1", text=str(opening[0]), step=2), AgentSaid(turn="a2", text="…")]
    answer = [piece async for piece in customer.answer(follow(persona, events).turns, direct(persona, events))]
    assert RING in str(answer[0])


TURNS = [
    Turn("c1", "customer", "Hello, I rang before."),
    Turn("a2", "agent", f"I know. {RING}, as promised."),
    Turn("c3", "customer", "You said that last time."),
    Turn("a4", "agent", "I never said that. I was not here."),
]


def claim(name: str, outcome: str, quote: str | None) -> dict[str, Any]:
    return {"promise": name, "agent_quote": quote, "why": "…", "outcome": outcome}


async def judge(*claims: dict[str, Any], turn: str = "a4", more: Sequence[Any] = ()) -> tuple[Any, ScriptedModel]:
    model = ScriptedModel(a_form(promises=list(claims)), *more)
    critic = ModelCritic(PERSONA, Prompts("en"), model, a_memory([RING, NOTE]))
    return await critic.judge(TURNS, turn), model


async def test_what_a_turn_does_with_a_promise_is_found_with_its_words() -> None:
    made, model = await judge(claim("p1", "denied", "I never said that"), claim("p2", "passed_over", None))
    assert [(one.promise, one.outcome, one.agent.quote) for one in made.findings.promises] == [
        ("p1", "denied", "I never said that"),
        ("p2", "passed_over", ""),
    ]
    (asked,) = texts_of(model)
    assert f'p1: "{RING}"' in asked
    assert "what line 4 does with what was promised before (p1, p2)" in asked


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        (claim("p1", "denied", "You said that"), "promise p1: agent_quote is not in line 4"),  # the customer's words
        (claim("p1", "kept", None), "promise p1: agent_quote is not in line 4"),
        (claim("p9", "kept", "I never said that"), "promise 'p9': no such promise id"),
    ],
)
async def test_a_claim_without_its_words_is_sent_back_once_and_then_dropped(wrong: Any, fault: str) -> None:
    made, model = await judge(wrong, more=[a_form(promises=[wrong])])
    assert fault in texts_of(model)[1]
    assert (made.findings.promises, made.dropped) == ((), 1)


async def test_without_open_promises_the_form_is_that_of_any_call() -> None:
    model = ScriptedModel(a_form())
    await ModelCritic(PERSONA, Prompts("en"), model, a_memory()).judge(TURNS, "a4")
    assert "promises:" not in texts_of(model)[0]


async def test_trust_is_judged_over_both_calls() -> None:
    layer = {"evidence": [{"turn": 4, "quote": "I never said that"}], "why": "…", "score": 1}
    form = {"hear": layer, "solve": layer, "warmth": layer, "trust": layer, "better": [], "next": "Own it."}
    model = ScriptedModel(form, form)
    await ModelCritic(PERSONA, Prompts("en"), model, a_memory([RING])).sum_up(TURNS, {})
    await ModelCritic(PERSONA, Prompts("en"), model).sum_up(TURNS, {})
    again, first = texts_of(model)
    assert "trust is judged over both calls" in again
    assert RING in again
    assert "both calls" not in first


def promised(turn: int, quote: str) -> dict[str, Any]:
    return {"turn": turn, "agent_quote": quote, "what": "The agent rings."}


async def find(*replies: Any) -> tuple[Promising, ScriptedModel]:
    model = ScriptedModel(*({"promises": reply} for reply in replies))
    return await ModelCritic(PERSONA, Prompts("en"), model).promises(TURNS), model


async def test_promises_are_found_with_their_words_in_the_order_of_the_call() -> None:
    made, model = await find([promised(4, "I was not here"), promised(2, "as promised"), promised(2, RING)])
    assert [one.agent for one in made.promises] == [
        Evidence(turn="a2", quote=RING),
        Evidence(turn="a2", quote="as promised"),
        Evidence(turn="a4", quote="I was not here"),
    ]
    assert made.usage
    assert "what the agent promised" in texts_of(model)[0]


async def test_a_promise_that_was_not_said_is_sent_back_once_and_then_dropped() -> None:
    theirs, nowhere = promised(3, "You said that last time"), promised(2, "I'll send flowers")
    made, model = await find([theirs, promised(2, RING)], [nowhere, promised(2, RING)])
    assert "not in an agent's line 3" in texts_of(model)[1]
    assert ([one.agent.quote for one in made.promises], made.dropped) == ([RING], 1)


@pytest.mark.parametrize(
    ("language", "said", "expected"),
    [
        (
            "en",
            "Let me look. I'll ring you this afternoon, Ann. Anything else?",
            ["I'll ring you this afternoon, Ann."],
        ),
        ("en", "Let me look it up for you.", []),
        ("zh", "我看一下。下午三点前给您回电。还有别的吗？", ["下午三点前给您回电。"]),
        ("zh", "我帮您查一下，请稍等。", []),
    ],
)
async def test_offline_a_promise_is_what_sounds_like_one(language: str, said: str, expected: list[str]) -> None:
    turns = [Turn("c1", "customer", said), Turn("a2", "agent", said)]
    made = await OfflineCritic(a_persona(language), Prompts(language)).promises(turns)
    assert [(one.agent.turn, one.agent.quote) for one in made.promises] == [("a2", quote) for quote in expected]


async def test_offline_what_solved_the_last_matter_does_not_solve_this_one() -> None:
    turns = [Turn("c1", "customer", "Hello?"), Turn("a2", "agent", "I have started the trace.")]
    prompts = Prompts("en")
    assert (await OfflineCritic(PERSONA, prompts, a_memory()).judge(turns, "a2")).findings.solved
    assert not (await OfflineCritic(PERSONA, prompts, a_memory(solved=True)).judge(turns, "a2")).findings.solved


async def test_a_call_is_read_for_promises_once() -> None:
    kept: list[Event] = []
    critic = ScriptedCritic(promises=[promise(RING)])
    events = [event for event in a_call() if not isinstance(event, PromisesFound)]
    last = Session(PERSONA, ScriptedCustomer(), critic, lambda *more: kept.extend(more), events)
    await last.find_promises()
    await last.find_promises()
    assert [event.kind for event in kept] == ["promises_found"]
    assert len(critic.asked) == 1


@pytest.mark.parametrize(("how", "key"), [(ModelError("model_busy"), "model_busy"), (None, "model_timeout")])
async def test_a_critic_that_fails_keeps_nothing_and_is_asked_again(how: ModelError | None, key: str) -> None:
    import asyncio

    critic = ScriptedCritic(promises=how or ())
    critic.hold = None if how else asyncio.Event()
    events = [event for event in a_call() if not isinstance(event, PromisesFound)]
    last = Session(PERSONA, ScriptedCustomer(), critic, lambda *_: None, events, critic_timeout_s=0.01)
    with pytest.raises(ModelError) as caught:
        await last.find_promises()
    assert caught.value.key == key
    assert last.events == events


# --- how it is told --------------------------------------------------------------------------------------


def the_next(*events: Event, **memory: Any) -> list[Event]:
    before = a_memory([RING, NOTE], heard=("again",), **memory)
    said: list[Event] = [
        CustomerSaid(turn="c1", text="Hello, I rang before.", step=2),
        AgentSaid(turn="a2", text="I never said that. Sorry, I did not ring."),
        CustomerSaid(turn="c3", text="No. You did not.", step=2, promise="p1"),
    ]
    return [a_start(PERSONA, before=before), *said, *events, Ended(how="agent_ended"), Debriefed(verdict=a_verdict())]


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        ([], None),
        (["passed_over", "denied"], "denied"),
        (["denied", "passed_over"], "denied"),
        (["owned", "denied"], "owned"),
        (["passed_over", "kept"], "kept"),
    ],
)
def test_the_best_that_was_done_with_a_promise_counts(outcomes: list[Outcome], expected: Outcome | None) -> None:
    dealt = [found(f"a{n}", promises={"p1": one}).promises[0] for n, one in enumerate(outcomes)]
    came = came_of(dealt)
    assert (came.outcome if came else None) == expected


def section(text: str, title: str) -> str:
    return text.split(f"## {title}\n")[1].split("\n## ", maxsplit=1)[0]


def test_the_debrief_says_what_became_of_each_promise() -> None:
    text = markdown(PERSONA, the_next(judged("a2", promises={"p1": "owned"})), Texts("en"))
    promises = section(text, "What was promised last time")
    first, second = promises.split(NOTE, maxsplit=1)
    assert "not done, owned and made good" in first
    assert "Line 2 of call 12" in first
    assert "the call never came to it" in second
    assert "Trust is judged over both calls" in promises
    assert "The next call after call 12" in text
    assert "heard in an earlier call" in section(text, "The cues")
    assert "Cues that you had heard before, and that did not come again: 1" in text


def test_nothing_is_made_up_where_a_turn_could_not_be_judged() -> None:
    text = markdown(PERSONA, the_next(CouldNotJudge(turn="a2", why="model_timeout")), Texts("en"))
    assert "the call never came to it" not in text
    offline = the_next()
    offline[0] = offline[0].model_copy(update={"engine": "offline", "models": {}})
    assert "the call never came to it" not in markdown(PERSONA, offline, Texts("en"))


def test_the_need_that_was_told_before_is_said_to_have_been() -> None:
    text = markdown(PERSONA, the_next(need_said=True, told="…"), Texts("zh"))
    assert "以前的通话里已经告诉过银行" in text


@pytest.mark.parametrize(("read", "words"), [(True, "Nothing was promised"), (False, "could not be found out")])
def test_no_promises_and_none_that_could_be_found_are_told_apart(read: bool, words: str) -> None:
    events = the_next()
    start = a_start(PERSONA, before=a_memory(read=read))
    assert words in section(markdown(PERSONA, [start, *events[1:]], Texts("en")), "What was promised last time")


def test_the_document_for_programs_holds_what_was_before() -> None:
    made = json.loads(as_json(document(PERSONA, the_next(judged("a2", promises={"p1": "denied"})))))
    assert made["before"]["promises"]["p1"]["outcome"] == "denied"
    assert made["before"]["promises"]["p1"]["agent"] == {"turn": 2, "quote": "…"}
    assert made["before"]["promises"]["p2"]["outcome"] is None
    assert made["before"]["heard"] == ["again"]
    assert made["cues"]["again"]["level"] == "not_shown"
    assert "before" not in json.loads(as_json(document(PERSONA, a_call())))


def test_a_cue_heard_before_is_not_anticipated_when_it_is_taken_up_again() -> None:
    finding = found("a2", again=4, anticipated=["again"])
    made = document(PERSONA, the_next(FindingsMade(turn="a2", findings=finding)))
    assert (made.cues["again"].level, made.cues["again"].anticipated) == (4, False)
