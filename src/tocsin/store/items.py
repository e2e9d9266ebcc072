"""Items of relevancy: rows <-> records; those of a window, of a stretch of time, and those an answer stands for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Row
from sqlalchemy.engine import Connection

from tocsin.model import Anomaly, Direction, Incident, Item, Slice, Window
from tocsin.store import schema
from tocsin.store.queries import in_batches

__all__ = ["counts", "find_item", "items", "items_of_subject", "of_window", "replace", "subjects"]

MOST_AN_ANSWER = 5
"""An answer about an incident of many windows stands for this many of its items, those with the highest excess."""


def item_to_row(item: Item) -> dict[str, Any]:
    return {
        "monitor": item.monitor,
        "window_start": item.window.start,
        "id": item.id,
        "window_end": item.window.end,
        "kind": item.kind,
        "slice_key": item.slice.key,
        "direction": item.direction.value,
        "excess": float(item.excess),
        "anomaly_id": item.anomaly_id,
        "schema": item.schema,
        "embedding": list(item.embedding),
        "headline": item.headline,
        "is_base": bool(item.is_base),
        "is_selected": bool(item.is_selected),
        "relevance": float(item.relevance),
        "type_id": int(item.type_id),
        "model_version": item.model_version,
        "kpi": item.kpi,
    }


def item_from_row(row: Row[Any], part: Slice) -> Item:
    return Item(
        monitor=row.monitor,
        window=Window(row.window_start, row.window_end),
        slice=part,
        direction=Direction(row.direction),
        kind=row.kind,
        excess=row.excess,
        anomaly_id=row.anomaly_id,
        schema=row.schema,
        embedding=tuple(row.embedding),
        headline=row.headline,
        is_base=row.is_base,
        is_selected=row.is_selected,
        relevance=row.relevance,
        type_id=row.type_id,
        model_version=row.model_version,
        kpi=row.kpi or "",
    )


def of_window(connection: Connection, monitor: str, start: datetime) -> list[Item]:
    """The items of one window, highest excess first."""
    table = schema.item
    conditions = [table.c.monitor == monitor, table.c.window_start == start]
    return _items_where(connection, conditions, [table.c.excess.desc(), table.c.id])


def replace(connection: Connection, monitor: str, start: datetime, found: Sequence[Item]) -> None:
    """Put these in the place of what was known of the window; of items with one id the first stays."""
    table = schema.item
    connection.execute(sa.delete(table).where(table.c.monitor == monitor, table.c.window_start == start))
    rows = {item.id: item_to_row(item) for item in reversed(found)}
    if rows:
        connection.execute(sa.insert(table), list(reversed(rows.values())))


def items(
    connection: Connection,
    *,
    monitor: str,
    since: datetime | None = None,
    until: datetime | None = None,
    limit: int | None = None,
    changed: bool = False,
    schema_name: str | None = None,
) -> list[Item]:
    """Items of windows that start in [since, until), by time; with a limit the newest ones.

    changed : only those that answers held back or raised
    """
    table = schema.item
    conditions: list[sa.ColumnElement[bool]] = [table.c.monitor == monitor]
    if since is not None:
        conditions.append(table.c.window_start >= since)
    if until is not None:
        conditions.append(table.c.window_start < until)
    if schema_name is not None:
        conditions.append(table.c.schema == schema_name)
    if changed:
        conditions.append(table.c.is_base != table.c.is_selected)
    found = _items_where(connection, conditions, [table.c.window_start.desc(), table.c.id], limit)
    return found[::-1]


def counts(connection: Connection, monitor: str, since: datetime) -> dict[str, int]:
    """How many items there are of windows from `since` on, by the schema of their embeddings."""
    table = schema.item
    query = (
        sa.select(table.c.schema, sa.func.count())
        .where(table.c.monitor == monitor, table.c.window_start >= since)
        .group_by(table.c.schema)
    )
    return {name: int(number) for name, number in connection.execute(query)}


def find_item(connection: Connection, id_prefix: str) -> Item | None:
    """The one item whose id begins so; None where there is none, or more than one."""
    prefix = id_prefix.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{1,12}", prefix):
        return None
    column = schema.item.c.id
    found = _items_where(connection, [column >= prefix, column < prefix + "g"], [column], 2)
    return found[0] if len(found) == 1 else None


def items_of_subject(connection: Connection, subject: Anomaly | Incident | Item) -> list[Item]:
    """The items that an answer about the subject stands for, highest excess first, at most `MOST_AN_ANSWER`.

    Of an incident: those whose leading anomaly it holds. Of an anomaly: the one it leads; else, in its window, that of
    the incident that holds it; else the one whose slice contains it or lies in it, the nearest in depth.
    """
    if isinstance(subject, Item):
        return [subject]
    table = schema.item
    order = [table.c.excess.desc(), table.c.id]
    if isinstance(subject, Incident):
        found: list[Item] = []
        for ids in in_batches(list(dict.fromkeys(subject.anomaly_ids))):
            conditions = [table.c.monitor == subject.monitor, table.c.anomaly_id.in_(ids)]
            found += _items_where(connection, conditions, order, MOST_AN_ANSWER)
        return sorted(found, key=lambda item: (-item.excess, item.id))[:MOST_AN_ANSWER]
    here = of_window(connection, subject.monitor, subject.window.start)
    leads = [item for item in here if item.anomaly_id == subject.id]
    return leads or _of_its_incident(connection, subject, here)


def subjects(connection: Connection, found: Sequence[Item]) -> tuple[dict[str, str], set[str]]:
    """Of some items: leading anomaly -> its incident, and the ids of all that somebody has answered about."""
    link, given = schema.incident_anomaly, schema.feedback
    incidents: dict[str, str] = {}
    answered: set[str] = set()
    for ids in in_batches(sorted({item.anomaly_id for item in found})):
        query = sa.select(link.c.anomaly_id, link.c.incident_id).where(link.c.anomaly_id.in_(ids))
        incidents |= {row.anomaly_id: row.incident_id for row in connection.execute(query)}
    about = sorted({*incidents, *incidents.values(), *(name for item in found for name in (item.id, item.anomaly_id))})
    for ids in in_batches(about):
        query = sa.select(given.c.subject_id).where(given.c.subject_id.in_(ids), given.c.undone_at.is_(None))
        answered |= set(connection.scalars(query))
    return incidents, answered


def _of_its_incident(connection: Connection, subject: Anomaly, here: Sequence[Item]) -> list[Item]:
    link = schema.incident_anomaly
    incidents = sa.select(link.c.incident_id).where(link.c.anomaly_id == subject.id)
    held = set(connection.scalars(sa.select(link.c.anomaly_id).where(link.c.incident_id.in_(incidents))))
    near = [item for item in here if item.anomaly_id in held] or list(here)
    nested = [item for item in near if item.slice.contains(subject.slice) or subject.slice.contains(item.slice)]
    nested.sort(key=lambda item: abs(item.slice.depth - subject.slice.depth))
    return nested[:1]


def _items_where(
    connection: Connection,
    conditions: Sequence[sa.ColumnElement[bool]],
    order: Sequence[sa.ColumnElement[Any]],
    limit: int | None = None,
) -> list[Item]:
    query = sa.select(schema.item).where(*conditions).order_by(*order).limit(limit)
    parts: dict[str, Slice] = {}  # many items are of few slices
    found = []
    for row in connection.execute(query):
        part = parts.get(row.slice_key)
        if part is None:
            part = parts[row.slice_key] = Slice.from_key(row.slice_key)
        found.append(item_from_row(row, part))
    return found
