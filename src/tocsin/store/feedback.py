"""People's answers: only ever added, undone by a mark, and kept when retention deletes what they were about.

Of each author the last answer that is not undone counts. Where authors differ, the later answer decides; "unsure"
decides nothing. An answer about an anomaly goes before one about its incident.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tocsin.errors import InputError
from tocsin.model import Anomaly, Feedback, Incident, Item, Verdict, Window
from tocsin.store import queries, schema
from tocsin.store.items import find_item, items_of_subject
from tocsin.store.labels import as_json
from tocsin.store.records import feedback_from_row
from tocsin.store.types import plain

__all__ = ["add", "counting", "decided", "excluded", "subject_of", "undo"]

TOLD = ("subject_id", "verdict", "at", "author", "comment")
DECIDING = ("subject_kind", "subject_id", "verdict", "author")
"""Of a hundred thousand answers no more is read than is needed."""


def add(connection: Connection, feedback: Feedback) -> Feedback:
    """Store an answer with the items it stands for; its subject may be named by a unique prefix.

    Raises `InputError` for unknown subjects. An item that is below the threshold, which no anomaly or incident tells
    of, may be answered by its own id.
    """
    subject = subject_of(connection, feedback.subject_id)
    window = Window(subject.first.start, subject.last.end) if isinstance(subject, Incident) else subject.window
    connection.execute(
        sa.insert(schema.feedback).values(
            subject_id=subject.id,
            subject_kind=type(subject).__name__.lower(),
            monitor=subject.monitor,
            window_start=window.start,
            window_end=window.end,
            slice_key=subject.slice.key,
            verdict=feedback.verdict.value,
            at=feedback.at,
            author=feedback.author,
            comment=feedback.comment,
            items=as_json(items_of_subject(connection, subject)),
        )
    )
    return Feedback(subject.id, feedback.verdict, feedback.at, feedback.author, feedback.comment)


def subject_of(connection: Connection, id_prefix: str) -> Anomaly | Incident | Item:
    """The one anomaly or incident whose id begins so; where there is none, the one item; raises `InputError`."""
    found = queries.find_or_none(connection, id_prefix) or find_item(connection, id_prefix)
    return found or queries.find(connection, id_prefix)


def undo(connection: Connection, subject_id: str, author: str, at: datetime) -> Feedback:
    """Take back an author's last answer about a subject (id or unique beginning); the one before counts again."""
    table = schema.feedback
    prefix = subject_id.strip().lower()
    query = (
        sa.select(table)
        .where(
            table.c.subject_id >= prefix,
            table.c.subject_id < prefix + "g",
            table.c.author == plain(author),
            table.c.undone_at.is_(None),
        )
        .order_by(table.c.at.desc(), table.c.id.desc())
        .with_for_update()  # who takes back at the same time waits, and then sees what is left
    )
    rows = connection.execute(query).all()
    subjects = sorted({row.subject_id for row in rows})
    if len(subjects) > 1:
        raise InputError("Several answers begin like this", allowed=", ".join(subjects), got=subject_id)
    if not rows:
        raise InputError(f"{author or 'Nobody'} has no answer there to undo", got=subject_id)
    connection.execute(sa.update(table).where(table.c.id == rows[0].id).values(undone_at=at))
    return feedback_from_row(rows[0])


def counting(
    connection: Connection,
    *,
    monitor: str | None = None,
    subject_id: str | None = None,
    since: datetime | None = None,
) -> list[Feedback]:
    """The answers that count, oldest first: at most one an author and subject."""
    table = schema.feedback
    conditions: list[sa.ColumnElement[bool]] = []
    if monitor is not None:
        conditions.append(table.c.monitor == monitor)
    if subject_id is not None:
        conditions.append(table.c.subject_id == subject_id)
    last = _last_answers(connection, conditions)
    return [feedback_from_row(row) for row in last if since is None or row.at >= since]


def _last_answers(
    connection: Connection, conditions: Iterable[sa.ColumnElement[bool]], columns: Sequence[str] = TOLD
) -> list[sa.Row[Any]]:
    """The last answer of each author and subject, oldest first."""
    table = schema.feedback
    chosen = [table.c[name] for name in columns]
    query = sa.select(*chosen).where(table.c.undone_at.is_(None), *conditions).order_by(table.c.at, table.c.id)
    last: dict[tuple[str, str], sa.Row[Any]] = {}
    for row in connection.execute(query):
        key = (row.subject_id, row.author)
        last.pop(key, None)
        last[key] = row
    return list(last.values())


def excluded(connection: Connection, monitor: str, since: datetime, until: datetime) -> list[tuple[Window, str]]:
    """(window, slice key) of the anomalies in [since, until) that people confirmed as relevant, by time and slice.

    They leave the reference; "expected" and "not-relevant" stay in it.
    """
    found = decided(connection, monitor, since, until)
    return [(window, key) for window, key, verdict in found if verdict is Verdict.RELEVANT]


def decided(
    connection: Connection, monitor: str, since: datetime, until: datetime
) -> list[tuple[Window, str, Verdict]]:
    """(window, slice key, verdict) of the anomalies in [since, until) that people judged, by time and slice."""
    table, link = schema.anomaly, schema.incident_anomaly
    verdicts = {
        (row.subject_kind, row.subject_id): Verdict(row.verdict)
        for row in _last_answers(connection, [schema.feedback.c.monitor == monitor], DECIDING)
        if row.verdict != Verdict.UNSURE.value
    }
    if not verdicts:
        return []
    given = schema.feedback
    answered = sa.select(given.c.subject_id).where(given.c.monitor == monitor, given.c.undone_at.is_(None))
    query = (
        sa.select(table.c.id, table.c.window_start, table.c.window_end, table.c.slice_key, link.c.incident_id)
        .join(link, link.c.anomaly_id == table.c.id, isouter=True)
        .where(
            table.c.monitor == monitor,
            table.c.window_start >= since,
            table.c.window_start < until,
            sa.or_(table.c.id.in_(answered), link.c.incident_id.in_(answered)),
        )
    )
    found = set()
    for row in connection.execute(query):
        verdict = verdicts.get(("anomaly", row.id), verdicts.get(("incident", row.incident_id)))
        if verdict is not None:
            found.add((Window(row.window_start, row.window_end), row.slice_key, verdict))
    return sorted(found)
