"""Trees that predict some columns of a row (indicators) from others (its context), and their means.

Extremely randomised trees (Geurts, Ernst and Wehenkel 2006) with many outputs: each node tries one random cut of each
of some random context columns and keeps the one that leaves the least variance. A number is cut at a row's value, a
category is parted from all others.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from tocsin.kernels.isolation import next_random

__all__ = ["grow_context_trees", "predict_columns"]

IS_LEAF = np.int32(-1)


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
    begin, end = np.zeros(2 * n_leaves, np.int64), np.zeros(2 * n_leaves, np.int64)
    order = context.copy()
    total, part = np.zeros(n_targets), np.zeros(n_targets)
    for t in range(n_trees):
        state = seeds[t]
        member[:] = rows[t]
        begin[0], end[0] = 0, n_samples
        n_nodes, leaf, k = 1, 0, 0
        while k < n_nodes:
            a, b = begin[k], end[k]
            total[:] = 0.0
            for i in range(a, b):
                for o in range(n_targets):
                    total[o] += targets[member[i], o]
            best, best_column, best_cut = -1.0, -1, np.float32(0.0)
            if b - a >= 2 * least:
                for c in range(min(n_tries, n_context)):
                    state, u = next_random(state)
                    pick = c + int(u * (n_context - c))
                    j = order[pick]
                    order[pick], order[c] = order[c], j
                    state, u = next_random(state)
                    at = inputs[j, member[a + int(u * (b - a))]]
                    part[:] = 0.0
                    n_left = 0
                    for i in range(a, b):
                        x = inputs[j, member[i]]
                        if x == at or (x < at and not is_category[j]):
                            n_left += 1
                            for o in range(n_targets):
                                part[o] += targets[member[i], o]
                    n_right = b - a - n_left
                    if n_left < least or n_right < least:
                        continue
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
                        place += 1
                    else:
                        kept[n_kept] = member[i]
                        n_kept += 1
                for i in range(n_kept):
                    member[place + i] = kept[i]
                column[t, k], cut[t, k], left[t, k] = best_column, best_cut, n_nodes
                begin[n_nodes], end[n_nodes] = a, place
                begin[n_nodes + 1], end[n_nodes + 1] = place, b
                n_nodes += 2
            k += 1
    return column, cut, left, value


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
    n_trees, n_targets = column.shape[0], value.shape[2]
    result = np.zeros((inputs.shape[0], n_targets), np.float32)
    n_asked = np.zeros(inputs.shape[0], np.int64)
    for i in range(inputs.shape[0]):
        if places[i] >= 0:
            for t in range(n_trees):
                n_asked[i] += not used_by[t, places[i]]
    for t in range(n_trees):
        for i in range(inputs.shape[0]):
            if places[i] >= 0 and n_asked[i] > 0 and used_by[t, places[i]]:
                continue
            k = np.int32(0)
            j = column[t, 0]
            while j >= 0:
                x = inputs[i, j]
                goes_left = x == cut[t, k] or (x < cut[t, k] and not is_category[j])
                k = left[t, k] + np.int32(not goes_left)
                j = column[t, k]
            leaf = left[t, k]
            for o in range(n_targets):
                result[i, o] += value[t, leaf, o]
    for i in range(inputs.shape[0]):
        n = n_asked[i] if n_asked[i] > 0 else n_trees
        for o in range(n_targets):
            result[i, o] /= n
    return result
