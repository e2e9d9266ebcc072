"""What people's answers teach: the items they stood for, each with +1 or -1, read from the answers alone.

"relevant" is +1 and "not-relevant" -1; "expected" says that something was known beforehand, not that its kind is
unwanted, and teaches nothing, no more than "unsure". An answer about an anomaly or an item goes before one about an
incident that holds it; else the later one decides.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tocsin.model import Item, LabelledItem, Verdict
from tocsin.store import schema
from tocsin.store.queries import in_batches

__all__ = ["as_json", "labels", "n_apart"]

TEACHES = {Verdict.RELEVANT.value: True, Verdict.NOT_RELEVANT.value: False}
MOST_READ, PIECE = 100_000, 2_000
"""Answers that are looked at, the newest, and how many of them at a time."""
MOST_OF_A_SIDE = 1_000
"""Subjects of either side whose items are read: what is older than so many others has nothing to add. Counted by side
and by subject, so that neither a crowd of dismissals nor one answer given again and again pushes out all others."""


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
    deciding = _deciding(connection, monitors)
    entries = _items_of(connection, deciding)
    for row in deciding:
        is_whole = row.subject_kind == "incident"
        for entry in entries.get(row.id, ()):
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


def _deciding(connection: Connection, monitors: Sequence[str]) -> list[sa.Row[Any]]:
    """The answers that decide, newest first: of each author the last counts, of the authors the later."""
    table = schema.feedback
    columns = [table.c[name] for name in ("id", "subject_id", "subject_kind", "verdict", "author")]
    query = (
        sa.select(*columns)
        .where(table.c.monitor.in_(monitors), table.c.undone_at.is_(None))
        .order_by(table.c.at.desc(), table.c.id.desc())
        .limit(MOST_READ)
        .execution_options(yield_per=PIECE)
    )
    heard: set[tuple[str, str]] = set()
    decided: set[str] = set()
    found: list[sa.Row[Any]] = []
    left = dict.fromkeys(TEACHES, MOST_OF_A_SIDE)
    with connection.execute(query) as rows:
        for row in rows:
            if (row.subject_id, row.author) in heard:
                continue
            heard.add((row.subject_id, row.author))
            if row.verdict == Verdict.UNSURE.value or row.subject_id in decided:
                continue
            decided.add(row.subject_id)
            if left.get(row.verdict, 0) > 0:
                left[row.verdict] -= 1
                found.append(row)
                if not any(left.values()):
                    break
    return found


def _items_of(connection: Connection, answers: Sequence[sa.Row[Any]]) -> dict[int, Sequence[Any]]:
    """What each answer kept of its items, by the answer's number."""
    table = schema.feedback
    found: dict[int, Sequence[Any]] = {}
    for numbers in in_batches([row.id for row in answers]):
        query = sa.select(table.c.id, table.c["items"]).where(table.c.id.in_(numbers))
        found |= {row.id: row.items for row in connection.execute(query) if isinstance(row.items, list)}
    return found


def _labelled(entry: Mapping[str, Any], answered: str, is_relevant: bool) -> LabelledItem | None:
    """None for what no version of tocsin has written."""
    try:
        item = LabelledItem(
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
    is_sound = bool(item.embedding) and all(map(math.isfinite, (item.excess, *item.embedding)))
    return item if is_sound else None
