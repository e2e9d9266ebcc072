"""tocsin.toml -> validated settings.

Every key has a default or is required; an unknown key is an error that names the nearest valid one. ``${NAME}`` in a
URL stands for the environment variable NAME: secrets live there, never in the file, and are kept as `SecretStr`.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from tocsin.errors import ConfigError, InputError, nearest
from tocsin.model import Kpi, Measure
from tocsin.windows import MONDAY, WindowGrid, parse_duration

__all__ = [
    "AlertSettings",
    "ChannelSettings",
    "MonitorSettings",
    "Settings",
    "SourceSettings",
    "StoreSettings",
    "load_settings",
    "parse_settings",
]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,62}")


def _duration(value: object) -> object:
    return parse_duration(value) if isinstance(value, str) else value


def _measure(value: object) -> object:
    return Measure.parse(value) if isinstance(value, str) else value


def _kpi(value: object) -> object:
    return Kpi.parse(value) if isinstance(value, str) else value


def _with_environment(value: object) -> object:
    """Replace ${NAME} by the environment's value; an unset variable is an error, never an empty secret."""
    if not isinstance(value, str):
        return value

    def variable(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise ValueError(f"the environment variable {found[1]} is not set")
        return os.environ[found[1]]

    return _VARIABLE.sub(variable, value)


Duration = Annotated[timedelta, BeforeValidator(_duration)]
MeasureText = Annotated[Measure, BeforeValidator(_measure)]
KpiText = Annotated[Kpi, BeforeValidator(_kpi)]
SecretUrl = Annotated[SecretStr, BeforeValidator(_with_environment)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True)


class StoreSettings(_Section):
    """[store]: where runs, anomalies, incidents, feedback and the outbox are kept."""

    url: SecretUrl = SecretStr("sqlite:///tocsin.db")
    """An SQLAlchemy URL: sqlite:///FILE (relative to the configuration file) or postgresql://…"""
    retention: Duration = timedelta(days=400)
    """Runs, anomalies and closed incidents older than this are deleted."""


class SourceSettings(_Section):
    """[source.NAME]: a table of events, or of facts that are already aggregated."""

    path: str | None = None
    """A Parquet or CSV file, a folder of them, or a glob, relative to the configuration file."""
    url: SecretUrl | None = None
    """An ibis connection URL (postgres://…, clickhouse://…, bigquery://…, snowflake://…, duckdb://FILE)."""
    table: str | None = None
    """With url: the table, "schema.table" where it needs a schema."""
    time: str
    """The column of the event's time: a time stamp, a text in ISO 8601, or epoch seconds or milliseconds."""
    time_zone: str = "UTC"
    """The zone of time stamps that carry none."""
    measures: dict[str, MeasureText]
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
        if not measures:
            raise ValueError('at least one measure is needed, like views = "sum(views)"')
        for name in measures:
            if not _NAME.fullmatch(name):
                raise ValueError(f"a measure's name is made of letters, digits, _ . and -, got {name!r}")
        return measures


class MonitorSettings(_Section):
    """[[monitor]]: one KPI watched over the slices of one source."""

    name: str
    """Letters, digits, _ . and -; part of every id, so that a renamed monitor starts anew."""
    kind: Literal["slices"] = "slices"
    """The lens."""
    source: str
    """The name of a [source.NAME]."""
    kpi: KpiText
    """A measure, or the ratio of the sums of two: "clicks / views"."""
    dimensions: tuple[str, ...] = ()
    """The columns that slices are made of."""
    depth: int = Field(default=2, ge=0, le=8)
    """Slices fix at most this many dimensions at once."""
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
    max_incidents: int = Field(default=20, ge=1)
    """At most this many new incidents a window, those with the most at stake; the rest is counted and shown."""
    close_after: int = Field(default=3, ge=1)
    """An incident closes after this many quiet windows."""
    max_catch_up: int = Field(default=200, ge=1)
    """`run` evaluates at most this many windows that it has missed; the rest is counted and left to backfill."""

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"a monitor's name is made of letters, digits, _ . and -, got {name!r}")
        return name

    @model_validator(mode="after")
    def _consistent(self) -> MonitorSettings:
        _ = self.grid
        if len(set(self.dimensions)) != len(self.dimensions):
            raise ValueError("dimensions must differ")
        if self.history < 7 * self.window:
            raise ValueError("history must hold at least 7 windows")
        return self

    @property
    def grid(self) -> WindowGrid:
        return WindowGrid(self.window, self.timezone, self.origin)

    @property
    def n_history(self) -> int:
        """How many windows the history holds."""
        return -(-self.history // self.window)


class ChannelSettings(_Section):
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
            raise ValueError("a channel has either url or path")
        return self


class AlertSettings(_Section):
    """[alerts]"""

    channel: dict[str, ChannelSettings] = Field(default_factory=dict)
    """[alerts.channel.NAME], any number of them."""
    max_attempts: int = Field(default=8, ge=1)
    """After so many failed attempts an alert is a dead letter, which `tocsin check` shows."""
    first_retry: Duration = timedelta(seconds=30)
    """Doubles with every attempt, up to 6 hours."""
    link: str | None = None
    """The address of the review page, put into alerts."""


class Settings(_Section):
    """The whole of tocsin.toml."""

    store: StoreSettings = StoreSettings()
    source: dict[str, SourceSettings] = Field(default_factory=dict)
    monitor: tuple[MonitorSettings, ...] = ()
    alerts: AlertSettings = AlertSettings()
    base: Path = Field(default=Path(), exclude=True)
    """The folder that relative paths start from; set by `load_settings`."""

    @model_validator(mode="after")
    def _references(self) -> Settings:
        names = [monitor.name for monitor in self.monitor]
        if len(set(names)) != len(names):
            raise ValueError("monitors must have different names")
        for monitor in self.monitor:
            if monitor.source not in self.source:
                hint = nearest(monitor.source, self.source) or f"sources: {', '.join(self.source) or 'none'}"
                raise ValueError(f"monitor {monitor.name!r} names the unknown source {monitor.source!r}; {hint}")
            measures = self.source[monitor.source].measures
            for measure in monitor.kpi.measures:
                if measure not in measures:
                    hint = nearest(measure, measures) or f"measures: {', '.join(measures)}"
                    raise ValueError(f"monitor {monitor.name!r}: the KPI names the unknown measure {measure!r}; {hint}")
        for name, channel in self.alerts.channel.items():
            for monitor_name in channel.monitors:
                if monitor_name not in names:
                    hint = nearest(monitor_name, names) or "none is configured"
                    raise ValueError(f"channel {name!r} names the unknown monitor {monitor_name!r}; {hint}")
        return self

    def monitor_named(self, name: str) -> MonitorSettings:
        for monitor in self.monitor:
            if monitor.name == name:
                return monitor
        names = [monitor.name for monitor in self.monitor]
        allowed = ", ".join(names) or "none is configured"
        raise ConfigError("No such monitor", allowed=allowed, got=name, hint=nearest(name, names))


def load_settings(path: str | Path) -> Settings:
    """Read and validate a configuration file; raises `ConfigError` that names file, key, and the nearest valid word."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        hint = "`tocsin init DATA` writes one"
        raise ConfigError(f"The configuration {path} cannot be read: {error.strerror}", hint=hint) from error
    return parse_settings(text, base=path.resolve().parent, name=str(path))


def parse_settings(text: str, *, base: Path, name: str = "tocsin.toml") -> Settings:
    """Validate the text of a configuration; relative paths start from `base`."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not valid TOML: {error}") from error
    if "base" in content:
        raise ConfigError(f"{name}: unknown key base", allowed="store, source, monitor, alerts")
    try:
        return Settings.model_validate({**content, "base": base})
    except ValidationError as error:
        raise ConfigError(f"{name}: " + "; ".join(_sentence(item) for item in error.errors()[:5])) from None
    except InputError as error:
        raise ConfigError(f"{name}: {error}") from None


def _sentence(item: Mapping[str, Any]) -> str:
    """One validation error as a sentence; the input itself is left out where it could be a secret."""
    where = ".".join(str(part) for part in item["loc"] if part != "channel" or len(item["loc"]) > 1)
    if item["type"] == "extra_forbidden":
        valid = _valid_keys(item["loc"])
        hint = nearest(str(item["loc"][-1]), valid) or f"valid: {', '.join(valid)}"
        return f"unknown key {where} ({hint})"
    message = str(item["msg"]).removeprefix("Value error, ")
    got = item.get("input")
    shown = f", got {got!r}" if isinstance(got, int | float | bool) else ""
    return f"{where}: {message}{shown}" if where else message


def _valid_keys(location: tuple[Any, ...]) -> list[str]:
    section: type[BaseModel] = Settings
    sections: dict[str, type[BaseModel]] = {
        "store": StoreSettings,
        "source": SourceSettings,
        "monitor": MonitorSettings,
        "alerts": AlertSettings,
        "channel": ChannelSettings,
    }
    for part in location[:-1]:
        section = sections.get(str(part), section)
    return [key for key in section.model_fields if key != "base"]


def utc_now() -> datetime:
    """The one clock of the command line; everything below it is given the time."""
    return datetime.now(UTC)
