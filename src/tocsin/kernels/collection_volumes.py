"""How many records an entity is expected to have, from its past volumes and the days of the week.

The level is an exponentially weighted mean of ln(records) without the effects of its day of the week; both are
fitted in turn, and what lies far off counts less (Huber). Ages are counted in collections, not in days, so that a
closed month or a farmed week does not age what is known.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from tocsin.kernels.selection import median_in_place
from tocsin.kernels.student_t import t_upper_tail

__all__ = ["N_PHASES", "forecast_volumes", "volume_tails"]

N_PHASES = 7
LEVEL_HALF_LIFE, PHASE_HALF_LIFE = 10.0, 40.0
"""In collections."""
N_ROUNDS = 2
HUBER = 1.5
PHASE_PULL = 0.5
"""Collections' worth of its peers' effect that each day of the week starts from."""
LEVEL_DOUBT = 0.15
"""Share of the day-to-day variance by which the level itself may have moved since yesterday."""


@njit(cache=True, nogil=True, error_model="numpy")
def forecast_volumes(volumes, phases, counts, head, peer_effects, usual_sd, usual_weight):
    """Foretell ln(records) of each entity's next collection.

    Parameters
    ----------
    volumes : (n, n_slots) float32, ln(records) of past collections on the present level
    phases : (n, n_slots) uint8, day of the week
    counts : (n, n_slots) bool, slots that hold evidence
    head : (n,) the slot that the next collection would take: the newest is the one before
    peer_effects : (7,) effects of the days of the week among all entities
    usual_sd, usual_weight : float
        Day-to-day standard deviation of ln(records) among all entities, and how many collections it is worth.

    Returns
    -------
    level : (n,) expected ln(records) without the day of the week; NaN without evidence
    effects : (n, 7) to add to it
    own_sd : (n,) day-to-day standard deviation beyond what counting gives, of the entity alone
    spread : (n,) the same for the next collection: shrunk to the usual one, with the doubt about the level
    """
    n, n_slots = volumes.shape
    level, own_sd, spread = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    effects = np.zeros((n, N_PHASES))
    x, phase = np.empty(n_slots), np.empty(n_slots, np.int64)
    recent, long_run, trust, buffer = np.empty(n_slots), np.empty(n_slots), np.empty(n_slots), np.empty(n_slots)
    level_decay, phase_decay = 0.5 ** (1.0 / LEVEL_HALF_LIFE), 0.5 ** (1.0 / PHASE_HALF_LIFE)
    sums, totals = np.empty(N_PHASES), np.empty(N_PHASES)
    for i in range(n):
        known, of_level, of_phase = 0, 1.0, 1.0
        slot = np.int64(head[i])
        for _ in range(n_slots):
            slot = slot - 1 if slot else n_slots - 1
            if counts[i, slot]:
                x[known], phase[known] = volumes[i, slot], phases[i, slot]
                recent[known], long_run[known], trust[known] = of_level, of_phase, 1.0
                of_level *= level_decay
                of_phase *= phase_decay
                known += 1
        if known == 0:
            continue
        total, whole = 0.0, 0.0
        for k in range(known):
            total += recent[k] * x[k]
            whole += recent[k]
        middle, own, noise = total / whole, 0.0, 0.0
        for _ in range(N_ROUNDS):
            for d in range(N_PHASES):
                sums[d], totals[d] = PHASE_PULL * peer_effects[d], PHASE_PULL
            for k in range(known):
                w = long_run[k] * trust[k]
                sums[phase[k]] += w * (x[k] - middle)
                totals[phase[k]] += w
            for d in range(N_PHASES):
                effects[i, d] = sums[d] / totals[d]
            total, whole = 0.0, 0.0
            for k in range(known):
                w = recent[k] * trust[k]
                total += w * (x[k] - effects[i, phase[k]])
                whole += w
            middle = total / whole
            for k in range(known):
                buffer[k] = abs(x[k] - effects[i, phase[k]] - middle)
            noise = math.exp(-middle)
            scale = max(1.4826 * median_in_place(buffer, known), 0.05)
            own = max(scale * scale - noise, 0.0)
            scale = math.sqrt((usual_weight * usual_sd**2 + known * own) / (usual_weight + known) + noise)
            for k in range(known):
                off = abs(x[k] - effects[i, phase[k]] - middle)
                trust[k] = min(1.0, HUBER * scale / max(off, 1e-9))
        whole, squares = 0.0, 0.0
        for k in range(known):
            w = recent[k] * trust[k]
            whole += w
            squares += w * w
        n_level = max(whole * whole / squares, 1.0)
        variance = (usual_weight * usual_sd**2 + known * own) / (usual_weight + known)
        level[i], own_sd[i] = middle, math.sqrt(own)
        spread[i] = math.sqrt(variance * (1.0 + 1.0 / n_level + LEVEL_DOUBT) + noise * (1.0 / n_level + LEVEL_DOUBT))
    return level, effects, own_sd, spread


@njit(cache=True, nogil=True, error_model="numpy")
def volume_tails(records, level, effects, spread, phase, factor, odd_day, df):
    """Chance of at least so many records.

    On the scale (2 / s) asinh(s sqrt(x)), where counting noise and a day-to-day deviation s of the logarithm together
    have variance 1. With the chance `odd_day` the day is like another day of the week: a holiday, a bridge day.

    Parameters
    ----------
    records : (n,)
    level, effects, spread : what `forecast_volumes` gives
    phase : int, the day of the week
    factor : float, ln of what all entities share today
    odd_day : float, 0 to 1
    df : int, odd, of Student's t

    Returns
    -------
    (n,) NaN where nothing is expected
    """
    n = len(records)
    result = np.full(n, np.nan)
    for i in range(n):
        if math.isnan(level[i]):
            continue
        s = max(spread[i], 1e-3)
        here = math.asinh(s * math.sqrt(records[i] + 0.375))
        total = 0.0
        for d in range(N_PHASES):
            share = 1.0 - odd_day if d == phase else odd_day / (N_PHASES - 1)
            foretold = math.exp(0.5 * (level[i] + effects[i, d] + factor))
            total += share * t_upper_tail(2.0 / s * (here - math.asinh(s * foretold)), df)
        result[i] = min(total, 1.0)
    return result
