"""What a lens is to the pipeline: it reads a stretch of windows, tells whether one has changed, and judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, Self

from tocsin.config import MonitorSettings
from tocsin.errors import InputError, nearest
from tocsin.incidents import Sighting
from tocsin.model import Anomaly, LeftOut, RunStatus
from tocsin.pipeline.memory import Kept, Memory
from tocsin.sources import Source

__all__ = ["REGISTRY", "Found", "Lens", "lens_class"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a judged window holds before it meets the incidents that are alive.

    n_parts, n_tested, n_flagged : how many slices or entities there were, could be judged, and were flagged
    states : what a lens that learns as time goes wants to find again, see `pipeline.memory`
    n_states : before how many of the newest windows it is kept
    candidates, candidate_anomalies : sightings below the detection threshold that relevancy may raise, the strongest
        first, at most `Memory.n_candidates`, and their anomalies, which are stored only if they are raised
    """

    status: RunStatus = RunStatus.EVALUATED
    n_parts: int = 0
    n_tested: int = 0
    n_flagged: int = 0
    anomalies: tuple[Anomaly, ...] = ()
    sightings: tuple[Sighting, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    notes: tuple[str, ...] = ()
    states: tuple[Kept, ...] = ()
    n_states: int = 0
    candidates: tuple[Sighting, ...] = ()
    candidate_anomalies: tuple[Anomaly, ...] = ()


class Lens(Protocol):
    """The windows of one monitor, read and ready to be judged; windows are named by their index on its grid."""

    chunk_windows: ClassVar[int]
    """A long backfill reads so many windows (and what they are compared with) at a time: memory stays bounded."""
    left_out: tuple[LeftOut, ...]
    """What the source left out."""

    @classmethod
    def read(cls, monitor: Any, source: Source, memory: Memory, windows: range, now: datetime) -> Self:
        """Read what judging these windows needs; raises `SourceError`."""
        ...

    @classmethod
    def problems(cls, monitor: Any, source: Source, window: int) -> list[str]:
        """What would keep the source from answering, as sentences; reads no data."""
        ...

    def digest(self, window: int) -> str:
        """Of everything that the judgement depends on: equal digests, equal judgements.

        Windows are asked for in ascending order; one whose digest is known is not judged again.
        """
        ...

    def judge(self, window: int) -> Found:
        """Judge a window."""
        ...


REGISTRY: Mapping[str, str] = MappingProxyType(
    {
        "slices": "tocsin.pipeline.slices:SlicesLens",
        "contextual": "tocsin.pipeline.contextual:ContextualLens",
        "collections": "tocsin.pipeline.collections:CollectionsLens",
        "series": "tocsin.pipeline.series:SeriesLens",
    }
)
"""Kind of a monitor -> "module:class" of its lens."""


def lens_class(monitor: MonitorSettings) -> type[Lens]:
    """The lens of a monitor; raises `InputError` for an unknown kind."""
    if monitor.kind not in REGISTRY:
        hint = nearest(monitor.kind, REGISTRY)
        raise InputError("No such lens", allowed=", ".join(REGISTRY), got=monitor.kind, hint=hint)
    module, name = REGISTRY[monitor.kind].split(":")
    found: type[Lens] = getattr(import_module(module), name)
    return found
