"""How fast a customer speaks and how long they bear a dead line: by the step of the ladder, in code.

No model is asked for it, and nothing here waits: `Tempo` says how long to wait, and whoever shows the words does so.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from simulator.settings import Pace


@dataclass(frozen=True)
class Manner:
    """How somebody speaks.

    Attributes:
        character_ms: what a Chinese character takes.
        letter_ms: what a letter or a digit takes.
        pauses: how long their pauses are; 1: as in `STOPS_MS`, `PAUSE_MS` and `ASIDE_MS`.

    """

    character_ms: float
    letter_ms: float
    pauses: float


MANNERS = (
    Manner(140, 46, 1.5),  # shut, cold, or too angry for many words: slow, with silence in between
    Manner(75, 24, 0.6),  # pressed: quick, and no time for pauses
    Manner(115, 38, 1.1),  # on their guard
    Manner(120, 40, 1.0),  # calmer
    Manner(95, 31, 0.8),  # at ease
)
"""By the step of the emotion ladder, worst first."""

PAUSE_MS = 1600
"""A stage direction in which nobody speaks."""
ASIDE_MS = 700
"""Any other: a sigh, a voice in the background."""
STOPS_MS = dict.fromkeys("。！？!?.", 320) | dict.fromkeys("；;…—", 400) | dict.fromkeys("，,、：:", 130)

_NOBODY_SPEAKS = re.compile(
    r"停|顿|沉默|愣|哽|[没不]有?(声|说|出声|作声|吭|吱|接话)|半天|pause|silen|quiet|nothing|waits", re.IGNORECASE
)
_HANG_ON = frozenset("”’\"'」』》")
"""They stand behind a stop and do not end it."""


@dataclass(frozen=True)
class Speed:
    """How much of it is played.

    Attributes:
        times: what every time is multiplied by.
        words_s: the most that the words of one answer take.
        pauses_s: the most that the pauses for its stage directions take.

    """

    times: float
    words_s: float
    pauses_s: float


SPEEDS: dict[Pace, Speed] = {"off": Speed(0, 0, 0), "natural": Speed(1, 5, 3), "slow": Speed(1.7, 9, 5)}


class Tempo:
    """The pace of one answer, piece by piece as it comes.

    A word stands there whole, and the next one waits as long as it takes to say. A long answer gets quicker, so that
    it never takes longer than its `Speed` allows.
    """

    def __init__(self, pace: Pace, step: int) -> None:
        """Begin an answer that is given on that step of the ladder (0 = worst)."""
        speed = SPEEDS[pace]
        manner = MANNERS[step]
        self._character_s = manner.character_ms * speed.times / 1000
        self._letter_s = manner.letter_ms * speed.times / 1000
        self._pause_s = manner.pauses * speed.times / 1000  # for each ms of a table above
        self._words = _Allowance(speed.words_s)
        self._pauses = _Allowance(speed.pauses_s)
        self._saying_s = self._pausing_s = self._stop_s = 0.0  # of what is out and has not been waited for
        self._before = " "
        self._direction: str | None = None  # what has come of a stage direction that is still open

    def before(self, piece: str) -> float:
        """Seconds between the end of what came before and this piece of text."""
        wait = 0.0
        if piece and self._begins(piece[0]):
            wait = self._words.take(self._saying_s + self._stop_s) + self._pauses.take(self._pausing_s)
            self._saying_s = self._pausing_s = self._stop_s = 0.0
        for ch in piece:
            self._hear(ch)
        return wait

    def _begins(self, ch: str) -> bool:
        """Whether a word or a stage direction begins here, rather than going on."""
        if self._direction is not None or ch.isspace():
            return False
        return self._before.isspace() or ch in "(（" or _is_chinese(ch) or _is_chinese(self._before)

    def _hear(self, ch: str) -> None:
        if self._direction is not None:
            self._direction += ch
            if ch in ")）":
                silent = _NOBODY_SPEAKS.search(self._direction)
                self._pausing_s += self._pause_s * (PAUSE_MS if silent else ASIDE_MS)
                self._direction = None
        elif ch in "(（":
            self._direction = ""
        elif ch.isalnum():
            self._saying_s += self._character_s if _is_chinese(ch) else self._letter_s
            self._stop_s = 0.0
        elif not ch.isspace() and ch not in _HANG_ON:
            self._stop_s = self._pause_s * STOPS_MS.get(ch, 0)
        self._before = ch


class _Allowance:
    """Time that may be taken, up to a limit that is never quite reached: from half of it on each wait gets shorter."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._asked_s = 0.0

    def take(self, wanted_s: float) -> float:
        """What is granted of it, in seconds."""
        before = self._granted_s()
        self._asked_s += wanted_s
        return self._granted_s() - before

    def _granted_s(self) -> float:
        half = self._most_s / 2
        if self._asked_s <= half:
            return self._asked_s
        return self._most_s - half * math.exp(1 - self._asked_s / half)


def _is_chinese(ch: str) -> bool:
    return ch >= "\u2e80"


DEAD_AIR_S = (
    (16.0, 14.0, 12.0, 10.0, 8.0),
    (19.0, 17.0, 14.0, 12.0, 10.0),
    (22.0, 19.0, 17.0, 14.0, 12.0),
    (25.0, 22.0, 19.0, 16.0, 14.0),
    (28.0, 25.0, 22.0, 19.0, 16.0),
)
"""Seconds of a dead line after which the customer speaks up: by the step (worst first) and the difficulty, 1-5."""


def dead_air_s(step: int, difficulty: int) -> float:
    """How long a customer of that difficulty bears a dead line on that step of the ladder, in seconds."""
    return DEAD_AIR_S[step][difficulty - 1]
