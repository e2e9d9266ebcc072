"""Speed of the isolation forest: fit and score of the same rows, CPU time, one thread, beside peers in the same run.

    python benchmarks/speed/contextual.py [--rows 1000000] [--columns 14] [--repeats 3] [--con-out]

100 trees of 256 rows on float64 columns: half of them normal, half log-normal. Peers are what this Python can import of
scikit-learn, coniferest, isotree and PyOD, each with one thread; PyOD's fit scores the rows by itself. The runs take
turns, and the median of each one's repeats counts, after a first run that is not counted (compiling, first touch).

With --con-out, instead: ConOut in its default mode on two threads, a third of the columns categories of 50 values.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import resource
import time
from collections.abc import Callable

# numba and NumPy read these when they are imported
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402

from tocsin import ConOut, IsolationForest  # noqa: E402

N_TREES, N_SAMPLES = 100, 256


def tocsin(X: np.ndarray) -> np.ndarray:
    return IsolationForest(n_trees=N_TREES, max_samples=N_SAMPLES, random_state=0).fit(X).anomaly_score(X)


def scikit_learn(X: np.ndarray) -> np.ndarray:
    from sklearn.ensemble import IsolationForest as Peer

    return -Peer(n_estimators=N_TREES, max_samples=N_SAMPLES, random_state=0).fit(X).score_samples(X)


def coniferest(X: np.ndarray) -> np.ndarray:
    from coniferest.isoforest import IsolationForest as Peer

    return -Peer(n_trees=N_TREES, n_subsamples=N_SAMPLES, n_jobs=1, random_seed=0).fit(X).score_samples(X)


def isotree(X: np.ndarray) -> np.ndarray:
    from isotree import IsolationForest as Peer

    return Peer(ntrees=N_TREES, sample_size=N_SAMPLES, ndim=1, nthreads=1, random_seed=0).fit(X).predict(X)


def pyod(X: np.ndarray) -> np.ndarray:
    from pyod.models.iforest import IForest as Peer

    return Peer(n_estimators=N_TREES, max_samples=N_SAMPLES, random_state=0).fit(X).decision_scores_


RUNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "tocsin": tocsin,
    "coniferest": coniferest,
    "scikit-learn": scikit_learn,
    "isotree": isotree,
    "pyod": pyod,
}
MODULES = {"scikit-learn": "sklearn"}


def time_con_out(n_rows: int, n_columns: int) -> None:
    random = np.random.default_rng(0)
    n_categories = n_columns // 3
    table = pd.DataFrame(random.normal(size=(n_rows, n_columns - n_categories))).add_prefix("number")
    for j in range(n_categories):
        table[f"category{j}"] = pd.Categorical(random.integers(0, 50, n_rows).astype(str))
    ConOut(n_jobs=2, random_state=0).fit(table[:2_000]).anomaly_score(table[:2_000])
    start, wall = time.process_time(), time.perf_counter()
    ConOut(n_jobs=2, random_state=0).fit(table).anomaly_score(table)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"ConOut, {n_rows:,} x {n_columns}: {time.perf_counter() - wall:.1f} s wall", end=", ")
    print(f"{time.process_time() - start:.1f} s CPU, {peak:.2f} GiB at the peak")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--columns", type=int, default=14)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--con-out", action="store_true")
    arguments = parser.parse_args()
    if arguments.con_out:
        time_con_out(arguments.rows, arguments.columns)
        return
    found = {name: run for name, run in RUNS.items() if importlib.util.find_spec(MODULES.get(name, name))}
    versions = [f"{name} {importlib.metadata.version(name)}" for name in [*found, "numpy", "numba"] if name != "tocsin"]
    print(f"Python {platform.python_version()}, {', '.join(versions)}")
    for name in RUNS.keys() - found.keys():
        print(f"{name} is not installed here")
    X = np.random.default_rng(0).normal(size=(arguments.rows, arguments.columns))
    np.exp(X[:, ::2], out=X[:, ::2])
    for run in found.values():
        run(X[:10_000].copy())
    seconds: dict[str, list[float]] = {name: [] for name in found}
    scores = {}
    for _ in range(arguments.repeats):
        for name, run in found.items():
            start = time.process_time()
            scores[name] = run(X)
            seconds[name].append(time.process_time() - start)
    taken = {name: float(np.median(values)) for name, values in seconds.items()}
    ranks = {name: np.argsort(np.argsort(values)) for name, values in scores.items()}
    for name in found:
        alike = np.corrcoef(ranks["tocsin"], ranks[name])[0, 1]
        print(
            f"{name:14s} {taken[name]:7.2f} CPU s  {arguments.rows / taken[name]:10,.0f} rows/s"
            f"  {taken[name] / taken['tocsin']:5.2f} times ours  rank correlation {alike:.3f}"
        )


if __name__ == "__main__":
    main()
