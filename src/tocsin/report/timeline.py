"""Geometry of the timeline: all incidents over time, one stripe a monitor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tocsin.model import Window
from tocsin.report.axes import Scale, Tick, time_ticks
from tocsin.report.charts import FULL

__all__ = ["Lane", "Span", "Timeline", "draw_timeline"]

_BAR, _BAR_GAP, _LANE_HEAD, _MAX_ROWS = 12.0, 3.0, 22.0, 8
_NARROWEST = 0.7
_APART = 0.15
"""Of the width: bars that follow one another in a row do not look like one."""
_SEVERITIES = ("high", "medium")


@dataclass(frozen=True, slots=True)
class Span:
    """An incident to be placed on the timeline."""

    anchor: str
    lane: str
    window: Window
    severity: str
    label: str


@dataclass(frozen=True, slots=True)
class Lane:
    """One monitor's stripe: its top and height in pixels, and bars: left (percent), top, width (percent), incident."""

    name: str
    y: float
    height: float
    bars: tuple[tuple[float, float, float, Span], ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All incidents over time, one stripe a monitor; across in percent, down in pixels."""

    lanes: tuple[Lane, ...]
    x_ticks: tuple[Tick, ...]
    height: float
    bottom: float


def draw_timeline(spans: Sequence[Span], timezone: str) -> Timeline | None:
    """Place incidents on stripes; those at the same time lie under one another. None where there are none."""
    if not spans:
        return None
    start, end = min(span.window.start for span in spans), max(span.window.end for span in spans)
    pad = max((end - start) * 0.02, timedelta(minutes=1))
    start, end = (max(start - pad, datetime.min.replace(tzinfo=UTC)), min(end + pad, datetime.max.replace(tzinfo=UTC)))
    x = Scale(start.timestamp(), end.timestamp(), 0, FULL)
    lanes, top = [], 4.0
    for name in sorted({span.lane for span in spans}):
        rows: list[float] = []
        bars = []
        for span in sorted((s for s in spans if s.lane == name), key=_severe_first):
            left = x(span.window.start.timestamp())
            width = max(x(span.window.end.timestamp()) - left, _NARROWEST)
            row = next((i for i, free in enumerate(rows) if free <= left + 1e-9), len(rows))
            row = min(row, _MAX_ROWS - 1)
            rows[row : row + 1] = [left + width]
            shown = max(width - _APART, _NARROWEST)
            bars.append((round(left, 2), top + _LANE_HEAD + row * (_BAR + _BAR_GAP), round(shown, 2), span))
        bars.sort(key=lambda bar: -_rank(bar[3]))  # where there are more than rows, the severe ones lie on top
        height = _LANE_HEAD + len(rows) * (_BAR + _BAR_GAP) + 4
        lanes.append(Lane(name, top, height, tuple(bars)))
        top += height + 4
    ticks = tuple(Tick(round(x(t.value), 2), t.label, t.minor) for t in time_ticks(start, end, timezone))
    return Timeline(tuple(lanes), ticks, top + 24, top)


def _severe_first(span: Span) -> tuple[datetime, int, str]:
    return span.window.start, _rank(span), span.anchor


def _rank(span: Span) -> int:
    return _SEVERITIES.index(span.severity) if span.severity in _SEVERITIES else len(_SEVERITIES)
