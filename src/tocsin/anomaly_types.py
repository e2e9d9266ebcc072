"""The kinds of anomalies that a monitor has seen: a card each, with what people said of it.

Kinds keep their numbers from one time to the next: those found last are kept in the store, and runs note with each item
which of them it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

import numpy as np

from tocsin.config import MonitorSettings, Settings
from tocsin.formatting import format_count
from tocsin.pipeline.relevance import TYPES_STATE, labels_of, stored_types
from tocsin.relevancy import AnomalyType, embedding_names, embedding_schema, find_types, type_cards
from tocsin.store import Store

__all__ = ["LAYOUT", "left_out", "types_of"]

LAYOUT = 1
MOST_ITEMS = 10_000
"""The newest that are looked at."""


def types_of(
    settings: Settings, store: Store, monitor: MonitorSettings, *, days: float, now: datetime | None
) -> tuple[tuple[AnomalyType, ...], Mapping[str, str]]:
    """The cards of a monitor's kinds, the most frequent first, and the headline of each example by its id.

    Parameters
    ----------
    days : how far back from the newest item
    now : when this is looked at, noted with the kinds that the store keeps; None: the store keeps what it has

    Raises
    ------
    StoreError
    """
    schema = embedding_schema(monitor.kind)
    items = store.newest_items(monitor.name, timedelta(days=days), limit=MOST_ITEMS, schema=schema)
    if not items:
        return (), MappingProxyType({})
    labels = [label for label in labels_of(store, settings, monitor) if label.schema == schema]
    embeddings = np.array([item.embedding for item in items])
    found = find_types(embeddings, schema=schema, previous=stored_types(store, monitor.name))
    if now is not None:
        store.put_state(monitor.name, TYPES_STATE, LAYOUT, {}, found.to_json(), at=now)
    # what has no anomaly that is stored is named by its own id: an answer may be given to either
    ids = [item.anomaly_id if item.is_base or item.is_selected else item.id for item in items]
    cards = type_cards(
        found,
        embeddings,
        embedding_names(schema),
        item_ids=ids,
        selected=[item.is_selected for item in items],
        answered=np.array([label.embedding for label in labels]),
        labels=[1 if label.is_relevant else -1 for label in labels],
        subjects=[label.answered for label in labels],
        slices=[item.slice for item in items],
        kpis=[item.kpi for item in items],
    )
    headlines = dict(zip(ids, (item.headline for item in items), strict=True))
    return cards, {name: headlines[name] for card in cards for name in card.examples}


def left_out(settings: Settings, store: Store, monitor: MonitorSettings, *, days: float) -> list[str]:
    """Sentences on the sightings and answers that `types_of` and the replay of answers do not look at."""
    last = store.items(monitor.name, limit=1)
    if not last:
        return []
    schema = embedding_schema(monitor.kind)
    counts = store.item_counts(monitor.name, last[0].window.end - timedelta(days=days))
    n_same = counts.pop(schema, 0)
    n_others = sum(counts.values())
    n_foreign = len({one.answered for one in labels_of(store, settings, monitor) if one.schema != schema})
    told = []
    if n_same > MOST_ITEMS:
        told.append(f"Of {n_same:,} sightings the newest {MOST_ITEMS:,} are looked at.")
    if n_others or n_foreign:
        told.append(
            f"Left out, because another version of tocsin has described them: {format_count(n_others, 'sighting')} and "
            f"{format_count(n_foreign, 'answer')}. Such an answer teaches nothing until it is given again."
        )
    n_apart = store.n_answers_apart(monitor.name)
    if n_apart:
        told.append(
            f"{format_count(n_apart, 'answer teaches', 'answers teach')} nothing: given before sightings were "
            "remembered, or about none, like a source's silence."
        )
    return told
