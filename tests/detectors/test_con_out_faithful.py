"""ConOut as published: its groups and contexts, what it finds, what changes nothing, and hostile tables."""

import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import average_precision_score

from tests.detectors.contextual_tables import priced_table, twin_table
from tests.reference import con_out_reference as literal
from tocsin import ConOut, IsolationForest
from tocsin.detectors.contextual.faithful.calibration import calibrate
from tocsin.detectors.contextual.faithful.groups import find_groups, unions_of_groups
from tocsin.errors import InputError, NotEnoughData

SMALL, _ = priced_table(0, n_rows=300, n_outliers=3)


def con_out(**settings):
    return ConOut(**{"mode": "faithful", "random_state": 0, **settings})


def test_planted_groups_are_found():
    for seed in range(3):
        groups = {frozenset(group) for group in con_out().fit(twin_table(seed)).groups_}
        assert groups == {frozenset({"a1", "a2", "a3"}), frozenset({"b1", "b2", "b3"}), frozenset({"kind"})}


def test_contexts_are_all_unions_of_groups_but_that_of_all():
    detector = con_out().fit(twin_table(0))
    a, b, kind = (set(group) for group in sorted(detector.groups_))
    expected = [set(), a, b, kind, a | b, a | kind, b | kind]
    assert sorted(map(sorted, detector.contexts_)) == sorted(map(sorted, expected))
    assert len(detector.gamma_) == 7


def test_many_groups_are_capped_small_and_large_unions_first():
    groups = tuple((j,) for j in range(12))
    contexts = unions_of_groups(groups, np.random.default_rng(0), 64)
    assert len(contexts) == len(set(contexts)) == 64
    sizes = np.bincount([len(context) for context in contexts], minlength=13)
    assert sizes.tolist() == [1, 12, 39, 0, 0, 0, 0, 0, 0, 0, 0, 12, 0]
    assert unions_of_groups(((0, 1, 2),), np.random.default_rng(0)) == ((),)


def test_saturated_p_values_are_ordered_by_effect():
    near, far = 1 / 401 * (1 - 0.95), 1 / 401 * (1 - 0.2)
    dissimilarity = np.full((6, 6), far)
    dissimilarity[:3, :3] = dissimilarity[3:, 3:] = near
    np.fill_diagonal(dissimilarity, 0.0)
    assert find_groups(dissimilarity, np.random.default_rng(0)) == ((0, 1, 2), (3, 4, 5))


def test_independent_columns_are_groups_of_their_own():
    n_groups = [len(con_out().fit(np.random.default_rng(seed).normal(size=(300, 3))).groups_) for seed in range(4)]
    assert np.mean(n_groups) >= 2.5  # 1 of 20 pairs has p < 0.05


def test_contextual_outliers_get_the_highest_scores():
    ours, forest = [], []
    for seed in range(3):
        table, outlier = priced_table(seed)
        ours.append(average_precision_score(outlier, con_out(random_state=seed).fit(table).anomaly_score(table)))
        plain = IsolationForest(random_state=seed).fit(table)
        forest.append(average_precision_score(outlier, plain.anomaly_score(table)))
    assert np.mean(ours) > 0.5
    assert np.mean(forest) < 0.2


def test_platt_fits_equal_a_general_minimiser():
    scores = np.random.default_rng(3).gamma(2.0, 0.05, 400)
    found = calibrate(scores, (0.02, 0.1))
    for k, share in enumerate((0.02, 0.1)):
        slope, offset = literal.platt(scores, share)
        assert found.slope[k] == pytest.approx(slope, rel=1e-3)
        assert found.offset[k] == pytest.approx(offset, rel=1e-3)


def test_probabilities_keep_the_order_of_scores():
    scores = np.random.default_rng(3).random(500)
    probability = calibrate(scores).probability(scores)
    assert (np.diff(probability[np.argsort(scores)]) >= 0).all()
    assert np.ptp(calibrate(np.full(9, 0.5)).probability(np.full(9, 0.5))) == 0.0


def test_gamma_is_that_of_the_planted_width():
    random = np.random.default_rng(5)
    x = random.uniform(0, 10, 3000)
    table = pd.DataFrame({"x": x, "y": np.floor(x) % 2 * 5 + random.normal(0, 0.1, 3000)})
    gamma = con_out(contexts=[["x"]]).fit(table).gamma_
    assert gamma.tolist() in ([10.0], [100.0])  # cells are 0.35 standard deviations wide
    table["x"] = random.permutation(x)
    assert con_out(contexts=[["x"]]).fit(table).gamma_[0] in (1e-3, 1e-2, 1e3)  # nothing to learn: all or nobody


@pytest.mark.parametrize(
    ("change", "tolerance"),
    [
        (lambda table: table.sample(frac=1, random_state=3), 1e-12),
        (lambda table: table[table.columns[::-1]], 1e-12),
        (lambda table: table.assign(price=table["price"] * 1024 + 4096), 1e-6),
        (lambda table: table.assign(country=table["country"].str[::-1] + "!"), 1e-12),
        (lambda table: table.assign(country=table["country"].astype("category")), 1e-12),
    ],
    ids=["row order", "column order", "unit", "category names", "type"],
)
def test_what_changes_nothing(change, tolerance):
    scores = pd.Series(con_out().fit(SMALL).anomaly_score(SMALL), SMALL.index)
    changed = change(SMALL)
    again = pd.Series(con_out().fit(changed).anomaly_score(changed), changed.index)
    assert again[SMALL.index].to_numpy() == pytest.approx(scores.to_numpy(), abs=tolerance)


def test_same_seed_same_scores_on_any_number_of_threads_and_in_pieces():
    table = pd.concat([SMALL] * 15, ignore_index=True)
    contexts = [["country", "category"], ["visitors"]]
    detector = con_out(contexts=contexts).fit(SMALL)
    scores = detector.anomaly_score(table)
    assert np.array_equal(scores, con_out(contexts=contexts, n_jobs=2).fit(SMALL).anomaly_score(table))
    pieces = [detector.anomaly_score(table[start : start + 2000]) for start in range(0, len(table), 2000)]
    assert np.concatenate(pieces) == pytest.approx(scores, abs=1e-12)
    other = con_out(contexts=contexts, random_state=1).fit(SMALL)
    assert not np.array_equal(scores[:300], other.anomaly_score(SMALL))


def test_state_is_arrays_and_json():
    detector = con_out().fit(SMALL)
    state = detector.get_state()
    kept = json.loads(json.dumps(state, default=lambda array: array.tolist()))  # arrays only beside JSON values
    for one in (state, kept):
        restored = clone(detector).set_state(one)
        assert np.array_equal(restored.anomaly_score(SMALL), detector.anomaly_score(SMALL))
        assert restored.contexts_ == detector.contexts_
        pd.testing.assert_frame_equal(restored.explain(SMALL[:2]), detector.explain(SMALL[:2]))
    with pytest.raises(InputError, match="another mode"):
        ConOut().set_state(state)


def test_given_contexts_are_taken():
    detector = con_out(contexts=[["country", "category"], []]).fit(SMALL)
    assert detector.contexts_ == (("category", "country"), ())
    constant = SMALL.assign(always=1)
    with pytest.warns(UserWarning, match="'always' is left out of the context: one value"):
        detector = con_out(contexts=[["country", "always"]]).fit(constant)
    assert detector.contexts_ == (("country",),)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "faithfull"}, "did you mean 'faithful'"),
        ({"contexts": ["country"]}, "sequence of sequences"),
        ({"contexts": "country"}, "sequence of sequences"),
        ({"contexts": []}, "at least one context"),
        ({"contexts": [["cuntry"]]}, "did you mean 'country'"),
        ({"contexts": [list(SMALL.columns)]}, "has all columns"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(InputError, match=message):
        con_out(**settings).fit(SMALL)


def test_too_little_is_an_error():
    with pytest.raises(NotEnoughData, match="n_samples=1"):
        con_out().fit(SMALL[:1])
    with pytest.raises(InputError, match="No column tells one row from another"):
        con_out().fit(pd.DataFrame({"a": [1.0] * 20, "b": ["x"] * 20}))


RANDOM = np.random.default_rng(0)
HOSTILE = {
    "two rows": pd.DataFrame({"a": [1.0, 2.0], "b": ["x", "y"]}),
    "three rows": pd.DataFrame({"a": [1.0, 2.0, 7.0], "b": ["x", "y", "x"]}),
    "all missing": SMALL.assign(price=np.nan, country=None),
    "mostly missing": SMALL.mask(RANDOM.random(SMALL.shape) < 0.9),
    "four of five constant": pd.DataFrame({"a": RANDOM.normal(size=80), **{f"c{k}": [k] * 80 for k in range(4)}}),
    "a category of one row": SMALL.assign(country=["??", *SMALL["country"][1:]]),
    "infinite": SMALL.assign(price=[np.inf, -np.inf, 1e308, -1e308, *SMALL["price"][4:]]),
    "dates": SMALL.assign(day=pd.date_range("2026-01-01", periods=len(SMALL), tz="UTC")),
    "text": SMALL.assign(note=[f"the words of row {k}" for k in range(len(SMALL))]),
    "10,000 categories": pd.DataFrame(
        {"a": RANDOM.normal(size=20_000), "b": np.char.mod("c%d", np.arange(20_000) // 2)}
    ),
    "300 columns": pd.DataFrame(RANDOM.normal(size=(60, 300))),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_tables_are_scored_and_explained(name):
    table = HOSTILE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        detector = con_out().fit(table)
        scores = detector.anomaly_score(table[:3000])
        reasons = detector.explain(table[:2])
    assert scores.shape == (min(len(table), 3000),)
    assert ((scores >= 0) & (scores < 1)).all()
    assert set(reasons["row"]) == {0, 1}


def test_unseen_categories_have_no_peers_and_are_scored():
    detector = con_out(contexts=[["country"]]).fit(SMALL)
    later = SMALL[:5].assign(country="Atlantis")
    scores = detector.anomaly_score(later)
    assert (scores >= detector.anomaly_score(SMALL[:5])).all()
    assert detector.explain(later)["n_peers"].min() > 0
    assert len(detector.anomaly_score(SMALL[:0])) == 0
