"""Settings and results that several series detectors share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError
from tocsin.model import Floats

__all__ = ["check_level", "check_memory", "check_season", "directions", "is_number"]

LEAST_MEMORY = 50


def check_level(level: float) -> None:
    """Raise `InputError` unless the level of the band is in (0, 1)."""
    if not (is_number(level) and 0.0 < level < 1.0):
        raise InputError("The level of the band is a probability", allowed="above 0, below 1", got=level)


def check_memory(memory: int) -> None:
    """Raise `InputError` for fewer points than a tail can be told from."""
    if not (is_number(memory) and LEAST_MEMORY <= memory < np.inf):
        raise InputError("The memory is a number of points", allowed=f"{LEAST_MEMORY} or more", got=memory)


def check_season(name: str, points: int | None) -> None:
    """Raise `InputError` unless the season called so is None or has two points."""
    if points is not None and (not isinstance(points, int | np.integer) or points < 2):
        allowed = "a whole number, 2 or more, or None"
        raise InputError(f"A {name.replace('_', ' ')} has points", allowed=allowed, got=points)


def is_number(value: Any) -> bool:
    """Whether it is a real number, NaN and infinity among them."""
    return isinstance(value, int | float | np.integer | np.floating)


def directions(values: Floats, expected: Floats) -> npt.NDArray[np.int8]:
    """1 above what was expected, -1 below, 0 neither, missing, or nothing was expected."""
    difference = values - expected
    return np.sign(np.where(np.isnan(difference), 0.0, difference)).astype(np.int8)
