"""Where exponential smoothing begins, and with which smoothing it forecasts a history best.

The season begins as the median over the first cycles of what is left when the level is taken away, a line through the
medians of the cycles. Smoothing is searched one coordinate at a time over grids for the least sum of absolute errors of
the forecasts one point ahead, which outliers hardly move.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.holt_winters import KNOWN, LEAST_FACTOR, LEVEL, MOST_VISITS, SCALE, WIDE, run_holt_winters
from tocsin.kernels.running_mean import begin_scale

__all__ = ["START", "begin_season", "first_cycles", "search_smoothing"]

LEVELS = np.array([0.01, 0.03, 0.06, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
TRENDS = np.array([0.0, 0.01, 0.05, 0.2])
SEASONS = np.array([0.05, 0.1, 0.2, 0.35, 0.5])
"""A season is never learned so slowly that it could not change."""
MARGIN = 0.05
"""The slower of two is taken unless the other forecasts better by so much: it remembers longer what an anomaly is."""
START = np.array([0.2, 0.0, 0.1, 0.1])
"""Where the search begins, and ends where the history is too short."""


@njit(cache=True, nogil=True, error_model="numpy")
def first_cycles(n_times, season):
    """How many cycles the season begins with: half of those known, two at least."""
    n_cycles = n_times // season
    return min(max(n_cycles // 2, 2), n_cycles)


@njit(cache=True, nogil=True, error_model="numpy")
def _median(values):
    known = values[~np.isnan(values)]
    return np.median(known) if len(known) > 0 else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _levels(values, season, n_cycles):
    """(n_cycles * season,) a line through the medians of the cycles; a cycle without points is as the one before."""
    centres = np.empty(n_cycles)
    for c in range(n_cycles):
        centres[c] = _median(values[c * season : (c + 1) * season])
    for c in range(1, n_cycles):
        if math.isnan(centres[c]):
            centres[c] = centres[c - 1]
    for c in range(n_cycles - 2, -1, -1):
        if math.isnan(centres[c]):
            centres[c] = centres[c + 1]
    levels = np.empty(n_cycles * season)
    for t in range(n_cycles * season):
        place = (t - 0.5 * (season - 1)) / season
        c = min(max(math.floor(place), 0), n_cycles - 2) if n_cycles > 1 else 0
        slope = centres[c + 1] - centres[c] if n_cycles > 1 else 0.0
        levels[t] = centres[c] + slope * (place - c)
    return levels


@njit(cache=True, nogil=True, error_model="numpy")
def _fill(profile):
    """Phases that were never seen, on the line between their neighbours around the cycle."""
    n = len(profile)
    for phase in range(n):
        if not math.isnan(profile[phase]):
            continue
        before, after = 1, 1
        while before < n and math.isnan(profile[phase - before]):
            before += 1
        while after < n and math.isnan(profile[(phase + after) % n]):
            after += 1
        if before < n and after < n:
            left, right = profile[phase - before], profile[(phase + after) % n]
            profile[phase] = left + (right - left) * before / (before + after)


@njit(cache=True, nogil=True, error_model="numpy")
def _profile(rest, season, n_cycles, neutral):
    """The median of each phase, less (or over) the mean of them; how often each was seen; and that mean."""
    profile, visits = np.empty(season), np.zeros(season, np.int8)
    for phase in range(season):
        found = rest[phase : n_cycles * season : season]
        profile[phase] = _median(found)
        visits[phase] = min(np.sum(~np.isnan(found)), MOST_VISITS)
    _fill(profile)
    if math.isnan(profile[0]):
        profile[:] = neutral
        return profile, visits, neutral
    middle = np.mean(profile)
    for phase in range(season):
        profile[phase] = max(profile[phase] / middle, LEAST_FACTOR) if neutral > 0.0 else profile[phase] - middle
    return profile, visits, middle


@njit(cache=True, nogil=True, error_model="numpy")
def begin_season(history, core, season, visits, second, visits2, multiplicative):
    """Begin at the first point: fills level, scale and seasons of each series as far as whole cycles are known.

    Parameters and symbols as in `run_holt_winters`; all states neutral (0, factors 1).
    """
    n_series, n_times = history.shape
    longest = max(season.shape[0], second.shape[0])
    shortest = season.shape[0] if season.shape[0] > 0 else second.shape[0]
    if shortest == 0 or n_times < shortest:
        return
    neutral = 1.0 if multiplicative else 0.0
    n_used = first_cycles(n_times, longest if n_times >= longest else shortest)
    n_used *= longest if n_times >= longest else shortest
    for i in range(n_series):
        levels = _levels(history[i], shortest, n_used // shortest)
        if math.isnan(levels[0]):
            continue
        rest = np.full(n_used, np.nan)
        for t in range(len(levels)):
            if not multiplicative:
                rest[t] = history[i, t] - levels[t]
            elif levels[t] != 0.0:
                rest[t] = history[i, t] / levels[t]
        for profile, seen in ((season, visits), (second, visits2)):
            length = profile.shape[0]
            if length > 0 and n_used >= length:
                profile[:, i], seen[:, i], middle = _profile(rest, length, n_used // length, neutral)
                for t in range(n_used):
                    part = profile[t % length, i]
                    rest[t] = rest[t] / (part * middle) if multiplicative else rest[t] - part - middle
                    levels[t] = levels[t] * middle if multiplicative else levels[t] + middle
        left = np.abs((rest - 1.0) * levels if multiplicative else rest)
        left = left[~np.isnan(left)]
        if len(left) > 0:
            core[i, LEVEL], core[i, KNOWN] = levels[0], len(left)
            core[i, SCALE], core[i, WIDE] = begin_scale(left)


@njit(cache=True, nogil=True, error_model="numpy")
def _cost(
    before, after, core, season, visits, second, visits2, smoothing, damping, multiplicative, keep, none
):  # fmt: skip
    """Sum of the absolute errors of one series in `after`, from a copy of its state, that first learns `before`."""
    core, season, visits, second, visits2 = core.copy(), season.copy(), visits.copy(), second.copy(), visits2.copy()
    total, no_total, counts = np.zeros(1), np.empty(0), np.empty((1, 0))
    run_holt_winters(
        before, 0, core, season, visits, second, visits2, counts, smoothing, damping, multiplicative, 0,
        keep, 1.0, 0.01, none, none, none, none, no_total,
    )  # fmt: skip
    run_holt_winters(
        after, before.shape[1], core, season, visits, second, visits2, counts, smoothing, damping, multiplicative,
        0, keep, 1.0, 0.01, none, none, none, none, total,
    )  # fmt: skip
    return total[0]


@njit(cache=True, nogil=True, error_model="numpy")
def search_smoothing(
    history, skipped, core, season, visits, second, visits2, smoothing, damping, multiplicative, keep
):  # fmt: skip
    """Fill `smoothing` (n_series, 4) with what forecasts each history best after its first `skipped` points.

    The states are those of `begin_season`; they are not changed.
    """
    none = np.empty((1, 0))
    for i in range(len(history)):
        before, after = history[i : i + 1, :skipped].copy(), history[i : i + 1, skipped:].copy()
        mine = core[i : i + 1].copy()
        own, own_visits = season[:, i : i + 1].copy(), visits[:, i : i + 1].copy()
        other, other_visits = second[:, i : i + 1].copy(), visits2[:, i : i + 1].copy()
        chosen = START.copy().reshape(1, 4)
        least = np.inf
        for place in (0, 2, 3, 1, 0, 2, 3):
            if (place == 2 and season.shape[0] == 0) or (place == 3 and second.shape[0] == 0):
                continue
            grid = LEVELS if place == 0 else (TRENDS if place == 1 else SEASONS)
            best = chosen[0, place]
            for value in grid:
                if value == best and least < np.inf:  # known
                    continue
                tried = chosen.copy()
                tried[0, place] = value
                cost = _cost(
                    before, after, mine, own, own_visits, other, other_visits, tried, damping, multiplicative, keep,
                    none,
                )  # fmt: skip
                if cost < least * (1.0 + (MARGIN if value < best else -MARGIN)):
                    least, best = cost, value
            chosen[0, place] = best
        smoothing[i] = chosen[0]
