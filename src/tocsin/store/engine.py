"""From a store URL to an engine, and from a driver's exception to a `StoreError` with a hint.

SQLite runs in WAL mode with ``synchronous=FULL``: a commit that returned has been flushed, so that neither a kill nor a
power cut takes back an alert that was said to be sent. One flush a window costs a few milliseconds; NORMAL would save
them and could forget the last windows after a power cut.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.engine import URL, Connection, Engine, make_url

from tocsin.errors import StoreError

__all__ = ["create_engine", "reading", "translated", "writing"]

ALLOWED = "sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"


def create_engine(url: SecretStr | str, *, base: Path, patience_seconds: float) -> Engine:
    """An engine for a store URL; nothing is connected yet. No message ever contains the URL."""
    secret = url.get_secret_value() if isinstance(url, SecretStr) else url
    try:
        parsed = make_url(secret)
    except (sa.exc.ArgumentError, ValueError):
        raise StoreError("The store's URL cannot be read", allowed=ALLOWED) from None
    family = parsed.drivername.partition("+")[0]
    if family == "sqlite":
        return _sqlite(parsed, base, patience_seconds)
    if family in ("postgresql", "postgres"):
        return _postgresql(parsed, patience_seconds)
    raise StoreError("The store's URL names a database that is not supported", allowed=ALLOWED, got=family)


def _sqlite(url: URL, base: Path, patience_seconds: float) -> Engine:
    if not url.database or url.database == ":memory:" or url.query or url.host:
        raise StoreError("An SQLite store is a file", allowed="sqlite:///FILE, without options")
    file = base / url.database
    if not file.parent.is_dir():
        raise StoreError(f"The store's folder {file.parent} does not exist", hint="create it, or correct [store] url")
    engine = sa.create_engine(
        URL.create("sqlite+pysqlite", database=str(file)),
        connect_args={"timeout": patience_seconds},
        hide_parameters=True,
    )

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: object) -> None:
        # the driver must not begin transactions by itself: it would begin them deferred and too late
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = FULL")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # a deferred transaction that reads first cannot wait for its write lock; an immediate one waits at its start
        immediate = connection.get_execution_options().get("tocsin_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _postgresql(url: URL, patience_seconds: float) -> Engine:
    # keepalives and the user timeout turn a network that swallows packets into an error instead of an endless wait
    defaults = {
        "connect_timeout": "10",
        "keepalives_idle": "30",
        "tcp_user_timeout": "60000",
        "application_name": "tocsin",
    }
    query = {**defaults, **url.query}
    milliseconds = max(1, int(patience_seconds * 1000))
    try:
        engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg", query=query), pool_pre_ping=True, hide_parameters=True
        )
    except ModuleNotFoundError:
        hint = 'pip install "tocsin[postgres]"'
        raise StoreError("A PostgreSQL store needs the package psycopg", hint=hint) from None

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        if connection.get_execution_options().get("tocsin_writes", False):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")

    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction that writes: commits at the end, rolls back on any exception; driver errors are translated."""
    with translated(), engine.execution_options(tocsin_writes=True).connect() as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the store: everything read through it belongs to one instant."""
    isolated = (
        engine if engine.dialect.name == "sqlite" else engine.execution_options(isolation_level="REPEATABLE READ")
    )
    with translated(), isolated.connect() as connection, connection.begin():
        yield connection


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the database driver raises into a `StoreError`, without statement, parameters or URL."""
    try:
        yield
    except (sa.exc.DBAPIError, sqlite3.Error) as error:
        thing, hint = _diagnosis(error)
        raise StoreError(thing, hint=hint) from None
    except sa.exc.TimeoutError:
        raise StoreError("The store is busy: no connection became free", hint="try again") from None


_SQLITE = (
    ("locked", "The store is busy: another process holds its lock", "try again when the other run has ended"),
    ("disk is full", "The store cannot grow: the disk is full; nothing was written", "free some space and run again"),
    ("unable to open", "The store's file cannot be opened", "check [store] url and the permissions of its folder"),
    ("readonly", "The store's file is read-only", "check the permissions of the file and of its folder"),
    ("disk i/o error", "The disk reports an error", "check the disk and its free space, then run again"),
    ("not a database", "The store's file is not an SQLite database", "check [store] url"),
    ("malformed", "The store's file is damaged", "restore it from a backup, or move it away to start anew"),
)

_POSTGRESQL = (
    ("53100", "The store cannot grow: the server's disk is full; nothing was written", "free some space and run again"),
    ("53300", "The server accepts no more connections", "try again later"),
    ("55P03", "The store is busy: another process holds its lock", "try again when the other run has ended"),
    ("40P01", "The store is busy: two processes waited for each other", "run again"),
    ("40001", "The store is busy: another process was faster", "run again"),
    ("42501", "The database user may not do this", "grant the rights on the schema of the store"),
    ("28", "The database refuses the user or the password", "check [store] url"),
    ("3D000", "The database does not exist", "create it, or correct [store] url"),
    ("57P", "The connection to the store was lost; nothing is half written", "run again when the server is back"),
    ("08", "The connection to the store was lost; nothing is half written", "run again when the server is back"),
)


def _diagnosis(error: sa.exc.DBAPIError | sqlite3.Error) -> tuple[str, str | None]:
    origin: Any = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    state = getattr(origin, "sqlstate", None)
    if state is not None:
        for prefix, thing, hint in _POSTGRESQL:
            if state.startswith(prefix):
                return thing, hint
        return f"The store's database reports the error {state} ({type(origin).__name__})", None
    if isinstance(origin, sqlite3.Error):
        text = str(origin).lower()
        for part, thing, hint in _SQLITE:
            if part in text:
                return thing, hint
        return f"The store's database reports: {origin}", None
    if isinstance(error, sa.exc.DBAPIError) and error.connection_invalidated:
        return _POSTGRESQL[-1][1:]
    # psycopg gives no state when it could not connect; its text may quote the connection's settings
    return "The store's server cannot be reached", "check [store] url, the network and the server"
