"""The record: what is kept comes back as it was, whoever else writes and however a process ends."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from simulator.critique import Evidence, Promise, Usage, Verdict
from simulator.errors import StoreError
from simulator.events import (
    AgentSaid,
    CouldNotJudge,
    CustomerSaid,
    Debriefed,
    Ended,
    Event,
    FindingsMade,
    Guessed,
    HintGiven,
    MoodShown,
    Overruled,
    PromisesFound,
    Repeated,
    Rewound,
)
from simulator.store import SCHEMA_VERSION, Kept, Store, default_url
from tests.scripted import a_memory, a_persona, a_start, a_verdict, found

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX permissions")

EVERY_KIND: list[Event] = [
    a_start(a_persona("zh"), before=a_memory(["明天给您回电"])),
    CustomerSaid(turn="c1", text="（叹气）👩\u200d👧 “喂”？", step=2),
    AgentSaid(turn="a2", text="引号' \" ; DROP TABLE events; -- \\ \x00 {x}"),
    CustomerSaid(
        turn="c3",
        text="好",
        interrupted=True,
        note="【场记】\n两行",
        cue="again",
        worry="fee",
        step=0,
        usage=Usage(prompt=1, completion=2, cached=3),
    ),
    AgentSaid(turn="a4", text=""),
    FindingsMade(
        turn="a2",
        findings=found(
            again=3,
            fine=5,
            anticipated=["fine"],
            guess=True,
            said="c1",
            need=4,
            solved=True,
            eased=["fee"],
            not_judged=["kettle"],
            promises={"p1": "denied", "p2": "passed_over"},
        ),
        dropped=2,
        usage=Usage(prompt=9),
    ),
    CouldNotJudge(turn="a4", why="model_timeout"),
    Rewound(to="c1"),
    Ended(how="hung_up"),
    Guessed(need="房租", cues="水壶"),
    Debriefed(verdict=a_verdict(), usage=Usage()),
    Debriefed(verdict=None, why="model_auth"),
    HintGiven(turn="c1", cue="again", step=2),
    MoodShown(on=True),
    PromisesFound(promises=(Promise(agent=Evidence(turn="a2", quote="“\\x00'"), what="…"),), dropped=1, usage=Usage()),
    Repeated(grades={"again": (3, 5, None, "not_judged"), "fine": ()}, usage=Usage(prompt=4)),
    Overruled(what="again", grade=None, was=3, because="“收音机” \\ '", by="徐"),
    Overruled(what="hear", grade=2, was=None, because="…", by="Xu"),
]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'kept' / 'calls.sqlite3'}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    yield store
    store.close()


def raw(url: str, statement: str) -> None:
    """Change the database behind the program's back."""
    with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
        connection.execute(statement)
    connection.close()


# --- keeping and reading ---------------------------------------------------------------------------------


def test_every_kind_of_event_comes_back_as_it_was(store: Store, url: str) -> None:
    kinds = get_args(get_args(Event)[0])
    assert {type(event) for event in EVERY_KIND} == set(kinds)
    session = store.create("Li", "third-call")
    append = store.appender(session)
    for event in EVERY_KIND:
        append(event)
    assert store.events(session) == EVERY_KIND
    assert Store(url).events(session) == EVERY_KIND  # as another process reads them


def keep(store: Store, session: int, *events: Event) -> None:
    """Keep more events of a session."""
    try:
        kept = len(store.events(session))
    except StoreError:
        kept = 0
    store.append(session, kept + 1, *events)


def test_a_session_goes_on_in_one_place_only(store: Store) -> None:
    """Two windows take up the same call: the second to speak is told, and nothing of it is kept."""
    session = store.create("Li", "p")
    here, there = store.appender(session), store.appender(session)
    here(EVERY_KIND[0])
    with pytest.raises(StoreError, match="session_elsewhere"):
        there(*EVERY_KIND[1:3])
    here(EVERY_KIND[1])
    assert store.events(session) == EVERY_KIND[:2]


def test_sessions_are_kept_apart(store: Store) -> None:
    first, second = store.create("Li", "p"), store.create("Li", "p")
    assert first != second
    for event, session in zip(EVERY_KIND, [first, second] * len(EVERY_KIND), strict=False):
        keep(store, session, event)
    assert store.events(first) == EVERY_KIND[::2]
    assert store.events(second) == EVERY_KIND[1::2]


def test_calls_without_a_debrief_are_unfinished_latest_first(store: Store) -> None:
    ids = [store.create(agent, persona) for agent, persona in [("Li", "a"), ("Li", "b"), ("Wu", "c"), ("Li", "d")]]
    store.create("Li", "never begun")
    for session in ids:
        keep(store, session, EVERY_KIND[0])
    keep(store, ids[1], Debriefed(verdict=Verdict(layers={})))
    keep(store, ids[0], Debriefed(verdict=None, why="model_auth"))  # it can still be made
    keep(store, ids[3], Ended(how="agent_ended"))
    assert store.unfinished("Li") == [Kept(ids[3], "Li", "d"), Kept(ids[0], "Li", "a")]
    assert store.unfinished("Wu") == [Kept(ids[2], "Wu", "c")]
    assert store.unfinished("nobody") == []


def test_who_goes_back_after_the_debrief_has_a_call_to_finish(store: Store) -> None:
    sessions = [store.create("Li", persona) for persona in "ab"]
    for session in sessions:
        keep(store, session, *EVERY_KIND[:2], Debriefed(verdict=a_verdict()))
    assert store.unfinished("Li") == []
    keep(store, sessions[0], Rewound(to="c1"), AgentSaid(turn="a3", text="…"))
    assert store.unfinished("Li") == [Kept(sessions[0], "Li", "a")]
    keep(store, sessions[0], Debriefed(verdict=None, why="model_auth"))
    assert store.unfinished("Li") == [Kept(sessions[0], "Li", "a")]
    keep(store, sessions[0], Debriefed(verdict=a_verdict()))
    assert store.unfinished("Li") == []


@pytest.mark.parametrize("session", [7, 0, -1, 10**30])
def test_a_session_that_is_not_there(store: Store, session: int) -> None:
    with pytest.raises(StoreError, match="no_such_session"):
        store.events(session)


def test_what_a_trainer_does_leaves_the_agents_list_as_it_was(store: Store) -> None:
    """Neither makes a call that waits for its debrief one that has it, nor the other way round."""
    session = store.create("Li", "a")
    keep(store, session, EVERY_KIND[0], Debriefed(verdict=None, why="model_auth"), *EVERY_KIND[-3:])
    assert store.unfinished("Li") == [Kept(session, "Li", "a")]
    keep(store, session, Debriefed(verdict=a_verdict()), *EVERY_KIND[-3:])
    assert store.unfinished("Li") == []


# --- whose it is -----------------------------------------------------------------------------------------


@posix
def test_only_the_owner_can_read_it(store: Store, tmp_path: Path) -> None:
    keep(store, store.create("Li", "p"), EVERY_KIND[0])
    folder = tmp_path / "kept"
    assert folder.stat().st_mode & 0o777 == 0o700
    files = list(folder.iterdir())
    assert len(files) > 1  # the write-ahead log too
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


@posix
def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "calls.sqlite3"
    file.touch(0o644)
    Store(f"sqlite:///{file}").close()
    assert file.stat().st_mode & 0o777 == 0o600


def test_by_default_it_is_in_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert default_url().startswith("sqlite:///")
    assert default_url().endswith("calls.sqlite3")
    if sys.platform == "linux":
        assert str(tmp_path) in default_url()


# --- what cannot be used ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "found"),
    [(f"UPDATE schema SET version = {SCHEMA_VERSION + 1}", SCHEMA_VERSION + 1), ("DELETE FROM schema", None)],
    ids=["newer", "none"],
)
def test_a_record_of_another_version_is_left_alone(url: str, statement: str, found: int | None) -> None:
    Store(url).close()
    raw(url, statement)
    with pytest.raises(StoreError) as caught:
        Store(url)
    assert caught.value.key == "store_version"
    assert caught.value.facts == {"found": found, "known": SCHEMA_VERSION, "url": url}


def test_an_event_that_cannot_be_read_names_its_session(store: Store, url: str) -> None:
    session = store.create("Li", "p")
    keep(store, session, EVERY_KIND[0])
    raw(url, """UPDATE events SET body = '{"kind": "sang"}'""")
    with pytest.raises(StoreError) as caught:
        store.events(session)
    assert (caught.value.key, caught.value.facts["session"]) == ("session_unreadable", session)


def test_a_place_that_cannot_be_used_says_why(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("not a database " * 100)
    (tmp_path / "folder").mkdir()
    for url in (
        f"sqlite:///{tmp_path}/junk",
        f"sqlite:///{tmp_path}/folder",
        f"sqlite:///{tmp_path}/junk/calls.sqlite3",
        "nonsense",
        "nosuchdatabase://host/name",
    ):
        with pytest.raises(StoreError) as caught:
            Store(url)
        assert caught.value.key == "store_unusable", url
        assert caught.value.facts["why"], url


def test_a_password_is_never_shown() -> None:
    with pytest.raises(StoreError) as caught:
        Store("nosuchdatabase://li:geheim@host/name")
    assert "geheim" not in str(caught.value)
    assert "li:***@host" in str(caught.value)


# --- other processes, and the end of this one ------------------------------------------------------------

WRITER = """
import sys
from simulator.events import AgentSaid
from simulator.store import Store
url, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = Store(url)
session = store.create(name, "p")
for number in range(count):
    store.append(session, number + 1, AgentSaid(turn=f"{name}{number}", text="…"))
    print(number, flush=True)
"""


def writer(url: str, name: str, count: int) -> subprocess.Popen[str]:
    """A process that makes a session and appends so many events; it says so after each."""
    command = [sys.executable, "-c", WRITER, url, name, str(count)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


def kept_by(store: Store, name: str) -> list[str]:
    """The turns in the session that the process of that name made."""
    (session,) = store.unfinished(name)
    return [event.turn for event in store.events(session.id) if isinstance(event, AgentSaid)]


def test_processes_that_write_at_once_lose_nothing(url: str) -> None:
    """They meet at a record that is not there yet, and write each into a session of its own."""
    written = {name: [f"{name}{number}" for number in range(60)] for name in "xyz"}
    processes = [writer(url, name, len(turns)) for name, turns in written.items()]
    assert [process.wait(timeout=30) for process in processes] == [0, 0, 0]
    store = Store(url)
    for name, turns in written.items():
        assert [turn for turn in kept_by(store, name) if turn[0] == name] == turns


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_what_was_appended_is_there_after_kill_9(url: str) -> None:
    chance = random.Random(9)
    for name in "stuv":
        process = writer(url, name, 100_000)
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(chance.randint(1, 60))]
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
        process.wait(timeout=30)
        reported = [f"{name}{int(line)}" for line in lines if line.endswith("\n")]
        kept = [turn for turn in kept_by(Store(url), name) if turn[0] == name]
        assert kept[: len(reported)] == reported
        assert len(kept) <= len(reported) + 1  # at most the one that was being written
