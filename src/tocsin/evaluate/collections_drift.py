"""Other peers' drift tests on collections: today's counts against all evidence together, the reference.

As Evidently defines them, with its defaults: population stability index (flag from .1), Jensen-Shannon distance (the
root of the divergence, natural log; from .1), Wasserstein distance over the reference's standard deviation (from .1),
chi-square of today against the scaled reference (p < .05). As Evidently and alibi-detect: Kolmogorov-Smirnov of two
samples (p < .05, asymptotic). As alibi-detect: chi-square of the 2 x bins table (p < .05). PSI, distance and chi-square
are taken on the bins, Kolmogorov-Smirnov and Wasserstein on the finest counts, as if records lay in the middle of their
span. The reference stays the evidence of the beginning: these tests have no rule for renewing it.

Scores rise with the evidence for a drift: the distance, or the test's statistic. The 2 x bins statistic has as many
degrees of freedom as bins in use, which change little.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

__all__ = ["DRIFT_TESTS", "ON_FINE", "DriftTest"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
DriftTest = Callable[[Floats, Floats], tuple[Floats, Bools]]
"""(n_entities, n_bins) counts of the reference and of today -> (n_entities,) score and flagged."""

DISTANCE, LEVEL = 0.1, 0.05
_LEAST_SHARE = 1e-4


def psi(reference: Floats, today: Floats) -> tuple[Floats, Bools]:
    in_use = (reference + today) > 0
    p, q = _filled(_shares(reference), in_use), _filled(_shares(today), in_use)
    value = np.where(in_use, (p - q) * np.log(p / q), 0.0).sum(axis=1)
    return value, value >= DISTANCE


def jensen_shannon(reference: Floats, today: Floats) -> tuple[Floats, Bools]:
    from scipy.special import rel_entr

    p, q = _shares(reference), _shares(today)
    middle = (p + q) / 2
    divergence = (rel_entr(p, middle) + rel_entr(q, middle)).sum(axis=1) / 2
    distance = np.sqrt(np.maximum(divergence, 0.0))
    return distance, distance >= DISTANCE


def wasserstein(reference: Floats, today: Floats) -> tuple[Floats, Bools]:
    p, q = _shares(reference), _shares(today)
    places = np.arange(p.shape[1])
    mean = (p * places).sum(axis=1, keepdims=True)
    sd = np.sqrt((p * (places - mean) ** 2).sum(axis=1))
    value = np.abs(np.cumsum(p - q, axis=1)).sum(axis=1) / np.maximum(sd, 1e-3)
    return value, value >= DISTANCE


def kolmogorov_smirnov(reference: Floats, today: Floats) -> tuple[Floats, Bools]:
    from scipy.special import kolmogorov
    from scipy.stats import kstwo

    n, m = reference.sum(axis=1), today.sum(axis=1)
    largest = np.abs(np.cumsum(_shares(reference) - _shares(today), axis=1)).max(axis=1)
    effective = n * m / np.maximum(n + m, 1)
    p_value = np.asarray(kolmogorov(largest * np.sqrt(effective)))  # the limit, which is never far from it
    near = (p_value > LEVEL / 10) & (p_value < 10 * LEVEL)
    p_value[near] = kstwo.sf(largest[near], np.maximum(np.round(effective[near]), 1))  # a thousand times as slow
    return largest * np.sqrt(effective), p_value < LEVEL


def chi_square(reference: Floats, today: Floats) -> tuple[Floats, Bools]:
    """A bin that the reference never saw makes the statistic infinite."""
    from scipy.stats import chi2

    expected = _shares(reference) * today.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where((expected == 0) & (today == 0), 0.0, (today - expected) ** 2 / expected)
    statistic = terms.sum(axis=1)
    freedom = np.maximum(((reference + today) > 0).sum(axis=1) - 1, 1)
    return statistic, chi2.sf(statistic, freedom) < LEVEL


def chi_square_table(reference: Floats, today: Floats) -> tuple[Floats, Bools]:
    from scipy.stats import chi2

    both = reference + today
    n, m = reference.sum(axis=1, keepdims=True), today.sum(axis=1, keepdims=True)
    of_reference, of_today = both * (n / np.maximum(n + m, 1)), both * (m / np.maximum(n + m, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = (reference - of_reference) ** 2 / of_reference + (today - of_today) ** 2 / of_today
    statistic = np.where((of_reference > 0) & (of_today > 0), terms, 0.0).sum(axis=1)
    freedom = np.maximum((both > 0).sum(axis=1) - 1, 1)
    return statistic, chi2.sf(statistic, freedom) < LEVEL


def _shares(counts: Floats) -> Floats:
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), dtype=float)


def _filled(shares: Floats, in_use: Bools) -> Floats:
    """Empty bins get a small share, as Evidently does: 1e-4, or a millionth of the smallest share if that is below."""
    smallest = np.where(shares > 0, shares, np.inf).min(axis=1, keepdims=True)
    filler = np.where(smallest <= _LEAST_SHARE, smallest / 1e6, _LEAST_SHARE)
    return np.where(in_use & (shares > 0), shares, np.maximum(filler, 1e-300))


DRIFT_TESTS: Mapping[str, DriftTest] = MappingProxyType(
    {
        "PSI": psi,
        "JS distance": jensen_shannon,
        "Wasserstein": wasserstein,
        "KS": kolmogorov_smirnov,
        "chi-square": chi_square,
        "chi-square 2 x bins": chi_square_table,
    }
)
ON_FINE = frozenset({"Wasserstein", "KS"})
