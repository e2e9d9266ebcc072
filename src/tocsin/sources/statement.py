"""The two statements that a source runs in the user's engine: the facts, and a count of what could not be used.

The facts are one SELECT, so that they are consistent without a lock or a temporary table:

    usable   rows in the windows, not after now; window index, dimensions as text, parts of measures
    facts    one scan: GROUP BY GROUPING SETS, every level at most `depth` deep, window by window
    ranked   traffic of every slice over the windows; the floor, then the cap, the total first
    result   kept slices (window NULL, with their dimension values) UNION ALL their facts (slice number, window,
             measures) UNION ALL one line on what was cut (slice NULL)

ibis writes the SQL of every engine except for three things that it has no word for and that are changed in the syntax
tree that it hands over: GROUPING SETS, exact distinct counts on ClickHouse, and fences for PostgreSQL's planner.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import TYPE_CHECKING, Any

from tocsin.config import SourceSettings
from tocsin.errors import SourceError
from tocsin.sources.event_time import piecewise
from tocsin.sources.query import FactsQuery
from tocsin.sources.rows import prepared_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

__all__ = ["DIALECTS", "compile_expression", "compile_sql", "compiler_of", "facts_expression", "quality_expression"]

DIALECTS = ("bigquery", "clickhouse", "databricks", "duckdb", "postgres", "pyspark", "snowflake", "trino")
"""The dialects that have GROUPING SETS."""

_MARK = 777_000
"""Stands for GROUPING(dimension k) as MAX(w + _MARK + k) until the syntax tree is changed."""


def quality_expression(
    table: ir.Table, name: str, settings: SourceSettings, query: FactsQuery, now: datetime, dialect: str
) -> ir.Table:
    """One row of counts: n_rows, n_future, n_blank, n_unreadable, n_usable, n_unusable, n_negative.

    n_rows, n_unusable and n_negative count rows that are aggregated; n_usable counts all rows with a readable time.
    """
    import ibis

    table = _pruned(table, settings, query.start, None)
    rows = prepared_rows(table, name, settings, query, now, dialect)
    seconds = int(now.timestamp())
    relative = _relative(rows.sec, query)
    readable = rows.sec.notnull()
    aggregated = readable & (rows.sec <= seconds) & relative.between(0, _span(query) - 1)

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
    )


def facts_expression(
    table: ir.Table, name: str, settings: SourceSettings, query: FactsQuery, now: datetime, dialect: str
) -> ir.Table:
    """The result described above: slice, w, traffic, k0, k1, …, m0, m1, …, n_floor, n_cap, t_floor, t_cap, t_all."""
    table = _pruned(table, settings, query.start, min(query.end, now + timedelta(seconds=1)))
    rows = prepared_rows(table, name, settings, query, now, dialect)
    needed = [column for column in rows.columns if column not in ("blank", "unusable", "negative")]
    rows = rows.select(*needed, relative=_relative(rows.sec, query))
    rows = rows.filter(rows.relative.between(0, _span(query) - 1), rows.sec <= int(now.timestamp()))
    rows = rows.mutate(w=(rows.relative // query.grid.length_seconds).cast("int32"))
    return _result(_ranked(_grouped(rows, settings, query), query), query)


def _span(query: FactsQuery) -> int:
    return query.n_windows * query.grid.length_seconds


def _relative(seconds: Any, query: FactsQuery) -> Any:
    """Seconds since the first window began, on the axis on which windows are equal; never divided if negative."""
    origin = query.grid.origin_seconds + query.first * query.grid.length_seconds
    if not query.grid.is_wall_clock:
        return seconds - origin
    day = timedelta(days=2)
    return seconds + piecewise(seconds, query.grid.offsets(query.start - day, query.end + day)) - origin


def _pruned(table: ir.Table, settings: SourceSettings, start: datetime, end: datetime | None) -> ir.Table:
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


def _grouped(rows: ir.Table, settings: SourceSettings, query: FactsQuery) -> ir.Table:
    """Every level's facts: w, level (bit k set = dimension k rolled up), k0.. ('' = rolled up), m0.., traffic."""
    import ibis

    n_dimensions = len(query.dimensions)
    n_grouped = n_dimensions if query.depth else 0  # the total alone has no level to tell from another
    aggregates: dict[str, Any] = {f"g{k}": (rows.w + (_MARK + k)).max() for k in range(n_grouped)}
    for column in rows.columns:
        if column[0] in "sn" and column[1:].isdigit():
            aggregates[f"a_{column}"] = rows[column].sum()
        elif column[0] == "u" and column[1:].isdigit():
            aggregates[f"a_{column}"] = rows[column].nunique().cast("float64")
    grouped = rows.group_by(["w", *(f"d{k}" for k in range(n_grouped))]).aggregate(**aggregates)
    values: dict[str, Any] = {}
    traffic: dict[str, Any] = {}
    for index, label in enumerate(query.measures):
        kind = settings.measures[label].aggregate
        total = grouped[f"a_u{index}"] if kind == "distinct" else grouped[f"a_s{index}"]
        if kind == "mean":
            number = grouped[f"a_n{index}"]
            values[f"m{index}"] = ibis.ifelse(number > 0, total / number.nullif(0.0), ibis.null("float64"))
            traffic[label] = number
        else:
            values[f"m{index}"] = traffic[label] = total
    never = ibis.literal((1 << n_dimensions) - (1 << n_grouped))
    level = sum((grouped[f"g{k}"].cast("int32") * (1 << k) for k in range(n_grouped)), start=never)
    keys = {f"k{k}": ibis.ifelse(grouped[f"g{k}"] == 1, "", grouped[f"d{k}"]) for k in range(n_grouped)}
    keys |= {f"k{k}": ibis.literal("") for k in range(n_grouped, n_dimensions)}
    return grouped.select("w", level=level.cast("int32"), **keys, **values, traffic=traffic[query.traffic])


def _identity(query: FactsQuery) -> list[str]:
    return ["level", *(f"k{k}" for k in range(len(query.dimensions)))]


def _ranked(facts: ir.Table, query: FactsQuery) -> tuple[ir.Table, ir.Table]:
    """The facts, and all slices: traffic, below (the floor), slice (number by rank from 1 on, those below last)."""
    import ibis

    identity = _identity(query)
    slices = facts.group_by(identity).aggregate(traffic=facts.traffic.sum())
    is_total = slices.level == (1 << len(query.dimensions)) - 1
    slices = slices.mutate(
        below=ibis.ifelse(~is_total & (slices.traffic < query.min_traffic * query.n_windows), 1, 0),
        below_total=ibis.ifelse(is_total, 0, 1),
    )
    order = [slices.below_total, slices.below, slices.traffic.desc(), *(slices[column] for column in identity)]
    ranked = slices.mutate(slice=(ibis.row_number().over(order_by=order) + 1).cast("int64"))
    return facts, ranked


def _result(tables: tuple[ir.Table, ir.Table], query: FactsQuery) -> ir.Table:
    import ibis

    facts, ranked = tables
    kept = ranked.filter(ranked.below == 0, ranked.slice <= query.max_slices)
    n_dimensions, n_measures = len(query.dimensions), len(query.measures)
    no_number, no_window = ibis.null("float64"), ibis.null("int32")
    no_measures = {f"m{i}": no_number for i in range(n_measures)}
    cuts = ("n_floor", "n_cap", "t_floor", "t_cap", "t_all")
    no_cuts = dict.fromkeys(cuts, no_number)

    def rolled_up(k: int) -> Any:
        return (kept.level // (1 << k)) % 2 == 1

    heads = kept.select(
        slice=kept.slice,
        w=no_window,
        traffic=kept.traffic.cast("float64"),
        **{f"k{k}": ibis.ifelse(rolled_up(k), ibis.null("string"), kept[f"k{k}"]) for k in range(n_dimensions)},
        **no_measures,
        **no_cuts,
    )
    identity = _identity(query)
    numbers = kept.select("slice", **{f"r_{column}": kept[column] for column in identity})
    joined = facts.join(numbers, [facts[column] == numbers[f"r_{column}"] for column in identity])
    no_keys = {f"k{k}": ibis.null("string") for k in range(n_dimensions)}
    body = joined.select(
        slice=joined.slice,
        w=joined.w,
        traffic=no_number,
        **no_keys,
        **{f"m{i}": joined[f"m{i}"].cast("float64") for i in range(n_measures)},
        **no_cuts,
    )
    below, over = ranked.below == 1, (ranked.below == 0) & (ranked.slice > query.max_slices)
    size = ranked.traffic.abs()
    cut = ranked.aggregate(
        n_floor=ibis.ifelse(below, 1.0, 0.0).sum(),
        n_cap=ibis.ifelse(over, 1.0, 0.0).sum(),
        t_floor=ibis.ifelse(below, size, 0.0).sum(),
        t_cap=ibis.ifelse(over, size, 0.0).sum(),
        t_all=size.sum(),
    )
    foot = cut.select(
        slice=ibis.null("int64"),
        w=no_window,
        traffic=no_number,
        **no_keys,
        **no_measures,
        **{column: cut[column].cast("float64") for column in cuts},
    )
    return ibis.union(heads, body, foot, distinct=False)


def compile_expression(expression: Any, compiler: Any, query: FactsQuery | None = None) -> str:
    """SQL text of an ibis expression in the compiler's dialect; with a query, its roll-ups as GROUPING SETS."""
    with _separate_selects():
        tree = compiler.to_sqlglot(expression)
    if query is not None and query.dimensions and query.depth:
        _with_grouping_sets(tree, query)
    word = compiler.dialect.__name__.lower()
    if word == "clickhouse":
        _with_exact_distinct(tree)
    if word == "postgres":
        _with_fences(tree)
    return str(tree.sql(dialect=compiler.dialect, pretty=True))


@contextmanager
def _separate_selects() -> Iterator[None]:
    """Keep ibis from folding SELECTs into one: a column used ten times would be computed, and written, ten times."""
    import ibis

    before = ibis.options.sql.fuse_selects
    ibis.options.sql.fuse_selects = False
    try:
        yield
    finally:
        ibis.options.sql.fuse_selects = before


def _with_grouping_sets(tree: Any, query: FactsQuery) -> None:
    import sqlglot.expressions as sge

    n_dimensions = len(query.dimensions)
    for select in list(tree.find_all(sge.Select)):
        marks = {column.alias: column for column in select.expressions if column.alias[:1] == "g" and _mark_in(column)}
        if not marks or select.args.get("group") is None:
            continue
        by_name = {column.alias_or_name: column.unalias() for column in select.expressions}
        for alias, column in marks.items():
            column.set("this", sge.Anonymous(this="GROUPING", expressions=[by_name[f"d{alias[1:]}"].copy()]))
        depths = range(min(query.depth, n_dimensions) + 1)
        sets = [
            sge.Tuple(expressions=[by_name[name].copy() for name in ("w", *(f"d{k}" for k in chosen))])
            for depth in depths
            for chosen in combinations(range(n_dimensions), depth)
        ]
        select.set("group", sge.Group(grouping_sets=[sge.GroupingSets(expressions=sets)]))


def _mark_in(column: Any) -> bool:
    import sqlglot.expressions as sge

    return any(literal.this == str(_MARK + int(column.alias[1:])) for literal in column.find_all(sge.Literal))


def _with_exact_distinct(tree: Any) -> None:
    """ibis counts distinct values on ClickHouse by `uniq`, an estimate; `uniqExact` is exact."""
    import sqlglot.expressions as sge

    for function in list(tree.find_all(sge.Func)):
        if function.sql(dialect="clickhouse").lower().startswith("uniq("):
            function.replace(sge.Anonymous(this="uniqExact", expressions=[function.this.copy()]))


_FENCED = {"t_text", "t_n", "t_year", "t_exists", "t_local", "sec"}


def _with_fences(tree: Any) -> None:
    """Let PostgreSQL compute each step of reading a time once per row: OFFSET 0 keeps it from unfolding the steps."""
    import sqlglot.expressions as sge

    for select in list(tree.find_all(sge.Select)):
        computed = {column.alias for column in select.expressions if not isinstance(column.unalias(), sge.Column)}
        if computed & _FENCED:
            select.set("offset", sge.Offset(expression=sge.Literal.number(0)))


def compiler_of(dialect: str) -> Any:
    """ibis' compiler of a dialect, without a connection; raises `SourceError`."""
    import ibis.backends.sql.compilers as compilers

    if dialect not in DIALECTS:
        raise SourceError("The SQL dialect", allowed=", ".join(DIALECTS), got=dialect)
    return getattr(compilers, dialect).compiler


def compile_sql(
    name: str, settings: SourceSettings, schema: Mapping[str, str], query: FactsQuery, dialect: str, now: datetime
) -> str:
    """The SQL text of a query's facts, without a connection.

    Parameters
    ----------
    name : str
        The source's name, for messages.
    schema : mapping
        Columns of the table -> ibis types, like {"ts": "timestamp('UTC')", "views": "int64"}.
    dialect : str
        One of `DIALECTS`.
    now : datetime
        Aware UTC; later rows are left out.

    Raises
    ------
    SourceError
        A column is missing or of a wrong type; the dialect has no GROUPING SETS.
    """
    import ibis

    compiler = compiler_of(dialect)
    table = ibis.table(dict(schema), name=settings.table or name)
    return compile_expression(facts_expression(table, name, settings, query, now, dialect), compiler, query)
