"""Path lengths of an isolation forest whose leaf counts are weighted by similarity in context space.

A sample row in the leaf of a query row counts for exp(-gamma d), d the distance of the two contexts, instead of for 1,
and for 0 where a categorical attribute of the context differs. The path length is

    h = depth + c(w),    c(w) = 2 (H_w - 1),    H_w = digamma(w + 1) + 0.57722 (harmonic numbers, continued smoothly)

with w the sum of the weights; at whole w this is the isolation forest's own c, so that gamma = 0 is the isolation
forest. c(w) below w = 1 is negative, down to -2 where nothing of the leaf is in the context; h is kept from going
below 0.

All gammas of a grid 10^-3, 10^-2, ... are served in one pass: the weight at the next gamma is the tenth power of the
last, four multiplications; only the first needs an exponential, of a number so small that five terms of its series do.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from scipy import special

from tocsin.kernels.isolation import code_seed, scatter_code
from tocsin.kernels.separate import SeparateArrays

__all__ = ["C_TABLE", "FIRST_GAMMA", "GAMMAS", "MAX_SAMPLES", "find_leaves", "leaf_order", "weighted_path_lengths"]

FAST = {"reassoc", "contract", "nsz", "arcp"}
FIRST_GAMMA = 1e-3
GAMMAS = 10.0 ** np.arange(-3, 4)
LARGEST_EXPONENT = 1.5
"""gamma d of the first gamma is cut here: the series would leave (0, 1) further on. Reached beyond 1,500 deviations."""

ROWS_AT_ONCE = 256
"""Rows that descend a tree side by side."""
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


@njit(cache=True, nogil=True, boundscheck=False, error_model="numpy", inline="always")
def _descend(numbers, codes, i, seed, split, threshold):
    """The leaf of one row in one tree of `grow_trees`."""
    n_nodes, n_numbers = len(split), numbers.shape[1]
    k = 0
    while k < n_nodes:
        j = split[k] >> 1
        x = numbers[i, j] if j < n_numbers else scatter_code(codes[i, j - n_numbers], code_seed(seed, j - n_numbers))
        right = (x >= threshold[k]) or (math.isnan(x) and (split[k] & 1) == 1)
        k = 2 * k + 1 + (1 if right else 0)
    return k - n_nodes


@njit(cache=True, nogil=True, boundscheck=False, error_model="numpy", pipeline_class=SeparateArrays)
def find_leaves(numbers, codes, seeds, split, threshold):
    """int32 (n_trees, n): the leaf of each row, leaves numbered through all trees, 2^depth a tree.

    Blocks of rows descend side by side, as in `kernels.isolation.path_lengths`.

    Parameters
    ----------
    numbers : (n, n_numbers) float32, codes : (n, n_categoricals) int32
    seeds, split, threshold : trees of `kernels.isolation.grow_trees`
    """
    (n, n_numbers), (n_trees, n_nodes) = numbers.shape, split.shape
    n_columns = n_numbers + codes.shape[1]
    depth = 0
    while (1 << depth) < n_nodes + 1:
        depth += 1
    result = np.empty((n_trees, n), np.int32)
    values = np.zeros(n_columns * ROWS_AT_ONCE, np.float32)
    node = np.zeros(ROWS_AT_ONCE, np.int32)
    width = np.int32(ROWS_AT_ONCE)
    for start in range(0, n, ROWS_AT_ONCE):
        n_rows = min(ROWS_AT_ONCE, n - start)
        for i in range(n_rows):
            for j in range(n_numbers):
                values[j * ROWS_AT_ONCE + i] = numbers[start + i, j]
        for t in range(n_trees):
            for j in range(n_numbers, n_columns):
                seed = code_seed(seeds[t], j - n_numbers)
                for i in range(n_rows):
                    values[j * ROWS_AT_ONCE + i] = scatter_code(codes[start + i, j - n_numbers], seed)
            splits, thresholds = split[t], threshold[t]
            node[:] = 0
            for _ in range(depth):
                for i in range(ROWS_AT_ONCE):
                    k = node[i]
                    s = splits[np.uint32(k)]
                    x = values[np.uint32((s >> np.int32(1)) * width + np.int32(i))]
                    right = (x >= thresholds[np.uint32(k)]) | ((x != x) & ((s & np.int32(1)) == np.int32(1)))
                    node[i] = np.int32(2) * k + np.int32(1) + np.int32(right)
            first = t * (n_nodes + 1) - n_nodes
            for i in range(n_rows):
                result[t, start + i] = node[i] + first
    return result


@njit(cache=True, nogil=True, boundscheck=False, error_model="numpy")
def leaf_order(numbers, codes, rows, seeds, split, threshold):
    """The rows that trees were grown from, in the order of their leaves.

    Parameters
    ----------
    rows : int64 (n_trees, n_samples); the others as in `find_leaves`

    Returns
    -------
    members : int64 (n_trees n_samples,) the rows, those of leaf k are start[k] to start[k + 1]
    start : int32 (n_leaves + 1,)
    """
    (n_trees, n_samples), n_leaves = rows.shape, split.shape[1] + 1
    start = np.zeros(n_trees * n_leaves + 1, np.int32)
    members, leaves = np.empty(n_trees * n_samples, np.int64), np.empty(n_samples, np.int64)
    for t in range(n_trees):
        first = t * n_leaves
        for s in range(n_samples):
            leaves[s] = first + _descend(numbers, codes, rows[t, s], seeds[t], split[t], threshold[t])
            start[leaves[s] + 1] += 1
        start[first + 1] += t * n_samples
        for k in range(first + 1, first + n_leaves):
            start[k + 1] += start[k]
        filled = start[first : first + n_leaves].copy()
        filled[0] = t * n_samples
        for s in range(n_samples):
            k = leaves[s] - first
            members[filled[k]] = rows[t, s]
            filled[k] += 1
    return members, start


@njit(cache=True, nogil=True, error_model="numpy")
def _order_by_leaf(leaf, low, high, place, order):
    """Counting sort of the query rows by their leaf in one tree: those of leaf k are order[place[k - low] : ... + 1]."""
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
        x = min(FIRST_GAMMA * math.sqrt(squares[q]), LARGEST_EXPONENT)
        v[q] = 1.0 - x * (1.0 - x * (1 / 2 - x * (1 / 6 - x * (1 / 24 - x / 120))))
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
