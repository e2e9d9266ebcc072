"""Hostile and odd input: what a source makes of it is stated here."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from tests.sources.conftest import NOW, START, as_dict, query_for, settings_for
from tocsin.config import SourceSettings
from tocsin.errors import SourceError
from tocsin.model import MISSING, Facts, Slice
from tocsin.sources import FactsQuery, Source, open_source, open_table

Opened = Callable[..., Source]
HOUR = timedelta(hours=1)


def _times(*hours: float | None) -> pa.Array:
    return pa.array([None if hour is None else START + hour * HOUR for hour in hours], pa.timestamp("us", "UTC"))


def _total(facts: Facts, label: str = "n") -> dict[int, float]:
    return {window: row[label] for window, row in as_dict(facts).get((), {}).items()}


def _reasons(facts: Facts) -> dict[str, int]:
    return {left.reason: left.count for left in facts.left_out}


def test_slice_values_survive_exactly(opened: Opened) -> None:
    values = [
        "it's",
        'say "hi"',
        "a\nb\r\n\tc",
        "<script>alert(1)</script>",
        "🎉é中",
        "x" * 10_000,
        "x" * 9_999,
        " pad ",
        "",
        "%s {0} \\",
    ]
    settings = settings_for()
    table = {"ts": _times(*[0.5] * len(values)), "partner": values}
    facts = opened(table, settings).facts(query_for(settings, ("partner",)), NOW)
    found = [facts.slice_at(index) for index in range(1, facts.n_slices)]
    assert found == [Slice((("partner", value),)) for value in sorted(values)]
    assert [Slice.from_key(one.key) for one in found] == found


@pytest.mark.parametrize(
    "name",
    ["install", "select", "order", "group", 'a "b"', "it's", "two words", "🎉", "T", "w", "d0", "s0", "sec", "level"],
)
def test_columns_may_have_any_name(name: str, opened: Opened) -> None:
    settings = settings_for(time="when", n="count", total=f"sum({name})" if '"' not in name else "count")
    table = {"when": _times(0, 0, 1), name: [1, 2, 2]}
    facts = opened(table, settings).facts(query_for(settings, (name,)), NOW)
    assert _total(facts) == {0: 2.0, 1: 1.0}
    assert {key for key in as_dict(facts) if key} == {((name, "1"),), ((name, "2"),)}
    if '"' not in name:
        assert _total(facts, "total") == {0: 3.0, 1: 2.0}


def test_null_is_a_value_of_its_own(opened: Opened) -> None:
    settings = settings_for()
    facts = opened({"ts": _times(0, 0, 0), "a": ["", None, "b"]}, settings).facts(query_for(settings, ("a",)), NOW)
    assert list(facts.values[0]) == ["", MISSING, "b"]


def test_integers_booleans_dates_and_whole_floats_become_text(opened: Opened) -> None:
    settings = settings_for()
    table = {
        "ts": _times(0, 0),
        "i": [7, -1],
        "b": [True, False],
        "d": [date(2024, 1, 2), None],
        "f": [5.0, math.nan],
        "e": pa.array(["x", "y"]).dictionary_encode(),
    }
    facts = opened(table, settings).facts(query_for(settings, tuple("ibdfe"), depth=1), NOW)
    assert [list(values) for values in facts.values] == [
        ["-1", "7"], ["false", "true"], [MISSING, "2024-01-02"], [MISSING, "5"], ["x", "y"],
    ]  # fmt: skip


def test_a_dimension_that_cannot_be_text_is_refused(opened: Opened) -> None:
    settings = settings_for()
    source = opened({"ts": _times(0), "tags": [["a", "b"]]}, settings)
    with pytest.raises(SourceError, match=r"dimension 'tags'.*texts, integers.*array"):
        source.facts(query_for(settings, ("tags",)), NOW)


def test_future_rows_wait_and_are_counted(opened: Opened) -> None:
    settings = settings_for()
    now = START + 2 * HOUR
    table = {"ts": _times(0, 2, 2.001, 5, 500, -3)}
    facts = opened(table, settings).facts(query_for(settings, n_windows=24), now)
    assert _total(facts) == {0: 1.0, 2: 1.0}
    assert _reasons(facts) == {"future rows": 3}
    assert facts.n_rows == 2


def test_edges_of_windows_belong_to_the_later_one(opened: Opened) -> None:
    settings = settings_for()
    micro = timedelta(microseconds=1)
    times = [START - micro, START, START + HOUR - micro, START + HOUR, START + 3 * HOUR - micro, START + 3 * HOUR]
    facts = opened({"ts": pa.array(times, pa.timestamp("us", "UTC"))}, settings).facts(
        query_for(settings, n_windows=3), NOW
    )
    assert _total(facts) == {0: 2.0, 1: 1.0, 2: 1.0}


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_time_stamps_of_every_unit(unit: str, opened: Opened) -> None:
    settings = settings_for()
    table = {"ts": pa.array([START, START + HOUR], pa.timestamp(unit, "UTC"))}
    assert _total(opened(table, settings).facts(query_for(settings), NOW)) == {0: 1.0, 1: 1.0}


@pytest.mark.parametrize("factor", [1, 1_000, 1_000_000])
@pytest.mark.parametrize("kind", [pa.int64(), pa.float64()])
def test_numbers_are_epochs_by_their_size(factor: int, kind: pa.DataType, opened: Opened) -> None:
    settings = settings_for()
    seconds = [START.timestamp(), START.timestamp() + 3599, START.timestamp() + 3600, None]
    table = {"ts": pa.array([second and int(second * factor) for second in seconds], kind)}
    facts = opened(table, settings).facts(query_for(settings), NOW)
    assert _total(facts) == {0: 2.0, 1: 1.0}
    assert _reasons(facts) == {"missing time": 1}


def test_times_that_cannot_be_read_are_counted(opened: Opened) -> None:
    settings = settings_for()
    table = {"ts": ["2024-05-01T00:30:00Z", "yesterday", "", None, "2024-05-01 01:00", "2024-02-30"]}
    facts = opened(table, settings).facts(query_for(settings), NOW)
    assert _total(facts) == {0: 1.0, 1: 1.0}
    assert _reasons(facts) == {"missing time": 1, "unparseable time": 3}


@pytest.mark.parametrize("values", [["soon", "later"], [None, None], ["", None]])
def test_no_readable_time_at_all_is_an_error(values: list[str | None], opened: Opened) -> None:
    settings = settings_for()
    source = opened({"ts": pa.array(values, pa.string())}, settings)
    with pytest.raises(SourceError, match=r"none of the 2 times in column 'ts'.*ISO 8601"):
        source.facts(query_for(settings), NOW)


def test_unreadable_times_beside_rows_of_other_windows_are_no_error(opened: Opened) -> None:
    settings = settings_for()
    facts = opened({"ts": _times(None, -500)}, settings).facts(query_for(settings), NOW)
    assert facts.n_slices == 0
    assert _reasons(facts) == {"missing time": 1}


def test_a_time_column_of_a_wrong_type(opened: Opened) -> None:
    settings = settings_for(time="flag")
    source = opened({"flag": [True]}, settings)
    assert len(source.check()) == 1
    with pytest.raises(SourceError, match=r"time column 'flag'.*boolean"):
        source.extent()


def test_infinite_and_negative_measures(opened: Opened) -> None:
    settings = settings_for(total="sum(x)", average="mean(x)", filled="count(x)", rows="count")
    table = {"ts": _times(0, 0, 0, 0, 0, 0), "x": [1.0, math.inf, -math.inf, math.nan, None, -3.0]}
    facts = opened(table, settings).facts(query_for(settings), NOW)
    assert as_dict(facts)[()] == {0: {"total": -2.0, "average": -1.0, "filled": 2.0, "rows": 6.0}}
    assert _reasons(facts) == {"infinite measure": 3, "negative measure": 1}


def test_nan_does_not_poison_sums_though_the_files_statistics_hide_it(opened: Opened) -> None:
    settings = settings_for(total="sum(x)")
    facts = opened({"ts": _times(0, 0, 0), "x": [0.5, math.nan, 2.0]}, settings).facts(query_for(settings), NOW)
    assert as_dict(facts)[()] == {0: {"total": 2.5}}
    assert _reasons(facts) == {"infinite measure": 1}


def test_a_mean_of_no_values_is_nan_and_a_sum_of_none_is_nothing(opened: Opened) -> None:
    settings = settings_for(total="sum(x)", average="mean(x)")
    facts = opened({"ts": _times(0), "x": pa.array([None], pa.float64())}, settings).facts(query_for(settings), NOW)
    row = as_dict(facts)[()][0]
    assert row["total"] == 0.0
    assert math.isnan(row["average"])


def test_the_order_of_addition_does_not_show(opened: Opened) -> None:
    settings = settings_for(total="sum(x)")
    values = [0.1] * 10 + [1e6 + 0.3]
    facts = opened({"ts": _times(*[0] * 11), "x": values}, settings).facts(query_for(settings), NOW)
    assert as_dict(facts)[()][0]["total"] == 1_000_001.3


def test_text_cannot_be_summed(opened: Opened) -> None:
    settings = settings_for(total="sum(x)")
    source = opened({"ts": _times(0), "x": ["1"]}, settings)
    with pytest.raises(SourceError, match=r"'total' is sum\(x\).*numbers or booleans.*string"):
        source.facts(query_for(settings), NOW)
    assert "numbers or booleans" in source.check(query_for(settings))[0]


def test_duplicate_rows_are_summed(opened: Opened) -> None:
    settings = settings_for(views="sum(views)")
    table = {"ts": _times(0, 0, 0), "app": ["a", "a", "b"], "views": [5, 5, 1]}
    facts = opened(table, settings).facts(query_for(settings, ("app",)), NOW)
    assert as_dict(facts)[(("app", "a"),)] == {0: {"views": 10.0}}


def test_events_and_their_aggregate_give_equal_facts(event_table: pa.Table, tmp_path: Path) -> None:
    events = event_table.filter(pa.compute.is_valid(event_table["event"]))
    pq.write_table(events, tmp_path / "events.parquet")
    duckdb.sql(
        f"""COPY (SELECT date_trunc('hour', ts) AS ts, country, install, count(*) AS n, sum(views) AS views
            FROM '{tmp_path}/events.parquet' GROUP BY ALL) TO '{tmp_path}/aggregate.parquet'"""
    )
    found = []
    for path, counted in (("events.parquet", "count"), ("aggregate.parquet", "sum(n)")):
        settings = settings_for(path, n=counted, views="sum(views)")
        with open_source("either", settings, tmp_path) as source:
            found.append(as_dict(source.facts(query_for(settings, ("country", "install")), NOW)))
    assert found[0] == found[1]


def test_a_renamed_column_is_named_with_its_nearest(opened: Opened) -> None:
    settings = settings_for(time="event_tme", revenue="sum(revenu)", n="count where kind = 'x'")
    source = opened({"event_time": _times(0), "revenue": [1.0], "country": ["DE"]}, settings)
    with pytest.raises(SourceError, match=r"no column 'event_tme' \(time\).*did you mean 'event_time'"):
        source.extent()
    assert "event_time" in source.check()[0]
    settings = settings_for(time="event_time", revenue="sum(revenu)", n="count where kind = 'x'")
    source = opened({"event_time": _times(0), "revenue": [1.0], "country": ["DE"]}, settings)
    assert ["'revenu'" in problem or "'kind'" in problem for problem in source.check()] == [True, True]
    with pytest.raises(SourceError, match="did you mean 'revenue'"):
        source.facts(query_for(settings), NOW)
    settings = settings_for(time="event_time")
    source = opened({"event_time": _times(0), "country": ["DE"]}, settings)
    with pytest.raises(SourceError, match=r"'contry' \(dimension\).*did you mean 'country'"):
        source.facts(query_for(settings, ("contry",)), NOW)
    assert source.check() == []
    assert source.check(query_for(settings, ("country",))) == []


def test_an_empty_table_is_silent(opened: Opened) -> None:
    settings = settings_for(total="sum(x)", kinds="distinct(a)")
    source = opened({"ts": _times(), "a": pa.array([], pa.string()), "x": pa.array([], pa.float64())}, settings)
    facts = source.facts(query_for(settings, ("a",), n_windows=5), NOW)
    assert (facts.n_slices, facts.n_windows, facts.n_rows, len(facts.window)) == (0, 5, 0, 0)
    assert facts.silent.all()
    assert facts.indptr.tolist() == [0]
    assert source.extent() is None
    assert source.describe().n_rows == 0


def test_silent_windows_are_those_without_any_row(opened: Opened) -> None:
    settings = settings_for(total="sum(x)")
    facts = opened({"ts": _times(1, 3), "x": [None, 0.0]}, settings).facts(query_for(settings, n_windows=5), NOW)
    assert facts.silent.tolist() == [True, False, True, False, True]


def test_windows_start_where_the_grid_says(opened: Opened) -> None:
    settings = settings_for()
    query = query_for(settings, window="1d", start=datetime(2024, 3, 30, tzinfo=UTC), n_windows=3, zone="Europe/Berlin")
    facts = opened({"ts": _times(0)}, settings).facts(query, NOW)
    assert np.diff(facts.starts).tolist() == [86_400, 82_800, 86_400]
    assert [facts.window_at(index) for index in range(3)] == [
        query.grid.window(query.first + index) for index in range(3)
    ]


def test_mean_traffic_is_the_number_of_values_and_distinct_traffic_the_sum_over_windows(opened: Opened) -> None:
    table = {"ts": _times(0, 0, 1, 0), "a": ["x", "x", "x", "y"], "u": [1, 1, 1, 2], "m": [0.1, 0.1, None, 900.0]}
    for measure, floor in (("mean(m)", 2.0), ("distinct(u)", 2.0)):
        settings = settings_for(kpi=measure)
        facts = opened(table, settings).facts(query_for(settings, ("a",), n_windows=2, min_traffic=floor / 2), NOW)
        assert set(as_dict(facts)) == {(), (("a", "x"),)}
        (left,) = facts.left_out
        assert (left.reason, left.count, left.unit) == ("traffic floor", 1, "slices")
        assert "%" in left.detail


def test_the_total_survives_any_floor(opened: Opened) -> None:
    settings = settings_for()
    facts = opened({"ts": _times(0), "a": ["x"]}, settings).facts(
        query_for(settings, ("a",), min_traffic=1e9, max_slices=1), NOW
    )
    assert list(as_dict(facts)) == [()]


def test_depth_beyond_the_dimensions_and_depth_zero(opened: Opened) -> None:
    settings = settings_for()
    source = opened({"ts": _times(0, 1), "a": ["x", "y"], "b": [1, 1]}, settings)
    assert source.facts(query_for(settings, ("a", "b"), depth=8), NOW).n_slices == 1 + 2 + 1 + 2
    only = source.facts(query_for(settings, ("a", "b"), depth=0), NOW)
    assert (only.n_slices, only.codes.tolist(), [list(values) for values in only.values]) == (1, [[-1, -1]], [[], []])


@pytest.mark.parametrize(
    "changes", [{"n_windows": 0}, {"traffic": "other"}, {"dimensions": ("a", "a")}, {"depth": -1}, {"max_slices": 0}]
)
def test_a_query_that_makes_no_sense(changes: dict[str, Any]) -> None:
    with pytest.raises(SourceError):
        query_for(settings_for(), **changes)


def test_an_unknown_measure(opened: Opened) -> None:
    settings = settings_for(clicks="count")
    query = query_for(settings_for(clikcs="count"))
    with pytest.raises(SourceError, match=r"no measure 'clikcs'.*did you mean 'clicks'"):
        opened({"ts": _times(0)}, settings).facts(query, NOW)


def _count(path: str, base: Path) -> int:
    settings = settings_for(path)
    with open_source("files", settings, base) as source:
        query = query_for(settings)
        return source.facts(FactsQuery(query.grid, query.first, query.last, ("n",), (), 0, "n"), NOW).n_rows


def test_files_folders_and_globs(tmp_path: Path) -> None:
    (tmp_path / "a b" / "day=1").mkdir(parents=True)
    (tmp_path / "a b" / "day=2").mkdir()
    pq.write_table(pa.table({"ts": _times(0, 1)}), tmp_path / "a b" / "day=1" / "it's.parquet")
    pq.write_table(pa.table({"ts": _times(2), "later": [1]}), tmp_path / "a b" / "day=2" / "x.parquet")
    (tmp_path / "rows.csv").write_text("ts,n\n2024-05-01 00:00:00,1\n2024-05-01T01:00:00Z,x\n", encoding="utf-8")
    assert _count("a b", tmp_path) == 3
    assert _count("a b/*/*.parquet", tmp_path) == 3
    assert _count(str(tmp_path / "a b" / "day=2" / "x.parquet"), Path("/")) == 1
    assert _count("rows.csv", tmp_path) == 2


def test_files_that_are_not_there_or_not_tables(tmp_path: Path) -> None:
    (tmp_path / "notes.docx").write_text("x")
    (tmp_path / "broken.parquet").write_text("x")
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed" / "a.csv").write_text("ts\n")
    pq.write_table(pa.table({"ts": _times(0)}), tmp_path / "mixed" / "b.parquet")
    for path, words in (
        ("nowhere.parquet", "no such file"),
        ("notes.docx", "kind is not known"),
        ("broken.parquet", "cannot be read"),
        ("mixed", "several kinds"),
    ):
        with pytest.raises(SourceError, match=words):
            _count(path, tmp_path)


def test_a_duckdb_database_is_read_and_not_written(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "house.duckdb")) as connection:
        connection.execute("CREATE SCHEMA ads")
        connection.execute(
            "CREATE TABLE ads.events AS SELECT TIMESTAMPTZ '2024-05-01 00:00:00+00' AS ts, 'x'::ENUM ('x', 'y') AS kind"
        )
    url = SecretStr("duckdb://house.duckdb")
    settings = SourceSettings(url=url, table="ads.events", time="ts", measures={"n": "count"})
    with open_source("house", settings, tmp_path) as source:
        assert set(as_dict(source.facts(query_for(settings, ("kind",)), NOW))) == {(), (("kind", "x"),)}
        with pytest.raises(duckdb.Error, match="read-only"):
            source._engine.table._find_backend().con.execute("DELETE FROM ads.events")
    wrong = SourceSettings(url=url, table="evens", time="ts", measures={"n": "count"})
    with pytest.raises(SourceError, match="no table 'evens'"):
        open_source("house", wrong, tmp_path)


def test_no_extension_is_fetched(tmp_path: Path) -> None:
    pq.write_table(pa.table({"ts": _times(0)}), tmp_path / "rows.parquet")
    with open_source("rows", settings_for(), tmp_path) as source:
        connection = source._engine.table._find_backend().con
        for name in ("autoinstall_known_extensions", "autoload_known_extensions"):
            assert connection.execute(f"SELECT current_setting('{name}')").fetchone() == (False,)
        tables = "other"
        other = pa.table({"a": [1]})
        with pytest.raises(duckdb.CatalogException):
            connection.execute(f"SELECT * FROM {tables}")
        assert other.num_rows == 1


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://someone:s3cr%21t@127.0.0.1:1/db?sslpassword=hunter2",
        "mysql://u:s3cr%21t@127.0.0.1:1/x",
        "nonsense://u:s3cr%21t@h/x",
    ],
)
def test_secrets_stay_out_of_messages(url: str, tmp_path: Path) -> None:
    settings = SourceSettings(url=SecretStr(url), table="events", time="ts", measures={"n": "count"})
    with pytest.raises(SourceError) as caught:
        open_source("shop", settings, tmp_path)
    shown = f"{caught.value!s} {caught.value!r} {caught.value.__cause__!r}"
    assert "'shop'" in shown
    for secret in ("s3cr", "hunter2", "someone:"):
        assert secret not in shown
    assert caught.value.__suppress_context__


def test_describe_sees_kinds_ranges_and_times(opened: Opened) -> None:
    table = {
        "ts": _times(0, 1, 2, 3),
        "stamp": ["2024-05-01", "2024-05-02T10:00:00Z", None, "2024-05-03"],
        "epoch": [1_714_521_600 + n for n in range(4)],
        "country": ["DE", "DE", "FR", None],
        "views": pa.array([1, 2, 3, None], pa.int32()),
        "cost": [0.5, math.nan, 1.5, 2.0],
        "ok": [True, True, False, None],
        "tags": [["a"], [], None, ["b"]],
    }
    described = opened(table, settings_for()).describe()
    assert described.n_rows == 4
    kinds = {column.name: (column.kind, column.time_format) for column in described.columns}
    assert kinds == {
        "ts": ("time", "time stamp"), "stamp": ("text", "ISO 8601"), "epoch": ("integer", "epoch seconds"),
        "country": ("text", None), "views": ("integer", None), "cost": ("number", None), "ok": ("boolean", None),
        "tags": ("other", None),
    }  # fmt: skip
    country = described.column("country")
    assert (country.n_null, country.n_distinct, country.min, country.max) == (1, 2, "DE", "FR")
    assert country.frequent == (("DE", 2), ("FR", 1))
    assert (described.column("views").min, described.column("views").max) == (1, 3)
    assert (described.column("cost").min, described.column("cost").max) == (0.5, 2.0)
    assert described.column("ts").min == START
    assert described.column("tags").n_null == 1


def test_a_table_is_described_before_there_are_settings(tmp_path: Path) -> None:
    pq.write_table(pa.table({"ts": _times(0, 1)}), tmp_path / "rows.parquet")
    with open_table("rows.parquet", None, tmp_path) as table:
        assert table.describe().column("ts").max == START + HOUR
    with pytest.raises(SourceError, match="--table"):
        open_table("postgresql://127.0.0.1/db", None, tmp_path)


def test_importing_the_package_loads_nothing_heavy() -> None:
    import subprocess
    import sys

    heavy = ("ibis", "pandas", "pyarrow", "duckdb", "scipy")
    code = f"import tocsin.sources, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_time_zone_of_the_machine_does_not_matter(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        settings = settings_for()
        table = {"ts": pa.array([START.replace(tzinfo=None)], pa.timestamp("us")), "d": [START.date()]}
        assert _total(opened(table, settings).facts(query_for(settings), NOW)) == {0: 1.0}
    finally:
        monkeypatch.undo()
        time.tzset()
    assert os.environ.get("TZ") != "America/New_York"
