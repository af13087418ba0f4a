"""The chain that speaks: what the customer says next, from a `Caller`, the turns so far and a `Direction`.

Neither implementation ever sees the whole persona. What is hidden reaches it only inside a `Direction`, when
the director has opened the lock.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from typing import Protocol

from simulator.critique import Usage
from simulator.director import Direction
from simulator.errors import SpoiltAnswer
from simulator.events import Memory
from simulator.llm import Message, Model
from simulator.persona import Caller
from simulator.settings import NoteAs
from simulator.templates import Prompts
from simulator.transcript import Transcript, Turn, in_language, sentences


class Customer(Protocol):
    """Somebody who answers the agent."""

    def note(self, direction: Direction) -> str:
        """The director's note as this customer is given it; kept with the turn."""
        ...

    def answer(self, turns: Transcript, direction: Direction) -> AsyncIterator[str | Usage]:
        """The customer's next words, piece by piece, then what they cost if that is known.

        Raises:
            ModelError: the words did not come. `SpoiltAnswer`: what came so far must be thrown away.
        """
        ...


class ModelCustomer:
    """A customer played by a language model.

    Requests grow at the end only: system text, the call so far, and the note last. So an endpoint that caches
    prefixes reads each turn once. In a next call the system text ends with what they remember (`before`).
    """

    def __init__(
        self,
        caller: Caller,
        prompts: Prompts,
        model: Model,
        note_as: NoteAs = "system",
        before: Memory | None = None,
    ) -> None:
        self._prompts = prompts
        self._model = model
        self._note_as = note_as
        self._phrases = prompts.phrases["call"]
        self._system = prompts.render("customer", caller=_calling_again(caller, before) if before else caller)
        if before:
            mood = caller.ladder[before.step].mood
            self._system += "\n\n" + prompts.render("again_customer", before=before, mood=mood)
        name = caller.customer.name
        self._labels = tuple(label.lower() for label in (*self._phrases["labels"], f"{name}:", f"{name}："))

    def note(self, direction: Direction) -> str:
        """The note, rendered from ``customer_note.j2``, in a next call with ``again_note.j2`` behind it."""
        return _note(self._prompts, direction)

    def messages(self, turns: Transcript, note: str) -> list[Message]:
        """The request for the customer's next words."""
        said = [Message("system", self._system), Message("user", self._phrases["connected"])]
        said += [self._message(turn) for turn in turns]
        if self._note_as == "user":
            return [*said[:-1], Message("user", f"{said[-1].content}\n\n{note}")]
        return [*said, Message("system", note)]

    async def answer(self, turns: Transcript, direction: Direction) -> AsyncIterator[str | Usage]:
        """See `Customer.answer`. A line that begins with a speaker's label is out of role: all is thrown away."""
        held, at_start = "", True
        async for piece in self._model.stream(self.messages(turns, self.note(direction))):
            if isinstance(piece, Usage):
                yield piece
                continue
            held += piece
            lines = held.split("\n")[0 if at_start else 1 :]
            if any([self._may_be_label(line) for line in lines][-1:]):
                continue  # the rest of the label may still come
            yield held
            held, at_start = "", False
        if held:
            yield held

    def _may_be_label(self, begun: str) -> bool:
        """Whether a line that begins so may turn out to begin with a speaker's label.

        Raises:
            SpoiltAnswer: it does.
        """
        begun = begun.lstrip("* \t\r\u3000").lower()
        if begun.startswith(self._labels):
            raise SpoiltAnswer("model_out_of_role")
        return any(label.startswith(begun) for label in self._labels)

    def _message(self, turn: Turn) -> Message:
        if turn.speaker == "agent":
            return Message("user", turn.text or self._phrases["silence"])
        return Message("assistant", turn.text + (self._phrases["cut_off"] if turn.interrupted else ""))


def _note(prompts: Prompts, direction: Direction) -> str:
    note = prompts.render("customer_note", direction=direction)
    if direction.opens or direction.promise:
        note += "\n" + prompts.render("again_note", direction=direction)
    return note


def _calling_again(caller: Caller, before: Memory) -> Caller:
    """The caller of a next call: what they call about is another thing, and what was cleared up is cleared up."""
    believes = () if before.solved else caller.believes
    return caller.model_copy(update={"surface_complaint": before.about, "believes": believes})


class OfflineCustomer:
    """A customer who speaks the persona file's own lines. No language model: it understands next to nothing."""

    NEAR_ENOUGH = 0.5
    """Weight of shared words from which a fact counts as the answer: one word that at most two facts hold."""
    COMMON = 0.15
    """Weight of a word that any question may hold ("what", 多少); of any other it is 1."""

    def __init__(self, caller: Caller, prompts: Prompts, before: Memory | None = None) -> None:
        self._caller = caller
        self._before = before
        self._prompts = prompts
        self._lines = prompts.phrases["offline_customer"]

    def note(self, direction: Direction) -> str:
        """The same note a model would get, so that records read alike."""
        return _note(self._prompts, direction)

    async def answer(self, turns: Transcript, direction: Direction) -> AsyncIterator[str | Usage]:
        """See `Customer.answer`."""
        yield self._choose(turns, direction)

    def _choose(self, turns: Transcript, direction: Direction) -> str:
        said = " ".join(turn.text for turn in turns if turn.speaker == "customer")
        return self._must_say(direction, said) or self._reply(turns[-1].text, direction, said)

    def _must_say(self, direction: Direction, said: str) -> str:
        """What the director leaves no choice about; empty when there is a choice."""
        if direction.farewell:
            return str(self._lines[direction.farewell])
        if direction.opens and self._before:
            return str(self._lines["again"]).format(about=self._before.about, name=self._caller.customer.name)
        if direction.promise:
            return str(self._lines["promised"]).format(quote=direction.promise.quote)
        if direction.earned and direction.earned.still_unsaid and direction.earned.said not in said:
            return direction.earned.said
        return direction.worry or ""

    def _reply(self, heard: str, direction: Direction, said: str) -> str:
        """An answer to what was asked, and the cue that is due."""
        slip = direction.slip.line if direction.slip else ""
        if not heard:
            return slip or str(self._lines["anybody_there"])
        if not in_language(heard, self._caller.language):
            return str(self._lines["puzzled"])
        answer = self._lines["not_it"] if direction.not_it else self._fact(heard, said)
        if answer or slip:
            return " ".join(part for part in (answer, slip) if part)
        lines = (direction.sounds_like, *self._caller.customer.voice, *self._lines["go_on"])
        return str(next((line for line in lines if line not in said), self._lines["go_on"][-1]))

    def _fact(self, heard: str, said: str) -> str:
        """The fact nearest to what is asked; empty when nothing is asked, nothing is near or it was told before."""
        asked = " ".join(one for one in sentences(heard.lower()) if self._asks(one))
        asked += "".join(f" {told}" for told, ways in self._lines["also"].items() if any(way in asked for way in ways))
        wanted, common = terms_of(asked), terms_of(self._lines["common"])
        terms = {fact: terms_of(fact) for fact in self._caller.facts}
        held_by = Counter(term for of_fact in terms.values() for term in of_fact)

        def nearness(fact: str) -> float:
            return sum((self.COMMON if term in common else 1) / held_by[term] for term in terms[fact] & wanted)

        nearest = max(terms, key=nearness)
        return nearest if nearness(nearest) >= self.NEAR_ENOUGH and nearest not in said else ""

    def _asks(self, sentence: str) -> bool:
        return sentence.endswith(("?", "？")) or any(words in sentence for words in self._lines["asks"])


def terms_of(text: str) -> frozenset[str]:
    """What texts are compared by: pairs of Chinese characters, beginnings of other words."""
    chinese = (run[i : i + 2] for run in re.findall(r"[\u3400-\u9fff]+", text) for i in range(len(run) - 1))
    words = (re.sub(r"'s$", "", word) for word in re.findall(r"[a-z0-9']{2,}", text.lower()))
    return frozenset((*chinese, *(word[:5].rstrip("s") if len(word) > 3 else word for word in words)))
