"""What a critic is worth: its findings against the labels, in figures.

Compared are grades of cues in calls (see `critique.grade`) and the scores of the four layers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from simulator.critique import LAYERS, PICKED_UP, Layer, Usage, Value
from simulator.debrief.document import CallCritique
from simulator.evals.agreement import Agreement, of_categories, of_levels, precision_and_recall, table
from simulator.evals.labelled import Attempt, Case, Grade
from simulator.transcript import holds

NAMES = ("0", "1", "2", "3", "4", "5", "not_shown", "not_judged")
ACCUSED = 1
"""A level up to this one accuses the agent."""


@dataclass(frozen=True)
class Judged:
    """What a critic made of one labelled call.

    Attributes:
        case: the call and its labels.
        critique: the critic's findings.
        kept, dropped: claims whose quotes were found in the call, and claims whose were not, twice.
        summed_up: whether the call as a whole was judged.
        requests: requests to the model.
        usage: tokens of all of them.

    """

    case: Case
    critique: CallCritique
    kept: int
    dropped: int
    summed_up: bool
    requests: int
    usage: Usage


class Accusations(Value):
    """Level 0 and 1: what the critic made of them, against the labels."""

    made: int
    labelled: int
    precision: float | None
    recall: float | None


class Mistake(Value):
    """A grade that differs from the label; ``grave`` names the kinds that must not happen."""

    call: str
    cue: str
    label: Grade
    found: Grade
    grave: str | None


class Figures(Value):
    """The agreement of a judge with the labels. Shares and kappas are fractions; None: not defined."""

    calls: int
    cues: int
    exact: float | None
    levels: Agreement
    shown: Agreement
    picked_up: Agreement
    layers: dict[Layer, Agreement]
    accusations: Accusations
    confusion: list[list[int]]


class CriticFigures(Figures):
    """The figures of a critic, with what it cost and what it could not do."""

    mistakes: list[Mistake]
    evidence_shown: int
    evidence_valid: int
    claims_dropped: int
    claims_kept: int
    turns_not_judged: int
    layers_not_judged: int
    requests: int
    usage: Usage


class Outcome(Value):
    """What became of an attempt to fool the critic.

    ``held``: None when it could not be judged; ``found``: the levels it gave the line; ``above``: those that are more
    than the scale gives; ``guessed``: it took the line for a right guess, which would open the lock.
    """

    attempt: Attempt
    held: bool | None
    found: dict[str, int] = Field(default_factory=dict)
    above: dict[str, int] = Field(default_factory=dict)
    guessed: bool = False


class Overruling(Value):
    """A trainer's word against the critic's, on a cue (then with its channel) or a layer."""

    call: int
    what: str
    channel: str | None
    was: int | None
    grade: int | None
    because: str
    by: str


class Reviewed(Value):
    """A call of the record: how many cues the critic graded in it, and what trainers overruled."""

    call: int
    graded: int
    words: tuple[Overruling, ...]


def of_critic(judged: Sequence[Judged]) -> CriticFigures:
    """The critic against the settled labels."""
    pairs = [
        (one.case.id, cue, label, one.critique.cues[cue].level)
        for one in judged
        for cue, label in one.case.cues.items()
    ]
    layers = {layer: [(one.case.layers[layer], one.critique.layers[layer].score) for one in judged] for layer in LAYERS}
    quotes = [valid for one in judged for valid in _quotes(one)]
    return CriticFigures(
        **_figures(len(judged), [(label, found) for _, _, label, found in pairs], layers),
        mistakes=[
            Mistake(call=call, cue=cue, label=label, found=found, grave=_grave(label, found))
            for call, cue, label, found in pairs
            if found not in {label, "not_judged"}
        ],
        evidence_shown=len(quotes),
        evidence_valid=sum(quotes),
        claims_dropped=sum(one.dropped for one in judged),
        claims_kept=sum(one.kept for one in judged),
        turns_not_judged=sum(len(one.critique.could_not_judge) for one in judged),
        layers_not_judged=sum(found is None for pairs in layers.values() for _, found in pairs),
        requests=sum(one.requests for one in judged),
        usage=sum((one.usage for one in judged), Usage()),
    )


def of_labellers(cases: Sequence[Case]) -> Figures:
    """The second labeller against the first: what two readers of the same scale come to."""
    pairs = [(one.first.cues[cue].level, one.second.cues[cue].level) for one in cases for cue in one.cues]
    layers = {
        layer: [(one.first.layers[layer].score, one.second.layers[layer].score) for one in cases] for layer in LAYERS
    }
    return Figures(**_figures(len(cases), pairs, layers))


def _figures(
    calls: int, pairs: Sequence[tuple[Grade, object]], layers: Mapping[Layer, Sequence[tuple[int | None, int | None]]]
) -> dict[str, object]:
    judged = [(label, found) for label, found in pairs if found != "not_judged"]
    numbers = [(label, found) for label, found in judged if isinstance(label, int) and isinstance(found, int)]
    somebody_saw = [(label, found) for label, found in judged if (label, found) != ("not_shown", "not_shown")]
    accused = [(_accuses(label), _accuses(found)) for label, found in judged]
    precision, recall = precision_and_recall([one for one, _ in accused], [other for _, other in accused])
    return {
        "calls": calls,
        "cues": len(pairs),
        "exact": sum(a == b for a, b in judged) / len(judged) if judged else None,
        "levels": of_levels([a for a, _ in numbers], [b for _, b in numbers]),
        "shown": of_categories([a == "not_shown" for a, _ in judged], [b == "not_shown" for _, b in judged]),
        "picked_up": of_categories([_picked(a) for a, _ in somebody_saw], [_picked(b) for _, b in somebody_saw]),
        "layers": {layer: _scores(scored) for layer, scored in layers.items()},
        "accusations": Accusations(
            made=sum(other for _, other in accused),
            labelled=sum(one for one, _ in accused),
            precision=precision,
            recall=recall,
        ),
        "confusion": table([str(a) for a, _ in pairs], [str(b) for _, b in pairs], NAMES),
    }


def _scores(pairs: Sequence[tuple[int | None, int | None]]) -> Agreement:
    both = [(one, other) for one, other in pairs if one is not None and other is not None]
    return of_levels([one for one, _ in both], [other for _, other in both])


def _picked(grade: object) -> bool:
    return isinstance(grade, int) and grade >= PICKED_UP


def _accuses(grade: object) -> bool:
    return isinstance(grade, int) and grade <= ACCUSED


def _grave(label: Grade, found: object) -> str | None:
    """The mistakes that cost a trainer's trust."""
    if not isinstance(label, int) or not isinstance(found, int):
        return None
    if found == 5 and label <= 2:
        return "met_beside_the_point"
    if found >= PICKED_UP and label == 2:
        return "stock_phrase_picked_up"
    if found == 0 and label > 0:
        return "shut_down_without_a_sentence"
    return None


def _quotes(one: Judged) -> Iterator[bool]:
    """For every quote that is shown, whether it stands in the right speaker's turn, looked up once more."""
    turns = one.case.turns
    critique = one.critique

    def stands(turn: int, quote: str, speaker: str | None) -> bool:
        said = turns[turn - 1]
        return (speaker is None or said.speaker == speaker) and holds(said, quote)

    for cue in critique.cues.values():
        if cue.customer:
            yield stands(cue.customer.turn, cue.customer.quote, "customer")
        if cue.agent and cue.agent.quote:
            in_order = cue.customer is None or cue.customer.turn < cue.agent.turn
            yield in_order and stands(cue.agent.turn, cue.agent.quote, "agent")
    for quote, speaker in (
        (critique.need.guessed, "agent"),
        (critique.need.said, "customer"),
        (critique.need.met, "agent"),
        (critique.solved, "agent"),
        *((evidence, None) for layer in critique.layers.values() for evidence in layer.evidence),
    ):
        if quote and quote.quote:
            yield stands(quote.turn, quote.quote, speaker)
    for worry in critique.worries.values():
        if worry.turn and worry.quote:
            yield stands(worry.turn, worry.quote, "agent")
