"""A user's table -> prepared rows: event seconds, dimensions as text, and the parts that measures are summed from.

Internal names keep clear of the users' columns (`select`, quotes, emoji): sec, blank, unusable, negative, d0, d1, … for
dimensions, and for measure i: s{i} (sum of), n{i} (number of), u{i} (counted distinct).
"""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from tocsin.config import SourceSettings
from tocsin.errors import SourceError, nearest
from tocsin.model import MISSING, Measure
from tocsin.sources.event_time import is_time_column, with_seconds
from tocsin.sources.query import HistogramQuery, WindowsQuery

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import ibis.expr.types as ir

__all__ = [
    "as_text",
    "column_of",
    "dimension_columns",
    "histogram_columns",
    "prepared_rows",
    "text_column",
    "time_column",
]

LARGEST = 1e300
"""A measure beyond this counts as infinite: sums of it leave the range of a double."""
MOST_RECORDS = 1e12
"""A row that stands for more records is not usable: sums of them leave the range of a whole number."""


def column_of(table: ir.Table, name: str, column: str, role: str) -> ir.Column:
    """A column by its name; raises `SourceError` that names the nearest one."""
    if column not in table.columns:
        shown = ", ".join(table.columns[:30]) + (", …" if len(table.columns) > 30 else "")
        raise SourceError(
            f"Source {name!r} has no column {column!r} ({role})", allowed=shown, hint=nearest(column, table.columns)
        )
    return table[column]


def time_column(table: ir.Table, name: str, settings: SourceSettings) -> ir.Column:
    """The column of event times; raises `SourceError` where it is missing or cannot hold times."""
    if settings.time is None:
        raise SourceError(f"Source {name!r} has no column of time", hint='name it: time = "…"')
    column = column_of(table, name, settings.time, "time")
    if not is_time_column(column.type()):
        raise SourceError(
            f"Source {name!r}: the time column {settings.time!r}",
            allowed="time stamps, dates, ISO 8601 texts, epoch seconds or milliseconds",
            got=str(column.type()),
        )
    return column


def as_text(column: ir.Column) -> ir.StringValue:
    """A column's values as text, the same in every engine; NULL and NaN stay NULL."""
    import ibis

    dtype = column.type()
    if dtype.is_boolean():
        return ibis.ifelse(column, "true", ibis.ifelse(column.notnull(), "false", ibis.null("string")))
    if dtype.is_floating() or dtype.is_decimal():
        number = column.cast("float64")
        # 5.0 is the integer 5 that a missing value elsewhere in the column made a float
        small = ibis.ifelse((number.abs() < 1e15) & ~number.isnan(), number, ibis.null("float64"))
        integer = small.floor().cast("int64").cast("string")
        usable = number.notnull() & ~number.isnan()
        text = ibis.ifelse(usable, number.cast("string"), ibis.null("string"))
        return ibis.ifelse((small == small.floor()).fill_null(False), integer, text)
    return column.cast("string")


def text_column(table: ir.Table, name: str, column: str, role: str) -> ir.StringValue:
    """A column's values as text; NULL stays NULL. Raises `SourceError` for types that have no plain text."""
    values = column_of(table, name, column, role)
    dtype = values.type()
    if dtype.is_nested() or dtype.is_binary() or dtype.is_timestamp() or dtype.is_json():
        raise SourceError(
            f"Source {name!r}: the {role} {column!r}",
            allowed="texts, integers, booleans, dates, decimals",
            got=str(dtype),
        )
    return as_text(values)


def _finite(values: ir.Column) -> tuple[ir.FloatingValue, ir.BooleanValue, ir.BooleanValue]:
    """(the number or 0, whether it is usable, whether it is infinite or NaN)."""
    import ibis

    number = values.cast("float64")
    undefined = (number.abs() >= LARGEST).fill_null(False)
    if values.type().is_floating() or values.type().is_decimal():
        undefined = undefined | number.isnan().fill_null(False)  # some engines order NaN beside the numbers
    # the three tests are kept apart: some engines take NaN for NULL
    usable = values.notnull() & ~undefined
    return ibis.ifelse(usable, number, 0.0), usable, undefined


class _Parts:
    """Collects the columns that the measures need, and the tests for what cannot be used."""

    def __init__(self, table: ir.Table, name: str) -> None:
        self.table, self.name = table, name
        self.columns: dict[str, Any] = {}
        self.unusable: list[Any] = []
        self.negative: list[Any] = []

    def add(self, index: int, label: str, measure: Measure) -> None:
        import ibis

        condition = self._condition(label, measure)

        def flag(test: Any) -> Any:
            return ibis.ifelse(test if condition is None else condition & test, 1.0, 0.0)

        if measure.column is None:
            self.columns[f"s{index}"] = ibis.literal(1.0) if condition is None else ibis.ifelse(condition, 1.0, 0.0)
            return
        values = column_of(self.table, self.name, measure.column, f"measure {label!r}")
        if measure.aggregate == "distinct":
            self.columns[f"u{index}"] = (
                values if condition is None else ibis.ifelse(condition, values, ibis.null(values.type()))
            )
            return
        if measure.aggregate == "count" and not values.type().is_floating():
            self.columns[f"s{index}"] = flag(values.notnull())
            return
        values = self._numbers(label, measure, values)
        number, usable, wrong = _finite(values)
        self.unusable.append(wrong if condition is None else condition & wrong)
        if measure.aggregate == "count":
            self.columns[f"s{index}"] = flag(usable)
            return
        self.columns[f"s{index}"] = number if condition is None else ibis.ifelse(condition, number, 0.0)
        self.negative.append(self.columns[f"s{index}"] < 0)
        if measure.aggregate == "mean":
            self.columns[f"n{index}"] = flag(usable)

    def _condition(self, label: str, measure: Measure) -> Any:
        if measure.where_column is None:
            return None
        column = column_of(self.table, self.name, measure.where_column, f"condition of measure {label!r}")
        return (as_text(column) == measure.where_value).fill_null(False)

    def _numbers(self, label: str, measure: Measure, values: ir.Column) -> ir.Column:
        import ibis

        if values.type().is_boolean():
            return ibis.ifelse(values, 1, ibis.ifelse(values.notnull(), 0, ibis.null("int64")))
        if not values.type().is_numeric():
            raise SourceError(
                f"Source {self.name!r}: measure {label!r} is {measure.aggregate}({measure.column})",
                allowed="a column of numbers or booleans",
                got=str(values.type()),
                hint="count and distinct take any column",
            )
        return values


def prepared_rows(
    table: ir.Table,
    name: str,
    settings: SourceSettings,
    query: WindowsQuery,
    measures: Mapping[str, Measure],
    now: datetime,
    dialect: str,
    **columns: ir.Value,
) -> ir.Table:
    """All rows that the query could need, with the columns named in the module's description and those given."""
    import ibis

    parts = _Parts(table, name)
    for index, (label, measure) in enumerate(measures.items()):
        parts.add(index, label, measure)
    nothing = ibis.literal(False)
    tests = {
        "unusable": reduce(or_, parts.unusable, nothing).fill_null(False),
        "negative": reduce(or_, parts.negative, nothing).fill_null(False),
    }
    if settings.time is None:  # as things are now: at the end of the newest window
        last = ibis.literal(int(query.end.timestamp()) - 1, type="int64")
        return table.select(**tests, **columns, **parts.columns, sec=last, blank=nothing)
    rows = table.select(t=time_column(table, name, settings), **tests, **columns, **parts.columns)
    rows = with_seconds(rows, settings.time_zone, query.start, max(query.end, now), dialect=dialect)
    kept = [column for column in rows.columns if column != "t" and not column.startswith("t_")]
    return rows.select(*kept, blank=rows.t.isnull())


def dimension_columns(table: ir.Table, name: str, dimensions: Sequence[str]) -> dict[str, ir.StringValue]:
    """d0, d1, …: dimensions as text, NULL as a value of its own."""
    return {
        f"d{k}": text_column(table, name, column, "dimension").fill_null(MISSING) for k, column in enumerate(dimensions)
    }


def histogram_columns(table: ir.Table, name: str, query: HistogramQuery) -> dict[str, ir.Value]:
    """value and amount: what a row is counted by, and how often; NULL = not usable."""
    import ibis

    found: dict[str, Any] = {"value": ibis.literal(0.0), "amount": ibis.literal(1, type="int64")}
    if query.attribute is not None and query.categories:
        found["value"] = text_column(table, name, query.attribute, "attribute")
    elif query.attribute is not None:
        number, usable, _ = _finite(_numeric(table, name, query.attribute, "attribute"))
        found["value"] = ibis.ifelse(usable, number, ibis.null("float64"))
    if query.weight is not None:
        number, usable, _ = _finite(_numeric(table, name, query.weight, "weight"))
        whole = usable & (number >= 0) & (number < MOST_RECORDS) & (number == number.floor())
        found["amount"] = ibis.ifelse(whole, number, ibis.null("float64")).cast("int64")
    return found


def _numeric(table: ir.Table, name: str, column: str, role: str) -> ir.Column:
    values = column_of(table, name, column, role)
    if not values.type().is_numeric() or values.type().is_boolean():
        hint = "of a column of texts, bins are a list of its values" if role == "attribute" else None
        raise SourceError(
            f"Source {name!r}: the {role} {column!r}", allowed="numbers", got=str(values.type()), hint=hint
        )
    return values
