"""Tables of any kind to columns, and the values of a column to numbers, days or texts, each value by itself.

A value's reading depends on the value alone, never on its neighbours, so that a table read in pieces reads the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from tocsin.errors import InputError
from tocsin.model import Codes, Floats

__all__ = ["RawTable", "days_of", "is_true_or_false", "numbers_of", "read_table", "texts_of"]

SECONDS_A_DAY = 86_400
TICKS_A_DAY = {"s": 86_400, "ms": 86_400_000, "us": 86_400_000_000, "ns": 86_400_000_000_000}
ALLOWED = "a pandas, Polars or Arrow table, a two-dimensional array or a list of rows"


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """A table as it came: either one matrix of numbers, or one pandas series a column.

    names : of the columns; x0, x1 … where the table has none
    named : whether the table itself names its columns
    matrix : (n, n_columns) float64, C-contiguous, or None
    series : one a column, or empty beside a matrix
    whole : for a matrix, whether it came as integers
    """

    names: tuple[str, ...]
    named: bool
    n_rows: int
    matrix: Floats | None = None
    series: tuple[Any, ...] = ()
    whole: bool = False


def read_table(table: Any) -> RawTable:
    """Any supported table.

    Raises
    ------
    InputError
        For what is no table, is sparse or complex, or names a column twice.
    """
    if sparse.issparse(table):
        raise InputError("Sparse data are not supported", allowed=ALLOWED, hint="X.toarray() makes them dense")
    module = type(table).__module__.split(".")[0]
    if module == "polars" and hasattr(table, "collect"):
        table = table.collect()
    if module == "polars" and hasattr(table, "to_arrow") and hasattr(table, "columns"):
        table, module = table.to_arrow(), "pyarrow"
    if module == "pyarrow" and hasattr(table, "to_pandas") and hasattr(table, "schema"):
        _refuse_doubles(table.schema.names)
        table = table.to_pandas(date_as_object=False)
    return _read_frame(table) if isinstance(table, pd.DataFrame) else _read_array(table)


def _refuse_doubles(names: Sequence[str]) -> None:
    if len(set(names)) < len(names):
        double = sorted({name for name in names if list(names).count(name) > 1})
        raise InputError(f"The table has the column {double[0]!r} more than once", allowed="one column of each name")


def _read_frame(frame: pd.DataFrame) -> RawTable:
    named = not all(isinstance(name, Integral) for name in frame.columns)
    names = tuple(str(name) if named else f"x{name}" for name in frame.columns)
    _refuse_doubles(names)
    _refuse_empty(frame.shape)
    plain = [isinstance(dtype, np.dtype) and dtype.kind == "f" for dtype in frame.dtypes]
    if all(plain):
        return RawTable(names, named, len(frame), _own(frame.to_numpy(np.float64)))
    return RawTable(names, named, len(frame), None, tuple(_plain(frame.iloc[:, j]) for j in range(len(names))))


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    """The column without Arrow extension types, which pandas handles slowly."""
    if isinstance(column.dtype, pd.ArrowDtype):
        import pyarrow as pa

        return pa.chunked_array(column.array.__arrow_array__()).to_pandas(date_as_object=False)  # type: ignore[no-any-return]
    return column


def _read_array(table: Any) -> RawTable:
    try:
        array = np.asarray(table)
        if array.dtype.kind in "US" and not isinstance(table, np.ndarray):
            array = np.array(table, dtype=object)  # a list of rows keeps its numbers
    except ValueError as error:
        raise InputError("The rows of the table differ in length", allowed=ALLOWED) from error
    if array.ndim != 2:
        kind = f"{array.ndim}-dimensional data of shape {array.shape}" if array.ndim else type(table).__name__
        hint = "Reshape your data: X.reshape(1, -1) for one row, X.reshape(-1, 1) for one column"
        raise InputError("A table has rows and columns", allowed=ALLOWED, got=kind, hint=hint)
    if array.dtype.kind == "c":
        raise InputError("Complex data not supported", allowed="numbers, texts, dates, true or false", got=array.dtype)
    _refuse_empty(array.shape)
    names = tuple(f"x{j}" for j in range(array.shape[1]))
    if array.dtype.kind in "fiu":
        return RawTable(names, False, len(array), _own(array), whole=array.dtype.kind in "iu")
    return RawTable(names, False, len(array), None, tuple(pd.Series(array[:, j]) for j in range(len(names))))


def _own(array: Any) -> Floats:
    """float64, C-contiguous; copied where a kernel could not take it as it is."""
    return np.require(np.asarray(array), np.float64, ["C", "W", "A"])


def _refuse_empty(shape: tuple[int, ...]) -> None:
    if shape[1] == 0:
        raise InputError(f"Found 0 feature(s) (shape={shape}) while a minimum of 1 is required", allowed=ALLOWED)


def text_of(value: Any) -> str:
    """How a value is called as a category; 3, 3.0 and "3" are one."""
    if isinstance(value, str):
        return value
    if isinstance(value, Real) and not isinstance(value, bool | np.bool_) and float(value).is_integer():
        return f"{float(value):.0f}" if isinstance(value, float | np.floating) else str(value)
    return str(value)


def number_of(value: Any) -> float:
    """A number, or a text that is one; NaN for anything else."""
    if isinstance(value, str) and "_" in value:
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def distinct(column: pd.Series[Any]) -> tuple[Codes, list[Any]]:
    """Each value's place among the distinct ones, -1 = missing, and the distinct values."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, np.int32), list(column.cat.categories)
    try:
        codes, values = pd.factorize(column)
    except TypeError:  # lists and dictionaries cannot be hashed
        codes, values = pd.factorize(column.map(text_of, na_action="ignore"))
    return np.asarray(codes, np.int32), list(values)


def texts_of(column: pd.Series[Any]) -> tuple[Codes, list[str]]:
    """Each value's place among the distinct texts, -1 = missing, and the distinct texts."""
    codes, values = distinct(column)
    texts = [text_of(value) for value in values]
    places: dict[str, int] = {}
    for text in texts:
        places.setdefault(text, len(places))
    if len(places) < len(texts):
        codes = take([places[text] for text in texts], codes, -1).astype(np.int32)
    return codes, list(places)


def take(values: Iterable[Any], codes: Codes, missing: float) -> Any:
    """values[codes], with `missing` for codes of -1."""
    return np.append(np.asarray(list(values), np.float64), missing)[codes]


def numbers_of(column: pd.Series[Any]) -> Floats:
    """(n,) numbers; durations in days; NaN = missing or no number."""
    dtype = column.dtype
    if pd.api.types.is_complex_dtype(dtype):
        raise InputError("Complex data not supported", allowed="numbers, texts, dates, true or false", got=str(dtype))
    if pd.api.types.is_timedelta64_dtype(dtype):
        return np.asarray(column.dt.total_seconds() / SECONDS_A_DAY, np.float64)
    if pd.api.types.is_numeric_dtype(dtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    codes, values = distinct(column)
    numbers: Floats = take((number_of(value) for value in values), codes, np.nan)
    return numbers


def days_of(column: pd.Series[Any]) -> Floats:
    """(n,) days since 1970 in UTC (times without a zone are taken as UTC); NaN = missing or no ISO 8601 date."""
    dtype = column.dtype
    if isinstance(dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if pd.api.types.is_datetime64_any_dtype(column.dtype):
        return _epoch_days(pd.DatetimeIndex(column))
    codes, values = distinct(column)
    texts = ["" if isinstance(value, Real) else str(value) for value in values]
    found = pd.to_datetime(pd.Series(texts, dtype=object), format="ISO8601", utc=True, errors="coerce")
    days: Floats = take(_epoch_days(pd.DatetimeIndex(found)), codes, np.nan)
    return days


def _epoch_days(moments: pd.DatetimeIndex) -> Floats:
    if moments.tz is not None:
        moments = moments.tz_convert("UTC").tz_localize(None)
    ticks = moments.to_numpy()
    days = ticks.astype(np.int64) / TICKS_A_DAY[np.datetime_data(ticks.dtype)[0]]
    days[np.isnat(ticks)] = np.nan
    return np.asarray(days, np.float64)


def is_true_or_false(column: pd.Series[Any]) -> bool:
    """Whether all present values are True or False."""
    if pd.api.types.is_bool_dtype(column.dtype) and not isinstance(column.dtype, pd.CategoricalDtype):
        return True
    return column.dtype == object and pd.api.types.infer_dtype(column, skipna=True) == "boolean"
