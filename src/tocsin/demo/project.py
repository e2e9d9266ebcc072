"""Simulate an ad platform with troubles, fraud and click farming, run the main job on it, compare what was found.

What it writes is a working project: the data, tocsin.toml, the store, the alerts as files and the report.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tocsin.config import load_settings
from tocsin.demo.configuration import CONFIG
from tocsin.demo.publishers import PUBLISHERS, compare_publishers, write_demo_publishers
from tocsin.demo.sellers import SHOPS, compare_shops, write_demo_orders
from tocsin.demo.troubles import compare_troubles
from tocsin.errors import InputError
from tocsin.formatting import format_count
from tocsin.model import Incident
from tocsin.overview import write_report
from tocsin.pipeline import MonitorReport, Progress, backfill, run
from tocsin.report import PlantedRow
from tocsin.simulate import simulate_funnel, write_funnel
from tocsin.store import Store

__all__ = ["DemoResult", "run_demo"]

MARKER = ".tocsin-demo"
EVALUATED = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Planted and found, how much else rang (a sentence a lens), what was written, and the one next step to try."""

    rows: tuple[PlantedRow, ...]
    others: tuple[str, ...]
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
    funnel = simulate_funnel(random_state=seed)
    write_funnel(folder, funnel)
    end = funnel.end
    frauds = write_demo_publishers(folder, seed)
    farmed = write_demo_orders(folder, end, EVALUATED, seed)
    config = folder / "tocsin.toml"
    config.write_text(CONFIG.format(end=end.isoformat()), encoding="utf-8")
    settings = load_settings(config)
    in_time = [monitor.name for monitor in settings.monitor if monitor.name != PUBLISHERS]
    outcome = backfill(settings, end - EVALUATED, end, now=end, monitors=in_time, alerts=True, progress=progress)
    judged = {monitor.monitor: monitor for monitor in outcome.monitors}
    shops = judged.pop(SHOPS)
    table = run(settings, now=end, monitors=[PUBLISHERS], progress=progress).monitors[0]
    with Store.open(settings.store.url, base=settings.base) as store:
        incidents = [incident for incident in store.incidents() if incident.monitor in judged]
        kpis = {monitor.name: monitor.subject for monitor in settings.monitor}
        rows, explained = compare_troubles(funnel.troubles, incidents, kpis)
        of_publishers, fraud = compare_publishers(frauds, store.incidents(monitor=PUBLISHERS), table)
        of_shops, farming = compare_shops(farmed, store.incidents(monitor=SHOPS), shops)
        rows += of_publishers + of_shops
        report = folder / "report.html"
        write_report(report, settings, store, end, planted=rows)
    rest = len(incidents) - len(explained)
    effort = _effort(list(judged.values()))
    written = (f"{report}  (open it in a browser)", f"{folder / 'alerts'}/  (what a webhook would get)", str(config))
    others = (f"besides, {format_count(rest, 'incident')} of slices in six days of {effort}", fraud, farming)
    return DemoResult(tuple(rows), others, written, _next_step(incidents, explained, config))


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


def _next_step(incidents: Sequence[Incident], explained: Mapping[str, bool], config: Path) -> str:
    harmless = [incident for incident in incidents if explained.get(incident.id) is False]
    if harmless:
        return f"tocsin feedback {harmless[0].id[:6]} expected -c {config}   # the promotion was no trouble"
    return f"tocsin why {incidents[0].id[:6]} -c {config}" if incidents else f"tocsin check -c {config}"
