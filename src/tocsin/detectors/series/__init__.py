"""The lens of time series: which point of a metric is abnormal.

Every detector learns from a history, is updated with what comes after it, point by point or many at once, and gives
each new point a two-sided tail probability before it learns from it. They are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tocsin.detectors.series.base import SeriesDetector
from tocsin.detectors.series.scores import SeriesScores

if TYPE_CHECKING:
    from tocsin.detectors.series.alert_budget import AlertBudget
    from tocsin.detectors.series.calibration import TailCalibration
    from tocsin.detectors.series.deep_ar import DeepAR
    from tocsin.detectors.series.holt_winters import HoltWinters
    from tocsin.detectors.series.iid import IID
    from tocsin.detectors.series.random_cut_forest import RandomCutForest

__all__ = [
    "IID",
    "AlertBudget",
    "DeepAR",
    "HoltWinters",
    "RandomCutForest",
    "SeriesDetector",
    "SeriesScores",
    "TailCalibration",
]

_HOME = {
    "AlertBudget": "alert_budget",
    "DeepAR": "deep_ar",
    "HoltWinters": "holt_winters",
    "IID": "iid",
    "RandomCutForest": "random_cut_forest",
    "TailCalibration": "calibration",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
