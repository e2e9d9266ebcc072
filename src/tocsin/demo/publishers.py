"""The frauds among the publishers, and which of them are flagged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.model import Incident
from tocsin.pipeline import MonitorReport
from tocsin.report import PlantedRow
from tocsin.simulate import simulate_publishers, write_publishers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PUBLISHERS", "compare_publishers", "write_demo_publishers"]

PUBLISHERS = "publishers"
"""The monitor."""
N_PUBLISHERS, N_RINGS = 4_000, 3
"""Publishers, and how many rings of them are shown, the largest."""


def write_demo_publishers(folder: Path, seed: int) -> pd.DataFrame:
    """Write the table and its truth; the truth, with the publishers' names as its index."""
    table, truth = simulate_publishers(N_PUBLISHERS, random_state=seed)
    names = [f"site{number:04}.example" for number in range(1, len(table) + 1)]
    table.insert(0, "publisher", names)
    write_publishers(folder, table, truth)
    return truth.assign(publisher=names).set_index("publisher")


def compare_publishers(
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
