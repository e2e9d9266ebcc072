"""Context trees: against a literal form, and what every grown tree must satisfy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import context_trees_reference as literal
from tocsin.kernels.context_trees import grow_context_trees, predict_columns

N_TREES = 4


class Forest:
    """A random table with ties and categories, and trees grown from some of its rows."""

    def __init__(self, seed, n=None, least=None):
        random = np.random.default_rng(seed)
        n = n or int(random.integers(2, 90))
        n_columns = int(random.integers(2, 7))
        self.is_category = random.random(n_columns) < 0.4
        inputs = random.normal(size=(n_columns, n)).round(int(random.integers(0, 3)))
        inputs[self.is_category] = random.integers(-1, random.choice([1, 3, 30]), (self.is_category.sum(), n))
        self.inputs = np.ascontiguousarray(inputs, np.float32)
        self.context = np.sort(random.permutation(n_columns)[: int(random.integers(1, n_columns))])
        n_targets = int(random.choice([1, 2, 4, 5, 9]))  # they are summed four at a time
        targets = random.normal(size=(n, n_targets)) + inputs[self.context[0]][:, None]
        self.targets = np.ascontiguousarray(targets, np.float32)
        self.least = least or int(random.choice([1, 2, 5]))
        self.n_tries = int(random.integers(1, len(self.context) + 2))
        n_samples = int(random.integers(1, n + 1))
        self.rows = np.stack([random.permutation(n)[:n_samples] for _ in range(N_TREES)])
        self.seeds = random.integers(0, 2**64, N_TREES, dtype=np.uint64)
        self.used_by = np.zeros((N_TREES, n), np.bool_)
        self.used_by[np.arange(N_TREES)[:, None], self.rows] = True
        self.trees = grow_context_trees(
            self.inputs, self.is_category, self.context, self.targets, self.rows, self.seeds, self.least, self.n_tries
        )

    def leaf(self, t, i):
        column, cut, left, _ = self.trees
        return literal.leaf_of(self.inputs[:, i], self.is_category, column[t], cut[t], left[t])

    def predict(self, places):
        rows = np.ascontiguousarray(self.inputs.T)
        return predict_columns(rows, self.is_category, *self.trees, places, self.used_by)


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_trees_are_the_literal_ones(seed):
    forest = Forest(seed)
    column, cut, left, value = forest.trees
    order = forest.context.tolist()
    for t in range(N_TREES):
        chosen = list(zip(column[t].tolist(), cut[t], strict=True))
        nodes = literal.grow_tree(
            forest.inputs, forest.is_category, order, forest.targets, forest.rows[t], forest.seeds[t],
            forest.least, forest.n_tries, chosen,
        )  # fmt: skip
        for k, (cuts, child, mean) in enumerate(nodes):
            if cuts:
                assert chosen[k] in cuts
                assert left[t, k] == child
            else:
                assert column[t, k] == -1
                np.testing.assert_allclose(value[t, left[t, k]], mean, rtol=1e-5, atol=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_a_leaf_is_the_mean_of_at_least_so_many_rows_that_reach_it(seed):
    forest = Forest(seed)
    column, _, _, value = forest.trees
    assert set(column[column >= 0].tolist()) <= set(forest.context.tolist())
    for t in range(N_TREES):
        leaves = np.array([forest.leaf(t, i) for i in forest.rows[t]])
        for leaf in set(leaves.tolist()):
            members = forest.rows[t][leaves == leaf]
            assert len(members) >= min(forest.least, len(forest.rows[t]))
            mean = forest.targets[members].astype(np.float64).mean(axis=0)
            np.testing.assert_allclose(value[t, leaf], mean, rtol=1e-5, atol=1e-6)


@settings(max_examples=40)
@given(st.integers(0, 10**6))
def test_rows_are_predicted_by_the_trees_that_have_not_grown_from_them(seed):
    forest = Forest(seed)
    n = forest.inputs.shape[1]
    places = np.where(np.random.default_rng(seed).random(n) < 0.3, -1, np.arange(n))
    found = forest.predict(places)
    for i in range(n):
        row = forest.inputs[:, i]
        expected = literal.predict(row, places[i], forest.is_category, forest.trees, forest.used_by)
        np.testing.assert_allclose(found[i], expected, rtol=1e-5, atol=1e-6)


def test_many_rows_are_predicted_as_each_alone():
    forest = Forest(3, n=700, least=5)  # more than walk together
    together = forest.predict(np.full(700, -1))
    rows = np.ascontiguousarray(forest.inputs.T)
    for i in (0, 255, 256, 511, 512, 699):
        alone = predict_columns(rows[i : i + 1], forest.is_category, *forest.trees, np.array([-1]), forest.used_by)
        assert np.array_equal(alone[0], together[i])


@pytest.mark.parametrize("is_category", [False, True])
def test_the_column_that_tells_most_is_cut_first(is_category):
    random = np.random.default_rng(0)
    inputs = random.integers(0, 2, (6, 400)).astype(np.float32)
    targets = 3.0 * inputs[[4]].T + random.normal(size=(400, 1)).astype(np.float32)
    rows = np.stack([random.permutation(400)[:200] for _ in range(20)])
    seeds = random.integers(0, 2**64, 20, dtype=np.uint64)
    kinds = np.full(6, is_category)
    column, *_ = grow_context_trees(inputs, kinds, np.arange(5), targets, rows, seeds, 5, 5)
    tried = column[:, 0][column[:, 0] >= 0]
    assert (tried == 4).mean() > (0.9 if is_category else 0.4)  # a number cut at its larger value parts nothing


def test_what_tells_nothing_is_predicted_by_the_mean():
    random = np.random.default_rng(1)
    inputs = np.zeros((2, 50), np.float32)
    targets = random.normal(size=(50, 3)).astype(np.float32)
    rows = np.arange(50)[None, :]
    column, cut, left, value = grow_context_trees(
        inputs, np.zeros(2, np.bool_), np.array([0]), targets, rows, np.array([7], np.uint64), 5, 1
    )
    assert column[0, 0] == -1
    np.testing.assert_allclose(value[0, left[0, 0]], targets.mean(axis=0), rtol=1e-5)
    assert cut[0, 0] == 0.0
