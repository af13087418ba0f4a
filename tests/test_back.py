"""Going back: in a session, in the debrief that sets two ways side by side, in the record, in pipes and at a terminal.

Screens: see `tests/test_terminal.py`. After a change that is meant: ``REFRESH_GOLDEN=1 pytest tests/test_back.py``.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from simulator import back
from simulator.branches import active, branches
from simulator.critique import CueFinding, Evidence, Findings, Level
from simulator.debrief import report, web
from simulator.debrief.past import PastCall, in_short
from simulator.errors import UsageError
from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Debriefed,
    Ended,
    Ending,
    Event,
    FindingsMade,
    Guessed,
    HintGiven,
    Overruled,
    Rewound,
    event_adapter,
)
from simulator.screen.page import BESIDE_FROM, Beside, Cell, Page, Section, Tone
from simulator.session import Session
from simulator.texts import LANGUAGES, Texts
from tests.screens import Screen, clean, customer, golden, piped, timeless
from tests.scripted import ScriptedCritic, ScriptedCustomer, a_persona, a_start, a_verdict, found
from tests.test_history import Record
from tests.test_terminal import AGAIN, AGAIN_ZH, CUES, NEED, YOU, YOU_ZH, finish, judged

PERSONA = a_persona()
TEXTS = Texts("en")


# --- the session -----------------------------------------------------------------------------------------


class Kept:
    """Keeps events as a store would."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, *events: Event) -> None:
        self.events += events


async def begun(critic: ScriptedCritic | None = None, mode: str = "practice") -> tuple[Session, Kept]:
    kept = Kept()
    session = Session(PERSONA, ScriptedCustomer(), critic or ScriptedCritic(), kept.append)
    async for _ in session.begin(a_start(PERSONA).model_copy(update={"mode": mode})):
        pass
    return session, kept


async def say(session: Session, *turns: str) -> None:
    for words in turns:
        async for _ in session.say(words):
            pass


def ids(session: Session) -> list[str]:
    return [turn.id for turn in session.turns]


async def test_the_call_goes_on_from_there_and_everything_is_kept() -> None:
    session, kept = await begun()
    await say(session, "one", "two")
    session.rewind("c3")
    assert ids(session) == ["c1", "a2", "c3"]
    await say(session, "three")
    assert ids(session) == ["c1", "a2", "c3", "a6", "c7"]  # no id is taken twice
    assert kept.events == session.events
    assert [one.text for one in kept.events if isinstance(one, AgentSaid)] == ["one", "two", "three"]


async def test_the_end_is_taken_back_with_it() -> None:
    session, _ = await begun()
    await say(session, "one")
    session.end()
    assert session.over
    session.rewind("c1")
    assert not session.over
    assert not session.awaits_answer
    await say(session, "two")
    assert session.turns[-1].speaker == "customer"


async def test_the_critic_goes_on_with_what_was_taken_back() -> None:
    critic = ScriptedCritic({"a2": found(again=3), "a4": found("a4", fine=0)})
    critic.hold = asyncio.Event()
    session, kept = await begun(critic)
    await say(session, "one", "two")
    session.rewind("c3")
    await say(session, "three")
    critic.hold.set()
    await session.settle()
    assert sorted(e.turn for e in kept.events if isinstance(e, FindingsMade)) == ["a2", "a4", "a6"]
    one, other = branches(session.events)
    assert [e.turn for e in one.events if isinstance(e, FindingsMade)] == ["a2", "a4"]
    assert [e.turn for e in other.events if isinstance(e, FindingsMade)] == ["a2", "a6"]
    assert session.state.cues["again"].grade == 3
    assert session.state.cues["fine"].grade is None


async def test_last_words_that_were_taken_back_are_judged_when_the_call_is_taken_up_again() -> None:
    session, kept = await begun()
    await say(session, "one", "two")
    session.rewind("c3")
    await session.close()
    critic = ScriptedCritic()
    again = Session(PERSONA, ScriptedCustomer(), critic, kept.append, events=list(kept.events))
    await again.settle()
    assert {turn for turn, _ in critic.asked} >= {"a4"} - {e.turn for e in kept.events if isinstance(e, FindingsMade)}
    assert {e.turn for e in kept.events if isinstance(e, FindingsMade)} == {"a2", "a4"}


async def test_only_what_was_judged_on_this_way_makes_a_new_sum_of_the_call() -> None:
    critic = ScriptedCritic({"a4": ValueError("once")})
    session, kept = await begun(critic)
    await say(session, "one", "two")
    await session.settle()
    session.rewind("c3")
    await say(session, "three")
    session.end()
    await session.debrief()
    assert len(critic.summed) == 1
    good = ScriptedCritic()
    again = Session(PERSONA, ScriptedCustomer(), good, kept.append, events=list(kept.events))
    await again.complete()
    assert [turn for turn, _ in good.asked] == ["a4"]
    assert good.summed == []


async def test_an_exam_has_no_way_back() -> None:
    session, kept = await begun(mode="exam")
    await say(session, "one")
    before = list(kept.events)
    with pytest.raises(UsageError, match="exam_no_way_back"):
        session.rewind("c1")
    with pytest.raises(UsageError, match="exam_no_way_back"):
        back.go(session, "", TEXTS)
    assert kept.events == before


@pytest.mark.parametrize("to", ["a2", "c9", "c5"])
async def test_going_back_to_nowhere_is_not_kept(to: str) -> None:
    session, kept = await begun()
    await say(session, "one", "two")
    session.rewind("c3")
    with pytest.raises(ValueError, match=to):
        session.rewind(to)
    assert kept.events[-1] == Rewound(to="c3", at=kept.events[-1].at)


# --- the command -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        ("/back", ""), ("/BACK", ""), ("／返回", ""), ("/返回", ""), (" /back  6 ", "6"), ("/back6", "6"), ("/返回6", "6"),
        ("／返回　６", "６"), ("/back six", "six"), ("/back ?", "?"), ("/background", None), ("back", None), ("", None),
        ("/backs 6", None), ("/end", None),
    ],
)  # fmt: skip
def test_what_is_a_wish_to_go_back(typed: str, line: str | None) -> None:
    assert back.wanted(typed) == line


async def test_going_back_by_line() -> None:
    for line, there in {"": "c3", "2": "c1", "４": "c3", "3": "c3"}.items():
        session, _ = await begun()
        await say(session, "one", "two")
        assert back.go(session, line, TEXTS).id == there


@pytest.mark.parametrize("line", ["0", "6", "5", "-2", "six", "9" * 5000, "?", "二", "\x1b[31m", "{0}"])
async def test_a_wrong_line_tells_which_lines_are_ones_own(line: str) -> None:
    session, kept = await begun()
    await say(session, "Good morning, Ms Marsh, how are you today?", "")
    before = len(kept.events)
    with pytest.raises(UsageError) as wrong:
        back.go(session, line, TEXTS)
    (sentence,) = TEXTS.error(wrong.value)
    assert sentence.splitlines()[1:] == ["2 · Good morning, Ms Marsh,…", "4 · (you say nothing)"]
    assert len(kept.events) == before


async def test_there_may_be_nothing_to_take_back() -> None:
    session, _ = await begun()
    with pytest.raises(UsageError, match="nothing_to_take_back"):
        back.go(session, "", TEXTS)


# --- what counts of a call -------------------------------------------------------------------------------


def a_record(*parts: str, language: str = "en", mode: str = "practice") -> list[Event]:
    """A record in short.

    ``c``: the customer speaks; ``a``: the agent, ``a:words``; ``again=3``: the latest agent turn answered a cue so;
    ``guessed``: it guessed the need; ``said``: the latest customer turn was found to say it; ``<c3`` goes back;
    ``end:how``, ``debrief``, ``hint:cue``.
    """
    persona = a_persona(language)
    start = a_start(persona).model_copy(update={"mode": mode})
    events: list[Event] = [start, CustomerSaid(turn="c1", text=persona.opening, step=persona.emotion.start)]
    said, step = 1, persona.emotion.start
    for part in parts:
        what, _, value = part.partition(":")
        spoken = [e for e in active(events).events if isinstance(e, AgentSaid | CustomerSaid)]
        agent = next((e for e in reversed(spoken) if isinstance(e, AgentSaid)), None)
        if what in {"a", "c"}:
            said += 1
            step = max(0, min(4, step + (value.count("▲") - value.count("▼"))))
            text = value.strip("▲▼") or f"words of line {said}"
            turn = f"{what}{said}"
            events.append(
                AgentSaid(turn=turn, text=text) if what == "a" else CustomerSaid(turn=turn, text=text, step=step)
            )
        elif part.startswith("<"):
            events.append(Rewound(to=part[1:]))
            step = next(e.step for e in events if isinstance(e, CustomerSaid) and e.turn == part[1:])
        elif what == "end":
            events.append(Ended(how=how(value)))
        elif what == "debrief":
            events.append(Debriefed(verdict=a_verdict()))
        elif what == "hint":
            events.append(HintGiven(turn="c1", cue=value, step=1))
        else:
            assert agent
            events.append(FindingsMade(turn=agent.turn, findings=the_finding(part, agent.turn, spoken[-1].turn)))
    return events


def how(value: str) -> Ending:
    ended = Ended.model_validate({"how": value or "agent_ended"})
    return ended.how


def the_finding(part: str, agent: str, latest: str) -> Findings:
    if part == "guessed":
        return found(agent, guess=True)
    if part == "said":
        return found(agent, guess=True, said=latest)
    name, _, level = part.partition("=")
    return found(agent, levels={name: int(level)})


def short(*parts: str) -> PastCall:
    return in_short(7, PERSONA, a_record(*parts))


def grades(call: PastCall) -> dict[str, int]:
    return {one.channel: one.grade for one in call.cues}


def test_of_a_call_that_was_tried_again_in_the_dark_the_last_way_counts() -> None:
    call = short("a", "again=1", "c", "end:hung_up", "<c1", "a", "again=3", "c", "end", "debrief")
    assert (call.ways, call.counts, call.debriefed, call.open_still) == (2, True, True, False)
    assert (grades(call), call.ended) == ({"repetition": 3}, "agent_ended")


def test_what_is_tried_again_after_the_debrief_does_not_count() -> None:
    call = short("a", "again=1", "c", "end", "debrief", "<c1", "a", "again=5", "c", "end", "debrief")
    assert (call.ways, call.counts, grades(call)) == (2, True, {"repetition": 1})


def test_a_way_that_is_open_still_leaves_the_one_before_it_as_it_was() -> None:
    call = short("a", "again=1", "c", "end", "debrief", "<c1", "a", "again=5", "c")
    assert (call.debriefed, call.open_still, call.ended, grades(call)) == (True, True, "agent_ended", {"repetition": 1})


@pytest.mark.parametrize("how_known", [("a", "c", "a", "said"), ("a", "c")])
def test_what_is_tried_again_with_the_need_known_counts_for_nothing(how_known: Sequence[str]) -> None:
    """Whether the critic found it said, or the customer could say it in words that nobody judged."""
    call = short("a", "c", "guessed", *how_known, "<c1", "a", "again=5", "c", "end", "debrief")
    assert (call.ways, call.counts, call.debriefed) == (2, False, True)


def test_an_earlier_way_that_counts_is_used() -> None:
    parts = ("a", "again=1", "c", "end", "debrief", "<c1", "a", "guessed", "c", "a", "c", "<c1", "a", "again=5", "c")
    call = short(*parts, "end", "debrief")
    assert (call.ways, call.counts, grades(call)) == (3, True, {"repetition": 1})


def test_an_open_lock_in_which_nothing_was_said_gives_nothing_away() -> None:
    call = short("a", "c", "guessed", "<c1", "a", "again=3", "c", "end", "debrief")  # found when they had spoken
    assert (call.counts, grades(call)) == (True, {"repetition": 3})


def test_no_way_has_a_debrief_yet() -> None:
    call = short("a", "again=1", "c", "end", "<c1", "a")
    assert (call.debriefed, call.counts, call.ways, call.ended, call.cues) == (False, True, 2, None, ())


def test_a_hint_on_a_way_that_was_left_was_a_hint() -> None:
    call = short("a", "c", "hint:again", "<c1", "a", "again=3", "c", "end", "debrief")
    assert [one.hinted for one in call.cues] == [True]
    later = short("a", "again=3", "c", "end", "debrief", "<c1", "hint:again", "a", "c")
    assert [one.hinted for one in later.cues] == [False]  # it came afterwards


# --- two ways side by side -------------------------------------------------------------------------------


WORDS = {
    "en": {
        "first": "I see three calls here. Which number did you ring before?",
        "cold": "(shorter) The same one. As I told the others.",
        "blame": "If you had given us the right number, it would be there.",
        "hung": "Right. Never mind. Forget I rang.",
        "heard": "Three times is twice too often. I will see this through myself, until you have an answer.",
        "warm": "Oh. Well, that's something. (a kettle whistles) Hold on, I'll turn it off.",
        "wait": "No rush to find anything, I'll wait.",
        "thanks": "Thank you. (her voice drops) It's fine, there's no hurry.",
    },
    "zh": {
        "first": "我这边看到三通来电。您之前打的是哪个号码？",
        "cold": "（更短）就这个号。我跟前头的人都说过了。",
        "blame": "要是您把号码写对了，早就到账了。",
        "hung": "行，算了，就当我没打过。",
        "heard": "打了三次，多打了两次。这件事我来跟到底，直到您有答复。",
        "warm": "哎，那好一点了。（水壶响）您等等，我关一下。",
        "wait": "不着急找，我等您。",
        "thanks": "谢谢您。（声音低下去）没事，不急。",
    },
}


def two_ways(language: str) -> list[Event]:
    """One way on which the customer hangs up, and one from line 3 on, after the debrief, on which they are heard."""
    words = WORDS[language]

    def judged_as(turn: str, cue: str, level: Level, *, shown: str = "c1") -> FindingsMade:
        quotes = Evidence(turn=shown, quote="…"), Evidence(turn=turn, quote="…")
        finding = CueFinding(cue=cue, customer=quotes[0], agent=quotes[1], why="…", level=level)
        return FindingsMade(turn=turn, findings=Findings(cues=(finding,)))

    persona = a_persona(language)
    return [
        a_start(persona),
        CustomerSaid(turn="c1", text=persona.opening, step=2),
        AgentSaid(turn="a2", text=words["first"]),
        judged_as("a2", "again", 1),
        CustomerSaid(turn="c3", text=words["cold"], step=2),
        AgentSaid(turn="a4", text=words["blame"]),
        judged_as("a4", "again", 0),
        CustomerSaid(turn="c5", text=words["hung"], cue="kettle", step=2),
        AgentSaid(turn="a6", text=""),
        FindingsMade(turn="a6", findings=Findings()),
        CustomerSaid(turn="c7", text=words["hung"], step=1),
        Ended(how="hung_up"),
        Guessed(need="?", cues=""),
        Debriefed(verdict=a_verdict()),
        Rewound(to="c3"),
        AgentSaid(turn="a8", text=words["heard"]),
        judged_as("a8", "again", 5),
        CustomerSaid(turn="c9", text=words["warm"], cue="kettle", step=2),
        AgentSaid(turn="a10", text=words["wait"]),
        judged_as("a10", "kettle", 3, shown="c9"),
        CustomerSaid(turn="c11", text=words["thanks"], cue="fine", step=3),
        AgentSaid(turn="a12", text=words["wait"]),
        CouldNotJudge(turn="a12", why="model_timeout"),
        Ended(how="agent_ended"),
        Debriefed(verdict=a_verdict()),
    ]


def printed(page: Page, width: int) -> str:
    out = StringIO()
    Console(file=out, width=width, color_system=None, highlight=False, markup=False, emoji=False).print(page)
    return "".join(line.rstrip() + "\n" for line in out.getvalue().splitlines())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", [100, 40])
def test_the_debrief_sets_the_two_ways_side_by_side(language: str, width: int) -> None:
    page = report.debrief(a_persona(language), two_ways(language), Texts(language), 3)
    text = printed(page, width)
    assert all(cell_len(line) <= min(width, 96) for line in text.splitlines())
    golden(f"{language}-ways-{width}", text)


def comparison(language: str = "en") -> tuple[Section, Beside]:
    page = report.debrief(a_persona(language), two_ways(language), Texts(language))
    section = next(one for one in page.sections if one.name == "ways")
    return section, next(block for block in section.body if isinstance(block, Beside))


def test_what_the_comparison_says() -> None:
    section, block = comparison()
    assert section.body[0] == f"Both are the same up to line 3: “{WORDS['en']['cold']}”"
    assert block.heads == ("Way 1", "Way 2")
    assert block.rows[5] == (Cell(), Cell())  # between what was said and what it came to
    numbers = [[re.match(r"\d+", cell.text) for cell in row] for row in block.rows]
    told = [[int(found.group()) if found else None for found in row] for row in numbers]
    assert told[:5] == [[4, 4], [5, 5], [6, 6], [7, 7], [None, 8]]
    left, right = (block.side(n)[1] for n in (0, 1))
    assert left[0].notes == (("cue 1 (repetition): 0 shut down", "bad"),)
    assert right[0].notes == (("cue 1 (repetition): 5 met", "good"),)
    assert left[-5].text == "The customer hung up, after 3 of your turns."
    assert right[-5].text == "You ended the call, after 4 of your turns."
    assert ("could not judge", "plain") in right[4].notes
    moves = [note for cell in right for note, tone in cell.notes if note.startswith("mood")]
    assert moves == ["mood up from 3 to 4 of 5, “breathing out”: what you offered in line 4 met cue 1 (repetition)"]
    assert [cell.text for cell in right[-4:]] == [
        "You picked up 2 of 2 cues.",
        "When the need came out: not in any line that was answered",
        "What they called about: not solved",
        "How they felt: from 3 to 4 of 5, “breathing out”",
    ]


def test_a_call_in_which_nobody_went_back_has_no_such_section() -> None:
    first = branches(two_ways("en"))[0].events
    assert [one.name for one in report.debrief(PERSONA, first, TEXTS).sections].count("ways") == 0


def test_who_had_seen_the_debrief_is_not_told_that_they_wrote_no_guess() -> None:
    text = printed(report.debrief(PERSONA, two_ways("en"), TEXTS), 200)
    assert "You were not asked for a guess" in text
    assert "You did not write down a guess" not in text


@pytest.mark.parametrize("width", [BESIDE_FROM - 1, BESIDE_FROM])
def test_where_two_sides_stand(width: int) -> None:
    notes: tuple[tuple[str, Tone], ...] = (("told of it", "good"),)
    block = Beside(("one", "two"), ((Cell("left", notes), Cell("right")), (Cell(), Cell("alone [b]\x1b[2J|"))))
    text = printed(Page((Section("T", (block,)),), "{label}: {text}"), width)
    assert ("left" in text.splitlines()[3]) is (width < BESIDE_FROM) or "right" in text.splitlines()[3]
    assert "alone [b][2J|" in text
    assert all(cell_len(line) <= width for line in text.splitlines())


def test_read_aloud_one_way_comes_after_the_other() -> None:
    page = report.debrief(PERSONA, two_ways("en"), TEXTS)
    assert "│" in printed(page, 100)
    aloud = printed(page.aloud(), 100)
    assert "│" not in aloud
    assert aloud.index("Way 1") < aloud.index(WORDS["en"]["blame"]) < aloud.index("Way 2")


def test_the_comparison_as_markdown_shows_every_character() -> None:
    text = report.markdown(PERSONA, two_ways("en"), TEXTS)
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[headings.index("Two ways") :][:3] == ["Two ways", "Way 1", "Way 2"]
    assert f"- 4  You: {WORDS['en']['blame']}" in text
    assert "  - cue 1 (repetition): 0 shut down" in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_html_report_sets_them_side_by_side(language: str) -> None:
    page = web.page(a_persona(language), two_ways(language), Texts(language), 3)
    table = page[page.index('<table class="beside">') : page.index("</table>")]
    assert table.count("<th ") == 2
    assert table.count("<tr>") == 1 + 5 + 5
    assert table.count("<td>") == 2 * 10
    assert WORDS[language]["heard"] in table
    assert '<a href="#ways">' in page


# --- the record ------------------------------------------------------------------------------------------


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def tried_again(*, still_open: bool = False) -> list[Event]:
    events = two_ways("en")
    return events[:-2] if still_open else events


def test_one_branch_and_two_of_them(record: Record) -> None:
    record.keep(tried_again())
    whole = record.run("show", "1")
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "this is way 2 of 2" in " ".join(whole.stdout.split())
    assert WORDS["en"]["heard"][:30] in whole.stdout
    first = record.run("show", "1", "--branch", "1").stdout
    assert "this is way 1 of 2" in " ".join(first.split())
    assert WORDS["en"]["blame"][:30] in first
    assert "the customer hung up" in first
    compared = record.run("show", "1", "--compare", COLUMNS="100")
    assert (compared.returncode, compared.stderr) == (0, "")
    golden("en-compare", compared.stdout)
    swapped = record.run("show", "1", "--compare", "2", "1", "--markdown").stdout
    assert swapped.index("### Way 2") < swapped.index("### Way 1")


@pytest.mark.parametrize(
    ("args", "sentence"),
    [
        (("--branch", "3"), "Call 1 has no way 3; its ways are counted from 1 to 2."),
        (("--branch", "0"), "Call 1 has no way 0; its ways are counted from 1 to 2."),
        (("--compare", "1", "5"), "Call 1 has no way 5; its ways are counted from 1 to 2."),
        (("--compare", "1"), "--compare takes the numbers of two ways, such as 1 2, or none for the last two."),
        (("--compare", "1", "1"), "--compare takes the numbers of two ways, such as 1 2, or none for the last two."),
        (("--branch", "1", "--compare"), "--compare and --branch cannot be used together."),
        (("--branch", "x"), "The value of --branch is missing or does not fit. See simulator show --help."),
    ],
)
def test_branches_that_are_not_there(record: Record, args: tuple[str, ...], sentence: str) -> None:
    record.keep(tried_again())
    done = record.run("show", "1", *args)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", sentence + "\n")


def test_a_call_with_one_way_has_nothing_to_compare(record: Record) -> None:
    record.keep(branches(tried_again())[0].events)
    done = record.run("show", "1", "--compare")
    assert (done.returncode, done.stderr) == (2, "Nobody went back in call 1, so there is only one way to see.\n")


def test_a_way_that_is_open_still_hides_nothing_of_the_one_with_a_debrief(record: Record) -> None:
    record.keep(tried_again(still_open=True))
    assert "this is way 1 of 2" in " ".join(record.run("show", "1").stdout.split())
    assert "the call has not ended" in record.run("show", "1", "--branch", "2").stdout
    page = record.run("report", "1", "-o", "-").stdout
    assert WORDS["en"]["blame"] in page
    assert WORDS["en"]["heard"] not in page
    for refused in (("critique", "1"), ("overrule", "1", "again", "3", "--because", "x")):
        done = record.run(*refused)
        assert (done.returncode, done.stderr.startswith("The debrief of call 1 has not been opened yet.")) == (2, True)
    (listed,) = record.objects("history")
    assert (listed["ways"], listed["counts"], listed["debriefed"], listed["ended"]) == (2, True, True, "hung_up")
    assert "2 ways, the last still open" in " ".join(record.run("history").stdout.split())


def test_nothing_is_shown_before_a_debrief(record: Record) -> None:
    record.keep([event for event in tried_again(still_open=True) if not isinstance(event, Debriefed)])
    for args in (("show", "1", "--branch", "1"), ("show", "1", "--compare"), ("report", "1", "-o", "-")):
        done = record.run(*args)
        assert (done.returncode, done.stdout) == (2, "")
    assert "debrief not opened" not in record.run("history").stdout  # the call is open, and its debrief not due


def test_a_trainer_overrules_the_way_that_was_taken_in_the_end(record: Record) -> None:
    record.keep(tried_again())
    done = record.run("overrule", "1", "again", "2", "--because", "Said, not done.", "--agent", "Xu")
    assert (done.returncode, done.stdout) == (0, "Call 1, again: 2 instead of 5. Both are kept.\n")
    record.add(1, FindingsMade(turn="a12", findings=Findings()))  # what was not judged would be asked for
    one, other = branches(record.store().events(1))
    assert not [event for event in one.events if isinstance(event, Overruled)]
    assert [event.was for event in other.events if isinstance(event, Overruled)] == [5]
    document = json.loads(record.run("critique", "1", "--json").stdout)
    assert document["cues"]["again"]["level"] == 2
    assert document["cues"]["again"]["agent"] == {"turn": 4, "quote": "…"}  # the line of this way
    words = record.run("evaluate", "critic", "--overruled", "--json").stdout
    assert [call["graded"] for call in json.loads(words)["calls"]] == [1, 2]


def test_progress_counts_one_way_of_a_call(record: Record) -> None:
    known = a_record("a", "guessed", "c", "a", "c", "<c1", "a", "again=5", "c", "end", "debrief")
    record.keep(tried_again(), known)
    head, *figures = record.objects("progress")
    assert (head["counted"], head["left_out"]) == (1, {"not_debriefed": 0, "need_known": 1, "other_engine": 0})
    repetition = next(one for one in figures if one["name"] == "repetition")
    assert (repetition["cues"], repetition["picked_up"]) == (1, 0)  # the first way's, which was shut down
    assert "you went back when you knew the need" in " ".join(record.run("progress").stdout.split())
    listed = record.run("history").stdout
    assert "2 ways, this one with the need known" in " ".join(listed.split())
    assert "0 of 1 cues picked up (0%)" in listed


def test_a_record_that_goes_back_to_nowhere_cannot_be_read(record: Record) -> None:
    record.keep([*tried_again(), Rewound(to="c99")])
    done = record.run("show", "1")
    assert (done.returncode, done.stderr.startswith("The record of call 1 cannot be read: ")) == (6, True)


# --- through pipes ---------------------------------------------------------------------------------------

SCRIPT = "Good morning.\nWhat is it about?\n/back 4\nThat is the third time, I see.\n/end\n/guess rent\n"


def test_a_script_goes_back(tmp_path: Path) -> None:
    done = piped("chat", customer(tmp_path), env=clean(tmp_path), typed=SCRIPT)
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    said = done.stdout.split("\n\n")[0].splitlines()
    at = said.index("(back to just after line 3; the customer is as they were, and what was said since is kept)")
    assert said[at + 1] == said[at - 3]  # the customer's words there
    assert said[at + 2] == "You: That is the third time, I see."
    assert "Two ways\n" in done.stdout
    assert "5  Ann Marsh" in done.stdout


def test_a_script_goes_back_once_the_call_has_ended(tmp_path: Path) -> None:
    typed = "Hm.\nHm.\n/guess a\nlost words\n／返回 4\nThat is the third time, I see.\n/guess rent\n/guess kettle\n"
    done = piped("chat", customer(tmp_path), "--turns", "2", env=clean(tmp_path), typed=typed)
    assert done.returncode == 0
    assert done.stdout.count("— the customer had no more time —") == 2
    assert done.stderr.splitlines()[1:] == ["The call was over; lines of input that were not said: 1."]
    assert re.search(r"Your guess +rent\n", done.stdout)


def test_json_lines_tell_it(tmp_path: Path) -> None:
    done = piped("chat", "--json", customer(tmp_path), env=clean(tmp_path), typed=SCRIPT)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = [event["kind"] for event in events]
    assert kinds.count("rewound") == 1
    at = kinds.index("rewound")
    assert (events[at]["to"], kinds[at + 1]) == ("c3", "agent_said")
    assert at < kinds.index("ended")
    # Read as a call from elsewhere, it is the way that was taken in the end.
    (tmp_path / "call.jsonl").write_text(done.stdout, encoding="utf-8")
    judged_again = piped("critique", "call.jsonl", "--persona", "third-call.yaml", env=clean(tmp_path))
    assert "What is it about?" not in judged_again.stderr + judged_again.stdout
    assert "[4] Agent: That is the third time, I see." in judged_again.stderr


@pytest.mark.parametrize(
    ("options", "typed", "sentence"),
    [
        (("--exam",), "Hello.\n/back\n", "There is no going back in an exam."),
        (("--exam",), "Hello.\n/end\n/back 2\n", "There is no going back in an exam."),
        ((), "/back\n", "You have not said anything yet that could be taken back."),
        ((), "Hello.\n/back 7\nNever said.\n", "There is no line 7 to go back to. Your lines: 2 · Hello."),
        ((), "Hello.\n/back two\n", "There is no line two to go back to. Your lines: 2 · Hello."),
    ],
)
def test_a_script_that_cannot_go_back_stops(
    tmp_path: Path, options: tuple[str, ...], typed: str, sentence: str
) -> None:
    record = Record(tmp_path)
    done = piped("chat", customer(tmp_path), *options, env=clean(tmp_path), typed=typed)
    assert (done.returncode, done.stderr.splitlines()[1:]) == (2, [sentence])
    assert "Debrief" not in done.stdout
    assert [kept.id for kept in record.store().unfinished("Test")] == [1]
    assert "Never said." not in [e.text for e in record.store().events(1) if isinstance(e, AgentSaid)]


# --- at a terminal ---------------------------------------------------------------------------------------


def test_going_back_in_chinese(tmp_path: Path) -> None:
    """A wrong line, back in the call, back from the guess after they hung up, back after the debrief."""
    env = clean(tmp_path, LANG="zh_CN.UTF-8")
    with Screen("chat", customer(tmp_path, "zh"), "--turns", "3", env=env, columns=100, rows=40) as screen:
        for words in ("您好。", "请您从头说一遍。", "/返回 7", "／返回", "您好，让您打了三次，委屈您了。"):
            screen.ready(YOU_ZH)
            screen.line(words)
        screen.ready(YOU_ZH)
        judged(tmp_path, 3)
        screen.line("")
        screen.wait("客户没时间了", "也可以回到通话里换个说法")
        screen.ready("这位客户真正需要的是什么？ ")
        screen.line("/back 6")
        screen.ready(YOU_ZH)
        screen.line("听起来挺急的")
        screen.ready("这位客户真正需要的是什么？ ")
        screen.line("怕儿子交不上房租")
        screen.ready("你注意到了哪些没明说的线索？ ")
        screen.line("第三回")
        screen.ready(AGAIN_ZH)
        screen.line("啊？")
        screen.ready(AGAIN_ZH)
        screen.line("/返回4")
        screen.ready(YOU_ZH)
        screen.line("/end")
        screen.wait("两遍对照")
        assert finish(screen, AGAIN_ZH) == 0
        golden("zh-back", timeless(screen.text()))


def test_going_back_in_english(tmp_path: Path) -> None:
    env = clean(tmp_path)
    with Screen("chat", customer(tmp_path), env=env, columns=100, rows=40) as screen:
        for words in ("Hello.", "", "/back ?", "/back 9", "/bakc", "/back 2", "That is the third time, I see."):
            screen.ready(YOU)
            screen.line(words)
        screen.ready(YOU)
        judged(tmp_path, 3)
        screen.line("/end")
        screen.ready(NEED)
        screen.line("rent")
        screen.ready(CUES)
        screen.line("/back 4")  # there is none in this branch
        screen.ready(CUES)
        screen.line("the third time")
        screen.ready(AGAIN)
        screen.line("/back 2")
        screen.wait("(back to just after line 1")
        screen.ready(YOU)
        screen.line("/quit")
        assert screen.end() == 0
        golden("en-back", timeless(screen.text()))
        assert "The call is kept." in screen.text()
    with Screen("chat", env=env, columns=100, rows=40) as screen:  # it is unfinished again, and goes on from there
        screen.ready("new call first ")
        screen.line("g")
        screen.ready(YOU)
        assert "third time, I see" not in screen.text()
        screen.line("Sounds urgent.")
        screen.ready(YOU)
        screen.line("/end")  # they know the need: no guess
        screen.wait("Two ways")
        assert finish(screen) == 0
        assert NEED.strip() not in screen.text()
    with Screen("chat", env=env) as screen:
        screen.ready("or an id: ")


def test_an_exam_at_a_terminal(tmp_path: Path) -> None:
    with Screen("chat", customer(tmp_path), "--exam", env=clean(tmp_path)) as screen:
        screen.ready(YOU)
        screen.line("Hello.")
        screen.ready(YOU)
        screen.line("/back")
        screen.wait("There is no going back in an exam.")
        screen.ready(YOU)
        screen.line("/end")
        screen.ready(NEED)
        screen.line("/back 2")
        screen.wait("There is no going back in an exam.")
        screen.ready(NEED)
        screen.line("rent")
        screen.ready(CUES)
        screen.line("")
        assert screen.end() == 0  # and nothing is offered after the debrief
        golden("en-back-exam", timeless(screen.text()))


def test_every_event_of_it_comes_back_from_json() -> None:
    event = Rewound(to="c3")
    assert event_adapter.validate_json(event.model_dump_json()) == event
