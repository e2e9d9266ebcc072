"""Raw events in bulk for measurements: written in chunks, so that any number of them fits into little memory."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tocsin.errors import InputError
from tocsin.simulate.market import COUNTRIES, DIMENSIONS

__all__ = ["EVENTS", "simulate_events"]

EVENTS = ("view", "click", "install")
_EVENT_SHARES = (0.94, 0.05, 0.01)
_CHUNK = 500_000
_N_PARTNERS, _N_SDKS = 10, 5
_SCHEMA = pa.schema(
    [("event", pa.string()), ("ts", pa.timestamp("us", tz="UTC"))]
    + [(dimension, pa.string()) for dimension in DIMENSIONS]
    + [("revenue", pa.float64())]
)


def simulate_events(
    path: str | Path,
    *,
    n_events: int = 10_000_000,
    n_slices: int = 50_000,
    days: int = 31,
    start: datetime = datetime(2026, 1, 5, tzinfo=UTC),
    random_state: int = 0,
) -> Path:
    """Write single events, ordered by time, to one Parquet file (zstd).

    Parameters
    ----------
    path : str or Path
        The file; its folder must exist.
    n_events : int
        At least 1.
    n_slices : int
        Leaf slices that have traffic, 1 to 2,000,000; heavy-tailed (the r-th has a weight of r^-0.8).
    days : int
        1 to 1,000.
    start : datetime
        Aware UTC.
    random_state : int
        The same number gives the same file.

    Returns
    -------
    Path
        Columns event (view, click, install), ts, country, app, partner, sdk, revenue (null except for installs).

    Raises
    ------
    InputError
        A size out of range.
    """
    for name, size, most in (("n_events", n_events, 10**10), ("n_slices", n_slices, 2_000_000), ("days", days, 1000)):
        if not 1 <= size <= most:
            raise InputError(f"The setting {name}", allowed=f"1 to {most:,}", got=size)
    rng = np.random.default_rng(random_state)
    slices = _slices(rng, n_slices)
    weight = np.cumsum(np.arange(1, n_slices + 1) ** -0.8)
    weight /= weight[-1]
    hours = np.concatenate([[0.0], np.cumsum(1 + 0.5 * np.cos(2 * np.pi * (np.arange(days * 24) - 20) / 24))])
    hours /= hours[-1]
    origin = np.datetime64(start.replace(tzinfo=None), "us")
    with pq.ParquetWriter(path, _SCHEMA, compression="zstd", store_schema=False) as writer:
        for first in range(0, n_events, _CHUNK):
            n = min(_CHUNK, n_events - first)
            # one chunk holds one part of the time, so that the whole file is in order
            quantile = np.sort((first + n * rng.random(n)) / n_events)
            moment = np.interp(quantile, hours, np.arange(days * 24 + 1)) * timedelta(hours=1).total_seconds()
            leaf = np.searchsorted(weight, rng.random(n), side="right")
            event = np.searchsorted(np.cumsum(_EVENT_SHARES)[:-1], rng.random(n), side="right")
            columns = [_dictionary(event, EVENTS), pa.array(origin + (moment * 1e6).astype("timedelta64[us]"))]
            columns += [_dictionary(codes[leaf], names) for codes, names in slices]
            columns.append(pa.array(rng.lognormal(0.0, 0.5, n).round(2), mask=event != EVENTS.index("install")))
            writer.write_table(pa.table(columns, names=_SCHEMA.names).cast(_SCHEMA))
    return Path(path)


def _slices(rng: np.random.Generator, n_slices: int) -> list[tuple[np.ndarray, list[str]]]:
    """Different combinations drawn from twice as many; codes and names of each dimension."""
    n_apps = -(-2 * n_slices // (len(COUNTRIES) * _N_PARTNERS * _N_SDKS))
    sizes = (len(COUNTRIES), n_apps, _N_PARTNERS, _N_SDKS)
    chosen = rng.choice(int(np.prod(sizes)), n_slices, replace=False)
    names = (
        [code for code, _, _ in COUNTRIES],
        [f"app {number}" for number in range(1, n_apps + 1)],
        [f"partner {chr(ord('A') + number)}" for number in range(_N_PARTNERS)],
        [f"5.{number}.0" for number in range(_N_SDKS)],
    )
    return list(zip(np.unravel_index(chosen, sizes), names, strict=True))


def _dictionary(codes: np.ndarray, names: list[str] | tuple[str, ...]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names, type=pa.string()))
