"""Click farming in one's own records: fakes among them, and the truth apart.

"How small an attack on MY sellers would be seen?" needs attacks that are known. A fake is a copy of a record of the
same entity and day with another time (equalised: the same); which day an entity is farmed on is chance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.detectors.collections.farm import DAY_SECONDS, EQUALISED, Farm, draw_fakes
from tocsin.errors import InputError, NotEnoughData, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FarmedRecords", "checked_column", "count_spans", "farm_records", "usual_volumes"]

MAX_CELLS = 100_000_000
"""Entities x days x spans that are counted at once."""


@dataclass(frozen=True, slots=True, eq=False)
class FarmedRecords:
    """Records with fakes.

    Attributes
    ----------
    table : pandas.DataFrame
        All records, honest and fake, in order of time; those without entity or time come last.
    truth : pandas.DataFrame
        One row an entity and day with records: the entity's column, date (of the time zone), records (honest ones),
        fakes, farmed (bool).
    n_unusable : int
        Records without entity or without a time; kept as they are.
    """

    table: pd.DataFrame
    truth: pd.DataFrame
    n_unusable: int


def farm_records(
    table: pd.DataFrame,
    farm: Farm,
    *,
    entity: str,
    time: str,
    alpha: float = 0.1,
    timezone: str = "UTC",
    since: str | None = None,
    random_state: int = 0,
) -> FarmedRecords:
    """Farm a share of the days of every entity.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a record.
    farm : Farm
    entity, time : str
        Columns: whose record it is; when it was (timestamps, or ISO 8601 texts; UTC unless they carry a zone).
    alpha : float
        0 to 1: the chance that a day with records is farmed.
    timezone : str
        Days begin at midnight there.
    since : str, optional
        An ISO date: earlier days stay honest, as evidence.
    random_state : int
        The same number farms the same days in the same way.

    Returns
    -------
    FarmedRecords
        Its times are timestamps, in the zone that they came in.

    Raises
    ------
    InputError
        A column, time zone or date that is none, alpha out of range.
    NotEnoughData
        No record with both an entity and a time.

    Examples
    --------
    >>> import pandas as pd
    >>> own = pd.DataFrame({"seller": "a", "ts": pd.date_range("2026-01-05", periods=96, freq="30min")})
    >>> farmed = farm_records(own, Farm("equalised", 1.0), entity="seller", time="ts", alpha=1.0)
    >>> len(farmed.table), farmed.truth["fakes"].tolist()
    (192, [48, 48])
    """
    import pandas as pd

    if not 0 <= alpha <= 1:
        raise InputError("The share of farmed days", allowed="0 to 1", got=alpha)
    owners, moments = checked_column(table, entity), _moments(checked_column(table, time), time)
    is_usable = (owners.notna() & moments.notna()).to_numpy()
    if not is_usable.any():
        raise NotEnoughData("Records with an entity and a time", allowed="at least one", got=f"{len(table):,} without")
    usable = table[is_usable].reset_index(drop=True)
    kept = moments[is_usable].reset_index(drop=True)
    walls = _walls(kept, timezone)
    days = walls.dt.normalize()
    keys = pd.DataFrame({"entity": usable[entity], "date": days})
    collection = keys.groupby(["entity", "date"], sort=True, observed=True).ngroup().to_numpy()
    truth = keys.groupby(["entity", "date"], sort=True, observed=True).size().rename("records").reset_index()
    chance = np.random.default_rng(random_state)
    farmed = (chance.random(len(truth)) < alpha) & (truth["date"] >= _date(since, truth["date"])).to_numpy()
    seconds = (walls - days).dt.total_seconds().to_numpy()
    fakes = draw_fakes(chance, collection, seconds, farmed, farm)
    added = usable.iloc[fakes.source].reset_index(drop=True)
    times = kept.iloc[fakes.source].reset_index(drop=True)
    if farm.kind != EQUALISED:
        times = _on_the_clock(days.iloc[fakes.source].reset_index(drop=True), fakes.seconds, kept.dtype, timezone)
    whole = pd.concat([usable.assign(**{time: kept}), added.assign(**{time: times})], ignore_index=True)
    whole = whole.sort_values(time, kind="stable", ignore_index=True)
    left = table[~is_usable].assign(**{time: moments[~is_usable]})
    n_fakes = np.bincount(collection[fakes.source], minlength=len(truth))
    truth = truth.assign(fakes=n_fakes, farmed=farmed & (n_fakes > 0)).rename(columns={"entity": entity})
    return FarmedRecords(pd.concat([whole, left], ignore_index=True) if len(left) else whole, truth, len(left))


def usual_volumes(table: pd.DataFrame, *, entity: str, time: str, timezone: str = "UTC") -> pd.Series[Any]:
    """Median records a day of every entity, over the days on which it has any, in sorted order of the entities.

    Raises
    ------
    InputError
        A column or time zone that is none.
    """
    owners, moments = checked_column(table, entity), _moments(checked_column(table, time), time)
    is_usable = (owners.notna() & moments.notna()).to_numpy()
    days = _walls(moments[is_usable], timezone).dt.normalize()
    daily = days.groupby([owners[is_usable].rename("entity"), days.rename("day")], observed=True).size()
    medians: pd.Series[Any] = daily.groupby(level="entity", observed=True).median()
    return medians


def count_spans(
    table: pd.DataFrame, *, entity: str, time: str, timezone: str = "UTC", n_spans: int = 288
) -> tuple[pd.DatetimeIndex, npt.NDArray[np.int32]]:
    """Every calendar day from the first to the last, and (n_entities, n_days, n_spans) records by time of day there.

    Entities are in sorted order; records without entity or time do not count. A day of 23 or 25 hours fills the spans
    that the clock shows.

    Raises
    ------
    InputError
        A column or time zone that is none.
    NotEnoughData
        No record with both an entity and a time.
    """
    import pandas as pd

    owners, moments = checked_column(table, entity), _moments(checked_column(table, time), time)
    is_usable = (owners.notna() & moments.notna()).to_numpy()
    if not is_usable.any():
        raise NotEnoughData("Records with an entity and a time", allowed="at least one", got=f"{len(table):,} without")
    walls = _walls(moments[is_usable], timezone)
    codes, names = pd.factorize(owners[is_usable], sort=True)
    dates = walls.dt.normalize()
    first = dates.min()
    day = (dates - first).dt.days.to_numpy()
    span = ((walls - dates).dt.total_seconds().to_numpy() * (n_spans / DAY_SECONDS)).astype(np.int64)
    shape = (len(names), int(day.max()) + 1, n_spans)
    if np.prod(shape, dtype=float) > MAX_CELLS:
        hint = "fewer entities or days at a time"
        raise InputError("Entities x days", allowed=f"at most {MAX_CELLS // n_spans:,}", got=shape[:2], hint=hint)
    counts = np.bincount((codes * shape[1] + day) * n_spans + span, minlength=int(np.prod(shape)))
    return pd.date_range(first, periods=shape[1], freq="D", tz="UTC"), counts.reshape(shape).astype(np.int32)


def checked_column(table: pd.DataFrame, name: str) -> pd.Series[Any]:
    """A column, or an error that names the nearest one."""
    if name not in table.columns:
        names = [str(column) for column in table.columns]
        raise InputError("A column", allowed=", ".join(names), got=name, hint=nearest(name, names))
    column: pd.Series[Any] = table[name]
    if column.ndim != 1:
        raise InputError(f"The column {name!r}", allowed="one of that name", got=column.shape[1])
    return column


def _moments(values: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Timestamps; texts are read as ISO 8601, what is none becomes NaT."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return values
    if pd.api.types.is_numeric_dtype(values.dtype):
        raise InputError(f"The column {name!r}", allowed="timestamps, or ISO 8601 texts", got=str(values.dtype))
    read: pd.Series[Any] = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
    return read


def _walls(moments: pd.Series[Any], timezone: str) -> pd.Series[Any]:
    """What a clock of the time zone shows, without a zone."""

    aware = moments.dt.tz_localize("UTC") if moments.dt.tz is None else moments
    try:
        local: pd.Series[Any] = aware.dt.tz_convert(timezone)
    except (KeyError, ValueError) as error:  # zoneinfo's and pandas' own
        allowed = "a name like Europe/Berlin"
        raise InputError("The time zone", allowed=allowed, got=timezone) from error
    walls: pd.Series[Any] = local.dt.tz_localize(None)
    return walls


def _date(text: str | None, days: pd.Series[Any]) -> Any:
    import pandas as pd

    if text is None:
        return days.min()
    try:
        return pd.Timestamp(text).tz_localize(None)
    except (ValueError, TypeError) as error:
        raise InputError("The first day to be farmed", allowed="an ISO date like 2026-03-29", got=text) from error


def _on_the_clock(days: pd.Series[Any], seconds: npt.NDArray[np.float64], dtype: Any, timezone: str) -> pd.Series[Any]:
    """Times of day back to moments; an hour that a clock change skips moves to its end."""
    import pandas as pd

    walls = (days.astype("datetime64[us]") + pd.Series(np.floor(seconds * 1e6).astype("timedelta64[us]"))).dt
    local = walls.tz_localize(timezone, ambiguous=np.ones(len(days), dtype=bool), nonexistent="shift_forward")
    utc = local.dt.tz_convert("UTC")
    zone = getattr(dtype, "tz", None)
    back: pd.Series[Any] = (utc.dt.tz_localize(None) if zone is None else utc.dt.tz_convert(zone)).astype(dtype)
    return back
