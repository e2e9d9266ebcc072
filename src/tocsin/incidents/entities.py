"""What is said of an odd entity: an anomaly, and the sighting that its incident is made of."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from tocsin.formatting import format_count, format_ratio, format_slice
from tocsin.incidents.describe import Sighting, number
from tocsin.model import Anomaly, Direction, Slice, Window

__all__ = ["Indicator", "OddEntity", "describe_entity", "describe_indicator"]

KIND = "contextual"
HIGH_SCORE, MEDIUM_SCORE = 0.999, 0.99
"""Severity by the anomaly score."""


@dataclass(frozen=True, slots=True)
class Indicator:
    """An attribute in which an entity differs from those in the same context.

    observed, expected : as text; expected is what the context foretells, or the typical value of the peers
    value, lower, median, upper : the same as numbers, NaN where there are none
    share      : the part of the score that it makes up, in [0, 1]
    context    : the attributes that the peers have in common with the entity; empty = none, all are peers
    population : the same with their values, "country = DE, visitors 10,000 to 50,000"
    n_peers    : how many there are
    peers      : the nearest of them
    """

    name: str
    observed: str
    expected: str
    value: float
    lower: float
    median: float
    upper: float
    share: float
    context: str
    population: str
    n_peers: int
    peers: str


@dataclass(frozen=True, slots=True)
class OddEntity:
    """An entity that was flagged; indicators with the largest share of the score first."""

    part: Slice
    score: float
    stake: float
    stake_of: str | None
    """The attribute that the stake is; None: it is the score."""
    n_records: int
    is_new: bool
    indicators: tuple[Indicator, ...]


def describe_entity(monitor: str, window: Window, odd: OddEntity) -> tuple[Anomaly, Sighting]:
    """The anomaly of an entity in a window, and the sighting that carries its evidence."""
    lead = odd.indicators[0] if odd.indicators else None
    anomaly = _anomaly(monitor, window, odd, lead)
    figures = {name: number(getattr(anomaly, name)) for name in ("value", "expected", "lower", "upper")}
    about = {"score": odd.score, "stake_of": odd.stake_of, "slice": dict(odd.part.items), "reasons": _reasons(odd)}
    reason = describe_indicator(odd.part.items[0][0], lead) if lead else "odd among all"
    sighting = Sighting(
        slice=odd.part,
        direction=Direction.NONE,
        severity=_severity(odd.score),
        stake=odd.stake,
        headline=f"{format_slice(odd.part)}: {reason}",
        anomaly_ids=(anomaly.id,),
        kind=KIND,
        kpi=anomaly.kpi,
        details={"unit": "amount", **figures, **about, **anomaly.evidence},
    )
    return anomaly, sighting


def _anomaly(monitor: str, window: Window, odd: OddEntity, lead: Indicator | None) -> Anomaly:
    """Its figures are those of the leading indicator; what only slices have is NaN."""
    value, lower, median, upper = (lead.value, lead.lower, lead.median, lead.upper) if lead else (math.nan,) * 4
    return Anomaly(
        monitor=monitor,
        window=window,
        slice=odd.part,
        kpi=lead.name if lead else "",
        value=value,
        expected=median,
        lower=lower,
        upper=upper,
        p_value=math.nan,
        q_value=math.nan,
        score=odd.score,
        direction=Direction.NONE,
        amount=value,
        expected_amount=median,
        deviation_sd=math.nan,
        share_of_total=math.nan,
        stake=odd.stake,
        evidence={
            "n_records": odd.n_records,
            "is_new": odd.is_new,
            "indicators": [_json(indicator) for indicator in odd.indicators],
        },
        kind=KIND,
    )


def _json(indicator: Indicator) -> dict[str, Any]:
    return {name: number(value) if isinstance(value, float) else value for name, value in asdict(indicator).items()}


def describe_indicator(entity: str, indicator: Indicator) -> str:
    """ "clicks per visitor 0.31, expected 0.03 (0.02 to 0.05) among the 214 publishers with country = DE".

    Parameters
    ----------
    entity : str
        What the peers are, one of them: "publisher".
    """
    others = f"{entity}s" if entity.isalpha() else "others"
    alike = f"the {indicator.n_peers:,} {others} with {indicator.population}"
    peers = alike if indicator.context else f"all {indicator.n_peers:,} {others}"
    return f"{indicator.name} {indicator.observed}, expected {indicator.expected} among {peers}"


def _reasons(odd: OddEntity) -> list[str]:
    reasons = [
        f"{describe_indicator(odd.part.items[0][0], indicator)}: {format_ratio(indicator.share)} of the score."
        for indicator in odd.indicators
    ]
    if odd.indicators and odd.indicators[0].peers:
        reasons.append(f"Nearest to it: {odd.indicators[0].peers}.")
    if odd.is_new:
        reasons.append("It is new: it had no rows in the window before.")
    reasons.append(f"Its anomaly score is {odd.score:.4g}, from {format_count(odd.n_records, 'row')}.")
    return reasons


def _severity(score: float) -> str:
    return "high" if score >= HIGH_SCORE else "medium" if score >= MEDIUM_SCORE else "low"
