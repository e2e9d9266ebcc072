"""Tail probabilities of overdispersed and underdispersed counts (negative binomial, Poisson, binomial as one family).

The family has mean mu and variance ``mu + phi * mu**2``: phi > 0 is the negative binomial with r = 1 / phi, phi = 0 the
Poisson, phi < 0 the binomial with (real) n = -1 / phi. All three share Panjer's recurrence
``P(k + 1) / P(k) = mu / (1 + mu phi) * (1 + k phi) / (k + 1)``.

Three ways to a tail, by size: summing the smaller tail term by term; Peizer and Pratt's normal approximation (J. Amer.
Statist. Assoc. 63, 1968, eq. 5.3; relative error under 1e-3 down to tails of 1e-12 at the sizes for which it is used);
the continued fraction of the incomplete beta function where that approximation is not good (r under 8).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["beta_cdf", "count_log_pmf", "count_tails", "gamma_tails", "normal_cdf"]

_SUM_UP_TO_SD = 60.0
_GAMMA_FROM = 2000.0
"""From this count on, a broad negative binomial is a gamma distribution to 1e-3 of its tails."""
_SMALLEST_PMF = 1e-290
"""A sum that begins with less would end in subnormal terms, which a ratio above 1/2 never makes smaller."""
_POISSON = 1e-8
_SQRT_HALF = math.sqrt(0.5)


@njit(cache=True, nogil=True, error_model="numpy")
def normal_cdf(z):
    """Standard normal distribution function, accurate in the lower tail."""
    return 0.5 * math.erfc(-z * _SQRT_HALF)


@njit(cache=True, nogil=True, error_model="numpy")
def _log_rising(k, phi):
    """log prod_{j<k} (1 + j phi), -inf where the family has no mass."""
    if k <= 64.0:
        product = 1.0
        for j in range(int(k)):
            product *= 1.0 + j * phi
            if product <= 0.0:
                return -np.inf
        if 0.0 < product < np.inf:
            return math.log(product)
    if abs(phi) * k < 1e-3:  # the power series; differences of log gammas of 1 / phi would lose their digits
        first = 0.5 * k * (k - 1.0)
        return phi * (first - phi * (first * (2.0 * k - 1.0) / 6.0 - phi * first * first / 3.0))
    if phi > 0.0:
        r = 1.0 / phi
        return math.lgamma(k + r) - math.lgamma(r) + k * math.log(phi)
    n = -1.0 / phi
    if k >= n + 1.0:
        return -np.inf
    return math.lgamma(n + 1.0) - math.lgamma(n - k + 1.0) + k * math.log(-phi)


@njit(cache=True, nogil=True, error_model="numpy")
def count_log_pmf(k, mu, phi):
    """log P(Y = k) of the family; k a whole number >= 0, mu > 0, mu phi > -1."""
    x = mu * phi
    log_zero = -mu if abs(x) < _POISSON else -mu * (math.log1p(x) / x)
    if k == 0.0:
        return log_zero
    return log_zero + k * (math.log(mu) - math.log1p(x)) - math.lgamma(k + 1.0) + _log_rising(k, phi)


@njit(cache=True, nogil=True, error_model="numpy")
def beta_cdf(a, b, x):
    """Regularised incomplete beta function I_x(a, b) by Lentz's continued fraction."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - _beta_fraction(b, a, 1.0 - x)
    return _beta_fraction(a, b, x)


@njit(cache=True, nogil=True, error_model="numpy")
def _beta_fraction(a, b, x):
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    tiny = 1e-300
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    if abs(d) < tiny:
        d = tiny
    d = 1.0 / d
    value = d
    for m in range(1, 3000):
        for odd in range(2):
            if odd == 0:
                step = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
            else:
                step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
            d = 1.0 + step * d
            c = 1.0 + step / c
            if abs(d) < tiny:
                d = tiny
            if abs(c) < tiny:
                c = tiny
            d = 1.0 / d
            value *= d * c
        if abs(d * c - 1.0) < 1e-12:
            break
    return math.exp(front) * value / a


@njit(cache=True, nogil=True, error_model="numpy")
def gamma_tails(a, x):
    """Regularised incomplete gamma functions (P(a, x), Q(a, x)); the smaller one is accurate."""
    if x <= 0.0:
        return 0.0, 1.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1.0:
        term = total = 1.0 / a
        for n in range(1, 2000):
            term *= x / (a + n)
            total += term
            if term < 1e-15 * total:
                break
        low = min(1.0, front * total)
        return low, 1.0 - low
    b = x + 1.0 - a
    c, d = 1e300, 1.0 / b
    value = d
    for n in range(1, 2000):
        step = -n * (n - a)
        b += 2.0
        d = 1.0 / (step * d + b)
        c = b + step / c
        value *= d * c
        if abs(d * c - 1.0) < 1e-14:
            break
    up = min(1.0, front * value)
    return 1.0 - up, up


@njit(cache=True, nogil=True, error_model="numpy")
def _pratt(x):
    """Peizer and Pratt's g(x) = (1 - x^2 + 2 x log x) / (1 - x)^2, g(1) = 0."""
    if x <= 0.0:
        return 1.0
    u = 1.0 - x
    if abs(u) < 0.02:
        return u * (1.0 / 3.0 + u * (1.0 / 6.0 + u * (0.1 + u / 15.0)))
    return (1.0 - x * x + 2.0 * x * math.log(x)) / (u * u)


@njit(cache=True, nogil=True, error_model="numpy")
def _large_z(k, mu, phi):
    """The normal deviate of P(Y <= k) by Peizer and Pratt for large counts; k may lie between whole numbers."""
    s = k + 0.5
    if abs(phi) * mu < 1e-6:  # Poisson
        return (s + 1.0 / 6.0 - mu + 0.02 / (s + 0.5)) * math.sqrt((1.0 + _pratt(s / mu)) / mu)
    if phi > 0.0:  # P(Y <= k) = I_{r / (r + mu)}(r, k + 1)
        r = 1.0 / phi
        n, t = r + k, r - 0.5
        p = mu / (r + mu)
    else:  # P(Y <= k) = I_{1 - p}(n - k, k + 1)
        n = -1.0 / phi
        t = n - k - 0.5
        p = mu / n
    q = 1.0 - p
    if t <= 0.0:
        return np.inf
    d = s + 1.0 / 6.0 - (n + 1.0 / 3.0) * p + 0.02 * (q / (s + 0.5) - p / (t + 0.5) + (0.5 - p) / (n + 1.0))
    return d * math.sqrt((1.0 + q * _pratt(s / (n * p)) + p * _pratt(t / (n * q))) / ((n + 1.0 / 6.0) * p * q))


@njit(cache=True, nogil=True, error_model="numpy")
def count_tails(k, mu, phi):
    """Mid-probabilities (P(Y < k) + P(Y = k) / 2, P(Y > k) + P(Y = k) / 2); the smaller one is accurate.

    Parameters
    ----------
    k : float
        A whole number >= 0.
    mu, phi : float
        Mean > 0 and relative overdispersion: the variance is mu + phi mu^2, at least 2 % of the mean.
    """
    if mu * phi < -0.98:
        phi = -0.98 / mu
    sd = math.sqrt(mu + phi * mu * mu)
    if sd > _SUM_UP_TO_SD:
        if phi > 0.125:
            r = 1.0 / phi
            if k > _GAMMA_FROM:  # the beta fraction would need some sqrt(k) steps
                return gamma_tails(r, r * k / mu)
            x = r / (r + mu)
            low = 0.5 * (beta_cdf(r, k + 1.0, x) + (beta_cdf(r, k, x) if k > 0.0 else 0.0))
            up = 0.5 * (beta_cdf(k + 1.0, r, 1.0 - x) + (beta_cdf(k, r, 1.0 - x) if k > 0.0 else 1.0))
            return low, up
        at, below = _large_z(k, mu, phi), (_large_z(k - 1.0, mu, phi) if k > 0.0 else -np.inf)
        low = 0.5 * (normal_cdf(at) + normal_cdf(below))
        up = 0.5 * (normal_cdf(-at) + normal_cdf(-below))
        return low, up
    scale = mu / (1.0 + mu * phi)
    pmf = math.exp(count_log_pmf(k, mu, phi))
    total, term = 0.0, pmf
    if pmf < _SMALLEST_PMF:
        return (0.0, 1.0) if k <= mu else (1.0, 0.0)
    if k <= mu:
        j = k
        while j > 0.0:
            term *= j / (scale * (1.0 + (j - 1.0) * phi))
            total += term
            if not term > 1e-13 * total:
                break
            j -= 1.0
        low = min(1.0, total + 0.5 * pmf)
        return low, 1.0 - low
    j = k
    while True:
        ratio = scale * (1.0 + j * phi) / (j + 1.0)
        if not ratio > 0.0:
            break
        term *= ratio
        total += term
        if not term > 1e-13 * total:
            break
        j += 1.0
    up = min(1.0, total + 0.5 * pmf)
    return 1.0 - up, up
