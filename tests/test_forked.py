"""A start of the program by a fork is the start that a person would see."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.screens import PATIENCE_S, clean, customer

if sys.platform != "linux":
    pytest.skip("elsewhere nothing is forked", allow_module_level=True)

from tests import forked


@pytest.mark.parametrize(
    ("line", "typed", "code"),
    [
        ("chat third-call.yaml --lang zh", "Hello?\n\nThat is the third time.\n", 0),
        ("chat nobody", "", 2),
    ],
)
def test_it_says_and_ends_the_same(tmp_path: Path, line: str, typed: str, code: int) -> None:
    command, homes = ["simulator", *line.split()], [tmp_path / "started", tmp_path / "forked"]
    for home in homes:
        home.mkdir()
        customer(home)
    env, others = (clean(home, TZ="Asia/Shanghai") for home in homes)
    started = subprocess.run(
        [sys.executable, "-m", *command],
        input=typed, env=env, cwd=homes[0], capture_output=True, encoding="utf-8", timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    fork = forked.run(command, others, typed, PATIENCE_S)
    assert started.returncode == code
    assert (fork.returncode, fork.stdout, fork.stderr) == (started.returncode, started.stdout, started.stderr)


def test_it_has_the_environment_the_folder_and_the_arguments_that_were_asked_for(tmp_path: Path) -> None:
    (tmp_path / "told.py").write_text(
        "import os, sys, time\n"
        "print(dict(os.environ) | {'LC_CTYPE': ''}, os.getcwd(), sys.argv[1:], sys.path[0], time.tzname, __name__)\n"
        "print(sys.stdin.encoding, sys.stdin.errors, sys.stdout.isatty(), repr(sys.stdin.read()))\n"
        "print(sorted(os.listdir('/proc/self/fd'))[:3], file=sys.stderr)\n"
        "sys.exit(9)\n",
        encoding="utf-8",
    )
    env = clean(tmp_path, TZ="Asia/Shanghai")
    command = ["told", "a b", "你"]
    started = subprocess.run(
        [sys.executable, "-m", *command],
        input="x\n", env=env, cwd=tmp_path, capture_output=True, encoding="utf-8", timeout=PATIENCE_S, check=False,
    )  # fmt: skip
    fork = forked.run(command, env, "x\n", PATIENCE_S)
    assert (fork.returncode, fork.stdout, fork.stderr) == (started.returncode, started.stdout, started.stderr)
    assert started.returncode == 9


def test_what_hangs_is_ended(tmp_path: Path) -> None:
    (tmp_path / "hang.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(60)\n", encoding="utf-8")
    with pytest.raises(subprocess.TimeoutExpired) as late:
        forked.run(["hang"], clean(tmp_path), "", 0.5)
    assert str(late.value.stdout) == "here\n"


@pytest.mark.parametrize(
    "told", [{"PYTHONIOENCODING": "ascii"}, {"PYTHONPATH": os.sep}, {"LANG": "C"}, {"LC_ALL": "zh_CN.GB18030"}]
)
def test_what_python_itself_is_told_needs_a_start(tmp_path: Path, told: dict[str, str]) -> None:
    assert forked.can_fork(clean(tmp_path))
    assert not forked.can_fork(clean(tmp_path, **told))
