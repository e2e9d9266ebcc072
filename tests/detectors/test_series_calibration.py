"""Raw scores as surprises, and thresholds from alert budgets."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.detectors.series import AlertBudget, TailCalibration
from tocsin.errors import InputError

RAW = st.lists(st.floats(-1e6, 1e6) | st.sampled_from([0.0, 1.0, math.nan]), min_size=0, max_size=80)


def literal(known, value):
    """The interpolated empirical tail up to the 95 % point of the known scores."""
    n, ordered = len(known), sorted(known)
    at_least = sum(one >= value for one in ordered)
    above = 1.0 + at_least
    lower = [one for one in ordered if one < value]
    higher = [one for one in ordered if one >= value]
    if not lower:
        return 1.0
    if higher[0] > value:
        above += (higher[0] - value) / (higher[0] - lower[-1])
    return above / (n + 1)


@settings(deadline=None)
@given(RAW, st.floats(-1e6, 1e6))
def test_the_body_is_the_empirical_distribution(raw, value):
    known = [one for one in raw if not math.isnan(one)]
    surprise = TailCalibration(1).fit([raw]).surprise([[value]])[0, 0]
    if len(known) < 10:
        assert surprise == 0.0
    elif value <= sorted(known)[int(0.95 * len(known))]:
        assert surprise == pytest.approx(-math.log10(literal(known, value)), abs=1e-12)
    assert surprise >= 0.0
    assert math.isfinite(surprise)


@settings(deadline=None)
@given(RAW.filter(lambda raw: sum(not math.isnan(one) for one in raw) >= 10), st.sampled_from([20, 4096]))
def test_higher_is_more_surprising_and_nothing_ties_far_out(raw, memory):
    known = np.array([one for one in raw if not math.isnan(one)][-memory:])
    tried = np.unique(np.concatenate([known, np.linspace(-2e6, 2e6, 400)]))
    calibration = TailCalibration(len(tried), memory=memory).fit(np.tile(raw, (len(tried), 1)))
    surprise = calibration.surprise(tried[:, None])[:, 0]
    assert (np.diff(surprise) >= -1e-12).all()
    beyond = tried > max(known.max(), 0)
    assert (np.diff(surprise[beyond]) > 0).all()


@settings(deadline=None)
@given(st.lists(RAW, min_size=2, max_size=2).map(lambda rows: [row[: min(map(len, rows))] for row in rows]), st.data())
def test_in_pieces_restored_and_forgotten_alike(rows, data):
    raw = np.array(rows)
    cut = data.draw(st.integers(0, raw.shape[1]))
    memory = data.draw(st.sampled_from([12, 30, 4096]))
    whole = TailCalibration(2, memory=memory).surprise(raw)
    first = TailCalibration(2, memory=memory)
    before = first.surprise(raw[:, :cut])
    restored = TailCalibration(7).set_state(first.get_state())
    after = restored.surprise(raw[:, cut:])
    np.testing.assert_array_equal(np.concatenate([before, after], axis=1), whole)
    np.testing.assert_array_equal(first.surprise(raw[:, cut:]), after)
    for row in range(2):
        known = raw[row][~np.isnan(raw[row])][-memory:]
        recent = restored.get_state()["recent"][row]
        np.testing.assert_array_equal(recent[~np.isnan(recent)], known)


def test_rates_of_independent_scores_are_those_said():
    random = np.random.default_rng(0)
    for scores in (random.exponential(size=(4, 40_000)), np.abs(random.standard_t(3, size=(4, 40_000)))):
        surprise = TailCalibration(4).fit(scores[:, :5_000]).surprise(scores[:, 5_000:])
        for rate in (0.1, 0.01, 0.001):
            assert (surprise > -math.log10(rate)).mean() == pytest.approx(rate, rel=0.15)


def test_a_score_that_never_changed_is_loud_once_it_does():
    for constant in (0.0, 7.0):
        surprise = (
            TailCalibration(1).fit(np.full((1, 500), constant)).surprise([[constant, constant + 1, constant + 2]])
        )
        assert surprise[0, 0] < 0.01
        assert surprise[0, 2] > surprise[0, 0]
        assert surprise[0, 1] > 3.0


def test_settings_and_input_are_checked():
    with pytest.raises(InputError, match="memory"):
        TailCalibration(1, memory=0)
    with pytest.raises(InputError, match="rows"):
        TailCalibration(2).surprise([[1.0]])
    with pytest.raises(InputError, match="positive"):
        AlertBudget(alerts_a_week=0, points_a_week=10)


def alerts(surprise, threshold, rest):
    """Runs of points beyond the threshold, with at least `rest` others between them."""
    count = 0
    for row in surprise:
        places = np.flatnonzero(row > threshold)
        count += len(places) and 1 + int((np.diff(places) > rest).sum())
    return count


@settings(deadline=None)
@given(st.integers(0, 10_000), st.floats(0.3, 40), st.sampled_from([0, 1, 6]), st.booleans())
def test_history_would_have_kept_to_the_budget(seed, alerts_a_week, rest, rough):
    random = np.random.default_rng(seed)
    surprise = random.exponential(size=(3, 400))
    if rough:
        surprise = np.round(surprise)
    surprise[random.random(surprise.shape) < 0.1] = np.nan
    threshold = AlertBudget(alerts_a_week, points_a_week=100, rest=rest).threshold(surprise)
    assert alerts(surprise, threshold, rest) <= alerts_a_week * 4
    if not rough and rest == 0 and alerts_a_week >= 0.5:
        assert alerts(surprise, threshold, rest) == math.floor(alerts_a_week * 4)


def test_a_rare_alert_is_beyond_a_short_history():
    surprise = -np.log10(np.random.default_rng(0).random((1, 10_000)))
    budget = AlertBudget(alerts_a_week=0.1, points_a_week=10_000)
    assert budget.threshold(surprise) == pytest.approx(5.0, abs=1.0)  # one point of 100,000
    assert budget.threshold(surprise) > surprise.max()
    assert AlertBudget(1, 10).threshold(np.empty((3, 0))) == math.inf
    assert AlertBudget(1, 10).threshold(np.full((3, 9), np.nan)) == math.inf
    assert AlertBudget(1e6, 10).threshold(surprise) == 0.0
