"""Trees that predict some columns of a row (indicators) from others (its context), and their means.

Extremely randomised trees (Geurts, Ernst and Wehenkel 2006) with many outputs: each node tries one random cut of each
of some random context columns and keeps the one that leaves the least variance. A number is cut at a row's value, a
category is parted from all others.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tocsin.kernels.isolation import next_random
from tocsin.kernels.separate import SeparateArrays

__all__ = ["grow_context_trees", "predict_columns"]

IS_LEAF = np.int32(-1)
WIDTH = 4
"""Targets that are summed at once."""
MANY = 16
BLOCK = 256
"""Rows that walk down a tree together."""


@njit(cache=True, nogil=True, pipeline_class=SeparateArrays)
def _mark_left(values, member, is_category, at, left):
    """Which of some rows go left of a cut, as 0 or 1; returns how many."""
    n_left = np.int64(0)
    for i in range(member.shape[0]):
        x = values[np.uint64(member[i])]  # unsigned: no index counts from the end
        goes_left = (x == at) | ((x < at) & (not is_category))
        left[i] = np.float64(goes_left)
        n_left += np.int64(goes_left)
    return n_left


@njit(cache=True, nogil=True, pipeline_class=SeparateArrays)
def _add_left(own, left, part):
    """Sums of the targets of the rows that go left; of few targets without branches, which no one could foretell."""
    if own.shape[1] > MANY:
        part[:] = 0.0
        for i in range(own.shape[0]):
            if left[i] > 0.0:
                for o in range(own.shape[1]):
                    part[o] += own[i, o]
        return
    for o in range(0, own.shape[1], WIDTH):
        first, second, third, fourth = 0.0, 0.0, 0.0, 0.0
        for i in range(own.shape[0]):
            first += left[i] * own[i, o]
            second += left[i] * own[i, o + 1]
            third += left[i] * own[i, o + 2]
            fourth += left[i] * own[i, o + 3]
        part[o], part[o + 1], part[o + 2], part[o + 3] = first, second, third, fourth


@njit(cache=True, nogil=True)
def grow_context_trees(inputs, is_category, context, targets, rows, seeds, least, n_tries):
    """Grow one tree a line of `rows`.

    Parameters
    ----------
    inputs : (n_columns, n) float32; categories as whole numbers
    is_category : (n_columns,) bool
    context : (n_context,) int64, the columns that nodes may cut
    targets : (n, n_targets) float32
    rows : (n_trees, n_samples) int64, the rows that each tree is grown from
    seeds : (n_trees,) uint64
    least : int, rows of growth in a leaf
    n_tries : int, columns that a node tries

    Returns
    -------
    column : (n_trees, n_nodes) int32, -1 = leaf
    cut : (n_trees, n_nodes) float32; a row goes left where its value <= cut (a category: == cut)
    left : (n_trees, n_nodes) int32, the left child; the right one follows it. Of a leaf: its place in `value`
    value : (n_trees, n_leaves, n_targets) float32, mean of the targets in each leaf
    """
    n_trees, n_samples = rows.shape
    n_targets, n_context = targets.shape[1], context.shape[0]
    n_leaves = max(n_samples // max(least, 1), 1)
    column = np.full((n_trees, 2 * n_leaves), IS_LEAF)
    cut = np.zeros((n_trees, 2 * n_leaves), np.float32)
    left = np.zeros((n_trees, 2 * n_leaves), np.int32)
    value = np.zeros((n_trees, n_leaves, n_targets), np.float32)
    member, kept = np.empty(n_samples, np.int64), np.empty(n_samples, np.int64)
    width = (n_targets + WIDTH - 1) // WIDTH * WIDTH
    own, kept_own = np.zeros((n_samples, width), np.float32), np.zeros((n_samples, width), np.float32)
    to_left = np.zeros(n_samples)
    begin, end = np.zeros(2 * n_leaves, np.int64), np.zeros(2 * n_leaves, np.int64)
    order = context.copy()
    total, part = np.zeros(n_targets), np.zeros(width)
    for t in range(n_trees):
        state = seeds[t]
        for i in range(n_samples):
            member[i] = rows[t, i]
            for o in range(n_targets):
                own[i, o] = targets[member[i], o]
        begin[0], end[0] = 0, n_samples
        n_nodes, leaf, k = 1, 0, 0
        while k < n_nodes:
            a, b = begin[k], end[k]
            total[:] = 0.0
            for i in range(a, b):
                for o in range(n_targets):
                    total[o] += own[i, o]
            best, best_column, best_cut = -1.0, -1, np.float32(0.0)
            if b - a >= 2 * least:
                for c in range(min(n_tries, n_context)):
                    state, u = next_random(state)
                    pick = c + int(u * (n_context - c))
                    j = order[pick]
                    order[pick], order[c] = order[c], j
                    state, u = next_random(state)
                    at = inputs[j, member[a + int(u * (b - a))]]
                    n_left = _mark_left(inputs[j], member[a:b], is_category[j], at, to_left[a:b])
                    n_right = b - a - n_left
                    if n_left < least or n_right < least:
                        continue
                    _add_left(own[a:b], to_left[a:b], part)
                    explained = 0.0
                    for o in range(n_targets):
                        rest = total[o] - part[o]
                        explained += part[o] * part[o] / n_left + rest * rest / n_right
                    if explained > best:
                        best, best_column, best_cut = explained, j, at
            if best_column < 0:
                left[t, k] = leaf
                for o in range(n_targets):
                    value[t, leaf, o] = total[o] / (b - a)
                leaf += 1
            else:
                place, n_kept = a, 0
                for i in range(a, b):
                    x = inputs[best_column, member[i]]
                    if x == best_cut or (x < best_cut and not is_category[best_column]):
                        member[place] = member[i]
                        for o in range(n_targets):
                            own[place, o] = own[i, o]
                        place += 1
                    else:
                        kept[n_kept] = member[i]
                        for o in range(n_targets):
                            kept_own[n_kept, o] = own[i, o]
                        n_kept += 1
                for i in range(n_kept):
                    member[place + i] = kept[i]
                    for o in range(n_targets):
                        own[place + i, o] = kept_own[i, o]
                column[t, k], cut[t, k], left[t, k] = best_column, best_cut, n_nodes
                begin[n_nodes], end[n_nodes] = a, place
                begin[n_nodes + 1], end[n_nodes + 1] = place, b
                n_nodes += 2
            k += 1
    return column, cut, left, value


@njit(cache=True, nogil=True, pipeline_class=SeparateArrays)
def _walk(inputs, is_category, column, cut, left, walking, n_walking, node):
    """Take the first `n_walking` rows of `walking` from the root to their leaves, a level at a time, into `node`."""
    node[:] = 0
    n_left = n_walking if column[0] >= 0 else 0
    while n_left > 0:
        n_now, n_left = n_left, 0
        for r in range(n_now):
            i = np.uint64(walking[r])
            k = np.uint64(node[i])
            j = np.uint64(column[k])
            x = inputs[i, j]
            goes_left = (x == cut[k]) | ((x < cut[k]) & (not is_category[j]))
            child = left[k] + np.int32(not goes_left)
            node[i] = child
            walking[n_left] = walking[r]
            n_left += np.int64(column[np.uint64(child)] >= 0)


@njit(cache=True, nogil=True)
def predict_columns(inputs, is_category, column, cut, left, value, places, used_by):
    """Mean of the trees' predictions for each row.

    Parameters
    ----------
    inputs : (n, n_columns) float32
    is_category, column, cut, left, value : what `grow_context_trees` took and gave
    places : (n,) int64, place of the row among those that trees were grown from, -1 = none
    used_by : (n_trees, n_places) bool, whether the tree has grown from that row: then it does not predict it

    Returns
    -------
    (n, n_targets) float32; where every tree has grown from the row, the mean of all of them
    """
    n, n_trees, n_targets = inputs.shape[0], column.shape[0], value.shape[2]
    result = np.zeros((n, n_targets), np.float32)
    n_asked = np.zeros(n, np.int64)
    for t in range(n_trees):
        for i in range(n):
            n_asked[i] += places[i] >= 0 and not used_by[t, places[i]]
    walking, asked = np.zeros(BLOCK, np.int32), np.zeros(BLOCK, np.int32)
    node = np.zeros(BLOCK, np.int32)
    for start in range(0, n, BLOCK):
        n_rows = min(BLOCK, n - start)
        for t in range(n_trees):
            n_walking = np.int64(0)
            for r in range(n_rows):
                i = start + r
                skipped = places[i] >= 0 and n_asked[i] > 0 and used_by[t, places[i]]
                asked[n_walking] = r
                n_walking += np.int64(not skipped)
            walking[:n_walking] = asked[:n_walking]
            _walk(inputs[start : start + n_rows], is_category, column[t], cut[t], left[t], walking, n_walking, node)
            for r in range(n_walking):
                i = asked[r]
                leaf = left[t, node[i]]
                for o in range(n_targets):
                    result[start + i, o] += value[t, leaf, o]
    for i in range(n):
        n_means = n_asked[i] if n_asked[i] > 0 else n_trees
        for o in range(n_targets):
            result[i, o] /= n_means
    return result
