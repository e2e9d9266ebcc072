"""Values of series as arrays: (n_series, n_times), one row a series, NaN where a point is missing; and kept states."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tocsin.errors import InputError
from tocsin.model import Floats

__all__ = ["Layout", "read_number", "read_state", "read_values"]

Layout = Mapping[str, tuple[Any, tuple[int | None, ...]]]

LARGEST = 1e300
"""Larger values are as large: their sums and differences stay finite."""


def read_values(values: Any, n_series: int | None = None) -> Floats:
    """C-contiguous float64, the values themselves where they are that already.

    Infinite values are errors, not extremes: a source that divides by zero says nothing about the metric.

    Raises
    ------
    InputError : not numbers, not two dimensions, infinite values, or not `n_series` rows
    """
    found = _numbers(values)
    if found.ndim != 2:
        raise InputError(
            "Series are rows of an array", allowed="(n_series, n_times)", got=f"shape {found.shape}",
            hint="values[None] makes one series a row",
        )  # fmt: skip
    if n_series is not None and len(found) != n_series:
        raise InputError("New points of other series than were learned", allowed=f"{n_series} rows", got=len(found))
    if (np.abs(found) > LARGEST).any():
        if np.isinf(found).any():
            row, column = (int(place) for place in np.argwhere(np.isinf(found))[0])
            raise InputError("A series has an infinite value", allowed="finite numbers, NaN for missing points",
                             got=f"{found[row, column]} in row {row}, column {column}")  # fmt: skip
        found = np.clip(found, -LARGEST, LARGEST)
    return found


def _numbers(values: Any) -> Floats:
    """What a table or masked array lacks is NaN."""
    try:
        if isinstance(values, pd.DataFrame):
            values = values.to_numpy(np.float64, na_value=np.nan)
        elif isinstance(values, np.ma.MaskedArray):
            values = np.ma.filled(values.astype(np.float64), np.nan)
        found = np.asarray(values)
        if found.dtype.kind not in "biufO":
            raise TypeError(f"values of type {found.dtype}")
        return np.ascontiguousarray(found, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("Series are numbers", allowed="an array (n_series, n_times)", got=str(error)) from error


def read_state(state: Mapping[str, Any], layout: Layout, holes: Collection[str] = ()) -> dict[str, npt.NDArray[Any]]:
    """Copies of a state's arrays, each of its type and shape; kernels trust them.

    Parameters
    ----------
    layout : name -> type and shape; a length of -1 is the number of series, the same everywhere, None is any
    holes : names of arrays that may hold NaN

    Raises
    ------
    InputError : a state of another detector, of other settings, or damaged
    """
    made: dict[str, npt.NDArray[Any]] = {}
    n_series = None
    for name, (kind, shape) in layout.items():
        found = np.asarray(_part(state, name))
        fits = found.dtype.kind in "biuf" and np.can_cast(found.dtype, kind, "same_kind") and found.ndim == len(shape)
        if fits and -1 in shape:
            n_series = found.shape[shape.index(-1)] if n_series is None else n_series
        wanted = tuple(n_series if length == -1 else length for length in shape)
        if not fits or any(length not in (None, got) for length, got in zip(wanted, found.shape, strict=True)):
            raise _unfit(name, f"{np.dtype(kind)} {wanted}", f"{found.dtype} {found.shape}")
        if found.dtype.kind == "f" and not (np.isfinite(found) | (np.isnan(found) & (name in holes))).all():
            raise _unfit(name, "finite numbers", "others")
        made[name] = np.array(found, dtype=kind, order="C")
    return made


def read_number(state: Mapping[str, Any], name: str, least: int = 0) -> int:
    """A whole number of a state; errors as of `read_state`."""
    found = _part(state, name)
    if not isinstance(found, int | np.integer) or isinstance(found, bool) or found < least:
        raise _unfit(name, f"a whole number, {least} or more", found)
    return int(found)


def _part(state: Mapping[str, Any], name: str) -> Any:
    if not isinstance(state, Mapping) or name not in state:
        raise _unfit(name, "there", "nothing")
    return state[name]


def _unfit(name: str, allowed: str, got: object) -> InputError:
    hint = "fit the detector again"
    return InputError(
        f"{name} of a state of another detector, or of other settings", allowed=allowed, got=got, hint=hint
    )
