"""Tables for the tests of sources: written as Parquet, loaded into PostgreSQL, registered in Spark."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tocsin.config import SourceSettings
from tocsin.model import Facts
from tocsin.sources import FactsQuery, Source, open_source
from tocsin.windows import WindowGrid, parse_duration

NOW = datetime(2024, 6, 1, tzinfo=UTC)
START = datetime(2024, 5, 1, tzinfo=UTC)


def settings_for(path: str = "rows.parquet", time: str = "ts", zone: str = "UTC", **measures: str) -> SourceSettings:
    return SourceSettings(path=path, time=time, time_zone=zone, measures=measures or {"n": "count"})


def query_for(
    settings: SourceSettings,
    dimensions: tuple[str, ...] = (),
    *,
    window: str = "1h",
    start: datetime = START,
    n_windows: int = 24,
    depth: int = 2,
    traffic: str | None = None,
    zone: str = "UTC",
    **rest: Any,
) -> FactsQuery:
    grid = WindowGrid(parse_duration(window), zone)
    first = grid.index_of(start)
    measures = tuple(settings.measures)
    return FactsQuery(grid, first, first + n_windows, measures, dimensions, depth, traffic or measures[0], **rest)


def as_dict(facts: Facts) -> dict[tuple[tuple[str, str], ...], dict[int, dict[str, float]]]:
    """The shape of `facts_by_hand`."""
    found: dict[tuple[tuple[str, str], ...], dict[int, dict[str, float]]] = {}
    for index in range(facts.n_slices):
        entries = range(facts.indptr[index], facts.indptr[index + 1])
        found[facts.slice_at(index).items] = {
            int(facts.window[entry]): {label: float(values[entry]) for label, values in facts.measures.items()}
            for entry in entries
        }
    return found


def assert_same_facts(left: dict[Any, Any], right: dict[Any, Any]) -> None:
    assert sorted(left) == sorted(right)
    for key, windows in left.items():
        assert sorted(windows) == sorted(right[key]), key
        for window, measures in windows.items():
            assert measures == pytest.approx(right[key][window], rel=1e-9, abs=1e-9, nan_ok=True), (key, window)


@pytest.fixture
def parquet(tmp_path: Path) -> Callable[[Any], Path]:
    """Writes a table as rows.parquet and returns its folder."""

    def write(table: Any) -> Path:
        pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), tmp_path / "rows.parquet")
        return tmp_path

    return write


@pytest.fixture
def opened(parquet: Callable[[Any], Path]) -> Iterator[Callable[..., Source]]:
    """Opens a table as a source over DuckDB."""
    sources: list[Source] = []

    def open_table(table: Any, settings: SourceSettings) -> Source:
        sources.append(open_source("rows", settings, parquet(table)))
        return sources[-1]

    yield open_table
    for source in sources:
        source.__exit__(None, None, None)


@pytest.fixture(scope="session")
def event_table() -> pa.Table:
    """5,000 funnel events of two days with everything that engines differ in."""
    random = np.random.default_rng(7)
    n = 5_000
    seconds = random.integers(-3 * 3600, 51 * 3600, n)
    micros = random.choice([0, 1, 999_999], n)
    times = [START + timedelta(seconds=int(s), microseconds=int(m)) for s, m in zip(seconds, micros, strict=True)]
    countries = random.choice(["DE", "Österreich", "it's", 'say "hi"', "a\nb", "<b>🎉</b>", "", None], n)
    revenue = np.round(random.gamma(0.5, 3.0, n), 2)
    revenue[random.random(n) < 0.02] *= -1
    special = random.random(n)
    revenue = np.where(special < 0.01, np.nan, np.where(special < 0.02, np.inf, revenue))
    return pa.table(
        {
            "ts": pa.array(times, pa.timestamp("us", "UTC")),
            "naive": pa.array([time.replace(tzinfo=None) for time in times], pa.timestamp("us")),
            "text": [time.isoformat() if index % 50 else "soon" for index, time in enumerate(times)],
            "epoch_ms": pa.array([int(time.timestamp() * 1000) for time in times], pa.int64()),
            "day": pa.array([time.date() for time in times], pa.date32()),
            "country": pa.array(countries, pa.string()),
            "install": pa.array(np.where(random.random(n) < 0.1, None, random.integers(0, 4, n)), pa.int64()),
            "paid": pa.array(np.where(random.random(n) < 0.1, None, random.random(n) < 0.3), pa.bool_()),
            "event": pa.array(random.choice(["view", "click", None], n, p=[0.8, 0.15, 0.05]), pa.string()),
            "user": pa.array(np.where(random.random(n) < 0.1, None, random.integers(0, 60, n)), pa.int64()),
            "revenue": pa.array(revenue, pa.float64()),
            "views": pa.array(random.integers(0, 5, n), pa.int32()),
        }
    )


POSTGRES = os.environ.get("TOCSIN_TEST_POSTGRES", "postgresql://127.0.0.1/test")
SCHEMA = f"tocsin_sources_{os.getpid()}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[str, pa.Table], str]]:
    """Loads tables into a schema of its own, which is dropped at the end; the function returns "schema.table"."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'tocsin[postgres]')")
    try:
        connection = psycopg.connect(POSTGRES, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL server: {type(error).__name__}")
    kinds = {
        pa.timestamp("us", "UTC"): "timestamptz", pa.timestamp("us"): "timestamp", pa.date32(): "date",
        pa.int64(): "bigint", pa.int32(): "integer", pa.float64(): "double precision", pa.bool_(): "boolean",
    }  # fmt: skip

    def load(name: str, table: pa.Table) -> str:
        columns = ", ".join(f'"{field.name}" {kinds.get(field.type, "text")}' for field in table.schema)
        connection.execute(f'CREATE TABLE {SCHEMA}."{name}" ({columns})')
        with connection.cursor() as cursor, cursor.copy(f'COPY {SCHEMA}."{name}" FROM STDIN') as copy:
            for row in table.to_pylist():
                copy.write_row(tuple(row.values()))
        return f"{SCHEMA}.{name}"

    connection.execute(f"CREATE SCHEMA {SCHEMA}")
    yield load
    connection.execute(f"DROP SCHEMA {SCHEMA} CASCADE")
    connection.close()
