"""Effect sizes of pairs of columns: one scale for every kind, corrected for what chance gives."""

import numpy as np
import pandas as pd
import pytest

from tests.detectors.contextual_tables import twin_table
from tests.reference import con_out_reference as literal
from tocsin.detectors.contextual.columns import EncodedTable, TableSchema
from tocsin.detectors.contextual.dependence import column_scores, effect_sizes
from tocsin.detectors.contextual.faithful.dependence import N_PERMUTATIONS, measure_dependence


def effects(table, seed=0, **limits):
    encoded = table if isinstance(table, EncodedTable) else TableSchema.learn(table).encode(table)
    return effect_sizes(column_scores(encoded, np.random.default_rng(seed), **limits))


def test_each_kind_of_pair_has_its_measure():
    random = np.random.default_rng(0)
    n = 500
    hidden = random.normal(size=n)
    x, y = hidden + random.normal(size=n), np.exp(hidden + random.normal(size=n))
    first = np.digitize(hidden + random.normal(size=n), [-1, 0, 1]).astype(np.int32)
    second = np.digitize(hidden + random.normal(size=n), [0]).astype(np.int32)
    sizes = effects(EncodedTable(np.column_stack([x, y]), np.column_stack([first, second])))
    assert sizes[0, 1] == pytest.approx(abs(literal.spearman(x, y)))
    h = literal.kruskal(y, first)
    assert sizes[1, 2] == pytest.approx(np.sqrt((h - 4 + 1) / (n - 4)))
    phi2 = max(0, literal.chi_squared(first, second) / n - 3 * 1 / (n - 1))
    assert sizes[2, 3] == pytest.approx(np.sqrt(phi2 / min(4 - 9 / (n - 1) - 1, 2 - 1 / (n - 1) - 1)))
    assert np.array_equal(sizes, sizes.T)
    assert (np.diag(sizes) == 1).all()


def test_the_same_column_twice_is_one_and_independent_ones_are_near_none():
    random = np.random.default_rng(1)
    names = random.choice(list("abcdefgh"), 3000)
    table = pd.DataFrame({"x": random.normal(size=3000), "c": names, "d": [f"_{name}" for name in names]})
    table["e"] = random.choice(list("uvwxyz"), 3000)
    sizes = effects(table)
    assert sizes[1, 2] == pytest.approx(1.0)
    assert sizes[0, 1:].max() < 0.06
    assert sizes[1:3, 3].max() < 0.06


def test_effects_do_not_depend_on_units_or_names():
    table = twin_table(0)
    changed = table.assign(
        a1=np.exp(table["a1"]), b2=-table["b2"], kind=table["kind"].map({"x": "w", "y": "v", "z": "u"})
    )
    assert effects(changed) == pytest.approx(effects(table), abs=1e-12)


@pytest.mark.parametrize("table", [
    EncodedTable(np.zeros((1, 2)), np.zeros((1, 2), np.int32)),
    EncodedTable(np.full((5, 2), np.nan), np.full((5, 1), -1, np.int32)),
    EncodedTable(np.ones((4, 1)), np.array([[0], [1], [2], [3]], np.int32)),
])  # fmt: skip
def test_where_nothing_varies_nothing_depends(table):
    sizes = effects(table)
    assert np.array_equal(sizes, np.eye(len(sizes)))


def test_rare_levels_are_taken_together():
    random = np.random.default_rng(2)
    codes = np.minimum(random.geometric(0.02, 2000) - 1, 500).astype(np.int32)[:, None]
    columns = column_scores(EncodedTable(np.zeros((2000, 0)), codes), random, max_levels=10)
    assert columns.n_levels.tolist() == [10]
    assert columns.scores.shape == (2000, 10)


def test_p_is_never_below_its_resolution_and_effects_stay_within_it():
    table = twin_table(0)
    dependence = measure_dependence(TableSchema.learn(table).encode(table), np.random.default_rng(0))
    least = 1 / (1 + N_PERMUTATIONS)
    assert dependence.p_values.min() == least
    pairs = np.triu_indices(len(dependence.p_values), 1)
    gap = dependence.p_values[pairs] - dependence.dissimilarity[pairs]
    assert (gap >= 0).all()
    assert (gap <= least).all()
    assert dependence.p_values[0, 1] == least  # a1 and a2
    assert dependence.p_values[0, 3] > 0.01  # a1 and b1
