"""How small an attack would be seen: monotone in the entity's size, and true of what the detector then says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tocsin import CollectionDetector
from tocsin.detectors.collections.farm import Farm, farm_counts
from tocsin.detectors.collections.sight import MAGNITUDES, sight
from tocsin.simulate import simulate_sellers

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(scope="module")
def watched():
    """Forty sellers, twenty of some 60 and twenty of some 1,500 records a day, after 35 honest days."""
    chance = np.random.default_rng(3)
    shape = np.array([0, 0, 0, 0, 0, 0, 1, 2, 4, 6, 8, 9, 9, 8, 8, 9, 9, 10, 11, 12, 10, 6, 2, 1], float)
    rate = np.repeat([60.0, 1_500.0], 20)[:, None] * np.exp(chance.normal(0, 0.1, (40, 36)))
    spans = np.repeat(shape / shape.sum() / 12, 12)
    fine = chance.poisson(rate[:, :, None] * spans)
    counts = fine.reshape(40, 36, 24, 12).sum(axis=3)
    days = pd.date_range("2026-03-02", periods=36, tz="UTC")
    detector = CollectionDetector().fit(counts[:, :35], days[:35], fine=fine[:, :35])
    return detector, counts[:, 35], days[35], fine[:, 35]


def test_larger_entities_are_seen_through_at_smaller_attacks(watched):
    for found in sight(*watched):
        assert found.found[-1] > 0.9  # three times its records nobody overlooks
        assert (np.diff(found.found) > -0.15).all()
        assert found.half(500) <= found.half(0, 500)
    centralised = sight(*watched)[0]
    assert centralised.half(500) <= 0.3


def test_it_is_what_the_detector_says_of_such_a_day(watched):
    detector, counts, day, fine = watched
    found = sight(detector, counts, day, fine, magnitudes=(1.0,), random_state=5)[0]
    chance = np.random.default_rng([5, 0, 0])
    farmed = farm_counts(chance, fine, np.ones(40, bool), Farm("centralised", 1.0))
    common = detector.judge(counts, day, fine).common_factor
    flagged = detector.judge(farmed.reshape(40, 24, 12).sum(axis=2), day, farmed, common).flagged
    assert found.found[0] == flagged.mean()
    assert (np.isfinite(found.least) == flagged).all()


def test_what_all_share_is_no_attack_unless_it_is_known_to_be_none(watched):
    detector, counts, day, _ = watched
    assert detector.judge(2 * counts, day).flagged.mean() < 0.2
    assert detector.judge(2 * counts, day, common_factor=0.0).flagged.mean() > 0.6
    assert abs(detector.judge(2 * counts, day).common_factor - np.log(2)) < 0.1


def test_nothing_is_learned_and_the_closed_are_left_out(watched):
    detector, counts, day, fine = watched
    before = {name: array.copy() for name, array in detector.get_state()["arrays"].items()}
    counts, fine = counts.copy(), fine.copy()
    counts[0], fine[0] = 0, 0
    assert all(len(found.records) == 39 for found in sight(detector, counts, day, fine, magnitudes=MAGNITUDES[:2]))
    after = detector.get_state()["arrays"]
    assert all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)


def test_a_subset_judges_as_the_whole_does(watched):
    detector, counts, day, fine = watched
    rows = np.array([3, 30, 7])
    mine = detector.subset(rows).judge(counts[rows], day, fine[rows])
    whole = detector.judge(counts, day, fine)
    # what is usual among peers is that of the subset, so that figures differ a little
    assert np.abs(mine.divergence - whole.divergence[rows]).max() < 0.02


def test_simulated_sellers_are_seen_too():
    sellers = simulate_sellers(12, 33, random_state=1)
    days = pd.DatetimeIndex(sellers.periods)
    detector = CollectionDetector().fit(sellers.counts[:, :32], days[:32])
    found = sight(detector, sellers.counts[:, 32], days[32].to_pydatetime(), magnitudes=(0.1, 3.0))
    assert [one.kind for one in found] == ["centralised", "equalised", "independent"]
    assert all(one.found[1] >= one.found[0] for one in found)
