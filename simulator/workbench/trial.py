"""A customer's trial in figures: what calls with several kinds of agents show about the customer, and a verdict.

Pure: everything is worked out from the persona and the events of the calls. Nothing here judges an agent anew; levels
are the critic's. What the customer did is looked up in their words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import fmean
from typing import Any, Literal

from pydantic import Field

from simulator.critique import LAYERS, PICKED_UP, Layer, Usage, Value
from simulator.customer import terms_of
from simulator.director import TRIES_TO_SAY, direct, follow
from simulator.errors import ModelError
from simulator.events import (
    AgentSaid,
    CustomerSaid,
    Debriefed,
    Ending,
    Engine,
    Event,
    FindingsMade,
    ended,
    started,
    transcript,
)
from simulator.persona import Persona
from simulator.transcript import echoes, fold, in_language, number_of, spoken
from simulator.workbench.agents import KINDS, Kind

NeedCame = Literal["early", "in_time", "late", "never", "locked"]
"""``early``: while the lock was shut; ``late``: earned, but not in the turns that it is asked for in; ``never``:
earned and not said; ``locked``: neither earned nor said."""

TELLTALES = 4
"""Words of the need's own, in one customer turn, from which it counts as said. In the 76 labelled calls of
`evals/critic` this finds 16 of the 18 turns in which it was said, and 1 of 505 before them."""
REPEATED_IN = 3
"""Customer turns of one call from which a phrase that comes back counts as repeated."""
PHRASE = {"zh": 5, "other": 4}
"""The shortest phrase that counts: Chinese characters, words of other languages."""
RATE_GAP, LEVEL_GAP = 0.25, 1.0
"""How far the attentive agent must be ahead of the best of the rest: share of cues picked up, mean level. With every
shipped customer the labelled calls of `evals/critic` reach both, whose other agents pick something up on purpose."""

Side = Literal["agent", "customer"]
Verdict = Literal[
    "gives_the_need_away", "breaks_character", "need_never_comes_out", "does_not_tell_apart", "works", "cannot_tell"
]
Problem = Literal["gives_the_need_away", "breaks_character", "need_never_comes_out", "does_not_tell_apart"]


# --- values ----------------------------------------------------------------------------------------------


class Spot(Value):
    """A place that a reason rests on: call, line of that call from 1, the words."""

    call: str
    line: int
    words: str


class CueShown(Value):
    """One cue in one call.

    ``due``: how often it was to show; ``came``: how often it did; ``held_back``: how often its moment had not come.
    ``level``: 0-5; None when it was not shown or could not be judged.
    """

    cue: str
    due: int
    came: int
    held_back: int
    level: int | None


class Repetition(Value):
    """A phrase that came back in so many customer turns of one call."""

    call: str
    phrase: str
    turns: int


class CallFigures(Value):
    """One call: how it went, and what the customer did in it.

    ``steps``: the mood at each customer turn, 0 = worst. ``unscheduled``: a cue that showed before it was due.
    ``thrown_away``: answers that began with a speaker's label, and were asked for again.
    What only a language model can do wrong is empty in a call with the offline engine.
    """

    call: str
    kind: Kind
    turns: int
    ended: Ending
    opening_held: bool
    need: NeedCame
    leaks: tuple[Spot, ...]
    cues: tuple[CueShown, ...]
    unscheduled: tuple[Spot, ...]
    not_judged: int
    steps: tuple[int, ...]
    solved: bool
    layers: dict[Layer, int | None]
    out_of_role: tuple[Spot, ...]
    thrown_away: int
    out_of_language: tuple[Spot, ...]
    repeated: Repetition | None
    usage: Usage


class KindFigures(Value):
    """All calls of one kind of agent. ``levels`` counts the graded cues by level, 0-5; without any, rates are None."""

    kind: Kind
    calls: int
    picked: int
    levels: tuple[int, int, int, int, int, int]
    picked_rate: float | None
    mean_level: float | None
    first_step: int
    last_steps: tuple[int, ...]
    layers: dict[Layer, float | None]

    @property
    def graded(self) -> int:
        """How many cues were shown and judged, over all calls."""
        return sum(self.levels)


class Separation(Value):
    """The attentive agent less the best of the rest, each measure by itself; ``best_*`` names who that was."""

    picked_rate: float
    mean_level: float
    best_picked: Kind
    best_level: Kind


class Broken(Value):
    """A call that could not be held to its end.

    ``side``: whose words did not come; ``why``: a key of the text catalogue's errors, with its ``facts``.
    """

    call: str
    kind: Kind
    side: Side
    why: str
    facts: dict[str, str | int | float]


class Reason(Value):
    """Something the verdict rests on, or that a trainer should look at. ``problem`` decides the verdict."""

    key: str
    weight: Literal["problem", "fine", "remark"]
    problem: Problem | None = None
    facts: dict[str, str | int] = Field(default_factory=dict)
    spots: tuple[Spot, ...] = ()


class Trial(Value):
    """What a trial showed: the verdict, what it rests on, and the figures."""

    persona: str
    engine: Engine
    models: dict[str, str]
    wanted: int
    turns: int
    verdict: Verdict
    reasons: tuple[Reason, ...]
    separation: Separation | None
    kinds: tuple[KindFigures, ...]
    calls: tuple[CallFigures, ...]
    broken: tuple[Broken, ...]
    usage: Usage


@dataclass(frozen=True)
class Held:
    """A call as it was held.

    Attributes:
        kind: the agent's.
        number: which call with that kind of agent, from 1.
        events: the call's.
        thrown_away: answers of the customer that were out of role and asked for again.
        usage: what the agent's lines cost.
        failed: why it was not held to its end; with ``side``, whose words did not come.

    """

    kind: Kind
    number: int
    events: Sequence[Event]
    thrown_away: int = 0
    usage: Usage = field(default_factory=Usage)
    failed: ModelError | None = None
    side: Side = "agent"

    @property
    def name(self) -> str:
        """Such as ``attentive-1``."""
        return f"{self.kind}-{self.number}"


# --- the whole -------------------------------------------------------------------------------------------


def weigh(persona: Persona, held: Sequence[Held], words: Sequence[str], *, wanted: int, turns: int) -> Trial:
    """What the calls show.

    Args:
        persona: who was tried.
        held: the calls, at least one; those that broke off count in no figure.
        words: what no customer says, in their language.
        wanted: how many calls there were to be.
        turns: agent turns that a call had room for.
    """
    whole = [one for one in sorted(held, key=lambda one: (KINDS.index(one.kind), one.number)) if not one.failed]
    start = started(held[0].events)
    calls = tuple(of_call(persona, one, words) for one in whole)
    kinds = tuple(of_kind(kind, group) for kind in KINDS if (group := [one for one in calls if one.kind == kind]))
    separation = apart(kinds)
    broken = tuple(_broken(one, one.failed) for one in held if one.failed)
    reasons = tuple(_reasons(calls, kinds, separation, broken))
    return Trial(
        persona=persona.id,
        engine=start.engine,
        models=start.models,
        wanted=wanted,
        turns=turns,
        verdict=_verdict(reasons, separation),
        reasons=reasons,
        separation=separation,
        kinds=kinds,
        calls=calls,
        broken=broken,
        usage=sum((_used(one) for one in held), Usage()),
    )


def _used(held: Held) -> Usage:
    """The tokens of all three sides."""
    counted = [e.usage for e in held.events if isinstance(e, CustomerSaid | FindingsMade | Debriefed) and e.usage]
    return sum(counted, held.usage)


def _broken(held: Held, failed: ModelError) -> Broken:
    facts = {
        name: fact if isinstance(fact, int | float) else str(fact)
        for name, fact in failed.facts.items()
        if name != "url"  # which may hold a password
    }
    return Broken(call=held.name, kind=held.kind, side=held.side, why=failed.key, facts=facts)


def of_call(persona: Persona, held: Held, words: Sequence[str]) -> CallFigures:
    """The figures of one call that was held to its end."""
    call, events = _Call(persona, held), held.events
    end = ended(events)
    assert end is not None
    state = follow(persona, events)
    model = started(events).engine == "model"
    verdict = next((e.verdict for e in reversed(events) if isinstance(e, Debriefed)), None)
    scores = {layer: verdict.layers[layer].score if verdict and layer in verdict.layers else None for layer in LAYERS}
    return CallFigures(
        call=held.name,
        kind=held.kind,
        turns=sum(isinstance(event, AgentSaid) for event in events),
        ended=end.how,
        opening_held=call.said[0].text == persona.opening,
        need=call.need(),
        leaks=tuple(call.leaks()),
        cues=tuple(call.cue(cue.id, state.cues[cue.id].grade) for cue in persona.cues),
        unscheduled=tuple(call.unscheduled()),
        not_judged=len(state.unjudged),
        steps=tuple(said.step for said in call.said),
        solved=state.solved is not None,
        layers=scores,
        out_of_role=tuple(call.with_words(words)) if model else (),
        thrown_away=held.thrown_away,
        out_of_language=tuple(call.in_another_language()) if model else (),
        repeated=call.repetition() if model else None,
        usage=_used(held),
    )


def of_kind(kind: Kind, calls: Sequence[CallFigures]) -> KindFigures:
    """The figures of one kind of agent, cues of all calls together."""
    levels = [cue.level for call in calls for cue in call.cues if cue.level is not None]
    counted = Counter(levels)
    scores = {layer: [s for call in calls if (s := call.layers.get(layer)) is not None] for layer in LAYERS}
    return KindFigures(
        kind=kind,
        calls=len(calls),
        picked=sum(level >= PICKED_UP for level in levels),
        levels=(counted[0], counted[1], counted[2], counted[3], counted[4], counted[5]),
        picked_rate=fmean(level >= PICKED_UP for level in levels) if levels else None,
        mean_level=fmean(levels) if levels else None,
        first_step=calls[0].steps[0],
        last_steps=tuple(call.steps[-1] for call in calls),
        layers={layer: fmean(given) if given else None for layer, given in scores.items()},
    )


def apart(kinds: Sequence[KindFigures]) -> Separation | None:
    """How far the attentive agent is ahead; None when there is nobody to compare or nothing was judged."""
    graded = [(one.kind, one.picked_rate, one.mean_level) for one in kinds]
    known = [(kind, rate, level) for kind, rate, level in graded if rate is not None and level is not None]
    ours = next((one for one in known if one[0] == "attentive"), None)
    rest = [one for one in known if one[0] != "attentive"]
    if ours is None or not rest:
        return None
    best_picked, best_level = max(rest, key=lambda one: one[1]), max(rest, key=lambda one: one[2])
    return Separation(
        picked_rate=ours[1] - best_picked[1],
        mean_level=ours[2] - best_level[2],
        best_picked=best_picked[0],
        best_level=best_level[0],
    )


# --- one call --------------------------------------------------------------------------------------------


class _Call:
    """A call's customer turns, each with what the director wanted of it and what the critic saw in it."""

    def __init__(self, persona: Persona, held: Held) -> None:
        self._persona = persona
        self._name = held.name
        self._events = held.events
        self._turns = transcript(held.events)
        self.said = [event for event in held.events if isinstance(event, CustomerSaid)]
        before = {event.turn: held.events[:at] for at, event in enumerate(held.events)
                  if isinstance(event, CustomerSaid)}  # fmt: skip
        self._asked = {said.turn: direct(persona, before[said.turn]) for said in self.said[1:]}
        findings = [event.findings for event in held.events if isinstance(event, FindingsMade)]
        self._seen = {(c.cue, c.customer.turn): c.customer.quote for f in findings for c in f.cues if c.customer}
        self._confirmed = {f.need_said.turn: f.need_said.quote for f in findings if f.need_said}

    def _spot(self, said: CustomerSaid, words: str = "") -> Spot:
        return Spot(call=self._name, line=number_of(self._turns, said.turn), words=words or said.text)

    def _open(self, said: CustomerSaid) -> bool:
        """Whether the need was in the prompt for that turn."""
        return said.turn in self._asked and self._asked[said.turn].earned is not None

    def _says_need(self, said: CustomerSaid) -> bool:
        """Whether the need comes out in that turn, as the critic confirmed or by its words."""
        if said.turn in self._confirmed or fold(self._persona.hidden_need.said) in fold(said.text):
            return True
        line = number_of(self._turns, said.turn)
        by_agent = terms_of(" ".join(turn.text for turn in self._turns[:line] if turn.speaker == "agent"))
        return len((telltales(self._persona) & terms_of(spoken(said.text))) - by_agent) >= TELLTALES

    def leaks(self) -> Iterator[Spot]:
        """Where the need came out though it was in no prompt."""
        for said in self.said:
            if not self._open(said) and self._says_need(said):
                yield self._spot(said, self._confirmed.get(said.turn, ""))

    def need(self) -> NeedCame:
        """Whether and when the need came out."""
        if any(self.leaks()):
            return "early"
        opened = [said for said in self.said if self._open(said)]
        if not opened:
            return "locked"
        first = next((n for n, said in enumerate(opened, 1) if self._says_need(said)), None)
        if first is None:
            return "never"
        return "in_time" if first <= TRIES_TO_SAY else "late"

    def cue(self, cue_id: str, level: int | None) -> CueShown:
        """How often a cue was due, and how often it came."""
        cue = self._persona.cue(cue_id)
        due = came = held_back = 0
        if cue.in_opening:
            due, came = 1, int(fold(cue.shows[0]) in fold(self.said[0].text))
        for said in self.said[1:]:
            slip = self._asked[said.turn].slip
            if slip is None or slip.cue != cue_id:
                continue
            there = (cue_id, said.turn) in self._seen or (not said.held_back and echoes(said.text, slip.line))
            held_back += said.held_back and not there
            due += not said.held_back or there
            came += there
        return CueShown(cue=cue_id, due=due, came=came, held_back=held_back, level=level)

    def unscheduled(self) -> Iterator[Spot]:
        """Where the critic saw a cue that had not been due by then."""
        been = {cue.id for cue in self._persona.cues if cue.in_opening}
        for said in self.said:
            been |= {said.cue} if said.cue else set()
            for (cue, turn), quote in self._seen.items():
                if turn == said.turn and cue not in been:
                    yield self._spot(said, quote)

    def with_words(self, words: Sequence[str]) -> Iterator[Spot]:
        """Where the customer says what no customer says."""
        for said in self.said[1:]:
            if any(word.lower() in said.text.lower() for word in words):
                yield self._spot(said)

    def in_another_language(self) -> Iterator[Spot]:
        """Where the customer does not speak their language."""
        for said in self.said[1:]:
            if not in_language(spoken(said.text), self._persona.language):
                yield self._spot(said)

    def repetition(self) -> Repetition | None:
        """The longest phrase that came back; what the file's cues say more than once is meant to."""
        texts = [spoken(said.text) for said in self.said]
        meant = [line for cue in self._persona.cues for line in cue.shows]
        found = repeated(texts, meant, self._persona.language)
        return Repetition(call=self._name, phrase=found[0], turns=found[1]) if found else None


@lru_cache(maxsize=4)
def _telltales(persona_json: str) -> frozenset[str]:
    persona = Persona.model_validate_json(persona_json)
    hidden, caller = persona.hidden_need, persona.caller()
    speaking = [*_texts(caller.model_dump()), *(t for cue in persona.cues for t in (*cue.shows, cue.when or ""))]
    return terms_of(" ".join((hidden.said, hidden.core, hidden.need))) - terms_of("\n".join(speaking))


def telltales(persona: Persona) -> frozenset[str]:
    """What is in the need's own texts and in none that the customer speaks from: pairs of characters, word stems."""
    return _telltales(persona.model_dump_json())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)


def repeated(texts: Sequence[str], meant: Sequence[str], language: str) -> tuple[str, int] | None:
    """The longest phrase that is in `REPEATED_IN` of the texts or more, and in how many; None when there is none.

    Args:
        texts: the customer's turns, without stage directions.
        meant: lines whose phrases do not count.
        language: a language tag: Chinese is looked at by characters, others by words.
    """
    chinese = language.startswith("zh")
    split = re.compile(r"[\u3400-\u9fff]" if chinese else r"[^\W_]+(?:['’][^\W_]+)?")
    glue, shortest = ("", PHRASE["zh"]) if chinese else (" ", PHRASE["other"])
    turns = [split.findall(text.lower()) for text in texts]
    allowed = [glue.join(split.findall(line.lower())) for line in meant]
    longest = max((len(turn) for turn in turns), default=0)
    for size in range(longest, shortest - 1, -1):
        counts = Counter(
            gram for turn in turns for gram in {glue.join(turn[i : i + size]) for i in range(len(turn) - size + 1)}
        )
        often = [
            (gram, n) for gram, n in counts.items() if n >= REPEATED_IN and not any(gram in one for one in allowed)
        ]
        if often:
            return max(often, key=lambda one: (one[1], one[0]))
    return None


# --- the verdict -----------------------------------------------------------------------------------------


def _verdict(reasons: Sequence[Reason], separation: Separation | None) -> Verdict:
    """The gravest of the problems; without any it works, if that could be told."""
    problems = {reason.problem for reason in reasons}
    order: tuple[Problem, ...] = (
        "gives_the_need_away", "breaks_character", "need_never_comes_out", "does_not_tell_apart",
    )  # fmt: skip
    found = next((problem for problem in order if problem in problems), None)
    return found or ("works" if separation else "cannot_tell")


def _reasons(
    calls: Sequence[CallFigures],
    kinds: Sequence[KindFigures],
    separation: Separation | None,
    broken: Sequence[Broken],
) -> Iterator[Reason]:
    """What the verdict rests on, problems first; then what a trainer should look at."""
    yield from _of_the_customer(calls, broken)
    yield from _of_the_need([call for call in calls if call.kind == "attentive"])
    if separation:
        yield from _of_the_separation(separation)
    yield from _of_the_mood(kinds)
    yield from _of_the_cues(calls)
    yield from _of_the_words(calls)


def _problem(key: str, problem: Problem, spots: tuple[Spot, ...] = (), **facts: str | int) -> Reason:
    return Reason(key=key, weight="problem", problem=problem, facts=facts, spots=spots)


def _remark(key: str, spots: tuple[Spot, ...] = (), **facts: str | int) -> Reason:
    return Reason(key=key, weight="remark", facts=facts, spots=spots)


def _of_the_customer(calls: Sequence[CallFigures], broken: Sequence[Broken]) -> Iterator[Reason]:
    if leaks := tuple(spot for call in calls for spot in call.leaks):
        yield _problem("leak", "gives_the_need_away", leaks, count=len(leaks))
    if spots := tuple(spot for call in calls for spot in call.out_of_role):
        yield _problem("out_of_role", "breaks_character", spots, count=len(spots))
    if spots := tuple(spot for call in calls for spot in call.out_of_language):
        yield _problem("out_of_language", "breaks_character", spots, count=len(spots))
    if altered := [call.call for call in calls if not call.opening_held]:
        yield _problem("opening", "breaks_character", calls=", ".join(altered))
    if never := [one.call for one in broken if one.why == "model_out_of_role"]:
        yield _problem("never_in_role", "breaks_character", calls=", ".join(never))


def _of_the_need(attentive: Sequence[CallFigures]) -> Iterator[Reason]:
    # A lock that stayed shut while the critic was away says nothing about the customer.
    attentive = [call for call in attentive if call.need != "locked" or not call.not_judged]
    came = Counter(call.need for call in attentive)
    not_out = came["never"] + came["locked"]
    if attentive and not_out == len(attentive):
        key = "never_said" if came["never"] else "never_earned"
        yield _problem(key, "need_never_comes_out", count=len(attentive))
    elif not_out:
        yield _remark("not_always", count=not_out, calls=len(attentive))
    elif came["in_time"]:
        facts: dict[str, str | int] = {"count": came["in_time"], "calls": len(attentive)}
        yield Reason(key="in_time", weight="fine", facts=facts)
    if came["late"]:
        yield _remark("late", count=came["late"], tries=TRIES_TO_SAY)


def _of_the_separation(separation: Separation) -> Iterator[Reason]:
    facts: dict[str, str | int] = {
        "rate": f"{separation.picked_rate:+.2f}", "level": f"{separation.mean_level:+.1f}",
        "rate_goal": f"{RATE_GAP:+.2f}", "level_goal": f"{LEVEL_GAP:+.1f}",
    }  # fmt: skip
    if separation.picked_rate >= RATE_GAP and separation.mean_level >= LEVEL_GAP:
        yield Reason(key="apart", weight="fine", facts=facts)
    else:
        yield Reason(key="not_apart", weight="problem", problem="does_not_tell_apart", facts=facts)


def _of_the_mood(kinds: Sequence[KindFigures]) -> Iterator[Reason]:
    ends = {one.kind: fmean(one.last_steps) for one in kinds}
    others = [end for kind, end in ends.items() if kind != "attentive"]
    if others and "attentive" in ends and ends["attentive"] <= max(others):
        yield _remark("ladder")


def _of_the_cues(calls: Sequence[CallFigures]) -> Iterator[Reason]:
    shown: dict[str, list[CueShown]] = {}
    for call in calls:
        for cue in call.cues:
            shown.setdefault(cue.cue, []).append(cue)
    for cue_id, given in shown.items():
        due, came = sum(cue.due for cue in given), sum(cue.came for cue in given)
        if not due:
            yield _remark("cue_never_due", cue=cue_id, held=sum(cue.held_back for cue in given))
        elif 2 * came < due:
            yield _remark("cue_did_not_come", cue=cue_id, due=due, came=came)
    if early := tuple(spot for call in calls for spot in call.unscheduled):
        yield _remark("unscheduled", early, count=len(early))


def _of_the_words(calls: Sequence[CallFigures]) -> Iterator[Reason]:
    for call in calls:
        if call.repeated:
            yield _remark("repeated", call=call.call, phrase=call.repeated.phrase, turns=call.repeated.turns)
    if thrown := sum(call.thrown_away for call in calls):
        yield _remark("thrown_away", count=thrown)
    if unjudged := sum(call.not_judged for call in calls):
        yield _remark("not_judged", count=unjudged)
