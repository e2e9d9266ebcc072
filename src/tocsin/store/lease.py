"""A named lease with an expiry: one holder at a time, and nobody for ever.

One statement decides who gets it, so that two processes cannot both succeed on either database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from tocsin.errors import LeaseHeld
from tocsin.store import schema
from tocsin.store.engine import writing
from tocsin.store.window import insert

__all__ = ["Lease", "held"]


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease that is held; renew it before `seconds` have passed, or another may take it."""

    _engine: Engine
    name: str
    holder: str
    seconds: float

    def renew(self, now: datetime) -> None:
        """Hold it for `seconds` from `now` on; raises `LeaseHeld` where another holder has taken it over."""
        table = schema.lease
        with writing(self._engine) as connection:
            statement = insert(connection, table).values(
                name=self.name, holder=self.holder, expires_at=now + timedelta(seconds=self.seconds)
            )
            free = sa.or_(table.c.holder == self.holder, table.c.expires_at <= now)
            taken = connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["name"],
                    set_={"holder": statement.excluded.holder, "expires_at": statement.excluded.expires_at},
                    where=free,
                ).returning(table.c.name)
            ).one_or_none()
            if taken is None:
                row = connection.execute(sa.select(table).where(table.c.name == self.name)).one()
                raise LeaseHeld(
                    f"The lease {self.name!r} is held by {row.holder} until {row.expires_at:%Y-%m-%d %H:%M:%S} UTC",
                    hint="wait for it, or end that process",
                )

    def release(self) -> None:
        """Give it back; nothing happens where another holder has taken it over."""
        table = schema.lease
        with writing(self._engine) as connection:
            connection.execute(sa.delete(table).where(table.c.name == self.name, table.c.holder == self.holder))


@contextmanager
def held(engine: Engine, name: str, holder: str, now: datetime, seconds: float) -> Iterator[Lease]:
    lease = Lease(engine, name, holder, seconds)
    lease.renew(now)
    try:
        yield lease
    finally:
        lease.release()
