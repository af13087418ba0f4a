"""Calls at a terminal: the real program in a pseudo-terminal, read as a person reads it.

Whole screens are compared with `tests/golden/screens/`. After a change that is meant:
``REFRESH_GOLDEN=1 pytest tests/test_terminal.py``, then read the diff.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from simulator.events import started
from simulator.persona import files, load
from simulator.store import Store
from tests.screens import (
    CTRL_C,
    CTRL_D,
    ENTER,
    PATIENCE_S,
    Screen,
    clean,
    customer,
    golden,
    piped,
    timeless,
    until_kept,
)
from tests.wire import Answer, Body, Rule, Wire, decide, fitting, rejecting

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

YOU, YOU_ZH = "You: ", "你："
NEED, CUES = "What did this customer really need? ", "Which unspoken cues did you notice? "
LEAVE = "[q] leave for now "
AGAIN, AGAIN_ZH = "tries again from line N: ", "从第 N 行重来："
COLOUR = re.compile(rb"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


class Endpoint:
    """What a test plays: the next answers of the customer, and the critic's."""

    def __init__(self) -> None:
        self.says: list[Rule] = [Answer("Mm.")]
        """One an answer, the last one for ever."""
        self.judges: Rule = fitting

    def __call__(self, body: Body) -> Answer:
        if "response_format" in body or "JSON Schema" in str(body["messages"]):
            return decide(self.judges, body)
        return decide(self.says.pop(0) if len(self.says) > 1 else self.says[0], body)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def with_model(folder: Path, wire: Wire, **more: str) -> dict[str, str]:
    return clean(folder, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="wire-1", **more)


def spoken(wire: Wire) -> list[bytes]:
    """The requests for the customer's words, byte for byte."""
    return [raw for raw, body in zip(wire.raw_bodies, wire.bodies, strict=True) if body.get("stream")]


def heard(wire: Wire) -> list[dict[str, str]]:
    """The messages that the customer's latest answer was asked for with."""
    messages: list[dict[str, str]] = json.loads(spoken(wire)[-1])["messages"]
    return messages


def finish(screen: Screen, label: str = AGAIN) -> int:
    """Leave the debrief as it is; the exit code."""
    screen.ready(label)
    screen.type(ENTER)
    return screen.end()


def judged(folder: Path, turns: int) -> None:
    """Wait until the critic has read so many turns; a person types slower than it reads, a test does not."""
    until = time.monotonic() + PATIENCE_S
    query = "SELECT count(*) FROM events WHERE kind IN ('findings_made', 'could_not_judge')"
    while True:
        with closing(sqlite3.connect(folder / "calls.sqlite3")) as record:
            (found,) = record.execute(query).fetchone()
        if found >= turns:
            return
        assert time.monotonic() < until, f"{found} of {turns} turns judged"
        time.sleep(0.01)


# --- whole calls -----------------------------------------------------------------------------------------


def test_a_whole_call_in_chinese(tmp_path: Path) -> None:
    env = clean(tmp_path, LANG="zh_CN.UTF-8")
    with Screen("chat", customer(tmp_path, "zh"), env=env) as screen:
        screen.ready(YOU_ZH)
        screen.wait("空行=不出声", "/quit 离开")
        golden("zh-prompt", screen.text())
        for words in ("您好，让您打了三次，委屈您了。", "", "/desk", "／hepl", "/help", "／资料", "听起来挺急的"):
            screen.line(words)
            screen.ready(YOU_ZH)
            judged(tmp_path, {"": 2, "听起来挺急的": 3}.get(words, 1))
        screen.line("/结束")
        screen.ready("这位客户真正需要的是什么？ ")
        screen.line("怕儿子交不上房租")
        screen.ready("你注意到了哪些没明说的线索？ ")
        screen.line("第三回；声音低下去；水壶")
        assert finish(screen, AGAIN_ZH) == 0
        golden("zh-call", timeless(screen.text()))


def test_a_whole_call_in_english(tmp_path: Path) -> None:
    with Screen("chat", customer(tmp_path), env=clean(tmp_path), cold=True) as screen:
        screen.ready(YOU)
        screen.wait("empty line = stay quiet", "/quit")
        golden("en-prompt", screen.text())
        for words in ("Good morning, that is the third time, I see.", "", "/Desk", "/ende", "/help", "Sounds urgent."):
            screen.line(words)
            screen.ready(YOU)
            judged(tmp_path, {"": 2, "Sounds urgent.": 3}.get(words, 1))
        screen.line("/end")
        screen.ready(NEED)
        screen.line("an answer today, for her son")
        screen.ready(CUES)
        screen.line("")
        assert finish(screen) == 0
        golden("en-call", timeless(screen.text()))


def test_a_narrow_terminal_without_colours_and_a_customer_who_ends_the_call(tmp_path: Path) -> None:
    env = clean(tmp_path, LANG="zh_CN.UTF-8", NO_COLOR="1")
    with Screen("chat", customer(tmp_path, "zh"), "--turns", "2", env=env, columns=40) as screen:
        for turns, words in enumerate(("您好，您说打了三次了？我看看：20260103 转出的，对吗？", "请再说一遍。")):
            screen.ready(YOU_ZH)
            judged(tmp_path, turns)
            screen.line(words)
        screen.ready("这位客户真正需要的是什么？ ")
        screen.line("不知道")
        screen.ready("线索？ ")
        screen.line()
        assert finish(screen, AGAIN_ZH) == 0
        golden("zh-call-40", timeless(screen.text()))
        assert not COLOUR.search(screen.raw)
        assert screen.styles() == {("default", "default")}


def test_the_window_changes_its_size_during_a_call(tmp_path: Path) -> None:
    with Screen("chat", customer(tmp_path, "zh"), env=clean(tmp_path, LANG="zh_CN.UTF-8")) as screen:
        for number, (columns, rows) in enumerate(((40, 12), (20, 6), (120, 40), (80, 24)), 1):
            screen.ready(YOU_ZH)
            screen.type("听起来")
            screen.ready("听起来")
            screen.resize(columns, rows)
            screen.line("挺急的，您慢慢说，我在这儿听着。")
            until_kept(tmp_path, "customer_said", number + 1)
        screen.ready(YOU_ZH)
        screen.wait("空行=不出声", "/quit 离开")  # the bottom line is drawn for the new width
        assert "Traceback" not in screen.text()


# --- choosing --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["number", "id", "near"])
def test_choosing_from_the_list(tmp_path: Path, how: str) -> None:
    english = [one for one in map(load, files()) if one.language == "en"]
    wanted = english[1]
    with Screen("chat", env=clean(tmp_path)) as screen:
        screen.ready("or an id: ")
        listed = screen.text()
        assert all(one.id in listed and one.title in listed for one in map(load, files()))
        assert all(len(line) <= 80 for line in listed.splitlines())
        assert listed.lstrip().startswith(f"1  {'★' * english[0].difficulty}")  # the screens' language first
        if how == "near":
            for nobody in ("0", "999", "", "zzzz"):
                screen.line(nobody)
                screen.wait("No such customer.")
                screen.ready("or an id: ")
        screen.line({"number": " 2 ", "id": wanted.id, "near": wanted.id.replace("a", "", 1)}[how])
        screen.wait(wanted.title, "Customer", wanted.customer.name, "On your screen", wanted.opening)
        screen.ready(YOU)


def test_leaving_the_list_says_nothing_of_a_call(tmp_path: Path) -> None:
    for key, code in ((CTRL_D, 0), (CTRL_C, 130)):
        with Screen("chat", env=clean(tmp_path)) as screen:
            screen.ready("or an id: ")
            screen.key(key)
            assert screen.end() == code
            assert "kept" not in screen.text()
            assert "Traceback" not in screen.text()


# --- leaving and coming back -----------------------------------------------------------------------------


def test_ctrl_c_at_the_prompt_asks_and_a_debrief_is_kept_too(tmp_path: Path) -> None:
    env = clean(tmp_path)
    with Screen("chat", customer(tmp_path), env=env) as screen:
        screen.ready(YOU)
        screen.type("half a sentence")
        screen.wait("half a sentence")
        screen.key(CTRL_C)
        screen.ready("End this call? [c] no, carry on  [e] end it, with its debrief  [q] leave for now ")
        screen.line()  # carries on, with what was typed
        screen.ready(YOU + "half a sentence")
        screen.key(CTRL_C)
        screen.ready(LEAVE)
        screen.line("Excuse me, madam")  # no letter, so no choice
        screen.ready(LEAVE)
        screen.line("e")
        screen.ready(NEED)
        screen.key(CTRL_D)
        assert screen.end() == 0
        assert "The debrief is kept." in screen.text()
    with Screen("chat", env=env) as screen:  # the call is over; its debrief is open
        screen.ready("[d] open its debrief  [n] new call first ")
        screen.line("g")
        screen.ready("[d] open its debrief  [n] new call first ")
        screen.line()
        screen.ready(NEED)
        screen.line("rent")
        screen.ready(CUES)
        screen.key(CTRL_C)
        assert screen.end() == 0
        assert "The debrief is kept." in screen.text()
        assert "Traceback" not in screen.text()


def test_a_call_that_was_left_goes_on(tmp_path: Path) -> None:
    env, file = clean(tmp_path), customer(tmp_path)
    with Screen("chat", file, env=env) as screen:
        screen.ready(YOU)
        screen.line("That is the third time, I see.")
        screen.ready(YOU)
        screen.line("/quit")
        assert screen.end() == 0
        assert "The call is kept." in screen.text()
    with Screen("chat", env=env) as screen:
        screen.wait("There is a call that is not finished: Ann Marsh · A transfer that has not arrived (")
        screen.ready("[g] go on  [d] end it and open its debrief  [n] new call first ")
        screen.line()
        screen.wait(
            "Customer", "On your screen", "Offline engine", "You: That is the third time", "Ann Marsh: (a kettle"
        )
        screen.ready(YOU)
        assert "cannot judge the four layers.\n\nAnn Marsh: Hello" in screen.text()
        screen.line("No rush to find it.")
        screen.ready(YOU)
        screen.key(CTRL_D)
        assert screen.end() == 0
        assert "The call is kept." in screen.text()
    with Screen("chat", file, env=env) as screen:
        screen.ready("new call first ")
        screen.line("n")
        screen.wait("Ann Marsh: Hello")
        screen.ready(YOU)
        assert "No rush" not in screen.text()
        screen.line("/end")
        screen.ready(NEED)
        screen.line("a")
        screen.ready(CUES)
        screen.line("b")
        assert finish(screen) == 0
    with Screen("chat", env=env) as screen:  # the older one, now to be ended
        screen.ready("new call first ")
        screen.line("D")
        screen.wait("You: No rush to find it.", "Before the debrief opens")
        screen.ready(NEED)
        screen.line("rent")
        screen.ready(CUES)
        screen.line("the kettle")
        assert finish(screen) == 0
        screen.wait("Debrief: A transfer that has not arrived", "Your guess", "rent", "the kettle", "Line 4, you")
    with Screen("chat", env=env) as screen:
        screen.ready("or an id: ")
        assert "not finished" not in screen.text()


def test_a_killed_call_goes_on_with_the_very_same_request(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    env = with_model(tmp_path, wire)
    endpoint.says = [Answer("It was on Saturday."), Answer("I have told this so many times now.", piece_s=0.05)]
    with Screen("chat", customer(tmp_path), env=env) as screen:
        for words in ("When did you send it?", "To whom?"):
            screen.ready(YOU)
            screen.line(words)
        screen.wait("I have told this")
        screen.kill()
        before = spoken(wire)
    with Screen("chat", env=env) as screen:
        screen.ready("new call first ")
        endpoint.says = [Answer("To my son.")]
        screen.line("g")
        screen.wait(
            "You: When did you send it?", "Ann Marsh: It was on Saturday.", "You: To whom?", "Ann Marsh: To my son."
        )
        screen.ready(YOU)
        assert "told this" not in screen.text()  # half an answer was never said
        assert len(before) == 2
        assert spoken(wire) == [*before, before[-1]]


# --- answers of a model ----------------------------------------------------------------------------------


def test_what_a_model_says(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    """Streamed words, cutting in, typing ahead; escapes, markup and bidi controls do nothing."""
    evil = [
        "\x1b[31;105mred ",
        "\x1b]0;PWNED\x07 [bold]plain[/bold] ",
        "\u202ekcab\u202c \x9b2J \u2066x\u2069 \x1b",
        "[5;5H:smile:",
    ]
    endpoint.says = [Answer(pieces=evil)]
    file = tmp_path / customer(tmp_path)
    title = "A [red]transfer[/red] :bank: that has not arrived"
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub("title: .*", f'title: "{title}"', text), encoding="utf-8")
    with Screen("chat", file.name, env=with_model(tmp_path, wire), cold=True) as screen:
        screen.ready(YOU)
        assert screen.text().startswith(title + "\n")
        assert "played by the model wire-1" in screen.text()
        screen.line("\x1b[200~[red]Hello\x1b]0;PWNED\x07\u202e\n[/red]\x1b[201~")  # pasted
        screen.wait("Ann Marsh: [31;105mred ]0;PWNED [bold]plain[/bold] kcab 2J x [5;5H:smile:")
        screen.ready(YOU)
        assert screen.terminal.title == ""
        for bad in (b"\x1b[31;105m", b"\x1b]0;P", b"\x9b2J", "\u202e".encode(), "\u2066".encode(), b"\x1b[5;5H"):
            assert bad not in screen.raw
        assert heard(wire)[-2]["content"] == "[red]Hello]0;PWNED [/red]"
        # A stage direction in pieces is set off, and no line ends within a word.
        endpoint.says = [
            Answer(
                pieces=[
                    "(her voi",
                    "ce drops, and the ket",
                    "tle whistles) It is fi",
                    "ne, there is ab",
                    "solutely no hurry.",
                ]
            )
        ]
        screen.line("And now?")
        screen.wait("Ann Marsh: (her voice drops, and the kettle whistles) It is fine, there is")
        screen.ready(YOU)
        assert (
            "Ann Marsh: (her voice drops, and the kettle whistles) It is fine, there is\nabsolutely no hurry.\n"
            in screen.text()
        )
        # Ctrl-C cuts in: the words so far stay, and the critic and the customer read them so.
        endpoint.says = [Answer("One two three four five six seven eight.", piece_s=0.05), Answer("Fine.")]
        screen.line("Count.")
        screen.wait("Ann Marsh: One two")
        screen.type(CTRL_C)
        screen.wait("(you cut in)")
        screen.ready(YOU)
        assert "eight" not in screen.text()
        assert "^C" not in screen.text()
        screen.line("Sorry, go on.")
        screen.wait("Ann Marsh: Fine.")
        screen.ready(YOU)
        assert re.fullmatch(r"One two.*— \(cut off\)", heard(wire)[-3]["content"])
        # Cutting in before there was a word: nothing to keep, so the question is what to do.
        endpoint.says = [Answer("Late.", first_s=60)]
        screen.line("Are you there?")
        screen.wait("Ann Marsh:")  # an answer is on its way
        screen.type(CTRL_C)
        screen.ready(LEAVE)
        assert "Are you there?\n[r]" in screen.text()
        endpoint.says = [Answer("Here I am.")]
        screen.line("r")
        screen.wait("Ann Marsh: Here I am.")
        screen.ready(YOU)
        # What is typed meanwhile does not stand between the words, and is there at the next prompt.
        endpoint.says = [Answer("Alpha beta gamma delta.", piece_s=0.05), Answer("Fine.")]
        screen.line("Once more?")
        screen.wait("Ann Marsh: Alpha")
        screen.type("typed ahead")
        screen.resize(60, 20)
        screen.wait("Ann Marsh: Alpha beta gamma delta.\n")
        screen.ready(YOU + "typed ahead")
        screen.type(ENTER)
        screen.wait("You: typed ahead", "Ann Marsh: Fine.")


AT_ONCE = {"retry-after-ms": "1"}
"""What lets the client's own retries not wait."""


def test_faults_of_the_endpoint(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    """Each is one sentence and a way on; trying again goes on as if nothing had been."""
    faults: dict[str, Answer] = {
        "The endpoint refused the key. Check OPENAI_API_KEY": Answer(status=401, said="SECRET"),
        "The endpoint has no such model, or its address is wrong": Answer(status=404),
        "The endpoint says that there are too many requests; wait 30 s.": Answer(
            status=429, headers={"Retry-After": "30", **AT_ONCE}
        ),
        "The endpoint failed": Answer(status=500, headers=AT_ONCE),
        "No answer for too long. Try again, or raise SIMULATOR_TIMEOUT.": Answer(first_s=60),
        "The endpoint does not take this request": Answer(status=400),
        "The endpoint's answer cannot be used": Answer(raw="<html>hello</html>"),
        "The model did not speak as the customer.": Answer("Agent: What can I do for you?"),
        "The model refused to answer.": Answer("No.", finish="content_filter"),
    }
    with Screen("chat", customer(tmp_path), env=with_model(tmp_path, wire, SIMULATOR_TIMEOUT="1")) as screen:
        for number, (sentence, fault) in enumerate(faults.items()):
            screen.ready(YOU)
            endpoint.says = [fault]
            screen.line(f"Number {number}?")
            screen.wait(sentence)
            screen.ready("[r] try again  [e] end with a debrief of what there is  [q] leave for now ")
            endpoint.says = [Answer(f"Answer {number}.")]
            screen.line("r" if number else "")
            screen.wait(f"Ann Marsh: Answer {number}.")
        # A stream that is cut is asked for again by itself, and what had come does not count.
        screen.ready(YOU)
        endpoint.says = [Answer("One two three four.", drop_after=4), Answer("Whole.")]
        screen.line("And?")
        screen.wait("Ann Marsh: One two", "(the line broke; what was said there does not count)", "Ann Marsh: Whole.")
        screen.ready(YOU)
        assert spoken(wire)[-1] == spoken(wire)[-2]
        endpoint.says = [Answer("One two three four.", drop_after=4)]
        screen.line("And?")
        screen.wait("(the line broke", "(the line broke", "(the line broke", "The answer broke off.")
        screen.ready(LEAVE)
        screen.line("e")
        screen.ready(NEED)
        screen.line("rent")
        screen.ready(CUES)
        screen.line("kettle")
        assert finish(screen) == 0
        text = screen.text()
        assert "Debrief: A transfer" in text
        assert "SECRET" not in text
        assert "Traceback" not in text


def test_leaving_after_a_fault_and_what_debug_shows(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    endpoint.says = [Answer(status=400, said="no such parameter")]
    env = with_model(tmp_path, wire)
    with Screen("chat", customer(tmp_path), "--debug", env=env, columns=120) as screen:
        screen.ready(YOU)
        screen.line("Hello?")
        screen.wait("does not take this request", "Traceback", "no such parameter")
        screen.ready(LEAVE)
        screen.line("q")
        assert screen.end() == 0
        assert "The call is kept." in screen.text()
    # The next start may be without the endpoint: that call cannot go on then, and a new one can begin.
    with Screen("chat", "third-call.yaml", env=clean(tmp_path)) as screen:
        screen.wait("That call was held with the model wire-1, and no endpoint is set now")
        screen.ready(YOU)


# --- the critic beside the call --------------------------------------------------------------------------


def test_a_critic_that_is_down_delays_nothing_and_is_not_hidden(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    back = threading.Event()

    def stuck(body: Body) -> Answer:
        back.wait(20)
        return decide(rejecting("messages"), body)

    endpoint.judges = stuck
    env = with_model(tmp_path, wire)
    with Screen("chat", customer(tmp_path), env=env) as screen:
        for words in ("That is the third time.", "Sounds urgent."):
            screen.ready(YOU)
            screen.wait("empty line = stay quiet")
            screen.line(words)
            screen.wait("Ann Marsh: Mm.")  # though the critic does not answer
        screen.ready(YOU)
        screen.line("/end")
        screen.ready(NEED)
        screen.line("rent")
        screen.ready(CUES)
        screen.line("kettle")
        screen.wait("The critic is reading the call")
        screen.type(CTRL_C)
        screen.wait("The debrief is kept.")
        back.set()
        assert screen.end() == 0
        assert "Traceback" not in screen.text()
    with Screen("chat", env=env) as screen:
        screen.ready("new call first ")
        screen.line("d")
        assert finish(screen) == 0
        assert "Which unspoken cues" not in screen.text()  # it had been asked
        screen.wait(
            "Debrief:", "Your guess", "rent", "could not judge", "The critic could not judge the call as a whole"
        )
        screen.wait("What was not judged", ": the endpoint did not take the request")


def test_a_fault_of_ours_in_the_critic_does_not_write_over_the_screen(tmp_path: Path, wire: Wire) -> None:
    env = with_model(tmp_path, wire, SIMULATOR_CRITIC_BASE_URL="http://localhost:abc/v1", LANG="zh_CN.UTF-8")
    with Screen("chat", customer(tmp_path, "zh"), env=env) as screen:
        screen.ready(YOU_ZH)
        screen.line("您好")
        screen.ready(YOU_ZH)
        judged(tmp_path, 1)
        screen.type("嗯")
        screen.wait("评审暂时用不了，通话照常，这几轮先不评", "/end 结束")
        assert "Traceback" not in screen.text()


def test_hints_in_practice_in_both_languages_and_in_the_debrief(tmp_path: Path) -> None:
    with Screen("chat", customer(tmp_path, "zh"), "--offline", "--lang", "zh", env=clean(tmp_path)) as screen:
        for typed, told in (
            ("/提示", "提示：留意刚才流露的重复。"),
            ("/hint", "提示：就在这句里："),
            ("／提示", "可能的意思"),
        ):
            screen.ready(YOU_ZH)
            screen.line(typed)
            screen.wait(told)
        screen.ready(YOU_ZH)
        screen.line("/结束")
        for _ in range(2):
            screen.ready("？")
            screen.line("")
        assert finish(screen, AGAIN_ZH) == 0
        screen.wait("用过提示（3 步里用了 3 步）。")


def test_an_exam_gives_no_hints_and_the_debrief_says_so(tmp_path: Path) -> None:
    with Screen("chat", customer(tmp_path), "--offline", "--exam", "--lang", "en", env=clean(tmp_path)) as screen:
        screen.wait("An exam:")
        screen.ready(YOU)
        screen.line("/hint")
        screen.wait("There are no hints in an exam.")
        screen.ready(YOU)
        screen.line("/end")
        screen.ready(NEED)
        screen.line("")
        screen.ready(CUES)
        screen.line("")
        assert screen.end() == 0
        screen.wait("This was an exam: without hints, and without going back.")


# --- pace ------------------------------------------------------------------------------------------------


def test_words_come_at_the_customers_pace_and_what_was_not_shown_was_not_said(
    tmp_path: Path, wire: Wire, endpoint: Endpoint
) -> None:
    """The model answers at once; what is on the screen when the agent cuts in is what the record holds."""
    env = with_model(tmp_path, wire, SIMULATOR_PACE="off")
    with Screen("chat", customer(tmp_path), "--pace", "natural", env=env) as screen:
        screen.wait("Ann Marsh: Hello")
        screen.type(CTRL_C)  # nobody cuts into an opening: the rest of it comes at once
        screen.ready(YOU)
        assert "This\nis the third time I've rung.\nYou:" in screen.text()
        assert "(you cut in)" not in screen.text()
        # Cutting in keeps what was shown.
        endpoint.says = [Answer("(low) Ten thousand-three-hundred-and-twelve pounds.")]
        screen.line("Count.")
        screen.wait("Ann Marsh: (low) Ten thousand-three-hundred-and-twelve")
        assert "pounds" not in screen.text()
        screen.type(CTRL_C)
        screen.wait("(you cut in)")
        shown = re.findall(r"Ann Marsh: (.*)\n\(you cut in\)", screen.text())
        screen.ready(YOU)
        endpoint.says = [Answer("Fine, if you say so, I have all day and the kettle on. " * 6)]
        screen.line("Sorry, go on.")
        screen.wait("Ann Marsh: Fine,")
        assert heard(wire)[-3]["content"] == f"{shown[0].strip()}— (cut off)"
        # A key shows the rest at once; letters wait for the next prompt, a space between them too.
        began = time.monotonic()
        screen.type("let me")
        screen.type(" look\x1b[C")
        screen.ready(YOU + "let me look")
        assert time.monotonic() - began < 4
        assert screen.text().count("and the kettle on.") == 6
        for key in (" ", ENTER):
            screen.line()
            screen.wait("Ann Marsh: Fine,")
            screen.type(key)
            screen.ready(YOU)  # and the key is gone: nothing stands there, and nothing was sent
        assert time.monotonic() - began < 8
        assert len(spoken(wire)) == 4


def test_a_key_that_was_pressed_too_early_hurries_nobody_and_sends_nothing(
    tmp_path: Path, wire: Wire, endpoint: Endpoint
) -> None:
    endpoint.says = [Answer("(a pause) Yes. No.", first_s=0.3)]
    with Screen("chat", customer(tmp_path), "--pace", "natural", env=with_model(tmp_path, wire)) as screen:
        screen.wait("Ann Marsh: Hello")
        screen.type(ENTER)
        screen.ready(YOU)
        screen.type("Hello?" + ENTER + ENTER)  # as after a bouncing key
        screen.wait("(a pause)")
        began = time.monotonic()
        screen.wait("Yes.")
        assert time.monotonic() - began > 0.8
        screen.ready(YOU)
        assert len(spoken(wire)) == 1


# --- a live call -----------------------------------------------------------------------------------------


def test_in_a_live_call_the_customer_speaks_into_a_dead_line(tmp_path: Path) -> None:
    file = customer(tmp_path)
    with Screen("0.4", file, env=clean(tmp_path), module="tests.impatient") as screen:
        screen.wait("Live: your silence is heard.", "third time I've rung.")
        screen.wait("(silence on the line)", "Ann Marsh: (a kettle whistles)")
        screen.wait("(silence on the line)", "Ann Marsh: (her voice drops)")
        screen.ready(YOU)
        time.sleep(1)  # twice the customer's patience: there may be nobody at the desk
        screen.type("x\x7f")  # somebody is, after all
        screen.wait(*["(silence on the line)", "Ann Marsh:"] * 3)
        screen.ready(YOU)
        screen.type("That")  # while something stands on the line nobody is silent
        time.sleep(1)
        screen.key(CTRL_C)
        screen.ready(LEAVE)
        time.sleep(1)  # nor while they are asked something
        screen.line("c")
        screen.ready(YOU + "That")
        assert screen.text().count("(silence on the line)") == 3
        screen.type("\x7f" * 4)
        screen.wait("(silence on the line)", "Ann Marsh:")
        screen.ready(YOU)  # and what was deleted stays so
        assert "You:\n(silence" not in screen.text()  # the prompt is taken away
        screen.key(CTRL_D)
        assert screen.end() == 0
    with Screen("2", file, env=clean(tmp_path), module="tests.impatient") as screen:  # live is live
        screen.ready("new call first ")
        screen.line()
        screen.wait("Live: your silence is heard.")
        screen.ready(YOU)
        screen.line("That is the third time.")
        screen.wait("Ann Marsh:", "(silence on the line)", "Ann Marsh:")
        screen.ready(YOU)
        screen.line("/end")
        screen.ready(NEED)
        screen.line("")
        screen.ready(CUES)
        screen.line("")
        assert finish(screen) == 0
        screen.wait("How long you took", "Dead air in lines", "2, 4, 6, 8, 12")
        assert "Longest" not in screen.text()  # nobody knows how long the line was looked at before it was taken up


def test_a_live_call_is_for_a_terminal(tmp_path: Path) -> None:
    for more in ((), ("--json",)):
        done = piped("chat", customer(tmp_path), "--live", *more, env=clean(tmp_path))
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("--live is for calls at a terminal")
    with Screen("chat", "third-call.yaml", "--live", "--json", env=clean(tmp_path)) as screen:
        assert screen.end() == 2
        screen.wait("--live is for calls at a terminal")


def test_a_call_that_was_asked_to_be_live_is_recorded_so(tmp_path: Path) -> None:
    with Screen("chat", customer(tmp_path), "--live", env=clean(tmp_path)) as screen:
        screen.wait("Live: your silence is heard.")
        screen.ready(YOU)
        screen.line("/quit")
        assert screen.end() == 0
    assert started(Store(clean(tmp_path)["SIMULATOR_STORE"]).events(1)).live


def test_help_in_an_exam_names_nothing_that_it_refuses(tmp_path: Path) -> None:
    with Screen("chat", customer(tmp_path), "--exam", env=clean(tmp_path)) as screen:
        screen.ready(YOU)
        screen.line("/help")
        screen.wait("/desk", "/end")
        screen.ready(YOU)
        assert not [command for command in ("/hint", "/mood", "/back") if command in screen.text()]
