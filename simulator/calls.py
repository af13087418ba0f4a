"""Making calls: a new one, or one taken up again, from settings, persona and record.

This is wiring: which chains a call gets and where its events go. A call never changes its engine midway.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from simulator import __version__
from simulator.branches import active
from simulator.errors import SettingsError, StoreError, UsageError
from simulator.events import AgentSaid, CustomerSaid, Debriefed, Event, Mode, Started, ended, started
from simulator.persona import Persona
from simulator.settings import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from simulator.llm import EndpointModel
    from simulator.session import Session
    from simulator.settings import Endpoint
    from simulator.store import Kept, Store
    from simulator.transcript import Transcript


class Calls:
    """The calls of one run of the program.

    Args:
        customer: the endpoint that plays the customer; None: the offline engine.
        critic: the endpoint that judges; None together with `customer`.
        store_url: the record's database; None: the file in the user's data folder.
        agent: the name that calls are recorded under.
        turn_limit: agent turns after which the customer has no more time.
        mode: whether new calls are practice or an exam.
        live: whether the customer of a new call speaks up when the line is dead.
    """

    def __init__(
        self,
        *,
        customer: Endpoint | None,
        critic: Endpoint | None,
        store_url: str | None,
        agent: str,
        turn_limit: int,
        mode: Mode = "practice",
        live: bool = False,
    ) -> None:
        self._customer = customer
        self._critic = critic
        self._store_url = store_url
        self._models: dict[Endpoint, EndpointModel] = {}
        self._lock = threading.Lock()
        self._personas: dict[str, tuple[dict[str, Any], Persona]] = {}
        self.agent = agent
        self.turn_limit = turn_limit
        self.mode = mode
        self.live = live

    @property
    def offline(self) -> bool:
        """Whether new calls use the offline engine."""
        return self._customer is None or self._critic is None

    @cached_property
    def store(self) -> Store:
        """The record, opened when it is first needed."""
        from simulator.store import Store

        return Store(self._store_url)

    def preload(self) -> None:
        """Load what the first answer will need. Meant for a thread beside the card.

        What fails here is not told here: it fails again, and is told, when it is needed.
        """
        if self._customer is None:
            from rapidfuzz import fuzz  # noqa: F401 - the offline engine's ears
        for endpoint in (self._customer, self._critic):
            if endpoint:
                with contextlib.suppress(Exception):
                    self._model(endpoint).preload()

    def _model(self, endpoint: Endpoint) -> EndpointModel:
        """The one client of an endpoint: what is loaded beside the card is what the call then uses."""
        from simulator.llm import EndpointModel

        with self._lock:
            return self._models.setdefault(endpoint, EndpointModel(endpoint))

    def new(self, persona: Persona) -> tuple[Session, Started]:
        """A call that has not begun, and the event to begin it with."""
        start = self._start(persona)
        number = self.store.create(self.agent, persona.id)
        return self._session(persona, start, [], self.store.appender(number), number), start

    def aside(self, persona: Persona, append: Callable[..., None]) -> tuple[Session, Started]:
        """A call that goes into no record, its events only to `append`; and the event to begin it with."""
        start = self._start(persona)
        return self._session(persona, start, [], append), start

    def agents_model(self) -> EndpointModel | None:
        """The model for an agent who is played: the customer's; None with the offline engine."""
        return self._model(self._customer) if self._customer and not self.offline else None

    def last(self, session_id: int) -> Session:
        """A call after which the customer is to call again, as the critic of this run can read it.

        Raises:
            StoreError: its record cannot be read.
            UsageError: it is not over, or its debrief has not been opened.
        """
        persona, events = self.record(session_id)
        if ended(active(events).events) is None:
            raise UsageError("call_not_over", session=session_id)
        self.debriefed(session_id)
        append = self.store.appender(session_id, len(events))
        return self._session(persona, self._start(persona), events, append, session_id)

    def next(self, last: Session) -> tuple[Session, Started]:
        """The customer's next call, later than the one given: they remember it. As for `new`, it has not begun."""
        from simulator.between import recall
        from simulator.templates import Prompts

        phrases = Prompts(last.persona.language).phrases["again"]
        before = recall(last.number or 0, last.persona, last.branch.events, phrases)
        start = self._start(last.persona).model_copy(update={"before": before})
        number = self.store.create(self.agent, last.persona.id)
        return self._session(last.persona, start, [], self.store.appender(number), number), start

    def elsewhere(self, persona: Persona, turns: Transcript, append: Callable[..., None]) -> Session:
        """A call that was held elsewhere, to be judged; it goes into no record, its events only to `append`."""
        from simulator.events import said

        start = self._start(persona).model_copy(update={"origin": "transcript"})
        return self._session(persona, start, [start, *said(turns, persona.emotion.start)], append)

    def _start(self, persona: Persona) -> Started:
        from simulator.templates import Prompts

        endpoints = {"customer": self._customer, "critic": self._critic}
        return Started(
            version=__version__,
            mode=self.mode,
            live=self.live,
            persona=persona.model_dump(mode="json"),
            engine="offline" if self.offline else "model",
            models={} if self.offline else {name: at.model for name, at in endpoints.items() if at},
            addresses={} if self.offline else {name: shown(at.base_url) for name, at in endpoints.items() if at},
            note_as=self._customer.note_as if self._customer else "system",
            prompts=Prompts(persona.language).hashes(),
            agent=self.agent,
            turn_limit=self.turn_limit,
        )

    def unfinished(self) -> list[Kept]:
        """The agent's calls that have no debrief yet, latest first."""
        return self.store.unfinished(self.agent)

    def again(self, session_id: int) -> Session:
        """A call taken up where it was left, with the engine and the models it began with.

        Raises:
            SettingsError: it was held with a model, and no endpoint is set now, or another one.
            StoreError: its record cannot be read.
        """
        persona, events = self.record(session_id)
        append = self.store.appender(session_id, len(events))
        return self._session(persona, started(events), events, append, session_id)

    def record(self, session_id: int) -> tuple[Persona, list[Event]]:
        """A call as the record has it: the persona as they were then, and what happened in all its branches.

        Raises:
            StoreError: its record cannot be read.
        """
        events = self.store.events(session_id)
        try:
            active(events)
            return self._persona(started(events).persona), events
        except ValueError as error:
            raise StoreError("session_unreadable", session=session_id, why=str(error).splitlines()[0]) from error

    def kept(self, session_id: int) -> tuple[Persona, list[Event]]:
        """The same with what happened in the branch in which the call stands now.

        Raises:
            StoreError: its record cannot be read.
        """
        persona, events = self.record(session_id)
        return persona, list(active(events).events)

    def _persona(self, data: dict[str, Any]) -> Persona:
        """The persona of a call. In a long record most calls are with one of a few, and checking one takes a while."""
        known = self._personas.get(str(data.get("id")))
        if known is None or known[0] != data:
            known = self._personas[str(data.get("id"))] = data, Persona.model_validate(data)
        return known[1]

    def debriefed(self, session_id: int) -> tuple[Persona, list[Event]]:
        """The same as `kept`, of a call whose debrief is open.

        Raises:
            StoreError: its record cannot be read.
            UsageError: its debrief has not been opened yet (since they last went back), which is the agent's to do.
        """
        return self._opened(session_id, *self.kept(session_id))

    def opened(self, session_id: int) -> tuple[Persona, list[Event]]:
        """The same as `record`, of a call of which a debrief has been opened, be it in another branch.

        Raises:
            StoreError: its record cannot be read.
            UsageError: no debrief of it has been opened yet.
        """
        return self._opened(session_id, *self.record(session_id))

    @staticmethod
    def _opened(session_id: int, persona: Persona, events: list[Event]) -> tuple[Persona, list[Event]]:
        if not any(isinstance(event, Debriefed) for event in events):
            raise UsageError("not_debriefed", session=session_id)
        return persona, events

    def anew(self, session: Session) -> Session:
        """The same words, to be judged anew; what comes of it goes into no record."""
        heard = [e for e in session.branch.events if isinstance(e, Started | CustomerSaid | AgentSaid)]
        return self._session(session.persona, session.start, heard, lambda *_: None)

    def _session(
        self,
        persona: Persona,
        start: Started,
        events: Sequence[Event],
        append: Callable[..., None],
        number: int | None = None,
    ) -> Session:
        from simulator.critic import Critic, ModelCritic
        from simulator.customer import Customer, ModelCustomer, OfflineCustomer
        from simulator.offline_critic import OfflineCritic
        from simulator.session import Session
        from simulator.templates import Prompts

        prompts = Prompts(persona.language)
        customer: Customer
        critic: Critic
        patience_s = 60.0
        if start.engine == "offline":
            customer = OfflineCustomer(persona.caller(), prompts, start.before)
            critic = OfflineCritic(persona, prompts, start.before)
        elif self._customer is None or self._critic is None:
            raise SettingsError("engine_gone", model=start.models.get("customer", "?"))
        else:
            for name, at in (("customer", self._customer), ("critic", self._critic)):
                if shown(at.base_url) != start.addresses[name]:  # what was said goes nowhere it has not been
                    raise SettingsError("engine_moved", began=start.addresses[name], now=shown(at.base_url))
            speaks = replace(self._customer, model=start.models["customer"], note_as=start.note_as)
            judges = replace(self._critic, model=start.models["critic"])
            customer = ModelCustomer(persona.caller(), prompts, self._model(speaks), speaks.note_as, start.before)
            critic = ModelCritic(persona, prompts, self._model(judges), start.before)
            patience_s = 2 * judges.timeout_s  # what fails its check is asked for once more
        return Session(persona, customer, critic, append, events, patience_s, number=number)
