"""Anomalies of all lenses, made by hand, and what they are embedded as."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tocsin.incidents import Indicator, OddCollection, Part
from tocsin.model import Anomaly, Direction, Slice, Window
from tocsin.relevancy import (
    embed,
)

KINDS = ("slices", "collections", "contextual", "series")
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
NAN = math.nan
LARGEST = 800.0
"""asinh of the largest float is 710."""


def hour_of(index: int) -> Window:
    return Window(MONDAY + timedelta(hours=index), MONDAY + timedelta(hours=index + 1))


def features(anomaly: Anomaly, details: Any = None, timezone: str = "UTC") -> dict[str, float]:
    found = embed(anomaly, {} if details is None else details, timezone)
    return dict(zip(found.names, found.values, strict=True))


def slice_anomaly(hour: int = 14, factor: float = 0.5, app: str = "7", **changes: Any) -> Anomaly:
    expected = 200.0
    anomaly = Anomaly(
        monitor="ctr", window=hour_of(hour), slice=Slice((("app", app),)), kpi="clicks / views",
        value=0.02 * factor, expected=0.02, lower=0.018, upper=0.022, p_value=1e-9, q_value=1e-7, score=0.999,
        direction=Direction.UP if factor > 1 else Direction.DOWN, amount=expected * factor, expected_amount=expected,
        deviation_sd=14.0, share_of_total=0.05 * (factor - 1), stake=100.0, evidence={"common_factor": 1.1},
    )  # fmt: skip
    return replace(anomaly, **changes)


def point_anomaly(course: list[float], expected: float = 10.0, half: float = 2.0, hour: int = 60) -> Anomaly:
    """The last value of a course around a flat band."""
    points = [
        {"start": "", "value": value, "expected": expected, "lower": expected - half, "upper": expected + half}
        for value in course
    ]
    up = course[-1] > expected
    return replace(
        slice_anomaly(hour), kind="series", value=course[-1], expected=expected, lower=expected - half,
        upper=expected + half, direction=Direction.UP if up else Direction.DOWN, evidence={"points": points},
    )  # fmt: skip


def odd_collection(terms: list[float], records: float = 400.0, usual: float = 200.0, **changes: Any) -> OddCollection:
    labels = tuple(f"{hour:02}:00" for hour in range(24))
    flat = (10.0,) * 24
    parts = (
        Part("dispersion", 2.0, 1.0, 0.5, 1.5, 1e-4),
        Part("volume", records, usual, 150.0, 250.0, 1e-6),
    )
    odd = OddCollection(
        part=Slice((("shop", "12"),)), attribute="time of day", score=0.99999, p_value=1e-9, divergence=0.1,
        threshold=0.01, by_peers=False, labels=labels, ends=(*labels[1:], "24:00"), observed=(records / 24,) * 24,
        expected=flat, lower=flat, upper=flat, terms=terms, parts=parts, nearest=(), unit_value=1.0, timezone="UTC",
    )  # fmt: skip
    return replace(odd, **changes)


def indicator(name: str, value: float, share: float, context: str = "country") -> Indicator:
    return Indicator(name, str(value), "2", value, 1.0, 2.0, 3.0, share, context, "country = DE", 40, "")


def distance(one: dict[str, float], other: dict[str, float], prefix: str = "") -> float:
    return math.dist(*([value for name, value in each.items() if name.startswith(prefix)] for each in (one, other)))
