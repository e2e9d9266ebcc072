"""[relevancy]: how people's answers change what rings."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field, field_validator

from tocsin.config.fields import Duration, Section

__all__ = ["RelevancySettings"]


class RelevancySettings(Section):
    """[relevancy]: learning from answers which kinds of anomalies are wanted; without answers nothing changes."""

    mode: Literal["default", "faithful", "off"] = "default"
    """default, the paper's clusters (faithful), or off: everything that a detector reports rings."""
    memory: Duration = timedelta(days=90)
    """After this time between two events an answer about one counts for the other by a factor of e less."""
    band: tuple[float, float] = (0.5, 1.5)
    """Of what the detectors report at least and at most this part rings, until a kind is known to be unwanted."""
    ask: int = Field(default=3, ge=0, le=50)
    """A run proposes at most so many questions; 0 for none."""

    @field_validator("memory")
    @classmethod
    def _memory(cls, memory: timedelta) -> timedelta:
        if memory < timedelta(days=1):
            raise ValueError("memory must be at least a day")
        return memory

    @field_validator("band")
    @classmethod
    def _band(cls, band: tuple[float, float]) -> tuple[float, float]:
        if not 0 <= band[0] <= 1 <= band[1] <= 10:
            raise ValueError(f"band is [least, most], 0 <= least <= 1 <= most <= 10, got {list(band)}")
        return band
