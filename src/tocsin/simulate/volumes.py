"""How many records sellers have a day.

A seller's mean is log-normal over sellers (median 78, as of the 2,000 shops of a public payment data set); its level
wanders around it (AR(1) of the log, standard deviation 0.25, 0.97 from day to day), single days differ by 0.15 more;
weekends have 1.5 times the records on average, sellers differing; some days are holidays for all, up or down; one
seller in ten is closed one day of the week, every seller now and then. Given all that, records are Poisson.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, NotEnoughData

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MEDIAN_VOLUME", "read_volumes", "simulate_volumes"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MEDIAN_VOLUME = 78.0
_SELLER_SIGMA = 0.7
_LEVEL_SD, _LEVEL_MEMORY, _DAY_SD = 0.25, 0.97, 0.15
_WEEKEND_FACTOR, _WEEKEND_SD = 1.5, 0.2
_HOLIDAY_SHARE, _HOLIDAY_SD, _HOLIDAY_SELLER_SD = 0.03, 0.3, 0.2
_REST_DAY_SHARE, _CLOSED_SHARE = 0.1, 0.003


def simulate_volumes(
    n_sellers: int,
    n_days: int,
    start: date,
    chance: np.random.Generator,
    *,
    means: npt.ArrayLike | None = None,
    rest_days: bool = True,
) -> Ints:
    """(n_sellers, n_days) records a day; 0 = closed.

    Parameters
    ----------
    start : date
        The first day, for the weekdays.
    chance : numpy.random.Generator
    means : (n_sellers,), optional
        The sellers' records a day, in the median; drawn if not given.
    rest_days : bool
        Whether some sellers are closed one day of the week.

    Raises
    ------
    InputError
        No seller, no day, means that are not above 0.
    """
    if min(n_sellers, n_days) < 1:
        raise InputError("The numbers of sellers and days", allowed="1 or more", got=(n_sellers, n_days))
    drawn = chance.lognormal(np.log(MEDIAN_VOLUME), _SELLER_SIGMA, n_sellers)
    mean = drawn if means is None else np.asarray(means, dtype=float)
    if mean.shape != (n_sellers,) or not ((mean > 0) & (mean <= 1e5)).all():
        raise InputError("Records a day", allowed=f"{n_sellers:,} numbers above 0 to 100,000", got=mean)
    weekday = (start.weekday() + np.arange(n_days)) % 7
    weekend = np.log(_WEEKEND_FACTOR) + _WEEKEND_SD * chance.normal(size=(n_sellers, 1))
    logs = np.log(mean)[:, None] + weekend * ((weekday >= 5) - 2 / 7)
    logs += _wander(chance, n_sellers, n_days) + _DAY_SD * chance.normal(size=(n_sellers, n_days))
    is_holiday = chance.random(n_days) < _HOLIDAY_SHARE
    common = _HOLIDAY_SD * chance.normal(size=n_days)
    logs += is_holiday * (common + _HOLIDAY_SELLER_SD * chance.normal(size=(n_sellers, n_days)))
    rest_day = np.where(rest_days & (chance.random(n_sellers) < _REST_DAY_SHARE), chance.integers(0, 7, n_sellers), -1)
    is_closed = (weekday == rest_day[:, None]) | (chance.random((n_sellers, n_days)) < _CLOSED_SHARE)
    return np.where(is_closed, 0, chance.poisson(np.exp(logs))).astype(np.int64)


def _wander(chance: np.random.Generator, n_sellers: int, n_days: int) -> Floats:
    level = np.empty((n_sellers, n_days))
    level[:, 0] = _LEVEL_SD * chance.normal(size=n_sellers)
    step = _LEVEL_SD * np.sqrt(1 - _LEVEL_MEMORY**2)
    for day in range(1, n_days):
        level[:, day] = _LEVEL_MEMORY * level[:, day - 1] + step * chance.normal(size=n_sellers)
    return level


def read_volumes(
    table: pd.DataFrame, *, entity: str = "shop_id", date: str = "date", count: str = "count"
) -> tuple[list[str], pd.DatetimeIndex, Ints]:
    """Names (sorted), days (every calendar day, UTC) and (n_sellers, n_days) counts of a long table of daily counts.

    Rows of the same seller and day are added up; a day without a row is 0.

    Raises
    ------
    InputError
        A column that is not there, counts that are negative or no whole numbers, dates that are none.
    NotEnoughData
        No row.
    """
    import pandas as pd

    from tocsin.simulate.farm_table import checked_column

    named = {name: checked_column(table, name) for name in (entity, date, count)}
    if not len(table):
        raise NotEnoughData("A table of daily volumes", allowed="at least one row", got=0)
    days = pd.to_datetime(named[date], utc=True, errors="coerce", format="ISO8601").dt.normalize()
    counts = pd.to_numeric(named[count], errors="coerce")
    bad = days.isna() | counts.isna() | named[entity].isna() | (counts < 0) | (counts != np.floor(counts))
    if bad.any():
        row = table[[entity, date, count]][bad.to_numpy()].iloc[0].tolist()
        raise InputError("A row of daily volumes", allowed="a name, a date and a whole number of 0 or more", got=row)
    long = pd.DataFrame({"entity": named[entity].astype(str), "day": days, "count": counts.astype("int64")})
    wide = long.pivot_table(index="entity", columns="day", values="count", aggfunc="sum", fill_value=0)
    every_day = pd.date_range(wide.columns[0], wide.columns[-1], freq="D")
    wide = wide.reindex(columns=every_day, fill_value=0)
    return [str(name) for name in wide.index], every_day, wide.to_numpy().astype(np.int64)
