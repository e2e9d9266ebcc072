"""What a mode of ConOut offers to `con_out.py`.

Inside an engine a column is its position: the numbers of the encoded table first, then its categorical columns. A
context is a sorted tuple of positions (the contextual attributes); all other columns are its indicators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np

from tocsin.detectors.contextual.columns import EncodedTable, TableSchema
from tocsin.model import Floats, Ints

__all__ = ["Context", "Engine", "Winning"]

Context = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Winning:
    """The contexts in which rows are odd, best first, and the attributes that deviate there.

    contexts : those that rows may be odd in, by the attributes that say most there
    places   : int64 (n, n_best), indices into `contexts`, -1 where a row has fewer
    shares   : (n, n_best, n_columns), parts of the row's score, 0 or more; their sum over a row is at most 1
    expected : (n, n_numbers, 3) lower end, middle and upper end of what a context foretells of a number, in the units
        of the encoded table; NaN, or None, where its value among the comparable rows says it
    """

    contexts: tuple[Context, ...]
    places: Ints
    shares: Floats
    expected: Floats | None = None


class Engine(Protocol):
    """Learns from an encoded table in canonical row order, scores any other encoded table."""

    @property
    def groups(self) -> tuple[Context, ...]:
        """Groups of dependent columns."""
        ...

    @property
    def contexts(self) -> tuple[Context, ...]:
        """Contexts that are looked at."""
        ...

    @property
    def gamma(self) -> Any:
        """Bandwidth of the similarity in context space: an array, one a context, or a number."""
        ...

    def fit(self, table: EncodedTable, schema: TableSchema, random: np.random.Generator) -> Self: ...

    def anomaly_score(self, table: EncodedTable) -> Floats:
        """(n,) in [0, 1), higher is more anomalous."""
        ...

    def winning(self, table: EncodedTable) -> Winning:
        """Where and in what the rows are odd."""
        ...

    def get_state(self) -> dict[str, Any]:
        """What was learned, as arrays and JSON values."""
        ...

    def set_state(self, state: Mapping[str, Any], schema: TableSchema) -> Self:
        """Take a state of `get_state` in place of a fit."""
        ...
