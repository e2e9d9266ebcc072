"""Whether records come one by one or in clumps within an hour: the index of dispersion of fine counts.

Within blocks of `N_JOINED` neighbouring spans the rate is taken for even. Given a block's records m, its k counts are
multinomial, so that the sum of their squared deviations from m / k has mean m (k - 1) / k and variance
2 m (m - 1) (k - 1) / k^2. The index, observed over expected, is 1 as chance has it; doubled records double it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["N_JOINED", "dispersion_index", "usual_dispersion"]

N_JOINED = 12
"""Of spans of five minutes: an hour."""


@njit(cache=True, nogil=True, error_model="numpy")
def dispersion_index(fine):
    """Index of dispersion of each row, and its variance under chance.

    Parameters
    ----------
    fine : (n, n_spans) counts; a last block of fewer than `N_JOINED` spans is a block, too

    Returns
    -------
    index, variance : (n,); NaN where no block has two records
    """
    n, n_spans = fine.shape
    index, variance = np.full(n, np.nan), np.full(n, np.nan)
    for i in range(n):
        observed, expected, noise = 0.0, 0.0, 0.0
        for start in range(0, n_spans, N_JOINED):
            stop = min(start + N_JOINED, n_spans)
            k = stop - start
            if k < 2:
                continue
            m = 0.0
            for j in range(start, stop):
                m += fine[i, j]
            if m <= 0.0:
                continue
            mean = m / k
            for j in range(start, stop):
                observed += (fine[i, j] - mean) ** 2
            expected += mean * (k - 1)
            noise += 2.0 * mean * max(m - 1.0, 0.0) * (k - 1) / k
        if noise > 0.0:
            index[i], variance[i] = observed / expected, noise / (expected * expected)
    return index, variance


@njit(cache=True, nogil=True, error_model="numpy")
def usual_dispersion(index, variance, weight, usual, pull):
    """An entity's usual index and how much more than chance it varies.

    Parameters
    ----------
    index, variance : (n, n_slots) float32 of the evidence, NaN = not known
    weight : (n, n_slots) float32, 0 = empty slot
    usual : float, index among all entities
    pull : float, collections' worth of it

    Returns
    -------
    mean, excess : (n,); excess >= 1 multiplies the variance under chance. Records that come c at a time have c times
        the index and c times its deviation: what is usual above 1 widens it, and so does what strayed further yet.
    """
    n, n_slots = index.shape
    mean, excess = np.full(n, usual), np.full(n, max(usual, 1.0) ** 2)
    for i in range(n):
        total, whole, known = 0.0, 0.0, 0
        for slot in range(n_slots):
            if weight[i, slot] > 0.0 and not math.isnan(index[i, slot]):
                precision = 1.0 / max(np.float64(variance[i, slot]), 1e-12)
                total += precision * index[i, slot]
                whole += precision
                known += 1
        if known == 0:
            continue
        prior = 0.25 * pull * whole / known
        mean[i] = (total + prior * usual) / (whole + prior)
        squares, scale = 0.0, max(mean[i], 1.0)
        for slot in range(n_slots):
            if weight[i, slot] > 0.0 and not math.isnan(index[i, slot]):
                z = (index[i, slot] - mean[i]) / (scale * math.sqrt(max(np.float64(variance[i, slot]), 1e-12)))
                squares += min(z * z, 16.0)
        excess[i] = scale * scale * max((squares + pull) / (known + pull), 1.0)
    return mean, excess
