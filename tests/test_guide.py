"""The guide for trainers shows what is really there: pieces of shipped files, commands that exist."""

from __future__ import annotations

import re
import shlex

import pytest

from simulator.arguments import parser
from simulator.cli import RUNS
from simulator.persona import find
from simulator.texts import Texts
from tests.screens import ROOT

GUIDES = {"guide.md": "returned-water-bill", "guide.zh.md": "pay-it-all-off"}


def blocks(guide: str, language: str) -> list[str]:
    """The fenced pieces of a guide in one language."""
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


@pytest.mark.parametrize("guide", GUIDES)
def test_what_a_guide_shows_of_its_example_stands_in_the_file(guide: str) -> None:
    file = find(GUIDES[guide]).read_text(encoding="utf-8")
    shown = blocks(guide, "yaml")
    assert len(shown) >= 3
    for piece in shown:
        assert piece in file


@pytest.mark.parametrize("guide", GUIDES)
def test_every_command_in_a_guide_is_one(guide: str) -> None:
    lines = [line.partition("  #")[0] for block in blocks(guide, "sh") for line in block.splitlines()]
    assert len(lines) >= 8
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "simulator"
        parser(Texts("en"), words, RUNS).parse_args(words)
