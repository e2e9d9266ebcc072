"""How far an entity is beyond the detection threshold, and the entities just below it that relevancy may raise."""

from __future__ import annotations

import numpy as np

from tocsin.model import Floats, Ints
from tocsin.pipeline.excess import excess, midway, surprise

__all__ = ["excesses", "next_entities"]

TIMES_FLAGGED = 2
"""At most so many candidates an entity that is flagged: explaining one takes as long as explaining the other."""


def next_entities(scores: Floats, flagged: Ints, most: int) -> Ints:
    """The oddest entities that are not flagged, highest score first, equals by their order."""
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(scores[order]) & ~np.isin(order, flagged)]
    return order[: min(most, TIMES_FLAGGED * max(len(flagged), 1))].astype(np.int64)


def excesses(scores: Floats, shown: Ints, n_flagged: int, min_score: float) -> list[float]:
    """Of the flagged entities and the candidates behind them, by -log10(1 - score).

    The threshold is half way between the last that is flagged and the first that is not, since what is flagged is the
    oddest share of a window; without either it is `min_score`.
    """
    others = np.delete(scores, shown[:n_flagged])
    others = others[np.isfinite(others)]
    found = np.array([surprise(1.0 - score) for score in scores[shown]])
    rest = np.array([surprise(1.0 - np.max(others))]) if len(others) else np.empty(0)
    default = float(found[:n_flagged].min()) if n_flagged else surprise(1.0 - min_score)
    threshold = midway(found[:n_flagged], rest, default)
    return [excess(float(value), threshold, reported=place < n_flagged) for place, value in enumerate(found)]
