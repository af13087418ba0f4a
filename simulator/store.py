"""The append-only record of calls: a session number and its events, in order.

SQLite through SQLAlchemy: one file in the user's data folder, readable by its owner only, unless the setting
``SIMULATOR_STORE`` names another database. An event that `append` has returned from is committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path
from sqlalchemy import (
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    delete,
    event,
    func,
    insert,
    inspect,
    make_url,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from simulator.errors import StoreError
from simulator.events import Debriefed, Event, Rewound, event_adapter

SCHEMA_VERSION = 1
_LARGEST = 2**63 - 1  # that a database can look for
_PATIENCE_MS = 5000  # with another process that has the database

_tables = MetaData()
_schema = Table("schema", _tables, Column("version", Integer, primary_key=True))
_sessions = Table(
    "sessions",
    _tables,
    Column("id", Integer, primary_key=True),
    Column("agent", String(200), nullable=False, index=True),
    Column("persona", String(200), nullable=False),
)
_events = Table(
    "events",
    _tables,
    Column("session", ForeignKey("sessions.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False),
)


def default_url() -> str:
    """The file in the user's data folder."""
    return f"sqlite:///{user_data_path('customer-simulator') / 'calls.sqlite3'}"


@dataclass(frozen=True)
class Kept:
    """A session in the record: its number, whose it is, and with whom."""

    id: int
    agent: str
    persona: str


class Store:
    """The record of calls.

    Args:
        url: SQLAlchemy URL of the database; the file in the user's data folder by default.

    Raises:
        StoreError: the database cannot be opened, or a newer version of the program wrote it.
    """

    def __init__(self, url: str | None = None) -> None:
        self._url = url or default_url()
        with self._errors():
            parsed = make_url(self._url)
            if parsed.get_backend_name() == "sqlite" and parsed.database not in {None, "", ":memory:"}:
                _make_private(Path(str(parsed.database)))
            self._engine = create_engine(parsed)
            if parsed.get_backend_name() == "sqlite":
                event.listen(self._engine, "connect", _tune)
            self._prepare()

    def create(self, agent: str, persona: str) -> int:
        """Begin a session; its number."""
        with self._begin() as connection:
            made = connection.execute(insert(_sessions).values(agent=agent, persona=persona).returning(_sessions.c.id))
            return int(made.scalar_one())

    def append(self, session: int, number: int, *events: Event) -> None:
        """Keep events of a session, the first as its event of that number (from 1). All are committed, or none.

        Raises:
            StoreError: the session has an event of that number: it goes on in another process. Or it has none before
                it: it was deleted there.
        """
        rows = [
            {"session": session, "number": number + i, "kind": one.kind, "body": one.model_dump_json()}
            for i, one in enumerate(events)
        ]
        with self._begin() as connection:
            try:
                connection.execute(insert(_events), rows)
            except IntegrityError as error:
                raise StoreError("session_elsewhere", session=session) from error
            before = (_events.c.session == session) & (_events.c.number == number - 1)
            if number > 1 and connection.scalar(select(_events.c.number).where(before)) is None:
                raise StoreError("no_such_session", session=session)

    def appender(self, session: int, kept: int = 0) -> Callable[..., None]:
        """`append` for one session of which so many events are kept, as `session.Session` takes it."""

        def append(*events: Event) -> None:
            nonlocal kept
            self.append(session, kept + 1, *events)
            kept += len(events)

        return append

    def events(self, session: int) -> list[Event]:
        """Every event of a session, in order.

        Raises:
            StoreError: there is no such session, or an event in it cannot be read.
        """
        if not 0 < session <= _LARGEST:
            raise StoreError("no_such_session", session=session)
        with self._begin() as connection:
            bodies = connection.scalars(
                select(_events.c.body).where(_events.c.session == session).order_by(_events.c.number)
            ).all()
        if not bodies:
            raise StoreError("no_such_session", session=session)
        try:
            return [event_adapter.validate_json(body) for body in bodies]
        except ValueError as error:
            raise StoreError("session_unreadable", session=session, why=str(error).splitlines()[0]) from error

    def all(self) -> list[Kept]:
        """Every session that has begun, in order."""
        begun = select(_events.c.session)
        with self._begin() as connection:
            rows = connection.execute(select(_sessions).where(_sessions.c.id.in_(begun)).order_by(_sessions.c.id)).all()
        return [Kept(row.id, row.agent, row.persona) for row in rows]

    def unfinished(self, agent: str) -> list[Kept]:
        """The agent's sessions that have no debrief yet since they last went back, latest first.

        One without a verdict does not count.
        """
        debriefed = _events.c.kind == Debriefed.model_fields["kind"].default
        back = _events.alias()
        went_back = back.c.kind == Rewound.model_fields["kind"].default
        last_back = select(func.max(back.c.number)).where(back.c.session == _events.c.session, went_back)
        since = _events.c.number > func.coalesce(last_back.scalar_subquery(), 0)
        done = select(_events.c.session).where(debriefed, _events.c.body.not_like('%"verdict":null%'), since)
        begun = select(_events.c.session)
        with self._begin() as connection:
            rows = connection.execute(
                select(_sessions)
                .where(_sessions.c.agent == agent, _sessions.c.id.in_(begun), _sessions.c.id.not_in(done))
                .order_by(_sessions.c.id.desc())
            ).all()
        return [Kept(row.id, row.agent, row.persona) for row in rows]

    def delete(self, sessions: Sequence[int]) -> bool:
        """Remove sessions with all their events for good; all of them, or none.

        Their numbers stay taken, so that no later call can be mistaken for one of them.

        Returns:
            Whether nothing of them is left in the database's files. False while another process keeps them in use: they
            leave the files when it closes the record.
        """
        with self._begin() as connection:
            connection.execute(delete(_events).where(_events.c.session.in_(sessions)))
            connection.execute(update(_sessions).where(_sessions.c.id.in_(sessions)).values(agent="", persona=""))
        return self._engine.dialect.name != "sqlite" or self._rewrite()

    def _rewrite(self) -> bool:
        """Have SQLite write its file anew and empty the write-ahead log; whether that was done."""
        with self._errors():
            try:
                with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                    connection.exec_driver_sql("VACUUM")
                    busy = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").scalar()
            except OperationalError as error:
                if "locked" not in str(error.orig):
                    raise
                return False
        return not busy

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _prepare(self) -> None:
        with self._engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # of several processes, one makes the tables
            if not inspect(connection).has_table(_schema.name):
                _tables.create_all(connection)
                connection.execute(insert(_schema).values(version=SCHEMA_VERSION))
            found = connection.scalar(select(_schema.c.version))
        if found != SCHEMA_VERSION:
            raise StoreError("store_version", found=found, known=SCHEMA_VERSION, url=self._shown())

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._errors(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (SQLAlchemyError, OSError, ImportError) as error:
            why = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise StoreError("store_unusable", url=self._shown(), why=why) from error

    def _shown(self) -> str:
        """The URL without its password."""
        try:
            return make_url(self._url).render_as_string(hide_password=True)
        except SQLAlchemyError:
            return "?"


def _make_private(file: Path) -> None:
    """Make the file and its folder if they are not there, for the owner alone."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    if os.name == "posix" and file.stat().st_uid == os.getuid():
        file.chmod(0o600)


def _tune(connection: object, _record: object) -> None:
    """Wait for other processes instead of failing; write-ahead so that a killed process loses nothing committed.

    What is deleted is overwritten.
    """
    cursor = connection.cursor()  # type: ignore[attr-defined]
    for pragma in (
        f"busy_timeout = {_PATIENCE_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
