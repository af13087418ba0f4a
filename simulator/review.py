"""The trainer's side: judging a call from anywhere or from the record, and overruling the critic.

A call from elsewhere is walked by the same critic, turn by turn, as a live one: it is put into a `Session` as if it
had just been held. Before anything is sent, card, ID and phone numbers are masked and the text is shown.
"""

from __future__ import annotations

import asyncio
import difflib
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from simulator.branches import active, branches
from simulator.consent import confirmed, text_of
from simulator.critique import LAYERS
from simulator.debrief import document, report
from simulator.director import follow
from simulator.errors import ModelError, UsageError
from simulator.events import Debriefed, Event, Overruled, due, summed_up
from simulator.mask import mask
from simulator.outside import read
from simulator.persona import Persona
from simulator.screen.card import screen
from simulator.session import Session
from simulator.transcript import Transcript, Turn, printable

if TYPE_CHECKING:
    from simulator.calls import Calls
    from simulator.texts import Texts

Form = Literal["text", "markdown", "json"]
CUE_GRADES = ("0", "1", "2", "3", "4", "5", "not_shown")
LAYER_SCORES = ("1", "2", "3", "4", "5")


def transcript(file: str, persona: Persona, calls: Calls, say: Texts, form: Form, repeats: int, *, sure: bool) -> int:
    """Judge a call from a file (``-``: standard input) and print the critique; the exit code.

    Raises:
        TranscriptError: the file cannot be read as a call.
    """
    turns = _masked(read(text_of(file), file), say)
    if not calls.offline and not sure and not confirmed(say):
        print(say("critique.not_sent"), file=sys.stderr)
        return 0
    events: list[Event] = []
    session = calls.elsewhere(persona, turns, lambda *more: events.extend(more))
    return asyncio.run(_judge(session, calls, say, form, repeats))


def record(number: int, calls: Calls, say: Texts, form: Form, repeats: int) -> int:
    """Judge what could not be judged in a call of the record, keep it there, print the critique; the exit code.

    Raises:
        StoreError: there is no such call.
        UsageError: its debrief has not been opened yet, which is the agent's to do.
    """
    persona, events = calls.debriefed(number)
    _, whole = calls.record(number)
    if repeats == 1 and summed_up(events) and not any(any(due(branch.events)) for branch in branches(whole)):
        _print(persona, whole, number, say, form)  # nothing is asked, so no endpoint is needed
        return 0
    return asyncio.run(_judge(calls.again(number), calls, say, form, repeats))


def overrule(number: int, what: str, grade: str, because: str, calls: Calls, say: Texts) -> int:
    """Put the trainer's grade in the place of the critic's, with the reason; both stay in the record.

    Args:
        number: the call's number in the record.
        what: a cue's id or its number in the debrief, or a layer's id.
        grade: 0-5 or ``not_shown`` for a cue, 1-5 for a layer.
        because: the trainer's reason.
        calls: where the record is; its agent is the trainer's name.
        say: the screens' texts.

    Raises:
        StoreError: there is no such call. UsageError: something in it is not there, or the grade does not fit.
    """
    persona, events = calls.debriefed(number)
    what = _named(persona, what)
    allowed = LAYER_SCORES if what in LAYERS else CUE_GRADES
    if grade not in allowed:
        raise UsageError("no_such_grade", what=what, grade=grade, allowed=", ".join(allowed))
    if not because.strip():
        raise UsageError("reason_needed")
    word = Overruled(
        what=what,
        grade=None if grade == "not_shown" else int(grade),
        was=_found(persona, events, what),
        because=printable(because).strip(),
        by=calls.agent,
    )
    calls.store.append(number, len(calls.store.events(number)) + 1, word)  # those of other branches are kept there too
    open_still = what in LAYERS or follow(persona, events).cues[what].not_judged
    nothing = say("report.not_judged" if open_still else "report.cues.not_shown")
    was = nothing if word.was is None else word.was
    sentence = "critique.confirmed" if word.grade == word.was else "critique.overruled"
    print(say(sentence, what=what, was=was, grade=grade, number=number))
    return 0


# --- a call of the record --------------------------------------------------------------------------------


def _named(persona: Persona, what: str) -> str:
    """The id of a cue or a layer, whether it is named by the id or, a cue, by its number in the debrief."""
    ids = [cue.id for cue in persona.cues]
    if what.isdecimal() and 1 <= int(what) <= len(ids):
        return ids[int(what) - 1]
    known = [*ids, *LAYERS]
    if what not in known:
        near = difflib.get_close_matches(what, known, n=1)
        raise UsageError("no_such_finding", name=what, near=near[0] if near else "", known=", ".join(known))
    return what


def _found(persona: Persona, events: list[Event], what: str) -> int | None:
    """The critic's own grade or score."""
    if what not in LAYERS:
        return follow(persona, events).cues[what].found
    verdicts = (event.verdict for event in reversed(events) if isinstance(event, Debriefed))
    return next((verdict.layers[what].score for verdict in verdicts if verdict), None)


# --- judging ---------------------------------------------------------------------------------------------


async def _judge(session: Session, calls: Calls, say: Texts, form: Form, repeats: int) -> int:
    """Judge what is not judged yet, then `repeats` - 1 times anew; print; the exit code."""
    others: list[Session] = []
    try:
        with _status(say("critique.judging", turns=len(session.turns))):
            await session.complete()
            others = [calls.anew(session) for _ in range(repeats - 1)]
            for other in others:
                await other.settle()
            if others:
                session.repeated(others)
    finally:
        await session.close()
    _print(session.persona, session.events, session.number, say, form)
    return _missing(session, others, say)


@contextmanager
def _status(words: str) -> Iterator[None]:
    """Words with a spinner, on a terminal."""
    from rich.console import Console

    with Console(stderr=True, highlight=False, markup=False, emoji=False).status(words):
        yield


def _print(persona: Persona, events: Sequence[Event], number: int | None, say: Texts, form: Form) -> None:
    """Print the critique of a record: of the branch in which the call stands."""
    if form == "json":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # JSON is, whatever the locale
        print(document.as_json(document.document(persona, active(events).events)))
    elif form == "markdown":
        print(report.markdown(persona, events, say), end="")
    else:
        screen().print(report.debrief(persona, events, say, number))


def _missing(session: Session, others: Sequence[Session], say: Texts) -> int:
    """Say what could not be judged, be it in a repeat only; the exit code."""
    missed = session.state.unjudged.keys() | {turn for other in others for turn in other.state.unjudged}
    lines = [str(n) for n, turn in enumerate(session.turns, 1) if turn.id in missed]
    if not lines and session.summed_up:
        return 0
    what = say("critique.missing_lines", lines=", ".join(lines)) if lines else say("critique.missing_sum")
    open_still = bool(session.state.unjudged) or not session.summed_up
    again = say("critique.again", number=session.number) if open_still and session.number is not None else ""
    print(what + again, file=sys.stderr)
    return ModelError.exit_code


# --- a call from elsewhere -------------------------------------------------------------------------------


def _masked(turns: Transcript, say: Texts) -> list[Turn]:
    """The turns without numbers that belong to somebody, shown as they will be sent."""
    masked = [(turn, mask(turn.text)) for turn in turns]
    print(say("critique.masked", count=sum(found.count for _, found in masked)), file=sys.stderr)
    for number, (turn, found) in enumerate(masked, 1):
        words = printable(found.text) or say("report.said_nothing")
        print(f"[{number}] " + say(f"critique.{turn.speaker}", words=words), file=sys.stderr)
    return [replace(turn, text=found.text) for turn, found in masked]
