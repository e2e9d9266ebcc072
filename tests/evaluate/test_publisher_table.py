"""ROI on a user's own table: which columns are read how, what detectors see, and what is wrong with a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tocsin.errors import InputError, SourceError
from tocsin.evaluate import RoiColumns, read_columns, roi, roi_of_table
from tocsin.evaluate.publisher_table import read_labels
from tocsin.simulate import simulate_publishers

COLUMNS = RoiColumns("visitors", "price", "revenue", "label")


@pytest.fixture(scope="module")
def publishers():
    return simulate_publishers(1_500, 0.03)


def test_detectors_are_fitted_where_there_are_no_scores(publishers):
    table, truth = publishers
    seen = []
    result = roi_of_table(table, COLUMNS, truth=truth, n_simulations=200, progress=lambda *words: seen.append(words))
    assert result.detectors == ("naive", "ConOut", "IsolationForest", "Rocod", "oracle")
    assert seen[0] == ("detectors", 0, 3)
    assert seen[-1] == ("detectors", 3, 3)
    lines = result.table.set_index(["detector", "budget"])
    for name in result.detectors[1:]:
        assert lines.loc[(name, 2500.0), "gain"] > 0
        assert lines.loc[(name, 2500.0), "p_value"] < 1e-3


def test_detectors_see_neither_label_nor_revenue_nor_what_is_set_aside(publishers):
    """A column that gives the fraud away does so only while it is seen."""
    table, truth = (frame.head(300) for frame in publishers)
    told = table.assign(label=truth["label"], revenue=truth["revenue"], leak=truth["label"] * 1e6)
    hidden = RoiColumns("visitors", "price", "revenue", "label", set_aside=("leak",))
    results = [
        roi_of_table(frame, columns, truth=extra, n_simulations=2).table
        for frame, columns, extra in ((told, hidden, None), (table, COLUMNS, truth))
    ]
    pd.testing.assert_frame_equal(*results)


def test_money_is_checked_before_detectors_are_fitted(publishers):
    table, truth = publishers
    seen = []
    with pytest.raises(InputError, match="budgets"):
        roi_of_table(table, COLUMNS, truth=truth, budgets=[-1], progress=lambda *words: seen.append(words))
    assert seen == []


def test_ready_scores_are_taken_as_they_are(publishers):
    table, truth = publishers
    score = truth["severity"] + np.random.default_rng(0).normal(0, 1, len(table))
    scored = table.assign(mine=score)
    result = roi_of_table(
        scored, RoiColumns("visitors", "price", "revenue", "label", scores=("mine",)), truth=truth, n_simulations=50
    )
    direct = roi({"mine": score}, table["visitors"], table["price"], truth["revenue"], truth["label"], n_simulations=50)
    pd.testing.assert_frame_equal(result.table, direct.table)


@pytest.mark.parametrize(
    "values",
    [
        [True, False, True],
        [1, 0, 1],
        [1.0, 0.0, 1.0],
        ["fraud", "honest", "Fraud "],
        ["yes", "no", "y"],
        pd.Categorical(["1", "0", "1"]),
    ],
)
def test_labels_in_many_words(values):
    assert read_labels(pd.Series(values), "label").tolist() == [1.0, 0.0, 1.0]


def test_missing_and_strange_labels():
    for missing in (None, np.nan, pd.NA):
        labels = read_labels(pd.Series(["fraud", missing, "honest"], dtype=object), "label")
        assert labels[[0, 2]].tolist() == [1.0, 0.0]
        assert np.isnan(labels[1])
    with pytest.raises(InputError, match=r"'label'.*'maybe'"):
        read_labels(pd.Series(["fraud", "maybe"]), "label")


def test_what_is_wrong_with_a_table_is_named(publishers):
    table, truth = publishers
    with pytest.raises(InputError, match=r"'prize'.*did you mean 'price'"):
        roi_of_table(table, RoiColumns("visitors", "prize", "revenue"), truth=truth)
    with pytest.raises(InputError, match="'country'"):
        roi_of_table(table, RoiColumns("country", "price", "revenue"), truth=truth)
    with pytest.raises(InputError, match="leak"):
        roi_of_table(table, RoiColumns("visitors", "price", "revenue", set_aside=("leak",)), truth=truth)
    with pytest.raises(InputError, match="as many as"):
        roi_of_table(table, COLUMNS, truth=truth.head(3))
    with pytest.raises(InputError, match="both"):
        roi_of_table(table, COLUMNS, truth=truth.assign(price=1))


def test_files_and_what_is_wrong_with_them(tmp_path, publishers):
    table, _ = publishers
    table.to_parquet(tmp_path / "table.parquet")
    table.to_csv(tmp_path / "table.csv", index=False)
    pd.testing.assert_frame_equal(read_columns(tmp_path / "table.parquet"), table)
    assert list(read_columns(str(tmp_path / "table.csv")).columns) == list(table.columns)
    (tmp_path / "broken.parquet").write_bytes(b"no parquet")
    (tmp_path / "empty.csv").write_bytes(b"")
    for name in ("absent.parquet", "table.xlsx", "broken.parquet", "empty.csv"):
        with pytest.raises(SourceError, match=name):
            read_columns(tmp_path / name)
