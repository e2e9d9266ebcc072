"""An incident's details come from JSON and are read without trust: what is not of the expected type is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tocsin.model import MISSING

__all__ = ["number_of", "records_of", "sequence_of", "text_of"]


def number_of(value: object) -> float:
    """A number; NaN for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def text_of(value: object) -> str:
    """A text; what is missing is named so."""
    return MISSING if value is None or value != value else str(value)  # NaN differs from itself


def sequence_of(value: object) -> Iterable[Any]:
    """A list; nothing for anything else, a text included."""
    return value if isinstance(value, Sequence) and not isinstance(value, str | bytes) else ()


def records_of(details: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The objects in a list of the details."""
    return [item for item in sequence_of(details.get(key)) if isinstance(item, Mapping)]
