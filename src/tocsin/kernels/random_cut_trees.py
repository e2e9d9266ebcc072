"""Random cut trees (Guha, Mishra, Roy and Schrijvers 2016): insert, delete, score and look up one point in one tree.

Trees (first axis, here called t) of at most n points are five arrays, in which nothing is ever allocated anew:

    links  : (n_trees, 2n - 1, 5) int16, of each node LEFT, RIGHT, PARENT, MASS and AXIS. Nodes 0 ... n - 2 are inner
             nodes, n - 1 ... 2n - 2 leaves. NONE is no node. PARENT of a node not in use is the next unused one
    cuts   : (n_trees, n - 1) float32, of each inner node: a point with point[axis] <= cut is in the left child
    boxes  : (n_trees, n - 1, 2d) float32, of each inner node its bounding box's low and high corners
    points : (n_trees, n, d) float32, the point of each leaf
    heads  : (n_trees, 3) int16, ROOT, and the first unused leaf and inner node

Equal points share a leaf, as its mass. float32 halves the memory and costs nothing: corners are coordinates of points,
and a cut between two of them is any number between.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.isolation import next_random

__all__ = [
    "NONE",
    "clear_tree",
    "delete_leaf",
    "expected_log_depth",
    "find_leaves",
    "insert_point",
]

LEFT, RIGHT, PARENT, MASS, AXIS = 0, 1, 2, 3, 4
ROOT, UNUSED_LEAF, UNUSED_NODE = 0, 1, 2
NONE = -1
ZERO = np.float32(0.0)


@njit(cache=True, nogil=True)
def clear_tree(links, heads):
    """Make a tree of no points."""
    n_inner = links.shape[0] // 2
    links[:] = 0
    for node in range(links.shape[0]):
        links[node, PARENT] = node + 1
    links[n_inner - 1, PARENT] = links[links.shape[0] - 1, PARENT] = NONE
    heads[ROOT], heads[UNUSED_LEAF], heads[UNUSED_NODE] = NONE, n_inner, 0


@njit(cache=True, nogil=True, inline="always")
def _span(boxes, t, node, point):
    """Of an inner node: how far the point lies outside the bounding box, and the box's extent, summed over the axes."""
    d = point.shape[0]
    k = np.uint64(node)
    outside, extent, odd_outside, odd_extent = ZERO, ZERO, ZERO, ZERO
    for j in range(0, d - 1, 2):  # two sums side by side: half the wait
        low, high, x = boxes[t, k, j], boxes[t, k, d + j], point[j]
        gap = low - x if low - x > x - high else x - high
        outside += gap if gap > ZERO else ZERO
        extent += high - low
        low, high, x = boxes[t, k, j + 1], boxes[t, k, d + j + 1], point[j + 1]
        gap = low - x if low - x > x - high else x - high
        odd_outside += gap if gap > ZERO else ZERO
        odd_extent += high - low
    if d % 2:
        low, high, x = boxes[t, k, d - 1], boxes[t, k, 2 * d - 1], point[d - 1]
        gap = low - x if low - x > x - high else x - high
        outside += gap if gap > ZERO else ZERO
        extent += high - low
    return outside + odd_outside, extent + odd_extent


@njit(cache=True, nogil=True, inline="always")
def _child(links, cuts, t, node, point):
    """The child that the point falls into, without a branch; unsigned, so that no index counts from the end."""
    k = np.uint64(node)
    return np.uint64(links[t, k, np.uint64(point[np.uint64(links[t, k, AXIS])] > cuts[t, k])])


@njit(cache=True, nogil=True, inline="always")
def _is_equal(points, t, leaf, point):
    equal = True
    for j in range(point.shape[0]):
        equal &= points[t, leaf, j] == point[j]
    return equal


@njit(cache=True, nogil=True)
def _start(heads, n_inner, leaves, depths, walking):
    """Stand at every tree's root; returns how many of them are not leaves, the first so many of `walking`."""
    n_walking = np.int64(0)
    for t in range(leaves.shape[0]):
        leaves[t], depths[t] = heads[t, ROOT], 0
        walking[n_walking] = t
        n_walking += np.int64(heads[t, ROOT] < n_inner)
    return n_walking


@njit(cache=True, nogil=True, error_model="numpy")
def find_leaves(links, cuts, heads, point, random, leaves, depths, walking):
    """The leaf that the point falls into, and its depth, in the first trees; none of them empty.

    Where a cut is of an axis on which the point is NaN, a side is drawn by its mass. All trees take a step together:
    the next node of one is loaded while those of the others are. But for NaN no branch depends on the data.

    random         : uint64 (n_trees,), states of the random numbers, changed where there are NaN
    leaves, depths : int64, to be filled, one a tree that is asked; walking: int64, scratch as long
    """
    n_inner = np.uint64(cuts.shape[1])
    n_walking = np.int64(_start(heads, cuts.shape[1], leaves, depths, walking))
    is_whole = not np.isnan(point).any()
    while n_walking > 0:
        n_left = np.int64(0)
        for i in range(n_walking):
            t = walking[i]
            node = np.uint64(leaves[t])
            if not is_whole and math.isnan(point[np.uint64(links[t, node, AXIS])]):
                random[t], u = next_random(random[t])
                side = np.uint64(u * links[t, node, MASS] >= links[t, np.uint64(links[t, node, LEFT]), MASS])
                node = np.uint64(links[t, node, side])
            else:
                node = _child(links, cuts, t, node, point)
            leaves[t] = np.int64(node)
            depths[t] += 1
            walking[n_left] = t
            n_left += np.int64(node < n_inner)
        n_walking = n_left


@njit(cache=True, nogil=True, error_model="numpy")
def expected_log_depth(links, boxes, points, t, leaf, depth, point, logarithms):
    """log(1 + depth) of the leaf that the point would have, were it inserted; of a point known already, its own leaf's.

    The mean over where the insertion's random cuts may part the point from the tree, taken exactly, not drawn. A leaf
    of mass m counts as the log2(m + 1) levels that parting its points would take.

    Parameters
    ----------
    leaf, depth : int, of `find_leaves`
    point : (d,) float32; on an axis where it is NaN it lies in every box
    logarithms : (n,) float32, log(1), log(2), ...

    Returns
    -------
    float32 : 0 where the point is parted from all others at once
    """
    n_inner = boxes.shape[1]
    if _is_equal(points, t, leaf - n_inner, point):
        return np.float32(math.log(depth + math.log2(links[t, leaf, MASS] + 1.0)))
    value, node = logarithms[depth], leaf
    for k in range(depth - 1, -1, -1):  # boxes grow towards the root: inside one, inside all further up
        node = np.int64(links[t, np.uint64(node), PARENT])
        outside, extent = _span(boxes, t, node, point)
        if outside == ZERO:
            break
        value += outside / (outside + extent) * (logarithms[k] - value)
    return value


@njit(cache=True, nogil=True)
def _drawn_cut(boxes, points, t, node, point, state):
    """A random cut of the box that holds node and point: (state, axis, cut); axis NONE where it does not part them.

    Drawn uniformly over the box's summed sides (definition 1 and algorithm 2 of the paper).
    """
    n_inner, d = boxes.shape[1], point.shape[0]
    is_leaf = node >= n_inner
    outside, extent = ZERO, ZERO
    if is_leaf:
        for j in range(d):
            outside += abs(point[j] - points[t, node - n_inner, j])
    else:
        outside, extent = _span(boxes, t, node, point)
    if outside == ZERO:
        return state, NONE, ZERO
    state, u = next_random(state)
    place = np.float32(u * np.float64(outside + extent))
    if place >= outside and not is_leaf:
        return state, NONE, ZERO
    axis, cut = NONE, ZERO
    for j in range(d):
        low = points[t, node - n_inner, j] if is_leaf else boxes[t, node, j]
        high = low if is_leaf else boxes[t, node, d + j]
        x = point[j]
        gap = max(low - x, x - high, ZERO)
        if gap > ZERO:
            near, far = (x, low) if x < low else (high, x)
            axis, cut = j, near + min(place, gap)
            if cut >= far:  # rounded up: the left side of a cut includes it
                cut = near
            if place < gap:
                break
            place -= gap
    return state, axis, cut


@njit(cache=True, nogil=True)
def _replace_child(links, heads, t, parent, old, new):
    if parent == NONE:
        heads[t, ROOT] = new
    elif links[t, parent, LEFT] == old:
        links[t, parent, LEFT] = new
    else:
        links[t, parent, RIGHT] = new
    links[t, new, PARENT] = parent


@njit(cache=True, nogil=True)
def _new_leaf(links, points, heads, t, n_inner, point):
    leaf = np.int64(heads[t, UNUSED_LEAF])
    heads[t, UNUSED_LEAF] = links[t, leaf, PARENT]
    links[t, leaf, MASS], links[t, leaf, PARENT] = 1, NONE
    points[t, leaf - n_inner] = point
    return leaf


@njit(cache=True, nogil=True)
def insert_point(links, cuts, boxes, points, heads, t, point, state):
    """Insert a point (algorithm 2 of the paper); there must be room. Returns the random state, and the point's leaf."""
    n_inner, d = boxes.shape[1], point.shape[0]
    node = np.int64(heads[t, ROOT])
    if node == NONE:
        leaf = _new_leaf(links, points, heads, t, n_inner, point)
        heads[t, ROOT] = leaf
        return state, leaf
    while True:
        state, axis, cut = _drawn_cut(boxes, points, t, node, point, state)
        if axis != NONE or node >= n_inner:
            break
        node = np.int64(_child(links, cuts, t, node, point))
    if axis == NONE:  # equal to the leaf
        leaf, up = node, node
    else:
        leaf = _new_leaf(links, points, heads, t, n_inner, point)
        inner = np.int64(heads[t, UNUSED_NODE])
        heads[t, UNUSED_NODE] = links[t, inner, PARENT]
        _replace_child(links, heads, t, np.int64(links[t, node, PARENT]), node, inner)
        is_left = point[axis] <= cut
        links[t, inner, LEFT], links[t, inner, RIGHT] = (leaf, node) if is_left else (node, leaf)
        links[t, inner, AXIS], links[t, inner, MASS] = axis, links[t, node, MASS]
        links[t, leaf, PARENT] = links[t, node, PARENT] = inner
        cuts[t, inner] = cut
        for j in range(d):
            boxes[t, inner, j] = points[t, node - n_inner, j] if node >= n_inner else boxes[t, node, j]
            boxes[t, inner, d + j] = points[t, node - n_inner, j] if node >= n_inner else boxes[t, node, d + j]
        up = inner
    is_outside = True
    while up != NONE:
        links[t, up, MASS] += 1
        if is_outside and up < n_inner:
            is_outside = False
            for j in range(d):
                low, high = boxes[t, up, j], boxes[t, up, d + j]
                is_outside |= point[j] < low or point[j] > high
                boxes[t, up, j], boxes[t, up, d + j] = min(low, point[j]), max(high, point[j])
        up = np.int64(links[t, up, PARENT])
    return state, leaf


@njit(cache=True, nogil=True)
def _refit_box(links, boxes, points, t, node):
    """Make an inner node's box that of its children; returns whether it changed."""
    n_inner, d = boxes.shape[1], points.shape[2]
    left, right = np.int64(links[t, node, LEFT]), np.int64(links[t, node, RIGHT])
    changed = False
    for j in range(d):
        low = points[t, left - n_inner, j] if left >= n_inner else boxes[t, left, j]
        high = low if left >= n_inner else boxes[t, left, d + j]
        other_low = points[t, right - n_inner, j] if right >= n_inner else boxes[t, right, j]
        other_high = other_low if right >= n_inner else boxes[t, right, d + j]
        low, high = min(low, other_low), max(high, other_high)
        changed |= low != boxes[t, node, j] or high != boxes[t, node, d + j]
        boxes[t, node, j], boxes[t, node, d + j] = low, high
    return changed


@njit(cache=True, nogil=True)
def delete_leaf(links, boxes, points, heads, t, leaf):
    """Take one point out of a leaf (algorithm 1 of the paper); an empty leaf goes, its sibling moves up."""
    links[t, leaf, MASS] -= 1
    up = np.int64(links[t, leaf, PARENT])
    shrinks = links[t, leaf, MASS] == 0
    if shrinks:
        if up == NONE:
            heads[t, ROOT] = NONE
        else:
            sibling = np.int64(links[t, up, RIGHT] if links[t, up, LEFT] == leaf else links[t, up, LEFT])
            inner = up
            up = np.int64(links[t, inner, PARENT])
            _replace_child(links, heads, t, up, inner, sibling)
            links[t, inner, PARENT], heads[t, UNUSED_NODE] = heads[t, UNUSED_NODE], inner
        links[t, leaf, PARENT], heads[t, UNUSED_LEAF] = heads[t, UNUSED_LEAF], leaf
    while up != NONE:
        links[t, up, MASS] -= 1
        if shrinks:
            shrinks = _refit_box(links, boxes, points, t, up)
        up = np.int64(links[t, up, PARENT])
