"""A model whose replies are kept in a file: what was asked once is not asked again.

So a long run can be taken up where it was left, and a figure can be worked out again from the replies it came from,
without any endpoint. One JSON line a reply::

    {"asked": "<hash>", "form": "TurnForm", "reply": {...}, "usage": {"prompt": 0, "completion": 0, "cached": 0}}
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from simulator.critique import Usage
from simulator.errors import ModelError
from simulator.llm import Message, Model, T


class RecordingModel:
    """Asks another model for forms, and keeps what it replies.

    A request is known again by all of it but the system text: the rubric may be worded anew, and the replies of the
    past still say what they were replies to.

    Args:
        model: who is asked for what is not in the file; None: nobody.
        file: where the replies are kept; made when the first one comes.

    Attributes:
        asked: how many replies were used, kept ones included.

    """

    def __init__(self, model: Model | None, file: Path) -> None:
        self._model = model
        self._file = file
        self._kept, self._half_a_line = _read(file)
        self.asked = 0

    @property
    def name(self) -> str:
        """See `Model.name`."""
        return self._model.name if self._model else "recorded"

    def stream(self, messages: Sequence[Message]) -> AsyncIterator[str | Usage]:
        """Nothing that is streamed is kept."""
        raise NotImplementedError(f"{len(messages)} messages: only forms are kept")

    async def fill(self, messages: Sequence[Message], form: type[T]) -> tuple[T, Usage]:
        """See `Model.fill`.

        Raises:
            ModelError: ``reply_missing``: it is not in the file, or fits the form no more, and there is nobody to ask.
        """
        asked = _hash(messages, form.__name__)
        if asked not in self._kept:
            if self._model is None:
                raise ModelError("reply_missing")
            reply, usage = await self._model.fill(messages, form)
            self._keep(asked, form.__name__, reply.model_dump(mode="json"), usage)
        self.asked += 1
        kept = self._kept[asked]
        try:
            return form.model_validate(kept["reply"]), Usage.model_validate(kept["usage"])
        except ValueError as error:  # of a version with another form
            raise ModelError("reply_missing") from error

    def _keep(self, asked: str, form: str, reply: dict[str, object], usage: Usage) -> None:
        entry: dict[str, object] = {"asked": asked, "form": form, "reply": reply, "usage": usage.model_dump()}
        self._kept[asked] = entry
        self._file.parent.mkdir(parents=True, exist_ok=True)
        before = "\n" if self._half_a_line else ""
        with self._file.open("a", encoding="utf-8") as file:
            file.write(before + json.dumps(entry, ensure_ascii=False) + "\n")
        self._half_a_line = False


def _read(file: Path) -> tuple[dict[str, dict[str, object]], bool]:
    """What is kept, and whether the last line has no end: one that a killed run left half written does not count."""
    kept: dict[str, dict[str, object]] = {}
    text = file.read_bytes().decode(errors="replace") if file.exists() else ""  # it may end in half a character
    for line in text.split("\n"):  # only real line ends: JSON may hold U+2028 as it is
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        kept[entry["asked"]] = entry
    return kept, text != "" and not text.endswith("\n")


def _hash(messages: Sequence[Message], form: str) -> str:
    told = [(message.role, message.content) for message in messages if message.role != "system"]
    return hashlib.sha256(json.dumps([form, told]).encode()).hexdigest()[:16]
