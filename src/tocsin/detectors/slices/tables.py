"""Long tables (pandas, Polars, Arrow) to facts and scores back to tables of the same kind.

A table has one row a window and leaf slice: the start of the window (an aware time), the dimensions, the measures.
Rows of one window and slice are summed; a null in a dimension becomes `model.MISSING`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from tocsin.errors import InputError, nearest
from tocsin.kernels.grouping import roll_up, rows_to_facts
from tocsin.model import MISSING, Bools, Codes, Facts, Floats, Ints, LeftOut, SliceStatus
from tocsin.windows import WindowGrid

if TYPE_CHECKING:
    from tocsin.detectors.slices.judging import Judged

__all__ = ["TIME", "Rows", "join_rows", "leaf_places", "read_rows", "rows_to_slices", "scores_table", "to_kind"]

TIME = "window_start"
PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows of a table with everything coded: one entry a window and leaf slice.

    starts : epoch seconds of the distinct windows, ascending; window : place of each row's window in it
    values : for each dimension its distinct values, sorted; codes (n_dimensions, n_rows) int32
    measures : (n_measures, n_rows)
    """

    starts: Ints
    window: Codes
    values: tuple[Any, ...]
    codes: Codes
    measures: Floats
    left_out: tuple[LeftOut, ...] = ()
    n_rows: int = 0
    kind: str = "pandas"
    dtypes: tuple[Any, ...] = ()
    kept: Any = None
    """Mask of the rows of the table that were used; None = all."""
    n_rows_in: int = 0


def to_pandas(table: Any, columns: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """The needed columns as a pandas frame, and the kind of table that came in."""
    module = type(table).__module__.split(".")[0]
    if isinstance(table, pd.DataFrame):
        have, kind = [str(column) for column in table.columns], "pandas"
    elif module == "polars":
        if type(table).__name__ == "LazyFrame":
            table = table.collect()
        have, kind = list(table.columns), "polars"
    elif module == "pyarrow":
        have, kind = list(table.column_names), "arrow"
    else:
        raise InputError("A table", allowed="a pandas, Polars or Arrow table", got=type(table).__name__)
    for column in columns:
        if column not in have:
            raise InputError(
                f"The table has no column {column!r}",
                allowed=f"a table with the columns {', '.join(columns)}",
                got=have,
                hint=nearest(column, have),
            )
        if have.count(column) > 1:
            raise InputError(f"The table has the column {column!r} more than once", allowed="one column of each name")
    if kind == "pandas":
        return table, kind
    arrow = table.select(list(columns)).to_arrow() if kind == "polars" else table.select(list(columns))
    return arrow.to_pandas(types_mapper=pd.ArrowDtype), kind


def to_kind(frame: pd.DataFrame, kind: str) -> Any:
    """The frame as the kind of table that `to_pandas` was given."""
    if kind == "pandas":
        return frame
    import pyarrow as pa

    arrow = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    if kind == "arrow":
        return arrow
    import polars as pl

    return pl.from_arrow(arrow)


def _epoch_seconds(column: pd.Series[Any]) -> tuple[Ints, Codes]:
    """Distinct window starts (ascending) and each row's place among them."""
    allowed = "aware time stamps, like datetime64[us, UTC]"
    dtype = column.dtype
    if isinstance(dtype, pd.ArrowDtype) and str(dtype).startswith("timestamp"):
        column = pd.Series(column.array.__arrow_array__().to_pandas())
        dtype = column.dtype
    if not isinstance(dtype, pd.DatetimeTZDtype):
        naive = pd.api.types.is_datetime64_dtype(dtype)
        hint = (
            f'df["{TIME}"].dt.tz_localize("UTC") says that they are in UTC'
            if naive
            else f'pd.to_datetime(df["{TIME}"], utc=True) reads texts'
        )
        raise InputError(f"The column {TIME} holds no aware times", allowed=allowed, got=str(dtype), hint=hint)
    ticks = column.array.asi8
    codes, uniques = pd.factorize(ticks)
    if column.isna().any():
        raise InputError(
            f"The column {TIME} has empty entries", allowed=allowed, got=f"{int(column.isna().sum())} empty"
        )
    per_second = PER_SECOND[dtype.unit]
    if (uniques % per_second).any():
        raise InputError("Windows begin on whole seconds", allowed=allowed, got="fractions of a second")
    order = np.argsort(uniques)
    place = np.empty(len(uniques), np.int32)
    place[order] = np.arange(len(uniques), dtype=np.int32)
    return np.asarray(uniques[order] // per_second, np.int64), place[codes]


def _dimension(column: pd.Series[Any]) -> tuple[Codes, Any]:
    """Codes into the sorted distinct values (as texts); nulls are MISSING."""
    found, uniques = pd.factorize(column)
    texts = [value if isinstance(value, str) else str(value) for value in uniques]
    codes: Codes = np.asarray(found, np.int32)
    if len(codes) and codes.min() < 0:
        codes[codes < 0] = len(texts)
        texts.append(MISSING)
    values, place = np.unique(np.array(texts, dtype=object), return_inverse=True)
    return place.astype(np.int32)[codes] if len(texts) else codes, values


def _measure(column: pd.Series[Any], name: str) -> Floats:
    if not pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_complex_dtype(column.dtype):
        raise InputError(
            f"The measure {name!r} does not hold numbers",
            allowed="whole or decimal numbers",
            got=str(column.dtype),
            hint=f'pd.to_numeric(df["{name}"]) reads texts',
        )
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values)
    if infinite.any():
        raise InputError(
            f"The measure {name!r} has infinite values",
            allowed="finite numbers",
            got=f"{int(infinite.sum())} infinite of {len(values)}",
            hint="repair or drop these rows",
        )
    return values


def read_rows(table: Any, dimensions: Sequence[str], measures: Sequence[str], denominator: str | None) -> Rows:
    """Read and check a long table; raises `InputError` that names the column, what is allowed and what was got."""
    frame, kind = to_pandas(table, [TIME, *dimensions, *measures])
    if not len(frame):
        raise InputError("The table is empty", allowed="at least one row")
    values = np.empty((len(measures), len(frame)))
    for place, name in enumerate(measures):
        values[place] = _measure(frame[name], name)
    if denominator is not None and (values[list(measures).index(denominator)] < 0).any():
        raise InputError(
            f"The denominator {denominator!r} has negative values",
            allowed="numbers of at least 0",
            got=float(np.nanmin(values[list(measures).index(denominator)])),
        )
    left_out: tuple[LeftOut, ...] = ()
    missing: Bools = np.asarray(np.isnan(values).any(axis=0))
    if missing.any():
        left_out = (LeftOut("missing measure", int(missing.sum()), "rows", "A measure is empty in these rows."),)
        frame, values = frame.loc[~missing], values[:, ~missing]
        if not len(frame):
            raise InputError("The table has no row with all measures", allowed="at least one row")
    starts, window = _epoch_seconds(frame[TIME])
    codes = np.empty((len(dimensions), len(frame)), np.int32)
    names = []
    for place, name in enumerate(dimensions):
        codes[place], of_dimension = _dimension(frame[name])
        names.append(of_dimension)
    dtypes = (frame[TIME].dtype, *(frame[name].dtype for name in dimensions))
    kept = ~missing if missing.any() else None
    return Rows(starts, window, tuple(names), codes, values, left_out, len(frame), kind, dtypes, kept, len(missing))


def _grid(starts: Ints, timezone: str) -> tuple[Ints, Ints]:
    """Starts of all windows from the first to one past the last, and the place of each given start among them."""
    zone = ZoneInfo(timezone)
    moments = [datetime.fromtimestamp(int(second), UTC) for second in starts]
    step = int(np.diff(starts).min()) if len(starts) > 1 else 86_400
    if step > 3600:
        offsets = [int((moment.astimezone(zone).utcoffset() or timedelta()).total_seconds()) for moment in moments]
        step = int(np.diff(starts + np.array(offsets)).min()) if len(starts) > 1 else step
    try:
        origin = moments[0].astimezone(zone).replace(tzinfo=None)
        grid = WindowGrid(timedelta(seconds=step), timezone, origin)
    except InputError as error:
        raise InputError(f"The windows are not on a regular grid: {error}") from None
    first = grid.index_of(moments[0])
    place = np.array([grid.index_of(moment) - first for moment in moments], np.int64)
    all_starts = np.array([int(grid.start_of(first + k).timestamp()) for k in range(int(place[-1]) + 2)], np.int64)
    wrong = all_starts[place] != starts
    if wrong.any():
        raise InputError(
            "The windows are not on a regular grid",
            allowed=f"starts that are whole multiples of {step} seconds apart (in the time zone {timezone})",
            got=moments[int(np.flatnonzero(wrong)[0])].isoformat(),
            hint="wall-clock windows need the detector's timezone",
        )
    return all_starts, place


def join_rows(first: Rows, second: Rows) -> Rows:
    """Both tables as one, over the union of their windows and values."""
    starts = np.union1d(first.starts, second.starts)
    windows = [np.searchsorted(starts, part.starts).astype(np.int32)[part.window] for part in (first, second)]
    values, codes = [], np.empty((len(first.values), first.codes.shape[1] + second.codes.shape[1]), np.int32)
    for place, (ours, theirs) in enumerate(zip(first.values, second.values, strict=True)):
        union = (
            ours if len(ours) == len(theirs) and (ours == theirs).all() else np.unique(np.concatenate([ours, theirs]))
        )
        values.append(union)
        parts = [
            part_codes if union is of_part else _places(of_part, union)[part_codes]
            for of_part, part_codes in ((ours, first.codes[place]), (theirs, second.codes[place]))
        ]
        np.concatenate(parts, out=codes[place])
    measures = np.concatenate([first.measures, second.measures], axis=1)
    left_out = (*first.left_out, *second.left_out)
    return Rows(
        starts,
        np.concatenate(windows),
        tuple(values),
        codes,
        measures,
        left_out,
        first.n_rows + second.n_rows,
        second.kind,
    )


def _places(values: Any, union: Any) -> Codes:
    position = {value: place for place, value in enumerate(union)}
    return np.array([position[value] for value in values], np.int32)


def _group_codes(codes: Codes, sizes: Sequence[int]) -> tuple[Codes, Codes]:
    """A dense number for every combination of codes that occurs, in the order of the codes, and the combinations."""
    n = codes.shape[1]
    product = int(np.prod([float(size) for size in sizes])) if len(sizes) else 1
    if not len(sizes):
        return np.zeros(n, np.int32), np.empty((1, 0), np.int32)
    if product < 2**62:
        key = np.zeros(n, np.int64)
        for place, size in enumerate(sizes):
            key = key * size + codes[place]
        if product <= 4 * n + 1_000_000:
            present = np.zeros(product, np.bool_)
            present[key] = True
            keys = np.flatnonzero(present)
            number = np.empty(product, np.int32)
            number[keys] = np.arange(len(keys), dtype=np.int32)
            group = number[key]
        else:
            keys, inverse = np.unique(key, return_inverse=True)
            group = inverse.astype(np.int32)
        combinations_ = np.empty((len(keys), len(sizes)), np.int32)
        for place in range(len(sizes) - 1, -1, -1):
            combinations_[:, place] = keys % sizes[place]
            keys = keys // sizes[place]
        return group, combinations_
    distinct, inverse = np.unique(codes.T, axis=0, return_inverse=True)
    return inverse.reshape(-1).astype(np.int32), distinct


def rows_to_slices(
    rows: Rows, dimensions: Sequence[str], measures: Sequence[str], *, depth: int | None, timezone: str
) -> Facts:
    """Facts of every slice that fixes at most `depth` dimensions: the total first, then by level."""
    starts, place = _grid(rows.starts, timezone)
    n_windows, n_dimensions = len(starts) - 1, len(dimensions)
    window = rows.window if len(place) == n_windows else place.astype(np.int32)[rows.window]
    group, leaves = _group_codes(rows.codes, [max(1, len(values)) for values in rows.values])
    leaf = rows_to_facts(group, window, len(leaves), rows.measures)
    deepest = n_dimensions if depth is None else min(depth, n_dimensions)
    parts, codes = [], []
    for level in range(deepest + 1):
        for fixed in combinations(range(n_dimensions), level):
            if level == n_dimensions:
                parts.append(leaf)
                codes.append(leaves)
                continue
            part, found = _group_codes(leaves[:, fixed].T.copy(), [len(rows.values[d]) for d in fixed])
            of_part = np.full((len(found), n_dimensions), -1, np.int32)
            of_part[:, fixed] = found
            parts.append(roll_up(part, len(found), n_windows, *leaf))
            codes.append(of_part)
    offsets = np.cumsum([0, *(int(part[0][-1]) for part in parts)])
    indptr = np.concatenate([[0], *(part[0][1:] + offset for part, offset in zip(parts, offsets, strict=False))])
    sums = np.concatenate([part[2] for part in parts], axis=1)
    silent = np.ones(n_windows, np.bool_)
    silent[place] = False
    return Facts(
        tuple(dimensions),
        rows.values,
        np.concatenate(codes),
        starts,
        indptr.astype(np.int64),
        np.concatenate([part[1] for part in parts]),
        {name: sums[row] for row, name in enumerate(measures)},
        silent,
        rows.left_out,
        rows.n_rows,
    )


def leaf_places(rows: Rows, facts: Facts) -> tuple[Codes, Ints]:
    """For each row of the recent table its window (among the table's) and its leaf slice among the facts'."""
    leaves = np.flatnonzero((facts.codes >= 0).all(axis=1))
    sizes = [max(1, len(values)) for values in facts.values]
    codes = np.stack(
        [_places(ours, union)[part] for ours, union, part in zip(rows.values, facts.values, rows.codes, strict=True)]
        or [np.empty((0, rows.codes.shape[1]), np.int32)]
    )
    joined = np.concatenate([facts.codes[leaves].T, codes], axis=1)
    group, _ = _group_codes(joined, sizes)
    leaf_of = np.full(int(group.max()) + 1, -1, np.int64)
    leaf_of[group[: len(leaves)]] = leaves
    return rows.window, leaf_of[group[len(leaves) :]]


def _dimension_column(values: Any, codes: Codes, dtype: Any) -> Any:
    """Texts with null where rolled up, as the type of the table's column where it is a text or a whole number."""
    if pd.api.types.is_integer_dtype(dtype) and all(value != MISSING for value in values):
        return pd.array([int(value) for value in values], dtype="Int64").take(codes, allow_fill=True)
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Categorical.from_codes(codes, categories=pd.Index(values))
    is_object = pd.api.types.is_object_dtype(dtype)
    texts = pd.array(values, dtype=dtype if pd.api.types.is_string_dtype(dtype) and not is_object else "str")
    column = texts.take(codes, allow_fill=True)
    return column.astype(object) if is_object else column


def scores_table(
    rows: Rows, facts: Facts, judged: Sequence[Judged], *, faithful: bool, explain: bool, notes: tuple[str, ...]
) -> Any:
    """One row a window and slice, as the kind of table that came in; leaf slices without a row are left out."""
    is_leaf = (facts.codes >= 0).all(axis=1)
    chosen = []
    for one in judged:
        show = ~is_leaf | one.has_row
        if faithful and is_leaf.any():
            show &= is_leaf
        chosen.append(np.flatnonzero(show))
    place = chosen[0] if len(chosen) == 1 else np.concatenate(chosen)
    time_dtype = rows.dtypes[0]
    if isinstance(time_dtype, pd.DatetimeTZDtype):
        starts = pd.to_datetime(rows.starts, unit="s", utc=True).as_unit(time_dtype.unit).tz_convert(time_dtype.tz)
    else:
        starts = pd.to_datetime(rows.starts, unit="s", utc=True).as_unit("us")
    columns: dict[str, Any] = {TIME: starts.repeat([len(part) for part in chosen])}
    for dimension, name in enumerate(facts.dimensions):
        columns[name] = _dimension_column(
            facts.values[dimension], facts.codes[place, dimension], rows.dtypes[1 + dimension]
        )

    def add(name: str, values: Any) -> None:
        if name in columns:
            hint = "rename the column"
            raise InputError("A dimension is named like a column of the result", got=name, hint=hint)
        columns[name] = values

    def gather(name: str) -> Any:
        parts = [getattr(one.scores, name)[part] for one, part in zip(judged, chosen, strict=True)]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    for name in ("value", "expected", "lower", "upper", "p_value", "q_value", "anomaly_score", "flagged"):
        add(name, gather(name))
    for name in ("amount", "expected_amount", "share_of_total"):
        add(name, gather(name))
    names = pd.Index([status.name.lower() for status in SliceStatus])
    add("status", pd.Categorical.from_codes(gather("status"), categories=names))
    if faithful:
        for name in judged[0].scores.article:
            parts = [one.scores.article[name][part] for one, part in zip(judged, chosen, strict=True)]
            add(name, np.concatenate(parts))
    if explain:
        for name in ("exposure", "deviation_sd"):
            add(name, gather(name))
        add("n_windows", np.concatenate([one.n_windows[part] for one, part in zip(judged, chosen, strict=True)]))
        add("common_factor", np.repeat([one.scores.common_factor for one in judged], [len(part) for part in chosen]))
        add("notes", "; ".join(notes))
    return to_kind(pd.DataFrame(columns, copy=False), rows.kind)
