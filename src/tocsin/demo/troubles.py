"""The troubles planted in the funnel, and the incidents that tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from tocsin.formatting import format_slice
from tocsin.model import Incident, Window
from tocsin.report import PlantedRow
from tocsin.simulate import Trouble

__all__ = ["compare_troubles"]


def compare_troubles(
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
