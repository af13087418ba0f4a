"""What a person types: a line, a choice, and Ctrl-C while something is going on."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

from simulator.transcript import printable

if TYPE_CHECKING:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.key_binding import KeyBindings, KeyPress, KeyPressEvent

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
        plain: whether the screen is read aloud, so that nothing may be drawn again.
    """

    def __init__(self, say: Texts, *, no_color: bool, plain: bool = False) -> None:
        self._say = say
        self._no_color = no_color
        self._plain = plain
        self._prompt: PromptSession[str] | None = None

    @property
    def unsent(self) -> str:
        """The words that stood on the line when the prompt was left."""
        return self._prompt.default_buffer.text if self._prompt else ""

    async def ask(
        self,
        label: str,
        toolbar: Callable[[], str] | None = None,
        words: str = "",
        earlier: Sequence[str] = (),
        patience: Patience | None = None,
    ) -> str:
        """One line from the keyboard, beginning with what was typed before.

        Args:
            label: what stands before it.
            toolbar: the bottom line.
            words: what stands on the line already.
            earlier: the lines that Up and Down bring back, the oldest first; no other line is ever brought back.
            patience: how long the line may stay untouched; None: for ever.

        Raises:
            KeyboardInterrupt: Ctrl-C. `Left`: Ctrl-D, or the window was closed. `DeadAir`: the line stayed untouched
                for as long as there is patience; it has been taken off the screen.
        """
        from prompt_toolkit.history import InMemoryHistory

        if self._prompt is None:
            self._prompt = self._editor()
        buffer = self._prompt.default_buffer
        buffer.history = InMemoryHistory(list(earlier))
        try:
            with _clock(self._prompt, patience) as start:
                if self._plain:
                    with self._prompt.input.raw_mode(), _echoed(label, words, buffer):
                        return await self._prompt.prompt_async("", default=words, pre_run=start)
                self._prompt.bottom_toolbar = toolbar  # as an argument, None would keep the one before
                return await self._prompt.prompt_async(label, default=words, pre_run=start)
        except EOFError:
            raise Left from None

    def _editor(self) -> PromptSession[str]:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.output import DummyOutput
        from prompt_toolkit.output.color_depth import ColorDepth

        editor: PromptSession[str] = PromptSession(
            color_depth=ColorDepth.DEPTH_1_BIT if self._no_color else None,
            key_bindings=_enter(),
            output=DummyOutput() if self._plain else None,
        )
        editor.default_buffer.on_text_insert += _only_printable
        return editor

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


def _enter() -> KeyBindings:
    """Enter ends the line, unless more text came with it: then it was pasted, and nothing is sent before it was read.

    Terminals that can mark a paste as one (bracketed paste) need no guess; the line breaks in it become spaces.
    """
    from prompt_toolkit.enums import DEFAULT_BUFFER
    from prompt_toolkit.filters import has_focus
    from prompt_toolkit.key_binding import KeyBindings

    bindings = KeyBindings()

    @bindings.add("enter", filter=has_focus(DEFAULT_BUFFER))
    @bindings.add("c-j", filter=has_focus(DEFAULT_BUFFER))
    def _(event: KeyPressEvent) -> None:
        more = event.app.key_processor.input_queue
        if any(len(press.data) == 1 and press.data.isprintable() for press in more):
            event.current_buffer.insert_text(" ")
        else:
            event.current_buffer.validate_and_handle()

    return bindings


@contextmanager
def _echoed(label: str, words: str, buffer: Buffer) -> Iterator[None]:
    """While a line is typed whose editor draws nothing: show it without drawing anything twice."""
    from simulator.screen.echo import Echo

    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    echo = Echo(label, words, buffer, write, lambda: shutil.get_terminal_size().columns)
    buffer.on_text_changed += echo
    buffer.on_cursor_position_changed += echo
    try:
        yield
    finally:
        buffer.on_text_changed -= echo
        buffer.on_cursor_position_changed -= echo
        write("\n")


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
    """Keep the terminal from writing typed characters (Ctrl-C too) between the words that come in.

    It also hands on each character as it is typed: of a long line, terminals that wait for its end lose the rest.
    """
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = [*before]
    quiet[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)


@contextmanager
def put_back(farewell: Callable[[], str], *, plain: bool) -> Iterator[None]:
    """Whoever closes the window or ends the program from outside gets the terminal back as it was.

    Nothing else is done: every event is kept already, and half an answer was never said.

    Args:
        farewell: what there is to say at that moment.
        plain: whether nothing was drawn, so that there is nothing to be wiped away.
    """
    try:
        import termios
    except ImportError:  # Windows: the console is put back by itself
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    screen = sys.stdout  # which is another one while something turns on it

    def leave(number: int, _frame: FrameType | None) -> None:
        with suppress(OSError, termios.error):  # of a closed window nothing is left
            termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
            wiped = "" if plain else _AS_IT_WAS
            os.write(screen.fileno(), f"{wiped}\n{farewell()}".encode(screen.encoding, "replace"))
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)  # whoever started us sees what ended us

    ours = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


_AS_IT_WAS = "\x1b[0m\x1b[?25h\x1b[?2004l\x1b[J"
"""No style, the cursor to be seen, a paste unmarked, and nothing below the line (where the bottom line was)."""
