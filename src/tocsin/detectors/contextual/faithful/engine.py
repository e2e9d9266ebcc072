"""ConOut as the paper has it: groups by p-values, all unions of groups as contexts, one gamma a context, the maximum.

The score of a row is the largest of its probabilities over the contexts. The paper leaves open what its parts become
at their limits; faithful/dependence.py (saturated p-values), faithful/groups.py (a gap statistic on dissimilarities),
faithful/calibration.py (EM without an answer) and kernels/weighted_leaves.py (leaves with less than one row) say what
is done there.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self

import numpy as np

from tocsin.detectors.contextual.columns import EncodedTable, TableSchema
from tocsin.detectors.contextual.engine import Context, Winning
from tocsin.detectors.contextual.faithful.calibration import Calibration, calibrate
from tocsin.detectors.contextual.faithful.dependence import measure_dependence
from tocsin.detectors.contextual.faithful.forest import ContextForest
from tocsin.detectors.contextual.faithful.groups import find_groups, unions_of_groups
from tocsin.detectors.contextual.scaling import Scaling
from tocsin.kernels.weighted_leaves import GAMMAS
from tocsin.model import Floats, Ints

__all__ = ["FaithfulEngine"]

MAX_POOL = 20_000
"""Rows of the table of fit that trees are grown from and columns are scaled by."""
MAX_GAMMA_ROWS, MAX_CALIBRATION_ROWS = 512, 2_048
"""Rows of the pool that gamma is chosen on, and that scores are calibrated on."""
CHUNK = 4_096
N_DONORS = 8
"""Similar rows whose values take the place of a row's own to see what a value does to its score."""


class FaithfulEngine:
    """The engine of mode="faithful"."""

    def __init__(self, given: tuple[Context, ...] | None, n_threads: int) -> None:
        self._given = given
        self._n_threads = n_threads
        self._calibrations: list[Calibration] = []

    @property
    def groups(self) -> tuple[Context, ...]:
        return self._groups

    @property
    def contexts(self) -> tuple[Context, ...]:
        return self._contexts

    @property
    def gamma(self) -> Floats:
        """(n_contexts,)"""
        return np.asarray(GAMMAS[self._gamma], np.float64)

    def fit(self, table: EncodedTable, schema: TableSchema, random: np.random.Generator) -> Self:
        n = len(table)
        self._pool = table if n <= MAX_POOL else table.take(np.sort(random.choice(n, MAX_POOL, replace=False)))
        dissimilarity = measure_dependence(self._pool, random).dissimilarity
        self._groups = find_groups(dissimilarity, random)
        self._contexts = self._given if self._given is not None else unions_of_groups(self._groups, random)
        self._seeds = random.integers(0, 2**63, len(self._contexts))
        self._grow()
        self._calibrate(random)
        return self

    def anomaly_score(self, table: EncodedTable) -> Floats:
        return self._best(table)[0]

    def winning(self, table: EncodedTable) -> Winning:
        best = self._best(table)[1]
        n_columns = table.numbers.shape[1] + table.codes.shape[1]
        shares = np.zeros((len(table), 1, n_columns))
        for place in np.unique(best):
            rows = np.flatnonzero(best == place)
            shares[rows, 0] = self._shares(table.take(rows), int(place))
        return Winning(self._contexts, best[:, None], shares)

    def get_state(self) -> dict[str, Any]:
        return {
            "numbers": self._pool.numbers,
            "codes": self._pool.codes,
            "groups": [list(group) for group in self._groups],
            "contexts": [list(context) for context in self._contexts],
            "seeds": self._seeds,
            "gamma": self._gamma,
            "slopes": np.array([one.slope for one in self._calibrations]),
            "offsets": np.array([one.offset for one in self._calibrations]),
        }

    def set_state(self, state: Mapping[str, Any], schema: TableSchema) -> Self:
        n_numbers, n_codes = len(schema.number_columns), len(schema.category_columns)
        numbers = np.asarray(state["numbers"], np.float64).reshape(-1, n_numbers)
        self._pool = EncodedTable(numbers, np.asarray(state["codes"], np.int32).reshape(len(numbers), n_codes))
        self._groups = tuple(tuple(group) for group in state["groups"])
        self._contexts = tuple(tuple(context) for context in state["contexts"])
        self._seeds = np.asarray(state["seeds"], np.int64)
        self._gamma = np.asarray(state["gamma"], np.int64)
        slopes, offsets = (np.asarray(state[name], np.float64) for name in ("slopes", "offsets"))
        self._calibrations = [Calibration(*one) for one in zip(slopes, offsets, strict=True)]
        self._grow()
        return self

    def _grow(self) -> None:
        self._scaling = Scaling.of(self._pool.numbers)
        self._forests = [
            ContextForest(context, self._pool, self._scaling, int(seed))
            for context, seed in zip(self._contexts, self._seeds, strict=True)
        ]

    def _calibrate(self, random: np.random.Generator) -> None:
        """Choose the gamma of each context (the least where none tells anything) and the calibration there."""
        rows = random.permutation(len(self._pool))[:MAX_CALIBRATION_ROWS]
        some = rows[:MAX_GAMMA_ROWS]
        scaled, codes = self._scaling.apply(self._pool.numbers[rows]), self._pool.codes[rows]
        self._gamma = np.zeros(len(self._contexts), np.int64)
        self._calibrations = []
        for place, (context, forest) in enumerate(zip(self._contexts, self._forests, strict=True)):
            if context:
                foretold = forest.foretold(scaled[: len(some)], codes[: len(some)], some)
                self._gamma[place] = int(np.argmax(foretold))
            gamma = int(self._gamma[place])
            self._calibrations.append(calibrate(forest.scores(scaled, codes, gamma, gamma + 1)[:, 0]))

    def _best(self, table: EncodedTable) -> tuple[Floats, Ints]:
        """The largest score of each row and the context it has it in, in chunks of rows over threads."""
        starts = range(0, len(table), CHUNK)
        if self._n_threads > 1 and len(starts) > 1:
            with ThreadPoolExecutor(self._n_threads) as pool:
                parts = list(pool.map(lambda start: self._best_of_chunk(table, start), starts))
        else:
            parts = [self._best_of_chunk(table, start) for start in starts]
        if not parts:
            return np.zeros(0), np.zeros(0, np.int64)
        return np.concatenate([part[0] for part in parts]), np.concatenate([part[1] for part in parts])

    def _best_of_chunk(self, table: EncodedTable, start: int) -> tuple[Floats, Ints]:
        scaled = self._scaling.apply(table.numbers[start : start + CHUNK])
        codes = table.codes[start : start + CHUNK]
        best, where = np.full(len(scaled), -1.0), np.zeros(len(scaled), np.int64)
        for place, (forest, gamma) in enumerate(zip(self._forests, self._gamma.tolist(), strict=True)):
            scores = self._calibrations[place].probability(forest.scores(scaled, codes, gamma, gamma + 1)[:, 0])
            better = scores > best
            best[better], where[better] = scores[better], place
        return best, where

    def _shares(self, table: EncodedTable, place: int) -> Floats:
        """(n, n_columns) how far a score falls when an indicator has the values of similar rows, parts of all falls."""
        context, forest, gamma = self._contexts[place], self._forests[place], int(self._gamma[place])
        own = forest.scores(self._scaling.apply(table.numbers), table.codes, gamma, gamma + 1)[:, 0]
        donors = _similar(self._scaling, table, self._pool, context)
        n_numbers = table.numbers.shape[1]
        falls = np.zeros((len(table), n_numbers + table.codes.shape[1]))
        rows = np.repeat(np.arange(len(table)), donors.shape[1])
        scaled, codes = self._scaling.apply(table.numbers[rows]), table.codes[rows]
        pool = self._scaling.apply(self._pool.numbers)
        for j in range(falls.shape[1]):
            if j in context:
                continue
            replaced, replaced_codes = scaled.copy(), codes.copy()
            if j < n_numbers:
                replaced[:, j] = pool[donors.ravel(), j]
            else:
                replaced_codes[:, j - n_numbers] = self._pool.codes[donors.ravel(), j - n_numbers]
            usual = forest.scores(replaced, replaced_codes, gamma, gamma + 1).reshape(donors.shape).mean(axis=1)
            falls[:, j] = np.maximum(own - usual, 0.0)
        total = falls.sum(axis=1, keepdims=True)
        return np.asarray(falls / np.where(total > 0, total, 1.0))


def _similar(scaling: Scaling, table: EncodedTable, pool: EncodedTable, context: Context) -> Ints:
    """(n, n_donors) rows of the pool most similar in a context; evenly spread ones where the context is empty."""
    n_donors = min(N_DONORS, len(pool))
    if not context:
        spread = np.linspace(0, len(pool) - 1, n_donors).astype(np.int64)
        return np.tile(spread, (len(table), 1))
    n_numbers = table.numbers.shape[1]
    numbers = [j for j in context if j < n_numbers]
    categories = [j - n_numbers for j in context if j >= n_numbers]
    ours, theirs = (np.nan_to_num(scaling.apply(one.numbers)[:, numbers]) for one in (table, pool))
    result = np.empty((len(table), n_donors), np.int64)
    for i in range(len(table)):
        distance = np.sqrt(((theirs - ours[i]) ** 2).sum(axis=1) / max(len(numbers), 1))
        different = (pool.codes[:, categories] != table.codes[i, categories]).sum(axis=1)
        result[i] = np.lexsort((distance, different))[:n_donors]
    return result
