"""What a table looks like: the ground on which `tocsin init` guesses times, measures and dimensions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from tocsin.sources.event_time import ISO_8601, MICROSECONDS_FROM, MILLISECONDS_FROM
from tocsin.sources.rows import as_text

__all__ = ["ColumnDescription", "TableDescription", "describe_table"]

Kind = Literal["time", "number", "integer", "text", "boolean", "other"]
Rows = Callable[[Any], list[dict[str, Any]]]

SAMPLE_ROWS = 1_000_000
"""In a larger table, frequent values are those of so many rows, as the engine yields them."""
COLUMNS_AT_ONCE = 40
N_FREQUENT = 5
FIRST_EPOCH, LAST_EPOCH = 946_684_800, 2_524_608_000
"""An integer column between the years 2000 and 2050 can be epoch seconds."""


@dataclass(frozen=True)
class ColumnDescription:
    """One column.

    kind        : "time" (time stamp or date), "number", "integer", "text", "boolean" or "other"
    type        : the engine's type
    n_distinct  : approximate; None for kind "other"
    min, max    : as Python values; None where there are none
    frequent    : up to 5 of the most frequent values as text, with their numbers of rows
    time_format : what the column could be read as: "time stamp", "date", "ISO 8601", "epoch seconds",
                  "epoch milliseconds", "epoch microseconds" or None
    """

    name: str
    kind: Kind
    type: str
    n_null: int
    n_distinct: int | None
    min: Any
    max: Any
    frequent: tuple[tuple[str, int], ...]
    time_format: str | None


@dataclass(frozen=True)
class TableDescription:
    """A table: its size, its columns in order, and in `notes` what is approximate about that."""

    n_rows: int
    columns: tuple[ColumnDescription, ...]
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> ColumnDescription:
        """A column by name; raises KeyError."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


def describe_table(table: Any, rows: Rows) -> TableDescription:
    """Describe an ibis table; `rows` runs an expression and returns its rows."""
    n_rows = int(rows(table.aggregate(n=table.count()))[0]["n"])
    names = list(table.columns)
    statistics: dict[str, Any] = {}
    for first in range(0, len(names), COLUMNS_AT_ONCE):
        aggregates: dict[str, Any] = {}
        for index, name in enumerate(names[first : first + COLUMNS_AT_ONCE], start=first):
            aggregates |= _aggregates(table[name], index)
        statistics |= rows(table.aggregate(**aggregates))[0]
    sample = table.limit(SAMPLE_ROWS) if n_rows > SAMPLE_ROWS else table
    columns = tuple(_column(sample, name, index, statistics, n_rows, rows) for index, name in enumerate(names))
    notes = ["Numbers of distinct values are approximate."]
    if n_rows > SAMPLE_ROWS:
        notes.append(f"Frequent values are those of {SAMPLE_ROWS} of {n_rows} rows.")
    return TableDescription(n_rows, columns, tuple(notes))


def _kind(dtype: Any) -> Kind:
    if dtype.is_timestamp() or dtype.is_date():
        return "time"
    if dtype.is_boolean():
        return "boolean"
    if dtype.is_integer():
        return "integer"
    if dtype.is_floating() or dtype.is_decimal():
        return "number"
    return "text" if dtype.is_string() or dtype.is_uuid() else "other"


def _aggregates(column: Any, index: int) -> dict[str, Any]:
    import ibis

    found = {f"null_{index}": ibis.ifelse(column.isnull(), 1, 0).sum()}
    kind = _kind(column.type())
    if kind == "other":
        return found
    found[f"distinct_{index}"] = column.approx_nunique()
    if kind in ("integer", "number"):
        number = column.cast("float64")
        if column.type().is_floating():
            number = ibis.ifelse(number.isnan(), ibis.null("float64"), number)
        found |= {f"min_{index}": number.min(), f"max_{index}": number.max()}
    elif kind == "time":
        found |= {f"min_{index}": column.min(), f"max_{index}": column.max()}
    else:
        text = as_text(column)
        found |= {f"min_{index}": text.min(), f"max_{index}": text.max()}
    if column.type().is_string():
        found[f"iso_{index}"] = ibis.ifelse(column.strip().re_search(ISO_8601), 1, 0).sum()
    return found


def _column(
    sample: Any, name: str, index: int, statistics: dict[str, Any], n_rows: int, rows: Rows
) -> ColumnDescription:
    dtype = sample[name].type()
    kind = _kind(dtype)
    n_null = int(statistics[f"null_{index}"] or 0)
    distinct, low, high = (statistics.get(f"{what}_{index}") for what in ("distinct", "min", "max"))
    if kind == "integer" and low is not None and high is not None:
        low, high = int(low), int(high)
    return ColumnDescription(
        name=name,
        kind=kind,
        type=str(dtype),
        n_null=n_null,
        n_distinct=None if distinct is None else int(distinct),
        min=low,
        max=high,
        frequent=_frequent(sample[name], rows) if kind in ("text", "integer", "boolean") and n_null < n_rows else (),
        time_format=_time_format(dtype, low, high, int(statistics.get(f"iso_{index}") or 0), n_rows - n_null),
    )


def _frequent(column: Any, rows: Rows) -> tuple[tuple[str, int], ...]:
    import ibis

    values = column.as_table().select(value=as_text(column)).filter(ibis._.value.notnull())
    counted = values.group_by("value").aggregate(n=values.count())
    top = counted.order_by(counted.n.desc(), counted.value).limit(N_FREQUENT)
    return tuple((row["value"], int(row["n"])) for row in rows(top))


def _time_format(dtype: Any, low: Any, high: Any, n_iso: int, n_values: int) -> str | None:
    if dtype.is_timestamp():
        return "time stamp"
    if dtype.is_date():
        return "date"
    if dtype.is_string():
        return "ISO 8601" if n_values and n_iso >= 0.9 * n_values else None
    if not dtype.is_numeric() or low is None:
        return None
    for unit, factor, least in (
        ("epoch microseconds", 1e6, MICROSECONDS_FROM),
        ("epoch milliseconds", 1e3, MILLISECONDS_FROM),
        ("epoch seconds", 1.0, 0.0),
    ):
        if low >= least and low / factor >= FIRST_EPOCH and high / factor <= LAST_EPOCH:
            return unit
    return None
