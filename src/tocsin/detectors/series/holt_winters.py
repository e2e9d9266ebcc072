"""Exponential smoothing (Holt 1957; Winters 1960; two seasons: Taylor 2003): forecasts of level, trend and season.

The score is 1 - p, p the two-sided tail probability of the error of the forecast one point ahead, relative to the scale
of the errors; see `kernels.holt_winters` for the recursions and `kernels.tail_counts` for the probability.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from tocsin.detectors.series.base import SeriesDetector
from tocsin.detectors.series.reading import Layout, read_number, read_state
from tocsin.detectors.series.scores import SeriesScores
from tocsin.detectors.series.settings import check_level, check_memory, check_season, directions, is_number
from tocsin.errors import InputError
from tocsin.kernels.holt_winters import N_CORE, run_holt_winters
from tocsin.kernels.holt_winters_fit import START, begin_season, search_smoothing
from tocsin.kernels.tail_counts import N_BINS
from tocsin.model import Floats

__all__ = ["HoltWinters"]

SCALE_MEMORY = 200
"""Points, at least, that the scale of the errors is a mean of."""
LEAST_SEARCHED = 30
SEARCHED, SEARCHED_CYCLES = 4_000, 7
"""Points, or cycles if that is more, of the history that smoothing is searched on."""


class HoltWinters(SeriesDetector):
    """Forecasts each point from level, damped trend and season, robust to outliers.

    Parameters
    ----------
    season : points of a cycle, None: without season
    smoothing : (level, trend, season) or (level, trend, season, second season), each in [0, 1], for all series; None:
        what forecasts the history of each series best; (.2, 0, .1) where that is under 30 points or two seasons
    level : of the band, in (0, 1); a point lies outside it where its score is above the level
    seasonal : whether a season is added or multiplied; the latter is for positive series
    second_season : points of a longer cycle on top of the first, as a week on a day
    damping : share of the trend that is left after a point, in (0, 1]
    shift : points that the season may move by, earlier or later, once the other place fits clearly better; those of an
        hour for a season in local time that daylight saving moves. 0: none
    memory : points whose errors say how rare one is

    A missing point leaves the state as it is but for the trend. A season that the history does not hold is learned
    as it comes. A series takes 9 bytes a point of its seasons, and 500.

    >>> import numpy as np
    >>> day = 100 + 10 * np.sin(np.arange(24 * 30) * 2 * np.pi / 24)
    >>> history = (day + np.random.default_rng(0).normal(0, 1, day.shape))[None]
    >>> scores = HoltWinters(season=24).fit(history).update([[100.0, 120.0, np.nan, 107.0]])
    >>> scores.surprise.round(1)
    array([[0.1, 5.7, nan, 0. ]])
    """

    def __init__(
        self,
        *,
        season: int | None = None,
        smoothing: Sequence[float] | None = None,
        level: float = 0.99,
        seasonal: Literal["additive", "multiplicative"] = "additive",
        second_season: int | None = None,
        damping: float = 0.98,
        shift: int = 0,
        memory: int = 20_000,
    ) -> None:
        self.season = season
        self.smoothing = smoothing
        self.level = level
        self.seasonal = seasonal
        self.second_season = second_season
        self.damping = damping
        self.shift = shift
        self.memory = memory

    def get_state(self) -> dict[str, Any]:
        return {"next": self.next_, **{name: getattr(self, f"{name}_") for name in self._layout()}}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        self._given_smoothing()
        for name, array in read_state(state, self._layout()).items():
            setattr(self, f"{name}_", array)
        self.next_ = read_number(state, "next")
        self.n_series_ = len(self.core_)
        return self

    def _fit(self, history: Floats) -> None:
        given = self._given_smoothing()
        n_series, n_times = history.shape
        neutral = 1.0 if self.seasonal == "multiplicative" else 0.0
        self.core_ = np.zeros((n_series, N_CORE))
        self.season_, self.second_ = (np.full((n or 0, n_series), neutral) for n in (self.season, self.second_season))
        self.visits_, self.visits2_ = (np.zeros(part.shape, np.int8) for part in (self.season_, self.second_))
        self.counts_ = np.zeros((n_series, N_BINS))
        self.smoothing_ = np.tile(given, (n_series, 1))
        self.next_ = 0
        begin_season(history, *self._states(), self.seasonal == "multiplicative")
        begun = min(self.season or self.second_season or 0, n_times // 2)  # its errors are not those of forecasts
        if self.smoothing is None and n_times >= max(LEAST_SEARCHED, 2 * (self.season or 0)):
            self._search(history[:, : self._searched(n_times)], begun)
        self._run(history[:, :begun], np.empty((4, n_series, 0)), counted=False)
        self._run(history[:, begun:], np.empty((4, n_series, 0)))

    def _update(self, values: Floats) -> SeriesScores:
        found = np.empty((4, *values.shape))
        self._run(values, found)
        surprise, expected, lower, upper = found
        return SeriesScores(surprise, expected, lower, upper, directions(values, expected))

    def _search(self, history: Floats, begun: int) -> None:
        search_smoothing(
            np.ascontiguousarray(history), begun, *self._states(), self.smoothing_, self.damping,
            self.seasonal == "multiplicative", self._keep(),
        )  # fmt: skip

    def _searched(self, n_times: int) -> int:
        return min(n_times, max(SEARCHED, SEARCHED_CYCLES * (self.season or 0)))

    def _layout(self) -> Layout:
        """Of a state, see `read_state`."""
        first, second = (self.season or 0, -1), (self.second_season or 0, -1)
        return {
            "core": (np.float64, (-1, N_CORE)),
            "season": (np.float64, first),
            "visits": (np.int8, first),
            "second": (np.float64, second),
            "visits2": (np.int8, second),
            "counts": (np.float64, (-1, N_BINS)),
            "smoothing": (np.float64, (-1, 4)),
        }

    def _states(self) -> tuple[Any, ...]:
        return self.core_, self.season_, self.visits_, self.second_, self.visits2_

    def _keep(self) -> float:
        return 1.0 / max(SCALE_MEMORY, self.season or 0)

    def _run(self, values: Floats, found: npt.NDArray[np.float64], *, counted: bool = True) -> None:
        counts = self.counts_ if counted else self.counts_[:, :0]
        run_holt_winters(
            np.ascontiguousarray(values), self.next_, *self._states(), counts, self.smoothing_, self.damping,
            self.seasonal == "multiplicative", self.shift, self._keep(), float(self.memory), 1.0 - self.level, *found,
            np.empty(0),
        )  # fmt: skip
        self.next_ += values.shape[1]

    def _given_smoothing(self) -> Floats:
        """The checked settings' smoothing, (4,)."""
        check_level(self.level)
        check_memory(self.memory)
        for name in ("season", "second_season"):
            check_season(name, getattr(self, name))
        if not isinstance(self.shift, int | np.integer) or self.shift < 0:
            raise InputError("A shift of the season is a number of points", allowed="0 or more", got=self.shift)
        if self.seasonal not in ("additive", "multiplicative"):
            raise InputError("No such kind of season", allowed="additive, multiplicative", got=self.seasonal)
        if not (is_number(self.damping) and 0.0 < self.damping <= 1.0):
            raise InputError("The damping of the trend is a share", allowed="above 0, up to 1", got=self.damping)
        given = START if self.smoothing is None else self.smoothing
        found = list(given) if np.ndim(given) == 1 else []
        if len(found) not in (3, 4) or not all(is_number(share) and 0.0 <= share <= 1.0 for share in found):
            raise InputError("Smoothing is a share each for level, trend, season, and perhaps second season",
                             allowed="3 or 4 numbers in [0, 1]", got=self.smoothing)  # fmt: skip
        return np.array([*found, found[2]][:4], dtype=np.float64)
