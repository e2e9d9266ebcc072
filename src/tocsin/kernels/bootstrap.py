"""Bootstrap of the mean of a slice's old values, as the article does it, for many slices at once.

shared      : one matrix of multinomial weights for all slices with n values; each slice's means are exact bootstrap
means,
              dependent between slices only. A matrix product in place of resampling.
independent : resamples of its own for every slice.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tocsin.kernels.selection import select_in_place

__all__ = ["independent_means", "order_statistics", "shared_weights"]


def shared_weights(n_values: int, n_bootstrap: int, random: np.random.Generator) -> np.ndarray:
    """(n_bootstrap, n_values) shares of each value in each resample; every row sums to 1."""
    draws = random.integers(0, n_values, (n_bootstrap, n_values))
    counts = np.bincount((np.arange(n_bootstrap)[:, None] * n_values + draws).ravel(), minlength=n_bootstrap * n_values)
    return counts.reshape(n_bootstrap, n_values) / n_values


@njit(cache=True, nogil=True)
def independent_means(values, n_bootstrap, seed):
    """Bootstrapped means (n_slices, n_bootstrap) of the rows of `values`, each with draws of its own."""
    np.random.seed(seed)  # noqa: NPY002 (inside a kernel there is no other)
    n_slices, n = values.shape
    means = np.empty((n_slices, n_bootstrap))
    for i in range(n_slices):
        for b in range(n_bootstrap):
            total = 0.0
            for _ in range(n):
                total += values[i, np.random.randint(0, n)]  # noqa: NPY002
            means[i, b] = total / n
    return means


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract"})
def order_statistics(means, first, third):
    """Mean, population deviation, two quantiles (linear between order statistics) of each row; rows are reordered."""
    n_slices, n = means.shape
    result = np.empty((n_slices, 4))
    for i in range(n_slices):
        row = means[i]
        shift = row[0]
        total, square = 0.0, 0.0
        for b in range(n):
            total += row[b] - shift
        average = total / n
        for b in range(n):
            square += (row[b] - shift - average) ** 2
        result[i, 0] = shift + average
        result[i, 1] = np.sqrt(square / n)
        begin = 0
        for column in range(2):
            place = (first if column == 0 else third) * (n - 1)
            k = int(place)
            select_in_place(row, begin, n - 1, k)
            low, high = row[k], row[k]
            if k + 1 < n:
                high = row[k + 1]
                for b in range(k + 2, n):
                    high = min(high, row[b])
            result[i, 2 + column] = low + (high - low) * (place - k)
            begin = k + 1 if k + 1 < n else k
    return result
