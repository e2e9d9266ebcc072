"""Rows in their windows: what both statements of a source share, and the counts of what cannot be used."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tocsin.config import SourceSettings
from tocsin.sources.event_time import piecewise
from tocsin.sources.query import EntityQuery, FactsQuery, HistogramQuery, WindowsQuery
from tocsin.sources.rows import histogram_columns, prepared_rows, text_column

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["in_windows", "pruned", "quality_expression"]


def quality_expression(
    table: ir.Table,
    name: str,
    settings: SourceSettings,
    query: FactsQuery | EntityQuery | HistogramQuery,
    now: datetime,
    dialect: str,
) -> ir.Table:
    """One row of counts: n_rows, n_future, n_blank, n_unreadable, n_usable, n_unusable, n_negative, n_nameless.

    n_rows, n_unusable, n_negative and n_nameless (no entity) count rows that are aggregated; n_usable counts all rows
    with a readable time. Of histograms also n_valueless (no attribute) and n_weightless (no weight).
    """
    import ibis

    table = pruned(table, settings, query.start, None)
    named: dict[str, Any] = {"nameless": ibis.literal(False)}
    if isinstance(query, EntityQuery | HistogramQuery):
        named["nameless"] = text_column(table, name, query.entity, "entity").isnull()
    if isinstance(query, HistogramQuery):
        counted = histogram_columns(table, name, query)
        named |= {"valueless": counted["value"].isnull(), "weightless": counted["amount"].isnull()}
    rows = prepared_rows(table, name, settings, query, query.measures_of(name, settings), now, dialect, **named)
    seconds = int(now.timestamp())
    relative = relative_seconds(rows.sec, query)
    readable = rows.sec.notnull()
    aggregated = readable & (rows.sec <= seconds) & relative.between(0, span(query) - 1)

    def number(test: Any) -> Any:
        return ibis.ifelse(test, 1, 0).sum().fill_null(0).cast("int64")

    return rows.aggregate(
        n_rows=number(aggregated),
        n_future=number(readable & (rows.sec > seconds) & (relative >= 0)),
        n_blank=number(rows.blank),
        n_unreadable=number(~readable & ~rows.blank),
        n_usable=number(readable),
        n_unusable=number(aggregated & rows.unusable),
        n_negative=number(aggregated & rows.negative),
        **{f"n_{test}": number(aggregated & rows[test]) for test in named},
    )


def in_windows(rows: ir.Table, query: WindowsQuery, now: datetime) -> ir.Table:
    """The rows inside the query's windows and not after `now`, with `w`, the number of their window."""
    needed = [column for column in rows.columns if column not in ("blank", "unusable", "negative")]
    rows = rows.select(*needed, relative=relative_seconds(rows.sec, query))
    rows = rows.filter(rows.relative.between(0, span(query) - 1), rows.sec <= int(now.timestamp()))
    return rows.mutate(w=(rows.relative // query.grid.length_seconds).cast("int32"))


def span(query: WindowsQuery) -> int:
    return query.n_windows * query.grid.length_seconds


def relative_seconds(seconds: Any, query: WindowsQuery) -> Any:
    """Seconds since the first window began, on the axis on which windows are equal; never divided if negative."""
    origin = query.grid.origin_seconds + query.first * query.grid.length_seconds
    if not query.grid.is_wall_clock:
        return seconds - origin
    day = timedelta(days=2)
    return seconds + piecewise(seconds, query.grid.offsets(query.start - day, query.end + day)) - origin


def pruned(table: ir.Table, settings: SourceSettings, start: datetime, end: datetime | None) -> ir.Table:
    """Leave out rows that lie clearly outside, by the bare column, so that engines skip partitions; keep NULLs."""
    import ibis

    if settings.time not in table.columns:
        return table  # the missing column is reported where the time is read
    column = table[settings.time]
    dtype = column.type()
    if not (dtype.is_timestamp() or dtype.is_date()):
        return table
    margin = timedelta(0) if dtype.is_timestamp() and dtype.timezone is not None else timedelta(days=2)

    def bound(moment: datetime) -> Any:
        moment = moment.astimezone(UTC)
        if dtype.is_date():
            return ibis.literal(moment.date())
        return ibis.literal(moment if dtype.timezone is not None else moment.replace(tzinfo=None))

    if end is None:
        return table.filter(column.isnull() | (column >= bound(start - margin)))
    return table.filter(column >= bound(start - margin), column < bound(end + margin))
