"""A whole `tocsin run`, from raw events to incidents, as a user would time it.

    python benchmarks/speed/end_to_end.py                  10 million events, 50,000 leaf slices, 31 days, daily window
    python benchmarks/speed/end_to_end.py --events 1000000

Prints wall and CPU seconds and the peak memory of the process, as the operating system accounts for them.
"""

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
[source.events]
path = "events.parquet"
time = "ts"
[source.events.measures]
views = "count where event = 'view'"
clicks = "count where event = 'click'"
[[monitor]]
name = "ctr"
source = "events"
kpi = "clicks / views"
dimensions = ["country", "app", "partner", "sdk"]
depth = {depth}
window = "1d"
history = "30d"
max_slices = {max_slices}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--slices", type=int, default=50_000)
    parser.add_argument("--depth", type=int, default=2)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        end = _write_events(folder / "events.parquet", arguments.events, arguments.slices)
        config = folder / "tocsin.toml"
        config.write_text(CONFIG.format(depth=arguments.depth, max_slices=10 * arguments.slices), encoding="utf-8")
        print(
            f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {os.cpu_count()} cores"
        )
        _timed("tocsin --help", ["--help"])
        _timed("tocsin run", ["run", "-c", str(config), "--at", end])
        _timed("tocsin run again (nothing to do)", ["run", "-c", str(config), "--at", end])


def _write_events(path: Path, n_events: int, n_slices: int) -> str:
    from tocsin.simulate import simulate_events

    start = datetime(2026, 1, 5, tzinfo=UTC)
    simulate_events(path, n_events=n_events, n_slices=n_slices, days=31, start=start, random_state=0)
    print(f"{n_events:,} events over {n_slices:,} leaf slices: {path.stat().st_size / 1e6:.0f} MB")
    return (start + timedelta(days=31)).isoformat()


def _timed(name: str, arguments: list[str]) -> None:
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "tocsin", *arguments], stdout=subprocess.PIPE, text=True)
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    cpu = usage.ru_utime + usage.ru_stime
    print(f"{name}: {wall:.2f} s wall, {cpu:.2f} s CPU, {usage.ru_maxrss / 1024:.0f} MiB, status {status}")
    print("   " + "\n   ".join(output.splitlines()[:6]) if arguments != ["--help"] else "")


if __name__ == "__main__":
    main()
