"""Upper tail of Student's t distribution with an odd number of degrees of freedom, fast enough for every entity."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

__all__ = ["t_upper_tail", "t_upper_tails"]

CANCELS = 12
"""Of t^2: from here on the finite sum would lose digits of a small tail."""


@njit(cache=True, nogil=True, error_model="numpy")
def t_upper_tail(t, df):
    """P(T > t), to about 1e-11 of its value however far out.

    Near the middle the finite sum for odd df (Abramowitz and Stegun 26.7.3); beyond, where that would cancel, the
    series of the incomplete beta function in x = df / (df + t^2) (26.5.4).

    Parameters
    ----------
    t : any number; NaN gives NaN
    df : int, odd, at most 51 (for more the series would need more terms)
    """
    if math.isnan(t):
        return math.nan
    if t < 0.0:
        return 1.0 - t_upper_tail(-t, df)
    if t * t < min(df, CANCELS):
        angle = math.atan(t / math.sqrt(df))
        cosine = math.cos(angle)
        term, total = cosine, 0.0
        for k in range(1, df - 1, 2):
            total += term
            term *= cosine * cosine * (k + 1.0) / (k + 2.0)
        return 0.5 - (angle + math.sin(angle) * total) / math.pi
    a = 0.5 * df
    x = 1.0 / (1.0 + t / df * t)
    coefficient, total = 1.0, 1.0 / a
    for k in range(1, 200):
        coefficient *= x * (k - 0.5) / k
        part = coefficient / (a + k)
        total += part
        if part < 1e-14 * total:
            break
    beta = math.exp(math.lgamma(a) + math.lgamma(0.5) - math.lgamma(a + 0.5))
    return 0.5 * x**a * total / beta


@njit(cache=True, nogil=True, error_model="numpy")
def t_upper_tails(t, df):
    """`t_upper_tail` of each of an array (n,)."""
    result = np.empty(len(t))
    for i in range(len(t)):
        result[i] = t_upper_tail(t[i], df)
    return result
