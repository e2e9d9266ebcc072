"""Is everything in place? Configuration, sources with a dry query a monitor, store, outbox, overdue monitors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tocsin.config import MonitorSettings, Settings, load_settings, utc_now
from tocsin.errors import TocsinError
from tocsin.formatting import format_count, format_moment
from tocsin.pipeline import lens_class
from tocsin.sources import Source, open_source
from tocsin.store import Store

__all__ = ["Finding", "check"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, whether it needs attention, and a sentence about it."""

    subject: str
    ok: bool
    sentence: str


def check(config: str | Path, *, now: datetime | None = None) -> list[Finding]:
    """Look at everything that a run needs; nothing is written but the store's schema.

    Raises
    ------
    ConfigError
        The configuration itself is invalid; everything else is a finding.
    """
    settings = load_settings(config)
    now = now or utc_now()
    n = format_count(len(settings.monitor), "monitor")
    findings = [Finding("configuration", bool(settings.monitor), f"{config} is valid and has {n}")]
    for monitor in settings.monitor:
        findings += _monitor(settings, monitor, now)
    findings += _store(settings, now)
    return findings


def _monitor(settings: Settings, monitor: MonitorSettings, now: datetime) -> Iterator[Finding]:
    subject = f"monitor {monitor.name}"
    try:
        with open_source(monitor.source, settings.source[monitor.source], settings.base) as source:
            if source.settings.time is None:
                yield from _answers(subject, monitor, source, now, "the table as it is now, without a time")
                return
            extent = source.extent()
            if extent is None:
                yield Finding(subject, False, f"source {monitor.source} has no usable row")
                return
            rows = f"rows from {format_moment(extent[0])} to {format_moment(extent[1])}"
            newest = min(now, extent[1] + monitor.window + monitor.delay)
            yield from _answers(subject, monitor, source, newest, rows)
            behind = (now - extent[1]) // monitor.window
            if behind > max(2, monitor.close_after):
                sentence = (
                    f"the newest row is {format_count(behind, 'window')} old: every due window is silent; "
                    "`tocsin backfill` judges the past"
                )
                yield Finding(subject, False, sentence)
    except TocsinError as error:
        yield Finding(subject, False, str(error))


def _answers(subject: str, monitor: MonitorSettings, source: Source, now: datetime, rows: str) -> Iterator[Finding]:
    """That the source answers, and what the engine says of the statement of the newest window."""
    newest = monitor.grid.last_due(now, monitor.delay)
    problems = lens_class(monitor).problems(monitor, source, newest)
    yield Finding(subject, True, f"source {monitor.source} answers; {rows}")
    yield from (Finding(subject, False, problem) for problem in problems)


def _store(settings: Settings, now: datetime) -> Iterator[Finding]:
    try:
        with Store.open(settings.store.url, base=settings.base) as store:
            yield Finding("store", True, "opens, and its schema is current")
            for monitor in settings.monitor:
                last = store.last_run(monitor.name)
                newest = monitor.grid.window(monitor.grid.last_due(now, monitor.delay))
                if last is None:
                    yield Finding(f"monitor {monitor.name}", True, "has not run yet")
                elif (newest.end - last.window.end) > 2 * monitor.window:
                    sentence = f"last evaluated window ended {format_moment(last.window.end)}: runs are overdue"
                    yield Finding(f"monitor {monitor.name}", False, sentence)
            dead = store.dead_letters()
            if not settings.alerts.channel:
                yield Finding("alerts", True, "no channel is configured: incidents are stored and sent nowhere")
            sentence = f"{format_count(len(dead), 'dead letter')}" + (
                "; the last errors: "
                + "; ".join(sorted({f"{letter.channel}: {letter.last_error}" for letter in dead})[:3])
                if dead
                else ""
            )
            yield Finding("outbox", not dead, sentence)
    except TocsinError as error:
        yield Finding("store", False, str(error))
