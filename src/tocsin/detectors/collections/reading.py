"""What users give to CollectionDetector, checked: counts, periods, marks of anomalous evidence, peer groups."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

from tocsin.detectors.collections.engine import Counts, FineCounts
from tocsin.errors import InputError
from tocsin.model import Bools, Ints

__all__ = [
    "read_anomalous",
    "read_counts",
    "read_fine",
    "read_groups",
    "read_holidays",
    "read_period",
    "read_periods",
    "read_rows",
]

MOST = 10**13
"""Largest count of a bin: sums over 100,000 bins stay whole numbers."""
COUNTS = "whole numbers from 0 to 10^13"


def read_counts(counts: Any, name: str, shape: tuple[int | None, ...]) -> Counts:
    """int64, C-contiguous, of the shape wanted (None = any length); raises as `read_fine`."""
    return np.ascontiguousarray(_checked(counts, name, shape), np.int64)


def read_fine(counts: Any, name: str, shape: tuple[int | None, ...]) -> FineCounts:
    """int64, or int32 as they come; C-contiguous, of the shape wanted (None = any length).

    Parameters
    ----------
    counts : array, nested list, pandas, Polars or Arrow table, of integers or of floats that are whole
    name : what messages call it

    Raises
    ------
    InputError
        Another shape; numbers that are negative, not whole, missing, infinite or above 10^13.
    """
    array = _checked(counts, name, shape)
    return np.ascontiguousarray(array, np.int32 if array.dtype == np.int32 else np.int64)


def _checked(counts: Any, name: str, shape: tuple[int | None, ...]) -> Any:
    array = _as_array(counts, name)
    wanted = "(" + ", ".join("any" if length is None else f"{length:,}" for length in shape) + ")"
    lengths = zip(array.shape, shape, strict=False)
    if array.ndim != len(shape) or any(own != length for own, length in lengths if length is not None):
        raise InputError(f"The shape of {name}", allowed=wanted, got=array.shape)
    if array.shape[-1] == 0:
        raise InputError(f"{name} has no bins", allowed=wanted, got=array.shape)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise InputError(f"{name} has missing or infinite numbers", allowed=COUNTS)
        if (array != np.floor(array)).any():
            odd = float(array[array != np.floor(array)][0])
            raise InputError(f"{name} has numbers that are not whole", allowed=COUNTS, got=odd)
    elif array.dtype.kind not in "iub":
        raise InputError(f"{name} holds no numbers", allowed=COUNTS, got=str(array.dtype))
    if array.size and array.min() < 0:
        raise InputError(f"{name} has negative numbers", allowed=COUNTS, got=array.min().item())
    if array.size and array.max() > MOST:
        raise InputError(f"{name} has numbers above 10^13", allowed=COUNTS, got=array.max().item())
    return array


def _as_array(counts: Any, name: str) -> Any:
    module = type(counts).__module__.split(".")[0]
    if module == "pyarrow" and hasattr(counts, "to_pandas"):
        counts = counts.to_pandas()
    try:
        array = counts.to_numpy() if hasattr(counts, "to_numpy") else np.asarray(counts)
        if array.dtype == object:
            array = array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is no array of numbers", allowed=COUNTS, got=str(error)) from None
    return array


def read_period(period: Any) -> datetime:
    """The aware UTC start of a period; a time without a zone is UTC.

    Raises
    ------
    InputError
        For what is no time.
    """
    try:
        moment = pd.Timestamp(period)
    except (TypeError, ValueError) as error:
        raise InputError("The period", allowed="a time", got=period) from error
    if pd.isna(moment):
        raise InputError("The period", allowed="a time", got=period)
    moment = moment.tz_localize(UTC) if moment.tzinfo is None else moment.tz_convert(UTC)
    result: datetime = moment.floor("us").to_pydatetime()
    return result.replace(tzinfo=UTC)


def read_periods(periods: Any) -> tuple[datetime, ...]:
    """Aware UTC starts; they may repeat and have gaps.

    Raises
    ------
    InputError
        For what are no times.
    """
    try:
        return tuple(read_period(period) for period in periods)
    except TypeError:
        raise InputError("The periods", allowed="a DatetimeIndex or a list of times", got=periods) from None


def read_anomalous(anomalous: Any, n_entities: int, n_periods: int) -> Bools:
    """(n_entities, n_periods) bool, from that shape or from (n_periods,); None marks nothing.

    Raises
    ------
    InputError
        Another shape, or no booleans.
    """
    if anomalous is None:
        return np.zeros((n_entities, n_periods), dtype=bool)
    array = np.asarray(anomalous)
    if array.dtype != bool or array.shape not in ((n_periods,), (n_entities, n_periods)):
        allowed = f"booleans of shape ({n_periods},) or ({n_entities}, {n_periods})"
        raise InputError("The marks of anomalous evidence", allowed=allowed, got=f"{array.dtype} {array.shape}")
    return np.ascontiguousarray(np.broadcast_to(array, (n_entities, n_periods)))


def read_holidays(holidays: Any) -> tuple[date, ...]:
    """Dates, or texts as 2026-12-24.

    Raises
    ------
    InputError
        For what is no date.
    """
    try:
        return tuple(date.fromisoformat(day) if isinstance(day, str) else _date(day) for day in holidays)
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError("The setting holidays", allowed="dates, or texts as 2026-12-24", got=str(error)) from None


def _date(day: Any) -> date:
    result: date = day.date() if isinstance(day, datetime) else day
    if not isinstance(result, date):
        raise TypeError(f"{day!r} is no date")
    return result


def read_groups(groups: Any, known: list[str], n_entities: int | None) -> Ints | None:
    """(n_entities,) codes of peer groups by their labels' places in `known`, which new ones are appended to.

    Raises
    ------
    InputError
        Another number of labels, where that of entities is given.
    """
    if groups is None:
        return None
    labels = [str(label) for label in groups]
    if n_entities is not None and len(labels) != n_entities:
        raise InputError("The peer groups", allowed=f"one label an entity, {n_entities:,}", got=len(labels))
    codes = {name: code for code, name in enumerate(known)}
    result = np.array([codes.setdefault(label, len(codes)) for label in labels], np.int64)
    known[:] = codes
    return result


def read_rows(entities: Any, n_entities: int) -> Ints:
    """Positions of entities.

    Raises
    ------
    InputError
        For what are no positions from 0 to n_entities - 1.
    """
    rows = np.asarray(entities)
    wrong = rows.size and (rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= n_entities)
    if rows.ndim != 1 or wrong:
        raise InputError("The entities", allowed=f"positions from 0 to {n_entities - 1:,}", got=entities)
    return rows.astype(np.int64)
