"""Entities with mixed attributes: the statement that a source runs for them, and the table made of its batches.

    usable    rows in the windows, not after now; window index, name of the entity, parts of measures, attributes
    measured  one GROUP BY window and entity; beside it the most frequent value of each attribute
    ready     or, of a table that has one row an entity: the newest row of each in a window
    ranked    entities of a window by their number of rows; the floor, then the cap
    result    kept entities UNION ALL one line a window on what was cut (no name)

Ratios are made of the sums afterwards, so that the order in which an engine adds does not show in them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.config import SourceSettings
from tocsin.errors import SourceError
from tocsin.model import EntityTable, Floats, Kpi, LeftOut, Measure
from tocsin.sources.event_time import timestamp_seconds
from tocsin.sources.gather import settled
from tocsin.sources.query import EntityQuery
from tocsin.sources.rows import as_text, column_of, prepared_rows, text_column
from tocsin.sources.windowed import in_windows, pruned

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["entities_expression", "gather_entities"]

CUTS = ("n_few", "n_over", "n_repeated")


def entities_expression(
    table: ir.Table, name: str, settings: SourceSettings, query: EntityQuery, now: datetime, dialect: str
) -> ir.Table:
    """The result described above: w, b_entity, n, then m0, m1, … and a0, a1, … or c0, c1, …, then the cuts."""
    table = pruned(table, settings, query.start, min(query.end, now + timedelta(seconds=1)))
    measures = query.measures_of(name, settings)
    columns: dict[str, Any] = {"b_entity": text_column(table, name, query.entity, "entity")}
    if query.is_ready:
        kinds = _ready_columns(table, name, settings, query)
        columns |= {f"c{k}": _ready(table[column], kinds[column], dialect) for k, column in enumerate(kinds)}
    else:
        columns |= {f"a{k}": text_column(table, name, label, "attribute") for k, label in enumerate(query.attributes)}
    rows = in_windows(prepared_rows(table, name, settings, query, measures, now, dialect, **columns), query, now)
    rows = rows.filter(rows.b_entity.notnull())
    return _result(_newest(rows) if query.is_ready else _measured(rows, measures, len(query.attributes)), query)


def _ready_columns(table: ir.Table, name: str, settings: SourceSettings, query: EntityQuery) -> dict[str, str]:
    """The columns to take -> "number", "time" or "text"; those named must be of one of these kinds."""
    chosen = query.columns or [column for column in table.columns if column not in (query.entity, settings.time)]
    kinds: dict[str, str] = {}
    for column in chosen:
        dtype = column_of(table, name, column, "column").type()
        if dtype.is_numeric() and not dtype.is_boolean():
            kinds[column] = "number"
        elif dtype.is_timestamp() or dtype.is_date():
            kinds[column] = "time"
        elif dtype.is_string() or dtype.is_boolean() or dtype.is_uuid():
            kinds[column] = "text"
        elif query.columns:
            allowed = "numbers, texts, booleans, dates, time stamps"
            raise SourceError(f"Source {name!r}: the column {column!r}", allowed=allowed, got=str(dtype))
    if not kinds:
        raise SourceError(f"Source {name!r} has no column to judge", allowed="numbers, texts, booleans, dates")
    return kinds


def _ready(column: ir.Column, kind: str, dialect: str) -> ir.Value:
    if kind == "number":
        return column.cast("float64")
    return timestamp_seconds(column, dialect) if kind == "time" else as_text(column)


def _newest(rows: ir.Table) -> ir.Table:
    """The newest row of an entity in its window, of equal times the last by its values, and how many it had."""
    import ibis

    columns = [column for column in rows.columns if column[0] == "c" and column[1:].isdigit()]
    rows = rows.mutate(**{f"b_{column}": rows[column].cast("string").fill_null("") for column in columns})
    order = [rows.sec.desc(), *(rows[f"b_{column}"].desc() for column in columns)]
    same = [rows.w, rows.b_entity]
    rows = rows.mutate(
        place=ibis.row_number().over(group_by=same, order_by=order),
        n=ibis._.count().over(group_by=same).cast("int64"),
    )
    return rows.filter(rows.place == 0).select("w", "b_entity", "n", *columns, repeated=rows.n - 1)


def _measured(rows: ir.Table, measures: Mapping[str, Measure], n_attributes: int) -> ir.Table:
    """w, b_entity, n, m0.. and a0.., the most frequent values."""
    import ibis

    aggregates: dict[str, Any] = {"n": rows.count().cast("int64")}
    for index, measure in enumerate(measures.values()):
        if measure.aggregate == "distinct":
            aggregates[f"m{index}"] = rows[f"u{index}"].nunique().cast("float64")
            continue
        total = rows[f"s{index}"].sum().cast("float64")
        if measure.aggregate == "mean":
            number = rows[f"n{index}"].sum()
            total = ibis.ifelse(number > 0, total / number.nullif(0.0), ibis.null("float64"))
        aggregates[f"m{index}"] = total
    measured = rows.group_by(["w", "b_entity"]).aggregate(**aggregates)
    attributes = [f"a{k}" for k in range(n_attributes)]
    combined = rows.group_by(["w", "b_entity", *attributes]).aggregate(n_rows=rows.count())
    for attribute in attributes:
        frequent = _most_frequent(combined, attribute)
        pairs = [measured.w == frequent[f"w_{attribute}"], measured.b_entity == frequent[f"e_{attribute}"]]
        joined = measured.left_join(frequent, pairs)
        measured = joined.select(*(measured[column] for column in measured.columns), frequent[attribute])
    return measured.mutate(repeated=ibis.literal(0, type="int64"))


def _most_frequent(combined: ir.Table, attribute: str) -> ir.Table:
    import ibis

    known = combined.filter(combined[attribute].notnull())
    counted = known.group_by(["w", "b_entity", attribute]).aggregate(n_rows=known.n_rows.sum())
    counted = counted.mutate(b_value=counted[attribute])
    order = [counted.n_rows.desc(), counted.b_value]
    counted = counted.mutate(place=ibis.row_number().over(group_by=[counted.w, counted.b_entity], order_by=order))
    best = counted.filter(counted.place == 0)
    names = {f"w_{attribute}": best.w, f"e_{attribute}": best.b_entity, attribute: best[attribute]}
    return best.select(**names)


def _result(entities: ir.Table, query: EntityQuery) -> ir.Table:
    import ibis

    few = entities.n < query.min_records
    ranked = entities.mutate(few=ibis.ifelse(few, 1, 0))
    order = [ranked.few, ranked.n.desc(), ranked.b_entity]
    ranked = ranked.mutate(place=ibis.row_number().over(group_by=[ranked.w], order_by=order))
    kept = ranked.filter(ranked.few == 0, ranked.place < query.max_entities)
    values = [column for column in entities.columns if column not in ("w", "b_entity", "n", "repeated")]
    body = kept.select("w", "b_entity", "n", *values, **{cut: ibis.null("int64") for cut in CUTS})
    over = (ranked.few == 0) & (ranked.place >= query.max_entities)
    cut = ranked.group_by("w").aggregate(
        n=ranked.n.sum().cast("int64"),
        n_few=ranked.few.sum().cast("int64"),
        n_over=ibis.ifelse(over, 1, 0).sum().cast("int64"),
        n_repeated=ranked.repeated.sum().cast("int64"),
    )
    nothing = {column: ibis.null(entities[column].type()) for column in values}
    foot = cut.select(w=cut.w, b_entity=ibis.null("string"), n=cut.n, **nothing, **{name: cut[name] for name in CUTS})
    return ibis.union(body, foot, distinct=False)


def gather_entities(
    batches: Iterator[Any],
    table: ir.Table,
    name: str,
    settings: SourceSettings,
    query: EntityQuery,
    general: tuple[LeftOut, ...],
) -> EntityTable:
    """Read all batches; at most `max_entities` rows a window are held."""
    import pyarrow as pa
    import pyarrow.compute as pc

    read = list(batches)
    whole = pa.Table.from_batches(read) if read else None
    silent = np.ones(query.n_windows, dtype=bool)
    left_out: list[tuple[LeftOut, ...]] = [()] * query.n_windows
    if whole is not None:
        for line in whole.filter(pc.is_null(whole["b_entity"])).to_pylist():
            silent[line["w"]] = False
            left_out[line["w"]] = _cuts(line, query)
        whole = whole.filter(pc.is_valid(whole["b_entity"]))
        whole = whole.take(pc.sort_indices(whole, sort_keys=[("w", "ascending"), ("b_entity", "ascending")]))
    pieces = _Columns(whole)
    if query.is_ready:
        kinds = _ready_columns(table, name, settings, query)
        columns = {column: pieces.of_kind(f"c{k}", kind) for k, (column, kind) in enumerate(kinds.items())}
        general += _unusable(table, settings, query, kinds)
    else:
        columns = _features(pieces, name, settings, query)
        columns |= {label: pieces.of_kind(f"a{k}", "text") for k, label in enumerate(query.attributes)}
    starts = [int(query.grid.start_of(index).timestamp()) for index in range(query.first, query.last + 1)]
    return EntityTable(
        entity=query.entity,
        names=pieces.of_kind("b_entity", "text"),
        window=pieces.of_kind("w", "integer").astype(np.int32),
        n_records=pieces.of_kind("n", "integer"),
        columns=columns,
        starts=np.array(starts, dtype=np.int64),
        silent=silent,
        left_out=tuple(left_out),
        general=general,
    )


class _Columns:
    """The columns of an Arrow table as NumPy arrays; of no table, empty ones."""

    def __init__(self, table: Any) -> None:
        self._table = table

    def of_kind(self, column: str, kind: str) -> Any:
        dtype: Any = {"number": np.float64, "text": np.object_, "time": "datetime64[s]", "integer": np.int64}[kind]
        if self._table is None:
            return np.empty(0, dtype=dtype)
        values = self._table[column].to_numpy()
        if kind != "time":
            return np.asarray(values, dtype=dtype)
        seconds = np.asarray(values, dtype=np.float64)
        known = np.isfinite(seconds)
        moments = np.where(known, seconds, 0).astype(np.int64).astype("datetime64[s]")
        moments[~known] = np.datetime64("NaT")
        return moments


def _features(pieces: _Columns, name: str, settings: SourceSettings, query: EntityQuery) -> dict[str, Floats]:
    measures = query.measures_of(name, settings)
    values: dict[str, Floats] = {}
    for index, (label, measure) in enumerate(measures.items()):
        column = pieces.of_kind(f"m{index}", "number")
        values[label] = settled(column.copy()) if measure.aggregate in ("sum", "mean") else column
    return {label: _feature(feature, label, values) for label, feature in query.features.items()}


def _feature(feature: Measure | Kpi, label: str, values: Mapping[str, Floats]) -> Floats:
    """A measure, or a ratio; a ratio to nothing is missing."""
    if isinstance(feature, Measure):
        return values[label]
    numerator = values[feature.numerator]
    if feature.denominator is None:
        return numerator
    denominator = values[feature.denominator]
    ratio: Floats = numerator / np.where(denominator == 0, np.nan, denominator)
    return ratio


def _unusable(
    table: ir.Table, settings: SourceSettings, query: EntityQuery, kinds: Mapping[str, str]
) -> tuple[LeftOut, ...]:
    if query.columns:
        return ()
    left = [column for column in table.columns if column not in (*kinds, query.entity, settings.time)]
    if not left:
        return ()
    return (LeftOut("unusable column", len(left), "columns", "of lists, structures or bytes: " + ", ".join(left)),)


def _cuts(line: Mapping[str, Any], query: EntityQuery) -> tuple[LeftOut, ...]:
    reasons = (
        ("too few records", "n_few", "entities", f"entities have fewer than {query.min_records} rows in the window"),
        ("entity cap", "n_over", "entities", f"entities are beyond the {query.max_entities} with the most rows"),
        ("repeated entity", "n_repeated", "rows", "rows repeat an entity of the window; the newest one counts"),
    )
    return tuple(
        LeftOut(reason, int(line[key]), unit, f"{line[key]} {detail}.")
        for reason, key, unit, detail in reasons
        if line[key]
    )
