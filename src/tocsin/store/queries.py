"""What is read from the store, on a connection that the caller has opened: runs, anomalies, incidents."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tocsin.errors import InputError
from tocsin.model import Anomaly, Incident, IncidentState, Run
from tocsin.store import schema
from tocsin.store.records import anomaly_from_row, incident_from_row, run_from_row

__all__ = [
    "AnomalyOrder",
    "IncidentOrder",
    "anomalies",
    "anomalies_where",
    "find",
    "in_batches",
    "incidents",
    "incidents_where",
    "runs",
]

AnomalyOrder = Literal["time", "score"]
IncidentOrder = Literal["stake", "time"]

Condition = sa.ColumnElement[bool]


def in_batches(ids: Sequence[str], size: int = 500) -> Iterator[Sequence[str]]:
    """Pieces short enough for an IN list on every database."""
    for start in range(0, len(ids), size):
        yield ids[start : start + size]


def _between(column: sa.Column[Any], since: datetime | None, until: datetime | None) -> list[Condition]:
    conditions: list[Condition] = []
    if since is not None:
        conditions.append(column >= since)
    if until is not None:
        conditions.append(column < until)
    return conditions


def runs(
    connection: Connection,
    *,
    monitor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> list[Run]:
    """Runs whose window starts in [since, until), by time and monitor."""
    table = schema.run
    conditions = _between(table.c.window_start, since, until)
    if monitor is not None:
        conditions.append(table.c.monitor == monitor)
    start = table.c.window_start.desc() if newest_first else table.c.window_start
    query = sa.select(table).where(*conditions).order_by(start, table.c.monitor).limit(limit)
    return [run_from_row(row) for row in connection.execute(query)]


def anomalies(
    connection: Connection,
    *,
    monitor: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    incident: str | None = None,
    order: AnomalyOrder = "time",
    limit: int | None = None,
) -> list[Anomaly]:
    """Anomalies whose window starts in [since, until), optionally of one incident; "score" = most anomalous first."""
    conditions = _between(schema.anomaly.c.window_start, since, until)
    if monitor is not None:
        conditions.append(schema.anomaly.c.monitor == monitor)
    if incident is not None:
        link = schema.incident_anomaly
        conditions.append(schema.anomaly.c.id.in_(sa.select(link.c.anomaly_id).where(link.c.incident_id == incident)))
    return anomalies_where(connection, conditions, order=order, limit=limit)


def anomalies_where(
    connection: Connection, conditions: Collection[Condition], *, order: AnomalyOrder = "time", limit: int | None = None
) -> list[Anomaly]:
    table = schema.anomaly
    columns = (table.c.score.desc(), table.c.id) if order == "score" else (table.c.window_start, table.c.id)
    query = sa.select(table).where(*conditions).order_by(*columns).limit(limit)
    return [anomaly_from_row(row) for row in connection.execute(query)]


def incidents(
    connection: Connection,
    *,
    monitor: str | None = None,
    states: Collection[IncidentState] | None = None,
    since: datetime | None = None,
    order: IncidentOrder = "stake",
    limit: int | None = None,
) -> list[Incident]:
    """Incidents last seen in a window that ends after `since`; highest stake first, or newest first ("time")."""
    table = schema.incident
    conditions: list[Condition] = []
    if monitor is not None:
        conditions.append(table.c.monitor == monitor)
    if states is not None:
        conditions.append(table.c.state.in_([state.value for state in states]))
    if since is not None:
        conditions.append(table.c.last_end > since)
    return incidents_where(connection, conditions, order=order, limit=limit)


def incidents_where(
    connection: Connection,
    conditions: Collection[Condition],
    *,
    order: IncidentOrder = "stake",
    limit: int | None = None,
) -> list[Incident]:
    table = schema.incident
    by = table.c.stake.desc() if order == "stake" else table.c.last_start.desc()
    rows = connection.execute(sa.select(table).where(*conditions).order_by(by, table.c.id).limit(limit)).all()
    held = _anomaly_ids(connection, [row.id for row in rows])
    return [incident_from_row(row, tuple(held.get(row.id, ()))) for row in rows]


def _anomaly_ids(connection: Connection, incident_ids: Sequence[str]) -> dict[str, list[str]]:
    link = schema.incident_anomaly
    held: dict[str, list[str]] = {}
    for ids in in_batches(incident_ids):
        query = sa.select(link.c.incident_id, link.c.anomaly_id).where(link.c.incident_id.in_(ids))
        for incident_id, anomaly_id in connection.execute(query.order_by(link.c.incident_id, link.c.position)).all():
            held.setdefault(incident_id, []).append(anomaly_id)
    return held


def find(connection: Connection, id_prefix: str) -> Anomaly | Incident:
    """The one anomaly or incident whose id begins like this, as git finds a commit; raises `InputError`."""
    found = find_or_none(connection, id_prefix)
    if found is None:
        raise InputError("No anomaly or incident has this id", got=id_prefix, hint="`tocsin report` lists them")
    return found


def find_or_none(connection: Connection, id_prefix: str) -> Anomaly | Incident | None:
    """None where there is none; raises `InputError` where there are several, and for what is no id."""
    prefix = id_prefix.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{1,12}", prefix):
        raise InputError(
            "An id cannot be read", allowed="up to 12 hexadecimal digits, or their beginning", got=id_prefix
        )
    found: list[Anomaly | Incident] = [
        *incidents_where(connection, [_begins(schema.incident.c.id, prefix)], limit=6),
        *anomalies_where(connection, [_begins(schema.anomaly.c.id, prefix)], limit=6),
    ]
    if len(found) > 1:
        raise InputError(
            "Several anomalies or incidents begin like this",
            allowed="; ".join(_candidate(item) for item in found[:5]) + ("; …" if len(found) > 5 else ""),
            got=id_prefix,
            hint="give more digits",
        )
    return found[0] if found else None


def _begins(column: sa.Column[str], prefix: str) -> Condition:
    # a range instead of LIKE: an index serves it under every collation; no digit sorts behind "g"
    return sa.and_(column >= prefix, column < prefix + "g")


def _candidate(item: Anomaly | Incident) -> str:
    if isinstance(item, Incident):
        return f"{item.id} (incident, {item.monitor}, since {item.first.start:%Y-%m-%d %H:%M})"
    return f"{item.id} (anomaly, {item.monitor}, {item.window.start:%Y-%m-%d %H:%M})"
