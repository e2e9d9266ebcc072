"""Rows of the store <-> the records of `tocsin.model`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from tocsin.errors import InputError
from tocsin.model import (
    Anomaly,
    Direction,
    Feedback,
    Incident,
    IncidentState,
    LeftOut,
    Run,
    RunStatus,
    Slice,
    Verdict,
    Window,
)

__all__ = [
    "anomaly_from_row",
    "anomaly_to_row",
    "feedback_from_row",
    "incident_from_row",
    "incident_to_row",
    "run_from_row",
    "run_to_row",
    "text_digest",
]

_NUMBERS = (
    "value",
    "expected",
    "lower",
    "upper",
    "p_value",
    "q_value",
    "score",
    "amount",
    "expected_amount",
    "deviation_sd",
    "share_of_total",
    "stake",
)


def text_digest(text: str) -> str:
    """128 bits that stand for a text of any length in a key."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _orderable(name: str, value: float, what: str, identity: str) -> float:
    if math.isnan(value):
        raise InputError(f"The {name} of the {what} {identity} must be a number", got=value)
    return value


def run_to_row(run: Run) -> dict[str, Any]:
    return {
        "monitor": run.monitor,
        "window_start": run.window.start,
        "window_end": run.window.end,
        "evaluated_at": run.evaluated_at,
        "status": run.status.value,
        "facts_digest": run.facts_digest,
        "n_slices": int(run.n_slices),
        "n_tested": int(run.n_tested),
        "n_flagged": int(run.n_flagged),
        "left_out": [
            {"reason": item.reason, "count": int(item.count), "unit": item.unit, "detail": item.detail}
            for item in run.left_out
        ],
        "notes": run.notes,
    }


def run_from_row(row: Row[Any]) -> Run:
    return Run(
        monitor=row.monitor,
        window=Window(row.window_start, row.window_end),
        evaluated_at=row.evaluated_at,
        status=RunStatus(row.status),
        facts_digest=row.facts_digest,
        n_slices=row.n_slices,
        n_tested=row.n_tested,
        n_flagged=row.n_flagged,
        left_out=tuple(LeftOut(**item) for item in row.left_out),
        notes=tuple(row.notes),
    )


def anomaly_to_row(anomaly: Anomaly) -> dict[str, Any]:
    numbers: Mapping[str, float] = {name: float(getattr(anomaly, name)) for name in _NUMBERS}
    key, identity = anomaly.slice.key, anomaly.id
    for name in ("score", "stake"):
        _orderable(name, numbers[name], "anomaly", identity)
    return {
        "monitor": anomaly.monitor,
        "window_start": anomaly.window.start,
        "window_end": anomaly.window.end,
        "slice_digest": text_digest(key),
        "id": identity,
        "slice_key": key,
        "kpi": anomaly.kpi,
        "direction": anomaly.direction.value,
        "evidence": anomaly.evidence,
        "kind": anomaly.kind,
        **numbers,
    }


def anomaly_from_row(row: Row[Any]) -> Anomaly:
    return Anomaly(
        monitor=row.monitor,
        window=Window(row.window_start, row.window_end),
        slice=Slice.from_key(row.slice_key),
        kpi=row.kpi,
        direction=Direction(row.direction),
        evidence=row.evidence,
        kind=row.kind,
        **{name: getattr(row, name) for name in _NUMBERS},
    )


def incident_to_row(incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "monitor": incident.monitor,
        "slice_key": incident.slice.key,
        "kpi": incident.kpi,
        "direction": incident.direction.value,
        "state": incident.state.value,
        "first_start": incident.first.start,
        "first_end": incident.first.end,
        "last_start": incident.last.start,
        "last_end": incident.last.end,
        "severity": incident.severity,
        "stake": _orderable("stake", float(incident.stake), "incident", incident.id),
        "headline": incident.headline,
        "n_quiet": int(incident.n_quiet),
        "kind": incident.kind,
        "details": incident.details,
    }


def incident_from_row(row: Row[Any], anomaly_ids: tuple[str, ...]) -> Incident:
    return Incident(
        monitor=row.monitor,
        slice=Slice.from_key(row.slice_key),
        kpi=row.kpi,
        direction=Direction(row.direction),
        state=IncidentState(row.state),
        first=Window(row.first_start, row.first_end),
        last=Window(row.last_start, row.last_end),
        severity=row.severity,
        stake=row.stake,
        anomaly_ids=anomaly_ids,
        headline=row.headline,
        n_quiet=row.n_quiet,
        kind=row.kind,
        details=row.details,
        id=row.id,
    )


def feedback_from_row(row: Row[Any]) -> Feedback:
    return Feedback(
        subject_id=row.subject_id, verdict=Verdict(row.verdict), at=row.at, author=row.author, comment=row.comment
    )
