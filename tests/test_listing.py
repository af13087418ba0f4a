"""The list of customers: what it reads quickly is what is there, and what is broken is said and hides nobody."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import get_args

import pytest

from simulator import listing
from simulator.errors import PersonaError, UsageError
from simulator.listing import Entry, Filter, files, read, span
from simulator.persona import Channel, load
from simulator.texts import LANGUAGES
from simulator.workbench.writing import written
from tests.screens import ROOT, Screen, clean, customer, golden, many_customers, piped
from tests.scripted import DATA, a_persona
from tests.test_imports import HEAVY

SHIPPED = files()
TEXT = (DATA / "en.yaml").read_text("utf-8")


def whole(file: Path) -> Entry:
    """What the whole file says."""
    one = load(file)
    channels = tuple(dict.fromkeys(cue.channel for cue in one.cues))
    return Entry(
        one.id, one.language, one.difficulty, one.customer.name, one.title, tuple(one.tags), channels, str(file)
    )


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in SHIPPED])
def test_what_is_read_quickly_is_what_the_whole_file_says(file: Path) -> None:
    text = file.read_text("utf-8")
    assert listing._scanned(f"\n{text}\n", str(file)) == whole(file) == read(file)


ODD = {
    "quoted": [("title: A transfer that has not arrived", "title: 'A: transfer'")],
    "folded": [("title: A transfer that has not arrived", "title: >-\n  A transfer\n  to come")],
    "quoted name": [("name: Ann Marsh", 'name: "Ann \\u2014 Marsh"')],
    "folded name": [("name: Ann Marsh", "name: >-\n    Ann\n    Marsh")],
    "quoted channel": [("channel: tone", 'channel: "tone"')],
    "comments": [("channel: tone", "channel: tone  # or wording"), ("difficulty: 2", "difficulty: 2 # two")],
    "keys in quotes": [("\ntitle:", '\n"title":')],
    "customer in one line": [
        (TEXT[TEXT.index("customer:") : TEXT.index("surface")], "customer: {name: A, age: 50, background: b, voice: [a, b, c]}\n")
    ],
    "tags one by one": [("tags: [transfer]", "tags:\n  - transfer\n  - post")],
    "no tags": [("tags: [transfer]\n", "")],
    "an alias": [("title: A transfer that has not arrived", "title: &t A transfer"), ("  background: Retired", "  background: *t\n# Retired")],
    "a document's marks": [("format: 1", "---\nformat: 1")],
    "Windows": [("\n", "\r\n")],
    "words that look like keys": [("It was four hundred and twenty pounds, on Saturday afternoon.", "channel: tone, id: x, name: y")],
}  # fmt: skip


@pytest.mark.parametrize("changes", ODD.values(), ids=ODD)
def test_however_a_file_is_laid_out(tmp_path: Path, changes: list[tuple[str, str]]) -> None:
    text = TEXT
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "third-call.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read(file) == whole(file)


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_the_program_writes_is_read_quickly(language: str) -> None:
    text = written(a_persona(language).model_dump(mode="json"), language)
    entry = listing._scanned(f"\n{text}\n", "x")
    assert entry
    assert (entry.id, entry.channels) == ("third-call", ("repetition", "surroundings", "tone"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("id: third-call", "id: other"),
        ("difficulty: 2", "difficulty: 9"),
        ("difficulty: 2", "difficulty: true"),
        ("title: A transfer that has not arrived", "title: 2113"),
        ("title: A transfer that has not arrived", "title: 2026-11-31"),
        ("title: A", "title: [A"),
        ("channel: tone", "channel: smell"),
        ("tags: [transfer]", "tags: [1]"),
        ("\ncues:", "\nques:"),
        ("title: A", "title: B\ntitle: A"),
        ("name: Ann Marsh", "name:"),
    ],
)
def test_what_cannot_be_listed_is_said_as_everywhere(tmp_path: Path, old: str, new: str) -> None:
    file = tmp_path / "third-call.yaml"
    file.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(PersonaError) as caught:
        read(file)
    with pytest.raises(PersonaError) as proper:
        load(file)
    assert caught.value.problems == proper.value.problems


# --- filters ---------------------------------------------------------------------------------------------

ENTRY = Entry("a", "zh-CN", 3, "葛秀英", "…", ("elderly", "App"), ("tone", "silence"), "a.yaml")


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Filter(), True),
        (Filter(language="zh"), True),
        (Filter(language="ZH-cn"), True),
        (Filter(language="z"), False),
        (Filter(language="en"), False),
        (Filter(channels=["silence"]), True),
        (Filter(channels=["silence", "tone"]), True),
        (Filter(channels=["silence", "wording"]), False),
        (Filter(difficulty=(2, 3)), True),
        (Filter(difficulty=(4, 5)), False),
        (Filter(tags=["app", "elderly"]), True),
        (Filter(tags=["app", "young"]), False),
        (Filter("zh", ["tone"], (3, 3), ["elderly"]), True),
    ],
)
def test_each_condition_narrows_the_list(wanted: Filter, fits: bool) -> None:
    assert wanted.wants(ENTRY) is fits


@pytest.mark.parametrize(("text", "low_high"), [("2", (2, 2)), ("2-4", (2, 4)), (" 1 – 5", (1, 5))])
def test_a_difficulty_is_a_number_or_two(text: str, low_high: tuple[int, int]) -> None:
    assert span(text) == low_high


@pytest.mark.parametrize("text", ["0", "6", "4-2", "2-", "two", "", "1-9"])
def test_what_is_no_difficulty(text: str) -> None:
    with pytest.raises(UsageError):
        span(text)


def test_the_channels_are_those_of_customer_files() -> None:
    assert get_args(Channel) == listing.CHANNELS


# --- the command -----------------------------------------------------------------------------------------


def test_a_folder_with_everything_in_it(tmp_path: Path) -> None:
    (tmp_path / "zh").mkdir()
    customer(tmp_path)
    customer(tmp_path / "zh", "zh")
    (tmp_path / "bad.yaml").write_text("id: bad\ntitle: [\n", encoding="utf-8")
    (tmp_path / "mine.draft.yaml").write_text("id: mine\n", encoding="utf-8")
    env = clean(tmp_path)
    done = piped("personas", ".", env=env)
    assert done.returncode == 4
    assert done.stderr.startswith("bad.yaml:")
    assert [line.split("\t")[:3] for line in done.stdout.splitlines()] == [
        ["third-call", language, "2"] for language in ("en", "zh-CN")
    ]
    done = piped("personas", "zh", "--json", "--channel", "tone", "--tag", "transfer", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    entry = json.loads(done.stdout)
    assert (entry["channels"], entry["file"]) == (["repetition", "surroundings", "tone"], "zh/third-call.yaml")


@pytest.mark.parametrize(
    ("line", "exit_code", "sentence"),
    [
        ("--channel silense", 2, "There is no channel silense (did you mean silence?). There are: tone,"),
        ("--difficulty 7", 2, "--difficulty must be a number from 1 to 5 or two such as 2-4, not 7."),
        ("nowhere", 2, "There is no folder nowhere."),
        ("--tag nobody", 0, f"None of the {len(SHIPPED)} customers fits."),
        (".", 0, "There are no customers here."),
    ],
)
def test_what_is_said_when_nobody_is_listed(tmp_path: Path, line: str, exit_code: int, sentence: str) -> None:
    done = piped("personas", *line.split(), env=clean(tmp_path))
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert done.stderr.startswith(sentence)


@pytest.mark.parametrize(("language", "columns"), [("en", 80), ("zh", 80), ("zh", 46)])
def test_the_table_at_a_terminal(tmp_path: Path, language: str, columns: int) -> None:
    (tmp_path / "zh").mkdir()
    customer(tmp_path)
    customer(tmp_path / "zh", "zh")
    title = {"en": "A transfer that has not arrived, though it was sent twice"}.get(
        language, "一笔转账迟迟没有到账，问了两回都说再等等看，等到今天"
    )
    file = tmp_path / "zh" / "third-call.yaml"
    text = file.read_text("utf-8")
    old = next(line for line in text.splitlines() if line.startswith("title:"))
    file.write_text(text.replace(old, f"title: {title}"), encoding="utf-8")
    env = clean(tmp_path, SIMULATOR_LANG=language)
    with Screen("personas", ".", env=env, columns=columns) as screen:
        assert screen.end() == 0
        golden(f"{language}-personas-{columns}", screen.text())
    with Screen("personas", ".", env={**env, "NO_COLOR": "1"}, columns=columns) as screen:
        screen.end()
        assert b"\x1b[3" not in screen.raw


LOADED_AFTER = """
import json, sys
from simulator.cli import main
code = main(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def test_five_hundred_files_are_quick_and_nothing_of_a_model_is_loaded(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LOADED_AFTER, "personas", str(many_customers(tmp_path, 500))]
    took: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        done = subprocess.run(
            command, env=clean(tmp_path), cwd=ROOT, capture_output=True, encoding="utf-8", timeout=30, check=True
        )
        took.append(time.perf_counter() - began)
    assert len(done.stdout.splitlines()) == 500
    code, loaded = json.loads(done.stderr)
    assert code == 0
    assert not (HEAVY | {"pydantic", "rich", "simulator.persona", "simulator.llm"}) & set(loaded)
    # 0.22 s on the machine where it was written; far more than the goal of 0.3 s only where the machine is busy.
    assert min(took) < 1.0


def test_a_file_without_a_key_is_no_customer_and_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "list.yaml").write_text("- one\n- two\n", encoding="utf-8")
    (tmp_path / "empty.yaml").write_text("", encoding="utf-8")
    done = piped("personas", ".", env=clean(tmp_path))
    assert done.returncode == 4
    assert "list.yaml" in done.stderr
    assert "unforeseen" not in done.stderr
