"""Points as independent draws: a bounded running mean, its scale and the tails of what was seen, for many series."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.tail_counts import band_edge, count, tail_surprise

__all__ = [
    "ABSOLUTE",
    "FARTHEST",
    "LARGEST",
    "LEAST_KNOWN",
    "LEAST_SCALE",
    "WIDE_SHARE",
    "begin_mean",
    "begin_scale",
    "run_mean",
    "size_of",
]

LEAST_KNOWN = 10
"""With fewer known points nothing is surprising."""
BOUND = 4.0
"""A point moves mean and scale like one at most so many scales away."""
ABSOLUTE = 1.2533141373155003  # sd / mean absolute deviation of a normal distribution
USUAL = 1.4826022185056018  # sd / median absolute deviation
LEAST_SCALE = 1e-6
"""Of the mean: what a constant series is measured with."""
UNMEASURED = 1e6
"""The size of the first movement of a series that was always 0."""
LARGEST = 1e300
MOST_ROUNDS = 4_000
"""Where a quarter of the points are far out, the scale grows by a quarter a round, from whatever rounding leaves."""
FARTHEST, WIDE_SHARE = 5_000.0, 0.1
"""Besides the scale there is a wide one, of errors up to FARTHEST scales, and the scale is WIDE_SHARE of it at least.
So of a series that is nearly always the same, what it does more often than 1 time in FARTHEST x WIDE_SHARE has a size
that is counted, where the scale alone would fall to nothing."""


@njit(cache=True, nogil=True, error_model="numpy")
def size_of(residual, scale, level):
    """|residual| / scale, where a scale is LEAST_SCALE of the level at least; without any of the two UNMEASURED."""
    unit = max(scale, LEAST_SCALE * abs(level))
    if residual == 0.0:
        return 0.0
    return min(abs(residual) / unit, LARGEST) if unit > 0.0 else UNMEASURED


@njit(cache=True, nogil=True, error_model="numpy")
def begin_scale(distances):
    """Scale and wide scale of absolute deviations (n,), n > 0, that would stay; a few absurd ones move them little."""
    moved = distances[distances > 0.0]
    if len(moved) == 0:
        return 0.0, 0.0
    farthest = FARTHEST * np.median(moved)
    wide = 0.0
    for distance in distances:
        wide += min(distance, farthest) / len(distances)
    least = WIDE_SHARE * wide
    scale = max(USUAL * np.median(distances), least)
    for _ in range(MOST_ROUNDS):
        total = 0.0
        for distance in distances:
            total += min(distance, BOUND * scale) / len(distances)
        before, scale = scale, max(ABSOLUTE * total, least)
        if abs(scale - before) <= 1e-3 * scale:
            break
    return scale, wide


@njit(cache=True, nogil=True, error_model="numpy")
def begin_mean(history, known, mean, scale, wide, counts, memory):
    """Begin at the median of the newest `memory` points, with their mean absolute deviation from it; count them.

    history : (n_series, n_times), NaN = missing; the others as in `run_mean`, all 0
    """
    for i in range(len(history)):
        values = history[i][~np.isnan(history[i])]
        values = values[max(len(values) - int(memory), 0) :]
        known[i] = len(values)
        if len(values) == 0:
            continue
        mean[i] = np.median(values)
        scale[i], wide[i] = begin_scale(np.abs(values - mean[i]))
        unit = max(scale[i], WIDE_SHARE * wide[i])
        for x in values:
            count(counts[i], size_of(x - mean[i], unit, mean[i]), 1.0 - 1.0 / memory, 0.0)


@njit(cache=True, nogil=True, error_model="numpy")
def run_mean(values, known, mean, scale, wide, counts, memory, tail, surprise, expected, lower, upper):
    """Score each point by those before it, then learn it.

    values : (n_series, n_new), NaN = missing
    known, mean, scale, wide : (n_series,), changed; known are the points seen, at most `memory`
    counts : (n_series, N_BINS) residuals by size, changed
    surprise, expected, lower, upper : (n_series, n_new) to be filled; without columns points are learned only
    """
    n_series, n_new = values.shape
    scored = surprise.shape[1] > 0
    for i in range(n_series):
        for t in range(n_new):
            x, unit = values[i, t], max(scale[i], WIDE_SHARE * wide[i])
            if scored:
                expected[i, t] = mean[i] if known[i] > 0.0 else np.nan
                lower[i, t], upper[i, t] = -np.inf, np.inf
                if known[i] >= LEAST_KNOWN:
                    half = max(unit, LEAST_SCALE * abs(mean[i])) * band_edge(counts[i], tail)
                    lower[i, t], upper[i, t] = mean[i] - half, mean[i] + half
            if math.isnan(x):
                if scored:
                    surprise[i, t] = np.nan
                continue
            residual = x - mean[i]
            size = size_of(residual, unit, mean[i])
            rare = tail_surprise(counts[i], size) if known[i] >= LEAST_KNOWN else 0.0
            if scored:
                surprise[i, t] = rare
            known[i] = min(known[i] + 1.0, memory)
            if known[i] == 1.0:
                mean[i] = x
                continue
            if known[i] > LEAST_KNOWN:
                count(counts[i], size, 1.0 - 1.0 / memory, rare)
            far = abs(residual)
            if known[i] > LEAST_KNOWN and unit > 0.0:
                far = min(far, FARTHEST * unit)
                residual = min(max(residual, -BOUND * unit), BOUND * unit)
            wide[i] += (far - wide[i]) / known[i]
            mean[i] += residual / known[i]
            scale[i] += (ABSOLUTE * abs(residual) - scale[i]) / known[i]
