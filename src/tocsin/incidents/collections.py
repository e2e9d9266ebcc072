"""What is said of a collection that looks manipulated: an anomaly, and the sighting that its incident is made of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.formatting import (
    format_count,
    format_day,
    format_number,
    format_p,
    format_ratio,
    format_slice,
    make_visible,
    shorten,
)
from tocsin.incidents.describe import Sighting, number
from tocsin.model import Anomaly, Direction, Slice, Window

__all__ = ["OddCollection", "Part", "describe_collection"]

KIND = "collections"
HIGH_SCORE, MEDIUM_SCORE = 0.99999, 0.999
"""Severity by the anomaly score, which is 1 - p in the calibrated mode."""
TOLD_P = 0.05
"""Parts with a higher p-value are not told, unless none has a lower one."""
NEIGHBOUR_SHARE = 0.25
"""The peak reaches to the last bin whose share of the divergence is at least so much of the largest, over bins that
have a surplus, too."""
HARDLY_ANY = 1e-4
SHAPE, VOLUME, DISPERSION = "shape", "volume", "dispersion"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the judgement: what was observed, and the expected value with its 95 % interval; NaN = not known."""

    name: str
    observed: float
    expected: float
    lower: float
    upper: float
    p_value: float


@dataclass(frozen=True, slots=True)
class OddCollection:
    """A collection that was flagged.

    labels : of the bins; `observed` to `terms` have one value a bin
    ends   : where the bins end, of the time of day; empty for other attributes
    terms  : signed shares of the divergence
    nearest : when the entity's most alike past collections began, nearest first
    """

    part: Slice
    attribute: str
    score: float
    p_value: float
    divergence: float
    threshold: float
    by_peers: bool
    labels: tuple[str, ...]
    ends: tuple[str, ...]
    observed: Sequence[float]
    expected: Sequence[float]
    lower: Sequence[float]
    upper: Sequence[float]
    terms: Sequence[float]
    parts: tuple[Part, ...]
    nearest: tuple[datetime, ...]
    unit_value: float
    timezone: str

    @property
    def n_records(self) -> float:
        return float(sum(self.observed))

    def part_of(self, name: str) -> Part | None:
        return next((part for part in self.parts if part.name == name), None)


def describe_collection(monitor: str, window: Window, odd: OddCollection) -> tuple[Anomaly, Sighting]:
    """The anomaly of a collection, and the sighting that carries its evidence."""
    anomaly = _anomaly(monitor, window, odd)
    told = _told(odd)
    figures = {name: number(getattr(anomaly, name)) for name in ("value", "expected", "lower", "upper")}
    sighting = Sighting(
        slice=odd.part,
        direction=Direction.NONE,  # whether more or fewer: it is one trouble while it lasts
        severity="high" if odd.score >= HIGH_SCORE else "medium" if odd.score >= MEDIUM_SCORE else "low",
        stake=anomaly.stake,
        headline=f"{format_slice(odd.part)}: {'; '.join(told)}",
        anomaly_ids=(anomaly.id,),
        kind=KIND,
        kpi=anomaly.kpi,
        details={
            "unit": "amount",
            **figures,
            "score": odd.score,
            "p_value": number(odd.p_value),
            "slice": dict(odd.part.items),
            "reasons": _reasons(odd, told),
            **anomaly.evidence,
        },
    )
    return anomaly, sighting


def _anomaly(monitor: str, window: Window, odd: OddCollection) -> Anomaly:
    """Its figures are numbers of records; what only slices have is NaN."""
    volume = odd.part_of(VOLUME) or Part(VOLUME, odd.n_records, math.nan, math.nan, math.nan, math.nan)
    is_up, is_down = odd.n_records > volume.upper, odd.n_records < volume.lower
    excess = sum(max(0.0, seen - usual) for seen, usual in zip(odd.observed, odd.expected, strict=True))
    if math.isfinite(volume.expected):
        excess = max(excess, abs(odd.n_records - volume.expected))
    return Anomaly(
        monitor=monitor,
        window=window,
        slice=odd.part,
        kpi="records",
        value=odd.n_records,
        expected=volume.expected,
        lower=volume.lower,
        upper=volume.upper,
        p_value=odd.p_value,
        q_value=math.nan,
        score=odd.score,
        direction=Direction.UP if is_up else Direction.DOWN if is_down else Direction.NONE,
        amount=odd.n_records,
        expected_amount=volume.expected,
        deviation_sd=math.nan,
        share_of_total=math.nan,
        stake=excess * odd.unit_value,
        evidence=_evidence(odd),
        kind=KIND,
    )


def _evidence(odd: OddCollection) -> dict[str, Any]:
    bins = [shorten(make_visible(label), 60) for label in odd.labels]
    columns = {name: [number(float(value)) for value in getattr(odd, name)] for name in _COLUMNS}
    return {
        "attribute": odd.attribute,
        "n_records": odd.n_records,
        "divergence": number(odd.divergence),
        "threshold": number(odd.threshold),
        "by_peers": odd.by_peers,
        "histogram": {"bins": bins, **columns},
        "parts": [
            {name: number(value) if isinstance(value, float) else value for name, value in _fields(part).items()}
            for part in odd.parts
        ],
        "nearest": [moment.isoformat() for moment in odd.nearest],
    }


_COLUMNS = ("observed", "expected", "lower", "upper", "terms")


def _fields(part: Part) -> Mapping[str, Any]:
    return {name: getattr(part, name) for name in ("name", "observed", "expected", "lower", "upper", "p_value")}


def _told(odd: OddCollection) -> list[str]:
    """What is said of each part that is odd, the oddest first; without parts, of the shape."""
    words = {SHAPE: _shape(odd), VOLUME: _volume(odd), DISPERSION: _dispersion(odd)}
    judged = sorted((part for part in odd.parts if part.p_value <= 1), key=lambda part: part.p_value)
    names = [part.name for part in judged if part.p_value <= TOLD_P] or [part.name for part in judged[:1]]
    return [words[name] for name in names if words.get(name)] or [words[SHAPE]]


def _shape(odd: OddCollection) -> str:
    """ "41 % of its records between 19:00 and 20:00, 12 % usual"."""
    first, last = _peak(odd.terms)
    total, usual = odd.n_records, float(sum(odd.expected))
    seen = sum(odd.observed[first : last + 1]) / total if total else math.nan
    expected = sum(odd.expected[first : last + 1]) / usual if usual > 0 else math.nan
    usually = "hardly any" if expected < HARDLY_ANY else format_ratio(expected)
    return f"{format_ratio(seen)} of its records {_where(odd, first, last)}, {usually} usual"


def _peak(terms: Sequence[float]) -> tuple[int, int]:
    """First and last of the neighbouring bins that hold the largest surplus, or deficit where there is none."""
    signed = list(terms) if max(terms, default=0.0) > 0 else [-term for term in terms]
    first = last = max(range(len(signed)), key=signed.__getitem__)
    least = max(NEIGHBOUR_SHARE * signed[first], 1e-12)
    return _reach(signed, first, -1, least), _reach(signed, last, 1, least)


def _reach(signed: Sequence[float], start: int, step: int, least: float) -> int:
    """The farthest bin of at least `least` that is reached over positive ones alone."""
    reached = place = start
    while 0 <= place + step < len(signed) and signed[place + step] > 0:
        place += step
        if signed[place] >= least:
            reached = place
    return reached


def _where(odd: OddCollection, first: int, last: int) -> str:
    if odd.ends:
        return f"between {odd.labels[first]} and {odd.ends[last]}"
    shown = [shorten(make_visible(label), 40) for label in odd.labels[first : last + 1]]
    more = f" and {len(shown) - 3} more" if len(shown) > 3 else ""
    return f"with {shorten(make_visible(odd.attribute), 40)} {', '.join(shown[:3])}{more}"


def _volume(odd: OddCollection) -> str:
    part = odd.part_of(VOLUME)
    if part is None or not part.expected > 0:
        return ""
    factor = part.observed / part.expected
    if factor >= 1:
        return f"{format_number(factor, 2)} times the usual volume"
    return f"{format_ratio(factor)} of the usual volume"


def _dispersion(odd: OddCollection) -> str:
    part = odd.part_of(DISPERSION)
    if part is None:
        return ""
    word = "more unevenly" if part.observed >= part.expected else "more evenly"
    seen, usual = format_number(part.observed, 2), format_number(part.expected, 2)
    return f"records {word} spread than usual (index of dispersion {seen}, {usual} usual)"


def _reasons(odd: OddCollection, told: Sequence[str]) -> list[str]:
    reasons = [f"{sentence[0].upper()}{sentence[1:]}." for sentence in told]
    volume = odd.part_of(VOLUME)
    if volume is not None and math.isfinite(volume.expected):
        span = f"{format_number(round(volume.lower, 0))} to {format_number(round(volume.upper, 0))}"
        reasons.append(f"{format_count(int(odd.n_records), 'record')}, {span} expected.")
    divergence, threshold = format_number(odd.divergence), format_number(odd.threshold)
    beyond = f"; from {threshold} on the shape alone is flagged" if math.isfinite(odd.threshold) else ""
    reasons.append(f"Its Jensen-Shannon divergence from the evidence is {divergence} nats{beyond}.")
    if math.isfinite(odd.p_value):
        reasons.append(f"p = {format_p(odd.p_value)}: the chance of an honest collection at least as odd.")
    if odd.by_peers:
        reasons.append("It was judged by its peers: its own history is too short, or not to be trusted.")
    if odd.nearest:
        days = ", ".join(format_day(moment, odd.timezone) for moment in odd.nearest[:3])
        reasons.append(f"Most alike of its past anomalies: {days}.")
    return reasons
