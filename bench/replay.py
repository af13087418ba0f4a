"""Two calls that were held with a language model, held again: the same lines, answered with the recorded replies.

What was said is in `bench/sessions/<language>.json`; everything else (prompts, checks, the director, the screens, the
page) is the program as it is now.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from simulator.evidence import CallForm, TurnForm
from simulator.persona import Persona, find, load
from simulator.texts import Texts
from tests.screens import Screen, clean, until_kept
from tests.wire import Answer, Body, Wire

SESSIONS = Path(__file__).with_name("sessions")
LANGUAGES: tuple[Literal["en", "zh"], ...] = ("en", "zh")


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Judged(_Kept):
    """What the critic replied about one line of the agent, in the branch it stands in."""

    branch: int
    line: int
    reply: TurnForm


class SummedUp(_Kept):
    """What the critic replied about a whole branch."""

    branch: int
    reply: CallForm


class Recorded(_Kept):
    """A recorded call: what was typed, and what the model replied.

    Attributes:
        persona: the customer's id.
        agent: what the agent is called in the record.
        typed: the lines typed at the prompt, commands included, up to the end of the call.
        guess: what the agent wrote before the debrief: the need, then the cues.
        customer: what the customer said after the opening, in order.
        critic: the replies about single lines, in order; one that was sent back is there twice.
        sums: the replies about the whole call.

    """

    persona: str
    language: Literal["en", "zh"]
    agent: str
    typed: tuple[str, ...]
    guess: tuple[str, str]
    customer: tuple[str, ...]
    critic: tuple[Judged, ...]
    sums: tuple[SummedUp, ...]

    @property
    def customer_file(self) -> Persona:
        """The customer, as they are in their file now."""
        return load(find(self.persona))


def recorded(language: str) -> Recorded:
    """The recorded call in that language."""
    return Recorded.model_validate_json((SESSIONS / f"{language}.json").read_text(encoding="utf-8"))


class Replies:
    """A rule for `Wire`: the recorded replies, each to the request that it once was the reply to."""

    def __init__(self, call: Recorded) -> None:
        self._customer = deque(call.customer)
        self._critic = list(call.critic)
        self._sums = deque(call.sums)
        question = {"en": r"# Judge line (\d+)", "zh": r"# 判第 (\d+) 行"}[call.language]
        self._question = re.compile(question)

    def __call__(self, body: Body) -> Answer:
        if body.get("stream"):
            return Answer(self._customer.popleft(), usage=False)
        asked = self._question.search(next(m["content"] for m in body["messages"] if m["role"] == "user"))
        reply: TurnForm | CallForm
        if asked is None:
            reply = self._sums.popleft().reply
        else:
            there = next(one for one in self._critic if one.line == int(asked[1]))
            self._critic.remove(there)
            reply = there.reply
        return Answer(reply.model_dump_json(), usage=False)

    @property
    def left(self) -> int:
        """How many replies nobody asked for."""
        return len(self._customer) + len(self._critic) + len(self._sums)


def settings(folder: Path, call: Recorded, wire: Wire, **more: str) -> dict[str, str]:
    """The environment of such a call: its record is in the folder."""
    return clean(folder, OPENAI_BASE_URL=wire.url, SIMULATOR_MODEL="recorded", SIMULATOR_AGENT=call.agent, **more)


def held(
    call: Recorded,
    env: dict[str, str],
    *options: str,
    columns: int = 92,
    look: Callable[[Screen, int], object] = lambda *_: None,
) -> str:
    """Hold the call in a terminal, from its beginning to the end of its debrief; all that was to be seen.

    Each line waits until the record holds the critic's findings about the line before.

    Args:
        call: what is typed.
        env: see `settings`.
        options: further ones of ``simulator chat``.
        columns: the terminal's width.
        look: called before each line is typed, with the screen and how many were typed before.

    Raises:
        AssertionError: the call went another way than it did then.
    """
    say = Texts(call.language)
    words = 0
    with Screen("chat", call.persona, "--lang", call.language, *options, env=env, columns=columns) as screen:
        for number, line in enumerate(call.typed):
            screen.ready(say("chat.you"))
            look(screen, number)
            screen.line(line)
            if not line.startswith("/"):
                words += 1
                until_kept(Path(env["HOME"]), "findings_made", words)
        for question, guess in zip(("debrief.guess_need", "debrief.guess_cues"), call.guess, strict=True):
            screen.ready(say(question))
            screen.line(guess)
        screen.ready(say("debrief.again"))
        screen.line()
        assert screen.end() == 0, screen.text()
        return screen.text()
