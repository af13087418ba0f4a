"""The line that is typed on a screen that is read aloud: what a terminal makes of it is what was typed."""

from __future__ import annotations

import asyncio

import pyte
from hypothesis import given, settings
from hypothesis import strategies as st
from prompt_toolkit.buffer import Buffer
from prompt_toolkit.document import Document

from simulator.screen.echo import Echo

WIDTH = 24
LABEL = "你："
OTHER = "您好 hello"  # an earlier line

KEYS = st.one_of(
    st.sampled_from(["left", "right", "home", "end", "backspace", "delete", "kill", "recall"]),
    st.text(st.sampled_from("ab 您好，😀"), min_size=1, max_size=4).map("type {}".format),
)


def wide(text: str) -> int:
    return sum(2 if ch > "\u2e80" else 1 for ch in text)


def press(buffer: Buffer, key: str) -> None:
    text = buffer.text
    match key:
        case "left":
            buffer.cursor_left()
        case "right":
            buffer.cursor_right()
        case "home":
            buffer.cursor_position = 0
        case "end":
            buffer.cursor_position = len(text)
        case "backspace":
            buffer.delete_before_cursor()
        case "delete":
            buffer.delete()
        case "kill":
            buffer.document = Document(text[buffer.cursor_position :], 0)
        case "recall":
            buffer.document = Document(OTHER)
        case _:
            buffer.insert_text(key.removeprefix("type "))


@given(st.lists(KEYS, max_size=12), st.sampled_from(["", "半句"]))
@settings(max_examples=100)
def test_what_is_seen_is_what_was_typed(keys: list[str], words: str) -> None:
    async def run() -> None:
        screen = pyte.Screen(WIDTH, 200)
        stream = pyte.Stream(screen)
        written: list[str] = []

        def write(text: str) -> None:
            written.append(text)
            stream.feed(text.replace("\n", "\r\n"))

        buffer = Buffer(document=Document(words))
        echo = Echo(LABEL, words, buffer, write, lambda: WIDTH)
        buffer.on_text_changed += echo
        buffer.on_cursor_position_changed += echo
        for key in keys:
            press(buffer, key)
        assert "\x1b" not in "".join(written)
        shown = "".join("".join(line.split()) for line in screen.display)
        assert shown.endswith("".join((LABEL + buffer.text).split()))
        if wide(LABEL + buffer.text) < WIDTH:  # in one row the cursor too is where it is in the line
            assert screen.cursor.x == wide(LABEL + buffer.document.text_before_cursor)

    asyncio.run(run())
