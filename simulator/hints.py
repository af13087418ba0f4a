"""A hint for whoever practises: first the channel, then the words, then what they may mean.

Which cue it is about is decided by what the director let slip and what the critic found heard; no model is asked.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.director import follow
from simulator.events import CustomerSaid, Event, HintGiven, started
from simulator.persona import Persona

HINTS = ("channel", "words", "meaning")
"""The steps: which channel to listen to, what was said, what may be behind it."""
STEPS = len(HINTS)


def next_hint(persona: Persona, events: Sequence[Event]) -> HintGiven | None:
    """The next step about the cue that showed last and was not picked up; None when there is none.

    Once all three steps were given, the last one comes again.
    """
    state = follow(persona, events)
    shown = [(turn, cue) for turn, cue in _shown(persona, events) if not state.cues[cue].picked_up]
    if not shown:
        return None
    turn, cue = shown[-1]
    given = sum(isinstance(event, HintGiven) and event.cue == cue for event in events)
    return HintGiven(turn=turn, cue=cue, step=min(given + 1, STEPS))


def _shown(persona: Persona, events: Sequence[Event]) -> list[tuple[str, str]]:
    """Customer turns that let a cue slip, with the cue, in the order of the call."""
    said = [event for event in events if isinstance(event, CustomerSaid)]
    first_call = started(events).before is None
    opening = [(said[0].turn, cue.id) for cue in persona.cues if cue.in_opening and said and first_call]
    return opening + [(event.turn, event.cue) for event in said if event.cue and not event.held_back]
