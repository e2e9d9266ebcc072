"""The statement of the facts. They are one SELECT, so that they are consistent without a lock or a temporary table:

usable   rows in the windows, not after now; window index, dimensions as text, parts of measures
facts    one scan: GROUP BY GROUPING SETS, every level at most `depth` deep, window by window
ranked   traffic of every slice over the windows; the floor, then the cap, the total first
result   kept slices (window NULL, with their dimension values) UNION ALL their facts (slice number, window,
         measures) UNION ALL one line on what was cut (slice NULL)
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tocsin.config import SourceSettings
from tocsin.sources.compiled import MARK
from tocsin.sources.query import FactsQuery
from tocsin.sources.rows import dimension_columns, prepared_rows
from tocsin.sources.windowed import in_windows, pruned

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["facts_expression"]


def facts_expression(
    table: ir.Table, name: str, settings: SourceSettings, query: FactsQuery, now: datetime, dialect: str
) -> ir.Table:
    """The result described above: slice, w, traffic, k0, k1, …, m0, m1, …, n_floor, n_cap, t_floor, t_cap, t_all."""
    table = pruned(table, settings, query.start, min(query.end, now + timedelta(seconds=1)))
    measures = query.measures_of(name, settings)
    dimensions = dimension_columns(table, name, query.dimensions)
    rows = in_windows(prepared_rows(table, name, settings, query, measures, now, dialect, **dimensions), query, now)
    return _result(_ranked(_grouped(rows, settings, query), query), query)


def _grouped(rows: ir.Table, settings: SourceSettings, query: FactsQuery) -> ir.Table:
    """Every level's facts: w, level (bit k set = dimension k rolled up), k0.. ('' = rolled up), m0.., traffic."""
    import ibis

    n_dimensions = len(query.dimensions)
    n_grouped = n_dimensions if query.depth else 0  # the total alone has no level to tell from another
    aggregates: dict[str, Any] = {f"g{k}": (rows.w + (MARK + k)).max() for k in range(n_grouped)}
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
