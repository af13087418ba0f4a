"""A live call with a customer who bears a dead line for a moment only, so that a test need not wait.

python -m tests.impatient SECONDS PERSONA
"""

from __future__ import annotations

import sys

from simulator import settings, texts
from simulator.calls import Calls
from simulator.persona import find, load
from simulator.screen.card import screen
from simulator.terminal import Terminal


def main() -> int:
    """Hold the call with the offline engine, or take up the one that was left."""
    seconds, persona = float(sys.argv[1]), load(find(sys.argv[2]))
    set_to = settings.load()
    calls = Calls(customer=None, critic=None, store_url=set_to.store, agent=set_to.agent, turn_limit=20, live=True)
    terminal = Terminal(texts.Texts("en"), screen(), pace=set_to.pace, patience_s=lambda _step, _difficulty: seconds)
    return terminal.run(persona, calls)


if __name__ == "__main__":
    raise SystemExit(main())
