"""Histograms of what entities did: the statements that a source runs for them, and the arrays made of their batches.

    usable    rows in the windows, not after now, with an entity, a value and a weight
    counted   one GROUP BY window, entity and finest span; coarser bins are summed from the spans afterwards
    likened   who is like whom: the most frequent values of the peers' columns of each entity
    valued    for the edges of bins: how often each value (to four digits) occurs

The floor and the cap of entities are applied to the arrays, so that they do not depend on an engine's order of texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from tocsin.config import SourceSettings
from tocsin.model import MISSING, Bools, Floats, Histograms, Ints, LeftOut
from tocsin.sources.query import DAY_SECONDS, HistogramQuery
from tocsin.sources.rows import histogram_columns, prepared_rows, text_column
from tocsin.sources.windowed import in_windows, pruned

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = [
    "edges_of",
    "gather_histograms",
    "gather_peers",
    "histograms_expression",
    "peers_expression",
    "values_expression",
]

DIGITS = 4
"""Edges of bins are told to so many digits."""


def histograms_expression(
    table: ir.Table, name: str, settings: SourceSettings, query: HistogramQuery, now: datetime, dialect: str
) -> ir.Table:
    """w, b_entity, span, n: the records of an entity in a span of a window."""
    rows = _usable(table, name, settings, query, now, dialect)
    rows = rows.mutate(span=_span(rows, query).cast("int16"))
    return rows.group_by(["w", "b_entity", "span"]).aggregate(n=rows.amount.sum().cast("int64"))


def peers_expression(
    table: ir.Table, name: str, settings: SourceSettings, query: HistogramQuery, now: datetime, dialect: str
) -> ir.Table:
    """w, b_entity, b_p0, …: the most frequent combination of the peers' columns of each entity in each window."""
    import ibis

    columns = [f"b_p{k}" for k in range(len(query.peers))]
    rows = _usable(table, name, settings, query, now, dialect)
    counted = rows.group_by(["w", "b_entity", *columns]).aggregate(n=rows.amount.sum())
    order = [counted.n.desc(), *(counted[column] for column in columns)]
    ranked = counted.mutate(place=ibis.row_number().over(group_by=[counted.w, counted.b_entity], order_by=order))
    return ranked.filter(ranked.place == 0).select("w", "b_entity", *columns)


def values_expression(
    table: ir.Table, name: str, settings: SourceSettings, query: HistogramQuery, now: datetime, dialect: str
) -> ir.Table:
    """v, n: how often a value of the attribute, rounded to four digits, occurs."""
    import ibis

    rows = _usable(table, name, settings, query, now, dialect)
    size = ibis.ifelse(rows.value.abs() < 1e-300, ibis.null("float64"), rows.value.abs())
    scale = ibis.literal(10.0, type="float64") ** (DIGITS - 1 - size.log10().floor())
    rounded = ((rows.value * scale).round() / scale).fill_null(0.0)
    rows = rows.mutate(v=rounded.cast("float64"))
    return rows.group_by("v").aggregate(n=rows.amount.sum().cast("int64"))


def _usable(
    table: ir.Table, name: str, settings: SourceSettings, query: HistogramQuery, now: datetime, dialect: str
) -> ir.Table:
    table = pruned(table, settings, query.start, min(query.end, now + timedelta(seconds=1)))
    columns: dict[str, Any] = {"b_entity": text_column(table, name, query.entity, "entity")}
    columns |= {
        f"b_p{k}": text_column(table, name, p, "peers' column").fill_null(MISSING) for k, p in enumerate(query.peers)
    }
    columns |= histogram_columns(table, name, query)
    rows = in_windows(prepared_rows(table, name, settings, query, {}, now, dialect, **columns), query, now)
    return rows.filter(rows.b_entity.notnull(), rows.value.notnull(), rows.amount > 0)


def _span(rows: ir.Table, query: HistogramQuery) -> Any:
    import ibis

    if query.attribute is None:
        # windows follow the wall clock, and seconds since the first of them do, too
        since = (query.grid.origin_seconds + query.first * query.grid.length_seconds) % DAY_SECONDS
        return (rows.relative + since) % DAY_SECONDS // query.span_seconds
    if query.categories:
        branches = [(rows.value == value, ibis.literal(index)) for index, value in enumerate(query.categories)]
        return ibis.cases(*branches, else_=len(query.categories))
    if not query.edges:
        return ibis.literal(0)
    branches = [(rows.value < edge, ibis.literal(index)) for index, edge in enumerate(query.edges)]
    return ibis.cases(*branches, else_=len(query.edges))


def edges_of(batches: Iterator[Any], n_bins: int) -> tuple[float, ...]:
    """The edges of `n_bins` bins that hold equally many records each, as far as equal values allow; () = no rows."""
    pieces = [
        (batch["v"].to_numpy(zero_copy_only=False), batch["n"].to_numpy(zero_copy_only=False)) for batch in batches
    ]
    values: Floats = np.concatenate([v for v, _ in pieces]) if pieces else np.empty(0)
    if not len(values):
        return ()
    order = np.argsort(values, kind="stable")
    values, weights = values[order], np.concatenate([n for _, n in pieces])[order].astype(float)
    # engines round the last bit differently: equal to four digits is equal
    texts = [float(f"{value:.{DIGITS}g}") for value in values]
    reached = np.cumsum(weights) / weights.sum()
    places = np.searchsorted(reached, np.arange(1, n_bins) / n_bins - 1e-12)
    return tuple(sorted({texts[place] for place in places} - {texts[0]})) or (texts[0],)


def gather_peers(batches: Iterator[Any], query: HistogramQuery) -> dict[tuple[int, str], str]:
    """(window, name of an entity) -> its peers' values as one text."""
    found: dict[tuple[int, str], str] = {}
    for batch in batches:
        columns = [batch[f"b_p{k}"].to_pylist() for k in range(len(query.peers))]
        keys = zip(batch["w"].to_pylist(), batch["b_entity"].to_pylist(), strict=True)
        found.update(zip(keys, map(json.dumps, zip(*columns, strict=True)), strict=True))
    return found


def gather_histograms(
    batches: Iterator[Any], query: HistogramQuery, peers: dict[tuple[int, str], str], general: tuple[LeftOut, ...]
) -> Histograms:
    """Read all batches; memory stays within about 60 bytes an entry while they are sorted, 6 afterwards."""
    names, window, code, span, count = _read(batches)
    silent = np.ones(query.n_windows, dtype=bool)
    silent[window] = False
    key = (window.astype(np.int64) * max(len(names), 1) + code) * query.n_spans + span
    order = np.argsort(key, kind="stable")
    del key
    window, code, span, count = window[order], code[order], span[order], count[order]
    is_first = np.ones(len(window), dtype=bool)
    is_first[1:] = (np.diff(window) != 0) | (np.diff(code) != 0)
    indptr = np.append(np.flatnonzero(is_first), len(window)).astype(np.int64)
    window, code = window[is_first], code[is_first]
    totals = np.add.reduceat(count, indptr[:-1]) if len(window) else np.empty(0, dtype=np.int64)
    kept, left_out = _kept(window, totals, query)
    entries = np.repeat(kept, np.diff(indptr))
    sizes = np.diff(indptr)[kept]
    count = count[entries]
    starts = [int(query.grid.start_of(index).timestamp()) for index in range(query.first, query.last + 1)]
    return Histograms(
        entity=query.entity,
        names=names,
        labels=query.labels,
        n_spans=query.n_spans,
        window=window[kept],
        code=code[kept],
        indptr=np.append(0, np.cumsum(sizes)).astype(np.int64),
        span=span[entries],
        count=count.astype(np.int32) if count.max(initial=0) < 2**31 else count,
        starts=np.array(starts, dtype=np.int64),
        silent=silent,
        peers=_in_rows(peers, window[kept], names[code[kept]]) if query.peers else None,
        left_out=left_out,
        general=general,
    )


def _read(batches: Iterator[Any]) -> tuple[Any, Any, Any, Any, Ints]:
    """Sorted names, and for every entry its window, the place of its name, span and count."""
    import pyarrow as pa
    import pyarrow.compute as pc

    dictionaries, windows, spans, counts = [], [], [], []
    for batch in batches:
        dictionaries.append(batch["b_entity"].cast(pa.string()).dictionary_encode())
        windows.append(batch["w"].to_numpy(zero_copy_only=False).astype(np.int32))
        spans.append(batch["span"].to_numpy(zero_copy_only=False).astype(np.int16))
        counts.append(batch["n"].to_numpy(zero_copy_only=False).astype(np.int64))
    if not dictionaries:
        empty = [np.empty(0, dtype=dtype) for dtype in (np.int32, np.int32, np.int16, np.int64)]
        return np.empty(0, dtype=object), *empty  # type: ignore[return-value]
    encoded = pa.chunked_array(dictionaries).unify_dictionaries()
    distinct = encoded.chunk(0).dictionary
    order = pc.array_sort_indices(distinct).to_numpy()  # by bytes
    place = np.empty(len(order), dtype=np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    code = place[np.concatenate([chunk.indices.to_numpy() for chunk in encoded.chunks])]
    names = distinct.take(pa.array(order)).to_numpy(zero_copy_only=False).astype(object)
    return names, np.concatenate(windows), code, np.concatenate(spans), np.concatenate(counts)


def _in_rows(peers: dict[tuple[int, str], str], window: Any, names: Any) -> Any:
    found = np.empty(len(names), dtype=object)
    found[:] = [peers.get(key, "") for key in zip(window.tolist(), names, strict=True)]
    return found


def _kept(window: Any, totals: Ints, query: HistogramQuery) -> tuple[Bools, tuple[tuple[LeftOut, ...], ...]]:
    """Which collections stay, and what is said of the others of each window."""
    few = totals < query.min_records
    order = np.lexsort((np.arange(len(totals)), -totals, few, window))  # names ascend inside a window
    place = np.empty(len(totals), dtype=np.int64)
    place[order] = np.arange(len(totals)) - np.searchsorted(window, window[order])
    over = ~few & (place >= query.max_entities)
    n_few = np.bincount(window[few], minlength=query.n_windows)
    n_over = np.bincount(window[over], minlength=query.n_windows)
    return ~few & ~over, tuple(_cuts(int(a), int(b), query) for a, b in zip(n_few, n_over, strict=True))


def _cuts(n_few: int, n_over: int, query: HistogramQuery) -> tuple[LeftOut, ...]:
    reasons = (
        ("too few records", n_few, f"entities have fewer than {query.min_records} records in the window"),
        ("entity cap", n_over, f"entities are beyond the {query.max_entities} with the most records"),
    )
    return tuple(LeftOut(reason, n, "entities", f"{n} {detail}.") for reason, n, detail in reasons if n)
