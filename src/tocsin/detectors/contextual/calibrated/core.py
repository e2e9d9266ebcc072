"""Mahalanobis distance from the densest part of the rows."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from scipy.linalg import solve_triangular

from tocsin.model import Floats

__all__ = ["Core"]

N_STEPS = 6


class Core:
    """Squared distance from the mean of the densest rows, in units of their shrunken covariance.

    The densest rows are found by concentration steps (Rousseeuw and Van Driessen 1999) from all rows: the mean and
    covariance of the nearest, again and again.
    """

    def __init__(self, mean: Floats, whiten: Floats) -> None:
        self._mean, self._whiten = mean, whiten

    @classmethod
    def of(cls, rows: Floats, share: float, ridge: float, target: Floats | None = None) -> Self:
        """Learn from rows.

        Parameters
        ----------
        rows : (n, n_columns)
        share : of the rows that make the core
        ridge : weight of `target` in the covariance
        target : (n_columns,) variances to shrink to; None = the mean variance of the core, added to it
        """
        n, n_columns = rows.shape
        size = max(int(share * n), min(n, n_columns + 2))
        inside = np.arange(n)
        for step in range(N_STEPS):
            mean = rows[inside].mean(axis=0)
            lower = np.linalg.cholesky(_shrunken_covariance(rows[inside], ridge, target))
            if step < N_STEPS - 1:
                distances = (solve_triangular(lower, (rows - mean).T, lower=True) ** 2).sum(axis=0)
                inside = np.argpartition(distances, size - 1)[:size]
        return cls(mean, solve_triangular(lower, np.eye(n_columns), lower=True).T)

    def __call__(self, rows: Floats) -> Floats:
        """(n,) squared distances."""
        return np.asarray((((rows - self._mean) @ self._whiten) ** 2).sum(axis=1))

    def alone(self, rows: Floats) -> Floats:
        """(n, n_columns) squared distance of each value from what the others foretell, in its standard deviations."""
        precision = self._whiten @ self._whiten.T
        return np.asarray(((rows - self._mean) @ precision) ** 2 / np.diag(precision))

    def to_arrays(self) -> list[Any]:
        """Plain arrays."""
        return [self._mean, self._whiten]


def _shrunken_covariance(rows: Floats, ridge: float, target: Floats | None) -> Floats:
    n_columns = rows.shape[1]
    covariance = np.zeros((n_columns, n_columns))
    if len(rows) > 1:
        covariance = np.cov(rows.T).reshape(n_columns, n_columns)
    if target is not None:
        return np.asarray((1.0 - ridge) * covariance + ridge * np.diag(target))
    variance = float(np.trace(covariance)) / n_columns
    return np.asarray(covariance + (ridge * variance if variance > 0 else 1.0) * np.eye(n_columns))
