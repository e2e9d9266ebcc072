"""Divergences of distributions: Kullback-Leibler, Jensen-Shannon (of two, or weighted of n), many rows at once.

Natural logarithms: the Jensen-Shannon divergence (the squared distance of scipy's `jensenshannon`) is in [0, ln 2],
the weighted one of n distributions in [0, ln n], the Kullback-Leibler divergence in [0, inf]. Divide by ln(base) for
another base. Rows are of shares or of counts: each is divided by its sum. A row without any mass has no distribution:
NaN.

Of two distributions it is a sum over bins of m g(d), with m = (p + q) / 2 and d = (p - q) / (p + q),

    g(d) = ((1 + d) ln(1 + d) + (1 - d) ln(1 - d)) / 2,

which `jsd_term` takes from a rational function of v = 1 - d^2 = 4 p q / (p + q)^2: no logarithm, no cancellation
however alike the two are, and a relative error below 7.1e-6 of each term, hence of the divergence.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = [
    "jensen_shannon",
    "jsd_from_mean",
    "jsd_of_collections",
    "jsd_term",
    "jsd_term_single",
    "kullback_leibler",
    "mean_distribution",
    "weighted_jensen_shannon",
]

TINY = 1e-150
"""Added to p + q, so that two empty bins give 0: far below every share of a count, and 1 / TINY^2 is still finite."""

# numerator and denominator of g(d) / d^2 in powers of 1 - d^2, fitted for the least relative error on [0, 1]
N0, N1, N2 = 2.637663706200888e-08, 5.861778379018939e-05, 0.008281103703303358
N3, N4, N5 = 0.13765924221885484, 0.30436305622807097, 0.04964132239714462
D0, D1, D2 = 3.805369752640786e-08, 8.469321070680991e-05, 0.012123984288743728
D3, D4, D5 = 0.21399412812859175, 0.5783625777069461, 0.19543457861131408

# the same in single precision: a plain number would raise a loop to double
A0, A1, A2, A3, A4, A5 = (np.float32(part) for part in (N0, N1, N2, N3, N4, N5))
B0, B1, B2, B3, B4, B5 = (np.float32(part) for part in (D0, D1, D2, D3, D4, D5))
TINY_SINGLE, HALF, ONE, FOUR = np.float32(1e-18), np.float32(0.5), np.float32(1.0), np.float32(4.0)

FAST = {"reassoc", "contract", "arcp", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def jsd_term(p, q):
    """One bin's part of the Jensen-Shannon divergence of two distributions; `p` and `q` are its shares of them."""
    both = p + q
    inverse = 1.0 / (both + TINY)
    d = (p - q) * inverse
    square = d * d
    v = 4.0 * (p * inverse) * (q * inverse)
    above = N0 + v * (N1 + v * (N2 + v * (N3 + v * (N4 + v * N5))))
    below = D0 + v * (D1 + v * (D2 + v * (D3 + v * (D4 + v * D5))))
    return 0.5 * both * square * above / below


@njit(cache=True, nogil=True, error_model="numpy", inline="always")
def jsd_term_single(p, q):
    """`jsd_term` in single precision, for twice as many bins a vector instruction; relative error below 8e-6.

    For the fastest loops lay evidence out as (n, n_bins, n_collections) and run over the collections innermost: long
    contiguous runs against one number, where 24 bins would leave vectors half empty.
    """
    both = p + q
    inverse = ONE / (both + TINY_SINGLE)
    d = (p - q) * inverse
    v = FOUR * (p * inverse) * (q * inverse)
    above = A0 + v * (A1 + v * (A2 + v * (A3 + v * (A4 + v * A5))))
    below = B0 + v * (B1 + v * (B2 + v * (B3 + v * (B4 + v * B5))))
    return HALF * both * d * d * above / below


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def jsd_from_mean(counts, mean):
    """Jensen-Shannon divergence of each row from its own mean distribution.

    Parameters
    ----------
    counts : (n, n_bins) integers or floats, 0 or more
    mean : (n, n_bins) shares, each row sums to 1 or is all 0

    Returns
    -------
    (n,) nats, 0 to ln 2; NaN where a row of either is empty
    """
    n, n_bins = counts.shape
    result = np.empty(n)
    for i in range(n):
        total, known = 0.0, 0.0
        for b in range(n_bins):
            total += counts[i, b]
            known += mean[i, b]
        if not (total > 0.0 and known > 0.0):
            result[i] = np.nan
            continue
        inverse, divergence = 1.0 / total, 0.0
        for b in range(n_bins):
            divergence += jsd_term(counts[i, b] * inverse, mean[i, b])
        result[i] = divergence
    return result


@njit(cache=True, nogil=True, error_model="numpy", fastmath=FAST)
def jsd_of_collections(counts, mean):
    """Jensen-Shannon divergence of many collections of each entity from its one mean distribution.

    Parameters
    ----------
    counts : (n, n_collections, n_bins)
    mean : (n, n_bins) shares, each row sums to 1 or is all 0

    Returns
    -------
    (n, n_collections) nats, 0 to ln 2; NaN where a collection or a mean is empty
    """
    n, n_collections, n_bins = counts.shape
    result = np.empty((n, n_collections))
    for i in range(n):
        known = 0.0
        for b in range(n_bins):
            known += mean[i, b]
        for k in range(n_collections):
            total = 0.0
            for b in range(n_bins):
                total += counts[i, k, b]
            if not (total > 0.0 and known > 0.0):
                result[i, k] = np.nan
                continue
            inverse, divergence = 1.0 / total, 0.0
            for b in range(n_bins):
                divergence += jsd_term(counts[i, k, b] * inverse, mean[i, b])
            result[i, k] = divergence
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def mean_distribution(counts, taken):
    """Mean of the distributions of those collections that are taken.

    Parameters
    ----------
    counts : (n, n_collections, n_bins)
    taken : (n, n_collections) bool; an empty collection is never taken

    Returns
    -------
    (n, n_bins) shares; all 0 where nothing is taken
    """
    n, n_collections, n_bins = counts.shape
    result = np.zeros((n, n_bins))
    for i in range(n):
        n_taken = 0
        for k in range(n_collections):
            total = 0.0
            for b in range(n_bins):
                total += counts[i, k, b]
            if not taken[i, k] or not total > 0.0:
                continue
            n_taken += 1
            for b in range(n_bins):
                result[i, b] += counts[i, k, b] / total
        for b in range(n_bins):
            result[i, b] /= max(n_taken, 1)
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def jensen_shannon(p, q):
    """(n,) Jensen-Shannon divergence of the rows of `p` from those of `q`, both (n, n_bins), shares or counts; nats."""
    n, n_bins = p.shape
    result = np.empty(n)
    for i in range(n):
        total_p, total_q = 0.0, 0.0
        for b in range(n_bins):
            total_p += p[i, b]
            total_q += q[i, b]
        divergence = 0.0 if total_p > 0.0 and total_q > 0.0 else np.nan
        for b in range(n_bins):
            divergence += jsd_term(p[i, b] / total_p, q[i, b] / total_q)
        result[i] = divergence
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def kullback_leibler(p, q, drop_empty=False):
    """Kullback-Leibler divergence of the rows of `p` from those of `q`.

    Parameters
    ----------
    p, q : (n, n_bins) shares or counts
    drop_empty : leave out bins where q has nothing, as MGoF does; otherwise such a bin with mass in p gives inf

    Returns
    -------
    (n,) nats, 0 or more; with `drop_empty` it can be negative, as what is left of `p` no longer sums to 1
    """
    n, n_bins = p.shape
    result = np.empty(n)
    for i in range(n):
        total_p, total_q = 0.0, 0.0
        for b in range(n_bins):
            total_p += p[i, b]
            total_q += q[i, b]
        divergence = 0.0 if total_p > 0.0 and total_q > 0.0 else np.nan
        for b in range(n_bins):
            share_p, share_q = p[i, b] / total_p, q[i, b] / total_q
            if share_p > 0.0:
                if share_q > 0.0:
                    divergence += share_p * (math.log(share_p) - math.log(share_q))
                elif not drop_empty:
                    divergence += np.inf
        result[i] = divergence if drop_empty else max(divergence, 0.0)
    return result


@njit(cache=True, nogil=True, error_model="numpy")
def weighted_jensen_shannon(distributions, weights):
    """H(sum of w_i P_i) - sum of w_i H(P_i), the Jensen-Shannon divergence of n distributions with weights.

    Parameters
    ----------
    distributions : (n_rows, n, n_bins) shares or counts
    weights : (n_rows, n) 0 or more, divided by their sum; the paper's eq. 5 has 1 / prior

    Returns
    -------
    (n_rows,) nats, 0 to ln n; NaN where a distribution with weight is empty, or no weight is given
    """
    n_rows, n, n_bins = distributions.shape
    result = np.empty(n_rows)
    mixture = np.empty(n_bins)
    for i in range(n_rows):
        total_weight = 0.0
        for k in range(n):
            total_weight += weights[i, k]
        divergence = 0.0 if total_weight > 0.0 else np.nan
        mixture[:] = 0.0
        for k in range(n):
            weight = weights[i, k] / total_weight
            if not weight > 0.0:
                continue
            total = 0.0
            for b in range(n_bins):
                total += distributions[i, k, b]
            for b in range(n_bins):
                share = distributions[i, k, b] / total
                mixture[b] += weight * share
                if share > 0.0:
                    divergence += weight * share * math.log(share)
            if not total > 0.0:
                divergence = np.nan
        for b in range(n_bins):
            if mixture[b] > 0.0:
                divergence -= mixture[b] * math.log(mixture[b])
        result[i] = max(divergence, 0.0) if divergence == divergence else np.nan
    return result
