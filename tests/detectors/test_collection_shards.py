"""Entities in shards, each in a folder of its own: judged anywhere, in any order, again after a failure, on Spark."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from tocsin import CollectionDetector
from tocsin.detectors.collections.shards import judge_shard

DAYS = pd.date_range("2026-01-01", periods=34, freq="D", tz="UTC")
N, SHARD = 60, 20
MODES = [{}, {"mode": "faithful", "level": "both"}]


def sellers(seed=0):
    random = np.random.default_rng(seed)
    fine = random.poisson(random.dirichlet(np.full(96, 3.0), (N, 1)) * 300, (N, len(DAYS), 96))
    fine[::7, 31:, 20:24] += 60
    return fine.reshape(N, len(DAYS), 24, 4).sum(axis=3), fine


def fitted(settings, folder, counts, fine):
    """One folder a shard, as it is before the first period; and detectors that stay in this process."""
    kept = []
    for number in range(N // SHARD):
        mine = slice(number * SHARD, (number + 1) * SHARD)
        detector = CollectionDetector(**settings).fit(counts[mine, :31], DAYS[:31], fine=fine[mine, :31])
        detector.save(folder / f"{number}" / "0")
        kept.append(detector)
    return kept


@pytest.mark.parametrize("settings", MODES, ids=str)
def test_a_task_that_is_started_again_finds_what_it_began_with(settings, tmp_path):
    counts, fine = sellers()
    (kept, *_) = fitted(settings, tmp_path, counts, fine)
    mine = slice(0, SHARD)
    for step, day in enumerate(range(31, 34)):
        now = counts[mine, day], DAYS[day], fine[mine, day]
        expected = kept.update(*now)
        folders = tmp_path / "0" / f"{step}", tmp_path / "0" / f"{step + 1}"
        for _ in range(2):
            pd.testing.assert_frame_equal(judge_shard(*folders, *now), expected, check_exact=True)
    loaded = CollectionDetector.load(tmp_path / "0" / "3")
    for name, array in kept.get_state()["arrays"].items():
        np.testing.assert_array_equal(loaded.get_state()["arrays"][name], array, name)
    assert expected["flagged"][[0, 7, 14]].all()


def test_without_peers_shards_are_the_whole(tmp_path):
    """In the faithful mode; the calibrated one takes a shard's entities as peers of one another."""
    counts, fine = sellers()
    settings = {"mode": "faithful", "level": "both"}
    fitted(settings, tmp_path, counts, fine)
    whole = CollectionDetector(**settings).fit(counts[:, :31], DAYS[:31], fine=fine[:, :31])
    expected = whole.update(counts[:, 31], DAYS[31], fine[:, 31])
    found = []
    for number in range(N // SHARD):
        folder, mine = tmp_path / f"{number}", slice(number * SHARD, (number + 1) * SHARD)
        found.append(judge_shard(folder / "0", folder / "1", counts[mine, 31], DAYS[31], fine[mine, 31]))
    pd.testing.assert_frame_equal(pd.concat(found, ignore_index=True), expected, check_exact=True)


def judge_rows(judge, folder, period, frame):
    """One shard's rows, in any order, with its number."""
    frame = frame.sort_values("entity")
    number = int(frame["shard"].iloc[0])
    counts, fine = np.stack(frame["counts"]), np.stack(frame["fine"])
    result = judge(f"{folder}/{number}/0", f"{folder}/{number}/1", counts, period, fine)
    result = result[["divergence", "p_value", "threshold", "anomaly_score", "flagged"]]
    return result.assign(entity=frame["entity"].to_numpy())


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("settings", MODES, ids=str)
def test_on_spark_a_group_is_a_shard(settings, tmp_path, spark):
    counts, fine = sellers()
    kept = fitted(settings, tmp_path, counts, fine)
    rows = [
        (k, k // SHARD, counts[k, 31].tolist(), fine[k, 31].tolist()) for k in np.random.default_rng(1).permutation(N)
    ]
    rows = [(int(entity), int(shard), *arrays) for entity, shard, *arrays in rows]
    table = spark.createDataFrame(rows, "entity long, shard long, counts array<long>, fine array<long>")
    schema = "divergence double, p_value double, threshold double, anomaly_score double, flagged boolean, entity long"
    task = partial(judge_rows, judge_shard, str(tmp_path), DAYS[31])
    found = table.groupBy("shard").applyInPandas(lambda frame: task(frame), schema).toPandas()
    found = found.sort_values("entity", ignore_index=True)
    for number, detector in enumerate(kept):
        mine = slice(number * SHARD, (number + 1) * SHARD)
        expected = detector.update(counts[mine, 31], DAYS[31], fine[mine, 31])
        part = found[mine].reset_index(drop=True)
        pd.testing.assert_frame_equal(part[list(part)[:5]], expected[list(part)[:5]], check_exact=True)
        after = CollectionDetector.load(tmp_path / f"{number}" / "1").get_state()["arrays"]
        for name, array in detector.get_state()["arrays"].items():
            np.testing.assert_array_equal(after[name], array, name)


@pytest.mark.parametrize(("settings", "most"), [({}, 3_700), ({"mode": "faithful"}, 4_600)], ids=str)
def test_a_seller_takes_few_bytes(settings, most):
    """At n = 30, m = 10 and 24 bins."""
    counts, fine = sellers()
    detector = CollectionDetector(n_normal=30, n_anomalous=10, **settings).fit(counts, DAYS, fine=fine)
    arrays = detector.get_state(copy=False)["arrays"]
    own = {name: array.nbytes / N for name, array in arrays.items() if not name.startswith("all_")}
    assert 1_000 < sum(own.values()) <= most, own
