"""The program without its start-up: a process that has loaded everything once, and forks.

To load the model stack takes longer than most calls of the tests. So one process for each of pytest's loads the
program and its libraries, runs nothing of them, and forks for every start that is asked for. The fork takes over the
arguments, the environment, the folder and the streams or the terminal, and is the program from there to its exit code.
It becomes a child of pytest's process (Linux hands orphans to the next ancestor that wants them), which waits for it
as for any other.

What is loaded when, and what Python reads before any line of ours, does not show in a fork: see `can_fork`, and
``cold`` in `tests.screens`.
"""

from __future__ import annotations

import atexit
import ctypes
import fcntl
import functools
import gc
import json
import os
import pkgutil
import pty
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pexpect
import ptyprocess  # type: ignore[import-untyped]

import simulator

ROOT = Path(__file__).resolve().parent.parent
LIBRARIES = (
    "anyio._backends._asyncio", "langchain.chat_models", "langchain_openai", "openai.resources.chat", "openpyxl",
    "prompt_toolkit.input.vt100", "prompt_toolkit.output.vt100", "pygal", "rich.progress", "rich.table",
    "sqlalchemy.dialects.sqlite",
)  # fmt: skip
"""What the program loads where it is needed only."""
WANTS_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER


def can_fork(env: Mapping[str, str]) -> bool:
    """Whether a start in that environment may be a fork: not if it tells Python more than where the program is."""
    told = {name: value for name, value in env.items() if name.startswith("PYTHON")}
    locale = next((env[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if env.get(name)), "")
    return told == {"PYTHONPATH": str(ROOT)} and locale.endswith("UTF-8")


class Spawn(pexpect.spawn):  # type: ignore[type-arg]  # takes none when it runs
    """A program in a pseudo-terminal (see its parent) that is a fork; the command is ``[…, "-m", module, *args]``."""

    def _spawnpty(self, args: list[str], *, dimensions: tuple[int, int], **how: Any) -> ptyprocess.PtyProcess:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(ours, dimensions)
        pid = _started(args[2:], how["env"], how["cwd"], [theirs] * 3, terminal=True)
        os.close(theirs)
        return ptyprocess.PtyProcess(pid, ours)


def run(command: Sequence[str], env: Mapping[str, str], typed: str, timeout: float) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` with pipes, for a module and its arguments."""
    stdin, writing = os.pipe()

    def write() -> None:
        try:
            with os.fdopen(writing, "w", encoding="utf-8") as stream:
                stream.write(typed)
        except BrokenPipeError:
            pass  # it did not want to read all of it

    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = _started(command, env, env["HOME"], [stdin, out.fileno(), err.fileno()], terminal=False)
        os.close(stdin)
        threading.Thread(target=write).start()
        ended = os.pidfd_open(pid)
        in_time = select.select([ended], [], [], timeout)[0]
        os.close(ended)
        if not in_time:
            os.kill(pid, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        said = []
        for stream in (out, err):
            stream.seek(0)
            said.append(stream.read().decode())
    if not in_time:
        raise subprocess.TimeoutExpired(list(command), timeout, *said)
    return subprocess.CompletedProcess(list(command), code, *said)


def _started(
    command: Sequence[str], env: Mapping[str, str], folder: str, streams: Sequence[int], *, terminal: bool
) -> int:
    """Ask for a fork; its process id."""
    asked = json.dumps([list(command), dict(env), folder, terminal]).encode()
    asking = _loaded()
    socket.send_fds(asking, [asked], streams)
    return int(asking.recv(64))


@functools.cache
def _loaded() -> socket.socket:
    """The process that forks, as the socket over which it is asked to; it ends with this one."""
    if ctypes.CDLL(None, use_errno=True).prctl(WANTS_ORPHANS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    env = {"PATH": os.environ.get("PATH", ""), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    with its:
        command = [sys.executable, "-m", "tests.forked", str(its.fileno())]
        process = subprocess.Popen(command, env=env, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[its.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours


# --- in the process that forks ---------------------------------------------------------------------------


def load() -> None:
    """Load all of the program and what it uses."""
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"  # as `simulator.cli.main` does first of all
    for module in pkgutil.iter_modules(simulator.__path__, "simulator."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    for name in LIBRARIES:
        import_module(name)
    threads = list(Path("/proc/self/task").iterdir())
    assert len(threads) == 1, "a fork takes only one thread with it"
    gc.collect()
    gc.freeze()


def serve(asked: socket.socket) -> str:
    """Fork whenever asked to. Returns in a fork only, with the module to run; at the end of the socket it exits."""
    while True:
        request, streams, *_ = socket.recv_fds(asked, 1 << 18, 3)
        if not request:
            raise SystemExit
        reading, writing = os.pipe()
        between = os.fork()
        if not between:
            if pid := os.fork():
                os.write(writing, str(pid).encode())
                os._exit(0)  # so the fork is an orphan
            asked.close()
            os.close(reading)
            os.close(writing)
            return become(streams, *json.loads(request))
        os.waitpid(between, 0)
        asked.send(os.read(reading, 64))
        for one in (reading, writing, *streams):
            os.close(one)


def become(streams: Sequence[int], command: Sequence[str], env: Mapping[str, str], folder: str, terminal: bool) -> str:
    """Take over what a process is started with; the module to run."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if terminal:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    time.tzset()
    sys.stdin = os.fdopen(0, encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)
    sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
    module, *args = command
    sys.path[0] = folder
    sys.argv = [module, *args]
    return module


def play(module: str) -> None:
    """Run the module as ``python -m`` does, and at its end let go of all that was loaded instead of clearing it up."""
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, int):
            ended.append(end.code)
        raise


def leave() -> None:
    """The last of what is done at the exit; to take the modules apart would copy most of their memory first."""
    if ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended[0])


if __name__ == "__main__":
    ended: list[int] = []
    atexit.register(leave)
    load()
    play(serve(socket.socket(fileno=int(sys.argv[1]))))
