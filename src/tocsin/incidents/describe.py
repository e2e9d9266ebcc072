"""What is said of an anomaly and of its cause: numbers first, then sentences, both from the same arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tocsin.formatting import (
    format_change,
    format_count,
    format_interval,
    format_number,
    format_p,
    format_ratio,
    format_slice,
    format_value,
)
from tocsin.incidents.fold import Cause
from tocsin.model import Anomaly, Direction, Facts, Kpi, Slice, SliceScores, Window

__all__ = ["Sighting", "describe_anomaly", "describe_cause", "describe_silence"]

SEVERITIES = ("low", "medium", "high")
N_ROWS = 25
"""The slices kept with an incident, those with the largest deviations; what is more is counted."""
N_CONTRIBUTIONS = 6
"""The values kept of each dimension."""
HIGH_SHARE, MEDIUM_SHARE = 0.05, 0.01
"""Severity by the share of the KPI's expected total that a cause gains or loses."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One cause in one window: what an incident is made of."""

    slice: Slice
    direction: Direction
    severity: str
    stake: float
    headline: str
    anomaly_ids: tuple[str, ...] = ()
    kind: str = "slices"
    kpi: str = ""
    """What deviates, where that is not the monitor's one KPI."""
    details: Mapping[str, Any] = field(default_factory=dict)
    excess: float = math.nan
    """How far it is beyond the detection threshold, in log10 of the tail probability; > 0: the detector reports it.
    NaN: it always rings, whatever people said of others (a silent source)."""


def describe_anomaly(
    monitor: str,
    kpi: Kpi,
    unit_value: float,
    facts: Facts,
    scores: SliceScores,
    window: Window,
    index: int,
) -> Anomaly:
    """The anomaly of slice `index` in `window`, with the arithmetic behind its score."""
    amount, expected = float(scores.amount[index]), float(scores.expected_amount[index])
    evidence = {
        "amount": amount,
        "exposure": number(scores.exposure[index]),
        "expected_amount": number(expected),
        "deviation_sd": number(scores.deviation_sd[index]),
        "common_factor": number(scores.common_factor),
        **{name: _plain(values[index]) for name, values in scores.article.items()},
    }
    return Anomaly(
        monitor=monitor,
        window=window,
        slice=facts.slice_at(index),
        kpi=str(kpi),
        value=float(scores.value[index]),
        expected=float(scores.expected[index]),
        lower=float(scores.lower[index]),
        upper=float(scores.upper[index]),
        p_value=float(scores.p_value[index]),
        q_value=float(scores.q_value[index]),
        score=float(scores.anomaly_score[index]),
        direction=_direction(scores, index),
        amount=amount,
        expected_amount=expected,
        deviation_sd=float(scores.deviation_sd[index]),
        share_of_total=float(scores.share_of_total[index]),
        stake=_stake(scores, index, unit_value),
        evidence=evidence,
    )


def describe_cause(
    monitor: str,
    kpi: Kpi,
    unit_value: float,
    facts: Facts,
    scores: SliceScores,
    cause: Cause,
    anomaly_ids: Sequence[str],
    series: Sequence[Mapping[str, Any]],
) -> Sighting:
    """A cause with its headline, reasons, rows, contributions by dimension and its course up to now."""
    index = cause.slice_index
    part, unit = facts.slice_at(index), unit_of(kpi, scores)
    value, expected = float(scores.value[index]), float(scores.expected[index])
    contributions = _contributions(facts, scores, index)
    details = {
        "unit": unit,
        "value": number(value),
        "expected": number(expected),
        "lower": number(scores.lower[index]),
        "upper": number(scores.upper[index]),
        "p_value": number(scores.p_value[index]),
        "q_value": number(scores.q_value[index]),
        "share_of_total": number(scores.share_of_total[index]),
        "slice": dict(part.items),
        "reasons": _reasons(kpi, facts, scores, cause, contributions),
        "rows": [_row(facts, scores, member) for member in cause.members[:N_ROWS]],
        "n_slices": len(cause.members),
        "contributions": contributions,
        "series": list(series),
    }
    interval = format_interval(number(scores.lower[index]), number(scores.upper[index]), unit)
    return Sighting(
        slice=part,
        direction=_direction(scores, index),
        severity=_severity(float(scores.share_of_total[index])),
        stake=_stake(scores, index, unit_value),
        headline=f"{format_change(value, expected)}: {monitor}, {format_slice(part)} is "
        f"{format_value(value, unit)} (expected {interval})",
        anomaly_ids=tuple(anomaly_ids),
        details=details,
    )


def describe_silence(monitor: str, source: str) -> Sighting:
    """The source had no rows at all: one event, not an outage of every slice."""
    sentence = "The source had no row in a due window, for anything; nothing is judged until rows come again."
    return Sighting(
        slice=Slice(),
        direction=Direction.DOWN,
        severity="high",
        stake=0.0,
        headline=f"source silent: {monitor}, no rows from {source}",
        kind="source silent",
        details={"unit": "amount", "reasons": [sentence], "rows": [], "contributions": [], "series": []},
    )


def unit_of(kpi: Kpi, scores: SliceScores) -> str:
    """ "ratio" (shown as percent) where the KPI is a ratio that is usually at most 1, else "amount"."""
    if kpi.denominator is None:
        return "amount"
    usual = scores.expected[np.isfinite(scores.expected)]
    return "ratio" if len(usual) == 0 or np.median(usual) <= 1.0 else "amount"


def number(value: float | np.floating[Any]) -> float | None:
    """A JSON number, or None for what JSON has no number for."""
    plain = float(value)
    return plain if math.isfinite(plain) else None


def _plain(value: Any) -> Any:
    """A JSON value."""
    plain = value.item() if isinstance(value, np.generic) else value
    return number(plain) if isinstance(plain, float) else plain


def _direction(scores: SliceScores, index: int) -> Direction:
    return Direction.UP if scores.amount[index] > scores.expected_amount[index] else Direction.DOWN


def _stake(scores: SliceScores, index: int, unit_value: float) -> float:
    return abs(float(scores.amount[index] - scores.expected_amount[index])) * unit_value


def _severity(share_of_total: float) -> str:
    share = abs(share_of_total)
    return "high" if share >= HIGH_SHARE else "medium" if share >= MEDIUM_SHARE else "low"


def _row(facts: Facts, scores: SliceScores, index: int) -> dict[str, Any]:
    names = ("value", "expected", "lower", "upper", "p_value", "q_value", "share_of_total")
    return {
        "slice": format_slice(facts.slice_at(index)),
        **{name: number(getattr(scores, name)[index]) for name in names},
    }


def _contributions(facts: Facts, scores: SliceScores, index: int) -> list[dict[str, Any]]:
    """The parts of a slice by each dimension it leaves open: what each adds to its deviation."""
    mine = facts.codes[index]
    fixed = mine >= 0
    depth = (facts.codes >= 0).sum(axis=1)
    inside = (facts.codes[:, fixed] == mine[fixed]).all(axis=1) & (depth == fixed.sum() + 1)
    children = np.flatnonzero(inside & np.isfinite(scores.expected_amount) & np.isfinite(scores.amount))
    deviation = scores.amount[children] - scores.expected_amount[children]
    whole = float(scores.amount[index] - scores.expected_amount[index])
    found = []
    for dimension, name in enumerate(facts.dimensions):
        if fixed[dimension]:
            continue
        here = np.flatnonzero(facts.codes[children, dimension] >= 0)
        for position in here[np.argsort(-np.abs(deviation[here]), kind="stable")[:N_CONTRIBUTIONS]]:
            child = int(children[position])
            found.append(
                {
                    "dimension": name,
                    "value": str(facts.values[dimension][facts.codes[child, dimension]]),
                    "amount": number(scores.amount[child]),
                    "expected": number(scores.expected_amount[child]),
                    "share": number(deviation[position] / whole) if whole else None,
                }
            )
    return found


def _reasons(
    kpi: Kpi, facts: Facts, scores: SliceScores, cause: Cause, contributions: Sequence[Mapping[str, Any]]
) -> list[str]:
    index = cause.slice_index
    amount, expected = float(scores.amount[index]), float(scores.expected_amount[index])
    of = f" of {format_number(float(scores.exposure[index]))} {kpi.denominator}" if kpi.denominator else ""
    reasons = [f"{format_number(amount)} {kpi.numerator}{of}; {format_number(expected)} were expected."]
    share = float(scores.share_of_total[index])
    if math.isfinite(share) and facts.codes[index].max(initial=-1) >= 0:
        gained = "gain" if share > 0 else "loss"
        reasons.append(f"That alone is a {gained} of {format_ratio(abs(share))} of all {kpi.numerator}.")
    leading = [item for item in contributions if (item["share"] or 0) >= 0.5]
    if leading:
        top = max(leading, key=lambda item: item["share"])
        part = format_slice(Slice(((top["dimension"], top["value"]),)))
        reasons.append(f"{part} makes up {format_ratio(min(top['share'], 1.0))} of the deviation.")
    elif contributions:
        reasons.append("No single part stands out: it is spread over the slice.")
    if len(cause.members) > 1:
        reasons.append(f"{format_count(len(cause.members) - 1, 'other flagged slice')} moved with it.")
    if abs(scores.common_factor - 1) > 0.02:
        reasons.append(
            f"All slices together were at {format_ratio(scores.common_factor)} of their usual level; that is taken out."
        )
    reasons.append(
        f"p = {format_p(number(scores.p_value[index]))}, "
        f"false-discovery rate q = {format_p(number(scores.q_value[index]))}."
    )
    return reasons
