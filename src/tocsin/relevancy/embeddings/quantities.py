"""Numbers out of stored evidence, whatever is stored there: always finite, bounded, neutral where nothing is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tocsin.errors import InputError
from tocsin.model import Window

__all__ = [
    "calendar",
    "change",
    "decades",
    "direction_of",
    "hashed",
    "hashed_sum",
    "mapping",
    "mappings",
    "quantity",
    "read_number",
    "spread_of",
    "surprise",
    "tail",
]

MOST_CHANGE = 5.0
"""A ratio beyond e^5, and everything that comes from or falls to 0, is as large as a change gets."""
MOST_ITEMS = 10_000
"""Of a list in the evidence no more are read."""
MOST_DIGITS = 300.0
"""-log10 of the smallest p-value."""


def read_number(value: object, default: float = math.nan) -> float:
    """A finite number, or `default` for all else: None, NaN, infinities, texts, lists, numbers beyond a float."""
    if not isinstance(value, (int, float)):  # bool is an int, NumPy's float64 a float
        return default
    try:
        number = float(value)
    except OverflowError:
        return default
    return number if math.isfinite(number) else default


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; anything else is an empty one."""
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> Iterator[Mapping[str, Any]]:
    """The JSON objects of a list; what is no list has none."""
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        yield from (item for item in value[:MOST_ITEMS] if isinstance(item, Mapping))


def change(value: float, expected: float) -> float:
    """log(value / expected) in [-5, 5]; 0 where one is not known.

    Written as 2 artanh of (value - expected) / (|value| + |expected|), which is the same for positive numbers and has
    the sign of the difference for all others.
    """
    if not (math.isfinite(value) and math.isfinite(expected)) or value == expected:
        return 0.0
    larger = max(abs(value), abs(expected))  # without overflow, and without underflow
    part = (value / larger - expected / larger) / (abs(value) / larger + abs(expected) / larger)
    if abs(part) >= math.tanh(MOST_CHANGE / 2):
        return math.copysign(MOST_CHANGE, part)
    return 2.0 * math.atanh(part)


def quantity(value: float) -> float:
    """A signed size on a logarithmic scale: asinh, at most about 710; 0 where it is not known."""
    return math.asinh(value) if math.isfinite(value) else 0.0


def decades(value: float) -> float:
    """A size of any unit and sign in powers of ten: asinh / log 10, at most about 309; 0 where it is not known."""
    return quantity(value) / math.log(10.0)


def spread_of(lower: float, upper: float) -> float:
    """Half the width of an interval; NaN unless it has one."""
    half = upper / 2 - lower / 2
    return half if math.isfinite(half) and half > 0 else math.nan


def surprise(p_value: float) -> float:
    """log(1 - log10 p): 0 at p = 1 and where it is not known, 1.1 at p = .01, 5.7 at the smallest p."""
    if not 0.0 <= p_value <= 1.0:
        return 0.0
    return math.log1p(-math.log10(p_value) if p_value > 1e-300 else MOST_DIGITS)


def tail(score: float) -> float:
    """`surprise` of an anomaly score, 1 - p."""
    return surprise(1.0 - score) if 0.0 <= score <= 1.0 else 0.0


def direction_of(value: float, expected: float) -> float:
    """1 above what was expected, -1 below, 0 neither or not known."""
    return float(value > expected) - float(value < expected)


@lru_cache(maxsize=20_000)
def hashed(text: str, n: int) -> tuple[float, ...]:
    """A direction in `n` dimensions that stands for a text, of length 1: equal texts are equal, others are far apart.

    Dense, since a model that scales each column by its standard deviation would blow up the few ones of a sparse code.
    """
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=4 * n).digest()
    raw = [int.from_bytes(digest[4 * place : 4 * place + 4], "little") / 2**31 - 1.0 for place in range(n)]
    length = math.sqrt(sum(value * value for value in raw)) or 1.0
    return tuple(value / length for value in raw)


def hashed_sum(weights: Mapping[str, float], n: int) -> tuple[float, ...]:
    """The directions of some texts, weighted and summed: what two sets share brings them together."""
    total = [0.0] * n
    for text, weight in weights.items():
        for place, value in enumerate(hashed(text, n)):
            total[place] += weight * value
    return tuple(total)


def calendar(window: Window, timezone: str) -> dict[str, float]:
    """When the window began, on the wall clock: hour of the day and day of the week as points on a circle, weekend.

    Raises
    ------
    InputError : an unknown time zone
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InputError("A time zone", allowed="an IANA name like Europe/Berlin", got=timezone) from error
    local = _local(window.start, zone)
    day = 2 * math.pi * (local.hour * 3600 + local.minute * 60 + local.second) / 86_400
    week = 2 * math.pi * local.weekday() / 7
    return {
        "hour_sin": math.sin(day),
        "hour_cos": math.cos(day),
        "weekday_sin": math.sin(week),
        "weekday_cos": math.cos(week),
        "weekend": float(local.weekday() >= 5),
    }


def _local(moment: datetime, zone: ZoneInfo) -> datetime:
    try:
        return moment.astimezone(zone)
    except OverflowError:  # within a day of the first or the last date that there is
        return moment
