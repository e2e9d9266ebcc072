"""Simulate an ad platform with troubles, fraud and click farming, run the main job on it, compare what was found.

A kind of alerts that is harmless is answered as a person would, before the last day is judged.

What it writes is a working project: the data, tocsin.toml, the store, the alerts as files and the report.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.config import Settings, load_settings
from tocsin.demo.configuration import CONFIG
from tocsin.demo.mailings import (
    ANSWERED,
    MAILED,
    Lesson,
    answer_mailings,
    compare_mailings,
    lesson_of,
    plan_mailings,
)
from tocsin.demo.payouts import PAYOUTS, compare_payouts, plant_low_payouts
from tocsin.demo.publishers import PUBLISHERS, compare_publishers, write_demo_publishers
from tocsin.demo.sellers import SHOPS, compare_shops, write_demo_orders
from tocsin.demo.troubles import compare_troubles
from tocsin.errors import InputError
from tocsin.formatting import format_count
from tocsin.model import Incident, Window
from tocsin.overview import write_report
from tocsin.pipeline import MonitorReport, Progress, backfill, run
from tocsin.report import PlantedRow
from tocsin.simulate import Trouble, simulate_funnel, write_funnel
from tocsin.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DemoResult", "run_demo"]

MARKER = ".tocsin-demo"
EVALUATED = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Planted and found, how much else rang (a sentence a lens), what answers have changed, what was written, and the
    one next step to try.
    """

    rows: tuple[PlantedRow, ...]
    others: tuple[str, ...]
    lesson: Lesson
    written: tuple[str, ...]
    next_step: str


def run_demo(folder: Path, *, seed: int = 0, progress: Progress | None = None) -> DemoResult:
    """Write the demo into `folder` (made new; only a folder that a demo wrote is replaced) and run it.

    Raises
    ------
    InputError
        The folder exists and no demo wrote it.
    """
    _clear(folder)
    planted = _write_data(folder, seed)
    config = folder / "tocsin.toml"
    config.write_text(CONFIG.format(end=planted.end.isoformat()), encoding="utf-8")
    settings = load_settings(config)
    judged = _judge(settings, planted, progress)
    with Store.open(settings.store.url, base=settings.base) as store:
        rows, others, next_step = _compare(settings, store, planted, judged)
        lesson = lesson_of(settings, store, planted.mailings, judged.answered, planted.answered_at)
        report = folder / "report.html"
        write_report(report, settings, store, planted.end, planted=rows)
    written = (f"{report}  (open it in a browser)", f"{folder / 'alerts'}/  (what a webhook would get)", str(config))
    return DemoResult(tuple(rows), others, lesson, written, next_step.format(config=config))


@dataclass(frozen=True, slots=True, eq=False)
class _Planted:
    """The truth, and the end of the data."""

    end: datetime
    troubles: Sequence[Trouble]
    mailings: Sequence[Trouble]
    low_payouts: Window
    frauds: pd.DataFrame
    farmed: pd.DataFrame

    @property
    def answered_at(self) -> datetime:
        return self.end - ANSWERED


@dataclass(frozen=True, slots=True)
class _Judged:
    """What each monitor reported, in parts where it was judged in parts, and which incidents were answered between."""

    reports: Mapping[str, Sequence[MonitorReport]]
    answered: Sequence[Incident]


def _write_data(folder: Path, seed: int) -> _Planted:
    planned = simulate_funnel(random_state=seed)
    end, mailings = planned.end, plan_mailings(planned.end)
    funnel = simulate_funnel(random_state=seed, troubles=[*planned.troubles, *mailings])
    events, low_payouts = plant_low_payouts(folder, funnel.events, end)
    write_funnel(folder, replace(funnel, events=events))
    frauds = write_demo_publishers(folder, seed)
    farmed = write_demo_orders(folder, end, EVALUATED, seed)
    return _Planted(end, planned.troubles, mailings, low_payouts, frauds, farmed)


def _judge(settings: Settings, planted: _Planted, progress: Progress | None) -> _Judged:
    """Six days of all monitors; before the last day of the one that tells of mailings, answers."""
    reports: dict[str, list[MonitorReport]] = {monitor.name: [] for monitor in settings.monitor}
    start, at, end = planted.end - EVALUATED, planted.answered_at, planted.end

    def judge(monitors: Sequence[str], since: datetime, until: datetime) -> None:
        report = backfill(settings, since, until, now=end, monitors=monitors, alerts=True, progress=progress)
        for one in report.monitors:
            reports[one.monitor].append(one)

    judge([name for name in reports if name not in (MAILED, PUBLISHERS)], start, end)
    judge([MAILED], start, at)
    with Store.open(settings.store.url, base=settings.base) as store:
        answered = answer_mailings(settings, store, planted.mailings, at)
    judge([MAILED], at, end)
    reports[PUBLISHERS] += run(settings, now=end, monitors=[PUBLISHERS], progress=progress).monitors
    return _Judged(reports, answered)


def _compare(
    settings: Settings, store: Store, planted: _Planted, judged: _Judged
) -> tuple[list[PlantedRow], tuple[str, ...], str]:
    """A row for each thing that was planted, a sentence for each lens, and the next step."""
    of_slices = [monitor.name for monitor in settings.monitor if monitor.kind == "slices"]
    kpis = {monitor.name: monitor.subject for monitor in settings.monitor}
    incidents = [incident for incident in store.incidents() if incident.monitor in of_slices]
    rows, explained = compare_troubles(planted.troubles, incidents, kpis)
    _, mailed = compare_troubles(planted.mailings, [one for one in incidents if one.monitor == MAILED], kpis)
    next_step = _next_step(incidents, explained)
    of_payouts = store.incidents(monitor=PAYOUTS)
    of_publishers, fraud = compare_publishers(
        planted.frauds, store.incidents(monitor=PUBLISHERS), judged.reports[PUBLISHERS][0]
    )
    of_shops, farming = compare_shops(planted.farmed, store.incidents(monitor=SHOPS), judged.reports[SHOPS][0])
    rows.append(compare_payouts(planted.low_payouts, of_payouts))
    rows.append(compare_mailings(planted.mailings, judged.answered, planted.answered_at, incidents))
    rest = len({incident.id for incident in incidents} - set(explained) - set(mailed))
    effort = _effort([report for name in of_slices for report in judged.reports[name]])
    others = (
        f"besides, {format_count(rest, 'incident')} of slices in six days of {effort}",
        f"{format_count(len(of_payouts), 'incident')} of payouts in all, where 2 a week were asked for",
        fraud,
        farming,
    )
    return rows + of_publishers + of_shops, others, next_step


def _clear(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            hint = "name another folder: tocsin demo FOLDER"
            raise InputError("The folder is not empty and no demo wrote it", got=str(folder), hint=hint)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def _effort(monitors: Sequence[MonitorReport]) -> str:
    runs = [one for monitor in monitors for one in monitor.runs]
    return f"{format_count(len(runs), 'window')} and {format_count(sum(one.n_tested for one in runs), 'test')}"


def _next_step(incidents: Sequence[Incident], explained: Mapping[str, bool]) -> str:
    """A command but for its configuration."""
    harmless = [incident for incident in incidents if explained.get(incident.id) is False]
    if harmless:
        return f"tocsin feedback {harmless[0].id[:6]} expected -c {{config}}   # the promotion was no trouble"
    return f"tocsin why {incidents[0].id[:6]} -c {{config}}" if incidents else "tocsin check -c {config}"
