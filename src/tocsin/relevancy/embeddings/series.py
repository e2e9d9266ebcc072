"""What an abnormal point of a series is like: the shape of the window before it, its place in the band, its time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tocsin.model import Anomaly, Direction, Floats
from tocsin.relevancy.embeddings.quantities import (
    MOST_ITEMS,
    calendar,
    change,
    hashed_sum,
    mapping,
    mappings,
    quantity,
    read_number,
    spread_of,
    surprise,
    tail,
)
from tocsin.relevancy.embeddings.shapes import SHAPE_NAMES, series_features
from tocsin.relevancy.embeddings.slices import course

__all__ = ["VERSION", "point_features"]

VERSION = "series/1"
N_SERIES = 4
"""Features that tell which series it is."""
N_POINTS = 60
"""The window: the point that was reported and at most so many less one before it."""
SIGN = {Direction.UP: 1.0, Direction.DOWN: -1.0}
PLACES = ("points", "series", "window")
"""Where the last points are looked for, in the evidence and then in the details: a list of objects with value,
expected, lower and upper, or one object with a list of each (of value or values). Oldest first, and the last one is
the point that was reported."""


def point_features(anomaly: Anomaly, details: Mapping[str, Any], timezone: str) -> dict[str, float]:
    """Features of one point.

    direction : 1 up, -1 down
    size      : log(value / expected), in [-5, 5]
    beyond    : asinh of the deviation in half widths of the band, signed
    surprise  : log(1 - log10 p)
    width     : log of the band's half width relative to what was expected, in [-5, 5]
    onset     : how much farther out it is than the point before; duration: for how long it has been out, see `course`
    shape_…   : `series_features` of the last 60 points, less what was expected, in half widths of the band
    """
    value, expected = read_number(anomaly.value), read_number(anomaly.expected)
    half = spread_of(read_number(anomaly.lower), read_number(anomaly.upper))
    points = _points(anomaly.evidence) or _points(details)
    p_value = read_number(anomaly.p_value)
    onset, duration = course(anomaly, points)
    features = {
        "direction": SIGN.get(anomaly.direction, 0.0),
        "size": change(value, expected),
        "beyond": quantity(read_number((value - expected) / half)),
        "surprise": surprise(p_value) if p_value >= 0 else tail(read_number(anomaly.score)),
        "width": change(half, abs(expected)),
        "onset": onset,
        "duration": duration,
    }
    shape = series_features(_window(points, value, expected, half)[None])[0]
    features |= {f"shape_{name}": float(number) for name, number in zip(SHAPE_NAMES, shape, strict=True)}
    series = hashed_sum({f"{name}={part}": 1.0 for name, part in anomaly.slice.items}, N_SERIES)
    features |= {f"series_{place}": number for place, number in enumerate(series)}
    return features | calendar(anomaly.window, timezone)


def _points(stored: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The last points, oldest first, each with what is known of value, expected, lower and upper."""
    for place in PLACES:
        points = list(mappings(stored.get(place))) or _rows(mapping(stored.get(place)))
        if points:
            return points[-N_POINTS:]
    return _rows(stored)[-N_POINTS:]


def _rows(columns: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Objects out of columns; columns of other lengths than the values' are not known."""
    values = _column(columns.get("values", columns.get("value")))
    lists = {name: _column(columns.get(name)) for name in ("expected", "lower", "upper")}
    usable = {"value": values, **{name: column for name, column in lists.items() if len(column) == len(values)}}
    return [dict(zip(usable, row, strict=True)) for row in zip(*usable.values(), strict=True)]


def _column(stored: object) -> Sequence[Any]:
    """The last numbers of a list; what is no list has none."""
    return stored[-MOST_ITEMS:] if isinstance(stored, (list, tuple)) else ()


def _window(points: Sequence[Mapping[str, Any]], value: float, expected: float, half: float) -> Floats:
    """(m,) deviations from what was expected of each point, in half widths of the anomaly's band; the last is its own.

    Without a band they are measured in half interquartile ranges of the deviations, or else in what was expected.
    """
    residuals = []
    for point in points[:-1]:
        usual = read_number(point.get("expected"), expected)
        residuals.append(read_number(read_number(point.get("value")) - usual))
    residuals.append(read_number(value - expected))
    window = np.array(residuals, dtype=np.float64)
    known = window[np.isfinite(window)]
    with np.errstate(over="ignore", invalid="ignore"):  # numbers at the edge of what a float holds
        if not math.isfinite(half) and len(known) > 3:
            low, high = np.quantile(known, [0.25, 0.75])
            half = float(high / 2 - low / 2)
        scale = half if math.isfinite(half) and half > 0 else abs(read_number(expected, 0.0)) or 1.0
        return np.clip(window / scale, -1e12, 1e12)
