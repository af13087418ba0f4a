"""A customer drafted by a model from a call, a complaint or notes, and where each part of the draft came from.

The model is asked three times, for parts that are short enough to come in time, each with the words of the text that it
rests on. Those words are looked up in the text: what is not there counts as made up. What does not fit the format is
sent back once, then left out, so that whoever goes on with the draft is asked for it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from simulator.errors import ModelError
from simulator.llm import Message, Model
from simulator.persona import LADDER_STEPS, Channel, Path_, check
from simulator.templates import Prompts
from simulator.transcript import Turn, holds, printable, where
from simulator.workbench.interview import CUES, SHOWS, WORRIES, Answers


@dataclass(frozen=True)
class Source:
    """Words of the text that a part of the draft rests on, and the number of the line in which they begin."""

    line: int
    quote: str


@dataclass(frozen=True)
class Proposal:
    """What has been drafted so far.

    Attributes:
        answers: the values that fit the format, by their place.
        sources: where they came from; what is not in here was made up.
    """

    answers: Answers = field(default_factory=dict)
    sources: dict[Path_, Source] = field(default_factory=dict)


# --- what a model fills in: the words it rests on before what it makes of them ---------------------------


class _Form(BaseModel):
    model_config = ConfigDict(extra="ignore")


class TextForm(_Form):
    """A text, and the words it comes from, if any."""

    quote: str | None
    value: str


class AgeForm(_Form):
    """An age, and the words it comes from, if any."""

    quote: str | None
    value: int


class WhoForm(_Form):
    """Who calls, what they say, and what they do not say."""

    name: TextForm
    age: AgeForm
    background: TextForm
    surface_complaint: TextForm
    opening: TextForm
    facts: list[TextForm]
    believes: list[TextForm]
    need: TextForm
    core: TextForm
    why_unsaid: TextForm
    said: TextForm
    locked_facts: list[TextForm]
    title: TextForm
    id: str


class CueForm(_Form):
    """One cue."""

    id: str
    channel: Channel
    shows: list[TextForm]
    means: TextForm
    met_by: TextForm
    harmed_by: TextForm | None
    heard_if: list[str]
    met_if: list[str]


class WorryForm(_Form):
    """One worry."""

    id: str
    worry: TextForm
    eased_by: TextForm
    heard_if: list[str]


class CallForm(_Form):
    """The agent's desk, the cues, and when the call has done its work."""

    clock: TextForm | None
    records: list[TextForm]
    may: list[TextForm]
    may_not: list[TextForm]
    cues: list[CueForm]
    worries: list[WorryForm]
    solved_when: TextForm
    trusted_when: TextForm
    solved_if: list[str]
    next_call: TextForm | None


class StepForm(_Form):
    """One step of the ladder."""

    mood: str
    sounds_like: TextForm


class VoiceForm(_Form):
    """How they sound."""

    voice: list[TextForm]
    ladder: list[StepForm]
    start: int
    when_guessed: list[TextForm]
    when_asked: list[TextForm]
    need_heard_if: list[str]
    opens_up_after: int
    difficulty: int
    tags: list[str]


FORMS: tuple[type[WhoForm | CallForm | VoiceForm], ...] = (WhoForm, CallForm, VoiceForm)
"""In the order in which they are asked for."""
_PLACES: dict[str, Path_] = {
    **{name: ("customer", name) for name in ("name", "age", "background", "voice")},
    **{name: ("hidden_need", name) for name in ("need", "core", "why_unsaid", "said", "opens_up_after")},
    "locked_facts": ("hidden_need", "facts"),
    "need_heard_if": ("hidden_need", "heard_if"),
    **{name: ("desk", name) for name in ("clock", "records", "may", "may_not")},
    **{name: ("resolution", name) for name in ("solved_when", "trusted_when", "solved_if")},
    **{name: ("emotion", name) for name in ("start", "ladder")},
}
"""Where a part of a form belongs in the file, if that is not at the top under the same name."""
_MOST: dict[str | int, int] = {"cues": CUES[1], "worries": WORRIES[1], "ladder": LADDER_STEPS, "shows": SHOWS}
"""Entries beyond these are not taken over."""


async def proposals(lines: Sequence[str], prompts: Prompts, model: Model) -> AsyncIterator[Proposal]:
    """What has been drafted, each time a part has come.

    Args:
        lines: the text, as it may be sent.
        prompts: those of the text's language.
        model: who is asked.

    Raises:
        ModelError: a part could not be had.
    """
    answers: Answers = {}
    sources: dict[Path_, Source] = {}
    text = "\n".join(f"[{number}] {line}" for number, line in enumerate(lines, 1) if line.strip())
    messages = [Message("system", prompts.render("persona_draft", text=text))]
    for part, form in enumerate(FORMS, 1):
        messages.append(Message("user", prompts.render("persona_draft_part", part=part)))
        reply, _ = await model.fill(messages, form)
        drawn = _Drawn(lines, reply)
        if drawn.faults:
            again = Message("user", prompts.render("persona_draft_again", faults=drawn.faults))
            try:
                second, _ = await model.fill([*messages, Message("assistant", reply.model_dump_json()), again], form)
            except ModelError:
                pass  # what fitted the first time still fits
            else:
                if len((better := _Drawn(lines, second)).faults) <= len(drawn.faults):
                    reply, drawn = second, better
        messages.append(Message("assistant", reply.model_dump_json()))
        answers |= drawn.answers
        sources |= drawn.sources
        yield Proposal(dict(answers), dict(sources))


# --- what of it fits -------------------------------------------------------------------------------------


class _Drawn:
    """One filled form, as values for fields.

    Attributes:
        answers: what fits.
        sources: where it came from, as far as its words are in the text.
        faults: a line for each thing that does not fit.
    """

    def __init__(self, lines: Sequence[str], form: BaseModel) -> None:
        self.answers: Answers = {}
        self.sources: dict[Path_, Source] = {}
        self.faults: list[str] = []
        self._lines = lines
        for name, value in form:
            self._put(_PLACES.get(name, (name,)), value)
        for path, many in _counted(form):
            if problem := check(path, many):
                self._fault(path, problem.facts)

    def _put(self, path: Path_, value: Any) -> None:
        if isinstance(value, TextForm | AgeForm):
            self._value(path, value.value, value.quote)
        elif isinstance(value, BaseModel):
            for name, inner in value:
                self._put((*path, name), inner)
        elif isinstance(value, list) and (path[-1] == "shows" or any(not _is_leaf(one) for one in value)):
            for at, one in enumerate(value[: _MOST.get(path[-1])]):
                self._put((*path, at), one)
        elif isinstance(value, list):
            self._list(path, value)
        elif value is not None:
            self._value(path, value, None)

    def _list(self, path: Path_, entries: list[Any]) -> None:
        kept: list[str] = []
        for one in entries:
            words = _clean(one.value if isinstance(one, TextForm) else one)
            if not words:
                continue
            if isinstance(one, TextForm) and (source := self._source(one.quote)):
                self.sources[*path, len(kept)] = source
            kept.append(words)
        if problem := check(path, kept):
            self._fault(path, problem.facts)
        if kept:
            self.answers[path] = kept

    def _value(self, path: Path_, value: Any, quote: str | None) -> None:
        value = _clean(value) if isinstance(value, str) else value
        if problem := check(path, value):
            self._fault(path, problem.facts)
            return
        self.answers[path] = value
        if source := self._source(quote):
            self.sources[path] = source

    def _source(self, quote: str | None) -> Source | None:
        """Where the words stand in the text; None: nowhere, or they are too few to prove anything."""
        text = "\n".join(self._lines)
        if not quote or not holds(Turn("", "customer", text), quote):
            return None
        place = where(text, quote)
        return Source(text.count("\n", 0, place[0]) + 1, " ".join(quote.split())) if place else None

    def _fault(self, path: Path_, facts: dict[str, object]) -> None:
        self.faults.append(f"{'.'.join(map(str, path))}: {facts.get('expected', '')}")


def _counted(form: BaseModel) -> Iterator[tuple[Path_, list[Any]]]:
    """Lists of parts with how many there must be, which no single part can tell."""
    if isinstance(form, CallForm):
        for at, cue in enumerate(form.cues):
            yield ("cues", at, "shows"), [one.value for one in cue.shows[:SHOWS]]
    elif isinstance(form, VoiceForm) and len(form.ladder) < LADDER_STEPS:
        steps = [{"mood": step.mood, "sounds_like": step.sounds_like.value} for step in form.ladder[:LADDER_STEPS]]
        yield ("emotion", "ladder"), steps


def _is_leaf(value: Any) -> bool:
    return isinstance(value, str | TextForm)


def _clean(text: str) -> str:
    return printable(text).strip()
