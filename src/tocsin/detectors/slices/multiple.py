"""False-discovery rates over all slices and levels of a window.

Two rules. *Benjamini-Hochberg, weighted by level* (Genovese, Roeder and Wasserman, Biometrika 93, 2006): a level's
p-values are divided by weights that give every level the same share of the budget, so that the one test of the total
is not drowned by ten thousand leaves. *Local false-discovery rate by an empirical-Bayes two-groups model* (Efron 2008;
Stephens, Biostatistics 18, 2017): each slice's evidence under a grid of log effects, the shares of the effects learned
from all slices of the level with a penalty towards "nothing happened". A slice's q-value is the mean local rate of all
slices with as much evidence or more. It uses what a p-value hides, how much a slice of this size would have moved, and
needs many slices; a level with fewer than `MANY` tested slices is judged by the first rule.
"""

from __future__ import annotations

import numpy as np

from tocsin.kernels.mixture import mixture_weights
from tocsin.model import Floats, Ints

__all__ = ["benjamini_hochberg", "by_level", "effect_grid", "local_fdr", "q_values"]

MANY = 200
SMALLEST_EFFECT, LARGEST_EFFECT, STEP = 0.15, 6.0, 1.5
NULL_PENALTY = 10.0
NULL_SAFETY = 1.6
"""The likelihood of "nothing happened" is multiplied by it: an error of the predictive tails must not become false
discoveries. benchmarks/quality/slices.py prints the rate of false discoveries that it leaves."""


def benjamini_hochberg(p_values: Floats, weights: Floats | None = None) -> Floats:
    """Adjusted p-values of Benjamini and Hochberg (1995); weights with mean 1 multiply each test's share of the budget.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    n = len(p_values)
    scaled = p_values if weights is None else p_values / weights
    order = np.argsort(scaled, kind="stable")
    adjusted = np.minimum.accumulate((scaled[order] * n / np.arange(1, n + 1))[::-1])[::-1]
    q = np.empty(n)
    q[order] = np.minimum(adjusted, 1.0)
    return q


def by_level(p_values: Floats, level: Ints) -> Floats:
    """Benjamini-Hochberg over all levels, each with an equal share of the budget."""
    _, place, sizes = np.unique(level, return_inverse=True, return_counts=True)
    return benjamini_hochberg(p_values, len(p_values) / (len(sizes) * sizes[place]))


def local_fdr(likelihood: Floats) -> Floats:
    """Posterior probability that nothing happened.

    Parameters
    ----------
    likelihood : (n, 1 + n_effects), of no effect and of each effect; a row's scale does not matter
    """
    n_effects = likelihood.shape[1] - 1
    start = np.full(n_effects + 1, 0.1 / n_effects)
    start[0] = 0.9
    pseudo = np.zeros(n_effects + 1)
    pseudo[0] = NULL_PENALTY
    weights = mixture_weights(likelihood, start, pseudo, 100, 3e-5)
    nothing = NULL_SAFETY * weights[0] * likelihood[:, 0]
    return np.asarray(nothing / (nothing + likelihood[:, 1:] @ weights[1:]))


def running_mean_q(lfdr: Floats, p_values: Floats) -> Floats:
    """The mean local rate of all slices with as much evidence or more; ties in evidence share a value."""
    order = np.lexsort((p_values, lfdr))
    means = np.cumsum(lfdr[order]) / np.arange(1, len(lfdr) + 1)
    q = np.empty(len(lfdr))
    q[order] = np.maximum.accumulate(means)
    return q


def effect_grid(direction: str) -> Floats:
    n_sizes = int(np.log(LARGEST_EFFECT / SMALLEST_EFFECT) / np.log(STEP)) + 1
    sizes: Floats = np.asarray(SMALLEST_EFFECT * STEP ** np.arange(n_sizes), np.float64)
    if direction == "both":
        return np.concatenate([-sizes[::-1], sizes])
    return sizes if direction == "up" else -sizes[::-1]


def q_values(p_values: Floats, likelihood: Floats, level: Ints) -> tuple[Floats, tuple[int, ...]]:
    """q-values of the tested slices of one window, and the levels that were judged by the local rate.

    Parameters
    ----------
    p_values : (n,) in the detector's direction
    likelihood : (n, 1 + n_effects), see `local_fdr`
    level : int64 (n,)
    """
    q = np.ones(len(p_values))
    kinds, sizes = np.unique(level, return_counts=True)
    many = tuple(int(kind) for kind, size in zip(kinds, sizes, strict=True) if size >= MANY)
    few = ~np.isin(level, many)
    if few.any():
        q[few] = by_level(p_values[few], level[few])
    for kind in many:
        rows = np.flatnonzero(level == kind)
        q[rows] = running_mean_q(local_fdr(likelihood[rows].astype(np.float64)), p_values[rows])
    return q, many
