"""What every series detector does alike: reads arrays, remembers what was learned, scores before it learns."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from tocsin.detectors.series.reading import read_values
from tocsin.detectors.series.scores import SeriesScores
from tocsin.model import Floats

__all__ = ["SeriesDetector"]


class SeriesDetector(BaseEstimator, ABC):  # type: ignore[misc]
    """Learns from a history, then scores what comes after it and learns from that, too.

    Subclasses have keyword-only settings, `_fit` and `_update`; what they learn ends in `_`. Updating in pieces equals
    one update; scores do not change when a series is multiplied by a constant.
    """

    n_series_: int

    def fit(self, values: Any) -> Self:
        """Learn from the history, oldest point first.

        Parameters
        ----------
        values : (n_series, n_times) numbers, NaN = missing

        Raises
        ------
        InputError
        """
        history = read_values(values)
        self.n_series_ = len(history)
        self._fit(history)
        return self

    def update(self, values: Any) -> SeriesScores:
        """Score the points that come next, each by what was known before it, and learn from them.

        Parameters
        ----------
        values : (n_series, n_new) numbers, NaN = missing

        Raises
        ------
        InputError, NotFittedError
        """
        if not hasattr(self, "n_series_"):
            raise NotFittedError(f"{type(self).__name__} has learned nothing yet; call fit first")
        return self._update(read_values(values, self.n_series_))

    def anomaly_score(self, values: Any) -> Floats:
        """(n_series, n_new) in [0, 1), NaN = missing: as `update`, without learning."""
        return copy.deepcopy(self).update(values).score

    def explain(self, values: Any) -> pd.DataFrame:
        """One line a series and new point, with what `update` would say of it; learns nothing."""
        found = read_values(values, getattr(self, "n_series_", None))
        scores = copy.deepcopy(self).update(found)
        n_series, n_new = found.shape
        columns = {
            "series": [row for row in range(n_series) for _ in range(n_new)],
            "step": list(range(n_new)) * n_series,
            "value": found.ravel(),
        }
        for name in ("expected", "lower", "upper", "surprise", "score", "direction"):
            columns[name] = getattr(scores, name).ravel()
        return pd.DataFrame(columns)

    @abstractmethod
    def get_state(self) -> dict[str, Any]:
        """What was learned: plain arrays and JSON values, never pickle."""

    @abstractmethod
    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state of `get_state` in place of a fit."""

    @abstractmethod
    def _fit(self, history: Floats) -> None: ...

    @abstractmethod
    def _update(self, values: Floats) -> SeriesScores: ...
