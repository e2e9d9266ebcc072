"""Retention and export."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tocsin.errors import StoreError
from tocsin.model import IncidentState
from tocsin.store import schema
from tocsin.store.outbox import WAITING
from tocsin.store.types import Json, Moment, Number

__all__ = ["apply_retention", "export"]

BATCH = 10_000
"""Rows of an export that are in memory at once."""


def apply_retention(connection: Connection, before: datetime) -> dict[str, int]:
    """Delete what ended before `before`; returns how many rows of each table went.

    Kept are: the newest run of each monitor (it says where to go on), open incidents with their anomalies and items,
    alerts that still wait for their channel, all feedback, leases and detector states.
    """
    run, anomaly, incident, link = schema.run, schema.anomaly, schema.incident, schema.incident_anomaly
    item = schema.item
    newest = sa.select(run.c.monitor, sa.func.max(run.c.window_start)).group_by(run.c.monitor)
    of_open = (
        sa.select(link.c.anomaly_id)
        .join(incident, incident.c.id == link.c.incident_id)
        .where(incident.c.state == IncidentState.OPEN.value)
    )
    old_alerts = sa.and_(schema.outbox.c.state != WAITING, schema.outbox.c.at < before)
    deletions: list[tuple[sa.Table, sa.ColumnElement[bool]]] = [
        (
            run,
            sa.and_(run.c.window_end < before, sa.tuple_(run.c.monitor, run.c.window_start).not_in(newest)),
        ),
        (anomaly, sa.and_(anomaly.c.window_end < before, anomaly.c.id.not_in(of_open))),
        (item, sa.and_(item.c.window_end < before, item.c.anomaly_id.not_in(of_open))),
        (incident, sa.and_(incident.c.last_end < before, incident.c.state != IncidentState.OPEN.value)),
        (schema.attempt, schema.attempt.c.outbox_id.in_(sa.select(schema.outbox.c.id).where(old_alerts))),
        (schema.outbox, old_alerts),
    ]
    return {table.name: connection.execute(sa.delete(table).where(where)).rowcount for table, where in deletions}


def export(connection: Connection, folder: Path) -> list[Path]:
    """Write every table as ``TABLE.parquet``; a file is complete or absent. Raises `StoreError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [_export_table(connection, table, folder) for table in schema.metadata.sorted_tables]
    except OSError as error:
        raise StoreError(f"The export to {folder} failed: {error.strerror}", hint="check space and rights") from error


def _export_table(connection: Connection, table: sa.Table, folder: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq

    layout = pa.schema([pa.field(column.name, _arrow_type(column, pa)) for column in table.columns])
    target = folder / f"{table.name}.parquet"
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with pq.ParquetWriter(partial, layout) as writer:
            for rows in _rows(connection, table):
                writer.write_table(pa.Table.from_pylist(rows, schema=layout))
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def _rows(connection: Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    as_text = [column.name for column in table.columns if isinstance(column.type, Json)]
    query = sa.select(table).order_by(*table.primary_key.columns).execution_options(yield_per=BATCH)
    for rows in connection.execute(query).mappings().partitions():
        yield [
            {**row, **{name: json.dumps(row[name], ensure_ascii=True, allow_nan=False) for name in as_text}}
            for row in rows
        ]


def _arrow_type(column: sa.Column[Any], pa: Any) -> Any:
    match column.type:
        case Moment():
            return pa.timestamp("us", tz="UTC")
        case Number() | sa.Double():
            return pa.float64()
        case sa.Boolean():
            return pa.bool_()
        case sa.Integer():
            return pa.int64()
        case sa.LargeBinary():
            return pa.large_binary()
    return pa.large_string()
