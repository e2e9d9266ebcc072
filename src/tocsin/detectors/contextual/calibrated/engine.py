"""The default mode of ConOut: one empty context and one context of all other columns for each column.

    excess  =  how odd the row is among all rows (whole.py)  +  2 max(0, how badly its columns are foretold - 3)

Both terms are on the scale on which half of the rows of fit have 0 and a tenth have more than 1. Columns that do not
follow from the others are common in honest data, and in many tables they mean nothing; only what is beyond three times
the reach of the ninth tenth counts, and counts twice. The anomaly score is 1 - p, p the share of the rows of fit with
at least this excess, continued by an exponential tail.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np

from tocsin.detectors.contextual.calibrated.conditional import Conditional
from tocsin.detectors.contextual.calibrated.frame import Frame
from tocsin.detectors.contextual.calibrated.groups import dependent_groups
from tocsin.detectors.contextual.calibrated.rarity import Rarity
from tocsin.detectors.contextual.calibrated.surprise import Excess, Surprise
from tocsin.detectors.contextual.calibrated.whole import WholeViews
from tocsin.detectors.contextual.columns import EncodedTable, TableSchema
from tocsin.detectors.contextual.dependence import column_scores, effect_sizes
from tocsin.detectors.contextual.engine import Context, Winning
from tocsin.model import Floats, Ints

__all__ = ["CalibratedEngine"]

MAX_POOL = 20_000
CHUNK = 16_384
CLAIM_FROM, CLAIM_WEIGHT = 3.0, 2.0
MOST = 1.0 - 2.0**-53
N_BEST = 3
"""Columns that are explained by contexts of their own."""


class CalibratedEngine:
    """The engine of mode="calibrated"."""

    def __init__(self, given: tuple[Context, ...] | None, n_threads: int) -> None:
        self._given, self._n_threads = given, n_threads

    @property
    def groups(self) -> tuple[Context, ...]:
        return self._groups

    @property
    def contexts(self) -> tuple[Context, ...]:
        return (*((),) * self._compares_all, *(block.context for block in self._conditional.blocks))

    @property
    def gamma(self) -> None:
        """None: the trees of this mode say themselves which rows are comparable."""
        return None

    def fit(self, table: EncodedTable, schema: TableSchema, random: np.random.Generator) -> Self:
        n = len(table)
        pool = table if n <= MAX_POOL else table.take(np.sort(random.choice(n, MAX_POOL, replace=False)))
        self._schema = schema
        keys = schema.row_keys(pool)
        order = np.argsort(keys, kind="stable")
        self._keys, self._key_places = keys[order], order
        self._compares_all = self._given is None or () in self._given
        self._groups = dependent_groups(effect_sizes(column_scores(pool, random)))
        self._frame = Frame.of(pool.numbers)
        self._rarity = Rarity.of(pool, schema)
        self._whole = WholeViews.fit(_numbers(pool), random)
        self._conditional = Conditional.fit(pool, self._frame, self._given, random, self._n_threads)
        whole, foretold = self._views(pool)
        self._scales = Excess.of(whole), Excess.of(foretold)
        self._tail = Surprise.of(self._parts(whole, foretold).sum(axis=1))
        return self

    def anomaly_score(self, table: EncodedTable) -> Floats:
        starts = range(0, len(table), CHUNK)

        def score(start: int) -> Floats:
            parts = self._parts(*self._views(table.take(slice(start, start + CHUNK))))
            return np.minimum(-np.expm1(-self._tail(parts.sum(axis=1))), MOST)

        with ThreadPoolExecutor(self._n_threads) as pool:
            return np.concatenate([np.empty(0), *pool.map(score, starts)])

    def winning(self, table: EncodedTable) -> Winning:
        n, n_columns = len(table), table.numbers.shape[1] + table.codes.shape[1]
        foretold = self._conditional.foretell(table, self._frame, self._places(table), expected=True)
        whole = self._whole.surprise(_numbers(table)) if self._compares_all else np.zeros(n)
        parts = np.maximum(self._parts(whole, foretold.surprise.sum(axis=1)), 0.0)
        parts[parts.sum(axis=1) == 0, 0 if self._compares_all else 1] = 1.0
        parts /= parts.sum(axis=1, keepdims=True)
        shares = np.zeros((n, 1 + N_BEST, n_columns))
        shares[:, 0] = parts[:, :1] * _shared(self._rarity.surprise(table, self._frame))
        by_context = parts[:, 1:] * _shared(foretold.surprise)
        places = np.full((n, 1 + N_BEST), -1)
        places[parts[:, 0] > 0, 0] = 0
        best = np.argsort(-by_context, axis=1, kind="stable")[:, :N_BEST]
        rows = np.arange(n)
        for rank in range(min(N_BEST, n_columns)):
            column = best[:, rank]
            shares[rows, 1 + rank, column] = by_context[rows, column]
            found = (by_context[rows, column] > 0) & (foretold.block[rows, column] >= 0)
            places[found, 1 + rank] = 1 + foretold.block[rows, column][found]
        contexts: tuple[Context, ...] = ((), *(block.strongest for block in self._conditional.blocks))
        places[(places < 0).all(axis=1), 0] = 0
        return Winning(contexts, places, shares, foretold.expected)

    def get_state(self) -> dict[str, Any]:
        return {
            "keys": self._keys,
            "key_places": self._key_places,
            "compares_all": self._compares_all,
            "groups": [list(group) for group in self._groups],
            "frame": self._frame.to_arrays(),
            "rarity": self._rarity.to_arrays(),
            "whole": self._whole.to_arrays(),
            "conditional": self._conditional.to_arrays(),
            "scales": [[scale.middle, scale.width] for scale in self._scales],
            "tail": self._tail.to_arrays(),
        }

    def set_state(self, state: Mapping[str, Any], schema: TableSchema) -> Self:
        self._schema = schema
        self._keys = np.asarray(state["keys"], np.uint64)
        self._key_places = np.asarray(state["key_places"], np.int64)
        self._compares_all = bool(state["compares_all"])
        self._groups = tuple(tuple(group) for group in state["groups"])
        self._frame = Frame.from_arrays(state["frame"])
        self._rarity = Rarity.from_arrays(state["rarity"])
        self._whole = WholeViews.from_arrays(state["whole"])
        self._conditional = Conditional.from_arrays(state["conditional"])
        self._scales = Excess(*state["scales"][0]), Excess(*state["scales"][1])
        self._tail = Surprise.from_arrays(state["tail"])
        return self

    def _views(self, table: EncodedTable) -> tuple[Floats, Floats]:
        """Surprise among all rows, and of all columns by their contexts, summed: each (n,)."""
        whole = self._whole.surprise(_numbers(table)) if self._compares_all else np.zeros(len(table))
        foretold = self._conditional.foretell(table, self._frame, self._places(table))
        return whole, np.asarray(foretold.surprise.sum(axis=1))

    def _parts(self, whole: Floats, foretold: Floats) -> Floats:
        """(n, 2) what the empty context and the other contexts add to the excess."""
        conditional = self._scales[1](foretold)
        if self._compares_all:
            conditional = CLAIM_WEIGHT * np.maximum(conditional - CLAIM_FROM, 0.0)
        return np.column_stack([self._scales[0](whole), conditional])

    def _places(self, table: EncodedTable) -> Ints:
        """(n,) the place of each row among the rows of fit, -1 = none."""
        keys = self._schema.row_keys(table)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[at] == keys, self._key_places[at], -1)


def _numbers(table: EncodedTable) -> Floats:
    """What the empty context sees: the numbers; of a table without numbers its codes, which go from common to rare.

    Rare categories are common in honest data. They are judged by their contexts alone.
    """
    return table.numbers if table.numbers.shape[1] else table.codes.astype(np.float64)


def _shared(surprise: Floats) -> Floats:
    """(n, n_columns) surprises of columns as parts of 1: squares of what is above the mean of an honest column."""
    excess = np.maximum(surprise - 1.0, 0.0) ** 2
    none = excess.sum(axis=1) == 0
    excess[none] = surprise[none] + 1e-12
    return np.asarray(excess / excess.sum(axis=1, keepdims=True))
