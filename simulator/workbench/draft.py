"""Writing a customer with the program's help: question by question, or from a text that a model makes a draft of.

The person who writes decides: what a model drafted is shown part by part, with where each piece came from.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.consent import confirmed, text_of
from simulator.errors import ModelError, PersonaError, SettingsError, SimulatorError, UsageError
from simulator.mask import mask
from simulator.persona import Path_
from simulator.screen.card import screen
from simulator.screen.keyboard import Left, unless_interrupted
from simulator.transcript import in_language, printable
from simulator.workbench import advice, lint
from simulator.workbench.asking import BACK, Asking, as_line, as_typed
from simulator.workbench.fields import LANGUAGES, described
from simulator.workbench.interview import (
    CUES,
    EARS,
    Answers,
    Question,
    first_open,
    given,
    questions,
    take_up,
    without,
    wrong,
)
from simulator.workbench.keeping import Keeping, Notes
from simulator.workbench.writing import NOTE

if TYPE_CHECKING:
    from simulator.llm import Model
    from simulator.settings import Endpoint
    from simulator.texts import Texts
    from simulator.workbench.proposal import Proposal, Source

_QUOTED = 60
"""Characters of a quote in a note; the line's number leads to the rest."""


@dataclass(frozen=True)
class Asked:
    """What the command line asks for.

    Attributes:
        output: the file to write; by default ``ID.yaml`` in the working folder.
        language: the customer's language; by default it is asked for.
        force: whether a file that is there may be written over.
    """

    output: Path | None = None
    language: str | None = None
    force: bool = False


def new(asked: Asked, say: Texts) -> int:
    """Ask a new customer together, and write the file; the exit code.

    Raises:
        PersonaError, UsageError: the file that is asked for cannot be written.
    """
    return asyncio.run(Workshop(asked, say).interview())


def go_on(file: Path, asked: Asked, say: Texts) -> int:
    """Go on with an unfinished draft; the exit code.

    Raises:
        PersonaError: the file cannot be read as one.
    """
    return asyncio.run(Workshop(asked, say, file).interview())


def from_text(file: str, endpoint: Endpoint | None, asked: Asked, say: Texts, *, sure: bool) -> int:
    """Let a model draft a customer from a text, show it, and write the file; the exit code.

    Args:
        file: the text; ``-`` is standard input.
        endpoint: where the model is; the critic's, for to draft is more like judging than like playing a part.
        asked: see `Asked`.
        say: the screens' texts.
        sure: nothing is asked: the masked text is sent, and the whole draft is kept.

    Raises:
        SettingsError: there is no endpoint. TranscriptError, UsageError: there is no text to be read.
    """
    if endpoint is None:
        raise SettingsError("draft_needs_endpoint")
    workshop = Workshop(asked, say)
    lines = _masked(text_of(file), say)
    if not any(lines):
        raise UsageError("draft_empty", file=file)
    if not sure and not confirmed(say):
        print(say("critique.not_sent"), file=sys.stderr)
        return 0
    from simulator.llm import EndpointModel

    return asyncio.run(workshop.draft(lines, Path(file).name, EndpointModel(endpoint), keep=sure or file == "-"))


def _masked(text: str, say: Texts) -> list[str]:
    """The lines of a text without numbers that belong to somebody, shown as they will be sent."""
    masked = [mask(printable(line).strip()) for line in text.splitlines()]
    print(say("draft.masked", count=sum(line.count for line in masked)), file=sys.stderr)
    for number, line in enumerate(masked, 1):
        if line.text:
            print(f"[{number}] {line.text}", file=sys.stderr)
    return [line.text for line in masked]


class Workshop:
    """One customer in the making.

    Args:
        asked: see `Asked`.
        say: the screens' texts.
        draft: an unfinished draft to go on with.

    Raises:
        PersonaError, PromptError, UsageError: what the command line asks for cannot be had.
    """

    def __init__(self, asked: Asked, say: Texts, draft: Path | None = None) -> None:
        self._say = say
        self._person = sys.stdin.isatty() and sys.stdout.isatty()
        self._ask = Asking(say, screen(), person=self._person)
        self._files = Keeping(asked.output, say.language, force=asked.force)
        self._answers: Answers = {}
        self._notes: Notes = {}
        self._seen: set[Path_] = set()
        self._taken_up = draft is not None
        if draft:
            answers, self._notes = self._files.take_up(draft)
            self._answers = _with_ears(answers)
        if asked.language:
            self._set(("language",), asked.language, "--language")
            _check_prompts(asked.language)
        if self._files.id:
            self._set(("id",), self._files.id, str(asked.output))
            self._files.check_free(self._files.id)

    def _set(self, path: Path_, answer: str, place: str) -> None:
        if problem := wrong(Question(str(path[0]), path, "who"), answer, {}):
            raise PersonaError(place, (problem,))
        self._answers[path] = answer

    async def interview(self) -> int:
        """Ask for all that is missing, show what a model wrote, and write the file; the exit code."""
        try:
            if self._person:
                self._ask.line(self._say("draft.how"), "dim")
            await self._all((take_up if self._taken_up else first_open)(self._answers))
            if any(self._notes):
                await self._walk()
                await self._all(first_open(self._answers))
        except (Left, KeyboardInterrupt):
            self._ask.gap()
            self._kept()
            return 0 if self._person else PersonaError.exit_code  # from a pipe all the answers should have come
        return self._finish()

    async def draft(self, lines: list[str], name: str, model: Model, *, keep: bool) -> int:
        """Have a draft made, and go on with it; the exit code.

        Args:
            lines: the text, masked.
            name: where it came from.
            model: who drafts.
            keep: the draft is kept as it is, and nothing is asked.
        """
        self._answers.setdefault(("language",), "zh-CN" if in_language("\n".join(lines), "zh-CN") else "en")
        by = f"{NOTE} {self._say('draft.drafted', model=model.name, text=name)}"
        work = self._drafted(lines, by, model)
        try:
            with _waiting(self._say("draft.waiting", model=model.name)):
                await (unless_interrupted(work) if self._person else work)
        except asyncio.CancelledError:
            self._kept()
            return 0
        except ModelError as error:
            self._sentences(error)
            self._kept()
            return error.exit_code
        return self._finish() if keep else await self.interview()

    async def _drafted(self, lines: list[str], by: str, model: Model) -> None:
        from simulator.templates import Prompts
        from simulator.workbench.proposal import proposals

        async for proposal in proposals(lines, Prompts(self._answers["language",]), model):
            self._take(proposal, by)

    def _take(self, proposal: Proposal, by: str) -> None:
        """Take over what has been drafted, with a note on where each part came from."""
        answers = dict(proposal.answers)
        if not self._files.draft:
            self._answers.setdefault(("id",), self._files.free(answers.get(("id",), "customer")))
        answers |= {path: self._answers[path] for path in (("id",), ("language",))}
        self._answers = _with_ears(answers)
        noted = {path: self._source(proposal.sources.get(path)) for path in _noted(answers)}
        self._notes = {(): by, **noted}
        self._keep()

    def _source(self, source: Source | None) -> str:
        if source is None:
            return f"{NOTE} {self._say('draft.made_up')}"
        quote = source.quote if len(source.quote) <= _QUOTED else source.quote[: _QUOTED - 1] + "…"
        return f"{NOTE} {self._say('draft.from_line', line=source.line, quote=quote)}"

    # --- asking ---

    async def _all(self, at: int) -> None:
        """Every open question from that one on; `<` goes back."""
        section = ""
        while at < len(asked := questions(self._answers)):
            one = asked[at]
            if one.section != section:
                section = one.section
                self._heading(section)
            self._seen.add(one.path)
            at = first_open(self._answers, at + 1, self._seen) if await self._one(one) else max(at - 1, 0)

    async def _section(self, section: str) -> None:
        """The questions of one section anew, with what is there as their answers."""
        at = 0
        while at < len(asked := [one for one in questions(self._answers) if one.section == section]):
            at = at + 1 if await self._one(asked[at]) else max(at - 1, 0)

    async def _one(self, one: Question) -> bool:
        """One question; False: they want to go back."""
        before, default = self._answers.get(one.path), self._default(one)
        answer = await self._ask.answer(
            one, before, default, self._language, self._fault, lambda so_far: self._put(one, so_far)
        )
        if answer is BACK:
            return False
        self._put(one, answer)
        return True

    def _put(self, one: Question, answer: Any) -> None:
        if one.path not in self._answers or self._answers[one.path] != answer:
            self._answers = given(self._answers, one, answer)
            # What the trainer wrote needs no note on where it came from.
            self._notes = {path: note for path, note in self._notes.items() if path[: len(one.path)] != one.path}
        self._keep()

    def _default(self, one: Question) -> Any:
        match one.name:
            case "language":
                return "zh-CN" if self._say.language == "zh" else "en"
            case "id":
                return self._files.free("customer")
        return one.default

    def _fault(self, one: Question, answer: Any) -> str:
        """What is wrong with an answer, as a sentence; empty: nothing."""
        if problem := wrong(one, answer, self._answers):
            return self._ask.sentence(problem)
        try:
            if one.name == "language":
                _check_prompts(answer)
            elif one.name == "id":
                self._files.check_free(answer)
        except SimulatorError as error:
            return " ".join(self._say.error(error))
        return ""

    @property
    def _language(self) -> str:
        """The language of examples: the customer's, if there are any in it, else that of the screens."""
        language = str(self._answers.get(("language",), ""))[:2]
        return language if language in LANGUAGES else self._say.language

    # --- showing ---

    async def _walk(self) -> None:
        """Show a draft section by section: it is kept, typed anew, or left out."""
        self._ask.gap()
        self._ask.line(self._say("draft.walk"), "bold")
        at = 0
        while at < len(sections := self._sections()):
            self._show(sections[at])
            at = max(at + await self._decided(sections[at]), 0)

    async def _decided(self, section: str) -> int:
        """What becomes of a section that was shown: the step to the one to show next."""
        while True:
            typed = (await self._ask.typed(self._say("draft.decide") + " ")).lower()
            if not typed:
                return 1
            if self._ask.wants_back(typed):
                return -1
            if typed == "e":
                await self._section(section)
                return 0
            if typed == "d" and self._leave_out(section):
                return 0
            self._ask.line(self._say("draft.cannot_leave_out" if typed == "d" else "draft.decide_again"), "red")

    def _sections(self) -> list[str]:
        fields = (one for one in questions(self._answers) if one.path[0] != "more")
        return list(dict.fromkeys(one.section for one in fields if self._answers.get(one.path) not in (None, [])))

    def _show(self, section: str) -> None:
        """What is there, with the notes on where it came from."""
        self._heading(section)
        for one in questions(self._answers):
            found = self._answers.get(one.path)
            if one.section != section or one.path[0] == "more" or found in (None, []):
                continue
            self._ask.line(described(one.path, self._say.language), "dim")
            if one.kind == "lines":
                for at, entry in enumerate(found):
                    self._ask.line(f"· {as_line(entry)}{self._note((*one.path, at))}", hang=4, margin=2)
            else:
                self._ask.line(as_typed(found) + self._note(one.path), hang=2, margin=2)

    def _note(self, path: Path_) -> str:
        return f"  {self._notes[path]}" if path in self._notes else ""

    def _leave_out(self, section: str) -> bool:
        """Leave out a cue, or the words for the offline critic; False: the section is needed."""
        kind, _, number = section.partition(" ")
        if kind == "cue" and sum(one.startswith("cue ") for one in self._sections()) > CUES[0]:
            self._answers = without(self._answers, "cues", int(number) - 1)
            self._notes = without(self._notes, "cues", int(number) - 1)
        elif kind == "ears":
            self._answers = {path: one for path, one in self._answers.items() if path[-1] not in EARS}
            self._answers["more", "ears"] = False
        else:
            return False
        self._keep()
        return True

    # --- keeping ---

    def _keep(self) -> None:
        self._files.keep(self._answers, self._notes, self._say("draft.unfinished", file="{file}"))

    def _kept(self) -> None:
        """Say what is left of the work so far."""
        if self._files.draft:
            self._ask.line(self._say("draft.kept", file=self._files.draft), "bold")
        else:
            self._ask.line(self._say("draft.nothing"), "dim")

    def _finish(self) -> int:
        try:
            self._keep()
            file, _ = self._files.finish(self._answers, self._notes)
        except SimulatorError as error:
            self._sentences(error)
            self._kept()
            return error.exit_code
        self._ask.gap()
        self._ask.line(self._say("draft.written", file=file), "bold")
        for line in advice.lines(lint.findings_in(file), self._say):
            self._ask.line(line)
        return 0

    # --- printing ---

    def _heading(self, section: str) -> None:
        kind, _, number = section.partition(" ")
        self._ask.gap()
        self._ask.line(self._say(f"draft.section.{kind}", number=number), "bold underline")

    def _sentences(self, error: SimulatorError) -> None:
        for sentence in self._say.error(error):
            print(printable(sentence), file=sys.stderr)


def _waiting(words: str) -> AbstractContextManager[object]:
    """Words with a spinner, on a terminal."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, markup=False, emoji=False).status(words)


def _check_prompts(language: str) -> None:
    """Raise PromptError when nobody could take a call in that language."""
    from simulator.templates import Prompts

    Prompts(language)


def _with_ears(answers: Answers) -> Answers:
    """Whoever has words for the offline critic in a draft wants to see them."""
    has = any(path[-1] in EARS for path in answers)
    return {**answers, ("more", "ears"): True} if has else answers


def _noted(answers: Answers) -> list[Path_]:
    """The places that get a note: single values, the entries of lists, and lists for the offline critic whole."""
    paths: list[Path_] = []
    for path, answer in answers.items():
        if isinstance(answer, list) and path[-1] not in EARS:
            paths += [(*path, at) for at in range(len(answer))]
        elif path[-1] not in ("id", "language"):
            paths.append(path)
    return paths
