"""Weighted path lengths equal the literal sum over every leaf's rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import con_out_reference as literal
from tocsin.kernels.isolation import grow_trees
from tocsin.kernels.leaves import find_leaves, leaf_order
from tocsin.kernels.weighted_leaves import C_TABLE, GAMMAS, log_leaf_shares, weighted_path_lengths

N_GAMMAS = len(GAMMAS)


def forest(random, n, n_numbers, n_codes, n_trees=6, n_samples=32, missing=0.1):
    """Rows, and trees grown from samples of them; levels as paths."""
    numbers = np.round(random.normal(size=(n, n_numbers)), 1).astype(np.float32)
    numbers[random.random(numbers.shape) < missing] = np.nan
    codes = random.integers(-1, 4, (n, n_codes)).astype(np.int32)
    rows = np.stack([random.choice(n, min(n, n_samples), replace=False) for _ in range(n_trees)])
    seeds = random.integers(0, 2**64, n_trees, dtype=np.uint64)
    depth = max(1, int(np.ceil(np.log2(rows.shape[1]))))
    split, threshold, path = grow_trees(numbers, codes, rows, seeds, depth, np.zeros(n_samples + 1, np.float32))[:3]
    return numbers, codes, rows, seeds, split, threshold, path


def weighted(leaf, path, start, context, levels, query, query_codes, first=0, stop=N_GAMMAS):
    return weighted_path_lengths(
        leaf, path.ravel(), start, np.ascontiguousarray(context.T), np.ascontiguousarray(levels.T), query, query_codes,
        first, stop, C_TABLE,
    )  # fmt: skip


SHAPES = st.tuples(st.integers(2, 60), st.integers(0, 4), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2))


@settings(max_examples=25)
@given(SHAPES.filter(lambda shape: shape[1] + shape[2] > 0), st.integers(0, 2**32 - 1), st.floats(0.001, 800))
def test_path_lengths_equal_the_literal_sums(shape, seed, spread):
    n, n_numbers, n_codes, n_context, n_levels = shape
    random = np.random.default_rng(seed)
    numbers, codes, rows, seeds, split, threshold, path = forest(random, n, n_numbers, n_codes)
    members, start = leaf_order(numbers, codes, rows, seeds, split, threshold)
    leaf = find_leaves(numbers, codes, seeds, split, threshold)
    context = (random.normal(size=(n, n_context)) * spread).astype(np.float32)
    levels = random.integers(-1, 2, (n, n_levels)).astype(np.int32)
    ours = weighted(leaf, path, start, context[members], levels[members], context, levels)
    kept = {int(k): members[start[k] : start[k + 1]] for k in np.unique(leaf)}
    inside = {k: [(context[m], levels[m]) for m in rows_] for k, rows_ in kept.items()}
    for i in random.choice(n, min(n, 5), replace=False):
        for g, gamma in enumerate(GAMMAS):
            expected = literal.path_length(leaf[:, i], path.ravel(), inside, context[i], levels[i], gamma)
            assert ours[i, g] == pytest.approx(expected, abs=2e-4)


@settings(max_examples=25)
@given(st.integers(2, 600), st.integers(0, 3), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_leaves_equal_a_walk_from_the_root(n, n_numbers, n_codes, seed):
    if n_numbers + n_codes == 0:
        n_numbers = 1
    random = np.random.default_rng(seed)
    numbers, codes, rows, seeds, split, threshold, path = forest(random, n, n_numbers, n_codes)
    leaf = find_leaves(numbers, codes, seeds, split, threshold)
    for i in random.choice(n, min(n, 8), replace=False):
        for t in range(len(seeds)):
            walked = literal.descend(numbers[i], codes[i], seeds[t], split[t], threshold[t])
            assert leaf[t, i] == t * path.shape[1] + walked
    members, start = leaf_order(numbers, codes, rows, seeds, split, threshold)
    for t in range(len(seeds)):
        first = t * path.shape[1]
        inside = [set(members[start[k] : start[k + 1]].tolist()) for k in range(first, first + path.shape[1])]
        assert [leaf[t, m] - first for m in rows[t]] == [next(k for k, one in enumerate(inside) if m in one)
                                                         for m in rows[t]]  # fmt: skip
        assert sum(map(len, inside)) == rows.shape[1]


def test_without_a_context_it_is_the_isolation_forest():
    random = np.random.default_rng(0)
    numbers, codes, rows, seeds, split, threshold, path = forest(random, 300, 3, 1, n_trees=20, n_samples=64)
    harmonic = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, 65))])
    length = np.where(np.arange(65) > 1, 2 * (harmonic - 1), 0.0).astype(np.float32)
    whole = grow_trees(numbers, codes, rows, seeds, 6, length)[2]
    members, start = leaf_order(numbers, codes, rows, seeds, split, threshold)
    leaf = find_leaves(numbers, codes, seeds, split, threshold)
    nothing, none = np.zeros((len(members), 0), np.float32), np.zeros((len(members), 0), np.int32)
    ours = weighted(leaf, path, start, nothing, none, np.zeros((300, 0), np.float32), np.zeros((300, 0), np.int32))
    assert ours == pytest.approx(np.tile(whole.ravel()[leaf].mean(axis=0)[:, None], N_GAMMAS), abs=1e-4)


def test_c_is_the_isolation_forests_at_whole_counts_and_smooth_between():
    counts = np.arange(257)
    at = np.where(counts <= 16, counts * 128, 16 * 128 + 1 + (counts - 16) * 4)
    expected = 2 * (np.concatenate([[0.0], np.cumsum(1 / np.arange(1, 257))]) - 1)
    assert C_TABLE[at] == pytest.approx(expected, abs=1e-12)
    assert (np.diff(np.delete(C_TABLE, 16 * 128 + 1)) > 0).all()  # 16 is in the table twice


def test_a_part_of_the_grid_equals_the_whole():
    random = np.random.default_rng(1)
    numbers, codes, rows, seeds, split, threshold, path = forest(random, 700, 2, 1)
    members, start = leaf_order(numbers, codes, rows, seeds, split, threshold)
    leaf = find_leaves(numbers, codes, seeds, split, threshold)
    context, levels = random.normal(size=(700, 2)).astype(np.float32), codes
    parts = context[members], levels[members], context, levels
    whole = weighted(leaf, path, start, *parts)
    assert np.array_equal(weighted(leaf, path, start, *parts, first=3, stop=5), whole[:, 3:5])
    some = random.permutation(700)[:130]
    alone = weighted(np.ascontiguousarray(leaf[:, some]), path, start, *parts[:2], context[some], levels[some])
    assert alone == pytest.approx(whole[some], abs=1e-9)


@pytest.mark.parametrize("far", [9e3, 1e9, 1e18])
def test_the_farthest_contexts_weigh_next_to_nothing(far):
    random = np.random.default_rng(2)
    numbers, codes, rows, seeds, split, threshold, path = forest(random, 64, 2, 0)
    members, start = leaf_order(numbers, codes, rows, seeds, split, threshold)
    leaf = find_leaves(numbers, codes, seeds, split, threshold)
    context, none = np.zeros((64, 1), np.float32), np.zeros((64, 0), np.int32)
    ours = weighted(leaf, path, start, context[members], none[members], np.full((64, 1), far, np.float32), none)
    expected = np.maximum(path.ravel()[leaf] - 2, 0).mean(axis=0)
    assert ours == pytest.approx(np.tile(expected[:, None], N_GAMMAS), abs=0.02)


@settings(max_examples=15)
@given(SHAPES.filter(lambda shape: shape[1] + shape[2] > 0), st.integers(0, 2**32 - 1), st.floats(0, 10))
def test_leaf_shares_equal_the_literal_ratios(shape, seed, prior):
    n, n_numbers, n_codes, n_context, n_levels = shape
    prior += 0.1
    random = np.random.default_rng(seed)
    numbers, codes, rows, seeds, split, threshold, _ = forest(random, n, n_numbers, n_codes, n_trees=2)
    members, start = leaf_order(numbers, codes, rows, seeds, split, threshold)
    context = random.normal(size=(n, n_context)).astype(np.float32)
    levels = random.integers(-1, 2, (n, n_levels)).astype(np.int32)
    asked = random.permutation(n)[:7]
    leaf = find_leaves(numbers[asked], codes[asked], seeds, split, threshold)
    sample = np.ascontiguousarray(context[members].T), np.ascontiguousarray(levels[members].T)
    ours = log_leaf_shares(leaf, start, members, *sample, context[asked], levels[asked], asked, prior)
    trees = [[members[start[k] : start[k + 1]] for k in range(t * len(leaf_), (t + 1) * len(leaf_))]
             for t, leaf_ in enumerate(np.zeros((2, split.shape[1] + 1)))]  # fmt: skip
    for g, gamma in enumerate(GAMMAS):
        ratios = [
            literal.leaf_ratio(trees[t], leaf[t, a] - t * len(trees[t]), row, context, levels, gamma, prior)
            for t in range(2)
            for a, row in enumerate(asked)
        ]
        assert ours[g] == pytest.approx(np.mean(ratios), abs=1e-3)
