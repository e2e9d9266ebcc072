"""The detectors of the paper's tables over a series: what they say of each point after a history."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from tocsin.detectors.series.base import SeriesDetector
from tocsin.detectors.series.deep_ar import DeepAR
from tocsin.detectors.series.holt_winters import HoltWinters
from tocsin.detectors.series.iid import IID
from tocsin.detectors.series.random_cut_forest import RandomCutForest
from tocsin.errors import InputError, nearest
from tocsin.model import Floats

__all__ = ["DETECTORS", "Found", "detect"]

Make = Callable[[int | None, int], SeriesDetector]

DETECTORS: Mapping[str, Make] = MappingProxyType(
    {
        "IID": lambda season, seed: IID(),
        "HW": lambda season, seed: HoltWinters(season=season),
        "RCF": lambda season, seed: RandomCutForest(shingle=4, random_state=seed),
        "RNN": lambda season, seed: DeepAR(season=season, random_state=seed),
    }
)
"""As the paper names them: RCF the random cut forest, RNN the recurrent network. Given: season in points, seed."""
MOST_HISTORY = 20_000
"""Points to learn from; more cost time and say little."""


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a detector says of the points after the history, (n,) each; surprise is 0 where a point is missing.

    deviation : from what was expected, in half widths of the band
    """

    surprise: Floats
    deviation: Floats


def detect(name: str, history: Floats, values: Floats, season: int | None, seed: int = 0) -> Found:
    """Learn from the history (m,), then score the values (n,) that follow it.

    Raises
    ------
    InputError : an unknown detector, or torch is missing for RNN
    """
    if name not in DETECTORS:
        raise InputError("No such detector", allowed=", ".join(DETECTORS), got=name, hint=nearest(name, DETECTORS))
    detector = DETECTORS[name](season, seed).fit(history[None, -MOST_HISTORY:])
    scores = detector.update(values[None])
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        half = (scores.upper[0] - scores.lower[0]) / 2
        deviation = (values - scores.expected[0]) / np.maximum(half, np.finfo(float).tiny)
    return Found(np.nan_to_num(scores.surprise[0]), np.nan_to_num(np.clip(deviation, -1e6, 1e6)))
