"""Divergences equal their definitions for any counts, and their expectation the exact one."""

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.reference import divergence_reference as literal
from tocsin.kernels.divergence import (
    jensen_shannon,
    jsd_from_mean,
    jsd_of_collections,
    jsd_term,
    jsd_term_single,
    kullback_leibler,
    mean_distribution,
    weighted_jensen_shannon,
)
from tocsin.kernels.divergence_expectation import expected_jsd, expected_jsd_of_collections

COUNT = st.one_of(st.just(0), st.integers(0, 20), st.integers(0, 10**12))
MASS = st.one_of(st.just(0.0), st.floats(0, 1), st.floats(5e-324, 1e-300), st.floats(0, 1e12))


def rows(element, n_rows, most=12):
    def of_width(width):
        row = st.lists(element, min_size=width, max_size=width).filter(any)
        return st.lists(row, min_size=n_rows, max_size=n_rows)

    return st.integers(1, most).flatmap(of_width)


@given(rows(COUNT, 2))
def test_jensen_shannon_is_its_definition_to_7_in_a_million(pair):
    p, q = np.array(pair)
    expected = literal.jensen_shannon(p, q)
    near = pytest.approx(expected, rel=7.1e-6, abs=1e-15)  # SciPy's own sum is exact to 1e-16 of ln 2
    assert jensen_shannon(p[None], q[None])[0] == near
    assert jensen_shannon(q[None], p[None])[0] == near
    mean = literal.shares(q)
    assert jsd_from_mean(p[None], mean[None])[0] == near
    assert jsd_of_collections(np.array([pair]), mean[None])[0] == pytest.approx([expected, 0.0], rel=7.1e-6, abs=1e-15)


@given(rows(MASS, 2))
@example([[5e-324, 0.0], [0.0, 5e-324]])
def test_any_mass_gives_a_divergence_in_its_range(pair):
    p, q = np.array(pair)
    assert 0 <= jensen_shannon(p[None], q[None])[0] <= math.log(2) * (1 + 7.1e-6) or not (p.sum() > 0 and q.sum() > 0)


@given(st.floats(0, 1), st.floats(0, 1))
@example(1.0, 0.0)
@example(0.5, 0.5)
@example(1e-30, 1e-31)
def test_single_precision_is_as_good(p, q):
    p, q = np.float32(p), np.float32(q)
    found = jsd_term_single(p, q)
    gap = abs(float(p) - float(q)) / max(float(p) + float(q), 1e-300)
    relative = 1e-5 if gap > 1e-3 else 1e-3  # p - q has no more digits than p and q
    assert found == pytest.approx(jsd_term(float(p), float(q)), rel=relative, abs=1e-17)


def test_a_collection_that_hardly_differs_keeps_its_digits():
    p = np.full((1, 4), 10**12)
    q = p + np.array([1, -1, 10, -10])
    gap = (q / q.sum() - 0.25) ** 2
    assert jensen_shannon(p, q)[0] == pytest.approx((gap / (8 * 0.25)).sum(), rel=1e-4)
    assert jensen_shannon(p, p)[0] == 0.0


def test_disjoint_distributions_are_ln_2_apart():
    assert jensen_shannon(np.array([[3, 0]]), np.array([[0, 9]]))[0] == pytest.approx(math.log(2), rel=7.1e-6)


@given(rows(COUNT, 2))
def test_kullback_leibler(pair):
    p, q = np.array(pair)
    assert kullback_leibler(p[None], q[None])[0] == pytest.approx(literal.kullback_leibler(p, q), rel=1e-9, abs=1e-12)
    dropped = literal.kullback_leibler_without_empty(p, q)
    assert kullback_leibler(p[None], q[None], True)[0] == pytest.approx(dropped, rel=1e-9, abs=1e-12)


@given(rows(COUNT, 3), st.lists(st.integers(1, 9), min_size=3, max_size=3))
def test_weighted_jensen_shannon(three, weights):
    found = weighted_jensen_shannon(np.array([three]), np.array([weights]))[0]
    assert found == pytest.approx(literal.weighted_jensen_shannon(three, weights), rel=1e-9, abs=1e-12)


def test_two_equal_weights_are_the_usual_divergence():
    pair = np.array([[[4, 3, 2, 0], [1, 1, 1, 7]]])
    found = weighted_jensen_shannon(pair, np.ones((1, 2)))
    assert found == pytest.approx(jensen_shannon(pair[:, 0], pair[:, 1]), rel=7.1e-6)


def test_an_empty_row_has_no_divergence():
    empty, full = np.zeros((1, 3)), np.ones((1, 3))
    for found in (
        jensen_shannon(empty, full),
        jensen_shannon(full, empty),
        jsd_from_mean(empty, full / 3),
        jsd_from_mean(full, empty),
        jsd_of_collections(np.stack([empty], axis=1), full / 3)[0],
        kullback_leibler(empty, full),
        weighted_jensen_shannon(np.stack([empty, full], axis=1), np.ones((1, 2))),
        weighted_jensen_shannon(np.stack([full, full], axis=1), np.zeros((1, 2))),
        expected_jsd(np.zeros(1), full / 3),
        expected_jsd(np.ones(1), empty),
    ):
        assert np.isnan(found).all()


def test_the_mean_is_of_distributions_not_of_counts():
    counts = np.array([[[1, 0], [0, 999], [0, 0], [5, 5]]])
    taken = np.array([[True, True, True, False]])
    assert mean_distribution(counts, taken) == pytest.approx(np.array([[0.5, 0.5]]))
    assert mean_distribution(counts, ~taken & False) == pytest.approx(np.zeros((1, 2)))


@settings(max_examples=60)
@given(rows(st.integers(0, 50), 1, 30), st.integers(1, 400))
@example([[99, 1]], 3)
@example([[9, 1]], 1)
@example([[7]], 5)
@example([[1] * 24], 100)
def test_the_expectation_is_the_exact_one(row, n_records):
    mean = literal.shares(row[0])
    exact = literal.expected_jsd(n_records, mean)
    assert expected_jsd(np.array([n_records]), mean[None])[0] == pytest.approx(exact, rel=1e-2, abs=1e-12)


def test_the_expectation_is_that_of_simulated_collections():
    random = np.random.default_rng(0)
    mean = random.dirichlet(np.full(24, 0.5))
    for n_records in (30, 1_000):
        counts = random.multinomial(n_records, mean, size=20_000)
        drawn = jsd_from_mean(counts, np.tile(mean, (len(counts), 1)))
        error = drawn.std() / math.sqrt(len(drawn))
        assert abs(expected_jsd(np.array([n_records]), mean[None])[0] - drawn.mean()) < 4 * error
    far = expected_jsd(np.array([10.0**12]), np.full((1, 24), 1 / 24))[0]
    assert far == pytest.approx(23 / 8e12, rel=1e-6)


def test_the_expectation_of_many_collections_is_that_of_each():
    random = np.random.default_rng(1)
    mean, records = random.dirichlet(np.ones(5), 3), random.integers(1, 500, (3, 4))
    each = np.column_stack([expected_jsd(column, mean) for column in records.T])
    assert expected_jsd_of_collections(records, mean) == pytest.approx(each, rel=1e-12)
