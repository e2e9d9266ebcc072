"""From a table of records to the counts that CollectionDetector takes: who, when, and what falls in which bin.

Days and times of day follow the wall clock of the time zone, so that a bin means the same all year: on the day that
clocks go back, the repeated hour's records share a bin, and when they go forward one stays empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from tocsin.detectors.collections.binning import bins_of, edges_of_width
from tocsin.detectors.collections.engine import Counts
from tocsin.errors import InputError, NotEnoughData, nearest
from tocsin.model import Bools, Floats, Ints

__all__ = ["CountedRecords", "count_records"]

DAY_SECONDS = 86_400
MOST_CELLS = 2 * 10**9
N_CHARACTERS = 128
OUTSIDE = "other"


@dataclass(frozen=True, slots=True, eq=False)
class CountedRecords:
    """Counts of a table's records.

    counts   : int64 (n_entities, n_periods, n_bins)
    periods  : n_periods starts of days, aware UTC, without gaps
    entities : (n_entities,) sorted
    fine     : int64 (n_entities, n_periods, n_spans), or None
    labels   : n_bins, what the bins are
    left_out : why records were left out -> how many: "no entity", "no time", "no value", "not sampled"
    """

    counts: Counts
    periods: pd.DatetimeIndex
    entities: pd.Index
    fine: Counts | None
    labels: tuple[str, ...]
    left_out: Mapping[str, int]


def count_records(
    table: Any,
    *,
    entity: str,
    time: str,
    value: str | None = None,
    bins: int | str | Sequence[float] | Sequence[str] = 24,
    fine: int | None = 288,
    timezone: str = "UTC",
    most_records: int | None = None,
    random_state: int | None = None,
) -> CountedRecords:
    """Count records by entity, day and bin.

    Parameters
    ----------
    table : pandas, Polars or Arrow table, one row a record
    entity, time : columns; times without a zone are UTC
    value : column to make bins of, in place of the time of day
    bins : int, edges, categories, "step" or "characters"
        A number of equal spans of the day, or of quantiles of the values; ascending edges (values outside fall in the
        first and the last bin); categories (others fall in one more bin); "step": the width of eq. 6, averaged over the
        collections, from the least to the largest value; "characters": each character of the texts by itself, the 128
        of ASCII and one bin for all others.
    fine : spans of the day for the second level and the dispersion, or None
    timezone : whose days and hours
    most_records : draw at random from collections that have more
    random_state : seed of that draw

    Raises
    ------
    InputError
        A column is missing, times are none, bins do not fit, or the counts would not fit into memory.
    NotEnoughData
        No record is left.

    Examples
    --------
    >>> table = pd.DataFrame({"seller": ["a", "a", "b"], "ts": ["2026-01-01 09:30", "2026-01-02 09:45", "2026-01-01"]})
    >>> counted = count_records(table, entity="seller", time="ts")
    >>> counted.counts.shape, int(counted.counts[0, :, 9].sum())
    ((2, 2, 24), 2)
    """
    frame, codes, entities, local, left_out = _usable(table, entity, time, value, bins, timezone)
    days = local.normalize()
    first, last = days.min(), days.max()
    n_periods = (last - first).days + 1
    n_places = len(entities) * n_periods
    place = codes * n_periods + np.asarray((days - first).days, np.int64)
    if most_records is not None:
        drawn = _drawn(place, most_records, np.random.default_rng(random_state))
        left_out["not sampled"], place = int((~drawn).sum()), np.where(drawn, place, -1)
    seconds = np.asarray((local - days).total_seconds())
    spans = None if fine is None else _cells(place, _of_day(seconds, fine), n_places, fine)
    if value is None:
        n_bins, labels = _spans_of_day(bins)
        counts = _cells(place, _of_day(seconds, n_bins), n_places, n_bins)
    else:
        counts, labels = _of_values(frame[value], bins, place, n_places)
    return CountedRecords(
        counts.reshape(len(entities), n_periods, -1),
        _midnights(first, last, timezone),
        entities,
        None if spans is None else spans.reshape(len(entities), n_periods, -1),
        tuple(labels),
        {reason: n for reason, n in left_out.items() if n},
    )


def _usable(
    table: Any, entity: str, time: str, value: str | None, bins: Any, timezone: str
) -> tuple[pd.DataFrame, Ints, pd.Index, pd.DatetimeIndex, dict[str, int]]:
    """The records that can be counted: columns, code of the entity, entities, wall-clock time; why others cannot."""
    frame = _columns(table, [entity, time] if value is None else [entity, time, value])
    local = _local_times(frame[time], timezone)
    has_entity, has_time = frame[entity].notna().to_numpy(), ~np.isnat(local.to_numpy())
    has_value = np.ones(len(frame), dtype=bool)
    if value is not None and not (isinstance(bins, str) and bins == "characters"):
        has_value = frame[value].notna().to_numpy()
    left_out = {"no entity": int((~has_entity).sum()), "no time": int((has_entity & ~has_time).sum())}
    left_out["no value"] = int((has_entity & has_time & ~has_value).sum())
    kept = has_entity & has_time & has_value
    if not kept.any():
        raise NotEnoughData("No record has an entity, a time and a value", got=left_out)
    frame, local = frame[kept].reset_index(drop=True), local[kept]
    codes, entities = pd.factorize(frame[entity], sort=True)
    return frame, codes.astype(np.int64), pd.Index(entities), local, left_out


def _midnights(first: pd.Timestamp, last: pd.Timestamp, timezone: str) -> pd.DatetimeIndex:
    """Starts of the days, in UTC; a midnight that comes twice begins the day when it comes first."""
    days = pd.date_range(first, last, freq="D")
    first_time = np.ones(len(days), dtype=bool)
    return days.tz_localize(timezone, ambiguous=first_time, nonexistent="shift_forward").tz_convert("UTC")


def _columns(table: Any, names: Sequence[str]) -> pd.DataFrame:
    """The columns asked for, as pandas."""
    module = type(table).__module__.split(".")[0]
    if module == "polars" and hasattr(table, "collect"):
        table = table.collect()
    known = list(getattr(table, "column_names", getattr(table, "columns", [])))
    for name in names:
        if name not in known:
            raise InputError(
                f"No column {name!r}", allowed=", ".join(map(str, known)), hint=nearest(name, map(str, known))
            )
    chosen = table.select(names) if module in ("polars", "pyarrow") else table[list(names)]
    if module == "polars":
        chosen = chosen.to_arrow()
    frame: pd.DataFrame = chosen.to_pandas() if module in ("polars", "pyarrow") else chosen
    return frame.reset_index(drop=True)


def _local_times(column: Any, timezone: str) -> pd.DatetimeIndex:
    """(n,) wall-clock times; NaT where there is none."""
    if pd.api.types.is_numeric_dtype(column.dtype):
        raise InputError(f"The column {column.name!r}", allowed="times", got=str(column.dtype))
    known = pd.api.types.is_datetime64_any_dtype(column.dtype)
    times = pd.DatetimeIndex(pd.to_datetime(column, utc=True, errors="coerce", format=None if known else "ISO8601"))
    try:
        return times.tz_convert(timezone).tz_localize(None)
    except (KeyError, ValueError, TypeError) as error:
        raise InputError("The time zone", allowed="a name as Europe/Berlin", got=timezone) from error


def _drawn(place: Ints, most: int, random: np.random.Generator) -> Bools:
    """Which records stay, at most `most` of a place, each with equal chance."""
    order = np.lexsort((random.random(len(place)), place))
    ordered = place[order]
    begins = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    rank = np.arange(len(place)) - np.repeat(begins, np.diff(np.r_[begins, len(place)]))
    stays = np.empty(len(place), dtype=bool)
    stays[order] = rank < most
    return stays & (place >= 0)


def _of_day(seconds: Floats, n: int) -> Ints:
    return np.minimum((seconds * (n / DAY_SECONDS)).astype(np.int64), n - 1)


def _cells(place: Ints, bins: Ints, n_places: int, n_bins: int) -> Counts:
    """(n_places x n_bins,) counts; places and bins of -1 are left out."""
    if n_places * n_bins > MOST_CELLS:
        hint = "count fewer entities or days at once, or take wider bins"
        raise InputError(
            "The counts", allowed=f"at most {MOST_CELLS:,} numbers", got=f"{n_places * n_bins:,}", hint=hint
        )
    known = (place >= 0) & (bins >= 0)
    return np.bincount(place[known] * n_bins + bins[known], minlength=n_places * n_bins)


def _spans_of_day(bins: Any) -> tuple[int, list[str]]:
    if not isinstance(bins, int | np.integer) or isinstance(bins, bool) or not 1 <= bins <= DAY_SECONDS:
        raise InputError("Bins of the time of day", allowed="a number of spans, 1 to 86,400", got=bins)
    begins = (np.arange(bins) * (DAY_SECONDS / bins)).round().astype(int)
    return int(bins), [f"{start // 3600:02d}:{start // 60 % 60:02d}" for start in begins]


def _of_values(column: Any, bins: Any, place: Ints, n_places: int) -> tuple[Counts, list[str]]:
    """Counts of a column's values by place, and what the bins are."""
    if isinstance(bins, str) and bins == "characters":
        return _of_characters(column, place, n_places)
    if not isinstance(bins, str | int | np.integer) and len(bins) and isinstance(bins[0], str):
        known = {name: code for code, name in enumerate(bins)}
        codes = column.map(known).fillna(len(known)).to_numpy(np.int64)
        return _cells(place, codes, n_places, len(known) + 1), [*known, OUTSIDE]
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, na_value=np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    edges = _edges(values, bins, place)
    labels = [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    return _cells(place, bins_of(values, edges), n_places, len(labels)), labels


def _edges(values: Floats, bins: Any, place: Ints) -> Floats:
    known = (place >= 0) & ~np.isnan(values)
    if not known.any():
        raise NotEnoughData("No record has a number")
    if isinstance(bins, str) and bins == "step":
        groups = pd.Series(values[known]).groupby(place[known])
        widths = 0.5 * groups.std(ddof=0) * groups.size() ** -0.2
        return edges_of_width(values[known].min(), values[known].max(), float(widths.mean()))
    if isinstance(bins, int | np.integer) and bins >= 1:
        return np.unique(np.quantile(values[known], np.linspace(0, 1, int(bins) + 1)))
    edges = np.asarray(bins, np.float64) if not isinstance(bins, str) else np.empty(0)
    if edges.ndim != 1 or len(edges) < 2 or not (np.diff(edges) > 0).all():
        raise InputError("Bins", allowed="a number, ascending edges, categories, 'step' or 'characters'", got=bins)
    return edges


def _of_characters(column: Any, place: Ints, n_places: int) -> tuple[Counts, list[str]]:
    texts = column.fillna("").astype(str)
    lengths = texts.str.len().to_numpy(np.int64)
    # unpaired surrogates are characters, too
    points = np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    counts = _cells(np.repeat(place, lengths), np.minimum(points, N_CHARACTERS), n_places, N_CHARACTERS + 1)
    return counts, [*map(chr, range(N_CHARACTERS)), OUTSIDE]
