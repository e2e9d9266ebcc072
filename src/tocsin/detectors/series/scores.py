"""What a series detector says of new points: how surprising each is, and where it was expected to be.

`surprise` is -log10 of the two-sided tail probability. It is computed from the logarithm of the tail, so that the most
extreme points, whose `score` 1 - p cannot be told from 1, keep their order. A missing point has NaN everywhere but in
the band, which is known before the point is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.model import Floats

__all__ = ["SeriesScores"]

ALMOST_ONE = float(np.nextafter(1.0, 0.0))


@dataclass(frozen=True, slots=True, eq=False)
class SeriesScores:
    """One column a new point, in the order of time; all arrays are (n_series, n_new).

    surprise     : -log10(p), in [0, inf), p the probability of a point at least as far out; NaN where it is missing
    expected     : the middle of what was expected, in the units of the series
    lower, upper : the band at the detector's `level`; -inf and inf where nothing is known yet
    direction    : 1 above what was expected, -1 below, 0 neither or missing
    """

    surprise: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    direction: npt.NDArray[np.int8]

    @property
    def score(self) -> Floats:
        """The anomaly score 1 - p in [0, 1), NaN where the point is missing."""
        score: Floats = np.minimum(-np.expm1(-np.log(10.0) * self.surprise), ALMOST_ONE)
        return score
