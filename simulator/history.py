"""Looking back: an agent's calls, one of them with what was found in its margin, and what has become better.

Everything is read from the record; no endpoint is needed. Nothing is shown that would give a call away before its
debrief has been opened.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len

from simulator.branches import Branch, branches
from simulator.critique import LAYERS
from simulator.debrief.past import PastCall, in_short
from simulator.errors import StoreError, UsageError
from simulator.events import Engine, Event
from simulator.screen.card import screen
from simulator.screen.page import Page, Row, Section, paged
from simulator.transcript import printable

if TYPE_CHECKING:
    from simulator.calls import Calls
    from simulator.debrief.margin import Margin
    from simulator.store import Kept
    from simulator.texts import Texts


# --- the list of calls -----------------------------------------------------------------------------------


def history(calls: Calls, say: Texts, persona: str | None, *, as_json: bool) -> int:
    """Print the agent's calls, by customer, latest first; the exit code.

    Args:
        calls: where the record is, and whose calls.
        say: the screens' texts.
        persona: only calls with this customer, by id.
        as_json: one JSON object a line instead.
    """
    past, unread = _past(calls, persona)
    if as_json:
        _print_json(_as_object(call) for call in past)
    elif past:
        screen().print(_list(past, calls.agent, say))
    elif not unread:
        name = "history.none_with" if persona else "history.none"
        print(printable(say(name, agent=calls.agent, persona=persona)))
    return _told(unread, say)


def _past(calls: Calls, persona: str | None = None) -> tuple[list[PastCall], list[StoreError]]:
    """The agent's calls, latest first, and why some cannot be read: one bad record must not hide the others."""
    past: list[PastCall] = []
    unread: list[StoreError] = []
    for kept in reversed(calls.store.all()):
        if kept.agent == calls.agent and persona in {None, kept.persona}:
            try:
                past.append(in_short(kept.id, *calls.record(kept.id)))
            except StoreError as error:
                unread.append(error)
    return past, unread


def _told(unread: Iterable[StoreError], say: Texts) -> int:
    """Say what could not be read; the exit code."""
    exit_code = 0
    for error in unread:
        print(printable(" ".join(say.error(error))), file=sys.stderr)
        exit_code = error.exit_code
    return exit_code


def _list(past: Sequence[PastCall], agent: str, say: Texts) -> Page:
    """A section for each customer."""
    of_customer: dict[str, list[PastCall]] = {}
    for call in past:
        of_customer.setdefault(call.persona, []).append(call)
    head = Section(say("history.title", agent=agent, calls=len(past)), (say("history.how"),))
    return paged(say, head, *(_with_customer(group, say) for group in of_customer.values()))


def _with_customer(past: Sequence[PastCall], say: Texts) -> Section:
    latest = past[0]
    title = say("history.customer", customer=latest.customer, title=latest.title, persona=latest.persona)
    digits = len(str(latest.number))
    rows = (Row(f"{call.number:>{digits}}  {_day(call)}", _came_out(call, say)) for call in past)
    return Section(title, (*_rates(past, say), *rows))


def _rates(past: Sequence[PastCall], say: Texts) -> Iterator[str]:
    """How many cues were picked up in all; an offline critic's guesses apart."""
    for engine in ("model", "offline"):
        of_engine = [call for call in past if call.engine == engine and call.counts and call.cues]
        if shown := sum(len(call.cues) for call in of_engine):
            picked = sum(call.picked_up for call in of_engine)
            yield say(f"history.rate.{engine}", picked=picked, shown=shown, share=f"{picked / shown:.0%}")


def _came_out(call: PastCall, say: Texts) -> str:
    """How a call ended and came out, in parts that stand below each other."""
    how = call.ended or "open"
    parts = [_padded(say(f"history.ended.{how}"), say("history.ended.agent_ended"))]
    if not call.debriefed:
        parts += [say("history.not_debriefed")] if call.ended else []
    else:
        told = say("history.picked_up", picked=call.picked_up, shown=len(call.cues))
        parts.append(told if call.cues else say("history.no_cue"))
    if call.layers:
        scores = (say(f"history.layer.{layer}", score=call.layers.get(layer, "–")) for layer in LAYERS)
        parts.append("  ".join(scores))
    if call.ways > 1:
        which = "open" if call.open_still else "told" if call.counts else "known"
        parts.append(say(f"history.ways.{which}", count=call.ways))
    if call.after is not None:
        parts.append(say("history.after", number=call.after))
    if call.exam:
        parts.append(say("history.exam"))
    if call.engine == "offline":
        parts.append(say("history.offline"))
    return "  ".join(parts).rstrip()


def _day(call: PastCall) -> str:
    return f"{call.began.astimezone():%Y-%m-%d}"


def _padded(text: str, pattern: str) -> str:
    """The text as wide as the pattern, in cells."""
    return text + " " * (cell_len(pattern) - cell_len(text))


def _as_object(call: PastCall) -> dict[str, Any]:
    return {
        "session": call.number,
        "began": call.began.isoformat(),
        "persona": call.persona,
        "customer": call.customer,
        "title": call.title,
        "engine": call.engine,
        "exam": call.exam,
        "next_call_after": call.after,
        "ended": call.ended,
        "debriefed": call.debriefed,
        "ways": call.ways,
        "counts": call.counts,
        "picked_up": call.picked_up if call.debriefed else None,
        "shown": len(call.cues) if call.debriefed else None,
        "layers": {layer: call.layers.get(layer) for layer in LAYERS} if call.debriefed else None,
    }


def _print_json(objects: Iterable[dict[str, Any]]) -> None:
    """One object a line."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON is, whatever the locale
    for one in objects:
        print(json.dumps(one, ensure_ascii=False))


# --- deleting --------------------------------------------------------------------------------------------


def delete(numbers: Sequence[int], calls: Calls, say: Texts, *, sure: bool) -> int:
    """Delete calls of the agent for good, all of them or none; the exit code.

    Raises:
        StoreError: there is no such call.
        UsageError: it is another agent's, or nobody is there to be asked.
    """
    there = {kept.id: kept for kept in calls.store.all()}
    wanted = [_own(number, there, calls.agent) for number in dict.fromkeys(numbers)]
    if not sure and not _confirmed(wanted, say):
        print(say("history.kept"))
        return 0
    gone = calls.store.delete([kept.id for kept in wanted])
    for kept in wanted:
        print(say("history.deleted", number=kept.id))
    if not gone:
        print(say("history.still_in_file"), file=sys.stderr)
    return 0


def _own(number: int, there: dict[int, Kept], agent: str) -> Kept:
    kept = there.get(number)
    if kept is None:
        raise StoreError("no_such_session", session=number)
    if kept.agent != agent:
        raise UsageError("call_of_another", session=number, whose=kept.agent, agent=agent)
    return kept


def _confirmed(wanted: Sequence[Kept], say: Texts) -> bool:
    """Whether they may be deleted, asked of whoever is there."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("delete_needs_yes")
    named = say("report.comma").join(f"{kept.id} ({kept.persona})" for kept in wanted)
    print(printable(say("history.confirm", calls=named)), end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes", "是", "好"}


# --- one call --------------------------------------------------------------------------------------------


def show(number: int, calls: Calls, say: Texts, *, markdown: bool, branch: int | None = None) -> int:
    """Print a call with what was found in its margin; the exit code.

    Args:
        number: the call's number in the record.
        calls: where the record is.
        say: the screens' texts.
        markdown: as Markdown instead.
        branch: which of its branches, from 1; None: the last one whose debrief has been opened.

    Raises:
        StoreError: there is no such call. UsageError: its debrief has not been opened yet, or it has no such branch.
    """
    from simulator.debrief.margin import with_margin  # the list is quicker without what only a debrief needs

    persona, record = calls.opened(number)
    if branch is not None:
        _branch(record, number, branch)
    _printed(with_margin(persona, record, say, number, branch), markdown=markdown)
    return 0


def compare(number: int, calls: Calls, say: Texts, wanted: Sequence[int], *, markdown: bool) -> int:
    """Print two branches of a call side by side; the exit code.

    Args:
        number: the call's number in the record.
        calls: where the record is.
        say: the screens' texts.
        wanted: which two, from 1; none: the last two.
        markdown: as Markdown instead.

    Raises:
        StoreError: there is no such call.
        UsageError: its debrief has not been opened yet, or it does not have these branches.
    """
    from simulator.debrief import ways
    from simulator.debrief.reading import Reading

    if len(wanted) not in {0, 2} or len(set(wanted)) != len(wanted):
        raise UsageError("compare_two")
    persona, record = calls.opened(number)
    count = len(branches(record))
    if count == 1:
        raise UsageError("one_way_only", session=number)
    one, other = (_branch(record, number, n) for n in wanted or (count - 1, count))
    readings = (Reading(persona, way.events, say, way) for way in (one, other))
    _printed(paged(say, ways.section(*readings)), markdown=markdown)
    return 0


def _branch(record: Sequence[Event], number: int, wanted: int) -> Branch:
    there = branches(record)
    if not 1 <= wanted <= len(there):
        raise UsageError("no_such_branch", session=number, branch=wanted, count=len(there))
    return there[wanted - 1]


def _printed(page: Page | Margin, *, markdown: bool) -> None:
    if markdown:
        print(page.markdown(), end="")
    else:
        screen().print(page)


# --- progress --------------------------------------------------------------------------------------------


def progress(calls: Calls, say: Texts, *, offline: bool, as_json: bool) -> int:
    """Print what the agent hears and how the layers come out, over their calls; the exit code.

    Args:
        calls: where the record is, and whose calls.
        say: the screens' texts.
        offline: of calls with the offline engine only, which are left out otherwise: its levels are keyword guesses.
        as_json: one JSON object a line instead.
    """
    from simulator.debrief import plotted

    past, unread = _past(calls)
    engine: Engine = "offline" if offline else "model"
    counted = [call for call in past if call.debriefed and call.counts and call.engine == engine]
    if as_json:
        _print_json(plotted.as_objects(past, counted, calls.agent, engine))
    else:
        console = screen()
        console.print(plotted.as_page(past, counted, calls.agent, engine, say, console.width))
    return _told(unread, say)
