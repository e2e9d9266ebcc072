"""How small an attack would be seen: fakes on top of real collections, judged as if they were of today.

What is asked is the detector's own evidence, of today's entities: not a simulation of other sellers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tocsin.detectors.collections.detector import CollectionDetector
from tocsin.detectors.collections.engine import Counts
from tocsin.detectors.collections.farm import KINDS, Farm, farm_counts
from tocsin.model import Floats

__all__ = ["MAGNITUDES", "Sight", "sight"]

MAGNITUDES = (0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What would be found of one kind of attack.

    found   : (n_magnitudes,) share of the entities whose farmed collection is flagged
    records : (n_entities,) honest records
    least   : (n_entities,) the smallest magnitude from which on the entity's is flagged; inf = none
    """

    kind: str
    magnitudes: Sequence[float]
    found: Floats
    records: Floats
    least: Floats

    def half(self, low: float = 0.0, high: float = np.inf) -> float:
        """The smallest magnitude that is found in half of the entities with low <= records < high; inf = none."""
        chosen = (self.records >= low) & (self.records < high)
        return float(np.median(self.least[chosen])) if chosen.any() else float("nan")


def sight(
    detector: CollectionDetector,
    counts: Counts,
    period: datetime,
    fine: Counts | None = None,
    *,
    magnitudes: Sequence[float] = MAGNITUDES,
    random_state: int = 0,
) -> tuple[Sight, ...]:
    """Farm the collections of all entities, in each kind and magnitude, and judge them; nothing is learned.

    Parameters
    ----------
    detector : CollectionDetector, fitted
    counts : (n_entities, n_bins), equal spans of a day; entities without records are left out
    fine : (n_entities, n_spans), optional; n_spans a multiple of n_bins. The fakes are drawn in these.

    Returns
    -------
    One `Sight` a kind.
    """
    rows = np.flatnonzero(counts.sum(axis=1) > 0)
    honest = counts[rows] if fine is None else fine[rows]
    mine, n_bins = detector.subset(rows), counts.shape[1]
    # all are farmed here at once, which of all entities would be a factor that they share
    common = mine.judge(counts[rows], period, None if fine is None else honest).common_factor
    everybody = np.ones(len(rows), dtype=bool)
    found = []
    for number, kind in enumerate(KINDS):
        flagged = np.zeros((len(magnitudes), len(rows)), dtype=bool)
        for place, magnitude in enumerate(magnitudes):
            chance = np.random.default_rng([random_state, number, place])
            farmed = farm_counts(chance, honest, everybody, Farm(kind, magnitude))
            coarse = farmed if fine is None else farmed.reshape(len(rows), n_bins, -1).sum(axis=2)
            flagged[place] = mine.judge(coarse, period, None if fine is None else farmed, common).flagged
        from_here_on = np.logical_and.accumulate(flagged[::-1], axis=0)[::-1]
        least = np.where(from_here_on.any(axis=0), np.array(magnitudes)[from_here_on.argmax(axis=0)], np.inf)
        found.append(Sight(kind, magnitudes, flagged.mean(axis=1), honest.sum(axis=1).astype(np.float64), least))
    return tuple(found)
