"""Checks of a detector's settings, made when it is used (scikit-learn's manner: `__init__` stores them untouched)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta
from numbers import Integral, Real
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from tocsin.errors import InputError, nearest
from tocsin.model import Kpi
from tocsin.windows import parse_duration

__all__ = ["check_settings", "read_kpi", "read_season"]

CHOICES = {
    "mode": ("calibrated", "faithful"),
    "direction": ("both", "up", "down"),
    "bootstrap": ("shared", "independent", "analytic"),
}
NUMBERS = {
    "q": (0.0, 1.0, True),
    "min_expected": (0.0, math.inf, False),
    "min_relative": (0.0, math.inf, False),
    "min_absolute": (0.0, math.inf, False),
}
WHOLE = {"adapt_after": 1, "n_bootstrap": 2}


class _Settings(Protocol):
    kpi: Any
    dimensions: Any
    depth: Any
    holidays: Any
    timezone: Any


def read_kpi(kpi: Any) -> Kpi:
    """A `Kpi`, or the text of one."""
    if isinstance(kpi, Kpi):
        return kpi
    if not isinstance(kpi, str):
        raise InputError("The setting kpi", allowed='a text like "clicks / views"', got=kpi)
    return Kpi.parse(kpi)


def read_season(season: Any) -> str | tuple[int, ...]:
    """ "auto", or lengths in seconds from timedeltas, seconds, or texts like "1d"."""
    if isinstance(season, str) and season == "auto":
        return season
    if isinstance(season, str) or not isinstance(season, Sequence):
        raise InputError("The setting season", allowed='"auto" or a sequence of lengths like ("1d", "7d")', got=season)
    lengths = []
    for item in season:
        length = parse_duration(item) if isinstance(item, str) else item
        seconds = length.total_seconds() if isinstance(length, timedelta) else length
        if seconds not in (86_400, 604_800):
            raise InputError("A length of the setting season", allowed="a day or a week (1d, 7d)", got=item)
        lengths.append(int(seconds))
    return tuple(lengths)


def check_settings(detector: _Settings) -> None:
    """Raise `InputError` for a setting that is not allowed."""
    for name, allowed in CHOICES.items():
        value = getattr(detector, name)
        if value not in allowed:
            hint = nearest(value, allowed) if isinstance(value, str) else None
            raise InputError(f"The setting {name}", allowed=", ".join(allowed), got=value, hint=hint)
    for name, (low, high, is_open) in NUMBERS.items():
        value = getattr(detector, name)
        fine = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        if not fine or not (low < value < high if is_open else low <= value <= high):
            text = f"a number between {low:g} and {high:g}" if is_open else "a number of at least 0"
            raise InputError(f"The setting {name}", allowed=text, got=value)
    for name, least in WHOLE.items():
        value = getattr(detector, name)
        if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
            raise InputError(f"The setting {name}", allowed=f"a whole number of at least {least}", got=value)
    dimensions = detector.dimensions
    if isinstance(dimensions, str) or not isinstance(dimensions, Sequence) or len(set(dimensions)) != len(dimensions):
        raise InputError("The setting dimensions", allowed="a list of different column names", got=dimensions)
    if detector.depth is not None and (not isinstance(detector.depth, Integral) or detector.depth < 0):
        raise InputError("The setting depth", allowed="None or a whole number of at least 0", got=detector.depth)
    if not all(isinstance(holiday, date) for holiday in detector.holidays):
        raise InputError("The setting holidays", allowed="dates", got=detector.holidays)
    try:
        ZoneInfo(detector.timezone)
    except (KeyError, ValueError, OSError, TypeError) as error:
        raise InputError(
            "The setting timezone", allowed="an IANA name like Europe/Berlin", got=detector.timezone
        ) from error
    read_kpi(detector.kpi)
