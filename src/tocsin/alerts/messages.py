"""What an alert says, as stable JSON, and which channels hear it.

The payload is the contract with webhooks (docs/reference/alerts.md): within one `version` keys are added, never
renamed, removed or given another meaning. It holds values as they are in the data; escaping is the renderer's affair.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from tocsin.config import AlertSettings
from tocsin.formatting import shorten
from tocsin.model import Alert, Anomaly, Change, Incident, Window, short_id

__all__ = ["PAYLOAD_VERSION", "build_alert", "route"]

PAYLOAD_VERSION = 1
SEVERITIES = ("low", "medium", "high")
N_ROWS = 5
LONGEST_VALUE = 1000
"""A slice value is cut here even in JSON: many webhooks refuse bodies of some 100 kB."""


def route(settings: AlertSettings, incident: Incident) -> tuple[str, ...]:
    """The names of the channels that hear of an incident, by its monitor and severity."""
    # a severity that this version does not know is heard by everybody rather than by nobody
    level = SEVERITIES.index(incident.severity) if incident.severity in SEVERITIES else len(SEVERITIES)
    return tuple(
        name
        for name, channel in settings.channel.items()
        if (not channel.monitors or incident.monitor in channel.monitors)
        and SEVERITIES.index(channel.min_severity) <= level
    )


def build_alert(
    incident: Incident,
    change: Change,
    anomalies: Sequence[Anomaly],
    *,
    at: datetime,
    link: str | None,
    channels: tuple[str, ...],
) -> Alert:
    """The message about a change of an incident.

    Parameters
    ----------
    anomalies : sequence of Anomaly
        Those of the incident in this window; its rows, highest stake first. Without any, the incident's own rows.
    at : datetime
        When it is said. The same content said at another time has the same id.
    link : str or None
        The address of the review page.
    """
    content = {
        "version": PAYLOAD_VERSION,
        "dedupe_key": f"tocsin/{incident.id}",
        "change": change.value,
        "status": incident.state.value,
        "monitor": incident.monitor,
        "kind": incident.kind,
        "kpi": incident.kpi,
        "severity": incident.severity,
        "stake": _number(incident.stake),
        "incident_id": incident.id,
        "headline": incident.headline,
        "slice": _slice(dict(incident.slice.items)),
        "direction": incident.direction.value,
        **_figures(incident),
        "window": _window(incident.last),
        "first_window": _window(incident.first),
        "reasons": [str(reason) for reason in incident.details.get("reasons", ())],
        **_rows(incident, anomalies),
        "links": {"why": f"tocsin why {incident.id}", "page": _page(link, incident)},
    }
    identity = short_id("alert", json.dumps(content, sort_keys=True))
    return Alert(incident.id, change, at, {"id": identity, "at": at.isoformat(), **content}, channels)


def _number(value: object) -> float | None:
    """A finite number or None: JSON has no word for the others."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _slice(items: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): shorten(str(value), LONGEST_VALUE) for name, value in items.items()}


def _window(window: Window) -> dict[str, str]:
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}


def _figures(incident: Incident) -> dict[str, Any]:
    details = incident.details
    return {
        "unit": "ratio" if details.get("unit") == "ratio" else "amount",
        "actual": _number(details.get("value")),
        "expected": _number(details.get("expected")),
        "lower": _number(details.get("lower")),
        "upper": _number(details.get("upper")),
        "p_value": _number(details.get("p_value")),
        "q_value": _number(details.get("q_value")),
        "share_of_total": _number(details.get("share_of_total")),
    }


def _rows(incident: Incident, anomalies: Sequence[Anomaly]) -> dict[str, Any]:
    """At most five slices, and how many more there are; an entity's indicators take their place."""
    indicators = [_indicator(item) for item in incident.details.get("indicators", ()) if isinstance(item, Mapping)]
    if indicators:
        return {"rows": [], "n_more": 0, "indicators": indicators[:N_ROWS]}
    kept = incident.details.get("rows", ())
    if anomalies:
        rows = [_anomaly_row(item) for item in sorted(anomalies, key=lambda item: (-item.stake, item.slice.key))]
        total = len(rows)
    else:
        rows = [_kept_row(row) for row in kept if isinstance(row, Mapping)]
        total = max(len(rows), int(incident.details.get("n_slices") or 0))
    return {"rows": rows[:N_ROWS], "n_more": total - len(rows[:N_ROWS])}


def _indicator(item: Mapping[str, Any]) -> dict[str, Any]:
    texts = {name: shorten(str(item.get(name)), LONGEST_VALUE) for name in ("name", "observed", "expected")}
    population = shorten(str(item.get("population")), LONGEST_VALUE) if item.get("context") else ""
    share, n_peers = _number(item.get("share")), item.get("n_peers")
    return {**texts, "share": share, "sub_population": population, "n_peers": n_peers}


def _anomaly_row(anomaly: Anomaly) -> dict[str, Any]:
    return {
        "slice": _slice(dict(anomaly.slice.items)),
        "actual": _number(anomaly.value),
        "expected": _number(anomaly.expected),
        "lower": _number(anomaly.lower),
        "upper": _number(anomaly.upper),
        "share_of_total": _number(anomaly.share_of_total),
    }


def _kept_row(row: Mapping[str, Any]) -> dict[str, Any]:
    part = row.get("slice")
    return {
        "slice": _slice(part if isinstance(part, Mapping) else {}),
        "actual": _number(row.get("value")),
        **{name: _number(row.get(name)) for name in ("expected", "lower", "upper", "share_of_total")},
    }


def _page(link: str | None, incident: Incident) -> str | None:
    return None if link is None else f"{link.rstrip('/')}/incidents/{quote(incident.id)}"
