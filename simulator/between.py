"""Between two calls: what a customer remembers of the last one when they call again, and why they do.

Pure: from the persona and the events of the last call. What it makes is kept in the next call's `Started`, so a later
edit of anything changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulator.critique import PICKED_UP, came_of
from simulator.director import CallState, follow
from simulator.events import Event, Memory, Owed, PromisesFound, ended, started
from simulator.persona import Persona
from simulator.transcript import number_of

CLOSED = {"kept", "owned"}
"""Outcomes after which a promise is not open any more."""


def recall(number: int, persona: Persona, events: Sequence[Event], phrases: dict[str, Any]) -> Memory:
    """What the customer has in mind when they call again.

    Args:
        number: the last call's number in the record.
        persona: who called, as they were then.
        events: those of its active branch; it is over.
        phrases: ``again`` of the prompts' fixed words: why they call, where the persona file does not say it.
    """
    state, earlier, end = follow(persona, events), started(events).before, ended(events)
    if end is None:
        raise ValueError(f"call {number} is not over")
    told = state.need_said is not None or state.told_before
    eased = {*state.eased, *(earlier.eased if earlier else ())}
    known = Memory(
        call=number,
        at=started(events).at,
        was_about=earlier.matter if earlier else persona.surface_complaint,
        about="",
        ended=end.how,
        step=state.step,
        heard=tuple(cue.id for cue in persona.cues if _heard(state, cue.id)),
        earned=state.lock_open or (earlier is not None and earlier.earned),
        need_said=told,
        told=persona.hidden_need.need if told else "",
        solved=state.solved is not None,
        eased=tuple(worry.id for worry in persona.worries if worry.id in eased),
        worries=tuple(worry.worry for worry in persona.worries if worry.id not in eased) if told else (),
        promises=_owed(number, state, events, earlier),
        read=any(isinstance(event, PromisesFound) for event in events),
    )
    # The file's own reason is written for a call that went well, and may speak of the need.
    its_own = persona.next_call if told and known.solved and earlier is None else None
    return known.model_copy(update={"about": its_own or _why_now(known, phrases)})


def _heard(state: CallState, cue: str) -> bool:
    """Whether a cue counts as picked up in this call or an earlier one; a trainer's word counts."""
    record = state.cues[cue]
    return record.heard_before or (record.grade or 0) >= PICKED_UP


def _owed(number: int, state: CallState, events: Sequence[Event], earlier: Memory | None) -> tuple[Owed, ...]:
    """What is open: the promises of earlier calls that were not dealt with, then those of this one."""
    became = {name: came_of([dealt for _, dealt in found]) for name, found in state.promises.items()}
    closed = {name for name, dealt in became.items() if dealt and dealt.outcome in CLOSED}
    owed = [promise for promise in earlier.promises if promise.id not in closed] if earlier else []
    found = next((event.promises for event in reversed(events) if isinstance(event, PromisesFound)), ())
    owed += [
        Owed(
            id="",
            call=number,
            line=number_of(state.turns, promise.agent.turn),
            quote=promise.agent.quote,
            what=promise.what,
        )
        for promise in found
    ]
    return tuple(one.model_copy(update={"id": f"p{place}"}) for place, one in enumerate(owed, 1))


def _why_now(memory: Memory, phrases: dict[str, Any]) -> str:
    """When and why they call, made from the record: what was left open, else a promise, a worry, or a last check."""
    if not memory.solved:
        return str(phrases["unsolved"]).format(matter=memory.was_about)
    if memory.promises:
        return str(phrases["promise"]).format(matter=memory.was_about)
    if memory.worries:
        return str(phrases["worry"]).format(worry=memory.worries[0])
    return str(phrases["check"]).format(matter=memory.was_about)
