"""What DeepAR's network is given at a point, from what was known before it; everything in units of the series' scale.

0                  asinh of the last point, 0 if it is missing
1                  whether the last point was observed
2                  asinh of the point a season ago (what was expected there if it is missing), 0 without one
3 ...              sine and cosine of the first harmonics of the season, then of the second season
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.kernels.running_scale import ROUNDING
from tocsin.model import Floats

__all__ = ["Inputs", "calendar", "make_inputs", "n_inputs", "scaled"]

N_HARMONICS = 4
FAR = 50.0
"""How many scales out the first move of a constant series is said to be."""


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """features (n, k, n_inputs) of the network, lags (n, k, 2): the last point and that a season ago, not squashed."""

    features: Floats
    lags: Floats


def n_inputs(*seasons: int | None) -> int:
    return 3 + 2 * N_HARMONICS * sum(season is not None for season in seasons)


def scaled(values: Floats, centres: Floats, scales: Floats) -> Floats:
    """Distances from the centre in scales; 0 where the scale is not known, +-FAR off a constant, NaN where missing."""
    distance = values - centres
    with np.errstate(divide="ignore", invalid="ignore"):
        moved = np.where(np.abs(distance) > ROUNDING * np.abs(centres), np.sign(distance), 0.0 * distance)
        result: Floats = np.where(scales > 0.0, distance / scales, FAR * moved)
    unknown = np.isnan(scales) & ~np.isnan(values)
    result[unknown] = 0.0
    return result


def calendar(first: int, n_times: int, *seasons: int | None) -> Floats:
    """(n_times, 2 N_HARMONICS a season): where in its seasons each point is, the first being point `first`."""
    columns = []
    for season in seasons:
        if season is not None:
            turn = 2.0 * np.pi * (np.arange(first, first + n_times) % season) / season
            for harmonic in range(1, N_HARMONICS + 1):
                columns += [np.sin(harmonic * turn), np.cos(harmonic * turn)]
    return np.stack(columns, axis=1) if columns else np.empty((n_times, 0))


def make_inputs(last: Floats, season_ago: Floats, places: Floats) -> Inputs:
    """The network's inputs from scaled values (n, k), NaN = missing, and the places (n or 1, k, ...) of `calendar`."""
    observed = ~np.isnan(last)
    lags = np.stack([np.where(observed, last, 0.0), np.nan_to_num(season_ago, nan=0.0)], axis=2)
    squashed = np.arcsinh(lags)
    places = np.broadcast_to(places, (len(last), *places.shape[1:]))
    features = np.concatenate([squashed[..., :1], observed[..., None], squashed[..., 1:], places], axis=2)
    return Inputs(features, lags)
