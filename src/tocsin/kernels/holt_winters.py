"""Exponential smoothing of many series at once: level, damped trend, one or two seasons, and the scale of the errors.

Error-correction form of Holt (1957), Winters (1960) and, for two seasons, Taylor (2003), made robust: an error moves
the state like one of at most BOUND scales. With every further error of the same sign beyond that the level's bound
doubles, and from NEW_LEVEL such errors on the level moves by half of it: an outlier moves little, a new level is
followed within a few points, and neither disturbs the season.

Words and symbols: l level, b trend, phi damping, s season (sum or product of one or two), f forecast, e = x - f error
in the units of the level, (alpha, beta, gamma, gamma2) smoothing of level, trend and seasons, and

    f = l + phi b + s,   l' = l + phi b + alpha e,   b' = phi b + alpha beta e,   s' = s + gamma (1 - alpha) e

A multiplicative season divides e by s, and the change of s by l. Each phase of a season learns with 1 / (2 + visits)
while that is more than gamma. After h missing points the scale is sqrt(1 + h alpha^2) of what it was.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.running_mean import ABSOLUTE, FARTHEST, LEAST_KNOWN, LEAST_SCALE, WIDE_SHARE, size_of
from tocsin.kernels.tail_counts import band_edge, count, tail_surprise

__all__ = ["GAP", "KNOWN", "LEVEL", "N_CORE", "OFFSET", "SCALE", "TREND", "WIDE", "run_holt_winters"]

LEVEL, TREND, SCALE, WIDE, KNOWN, RUN, GAP, OFFSET, WATCHED = range(9)
"""Columns of `core`: level, trend, scale, wide scale, points seen, length and sign of the run of errors beyond the
bound, missing points since the last one, points by which the season was moved. From WATCHED on, of the season as it is,
one shift earlier and one shift later: the discounted deviation and the discounted mean of what each leaves."""
N_RIVALS = 3
N_CORE = WATCHED + 2 * N_RIVALS
BOUND = 3.0
NEW_LEVEL, LONGEST_RUN = 8, 16
SLOWER = 0.4
"""The share of a new error in the wide scale, relative to that in the scale."""
LEAST_FACTOR = 0.05
"""Of a multiplicative season: an error is not divided by less."""
MOST_VISITS = 100
LEAST_WATCHED, SUSPECT, SHIFTED = 16.0, 1.5, 0.5
"""A season is moved where the deviation over an eighth of it (16 points at least) is so many times what is usual, and
in the other place less than half of that."""


@njit(cache=True, nogil=True, error_model="numpy")
def _shifted(season, second, time, shift, i, multiplicative):
    """The season of series i at a time of its own, `shift` points on."""
    found = 1.0 if multiplicative else 0.0
    if season.shape[0] > 0:
        found = season[(time + shift) % season.shape[0], i]
    if second.shape[0] > 0:
        other = second[(time + shift) % second.shape[0], i]
        found = found * other if multiplicative else found + other
    return found


@njit(cache=True, nogil=True, error_model="numpy")
def _scale(core, alpha):
    """Of the error of the next point."""
    return max(core[SCALE], WIDE_SHARE * core[WIDE]) * math.sqrt(1.0 + core[GAP] * alpha * alpha)


@njit(cache=True, nogil=True, error_model="numpy")
def _bounded(error, scale, core):
    """The error that the state learns from; counts the run of errors beyond the bound."""
    bound = BOUND * scale
    if core[KNOWN] < LEAST_KNOWN or not bound > 0.0 or abs(error) <= bound:
        core[RUN] = 0.0
        return error
    sign = math.copysign(1.0, error)
    run = core[RUN] if core[RUN] * sign > 0.0 else 0.0
    core[RUN] = min(max(run + sign, -LONGEST_RUN), LONGEST_RUN)
    return sign * min(abs(error), bound * 2.0 ** (abs(core[RUN]) - 1.0))


@njit(cache=True, nogil=True, error_model="numpy")
def _learn_season(season, visits, phase, i, gamma, error, level, multiplicative):
    """`error` is what the level leaves; a phase that is new takes half of it."""
    gain = max(gamma, 1.0 / (2.0 + visits[phase, i]))
    if visits[phase, i] < MOST_VISITS:
        visits[phase, i] += 1
    if multiplicative:
        error = error / level if abs(level) > abs(error) * 1e-3 else 0.0
        season[phase, i] = min(max(season[phase, i] + gain * error, LEAST_FACTOR), 1.0 / LEAST_FACTOR)
    else:
        season[phase, i] += gain * error


@njit(cache=True, nogil=True, error_model="numpy")
def _watch_shift(core, season, second, time, i, shift, x, multiplicative):
    """Whether the season fits better one shift earlier or later; then it is moved there.

    The level has no part in it: it follows a season that is out of place, and would make the right one look wrong.
    """
    keep = 1.0 - 1.0 / max(season.shape[0] / 8.0, LEAST_WATCHED)
    cap = BOUND * core[SCALE]
    is_new = core[WATCHED] == 0.0
    for rival in range(N_RIVALS):
        moved = (0, -shift, shift)[rival]
        part = _shifted(season, second, time, moved, i, multiplicative)
        left = x / part if multiplicative else x - part
        mean = left if is_new else core[WATCHED + N_RIVALS + rival]
        usual = core[SCALE] / ABSOLUTE if is_new else core[WATCHED + rival]
        core[WATCHED + rival] = keep * usual + (1.0 - keep) * min(abs(left - mean), cap)
        core[WATCHED + N_RIVALS + rival] = keep * mean + (1.0 - keep) * min(max(left, mean - cap), mean + cap)
    here = core[WATCHED]
    if here > SUSPECT * core[SCALE] / ABSOLUTE:
        best = 1 if core[WATCHED + 1] < core[WATCHED + 2] else 2
        if core[WATCHED + best] < SHIFTED * here:
            core[OFFSET] += -shift if best == 1 else shift
            core[WATCHED] = 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def _learn(core, season, visits, second, visits2, smoothing, time, i, x, ahead, now, damping, multiplicative, keep):
    """Take a point in. Returns the size of its error in scales, -1 for a first point."""
    alpha, beta, gamma, gamma2 = smoothing[i, 0], smoothing[i, 1], smoothing[i, 2], smoothing[i, 3]
    if core[KNOWN] == 0.0:
        core[LEVEL] = x / now if multiplicative else x - now
        core[KNOWN] = 1.0
        return -1.0
    error = (x - ahead * now) / now if multiplicative else x - ahead - now
    scale = _scale(core, alpha)
    size = size_of(error, scale, core[LEVEL])
    known = core[KNOWN] + 1.0
    learned = _bounded(error, scale, core)
    inside, far = abs(learned), abs(error)
    if scale > 0.0:
        inside, far = min(inside, 4.0 * scale), min(far, FARTHEST * scale)
    core[SCALE] += (ABSOLUTE * inside - core[SCALE]) * max(1.0 / known, keep)
    core[WIDE] += (far - core[WIDE]) * max(1.0 / known, SLOWER * keep)
    gain = max(alpha, 1.0 / known, 0.5 if abs(core[RUN]) >= NEW_LEVEL else 0.0)
    core[LEVEL] = ahead + gain * learned
    core[TREND] = damping * core[TREND] + alpha * beta * learned
    core[KNOWN], core[GAP] = known, 0.0
    if core[RUN] != 0.0:
        learned = math.copysign(BOUND * scale, learned)
    left = (1.0 - gain) * learned * (now if multiplicative else 1.0)
    if season.shape[0] > 0:
        phase = time % season.shape[0]
        other = now / season[phase, i] if multiplicative else 1.0
        _learn_season(season, visits, phase, i, gamma, left / other, core[LEVEL], multiplicative)
    if second.shape[0] > 0:
        phase = time % second.shape[0]
        other = now / second[phase, i] if multiplicative else 1.0
        _learn_season(second, visits2, phase, i, gamma2, left / other, core[LEVEL], multiplicative)
    return size


@njit(cache=True, nogil=True, error_model="numpy")
def run_holt_winters(
    values, first, core, season, visits, second, visits2, counts, smoothing, damping, multiplicative, shift, keep,
    memory, tail, surprise, expected, lower, upper, criterion,
):  # fmt: skip
    """Score each point by those before it, then learn it.

    values    : (n_series, n_new), NaN = missing; the first is point number `first` of the series
    core      : (n_series, N_CORE), changed
    season, second : (season, n_series) each, no rows without one, changed; visits, visits2: the same shapes, int8
    counts    : (n_series, N_BINS) errors by size, changed, `memory` points count; without columns none are counted
    smoothing : (n_series, 4)
    shift     : points a season may be moved by, 0: by none
    keep      : least share that a new error has in the scale
    surprise, expected, lower, upper : (n_series, n_new) to be filled; without columns points are learned only
    criterion : (n_series,), the sum of what the errors cost is added; empty: none is counted
    """
    n_series, n_new = values.shape
    scored = surprise.shape[1] > 0
    for t in range(n_new):
        for i in range(n_series):
            state, x = core[i], values[i, t]
            time = first + t + int(state[OFFSET])
            now = _shifted(season, second, time, 0, i, multiplicative)
            ahead = state[LEVEL] + damping * state[TREND]
            middle = ahead * now if multiplicative else ahead + now
            unit = now if multiplicative else 1.0
            known = state[KNOWN] >= LEAST_KNOWN
            if scored:
                expected[i, t] = middle if state[KNOWN] > 0.0 else np.nan
                lower[i, t], upper[i, t] = -np.inf, np.inf
                if known:
                    half = (
                        unit
                        * max(_scale(state, smoothing[i, 0]), LEAST_SCALE * abs(state[LEVEL]))
                        * band_edge(counts[i], tail)
                    )
                    lower[i, t], upper[i, t] = middle - half, middle + half
            if math.isnan(x):
                if scored:
                    surprise[i, t] = np.nan
                state[LEVEL] = ahead
                state[TREND] *= damping
                state[GAP] += 1.0
                continue
            if shift > 0 and known:
                _watch_shift(state, season, second, time, i, shift, x, multiplicative)
            size = _learn(
                state, season, visits, second, visits2, smoothing, time, i, x, ahead, now, damping, multiplicative, keep
            )
            rare = 0.0
            if known and counts.shape[1] > 0:
                rare = tail_surprise(counts[i], size)
                count(counts[i], size, 1.0 - 1.0 / memory, rare)
            if scored:
                surprise[i, t] = rare
            if len(criterion) > 0 and size >= 0.0:
                criterion[i] += min(abs(x - middle), 1e300)
