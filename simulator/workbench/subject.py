"""A customer as the rules of the check see it: what is said openly, what is locked, and how near the two are.

Nearness is a matter of words, not of meaning: a leak in quite other words is not found. Every measure here was set
on the customers that ship, none of which may be near, and on leaks put into them (`tests/test_leaks.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from itertools import pairwise
from typing import Any, NamedTuple

import yaml

from simulator.persona import Path_, Persona
from simulator.resources import texts_file

QUOTE = 60
"""Characters of a quote in a finding, at most."""


class Hit(NamedTuple):
    """What a rule found.

    Attributes:
        path: the field.
        key: which of the rule's sentences says it.
        facts: values for the placeholders of that sentence.
    """

    path: Path_
    key: str
    facts: dict[str, object]


class Line(NamedTuple):
    """A text of the file, and the field it stands in."""

    path: Path_
    text: str


class Near(NamedTuple):
    """Two texts that are near to each other: how near, and the words on either side."""

    weight: float
    text: str
    locked: Line


@cache
def all_words() -> dict[str, Any]:
    """What the check knows of each language."""
    with texts_file("words").open(encoding="utf-8") as file:
        loaded: dict[str, Any] = yaml.load(file, Loader=yaml.CSafeLoader)
    return loaded


class Subject:
    """A persona with what the rules ask of it, each worked out once."""

    def __init__(self, persona: Persona) -> None:
        self.persona = persona
        self.words: Mapping[str, list[str]] = all_words().get(persona.language.split("-", maxsplit=1)[0], {})

    @cached_property
    def seen(self) -> tuple[Line, ...]:
        """What the agent sees before and during the call."""
        desk = self.persona.desk
        lists = (("records", desk.records), ("may", desk.may), ("may_not", desk.may_not))
        return (
            Line(("id",), self.persona.id.replace("-", " ")),
            Line(("title",), self.persona.title),
            *(Line(("desk", name, i), text) for name, texts in lists for i, text in enumerate(texts)),
        )

    @cached_property
    def told(self) -> tuple[Line, ...]:
        """What the customer speaks from while the need is locked, but for the cues."""
        whole = self.persona
        lists = (
            ("facts", whole.facts),
            ("believes", whole.believes),
            ("when_asked", whole.when_asked),
            ("when_guessed", whole.when_guessed),
        )
        return (
            Line(("opening",), whole.opening),
            Line(("surface_complaint",), whole.surface_complaint),
            Line(("customer", "background"), whole.customer.background),
            *(Line(("customer", "voice", i), text) for i, text in enumerate(whole.customer.voice)),
            *(Line((name, i), text) for name, texts in lists for i, text in enumerate(texts)),
            *(
                Line(("emotion", "ladder", i, key), text)
                for i, step in enumerate(whole.emotion.ladder)
                for key, text in (("mood", step.mood), ("sounds_like", step.sounds_like))
            ),
        )

    @cached_property
    def shown(self) -> tuple[Line, ...]:
        """What the cues let slip, and the moments for it."""
        return tuple(
            Line(("cues", i, *path), text)
            for i, cue in enumerate(self.persona.cues)
            for path, text in (
                *((("shows", n), line) for n, line in enumerate(cue.shows)),
                *([(("when",), cue.when)] if cue.when else []),
            )
        )

    @cached_property
    def spoken(self) -> tuple[Line, ...]:
        """Everything that is said aloud: the call's own lines."""
        lines = [line for line in self.told if line.path[0] not in {"surface_complaint", "customer"}]
        lines = [line for line in lines if line.path[-1] != "mood"]
        voice = [line for line in self.told if line.path[:2] == ("customer", "voice")]
        need = self.persona.hidden_need
        locked = [Line(("hidden_need", "facts", i), text) for i, text in enumerate(need.facts)]
        shows = [line for line in self.shown if line.path[2] == "shows"]
        worries = [Line(("worries", i, "worry"), one.worry) for i, one in enumerate(self.persona.worries)]
        return (*lines, *voice, *shows, Line(("hidden_need", "said"), need.said), *locked, *worries)

    @cached_property
    def locked(self) -> tuple[Line, ...]:
        """What nobody may say before it is earned."""
        need = self.persona.hidden_need
        return (
            Line(("hidden_need", "need"), need.need),
            Line(("hidden_need", "core"), need.core),
            Line(("hidden_need", "said"), need.said),
        )

    def terms(self, text: str) -> frozenset[str]:
        """What texts are compared by: pairs of Chinese characters, beginnings of other words; no function words."""
        function = self.words.get("function", "")
        return _terms(text, str(function))

    @cached_property
    def _held(self) -> Counter[str]:
        """In how many open lines each term stands: what stands in many is the call's topic, and gives nothing away."""
        return Counter(term for line in (*self.seen, *self.told, *self.shown) for term in self.terms(line.text))

    @cached_property
    def _locked_parts(self) -> tuple[tuple[str, Line, frozenset[str]], ...]:
        """Each locked text, whole, by clauses and by pairs of clauses."""
        parts = []
        for line in self.locked:
            cut = clauses(line.text)
            pairs = [f"{one}, {other}" for one, other in pairwise(cut)]
            parts += [(part, line, self.terms(part)) for part in (*cut, *pairs, line.text)]
        return tuple(parts)

    def nearest_locked(self, line: Line) -> Near | None:
        """The locked words that an open line is nearest to; None where they share next to nothing.

        The weight grows with the shared terms that no other open line holds, and with how much of a locked clause
        they make up.
        """
        there = self.terms(line.text)
        best: Near | None = None
        for part, locked, wanted in self._locked_parts:
            shared = wanted & there
            if len(shared) < 2:
                continue
            weight = self._weight(shared, there)
            near = weight * (weight / self._weight(wanted, there)) ** 0.5
            if best is None or near > best.weight:
                best = Near(near, self._place(line.text, shared), Line(locked.path, quoted(part)))
        return best

    def _weight(self, terms: frozenset[str], there: frozenset[str]) -> float:
        return sum(1 / (1 + self._held[term] - (term in there)) for term in terms)

    def _place(self, text: str, shared: frozenset[str]) -> str:
        """The sentence that holds most of the shared terms."""
        return quoted(max(_sentences(text), key=lambda one: len(shared & self.terms(one)), default=text))


@cache
def _terms(text: str, function: str) -> frozenset[str]:
    carry_nothing = _function_words(function)
    runs = re.findall(r"[\u3400-\u9fff]+", text)
    pairs = (run[i : i + 2] for run in runs for i in range(len(run) - 1))
    chinese = (pair for pair in pairs if pair[0] not in function or pair[1] not in function)
    words = re.findall(r"[a-z0-9][a-z0-9']+", text.lower().replace("’", "'"))
    stems = (re.sub(r"'s$", "", word) for word in words if word not in carry_nothing)
    return frozenset((*chinese, *(word[:5].rstrip("s") if len(word) > 3 else word for word in stems)))


@cache
def _function_words(function: str) -> frozenset[str]:
    return frozenset(function.split())


def clauses(text: str) -> list[str]:
    """The text cut at every stop, comma and bracket."""
    return [part.strip() for part in re.split(r"[，。；！？：…、—（）,.;!?:()]+", text) if part.strip()]


def _sentences(text: str) -> Iterator[str]:
    yield from (part.strip() for part in re.findall(r"[^。！？；!?.;\n]+", text) if part.strip())


def quoted(text: str) -> str:
    """A text as a finding quotes it: on one line, and not too long."""
    flat = " ".join(text.split())
    return flat if len(flat) <= QUOTE else flat[: QUOTE - 1] + "…"
