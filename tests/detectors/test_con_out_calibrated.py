"""ConOut's default mode: what it finds, what changes nothing, and stated results for hostile tables."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import average_precision_score
from sklearn.utils.estimator_checks import check_estimator

from tests.detectors.contextual_tables import priced_table
from tests.detectors.mixed_tables import mixed_table
from tocsin import ConOut, IsolationForest
from tocsin.detectors.contextual.models import read_model, write_model
from tocsin.errors import InputError, NotEnoughData

SMALL, _ = priced_table(0, n_rows=300, n_outliers=3)
MIXED = mixed_table(300)
FITTED = {name: ConOut(random_state=0).fit(table) for name, table in (("priced", SMALL), ("mixed", MIXED))}
TABLES = {"priced": SMALL, "mixed": MIXED}


def fit(table, **settings):
    return ConOut(**{"random_state": 0, **settings}).fit(table)


def linear_table(seed, n_rows=1200, n_outliers=12):
    """y follows from x1 and x2, the range of z from the kind; the first rows have the y of the opposite sign."""
    random = np.random.default_rng(seed)
    x = random.normal(size=(n_rows, 2))
    x[:n_outliers] = np.abs(x[:n_outliers]) + 0.7
    y = x.sum(axis=1) + 0.1 * random.normal(size=n_rows)
    kind = random.choice(["a", "b", "c"], n_rows)
    outlier = np.arange(n_rows) < n_outliers
    table = pd.DataFrame({"x1": x[:, 0], "x2": x[:, 1], "y": np.where(outlier, -y, y), "kind": kind})
    table["z"] = random.normal(size=n_rows) + 4 * (kind == "a")
    return table, outlier


def precision(detector, table, outlier):
    return average_precision_score(outlier, detector.fit(table).anomaly_score(table))


@pytest.mark.parametrize("planted", [priced_table, linear_table])
def test_contextual_outliers_get_the_highest_scores(planted):
    tables = [planted(seed) for seed in range(2)]
    ours = [precision(ConOut(random_state=0), *one) for one in tables]
    forest = [precision(IsolationForest(random_state=0), *one) for one in tables]
    assert np.mean(ours) > 0.4
    assert np.mean(forest) < 0.2
    assert np.mean(ours) > 3 * np.mean(forest)


def test_categories_alone_are_a_context():
    random = np.random.default_rng(0)
    first = random.integers(0, 4, 600)
    second = np.where(np.arange(600) < 6, (first + 1) % 4, first)
    table = pd.DataFrame({"first": np.array([*"abcd"])[first], "second": np.array([*"wxyz"])[second]})
    table["third"] = random.choice(["u", "v"], 600)
    assert precision(ConOut(random_state=0), table, np.arange(600) < 6) > 0.9


def test_that_a_value_is_missing_is_a_value():
    random = np.random.default_rng(0)
    table, _ = linear_table(0)
    table.loc[table["kind"] == "a", "z"] = np.nan
    odd = np.arange(len(table)) >= len(table) - 12
    swapped = table[odd]
    table.loc[odd, "z"] = np.where(swapped["kind"] == "a", 4 + random.normal(size=12), np.nan)
    table = table.drop(columns="y")
    assert precision(ConOut(random_state=0), table, odd) > 0.4


def test_missing_values_hide_no_outlier():
    table, outlier = linear_table(1)
    table.loc[np.random.default_rng(0).random(len(table)) < 0.3, "z"] = np.nan
    assert precision(ConOut(random_state=0), table, outlier) > 0.4


def test_given_contexts_are_the_only_ones():
    table, outlier = linear_table(0)
    assert precision(ConOut(contexts=[["x1", "x2"]], random_state=0), table, outlier) > 0.4
    assert precision(ConOut(contexts=[["kind"]], random_state=0), table, outlier) < 0.2
    detector = fit(table, contexts=[["x1", "x2"], []])
    assert set(detector.contexts_) == {("x1", "x2"), ()}
    assert fit(table[:200], contexts=[[]]).contexts_ == ((),)
    reasons = fit(table, contexts=[["kind"]]).explain(table[:5])
    assert set(reasons["context"]) == {"kind"}
    assert "kind" not in set(reasons["indicator"])


def test_of_the_empty_context_alone_only_extremes_are_odd():
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(500, 3)))
    table.iloc[:5] += 8
    assert precision(ConOut(contexts=[[]], random_state=0), table, np.arange(500) < 5) > 0.9


@pytest.mark.parametrize("name", FITTED)
def test_scores_are_below_one_and_each_row_is_explained(name):
    table, detector = TABLES[name], FITTED[name]
    scores = detector.anomaly_score(table)
    assert ((scores >= 0) & (scores < 1)).all()
    assert scores.max() > 0.99
    reasons = detector.explain(table[:60])
    assert reasons["row"].unique().tolist() == list(range(60))
    assert (reasons["share"] >= 0).all()
    assert reasons.groupby("row")["share"].sum().max() <= 1 + 1e-9
    assert all(part["share"].is_monotonic_decreasing for _, part in reasons.groupby("row"))
    assert reasons["anomaly_score"].to_numpy() == pytest.approx(scores[:60][reasons["row"]])


def test_the_planted_indicator_is_named():
    table, outlier = linear_table(0)
    reasons = fit(table).explain(table[outlier])
    first = reasons.groupby("row")["indicator"].first()
    assert first.isin(["x1", "x2", "y"]).mean() >= 0.7  # z and kind have nothing to do with it
    assert reasons[reasons["share"] > 0.1].groupby("row")["indicator"].agg(lambda names: "y" in set(names)).mean() > 0.5


def test_hostile_names_stay_in_one_visible_line():
    hostile = SMALL.rename(columns={"country": "coun\ntry\x1b[31m", "price": "pri\u202ece"})
    hostile["coun\ntry\x1b[31m"] += "\n=1+1<script>"
    reasons = fit(hostile).explain(hostile[:10])
    for text in reasons[["context", "sub_population", "observed", "expected"]].to_numpy().ravel():
        assert text.isprintable()


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize(
    "change",
    [
        lambda table: table.sample(frac=1, random_state=3),
        lambda table: table[table.columns[::-1]],
        lambda table: table.assign(price=table["price"] * 1.8 + 32),
        lambda table: table.assign(price=table["price"] * 1e-9),
        lambda table: table.assign(country=table["country"].str[::-1] + "!"),
        lambda table: table.assign(country=table["country"].astype("category")),
    ],
    ids=["row order", "column order", "unit", "small unit", "category names", "type"],
)
def test_what_changes_nothing(change, name):
    table = TABLES[name]
    scores = pd.Series(FITTED[name].anomaly_score(table), table.index)
    changed = change(table)
    again = pd.Series(fit(changed).anomaly_score(changed), changed.index)
    assert again[table.index].to_numpy() == pytest.approx(scores.to_numpy(), abs=1e-9)


def test_same_seed_same_scores_on_any_number_of_threads():
    table = pd.concat([MIXED] * 60, ignore_index=True)
    scores = FITTED["mixed"].anomaly_score(table)
    assert np.array_equal(scores, fit(MIXED, n_jobs=2).anomaly_score(table))
    assert not np.array_equal(scores[:300], fit(MIXED, random_state=1).anomaly_score(MIXED))


def test_a_row_has_the_same_score_in_any_company():
    tied = pd.concat([SMALL] * 3 + [SMALL[:1]] * 300, ignore_index=True)  # equal rows, of which errors could part ranks
    for detector, table in ((FITTED["mixed"], MIXED), (fit(tied), tied)):
        scores = detector.anomaly_score(table)
        for size, n in ((1, 30), (7, 210)):
            pieces = [detector.anomaly_score(table[start : start + size]) for start in range(0, n, size)]
            assert np.concatenate(pieces) == pytest.approx(scores[:n], abs=1e-9)
    assert len(FITTED["mixed"].anomaly_score(MIXED[:0])) == 0


@pytest.mark.parametrize("name", FITTED)
def test_state_is_arrays_and_json(name, tmp_path):
    table, detector = TABLES[name], FITTED[name]
    write_model(tmp_path / "model", detector, {})
    for one in (clone(detector).set_state(detector.get_state()), read_model(tmp_path / "model").detector):
        assert np.array_equal(one.anomaly_score(table), detector.anomaly_score(table))
        assert np.array_equal(one.predict(table), detector.predict(table))
        assert (one.contexts_, one.groups_) == (detector.contexts_, detector.groups_)
        pd.testing.assert_frame_equal(one.explain(table[:2]), detector.explain(table[:2]))
    with pytest.raises(InputError, match="another mode"):
        ConOut(mode="faithful").set_state(detector.get_state())


def test_contract_of_scikit_learn():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(ConOut(random_state=0), on_fail=None, on_skip=None)
    assert len(results) > 30
    assert [result["check_name"] for result in results if result["status"] == "failed"] == []


RANDOM = np.random.default_rng(0)


def normal(*shape):
    return RANDOM.normal(size=shape)


HOSTILE = {
    "two rows": pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
    "five rows": pd.DataFrame({"a": [1.0, 2.0, 7.0, 3.0, 1.0], "b": [*"xyxyx"]}),
    "19 rows": pd.DataFrame(normal(19, 2)),
    "20 rows": pd.DataFrame(normal(20, 2)),
    "21 rows": pd.DataFrame(normal(21, 2)),
    "all missing": SMALL.assign(price=np.nan, country=None),
    "mostly missing": SMALL.mask(RANDOM.random(SMALL.shape) < 0.9),
    "four of five constant": pd.DataFrame({"a": normal(80), **{f"c{k}": [k] * 80 for k in range(4)}}),
    "a category of one row": SMALL.assign(country=["??", *SMALL["country"][1:]]),
    "infinite": SMALL.assign(price=[np.inf, -np.inf, 1e308, -1e308, *SMALL["price"][4:]]),
    "huge and tiny": pd.DataFrame(
        {
            "huge": normal(80) * 1e300,
            "tiny": normal(80) * 1e-300,
            "both ends": RANDOM.choice([1.7e308, -1.7e308], 80),
            "least": [5e-324] + [0.0] * 79,
            "heavy": np.exp(100 * normal(80)),
        }
    ),
    "90 % identical": pd.DataFrame(np.vstack([np.tile([1.0, 2.0, 3.0], (180, 1)), normal(20, 3)])),
    "few values": pd.DataFrame(RANDOM.integers(0, 3, (200, 4)).astype(float)),
    "only categories": pd.DataFrame({"a": RANDOM.choice([*"abc"], 200), "b": RANDOM.choice([*"xyz"], 200)}),
    "one category": pd.DataFrame({"a": [*"a" * 180, *"b" * 17, *"c" * 3]}),
    "one number": pd.DataFrame({"a": normal(200)}),
    "one number of two values": pd.DataFrame({"a": [0.0] * 199 + [1.0]}),
    "proportional": pd.DataFrame({"a": np.arange(99.0) ** 2, "b": -(np.arange(99.0) ** 2), "c": np.arange(99.0) ** 2}),
    "dates": SMALL.assign(day=pd.date_range("2026-01-01", periods=len(SMALL), tz="UTC")),
    "text": SMALL.assign(note=[f"the words of row {k}" for k in range(len(SMALL))]),
    "10,000 categories": pd.DataFrame({"a": normal(20_000), "b": np.char.mod("c%d", np.arange(20_000) // 2)}),
    "300 columns": pd.DataFrame(normal(60, 300)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tables_are_scored_and_explained(name):
    table = HOSTILE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector = fit(table)
        scores = detector.anomaly_score(table[:3000])
        reasons = detector.explain(table[:2])
    assert scores.shape == (min(len(table), 3000),)
    assert ((scores >= 0) & (scores < 1)).all()
    assert set(reasons["row"]) == {0, 1}
    assert (detector.predict(table[:3000]) == -1).mean() <= max(0.1, 1 / len(table[:3000]))


def test_what_is_odd_in_hostile_tables_is_on_top():
    top = {
        "infinite": {0, 1, 2, 3},
        "90 % identical": set(range(180, 200)),
        "one number of two values": {199},
        "one category": {197, 198, 199},
    }
    for name, odd in top.items():
        scores = fit(HOSTILE[name]).anomaly_score(HOSTILE[name])
        usual = np.delete(scores, list(odd))
        assert scores[list(odd)].min() > np.quantile(usual, 0.89), name


def test_equal_rows_have_equal_scores():
    table = HOSTILE["90 % identical"]
    assert np.ptp(fit(table).anomaly_score(table)[:180]) < 1e-9


def test_too_little_is_an_error():
    with pytest.raises(NotEnoughData, match="n_samples=1"):
        ConOut().fit(SMALL[:1])
    with pytest.raises(InputError, match="No column tells one row from another"):
        ConOut().fit(pd.DataFrame({"a": [1.0] * 20, "b": ["x"] * 20}))


def test_later_rows_beyond_all_others_are_the_oddest():
    random = np.random.default_rng(0)
    table = pd.DataFrame(random.normal(size=(300, 3)), columns=[*"abc"])
    detector = fit(table)
    later = pd.DataFrame({"a": [0.0, 6.0, 12.0, 1e300], "b": 0.0, "c": 0.0})
    scores = detector.anomaly_score(later)
    assert scores[0] < 0.5
    assert (scores[1:] > detector.anomaly_score(table).max() - 0.01).all()
    assert (np.diff(scores) >= 0).all()


def test_unseen_categories_are_odd():
    detector = FITTED["priced"]
    later = SMALL[:20].assign(country="Atlantis")
    scores = detector.anomaly_score(later)
    assert ((scores >= 0) & (scores < 1)).all()
    assert np.median(scores) > np.median(detector.anomaly_score(SMALL[:20]))
    assert set(detector.explain(later)["row"]) == set(range(20))
