"""What peers have in common: the mean shape of a group, and how far its members lie from it."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["distances_from_peers", "peer_shapes"]

LARGEST = 2_000.0
"""Records' weight that one entity has at most: a giant is one peer among others."""
FLOOR = 0.5
"""Records that a group starts with, spread over all bins: no bin is impossible."""


@njit(cache=True, nogil=True, error_model="numpy")
def peer_shapes(sums, totals, group, n_groups):
    """Mean shape of each group by kind of day; a kind without evidence has that of all days.

    Parameters
    ----------
    sums, totals : what `collect_shapes` gives
    group : (n,) int32 from 0 to n_groups - 1

    Returns
    -------
    (n_groups, 2, n_bins) positive shares, each row sums to 1
    """
    n, _, n_bins = sums.shape
    shapes = np.zeros((n_groups, 2, n_bins))
    weight = np.zeros((n_groups, 2))
    for i in range(n):
        for kind in range(2):
            if totals[i, kind] > 0.0:
                scale = LARGEST / (LARGEST + totals[i, kind])
                for b in range(n_bins):
                    shapes[group[i], kind, b] += scale * sums[i, kind, b]
                weight[group[i], kind] += scale * totals[i, kind]
    for g in range(n_groups):
        both = weight[g, 0] + weight[g, 1] + FLOOR
        pooled = np.empty(n_bins)
        for b in range(n_bins):
            pooled[b] = (shapes[g, 0, b] + shapes[g, 1, b] + FLOOR / n_bins) / both
        for kind in range(2):
            whole = 0.0
            for b in range(n_bins):
                shapes[g, kind, b] = (shapes[g, kind, b] + FLOOR * pooled[b]) / (weight[g, kind] + FLOOR)
                whole += shapes[g, kind, b]
            for b in range(n_bins):
                shapes[g, kind, b] /= whole
    return shapes


@njit(cache=True, nogil=True, error_model="numpy")
def distances_from_peers(sums, totals, group, peers):
    """Records' worth of the peers' shape in each entity: how closely it follows them.

    An entity's mean shape strays from its group's by chance, its own number of records, and by what it is. The squared
    standardised distance, sum of (p - q)^2 / q, has mean (B - 1) x (1 / records + 1 / strength).

    Returns
    -------
    (n,) 1 / strength, may be negative by chance; NaN without evidence
    """
    n, _, n_bins = sums.shape
    result = np.full(n, np.nan)
    for i in range(n):
        both = totals[i, 0] + totals[i, 1]
        if both <= 0.0:
            continue
        off = 0.0
        for b in range(n_bins):
            q = (totals[i, 0] * peers[group[i], 0, b] + totals[i, 1] * peers[group[i], 1, b]) / both
            off += ((sums[i, 0, b] + sums[i, 1, b]) / both - q) ** 2 / q
        result[i] = off / max(n_bins - 1, 1) - 1.0 / both
    return result
