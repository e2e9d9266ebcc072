"""Comparing detectors on labelled tables: the measures, what is read, what is reported, what is made."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from tocsin.comparison import comparison_sets, made_sets, planted_set, planted_sets
from tocsin.errors import InputError, NotEnoughData, SourceError
from tocsin.evaluate import (
    Contestant,
    LabelledSet,
    LabelledTable,
    average_precision,
    compare_detectors,
    contestants,
    labelled_set,
    mean_ranks,
    read_labelled,
    read_labelled_folder,
)
from tocsin.evaluate.published import published_for


def table_of(n=200, n_anomalies=5, seed=0):
    """Numbers, a category that foretells one of them, and rows far from all others in that one."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(random.normal(size=(n, 3)), columns=list("abc"))
    table["kind"] = random.choice(["x", "y"], n)
    table["a"] += 3.0 * (table["kind"] == "x")
    labels = np.arange(n) < n_anomalies
    table.loc[labels, "a"] += 50.0
    return table, labels


def constant(name, value=0.0, **settings):
    return Contestant(name, lambda table, seed: np.full(len(table), value), **settings)


def broken(name, error):
    def score(table, seed):
        raise error

    return Contestant(name, score)


ORACLE = Contestant("oracle", lambda table, seed: table["a"].to_numpy(), seeded=False)


@pytest.fixture(scope="module")
def known():
    table, labels = table_of()
    return labelled_set("known", table.assign(label=labels))


# Measures


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=40).filter(
        lambda rows: any(label for label, _ in rows)
    )
)
def test_average_precision_is_the_literal_sum_and_scikit_learns(rows):
    labels, scores = np.array([label for label, _ in rows]), np.array([float(score) for _, score in rows])
    literal, before = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        above = scores >= threshold
        recall = (labels & above).sum() / labels.sum()
        literal += (recall - before) * (labels & above).sum() / above.sum()
        before = recall
    assert average_precision(labels, scores) == pytest.approx(literal, abs=1e-12)
    assert average_precision(labels, scores) == pytest.approx(average_precision_score(labels, scores), abs=1e-12)
    assert average_precision(labels[::-1], scores[::-1]) == pytest.approx(average_precision(labels, scores), abs=1e-12)


def test_scores_that_are_none_are_refused():
    with pytest.raises(InputError, match="NaN"):
        average_precision([True, False], [np.nan, 1.0])
    with pytest.raises(InputError, match="one for each of 2 rows"):
        average_precision([True, False], [1.0])


def test_ranks_share_ties_and_put_missing_scores_last():
    values = [[0.9, 0.5, 0.5, np.nan], [0.1, 0.2, np.nan, np.nan]]
    np.testing.assert_allclose(mean_ranks(values), [1.5, 1.75, 3.0, 3.75])


# Comparing


def test_an_oracle_gets_one_and_a_constant_the_share_of_anomalies(known):
    reference = Contestant("IsolationForest", lambda table, seed: np.arange(len(table)) % 7 + 0.1 * seed)
    result = compare_detectors([known], [ORACLE, constant("constant"), reference], seeds=range(3))
    scores = result.scores.set_index("detector")
    assert scores.loc["oracle", "average_precision"] == 1.0
    assert scores.loc["constant", "average_precision"] == pytest.approx(5 / 200)
    assert scores["n_runs"].to_dict() == {"oracle": 1, "constant": 3, "IsolationForest": 3}
    assert np.isnan(scores.loc["oracle", "sd"])
    assert scores.loc["constant", "sd"] == 0.0
    assert (result.runs["cpu_seconds"] >= 0).all()
    summary = result.summary.set_index("detector")
    assert summary.index[0] == "oracle"
    assert summary.loc["oracle", ["mean_rank", "wins", "ties", "losses"]].tolist() == [1, 1, 0, 0]
    assert summary.loc["IsolationForest", ["wins", "ties", "losses"]].tolist() == [0, 1, 0]
    (line,) = result.sets.itertuples()
    assert (line.rows, line.numbers, line.categories, line.set_aside, line.anomalies) == (200, 3, 1, 0, 5)


def test_means_over_seeds_are_of_the_table_of_each_seed():
    def draw(seed):
        table, labels = table_of(40, 2 + seed)
        return LabelledTable(table, labels)

    anew = LabelledSet("anew", draw, redrawn=True)
    result = compare_detectors([anew], [constant("constant", seeded=False)], seeds=(0, 1, 2))
    (line,) = result.scores.itertuples()
    assert line.n_runs == 3
    assert line.average_precision == pytest.approx(np.mean([2, 3, 4]) / 40)
    assert line.sd == pytest.approx(np.std([2, 3, 4], ddof=1) / 40)


def test_a_detector_without_scores_is_reported_and_ranks_last(known):
    failing = [
        broken("of others", RuntimeError("no convergence")),
        broken("of ours", NotEnoughData("Rows", allowed="many")),
        constant("not a number", np.nan),
        Contestant("too short", lambda table, seed: np.zeros(3)),
    ]
    result = compare_detectors([known], [*failing, ORACLE], seeds=[0, 1])
    reasons = result.failures.set_index("detector")["reason"]
    assert list(reasons.index) == ["of others", "of ours", "not a number", "too short"]
    assert reasons["of others"] == "RuntimeError: no convergence"
    assert "NaN" in reasons["not a number"]
    summary = result.summary.set_index("detector")
    assert summary.loc["oracle", "mean_rank"] == 1.0
    assert (summary.drop("oracle")["mean_rank"] == 3.5).all()
    assert (summary.drop("oracle")["n_sets"] == 0).all()


def test_what_cannot_be_compared_is_named(known):
    with pytest.raises(InputError, match="oracle"):
        compare_detectors([known], [ORACLE, ORACLE])
    with pytest.raises(InputError, match="known"):
        compare_detectors([known, known], [ORACLE])
    with pytest.raises(NotEnoughData, match="detectors"):
        compare_detectors([known], [])
    with pytest.raises(InputError, match="seeds"):
        compare_detectors([known], [ORACLE], seeds=[])


def test_detectors_do_not_change_the_table_for_the_next_one(known):
    def spoil(table, seed):
        table.loc[:, "a"] = 0.0
        return np.zeros(len(table))

    result = compare_detectors([known], [Contestant("spoiler", spoil), ORACLE], seeds=[0, 1])
    assert result.scores.set_index("detector").loc["oracle", "average_precision"] == 1.0


# Detectors


def test_our_detectors_find_what_is_plain(known):
    names = ["ConOut", "Expert-ConOut", "IsolationForest", "Rocod", "LocalOutlier", "OneClassSvm",
             "scikit-learn IsolationForest"]  # fmt: skip
    found, missing = contestants(names)
    assert ([one.name for one in found], missing) == (names, {})
    result = compare_detectors([known], found, seeds=[0])
    assert len(result.failures) == 0
    precision = result.scores.set_index("detector")["average_precision"]
    assert (precision > 0.4).all(), precision
    assert precision["ConOut"] == 1.0


def test_an_expert_needs_categories_and_numbers_beside_them():
    numbers = labelled_set("numbers", table_of(60)[0].drop(columns="kind").assign(label=table_of(60)[1]))
    found, _ = contestants(["Expert-ConOut"])
    result = compare_detectors([numbers], found, seeds=[0])
    assert "expert's context" in result.failures["reason"].item()


def test_what_is_not_installed_is_said(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name in ("pyod", "isotree") else find(name, *more)
    )
    found, missing = contestants()
    assert missing["PyOD ECOD"] == "pyod is not installed"
    assert missing["isotree"] == "isotree is not installed"
    assert len(missing) == 7 + 4
    assert not {one.name for one in found} & missing.keys()
    with pytest.raises(InputError, match="ConOut faithful"):
        contestants(["Conout faithfull"])


# Labelled tables


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (lambda table: table.rename(columns={"label": "lable"}), InputError, "lable"),
        (lambda table: table.assign(label=np.arange(len(table))), InputError, "Got 2"),
        (lambda table: table.assign(label=0), NotEnoughData, "anomalous"),
        (lambda table: table.assign(label="fraud"), NotEnoughData, "ordinary"),
        (lambda table: table[["label"]], NotEnoughData, "beside 'label'"),
        (lambda table: table[["label"]].assign(same=1), InputError, "same"),
        (lambda table: table.assign(label=None), NotEnoughData, "anomalous"),
    ],
)
def test_a_column_that_is_no_label_is_an_answer(change, error, said):
    table, labels = table_of(60)
    with pytest.raises(error, match=said):
        labelled_set("odd", change(table.assign(label=labels.astype(int))))


def test_rows_without_a_label_and_rows_too_many_are_counted():
    table, labels = table_of(300, 60)
    data = table.assign(label=np.where(labels, "fraud", "honest").astype(object))
    data.loc[290:, "label"] = None
    one = labelled_set("odd", data, most_rows=100)
    assert one.notes == ("10 rows without a label are left out", "100 of 290 rows, drawn at random")
    drawn = one.draw(0)
    assert drawn.table.columns.tolist() == ["a", "b", "c", "kind"]
    assert len(drawn.labels) == 100
    np.testing.assert_array_equal(drawn.table["a"] > 20, drawn.labels)
    pd.testing.assert_frame_equal(drawn.table, one.draw(1).table)


def test_a_folder_gives_its_labelled_tables_and_says_what_the_others_lack(tmp_path):
    table, labels = table_of(120)
    table.assign(label=labels).to_parquet(tmp_path / "good.parquet")
    table.to_parquet(tmp_path / "unlabelled.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"no table")
    sets, left_out = read_labelled_folder(tmp_path)
    assert [one.name for one in sets] == ["good"]
    assert list(left_out) == ["broken", "unlabelled"]
    assert "cannot be read" in left_out["broken"]
    sets, _ = comparison_sets(folder=tmp_path)
    assert [one.name for one in sets] == ["good", "good planted"]
    assert [one.name for one in comparison_sets(folder=tmp_path, planted=False)[0]] == ["good"]
    assert [one.name for one in comparison_sets([tmp_path / "good.parquet"])[0]] == ["good"]
    with pytest.raises(NotEnoughData, match="unlabelled"):
        read_labelled_folder(tmp_path, names=["unlabelled"])
    with pytest.raises(SourceError, match="Parquet"):
        read_labelled_folder(tmp_path / "absent")
    with pytest.raises(SourceError, match="A labelled table"):
        read_labelled(tmp_path / "absent.parquet")


def test_sets_of_the_paper_are_known_by_their_names_with_what_is_wrong_with_them(tmp_path):
    table, labels = table_of(120)
    table.assign(label=labels).to_parquet(tmp_path / "conout_seismic.parquet")
    result = compare_detectors([read_labelled(tmp_path / "conout_seismic.parquet")], [ORACLE, constant("Rocod")])
    (line,) = result.sets.itertuples()
    assert (line.title, line.paper_rows, line.paper_columns, line.paper_anomalies) == ("Seismic", 2_584, 18, 170)
    assert any("inverted" in note for note in line.notes)
    scores = result.scores.set_index("detector")
    assert scores.loc["Rocod", "paper"] == 0.8083
    assert scores.loc["oracle", "average_precision"] == 1.0
    # what the mistake makes of a perfect and of a constant detector
    ranked = np.r_[np.ones(115), np.zeros(5)]
    assert scores.loc["oracle", "inverted_precision"] == pytest.approx(
        average_precision_score(ranked, table["a"].to_numpy()[np.r_[5:120, 0:5]])
    )
    assert scores.loc["Rocod", "inverted_precision"] == pytest.approx(115 / 120)
    assert published_for("my_table") is None


def test_of_adult_only_the_rows_of_the_papers_outliers_are_taken():
    n = 48_842
    data = pd.DataFrame({"age": np.arange(n) % 80, "label": np.arange(n) % 4 == 0})
    one = labelled_set("adult", data, published=published_for("adult"))
    assert len(one.draw(0).table) == 32_561
    assert one.notes == ("only the first 32,561 rows",)
    other = labelled_set("adult", data.head(1_000), published=published_for("adult"))
    assert len(other.draw(0).table) == 1_000


# What is made


def test_made_sets_differ_by_seed_and_have_both_kinds_of_columns():
    sets = made_sets(most_rows=1_500)
    assert [one.name for one in sets] == ["publishers", "breast_cancer planted", "wine planted", "digits planted"]
    for one in sets:
        assert one.redrawn
        first, second, again = one.draw(0), one.draw(1), one.draw(0)
        assert 0 < first.labels.mean() < 0.05
        assert not np.array_equal(first.labels, second.labels)
        np.testing.assert_array_equal(first.labels, again.labels)
        pd.testing.assert_frame_equal(first.table, again.table)
    with pytest.raises(InputError, match="publishers"):
        made_sets(most_rows=10)


def test_planting_forgets_the_labels_of_the_table_and_needs_both_kinds_of_columns():
    table, labels = table_of(150)
    mixed = labelled_set("mixed", table.assign(label=labels))
    numbers = labelled_set("numbers", table.drop(columns="kind").assign(label=labels))
    few = labelled_set("few", table.head(20).assign(label=labels[:20]))
    planted = planted_sets([mixed, numbers, few], also=["numbers"])
    assert [one.name for one in planted] == ["mixed planted", "numbers planted"]
    drawn = planted[0].draw(0)
    assert drawn.labels.sum() in (2, 4)
    assert sorted(drawn.table["a"]) == sorted(table["a"])
    assert not np.array_equal(drawn.labels, labels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert planted_set("alone", table).draw(5).labels.any()
