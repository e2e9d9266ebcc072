"""Payouts that are booked too low for a few hours: installs go on as usual, so that only their series tells of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.model import Incident, Window
from tocsin.report import PlantedRow

__all__ = ["PAYOUTS", "compare_payouts", "plant_low_payouts"]

PAYOUTS = "payouts"
"""The monitor."""
COUNTRY, FACTOR = "JP", 0.3
BEFORE_END, LASTING = timedelta(hours=14), timedelta(hours=3)
"""When it begins, and how long it takes."""


def plant_low_payouts(folder: Path, events: pa.Table, end: datetime) -> tuple[pa.Table, Window]:
    """The events with the payouts of some hours cut, and when that was; its truth is written as payouts.json."""
    window = Window(end - BEFORE_END, end - BEFORE_END + LASTING)
    hit = pc.and_(
        pc.equal(events["country"], COUNTRY),
        pc.and_(
            pc.greater_equal(events["ts"], pa.scalar(window.start, events["ts"].type)),
            pc.less(events["ts"], pa.scalar(window.end, events["ts"].type)),
        ),
    )
    revenue = events["revenue"].to_numpy()
    cut = np.where(hit.to_numpy(), np.round(revenue * FACTOR, 2), revenue)
    truth = {
        "country": COUNTRY,
        "start": window.start.isoformat(),
        "end": window.end.isoformat(),
        "kpi": "revenue",
        "factor": FACTOR,
    }
    (folder / "payouts.json").write_text(json.dumps(truth, indent=2) + "\n", encoding="utf-8")
    place = events.schema.get_field_index("revenue")
    return events.set_column(place, events.schema.field(place), pa.array(cut)), window


def compare_payouts(window: Window, incidents: Sequence[Incident]) -> PlantedRow:
    """Whether an incident of the country's series tells of it.

    Parameters
    ----------
    incidents : those of the monitor
    """
    hits = [
        incident
        for incident in incidents
        if incident.slice.items == (("country", COUNTRY),)
        and incident.first.start < window.end
        and window.start < incident.last.end
    ]
    return PlantedRow(
        sentence=f"Payouts in {COUNTRY} are booked at {100 * FACTOR:.0f} % for {LASTING // timedelta(hours=1)} hours; "
        "views, clicks and installs go on as usual.",
        where=f"payouts, country {COUNTRY}",
        window=window,
        harmful=True,
        incident_ids=tuple(incident.id for incident in hits),
        remark=hits[0].headline if hits else "nothing rang",
    )
