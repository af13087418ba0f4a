"""Rules of the check for what gives the need away before it is earned (P101-P107), or a cue's meaning (P201)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from simulator.offline_critic import hits
from simulator.persona import dotted
from simulator.workbench.subject import Hit, Line, Subject, clauses, quoted

NEAR = 1.8
"""Weight of shared words from which a line counts as near to the need. The lines that ship reach 1.5, but for cues."""
NEAR_IN_CUES = 3.6
"""The same for a cue's lines, which may come close. Those that ship reach 3.3."""
EAR = 92
"""Similarity (0-100) from which a line counts as a right guess; the offline critic hears from 86, and mishears."""
MEANING = 0.55
"""Share of a meaning's terms, three at least, from which a cue's line states it. The lines that ship reach 0.43."""
MEANING_TERMS = 3


def opening(subject: Subject) -> Iterator[Hit]:
    """P101: the opening gives the need away."""
    yield from _leaks(subject, (line for line in subject.told if line.path == ("opening",)), NEAR)


def card(subject: Subject) -> Iterator[Hit]:
    """P102: what the agent reads before the call, id and title, gives the need away."""
    yield from _leaks(subject, (line for line in subject.seen if line.path[0] != "desk"), NEAR)


def desk(subject: Subject) -> Iterator[Hit]:
    """P103: the agent's screen gives the need away."""
    yield from _leaks(subject, (line for line in subject.seen if line.path[0] == "desk"), NEAR)


def answers(subject: Subject) -> Iterator[Hit]:
    """P104: what is told to whoever asks gives the need away."""
    told = {"facts", "believes", "when_asked"}
    yield from _leaks(subject, (line for line in subject.told if line.path[0] in told), NEAR)


def falters(subject: Subject) -> Iterator[Hit]:
    """P105: a falter at a guess gives the need away, or admits that the guess was right."""
    lines = [line for line in subject.told if line.path[0] == "when_guessed"]
    leaking = list(_leaks(subject, lines, NEAR))
    yield from leaking
    for line in lines:
        said = line.text.lower().replace("’", "'")
        admitting = next((words for words in subject.words.get("admits", ()) if words in said), None)
        if admitting and line.path not in {hit.path for hit in leaking}:
            yield Hit(line.path, "admits", {"said": quoted(line.text), "words": admitting})


def voice(subject: Subject) -> Iterator[Hit]:
    """P106: who they are, how they speak or how they feel gives the need away."""
    told = {"surface_complaint", "customer", "emotion"}
    yield from _leaks(subject, (line for line in subject.told if line.path[0] in told), NEAR)


def cues(subject: Subject) -> Iterator[Hit]:
    """P107: a cue says the need itself."""
    yield from _leaks(subject, subject.shown, NEAR_IN_CUES)


def meanings(subject: Subject) -> Iterator[Hit]:
    """P201: a cue's line states what it means."""
    for i, cue in enumerate(subject.persona.cues):
        for n, line in enumerate(cue.shows):
            there = subject.terms(line)
            for part in (*clauses(cue.means), cue.means):
                wanted = subject.terms(part)
                shared = len(wanted & there)
                if shared >= MEANING_TERMS and shared >= MEANING * len(wanted):
                    yield Hit(("cues", i, "shows", n), "near", {"said": quoted(line), "means": quoted(part)})
                    break


def _leaks(subject: Subject, lines: Iterable[Line], near_enough: float) -> Iterator[Hit]:
    """The lines that are near to what is locked, or that a right guess would be heard in."""
    lines = tuple(lines)
    together = "\n".join(line.text for line in lines)  # asked first, for most ears hear none of it
    ears = [ear for ear in subject.persona.hidden_need.heard_if if hits(ear, together, EAR)]
    for line in lines:
        near = subject.nearest_locked(line)
        ear = next((ear for ear in ears if hits(ear, line.text, EAR)), None)
        if near and near.weight >= near_enough:
            facts: dict[str, object] = {
                "said": near.text,
                "locked": dotted(near.locked.path),
                "words": near.locked.text,
            }
            yield Hit(line.path, "near", facts)
        elif ear:
            words = ear if isinstance(ear, str) else " + ".join(ear)
            yield Hit(line.path, "guessed", {"said": quoted(line.text), "words": words})
