"""Charts: every point where it belongs, gaps where values are missing, round ticks."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.model import Window
from tocsin.report.axes import Scale, number_ticks, time_ticks
from tocsin.report.charts import MAX_HITS, Point, draw_series
from tocsin.report.timeline import Span, draw_timeline

HOUR = timedelta(hours=1)
START = datetime(2026, 1, 5, tzinfo=UTC)
PAIR = re.compile(r"[ML](-?[\d.]+) (-?[\d.]+)")
number = st.one_of(st.just(math.nan), st.floats(-1e9, 1e9), st.just(math.inf))


def series(values, *, step=HOUR, width=1.0, flags=()):
    return [
        Point(START + i * step, v, v if math.isfinite(v) else 1.0, v - width, v + width, i in flags)
        for i, v in enumerate(values)
    ]


def draw(points, unit="amount"):
    return draw_series(points, Window(points[-1].start, points[-1].start + HOUR), unit, "UTC")


@given(st.lists(number, min_size=1, max_size=60))
def test_every_value_is_drawn_once_and_no_other(values):
    chart = draw(series(values))
    known = sum(math.isfinite(v) for v in values)
    assert len(PAIR.findall(chart.actual)) == known
    lone = [
        i
        for i, v in enumerate(values)
        if math.isfinite(v) and not any(math.isfinite(w) for w in values[max(i - 1, 0) : i] + values[i + 1 : i + 2])
    ]
    assert len(chart.lone) == len(lone)
    assert all(0 <= float(c) <= 100 for pair in PAIR.findall(chart.actual + chart.expected) for c in pair)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=40, unique=True))
@example([0.0, 5e-324])
def test_higher_values_are_drawn_higher(values):
    heights = [float(y) for _, y in PAIR.findall(draw(series(values)).actual)]
    for (value, height), (other, height_of_other) in zip(
        zip(values, heights, strict=True), zip(values[1:], heights[1:], strict=True), strict=False
    ):
        assert (value - other) * (height - height_of_other) <= 1e-9


def test_a_missing_value_and_a_missing_window_break_the_line():
    points = series([1, 2, math.nan, 3, 4, 5, 6])
    assert draw(points).actual.count("M") == 2
    assert draw(points[:2] + points[4:]).actual.count("M") == 2
    assert draw(series([1, 2, 3])).actual.count("M") == 1


def test_a_day_of_23_or_25_hours_is_no_gap():
    starts = [datetime(2026, 3, d, 23, tzinfo=UTC) for d in (26, 27, 28)] + [datetime(2026, 3, 29, 22, tzinfo=UTC)]
    points = [Point(start, 1.0, 1.0, 0.5, 1.5, False) for start in starts]
    assert draw(points).actual.count("M") == 1


def test_the_band_has_one_shape_a_stretch():
    points = series([1, 2, 3, 4, 5])
    assert draw(points).band.count("Z") == 1
    points[2] = Point(points[2].start, 3.0, 3.0, math.nan, math.nan, False)
    assert draw(points).band.count("Z") == 2
    open_end = [Point(p.start, p.value, p.expected, p.lower, math.inf, False) for p in points[:2]]
    assert draw(open_end).band.count("Z") == 1


def test_a_wild_band_does_not_flatten_the_values():
    chart = draw([Point(START + i * HOUR, 10.0 + i, 10.0, -1e12, 1e12, False) for i in range(5)])
    heights = [float(y) for _, y in PAIR.findall(chart.actual)]
    assert max(heights) - min(heights) > 3


def test_flags_are_marked_with_and_without_a_value():
    chart = draw(series([1, 5, math.nan, 1], flags=(1, 2)))
    assert len(chart.flags) == 1
    assert len(chart.flags_missing) == 1
    assert [hit.flagged for hit in chart.hits] == [False, True, True, False]
    assert "5 (expected 4 to 6)" in chart.hits[1].label
    assert "no value" in chart.hits[2].label


def test_ratios_speak_percent():
    chart = draw(series([0.02, 0.03, 0.01], width=0.004), unit="ratio")
    assert chart.hits[0].label == "Mon 5 Jan 2026, 00:00 to 01:00 UTC: 2 % (expected 1.6 to 2.4 %)"
    assert all(tick.label.endswith(" %") for tick in chart.y_ticks)


def test_many_points_share_columns_but_no_flag_is_lost():
    chart = draw(series([float(i % 7) for i in range(3000)], flags=(1234,)))
    assert len(PAIR.findall(chart.actual)) == 3000
    assert len(chart.hits) <= MAX_HITS
    assert sum(hit.flagged for hit in chart.hits) == 1
    assert sum(hit.width for hit in chart.hits) == pytest.approx(100, abs=2)


@pytest.mark.parametrize("values", [[5.0], [0.0], [5.0] * 4, [-3.0, -3.0], [1e-12, 2e-12], [1e149, -1e149]])
def test_odd_series_are_drawn(values):
    chart = draw(series(values, width=0.0))
    assert len(PAIR.findall(chart.actual)) == len(values)
    assert len({tick.label for tick in chart.y_ticks}) == len(chart.y_ticks) >= 2


def test_nothing_to_draw():
    assert draw([Point(START, math.nan, math.nan, math.nan, math.nan, True)]) is None


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12), st.sampled_from(["ratio", "amount"]))
def test_number_ticks_cover_the_range_in_few_equal_steps(low, span, unit):
    high = low + span
    if high - low <= 1e-9 * max(abs(low), abs(high)):
        return
    ticks = number_ticks(low, high, unit)
    values = [tick.value for tick in ticks]
    step = values[1] - values[0]
    assert values[0] <= low + 1e-6 * step
    assert values[-1] >= high - 1e-6 * step
    assert 2 <= len(ticks) <= 8


@pytest.mark.parametrize(
    ("low", "high", "unit", "labels"),
    [
        (0, 110_000, "amount", ["0", "50k", "100k", "150k"]),
        (0, 0.021, "ratio", ["0 %", "1 %", "2 %", "3 %"]),
        (0.019, 0.0243, "ratio", ["1.8 %", "2.0 %", "2.2 %", "2.4 %", "2.6 %"]),
        (0, 900, "amount", ["0", "250", "500", "750", "1,000"]),
        (-1, 1, "amount", ["-1.0", "-0.5", "0", "0.5", "1.0"]),
    ],
)
def test_number_labels(low, high, unit, labels):
    assert [tick.label for tick in number_ticks(low, high, unit)] == labels


@given(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)),  # noqa: DTZ001
    st.integers(10, 3 * 365 * 24 * 60),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata", "America/Sao_Paulo"]),
)
def test_time_ticks_lie_inside_and_are_few(start, minutes, zone):
    start = start.replace(tzinfo=UTC)
    end = start + timedelta(minutes=minutes)
    ticks = time_ticks(start, end, zone)
    values = [tick.value for tick in ticks]
    assert values == sorted(set(values))
    assert all(start.timestamp() <= value <= end.timestamp() for value in values)
    assert len(ticks) <= 10


def test_time_labels_are_sensible():
    def labels(hours, zone="UTC"):
        return [tick.label for tick in time_ticks(START, START + timedelta(hours=hours), zone)]

    assert labels(1)[:3] == ["Mon 5 Jan", "00:15", "00:30"]
    assert labels(24) == ["Mon 5 Jan", "06:00", "12:00", "18:00", "Tue 6 Jan"] or "06:00" in labels(24)
    assert labels(24 * 6)[:2] == ["5 Jan 2026", "6 Jan 2026"]
    assert labels(24, "Asia/Tokyo")[0] != "Mon 5 Jan"


def test_scale_keeps_to_the_edges():
    scale = Scale(0, 10, 0, 100)
    assert [scale(v) for v in (-5, 0, 5, 10, 15)] == [0, 0, 50, 100, 100]


def test_the_timeline_stacks_what_overlaps():
    def span(name, first, last, lane="a"):
        return Span(name, lane, Window(START + first * HOUR, START + last * HOUR), "high", name)

    drawn = draw_timeline([span("one", 0, 5), span("two", 2, 6), span("three", 7, 9), span("four", 0, 9, "b")], "UTC")
    tops = {bar[3].anchor: bar[1] for lane in drawn.lanes for bar in lane.bars}
    assert [lane.name for lane in drawn.lanes] == ["a", "b"]
    assert tops["one"] == tops["three"] < tops["two"] < tops["four"]
    assert draw_timeline([], "UTC") is None


def test_what_follows_shares_a_row_and_the_severe_are_never_hidden():
    def span(anchor, first, severity):
        window = Window(START + first * HOUR, START + (first + 1) * HOUR)
        return Span(anchor, "a", window, severity, anchor)

    spans = [span("before", 0, "low"), *(span(f"low{n:02}", 1, "low") for n in range(20)), span("worst", 1, "high")]
    drawn = draw_timeline(spans, "UTC")
    bars = {bar[3].anchor: bar for bar in drawn.lanes[0].bars}
    assert bars["before"][1] == bars["worst"][1] == min(bar[1] for bar in bars.values())
    assert bars["before"][0] + bars["before"][2] < bars["worst"][0]
    assert drawn.lanes[0].bars[-1][3].anchor == "worst", "on top of what lies in the same row"
