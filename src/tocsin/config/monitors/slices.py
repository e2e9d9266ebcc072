"""[[monitor]] kind = "slices"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Literal

from pydantic import Field, model_validator

from tocsin.config.fields import Duration, KpiText
from tocsin.config.monitors.base import MonitorSettings, require_known
from tocsin.model import Measure

__all__ = ["SliceMonitorSettings"]


class SliceMonitorSettings(MonitorSettings):
    """[[monitor]] kind = "slices": one KPI watched over the slices of one source."""

    kind: Literal["slices"] = "slices"
    """The lens."""
    kpi: KpiText
    """A measure, or the ratio of the sums of two: "clicks / views"."""
    dimensions: tuple[str, ...] = ()
    """The columns that slices are made of."""
    depth: int = Field(default=2, ge=0, le=8)
    """Slices fix at most this many dimensions at once."""
    history: Duration = timedelta(days=28)
    """How far back the reference windows reach."""
    season: tuple[Duration, ...] | Literal["auto"] = "auto"
    """Lengths of the seasons, like ["1d", "7d"]; [] for none."""
    holidays: tuple[date, ...] = ()
    """Days that are judged like Sundays, in the monitor's time zone."""
    mode: Literal["calibrated", "faithful"] = "calibrated"
    """calibrated, or the article's bootstrap test to the letter."""
    q: float = Field(default=0.1, gt=0, lt=1)
    """The false-discovery rate of the calibrated mode."""
    direction: Literal["both", "up", "down"] = "both"
    """Ring for deviations in both directions or in one."""
    min_expected: float = Field(default=5.0, ge=0)
    """A slice is judged only where at least this amount of the KPI's numerator is expected."""
    min_relative: float = Field(default=0.0, ge=0)
    """A flag needs a relative deviation of at least this (0.1 = 10 %) …"""
    min_absolute: float = Field(default=0.0, ge=0)
    """… and an absolute one of at least this many units of the KPI's numerator."""
    adapt_after: int = Field(default=7, ge=1)
    """After this many windows in a row at a new level, the level is the new normal (windows under a day: that time
    in days of the same hour, at least 3)."""
    min_traffic: float = Field(default=0.0, ge=0)
    """A slice needs at least this much of the KPI's denominator (or of the KPI) per window, on average."""
    max_slices: int = Field(default=100_000, ge=1)
    """At most this many slices, those with the most traffic; what is left out is counted and shown."""
    unit_value: float = Field(default=1.0, gt=0)
    """Money per unit of the KPI's numerator, to order incidents."""

    @model_validator(mode="after")
    def _consistent(self) -> SliceMonitorSettings:
        if len(set(self.dimensions)) != len(self.dimensions):
            raise ValueError("dimensions must differ")
        if self.history < 7 * self.window:
            raise ValueError("history must hold at least 7 windows")
        return self

    @property
    def n_history(self) -> int:
        """How many windows the history holds."""
        return -(-self.history // self.window)

    @property
    def subject(self) -> str:
        return str(self.kpi)

    @property
    def noun(self) -> tuple[str, str]:
        return "slice", "slices"

    def require_measures(self, measures: Mapping[str, Measure], time: str | None) -> None:
        if time is None:
            raise ValueError(f"monitor {self.name!r} needs a source with a column of time")
        for measure in self.kpi.measures:
            require_known(f"monitor {self.name!r}: the KPI names the unknown measure", measure, measures)
