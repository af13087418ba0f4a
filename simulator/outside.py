"""A call that happened elsewhere, read into turns: JSON lines, or plain text with the speakers' labels.

JSON lines are what ``simulator chat --json`` prints, or ``{"speaker": "customer", "text": "…"}`` one a line. In
plain text each line may begin with ``客户：``, ``客服01：``, ``[00:12] Agent 2:``, ``**Customer** -`` and the like; a
line without a label goes on with the turn above. Who spoke is never guessed: what cannot be read is an error that
names the line, and so is a line that seems to begin with some other speaker, or with a label and no colon.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.errors import TranscriptError
from simulator.transcript import Speaker, Turn, printable


def read(text: str, name: str) -> list[Turn]:
    """The turns of the call, ``c1``, ``a2``, …; speakers take turns, and one who stayed quiet has the text "".

    Args:
        text: what the file holds; a byte order mark and any kind of line end are fine.
        name: the file's name, for errors.

    Raises:
        TranscriptError: the text cannot be read as a call, or holds no call with two sides.

    """
    # Only real line ends: JSON may hold U+2028 as it is, and editors count lines this way too.
    lines = re.split(r"\r\n|\n|\r", text.removeprefix("\ufeff"))
    first = next((line for line in lines if line.strip()), "")
    said = _json_lines if first.lstrip().startswith("{") else _labelled_lines
    turns = _turns(said(lines, name))
    if not turns:
        raise TranscriptError("transcript_empty", file=name)
    speakers = {turn.speaker for turn in turns}
    if len(speakers) == 1:
        raise TranscriptError("transcript_one_side", file=name, side=_missing(speakers.pop(), text))
    return turns


@dataclass(frozen=True)
class _Said:
    """A piece of a turn."""

    speaker: Speaker
    text: str
    interrupted: bool = False


# --- turns -----------------------------------------------------------------------------------------------

_SILENT = re.compile(
    r"(?:[(（]\s*(?:沉默(?:不语)?|无声|静默|(?:没有?|不|未)(?:说话|出声|作声)|silence|(?:stays? )?(?:silent|quiet)|"
    r"(?:you )?(?:says?|said) nothing)\s*[.。…]*\s*[)）]\s*)+",
    re.IGNORECASE,
)


def _turns(said: Iterator[_Said]) -> list[Turn]:
    """What each of the two said until the other one spoke."""
    merged: list[_Said] = []
    for one in said:
        if one.speaker == "customer" and not one.text:
            continue
        if merged and merged[-1].speaker == one.speaker:
            before = merged.pop()
            text = f"{before.text} {one.text}".strip()
            merged.append(_Said(one.speaker, text, one.interrupted))
        else:
            merged.append(one)
    return [
        Turn(f"{one.speaker[0]}{number}", one.speaker, _heard(one), one.interrupted)
        for number, one in enumerate(merged, 1)
    ]


def _heard(said: _Said) -> str:
    """The words; none when the agent's turn only says that it was silent."""
    return "" if said.speaker == "agent" and _SILENT.fullmatch(said.text) else said.text


def _missing(there: Speaker, text: str) -> str:
    """The side that is not there, as the file would call it."""
    if re.search(r"[\u4e00-\u9fff]", text):
        return "客服" if there == "customer" else "客户"
    return "Agent" if there == "customer" else "Customer"


# --- JSON lines ------------------------------------------------------------------------------------------

_KINDS: dict[str, Speaker] = {"customer_said": "customer", "agent_said": "agent"}


def _json_lines(lines: list[str], name: str) -> Iterator[_Said]:
    """What was said; of a call in which the agent went back, what was said on the way that was taken in the end."""
    said: list[tuple[object, _Said]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        value = _object(line, name, number)
        kind = value.get("kind")
        if kind == "rewound" and isinstance(to := value.get("to"), str):
            del said[next((i for i, (turn, _) in enumerate(said, 1) if turn == to), len(said)) :]
        if "kind" in value and not (isinstance(kind, str) and kind in _KINDS):
            continue
        speaker = _KINDS[kind] if isinstance(kind, str) else _speaker(value, name, number)
        text = value.get("text")
        if not isinstance(text, str):
            raise TranscriptError("transcript_not_json", file=name, line=number, why=_shown(line))
        interrupted = speaker == "customer" and value.get("interrupted") is True
        said.append((value.get("turn"), _Said(speaker, printable(text).strip(), interrupted)))
    yield from (one for _, one in said)


def _object(line: str, name: str, number: int) -> dict[str, object]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise TranscriptError("transcript_not_json", file=name, line=number, why=_shown(line))
    return value


def _speaker(value: dict[str, object], name: str, number: int) -> Speaker:
    found = value.get("speaker")
    if found == "customer":
        return "customer"
    if found == "agent":
        return "agent"
    shown = found if isinstance(found, str) else json.dumps(value, ensure_ascii=False)
    raise TranscriptError("transcript_speaker", file=name, line=number, found=_shown(shown))


# --- plain text ------------------------------------------------------------------------------------------

# The longer ones first: "Customer service" is no customer.
_AGENT = (
    *("客服专员", "客服代表", "客服人员", "客服", "坐席", "座席", "话务员", "接线员", "专员", "客户经理"),
    *("Customer Service Representative", "Customer Service Rep", "Customer Service"),
    *("Customer Support", "Customer Care"),
    *("Agent", "Operator", "Representative", "Rep", "Advisor", "CSR"),
)
_CUSTOMER = ("客户", "顾客", "用户", "来电人", "主叫", "Customer", "Caller", "Client")
_LABELS = {label.lower(): label for label in (*_CUSTOMER, *_AGENT)}
_AGENTS = {label.lower() for label in _AGENT}

_CLOCK = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,6})?)?(?:\s?[AaPp][Mm])?(?!\d)"
_STAMP = rf"(?:\d{{4}}[-/.]\d{{1,2}}[-/.]\d{{1,2}}[ T])?{_CLOCK}"
_BRACKETED = r"[\[(（【]\s*#?\d[\d:：.,/ T-]{0,30}(?:[AaPp][Mm])?\s*[\])）】]"
# Marks of lists, quotes, headings and heavy print, between and around them.
_FRONT = rf"(?>(?:(?:{_BRACKETED}|{_STAMP}|#?\d{{1,6}}(?:[.)、．]|\s)|[*_>#|•·●+–—-]+)\s*)*)"
_COLON = "[:：﹕∶︰]"
# A hyphen needs a blank beside it after Latin letters: "Customer-facing" is one word.
_DASH = r"(?:[–—]+|-+(?=\s|$)|(?<![A-Za-z])-+(?!\d))"
# 01, No. 2, （张先生）, 小王, 王女士, Mary Smith
_NAME = (
    r"(?:\s*(?:#|[Nn]o\.?\s?|-)?\s?\d{1,8}(?!\d)|\s*[(（\[【][^()（）\[\]【】]{0,40}[)）\]】]|"
    r"\s*[-·]?\s*(?:[\u4e00-\u9fff]{1,3}(?:先生|女士|小姐|太太|阿姨|大爷|奶奶)|[小老阿][\u4e00-\u9fff]{1,2})|"
    r"\s+(?:(?:Mr|Mrs|Ms|Miss|Dr)\.?\s)?(?!(?:Service|Support|Care)\b)[A-Z][\w'’-]*\.?(?:\s[A-Z][\w'’-]*\.?)?)"
)
_LABEL = rf"(?P<label>(?i:{'|'.join(sorted(_LABELS, key=len, reverse=True))}))(?![A-Za-z])"
_LABELLED = re.compile(
    rf"{_FRONT}{_LABEL}[*_]*"
    # "客服 12:30 您好": the label is followed by the time, and that perhaps by a colon.
    rf"(?:(?:{_NAME})?[*_]*\s+[\[(（【]?{_STAMP}[\])）】]?[*_]*\s*{_COLON}?|"
    rf"(?:{_NAME}){{0,2}}[*_]*\s*(?:{_COLON}|{_DASH}))\s*(?P<said>.*)"
)
# A label that is set apart from what follows, though by no colon: "客户 那好", "[Customer] yes", "Agent | hi".
_BARE = re.compile(
    rf"(?P<front>{_FRONT})(?:{_LABEL}[*_]*(?:{_NAME}){{0,2}}[*_]*(?=\s|$|[|>=→~/\\;；-])|"
    rf"[\[(（【<「\"“]\s*{_LABEL.replace('label', 'within')}(?:{_NAME}){{0,2}}\s*[\])）】>」\"”])"
)
_WITH_SECONDS = (
    r"(?:[\[(（【]\s*\d{1,2}:\d{2}[^\])）】]{0,12}[\])）】]|\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\d{1,2}:\d{2}:\d{2})"
)
_LOOKS_LABELLED = re.compile(
    rf"{_FRONT}[\[(（【<「\"“]?(?P<label>\d{{0,6}}[^\W\d_]"
    r"(?:[^:：﹕∶︰,，。.!！?？;；、…()（）]|[(（][^()（）]{0,40}[)）]|(?<=\b[A-Z])\.|(?<=\b[MDNSJ][rost])\.|(?<=\bMrs)\.){0,39}?)"
    # No label: 10:30, https://.
    rf"[\])）】>」\"”]?[*_]*(?:\s*(?:[：﹕∶︰]|:(?!//)(?!(?<=\d:)\d\d(?!\d)))|\s+{_STAMP}\s*{_COLON}|\s+{_WITH_SECONDS})"
)
_UNFINISHED = re.compile(r".*[^\s.!?。！？…]", re.DOTALL)
_CLOSING = "\"'”’」)）*_ "
_STAMPED = re.compile(rf"(?:{_BRACKETED}\s*)+")
_NO_WORDS = re.compile(rf"(?:{_BRACKETED}|{_STAMP}|[\W_])*+")


def _labelled_lines(lines: list[str], name: str) -> Iterator[_Said]:
    last: _Said | None = None
    written = ""
    for number, raw in enumerate(lines, 1):
        line = printable(raw).strip()
        if _NO_WORDS.fullmatch(line):
            continue
        if found := _LABELLED.fullmatch(line):
            written = found["label"]
            speaker: Speaker = "agent" if written.lower() in _AGENTS else "customer"
            last = _Said(speaker, _unmarked(line[: found.start("said")], found["said"].strip()))
        else:
            _check_label(line, name, number, first=last is None)
            if last is None or _bare_label(line, last.text, written):
                raise TranscriptError("transcript_no_label", file=name, line=number, found=_shown(line))
            last = _Said(last.speaker, _STAMPED.sub("", line, count=1) if _STAMPED.match(line) else line)
        yield last


def _unmarked(before: str, said: str) -> str:
    """The words without the mark that ends what began before the label: **Customer:** yes, **Customer: yes**."""
    for mark in ("**", "__", "*", "_"):
        if before.count(mark) % 2 and said.count(mark) % 2:
            said = said.removeprefix(mark) if said.startswith(mark) else said.removesuffix(mark)
    return said.strip()


def _check_label(line: str, name: str, number: int, *, first: bool) -> None:
    """Raise when the line seems to name a speaker that is none: its words must not go to the one before."""
    looks = _LOOKS_LABELLED.match(line)
    if not looks:
        return
    label = looks["label"].strip(" \t*_")
    near = _near(label) if len(label) <= 24 else ""
    # Before any label it may as well be a heading.
    if near or (not first and _short(label)):
        raise TranscriptError("transcript_unknown_label", file=name, line=number, found=_shown(label), near=near)


def _short(label: str) -> bool:
    """Whether it may be a name, and not the beginning of a sentence."""
    bare = re.sub(r"[(（].*?[)）]|[\[【].*", "", label)
    if re.search(r"[\u3400-\u9fff]", bare):
        return len(bare.strip()) <= 12
    return len(re.findall(r"[^\W\d_][^\s]*", bare)) <= 3


def _bare_label(line: str, before: str, written: str) -> bool:
    """Whether the line begins with a label but for the colon, and is not the rest of a sentence."""
    bare = _BARE.match(line)
    if not bare:
        return False
    label = bare["label"] or ""
    in_sentence = not bare["front"] and label.isascii() and label.islower() and not written.islower()
    return not (in_sentence and _UNFINISHED.fullmatch(before.rstrip(_CLOSING)))


def _near(label: str) -> str:
    """The known label that was probably meant; empty when it is some other word before a colon."""
    label = label.lower()
    word = re.sub(r"[\s\d(（\[【#].*", "", label)
    begins = [one for one in _LABELS if not one.isascii() and word.startswith(one)]
    if begins:
        return _LABELS[max(begins, key=len)]
    simple = [one for one in _LABELS if one.isascii() or len(one) <= 3]
    likest = max(simple, key=lambda one: (max(_likeness(label, one), _likeness(word, one)), one[0] == word[:1]))
    likeness = max(_likeness(label, likest), _likeness(word, likest))
    # Of two Chinese characters one is enough, where the first begins few other words: 客人, but not 账户 or 主要.
    half = len(word) == 2 and word[0] in "客顾坐座"
    return _LABELS[likest] if likeness >= (0.5 if half else 0.65) else ""


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one, other).ratio()


def _shown(text: str) -> str:
    """The beginning of what was found, fit for a screen."""
    text = printable(text).strip()
    return text if len(text) <= 40 else text[:39] + "…"
