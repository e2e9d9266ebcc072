"""How small an attack on the monitor's own entities would be seen today, as sentences."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from tocsin.config import CollectionMonitorSettings
from tocsin.detectors.collections.sight import Sight, sight
from tocsin.formatting import format_count, format_number
from tocsin.model import Bools, Ints, Window
from tocsin.pipeline.collections.evidence import Evidence

__all__ = ["sight_notes"]

MOST_ENTITIES = 200
"""A sample of so many tells the smallest magnitude well enough."""
MOST_RECORDS, LARGEST = 1_000_000, 100_000
"""Of the sample together, and of an entity in it: fakes are drawn one by one."""
BANDS = (55, 173, 548, 1_732)
"""Records that part the small entities from the large: about 30, 100, 300, 1,000, 3,000 each."""
FEWEST = 8
"""Entities in a band, for a figure of its own."""
KINDS = {
    "centralised": "A burst at one time",
    "equalised": "Copies of real records",
    "independent": "Fakes at the usual times",
}


def sight_notes(
    monitor: CollectionMonitorSettings,
    evidence: Evidence,
    counts: Ints,
    window: Window,
    fine: Ints | None,
    honest: Bools,
) -> tuple[str, ...]:
    """A sentence a kind, of a sample of the entities that were judged and not flagged; none where bins are no times."""
    records = counts.sum(axis=1)
    rows = np.flatnonzero(honest & (records <= LARGEST))
    if not monitor.is_time_of_day or not len(rows):
        return ()
    chance = np.random.default_rng(int(window.start.timestamp()))
    chosen = chance.choice(rows, min(MOST_ENTITIES, len(rows)), replace=False)
    chosen = np.sort(chosen[np.cumsum(records[chosen]) <= MOST_RECORDS])
    mine = evidence.detector.subset(chosen)
    found = sight(mine, counts[chosen], window.start, None if fine is None else fine[chosen])
    of = format_count(len(chosen), "entity", "entities")
    return tuple(f"{KINDS[one.kind]} would be seen in half of {of} from {_least(one)}." for one in found)


def _least(found: Sight) -> str:
    """ "0.7 fakes an honest record on (1.5 under 55 records, 0.5 from 55 to 172)"."""
    edges = (0, *BANDS, np.inf)
    bands = []
    for low, high in pairwise(edges):
        if ((found.records >= low) & (found.records < high)).sum() >= FEWEST:
            name = (
                f"under {high:,.0f} records"
                if not low
                else f"from {low:,} on"
                if np.isinf(high)
                else f"from {low:,} to {high - 1:,}"
            )
            bands.append(f"{_magnitude(found, found.half(low, high))} {name}")
    whole = f"{_magnitude(found, found.half())} fakes an honest record on"
    return whole + (f" ({', '.join(bands)})" if len(bands) > 1 else "")


def _magnitude(found: Sight, value: float) -> str:
    if np.isinf(value):
        return f"more than {format_number(found.magnitudes[-1])}"
    return format_number(value) if value > found.magnitudes[0] else f"{format_number(value)} or less"
