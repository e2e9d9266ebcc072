"""The judgement of KPIs that are not counts (revenue, means): a robust predictive t interval on a scale for any sign.

With c_i the median |x| of a slice, u = asinh(x / (c_i f_t)) is linear around 0 and logarithmic far from it, for any
sign. Centre: the mean of the reference windows inside 3 robust deviations of their median. Spread: the variance inside,
what the trimming takes given back, shrunk over the slices of a level by the moderated variance of Smyth (2004), eq.
6-8. The predictive distribution is Student's t with the degrees of freedom of both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from tocsin.model import Floats, Ints

__all__ = ["MeasureJudgement", "judge_measures", "moderate_variances"]

CUT = 3.0
INSIDE = 0.9733369246625415
"""E[z^2 | |z| < 3] of a normal z."""


@dataclass(frozen=True, slots=True)
class MeasureJudgement:
    """Tails and interval of every slice's KPI value, NaN where it was not judged."""

    below: Floats
    above: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    deviation_sd: Floats
    n_windows: Ints
    common_factor: float


def moderate_variances(variance: Floats, freedom: Floats) -> tuple[Floats, Floats]:
    """Variances shrunk to a common prior, and the degrees of freedom of the result (Smyth 2004).

    The prior's scale and degrees of freedom come from the mean and variance of log variances; with fewer than 5 usable
    slices there is no prior.
    """
    usable = (variance > 0) & (freedom > 0)
    if usable.sum() < 5:
        return variance, freedom
    half = freedom[usable] / 2
    e = np.log(variance[usable]) - special.psi(half) + np.log(half)
    centre = float(np.median(e))
    excess = (1.4826 * float(np.median(np.abs(e - centre)))) ** 2 - float(np.median(special.polygamma(1, half)))
    prior_freedom = 2 * _inverse_trigamma(excess) if excess > 1e-3 else 1e6
    scale = np.exp(centre + special.psi(prior_freedom / 2) - np.log(prior_freedom / 2))
    moderated = (prior_freedom * scale + freedom * np.maximum(variance, 0)) / (prior_freedom + freedom)
    return np.where(freedom > 0, moderated, scale), prior_freedom + np.maximum(freedom, 0)


def _inverse_trigamma(x: float) -> float:
    y = 0.5 + 1 / x
    for _ in range(50):
        tri = float(special.polygamma(1, y))
        step = tri * (1 - tri / x) / float(special.polygamma(2, y))
        y += step
        if -step / y < 1e-8:
            break
    return y


def _common_factor(values: Floats, scale: Floats, now: Floats, groups: Ints) -> Floats:
    """Median over the slices of value / typical value, per window and for the target; 1 where slices are few."""
    whole = np.column_stack([values, now])
    deepest = groups == groups[np.argmax(np.bincount(groups)[groups])]
    usable = deepest & (scale > 0)
    chosen = whole[usable] / scale[usable, None]
    factor = np.ones(whole.shape[1])
    if len(chosen) < 20:
        return factor
    seen = np.isfinite(chosen).sum(axis=0)
    factor[seen >= 20] = np.nanmedian(chosen[:, seen >= 20], axis=0)
    return np.where(factor > 0.05, factor, 1.0)


def judge_measures(values: Floats, now: Floats, groups: Ints, total: int) -> MeasureJudgement:
    """Predictive tails of the KPI's value in the target window.

    Parameters
    ----------
    values : (n_slices, n_reference) KPI in the reference windows, NaN where there is none
    now : (n_slices,) KPI in the target window
    groups : int64 (n_slices,) level of each slice; total : index of the total's slice or -1
    """
    n = np.isfinite(values).sum(axis=1)
    ready = n >= 3
    scale = np.full(len(values), np.nan)
    scale[ready] = np.nanmedian(np.abs(values[ready]), axis=1)
    empty = ready & ~(scale > 0)
    scale[empty] = np.nanmean(np.abs(values[empty]), axis=1)
    scale[scale == 0] = np.nan
    factor = _common_factor(values, np.nan_to_num(scale), now, groups)
    own = np.broadcast_to(factor, (len(values), len(factor))).copy()
    if total >= 0:
        own[total] = 1.0
    u = np.arcsinh(values / (scale[:, None] * own[:, :-1]))
    at = np.arcsinh(now / (scale * own[:, -1]))
    usable = np.isfinite(scale)
    median, spread = np.full(len(values), np.nan), np.full(len(values), np.nan)
    median[usable] = np.nanmedian(u[usable], axis=1)
    spread[usable] = 1.4826 * np.nanmedian(np.abs(u[usable] - median[usable, None]), axis=1)
    inside = np.isfinite(u) & (np.abs(u - median[:, None]) <= CUT * np.maximum(spread, 1e-9)[:, None])
    kept = np.maximum(inside.sum(axis=1), 1)
    clean = np.where(inside, u, 0.0)
    mean = clean.sum(axis=1) / kept
    freedom = (kept - 1).astype(np.float64)
    variance = np.where(inside, (u - mean[:, None]) ** 2, 0.0).sum(axis=1) / np.maximum(freedom, 1) / INSIDE
    for group in np.unique(groups):
        rows = np.flatnonzero((groups == group) & usable)
        variance[rows], freedom[rows] = moderate_variances(variance[rows], freedom[rows])
    # constant histories: a deviation of under a millionth of the level is rounding
    sd = np.sqrt(np.maximum(variance, 1e-12) * (1 + 1 / kept))
    freedom = np.maximum(freedom, 1.0)
    t = (at - mean) / sd
    unit = scale * own[:, -1]
    reach = special.stdtrit(freedom, 0.975) * sd
    below = np.where(usable, special.stdtr(freedom, t), np.nan)
    above = np.where(usable, special.stdtr(freedom, -t), np.nan)
    return MeasureJudgement(
        below,
        above,
        unit * np.sinh(mean),
        unit * np.sinh(mean - reach),
        unit * np.sinh(mean + reach),
        unit * np.cosh(mean) * sd,
        n,
        float(factor[-1]),
    )
