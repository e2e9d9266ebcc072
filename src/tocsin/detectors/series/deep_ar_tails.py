"""How rare errors of DeepAR's forecasts are, series by series: the network's spread may be wrong for one of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import beta

from tocsin.kernels.error_tails import BELIEF, judge_errors
from tocsin.kernels.running_mean import ABSOLUTE
from tocsin.kernels.tail_counts import N_BINS
from tocsin.model import Bools, Floats

__all__ = ["TAILS", "begin_tails", "judge", "spread"]

MEAN_MEMORY = 200
"""Errors, at least, or those of a season if that is more, that the unit of a series is a mean of."""
MEMORY = 20_000
"""Errors that say how rare one is."""
TAILS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "n_errors": (np.float64, (-1,)),
    "mean_error": (np.float64, (-1,)),
    "wide_error": (np.float64, (-1,)),
    "counts": (np.float64, (-1, N_BINS)),
}
"""What is known of each series' errors, see `judge_errors`; types and shapes as for `read_state`."""


def spread(sigma: Floats, nu: Floats) -> Floats:
    """ABSOLUTE mean absolute deviations of Student's t: how large errors are by what the network claims; nu > 1.

    E|T| = 2 sqrt(nu) / ((nu - 1) B(nu / 2, 1 / 2)).
    """
    claimed: Floats = sigma * (ABSOLUTE * 2.0 * np.sqrt(nu) / ((nu - 1.0) * beta(0.5 * nu, 0.5)))
    return claimed


def begin_tails(sizes: Floats, learned: Bools, season: int | None) -> tuple[Floats, ...]:
    """Learn the errors of a history, each by the means of all: the means first, then how errors are distributed.

    Parameters
    ----------
    sizes, learned : (n_series, n_times), see `judge_errors`
    season : points, None: none

    Returns
    -------
    As in TAILS.
    """
    n_series = len(sizes)
    n_errors, mean, wide = np.full(n_series, BELIEF), np.ones(n_series), np.ones(n_series)
    counts, nothing = np.zeros((n_series, N_BINS)), np.empty((n_series, 0))
    memories = _longest(season), float(MEMORY)
    judge_errors(sizes, learned, n_errors, mean, wide, nothing, *memories, 0.5, nothing, nothing)
    known = n_errors.copy()
    judge_errors(sizes, learned, n_errors, mean, wide, counts, *memories, 0.5, nothing, nothing)
    return known, mean, wide, counts


def judge(
    sizes: Floats, learned: Bools, tails: tuple[Floats, ...], season: int | None, level: float
) -> tuple[Floats, Floats]:
    """Surprises of errors, and the size that a share `level` of them stays below; each (n_series, n_new).

    The tails learn the errors, in place.
    """
    surprise, edge = np.empty_like(sizes), np.empty_like(sizes)
    judge_errors(sizes, learned, *tails, _longest(season), float(MEMORY), 1.0 - level, surprise, edge)
    return surprise, edge


def _longest(season: int | None) -> float:
    return float(max(MEAN_MEMORY, season or 0))
