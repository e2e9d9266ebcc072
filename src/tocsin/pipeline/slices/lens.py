"""Slices of one KPI: judged by the slice detector, folded into the causes that explain them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Self

import numpy as np

from tocsin.config import SliceMonitorSettings
from tocsin.errors import NotEnoughData
from tocsin.incidents import Cause, Sighting, describe_anomaly, describe_cause, describe_silence, find_causes
from tocsin.model import Anomaly, Facts, Ints, LeftOut, RunStatus, SliceScores
from tocsin.pipeline.lens import Found
from tocsin.pipeline.memory import Memory
from tocsin.pipeline.slices.candidates import candidate_slices, excess_of
from tocsin.pipeline.slices.course import Course
from tocsin.pipeline.slices.judge import Judge
from tocsin.sources import FactsQuery, Source

__all__ = ["SlicesLens"]

MAX_ANOMALIES = 5_000
"""At most this many anomalies of one window are stored, those with the largest deviations; the rest is counted."""


class SlicesLens:
    """The facts of some windows and of the history that the first of them needs."""

    chunk_windows: ClassVar[int] = 1_000

    def __init__(
        self, monitor: SliceMonitorSettings, facts: Facts, first: int, judge: Judge, n_candidates: int = 0
    ) -> None:
        self._monitor, self._facts, self._first, self._judge = monitor, facts, first, judge
        self._n_candidates = n_candidates
        self._course = Course(monitor.kpi, facts, judge)
        self.left_out = facts.left_out

    @classmethod
    def read(cls, monitor: SliceMonitorSettings, source: Source, memory: Memory, windows: range, now: datetime) -> Self:
        query = _query(monitor, windows.start, windows.stop)
        facts = source.facts(query, now)
        judge = Judge(monitor, facts, memory.confirmed(query.start, query.end))
        return cls(monitor, facts, query.first, judge, memory.n_candidates)

    @classmethod
    def problems(cls, monitor: SliceMonitorSettings, source: Source, window: int) -> list[str]:
        return source.check(_query(monitor, window, window + 1))

    def digest(self, window: int) -> str:
        return self._judge.digest(window - self._first)

    def judge(self, window: int) -> Found:
        position, n_slices = window - self._first, self._facts.n_slices
        if self._facts.silent[position]:
            silence = describe_silence(self._monitor.name, self._monitor.source)
            return Found(RunStatus.SILENT, n_slices, sightings=(silence,))
        try:
            scores = self._judge.scores(position)
        except NotEnoughData as error:
            return Found(RunStatus.NOT_ENOUGH_DATA, n_slices, notes=(str(error),))
        self._course.add(position, scores)
        return self._found(position, scores)

    def _found(self, position: int, scores: SliceScores) -> Found:
        monitor, facts = self._monitor, self._facts
        flagged = np.flatnonzero(scores.flagged)
        left_out = list(facts.left_out)
        selected = _strongest(scores, flagged)
        if len(selected) < len(flagged):
            detail = "flagged slices that are not stored, those with the smallest deviations"
            left_out.append(LeftOut("anomaly cap", len(flagged) - len(selected), "slices", detail))
        causes, unexplained = find_causes(facts, scores, selected)
        if len(unexplained):
            detail = "flagged slices that are stored and belong to no incident"
            left_out.append(LeftOut("cause limit", len(unexplained), "slices", detail))
        anomalies, sightings = self._described(position, scores, selected, causes)
        below = candidate_slices(monitor, facts, scores, causes, self._n_candidates)
        alone = [Cause(int(index), (int(index),)) for index in below]
        candidate_anomalies, candidates = self._described(position, scores, below, alone)
        return Found(
            n_parts=facts.n_slices,
            n_tested=int(np.isfinite(scores.p_value).sum()),
            n_flagged=len(flagged),
            anomalies=anomalies,
            sightings=sightings,
            left_out=tuple(left_out),
            notes=tuple(scores.notes),
            candidates=candidates,
            candidate_anomalies=candidate_anomalies,
        )

    def _described(
        self, position: int, scores: SliceScores, selected: Ints, causes: Sequence[Cause]
    ) -> tuple[tuple[Anomaly, ...], tuple[Sighting, ...]]:
        """The anomalies of some slices, and the sightings of their causes."""
        monitor, window = self._monitor, self._facts.window_at(position)
        about = (monitor.name, monitor.kpi, monitor.unit_value, self._facts, scores)
        anomalies = {int(index): describe_anomaly(*about, window, int(index)) for index in selected}
        sightings = []
        for cause in causes:
            ids = [anomalies[member].id for member in cause.members]
            sighting = describe_cause(*about, cause, ids, self._course.of(cause.slice_index, position))
            sightings.append(replace(sighting, excess=excess_of(monitor, scores, cause.members)))
        return tuple(anomalies.values()), tuple(sightings)


def _query(monitor: SliceMonitorSettings, first: int, last: int) -> FactsQuery:
    """The query for windows [first, last) and the history that the first of them needs."""
    return FactsQuery(
        grid=monitor.grid,
        first=first - monitor.n_history,
        last=last,
        measures=monitor.kpi.measures,
        dimensions=monitor.dimensions,
        depth=monitor.depth,
        traffic=monitor.kpi.denominator or monitor.kpi.numerator,
        min_traffic=monitor.min_traffic,
        max_slices=monitor.max_slices,
    )


def _strongest(scores: SliceScores, flagged: np.ndarray) -> np.ndarray:
    if len(flagged) <= MAX_ANOMALIES:
        return flagged
    deviation = np.abs(scores.amount - scores.expected_amount)[flagged] / scores.deviation_sd[flagged]
    return np.sort(flagged[np.argsort(-deviation, kind="stable")[:MAX_ANOMALIES]])
