"""Resampling kernels equal NumPy's, and the mixture kernels equal sums of logarithms."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from tests.reference import counts_reference, history_reference
from tocsin.kernels.bootstrap import independent_means, order_statistics, shared_weights
from tocsin.kernels.counts import count_log_pmf, count_tails
from tocsin.kernels.mixture import effect_likelihoods, mixture_weights, predictive_tails

SEEDS = st.integers(0, 2**31)
SIZES = st.sampled_from([1e-300, 1.0, 1e15])


@given(SEEDS, st.integers(1, 12), st.integers(2, 40))
def test_shared_weights_are_the_shares_of_the_draws(seed, n_values, n_bootstrap):
    weights = shared_weights(n_values, n_bootstrap, np.random.default_rng(seed))
    draws = np.random.default_rng(seed).integers(0, n_values, (n_bootstrap, n_values))
    for row, draw in zip(weights, draws, strict=True):
        assert row.tolist() == [np.sum(draw == place) / n_values for place in range(n_values)]


@given(SEEDS, SIZES, st.integers(2, 60), st.sampled_from([0, 1, 3]))
def test_order_statistics_equal_numpy_with_ties(seed, size, n, digits):
    random = np.random.default_rng(seed)
    means = size * random.gamma(1.0, 1.0, (3, n)).round(digits)
    wanted = means.mean(axis=1), means.std(axis=1), *np.quantile(means, [0.25, 0.75], axis=1)
    found = order_statistics(means.copy(), 0.25, 0.75).T
    for ours, theirs in zip(found, wanted, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-9 * means.max())


def test_independent_means_are_bootstrap_means():
    """Exact mean and variance of the bootstrap, no dependence between slices, and the same means from the same seed."""
    random = np.random.default_rng(0)
    old = random.gamma(1.0, 1.0, (4, 9))
    old[1] = old[0]
    n_bootstrap = 20_000
    means = independent_means(old, n_bootstrap, 1)
    assert (means == independent_means(old, n_bootstrap, 1)).all()
    assert (means != independent_means(old, n_bootstrap, 2)).any()
    deviation = old.std(axis=1) / 3
    assert (np.abs(means.mean(axis=1) - old.mean(axis=1)) < 5 * deviation / np.sqrt(n_bootstrap)).all()
    assert (np.abs(means.std(axis=1) / deviation - 1) < 5 / np.sqrt(n_bootstrap)).all()
    assert abs(np.corrcoef(means[0], means[1])[0, 1]) < 5 / np.sqrt(n_bootstrap)
    assert means.min() >= old.min()
    assert means.max() <= old.max()


@given(SEEDS, st.integers(1, 30), st.integers(1, 6), st.sampled_from([0.0, 5e-324, 1e-30]))
def test_mixture_weights_equal_the_loop(seed, n, n_components, tiny):
    random = np.random.default_rng(seed)
    likelihood = random.random((n, n_components)) ** 5
    likelihood[random.random(likelihood.shape) < 0.2] = tiny
    likelihood[:, 0] += 1e-6  # no row without any likelihood: the loop has no answer for it
    start = random.dirichlet(np.ones(n_components))
    pseudo = np.where(random.random(n_components) < 0.5, 2.0, 0.0)
    weights = mixture_weights(likelihood, start, pseudo, 15, 0.0)
    assert weights == pytest.approx(counts_reference.mixture_weights(likelihood, start, pseudo, 15), abs=1e-9)
    assert weights.sum() == pytest.approx(1.0)


def test_rows_without_any_likelihood_say_nothing():
    start = np.array([0.25, 0.75])
    weights = mixture_weights(np.zeros((5, 2)), start, np.array([1.0, 3.0]), 10, 0.0)
    assert weights == pytest.approx([0.25, 0.75])


NODES = np.array([0.0, 1e-4, 0.03, 1.0])


@st.composite
def predictions(draw):
    """Arguments of the predictive kernels for three slices of one size."""
    random = np.random.default_rng(draw(SEEDS))
    size = draw(st.sampled_from([0.3, 40.0, 3_000.0, 1e8]))
    on_odds = draw(st.booleans())
    base = size * random.uniform(0.5, 2.0, 3)
    rate = random.uniform(0.01, 0.7, 3) if on_odds else np.zeros(3)
    y = np.floor(base * random.choice([0.0, 0.3, 0.9, 1.0, 1.1, 1.4], 3))
    weight = random.dirichlet(np.ones(4), 3)
    mean, variance = random.normal(0, 0.05, (3, 4)), random.uniform(1e-6, 0.01, (3, 4))
    return y, base, rate, on_odds, weight, mean, variance, NODES, random.uniform(0, 0.01, 3)


@given(predictions())
def test_effect_likelihoods_equal_sums_of_logarithms(arguments):
    factors = np.array([1.0, 0.02, 0.5, 0.9, 1.1, 3.0, 400.0])
    found = effect_likelihoods(*arguments, factors)
    y, base, rate, on_odds, weight, mean, variance, nodes, extra = arguments
    for i in range(len(y)):
        wanted = history_reference.effect_likelihoods(
            y[i], base[i], rate[i], on_odds, weight[i], mean[i], variance[i], nodes, extra[i], factors
        )
        assert found[i] == pytest.approx(wanted, rel=1e-5, abs=1e-30)
        assert found[i].max() == 1.0


@given(predictions())
def test_predictive_tails_are_the_mixture_of_their_nodes(arguments):
    below, above, expected, spread = predictive_tails(*arguments)
    y, base, rate, on_odds, weight, mean, variance, nodes, extra = arguments
    for i in range(len(y)):
        low, up, total = 0.0, 0.0, 0.0
        phi = nodes + variance[i] + extra[i]
        for k in range(len(nodes)):
            if weight[i, k] >= 1e-4:
                tails = count_tails(y[i], base[i] * (1 + mean[i, k]), phi[k] - on_odds * rate[i] / base[i])
                low, up, total = low + weight[i, k] * tails[0], up + weight[i, k] * tails[1], total + weight[i, k]
        assert below[i] == pytest.approx(min(low / total, 1.0), rel=1e-3, abs=1e-300)
        assert above[i] == pytest.approx(min(up / total, 1.0), rel=1e-3, abs=1e-300)
        kept = np.where(weight[i] >= 1e-4, weight[i], 0.0)
        assert expected[i] == pytest.approx(base[i] * np.average(1 + mean[i], weights=kept))
        assert spread[i] == pytest.approx(np.average(phi, weights=kept))


COUNTS = st.sampled_from([0.0, 1.0, 63.0, 64.0, 65.0, 3_000.0, 1e5, 3e7, 1e9])
MEANS = st.sampled_from([5e-324, 1e-300, 1e-9, 0.3, 40.0, 3_599.0, 3_601.0, 1e6, 1e9])
SPREADS = st.sampled_from([0.0, 5e-324, 1e-300, 1e-13, 1e-8, 1e-3, 0.12, 0.13, 3.0, -5e-324, -1e-13, -1e-3, -0.5, -1e6])


@given(COUNTS, MEANS, SPREADS)
def test_tails_of_extremes_are_probabilities(k, mu, phi):
    low, up = count_tails(k, mu, phi)
    assert 0.0 <= low <= 1.0
    assert 0.0 <= up <= 1.0
    assert low + up == pytest.approx(1.0, abs=3e-3)
    if mu * phi > -0.98:
        assert not np.isnan(count_log_pmf(k, mu, phi))


@given(st.integers(66, 4_000), st.floats(1e-14, 1e-3))
def test_log_probabilities_near_poisson_keep_their_digits(k, phi):
    """Between the Poisson limit and the gamma functions: products of 1 + j phi, term by term."""
    mu = 0.9 * k
    wanted = special.xlogy(k, mu / (1 + mu * phi)) - special.gammaln(k + 1) - np.log1p(mu * phi) / phi
    wanted += np.log1p(np.arange(k) * phi).sum()
    assert count_log_pmf(float(k), mu, phi) == pytest.approx(wanted, abs=1e-5)


class TooLong(Exception):
    """A loop did not end in the steps that it may need."""


@pytest.mark.parametrize("k", [3e7, 1e12])
@pytest.mark.parametrize("mu", [1e-9, 5.0, 3_000.0])
@pytest.mark.parametrize("phi", [0.0, 1e-6, 0.3, -1e-9])
def test_sums_far_from_the_mean_end_though_every_term_underflows(k, mu, phi):
    """The lines that the sum runs through in Python are counted: k steps are never needed."""
    lines = 0

    def count(frame, event, argument):
        nonlocal lines
        if frame.f_code is not count_tails.py_func.__code__:
            return None
        lines += 1
        if lines > 100_000:
            raise TooLong
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        with np.errstate(all="ignore"):
            low, up = count_tails.py_func(k, mu, phi)
    finally:
        sys.settrace(before)
    assert lines > 0
    assert up < 1e-12
    assert low == pytest.approx(1.0)
