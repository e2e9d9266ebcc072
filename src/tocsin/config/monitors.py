"""[[monitor]]: what is watched, one class a lens."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, field_validator, model_validator

from tocsin.config.fields import Duration, FeatureText, KpiText, Section, require_name
from tocsin.errors import nearest
from tocsin.model import Kpi, Measure
from tocsin.windows import MONDAY, WindowGrid

__all__ = ["LENSES", "AnyMonitor", "ContextualMonitorSettings", "MonitorSettings", "SliceMonitorSettings"]


class MonitorSettings(Section):
    """[[monitor]]: what the monitors of all lenses have."""

    name: str
    """Letters, digits, _ . and -; part of every id, so that a renamed monitor starts anew."""
    kind: str = "slices"
    """The lens."""
    source: str
    """The name of a [source.NAME]."""
    window: Duration = timedelta(hours=1)
    """Its length: 1min to 4w; above an hour it divides a day or is whole days, and follows the wall clock."""
    timezone: str = "UTC"
    """The zone of the wall clock, for windows and seasons."""
    origin: datetime = MONDAY
    """A wall time at which some window begins (default: a Monday at midnight)."""
    delay: Duration = timedelta()
    """How long after its end a window is due."""
    reevaluate: int = Field(default=0, ge=0, le=1000)
    """This many windows before the newest due one are judged again, for late data."""
    max_incidents: int = Field(default=20, ge=1)
    """At most this many new incidents a window, those with the most at stake; the rest is counted and shown."""
    close_after: int = Field(default=3, ge=1)
    """An incident closes after this many quiet windows."""
    max_catch_up: int = Field(default=200, ge=1)
    """`run` evaluates at most this many windows that it has missed; the rest is counted and left to backfill."""

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        return require_name("a monitor", name)

    @model_validator(mode="after")
    def _on_a_grid(self) -> MonitorSettings:
        _ = self.grid
        return self

    @property
    def grid(self) -> WindowGrid:
        return WindowGrid(self.window, self.timezone, self.origin)

    @property
    @abstractmethod
    def subject(self) -> str:
        """What is judged, as people name it."""

    @property
    @abstractmethod
    def noun(self) -> tuple[str, str]:
        """What is counted, one and many."""

    @abstractmethod
    def require_measures(self, measures: Mapping[str, Measure], time: str | None) -> None:
        """Raise ValueError for what the monitor needs and its source has not."""


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
            _require(f"monitor {self.name!r}: the KPI names the unknown measure", measure, measures)


class ContextualMonitorSettings(MonitorSettings):
    """[[monitor]] kind = "contextual": entities compared with those in the same context, every window."""

    kind: Literal["contextual"]
    """The lens."""
    entity: str
    """The column that names the entities: a publisher, seller, app …"""
    features: dict[str, FeatureText] = Field(default_factory=dict)
    """name = "aggregate(column) where column = 'value'" of an entity's rows, a measure of the source, or the ratio of
    two features or measures: "clicks / views"."""
    attributes: tuple[str, ...] = ()
    """Columns of which an entity has its most frequent value, like its country."""
    columns: tuple[str, ...] = ()
    """Of a table that has one row an entity: the columns to judge. Without features, attributes and columns: all."""
    contexts: tuple[tuple[str, ...], ...] = ()
    """Contexts to compare within, each a list of features, attributes or columns; by default they are found."""
    window: Duration = timedelta(days=1)
    """The period: 1min to 4w; above an hour it divides a day or is whole days, and follows the wall clock."""
    reference_windows: int = Field(default=0, ge=0, le=366)
    """The entities of this many windows before are compared with, too; by default only those of the same window."""
    max_share: float = Field(default=0.01, gt=0, le=0.5)
    """At most this share of the entities is flagged in a window (at least one may be) …"""
    min_score: float = Field(default=0.0, ge=0, lt=1)
    """… and only those with at least this anomaly score; 0.999: odder than 999 of 1,000."""
    min_records: int = Field(default=1, ge=1)
    """Entities with fewer rows in a window are left out, counted and shown."""
    max_entities: int = Field(default=200_000, ge=1)
    """At most this many entities a window, those with the most rows; what is left out is counted and shown."""
    stake: str | None = None
    """The feature or column that says how much an entity moves, like its cost, to order incidents; default: the
    score."""

    @model_validator(mode="after")
    def _consistent(self) -> ContextualMonitorSettings:
        if self.columns and (self.features or self.attributes):
            raise ValueError("columns belong to a table of entities; features and attributes to one of events")
        if self.attributes and not self.features:
            raise ValueError('attributes need features, like views = "sum(views)"')
        names = [*self.features, *self.attributes, *self.columns]
        for name in (name for name in names if names.count(name) > 1):
            raise ValueError(f"features, attributes and columns must differ, got {name!r} twice")
        if self.entity in names:
            raise ValueError(f"the entity {self.entity!r} cannot be a feature, an attribute or a column, too")
        if names:
            for context in self.contexts:
                for name in context:
                    _require("a context names the unknown column", name, names)
            if self.stake is not None:
                _require("stake names the unknown number", self.stake, [*self.features, *self.columns])
        return self

    @property
    def is_ready(self) -> bool:
        """Whether the source has one row an entity, its columns to be taken as they are."""
        return not self.features

    @property
    def subject(self) -> str:
        return self.entity

    @property
    def noun(self) -> tuple[str, str]:
        return "entity", "entities"

    def require_measures(self, measures: Mapping[str, Measure], time: str | None) -> None:
        for name, feature in self.features.items():
            if isinstance(feature, Kpi):
                known = {**measures, **{n: f for n, f in self.features.items() if isinstance(f, Measure)}}
                for measure in feature.measures:
                    _require(f"monitor {self.name!r}: the feature {name!r} names the unknown measure", measure, known)


def _require(sentence: str, name: str, known: Mapping[str, Any] | list[str]) -> None:
    if name not in known:
        hint = nearest(name, known) or f"known: {', '.join(known) or 'none'}"
        raise ValueError(f"{sentence} {name!r}; {hint}")


LENSES: Mapping[str, type[MonitorSettings]] = {
    "slices": SliceMonitorSettings,
    "contextual": ContextualMonitorSettings,
}
"""The value of `kind` -> the settings of that lens."""


def _kind_of(value: object) -> str:
    kind = value.get("kind", "slices") if isinstance(value, Mapping) else getattr(value, "kind", "slices")
    if not isinstance(kind, str) or kind not in LENSES:
        hint = nearest(str(kind), LENSES) or f"allowed: {', '.join(LENSES)}"
        raise ValueError(f"kind: no such lens, got {kind!r}; {hint}")
    return kind


AnyMonitor = Annotated[
    Annotated[SliceMonitorSettings, Tag("slices")] | Annotated[ContextualMonitorSettings, Tag("contextual")],
    Discriminator(_kind_of),
]
