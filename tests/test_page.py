"""Lines that Chinese and English readers would both call well set."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from simulator.screen.page import Item, Page, Points, Row, Section, escaped, wrap

MIXED = st.text(st.sampled_from("字 ，。“”（）…— aZ9'-,.!😀\u200d$é"), max_size=60)


@given(MIXED, st.integers(2, 30))
def test_wrapping_loses_nothing_and_stays_within_the_width(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(cell_len(line) <= width for line in lines)


@given(st.lists(st.sampled_from("字句话 ，。”）、…"), max_size=40), st.integers(8, 30))
def test_no_line_begins_with_closing_punctuation(parts: list[str], width: int) -> None:
    text = "字" + "".join("字" + part for part in parts)  # more than one mark in a row may fill a line of its own
    assert not [line for line in wrap(text, width)[1:] if line[:1] in set("，。”）、…")]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 10, [""]),
        ("手机银行 App 更新了", 10, ["手机银行", "App 更新了"]),
        ("第 3 行没有听到，照旧", 10, ["第 3 行没", "有听到，照", "旧"]),
        ("他说“好的”，再见", 8, ["他说“好", "的”，再", "见"]),
        ("他说：“好的”", 8, ["他说：", "“好的”"]),
        ("（叹气）我都举到窗户边儿上了", 8, ["（叹气）", "我都举到", "窗户边儿", "上了"]),
        ("I don't know, really.", 8, ["I don't", "know,", "really."]),
        ("unbreakable", 4, ["unbr", "eaka", "ble"]),
    ],
)
def test_where_lines_end(text: str, width: int, lines: list[str]) -> None:
    assert wrap(text, width) == lines


def test_a_page_as_markdown() -> None:
    page = Page(
        (
            Section("One *thing*", ("A line.", Row("label", "words"), Points("list", ("a", "b")))),
            Section("Another", (Item("head", "mark", "good", (Row("why", "so"),)),)),
        ),
        pair="{label}: {text}",
    )
    assert page.markdown() == (
        "## One \\*thing\\*\n\nA line.\n\n- **label**: words\n- **list**\n  - a\n  - b\n\n"
        "## Another\n\n### head: mark\n\n- **why**: so\n"
    )


def test_braces_in_a_text_are_no_placeholders() -> None:
    page = Page((Section("t", (Row("{label}", "{text} {0} {x!r}"),)),), pair="{label}: {text}")
    assert "**\\{label\\}**: \\{text\\} \\{0\\} \\{x!r\\}" in page.markdown()
    assert escaped("a\nb") == "a b"
