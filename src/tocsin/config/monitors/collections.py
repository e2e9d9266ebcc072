"""[[monitor]] kind = "collections"."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt, StrictStr, field_validator, model_validator

from tocsin.config.fields import Duration
from tocsin.config.monitors.base import MonitorSettings
from tocsin.model import Measure
from tocsin.windows import parse_duration

__all__ = ["TIME_OF_DAY", "CollectionMonitorSettings"]

TIME_OF_DAY = "time of day"
DAY = timedelta(days=1)
MAX_BINS, MAX_SPANS = 200, 1_440


def _optional_duration(value: object) -> object:
    if isinstance(value, str):
        return None if value == "none" else parse_duration(value)
    return value


OptionalDuration = Annotated[timedelta | None, BeforeValidator(_optional_duration)]
Bins = StrictInt | tuple[StrictInt | StrictFloat, ...] | tuple[StrictStr, ...]


class CollectionMonitorSettings(MonitorSettings):
    """[[monitor]] kind = "collections": whose records of a period are distributed as if somebody had made them up."""

    kind: Literal["collections"]
    """The lens."""
    entity: str
    """The column that names the entities: a seller, publisher, app …"""
    attribute: str = TIME_OF_DAY
    """What the records of a collection are told apart by: "time of day", or a column."""
    bins: Bins = 24
    """How many: equal spans of the day, or quantiles of a column of numbers as they were in the history, kept from then
    on. Or a list of numbers, the edges; or a list of texts, the values, beside which all others are one bin."""
    fine: OptionalDuration = timedelta(minutes=5)
    """The length of the finer spans of the day, whose unevenness is judged, too; "none" for none."""
    weight: str | None = None
    """A column of whole numbers to sum, like payments; by default every row counts 1."""
    peers: tuple[str, ...] = ()
    """Columns, like the trade and the country, whose most frequent values say whom an entity is like; those alike stand
    in for a history that is too short or not to be trusted."""
    window: Duration = timedelta(days=1)
    """The period: whole days for the time of day; above an hour it follows the wall clock."""
    history: Duration = timedelta(days=60)
    """How far back a monitor reads that has no evidence yet, or whose evidence was taken back."""
    n_normal: int = Field(default=30, ge=7, le=1000)
    """So many normal collections of an entity are its evidence; the oldest leaves when a new one comes."""
    mode: Literal["calibrated", "faithful"] = "calibrated"
    """calibrated, or the paper's dynamic algorithm to the letter."""
    target_fpr: float = Field(default=0.01, gt=0, lt=0.5)
    """Of honest collections at most this share is flagged (calibrated)."""
    level: Literal[1, 2, "both"] = 1
    """Judge the distribution over the bins, of the sub-volumes of the finer spans, or both (faithful)."""
    threshold: StrictInt | Literal["bayes", "3sigma", "tail", "density"] = 5
    """The equation of the threshold, 1 to 9, or bayes, 3sigma, tail or density (faithful)."""
    alpha: float = Field(default=0.1, gt=0, lt=1)
    """The share of collections that are thought to be manipulated (faithful)."""
    holidays: tuple[date, ...] = ()
    """Days that are judged like Sundays, in the monitor's time zone."""
    min_records: int = Field(default=1, ge=1)
    """Entities with fewer records in a window are left out of it, counted and shown."""
    max_entities: int = Field(default=200_000, ge=1)
    """At most this many entities a window, those with the most records; what is left out is counted and shown."""
    unit_value: float = Field(default=1.0, gt=0)
    """Money per record, to order incidents."""

    @field_validator("threshold")
    @classmethod
    def _threshold(cls, threshold: int | str) -> int | str:
        if isinstance(threshold, int) and not 1 <= threshold <= 9:
            raise ValueError(f"threshold is 1 to 9, bayes, 3sigma, tail or density, got {threshold}")
        return threshold

    @model_validator(mode="after")
    def _consistent(self) -> CollectionMonitorSettings:
        named = [self.entity, *self.peers, *([] if self.is_time_of_day else [self.attribute])]
        if len(set(named)) != len(named):
            raise ValueError("entity, attribute and peers must be different columns")
        if self.history < 7 * self.window:
            raise ValueError("history must hold at least 7 windows")
        if self.is_time_of_day:
            self._require_spans()
        else:
            self._require_bins()
        if self.mode == "faithful" and self.level != 1 and self.fine_seconds is None:
            raise ValueError(f"level {self.level} needs the finer spans of a day: attribute and fine")
        return self

    def _require_spans(self) -> None:
        """Bins and finer spans divide the day, and each other."""
        bins = self.bins
        if not isinstance(bins, int) or not 2 <= bins <= MAX_SPANS or 86_400 % bins:
            raise ValueError(f"bins of the time of day divide 86,400 seconds, like 24, 48 or 96, got {bins!r}")
        if self.window % DAY:
            raise ValueError('windows for the time of day are whole days; else name a column: attribute = "…"')
        seconds = self.fine_seconds
        if seconds is not None and (seconds < 60 or (86_400 // bins) % seconds):
            raise ValueError(f"fine must be at least 1min and divide a bin of {86_400 // bins:,} seconds")

    def _require_bins(self) -> None:
        bins = self.bins
        n = bins if isinstance(bins, int) else len(bins)
        if not (2 if isinstance(bins, int) else 1) <= n <= MAX_BINS:
            raise ValueError(f"bins are 2 to {MAX_BINS:,}, got {n}")
        if isinstance(bins, int):
            return
        if len(set(bins)) != len(bins):
            raise ValueError("bins must differ")
        numbers = [value for value in bins if not isinstance(value, str)]
        if any(not math.isfinite(value) for value in numbers):
            raise ValueError("the edges of bins must be finite")
        if any(low >= high for low, high in pairwise(numbers)):
            raise ValueError("the edges of bins must ascend")

    @property
    def is_time_of_day(self) -> bool:
        """Whether records are told apart by the time of day."""
        return self.attribute == TIME_OF_DAY

    @property
    def fine_seconds(self) -> int | None:
        """The length of a finer span, where there are any."""
        return int(self.fine.total_seconds()) if self.is_time_of_day and self.fine is not None else None

    @property
    def tail(self) -> float:
        """The p-value from which on a collection is flagged, where nothing else is known."""
        return self.alpha if self.mode == "faithful" else self.target_fpr

    @property
    def n_history(self) -> int:
        """How many windows the history holds."""
        return -(-self.history // self.window)

    @property
    def subject(self) -> str:
        return f"{self.attribute} by {self.entity}"

    @property
    def noun(self) -> tuple[str, str]:
        return "entity", "entities"

    def require_measures(self, measures: Mapping[str, Measure], time: str | None) -> None:
        if time is None:
            raise ValueError(f"monitor {self.name!r} needs a source with a column of time")
