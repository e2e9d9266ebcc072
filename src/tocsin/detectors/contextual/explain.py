"""Why rows are odd, in words: the sub-population they are compared with, and what of them deviates there.

The sub-population of a row in a context is what its sentence says and nothing else: the rows with the same categories
(as many of them as leave at least five rows) and within a range of each of at most three numbers, those that narrow
most. A range spans the row's value and its nearest rows (a tenth, at least 30), rounded outwards. Counts and typical
values are of exactly those rows.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tocsin.detectors.contextual.columns import Column, ColumnKind, EncodedTable, TableSchema
from tocsin.detectors.contextual.engine import Context, Winning
from tocsin.detectors.contextual.estimator import EXPLAIN_COLUMNS
from tocsin.detectors.contextual.scaling import Scaling
from tocsin.formatting import format_number, format_ratio, make_visible, shorten
from tocsin.model import Bools, Floats, Ints

__all__ = ["Reference", "explain_rows"]

MAX_ROWS = 20_000
LEAST_PEERS = 5
LEAST_NEAR, NEAR_SHARE = 30, 0.1
MAX_RANGES = 3
WIDE = 0.9
"""A range that holds more of the rows than this says nothing."""
N_PEERS_NAMED = 5
LEAST_SHARE = 0.02
LEAST_WIDTH = 1e-300
"""A range narrower than this is written as it is: a tenth of it may be no number."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Rows of the table of fit that others are compared with: all, or a sample of 20,000.

    table : the rows; scaling : of their numbers
    rows : int64 (n,) their places in the table of fit; n_rows : how many that table has
    """

    table: EncodedTable
    rows: Ints
    n_rows: int
    scaling: Scaling

    @classmethod
    def of(cls, table: EncodedTable, order: Ints, random: np.random.Generator) -> Reference:
        """At most 20,000 rows of `table`, drawn from its canonical order."""
        n = len(order)
        rows = order if n <= MAX_ROWS else order[np.sort(random.choice(n, MAX_ROWS, replace=False))]
        return cls._scaled(table.take(rows), np.asarray(rows, np.int64), n)

    @classmethod
    def _scaled(cls, table: EncodedTable, rows: Ints, n_rows: int) -> Reference:
        return cls(table, rows, n_rows, Scaling.of(table.numbers))

    def get_state(self) -> dict[str, Any]:
        """Arrays and JSON values that `from_state` takes."""
        return {
            "numbers": self.table.numbers, "codes": self.table.codes, "rows": self.rows, "n_rows": self.n_rows,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Reference:
        """The reference of a `get_state`."""
        rows = np.asarray(state["rows"], np.int64)
        numbers = np.asarray(state["numbers"], np.float64).reshape(len(rows), -1)
        codes = np.asarray(state["codes"], np.int32).reshape(len(rows), -1)
        return cls._scaled(EncodedTable(numbers, codes), rows, int(state["n_rows"]))

    def count(self, among: Bools) -> int:
        """How many rows of the table of fit a mask of the sample stands for."""
        return round(int(among.sum()) * self.n_rows / max(len(self.rows), 1))


@dataclass(frozen=True, slots=True)
class SubPopulation:
    """The rows that a row is compared with: a mask of the reference, and the sentence that defines it."""

    among: Bools
    sentence: str


def explain_rows(
    schema: TableSchema,
    table: EncodedTable,
    scores: Floats,
    winning: Winning,
    reference: Reference,
) -> pd.DataFrame:
    """The lines of `explain` of the encoded rows.

    Parameters
    ----------
    table, scores : (n,) rows and their anomaly scores
    winning : their contexts, and the shares of the indicators in each
    """
    columns = (*schema.number_columns, *schema.category_columns)
    lines: list[tuple[Any, ...]] = []
    for i in range(len(table)):
        found = []
        foretold = None if winning.expected is None else winning.expected[i]
        for b, place in enumerate(winning.places[i].tolist()):
            if place >= 0:
                context = winning.contexts[place]
                told = foretold if context else None
                found += _lines(i, columns, table, context, winning.shares[i, b], told, reference)
        found.sort(key=lambda line: -line[6])  # by share
        lines += [(i, float(scores[i]), *line) for line in found]
    return pd.DataFrame(lines, columns=list(EXPLAIN_COLUMNS))


def _lines(
    i: int,
    columns: tuple[Column, ...],
    table: EncodedTable,
    context: Context,
    shares: Floats,
    foretold: Floats | None,
    reference: Reference,
) -> list[tuple[Any, ...]]:
    """One line a deviating indicator of row i in one context, without its place and score."""
    part = sub_population(i, columns, table, context, reference)
    named = ", ".join(_name(columns[j]) for j in context)
    peers = ", ".join(str(reference.rows[k]) for k in _nearest(i, table, context, part.among, reference))
    shown = [j for j in np.argsort(-shares, kind="stable").tolist() if shares[j] >= LEAST_SHARE and j not in context]
    if not shown:
        shown = [next(j for j in range(len(columns)) if j not in context)]
    n_peers = reference.count(part.among)
    return [
        (
            named, part.sentence, n_peers, columns[j].name, _observed(i, j, columns, table),
            _expected(j, columns[j], part.among, foretold, reference), float(shares[j]), peers,
            *_figures(i, j, columns[j], table, part.among, foretold, reference),
        )
        for j in shown
    ]  # fmt: skip


def sub_population(
    i: int, columns: tuple[Column, ...], table: EncodedTable, context: Context, reference: Reference
) -> SubPopulation:
    """The rows of the reference that row i is compared with in a context."""
    n_numbers = table.numbers.shape[1]
    among = np.ones(len(reference.rows), np.bool_)
    phrases: dict[int, str] = {}
    matches = {j: reference.table.codes[:, j - n_numbers] == table.codes[i, j - n_numbers] for j in context[::-1]
               if j >= n_numbers}  # fmt: skip
    for j in sorted(matches, key=lambda j: -int(matches[j].sum())):  # the commonest first: the rarest may have to go
        if (among & matches[j]).sum() >= min(LEAST_PEERS, len(reference.rows)):
            among = among & matches[j]
            phrases[j] = f"{_name(columns[j])} = {_text(columns[j], float(table.codes[i, j - n_numbers]))}"
    numbers = [j for j in context if j < n_numbers]
    near = _near(i, numbers, table, among, reference)
    ranges = []
    for j in numbers:
        inside, phrase = _range(j, columns[j], float(table.numbers[i, j]), near, reference)
        ranges.append((float((inside & among).sum()), j, inside, phrase))
    for count, j, inside, phrase in sorted(ranges, key=lambda one: one[:2])[:MAX_RANGES]:
        if count <= WIDE * among.sum() or (count < among.sum() and not phrases):
            phrases[j] = phrase
            among = among & inside
    categories_first = sorted(phrases, key=lambda j: (j < n_numbers, j))
    return SubPopulation(among, ", ".join(phrases[j] for j in categories_first) or "all rows")


def _near(i: int, numbers: list[int], table: EncodedTable, among: Bools, reference: Reference) -> Ints:
    """Places in the reference of the rows nearest in some numbers."""
    places = np.flatnonzero(among)
    wanted = max(LEAST_NEAR, math.ceil(NEAR_SHARE * len(places)))
    if wanted >= len(places) or not numbers:
        return places
    distance = _distances(i, numbers, table, places, reference)
    return np.asarray(places[np.argsort(distance, kind="stable")[:wanted]])


def _distances(i: int, numbers: list[int], table: EncodedTable, places: Ints, reference: Reference) -> Floats:
    """Euclidean distance in standard deviations; a missing value is one deviation from any other, and like another."""
    own, theirs = table.numbers[i, numbers], reference.table.numbers[places][:, numbers]
    scale = reference.scaling.scale[numbers]
    gaps = np.clip(np.abs(theirs * scale - own * scale), 0.0, 1e18)
    both = np.isnan(theirs) & np.isnan(own)
    gaps = np.where(np.isnan(gaps), np.where(both, 0.0, 1.0), gaps)
    return np.asarray(np.sqrt((gaps**2).sum(axis=1)))


def _nearest(i: int, table: EncodedTable, context: Context, among: Bools, reference: Reference) -> Ints:
    """Up to five most similar rows of the sub-population in the context, then in all columns; not the row itself."""
    n_numbers = table.numbers.shape[1]
    places = np.flatnonzero(among)
    everything = _distances(i, list(range(n_numbers)), table, places, reference)
    different = (reference.table.codes[places] != table.codes[i]).sum(axis=1)
    within = _distances(i, [j for j in context if j < n_numbers], table, places, reference)
    order = np.lexsort((everything + different, within))
    order = order[(everything + different)[order] > 0]
    return np.asarray(places[order[:N_PEERS_NAMED]])


def _range(j: int, column: Column, own: float, near: Ints, reference: Reference) -> tuple[Bools, str]:
    """The rows within the range of the nearest ones and the own value, and the range in words."""
    values = reference.table.numbers[:, j]
    if math.isnan(own):
        return np.isnan(values), f"{_name(column)} missing"
    known = values[near][~np.isnan(values[near])]
    low, high = min(own, *known.tolist()) if len(known) else own, max(own, *known.tolist()) if len(known) else own
    if column.kind is ColumnKind.NUMERIC:
        low, high, digits = _outwards(low, high)
        first, last = format_number(low, digits), format_number(high, digits)
        words = f"{first} to {last}" if low < high else first
    else:
        ends = _text(column, low), _text(column, high)
        words = ends[0] if ends[0] == ends[1] else _interval(column, *ends)
    return np.asarray((values >= low) & (values <= high)), f"{_name(column)} {words}"


def _outwards(low: float, high: float) -> tuple[float, float, int]:
    """A range rounded outwards to a tenth of its width or so, and the digits that write it exactly.

    10,213 to 49,100 becomes 10,000 to 50,000.
    """
    width = high - low
    if width <= LEAST_WIDTH or not math.isfinite(width):
        return low, high, 12
    step = 10.0 ** math.floor(math.log10(width))
    step = step / 2 if width / step >= 5 else step / 10
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    size = max(abs(low), abs(high))
    digits = max(3, 1 + math.floor(math.log10(size)) - math.floor(math.log10(step)))
    return float(f"{low:.{digits}g}"), float(f"{high:.{digits}g}"), digits


def _observed(i: int, j: int, columns: tuple[Column, ...], table: EncodedTable) -> str:
    n_numbers = table.numbers.shape[1]
    return _text(columns[j], float(table.numbers[i, j] if j < n_numbers else table.codes[i, j - n_numbers]))


def _expected(j: int, column: Column, among: Bools, foretold: Floats | None, reference: Reference) -> str:
    """What is usual of a number, or the commonest category and its share, in the sub-population."""
    n_numbers = reference.table.numbers.shape[1]
    if j >= n_numbers:
        codes = reference.table.codes[among, j - n_numbers]
        if len(codes) == 0:
            return "(no peers)"
        counts = np.bincount(codes + 1)
        return f"{_text(column, float(counts.argmax() - 1))} ({format_ratio(counts.max() / len(codes))})"
    usual = _usual(j, column, among, foretold, reference)
    if np.isnan(usual).any():
        return _text(column, math.nan) if among.any() else "(no peers)"
    low, middle, high = (_text(column, float(value)) for value in usual)
    return middle if low == high else f"{middle} ({_interval(column, low, high)})"


def _interval(column: Column, low: str, high: str) -> str:
    """A date is encoded as an age: the larger value is the earlier date."""
    return f"{high} to {low}" if column.kind is ColumnKind.DATE else f"{low} to {high}"


def _figures(
    i: int, j: int, column: Column, table: EncodedTable, among: Bools, foretold: Floats | None, reference: Reference
) -> tuple[float, float, float, float]:
    """What `_observed` and `_expected` say of a number: value, lower end, middle, upper end; NaN of others."""
    if column.kind is not ColumnKind.NUMERIC:
        return (math.nan,) * 4
    low, middle, high = _usual(j, column, among, foretold, reference).tolist()
    return float(table.numbers[i, j]), low, middle, high


def _usual(j: int, column: Column, among: Bools, foretold: Floats | None, reference: Reference) -> Floats:
    """(3,) what the context foretells of a number, else its 10, 50 and 90 % quantiles among the comparable rows.

    NaN where most of those have no value.
    """
    if foretold is not None and not np.isnan(foretold[j]).any():
        return np.asarray(foretold[j])
    values = reference.table.numbers[among, j]
    known = values[~np.isnan(values)]
    if len(known) * 2 < len(values) or len(known) == 0:
        return np.full(3, np.nan)
    method = "linear" if column.kind is ColumnKind.NUMERIC else "nearest"
    return np.asarray(np.quantile(known, [0.1, 0.5, 0.9], method=method))  # type: ignore[call-overload]


def _text(column: Column, value: float) -> str:
    """A value for people: numbers to three digits, categories in one line in which nothing hides."""
    if column.kind is ColumnKind.NUMERIC and not math.isnan(value):
        return format_number(value)
    return shorten(make_visible(column.text(value)), 60) or "(empty)"


def _name(column: Column) -> str:
    return shorten(make_visible(column.name), 60)
