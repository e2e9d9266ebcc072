"""What every series detector owes, whatever it learns: see `tocsin.detectors.series`."""

import json
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tocsin.detectors import Detector
from tocsin.detectors.series import IID, DeepAR, HoltWinters, RandomCutForest, SeriesDetector
from tocsin.errors import InputError

SEASON = 48
SPIKE = 100
NEAR_SPIKE = range(SPIKE, SPIKE + 8)
"""A detector of shingles may be most surprised while the spike is in its window."""

DETECTORS = {
    "iid": lambda: IID(),
    "holt_winters": lambda: HoltWinters(season=SEASON),
    "holt_winters_given": lambda: HoltWinters(season=SEASON, smoothing=(0.2, 0.0, 0.1)),
    "holt_winters_two_seasons": lambda: HoltWinters(season=SEASON, second_season=7 * SEASON, shift=2),
    "holt_winters_multiplicative": lambda: HoltWinters(season=SEASON, seasonal="multiplicative"),
    "holt_winters_no_season": lambda: HoltWinters(),
    "random_cut_forest": lambda: RandomCutForest(random_state=0),
}
DEEP = (
    pytest.mark.deep,
    pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed (pip install 'tocsin[deep]')"),
)


def deep_ar():
    return DeepAR(season=SEASON, random_state=0, hidden=8, n_steps=20)


FIELDS = ("surprise", "score", "expected", "lower", "upper", "direction")

pytestmark = pytest.mark.parametrize(
    "make",
    [
        *(pytest.param(make, id=name) for name, make in DETECTORS.items()),
        pytest.param(deep_ar, id="deep_ar", marks=DEEP),
    ],
)


def daily(n_series=1, seed=0):
    """A history of 900 points and 300 new ones with a spike."""
    random = np.random.default_rng(seed)
    times = np.arange(1_200) * 2 * np.pi / SEASON
    values = 100 + 10 * np.sin(times) + random.standard_normal((n_series, 1_200))
    values[:, 900 + SPIKE] += 40
    return values[:, :900].copy(), values[:, 900:].copy()


def assert_equal(found, wanted, rows=slice(None)):
    for name in FIELDS:
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name)[rows], err_msg=name)


def test_scores_and_band(make):
    history, new = daily()
    detector = make()
    assert isinstance(detector, SeriesDetector)
    assert isinstance(detector, Detector)
    scores = detector.fit(history).update(new)
    assert all(getattr(scores, name).shape == new.shape for name in FIELDS)
    assert ((scores.score >= 0) & (scores.score < 1)).all()
    assert (scores.surprise >= 0).all()
    few = scores.score < 1 - 1e-6
    np.testing.assert_allclose(-np.log10(1 - scores.score[few]), scores.surprise[few], rtol=1e-4, atol=1e-6)
    assert (scores.lower <= scores.expected).all()
    assert (scores.expected <= scores.upper).all()
    assert new[0, SPIKE] > scores.upper[0, SPIKE]
    assert scores.surprise[0].argmax() in NEAR_SPIKE
    np.testing.assert_array_equal(scores.direction, np.sign(new - scores.expected))


def test_fitted_twice_and_updated_in_pieces(make):
    history, new = daily()
    whole = make().fit(history).update(new)
    assert_equal(make().fit(history).update(new), whole)
    detector = clone(make()).fit(history)
    for first, last in ((0, 1), (1, 1), (1, 90), (90, 300)):
        assert_equal(detector.update(new[:, first:last]), whole, np.s_[:, first:last])


def test_refitting_forgets(make):
    history, new = daily()
    detector = make().fit(7 * history[:, ::-1] - 3)
    detector.update(new)
    assert_equal(detector.fit(history).update(new), make().fit(history).update(new))


@pytest.mark.parametrize("points", [0, 1, 77, 137])
def test_a_restored_state_goes_on_exactly(make, points):
    history, new = daily(2)
    new[1, 40:60] = np.nan
    detector = make().fit(history)
    detector.update(new[:, :points])
    state = detector.get_state()
    arrays = {name for name, value in state.items() if isinstance(value, np.ndarray)}
    assert not any(state[name].dtype.hasobject for name in arrays)
    json.dumps({name: value for name, value in state.items() if name not in arrays}, allow_nan=False)
    copied = {name: np.array(value) if isinstance(value, np.ndarray) else value for name, value in state.items()}
    restored = clone(detector).set_state(copied)
    assert_equal(restored.update(new[:, points:]), detector.update(new[:, points:]))


def test_restoring_takes_a_copy(make):
    history, new = daily()
    detector = make().fit(history)
    state = detector.get_state()
    other = make().set_state(state)
    first = other.update(new)
    make().set_state(state).update(new)
    assert_equal(make().fit(history).update(new), first)


def test_scoring_and_explaining_learn_nothing(make):
    history, new = daily()
    detector = make().fit(history)
    table = detector.explain(new)
    assert len(table) == new.size
    score = detector.anomaly_score(new)
    scores = detector.update(new)
    np.testing.assert_array_equal(score, scores.score)
    np.testing.assert_array_equal(table["surprise"].to_numpy(), scores.surprise[0])


def test_neither_order_nor_company_matters(make):
    history, new = daily(4)
    history[2] *= -50
    new[2] *= -50
    history[3], new[3] = np.nan, np.nan
    scores = make().fit(history).update(new)
    order = [2, 0, 3, 1]
    assert_equal(make().fit(history[order]).update(new[order]), scores, np.s_[order])
    if make is not deep_ar:  # which learns from all series together
        assert_equal(make().fit(history[:1]).update(new[:1]), scores, np.s_[:1])


@pytest.mark.parametrize("factor", [1024.0, 2.0**-30, 1e9, 1e-9])
def test_scores_do_not_depend_on_the_unit(make, factor):
    history, new = daily()
    scores, scaled = make().fit(history).update(new), make().fit(factor * history).update(factor * new)
    exact = np.log2(factor) % 1 == 0
    np.testing.assert_allclose(scaled.surprise, scores.surprise, rtol=0 if exact else 1e-5, atol=0 if exact else 1e-6)
    np.testing.assert_allclose(scaled.upper, factor * scores.upper, rtol=1e-9)


def test_gaps(make):
    history, new = daily()
    random = np.random.default_rng(1)
    history[random.random(history.shape) < 0.05] = np.nan
    history[0, 300:340] = new[0, 20:30] = np.nan
    scores = make().fit(history).update(new)
    missing = np.isnan(new)
    assert np.isnan(scores.surprise[missing]).all()
    assert np.isnan(scores.score[missing]).all()
    assert (scores.direction[missing] == 0).all()
    assert np.isfinite(scores.surprise[~missing]).all()
    assert np.isfinite(scores.upper[missing]).all()
    assert np.nanargmax(scores.surprise) in NEAR_SPIKE


def test_a_long_gap(make):
    history, new = daily()
    gap = np.full((1, 40 * SEASON), np.nan)
    detector = make().fit(history)
    assert np.isnan(detector.update(gap).surprise).all()
    scores = detector.update(new)
    assert np.isfinite(scores.surprise).all()
    assert scores.surprise.argmax() in NEAR_SPIKE


@pytest.mark.parametrize("constant", [5.0, 0.0, -3e-9, 1e12])
def test_a_constant_series_is_quiet_until_it_moves(make, constant):
    new = np.full((1, 60), constant)
    new[0, 50] += abs(constant) / 5 or 1.0
    scores = make().fit(np.full((1, 900), constant)).update(new)
    assert np.isfinite(scores.surprise).all()
    assert scores.score[0, :50].max() < 0.99
    assert scores.surprise[0, 50] > max(scores.surprise[0, :50].max(), 3.0)


@pytest.mark.parametrize("jitters", [False, True], ids=["exact", "jitters"])
def test_rounding_is_no_movement(make, jitters):
    """Equal numbers that were summed in another order differ in the last bit; what moves later rings all the same."""
    usual = 0.3 if jitters else 0.1
    history, new = np.full((1, 900), usual), np.full((1, 60), usual)
    history[0, 3::7] = np.nextafter(usual, 1.0) if jitters else usual
    new[0, 20] = np.nextafter(usual, 0.0)
    new[0, 50] *= 1.2
    scores = make().fit(history).update(new)
    assert scores.score[0, :50].max() < 0.99
    assert scores.surprise[0, 50] > 3.0


@pytest.mark.parametrize("n_known", [0, 1, 2])
def test_next_to_no_history(make, n_known):
    history, new = daily()
    history[:, n_known:] = np.nan
    for known in (history, history[:, :n_known]):
        scores = make().fit(known).update(new)
        assert np.isfinite(scores.surprise).all()
        assert scores.score[0, 0] < 0.99
        assert not np.isnan(scores.lower).any()
        assert not np.isnan(scores.upper).any()


def test_nothing_new_is_nothing(make):
    history, new = daily(2)
    detector = make().fit(history)
    scores = detector.update(np.empty((2, 0)))
    assert all(getattr(scores, name).shape == (2, 0) for name in FIELDS)
    assert_equal(detector.update(new), make().fit(history).update(new))
    assert make().fit(np.empty((0, 50))).update(np.empty((0, 3))).surprise.shape == (0, 3)


def test_huge_values_stay_finite(make):
    history, new = daily()
    new[0, SPIKE] = 1e150
    scores = make().fit(history).update(new)
    assert np.isfinite(scores.surprise).all()
    assert scores.surprise.argmax() in NEAR_SPIKE


def test_the_input_is_left_alone_and_other_layouts_do(make):
    history, new = daily(2)
    copies = history.copy(), new.copy()
    scores = make().fit(history).update(new)
    np.testing.assert_array_equal(copies[0], history)
    np.testing.assert_array_equal(copies[1], new)
    assert_equal(make().fit(np.asfortranarray(history)).update(np.repeat(new, 2, axis=1)[:, ::2]), scores)


def test_bad_input_is_named(make):
    history, new = daily()
    with pytest.raises(NotFittedError):
        make().update(new)
    detector = make().fit(history)
    with pytest.raises(InputError, match="rows"):
        detector.update(np.repeat(new, 2, axis=0))
    with pytest.raises(InputError, match="infinite"):
        detector.update([[1.0, np.inf]])
    with pytest.raises(InputError, match="n_times"):
        make().fit(history[0])
    for wrong in ([["a", "b"]], [["1", "2"]], history + 1j, history.astype("datetime64[s]"), [[1.0], [1.0, 2.0]]):
        with pytest.raises(InputError, match="numbers"):
            make().fit(wrong)


def test_the_largest_and_smallest_numbers(make):
    history, new = daily(3)
    for factors in ([1e305, -1e300, 1e-302], [1e308, 1e-300, 5e-324]):
        scale = np.array(factors)[:, None]
        known, given = np.sign(history) * scale, np.clip(new, -1.7, 1.7) * scale
        known[:, ::2] *= -1
        scores = make().fit(known).update(given)
        assert np.isfinite(scores.surprise).all()
        assert np.isfinite(scores.expected).all()
        assert (scores.lower <= scores.upper).all()


def test_missing_points_of_tables_are_nan(make):
    history, new = daily(2)
    new[0, 3] = history[1, 4] = np.nan
    scores = make().fit(history).update(new)
    tables = pd.DataFrame(history).astype("Float64"), pd.DataFrame(new).convert_dtypes()
    assert_equal(make().fit(tables[0]).update(tables[1]), scores)
    masked = [np.ma.masked_invalid(part) for part in (history, new)]
    assert_equal(make().fit(masked[0]).update(masked[1]), scores)


def test_states_that_do_not_fit_are_named_and_change_nothing(make):
    history, new = daily(2)
    detector = make().fit(history)
    state = detector.get_state()
    wanted = clone(detector).set_state(state).update(new)
    for name, value in state.items():
        is_array = isinstance(value, np.ndarray)
        others = [value[:-1], value[None], value.astype(str), value.astype(complex)] if is_array else ["x", -1]
        if is_array and value.dtype.kind == "f" and value.size:
            others.append(np.full_like(value, np.inf))
        damaged = [{**state, name: other} for other in others if np.shape(other) != np.shape(value) or np.size(value)]
        for one in (*damaged, {key: part for key, part in state.items() if key != name}):
            with pytest.raises(InputError):
                detector.set_state(one)
    for other in ({}, IID().fit(history[:, :0]).get_state() | {"counts": 0}, []):
        with pytest.raises(InputError):
            detector.set_state(other)
    assert_equal(detector.update(new), wanted)


def test_settings_of_a_wrong_type_are_named(make):
    history, _ = daily()
    for name in make().get_params():
        if name not in ("random_state", "seasonal", "device"):
            for wrong in ("much", np.nan, [1.5], -1):
                with pytest.raises(InputError):
                    make().set_params(**{name: wrong}).fit(history)
