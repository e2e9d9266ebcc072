"""Geometry of the range plots: where an entity lies in each indicator, beside those in the same context."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tocsin.formatting import format_number
from tocsin.report.axes import Scale
from tocsin.report.charts import FULL

__all__ = ["Range", "draw_range"]

_LOG_FROM = 30.0
"""Positive numbers that differ by more than this factor are drawn on a logarithmic axis."""
_MARGIN = 6.0
_NARROWEST = 0.8
_LARGEST = 1e150


@dataclass(frozen=True, slots=True)
class Range:
    """One plot; places in percent of its width.

    left, width : the interval of the peers; median: theirs; value: the entity's own
    ends        : the numbers at the edges of the axis
    """

    left: float
    width: float
    median: float
    value: float
    is_log: bool
    ends: tuple[str, str]
    description: str


def draw_range(value: float, lower: float, median: float, upper: float, name: str) -> Range | None:
    """Place an observed number beside the interval and the median of its peers; None where one of them is missing."""
    numbers = (value, lower, median, upper)
    if not all(math.isfinite(number) and abs(number) < _LARGEST for number in numbers) or lower > upper:
        return None
    low, high = min(numbers), max(numbers)
    is_log = low > 0 and high / low > _LOG_FROM
    places = [math.log(number) for number in numbers] if is_log else list(numbers)
    if min(places) == max(places):
        x = Scale(places[0] - 1, places[0] + 1, 0, FULL)
    else:
        x = Scale(min(places), max(places), _MARGIN, FULL - _MARGIN)
    own, left, middle, right = (x(place) for place in places)
    words = "below" if value < lower else "above" if value > upper else "inside"
    return Range(
        left=round(left, 2),
        width=round(max(right - left, _NARROWEST), 2),
        median=round(middle, 2),
        value=round(own, 2),
        is_log=is_log,
        ends=(format_number(low), format_number(high)),
        description=f"{name}: {format_number(value)} is {words} the interval {format_number(lower)} to "
        f"{format_number(upper)} that is expected, whose middle is {format_number(median)}",
    )
