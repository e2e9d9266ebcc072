"""How rare a forecast's error is for its series, whatever spread the forecast itself claims.

A series' errors, in units of the claimed spread, have a unit of their own: a running mean of their absolute sizes, each
bounded by the unit before it, that begins at the claim. How rare a size in this unit is, is counted, see `tail_counts`.

Of a series that is forecast nearly exactly nearly always, such a mean falls to nothing, and whatever else it does has
a size beyond all that is counted. So there is a wide mean, too, of errors up to FARTHEST units, over as many errors as
are counted, and the unit is WIDE_SHARE of it at least.
"""

from __future__ import annotations

import math

from numba import njit

from tocsin.kernels.running_mean import FARTHEST, LARGEST, WIDE_SHARE
from tocsin.kernels.tail_counts import band_edge, count, tail_surprise

__all__ = ["BELIEF", "judge_errors"]

BELIEF = 20.0
"""Errors that the claimed spread is worth."""
BOUND = 4.0
"""An error moves the unit like one at most so many units large."""
LEAST_UNIT = 1e-3


@njit(cache=True, nogil=True, error_model="numpy")
def judge_errors(sizes, learned, n_errors, mean, wide, counts, longest, memory, tail, surprise, edge):
    """Score each error by those before it, then learn it.

    sizes    : (n_series, n_new) absolute errors in claimed spreads, NaN = missing
    learned  : bool (n_series, n_new), others are scored only
    n_errors, mean, wide : (n_series,), changed; the errors known, at most `memory`, their bounded mean, of the newest
        `longest`, and the wide one
    counts   : (n_series, N_BINS) errors by size, changed, `memory` errors count; without columns means are learned only
    tail     : probability, edge : (n_series, n_new) to be filled with the size that is exceeded with this probability
    surprise : (n_series, n_new) to be filled; edge and surprise without columns: errors are learned, and none doubted
    """
    n_series, n_new = sizes.shape
    scored = surprise.shape[1] > 0
    counted = counts.shape[1] > 0
    for i in range(n_series):
        for t in range(n_new):
            unit = max(mean[i], WIDE_SHARE * wide[i], LEAST_UNIT)
            if scored:
                edge[i, t] = unit * band_edge(counts[i], tail)
                surprise[i, t] = math.nan
            if math.isnan(sizes[i, t]):
                continue
            error = min(sizes[i, t], LARGEST)
            size = min(error / unit, LARGEST)
            rare = tail_surprise(counts[i], size) if scored else 0.0
            if scored:
                surprise[i, t] = rare
            if not learned[i, t]:
                continue
            if counted:
                count(counts[i], size, 1.0 - 1.0 / memory, rare)
            n_errors[i] = min(n_errors[i] + 1.0, memory)
            mean[i] += (min(error, BOUND * unit) - mean[i]) / min(n_errors[i], longest)
            wide[i] += (min(error, FARTHEST * unit) - wide[i]) / n_errors[i]
