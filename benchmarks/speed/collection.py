"""Speed of one update of the collections lens beside the paper's Algorithm 2 as a loop with scipy, in one run.

    python benchmarks/speed/collection.py [--sellers 20000] [--updates 3] [--loop 200]

n = 30 normal and m = 10 anomalous collections of 24 bins; counts alone (without spans of 300 s) and with them. One
process, one thread, CPU time; after a first run that is not counted the median update counts.
"""

from __future__ import annotations

import argparse
import os
import platform
import time

# numba and NumPy read these when they are imported
for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
import scipy  # noqa: E402
from scipy.spatial.distance import jensenshannon  # noqa: E402

from tocsin import CollectionDetector  # noqa: E402

N_NORMAL, N_ANOMALOUS, ALPHA = 30, 10, 0.1


def algorithm_2(normal: np.ndarray, anomalous: np.ndarray, now: np.ndarray) -> bool:
    """One step for one seller with the threshold of eq. 5, nothing kept from the step before: as the paper has it."""
    mean = np.mean([counts / counts.sum() for counts in normal], axis=0)
    of_normal = [jensenshannon(counts, mean) ** 2 for counts in normal]
    of_anomalous = [jensenshannon(counts, mean) ** 2 for counts in anomalous]
    above, below = np.std(of_anomalous) * np.sqrt(-np.log(1 - ALPHA)), np.std(of_normal) * np.sqrt(-np.log(ALPHA))
    threshold = (np.mean(of_normal) * above + np.mean(of_anomalous) * below) / (above + below)
    return bool(jensenshannon(now, mean) ** 2 >= threshold)


def sellers(n: int, updates: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, 30 + updates, 24) normal counts, (n, 10, 24) anomalous ones, and the normal ones in spans of 300 s."""
    chance = np.random.default_rng(seed)
    shape = chance.gamma(2.0, size=(n, 1, 24))
    mean = 150 * shape / shape.sum(axis=2, keepdims=True)
    normal = chance.poisson(np.broadcast_to(mean, (n, N_NORMAL + updates, 24)))
    anomalous = chance.poisson(2 * mean * chance.gamma(4.0, 0.25, (n, N_ANOMALOUS, 24)))
    fine = chance.multinomial(normal, np.full(12, 1 / 12)).reshape(n, N_NORMAL + updates, 288)
    return normal, anomalous, fine


def rate(settings: dict, normal: np.ndarray, anomalous: np.ndarray, fine: np.ndarray | None, updates: int) -> float:
    """Sellers a CPU second, of the median update."""
    periods = pd.date_range("2026-01-01", periods=N_NORMAL + updates, freq="D", tz="UTC")
    told = settings["mode"] == "faithful"
    seconds: list[float] = []
    for n in (100, len(normal)):  # the first is not counted
        evidence, days, mask = normal[:n, :N_NORMAL], periods[:N_NORMAL], None
        finer = None if fine is None else fine[:n, :N_NORMAL]
        if told:
            evidence = np.concatenate([evidence, anomalous[:n]], axis=1)
            days = days.append(periods[:N_ANOMALOUS])
            mask = np.arange(N_NORMAL + N_ANOMALOUS) >= N_NORMAL
            finer = None if fine is None else np.concatenate([finer, 2 * fine[:n, :N_ANOMALOUS]], axis=1)
        detector = CollectionDetector(**settings).fit(evidence, days, fine=finer, anomalous=mask)
        seconds = []
        for day in range(N_NORMAL, N_NORMAL + updates):
            now = None if fine is None else fine[:n, day]
            start = time.process_time()
            detector.update(normal[:n, day], periods[day], fine=now)
            seconds.append(time.process_time() - start)
    return len(normal) / float(np.median(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sellers", type=int, default=20_000)
    parser.add_argument("--updates", type=int, default=3)
    parser.add_argument("--loop", type=int, default=200)
    arguments = parser.parse_args()
    print(f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}")
    normal, anomalous, fine = sellers(arguments.sellers, arguments.updates)
    start = time.process_time()
    for seller in range(arguments.loop):
        algorithm_2(normal[seller, :N_NORMAL], anomalous[seller], normal[seller, N_NORMAL])
    loop = arguments.loop / (time.process_time() - start)
    print(f"{'Algorithm 2 as a loop with scipy':45s} {loop:12,.0f} sellers/s")
    told = {"mode": "faithful", "threshold": 5, "alpha": ALPHA}
    for name, settings, finer in (
        ("faithful, level 1", {**told, "level": 1}, None),
        ("faithful, level 2 (288 spans)", {**told, "level": 2}, fine),
        ("calibrated, counts alone", {"mode": "calibrated"}, None),
        ("calibrated, with 288 spans", {"mode": "calibrated"}, fine),
    ):
        ours = rate(settings, normal, anomalous, finer, arguments.updates)
        print(f"{name:45s} {ours:12,.0f} sellers/s  {ours / loop:8,.0f} times the loop")


if __name__ == "__main__":
    main()
