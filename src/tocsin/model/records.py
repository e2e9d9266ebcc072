"""What happened and what is said of it: windows, slices, anomalies, incidents, answers, alerts, runs."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

__all__ = [
    "Alert",
    "Anomaly",
    "Change",
    "Direction",
    "Feedback",
    "Incident",
    "IncidentState",
    "LeftOut",
    "Run",
    "RunStatus",
    "Slice",
    "Verdict",
    "Window",
    "short_id",
]


def _require_utc(name: str, moment: datetime) -> None:
    if moment.tzinfo is None or moment.utcoffset() != UTC.utcoffset(None):
        raise ValueError(f"{name} must be an aware UTC time, got {moment!r}")


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A tumbling window [start, end), aware UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        _require_utc("start", self.start)
        _require_utc("end", self.end)
        if not self.start < self.end:
            raise ValueError(f"a window ends after it starts, got {self.start} .. {self.end}")


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """A part of the data in which some dimensions have one value each; the others are rolled up.

    `items` holds the fixed dimensions in the monitor's order; no items is the total.
    """

    items: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """A canonical text for the store: equal slices have equal keys, whatever their values contain."""
        return json.dumps(self.items, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_key(cls, key: str) -> Slice:
        return cls(tuple((name, value) for name, value in json.loads(key)))

    @property
    def depth(self) -> int:
        return len(self.items)

    def contains(self, other: Slice) -> bool:
        """Whether every record of `other` is a record of this slice (a slice contains itself)."""
        return set(self.items) <= set(other.items)


class Direction(enum.StrEnum):
    UP = "up"
    DOWN = "down"
    NONE = "none"
    """An entity is odd in itself; each of its indicators has a direction of its own."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was not evaluated, counted so that it can be shown.

    reason : short machine word ("traffic floor", "slice cap", "future rows", "unparseable time", "infinite measure", …)
    count  : how many slices or rows
    unit   : "slices", "entities", "columns", "incidents" or "rows"
    detail : one sentence for people
    """

    reason: str
    count: int
    unit: str
    detail: str = ""


def short_id(*parts: str) -> str:
    """Twelve hexadecimal digits that depend on nothing but `parts`: the same event has the same id in every run."""
    text = json.dumps(parts, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One slice, or one entity, of one window that was flagged. Key: (monitor, window, slice).

    An entity is a slice of one dimension. Numbers that its lens does not know are NaN.
    """

    monitor: str
    window: Window
    slice: Slice
    kpi: str
    value: float
    expected: float
    lower: float
    upper: float
    p_value: float
    q_value: float
    score: float
    direction: Direction
    amount: float
    expected_amount: float
    deviation_sd: float
    share_of_total: float
    stake: float
    """Money (or volume, where no unit value is set) at stake: |amount - expected_amount| x the unit's value."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """The arithmetic behind the score, JSON values only."""
    kind: str = "slices"
    """The lens."""

    @property
    def id(self) -> str:
        return short_id("anomaly", self.monitor, self.window.start.isoformat(), self.slice.key)


class IncidentState(enum.StrEnum):
    OPEN = "open"
    CLOSED = "closed"
    RETRACTED = "retracted"
    """Late data took back everything that had been said."""


@dataclass(frozen=True, slots=True)
class Incident:
    """One trouble: the anomalies of nested slices and neighbouring windows that one slice explains.

    slice           : the highest slice that explains the deviation
    first, last     : first and last window in which it was seen
    n_quiet         : due windows since `last` without it
    anomaly_ids     : the anomalies it holds, of all windows
    headline        : the first line of its alert
    details         : what the alert and the page show of it as JSON values (reasons, rows, series)
    """

    monitor: str
    slice: Slice
    kpi: str
    direction: Direction
    state: IncidentState
    first: Window
    last: Window
    severity: str
    stake: float
    anomaly_ids: tuple[str, ...]
    headline: str
    n_quiet: int = 0
    kind: str = "slices"
    """The lens, or "source silent"."""
    details: Mapping[str, Any] = field(default_factory=dict)
    id: str = ""
    """Given once, from what it was when it opened; its slice may widen later."""

    def __post_init__(self) -> None:
        if not self.id:
            parts = (self.monitor, self.first.start.isoformat(), self.slice.key, self.direction, self.kind)
            object.__setattr__(self, "id", short_id("incident", *parts))

    def evolve(self, **changes: Any) -> Incident:
        return replace(self, **changes)


class Verdict(enum.StrEnum):
    RELEVANT = "relevant"
    NOT_RELEVANT = "not-relevant"
    EXPECTED = "expected"
    """Known beforehand, or the new normal: leaves the anomaly in the reference."""
    UNSURE = "unsure"


@dataclass(frozen=True, slots=True)
class Feedback:
    """One answer of a person about an anomaly or an incident."""

    subject_id: str
    verdict: Verdict
    at: datetime
    author: str = ""
    comment: str = ""


class Change(enum.StrEnum):
    """What an alert says of its incident."""

    OPENED = "opened"
    UPDATED = "updated"
    CLOSED = "closed"
    RETRACTED = "retracted"


@dataclass(frozen=True, slots=True)
class Alert:
    """A message about a change of an incident, delivered once to every channel it is routed to.

    dedupe_key names the incident (the same in every alert about it); `id` names this very message.
    payload is the stable JSON that webhooks receive.
    """

    incident_id: str
    change: Change
    at: datetime
    payload: Mapping[str, Any]
    channels: tuple[str, ...]

    @property
    def dedupe_key(self) -> str:
        return f"tocsin/{self.incident_id}"


class RunStatus(enum.StrEnum):
    EVALUATED = "evaluated"
    SILENT = "silent"
    """The source had no rows in the window."""
    NOT_ENOUGH_DATA = "not enough data"


@dataclass(frozen=True, slots=True)
class Run:
    """That a monitor's window was evaluated, from which facts, with what result. Key: (monitor, window)."""

    monitor: str
    window: Window
    evaluated_at: datetime
    status: RunStatus
    facts_digest: str
    """Changes when the facts or the settings do; an equal digest means that there is nothing to do."""
    n_slices: int = 0
    n_tested: int = 0
    n_flagged: int = 0
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
