"""[[monitor]] kind = "series"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from tocsin.config.fields import Duration, KpiText
from tocsin.config.monitors.base import MonitorSettings, require_known
from tocsin.model import Measure
from tocsin.windows import parse_duration

__all__ = ["SeriesMonitorSettings"]

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
LEAST_HISTORY = timedelta(days=28)
MOST_POINTS = 40_000_000
"""Of a history, with as many series as there may be."""
MOST_FORESTS = 500
LEAST_SEEN = 20
"""Points from which on a series is judged, and a season or shingle more."""


def _season(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) and value not in ("auto", "none") else value


Season = Annotated[timedelta | Literal["auto", "none"], BeforeValidator(_season)]


class SeriesMonitorSettings(MonitorSettings):
    """[[monitor]] kind = "series": a KPI as time series, one a combination of the dimensions' values."""

    kind: Literal["series"]
    """The lens."""
    kpi: KpiText
    """A measure, or the ratio of the sums of two: "clicks / views"."""
    dimensions: tuple[str, ...] = ()
    """The columns whose combinations of values have a series each; without any, the total is the one series."""
    detector: Literal["holt_winters", "iid", "random_cut_forest", "deep_ar"] = "holt_winters"
    """holt_winters: level, trend and season; iid: the distribution of all points; random_cut_forest: the shapes of
    windows of `shingle` points; deep_ar: a network over all series (needs the extra `deep`)."""
    season: Season = "auto"
    """The length of a cycle, "none", or "auto": a day where windows divide it and are shorter, a week where they are
    days (holt_winters, deep_ar)."""
    second_season: Season = "none"
    """A longer cycle on top of it, like "7d" (holt_winters)."""
    seasonal: Literal["additive", "multiplicative"] = "additive"
    """Whether the season is added to the level or multiplies it (holt_winters)."""
    shingle: int = Field(default=8, ge=1, le=64)
    """Points of a window (random_cut_forest)."""
    alerts_a_week: float = Field(default=5.0, gt=0)
    """The alert budget: of all series together at most so many alerts a week, as they would have been in the second
    half of the history; what is likelier than 1 in 1,000 never rings."""
    history: Duration | None = None
    """How far back a model reads that is fitted: once a week (of the grid), and where it has no state. By default four
    weeks, or 84 windows or three seasons if that is longer; at most 40,000,000 points, were there max_series, but
    always three seasons."""
    direction: Literal["both", "up", "down"] = "both"
    """Ring for deviations in both directions or in one."""
    min_relative: float = Field(default=0.0, ge=0)
    """A flag needs a relative deviation of at least this (0.1 = 10 %)."""
    min_traffic: float = Field(default=0.0, ge=0)
    """A series needs at least this much of the KPI's denominator (or of the KPI) per window, on average."""
    max_series: int = Field(default=10_000, ge=1)
    """At most this many series, those with the most traffic; what is left out is counted and shown. Of
    random_cut_forest, at 2 MB a series, 500 by default."""
    unit_value: float = Field(default=1.0, gt=0)
    """Money per unit of the KPI's numerator, to order incidents."""

    @model_validator(mode="before")
    @classmethod
    def _fewer_forests(cls, given: Any) -> Any:
        """Of random cut forests, megabytes each, there are fewer unless more are asked for."""
        if isinstance(given, Mapping) and given.get("detector") == "random_cut_forest":
            return {"max_series": MOST_FORESTS, **given}
        return given

    @model_validator(mode="after")
    def _consistent(self) -> SeriesMonitorSettings:
        if len(set(self.dimensions)) != len(self.dimensions):
            raise ValueError("dimensions must differ")
        for name in ("season", "second_season"):
            length = getattr(self, name)
            if isinstance(length, timedelta) and (length % self.window or length < 2 * self.window):
                raise ValueError(f"{name} must be a multiple of the window, 2 windows or more")
        first, second = self.n_season, self.n_second_season
        if second is not None and (first is None or second <= first or second % first):
            raise ValueError("second_season must be a multiple of season")
        if self.n_history < self.n_needed:
            more = self.n_needed - LEAST_SEEN
            part = "shingle" if self.detector == "random_cut_forest" else "season"
            what = f": the {more} of a {part}, and {LEAST_SEEN}" if more else ""
            raise ValueError(f"history must hold at least {self.n_needed} windows{what}")
        return self

    @property
    def n_season(self) -> int | None:
        """The season in windows; None: there is none."""
        if self.season == "auto":
            cycle = WEEK if self.window == DAY else DAY
            return None if cycle % self.window or cycle < 2 * self.window else cycle // self.window
        return None if isinstance(self.season, str) else self.season // self.window

    @property
    def n_second_season(self) -> int | None:
        """The longer season in windows; None: there is none."""
        return None if isinstance(self.second_season, str) else self.second_season // self.window

    @property
    def n_history(self) -> int:
        """How many windows the history holds."""
        seasons = 3 * (self.n_second_season or self.n_season or 0)
        most = max(MOST_POINTS // self.max_series, seasons, self.n_needed)
        wanted = self.history or max(LEAST_HISTORY, 84 * self.window, seasons * self.window)
        return min(-(-wanted // self.window), most)

    @property
    def n_needed(self) -> int:
        """Points of a series from which on it is judged."""
        if self.detector == "random_cut_forest":
            return LEAST_SEEN + self.shingle
        has_season = self.detector in ("holt_winters", "deep_ar")
        return LEAST_SEEN + (self.n_season or 0 if has_season else 0)

    @property
    def n_shift(self) -> int:
        """Windows of an hour, by which daylight saving moves a season of days; 0 where windows follow the wall
        clock."""
        if self.grid.is_wall_clock or self.n_season is None or (self.n_season * self.window) % DAY:
            return 0
        return timedelta(hours=1) // self.window

    @property
    def windows_a_week(self) -> float:
        return WEEK / self.window

    @property
    def subject(self) -> str:
        return str(self.kpi)

    @property
    def noun(self) -> tuple[str, str]:
        return "series", "series"

    def require_measures(self, measures: Mapping[str, Measure], time: str | None) -> None:
        if time is None:
            raise ValueError(f"monitor {self.name!r} needs a source with a column of time")
        for measure in self.kpi.measures:
            require_known(f"monitor {self.name!r}: the KPI names the unknown measure", measure, measures)
