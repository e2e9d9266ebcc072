"""The file as a whole: read, validated across its sections, and its mistakes worded."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError, model_validator

from tocsin.config.fields import Section
from tocsin.config.monitors import LENSES, AnyMonitor, MonitorSettings
from tocsin.config.places import AlertSettings, ChannelSettings, SourceSettings, StoreSettings
from tocsin.config.relevancy import RelevancySettings
from tocsin.errors import ConfigError, InputError, nearest

__all__ = ["Settings", "load_settings", "parse_settings", "utc_now"]


class Settings(Section):
    """The whole of tocsin.toml."""

    store: StoreSettings = StoreSettings()
    source: dict[str, SourceSettings] = Field(default_factory=dict)
    monitor: tuple[AnyMonitor, ...] = ()
    alerts: AlertSettings = AlertSettings()
    relevancy: RelevancySettings = RelevancySettings()
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
            source = self.source[monitor.source]
            monitor.require_measures(source.measures, source.time)
        for name, channel in self.alerts.channel.items():
            for monitor_name in channel.monitors:
                if monitor_name not in names:
                    hint = nearest(monitor_name, names) or "none is configured"
                    raise ValueError(f"channel {name!r} names the unknown monitor {monitor_name!r}; {hint}")
        return self

    def monitor_named(self, name: str) -> AnyMonitor:
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
        raise ConfigError(f"{name}: unknown key base", allowed="store, source, monitor, alerts, relevancy")
    try:
        return Settings.model_validate({**content, "base": base})
    except ValidationError as error:
        raise ConfigError(f"{name}: " + "; ".join(_sentence(item) for item in error.errors()[:5])) from None
    except (InputError, ValueError) as error:
        raise ConfigError(f"{name}: {error}") from None


def _sentence(item: Mapping[str, Any]) -> str:
    """One validation error as a sentence; the input itself is left out where it could be a secret."""
    location = _location(item["loc"])
    where = ".".join(str(part) for part in location if part != "channel" or len(location) > 1)
    if item["type"] == "extra_forbidden":
        valid = _valid_keys(item["loc"])
        hint = nearest(str(item["loc"][-1]), valid) or f"valid: {', '.join(valid)}"
        return f"unknown key {where} ({hint})"
    message = str(item["msg"]).removeprefix("Value error, ")
    got = item.get("input")
    shown = f", got {got!r}" if isinstance(got, int | float | bool) else ""
    return f"{where}: {message}{shown}" if where else message


def _location(location: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without the lens that pydantic puts after a monitor's number."""
    if len(location) > 2 and location[0] == "monitor" and location[2] in LENSES:
        return (*location[:2], *location[3:])
    return location


def _valid_keys(location: tuple[Any, ...]) -> list[str]:
    section: type[BaseModel] = Settings
    sections: dict[str, type[BaseModel]] = {
        "store": StoreSettings,
        "source": SourceSettings,
        "monitor": MonitorSettings,
        "alerts": AlertSettings,
        "channel": ChannelSettings,
        "relevancy": RelevancySettings,
        **LENSES,
    }
    for part in location[:-1]:
        section = sections.get(str(part), section)
    return [key for key in section.model_fields if key != "base"]


def utc_now() -> datetime:
    """The one clock of the command line; everything below it is given the time."""
    return datetime.now(UTC)
