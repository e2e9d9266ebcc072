"""`tocsin demo`: simulate an ad platform, plant troubles, run the main job on it, compare the findings with the truth.

What it writes is a working project: the data, tocsin.toml, the store, the alerts as files and the report.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tocsin.config import load_settings
from tocsin.errors import InputError
from tocsin.formatting import format_count, format_slice
from tocsin.model import Incident, Window
from tocsin.overview import write_report
from tocsin.pipeline import Progress, backfill
from tocsin.report import PlantedRow
from tocsin.simulate import Trouble, simulate_funnel, write_funnel
from tocsin.store import Store

__all__ = ["DemoResult", "run_demo"]

MARKER = ".tocsin-demo"
EVALUATED = timedelta(days=6)
CONFIG = """\
# The demo's configuration: edit it and run `tocsin run --at "{end}"` again.
[store]
url = "sqlite:///tocsin.db"

[source.funnel]
path = "events.parquet"
time = "ts"

[source.funnel.measures]
views = "sum(views)"
clicks = "sum(clicks)"
installs = "sum(installs)"
revenue = "sum(revenue)"

[[monitor]]
name = "ctr"
source = "funnel"
kpi = "clicks / views"
dimensions = ["country", "app", "partner", "sdk"]
window = "1h"
q = 0.01
min_relative = 0.1

[[monitor]]
name = "install_rate"
source = "funnel"
kpi = "installs / clicks"
dimensions = ["country", "app", "partner", "sdk"]
window = "1h"
q = 0.01
min_relative = 0.1

[[monitor]]
name = "views"
source = "funnel"
kpi = "views"
dimensions = ["country", "app", "partner", "sdk"]
window = "1h"
q = 0.01
min_relative = 0.3

[alerts.channel.files]
path = "alerts"
"""


@dataclass(frozen=True, slots=True)
class DemoResult:
    """Planted and found, how much else rang, what was written, and the one next step to try."""

    rows: tuple[PlantedRow, ...]
    others: str
    written: tuple[str, ...]
    next_step: str


def run_demo(folder: Path, *, seed: int = 0, progress: Progress | None = None) -> DemoResult:
    """Write the demo into `folder` (made new; only a folder that a demo wrote is replaced) and run it.

    Raises
    ------
    InputError
        The folder exists and no demo wrote it.
    """
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            hint = "name another folder: tocsin demo FOLDER"
            raise InputError("The folder is not empty and no demo wrote it", got=str(folder), hint=hint)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    funnel = simulate_funnel(random_state=seed)
    write_funnel(folder, funnel)
    end = funnel.end
    config = folder / "tocsin.toml"
    config.write_text(CONFIG.format(end=end.isoformat()), encoding="utf-8")
    settings = load_settings(config)
    outcome = backfill(settings, end - EVALUATED, end, now=end, alerts=True, progress=progress)
    with Store.open(settings.store.url, base=settings.base) as store:
        incidents = store.incidents()
        kpis = {monitor.name: monitor.subject for monitor in settings.monitor}
        rows, explained = _compare(funnel.troubles, incidents, kpis)
        report = folder / "report.html"
        write_report(report, settings, store, end, planted=rows)
        n_windows = sum(len(monitor.runs) for monitor in outcome.monitors)
        n_tested = sum(run.n_tested for monitor in outcome.monitors for run in monitor.runs)
        n_others = len(incidents) - len(explained)
        harmless = [incident for incident in incidents if explained.get(incident.id) is False]
        ask = harmless[0] if harmless else incidents[0] if incidents else None
    others = (
        f"besides these, {format_count(n_others, 'incident')} in six days of {format_count(n_windows, 'window')} "
        f"and {format_count(n_tested, 'test')} of slices"
    )
    written = (f"{report}  (open it in a browser)", f"{folder / 'alerts'}/  (what a webhook would get)", str(config))
    options = f"-c {config}"
    next_step = f"tocsin why {ask.id[:6]} {options}" if ask else f"tocsin check {options}"
    if harmless:
        next_step = f"tocsin feedback {harmless[0].id[:6]} expected {options}   # the promotion was no trouble"
    return DemoResult(tuple(rows), others, written, next_step)


def _compare(
    troubles: Sequence[Trouble], incidents: Sequence[Incident], kpis: dict[str, str]
) -> tuple[list[PlantedRow], dict[str, bool]]:
    """A row a trouble; and which incidents a trouble explains (False: a harmless one does)."""
    rows: list[PlantedRow] = []
    explained: dict[str, bool] = {}
    for trouble in troubles:
        moved = {trouble.kpi, *(kpi for kpi, _ in trouble.also)}
        hits = [
            incident
            for incident in incidents
            if incident.first.start < trouble.end + timedelta(hours=1)
            and trouble.start < incident.last.end
            and (incident.slice.contains(trouble.slice) or trouble.slice.contains(incident.slice))
            and kpis[incident.monitor] in moved
        ]
        hits.sort(key=lambda incident: (incident.slice != trouble.slice, -incident.stake))
        explained.update((incident.id, trouble.harmful) for incident in hits)
        rows.append(
            PlantedRow(
                sentence=trouble.sentence,
                where=format_slice(trouble.slice),
                window=Window(trouble.start, trouble.end),
                harmful=trouble.harmful,
                incident_ids=tuple(incident.id for incident in hits),
                remark=hits[0].headline if hits else "nothing rang",
            )
        )
    return rows, explained
