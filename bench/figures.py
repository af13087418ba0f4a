"""Write the critic's figures anew: evals/critic/figures.md and figures.zh.md.

    python -m bench.figures

They are worked out from the replies in evals/critic/runs, and for the offline critic by running it; nobody is asked.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.screens import ROOT, clean

SET = ROOT / "evals" / "critic"
FILES = {"en": SET / "figures.md", "zh": SET / "figures.zh.md"}
RUNS = SET / "runs"
OTHER = {
    "en": "[中文](figures.zh.md) · [how they came about](README.md)",
    "zh": "[English](figures.md) · [怎么来的](README.zh.md)",
}


def main() -> int:
    """Write both files."""
    for language, file in FILES.items():
        file.write_text(written(language), encoding="utf-8")
        print(file.relative_to(ROOT))
    return 0


def written(language: str) -> str:
    """The whole file in a language."""
    recorded = ",".join(sorted(file.stem for file in (RUNS / "calls").glob("*.jsonl")))
    parts = [
        evaluated(language, "--replay", str(RUNS / "calls")),
        evaluated(language, "--offline", "--only", recorded),
        evaluated(language, "--offline"),
        evaluated(language, "--adversarial", "--replay", str(RUNS / "adversarial")),
        evaluated(language, "--adversarial", "--offline"),
    ]
    return "\n\n".join((OTHER[language], *parts)) + "\n"


def evaluated(language: str, *options: str) -> str:
    """What ``simulator evaluate critic`` prints; of an offline run without its time, which is always now."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "simulator", "evaluate", "critic", "--lang", language, *options]
        done = subprocess.run(command, env=clean(Path(folder)), cwd=ROOT, capture_output=True, text=True, check=True)
    page = done.stdout.strip()
    return re.sub(r"\n\n[^\n]*UTC[^\n]*\n", "\n\n", page, count=1) if "--offline" in options else page


if __name__ == "__main__":
    raise SystemExit(main())
