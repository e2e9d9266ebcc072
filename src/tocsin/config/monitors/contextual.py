"""[[monitor]] kind = "contextual"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from pydantic import Field, model_validator

from tocsin.config.fields import Duration, FeatureText
from tocsin.config.monitors.base import MonitorSettings, require_known
from tocsin.model import Kpi, Measure

__all__ = ["ContextualMonitorSettings"]


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
                    require_known("a context names the unknown column", name, names)
            if self.stake is not None:
                require_known("stake names the unknown number", self.stake, [*self.features, *self.columns])
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
                    require_known(
                        f"monitor {self.name!r}: the feature {name!r} names the unknown measure", measure, known
                    )
