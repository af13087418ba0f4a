"""Rules of the check for ages and dates that contradict each other (P401, P402).

What the call's year is follows from a date with its weekday, as on most desks; without one, years are not judged.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from simulator.workbench.subject import Hit, Line, Subject, quoted

YEARS = range(2020, 2041)
"""Years that a call can be in."""


class Dated(NamedTuple):
    """A date with its weekday, as a text has it; ``year`` is None where it does not say."""

    line: Line
    words: str
    year: int | None
    month: int
    day: int
    weekday: int


# --- numbers and dates in words --------------------------------------------------------------------------

_DIGITS: dict[str, int] = dict(zip("零〇一二三四五六七八九", (0, *range(10)), strict=True))
_WEEKDAYS = "一二三四五六日天"
_ENGLISH_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ONES = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")

# With their capitals, as dates have them: "may" and "sun" are other words too.
_WEEKDAY = r"(?P<weekday>Mon|Tues?|Wed|Thurs?|Thu|Fri|Sat|Sun|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)\b"
_MONTH = (
    r"(?P<month>Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?"
    r"|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\b"
)
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?\b"
_YEAR = r"(?:,? (?P<year>\d{4})\b)?"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        r"(?:(?P<year>\d{4})年)?(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]"
        r"\s*[（(，,]?\s*(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天])",
        rf"\b{_WEEKDAY},? (?:the )?{_DAY} (?:of )?{_MONTH}{_YEAR}",
        rf"\b{_WEEKDAY},? {_MONTH} {_DAY}{_YEAR}",
    )
)
_PLAIN_DATES = (
    re.compile(r"(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号]"),
    re.compile(rf"\b{_DAY} (?:of )?{_MONTH}"),
    re.compile(rf"\b{_MONTH} {_DAY}"),
)


def number(words: str) -> int | None:
    """A number up to 99 as it is written: 71, 七十一, seventy-one; None: it is none."""
    if words.isdecimal():
        return int(words)
    if chinese := re.fullmatch(r"([一二三四五六七八九]?)十([一二三四五六七八九]?)", words):
        return 10 * _DIGITS.get(chinese[1], 1) + _DIGITS.get(chinese[2], 0)
    first, _, second = words.lower().replace(" ", "-").partition("-")
    if first in _ONES and not second:
        return _ONES.index(first)
    if first in _TENS and (not second or second in _ONES[1:10]):
        return 20 + 10 * _TENS.index(first) + (_ONES.index(second) if second else 0)
    return None


def _month(words: str) -> int:
    return int(words) if words.isdecimal() else _MONTHS.index(words[:3].lower()) + 1


def _weekday(words: str) -> int:
    at = _WEEKDAYS.find(words)
    return min(at, 6) if at >= 0 else _ENGLISH_WEEKDAYS.index(words[:3].lower())


# --- dates -----------------------------------------------------------------------------------------------


def _lines(subject: Subject) -> list[Line]:
    """Where dates stand: the desk's first."""
    whole = subject.persona
    clock = [Line(("desk", "clock"), whole.desk.clock)] if whole.desk.clock else []
    desk = [line for line in subject.seen if line.path[0] == "desk"]
    told = [line for line in subject.told if line.path[0] in {"opening", "facts", "surface_complaint"}]
    return [*clock, *desk, *told]


def dates(subject: Subject) -> Iterator[Hit]:
    """P402: a date that does not exist, or weekdays that no year has."""
    for line in _lines(subject):
        for found in (match for pattern in _PLAIN_DATES for match in pattern.finditer(line.text)):
            if not _exists(2024, _month(found["month"]), int(found["day"])):  # a leap year: any date may be
                yield Hit(line.path, "no_such_day", {"date": found.group()})
    named = _weekdays(subject)
    if not named:
        return
    year = _best_year(named)
    for one in named:
        if not _fits(one, named[0], year):
            alone = one.year is not None or one is named[0]
            facts: dict[str, object] = {
                "date": quoted(one.words),
                **({} if alone else {"other": quoted(named[0].words)}),
            }
            yield Hit(one.line.path, "other_weekday" if alone else "weekday", facts)


def _weekdays(subject: Subject) -> list[Dated]:
    """The dates that are named with their weekday, and exist."""
    named = []
    for line in _lines(subject):
        for found in (match for pattern in _DATES for match in pattern.finditer(line.text)):
            year, month, day = found["year"], _month(found["month"]), int(found["day"])
            if _exists(2024, month, day):
                weekday = _weekday(found["weekday"])
                named.append(Dated(line, found.group(), int(year) if year else None, month, day, weekday))
    return named


def _best_year(named: list[Dated]) -> int:
    """The year of the first date in which it has its weekday and most others have theirs."""
    return max(
        YEARS, key=lambda year: (_fits(named[0], named[0], year), sum(_fits(one, named[0], year) for one in named))
    )


def _fits(one: Dated, first: Dated, year: int) -> bool:
    """Whether a date has its weekday if the first is in that year: without a year of its own it is the nearest one."""
    if one.year:
        return _exists(one.year, one.month, one.day) and date(one.year, one.month, one.day).weekday() == one.weekday
    if not _exists(year, first.month, first.day):
        return False
    anchor = date(first.year or year, first.month, first.day)
    near = [
        date(y, one.month, one.day) for y in range(anchor.year - 1, anchor.year + 2) if _exists(y, one.month, one.day)
    ]
    nearest = min(near, key=lambda day: abs((day - anchor).days), default=None)
    return nearest is not None and nearest.weekday() == one.weekday


def _exists(year: int, month: int, day: int) -> bool:
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


# --- ages ------------------------------------------------------------------------------------------------

_CHINESE_AGE = r"(\d{2,3}|[一二三四五六七八九]?十[一二三四五六七八九]?)"
_ENGLISH_AGE = rf"(\d{{2,3}}|(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_ONES[1:10])}))?|{'|'.join(_ONES[13:])})"


def ages(subject: Subject) -> Iterator[Hit]:
    """P401: an age or a year of birth that does not fit ``customer.age``."""
    customer = subject.persona.customer
    name = re.escape(customer.name)
    stated = tuple(
        re.compile(pattern, re.IGNORECASE)
        for pattern in (
            rf"{name}[，,]\s*(?:[男女][，,]\s*)?(?:今年|现年)?{_CHINESE_AGE}\s*(?:周?岁|了|[，,。；;]|$)",
            rf"(?:我|俺)(?:今年|都|已经)+{_CHINESE_AGE}周?岁?(?:了|[，,。；;]|$)",
            rf"{name},? (?:aged? )?{_ENGLISH_AGE}(?: years?\b|[,.;)]|$)",
            rf"\bI(?:'m|’m| am) {_ENGLISH_AGE}(?: years? old\b| now\b|[,.;]|$)",
        )
    )
    years = _call_years(subject)
    background = Line(("customer", "background"), customer.background)
    for line in (background, *_lines(subject)):
        for found in (match for pattern in stated for match in pattern.finditer(line.text)):
            age = number(found[1])
            if age is not None and age < 120 and age != customer.age:
                yield Hit(line.path, "age", {"words": quoted(found.group().strip("，,。.；; ")), "age": customer.age})
        for born, words in _births(subject, line):
            if years and not any(year - born - customer.age in {0, 1} for year in years):
                facts = {"words": quoted(words), "age": customer.age, "years": "/".join(map(str, years))}
                yield Hit(line.path, "born", facts)


def _call_years(subject: Subject) -> list[int]:
    """The years that the call can be in, by its weekdays and by the latest year that the desk names; else none."""
    named = _weekdays(subject)
    if not named:
        return []
    desk = " ".join(line.text for line in _lines(subject) if line.path[0] == "desk")
    latest = max((int(year) for year in re.findall(r"(?<!\d)(20[1-4]\d)(?![\d.,])", desk)), default=0)
    return [year for year in YEARS if year >= latest and all(_fits(one, named[0], year) for one in named)]


_YEAR_IN_WORDS = rf"(?:nineteen[- ](?:and )?)?((?:{'|'.join(_TENS[2:])})(?:[- ](?:{'|'.join(_ONES[1:10])}))?)"
_ENGLISH_BIRTH = re.compile(
    rf"(?:date of birth|\bborn\b)[^.;]*?(?:\b(19\d\d|20\d\d)\b|\b{_YEAR_IN_WORDS}\b)",
    re.IGNORECASE,
)
_CHINESE_BIRTH = re.compile(
    r"(?:(\d{4})|([一二]?[一二三四五六七八九〇零]?[一二三四五六七八九〇零]{2}))年(?:\d{1,2}月)?(?:\d{1,2}日)?(?:的|生|出生)"
)


def _births(subject: Subject, line: Line) -> Iterator[tuple[int, str]]:
    """Years of birth that a line states of the customer, and its words for them."""
    for sentence in re.split(r"[。；;]|(?<!\d)\.(?!\d)", line.text):
        about = subject.persona.customer.name in sentence or line.path[0] in {"facts", "opening"}
        words = set(re.findall(r"[a-z]+", sentence.lower()))
        others = [
            one
            for one in subject.words.get("somebody_else", ())
            if one in words or (one >= "\u3400" and one in sentence)
        ]
        if not about or others:
            continue
        if found := _ENGLISH_BIRTH.search(sentence):
            yield (int(found[1]) if found[1] else 1900 + (number(found[2]) or 0)), found.group()
        if re.search(r"出生|生于|生人|身份证|年生", sentence) and (found := _CHINESE_BIRTH.search(sentence)):
            digits = found[1] or "".join(str(_DIGITS[ch]) for ch in found[2])
            yield int(digits) if len(digits) == 4 else 1900 + int(digits), found.group()
