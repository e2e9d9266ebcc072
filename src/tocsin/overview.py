"""What the store knows, gathered for the report."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from tocsin.config import CollectionMonitorSettings, ContextualMonitorSettings, MonitorSettings, Settings
from tocsin.formatting import format_p, format_slice
from tocsin.model import Anomaly, Incident, IncidentState, LeftOut, RunStatus
from tocsin.report import FailedDelivery, FlaggedEntity, MonitorSummary, PlantedRow, Report, render_report
from tocsin.store import Store

__all__ = ["write_report"]

SPAN = timedelta(weeks=8)
"""The report looks back this far from the newest evaluated window."""


def write_report(
    output: Path,
    settings: Settings,
    store: Store,
    now: datetime,
    *,
    planted: Sequence[PlantedRow] | None = None,
    next_step: str = "",
) -> None:
    """Write the report of the newest eight weeks in the store, as a whole or not at all."""
    newest = max((run.window.end for name in settings.monitor if (run := store.last_run(name.name))), default=now)
    since = newest - SPAN
    incidents = [item for item in store.incidents(since=since) if item.state is not IncidentState.RETRACTED]
    report = Report(
        title="tocsin: " + ", ".join(monitor.name for monitor in settings.monitor),
        generated_at=now,
        monitors=tuple(_summary(monitor, store, since) for monitor in settings.monitor),
        incidents=tuple(incidents),
        planted=None if planted is None else tuple(planted),
        failed_deliveries=tuple(
            FailedDelivery(letter.channel, letter.incident_id, letter.n_attempts, letter.at, letter.last_error)
            for letter in store.dead_letters()
        ),
        flagged=tuple(item for monitor in settings.monitor for item in _flagged(monitor, store, incidents)),
        next_step=next_step,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    unfinished.write_text(render_report(report), encoding="utf-8")
    unfinished.replace(output)


def _flagged(monitor: MonitorSettings, store: Store, incidents: Sequence[Incident]) -> Iterator[FlaggedEntity]:
    """The entities flagged in the newest window of a monitor that judges entities, highest score first."""
    last = store.last_run(monitor.name)
    if last is None or not isinstance(monitor, ContextualMonitorSettings | CollectionMonitorSettings):
        return
    told = {identity: incident.id for incident in incidents for identity in incident.anomaly_ids}
    headlines = {incident.id: incident.headline for incident in incidents}
    window = last.window
    for item in store.anomalies(monitor=monitor.name, since=window.start, until=window.end, order="score"):
        yield FlaggedEntity(
            monitor=monitor.name,
            window=window,
            entity=format_slice(item.slice),
            score=item.score,
            indicator=_odd_in(item, headlines.get(told.get(item.id, ""), "")),
            is_new=bool(item.evidence.get("is_new")),
            incident_id=told.get(item.id, ""),
        )


def _odd_in(item: Anomaly, headline: str) -> str:
    """What deviates most, and what is usual."""
    if item.kind == "collections":
        words = headline.removeprefix(f"{format_slice(item.slice)}: ")
        return words or f"its distribution, p = {format_p(item.p_value)}"
    first: Mapping[str, str] = next(iter(item.evidence.get("indicators", ())), {})
    return f"{first['name']} {first['observed']}, usual is {first['expected']}" if first else ""


def _summary(monitor: MonitorSettings, store: Store, since: datetime) -> MonitorSummary:
    runs = store.runs(monitor.name, since=since)
    incidents = store.incidents(monitor=monitor.name, since=since)
    span = sum((run.window.end - run.window.start for run in runs), timedelta())
    left_out: dict[tuple[str, str], LeftOut] = {}
    for item in (item for run in runs for item in run.left_out):
        known = left_out.get((item.reason, item.unit))
        if known is None or item.count > known.count:
            left_out[item.reason, item.unit] = item
    return MonitorSummary(
        name=monitor.name,
        kpi=monitor.subject,
        n_windows=len(runs),
        n_silent=sum(run.status is RunStatus.SILENT for run in runs),
        alerts_per_week=len(incidents) / (span / timedelta(weeks=1)) if runs else None,
        left_out=tuple(left_out.values()),
        notes=tuple(dict.fromkeys(note for run in runs[-1:] for note in run.notes)),
        timezone=monitor.timezone,
    )
