"""Thresholds of a divergence: the nine calculators of Table V, the exact Bayes threshold, 3 sigma, tail and density.

A calculator places the threshold T between the mean divergence of the normal evidence, mu_n, and of the anomalous,
mu_a, from their standard deviations s_n, s_a and the share alpha of anomalous collections. All nine divide the interval
in the ratio of two distances,

    T = (mu_n d_a + mu_a d_n) / (d_n + d_a),

    number   d_n                d_a
    1        s_n                s_a                    the point of equal errors
    2        s_n alpha          s_a (1 - alpha)
    3        s_n r(1 - alpha)   s_a r(alpha)           r(x) = sqrt(-ln x)
    4, 6     1 - alpha          alpha                  4: alpha mu_n + (1 - alpha) mu_a; 6: weights 1 / prior
    5        s_n r(alpha)       s_a r(1 - alpha)       where a normal density has fallen to alpha
    7        sqrt|ln s_n|       sqrt|ln s_a|           not invariant to the divergence's scale
    8        ln(s_n alpha)      ln(s_a (1 - alpha))    likewise, and senseless where s > 1
    9        r(alpha)           r(1 - alpha)

Number 5 is as the paper prints it. Of the others it is known that 4 equals 6 algebraically, that 7 needs the bars, that
7 and 8 depend on the scale, and what sum of F1 Table V prints for each; their formulas were not at hand. These are the
members of the family with those properties that come out in the order of Table V on simulated sellers.

`bayes_threshold` has the least expected cost of both errors (eq. 9 and 10 of the paper's text), as whose solution the
paper prints number 1: that is the point of equal errors instead.

Source: Wang, Sun, Li, "Statistical Detection of Collective Data Anomalies" (arXiv:2001.00688).
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from tocsin.model import Floats

__all__ = [
    "CALCULATORS",
    "RULES",
    "bayes_threshold",
    "calculated_threshold",
    "one_sided_threshold",
    "two_sided_thresholds",
]

CALCULATORS = range(1, 10)
RULES = ("bayes", "3sigma", "tail", "density")
LEAST_SPREAD = 1e-12
"""Stands in for a standard deviation of 0, so that ratios are finite."""


def calculated_threshold(
    number: int,
    mean_normal: Floats,
    spread_normal: Floats,
    mean_anomalous: Floats,
    spread_anomalous: Floats,
    alpha: float,
) -> Floats:
    """(n,) thresholds by calculator `number` of Table V, 1 to 9; NaN where an argument is.

    Examples
    --------
    >>> normal, anomalous = (np.array([0.1]), np.array([0.01])), (np.array([0.5]), np.array([0.03]))
    >>> calculated_threshold(1, *normal, *anomalous, alpha=0.1).round(3).tolist()
    [0.2]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        from_normal, from_anomalous = _distances(
            number, np.maximum(spread_normal, LEAST_SPREAD), np.maximum(spread_anomalous, LEAST_SPREAD), alpha
        )
        weighted = mean_normal * from_anomalous + mean_anomalous * from_normal
        return np.asarray(weighted / (from_normal + from_anomalous), np.float64)


def _distances(number: int, normal: Floats, anomalous: Floats, alpha: float) -> tuple[Floats, Floats]:
    """d_n and d_a of the table above."""
    plain = np.ones_like(normal)
    root, other_root = np.sqrt(-np.log(alpha)), np.sqrt(-np.log1p(-alpha))
    if number == 1:
        return normal, anomalous
    if number == 2:
        return normal * alpha, anomalous * (1 - alpha)
    if number == 3:
        return normal * other_root, anomalous * root
    if number in (4, 6):
        return plain * (1 - alpha), plain * alpha
    if number == 5:
        return normal * root, anomalous * other_root
    if number == 7:
        return np.sqrt(np.abs(np.log(normal))), np.sqrt(np.abs(np.log(anomalous)))
    if number == 8:
        return np.log(normal * alpha), np.log(anomalous * (1 - alpha))
    return plain * root, plain * other_root


def bayes_threshold(
    mean_normal: Floats, spread_normal: Floats, mean_anomalous: Floats, spread_anomalous: Floats, alpha: float
) -> Floats:
    """(n,) thresholds T of least cost, (1 - alpha) P(normal > T) + alpha P(anomalous < T), both normal laws.

    The cost's derivative vanishes at the roots of

        (1/2 s_n^2 - 1/2 s_a^2) T^2 + (mu_a/s_a^2 - mu_n/s_n^2) T + mu_n^2/2 s_n^2 - mu_a^2/2 s_a^2
            + ln(alpha s_n / ((1 - alpha) s_a)) = 0;

    those between the means and the means themselves are compared. NaN where an argument is.
    """
    s_n, s_a = np.maximum(spread_normal, LEAST_SPREAD), np.maximum(spread_anomalous, LEAST_SPREAD)
    # in units of s_n from mu_n, so that no term loses its digits
    gap, ratio = (mean_anomalous - mean_normal) / s_n, s_a / s_n
    a = 0.5 - 0.5 / ratio**2
    b = gap / ratio**2
    c = -0.5 * (gap / ratio) ** 2 + np.log(alpha / (1 - alpha)) - np.log(ratio)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        inner = np.sqrt(np.maximum(b * b - 4.0 * a * c, 0.0))
        stable = -0.5 * (b + np.copysign(inner, b))
        candidates = np.stack([np.zeros_like(gap), gap, stable / a, c / stable])
        inside = (candidates >= np.minimum(gap, 0.0)) & (candidates <= np.maximum(gap, 0.0))
        cost = (1 - alpha) * ndtr(-candidates) + alpha * ndtr((candidates - gap) / ratio)
    cost = np.where(inside, cost, np.inf)
    best = np.take_along_axis(candidates, cost.argmin(axis=0)[None], axis=0)[0]
    return np.where(np.isnan(gap) | np.isnan(ratio), np.nan, mean_normal + best * s_n)


def one_sided_threshold(mean: Floats, spread: Floats, deviations: float) -> Floats:
    """(n,) mean + deviations x spread: 3 sigma, or the upper tail of a normal law."""
    return np.asarray(mean + deviations * np.maximum(spread, LEAST_SPREAD))


def two_sided_thresholds(mean: Floats, spread: Floats, level: float) -> tuple[Floats, Floats]:
    """Where the normal density is that of its two tails' ends, `level` of probability together: lower and upper.

    Algorithm 1's rule on the density, which also flags collections that are too much like the evidence.
    """
    reach = -float(ndtri(level / 2)) * np.maximum(spread, LEAST_SPREAD)
    return np.asarray(mean - reach), np.asarray(mean + reach)


def upper_tail(divergence: Floats, mean: Floats, spread: Floats) -> Floats:
    """(n,) chance of a normal collection's divergence at least so large, by the normal law of its evidence."""
    z = (divergence - mean) / np.maximum(spread, LEAST_SPREAD)
    return np.asarray(np.exp(log_ndtr(-z)))
