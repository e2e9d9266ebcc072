"""How rare each value is in its own column, to say which columns make a row odd among all rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.special import ndtr

from tocsin.detectors.contextual.calibrated.frame import Frame
from tocsin.detectors.contextual.columns import EncodedTable, TableSchema
from tocsin.model import Floats

__all__ = ["Rarity"]


@dataclass(frozen=True, slots=True, eq=False)
class Rarity:
    """For each categorical column, the surprise of each code; missing (-1) is the last entry, unseen the one before."""

    by_code: tuple[Floats, ...]

    @classmethod
    def of(cls, table: EncodedTable, schema: TableSchema) -> Self:
        """Of the rows of fit."""
        found = []
        for j, size in enumerate(schema.n_categories.tolist()):
            counts = np.bincount(table.codes[:, j] % (size + 2), minlength=size + 2)  # -1 becomes size + 1
            order = np.argsort(counts, kind="stable")
            as_rare = np.cumsum(counts[order])[np.searchsorted(counts[order], counts, "right") - 1]
            found.append(-np.log(np.maximum(as_rare, 0.5) / len(table)))
        return cls(tuple(found))

    def surprise(self, table: EncodedTable, frame: Frame) -> Floats:
        """(n, n_columns) -log of the share of rows as far out (numbers) or in categories as rare."""
        tails = 2.0 * ndtr(-np.abs(np.nan_to_num(frame.normal_scores(table.numbers))))
        codes = [of_code[table.codes[:, j] % len(of_code)] for j, of_code in enumerate(self.by_code)]
        return np.column_stack([-np.log(np.minimum(tails, 1.0)), *codes])

    def to_arrays(self) -> list[Any]:
        """Plain arrays."""
        return list(self.by_code)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any] | list[Any]) -> Self:
        """Of a `to_arrays`."""
        return cls(tuple(np.asarray(one, np.float64) for one in arrays))
