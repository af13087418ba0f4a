"""What a trial showed, as a page in the user's language: the verdict and why, the agents, the customer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, get_args

from simulator.critique import LAYERS, LEVELS, Usage
from simulator.screen.page import Block, Item, Page, Row, Section, Tone, paged
from simulator.workbench.trial import CallFigures, KindFigures, NeedCame, Reason, Spot, Trial

if TYPE_CHECKING:
    from simulator.persona import Persona
    from simulator.texts import Texts

SPOTS = 3
"""Places that a reason shows on the page; JSON has them all."""
_TONES: dict[str, Tone] = {"works": "good", "cannot_tell": "plain"}
_WEIGHTS: dict[str, Tone] = {"problem": "bad", "fine": "good", "remark": "plain"}


def page(persona: Persona, trial: Trial, say: Texts) -> Page:
    """The whole of it, for a terminal of any width; `Page.markdown` writes the same."""
    head = say("trial.title", title=persona.title, customer=persona.customer.name)
    sections = [
        Section(head, tuple(_verdict(trial, say))),
        Section(say("trial.agents"), tuple(_kind(one, trial, say) for one in trial.kinds)),
        Section(say("trial.separation"), tuple(_separation(trial, say))),
        Section(say("trial.customer"), tuple(_customer(trial, say))),
        Section(say("trial.gaps"), tuple(_gaps(trial, say))),
    ]
    return paged(say, *(section for section in sections if section.body))


def _verdict(trial: Trial, say: Texts) -> Iterator[Block]:
    yield Item(say("trial.verdict_label"), say(f"trial.verdict.{trial.verdict}"), _TONES.get(trial.verdict, "bad"), ())
    yield say("trial.held", held=len(trial.calls), wanted=trial.wanted, turns=trial.turns)
    if trial.engine == "offline":
        yield say("trial.offline")
        yield say("trial.offline_cannot")
    elif trial.models:
        yield say("trial.model", customer=trial.models["customer"], critic=trial.models["critic"])
    for reason in trial.reasons:
        yield _reason(reason, say)


def _reason(reason: Reason, say: Texts) -> Item:
    """What it rests on; with the lines, where there are any."""
    spots = tuple(_spot(spot, say) for spot in reason.spots[:SPOTS])
    more = len(reason.spots) - SPOTS
    rest = (Row("", say("trial.more", count=more)),) if more > 0 else ()
    told = say(f"trial.reason.{reason.key}", **reason.facts)
    return Item(told, say(f"trial.mark.{reason.weight}"), _WEIGHTS[reason.weight], spots + rest)


def _spot(spot: Spot, say: Texts) -> Row:
    return Row(say("trial.spot", call=spot.call, line=spot.line), say("report.quote", words=spot.words))


# --- the agents ------------------------------------------------------------------------------------------


def _kind(one: KindFigures, trial: Trial, say: Texts) -> Item:
    """How calls with one kind of agent went."""
    calls = [call for call in trial.calls if call.kind == one.kind]
    rows = [
        Row(say("trial.levels"), _levels(one, say)),
        Row(say("trial.ladder"), _listed((f"{call.steps[0]} → {call.steps[-1]}" for call in calls), say)),
        Row(say("trial.need"), _needs(calls, say)),
        Row(say("trial.ended"), _counted((say(f"trial.ends.{call.ended}") for call in calls), say)),
    ]
    scored = [(layer, score) for layer in LAYERS if (score := one.layers[layer]) is not None]
    if scored:
        told = (say(f"history.layer.{layer}", score=f"{score:.1f}") for layer, score in scored)
        rows.append(Row(say("trial.layers"), _listed(told, say)))
    head = say("trial.kind", kind=say(f"trial.kinds.{one.kind}"), calls=one.calls)
    if one.picked_rate is None:
        return Item(head, say("trial.nothing_graded"), "plain", tuple(rows))
    mark = say("trial.picked", picked=one.picked, shown=one.graded, share=f"{one.picked_rate:.0%}")
    return Item(head, mark, "plain", tuple(rows))


def _levels(one: KindFigures, say: Texts) -> str:
    """The levels with how often each was reached, and their mean."""
    if one.mean_level is None:
        return say("trial.nothing_graded")
    counts = [(level, count) for level, count in enumerate(one.levels) if count]
    told = (say("trial.times", what=say(f"report.level.{LEVELS[level]}"), count=n) for level, n in counts)
    return say("trial.mean", levels=_listed(told, say), mean=f"{one.mean_level:.1f}", count=one.graded)


def _needs(calls: Sequence[CallFigures], say: Texts) -> str:
    counts = Counter(call.need for call in calls)
    came: tuple[NeedCame, ...] = get_args(NeedCame)
    return _listed((say(f"trial.came.{how}", count=counts[how]) for how in came if counts[how]), say)


def _separation(trial: Trial, say: Texts) -> Iterator[Block]:
    apart = trial.separation
    if apart is None:
        yield say("trial.no_separation")
        return
    of = {one.kind: one for one in trial.kinds}
    ours, picked, level = of["attentive"], of[apart.best_picked], of[apart.best_level]
    yield Row(
        say("trial.by_rate"),
        say("trial.gap", ours=f"{ours.picked_rate:.2f}", n=ours.graded, theirs=f"{picked.picked_rate:.2f}",
            theirs_n=picked.graded, kind=say(f"trial.kinds.{apart.best_picked}"), gap=f"{apart.picked_rate:+.2f}"),
    )  # fmt: skip
    yield Row(
        say("trial.by_level"),
        say("trial.gap", ours=f"{ours.mean_level:.1f}", n=ours.graded, theirs=f"{level.mean_level:.1f}",
            theirs_n=level.graded, kind=say(f"trial.kinds.{apart.best_level}"), gap=f"{apart.mean_level:+.1f}"),
    )  # fmt: skip
    yield say("trial.computed", calls=len(trial.calls))


# --- the customer ----------------------------------------------------------------------------------------


def _customer(trial: Trial, say: Texts) -> Iterator[Block]:
    """What the customer did in all calls together."""
    calls = trial.calls
    if not calls:
        return
    turns = sum(len(call.steps) for call in calls)
    held = sum(call.opening_held for call in calls)
    yield Row(say("trial.opening"), say("trial.opening_held", held=held, calls=len(calls)))
    leaks = sum(len(call.leaks) for call in calls)
    yield Row(say("trial.lock"), say("trial.leaked", count=leaks) if leaks else say("trial.kept"))
    yield Row(say("trial.cues"), _listed(_cues(calls, say), say))
    if trial.engine == "offline":
        yield Row(say("trial.in_role"), say("trial.not_told"))
        return
    strayed = sum(len(call.out_of_role) for call in calls)
    yield Row(say("trial.in_role"), say("trial.turns_of", count=turns - strayed, of=turns))
    foreign = sum(len(call.out_of_language) for call in calls)
    yield Row(say("trial.in_language"), say("trial.turns_of", count=turns - foreign, of=turns))
    phrases = [call.repeated for call in calls if call.repeated]
    told = (say("trial.repeated", phrase=one.phrase, turns=one.turns, call=one.call) for one in phrases)
    yield Row(say("trial.phrases"), _listed(told, say) if phrases else say("trial.none_repeated"))


def _cues(calls: Sequence[CallFigures], say: Texts) -> Iterator[str]:
    """How often each cue was due and came, over all calls."""
    for at, cue in enumerate(calls[0].cues):
        given = [call.cues[at] for call in calls]
        due, came, held = (sum(getattr(one, name) for one in given) for name in ("due", "came", "held_back"))
        yield say("trial.cue_held" if held else "trial.cue", cue=cue.cue, came=came, due=due, held=held)


# --- what is not known -----------------------------------------------------------------------------------


def _gaps(trial: Trial, say: Texts) -> Iterator[Block]:
    """Calls that were not held, and what it all cost."""
    for one in trial.broken:
        yield Row(one.call, say(f"trial.broken.{one.side}", why=say.sentence(one.why, one.facts)))
    if missing := trial.wanted - len(trial.calls) - len(trial.broken):
        yield say("trial.not_held", count=missing)
    if trial.usage != Usage():
        numbers = {name: f"{count:,}" for name, count in trial.usage.model_dump().items()}
        yield Row(say("trial.tokens"), say("report.tokens.used_cached", **numbers))


def _listed(parts: Iterable[str], say: Texts) -> str:
    return say("report.comma").join(parts)


def _counted(parts: Iterable[str], say: Texts) -> str:
    counts = Counter(parts)
    return _listed((say("trial.times", what=what, count=count) for what, count in counts.items()), say)
