"""Means over series, with the standard error of each gain."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tocsin.evaluate.relevancy import Quality
from tocsin.oracle.trials import RelevancyRow

__all__ = ["Gain", "Summary", "summaries"]


@dataclass(frozen=True, slots=True)
class Gain:
    """In F1, mean and standard error over series; the error of one series is NaN."""

    mean: float
    error: float


@dataclass(frozen=True, slots=True)
class Summary:
    """A detector and a mode over all series: what the detector reports, what relevancy makes of it."""

    detector: str
    mode: str
    n_answers: int
    n_series: int
    base: Quality
    own: Quality
    own_gain: Gain
    same_gain: Gain | None


def summaries(rows: Iterable[RelevancyRow]) -> list[Summary]:
    """One a detector, mode and number of answers, in the order in which they come first."""
    groups: dict[tuple[str, str, int], list[RelevancyRow]] = {}
    for row in rows:
        groups.setdefault((row.detector, row.mode, row.n_answers), []).append(row)
    found = []
    for (detector, mode, n_answers), group in groups.items():
        base, own = (_mean([getattr(row, part) for row in group]) for part in ("base", "own"))
        same = [row.same.f1 - row.base.f1 for row in group if row.same is not None]
        own_gain = _gain([row.own.f1 - row.base.f1 for row in group])
        found.append(Summary(detector, mode, n_answers, len(group), base, own, own_gain, _gain(same) if same else None))
    return found


def _mean(qualities: list[Quality]) -> Quality:
    parts = ((getattr(one, part) for one in qualities) for part in ("f1", "precision", "recall"))
    return Quality(*(float(np.mean(list(values))) for values in parts))


def _gain(gains: list[float]) -> Gain:
    error = float(np.std(gains, ddof=1)) / math.sqrt(len(gains)) if len(gains) > 1 else math.nan
    return Gain(float(np.mean(gains)), error)
