"""One sum of squared cross products is Spearman's, Kruskal and Wallis's and Pearson's statistic."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import con_out_reference as literal
from tocsin.kernels.dependence import category_scores, exceedances, pair_statistics, rank_scores


def table(seed, n, ties):
    """Two numbers and two categorical columns that depend on one another a little; their scores and starts."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=n)
    numbers = np.column_stack([hidden + random.normal(size=n), hidden + 2 * random.normal(size=n)])
    if ties:
        numbers = np.round(numbers)
    codes = np.column_stack([np.digitize(hidden + random.normal(size=n), [-0.8, 0.4]), random.integers(0, 4, n)])
    codes = codes.astype(np.int32)
    parts = [rank_scores(numbers), category_scores(codes[:, 0], 3), category_scores(codes[:, 1], 4)]
    return numbers, codes, np.concatenate(parts, axis=1), np.array([0, 1, 2, 5])


@settings(max_examples=30)
@given(st.integers(0, 2**32 - 1), st.integers(20, 200), st.booleans())
def test_statistics_equal_scipy(seed, n, ties):
    numbers, codes, scores, starts = table(seed, n, ties)
    found = pair_statistics(scores, scores, starts)
    assert found[0, 1] == pytest.approx(literal.spearman(*numbers.T) ** 2, abs=1e-9)
    assert found[1, 3] * (n - 1) == pytest.approx(literal.kruskal(numbers[:, 1], codes[:, 1]), rel=1e-9, abs=1e-9)
    assert found[2, 3] * n == pytest.approx(literal.chi_squared(codes[:, 0], codes[:, 1]), rel=1e-9, abs=1e-9)
    assert found == pytest.approx(found.T)


def test_permutation_p_values_are_near_the_asymptotic_ones():
    from scipy import stats

    numbers, codes, scores, starts = table(3, 250, False)
    numbers[:, 1] = np.random.default_rng(9).normal(size=250)
    scores[:, :2] = rank_scores(numbers)
    _, counts = exceedances(scores, starts, 2000, np.random.default_rng(0))
    p = (1 + counts) / 2001
    groups = [numbers[codes[:, 0] == level, 1] for level in range(3)]
    crossed = np.array([[np.sum((codes[:, 0] == a) & (codes[:, 1] == b)) for b in range(4)] for a in range(3)])
    assert p[0, 1] == pytest.approx(stats.spearmanr(*numbers.T).pvalue, abs=0.04)
    assert p[1, 2] == pytest.approx(stats.kruskal(*groups).pvalue, abs=0.04)
    assert p[2, 3] == pytest.approx(stats.chi2_contingency(crossed, correction=False).pvalue, abs=0.04)
    assert p[0, 2] == 1 / 2001
    assert np.array_equal(p, p.T)


def test_p_values_of_independent_columns_are_uniform():
    scores = rank_scores(np.random.default_rng(4).normal(size=(300, 40)))
    _, counts = exceedances(scores, np.arange(40), 200, np.random.default_rng(5))
    p = ((1 + counts) / 201)[np.triu_indices(40, 1)]
    for level in (0.05, 0.2, 0.5):
        assert np.mean(p <= level) == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / len(p)) + 0.01)


def test_a_constant_column_and_one_of_equal_ranks_reach_themselves():
    numbers = np.column_stack([np.full(30, 2.0), np.arange(30.0), np.arange(30.0) ** 3])
    numbers[4, 0] = np.nan
    statistics, counts = exceedances(rank_scores(numbers), np.arange(3), 50, np.random.default_rng(0))
    assert statistics[0, 1] == 0.0
    assert counts[0, 1] == 50
    assert statistics[1, 2] == pytest.approx(1.0, abs=1e-5)
    assert counts[1, 2] == 0
