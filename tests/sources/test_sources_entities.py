"""Entities with mixed attributes: the table of plain loops, the same on DuckDB, PostgreSQL and Spark."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.conftest import POSTGRES, START
from tocsin.config import SourceSettings
from tocsin.errors import SourceError
from tocsin.model import EntityTable, Kpi, Measure
from tocsin.sources import EntityQuery, Source, compile_sql, open_source
from tocsin.windows import WindowGrid

GOLDEN = Path(__file__).parent / "golden"
MEASURES = {"clicks": "count where event = 'click'"}
FEATURES = {
    "events": Measure.parse("count"),
    "views": Measure.parse("sum(views)"),
    "order": Measure.parse("mean(revenue)"),
    "users": Measure.parse("distinct(user)"),
    "ctr": Kpi.parse("clicks / views"),
}
GRID = WindowGrid(timedelta(days=1), "Europe/Berlin")
NOW = START + timedelta(hours=30)
OLD, YOUNG = datetime(2020, 1, 2), datetime(2021, 1, 1)  # noqa: DTZ001 - as a column without a zone has them


def _query(**changes: Any) -> EntityQuery:
    first = GRID.index_of(START)
    asked = {"features": FEATURES, "attributes": ("event", "install"), "min_records": 20, "max_entities": 5} | changes
    return EntityQuery(GRID, first - 1, first + 3, entity="country", **asked)


def _settings(**place: Any) -> SourceSettings:
    return SourceSettings(**{"time": "ts", "measures": MEASURES} | place)


def _entities(settings: SourceSettings, base: Path, query: EntityQuery) -> EntityTable:
    with open_source("events", settings, base) as source:
        assert source.check(query) == []
        return source.entities(query, NOW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, event_table: pa.Table) -> Path:
    place = tmp_path_factory.mktemp("entities")
    pq.write_table(event_table, place / "events.parquet")
    return place


@pytest.fixture(scope="module")
def of_duckdb(folder: Path) -> EntityTable:
    return _entities(_settings(path="events.parquet"), folder, _query())


def by_hand(rows: list[dict[str, Any]], query: EntityQuery) -> dict[tuple[int, str], dict[str, Any]]:
    """Window and entity -> its attributes, of all entities."""
    groups: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        window = GRID.index_of(row["ts"]) - query.first
        if row["country"] is not None and row["ts"].replace(microsecond=0) <= NOW and 0 <= window < query.n_windows:
            groups[window, row["country"]].append(row)
    return {key: _attributes(mine) for key, mine in groups.items()}


def _attributes(mine: list[dict[str, Any]]) -> dict[str, Any]:
    orders = [row["revenue"] for row in mine if row["revenue"] is not None and math.isfinite(row["revenue"])]
    views, clicks = sum(row["views"] for row in mine), sum(row["event"] == "click" for row in mine)
    found: dict[str, Any] = {
        "events": len(mine),
        "views": views,
        "order": sum(orders) / len(orders) if orders else math.nan,
        "users": len({row["user"] for row in mine} - {None}),
        "ctr": clicks / views if views else math.nan,
    }
    for name in ("event", "install"):
        counted = Counter(str(row[name]) for row in mine if row[name] is not None)
        found[name] = min(counted, key=lambda value: (-counted[value], value)) if counted else None
    return found


def test_duckdb_equals_plain_loops(event_table: pa.Table, of_duckdb: EntityTable) -> None:
    expected = by_hand(event_table.to_pylist(), _query())
    kept: dict[tuple[int, str], dict[str, Any]] = {}
    for window in range(4):
        mine = {name: found for (w, name), found in expected.items() if w == window and found["events"] >= 20}
        most = sorted(mine, key=lambda name: (-mine[name]["events"], name))[:5]
        kept |= {(window, name): mine[name] for name in most}
        counts = {left.reason: left.count for left in of_duckdb.left_out[window]}
        n_few = sum(1 for (w, _), found in expected.items() if w == window and found["events"] < 20)
        assert counts.get("too few records", 0) == n_few
        assert counts.get("entity cap", 0) == max(0, len(mine) - 5)
    assert list(zip(of_duckdb.window.tolist(), of_duckdb.names, strict=True)) == sorted(kept)
    for row, key in enumerate(sorted(kept)):
        for name, value in kept[key].items():
            found = of_duckdb.columns[name][row]
            assert found == value if isinstance(value, str) or value is None else found == pytest.approx(value), name
        assert of_duckdb.n_records[row] == kept[key]["events"]
    assert of_duckdb.silent.tolist() == [False, False, False, True], "the first local day begins in the evening"
    assert {left.reason for left in of_duckdb.general} >= {"future rows", "missing entity", "infinite measure"}
    assert of_duckdb.window_at(1).start == GRID.start_of(_query().first + 1) == START - timedelta(hours=2)


def assert_equal(left: EntityTable, right: EntityTable) -> None:
    for name in ("names", "window", "n_records", "starts", "silent"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)
    assert list(left.columns) == list(right.columns)
    for name, column in left.columns.items():
        np.testing.assert_array_equal(column, right.columns[name], err_msg=name)
    assert (left.left_out, left.general) == (right.left_out, right.general)


@pytest.mark.postgres
def test_postgres_equals_duckdb(event_table: pa.Table, of_duckdb: EntityTable, postgres: Any, tmp_path: Path) -> None:
    table = postgres("entities", event_table)
    assert_equal(_entities(_settings(url=POSTGRES, table=table), tmp_path, _query()), of_duckdb)
    ready = _query(features={}, attributes=(), columns=("install", "paid", "event", "views", "day"), min_records=1)
    here = tmp_path / "here"
    here.mkdir()
    pq.write_table(event_table, here / "events.parquet")
    expected = _entities(_settings(path="events.parquet"), here, ready)
    assert_equal(_entities(_settings(url=POSTGRES, table=table), tmp_path, ready), expected)


@pytest.mark.spark
def test_spark_equals_duckdb(folder: Path, spark: Any) -> None:
    """One attribute: Spark plans each for seconds."""
    query = _query(
        attributes=("event",), features={name: FEATURES[name] for name in ("views", "order", "users", "ctr")}
    )
    expected = _entities(_settings(path="events.parquet"), folder, query)
    with open_source("events", _settings(url="spark://", table="events.parquet"), folder) as source:
        assert_equal(source.entities(query, NOW), expected)


def test_equally_frequent_values_go_by_their_bytes(opened: Callable[..., Source]) -> None:
    values = ["a", "B", "Ä", None, None, None]
    table = pa.table({"ts": pa.array([START] * 6, pa.timestamp("us", "UTC")), "country": ["x"] * 6, "event": values})
    with opened(table, SourceSettings(path="rows.parquet", time="ts")) as source:
        found = source.entities(
            _query(attributes=("event",), features={"n": Measure.parse("count")}, min_records=1), NOW
        )
    assert found.columns["event"].tolist() == ["B"]


def test_a_table_of_entities_keeps_its_types(opened: Callable[..., Source]) -> None:
    table = pa.table(
        {
            "publisher": ["b", "a", "a", None],
            "since": pa.array([OLD, None, YOUNG, None], pa.timestamp("us")),
            "rank": pa.array([1, 2, None, 4], pa.int32()),
            "verified": [True, None, False, True],
            "tags": [["x"], [], None, None],
        }
    )
    query = EntityQuery(GRID, 10, 12, entity="publisher", features={})
    with opened(table, SourceSettings(path="rows.parquet")) as source:
        found = source.entities(query, GRID.start_of(12))
    assert found.names.tolist() == ["a", "b"]
    assert found.window.tolist() == [1, 1]
    assert found.silent.tolist() == [True, False]
    assert found.columns["since"].tolist() == [YOUNG, OLD]
    assert np.isnan(found.columns["rank"][0])
    assert found.columns["rank"][1] == 1
    assert found.columns["verified"].tolist() == ["false", "true"]
    assert "tags" not in found.columns
    assert {left.reason: left.count for left in found.general} == {"missing entity": 1, "unusable column": 1}
    assert [left.reason for left in found.left_out[1]] == ["repeated entity"]


def test_an_empty_table_has_no_entities(opened: Callable[..., Source], event_table: pa.Table) -> None:
    with opened(event_table.slice(0, 0), SourceSettings(path="rows.parquet", time="ts", measures=MEASURES)) as source:
        found = source.entities(_query(), NOW)
    assert len(found.names) == 0
    assert found.silent.all()
    assert set(found.columns) == {*FEATURES, "event", "install"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"attributes": ("evnt",)}, "did you mean 'event'"),
        ({"features": {"n": Measure.parse("sum(country)")}}, "a column of numbers"),
        ({"features": {"n": Kpi.parse("clics / events")}}, "did you mean 'clicks'"),
        ({"features": {}, "attributes": (), "columns": ("evnt",)}, "did you mean 'event'"),
    ],
)
def test_a_mistake_is_named(opened: Callable[..., Source], event_table: pa.Table, changes: Any, said: str) -> None:
    settings = SourceSettings(path="rows.parquet", time="ts", measures=MEASURES)
    with opened(event_table, settings) as source:
        (problem,) = source.check(_query(**changes))
        assert said in problem
        with pytest.raises(SourceError, match=said.replace("(", r"\(")):
            source.entities(_query(**changes), NOW)


@pytest.mark.parametrize("dialect", ["bigquery", "clickhouse", "snowflake"])
def test_compiled_sql_is_as_pinned(dialect: str) -> None:
    schema = {"ts": "timestamp('UTC')", "country": "string", "event": "string", "install": "int64", "user": "int64",
              "revenue": "float64", "views": "int64"}  # fmt: skip
    settings = SourceSettings(url="duckdb://unused", table="events", time="ts", measures=MEASURES)
    sql = compile_sql("events", settings, schema, _query(), dialect, datetime(2024, 5, 3, tzinfo=UTC)) + "\n"
    file = GOLDEN / f"entities_{dialect}.sql"
    if os.environ.get("TOCSIN_REWRITE_GOLDEN"):
        file.write_text(sql, encoding="utf-8")
    assert sql == file.read_text(encoding="utf-8"), "rewrite with TOCSIN_REWRITE_GOLDEN=1 and read the difference"
