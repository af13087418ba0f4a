"""Trying a customer: calls with agents that every customer can meet, beside each other, and what they showed.

A trial goes into nobody's record. Every turn waits for the critic, so that a call is the same whatever runs beside it.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.critique import Usage
from simulator.errors import ModelError, PersonaError, UsageError
from simulator.events import Event, Started
from simulator.llm import tokens
from simulator.screen.bar import progress
from simulator.session import Discarded, Session
from simulator.templates import Prompts
from simulator.transcript import printable
from simulator.workbench import appraisal
from simulator.workbench.agents import KINDS, Agent, Kind, Line, ModelAgent, OfflineAgent
from simulator.workbench.rehearsal import Overheard, requests, turns_needed
from simulator.workbench.trial import Held, Side, Trial, weigh

if TYPE_CHECKING:
    from simulator.calls import Calls
    from simulator.persona import Persona
    from simulator.texts import Texts

FOR_GOOD = {"model_auth", "model_unknown", "model_unreachable", "model_request"}
"""Failures that the next call would meet as well: no further one is begun."""
LINE_TOKENS, FORM_TOKENS = 45, 350
"""What a line of a call and a filled-in form come to, for the estimate beforehand."""


@dataclass(frozen=True)
class Options:
    """How to try.

    Attributes:
        kinds: the kinds of agents.
        times: calls with each.
        turns: agent turns that a call has room for.
        jobs: calls that are held beside each other.
        form: ``text``, ``markdown`` or ``json``.
        keep: a folder for the calls' events; None: they are not kept.
        sure: do not ask before sending anything.

    """

    kinds: tuple[Kind, ...]
    times: int
    turns: int
    jobs: int
    form: str
    keep: Path | None
    sure: bool


def kinds(only: str) -> tuple[Kind, ...]:
    """The kinds of agents that are named, parted by commas; all of them where none is.

    Raises:
        UsageError: there is no such kind.
    """
    wanted = [name.strip() for name in only.split(",") if name.strip()]
    for name in wanted:
        if name not in KINDS:
            raise UsageError("no_such_agent", name=name, known=", ".join(KINDS))
    return tuple(kind for kind in KINDS if not wanted or kind in wanted)


def run(persona: Persona, calls: Calls, options: Options, say: Texts) -> int:
    """Try the customer and print what it showed.

    Returns:
        The exit code: 0 it works, 4 it does not, 7 that could not be told, 130 the trial was broken off.

    Raises:
        UsageError: the calls have no room for the need to come out, or the folder to keep them in holds something or
            cannot be written.
    """
    if (needed := turns_needed(persona)) and options.turns < needed:
        raise UsageError("too_few_turns", value=options.turns, needed=needed, name=persona.customer.name)
    if calls.offline:
        options = replace(options, times=1)  # lines of a file: a second call would be the first
    _make_room(options.keep)
    _tell(persona, calls, options, say)
    if not (calls.offline or options.sure or _confirmed(say)):
        print(say("tryout.not_begun"), file=sys.stderr)
        return 0
    planned = [(kind, number) for number in range(1, options.times + 1) for kind in options.kinds]
    held: list[Held] = []
    broken_off = False
    trial: Trial | None = None
    with progress(say("tryout.trying", name=printable(persona.customer.name)), len(planned) * options.turns) as step:
        trier = _Trier(persona, calls, options, held, step)
        try:
            asyncio.run(trier.all(planned))
        except KeyboardInterrupt:  # what is finished counts
            broken_off = True
    if held:
        words = Prompts(persona.language).phrases["trial"]["out_of_role"]
        trial = weigh(persona, held, words, wanted=len(planned), turns=options.turns)
        _print(persona, trial, options.form, say)
    if broken_off:
        print(say("tryout.broken_off", count=len(held), of=len(planned)), file=sys.stderr)
        return 130
    return _exit_code(trial) if trial else ModelError.exit_code


def _exit_code(trial: Trial) -> int:
    """Whether it works, does not, or cannot be said to for calls that were not held or judged."""
    if trial.verdict not in {"works", "cannot_tell"}:
        return PersonaError.exit_code
    unjudged = trial.verdict == "cannot_tell" and any(call.not_judged for call in trial.calls)
    return ModelError.exit_code if trial.broken or unjudged else 0


# --- before ----------------------------------------------------------------------------------------------


def _tell(persona: Persona, calls: Calls, options: Options, say: Texts) -> None:
    """Say beforehand what this will be, and what it will cost."""
    count = len(options.kinds) * options.times
    name = printable(persona.customer.name)
    print(say("tryout.plan", calls=count, turns=options.turns, name=name), file=sys.stderr)
    if calls.offline:
        if options.form == "json":  # which has no room for it
            print(say("trial.offline"), file=sys.stderr)
        return
    cost = estimate(persona, options)
    numbers = {name: f"{amount:,}" for name, amount in cost.items()}
    print(say("tryout.cost", **numbers), file=sys.stderr)


def estimate(persona: Persona, options: Options) -> dict[str, int]:
    """About how many ``requests`` a trial makes, and how many tokens are ``read`` and ``written``, rather high."""
    prompts, sent = Prompts(persona.language), {one.name: one.tokens for one in requests(persona)}
    # Each of the three reads the call so far in every turn; at the end the critic reads it once more.
    lines = sum(3 * 2 * turn for turn in range(options.turns)) + 2 * options.turns
    read = 0
    for kind in options.kinds:
        (agent,) = ModelAgent(kind, persona, prompts, Overheard(), options.turns).messages([])
        each_turn = tokens(agent.content) + sent["customer_open"] + sent["critic_turn"]
        read += options.turns * each_turn + lines * LINE_TOKENS + sent["critic_call"]
    turns = len(options.kinds) * options.times * options.turns
    count = len(options.kinds) * options.times
    written = turns * (2 * LINE_TOKENS + FORM_TOKENS) + count * FORM_TOKENS
    return {"requests": 3 * turns + count, "read": read * options.times, "written": written}


def _confirmed(say: Texts) -> bool:
    """Whether it may cost that; nobody is asked who cannot answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(say("tryout.confirm"), end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes", "是", "好"}


def _make_room(folder: Path | None) -> None:
    """The folder to keep the calls in: new or empty, and its owner's alone."""
    if folder is None:
        return
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError("folder_not_empty", folder=str(folder))
    except OSError as error:
        raise UsageError("output_unwritable", file=str(folder), why=error.strerror or str(error)) from error


# --- the calls -------------------------------------------------------------------------------------------


class _Trier:
    """Holds the calls of a trial; each that is finished goes to `held` at once."""

    def __init__(
        self, persona: Persona, calls: Calls, options: Options, held: list[Held], step: Callable[..., None]
    ) -> None:
        self._persona = persona
        self._calls = calls
        self._options = options
        self._held = held
        self._step = step
        self._room = asyncio.Semaphore(options.jobs)
        self._hopeless = False

    async def all(self, planned: Sequence[tuple[Kind, int]]) -> None:
        """Hold them, so many at a time."""
        await asyncio.gather(*(self._one(kind, number) for kind, number in planned))

    async def _one(self, kind: Kind, number: int) -> None:
        async with self._room:
            if self._hopeless:
                return
            events: list[Event] = []
            session, start = self._calls.aside(self._persona, lambda *more: events.extend(more))
            done = await hold(session, start, self._agent(kind), self._step)
            held = Held(kind, number, events, done.thrown_away, done.usage, done.failed, done.side)
            self._hopeless |= done.failed is not None and done.failed.key in FOR_GOOD
            self._step(self._options.turns - done.turns)
            self._held.append(held)
            self._keep(held)

    def _agent(self, kind: Kind) -> Agent:
        prompts, model = Prompts(self._persona.language), self._calls.agents_model()
        if model is None:
            return OfflineAgent(kind, self._persona, prompts)
        return ModelAgent(kind, self._persona, prompts, model, self._options.turns)

    def _keep(self, held: Held) -> None:
        """Write the call's events, one JSON line each."""
        if self._options.keep is None:
            return
        lines = "".join(event.model_dump_json() + "\n" for event in held.events)
        file = self._options.keep / f"{held.name}.jsonl"
        try:
            file.write_text(lines, encoding="utf-8")
        except OSError as error:
            raise UsageError("output_unwritable", file=str(file), why=error.strerror or str(error)) from error


@dataclass
class Done:
    """What a call came to, beside its events (see `trial.Held`)."""

    turns: int = 0
    thrown_away: int = 0
    usage: Usage = field(default_factory=Usage)
    failed: ModelError | None = None
    side: Side = "agent"


async def hold(session: Session, start: Started, agent: Agent, step: Callable[..., None]) -> Done:
    """Hold one call between an agent and the customer, to its end and the critic's word on the whole of it.

    Args:
        session: the call, not begun.
        start: the event to begin it with.
        agent: who answers the customer.
        step: called after each of the agent's turns.
    """
    done = Done()
    try:
        _ = [update async for update in session.begin(start)]
        while not session.over:
            done.side = "agent"
            line = await agent.line(session.turns)
            done.usage += line.usage or Usage()
            done.side = "customer"
            await _turn(session, line, done)
            step()
        await session.debrief()
    except ModelError as error:
        done.failed = error
    finally:
        await session.close()
    return done


async def _turn(session: Session, line: Line, done: Done) -> None:
    """One line of the agent's and what the customer says to it; a bare end is no line."""
    if line.text or not line.ends:
        done.turns += 1
        async with aclosing(session.say(line.text)) as updates:
            async for update in updates:
                done.thrown_away += isinstance(update, Discarded) and update.why == "model_out_of_role"
        await session.settle()
    if line.ends and not session.over:
        session.end()


# --- after -----------------------------------------------------------------------------------------------


def _print(persona: Persona, trial: Trial, form: str, say: Texts) -> None:
    if form == "text":
        from simulator.screen.card import screen

        screen().print(appraisal.page(persona, trial, say))
        return
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # as both forms are, whatever the locale
    print(trial.model_dump_json(indent=2) if form == "json" else appraisal.page(persona, trial, say).markdown())
