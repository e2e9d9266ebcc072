"""The SQL for engines that no test can reach is pinned in files; TOCSIN_REWRITE_GOLDEN=1 rewrites them."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlglot

from tests.sources.conftest import query_for
from tocsin.config import SourceSettings
from tocsin.errors import SourceError
from tocsin.sources import DIALECTS, compile_sql

GOLDEN = Path(__file__).parent / "golden"
NOW = datetime(2024, 5, 11, tzinfo=UTC)
SCHEMA = {
    "ts": "timestamp('UTC')",
    "local": "timestamp",
    "stamp": "string",
    "event": "string",
    "user": "int64",
    "revenue": "float64",
    "views": "int64",
    "country": "string",
    "install": "int32",
    "select": "boolean",
}
CASES = {
    # daylight saving time begins inside the windows
    "events": ("ts", "1d", ("country", "install", "select"), 2),
    "local_times": ("local", "15min", ("country",), 1),
    "texts": ("stamp", "1h", (), 0),
}


def _compiled(case: str, dialect: str) -> str:
    time, window, dimensions, depth = CASES[case]
    settings = SourceSettings(
        url="duckdb://unused",
        table="events",
        time=time,
        time_zone="Europe/Berlin",
        measures={
            "views": "sum(views)",
            "clicks": "count where event = 'click'",
            "users": "distinct(user)",
            "order": "mean(revenue)",
        },
    )
    start = datetime(2024, 3, 29, 23, tzinfo=UTC)
    query = query_for(
        settings, dimensions, window=window, start=start, n_windows=4, depth=depth, zone="Europe/Berlin",
        min_traffic=2.5, max_slices=1000,
    )  # fmt: skip
    return compile_sql("events", settings, SCHEMA, query, dialect, NOW) + "\n"


@pytest.mark.parametrize("dialect", ["bigquery", "clickhouse", "snowflake"])
@pytest.mark.parametrize("case", CASES)
def test_compiled_sql_is_as_pinned(case: str, dialect: str) -> None:
    sql = _compiled(case, dialect)
    file = GOLDEN / f"{case}_{dialect}.sql"
    if os.environ.get("TOCSIN_REWRITE_GOLDEN"):
        file.write_text(sql, encoding="utf-8")
    assert sql == file.read_text(encoding="utf-8"), "rewrite with TOCSIN_REWRITE_GOLDEN=1 and read the difference"


@pytest.mark.parametrize("dialect", sorted(set(DIALECTS) - {"pyspark"}))
def test_every_dialect_groups_in_the_engine_and_reads_back(dialect: str) -> None:
    sql = _compiled("events", dialect)
    assert "GROUPING SETS" in sql
    assert "777" not in sql, "a stand-in for GROUPING() was left"
    tree = sqlglot.parse_one(sql, dialect=dialect)
    sets = tree.find(sqlglot.exp.GroupingSets)
    assert len(sets.expressions) == 7
    assert not list(tree.find_all(sqlglot.exp.Insert, sqlglot.exp.Create, sqlglot.exp.Delete))


def test_distinct_counts_are_exact_on_clickhouse() -> None:
    sql = _compiled("events", "clickhouse")
    assert "uniqExact(" in sql
    assert "uniq(" not in sql


def test_a_dialect_without_grouping_sets_is_refused_by_name() -> None:
    with pytest.raises(SourceError, match=r"bigquery.*'sqlite'"):
        _compiled("events", "sqlite")
