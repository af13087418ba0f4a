"""A call at a terminal as other programs behave there: keys, history, pastes, sizes, colours, and every way to leave."""

from __future__ import annotations

import re
import signal
import sys
from pathlib import Path

import pytest

from tests.screens import CTRL_C, CTRL_D, Screen, clean, customer, golden, kept, until_kept
from tests.test_terminal import AGAIN_ZH, CUES, LEAVE, NEED, YOU, YOU_ZH, Endpoint, finish, spoken, with_model
from tests.wire import Answer, Wire

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals here")

UP, DOWN, LEFT, HOME, END = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[H", "\x1b[F"
CTRL_A, CTRL_E, CTRL_K, CTRL_U, CTRL_W = "\x01", "\x05", "\x0b", "\x15", "\x17"
CTRL_LEFT, ALT_B, ALT_F, BACKSPACE = "\x1b[1;5D", "\x1bb", "\x1bf", "\x7f"
STYLE = re.compile(rb"\x1b\[[0-9;]*m")


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


def agent_said(folder: Path) -> list[str]:
    return [event["text"] for event in kept(folder, "agent_said")]


# --- keys ------------------------------------------------------------------------------------------------


def test_up_and_down_bring_back_ones_own_lines_of_this_call_only(tmp_path: Path) -> None:
    env = clean(tmp_path)
    with Screen("chat", customer(tmp_path), env=env) as screen:
        for words in ("That is the third time.", "", "/desk", "您好 again"):
            screen.ready(YOU)
            screen.line(words)
        screen.ready(YOU)
        screen.key(CTRL_C)
        screen.ready(LEAVE)
        screen.type(UP + "c")
        screen.ready(LEAVE + "c")  # nothing is brought back where a letter is asked for
        screen.line()
        screen.ready(YOU)
        for key, line in ((UP, "您好 again"), (UP, "That is the third time."), (UP, "That is the third time.")):
            screen.type(key)
            screen.ready(YOU + line)
        screen.type(DOWN)
        screen.ready(YOU + "您好 again")
        screen.type(DOWN + "half")
        screen.ready(YOU + "half")
        screen.type(CTRL_U)
        screen.ready(YOU)
        screen.line("/quit")
        assert screen.end() == 0
    with Screen("chat", env=env) as screen:  # taken up again: it is the same call
        screen.ready("new call first ")
        screen.line("g")
        screen.ready(YOU)
        screen.type(UP)
        screen.ready(YOU + "您好 again")
        screen.type(CTRL_U)
        screen.line("/end")
        screen.ready(NEED)
        screen.type(UP + "rent")
        screen.ready(NEED + "rent")
        screen.line()
        screen.ready(CUES)
        screen.type(UP + UP + "kettle")
        screen.ready(CUES + "kettle")
        screen.line()
        assert finish(screen) == 0
    with Screen("chat", "third-call.yaml", env=env) as screen:  # another call
        screen.ready(YOU)
        screen.type(UP + "x")
        screen.ready(YOU + "x")


EDITED = {
    "one" + CTRL_A + "x": "xone",
    "one" + HOME + "x" + END + "y": "xoney",
    "one" + HOME + "x" + CTRL_E + "y": "xoney",
    "您好吗" + BACKSPACE + LEFT + "很": "您很好",
    "one two" + CTRL_LEFT + "x": "one xtwo",
    "one two" + ALT_B + ALT_B + "x": "xone two",
    "one two" + CTRL_A + ALT_F + "x": "onex two",
    "one two" + CTRL_W + "x": "one x",
    "one two" + CTRL_U + "x": "x",
    "one two" + ALT_B + CTRL_K + "x": "one x",
}


@pytest.mark.parametrize("plain", [(), ("--plain",)])
def test_editing_keys(tmp_path: Path, plain: tuple[str, ...]) -> None:
    with Screen("chat", customer(tmp_path), *plain, env=clean(tmp_path)) as screen:
        for keys, line in EDITED.items():
            screen.ready(YOU)
            screen.type(keys + CTRL_E)
            screen.ready(YOU + line)
            screen.type(CTRL_U)


PASTES = {
    "\x1b[200~one\ntwo\r\nthree\x1b[201~": "one two three",
    "\x1b[200~one\n\x1b[201~": "one",
    "one\rtwo\rthree": "one two three",  # from a terminal that does not mark it
    "one\r\ntwo\r\nthree": "one two three",
    "一\n二\n三": "一 二 三",
}


@pytest.mark.parametrize("plain", [(), ("--plain",)])
def test_a_paste_of_several_lines_is_one_turn_and_waits_for_enter(tmp_path: Path, plain: tuple[str, ...]) -> None:
    with Screen("chat", customer(tmp_path), *plain, env=clean(tmp_path)) as screen:
        for number, (pasted, line) in enumerate(PASTES.items()):
            screen.ready(YOU)
            screen.type(pasted)
            screen.ready(YOU + line)
            assert len(agent_said(tmp_path)) == number  # nothing is sent yet
            screen.line()
            screen.ready(YOU)
        assert [" ".join(said.split()) for said in agent_said(tmp_path)] == list(PASTES.values())


def test_a_long_paste_while_the_customer_speaks_is_there_afterwards(
    tmp_path: Path, wire: Wire, endpoint: Endpoint
) -> None:
    """More than the 4096 bytes that a terminal holds of an unfinished line."""
    lines = [f"line {number} " + "字" * 20 for number in range(100)]
    endpoint.says = [Answer("Let me see what it was again.", piece_s=0.05), Answer("Fine.")]
    with Screen("chat", customer(tmp_path), env=with_model(tmp_path, wire)) as screen:
        screen.ready(YOU)
        screen.line("What happened?")
        screen.wait("Ann Marsh: Let")
        screen.type("\r".join(lines))
        screen.wait("Ann Marsh: Let me see what it was again.", lines[-1])
        assert len(agent_said(tmp_path)) == 1
        screen.line()
        screen.wait("Ann Marsh: Fine.")
    assert agent_said(tmp_path)[1] == " ".join(lines)


# --- sizes -----------------------------------------------------------------------------------------------


def test_a_call_in_thirty_columns(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    env = with_model(tmp_path, wire, LANG="zh_CN.UTF-8")
    endpoint.says = [
        Answer("我给我儿子看了👩🏽那个短信👨‍👩‍👧，他说🇨🇳没问题，1️⃣2️⃣都行。"),
        Answer("（水壶响）Mobile banking 的 App 我不会用👍🏿，真不会。"),
    ]
    with Screen("chat", customer(tmp_path, "zh"), env=env, columns=30, rows=16) as screen:
        for words in (
            "您好，您先别急，我这就给您看看是怎么回事👍🏽，好吗？",
            "嗯👨‍👩‍👧嗯👨‍👩‍👧嗯👨‍👩‍👧嗯👨‍👩‍👧您慢慢说",
        ):
            screen.ready(YOU_ZH)
            screen.line(words)
        screen.ready(YOU_ZH)
        screen.wait("空行=不出声")
        golden("zh-call-30", screen.text())
        assert agent_said(tmp_path) == [
            "您好，您先别急，我这就给您看看是怎么回事👍🏽，好吗？", "嗯👨‍👩‍👧嗯👨‍👩‍👧嗯👨‍👩‍👧嗯👨‍👩‍👧您慢慢说",
        ]  # fmt: skip


def test_another_size_while_the_customer_speaks(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    words = "I have told this so many times now, and every time somebody says that it is on its way."
    endpoint.says = [Answer(words, piece_s=0.02)]
    with Screen("chat", customer(tmp_path), env=with_model(tmp_path, wire)) as screen:
        for columns in (30, 100, 50):
            screen.ready(YOU)
            screen.line("And?")
            screen.wait("Ann Marsh: I have told")
            screen.resize(columns, 24)
            screen.wait(words)
            screen.ready(YOU)
            assert max(map(len, screen.text().splitlines()[-8:])) <= columns
        assert "Traceback" not in screen.text()


# --- what is sent to the terminal ------------------------------------------------------------------------


def test_an_answer_comes_without_anything_being_drawn_again(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    """Text, line ends and styles are all that is written while the customer speaks."""
    words = "(a kettle) I have told this so many times now, and every time somebody says it is on its way."
    endpoint.says = [Answer(words, piece_s=0.01)]
    with Screen("chat", customer(tmp_path), env=with_model(tmp_path, wire)) as screen:
        screen.ready(YOU)
        screen.line("And?")
        screen.wait("on its way.")
        screen.ready(YOU)
    label, end = b"Ann Marsh: ", b"on its way."
    spoken_bytes = screen.raw[screen.raw.rindex(label) : screen.raw.rindex(end) + len(end)]
    assert len(STYLE.findall(spoken_bytes)) > 1  # stage directions are set off
    bare = STYLE.sub(b"", spoken_bytes)
    assert "".join(bare.decode().split()) == "AnnMarsh:" + words.replace(" ", "")
    assert set(bare) <= set(b"\r\n" + b"Ann Marsh: " + words.encode())
    assert bare.count(b"\r") == bare.count(b"\r\n")


LIGHT_AND_DARK = ["#000000", "#1e1e1e", "#002b36", "#ffffff", "#fdf6e3"]
"""Black, Windows Terminal, Solarized dark, white, Solarized light."""


def luminance(colour: tuple[int, int, int]) -> float:
    """Of an sRGB colour, 0-1 (WCAG 2.2)."""
    red, green, blue = (
        (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in (x / 255 for x in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def test_colours_can_be_read_on_light_and_on_dark(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    """Of everything that a call, a failure, the list and a debrief send: no colour that vanishes on either."""
    from rich.color import Color

    raw = b""
    with Screen("chat", env=clean(tmp_path)) as screen:  # the list
        screen.ready("or an id: ")
        raw += screen.raw
    endpoint.says = [Answer(status=400)]
    with Screen("chat", customer(tmp_path), env=with_model(tmp_path, wire)) as screen:
        screen.ready(YOU)
        screen.line("Hello?")
        screen.ready(LEAVE)
        screen.line("q")
        assert screen.end() == 0
        raw += screen.raw
    with Screen("chat", "third-call.yaml", "--offline", env=clean(tmp_path)) as screen:
        for words in ("That is the third time, I see.", "", "/hint", "/mood"):
            screen.ready(YOU)
            screen.line(words)
        screen.ready(YOU)
        screen.line("/end")
        for _ in range(2):
            screen.ready("? ")
            screen.line()
        assert finish(screen) == 0
        raw += screen.raw
    codes = {style[2:-1].decode() for style in STYLE.findall(raw)}
    colours = {int(found) for code in codes for found in re.findall(r"38;5;(\d+)", code)}
    rest = {part for code in codes for part in re.sub(r"38;5;\d+", "", code).split(";") if part}
    assert rest <= {"0", "1", "2", "3", "7"}  # none, bold, dim, italic, and the bottom line turned round
    assert len(colours) >= 4
    for colour in colours:
        seen = luminance(Color.from_ansi(colour).get_truecolor())
        for ground in LIGHT_AND_DARK:
            assert contrast(seen, luminance(Color.parse(ground).get_truecolor())) >= 3, (colour, ground)


# --- ways to leave ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "plain"), [(signal.SIGTERM, ()), (signal.SIGHUP, ("--plain",))])
def test_ended_from_outside_at_the_prompt(tmp_path: Path, number: int, plain: tuple[str, ...]) -> None:
    env = clean(tmp_path)
    with Screen("chat", customer(tmp_path), *plain, env=env) as screen:
        screen.ready(YOU)
        screen.line("That is the third time.")
        screen.ready(YOU)
        screen.type("half a sentence")
        screen.ready(YOU + "half a sentence")
        assert not screen.put_back
        screen.signal(number)
        screen.wait("You: half a sentence", "The call is kept. Next time you can go on")
        assert screen.end() == -number
        assert "empty line = stay quiet   /desk" not in screen.text()  # the bottom line is gone
        assert "Traceback" not in screen.text()
    assert agent_said(tmp_path) == ["That is the third time."]


def test_ended_from_outside_while_the_customer_speaks_and_while_the_critic_reads(
    tmp_path: Path, wire: Wire, endpoint: Endpoint
) -> None:
    env = with_model(tmp_path, wire)
    endpoint.says = [Answer("I have told this so many times now.", piece_s=0.1)]
    endpoint.judges = Answer(first_s=60)
    with Screen("chat", customer(tmp_path), env=env) as screen:
        screen.ready(YOU)
        screen.line("To whom?")
        screen.wait("Ann Marsh: I have")
        screen.signal(signal.SIGTERM)
        screen.wait("The call is kept.")
        assert screen.end() == -signal.SIGTERM
    first = spoken(wire)
    with Screen("chat", env=env) as screen:
        screen.ready("new call first ")
        endpoint.says = [Answer("To my son.")]
        screen.line("g")
        screen.wait("You: To whom?", "Ann Marsh: To my son.")
        screen.ready(YOU)
        assert "have told" not in screen.text()  # half an answer was never said, and nobody cut in
        assert spoken(wire) == [*first, first[0]]
        screen.line("/end")
        screen.ready(NEED)
        screen.line("rent")
        screen.ready(CUES)
        screen.line("kettle")
        screen.wait("The critic is reading the call")
        screen.signal(signal.SIGTERM)
        screen.wait("The debrief is kept.")
        assert screen.end() == -signal.SIGTERM
        assert not screen.terminal.cursor.hidden
    assert [guess["need"] for guess in kept(tmp_path, "guessed")] == ["rent"]


def test_a_closed_window_loses_nothing(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    env = with_model(tmp_path, wire)
    endpoint.says = [Answer("I see."), Answer("I have told this so many times now.", piece_s=0.1)]
    with Screen("chat", customer(tmp_path), env=env) as screen:
        screen.ready(YOU)
        screen.line("First.")
        screen.wait("Ann Marsh: I see.")
        screen.ready(YOU)
        assert screen.hang_up() == -signal.SIGHUP
    with Screen("chat", env=env) as screen:
        screen.ready("new call first ")
        screen.line("g")
        screen.wait("You: First.", "Ann Marsh: I see.")
        screen.ready(YOU)
        screen.line("Second.")
        screen.wait("Ann Marsh: I have")
        assert screen.hang_up() == -signal.SIGHUP
    assert agent_said(tmp_path) == ["First.", "Second."]
    with Screen("chat", env=env) as screen:
        screen.ready("new call first ")
        endpoint.says = [Answer("To my son.")]
        screen.line("g")
        screen.wait("You: Second.", "Ann Marsh: To my son.")


def test_ctrl_c_twice_while_the_customer_speaks(tmp_path: Path, wire: Wire, endpoint: Endpoint) -> None:
    """The second one comes too late to cut in, and must not lose what was said."""
    endpoint.says = [Answer("One two three four five six seven eight.", piece_s=0.05), Answer("Fine.")]
    with Screen("chat", customer(tmp_path), env=with_model(tmp_path, wire)) as screen:
        screen.ready(YOU)
        screen.line("Count.")
        screen.wait("Ann Marsh: One two")
        screen.type(CTRL_C)
        screen.wait("(you cut in)")
        screen.ready(YOU)
        screen.key(CTRL_C)
        screen.ready(LEAVE)
        screen.key(CTRL_C)
        screen.wait("The call is kept.")
        assert screen.end() == 0
    (_, said) = kept(tmp_path, "customer_said")
    assert said["interrupted"]
    assert said["text"].startswith("One two")
    with Screen("chat", env=with_model(tmp_path, wire)) as screen:
        screen.ready("new call first ")
        screen.line("g")
        screen.ready(YOU)
        endpoint.says = [Answer("One two three four five six seven eight.", piece_s=0.05)]
        screen.line("Count.")
        screen.wait("Ann Marsh: One two")
        screen.type(CTRL_C + CTRL_C)  # both at once: it may cut in, ask or leave, and the terminal is as it was
        said = until_kept(tmp_path, "customer_said", 3)[2]
        assert said["interrupted"]
        screen.signal(signal.SIGTERM)
        assert screen.end() in {130, -signal.SIGTERM}
        assert "The call is kept." in screen.text()
        assert "Traceback" not in screen.text()


def test_ctrl_d_leaves_from_everywhere_but_a_line_with_words(tmp_path: Path) -> None:
    env = clean(tmp_path)
    with Screen("chat", customer(tmp_path), env=env) as screen:
        screen.ready(YOU)
        screen.type("words" + CTRL_D + "!")
        screen.ready(YOU + "words!")  # a slip of the finger does not throw them away
        screen.type(CTRL_U)
        screen.ready(YOU)
        screen.key(CTRL_D)
        screen.wait("The call is kept.")
        assert screen.end() == 0


# --- the mood --------------------------------------------------------------------------------------------


def test_the_mood_in_the_bottom_line(tmp_path: Path) -> None:
    env = clean(tmp_path, LANG="zh_CN.UTF-8")
    with Screen("chat", customer(tmp_path, "zh"), "--offline", env=env) as screen:
        screen.ready(YOU_ZH)
        screen.wait("空行=不出声")
        assert "心情" not in screen.text()
        screen.line("/心情")
        screen.wait("从现在起显示客户的心情")
        screen.ready(YOU_ZH)
        screen.wait("心情 ▄ 3/5", "空行=不出声")
        golden("zh-mood", screen.text())
        for words in ("您好，让您打了三次，委屈您了。", "嗯，您说"):
            screen.line(words)
            screen.ready(YOU_ZH)
            until_kept(tmp_path, "findings_made", 1)
        screen.wait("心情 ▆ 4/5")
        screen.line("/mood")
        screen.wait("不再显示客户的心情。")
        screen.ready(YOU_ZH)
        screen.wait("空行=不出声")
        assert not [line for line in screen.terminal.display if "心情 ▆" in line]
        assert [event["on"] for event in kept(tmp_path, "mood_shown")] == [True, False]
        screen.line("/end")
        for _ in range(2):
            screen.ready("？ ")
            screen.line("")
        assert finish(screen, AGAIN_ZH) == 0
        assert "通话时显示了客户的心情。" in screen.text()


def test_no_mood_in_an_exam(tmp_path: Path) -> None:
    with Screen("chat", customer(tmp_path), "--offline", "--exam", env=clean(tmp_path)) as screen:
        screen.ready(YOU)
        screen.line("/mood")
        screen.wait("The mood is not shown in an exam.")
        screen.ready(YOU)
        assert kept(tmp_path, "mood_shown") == []
