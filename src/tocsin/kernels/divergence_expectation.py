"""What the Jensen-Shannon divergence of an honest collection from its true distribution is on average.

N records drawn from a distribution M have an empirical distribution P^, and JSD(P^, M) is not 0: (B - 1) / (8 N) where
every one of the B bins expects many records, and less or more where bins are sparse. As JSD is a sum over bins, its
expectation needs only the law of one bin's count X, binomial(N, m):

    E JSD(P^, M) = sum over bins of E phi(X, N m) / N,    phi(x, y) = N jsd_term(x / N, y / N)

`expected_jsd` takes E phi from tables over y = N m: the Poisson expectation, and the two terms, in m and m^2, of the
expansion of the binomial law about the Poisson one by factorial cumulants, -y m/2 D^2 and y m^2/3 D^3 + y^2 m^2/8 D^4
with D the forward difference.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numba import njit
from scipy.special import gammaln, xlogy

from tocsin.kernels.divergence import jsd_term
from tocsin.model import Floats

__all__ = ["expected_jsd", "expected_jsd_of_collections"]

STEP = 0.01
"""Of the tables, in the square root of the expected count."""
LARGEST_ROOT = 20.0
"""Beyond it, a bin's part is 1/8 plus a multiple of 1 / (expected count)."""
FEW = 16
LARGE_SHARE = 0.25
"""Where fewer records than FEW meet a share above this, the expansion would fail: the binomial law is summed."""


def expected_jsd(n_records: Floats, mean: Floats) -> Floats:
    """Expectation of the Jensen-Shannon divergence of collections from the distribution they are drawn from.

    Parameters
    ----------
    n_records : (n,) records of each collection
    mean : (n, n_bins) shares, each row sums to 1 or is all 0

    Returns
    -------
    (n,) nats, 0 to ln 2; NaN where a collection or a mean is empty
    """
    many = np.ascontiguousarray(n_records, np.float64)[:, None]
    return expected_jsd_of_collections(many, mean)[:, 0]


def expected_jsd_of_collections(n_records: Floats, mean: Floats) -> Floats:
    """`expected_jsd` of many collections of each entity: n_records (n, n_collections) gives (n, n_collections)."""
    records, shares = np.ascontiguousarray(n_records, np.float64), np.ascontiguousarray(mean, np.float64)
    result: Floats = _expected(records, shares, expectation_tables())
    return result


@cache
def expectation_tables() -> Floats:
    """(n_steps, 3) of y = (STEP i)^2: E phi / y, and what multiplies m and m^2, also divided by y, under Poisson(y)."""
    root = STEP * np.arange(int(LARGEST_ROOT / STEP) + 2)
    root[0] = STEP * 1e-3  # the limit, ln 2 and so on, is reached well before
    y = root[:, None] ** 2
    x = np.arange(int(LARGEST_ROOT**2 + 12 * LARGEST_ROOT) + 40)
    chance = np.exp(x * np.log(y) - y - gammaln(x + 1.0))
    chance /= chance.sum(axis=1, keepdims=True)
    phi = 0.5 * (xlogy(x, x) + xlogy(y, y) - xlogy(x + y, 0.5 * (x + y)))
    second = np.pad(np.diff(phi, 2, axis=1), ((0, 0), (0, 2)))
    third = np.pad(np.diff(phi, 3, axis=1), ((0, 0), (0, 3)))
    fourth = np.pad(np.diff(phi, 4, axis=1), ((0, 0), (0, 4)))
    in_m = -0.5 * (chance * second).sum(axis=1)
    in_m_squared = ((third / 3.0 + y * fourth / 8.0) * chance).sum(axis=1)
    return np.column_stack([(chance * phi).sum(axis=1) / y[:, 0], in_m, in_m_squared])


@njit(cache=True, nogil=True, error_model="numpy")
def _of_binomial(records, m):
    """E phi, summed over the law of the bin's count."""
    n = round(records)
    y, result = records * m, 0.0
    for x in range(n + 1):
        log_choose = math.lgamma(n + 1.0) - math.lgamma(x + 1.0) - math.lgamma(n - x + 1.0)
        chance = math.exp(log_choose) * m**x * max(1.0 - m, 0.0) ** (n - x)
        result += chance * jsd_term(float(x), y)
    return result


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "arcp", "nsz"})
def _expected(n_records, mean, tables):
    n, n_collections = n_records.shape
    n_bins = mean.shape[1]
    last = len(tables) - 2
    far = (last * STEP) ** 2
    slope = (tables[last, 0] * far - 0.125) * far
    result = np.empty((n, n_collections))
    for i in range(n):
        known = 0.0
        for b in range(n_bins):
            known += mean[i, b]
        for k in range(n_collections):
            records = n_records[i, k]
            if not (records > 0.0 and known > 0.0):
                result[i, k] = np.nan
                continue
            total = 0.0
            for b in range(n_bins):
                m = mean[i, b]
                y = records * m
                place = np.sqrt(y) / STEP
                if records < FEW and m > LARGE_SHARE:
                    total += _of_binomial(records, m)
                elif place < last:
                    low = int(place)
                    part = place - low
                    first = tables[low, 0] + part * (tables[low + 1, 0] - tables[low, 0])
                    second = tables[low, 1] + part * (tables[low + 1, 1] - tables[low, 1])
                    third = tables[low, 2] + part * (tables[low + 1, 2] - tables[low, 2])
                    total += y * (first + m * (second + m * third))
                else:
                    total += 0.125 * (1.0 - m) + slope / y
            result[i, k] = min(max(total / records, 0.0), 0.6931471805599453)
    return result
