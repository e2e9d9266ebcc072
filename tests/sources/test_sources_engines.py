"""The same rows give the same facts on DuckDB, PostgreSQL and Spark, and the facts of plain loops."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.reference.facts_by_hand import facts_by_hand
from tests.sources.conftest import NOW, POSTGRES, START, as_dict, assert_same_facts, query_for
from tocsin.config import SourceSettings
from tocsin.model import Facts
from tocsin.sources import FactsQuery, open_source

MEASURES = {
    "events": "count",
    "clicks": "count where event = 'click'",
    "known": "count(install)",
    "amounts": "count(revenue)",
    "views": "sum(views)",
    "revenue": "sum(revenue)",
    "paid_views": "sum(views) where paid = 'true'",
    "payers": "sum(paid)",
    "order": "mean(revenue)",
    "users": "distinct(user)",
    "clickers": "distinct(user) where event = 'click'",
}
DIMENSIONS = ("country", "install", "paid")
TIMES = (("ts", "UTC"), ("naive", "Europe/Berlin"), ("text", "UTC"), ("epoch_ms", "UTC"), ("day", "Europe/Berlin"))


def _settings(time: str, zone: str, **place: Any) -> SourceSettings:
    return SourceSettings(time=time, time_zone=zone, measures=MEASURES, **place)


def _query(settings: SourceSettings, **changes: Any) -> FactsQuery:
    return query_for(
        settings, DIMENSIONS, **{"window": "2h", "n_windows": 18, "depth": 2, "zone": "Europe/Berlin"} | changes
    )


def _facts(settings: SourceSettings, base: Path, **changes: Any) -> Facts:
    # now lies inside the windows: some rows are in the future
    with open_source("events", settings, base) as source:
        return source.facts(_query(settings, **changes), START + timedelta(hours=30))


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory, event_table: pa.Table) -> Path:
    place = tmp_path_factory.mktemp("events")
    pq.write_table(event_table, place / "events.parquet")
    return place


@pytest.fixture(scope="session")
def of_duckdb(folder: Path) -> Callable[[str, str], Facts]:
    return lambda time, zone: _facts(_settings(time, zone, path="events.parquet"), folder)


def _assert_equal(facts: Facts, expected: Facts) -> None:
    assert [list(values) for values in facts.values] == [list(values) for values in expected.values]
    for name in ("codes", "starts", "indptr", "window", "silent"):
        np.testing.assert_array_equal(getattr(facts, name), getattr(expected, name), err_msg=name)
    for label in expected.measures:
        np.testing.assert_allclose(facts.measures[label], expected.measures[label], rtol=1e-11, err_msg=label)
    assert (facts.n_rows, facts.left_out) == (expected.n_rows, expected.left_out)


@pytest.mark.parametrize(("time", "zone"), TIMES)
def test_duckdb_equals_plain_loops(time: str, zone: str, event_table: pa.Table, of_duckdb: Any) -> None:
    settings = _settings(time, zone, path="events.parquet")
    facts = of_duckdb(time, zone)
    expected = facts_by_hand(event_table.to_pylist(), settings, _query(settings), START + timedelta(hours=30))
    assert len(expected) > 60
    assert_same_facts(as_dict(facts), expected)
    assert facts.n_rows == sum(row["events"] for row in expected[()].values())
    reasons = {left.reason: left.count for left in facts.left_out}
    assert reasons["future rows"] > 0
    assert reasons["infinite measure"] > 0
    assert reasons["negative measure"] > 0
    assert reasons.get("unparseable time", 0) == (100 if time == "text" else 0)


@pytest.mark.postgres
@pytest.mark.parametrize(("time", "zone"), TIMES)
def test_postgres_equals_duckdb(
    time: str, zone: str, event_table: pa.Table, of_duckdb: Any, postgres: Any, tmp_path: Path
) -> None:
    table = postgres(f"events_{time}", event_table)
    _assert_equal(_facts(_settings(time, zone, url=POSTGRES, table=table), tmp_path), of_duckdb(time, zone))


@pytest.mark.spark
@pytest.mark.parametrize(("time", "zone"), TIMES[:4])
def test_spark_equals_duckdb(time: str, zone: str, folder: Path, of_duckdb: Any, spark: Any) -> None:
    settings = _settings(time, zone, url="spark://", table="events.parquet")
    _assert_equal(_facts(settings, folder), of_duckdb(time, zone))


def _capped(settings: SourceSettings, base: Path) -> Facts:
    return _facts(settings, base, depth=3, min_traffic=0.8, max_slices=31, traffic="views")


@pytest.mark.postgres
def test_cap_and_floor_on_postgres(event_table: pa.Table, folder: Path, postgres: Any) -> None:
    table = postgres("events_cap", event_table)
    expected = _capped(_settings("ts", "UTC", path="events.parquet"), folder)
    assert expected.n_slices == 31
    _assert_equal(_capped(_settings("ts", "UTC", url=POSTGRES, table=table), folder), expected)


@pytest.mark.spark
def test_cap_and_floor_on_spark(folder: Path, spark: Any) -> None:
    expected = _capped(_settings("ts", "UTC", path="events.parquet"), folder)
    _assert_equal(_capped(_settings("ts", "UTC", url="spark://", table="events.parquet"), folder), expected)


@pytest.mark.postgres
def test_postgres_sessions_cannot_write(event_table: pa.Table, postgres: Any, tmp_path: Path) -> None:
    import psycopg

    table = postgres("events_read_only", event_table.slice(0, 10))
    with open_source("events", _settings("ts", "UTC", url=POSTGRES, table=table), tmp_path) as source:
        connection = source._engine.table._find_backend().con
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            connection.execute(f"DELETE FROM {table}")


@pytest.mark.postgres
def test_check_extent_and_describe_on_postgres(event_table: pa.Table, postgres: Any, tmp_path: Path) -> None:
    table = postgres("events_checked", event_table)
    settings = _settings("ts", "UTC", url=POSTGRES, table=table)
    with open_source("events", settings, tmp_path) as source:
        assert source.check() == []
        assert source.check(_query(settings)) == []
        times = event_table["ts"].to_pylist()
        assert source.extent() == tuple(time.replace(microsecond=0) for time in (min(times), max(times)))
        described = source.describe()
    assert described.n_rows == 5_000
    assert described.column("country").n_null == event_table["country"].null_count
    assert described.column("text").time_format == "ISO 8601"
    assert described.column("ts").max < NOW


@pytest.mark.postgres
def test_dimension_of_an_enumerated_type_on_postgres(postgres: Any, tmp_path: Path) -> None:
    import psycopg

    table = postgres(
        "kinds", pa.table({"ts": pa.array([START, START], pa.timestamp("us", "UTC")), "kind": ["a", None]})
    )
    schema = table.split(".")[0]
    with psycopg.connect(POSTGRES, autocommit=True) as connection:
        connection.execute(f"CREATE TYPE {schema}.kind AS ENUM ('a', 'b')")
        connection.execute(f"ALTER TABLE {table} ALTER kind TYPE {schema}.kind USING kind::{schema}.kind")
    settings = SourceSettings(url=POSTGRES, table=table, time="ts", measures={"n": "count"})
    with open_source("kinds", settings, tmp_path) as source:
        facts = source.facts(query_for(settings, ("kind",)), NOW)
    assert as_dict(facts) == {
        (): {0: {"n": 2.0}},
        (("kind", "(missing)"),): {0: {"n": 1.0}},
        (("kind", "a"),): {0: {"n": 1.0}},
    }
