"""Isolation trees: the vectorised walk against a literal one, and what every grown tree must satisfy."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference import isolation_reference as literal
from tocsin.detectors.contextual.isolation_forest import average_path_length, standardisation, standardised
from tocsin.kernels.isolation import grow_trees, path_lengths

N_TREES = 5


def random_table(seed):
    """Numbers of very different sizes with ties and holes, and codes with missing ones."""
    random = np.random.default_rng(seed)
    n, n_numbers, n_codes = int(random.integers(2, 90)), int(random.integers(0, 5)), int(random.integers(0, 4))
    n_numbers += n_numbers + n_codes == 0
    numbers = np.exp(random.normal(0, random.choice([0.1, 3.0, 40.0]), (n, n_numbers))).round(3)
    numbers[random.random(numbers.shape) < random.choice([0.0, 0.3, 0.9])] = np.nan
    codes = random.integers(-1, random.choice([1, 3, 10_000]), (n, n_codes)).astype(np.int32)
    return numbers, codes


def grown(seed, depth=None):
    numbers, codes = random_table(seed)
    random = np.random.default_rng(seed + 1)
    n_samples = int(random.integers(2, len(numbers) + 1))
    rows = np.stack([random.choice(len(numbers), n_samples, replace=False) for _ in range(N_TREES)])
    seeds = random.integers(0, 2**64, N_TREES, dtype=np.uint64)
    centre, scale = standardisation(numbers)
    length = average_path_length(np.arange(n_samples + 1)).astype(np.float32)
    values = standardised(numbers, centre, scale)
    depth = depth or math.ceil(math.log2(n_samples))
    trees = grow_trees(values, codes, rows, seeds, depth, length)[:4]
    return numbers, codes, centre, scale, rows, seeds, trees


@settings(max_examples=60)
@given(st.integers(0, 10**6))
def test_walk_is_the_literal_one(seed):
    numbers, codes, centre, scale, _, seeds, (split, threshold, path, *_) = grown(seed)
    found = np.empty(len(numbers))
    path_lengths(numbers, codes, centre, scale, seeds, split, threshold, path, found)
    expected = [
        literal.mean_path(numbers[i], codes[i], centre, scale, seeds, split, threshold, path)
        for i in range(len(numbers))
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.sampled_from([None, 12]))
def test_leaves_hold_the_rows_that_reach_them(seed, depth):
    numbers, codes, centre, scale, rows, seeds, (split, threshold, path, count) = grown(seed, depth)
    values = standardised(numbers, centre, scale)
    levels = int(math.log2(path.shape[1]))
    for t in range(N_TREES):
        own = [literal.tree_values(values[i], codes[i], int(seeds[t])) for i in rows[t]]
        leaves = [literal.leaf_of(row, split[t], threshold[t]) for row in own]
        for leaf in set(leaves):
            members = [row for row, place in zip(own, leaves, strict=True) if place == leaf]
            assert count[t, leaf] == len(members)
            level = path[t, leaf] - literal.harmonic_path(len(members))
            assert abs(level - round(level)) < 1e-5
            assert 1 <= round(level) <= levels or len(set(leaves)) == 1
            if level < levels - 0.5:  # an early end: one row, or rows that no column parts
                assert all(np.array_equal(members[0], other, equal_nan=True) for other in members)


def test_thresholds_are_uniform_on_the_range_and_columns_equally_likely():
    n_trees = 20_000
    numbers = np.array([[0.0, 0.0, 5.0], [1.0, 2.0, 5.0]], np.float32)
    rows = np.tile([0, 1], (n_trees, 1))
    seeds = np.random.default_rng(0).integers(0, 2**64, n_trees, dtype=np.uint64)
    codes, length = np.zeros((2, 0), np.int32), np.zeros(3, np.float32)
    split, threshold, *_ = grow_trees(numbers, codes, rows, seeds, 1, length)
    column = split[:, 0] >> 1
    assert set(column) == {0, 1}  # never the constant one
    assert abs((column == 0).mean() - 0.5) < 0.02
    for j, width in ((0, 1.0), (1, 2.0)):
        cuts = threshold[column == j, 0] / width
        assert np.abs(np.quantile(cuts, [0.1, 0.5, 0.9]) - [0.1, 0.5, 0.9]).max() < 0.02


def test_every_subset_of_categories_is_parted_from_the_others():
    n_trees = 4_000
    codes = np.arange(3, dtype=np.int32)[:, None]
    seeds = np.random.default_rng(0).integers(0, 2**64, n_trees, dtype=np.uint64)
    rows = np.tile(np.arange(3), (n_trees, 1))
    no_numbers, length = np.zeros((3, 0), np.float32), np.zeros(4, np.float32)
    _, threshold, *_ = grow_trees(no_numbers, codes, rows, seeds, 1, length)
    alone = np.zeros(3)
    for t in range(n_trees):
        right = [literal.place_of_code(code, int(seeds[t]), 0) >= threshold[t, 0] for code in range(3)]
        assert 0 < sum(right) < 3
        alone[right.index(sum(right) == 1)] += 1
    assert np.abs(alone / n_trees - 1 / 3).max() < 0.03


def test_missing_values_take_the_side_with_more_rows_more_often():
    numbers = np.array([[0.0]] + [[0.9]] * 8 + [[1.0]] + [[np.nan]], np.float32)
    n_trees = 4_000
    seeds = np.random.default_rng(0).integers(0, 2**64, n_trees, dtype=np.uint64)
    rows = np.tile(np.arange(len(numbers)), (n_trees, 1))
    codes, length = np.zeros((len(numbers), 0), np.int32), np.zeros(len(numbers) + 1, np.float32)
    split, threshold, *_ = grow_trees(numbers, codes, rows, seeds, 1, length)
    low = threshold[:, 0] <= np.float32(0.9)  # 9 of 10 present rows to the right
    assert abs((split[low, 0] & 1).mean() - 0.9) < 0.02
    assert abs((split[~low, 0] & 1).mean() - 0.1) < 0.05
