"""A customer looked into, for trainers: the card, what each chain would be sent, the schedule of the cues.

Nobody is asked anything: the calls behind the schedule and the requests are made up (see `rehearsal`).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from simulator.llm import tokens
from simulator.screen import card
from simulator.screen.page import Block, Item, Page, Row, Section, paged
from simulator.transcript import printable
from simulator.workbench.rehearsal import Beat, Request, greeting, rehearse

if TYPE_CHECKING:
    from simulator.persona import Cue, Persona
    from simulator.texts import Texts


# --- the card --------------------------------------------------------------------------------------------


def page(persona: Persona, say: Texts) -> Page:
    """The card and the desk, as an agent sees them; below, under a heading that says so, what no agent sees."""
    seen = (*card.card(persona, say).sections, *card.desk(persona, say).sections)
    return paged(say, *seen, Section(say("dossier.hidden"), tuple(_hidden(persona, say))), *_parts(persona, say))


def _hidden(persona: Persona, say: Texts) -> Iterator[Block]:
    yield say("dossier.hidden_how")
    hidden = persona.hidden_need
    yield Row(say("dossier.surface"), persona.surface_complaint)
    yield Row(say("dossier.opening"), persona.opening)
    yield Row(say("dossier.need"), hidden.need)
    yield Row(say("dossier.core"), hidden.core)
    yield Row(say("dossier.why_unsaid"), hidden.why_unsaid)
    yield Row(say("dossier.said"), hidden.said)
    yield Row(say("dossier.opens"), say("dossier.opens_after", cues=hidden.opens_up_after, of=len(persona.cues)))


def _parts(persona: Persona, say: Texts) -> Iterator[Section]:
    cues = enumerate(persona.cues, 1)
    yield Section(say("dossier.cues"), tuple(_cue(number, cue, say) for number, cue in cues))
    ladder = persona.emotion.ladder
    steps = (
        Row(say("dossier.step_start" if at == persona.emotion.start else "dossier.step", step=at),
            say("dossier.sounds", mood=step.mood, line=step.sounds_like))
        for at, step in reversed(list(enumerate(ladder)))
    )  # fmt: skip
    yield Section(say("dossier.ladder"), tuple(steps))
    worries = (
        row
        for worry in persona.worries
        for row in (Row(worry.id, worry.worry), Row(say("dossier.eased_by"), worry.eased_by))
    )
    yield Section(say("dossier.worries"), tuple(worries))
    done = [Row(say("dossier.solved"), persona.resolution.solved_when)]
    done += [Row(say("dossier.trusted"), persona.resolution.trusted_when)]
    done += [Row(say("dossier.next_call"), persona.next_call)] if persona.next_call else []
    yield Section(say("dossier.resolution"), tuple(done))


def _cue(number: int, cue: Cue, say: Texts) -> Item:
    told = [Row(say("dossier.shows", number=n), line) for n, line in enumerate(cue.shows, 1)]
    fields = (("when", cue.when), ("means", cue.means), ("met_by", cue.met_by), ("harmed_by", cue.harmed_by))
    told += [Row(say(f"dossier.{name}"), text) for name, text in fields if text]
    channel = say(f"report.channel.{cue.channel}")
    where = say("dossier.in_opening", channel=channel) if cue.in_opening else channel
    return Item(say("dossier.cue", number=number, id=cue.id), where, "plain", tuple(told))


# --- the schedule ----------------------------------------------------------------------------------------


def flow(persona: Persona, say: Texts, turn_limit: int) -> Page:
    """Which cue is due in which turn, the mood and the lock: with who hears nothing, and with who hears everything."""
    agent = greeting(persona)
    sections = [
        Section(
            say(f"dossier.flow.{name}"),
            tuple(_turns(rehearse(persona, hears=hears, turn_limit=turn_limit, agent=agent), persona, say)),
        )
        for name, hears in (("nothing", False), ("everything", True))
    ]
    head = say("dossier.flow.title", title=persona.title, customer=persona.customer.name)
    return paged(say, Section(head, (say("dossier.flow.how"),)), *sections)


def _turns(beats: Sequence[Beat], persona: Persona, say: Texts) -> Iterator[Row]:
    """A row for each turn; turns in a row of which the same is to be told share one."""
    for told, group in itertools.groupby(beats, lambda beat: _told(beat, persona, say)):
        first, *_, last = [beat.line for beat in group] * 2
        where = say("report.line", line=first) if first == last else say("report.lines", first=first, last=last)
        yield Row(where, told)


def _told(beat: Beat, persona: Persona, say: Texts) -> str:
    """One turn of the customer's: what comes in it, how they feel, the lock."""
    due = [
        say("dossier.flow.cue", cue=cue, nth=nth, of=len(persona.cue(cue).shows), line=persona.cue(cue).shows[nth - 1])
        for cue, nth in beat.cues.items()
    ]
    asked = beat.direction
    if asked and asked.slip and asked.slip.when:
        due.append(say("dossier.flow.when", when=asked.slip.when))
    if asked and asked.earned and asked.earned.still_unsaid:
        due.append(say("dossier.flow.need"))
    if asked and asked.worry_id:
        due.append(say("dossier.flow.worry", worry=asked.worry_id))
    if asked and asked.farewell:
        due.append(say(f"dossier.flow.{asked.farewell}"))
    mood = persona.emotion.ladder[beat.step].mood
    state = say("dossier.flow.state", step=beat.step, mood=mood)
    lock = say("dossier.flow.open" if beat.lock_open else "dossier.flow.shut")
    return " · ".join([state, lock, *(due or [say("dossier.flow.no_cue")])])


# --- the prompts -----------------------------------------------------------------------------------------


def as_text(asked: Sequence[Request], say: Texts) -> Iterator[str]:
    """The requests line by line, each message exactly as it is sent, with the count of its tokens."""
    yield say("dossier.prompts.how")
    for request in asked:
        sizes = [tokens(message.content) for message in request.messages]
        yield ""
        yield f"=== {say(f'dossier.prompts.{request.name}')} · {say('dossier.prompts.tokens', count=f'{sum(sizes):,}')}"
        for message, size in zip(request.messages, sizes, strict=True):
            yield ""
            yield f"--- {message.role} · {say('dossier.prompts.tokens', count=f'{size:,}')}"
            yield from (printable(line) for line in message.content.split("\n"))
        if request.form:
            size = tokens(request.form)
            yield ""
            yield f"--- {say('dossier.prompts.form', count=f'{size:,}')}"
            yield printable(request.form)
