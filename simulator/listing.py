"""The list of customers, for agents and trainers: quick even for hundreds of files, and nothing of a model is loaded.

A whole check of a file takes some milliseconds and its library a tenth of a second, so only what a list shows is read
here: the file is cut at its top-level keys, and of the parts that matter the YAML is parsed. What does not look like a
customer file that way is loaded properly, so that what is said of it is what is said everywhere. What is wrong deeper
inside a file is left to whoever takes the call or checks the file.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from simulator.errors import SimulatorError, UsageError
from simulator.resources import UNFINISHED, folder
from simulator.transcript import printable

if TYPE_CHECKING:
    from simulator.texts import Texts

CHANNELS = ("tone", "wording", "repetition", "silence", "surroundings")
"""Where a cue can show, as in `persona.Channel`, whose module takes a tenth of a second to load."""


@dataclass(frozen=True)
class Entry:
    """What a list knows of a customer.

    Attributes:
        id: their id.
        language: a language tag.
        difficulty: 1-5.
        name: what the agent's screen calls them.
        title: one line.
        tags: for trainers.
        channels: of their cues, in the order of the file, each once.
        file: where they are.
    """

    id: str
    language: str
    difficulty: int
    name: str
    title: str
    tags: tuple[str, ...]
    channels: tuple[str, ...]
    file: str


@dataclass(frozen=True)
class Filter:
    """Which customers are wanted; each condition narrows the list.

    Attributes:
        language: a tag; ``zh`` stands for ``zh-CN`` too.
        channels: each must be among their cues'.
        difficulty: the lowest and the highest.
        tags: each must be among theirs.
    """

    language: str = ""
    channels: Sequence[str] = ()
    difficulty: tuple[int, int] = (1, 5)
    tags: Sequence[str] = ()

    def wants(self, entry: Entry) -> bool:
        """Whether the customer is one of them."""
        low, high = self.difficulty
        language, wanted = entry.language.lower(), self.language.lower()
        return (
            (not wanted or language == wanted or language.startswith(f"{wanted}-"))
            and low <= entry.difficulty <= high
            and set(self.channels) <= set(entry.channels)
            and {tag.lower() for tag in self.tags} <= {tag.lower() for tag in entry.tags}
        )


def span(text: str) -> tuple[int, int]:
    """``2`` or ``2-4`` as the lowest and the highest difficulty.

    Raises:
        UsageError: it is no difficulty.
    """
    found = re.fullmatch(r"([1-5])(?:\s*[-–—~～]\s*([1-5]))?", text.strip())
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= low <= high:
        raise UsageError("no_such_difficulty", value=text)
    return low, high


def channel(name: str) -> str:
    """The channel of that name.

    Raises:
        UsageError: there is none.
    """
    if name not in CHANNELS:
        near = next(iter(difflib.get_close_matches(name, CHANNELS, n=1)), "")
        raise UsageError("no_such_channel", name=name, near=near, known=", ".join(CHANNELS))
    return name


def show(where: Path | None, wanted: Filter, say: Texts, *, as_json: bool) -> int:
    """Print the customers of a folder, or those that ship; what cannot be read is said, and shows in the exit code.

    A table at a terminal, else one line of five tab-separated fields each, or one JSON object each.

    Raises:
        UsageError: there is no such folder.
    """
    exit_code = 0
    there: list[Entry] = []
    for file in files(where):
        try:
            there.append(read(file))
        except SimulatorError as error:  # one bad file must not hide the others
            exit_code = error.exit_code
            for sentence in say.error(error):
                print(printable(sentence), file=sys.stderr)
    shown = [entry for entry in there if wanted.wants(entry)]
    if as_json:
        for entry in shown:
            print(json.dumps(asdict(entry), ensure_ascii=False))
    elif sys.stdout.isatty():
        _table(shown, say)
    else:
        for one in shown:
            print(*map(printable, (one.id, one.language, str(one.difficulty), one.name, one.title)), sep="\t")
    if not shown and not exit_code:
        print(say("personas.none_of" if there else "personas.none", count=len(there)), file=sys.stderr)
    return exit_code


def files(where: Path | None = None) -> list[Path]:
    """The customer files of a folder and the folders in it, or those that ship; unfinished drafts are none.

    Raises:
        UsageError: there is no such folder.
    """
    if where is None:
        return sorted(folder("personas").glob("*/*.yaml"))
    if where.is_file():
        return [where]
    if not where.is_dir():
        raise UsageError("no_such_folder", folder=str(where))
    found = (file for ending in ("*.yaml", "*.yml") for file in where.rglob(ending))
    return sorted(file for file in found if not file.name.endswith(UNFINISHED))


# --- reading ---------------------------------------------------------------------------------------------

# Both begin with letters that stand for themselves, which is what makes the search quick.
_KEY = re.compile(r"\n([A-Za-z_]\w*)[ \t]*:(?=\s)")
_CHANNEL = re.compile(r"channel[\"']?[ \t]*:[ \t]*(.*)")
_HEAD = ("id", "language", "title", "difficulty", "tags")
_NEEDED = {"format", "id", "language", "title", "difficulty", "customer", "cues"}
_WORDS = re.compile(r"[^\W\d_][^\n:#]*")
_NO_WORDS = {"yes", "no", "true", "false", "on", "off", "null"}
_DIGITS = frozenset("12345")
_NAME = re.compile(r"^([ \t]+)name[ \t]*:.*\n(?:\1[ \t]+.*\n|[ \t]*\n)*", re.MULTILINE)


def read(file: Path) -> Entry:
    """What a list needs of a file.

    Raises:
        PersonaError: it cannot be read, or is no customer file.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return _loaded(file)
    entry = _scanned(f"\n{text}\n", str(file))
    return entry if entry and entry.id == file.stem else _loaded(file)


def _scanned(text: str, file: str) -> Entry | None:
    """The entry, if the file is laid out as customer files are; None: it must be loaded to be known."""
    keys = list(_KEY.finditer(text))
    if not keys:
        return None
    ends = [key.start() for key in keys[1:]] + [len(text)]
    parts = {key[1]: text[key.start() : end] for key, end in zip(keys, ends, strict=True)}
    if len(parts) < len(keys) or not parts.keys() >= _NEEDED or "\n---" in text:
        return None
    name = _NAME.search(parts["customer"])
    channels = [written.partition("#")[0].strip() for written in _CHANNEL.findall(parts["cues"])]
    if not name or not channels or not set(channels) <= set(CHANNELS):
        return None
    head = {key: parts[key].partition(":")[2].strip() for key in _HEAD if key in parts}
    head["name"] = name[0].partition(":")[2].strip("\n")
    found = {key: _value(written) for key, written in head.items()}
    return _entry(found, tuple(dict.fromkeys(channels)), file)


def _value(written: str) -> Any:
    """What stands behind a key; None: it is no YAML. Words and single digits, which most are, take no parsing."""
    words = written.strip()
    if _WORDS.fullmatch(words) and words.lower() not in _NO_WORDS:
        return words
    if words in _DIGITS:
        return int(words)
    try:
        return yaml.load(f"key: {written}", Loader=yaml.CSafeLoader)["key"]
    except (yaml.YAMLError, ValueError, AttributeError):
        return None


def _entry(found: dict[str, Any], channels: tuple[str, ...], file: str) -> Entry | None:
    """The values as an entry, if all of them are what they should be."""
    texts = [found.get(key) for key in ("id", "language", "name", "title")]
    difficulty, tags = found.get("difficulty"), found.get("tags", [])
    if not all(isinstance(one, str) and one.strip() for one in texts):
        return None
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        return None
    if type(difficulty) is not int or not 1 <= difficulty <= 5:
        return None
    identity, language, name, title = (str(one).strip() for one in texts)
    return Entry(identity, language, difficulty, name, title, tuple(tags), channels, file)


def _loaded(file: Path) -> Entry:
    """The slow way, which knows every way to write a file and what is wrong with it."""
    from simulator.persona import load

    persona = load(file)
    return Entry(
        id=persona.id,
        language=persona.language,
        difficulty=persona.difficulty,
        name=persona.customer.name,
        title=persona.title,
        tags=tuple(persona.tags),
        channels=tuple(dict.fromkeys(cue.channel for cue in persona.cues)),
        file=str(file),
    )


# --- at a terminal ---------------------------------------------------------------------------------------

_GAP = 2
_WORDS_FROM = 24
"""Cells; where the words would have fewer, they stand below the rest."""


def _table(entries: Sequence[Entry], say: Texts) -> None:
    """Columns as wide as they must be; name and title have what is left, and hang in their column."""
    from rich.table import Table
    from rich.text import Text

    from simulator.screen.card import screen
    from simulator.screen.page import wrap

    console = screen()
    heads = [(one.id, one.language, "★" * one.difficulty + "☆" * (5 - one.difficulty)) for one in entries]
    taken = sum(max((Text(printable(head[at])).cell_len for head in heads), default=0) + _GAP for at in range(3))
    below = console.width - taken < _WORDS_FROM
    width = console.width - _GAP if below else console.width - taken
    table = Table.grid(padding=(0, _GAP, 0, 0))
    for _ in range(3 if below else 4):
        table.add_column(no_wrap=True)
    for one, (identity, language, stars) in zip(entries, heads, strict=True):
        name = printable(one.name)
        words = Text("\n".join(wrap(f"{name}  {printable(one.title)}", width)))
        words.stylize("bold", 0, len(name))
        row = (Text(printable(identity)), Text(printable(language), "dim"), Text(stars, "yellow"))
        if below:
            console.print(Text("  ").join(row), soft_wrap=True)
            console.print(*(Text("  ").append_text(line) for line in words.split("\n")), sep="\n", soft_wrap=True)
        else:
            table.add_row(*row, words)
    if not below:
        console.print(table)
    console.print(Text(say("personas.count", count=len(entries)), "dim"))
