"""A collection's histogram beside its evidence, and the rows of its parts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.report.histograms import draw_histogram, part_rows

BINS = [f"{hour:02}:00" for hour in range(24)]


def details(**changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "bins": BINS,
        "observed": [10] * 23 + [40],
        "expected": [12.0] * 24,
        "lower": [6.0] * 24,
        "upper": [20.0] * 24,
    }
    return {"histogram": {**given, **changes}}


def test_columns_marks_and_spreads_are_on_one_scale() -> None:
    drawn = draw_histogram(details())
    assert drawn is not None
    first, last = drawn.columns[0], drawn.columns[-1]
    assert (first.kind, last.kind) == ("usual", "more")
    assert first.height == pytest.approx(last.height / 4, abs=0.02)
    assert first.band_top < first.expected < first.band_top + first.band_height
    assert last.top < last.band_top, "above the spread"
    assert last.label == "23:00: 40, 6 to 20 expected"
    assert drawn.description == "24 bins; more than expected in 23:00"
    assert [tick.label for tick in drawn.x_ticks] == BINS[::3]
    assert drawn.x_ticks[0].value == pytest.approx(100 / 48, abs=0.01)


def test_fewer_than_expected_has_a_kind_of_its_own() -> None:
    drawn = draw_histogram(details(observed=[1] + [10] * 23))
    assert drawn is not None
    assert drawn.columns[0].kind == "less"
    assert "less than expected in 00:00" in drawn.description


def test_numbers_that_are_missing_are_not_drawn() -> None:
    drawn = draw_histogram(details(expected=[None] * 24, lower=[None] * 24, upper=[None] * 24))
    assert drawn is not None
    assert {column.band_height for column in drawn.columns} == {0.0}
    assert {column.kind for column in drawn.columns} == {"usual"}
    for changes in ({"observed": [1]}, {"bins": "no list"}, {"observed": ["x"] * 24, "expected": [None] * 24}):
        found = draw_histogram(details(**changes) | {"parts": []})
        assert found is None or found.columns[0].height == 0
    assert draw_histogram({}) is None
    assert draw_histogram({"histogram": [1, 2]}) is None
    assert draw_histogram(details(observed=[0] * 24, expected=[0] * 24, lower=[0] * 24, upper=[0] * 24)) is None


@given(st.lists(st.tuples(*[st.none() | st.floats() | st.integers(-(10**20), 10**20)] * 4), max_size=30))
def test_everything_that_is_drawn_is_inside_the_plot(rows: list[tuple[Any, ...]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[]] * 4
    names = ("observed", "expected", "lower", "upper")
    drawn = draw_histogram({"histogram": {"bins": ["<b>"] * len(rows), **dict(zip(names, columns, strict=True))}})
    if drawn is None:
        return
    for column in drawn.columns:
        assert 0 <= column.x <= column.x + column.width <= 100.01
        assert 0 <= column.top <= 100
        assert column.top + column.height == pytest.approx(100, abs=0.02)
        assert -0.01 <= column.band_top <= column.band_top + column.band_height <= 100.02


def test_parts_are_rows() -> None:
    volume = {"name": "volume", "observed": 500.0, "expected": 240.0, "lower": 200, "upper": 290.0, "p_value": 1e-8}
    shape = {"name": "shape", "observed": None, "p_value": 0.3}
    given = {"divergence": 0.058, "threshold": 0.0176, "parts": [shape, volume, {"name": "dispersion"}, "no part"]}
    rows = part_rows(json.loads(json.dumps(given)))
    assert [(row.name, row.observed, row.expected, row.p) for row in rows] == [
        ("volume", "500", "200 to 290", "1e-8"),
        ("shape", "0.058", "below 0.0176", "0.3"),
        ("dispersion", "–", "–", "–"),
    ]
    assert rows[0].plot is not None
    assert rows[0].plot.value > rows[0].plot.left + rows[0].plot.width
    assert part_rows({"parts": [shape]})[0].observed == "–"
