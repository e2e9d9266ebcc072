"""[store], [source.NAME] and [alerts]: where data come from, where they are kept, where news goes."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, SecretStr, field_validator, model_validator

from tocsin.config.fields import Duration, MeasureText, SecretUrl, Section, require_name
from tocsin.model import Measure

__all__ = ["AlertSettings", "ChannelSettings", "SourceSettings", "StoreSettings"]


class StoreSettings(Section):
    """[store]: where runs, anomalies, incidents, feedback and the outbox are kept."""

    url: SecretUrl = SecretStr("sqlite:///tocsin.db")
    """An SQLAlchemy URL: sqlite:///FILE (relative to the configuration file) or postgresql://…"""
    retention: Duration = timedelta(days=400)
    """Runs, anomalies and closed incidents older than this are deleted."""


class SourceSettings(Section):
    """[source.NAME]: a table of events, of facts that are already aggregated, or of entities."""

    path: str | None = None
    """A Parquet or CSV file, a folder of them, or a glob, relative to the configuration file."""
    url: SecretUrl | None = None
    """An ibis connection URL (postgres://…, clickhouse://…, bigquery://…, snowflake://…, duckdb://FILE)."""
    table: str | None = None
    """With url: the table, "schema.table" where it needs a schema."""
    time: str | None = None
    """The column of the event's time: a time stamp, a text in ISO 8601, or epoch seconds or milliseconds. A table of
    entities as they are now has none."""
    time_zone: str = "UTC"
    """The zone of time stamps that carry none."""
    measures: dict[str, MeasureText] = Field(default_factory=dict)
    """name = "aggregate(column) where column = 'value'"; sums, counts, distinct counts, means."""

    @model_validator(mode="after")
    def _one_place(self) -> SourceSettings:
        if (self.path is None) == (self.url is None):
            raise ValueError("a source has either path or url")
        if (self.url is None) != (self.table is None):
            raise ValueError("url and table go together")
        return self

    @field_validator("measures")
    @classmethod
    def _names(cls, measures: dict[str, Measure]) -> dict[str, Measure]:
        for name in measures:
            require_name("a measure", name)
        return measures


class ChannelSettings(Section):
    """[alerts.channel.NAME]: where alerts go."""

    url: SecretUrl | None = None
    """An Apprise URL: json://, slack://, workflows://, gchat://, mailto://, pagerduty:// …"""
    path: str | None = None
    """Or a folder: one JSON file an alert."""
    monitors: tuple[str, ...] = ()
    """Only these monitors; empty = all."""
    min_severity: Literal["low", "medium", "high"] = "low"
    """Only incidents of at least this severity."""

    @model_validator(mode="after")
    def _one_place(self) -> ChannelSettings:
        if (self.path is None) == (self.url is None):
            raise ValueError("a channel has either path or url")
        return self


class AlertSettings(Section):
    """[alerts]"""

    channel: dict[str, ChannelSettings] = Field(default_factory=dict)
    """[alerts.channel.NAME], any number of them."""
    max_attempts: int = Field(default=8, ge=1)
    """After so many failed attempts an alert is a dead letter, which `tocsin check` shows."""
    first_retry: Duration = timedelta(seconds=30)
    """Doubles with every attempt, up to 6 hours."""
    link: str | None = None
    """The address of the review page, put into alerts."""
