"""Slow, literal forms of Algorithm 2 for one entity: lists of collections, one step after another."""

import math

import numpy as np
from scipy import stats
from scipy.special import rel_entr

from tests.reference.divergence_reference import jensen_shannon


def moments(normal, anomalous, now):
    """Divergence of `now`, mean and standard deviation of those of the normal and of the anomalous evidence."""
    mean = np.mean([row / row.sum() for row in normal], axis=0)
    of_normal = [jensen_shannon(row, mean) for row in normal]
    of_anomalous = [jensen_shannon(row, mean) for row in anomalous]
    divergence = jensen_shannon(now, mean) if now.sum() else math.nan
    pairs = [(np.mean(part), np.std(part)) if part else (math.nan, math.nan) for part in (of_normal, of_anomalous)]
    return [divergence, *pairs[0], *pairs[1]]


def threshold(number, mu_n, s_n, mu_a, s_a, alpha):
    """The nine calculators, each as one formula."""

    def root(x):
        return math.sqrt(-math.log(x))

    if number == 1:
        return (mu_n * s_a + mu_a * s_n) / (s_a + s_n)
    if number == 2:
        return (mu_n * s_a * (1 - alpha) + mu_a * s_n * alpha) / (s_a * (1 - alpha) + s_n * alpha)
    if number == 3:
        return (mu_n * s_a * root(alpha) + mu_a * s_n * root(1 - alpha)) / (s_a * root(alpha) + s_n * root(1 - alpha))
    if number == 4:
        return alpha * mu_n + (1 - alpha) * mu_a
    if number == 5:
        return (mu_n * s_a * root(1 - alpha) + mu_a * s_n * root(alpha)) / (s_a * root(1 - alpha) + s_n * root(alpha))
    if number == 6:
        return (mu_n / (1 - alpha) + mu_a / alpha) / (1 / (1 - alpha) + 1 / alpha)
    if number == 7:
        to_n, to_a = math.sqrt(abs(math.log(s_n))), math.sqrt(abs(math.log(s_a)))
        return (mu_n * to_a + mu_a * to_n) / (to_n + to_a)
    if number == 8:
        to_n, to_a = math.log(s_n * alpha), math.log(s_a * (1 - alpha))
        return (mu_n * to_a + mu_a * to_n) / (to_n + to_a)
    return (mu_n * root(1 - alpha) + mu_a * root(alpha)) / (root(1 - alpha) + root(alpha))


def least_cost(mu_n, s_n, mu_a, s_a, alpha):
    """Threshold between the means and its cost, by looking at very many."""
    tried = np.linspace(mu_n, mu_a, 200_001)
    cost = (1 - alpha) * stats.norm.sf(tried, mu_n, s_n) + alpha * stats.norm.cdf(tried, mu_a, s_a)
    return tried[cost.argmin()], cost.min()


def algorithm_2(normal, anomalous, stream, number, alpha):
    """Flags of a stream of collections; empty ones are skipped. The evidence lists are oldest first."""
    normal, anomalous = list(normal), list(anomalous)
    flags = []
    for now in stream:
        if not now.sum():
            flags.append(False)
            continue
        divergence, *of_evidence = moments(normal, anomalous, now)
        flags.append(bool(divergence >= threshold(number, *of_evidence, alpha)))
        evidence = anomalous if flags[-1] else normal
        del evidence[0]
        evidence.append(now)
    return flags


def sub_volume_histogram(spans, step, n_bins):
    result = np.zeros(n_bins, int)
    if sum(spans):
        for volume in spans:
            result[min(math.floor(volume / step), n_bins - 1)] += 1
    return result


def step_of_eq_6(days, c):
    """Averaged over the days with records."""
    widths = [c * np.std(spans) * len(spans) ** -0.2 for spans in days if sum(spans)]
    return float(np.mean(widths))


def mgof(now, normal, n_records):
    """(divergence, p-value): bins that the mean lacks are dropped."""
    mean = np.mean([row / row.sum() for row in normal], axis=0)
    kept = mean > 0
    divergence = rel_entr(now[kept] / now.sum(), mean[kept]).sum()
    return divergence, stats.chi2.sf(2 * n_records * divergence, kept.sum() - 1)
