"""Kernels of the calibrated mode are their definitions, of many entities at once, whatever the counts."""

import math
from statistics import median

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from tests.reference import collection_reference as literal
from tocsin.kernels.collection_dispersion import N_JOINED, dispersion_index, usual_dispersion
from tocsin.kernels.collection_peers import distances_from_peers, peer_shapes
from tocsin.kernels.collection_shapes import (
    WHOLE,
    collect_shapes,
    quantise,
    reference_shapes,
    spread_of_divergences,
)
from tocsin.kernels.collection_volumes import forecast_volumes, volume_tails
from tocsin.kernels.selection import SHORT, median_in_place
from tocsin.kernels.student_t import t_upper_tail, t_upper_tails

COUNT = st.integers(0, 30) | st.integers(0, 10**13)
SEED = st.integers(0, 2**32 - 1)


@settings(max_examples=100)
@given(st.lists(st.floats(-1e300, 1e300) | st.sampled_from([0.0, 1.0, -0.0, 5e-324]), min_size=1, max_size=200))
def test_medians_of_short_and_of_long_arrays(values):
    array = np.array([*values, 7.0])  # what lies behind n does not count
    assert median_in_place(array, len(values)) == pytest.approx(median(values), rel=1e-15)
    assert array[-1] == 7.0


@given(SEED, st.integers(1, 3 * SHORT), st.sampled_from([1, 2, 5, 1000]))
def test_medians_with_many_ties(seed, n, n_values):
    values = np.random.default_rng(seed).integers(0, n_values, n).astype(float)
    assert median_in_place(values.copy(), n) == median(values.tolist())


@settings(max_examples=150)
@given(st.floats(-1e8, 1e8) | st.floats(-30, 30), st.sampled_from([1, 3, 5, 7, 21, 49]))
@example(1e-8, 1)
def test_the_upper_tail_is_that_of_scipy(t, df):
    expected = float(stats.t.sf(t, df))
    if abs(t) < 1e-5:  # scipy's loses the digits of 1 - t^2 / df here; the density hardly changes
        expected = 0.5 - t * float(stats.t.pdf(0.0, df))
    assert t_upper_tail(t, df) == pytest.approx(expected, rel=1e-9, abs=1e-300)


def test_the_upper_tail_at_the_ends():
    ends = np.array([-math.inf, -1e308, -0.0, 0.0, 5e-324, 1e308, math.inf, math.nan])
    for df in (1, 5, 7, 49):
        assert t_upper_tails(ends, df) == pytest.approx([1, 1, 0.5, 0.5, 0.5, 0, 0, math.nan], abs=1e-15, nan_ok=True)
    # the two forms meet where t^2 = df
    for df in (5, 7, 49):
        around = np.sqrt(df) * (1 + np.array([-1e-9, 0, 1e-9]))
        assert t_upper_tails(around, df) == pytest.approx(stats.t.sf(around, df), rel=1e-11)


@given(st.lists(st.floats(-60, 60), min_size=2, max_size=20), st.sampled_from([5, 7, 49]))
def test_tails_fall(t, df):
    tails = t_upper_tails(np.sort(t), df)
    assert ((tails >= 0) & (tails <= 1)).all()
    assert (np.diff(tails) <= 1e-15).all()


@settings(max_examples=100)
@given(st.lists(COUNT, min_size=1, max_size=300))
def test_shares_are_whole_numbers_of_65535(row):
    found = quantise(np.array([row, [0] * len(row)]))
    assert found.dtype == np.uint16
    expected = np.array(literal.quantise(row))
    # a tie may be rounded either way
    assert np.abs(found[0].astype(int) - expected).max() <= (1 if max(row) > 10**6 else 0)
    assert not found[1].any()
    if any(row):
        assert abs(int(found[0].sum(dtype=np.int64)) - WHOLE) <= 0.5 * len(row) + 1


@pytest.mark.parametrize("n_bins", [1, 2, 3, 1_000, 70_000])
def test_shares_neither_wrap_nor_vanish(n_bins):
    even, single = np.full(n_bins, 10**13), np.zeros(n_bins, np.int64)
    single[-1] = 1
    found = quantise(np.stack([even, single])).astype(int)
    assert (found[0] == found[0, 0]).all()
    assert found[0, 0] == math.floor(WHOLE / n_bins + 0.5) > 0
    assert found[1].tolist() == [0] * (n_bins - 1) + [WHOLE]


def evidence(seed, n, n_slots, n_bins, scale):
    """Rings with empty slots: shares, weights, kinds."""
    random = np.random.default_rng(seed)
    counts = np.floor(random.gamma(0.3, scale, (n, n_slots, n_bins))).astype(np.int64)
    counts[:, :, 0] += 1
    shares = quantise(counts.reshape(-1, n_bins)).reshape(counts.shape)
    weight = np.where(random.random((n, n_slots)) < 0.7, random.gamma(1.0, scale, (n, n_slots)), 0.0)
    return shares, weight.astype(np.float32), random.integers(0, 2, (n, n_slots)).astype(np.uint8)


SIZES = (SEED, st.integers(1, 12), st.integers(1, 30), st.sampled_from([1e-3, 1.0, 300.0, 1e12]))


@settings(max_examples=40)
@given(*SIZES, st.integers(-1, 12))
def test_shapes_are_weighted_sums_and_references_are_shrunk(seed, n_slots, n_bins, scale, left_out):
    n, random = 3, np.random.default_rng(seed)
    shares, weight, kinds = evidence(seed, n, n_slots, n_bins, scale)
    weight[2] = 0  # without a past
    sums, totals, filled = collect_shapes(shares, weight, kinds, left_out)
    group = np.array([1, 0, 1], np.int32)
    peers = random.dirichlet(np.ones(n_bins), (2, 2)) + 1e-9
    peers /= peers.sum(axis=2, keepdims=True)
    strength = np.array([1.0, 250.0])
    found = reference_shapes(sums, totals, filled, group, peers, strength, 3.0)
    assert (found > 0).all()
    assert found.sum(axis=2) == pytest.approx(1.0)
    for i in range(n):
        of_one = literal.collect_shapes(shares[i], weight[i], kinds[i], left_out)
        assert sums[i] == pytest.approx(of_one[0], rel=1e-9)
        assert totals[i] == pytest.approx(of_one[1], rel=1e-9)
        assert filled[i] == of_one[2]
        expected = literal.reference_shape(*of_one, peers[group[i]], strength[group[i]], 3.0)
        assert found[:, i] == pytest.approx(expected, rel=1e-9)
    assert found[:, 2] == pytest.approx(peers[1])


@settings(max_examples=40)
@given(SEED, st.integers(0, 20), st.sampled_from([1e-12, 1e-9, 1e-4, 0.1]), st.sampled_from([0.0, 1e-10, 1e-3]))
def test_spreads_are_of_cube_roots(seed, n_known, expected_size, pooled):
    n_slots, random = 20, np.random.default_rng(seed)
    known = np.arange(n_slots) < n_known
    expected = np.where(known, expected_size * random.gamma(4, 0.25, (2, n_slots)), np.nan).astype(np.float32)
    divergence = (expected * random.gamma(4, 0.25, (2, n_slots))).astype(np.float32)
    divergence[0, :1] = np.where(known[:1], 0.0, np.nan)
    divergence[1, :1] = np.where(known[:1], 0.6, np.nan)  # an attack that nobody saw
    weight = np.ones((2, n_slots), np.float32)
    weight[:, ::7] = 0.0
    reference = random.dirichlet(np.ones(24), 2)
    found = spread_of_divergences(divergence, expected, weight, reference, 5.0, np.array([pooled, pooled]), 10.0)
    for i in range(2):
        taken = known & (weight[i] > 0)
        of_one = literal.spread_of_divergences(
            divergence[i, taken], expected[i, taken], reference[i], 5.0, pooled, 10.0
        )
        assert [part[i] for part in found] == pytest.approx(of_one, rel=2e-5, abs=5e-5)
    assert (found[2] > 0).all()


@settings(max_examples=40)
@given(
    SEED, st.integers(0, 50), st.integers(0, 49), st.sampled_from([0.0, 0.1, 3.0]), st.sampled_from([-0.6, 5.0, 30.0])
)
def test_forecasts_are_robust_means_by_age_and_day(seed, n_known, head, sd, level):
    n_slots, random = 50, np.random.default_rng(seed)
    counts = np.zeros((1, n_slots), bool)
    counts[0, random.permutation(n_slots)[:n_known]] = True
    volumes = (level + random.normal(0, sd, (1, n_slots))).astype(np.float32)
    phases = random.integers(0, 7, (1, n_slots)).astype(np.uint8)
    peer_effects, usual_sd, usual_weight = random.normal(0, 0.2, 7), 0.12, 60.0
    found = forecast_volumes(volumes, phases, counts, np.array([head]), peer_effects, usual_sd, usual_weight)
    newest_first = [slot for slot in (head - 1 - np.arange(n_slots)) % n_slots if counts[0, slot]]
    expected = literal.forecast_volume(
        volumes[0, newest_first], phases[0, newest_first], peer_effects, usual_sd, usual_weight
    )
    for own, wanted in zip(found, expected, strict=True):
        assert own[0] == pytest.approx(wanted, rel=1e-6, abs=1e-7, nan_ok=True)


@settings(max_examples=100)
@given(SEED, st.integers(0, 10**15) | st.integers(0, 1000), st.floats(-0.7, 36), st.floats(0, 40), st.floats(-3, 3))
def test_volume_tails_are_a_mixture_over_days(seed, records, level, spread, factor):
    effects, phase = np.random.default_rng(seed).normal(0, 0.3, (1, 7)), seed % 7
    given_ = np.array([float(records)]), np.array([level]), effects, np.array([spread])
    found = volume_tails(*given_, phase, factor, 0.03, 5)[0]
    assert 0.0 <= found <= 1.0
    # (z is a difference of two asinh: what they have in common is lost)
    wanted = literal.volume_tail(records, level, effects[0], spread, phase, factor, 0.03, 5)
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-13)
    assert np.isnan(volume_tails(given_[0], np.array([np.nan]), *given_[2:], phase, factor, 0.03, 5)[0])


@settings(max_examples=100)
@given(st.lists(COUNT, min_size=1, max_size=40))
def test_the_index_of_dispersion_is_by_blocks(spans):
    found = np.ravel(dispersion_index(np.array([spans])))
    assert found == pytest.approx(literal.dispersion_index(spans, N_JOINED), rel=1e-9, abs=1e-12, nan_ok=True)


def test_the_index_of_dispersion_of_chance_is_one_and_doubles():
    random = np.random.default_rng(0)
    fine = random.poisson(np.repeat(random.gamma(2, 1, (4_000, 8)), N_JOINED, axis=1))
    index, variance = dispersion_index(fine)
    assert np.mean(index) == pytest.approx(1.0, abs=3 * np.sqrt(np.mean(variance) / len(index)))
    assert np.var(index) == pytest.approx(np.mean(variance), rel=0.1)
    doubled, _ = dispersion_index(2 * fine)
    assert doubled == pytest.approx(2 * index)


@pytest.mark.parametrize("spans", [[5], [0] * 13, [1] + [0] * 30, [0] * 12 + [9]])
def test_without_two_records_in_a_block_there_is_no_index(spans):
    assert np.isnan(dispersion_index(np.array([spans]))).all()


@settings(max_examples=40)
@given(SEED, st.integers(0, 20), st.sampled_from([0.0, 1e-6, 0.02, 2.0]))
def test_usual_dispersion_is_shrunk_to_that_of_all(seed, n_known, noise):
    random = np.random.default_rng(seed)
    index = np.where(np.arange(20) < n_known, random.gamma(20, 0.06, (2, 20)), np.nan).astype(np.float32)
    variance = (noise * random.gamma(5, 0.2, (2, 20))).astype(np.float32)
    weight = np.ones((2, 20), np.float32)
    weight[1, ::3] = 0.0
    found = usual_dispersion(index, variance, weight, 1.1, 20.0)
    for i in range(2):
        taken = np.isfinite(index[i]) & (weight[i] > 0)
        expected = literal.usual_dispersion(index[i, taken], variance[i, taken], 1.1, 20.0)
        assert [part[i] for part in found] == pytest.approx(expected, rel=1e-9)


@settings(max_examples=40)
@given(*SIZES)
def test_peers_are_means_in_which_no_giant_rules(seed, n_slots, n_bins, scale):
    n, n_groups = 7, 3
    shares, weight, kinds = evidence(seed, n, n_slots, n_bins, scale)
    weight[0] = 0
    sums, totals, _ = collect_shapes(shares, weight, kinds, -1)
    group = np.array([0, 0, 0, 0, 2, 2, 2], np.int32)  # nobody is in group 1
    shapes = peer_shapes(sums, totals, group, n_groups)
    assert (shapes > 0).all()
    assert shapes.sum(axis=2) == pytest.approx(1.0)
    assert shapes[1] == pytest.approx(1.0 / n_bins)
    distances = distances_from_peers(sums, totals, group, shapes)
    for g in range(n_groups):
        assert shapes[g] == pytest.approx(literal.peer_shape(sums[group == g], totals[group == g]), rel=1e-9)
    for i in range(n):
        expected = literal.distance_from_peers(sums[i], totals[i], shapes[group[i]])
        assert distances[i] == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def test_the_distance_from_peers_tells_how_alike_they_are():
    """Entities drawn from a Dirichlet of strength 200 have it."""
    random, n, n_bins = np.random.default_rng(1), 400, 12
    peers = random.dirichlet(np.full(n_bins, 5.0))
    counts = np.stack([random.multinomial(3_000, random.dirichlet(200 * peers)) for _ in range(n)])
    totals = np.column_stack([np.full(n, 3_000.0), np.zeros(n)])
    sums = np.stack([counts.astype(float), np.zeros((n, n_bins))], axis=1)
    shapes = np.broadcast_to(peers, (1, 2, n_bins)).copy()
    distances = distances_from_peers(sums, totals, np.zeros(n, np.int32), shapes)
    assert 1.0 / np.mean(distances) == pytest.approx(200, rel=0.15)
