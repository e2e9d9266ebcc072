"""Geometry of the charts: where every line, mark and label goes. The templates only write it down as SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median

from tocsin.formatting import NOTHING, format_change, format_interval, format_value, format_window
from tocsin.model import Window
from tocsin.report.axes import Scale, Tick, number_ticks, time_ticks

__all__ = ["FULL", "MAX_HITS", "Chart", "Hit", "Mark", "Point", "draw_series"]

FULL = 100.0
"""Both axes of a plot run from 0 to 100, so that lines can be stretched to any size and marks placed in percent."""
MAX_HITS = 240
"""At most so many places of a chart answer to the pointer; more would be narrower than a pointer."""
_DENSE = 400
"""Above so many points lines and marks are drawn finer."""
_LARGEST = 1e150


@dataclass(frozen=True, slots=True)
class Point:
    """One window of a series; NaN = missing."""

    start: datetime
    value: float
    expected: float
    lower: float
    upper: float
    flagged: bool


@dataclass(frozen=True, slots=True)
class Mark:
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Hit:
    """A column of a chart that tells its values: its left edge, width, middle and text."""

    x: float
    width: float
    mark: Mark | None
    label: str
    flagged: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """A time series with its band. All places are percent of the plot from its top left; paths are SVG data."""

    actual: str
    expected: str
    band: str
    lone: tuple[Mark, ...]
    flags: tuple[Mark, ...]
    flags_missing: tuple[Mark, ...]
    hits: tuple[Hit, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    shade: tuple[float, float]
    description: str
    is_dense: bool


def draw_series(points: Sequence[Point], shaded: Window, unit: str, timezone: str) -> Chart | None:
    """Draw a series of windows ordered by time.

    Parameters
    ----------
    points : sequence of Point
    shaded : Window
        The time that is emphasised.
    unit : {"ratio", "amount"}
    timezone : str
        Of the labels.

    Returns
    -------
    Chart or None
        None where no point has a value or an expectation.
    """
    domain = _domain(points)
    if domain is None:
        return None
    step = _step(points, shaded)
    y_ticks = number_ticks(*domain, unit)
    start, end = points[0].start, points[-1].start + step
    x = Scale(start.timestamp(), end.timestamp(), 0, FULL)
    y = Scale(y_ticks[0].value, y_ticks[-1].value, FULL, 0)
    middles = [x((point.start + step / 2).timestamp()) for point in points]
    runs = _runs(points, step)
    flagged = [(middle, point) for middle, point in zip(middles, points, strict=True) if point.flagged]
    edges = [x(shaded.start.timestamp()), x(shaded.end.timestamp())]
    return Chart(
        actual=_line(middles, [point.value for point in points], runs, y),
        expected=_line(middles, [point.expected for point in points], runs, y),
        band=_band(middles, points, runs, y, half=FULL * (step / (end - start)) / 2),
        lone=_lone(middles, points, runs, y),
        flags=tuple(Mark(round(m, 2), round(y(point.value), 2)) for m, point in flagged if _known(point.value)),
        flags_missing=tuple(Mark(round(m, 2), y.start) for m, point in flagged if not _known(point.value)),
        hits=_hits(points, middles, y, step, unit, timezone),
        x_ticks=tuple(Tick(round(x(t.value), 2), t.label, t.minor) for t in time_ticks(start, end, timezone)),
        y_ticks=tuple(Tick(round(y(t.value), 2), t.label, t.minor) for t in y_ticks),
        shade=(round(edges[0], 2), round(max(edges[1] - edges[0], 0.2), 2)),
        description=_description(points, unit, timezone, step),
        is_dense=len(points) > _DENSE,
    )


def _known(value: float) -> bool:
    return math.isfinite(value) and abs(value) < _LARGEST


def _step(points: Sequence[Point], shaded: Window) -> timedelta:
    gaps = [(after.start - before.start).total_seconds() for before, after in pairwise(points)]
    return timedelta(seconds=median(gaps)) if gaps else shaded.end - shaded.start


def _domain(points: Sequence[Point]) -> tuple[float, float] | None:
    """The range to show: values, expectations, the band as far as it stays readable; from 0 where that is near."""
    core = [v for point in points for v in (point.value, point.expected) if _known(v)]
    if not core:
        return None
    low, high = min(core), max(core)
    reach = 2 * max(high - low, abs(high), abs(low))
    low = min([low] + [max(point.lower, low - reach) for point in points if _known(point.lower)])
    high = max([high] + [min(point.upper, high + reach) for point in points if _known(point.upper)])
    if 0 <= low < 0.6 * high:
        low = 0.0
    if high - low <= 1e-9 * max(abs(high), abs(low)):
        pad = abs(high) / 2 or 1.0
        low, high = low - pad, high + pad
    return low, high


def _runs(points: Sequence[Point], step: timedelta) -> list[range]:
    """Stretches of points without a window missing between them."""
    breaks = [i for i in range(1, len(points)) if points[i].start - points[i - 1].start > 1.5 * step]
    edges = [0, *breaks, len(points)]
    return [range(first, last) for first, last in pairwise(edges)]


def _line(middles: Sequence[float], values: Sequence[float], runs: Sequence[range], y: Scale) -> str:
    parts = []
    for run in runs:
        pen = "M"
        for i in run:
            if not _known(values[i]):
                pen = "M"
                continue
            parts.append(f"{pen}{middles[i]:.2f} {y(values[i]):.2f}")
            pen = "L"
    return "".join(parts)


def _lone(middles: Sequence[float], points: Sequence[Point], runs: Sequence[range], y: Scale) -> tuple[Mark, ...]:
    """Points without a neighbour: no line would show them."""
    lone = []
    for run in runs:
        for i in run:
            beside = [j for j in (i - 1, i + 1) if j in run and _known(points[j].value)]
            if _known(points[i].value) and not beside:
                lone.append(Mark(round(middles[i], 2), round(y(points[i].value), 2)))
    return tuple(lone)


def _band(middles: Sequence[float], points: Sequence[Point], runs: Sequence[range], y: Scale, half: float) -> str:
    """One closed shape a stretch; an infinite end is drawn at the edge, a missing one leaves a gap."""
    parts, stretch = [], []
    for run in runs:
        for i in [*run, None]:
            if i is not None and not (math.isnan(points[i].lower) or math.isnan(points[i].upper)):
                stretch.append(i)
                continue
            if len(stretch) == 1:
                (only,) = stretch
                top, bottom = y(points[only].upper), y(points[only].lower)
                left, right = middles[only] - half, middles[only] + half
                parts.append(f"M{left:.2f} {top:.2f}H{right:.2f}V{bottom:.2f}H{left:.2f}Z")
            elif stretch:
                over = "L".join(f"{middles[j]:.2f} {y(points[j].upper):.2f}" for j in stretch)
                under = "L".join(f"{middles[j]:.2f} {y(points[j].lower):.2f}" for j in reversed(stretch))
                parts.append(f"M{over}L{under}Z")
            stretch = []
    return "".join(parts)


def _hits(
    points: Sequence[Point], middles: Sequence[float], y: Scale, step: timedelta, unit: str, timezone: str
) -> tuple[Hit, ...]:
    """Columns that answer to the pointer; of several points in one column the flagged one speaks."""
    size = math.ceil(len(points) / MAX_HITS)
    groups = [range(first, min(first + size, len(points))) for first in range(0, len(points), size)]
    spoken = [next((i for i in group if points[i].flagged), group[len(group) // 2]) for group in groups]
    borders = [0.0, *((middles[a] + middles[b]) / 2 for a, b in pairwise(spoken)), FULL]
    hits = []
    for (left, right), i in zip(pairwise(borders), spoken, strict=True):
        point = points[i]
        mark = Mark(round(middles[i], 2), round(y(point.value), 2)) if _known(point.value) else None
        label = _label(point, step, unit, timezone)
        hits.append(Hit(round(left, 2), round(max(right - left, 0.05), 2), mark, label, point.flagged))
    return tuple(hits)


def _label(point: Point, step: timedelta, unit: str, timezone: str) -> str:
    value = format_value(point.value, unit) if _known(point.value) else "no value"
    interval = format_interval(point.lower, point.upper, unit)
    expected = f" (expected {interval})" if interval != NOTHING else ""
    if not expected and _known(point.expected):
        expected = f" (expected {format_value(point.expected, unit)})"
    compared = point.flagged and _known(point.value) and _known(point.expected)
    change = f", {format_change(point.value, point.expected)}" if compared else ""
    return f"{format_window(Window(point.start, point.start + step), timezone)}: {value}{expected}{change}"


def _description(points: Sequence[Point], unit: str, timezone: str, step: timedelta) -> str:
    known = [point.value for point in points if _known(point.value)]
    whole = format_window(Window(points[0].start, points[-1].start + step), timezone)
    spread = f"values {format_value(min(known), unit)} to {format_value(max(known), unit)}" if known else "no values"
    n_flagged = sum(point.flagged for point in points)
    return f"{whole}; {len(points)} windows, {spread}, {n_flagged} flagged."
