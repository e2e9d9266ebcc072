"""Alerts that wait for their channel: claimed, attempted, sent, or laid aside as dead letters.

    waiting ─claim─► (held until claimed_until) ─delivered─► sent
       ▲                        │ not delivered
       └────── next_at ◄────────┴──────────────────────────► dead ─requeue─► waiting

Delivery is at least once: a deliverer that dies between claim and record leaves a claim that expires, and the alert is
sent again with the same dedupe key. Rows of one incident and channel are delivered in the order they were written.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tocsin.errors import InputError
from tocsin.store import schema

__all__ = ["DeadLetter", "OutboxRow", "claim", "counts", "dead_letters", "record_attempt", "requeue"]

WAITING, SENT, DEAD = "waiting", "sent", "dead"


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One alert for one channel, held by whoever claimed it."""

    id: int
    incident_id: str
    channel: str
    change: str
    monitor: str
    at: datetime
    dedupe_key: str
    payload: Mapping[str, Any]
    n_attempts: int
    claim: str
    """Names the claim, so that a deliverer whose claim has expired cannot end a later one's."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An alert that was given up."""

    id: int
    incident_id: str
    channel: str
    change: str
    monitor: str
    at: datetime
    n_attempts: int
    last_error: str


def claim(
    connection: Connection, now: datetime, *, limit: int, hold_seconds: float, without_channels: Collection[str]
) -> list[OutboxRow]:
    """Up to `limit` due rows, oldest first, held for `hold_seconds`: no other claim returns them until then."""
    table, earlier = schema.outbox, schema.outbox.alias("earlier")
    overtaken = sa.exists().where(
        earlier.c.incident_id == table.c.incident_id,
        earlier.c.channel == table.c.channel,
        earlier.c.state == WAITING,
        earlier.c.id < table.c.id,
    )
    query = (
        sa.select(table)
        .where(
            table.c.state == WAITING,
            table.c.next_at <= now,
            sa.or_(table.c.claimed_until.is_(None), table.c.claimed_until <= now),
            table.c.channel.not_in(list(without_channels)),
            ~overtaken,
        )
        .order_by(table.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=table)  # SQLite has no such clause and needs none: it has one writer
    )
    rows = connection.execute(query).all()
    token = secrets.token_hex(16)
    if rows:
        connection.execute(
            sa.update(table)
            .where(table.c.id.in_([row.id for row in rows]))
            .values(claimed_by=token, claimed_until=now + timedelta(seconds=hold_seconds))
        )
    fields = ("id", "incident_id", "channel", "change", "monitor", "at", "dedupe_key", "payload", "n_attempts")
    return [OutboxRow(**{name: getattr(row, name) for name in fields}, claim=token) for row in rows]


def record_attempt(
    connection: Connection, row_id: int, claim: str, at: datetime, *, error: str | None, next_at: datetime | None
) -> bool:
    """Note an attempt and end the claim.

    error is None: delivered. Else the row waits until `next_at`, or is a dead letter where that is None. Returns False
    where the claim had expired and another deliverer has taken the row: the attempt is noted, and a delivery counts,
    but a failure changes nothing.
    """
    table = schema.outbox
    row = connection.execute(
        sa.select(table.c.state, table.c.claimed_by).where(table.c.id == row_id).with_for_update()
    ).one_or_none()
    if row is None:
        return False
    connection.execute(sa.insert(schema.attempt).values(outbox_id=row_id, at=at, delivered=error is None, error=error))
    mine: bool = row.state == WAITING and row.claimed_by == claim
    changes: dict[str, Any] = {"n_attempts": table.c.n_attempts + 1}
    if error is None:
        changes |= {"state": SENT, "claimed_by": None, "claimed_until": None, "last_error": None}
    elif mine:
        changes |= {"claimed_by": None, "claimed_until": None, "last_error": error}
        changes |= {"state": DEAD} if next_at is None else {"next_at": next_at}
    connection.execute(sa.update(table).where(table.c.id == row_id).values(**changes))
    return mine


def counts(connection: Connection) -> dict[str, int]:
    """How many rows are waiting, sent and dead."""
    table = schema.outbox
    query = sa.select(table.c.state, sa.func.count().label("n")).group_by(table.c.state)
    return {WAITING: 0, SENT: 0, DEAD: 0} | {row.state: row.n for row in connection.execute(query)}


def dead_letters(connection: Connection, *, limit: int | None = None) -> list[DeadLetter]:
    """What was given up, oldest first."""
    table = schema.outbox
    fields = ("id", "incident_id", "channel", "change", "monitor", "at", "n_attempts", "last_error")
    query = (
        sa.select(*(table.c[name] for name in fields)).where(table.c.state == DEAD).order_by(table.c.id).limit(limit)
    )
    return [DeadLetter(**row._mapping) for row in connection.execute(query)]


def requeue(connection: Connection, row_id: int, now: datetime) -> None:
    """Let a dead letter wait for delivery again, with all its attempts before it; raises `InputError`."""
    table = schema.outbox
    changed = connection.execute(
        sa.update(table)
        .where(table.c.id == row_id, table.c.state == DEAD)
        .values(state=WAITING, next_at=now, n_attempts=0)
    )
    if changed.rowcount == 0:
        raise InputError("No dead letter has this number", got=row_id, hint="`tocsin check` lists them")
