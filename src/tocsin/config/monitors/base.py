"""What the monitors of all lenses have."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field, field_validator, model_validator

from tocsin.config.fields import Duration, Section, require_name
from tocsin.errors import nearest
from tocsin.model import Measure
from tocsin.windows import MONDAY, WindowGrid

__all__ = ["MonitorSettings", "require_known"]


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

    relevancy: bool = Field(default=True, exclude=True)  # changes no judgement, so that it is no part of its digest
    """Whether answers change what rings of this monitor, see [relevancy]."""

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


def require_known(sentence: str, name: str, known: Mapping[str, Any] | list[str]) -> None:
    if name not in known:
        hint = nearest(name, known) or f"known: {', '.join(known) or 'none'}"
        raise ValueError(f"{sentence} {name!r}; {hint}")
