"""What an odd entity is like: which of its indicators deviate and to which side, in which contexts, and who it is.

Indicators and contexts are as many as a monitor has columns, so that each name stands for a direction in a fixed number
of features: entities that are odd in the same indicators are near each other, whatever the others are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tocsin.model import Anomaly
from tocsin.relevancy.embeddings.quantities import (
    calendar,
    change,
    decades,
    hashed_sum,
    mappings,
    quantity,
    read_number,
    spread_of,
    tail,
)

__all__ = ["VERSION", "contextual_features"]

VERSION = "contextual/1"
N_INDICATORS, N_CONTEXTS, N_ENTITY = 6, 4, 4
"""Features that tell which indicators are odd (as many again for the side), in which contexts, and whose they are."""


def contextual_features(anomaly: Anomaly, details: Mapping[str, Any], timezone: str) -> dict[str, float]:
    """Features of one entity.

    odd_0 …       : the directions of its indicators, weighted by their shares of the score
    side_0 …      : the same, weighted by the deviation (asinh of half widths of the interval, signed), too
    contexts_0 …  : the directions of the contexts, weighted by the shares
    lead_share    : the share of the leading indicator; evenness: 1 / sum of squared shares
    lead_deviation, lead_size : of the leading indicator, signed: in half widths (asinh), and log(value / median)
    in_context    : the part of the score that has a context
    peers         : the entities in the leading indicator's context, in powers of ten
    surprise      : log(1 - log10(1 - score))
    is_new        : 1 where it had no rows in the window before
    records       : rows, in powers of ten
    """
    evidence = anomaly.evidence or details
    lines = [line for line in mappings(evidence.get("indicators")) if isinstance(line.get("name"), str)]
    shares = _shares(lines)
    deviations = [_deviation(line) for line in lines]
    odd: dict[str, float] = {}
    side: dict[str, float] = {}
    contexts: dict[str, float] = {}
    for line, share, deviation in zip(lines, shares, deviations, strict=True):
        name, context = line["name"], line.get("context")
        odd[name] = odd.get(name, 0.0) + share
        side[name] = side.get(name, 0.0) + share * deviation
        if isinstance(context, str) and context:
            contexts[context] = contexts.get(context, 0.0) + share
    lead = lines[0] if lines else {}
    squares = sum(share * share for share in shares)
    named = {
        "odd": hashed_sum(odd, N_INDICATORS),
        "side": hashed_sum(side, N_INDICATORS),
        "contexts": hashed_sum(contexts, N_CONTEXTS),
        "entity": hashed_sum({f"{name}={value}": 1.0 for name, value in anomaly.slice.items}, N_ENTITY),
    }
    features = {f"{name}_{place}": value for name, values in named.items() for place, value in enumerate(values)}
    features |= {
        "lead_share": shares[0] if shares else 0.0,
        "evenness": 1.0 / squares if squares > 0 else 0.0,
        "lead_deviation": deviations[0] if deviations else 0.0,
        "lead_size": change(read_number(lead.get("value")), read_number(lead.get("median"))),
        "in_context": sum(contexts.values()),
        "peers": decades(read_number(lead.get("n_peers"))),
        "surprise": tail(read_number(anomaly.score)),
        "is_new": float(evidence.get("is_new") is True),
        "records": decades(read_number(evidence.get("n_records"))),
    }
    return features | calendar(anomaly.window, timezone)


def _shares(lines: list[Mapping[str, Any]]) -> list[float]:
    """Each line's share of the score, at least 0; together at most 1."""
    shares = [min(max(read_number(line.get("share"), 0.0), 0.0), 1.0) for line in lines]
    whole = max(1.0, sum(shares))
    return [share / whole for share in shares]


def _deviation(line: Mapping[str, Any]) -> float:
    """Signed and in half widths of the interval, asinh; 0 for what is no number, 1 or -1 where there is no interval."""
    value, median = read_number(line.get("value")), read_number(line.get("median"))
    half = spread_of(read_number(line.get("lower")), read_number(line.get("upper")))
    if not (math.isfinite(value) and math.isfinite(median)) or value == median:
        return 0.0
    if not math.isfinite(half):
        return math.copysign(1.0, value - median)
    return quantity(read_number((value - median) / half, math.copysign(1e300, value - median)))
