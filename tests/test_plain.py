"""Calls that are read aloud: lines of text and nothing else, whatever the terminal can do."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.screens import CTRL_C, CTRL_D, Screen, clean, customer, golden, timeless, until_kept
from tests.test_terminal import AGAIN_ZH, CUES, LEAVE, NEED, YOU, YOU_ZH, Endpoint, finish, judged, with_model
from tests.test_typing import UP, agent_said
from tests.wire import Answer, Wire

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def is_plain(screen: Screen) -> bool:
    """Whether nothing was written but text, line ends and, for a letter that was taken back, backspaces."""
    return not set(screen.raw.decode()) & {chr(code) for code in [*range(32), 127] if chr(code) not in "\r\n\b"}


def test_a_whole_call_in_chinese(tmp_path: Path) -> None:
    env = clean(tmp_path, LANG="zh_CN.UTF-8")
    with Screen("chat", customer(tmp_path, "zh"), "--plain", env=env) as screen:
        for words in ("您好，让您打了三次，委屈您了。", "", "/心情", "/desk", "/hepl", "听起来挺急的"):
            screen.ready(YOU_ZH)
            screen.line(words)
            judged(tmp_path, {"": 2, "听起来挺急的": 3}.get(words, 1))
        screen.ready(YOU_ZH)
        screen.line("/结束")
        screen.ready("这位客户真正需要的是什么？ ")
        screen.line("怕儿子交不上房租")
        screen.ready("你注意到了哪些没明说的线索？ ")
        screen.line("第三回；声音低下去；水壶")
        assert finish(screen, AGAIN_ZH) == 0
        golden("zh-plain", timeless(screen.text()))
        assert is_plain(screen)
        assert not set("★☆▁▂▄▆█▲▼→") & set(screen.text())


def test_a_whole_call_in_english(tmp_path: Path) -> None:
    with Screen("chat", customer(tmp_path), env=clean(tmp_path, SIMULATOR_PLAIN="on")) as screen:
        for words in ("Good morning, that is the third time, I see.", "", "/mood", "Sounds urgent."):
            screen.ready(YOU)
            screen.line(words)
            judged(tmp_path, {"": 2, "Sounds urgent.": 3}.get(words, 1))
        screen.ready(YOU)
        screen.line("/end")
        screen.ready(NEED)
        screen.line("an answer today, for her son")
        screen.ready(CUES)
        screen.line("")
        assert finish(screen) == 0
        golden("en-plain", timeless(screen.text()))
        assert is_plain(screen)
        assert not set("★☆▁▂▄▆█▲▼→") & set(screen.text())


def test_a_terminal_that_knows_lines_only_gets_only_them(tmp_path: Path) -> None:
    with Screen("chat", env=clean(tmp_path, TERM="dumb")) as screen:
        screen.ready("or an id: ")
        assert "1: Nuala Bracken, An autumn electricity bill. Difficulty 2 of 5. autumn-electric-bill" in " ".join(
            screen.text().splitlines()
        )
        screen.line("1")
        screen.ready(YOU)
        screen.key(CTRL_D)
        assert screen.end() == 0
        assert is_plain(screen)
    with Screen("chat", customer(tmp_path), env=clean(tmp_path, SIMULATOR_PLAIN="off")) as screen:
        screen.ready("new call first ")
        assert not is_plain(screen)


def test_an_answer_of_a_model_comes_in_sentences(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    endpoint.says = [
        Answer("(a kettle. Steam.) It was on Saturday! To my son, Mr. Marsh.", first_s=2.3, piece_s=0.01),
        Answer("One two three. Four five six. Seven eight nine.", piece_s=0.1),
        Answer(status=400),
    ]
    with Screen("chat", customer(tmp_path), "--plain", env=with_model(tmp_path, wire)) as screen:
        screen.ready(YOU)
        screen.line("When did you send it?")
        screen.wait("(waiting for Ann Marsh to speak)", "Ann Marsh: (a kettle. Steam.) It was on Saturday!")
        screen.ready(YOU)
        assert (
            "\n(waiting for Ann Marsh to speak)\nAnn Marsh: (a kettle. Steam.) It was on Saturday!\n"
            "To my son, Mr. Marsh.\nYou:" in screen.text()
        )
        screen.line("Count.")
        screen.wait("Ann Marsh: One two three.")
        screen.type(CTRL_C)  # cuts in, and all that was said until then is read
        screen.wait("(you cut in)")
        screen.ready(YOU)
        assert "nine" not in screen.text()
        (_, _, cut) = until_kept(tmp_path, "customer_said", 3)
        assert cut["interrupted"]
        assert " ".join(cut["text"].split()) in " ".join(screen.text().split())
        screen.type("half a sentence")
        screen.ready(YOU + "half a sentence")
        screen.key(CTRL_C)
        screen.ready(LEAVE)
        screen.line("c")
        screen.ready(YOU + "half a sentence")
        screen.type(UP)
        screen.ready(YOU + "Count.")
        screen.type("\x15And?")
        screen.ready(YOU + "And?")
        screen.line()
        screen.wait("does not take this request")
        screen.ready(LEAVE)
        screen.line("q")
        assert screen.end() == 0
        assert "The call is kept." in screen.text()
        assert is_plain(screen)
    assert agent_said(tmp_path) == ["When did you send it?", "Count.", "And?"]


def test_a_critic_that_is_down_is_said_once(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    endpoint.judges = Answer(status=400)
    with Screen("chat", customer(tmp_path), "--plain", env=with_model(tmp_path, wire)) as screen:
        for turns, words in enumerate(("Hello.", "And then?", "And then?")):
            screen.ready(YOU)
            judged(tmp_path, turns)
            screen.line(words)
        screen.ready(YOU)
        assert screen.text().count("(the critic is down") == 1
        assert is_plain(screen)
