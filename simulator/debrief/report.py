"""What a person sees after a call: the debrief, and the record as Markdown. The card before it is in `card`.

What is known of the call stands in `reading`. What there is to say about it is put on one `page.Page`, which a
terminal shows and Markdown writes; `web` sets the same sections as HTML. Lines are the lines of the call, counted
from 1, whoever speaks.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from simulator.branches import opened
from simulator.critique import LAYERS, Layer, LayerScore, Outcome, Usage, came_of
from simulator.debrief import ways
from simulator.debrief.reading import CueLine, Reading, tone
from simulator.director import CallState, Move, follow
from simulator.events import (
    AgentSaid,
    CustomerSaid,
    Debriefed,
    Event,
    FindingsMade,
    Grade,
    Memory,
    MoodShown,
    Overruled,
    Owed,
    PromisesFound,
    Repeated,
    agreement,
    ended,
    started,
)
from simulator.hints import STEPS
from simulator.persona import LADDER_STEPS
from simulator.screen.card import difficulty
from simulator.screen.page import Block, Item, Page, Row, Section, Tone, escaped, paged

if TYPE_CHECKING:
    from simulator.persona import Persona, Worry
    from simulator.texts import Texts

BARS = "▁▂▄▆█"
"""The five steps of the ladder as marks."""


def debrief(persona: Persona, events: Sequence[Event], texts: Texts, number: int | None = None) -> Page:
    """What was heard and what was missed, for a terminal of any width.

    Args:
        persona: who called.
        events: the record of the call; of its branches, the last one whose debrief has been opened is shown.
        texts: the screens' texts.
        number: the call's number in the record, if it is there.
    """
    call = _reading(persona, events, texts)
    kept = () if number is None else (call.say("kept", number=number),)
    return paged(texts, Section(title(call), (*outcome(call), *caveats(call), *kept)), *sections(call))


def markdown(persona: Persona, events: Sequence[Event], texts: Texts) -> str:
    """The debrief as a Markdown document, with the call itself at its end; the arguments are those of `debrief`."""
    call = _reading(persona, events, texts)
    page = paged(
        texts, Section(call.say("record.about"), (*outcome(call), *caveats(call), *about(call))), *sections(call)
    )
    said = "".join(f"{number}. {escaped(call.line_said(turn))}\n" for number, turn in enumerate(call.turns, 1))
    return f"# {escaped(title(call))}\n\n{page.markdown()}\n## {escaped(call.say('record.transcript'))}\n\n{said}"


def _reading(persona: Persona, events: Sequence[Event], texts: Texts) -> Reading:
    way = opened(events)
    return Reading(persona, way.events, texts, way)


# --- the sections, in their order ------------------------------------------------------------------------


def sections(call: Reading) -> Iterator[Section]:
    """All that there is to say about a call, each section under its name."""
    yield _need(call)
    yield _cues(call)
    if not call.state.elsewhere:
        yield _mood(call)
    if call.branch and call.branch.left:
        before = Reading(call.persona, call.branch.left.events, call.texts, call.branch.left)
        yield ways.section(before, call)
    yield _worries(call)
    if call.state.before:
        yield _promises(call, call.state.before)
    yield _layers(call)
    for name, blocks in (
        ("times", _times(call)),
        ("gaps", _gaps(call)),
        ("next", _next(call)),
        ("tokens", _tokens(call)),
    ):
        if body := tuple(blocks):
            yield Section(call.say(f"{name}.title"), body, name)


def title(call: Reading) -> str:
    """What the page is about."""
    return call.say("title", title=call.persona.title, customer=call.persona.customer.name)


def outcome(call: Reading) -> Iterator[str]:
    """How the call ended, and how many cues were picked up."""
    if call.state.before:
        yield call.say("again.follows", call=call.state.before.call)
    end = ended(call.events)
    turns = sum(turn.speaker == "agent" for turn in call.turns)
    yield call.say(f"ending.{end.how if end else 'open'}", turns=turns)
    yield ways.picked_up(call)
    shown_but_open = [line.not_judged for line in call.cues if line.grade is None and not _only_before(line)]
    if count := shown_but_open.count(True):
        yield call.say("not_judged_too", count=count)
    if count := shown_but_open.count(False):
        yield call.say("not_shown_too", count=count)
    if count := sum(_only_before(line) for line in call.cues):
        yield call.say("again.heard_count", count=count)
    if started(call.events).mode == "exam":
        yield call.say("exam")
    if any(isinstance(event, MoodShown) and event.on for event in call.events):
        yield call.say("mood.was_shown")


def _only_before(line: CueLine) -> bool:
    """Whether a cue was picked up in an earlier call and did not come up in this one."""
    return line.heard_before and line.grade is None and not line.not_judged


def caveats(call: Reading) -> Iterator[str]:
    """What an offline critic is worth."""
    if started(call.events).engine == "offline":
        yield call.say("offline")


def about(call: Reading) -> Iterator[Row]:
    """Who took the call, when, and on which engine."""
    begun = started(call.events)
    yield Row(call.say("record.agent"), begun.agent)
    yield Row(call.say("record.began"), f"{begun.at.astimezone():%Y-%m-%d %H:%M %z}")
    models = call.listed(dict.fromkeys(begun.models.values()))
    yield Row(call.say("record.engine"), models or call.say("record.offline"))
    yield difficulty(call.persona, call.texts)


def _need(call: Reading) -> Section:
    """The trainee's guess beside the need, when the need came out, and how it was taken."""
    nothing = call.say("nothing_written")
    rows: list[Block] = []
    if call.guessed:
        rows.append(Row(call.say("need.guess"), call.guessed.need or nothing))
    elif call.branch and call.branch.informed:
        rows.append(call.say("need.known"))
    elif not call.state.elsewhere:
        rows.append(call.say("need.no_guess"))
    rows.append(Row(call.say("need.need"), call.persona.hidden_need.need, tone="good"))
    if call.guessed:
        rows.append(Row(call.say("need.noticed"), call.guessed.cues or nothing))
    for turn, found in call.findings.items():
        if guess := found.guess:
            how = "need.right" if guess.right else "need.wrong"
            line = call.line_of[turn]
            label = call.say("need.you_guessed", line=line)
            rows.append(Row(label, call.say(how, quote=call.quote(guess.agent), why=guess.why), at=line))
    lines = [call.line_of[turn] for turn in (call.state.need_said, call.state.opened_by) if turn]
    rows.append(Row(call.say("need.out"), _when_out(call), see=tuple(lines)))
    answers = [found.need_answer for found in call.findings.values() if found.need_answer]
    if answers:
        best = max(answers, key=lambda answer: answer.level)
        said = call.said(best.agent)
        text = call.say("need.answer", quote=said.text, level=call.level(best.level), why=best.why)
        rows.append(Row(said.label, text, at=said.at))
    return Section(call.say("need.title"), tuple(rows), "need")


def _when_out(call: Reading) -> str:
    """When the need was said, and whether that was earned."""
    state = call.state
    if state.elsewhere:
        return call.say("line", line=call.line_of[state.need_said]) if state.need_said else call.say("need.not_said")
    opened = call.line_of[state.opened_by] if state.opened_by else None
    if state.told_before:
        return call.say("again.told")
    if state.need_said is None:
        if opened:
            return call.say("need.unsaid", opened=opened)
        picked = sum(line.picked_up or line.heard_before for line in call.cues)
        return call.say("need.never", needed=call.persona.hidden_need.opens_up_after, picked=picked)
    how = "guessed" if state.guesses.get(str(state.opened_by)) else "earned"
    return call.say(f"need.{how}", line=call.line_of[state.need_said], opened=opened)


def _cues(call: Reading) -> Section:
    items = (_cue(call, line) for line in call.cues)
    return Section(call.say("cues.title"), (call.say("cues.scale"), *items), "cues")


def _cue(call: Reading, line: CueLine) -> Item:
    """One cue: both sides' words, the level and why; what would have fitted, where it was not picked up."""
    head = call.say("cues.head", number=line.number, channel=call.say(f"channel.{line.cue.channel}"))
    anchor = f"cue-{line.number}"
    if _only_before(line) and not line.overruled:
        return Item(head, call.say("again.heard"), "good", (), anchor)
    rows = [*_answer(call, line), *_doubts(call, line)]
    if line.grade is None and (line.overruled or not line.not_judged):
        return Item(head, call.say("cues.not_shown"), "plain", tuple(rows), anchor)
    if not line.picked_up:
        rows += _would_fit(call, line)
    mark = call.say("not_judged") if line.grade is None else call.level(line.grade)
    return Item(head, mark, tone(line.grade), tuple(rows), anchor, line.grade)


def _answer(call: Reading, line: CueLine) -> Iterator[Row]:
    """Both sides' words and why the answer has its level."""
    if finding := line.finding:
        if finding.customer:
            yield call.said(finding.customer)
        yield call.said(finding.agent)
        yield Row(call.say("why_label"), finding.why)
    if line.anticipated:
        yield Row(call.say("cues.note"), call.say("cues.anticipated"))
    if len(line.path) > 1:
        path = [call.say("cues.level_in", level=call.level(level), line=number) for number, level in line.path]
        lines = tuple(number for number, _ in line.path)
        yield Row(call.say("cues.path"), " → ".join(path), see=lines, aloud=call.listed(path))
    if line.hints:
        yield Row(call.say("cues.note"), call.say("cues.hinted", steps=line.hints, of=STEPS))
    if line.not_judged and line.grade is not None and not line.picked_up:
        yield Row(call.say("cues.note"), call.say("cues.partly"))


def _doubts(call: Reading, line: CueLine) -> Iterator[Row]:
    """What repeated judging gave, marked where it differs, and a trainer's word against the critic's."""
    agree = agreement(line.repeats)
    if agree is not None:
        levels = " · ".join(call.level(level) for level in line.repeats)
        how = "cues.repeats_agree" if agree == 1 else "cues.repeats_differ"
        yield Row(call.say("cues.repeats"), call.say(how, levels=levels, share=f"{agree:.0%}"))
    if word := line.overruled:
        was: Grade = "not_judged" if word.was is None and line.not_judged else word.was
        yield _word(call, word, call.level(was), call.level(word.grade))


def _word(call: Reading, word: Overruled, was: str, grade: str) -> Row:
    return Row(
        call.say("overruled.label", by=word.by), call.say("overruled.text", was=was, grade=grade, why=word.because)
    )


def _would_fit(call: Reading, line: CueLine) -> Iterator[Row]:
    yield Row(call.say("cues.means"), line.cue.means)
    yield Row(call.say("cues.met_by"), line.cue.met_by)
    if line.better:
        yield Row(call.say("cues.better"), call.say("quote", words=line.better), tone="good")


def _mood(call: Reading) -> Section:
    """The ladder: one mark for each time the customer spoke, then every change with its reason."""
    marks = " ".join(BARS[step] for _, step in call.steps)
    chart = Row(call.say("mood.chart"), marks, aloud=call.listed(step + 1 for _, step in call.steps))
    return Section(call.say("mood.title"), (mood_key(call), chart, *moves(call)), "mood")


def mood_key(call: Reading) -> str:
    """What the steps of the ladder are."""
    ladder = call.persona.emotion.ladder
    return call.say("mood.key", worst=ladder[0].mood, best=ladder[-1].mood)


def moves(call: Reading) -> Iterator[Row]:
    """How the mood began and every change with its reason, those included that no customer turn showed any more."""
    ladder = call.persona.emotion.ladder
    reasons = {taken.before_turn: taken.move for taken in call.state.taken}
    for first, last, step in _runs(call.steps):
        label = call.say("lines", first=first, last=last) if last > first else call.say("line", line=first)
        move = reasons.get(first)
        how = "start" if move is None else direction(move)
        reason = call.reason(move) if move else ""
        text = call.say(f"mood.{how}", mood=ladder[step].mood, step=step + 1, reason=reason)
        yield Row(label, text, at=first, see=_cause(call, move), aloud=_unmarked(text))
    if straw := _last_straw(call):
        line, move = straw
        text = call.say("mood.hung_up", reason=call.reason(move))
        yield Row(call.say("line", line=line), text, at=line, see=_cause(call, move), aloud=_unmarked(text))
    for move in _too_late(call.state):
        text = call.say(f"mood.due_{direction(move)}", reason=call.reason(move))
        yield Row(call.say("mood.due"), text, see=_cause(call, move), aloud=_unmarked(text))


def _unmarked(text: str) -> str:
    """The words behind an arrow; they say it too."""
    return text.lstrip("▲▼ ")


def _cause(call: Reading, move: Move | None) -> tuple[int, ...]:
    return (call.line_of[move.cause],) if move else ()


def direction(move: Move) -> str:
    """``up`` or ``down``."""
    return "up" if move.by > 0 else "down"


def _runs(steps: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Lines with their steps as stretches of the same step: first line, last line, step."""
    runs: list[tuple[int, int, int]] = []
    for line, step in steps:
        if runs and runs[-1][2] == step:
            runs[-1] = (runs[-1][0], line, step)
        else:
            runs.append((line, line, step))
    return runs


def _last_straw(call: Reading) -> tuple[int, Move] | None:
    """The step down for which no step was left, and the line in which the customer hung up for it."""
    for number, event in enumerate(call.events):
        if call.state.must_hang_up and isinstance(event, AgentSaid):
            before = follow(call.persona, call.events[:number])
            after = follow(call.persona, call.events[: number + 1])
            if after.must_hang_up:
                move = before.due[0] if before.due else Move(-1, "silences", event.turn)
                return len(after.turns) + 1, move
    return None


def _too_late(state: CallState) -> list[Move]:
    """Moves that were earned, but the customer spoke no more: what the last words were worth."""
    unseen = [taken.move for taken in state.taken if taken.before_turn > len(state.turns)]
    return unseen + [move for move in state.due if 0 <= state.step + move.by < LADDER_STEPS]


def _worries(call: Reading) -> Section:
    """What they called about, and what may still go wrong afterwards."""
    resolution = call.persona.resolution
    solved = call.findings[call.state.solved].solved if call.state.solved else None
    before = call.state.before
    rows: tuple[Row, ...] = (Row(call.say("worries.solved_when"), resolution.solved_when),)
    if before and before.solved:
        rows = (Row(call.say("again.about"), before.about),)
    if solved:
        rows = (call.said(solved.agent), Row(call.say("why_label"), solved.why))
    ears = () if before and before.solved else resolution.solved_if
    mark = call.say("worries.solved") if solved else call.undone("worries.unsolved", ears)
    surface = Item(call.say("worries.surface"), mark, "good" if solved else "plain", rows, "surface")
    worries = (_worry(call, worry, f"worry-{n}") for n, worry in enumerate(call.persona.worries, 1))
    return Section(call.say("worries.title"), (surface, *worries), "worries")


def _worry(call: Reading, worry: Worry, anchor: str) -> Item:
    head = call.say("quote", words=worry.worry)
    turn = call.state.eased.get(worry.id)
    if turn is None and call.state.before and worry.id in call.state.before.eased:
        return Item(head, call.say("again.eased"), "good", (), anchor)
    if turn is None:
        rows: tuple[Row, ...] = (Row(call.say("worries.eased_by"), worry.eased_by),)
        return Item(head, call.undone("worries.open", worry.heard_if), "plain", rows, anchor)
    eased = next(one for one in call.findings[turn].worries if one.worry == worry.id)
    rows = (call.said(eased.agent), Row(call.say("why_label"), eased.why))
    return Item(head, call.say("worries.eased"), "good", rows, anchor)


def _promises(call: Reading, before: Memory) -> Section:
    """What was promised before, and how it was dealt with in this call."""
    if not before.promises:
        nothing = call.say("again.none" if before.read else "again.unread")
        return Section(call.say("again.title"), (nothing,), "again")
    items = (_promise(call, promise) for promise in before.promises)
    trust = call.verdict is not None and call.verdict.layers["trust"].score is not None
    both = (call.say("again.trust"),) if trust else ()
    return Section(call.say("again.title"), (*items, *both), "again")


def _promise(call: Reading, promise: Owed) -> Item:
    """The words then, what was said to it now, and what came of it."""
    rows = [
        Row(call.say("again.then", line=promise.line, call=promise.call), call.say("quote", words=promise.quote)),
    ]
    dealt = came_of([one for _, one in call.state.promises.get(promise.id, ())])
    if dealt:
        rows += [call.said(dealt.agent), Row(call.say("why_label"), dealt.why)]
    mark = call.say(f"again.{dealt.outcome}") if dealt else call.undone("again.never_due", ())
    tone = promise_tone(dealt.outcome) if dealt else "plain"
    return Item(promise.what, mark, tone, tuple(rows), promise_anchor(promise.id))


def promise_tone(outcome: Outcome) -> Tone:
    """What was made good is underlined, and what was denied."""
    tones: dict[Outcome, Tone] = {"kept": "good", "owned": "good", "passed_over": "plain", "denied": "bad"}
    return tones[outcome]


def promise_anchor(name: str) -> str:
    """The name of a promise on pages with links."""
    return f"promise-{name}"


def _layers(call: Reading) -> Section:
    return Section(call.say("layers.title"), tuple(_layers_body(call)), "layers")


def _layers_body(call: Reading) -> Iterator[Block]:
    if call.debriefed is None:
        yield call.say("layers.not_yet")
        return
    layers = call.verdict.layers if call.verdict else {}
    words = [_layer(call, layer, LayerScore(why="")) for layer in LAYERS if layer in call.overruled]
    reasons = {score.why for score in layers.values()}
    if call.verdict is None:
        yield call.say("layers.none", why=call.why(call.debriefed.why))
        yield from words
    elif len(reasons) == 1 and all(score.score is None for score in layers.values()):
        yield call.say("layers.all", why=reasons.pop())
        yield from words
    else:
        yield from (_layer(call, layer, layers[layer]) for layer in LAYERS if layer in layers)


def _layer(call: Reading, layer: Layer, scored: LayerScore) -> Item:
    def mark(score: int | None) -> str:
        return call.say("not_judged") if score is None else call.say("layers.score", score=score)

    rows = [Row(call.say("why_label"), scored.why)] if scored.why else []
    rows += [call.said(evidence) for evidence in scored.evidence]
    if word := call.overruled.get(layer):
        rows.append(_word(call, word, mark(word.was), mark(word.grade)))
    score = word.grade if word else scored.score
    return Item(call.say(f"layers.{layer}"), mark(score), "plain", tuple(rows), f"layer-{layer}", score)


def _times(call: Reading) -> Iterator[Block]:
    """How long the agent took to answer, where that was recorded; silences are no answers."""
    said = [event for event in call.events if isinstance(event, AgentSaid)]
    taken = [(e.seconds, call.line_of[e.turn]) for e in said if e.seconds is not None and e.text]
    if taken:
        longest, line = max(taken, key=lambda one: one[0])
        middle = statistics.median(seconds for seconds, _ in taken)
        yield Row(call.say("times.median"), call.say("times.seconds", seconds=f"{middle:.0f}"))
        text = call.say("times.in_line", seconds=f"{longest:.0f}", line=line)
        yield Row(call.say("times.longest"), text, see=(line,))
    if dead := tuple(call.line_of[event.turn] for event in said if event.dead_air):
        yield Row(call.say("times.dead_air"), call.listed(dead), see=dead)


def _gaps(call: Reading) -> Iterator[Block]:
    """Turns that nobody judged, and what was dropped for want of evidence."""
    reasons: dict[str, list[int]] = {}
    for turn, key in call.state.unjudged.items():
        reasons.setdefault(call.why(key), []).append(call.line_of[turn])
    for why, lines in reasons.items():
        lines.sort()
        yield Row(call.say("gaps.lines"), call.say("pair", label=call.listed(lines), text=why), see=tuple(lines))
    if call.pending:
        lines = [call.line_of[turn.id] for turn in call.pending]
        yield Row(call.say("gaps.pending"), call.listed(lines), see=tuple(lines))
    dropped = sum(e.dropped for e in call.events if isinstance(e, FindingsMade))
    dropped += call.debriefed.dropped if call.debriefed else 0
    if dropped:
        yield Row(call.say("gaps.dropped"), call.say("gaps.dropped_count", count=dropped))


def _next(call: Reading) -> Iterator[Block]:
    """The critic's word; where there is none, the first cue that was not picked up."""
    weak = (line for line in call.cues if line.grade is not None and not line.picked_up)
    if call.verdict and call.verdict.next:
        yield call.verdict.next
    elif line := next(weak, None):
        yield call.say("next.fallback", cue=call.cue_name(line.cue.id))


def _tokens(call: Reading) -> Iterator[Block]:
    """What the endpoints reported, each side apart: over the call, then line by line."""
    customer = [(e.turn, e.usage) for e in call.events if isinstance(e, CustomerSaid) and e.usage]
    turns = [(e.turn, e.usage) for e in call.events if isinstance(e, FindingsMade) and e.usage]
    whole = [e.usage for e in call.events if isinstance(e, Debriefed | PromisesFound | Repeated) and e.usage]
    for side, by_turn, more in (("customer", customer, []), ("critic", turns, whole)):
        used = [*(usage for _, usage in by_turn), *more]
        if used:
            yield Row(call.say(f"tokens.{side}"), _used(call, sum(used, Usage())))
        if by_turn:
            lines = sorted(((call.line_of[turn], usage) for turn, usage in by_turn), key=lambda one: one[0])
            each = (call.say("tokens.line", line=n, prompt=f"{u.prompt:,}", completion=u.completion) for n, u in lines)
            yield Row(call.say(f"tokens.{side}_lines"), call.listed(each))


def _used(call: Reading, total: Usage) -> str:
    numbers = {name: f"{number:,}" for name, number in total.model_dump().items()}
    return call.say("tokens.used_cached" if total.cached else "tokens.used", **numbers)
