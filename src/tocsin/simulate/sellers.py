"""Sellers whose days have a shape, some of them farmed: data with known truth for the collections lens.

The records of a day fall into hours as on the one hourly day that the click-farming paper prints (shop 1629, its F; a
seller may have its own variant of it). Each day's shape is Dirichlet with concentration 1,000 around a mean that drifts
slowly; within an hour times are uniform. How many records a day has is given, or simulated (`simulate_volumes`). Source
of the setting: the concentration was fitted to the paper's tables, it is not observed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tocsin.detectors.collections.farm import DAY_SECONDS, KINDS, Farm, farm_counts
from tocsin.errors import InputError
from tocsin.simulate.volumes import simulate_volumes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HOURS_OF_A_DAY", "N_FINE", "Sellers", "honest_counts", "hourly", "simulate_sellers", "spell_out"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

HOURS_OF_A_DAY = np.array([0, 0, 0, 0, 0, 0, 0, 1, 13, 30, 37, 68, 60, 66, 72, 94, 75, 113, 127, 182, 165, 61, 0, 0])
"""Payments of shop 1629 by hour on 2015-11-16, as the paper prints them."""
N_FINE = 288
"""Spans of 300 s of a day."""
CONCENTRATION = 1_000.0
MAX_VOLUME = 10_000_000
_DRIFT = 0.08
_A_TIME = 64


@dataclass(frozen=True, slots=True, eq=False)
class Sellers:
    """Simulated sellers.

    Attributes
    ----------
    names : tuple of str
    periods : pandas.DatetimeIndex
        (n_days,) midnights, UTC.
    honest : (n_sellers, n_days, 288) int32
        Honest records a span of 300 s.
    fine : (n_sellers, n_days, 288) int32
        With the fakes.
    farmed : (n_sellers, n_days) bool
    farms : tuple of Farm
        Who farms each seller's farmed days.
    """

    names: tuple[str, ...]
    periods: pd.DatetimeIndex
    honest: npt.NDArray[np.int32]
    fine: npt.NDArray[np.int32]
    farmed: Bools
    farms: tuple[Farm, ...]

    @property
    def counts(self) -> Ints:
        """(n_sellers, n_days, 24) records an hour, with the fakes."""
        return hourly(self.fine)


def hourly(fine: npt.NDArray[np.integer]) -> Ints:
    """(..., 288) counts of 300 s to (..., 24) counts of an hour."""
    by_hour = fine.reshape(*fine.shape[:-1], 24, fine.shape[-1] // 24)
    return np.asarray(by_hour.sum(axis=-1, dtype=np.int64))


def simulate_sellers(
    n_sellers: int = 200,
    n_days: int = 120,
    *,
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC),
    volumes: npt.ArrayLike | None = None,
    names: Sequence[str] | None = None,
    farms: Sequence[Farm] | None = None,
    alpha: float = 0.1,
    evidence_days: int = 30,
    shape_spread: float = 0.3,
    concentration: float = CONCENTRATION,
    random_state: int | Sequence[int] = 0,
) -> Sellers:
    """Simulate sellers and farm a share of their days.

    Parameters
    ----------
    n_sellers, n_days : int
        Without `volumes`: how many.
    start : datetime
        The first day; its date counts.
    volumes : (n_sellers, n_days) integers, optional
        Honest records a day; 0 = closed. Simulated if not given.
    names : sequence of str, optional
    farms : sequence of Farm, optional
        Sellers take them in turn; the three kinds at magnitude 1 if not given.
    alpha : float
        0 to 1: chance that an open day is farmed.
    evidence_days : int
        So many first days are never farmed.
    shape_spread : float
        Standard deviation of the log by which a seller's mean hours differ from the paper's F; 0 = all alike.
    concentration : float
        Of the Dirichlet of a day's shape: the higher, the more alike the days.
    random_state : int or ints
        The same number gives the same sellers.

    Raises
    ------
    InputError
        Sizes, shares or volumes out of range.

    Examples
    --------
    >>> sellers = simulate_sellers(5, 40, random_state=1)
    >>> sellers.counts.shape, bool(sellers.farmed[:, :30].any())
    ((5, 40, 24), False)
    """
    import pandas as pd

    chance = np.random.default_rng(random_state)
    if not 0 <= alpha <= 1:
        raise InputError("The share of farmed days", allowed="0 to 1", got=alpha)
    if volumes is None:
        daily = simulate_volumes(n_sellers, n_days, start.date(), chance)
    else:
        daily = _checked_volumes(volumes)
        n_sellers, n_days = daily.shape
    called = tuple(names) if names is not None else tuple(f"seller {number + 1}" for number in range(n_sellers))
    taken = farms or tuple(Farm(kind) for kind in KINDS)
    of_sellers = tuple(taken[number % len(taken)] for number in range(n_sellers))
    if len(set(called)) != n_sellers:
        raise InputError("The names of sellers", allowed=f"{n_sellers:,} different ones", got=called)
    honest = honest_counts(daily, chance, shape_spread=shape_spread, concentration=concentration)
    farmed = (daily > 0) & (chance.random(daily.shape) < alpha)
    farmed[:, :evidence_days] = False
    fine = np.empty_like(honest)
    for number, farm in enumerate(taken):
        mine = slice(number, None, len(taken))
        fine[mine] = farm_counts(chance, honest[mine], farmed[mine], farm)
    periods = pd.date_range(_midnight(start.date()), periods=n_days, freq="D")
    return Sellers(called, periods, honest, fine, farmed, of_sellers)


def honest_counts(
    volumes: Ints,
    chance: np.random.Generator,
    *,
    shape_spread: float = 0.0,
    concentration: float = CONCENTRATION,
) -> npt.NDArray[np.int32]:
    """(n_sellers, n_days, 288) honest records a span of 300 s for (n_sellers, n_days) records a day."""
    n_sellers, n_days = volumes.shape
    fine = np.empty((n_sellers, n_days, N_FINE), dtype=np.int32)
    per_hour = np.full(N_FINE // 24, 24 / N_FINE)
    for first in range(0, n_sellers, _A_TIME):  # pieces: the shapes are eight times as large as the counts
        some = slice(first, first + _A_TIME)
        of_some = volumes[some]
        shape = (len(of_some), n_days, 24)
        log_mean = shape_spread * chance.normal(size=(len(of_some), 1, 24))
        log_mean = log_mean + np.cumsum(chance.normal(0, _DRIFT / np.sqrt(n_days), shape), axis=1)
        mean = HOURS_OF_A_DAY * np.exp(log_mean)
        weights = chance.standard_gamma(concentration * mean / mean.sum(axis=2, keepdims=True))
        by_hour = chance.multinomial(of_some, weights / weights.sum(axis=2, keepdims=True))
        fine[some] = chance.multinomial(by_hour, per_hour).reshape(*shape[:2], N_FINE)
    return fine


def spell_out(fine: npt.NDArray[np.integer], chance: np.random.Generator) -> tuple[Ints, Floats]:
    """Every record of (n_collections, n_spans) counts: its collection and time of day in seconds, ordered by both."""
    n_collections, n_spans = fine.shape
    cell = np.repeat(np.arange(n_collections * n_spans), fine.ravel())
    seconds = (cell % n_spans + chance.random(len(cell))) * (DAY_SECONDS / n_spans)
    order = np.lexsort((seconds, cell // n_spans))
    return (cell // n_spans)[order], seconds[order]


def _checked_volumes(volumes: npt.ArrayLike) -> Ints:
    daily = np.asarray(volumes)
    if daily.ndim != 2 or not daily.size or daily.min() < 0 or daily.max() > MAX_VOLUME:
        raise InputError("Records a day", allowed="(n_sellers, n_days) whole numbers of 0 to 10^7", got=daily)
    return daily.astype(np.int64)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
