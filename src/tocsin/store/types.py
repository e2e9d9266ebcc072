"""Column types that mean the same on SQLite and PostgreSQL.

`Moment`: aware UTC times, although SQLite has no zones. `Number`: floats whose NaN is NULL. `PlainText`: text that
PostgreSQL accepts. `Json`: valid JSON only, non-finite numbers become null.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

from tocsin.errors import InputError

__all__ = ["Json", "Moment", "Number", "PlainText", "json_ready", "plain"]


class Moment(TypeDecorator[datetime]):
    """An aware UTC time; a naive one is refused, because nobody could say what it means."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise InputError("A time for the store", allowed="an aware time", got=value.isoformat())
        value = value.astimezone(UTC)
        # SQLite stores text and would drop the zone on its own terms; equal texts must mean equal instants
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Number(TypeDecorator[float]):
    """A float; NaN is stored as NULL on both databases (SQLite would do so silently) and read back as NaN."""

    impl = sa.Double
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return None if value is None or math.isnan(value) else float(value)

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:
        return math.nan if value is None else float(value)


def plain(text: str) -> str:
    r"""Text without NUL (PostgreSQL refuses it) and without lone surrogates (UTF-8 has none), both shown escaped.

    >>> plain("a\x00b")
    'a\\x00b'
    """
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


class PlainText(TypeDecorator[str]):
    """Text of any length, see `plain`."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else plain(value)


def json_ready(value: Any) -> Any:
    """The same value made of dicts, lists, str, int, float, bool and None; non-finite numbers become None.

    Raises `InputError` for what JSON has no word for, instead of storing its `repr`.
    """
    match value:
        case None | bool() | int():
            return value
        case str():
            return str(value)
        case float():
            return float(value) if math.isfinite(value) else None
        case datetime() | date():
            return value.isoformat()
        case np.generic():
            return json_ready(value.item())
        case np.ndarray():
            return json_ready(value.tolist())
        case Mapping():
            return {str(key): json_ready(item) for key, item in value.items()}
        case list() | tuple():
            return [json_ready(item) for item in value]
    raise InputError("A value cannot be stored as JSON", allowed="JSON values", got=value)


class Json(TypeDecorator[Any]):
    """A JSON column; PostgreSQL's json and not jsonb, because jsonb refuses the escaped NUL of a hostile value."""

    impl = sa.JSON(none_as_null=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        return json_ready(value)
