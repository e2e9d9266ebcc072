"""Slow, literal forms of the isolation kernels: one row, one tree, one step after the other."""

import math

import numpy as np

MASK = (1 << 64) - 1
STEP = 0x9E3779B97F4A7C15


def mixed(x):
    """splitmix64's output function."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def place_of_code(code, tree_seed, j):
    """The place of a category of the j-th categorical column on the line of a tree."""
    if code < 0:
        return math.nan
    x = code ^ (mixed((tree_seed + STEP * (j + 1)) & MASK) >> 32)
    x = ((x ^ (x >> 16)) * 0x7FEB352D) & 0xFFFFFFFF
    x = ((x ^ (x >> 15)) * 0x846CA68B) & 0xFFFFFFFF
    return float((x ^ (x >> 16)) >> 8)


def harmonic_path(n):
    """c(n) = 2 H(n - 1) - 2 (n - 1) / n, the mean depth of a leaf of a random binary tree of n leaves."""
    return 2 * sum(1 / i for i in range(1, n)) - 2 * (n - 1) / n if n > 1 else 0.0


def tree_values(numbers, codes, tree_seed):
    """The values that a tree compares: numbers, then its own places of the categories."""
    places = [place_of_code(int(code), tree_seed, j) for j, code in enumerate(codes)]
    return [np.float32(value) for value in [*numbers, *places]]


def leaf_of(values, split, threshold):
    """Walk from the root; the leaf's place among the leaves."""
    k = 0
    while k < len(split):
        value = values[split[k] >> 1]
        right = bool(split[k] & 1) if math.isnan(value) else value >= threshold[k]
        k = 2 * k + 2 if right else 2 * k + 1
    return k - len(split)


def mean_path(numbers, codes, centre, scale, seeds, split, threshold, path):
    """Mean path length of one row over all trees."""
    with np.errstate(over="ignore"):
        standardised = [np.float32((0.5 * x - c) * s) for x, c, s in zip(numbers, centre, scale, strict=True)]
    lengths = []
    for t, seed in enumerate(seeds):
        values = tree_values(standardised, codes, int(seed))
        lengths.append(float(path[t][leaf_of(values, split[t], threshold[t])]))
    return sum(lengths) / len(lengths)
