"""Any raw score, higher = odder, as a surprise: how rare a score at least as high has been, -log10 of the probability.

The distribution is that of the newest scores of each series: the empirical one, interpolated between neighbours so that
no two scores tie, and a generalised Pareto tail (Pickands 1975; Hosking & Wallis 1987) beyond its 95 % point, so that
scores higher than any known one keep their order and grow without end. Each score is judged by those before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tocsin.detectors.series.reading import read_number, read_state, read_values
from tocsin.errors import InputError
from tocsin.kernels.tail_calibration import calibrate
from tocsin.model import Floats

__all__ = ["TailCalibration"]

Ints = npt.NDArray[np.int64]


class TailCalibration:
    """Streaming calibration of the raw scores of many series, each by its own distribution.

    Parameters
    ----------
    n_series
    memory : scores of a series that are kept; 16 bytes each

    Fewer than ten known scores say nothing: the surprise is 0. The probabilities are not exact (scores of neighbouring
    points are not independent): a threshold is set by an `AlertBudget`, not by a level.

    >>> import numpy as np
    >>> scores = TailCalibration(1).fit(np.arange(100.0)[None])
    >>> scores.surprise(np.array([[50.0, 99.0, 500.0]])).round(2)
    array([[0.3 , 1.93, 8.12]])
    """

    _ordered: Floats
    _ring: Floats
    _known: Ints
    _head: Ints

    def __init__(self, n_series: int, *, memory: int = 4096) -> None:
        if memory < 1:
            raise InputError("The memory of a calibration is positive", allowed="at least 1", got=memory)
        self.n_series, self.memory = n_series, memory
        self._forget()

    def fit(self, raw: Any) -> Self:
        """Learn a history in place of what was known.

        Parameters
        ----------
        raw : (n_series, n_times) raw scores, oldest first, NaN = missing
        """
        history = read_values(raw, self.n_series)
        self._forget()
        self._run(history, np.empty((self.n_series, 0)))
        return self

    def surprise(self, raw: Any) -> Floats:
        """(n_series, n_new) in [0, inf), NaN = missing: each score by what was known before it; then learns it."""
        scores = read_values(raw, self.n_series)
        surprise = np.empty(scores.shape)
        self._run(scores, surprise)
        return surprise

    def get_state(self) -> dict[str, Any]:
        """The known scores of each series as they came, oldest first; NaN fills the rows."""
        width = int(self._known.max(initial=0))
        places = (np.arange(width) + self._head[:, None]) % max(width, 1)
        recent = np.take_along_axis(self._ring[:, :width], places, axis=1)
        recent[np.arange(width) >= self._known[:, None]] = np.nan
        return {"memory": self.memory, "recent": recent}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state of `get_state` in place of a fit."""
        recent = read_state(state, {"recent": (np.float64, (-1, None))}, holes=["recent"])["recent"]
        memory = read_number(state, "memory", max(recent.shape[1], 1))
        self.n_series, self.memory = len(recent), memory
        self._forget()
        self._ring, self._ordered = recent, np.sort(recent, axis=1)  # NaN last
        self._known = np.sum(~np.isnan(recent), axis=1)
        return self

    def _forget(self) -> None:
        self._ordered = np.empty((self.n_series, 0))
        self._ring = np.empty((self.n_series, 0))
        self._known = np.zeros(self.n_series, np.int64)
        self._head = np.zeros(self.n_series, np.int64)

    def _run(self, raw: Floats, surprise: Floats) -> None:
        self._make_room(raw.shape[1])
        calibrate(raw, self._ordered, self._ring, self._known, self._head, self.memory, surprise)

    def _make_room(self, n_new: int) -> None:
        needed = min(int(self._known.max(initial=0)) + n_new, self.memory)
        room = self._ring.shape[1]
        if needed > room:
            more = ((0, 0), (0, min(max(needed, 2 * room), self.memory) - room))
            self._ordered, self._ring = np.pad(self._ordered, more), np.pad(self._ring, more)
