"""Arrays of many slices or entities: what a source gives to a detector, and what the detector says of them."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.model.records import LeftOut, Slice, Window

__all__ = [
    "MISSING",
    "Bools",
    "Codes",
    "EntityTable",
    "Facts",
    "Floats",
    "Ints",
    "SliceScores",
    "SliceStatus",
    "window_at",
]

MISSING = "(missing)"
"""What stands for a NULL in a dimension; a null dimension in a table of facts means "rolled up"."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]


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
        return window_at(self.starts, index)


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


@dataclass(frozen=True, slots=True, eq=False)
class EntityTable:
    """Entities (publishers, sellers, apps) with mixed attribute columns over consecutive windows, one row each.

    Rows are sorted by window and then by name. An entity without records in a window has no row there.

    entity    : the column that names the entities
    names     : (n_rows,) object array of str
    window    : (n_rows,) int32 index of the window
    n_records : (n_rows,) int64 rows of the source behind it
    columns   : name -> (n_rows,) float64 (NaN = missing), datetime64[s] (NaT) or object array of str (None)
    starts    : (n_windows + 1,) int64 epoch seconds UTC; window w is [starts[w], starts[w + 1])
    silent    : (n_windows,) bool, True where the source had no rows at all
    left_out  : what was cut from each window and why, n_windows tuples
    general   : what could not be used of the table as a whole
    """

    entity: str
    names: npt.NDArray[np.object_]
    window: Codes
    n_records: Ints
    columns: Mapping[str, npt.NDArray[Any]]
    starts: Ints
    silent: Bools
    left_out: tuple[tuple[LeftOut, ...], ...] = ()
    general: tuple[LeftOut, ...] = ()

    @property
    def n_windows(self) -> int:
        return len(self.starts) - 1

    def rows_of(self, window: int) -> slice:
        """The rows of a window."""
        first, last = np.searchsorted(self.window, [window, window + 1])
        return slice(int(first), int(last))

    def window_at(self, index: int) -> Window:
        return window_at(self.starts, index)


def window_at(starts: Ints, index: int) -> Window:
    """Window `index` of consecutive ones that begin at these epoch seconds."""
    start, end = (datetime.fromtimestamp(int(second), UTC) for second in starts[index : index + 2])
    return Window(start, end)
