"""`tocsin demo`: simulate an ad platform with troubles and fraud, run the main job on it, compare what was found.

What it writes is a working project: the data, tocsin.toml, the store, the alerts as files and the report.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.config import load_settings
from tocsin.errors import InputError
from tocsin.formatting import format_count, format_slice
from tocsin.model import Incident, Window
from tocsin.overview import write_report
from tocsin.pipeline import MonitorReport, Progress, RunReport, backfill, run
from tocsin.report import PlantedRow
from tocsin.simulate import Trouble, simulate_funnel, simulate_publishers, write_funnel, write_publishers
from tocsin.store import Store

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DemoResult", "run_demo"]

MARKER = ".tocsin-demo"
EVALUATED = timedelta(days=6)
PUBLISHERS = "publishers"
N_PUBLISHERS, N_RINGS = 4_000, 3
"""Publishers, and how many rings of them are shown, the largest."""
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

# The platform's publishers, one row each: those that are odd among those like them.
[source.publishers]
path = "publishers.parquet"

[[monitor]]
name = "publishers"
kind = "contextual"
source = "publishers"
entity = "publisher"
max_share = 0.005

[alerts.channel.files]
path = "alerts"
"""


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
    truth = _write_publishers(folder, seed)
    config = folder / "tocsin.toml"
    config.write_text(CONFIG.format(end=end.isoformat()), encoding="utf-8")
    settings = load_settings(config)
    of_events = [monitor.name for monitor in settings.monitor if monitor.kind == "slices"]
    outcome = backfill(settings, end - EVALUATED, end, now=end, monitors=of_events, alerts=True, progress=progress)
    judged = run(settings, now=end, monitors=[PUBLISHERS], progress=progress).monitors[0]
    with Store.open(settings.store.url, base=settings.base) as store:
        incidents = [incident for incident in store.incidents() if incident.monitor != PUBLISHERS]
        kpis = {monitor.name: monitor.subject for monitor in settings.monitor}
        rows, explained = _compare(funnel.troubles, incidents, kpis)
        found, fraud = _compare_publishers(truth, store.incidents(monitor=PUBLISHERS), judged)
        rows += found
        report = folder / "report.html"
        write_report(report, settings, store, end, planted=rows)
    rest = len(incidents) - len(explained)
    written = (f"{report}  (open it in a browser)", f"{folder / 'alerts'}/  (what a webhook would get)", str(config))
    others = (f"besides, {format_count(rest, 'incident')} of slices in six days of {_effort(outcome)}", fraud)
    return DemoResult(tuple(rows), others, written, _next_step(incidents, explained, config))


def _clear(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            hint = "name another folder: tocsin demo FOLDER"
            raise InputError("The folder is not empty and no demo wrote it", got=str(folder), hint=hint)
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()


def _effort(outcome: RunReport) -> str:
    runs = [one for monitor in outcome.monitors for one in monitor.runs]
    return f"{format_count(len(runs), 'window')} and {format_count(sum(one.n_tested for one in runs), 'test')}"


def _next_step(incidents: Sequence[Incident], explained: Mapping[str, bool], config: Path) -> str:
    harmless = [incident for incident in incidents if explained.get(incident.id) is False]
    if harmless:
        return f"tocsin feedback {harmless[0].id[:6]} expected -c {config}   # the promotion was no trouble"
    return f"tocsin why {incidents[0].id[:6]} -c {config}" if incidents else f"tocsin check -c {config}"


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


def _write_publishers(folder: Path, seed: int) -> pd.DataFrame:
    """Write the table and its truth; the truth, with the publishers' names as its index."""
    table, truth = simulate_publishers(N_PUBLISHERS, random_state=seed)
    names = [f"site{number:04}.example" for number in range(1, len(table) + 1)]
    table.insert(0, "publisher", names)
    write_publishers(folder, table, truth)
    return truth.assign(publisher=names).set_index("publisher")


def _compare_publishers(
    truth: pd.DataFrame, incidents: Sequence[Incident], judged: MonitorReport
) -> tuple[list[PlantedRow], str]:
    """A row for each of the largest rings of frauds, and a sentence about all of them."""
    by_name = {incident.slice.items[0][1]: incident for incident in incidents if incident.slice.items}
    flagged = [anomaly.slice.items[0][1] for anomaly in judged.anomalies]
    rings = truth[truth["label"] == 1].groupby("ring")
    rows = []
    for _, sites in sorted(rings, key=lambda ring: -len(ring[1]))[:N_RINGS]:
        hits = [by_name[name] for name in flagged if name in sites.index and name in by_name]
        said = f"{len(hits)} of {len(sites)} flagged; {hits[0].headline}" if hits else "none of them was flagged"
        rows.append(
            PlantedRow(
                sentence=f"{len(sites)} publishers run by one hand: {sites['scheme'].iloc[0]}.",
                where=f"{sites['scheme'].iloc[0]} by {len(sites)} publishers",
                window=judged.runs[-1].window,
                harmful=True,
                incident_ids=tuple(incident.id for incident in hits),
                remark=said,
            )
        )
    n_frauds, n_hit = int(truth["label"].sum()), int(truth.loc[flagged, "label"].sum())
    sentence = (
        f"of {len(truth):,} publishers {n_frauds} are frauds, most of them in small rings; "
        f"{n_hit} of the {len(flagged)} flagged are among them"
    )
    return rows, sentence
