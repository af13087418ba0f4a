"""How long people wait: start-up, the card, the first words, and a turn's own cost beside the bare openai client.

    python -m bench.latency [--runs 7] [--first-token-ms 300] [--piece-ms 10]

Start-up figures are whole processes. Turns are held in this process against a local endpoint with set delays,
with the critic running beside them. Medians, with the smallest and the largest.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect

from simulator.calls import Calls
from simulator.persona import find, load
from simulator.session import Words
from simulator.settings import Endpoint
from tests.screens import many_customers

PERSONA = "app-not-responding"
TEXT = "嗯，我找到了，那个灰色的条在最底下，我点一下试试，你等等啊。"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--first-token-ms", type=float, default=300)
    parser.add_argument("--piece-ms", type=float, default=10)
    args = parser.parse_args()
    row("", "median", "min", "max", "goal")
    measure("simulator --help", args.runs, lambda: once("--help"), 200)
    with tempfile.TemporaryDirectory() as folder:
        many = str(many_customers(Path(folder), 500))
        measure("simulator personas, 500 files", args.runs, lambda: once("personas", many), 300)
    with tempfile.TemporaryDirectory() as folder:
        measure("card on screen, offline", args.runs, lambda: card_once(folder, {}), 300)
        model = {"OPENAI_BASE_URL": "http://127.0.0.1:9/v1"}
        measure("card on screen, with a model", args.runs, lambda: card_once(folder, model), 300)

    with endpoint(args.first_token_ms, args.piece_ms) as url, tempfile.TemporaryDirectory() as folder:
        ours, bare = asyncio.run(turns(url, f"sqlite:///{folder}/calls.sqlite3", args.runs))
    goal = args.first_token_ms + 20
    show("first words, a turn of ours", [first for first, _ in ours], goal)
    show("first words, bare client", [first for first, _ in bare])
    show("whole turn of ours", [whole for _, whole in ours])
    show("whole answer, bare client", [whole for _, whole in bare])
    show("a turn's own cost, pair by pair", [a - b for (_, a), (_, b) in zip(ours, bare, strict=True)], 10)
    return 0


@contextmanager
def endpoint(first_token_ms: float, piece_ms: float) -> Iterator[str]:
    """A local endpoint with those delays, in a process of its own; its URL."""
    delays = ["--first-token-ms", str(first_token_ms), "--piece-ms", str(piece_ms), "--text", TEXT]
    command = [sys.executable, "-m", "tests.wire", *delays]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def row(name: str, *cells: str) -> None:
    """Print a row of the table."""
    print(f"{name:36}" + "".join(f"{cell:>9}" for cell in cells), flush=True)


def show(name: str, values_ms: Sequence[float], goal_ms: float | None = None) -> None:
    """Print one figure, in milliseconds."""
    cells = [f"{value:.1f}" for value in (statistics.median(values_ms), min(values_ms), max(values_ms))]
    row(name, *cells, f"{goal_ms:.0f}" if goal_ms else "")


def measure(name: str, runs: int, once: Callable[[], float], goal_ms: float) -> None:
    """Run once for warmth, then so often, and print."""
    once()
    show(name, [once() for _ in range(runs)], goal_ms)


def command() -> list[str]:
    """The installed command, else the module."""
    beside = Path(sys.executable).with_name("simulator")
    return [str(beside)] if beside.exists() else [sys.executable, "-m", "simulator"]


def once(*args: str) -> float:
    """Milliseconds for a whole run with these arguments."""
    begun = time.perf_counter()
    subprocess.run([*command(), *args], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - begun) * 1000


def card_once(folder: str, settings: dict[str, str]) -> float:
    """Milliseconds from the start of the process until the last line of the desk is on the terminal."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "SIMULATOR_"))}
    environment |= {"SIMULATOR_STORE": f"sqlite:///{folder}/calls.sqlite3", "LANG": "C.UTF-8", **settings}
    name, *args = [*command(), "chat", PERSONA, "--lang", "zh"]
    last = load(find(PERSONA)).desk.may_not[-1][:12]
    begun = time.perf_counter()
    child = pexpect.spawn(name, args, env=environment, encoding="utf-8", dimensions=(50, 100))  # type: ignore[arg-type]
    child.expect_exact(last, timeout=20)
    took = (time.perf_counter() - begun) * 1000
    child.close(force=True)
    return took


async def turns(url: str, store_url: str, runs: int) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """(first words, whole turn) in milliseconds, of ours and of the bare client with the same request, in turn."""
    import openai

    at = Endpoint(url, "none", "bench")
    calls = Calls(customer=at, critic=at, store_url=store_url, agent="bench", turn_limit=10_000)
    session, start = calls.new(load(find(PERSONA)))
    client = openai.AsyncOpenAI(base_url=url, api_key="none")
    async for _ in session.begin(start):
        pass
    ours, bare = [], []
    for run in range(runs + 1):
        begun, first = time.perf_counter(), 0.0
        async for update in session.say("阿姨，字小看不清不怪您，最底下有个灰色的条，您点一下。"):
            if isinstance(update, Words) and not first:
                first = time.perf_counter()
        mine = ((first - begun) * 1000, (time.perf_counter() - begun) * 1000)
        await session.settle()
        begun, first = time.perf_counter(), 0.0
        stream = await client.chat.completions.create(
            model="bench", messages=[{"role": "user", "content": "阿姨，字小看不清不怪您。"}], stream=True
        )
        async for chunk in stream:
            if chunk.choices and chunk.choices[0].delta.content and not first:
                first = time.perf_counter()
        theirs = ((first - begun) * 1000, (time.perf_counter() - begun) * 1000)
        if run:  # the first loads libraries and opens connections
            ours.append(mine)
            bare.append(theirs)
    await session.close()
    return ours, bare


if __name__ == "__main__":
    raise SystemExit(main())
