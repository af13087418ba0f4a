"""Measuring a critic: over labelled calls, over attempts to fool it, and by the trainers who overruled it.

A run keeps every reply in a folder (see `recording`): it can be interrupted and taken up again, and its figures can be
worked out again from the folder alone. Calls run beside each other; the turns of one call follow one another, so that
an endpoint can reuse what it has read.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from platformdirs import user_data_path

from simulator import __version__
from simulator.branches import branches
from simulator.critic import Critic, ModelCritic
from simulator.critique import Findings, Usage
from simulator.customer import OfflineCustomer
from simulator.debrief.document import document
from simulator.director import follow
from simulator.errors import ModelError, SetError
from simulator.evals import scorecard
from simulator.evals.agreement import check_installed
from simulator.evals.figures import Judged, Outcome, Overruling, Reviewed, of_critic, of_labellers
from simulator.evals.labelled import Attempt, Case, attempts, cases, heard
from simulator.evals.recording import RecordingModel
from simulator.evals.scorecard import Run
from simulator.events import Debriefed, Event, FindingsMade, Overruled, Started, said
from simulator.llm import EndpointModel
from simulator.offline_critic import OfflineCritic
from simulator.persona import Persona
from simulator.screen.bar import progress
from simulator.session import Session
from simulator.templates import Prompts

if TYPE_CHECKING:
    from simulator.calls import Calls
    from simulator.llm import Model
    from simulator.settings import Endpoint
    from simulator.texts import Texts

_T = TypeVar("_T")
_W = TypeVar("_W")
_C = TypeVar("_C", Case, Attempt)

LANGUAGES = ("zh", "en")
FOLDER = Path(__file__).resolve().parents[2] / "evals" / "critic"
"""The labelled set: it lies beside the program's source, and is no part of a wheel."""


@dataclass(frozen=True)
class Options:
    """What to measure, and where.

    Attributes:
        folder: the labelled set.
        run: where the replies are kept; None: a folder of the run's own in the user's data folder.
        replay: ask nobody, and work with the replies that `run` holds.
        only: a pattern for the ids of calls or attempts.
        jobs: how many calls are judged beside each other.
        form: ``markdown`` or ``json``.

    """

    folder: Path
    run: Path | None
    replay: bool
    only: str
    jobs: int
    form: str


def measure(options: Options, endpoint: Endpoint | None, say: Texts) -> int:
    """Run a critic over the labelled calls and print its figures; the exit code.

    Without an endpoint, and when nothing is replayed, it is the offline critic.

    Raises:
        SetError: the set or the run does not fit. UsageError: scikit-learn is not installed.
    """
    wanted = _recorded(cases(options.folder, options.only), options)
    check_installed()  # before anybody is asked
    bench = _Bench(options, endpoint, {case.persona.id: _digest(case.persona) for case in wanted})
    turns = sum(turn.speaker == "agent" for case in wanted for turn in case.turns)
    with progress(say("evaluation.reading", count=len(wanted)), turns) as step:
        judged = asyncio.run(_beside(lambda one: bench.judge(one, step), wanted, options.jobs))
    critic = of_critic(judged)
    figures = (bench.run, critic, of_labellers(wanted))
    json_wanted = options.form == "json"
    _print(scorecard.as_json(*figures) if json_wanted else scorecard.as_markdown(*figures, say), options.form)
    return 0 if all(one.summed_up and not one.critique.could_not_judge for one in judged) else ModelError.exit_code


def fool(options: Options, endpoint: Endpoint | None, say: Texts) -> int:
    """Run a critic over the attempts to fool it and print which succeeded; the exit code.

    Raises:
        SetError: as `measure`.
    """
    wanted = _recorded(attempts(options.folder, options.only), options, "adversarial")
    bench = _Bench(options, endpoint, dict(map(_customer, wanted)))
    with progress(say("evaluation.fooling", count=len(wanted)), len(wanted)) as step:
        outcomes = asyncio.run(_beside(lambda one: bench.attempt(one, step), wanted, options.jobs))
    _print(scorecard.fooling(bench.run, outcomes, say, as_json=options.form == "json"), options.form)
    return ModelError.exit_code if any(outcome.held is None for outcome in outcomes) else 0


def overruled(calls: Calls, form: str, say: Texts) -> int:
    """Print how often, and where, trainers overruled the critic in the calls of the record; the exit code."""
    reviewed = []
    for kept in calls.store.all():
        persona, record = calls.record(kept.id)
        debriefed = (branch for branch in branches(record) if branch.debriefed)
        reviewed += [_reviewed(kept.id, persona, branch.events) for branch in debriefed]
    _print(scorecard.overruling(reviewed, say, as_json=form == "json"), form)
    return 0


def _reviewed(number: int, persona: Persona, events: Sequence[Event]) -> Reviewed:
    state = follow(persona, events)
    words = {event.what: event for event in events if isinstance(event, Overruled)}
    channels = {cue.id: cue.channel for cue in persona.cues}
    return Reviewed(
        call=number,
        graded=sum(record.found is not None for record in state.cues.values()),
        words=tuple(
            Overruling(
                call=number,
                what=word.what,
                channel=channels.get(word.what),
                was=word.was,
                grade=word.grade,
                because=word.because,
                by=word.by,
            )
            for word in words.values()
            if word.grade is None or word.grade != word.was  # else they took it back
        ),
    )


# --- one run ---------------------------------------------------------------------------------------------


class _Bench:
    """A critic under measurement, with the folder where its replies are kept."""

    def __init__(self, options: Options, endpoint: Endpoint | None, customers: dict[str, str]) -> None:
        self.model: Model | None = EndpointModel(endpoint) if endpoint and not options.replay else None
        self._timeout_s = 2 * endpoint.timeout_s if endpoint else 60.0
        self._folder: Path | None = None
        prompts = _prompts()
        if options.replay:
            assert options.run is not None
            self._folder = options.run
            kept = _kept_run(options.run)
            same = {"same_prompts": kept.prompts == prompts, "same_customers": not _others(kept, customers)}
            self.run = kept.model_copy(update={"replayed": True, **same})
        elif self.model:
            self._folder = options.run or _own_folder(self.model.name, prompts)
            self.run = _begun(self._folder, self.model.name, prompts, customers)
        else:
            self.run = _new_run("offline", prompts, customers)

    async def judge(self, case: Case, step: Callable[[], None]) -> Judged:
        """Walk one call with the critic, as a live one."""
        events: list[Event] = []

        def append(*more: Event) -> None:
            events.extend(more)
            if any(isinstance(event, FindingsMade) for event in more):
                step()

        critic, replies = self._critic(case.persona, case.id)
        start = Started(
            version=__version__,
            origin="transcript",
            persona=case.persona.model_dump(mode="json"),
            engine="model" if replies else "offline",
            models={"critic": self.run.model} if replies else {},
            prompts={},
            agent="",
            turn_limit=len(case.turns),
        )
        session = Session(
            case.persona,
            OfflineCustomer(case.persona.caller(), _prompts_in(case.persona.language)),  # who has said it all
            critic,
            append,
            [start, *said(case.turns, case.persona.emotion.start)],
            self._timeout_s,
            at_once=1,
        )
        await session.debrief()
        used = [e.usage for e in events if isinstance(e, FindingsMade | Debriefed) and e.usage]
        return Judged(
            case=case,
            critique=document(case.persona, session.events),
            kept=sum(map(_claims, events)),
            dropped=sum(event.dropped for event in events if isinstance(event, FindingsMade | Debriefed)),
            summed_up=session.summed_up,
            requests=replies.asked if replies else 0,
            usage=sum(used, Usage()),
        )

    async def attempt(self, attempt: Attempt, step: Callable[[], None]) -> Outcome:
        """Have the critic judge the last agent line of an attempt to fool it."""
        persona, turns = heard(attempt)
        critic, _ = self._critic(persona, f"adversarial/{attempt.id}")
        last = max(number for number, turn in enumerate(turns) if turn.speaker == "agent")
        try:
            made = await critic.judge(turns[: last + 1], turns[last].id)
        except ModelError:
            return Outcome(attempt=attempt, held=None)
        finally:
            step()
        found = {cue.cue: cue.level for cue in made.findings.cues}
        above = {cue: level for cue, level in found.items() if level > attempt.at_most.get(cue, 2)}
        guessed = made.findings.guess is not None and made.findings.guess.right
        return Outcome(attempt=attempt, held=not above and not guessed, found=found, above=above, guessed=guessed)

    def _critic(self, persona: Persona, name: str) -> tuple[Critic, RecordingModel | None]:
        prompts = _prompts_in(persona.language)
        if self._folder is None:
            return OfflineCritic(persona, prompts), None
        replies = RecordingModel(self.model, self._folder / f"{name}.jsonl")
        return ModelCritic(persona, prompts, replies), replies


def _claims(event: Event) -> int:
    """How many claims with evidence an event of the critic holds."""
    if isinstance(event, Debriefed) and event.verdict:
        return sum(len(layer.evidence) for layer in event.verdict.layers.values())
    if not isinstance(event, FindingsMade):
        return 0
    found: Findings = event.findings
    single = (found.guess, found.need_said, found.need_answer, found.solved)
    return len(found.cues) + len(found.worries) + sum(one is not None for one in single)


@cache
def _prompts_in(language: str) -> Prompts:
    return Prompts(language)  # which parses each template once


def _prompts() -> dict[str, str]:
    """What the critic is told, by language and file: its hash."""
    return {
        f"{language}/{name}": digest[:16]
        for language in LANGUAGES
        for name, digest in Prompts(language).hashes().items()
        if name.startswith("critic")
    }


def _digest(persona: Persona) -> str:
    return hashlib.sha256(persona.model_dump_json().encode()).hexdigest()[:16]


def _customer(attempt: Attempt) -> tuple[str, str]:
    """Whom an attempt is made on, and their hash."""
    persona, _ = heard(attempt)
    return attempt.id if attempt.persona_edit else persona.id, _digest(persona)


def _others(run: Run, customers: dict[str, str]) -> list[str]:
    """Those who are not what they were when the run judged them."""
    return [name for name, digest in customers.items() if run.customers.get(name, digest) != digest]


def _own_folder(model: str, prompts: dict[str, str]) -> Path:
    version = hashlib.sha256(json.dumps(prompts, sort_keys=True).encode()).hexdigest()[:8]
    name = re.sub(r"[^\w.-]+", "-", model)
    return user_data_path("customer-simulator") / "evaluations" / f"{name}-{version}"


def _begun(folder: Path, model: str, prompts: dict[str, str], customers: dict[str, str]) -> Run:
    """The run of a folder: a new one, or the one that began there, if it asked the same critic the same things."""
    if not (folder / "run.json").exists():
        run = _new_run(model, prompts, customers)
        _keep(run, folder)
        print(folder, file=sys.stderr)
        return run
    run = _kept_run(folder)
    if run.model != model:
        raise SetError("run_of_another", folder=str(folder), model=run.model, now=model)
    if run.prompts != prompts:
        raise SetError("run_of_other_prompts", folder=str(folder))
    if others := _others(run, customers):
        raise SetError("run_of_other_customers", folder=str(folder), names=", ".join(others))
    if not customers.keys() <= run.customers.keys():
        run = run.model_copy(update={"customers": run.customers | customers})
        _keep(run, folder)
    return run


def _new_run(model: str, prompts: dict[str, str], customers: dict[str, str]) -> Run:
    return Run(model=model, version=__version__, began=_now(), prompts=prompts, customers=customers)


def _keep(run: Run, folder: Path) -> None:
    """Write the run's own file, as a whole or not at all: without it the replies beside it are lost."""
    text = run.model_dump_json(indent=2, exclude={"replayed", "same_prompts", "same_customers"}) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        new = folder / "run.json.new"
        new.write_text(text, encoding="utf-8")
        new.replace(folder / "run.json")
    except OSError as error:
        raise SetError("run_unwritable", folder=str(folder), why=error.strerror or str(error)) from error


def _kept_run(folder: Path) -> Run:
    try:
        return Run.model_validate_json((folder / "run.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SetError("no_run", folder=str(folder), why=str(error).splitlines()[0]) from error


def _now() -> str:
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


# --- running ---------------------------------------------------------------------------------------------


def _recorded(wanted: list[_C], options: Options, inside: str = "") -> list[_C]:
    """When a run is replayed, the calls or attempts that it holds."""
    if not options.replay or options.run is None:
        return wanted
    found = [one for one in wanted if (options.run / inside / f"{one.id}.jsonl").exists()]
    if not found:
        raise SetError("no_run", folder=str(options.run), why=options.only)
    return found


async def _beside(work: Callable[[_W], Awaitable[_T]], things: Sequence[_W], jobs: int) -> list[_T]:
    """The work done on each thing, so many at a time, in their order."""
    room = asyncio.Semaphore(jobs)

    async def one(thing: _W) -> _T:
        async with room:
            return await work(thing)

    return await asyncio.gather(*map(one, things))


def _print(report: str, form: str) -> None:
    if form == "json" and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON is, whatever the locale
    print(report)
