"""[[monitor]]: what is watched, one class a lens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Discriminator, Tag

from tocsin.config.monitors.base import MonitorSettings
from tocsin.config.monitors.collections import CollectionMonitorSettings
from tocsin.config.monitors.contextual import ContextualMonitorSettings
from tocsin.config.monitors.series import SeriesMonitorSettings
from tocsin.config.monitors.slices import SliceMonitorSettings
from tocsin.errors import nearest

__all__ = [
    "LENSES",
    "AnyMonitor",
    "CollectionMonitorSettings",
    "ContextualMonitorSettings",
    "MonitorSettings",
    "SeriesMonitorSettings",
    "SliceMonitorSettings",
]

LENSES: Mapping[str, type[MonitorSettings]] = {
    "slices": SliceMonitorSettings,
    "contextual": ContextualMonitorSettings,
    "collections": CollectionMonitorSettings,
    "series": SeriesMonitorSettings,
}
"""The value of `kind` -> the settings of that lens."""


def _kind_of(value: object) -> str:
    kind = value.get("kind", "slices") if isinstance(value, Mapping) else getattr(value, "kind", "slices")
    if not isinstance(kind, str) or kind not in LENSES:
        hint = nearest(str(kind), LENSES) or f"allowed: {', '.join(LENSES)}"
        raise ValueError(f"kind: no such lens, got {kind!r}; {hint}")
    return kind


AnyMonitor = Annotated[
    Annotated[SliceMonitorSettings, Tag("slices")]
    | Annotated[ContextualMonitorSettings, Tag("contextual")]
    | Annotated[CollectionMonitorSettings, Tag("collections")]
    | Annotated[SeriesMonitorSettings, Tag("series")],
    Discriminator(_kind_of),
]
