"""What a report says, before it is drawn: frozen records without HTML.

An incident's `details` (JSON values; every key may be missing, every number null) are read as:

    value, expected, lower, upper, unit ("ratio": shown as percent, or "amount")
    reasons       : sentences
    series        : {"start": ISO 8601, "value", "expected", "lower", "upper", "flagged"}, one a window
    contributions : {"dimension", "value", "amount", "expected", "share"}
    rows          : {"slice", "value", "expected", "lower", "upper", "p_value", "q_value", "share_of_total"}
    n_slices      : how many slices there are, where `rows` holds only the first
    indicators    : of an entity: {"name", "observed", "expected", "population", "context", "n_peers", "share",
                    "value", "lower", "median", "upper"}
    histogram     : of a collection: lists "bins", "observed", "expected", "lower", "upper", "terms"
    parts         : of a collection: {"name", "observed", "expected", "lower", "upper", "p_value"}
    stake_of      : what the stake is; present and null: the stake only orders incidents
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tocsin.model import Incident, LeftOut, Window

__all__ = ["ChosenSighting", "FailedDelivery", "FlaggedEntity", "MonitorSummary", "PlantedRow", "Report"]


@dataclass(frozen=True, slots=True)
class MonitorSummary:
    """One monitor over the time of the report.

    n_windows       : windows that were evaluated
    n_silent        : of them, windows in which the source had no rows
    alerts_per_week : None where there is no window
    left_out        : what was not evaluated, counted
    notes           : sentences
    timezone        : the zone in which its windows and incidents are shown
    """

    name: str
    kpi: str
    n_windows: int
    n_silent: int = 0
    alerts_per_week: float | None = None
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class PlantedRow:
    """One line of "planted and found", for data with known truth.

    incident_ids : the incidents that tell of it; empty = not found
    harmful      : False where silence, or an "expected", is the right answer
    remark       : one sentence, may be empty
    """

    sentence: str
    where: str
    window: Window
    harmful: bool
    incident_ids: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class FlaggedEntity:
    """One entity that was flagged in the newest window of its monitor.

    indicator   : what deviates most, with what is usual, as text
    incident_id : the incident that tells of it; empty where the limit of new incidents left it out
    """

    monitor: str
    window: Window
    entity: str
    score: float
    indicator: str
    is_new: bool
    incident_id: str


@dataclass(frozen=True, slots=True)
class ChosenSighting:
    """What people's answers held back although the detector reports it, or raised although it does not.

    kind        : the name of its kind of anomaly; may be empty
    reason      : why, in a few words
    anomaly_id  : stored in either case
    incident_id : what a raised one belongs to; empty where it was left out, or is gone
    """

    monitor: str
    window: Window
    headline: str
    kind: str
    reason: str
    is_raised: bool
    anomaly_id: str
    incident_id: str = ""


@dataclass(frozen=True, slots=True)
class FailedDelivery:
    """An alert that a channel did not accept, however often it was tried."""

    channel: str
    incident_id: str
    n_attempts: int
    last_at: datetime
    error: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that one page shows.

    incidents : in any order; shown by falling stake, after sources that are silent now
    planted   : None where the truth is not known
    chosen    : in the order in which they are shown
    next_step : one sentence; what stands `between backticks` is shown as a command
    """

    title: str
    generated_at: datetime
    monitors: tuple[MonitorSummary, ...] = ()
    incidents: tuple[Incident, ...] = ()
    planted: tuple[PlantedRow, ...] | None = None
    failed_deliveries: tuple[FailedDelivery, ...] = ()
    flagged: tuple[FlaggedEntity, ...] = ()
    chosen: tuple[ChosenSighting, ...] = ()
    next_step: str = ""
