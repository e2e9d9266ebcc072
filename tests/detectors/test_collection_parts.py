"""Learning some entities at a time is learning all of them at once, bit for bit, in both modes."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from tocsin import CollectionDetector
from tocsin.errors import InputError, NotEnoughData

DAYS = pd.date_range("2026-01-01", periods=34, freq="D", tz="UTC")
MODES = [
    {},
    {"n_normal": 12, "n_anomalous": 3},
    {"mode": "faithful"},
    {"mode": "faithful", "level": 2, "alpha": "estimated"},
    {"mode": "faithful", "level": "both", "n_normal": 12, "n_anomalous": 3},
    {"mode": "faithful", "level": "both", "n_normal": 12, "alpha": "feedback"},
    {"mode": "faithful", "algorithm": "mgof"},
]


def sellers(n=23, seed=0):
    """Unequal ones: some new, some closed now and then, some with anomalies confirmed."""
    random = np.random.default_rng(seed)
    rates = random.dirichlet(np.full(48, 2.0), (n, 1)) * random.lognormal(5, 1, (n, 1, 1))
    fine = random.poisson(np.broadcast_to(rates, (n, len(DAYS), 48)))
    fine[random.random(fine.shape[:2]) < 0.1] = 0
    fine[:3, :25], fine[3, 2:] = 0, 0
    anomalous = random.random(fine.shape[:2]) < np.linspace(0, 0.3, n)[:, None]
    anomalous[:8] = False
    return fine.reshape(n, len(DAYS), 12, 4).sum(axis=3), fine, anomalous


def in_parts(edges, *arrays):
    edges = [0, *edges, len(arrays[0])]
    return ([array[a:b] for array in arrays] for a, b in pairwise(edges))


@pytest.mark.parametrize("edges", [[1], [3, 4, 11], [0, 8, 8]])
@pytest.mark.parametrize("settings", MODES, ids=str)
def test_how_entities_are_parted_changes_nothing(settings, edges):
    counts, fine, anomalous = sellers()
    groups = list("aab" * 8)[:23]
    days = DAYS[:30][::-1]  # in any order
    whole = CollectionDetector(**settings)
    whole.fit(counts[:, 29::-1], days, fine=fine[:, 29::-1], anomalous=anomalous[:, 29::-1], groups=groups)
    parted = CollectionDetector(**settings)
    parts = in_parts(edges, counts[:, 29::-1], fine[:, 29::-1].astype(np.int32), anomalous[:, 29::-1])
    parted.fit_parts(parts, days, groups=groups)
    for day in range(30, 34):
        one, other = (
            detector.update(counts[:, day], DAYS[day], fine=fine[:, day].astype(dtype))
            for detector, dtype in ((whole, np.int64), (parted, np.int32))
        )
        pd.testing.assert_frame_equal(one, other, check_exact=True)
        state, other_state = whole.get_state(), parted.get_state()
        assert state["meta"] == other_state["meta"]
        assert {name: array.dtype for name, array in state["arrays"].items()} == {
            name: array.dtype for name, array in other_state["arrays"].items()
        }
        for name, array in state["arrays"].items():
            np.testing.assert_array_equal(array, other_state["arrays"][name], name)


def test_parts_are_read_one_at_a_time():
    counts, fine, anomalous = sellers()
    alive = []

    def parts():
        for part in in_parts([5, 10, 20], counts, fine, anomalous):
            alive.append(len(part[0]))
            yield part

    detector = CollectionDetector().fit_parts(parts(), DAYS)
    assert alive == [5, 5, 10, 3]
    assert detector.n_entities_ == 23


def test_parts_that_do_not_fit_together_are_refused():
    counts, fine, anomalous = sellers()
    few = {"n_normal": 8}
    with pytest.raises(InputError, match="No parts"):
        CollectionDetector(**few).fit_parts([], DAYS)
    with pytest.raises(NotEnoughData):
        CollectionDetector(**few).fit_parts([(counts[:, :0], None, None)], DAYS[:0])
    with pytest.raises(InputError, match="shape of counts"):
        CollectionDetector(**few).fit_parts([(counts, None, None), (counts[:, :, :8], None, None)], DAYS)
    with pytest.raises(InputError, match="in all of them or in none"):
        CollectionDetector(**few).fit_parts([(counts, fine, None), (counts, None, None)], DAYS)
    with pytest.raises(InputError, match="peer groups"):
        CollectionDetector(**few).fit_parts([(counts, None, anomalous), (counts, None, None)], DAYS, groups=["a"] * 23)
    with pytest.raises(InputError, match="number of periods"):
        CollectionDetector(**few).fit_parts([(counts, None, None)], DAYS[:5])


def test_a_failed_fit_leaves_what_was_learned():
    counts, _, _ = sellers()
    detector = CollectionDetector().fit(counts[:, :30], DAYS[:30])
    before = detector.judge(counts[:, 30], DAYS[30]).p_value
    with pytest.raises(InputError):
        detector.fit_parts([(counts[:, :30, :8], None, None), (counts[:, :30], None, None)], DAYS[:30], groups=["x"])
    np.testing.assert_array_equal(detector.judge(counts[:, 30], DAYS[30]).p_value, before)
