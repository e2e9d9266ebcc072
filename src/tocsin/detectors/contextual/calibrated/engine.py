"""The default mode of ConOut: contexts from the empty one to that of all other columns.

    excess = whole + (1 + e_c) max(0, copula - 3) + (1 + 10 e_f) (1 - exp(-max(0, foretold - 3 + e_f)))

`whole` is how odd the row is among all rows (the empty context), `copula` how far its numbers are from their joint
dependence within its categories, `foretold` how badly each column is foretold by all others. Each is on the scale on
which half of the rows of fit have 0 and a tenth have more than 1; that of `foretold` is taken among rows as odd as this
one, for where rows are thin every column is foretold worse.

Rows that break a dependence are common in honest data, and in many tables they mean nothing. e_c and e_f in [0, 1) are
the evidence that this table has outliers of that kind: the share of the rows beyond 3 that the middle of the
distribution does not explain (Efron's empirical null: an exponential through the median and the ninth tenth leaves 1 in
250 beyond 3), less two standard errors. Without evidence such rows rank a little higher than they would; with it they
come first.

The anomaly score is 1 - p, p the share of the rows of fit with at least this excess, continued by an exponential tail.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np

from tocsin.detectors.contextual.calibrated.conditional import Conditional, Foretold
from tocsin.detectors.contextual.calibrated.copula import Copula
from tocsin.detectors.contextual.calibrated.frame import Frame
from tocsin.detectors.contextual.calibrated.groups import dependent_groups
from tocsin.detectors.contextual.calibrated.rarity import Rarity
from tocsin.detectors.contextual.calibrated.surprise import Excess, LocalExcess, Surprise, evidence_beyond
from tocsin.detectors.contextual.calibrated.whole import WholeViews
from tocsin.detectors.contextual.columns import EncodedTable, TableSchema
from tocsin.detectors.contextual.dependence import column_scores, effect_sizes
from tocsin.detectors.contextual.engine import Context, Winning
from tocsin.model import Floats, Ints

__all__ = ["CalibratedEngine"]

MAX_POOL = 20_000
CHUNK = 16_384
COPULA_FROM, FORETOLD_FROM = 3.0, 3.0
LEAST_CLAIM, CLAIM_BY_EVIDENCE = 1.0, 10.0
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
        self._frame = Frame.of(_numbers(pool))
        self._rarity = Rarity.of(pool, schema)
        self._whole = WholeViews.fit(self._frame, _numbers(pool), random)
        self._copula = Copula.fit(self._scores(pool), pool.codes) if pool.numbers.shape[1] else None
        self._conditional = Conditional.fit(pool, self._frame, self._given, random, self._n_threads)
        views = self._views(pool, self._conditional.foretell(pool, self._frame, np.arange(len(pool))))
        whole, copula, foretold = views.T
        self._scales = Excess.of(whole), Excess.of(copula)
        self._foretold_scale = LocalExcess.of(foretold, whole)
        self._copula_evidence = evidence_beyond(self._scales[1](copula), COPULA_FROM)
        self._foretold_evidence = evidence_beyond(self._foretold_scale(foretold, whole), FORETOLD_FROM)
        self._tail = Surprise.of(self._parts(views).sum(axis=1))
        return self

    def anomaly_score(self, table: EncodedTable) -> Floats:
        starts = range(0, len(table), CHUNK)

        def score(start: int) -> Floats:
            part = table.take(slice(start, start + CHUNK))
            foretold = self._conditional.foretell(part, self._frame, self._places(part))
            excess = self._parts(self._views(part, foretold)).sum(axis=1)
            return np.minimum(-np.expm1(-self._tail(excess)), MOST)

        with ThreadPoolExecutor(self._n_threads) as pool:
            return np.concatenate([np.empty(0), *pool.map(score, starts)])

    def winning(self, table: EncodedTable) -> Winning:
        n, n_columns = len(table), table.numbers.shape[1] + table.codes.shape[1]
        foretold = self._conditional.foretell(table, self._frame, self._places(table), expected=True)
        parts = np.maximum(self._parts(self._views(table, foretold)), 0.0)
        parts[parts.sum(axis=1) == 0, 0 if self._compares_all else 2] = 1.0
        parts /= parts.sum(axis=1, keepdims=True)
        shares = np.zeros((n, 1 + N_BEST, n_columns))
        shares[:, 0] = parts[:, :1] * _shared(self._rarity.surprise(table, self._frame), 1.0)
        by_context = parts[:, 2:] * _shared(foretold.surprise, 1.0)
        if self._copula is not None:
            numbers = self._copula.alone(self._scores(table), table.codes)
            by_context[:, : numbers.shape[1]] += parts[:, 1:2] * _shared(numbers, 3.0)
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
            "copula": None if self._copula is None else self._copula.to_arrays(),
            "conditional": self._conditional.to_arrays(),
            "scales": [[scale.middle, scale.width] for scale in self._scales],
            "foretold_scale": self._foretold_scale.to_arrays(),
            "evidence": [self._copula_evidence, self._foretold_evidence],
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
        self._copula = None if state["copula"] is None else Copula.from_arrays(state["copula"])
        self._conditional = Conditional.from_arrays(state["conditional"])
        self._scales = Excess(*state["scales"][0]), Excess(*state["scales"][1])
        self._foretold_scale = LocalExcess.from_arrays(state["foretold_scale"])
        self._copula_evidence, self._foretold_evidence = (float(one) for one in state["evidence"])
        self._tail = Surprise.from_arrays(state["tail"])
        return self

    def _views(self, table: EncodedTable, foretold: Foretold) -> Floats:
        """(n, 3) whole, copula, foretold, each on its own scale; 0 for what is not looked at."""
        views = np.zeros((len(table), 3))
        views[:, 2] = foretold.total
        if self._compares_all:
            views[:, 0] = self._whole.surprise(self._frame, _numbers(table))
            if self._copula is not None:
                views[:, 1] = self._copula.distance(self._scores(table), table.codes)
        return views

    def _parts(self, views: Floats) -> Floats:
        """(n, 3) what each view adds to the excess."""
        foretold = self._foretold_scale(views[:, 2], views[:, 0])
        if not self._compares_all:
            return np.column_stack([np.zeros((len(views), 2)), foretold])
        whole, copula = (scale(view) for scale, view in zip(self._scales, views.T[:2], strict=True))
        most = LEAST_CLAIM + CLAIM_BY_EVIDENCE * self._foretold_evidence
        claim = -most * np.expm1(-np.maximum(foretold - FORETOLD_FROM + self._foretold_evidence, 0.0))
        broken = (1.0 + self._copula_evidence) * np.maximum(copula - COPULA_FROM, 0.0)
        return np.column_stack([whole, broken, claim])

    def _scores(self, table: EncodedTable) -> Floats:
        """(n, n_numbers) normal scores, that of the median for missing numbers."""
        return self._frame.prepare(table.numbers)[1]

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


def _shared(surprise: Floats, usual: float) -> Floats:
    """(n, n_columns) surprises of columns as parts of 1: squares of what is above the usual."""
    excess = np.maximum(surprise - usual, 0.0) ** 2
    none = excess.sum(axis=1) == 0
    excess[none] = surprise[none] + 1e-12
    return np.asarray(excess / excess.sum(axis=1, keepdims=True))
