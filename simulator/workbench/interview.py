"""The questions that make a customer, in order, and what the answers come to.

Pure: `asking` puts them, and `keeping` writes the file. Answers are kept by the place of their field, such as
``("cues", 0, "means")``; None is something optional that was left out. A list is one answer, but for the lines of a
cue, which are asked for one by one. What is no field, such as whether there is one more cue, is kept under
``("more", "cues", 2)`` and never reaches a file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from simulator.errors import Problem
from simulator.persona import CHANNELS, LADDER_STEPS, Path_, Persona, check, part_class

Kind = Literal["text", "number", "lines", "words", "channel", "yes"]
Answers = dict[Path_, Any]

CUES, WORRIES, SHOWS = (2, 6), (1, 3), 3
"""Fewest and most that are asked for; most lines that a cue has."""
MOODS = {
    "zh": ("要挂电话", "憋着火", "客气地等着", "松了口气", "踏实了"),
    "en": ("giving up", "holding back anger", "politely waiting", "breathing out", "at ease"),
}
"""Names for the five steps that fit most customers, by their language."""


@dataclass(frozen=True)
class Question:
    """One thing to ask.

    Attributes:
        name: what it is called in the catalogue of screen texts.
        path: the field that it fills.
        section: the part of the customer that it belongs to, such as ``who`` or ``cue 1``.
        kind: how the answer is typed: ``lines`` one by one, ``words`` in one line with commas between them.
        optional: whether it may be left out.
        default: what is taken for an empty answer.
        number: of several alike, which it is, from 1.
    """

    name: str
    path: Path_
    section: str
    kind: Kind = "text"
    optional: bool = False
    default: Any = None
    number: int = 0


def questions(answers: Mapping[Path_, Any]) -> list[Question]:
    """All questions in order, as many as these answers call for."""
    return [*_who(), *_complaint(), *_need(), *_cues(answers), *_mood(answers), *_rest(answers), *_ears(answers)]


def _who() -> Iterator[Question]:
    yield Question("language", ("language",), "who")
    yield Question("id", ("id",), "who")
    yield Question("name", ("customer", "name"), "who")
    yield Question("age", ("customer", "age"), "who", "number")
    yield Question("background", ("customer", "background"), "who")
    yield Question("voice", ("customer", "voice"), "who", "lines")


def _complaint() -> Iterator[Question]:
    yield Question("surface_complaint", ("surface_complaint",), "complaint")
    yield Question("opening", ("opening",), "complaint")
    yield Question("facts", ("facts",), "complaint", "lines")
    yield Question("believes", ("believes",), "complaint", "lines", optional=True)


def _need() -> Iterator[Question]:
    for name in ("need", "core", "why_unsaid", "said"):
        yield Question(name, ("hidden_need", name), "need")
    yield Question("locked_facts", ("hidden_need", "facts"), "need", "lines", optional=True)
    yield Question("when_guessed", ("when_guessed",), "need", "lines")
    yield Question("when_asked", ("when_asked",), "need", "lines", optional=True)


def _cues(answers: Mapping[Path_, Any]) -> Iterator[Question]:
    for at in range(CUES[1]):
        here: Path_ = ("cues", at)
        if at >= CUES[0]:
            yield Question("more_cues", ("more", *here), f"cue {at}", "yes", default=at < _count(answers, "cues"))
        if at >= _count(answers, "cues"):
            return
        section = f"cue {at + 1}"
        yield Question("channel", (*here, "channel"), section, "channel", number=at + 1)
        yield Question("gentle", (*here, "shows", 0), section)
        yield Question("stronger", (*here, "shows", 1), section)
        if (*here, "shows", 2) in answers:  # two lines are enough; a third is there if a model or a hand wrote it
            yield Question("strongest", (*here, "shows", 2), section, optional=True)
        yield Question("means", (*here, "means"), section)
        yield Question("met_by", (*here, "met_by"), section)
        yield Question("harmed_by", (*here, "harmed_by"), section, optional=True)


def _mood(answers: Mapping[Path_, Any]) -> Iterator[Question]:
    moods = MOODS["zh" if str(answers.get(("language",), "")).startswith("zh") else "en"]
    for at in range(LADDER_STEPS):
        here: Path_ = ("emotion", "ladder", at)
        yield Question("mood", (*here, "mood"), "mood", default=moods[at], number=at + 1)
        yield Question("sounds_like", (*here, "sounds_like"), "mood", number=at + 1)
    yield Question("start", ("emotion", "start"), "mood", "number", default=1)
    yield Question("difficulty", ("difficulty",), "mood", "number", default=2)
    yield Question("opens_up_after", ("hidden_need", "opens_up_after"), "mood", "number", default=2)


def _rest(answers: Mapping[Path_, Any]) -> Iterator[Question]:
    yield Question("clock", ("desk", "clock"), "desk", optional=True)
    yield Question("records", ("desk", "records"), "desk", "lines")
    yield Question("may", ("desk", "may"), "desk", "lines")
    yield Question("may_not", ("desk", "may_not"), "desk", "lines", optional=True)
    for at in range(WORRIES[1]):
        here: Path_ = ("worries", at)
        if at >= WORRIES[0]:
            yield Question("more_worries", ("more", *here), "after", "yes", default=at < _count(answers, "worries"))
        if at >= _count(answers, "worries"):
            break
        yield Question("worry", (*here, "worry"), "after", number=at + 1)
        yield Question("eased_by", (*here, "eased_by"), "after")
    yield Question("solved_when", ("resolution", "solved_when"), "after")
    yield Question("trusted_when", ("resolution", "trusted_when"), "after")
    yield Question("next_call", ("next_call",), "after", optional=True)
    yield Question("title", ("title",), "list")
    yield Question("tags", ("tags",), "list", "words", optional=True)


def _ears(answers: Mapping[Path_, Any]) -> Iterator[Question]:
    yield Question("ears", ("more", "ears"), "ears", "yes", default=any(path[-1] in EARS for path in answers))
    if not answers.get(("more", "ears")):
        return
    for at in range(_count(answers, "cues")):
        yield Question("cue_heard_if", ("cues", at, "heard_if"), "ears", "lines", optional=True, number=at + 1)
        yield Question("cue_met_if", ("cues", at, "met_if"), "ears", "lines", optional=True, number=at + 1)
    yield Question("need_heard_if", ("hidden_need", "heard_if"), "ears", "lines", optional=True)
    for at in range(_count(answers, "worries")):
        yield Question("worry_heard_if", ("worries", at, "heard_if"), "ears", "lines", optional=True, number=at + 1)
    yield Question("solved_if", ("resolution", "solved_if"), "ears", "lines", optional=True)


EARS = ("heard_if", "met_if", "solved_if")


def _count(answers: Mapping[Path_, Any], kind: Literal["cues", "worries"]) -> int:
    """How many there are, or are wanted."""
    fewest, most = CUES if kind == "cues" else WORRIES
    begun = [path[1] for path in answers if path[0] == kind and len(path) > 1 and isinstance(path[1], int)]
    wanted = [path[2] for path, more in answers.items() if path[:2] == ("more", kind) and more]
    declined = [path[2] for path, more in answers.items() if path[:2] == ("more", kind) and not more]
    there = max([fewest, *(int(at) + 1 for at in [*begun, *wanted])])
    return min([there, most, *(int(at) for at in declined)])


def first_open(answers: Mapping[Path_, Any], start: int = 0, seen: Collection[Path_] = ()) -> int:
    """Where to go on: the number of the first question to ask, from 0; that behind the last when none is left.

    What was left out before the last answer stays left out.

    Args:
        answers: those there are.
        start: the first that comes into question.
        seen: places that were asked for just now, and so are come by again on the way back from an earlier one.
    """
    asked = questions(answers)
    last = max((at for at, one in enumerate(asked) if one.path in answers), default=-1)
    for at, one in enumerate(asked[start:], start):
        may_lack = at < last and (one.optional or one.path[0] == "more")
        if one.path in seen or (one.path not in answers and not may_lack):
            return at
    return len(asked)


def take_up(answers: Mapping[Path_, Any]) -> int:
    """Where to go on with a draft: as `first_open`, but the list that was typed last may not have been finished."""
    at, asked = first_open(answers), questions(answers)
    if not 0 < at < len(asked):
        return at
    before = asked[at - 1]
    return at - 1 if before.kind == "lines" and before.path in answers else at


# --- one answer ------------------------------------------------------------------------------------------


_IN_CHINESE = dict(zip(("语气", "措辞", "重复", "沉默", "环境"), CHANNELS, strict=True))


def value(question: Question, typed: str) -> Any:
    """What was typed as a value of the field's type, if it can be one; else as it is."""
    typed = typed.strip()
    if question.kind == "number":
        return int(typed) if re.fullmatch(r"\d{1,4}", typed) else typed
    if question.kind == "words":
        return [word for part in re.split(r"[,，、;；]", typed) if (word := part.strip())]
    if question.kind == "channel" and re.fullmatch(rf"[1-{len(CHANNELS)}]", typed):
        return CHANNELS[int(typed) - 1]
    if question.kind == "channel":
        return _IN_CHINESE.get(typed, typed)
    return typed


def wrong(question: Question, answer: Any, answers: Mapping[Path_, Any]) -> Problem | None:
    """What is wrong with an answer; None: nothing."""
    if question.path == ("hidden_need", "opens_up_after") and type(answer) is int:
        cues = _count(answers, "cues")
        if answer > cues:
            return Problem("opens_too_late", "hidden_need.opens_up_after", facts={"cues": cues})
    problem = check(question.path, answer)
    if problem and question.name == "id" and problem.key == "string_pattern_mismatch":
        return Problem("not_an_id", "id", facts={"found": answer})  # nobody should have to read a pattern
    return problem


def given(answers: Mapping[Path_, Any], question: Question, answer: Any) -> Answers:
    """The answers with one more; who wants no further cue or worry loses those that were there."""
    kept = {**answers, question.path: answer}
    if question.path[0] != "more" or answer or len(question.path) < 3:
        return kept
    _, kind, at = question.path
    return {
        path: one
        for path, one in kept.items()
        if path == question.path or not (_is_of(path, kind, at) or (path[0] == "more" and _is_of(path[1:], kind, at)))
    }


def _is_of(path: Path_, kind: str | int, at: str | int) -> bool:
    """Whether it belongs to the entry of that number or to a later one."""
    return path[0] == kind and len(path) > 1 and isinstance(path[1], int) and path[1] >= int(at)


def without(answers: Mapping[Path_, Any], kind: Literal["cues", "worries"], at: int) -> Answers:
    """The answers, or the notes on them, without that cue or worry; those behind it move up."""
    kept: Answers = {}
    for path, answer in answers.items():
        if path[:1] == (kind,) and isinstance(path[1], int):
            if path[1] != at:
                kept[kind, path[1] - (path[1] > at), *path[2:]] = answer
        elif path[:2] != ("more", kind):
            kept[path] = answer
    return kept


# --- all of them -----------------------------------------------------------------------------------------


def customer(answers: Mapping[Path_, Any]) -> dict[str, Any]:
    """The answers as the content of a customer file, with ids for what has none."""
    built: dict[str, Any] = {"format": 1}
    for path in sorted(answers, key=lambda path: [part for part in path if isinstance(part, int)]):
        if path[0] != "more" and answers[path] is not None:
            _put(built, path, answers[path])
    if ladder := built.get("emotion", {}).get("ladder"):
        built["emotion"]["ladder"] = [step for step in ladder if step]
    for kind, name in (("cues", "cue"), ("worries", "worry")):
        built[kind] = [one for one in built.get(kind, []) if one]
        for number, one in enumerate(built[kind], 1):
            if one.get("id") in [None, *(other.get("id") for other in built[kind][: number - 1])]:
                one["id"] = f"{name}-{number}"
    for cue in built.get("cues", []):
        cue["in_opening"] = bool(cue.get("shows")) and cue["shows"][0] in built.get("opening", "")
    return built


def _put(built: dict[str, Any], path: Path_, answer: Any) -> None:
    """Put a value to its place; entries of lists come in order, so what is missing before one only moves it up."""
    here: Any = built
    for part, following in pairwise(path):
        if isinstance(part, int):
            while len(here) <= part:
                here.append({})
            here = here[part]
        else:
            here = here.setdefault(part, [] if isinstance(following, int) else {})
    if isinstance(path[-1], int):
        here.append(answer)
    else:
        here[path[-1]] = answer


def answers_of(content: Mapping[str, Any]) -> Answers:
    """The answers that come to this content of a customer file; keys that the format does not know are left out."""
    return dict(_answers(Persona, content, ()))


def _answers(model: Any, content: Mapping[str, Any], path: Path_) -> Iterator[tuple[Path_, Any]]:
    for name, field in model.model_fields.items():
        found, here = content.get(name), (*path, name)
        inner = part_class(field.annotation)
        if found is None or here == ("format",) or name == "in_opening":
            continue
        if inner and isinstance(found, list):
            for at, entry in enumerate(found):
                if isinstance(entry, Mapping):
                    yield from _answers(inner, entry, (*here, at))
        elif inner:
            if isinstance(found, Mapping):
                yield from _answers(inner, found, here)
        elif name == "shows" and isinstance(found, list):
            yield from (((*here, at), line) for at, line in enumerate(found))
        else:
            yield here, found
