"""What an honest collection looks like, and how far one may stray: reference shapes and the spread of log divergences.

Evidence is a ring of past collections an entity: their shares as whole numbers of `WHOLE`, their weights (0 = an empty
slot), and whether they lie on a working day (kind 0) or a day off (kind 1).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.selection import median_in_place

__all__ = ["WHOLE", "collect_shapes", "quantise", "reference_shapes", "spread_of_divergences"]

WHOLE = 65535
"""Shares are kept as 16-bit numbers of this: a rounding far below the sampling noise of a collection."""
N_KINDS = 2


@njit(cache=True, nogil=True, error_model="numpy")
def quantise(counts):
    """(n, n_bins) counts -> (n, n_bins) uint16 shares of WHOLE; an empty row is all 0."""
    n, n_bins = counts.shape
    shares = np.zeros((n, n_bins), np.uint16)
    for i in range(n):
        total = 0.0
        for b in range(n_bins):
            total += counts[i, b]
        if total > 0.0:
            for b in range(n_bins):
                shares[i, b] = np.uint16(counts[i, b] / total * WHOLE + 0.5)
    return shares


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "arcp", "nsz"})
def collect_shapes(shares, weight, kinds, left_out):
    """Weighted sums of each entity's evidence by kind of day.

    Parameters
    ----------
    shares : (n, n_slots, n_bins) uint16
    weight : (n, n_slots) float32, 0 = empty
    kinds : (n, n_slots) uint8
    left_out : int, a slot that does not count (leave one out), or -1

    Returns
    -------
    sums : (n, 2, n_bins) sum of weight x share
    totals : (n, 2) sum of weight
    filled : (n,) slots that count
    """
    n, n_slots, n_bins = shares.shape
    sums = np.zeros((n, N_KINDS, n_bins))
    totals = np.zeros((n, N_KINDS))
    filled = np.zeros(n, np.int64)
    for i in range(n):
        for slot in range(n_slots):
            w = np.float64(weight[i, slot])
            if w <= 0.0 or slot == left_out:
                continue
            kind = kinds[i, slot]
            part = w / WHOLE
            for b in range(n_bins):
                sums[i, kind, b] += part * shares[i, slot, b]
            totals[i, kind] += w
            filled[i] += 1
    return sums, totals, filled


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "arcp", "nsz"})
def reference_shapes(sums, totals, filled, group, peers, strength, kind_pull):
    """Each entity's expected shares for both kinds of day.

    Its own evidence, of which `strength` records' worth is its peers' shape; then each kind's evidence, of which
    `kind_pull` collections' worth is the shape of both kinds together.

    Parameters
    ----------
    sums, totals, filled : what `collect_shapes` gives
    group : (n,) int32, peer group
    peers : (n_groups, 2, n_bins) positive shares
    strength : (n_groups,) records, above 0
    kind_pull : float, collections

    Returns
    -------
    (2, n, n_bins) positive shares, each row sums to 1
    """
    n, _, n_bins = sums.shape
    result = np.empty((N_KINDS, n, n_bins))
    for i in range(n):
        own = group[i]
        pull = strength[own]
        both = totals[i, 0] + totals[i, 1]
        an_average = kind_pull * both / max(filled[i], 1)
        for kind in range(N_KINDS):
            whole = 0.0
            for b in range(n_bins):
                pooled = (sums[i, 0, b] + sums[i, 1, b] + pull * peers[own, kind, b]) / (both + pull)
                value = pooled
                if an_average > 0.0:
                    value = (sums[i, kind, b] + an_average * pooled) / (totals[i, kind] + an_average)
                result[kind, i, b] = value
                whole += value
            inverse = 1.0 / whole
            for b in range(n_bins):
                result[kind, i, b] *= inverse
    return result


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def cube_root(x):
    """To 1e-6 of its value for x from 1e-6 to 1e6, 0 at 0: Halley's steps from the fourth root, which vectorise."""
    y = math.sqrt(math.sqrt(x))
    for _ in range(3):
        cube = y * y * y
        y *= (cube + 2.0 * x) / (2.0 * cube + x + 1e-300)
    return y


@njit(cache=True, nogil=True, error_model="numpy")
def spread_of_divergences(divergence, expected, weight, reference, own_bias, pooled_bias, shape_spread):
    """Centre and spread of the cube root of J / (bias + E J) over an entity's evidence.

    J is a collection's divergence from the evidence before it, E J what chance alone gives for so many records; the
    bias, the median of J - E J, is the entity's real variation from day to day.

    Parameters
    ----------
    divergence, expected : (n, n_slots) float32, NaN = not known
    weight : (n, n_slots) float32, 0 = empty
    reference : (n, n_bins) expected shares; tells how many bins matter
    own_bias : float, collections' worth of the pooled bias
    pooled_bias : (n,) bias to lean on
    shape_spread : float, collections' worth of the spread that chance alone gives

    Returns
    -------
    bias, centre, spread : (n,); spread is that of one more collection
    """
    n, n_slots = divergence.shape
    bias, centre, spread = np.empty(n), np.empty(n), np.empty(n)
    buffer = np.empty(n_slots)
    for i in range(n):
        known = 0
        for slot in range(n_slots):
            if weight[i, slot] > 0.0 and not math.isnan(divergence[i, slot]):
                buffer[known] = divergence[i, slot] - expected[i, slot]
                known += 1
        own = max(median_in_place(buffer, known), 0.0) if known else 0.0
        bias[i] = (known * own + own_bias * pooled_bias[i]) / (known + own_bias)
        square = 0.0
        for b in range(reference.shape[1]):
            square += reference[i, b] * reference[i, b]
        chance_variance = 2.0 / (9.0 * max(1.2 / square, 2.0))  # 1.2 degrees of freedom for each bin that matters
        chance_centre = 1.0 - chance_variance
        known = 0
        for slot in range(n_slots):
            if weight[i, slot] > 0.0 and not math.isnan(divergence[i, slot]):
                own_j = np.float64(divergence[i, slot])
                buffer[known] = cube_root(own_j / (bias[i] + expected[i, slot] + 1e-12))
                known += 1
        middle = median_in_place(buffer, known) if known else chance_centre
        off = 0.0
        for k in range(known):
            buffer[k] = abs(buffer[k] - middle)
            off += buffer[k]
        usual = max(1.2533 * off / max(known, 1), math.sqrt(chance_variance))  # of a normal law
        reach, squares = 4.0 * usual, 0.0
        for k in range(known):  # what is far out may be an attack that nobody saw: it counts as less far
            squares += min(buffer[k], reach) ** 2
        own_sd = math.sqrt(squares / max(known - 1, 1))
        variance = (known * own_sd * own_sd + shape_spread * chance_variance) / (known + shape_spread)
        centre[i] = (known * middle + 5.0 * chance_centre) / (known + 5.0)
        spread[i] = math.sqrt(variance * (1.0 + 1.0 / max(known, 1)))
    return bias, centre, spread
