"""Every pass over reference windows equals its literal twin, on histories with zeros, subnormals and huge counts."""

import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from tests.reference import history_reference as literal
from tocsin.kernels.slice_history import (
    RATIO_BINS,
    RATIO_RANGE,
    dense_history,
    history_of,
    node_likelihoods,
    profile_sums,
    ratio_histogram,
    slice_totals,
    trim_table,
)

NODES = np.array([0.0, 0.002, 0.05, 1.1])
TRIMMED = trim_table()
QUICK = (Phase.explicit, Phase.reuse, Phase.generate)
"""Shrinking histories that come from one seed makes none of them simpler."""
NO_EFFECTS = np.empty((0, 0))


@st.composite
def histories(draw):
    """Arrays of a reference as the kernels take them, with rates that fit, and everything else a pass may need.

    Effects are of single precision, as in the detector: what is compared agrees to a part in 100,000.
    """
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    n_slices, n = draw(st.integers(1, 4)), draw(st.integers(4, 16))
    on_odds = draw(st.booleans())
    has_exposure = on_odds or draw(st.booleans())
    size = draw(st.sampled_from([1e-3, 3.0, 400.0, 1e15]))
    seen = random.random((n_slices, n)) < draw(st.sampled_from([0.5, 1.0]))
    indptr = np.concatenate([[0], np.cumsum(seen.sum(axis=1))]).astype(np.int64)
    position = np.concatenate([np.flatnonzero(row) for row in seen]).astype(np.int32)
    n_facts = len(position)
    rate = random.uniform(0.01, 0.6, n_slices) if has_exposure else size * random.uniform(0.5, 2.0, n_slices)
    exposure = np.ceil(size * random.gamma(2.0, 1.0, n_facts)) if has_exposure else np.empty(0)
    of_slice = np.repeat(rate, seen.sum(axis=1))
    typical = of_slice * (exposure if has_exposure else 1.0)
    amount = np.floor(typical * random.gamma(8.0, 1 / 8, n_facts) + random.random(n_facts))
    strange = random.random(n_facts) < 0.15
    amount[strange] = random.choice([0.0, 5e-324, 1.0, 1e15, np.nan], int(strange.sum()))
    if has_exposure:
        exposure[random.random(n_facts) < 0.05] = 0.0
    if on_odds:
        amount = np.minimum(amount, np.where(exposure > 1e8, 0.999 * exposure, exposure))
    excluded = random.random(n_facts) < 0.1 if draw(st.booleans()) else np.empty(0, np.bool_)
    first = np.array([np.flatnonzero(row)[0] if row.any() else n for row in seen], np.int32)
    usable = random.random(n) < 0.9
    log_effect = random.normal(0, 0.3, (n_slices, n + 1)).astype(np.float32) if draw(st.booleans()) else NO_EFFECTS
    return {
        "arrays": (indptr, position, amount, exposure, excluded, first, usable),
        "rate": rate,
        "factor": np.exp(random.normal(0, 0.2, n)),
        "log_effect": log_effect,
        "effect": log_effect.astype(float) if log_effect.size else np.zeros((n_slices, n + 1)),
        "classes": random.integers(0, 3, n).astype(np.int32),
        "block": np.sort(random.integers(0, draw(st.sampled_from([4, 200])), n)).astype(np.int32),
        "on_odds": on_odds,
        "now": (np.minimum(random.poisson(5, n_slices), 9).astype(float), np.full(n_slices, 9.0)),
        "n_slices": n_slices,
        "n": n,
    }


def dense(history):
    return [literal.dense(i, *history["arrays"]) for i in range(history["n_slices"])]


@settings(phases=QUICK)
@given(histories())
def test_histories_and_totals(history):
    wanted = dense(history)
    y, d = dense_history(*history["arrays"])
    sums = slice_totals(*history["arrays"], history["factor"])
    for i, (amount, exposure) in enumerate(wanted):
        for ours, theirs in zip(history_of(i, *history["arrays"]), (amount, exposure), strict=True):
            assert (ours == theirs).all()
        assert (y[i] == amount).all()
        assert (d[i] == exposure).all()
        for ours, theirs in zip(sums, literal.totals(amount, exposure, history["factor"]), strict=True):
            assert ours[i] == pytest.approx(theirs, rel=1e-12)


@settings(phases=QUICK)
@given(histories(), st.sampled_from([1e-3, 8.0]))
def test_the_histogram_holds_every_weight_in_its_bin(history, least):
    chosen = np.arange(history["n_slices"])
    histogram = ratio_histogram(
        chosen, history["rate"], *history["arrays"], *history["now"], history["log_effect"], history["on_odds"], 0.01,
        least,
    )  # fmt: skip
    now = list(zip(*history["now"], strict=True))
    wanted = literal.weighted_log_ratios(
        dense(history), now, history["rate"], history["effect"], history["on_odds"], 0.01, least
    )
    assert np.isfinite(histogram).all()
    edges = np.linspace(-RATIO_RANGE, RATIO_RANGE, RATIO_BINS + 1)
    edges[0], edges[-1] = -np.inf, np.inf
    for row, entries in zip(histogram, wanted, strict=True):
        assert row.sum() == pytest.approx(sum(weight for _, weight in entries), rel=1e-5)
        cumulated = np.append(0.0, np.cumsum(row))
        for log, _ in entries:
            # up to each entry, give or take a bin's width, lies the weight of all entries up to it
            below = sum(weight for other, weight in entries if other < log - 1e-5)
            upto = sum(weight for other, weight in entries if other <= log + 1e-5)
            place = int(np.clip(np.searchsorted(edges, log, side="right") - 1, 0, RATIO_BINS - 1))
            assert cumulated[max(place - 1, 0)] <= below * (1 + 1e-5) + 1e-300
            assert cumulated[min(place + 2, RATIO_BINS)] >= upto * (1 - 1e-5)


@settings(phases=QUICK)
@given(histories(), st.sampled_from([1e-4, 0.01, 0.5]))
def test_profiles(history, tau2):
    chosen = np.arange(history["n_slices"])[::-1].copy()
    precision, weighted, square, n_used = profile_sums(
        chosen, history["rate"], history["log_effect"], history["classes"], 3, history["block"],
        *history["arrays"], history["factor"], history["on_odds"], tau2,
    )  # fmt: skip
    for place, i in enumerate(chosen):
        y, d = literal.dense(i, *history["arrays"])
        wanted = literal.profile(
            y, d, history["rate"][i], history["factor"], history["effect"][i], history["classes"], 3,
            history["block"], history["on_odds"], tau2,
        )  # fmt: skip
        assert precision[place] == pytest.approx(wanted[0], rel=1e-5)
        assert weighted[place] == pytest.approx(wanted[1], rel=1e-5, abs=1e-6 * precision[place].max())
        assert square[place] == pytest.approx(wanted[2], rel=1e-5, abs=1e-6 * precision[place].max())
        assert n_used[place] == wanted[3]


@settings(max_examples=150, phases=QUICK)
@given(histories(), st.sampled_from([1e-9, 0.01, 0.05]), st.integers(2, 9), st.sampled_from([-1, 0, 3]))
def test_node_likelihoods(history, share, run, known_start):
    n_slices = history["n_slices"]
    chosen = np.arange(n_slices)
    prior_rate, prior_variance = history["rate"] * 1.1, np.full(n_slices, 0.3)
    tau2, level_start = np.full(n_slices, 0.01), np.full(n_slices, known_start, np.int32)
    log_likelihood, mean, variance, used, informative, trimmed = node_likelihoods(
        chosen, history["rate"], prior_rate, prior_variance, tau2, share, level_start, *history["arrays"],
        history["factor"], history["log_effect"], history["block"], history["on_odds"], run, NODES, TRIMMED,
    )  # fmt: skip
    assert np.isfinite(log_likelihood).all()
    counts = np.zeros(2, int)
    for i in chosen:
        wanted = literal.node_likelihoods(
            *literal.dense(i, *history["arrays"]), history["rate"][i], prior_rate[i], 0.3, 0.01, share, known_start,
            history["factor"], history["effect"][i], history["block"], history["on_odds"], run, NODES,
        )  # fmt: skip
        assert used[i] == wanted[3]
        assert level_start[i] == wanted[6]
        assert mean[i] == pytest.approx(wanted[1], rel=1e-5, abs=1e-6)
        assert variance[i] == pytest.approx(wanted[2], rel=1e-5)
        # the table of truncated variances is read at a tenth of a deviation, which changes squares by up to 4 percent
        ours, theirs = log_likelihood[i] - log_likelihood[i, -1], wanted[0] - wanted[0][-1]
        assert (np.abs(ours - theirs) <= 1e-6 + 0.02 * (wanted[7] + wanted[7][-1])).all()
        counts += wanted[4:6]
    assert (informative, trimmed) == tuple(counts)


def test_the_table_of_truncated_variances_equals_quadrature():
    for k in range(1, 81, 5):
        inside, _ = integrate.quad(stats.norm.pdf, -k / 10, k / 10)
        square, _ = integrate.quad(lambda z: z * z * stats.norm.pdf(z), -k / 10, k / 10)
        assert TRIMMED[k] == pytest.approx(square / inside, rel=1e-9)
    assert TRIMMED[0] == TRIMMED[1]
    assert math.isclose(TRIMMED[80], 1.0)
