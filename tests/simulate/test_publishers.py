"""Simulated publishers: their truth, what they look like, and how hard they are."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.covariance import MinCovDet
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import average_precision_score

from tocsin.errors import InputError
from tocsin.simulate import FraudSettings, Scheme, simulate_publishers, write_publishers
from tocsin.simulate.fraud import NOISE, SCHEMES
from tocsin.simulate.publishers import ATTRIBUTES, CATEGORIES, N_COUNTRIES

NUMBERS = [name for name in ATTRIBUTES if name not in ("country", "category", "hosting", "secure")]
SHARES = ["ctr", "conversion_rate", "dsp_share", "mobile_share"]


@pytest.fixture(scope="module")
def publishers():
    return simulate_publishers()


def unfolded(table: pd.DataFrame) -> pd.DataFrame:
    """Amounts as logs, shares as logits, page views a visitor: where dependence is linear."""
    numbers = table[NUMBERS].astype(float) + 1e-3  # a site without a conversion has a rate of 0
    logits = {name: np.log(numbers[name] / (1.002 - numbers[name])) for name in ("dsp_share", "mobile_share")}
    return np.log(numbers).assign(impressions=np.log(numbers["impressions"] / numbers["visitors"]), **logits)


def in_context(table: pd.DataFrame) -> np.ndarray:
    """Robust distance from what country, category and hosting let expect: a reference that knows the structure."""
    context = pd.get_dummies(table[["country", "category", "hosting"]], dtype=float)
    numbers = unfolded(table).to_numpy()
    rest = numbers - LinearRegression().fit(context, numbers).predict(context)
    return MinCovDet(random_state=0, support_fraction=0.9).fit(rest[:3_000]).mahalanobis(rest)


def test_the_schema_and_the_shares(publishers):
    table, truth = publishers
    assert tuple(table.columns) == tuple(ATTRIBUTES)
    assert table.shape == (18_959, 14)
    assert table.isna().sum().sum() == 0
    assert table["country"].nunique() == N_COUNTRIES
    assert set(table["category"]) == set(CATEGORIES)
    assert table["secure"].dtype == bool
    assert truth["label"].sum() == 208
    assert 0.07 < truth.loc[truth["label"] == 0, "odd"].mean() < 0.09
    for name in SHARES:
        assert table[name].between(0, 1).all()
    assert (table["impressions"] >= table["visitors"]).all()
    assert (table[["visitors", "domain_age_days", "domains_on_host"]] >= 1).all(axis=None)
    assert (table[["price", "session_seconds"]] > 0).all(axis=None)


def test_the_truth_agrees_with_itself(publishers):
    _, truth = publishers
    fraud = truth["label"] == 1
    assert ((truth["scheme"] != "none") == fraud).all()
    assert ((truth["severity"] > 0) == fraud).all()
    assert ((truth["ring"] >= 0) == fraud).all()
    assert not (truth["odd"] & fraud).any()
    assert set(truth.loc[fraud, "scheme"]) == {scheme.name for scheme in SCHEMES}
    assert truth.loc[fraud, "severity"].median() == pytest.approx(2.3, rel=0.15)
    assert np.log(truth.loc[fraud, "severity"]).std() == pytest.approx(0.4, rel=0.25)


def test_a_ring_is_one_hand(publishers):
    table, truth = publishers
    rings = pd.concat([table, truth], axis=1)[truth["label"] == 1].groupby("ring")
    assert 4 < rings.size().mean() < 8
    for column in ("country", "category", "scheme"):
        assert (rings[column].nunique() == 1).all()


def test_a_seed_fixes_everything_and_another_changes_it(publishers):
    again = simulate_publishers()
    for first, second in zip(publishers, again, strict=True):
        pd.testing.assert_frame_equal(first, second)
    assert not simulate_publishers(random_state=1)[0].equals(publishers[0])


def test_honest_publishers_are_the_same_with_and_without_fraud(publishers):
    """What is drawn before the rings does not depend on them."""
    clean, truth = simulate_publishers(fraud_share=0)
    assert truth["label"].sum() == 0
    honest = publishers[1]["label"] == 0
    assert (clean.loc[honest, "country"] == publishers[0].loc[honest, "country"]).all()
    assert (clean.loc[honest, "price"] == publishers[0].loc[honest, "price"]).all()


def test_traffic_price_and_rates_depend_on_their_context(publishers):
    """A forest of conditions, not noise: country and category explain a good part of price, page views and rates."""
    table, truth = publishers
    honest = table[truth["label"] == 0]
    context = pd.get_dummies(honest[["country", "category"]], dtype=float)
    numbers = unfolded(honest)
    explained = {
        name: LinearRegression().fit(context, numbers[name]).score(context, numbers[name])
        for name in ("visitors", "impressions", "price", "ctr", "mobile_share", "session_seconds")
    }
    assert min(explained.values()) > 0.2, explained
    assert numbers["visitors"].corr(numbers["dsp_share"]) > 0.2  # by popularity
    assert honest.groupby("hosting", observed=True)["domains_on_host"].median()["shared"] > 10


def test_each_attribute_of_a_fraud_is_plausible_and_together_in_context_they_are_not(publishers):
    table, truth = publishers
    fraud = truth["label"].to_numpy() == 1
    single = {}
    for name in NUMBERS:
        values = table[name].to_numpy(dtype=float)
        low, high = np.quantile(values[~fraud], [0.001, 0.999])
        assert ((values[fraud] >= low) & (values[fraud] <= high)).mean() > 0.9, name
        single[name] = max(average_precision_score(fraud, values), average_precision_score(fraud, -values))
    assert max(single.values()) < 0.3, single
    reference = average_precision_score(fraud, in_context(table))
    assert reference > 0.6
    assert reference > 2 * max(single.values())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_difficulty_for_an_isolation_forest(seed):
    """About .36 where categories are codes: hard, not hopeless, and far below the reference."""
    table, truth = simulate_publishers(random_state=seed)
    codes = table.assign(**{name: table[name].cat.codes for name in ("country", "category", "hosting")}).astype(float)
    forest = IsolationForest(n_estimators=100, max_samples=256, random_state=0).fit(codes)
    assert 0.22 < average_precision_score(truth["label"], -forest.score_samples(codes)) < 0.48


def test_camouflage_and_severity_make_it_harder_and_easier():
    def distance(**changes):
        table, truth = simulate_publishers(4_000, 0.02, settings=FraudSettings(**changes))
        return average_precision_score(truth["label"], in_context(table))

    assert distance(severity_median=0.8) < distance() - 0.2
    assert distance(reach=1.2) < distance() - 0.1


@pytest.mark.parametrize(("n", "share"), [(1, 0.0), (1, 1.0), (2, 0.5), (50, 1.0), (50, 0.0)])
def test_small_and_extreme_tables(n, share):
    table, truth = simulate_publishers(n, share)
    assert len(table) == len(truth) == n
    assert truth["label"].sum() == round(n * share)
    assert np.isfinite(table[NUMBERS].to_numpy(dtype=float)).all()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"n_publishers": 0}, "number of publishers"),
        ({"n_publishers": 10**8}, "number of publishers"),
        ({"fraud_share": 1.5}, "share of fraud"),
        ({"fraud_share": float("nan")}, "share of fraud"),
    ],
)
def test_sizes_out_of_range(arguments, said):
    with pytest.raises(InputError, match=said):
        simulate_publishers(**arguments)


def test_settings_out_of_range():
    for wrong in ({"schemes": ()}, {"ring_size": 0}, {"camouflage": 2}, {"reach": 0}, {"odd_share": float("nan")}):
        with pytest.raises(InputError, match=f"FraudSettings.{next(iter(wrong))}"):
            FraudSettings(**wrong)
    with pytest.raises(InputError, match="klicks"):
        FraudSettings(schemes=(Scheme("new", "One of our own.", {"klicks": 1.0}),))
    own = FraudSettings(schemes=(Scheme("new", "One of our own.", dict.fromkeys(NOISE, 1.0)),))
    assert set(simulate_publishers(500, 0.1, settings=own)[1]["scheme"]) == {"none", "new"}


def test_files(tmp_path, publishers):
    table, truth = publishers
    paths = write_publishers(tmp_path / "new", table, truth)
    assert [path.name for path in paths] == ["publishers.parquet", "truth.parquet", "publishers.json"]
    pd.testing.assert_frame_equal(pd.read_parquet(paths[0]), table)
    pd.testing.assert_frame_equal(pd.read_parquet(paths[1]), truth)
    description = json.loads(paths[2].read_text(encoding="utf-8"))
    assert description["n_frauds"] == 208
    assert sum(scheme["n_sites"] for scheme in description["schemes"]) == 208
    assert list(description["attributes"]) == list(table.columns)
    assert set(description["truth"]) == set(truth.columns)
    assert description["settings"]["reach"] == FraudSettings().reach
