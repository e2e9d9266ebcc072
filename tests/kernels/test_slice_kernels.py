"""Grouping, roll-ups and passes over reference windows equal literal loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import counts_reference as literal
from tocsin.detectors.slices.calibrated import weighted_quantiles
from tocsin.kernels.grouping import roll_up, rows_to_facts, seen_between, select_windows
from tocsin.kernels.slice_history import (
    RATIO_BINS,
    RATIO_RANGE,
    history_of,
    node_likelihoods,
    ratio_histogram,
    slice_totals,
    trim_table,
)

ROWS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 9), st.sampled_from([0.0, 5e-324, 1.0, 3.0, 1e15])),
    min_size=1,
    max_size=60,
)
EMPTY, NO_BOOLS = np.empty(0), np.empty(0, np.bool_)


def facts_of(rows):
    group, window, value = (np.array(column) for column in zip(*rows, strict=True))
    return rows_to_facts(group.astype(np.int32), window.astype(np.int32), 7, value[None, :].astype(float))


@settings(deadline=None)
@given(ROWS)
def test_rows_are_summed_by_group_and_window(rows):
    indptr, window, sums = facts_of(rows)
    group, windows, value = (np.array(column) for column in zip(*rows, strict=True))
    wanted = literal.sum_rows(group, windows, value[None, :].astype(float))
    found = {(g, int(window[f])): sums[:, f] for g in range(7) for f in range(indptr[g], indptr[g + 1])}
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key] == pytest.approx(value)
    for g in range(7):
        assert (np.diff(window[indptr[g] : indptr[g + 1]]) > 0).all()


@settings(deadline=None)
@given(ROWS)
def test_a_roll_up_of_facts_is_the_sum_of_its_rows(rows):
    parents = np.array([0, 1, 0, 2, 1, 0, 2], np.int32)
    indptr, window, sums = roll_up(parents, 3, 10, *facts_of(rows))
    group, windows, value = (np.array(column) for column in zip(*rows, strict=True))
    wanted = literal.sum_rows(parents[group], windows, value[None, :].astype(float))
    found = {(g, int(window[f])): sums[:, f] for g in range(3) for f in range(indptr[g], indptr[g + 1])}
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key] == pytest.approx(value)


@settings(deadline=None)
@given(ROWS, st.sets(st.integers(0, 7), min_size=1), st.integers(8, 9))
def test_selected_windows_hold_the_right_facts(rows, chosen, target):
    indptr, window, sums = facts_of(rows)
    windows = np.array(sorted(chosen))
    position = np.full(10, -1, np.int32)
    position[windows] = np.arange(len(windows))
    excluded = np.zeros(len(window), np.bool_)
    out = select_windows(indptr, window, position, target, sums[0], EMPTY, excluded)
    out_indptr, place, amount, _, _, now, _, first = out
    for g in range(7):
        facts = {int(window[f]): sums[0, f] for f in range(indptr[g], indptr[g + 1])}
        assert {int(windows[place[f]]): amount[f] for f in range(out_indptr[g], out_indptr[g + 1])} == {
            w: v for w, v in facts.items() if w in chosen
        }
        assert now[g] == facts[target] if target in facts else np.isnan(now[g])
        later = [k for k, w in enumerate(windows) if facts and w >= min(facts)]
        assert first[g] == (later[0] if later else len(windows))


def small_history(with_exposure, seed=0):
    random = np.random.default_rng(seed)
    n_slices, n = 5, 12
    seen = random.random((n_slices, n)) < 0.8
    indptr = np.concatenate([[0], np.cumsum(seen.sum(axis=1))]).astype(np.int64)
    position = np.concatenate([np.flatnonzero(row) for row in seen]).astype(np.int32)
    amount = random.poisson(30, len(position)).astype(float)
    exposure = random.poisson(400, len(position)).astype(float) if with_exposure else EMPTY
    first = np.array([np.flatnonzero(row)[0] for row in seen], np.int32)
    usable = np.ones(n, np.bool_)
    usable[4] = False
    return indptr, position, amount, exposure, NO_BOOLS, first, usable


@pytest.mark.parametrize("with_exposure", [True, False])
def test_history_and_totals(with_exposure):
    arrays = small_history(with_exposure)
    indptr, position, amount, exposure, _, first, usable = arrays
    factor = np.linspace(0.8, 1.2, len(usable))
    sum_y, sum_df, sum_d, n_used = slice_totals(*arrays, factor)
    for i in range(5):
        y, d = history_of(i, *arrays)
        facts = range(indptr[i], indptr[i + 1])
        wanted_y, wanted_d = np.zeros(12), np.zeros(12)
        if not with_exposure:  # no row is a count of 0, from the first row on
            wanted_d[first[i] :] = usable[first[i] :]
        for f in facts:
            if usable[position[f]]:
                wanted_y[position[f]] = amount[f]
                wanted_d[position[f]] = exposure[f] if with_exposure else 1.0
        assert (y == wanted_y).all()
        assert (d == wanted_d).all()
        assert sum_y[i] == wanted_y.sum()
        assert sum_df[i] == pytest.approx((wanted_d * factor).sum())
        assert sum_d[i] == wanted_d.sum()
        assert n_used[i] == (wanted_d > 0).sum()


def test_the_histogram_gives_the_weighted_median():
    random = np.random.default_rng(1)
    n_slices, n = 3_000, 3
    expected = random.uniform(20, 200, n_slices)
    arrays = (
        np.arange(0, n_slices * n + 1, n),
        np.tile(np.arange(n, dtype=np.int32), n_slices),
        (y := random.poisson(expected[:, None] * np.array([1.0, 0.7, 1.4]), (n_slices, n)).astype(float)).ravel(),
        EMPTY,
        NO_BOOLS,
        np.zeros(n_slices, np.int32),
        np.ones(n, np.bool_),
    )
    now = random.poisson(expected * 0.5).astype(float)
    histogram = ratio_histogram(
        np.arange(n_slices), expected, *arrays, now, np.ones(n_slices), np.empty((0, 0)), False, 0.01, 8.0
    )
    medians = weighted_quantiles(histogram, (0.5,))[:, 0]
    weights = expected / (1 + 0.01 * expected)
    for t, values in enumerate([*y.T, now]):
        wanted = np.log(literal.weighted_median(values / expected, weights))
        assert medians[t] == pytest.approx(wanted, abs=2 * RATIO_RANGE / RATIO_BINS)


def one_slice(y, expected):
    n = len(y)
    arrays = (np.array([0, n]), np.arange(n, dtype=np.int32), np.asarray(y, float), np.asarray(expected, float))
    return (*arrays, NO_BOOLS, np.zeros(1, np.int32), np.ones(n, np.bool_))


def likelihoods(y, expected, nodes, run=7, share=0.01, tau2=0.01, prior_mean=1.02, prior_variance=0.3, start=-1):
    level_start = np.full(1, start, np.int32)
    found = node_likelihoods(
        np.array([0]), np.ones(1), np.array([prior_mean]), np.array([prior_variance]), np.full(1, tau2), share,
        level_start,
        *one_slice(y, expected), np.ones(len(y)), np.empty((0, 0)), np.arange(len(y), dtype=np.int32), False, run,
        np.asarray(nodes), trim_table(),
    )  # fmt: skip
    return found, int(level_start[0])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1_000), st.sampled_from([0.0, 0.05, 0.4]))
def test_node_likelihood_equals_quadrature(seed, tau):
    random = np.random.default_rng(seed)
    expected = random.uniform(20, 60, 20)
    y = np.clip(random.normal(expected, 0.5 * np.sqrt(expected)).round(), 1, None)  # nothing that could be trimmed
    (found, mean, variance, used, _, trimmed), _ = likelihoods(y, expected, [tau**2, 0.09], share=1e-9, start=0)
    assert used[0] == 20
    assert trimmed == 0
    wanted = [literal.node_log_likelihood(y, expected, t, 0.02, 0.3) for t in (tau**2, 0.09)]
    assert found[0, 1] - found[0, 0] == pytest.approx(wanted[1] - wanted[0], abs=1e-6)
    v = 1 / expected + 0.09
    total = (1 / v).sum() + 1 / 0.3
    assert mean[0, 1] == pytest.approx((((y / expected - 1) / v).sum() + 0.02 / 0.3) / total)
    assert variance[0, 1] == pytest.approx(1 / total)


def test_damaged_windows_leave_the_reference():
    random = np.random.default_rng(3)
    expected = np.full(30, 400.0)
    y = random.poisson(expected).astype(float)
    damaged = y.copy()
    damaged[[3, 11, 12]] *= 0.2
    (clean, *_), _ = likelihoods(y, expected, [0.0, 0.01])
    (found, mean, _, used, _, trimmed), _ = likelihoods(damaged, expected, [0.0, 0.01], tau2=0.001)
    assert used[0] == 27
    assert trimmed == 3
    assert abs(mean[0, 0]) < 0.02
    assert np.sign(found[0, 0] - found[0, 1]) == np.sign(clean[0, 0] - clean[0, 1])


@pytest.mark.parametrize(("n_new", "adapts"), [(7, True), (15, True), (6, False), (0, False)])
def test_a_new_level_replaces_the_old_one_after_the_stated_run(n_new, adapts):
    random = np.random.default_rng(5)
    expected = np.full(30, 300.0)
    y = random.poisson(np.where(np.arange(30) >= 30 - n_new, 150.0, 300.0)).astype(float)
    (_, mean, *_), start = likelihoods(y, expected, [0.0, 0.01], run=7)
    assert (start == 30 - n_new) == adapts
    if adapts:
        assert mean[0, 0] == pytest.approx(-0.5, abs=0.05)
    else:
        assert mean[0, 0] == pytest.approx(0.0, abs=0.05)


@settings(deadline=None)
@given(ROWS, st.integers(0, 9), st.integers(0, 9))
def test_slices_that_were_seen_between_two_windows(rows, since, last):
    indptr, window, _ = facts_of(rows)
    seen = seen_between(indptr, window, since, last)
    assert seen.tolist() == [any(group == g and since <= w <= last for group, w, _ in rows) for g in range(7)]
