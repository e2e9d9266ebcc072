"""Holt-Winters beside statsmodels' (where it is installed), and a monitor of 10,000 series minute by minute.

python benchmarks/speed/holt_winters.py             # fits, errors of the forecasts, one step of 10,000 series
python benchmarks/speed/holt_winters.py --monitor   # `tocsin run` on 10,000 series x 2,900 minutes, then each minute
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from tocsin import HoltWinters, run

SEASON, N_KNOWN, N_NEW = 288, 2_304, 576
START = datetime(2026, 1, 5, tzinfo=UTC)
CONFIG = """
[source.events]
path = "events.parquet"
time = "ts"
[source.events.measures]
orders = "sum(n)"
[[monitor]]
name = "orders"
kind = "series"
source = "events"
kpi = "orders"
dimensions = ["series"]
window = "1min"
history = "2d"
"""


def series() -> dict[str, Any]:
    """A daily pattern with noise of .3; with 20 outliers in the known part; on a random walk."""
    random = np.random.default_rng(0)
    day = np.sin(np.arange(N_KNOWN + N_NEW) * 2 * np.pi / SEASON)
    plain = day + 0.3 * random.standard_normal(len(day))
    spoilt = plain.copy()
    spoilt[random.choice(N_KNOWN, 20, replace=False)] += 10
    return {
        "daily pattern": plain,
        "20 outliers": spoilt,
        "random walk": plain + np.cumsum(0.1 * random.standard_normal(len(day))),
    }


def ours(values: Any) -> tuple[float, float]:
    """Mean absolute error of the forecasts of what is new, and CPU milliseconds of the fit."""
    begun = time.process_time()
    detector = HoltWinters(season=SEASON).fit(values[None, :N_KNOWN])
    taken = time.process_time() - begun
    expected = detector.update(values[None, N_KNOWN:]).expected[0]
    return float(np.abs(values[N_KNOWN:] - expected).mean()), 1_000 * taken


def statsmodels_() -> tuple[str, Callable[[Any], tuple[float, float]]] | None:
    """The peer, or None where it is not installed."""
    try:
        import statsmodels
        from statsmodels.tsa.holtwinters import ExponentialSmoothing
    except ImportError:
        return None
    form = {"trend": "add", "damped_trend": True, "seasonal": "add", "seasonal_periods": SEASON}

    def forecast(values: Any) -> tuple[float, float]:
        begun = time.process_time()
        fitted = ExponentialSmoothing(values[:N_KNOWN], **form, initialization_method="heuristic").fit()
        taken = time.process_time() - begun
        names = ("smoothing_level", "smoothing_trend", "smoothing_seasonal", "damping_trend")
        found = {name: fitted.params[name] for name in names}
        whole = ExponentialSmoothing(values, **form, initialization_method="heuristic").fit(**found, optimized=False)
        return float(np.abs(values - whole.fittedvalues)[N_KNOWN:].mean()), 1_000 * taken

    return f"statsmodels {statsmodels.__version__}", forecast


def compare() -> None:
    made = series()
    ours(made["daily pattern"])  # compiles
    peer = statsmodels_()
    methods = {"tocsin": ours} | ({peer[0]: peer[1]} if peer else {})
    for name, values in made.items():
        for method, forecast in methods.items():
            error, milliseconds = forecast(values)
            print(f"{name:14} {method:20} mean absolute error {error:.3f}, fit {milliseconds:.1f} ms CPU")
    if peer is None:
        print("statsmodels is not installed: no peer")
    random = np.random.default_rng(0)
    detector = HoltWinters(season=SEASON, smoothing=(0.2, 0.0, 0.1)).fit(random.standard_normal((10_000, 2 * SEASON)))
    steps = []
    for _ in range(30):
        values = random.standard_normal((10_000, 1))
        begun = time.process_time()
        detector.update(values)
        steps.append(time.process_time() - begun)
    print(f"one step of 10,000 series: {1_000 * np.median(steps):.2f} ms CPU")


def watch(n_series: int = 10_000, n_known: int = 2_900, n_minutes: int = 5) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "tocsin.toml").write_text(CONFIG, encoding="utf-8")
        duckdb.sql(
            f"copy (select timestamp '2026-01-05' + to_minutes(w::int) as ts, 's' || i as series, "  # noqa: S608
            f"(100 + 20 * sin(w * 2 * pi() / 1440) + 10 * random())::int as n "
            f"from range({n_known + n_minutes}) t(w), range({n_series}) u(i)) "
            f"to '{folder / 'events.parquet'}' (format parquet)"
        )
        for minute in range(n_minutes):
            begun, wall = time.process_time(), time.monotonic()
            (report,) = run(folder / "tocsin.toml", now=START + timedelta(minutes=n_known + minute)).monitors
            taken, passed = time.process_time() - begun, time.monotonic() - wall
            (judged,) = report.runs
            print(f"minute {minute}: {judged.n_tested:,} series, {taken:.1f} s CPU, {passed:.1f} s", flush=True)
    print(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB at the peak")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--monitor", action="store_true")
    warnings.filterwarnings("ignore", module="statsmodels")
    (watch if parser.parse_args().monitor else compare)()


if __name__ == "__main__":
    main()
