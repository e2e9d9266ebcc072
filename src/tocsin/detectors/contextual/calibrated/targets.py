"""What a forest foretells: columns as outputs, and how far a row is from what was foretold of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.detectors.contextual.columns import EncodedTable
from tocsin.model import Floats, Ints

__all__ = ["Target", "correlation", "errors_of", "outputs_of", "targets_of"]

MAX_LEVELS, LEAST_LEVEL = 20, 5
LEAST_PROBABILITY = 1e-3


@dataclass(frozen=True, slots=True)
class Target:
    """Some outputs of a forest that belong to one column.

    column : its position
    levels : codes that have an output each; None = the output is the normal score
    presence : the output says whether the number is missing
    """

    column: int
    levels: Ints | None = None
    presence: bool = False

    @property
    def n_outputs(self) -> int:
        return 1 if self.levels is None else len(self.levels)


def targets_of(j: int, scores: Floats, table: EncodedTable) -> list[Target]:
    """What is foretold of column j: its number and whether it is missing, or its at most 20 commonest categories.

    Parameters
    ----------
    scores : (n, n_numbers) normal scores, NaN = missing
    """
    n_numbers = scores.shape[1]
    if j >= n_numbers:
        present, counts = np.unique(table.codes[:, j - n_numbers], return_counts=True)
        frequent = present[np.argsort(-counts, kind="stable")][: max(int((counts >= LEAST_LEVEL).sum()), 1)]
        return [Target(j, np.asarray(frequent[:MAX_LEVELS], np.int64))]
    missing = np.isnan(scores[:, j])
    number = [] if missing.all() else [Target(j)]
    return [*number, Target(j, np.array([1]), presence=True)] if missing.any() else number


def outputs_of(targets: tuple[Target, ...], scores: Floats, table: EncodedTable) -> Any:
    """(n, n_outputs) float32: normal scores (0 = missing), and 1 where a row has a level."""
    parts = []
    for target in targets:
        if target.levels is None:
            parts.append(np.nan_to_num(scores[:, [target.column]]))
        else:
            parts.append((_levels(target, scores, table)[:, None] == target.levels).astype(np.float64))
    return np.ascontiguousarray(np.hstack(parts).astype(np.float32))


def _levels(target: Target, scores: Floats, table: EncodedTable) -> Any:
    """(n,) the code of a column, or whether its number is missing."""
    if target.presence:
        return np.isnan(scores[:, target.column]).astype(np.int64)
    return table.codes[:, target.column - scores.shape[1]]


def errors_of(target: Target, outputs: Any, scores: Floats, table: EncodedTable) -> Floats:
    """(n,) how far a row is from what was foretold: |normal score - mean|, or -log of the probability of its category.

    A missing number has no error; that it is missing has one.
    """
    if target.levels is None:
        return np.asarray(np.abs(scores[:, target.column] - outputs[:, 0]))
    levels = _levels(target, scores, table)
    hit = levels[:, None] == target.levels
    probability = np.where(hit, outputs, 0.0).sum(axis=1)
    others = np.maximum(1.0 - outputs.sum(axis=1), 0.0)  # of all rare categories together; of the present, for presence
    probability = np.where(hit.any(axis=1), probability, others)
    return np.asarray(-np.log(np.maximum(probability, 0.0) + LEAST_PROBABILITY))


def correlation(outputs: Any, found: Any) -> float:
    """In [0, 1]: the root of the share of the outputs' variance that is foretold."""
    whole = float(((outputs - outputs.mean(axis=0)) ** 2).sum())
    return max(0.0, 1.0 - float(((outputs - found) ** 2).sum()) / whole) ** 0.5 if whole > 0 else 0.0
