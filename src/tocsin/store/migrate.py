"""Bring a store to the schema of this code. Safe when two processes do it at once; Alembic is loaded only when needed.

A store that is current costs one SELECT. Otherwise all pending revisions are applied in one transaction under a lock,
so that a kill leaves the old schema or the new one and nothing between.
"""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from tocsin.errors import StoreError
from tocsin.store.engine import reading, translated, writing
from tocsin.store.schema import REVISIONS, VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["alembic_config", "current_revision", "migrate"]

LOCK = 7_309_940_801_124_865
"""The advisory lock of migrations, an arbitrary number that must never change."""


def migrate(engine: Engine, *, to: str = REVISIONS[-1]) -> None:
    """Upgrade to revision `to`; raises `StoreError` where the store was written by a newer tocsin."""
    if engine.dialect.name == "sqlite":
        _use_write_ahead_log(engine)
    with reading(engine) as connection:
        found = current_revision(connection)
    if _is_current(found, to):
        return
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(LOCK)))
        if not _is_current(current_revision(connection), to):  # another process may have been faster
            from alembic import command

            command.upgrade(alembic_config(connection), to)


def _is_current(found: str | None, wanted: str) -> bool:
    if found is not None and found not in REVISIONS:
        raise StoreError(
            "The store was written by a newer tocsin",
            allowed=f"schema {', '.join(REVISIONS)}",
            got=found,
            hint="update tocsin, or use another store",
        )
    return found is not None and REVISIONS.index(found) >= REVISIONS.index(wanted)


def current_revision(connection: Connection) -> str | None:
    """The revision of the store's schema; None where it has no tables yet."""
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a constant


def alembic_config(connection: Connection) -> Config:
    """Alembic's configuration for one connection, without an ini file."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _use_write_ahead_log(engine: Engine) -> None:
    """Readers and one writer work at once. The file keeps the mode; changing it does not wait for locks by itself."""
    with translated():
        for remaining in reversed(range(50)):
            connection = engine.raw_connection()
            try:
                cursor = connection.cursor()
                if cursor.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                    return
                cursor.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if remaining == 0 or "locked" not in str(error):
                    raise
                time.sleep(0.1)
            finally:
                connection.close()
