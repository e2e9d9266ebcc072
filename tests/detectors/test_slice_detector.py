"""SliceDetector on data with known truth: what it flags, what it leaves alone, what it refuses."""

import math
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from tests.detectors.slice_funnel import DIMENSIONS, funnel
from tocsin import SliceDetector
from tocsin.detectors.slices.tables import read_rows, rows_to_slices
from tocsin.errors import InputError, NotEnoughData
from tocsin.formatting import format_slice
from tocsin.model import MISSING, SliceStatus

CONTRACT = [
    "window_start", *DIMENSIONS, "value", "expected", "lower", "upper", "p_value", "q_value", "anomaly_score",
    "flagged",
]  # fmt: skip


def detector(**settings):
    return SliceDetector(**{"kpi": "clicks / views", "dimensions": DIMENSIONS, **settings})


def leaves(result):
    return result.dropna(subset=DIMENSIONS)


@pytest.fixture(scope="module")
def clean():
    return funnel(0)


@pytest.fixture(scope="module")
def clean_result(clean):
    return detector().fit(clean[0]).score(clean[1])


def test_the_contract(clean, clean_result):
    assert list(clean_result.columns[: len(CONTRACT)]) == CONTRACT
    assert clean_result.iloc[0][DIMENSIONS].isna().all()
    assert len(clean_result) == 1 + 12 + 60 + len(clean[1])
    fixed = clean_result[DIMENSIONS].notna().sum(axis=1)
    assert (fixed.diff().dropna() >= 0).all()
    total = clean_result.iloc[0]
    assert total["value"] == pytest.approx(clean[1]["clicks"].sum() / clean[1]["views"].sum())
    tested = clean_result[clean_result["p_value"].notna()]
    assert tested["anomaly_score"].between(0, 1, inclusive="left").all()
    assert (tested["lower"] <= tested["expected"]).all()
    assert (tested["expected"] <= tested["upper"]).all()
    untested = clean_result[clean_result["p_value"].isna()]
    assert len(untested)
    assert not untested["flagged"].any()
    assert untested["anomaly_score"].isna().all()


def test_clean_p_values_are_uniform():
    p = np.concatenate(
        [leaves(detector().fit(a).score(b))["p_value"].dropna() for a, b, _ in (funnel(seed) for seed in range(4))]
    )
    assert len(p) > 2_000
    assert 0.035 < (p < 0.05).mean() < 0.065
    assert 0.004 < (p < 0.016).mean() < 0.03
    assert 0.45 < np.mean(p) < 0.55


def test_the_interval_holds_95_percent(clean_result):
    rows = leaves(clean_result).dropna(subset=["p_value"])
    inside = rows["value"].between(rows["lower"], rows["upper"]).mean()
    assert 0.92 < inside < 0.98


def test_clean_data_flag_almost_nothing(clean_result):
    assert clean_result["flagged"].sum() <= 2


def test_dropped_slices_are_found_and_little_else():
    false, found, wanted = 0, 0, 0
    for seed in range(3):
        reference, recent, slices = funnel(
            seed, views=3_000, effect=lambda c, a: np.where((c * 60 + a) % 40 == 0, 0.4, 1.0)
        )
        attacked = slices[np.arange(len(slices)) % 40 == 0]
        rows = leaves(detector().fit(reference).score(recent)).merge(
            attacked, on=DIMENSIONS, how="left", indicator=True
        )
        hit = rows["_merge"] == "both"
        false += (rows["flagged"] & ~hit).sum()
        found += (rows["flagged"] & hit).sum()
        wanted += hit.sum()
    assert found > 0.7 * wanted
    assert false <= 0.25 * (found + false)


def test_a_country_is_one_row_and_a_global_drop_is_the_total():
    reference, recent, _ = funnel(1, effect=lambda c, a: np.where(c == 3, 0.6, 1.0))
    result = detector().fit(reference).score(recent)
    countries = result[result["country"].notna() & result["app"].isna()].set_index("country")
    assert countries["p_value"].idxmin() == "c3"
    assert countries.loc["c3", "flagged"]
    assert countries["flagged"].sum() <= 2
    reference, recent, _ = funnel(2, effect=lambda c, a: 0.7)
    result = detector().fit(reference).score(recent)
    assert result.iloc[0]["flagged"]
    assert leaves(result)["flagged"].mean() < 0.01
    assert detector().fit(reference).explain(recent)["common_factor"].iloc[0] == pytest.approx(0.7, rel=0.15)


def test_direction_and_floors():
    reference, recent, _ = funnel(1, effect=lambda c, a: np.where(c == 3, 0.5, 1.0))
    down = detector(direction="down").fit(reference).score(recent)
    up = detector(direction="up").fit(reference).score(recent)
    both = detector().fit(reference).score(recent)
    hit = (both["country"] == "c3") & both["app"].isna()
    assert down.loc[hit, "flagged"].all()
    assert not up.loc[hit, "flagged"].any()
    assert up.loc[hit, "p_value"].iloc[0] > 0.99
    assert both.loc[hit, "p_value"].iloc[0] == pytest.approx(2 * down.loc[hit, "p_value"].iloc[0])
    assert not detector(min_relative=9.0).fit(reference).score(recent)["flagged"].any()
    assert not detector(min_absolute=1e9).fit(reference).score(recent)["flagged"].any()
    bare = detector(min_expected=10_000.0).fit(reference).score(recent)
    assert (leaves(bare)["status"] == "below_minimum").all()
    assert leaves(bare)["p_value"].isna().all()


@pytest.mark.parametrize("kind", ["polars", "arrow", "object", "categorical"])
def test_every_kind_of_table_gives_the_same_scores(clean, clean_result, kind):
    convert = {
        "polars": pl.from_pandas,
        "arrow": lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
        "object": lambda frame: frame.astype(dict.fromkeys(DIMENSIONS, object)),
        "categorical": lambda frame: frame.astype(dict.fromkeys(DIMENSIONS, "category")),
    }[kind]
    result = detector().fit(convert(clean[0])).score(convert(clean[1]))
    assert isinstance(result, {"polars": pl.DataFrame, "arrow": pa.Table}.get(kind, pd.DataFrame))
    back = result if isinstance(result, pd.DataFrame) else result.to_pandas()
    assert back["p_value"].to_numpy() == pytest.approx(clean_result["p_value"].to_numpy(), nan_ok=True, abs=1e-12)
    assert back["app"].isna().sum() == clean_result["app"].isna().sum()


def test_duplicate_rows_are_summed(clean, clean_result):
    halves = clean[0].copy()
    halves["views"] -= halves["views"] // 2
    halves["clicks"] -= halves["clicks"] // 2
    rest = clean[0].assign(views=clean[0]["views"] // 2, clicks=clean[0]["clicks"] // 2)
    result = detector().fit(pd.concat([halves, rest])).score(clean[1])
    assert result["p_value"].to_numpy() == pytest.approx(clean_result["p_value"].to_numpy(), nan_ok=True)


def test_a_null_dimension_is_a_value_of_its_own(clean):
    tables = [table.assign(country=table["country"].where(table["country"] != "c0")) for table in clean[:2]]
    result = detector().fit(tables[0]).score(tables[1])
    assert MISSING in set(result["country"].dropna())
    assert (result["country"] == MISSING).sum() == 61


def test_hostile_values_come_back_unchanged():
    names = ["it's", 'a "b"', "line\nbreak", "<b>", "💥", "x" * 10_000, "", "select"]
    days = pd.date_range("2026-01-05", periods=15, tz="UTC")
    table = pd.DataFrame([(day, name, 100, 10 + k % 3) for k, day in enumerate(days) for name in names])
    table.columns = ["window_start", "select", "views", "install"]
    result = SliceDetector(kpi="install / views", dimensions=["select"]).fit(table[:-8]).score(table[-8:])
    assert set(result["select"].dropna()) == set(names)


def test_several_recent_windows_and_new_slices(clean):
    later = clean[1].assign(window_start=clean[1]["window_start"] + pd.Timedelta(days=1))
    new = later.iloc[:1].assign(app="brand new", views=1_000, clicks=50)
    result = detector().fit(clean[0]).score(pd.concat([clean[1], later, new]))
    assert result["window_start"].nunique() == 2
    row = result[result["app"] == "brand new"]
    assert set(row["status"]) <= {"no_history", "absent"}
    assert (row["status"] == "no_history").any()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.rename(columns={"clicks": "click"}), ["'clicks'", "did you mean 'click'"]),
        (lambda t: t.assign(clicks=t["clicks"].astype(str)), ["'clicks'", "numbers"]),
        (lambda t: t.assign(clicks=t["clicks"].astype(float).where(t.index != 3, np.inf)), ["infinite", "1"]),
        (lambda t: t.assign(views=-t["views"]), ["'views'", "negative"]),
        (lambda t: t.assign(window_start=t["window_start"].dt.tz_localize(None)), ["aware", "tz_localize"]),
        (lambda t: t.assign(window_start=t["window_start"].astype(str)), ["aware", "to_datetime"]),
        (lambda t: t[:0], ["empty"]),
        (
            lambda t: t.assign(window_start=t["window_start"] + pd.to_timedelta(t.index % 7, unit="min")),
            ["regular grid"],
        ),
        (lambda t: t.values.tolist(), ["pandas, Polars or Arrow"]),
    ],
)
def test_bad_input_is_named(clean, change, words):
    with pytest.raises(InputError) as caught:
        detector().fit(change(clean[0])).score(clean[1])
    for word in words:
        assert word in str(caught.value)


def test_recent_must_follow_the_reference(clean):
    with pytest.raises(InputError, match="begins before the reference ends"):
        detector().fit(clean[0]).score(clean[0].tail(10))
    with pytest.raises(NotEnoughData):
        detector().fit(clean[0][clean[0]["window_start"] < "2026-01-07"])


def test_missing_measures_are_counted(clean):
    recent = clean[1].assign(clicks=clean[1]["clicks"].astype(float).where(clean[1].index != 0))
    found = detector().fit(clean[0])
    found.score(recent)
    assert [(item.reason, item.count) for item in found.left_out_] == [("missing measure", 1)]


def test_more_clicks_than_views_is_judged_as_counts(clean):
    tables = [table.assign(clicks=table["clicks"] * 50) for table in clean[:2]]
    found = detector().fit(tables[0])
    result = found.score(tables[1])
    assert result["p_value"].notna().any()
    assert any("exceeds" in note for note in found.notes_)


@pytest.mark.parametrize(
    "settings",
    [
        {"mode": "calibrate"}, {"q": 0}, {"q": True}, {"direction": "sideways"}, {"adapt_after": 0},
        {"min_expected": -1},
        {"dimensions": "country"}, {"timezone": "Mars/Base"}, {"season": "weekly"}, {"season": ["3d"]}, {"depth": -1},
        {"n_bootstrap": 1}, {"bootstrap": "none"}, {"holidays": ["2026-01-01"]}, {"kpi": "a / b / c"}, {"kpi": 3},
    ],
)  # fmt: skip
def test_settings_are_checked_when_used(clean, settings):
    found = detector(**settings)
    with pytest.raises(InputError):
        found.fit(clean[0]).score(clean[1])


def test_extreme_scores_stay_below_one():
    reference, recent, _ = funnel(4, views=1e6, n_countries=4, n_apps=4)
    recent = recent.assign(clicks=0)
    scores = leaves(detector().fit(reference).score(recent))["anomaly_score"]
    assert (scores < 1).all()


def test_an_outage_is_tested_in_judge_though_it_has_no_row():
    random = np.random.default_rng(0)
    days = pd.date_range("2026-01-05", periods=21, tz="UTC")
    rows = [(day, f"s{k}", int(random.poisson(200))) for day in days for k in range(30)]
    table = pd.DataFrame(rows, columns=["window_start", "sdk", "installs"])
    table = table[~((table["sdk"] == "s7") & (table["window_start"] == days[-1]))]
    facts = rows_to_slices(
        read_rows(table, ["sdk"], ["installs"], None), ["sdk"], ["installs"], depth=None, timezone="UTC"
    )
    found = SliceDetector(kpi="installs", dimensions=["sdk"])
    scores = found.judge(facts, 20)
    index = next(i for i in range(facts.n_slices) if facts.slice_at(i).items == (("sdk", "s7"),))
    assert scores.flagged[index]
    assert scores.amount[index] == 0
    assert scores.status[index] == SliceStatus.TESTED
    assert scores.expected_amount[index] == pytest.approx(200, rel=0.1)
    assert scores.p_value[index] == np.nanmin(scores.p_value)
    windows, value, expected, lower, upper = found.history(index)
    assert (windows == np.arange(20)).all()
    assert ((lower < expected) & (expected < upper)).all()
    assert value.mean() == pytest.approx(200, rel=0.1)


def daily_facts(values, start="2026-01-05", freq="D"):
    """Facts of one-dimension slices; values (n_slices, n_windows)."""
    times = pd.date_range(start, periods=values.shape[1], freq=freq, tz="UTC")
    row, window = np.indices(values.shape).reshape(2, -1)
    table = pd.DataFrame({"window_start": times[window], "s": row.astype(str), "x": values[row, window]})
    return rows_to_slices(read_rows(table, ["s"], ["x"], None), ["s"], ["x"], depth=None, timezone="UTC")


def test_confirmed_anomalies_leave_the_reference_and_silent_windows_do_not_count():
    random = np.random.default_rng(1)
    values = random.poisson(300, (20, 25)).astype(float)
    values[4, 10:15] = 30
    facts = daily_facts(values)
    index = [facts.slice_at(i).items for i in range(21)].index((("s", "4"),))
    excluded = np.zeros(len(facts.window), np.bool_)
    begin = facts.indptr[index]
    excluded[begin + 10 : begin + 15] = True
    found = SliceDetector(kpi="x", dimensions=["s"])
    found.judge(facts, 24, excluded=excluded)
    assert len(found.history(index)[0]) == 19
    assert found.judge(facts, 24, excluded=excluded).expected_amount[index] == pytest.approx(300, rel=0.05)


def test_a_level_shift_becomes_the_new_normal_after_the_stated_number_of_windows():
    random = np.random.default_rng(2)
    values = random.poisson(300, (20, 40)).astype(float)
    values[4, 25:] = random.poisson(120, 15)
    facts = daily_facts(values)
    index = [facts.slice_at(i).items for i in range(21)].index((("s", "4"),))
    found = SliceDetector(kpi="x", dimensions=["s"], adapt_after=7)
    flagged = [bool(found.judge(facts, window).flagged[index]) for window in range(25, 40)]
    assert all(flagged[:6])
    assert not any(flagged[8:])


def test_an_hourly_season_with_time_zones_is_not_an_anomaly():
    random = np.random.default_rng(3)
    hours = np.arange(15 * 24)
    phase = np.repeat([0.0, 0.33, 0.66], 8)[:, None]
    values = random.poisson(200 * np.exp(0.8 * np.sin(2 * np.pi * (hours / 24 + phase)))).astype(float)
    facts = daily_facts(values, freq="h")
    found = SliceDetector(kpi="x", dimensions=["s"])
    p = np.concatenate([found.judge(facts, window).p_value[1:] for window in range(14 * 24, 15 * 24)])
    assert 0.02 < np.mean(p < 0.05) < 0.08
    assert np.mean(p < 0.01) < 0.025


def test_a_holiday_is_judged_as_a_sunday():
    random = np.random.default_rng(4)
    days = pd.date_range("2026-01-05", periods=43)
    level = np.where(days.day_of_week == 6, 60, 300)
    level[42] = 60  # a Monday
    facts = daily_facts(random.poisson(np.broadcast_to(level, (30, 43))).astype(float))
    holiday = date(2026, 2, 16)
    with_holiday = SliceDetector(kpi="x", dimensions=["s"], holidays=[holiday]).judge(facts, 42)
    without = SliceDetector(kpi="x", dimensions=["s"]).judge(facts, 42)
    assert without.p_value[0] < 0.01
    assert with_holiday.p_value[0] > 0.01
    assert facts.window_at(42).start == datetime(2026, 2, 16, tzinfo=UTC)


def test_revenue_gets_a_robust_interval():
    random = np.random.default_rng(5)
    values = np.exp(random.normal(5, 0.2, (40, 31)))
    values[3, 5] = 1e6  # a damaged window must not widen the interval
    values[7, 30] *= 0.3
    values[8] -= 400  # negative values are allowed
    facts = daily_facts(values)
    found = SliceDetector(kpi="x", dimensions=["s"], season=())
    scores = found.judge(facts, 30)
    places = {format_slice(facts.slice_at(i)): i for i in range(facts.n_slices)}
    assert scores.flagged[places["s 7"]]
    assert scores.flagged.sum() <= 3
    assert scores.upper[places["s 3"]] < 400
    assert np.isfinite(scores.p_value[places["s 8"]])
    assert any("not a count" in note for note in found.notes_)
    clean = np.concatenate(
        [
            found.judge(daily_facts(np.exp(np.random.default_rng(s).normal(5, 0.2, (60, 31)))), 30).p_value
            for s in range(8)
        ]
    )
    assert 0.025 < np.mean(clean < 0.05) < 0.08


def test_judging_needs_windows_before_the_target():
    facts = daily_facts(np.full((3, 10), 50.0))
    found = SliceDetector(kpi="x", dimensions=["s"])
    with pytest.raises(NotEnoughData):
        found.judge(facts, 2)
    with pytest.raises(InputError):
        found.judge(facts, 10)
    with pytest.raises(InputError, match="did you mean"):
        SliceDetector(kpi="xx", dimensions=["s"]).judge(facts, 5)
    constant = found.judge(facts, 9)
    assert not constant.flagged.any()
    assert math.isfinite(constant.p_value[0])
