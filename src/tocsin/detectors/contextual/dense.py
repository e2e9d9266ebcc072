"""An encoded table as one dense matrix, for methods that compute distances or regressions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tocsin.detectors.contextual.columns import EncodedTable
from tocsin.model import Floats, Ints

__all__ = ["DenseMap", "squashed"]

MOST_DUMMIES = 50


class DenseMap:
    """Standardised numbers, with the median for missing ones, and one column for each category.

    Of a column's categories the 50 most frequent have a column of their own (0 or 1); others, missing and unseen ones
    have none.
    """

    def __init__(self, median: Floats, mean: Floats, scale: Floats, n_dummies: Ints) -> None:
        self.median, self.mean, self.scale, self.n_dummies = median, mean, scale, n_dummies

    @classmethod
    def learn(cls, table: EncodedTable, n_categories: Ints) -> DenseMap:
        """Medians, means and standard deviations of the numbers of `table`."""
        n_numbers = table.numbers.shape[1]
        median, mean, scale = np.zeros(n_numbers), np.zeros(n_numbers), np.ones(n_numbers)
        for j in range(n_numbers):
            present = table.numbers[~np.isnan(table.numbers[:, j]), j]
            if len(present):
                median[j] = np.median(present)
                filled = np.where(np.isnan(table.numbers[:, j]), median[j], table.numbers[:, j])
                largest = np.abs(filled).max() or 1.0  # moments of the largest numbers would overflow
                mean[j] = (filled / largest).mean() * largest
                scale[j] = (filled / largest).std() * largest or 1.0
        return cls(median, mean, scale, np.minimum(n_categories, MOST_DUMMIES))

    def numbers(self, table: EncodedTable) -> Floats:
        """(n, n_numbers) standardised, medians for missing values."""
        filled = np.where(np.isnan(table.numbers), self.median, table.numbers)
        with np.errstate(over="ignore"):
            return np.clip((filled - self.mean) / self.scale, -1e30, 1e30)

    def dummies(self, table: EncodedTable) -> Floats:
        """(n, sum of n_dummies) 0 or 1."""
        parts = [table.codes[:, j, None] == np.arange(size) for j, size in enumerate(self.n_dummies)]
        return np.concatenate(parts, axis=1).astype(np.float64) if parts else np.empty((len(table), 0))

    def matrix(self, table: EncodedTable) -> Floats:
        """(n, n_numbers + sum of n_dummies)."""
        return np.hstack([self.numbers(table), self.dummies(table)])

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"median": self.median, "mean": self.mean, "scale": self.scale, "n_dummies": self.n_dummies}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> DenseMap:
        """The map of a `to_arrays`."""
        median, mean, scale = (np.asarray(arrays[name], np.float64) for name in ("median", "mean", "scale"))
        return cls(median, mean, scale, np.asarray(arrays["n_dummies"], np.int64))


def squashed(distance: Floats, usual: float) -> Floats:
    """Distances in [0, inf) to scores in [0, 1), in the same order: d / (d + usual)."""
    with np.errstate(over="ignore", invalid="ignore"):
        scores = np.where(np.isinf(distance), 1.0, distance / (distance + usual)) if usual > 0 else (distance > 0) * 1.0
    return np.minimum(scores, np.nextafter(1.0, 0.0))
