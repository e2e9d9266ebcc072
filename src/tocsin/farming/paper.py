"""The seller of the click-farming paper: real daily volumes where given, the shape of its one printed day."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData, nearest
from tocsin.evaluate import PaperSeller
from tocsin.simulate import Farm, draw_fakes, honest_counts, read_volumes, simulate_volumes, spell_out

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["paper_sellers", "volumes_of_shop"]

Ints = npt.NDArray[np.int64]

DAY_SECONDS = 86_400
PAPER_DAYS, EVIDENCE_DAYS = 325, 30
_LIKE_1629 = 1_984.0
"""Median payments a day of shop 1629."""
_LEAST_DAYS = EVIDENCE_DAYS + 30


def volumes_of_shop(table: pd.DataFrame | None, shop: str | None, seed: int = 0) -> tuple[pd.DatetimeIndex, Ints]:
    """Days and records a day of one shop, from its first to its last open day; simulated ones without a table.

    Raises
    ------
    InputError
        No such shop, none named.
    NotEnoughData
        Fewer than 60 open days.
    """
    import pandas as pd

    if table is None:
        chance = np.random.default_rng([seed, 1629])
        days = pd.date_range("2015-11-11", periods=356, freq="D", tz="UTC")
        volumes = simulate_volumes(1, len(days), date(2015, 11, 11), chance, means=[_LIKE_1629], rest_days=False)[0]
        return days, volumes
    names, days, volumes = read_volumes(table)
    if shop not in names:
        hint = nearest(shop, names) if shop else "name one with --shop"
        raise InputError("The shop", allowed=f"one of {len(names):,} in the table", got=shop, hint=hint)
    of_shop = volumes[names.index(shop)]
    is_open = np.flatnonzero(of_shop)
    if len(is_open) < _LEAST_DAYS:
        raise NotEnoughData(f"Open days of shop {shop}", allowed=f"{_LEAST_DAYS} or more", got=len(is_open))
    whole = slice(is_open[0], is_open[-1] + 1)
    return days[whole], of_shop[whole]


def paper_sellers(
    days: pd.DatetimeIndex, volumes: Ints, *, n_sellers: int = 4, seed: int = 0
) -> tuple[list[PaperSeller], pd.DatetimeIndex]:
    """Sellers with these volumes on the first 325 open days, for the protocol of the paper's section V."""
    is_open = np.flatnonzero(volumes)[:PAPER_DAYS]
    made = [_paper_seller(np.random.default_rng([seed, number, 5]), volumes[is_open]) for number in range(n_sellers)]
    return made, days[is_open]


def _paper_seller(chance: np.random.Generator, volumes: Ints) -> PaperSeller:
    day, seconds = spell_out(honest_counts(volumes[None], chance)[0], chance)
    n_days = len(volumes)
    by_day = np.split(seconds, np.cumsum(np.bincount(day, minlength=n_days))[:-1])[:EVIDENCE_DAYS]
    step = np.mean([0.5 * times.std() * len(times) ** -0.2 for times in by_day])  # eq. 6, c = .5
    n_bins = int(np.ceil(DAY_SECONDS / step))

    def counted(owner: npt.NDArray[Any], times: npt.NDArray[np.float64]) -> tuple[Ints, Ints]:
        return _histogram(owner, times, n_days, step, n_bins), _histogram(owner, times, n_days, 300.0, 288)

    farmed = {}
    for kind in ("centralised", "equalised"):
        fakes = draw_fakes(chance, day, seconds, np.ones(n_days, dtype=bool), Farm(kind, 1.0))
        owner, times = np.concatenate([day, day[fakes.source]]), np.concatenate([seconds, fakes.seconds])
        farmed[kind] = counted(owner, times)
    return PaperSeller(counted(day, seconds), farmed)


def _histogram(day: npt.NDArray[Any], seconds: npt.NDArray[np.float64], n_days: int, step: float, n_bins: int) -> Ints:
    cell = day * n_bins + np.minimum((seconds / step).astype(np.int64), n_bins - 1)
    return np.bincount(cell, minlength=n_days * n_bins).reshape(n_days, n_bins)
