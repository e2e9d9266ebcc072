"""Random small tables on DuckDB against plain loops: grids, changes of the clock, NULLs, duplicates, all aggregates."""

from __future__ import annotations

import contextlib
import functools
import math
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import ibis
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.reference.facts_by_hand import facts_by_hand, moment_of
from tests.sources.conftest import as_dict, assert_same_facts, query_for
from tocsin.config import SourceSettings
from tocsin.model import Facts
from tocsin.sources import FactsQuery, Source, open_source
from tocsin.sources.compiled import compile_expression, compiler_of
from tocsin.sources.event_time import with_seconds

MEASURES = {
    "n": "count",
    "total": "sum(x)",
    "average": "mean(x)",
    "kinds": "distinct(b)",
    "some": "sum(x) where b = '1'",
    "filled": "count(x)",
}
ZONE = "Europe/Berlin"
# around both changes of the clock, a leap day, a year's end and the epoch
ANCHORS = [
    datetime(2024, 3, 31, 1, tzinfo=UTC),
    datetime(2024, 10, 27, 1, tzinfo=UTC),
    datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2025, 1, 1, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
]
WINDOWS = ["5min", "15min", "1h", "6h", "1d", "2d", "1w"]

moments = st.builds(
    lambda anchor, minutes, micros: anchor + timedelta(minutes=minutes, microseconds=micros),
    st.sampled_from(ANCHORS),
    st.one_of(st.integers(-2880, 2880), st.sampled_from([-120, -60, 0, 60, 120])),
    st.sampled_from([-1, 0, 1, 999_999]),
)
numbers = st.one_of(
    st.none(), st.integers(-50, 50).map(lambda n: n / 4), st.sampled_from([math.inf, -math.inf, math.nan, 1e301])
)
rows_of = st.lists(
    st.fixed_dictionaries(
        {
            "ts": st.one_of(st.none(), moments),
            "a": st.sampled_from(["x", "y", "", None, "(missing)"]),
            "b": st.sampled_from([0, 1, 2, None]),
            "x": numbers,
        }
    ),
    min_size=1,
    max_size=25,
)
SCHEMA = {"a": pa.string(), "b": pa.int64(), "x": pa.float64()}


@contextlib.contextmanager
def _over(rows: list[dict[str, Any]], time_type: pa.DataType, source_settings: SourceSettings) -> Iterator[Source]:
    """A source over rows, written to a file for as long as it is open."""
    columns = {"ts": pa.array([row["ts"] for row in rows], time_type)} | {
        name: pa.array([row[name] for row in rows], kind) for name, kind in SCHEMA.items()
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        pq.write_table(pa.table(columns), Path(folder) / "rows.parquet")
        with open_source("rows", source_settings, Path(folder)) as source:
            yield source


def _expected(rows: list[dict[str, Any]], source: SourceSettings, query: FactsQuery, now: datetime) -> dict[Any, Any]:
    for row in rows:  # beyond 1e300 counts as infinite
        if row["x"] is not None and abs(row["x"]) >= 1e300:
            row["x"] = math.inf
    return facts_by_hand(rows, source, query, now)


@settings(max_examples=20)
@given(
    rows=rows_of,
    anchor=st.sampled_from(ANCHORS),
    window=st.sampled_from(WINDOWS),
    naive=st.booleans(),
    depth=st.integers(0, 2),
)
@example(
    rows=[{"ts": ANCHORS[1] + timedelta(minutes=m), "a": "x", "b": 1, "x": 1.0} for m in (-61, -60, -1, 0, 59, 60)],
    anchor=ANCHORS[1], window="6h", naive=True, depth=1,
)  # fmt: skip
def test_facts_equal_plain_loops(rows: Any, anchor: datetime, window: str, naive: bool, depth: int) -> None:
    source = SourceSettings(path="rows.parquet", time="ts", time_zone=ZONE if naive else "UTC", measures=MEASURES)
    if naive:
        rows = [row | {"ts": row["ts"].replace(tzinfo=None) if row["ts"] else None} for row in rows]
    query = query_for(
        source, ("a", "b"), window=window, start=anchor - timedelta(hours=30), n_windows=9, depth=depth, zone=ZONE
    )
    now = anchor + timedelta(hours=20)
    usable = [moment_of(row["ts"], source.time_zone) for row in rows]
    if not any(usable):
        return
    with _over(rows, pa.timestamp("us", None if naive else "UTC"), source) as opened:
        facts = opened.facts(query, now)
        extent = opened.extent()
    assert_same_facts(as_dict(facts), _expected(rows, source, query, now))
    seconds = [moment.replace(microsecond=0) for moment in usable if moment]
    assert extent == (min(seconds), max(seconds))
    _assert_well_formed(facts, query)


def _assert_well_formed(facts: Facts, query: FactsQuery) -> None:
    assert facts.codes.shape == (facts.n_slices, len(query.dimensions))
    assert facts.indptr[0] == 0
    assert facts.indptr[-1] == len(facts.window)
    for index in range(facts.n_slices):
        windows = facts.window[facts.indptr[index] : facts.indptr[index + 1]]
        assert len(windows) > 0
        assert np.all(np.diff(windows) > 0)
    slices = [facts.slice_at(index) for index in range(facts.n_slices)]
    names = list(query.dimensions)
    order = [
        (one.depth, [names.index(name) for name, _ in one.items], [value for _, value in one.items]) for one in slices
    ]
    assert order == sorted(order)
    for values in facts.values:
        assert list(values) == sorted(set(values))
    if facts.n_slices:
        assert slices[0].depth == 0
        total = facts.window[: facts.indptr[1]]
        np.testing.assert_array_equal(np.flatnonzero(~facts.silent), total)


@settings(max_examples=40)
@given(
    texts=st.lists(
        st.one_of(
            moments.map(lambda moment: moment.isoformat()),
            moments.map(lambda moment: moment.isoformat().replace("+00:00", "Z").replace("T", " ")),
            moments.map(lambda moment: moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M-0730")),
            moments.map(lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S+05")),
            moments.map(lambda moment: moment.strftime("%Y-%m-%d %H:%M")),
            st.dates(date(1899, 12, 30), date(2200, 1, 2)).map(lambda day: day.isoformat()),
            st.tuples(st.integers(1896, 2204), st.integers(0, 13), st.integers(0, 32)).map(
                lambda d: f"{d[0]:04d}-{d[1]:02d}-{d[2]:02d}"
            ),
            st.sampled_from(
                [
                    "",
                    "now",
                    "2024-01-01T",
                    "24-01-01",
                    "2024-01-01T24:00",
                    "2024-01-01T10:60",
                    "2024-1-1",
                    " 2024-01-01 ",
                ]
            ),
        ),
        min_size=1,
        max_size=20,
    )
)
@example(
    texts=[
        "2024-03-31 02:30",
        "2024-10-27 02:30",
        "2000-02-29",
        "1900-02-29",
        "2023-02-29",
        "2024-12-31T23:59:59,999999Z",
        "1900-01-01",
        "1899-12-31",
        "2199-12-31T23:59-01:00",
        "1899-12-31T23:59-07:30",
        "2200-01-01T00:00+07:30",
    ]
)
def test_texts_are_read_as_iso_8601(texts: list[str]) -> None:
    connection, sql = _reader_of_texts()
    connection.register("texts", pa.table({"t": pa.array(texts, pa.string()), "place": range(len(texts))}))
    found = [seconds for (seconds,) in connection.sql(sql).fetchall()]
    moments_of = [moment_of(text, ZONE) for text in texts]
    assert found == [None if moment is None else math.floor(moment.timestamp()) for moment in moments_of]


@functools.cache
def _reader_of_texts() -> tuple[duckdb.DuckDBPyConnection, str]:
    """A connection, and the SQL that reads the texts of its table `texts`."""
    start, end = datetime(1890, 1, 1, tzinfo=UTC), datetime(2205, 1, 1, tzinfo=UTC)
    table = ibis.table({"t": "string", "place": "int64"}, name="texts")
    seconds = with_seconds(table, ZONE, start, end, dialect="duckdb").order_by("place").select("sec")
    return duckdb.connect(), compile_expression(seconds, compiler_of("duckdb"))


@settings(max_examples=10)
@given(rows=rows_of, cap=st.integers(1, 12), floor=st.sampled_from([0.0, 0.2, 1.0]))
def test_floor_and_cap_keep_the_slices_with_the_most_traffic(rows: Any, cap: int, floor: float) -> None:
    source = SourceSettings(path="rows.parquet", time="ts", measures=MEASURES)
    query = query_for(source, ("a", "b"), window="1d", start=ANCHORS[0] - timedelta(days=2), n_windows=4, depth=2)
    now = datetime(2030, 1, 1, tzinfo=UTC)
    cut = query_for(
        source, ("a", "b"), window="1d", start=ANCHORS[0] - timedelta(days=2), n_windows=4, depth=2,
        traffic="filled", min_traffic=floor, max_slices=cap,
    )  # fmt: skip
    if not any(row["ts"] for row in rows):
        return
    with _over(rows, pa.timestamp("us", "UTC"), source) as opened:
        everything, facts = as_dict(opened.facts(query, now)), opened.facts(cut, now)
    kept = as_dict(facts)
    traffic = {key: sum(row["filled"] for row in windows.values()) for key, windows in everything.items()}
    above = {key for key in traffic if key == () or traffic[key] >= floor * 4}
    assert len(kept) == min(cap, len(above))
    assert set(kept) <= above
    assert not everything or () in kept
    assert_same_facts(kept, {key: everything[key] for key in kept})
    lost = above - set(kept)
    ranked = [traffic[key] for key in kept if key != ()]
    assert not lost or not ranked or min(ranked) >= max(traffic[key] for key in lost)
    counts = {left.reason: left.count for left in facts.left_out if left.unit == "slices"}
    assert counts == {
        reason: n for reason, n in (("traffic floor", len(traffic) - len(above)), ("slice cap", len(lost))) if n
    }


@settings(max_examples=10)
@given(rows=rows_of)
def test_levels_add_up_to_the_total(rows: Any) -> None:
    source = SourceSettings(
        path="rows.parquet", time="ts", measures={"n": "count", "total": "sum(x)", "filled": "count(x)"}
    )
    query = query_for(source, ("a", "b"), window="1d", start=ANCHORS[0] - timedelta(days=3), n_windows=6, depth=2)
    if not any(row["ts"] for row in rows):
        return
    with _over(rows, pa.timestamp("us", "UTC"), source) as opened:
        facts = opened.facts(query, datetime(2030, 1, 1, tzinfo=UTC))
    slice_of_fact = np.repeat(np.arange(facts.n_slices), np.diff(facts.indptr))
    level = (facts.codes >= 0) @ [1, 2]
    for label in source.measures:
        sums = np.zeros((4, query.n_windows))
        np.add.at(sums, (level[slice_of_fact], facts.window), facts.measures[label])
        for row in sums[1:]:
            np.testing.assert_allclose(row, sums[0], atol=1e-9)
