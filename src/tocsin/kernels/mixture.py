"""Mixtures on a grid: empirical-Bayes weights by EM, and predictive probabilities integrated over overdispersion."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.counts import count_tails

__all__ = ["effect_likelihoods", "mixture_weights", "predictive_tails"]


LEAST_WEIGHT = 1e-4
"""Nodes with less weight are not looked at: at the p-values that matter (1e-4) a lighter one could still speak."""


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})
def mixture_weights(likelihood, start, pseudo_counts, n_steps, tolerance):
    """EM for the weights of a mixture of known components, with a Dirichlet prior.

    Parameters
    ----------
    likelihood : (n, n_components), each row scaled as one likes
    start : (n_components,) first weights
    pseudo_counts : (n_components,) added to the expected counts of each step

    Returns
    -------
    (n_components,) weights that sum to 1
    """
    n, n_components = likelihood.shape
    weights, counts = start.copy(), np.empty(n_components)
    for _ in range(n_steps):
        counts[:] = 0.0
        for i in range(n):
            total = 0.0
            for k in range(n_components):
                total += weights[k] * likelihood[i, k]
            if total > 0.0:
                total = 1.0 / total
                for k in range(n_components):
                    counts[k] += likelihood[i, k] * total
        total, change = 0.0, 0.0
        for k in range(n_components):
            counts[k] = counts[k] * weights[k] + pseudo_counts[k]
            total += counts[k]
        for k in range(n_components):
            change = max(change, abs(counts[k] / total - weights[k]))
            weights[k] = counts[k] / total
        if change < tolerance:
            break
    return weights


@njit(cache=True, nogil=True, error_model="numpy")
def predictive_tails(y, base, rate, on_odds, weight, mean, variance, nodes, extra_variance):
    """Mid-probabilities below and above `y`, integrated over the nodes of tau^2.

    Parameters
    ----------
    y, base, rate, extra_variance : (n,): observed count; expected count and its rate before the correction; relative
        variance of what is known of the window beside the slice's own rate (common factor, profile)
    weight, mean, variance : (n, n_nodes) of the nodes; relative correction of the rate under each
    nodes : (n_nodes,) tau^2

    Returns
    -------
    below, above, expected, relative_variance (of the predictive distribution beyond Poisson or binomial) : (n,)
    """
    n, n_nodes = weight.shape
    below, above, expected, spread = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        kept = 0.0
        for k in range(n_nodes):
            w = weight[i, k]
            if w < LEAST_WEIGHT:
                continue
            kept += w
            mu = base[i] * (1.0 + mean[i, k])
            phi = nodes[k] + variance[i, k] + extra_variance[i]
            family = phi - min(rate[i], 0.98) / base[i] if on_odds else phi
            low, up = count_tails(y[i], mu, family)
            below[i] += w * low
            above[i] += w * up
            expected[i] += w * mu
            spread[i] += w * phi
        below[i] = min(below[i] / kept, 1.0)
        above[i] = min(above[i] / kept, 1.0)
        expected[i] /= kept
        spread[i] /= kept
    return below, above, expected, spread


@njit(cache=True, nogil=True, error_model="numpy")
def effect_likelihoods(y, base, rate, on_odds, weight, mean, variance, nodes, extra_variance, factors):
    """Likelihood of `y` if the expected count were multiplied by each of `factors`, integrated over the nodes of tau^2.

    On the scale of square roots, 2 sqrt(y + 3/8), where a count of variance mu + phi mu^2 is nearly normal with
    variance 1 + phi mu (Anscombe 1948). Arguments as in `predictive_tails`; factors (n_factors,), 1 = as expected.

    Returns
    -------
    (n, n_factors) float32, each row scaled to a largest value of 1
    """
    n, n_nodes = weight.shape
    n_factors = len(factors)
    result = np.empty((n, n_factors), np.float32)
    row = np.empty(n_factors)
    for i in range(n):
        for e in range(n_factors):
            row[e] = 0.0
        root = 2.0 * math.sqrt(y[i] + 0.375)
        least = np.inf
        noise = 1.0 - min(rate[i], 0.98) if on_odds else 1.0
        for k in range(n_nodes):  # the smallest exponent, so that not all likelihoods vanish
            if weight[i, k] >= LEAST_WEIGHT:
                mu = base[i] * (1.0 + mean[i, k])
                phi = nodes[k] + variance[i, k] + extra_variance[i]
                for e in range(n_factors):
                    moved = mu * factors[e]
                    gap = root - 2.0 * math.sqrt(moved + 0.375)
                    least = min(least, 0.5 * gap * gap / (noise + phi * moved))
        largest = 0.0
        for k in range(n_nodes):
            if weight[i, k] >= LEAST_WEIGHT:
                mu = base[i] * (1.0 + mean[i, k])
                phi = nodes[k] + variance[i, k] + extra_variance[i]
                for e in range(n_factors):
                    moved = mu * factors[e]
                    gap = root - 2.0 * math.sqrt(moved + 0.375)
                    v = noise + phi * moved
                    row[e] += weight[i, k] * math.exp(least - 0.5 * gap * gap / v) / math.sqrt(v)
        for e in range(n_factors):
            largest = max(largest, row[e])
        for e in range(n_factors):
            result[i, e] = row[e] / largest
    return result
