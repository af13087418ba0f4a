"""A customer as the text of a file: it reads back as it was, and is laid out for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from simulator.persona import Path_, files, load, parse
from simulator.texts import LANGUAGES
from simulator.workbench.writing import WIDEST, notes_of, written
from tests.scripted import a_persona


def content(language: str = "en", **changes: Any) -> dict[str, Any]:
    return {**a_persona(language).model_dump(mode="json"), **changes}


@pytest.mark.parametrize("file", [pytest.param(file, id=file.stem) for file in files()])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_ships_reads_back_as_it_was(file: Path, language: str) -> None:
    persona = load(file)
    text = written(persona.model_dump(mode="json"), language)
    assert parse(text, "") == persona
    assert text == written(persona.model_dump(mode="json"), language)
    assert text.startswith("# yaml-language-server: $schema=../persona.schema.json\n")
    wide = [line for line in text.splitlines() if cell_len(line) > WIDEST]
    assert all(" " not in line.strip() and "，" not in line[:-1] for line in wide), wide


# All that a customer file may hold, with a leaning towards what YAML could take for something else.
PIECES = st.sampled_from(
    [
        "yes",
        "2113",
        "7:30",
        "- ",
        "# ",
        ": ",
        "'",
        '"',
        "\\",
        "{",
        "[",
        "%",
        "&a",
        "*",
        "!",
        "|",
        "> ",
        "~",
        "null",
        "\n",
        "word ",
        "another ",
        "很长的一句话，",
        "（停了一下）",
        "……",
        "“引”",
        "2026-11-31",
        "😀",
        "\u2028",
        "\xa0",
        "  ",
        "=",
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=30).map("".join).filter(lambda text: bool(text.strip()))


@settings(max_examples=60, deadline=None)
@given(text=TEXTS, entries=st.lists(TEXTS, min_size=1, max_size=3))
def test_any_words_read_back_as_they_were(text: str, entries: list[str]) -> None:
    before = content(surface_complaint=text, facts=entries, tags=entries)
    before["cues"][0]["heard_if"] = [*entries, entries]
    # Twice: the first reading makes of blanks what every reading makes of them.
    once = parse(written(before, "en"), "")
    assert parse(written(once.model_dump(mode="json"), "zh"), "") == once
    assert once == type(once).model_validate(before)


def test_what_a_key_is_for_stands_where_it_comes_first() -> None:
    text = written(content(), "zh")
    assert text.count("# 从哪里听出来") == 1
    assert (
        "  # 短标识。\n  - id: again\n    # 从哪里听出来：语气、措辞、重复、沉默、环境。\n    channel: repetition\n"
        in text
    )
    assert "\n\n# 谁打来电话。\ncustomer:\n  # 坐席屏幕上显示的称呼。\n  name: Ann Marsh\n" in text


def test_nothing_is_written_for_what_is_not_there() -> None:
    text = written({"format": 1, "id": "a", "cues": [{"shows": ["x"]}], "facts": [], "next_call": None}, "en")
    assert yaml.safe_load(text) == {"format": 1, "id": "a", "cues": [{"shows": ["x"]}]}
    assert yaml.safe_load(written({"emotion": {"start": 0}}, "en")) == {"emotion": {"start": 0}}


def test_long_words_are_folded_where_they_may_be_parted() -> None:
    long = "她天天照常出门，" * 12 + "没敢跟家里说。"
    text = written(content("zh", surface_complaint=long), "zh")
    assert "surface_complaint: >-\n  她天天照常出门，" in text
    assert parse(text, "").surface_complaint == long


NOTES: dict[Path_, str] = {
    (): "← drafted by somebody",
    ("title",): "← from line 3, “x: y”",
    ("facts", 1): "← made up",
    ("cues", 0, "shows", 0): "← from line 1, “# no comment”",
    ("cues", 1, "channel"): "← made up",
    ("emotion", "ladder", 2, "mood"): "← two\nlines",
}


def test_notes_are_comments_that_can_be_read_back() -> None:
    text = written(content(), "en", notes=NOTES, head=["Unfinished."])
    assert parse(text, "") == a_persona()
    assert notes_of(text) == {path: " ".join(note.split()) for path, note in NOTES.items()}
    assert "  # ← made up\n  - It was four hundred" in text
    assert notes_of(written(content(), "en")) == {}
