"""How fast a customer speaks: the tables, the times that come of them, and what is seen of it on a screen."""

from __future__ import annotations

import asyncio
import io
import re
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from simulator.pace import DEAD_AIR_S, MANNERS, SPEEDS, Tempo, dead_air_s
from simulator.persona import LADDER_STEPS
from simulator.screen.flow import Flow, Speech, stressed
from simulator.settings import PACES, Pace
from simulator.transcript import parts

STEPS = st.integers(0, LADDER_STEPS - 1)
TEXTS = st.text(alphabet="ab I1你好，。…！（）()“”*! ", max_size=400)


def times(text: str, pace: Pace = "natural", step: int = 2) -> list[tuple[float, str]]:
    """The parts of a text, each with the seconds before it."""
    tempo = Tempo(pace, step)
    return [(round(tempo.before(part), 3), part) for part in parts(text)]


def whole(text: str, pace: Pace = "natural", step: int = 2) -> float:
    return sum(wait for wait, _ in times(text, pace, step))


# --- the tables ------------------------------------------------------------------------------------------


def test_there_is_a_manner_for_every_step_and_a_speed_for_every_pace() -> None:
    assert len(MANNERS) == len(DEAD_AIR_S) == LADDER_STEPS
    assert {len(row) for row in DEAD_AIR_S} == {5}
    assert set(SPEEDS) == set(PACES)


@pytest.mark.parametrize(
    "text", ["你就说怎么弄，别绕，绕得我脑仁儿疼。", "Right. What do you want off me for that, then?"]
)
def test_quick_when_pressed_and_slow_when_low(text: str) -> None:
    by_step = [whole(text, step=step) for step in range(LADDER_STEPS)]
    assert min(by_step) == by_step[1]
    assert max(by_step) == by_step[0]
    assert by_step[4] < by_step[3]
    assert 0.5 < min(by_step) < max(by_step) < 4  # nobody waits long for a sentence


def test_the_worse_the_mood_and_the_harder_the_customer_the_shorter_their_patience() -> None:
    for step in range(LADDER_STEPS):
        assert list(DEAD_AIR_S[step]) == sorted(DEAD_AIR_S[step], reverse=True)
    for column in zip(*DEAD_AIR_S, strict=True):
        assert list(column) == sorted(column)
    assert dead_air_s(0, 5) == 8
    assert dead_air_s(4, 1) == 28


# --- one answer ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "step", "expected"),
    [
        # A character's time, and a comma's, before the next.
        ("嗯，我说。", 3, [(0, "嗯，"), (0.25, "我"), (0.12, "说。")]),
        # A word's time before the next, and a full stop's.
        ("No. Not now", 3, [(0, "No. "), (0.4, "Not "), (0.12, "now")]),
        # A pause is silence; it comes when it has been read, and nothing is waited for inside it.
        ("（停顿）您好", 3, [(0, "（停"), (0, "顿）"), (1.597, "您"), (0.12, "好")]),
        ("Mm. (a sigh) Well", 3, [(0, "Mm. "), (0.4, "(a "), (0, "sigh) "), (0.7, "Well")]),
        # No stop within a number, one stop for six dots.
        ("9.5元……好", 3, [(0, "9.5"), (0.08, "元……"), (0.52, "好")]),
        # The first words never wait, and a silence at the very end is the agent's to break.
        ("Well (a pause)", 3, [(0, "Well "), (0.16, "(a "), (0, "pause)")]),
    ],
)
def test_what_is_waited_for(text: str, step: int, expected: list[tuple[float, str]]) -> None:
    found = times(text, step=step)
    assert [part for _, part in found] == [part for _, part in expected]
    assert [wait for wait, _ in found] == pytest.approx([wait for wait, _ in expected], abs=0.002)


@pytest.mark.parametrize(
    "silence",
    [
        "（停顿）",
        "（很久没声音）",
        "（半天没吭声）",
        "（没说话，听见笔在纸上划）",
        "(a long pause)",
        "(silence, a clock)",
    ],
)
def test_a_silence_is_longer_than_any_other_stage_direction(silence: str) -> None:
    for aside in ("（叹气）", "（旁边男人说：早跟你说了。）", "(a door closes)", "(low)"):
        assert whole(f"好{silence}好") > 1.5 * whole(f"好{aside}好")


def test_a_word_that_comes_in_pieces_is_not_torn() -> None:
    tempo = Tempo("natural", 2)
    assert [tempo.before(piece) > 0 for piece in ("Sat", "ur", "day", ", ", "no", ".")] == [False] * 4 + [True, False]


@given(TEXTS, st.sampled_from(PACES), STEPS)
def test_no_answer_takes_longer_than_it_may(text: str, pace: Pace, step: int) -> None:
    found = times(text, pace, step)
    assert "".join(part for _, part in found) == text
    assert all(wait >= 0 for wait, _ in found)
    assert sum(wait for wait, _ in found) <= {"off": 0, "natural": 8, "slow": 14}[pace]
    assert not found or found[0][0] == 0


@given(TEXTS, STEPS)
def test_slow_is_slower(text: str, step: int) -> None:
    assert whole(text, "slow", step) >= whole(text, "natural", step)


@given(TEXTS, STEPS, st.integers(0, 400))
def test_what_has_come_is_played_the_same_whatever_comes_after(text: str, step: int, cut: int) -> None:
    begun = parts(text)[:cut]
    tempo = Tempo("natural", step)
    assert [round(tempo.before(part), 3) for part in begun] == [wait for wait, _ in times(text, step=step)][:cut]


def test_a_pause_is_one_even_after_many_words() -> None:
    long = "我跟你们说了多少遍了，" * 20
    assert whole(f"{long}（停顿）好") - whole(f"{long}好") > 1
    assert whole(long) < 5


# --- stress ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "I said NOW, not later", "I said <NOW>, not later"),
        ("en", "I DON'T want it", "I <DON'T> want it"),
        ("en", "the ATM, my PIN, SMS, a US card, TV, I", "the ATM, my PIN, SMS, a US card, TV, I"),
        ("en", "McDONALD iPHONE X", "McDONALD iPHONE X"),
        ("en", "it is *very* late, **really very** late", "it is <very> late, <really very> late"),
        ("en", "3 * 4 * 5 and ****1234 and *", "3 * 4 * 5 and ****1234 and *"),
        ("en", "No! No!! Stop!!!", "No! No<!!> Stop<!!!>"),
        (
            "zh-CN",
            "我就是“不放心”。他说：“您先去上班，有空再打来。”",
            "我就是<“不放心”>。他说：“您先去上班，有空再打来。”",
        ),
        ("zh-CN", "「没事」？我*真的*没办法了！！", "<「没事」>？我<真的>没办法了<！！>"),
        ("zh-CN", "你们的APP，NOW，按*号键，再按#号键", "你们的APP，NOW，按*号键，再按#号键"),
        ("zh-CN", "“嘛", "“嘛"),
    ],
)
def test_what_is_stressed(language: str, text: str, expected: str) -> None:
    def marked(runs: Iterable[tuple[str, bool]]) -> str:
        return "".join(f"<{run}>" if stress else run for run, stress in runs)

    runs, rest = stressed(text, language, whole=True)
    assert (marked(runs), rest) == (expected, "")
    held, shown = "", ""
    for part in parts(text):  # as it comes
        runs, held = stressed(held + part, language)
        shown += marked(runs)
    assert shown + marked(stressed(held, language, whole=True)[0]) == expected


@given(st.text(alphabet="ABe *“”好」「！! ,，'", max_size=60), st.sampled_from(["en", "zh-CN"]))
def test_stress_loses_nothing_but_asterisks(text: str, language: str) -> None:
    held, shown = "", ""
    for part in parts(text):
        runs, held = stressed(held + part, language)
        shown += "".join(run for run, _ in runs)
        assert len(held) <= 32
    shown += "".join(run for run, _ in stressed(held, language, whole=True)[0])
    assert shown.replace("*", "") == text.replace("*", "")


# --- on the screen ---------------------------------------------------------------------------------------


def on_screen(text: str, language: str = "en") -> str:
    """What a terminal is sent for it, a style being named once for letters side by side."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system="standard", width=80, legacy_windows=False)
    flow = Flow(console, "", language)
    for part in parts(text):
        flow.write(part)
    flow.close()
    sent: str = console.file.getvalue()  # type: ignore[attr-defined]
    return re.sub(r"\x1b\[0m\x1b\[(1|2;3)m", "", sent)


def test_speech_stage_directions_and_stress_look_different() -> None:
    assert on_screen("(sighs LOUD) I said *now*, NOW.") == (
        "\x1b[2;3m(sighs LOUD)\x1b[0m I said \x1b[1mnow\x1b[0m, \x1b[1mNOW\x1b[0m.\n"
    )


class Clocked:
    """A place for words that notes when they came, in seconds."""

    def __init__(self) -> None:
        self.begun = time.monotonic()
        self.came: list[tuple[float, str]] = []

    def write(self, words: str) -> None:
        self.came.append((time.monotonic() - self.begun, words))


async def test_words_come_when_they_are_due_and_at_once_when_that_is_asked_for() -> None:
    flow, at_once = Clocked(), asyncio.Event()
    speech = Speech(flow, Tempo("natural", 2), at_once)  # type: ignore[arg-type]
    text = "嗯，（停顿）我说不好，真的说不好，一两句也说不清楚。"
    asyncio.get_running_loop().call_later(0.3, at_once.set)
    for part in parts(text):
        await speech.say(part)
    assert "".join(words for _, words in flow.came) == text
    before = [words for came, words in flow.came if came < 0.25]
    assert "".join(before) == "嗯，（停顿）"[: len("".join(before))] != ""
    assert flow.came[-1][0] < 1  # without the key it is more than 3 s


async def test_a_model_that_is_slower_than_the_pace_is_not_made_slower() -> None:
    flow = Clocked()
    speech = Speech(flow, Tempo("natural", 1), asyncio.Event())  # type: ignore[arg-type]
    for part in ("你", "先", "说"):
        await speech.say(part)
        await asyncio.sleep(0.1)  # more than a character takes
    assert flow.came[-1][0] < 0.26
