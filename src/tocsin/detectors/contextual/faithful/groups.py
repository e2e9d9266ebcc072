"""Groups of dependent attributes, and the contexts made of them.

Hierarchical clustering (average linkage) of the columns; the number of groups by the gap statistic of Tibshirani,
Walther and Hastie (2001), Gap(k) = E*[log W(k)] - log W(k), W the sum of the mean dissimilarities within groups. There
are no points to draw uniformly, only dissimilarities, so the reference E* are clusterings of the same dissimilarities
dealt to the pairs at random: what the attributes would show if which depends on which had no structure. The k of the
largest gap is taken if that gap is larger than its standard error s(k). (The first k with Gap(k) >= Gap(k + 1)
- s(k + 1), the other usual rule, stops at 1 nearly always: p-values are either near 0 or far from it, and until the
last independent pair is apart, W hardly falls.)

Where no k stands out, the tree is cut where the mean p between groups exceeds 0.05.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
from scipy.cluster.hierarchy import cut_tree, fcluster, linkage
from scipy.spatial.distance import squareform

from tocsin.detectors.contextual.engine import Context
from tocsin.model import Floats, Ints

__all__ = ["MAX_CONTEXTS", "find_groups", "unions_of_groups"]

MAX_CONTEXTS = 64
MAX_GROUPS = 20
N_REFERENCES = 200
SIGNIFICANT = 0.05
LEAST_DISSIMILARITY = 1e-6


def find_groups(dissimilarity: Floats, random: np.random.Generator) -> tuple[Context, ...]:
    """Groups of columns, each sorted, in the order of their first column.

    Parameters
    ----------
    dissimilarity : (n_columns, n_columns) of `Dependence`
    """
    n_columns = len(dissimilarity)
    if n_columns == 1:
        return ((0,),)
    pairs = squareform(dissimilarity, checks=False)
    merges = linkage(pairs, "average")
    most = min(n_columns - 1, MAX_GROUPS)
    observed = _log_within(merges)[:most]
    references = np.array(
        [_log_within(linkage(random.permutation(pairs), "average"))[:most] for _ in range(N_REFERENCES)]
    )
    gap = references.mean(axis=0) - observed
    error = references.std(axis=0) * np.sqrt(1 + 1 / N_REFERENCES)
    best = int(np.argmax(gap))
    if best > 0 and gap[best] > error[best]:
        return _as_groups(cut_tree(merges, n_clusters=best + 1)[:, 0])
    return _as_groups(fcluster(merges, SIGNIFICANT, "distance"))


def unions_of_groups(
    groups: tuple[Context, ...], random: np.random.Generator, max_contexts: int = MAX_CONTEXTS
) -> tuple[Context, ...]:
    """The empty context, and all unions of groups but the one of all.

    Where there are more than `max_contexts`: single groups, all but one, two, all but two, ... until a size no longer
    fits; of that size a random choice.
    """
    n_groups = len(groups)
    chosen: list[tuple[int, ...]] = [()]
    for size in [size for k in range(1, n_groups // 2 + 1) for size in dict.fromkeys((k, n_groups - k))]:
        chosen += _some_combinations(n_groups, size, max_contexts - len(chosen), random)
    return tuple(tuple(sorted(j for group in union for j in groups[group])) for union in chosen)


def _log_within(merges: Floats) -> Floats:
    """log W(k) for k = 1, 2, ... from the merges of average linkage, whose height is the mean over the joined pairs."""
    n = len(merges) + 1
    sums, sizes = np.zeros(2 * n - 1), np.ones(2 * n - 1)
    within, total = np.zeros(n), 0.0
    for step, (first, second, height, size) in enumerate(merges.tolist()):
        a, b, joined = int(first), int(second), n + step
        sums[joined] = sums[a] + sums[b] + height * sizes[a] * sizes[b]
        sizes[joined] = size
        total += sums[joined] / size - sums[a] / sizes[a] - sums[b] / sizes[b]
        within[n - 2 - step] = total
    return np.log(within + LEAST_DISSIMILARITY)


def _as_groups(labels: Ints) -> tuple[Context, ...]:
    groups: dict[int, list[int]] = {}
    for column, label in enumerate(labels.tolist()):
        groups.setdefault(label, []).append(column)
    return tuple(tuple(group) for group in groups.values())


def _some_combinations(n: int, size: int, most: int, random: np.random.Generator) -> list[tuple[int, ...]]:
    """All combinations of `size` of n things, or `most` different ones drawn at random, in their usual order."""
    if comb(n, size) <= most:
        return list(combinations(range(n), size))
    drawn: set[tuple[int, ...]] = set()
    while len(drawn) < most:
        drawn.add(tuple(sorted(random.choice(n, size, replace=False).tolist())))
    return sorted(drawn)
