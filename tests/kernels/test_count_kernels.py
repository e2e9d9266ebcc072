"""The count kernels equal SciPy and the literal loops of tests/reference."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import counts_reference as literal
from tocsin.kernels.counts import beta_cdf, count_log_pmf, count_tails, gamma_tails, normal_cdf
from tocsin.kernels.mixture import effect_likelihoods, mixture_weights, predictive_tails

MEANS = st.floats(1e-3, 1e7)
DISPERSIONS = st.one_of(st.just(0.0), st.floats(1e-7, 2.0), st.floats(1e-12, 1e-7), st.just(5e-324))


@settings(deadline=None, max_examples=300)
@given(MEANS, DISPERSIONS, st.floats(-6, 8))
def test_smaller_tail_equals_scipy(mu, phi, z):
    k = max(0.0, round(mu + z * math.sqrt(mu + phi * mu * mu)))
    low, up = count_tails(float(k), mu, phi)
    expected_low, expected_up = literal.tails(k, mu, phi if phi > 1e-11 else 0.0)
    assert low + up == pytest.approx(1.0, abs=2e-3)
    ours, theirs = (low, expected_low) if k <= mu else (up, expected_up)
    if theirs > 1e-12:
        assert ours == pytest.approx(theirs, rel=0.03, abs=1e-12)


@settings(deadline=None, max_examples=150)
@given(st.integers(2, 400), st.floats(0.01, 0.9), st.floats(0, 1))
def test_underdispersed_counts_are_binomial(n, p, place):
    k = round(place * n)
    low, up = count_tails(float(k), n * p, -1.0 / n)
    expected_low, expected_up = literal.binomial_tails(k, n, p)
    ours, theirs = (low, expected_low) if k <= n * p else (up, expected_up)
    assert ours == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_more_than_everything_is_impossible():
    low, up = count_tails(30.0, 5.0, -1.0 / 10.0)
    assert up == 0.0
    assert low == 1.0


@settings(deadline=None)
@given(st.floats(0.05, 300), st.floats(0, 2))
def test_pmf_sums_to_one(mu, phi):
    top = int(mu + 60 * math.sqrt(mu + phi * mu * mu) + 200)
    total = sum(math.exp(count_log_pmf(float(k), mu, phi)) for k in range(min(top, 60_000)))
    assert total == pytest.approx(1.0, abs=1e-3)


@settings(deadline=None)
@given(st.floats(0.3, 1e4), st.floats(0.3, 1e4), st.floats(0, 1))
def test_beta_cdf_equals_scipy(a, b, x):
    from scipy import special

    assert beta_cdf(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-14)


def test_normal_cdf_keeps_the_far_tail():
    from scipy import special

    for z in (-37.0, -8.0, 0.0, 3.0):
        assert normal_cdf(z) == pytest.approx(special.ndtr(z), rel=1e-12)


def test_mixture_weights_equal_the_loop():
    random = np.random.default_rng(0)
    likelihood = random.random((60, 5)) ** 4
    start, pseudo = np.full(5, 0.2), np.array([3.0, 0, 0, 0.5, 0])
    ours = mixture_weights(likelihood, start, pseudo, 40, 0.0)
    assert ours == pytest.approx(literal.mixture_weights(likelihood, start, pseudo, 40), abs=1e-10)


def test_predictive_tails_are_the_mixture_of_their_nodes():
    nodes = np.array([0.0, 0.01, 0.2])
    weight = np.array([[0.2, 0.5, 0.3]])
    mean, variance = np.array([[0.1, 0.0, -0.1]]), np.array([[0.01, 0.02, 0.05]])
    arguments = (
        np.array([12.0]),
        np.array([20.0]),
        np.array([0.0]),
        False,
        weight,
        mean,
        variance,
        nodes,
        np.array([0.003]),
    )
    below, above, expected, spread = predictive_tails(*arguments)
    parts = [
        literal.tails(12, 20 * (1 + m), t + v + 0.003) for m, t, v in zip(mean[0], nodes, variance[0], strict=True)
    ]
    assert below[0] == pytest.approx(sum(w * p[0] for w, p in zip(weight[0], parts, strict=True)), rel=1e-9)
    assert above[0] == pytest.approx(sum(w * p[1] for w, p in zip(weight[0], parts, strict=True)), rel=1e-9)
    assert expected[0] == pytest.approx(20 * (1 + 0.02 - 0.03))
    assert spread[0] == pytest.approx(0.2 * 0.013 + 0.5 * 0.033 + 0.3 * 0.253)
    likelihood = effect_likelihoods(*arguments, np.array([1.0, 0.5, 0.6, 2.0]))[0]
    assert likelihood.max() == 1.0
    assert likelihood[2] > likelihood[0] > likelihood[3]


@settings(deadline=None)
@given(st.floats(0.3, 8.0), st.floats(1e-6, 60.0))
def test_gamma_tails_equal_scipy(a, x):
    from scipy import special

    low, up = gamma_tails(a, x)
    assert low == pytest.approx(special.gammainc(a, x), rel=1e-7, abs=1e-13)
    assert up == pytest.approx(special.gammaincc(a, x), rel=1e-7, abs=1e-13)
