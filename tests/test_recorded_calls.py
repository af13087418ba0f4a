"""The recorded calls that the documents show: they fit the program as it is, and the documents show all of it.

What is on the screens is made by `make screens`; here only that it can be made, and that none is missing.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import screens
from bench.replay import LANGUAGES, Recorded, Replies, held, recorded, settings
from simulator.evidence import check_call, check_turn
from simulator.texts import Texts
from simulator.transcript import Turn
from tests.screens import ROOT, kept
from tests.wire import Wire

BLOCK = re.compile(r"<!-- screen (\w+) -->\n```text\n(.*?)\n```\n<!-- /screen -->", re.DOTALL)
EVERY = {"call", "mood", "debrief", "compare", "show", "progress", "plain", "narrow"}


def shown(page: str) -> dict[str, str]:
    return dict(BLOCK.findall((ROOT / page).read_text(encoding="utf-8")))


def ways(call: Recorded) -> list[list[Turn]]:
    """Both ways through the call, as the critic reads them."""
    opening = Turn("1", "customer", call.customer_file.opening)
    turns, ways, answers = [opening], [], iter(call.customer)
    for line in call.typed:
        if line.startswith(screens.BACK):
            ways.append(turns)
            turns = turns[: int(line.split()[1]) - 1]
        elif not line.startswith("/"):
            turns = [*turns, Turn(f"{len(turns) + 1}", "agent", line)]
            turns = [*turns, Turn(f"{len(turns) + 1}", "customer", next(answers))]
    assert not list(answers)
    return [*ways, turns]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reply_is_about_a_line_of_the_call_and_quotes_it(language: str) -> None:
    call = recorded(language)
    both = ways(call)
    assert len(both) == 2
    judged = [(one.branch, one.line) for one in call.critic]
    for number, turns in enumerate(both, 1):
        new = {
            n for n, turn in enumerate(turns, 1) if turn.speaker == "agent" and turn not in both[0][: n * (number - 1)]
        }
        assert {line for branch, line in judged if branch == number} == new
    last = dict(zip(judged, call.critic, strict=True))  # what was sent back is there twice
    for (branch, line), one in last.items():
        turns = both[branch - 1][: line + 1 if not both[branch - 1][line - 1].text else line]
        assert check_turn(one.reply, call.customer_file, turns, f"{line}").untrue == []
    for whole in call.sums:
        assert check_call(whole.reply, call.customer_file, both[whole.branch - 1], []).untrue == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_call_goes_as_it_went(language: str, tmp_path: Path) -> None:
    call = recorded(language)
    replies = Replies(call)
    with Wire(replies) as wire:
        text = held(call, settings(tmp_path, call, wire))
    assert replies.left == 0
    assert kept(tmp_path, "could_not_judge") == []
    assert [event["dropped"] for event in kept(tmp_path, "findings_made")] == [0] * len(kept(tmp_path, "agent_said"))
    held_call, page = screens.parts(text, call, Texts(language))
    assert set(screens.SECTIONS) - {"tokens"} <= set(page)
    assert shown(screens.PAGES[call.language][1])["call"] == held_call, "make screens"


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_documents_show_every_screen(language: str) -> None:
    readme, page = screens.PAGES[recorded(language).language]
    assert set(shown(readme)) == {"short"}
    assert set(shown(page)) == EVERY
    for text in (*shown(readme).values(), *shown(page).values()):
        assert text.strip()
        assert "Traceback" not in text
    for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8")):
        file = ROOT / "docs" / picture
        assert file.read_bytes().startswith(b"\x89PNG")
        assert file.stat().st_size < 250_000
