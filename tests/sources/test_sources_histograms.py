"""Histograms of what entities did: those of plain loops, the same on DuckDB, PostgreSQL and Spark."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.sources.conftest import POSTGRES, START
from tocsin.config import SourceSettings
from tocsin.errors import SourceError
from tocsin.model import MISSING, Histograms
from tocsin.sources import HistogramQuery, Source, compile_sql, open_source
from tocsin.windows import WindowGrid

GOLDEN = Path(__file__).parent / "golden"
BERLIN = ZoneInfo("Europe/Berlin")
GRID = WindowGrid(timedelta(days=1), "Europe/Berlin")
NOW = START + timedelta(hours=30)
CASES: dict[str, dict[str, Any]] = {
    "times": {"fine_seconds": 300, "peers": ("event", "install"), "min_records": 20, "max_entities": 5},
    "edges": {"attribute": "revenue", "edges": (-1.0, 0.5, 2.0, 8.0)},
    "values": {"attribute": "event", "categories": ("click", "buy"), "weight": "views"},
}


def _query(case: str = "times", **changes: Any) -> HistogramQuery:
    first = GRID.index_of(START)
    return HistogramQuery(GRID, first - 1, first + 3, entity="country", **{**CASES[case], **changes})


def _settings(**place: Any) -> SourceSettings:
    return SourceSettings(**{"time": "ts"} | place)


def _histograms(settings: SourceSettings, base: Path, query: HistogramQuery) -> Histograms:
    with open_source("events", settings, base) as source:
        assert source.check(query) == []
        return source.histograms(query, NOW)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, event_table: pa.Table) -> Path:
    place = tmp_path_factory.mktemp("histograms")
    pq.write_table(event_table, place / "events.parquet")
    return place


def by_hand(rows: list[dict[str, Any]], query: HistogramQuery) -> dict[tuple[int, str], Counter[int]]:
    """Window and entity -> how many records each span has, of all entities."""
    found: dict[tuple[int, str], Counter[int]] = defaultdict(Counter)
    for row in rows:
        window = GRID.index_of(row["ts"]) - query.first
        if row["country"] is None or row["ts"].replace(microsecond=0) > NOW or not 0 <= window < query.n_windows:
            continue
        span, weight = _span(row, query), row["views"] if query.weight else 1
        if span is not None and weight:
            found[window, row["country"]][span] += weight
    return found


def _span(row: dict[str, Any], query: HistogramQuery) -> int | None:
    if query.attribute is None:
        local = row["ts"].astimezone(BERLIN)
        return (local.hour * 3600 + local.minute * 60 + local.second) // query.span_seconds
    value = row[query.attribute]
    if query.categories:
        return None if value is None else [*query.categories, value].index(value) if value in query.categories else 2
    if value is None or not math.isfinite(value):
        return None
    return sum(value >= edge for edge in query.edges)


def as_dict(histograms: Histograms) -> dict[tuple[int, str], Counter[int]]:
    found = {}
    for row, (window, code) in enumerate(zip(histograms.window, histograms.code, strict=True)):
        entries = slice(histograms.indptr[row], histograms.indptr[row + 1])
        counts = dict(zip(histograms.span[entries].tolist(), histograms.count[entries].tolist(), strict=True))
        found[int(window), histograms.names[code]] = Counter(counts)
    return found


@pytest.mark.parametrize("case", CASES)
def test_duckdb_equals_plain_loops(event_table: pa.Table, folder: Path, case: str) -> None:
    query = _query(case)
    found = _histograms(_settings(path="events.parquet"), folder, query)
    expected = by_hand(event_table.to_pylist(), query)
    kept = {}
    for window in range(4):
        mine = {name: spans for (w, name), spans in expected.items() if w == window}
        many = {name: spans for name, spans in mine.items() if spans.total() >= query.min_records}
        most = sorted(many, key=lambda name: (-many[name].total(), name.encode()))[: query.max_entities]
        kept |= {(window, name): many[name] for name in most}
        counts = {left.reason: left.count for left in found.left_out[window]}
        assert counts.get("too few records", 0) == len(mine) - len(many)
        assert counts.get("entity cap", 0) == len(many) - len(most)
    assert as_dict(found) == kept
    assert found.silent.tolist() == [False, False, False, True]
    rows = list(zip(found.window.tolist(), found.code.tolist(), strict=True))
    assert rows == sorted(rows)
    assert [name.encode() for name in found.names] == sorted(name.encode() for name in found.names)
    reasons = {left.reason for left in found.general}
    assert {"future rows", "missing entity"} <= reasons
    assert ("missing attribute" in reasons) == (query.attribute is not None)


def test_peers_are_the_most_frequent_values_of_a_window(event_table: pa.Table, folder: Path) -> None:
    found = _histograms(_settings(path="events.parquet"), folder, _query())
    assert found.peers is not None
    groups: dict[tuple[int, str], Counter[tuple[str, ...]]] = defaultdict(Counter)
    for row in event_table.to_pylist():
        window = GRID.index_of(row["ts"]) - _query().first
        if row["country"] is not None and row["ts"].replace(microsecond=0) <= NOW:
            values = (MISSING if row[name] is None else str(row[name]) for name in ("event", "install"))
            groups[window, row["country"]][tuple(values)] += 1
    for row, label in enumerate(found.peers):
        counted = groups[int(found.window[row]), found.names[found.code[row]]]
        best = min(counted, key=lambda values: (-counted[values], [value.encode() for value in values]))
        assert label == f'["{best[0]}", "{best[1]}"]'


def assert_equal(left: Histograms, right: Histograms) -> None:
    for name in ("names", "window", "code", "indptr", "span", "count", "starts", "silent"):
        np.testing.assert_array_equal(getattr(left, name), getattr(right, name), err_msg=name)
    assert (left.left_out, left.general) == (right.left_out, right.general)
    assert (left.peers is None) == (right.peers is None)
    if left.peers is not None and right.peers is not None:
        assert left.peers.tolist() == right.peers.tolist()
    assert [left.digest_of(w) for w in range(4)] == [right.digest_of(w) for w in range(4)]


@pytest.mark.postgres
def test_postgres_equals_duckdb(event_table: pa.Table, folder: Path, postgres: Any) -> None:
    table = postgres("histograms", event_table)
    for case in CASES:
        expected = _histograms(_settings(path="events.parquet"), folder, _query(case))
        assert_equal(_histograms(_settings(url=POSTGRES, table=table), folder, _query(case)), expected)
    with open_source("events", _settings(url=POSTGRES, table=table), folder) as source:
        edges = source.edges(_query("edges"), 6, NOW)
    with open_source("events", _settings(path="events.parquet"), folder) as source:
        assert edges == source.edges(_query("edges"), 6, NOW)


@pytest.mark.spark
def test_spark_equals_duckdb(folder: Path, spark: Any) -> None:
    query = _query(peers=())
    with open_source("events", _settings(url="spark://", table="events.parquet"), folder) as source:
        assert_equal(source.histograms(query, NOW), _histograms(_settings(path="events.parquet"), folder, query))


def test_spans_roll_up_to_bins(folder: Path) -> None:
    fine = _histograms(_settings(path="events.parquet"), folder, _query())
    plain = _histograms(_settings(path="events.parquet"), folder, _query(fine_seconds=None))
    for window in range(4):
        places = fine.code[fine.rows_of(window)].astype(np.int64)
        spans = fine.spans_of(fine.rows_of(window), places, len(fine.names))
        assert spans.shape == (len(fine.names), 288)
        bins = plain.spans_of(plain.rows_of(window), places, len(plain.names))
        np.testing.assert_array_equal(fine.rolled_up(spans), bins)
    assert plain.labels[:2] == ("00:00", "01:00")


@pytest.mark.parametrize(
    ("day", "n_hours", "hour", "n_records"),
    [(datetime(2024, 3, 31, tzinfo=BERLIN), 23, 2, 0), (datetime(2024, 10, 27, tzinfo=BERLIN), 25, 2, 2)],
)
def test_bins_follow_the_wall_clock_when_it_changes(
    opened: Callable[..., Source], day: datetime, n_hours: int, hour: int, n_records: int
) -> None:
    """One record each half hour: the hour that is skipped is empty, the one that comes twice has both."""
    begin = day.astimezone(UTC)
    times = [begin + timedelta(minutes=30 + 60 * k) for k in range(n_hours)]
    table = pa.table({"ts": pa.array(times, pa.timestamp("us", "UTC")), "country": ["x"] * n_hours})
    query = HistogramQuery(GRID, GRID.index_of(begin), GRID.index_of(begin) + 1, entity="country")
    with opened(table, _settings(path="rows.parquet")) as source:
        found = source.histograms(query, datetime(2025, 1, 1, tzinfo=UTC))
    (counts,) = found.spans_of(found.rows_of(0), np.zeros(1, dtype=np.int64), 1).tolist()
    expected = [1] * 24
    expected[hour] = n_records
    assert counts == expected


def test_edges_are_quantiles_to_four_digits(opened: Callable[..., Source]) -> None:
    values = [*np.linspace(1, 1000, 999).tolist(), math.nan, math.inf, None, -5.0, 0.0]
    n = len(values)
    table = pa.table(
        {"ts": pa.array([START] * n, pa.timestamp("us", "UTC")), "country": ["x"] * n, "revenue": pa.array(values)}
    )
    with opened(table, _settings(path="rows.parquet")) as source:
        edges = source.edges(_query("edges"), 4, NOW)
        assert edges == pytest.approx((249, 499.5, 750), rel=0.01)
        assert all(float(f"{edge:.4g}") == edge for edge in edges)
        none = HistogramQuery(GRID, 0, 2, entity="country", attribute="revenue")
        assert source.edges(none, 4, NOW) == ()
    same = table.set_column(2, "revenue", pa.array([7.0] * n))
    with opened(same, _settings(path="rows.parquet")) as source:
        assert source.edges(_query("edges"), 4, NOW) == (7.0,), "all alike: below, and from there on"


@pytest.mark.parametrize("weight", [-1.0, 1.5, math.nan, math.inf, None, 1e13])
def test_a_weight_that_is_no_number_of_records_leaves_its_row_out(
    opened: Callable[..., Source], weight: float | None
) -> None:
    table = pa.table(
        {
            "ts": pa.array([START] * 3, pa.timestamp("us", "UTC")),
            "country": ["x"] * 3,
            "views": pa.array([3.0, weight, 0.0], pa.float64()),
        }
    )
    with opened(table, _settings(path="rows.parquet")) as source:
        found = source.histograms(_query(weight="views", min_records=1, peers=()), NOW)
    assert found.count.tolist() == [3]
    assert {left.reason: left.count for left in found.general} == {"unusable weight": 1}


def test_an_empty_table_has_no_histograms(opened: Callable[..., Source], event_table: pa.Table) -> None:
    with opened(event_table.slice(0, 0), _settings(path="rows.parquet")) as source:
        found = source.histograms(_query(), NOW)
    assert (len(found.window), found.indptr.tolist(), found.silent.all()) == (0, [0], True)
    assert len(found.digest_of(0)) == len(found.digest_of(3))


@pytest.mark.parametrize(
    ("case", "changes", "said"),
    [
        ("times", {"entity": "contry"}, "did you mean 'country'"),
        ("times", {"peers": ("evnt",)}, "did you mean 'event'"),
        ("edges", {"attribute": "country"}, "bins are a list of its values"),
        ("values", {"weight": "country"}, "the weight 'country'"),
    ],
)
def test_a_mistake_is_named(
    opened: Callable[..., Source], event_table: pa.Table, case: str, changes: Any, said: str
) -> None:
    asked = {"entity": "country", **CASES[case], **changes}
    first = GRID.index_of(START)
    with opened(event_table, _settings(path="rows.parquet")) as source, pytest.raises(SourceError, match=said):
        source.histograms(HistogramQuery(GRID, first, first + 1, **asked), NOW)


@pytest.mark.parametrize("dialect", ["bigquery", "clickhouse", "snowflake"])
def test_compiled_sql_is_as_pinned(dialect: str) -> None:
    schema = {"ts": "timestamp('UTC')", "country": "string", "event": "string", "install": "int64", "user": "int64",
              "revenue": "float64", "views": "int64"}  # fmt: skip
    settings = SourceSettings(url="duckdb://unused", table="events", time="ts")
    now = datetime(2024, 5, 3, tzinfo=UTC)
    sql = compile_sql("events", settings, schema, _query(weight="views"), dialect, now) + "\n"
    file = GOLDEN / f"histograms_{dialect}.sql"
    if os.environ.get("TOCSIN_REWRITE_GOLDEN"):
        file.write_text(sql, encoding="utf-8")
    assert sql == file.read_text(encoding="utf-8"), "rewrite with TOCSIN_REWRITE_GOLDEN=1 and read the difference"
