"""Rules of the check for cues and ears (P202-P209), the ladder, the desk (P403) and whose words a text is (P501-P503).

Each is a pure function of the customer; the numbers in them were set on the customers that ship, where none may find
anything, and on mistakes put into those (`tests/test_lint.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations

from simulator.offline_critic import Ear, hits
from simulator.persona import Cue, Path_
from simulator.templates import Prompts
from simulator.transcript import DIRECTION, Turn, fold, holds
from simulator.workbench.subject import Hit, Subject, all_words, clauses, quoted

# --- cues ------------------------------------------------------------------------------------------------

_PAUSE = re.compile(r"…|\.\.\.|——|--|—")


def channels(subject: Subject) -> Iterator[Hit]:
    """P202: a cue's channel does not fit its lines."""
    for i, cue in enumerate(subject.persona.cues):
        if cue.channel == "repetition":
            if not _repeats(cue):
                yield Hit(("cues", i, "channel"), "repetition", {})
            continue
        for n, line in enumerate(cue.shows):
            there = DIRECTION.search(line) is not None
            # A voice can be heard in how a line is written; a pause in its dots.
            if cue.channel in {"silence", "tone"}:
                there = there or _PAUSE.search(line) is not None
            if cue.channel == "tone":
                there = there or re.search(r"[!！]", line) is not None
            if not there and cue.channel != "wording":
                yield Hit(("cues", i, "shows", n), cue.channel, {"line": quoted(line)})


def _repeats(cue: Cue) -> bool:
    """Whether any two of the lines share a word or a pair of Chinese characters."""
    return any(_pieces(one) & _pieces(other) for one, other in combinations(cue.shows, 2))


def _pieces(text: str) -> set[str]:
    runs = re.findall(r"[\u3400-\u9fff]+", DIRECTION.sub("", text))
    return {run[i : i + 2] for run in runs for i in range(len(run) - 1)} | set(
        re.findall(r"[a-z0-9']{3,}", text.lower())
    )


ALIKE = 0.7
"""Share of terms from which two meanings are one; of characters (rapidfuzz) from which two lines are. Those that ship
reach 0.3 and 0.57."""
ALIKE_TERMS = 4


def apart(subject: Subject) -> Iterator[Hit]:
    """P203: two cues cannot be told apart."""
    from rapidfuzz import fuzz

    cues = list(enumerate(subject.persona.cues))
    for (_, one), (i, other) in combinations(cues, 2):
        means, meant = subject.terms(one.means), subject.terms(other.means)
        least = min(len(means), len(meant))
        if least >= ALIKE_TERMS and len(means & meant) >= ALIKE * least:
            yield Hit(("cues", i, "means"), "means", {"one": one.id, "other": other.id})
        for n, line in enumerate(other.shows):
            twin = next((shown for shown in one.shows if fuzz.ratio(shown, line) >= 100 * ALIKE), None)
            if twin:
                facts: dict[str, object] = {"one": one.id, "other": other.id, "line": quoted(twin)}
                yield Hit(("cues", i, "shows", n), "shows", facts)
        for key, ears, heard in (
            ("heard_if", other.heard_if, one.heard_if),
            ("met_if", other.met_if, one.met_if),
        ):
            for n, ear in enumerate(ears):
                if ear in heard:
                    yield Hit(("cues", i, key, n), "ears", {"one": one.id, "other": other.id, "ear": _shown(ear)})


def stock(subject: Subject) -> Iterator[Hit]:
    """P204: an ear hears something in what any agent says in any call."""
    known = Prompts(subject.persona.language).phrases["offline_critic"]["stock"]
    said = (*subject.words.get("stock", ()), *known)
    together = "\n".join(said)  # asked first, for most ears hear none of it
    for path, ears in _ears(subject):
        for n, ear in enumerate(ears):
            if not hits(ear, together):
                continue
            phrase = next((phrase for phrase in said if hits(ear, phrase)), None)
            if phrase:
                yield Hit((*path, n), "stock", {"ear": _shown(ear), "phrase": phrase})


FEW = 3
"""Ears from which a list can be told to be another cue's."""
AT_HOME = 0.12
"""Share of its ears that has to do with the cue, at least. Of the lists that ship it is 0.21 and more."""


def strays(subject: Subject) -> Iterator[Hit]:
    """P205: hardly one of a cue's ears has to do with what it shows, means or is met by."""
    for i, cue in enumerate(subject.persona.cues):
        own = _marks(subject, (*cue.shows, cue.means, cue.met_by, cue.when or ""))
        for key, ears in (("heard_if", cue.heard_if), ("met_if", cue.met_if)):
            at_home = sum(not own.isdisjoint(_marks(subject, _parts(ear))) for ear in ears)
            if len(ears) >= FEW and at_home < AT_HOME * len(ears):
                yield Hit(("cues", i, key), "strays", {"cue": cue.id, "ears": quoted(", ".join(map(_shown, ears)))})


def _marks(subject: Subject, texts: Sequence[str]) -> frozenset[str]:
    """Terms, and single Chinese characters that carry a meaning: ears are short."""
    function = str(subject.words.get("function", ""))
    text = " ".join(texts)
    return subject.terms(text) | {ch for ch in re.findall(r"[\u3400-\u9fff]", text) if ch not in function}


def _parts(ear: Ear) -> Sequence[str]:
    return [ear] if isinstance(ear, str) else ear


def _shown(ear: Ear) -> str:
    return " + ".join(_parts(ear))


def _ears(subject: Subject) -> Iterator[tuple[Path_, Sequence[Ear]]]:
    """All lists of ears of the file."""
    whole = subject.persona
    yield ("hidden_need", "heard_if"), whole.hidden_need.heard_if
    for i, cue in enumerate(whole.cues):
        yield ("cues", i, "heard_if"), cue.heard_if
        yield ("cues", i, "met_if"), cue.met_if
    for i, worry in enumerate(whole.worries):
        yield ("worries", i, "heard_if"), worry.heard_if
    yield ("resolution", "solved_if"), whole.resolution.solved_if


def one_channel(subject: Subject) -> Iterator[Hit]:
    """P206: all cues are on one channel."""
    cues = subject.persona.cues
    if len({cue.channel for cue in cues}) == 1:
        yield Hit(("cues", 0, "channel"), "all", {"channel": cues[0].channel, "count": len(cues)})


def in_opening(subject: Subject) -> Iterator[Hit]:
    """P207: what ``in_opening`` says of a cue is not so."""
    opening = Turn("c1", "customer", subject.persona.opening)
    for i, cue in enumerate(subject.persona.cues):
        there = holds(opening, cue.shows[0])
        if cue.in_opening and not there:
            yield Hit(("cues", i, "shows", 0), "not_there", {"line": quoted(cue.shows[0])})
        elif there and not cue.in_opening:
            yield Hit(("cues", i, "shows", 0), "there", {"line": quoted(cue.shows[0])})


def deaf(subject: Subject) -> Iterator[Hit]:
    """P208: nobody hears a cue, or sees the problem solved, offline."""
    whole = subject.persona
    for i, cue in enumerate(whole.cues):
        if not cue.heard_if and not cue.met_if:
            yield Hit(("cues", i, "id"), "cue", {"cue": cue.id})
    if not whole.resolution.solved_if:
        yield Hit(("resolution",), "solved", {})


def stronger(subject: Subject) -> Iterator[Hit]:
    """P209: a cue comes back in the same words."""
    for i, cue in enumerate(subject.persona.cues):
        lines = [fold(line).lower().strip("。.！!？?") for line in cue.shows]
        for n in range(1, len(lines)):
            if lines[n] in lines[:n]:
                yield Hit(("cues", i, "shows", n), "same", {"cue": cue.id, "line": quoted(cue.shows[n])})


# --- the ladder ------------------------------------------------------------------------------------------


def better(subject: Subject) -> Iterator[Hit]:
    """P301: the steps of the ladder do not get better. It knows words that sound better or worse, nothing finer."""
    steps = [f"{step.mood} {step.sounds_like}".lower() for step in subject.persona.emotion.ladder]
    tones = [_tone(subject, step) for step in steps]
    low = next((n for n, tone in enumerate(tones) if tone > 0), None)
    high = next((n for n in range(len(tones) - 1, -1, -1) if tones[n] < 0), None)
    # Two steps apart at least: some are polite when they have given up.
    if low is not None and high is not None and high - low >= 2:
        ladder = subject.persona.emotion.ladder
        facts = {"high": high, "mood": quoted(ladder[high].mood), "low": low, "than": quoted(ladder[low].mood)}
        yield Hit(("emotion", "ladder", high), "worse", facts)


def _tone(subject: Subject, step: str) -> int:
    """Words that sound better minus words that sound worse."""
    return sum(_says(word, step) for word in subject.words.get("better", ())) - sum(
        _says(word, step) for word in subject.words.get("worse", ())
    )


def _says(word: str, text: str) -> bool:
    """Whether the word is there: as a word of its own, where words have spaces between them."""
    return word in text if word >= "\u3400" else re.search(rf"\b{re.escape(word)}", text) is not None


STEPS_ALIKE = 85
"""Similarity (rapidfuzz, 0-100) from which two steps sound the same. Those that ship reach 67."""


def steps(subject: Subject) -> Iterator[Hit]:
    """P302: two steps of the ladder sound the same."""
    from rapidfuzz import fuzz

    ladder = subject.persona.emotion.ladder
    for low, high in combinations(range(len(ladder)), 2):
        if fuzz.ratio(ladder[low].sounds_like.lower(), ladder[high].sounds_like.lower()) >= STEPS_ALIKE:
            facts = {"low": low, "high": high, "line": quoted(ladder[high].sounds_like)}
            yield Hit(("emotion", "ladder", high), "same", facts)


def start(subject: Subject) -> Iterator[Hit]:
    """P303: the call starts at an end of the ladder."""
    at, top = subject.persona.emotion.start, len(subject.persona.emotion.ladder) - 1
    if at in {0, top}:
        yield Hit(("emotion", "start"), "worst" if at == 0 else "best", {"start": at})


# --- the desk --------------------------------------------------------------------------------------------

FORBIDDEN = 0.6
"""Share of the terms of what the desk may not from which something needs it. Those that ship reach 0.5."""


def allowed(subject: Subject) -> Iterator[Hit]:
    """P403: what would meet a cue is not allowed to the desk."""
    whole = subject.persona
    may = [subject.terms(text) for text in whole.desk.may]
    needs: list[tuple[Path_, str]] = [(("cues", i, "met_by"), cue.met_by) for i, cue in enumerate(whole.cues)]
    needs += [(("worries", i, "eased_by"), worry.eased_by) for i, worry in enumerate(whole.worries)]
    needs.append((("resolution", "solved_when"), whole.resolution.solved_when))
    for path, text in needs:
        for part in re.split(r"[，。；;.,]", text):
            forbidden = next((one for one in whole.desk.may_not if _needs(subject, part, one, may)), None)
            if forbidden:
                yield Hit(path, "forbidden", {"words": quoted(part.strip()), "may_not": quoted(forbidden)})


def _needs(subject: Subject, part: str, may_not: str, may: Sequence[frozenset[str]]) -> bool:
    """Whether a part of what is needed is what the desk may not, and is nearer to that than to what it may."""
    if any(_says(word, part.lower()) for word in subject.words.get("refuses", ())):
        return False
    wanted = subject.terms(part)

    def near(others: frozenset[str]) -> float:
        return len(wanted & others) / max(1, min(len(wanted), len(others)))

    forbidden = max(map(subject.terms, clauses(may_not)), key=near, default=frozenset())
    enough = len(wanted & forbidden) >= 2 and near(forbidden) >= FORBIDDEN
    return enough and all(len(wanted & allowed) < len(wanted & forbidden) for allowed in may)


# --- whose words -----------------------------------------------------------------------------------------


@cache
def _instructing() -> re.Pattern[str]:
    return re.compile("|".join(all_words()["instructs"]), re.IGNORECASE | re.MULTILINE)


def instructs(subject: Subject) -> Iterator[Hit]:
    """P501: text that tries to instruct the model. All of the file is read by one, the customer's or the critic's."""
    for path, text in _texts(subject.persona.model_dump()):
        if found := _instructing().search(text):
            yield Hit(path, "instructs", {"words": quoted(found.group())})


def _texts(value: object, path: Path_ = ()) -> Iterator[tuple[Path_, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _texts(inner, (*path, i))


def labels(subject: Subject) -> Iterator[Hit]:
    """P502: a line begins like somebody else's; an answer that does so is thrown away."""
    name = subject.persona.customer.name.lower()
    known = (*Prompts(subject.persona.language).phrases["call"]["labels"], f"{name}:", f"{name}：")
    for line in subject.spoken:
        begun = line.text.lstrip("* \t\u3000").lower()
        label = next((label for label in known if label not in "[【" and begun.startswith(label.lower())), None)
        if label:
            yield Hit(line.path, "label", {"label": label, "line": quoted(line.text)})


_OTHER_BRACKETS = re.compile(r"\[[^\]]*\]|【[^】]*】|\*[^*]+\*|<[^>]+>|｛[^｝]*｝|\{[^}]*\}")


def directions(subject: Subject) -> Iterator[Hit]:
    """P503: a stage direction does not stand in round brackets, or its bracket is left open."""
    for line in subject.spoken:
        if found := _OTHER_BRACKETS.search(line.text):
            yield Hit(line.path, "brackets", {"words": quoted(found.group())})
        elif re.search(r"[()（）]", DIRECTION.sub("", line.text)):
            yield Hit(line.path, "open", {"line": quoted(line.text)})
