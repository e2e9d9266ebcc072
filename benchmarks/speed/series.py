"""Speed of the series detectors: score and learn point by point, CPU time, one thread, beside peers in the same run.

    python benchmarks/speed/series.py [--points 20000] [--repeats 3] [--data FOLDER]

Random cut forests of 50 trees x 256 over shingles of 1, 4 and 8 values of one series of normal noise, of which 300
points are known. Peers are what this Python can import of rrcf, krcf and river (half-space trees), which are timed on
a part of the points; rrcf's trees keep a sliding window. The runs take turns, and the fastest of each one's repeats
counts; ours has a first run that is not counted (compiling).

Holt-Winters: one step of 10,000 series of a season of 288, and the fit of a series of ten such days.

With --data, the AUROC of the forests on realKnownCause and realAdExchange of nab.parquet in that folder: the first 15 %
of a series are known, the mean over its series counts.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

# numba and NumPy read these when they are imported
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from tocsin import HoltWinters, RandomCutForest  # noqa: E402

N_TREES, N_SAMPLES, N_KNOWN = 50, 256, 300

Timed = tuple[np.ndarray, float]
"""Scores of the new points, and CPU seconds that they took."""


def tocsin(history: np.ndarray, new: np.ndarray, shingle: int) -> Timed:
    forest = RandomCutForest(shingle=shingle, n_trees=N_TREES, sample_size=N_SAMPLES, random_state=0).fit(history[None])
    start = time.process_time()
    scores = forest.update(new[None]).surprise[0]
    return scores, time.process_time() - start


def point_by_point(score_and_learn: Callable[[np.ndarray], float], history: np.ndarray, new: np.ndarray,
                   shingle: int) -> Timed:  # fmt: skip
    values = np.concatenate([np.full(shingle - 1, history[0]), history, new])
    rows = np.lib.stride_tricks.sliding_window_view(values, shingle)
    for row in rows[: len(history)]:
        score_and_learn(row)
    start = time.process_time()
    scores = [score_and_learn(row) for row in rows[len(history) :]]
    return np.array(scores), time.process_time() - start


def krcf(history: np.ndarray, new: np.ndarray, shingle: int) -> Timed:
    from krcf import RandomCutForest as Peer

    options = {"dimensions": shingle, "shingle_size": 1, "num_trees": N_TREES, "sample_size": N_SAMPLES,
               "random_seed": 0, "parallel_execution_enabled": False}  # fmt: skip
    forest = Peer(options)

    def score_and_learn(row: np.ndarray) -> float:
        point = row.tolist()
        score = forest.score(point)
        forest.update(point)
        return float(score)

    return point_by_point(score_and_learn, history, new, shingle)


def rrcf(history: np.ndarray, new: np.ndarray, shingle: int) -> Timed:
    from rrcf import RCTree

    trees, seen = [RCTree(random_state=seed) for seed in range(N_TREES)], 0

    def score_and_learn(row: np.ndarray) -> float:
        nonlocal seen
        total = 0.0
        for tree in trees:
            if len(tree.leaves) == N_SAMPLES:
                tree.forget_point(seen - N_SAMPLES)
            tree.insert_point(row, index=seen)
            total += tree.codisp(seen) if seen else 0.0
        seen += 1
        return total / N_TREES

    return point_by_point(score_and_learn, history, new, shingle)


def river(history: np.ndarray, new: np.ndarray, shingle: int) -> Timed:
    from river.anomaly import HalfSpaceTrees

    model, low, width = (
        HalfSpaceTrees(n_trees=N_TREES, window_size=N_SAMPLES, seed=0),
        history.min(),
        np.ptp(history) or 1.0,
    )

    def score_and_learn(row: np.ndarray) -> float:
        features = dict(enumerate(np.clip((row - low) / width, 0.0, 1.0).tolist()))
        score = model.score_one(features)
        model.learn_one(features)
        return float(score)

    return point_by_point(score_and_learn, history, new, shingle)


RUNS = {"tocsin": tocsin, "krcf": krcf, "river": river, "rrcf": rrcf}
PART = {"tocsin": 1.0, "krcf": 0.25, "river": 0.1, "rrcf": 0.01}
"""Of the points that each is timed on."""
SLOW = ("rrcf",)
"""Too slow for labelled series."""


def time_forests(found: list[str], n_points: int, n_repeats: int) -> None:
    values = np.random.default_rng(0).standard_normal(n_points + N_KNOWN)
    history = values[:N_KNOWN]
    for shingle in (1, 4, 8):
        best = dict.fromkeys(found, np.inf)
        for repeat in range(n_repeats + 1):
            for name in found:
                n_new = max(int(PART[name] * n_points), 100)
                if repeat == 0 and name != "tocsin":  # nothing to compile
                    continue
                seconds = RUNS[name](history, values[N_KNOWN : N_KNOWN + n_new], shingle)[1] / n_new
                if repeat > 0:
                    best[name] = min(best[name], seconds)
        for name in found:
            slower = best[name] / best["tocsin"]
            print(f"shingle {shingle}: {name:8s} {1 / best[name]:9,.0f} points/s  {slower:7.1f} times ours", flush=True)


def time_holt_winters(n_series: int = 10_000, season: int = 288) -> None:
    random = np.random.default_rng(0)
    days = np.sin(np.arange(10 * season) * 2 * np.pi / season) + 0.3 * random.standard_normal((10, 10 * season))
    HoltWinters(season=season).fit(days[:1])
    start = time.process_time()
    HoltWinters(season=season).fit(days)
    print(f"Holt-Winters, fit: {(time.process_time() - start) / len(days) * 1_000:.1f} ms a series")
    detector = HoltWinters(season=season, smoothing=(0.2, 0.0, 0.1))
    detector.fit(random.standard_normal((n_series, 2 * season)))
    seconds = []
    for _ in range(30):
        new = random.standard_normal((n_series, 1))
        start = time.process_time()
        detector.update(new)
        seconds.append(time.process_time() - start)
    print(f"Holt-Winters, one step of {n_series:,} series: {np.median(seconds) * 1_000:.2f} ms")


def judge(found: list[str], folder: Path) -> None:
    data = pd.read_parquet(folder / "nab.parquet")
    areas: dict[str, list[float]] = {name: [] for name in found if name not in SLOW}
    for series, table in data.groupby("series", observed=True):
        labels, values = table["label"].to_numpy(), table["value"].to_numpy(float)
        n_known = int(0.15 * len(values))
        if str(series).startswith(("realKnownCause/", "realAdExchange/")) and 0 < labels[n_known:].mean() < 1:
            for name, results in areas.items():
                scores = RUNS[name](values[:n_known], values[n_known:], 8)[0]
                results.append(float(roc_auc_score(labels[n_known:], scores)))
    for name, results in areas.items():
        print(f"NAB, shingle 8: {name:8s} AUROC {np.mean(results):.3f}, {len(results)} series")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--data", type=Path)
    arguments = parser.parse_args()
    found = [name for name in RUNS if importlib.util.find_spec(name)]
    versions = [f"{name} {importlib.metadata.version(name)}" for name in [*found, "numpy", "numba"] if name != "tocsin"]
    print(f"Python {platform.python_version()}, {', '.join(versions)}")
    for name in RUNS.keys() - set(found):
        print(f"{name} is not installed here")
    time_forests(found, arguments.points, arguments.repeats)
    time_holt_winters()
    if arguments.data:
        judge(found, arguments.data)


if __name__ == "__main__":
    main()
