"""When a row happened: every kind of time column as whole epoch seconds (UTC), in SQL that all engines share.

Kinds: time stamps with a zone, time stamps without one (read in the source's zone), dates (their first instant in that
zone), texts in ISO 8601, and numbers of seconds, milliseconds or microseconds since 1970. A fraction of a second is cut
off downwards, which never moves an event over a window's edge because windows begin at whole seconds.

The result is NULL where the time is missing, cannot be read, or lies outside the years 1900 to 2199
(of a text: the year as it is written).
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tocsin.windows import WindowGrid

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["ISO_8601", "is_time_column", "piecewise", "timestamp_seconds", "with_seconds", "within"]

EARLIEST = int(datetime(1900, 1, 1, tzinfo=UTC).timestamp())
LATEST = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())
MILLISECONDS_FROM = 1e11
"""Numbers from here on are milliseconds: as seconds they would lie in the year 5138, as milliseconds in 1973."""
MICROSECONDS_FROM = 1e14

_DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = "[T ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?"
_ZONE = "([Zz]|[+-][0-9]{2}(:?[0-9]{2})?)?"
ISO_8601 = f"^{_DATE}({_CLOCK}{_ZONE})?$"


def is_time_column(dtype: Any) -> bool:
    """Whether a column of this type can hold event times."""
    return bool(dtype.is_timestamp() or dtype.is_date() or dtype.is_string() or dtype.is_numeric())


def with_seconds(rows: ir.Table, zone: str, start: datetime, end: datetime, *, dialect: str) -> ir.Table:
    """Add the column `sec`, whole epoch seconds of the time column `t`; NULL = not usable.

    Parameters
    ----------
    rows : ibis table with a column t; columns that begin with "t_" are added on the way
    zone : IANA name of the zone of times that carry none
    start, end : aware UTC; between them (and two days around) wall times are exact over changes of the clock
    dialect : the engine's SQL dialect
    """
    dtype = rows.t.type()
    if dtype.is_string():
        return _from_text(rows, zone, start, end)
    if dtype.is_timestamp() or dtype.is_date():
        rows = rows.mutate(t_seconds=timestamp_seconds(rows.t, dialect))
        rows = rows.mutate(t_local=within(rows.t_seconds).cast("int64"))
        if dtype.is_timestamp() and dtype.timezone is not None:
            return rows.mutate(sec=rows.t_local)
        return rows.mutate(sec=_from_local(rows.t_local, zone, start, end))
    rows = rows.mutate(t_number=rows.t.cast("float64"))
    size = rows.t_number.abs()
    branches = [(size >= MICROSECONDS_FROM, rows.t_number / 1e6), (size >= MILLISECONDS_FROM, rows.t_number / 1e3)]
    rows = rows.mutate(t_seconds=_cases(branches, rows.t_number))
    return rows.mutate(sec=within(rows.t_seconds).floor().cast("int64"))


def within(seconds: ir.NumericColumn) -> ir.NumericColumn:
    """NULL outside of the years 1900 to 2199, NaN and the infinities included."""
    import ibis

    return ibis.ifelse((seconds >= EARLIEST) & (seconds < LATEST), seconds, ibis.null(seconds.type()))


def piecewise(value: ir.NumericColumn, pieces: list[tuple[int, int]]) -> ir.NumericValue:
    """The offset that holds at `value`: pieces (from this value on, offset), ascending."""
    import ibis

    offsets = [ibis.literal(offset, type="int64") for _, offset in pieces]
    branches = [(value < following, offset) for (following, _), offset in zip(pieces[1:], offsets, strict=False)]
    return _cases(branches, offsets[-1])


def _cases(branches: list[tuple[Any, Any]], otherwise: Any) -> Any:
    import ibis

    return ibis.cases(*branches, else_=otherwise) if branches else otherwise


def timestamp_seconds(column: ir.Column, dialect: str) -> ir.NumericColumn:
    """Time stamps and dates as whole epoch seconds, those without a zone as if they were in UTC."""
    moments = column.cast("timestamp") if column.type().is_date() else column
    if dialect == "duckdb":  # its way to cut a time stamp with a zone goes through a calendar and is ten times slower
        return (_epoch_us()(moments).cast("float64") / 1e6).floor().cast("float64")
    if dialect == "bigquery" and moments.type().timezone is None:
        moments = moments.cast("timestamp('UTC')")  # its epoch function takes no DATETIME
    # cut before counting: engines round the epoch of half a second up
    return moments.truncate("s").epoch_seconds().cast("float64")


@functools.cache
def _epoch_us() -> Any:
    """DuckDB's microseconds since 1970; NULL for the infinities."""
    import ibis

    def epoch_us(moment):  # type: ignore[no-untyped-def]
        """The engine's own function."""

    return ibis.udf.scalar.builtin(epoch_us, signature=((None,), "int64"))


def _from_local(local: ir.IntegerColumn, zone: str, start: datetime, end: datetime) -> ir.IntegerColumn:
    """Seconds of a wall clock to UTC; of two equal wall times the first, a skipped wall time as if it had not been."""
    day = timedelta(days=2)
    changes = WindowGrid(timedelta(days=1), zone).offsets(start - day, end + day)
    pieces = [(changes[0][0] + changes[0][1], changes[0][1])]
    for (_, before), (moment, after) in pairwise(changes):
        pieces.append((moment + max(before, after), after))
    if pieces == [(pieces[0][0], 0)]:
        return local
    return local - piecewise(local, pieces)


def _from_text(rows: ir.Table, zone: str, start: datetime, end: datetime) -> ir.Table:
    """ISO 8601 by position and integer arithmetic: no engine's own parser, whose tastes differ."""
    import ibis

    rows = rows.mutate(t_stripped=rows.t.strip())
    # a text that does not match becomes NULL before anything is cast, whatever order the engine evaluates in
    rows = rows.mutate(t_text=ibis.ifelse(rows.t_stripped.re_search(ISO_8601), rows.t_stripped, ibis.null("string")))
    rows = rows.mutate(
        t_n=rows.t_text.length(),
        t_has_second=rows.t_text.re_search(f"^{_DATE}[T ][0-9][0-9]:[0-9][0-9]:"),
        t_zulu=rows.t_text.re_search("[Zz]$"),
        t_hours=rows.t_text.re_search(f"^{_DATE}{_CLOCK}[+-][0-9][0-9]$"),
        t_compact=rows.t_text.re_search(f"^{_DATE}{_CLOCK}[+-][0-9][0-9][0-9][0-9]$"),
        t_colon=rows.t_text.re_search(f"^{_DATE}{_CLOCK}[+-][0-9][0-9]:[0-9][0-9]$"),
    )

    def digits(first: Any, n: int, present: Any = None) -> Any:
        part = rows.t_text.substr(first, n)
        return (part if present is None else ibis.ifelse(present, part, "0")).cast("int64")

    sign_at = rows.t_n - ibis.cases((rows.t_hours, 3), (rows.t_compact, 5), else_=6)
    has_offset = rows.t_hours | rows.t_compact | rows.t_colon
    rows = rows.mutate(
        t_year=digits(0, 4),
        t_month=digits(5, 2),
        t_day=digits(8, 2),
        t_hour=digits(11, 2, rows.t_n >= 16),
        t_minute=digits(14, 2, rows.t_n >= 16),
        t_second=digits(17, 2, rows.t_has_second),
        t_has_offset=has_offset,
        t_sign=ibis.ifelse(has_offset & (rows.t_text.substr(sign_at, 1) == "-"), -1, 1),
        t_offset_hour=digits(sign_at + 1, 2, has_offset),
        t_offset_minute=digits(rows.t_n - 2, 2, rows.t_colon | rows.t_compact),
    )
    rows = _with_local_seconds(rows)
    offset = rows.t_sign * (rows.t_offset_hour * 3600 + rows.t_offset_minute * 60)
    in_zone = _from_local(rows.t_local, zone, start, end)
    return rows.mutate(
        sec=ibis.cases((rows.t_zulu, rows.t_local), (rows.t_has_offset, rows.t_local - offset), else_=in_zone)
    )


def _with_local_seconds(rows: ir.Table) -> ir.Table:
    """Calendar and clock -> t_local, NULL for a day or clock that does not exist.

    Days since 1970-01-01 by integer arithmetic on a year that begins in March: its months have a regular pattern,
    (153 m + 2) // 5 days lie before month m.
    """
    import ibis

    year, month, day = rows.t_year, rows.t_month, rows.t_day
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    n_days = ibis.cases(
        (month.isin([4, 6, 9, 11]), 30), (month == 2, ibis.ifelse(leap, 29, 28)), (month.between(1, 12), 31), else_=0
    )
    rows = rows.mutate(
        t_exists=day.between(1, n_days)
        & year.between(1900, 2199)
        & (rows.t_hour <= 23)
        & (rows.t_minute <= 59)
        & (rows.t_second <= 59),
        t_march_year=ibis.ifelse(month > 2, year, year - 1),
        t_march_month=ibis.ifelse(month > 2, month - 3, month + 9),
    )
    march_year = rows.t_march_year
    leap_days = march_year // 4 - march_year // 100 + march_year // 400
    days = march_year * 365 + leap_days + (rows.t_march_month * 153 + 2) // 5 + rows.t_day - 719_469
    seconds = days * 86_400 + rows.t_hour * 3600 + rows.t_minute * 60 + rows.t_second
    return rows.mutate(t_local=ibis.ifelse(rows.t_exists, seconds, ibis.null("int64")))
