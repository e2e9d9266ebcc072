"""The one transaction in which a window of a monitor is judged and written: all of it, or nothing.

Writers of one monitor follow one another, across processes and machines: SQLite has one writer at a time, PostgreSQL
takes an advisory lock on the monitor's name that ends with the transaction. Whoever comes second sees what the first
has written, so that the same window is never counted or announced twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from tocsin.errors import InputError
from tocsin.model import Alert, Anomaly, Incident, IncidentState, Item, Run, Window
from tocsin.store import items, queries, schema, state
from tocsin.store.engine import writing
from tocsin.store.records import anomaly_to_row, incident_to_row, run_from_row, run_to_row, text_digest
from tocsin.store.types import json_ready

__all__ = ["WindowTransaction", "insert", "window_transaction"]


@contextmanager
def window_transaction(engine: Engine, monitor: str, window: Window) -> Iterator[WindowTransaction]:
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            key = int.from_bytes(hashlib.blake2b(monitor.encode(), digest_size=8).digest(), "big", signed=True)
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(key)))
        yield WindowTransaction(connection, monitor, window)


def insert(connection: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the connection's dialect."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


class WindowTransaction:
    """What `Store.window_transaction` gives; valid until the end of its ``with`` block.

    Attributes
    ----------
    previous : Run or None
        What was written of this window before.
    """

    def __init__(self, connection: Connection, monitor: str, window: Window) -> None:
        self._connection = connection
        self.monitor = monitor
        self.window = window
        table = schema.run
        query = sa.select(table).where(
            table.c.monitor == monitor, table.c.window_start == window.start, table.c.window_end == window.end
        )
        row = connection.execute(query).one_or_none()
        self.previous: Run | None = None if row is None else run_from_row(row)

    def live_incidents(self) -> list[Incident]:
        """Open incidents of the monitor, and closed ones that this window can still change, oldest first.

        The latter are those seen in it, or before and after it, and those that closed because it was quiet. What has
        been retracted stays so.
        """
        table = schema.incident
        start, end = self.window.start, self.window.end
        mine = sa.and_(table.c.monitor == self.monitor, table.c.state != IncidentState.RETRACTED.value)
        held = (
            sa.select(schema.incident_anomaly.c.incident_id)
            .join(schema.anomaly, schema.anomaly.c.id == schema.incident_anomaly.c.anomaly_id)
            .where(schema.anomaly.c.monitor == self.monitor, schema.anomaly.c.window_start == start)
        )
        spans = sa.and_(table.c.first_start <= start, table.c.last_start >= start)
        touched = queries.incidents_where(
            self._connection, [mine, sa.or_(table.c.state == IncidentState.OPEN.value, spans, table.c.id.in_(held))]
        )
        longest_quiet = self._connection.execute(sa.select(sa.func.max(table.c.n_quiet)).where(mine)).scalar() or 0
        recent = queries.incidents_where(
            self._connection,
            [
                mine,
                table.c.state == IncidentState.CLOSED.value,
                table.c.last_start < start,
                table.c.last_start >= start - (longest_quiet + 1) * (end - start),
            ],
        )
        closed_by_now = [item for item in recent if item.last.end + item.n_quiet * (end - start) >= end]
        unique = {item.id: item for item in (*touched, *closed_by_now)}
        return sorted(unique.values(), key=lambda item: (item.first, item.id))

    def anomalies_of(self, incident_id: str) -> list[Anomaly]:
        """The stored anomalies of an incident, by time."""
        return queries.anomalies(self._connection, incident=incident_id)

    def stored_anomalies(self) -> list[Anomaly]:
        """The anomalies of this window as they were written before."""
        return queries.anomalies_where(self._connection, [self._of_window(schema.anomaly)])

    def get_state(self, name: str) -> state.DetectorState | None:
        """What a detector has kept for this monitor under `name`."""
        return state.get_state(self._connection, self.monitor, name)

    def put_state(
        self, name: str, version: int, arrays: Mapping[str, np.ndarray[Any, Any]], meta: Mapping[str, Any], at: datetime
    ) -> None:
        """Keep a detector's state; it is written or lost together with the window."""
        state.put_state(self._connection, self.monitor, name, version, arrays, meta, at)

    def state_names(self, prefix: str = "") -> list[str]:
        """The names of the monitor's states that begin so, in order."""
        return state.state_names(self._connection, self.monitor, prefix)

    def delete_states(self, names: Sequence[str]) -> None:
        """Forget some of the monitor's states."""
        state.delete_states(self._connection, self.monitor, names)

    def items(self) -> list[Item]:
        """What relevancy remembers of the window, highest excess first."""
        return items.of_window(self._connection, self.monitor, self.window.start)

    def write(
        self,
        run: Run,
        anomalies: Sequence[Anomaly],
        incidents: Sequence[Incident],
        alerts: Sequence[Alert],
        found: Sequence[Item] = (),
    ) -> int:
        """Replace what is known of the window; `found` are its items. Returns how many outbox rows are new.

        Writing the same again changes nothing. Raises `InputError` where a record belongs to another window or monitor.
        """
        self._check([run, *anomalies, *found], incidents)
        self._upsert(schema.run, [run_to_row(run)])
        self._replace_anomalies(anomalies)
        items.replace(self._connection, self.monitor, self.window.start, found)
        if incidents:
            self._upsert(schema.incident, [incident_to_row(incident) for incident in incidents])
        for incident in incidents:
            self._link(incident)
        return sum(self._announce(alert) for alert in alerts)

    def _check(self, records: Sequence[Run | Anomaly | Item], incidents: Sequence[Incident]) -> None:
        for item in records:
            if (item.monitor, item.window) != (self.monitor, self.window):
                raise InputError(
                    "A record of another window cannot be written in this transaction",
                    allowed=f"{self.monitor}, {self.window.start.isoformat()}",
                    got=f"{item.monitor}, {item.window.start.isoformat()}",
                )
        for incident in incidents:
            if incident.monitor != self.monitor:
                raise InputError("An incident of another monitor", allowed=self.monitor, got=incident.monitor)

    def _of_window(self, table: sa.Table) -> sa.ColumnElement[bool]:
        return sa.and_(table.c.monitor == self.monitor, table.c.window_start == self.window.start)

    def _upsert(self, table: sa.Table, rows: list[dict[str, Any]]) -> None:
        statement = insert(self._connection, table)
        keys = [column.name for column in table.primary_key]
        values = {name: statement.excluded[name] for name in rows[0] if name not in keys}
        self._connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=values), rows)

    def _replace_anomalies(self, anomalies: Sequence[Anomaly]) -> None:
        table, link = schema.anomaly, schema.incident_anomaly
        rows = list({row["slice_digest"]: row for row in map(anomaly_to_row, anomalies)}.values())
        stored = set(self._connection.scalars(sa.select(table.c.id).where(self._of_window(table))))
        retracted = sorted(stored - {row["id"] for row in rows})
        for ids in queries.in_batches(retracted):
            self._connection.execute(sa.delete(link).where(link.c.anomaly_id.in_(ids)))
        self._connection.execute(sa.delete(table).where(self._of_window(table)))
        if rows:
            self._connection.execute(sa.insert(table), rows)

    def _link(self, incident: Incident) -> None:
        link = schema.incident_anomaly
        wanted = {anomaly_id: position for position, anomaly_id in enumerate(dict.fromkeys(incident.anomaly_ids))}
        query = sa.select(link.c.anomaly_id, link.c.position).where(link.c.incident_id == incident.id)
        stored = {row.anomaly_id: row.position for row in self._connection.execute(query)}
        for ids in queries.in_batches([item for item, at in stored.items() if wanted.get(item) != at]):
            self._connection.execute(
                sa.delete(link).where(link.c.incident_id == incident.id, link.c.anomaly_id.in_(ids))
            )
        rows = [
            {"incident_id": incident.id, "anomaly_id": item, "position": at}
            for item, at in wanted.items()
            if stored.get(item) != at
        ]
        if rows:
            self._connection.execute(sa.insert(link), rows)

    def _announce(self, alert: Alert) -> int:
        """One outbox row a channel, unless it is what was last said there about the incident.

        Only the last counts: "opened, retracted, opened" are three pieces of news although two are alike.
        """
        payload = json_ready(alert.payload)
        content = {key: value for key, value in payload.items() if key != "at"}  # the same news said later is no news
        digest = text_digest(json.dumps(content, sort_keys=True))
        added = 0
        for channel in dict.fromkeys(alert.channels):
            last = self._last_said(alert.incident_id, channel)
            if last is not None and (last.change, last.content_digest) == (alert.change.value, digest):
                continue
            row = {
                "incident_id": alert.incident_id,
                "channel": channel,
                "sequence": 0 if last is None else last.sequence + 1,
                "change": alert.change.value,
                "content_digest": digest,
                "monitor": self.monitor,
                "dedupe_key": alert.dedupe_key,
                "at": alert.at,
                "payload": payload,
                "state": "waiting",
                "n_attempts": 0,
                "next_at": alert.at,
            }
            self._connection.execute(sa.insert(schema.outbox).values(row))
            added += 1
        return added

    def _last_said(self, incident_id: str, channel: str) -> sa.Row[Any, Any, Any] | None:
        table = schema.outbox
        return self._connection.execute(
            sa.select(table.c.sequence, table.c.change, table.c.content_digest)
            .where(table.c.incident_id == incident_id, table.c.channel == channel)
            .order_by(table.c.sequence.desc())
            .limit(1)
        ).one_or_none()
