"""How strongly the columns of a table depend on one another, numbers and categories on one scale of 0 to 1.

Three measures of effect, each corrected for what chance alone gives:

    numeric, numeric          |rho|, Spearman
    numeric, categorical      sqrt(max(0, (H - a + 1) / (n - a))), H of Kruskal and Wallis, a levels (epsilon squared)
    categorical, categorical  V of Cramer, corrected for bias (Bergsma 2013)

Unlike p-values they do not saturate: with many rows nearly every pair is "certainly" dependent, few strongly so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.detectors.contextual.columns import EncodedTable
from tocsin.kernels.dependence import category_scores, pair_statistics, rank_scores
from tocsin.model import Codes, Floats, Ints

__all__ = ["ColumnScores", "column_scores", "effect_sizes"]

MAX_ROWS = 4_000
MAX_LEVELS = 50


@dataclass(frozen=True, slots=True)
class ColumnScores:
    """The scores of kernels.dependence, of all columns side by side: the numbers first, then the categories.

    scores : (n, n_score_columns); column j of the table has those from starts[j] to starts[j + 1]
    n_levels : (n_columns,), 0 for a column of numbers
    """

    scores: Floats
    starts: Ints
    n_levels: Ints

    @classmethod
    def of(cls, table: EncodedTable, max_levels: int) -> ColumnScores:
        """Scores of all rows; of a categorical column the most frequent levels, all others together as one.

        A missing or unseen category is a level like others.
        """
        parts = [rank_scores(table.numbers)]
        widths = [1] * table.numbers.shape[1]
        n_levels = [0] * table.numbers.shape[1]
        for j in range(table.codes.shape[1]):
            codes, n_present = _frequent_levels(table.codes[:, j], max_levels)
            parts.append(category_scores(codes, n_present))
            widths.append(n_present)
            n_levels.append(n_present)
        starts = np.concatenate([[0], np.cumsum(widths)[:-1]]).astype(np.int64)
        return cls(np.concatenate(parts, axis=1), starts, np.array(n_levels, np.int64))


def column_scores(
    table: EncodedTable, random: np.random.Generator, *, max_rows: int = MAX_ROWS, max_levels: int = MAX_LEVELS
) -> ColumnScores:
    """`ColumnScores` of at most `max_rows` rows drawn without replacement."""
    n = len(table.numbers)
    if n > max_rows:
        rows = np.sort(random.choice(n, max_rows, replace=False))
        table = EncodedTable(table.numbers[rows], table.codes[rows])
    return ColumnScores.of(table, max_levels)


def effect_sizes(columns: ColumnScores, statistics: Floats | None = None) -> Floats:
    """Effect sizes of all pairs of columns.

    Parameters
    ----------
    columns : ColumnScores
    statistics : (n_columns, n_columns), optional
        Those of `kernels.dependence.pair_statistics`, if known already.

    Returns
    -------
    (n_columns, n_columns) symmetric, in [0, 1], 1 on the diagonal
    """
    if statistics is None:
        statistics = pair_statistics(columns.scores, columns.scores, columns.starts)
    n, levels = len(columns.scores), columns.n_levels
    numeric = levels == 0
    sizes = np.sqrt(np.clip(statistics, 0.0, 1.0))
    mixed = numeric[:, None] & ~numeric[None, :]
    a = np.broadcast_to(levels[None, :], mixed.shape)[mixed]
    h = (n - 1) * statistics[mixed]
    sizes[mixed] = np.sqrt(np.clip((h - a + 1) / np.maximum(n - a, 1), 0.0, 1.0))
    sizes.T[mixed] = sizes[mixed]
    both = ~numeric[:, None] & ~numeric[None, :]
    sizes[both] = _cramer(statistics, levels, n)[both]
    np.fill_diagonal(sizes, 1.0)
    return np.asarray(sizes)


def _cramer(phi2: Floats, levels: Ints, n: int) -> Floats:
    """Bias-corrected V from chi^2 / n; 0 where a column has one level."""
    if n < 2:
        return np.zeros_like(phi2)
    r, c = levels[:, None].astype(float), levels[None, :].astype(float)
    corrected = np.maximum(0.0, phi2 - (r - 1) * (c - 1) / (n - 1))
    smaller = np.minimum(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return np.asarray(np.where(smaller > 0, np.sqrt(np.clip(corrected / np.where(smaller > 0, smaller, 1), 0, 1)), 0.0))


def _frequent_levels(codes: Codes, max_levels: int) -> tuple[Codes, int]:
    """Codes from 0 in the order of frequency (ties by code), the rare ones as one last level; how many there are."""
    present, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    rank = np.empty(len(present), np.int64)
    rank[np.argsort(-counts, kind="stable")] = np.arange(len(present))
    renumbered = np.minimum(rank[inverse], max_levels - 1)
    return renumbered.astype(np.int32), min(len(present), max_levels)
