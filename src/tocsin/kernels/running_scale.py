"""Where a series is and how far it spreads, followed point by point: the units in which a network sees it.

    d = clip((v - centre) / scale, -4, 4),  a = 1 / min(n + 1, memory)
    centre += a scale d,   scale <- max(floor, scale sqrt(1 + a (d^2 - 1)))

Bounded innovations: one absurd point moves the centre by at most 4 a scale. A series that never moved has scale 0; its
first move becomes the scale.
"""

from __future__ import annotations

import math

from numba import njit

__all__ = ["FEW", "FLOOR", "ROUNDING", "follow_scale"]

FEW = 10
"""Fewer points say nothing of how far a series spreads, nor that it is constant."""
FARTHEST = 4.0
FLOOR = 1e-3
"""A scale does not fall below this share of the first one: a quiet stretch does not make rounding an event."""

ROUNDING = 1e-12
"""Of the centre: a constant series that is so little off has not moved, its numbers were summed in another order."""


@njit(cache=True, nogil=True, error_model="numpy")
def follow_scale(values, known, centre, scale, floor, memory, centres, scales):
    """The centre and scale before each point; the state is updated in place.

    Parameters
    ----------
    values : (n_series, n_times), NaN = missing: changes nothing
    known, centre, scale, floor : (n_series,), points seen so far and the state; updated
    memory : points that centre and scale are means of, in the long run
    centres, scales : (n_series, n_times), written; centre NaN: no point before; scale NaN: not known yet, 0: constant
    """
    for row in range(values.shape[0]):
        n, c, s, low = known[row], centre[row], scale[row], floor[row]
        for t in range(values.shape[1]):
            centres[row, t] = c if n > 0 else math.nan
            scales[row, t] = s if n >= FEW else math.nan
            value = values[row, t]
            if math.isnan(value):
                continue
            if n == 0:
                c = value
            elif s == 0.0:
                s = abs(value - c) if abs(value - c) > ROUNDING * abs(c) else 0.0
                low = FLOOR * s
            else:
                d = min(max((value - c) / s, -FARTHEST), FARTHEST)
                a = 1.0 / min(n + 1.0, memory)
                c += a * s * d
                s = max(low, s * math.sqrt(1.0 + a * (d * d - 1.0)))
            n += 1.0
        known[row], centre[row], scale[row], floor[row] = n, c, s, low
