"""ROCOD (Liang and Parthasarathy 2016): a row's indicators against what its context makes expected.

For each indicator y of a row in context x

    expected = a L + (1 - a) G,    a = n / (n + 30),

L the mean of y over the other n rows of exactly this context (the local expectation), G a ridge regression of y on
the context over all rows (the global one). The paper mixes both by how many neighbours a row has; the constant 30 is
ours. A row's distance is the mean of |y - expected| over its indicators, each in units of its mean over the rows of
fit; the score is d / (d + d'), d' the median of d over these rows: .5 is usual, towards 1 is odd.

The row itself is left out of L by arithmetic, (sum - y) / (count - 1). For a row that was not in fit this stretches its
distance from the mean by count / (count - 1), so that equal rows score equally wherever they stand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tocsin.detectors.contextual.columns import EncodedTable, TableSchema
from tocsin.detectors.contextual.dense import DenseMap, squashed
from tocsin.detectors.contextual.estimator import TableDetector
from tocsin.errors import InputError, nearest
from tocsin.kernels.table_columns import key_rows
from tocsin.model import Bools, Floats, Ints

__all__ = ["Rocod"]

PSEUDO_ROWS = 30.0
RIDGE = 1.0
ROWS_AT_ONCE = 20_000
QUARTILES = (0.25, 0.5, 0.75)
ARRAYS = ("edges", "sums", "counts", "coefficients", "scale")


class Rocod(TableDetector):
    """Robust contextual outlier detection with one given context.

    Parameters
    ----------
    contexts : sequence of str or None
        The columns that make the context; the others are the indicators. None = the categorical and boolean columns,
        where there are numbers beside them, else no column (every row is compared with all). Columns of an unnamed
        table are called x0, x1 … Numbers in the context meet in quarters of the table of fit.
    contamination : float in (0, 0.5]
        Share of the rows of fit that `predict` calls outliers.

    Attributes
    ----------
    contexts_ : tuple of str, the columns of the context

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"kind": ["small", "large"] * 20, "visits": [10, 900] * 20})
    >>> table.loc[3, "visits"] = 10
    >>> scores = Rocod().fit(table).anomaly_score(table)
    >>> int(scores.argmax())
    3
    """

    def __init__(self, *, contexts: Sequence[str] | None = None, contamination: float = 0.01) -> None:
        self.contexts = contexts
        self.contamination = contamination

    def _check_settings(self) -> None:
        super()._check_settings()
        if isinstance(self.contexts, str):
            raise InputError("The setting contexts", allowed="a sequence of column names", got=self.contexts)

    def _fit(self, table: EncodedTable, order: Ints, random: np.random.Generator) -> None:
        self.contexts_ = _contexts(self.schema_, self.contexts)
        table = table.take(order)
        self._split_columns()
        self._map = DenseMap.learn(table, self.schema_.n_categories)
        context = table.numbers[:, self._of_numbers]
        self._edges = np.nanquantile(context, QUARTILES, axis=0, method="lower") if context.size else np.empty((3, 0))
        keys = self._keys(table)
        self._cells, cell = np.unique(keys, return_inverse=True)
        n_targets = self._targets(table.take(slice(0, 1))).shape[1]
        self._sums, self._counts = np.zeros((len(self._cells), n_targets)), np.zeros((len(self._cells), n_targets))
        for rows in _pieces(len(table)):
            targets = self._targets(table.take(rows))
            present = ~np.isnan(targets)
            np.add.at(self._sums, cell[rows], np.where(present, targets, 0.0))
            np.add.at(self._counts, cell[rows], present)
        self._coefficients = self._ridge(table)
        self._scale = np.ones(n_targets)
        self._scale = self._mean_residuals(table)
        self._usual = float(np.median(self._distances(table)))

    def _split_columns(self) -> None:
        """Masks of the context's columns among numbers, categories and dense columns."""
        chosen = set(self.contexts_)
        self._of_numbers: Bools = np.array([name in chosen for name in self.schema_.number_names], np.bool_)
        self._of_codes: Bools = np.array([name in chosen for name in self.schema_.category_names], np.bool_)

    def _keys(self, table: EncodedTable) -> Any:
        """(n,) uint64, one value a context."""
        numbers = table.numbers[:, self._of_numbers]
        quarter = (numbers[:, None, :] > self._edges[None]).sum(axis=1)
        codes = np.hstack([np.where(np.isnan(numbers), -1, quarter), table.codes[:, self._of_codes]])
        empty = np.empty((len(table), 0))
        return key_rows(empty, np.empty(0), np.empty(0), np.ascontiguousarray(codes, np.int32), 1.0)

    def _dense_masks(self) -> tuple[Bools, Bools]:
        wide = np.repeat(self._of_codes, self._map.n_dummies)
        context = np.append(self._of_numbers, wide)
        return context, ~context

    def _features(self, table: EncodedTable) -> Floats:
        context, _ = self._dense_masks()
        matrix = self._map.matrix(table)[:, context]
        return np.column_stack([np.ones(len(table)), matrix])

    def _targets(self, table: EncodedTable) -> Floats:
        """(n, n_targets) standardised indicators, one column a category; NaN = missing."""
        _, indicator = self._dense_masks()
        matrix = self._map.matrix(table)
        matrix[:, : table.numbers.shape[1]][np.isnan(table.numbers)] = np.nan
        return matrix[:, indicator]

    def _ridge(self, table: EncodedTable) -> Floats:
        """(n_features, n_targets) coefficients of the global expectation; the first, hardly penalised, is the level."""
        gram: Any = 0.0
        product: Any = 0.0
        for rows in _pieces(len(table)):
            part = table.take(rows)
            features = self._features(part)
            gram = gram + features.T @ features
            product = product + features.T @ np.nan_to_num(self._targets(part))
        penalty = np.full(len(gram), RIDGE)
        penalty[0] = 1e-9 * len(table)
        return np.asarray(np.linalg.solve(gram + np.diag(penalty), product), np.float64)

    def _expected(self, table: EncodedTable, targets: Floats) -> Floats:
        """(n, n_targets) a L + (1 - a) G."""
        overall = self._features(table) @ self._coefficients
        keys = self._keys(table)
        place = np.minimum(np.searchsorted(self._cells, keys), len(self._cells) - 1)
        known = (self._cells[place] == keys)[:, None]
        others = np.where(known, np.maximum(self._counts[place] - 1.0, 0.0), 0.0)
        local = (self._sums[place] - np.nan_to_num(targets)) / np.maximum(others, 1.0)
        weight = others / (others + PSEUDO_ROWS)
        return np.asarray(weight * local + (1.0 - weight) * overall, np.float64)

    def _mean_residuals(self, table: EncodedTable) -> Floats:
        sums, counts = np.zeros(len(self._scale)), np.zeros(len(self._scale))
        for rows in _pieces(len(table)):
            residuals = self._residuals(table.take(rows))
            sums += np.nansum(residuals, axis=0)
            counts += (~np.isnan(residuals)).sum(axis=0)
        means = sums / np.maximum(counts, 1.0)
        return np.where(means > 0.0, means, 1.0)

    def _residuals(self, table: EncodedTable) -> Floats:
        targets = self._targets(table)
        return np.abs(targets - self._expected(table, targets)) / self._scale

    def _distances(self, table: EncodedTable) -> Floats:
        parts = []
        for rows in _pieces(len(table)):
            residuals = self._residuals(table.take(rows))
            present = np.maximum((~np.isnan(residuals)).sum(axis=1), 1)
            parts.append(np.nansum(residuals, axis=1) / present)
        return np.concatenate(parts) if parts else np.empty(0)

    def _surprise(self, table: EncodedTable) -> Floats:
        return squashed(self._distances(table), self._usual)

    def _get_learned(self) -> dict[str, Any]:
        arrays = {name: getattr(self, f"_{name}") for name in ARRAYS}
        learned = {"contexts": list(self.contexts_), "map": self._map.to_arrays(), "usual": self._usual}
        return {**learned, "cells": self._cells, **arrays}

    def _set_learned(self, learned: Mapping[str, Any]) -> None:
        self.contexts_ = tuple(learned["contexts"])
        self._split_columns()
        self._map = DenseMap.from_arrays(learned["map"])
        for name in ARRAYS:
            setattr(self, f"_{name}", np.asarray(learned[name], np.float64))
        self._cells = np.asarray(learned["cells"], np.uint64)
        self._usual = float(learned["usual"])


def _contexts(schema: TableSchema, given: Sequence[str] | None) -> tuple[str, ...]:
    """The columns of the context, in the order of the encoded table."""
    names = (*schema.number_names, *schema.category_names)
    if given is None:
        return schema.category_names if schema.number_names else ()
    for name in given:
        if name not in names:
            hint = next((column.note for column in schema.set_aside if column.name == name), nearest(name, names))
            raise InputError(f"The context's column {name!r}", allowed=", ".join(names), hint=hint)
    if set(given) == set(names):
        raise InputError("The setting contexts", allowed="fewer columns than the table has", got=list(given))
    return tuple(name for name in names if name in given)


def _pieces(n: int) -> Iterator[slice]:
    return (slice(start, start + ROWS_AT_ONCE) for start in range(0, n, ROWS_AT_ONCE))
