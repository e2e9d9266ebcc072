"""How many alerts a week are wanted, in place of a threshold.

The probabilities of a detector are seldom exact on real series: at a nominal .001 the realised rate of those measured
was between .00002 and .006. So the threshold is read from the surprises that the detector gave to a stretch of history.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import maximum_filter1d

from tocsin.errors import InputError
from tocsin.model import Floats

__all__ = ["AlertBudget"]

TAIL_PEAKS = 20


@dataclass(frozen=True, slots=True)
class AlertBudget:
    """So many alerts a week over all series together.

    alerts_a_week : positive
    points_a_week : of one series; positive
    rest : points within which surprises of one series are one alert, its highest
    """

    alerts_a_week: float
    points_a_week: float
    rest: int = 0

    def __post_init__(self) -> None:
        if not (self.alerts_a_week > 0 and self.points_a_week > 0 and self.rest >= 0):
            raise InputError("An alert budget is positive", allowed="alerts and points a week above 0, rest at least 0",
                             got=f"{self.alerts_a_week}, {self.points_a_week}, {self.rest}")  # fmt: skip

    def threshold(self, surprise: Floats) -> float:
        """The surprise that points beyond it are reported at, so that history would have kept to the budget.

        Where history is shorter than one alert is expected in, the threshold lies beyond all of it, by the mean excess
        of its highest surprises: their tail is taken as exponential, which it is for exact probabilities.

        Parameters
        ----------
        surprise : (n_series, n_times), NaN = missing

        Returns
        -------
        float : 0 at least; inf where nothing is known
        """
        allowed = self.alerts_a_week * surprise.shape[1] / self.points_a_week
        peaks = self._peaks(surprise)
        if not len(peaks):
            return math.inf
        if allowed >= len(peaks):
            return 0.0
        if allowed >= 1.0:
            lowest, next_one = peaks[math.floor(allowed) - 1], peaks[math.floor(allowed)]
            return float(max((lowest + next_one) / 2.0 if lowest > next_one else lowest, 0.0))
        top = peaks[: TAIL_PEAKS + 1]
        decade = float(np.mean(top[:-1] - top[-1])) * math.log(10.0) if len(top) > 1 else 1.0
        return float(peaks[0] - math.log10(allowed) * max(decade, 1.0))

    def _peaks(self, surprise: Floats) -> Floats:
        """The highest surprise of each alert, highest first."""
        known = np.where(np.isnan(surprise), -np.inf, surprise)
        if self.rest and known.size:
            highest = maximum_filter1d(known, 2 * self.rest + 1, axis=1, mode="constant", cval=-np.inf)
            kept = known == highest
            for back in range(1, self.rest + 1):  # of equal ones the first
                if back < known.shape[1]:
                    kept[:, back:] &= known[:, back:] != known[:, :-back]
            known = np.where(kept, known, -np.inf)
        found = known[np.isfinite(known)]
        return np.sort(found)[::-1]
