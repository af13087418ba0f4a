"""Card, ID and phone numbers and e-mail addresses, made unreadable before a text from outside leaves the machine.

A number is seven digits or more in a row, however they are written: ``138-0013-8000``, ``（010）6552 1234``,
``幺三八，呃，零零…``, ``four one five, double five``. Separators, hesitations and stage directions do not end it;
any other word does. Masking too much is the lesser fault, but what the critic has to judge by stays: amounts,
dates, times, percentages, tails of four digits, and every shorter number.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ENOUGH = 7
"""So many digits in a row are somebody's number."""


@dataclass(frozen=True)
class Masked:
    """A text without numbers that belong to somebody.

    Attributes:
        text: as long as before; every digit that was masked is a ``*`` (of a digit's word, every letter).
        count: how many numbers and addresses were masked.

    """

    text: str
    count: int


def mask(text: str) -> Masked:
    """Mask card, ID and phone numbers and the local part of e-mail addresses, in Chinese and in English."""
    count = 0
    while True:  # until nothing is left to mask: so masking what is masked changes nothing
        addresses = _addresses(text)
        text = _starred(text, addresses)
        numbers = [[part for unit in run for part in unit.parts] for run in _numbers(text)]
        text = _starred(text, numbers)
        if not addresses and not numbers:
            return Masked(text, count)
        count += len(addresses) + len(numbers)


Spans = list[tuple[int, int]]


def _addresses(text: str) -> list[Spans]:
    """For each e-mail address, where the letters and digits of its local part are."""
    found = (
        [(at, at + 1) for at in range(*local.span()) if text[at].isalnum()] for local in _LOCAL_PART.finditer(text)
    )
    return [spans for spans in found if spans]


def _starred(text: str, found: list[Spans]) -> str:
    letters = list(text)
    for start, end in itertools.chain.from_iterable(found):
        letters[start:end] = "*" * (end - start)
    return "".join(letters)


# ASCII and other Latin letters only: in Chinese, an address follows the words before it without a space.
_LOCAL_PART = re.compile(r"(?<![A-Za-z0-9À-ɏ０-９_.+%'-])[A-Za-z0-9À-ɏ０-９_.+%'-]++(?=[@＠][\w-]++(?:[.．][\w-]+)+)")


# --- what stays readable ---------------------------------------------------------------------------------

_HAN = "零〇○一幺二两兩三四五六七八九壹贰貳叁肆伍陆陸柒捌玖"

# A number that stays begins here and ends there: it is no piece of a longer one, such as 138-0013-8000.
_FROM = r"(?<!\d)(?<!\d[-–—./·,])"
_TO = r"(?!\d)(?![-–—./·,]\d)"
_MONTH, _DAY, _YEAR = r"(?:0?[1-9]|1[0-2])", r"(?:0?[1-9]|[12]\d|3[01])", r"(?:19|20)\d\d"
_MONTH_DAY = rf"(?:{_MONTH}/{_DAY}|{_DAY}/{_MONTH})"

_STAYS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_FROM}\d{{1,3}}(?:,\d{{3}})+(?:\.\d{{1,4}})?{_TO}",  # 1,234,567.00
        r"(?<!\d)\d{1,2}[:：]\d{2}(?:[:：]\d{2}(?:[.,]\d{1,9})?)?(?!\d)",  # 08:30:15.250
        rf"{_FROM}{_MONTH_DAY}(?:\s?[-–—]\s?{_MONTH_DAY})?{_TO}",  # 11/23, 11/1-11/23
        rf"{_FROM}{_YEAR}(?=\s?年)",
        # 20000，30 天: a small number of something does not go on the number before it.
        rf"{_FROM}\d{{1,3}}(?=\s?(?:[年月日号天周秒点岁个次笔期张人位层楼]|分钟|小时|"
        r"(?:years?|months?|weeks?|days?|hours?|minutes?|seconds?|times|people|am|pm)\b))",
        r"(?:尾号|尾数|[末后]四位|\blast (?:4|four)(?: digits)?|\bending(?: (?:in|with))?)"
        rf"(?:\s?(?:是|为|is|are|[:：]))?\s*[\d{_HAN}]{{4}}(?![\d{_HAN}])",
    )
]
_DATE = re.compile(
    rf"{_FROM}(?:{_YEAR}([-./]){_MONTH}\1{_DAY}|{_MONTH}([-./]){_DAY}\2{_YEAR}|{_DAY}([-./]){_MONTH}\3{_YEAR}){_TO}"
)
_WITH_CENTS = re.compile(rf"{_FROM}\d{{1,4}}\.\d\d{_TO}")
# Up to nine digits: nobody says more without commas, and eleven are a phone number whatever comes after them.
_SUM = r"(?:\d{1,3}(?:,\d{3})+|\d{1,9})(?:\.\d{1,4})?"
_UNIT_OF_SUM = (
    r"(?:[元圆块角万萬亿千百%％‰]|[$＄¥￥£€](?!\s?\d)|美[元金]|港[元币]|欧元|英镑|人民币|"
    r"(?:RMB|CNY|USD|HKD|EUR|GBP|yuan|dollars?|bucks|pounds?|quid|euros?|cents?|pence|percent|per cent|"
    r"thousand|million|billion|k)\b)"
)
_AMOUNT = re.compile(
    rf"(?:[$＄¥￥£€]|\b(?:RMB|CNY|USD|HKD|EUR|GBP)|人民币)\s?(?P<after_sign>{_SUM}){_TO}|"
    rf"{_FROM}(?P<sum>(?:\d{{1,6}}\s?[-–—]\s?)?{_SUM})(?!\d)(?=\s?{_UNIT_OF_SUM})",
    re.IGNORECASE,
)


def _staying(text: str) -> list[bool]:
    """For each character, whether it is part of something that stays readable."""
    stays = [False] * len(text)

    def keep(start: int, end: int) -> None:
        stays[start:end] = [True] * (end - start)

    for pattern in _STAYS:
        for found in pattern.finditer(text):
            keep(*found.span())
    for found in itertools.chain(_DATE.finditer(text), _WITH_CENTS.finditer(text)):
        # With digits on both sides it is the middle of a longer number, as the birthday is in an ID.
        if not (_digit_before(text, found.start(), stays) and _digit_after(text, found.end(), stays)):
            keep(*found.span())
    for found in _AMOUNT.finditer(text):
        start, end = found.span("after_sign" if found["after_sign"] else "sum")
        few = sum(ch.isdigit() for ch in text[start:end]) < ENOUGH
        if few or "," in text[start:end] or not _goes_on(text, start, end, stays):
            keep(start, end)
    return stays


def _goes_on(text: str, start: int, end: int, stays: list[bool]) -> bool:
    return _digit_before(text, start, stays) or _digit_after(text, end, stays)


def _digit_before(text: str, start: int, stays: list[bool]) -> bool:
    """Whether only separators stand between a digit that does not stay and this place."""
    while start and _SEPARATOR.fullmatch(text, start - 1, start):
        start -= 1
    return start > 0 and (text[start - 1].isdecimal() or text[start - 1] in _HAN) and not stays[start - 1]


def _digit_after(text: str, end: int, stays: list[bool]) -> bool:
    """Whether only separators stand between this place and a digit that does not stay."""
    while found := _SEPARATOR.match(text, end):
        end = found.end()
    return _DIGIT.match(text, end) is not None and not stays[end]


# --- numbers ---------------------------------------------------------------------------------------------

_DIGIT = re.compile(
    rf"(?P<digit>\d)|(?P<times>[两兩二三四])个(?P<again>[\d{_HAN}])(?![\d十百千万亿个元块年月天])|(?P<han>[{_HAN}])|"
    r"(?<![A-Za-z])(?:(?P<double>double|triple|treble)[\s-]{1,3})?"
    r"(?P<word>zero|nought|naught|oh?|one|two|three|four|five|six|seven|eight|nine)(?![A-Za-z'’])",
    re.IGNORECASE,
)
# What stands between the digits of one number, on one line: marks, what is invisible, hesitations, "dash", (coughs).
_SEPARATOR = re.compile(
    r"[^\S\n\r\v\f\x1c-\x1e\x85\u2028\u2029]|[\u00ad\u200b-\u200f\u2060\ufeff\ufe0f\u20e3]|"
    r"[-‐‑‒–—―−－﹣.．。·•・‧()（）\[\]/／\\_＿,，、…]|"
    r"[嗯呃额啊哦噢唔诶欸哎]|那个|横?杠|空格|"
    r"(?<![A-Za-z])(?:u+m+|u+h+|e+r+m*|a+h+|h*m+|dash|hyphen|dot|space)(?![A-Za-z])",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"[(（]([^()（）\r\n]{1,20})[)）]")
# The last place of a Chinese ID can be an X.
_CHECK = re.compile(r"[xXｘＸ叉](?![A-Za-z\d])")
_BEFORE_CHECK = 17


@dataclass(frozen=True)
class _Unit:
    """A digit as it was said.

    Attributes:
        start: where it begins.
        end: where it ends.
        parts: the spans in it that tell the digit.
        count: how many digits it stands for ("double four": 2).
        kind: how it is written.

    """

    start: int
    end: int
    parts: tuple[tuple[int, int], ...]
    count: int
    kind: Literal["digit", "han", "word", "check"]


_TIMES = {"两": 2, "兩": 2, "二": 2, "三": 3, "四": 4, "double": 2, "triple": 3, "treble": 3}


def _numbers(text: str) -> Iterator[list[_Unit]]:
    """The runs of digits that are long enough to be somebody's number."""
    for run in _runs(text, _staying(text)):
        number = _without_neighbours(text, run)
        if _length(number) >= ENOUGH:
            yield number


def _length(run: list[_Unit]) -> int:
    return sum(unit.count for unit in run)


def _runs(text: str, stays: list[bool]) -> Iterator[list[_Unit]]:
    """The digits between which only separators stand, run by run."""
    run: list[_Unit] = []
    at = 0
    while at < len(text):
        unit = None if stays[at] else _unit(text, at, run)
        if unit and not any(stays[unit.start : unit.end]):
            run.append(unit)
            at = unit.end
            continue
        past = at if stays[at] else _past_separator(text, at)
        if past == at and run:
            yield run
            run = []
        at = max(past, at + 1)
    if run:
        yield run


def _unit(text: str, at: int, run: list[_Unit]) -> _Unit | None:
    """The digit that begins here, if one does; ``run`` is what stands before it."""
    if found := _DIGIT.match(text, at):
        many = found["times"] or (found["double"] or "").lower()
        kind: Literal["digit", "han", "word"] = "digit" if found["digit"] else "word" if found["word"] else "han"
        names = [name for name in ("digit", "times", "again", "han", "word") if found[name]]
        return _Unit(at, found.end(), tuple(found.span(name) for name in names), _TIMES.get(many, 1), kind)
    if not _CHECK.match(text, at):
        return None
    length = _length(run)
    if length == _BEFORE_CHECK or (length >= ENOUGH and run[-1].end == at and run[-1].kind == "digit"):
        return _Unit(at, at + 1, ((at, at + 1),), 1, "check")
    return None


def _past_separator(text: str, at: int) -> int:
    """Where the separator or the aside that begins here ends; the same place when neither does."""
    aside = _ASIDE.match(text, at)
    if aside and not _DIGIT.search(aside[1]):
        return aside.end()
    separator = _SEPARATOR.match(text, at)
    return separator.end() if separator else at


_SCALES = "十百千万亿拾佰仟"


def _without_neighbours(text: str, run: list[_Unit]) -> list[_Unit]:
    """The run without what belongs to the words beside it: …，二十三号; 500000，一年; one, 500000."""
    if run[-1].kind == "han" and text[run[-1].end : run[-1].end + 1] in {*_SCALES}:
        run = run[:-1]
    # A lone word beside figures counts with them unless it alone makes a number of what may be a sum.
    if _length(run[:-1]) < ENOUGH and _belongs_after(text, run):
        run = run[:-1]
    if _length(run[1:]) < ENOUGH and _belongs_before(text, run):
        run = run[1:]
    return run


def _belongs_after(text: str, run: list[_Unit]) -> bool:
    """Whether the last digit is a word of what follows the figures before it."""
    if len(run) < 2 or any(unit.kind != "digit" for unit in run[:-1]):
        return False
    last, after = run[-1], text[run[-1].end : run[-1].end + 1]
    if last.kind == "han":
        return "\u4e00" <= after <= "\u9fff" and after not in "呢吗吧啊嘛哦呀对的了"
    return last.kind == "word" and "," in text[run[-2].end : last.start]


def _belongs_before(text: str, run: list[_Unit]) -> bool:
    """Whether the first digit is a word of what stands before the figures after it."""
    if len(run) < 2 or any(unit.kind != "digit" for unit in run[1:]):
        return False
    first, before = run[0], text[max(run[0].start - 1, 0) : run[0].start]
    if first.kind == "han":
        return "\u4e00" <= before <= "\u9fff" and before not in "是为号码"
    return first.kind == "word" and "," in text[first.end : run[1].start]
