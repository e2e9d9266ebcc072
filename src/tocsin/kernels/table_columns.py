"""Ranges of the columns of a table of numbers, and keys of its rows."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["column_ranges", "key_rows"]

MISSING_CELL = np.uint64(1 << 21)
FIRST = np.uint64(0x9E3779B97F4A7C15)
ODD = np.uint64(0xD6E8FEB86659FD93)
SHIFT = np.uint64(32)
OFFSET = 0.381966011250105
"""The golden section of a cell: simple fractions of a range, where whole numbers lie, are far from every edge."""


@njit(cache=True, nogil=True)
def column_ranges(values):
    """Finite range, missing and infinite values of each column.

    Parameters
    ----------
    values : (n, n_columns) float64, C-contiguous

    Returns
    -------
    low, high : (n_columns,) smallest and largest finite value; inf and -inf where there is none
    n_missing, n_infinite : (n_columns,) int64
    """
    n, n_columns = values.shape
    low, high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
    n_missing, n_infinite = np.zeros(n_columns, np.int64), np.zeros(n_columns, np.int64)
    for i in range(n):
        for j in range(n_columns):
            x = values[i, j]
            if math.isfinite(x):
                low[j] = min(low[j], x)
                high[j] = max(high[j], x)
            elif math.isnan(x):
                n_missing[j] += 1
            else:
                n_infinite[j] += 1
    return low, high, n_missing, n_infinite


@njit(cache=True, nogil=True)
def key_rows(numbers, low, high, codes, n_cells):
    """A 64-bit mix of each row: the cell of each number among `n_cells` of its column's range, and the codes.

    Parameters
    ----------
    numbers : (n, n_numbers) float64, C-contiguous, NaN = missing; low, high : (n_numbers,) range of each column
    codes : (n, n_categoricals) int32
    n_cells : float, at most 2^20

    Returns
    -------
    (n,) uint64; the same for every affine unit of a column, up to rounding at the edge of a cell
    """
    n, n_numbers = numbers.shape
    n_categoricals = codes.shape[1]
    scale = np.empty(n_numbers)
    for j in range(n_numbers):
        width = 0.5 * high[j] - 0.5 * low[j]  # halves: the width itself may overflow
        scale[j] = 0.5 / width * n_cells if width > 0.0 and 0.5 / width * n_cells < np.inf else 0.0
    keys = np.empty(n, np.uint64)
    for i in range(n):
        key = FIRST
        for j in range(n_numbers):
            x = numbers[i, j]
            if math.isnan(x):
                cell = MISSING_CELL
            else:
                place = (x - low[j]) * scale[j]
                cell = np.uint64(min(max(place, 0.0), n_cells) + OFFSET) if place == place else np.uint64(0)
            key = (key ^ cell) * ODD
            key ^= key >> SHIFT
        for j in range(n_categoricals):
            key = (key ^ np.uint64(codes[i, j] + 1)) * ODD
            key ^= key >> SHIFT
        keys[i] = key
    return keys
