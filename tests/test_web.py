"""The HTML report: it holds all that the debrief says, its links lead somewhere, and it needs and runs nothing.

Pages are read with `html.parser`, as a browser would; how they look is for `python -m bench.pages`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cli import main
from simulator.critique import Findings
from simulator.debrief import chart, web
from simulator.debrief.report import debrief
from simulator.events import (
    AgentSaid,
    CustomerSaid,
    Debriefed,
    Ended,
    Event,
    FindingsMade,
    Guessed,
    Overruled,
    Repeated,
)
from simulator.screen.page import Row
from simulator.store import Store
from simulator.texts import LANGUAGES, Texts
from simulator.transcript import fold, printable, where
from tests.screens import clean, piped
from tests.test_report import (
    CALLS,
    HARMLESS,
    HOSTILE,
    Call,
    cue,
    hostile,
    mixed,
    offline,
    overruled,
    persona,
    quoted,
    start,
    strings,
    unspaced,
)  # fmt: skip

EN = Texts("en")
VOID = {"meta", "br", "hr", "img", "input", "link", "base"}


# --- reading a page --------------------------------------------------------------------------------------


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    def all(self, tag: str = "", css: str = "") -> Iterator[Element]:
        """The elements inside it with that tag and that class."""
        for child in self.children:
            if isinstance(child, Element):
                if (not tag or child.tag == tag) and (not css or css in child.attributes.get("class", "").split()):
                    yield child
                yield from child.all(tag, css)

    def one(self, tag: str = "", css: str = "") -> Element:
        (found,) = self.all(tag, css)
        return found

    def text(self, without: str = "") -> str:
        """All the words inside it, but for those of elements with that class."""
        inside = (one if isinstance(one, str) else one.text(without) for one in self.children if not _has(one, without))
        return "".join(inside)


def _has(one: Element | str, css: str) -> bool:
    return isinstance(one, Element) and bool(css) and css in one.attributes.get("class", "").split()


class Reader(HTMLParser):
    """A page as a tree; what is not closed in its order is an error."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("", {})
        self._open = [self.root]
        self.feed(html)
        self.close()
        assert self._open == [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), tag
        made = Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(made)
        if tag not in VOID:
            self._open.append(made)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")


def page(call: Call, number: int | None = 12) -> str:
    return web.page(call.persona, call.events, call.texts, number)


def read(call: Call) -> Element:
    return Reader(page(call)).root


def judged_anew(language: str) -> Call:
    """The mixed call judged several times, and overruled."""
    call = mixed(language)
    again = Repeated(grades={"old-address": (4, 4, 4), "low-voice": (2, 3, None)})
    told = Call(call.persona, [*call.events, again], call.texts)
    for what, grade, was in (("low-voice", 5, 2), ("bus", None, 1), ("pause", 3, None), ("warmth", 4, 2)):
        told = overruled(told, what, grade, was)
    return told


@cache
def every(name: str, language: str) -> tuple[Call, str, Element]:
    """One of the calls below, its page, and that as a tree."""
    call = EVERY[name](language)
    html = page(call)
    return call, html, Reader(html).root


EVERY = {**CALLS, "judged anew": judged_anew, "hostile": hostile}
every_page = pytest.mark.parametrize(("name", "language"), [(name, lang) for name in EVERY for lang in LANGUAGES])


# --- what holds on every page ----------------------------------------------------------------------------


@every_page
def test_a_page_needs_and_runs_nothing(name: str, language: str) -> None:
    _, _, root = every(name, language)
    tags = {one.tag for one in root.all()}
    assert not tags & {"script", "link", "img", "image", "use", "iframe", "object", "embed", "base", "form", "video"}
    names = {name for one in root.all() for name in one.attributes}
    assert not {name for name in names if name.startswith("on")}
    assert not names & {"src", "srcset", "style", "xlink:href", "action", "formaction", "ping", "target", "background"}
    assert all(link.startswith("#") for link in hrefs(root))
    style = root.one("style").text()
    assert not re.search(r"url\(|@import|expression|src:|</|http", style)
    policy = next(one.attributes["content"] for one in root.all("meta") if "http-equiv" in one.attributes)
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def hrefs(root: Element) -> list[str]:
    return [one.attributes["href"] for one in root.all() if "href" in one.attributes]


@every_page
def test_every_link_has_its_target_and_every_name_is_given_once(name: str, language: str) -> None:
    _, _, root = every(name, language)
    ids = [one.attributes["id"] for one in root.all() if "id" in one.attributes]
    assert len(set(ids)) == len(ids)
    assert len(hrefs(root)) > 10
    assert {link[1:] for link in hrefs(root)} - set(ids) == set()
    named = [one.attributes[key] for one in root.all() for key in one.attributes if key.startswith("aria-")]
    assert all(named)
    described = [
        one.attributes[key]
        for one in root.all()
        for key in ("aria-labelledby", "aria-describedby")
        if key in one.attributes
    ]
    assert set(described) <= set(ids)


@every_page
def test_everything_that_the_debrief_says_is_there(name: str, language: str) -> None:
    call, _, root = every(name, language)
    there = unspaced(root.text())
    marks = call.texts("report.mood.chart")
    said = debrief(call.persona, call.events, call.texts, 12)
    rows = [row for section in said.sections for row in section.body if isinstance(row, Row) and row.label == marks]
    drawn = {marks, *(row.text for row in rows)} | {said.sections[0].title}  # in their place: a drawing, and a heading
    lacking = [text for text in strings(said) if text not in drawn and unspaced(printable(text)) not in there]
    assert lacking == []
    assert (len(list(root.all("svg"))), len(rows)) == (2, 1)


@every_page
def test_the_words_of_the_call_are_there_line_by_line(name: str, language: str) -> None:
    call, _, root = every(name, language)
    spoken = [one.text for one in call.events if isinstance(one, AgentSaid | CustomerSaid)]
    lines = list(root.all("li", "line"))
    assert [line.attributes["id"] for line in lines] == [f"line-{n}" for n in range(1, len(spoken) + 1)]
    for line, text in zip(lines, spoken, strict=True):
        words = line.one("p", "words")
        without_links = "".join(
            one if isinstance(one, str) else one.text()
            for one in words.children
            if not (_has(one, "ref") or _has(one, "cut"))
        )
        assert without_links == (printable(text) or call.texts("report.said_nothing"))
        assert not text or words.attributes["lang"] == call.persona.language


@every_page
def test_levels_are_told_in_words(name: str, language: str) -> None:
    """And not by a colour or a picture alone."""
    _, _, root = every(name, language)
    for mark in (*root.all("span", "mark"), *root.all("li", "badge")):
        assert mark.text().strip(" ↑")
    heads = [one.text() for one in root.all() if re.fullmatch("h[1-6]", one.tag)]
    assert all(heads)
    assert sum(one.tag == "h1" for one in root.all()) == 1


# --- cues and answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_that_showed_a_cue_lead_to_the_answer_and_back(language: str) -> None:
    call = mixed(language)
    root = read(call)
    named = {one.attributes["id"]: one for one in root.all() if "id" in one.attributes}
    numbers = {one.id: number for number, one in enumerate(call.persona.cues, 1)}
    found = [
        (event.turn, one) for event in call.events if isinstance(event, FindingsMade) for one in event.findings.cues
    ]
    assert len(found) == 6
    for turn, finding in found:
        line = named[f"line-{turn[1:]}"]
        about = call.texts(
            "report.cues.head",
            number=numbers[finding.cue],
            channel=call.texts(
                f"report.channel.{next(one.channel for one in call.persona.cues if one.id == finding.cue)}"
            ),
        )
        (badge,) = (one for one in line.all("li", "badge") if about in one.text())
        *back, card = badge.all("a")
        assert card.attributes["href"] == f"#cue-{numbers[finding.cue]}"
        assert bool(back) == (finding.customer is not None)
        if finding.customer:
            ref = named[back[0].attributes["href"][1:]]
            assert ref.attributes["href"] == f"#{badge.attributes['id']}"
            shown = named[f"line-{finding.customer.turn[1:]}"]
            assert ref in list(shown.all("a", "ref"))
            assert fold(finding.customer.quote) == fold("".join(mark.text() for mark in shown.all("mark", "cue")))


@pytest.mark.parametrize("then", ["Nothing to the old one", "the old one"])
def test_a_quote_that_several_answers_share_is_linked_once(then: str) -> None:
    call = offline("en")
    shown, again = quoted("c1", "Nothing to the old one"), quoted("c1", then)
    twice: list[Event] = [
        *call.events,
        FindingsMade(turn="a2", findings=Findings(cues=(cue("old-address", shown, quoted("a2"), "x", 1),))),
        CustomerSaid(turn="c3", text="Hm.", step=2),
        AgentSaid(turn="a4", text="The old one?"),
        FindingsMade(turn="a4", findings=Findings(cues=(cue("old-address", again, quoted("a4", "The old one?"), "x", 3),))),
        CustomerSaid(turn="c5", text="Yes.", step=3),
    ]  # fmt: skip
    root = read(Call(call.persona, twice, call.texts))
    (ref,) = root.all("a", "ref")
    (marked,) = root.all("mark", "cue")
    assert marked.text().startswith("Nothing to the old one")
    assert ref.attributes["aria-label"] == "Cue 1 · repetition, answered in: 2, 4"
    backs = [one.attributes["href"] for one in root.all("a", "back")]
    assert backs == [f"#{ref.attributes['id']}"] * 2


SPOKEN = "Well，I <b>do</b> not　know — 第三遍了， “really” &amp; so on."


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(SPOKEN)), st.integers(0, len(SPOKEN))), min_size=1, max_size=4))
def test_quotes_may_overlap_in_any_way(places: list[tuple[int, int]]) -> None:
    quotes = [SPOKEN[min(place) : max(place)] for place in places]
    quotes = [quote for quote in quotes if fold(quote)]
    names = [one.id for one in persona("en").cues]
    found = tuple(
        cue(name, quoted("c1", quote), quoted("a2"), "x", 3) for name, quote in zip(names, quotes, strict=False)
    )
    events: list[Event] = [
        start("en"),
        CustomerSaid(turn="c1", text=SPOKEN, step=2),
        AgentSaid(turn="a2", text="Yes?"),
        CustomerSaid(turn="c3", text="Hm.", step=2),
        FindingsMade(turn="a2", findings=Findings(cues=found)),
    ]
    root = read(Call(persona("en"), events, EN))
    words = next(root.all("p", "words"))
    assert words.text(without="ref") == SPOKEN
    assert sorted(ref.text() for ref in words.all("a", "ref")) == [str(n) for n in range(1, len(quotes) + 1)]
    marked = "".join(mark.text() for mark in words.all("mark"))
    covered: set[int] = set()
    for quote in quotes:
        place = where(SPOKEN, quote)
        assert place
        covered |= set(range(*place))
    assert marked == "".join(SPOKEN[n] for n in sorted(covered))


@pytest.mark.parametrize(
    ("text", "words", "there"),
    [
        ("I said so, twice.", "said so", "said so"),
        ("I  said\tso.", "said so", "said\tso"),
        ("第 三遍，了", "第三遍,了", "第 三遍，了"),
        ("ＡＢＣ　ｄｅｆ", "BC d", "ＢＣ　ｄ"),
        (" said so ", "said so", "said so"),
        ("I said so.", "said no", None),
        ("I said so.", " ", None),
        ("", "so", None),
        ("so so", "so", "so"),
    ],
)
def test_where_words_stand(text: str, words: str, there: str | None) -> None:
    place = where(text, words)
    assert (text[slice(*place)] if place else None) == there


@given(st.text("aＡ 　b\t，,"), st.integers(0, 20), st.integers(0, 20))
def test_what_is_found_is_what_was_looked_for(text: str, start_at: int, end_at: int) -> None:
    words = text[min(start_at, end_at) : max(start_at, end_at)]
    place = where(text, words)
    assert (place is not None) == bool(fold(words))
    if place:
        assert fold(text[slice(*place)]) == fold(words)
        assert text[slice(*place)].strip() == text[slice(*place)]


# --- hostile texts ---------------------------------------------------------------------------------------

WORSE = [
    "</style><script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "{{ 7 * 7 }}{% for x in y %}{# no #}",
    "]]><!-- --><![CDATA[",
    "javascript:alert(1)",
    "</title></svg></p><a href=//x>",
    "&lt;b&gt;&#60;",
    "\x00\x1b[2J\u202eabc\ufffe",
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_texts_stand_on_the_page_as_they_were_written(language: str) -> None:
    tame, wild = read(mixed(language)), read(hostile(language))
    assert shape(wild) <= shape(tame)
    assert wild.text().count(HARMLESS) > 40
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", page(hostile(language)))


def shape(root: Element) -> set[tuple[str, ...]]:
    """The kinds of elements, with the names of their attributes."""
    return {(one.tag, *sorted(one.attributes)) for one in root.all()}


@pytest.mark.parametrize("text", WORSE)
def test_worse_texts(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_report.HOSTILE", text)
    call = hostile("en")
    steps = [step.model_copy(update={"mood": text}) for step in call.persona.emotion.ladder]
    who = call.persona.model_copy(update={"emotion": call.persona.emotion.model_copy(update={"ladder": steps})})
    events = [*call.events, Overruled(what="bus", grade=3, was=1, because=text, by=text)]
    root = Reader(web.page(who, events, call.texts)).root
    assert shape(root) <= shape(read(mixed("en")))
    assert root.text().count(printable(text)) > 40
    assert HOSTILE not in root.text()


# --- languages -------------------------------------------------------------------------------------------


def test_the_call_stays_in_its_own_language() -> None:
    call = mixed("zh")
    root = read(Call(call.persona, call.events, EN))
    assert root.one("html").attributes["lang"] == "en"
    assert root.one("h1").attributes["lang"] == "zh-CN"
    foreign = [one.text() for one in root.all() if one.attributes.get("lang") == "zh-CN"]
    assert call.persona.hidden_need.need in foreign
    assert any(call.persona.cues[0].means in text or call.persona.cues[2].means in text for text in foreign)
    assert not [text for text in foreign if text.startswith("You")]
    native = read(call)
    assert native.one("html").attributes["lang"] == "zh-CN"


# --- colours ---------------------------------------------------------------------------------------------

GROUNDS = {
    "ink": ("ground", "paper", "raised", "customer", "agent", "cue", "need", "good-ground"),
    "soft": ("ground", "paper", "raised", "customer"),
    "link": ("ground", "paper", "customer"),
    "paper": ("link",),
    **{tone: (f"{tone}-ground",) for tone in ("good", "bad", "plain", "notice")},
}


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG 2 defines it."""
    digits = colour if len(colour) == 6 else "".join(2 * one for one in colour)
    parts = [int(digits[n : n + 2], 16) / 255 for n in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_text_can_be_told_from_its_ground(scheme: int) -> None:
    style = Path(web.__file__).with_name("web") / "report.css"
    schemes = re.findall(r":root \{(.*?)\}", style.read_text(encoding="utf-8"), re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): #(\w+);", schemes[scheme]))
    for text, grounds in GROUNDS.items():
        for ground in grounds:
            dark, light = sorted((luminance(colours[text]), luminance(colours[ground])))
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


# --- the drawing -----------------------------------------------------------------------------------------

MOODS = [
    "gone cold",
    "a mood with a name that is far too long for a chart",
    "客气得不得了又说不出口的样子",
    "<b>",
    "safe",
]


@pytest.mark.parametrize("steps", [[(1, 2)], [(1, 2), (3, 3), (5, 1)], [(n, n % 5) for n in range(1, 80, 2)]])
def test_the_ladder_is_drawn_with_a_dot_for_each_time_they_spoke(steps: list[tuple[int, int]]) -> None:
    svg = Reader(chart.ladder(steps, MOODS, width=340, height=240)).root
    assert {one.tag for one in svg.all()} <= {"svg", "g", "path", "text", "circle"}
    dots = list(svg.all("circle"))
    assert len(dots) == len(steps)
    ups = sum(new > old for (_, old), (_, new) in pairwise(steps))
    downs = sum(new < old for (_, old), (_, new) in pairwise(steps))
    assert (len(list(svg.all("circle", "up"))), len(list(svg.all("circle", "down")))) == (ups, downs)
    heights = [float(dot.attributes["cy"]) for dot in dots]
    pairs = sorted(zip((step for _, step in steps), heights, strict=True))
    assert [height for _, height in pairs] == sorted(heights, reverse=True)
    labels = [one.text() for one in svg.all("text")]
    assert labels[:5] == ["gone cold", "a mood with a nam…", "客气得不得了又说…", "<b>", "safe"]
    assert labels[5] == "1"


def test_a_drawing_is_the_same_whenever_it_is_made() -> None:
    assert page(mixed("en")) == page(mixed("en"))


# --- the command -----------------------------------------------------------------------------------------


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A folder with a record of two calls: one with its debrief, and one without."""
    store = Store(f"sqlite:///{tmp_path}/calls.sqlite3")
    held = offline("en")
    after = [Ended(how="agent_ended"), Guessed(need="<b>tired</b>", cues="x"), Debriefed(verdict=None, why="model_cut")]
    for events in ([*held.events, *after], held.events):
        store.append(store.create("Test", held.persona.id), 1, *events)
    store.close()
    return tmp_path


def run(record: Path, *args: str, **more: str) -> Any:
    return piped("report", *args, env=clean(record, **more))


def test_a_report_is_written_once(record: Path) -> None:
    done = run(record, "1", "-o", "call.html")
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "Report of call 1: call.html\n")
    file = record / "call.html"
    html = file.read_text(encoding="utf-8")
    root = Reader(html).root
    assert "<b>tired</b>" in root.text()
    assert "Offline engine" in root.one("p", "notice").text()
    refused = run(record, "1", "-o", "call.html", "--lang", "zh")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "call.html 已经有了；加 --force 会覆盖它。\n"
    assert file.read_text(encoding="utf-8") == html
    assert run(record, "1", "-o", "call.html", "--force", "--lang", "zh").returncode == 0
    assert 'lang="zh-CN"' in file.read_text(encoding="utf-8")


def test_a_report_goes_to_standard_output_in_utf8_and_needs_no_endpoint(record: Path) -> None:
    nowhere = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "LANG": "zh_CN.GBK", "PYTHONIOENCODING": "gbk"}
    done = run(record, "1", "-o", "-", **nowhere)
    assert (done.returncode, done.stderr) == (0, "")
    root = Reader(done.stdout).root
    assert root.one("html").attributes["lang"] == "zh-CN"
    assert not (record / "-").exists()


@pytest.mark.parametrize(
    ("args", "exit_code", "sentence"),
    [
        (("2", "-o", "x.html"), 2, "The debrief of call 2 has not been opened yet."),
        (("9", "-o", "x.html"), 6, "There is no call number 9."),
        (("1", "-o", "nowhere/x.html"), 2, "Cannot write nowhere/x.html: No such file or directory."),
        (("1", "-o", ".", "--force"), 2, "Cannot write .: Is a directory."),
        (("1",), 2, "The command line does not fit: "),
        (("one", "-o", "x.html"), 2, "The value of SESSION is missing or does not fit."),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(
    record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    args: tuple[str, ...], exit_code: int, sentence: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(record)
    for name, value in clean(record).items():
        monkeypatch.setenv(name, value)
    assert main(["report", *args]) == exit_code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert err.startswith(sentence)
    assert not (record / "x.html").exists()
