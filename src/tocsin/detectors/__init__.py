"""The detectors of all lenses. `REGISTRY` names each one's home; nothing is loaded before it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from tocsin.detectors.base import Detector
from tocsin.errors import InputError, nearest

__all__ = ["REGISTRY", "Detector", "detector_class"]

REGISTRY: Mapping[str, str] = MappingProxyType(
    {
        "slices": "tocsin.detectors.slices:SliceDetector",
        "collections": "tocsin.detectors.collections.detector:CollectionDetector",
        "contextual": "tocsin.detectors.contextual.con_out:ConOut",
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
