"""How rare a standardised residual is: a Student t distribution that the residuals seen so far gradually replace.

The predictive distribution is that of a Dirichlet process: WEIGHT observations' worth of the base distribution, and the
discounted counts of the sizes that were seen, in bins whose edges grow geometrically. Between edges the logarithm of
the survival function is linear in the logarithm of 1 + size, beyond the last one it falls like the base distribution's,
so that it decreases strictly however far out: no two sizes tie.

A series of few values (0 and, now and then, 1) has errors of few sizes, and a scale that drifts a little moves them
within their bins and beyond. So S is at least a tenth of what was seen in the bin of a size, and in the one below as
long as the size is in the lower half of its own. Of smooth distributions, which fall by nearly as much over a bin, it
changes little.

Words and symbols: z residual / scale, size |z|, S(size) = P(|Z| > size), the two-sided tail; counts (N_BINS,).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.stats import t as student_t

__all__ = ["EDGES", "N_BINS", "band_edge", "count", "tail_surprise"]

DEGREES = 4
WEIGHT = 20.0
DOUBTED, DOUBT = 4.0, 0.1
NEAR, SLOPE = 0.1, 0.25
"""The part of a bin's observations that S is at least, at the upper edge of the bin, and how much more at the lower."""
N_BINS = 41
FIRST_EDGE, RATIO = 0.25, 1.35


def _edges() -> npt.NDArray[np.float64]:
    return np.concatenate([[0.0], FIRST_EDGE * RATIO ** np.arange(N_BINS - 1)])


EDGES = _edges()
"""Lower edges of the bins of |z|, up to 30,000, where a series goes that is nearly always the same; the last bin has no
upper one."""
BASE = 2.0 * WEIGHT * student_t.sf(EDGES, DEGREES)
LOG_EDGES = np.log1p(EDGES)


@njit(cache=True, nogil=True, error_model="numpy")
def _bin_of(size):
    if size < FIRST_EDGE:
        return 0
    if not size < EDGES[N_BINS - 1]:
        return N_BINS - 1
    return 1 + int(math.log(size / FIRST_EDGE) / math.log(RATIO))


@njit(cache=True, nogil=True, error_model="numpy")
def count(counts, size, keep, surprise):
    """Learn a residual of a size; what was seen before is worth `keep` of what it was.

    One that was more surprising than DOUBTED counts for DOUBT alone: an anomaly must not make the next one usual.
    """
    for j in range(N_BINS):
        counts[j] *= keep
    counts[_bin_of(size)] += DOUBT if surprise > DOUBTED else 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def tail_surprise(counts, size):
    """-log10 S(size), in [0, inf)."""
    place = _bin_of(size)
    above = 0.0
    for j in range(N_BINS - 1, place, -1):
        above += counts[j]
    here = above + counts[place]
    total = WEIGHT + here
    for j in range(place):
        total += counts[j]
    log_tail = math.log((BASE[place] + here) / total)
    if place < N_BINS - 1:
        share = (math.log1p(size) - LOG_EDGES[place]) / (LOG_EDGES[place + 1] - LOG_EDGES[place])
        log_tail += share * math.log((BASE[place + 1] + above) / (BASE[place] + here))
        near = counts[place] * (1.0 + SLOPE * (1.0 - share))
        if place > 0:
            near = max(near, counts[place - 1] * (1.0 - 2.0 * share))
        if near > 0.0:
            log_tail = max(log_tail, math.log(NEAR * near / total))
    else:
        log_tail -= DEGREES * (math.log1p(size) - LOG_EDGES[place])
    return -log_tail / math.log(10.0) if log_tail < 0.0 else 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def band_edge(counts, tail):
    """The size with S(size) = tail, a probability."""
    total = WEIGHT
    for j in range(N_BINS):
        total += counts[j]
    wanted = tail * total
    above, beyond, farthest = 0.0, 0.0, 0.0
    for j in range(N_BINS - 1, -1, -1):
        above += counts[j]
        low = BASE[j] + above
        if low >= wanted:
            if j == N_BINS - 1:
                return math.expm1(LOG_EDGES[j] + math.log(low / wanted) / DEGREES)
            farthest = _inside(j, math.log(low / wanted) / math.log(low / beyond))
            break
        beyond = low
    for j in range(N_BINS - 1):
        near = NEAR * counts[j]
        if near >= wanted:
            farthest = max(farthest, _inside(j + 1, 0.5 * (1.0 - wanted / near) if j + 2 < N_BINS else 0.0))
        elif near * (1.0 + SLOPE) >= wanted:
            farthest = max(farthest, _inside(j, 1.0 - (wanted / near - 1.0) / SLOPE))
    return farthest


@njit(cache=True, nogil=True, error_model="numpy")
def _inside(place, share):
    """The size that has this share of the bin, by the logarithm of 1 + size, below it; 0 = the lower edge."""
    upper = LOG_EDGES[min(place + 1, N_BINS - 1)]
    return math.expm1(LOG_EDGES[place] + share * (upper - LOG_EDGES[place]))
