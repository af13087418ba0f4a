"""Looking back at calls: the list, one call with its margin, progress, and deleting for good.

Records are put together by hand (`tests.test_report`) and read by the real program.
After a change that is meant: ``REFRESH_GOLDEN=1 pytest tests/test_history.py``, then read the diff.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.cells import cell_len
from rich.console import Console

from simulator import cli
from simulator.debrief.margin import Line, Margin, with_margin
from simulator.debrief.past import in_short
from simulator.errors import StoreError
from simulator.events import (
    AgentSaid,
    CustomerSaid,
    Debriefed,
    Ended,
    Event,
    FindingsMade,
    HintGiven,
    Overruled,
)
from simulator.store import Store
from simulator.texts import LANGUAGES, Texts
from tests.screens import PATIENCE_S, Screen, clean, golden
from tests.test_imports import HEAVY, LOADED_AFTER
from tests.test_report import AT, LINES, WORDS, broken, cue, mixed, offline, quoted, start

WIDTHS = [80, 40]
MIXED = mixed("en")


@dataclass(frozen=True)
class Done:
    """What a run of the program came to."""

    returncode: int
    stdout: str
    stderr: str


def _written(stream: TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@dataclass
class Record:
    """A record of calls in a folder, and the program that looks back at it."""

    folder: Path

    @property
    def file(self) -> Path:
        return self.folder / "calls.sqlite3"

    def store(self) -> Store:
        return Store(f"sqlite:///{self.file}")

    def keep(self, *calls: Sequence[Event], agent: str = "Sam") -> None:
        """Keep calls, each a day after the one before."""
        store = self.store()
        for events in calls:
            begun = events[0]
            assert begun.kind == "started"
            number = store.create(agent, begun.persona["id"])
            store.append(number, 1, begun.model_copy(update={"at": AT + timedelta(days=number)}), *events[1:])
        store.close()

    def add(self, number: int, *events: Event) -> None:
        store = self.store()
        store.append(number, len(store.events(number)) + 1, *events)
        store.close()

    def env(self, **more: str) -> dict[str, str]:
        return clean(self.folder, **{"SIMULATOR_AGENT": "Sam", "COLUMNS": "80"} | more)

    def run(self, *args: str, typed: str = "", **env: str) -> Done:
        """The program, in this process and with pipes instead of a terminal: most of a run is Python starting."""
        out, err = (TextIOWrapper(BytesIO(), encoding="utf-8", newline="") for _ in range(2))
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name in os.environ.keys() - {"PYTEST_CURRENT_TEST"}:
                patch.delenv(name)
            for name, value in self.env(**env).items():
                patch.setenv(name, value)
            patch.setattr(sys, "stdin", StringIO(typed))
            patch.chdir(self.folder)
            time.tzset()
            try:
                code = cli.main(args)
            except SystemExit as end:  # after --help
                code = int(end.code or 0)
            finally:
                gc.enable()
                logging.captureWarnings(capture=False)
        time.tzset()
        return Done(code, _written(out), _written(err))

    def objects(self, *args: str) -> list[dict[str, Any]]:
        done = self.run(*args, "--json", LANG="C")
        assert (done.returncode, done.stderr) == (0, "")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def bytes(self) -> bytes:
        """All that the database's files hold."""
        return b"".join(file.read_bytes() for file in self.folder.glob("calls.sqlite3*"))


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path)


def as_other(events: Sequence[Event], persona: str, **changes: Any) -> list[Event]:
    """The same call with a customer of another id."""
    begun = events[0]
    assert begun.kind == "started"
    data = begun.persona | {"id": persona} | changes
    return [begun.model_copy(update={"persona": data}), *events[1:]]


def everything(language: str) -> list[list[Event]]:
    """Calls of every sort: debriefed, overruled, an exam, gone wrong, offline and open, offline and over, not opened."""
    whole = mixed(language).events
    word = Overruled(what="only-paper", grade=4, was=0, because="…", by="Xu")
    layer = Overruled(what="trust", grade=5, was=None, because="…", by="Xu")
    unheard = [*offline(language).events, Ended(how="goodbye"), Debriefed(verdict=None, why="critic_failed")]
    other = "paper-statement"
    return [
        whole,
        [*whole, word, layer],
        as_other([start(language, mode="exam"), *whole[1:]], other),
        as_other(broken(language).events, other),
        as_other(offline(language).events, other),
        unheard,
        whole[:-1],
    ]


# --- the list --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_list(record: Record, language: str) -> None:
    record.keep(*everything(language))
    runs = [record.run("history", COLUMNS=str(width), SIMULATOR_LANG=language) for width in WIDTHS]
    assert {(run.returncode, run.stderr) for run in runs} == {(0, "")}
    golden(f"{language}-history", "\n".join(run.stdout for run in runs))


def test_the_list_for_programs(record: Record) -> None:
    record.keep(*everything("zh"))
    listed = record.objects("history")
    assert [one["session"] for one in listed] == [7, 6, 5, 4, 3, 2, 1]
    assert listed[6] == {
        "session": 1,
        "began": "2026-11-21T08:30:00+00:00",
        "persona": "statement-address",
        "customer": "高敏",
        "title": "账单换个地址",
        "engine": "model",
        "exam": False,
        "next_call_after": None,
        "ended": "agent_ended",
        "debriefed": True,
        "ways": 1,
        "counts": True,
        "picked_up": 2,
        "shown": 5,
        "layers": {"hear": 3, "solve": 3, "warmth": 2, "trust": None},
    }
    assert [one["exam"] for one in listed] == [False] * 4 + [True, False, False]
    assert [one["engine"] for one in listed] == ["model", "offline", "offline", "model", "model", "model", "model"]
    assert [one["ended"] for one in listed[:4]] == ["agent_ended", "goodbye", None, "hung_up"]
    assert [one["session"] for one in record.objects("history", "--persona", "paper-statement")] == [5, 4, 3]


def test_a_trainers_word_counts(record: Record) -> None:
    record.keep(*everything("en"))
    theirs, critics = record.objects("history")[5:]
    assert (theirs["picked_up"], critics["picked_up"]) == (3, 2)
    assert (theirs["layers"]["trust"], critics["layers"]["trust"]) == (5, None)
    record.add(1, Overruled(what="old-address", grade=None, was=4, because="…", by="Xu"))
    again = record.objects("history")[6]
    assert (again["picked_up"], again["shown"]) == (1, 4)  # not shown, says the trainer


def test_each_agent_sees_their_own(record: Record) -> None:
    record.keep(mixed("en").events, agent="Sam")
    record.keep(mixed("en").events, mixed("en").events, agent="徐")
    assert [one["session"] for one in record.objects("history")] == [1]
    assert [one["session"] for one in record.objects("history", "--agent", "徐")] == [3, 2]
    assert record.objects("progress", "--agent", "徐")[0]["counted"] == 2
    for args, sentence in (
        (("--agent", "Wu"), "There are no calls of Wu in the record."),
        (("--persona", "x\x1b[1m"), "There are no calls of Sam with x[1m in the record."),
    ):
        done = record.run("history", *args)
        assert (done.returncode, done.stdout, done.stderr) == (0, sentence + "\n", "")


def test_a_call_that_cannot_be_read_hides_no_other(record: Record) -> None:
    record.keep(mixed("en").events)
    store = record.store()
    store.append(store.create("Sam", "p"), 1, AgentSaid(turn="a1", text="…"))
    for command in ("history", "progress"):
        done = record.run(command)
        assert done.returncode == 6
        assert done.stderr.startswith("The record of call 2 cannot be read: ")
        assert done.stderr.count("\n") == 1
        assert "2/5" in done.stdout or "in 1 calls" in done.stdout


def test_no_endpoint_and_no_model_is_needed(record: Record) -> None:
    record.keep(mixed("en").events)
    env = record.env(OPENAI_BASE_URL="http://127.0.0.1:9/v1", OPENAI_API_KEY="k")
    for args in (("history",), ("show", "1")):
        done = subprocess.run(
            [sys.executable, "-c", LOADED_AFTER, *args],
            env=env, capture_output=True, encoding="utf-8", timeout=PATIENCE_S, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        needed = {"sqlalchemy", "jinja2"} if args[0] != "history" else {"sqlalchemy"}  # what the debrief is read with
        assert set() == HEAVY & set(json.loads(done.stdout.splitlines()[-1])) - needed


def test_colours_are_for_terminals_that_want_them(record: Record) -> None:
    record.keep(*everything("en"))
    shown = {args: record.run(*args, FORCE_COLOR="").stdout for args in (("history",), ("show", "2"), ("progress",))}
    assert not [args for args, words in shown.items() if "\x1b" in words]
    with Screen("show", "2", env=record.env(NO_COLOR="1"), rows=60) as screen:
        assert screen.end() == 0
        assert screen.styles() == {("default", "default")}
        assert screen.text().split() == shown["show", "2"].split()


# --- before the debrief ----------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_before_the_debrief_nothing_depends_on_what_the_critic_found(tmp_path: Path, language: str) -> None:
    """What cannot be told apart from a call with no finding at all gives nothing away."""
    events = mixed(language).events[:-1]
    nothing = [event for event in events if not isinstance(event, FindingsMade)]
    shown = []
    for name, kept in (("found", events), ("nothing", nothing)):
        (tmp_path / name).mkdir()
        record = Record(tmp_path / name)
        record.keep(kept, [event for event in kept if event.kind not in {"ended", "guessed"}])  # over, and open
        runs = [
            record.run(*args, SIMULATOR_LANG=language)
            for args in (
                ("history",), ("history", "--json"), ("progress",), ("progress", "--json"),
                ("show", "1"), ("show", "2"), ("show", "1", "--markdown"),
            )
        ]  # fmt: skip
        shown.append([(run.returncode, run.stdout, run.stderr) for run in runs])
    assert shown[0] == shown[1]
    assert [code for code, _, _ in shown[0]] == [0, 0, 0, 0, 2, 2, 2]
    told = "".join(out + err for _, out, err in shown[0])
    secret = mixed(language).persona.hidden_need.need
    assert secret not in told
    assert not [words for words in WORDS[language].values() if words in told]
    assert not [words for words in list(LINES[language].values())[1:] if words in told]


def test_a_call_without_a_debrief_is_not_shown(record: Record) -> None:
    record.keep(mixed("en").events[:-1])
    done = record.run("show", "1")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("The debrief of call 1 has not been opened yet.")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", ["7", "0", str(10**30)])
def test_a_call_that_is_not_there_is_not_shown(record: Record, number: str) -> None:
    done = record.run("show", number)
    assert (done.returncode, done.stdout, done.stderr) == (6, "", f"There is no call number {number}.\n")


# --- one call --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_call_with_its_margin(record: Record, language: str) -> None:
    words = (
        Overruled(what="only-paper", grade=4, was=0, because="…", by="Xu"),
        Overruled(what="warmth", grade=4, was=2, because="…", by="Xu"),
        Overruled(what="pause", grade=1, was=None, because="…", by="Xu"),
    )
    record.keep([*mixed(language).events, *words], broken(language).events)
    runs = [
        record.run("show", number, COLUMNS=str(width), SIMULATOR_LANG=language)
        for number in ("1", "2")
        for width in WIDTHS
    ]
    assert {(run.returncode, run.stderr) for run in runs} == {(0, "")}
    golden(f"{language}-show", "\n".join(run.stdout for run in runs))
    golden(f"{language}-show-markdown", record.run("show", "1", "--markdown", SIMULATOR_LANG=language).stdout)


def margin(language: str = "en", *more: Event) -> Margin:
    call = mixed(language)
    return with_margin(call.persona, [*call.events, *more], call.texts, 1)


def notes(call: Margin, number: int) -> list[str]:
    return [note.text for note in call.lines[number - 1].notes]


def test_every_finding_stands_at_its_line() -> None:
    call = margin()
    assert notes(call, 2) == ["Cue 1 · repetition: 1 missed"]
    assert notes(call, 4) == [
        "Cue 1 · repetition: 4 gave it room",
        "Cue 5 · wording, before any words showed it: 3 acknowledged",
    ]
    assert notes(call, 8) == ["Cue 3 · wording: 0 shut down"]
    assert "What they called about is solved." in notes(call, 10)
    assert notes(call, 12)[0] == "You put the need into words."
    assert notes(call, 12)[1].startswith("You have heard enough")
    assert notes(call, 13)[0] == "They say what they really need."
    assert notes(call, 14)[0] == "The need: 5 met"
    assert notes(call, 14)[1].startswith("A worry is eased: “If he rings up")
    assert [line.number for line in call.lines if any("▲" in note.text for note in line.notes)] == [7, 13, 15]
    assert [line.number for line in call.lines if any("▼" in note.text for note in line.notes)] == [11]


def test_what_was_not_judged_a_hint_and_a_trainers_word_stand_there_too() -> None:
    call = broken("en")
    shown = with_margin(call.persona, call.events, call.texts, 1)
    assert notes(shown, 2) == ["could not judge: no answer in time"]
    assert shown.lines[9].text == "(said nothing)"
    hinted = margin(
        "en",
        HintGiven(turn="c5", cue="low-voice", step=2),
        Overruled(what="low-voice", grade=5, was=2, because="It was kind.", by="Xu"),
    )
    assert "A hint about cue 2 (2 of 3 steps)." in notes(hinted, 5)
    assert notes(hinted, 6)[-1] == "Cue 2 · tone of voice: 5 met (overruled by Xu: It was kind.)"


def marked(line: Line) -> list[str]:
    return [words for words, counts in line.pieces() if counts]


def test_the_words_that_count_are_marked() -> None:
    call = margin()
    assert marked(call.lines[0]) == ["Nothing to the old one any more, please"]
    assert marked(call.lines[3]) == [LINES["en"]["a4"]]  # one mark in another is one
    assert marked(call.lines[1]) == []  # a miss has no words
    assert marked(call.lines[13]) == ["Without it nobody is told the address"]


@given(st.text(alphabet="ab 你", max_size=12), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=4))
def test_marks_change_no_word(text: str, ends: list[tuple[int, int]]) -> None:
    marks = [(min(pair), max(pair)) for pair in ends if max(pair) <= len(text) and pair[0] != pair[1]]
    pieces = list(Line(1, "…", text, marks).pieces())
    assert "".join(words for words, _ in pieces) == text
    counted = [counts for words, counts in pieces for _ in words]
    assert counted == [any(start <= at < end for start, end in marks) for at in range(len(text))]


said = st.text(alphabet=st.sampled_from("ab ()（）你好，。‹›“”<[]{}*_`|\x1b\n\u202e👩"), max_size=60)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(said, said), min_size=1, max_size=4), st.sampled_from([80, 72, 71, 40, 24]))
def test_whatever_is_said_fits_and_is_all_there(spoken: list[tuple[str, str]], width: int) -> None:
    call = MIXED
    events: list[Event] = [call.events[0], CustomerSaid(turn="c1", text="Hello.", step=2)]
    for number, (agent, customer) in enumerate(spoken, 1):
        words = agent[:7].strip()
        found = cue("old-address", quoted("c1", "Hello."), quoted(f"a{2 * number}", words), "…", 3)
        events += [
            AgentSaid(turn=f"a{2 * number}", text=agent),
            FindingsMade.model_validate({"turn": f"a{2 * number}", "findings": {"cues": [found.model_dump()]}}),
            CustomerSaid(turn=f"c{2 * number + 1}", text=customer, step=2),
        ]
    events += [Ended(how="goodbye"), Debriefed(verdict=None, why="critic_failed")]
    out = StringIO()
    Console(file=out, width=width, color_system=None).print(with_margin(call.persona, events, call.texts, 1))
    shown = out.getvalue()
    assert max(map(cell_len, shown.splitlines())) <= width
    assert not set("\x1b\u202e\r") & set(shown)
    beside_cut = "".join(line.partition("│")[0] for line in shown.splitlines())
    if width >= 72:  # else the notes stand between the lines of the words
        packed = re.sub(r"[\s‹›]", "", beside_cut)
        assert [text for pair in spoken for text in pair if re.sub(r"[\s‹›\x1b\u202e]", "", text) not in packed] == []


def test_nothing_in_a_call_is_markup_in_its_markdown() -> None:
    evil = "<script>alert(1)</script> **bold** [link](http://x) `code` # 1. - | ‹a›"
    call = mixed("en")
    events = [
        event.model_copy(update={"text": evil}) if isinstance(event, CustomerSaid | AgentSaid) else event
        for event in call.events
    ]
    tokens = MarkdownIt().parse(with_margin(call.persona, events, call.texts, 1).markdown())
    inline = [child for token in tokens if token.type == "inline" for child in token.children or []]
    assert {token.type for token in inline} == {"text", "strong_open", "strong_close"}
    assert not [token for token in tokens if token.type.startswith(("html", "fence", "code"))]
    assert sum(evil in token.content for token in inline) == len(call.persona.cues) + 9


# --- progress --------------------------------------------------------------------------------------------


def a_year(language: str) -> list[list[Event]]:
    """Calls that begin badly on wording and end well, with few that show a silence."""
    calls = []
    events = mixed(language).events
    for number in range(12):
        level = 1 if number < 7 else 4
        word = [Overruled(what=name, grade=level, was=0, because="…", by="Xu") for name in ("only-paper", "by-friday")]
        shown = [Overruled(what="pause", grade=3, was=None, because="…", by="Xu")] if number in {2, 5, 8} else []
        calls.append([*events, *word, *shown])
    return calls


@pytest.mark.parametrize("language", LANGUAGES)
def test_progress(record: Record, language: str) -> None:
    record.keep(*a_year(language), *everything(language)[4:])
    runs = [record.run("progress", COLUMNS=str(width), SIMULATOR_LANG=language) for width in WIDTHS]
    runs += [record.run("progress", "--offline", SIMULATOR_LANG=language)]
    assert {(run.returncode, run.stderr) for run in runs} == {(0, "")}
    golden(f"{language}-progress", "\n".join(run.stdout for run in runs))


def test_progress_for_programs(record: Record) -> None:
    record.keep(*a_year("en"), *everything("en")[4:])
    head, *figures = record.objects("progress")
    left_out = {"not_debriefed": 2, "need_known": 0, "other_engine": 1}
    assert head == {"kind": "calls", "agent": "Sam", "engine": "model", "counted": 12, "left_out": left_out}
    assert [(one["kind"], one["name"]) for one in figures] == [
        *(("channel", name) for name in ("tone", "wording", "repetition", "silence", "surroundings")),
        *(("layer", name) for name in ("hear", "solve", "warmth", "trust")),
    ]
    wording, silence, hear = figures[1], figures[3], figures[5]
    assert (wording["calls"], wording["cues"], wording["picked_up"]) == (12, 24, 10)
    assert wording["trend"]["change"] == "better"
    assert wording["trend"]["latest"] == {"calls": 5, "cues": 10, "picked_up": 10, "rate": 1.0}
    assert wording["trend"]["before"]["rate"] == 0.0
    assert (silence["calls"], silence["trend"]) == (3, None)
    assert [point["session"] for point in silence["by_call"]] == [3, 6, 9]
    assert (hear["mean"], hear["trend"]["change"]) == (3.0, "no_clear_change")
    assert record.objects("progress", "--offline")[0]["counted"] == 1


def test_a_record_with_nothing_to_count(record: Record) -> None:
    done = record.run("progress")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "What Sam hears, in 0 calls\n  There is nothing to count yet.\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_help_states_the_rule_as_it_is(record: Record, language: str) -> None:
    from simulator.debrief.progress import CHANCE, ENOUGH, LATEST

    shown = "".join(record.run("progress", "--help", SIMULATOR_LANG=language).stdout.split())
    rule = "".join(Texts(language)("help.progress_rule").split())
    assert rule in shown
    numbers = {int(number) for number in re.findall(r"\d+", Texts(language)("help.progress_rule"))}
    assert numbers == {LATEST, 2 * LATEST, ENOUGH, round(1 / CHANCE), 1935, 1937}


# --- deleting --------------------------------------------------------------------------------------------

GONE = "Rumpelstilzchen"
STAYS = "Schneewittchen"


def a_secret(words: str) -> list[Event]:
    """A call that is long enough to lie on many pages of the file, with the words all over it."""
    events = as_other(mixed("en").events, f"id-{words}", title=f"title {words}")
    said = [AgentSaid(turn=f"a{number}", text=f"{words} " * (1 + number * 7 % 50)) for number in range(20, 60)]
    return [*events, *said]


@pytest.mark.parametrize("in_use", [False, True], ids=["alone", "beside another window"])
def test_what_is_deleted_is_gone_from_the_file(record: Record, *, in_use: bool) -> None:
    record.keep(a_secret(GONE), a_secret(STAYS), agent="Sam")
    record.keep(a_secret(GONE), agent=f"agent {GONE}")
    other = record.store() if in_use else None
    if other:
        other.events(2)  # its connection stays open
    assert GONE.encode() in record.bytes()
    assert record.run("history", "delete", "1", "--yes").stdout == "Call 1 is deleted.\n"
    done = record.run("history", "delete", "--agent", f"agent {GONE}", "3", "--yes")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Call 3 is deleted.\n", "")
    assert GONE.encode() not in record.bytes()
    assert STAYS.encode() in record.bytes()
    assert record.store().events(2)
    assert [kept.id for kept in record.store().all()] == [2]


def test_a_window_that_reads_meanwhile_is_said_to_hold_on_to_it(
    record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.store._PATIENCE_MS", 100)
    record.keep(a_secret(GONE), a_secret(STAYS))
    other = record.store()
    with other._begin() as reading:
        reading.exec_driver_sql("BEGIN")
        assert reading.exec_driver_sql("SELECT count(*) FROM events").scalar()
        done = record.run("history", "delete", "1", "--yes")
        assert (done.returncode, done.stdout) == (0, "Call 1 is deleted.\n")
        assert done.stderr.startswith("Another window has the record in use.")
    assert record.run("history", "delete", "2", "--yes").stderr == ""
    assert GONE.encode() not in record.bytes()


def test_the_number_of_a_deleted_call_is_never_given_again(record: Record) -> None:
    record.keep(mixed("en").events, mixed("en").events)
    assert record.run("history", "delete", "2", "1", "2", "--yes").stdout.splitlines() == [
        "Call 2 is deleted.",
        "Call 1 is deleted.",
    ]
    assert record.store().create("Sam", "p") == 3
    assert record.run("show", "2").returncode == 6
    assert record.run("history").stdout == "There are no calls of Sam in the record.\n"


def test_a_call_that_is_deleted_while_it_is_on_does_not_come_back(record: Record) -> None:
    record.keep(offline("en").events)
    store = record.store()
    append = store.appender(1, len(store.events(1)))
    assert record.run("history", "delete", "1", "--yes").returncode == 0
    with pytest.raises(StoreError, match="no_such_session"):
        append(AgentSaid(turn="a4", text="still there?"))
    assert store.all() == []
    assert b"still there?" not in record.bytes()


@pytest.mark.parametrize(
    ("args", "exit_code", "sentence"),
    [
        (("1", "3", "--yes"), 2, "Call 3 is Xu's, not Sam's. --agent with that name deletes it."),
        (("--agent", "Xu", "3", "1", "--yes"), 2, "Call 1 is Sam's, not Xu's. --agent with that name deletes it."),
        (("1", "9", "--yes"), 6, "There is no call number 9."),
        (("0", "--yes"), 6, "There is no call number 0."),
        (("1", "2"), 2, "Nobody is there to be asked. Add --yes to delete for good."),
        ((), 2, "The command line does not fit: "),
        (("all", "--yes"), 2, "The value of SESSION is missing or does not fit."),
    ],
)
def test_all_of_them_or_none(record: Record, args: tuple[str, ...], exit_code: int, sentence: str) -> None:
    record.keep(mixed("en").events, mixed("en").events)
    record.keep(mixed("en").events, agent="Xu")
    done = record.run("history", "delete", *args, typed="y\n")
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert done.stderr.startswith(sentence)
    assert done.stderr.count("\n") == 1
    assert len(record.store().all()) == 3


@pytest.mark.parametrize(("typed", "left"), [("", [1, 2]), ("y", [2]), ("是", [2])])
def test_at_a_terminal_it_asks(record: Record, typed: str, left: list[int]) -> None:
    record.keep(mixed("en").events, mixed("en").events)
    with Screen("history", "delete", "1", env=record.env()) as screen:
        screen.ready("Delete for good: 1 (statement-address)? [y/N] ")
        screen.line(typed)
        screen.wait("Nothing was deleted." if 1 in left else "Call 1 is deleted.")
        assert screen.end() == 0
    assert [kept.id for kept in record.store().all()] == left


def test_the_agent_may_stand_before_the_command(record: Record) -> None:
    record.keep(mixed("en").events, agent="Xu")
    assert record.run("history", "--agent", "Xu", "delete", "1", "--yes").stdout == "Call 1 is deleted.\n"


def test_a_call_that_cannot_be_read_can_be_deleted(record: Record) -> None:
    store = record.store()
    store.append(store.create("Sam", "p"), 1, AgentSaid(turn="a1", text="…"))
    assert record.run("history", "delete", "1", "--yes").returncode == 0
    assert store.all() == []


# --- in short --------------------------------------------------------------------------------------------


def test_a_call_in_short() -> None:
    call = mixed("en")
    whole = in_short(3, call.persona, call.events)
    assert [(one.channel, one.grade) for one in whole.cues] == [
        ("repetition", 4), ("tone", 2), ("wording", 0), ("surroundings", 1), ("wording", 3),
    ]  # fmt: skip
    assert whole.layers == {"hear": 3, "solve": 3, "warmth": 2}
    unopened = in_short(3, call.persona, call.events[:-1])
    assert (unopened.cues, unopened.layers, unopened.debriefed) == ((), {}, False)
    hinted = in_short(3, call.persona, [*call.events, HintGiven(turn="c5", cue="low-voice", step=1)])
    assert [one.hinted for one in hinted.cues] == [False, True, False, False, False]
