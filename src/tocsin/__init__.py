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
    from tocsin.detectors.series.deep_ar import DeepAR
    from tocsin.detectors.series.holt_winters import HoltWinters
    from tocsin.detectors.series.iid import IID
    from tocsin.detectors.series.random_cut_forest import RandomCutForest
    from tocsin.detectors.slices import SliceDetector
    from tocsin.pipeline import run
    from tocsin.relevancy.relevancy import Relevancy

__all__ = [
    "IID",
    "CollectionDetector",
    "ConOut",
    "DeepAR",
    "HoltWinters",
    "IsolationForest",
    "RandomCutForest",
    "Relevancy",
    "Rocod",
    "SliceDetector",
    "run",
]

_HOME = {
    "CollectionDetector": "tocsin.detectors.collections.detector",
    "ConOut": "tocsin.detectors.contextual.con_out",
    "DeepAR": "tocsin.detectors.series.deep_ar",
    "HoltWinters": "tocsin.detectors.series.holt_winters",
    "IID": "tocsin.detectors.series.iid",
    "IsolationForest": "tocsin.detectors.contextual.isolation_forest",
    "RandomCutForest": "tocsin.detectors.series.random_cut_forest",
    "Relevancy": "tocsin.relevancy.relevancy",
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
