"""Isolation trees (Liu, Ting and Zhou 2008) as perfect binary trees in breadth-first order, and their traversal.

A tree of `depth` levels is 2^depth - 1 nodes and 2^depth leaves: the children of node k are 2k + 1 and 2k + 2, leaf l
is node 2^depth - 1 + l. A branch that ends early is padded with nodes below which all leaves are alike. Every row takes
`depth` steps without a branch, so that a block of rows runs side by side through vector instructions.

A node sends a row to the right where value >= threshold, and a missing value where the lowest bit of its `split` is
set; split >> 1 is its column. Categories have no order: each tree scatters a column's codes at random on [0, 2^24) and
splits them by thresholds like numbers, which is a random subset at each node.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.separate import SeparateArrays

__all__ = ["grow_trees", "next_random", "path_lengths", "scatter_code"]

MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
MIX_2 = np.uint64(0x94D049BB133111EB)
STEP = np.uint64(0x9E3779B97F4A7C15)
TO_UNIT = 1.0 / (1 << 53)
BLOCK_BYTES = 32_768
INDEX = np.uint32((1 << 30) - 1)


@njit(cache=True, nogil=True, inline="always")
def _mixed(x):
    """splitmix64's output function (Steele, Lea and Flood 2014)."""
    x = (x ^ (x >> np.uint64(30))) * MIX_1
    x = (x ^ (x >> np.uint64(27))) * MIX_2
    return x ^ (x >> np.uint64(31))


@njit(cache=True, nogil=True, inline="always")
def next_random(state):
    """The next state of a uint64 generator (splitmix64), and a number in [0, 1)."""
    state += STEP
    return state, np.float64(_mixed(state) >> np.uint64(11)) * TO_UNIT


@njit(cache=True, nogil=True, inline="always")
def scatter_code(code, seed):
    """The place of a category on a tree's axis for its column: float32 in [0, 2^24); NaN for a missing one.

    A 32-bit mix (Wellons' lowbias32), which vectorises; code int32, seed uint32 of the tree and column.
    """
    x = np.uint32(code) ^ seed
    x = np.uint32((x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D))
    x = np.uint32((x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B))
    x = np.uint32(x ^ (x >> np.uint32(16)))
    return np.float32(np.int32(x >> np.uint32(8))) if code >= 0 else np.float32(np.nan)


@njit(cache=True, nogil=True, inline="always")
def code_seed(seed, j):
    """The 32-bit seed of a tree's j-th categorical column."""
    return np.uint32(_mixed(seed + STEP * np.uint64(j + 1)) >> np.uint64(32))


@njit(cache=True, nogil=True)
def grow_trees(numbers, codes, rows, seeds, depth, length):
    """Grow one tree a line of `rows`.

    Parameters
    ----------
    numbers : (n, n_numbers) float32, NaN = missing
    codes : (n, n_categoricals) int32, -1 = missing
    rows : (n_trees, n_samples) int64, the rows that each tree is grown from
    seeds : (n_trees,) uint64
    depth : int, levels of every tree
    length : (n_samples + 1,) float32, what a leaf with so many rows adds to a path

    Returns
    -------
    split : (n_trees, 2^depth - 1) int32
    threshold : (n_trees, 2^depth - 1) float32, inf in padding nodes
    path : (n_trees, 2^depth) float32, path length at each leaf
    count : (n_trees, 2^depth) int32, rows of growth in the leaf (each of a padded branch's leaves has all of them)
    share : (n_trees, 2^depth - 1) float32, part of the node's range that goes left; 0 where there is no range
    """
    n_trees, n_samples = rows.shape
    n_numbers, n_columns = numbers.shape[1], numbers.shape[1] + codes.shape[1]
    n_nodes = (1 << depth) - 1
    split = np.zeros((n_trees, n_nodes), np.int32)
    threshold = np.full((n_trees, n_nodes), np.float32(np.inf))
    path = np.zeros((n_trees, n_nodes + 1), np.float32)
    count = np.zeros((n_trees, n_nodes + 1), np.int32)
    share = np.zeros((n_trees, n_nodes), np.float32)
    values = np.empty((n_columns, n_samples), np.float32)
    member = np.empty(n_samples, np.int64)
    kept = np.empty(n_samples, np.int64)
    columns = np.empty(n_columns, np.int64)
    begin, end = np.zeros(2 * n_nodes + 1, np.int64), np.zeros(2 * n_nodes + 1, np.int64)
    for t in range(n_trees):
        state = seeds[t]
        for i in range(n_samples):
            member[i] = i
            for j in range(n_numbers):
                values[j, i] = numbers[rows[t, i], j]
        for j in range(n_numbers, n_columns):
            seed = code_seed(seeds[t], j - n_numbers)
            for i in range(n_samples):
                values[j, i] = scatter_code(codes[rows[t, i], j - n_numbers], seed)
        for j in range(n_columns):
            columns[j] = j
        begin[:] = -1
        begin[0], end[0] = 0, n_samples
        level = 0
        for k in range(2 * n_nodes + 1):
            if k + 1 >= 1 << (level + 1):
                level += 1
            if begin[k] < 0:
                continue
            a, b = begin[k], end[k]
            found = False
            if level < depth and b - a > 1:
                for c in range(n_columns):  # columns in random order until one varies
                    state += STEP
                    pick = c + np.int64(_mixed(state) % np.uint64(n_columns - c))
                    j = columns[pick]
                    columns[pick], columns[c] = columns[c], j
                    low, high, n_missing = np.float32(np.inf), np.float32(-np.inf), 0
                    for i in range(a, b):
                        x = values[j, member[i]]
                        if math.isnan(x):
                            n_missing += 1
                        else:
                            low, high = min(low, x), max(high, x)
                    if low < high or (n_missing > 0 and n_missing < b - a):
                        found = True
                        break
            if not found:
                first = (k + 1 << (depth - level)) - (n_nodes + 1)
                for leaf in range(first, first + (1 << (depth - level))):
                    path[t, leaf] = np.float32(level) + length[b - a]
                    count[t, leaf] = b - a
                continue
            state, u = next_random(state)
            cut = np.float32(np.inf)  # a single value: the missing part from it
            if low < high:
                share[t, k] = np.float32(u)
                cut = np.float32(np.float64(low) + u * (np.float64(high) - np.float64(low)))
                if cut <= low or cut > high:
                    cut = high
            n_right = 0
            for i in range(a, b):
                n_right += values[j, member[i]] >= cut
            state, u = next_random(state)
            missing_right = low == high or u * (b - a - n_missing) < n_right
            split[t, k] = 2 * j + missing_right
            threshold[t, k] = cut
            place, n_kept = a, 0
            for i in range(a, b):  # a stable partition
                x = values[j, member[i]]
                if x >= cut or (missing_right and math.isnan(x)):
                    kept[n_kept] = member[i]
                    n_kept += 1
                else:
                    member[place] = member[i]
                    place += 1
            for i in range(n_kept):
                member[place + i] = kept[i]
            begin[2 * k + 1], end[2 * k + 1] = a, place
            begin[2 * k + 2], end[2 * k + 2] = place, b
    return split, threshold, path, count, share


@njit(cache=True, nogil=True, pipeline_class=SeparateArrays)
def _load(numbers, start, n_rows, centre, scale, n_block, values):
    """Rows start … of `numbers` as standardised float32, one column after the other."""
    for j in range(numbers.shape[1]):
        half, factor = centre[j], scale[j]
        for i in range(n_rows):
            values[j * n_block + i] = np.float32((0.5 * numbers[start + i, j] - half) * factor)


@njit(cache=True, nogil=True, pipeline_class=SeparateArrays)
def _scatter(codes, start, n_rows, j, seed, values):
    for i in range(n_rows):
        values[i] = scatter_code(codes[start + i, j], seed)


@njit(cache=True, nogil=True, pipeline_class=SeparateArrays)
def _enter(values, split, threshold, node):
    """The step from the root: one column and one threshold for all rows."""
    missing_right = (split & 1) == 1
    for i in range(node.shape[0]):
        x = values[i]
        node[i] = np.int32(1) + np.int32((x >= threshold) | ((x != x) & missing_right))


@njit(cache=True, nogil=True, pipeline_class=SeparateArrays)
def _descend(values, split, threshold, node):
    """One step down for every row of a block. The masks tell LLVM that no index is negative."""
    width = np.uint32(node.shape[0])
    for i in range(node.shape[0]):
        k = np.uint32(node[i]) & INDEX
        s = split[k]
        x = values[(np.uint32(s >> np.int32(1)) * width + np.uint32(i)) & INDEX]
        right = (x >= threshold[k]) | ((x != x) & ((s & np.int32(1)) == np.int32(1)))
        node[i] = np.int32(np.uint32(2) * k + np.uint32(1) + np.uint32(right))


@njit(cache=True, nogil=True, pipeline_class=SeparateArrays)
def _add_paths(path, node, total):
    first = np.int32(path.shape[0] - 1)
    for i in range(node.shape[0]):
        total[i] += path[np.uint32(node[i] - first) & INDEX]


@njit(cache=True, nogil=True, error_model="numpy")
def path_lengths(numbers, codes, centre, scale, seeds, split, threshold, path, result):
    """Mean path length of each row over the trees, written into `result` (n,) float64.

    Parameters
    ----------
    numbers : (n, n_numbers) float64, C-contiguous, NaN = missing; trees see (numbers / 2 - centre) * scale
    centre, scale : (n_numbers,) float64
    codes : (n, n_categoricals) int32, -1 = missing
    seeds, split, threshold, path : what `grow_trees` took and gave; at least one level
    """
    n, n_numbers = numbers.shape
    n_columns = n_numbers + codes.shape[1]
    n_trees, n_nodes = split.shape
    depth = 0
    while (1 << depth) < n_nodes + 1:
        depth += 1
    n_block = 64
    while n_block < 512 and 8 * n_block * n_columns <= BLOCK_BYTES:
        n_block *= 2
    values = np.zeros(n_columns * n_block, np.float32)
    node = np.zeros(n_block, np.int32)
    total = np.zeros(n_block, np.float64)
    for start in range(0, n, n_block):
        n_rows = min(n_block, n - start)
        _load(numbers, start, n_rows, centre, scale, n_block, values)
        total[:] = 0.0
        for t in range(n_trees):
            for j in range(n_numbers, n_columns):
                place = values[j * n_block : (j + 1) * n_block]
                _scatter(codes, start, n_rows, j - n_numbers, code_seed(seeds[t], j - n_numbers), place)
            root = (split[t, 0] >> 1) * n_block
            _enter(values[root : root + n_block], split[t, 0], threshold[t, 0], node)
            for _ in range(depth - 1):
                _descend(values, split[t], threshold[t], node)
            _add_paths(path[t], node, total)
        for i in range(n_rows):
            result[start + i] = total[i] / n_trees
