"""What relevancy is measured by: the oracle, the counts, the series it is asked about."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tocsin.errors import InputError
from tocsin.evaluate.labelled_series import read_labelled_series
from tocsin.evaluate.relevancy import Candidates, quality, taught_in_batches, taught_once, thresholds
from tocsin.oracle import TABLE_2, detect, rows_of_series, rows_of_spikes, summaries
from tocsin.oracle.embedding import windows_of
from tocsin.simulate import simulate_spikes

QUIET = lambda *about: None  # noqa: E731


def two_kinds(seed, n_batches=8, n=40):
    """Candidates of two kinds of which the second is wanted; batch by batch, n each."""
    random = np.random.default_rng(seed)
    wanted = random.random(n_batches * n) < 0.5
    embeddings = np.column_stack([np.where(wanted, 3.0, -3.0), np.zeros(n_batches * n)])
    embeddings += random.standard_normal(embeddings.shape)
    surprise = 2 + random.exponential(1, n_batches * n)
    batch = np.repeat(np.arange(n_batches), n)
    n_wanted = np.bincount(batch[wanted], minlength=n_batches) + 5  # some that no detector found
    return Candidates(surprise, batch, wanted, n_wanted, {"default": embeddings, "faithful": embeddings}, 3.0, 2.0)


def test_quality_counts_points():
    candidates = two_kinds(0, n_batches=1, n=6)
    candidates = replace(candidates, wanted=np.array([1, 1, 0, 0, 1, 0], bool), n_wanted=np.array([7]))
    found = quality(candidates, np.array([1, 0, 1, 0, 1, 0], bool))
    assert (found.f1, found.precision, found.recall) == pytest.approx((4 / 10, 2 / 3, 2 / 7))
    nothing = quality(replace(candidates, n_wanted=np.array([0])), np.zeros(6, bool))
    assert (nothing.f1, nothing.precision, nothing.recall) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("mode", ["default", "faithful"])
def test_answers_help_and_nothing_is_known_beforehand(mode):
    candidates = two_kinds(1)
    chosen = taught_in_batches(candidates, mode, n_teaching=3)
    first, after = candidates.batch == 0, candidates.batch >= 3
    assert np.array_equal(chosen[first], candidates.reported[first])
    assert candidates.wanted[after & chosen].mean() > candidates.wanted[after & candidates.reported].mean() + 0.05
    # what is chosen does not depend on truth that nobody was asked about
    turned = replace(candidates, wanted=np.where(after, ~candidates.wanted, candidates.wanted))
    assert np.array_equal(taught_in_batches(turned, mode, n_teaching=3), chosen)
    untaught = taught_in_batches(candidates, mode, n_teaching=0)
    assert np.array_equal(untaught, candidates.reported)


@pytest.mark.parametrize("mode", ["default", "faithful"])
def test_a_later_stretch_is_chosen_by_answers_about_an_earlier_one(mode):
    candidates = two_kinds(2)
    earlier, later = candidates.stretch(0, 4), candidates.stretch(4, 8)
    own, same = taught_once(earlier, later, mode, 40)
    assert same.sum() == later.reported.sum()
    assert later.wanted[same].mean() > later.wanted[later.reported].mean() + 0.05
    blind = replace(later, wanted=~later.wanted)
    assert np.array_equal(taught_once(earlier, blind, mode, 40)[0], own)


def test_thresholds_leave_the_shares():
    surprise = np.r_[np.random.default_rng(0).exponential(1, 1_000), np.nan]
    high, low = thresholds(surprise, 0.01, 0.05)
    assert ((surprise > high).sum(), (surprise > low).sum()) == (10, 50)
    for shares in ((0.0, 0.1), (0.2, 0.1), (0.5, 1.0)):
        with pytest.raises(InputError, match="share of points"):
            thresholds(surprise, *shares)


def test_windows_end_with_their_candidate_and_have_no_gaps():
    history, values = np.array([1.0, 2.0, 3.0]), np.array([np.nan, 5.0, np.nan, 7.0])
    windows = windows_of(history, values, np.array([0, 3]), 4)
    spread = history.std()
    assert windows[0] == pytest.approx((np.array([0, 1, 2, 3, 3]) - 2) / spread, abs=2 / spread)  # 0: before anything
    assert windows[1] == pytest.approx((np.array([3, 3, 5, 5, 7]) - 2) / spread)


def test_simulated_spikes_gain_in_the_papers_order(tmp_path):
    rows = list(rows_of_spikes(["IID"], n_series=2, n_points=60_000, progress=QUIET))
    found = {one.mode: one for one in summaries(rows)}
    assert found["faithful"].base == found["default"].base
    assert found["faithful"].own_gain.mean > 0.02
    assert found["default"].own_gain.mean > found["faithful"].own_gain.mean
    assert found["default"].n_series == 2
    assert {"IID", "HW", "RNN", "RCF"} == set(TABLE_2)


def labelled(n_days=30, seed=0):
    """An hourly series with drops, which are labelled, and rises, which are not."""
    random = np.random.default_rng(seed)
    n = 24 * 12 * n_days
    series = simulate_spikes(n, size=8.0, share=0.02, random_state=seed)
    values = 100 + 10 * np.sin(np.arange(n) * 2 * np.pi / 288) + series.values
    times = pd.date_range("2026-01-01", periods=n, freq="5min", tz="UTC")
    table = pd.DataFrame(
        {"series": f"kpi {seed}", "timestamp": times, "value": values, "label": series.down.astype(int)}
    )
    return table[random.random(n) > 0.01]


def test_labelled_series_gain_where_only_drops_matter():
    table = pd.concat([labelled(seed=seed) for seed in range(2)])
    series = read_labelled_series(table)
    assert [one.name for one in series] == ["kpi 0", "kpi 1"]
    assert series[0].season == 288
    settings = {"answers": [20, 60], "alert_share": 0.02, "modes": ["default"], "progress": QUIET}
    rows = list(rows_of_series(series, ["HW"], **settings))
    assert {(row.mode, row.n_answers) for row in rows} == {("default", 20), ("default", 60)}
    default = [one for one in summaries(rows) if (one.mode, one.n_answers) == ("default", 60)]
    assert default[0].own_gain.mean > 0.1
    assert default[0].own.recall > 0.8
    short = read_labelled_series(table.iloc[:30])
    assert list(rows_of_series(short, ["IID"], **settings)) == []


def test_series_are_laid_on_their_grid():
    times = pd.to_datetime([0, 60, 120, 300, 360], unit="s", utc=True)
    table = pd.DataFrame({"timestamp": times, "value": [1, 2, None, 5, 6], "label": [0, 0, 0, 1, 0]})
    (one,) = read_labelled_series(table.iloc[::-1])
    assert one.values == pytest.approx([1, 2, np.nan, np.nan, np.nan, 5, 6], nan_ok=True)
    assert one.labels.tolist() == [False] * 5 + [True, False]
    assert (one.step_seconds, one.season, one.n_known) == (60.0, None, 0)
    (divided,) = read_labelled_series(table.assign(part=["train"] * 4 + ["test"], kpi_id="a"))
    assert (divided.name, divided.n_known) == ("a", 6)
    seconds = table.assign(timestamp=[0, 60, 60, 120, 180])  # a clock that was set back
    assert len(read_labelled_series(seconds)[0].values) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": ["a"] * 5}, "numbers"),
        ({"label": [0, 0, 2, 0, 0]}, "0 and 1"),
        ({"timestamp": ["noon"] * 5}, "neither"),
        ({"timestamp": [0.0, 1.0, np.nan, 2.0, 3.0]}, "missing"),
    ],
)
def test_tables_that_are_no_series(change, message):
    table = pd.DataFrame({"timestamp": range(5), "value": range(5), "label": 0})
    with pytest.raises(InputError, match=message):
        read_labelled_series(table.assign(**change))
    with pytest.raises(InputError, match="lacks a column"):
        read_labelled_series(table.drop(columns="label"))


def test_an_unknown_detector_is_named():
    with pytest.raises(InputError, match="did you mean 'HW'"):
        detect("HWW", np.arange(50.0), np.arange(5.0), None)
