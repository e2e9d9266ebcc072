"""What people's answers teach: the items they stood for, each with +1 or -1, read from the answers alone.

"relevant" is +1 and "not-relevant" -1; "expected" says that something was known beforehand, not that its kind is
unwanted, and teaches nothing, no more than "unsure". An answer about an anomaly or an item goes before one about an
incident that holds it; else the later one decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tocsin.model import Item, LabelledItem, Verdict
from tocsin.store import schema

__all__ = ["as_json", "labels", "n_apart"]

TEACHES = {Verdict.RELEVANT.value: True, Verdict.NOT_RELEVANT.value: False}
MOST_READ = 5_000
"""Answers that are looked at, the newest: what is older than so many others has nothing to add."""


def as_json(items: Sequence[Item]) -> list[dict[str, Any]]:
    """What an answer keeps of its items."""
    return [
        {
            "id": item.id,
            "monitor": item.monitor,
            "at": item.window.start.isoformat(),
            "excess": item.excess,
            "schema": item.schema,
            "embedding": list(item.embedding),
        }
        for item in items
    ]


def labels(connection: Connection, monitors: Sequence[str], limit: int) -> list[LabelledItem]:
    """The labelled items of the newest answers to some monitors, oldest first.

    At most `limit`, and of each side at most half of it unless the other side has fewer: a crowd of one kind of answers
    does not push out the other.
    """
    found: dict[str, LabelledItem] = {}
    by_incident: set[str] = set()
    for row in _deciding(connection, monitors):
        is_whole = row.subject_kind == "incident"
        for entry in row.items or ():
            item = _labelled(entry, row.subject_id, TEACHES[row.verdict])
            if item is None or (item.id in found and (is_whole or item.id not in by_incident)):
                continue
            found[item.id] = item
            (by_incident.add if is_whole else by_incident.discard)(item.id)
    newest = sorted(found.values(), key=lambda item: (item.at, item.id), reverse=True)
    sides = [[item for item in newest if item.is_relevant is side] for side in (True, False)]
    half = limit // 2
    room = [max(half, limit - len(other)) for other in reversed(sides)]
    chosen = [item for side, most in zip(sides, room, strict=True) for item in side[:most]]
    return sorted(chosen, key=lambda item: (item.at, item.id))


def n_apart(connection: Connection, monitor: str) -> int:
    """How many answers with a side stand for no item."""
    table = schema.feedback
    empty = sa.or_(table.c["items"].is_(None), sa.cast(table.c["items"], sa.Text) == "[]")
    query = sa.select(sa.func.count()).where(
        table.c.monitor == monitor, table.c.undone_at.is_(None), table.c.verdict.in_(list(TEACHES)), empty
    )
    return connection.execute(query).scalar_one()


def _deciding(connection: Connection, monitors: Sequence[str]) -> Iterator[sa.Row[Any]]:
    """The answer that decides each subject, newest first: of each author the last counts, of the authors the later."""
    table = schema.feedback
    columns = [table.c[name] for name in ("subject_id", "subject_kind", "verdict", "author", "items")]
    query = (
        sa.select(*columns)
        .where(table.c.monitor.in_(monitors), table.c.undone_at.is_(None))
        .order_by(table.c.at.desc(), table.c.id.desc())
        .limit(MOST_READ)
    )
    heard: set[tuple[str, str]] = set()
    decided: set[str] = set()
    for row in connection.execute(query):
        if (row.subject_id, row.author) in heard:
            continue
        heard.add((row.subject_id, row.author))
        if row.verdict == Verdict.UNSURE.value or row.subject_id in decided:
            continue
        decided.add(row.subject_id)
        if row.verdict in TEACHES:
            yield row


def _labelled(entry: Mapping[str, Any], answered: str, is_relevant: bool) -> LabelledItem | None:
    """None for what no version of tocsin has written."""
    try:
        return LabelledItem(
            id=str(entry["id"]),
            answered=answered,
            monitor=str(entry["monitor"]),
            at=datetime.fromisoformat(entry["at"]),
            excess=float(entry["excess"]),
            schema=str(entry["schema"]),
            embedding=tuple(float(value) for value in entry["embedding"]),
            is_relevant=is_relevant,
        )
    except (KeyError, TypeError, ValueError):
        return None
