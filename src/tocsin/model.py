"""The words every stage shares: frozen records, without behaviour that needs a library other than NumPy.

    source ─ Facts ─► detector ─ SliceScores ─► pipeline ─ Anomaly ─► incidents ─ Incident ─► store ─ Alert ─► alerts
                                                    ▲                                 │
                                                    └──────────── Feedback ◄──────────┘

All times are aware and in UTC; windows are [start, end).
"""

from __future__ import annotations

import enum
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError

__all__ = [
    "MISSING",
    "Alert",
    "Anomaly",
    "Change",
    "Direction",
    "Facts",
    "Feedback",
    "Incident",
    "IncidentState",
    "Kpi",
    "LeftOut",
    "Measure",
    "Run",
    "RunStatus",
    "Slice",
    "SliceScores",
    "SliceStatus",
    "Verdict",
    "Window",
]

MISSING = "(missing)"
"""What stands for a NULL in a dimension; a null dimension in a table of facts means "rolled up"."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


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


_MEASURE = re.compile(
    r"""\s*(?P<aggregate>count|sum|mean|distinct)\s*
        (?:\(\s*(?P<column>"[^"]+"|[^()"]*?)\s*\))?\s*
        (?:\bwhere\s+(?P<where_column>"[^"]+"|[^\s="]+)\s*=\s*'(?P<where_value>[^']*)'\s*)?$""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Measure:
    """How one number is aggregated from rows: ``aggregate(column) where where_column = 'where_value'``.

    aggregate : "count" (rows, or non-null values of a column), "sum", "mean" or "distinct"
    """

    aggregate: str
    column: str | None = None
    where_column: str | None = None
    where_value: str | None = None

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Read ``count``, ``sum(revenue)``, ``distinct(user) where event = 'view'``; raises `InputError`."""
        allowed = "count, count(column), sum(column), mean(column), distinct(column), each with where column = 'value'"
        found = _MEASURE.match(text)
        if found is None:
            raise InputError("A measure cannot be read", allowed=allowed, got=text)
        aggregate = found["aggregate"].lower()
        column, where_column = (part.strip('"') if part else None for part in (found["column"], found["where_column"]))
        if column is None and aggregate != "count":
            raise InputError(f"The aggregate {aggregate} needs a column", allowed=allowed, got=text)
        return cls(aggregate, column, where_column, found["where_value"])

    @property
    def additive(self) -> bool:
        """Whether the value of a rolled-up slice is the sum of its parts'."""
        return self.aggregate in ("count", "sum")


@dataclass(frozen=True, slots=True)
class Kpi:
    """A measure, or the ratio of the sums of two measures (never a mean of ratios)."""

    numerator: str
    denominator: str | None = None

    @classmethod
    def parse(cls, text: str) -> Kpi:
        """Read "clicks / views" or "revenue"; raises `InputError`."""
        parts = [part.strip() for part in text.split("/")]
        if not all(parts) or len(parts) > 2:
            raise InputError("A KPI cannot be read", allowed='a measure, or a ratio like "clicks / views"', got=text)
        return cls(*parts)

    @property
    def measures(self) -> tuple[str, ...]:
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)

    def __str__(self) -> str:
        return " / ".join(self.measures)


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


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something that was not evaluated, counted so that it can be shown.

    reason : short machine word ("traffic floor", "slice cap", "future rows", "unparseable time", "infinite measure", …)
    count  : how many slices or rows
    unit   : "slices" or "rows"
    detail : one sentence for people
    """

    reason: str
    count: int
    unit: str
    detail: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """Measures of many slices over consecutive windows: what a source gives to a detector.

    Sparse, sorted by slice and then window (compressed rows): the facts of slice `i` are entries
    ``indptr[i]:indptr[i + 1]`` of `window` and of every array in `measures`. A slice that had no rows in a window has
    no entry there.

    dimensions : names, length n_dimensions
    values     : for each dimension an object array of its values (str)
    codes      : (n_slices, n_dimensions) int32 into `values`; -1 = rolled up
    starts     : (n_windows + 1,) int64 epoch seconds UTC; window w is [starts[w], starts[w + 1])
    indptr     : (n_slices + 1,) int64
    window     : (n_facts,) int32 index of the window
    measures   : name -> (n_facts,) float64
    silent     : (n_windows,) bool, True where the source had no rows at all
    left_out   : what was cut and why
    n_rows     : rows of the source that were aggregated
    """

    dimensions: tuple[str, ...]
    values: tuple[npt.NDArray[np.object_], ...]
    codes: Codes
    starts: Ints
    indptr: Ints
    window: Codes
    measures: Mapping[str, Floats]
    silent: Bools
    left_out: tuple[LeftOut, ...] = ()
    n_rows: int = 0

    @property
    def n_slices(self) -> int:
        return len(self.codes)

    @property
    def n_windows(self) -> int:
        return len(self.starts) - 1

    def slice_at(self, index: int) -> Slice:
        return Slice(
            tuple(
                (name, str(values[code]))
                for name, values, code in zip(self.dimensions, self.values, self.codes[index], strict=True)
                if code >= 0
            )
        )

    def window_at(self, index: int) -> Window:
        start, end = (datetime.fromtimestamp(int(second), UTC) for second in self.starts[index : index + 2])
        return Window(start, end)


class SliceStatus(enum.IntEnum):
    """What became of a slice in a window."""

    TESTED = 0
    BELOW_MINIMUM = 1
    """Expected count under the minimum: no p-value."""
    NO_HISTORY = 2
    """Too few reference windows with traffic."""
    ABSENT = 3
    """No rows in the window and nothing to be expected."""


@dataclass(frozen=True, slots=True, eq=False)
class SliceScores:
    """One window's judgement of all slices of some `Facts`, arrays of length n_slices, NaN = not tested.

    value         : the KPI in the window (ratio: numerator / denominator)
    expected      : what was expected of it; lower, upper: its predictive interval (same unit as value)
    p_value       : two-sided (or one-sided by the detector's direction)
    q_value       : the false-discovery rate at which the slice would be flagged
    anomaly_score : in [0, 1)
    flagged       : bool
    status        : int8, a `SliceStatus`
    amount        : the numerator (or the KPI itself where it has no denominator) in the window
    exposure      : the denominator in the window; 1 where the KPI has none
    expected_amount : expected numerator given the denominator; same unit as amount
    deviation_sd  : predictive standard deviation of amount
    share_of_total : (amount - expected_amount) / expected amount of the total: the part of the KPI's total explained
    common_factor : the factor shared by all slices in this window (1 = as usual)
    article       : the faithful mode's own fields, empty otherwise
    notes         : sentences for people (expected share of false alarms, what was skipped …)
    """

    value: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    p_value: Floats
    q_value: Floats
    anomaly_score: Floats
    flagged: Bools
    status: npt.NDArray[np.int8]
    amount: Floats
    exposure: Floats
    expected_amount: Floats
    deviation_sd: Floats
    share_of_total: Floats
    common_factor: float = 1.0
    article: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def short_id(*parts: str) -> str:
    """Twelve hexadecimal digits that depend on nothing but `parts`: the same event has the same id in every run."""
    text = json.dumps(parts, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


@dataclass(frozen=True, slots=True)
class Anomaly:
    """One slice of one window that was flagged. Key: (monitor, window, slice)."""

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
