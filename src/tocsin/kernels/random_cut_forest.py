"""Random cut forests over the shingles of many series: predict, score, learn, point after point.

Each tree keeps a sample of the shingles: first uniform over all that came (Vitter's reservoir, 1985), and once
`horizon` have come, a sample that forgets at the rate 1 / horizon (Aggarwal's biased reservoir, 2006). Of 50 trees only
a few change at a point, which is where the speed comes from.

Series do not see one another, and all use the same random numbers: their order, and which others there are, change
nothing. Values are kept as (value - centre) / unit in float32, so that a series in another unit is the same series.
"""

from __future__ import annotations

import math
from collections import namedtuple

import numpy as np
from numba import njit

from tocsin.kernels.isolation import next_random
from tocsin.kernels.ordered import keep_in_order
from tocsin.kernels.random_cut_trees import (
    NONE,
    delete_leaf,
    expected_log_depth,
    find_leaves,
    insert_point,
)
from tocsin.kernels.running_scale import ROUNDING
from tocsin.kernels.selection import median_in_place

__all__ = ["ForestArrays", "run_forests"]

ForestArrays = namedtuple(
    "ForestArrays",
    "links cuts boxes points heads leaf_of random shingle observed centre unit n_seen n_learned errors ring n_errors",
)
"""What is known of each series (first axis), its trees (second axis) in the form of `random_cut_trees`:

leaf_of   : int16 (n_series, n_trees, sample_size), the leaf of each sampled shingle
random    : uint64 (n_series, n_trees), states of the random numbers
shingle   : float32 (n_series, d), the newest values, oldest first; observed: bool, which of them were not missing
centre, unit : (n_series,) float64; centre NaN = no value yet, unit 0 = no two different values yet
n_seen, n_learned : (n_series,) int64, points that were not missing, shingles that the trees were shown
errors    : float32 (n_series, n_kept) the newest errors of the predictions in order; ring: the same as they came
n_errors  : (n_series,) int64, errors that there have been
"""
LARGEST = 1e30
"""Of the scaled values: sums of their differences stay finite in float32."""
LARGEST_UNIT = 1e300
"""Of the first distance from the centre, in the units of the series: finite whatever the values."""
N_ASKED = 25
"""Trees whose near points are a prediction: the median of more is hardly better."""
LEAST_ERRORS = 8
"""With fewer errors there is no band."""


@njit(cache=True, nogil=True, error_model="numpy")
def _likely_value(links, cuts, points, heads, leaf_of, random, point, n_learned, leaves, depths, walking, drawn):
    """The median over some trees of the last coordinate in a leaf that is near the point, whose own is NaN."""
    n_asked, sample_size = drawn.shape[0], leaf_of.shape[1]
    if point.shape[0] > 1:
        find_leaves(links, cuts, heads, point, random, leaves[:n_asked], depths, walking)
    else:  # nothing to be near to: any point of the sample
        for t in range(n_asked):
            random[t], u = next_random(random[t])
            leaves[t] = leaf_of[t, np.int64(u * min(n_learned, sample_size))]
    for t in range(n_asked):
        drawn[t] = points[t, leaves[t] - cuts.shape[1], point.shape[0] - 1]
    return median_in_place(drawn, n_asked)


@njit(cache=True, nogil=True, error_model="numpy")
def _mean_log_depth(links, cuts, boxes, points, heads, random, point, logarithms, leaves, depths, walking):
    find_leaves(links, cuts, heads, point, random, leaves, depths, walking)
    total = 0.0
    for t in range(links.shape[0]):
        total += np.float64(expected_log_depth(links, boxes, points, t, leaves[t], depths[t], point, logarithms))
    return total / links.shape[0]


@njit(cache=True, nogil=True, error_model="numpy")
def _learn(links, cuts, boxes, points, heads, leaf_of, random, shingle, n_before, horizon):
    """Show the shingle to the trees; each takes it with the reservoir's probability."""
    n_trees, sample_size = leaf_of.shape
    accepted = sample_size / min(n_before + 1, horizon)
    for t in range(n_trees):
        slot = n_before
        if n_before >= sample_size:
            random[t], u = next_random(random[t])
            if u >= accepted:
                continue
            random[t], u = next_random(random[t])
            slot = np.int64(u * sample_size)
        leaf = np.int64(leaf_of[t, slot])
        if leaf != NONE:
            delete_leaf(links, boxes, points, heads, t, leaf)
        random[t], leaf = insert_point(links, cuts, boxes, points, heads, t, shingle, random[t])
        leaf_of[t, slot] = leaf


@njit(cache=True, nogil=True)
def _shift(shingle, observed):
    for j in range(shingle.shape[0] - 1):
        shingle[j], observed[j] = shingle[j + 1], observed[j + 1]


@njit(cache=True, nogil=True)
def _is_half_observed(observed):
    n_observed = 0
    for j in range(observed.shape[0]):
        n_observed += observed[j]
    return 2 * n_observed >= observed.shape[0]


@njit(cache=True, nogil=True)
def _take_point(shingle, observed, point):
    """The shingle as the trees are asked about it: guesses fill short gaps, in long ones what is missing is NaN."""
    trusts_guesses = _is_half_observed(observed)
    for j in range(shingle.shape[0]):
        point[j] = shingle[j] if observed[j] or trusts_guesses else np.float32(np.nan)


@njit(cache=True, nogil=True, error_model="numpy")
def _band(forest, s, expected, tail):
    """The prediction and the band of the errors around it, in the units of the series."""
    centre, unit = forest.centre[s], forest.unit[s]
    n = min(forest.n_errors[s], forest.ring.shape[1])
    middle = centre + np.float64(expected) * unit
    if n < LEAST_ERRORS:
        return middle, -np.inf, np.inf
    rank = min(max(np.int64(tail * (n + 1)) - 1, 0), n - 1)  # the errors and the next one are equally likely anywhere
    low, high = np.float64(forest.errors[s, rank]), np.float64(forest.errors[s, n - 1 - rank])
    return middle, middle + min(low, 0.0) * unit, middle + max(high, 0.0) * unit


@njit(cache=True, nogil=True, error_model="numpy")
def _place(forest, s, value):
    """Put a value that is not missing into the newest place of the shingle; the first one fills all of it."""
    if math.isnan(forest.centre[s]):
        forest.centre[s] = value
    distance = value - forest.centre[s]
    if forest.unit[s] == 0.0 and abs(distance) > ROUNDING * abs(forest.centre[s]):
        forest.unit[s] = min(abs(distance), LARGEST_UNIT)  # all that is known is 0: any unit fits it
    scaled = np.float32(0.0)
    if forest.unit[s] > 0.0:
        scaled = np.float32(min(max(distance / forest.unit[s], -LARGEST), LARGEST))
    if forest.n_seen[s] == 0:
        forest.shingle[s], forest.observed[s] = scaled, True
    forest.shingle[s, -1], forest.observed[s, -1] = scaled, True
    forest.n_seen[s] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def run_forests(values, forest, horizon, tail, raw, expected, lower, upper):
    """Predict, score and learn each point; `forest` is changed.

    values   : (n_series, n_new), NaN = missing: not scored; what was expected takes its place in the shingle
    horizon  : points after which the share of a shingle in the samples has fallen to 1 / e; at least sample_size
    tail     : of the errors beyond each end of the band
    raw, expected, lower, upper : (n_series, n_new) to be filled; raw = -log(1 + depth), a mean over the trees, 0
    while nothing is known

    A shingle is learned when its newest value and half of all were observed.
    """
    n_series, n_new = values.shape
    n_trees, sample_size = forest.leaf_of.shape[1:]
    logarithms = np.log(np.arange(1, sample_size + 1)).astype(np.float32)
    leaves, depths, walking = np.empty(n_trees, np.int64), np.empty(n_trees, np.int64), np.empty(n_trees, np.int64)
    drawn, point = np.empty(min(n_trees, N_ASKED), np.float32), np.empty(forest.shingle.shape[1], np.float32)
    for s in range(n_series):
        links, cuts, boxes, points = forest.links[s], forest.cuts[s], forest.boxes[s], forest.points[s]
        heads, leaf_of, random = forest.heads[s], forest.leaf_of[s], forest.random[s]
        shingle, observed = forest.shingle[s], forest.observed[s]
        for i in range(n_new):
            raw[s, i] = expected[s, i] = np.nan
            lower[s, i], upper[s, i] = -np.inf, np.inf
            is_known, n_learned = forest.n_seen[s] > 0, forest.n_learned[s]
            likely = shingle[-1]
            if is_known:
                _shift(shingle, observed)
                if n_learned > 0:
                    _take_point(shingle, observed, point)
                    point[-1] = np.nan
                    likely = _likely_value(
                        links, cuts, points, heads, leaf_of, random, point, n_learned, leaves, depths, walking, drawn
                    )
                expected[s, i], lower[s, i], upper[s, i] = _band(forest, s, likely, tail)
            if math.isnan(values[s, i]):
                shingle[-1], observed[-1] = likely, False
                continue
            _place(forest, s, values[s, i])
            raw[s, i] = 0.0
            if n_learned > 0:
                _take_point(shingle, observed, point)
                raw[s, i] = -_mean_log_depth(
                    links, cuts, boxes, points, heads, random, point, logarithms, leaves, depths, walking
                )
            if is_known:
                n_kept, n_errors = forest.ring.shape[1], forest.n_errors[s]
                n, head = min(n_errors, n_kept), n_errors % n_kept
                keep_in_order(forest.errors[s], forest.ring[s], n, head, n_kept, shingle[-1] - likely)
                forest.n_errors[s] += 1
            if _is_half_observed(observed):
                _learn(links, cuts, boxes, points, heads, leaf_of, random, shingle, n_learned, horizon)
                forest.n_learned[s] += 1
