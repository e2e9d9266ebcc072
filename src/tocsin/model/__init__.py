"""The words every stage shares: frozen records, without behaviour that needs a library other than NumPy.

    source ─ Facts ─► detector ─ SliceScores ─► pipeline ─ Anomaly ─► incidents ─ Incident ─► store ─ Alert ─► alerts
                                                    ▲                                 │
                                                    └──────────── Feedback ◄──────────┘

All times are aware and in UTC; windows are [start, end).
"""

from tocsin.model.facts import (
    MISSING,
    Bools,
    Codes,
    EntityTable,
    Facts,
    Floats,
    Ints,
    SliceScores,
    SliceStatus,
)
from tocsin.model.histograms import Histograms
from tocsin.model.items import Item, LabelledItem
from tocsin.model.measures import Kpi, Measure
from tocsin.model.records import (
    Alert,
    Anomaly,
    Change,
    Direction,
    Feedback,
    Incident,
    IncidentState,
    LeftOut,
    Run,
    RunStatus,
    Slice,
    Verdict,
    Window,
    short_id,
)

__all__ = [
    "MISSING",
    "Alert",
    "Anomaly",
    "Bools",
    "Change",
    "Codes",
    "Direction",
    "EntityTable",
    "Facts",
    "Feedback",
    "Floats",
    "Histograms",
    "Incident",
    "IncidentState",
    "Ints",
    "Item",
    "Kpi",
    "LabelledItem",
    "LeftOut",
    "Measure",
    "Run",
    "RunStatus",
    "Slice",
    "SliceScores",
    "SliceStatus",
    "Verdict",
    "Window",
    "short_id",
]
