"""Words as they come: on a screen that is looked at, and on one that is read aloud."""

from __future__ import annotations

import asyncio
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from simulator.screen.flow import Flow, Sentences
from simulator.screen.page import cells, wrap

WHOLE = ["👩\u200d🚀", "👩🏽", "👨\u200d👩\u200d👧", "🇨🇳", "1\ufe0f\u20e3", "❤\ufe0f"]
"""Emoji of several characters: no line may end within one."""
PIECES = st.lists(
    st.sampled_from([*(f" {one} " for one in WHOLE), "👩🏽", "您好", "，", "kettle", " ", "(sighs)", "（叹气）", "。"]),
    max_size=25,
)


def shown(pieces: list[str], width: int) -> str:
    file = io.StringIO()
    flow = Flow(Console(file=file, width=width, color_system=None), "周敏：", "zh-CN")
    for piece in pieces:
        flow.write(piece)
    flow.close()
    return file.getvalue()


@given(PIECES, st.integers(12, 40))
def test_emoji_and_wide_characters_at_the_right_margin(pieces: list[str], width: int) -> None:
    text = "您" + "".join(pieces)
    written = shown(["您", *pieces], width)
    assert "".join(written.split()) == "周敏：" + "".join(text.split())
    lines = written.splitlines()
    assert all(cells(line) <= width for line in lines)
    # Wherever a terminal shows them in less room, nothing else changes.
    assert sum(line.count(one) for line in lines for one in WHOLE) == sum(text.count(one) for one in WHOLE)


@given(PIECES, st.integers(8, 40))
def test_a_page_does_not_part_an_emoji_either(pieces: list[str], width: int) -> None:
    lines = wrap("".join(pieces), width)
    assert all(cells(line) <= width for line in lines)
    text = "".join(pieces)
    assert sum(line.count(one) for line in lines for one in WHOLE) == sum(text.count(one) for one in WHOLE)


SAID = {
    ("你好，我上礼", "拜六转的。到现", "在没到！", "我都打", "了三回了"): [
        "周敏：你好，我上礼拜六转的。",
        "到现在没到！",
        "我都打了三回了",
    ],
    ("（叹气。再叹", "气。）没事。”", "不急"): ["周敏：（叹气。再叹气。）没事。”", "不急"],
    ("Mr. Size", "more? He knows. ", "Yes... ", "well"): ["周敏：Mr. Sizemore?", "He knows.", "Yes... well"],
    ("  ", "I paid £4.20 to acme.com yesterday.", " It's"): ["周敏：I paid £4.20 to acme.com yesterday.", "It's"],
    (): [],
    (" ",): [],
}


@pytest.mark.parametrize("pieces", SAID)
def test_sentences_are_said_whole(pieces: tuple[str, ...]) -> None:
    async def run() -> list[str]:
        file = io.StringIO()
        said = Sentences(Console(file=file, width=60, color_system=None), "周敏：", "(wait)")
        for piece in pieces:
            said.write(piece)
        assert said.close() == bool(SAID[pieces])
        return file.getvalue().splitlines()

    assert asyncio.run(run()) == SAID[pieces]


def test_a_sentence_is_said_as_soon_as_the_next_one_begins() -> None:
    async def run() -> None:
        file = io.StringIO()
        said = Sentences(Console(file=file, width=60, color_system=None), "周敏：", "(wait)")
        said.write("没事。")
        assert file.getvalue() == ""  # a quotation mark may still come
        said.write("不")
        assert file.getvalue() == "周敏：没事。\n"
        said.close()

    asyncio.run(run())


def test_waiting_is_said_once_and_only_if_nothing_comes() -> None:
    async def run(first_s: float) -> str:
        file = io.StringIO()
        said = Sentences(Console(file=file, width=60, color_system=None), "周敏：", "(wait)", patience_s=0.05)
        await asyncio.sleep(first_s)
        said.write("没事。不急")
        await asyncio.sleep(0.15)
        said.close()
        return file.getvalue()

    assert asyncio.run(run(0)) == "周敏：没事。\n不急\n"
    assert asyncio.run(run(0.15)) == "(wait)\n周敏：没事。\n不急\n"
