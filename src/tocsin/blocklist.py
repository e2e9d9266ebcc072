"""The entities that a contextual or a collections monitor has flagged and nobody has cleared, each with the reason.

An answer about an anomaly or an incident speaks for its entity; the last one that decides counts: "not-relevant" and
"expected" take the entity off the list, "relevant" puts it back.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from tocsin.config import CollectionMonitorSettings, ContextualMonitorSettings, Settings
from tocsin.errors import ConfigError, InputError
from tocsin.formatting import spreadsheet_text
from tocsin.model import Anomaly, Incident, Verdict
from tocsin.store import Store

__all__ = ["BlockedEntity", "blocklist", "render_blocklist", "write_blocklist"]

CLEARED = (Verdict.NOT_RELEVANT, Verdict.EXPECTED)


@dataclass(frozen=True, slots=True)
class BlockedEntity:
    """One line of the list.

    score : its highest anomaly score; reason: the headline of its newest incident, or what deviated
    first_seen, last_seen : the beginning of the first and the end of the last window in which it was flagged
    answer : "relevant" where somebody has confirmed it, else empty
    """

    entity: str
    score: float
    n_windows: int
    first_seen: datetime
    last_seen: datetime
    answer: str
    reason: str
    incident: str


def blocklist(settings: Settings, store: Store, monitor: str) -> list[BlockedEntity]:
    """The list of a monitor of entities, highest score first.

    Raises
    ------
    ConfigError
        There is no such monitor, or it judges no entities.
    """
    chosen = settings.monitor_named(monitor)
    if not isinstance(chosen, ContextualMonitorSettings | CollectionMonitorSettings):
        allowed = 'kind = "contextual" or "collections"'
        raise ConfigError(f"Monitor {monitor!r} judges no entities", allowed=allowed, got=chosen.kind)
    anomalies: dict[str, list[Anomaly]] = {}
    for anomaly in store.anomalies(monitor=monitor):
        if anomaly.slice.items and anomaly.slice.items[0][0] == chosen.entity:
            anomalies.setdefault(anomaly.slice.items[0][1], []).append(anomaly)
    incidents: dict[str, list[Incident]] = {}
    for incident in store.incidents(monitor=monitor, order="time"):
        if incident.slice.items:
            incidents.setdefault(incident.slice.items[0][1], []).append(incident)
    answers = {item.subject_id: item for item in store.feedback(monitor=monitor) if item.verdict is not Verdict.UNSURE}
    found = []
    for name, seen in anomalies.items():
        mine = incidents.get(name, [])
        ids = [*(anomaly.id for anomaly in seen), *(incident.id for incident in mine)]
        given = [answers[identity] for identity in ids if identity in answers]
        verdict = max(given, key=lambda answer: answer.at).verdict if given else None
        if verdict not in CLEARED:
            found.append(_blocked(name, seen, mine, "" if verdict is None else verdict.value))
    return sorted(found, key=lambda item: (-item.score, item.entity))


def _blocked(name: str, seen: Sequence[Anomaly], incidents: Sequence[Incident], answer: str) -> BlockedEntity:
    newest = max(seen, key=lambda anomaly: anomaly.window)
    reason = incidents[0].headline if incidents else f"{newest.kpi} {newest.value:.4g}, {newest.expected:.4g} is usual"
    return BlockedEntity(
        entity=name,
        score=max(anomaly.score for anomaly in seen),
        n_windows=len({anomaly.window for anomaly in seen}),
        first_seen=min(anomaly.window.start for anomaly in seen),
        last_seen=newest.window.end,
        answer=answer,
        reason=reason,
        incident=incidents[0].id if incidents else "",
    )


def render_blocklist(entities: Sequence[BlockedEntity], form: str) -> str:
    """The list as "csv" or "json".

    In CSV a text that a spreadsheet would run as a formula begins with an apostrophe; JSON has every value as it is.
    """
    records = [
        {**asdict(item), "first_seen": item.first_seen.isoformat(), "last_seen": item.last_seen.isoformat()}
        for item in entities
    ]
    if form == "json":
        return json.dumps(records, ensure_ascii=False, indent=2) + "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(BlockedEntity.__dataclass_fields__)
    for record in records:
        writer.writerow([spreadsheet_text(value) if isinstance(value, str) else value for value in record.values()])
    return text.getvalue()


def write_blocklist(entities: Sequence[BlockedEntity], file: Path) -> None:
    """Write a .csv or .json file, as a whole or not at all; raises `InputError` for other names."""
    form = file.suffix.lower().removeprefix(".")
    if form not in ("csv", "json"):
        raise InputError("A blocklist's file", allowed="FILE.csv or FILE.json", got=str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.partial")
    unfinished.write_text(render_blocklist(entities, form), encoding="utf-8", newline="", errors="backslashreplace")
    unfinished.replace(file)
