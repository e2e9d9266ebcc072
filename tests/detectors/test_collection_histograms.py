"""Counts of a table's records are those of looking at one record after another."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin import CollectionDetector
from tocsin.detectors.collections.histograms import count_records
from tocsin.errors import InputError, NotEnoughData

BERLIN = ZoneInfo("Europe/Berlin")
AUTUMN, SPRING = datetime(2026, 10, 25, tzinfo=BERLIN), datetime(2026, 3, 29, tzinfo=BERLIN)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 4 * 86_400 - 1)).map(list), min_size=1, max_size=60),
    st.sampled_from([AUTUMN, SPRING]),
)
def test_days_and_bins_are_those_of_the_wall_clock(records, first):
    begin = first.timestamp() - 86_400
    table = pd.DataFrame(records, columns=["who", "seconds"])
    table["ts"] = pd.to_datetime(begin + table["seconds"], unit="s", utc=True)
    counted = count_records(table, entity="who", time="ts", bins=24, fine=96, timezone="Europe/Berlin")
    expected = np.zeros_like(counted.counts)
    for who, moment in zip(table["who"], table["ts"], strict=True):
        local = moment.to_pydatetime().astimezone(BERLIN)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)
        expected[counted.entities.get_loc(who), counted.periods.get_loc(pd.Timestamp(midnight)), local.hour] += 1
    assert np.array_equal(counted.counts, expected)
    assert np.array_equal(counted.fine.reshape(*expected.shape, 4).sum(axis=3), expected)
    assert counted.labels[19] == "19:00"
    assert not counted.left_out


def test_clock_changes_move_no_bin():
    hours = pd.date_range("2026-10-23", "2026-10-29", freq="h", tz="Europe/Berlin", inclusive="left")
    counted = count_records(pd.DataFrame({"who": "a", "ts": hours}), entity="who", time="ts", timezone="Europe/Berlin")
    assert counted.counts[0, 2].tolist() == [1, 1, 2, *[1] * 21]  # 25 hours
    assert (counted.counts[0, [0, 1, 3, 4, 5]] == 1).all()
    assert (counted.periods[3] - counted.periods[2]).total_seconds() == 25 * 3600
    hours = pd.date_range("2026-03-28", "2026-03-31", freq="h", tz="Europe/Berlin", inclusive="left")
    counted = count_records(pd.DataFrame({"who": "a", "ts": hours}), entity="who", time="ts", timezone="Europe/Berlin")
    assert counted.counts[0, 1].tolist() == [1, 1, 0, *[1] * 21]


def test_what_cannot_be_counted_is_reported():
    table = pd.DataFrame(
        {
            "who": ["a", None, "a", "b", "b"],
            "ts": ["2026-01-01 10:00", "2026-01-01", "not a time", None, "2026-01-03T23:59:59.999Z"],
            "price": [1.0, 2.0, 3.0, 4.0, np.inf],
        }
    )
    counted = count_records(table, entity="who", time="ts")
    assert counted.counts.shape == (2, 3, 24)
    assert counted.counts.sum() == 2
    assert counted.left_out == {"no entity": 1, "no time": 2}
    assert counted.counts[1, 2, 23] == counted.fine[1, 2, 287] == 1
    with pytest.raises(InputError, match="did you mean 'who'"):
        count_records(table, entity="whom", time="ts")
    with pytest.raises(InputError, match="times"):
        count_records(table, entity="who", time="price")
    with pytest.raises(InputError, match="time zone"):
        count_records(table, entity="who", time="ts", timezone="Mars/Base")
    with pytest.raises(InputError, match="spans"):
        count_records(table, entity="who", time="ts", bins=0)
    with pytest.raises(NotEnoughData):
        count_records(table[:0], entity="who", time="ts")
    with pytest.raises(InputError, match="at most"):
        count_records(table, entity="who", time="ts", bins=86_400, fine=10**10)


def test_numbers_categories_and_characters():
    table = pd.DataFrame({"who": "a", "ts": pd.Timestamp("2026-01-01", tz="UTC"), "price": [1, 2, 2, 9, 50, None]})
    table["kind"] = ["x", "y", "y", "z", None, "x"]
    table["text"] = ["ab", "b", "", None, "é\U0001f600", "A"]
    by = {"entity": "who", "time": "ts", "fine": None}
    counted = count_records(table, **by, value="price", bins=[0, 2, 10])
    assert counted.counts.tolist() == [[[1, 4]]]
    assert counted.labels == ("0 to 2", "2 to 10")
    assert counted.left_out == {"no value": 1}
    assert count_records(table, **by, value="price", bins=2).counts.sum() == 5
    step = count_records(table, **by, value="price", bins="step")
    width = 0.5 * np.std([1, 2, 2, 9, 50]) * 5**-0.2
    assert len(step.labels) == np.ceil(49 / width)
    kinds = count_records(table, **by, value="kind", bins=["y", "x"])
    assert kinds.counts.tolist() == [[[2, 2, 1]]]
    assert kinds.labels == ("y", "x", "other")
    letters = count_records(table, **by, value="text", bins="characters").counts[0, 0]
    assert (letters[ord("a")], letters[ord("b")], letters[ord("A")], letters[128], letters.sum()) == (1, 2, 1, 2, 6)
    with pytest.raises(InputError, match="Bins"):
        count_records(table, **by, value="price", bins=[3, 2])


def test_large_collections_are_sampled_by_chance_alone():
    random = np.random.default_rng(0)
    ts = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(random.random(10_000) * 86_400, unit="s")
    table = pd.DataFrame({"who": np.where(random.random(10_000) < 0.01, "small", "large"), "ts": ts})
    full = count_records(table, entity="who", time="ts")
    drawn = [count_records(table, entity="who", time="ts", most_records=2_000, random_state=seed) for seed in (1, 1, 2)]
    assert drawn[0].counts[0].sum() == drawn[0].fine[0].sum() == 2_000
    assert np.array_equal(drawn[0].counts[1], full.counts[1])
    assert drawn[0].left_out == {"not sampled": int(full.counts[0].sum()) - 2_000}
    assert np.array_equal(drawn[0].counts, drawn[1].counts)
    assert not np.array_equal(drawn[0].counts, drawn[2].counts)
    expected = full.counts[0, 0] / full.counts[0, 0].sum() * 2_000
    assert ((drawn[0].counts[0, 0] - expected) ** 2 / expected).sum() < 60


def test_all_kinds_of_tables_and_a_detector_take_the_counts():
    import polars as pl
    import pyarrow as pa

    random = np.random.default_rng(1)
    ts = pd.Timestamp("2026-01-01") + pd.to_timedelta(random.random(20_000) * 20 * 86_400, unit="s")
    table = pd.DataFrame({"who": random.choice(["b", "a"], 20_000), "ts": ts, "more": 1})
    counted = count_records(table, entity="who", time="ts")
    for other in (pl.from_pandas(table), pl.from_pandas(table).lazy(), pa.Table.from_pandas(table)):
        assert np.array_equal(count_records(other, entity="who", time="ts").counts, counted.counts)
    assert counted.entities.tolist() == ["a", "b"]
    detector = CollectionDetector(mode="faithful", level="both", threshold="3sigma")
    detector.fit(counted.counts[:, :-1], counted.periods[:-1], fine=counted.fine[:, :-1])
    result = detector.update(counted.counts[:, -1], counted.periods[-1], fine=counted.fine[:, -1])
    assert (result["status"] == "tested").all()
