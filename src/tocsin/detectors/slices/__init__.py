"""The slices lens: which slice of a KPI moved in a window."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.detectors.slices.detector import SliceDetector

__all__ = ["SliceDetector"]


def __getattr__(name: str) -> Any:
    if name == "SliceDetector":
        from tocsin.detectors.slices.detector import SliceDetector

        return SliceDetector
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
