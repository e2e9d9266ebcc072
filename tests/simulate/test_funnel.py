"""Simulated funnels: seeded, consistent, and with the truth they claim."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.errors import InputError
from tocsin.model import Slice
from tocsin.simulate import Trouble, read_troubles, simulate_funnel, to_events, write_funnel
from tocsin.simulate.funnel import MEASURES
from tocsin.simulate.market import DIMENSIONS

SMALL = {"weeks": 2, "n_countries": 4, "n_apps": 5, "n_partners": 3, "n_sdks": 4}


@pytest.fixture(scope="module")
def funnel():
    return simulate_funnel(**SMALL, random_state=7)


@pytest.fixture(scope="module")
def clean():
    return simulate_funnel(**SMALL, random_state=7, troubles=())


def within(table: pd.DataFrame, trouble: Trouble) -> pd.Series:
    """Which rows a trouble hits."""
    hit = (table["ts"] >= trouble.start) & (table["ts"] < trouble.end)
    for dimension, value in trouble.slice.items:
        hit &= table[dimension] == value
    return hit


@given(
    seed=st.integers(0, 2**32 - 1),
    weeks=st.integers(1, 2),
    sizes=st.tuples(st.integers(1, 5), st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)),
)
@settings(max_examples=15, deadline=None)
def test_a_seed_fixes_every_byte_and_counts_nest(tmp_path_factory, seed, weeks, sizes):
    named = dict(zip(("n_countries", "n_apps", "n_partners", "n_sdks"), sizes, strict=True))
    digests = []
    for _ in range(2):
        folder = tmp_path_factory.mktemp("funnel")
        made = simulate_funnel(weeks=weeks, random_state=seed, **named)
        digests.append([hashlib.sha256(path.read_bytes()).hexdigest() for path in write_funnel(folder, made)])
    assert digests[0] == digests[1]
    table = made.events.to_pandas()
    assert ((table.installs >= 0) & (table.installs <= table.clicks) & (table.clicks <= table.views)).all()
    assert (table.views > 0).all()
    assert ((table.revenue > 0) <= (table.installs > 0)).all()
    assert table["ts"].is_monotonic_increasing
    assert not table.duplicated(["ts", *DIMENSIONS]).any()
    assert made.start <= table["ts"].min()
    assert table["ts"].max() < made.end


def test_another_seed_is_another_funnel(funnel):
    assert not simulate_funnel(**SMALL, random_state=8).events.equals(funnel.events)


def test_troubles_change_only_the_cells_they_name(funnel, clean):
    keys = ["ts", *DIMENSIONS]
    both = clean.events.to_pandas().merge(funnel.events.to_pandas(), on=keys, how="outer", suffixes=("_clean", ""))
    different = np.zeros(len(both), dtype=bool)
    for measure in MEASURES:
        different |= (both[measure] != both[f"{measure}_clean"]).to_numpy()
    named = np.zeros(len(both), dtype=bool)
    for trouble in funnel.troubles:
        named |= within(both, trouble).to_numpy()
    assert different.any()
    assert not (different & ~named).any()


def test_the_planned_factors_are_realised(funnel, clean):
    hit, base = funnel.events.to_pandas(), clean.events.to_pandas()
    for trouble in funnel.troubles:
        sums = [table[within(table, trouble)][list(MEASURES)].sum() for table in (hit, base)]
        for kpi, factor in ((trouble.kpi, trouble.factor), *trouble.also):
            numerator, _, denominator = kpi.partition(" / ")
            now, usual = (s[numerator] / (s[denominator] if denominator else 1) for s in sums)
            count = min(s["installs" if numerator == "revenue" else numerator] for s in sums)
            # 4.5 standard errors of a ratio of Poisson counts; log-normal payouts add their spread
            tolerance = 4.5 * np.sqrt(2.6 / max(count, 1))
            assert now / usual == pytest.approx(factor, rel=min(tolerance, 0.9)), (trouble.name, kpi)


def test_rates_stay_in_the_promotion(funnel, clean):
    promotion = next(trouble for trouble in funnel.troubles if not trouble.harmful)
    rates = []
    for made in (funnel, clean):
        table = made.events.to_pandas()
        sums = table[within(table, promotion)][list(MEASURES)].sum()
        rates.append((sums.clicks / sums.views, sums.installs / sums.clicks))
    assert rates[0] == pytest.approx(rates[1], rel=0.1)


def test_the_default_plan_is_four_troubles_apart_in_the_last_week(funnel):
    assert [trouble.kind for trouble in funnel.troubles] == [
        "click explosion",
        "ctr drop",
        "install outage",
        "promotion",
    ]
    assert [trouble.harmful for trouble in funnel.troubles] == [True, True, True, False]
    for before, after in zip(funnel.troubles, funnel.troubles[1:], strict=False):
        assert before.end <= after.start
    assert funnel.end - timedelta(days=7) <= funnel.troubles[0].start
    assert funnel.troubles[-1].end <= funnel.end


def test_default_troubles_have_enough_traffic_to_be_seen_in_an_hour():
    made = simulate_funnel(weeks=2, random_state=0)
    table = made.events.to_pandas()
    for trouble in made.troubles:
        numerator = trouble.kpi.partition(" / ")[0]
        part = table.copy()
        for dimension, value in trouble.slice.items:
            part = part[part[dimension] == value]
        week_before = (part["ts"] >= trouble.start - timedelta(days=7)) & (part["ts"] < trouble.end - timedelta(days=7))
        usual = part[week_before].groupby("ts")[numerator].sum()
        change = usual * abs(trouble.factor - 1)
        assert (change.median() / np.sqrt(usual.median())) > 4, trouble.name


def test_traffic_has_season_and_overdispersion(clean):
    table = clean.events.to_pandas()
    us = table[table.country == "US"].groupby("ts")["views"].sum()
    by_hour = us.groupby((us.index - timedelta(hours=5)).hour).mean()
    assert by_hour.idxmax() in range(17, 24)
    assert by_hour.max() > 2 * by_hour.min()
    # the same hour of the same weekday, two weeks: far more spread than Poisson counts have
    weeks = us.to_numpy().reshape(2, -1)
    ratio = ((weeks[0] - weeks[1]) ** 2 / (weeks[0] + weeks[1])).mean()
    assert ratio > 5


def test_a_tenth_of_the_slices_has_half_of_the_traffic():
    table = simulate_funnel(weeks=1, troubles=()).events.to_pandas()
    by_slice = table.groupby(list(DIMENSIONS))["views"].sum().sort_values(ascending=False)
    assert by_slice.iloc[: len(by_slice) // 10].sum() > 0.5 * by_slice.sum()
    assert by_slice.iloc[len(by_slice) // 2 :].sum() < 0.15 * by_slice.sum()


def test_countries_peak_at_different_utc_hours(clean):
    table = clean.events.to_pandas()
    peak = {c: t.groupby(t["ts"].dt.hour)["views"].sum().idxmax() for c, t in table.groupby("country")}
    assert len(set(peak.values())) >= 3


def test_an_hour_has_common_shocks():
    quiet = simulate_funnel(weeks=4, random_state=3, troubles=(), n_countries=3, n_apps=4)
    table = quiet.events.to_pandas()
    by_app = table.pivot_table(index="ts", columns="app", values="views", aggfunc="sum").apply(np.log)
    residual = by_app - by_app.groupby([by_app.index.day_of_week, by_app.index.hour]).transform("mean")
    correlation = residual.corr().to_numpy()
    assert np.median(correlation[~np.eye(len(correlation), dtype=bool)]) > 0.2


def test_truth_is_written_and_read_back(tmp_path: Path, funnel):
    events, truth = write_funnel(tmp_path / "deep" / "folder", funnel)
    assert pq.read_table(events).equals(funnel.events)
    assert read_troubles(truth) == funnel.troubles
    content = json.loads(truth.read_text(encoding="utf-8"))
    assert content["schema"] == "tocsin/troubles/1"
    assert set(content["troubles"][0]) == {
        "name", "kind", "slice", "start", "end", "kpi", "factor", "also", "harmful", "sentence",
    }  # fmt: skip
    truth.write_text('{"schema": "tocsin/troubles/9", "troubles": []}', encoding="utf-8")
    with pytest.raises(InputError, match="tocsin/troubles/1"):
        read_troubles(truth)


def test_own_troubles(clean):
    trouble = Trouble(
        name="mine",
        kind="install outage",
        slice=Slice((("country", "US"),)),
        start=clean.start + timedelta(days=8),
        end=clean.start + timedelta(days=8, hours=5),
        kpi="installs / clicks",
        factor=0.0,
        harmful=True,
        sentence="No installs in the US for 5 hours.",
    )
    made = simulate_funnel(**SMALL, random_state=7, troubles=[trouble])
    table = made.events.to_pandas()
    part = table[within(table, trouble)]
    assert part.clicks.sum() > 100
    assert part.installs.sum() == 0
    assert part.revenue.sum() == 0
    late = replace(trouble, end=clean.end + timedelta(hours=1))
    with pytest.raises(InputError, match="whole hours within"):
        simulate_funnel(**SMALL, troubles=[late])
    for items, message in (
        ((("planet", "US"),), "dimension"),
        ((("country", "XX"),), "US, IN"),
        ((("app", "app 99"),), "app 1"),
    ):
        with pytest.raises(InputError, match=message):
            simulate_funnel(**SMALL, troubles=[replace(trouble, slice=Slice(items))])
    with pytest.raises(InputError, match="below 1"):
        replace(trouble, factor=1.5)
    with pytest.raises(InputError, match="kind"):
        replace(trouble, kind="flood")


def test_single_events_count_back_to_the_rows(funnel):
    start = funnel.end - timedelta(hours=3)
    events = to_events(funnel, start=start).to_pandas()
    assert events["ts"].is_monotonic_increasing
    assert events[events.event != "install"]["revenue"].isna().all()
    events["hour"] = events["ts"].dt.floor("h")
    counted = events.pivot_table(
        index=["hour", *DIMENSIONS], columns="event", values="ts", aggfunc="count", fill_value=0
    )
    rows = funnel.events.to_pandas()
    rows = rows[rows["ts"] >= start].set_index(["ts", *DIMENSIONS]).sort_index()
    for event, measure in (("view", "views"), ("click", "clicks"), ("install", "installs")):
        assert (counted.sort_index()[event].to_numpy() == rows[measure].to_numpy()).all()
    revenue = events.groupby(["hour", *DIMENSIONS])["revenue"].sum().sort_index()
    np.testing.assert_allclose(revenue.to_numpy(), rows["revenue"].to_numpy(), atol=1e-9)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weeks": 0}, "weeks"),
        ({"n_countries": 41}, "country"),
        ({"n_apps": 0}, "app"),
        ({"n_partners": 27}, "partner"),
        ({"n_sdks": 13}, "sdk"),
        ({"views_per_hour": 0.0}, "views_per_hour"),
        ({"start": datetime(2026, 1, 5, 0, 30, tzinfo=UTC)}, "whole hour"),
        ({"weeks": 104, "n_countries": 40, "n_apps": 100}, "20,000,000"),
    ],
)
def test_sizes_out_of_range_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        simulate_funnel(**{**SMALL, **wrong})


def test_a_start_without_a_zone_is_refused():
    with pytest.raises(InputError, match="aware UTC"):
        simulate_funnel(**SMALL, start=datetime(2026, 1, 5))  # noqa: DTZ001
