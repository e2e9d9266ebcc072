"""The kernels of the series detectors against literal formulas."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.stats import genpareto
from scipy.stats import t as student_t

from tests.reference.holt_winters_reference import EDGES, Smoothing, survival
from tocsin.kernels import tail_calibration, tail_counts
from tocsin.kernels.holt_winters import LEVEL, N_CORE, OFFSET, SCALE, run_holt_winters
from tocsin.kernels.holt_winters_fit import begin_season
from tocsin.kernels.running_mean import begin_mean, run_mean
from tocsin.kernels.tail_counts import N_BINS, band_edge, count, tail_surprise

SIZES = st.floats(0, 1e4) | st.sampled_from([0.0, 0.25, 1.0, 1e150])
VALUES = st.lists(st.floats(-1e3, 1e3) | st.just(math.nan) | st.sampled_from([0.0, 5.0]), min_size=1, max_size=60)


@given(st.lists(st.tuples(SIZES, st.sampled_from([1.0, 0.1])), max_size=40), SIZES, st.sampled_from([50.0, 1e4]))
def test_the_tail_is_the_literal_one(seen, size, memory):
    counts = np.zeros(N_BINS)
    for one, weight in seen:
        count(counts, one, 1 - 1 / memory, 0.0 if weight == 1 else 4.01)
    wanted = -math.log10(min(survival(seen, min(size, 1e60), memory), 1.0))
    assert tail_surprise(counts, min(size, 1e60)) == pytest.approx(wanted, rel=1e-9, abs=1e-9)
    for tail in (0.5, 0.01, 1e-6):
        edge = band_edge(counts, tail)
        assert tail_surprise(counts, edge) == pytest.approx(-math.log10(tail), rel=1e-7)


@given(st.lists(SIZES, max_size=30))
def test_larger_errors_are_always_more_surprising(seen):
    counts = np.zeros(N_BINS)
    for one in seen:
        count(counts, one, 1.0, 0.0)
    sizes = np.sort(np.concatenate([EDGES, np.nextafter(EDGES[1:], 0), np.geomspace(0.01, 1e100, 200)]))
    surprise = np.array([tail_surprise(counts, size) for size in sizes])
    assert (np.diff(surprise) >= -1e-12).all()
    assert (np.diff(surprise[::5]) > 0).all()


def test_nothing_seen_is_the_base_distribution_at_the_edges():
    surprise = [tail_surprise(np.zeros(N_BINS), edge) for edge in EDGES]
    np.testing.assert_allclose(surprise, -np.log10(2 * student_t.sf(EDGES, 4)), atol=1e-12)
    np.testing.assert_allclose(tail_counts.EDGES, EDGES)


def start(seasons, n_series, multiplicative):
    neutral = 1.0 if multiplicative else 0.0
    arrays = [np.zeros((n_series, N_CORE))]
    for points in [*seasons, 0, 0][:2]:
        arrays += [np.full((points, n_series), neutral), np.zeros((points, n_series), np.int8)]
    return arrays


@settings(max_examples=60, deadline=None)
@given(
    VALUES,
    st.sampled_from([(), (3,), (4, 12), (5, 7)]),
    st.tuples(*[st.sampled_from([0.0, 0.1, 0.6, 1.0])] * 4),
    st.sampled_from([0.9, 1.0]),
    st.booleans(),
    st.sampled_from([0, 1]),
)
def test_smoothing_is_the_literal_one(values, seasons, smoothing, damping, multiplicative, shift):
    keep, memory, shift = 0.05, 30.0, shift * bool(seasons)
    literal = Smoothing(seasons, smoothing, damping, multiplicative, keep, memory, shift)
    wanted = np.array([literal.step(x) for x in values]).T
    found = np.empty((4, 1, len(values)))
    run_holt_winters(
        np.array([values]), 0, *start(seasons, 1, multiplicative), np.zeros((1, N_BINS)), np.array([smoothing]),
        damping, multiplicative, shift, keep, memory, 0.01, *found, np.empty(0),
    )  # fmt: skip
    np.testing.assert_allclose(found[1, 0], wanted[1], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found[0, 0], wanted[0], rtol=1e-3, atol=1e-3)


@given(VALUES)
def test_the_running_mean_is_the_literal_one(values):
    found = np.empty((4, 1, len(values)))
    run_mean(np.array([values]), *np.zeros((4, 1)), np.zeros((1, N_BINS)), 1e9, 0.01, *found)
    known, mean, scale, wide, sizes = 0, 0.0, 0.0, 0.0, []
    for place, x in enumerate(values):
        assert found[1, 0, place] == pytest.approx(mean if known else math.nan, nan_ok=True, rel=1e-9, abs=1e-9)
        if math.isnan(x):
            assert math.isnan(found[0, 0, place])
            continue
        error, used = x - mean, max(scale, 0.1 * wide)
        unit = max(used, 1e-6 * abs(mean))
        size = (abs(error) / unit if unit else 1e6) if error else 0.0
        surprise = -math.log10(min(survival(sizes, size), 1.0)) if known >= 10 else 0.0
        assert found[0, 0, place] == pytest.approx(surprise, rel=1e-4, abs=1e-4)
        known += 1
        if known == 1:
            mean = x
            continue
        if known > 10:
            sizes.append((size, 0.1 if surprise > 4 else 1.0))
        far = abs(error)
        if known > 10 and used:
            far = min(far, 5_000 * used)
            error = min(max(error, -4 * used), 4 * used)
        wide += (far - wide) / known
        mean += error / known
        scale += (math.sqrt(math.pi / 2) * abs(error) - scale) / known


@given(VALUES)
@example([0.0, 0.0, 1.0, 2.220446049250313e-16])
@example([0.0, 0.0, 1.0, 5e-324])
def test_a_history_begins_at_its_median(values):
    known, mean, scale, wide = np.zeros((4, 1))
    counts = np.zeros((1, N_BINS))
    begin_mean(np.array([values]), known, mean, scale, wide, counts, 1e9)
    present = [x for x in values if not math.isnan(x)]
    assert known[0] == len(present) == pytest.approx(counts.sum())
    if present:
        assert mean[0] == np.median(present)
        distances = np.abs(present - mean[0])
        farthest = 5_000 * np.median(distances[distances > 0]) if distances.any() else 0.0
        assert wide[0] == pytest.approx(np.minimum(distances, farthest).mean())
        bounded = np.minimum(distances, 4 * scale[0])
        assert scale[0] == pytest.approx(max(math.sqrt(math.pi / 2) * bounded.mean(), 0.1 * wide[0]), rel=0.02)


def test_the_pareto_tail_is_found():
    random = np.random.default_rng(0)
    for shape in (0.0, 0.3, 0.6):
        raw = np.sort(genpareto.rvs(shape, scale=2.0, size=20_000, random_state=random))
        place = int(0.95 * len(raw))
        found, scale = tail_calibration._tail(raw, len(raw), place + 1, raw[place])
        assert found == pytest.approx(shape, abs=0.12)  # beyond u: the same shape, scale 2 + shape * u
        assert scale == pytest.approx(2.0 + shape * raw[place], rel=0.2)


@pytest.mark.parametrize("multiplicative", [False, True])
def test_a_season_that_moves_is_followed_like_the_literal_one(multiplicative):
    times = np.arange(900)
    shape = np.sin((times + (times >= 500)) * 2 * np.pi / 24) + 0.7 * np.sin((times + (times >= 500)) * np.pi / 4)
    values = 100 + 20 * shape + np.random.default_rng(0).standard_normal(900)
    literal = Smoothing((24,), (0.1, 0.0, 0.1, 0.1), 0.98, multiplicative, 0.005, 1e3, 1)
    wanted = np.array([literal.step(x) for x in values])
    found, state = np.empty((4, 1, 900)), start((24,), 1, multiplicative)
    run_holt_winters(
        values[None], 0, *state, np.zeros((1, N_BINS)), np.array([[0.1, 0.0, 0.1, 0.1]]), 0.98, multiplicative, 1,
        0.005, 1e3, 0.01, *found, np.empty(0),
    )  # fmt: skip
    np.testing.assert_allclose(found[:2, 0], wanted.T, rtol=1e-6, atol=1e-6)
    assert literal.offset == state[0][0, OFFSET] == 1


@pytest.mark.parametrize("multiplicative", [False, True])
def test_a_pattern_without_noise_is_begun_exactly(multiplicative):
    """Level, day and nothing of a week, with a cycle that is missing."""
    times = np.arange(4 * 7 * 6)
    day = np.array([3.0, -1.0, -2.0, 0.5, 1.5, -2.0])
    values = 50 + day[times % 6]
    if multiplicative:
        day = 1 + day / 10
        values = 50 * day[times % 6]
    values[12:18] = np.nan
    core, season, visits, second, visits2 = start((6, 42), 1, multiplicative)
    begin_season(values[None], core, season, visits, second, visits2, multiplicative)
    assert (
        core[0, LEVEL] * season[0, 0] if multiplicative else core[0, LEVEL] + season[0, 0] == pytest.approx(values[0])
    )
    relative = season[:, 0] / season[0, 0] if multiplicative else season[:, 0] - season[0, 0]
    np.testing.assert_allclose(relative, day / day[0] if multiplicative else day - day[0])
    np.testing.assert_allclose(second, 1.0 if multiplicative else 0.0, atol=1e-12)
    assert core[0, SCALE] == pytest.approx(0.0, abs=1e-9)
    assert (visits > 0).all()
