"""Contextual anomalies planted by swapping: nothing shows in any attribute alone, and in context it does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from tocsin.errors import InputError, NotEnoughData
from tocsin.simulate import plant_contextual


def people(n=2_000, seed=0):
    """Height and weight depend on age and on each other; the club depends on the town; luck on nothing."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(2, 18, n)
    height = 75 + 5.5 * age + rng.normal(0, 4, n)
    town = rng.integers(0, 5, n)
    return pd.DataFrame(
        {
            "age": age,
            "height": height,
            "weight": 0.5 * height - 20 + rng.normal(0, 4, n),
            "town": pd.Categorical.from_codes(town, list("abcde")),
            "club": np.where(rng.random(n) < 0.9, np.array(list("vwxyz"))[town], "none"),
            "luck": rng.random(n),
            "member": rng.random(n) < 0.5,
            "since": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), unit="D"),
        },
        index=rng.permutation(n) + 10,
    )


@given(
    share=st.floats(1e-6, 0.5),
    seed=st.integers(0, 2**32 - 1),
    context=st.none() | st.sets(st.sampled_from(["age", "town", "luck"]), min_size=1),
)
@settings(max_examples=20, deadline=None)
def test_every_column_keeps_its_values_and_only_planted_rows_change(share, seed, context):
    table = people(120)
    table.iloc[:7, 1] = np.nan
    table.iloc[3:5, 4] = None
    before = table.copy()
    planted, labels = plant_contextual(table, share, seed, context=None if context is None else sorted(context))
    pd.testing.assert_frame_equal(table, before)
    assert labels.sum() == 2 * max(round(share * 120 / 2), 1)
    assert (planted.dtypes == table.dtypes).all()
    assert planted.index.equals(table.index)
    pd.testing.assert_frame_equal(planted[labels == 0], table[labels == 0])
    for name in table.columns:
        assert sorted(map(str, planted[name])) == sorted(map(str, table[name]))
        if context is not None and name in context:
            pd.testing.assert_series_equal(planted[name], table[name])


def test_two_rows_swap_all_their_indicators():
    table = people(300)
    planted, labels = plant_contextual(table, 0.05, context=["age"])
    indicators = [name for name in table.columns if name != "age"]
    original = {tuple(row): place for place, row in enumerate(table[indicators].astype(str).to_numpy())}
    came_from = np.array([original[tuple(row)] for row in planted[indicators].astype(str).to_numpy()])
    np.testing.assert_array_equal(came_from[came_from], np.arange(300))
    np.testing.assert_array_equal(came_from != np.arange(300), labels == 1)


def test_planted_rows_are_odd_in_context_only():
    table = people()
    planted, labels = plant_contextual(table, 0.02, random_state=3, context=["age", "town"])
    expected = np.polyval(np.polyfit(table["age"], table["height"], 1), planted["age"])
    assert average_precision_score(labels, np.abs(planted["height"] - expected)) > 0.8
    for name in ("height", "weight"):
        assert average_precision_score(labels, np.abs(planted[name] - planted[name].median())) < 0.15


def test_found_contexts_leave_every_indicator_a_column_it_depends_on():
    table = people()
    planted, labels = plant_contextual(table, 0.1)
    moved = {name for name in table.columns if not planted[name].equals(table[name])}
    assert labels.sum() == 200
    assert moved & {"age", "height", "weight"} not in ({"age", "height", "weight"}, set())
    assert len(moved & {"town", "club"}) == 1


def test_the_seed_decides():
    table = people(400)
    first, again, other = (plant_contextual(table, 0.05, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_wrong_input_is_named():
    table = people(50)
    for share in (0, 0.6, float("nan")):
        with pytest.raises(InputError, match="share"):
            plant_contextual(table, share)
    for context in ([], ["agee"], list(table.columns)):
        with pytest.raises(InputError, match="context"):
            plant_contextual(table, context=context)
    with pytest.raises(NotEnoughData):
        plant_contextual(table.head(3))
    with pytest.raises(NotEnoughData):
        plant_contextual(table[["age"]])


def test_constant_and_empty_columns():
    table = pd.DataFrame({"same": 1, "none": np.nan, "text": "a", "number": range(20)})
    planted, labels = plant_contextual(table, 0.2)
    assert labels.sum() == 4
    assert sorted(planted["number"]) == list(range(20))
