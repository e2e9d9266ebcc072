"""The course of a slice's KPI up to the window that is judged, for the chart of its incident."""

from __future__ import annotations

from collections import OrderedDict
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.incidents import number
from tocsin.model import Facts, Floats, Kpi, SliceScores
from tocsin.pipeline.slices.judge import Judge

__all__ = ["Course"]

N_WINDOWS = 72
"""How far back a chart reaches."""


class Course:
    """Remembers what was expected of every slice in the windows judged last; before those, the reference in sample."""

    def __init__(self, kpi: Kpi, facts: Facts, judge: Judge) -> None:
        self._kpi, self._facts, self._judge = kpi, facts, judge
        self._bands: OrderedDict[int, npt.NDArray[np.float32]] = OrderedDict()

    def add(self, position: int, scores: SliceScores) -> None:
        """Keep the band of a judged window."""
        self._bands[position] = np.stack([scores.expected, scores.lower, scores.upper]).astype(np.float32)
        while len(self._bands) > N_WINDOWS:
            self._bands.popitem(last=False)

    def of(self, slice_index: int, position: int) -> list[dict[str, Any]]:
        """Points from at most 72 windows ago to `position`, without gaps: start, value, expected, lower, upper."""
        facts = self._facts
        first = max(0, position + 1 - N_WINDOWS)
        values = self._values(slice_index, first, position + 1)
        bands = np.full((3, position + 1 - first), np.nan)
        for window, _, expected, lower, upper in zip(*self._judge.history(slice_index), strict=True):
            if first <= window <= position:
                bands[:, int(window) - first] = expected, lower, upper
        for window, band in self._bands.items():
            if first <= window <= position:
                bands[:, window - first] = band[:, slice_index]
        return [
            {
                "start": datetime.fromtimestamp(int(facts.starts[window]), UTC).isoformat(),
                "value": number(value),
                "expected": number(expected),
                "lower": number(lower),
                "upper": number(upper),
            }
            for window, value, (expected, lower, upper) in zip(range(first, position + 1), values, bands.T, strict=True)
        ]

    def _values(self, slice_index: int, first: int, end: int) -> Floats:
        """The KPI's value in windows [first, end); NaN where it is not defined or the source was silent."""
        facts, kpi = self._facts, self._kpi
        entries = slice(int(facts.indptr[slice_index]), int(facts.indptr[slice_index + 1]))
        window = facts.window[entries]
        inside = (window >= first) & (window < end)
        amount = np.where(facts.silent[first:end], np.nan, 0.0)
        amount[window[inside] - first] = facts.measures[kpi.numerator][entries][inside]
        if kpi.denominator is None:
            return amount
        exposure = np.full(end - first, np.nan)
        exposure[window[inside] - first] = facts.measures[kpi.denominator][entries][inside]
        exposure[exposure <= 0] = np.nan
        return np.asarray(amount / exposure)
