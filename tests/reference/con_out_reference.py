"""Slow, literal forms of ConOut's kernels: one row, tree and neighbour after the other, statistics by SciPy."""

import math

import numpy as np
from scipy import optimize, special, stats

from tocsin.kernels.isolation import code_seed, scatter_code


def harmonic(w):
    """H_w, continued smoothly between whole w."""
    return special.digamma(w + 1) + np.euler_gamma


def descend(numbers, codes, seed, split, threshold):
    """The leaf of one row, walked down from the root."""
    n_nodes, k = len(split), 0
    while k < n_nodes:
        j, missing_right = divmod(int(split[k]), 2)
        if j < len(numbers):
            x = numbers[j]
        else:
            x = scatter_code(np.int32(codes[j - len(numbers)]), code_seed(seed, j - len(numbers)))
        right = missing_right if math.isnan(x) else x >= threshold[k]
        k = 2 * k + 2 if right else 2 * k + 1
    return k - n_nodes


def similarity(row, member, row_codes, member_codes, gamma):
    """exp(-gamma d), 0 where a category differs."""
    if any(a != b for a, b in zip(row_codes, member_codes, strict=True)):
        return 0.0
    return math.exp(-gamma * math.dist(row, member))


def path_length(leaves, depth, members, row, row_codes, gamma):
    """Mean over the trees of depth + c(sum of the similarities of the leaf's rows), at least 0.

    leaves : the row's leaf in each tree; depth : levels above it; members : per leaf (context, codes) of its rows
    """
    total = 0.0
    for leaf in leaves:
        w = sum(similarity(row, numbers, row_codes, codes, gamma) for numbers, codes in members[leaf])
        total += max(depth[leaf] + 2 * (harmonic(w) - 1), 0.0)
    return total / len(leaves)


def leaf_ratio(leaves, own, row, context, levels, gamma, prior):
    """log(share of the leaf `own` in the context of a row / plain share), the row left out.

    leaves : the rows in each leaf of one tree
    """
    others = [[m for m in leaf if m != row] for leaf in leaves]
    weights = [[similarity(context[row], context[m], levels[row], levels[m], gamma) for m in leaf] for leaf in others]
    n, n_filled = sum(map(len, others)), sum(len(leaf) > 0 for leaf in leaves)
    plain = (len(others[own]) + 0.5) / (n + 0.5 * n_filled)
    whole = sum(map(sum, weights))
    half = 0.5 * whole / max(n, 1)
    return math.log((sum(weights[own]) + half + prior * plain) / (whole + half * n_filled + prior) / plain)


def spearman(x, y):
    return stats.spearmanr(x, y).statistic


def kruskal(x, codes):
    return stats.kruskal(*(x[codes == level] for level in np.unique(codes))).statistic


def chi_squared(first, second):
    counts = np.zeros((first.max() + 1, second.max() + 1))
    np.add.at(counts, (first, second), 1)
    counts = counts[counts.sum(axis=1) > 0][:, counts.sum(axis=0) > 0]
    return stats.chi2_contingency(counts, correction=False).statistic


def platt(scores, share):
    """Slope and offset of the logistic curve fitted to softened labels, by a general minimiser."""
    n = len(scores)
    outlier = scores >= np.sort(scores)[n - max(1, round(share * n))]
    target = np.where(outlier, (outlier.sum() + 1) / (outlier.sum() + 2), 1 / ((~outlier).sum() + 2))

    def loss(parameters):
        z = parameters[0] * scores + parameters[1]
        return float(np.sum(np.logaddexp(0, z) - target * z))

    return optimize.minimize(loss, [1.0, -3.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10,
                             "maxiter": 5000, "maxfev": 5000}).x  # fmt: skip
