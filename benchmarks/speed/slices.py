"""Speed of the slices detector beside the article's pandas loop, CPU time, one thread, data frames in and out.

    python benchmarks/speed/slices.py [--slices 10000] [--windows 30]
    python benchmarks/speed/slices.py --million      one window of 1,002,001 slices (1,000 x 1,000 leaves) x 30 windows
    python benchmarks/speed/slices.py --backfill     48 five-minute windows of 15,662 slices with 4 days of history

The last two judge facts directly: CPU time of `judge` and the memory that it adds to the facts.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from pathlib import Path

# numba and NumPy read these when they are imported
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numba  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from tocsin import SliceDetector  # noqa: E402
from tocsin.model import Facts  # noqa: E402

DIMENSIONS = ["country", "app"]


def tables(n_slices: int, n_windows: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    random = np.random.default_rng(0)
    n_apps = n_slices // 40
    country, app = np.divmod(np.arange(40 * n_apps), n_apps)
    mean = np.exp(random.normal(5.3, 2.2, len(country))).clip(3, 5e6)
    views = random.poisson(mean[:, None] * np.exp(random.normal(0, 0.25, (len(country), n_windows + 1))))
    clicks = random.binomial(views, 0.05)
    row, window = np.nonzero(views)
    times = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(window, unit="D")
    names = {"country": np.char.add("c", country.astype(str))[row], "app": np.char.add("a", app.astype(str))[row]}
    table = pd.DataFrame({"window_start": times, **names, "views": views[row, window], "clicks": clicks[row, window]})
    return table[window < n_windows].reset_index(drop=True), table[window == n_windows].reset_index(drop=True)


def article(recent: pd.DataFrame, old: pd.DataFrame, n_bootstrap: int = 1_000) -> None:
    """One slice after the other, one resample after the other."""
    for row in recent.itertuples():
        values = old.loc[(old["country"] == row.country) & (old["app"] == row.app), "kpi"].to_numpy()
        means = [np.mean(np.random.choice(values, size=len(values), replace=True)) for _ in range(n_bootstrap)]
        z = (row.kpi - np.mean(means)) / np.std(means)
        first, third = np.percentile(means, [25, 75])
        _ = abs(z) <= 2, first - 2 * (third - first) < row.kpi < third + 2 * (third - first)


def facts_of(n_countries: int, n_apps: int, n_windows: int, seconds: int, log_views: float) -> Facts:
    """Facts of every country, app and pair of both; views of a pair are log-normal around exp(log_views) a window."""
    random = np.random.default_rng(0)
    country, app = (part.ravel() for part in np.indices((n_countries, n_apps)))
    mean = np.exp(random.normal(log_views, 1.5, len(country)))
    rate = 0.05 * np.exp(random.normal(0, 0.3, n_countries)[country] + random.normal(0, 0.3, n_apps)[app])
    shape = (n_countries, n_apps, n_windows)
    views = np.empty(shape, np.int32)
    clicks = np.empty(shape, np.int32)
    for w in range(n_windows):
        views[..., w] = random.poisson(mean).reshape(shape[:2])
        clicks[..., w] = random.binomial(views[..., w].ravel(), np.minimum(rate, 0.9)).reshape(shape[:2])
    levels = [
        (np.array([[-1, -1]]), lambda a: a.sum(axis=(0, 1))[None]),
        (np.column_stack([np.arange(n_countries), np.full(n_countries, -1)]), lambda a: a.sum(axis=1)),
        (np.column_stack([np.full(n_apps, -1), np.arange(n_apps)]), lambda a: a.sum(axis=0)),
        (np.column_stack([country, app]), lambda a: a.reshape(-1, n_windows)),
    ]
    codes = np.concatenate([part for part, _ in levels]).astype(np.int32)
    counts, windows, measures = [], [], {"views": [], "clicks": []}
    for _, roll_up in levels:
        seen = roll_up(views) > 0
        counts.append(seen.sum(axis=1))
        windows.append(np.nonzero(seen)[1].astype(np.int32))
        for name, values in (("views", views), ("clicks", clicks)):
            measures[name].append(roll_up(values)[seen].astype(np.float64))
    names = tuple(np.array([f"v{k}" for k in range(n)], object) for n in (n_countries, n_apps))
    starts = 1_767_571_200 + seconds * np.arange(n_windows + 1, dtype=np.int64)
    indptr = np.concatenate([[0], np.cumsum(np.concatenate(counts))]).astype(np.int64)
    joined = {name: np.concatenate(parts) for name, parts in measures.items()}
    silent = np.zeros(n_windows, np.bool_)
    return Facts(tuple(DIMENSIONS), names, codes, starts, indptr, np.concatenate(windows), joined, silent)


def gibibytes(name: str) -> float:
    """VmRSS (resident now) or VmHWM (its peak) of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 2**20


def judge_windows(facts: Facts, windows: range) -> None:
    small = facts_of(10, 20, len(facts.starts) - 1, int(np.diff(facts.starts[:2])[0]), 5.0)
    SliceDetector(kpi="clicks / views", dimensions=DIMENSIONS).judge(small, windows[0])  # compiles
    before = gibibytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew, without the simulation's
    detector = SliceDetector(kpi="clicks / views", dimensions=DIMENSIONS)
    start, wall = time.process_time(), time.perf_counter()
    n_tested = 0
    for window in windows:
        n_tested += int(np.isfinite(detector.judge(facts, window).p_value).sum())
    cpu, wall = time.process_time() - start, time.perf_counter() - wall
    print(f"{facts.n_slices:,} slices, {facts.n_windows:,} windows, {len(facts.window):,} facts; {len(windows)} judged")
    print(
        f"CPU {cpu:.1f} s, wall {wall:.1f} s; {facts.n_slices * len(windows) / cpu:,.0f} slices/s, {n_tested:,} tested"
    )
    print(f"memory: {before:.2f} GiB before (facts and libraries), {gibibytes('VmHWM'):.2f} GiB at its peak")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=10_000)
    parser.add_argument("--windows", type=int, default=30)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--backfill", action="store_true")
    arguments = parser.parse_args()
    if arguments.million:
        judge_windows(facts_of(1_000, 1_000, 31, 86_400, 4.5), range(30, 31))
        return
    if arguments.backfill:
        judge_windows(facts_of(40, 381, 4 * 288 + 48, 300, 1.5), range(4 * 288, 4 * 288 + 48))
        return
    versions = {"NumPy": np.__version__, "pandas": pd.__version__, "numba": numba.__version__}
    print(
        f"Python {platform.python_version()}, " + ", ".join(f"{name} {version}" for name, version in versions.items())
    )
    reference, recent = tables(arguments.slices, arguments.windows)
    few = recent[recent["views"] > 300].head(100)
    history = reference.merge(few[DIMENSIONS], on=DIMENSIONS)
    start = time.process_time()
    article(*(table.assign(kpi=table["clicks"] / table["views"]) for table in (few, history)))
    base = len(few) / (time.process_time() - start)
    print(f"the article's loop        {base:10,.0f} slices/s")
    for settings in ({"mode": "faithful", "random_state": 0}, {"mode": "calibrated"}):
        seconds = []
        for _ in range(4):
            start = time.process_time()
            SliceDetector(kpi="clicks / views", dimensions=DIMENSIONS, **settings).fit(reference).score(recent)
            seconds.append(time.process_time() - start)
        ours = len(recent) / np.median(seconds[1:])
        print(f"{settings['mode']:24s}  {ours:10,.0f} slices/s, {ours / base:,.0f} times")


if __name__ == "__main__":
    main()
