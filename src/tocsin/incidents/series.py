"""What is said of an abnormal point of a series: an anomaly, and the sighting that its incident is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tocsin.formatting import format_change, format_interval, format_number, format_p, format_slice, format_value
from tocsin.incidents.describe import Sighting, number
from tocsin.model import Anomaly, Direction, Kpi, Slice, Window

__all__ = ["OddPoint", "describe_point"]

KIND = "series"
HIGH_EXCESS, MEDIUM_EXCESS = 3.0, 1.0
"""Severity by how many powers of ten the point is rarer than what is just reported."""


@dataclass(frozen=True, slots=True)
class OddPoint:
    """A point of a series that is beyond what was forecast.

    surprise      : -log10 of the two-sided tail probability; threshold: from which on a point is reported
    lower, upper  : the band that holds 99 of 100 points
    amount        : the KPI's numerator (or the KPI itself), expected_amount: what it would have been as expected
    exposure      : the KPI's denominator; NaN where it has none
    share_of_total : (amount - expected_amount) / the expected amount of all series
    course        : the last points, oldest first: start, value, expected, lower, upper
    """

    part: Slice
    value: float
    expected: float
    lower: float
    upper: float
    surprise: float
    threshold: float
    amount: float
    expected_amount: float
    exposure: float
    share_of_total: float
    unit: str
    unit_value: float
    detector: str
    course: Sequence[Mapping[str, Any]]

    @property
    def direction(self) -> Direction:
        return Direction.UP if self.value > self.expected else Direction.DOWN


def describe_point(monitor: str, kpi: Kpi, window: Window, odd: OddPoint, excess: float) -> tuple[Anomaly, Sighting]:
    """The anomaly of a point, and the sighting that carries its evidence."""
    anomaly = _anomaly(monitor, kpi, window, odd)
    figures = {name: number(getattr(anomaly, name)) for name in ("value", "expected", "lower", "upper", "p_value")}
    interval = format_interval(number(odd.lower), number(odd.upper), odd.unit)
    severity = "high" if excess >= HIGH_EXCESS else "medium" if excess >= MEDIUM_EXCESS else "low"
    sighting = Sighting(
        slice=odd.part,
        direction=odd.direction,
        severity=severity,
        stake=anomaly.stake,
        headline=f"{format_change(odd.value, odd.expected)}: {monitor}, {format_slice(odd.part)} is "
        f"{format_value(odd.value, odd.unit)} (expected {interval})",
        anomaly_ids=(anomaly.id,),
        kind=KIND,
        kpi=anomaly.kpi,
        details={
            "unit": odd.unit,
            **figures,
            "slice": dict(odd.part.items),
            "reasons": _reasons(kpi, odd),
            "series": list(odd.course),
        },
        excess=excess,
    )
    return anomaly, sighting


def _anomaly(monitor: str, kpi: Kpi, window: Window, odd: OddPoint) -> Anomaly:
    """What only slices have is NaN."""
    return Anomaly(
        monitor=monitor,
        window=window,
        slice=odd.part,
        kpi=str(kpi),
        value=odd.value,
        expected=odd.expected,
        lower=odd.lower,
        upper=odd.upper,
        p_value=max(10.0**-odd.surprise, 1e-300),
        q_value=math.nan,
        score=min(-math.expm1(-odd.surprise * math.log(10.0)), math.nextafter(1.0, 0.0)),
        direction=odd.direction,
        amount=odd.amount,
        expected_amount=odd.expected_amount,
        deviation_sd=math.nan,
        share_of_total=odd.share_of_total,
        stake=abs(odd.amount - odd.expected_amount) * odd.unit_value,
        evidence={
            "detector": odd.detector,
            "surprise": odd.surprise,
            "threshold": number(odd.threshold),
            "exposure": number(odd.exposure),
        },
        kind=KIND,
    )


def _reasons(kpi: Kpi, odd: OddPoint) -> list[str]:
    of = f" of {format_number(odd.exposure)} {kpi.denominator}" if kpi.denominator else ""
    reasons = [
        f"{format_number(odd.amount)} {kpi.numerator}{of}; {format_number(odd.expected_amount)} were expected.",
        f"p = {format_p(10.0**-odd.surprise)}: so rare is a point at least as far from its forecast.",
    ]
    if math.isfinite(odd.threshold):
        reasons.append(f"From p = {format_p(10.0**-odd.threshold)} on it rings: that keeps to the alert budget.")
    return reasons
