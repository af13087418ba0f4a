"""The house's one-way street, and what may not be imported before it is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

CONTRACT = Path(__file__).with_name("importlinter.ini")

HEAVY = {
    "jinja2",
    "langchain",
    "langchain_core",
    "langchain_openai",
    "langgraph",
    "openai",
    "openpyxl",
    "prompt_toolkit",
    "pygal",
    "rapidfuzz",
    "sqlalchemy",
}

LOADED_AFTER = """
import json, sys
from simulator.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    assert not end.code, end.code
print(json.dumps(sorted(sys.modules)))
"""


def test_modules_import_only_what_stands_below_them(capsys: pytest.CaptureFixture[str]) -> None:
    broken = lint_imports(config_filename=str(CONTRACT), cache_dir=None, no_cache=True, no_logo=True)
    assert not broken, capsys.readouterr().out


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_start_up_leaves_the_heavy_modules_alone(argument: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED_AFTER, argument], capture_output=True, encoding="utf-8", timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "simulator.cli" in loaded
    assert not HEAVY & loaded
