"""The article's rule: a value is an anomaly beyond 2 deviations of the bootstrapped mean, or beyond 2 x IQR of it.

Per slice: resample the n old values with replacement B times, take the means; z = (value - mean of means) / deviation
of means; flagged if |z| > 2 or the value is not strictly inside the fence (Q1 - 2 IQR, Q3 + 2 IQR) of the means.
Windows in which a slice has no row are not values, so n differs by slice. The score is 1 - p with p the two-sided
normal tail of z.

This compares one value with the standard error of a mean, so it flags most of what is healthy: on clean independent
normal data with probability P(|T| > 2 sqrt((n - 1) / n) / sqrt(n + 1)), T of Student with n - 1 degrees of freedom
(`false_alarm_share`): 54 % at 7 windows, 73 % at 30. It is kept because it is the published method.

bootstrap = "analytic" is the limit of B to infinity: exact mean and deviation, quartiles by Cornish and Fisher (1938)
from the skewness and kurtosis of the mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from tocsin.kernels.bootstrap import independent_means, order_statistics, shared_weights
from tocsin.model import Bools, Floats, Ints

__all__ = ["Article", "article_scores", "bootstrap_size", "false_alarm_share", "percentile_rule"]

Z_LIMIT, IQR_FENCE = 2.0, 2.0
CHUNK = 4_096


@dataclass(frozen=True, slots=True)
class Article:
    """The article's statistics of every slice, NaN where there is no old value."""

    mean: Floats
    deviation: Floats
    first_quartile: Floats
    third_quartile: Floats
    n_values: Ints

    @property
    def fence(self) -> tuple[Floats, Floats]:
        reach = IQR_FENCE * (self.third_quartile - self.first_quartile)
        return self.first_quartile - reach, self.third_quartile + reach


def false_alarm_share(n_windows: Ints | int) -> Floats:
    """Share of clean, independent, normal slices that the rule flags: the exact law, infinite bootstrap.

    >>> false_alarm_share(30).round(2).item()
    0.73
    """
    n = np.asarray(n_windows, np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(2 * special.stdtr(n - 1, -Z_LIMIT * np.sqrt((n - 1) / n) / np.sqrt(n + 1)))


def article_scores(
    values: Floats, n_values: Ints, *, bootstrap: str, n_bootstrap: int, random: np.random.Generator
) -> Article:
    """Bootstrapped mean, deviation and quartiles of every slice.

    Parameters
    ----------
    values : (n_slices, n_windows), the old values of each slice first, in any order; the rest is not read
    n_values : int64 (n_slices,)
    bootstrap : "shared", "independent" or "analytic"
    """
    result = np.full((len(values), 4), np.nan)
    for n in np.unique(n_values[n_values > 0]):
        rows = np.flatnonzero(n_values == n)
        n = int(n)
        weights = shared_weights(n, n_bootstrap, random).T if bootstrap == "shared" else None
        for begin in range(0, len(rows), CHUNK):
            part = rows[begin : begin + CHUNK]
            old = np.ascontiguousarray(values[part, :n])
            if bootstrap == "analytic":
                result[part] = _analytic(old)
            elif weights is not None:
                result[part] = order_statistics(old @ weights, 0.25, 0.75)
            else:
                means = independent_means(old, n_bootstrap, int(random.integers(2**31)))
                result[part] = order_statistics(means, 0.25, 0.75)
    constant = result[:, 1] < 1e-12 * np.abs(result[:, 0])
    result[constant, 1] = 0.0
    mean, deviation, first, third = result.T
    return Article(mean, deviation, first, third, n_values)


def _analytic(old: Floats) -> Floats:
    n = old.shape[1]
    mean = old.mean(axis=1)
    centred = old - mean[:, None]
    variance = (centred**2).mean(axis=1)
    safe = np.where(variance > 0, variance, 1.0)
    skewness = (centred**3).mean(axis=1) / safe**1.5 / np.sqrt(n)
    kurtosis = ((centred**4).mean(axis=1) / safe**2 - 3) / n
    deviation = np.sqrt(variance / n)
    z = float(special.ndtri(0.75))
    quartiles = [
        q + skewness * (q * q - 1) / 6 + kurtosis * (q**3 - 3 * q) / 24 - skewness**2 * (2 * q**3 - 5 * q) / 36
        for q in (-z, z)
    ]
    return np.column_stack([mean, deviation, mean + quartiles[0] * deviation, mean + quartiles[1] * deviation])


def percentile_rule(old: Floats, value: float, ranges: tuple[tuple[float, float], ...]) -> Bools:
    """Whether `value` lies outside the central X % of the old values, X by the range their number falls in.

    Parameters
    ----------
    old : (n,) old values
    ranges : (fewest values, X in percent), ascending: the last range with at most n values holds

    Notes
    -----
    With n old values no two-sided level under 2 / (n + 1) can be reached: 6.5 % at n = 30.
    """
    fitting = [share for fewest, share in ranges if len(old) >= fewest]
    if not fitting:
        return np.bool_(False)  # type: ignore[return-value]
    low, high = np.percentile(old, [50 - fitting[-1] / 2, 50 + fitting[-1] / 2])
    return np.bool_(value < low or value > high)  # type: ignore[return-value]


def bootstrap_size(
    old: Floats,
    recent: Floats,
    *,
    random: np.random.Generator,
    agreeing: float = 0.95,
    level: float = 0.05,
    most: int = 20,
) -> tuple[int, bool]:
    """The article's loop: enlarge both samples by resampling until a KS test sees no difference in 95 % of the slices.

    Parameters
    ----------
    old, recent : (n_slices, n_old), (n_slices, n_recent)
    agreeing : share of slices that must have p > level
    most : cap of the enlargement, because the loop need not end: larger samples make real differences more visible

    Returns
    -------
    factor : int, how many times as large the samples are; ended : False if the cap was reached without agreement
    """
    for factor in range(1, most + 1):
        agree = 0
        for ours, theirs in zip(old, recent, strict=True):
            first = random.choice(ours, size=factor * len(ours), replace=True)
            second = random.choice(theirs, size=factor * len(theirs), replace=True)
            agree += bool(stats.ks_2samp(first, second).pvalue > level)
        if agree >= agreeing * len(old):
            return factor, True
    return most, False
