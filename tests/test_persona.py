"""Persona files: what is wrong with one is said with its place, and every one that ships can be used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from simulator import persona as personas
from simulator.errors import PersonaError, Problem, UsageError
from simulator.persona import Persona, load, parse
from simulator.resources import folder
from simulator.texts import LANGUAGES, Texts
from simulator.workbench.fields import schema_text
from tests.scripted import DATA, a_persona

FILE = (DATA / "en.yaml").read_text("utf-8")


def problems(text: str) -> tuple[Problem, ...]:
    """What is wrong with the text of a file."""
    with pytest.raises(PersonaError) as caught:
        parse(text, "some.yaml")
    assert caught.value.file == "some.yaml"
    return caught.value.problems


def place(text: str, part: str) -> tuple[int, int]:
    """The line and column where a part of a text begins, from 1."""
    at = text.index(part)
    return text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)


# --- one thing wrong -------------------------------------------------------------------------------------

CHANGES: dict[str, tuple[str, str, str, str, str, dict[str, Any]]] = {
    # what is replaced, by what; the problem's key, its field, where it begins, facts
    "unknown key": (
        "title: A", "titel: x\ntitle: A",
        "unknown_key", "titel", "titel", {"near": "title"}),
    "unknown key, inside": (
        "    channel: tone", "    chanel: tone\n    channel: tone",
        "unknown_key", "cues[2].chanel", "chanel", {"near": "channel", "key": "chanel"}),
    "unknown key, deep in a list": (
        "{mood: at ease,", "{mode: x, mood: at ease,",
        "unknown_key", "emotion.ladder[4].mode", "mode: x", {"near": "mood"}),
    "unknown key, near to none": (
        "title: A", "xyzzy: x\ntitle: A",
        "unknown_key", "xyzzy", "xyzzy", {"near": ""}),
    "missing": (
        "title: A transfer that has not arrived\n", "",
        "missing", "title", "format", {}),
    "missing inside": (
        "  solved_when: The trace", "  # The trace",
        "missing", "resolution.solved_when", "resolution", {}),
    "key twice": (
        "title: A", "title: B\ntitle: A",
        "key_twice", "title", "title: A", {"key": "title"}),
    "key twice, inside": (
        "    channel: tone", "    channel: wording\n    channel: tone",
        "key_twice", "cues[2].channel", "channel: tone", {"key": "channel"}),
    "text for a number": (
        "difficulty: 2", "difficulty: two",
        "int_type", "difficulty", "difficulty", {"found": "two"}),
    "quoted number": (
        "difficulty: 2", 'difficulty: "2"',
        "int_type", "difficulty", "difficulty", {"found": "2"}),
    "fraction for a number": (
        "difficulty: 2", "difficulty: 2.0",
        "int_type", "difficulty", "difficulty", {"found": "2.0"}),
    "truth for a number": (
        "difficulty: 2", "difficulty: true",
        "int_type", "difficulty", "difficulty", {"found": "true"}),
    "too low": (
        "difficulty: 2", "difficulty: 0",
        "greater_than_equal", "difficulty", "difficulty", {"ge": 1, "found": "0"}),
    "too high": (
        "difficulty: 2", "difficulty: 6",
        "less_than_equal", "difficulty", "difficulty", {"le": 5}),
    "step beyond the ladder": (
        "start: 2", "start: 5",
        "less_than_equal", "emotion.start", "start", {"le": 4}),
    "text for truth": (
        "in_opening: true", 'in_opening: "true"',
        "bool_type", "cues[0].in_opening", "in_opening", {}),
    "text for a list": (
        "tags: [transfer]", "tags: transfer",
        "list_type", "tags", "tags", {"found": "transfer"}),
    "text where keys go": (
        "resolution:\n", "resolution: done\nnothing:\n",
        "model_type", "resolution", "resolution", {"found": "done"}),
    "list for a text": (
        "title: A transfer that has not arrived", "title: [a, b]",
        "string_type", "title", "title", {"found": "['a', 'b']"}),
    "nothing for a text": (
        "title: A transfer that has not arrived", "title:",
        "blank_text", "title", "title", {}),
    "blank text": (
        "title: A transfer that has not arrived", 'title: " "',
        "blank_text", "title", "title", {}),
    "escape sequence": (
        "title: A transfer", 'title: "\\e[31m"\n# A transfer',
        "control_character", "title", "title", {}),
    "bidi control": (
        "[transfer]", '["a\\u202eb"]',
        "control_character", "tags[0]", '"a\\u202eb"', {}),
    "zero width": (
        "[transfer]", '["a\\u200bb"]',
        "control_character", "tags[0]", '"a\\u200bb"', {}),
    "keys for an ear": (
        "[third time, three times]", "[{a: b}]",
        "expected_text_or_list", "cues[0].heard_if[0]", "{a: b}", {}),
    "keys in an ear's parts": (
        "[third time, three times]", "[[x, {a: b}]]",
        "string_type", "cues[0].heard_if[0][1]", "{a: b}", {}),
    "wrong choice": (
        "channel: tone", "channel: smell",
        "literal_error", "cues[2].channel", "channel: smell", {"found": "smell"}),
    "another format": (
        "format: 1", "format: 2",
        "literal_error", "format", "format", {"expected": "1"}),
    "bad cue id": (
        "id: kettle", "id: The Kettle",
        "string_pattern_mismatch", "cues[1].id", "id: The", {"found": "The Kettle"}),
    "bad language": (
        "language: en", "language: english language",
        "string_pattern_mismatch", "language", "language", {}),
    "too few steps": (
        '    - {mood: given up, sounds_like: "Never mind. Forget I rang."}\n', "",
        "too_short", "emotion.ladder", "ladder", {"min_length": 5, "actual_length": 4}),
    "too few lines": (
        ", \"(the kettle again) There's only me here to see to things.\"]", "]",
        "too_short", "cues[1].shows", 'shows: ["(a kettle', {"min_length": 2}),
    "too many falters": (
        '"Well. Shall we', 'a, b, "Well. Shall we',
        "too_long", "when_guessed", "when_guessed", {"max_length": 3}),
    "cue id twice": (
        "id: kettle", "id: again",
        "id_twice", "cues[1].id", "id: again\n    channel: surr", {"id": "again"}),
    "worry id twice": (
        "{id: fee", "{id: returned",
        "id_twice", "worries[1].id", 'id: returned, worry: "You', {"id": "returned"}),
    "opens too late": (
        "opens_up_after: 2", "opens_up_after: 4",
        "opens_too_late", "hidden_need.opens_up_after", "opens_up_after", {"cues": 3}),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "where", "at", "facts"), CHANGES.values(), ids=CHANGES)
def test_one_thing_wrong_is_said_with_its_place(
    old: str, new: str, key: str, where: str, at: str, facts: dict[str, Any]
) -> None:
    assert old in FILE
    text = FILE.replace(old, new, 1)
    problem = next(problem for problem in problems(text) if problem.key == key)
    assert (problem.where, (problem.line, problem.column)) == (where, place(text, at))
    assert {name: problem.facts[name] for name in facts} == facts
    for language in LANGUAGES:
        assert re.fullmatch(rf"f\.yaml:{problem.line}:{problem.column}: .+", Texts(language).problem("f.yaml", problem))


@pytest.mark.parametrize("name", ["missing", "too low", "keys in an ear's parts", "cue id twice", "wrong choice"])
def test_one_thing_wrong_is_one_problem(name: str) -> None:
    old, new, *_ = CHANGES[name]
    assert len(problems(FILE.replace(old, new, 1))) == 1


def test_all_that_is_wrong_is_said_at_once() -> None:
    text = FILE.replace("difficulty: 2", "difficulty: 9").replace("channel: tone", "channel: smell")
    text = text.replace("title:", "titel:", 1)
    assert {problem.key for problem in problems(text)} == {"less_than_equal", "literal_error", "unknown_key", "missing"}


def test_too_few_cues() -> None:
    text = FILE[: FILE.index("  - id: kettle")] + FILE[FILE.index("worries:") :]
    text = text.replace("opens_up_after: 2", "opens_up_after: 1")
    (problem,) = problems(text)
    assert (problem.key, problem.where, problem.facts["actual_length"]) == ("too_short", "cues", 1)


# --- what YAML makes of words without quotes -------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    ["2113", "7:41:06", "16:25", "0x1F", "3.50", "1.0e+3", "2026-11-11", "2026-11-11 10:20:00", "yes", "No", "true"],
)
@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("title: A transfer that has not arrived", "title: {}", "title"),
        ("records: [", "records: [{}, ", "desk.records[0]"),
        ("[third time, three times]", "[{}]", "cues[0].heard_if[0]"),
        ("[third time, three times]", "[[x, {}]]", "cues[0].heard_if[0][1]"),
    ],
)
def test_a_number_or_time_where_text_belongs_needs_quotes(written: str, old: str, new: str, where: str) -> None:
    text = FILE.replace(old, new.format(written), 1)
    (problem,) = problems(text)
    assert (problem.key, problem.where, problem.facts["found"]) == ("needs_quotes", where, written)
    assert problem.line == place(text, new.format(written))[0]
    assert parse(FILE.replace(old, new.format(f'"{written}"'), 1), "").id == "third-call"


@pytest.mark.parametrize("written", ["2026-11-31", "2026-13-01 10:00:00"])
def test_what_only_looks_like_a_date_needs_quotes_too(written: str) -> None:
    text = FILE.replace("clock: Tuesday 10:05", f"clock: {written}")
    (problem,) = problems(text)
    assert (problem.key, problem.where, problem.facts) == ("needs_quotes", "desk.clock", {"found": written})
    assert (problem.line, problem.column) == place(text, "clock")


# --- no persona at all -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("", "not_a_mapping", 1),
        ("- a\n- b\n", "not_a_mapping", 1),
        ("just words", "not_a_mapping", 1),
        ("a: 1\nb: [1, 2\nc: 3\n", "not_yaml", 3),
        ("a: 1\n\tb: 2\n", "not_yaml", 2),
        ("a: b: c\n", "not_yaml", 1),
        ("a: 'never closed\n\n", "not_yaml", 3),
        ("a: 1\n---\nb: 2\n", "not_yaml", 2),
        ("a: *nowhere\n", "not_yaml", 1),
        ("? [a]\n: b\n", "not_yaml", 1),
        ("a: !!python/object/apply:os.system [x]\n", "not_yaml", 1),
        ("a: !!float x\n", "not_yaml", 0),
        ("a: \x00\n", "not_yaml", 0),
    ],
)
def test_what_is_no_persona_at_all(text: str, key: str, line: int) -> None:
    (problem,) = problems(text)
    assert (problem.key, problem.line) == (key, line)
    assert "\n" not in str(problem.facts.get("why", ""))


def test_something_that_stands_in_itself_does_no_harm() -> None:
    assert problems("facts: &a [*a]\n")
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}]\n" for i in range(1, 60))
    assert {problem.key for problem in problems(bomb)} == {"unknown_key", "missing"}


# --- files -----------------------------------------------------------------------------------------------


def test_a_file_is_loaded_with_or_without_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "third-call.yaml"
    for encoding in ("utf-8", "utf-8-sig"):
        file.write_text(FILE, encoding)
        assert load(file) == a_persona()


@pytest.mark.parametrize(
    ("content", "name", "key"),
    [
        (FILE.encode("utf-16"), "third-call.yaml", "not_utf8"),
        ("名字".encode("gbk"), "third-call.yaml", "not_utf8"),
        (None, "third-call.yaml", "unreadable"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, content: bytes | None, name: str, key: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PersonaError) as caught:
        load(tmp_path / name)
    assert [problem.key for problem in caught.value.problems] == [key]
    assert caught.value.file == str(tmp_path / name)


def test_a_files_name_is_its_id(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(FILE, "utf-8")
    with pytest.raises(PersonaError) as caught:
        load(file)
    (problem,) = caught.value.problems
    assert (problem.key, problem.facts) == ("id_is_not_stem", {"id": "third-call", "stem": "other"})
    assert (problem.where, problem.line, problem.column) == ("id", *place(FILE, "id: third-call"))


def test_a_persona_is_found_by_id_or_by_path() -> None:
    assert personas.find("swallowed-card") == folder("personas") / "zh-CN" / "swallowed-card.yaml"
    for path in ("my.yaml", "some/where", "my.yml"):
        assert personas.find(path) == Path(path)


@pytest.mark.parametrize(("name", "near"), [("swalowed-card", "swallowed-card"), ("xyzzy", "")])
def test_a_persona_that_is_not_there(name: str, near: str) -> None:
    with pytest.raises(UsageError) as caught:
        personas.find(name)
    assert (caught.value.key, caught.value.facts) == ("no_such_persona", {"name": name, "near": near})


# --- the personas that ship, and the schema --------------------------------------------------------------

SHIPPED = [pytest.param(file, id=file.stem) for file in personas.files()]


def test_the_ten_that_ship() -> None:
    files = list(personas.files())
    assert len({file.stem for file in files}) == len(files) >= 10
    assert [load(file).language for file in files] == [file.parent.name for file in files]


@pytest.mark.parametrize("file", SHIPPED)
def test_a_persona_that_ships_is_a_whole_one(file: Path) -> None:
    persona = load(file)
    assert 3 <= len(persona.cues) <= 5
    assert len({cue.channel for cue in persona.cues}) >= 3
    assert len(persona.worries) == 2
    for cue in persona.cues:
        assert cue.heard_if, "an offline critic without ears"
        assert cue.met_if
        assert not cue.in_opening or cue.shows[0] in persona.opening
    assert all(worry.heard_if for worry in persona.worries)
    assert persona.hidden_need.heard_if
    assert persona.resolution.solved_if
    assert persona.desk.clock
    assert persona.next_call
    assert Persona.model_validate(json.loads(json.dumps(persona.model_dump(mode="json")))) == persona  # as it is kept


def test_the_schema_that_editors_use_is_the_models() -> None:
    file = folder("personas") / "persona.schema.json"
    if file.is_file():
        assert file.read_text("utf-8").strip() == schema_text().strip()


def test_a_cue_is_found_by_its_id() -> None:
    assert a_persona().cue("fine").channel == "tone"
    with pytest.raises(KeyError):
        a_persona().cue("nonsense")
