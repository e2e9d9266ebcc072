"""Sightings of one window meet the incidents that are alive: open, update, close, retract.

A sighting joins an incident of its direction and kind when one's slice contains the other's and their windows are at
most `close_after` apart; otherwise it opens a new one. Re-evaluating a window first takes away what the incident had
from it, so that the outcome is the same as if the late rows had been there from the start: an incident that has
nothing left is retracted. An update is announced only for a real change: a wider slice, a higher severity, or a window
with at least twice the stake of any before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from tocsin.incidents.describe import SEVERITIES, Sighting
from tocsin.model import Change, Incident, IncidentState, Window

__all__ = ["Advance", "advance"]

STAKE_GROWTH = 2.0


@dataclass(frozen=True, slots=True)
class Advance:
    """What one window does to the incidents.

    incidents : all that changed or are new, as they are now
    changes   : those of them that are to be announced, and how
    n_left    : sightings that were left out because the window had more new ones than allowed
    """

    incidents: tuple[Incident, ...]
    changes: tuple[tuple[Incident, Change], ...]
    n_left: int = 0


def advance(
    monitor: str,
    kpi: str,
    window: Window,
    live: Sequence[Incident],
    sightings: Sequence[Sighting],
    *,
    index_of: Callable[[Window], int],
    is_new: bool,
    counts_as_quiet: bool = True,
    close_after: int = 3,
    max_incidents: int = 20,
) -> Advance:
    """Apply one window's sightings.

    Parameters
    ----------
    live : incidents
        The monitor's open incidents and those that hold something of this window.
    index_of : callable
        The grid index of a window, to tell how far apart two are.
    is_new : bool
        False when the window was evaluated before and is evaluated again.
    counts_as_quiet : bool
        False when the window says nothing about slices (the source was silent).
    """
    before = {incident.id: _without(incident, window, index_of) for incident in live}
    joined, alone = _match(list(before.values()), sightings, window, index_of, close_after)
    changed: list[Incident] = []
    changes: list[tuple[Incident, Change]] = []

    def put(incident: Incident, change: Change | None) -> None:
        changed.append(incident)
        if change is not None:
            changes.append((incident, change))

    for old in live:
        stripped = before[old.id]
        if old.state is IncidentState.RETRACTED:
            continue
        if old.id in joined:
            put(*_seen(old, stripped, joined[old.id], window))
        elif not stripped.details["windows"]:
            put(stripped.evolve(state=IncidentState.RETRACTED, stake=0.0, anomaly_ids=()), Change.RETRACTED)
        elif old.state is IncidentState.OPEN and is_new and counts_as_quiet and window.start > old.last.start:
            quiet = stripped.evolve(n_quiet=stripped.n_quiet + 1)
            closes = quiet.n_quiet >= close_after
            put(quiet.evolve(state=IncidentState.CLOSED) if closes else quiet, Change.CLOSED if closes else None)
        elif stripped != old:
            put(stripped, None)
    alone.sort(key=lambda sighting: (-sighting.stake, sighting.slice.key))
    for sighting in alone[:max_incidents]:
        put(_opened(monitor, kpi, sighting, window), Change.OPENED)
    return Advance(tuple(changed), tuple(changes), len(alone[max_incidents:]))


def _without(incident: Incident, window: Window, index_of: Callable[[Window], int]) -> Incident:
    """The incident as it would be had `window` shown nothing."""
    windows = dict(incident.details["windows"])
    if windows.pop(window.start.isoformat(), None) is None:
        return incident
    details = {**incident.details, "windows": windows}
    if not windows:
        return incident.evolve(details=details)
    last = max(_spans(windows), key=lambda span: span.start)
    return incident.evolve(
        details=details,
        first=min(_spans(windows), key=lambda span: span.start),
        last=last,
        n_quiet=incident.n_quiet + index_of(incident.last) - index_of(last),
        stake=_stake(windows),
        anomaly_ids=_ids(windows),
    )


def _match(
    live: Iterable[Incident],
    sightings: Sequence[Sighting],
    window: Window,
    index_of: Callable[[Window], int],
    close_after: int,
) -> tuple[dict[str, list[Sighting]], list[Sighting]]:
    index = index_of(window)
    near = [
        incident
        for incident in live
        if incident.state is not IncidentState.RETRACTED
        and index_of(incident.first) - close_after <= index <= index_of(incident.last) + close_after + incident.n_quiet
    ]
    joined: dict[str, list[Sighting]] = {}
    alone = []
    for sighting in sightings:
        fitting = [
            incident
            for incident in near
            if (incident.kind, incident.direction) == (sighting.kind, sighting.direction)
            and (incident.slice.contains(sighting.slice) or sighting.slice.contains(incident.slice))
        ]
        if not fitting:
            alone.append(sighting)
            continue
        distance = {incident.id: abs(incident.slice.depth - sighting.slice.depth) for incident in fitting}
        best = min(fitting, key=lambda incident: (distance[incident.id], -incident.stake, incident.id))
        joined.setdefault(best.id, []).append(sighting)
    return joined, alone


def _seen(
    old: Incident, stripped: Incident, sightings: Sequence[Sighting], window: Window
) -> tuple[Incident, Change | None]:
    entry = _entry(sightings, window)
    windows = {**stripped.details["windows"], window.start.isoformat(): entry}
    lead = min(sightings, key=lambda sighting: (sighting.slice.depth, -sighting.stake))
    widest = min((old.slice, lead.slice), key=lambda part: part.depth)
    is_latest = window.start >= stripped.last.start or not stripped.details["windows"]
    severity = max(old.severity, lead.severity, key=SEVERITIES.index)
    peak = max((item["stake"] for item in old.details["windows"].values()), default=0.0)
    widened, worse = widest != old.slice, severity != old.severity
    grown = entry["stake"] >= STAKE_GROWTH * peak > 0
    spans = sorted(_spans(windows), key=lambda span: span.start)
    incident = stripped.evolve(
        slice=widest,
        first=spans[0],
        last=spans[-1],
        n_quiet=0 if is_latest else stripped.n_quiet,
        severity=severity,
        stake=_stake(windows),
        anomaly_ids=_ids(windows),
        headline=lead.headline if is_latest else stripped.headline,
        kpi=(is_latest and lead.kpi) or stripped.kpi,
        details=_details(lead.details if is_latest else stripped.details, windows),
    )
    real = (widened or worse or grown) and old.state is IncidentState.OPEN
    return incident, Change.UPDATED if real else None


def _opened(monitor: str, kpi: str, sighting: Sighting, window: Window) -> Incident:
    entry = _entry([sighting], window)
    return Incident(
        monitor=monitor,
        slice=sighting.slice,
        kpi=sighting.kpi or kpi,
        direction=sighting.direction,
        state=IncidentState.OPEN,
        first=window,
        last=window,
        severity=sighting.severity,
        stake=entry["stake"],
        anomaly_ids=tuple(entry["ids"]),
        headline=sighting.headline,
        kind=sighting.kind,
        details=_details(sighting.details, {window.start.isoformat(): entry}),
    )


def _details(details: Mapping[str, Any], windows: Mapping[str, Any]) -> dict[str, Any]:
    """With the windows the incident was seen in, which its chart marks."""
    series = [{**point, "flagged": point["start"] in windows} for point in details.get("series", ())]
    return {**details, "series": series, "windows": dict(windows)}


def _entry(sightings: Sequence[Sighting], window: Window) -> dict[str, Any]:
    return {
        "end": window.end.isoformat(),
        "stake": sum(sighting.stake for sighting in sightings),
        "ids": list(dict.fromkeys(name for sighting in sightings for name in sighting.anomaly_ids)),
    }


def _spans(windows: Mapping[str, Mapping[str, Any]]) -> list[Window]:
    return [Window(datetime.fromisoformat(s), datetime.fromisoformat(item["end"])) for s, item in windows.items()]


def _stake(windows: Mapping[str, Mapping[str, Any]]) -> float:
    return float(sum(item["stake"] for item in windows.values()))


def _ids(windows: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(name for item in windows.values() for name in item["ids"])
