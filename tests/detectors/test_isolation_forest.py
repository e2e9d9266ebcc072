"""IsolationForest: the published formulas, what changes nothing, what must be found, hostile tables."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.datasets import load_wine
from sklearn.ensemble import IsolationForest as Peer
from sklearn.utils.estimator_checks import check_estimator

from tests.detectors.mixed_tables import mixed_table
from tests.reference.isolation_reference import harmonic_path
from tocsin import IsolationForest
from tocsin.detectors.contextual.isolation_forest import average_path_length
from tocsin.errors import InputError, NotEnoughData


@pytest.mark.filterwarnings("ignore")
def test_scikit_learns_checks():
    results = check_estimator(IsolationForest(n_trees=20), on_fail=None, on_skip=None)
    assert [result["check_name"] for result in results if result["status"] == "failed"] == []
    assert len(results) > 40


def test_average_path_length_is_the_harmonic_formula():
    expected = [harmonic_path(n) for n in range(1, 300)]
    np.testing.assert_allclose(average_path_length(np.arange(1, 300)), expected, atol=1e-12)


def test_scores_agree_with_scikit_learn():
    X = np.random.default_rng(0).standard_t(3, size=(2_000, 6))
    ours = IsolationForest(n_trees=300, random_state=0).fit(X).anomaly_score(X)
    peer = -Peer(n_estimators=300, max_samples=256, random_state=0).fit(X).score_samples(X)
    other = -Peer(n_estimators=300, max_samples=256, random_state=1).fit(X).score_samples(X)
    assert spearmanr(ours, peer).statistic > spearmanr(peer, other).statistic - 0.01
    assert np.abs(ours - peer).mean() < 0.01


def scores(table, **settings):
    found = IsolationForest(**{"n_trees": 30, "max_samples": 64, "random_state": 0, **settings})
    return found.fit(table).anomaly_score(table)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_order_of_rows_and_columns_and_names_of_categories_change_nothing(seed):
    table = mixed_table(150, seed)
    random = np.random.default_rng(seed)
    order = random.permutation(len(table))
    names = {name: f"c{place}" for place, name in enumerate(random.permutation(["DE", "FR", "GB", "US", "PL"]))}
    other = table.assign(country=table["country"].map(names)).iloc[order][list(random.permutation(table.columns))]
    np.testing.assert_array_equal(scores(other), scores(table)[order])


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.sampled_from([(1.8, 32.0), (0.001, 0.0), (1e6, -1e6), (4.0, 0.0)]))
def test_units_change_nothing(seed, unit):
    table = mixed_table(150, seed)
    other = table.assign(**{name: table[name] * unit[0] + unit[1] for name in ("visits", "price", "clicks")})
    # a value may round to the other side of a threshold that lies within a float32 digit of it
    assert np.median(np.abs(scores(other) - scores(table))) == 0.0


def test_threads_and_pieces_change_nothing():
    X = np.random.default_rng(0).normal(size=(20_011, 5))
    found = IsolationForest(n_trees=10, random_state=0).fit(X)
    whole = found.anomaly_score(X)
    np.testing.assert_array_equal(found.set_params(n_jobs=3).anomaly_score(X), whole)
    pieces = [found.anomaly_score(X[start : start + 777]) for start in range(0, len(X), 777)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_seeds():
    table = mixed_table()
    np.testing.assert_array_equal(scores(table, random_state=3), scores(table, random_state=3))
    assert not np.array_equal(scores(table, random_state=3), scores(table, random_state=4))
    left, right = (scores(table, random_state=np.random.RandomState(5)) for _ in range(2))
    np.testing.assert_array_equal(left, right)


def test_odd_rows_of_every_kind_stand_out():
    table = mixed_table(400)
    table.loc[0, "visits"] = table["visits"].max() * 20
    table["category"] = table["category"].astype(object)
    table.loc[1, ["country", "category"]] = ["US", "casino"]
    table.loc[1, "since"] = pd.Timestamp("1995-01-01")
    table.loc[2, ["visits", "price", "clicks"]] = [np.inf, -50.0, 90_000]
    found = IsolationForest(n_trees=300, max_samples=400, random_state=0).fit(table)
    ranks = np.argsort(-found.anomaly_score(table))
    assert set(ranks[:5]) >= {0, 1, 2}
    reasons = found.explain(table.iloc[:2])
    assert reasons.groupby("row")["indicator"].first().to_dict() == {0: "visits", 1: "since"}
    assert reasons["share"].between(0, 1).all()
    assert reasons.groupby("row")["share"].sum().max() <= 1 + 1e-9
    assert reasons.loc[reasons["row"] == 0, "observed"].iloc[0] == f"{table.loc[0, 'visits']:,.0f}"


def test_a_hole_is_odd_where_nobody_has_one():
    random = np.random.default_rng(0)
    table = pd.DataFrame({"a": random.normal(size=300), "b": np.where(np.arange(300) == 7, np.nan, 1.0)})
    assert scores(table, n_trees=200, max_samples=256).argmax() == 7


def test_wine_strangers_are_found():
    X, y = load_wine(return_X_y=True)
    rows = np.append(np.flatnonzero(y == 0), np.flatnonzero(y == 2)[:4])
    ranks = np.argsort(-scores(X[rows], n_trees=200, max_samples=256))
    assert set(ranks[:5]) >= {len(rows) - 4, len(rows) - 3, len(rows) - 2, len(rows) - 1}


def test_state_comes_back_through_json():
    table = mixed_table()
    found = IsolationForest(n_trees=10, random_state=0).fit(table)
    state = found.get_state()

    def plain(value):
        return {"array": value.tolist(), "type": str(value.dtype)} if isinstance(value, np.ndarray) else value

    def arrays(value):
        return np.array(value["array"], value["type"]) if set(value) == {"array", "type"} else value

    back = IsolationForest().set_state(json.loads(json.dumps(state, default=plain), object_hook=arrays))
    np.testing.assert_array_equal(back.anomaly_score(table), found.anomaly_score(table))
    np.testing.assert_array_equal(back.predict(table), found.predict(table))
    pd.testing.assert_frame_equal(back.explain(table[:3]), found.explain(table[:3]))
    with pytest.raises(InputError, match="IsolationForest, version 1"):
        IsolationForest().set_state({**state, "detector": "Rocod"})


HOSTILE = {
    "two rows": pd.DataFrame({"a": [1.0, 2.0]}),
    "four of five columns constant": pd.DataFrame({**dict.fromkeys("abcd", 1.0), "e": np.arange(30.0)}),
    "300 columns": pd.DataFrame(np.random.default_rng(0).normal(size=(50, 300))).rename(columns=str),
    "10,000 categories": pd.DataFrame({"a": [f"c{i % 10_000}" for i in range(20_000)], "b": np.arange(20_000.0)}),
    "a missing column": pd.DataFrame({"a": [None] * 30, "b": np.arange(30.0)}),
    "one category of one row": pd.DataFrame({"a": ["x"] * 29 + ["y"], "b": np.arange(30.0)}),
    "infinities": pd.DataFrame({"a": [np.inf, -np.inf, 1.7e308, -1.7e308, *range(26)]}),
    "names": pd.DataFrame({"<b>": np.arange(30.0), "=1+1": np.arange(30.0) % 7, "\x1b[31m": ["a", "b\n"] * 15}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tables_are_scored(name):
    table = HOSTILE[name]
    found = scores(table)
    assert found.shape == (len(table),)
    assert ((found >= 0) & (found < 1)).all()


@pytest.mark.parametrize(
    ("table", "words"), [(pd.DataFrame({"a": [1.0]}), "n_samples=1"), (pd.DataFrame({"a": []}), "n_samples=0")]
)
def test_too_few_rows_are_said(table, words):
    with pytest.raises(NotEnoughData, match=words):
        IsolationForest().fit(table)


def test_equal_rows_are_refused():
    with pytest.raises(InputError, match="No column tells one row from another"):
        IsolationForest().fit(pd.DataFrame({"a": [1.0] * 9, "b": ["x"] * 9}))


def test_no_rows_are_scored_as_none():
    table = mixed_table()
    assert IsolationForest(n_trees=5).fit(table).anomaly_score(table[:0]).shape == (0,)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("n_trees", 0), ("max_samples", 1), ("contamination", 0.6), ("n_jobs", 0), ("n_trees", "many")],
)
def test_settings_out_of_range_are_said(setting, value):
    with pytest.raises(InputError, match=f"setting {setting}"):
        IsolationForest(**{setting: value}).fit(mixed_table(20))
