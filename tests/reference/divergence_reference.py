"""Slow, literal forms of the divergences: SciPy's entropies, and the binomial law summed bin by bin."""

import math

import numpy as np
from scipy import stats
from scipy.special import rel_entr


def shares(row):
    row = np.asarray(row, float)
    return row / row.sum()


def kullback_leibler(p, q):
    return float(rel_entr(shares(p), shares(q)).sum())


def kullback_leibler_without_empty(p, q):
    p, q = shares(p), shares(q)
    return math.fsum(p[b] * math.log(p[b] / q[b]) for b in range(len(p)) if p[b] > 0 and q[b] > 0)


def jensen_shannon(p, q):
    p, q = shares(p), shares(q)
    middle = (p + q) / 2
    return float(rel_entr(p, middle).sum() + rel_entr(q, middle).sum()) / 2


def weighted_jensen_shannon(distributions, weights):
    rows, weights = [shares(row) for row in distributions], shares(weights)
    mixture = sum(weight * row for weight, row in zip(weights, rows, strict=True))
    return stats.entropy(mixture) - sum(weight * stats.entropy(row) for weight, row in zip(weights, rows, strict=True))


def expected_jsd(n_records, mean):
    """E JSD(P^, M), exactly: every bin's count is binomial."""
    total = 0.0
    for share in mean:
        if share > 0:
            counts = np.arange(n_records + 1)
            chance = stats.binom(n_records, share).pmf(counts)
            p, middle = counts / n_records, (counts / n_records + share) / 2
            total += (chance * (rel_entr(p, middle) + rel_entr(share, middle))).sum() / 2
    return total
