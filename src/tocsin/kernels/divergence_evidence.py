"""Evidence sets of many entities: their divergences from the mean of the normal ones, and taking in new collections.

Distributions lie as (n, n_bins, n_slots) single-precision shares, the collections of an entity innermost. Of an
entity's slots the first n_normal belong to its normal evidence and the others to the anomalous one; each part fills
from its first slot on and then overwrites its oldest, at its head. An empty slot is all 0.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.divergence import jsd_term_single
from tocsin.kernels.separate import SeparateArrays

__all__ = ["admit", "evidence_divergences", "sub_volume_histogram"]

FAST = {"reassoc", "contract", "arcp", "nsz"}
ZERO, ONE = np.float32(0.0), np.float32(1.0)
N_STATISTICS = 5


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, pipeline_class=SeparateArrays)
def evidence_divergences(counts, shares, filled, n_normal):
    """Divergences of the new collections, and mean and standard deviation of those of the evidence.

    All are Jensen-Shannon divergences from M, the mean of the distributions of the entity's normal evidence (which the
    collections of that evidence are part of, as in the paper).

    Parameters
    ----------
    counts : (n, n_bins) of the new collections
    shares : (n, n_bins, n_slots) float32
    filled : (n, 2) slots in use of the normal and of the anomalous evidence
    n_normal : slots of the normal evidence

    Returns
    -------
    (n, 5): divergence of the new collection (NaN: no records, or no normal evidence), then mean and standard deviation
    of the normal evidence's and of the anomalous evidence's (NaN: none)
    """
    n, n_bins, n_slots = shares.shape
    result = np.empty((n, 5))
    divergence = np.empty(n_slots, np.float32)
    for i in range(n):
        total = 0.0
        for b in range(n_bins):
            total += counts[i, b]
        n_known = filled[i, 0]
        n_anomalous = filled[i, 1]
        scale = np.float32(1.0 / max(n_known, 1))
        inverse = 1.0 / total if total > 0.0 else 0.0
        now = ZERO
        for k in range(n_slots):
            divergence[k] = ZERO
        for b in range(n_bins):
            mean = ZERO
            for k in range(n_normal):
                mean += shares[i, b, k]
            mean *= scale
            now += jsd_term_single(np.float32(counts[i, b] * inverse), mean)
            for k in range(n_slots):
                divergence[k] += jsd_term_single(shares[i, b, k], mean)
        result[i, 0] = now if total > 0.0 and n_known > 0 else np.nan
        for part in range(2):
            start = 0 if part == 0 else n_normal
            known = n_known if part == 0 else n_anomalous
            middle, spread = 0.0, 0.0
            for k in range(start, start + known):
                middle += divergence[k]
            middle = middle / known if known > 0 and n_known > 0 else np.nan
            for k in range(start, start + known):
                gap = divergence[k] - middle
                spread += gap * gap
            result[i, 1 + 2 * part] = middle
            result[i, 2 + 2 * part] = math.sqrt(spread / known) if known > 0 and n_known > 0 else np.nan
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def admit(counts, taken, shares, slots):
    """Write the distributions of new collections into slots.

    Parameters
    ----------
    counts : (n, n_bins)
    taken : (n,) bool
    shares : (n, n_bins, n_slots) float32, changed
    slots : (n,) the slot of each
    """
    n, n_bins, _ = shares.shape
    for i in range(n):
        if taken[i]:
            total = 0.0
            for b in range(n_bins):
                total += counts[i, b]
            for b in range(n_bins):
                shares[i, b, slots[i]] = counts[i, b] / total


@njit(cache=True, nogil=True, error_model="numpy")
def sub_volume_histogram(fine, step, n_bins):
    """How many of a collection's spans hold [0, step), [step, 2 step) … records; the last bin is open.

    Parameters
    ----------
    fine : (n, n_spans) counts of a collection's finer spans
    step : (n,) above 0

    Returns
    -------
    (n, n_bins) int64; all 0 for a collection without records
    """
    n, n_spans = fine.shape
    result = np.zeros((n, n_bins), np.int64)
    for i in range(n):
        most = 0
        for j in range(n_spans):
            most = max(most, fine[i, j])
        if most == 0:
            continue
        for j in range(n_spans):
            place = fine[i, j] / step[i]
            result[i, int(place) if place < n_bins - 1 else n_bins - 1] += 1
    return result
