"""From the settings of CollectionDetector to the engine of its mode."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from numbers import Integral, Real
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.detectors.collections.engine import Engine
from tocsin.detectors.collections.reading import read_holidays
from tocsin.errors import InputError, nearest

__all__ = ["new_engine"]

ENGINES = {
    "calibrated": "tocsin.detectors.collections.calibrated.engine:CalibratedEngine",
    "faithful": "tocsin.detectors.collections.faithful.engine:FaithfulEngine",
}
"""Mode -> "module:class", loaded when it is first used."""
OF_FAITHFUL = (
    "level",
    "threshold",
    "alpha",
    "algorithm",
    "target_fpr",
    "n_normal",
    "n_anomalous",
    "step_factor",
    "base",
)


def new_engine(settings: Mapping[str, Any]) -> Engine:
    """An engine that has learned nothing.

    Raises
    ------
    InputError
        A setting out of its range.
    """
    mode, target_fpr, timezone = settings["mode"], settings["target_fpr"], settings["timezone"]
    if not isinstance(mode, str) or mode not in ENGINES:
        raise InputError("The setting mode", allowed=", ".join(ENGINES), got=mode, hint=nearest(str(mode), ENGINES))
    if not isinstance(target_fpr, Real) or not 0.0 < float(target_fpr) <= 0.5:
        raise InputError("The setting target_fpr", allowed="a number in (0, 0.5]", got=target_fpr)
    for name in ("n_normal", "n_anomalous"):
        size = settings[name]
        if size is not None and (not isinstance(size, Integral) or isinstance(size, bool) or int(size) < 1):
            raise InputError(f"The setting {name}", allowed="a whole number above 0, or None", got=size)
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, TypeError, OSError):
        raise InputError("The setting timezone", allowed="a name as Europe/Berlin", got=timezone) from None
    module, name = ENGINES[mode].split(":")
    engine: Engine = getattr(import_module(module), name)(**_of_mode(settings))
    return engine


def _of_mode(settings: Mapping[str, Any]) -> dict[str, Any]:
    holidays = read_holidays(settings["holidays"])
    if settings["mode"] == "faithful":
        return {name: settings[name] for name in OF_FAITHFUL}
    sizes = {"n_normal": settings["n_normal"] or 30, "n_anomalous": settings["n_anomalous"] or 10}
    return {"target_fpr": settings["target_fpr"], **sizes, "timezone": settings["timezone"], "holidays": holidays}
