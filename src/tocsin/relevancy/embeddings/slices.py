"""What an anomalous slice is like: direction, size, significance, breadth, level, course, time, and which slice it is.

A model scales every feature by its standard deviation, so a group weighs as much as it has features: of 25, five tell
which values the slice has (enough to dismiss "this app"), three which dimensions, five when it was.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from tocsin.model import Anomaly, Direction
from tocsin.relevancy.embeddings.quantities import (
    calendar,
    change,
    decades,
    direction_of,
    hashed_sum,
    mappings,
    quantity,
    read_number,
    spread_of,
    surprise,
)

__all__ = ["VERSION", "course", "slice_features"]

VERSION = "slices/1"
N_DIMENSIONS, N_VALUES = 3, 5
"""Features that tell which dimensions are fixed, and to which values."""
ONE_PERCENT = 0.01
SIGN = {Direction.UP: 1.0, Direction.DOWN: -1.0}


def slice_features(anomaly: Anomaly, details: Mapping[str, Any], timezone: str) -> dict[str, float]:
    """Features of the highest slice of a cause.

    direction     : 1 up, -1 down
    size          : log(value / expected), in [-5, 5]
    deviation     : |deviation| in standard deviations, asinh
    surprise      : log(1 - log10 p)
    breadth       : log(1 + flagged slices that the cause explains)
    share         : of the KPI's expected total, signed, asinh of percent
    concentration : the largest share of the deviation that one part of the slice makes up, in [0, 1]
    depth         : dimensions that are fixed
    traffic       : the expected amount in powers of ten
    common_factor : log of the factor that all slices share
    jump, run     : how much farther out it is than in the window before, and for how long it has been out, see `course`
    """
    amount, expected = read_number(anomaly.amount), read_number(anomaly.expected_amount)
    deviation = read_number((amount - expected) / (read_number(anomaly.deviation_sd) or math.nan), 0.0)
    shares = (read_number(part.get("share"), 0.0) for part in mappings(details.get("contributions")))
    n_slices = read_number(details.get("n_slices"), 1.0)
    jump, run = course(anomaly, details.get("series"))
    items = anomaly.slice.items
    features = {
        "direction": SIGN.get(anomaly.direction, 0.0),
        "size": change(read_number(anomaly.value), read_number(anomaly.expected)),
        "deviation": quantity(abs(deviation)),
        "surprise": surprise(read_number(anomaly.p_value)),
        "breadth": math.log1p(max(n_slices, 0.0)),
        "share": quantity(read_number(anomaly.share_of_total, 0.0) / ONE_PERCENT),
        "concentration": min(max(shares, default=0.0), 1.0),
        "depth": float(anomaly.slice.depth),
        "traffic": decades(expected),
        "common_factor": change(read_number(anomaly.evidence.get("common_factor")), 1.0),
        "jump": jump,
        "run": run,
    }
    dimensions = hashed_sum({name: 1.0 for name, _ in items}, N_DIMENSIONS)
    values = hashed_sum({f"{name}={value}": 1.0 for name, value in items}, N_VALUES)
    features |= {f"dimensions_{place}": value for place, value in enumerate(dimensions)}
    features |= {f"values_{place}": value for place, value in enumerate(values)}
    return features | calendar(anomaly.window, timezone)


def course(anomaly: Anomaly, points: object) -> tuple[float, float]:
    """How a chart of points up to the anomaly's window goes.

    Returns
    -------
    jump : asinh of the deviation in half widths of the band, less that of the point before; without that, from 0
    run  : log(1 + points in succession, this one included, that lie beyond the band on the side of the last)
    """
    outside = [_beyond(point) for point in mappings(points)]
    own = {"value": anomaly.value, "expected": anomaly.expected, "lower": anomaly.lower, "upper": anomaly.upper}
    last, before = _beyond(own), outside[-2] if len(outside) > 1 else 0.0
    run = sum(1 for _ in takewhile(lambda value: abs(value) > 1 and value * last > 0, reversed(outside[:-1])))
    return quantity(last) - quantity(before), math.log1p(1 + run)


def _beyond(point: Mapping[str, Any]) -> float:
    """The deviation in half widths of the band: 0 as expected or not known; beyond -1 and 1 it is outside."""
    value, expected, lower, upper = (read_number(point.get(name)) for name in ("value", "expected", "lower", "upper"))
    half = spread_of(lower, upper)
    if not (math.isfinite(half) and math.isfinite(value) and math.isfinite(expected)):
        return 0.0
    side = direction_of(value, expected)
    reach = upper - expected if side > 0 else expected - lower
    return read_number((value - expected) / max(reach, 1e-3 * half), 0.0)
