"""The calibrated mode keeps its false-positive rate on honest sellers and finds what is planted."""

import numpy as np
import pandas as pd
import pytest

from tests.detectors.honest_sellers import N_SPANS, days, honest, hours, watched
from tocsin import CollectionDetector

FIRST = 30


def share(table, below, column="p_value"):
    return (table[column] < below).mean()


@pytest.mark.parametrize(
    ("volume", "sd", "n"), [(30, 0.12, 100), (300, 0.05, 100), (300, 0.3, 100), (3_000, 0.12, 100), (300, 0.12, 3)]
)
def test_honest_sellers_are_flagged_at_most_as_often_as_stated(volume, sd, n):
    tables = [
        watched(CollectionDetector(), honest(seed, n, 50, volume, sd), days(50), FIRST)
        for seed in range(max(30 // n, 1))
    ]
    result = pd.concat(tables)
    assert (result["status"] == "tested").all()
    assert result["anomaly_score"].between(0, 1, inclusive="left").all()
    assert share(result, 0.01) <= 0.02
    assert share(result, 0.05) <= 0.08
    assert (result["flagged"] == (result["p_value"] <= 0.01)).all()
    for part in ("p_shape", "p_volume", "p_dispersion"):
        assert result[part].between(0, 1).all()
        assert share(result, 0.001, part) <= 0.01


def test_the_first_day_after_fit_is_judged_as_all_others():
    """What is usual among sellers, as volumes that vary by a half, is known at once."""
    fine = honest(1, 400, FIRST + 1, sd=0.5)
    first = watched(CollectionDetector(), fine, days(FIRST + 1), FIRST)
    assert share(first, 0.01) <= 0.02
    assert share(first, 0.05) <= 0.09


@pytest.mark.parametrize("target_fpr", [0.001, 0.05])
def test_the_rate_is_a_setting(target_fpr):
    result = watched(CollectionDetector(target_fpr=target_fpr), honest(2, 100, 40), days(40), FIRST)
    assert (result["flagged"] == (result["p_value"] <= target_fpr)).all()
    assert result["flagged"].mean() <= 1.6 * target_fpr + 0.001


def test_records_that_always_come_in_threes_are_usual():
    result = watched(CollectionDetector(), 3 * honest(3, 60, 50, volume=100), days(50), FIRST)
    assert share(result, 0.01, "p_dispersion") <= 0.04
    assert result["flagged"].mean() <= 0.02


@pytest.mark.parametrize("trend", [-0.02, 0.01])
def test_sellers_that_grow_or_shrink_are_not_flagged(trend):
    result = watched(CollectionDetector(), honest(4, 60, 60, trend=trend), days(60), FIRST)
    assert result["flagged"].mean() <= 0.015


def test_shapes_that_drift_are_not_flagged():
    random, n, n_days = np.random.default_rng(5), 60, 75
    walk = np.exp(np.cumsum(random.normal(0, 0.2 / np.sqrt(30), (n, n_days, 24)), axis=1))
    shape = random.dirichlet(np.full(24, 4.0), (n, 1)) * walk
    shape /= shape.sum(axis=2, keepdims=True)
    fine = random.poisson(np.repeat(300 * shape / 12, 12, axis=2))
    assert watched(CollectionDetector(), fine, days(n_days), FIRST)["flagged"].mean() < 0.03


def burst(random, spans, nu):
    """nu times as many records again, within about an hour."""
    at = random.choice(N_SPANS, p=spans / spans.sum())
    where = np.clip(np.rint(random.normal(at, 6, int(nu * spans.sum()))), 0, N_SPANS - 1).astype(int)
    return spans + np.bincount(where, minlength=N_SPANS)


def duplicates(random, spans, nu):
    return spans + random.binomial(spans, nu)


def scattered(random, spans, nu):
    """nu times as many records again, of the same hours."""
    return spans + random.poisson(nu * np.repeat(hours(spans), 12) / 12)


@pytest.mark.parametrize(
    ("attack", "nu", "part", "at_least"),
    [(burst, 0.5, "p_shape", 0.98), (duplicates, 1.0, "p_dispersion", 0.98), (scattered, 1.0, "p_volume", 0.9)],
)
def test_farmed_days_are_found_by_the_part_that_sees_them(attack, nu, part, at_least):
    random, fine = np.random.default_rng(6), honest(6, 100, FIRST + 3, 500)
    detector = CollectionDetector().fit(hours(fine)[:, :FIRST], days(FIRST), fine=fine[:, :FIRST])
    tables = []
    # each seller is farmed once: a day on which most are would be taken for one of many records
    for rolled in range(10):
        farmed = np.arange(100) % 10 == rolled
        now = fine[:, FIRST].copy()
        now[farmed] = [attack(random, spans, nu) for spans in now[farmed]]
        scores = detector.judge(hours(now), days(FIRST + 1)[-1], now)
        tables.append(pd.DataFrame({"flagged": scores.flagged, part: scores.parts[part[2:]]})[farmed])
    result = pd.concat(tables)
    assert len(result) == 100
    assert result["flagged"].mean() >= at_least
    assert share(result, 0.01, part) >= at_least


def level(fine, factor, since, until=None):
    """Counts with `factor` times the records from one day on, by other records, not by copies."""
    moved = fine.copy()
    of = slice(since, until)
    more = np.random.default_rng(9).poisson(np.repeat(hours(fine[:, of]) / 12, 12, axis=-1) * max(factor - 1, 0))
    moved[:, of] = fine[:, of] + more if factor > 1 else np.random.default_rng(9).binomial(fine[:, of], factor)
    return moved


def by_seller(result, first, last, n):
    """How often each of the first n sellers was flagged."""
    some = result[(result["entity"] < n) & result["day"].between(first, last)]
    return some.groupby("entity")["flagged"].sum()


def planted(seed, n_days, change):
    """20 sellers of 100 change."""
    fine = honest(seed, 100, n_days, 500)
    fine[:20] = change(fine[:20])
    return watched(CollectionDetector(), fine, days(n_days), FIRST)


def test_a_lasting_rise_is_flagged_some_days_and_then_usual():
    result = planted(7, 80, lambda fine: level(fine, 1.6, 40))
    assert by_seller(result, 40, 42, 20).median() >= 1
    assert by_seller(result, 40, 69, 20).median() <= 3
    assert by_seller(result, 50, 79, 20).sum() <= 0.03 * 20 * 30
    others = result[result["entity"] >= 20]
    assert others["flagged"].mean() <= 0.015


def test_after_three_farmed_days_the_level_falls_back():
    result = planted(8, 75, lambda fine: level(fine, 2.0, 40, 43))
    assert by_seller(result, 40, 42, 20).mean() >= 2
    # the days after are as usual, and a later farmed day is not
    assert by_seller(result, 43, 74, 20).sum() <= 0.02 * 20 * 32
    again = planted(8, 61, lambda fine: level(level(fine, 2.0, 40, 43), 2.0, 60, 61))
    assert by_seller(again, 60, 60, 20).mean() >= 0.8


def test_a_lasting_fall_and_the_return_from_it_are_not_flagged():
    result = planted(10, 90, lambda fine: level(fine, 0.4, 40, 60))
    assert by_seller(result, 40, 89, 20).sum() <= 0.02 * 20 * 50


def test_a_factor_that_all_share_is_no_anomaly():
    fine = honest(11, 100, 45, 500)
    shared = level(fine, 1.5, 40, 41)
    one = shared.copy()
    one[0, 40] = 2 * one[0, 40]
    detector = CollectionDetector()
    result = watched(detector, one, days(45), FIRST)
    day = result[result["day"] == 40]
    assert day["flagged"].iloc[0]
    assert day["flagged"].iloc[1:].mean() <= 0.05
    alone = watched(CollectionDetector(), shared[:5], days(45), FIRST)  # too few to tell what is shared
    assert alone.loc[alone["day"] == 40, "p_volume"].median() < 0.05


def test_attacks_that_nobody_confirms_do_not_become_usual():
    """The same attack every other day, 15 times."""
    random, fine = np.random.default_rng(12), honest(12, 100, FIRST + 30, 500)
    attacked = np.arange(FIRST, FIRST + 30, 2)
    for kind, attack in enumerate((duplicates, burst)):
        for entity in range(10 * kind, 10 * kind + 10):
            for day in attacked:
                fine[entity, day] = attack(random, fine[entity, day], 1.0)
    result = watched(CollectionDetector(), fine, days(FIRST + 30), FIRST)
    farmed = (result["entity"] < 20) & result["day"].isin(attacked)
    for number in (0, 4, 14):
        today = result[farmed & (result["day"] == attacked[number])]
        assert today["flagged"].mean() >= 0.95
    assert result[~farmed]["flagged"].mean() <= 0.015


def test_judging_changes_nothing_and_updates_learn():
    fine = honest(13, 30, 35)
    counts = hours(fine)
    detector = CollectionDetector().fit(counts[:, :FIRST], days(FIRST), fine=fine[:, :FIRST])
    before = detector.get_state()["arrays"]
    scores = detector.judge(counts[:, FIRST], days(31)[-1], fine[:, FIRST])
    detector.explain(counts[:, FIRST], days(31)[-1], fine[:, FIRST], entities=np.arange(30))
    after = detector.get_state()["arrays"]
    assert all(np.array_equal(before[name], after[name], equal_nan=True) for name in before)
    table = detector.update(counts[:, FIRST], days(31)[-1], fine[:, FIRST])
    assert np.array_equal(scores.p_value, table["p_value"])
    assert not np.array_equal(before["head"], detector.get_state()["arrays"]["head"])


def test_two_runs_are_one(tmp_path):
    """Through a state, and through a folder, memory-mapped and not: bit for bit."""
    fine = honest(14, 60, 50, sd=0.3)
    fine[3, 33:36] *= 4
    fine[4, 35:41] = 0
    counts, periods = hours(fine), days(50)
    groups = ["a", "b"] * 30
    one = CollectionDetector(holidays=["2026-02-08"], timezone="Europe/Berlin", n_normal=20, n_anomalous=5)
    one.fit(counts[:, :FIRST], periods[:FIRST], fine=fine[:, :FIRST], groups=groups)
    others = []
    for day in range(FIRST, 50):
        if day == 40:
            one.save(tmp_path)
            states = CollectionDetector(**one.get_params()).set_state(one.get_state())
            others = [states, CollectionDetector.load(tmp_path), CollectionDetector.load(tmp_path, memory_mapped=True)]
        now = counts[:, day], periods[day], fine[:, day]
        expected = one.update(*now)
        for other in others:
            pd.testing.assert_frame_equal(other.update(*now), expected, check_exact=True)
    for other in others:
        arrays = other.get_state()["arrays"]
        for name, array in one.get_state()["arrays"].items():
            assert np.array_equal(array, arrays[name], equal_nan=array.dtype.kind == "f")


def test_the_order_of_entities_does_not_matter():
    fine, order = honest(15, 60, 36), np.random.default_rng(15).permutation(60)
    fine[:3, 32] *= 3
    periods = days(36)
    straight = watched(CollectionDetector(), fine, periods, FIRST)
    shuffled = watched(CollectionDetector(), fine[order], periods, FIRST)
    back = shuffled.assign(entity=order[shuffled["entity"]]).sort_values(["day", "entity"], ignore_index=True)
    # what peers have in common is a sum over all: its last digits follow the order
    pd.testing.assert_frame_equal(back, straight, rtol=1e-9, atol=1e-12)


def test_explanations_say_what_moved():
    random, fine = np.random.default_rng(16), honest(16, 40, 45, 500)
    for day in (32, 38, 44):
        fine[0, day, 36:48] += random.poisson(40, 12)  # the fourth hour
    fine[0, 35] = 2 * fine[0, 35]
    counts, periods = hours(fine), days(45)
    detector = CollectionDetector()
    watched(detector, fine[:, :44], periods[:44], FIRST)
    entities = np.arange(40)
    why = detector.explanation(counts[:, 44], periods[44], fine=fine[:, 44], entities=entities)
    assert np.abs(why.terms).sum(axis=1) == pytest.approx(1.0)
    records = counts[:, 44].sum(axis=1)
    assert why.expected.sum(axis=1) == pytest.approx(records)
    assert (np.sign(why.terms) == np.sign(why.observed - why.expected))[np.abs(why.terms) > 1e-12].all()
    assert why.terms[0].argmax() == 3
    assert why.terms[0, 3] > 0.4
    assert (why.lower <= why.expected).all()
    assert (why.expected <= why.upper).all()
    inside = (why.lower <= why.observed) & (why.observed <= why.upper)
    assert 0.9 <= inside[1:].mean() <= 0.985
    observed, expected, lower, upper = why.parts["volume"].T
    assert observed == pytest.approx(records)
    assert ((lower < expected) & (expected < upper)).all()
    assert observed[0] > upper[0]
    assert why.parts["dispersion"][1:, 1] == pytest.approx(1.0, abs=0.25)
    # the two days with the same attack are nearer than the doubled one
    found = pd.to_datetime(why.nearest[0], unit="s", utc=True)
    assert set(found[:2]) == {periods[32], periods[38]}
    flagged = detector.explain(counts[:, 44], periods[44], fine=fine[:, 44])
    assert 0 in set(flagged["entity"])
    assert len(detector.explain(counts[:, 44], periods[44], fine=fine[:, 44], entities=[])) == 0
