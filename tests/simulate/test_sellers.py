"""Simulated sellers: their truth, their shape and volumes, and the files."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tocsin.errors import InputError, NotEnoughData
from tocsin.simulate import (
    HOURS_OF_A_DAY,
    Farm,
    honest_counts,
    read_volumes,
    seller_records,
    simulate_sellers,
    simulate_volumes,
    write_sellers,
)


def test_the_truth_is_what_was_added():
    sellers = simulate_sellers(9, 80, alpha=0.3, random_state=3)
    added = (sellers.fine - sellers.honest).sum(axis=2)
    volumes = sellers.honest.sum(axis=2)
    assert (added[~sellers.farmed] == 0).all()
    np.testing.assert_array_equal(added[sellers.farmed], volumes[sellers.farmed])  # magnitude 1
    assert not sellers.farmed[:, :30].any()
    assert not sellers.farmed[volumes == 0].any()
    assert 0.2 < sellers.farmed[:, 30:].mean() < 0.4
    assert [farm.kind for farm in sellers.farms[:4]] == ["centralised", "equalised", "independent", "centralised"]
    np.testing.assert_array_equal(sellers.counts.sum(axis=2), sellers.fine.sum(axis=2))
    again = simulate_sellers(9, 80, alpha=0.3, random_state=3)
    np.testing.assert_array_equal(sellers.fine, again.fine)


def test_the_mean_day_is_the_papers_and_days_vary_more_than_chance():
    volumes = np.full((1, 400), 20_000)
    fine = honest_counts(volumes, np.random.default_rng(0))
    hours = fine.reshape(400, 24, 12).sum(axis=2)
    share = hours.mean(axis=0) / 20_000
    np.testing.assert_allclose(share, HOURS_OF_A_DAY / HOURS_OF_A_DAY.sum(), atol=0.01)
    assert (hours.sum(axis=1) == 20_000).all()
    expected = share * (1 - share)
    variance = (hours / 20_000).var(axis=0)
    busy = share > 0.05  # Dirichlet 1,000 beside multinomial 20,000, and the drift on top
    assert (variance[busy] > 10 * expected[busy] / 20_000).all()
    steady = honest_counts(volumes, np.random.default_rng(0), concentration=1e9).reshape(400, 24, 12).sum(axis=2)
    assert (np.diff(steady, axis=0).var(axis=0)[busy] < 2.6 * 20_000 * expected[busy]).all()


def test_volumes_have_the_traits_that_are_stated():
    start = pd.Timestamp("2026-01-05").date()
    volumes = simulate_volumes(400, 364, start, np.random.default_rng(0))
    medians = np.median(volumes, axis=1)
    assert 65 < np.median(medians) < 95
    large = volumes[medians > 100].astype(float)
    large[large == 0] = np.nan
    logs = np.log(large)
    weekend = np.arange(364) % 7 >= 5
    effect = np.nanmean(logs[:, weekend]) - np.nanmean(logs[:, ~weekend])
    assert 1.3 < np.exp(effect) < 1.7
    daily = np.diff(logs - np.where(weekend, effect, 0), axis=1)
    assert 0.15 < np.nanmedian(np.nanstd(daily, axis=1)) < 0.4
    assert 0.01 < (volumes == 0).mean() < 0.04
    means = np.array([30.0, 3_000.0])
    given = simulate_volumes(2, 200, start, np.random.default_rng(1), means=means)
    np.testing.assert_allclose(np.median(given, axis=1), means, rtol=0.5)


def test_files_hold_the_records_and_the_truth(tmp_path):
    sellers = simulate_sellers(6, 35, alpha=0.5, farms=[Farm("equalised", 1.0), Farm("centralised", 0.5)])
    paths = write_sellers(tmp_path / "new", sellers)
    records, truth = pd.read_parquet(paths[0]), pd.read_parquet(paths[1])
    assert records["ts"].is_monotonic_increasing
    counted = records.groupby(["seller", records["ts"].dt.tz_localize(None).dt.normalize()], observed=True).size()
    expected = truth.assign(all=truth["records"] + truth["fakes"]).set_index(["seller", "date"])["all"]
    expected = expected[expected > 0]
    assert counted.sort_index().to_dict() == expected.to_dict()
    equal = truth[truth["farmed"] & (truth["kind"] == "equalised")].iloc[0]
    of_day = records[(records["seller"] == equal["seller"]) & (records["ts"].dt.date == equal["date"].date())]
    assert (of_day["ts"].value_counts() % 2 == 0).all()
    said = json.loads(paths[2].read_text(encoding="utf-8"))
    assert (said["schema"], said["n_records"]) == ("tocsin/sellers/1", len(records))
    assert said["farms"][1] == {"kind": "centralised", "magnitude": 0.5, "width_seconds": [1800.0, 14400.0]}
    table, _ = seller_records(sellers)
    pd.testing.assert_frame_equal(table, records)


def test_real_volumes_are_read_and_kept():
    long = pd.DataFrame(
        {
            "shop_id": [7, 7, 9, 9],
            "date": ["2026-01-05", "2026-01-07", "2026-01-06", "2026-01-06"],
            "count": [5, 6, 1, 2],
        }
    )
    names, periods, volumes = read_volumes(long)
    assert (names, volumes.tolist()) == (["7", "9"], [[5, 0, 6], [0, 3, 0]])
    sellers = simulate_sellers(volumes=volumes, names=names, start=periods[0], alpha=0.0)
    np.testing.assert_array_equal(sellers.counts.sum(axis=2), volumes)
    assert sellers.periods[0] == pd.Timestamp("2026-01-05", tz="UTC")
    with pytest.raises(InputError, match="did you mean 'shop_id'"):
        read_volumes(long, entity="shop")
    with pytest.raises(InputError, match="whole number"):
        read_volumes(long.assign(count=-1))
    with pytest.raises(NotEnoughData):
        read_volumes(long.head(0))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"alpha": -0.1}, "0 to 1"),
        ({"volumes": [[-1, 2]]}, "whole numbers"),
        ({"volumes": [[10**8]]}, "10\\^7"),
        ({"n_sellers": 0}, "1 or more"),
        ({"n_sellers": 2, "names": ["a", "a"]}, "2 different"),
    ],
)
def test_sellers_that_cannot_be_are_refused(words, said):
    with pytest.raises(InputError, match=said):
        simulate_sellers(**words)
