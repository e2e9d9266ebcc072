"""The points of a series as independent draws of one distribution: what they were is what they will be.

The middle is a running mean, the yardstick a running mean absolute deviation, both of innovations that are bounded, so
that what stands out moves them little; how rare a distance from the middle is, is counted. The score is
1 - p, p the two-sided tail probability of the point.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tocsin.detectors.series.base import SeriesDetector
from tocsin.detectors.series.reading import Layout, read_state
from tocsin.detectors.series.scores import SeriesScores
from tocsin.detectors.series.settings import check_level, check_memory, directions
from tocsin.kernels.running_mean import begin_mean, run_mean
from tocsin.kernels.tail_counts import N_BINS
from tocsin.model import Floats

__all__ = ["IID"]

LAYOUT: Layout = {
    "known": (np.float64, (-1,)),
    "mean": (np.float64, (-1,)),
    "scale": (np.float64, (-1,)),
    "wide": (np.float64, (-1,)),
    "counts": (np.float64, (-1, N_BINS)),
}
"""Of a state, see `read_state`."""


class IID(SeriesDetector):
    """Independent points of one distribution (the simplest base detector there is, and not the worst).

    Parameters
    ----------
    level : of the band, in (0, 1); a point lies outside it where its score is above the level
    memory : points that the distribution remembers; later ones count as much as earlier ones until so many are known

    A series takes 400 bytes. Fewer than ten points say nothing: then no point is surprising and the band is infinite.

    >>> import numpy as np
    >>> history = np.random.default_rng(0).normal(100, 5, (1, 500))
    >>> scores = IID().fit(history).update([[101.0, 140.0, np.nan]])
    >>> scores.surprise.round(1)
    array([[0.1, 4.3, nan]])
    """

    def __init__(self, *, level: float = 0.99, memory: int = 100_000) -> None:
        self.level = level
        self.memory = memory

    def get_state(self) -> dict[str, Any]:
        return {name: getattr(self, f"{name}_") for name in LAYOUT}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        check_level(self.level)
        check_memory(self.memory)
        for name, array in read_state(state, LAYOUT).items():
            setattr(self, f"{name}_", array)
        self.n_series_ = len(self.known_)
        return self

    def _fit(self, history: Floats) -> None:
        check_level(self.level)
        check_memory(self.memory)
        n_series = len(history)
        self.known_, self.mean_, self.scale_, self.wide_ = np.zeros((4, n_series))
        self.counts_ = np.zeros((n_series, N_BINS))
        begin_mean(history, self.known_, self.mean_, self.scale_, self.wide_, self.counts_, float(self.memory))

    def _update(self, values: Floats) -> SeriesScores:
        found = np.empty((4, *values.shape))
        self._run(values, found)
        surprise, expected, lower, upper = found
        return SeriesScores(surprise, expected, lower, upper, directions(values, expected))

    def _run(self, values: Floats, found: npt.NDArray[np.float64]) -> None:
        run_mean(
            values, self.known_, self.mean_, self.scale_, self.wide_, self.counts_, float(self.memory),
            1.0 - self.level, *found,
        )  # fmt: skip
