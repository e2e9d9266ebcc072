"""Range plots: an entity beside its peers, on an axis that shows both."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.report.ranges import draw_range

FINITE = st.floats(-1e9, 1e9)


@given(FINITE, FINITE, FINITE, FINITE)
def test_everything_is_on_the_axis_in_the_order_of_the_numbers(value: float, a: float, b: float, c: float) -> None:
    lower, median, upper = sorted((a, b, c))
    drawn = draw_range(value, lower, median, upper, "ctr")
    assert drawn is not None
    assert 0 <= drawn.left <= drawn.median <= drawn.left + drawn.width + 0.02
    assert drawn.left + drawn.width <= 101
    assert 0 <= drawn.value <= 100
    if value > upper and (drawn.value - drawn.median) > 0.01:
        assert drawn.value > drawn.left


def test_a_value_far_above_is_drawn_on_a_logarithmic_axis() -> None:
    drawn = draw_range(5.0, 0.01, 0.02, 0.05, "ctr")
    assert drawn is not None
    assert drawn.is_log
    assert drawn.width > 20, "the interval stays visible"
    assert drawn.ends == ("0.01", "5")
    assert drawn.description == "ctr: 5 is above the interval 0.01 to 0.05 that is expected, whose middle is 0.02"


def test_near_values_are_drawn_on_a_linear_axis() -> None:
    drawn = draw_range(0.0, 1.0, 2.0, 3.0, "views")
    assert drawn is not None
    assert not drawn.is_log
    assert (drawn.value, drawn.left + drawn.width) == (6.0, pytest.approx(94.0))
    assert "below" in drawn.description


@pytest.mark.parametrize("numbers", [(math.nan, 1, 2, 3), (1, math.nan, 2, 3), (1, 2, 3, math.inf), (1, 3, 2, 1)])
def test_missing_numbers_are_not_drawn(numbers: tuple[float, ...]) -> None:
    assert draw_range(*numbers, "ctr") is None


def test_peers_that_are_all_alike_are_drawn_in_the_middle() -> None:
    drawn = draw_range(2.0, 2.0, 2.0, 2.0, "ctr")
    assert drawn is not None
    assert (drawn.value, drawn.median) == (50.0, 50.0)
