"""Path lengths of an isolation forest whose leaf counts are weighted by similarity in context space.

A sample row in the leaf of a query row counts for exp(-gamma d), d the distance of the two contexts, instead of for 1,
and for 0 where a categorical attribute of the context differs. The path length is

    h = depth + c(w),    c(w) = 2 (H_w - 1),    H_w = digamma(w + 1) + 0.57722 (harmonic numbers, continued smoothly)

with w the sum of the weights; at whole w this is the isolation forest's own c, so that gamma = 0 is the isolation
forest. c(w) below w = 1 is negative, down to -2 where nothing of the leaf is in the context; h is kept from going
below 0.

All gammas of a grid 10^-3, 10^-2, ... are served in one pass: the weight at the next gamma is the tenth power of the
last, four multiplications; only the first needs an exponential, the eighth power of five terms of its series.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from scipy import special

from tocsin.kernels.separate import SeparateArrays

__all__ = ["C_TABLE", "GAMMAS", "MAX_SAMPLES", "log_leaf_shares", "weighted_path_lengths"]

FAST = {"reassoc", "contract", "nsz", "arcp"}
FIRST_GAMMA = 1e-3
GAMMAS = 10.0 ** np.arange(-3, 4)
LARGEST_EXPONENT = 8.0
"""gamma d of the first gamma is cut here, where the series is still good: reached at 8,000 standard deviations."""

BLOCK = 128
"""Query rows taken at once: their weights at all gammas stay in the first-level cache."""
NOTHING = 1e-30

FINE_STEPS, FINE_END, COARSE_STEPS = 128, 16, 4
MAX_SAMPLES = 256
"""Most rows that a leaf can have."""


def _c_table() -> np.ndarray:
    """c(w) at w = 0, 1/128, ... 16, then at 16, 16.25, ... 257."""
    fine = np.arange(FINE_STEPS * FINE_END + 1) / FINE_STEPS
    coarse = FINE_END + np.arange(COARSE_STEPS * (MAX_SAMPLES + 1 - FINE_END) + 1) / COARSE_STEPS
    w = np.concatenate([fine, coarse])
    return np.asarray(2.0 * (special.digamma(w + 1.0) + np.euler_gamma - 1.0))


C_TABLE = _c_table()


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, inline="always")
def _c(w, table):
    """c(w) between the entries of the table; within 1e-4."""
    if w < FINE_END:
        place, begin = w * FINE_STEPS, 0
    else:
        place, begin = (w - FINE_END) * COARSE_STEPS, FINE_STEPS * FINE_END + 1
    k = int(place)
    part = place - k
    low = table[begin + k]
    return low + part * (table[begin + k + 1] - low)


@njit(cache=True, nogil=True, error_model="numpy")
def _order_by_leaf(leaf, low, high, place, order):
    """Counting sort of the query rows by their leaf in one tree: leaf k's are order[place[k - low] : ... + 1]."""
    n = len(leaf)
    for k in range(high - low + 1):
        place[k] = 0
    for i in range(n):
        place[leaf[i] - low + 1] += 1
    for k in range(high - low):
        place[k + 1] += place[k]
    for i in range(n):
        k = leaf[i] - low
        order[place[k]] = i
        place[k] += 1
    for k in range(high - low, 0, -1):
        place[k] = place[k - 1]
    place[0] = 0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, pipeline_class=SeparateArrays)
def _first_weights(numbers, codes, j, own, own_codes, n_rows, squares, v):
    """Weights at the first gamma of sample row j for a block of query rows; 0 where a category differs."""
    for q in range(n_rows):
        squares[q] = np.float32(0.0)
    for p in range(numbers.shape[0]):
        theirs = numbers[p, j]
        for q in range(n_rows):
            gap = own[p, q] - theirs
            squares[q] += gap * gap
    for q in range(n_rows):
        x = min(FIRST_GAMMA * math.sqrt(squares[q]), LARGEST_EXPONENT) / 8
        root = 1.0 - x * (1.0 - x * (1 / 2 - x * (1 / 6 - x * (1 / 24 - x / 120))))
        root *= root
        root *= root
        v[q] = root * root
    for p in range(codes.shape[0]):
        level = codes[p, j]
        for q in range(n_rows):
            v[q] = v[q] if own_codes[p, q] == level else 0.0


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, pipeline_class=SeparateArrays)
def _add_weights(v, w, n_rows, stop):
    """Add the weights at the first `stop` gammas; `v` is used up."""
    for g in range(stop):
        row = w[g]
        for q in range(n_rows):
            x = v[q]
            row[q] += x
            x = x if x > NOTHING else 0.0  # what would end as a denormal number costs time and weighs nothing
            second = x * x
            fourth = second * second
            v[q] = fourth * fourth * second


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, pipeline_class=SeparateArrays)
def weighted_path_lengths(leaf, depth, start, numbers, codes, query, query_codes, first, stop, table):
    """Mean path length over the trees, for each gamma of a part of the grid.

    Query rows are taken leaf by leaf in blocks, so that the inner loops run over rows that share their neighbours.

    Parameters
    ----------
    leaf : int32 (n_trees, n), the leaf of each query row, of `find_leaves`
    depth : float32 (n_leaves,), levels above each leaf; at most 256 leaves a tree
    start : int32 (n_leaves + 1,), the sample rows of leaf k are start[k] to start[k + 1], at most 256
    numbers : float32 (n_numbers, n_sample_rows), contexts of the sample rows, scaled, in the order of the leaves
    codes : int32 (n_codes, n_sample_rows)
    query : float32 (n, n_numbers), query_codes : int32 (n, n_codes)
    first, stop : which gammas of 10^(k - 3) to keep
    table : `C_TABLE`

    Returns
    -------
    float64 (n, stop - first)
    """
    n_trees, n = leaf.shape
    n_numbers, n_codes = numbers.shape[0], codes.shape[0]
    total = np.zeros((n, stop - first))
    order, place = np.empty(n, np.int32), np.empty(MAX_SAMPLES + 1, np.int32)
    own, own_codes = np.empty((n_numbers, BLOCK), np.float32), np.empty((n_codes, BLOCK), np.int32)
    squares, v, w = np.empty(BLOCK, np.float32), np.empty(BLOCK), np.empty((stop, BLOCK))
    n_leaves = len(depth) // n_trees
    for t in range(n_trees):
        low = t * n_leaves
        _order_by_leaf(leaf[t], low, low + n_leaves, place, order)
        for k in range(low, low + n_leaves):
            for begin in range(place[k - low], place[k - low + 1], BLOCK):
                n_rows = min(BLOCK, place[k - low + 1] - begin)
                for q in range(n_rows):
                    i = order[begin + q]
                    for p in range(n_numbers):
                        own[p, q] = query[i, p]
                    for p in range(n_codes):
                        own_codes[p, q] = query_codes[i, p]
                for g in range(stop):
                    for q in range(n_rows):
                        w[g, q] = 0.0
                for j in range(start[k], start[k + 1]):
                    _first_weights(numbers, codes, j, own, own_codes, n_rows, squares, v)
                    _add_weights(v, w, n_rows, stop)
                for g in range(first, stop):
                    for q in range(n_rows):
                        total[order[begin + q], g - first] += max(depth[k] + _c(w[g, q], table), 0.0)
    total /= n_trees
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST, pipeline_class=SeparateArrays)
def _add_shared(v, inside, within, everywhere, n_rows):
    """Add the weights at all gammas, and those of the rows that share the leaf; `v` is used up."""
    for g in range(len(everywhere)):
        ours, all_ = within[g], everywhere[g]
        for q in range(n_rows):
            x = v[q]
            all_[q] += x
            ours[q] += x * inside[q]
            x = x if x > NOTHING else 0.0
            second = x * x
            fourth = second * second
            v[q] = fourth * fourth * second


@njit(cache=True, nogil=True, error_model="numpy")
def log_leaf_shares(leaf, start, members, numbers, codes, query, query_codes, rows, prior):
    """How much better the context of a row foretells the leaf it falls in, than its leaf's size alone does.

    The share of a leaf in a context is (w + prior m) / (W + prior), with w the sum of the similarities of its rows, W
    that of all rows of the tree, m its plain share; half a row is added to every leaf. The row itself is left out.

    Parameters
    ----------
    leaf : int32 (n_trees, n), start, numbers, codes, query, query_codes : as in `weighted_path_lengths`
    members : int64 (n_sample_rows,), rows : int64 (n,): what row each one is
    prior : how many rows the plain share counts for

    Returns
    -------
    (n_gammas,) mean over rows and trees of log(share in the context / plain share); 0 for a gamma of 0 and of infinity
    """
    n_trees, n = leaf.shape
    n_leaves, n_gammas = (len(start) - 1) // n_trees, len(GAMMAS)
    n_numbers, n_codes = numbers.shape[0], codes.shape[0]
    own, own_codes = np.empty((n_numbers, BLOCK), np.float32), np.empty((n_codes, BLOCK), np.int32)
    squares, v, inside = np.empty(BLOCK, np.float32), np.empty(BLOCK), np.empty(BLOCK)
    within, everywhere = np.empty((n_gammas, BLOCK)), np.empty((n_gammas, BLOCK))
    result = np.zeros(n_gammas)
    for begin in range(0, n, BLOCK):
        n_rows = min(BLOCK, n - begin)
        for q in range(n_rows):
            own[:, q] = query[begin + q]
            own_codes[:, q] = query_codes[begin + q]
        for t in range(n_trees):
            within[:], everywhere[:] = 0.0, 0.0
            others, sharing, n_filled = np.zeros(n_rows), np.zeros(n_rows), 0
            for k in range(t * n_leaves, (t + 1) * n_leaves):
                n_filled += start[k + 1] > start[k]
                for j in range(start[k], start[k + 1]):
                    _first_weights(numbers, codes, j, own, own_codes, n_rows, squares, v)
                    for q in range(n_rows):
                        counts = 0.0 if rows[begin + q] == members[j] else 1.0
                        inside[q] = 1.0 if leaf[t, begin + q] == k else 0.0
                        v[q] *= counts
                        others[q] += counts
                        sharing[q] += counts * inside[q]
                    _add_shared(v, inside, within, everywhere, n_rows)
            for q in range(n_rows):
                plain = (sharing[q] + 0.5) / (others[q] + 0.5 * n_filled)
                for g in range(n_gammas):
                    half = 0.5 * everywhere[g, q] / max(others[q], 1.0)
                    whole = everywhere[g, q] + half * n_filled + prior
                    result[g] += math.log((within[g, q] + half + prior * plain) / whole / plain)
    return result / (n * n_trees)
