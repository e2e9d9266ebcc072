"""Two baselines on scikit-learn: the local outlier factor and the one-class support vector machine.

Both compute on standardised numbers (medians for missing values) and one column a category (the 50 most frequent), and
learn from at most `max_rows` rows of the table of fit. Scores are d / (d + d'), d' = the median of d over these rows:
.5 is usual, towards 1 is odd.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.svm import OneClassSVM

from tocsin.detectors.contextual.columns import EncodedTable
from tocsin.detectors.contextual.dense import DenseMap, squashed
from tocsin.detectors.contextual.estimator import TableDetector
from tocsin.errors import InputError
from tocsin.model import Floats, Ints

__all__ = ["LocalOutlier", "OneClassSvm"]

NEIGHBOURS = range(10, 101, 10)
LEAST_DENSITY = 1e-10
NO_DISTANCE = 1e-6  # distances by matrix products are exact to some 1e-7 of the coordinates
ROWS_AT_ONCE = 20_000


class DenseDetector(TableDetector):
    """A detector on a dense matrix of at most `max_rows` rows, drawn at random from the table of fit."""

    max_rows: int
    contamination: float
    random_state: Any

    def _check_settings(self) -> None:
        super()._check_settings()
        if not isinstance(self.max_rows, Integral) or isinstance(self.max_rows, bool) or self.max_rows < 2:
            raise InputError("The setting max_rows", allowed="a whole number, at least 2", got=self.max_rows)

    def _fit(self, table: EncodedTable, order: Ints, random: np.random.Generator) -> None:
        rows = order
        if len(order) > self.max_rows:
            rows = order[np.sort(random.choice(len(order), int(self.max_rows), replace=False))]
        sample = table.take(rows)
        self._map = DenseMap.learn(sample, self.schema_.n_categories)
        self._take_rows(self._map.matrix(sample))
        self._usual = float(np.median(self._distance(self._rows)))

    def _take_rows(self, rows: Floats) -> None:
        self._rows = rows
        self._learn(rows)

    @abstractmethod
    def _learn(self, rows: Floats) -> None:
        """Learn from (n, n_columns) rows."""

    @abstractmethod
    def _distance(self, matrix: Floats) -> Floats:
        """(n,) 0 or more, higher is odder."""

    def _surprise(self, table: EncodedTable) -> Floats:
        parts = [
            self._distance(self._map.matrix(table.take(slice(start, start + ROWS_AT_ONCE))))
            for start in range(0, len(table), ROWS_AT_ONCE)
        ]
        return squashed(np.concatenate(parts) if parts else np.empty(0), self._usual)

    def _get_learned(self) -> dict[str, Any]:
        return {"rows": self._rows, "usual": self._usual, "map": self._map.to_arrays()}

    def _set_learned(self, learned: Mapping[str, Any]) -> None:
        self._map = DenseMap.from_arrays(learned["map"])
        self._usual = float(learned["usual"])
        self._take_rows(np.ascontiguousarray(learned["rows"], np.float64))


class LocalOutlier(DenseDetector):
    """Local outlier factor (Breunig and others 2000), the largest over 10, 20 … 100 neighbours.

    A row that is itself among the rows of fit (at distance 0) does not count as its own neighbour.

    Parameters
    ----------
    max_rows : int
        Rows of fit that are learned from.
    contamination : float in (0, 0.5]
        Share of the rows of fit that `predict` calls outliers.
    random_state : int, RandomState, Generator or None
        Seed of the choice of rows, where there are more than `max_rows`.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.append(np.random.default_rng(0).normal(size=(200, 2)), [[6.0, 6.0]], axis=0)
    >>> int(LocalOutlier(random_state=0).fit(table).anomaly_score(table).argmax())
    200
    """

    def __init__(self, *, max_rows: int = 10_000, contamination: float = 0.01, random_state: Any = None) -> None:
        self.max_rows = max_rows
        self.contamination = contamination
        self.random_state = random_state

    def _learn(self, rows: Floats) -> None:
        n = len(rows)
        self._sizes = sorted({min(k, n - 1) for k in NEIGHBOURS})
        self._index = NearestNeighbors(n_neighbors=min(self._sizes[-1] + 1, n)).fit(rows)
        distance, neighbour = self._neighbours(rows)
        # reachability needs each row's own distance to its k-th neighbour first
        self._reach = np.stack([distance[:, k - 1] for k in self._sizes])
        self._density = np.stack([self._densities(distance, neighbour, place) for place in range(len(self._sizes))])

    def _neighbours(self, matrix: Floats) -> tuple[Floats, Ints]:
        """The nearest rows of fit, without the row itself (or one that equals it)."""
        distance, neighbour = self._index.kneighbors(matrix)
        if distance.shape[1] == 1:
            return distance, neighbour
        itself = distance[:, 0] <= NO_DISTANCE * (1.0 + np.abs(matrix).max(axis=1))
        keep = np.arange(distance.shape[1] - 1) + itself[:, None]
        return np.take_along_axis(distance, keep, axis=1), np.take_along_axis(neighbour, keep, axis=1)

    def _densities(self, distance: Floats, neighbour: Ints, place: int) -> Floats:
        """Local reachability density for the place-th number of neighbours."""
        k = self._sizes[place]
        reached = np.maximum(distance[:, :k], self._reach[place][neighbour[:, :k]])
        return np.asarray(1.0 / (reached.mean(axis=1) + LEAST_DENSITY), np.float64)

    def _distance(self, matrix: Floats) -> Floats:
        distance, neighbour = self._neighbours(matrix)
        factors = [
            self._density[place][neighbour[:, :k]].mean(axis=1) / self._densities(distance, neighbour, place)
            for place, k in enumerate(self._sizes)
        ]
        return np.asarray(np.max(factors, axis=0), np.float64)


class OneClassSvm(DenseDetector):
    """One-class support vector machine (Schölkopf and others 2001) with a Gaussian kernel.

    Its distance is exp(-f): f is the decision function over the support vectors' sum, so that 1 lies on the boundary.

    Parameters
    ----------
    nu : float in (0, 1]
        Most rows outside the boundary, least support vectors, as shares.
    max_rows : int
        Rows of fit that are learned from.
    contamination : float in (0, 0.5]
        Share of the rows of fit that `predict` calls outliers.
    random_state : int, RandomState, Generator or None
        Seed of the choice of rows, where there are more than `max_rows`.

    Examples
    --------
    >>> import numpy as np
    >>> table = np.append(np.random.default_rng(0).normal(size=(200, 2)), [[6.0, 6.0]], axis=0)
    >>> int(OneClassSvm(random_state=0).fit(table).anomaly_score(table).argmax())
    200
    """

    def __init__(
        self, *, nu: float = 0.1, max_rows: int = 5_000, contamination: float = 0.01, random_state: Any = None
    ) -> None:
        self.nu = nu
        self.max_rows = max_rows
        self.contamination = contamination
        self.random_state = random_state

    def _check_settings(self) -> None:
        super()._check_settings()
        if not isinstance(self.nu, Real) or not 0.0 < float(self.nu) <= 1.0:
            raise InputError("The setting nu", allowed="a number in (0, 1]", got=self.nu)

    def _learn(self, rows: Floats) -> None:
        self._machine = OneClassSVM(nu=float(self.nu), gamma="scale").fit(rows)

    def _distance(self, matrix: Floats) -> Floats:
        scale = float(np.abs(self._machine.dual_coef_).sum()) or 1.0
        return np.asarray(np.exp(-self._machine.decision_function(matrix) / scale), np.float64)
