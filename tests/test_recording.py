"""Replies that are kept: what was asked once is not asked again, whatever became of the run that asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from simulator.critique import Usage
from simulator.errors import ModelError
from simulator.evals.recording import RecordingModel
from simulator.llm import Message
from tests.scripted import ScriptedModel


class Form(BaseModel):
    """What is asked for."""

    words: str


class OtherForm(BaseModel):
    """The same, by another name."""

    words: str


def asks(question: str = "Line 2?", rubric: str = "Be just.") -> list[Message]:
    return [Message("system", rubric), Message("user", question)]


def fill(model: RecordingModel, messages: list[Message], form: type[BaseModel] = Form) -> tuple[str, Usage]:
    reply, usage = asyncio.run(model.fill(messages, form))
    return str(reply.model_dump()["words"]), usage


def says(words: str) -> dict[str, str]:
    return {"words": words}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "run" / "a-call.jsonl"


# --- asking ----------------------------------------------------------------------------------------------


def test_what_was_asked_once_is_not_asked_again(file: Path) -> None:
    model = ScriptedModel(says("one"), says("two"))
    recording = RecordingModel(model, file)
    assert not file.exists()
    assert [fill(recording, asks(line))[0] for line in ("Line 2?", "Line 2?", "Line 4?", "Line 2?")] == [
        "one", "one", "two", "one",
    ]  # fmt: skip
    assert len(model.requests) == 2
    assert recording.asked == 4  # replies that were used


def test_a_later_run_goes_on_with_what_is_kept(file: Path) -> None:
    fill(RecordingModel(ScriptedModel(says("一")), file), asks())
    model = ScriptedModel(says("two"))
    later = RecordingModel(model, file)
    assert fill(later, asks()) == ("一", Usage(prompt=100, completion=10))
    assert fill(later, asks("Line 4?"))[0] == "two"
    assert [request[-1].content for request in model.requests] == ["Line 4?"]
    assert (later.name, later.asked) == ("scripted", 2)


def test_nobody_need_be_there_for_what_is_kept(file: Path) -> None:
    fill(RecordingModel(ScriptedModel(says("one")), file), asks())
    replay = RecordingModel(None, file)
    assert fill(replay, asks()) == ("one", Usage(prompt=100, completion=10))
    assert (replay.name, replay.asked) == ("recorded", 1)


def test_where_nobody_is_to_be_asked_it_cannot_be_judged(file: Path) -> None:
    replay = RecordingModel(None, file)
    with pytest.raises(ModelError) as caught:
        fill(replay, asks())
    assert (caught.value.key, caught.value.exit_code) == ("reply_missing", 7)
    assert replay.asked == 0
    assert not file.exists()


def test_a_model_that_fails_is_asked_again_the_next_time(file: Path) -> None:
    model = ScriptedModel(ModelError("model_server"), says("one"))
    recording = RecordingModel(model, file)
    with pytest.raises(ModelError, match="model_server"):
        fill(recording, asks())
    assert not file.exists()
    assert fill(recording, asks())[0] == "one"
    assert len(file.read_text(encoding="utf-8").splitlines()) == 1


# --- what is the same request ----------------------------------------------------------------------------


def test_a_request_is_known_again_when_the_rubric_is_worded_anew(file: Path) -> None:
    model = ScriptedModel(says("one"))
    fill(RecordingModel(model, file), asks(rubric="Be just."))
    assert fill(RecordingModel(None, file), asks(rubric="Be fair, and take your time."))[0] == "one"


@pytest.mark.parametrize(
    "other",
    [
        asks("Line 3?"),
        [*asks(), Message("assistant", "{}")],
        [*asks(), Message("assistant", "{}"), Message("user", "Again.")],
        [Message("system", "Be just."), Message("assistant", "Line 2?")],
        [Message("user", "Be just."), Message("user", "Line 2?")],
    ],
    ids=["other words", "one more", "asked back", "other role", "no system text"],
)
def test_anything_else_that_is_new_is_a_new_request(file: Path, other: list[Message]) -> None:
    recording = RecordingModel(ScriptedModel(says("one"), says("two")), file)
    assert (fill(recording, asks())[0], fill(recording, other)[0]) == ("one", "two")


def test_another_form_is_another_request(file: Path) -> None:
    recording = RecordingModel(ScriptedModel(says("one"), says("two")), file)
    assert (fill(recording, asks())[0], fill(recording, asks(), OtherForm)[0]) == ("one", "two")


# --- the file --------------------------------------------------------------------------------------------


def test_the_file_holds_a_line_for_each_reply(file: Path) -> None:
    recording = RecordingModel(ScriptedModel(says("一"), says("two")), file)
    fill(recording, asks())
    fill(recording, asks("Line 4?"))
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len({line.pop("asked") for line in lines}) == 2
    usage = {"prompt": 100, "completion": 10, "cached": 0}
    assert lines == [{"form": "Form", "reply": says(words), "usage": usage} for words in ("一", "two")]
    assert "一" in file.read_text(encoding="utf-8")  # for people to read


@given(cut=st.integers(min_value=1, max_value=40))
def test_a_half_written_last_line_is_ignored_and_asked_again(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    """Wherever it was cut, in the middle of a character too; and the reply to it is kept for good."""
    file = tmp_path_factory.mktemp("run") / "a-call.jsonl"
    recording = RecordingModel(ScriptedModel(says("one"), says("二二二二二二二二")), file)
    fill(recording, asks())
    fill(recording, asks("Line 4?"))
    tail = len(b'"}, "usage": {"prompt": 100, "completion": 10, "cached": 0}}\n')
    raw = file.read_bytes()
    file.write_bytes(raw[: len(raw) - tail - cut])
    model = ScriptedModel(says("again"), says("three"))
    going_on = RecordingModel(model, file)
    assert [fill(going_on, asks(line))[0] for line in ("Line 2?", "Line 4?", "Line 6?")] == ["one", "again", "three"]
    assert len(model.requests) == 2
    replay = RecordingModel(None, file)
    assert [fill(replay, asks(line))[0] for line in ("Line 2?", "Line 4?", "Line 6?")] == ["one", "again", "three"]


def test_a_last_line_that_only_lacks_its_end_counts(file: Path) -> None:
    fill(RecordingModel(ScriptedModel(says("one")), file), asks())
    file.write_bytes(file.read_bytes().rstrip(b"\n"))
    going_on = RecordingModel(ScriptedModel(says("two")), file)
    assert (fill(going_on, asks())[0], fill(going_on, asks("Line 4?"))[0]) == ("one", "two")
    replay = RecordingModel(None, file)
    assert (fill(replay, asks())[0], fill(replay, asks("Line 4?"))[0]) == ("one", "two")


@given(words=st.text(st.characters(exclude_categories=["Cs"])))
def test_whatever_was_replied_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, words: str) -> None:
    """Line ends of every kind among it: U+2028, U+0085 and the rest."""
    file = tmp_path_factory.mktemp("run") / "a-call.jsonl"
    fill(RecordingModel(ScriptedModel(says(words)), file), asks())
    assert fill(RecordingModel(None, file), asks())[0] == words


def test_nothing_that_is_streamed_is_kept(file: Path) -> None:
    with pytest.raises(NotImplementedError, match="only forms"):
        RecordingModel(ScriptedModel("Hello"), file).stream(asks())
