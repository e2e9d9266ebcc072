"""Lines against a number as an SVG file that needs nothing else, readable in light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.formatting import format_number, format_ratio, make_visible, shorten
from tocsin.report.axes import Scale, number_ticks

__all__ = ["ChartLine", "ChartWords", "draw_lines"]

WIDTH, HEIGHT = 760, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 190, 50, 60
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f")
"""Okabe and Ito's, told apart by the colour-blind, too; each line also has its own dashes and its name beside it."""
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "12 5", "1 4")
_LABEL_STEP = 18


@dataclass(frozen=True, slots=True)
class ChartLine:
    """A share at each place on the axis, 0.1 = 10 %; NaN = unknown; lower and upper end its bars."""

    name: str
    gain: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]


@dataclass(frozen=True, slots=True)
class ChartWords:
    """What the chart is called for those who hear it, what stands above it, and below its axis."""

    title: str
    heading: str
    axis: str


@dataclass(frozen=True, slots=True)
class _Drawn:
    name: str
    colour: str
    dash: str
    path: str
    bars: tuple[tuple[float, float, float], ...]
    marks: tuple[tuple[float, float, str], ...]
    label_y: float


def draw_lines(
    places: Sequence[float], lines: Sequence[ChartLine], words: ChartWords, *, highest: float | None = None
) -> str:
    """Draw lines of shares.

    Parameters
    ----------
    places : sequence of float
        On the axis, rising.
    lines : sequence of ChartLine
        As many numbers as places each.
    words : ChartWords
    highest : float, optional
        What the vertical axis reaches at least.

    Returns
    -------
    str
        A complete SVG document; names are escaped.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    known = [v for line in lines for row in (line.gain, line.lower, line.upper) for v in row if math.isfinite(v)]
    low, high = min([*known, 0.0]), max([*known, 0.01 if highest is None else highest])
    y_ticks = number_ticks(low, high, "ratio")
    x_pad = (places[-1] - places[0]) * 0.04 or places[0] * 0.1 or 1.0
    x = Scale(places[0] - x_pad, places[-1] + x_pad, _LEFT, WIDTH - _RIGHT)
    y = Scale(y_ticks[0].value, y_ticks[-1].value, HEIGHT - _BOTTOM, _TOP)
    environment = Environment(loader=PackageLoader("tocsin.report"), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("lines.svg.j2").render(
        words=words,
        width=WIDTH,
        height=HEIGHT,
        left=_LEFT,
        right=WIDTH - _RIGHT,
        top=_TOP,
        bottom=HEIGHT - _BOTTOM,
        x_ticks=[(round(x(place), 1), format_number(place)) for place in places],
        y_ticks=[(round(y(tick.value), 1), tick.label) for tick in y_ticks],
        zero=round(y(0.0), 1),
        lines=_place(places, lines, x, y),
        summary="; ".join(_sentence(line) for line in lines),
    )


def _sentence(line: ChartLine) -> str:
    gains = [gain for gain in line.gain if math.isfinite(gain)]
    said = f"{format_ratio(min(gains))} to {format_ratio(max(gains))}" if gains else "unknown"
    return f"{shorten(make_visible(line.name), 40)}: {said}"


def _place(budgets: Sequence[float], lines: Sequence[ChartLine], x: Scale, y: Scale) -> list[_Drawn]:
    """Lines with their names beside their ends, moved apart where they would overlap."""
    ends = [next((y(gain) for gain in reversed(line.gain) if math.isfinite(gain)), y(0.0)) for line in lines]
    order = sorted(range(len(lines)), key=lambda index: ends[index])
    places, last = dict.fromkeys(order, 0.0), float("-inf")
    for index in order:
        places[index] = last = max(ends[index], last + _LABEL_STEP)
    excess = max(last - (HEIGHT - _BOTTOM), 0.0)  # too low: the whole stack moves up
    return [_draw(index, line, budgets, x, y, label_y=places[index] - excess) for index, line in enumerate(lines)]


def _draw(index: int, line: ChartLine, budgets: Sequence[float], x: Scale, y: Scale, label_y: float) -> _Drawn:
    name = shorten(make_visible(line.name), 22)
    points, path, pen = [], [], "M"
    for budget, gain in zip(budgets, line.gain, strict=True):
        if not math.isfinite(gain):
            pen = "M"
            continue
        points.append(
            (round(x(budget), 1), round(y(gain), 1), f"{name}, {format_number(budget)}: {format_ratio(gain)}")
        )
        path.append(f"{pen}{points[-1][0]} {points[-1][1]}")
        pen = "L"
    bars = tuple(
        (round(x(budget), 1), round(y(lower), 1), round(y(upper), 1))
        for budget, lower, upper in zip(budgets, line.lower, line.upper, strict=True)
        if math.isfinite(lower) and math.isfinite(upper)
    )
    return _Drawn(
        name=name,
        colour=_COLOURS[index % len(_COLOURS)],
        dash=_DASHES[index % len(_DASHES)],
        path="".join(path),
        bars=bars,
        marks=tuple(points),
        label_y=round(label_y, 1),
    )
