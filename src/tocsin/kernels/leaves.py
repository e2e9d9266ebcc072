"""The leaves of the trees of kernels.isolation: which one a row falls in, and which rows are in one."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.isolation import code_seed, scatter_code
from tocsin.kernels.separate import SeparateArrays

__all__ = ["find_leaves", "leaf_order"]

ROWS_AT_ONCE = 256
"""Rows that descend a tree side by side."""


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
