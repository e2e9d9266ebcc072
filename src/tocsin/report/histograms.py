"""Geometry of a histogram beside the one that the evidence foretells, and the rows of its parts.

Places are percent of the plot from its top left. A missing or unbounded number is not drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tocsin.formatting import NOTHING, format_interval, format_number, format_p, make_visible, shorten
from tocsin.report.axes import Scale, Tick, number_ticks
from tocsin.report.charts import FULL
from tocsin.report.ranges import Range, draw_range
from tocsin.report.reading import number_of, records_of, sequence_of, text_of

__all__ = ["Column", "Histogram", "PartRow", "draw_histogram", "part_rows"]

MAX_BINS = 400
MAX_LABELS = 8
_LARGEST = 1e150
_GAP = 0.12
"""Of a bin's width, on either side of its column."""
_PARTS = {
    "shape": ("shape", "divergence from the evidence, nats"),
    "volume": ("volume", "records"),
    "dispersion": ("dispersion", "index of dispersion, 1 = as chance has it"),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One bin: its column, the mark of what is expected and its interval; `kind` is more, less or usual."""

    x: float
    width: float
    top: float
    height: float
    expected: float
    band_top: float
    band_height: float
    kind: str
    label: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Observed columns with the expected counts and their intervals."""

    columns: tuple[Column, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    description: str


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part of the judgement as text; its plot where its figures are known."""

    name: str
    about: str
    observed: str
    expected: str
    p: str
    plot: Range | None


def draw_histogram(details: Mapping[str, Any]) -> Histogram | None:
    """Draw details["histogram"]: lists bins, observed, expected, lower, upper; None where there is none to draw."""
    given = details.get("histogram")
    if not isinstance(given, Mapping):
        return None
    labels = [shorten(make_visible(text_of(label)), 40) for label in sequence_of(given.get("bins"))][:MAX_BINS]
    names = ("observed", "expected", "lower", "upper")
    series = [[number_of(value) for value in sequence_of(given.get(name))][: len(labels)] for name in names]
    if not labels or any(len(values) != len(labels) for values in series):
        return None
    known = [value for values in series for value in values if _is_known(value)]
    if not known or max(known) <= 0:
        return None
    y_ticks = number_ticks(0.0, max(known), "amount")
    y = Scale(y_ticks[0].value, y_ticks[-1].value, FULL, 0)
    step = FULL / len(labels)
    columns = tuple(
        _column(index * step, step, label, values, y)
        for index, (label, *values) in enumerate(zip(labels, *series, strict=True))
    )
    return Histogram(
        columns=columns,
        x_ticks=_labels(labels, step),
        y_ticks=tuple(Tick(round(y(tick.value), 2), tick.label, tick.minor) for tick in y_ticks),
        description=_description(labels, columns),
    )


def _is_known(value: float) -> bool:
    return math.isfinite(value) and 0 <= value < _LARGEST


def _column(left: float, step: float, label: str, values: Sequence[float], y: Scale) -> Column:
    observed, expected, lower, upper = (value if _is_known(value) else math.nan for value in values)
    top = y(observed) if observed == observed else FULL
    middle = y(expected) if expected == expected else FULL
    has_band = lower == lower and upper == upper and lower <= upper
    high, low = (y(upper), y(lower)) if has_band else (middle, middle)
    usual = format_interval(lower, upper) if has_band else format_number(expected)
    return Column(
        x=round(left + _GAP * step, 2),
        width=round((1 - 2 * _GAP) * step, 2),
        top=round(top, 2),
        height=round(FULL - top, 2),
        expected=round(middle, 2),
        band_top=round(high, 2),
        band_height=round(low - high, 2),
        kind="more" if observed > upper else "less" if observed < lower else "usual",
        label=f"{label}: {format_number(observed)}, {usual} expected",
    )


def _labels(labels: Sequence[str], step: float) -> tuple[Tick, ...]:
    """Every n-th label, under the middle of its bin; every second loses its label where there is little room."""
    every = -(-len(labels) // MAX_LABELS)
    chosen = range(0, len(labels), every)
    return tuple(
        Tick(round((index + 0.5) * step, 2), shorten(labels[index], 14), minor=bool(place % 2))
        for place, index in enumerate(chosen)
    )


def _description(labels: Sequence[str], columns: Sequence[Column]) -> str:
    more = [label for label, column in zip(labels, columns, strict=True) if column.kind == "more"]
    less = [label for label, column in zip(labels, columns, strict=True) if column.kind == "less"]
    said = [f"{word} than expected in {_listed(found)}" for word, found in (("more", more), ("less", less)) if found]
    return f"{len(labels)} bins; " + ("; ".join(said) or "all within what is expected")


def _listed(labels: Sequence[str]) -> str:
    rest = f" and {len(labels) - 5} more" if len(labels) > 5 else ""
    return ", ".join(labels[:5]) + rest


def part_rows(details: Mapping[str, Any]) -> tuple[PartRow, ...]:
    """The rows of details["parts"], the oddest first: name, observed, expected, lower, upper, p_value.

    The shape's figures, where it has none of its own, are the divergence and the threshold of the details.
    """
    rows = []
    for item in sorted(records_of(details, "parts")[: 2 * len(_PARTS)], key=_rank):
        if item.get("name") == "shape" and item.get("observed") is None:
            rows.append(_shape_row(details, number_of(item.get("p_value"))))
            continue
        name, about = _PARTS.get(text_of(item.get("name")), (text_of(item.get("name")), ""))
        observed, expected, lower, upper = (
            number_of(item.get(key)) for key in ("observed", "expected", "lower", "upper")
        )
        interval = format_interval(lower, upper)
        rows.append(
            PartRow(
                name=name,
                about=about,
                observed=format_number(observed),
                expected=interval if interval != NOTHING else format_number(expected),
                p=format_p(number_of(item.get("p_value"))),
                plot=draw_range(observed, lower, expected, upper, name),
            )
        )
    return tuple(rows)


def _rank(item: Mapping[str, Any]) -> float:
    p_value = number_of(item.get("p_value"))
    return p_value if math.isfinite(p_value) else math.inf


def _shape_row(details: Mapping[str, Any], p_value: float) -> PartRow:
    name, about = _PARTS["shape"]
    observed, threshold = number_of(details.get("divergence")), number_of(details.get("threshold"))
    expected = f"below {format_number(threshold)}" if math.isfinite(threshold) else NOTHING
    return PartRow(name, about, format_number(observed), expected, format_p(p_value), None)
