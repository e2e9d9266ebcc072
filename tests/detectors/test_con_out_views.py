"""The parts of ConOut's default mode: surprise, trust, what contexts foretell, the copula, the core."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tocsin.detectors.contextual.calibrated.conditional import Conditional
from tocsin.detectors.contextual.calibrated.copula import Copula
from tocsin.detectors.contextual.calibrated.core import Core
from tocsin.detectors.contextual.calibrated.frame import Frame
from tocsin.detectors.contextual.calibrated.surprise import Excess, LocalExcess, Surprise
from tocsin.detectors.contextual.calibrated.whole import trust
from tocsin.detectors.contextual.columns import EncodedTable

RANDOM = np.random.default_rng(0)
START = RANDOM.bit_generator.state
VALUES = arrays.arrays(np.float64, st.integers(1, 60), elements=st.integers(-5, 5).map(float) | st.floats(-1e6, 1e6))


@pytest.fixture(autouse=True)
def same_random_numbers():
    RANDOM.bit_generator.state = START


def normal(*shape):
    return RANDOM.normal(size=shape)


@given(arrays.arrays(np.float64, st.integers(1, 60), elements=st.integers(-9, 9).map(float)))
def test_surprise_is_minus_the_log_of_the_share_at_or_above(values):
    """Ties take the middle of their ranks."""
    expected = [(values > x).sum() + 0.5 * ((values == x).sum() + 1) for x in values]
    assert Surprise.of(values)(values) == pytest.approx(-np.log(np.array(expected) / len(values)), abs=1e-12)


@given(VALUES, VALUES)
def test_surprise_grows_with_the_value(values, others):
    found = Surprise.of(values)(np.sort(others))
    assert (found >= 0).all()
    assert (np.diff(found) >= -1e-12).all()


@given(VALUES)
def test_beyond_the_largest_no_two_are_alike(values):
    surprise = Surprise.of(values)
    step = 0.1 / surprise.slope
    beyond = surprise(values.max() + step * np.arange(6))
    assert (np.diff(beyond) > 0).all()
    assert np.isfinite(surprise(np.array([1e300]))).all()


@given(VALUES)
def test_a_rounding_error_moves_no_surprise(values):
    surprise = Surprise.of(values)
    size = np.maximum(np.abs(values), np.median(np.abs(values)))
    for error in (-1e-15, 1e-15):
        assert surprise(values + error * size) == pytest.approx(surprise(values), abs=0.02)


def test_a_distribution_and_its_state_are_the_same():
    values = normal(100)
    surprise = Surprise.of(values)
    at = normal(50)
    assert np.array_equal(Surprise.from_arrays(surprise.to_arrays())(at), surprise(at))


def test_half_of_the_rows_have_no_excess_and_a_tenth_more_than_one():
    values = np.exp(normal(5000))
    found = Excess.of(values)(values)
    assert (found > 0).mean() == pytest.approx(0.5, abs=0.01)
    assert (found > 1).mean() == pytest.approx(0.1, abs=0.01)
    assert Excess.of(7 + 3 * values)(7 + 3 * values) == pytest.approx(found)
    rare = np.append(np.zeros(99), 4.0)
    assert Excess.of(rare)(rare).tolist() == [0.0] * 99 + [1.0]
    assert Excess.of(np.ones(5))(np.ones(5)).tolist() == [0.0] * 5


def test_a_local_excess_is_taken_among_neighbours():
    places = RANDOM.random(20_000)
    values = (1 + 9 * places) * np.abs(normal(20_000))
    found = LocalExcess.of(values, places)(values, places)
    for part in (places < 0.2, places > 0.8):
        assert (found[part] > 1).mean() == pytest.approx(0.1, abs=0.02)


def test_rows_at_one_place_have_one_scale():
    values = RANDOM.exponential(size=1000)
    tied = LocalExcess.of(values, np.zeros(1000))
    assert tied(values, np.zeros(1000)) == pytest.approx(Excess.of(values)(values))
    places = np.where(np.arange(1000) < 900, 0.7, 0.8 + RANDOM.random(1000))
    mostly = LocalExcess.of(values, places)
    assert mostly(values, places - 1e-15) == pytest.approx(mostly(values, places), abs=1e-3)


def test_views_that_agree_are_trusted():
    signal = RANDOM.exponential(size=2000) ** 2
    agreeing = signal + 0.3 * RANDOM.exponential(size=2000)
    noise = RANDOM.exponential(size=2000)
    surprise = np.column_stack([signal, agreeing, noise])
    weights = trust(surprise)
    assert weights.sum() == pytest.approx(1.0)
    assert weights[2] < 0.05
    assert min(weights[:2]) > 0.3
    assert trust(surprise * np.array([1.0, 50.0, 0.01])) == pytest.approx(weights)
    assert trust(surprise[RANDOM.permutation(2000)]) == pytest.approx(weights)


def test_equal_views_are_trusted_alike_and_a_constant_one_is_not():
    signal = RANDOM.exponential(size=500)
    assert trust(np.column_stack([signal] * 3)) == pytest.approx([1 / 3] * 3)
    weights = trust(np.column_stack([signal, signal, np.full(500, np.log(2))]))
    assert weights == pytest.approx([0.5, 0.5, 0.0], abs=1e-6)
    assert trust(np.full((500, 3), 0.7)) == pytest.approx([1 / 3] * 3)


def encoded(numbers, codes=None):
    none = np.zeros((len(numbers), 0), np.int32)
    return EncodedTable(np.ascontiguousarray(numbers), none if codes is None else np.ascontiguousarray(codes, np.int32))


def weights_by_column(table):
    conditional = Conditional.fit(table, Frame.of(table.numbers), None, np.random.default_rng(0), 1)
    found = {}
    for block in conditional.blocks:
        for target, weight in zip(block.targets, block.weights, strict=True):
            found[target.column, target.presence] = weight
    return found


def test_a_column_counts_as_much_as_the_others_foretell_it():
    x = normal(1500, 3)
    codes = RANDOM.integers(0, 3, (1500, 2))
    independent = weights_by_column(encoded(x, codes))
    assert max(independent.values()) < 0.15
    codes[:, 1] = codes[:, 0]
    x[:, 1] = x[:, 0] + 0.1 * x[:, 1]
    x[codes[:, 0] == 0, 2] = np.nan
    found = weights_by_column(encoded(x, codes))
    assert len(found) == 6
    assert min(found[key] for key in ((0, False), (1, False), (2, True), (3, False), (4, False))) > 0.8
    assert found[2, False] < 0.15


def test_fewer_than_twenty_rows_are_foretold_by_nothing():
    assert weights_by_column(encoded(normal(19, 3))) == {}
    assert len(weights_by_column(encoded(normal(20, 3)))) == 3


def test_the_copula_sees_numbers_that_do_not_go_together():
    x = normal(1000, 2)
    kind = RANDOM.integers(0, 3, 1000)
    numbers = np.column_stack([x[:, 0] + kind, x[:, 0] + 0.1 * x[:, 1] - kind])
    numbers[0] = [1 + 1.5, -1 - 1.5]  # each is common, in the table and in the kind
    kind[0] = 1
    scores = Frame.of(numbers).normal_scores(numbers)
    codes = kind[:, None].astype(np.int32)
    copula = Copula.fit(scores, codes)
    assert copula.distance(scores, codes)[0] > np.quantile(copula.distance(scores, codes), 0.99)
    assert copula.alone(scores, codes)[0].min() > 4**2
    again = Copula.from_arrays(copula.to_arrays())
    assert np.array_equal(again.distance(scores, codes), copula.distance(scores, codes))
    assert np.abs(scores[0]).max() < 2


@pytest.mark.parametrize("target", [None, np.ones(4)])
def test_the_core_is_that_of_the_densest_rows(target):
    rows = normal(2000, 4)
    rows[:300] = 20 + 0.1 * normal(300, 4)
    core = Core.of(rows, 0.5, 1e-3, target)
    assert core(rows)[:300].min() > core(rows)[300:].max()
    few = normal(3, 40)  # more columns than rows
    assert np.isfinite(Core.of(few, 0.5, 1e-3, None if target is None else np.ones(40))(few)).all()


def test_a_number_alone_is_far_from_what_the_others_foretell():
    x = normal(3000, 1)
    rows = np.hstack([x, x + 0.1 * normal(3000, 1), normal(3000, 1)])
    core = Core.of(rows, 0.75, 0.01, np.ones(3))
    odd = np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 4.0]])
    assert core.alone(odd)[0, :2].min() > 20 * core.alone(odd)[0, 2]
    assert core.alone(odd)[1].argmax() == 2


@given(arrays.arrays(np.float64, (7, 1), elements=st.floats(allow_nan=True, allow_infinity=False)))
def test_frames_of_any_numbers_are_finite(numbers):
    frame = Frame.of(numbers)
    filled, normal_scores, scaled = frame.prepare(numbers)
    assert np.isfinite([filled, normal_scores, scaled]).all()
    known = ~np.isnan(numbers[:, 0])
    order = np.argsort(numbers[known, 0], kind="stable")
    assert (np.diff(normal_scores[known, 0][order]) >= 0).all()
