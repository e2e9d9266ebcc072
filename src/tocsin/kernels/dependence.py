"""Dependence of every pair of columns at once: scores of columns, their cross products, and permutations of them.

A column of numbers becomes one column of scores (its centred ranks, of length 1), a categorical one becomes one column
a category, (1[c] - p_c) / sqrt(n p_c). The sum of the squared cross products of two columns' scores is then

    numeric, numeric          Spearman's rho^2
    numeric, categorical      H / (n - 1), H of Kruskal and Wallis corrected for ties
    categorical, categorical  chi^2 / n of Pearson

so that one matrix product a permutation serves all pairs of any kind.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from tocsin.model import Codes, Floats, Ints

__all__ = ["category_scores", "exceedances", "pair_statistics", "rank_scores"]


def rank_scores(numbers: Floats) -> Floats:
    """(n, n_columns) centred mid-ranks of length 1; a missing value has the mean rank, a constant column is all 0."""
    n, n_columns = numbers.shape
    result = np.zeros((n, n_columns))
    for j in range(n_columns):
        known = np.flatnonzero(~np.isnan(numbers[:, j]))
        if len(known):
            ranks = stats.rankdata(numbers[known, j])
            result[known, j] = ranks - ranks.mean()
    length = np.sqrt((result**2).sum(axis=0))
    return np.asarray(result / np.where(length > 0, length, 1.0))


def category_scores(codes: Codes, n_levels: int) -> Floats:
    """(n, n_levels) scores of one categorical column with codes in [0, n_levels); a level without rows is all 0."""
    n = len(codes)
    share = np.bincount(codes, minlength=n_levels) / n
    result = (codes[:, None] == np.arange(n_levels)) - share
    return np.asarray(result / np.sqrt(np.where(share > 0, n * share, 1.0)))


def pair_statistics(left: Any, right: Any, starts: Ints) -> Any:
    """(n_columns, n_columns) sums of squared cross products of scores; column j's begin at starts[j]."""
    products = left.T @ right
    products *= products
    return np.add.reduceat(np.add.reduceat(products, starts, axis=0), starts, axis=1)


def exceedances(scores: Floats, starts: Ints, n_permutations: int, random: np.random.Generator) -> tuple[Floats, Ints]:
    """The statistics of all pairs, and how many permutations of the rows reach each of them.

    Parameters
    ----------
    scores : (n, n_score_columns)
    starts : (n_columns,) ascending
    random : each permutation reorders the rows of one side of every pair

    Returns
    -------
    statistics, counts : (n_columns, n_columns), symmetric
    """
    single = np.ascontiguousarray(scores, np.float32)
    observed = pair_statistics(single, single, starts)
    # an equal statistic must count as reached though its sum was taken in another order
    bar = observed * np.float32(1 - 1e-4) - np.float32(1e-7)
    counts = np.zeros(observed.shape, np.int64)
    for _ in range(n_permutations):
        counts += pair_statistics(single, single[random.permutation(len(single))], starts) >= bar
    upper = np.triu(counts, 1)
    return np.asarray(observed, np.float64), upper + upper.T
