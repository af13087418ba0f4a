"""Two branches of a call side by side, from where they part: what was said, what it did to the customer, the levels.

Up to the fork both are the same call, so their lines have the same numbers and whoever speaks in one speaks in the
other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import zip_longest

from simulator.branches import shared
from simulator.debrief.reading import Reading, tone
from simulator.events import ended
from simulator.screen.page import Beside, Cell, Section, Tone

Notes = dict[int, list[tuple[str, Tone]]]
"""What is told about a line, by the line's number."""


def section(one: Reading, other: Reading) -> Section:
    """The two from their fork, and what each came to.

    Args:
        one: a branch of a call, for the left.
        other: another branch of the same call.
    """
    fork = shared(one.turns, other.turns)
    said = zip_longest(_lines(one, fork), _lines(other, fork), fillvalue=Cell())
    came = zip(_outcome(one, fork), _outcome(other, fork), strict=True)
    heads = (_head(one), _head(other))
    words = one.say("quote", words=one.turns[fork - 1].text)
    about = one.say("ways.fork", line=fork, words=words)
    return Section(one.say("ways.title"), (about, Beside(heads, (*said, (Cell(), Cell()), *came))), "ways")


def picked_up(call: Reading) -> str:
    """How many of the cues that were shown and judged were picked up."""
    if not call.graded:
        return call.say("none_shown")
    return call.say("picked_up", picked=sum(line.picked_up for line in call.graded), shown=len(call.graded))


def _head(call: Reading) -> str:
    return call.say("ways.head", number=call.branch.number if call.branch else 1)


# --- what was said ---------------------------------------------------------------------------------------


def _lines(call: Reading, fork: int) -> Iterator[Cell]:
    """The lines behind the fork, with what each did."""
    notes = _notes(call)
    for number, turn in enumerate(call.turns[fork:], fork + 1):
        text = call.say("ways.line", line=number, said=call.line_said(turn))
        yield Cell(text, tuple(notes[number]))


def _notes(call: Reading) -> Notes:
    """The levels that each agent line reached, what else it did, and where the mood moved."""
    notes: Notes = defaultdict(list)
    for cue in call.cues:
        for line, level in dict.fromkeys(cue.path):
            told = call.say("pair", label=call.cue_name(cue.cue.id), text=call.level(level))
            notes[line].append((told, tone(level)))
    for turn, found in call.findings.items():
        line = call.line_of[turn]
        if found.guess:
            notes[line].append((call.say("ways.right" if found.guess.right else "ways.wrong"), "plain"))
        if found.need_answer and call.state.need_said:
            level = found.need_answer.level
            notes[line].append((call.say("pair", label=call.say("need.need"), text=call.level(level)), tone(level)))
    if call.state.solved:
        notes[call.line_of[call.state.solved]].append((call.say("ways.solved"), "good"))
    if call.state.need_said:
        notes[call.line_of[call.state.need_said]].append((call.say("ways.need_said"), "good"))
    for line in {call.line_of[turn] for turn in call.state.unjudged} | {call.line_of[turn.id] for turn in call.pending}:
        notes[line].append((call.say("not_judged"), "plain"))
    _moves(call, notes)
    return notes


def _moves(call: Reading, notes: Notes) -> None:
    """Each step of the ladder at the customer's line that first showed it, with the step before."""
    before = call.steps[0][1]
    for taken in call.state.taken:
        mood = call.persona.emotion.ladder[taken.step].mood
        up = taken.move.by > 0
        words = {"before": before + 1, "now": taken.step + 1, "mood": mood, "reason": call.reason(taken.move)}
        notes[taken.before_turn].append((call.say(f"ways.{'up' if up else 'down'}", **words), "good" if up else "bad"))
        before = taken.step


# --- what it came to -------------------------------------------------------------------------------------


def _outcome(call: Reading, fork: int) -> Iterator[Cell]:
    """How it ended, the cues over the whole branch, the need, the problem, the mood."""
    end = ended(call.events)
    spoken = sum(turn.speaker == "agent" for turn in call.turns)
    yield Cell(call.say(f"ending.{end.how}", turns=spoken) if end else call.say("ways.open", turns=spoken))
    yield Cell(picked_up(call), tuple(_levels(call)))
    out = call.state.need_said
    said = call.say("line", line=call.line_of[out]) if out else call.say("ways.unsaid")
    yield Cell(call.say("pair", label=call.say("ways.need_out"), text=said))
    solved = "worries.solved" if call.state.solved else "worries.unsolved"
    yield Cell(call.say("pair", label=call.say("worries.surface"), text=call.say(solved)))
    before, after = (step for _, step in (_at(call, fork), call.steps[-1]))
    name = "ways.mood" if before != after else "ways.mood_same"
    moods = call.say(name, before=before + 1, after=after + 1, mood=call.persona.emotion.ladder[after].mood)
    yield Cell(call.say("pair", label=call.say("mood.title"), text=moods))


def _levels(call: Reading) -> Iterator[tuple[str, Tone]]:
    for cue in call.graded:
        told = call.say("pair", label=call.cue_name(cue.cue.id), text=call.level(cue.grade))
        yield told, tone(cue.grade)


def _at(call: Reading, fork: int) -> tuple[int, int]:
    """The customer's line at the fork, with their step there."""
    return next(step for step in reversed(call.steps) if step[0] <= fork)
