"""The order of things, and the only place that knows it.

    source -> windows -> detector -> causes -> relevancy -> incidents -> store -> alerts
                            ▲                      ▲                       │
                            └──────────────────────┴────── feedback ───────┘

What a monitor's kind decides, from the source to the sightings of a window, is its lens (`pipeline.lens`).
Everything of one window is written in one transaction; a window whose facts, settings and answers are unchanged is not
written again. So a run may be killed at any instant, repeated, or started twice at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tocsin.alerts import DeliveryReport, deliver
from tocsin.config import MonitorSettings, Settings, load_settings, utc_now
from tocsin.errors import InputError
from tocsin.model import Run
from tocsin.pipeline.lens import lens_class
from tocsin.pipeline.memory import Memory
from tocsin.pipeline.questions import OpenQuestion, current_questions, open_questions
from tocsin.pipeline.write import MonitorReport, WindowWriter
from tocsin.sources import open_source
from tocsin.store import Store

__all__ = [
    "MonitorReport",
    "OpenQuestion",
    "Progress",
    "RunReport",
    "backfill",
    "current_questions",
    "due_windows",
    "lens_class",
    "run",
]

Progress = Callable[[str, int, int], None]
"""Called with a task's name, how much is done, and how much there is."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did: a report a monitor, what became of the alerts (None: none were sent), and what to ask people."""

    monitors: tuple[MonitorReport, ...]
    delivery: DeliveryReport | None = None
    questions: tuple[OpenQuestion, ...] = ()


def run(
    config: str | Path | Settings,
    *,
    now: datetime | None = None,
    monitors: Sequence[str] = (),
    dry_run: bool = False,
    progress: Progress | None = None,
) -> RunReport:
    """Evaluate every window that is due, store what was found, deliver the alerts.

    Parameters
    ----------
    config : path or Settings
        tocsin.toml, or its validated content.
    now : datetime, optional
        An aware time to take for the present (default: the clock).
    monitors : sequence of str
        Only these; empty = all.
    dry_run : bool
        Judge each due window against what is stored, but write and send nothing.

    Raises
    ------
    ConfigError, InputError, SourceError, StoreError
    """
    settings, now, chosen = _opened(config, now, monitors)
    with Store.open(settings.store.url, base=settings.base) as store:
        reports, judged = [], []
        for monitor in chosen:
            indices, n_skipped = due_windows(monitor, store.last_run(monitor.name), now)
            if settings.source[monitor.source].time is None:  # a table as it is now says nothing of the past
                indices, n_skipped = range(indices.stop - 1, indices.stop), 0
            writer = WindowWriter(settings, monitor, store, now, alerts=True, dry_run=dry_run)
            writer.report.n_skipped = n_skipped
            reports.append(_evaluate(settings, monitor, store, writer, indices, now, progress))
            judged += [(writer.relevance, run) for run in writer.report.runs[-1:]]
        if dry_run:
            return RunReport(tuple(reports))
        store.apply_retention(now - settings.store.retention)
        questions = open_questions(store, judged, settings.relevancy.ask)
        return RunReport(tuple(reports), _delivered(settings, store, now), questions)


def backfill(
    config: str | Path | Settings,
    since: datetime,
    until: datetime,
    *,
    now: datetime | None = None,
    monitors: Sequence[str] = (),
    alerts: bool = False,
    progress: Progress | None = None,
) -> RunReport:
    """Evaluate all due windows that lie in [since, until), oldest first; announce what is found only when asked to.

    Raises
    ------
    ConfigError, InputError, SourceError, StoreError
    """
    settings, now, chosen = _opened(config, now, monitors)
    if not since < until:
        raise InputError("A backfill ends after it begins", got=f"{since} .. {until}")
    with Store.open(settings.store.url, base=settings.base) as store:
        reports = []
        for monitor in chosen:
            if settings.source[monitor.source].time is None:
                allowed = "a source with a column of time"
                raise InputError(f"Monitor {monitor.name!r} has no past to backfill", allowed=allowed)
            grid = monitor.grid
            first = grid.index_of(since)
            first += grid.start_of(first) < since
            end = min(grid.index_of(until), grid.last_due(now, monitor.delay) + 1)
            writer = WindowWriter(settings, monitor, store, now, alerts=alerts, dry_run=False)
            reports.append(_evaluate(settings, monitor, store, writer, range(first, end), now, progress))
        return RunReport(tuple(reports), _delivered(settings, store, now) if alerts else None)


def due_windows(monitor: MonitorSettings, last_run: Run | None, now: datetime) -> tuple[range, int]:
    """The grid indices of the windows to evaluate, and how many due ones are skipped (more than `max_catch_up`).

    The newest due window and the `reevaluate` windows that end with it are always among them. Without a run before, no
    others: the past is for `backfill`.
    """
    newest = monitor.grid.last_due(now, monitor.delay)
    first = newest if last_run is None else monitor.grid.index_of(last_run.window.start) + 1
    n_skipped = max(0, newest + 1 - first - monitor.max_catch_up)
    return range(min(first + n_skipped, newest + 1 - monitor.reevaluate), newest + 1), n_skipped


def _opened(
    config: str | Path | Settings, now: datetime | None, monitors: Sequence[str]
) -> tuple[Settings, datetime, list[MonitorSettings]]:
    settings = config if isinstance(config, Settings) else load_settings(config)
    now = now or utc_now()
    if now.tzinfo is None:
        raise InputError("The present", allowed="an aware time", got=now.isoformat())
    return settings, now, [settings.monitor_named(name) for name in monitors] or list(settings.monitor)


def _evaluate(
    settings: Settings,
    monitor: MonitorSettings,
    store: Store,
    writer: WindowWriter,
    indices: range,
    now: datetime,
    progress: Progress | None,
) -> MonitorReport:
    lens_of, place = lens_class(monitor), settings.source[monitor.source]
    memory = Memory(store, monitor.name, writer.relevance.n_candidates)
    n_done = 0
    for chunk in _chunks(indices, lens_of.chunk_windows):
        with open_source(monitor.source, place, settings.base) as source:
            lens = lens_of.read(monitor, source, memory, chunk, now)
        writer.report.left_out = lens.left_out
        for index in chunk:
            writer.write(lens, index)
            n_done += 1
            if progress is not None:
                progress(monitor.name, n_done, len(indices))
    return writer.report


def _delivered(settings: Settings, store: Store, now: datetime) -> DeliveryReport:
    """Deliver by the clock even where another present was given: claims of several processes must compare."""
    return deliver(store, settings.alerts, max(now, utc_now()), settings.base)


def _chunks(indices: range, n_windows: int) -> Iterator[range]:
    for start in range(indices.start, indices.stop, n_windows):
        yield range(start, min(start + n_windows, indices.stop))
