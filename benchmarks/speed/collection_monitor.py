"""A monitor of collections, from raw records to incidents, as a user would time it.

    python benchmarks/speed/collection_monitor.py                  20 million records of 5,000 sellers on 40 days
    python benchmarks/speed/collection_monitor.py --sellers 500 --records 2000000

The first `tocsin run` reads all days, learns from all but the last and judges that; the second has nothing to do; the
backfill judges the last seven days, one by one. Prints wall and CPU seconds and the peak memory of each process, as the
operating system accounts for them.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

CONFIG = """
[source.orders]
path = "orders/*.parquet"
time = "ts"
[[monitor]]
name = "farmed"
kind = "collections"
source = "orders"
entity = "seller"
history = "{days}d"
mode = "{mode}"
"""
START = datetime(2026, 1, 5, tzinfo=UTC)
A_TIME = 250
"""Sellers a file."""
ALPHA = 0.01
"""Chance that one of the last seven days of a seller is farmed."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sellers", type=int, default=5_000)
    parser.add_argument("--days", type=int, default=40)
    parser.add_argument("--records", type=int, default=20_000_000)
    parser.add_argument("--mode", default="calibrated")
    arguments = parser.parse_args()
    end = START + timedelta(days=arguments.days)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_records(folder / "orders", arguments.sellers, arguments.days, arguments.records)
        config = folder / "tocsin.toml"
        config.write_text(CONFIG.format(days=arguments.days - 1, mode=arguments.mode), encoding="utf-8")
        machine = platform.processor() or platform.machine()
        print(f"{machine}, Python {platform.python_version()}, {os.cpu_count()} cores")
        timed("tocsin run", ["run", "-c", str(config), "--at", end.isoformat()])
        timed("tocsin run again (nothing to do)", ["run", "-c", str(config), "--at", end.isoformat()])
        (folder / "tocsin.db").unlink()
        since = (end - timedelta(days=7)).isoformat()
        timed("tocsin backfill, 7 days", ["backfill", "-c", str(config), "--since", since, "--until", end.isoformat()])


def write_records(folder: Path, n_sellers: int, n_days: int, n_records: int) -> None:
    """A file for every so many sellers, whose mean volumes differ (log-normal, s.d. 1)."""
    import numpy as np

    from tocsin.simulate import seller_records, simulate_sellers

    folder.mkdir()
    chance = np.random.default_rng(0)
    mean = chance.lognormal(0, 1, n_sellers)
    mean *= n_records / (n_days * mean.sum())
    written = farmed = 0
    for first in range(0, n_sellers, A_TIME):
        some = mean[first : first + A_TIME]
        sellers = simulate_sellers(
            start=START,
            volumes=chance.poisson(some[:, None] * chance.lognormal(0, 0.15, (len(some), n_days))),
            names=[f"seller {first + place}" for place in range(len(some))],
            alpha=ALPHA,
            evidence_days=n_days - 7,
            random_state=[first, 1],
        )
        table, truth = seller_records(sellers, random_state=first)
        table.to_parquet(folder / f"{first:07}.parquet", index=False)
        written, farmed = written + len(table), farmed + int(truth["farmed"].sum())
    size = sum(file.stat().st_size for file in folder.iterdir()) / 1e6
    print(f"{written:,} records, {n_sellers * n_days:,} days of {n_sellers:,} sellers, {farmed} farmed: {size:.0f} MB")


def timed(name: str, arguments: list[str]) -> None:
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "tocsin", *arguments], stdout=subprocess.PIPE, text=True)
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{name}: {wall:.2f} s wall, {cpu:.2f} s CPU, {usage.ru_maxrss / 1024:.0f} MiB, status {status}")
    print("   " + "\n   ".join(output.splitlines()[:6]))


if __name__ == "__main__":
    main()
