"""The shape of a window of a time series around the point that was reported: a few numbers, many windows at once.

How the point stands to what came before it tells kinds of anomalies apart, without anything to train.
"""

from __future__ import annotations

import numpy as np

from tocsin.errors import InputError
from tocsin.model import Floats

__all__ = ["SHAPE_NAMES", "series_features"]

SHAPE_NAMES = (
    "last",
    "step",
    "jump",
    "spread",
    "level",
    "lag_one",
    "trend",
    "run",
    "repeats",
)
AFTER_NAMES = ("after", "stays")
LEAST_SPREAD = 0.05
"""Added to the local spread: a window that stands still has none."""
OUTSIDE = 3.0
"""Points so many spreads away from the middle count as outside."""
MOST = 1e12
"""Larger values are as large as this."""


def series_features(windows: Floats, *, n_after: int = 0) -> Floats:
    """(n, 9) shape features of windows of a series, (n, 11) with points after the one that is meant.

    Parameters
    ----------
    windows : (n, m) numbers in units of the series' usual spread, oldest first, NaN = missing, m - n_after at least 1.
        The last point, or the one before the last `n_after`, is the one that is meant; before it comes the context.
    n_after : how many points came after it, those that are known when the question is asked

    Returns
    -------
    columns as in `SHAPE_NAMES`, all finite:
        last    : asinh of the point
        step    : asinh of the point less the one before it
        jump    : sign(d) log(1 + |d| / spread), d the point less the median of the context
        spread  : log of the median absolute deviation of the context, plus .05
        level   : asinh of the mean of the context
        lag_one : correlation of the context with itself one step later, in [-1, 1]
        trend   : asinh of the mean of the context's later half less that of its earlier, in spreads
        run     : log(1 + points of the context, immediately before, that are outside on the same side)
        repeats : log(1 + points of the context that are at least half as far out, on the same side)
    and of the points after it:
        after   : sign(d) log(1 + |d| / spread), d their mean less the median of the context
        stays   : the part of the jump that is left, in [-1, 2]

    Raises
    ------
    InputError : not two dimensions, or no point before those after
    """
    found = np.asarray(windows, dtype=np.float64)
    if found.ndim != 2 or n_after < 0 or found.shape[1] <= n_after:
        allowed = f"(n, m) with m at least {max(n_after, 0) + 1}, n_after at least 0"
        raise InputError("Windows of a series", allowed=allowed, got=f"shape {found.shape}, n_after {n_after}")
    here = found.shape[1] - n_after - 1
    context, last = _context(found[:, :here]), np.clip(found[:, here], -MOST, MOST)
    middle = np.median(context, axis=1)
    last = np.where(np.isfinite(last), last, middle)
    deviation = context - middle[:, None]
    spread = np.median(np.abs(deviation), axis=1) + LEAST_SPREAD
    jump = last - middle
    features = [
        np.arcsinh(last),
        np.arcsinh(last - context[:, -1]),
        _signed_log(jump / spread),
        np.log(spread),
        np.arcsinh(context.mean(axis=1)),
        _lag_one(context),
        _trend(context, spread),
        *_earlier(deviation, jump, spread),
    ]
    if n_after:
        features += _later(found[:, here + 1 :], last, middle, jump, spread)
    return np.column_stack(features)


def _context(values: Floats) -> Floats:
    """What is missing is the mean of what is not; no context at all is one point at 0."""
    if values.shape[1] == 0:
        return np.zeros((len(values), 1))
    values = np.clip(values, -MOST, MOST)
    known = np.isfinite(values)
    if known.all():
        return values
    total = np.where(known, values, 0.0).sum(axis=1)
    return np.where(known, values, (total / np.maximum(known.sum(axis=1), 1))[:, None])


def _signed_log(values: Floats) -> Floats:
    signed: Floats = np.sign(values) * np.log1p(np.abs(values))
    return signed


def _lag_one(context: Floats) -> Floats:
    centred = context - context.mean(axis=1, keepdims=True)
    variance = np.einsum("ij,ij->i", centred, centred)
    product = np.einsum("ij,ij->i", centred[:, 1:], centred[:, :-1])
    floor = 1e-12 * np.maximum(1.0, np.einsum("ij,ij->i", context, context))  # what rounding leaves of a constant
    moves = variance > floor
    lag: Floats = np.divide(product, variance, out=np.zeros(len(context)), where=moves)
    return np.clip(lag, -1.0, 1.0)


def _trend(context: Floats, spread: Floats) -> Floats:
    half = context.shape[1] // 2
    if not half:
        return np.zeros(len(context))
    rise: Floats = np.arcsinh((context[:, -half:].mean(axis=1) - context[:, :half].mean(axis=1)) / spread)
    return rise


def _earlier(deviation: Floats, jump: Floats, spread: Floats) -> list[Floats]:
    """How often the context did the same: immediately before, and at all."""
    towards = deviation * np.sign(jump)[:, None]
    outside = towards > OUTSIDE * spread[:, None]
    run = np.logical_and.accumulate(outside[:, ::-1], axis=1).sum(axis=1)
    least = np.maximum(0.5 * np.abs(jump), OUTSIDE * spread)
    return [np.log1p(run), np.log1p((towards >= least[:, None]).sum(axis=1))]


def _later(after: Floats, last: Floats, middle: Floats, jump: Floats, spread: Floats) -> list[Floats]:
    known = np.isfinite(after)
    total = np.where(known, np.clip(after, -MOST, MOST), 0.0).sum(axis=1)
    mean = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), last)
    left = mean - middle
    moved = np.abs(jump) > 1e-9 * spread
    part = np.divide(left, jump, out=np.zeros(len(left)), where=moved)
    return [_signed_log(left / spread), np.clip(part, -1.0, 2.0)]
