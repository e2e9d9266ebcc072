"""The detectors of all lenses. `REGISTRY` names each one's home; nothing is loaded before it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tocsin.detectors.base import Detector
from tocsin.errors import InputError, nearest

if TYPE_CHECKING:
    from tocsin.detectors.series.wrap import wrap

__all__ = ["REGISTRY", "Detector", "detector_class", "wrap"]

REGISTRY: Mapping[str, str] = MappingProxyType(
    {
        "slices": "tocsin.detectors.slices:SliceDetector",
        "collections": "tocsin.detectors.collections.detector:CollectionDetector",
        "contextual": "tocsin.detectors.contextual.con_out:ConOut",
        "series": "tocsin.detectors.series.holt_winters:HoltWinters",
    }
)
"""Lens -> "module:class"."""


def detector_class(lens: str) -> type[Detector]:
    """The detector of a lens; raises `InputError` for an unknown one.

    >>> detector_class("slices").__name__
    'SliceDetector'
    """
    if lens not in REGISTRY:
        raise InputError("No such lens", allowed=", ".join(REGISTRY), got=lens, hint=nearest(lens, REGISTRY))
    module, name = REGISTRY[lens].split(":")
    found: type[Detector] = getattr(import_module(module), name)
    return found


def __getattr__(name: str) -> Any:
    if name != "wrap":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("tocsin.detectors.series.wrap").wrap
