"""ROCOD, the local outlier factor and the one-class machine: against literal formulas, scikit-learn and known truth."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.neighbors import LocalOutlierFactor
from sklearn.utils.estimator_checks import check_estimator
from threadpoolctl import threadpool_limits

from tests.detectors.mixed_tables import mixed_table
from tocsin import Rocod
from tocsin.detectors.contextual.density import LocalOutlier, OneClassSvm
from tocsin.errors import InputError, NotEnoughData

DETECTORS = [Rocod, LocalOutlier, OneClassSvm]


@pytest.fixture(autouse=True)
def one_thread():
    """Threads that spin beside other processes make tiny problems slow."""
    with threadpool_limits(1):
        yield


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("detector", DETECTORS)
def test_scikit_learns_checks(detector):
    results = check_estimator(detector(), on_fail=None, on_skip=None)
    assert [result["check_name"] for result in results if result["status"] == "failed"] == []
    assert len(results) > 40


@pytest.mark.parametrize("detector", DETECTORS)
def test_state_order_and_names(detector):
    table = mixed_table(200)
    found = detector().fit(table)
    scores = found.anomaly_score(table)
    assert ((scores >= 0) & (scores < 1)).all()
    order = np.random.default_rng(0).permutation(len(table))
    other = table.iloc[order][table.columns[::-1]]
    other = other.assign(country=other["country"].str.lower(), visits=other["visits"] * 1.8 + 32)
    np.testing.assert_allclose(detector().fit(other).anomaly_score(other), scores[order], atol=1e-6)

    def plain(value):
        return {"array": value.tolist(), "type": str(value.dtype)} if isinstance(value, np.ndarray) else value

    def arrays(value):
        return np.array(value["array"], value["type"]) if set(value) == {"array", "type"} else value

    state = json.loads(json.dumps(found.get_state(), default=plain), object_hook=arrays)
    np.testing.assert_allclose(detector().set_state(state).anomaly_score(table), scores, atol=1e-12)


@pytest.mark.parametrize("detector", DETECTORS)
def test_hostile_tables_are_scored(detector):
    later = mixed_table(30).assign(country="never seen", price=np.nan)
    assert np.isfinite(detector().fit(mixed_table(100)).anomaly_score(later)).all()
    for table in (
        pd.DataFrame({"a": [1.0, 2.0]}),
        pd.DataFrame({"a": ["x", "y", "y"] * 10}),
        pd.DataFrame({"a": [np.inf, -np.inf, 1.7e308, -1.7e308, *range(26)], "b": [None] * 30}),
        pd.DataFrame({"a": [f"c{i % 1000}" for i in range(2_000)], "b": np.arange(2_000.0)}),
        pd.DataFrame(np.random.default_rng(0).normal(size=(50, 300))).rename(columns=str),
    ):
        scores = detector().fit(table).anomaly_score(table)
        assert ((scores >= 0) & (scores < 1)).all()
    with pytest.raises(NotEnoughData, match="n_samples=1"):
        detector().fit(pd.DataFrame({"a": [1.0]}))
    with pytest.raises(InputError, match="setting contamination"):
        detector(contamination=0.0).fit(mixed_table(50))


def literal_rocod(table, context, indicator):
    """Mean over the other rows of the context; ridge regression on one column a context; both mixed."""
    y = (table[indicator] - table[indicator].mean()) / table[indicator].std(ddof=0)
    dummies = pd.get_dummies(table[context], dtype=float).to_numpy()
    design = np.column_stack([np.ones(len(table)), dummies])
    penalty = np.diag([1e-9 * len(table), *np.ones(dummies.shape[1])])
    overall = design @ np.linalg.solve(design.T @ design + penalty, design.T @ y.to_numpy())
    expected = []
    for i in range(len(table)):
        others = y[(table[context] == table.loc[i, context]) & (table.index != i)]
        weight = len(others) / (len(others) + 30)
        expected.append(weight * (others.mean() if len(others) else 0) + (1 - weight) * overall[i])
    distance = np.abs(y.to_numpy() - expected)
    distance /= distance.mean()
    return distance / (distance + np.median(distance))


def test_rocod_is_the_formula():
    random = np.random.default_rng(0)
    country = random.choice(["DE", "FR", "GB"], 150, p=[0.6, 0.3, 0.1])
    country[0] = "US"
    table = pd.DataFrame({"country": country, "visits": random.gamma(2, 10, 150)})
    expected = literal_rocod(table, "country", "visits")
    np.testing.assert_allclose(Rocod().fit(table).anomaly_score(table), expected, rtol=1e-9)


def contextual_table(n=2_000):
    """Visits go with the kind; five rows have those of the other kind."""
    random = np.random.default_rng(0)
    kind = random.choice(["small", "large"], n)
    visits = np.where(kind == "small", 10.0, 1_000.0) * np.exp(random.normal(0, 0.2, n))
    visits[:5] = np.where(kind[:5] == "small", 1_000.0, 10.0)
    return pd.DataFrame({"kind": kind, "visits": visits, "noise": random.normal(size=n)})


def test_rocod_finds_what_is_odd_in_its_context_only():
    table = contextual_table()
    found = Rocod().fit(table)
    assert found.contexts_ == ("kind",)
    assert set(np.argsort(-found.anomaly_score(table))[:5]) == set(range(5))
    reasons = found.explain(table[:5])
    assert set(reasons.groupby("row")["indicator"].first()) <= {"visits", "kind"}


def test_rocod_with_numbers_in_the_context_and_categories_as_indicators():
    random = np.random.default_rng(0)
    x = random.uniform(0, 4, 2_000)
    kind = np.where(x < 2, "low", "high")
    kind[:3] = np.where(x[:3] < 2, "high", "low")
    table = pd.DataFrame({"x": x, "kind": kind})
    found = Rocod(contexts=["x"]).fit(table)
    assert set(np.argsort(-found.anomaly_score(table))[:3]) == {0, 1, 2}
    assert Rocod().fit(table[["x"]]).contexts_ == ()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"contexts": ["knd"]}, "did you mean 'kind'"),
        ({"contexts": ["name"]}, "nearly every row has its own"),
        ({"contexts": "kind"}, "a sequence of column names"),
        ({"contexts": ["kind", "visits", "noise"]}, "fewer columns"),
    ],
)
def test_rocods_settings_are_checked(settings, words):
    table = contextual_table(60).assign(name=[f"n{i}" for i in range(60)])
    with pytest.raises(InputError, match=words):
        Rocod(**settings).fit(table)


def test_local_outlier_factor_is_scikit_learns_at_its_largest():
    X = np.random.default_rng(0).normal(size=(300, 3))
    X[:3] += 4
    standardised = (X - X.mean(axis=0)) / X.std(axis=0)
    peers = [LocalOutlierFactor(n_neighbors=k).fit(standardised) for k in range(10, 101, 10)]
    largest = np.max([-peer.negative_outlier_factor_ for peer in peers], axis=0)
    expected = largest / (largest + np.median(largest))
    np.testing.assert_allclose(LocalOutlier().fit(X).anomaly_score(X), expected, rtol=1e-6)


@pytest.mark.parametrize("detector", [LocalOutlier, OneClassSvm])
def test_a_part_of_the_rows_is_enough(detector):
    X = np.random.default_rng(0).normal(size=(1_000, 3))
    X[0] = 7.0
    found = detector(max_rows=200, random_state=1).fit(X)
    assert len(found.get_state()["learned"]["rows"]) == 200
    assert found.anomaly_score(X).argmax() == 0
    with pytest.raises(InputError, match="setting max_rows"):
        detector(max_rows=1).fit(X)
    if detector is OneClassSvm:
        with pytest.raises(InputError, match="setting nu"):
            OneClassSvm(nu=0.0).fit(X)
