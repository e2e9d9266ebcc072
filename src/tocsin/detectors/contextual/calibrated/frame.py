"""Numbers as the views of a table take them: filled, on a robust scale, as normal scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import frexp, ldexp
from typing import Any, Self

import numpy as np
from scipy.special import ndtr, ndtri

from tocsin.model import Floats

__all__ = ["Frame"]

LARGEST = float(np.finfo(np.float64).max)
NARROW = 1e-3
"""A quartile range below this part of the standard deviation is no scale: nearly all values are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Scales of the columns, from the rows of fit.

    ordered : (n, n_numbers) values of fit, ascending in each column, NaN last
    n_known : (n_numbers,) how many of them are no NaN
    median, scale : (n_numbers,) centre and robust scale
    """

    ordered: Floats
    n_known: Any
    median: Floats
    scale: Floats

    @classmethod
    def of(cls, numbers: Floats) -> Self:
        """Of the rows of fit."""
        ordered = np.sort(numbers, axis=0)
        n_known = (~np.isnan(ordered)).sum(axis=0)
        median, scale = np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
        for j, n in enumerate(n_known):
            if n == 0:
                continue
            known = ordered[:n, j]
            unit = _power_of_two(float(max(abs(known[0]), abs(known[-1]))))
            low, middle, high = np.percentile(known / unit, [25, 50, 75]).tolist()
            deviation = float((known / unit).std())
            quartiles = (high - low) / 1.349
            median[j] = middle * unit
            scale[j] = min((quartiles if quartiles > NARROW * deviation else deviation) * unit, LARGEST)
        return cls(ordered, n_known, median, np.where(scale > 0, scale, 1.0))

    def prepare(self, numbers: Floats) -> tuple[Floats, Floats, Floats]:
        """Rows with medians for missing values, as normal scores, and in robust scales: each (n, n_numbers)."""
        filled = np.where(np.isnan(numbers), self.median, numbers)
        with np.errstate(over="ignore"):
            scaled = np.clip((0.5 * filled - 0.5 * self.median) / (0.5 * self.scale), -1e30, 1e30)
        return filled, self.normal_scores(filled), scaled

    def normal_scores(self, numbers: Floats) -> Floats:
        """(n, n_numbers) normal quantiles of the mid-ranks among the rows of fit; NaN stays."""
        result = np.empty(numbers.shape)
        for j in range(numbers.shape[1]):  # none of a table of categories, whose frame is that of its codes
            n = int(self.n_known[j])
            known = self.ordered[:n, j]
            rank = np.searchsorted(known, numbers[:, j], "left") + np.searchsorted(known, numbers[:, j], "right")
            result[:, j] = ndtri(np.clip(0.5 * rank, 0.5, max(n - 0.5, 0.5)) / max(n, 1))
        return np.where(np.isnan(numbers), np.nan, result)

    def from_normal_scores(self, j: int, scores: Floats) -> Floats:
        """Values of column j at some normal scores, in the table's units."""
        n = int(self.n_known[j])
        places = np.clip(ndtr(scores) * n - 0.5, 0.0, n - 1.0)
        return np.asarray(np.interp(places, np.arange(n), self.ordered[:n, j]))

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"ordered": self.ordered, "n_known": self.n_known, "median": self.median, "scale": self.scale}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The frame of a `to_arrays`."""
        ordered, median, scale = (np.asarray(arrays[name], np.float64) for name in ("ordered", "median", "scale"))
        return cls(ordered.reshape(-1, len(median)), np.asarray(arrays["n_known"], np.int64), median, scale)


def _power_of_two(size: float) -> float:
    """The unit in which numbers of at most this size are below 2: squares of the largest numbers would overflow."""
    return ldexp(1.0, max(frexp(size)[1] - 1, -1000))
