"""Time series with known anomalies, read from a table: one row a point.

Columns: the series' name (`series`, `kpi_id`, or none for one series), `timestamp` (a time, or seconds), `value` (NaN =
missing) and `label` (0 or 1). A column `part` whose values are "train" and "test" divides each series. Points are laid
on the series' own grid, the median distance of neighbours, so that gaps become missing points; where two points would
share a place (a clock that was set back), they are taken as they come.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tocsin.errors import InputError, nearest
from tocsin.model import Bools, Floats, Ints

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LabelledSeries", "read_labelled_series"]

NAMES = ("series", "kpi_id", "name", "id")
DAY_SECONDS = 86_400
MOST_GAPS = 3
"""A series whose grid has so many times its points is not a series on a grid: its points are taken as they come."""


@dataclass(frozen=True, slots=True, eq=False)
class LabelledSeries:
    """One series, oldest point first.

    values, labels : (n_points,), NaN = missing
    step_seconds : between two points
    n_known : how many points are history; 0: the table does not say
    start_seconds : of the first point, since 1970, UTC
    """

    name: str
    values: Floats
    labels: Bools
    step_seconds: float
    n_known: int = 0
    start_seconds: float = 0.0

    @property
    def season(self) -> int | None:
        """A day in points, where at least two days of the first half are known."""
        points = round(DAY_SECONDS / self.step_seconds) if self.step_seconds > 0 else 0
        return points if 1 < points <= len(self.values) // 4 else None


def read_labelled_series(table: pd.DataFrame, *, label: str = "label") -> list[LabelledSeries]:
    """The series of a table, by name.

    Raises
    ------
    InputError : a column is missing, values are not numbers, or labels not 0 and 1
    """
    for column in ("timestamp", "value", label):
        if column not in table.columns:
            hint = nearest(column, [str(name) for name in table.columns])
            raise InputError(
                "A table of series lacks a column", allowed="timestamp, value, label", got=column, hint=hint
            )
    name = next((column for column in NAMES if column in table.columns), None)
    groups = [("series", table)] if name is None else table.groupby(name, observed=True, sort=True)
    return [_series(str(key), group, label) for key, group in groups]


def _series(name: str, group: pd.DataFrame, label: str) -> LabelledSeries:
    seconds = _seconds(name, group)
    order = np.argsort(seconds, kind="stable")
    seconds = seconds[order]
    steps = np.diff(seconds)
    try:
        values: Floats = group["value"].to_numpy(dtype=np.float64, na_value=np.nan)[order]
        labels = group[label].to_numpy(dtype=np.float64, na_value=0.0)[order]
    except (TypeError, ValueError) as error:
        raise InputError(f"Series {name!r}", allowed="values and labels that are numbers", got=str(error)) from error
    if not np.isin(labels, (0.0, 1.0)).all():
        raise InputError(f"Labels of series {name!r}", allowed="0 and 1", got=labels[~np.isin(labels, (0, 1))][0])
    n_known = int((group["part"] == "train").sum()) if "part" in group.columns else 0
    step = float(np.median(steps)) if len(steps) else 0.0
    places = _places(seconds, step)
    n_points = int(places[-1]) + 1 if len(places) else 0
    laid, marked = np.full(n_points, np.nan), np.zeros(n_points, dtype=bool)
    laid[places], marked[places] = values, labels > 0
    known = int(places[n_known - 1]) + 1 if n_known else 0
    start = float(seconds[0]) if len(seconds) else 0.0
    return LabelledSeries(name, laid, marked, step, known, start)


def _seconds(name: str, group: pd.DataFrame) -> Floats:
    import pandas as pd

    times = group["timestamp"]
    if pd.api.types.is_numeric_dtype(times):
        seconds: Floats = times.to_numpy(dtype=np.float64)
    else:
        moments = pd.to_datetime(times, utc=True, errors="coerce", format="ISO8601")
        if moments.isna().any():
            raise InputError(f"Times of series {name!r}", allowed="times, or seconds since 1970", got="what is neither")
        seconds = moments.astype("datetime64[us, UTC]").astype(np.int64).to_numpy() / 1e6
    if not np.isfinite(seconds).all():
        raise InputError(f"Times of series {name!r}", allowed="times, or seconds since 1970", got="a missing one")
    return seconds


def _places(seconds: Floats, step: float) -> Ints:
    """The place of each point on the grid; as they come, where there is no grid."""
    as_they_come: Ints = np.arange(len(seconds))
    if step <= 0:
        return as_they_come
    places: Ints = np.rint((seconds - seconds[0]) / step).astype(np.int64)
    distinct = bool((np.diff(places) > 0).all())
    return places if distinct and places[-1] < MOST_GAPS * len(places) else as_they_come
