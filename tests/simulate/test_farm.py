"""Click farming: how many fakes there are and where they lie, on records, on counts, and in one's own table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tocsin.errors import InputError, NotEnoughData
from tocsin.simulate import KINDS, Farm, UniformWidth, draw_fakes, farm_counts, farm_records, spell_out

DAY = 86_400


def records_of(volumes, seed=0):
    """Random times of day of collections of so many records, in no order."""
    chance = np.random.default_rng(seed)
    collection = chance.permutation(np.repeat(np.arange(len(volumes)), volumes))
    return collection, chance.uniform(0, DAY, len(collection))


def own_records(n_days=40, per_day=50, seed=0):
    chance = np.random.default_rng(seed)
    day = np.repeat(np.arange(n_days), per_day)
    times = pd.Timestamp("2026-01-05") + pd.to_timedelta(day * DAY + chance.integers(0, DAY, len(day)), unit="s")
    return pd.DataFrame({"seller": chance.choice(["a", "b"], len(day)), "ts": times, "price": chance.random(len(day))})


@pytest.mark.parametrize("kind", KINDS)
@given(
    volumes=st.lists(st.integers(0, 40), min_size=1, max_size=8),
    magnitude=st.floats(0.01, 3),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_only_farmed_collections_get_fakes_and_as_many_as_the_magnitude_says(kind, volumes, magnitude, seed):
    collection, seconds = records_of(volumes, seed)
    farmed = np.arange(len(volumes)) % 2 == 0
    fakes = draw_fakes(np.random.default_rng(seed), collection, seconds, farmed, Farm(kind, magnitude))
    got = np.bincount(collection[fakes.source], minlength=len(volumes))
    wanted = magnitude * np.array(volumes) * farmed
    if kind == "equalised":  # the fraction of a duplicate is by chance
        assert (got >= np.floor(magnitude) * np.array(volumes) * farmed).all()
        assert (got <= np.ceil(magnitude) * np.array(volumes) * farmed).all()
        np.testing.assert_array_equal(fakes.seconds, seconds[fakes.source])
    else:
        np.testing.assert_allclose(got, wanted, atol=0.5)
    assert ((fakes.seconds >= 0) & (fakes.seconds < DAY)).all()
    if kind == "independent":
        assert (np.abs(fakes.seconds - seconds[fakes.source]) <= 1_800).all()


def test_a_centralised_burst_lies_around_one_record_with_the_width_given():
    collection, seconds = np.zeros(200, dtype=int), np.full(200, 43_200.0)
    farm = Farm("centralised", 100.0, lambda chance, n: np.full(n, 3_600.0))
    fakes = draw_fakes(np.random.default_rng(0), collection, seconds, np.array([True]), farm)
    assert len(fakes.seconds) == 20_000
    assert stats.kstest(fakes.seconds, stats.norm(43_200, 3_600).cdf).pvalue > 0.001
    # over midnight it goes on the other end of the day
    late = draw_fakes(np.random.default_rng(0), collection, np.full(200, DAY - 1.0), np.array([True]), farm)
    assert 0.45 < (late.seconds < DAY / 2).mean() < 0.55


@pytest.mark.parametrize("kind", KINDS)
def test_counts_and_records_are_farmed_alike(kind):
    """The mean histogram of many farmed days is the same by either way."""
    chance = np.random.default_rng(1)
    shape = chance.dirichlet(np.full(24, 2.0))
    honest = np.repeat(chance.multinomial(60, np.repeat(shape, 2) / 2)[None], 3_000, axis=0)
    farmed, farm = np.ones(3_000, dtype=bool), Farm(kind, 1.5)
    by_counts = farm_counts(np.random.default_rng(2), honest, farmed, farm)
    collection, seconds = spell_out(honest, np.random.default_rng(3))
    fakes = draw_fakes(np.random.default_rng(4), collection, seconds, farmed, farm)
    by_records = honest.sum(axis=0) + np.bincount((fakes.seconds / 1_800).astype(int), minlength=48)
    added = by_counts.sum(axis=0) - honest.sum(axis=0)
    assert (by_counts >= honest).all()
    total = by_records.sum() - honest.sum()
    tolerance = 0.01 if kind != "equalised" else 0.004
    np.testing.assert_allclose(added / added.sum(), (by_records - honest.sum(axis=0)) / total, atol=tolerance)
    assert added.sum() == pytest.approx(1.5 * honest.sum(), rel=0.01)


def test_counts_of_any_shape_huge_counts_and_closed_days():
    counts = np.zeros((2, 3, 24), dtype=np.int32)
    counts[0, 0, 5], counts[1, 2, 7] = 10, 4
    farmed = np.ones((2, 3), dtype=bool)
    farmed[1, 2] = False
    total = farm_counts(np.random.default_rng(0), counts, farmed, Farm("equalised", 2.0))
    assert total.dtype == np.int64
    assert total.shape == counts.shape
    assert (total[0, 0, 5], total[1, 2, 7], total.sum()) == (30, 4, 34)
    huge = np.full((1, 24), 10**12)
    assert farm_counts(np.random.default_rng(0), huge, np.array([True]), Farm("equalised", 1.0)).sum() == 48 * 10**12
    with pytest.raises(InputError, match="200,000,000"):
        farm_counts(np.random.default_rng(0), huge, np.array([True]), Farm("centralised", 1.0))
    with pytest.raises(InputError, match="0 or more"):
        farm_counts(np.random.default_rng(0), -counts, farmed, Farm())
    with pytest.raises(InputError, match="shape"):
        farm_counts(np.random.default_rng(0), counts, farmed[0], Farm())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"kind": "centralized"}, "centralised"),
        ({"magnitude": 0}, "above 0"),
        ({"magnitude": float("nan")}, "above 0"),
    ],
)
def test_a_farm_that_is_none_is_refused(words, said):
    with pytest.raises(InputError, match=said):
        Farm(**words)
    with pytest.raises(InputError, match="width"):
        UniformWidth(5.0, 1.0)
    farm = Farm(width=lambda chance, n: np.full(n, np.nan))
    with pytest.raises(InputError, match="bursts"):
        farm_counts(np.random.default_rng(0), np.ones((1, 24), dtype=int), np.array([True]), farm)


@pytest.mark.parametrize("kind", KINDS)
def test_ones_own_records_keep_their_rows_and_the_truth_counts_the_fakes(kind):
    table = own_records()
    farmed = farm_records(table, Farm(kind, 0.5), entity="seller", time="ts", alpha=0.5, since="2026-01-15")
    assert farmed.table.dtypes.to_dict() == table.dtypes.to_dict()
    assert farmed.table["ts"].is_monotonic_increasing
    truth = farmed.truth
    assert truth["records"].sum() == len(table)
    assert len(farmed.table) == len(table) + truth["fakes"].sum()
    assert not truth.loc[truth["date"] < "2026-01-15", "farmed"].any()
    assert 0.3 < truth.loc[truth["date"] >= "2026-01-15", "farmed"].mean() < 0.7
    by_day = farmed.table.groupby(["seller", farmed.table["ts"].dt.normalize()]).size()
    expected = truth.assign(all=truth["records"] + truth["fakes"]).set_index(["seller", "date"])["all"]
    assert by_day.tolist() == expected.tolist()
    merged = farmed.table.merge(table.drop_duplicates(), on=["seller", "ts", "price"], how="inner")
    assert len(merged) >= len(table)  # every honest record is still there
    again = farm_records(table, Farm(kind, 0.5), entity="seller", time="ts", alpha=0.5, since="2026-01-15")
    pd.testing.assert_frame_equal(farmed.table, again.table)
    other = farm_records(table, Farm(kind, 0.5), entity="seller", time="ts", alpha=0.5, random_state=1)
    assert other.truth["farmed"].tolist() != truth["farmed"].tolist()


def test_days_are_the_time_zones_also_when_clocks_change():
    times = pd.date_range("2026-03-28 12:00", "2026-03-30 12:00", freq="7min", tz="UTC")
    table = pd.DataFrame({"seller": "a", "ts": times})
    for kind in KINDS:
        farmed = farm_records(table, Farm(kind, 1.0), entity="seller", time="ts", alpha=1.0, timezone="Europe/Berlin")
        local = farmed.table["ts"].dt.tz_convert("Europe/Berlin").dt.tz_localize(None).dt.normalize()
        got = local.value_counts().sort_index()
        truth = farmed.truth.set_index("date")
        assert got.tolist() == (truth["records"] + truth["fakes"]).tolist()
        assert truth.index.tolist() == list(pd.date_range("2026-03-28", "2026-03-30"))


def test_texts_are_read_and_what_is_no_record_is_kept_and_counted():
    table = own_records(4, 10).astype({"ts": str})
    table.loc[3, "ts"] = "soon"
    table.loc[5, "seller"] = None
    table.loc[7, "ts"] = None
    farmed = farm_records(table, Farm("equalised"), entity="seller", time="ts", alpha=1.0)
    assert farmed.n_unusable == 3
    assert farmed.truth["records"].sum() == 37
    assert len(farmed.table) == 2 * 37 + 3
    assert farmed.table["price"].tail(3).tolist() == table["price"][[3, 5, 7]].tolist()


@pytest.mark.parametrize(
    ("change", "words", "error", "said"),
    [
        (None, {"entity": "selle"}, InputError, "did you mean 'seller'"),
        (None, {"time": "price"}, InputError, "timestamps"),
        (None, {"alpha": 1.5}, InputError, "0 to 1"),
        (None, {"timezone": "Europ/Berlin"}, InputError, "time zone"),
        (None, {"since": "soon"}, InputError, "ISO date"),
        (lambda table: table.head(0), {}, NotEnoughData, "at least one"),
        (lambda table: table.assign(ts=pd.NaT), {}, NotEnoughData, "2,000 without"),
    ],
)
def test_what_cannot_be_farmed_is_said(change, words, error, said):
    table = own_records()
    with pytest.raises(error, match=said):
        farm_records(table if change is None else change(table), Farm(), **{"entity": "seller", "time": "ts", **words})
