"""Raw scores to surprises, point by point: an empirical distribution with a generalised Pareto tail.

Words and symbols: n known scores, s_0 <= ... <= s_{n-1} in order, u the threshold of the tail, k scores beyond it, xi
the shape and sigma the scale of the tail (Hosking & Wallis 1987, probability-weighted moments).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.ordered import first_at_least, first_beyond, keep_in_order

__all__ = ["calibrate"]

TAIL_SHARE = 0.05
"""Of the known scores the tail is fitted to."""
LEAST_KNOWN = 10
"""With fewer known scores nothing is surprising."""
PRIOR_SHAPE = 0.3
PRIOR_WEIGHT = 20.0
"""The shape of a tail with few scores is drawn to PRIOR_SHAPE, as if it had been seen in PRIOR_WEIGHT more."""
LARGEST_SHAPE = 0.9
LEAST_SCALE = 1e-3
"""Of the tail, relative to the distance of its threshold from the median; of the threshold itself where that is 0."""


@njit(cache=True, nogil=True, error_model="numpy")
def _tail(ordered, n, begin, u):
    """Shape and scale of the exceedances ordered[begin:n] - u."""
    k = n - begin
    mean, weighted = 0.0, 0.0
    for j in range(k):
        excess = ordered[begin + j] - u
        mean += excess
        weighted += (1.0 - (j + 0.65) / k) * excess  # a_1 = E[X (1 - F(X))], plotting positions (j + .65) / k
    if k > 0:
        mean, weighted = mean / k, weighted / k
    shape = PRIOR_SHAPE
    if k > 1 and mean - 2.0 * weighted > 0.0:
        shape = min(max(2.0 - mean / (mean - 2.0 * weighted), 0.0), LARGEST_SHAPE)
    shape = (k * shape + PRIOR_WEIGHT * PRIOR_SHAPE) / (k + PRIOR_WEIGHT)
    distance = u - ordered[n // 2]
    least = LEAST_SCALE * (distance if distance > 0.0 else abs(u))
    return shape, max(mean * (1.0 - shape), least, 1e-9)


@njit(cache=True, nogil=True, error_model="numpy")
def _surprise(ordered, n, value):
    if n < LEAST_KNOWN:
        return 0.0
    u = ordered[min(int((1.0 - TAIL_SHARE) * n), n - 1)]
    if value > u:
        begin = first_beyond(ordered, n, u)
        shape, scale = _tail(ordered, n, begin, u)
        beyond = math.log1p(shape * (value - u) / scale) / shape
        return (beyond - math.log((n - begin + 2.0) / (n + 1.0))) / math.log(10.0)
    m = first_at_least(ordered, n, value)
    if m == 0:
        return 0.0
    above = n - m + 1.0  # of n + 1: the scores at least as large, and this one
    if ordered[m] > value:  # between two: in proportion, so that no two scores tie
        above += (ordered[m] - value) / (ordered[m] - ordered[m - 1])
    return -math.log(above / (n + 1.0)) / math.log(10.0)


@njit(cache=True, nogil=True, error_model="numpy")
def calibrate(raw, ordered, ring, known, head, memory, surprise):
    """Score each raw score by those before it, then learn it.

    raw      : (n_series, n_new), NaN = missing: not scored, not learned
    ordered  : (n_series, room) the known scores in order, changed; room >= min(memory, known + n_new)
    ring     : (n_series, room) the same scores as they came, changed; the oldest at `head` once all of `memory` is used
    known    : int64 (n_series,), changed; head: int64 (n_series,), changed
    surprise : (n_series, n_new) to be filled; without columns nothing is scored, only learned
    """
    n_series, n_new = raw.shape
    for i in range(n_series):
        n, first = known[i], head[i]
        for t in range(n_new):
            value = raw[i, t]
            if math.isnan(value):
                if surprise.shape[1] > 0:
                    surprise[i, t] = np.nan
                continue
            if surprise.shape[1] > 0:
                surprise[i, t] = _surprise(ordered[i], n, value)
            n, first = keep_in_order(ordered[i], ring[i], n, first, memory, value)
        known[i], head[i] = n, first
