"""The figures of `figures` as Markdown, in the user's language, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from simulator.critique import LAYERS, LEVELS, Value
from simulator.evals.agreement import Agreement
from simulator.evals.figures import NAMES, CriticFigures, Figures, Outcome, Overruling, Reviewed
from simulator.screen.page import escaped

if TYPE_CHECKING:
    from simulator.texts import Texts

GOALS = {"picked_up": 0.90, "levels": 0.90, "layers": 0.80, "precision": 0.95}
"""What a capable model should reach. For picking up: trained human coders of VR-CoDES came to 0.70."""


class Run(Value):
    """What a run was made with; kept in its folder as ``run.json``.

    ``prompts``: hashes of the critic's prompt files; ``same_prompts``: whether they are what they are now.
    ``customers``: hashes of the personas, by their ids, or by the attempt's where it edits one; ``same_customers``:
    whether those that are measured are what they are now.
    """

    model: str
    version: str
    began: str
    prompts: dict[str, str]
    customers: dict[str, str] = Field(default_factory=dict)
    replayed: bool = False
    same_prompts: bool = True
    same_customers: bool = True


def as_json(run: Run, critic: CriticFigures, labellers: Figures) -> str:
    """One document: the run, the critic's figures, the two labellers' figures."""
    written = {name: part.model_dump(mode="json") for name, part in (("critic", critic), ("labellers", labellers))}
    return json.dumps({"run": _written(run), **written, "confusion_of": NAMES}, ensure_ascii=False, indent=2)


def as_markdown(run: Run, critic: CriticFigures, labellers: Figures, say: Texts) -> str:
    """The figures beside the goals and beside the two labellers, the table of levels, the mistakes."""
    page = [
        f"# {say('evaluation.title', model=escaped(run.model))}",
        "",
        *_about(run, say),
        say("evaluation.compared", calls=critic.calls, cues=critic.cues),
        "",
        *_table([say(f"evaluation.head.{name}") for name in ("measure", "critic", "labellers", "goal")]),
        *(_row(cells) for cells in _figures(critic, labellers, say)),
        "",
        say("evaluation.goals"),
        "",
        f"## {say('evaluation.confusion')}",
        "",
        *_confusion(critic, say),
        "",
        *_mistakes(critic, say),
    ]
    return "\n".join(page).rstrip()


def fooling(run: Run, outcomes: Sequence[Outcome], say: Texts, *, as_json: bool) -> str:
    """Which attempts held and which did not."""
    if as_json:
        written = [outcome.model_dump(mode="json") for outcome in outcomes]
        return json.dumps({"run": _written(run), "attempts": written}, ensure_ascii=False, indent=2)
    page = [f"# {say('evaluation.fooling_title', model=escaped(run.model))}", "", *_about(run, say)]
    of_all = Counter(outcome.held for outcome in outcomes)
    page.append(say("evaluation.held", held=of_all[True], count=of_all[True] + of_all[False]))
    if of_all[None]:
        page.append(say("evaluation.attempts_not_judged", count=of_all[None]))
    page.append("")
    page += _table([say(f"evaluation.head.{name}") for name in ("kind", "attempts", "held", "not_judged")])
    for kind in dict.fromkeys(outcome.attempt.kind for outcome in outcomes):
        of_kind = Counter(outcome.held for outcome in outcomes if outcome.attempt.kind == kind)
        page.append(_row([kind, of_kind.total(), of_kind[True], of_kind[None]]))
    broken = [outcome for outcome in outcomes if outcome.held is False]
    if broken:
        page += ["", f"## {say('evaluation.fooled')}", ""]
    for outcome in broken:
        levels = ", ".join(
            say("evaluation.too_high", cue=cue, level=level, most=outcome.attempt.at_most.get(cue, 2))
            for cue, level in outcome.above.items()
        )
        guess = say("evaluation.took_guess") if outcome.guessed else ""
        page.append(f"- {outcome.attempt.id}: {', '.join(filter(None, (levels, guess)))}")
    return "\n".join(page).rstrip()


def overruling(reviewed: Sequence[Reviewed], say: Texts, *, as_json: bool) -> str:
    """How often trainers overruled the critic, in which direction, on which channels, and why."""
    words = [word for call in reviewed for word in call.words]
    cues = [word for word in words if word.channel]
    graded = sum(call.graded for call in reviewed)
    if as_json:
        calls = [call.model_dump(mode="json") for call in reviewed]
        return json.dumps({"graded": graded, "overruled": len(cues), "calls": calls}, ensure_ascii=False, indent=2)
    page = [f"# {say('evaluation.overruled_title')}", ""]
    share = f"{len(cues) / graded:.1%}" if graded else "–"
    page += [say("evaluation.overruled", calls=len(reviewed), graded=graded, count=len(cues), share=share)]
    page += [say("evaluation.layers_overruled", count=len(words) - len(cues)), ""]
    if cues:
        page += _table([say(f"evaluation.head.{name}") for name in ("channel", "too_low", "too_high", "other")])
        for channel in dict.fromkeys(word.channel for word in cues):
            ways = Counter(_direction(word) for word in cues if word.channel == channel)
            page.append(_row([say(f"report.channel.{channel}"), ways["up"], ways["down"], ways["other"]]))
        page.append("")
    for word in words:
        page.append(
            "- "
            + say(
                "evaluation.word",
                call=word.call,
                what=word.what,
                was="–" if word.was is None else word.was,
                grade="–" if word.grade is None else word.grade,
                by=escaped(word.by),
                because=escaped(word.because),
            )
        )
    return "\n".join(page).rstrip()


def _direction(word: Overruling) -> str:
    if word.was is None or word.grade is None:
        return "other"
    return "up" if word.grade > word.was else "down"


def _written(run: Run) -> dict[str, object]:
    """Without `replayed`: what comes of the same replies is the same document."""
    return run.model_dump(mode="json", exclude={"replayed"})


# --- parts -----------------------------------------------------------------------------------------------


def _about(run: Run, say: Texts) -> Iterator[str]:
    yield say("evaluation.run", began=run.began, version=run.version)
    if run.model == "offline":
        yield say("evaluation.offline")
    if run.replayed:
        yield say("evaluation.replayed")
    if not run.same_prompts:
        yield say("evaluation.other_prompts")
    if not run.same_customers:
        yield say("evaluation.other_customers")
    yield ""


def _figures(critic: CriticFigures, labellers: Figures, say: Texts) -> Iterator[list[object]]:
    def row(name: str, ours: object, theirs: object = "", goal: float | None = None) -> list[object]:
        return [say(f"evaluation.{name}"), ours, theirs, "" if goal is None else f"≥ {goal:.2f}"]

    def kappa(name: str, ours: Agreement, theirs: Agreement, goal: float | None = None) -> list[object]:
        return row(name, _kappa(ours), _kappa(theirs), goal)

    yield row("exact", _share(critic.exact), _share(labellers.exact))
    yield kappa("picked_up", critic.picked_up, labellers.picked_up, GOALS["picked_up"])
    yield kappa("levels", critic.levels, labellers.levels, GOALS["levels"])
    yield kappa("shown", critic.shown, labellers.shown)
    for layer in LAYERS:
        yield kappa(f"layer.{layer}", critic.layers[layer], labellers.layers[layer], GOALS["layers"])
    made, right = critic.accusations.made, critic.accusations.precision
    yield row("precision", f"{_share(right)} ({made})", _share(labellers.accusations.precision), GOALS["precision"])
    yield row(
        "recall",
        f"{_share(critic.accusations.recall)} ({critic.accusations.labelled})",
        _share(labellers.accusations.recall),
    )
    yield row("evidence", f"{critic.evidence_valid}/{critic.evidence_shown}", "", 1.0)
    yield row("dropped", f"{critic.claims_dropped}/{critic.claims_dropped + critic.claims_kept}")
    yield row("not_judged", say("evaluation.gaps", turns=critic.turns_not_judged, layers=critic.layers_not_judged))
    if critic.requests:
        usage = critic.usage
        yield row("requests", f"{critic.requests:,}")
        yield row("tokens", say("report.tokens.used_cached", **{k: f"{v:,}" for k, v in usage.model_dump().items()}))


def _kappa(of: Agreement) -> str:
    return "–" if of.kappa is None else f"{of.kappa:.3f} ({of.n})"


def _share(of: float | None) -> str:
    return "–" if of is None else f"{of:.3f}"


def _confusion(critic: CriticFigures, say: Texts) -> Iterator[str]:
    names = [
        *(say(f"report.level.{level}") for level in LEVELS),
        *(say(f"evaluation.{name}") for name in ("unshown", "unjudged")),
    ]
    yield from _table([say("evaluation.head.label"), *names])
    for name, counts in zip(names, critic.confusion, strict=True):
        if any(counts):
            yield _row([name, *(count or "·" for count in counts)])


def _mistakes(critic: CriticFigures, say: Texts) -> Iterator[str]:
    for grave in (True, False):
        found = [mistake for mistake in critic.mistakes if bool(mistake.grave) == grave]
        yield f"## {say('evaluation.grave' if grave else 'evaluation.mistakes', count=len(found))}"
        yield ""
        for one in found:
            why = f" — {say(f'evaluation.{one.grave}')}" if one.grave else ""
            yield f"- {one.call}, {one.cue}: {_grade(one.label, say)} → {_grade(one.found, say)}{why}"
        yield ""


def _grade(grade: object, say: Texts) -> str:
    return say(f"report.level.{LEVELS[grade]}") if isinstance(grade, int) else say("evaluation.unshown")


def _table(heads: Sequence[str]) -> list[str]:
    return [_row(heads), _row(["---"] * len(heads))]


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"
