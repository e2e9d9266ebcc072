"""tocsin: watches business metrics and the parties behind them, and rings only for what its users care about.

Public names are loaded when they are first used, so that ``import tocsin`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.detectors.collections.detector import CollectionDetector
    from tocsin.detectors.contextual.con_out import ConOut
    from tocsin.detectors.contextual.isolation_forest import IsolationForest
    from tocsin.detectors.contextual.rocod import Rocod
    from tocsin.detectors.slices import SliceDetector
    from tocsin.pipeline import run

__all__ = ["CollectionDetector", "ConOut", "IsolationForest", "Rocod", "SliceDetector", "run"]

_HOME = {
    "CollectionDetector": "tocsin.detectors.collections.detector",
    "ConOut": "tocsin.detectors.contextual.con_out",
    "IsolationForest": "tocsin.detectors.contextual.isolation_forest",
    "Rocod": "tocsin.detectors.contextual.rocod",
    "SliceDetector": "tocsin.detectors.slices",
    "run": "tocsin.pipeline",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
