"""What was said, as values: turns and the small facts about them that need no model.

A turn's id names it for good (a rewound branch never takes an id again); its number counts the lines of the
call from 1, whoever speaks, and is what people and models see.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Speaker = Literal["customer", "agent"]


@dataclass(frozen=True)
class Turn:
    """One line of the call.

    Attributes:
        id: names the turn within its session, such as ``c3`` or ``a4``.
        speaker: who said it.
        text: the words, stage directions in round brackets included; empty when the agent stayed quiet.
        interrupted: the customer was cut off by the agent in mid-sentence.

    """

    id: str
    speaker: Speaker
    text: str
    interrupted: bool = False


Transcript = Sequence[Turn]


def number_of(turns: Transcript, turn_id: str) -> int:
    """The number of a turn's line, from 1."""
    return next(number for number, turn in enumerate(turns, 1) if turn.id == turn_id)


DIRECTION = re.compile(r"[(（][^()（）]*[)）]")
# What keeps the line open and says nothing, in Chinese and in English ...
_GO_ON = re.compile(
    r"嗯+|[哦喔噢啊唔]|请?[您你]?请?((继续|接着)[说讲]?|[说讲])(吧|呗)?|我?在?听着?呢?|"
    r"\b(h*m+h*m*|uh ?huh|i see|(please )?(do )?go on|(please )?carry on|go ahead|im (still )?(here|listening))\b",
    re.IGNORECASE,
)
# ... and what may stand beside it without adding anything (alone it may be an answer to a question).
_FILLER = re.compile(r"好的?|对|是的?|行|\b(okay|ok|oh|yes|yeah|right|sure|then|please)\b", re.IGNORECASE)
_BLANKS = re.compile(r"[\W_]+")


def spoken(text: str) -> str:
    """The text without its stage directions."""
    return DIRECTION.sub("", text)


def sentences(text: str) -> list[str]:
    """The text cut after each sentence, Chinese or other."""
    return [part.strip() for part in re.findall(r"[^。！？!?.；;\n]+[。！？!?.；;]*", text) if part.strip()]


_CHINESE = r"[\u2e80-\u2fff\u3040-\u9fff\uf900-\ufaff]"
# Where the next word begins: behind a blank, before an opening mark, before and behind a Chinese character.
_NEXT_PART = re.compile(rf"(?<=\s)(?=\S)|(?=[(（“「『])|(?<![(（“「『])(?={_CHINESE})|(?<={_CHINESE})(?=\w)")


def parts(text: str) -> list[str]:
    """The text in the smallest parts that are said at a time: a word, or a Chinese character, with its marks."""
    return [part for part in _NEXT_PART.split(text) if part]


def is_quiet(turn: Turn) -> bool:
    """Whether an agent turn keeps quiet: no words, or only ones that keep the line open ("嗯，您说", "mm, go on")."""
    if turn.speaker != "agent":
        return False
    words = _BLANKS.sub(" ", spoken(turn.text).replace("'", "").replace("’", "")).strip()
    without = _GO_ON.sub("", words)
    return not words or (without != words and not _FILLER.sub("", without).strip())


def quiet_run(turns: Transcript) -> int:
    """How many agent turns in a row, counted back from the end, kept quiet."""
    run = 0
    for turn in reversed(turns):
        if turn.speaker == "agent":
            if not is_quiet(turn):
                break
            run += 1
    return run


# Full-width forms of ASCII, and the ideographic space, to their half-width twins.
_WIDTHS = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}


def fold(text: str) -> str:
    """A text for looking up quotes: white space removed, full-width forms made half-width, nothing else."""
    return re.sub(r"\s+", "", text.translate(_WIDTHS))


def where(text: str, words: str) -> tuple[int, int] | None:
    """Where the words stand verbatim in the text (see `fold`) for the first time: start and end; None: nowhere."""
    kept = [at for at, ch in enumerate(text) if not ch.isspace()]
    wanted = fold(words)
    start = fold(text).find(wanted)
    if not wanted or start < 0:
        return None
    return kept[start], kept[start + len(wanted) - 1] + 1


_STOPS = re.compile(r"[。！？!?.,，；;：:…、]+")


def holds(turn: Turn, words: str) -> bool:
    """Whether the words stand verbatim in the turn (see `fold`), and are enough of it to prove something."""
    return fold(words) in fold(turn.text) and _says_enough(words, turn)


def _says_enough(words: str, turn: Turn) -> bool:
    """Two Chinese characters, eight letters, or all that was said between two stops."""
    letters = [ch for ch in words if ch.isalnum()]
    if sum(ch >= "\u2e80" for ch in letters) >= 2 or len(letters) >= 8:
        return True
    between_stops = {fold(part) for part in _STOPS.split(turn.text)}
    return bool(letters) and fold(_STOPS.sub("", words)) in between_stops


def in_language(text: str, language: str) -> bool:
    """Whether the text is in the script that the language is written in; a few letters tell nothing, and pass."""
    chinese = len(re.findall(r"[\u3400-\u9fff]", text))
    others = re.findall(r"[^\W\d_\u3400-\u9fff]+", text)  # one word in letters weighs as much as one character
    is_chinese = chinese >= len(others)
    return chinese + len("".join(others)) <= 3 or is_chinese == language.startswith("zh")


def echoes(text: str, line: str) -> bool:
    """Whether a line can be recognised in what was said: a third of its pairs of characters are there."""
    pairs = {fold(line)[i : i + 2].lower() for i in range(len(fold(line)) - 1)}
    return 3 * sum(pair in fold(text).lower() for pair in pairs) >= len(pairs)


def printable(text: str) -> str:
    """The text without control characters (terminal escapes among them); line breaks and tabs become spaces."""
    flat = re.sub(r"[\r\n\t\v\f\u2028\u2029]+", " ", text)
    return "".join(ch for ch in flat if unicodedata.category(ch) not in {"Cc", "Cf", "Cs", "Co"} or ch == "\u200d")
