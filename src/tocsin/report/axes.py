"""Scales and ticks: round numbers and round times, few enough to read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tocsin.formatting import format_day

__all__ = ["Scale", "Tick", "number_ticks", "time_ticks"]

_STEPS_SECONDS = (60, 300, 900, 1800, 3600, 10_800, 21_600, 43_200)
_STEPS_DAYS = (1, 2, 7, 14, 28, 91, 182, 364)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps [low, high] linearly onto [start, end]; what lies outside is drawn at the edge."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        inside = min(max(value, self.low), self.high)
        return self.start + (inside - self.low) / (self.high - self.low) * (self.end - self.start)


_NARROWEST = 1e-290
"""Of an axis; steps of subnormal numbers cannot be told apart."""


@dataclass(frozen=True, slots=True)
class Tick:
    """value on the axis; minor ticks lose their label where there is little room."""

    value: float
    label: str
    minor: bool = False


def number_ticks(low: float, high: float, unit: str, most: int = 5) -> list[Tick]:
    """Multiples of 1, 2, 2.5 or 5 x 10^k from at or below `low` to at or above `high`, in one number of decimals."""
    span = max(high - low, _NARROWEST)
    rough = span / max(most - 1, 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 2.5, 5, 10) if factor * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    values = [index * step for index in range(first, max(last, first + 1) + 1)]  # an exact 0 among them
    return [Tick(value, label) for value, label in zip(values, _number_labels(values, step, unit), strict=True)]


def _number_labels(values: Sequence[float], step: float, unit: str) -> list[str]:
    largest = max(abs(value) for value in values)
    if unit == "ratio":
        divisor, suffix, largest = 0.01, " %", 100 * largest
    else:
        sizes = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k"))
        divisor, suffix = next(
            ((min(size, 1e3) if s == "k" else size, s) for size, s in sizes if largest >= size), (1, "")
        )
    if largest >= 1e15 or step / divisor < 1e-5:
        return [f"{value / divisor:.3g}{suffix}" for value in values]
    # as many decimals as the step needs: 0.25 has two
    decimals = next(d for d in range(8) if math.isclose(round(step / divisor, d), step / divisor, rel_tol=1e-6))
    return [f"{value / divisor:,.{decimals}f}{suffix}" if value else _zero(unit) for value in values]


def _zero(unit: str) -> str:
    return "0 %" if unit == "ratio" else "0"


def time_ticks(start: datetime, end: datetime, timezone: str, most: int = 8) -> list[Tick]:
    """Round wall times of a zone in [start, end], as epoch seconds; a midnight is labelled by its day."""
    zone = ZoneInfo(timezone)
    seconds = (end - start).total_seconds()
    step = next((step for step in _STEPS_SECONDS if seconds / step <= most), None)
    moments = _days(start, end, zone, most) if step is None else _clock_times(start, end, zone, step)
    return [
        Tick(moment.timestamp(), _time_label(moment.astimezone(zone), step), minor=bool(index % 2))
        for index, moment in enumerate(moments)
    ]


def _clock_times(start: datetime, end: datetime, zone: ZoneInfo, step: int) -> list[datetime]:
    midnight = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    n_steps = int((end - start).total_seconds() // step) + 2 * 86_400 // step + 2
    walls = (midnight + timedelta(seconds=index * step) for index in range(n_steps))
    moments = {wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls}
    return sorted(moment for moment in moments if start <= moment <= end)


def _days(start: datetime, end: datetime, zone: ZoneInfo, most: int) -> list[datetime]:
    n_days = (end - start).days
    step = next((step for step in _STEPS_DAYS if n_days / step <= most), 364 * (n_days // (364 * most) + 1))
    midnight = start.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    if step >= 7:  # weeks begin on Monday
        midnight += timedelta(days=-midnight.weekday() % 7)
    walls = (midnight + timedelta(days=index * step) for index in range(n_days // step + 3))
    moments = (wall.replace(tzinfo=zone).astimezone(UTC) for wall in walls)
    return [moment for moment in moments if start <= moment <= end]


def _time_label(local: datetime, step: int | None) -> str:
    if step is not None and (local.hour or local.minute):
        return f"{local:%H:%M}"
    weekday, day, month, year = format_day(local, str(local.tzinfo)).split(" ")
    if step is not None:
        return f"{weekday} {day} {month}"
    return f"{day} {month}" if local.month > 1 or local.day > 28 else f"{day} {month} {year}"
