"""The next call in the real program: at a terminal, through pipes, and where there is none to be had.

Golden files: see `tests/test_terminal.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from simulator.events import CustomerSaid, Ended, PromisesFound, Started, started
from simulator.store import Store
from tests.screens import Screen, clean, customer, golden, piped, timeless
from tests.scripted import a_persona
from tests.test_lines import locked
from tests.test_terminal import AGAIN_ZH, finish
from tests.wire import Answer, Body, Rule, Wire, decide, fitting

at_terminal = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

FIRST = "That is the third time, I see.\nI'll ring you this afternoon, and I'll send you a text.\n/end\n"
FIRST_ZH = "您打了三次了。\n我下午三点前给您回电，再给您发短信。\n/end\n"


def first_call(folder: Path, language: str = "en") -> None:
    """A call offline that is over and debriefed, with promises in it."""
    done = piped("chat", customer(folder, language), env=clean(folder), typed=FIRST if language == "en" else FIRST_ZH)
    assert done.returncode == 0, done.stderr


def said_by(folder: Path, number: int) -> list[Any]:
    return Store(clean(folder)["SIMULATOR_STORE"]).events(number)


class Endpoint:
    """What a test plays: the customer's answers, what was promised, and what a turn does with it."""

    def __init__(self) -> None:
        self.says: list[Rule] = [Answer("Mm.")]
        self.promises: Rule = Answer(
            json.dumps(
                {
                    "promises": [
                        {
                            "turn": 4,
                            "agent_quote": "I'll ring you this afternoon",
                            "what": "The agent [red]rings[/red] her\x1b[31m this afternoon.",
                        }
                    ]
                }
            )
        )
        self.deals = False

    def __call__(self, body: Body) -> Answer:
        if "response_format" not in body:
            return decide(self.says.pop(0) if len(self.says) > 1 else self.says[0], body)
        asked = body["messages"][-1]["content"]
        if "what the agent promised" in asked:
            return decide(self.promises, body)
        answer = fitting(body)
        if self.deals and "# Judge line 4" in asked:
            dealt = {"promise": "p1", "agent_quote": "I did not ring", "why": "You owned it.", "outcome": "owned"}
            answer = Answer(json.dumps(json.loads(answer.text or "") | {"promises": [dealt]}))
        return answer


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def with_model(folder: Path, wire: Wire) -> dict[str, str]:
    return clean(folder, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="wire-1")


# --- at a terminal ---------------------------------------------------------------------------------------


@at_terminal
def test_the_next_call_in_chinese(tmp_path: Path) -> None:
    first_call(tmp_path, "zh")
    with Screen("chat", "--again", "1", env=clean(tmp_path, LANG="zh_CN.UTF-8")) as screen:
        for words in ("您好，又让您打来了。", "这个电话我没打，是我不对。", "/资料"):
            screen.ready("你：")
            screen.line(words)
        screen.ready("你：")
        screen.line("/end")
        screen.ready("这位客户真正需要的是什么？ ")
        screen.line("房租")
        screen.ready("你注意到了哪些没明说的线索？ ")
        screen.line("")
        assert finish(screen, AGAIN_ZH) == 0
        golden("zh-again", timeless(screen.text()))


@at_terminal
def test_the_next_call_with_a_model(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    first_call(tmp_path)
    endpoint.deals = True
    endpoint.says = [Answer("It's Ann Marsh again."), Answer("You said you would ring."), Answer("Right.")]
    with Screen("chat", "--again", "1", env=with_model(tmp_path, wire)) as screen:
        screen.ready("You: ")
        screen.line("Good morning.")
        screen.wait("You said you would ring.")
        screen.ready("You: ")
        screen.line("No, I did not ring you. I'll do it at three.")
        screen.wait("Right.")
        screen.ready("You: ")
        screen.line("/end")
        screen.ready("What did this customer really need? ")
        screen.line("the rent")
        screen.ready("Which unspoken cues did you notice? ")
        screen.line("")
        assert finish(screen) == 0
        golden("en-again", timeless(screen.text()))
        assert b"\x1b[31m this" not in screen.raw


@at_terminal
def test_first_words_that_do_not_come_can_be_asked_for_again_or_left(
    tmp_path: Path, wire: Wire, endpoint: Endpoint
) -> None:
    first_call(tmp_path)
    endpoint.says = [Answer(status=401), Answer(status=401), Answer("It's Ann Marsh again.")]
    with Screen("chat", "--again", "1", env=with_model(tmp_path, wire)) as screen:
        screen.wait("refused the key")
        screen.ready("[r] try again  [q] leave for now ")
        screen.line("q")
        assert screen.end() == 0
        assert "The call is kept." in screen.text()
    with Screen("chat", env=with_model(tmp_path, wire)) as screen:
        screen.ready("new call first ")
        screen.line("g")
        screen.wait("Contact log", "refused the key")
        screen.ready("[r] try again  [q] leave for now ")
        screen.line("r")
        screen.wait("Ann Marsh: It's Ann Marsh again.")
        screen.ready("You: ")


@at_terminal
def test_a_critic_that_cannot_find_the_promises_does_not_keep_the_call_back(
    tmp_path: Path, wire: Wire, endpoint: Endpoint
) -> None:
    first_call(tmp_path)
    endpoint.promises = Answer(status=401)
    endpoint.says = [Answer("It's Ann Marsh again.")]
    with Screen("chat", "--again", "1", env=with_model(tmp_path, wire)) as screen:
        screen.ready("You: ")
        screen.wait("could not be found out", "Whether anything was promised is not known.", "It's Ann Marsh again.")
    assert not [event for event in said_by(tmp_path, 1) if isinstance(event, PromisesFound)]  # asked again next time


# --- through pipes ---------------------------------------------------------------------------------------


def test_the_next_call_as_lines(tmp_path: Path) -> None:
    first_call(tmp_path)
    env = clean(tmp_path)
    done = piped("chat", "--again", "1", env=env, typed="Good morning.\nI did not ring.\n/end\n/guess her son\n")
    assert done.returncode == 0, done.stderr
    golden("en-again-lines", done.stdout)
    assert started(said_by(tmp_path, 2)).before
    assert [event.promise for event in said_by(tmp_path, 2) if isinstance(event, CustomerSaid)] == [None, "p1", None]
    assert "next call after 1" in piped("history", env=env).stdout
    assert "The next call after call 1." in piped("show", "2", env=env).stdout
    assert json.loads(piped("history", "--json", env=env).stdout.splitlines()[0])["next_call_after"] == 1


@pytest.mark.parametrize("language", ["en", "zh"])
def test_json_lines_of_a_next_call_give_nothing_away_before_the_end(tmp_path: Path, language: str) -> None:
    first_call(tmp_path, language)
    done = piped("chat", "--again", "1", "--json", env=clean(tmp_path), typed="Hello?\n\n/end\n")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds[:3] == ["started", "customer_said", "agent_said"]
    end = kinds.index("ended")
    before = "\n".join(lines[: end + 1])
    assert not [text for text in locked(a_persona(language)) if text in before]
    revealed = json.loads(lines[-1])
    assert revealed["before"]["call"] == 1
    assert set(revealed) - {"kind", "turns"} == Started.spoilers


def test_a_third_call_follows_the_second(tmp_path: Path) -> None:
    first_call(tmp_path)
    env = clean(tmp_path)
    assert piped("chat", "--again", "1", env=env, typed="I'll call you tomorrow.\n/end\n").returncode == 0
    assert piped("chat", "--again", "2", env=env, typed="Hello?\n/end\n").returncode == 0
    before = started(said_by(tmp_path, 3)).before
    assert before
    assert [one.call for one in before.promises] == [1, 2]
    assert before.was_about == a_persona().surface_complaint


def test_first_words_that_do_not_come_leave_the_call_open(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    first_call(tmp_path)
    endpoint.says = [Answer(status=401)]
    done = piped("chat", "--again", "1", env=with_model(tmp_path, wire), typed="Hello?\n")
    assert (done.returncode, done.stdout) == (7, "")
    assert len(Store(clean(tmp_path)["SIMULATOR_STORE"]).unfinished("Test")) == 1


# --- where there is none ---------------------------------------------------------------------------------


def test_what_cannot_be_followed(tmp_path: Path) -> None:
    env = clean(tmp_path)
    assert piped("chat", customer(tmp_path), env=env, typed="Hello?\n/quit\n").returncode == 0
    for typed, code, words in (
        (("--again", "1"), 2, "Call 1 is not over yet."),
        (("--again", "7"), 6, "There is no call number 7."),
        (("--again", "call.txt"), 2, "The value of --again"),
        (("third-call.yaml", "--again", "1"), 2, "PERSONA and --again cannot be used together."),
    ):
        done = piped("chat", *typed, "--offline", env=env)
        assert (done.returncode, done.stdout) == (code, ""), typed
        assert words in done.stderr.splitlines()[-1]
    store = Store(env["SIMULATOR_STORE"])
    store.append(1, len(store.events(1)) + 1, Ended(how="agent_ended"))
    done = piped("chat", "--again", "1", "--offline", env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "The debrief of call 1 has not been opened yet." in done.stderr
    assert len(store.all()) == 1
