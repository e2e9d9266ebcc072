"""Comparing detectors on labelled series: how series are divided, who is measured, what is told of failures."""

from functools import partial

import numpy as np
import pandas as pd
import pytest

from tocsin.detectors.series import DeepAR
from tocsin.errors import InputError, SourceError
from tocsin.evaluate.series import MEASURES, compare_series, read_series_sets, series_set
from tocsin.evaluate.series_contestants import CANDIDATES, Course, SeriesContestant, Told, series_contestants

QUICK = ("IID", "HoltWinters", "previous point", "a day ago", "IsolationForest")


def table_of(n_series=3, n_points=24 * 40, seed=0, spikes=(700, 800, 900)):
    """Hourly series with a day's pattern and spikes of known places."""
    random = np.random.default_rng(seed)
    parts = []
    for number in range(n_series):
        values = 100 + 10 * np.sin(np.arange(n_points) * 2 * np.pi / 24) + random.normal(0, 1, n_points)
        labels = np.zeros(n_points, int)
        for place in spikes:
            values[place : place + 2] += 15
            labels[place : place + 2] = 1
        times = pd.date_range("2026-01-01", periods=n_points, freq="h", tz="UTC")
        parts.append(pd.DataFrame({"series": f"s{number}", "timestamp": times, "value": values, "label": labels}))
    return pd.concat(parts, ignore_index=True)


def contestant(name, tell, **settings):
    return SeriesContestant(name, lambda courses, seed: [tell(course) for course in courses], **settings)


def oracle(course):
    """Knows that a spike is far from the same hour of the day before."""
    return Told(np.abs(np.append(course.history, course.new)[len(course.history) :] - 100))


def test_planted_spikes_are_found_and_measured():
    result = compare_series([series_set("made", table_of())], series_contestants(QUICK)[0])
    assert result.failures.empty
    line = result.sets.iloc[0]
    assert (line["set"], line["n_series"], line["points"]) == ("made", 3, 3 * (960 - 144))
    assert line["abnormal"] == pytest.approx(18 / (3 * 816))
    found = result.summary.set_index("detector")
    assert list(found.index) == list(QUICK)
    assert found.loc["HoltWinters", "auroc"] > 0.99
    assert found.loc["HoltWinters", "event_recall"] == 1.0
    assert found.loc["HoltWinters", "best_f1"] > found.loc["IID", "best_f1"]
    assert found.loc["HoltWinters", "outside"] < 0.05
    assert np.isnan(found.loc["a day ago", "outside"])
    of_series = result.scores[result.scores["detector"] == "IID"]["auroc"]
    assert found.loc["IID", "auroc"] == pytest.approx(of_series.mean())
    assert found.loc["IID", "auroc_se"] == pytest.approx(of_series.std() / np.sqrt(3))
    assert set(MEASURES) < set(result.scores.columns)


def test_the_past_is_what_the_table_says_or_the_first_share():
    table = table_of(1)
    seen = []

    def remember(course):
        seen.append(course)
        return oracle(course)

    compare_series([series_set("a", table)], [contestant("c", remember)])
    parted = table.assign(part=np.where(np.arange(len(table)) < 480, "train", "test"))
    compare_series([series_set("b", parted, n_points=250)], [contestant("c", remember)])
    assert [(len(course.history), len(course.new), course.season) for course in seen] == [
        (144, 816, 24), (250, 250, 24),
    ]  # fmt: skip
    np.testing.assert_array_equal(seen[1].history, table["value"][230:480])
    np.testing.assert_array_equal(seen[1].new, table["value"][480:730])


def test_no_detector_looks_ahead_or_sees_a_label():
    """What comes later changes nothing before it, whoever scores."""
    table = table_of(1)
    values = table["value"].to_numpy()
    first, second = Course(values[:200], values[200:400], 24), Course(values[:200], values[200:300], 24)
    for one in series_contestants(QUICK)[0]:
        (long,), (short,) = one.tell([first], 0), one.tell([second], 0)
        np.testing.assert_allclose(long.scores[:100], short.scores, err_msg=one.name)


def test_missing_points_are_left_out():
    table = table_of(1)
    table.loc[[300, 301, 702, 750], "value"] = np.nan
    result = compare_series([series_set("gaps", table)], series_contestants(QUICK)[0])
    assert result.failures.empty
    assert (result.scores["event_recall"] > 0).all()


def test_series_that_measure_nothing_are_named():
    table = table_of(2)
    table.loc[table["series"] == "s1", "label"] = 0
    one = series_set("made", table)
    assert one.names == ("s0",)
    assert list(one.left_out) == ["made: s1"]
    with pytest.raises(InputError, match="abnormal points after the history"):
        series_set("none", table.assign(label=0))


def test_a_draw_is_by_the_seed():
    table = table_of(8)
    draws = {seed: series_set("made", table, n_series=3, seed=seed).names for seed in range(5)}
    assert draws[0] == series_set("made", table, n_series=3, seed=0).names
    assert len(set(draws.values())) > 1
    assert all(len(names) == 3 and list(names) == sorted(names) for names in draws.values())


def test_one_that_fails_is_told_and_does_not_stop_the_others():
    def broken(course):
        raise RuntimeError("no " + "x" * 1_000)

    detectors = [
        contestant("broken", broken),
        contestant("silent", lambda course: Told(np.full(len(course.new), np.nan))),
        contestant("short", lambda course: Told(np.zeros(3))),
        contestant("oracle", oracle),
    ]
    result = compare_series([series_set("made", table_of(2))], detectors)
    assert list(result.failures["detector"]) == ["broken", "silent", "short"]
    assert result.failures["reason"].str.len().max() <= 300
    assert list(result.summary["detector"]) == ["oracle"]


def test_who_is_not_installed_is_named(monkeypatch):
    everybody, missing = series_contestants()
    assert {one.name for one in everybody} | set(missing) == {one.name for one in CANDIDATES}
    absent = SeriesContestant("absent", lambda courses, seed: [], needs="no_such_package")
    monkeypatch.setattr("tocsin.evaluate.series_contestants.CANDIDATES", (absent,))
    assert series_contestants() == ([], {"absent": "no_such_package is not installed"})
    with pytest.raises(InputError, match="did you mean"):
        series_contestants(["absnt"])


def test_a_folder_is_every_labelled_table_in_it(tmp_path):
    table_of(1).to_parquet(tmp_path / "b.parquet")
    table_of(1).to_csv(tmp_path / "a.csv", index=False)
    table_of(1).drop(columns="label").to_parquet(tmp_path / "other.parquet")
    table_of(1).assign(label=0).to_parquet(tmp_path / "unmarked.parquet")
    sets, left_out = read_series_sets(tmp_path)
    assert sorted(one.name for one in sets) == ["a", "b"]
    assert list(left_out) == ["unmarked.parquet"]
    with pytest.raises(SourceError, match="No labelled series"):
        read_series_sets(tmp_path, label="fraud")
    with pytest.raises(SourceError):
        read_series_sets(tmp_path / "none.parquet")


@pytest.mark.deep
def test_deep_ar_scores_series_of_all_lengths_together(monkeypatch):
    pytest.importorskip("torch", reason="torch is not installed (pip install 'tocsin[deep]')")
    monkeypatch.setattr("tocsin.detectors.series.deep_ar.DeepAR", partial(DeepAR, hidden=8, n_steps=40))
    table = table_of(3, n_points=24 * 25, spikes=(300, 400, 500))
    table = table[(table["series"] != "s1") | (table["timestamp"] >= table["timestamp"].min() + pd.Timedelta("5D"))]
    result = compare_series([series_set("made", table)], series_contestants(["DeepAR"])[0])
    assert result.failures.empty
    assert len(result.scores) == 3
    assert (result.scores["auroc"] > 0.8).all()  # two days of history, a small network
