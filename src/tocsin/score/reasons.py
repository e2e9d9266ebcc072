"""The oddest rows of a stream, and why each is odd, as columns and as a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tocsin.detectors.contextual.estimator import TableDetector
from tocsin.formatting import make_visible, shorten
from tocsin.incidents import Indicator, describe_indicator, indicators_of
from tocsin.model import Floats, Ints

__all__ = ["REASONS", "OddRow", "OddestRows", "reason_columns"]

REASONS = ("context", "sub_population", "indicator", "observed", "expected", "reason")
"""The columns of the first reason, and the sentence made of it."""


@dataclass(frozen=True, slots=True)
class OddRow:
    """One of the oddest rows.

    row : its place in the table, the first row is 1
    name : what its identifier says, or empty
    reasons : `REASONS` -> text, of the indicator with the largest share of the score
    """

    row: int
    name: str
    anomaly_score: float
    reasons: Mapping[str, str]

    @property
    def sentence(self) -> str:
        """ "row 17 (news24.example), 0.9998: ctr 0.31, expected 0.03 among the 214 rows with country = DE"."""
        named = f" ({self.name})" if self.name else ""
        score = min(self.anomaly_score, 0.9999)  # no score is 1
        return f"row {self.row:,}{named}, {score:.4f}: {self.reasons['reason']}"


class OddestRows:
    """The `size` rows of the highest scores seen so far; of equal ones the first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._table: Any = None
        self._scores: Floats = np.empty(0)
        self._rows: Ints = np.empty(0, np.int64)

    def add(self, batch: Any, scores: Floats, first: int) -> None:
        """Take note of a record batch whose first row has the place `first`, from 0."""
        import pyarrow as pa

        best = np.sort(np.argsort(-scores, kind="stable")[: self._size])
        part = pa.Table.from_batches([batch]).take(best)
        table = part if self._table is None else pa.concat_tables([self._table, part])
        scores, rows = np.append(self._scores, scores[best]), np.append(self._rows, first + best)
        order = np.argsort(-scores, kind="stable")[: self._size]
        self._table, self._scores, self._rows = table.take(order), scores[order], rows[order]

    def explain(self, detector: TableDetector, identifier: str | None) -> list[OddRow]:
        """Highest score first."""
        if self._table is None or not len(self._rows):
            return []
        lines = detector.explain(self._table)
        names = [""] * len(self._rows)
        if identifier is not None and identifier in self._table.schema.names:
            values = self._table[identifier].to_pylist()
            names = ["" if value is None else shorten(make_visible(str(value)), 80) for value in values]
        found = []
        for place, (row, score) in enumerate(zip(self._rows.tolist(), self._scores.tolist(), strict=True)):
            lead = indicators_of(lines, place, ())[0]
            found.append(OddRow(row + 1, names[place], score, _reasons(lead)))
        return found


def _reasons(lead: Indicator) -> dict[str, str]:
    """Texts in one line in which nothing hides; the name of the column is as it is, to be found by."""
    observed, expected, name = (shorten(make_visible(text), 200) for text in (lead.observed, lead.expected, lead.name))
    sentence = describe_indicator("row", replace(lead, observed=observed, expected=expected, name=name))
    return dict(zip(REASONS, (lead.context, lead.population, lead.name, observed, expected, sentence), strict=True))


def reason_columns(odd: Mapping[int, OddRow], first: int, n: int) -> list[Any]:
    """The columns `REASONS` of the rows first … first + n - 1 (places from 1), null where a row is not among `odd`."""
    import pyarrow as pa

    here = sorted(row for row in odd if first <= row < first + n)
    if not here:
        return [pa.nulls(n, pa.string())] * len(REASONS)
    columns = []
    for name in REASONS:
        texts: list[str | None] = [None] * n
        for row in here:
            texts[row - first] = odd[row].reasons[name].encode("utf-8", "replace").decode()
        columns.append(pa.array(texts, pa.string()))
    return columns
