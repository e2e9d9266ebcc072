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
from tocsin.sources.histogram_entries import EntriesRead
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

MOST = 10**13
"""Records of a bin: more than any entity has. Without a bound a few rows of absurd weight would stop the monitor."""
DIGITS = 4
"""Edges of bins are told to so many digits."""


def histograms_expression(
    table: ir.Table, name: str, settings: SourceSettings, query: HistogramQuery, now: datetime, dialect: str
) -> ir.Table:
    """w, b_entity, span, n: the records of an entity in a span of a window."""
    rows = _usable(table, name, settings, query, now, dialect)
    rows = rows.mutate(span=_span(rows, query).cast("int16"))
    return rows.group_by(["w", "b_entity", "span"]).aggregate(n=_records(rows, query))


def peers_expression(
    table: ir.Table, name: str, settings: SourceSettings, query: HistogramQuery, now: datetime, dialect: str
) -> ir.Table:
    """w, b_entity, b_p0, …: the most frequent combination of the peers' columns of each entity in each window."""
    import ibis

    columns = [f"b_p{k}" for k in range(len(query.peers))]
    rows = _usable(table, name, settings, query, now, dialect)
    counted = rows.group_by(["w", "b_entity", *columns]).aggregate(n=_records(rows, query))
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
    return rows.group_by("v").aggregate(n=_records(rows, query))


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


def _records(rows: ir.Table, query: HistogramQuery) -> Any:
    """How many; to count takes engines half the time and memory of a sum, whose numbers may be of 128 bits."""
    return rows.count() if query.weight is None else rows.amount.sum().cast("int64")


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
    """Read all batches; memory stays within about 30 bytes an entry while they are read and sorted, 6 afterwards."""
    names, key, count = _sorted(batches, query)
    if count.dtype == np.int64:
        np.minimum(count, MOST // (query.n_spans // len(query.labels)), out=count)
    row = key // query.n_spans
    key -= row * query.n_spans
    span = key.astype(np.int16)
    key = row
    is_first = np.ones(len(key), dtype=bool)
    np.not_equal(key[1:], key[:-1], out=is_first[1:])
    indptr = np.append(np.flatnonzero(is_first), len(key)).astype(np.int64)
    window, code = (part.astype(np.int32) for part in np.divmod(key[is_first], max(len(names), 1)))
    del key, is_first
    silent = np.ones(query.n_windows, dtype=bool)
    silent[window] = False
    totals = np.add.reduceat(count, indptr[:-1], dtype=np.int64) if len(window) else np.empty(0, dtype=np.int64)
    kept, left_out = _kept(window, totals, query)
    if not kept.all():
        entries = np.repeat(kept, np.diff(indptr))
        span, count, window, code = span[entries], count[entries], window[kept], code[kept]
        indptr = np.append(0, np.cumsum(np.diff(indptr)[kept])).astype(np.int64)
    starts = [int(query.grid.start_of(index).timestamp()) for index in range(query.first, query.last + 1)]
    return Histograms(
        entity=query.entity,
        names=names,
        labels=query.labels,
        n_spans=query.n_spans,
        window=window,
        code=code,
        indptr=indptr,
        span=span,
        count=count,
        starts=np.array(starts, dtype=np.int64),
        silent=silent,
        peers=_in_rows(peers, window, names[code]) if query.peers else None,
        left_out=left_out,
        general=general,
    )


def _sorted(batches: Iterator[Any], query: HistogramQuery) -> tuple[Any, Ints, Any]:
    """Sorted names; one ascending key an entry, (window x n_names + place of the name) x n_spans + span; counts.

    There may be 10^8 entries: what has been used is let go at once.
    """
    read = EntriesRead()
    for batch in batches:
        cell = batch["w"].to_numpy(zero_copy_only=False).astype(np.int64) * query.n_spans
        cell += batch["span"].to_numpy(zero_copy_only=False)
        read.add(batch["b_entity"], cell, batch["n"].cast("int64").to_numpy(zero_copy_only=False))
    names, place = read.names()
    key, count = np.empty(len(read), dtype=np.int64), np.empty(len(read), dtype=read.count_type)
    end = len(read)
    for code, cell, counted in read.pieces():
        rows = slice(end - len(code), end)
        # (w N + place) S + span = (cell // S) S (N - 1) + place S + cell
        part = cell // query.n_spans * np.int64(query.n_spans * (len(names) - 1))
        part += place[code] * np.int64(query.n_spans)
        part += cell
        key[rows] = part
        count[rows] = counted
        end = rows.start
    return names, *_in_order(key, count)


def _in_order(key: Ints, count: Any) -> tuple[Ints, Any]:
    """Both by ascending key, of which none occurs twice; `key` is changed."""
    base = int(count.max(initial=0)) + 1
    if (int(key.max(initial=0)) + 1) * base >= 2**63:
        order = np.argsort(key)
        return key[order], count[order]
    key *= base  # sorting one array takes no room and a fraction of the time
    key += count
    key.sort()
    whole = key // base
    key -= whole * base
    return whole, key.astype(count.dtype)


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
