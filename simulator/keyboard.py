"""What a person types: a line, a choice, and Ctrl-C while something is going on."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from simulator.transcript import printable

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyPress

    from simulator.texts import Texts

_T = TypeVar("_T")


class Left(Exception):
    """The agent left. What is open stays open and is offered at the next start."""


class DeadAir(Exception):
    """Nothing was typed for as long as the customer bears it."""


@dataclass(frozen=True)
class Patience:
    """How long an empty line may stay untouched.

    Attributes:
        seconds: that long, from the start and after each key.
        waits: it does not begin before a key is pressed.

    """

    seconds: float
    waits: bool = False


class Keyboard:
    """Asks a person for lines.

    Args:
        say: the screens' texts.
        no_color: whether colours are unwanted.
    """

    def __init__(self, say: Texts, *, no_color: bool) -> None:
        self._say = say
        self._no_color = no_color
        self._prompt: PromptSession[str] | None = None

    @property
    def unsent(self) -> str:
        """The words that stood on the line when the prompt was left."""
        return self._prompt.default_buffer.text if self._prompt else ""

    async def ask(
        self, label: str, toolbar: Callable[[], str] | None = None, words: str = "", patience: Patience | None = None
    ) -> str:
        """One line from the keyboard, beginning with what was typed before.

        Raises:
            KeyboardInterrupt: Ctrl-C. `Left`: Ctrl-D, or the window was closed. `DeadAir`: the line stayed untouched
                for as long as there is patience; it has been taken off the screen.
        """
        from prompt_toolkit import PromptSession
        from prompt_toolkit.output.color_depth import ColorDepth

        if self._prompt is None:
            depth = ColorDepth.DEPTH_1_BIT if self._no_color else None
            self._prompt = PromptSession(color_depth=depth)
            self._prompt.default_buffer.on_text_insert += _only_printable
        self._prompt.bottom_toolbar = toolbar  # as an argument, None would keep the one before
        try:
            with _clock(self._prompt, patience) as start:
                return await self._prompt.prompt_async(label, default=words, pre_run=start)
        except EOFError:
            raise Left from None

    @contextmanager
    def listening(self, at_once: asyncio.Event) -> Iterator[None]:
        """While somebody speaks: the event is set when a key asks for the rest at once (Enter, Space or →).

        Ctrl-C is what it always is. Other keys are for the next prompt, and so is a space between words.
        """
        from prompt_toolkit.application.current import get_app_session
        from prompt_toolkit.input.typeahead import store_typeahead
        from prompt_toolkit.keys import Keys

        source = get_app_session().input
        typed = ""

        def take(presses: Iterable[KeyPress]) -> None:
            nonlocal typed
            for press in presses:
                if press.key == Keys.ControlC:
                    signal.raise_signal(signal.SIGINT)
                elif press.key in {Keys.Enter, Keys.ControlJ, Keys.Right} or (press.key == " " and not typed):
                    at_once.set()
                else:
                    typed += press.data if press.data.isprintable() else ""
                    store_typeahead(source, [press])

        with source.raw_mode(), source.attach(lambda: take(source.read_keys())):
            try:
                yield
            finally:
                take(source.flush_keys())

    async def choice(self, name: str, letters: str) -> str:
        """One of the letters; the first when nothing was typed."""
        while True:
            try:
                typed = (await self.ask(self._say(name) + " ")).strip().lower()
            except KeyboardInterrupt:
                raise Left from None
            if not typed:
                return letters[0]
            if len(typed) == 1 and typed in letters:  # a sentence meant for the customer is no choice
                return typed


@contextmanager
def _clock(prompt: PromptSession[str], patience: Patience | None) -> Iterator[Callable[[], None]]:
    """Leave the prompt with `DeadAir` when patience is at an end; what is yielded is to be called when it is there."""
    app = prompt.app
    running: asyncio.TimerHandle | None = None

    def end() -> None:
        if not prompt.default_buffer.text and not app.is_done:
            app.erase_when_done = True
            app.exit(exception=DeadAir())

    def restart(_: object = None) -> None:
        nonlocal running
        if running:
            running.cancel()
        if patience:
            running = asyncio.get_running_loop().call_later(patience.seconds, end)

    def start() -> None:
        if patience and not patience.waits:
            restart()

    app.key_processor.after_key_press.add_handler(restart)
    try:
        yield start
    finally:
        app.key_processor.after_key_press.remove_handler(restart)
        app.erase_when_done = False
        if running:
            running.cancel()


def _only_printable(buffer: Buffer) -> None:
    """What is pasted may hold anything, and it is shown while it is typed."""
    before = buffer.text[: buffer.cursor_position]
    if (shown := printable(buffer.text)) != buffer.text:
        buffer.text = shown
        buffer.cursor_position = len(printable(before))


async def unless_interrupted(work: Awaitable[_T]) -> _T:
    """Do the work; Ctrl-C cancels it and nothing else, and what is typed waits for the next prompt.

    Raises:
        asyncio.CancelledError: it was cancelled.
    """
    task = asyncio.ensure_future(work)
    with _on_interrupt(task.cancel), _no_echo():
        return await task


@contextmanager
def _on_interrupt(act: Callable[[], object]) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def interrupted(_signal: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(act)

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _no_echo() -> Iterator[None]:
    """Keep the terminal from writing typed characters (Ctrl-C too) between the words that come in."""
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = [*before]
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
