"""Make the screens in the READMEs and in `docs/screens*.md` anew. It needs no model and no network.

python -m bench.screens        # rewrites what stands between the <!-- screen NAME --> marks

The calls are those of `bench.replay`: the program runs in a pseudo-terminal, is typed what was typed then, and gets
the replies that the model gave then.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.replay import LANGUAGES, Recorded, Replies, held, recorded, settings
from simulator.persona import files, load
from simulator.texts import Texts
from tests.screens import ROOT, Screen, clean, piped
from tests.wire import Wire

COLUMNS = 92
NARROW = 52
WHOLE = 9
"""So much of a typed line surely stands in one line of the screen."""
PAGES = {"en": ("README.md", "docs/screens.md"), "zh": ("README.zh.md", "docs/screens.zh.md")}
CALLS = ROOT / "tests" / "data" / "calls"
AGENTS = (*["script"] * 7, *["attentive"] * 5)
"""Who holds the calls that make the figures of `simulator progress`: the agents of `tests/data/calls`."""
CUT = "  …"
BACK, MOOD = ("/back", "/返回"), ("/mood", "/心情")
DEBRIEF = ("title", "need", "cues", "mood", "worries", "layers", "next")
SECTIONS = (*DEBRIEF[1:], "ways", "times", "tokens")
"""Of the debrief; the two ways have a screen of their own, and nobody typed here or paid for tokens."""


def main() -> int:
    """Hold the calls in both languages and put their screens into the pages."""
    for language in LANGUAGES:
        screens = dict(made(recorded(language)))
        for name in PAGES[language]:
            file = ROOT / name
            page = filled(file.read_text(encoding="utf-8"), screens)
            file.write_text(page, encoding="utf-8")
        for name, text in screens.items():
            print(f"{language} {name}: {len(text.splitlines())} lines")
    return 0


def filled(page: str, screens: dict[str, str]) -> str:
    """The page with its screens anew.

    Raises:
        KeyError: it wants a screen that there is not.
    """

    def block(mark: re.Match[str]) -> str:
        return f"<!-- screen {mark[1]} -->\n```text\n{screens[mark[1]]}\n```\n<!-- /screen -->"

    return re.sub(r"<!-- screen (\w+) -->.*?<!-- /screen -->", block, page, flags=re.DOTALL)


def made(call: Recorded) -> Iterator[tuple[str, str]]:
    """Every screen in one language, by name."""
    say = Texts(call.language)
    with replayed(call) as (text, bar, env):
        held_call, page = parts(text, call, say)
        yield "short", short(held_call, page, call, say)
        yield "call", held_call
        yield "mood", bar
        yield "debrief", "\n\n".join(page[name] for name in DEBRIEF if name in page)
        yield "compare", ran("show", "1", "--compare", env=env, say=say)
        yield "show", undated(ran("show", "1", env=env, say=say), say)
    with replayed(call, "--plain") as (text, _, _):
        held_call, page = parts(text, call, say)
        waiting = say("chat.waiting", name=call.customer_file.customer.name)  # told or not: it depends on the machine
        held_call = until(held_call, silent(say)).replace(f"\n{waiting}", "")
        yield "plain", f"{held_call}\n{CUT}\n\n{first_cue(page['cues'], say)}"
    with replayed(call, columns=NARROW) as (text, _, _):
        held_call, page = parts(text, call, say)
        held_call = until(held_call, say("chat.you") + call.typed[1][:WHOLE])
        yield "narrow", f"{held_call}\n{CUT}\n\n{first_cue(page['cues'], say)}"
    yield "progress", progress(call, say)


def parts(text: str, call: Recorded, say: Texts) -> tuple[str, dict[str, str]]:
    """What stood on the screen: the call from the customer's first words on, and the debrief, section by section."""
    named = {say(f"report.{name}.title"): name for name in SECTIONS}
    held_call, _, rest = text[text.index(f"\n{them(call, say)}") :].partition(f"\n\n{say('debrief.before')}")
    title = say("report.title", title=call.customer_file.title, customer=call.customer_file.customer.name)
    page: dict[str, str] = {}
    name = ""
    for line in rest[rest.index(f"\n{title}") :].strip().splitlines():
        if line == title:
            name = "title"
        elif line and not line.startswith(" "):
            name = named.get(line, "")
        page[name] = f"{page[name]}\n{line}" if name in page else line
    return held_call.strip("\n"), {name: section.rstrip() for name, section in page.items()}


def short(held_call: str, page: dict[str, str], call: Recorded, say: Texts) -> str:
    """A screenful of the call, first one way and then the other, and the beginning of the debrief."""
    you = say("chat.you")
    back = next(n for n, line in enumerate(call.typed) if line.startswith(BACK))
    first = until(held_call, silent(say))
    again = you + call.typed[back + 2][:WHOLE]
    second = held_call[held_call.index(again) :]
    second = until(second, you + call.typed[back + 4][:WHOLE])
    told = [page["title"], page["need"], first_cue(page["cues"], say)]
    return "\n\n".join(["\n".join([first, CUT, you + call.typed[back], CUT, second, CUT]), *told])


def silent(say: Texts) -> str:
    """The line in which the agent says nothing."""
    return say("chat.you").rstrip() + "\n"


def until(text: str, line: str) -> str:
    """What stands before the line that begins so."""
    return text[: text.index(f"\n{line}")]


def first_cue(cues: str, say: Texts) -> str:
    """The section of the cues up to the second of them."""
    second = say("report.cues.head", number=2, channel="").strip()
    return f"{cues[: cues.index(second)].rstrip()}\n\n{CUT}"


def undated(text: str, say: Texts) -> str:
    """Without the line that says when the call began: it was now."""
    return re.sub(rf"^ +{say('report.record.began')}.*\n", "", text, flags=re.MULTILINE)


@contextmanager
def replayed(call: Recorded, *options: str, columns: int = COLUMNS) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The recorded call held again: all that was to be seen, the screen with the mood below, the environment."""
    say, seen = Texts(call.language), ""
    at = next(n for n, line in enumerate(call.typed) if line.startswith(MOOD)) + 2

    def look(screen: Screen, number: int) -> None:
        nonlocal seen
        if number == at and columns == COLUMNS and not options:
            screen.wait("/desk")  # the bottom line
            shown = "\n".join(line.rstrip() for line in screen.terminal.display)
            seen = shown[shown.rindex(f"\n{them(call, say)}") :].strip("\n")

    replies = Replies(call)
    with tempfile.TemporaryDirectory() as folder, Wire(replies) as wire:
        env = settings(Path(folder), call, wire)
        text = held(call, env, *options, columns=columns, look=look)
        if replies.left:
            raise SystemExit(f"{call.language}: {replies.left} replies were not asked for")
        yield text, seen, env


def them(call: Recorded, say: Texts) -> str:
    return say("chat.them", name=call.customer_file.customer.name)


def ran(*args: str, env: dict[str, str], say: Texts) -> str:
    done = piped(*args, "--lang", say.language, env=env | {"COLUMNS": str(COLUMNS)})
    if done.returncode:
        raise SystemExit(done.stderr)
    return "\n".join([f"$ simulator {' '.join(args)}", *done.stdout.rstrip().splitlines()])


def progress(call: Recorded, say: Texts) -> str:
    """The figures over calls with the offline engine, of an agent who begins to listen."""
    customers = [file.stem for file in files() if load(file).language.startswith(call.language)]
    with tempfile.TemporaryDirectory() as folder:
        env = clean(Path(folder), SIMULATOR_AGENT=call.agent)
        for number, agent in enumerate(AGENTS):
            customer = customers[number % len(customers)]
            lines = (CALLS / f"{customer}.{agent}.txt").read_text(encoding="utf-8")
            done = piped("chat", customer, "--offline", "--lang", call.language, env=env, typed=lines)
            if done.returncode:
                raise SystemExit(done.stderr)
        return ran("progress", "--offline", env=env, say=say)


if __name__ == "__main__":
    raise SystemExit(main())
