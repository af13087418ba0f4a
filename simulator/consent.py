"""Text from outside before it leaves the machine: read from a file, and sent only if whoever is there agrees."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.errors import TranscriptError

if TYPE_CHECKING:
    from simulator.texts import Texts


def text_of(file: str) -> str:
    """What a file holds (``-``: standard input).

    Raises:
        TranscriptError: it cannot be read.
    """
    try:
        raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise TranscriptError("transcript_unreadable", file=file, why=error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise TranscriptError("transcript_not_utf8", file=file) from error


def confirmed(say: Texts) -> bool:
    """Whether the text that was shown may be sent; asked only where somebody can answer."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return True
    print(say("critique.confirm"), end=" ", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in {"y", "yes", "是", "好"}
