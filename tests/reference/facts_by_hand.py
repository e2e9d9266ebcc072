"""Facts by plain loops over rows, to compare the engines' with: no SQL, no arrays, every rule written out.

Rows are dicts; the time is an aware or naive datetime, a date, an ISO text, a number or None.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo

from tocsin.config import SourceSettings
from tocsin.model import MISSING, Measure
from tocsin.sources import FactsQuery

Key = tuple[tuple[str, str], ...]


def moment_of(value: Any, zone: str) -> datetime | None:
    """The instant of a value of a time column, None = not usable."""
    local = ZoneInfo(zone)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, str):
        text = value.strip()
        if not re.fullmatch(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]|[+-]\d\d(:?\d\d)?)?)?", text):
            return None
        text = re.sub(r"[.,](\d+)", lambda found: "." + (found[1] + "000000")[:6], text)
        text = re.sub(r"([+-]\d\d)$", r"\1:00", text) if "T" in text or " " in text else text
        try:
            value = datetime.fromisoformat(text.upper())
        except ValueError:
            return None
        if not 1900 <= value.year < 2200:  # as it is written
            return None
        return (value if value.tzinfo else value.replace(tzinfo=local)).astimezone(UTC)
    if isinstance(value, datetime):
        pass
    elif isinstance(value, date):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001 - made aware below
    else:
        size = abs(value)
        seconds = value / 1e6 if size >= 1e14 else value / 1e3 if size >= 1e11 else value
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    if value.tzinfo is None:
        value = value.replace(tzinfo=local)
    value = value.astimezone(UTC)
    return value if 1900 <= value.year < 2200 else None


def text_of(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


def measured(measure: Measure, rows: list[dict[str, Any]]) -> float:
    """One measure over some rows."""
    if measure.where_column is not None:
        rows = [row for row in rows if text_of(row[measure.where_column]) == measure.where_value]
    if measure.column is None:
        return float(len(rows))
    values = [row[measure.column] for row in rows if row[measure.column] is not None]
    if measure.aggregate == "distinct":
        return float(len(set(values)))
    values = [value for value in values if not isinstance(value, float) or math.isfinite(value)]
    if measure.aggregate == "count":
        return float(len(values))
    if measure.aggregate == "sum":
        return math.fsum(values)
    return math.fsum(values) / len(values) if values else math.nan


def facts_by_hand(
    rows: list[dict[str, Any]], settings: SourceSettings, query: FactsQuery, now: datetime
) -> dict[Key, dict[int, dict[str, float]]]:
    """slice -> window (counted from the query's first) -> measure -> value, before floor and cap."""
    groups: dict[Key, dict[int, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        moment = moment_of(row[settings.time], settings.time_zone)
        if moment is None or moment.replace(microsecond=0) > now:
            continue
        window = query.grid.index_of(moment)
        if not query.first <= window < query.last:
            continue
        for depth in range(min(query.depth, len(query.dimensions)) + 1):
            for chosen in combinations(query.dimensions, depth):
                values = [text_of(row[name]) for name in chosen]
                key = tuple(
                    (name, MISSING if value is None else value) for name, value in zip(chosen, values, strict=True)
                )
                groups[key][window - query.first].append(row)
    return {
        key: {
            window: {label: measured(settings.measures[label], members) for label in query.measures}
            for window, members in windows.items()
        }
        for key, windows in groups.items()
    }
