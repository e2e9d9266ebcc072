"""Seconds and memory from events in a Parquet file to facts: python benchmarks/speed/sources.py [--quick]

Two jobs, each in a process of its own so that its peak memory is its own:

events : 10 million raw events of 4 dimensions and 28 days -> daily facts of all slices of at most 2 dimensions
cap    : one row for each of 1,000,000 leaf slices and 3 days -> daily facts of all levels, capped at 100,000 slices
"""

from __future__ import annotations

import argparse
import importlib.metadata
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

START = datetime(2024, 1, 1, tzinfo=UTC)


def write_events(file: Path, n_rows: int) -> None:
    """Traffic with a heavy tail: the largest of 60 countries has a third of it."""
    import duckdb

    duckdb.sql("SELECT setseed(0.5)")
    duckdb.sql(
        f"""COPY (SELECT make_timestamptz((1704067200 + floor(random() * 28 * 86400))::BIGINT * 1000000) AS ts,
            'C' || floor(power(random(), 4) * 60)::INT AS country,
            'app ' || floor(power(random(), 3) * 400)::INT AS app,
            'P' || floor(power(random(), 3) * 80)::INT AS partner,
            '4.' || floor(power(random(), 3) * 12)::INT AS sdk,
            CASE WHEN random() < 0.9 THEN 'view' ELSE 'click' END AS event
            FROM range({n_rows})) TO '{file}'"""  # noqa: S608
    )


def write_leaves(file: Path, n_leaves: int) -> None:
    import duckdb

    duckdb.sql("SELECT setseed(0.5)")
    duckdb.sql(
        f"""COPY (SELECT TIMESTAMPTZ '2024-01-01 00:00:00+00' + to_days(day::INT) AS ts, 'C' || leaf % 50 AS country,
            'app ' || leaf // 50 % 200 AS app, 'placement ' || leaf // 10000 AS placement, 'view' AS event
            FROM range({n_leaves}) AS leaves(leaf), range(3) AS days(day)) TO '{file}'"""  # noqa: S608
    )


def job(file: str, dimensions: list[str], depth: int, n_days: int, max_slices: int) -> None:
    """One call of facts(), measured; prints one line."""
    from tocsin.config import SourceSettings
    from tocsin.sources import FactsQuery, open_source
    from tocsin.windows import WindowGrid

    measures = {"views": "count where event = 'view'", "clicks": "count where event = 'click'"}
    settings = SourceSettings(path=file, time="ts", measures=measures)
    grid = WindowGrid(timedelta(days=1))
    first = grid.index_of(START)
    query = FactsQuery(
        grid, first, first + n_days, tuple(measures), tuple(dimensions), depth, "views", max_slices=max_slices
    )
    began = time.perf_counter()
    with open_source("events", settings, Path("/")) as source:
        facts = source.facts(query, START + timedelta(days=100))
    wall = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    cut = "; ".join(f"{left.count} {left.unit} left out ({left.reason})" for left in facts.left_out)
    print(
        f"{facts.n_rows:>12,} rows {facts.n_slices:>9,} slices {len(facts.window):>11,} facts "
        f"{used.ru_utime + used.ru_stime:7.1f} s CPU {wall:7.1f} s wall {used.ru_maxrss / 1e6:6.2f} GB peak  {cut}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument(
        "--job", nargs=5, metavar=("FILE", "DIMENSIONS", "DEPTH", "DAYS", "CAP"), help="one measured job"
    )
    arguments = parser.parse_args()
    if arguments.job:
        file, dimensions, depth, days, cap = arguments.job
        job(file, dimensions.split(","), int(depth), int(days), int(cap))
        return
    scale = 10 if arguments.quick else 1
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("duckdb", "ibis-framework", "pyarrow")))
    with tempfile.TemporaryDirectory() as folder:
        events, leaves = Path(folder) / "events.parquet", Path(folder) / "leaves.parquet"
        write_events(events, 10_000_000 // scale)
        write_leaves(leaves, 1_000_000 // scale)
        for name, values in (
            ("events", (str(events), "country,app,partner,sdk", "2", "28", "100000")),
            ("cap", (str(leaves), "country,app,placement", "3", "3", "100000")),
        ):
            print(f"{name:>7}", end=" ", flush=True)
            subprocess.run([sys.executable, __file__, "--job", *values], check=True)


if __name__ == "__main__":
    main()
