"""The paper's unified dependence of two attributes, 1 - p, p by permutation, whatever their kinds.

Spearman's rho for two numbers, the H of Kruskal and Wallis for a number and a category, chi^2 for two categories; p is
(1 + permutations that reach the statistic) / (1 + permutations), with 400 permutations of the rows, the same for all
pairs.

On real tables most pairs are at the least p there is, 1 / 401, so that 1 - p cannot tell weak from strong. Such a p is
only known to be between 0 and 1 / 401; the effect size places it there: dissimilarity = p - effect / 401. That is p to
within its own resolution, and it orders the pairs that p leaves equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.detectors.contextual.columns import EncodedTable
from tocsin.detectors.contextual.dependence import column_scores, effect_sizes
from tocsin.kernels.dependence import exceedances
from tocsin.model import Floats

__all__ = ["MAX_ROWS", "N_PERMUTATIONS", "Dependence", "measure_dependence"]

N_PERMUTATIONS = 400
MAX_ROWS, LEAST_ROWS = 1_000, 200
"""Rows that the permutations use; fewer than 1,000 in tables of more than 270 columns of scores."""
MAX_LEVELS = 20
"""Levels of a categorical column that are told apart; the rarer ones are one level."""
MAX_WORK = 3e10
"""Multiplications in all permutations together: above it fewer levels, then fewer rows are used."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """Of every pair of columns (n_columns, n_columns): the permutation p and the effect size, each symmetric."""

    p_values: Floats
    effects: Floats

    @property
    def dissimilarity(self) -> Floats:
        """(n_columns, n_columns) in [0, 1], 0 on the diagonal: p within its resolution, see above."""
        result = self.p_values - self.effects / (1 + N_PERMUTATIONS)
        np.fill_diagonal(result, 0.0)
        return np.asarray(np.clip(result, 0.0, 1.0))


def measure_dependence(table: EncodedTable, random: np.random.Generator) -> Dependence:
    """Dependence of all pairs of columns, on at most `MAX_ROWS` rows drawn without replacement."""
    columns = column_scores(table, random, max_rows=MAX_ROWS, max_levels=_levels_kept(table))
    width = columns.scores.shape[1]
    rows = int(np.clip(MAX_WORK / (N_PERMUTATIONS * width**2), LEAST_ROWS, MAX_ROWS))
    if rows < len(columns.scores):
        columns = column_scores(table, random, max_rows=rows, max_levels=_levels_kept(table))
    statistics, counts = exceedances(columns.scores, columns.starts, N_PERMUTATIONS, random)
    p_values = np.asarray((1 + counts) / (1 + N_PERMUTATIONS), np.float64)
    np.fill_diagonal(p_values, 1.0 / (1.0 + N_PERMUTATIONS))
    return Dependence(p_values, effect_sizes(columns, statistics))


def _levels_kept(table: EncodedTable) -> int:
    """20 levels, fewer (at least 2) where many categorical columns would exceed the work at the least rows."""
    n_codes = max(table.codes.shape[1], 1)
    affordable = np.sqrt(MAX_WORK / (N_PERMUTATIONS * LEAST_ROWS)) - table.numbers.shape[1]
    return int(np.clip(affordable / n_codes, 2, MAX_LEVELS))
