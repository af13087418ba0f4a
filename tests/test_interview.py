"""The questions that make a customer: their order, what answers come to, going on where somebody stopped."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.persona import Persona, check, files, load
from simulator.texts import LANGUAGES, Texts
from simulator.workbench.interview import (
    Answers,
    Question,
    answers_of,
    customer,
    first_open,
    given,
    questions,
    take_up,
    value,
    without,
    wrong,
)
from tests.scripted import a_persona


def whole(language: str = "en") -> Answers:
    return answers_of(a_persona(language).model_dump(mode="json"))


def named(name: str, answers: Answers) -> list[Question]:
    return [one for one in questions(answers) if one.name == name]


def test_what_ships_comes_to_answers_and_back() -> None:
    for file in files():
        content = load(file).model_dump(mode="json")
        answers = answers_of(content)
        assert all(check(path, one) is None for path, one in answers.items())
        assert Persona.model_validate(customer(answers)) == load(file), file.stem


def test_a_customer_needs_no_more_than_what_is_asked_for() -> None:
    asked = {one.path for one in questions(whole())}
    answers = {path: one for path, one in whole().items() if path in asked}
    made = Persona.model_validate(customer(answers))
    assert [cue.id for cue in made.cues] == ["cue-1", "cue-2", "cue-3"]
    assert [worry.id for worry in made.worries] == ["worry-1", "worry-2"]
    assert made.emotion == a_persona().emotion


def test_every_question_has_words_in_both_languages() -> None:
    answers = {**whole(), ("more", "ears"): True}
    for language in LANGUAGES:
        say = Texts(language)
        for one in questions(answers):
            assert say(f"draft.ask.{one.name}", number=one.number)
            assert say(f"draft.section.{one.section.partition(' ')[0]}", number=1)


@pytest.mark.parametrize(("typed", "kind", "answer"), [
    (" some words ", "text", "some words"),
    ("42", "number", 42),
    ("many", "number", "many"),
    ("-3", "number", "-3"),
    ("elderly, app，老人、 ", "words", ["elderly", "app", "老人"]),
    ("4", "channel", "silence"),
    ("tone", "channel", "tone"),
    ("6", "channel", "6"),
])  # fmt: skip
def test_what_is_typed_becomes_a_value(typed: str, kind: Any, answer: Any) -> None:
    assert value(Question("x", ("x",), "x", kind), typed) == answer


@pytest.mark.parametrize(("name", "answer", "key"), [
    ("age", 7, "greater_than_equal"),
    ("age", "old", "int_type"),
    ("name", "", "blank_text"),
    ("id", "葛秀英", "not_an_id"),
    ("id", "My-Id", "not_an_id"),
    ("language", "Chinese!", "string_pattern_mismatch"),
    ("channel", "smell", "literal_error"),
    ("voice", ["a", "b"], "too_short"),
    ("opens_up_after", 4, "opens_too_late"),
    ("opens_up_after", 9, "opens_too_late"),
    ("opens_up_after", 3, None),
    ("difficulty", 5, None),
])  # fmt: skip
def test_an_answer_is_checked_by_the_rules_of_its_field(name: str, answer: Any, key: str | None) -> None:
    problem = wrong(named(name, whole())[0], answer, whole())
    assert (problem.key if problem else None) == key
    for language in LANGUAGES:
        assert problem is None or Texts(language).what(problem.key, problem.facts)


def test_a_cue_that_the_opening_shows_is_known_by_its_words() -> None:
    answers = whole()
    assert [cue["in_opening"] for cue in customer(answers)["cues"]] == [True, False, False]
    answers["opening",] = "Hello."
    assert [cue["in_opening"] for cue in customer(answers)["cues"]] == [False, False, False]


def test_ids_that_are_missing_or_used_twice_are_numbers() -> None:
    answers = whole()
    answers["cues", 1, "id"] = answers["cues", 0, "id"]
    del answers["worries", 0, "id"]
    made = Persona.model_validate(customer(answers))
    assert [cue.id for cue in made.cues] == ["again", "cue-2", "fine"]
    assert made.worries[0].id == "worry-1"


# --- how many there are ----------------------------------------------------------------------------------


def test_cues_are_asked_for_until_somebody_has_enough() -> None:
    answers: Answers = {}
    assert [len(named(name, answers)) for name in ("channel", "more_cues")] == [2, 1]
    answers = given(answers, named("more_cues", answers)[0], True)
    assert [len(named(name, answers)) for name in ("channel", "more_cues")] == [3, 2]
    while len(more := named("more_cues", answers)) < 4:
        answers = given(answers, more[-1], True)
    answers = given(answers, more[-1], True)
    assert [len(named(name, answers)) for name in ("channel", "more_cues")] == [6, 4]


def test_who_wants_no_further_cue_loses_those_that_were_there() -> None:
    answers = given(whole(), named("more_cues", whole())[0], False)
    assert [cue["id"] for cue in customer(answers)["cues"]] == ["again", "kettle"]
    assert len(named("channel", answers)) == 2
    assert len(customer(answers)["worries"]) == 2


def test_a_cue_that_is_left_out_makes_room_for_the_next() -> None:
    answers = without(whole(), "cues", 1)
    assert [cue["id"] for cue in customer(answers)["cues"]] == ["again", "fine"]
    assert without({("cues", 2, "means"): "x", (): "y"}, "cues", 0) == {("cues", 1, "means"): "x", (): "y"}


# --- going on --------------------------------------------------------------------------------------------


def at(answers: Answers, number: int) -> str:
    asked = questions(answers)
    return asked[number].name if number < len(asked) else "done"


def test_going_on_begins_behind_the_last_answer() -> None:
    answers: Answers = {("language",): "en", ("id",): "a", ("customer", "name"): "Ann"}
    assert at(answers, first_open(answers)) == "age"


def test_what_was_left_out_before_is_not_asked_for_again() -> None:
    full = whole()
    asked = [one for one in questions(full) if one.name != "ears"]
    answers = {one.path: full[one.path] for one in asked[:16] if one.path in full and one.name != "believes"}
    assert at(answers, first_open(answers)) == asked[16].name


def test_what_is_needed_and_missing_comes_first() -> None:
    answers = whole()
    del answers["customer", "age"]
    assert at(answers, first_open(answers)) == "age"


def test_a_list_that_was_typed_last_is_offered_again() -> None:
    answers = {path: one for path, one in whole().items() if path[0] in ("language", "id", "customer")}
    assert at(answers, first_open(answers)) == "surface_complaint"
    assert at(answers, take_up(answers)) == "voice"


def test_on_the_way_back_the_questions_of_just_now_come_again() -> None:
    answers = whole()
    seen = {("customer", "name"), ("customer", "age")}
    assert at(answers, first_open(answers, 2, seen)) == "name"
    assert at(answers, first_open(answers, 3, seen)) == "age"
    assert at(answers, first_open(answers, 4, seen)) == "ears"


@pytest.mark.parametrize(
    ("typed", "channel"), [("2", "wording"), ("措辞", "wording"), ("环境", "surroundings"), ("tone", "tone")]
)
def test_a_channel_is_known_by_its_number_and_in_both_languages(typed: str, channel: str) -> None:
    (one,) = (question for question in questions(whole()) if question.path == ("cues", 0, "channel"))
    assert value(one, typed) == channel
