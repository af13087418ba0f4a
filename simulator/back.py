"""Going back in a call: what `/back` and what stands behind it mean, and what to say where there is no such line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from simulator.branches import way_back
from simulator.errors import UsageError
from simulator.transcript import Turn

if TYPE_CHECKING:
    from simulator.session import Session
    from simulator.texts import Texts

_COMMAND = re.compile(r"[/／](?:back|返回)(?:\s+(?P<line>.*)|(?P<close>\d+))?", re.IGNORECASE)
_LONGEST = 24
"""Characters of a line that are told, to know it by."""


def wanted(typed: str) -> str | None:
    """What stands behind `/back`, empty where nothing does; None when something else was typed."""
    found = _COMMAND.fullmatch(typed.strip())
    return found and (found["line"] or found["close"] or "").strip()


def go(session: Session, line: str, say: Texts) -> Turn:
    """Go back; the customer turn just after which the call goes on.

    Args:
        session: the call, which may have ended.
        line: what was typed behind `/back`: the number of a line, a question mark, or nothing.
        say: the screens' texts.

    Raises:
        UsageError: the call is an exam, or there is no such line; then the agent's lines are told.
    """
    if session.start.mode == "exam":
        raise UsageError("exam_no_way_back")
    number = int(line) if line.isdecimal() and len(line) < 9 else 0
    to = way_back(session.branch.events, number if line else None)
    if to is None:
        own = [(n, turn) for n, turn in enumerate(session.turns, 1) if turn.speaker == "agent"]
        if not own:
            raise UsageError("nothing_to_take_back")
        lines = "\n".join(say("chat.back.line", line=n, words=_beginning(turn, say)) for n, turn in own)
        raise UsageError("which_line" if line in {"?", "？"} else "no_such_line", line=line, lines="\n" + lines)
    session.rewind(to)
    return session.turns[-1]


def _beginning(turn: Turn, say: Texts) -> str:
    words = turn.text or say("chat.stayed_quiet")
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1].rstrip() + "…"
