"""The director: which cue to let slip, how the ladder moves, when the lock opens, when the call ends.

No model is asked for any of it. `follow` folds the events of a session into where the call stands; `direct`
says what the customer's next turn is to show. Both are pure, so resuming a call is replaying it.

The rules in one place:

* A move is one step at most, taken when the agent has spoken and before the customer answers. Findings queue in
  the order of the turns they judge, so late ones move the ladder later, never twice at once.
* Up: a cue first reaches 3 or first reaches 5, the need was guessed right, the surface problem was solved.
* Down: a level 0 (it wins over any up of the same turn), patience used up, the third silence in a row, a need
  that was said and passed over.
* The lock opens when enough cues are picked up (one at least in words, one anticipated at most) or the need was
  guessed right. It never shuts again in that branch; one that goes back to before it opened has it shut.
* A next call begins near the step where the last one ended. What was heard then counts for the lock and does not come
  back; a need that was said stays known; one that was earned and not said is earned again by an answer that shuts
  nothing down. Each open promise is asked after once, in the first turns, and no cue is let slip in those. Up: a
  promise is first kept, or owned and made good. Down: one is denied. One passed over when asked after is a miss.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from simulator.critique import PICKED_UP, CueFinding, Dealt, Findings, grade
from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Ended,
    Event,
    FindingsMade,
    Memory,
    Overruled,
    Owed,
    Rewound,
    started,
)
from simulator.persona import LADDER_STEPS, Cue, Persona
from simulator.transcript import Turn, is_quiet

PATIENCE = {1: 3, 2: 3, 3: 2, 4: 2, 5: 1}
"""Misses in a row that a customer puts up with, by difficulty."""
SILENCES = 3
"""The silence in a row from which each one is a step down."""
TRIES_TO_SAY = 2
"""Customer turns that a solved call gives an earned need before saying goodbye without it."""
BEGINS_AT = (1, 3)
"""The lowest and the highest step on which a next call begins: time has passed."""
BEGINS_OWED = 2
"""The highest step on which it begins while a promise is open: nobody is at ease who had to ring up about it."""
ASKED_AFTER = 3
"""Promises of the last call that the customer asks after by themselves; nobody reads out a list."""

Reason = Literal[
    "picked_up", "met", "guessed", "solved", "need_heard", "need_met",
    "shut_down", "patience", "silences", "need_passed_over", "promise_kept", "promise_denied",
]  # fmt: skip
Farewell = Literal["hung_up", "goodbye", "turn_limit"]


@dataclass(frozen=True)
class Move:
    """A change of mood and the reason for it.

    Attributes:
        by: +1 or -1.
        reason: the rule that moved.
        cause: id of the agent turn that caused it.
        cue: id of the cue concerned, if one is.

    """

    by: int
    reason: Reason
    cause: str
    cue: str | None = None


@dataclass(frozen=True)
class Taken:
    """A move that was taken before a customer turn: the step it led to (0 = worst)."""

    move: Move
    before_turn: int
    step: int


@dataclass
class CueRecord:
    """What has become of one cue.

    Attributes:
        slips: how many of its lines were let slip (the opening counts).
        turns: how often it was its turn, whether it came or was held back.
        findings: every answer an agent turn gave to it, with the turn's id.
        in_words: it was picked up by words, not by silence alone.
        anticipated: it was picked up before it was shown.
        unjudged: agent turns that may have answered it and could not be judged.
        overruled: a trainer's word on it, the latest.
        heard_before: it was picked up in an earlier call.

    """

    slips: int = 0
    turns: int = 0
    findings: list[tuple[str, CueFinding]] = field(default_factory=list)
    in_words: bool = False
    anticipated: bool = False
    unjudged: set[str] = field(default_factory=set)
    overruled: Overruled | None = None
    heard_before: bool = False

    @property
    def found(self) -> int | None:
        """The critic's grade over the call so far (see `critique.grade`); None when not shown or not judged."""
        return grade(finding.level for _, finding in self.findings)

    @property
    def grade(self) -> int | None:
        """The grade that counts in reports: a trainer's, else the critic's."""
        return self.overruled.grade if self.overruled else self.found

    @property
    def not_judged(self) -> bool:
        """Whether it was shown, and a turn that may have answered it could not be judged."""
        return bool(self.unjudged)

    @property
    def best(self) -> int:
        """The highest level so far; -1 when there is none."""
        return max((finding.level for _, finding in self.findings), default=-1)

    @property
    def picked_up(self) -> bool:
        """Whether it counts as picked up, in this call or before."""
        return self.heard_before or self.best >= PICKED_UP


@dataclass(frozen=True)
class Known:
    """What was known when the agent spoke. Findings that arrive while the customer answers are not part of it."""

    may_say_need: bool = False
    solved: bool = False
    wrong_guess: bool = False


@dataclass
class CallState:
    """Where a call stands.

    Attributes:
        step: index into the emotion ladder, 0 = worst.
        elsewhere: the call was held elsewhere: nothing in it was scheduled, so each turn may answer any cue.
        before: what they remember of their last call; None in a first call.
        asked_after: ids of the promises of the last call that the customer asked after.
        promises: what agent turns did with them, by id, with the turn's id.
        taken: every change of mood, with its reason.
        due: moves that wait for their turn.
        misses: turns in a row that passed over a cue.
        opened_by: the agent turn after which the lock opened; None while it is shut.
        guesses: agent turns that guessed the need, with whether it was right.
        need_said: the customer turn in which the need was said, as the critic confirmed.
        need_levels: levels of the agent's answers to the need.
        solved: the agent turn that solved the surface problem.
        eased: worry id → the agent turn that eased it.
        unjudged: agent turn → why it could not be judged.
        must_hang_up: a step down was due and none was left.

    """

    step: int
    cues: dict[str, CueRecord]
    elsewhere: bool = False
    before: Memory | None = None
    asked_after: set[str] = field(default_factory=set)
    promises: dict[str, list[tuple[str, Dealt]]] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    due: list[Move] = field(default_factory=list)
    misses: int = 0
    silences: int = 0
    opened_by: str | None = None
    guesses: dict[str, bool] = field(default_factory=dict)
    need_said: str | None = None
    need_levels: list[int] = field(default_factory=list)
    solved: str | None = None
    eased: dict[str, str] = field(default_factory=dict)
    unjudged: dict[str, str] = field(default_factory=dict)
    must_hang_up: bool = False
    over: bool = False
    waiting: list[str] = field(default_factory=list)  # agent turns whose findings have not been applied yet
    judged: dict[str, Findings | None] = field(default_factory=dict)  # what came for them
    asked_last: str | None = None  # the promise asked after in the latest customer turn
    answering_promise: dict[str, str | None] = field(default_factory=dict)  # agent turn → the one asked after before
    last_cues: frozenset[str] = frozenset()  # let slip in the latest customer turn
    answering: dict[str, frozenset[str]] = field(default_factory=dict)  # agent turn → cues let slip just before it
    wrong_guess: bool = False  # a wrong guess was found and no customer turn has answered it yet
    known: Known = Known()  # what the customer turn now being made was directed on
    earned_turns: int = 0  # customer turns that could say the need and were not known to have
    last_word_given: bool = False  # a cue or worry was let slip once the problem was known to be solved

    @property
    def lock_open(self) -> bool:
        """Whether the hidden need may be in a speaking prompt."""
        return self.opened_by is not None or self.told_before

    @property
    def told_before(self) -> bool:
        """Whether the need was said in an earlier call."""
        return self.before is not None and self.before.need_said


@dataclass(frozen=True)
class Slip:
    """A cue to let slip in this turn: one of its lines, and when."""

    cue: str
    line: str
    when: str | None


@dataclass(frozen=True)
class Earned:
    """What the customer may say now that the lock is open."""

    need: str
    said: str
    facts: tuple[str, ...]
    still_unsaid: bool


@dataclass(frozen=True)
class Direction:
    """What the customer's next turn is to show. All a customer chain learns beyond its `Caller` and its `Memory`.

    ``opens``: these are the first words of a next call; ``promise`` is one of the last call to ask after.
    """

    step: int
    mood: str
    sounds_like: str
    slip: Slip | None = None
    not_it: bool = False
    earned: Earned | None = None
    worry_id: str | None = None
    worry: str | None = None
    farewell: Farewell | None = None
    opens: bool = False
    promise: Owed | None = None


def follow(persona: Persona, events: Sequence[Event]) -> CallState:
    """Fold the events of one branch into where the call stands.

    Raises:
        ValueError: the events are those of several branches, see `branches`.
    """
    if any(isinstance(event, Rewound) for event in events):
        raise ValueError("one branch at a time: this is the record of several")
    begun = started(events) if events else None
    state = _before(
        persona, begun.before if begun else None, elsewhere=begun is not None and begun.origin == "transcript"
    )
    for event in events:
        match event:
            case CustomerSaid():
                _customer_said(state, event)
            case AgentSaid():
                _agent_said(state, Turn(event.turn, "agent", event.text))
            case FindingsMade():
                _judged(state, persona, event.turn, event.findings)
            case CouldNotJudge():
                state.unjudged[event.turn] = event.why
                _judged(state, persona, event.turn, None)
            case Ended():
                _over(state, persona)
            case Overruled() if event.what in state.cues:
                state.cues[event.what].overruled = event
    if state.over or state.elsewhere:
        _forgive_last_words(state)
    return state


def _begins_at(before: Memory) -> int:
    lowest, highest = BEGINS_AT
    return min(max(before.step, lowest), BEGINS_OWED if before.promises else highest)


def direct(persona: Persona, events: Sequence[Event]) -> Direction:
    """What the customer is to show in answer to the latest agent turn, or as the first words of a next call.

    Only what was known when the agent spoke counts: events after that turn belong to the next one. So asking
    again (after a failure, or in another process) gives the same direction.
    """
    latest = max((i for i, event in enumerate(events) if isinstance(event, AgentSaid)), default=0)
    state = follow(persona, events[: latest + 1])
    agent_turns = sum(turn.speaker == "agent" for turn in state.turns)
    mood = persona.emotion.ladder[state.step]
    plain = Direction(state.step, mood.mood, mood.sounds_like)
    if state.must_hang_up:
        return replace(plain, farewell="hung_up")
    earned = _earned(persona, state)
    plain = replace(plain, earned=earned, not_it=state.known.wrong_guess and not earned)
    if not state.turns:
        return replace(plain, opens=True)
    if agent_turns >= started(events).turn_limit:
        return _farewell(plain, "turn_limit")
    only_the_need = earned and earned.still_unsaid and state.earned_turns < TRIES_TO_SAY
    if not only_the_need and (promise := _open_promise(state)):
        return replace(plain, promise=promise)
    if state.solved is not None:
        return _closing(plain, persona, state)
    return replace(plain, slip=None if only_the_need else _slip(persona, state))


# --- the fold, event by event ----------------------------------------------------------------------------


def _before(persona: Persona, memory: Memory | None, *, elsewhere: bool) -> CallState:
    """Where a call stands before anything was said; the persona's opening begins a first call only."""
    shown = frozenset(cue.id for cue in persona.cues if cue.in_opening and not memory)
    heard = memory.heard if memory else ()
    return CallState(
        step=_begins_at(memory) if memory else persona.emotion.start,
        cues={
            cue.id: CueRecord(slips=int(cue.id in shown), turns=int(cue.id in shown), heard_before=cue.id in heard)
            for cue in persona.cues
        },
        last_cues=frozenset(cue.id for cue in persona.cues) if elsewhere else shown,
        elsewhere=elsewhere,
        before=memory,
    )


def _customer_said(state: CallState, event: CustomerSaid) -> None:
    first = not state.turns
    state.turns.append(Turn(event.turn, "customer", event.text, event.interrupted))
    state.asked_last = event.promise
    if event.promise:
        state.asked_after.add(event.promise)
    if first or state.elsewhere:
        return  # the opening's cues are known from the persona, and the first words of a next call let none slip
    state.last_cues = frozenset()
    if event.cue and (record := state.cues.get(event.cue)):
        record.turns += 1
        record.slips += not event.held_back
        state.last_cues = frozenset() if event.held_back else frozenset({event.cue})
    state.earned_turns += state.known.may_say_need and not event.interrupted
    state.last_word_given |= state.known.solved and bool(event.cue or event.worry) and not event.interrupted


def _agent_said(state: CallState, turn: Turn) -> None:
    """The agent spoke: the one place where the mood moves."""
    state.turns.append(turn)
    state.answering[turn.id] = state.last_cues
    state.answering_promise[turn.id] = state.asked_last
    may_say_need = state.lock_open and not state.told_before and state.need_said is None
    state.known = Known(may_say_need, state.solved is not None, state.wrong_guess)
    state.wrong_guess = False
    state.silences = state.silences + 1 if is_quiet(turn) else 0
    if state.silences <= 1 and len(state.turns) > 1:
        state.waiting.append(turn.id)  # later silences in a row, and a greeting before the customer's, are not graded
    if state.silences >= SILENCES:
        state.due.append(Move(-1, "silences", turn.id))
    if not state.due:
        return
    move = state.due.pop(0)
    if state.step + move.by < 0:
        state.must_hang_up = True
    elif state.step + move.by < LADDER_STEPS:
        state.step += move.by
        state.taken.append(Taken(move, len(state.turns) + 1, state.step))


def _judged(state: CallState, persona: Persona, turn: str, findings: Findings | None) -> None:
    """Findings came in; apply those whose turn it is. Once the call is over they change grades, not the mood."""
    if state.over or turn not in state.waiting:
        _record(state, persona, turn, findings)
        return
    state.judged[turn] = findings
    while state.waiting and state.waiting[0] in state.judged:
        head = state.waiting.pop(0)
        if move := _record(state, persona, head, state.judged.pop(head)):
            state.due.append(move)


def _forgive_last_words(state: CallState) -> None:
    """What only showed in the last thing the customer said is held against nobody; what was picked up of it counts."""
    last = next((turn.id for turn in reversed(state.turns) if turn.speaker == "customer"), None)

    def counts(found: CueFinding) -> bool:
        return found.level >= PICKED_UP or found.customer is None or found.customer.turn != last

    for record in state.cues.values():
        record.findings = [(turn, found) for turn, found in record.findings if counts(found)]


def _over(state: CallState, persona: Persona) -> None:
    """The call has ended: what still waited for an earlier turn's findings waits no longer."""
    state.over = True
    for turn in [turn for turn in state.waiting if turn in state.judged]:
        _record(state, persona, turn, state.judged.pop(turn))


def _record(state: CallState, persona: Persona, turn: str, findings: Findings | None) -> Move | None:
    """Note what one turn did, or that it could not be judged; the move that it earns, if any."""
    if findings is not None:
        state.unjudged.pop(turn, None)
        for record in state.cues.values():
            record.unjudged.discard(turn)  # it is judged now
        return _apply(state, persona, turn, findings)
    for cue in state.answering[turn]:
        state.cues[cue].unjudged.add(turn)
    return None


def _apply(state: CallState, persona: Persona, turn_id: str, findings: Findings) -> Move | None:
    """Record what an agent turn did; the move that it earns, if any. A step down wins over a step up."""
    quiet = next(is_quiet(turn) for turn in state.turns if turn.id == turn_id)
    found = [one for one in findings.cues if _counts(state.cues[one.cue], one)]
    moves = [move for one in found if (move := _apply_cue(state.cues[one.cue], one, turn_id, quiet=quiet))]
    for cue in findings.not_judged:
        state.cues[cue].unjudged.add(turn_id)
    picked = any(one.level >= PICKED_UP for one in found) | _apply_need(state, turn_id, findings, moves)
    if findings.solved and state.solved is None:
        state.solved = turn_id
        moves.append(Move(+1, "solved", turn_id))
    for eased in findings.worries:
        state.eased.setdefault(eased.worry, turn_id)
    picked |= _apply_promises(state, turn_id, findings, moves)
    missed = any(one.level == 1 for one in found) or _passed_over(state, turn_id, findings)
    if not quiet and _out_of_patience(state, persona.difficulty, picked=picked, missed=missed):
        moves.append(Move(-1, "patience", turn_id))
    shut_down = any(one.level == 0 for one in found)
    _try_lock(state, persona, turn_id, earned=_earned_before(state) and not quiet and not shut_down)
    return min(moves, key=lambda move: move.by, default=None)


def _counts(record: CueRecord, found: CueFinding) -> bool:
    """A cue once picked up is never missed again; one heard in an earlier call is not held against anybody now."""
    if found.level == 1:
        return not record.picked_up
    return found.level != 2 or not record.heard_before


def _apply_cue(record: CueRecord, found: CueFinding, turn_id: str, *, quiet: bool) -> Move | None:
    """Record one answer to a cue; the move that it earns."""
    before = max(record.best, PICKED_UP) if record.heard_before else record.best
    record.findings.append((turn_id, found))
    if found.level >= PICKED_UP:
        record.in_words |= not quiet
        record.anticipated |= found.customer is None and before < PICKED_UP
    if found.level == 0:
        return Move(-1, "shut_down", turn_id, found.cue)
    if found.level == 5 and before < 5:
        return Move(+1, "met", turn_id, found.cue)
    if found.level >= PICKED_UP > before:
        return Move(+1, "picked_up", turn_id, found.cue)
    return None


def _apply_promises(state: CallState, turn_id: str, findings: Findings, moves: list[Move]) -> bool:
    """Record what was done with the promises of the last call; whether one was kept or made good by it."""
    good = False
    for dealt in findings.promises:
        found = state.promises.setdefault(dealt.promise, [])
        if dealt.outcome in {"kept", "owned"}:
            if not any(one.outcome in {"kept", "owned"} for _, one in found):
                moves.append(Move(+1, "promise_kept", turn_id))
            good = True
        elif dealt.outcome == "denied":
            moves.append(Move(-1, "promise_denied", turn_id))
        found.append((turn_id, dealt))
    return good


def _passed_over(state: CallState, turn_id: str, findings: Findings) -> bool:
    """Whether the promise that had just been asked after was passed over."""
    asked = state.answering_promise[turn_id]
    return any(dealt.promise == asked and dealt.outcome == "passed_over" for dealt in findings.promises)


def _apply_need(state: CallState, turn_id: str, findings: Findings, moves: list[Move]) -> bool:
    """Record guesses at the need and answers to it; whether something was picked up by that."""
    picked = False
    if findings.guess and state.need_said is None and not state.told_before:  # what was said is no guess any more
        if findings.guess.right and not any(state.guesses.values()):
            moves.append(Move(+1, "guessed", turn_id))
        state.guesses[turn_id] = picked = findings.guess.right
        state.wrong_guess = not findings.guess.right
    said = findings.need_said
    just_said = said is not None and state.need_said is None and _earned_by(state, said.turn)
    if said and just_said:
        state.need_said = said.turn
    if (answer := findings.need_answer) and state.need_said:
        before = max(state.need_levels, default=-1)
        state.need_levels.append(answer.level)
        picked |= answer.level >= PICKED_UP
        if answer.level == 0 or (answer.level == 1 and just_said):
            moves.append(Move(-1, "need_passed_over", turn_id))
        elif answer.level == 5 and before < 5:
            moves.append(Move(+1, "need_met", turn_id))
        elif answer.level >= PICKED_UP > before:
            moves.append(Move(+1, "need_heard", turn_id))
    return picked


def _earned_by(state: CallState, customer_turn: str) -> bool:
    """Whether that turn was spoken after the one that opened the lock: what came before cannot have been the need."""
    if state.elsewhere or state.told_before:  # nobody kept it back
        return True
    ids = [turn.id for turn in state.turns]
    return state.opened_by is not None and ids.index(customer_turn) > ids.index(state.opened_by)


def _out_of_patience(state: CallState, difficulty: int, *, picked: bool, missed: bool) -> bool:
    if picked:
        state.misses = 0
    elif missed:
        state.misses += 1
        if state.misses >= PATIENCE[difficulty]:
            state.misses = 0
            return True
    return False


def _earned_before(state: CallState) -> bool:
    """Whether the need was earned in an earlier call; then it is no stranger who answers."""
    return state.before is not None and state.before.earned


def _try_lock(state: CallState, persona: Persona, turn_id: str, *, earned: bool) -> None:
    if state.lock_open:
        return
    picked = [record for record in state.cues.values() if record.picked_up]
    shown = sum(not record.anticipated for record in picked)
    counted = shown + min(1, len(picked) - shown)
    in_words = any(record.in_words for record in picked)
    enough = counted >= persona.hidden_need.opens_up_after and in_words
    if enough or earned or any(state.guesses.values()):
        state.opened_by = turn_id


# --- what the next customer turn shows -------------------------------------------------------------------


def _slip(persona: Persona, state: CallState) -> Slip | None:
    """The cue that is due: whose turn it was least, in the file's order; never twice running, never once heard."""
    open_cues = [
        cue
        for cue in persona.cues
        if not state.cues[cue.id].picked_up
        and cue.id not in state.last_cues
        and state.cues[cue.id].slips < len(cue.shows)
    ]
    if not open_cues:
        return None
    cue: Cue = min(open_cues, key=lambda cue: state.cues[cue.id].turns)
    return Slip(cue.id, cue.shows[state.cues[cue.id].slips], cue.when)


def _earned(persona: Persona, state: CallState) -> Earned | None:
    if not state.lock_open:
        return None
    hidden = persona.hidden_need
    unsaid = state.need_said is None and not state.told_before
    return Earned(hidden.need, hidden.said, tuple(hidden.facts), still_unsaid=unsaid)


def _open_promise(state: CallState) -> Owed | None:
    """The promise of the last call that is to be asked after next."""
    promises = state.before.promises[:ASKED_AFTER] if state.before else ()
    closed = {name for name, found in state.promises.items() if any(one.outcome != "passed_over" for _, one in found)}
    return next((promise for promise in promises if promise.id not in state.asked_after | closed), None)


def _farewell(plain: Direction, farewell: Farewell) -> Direction:
    """The last words: what was not said by now stays unsaid."""
    earned = plain.earned and replace(plain.earned, still_unsaid=False)
    return replace(plain, earned=earned, not_it=False, farewell=farewell)


def _closing(plain: Direction, persona: Persona, state: CallState) -> Direction:
    """The problem is solved: an earned need first, then one last cue or worry, then goodbye."""
    earned = plain.earned
    if earned and earned.still_unsaid and state.earned_turns < TRIES_TO_SAY:
        return plain
    if not state.last_word_given:
        eased = {*state.eased, *(state.before.eased if state.before else ())}
        worry = next((w for w in persona.worries if w.id not in eased), None) if earned else None
        if worry:
            return replace(plain, worry_id=worry.id, worry=worry.worry)
        if slip := _slip(persona, state):
            return replace(plain, slip=slip)
    return _farewell(plain, "goodbye")
