"""The same entities under attacks of every kind and magnitude: simulated sellers, or those of one's own records."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import NotEnoughData
from tocsin.evaluate import BANDS, Trial, volume_bands
from tocsin.farming.trials import EVIDENCE_DAYS, attacked
from tocsin.simulate import count_spans, honest_counts, simulate_volumes, usual_volumes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["own_draw", "simulated_draw"]

Ints = npt.NDArray[np.int64]
Draw = Callable[[str, float], Trial]
"""Kind and magnitude to a trial."""


def simulated_draw(*, n_a_band: int = 40, n_days: int = 90, alpha: float = 0.1, seed: int = 0) -> tuple[Draw, Ints]:
    """Attacks on simulated sellers of 30 to 3,000 records a day, and the sellers' bands, for `measure_power`."""
    import pandas as pd

    chance = np.random.default_rng([seed, 7])
    means = np.repeat(np.array(BANDS, dtype=float), n_a_band)
    volumes = simulate_volumes(len(means), n_days, date(2026, 1, 5), chance, means=means)
    honest = honest_counts(volumes, chance, shape_spread=0.3)
    days = pd.date_range("2026-01-05", periods=n_days, freq="D", tz="UTC")
    return _draw(days, honest, alpha, seed), np.repeat(np.arange(len(BANDS)), n_a_band)


def own_draw(
    table: pd.DataFrame,
    *,
    entity: str,
    time: str,
    timezone: str = "UTC",
    n_a_band: int = 40,
    alpha: float = 0.1,
    seed: int = 0,
) -> tuple[Draw, Ints]:
    """Attacks on the entities of one's own records, at most so many of each volume, for `measure_power`.

    Raises
    ------
    InputError
        A column or time zone that is none.
    NotEnoughData
        Fewer than 40 days, no entity with 16 records a day.
    """
    medians = usual_volumes(table, entity=entity, time=time, timezone=timezone)
    bands = volume_bands(medians.to_numpy())
    if not (bands >= 0).any():
        raise NotEnoughData("Entities to attack", allowed="a median of 16 to 5,477 records a day", got=len(bands))
    order = np.random.default_rng([seed, 11]).permutation(len(bands))
    kept = np.sort(np.concatenate([order[bands[order] == band][:n_a_band] for band in range(len(BANDS))]))
    theirs = table[table[entity].isin(medians.index[kept])]
    days, honest = count_spans(theirs, entity=entity, time=time, timezone=timezone)
    if len(days) < EVIDENCE_DAYS + 10:
        raise NotEnoughData("Days of the records", allowed=f"{EVIDENCE_DAYS + 10} or more", got=len(days))
    return _draw(days, honest, alpha, seed), bands[kept]


def _draw(days: pd.DatetimeIndex, honest: npt.NDArray[np.integer[Any]], alpha: float, seed: int) -> Draw:
    """The same days are farmed whatever the kind and magnitude, so that curves differ by these alone."""

    def draw(kind: str, magnitude: float) -> Trial:
        chance = np.random.default_rng([seed, 13])
        return attacked("power", days, honest, [(kind, magnitude)] * len(honest), alpha, chance)

    return draw
