"""Speed of the slices detector beside the article's pandas loop, CPU time, one thread, data frames in and out.

python benchmarks/speed/slices.py [--slices 10000] [--windows 30]
"""

from __future__ import annotations

import argparse
import os
import platform
import time

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numba
import numpy as np
import pandas as pd

from tocsin import SliceDetector

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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=10_000)
    parser.add_argument("--windows", type=int, default=30)
    arguments = parser.parse_args()
    print(
        f"Python {platform.python_version()}, NumPy {np.__version__}, pandas {pd.__version__}, numba {numba.__version__}"
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
