"""When a row happened: every kind of time column as whole epoch seconds (UTC), in SQL that all engines share.

Kinds: time stamps with a zone, time stamps without one (read in the source's zone), dates (their first instant in that
zone), texts in ISO 8601, and numbers of seconds, milliseconds or microseconds since 1970. A fraction of a second is cut
off downwards, which never moves an event over a window's edge because windows begin at whole seconds.

An expression yields NULL where the time is missing, cannot be read, or lies outside the years 1900 to 2199.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tocsin.windows import WindowGrid

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["ISO_8601", "event_seconds", "is_time_column", "piecewise", "within"]

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


def event_seconds(column: ir.Column, zone: str, start: datetime, end: datetime, *, dialect: str) -> ir.IntegerColumn:
    """Whole epoch seconds of a time column; NULL = not usable.

    Parameters
    ----------
    column : ibis column of times
    zone : IANA name of the zone of times that carry none
    start, end : aware UTC; between them (and a day around) local times are exact over changes of the clock
    dialect : the engine's SQL dialect
    """
    dtype = column.type()
    if dtype.is_string():
        return _from_text(column, zone, start, end)
    if dtype.is_timestamp() or dtype.is_date():
        aware = dtype.is_timestamp() and dtype.timezone is not None
        seconds = _from_timestamp(column, dialect)
        usable = within(seconds).cast("int64")
        return usable if aware else _from_local(usable, zone, start, end)
    number = column.cast("float64")
    size = number.abs()
    scaled = _cases([(size >= MICROSECONDS_FROM, number / 1e6), (size >= MILLISECONDS_FROM, number / 1e3)], number)
    return within(scaled).floor().cast("int64")


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


def _from_timestamp(column: ir.Column, dialect: str) -> ir.NumericColumn:
    moments = column.cast("timestamp") if column.type().is_date() else column
    if dialect == "bigquery" and moments.type().timezone is None:
        moments = moments.cast("timestamp('UTC')")  # its epoch function takes no DATETIME
    # cut before counting: engines round the epoch of half a second up
    return moments.truncate("s").epoch_seconds().cast("float64")


def _from_local(local: ir.IntegerColumn, zone: str, start: datetime, end: datetime) -> ir.IntegerColumn:
    """Seconds of a wall clock to UTC; of two equal wall times the first, a skipped wall time as if it had not been."""
    day = timedelta(days=2)
    changes = WindowGrid(timedelta(days=1), zone).offsets(start - day, end + day)
    pieces = [(changes[0][0] + changes[0][1], changes[0][1])]
    for (_, before), (moment, after) in zip(changes, changes[1:], strict=False):
        pieces.append((moment + max(before, after), after))
    if pieces == [(pieces[0][0], 0)]:
        return local
    return local - piecewise(local, pieces)


def _from_text(column: ir.StringColumn, zone: str, start: datetime, end: datetime) -> ir.IntegerColumn:
    """ISO 8601 by position and integer arithmetic: no engine's own parser, whose tastes differ."""
    import ibis

    text = column.strip()
    # a text that does not match becomes NULL before anything is cast, whatever order the engine evaluates in
    text = ibis.ifelse(text.re_search(ISO_8601), text, ibis.null("string"))

    def digits(first: int, n: int, present: Any = None) -> Any:
        part = text.substr(first, n)
        return (part if present is None else ibis.ifelse(present, part, "0")).cast("int64")

    n_chars = text.length()
    year, month, day = digits(0, 4), digits(5, 2), digits(8, 2)
    hour, minute = digits(11, 2, n_chars >= 16), digits(14, 2, n_chars >= 16)
    with_seconds = text.re_search(f"^{_DATE}[T ][0-9][0-9]:[0-9][0-9]:")
    second = digits(17, 2, with_seconds)
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    n_days = ibis.cases(
        (month.isin([4, 6, 9, 11]), 30), (month == 2, ibis.ifelse(leap, 29, 28)), (month.between(1, 12), 31), else_=0
    )
    valid = day.between(1, n_days) & (hour <= 23) & (minute <= 59) & (second <= 59) & year.between(1900, 2199)
    valid_or_null = ibis.ifelse(valid, _days_from_civil(year, month, day) * 86_400, ibis.null("int64"))
    local = valid_or_null + hour * 3600 + minute * 60 + second
    zulu, offset = _zone_of(text, n_chars)
    return ibis.cases((zulu, local), (offset.notnull(), local - offset), else_=_from_local(local, zone, start, end))


def _zone_of(text: ir.StringColumn, n_chars: ir.IntegerColumn) -> tuple[Any, Any]:
    """Whether a text ends in Z, and the seconds of its numeric offset (NULL = none)."""
    import ibis

    hours = text.re_search(f"^{_DATE}{_CLOCK}[+-][0-9][0-9]$")
    compact = text.re_search(f"^{_DATE}{_CLOCK}[+-][0-9][0-9][0-9][0-9]$")
    colon = text.re_search(f"^{_DATE}{_CLOCK}[+-][0-9][0-9]:[0-9][0-9]$")
    sign_at = n_chars - ibis.cases((hours, 3), (compact, 5), else_=6)
    any_offset = hours | compact | colon
    hour = ibis.ifelse(any_offset, text.substr(sign_at + 1, 2), "0").cast("int64")
    minute = ibis.ifelse(colon | compact, text.substr(n_chars - 2, 2), "0").cast("int64")
    size = hour * 3600 + minute * 60
    signed = ibis.ifelse(text.substr(sign_at, 1) == "-", -size, size)
    return text.re_search("[Zz]$"), ibis.ifelse(any_offset, signed, ibis.null("int64"))


def _days_from_civil(year: Any, month: Any, day: Any) -> Any:
    """Days since 1970-01-01 of the Gregorian calendar, by integer arithmetic on a year that begins in March.

    A year from March has months of a regular pattern: (153 m + 2) // 5 days lie before its month m.
    """
    import ibis

    late = month > 2
    shifted_year = ibis.ifelse(late, year, year - 1)
    shifted_month = ibis.ifelse(late, month - 3, month + 9)
    in_year = (shifted_month * 153 + 2) // 5 + day - 1
    leap_days = shifted_year // 4 - shifted_year // 100 + shifted_year // 400
    return shifted_year * 365 + leap_days + in_year - 719_468
