"""Readable names: what is true of nearly all members of a type, and not of all others."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.relevancy.rows import COLLECTIONS, CONTEXTUAL, SERIES, SLICES, app, drop, rise, table_of
from tocsin.errors import InputError
from tocsin.model import Slice
from tocsin.relevancy import name_types


def test_names_say_what_sets_a_type_apart() -> None:
    at_night = [drop(hour) for hour in (22, 23, 0, 1, 2, 3, 4, 5)]
    weekends = [rise(hour, weekend=1.0) for hour in range(7, 21)]
    table = table_of(SLICES, *at_night, *weekends)
    clusters = [0] * 8 + [1] * 14
    slices = [*map(app, range(8)), *[Slice((("country", str(number)),)) for number in range(14)]]
    assert name_types(table, SLICES, clusters, slices=slices) == [
        "sharp drop at night, one app, on weekdays",
        "small rise over many slices, one country, at weekends",
    ]
    slices[:8] = [app(7)] * 8
    assert name_types(table, SLICES, clusters, slices=slices)[0] == "sharp drop at night, app 7, on weekdays"


def test_a_slice_is_named_once_and_as_exactly_as_it_can_be() -> None:
    """A country moved, and with it two of its apps: not "one country", since all of these are of one."""
    country, (one, other) = ("country", "DE"), (("app", "1"), ("app", "2"))
    slices = (
        [Slice((country,))] * 6 + [Slice((country, one))] * 6 + [Slice((country, one)), Slice((country, other))] * 3
    )
    table = table_of(SLICES, *[rise(12.0)] * 6, *[drop(12.0)] * 6, *[drop(12.0, -0.1)] * 6)
    assert name_types(table, SLICES, [0] * 6 + [1] * 6 + [2] * 6, slices=slices) == [
        "small rise over many slices, country DE",
        "sharp drop, country DE x app 1",
        "small drop, one country x app",
    ]


def test_what_all_share_is_not_told_and_nothing_that_holds_for_few() -> None:
    rows = [drop(12.0, run=math.log1p(1 + (number % 2) * 4)) for number in range(20)]
    other = [rise(12.0, run=math.log1p(1 + (number % 2) * 4)) for number in range(20)]
    names = name_types(table_of(SLICES, *rows, *other), SLICES, [0] * 20 + [1] * 20)
    assert names == ["sharp drop", "small rise over many slices"]


def test_hours_are_told_as_far_as_the_windows_are_short() -> None:
    def named(hours: list[float]) -> str:
        rest = [rise(hour) for hour in sorted({*hours, *np.arange(min(hours) % 6, 24, 6)})]
        table = table_of(SLICES, *[drop(hour) for hour in hours], *rest)
        return name_types(table, SLICES, [0] * len(hours) + [1] * len(rest))[0]

    assert named([9, 10, 11, 9, 10, 11]) == "sharp drop, 09:00-12:00"
    assert named([14, 15, 16, 17, 18]) == "sharp drop, 14:00-19:00"
    assert named([23, 0, 1, 23, 0]) == "sharp drop, 23:00-02:00"
    assert named([3, 9, 15, 21] * 3) == "sharp drop"
    assert named([6, 6, 6, 6]) == "sharp drop, 06:00-12:00", "of windows of six hours"
    days = table_of(SLICES, *[drop(0.0)] * 5, *[rise(0.0)] * 5)
    assert name_types(days, SLICES, [0] * 5 + [1] * 5)[0] == "sharp drop", "a window of a day is not at night"


def test_collections_are_named_by_what_is_odd_of_them() -> None:
    loud = math.log1p(6)
    volumes = [{"volume": 1.0, "volume_surprise": loud, "of_day": 1.0, "terms_4": 0.6, "terms_5": 0.3}] * 5
    clumped = [{"dispersion": 1.0, "dispersion_surprise": loud, "of_day": 1.0, "terms_10": 0.9}] * 5
    table = table_of(COLLECTIONS, *volumes, *clumped)
    clusters = [0] * 5 + [1] * 5
    assert name_types(table, COLLECTIONS, clusters) == [
        "too many records, 08:00-12:00",
        "clumped records, 20:00-22:00",
    ]
    table[:, COLLECTIONS.index("of_day")] = 0.0
    assert name_types(table, COLLECTIONS, clusters)[0] == "too many records", "bins that are no times of the day"


def test_entities_are_named_by_their_leading_indicator() -> None:
    high = [{"lead_share": 0.9, "evenness": 1.2, "lead_deviation": 2.0}] * 5
    even = [{"lead_share": 0.2, "evenness": 5.0, "lead_deviation": (-1.0) ** number} for number in range(6)]
    table = table_of(CONTEXTUAL, *high, *even)
    kpis = ["price"] * 5 + ["visits", "bounce", "age", "price", "depth", "share"]
    slices = [Slice((("publisher", str(number)),)) for number in range(11)]
    assert name_types(table, CONTEXTUAL, [0] * 5 + [1] * 6, slices=slices, kpis=kpis) == [
        "odd publisher: price too high, in one indicator",
        "odd publisher, in several indicators",
    ]
    assert name_types(table, CONTEXTUAL, [0] * 5 + [1] * 6)[0] == "odd entity, in one indicator"


def test_points_of_series_are_named_by_their_band() -> None:
    onset = [{"direction": 1.0, "beyond": 3.0, "duration": math.log1p(1)}] * 4
    lasting = [{"direction": -1.0, "beyond": -1.0, "duration": math.log1p(9)}] * 4
    table = table_of(SERIES, *onset, *lasting)
    assert name_types(table, SERIES, [0] * 4 + [1] * 4) == ["sharp rise, at its onset", "small drop, lasting"]


rows = st.lists(
    st.builds(
        lambda up, size, hour, weekend, breadth, depth: {
            "direction": 1.0 if up else -1.0, "size": size if up else -size, "hour": float(hour),
            "weekend": float(weekend), "breadth": math.log1p(breadth), "depth": float(depth),
        },
        st.booleans(), st.sampled_from([0.1, 0.4, 1.0]), st.integers(0, 23), st.booleans(), st.integers(1, 20),
        st.integers(0, 2),
    ),
    min_size=1,
    max_size=25,
)  # fmt: skip


@settings(deadline=None)
@given(rows, st.randoms(use_true_random=False), st.integers(1, 4))
def test_names_are_distinct_true_and_do_not_depend_on_the_order(rows: list, random: object, n_types: int) -> None:
    table = table_of(SLICES, *rows)
    clusters = np.array([place % n_types for place in range(len(rows))])
    names = name_types(table, SLICES, clusters)
    assert len(set(names)) == len(names) == clusters.max() + 1

    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert name_types(table[order], SLICES, clusters[order]) == names
    swapped = name_types(table, SLICES, clusters.max() - clusters)
    assert sorted(swapped) == sorted(names)

    told = {
        "drop": table[:, SLICES.index("direction")] < 0,
        "rise": table[:, SLICES.index("direction")] > 0,
        "sharp": np.abs(table[:, SLICES.index("size")]) >= math.log(2),
        "small": np.abs(table[:, SLICES.index("size")]) < math.log(1.25),
        "at weekends": table[:, SLICES.index("weekend")] == 1,
        "on weekdays": table[:, SLICES.index("weekend")] == 0,
        "over many slices": table[:, SLICES.index("breadth")] >= math.log1p(10),
        "of everything": table[:, SLICES.index("depth")] == 0,
    }
    for cluster, name in enumerate(names):
        for word, holds in told.items():
            assert word not in name or holds[clusters == cluster].mean() >= 0.8


def test_names_need_what_fits_together() -> None:
    table = table_of(SLICES, drop(3.0), drop(4.0))
    assert name_types(table[:0], SLICES, []) == []
    assert name_types(table, SLICES, [2, 2])[:2] == ["no anomalies", "no anomalies (2)"]
    with pytest.raises(InputError, match="slices"):
        name_types(table, SLICES, [0, 0], slices=[Slice()])
    with pytest.raises(InputError, match="names"):
        name_types(table, SLICES[1:], [0, 0])
