"""Slow, literal forms of the count kernels: probabilities by SciPy, passes by loops over dense arrays."""

import math

import numpy as np
from scipy import integrate, stats


def tails(k, mu, phi):
    """(P(Y < k) + P(Y = k) / 2, P(Y > k) + P(Y = k) / 2) for variance mu + phi mu^2, phi >= 0."""
    law = stats.poisson(mu) if phi == 0 else stats.nbinom(1 / phi, 1 / (1 + mu * phi))
    half = law.pmf(k) / 2
    if phi == 0 and mu > 1e5:  # SciPy's tails are off by some percent there, its probabilities are not
        reach = int(40 * math.sqrt(mu))
        below, above = np.arange(max(k - reach, 0), k), np.arange(k + 1, k + 1 + reach)
        return law.pmf(below).sum() + half, law.pmf(above).sum() + half
    return law.cdf(k - 1) + half, law.sf(k) + half


def binomial_tails(k, n, p):
    law = stats.binom(n, p)
    half = law.pmf(k) / 2
    return law.cdf(k - 1) + half, law.sf(k) + half


def sum_rows(group, window, values):
    """{(group, window): sums} of rows."""
    sums = {}
    for row in range(len(group)):
        key = (int(group[row]), int(window[row]))
        sums[key] = sums.get(key, np.zeros(len(values))) + values[:, row]
    return sums


def node_log_likelihood(y, expected, tau2, prior_mean, prior_variance, binomial_rate=0.0):
    """log of the integral over the mean m of prod N(r_t; m, a_t + tau^2) N(m; prior), up to a constant."""
    r = y / expected - 1
    v = (1 - binomial_rate) / expected + tau2

    def log_integrand(m):
        prior = -0.5 * (m - prior_mean) ** 2 / prior_variance - 0.5 * math.log(prior_variance)
        return float(np.sum(-0.5 * np.log(v) - 0.5 * (r - m) ** 2 / v)) + prior

    centre = (np.sum(r / v) + prior_mean / prior_variance) / (np.sum(1 / v) + 1 / prior_variance)
    spread = 1 / math.sqrt(np.sum(1 / v) + 1 / prior_variance)
    top = log_integrand(centre)
    area, _ = integrate.quad(
        lambda m: math.exp(log_integrand(m) - top), centre - 12 * spread, centre + 12 * spread, points=[centre]
    )
    return top + math.log(area) - 0.5 * math.log(2 * math.pi)


def mixture_weights(likelihood, start, pseudo_counts, n_steps):
    """EM, one row after the other."""
    weights = np.array(start, float)
    for _ in range(n_steps):
        counts = np.array(pseudo_counts, float)
        for row in likelihood:
            posterior = weights * row
            counts += posterior / posterior.sum()
        weights = counts / counts.sum()
    return weights


def benjamini_hochberg(p_values):
    """The step-up rule by its definition: the smallest level at which each test is rejected."""
    p_values = list(p_values)
    n = len(p_values)
    ranked = sorted(p_values)
    return [min(min(1.0, n * ranked[j] / (j + 1)) for j in range(n) if ranked[j] >= p) for p in p_values]


def weighted_median(values, weights):
    """The value at which half of the weight is reached."""
    order = np.argsort(values)
    reached = np.cumsum(np.asarray(weights)[order])
    return np.asarray(values)[order][np.searchsorted(reached, reached[-1] / 2)]
