"""From an incident's record to what its card shows: texts in place of numbers, geometry in place of series.

Details come from JSON and are read without trust: what is not of the expected type counts as missing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tocsin.formatting import (
    NOTHING,
    format_change,
    format_count,
    format_interval,
    format_number,
    format_p,
    format_ratio,
    format_slice,
    format_value,
    format_window,
    make_visible,
    shorten,
)
from tocsin.model import Incident, Window
from tocsin.report.charts import Chart, Point, draw_series
from tocsin.report.histograms import Histogram, PartRow, draw_histogram, part_rows
from tocsin.report.ranges import Range, draw_range
from tocsin.report.reading import number_of, records_of, sequence_of, text_of

__all__ = ["Bar", "Group", "IncidentView", "IndicatorRow", "Row", "view_incident"]

MAX_POINTS = 4000
MAX_ROWS = 12
MAX_BARS = 8
MAX_GROUPS = 8
MAX_REASONS = 8


@dataclass(frozen=True, slots=True)
class Bar:
    """One value of a dimension: lengths in percent of the longest bar."""

    value: str
    amount: str
    expected: str
    share: str
    amount_length: float
    expected_length: float
    is_more: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The contributions of one dimension, the largest first."""

    dimension: str
    bars: tuple[Bar, ...]
    n_more: int


@dataclass(frozen=True, slots=True)
class Row:
    """One slice of the incident, as text."""

    slice: str
    value: str
    expected: str
    change: str
    p: str
    q: str
    share: str


@dataclass(frozen=True, slots=True)
class IndicatorRow:
    """One attribute in which an entity is odd, as text; its plot where it is a number."""

    name: str
    observed: str
    expected: str
    among: str
    share: str
    plot: Range | None


@dataclass(frozen=True, slots=True)
class IncidentView:
    """One incident as its card shows it."""

    id: str
    headline: str
    monitor: str
    kpi: str
    kind: str
    slice: str
    severity: str
    state: str
    direction: str
    when: str
    lasted: str
    stake: str
    value: str
    expected: str
    change: str
    is_measured: bool
    reasons: tuple[str, ...]
    chart: Chart | None
    n_points_left: int
    groups: tuple[Group, ...]
    n_more_groups: int
    rows: tuple[Row, ...]
    n_more_rows: int
    indicators: tuple[IndicatorRow, ...]
    histogram: Histogram | None
    parts: tuple[PartRow, ...]


def view_incident(incident: Incident, timezone: str, *, full: bool = True) -> IncidentView:
    """Read an incident's details; `full` also draws its chart, contributions and rows."""
    details = incident.details if isinstance(incident.details, Mapping) else {}
    unit = "ratio" if details.get("unit") == "ratio" else "amount"
    whole = Window(incident.first.start, incident.last.end)
    points = _points(details) if full else []
    groups, n_more_groups = _groups(details) if full else ((), 0)
    rows = records_of(details, "rows") if full else []
    reasons = [reason for reason in sequence_of(details.get("reasons")) if isinstance(reason, str) and reason]
    length = incident.first.end - incident.first.start
    return IncidentView(
        id=shorten(make_visible(incident.id), 64),
        headline=incident.headline,
        monitor=incident.monitor,
        kpi=incident.kpi,
        kind=incident.kind,
        slice=format_slice(incident.slice),
        severity=incident.severity,
        state=str(incident.state),
        direction=str(incident.direction),
        when=format_window(whole, timezone),
        lasted=format_count(max(round((whole.end - whole.start) / length), 1), "window"),
        stake=_stake(incident, details),
        value=format_value(number_of(details.get("value")), unit),
        expected=_expected(details, unit),
        change=format_change(number_of(details.get("value")), number_of(details.get("expected"))),
        is_measured=not (
            math.isnan(number_of(details.get("value"))) and math.isnan(number_of(details.get("expected")))
        ),
        reasons=tuple(reasons[:MAX_REASONS]),
        chart=draw_series(points[-MAX_POINTS:], whole, unit, timezone) if points else None,
        n_points_left=max(len(points) - MAX_POINTS, 0),
        groups=groups,
        n_more_groups=n_more_groups,
        rows=tuple(_row(row, unit) for row in rows[:MAX_ROWS]),
        n_more_rows=_count_of_slices(details, rows) - len(rows[:MAX_ROWS]),
        indicators=tuple(_indicator(item) for item in records_of(details, "indicators")[:MAX_ROWS]) if full else (),
        histogram=draw_histogram(details) if full else None,
        parts=part_rows(details) if full else (),
    )


def _stake(incident: Incident, details: Mapping[str, Any]) -> str:
    """Of an entity without an amount at stake, nothing: its score only orders incidents."""
    if incident.stake <= 0 or ("stake_of" in details and details["stake_of"] is None):
        return ""
    return format_number(incident.stake)


def _indicator(item: Mapping[str, Any]) -> IndicatorRow:
    value, lower, median, upper = (number_of(item.get(name)) for name in ("value", "lower", "median", "upper"))
    n_peers = format_number(number_of(item.get("n_peers")))
    among = f"{n_peers} with {text_of(item.get('population'))}" if item.get("context") else f"all {n_peers}"
    name = text_of(item.get("name"))
    return IndicatorRow(
        name=name,
        observed=text_of(item.get("observed")),
        expected=text_of(item.get("expected")),
        among=among,
        share=format_ratio(number_of(item.get("share"))),
        plot=draw_range(value, lower, median, upper, shorten(make_visible(name), 80)),
    )


def _points(details: Mapping[str, Any]) -> list[Point]:
    points: dict[datetime, Point] = {}
    for item in records_of(details, "series"):
        start = _moment(item.get("start"))
        if start is not None:
            value, expected, lower, upper = (
                number_of(item.get(name)) for name in ("value", "expected", "lower", "upper")
            )
            points[start] = Point(start, value, expected, lower, upper, item.get("flagged") is True)
    return [points[start] for start in sorted(points)]


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if not isinstance(moment, datetime) or not 1900 < moment.year < 9000:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _expected(item: Mapping[str, Any], unit: str) -> str:
    interval = format_interval(number_of(item.get("lower")), number_of(item.get("upper")), unit)
    return interval if interval != NOTHING else format_value(number_of(item.get("expected")), unit)


def _count_of_slices(details: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> int:
    n_slices = details.get("n_slices")
    return max(n_slices, len(rows)) if rows and isinstance(n_slices, int) else len(rows)


def _row(item: Mapping[str, Any], unit: str) -> Row:
    value, expected = number_of(item.get("value")), number_of(item.get("expected"))
    return Row(
        slice=text_of(item.get("slice")),
        value=format_value(value, unit),
        expected=_expected(item, unit),
        change=format_change(value, expected),
        p=format_p(number_of(item.get("p_value"))),
        q=format_p(number_of(item.get("q_value"))),
        share=format_ratio(number_of(item.get("share_of_total"))),
    )


def _groups(details: Mapping[str, Any]) -> tuple[tuple[Group, ...], int]:
    by_dimension: dict[str, list[Mapping[str, Any]]] = {}
    for item in records_of(details, "contributions"):
        by_dimension.setdefault(text_of(item.get("dimension")), []).append(item)
    groups = [_group(dimension, items) for dimension, items in by_dimension.items()]
    return tuple(groups[:MAX_GROUPS]), max(len(groups) - MAX_GROUPS, 0)


def _group(dimension: str, items: list[Mapping[str, Any]]) -> Group:
    def deviation(item: Mapping[str, Any]) -> float:
        size = abs(number_of(item.get("amount")) - number_of(item.get("expected")))
        return -1.0 if math.isnan(size) else size

    shown = sorted(items, key=deviation, reverse=True)[:MAX_BARS]
    lengths = [abs(number_of(item.get(name))) for item in shown for name in ("amount", "expected")]
    longest = max((length for length in lengths if math.isfinite(length)), default=0.0)
    return Group(dimension, tuple(_bar(item, longest) for item in shown), len(items) - len(shown))


def _bar(item: Mapping[str, Any], longest: float) -> Bar:
    amount, expected = number_of(item.get("amount")), number_of(item.get("expected"))

    def length(value: float) -> float:
        return round(min(100 * abs(value) / longest, 100.0), 2) if longest and math.isfinite(value) else 0.0

    return Bar(
        value=text_of(item.get("value")),
        amount=format_number(amount),
        expected=format_number(expected),
        share=format_ratio(number_of(item.get("share"))),
        amount_length=length(amount),
        expected_length=length(expected),
        is_more=amount >= expected,
    )
