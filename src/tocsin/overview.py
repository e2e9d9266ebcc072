"""What the store knows, gathered for the report."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from tocsin.config import CollectionMonitorSettings, ContextualMonitorSettings, MonitorSettings, Settings
from tocsin.formatting import format_p, format_slice
from tocsin.model import Anomaly, Incident, IncidentState, Item, LeftOut, RunStatus
from tocsin.pipeline.relevance import stored_types
from tocsin.report import (
    ChosenSighting,
    FailedDelivery,
    FlaggedEntity,
    MonitorSummary,
    PlantedRow,
    Report,
    render_report,
)
from tocsin.store import Store

__all__ = ["kinds_of_items", "reason_of", "write_report"]

SPAN = timedelta(weeks=8)
"""The report looks back this far from the newest evaluated window."""
MOST_CHOSEN, MOST_NAMED = 1_000, 5_000
"""Sightings that answers changed, and those that say how kinds are named: the newest of a monitor."""


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
        chosen=tuple(item for monitor in settings.monitor for item in _chosen(monitor, store, since, incidents)),
        next_step=next_step,
    )
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    unfinished.write_text(render_report(report), encoding="utf-8")
    unfinished.replace(output)


def _chosen(
    monitor: MonitorSettings, store: Store, since: datetime, incidents: Sequence[Incident]
) -> Iterator[ChosenSighting]:
    """What people's answers held back, and what they raised, the newest first."""
    changed = store.items(monitor.name, since=since, limit=MOST_CHOSEN, changed=True)
    if not changed:
        return
    kinds = kinds_of_items(monitor, store, since)
    told = {identity: incident.id for incident in incidents for identity in incident.anomaly_ids}
    for item in reversed(changed):
        raised = item.is_selected
        yield ChosenSighting(
            monitor=monitor.name,
            window=item.window,
            headline=item.headline,
            kind=kinds.get(item.id, ""),
            reason=reason_of(item),
            is_raised=raised,
            anomaly_id=item.anomaly_id,
            incident_id=told.get(item.anomaly_id, "") if raised else "",
        )


def reason_of(item: Item) -> str:
    """Why people's answers raised or held back what they changed."""
    if item.is_selected:
        return "like what was called relevant"
    return "likelier not wanted than wanted" if item.relevance < 0 else "others were wanted more"


def kinds_of_items(monitor: MonitorSettings, store: Store, since: datetime) -> dict[str, str]:
    """The names of the kinds of the newest items, by their ids and their anomalies': kinds found last, or else now."""
    from tocsin.relevancy import embedding_names, embedding_schema, find_types, name_types

    schema = embedding_schema(monitor.kind)
    items = [item for item in store.items(monitor.name, since=since, limit=MOST_NAMED) if item.schema == schema]
    if not items:
        return {}
    embeddings = [item.embedding for item in items]
    types = stored_types(store, monitor.name)
    if types is None or types.schema != schema:
        types = find_types(embeddings, schema=schema)
    places = types.assign(embeddings)
    names = name_types(
        np.array(embeddings),
        embedding_names(schema),
        places,
        slices=[item.slice for item in items],
        kpis=[item.kpi for item in items],
    )
    placed = list(zip(items, places.tolist(), strict=True))
    return {name: names[place] for item, place in placed for name in (item.anomaly_id, item.id)}


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
