"""The farmed days among the shops' orders, and which of them are flagged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.formatting import format_count
from tocsin.model import Incident, Window
from tocsin.pipeline import MonitorReport
from tocsin.report import PlantedRow
from tocsin.simulate import KINDS, seller_records, simulate_sellers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SHOPS", "compare_shops", "write_demo_orders"]

SHOPS = "shops"
"""The monitor."""
N_SHOPS, N_DAYS = 250, 45
ALPHA = 0.015
"""Chance that a judged day is farmed; it then has as many fakes as honest orders."""
HOW = dict(zip(KINDS, ("in one burst", "that copy honest ones", "spread like honest ones"), strict=True))


def write_demo_orders(folder: Path, end: datetime, judged: timedelta, seed: int) -> pd.DataFrame:
    """Write the orders until `end`, farmed in the `judged` time before it, and the truth; the truth of each day."""
    names = [f"shop-{number:03}" for number in range(1, N_SHOPS + 1)]
    start, honest = end - timedelta(days=N_DAYS), N_DAYS - judged // timedelta(days=1)
    sellers = simulate_sellers(
        N_SHOPS, N_DAYS, start=start, names=names, alpha=ALPHA, evidence_days=honest, random_state=seed
    )
    table, truth = (frame.rename(columns={"seller": "shop"}) for frame in seller_records(sellers, random_state=seed))
    table.to_parquet(folder / "orders.parquet", index=False)
    truth.to_parquet(folder / "orders_truth.parquet", index=False)
    return truth[truth["date"] >= sellers.periods[honest].tz_localize(None)]


def compare_shops(
    truth: pd.DataFrame, incidents: Sequence[Incident], judged: MonitorReport
) -> tuple[list[PlantedRow], str]:
    """A row for each kind of click farming, and a sentence about all."""
    flagged = {(item.slice.items[0][1], item.window.start): item.id for item in judged.anomalies}
    of_anomaly = {identity: incident for incident in incidents for identity in incident.anomaly_ids}
    farmed = truth[truth["farmed"]].sort_values("fakes", ascending=False, kind="stable")
    time = Window(judged.runs[0].window.start, judged.runs[-1].window.end)
    rows, n_found = [], 0
    for kind, how in HOW.items():
        of_kind = farmed[farmed["kind"] == kind]
        days = list(zip(of_kind["shop"], of_kind["date"].dt.tz_localize(UTC), strict=True))
        found = [flagged[day] for day in days if day in flagged]
        hits = list(dict.fromkeys(of_anomaly[identity].id for identity in found if identity in of_anomaly))
        said = f"{len(found)} of {len(days)} flagged; {of_anomaly[found[0]].headline}" if hits else "none was flagged"
        n_found += len(found)
        rows.append(
            PlantedRow(
                sentence=f"On {format_count(len(days), 'day')} half of a shop's orders are fakes, {how}.",
                where=f"{format_count(len(days), 'day')} with fake orders {how}",
                window=time,
                harmful=True,
                incident_ids=tuple(hits),
                remark=said,
            )
        )
    sentence = (
        f"of {format_count(len(truth), 'day')} of {N_SHOPS} shops {len(farmed)} are farmed, half of "
        f"their orders fakes; {n_found} of the {len(flagged)} flagged are among them"
    )
    return rows, sentence
