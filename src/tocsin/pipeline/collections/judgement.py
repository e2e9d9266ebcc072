"""One window judged: which collections are flagged, why, and what is said of the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tocsin.config import CollectionMonitorSettings
from tocsin.detectors.collections.engine import CollectionScores, CollectionStatus, Explanation
from tocsin.formatting import format_change, format_count
from tocsin.incidents import OddCollection, Part, describe_collection
from tocsin.incidents.describe import Sighting
from tocsin.model import Anomaly, Bools, Histograms, Ints, LeftOut, RunStatus, Slice
from tocsin.pipeline.collections.evidence import Evidence
from tocsin.pipeline.collections.sight import sight_notes
from tocsin.pipeline.excess import excess, surprise

__all__ = ["Judgement"]

TIMES_TARGET, MOST_LIKELY = 5.0, 0.25
"""A candidate's p-value is at most so many times that of the threshold, and at most this."""


class Judgement:
    """Of the collections of one window, by the evidence before it, which does not change here."""

    def __init__(
        self,
        monitor: CollectionMonitorSettings,
        evidence: Evidence,
        histograms: Histograms,
        position: int,
        counts: Ints,
        fine: Ints | None,
    ) -> None:
        self._monitor, self._evidence, self._histograms, self._position = monitor, evidence, histograms, position
        self._counts, self._fine = counts, fine
        self._window = histograms.window_at(position)
        self._scores: CollectionScores = evidence.detector.judge(counts, self._window.start, fine=fine)
        status = self._scores.status
        self._n = {kind: int((status == kind).sum()) for kind in CollectionStatus}

    @property
    def status(self) -> RunStatus:
        return RunStatus.EVALUATED if self.n_tested else RunStatus.NOT_ENOUGH_DATA

    @property
    def n_open(self) -> int:
        """Entities with records."""
        return len(self._scores.status) - self._n[CollectionStatus.CLOSED]

    @property
    def n_tested(self) -> int:
        return self._n[CollectionStatus.TESTED] + self._n[CollectionStatus.BY_PEERS]

    @property
    def n_flagged(self) -> int:
        return int(self._scores.flagged.sum())

    @property
    def notes(self) -> tuple[str, ...]:
        found = []
        n_peers = self._n[CollectionStatus.BY_PEERS]
        if n_peers:
            they = format_count(n_peers, "entity was", "entities were")
            found.append(f"{they} judged by their peers: their own history is too short, or not to be trusted.")
        n_closed = self._n[CollectionStatus.CLOSED]
        if n_closed:
            found.append(f"{format_count(n_closed, 'known entity has', 'known entities have')} no records.")
        factor = self._scores.common_factor
        if factor:
            found.append(f"All entities together: {format_change(float(np.exp(factor)), 1.0)} on their usual records.")
        if not self.n_tested:
            n = self._monitor.n_normal
            found.append(f"No entity has enough collections to be judged by; {n} make its evidence complete.")
        return tuple(found)

    def sight_notes(self) -> tuple[str, ...]:
        """How small an attack on these entities would be seen."""
        scores = self._scores
        honest = np.isfinite(scores.p_value) & ~scores.flagged
        return sight_notes(self._monitor, self._evidence, self._counts, self._window, self._fine, honest)

    def left_out(self, n_described: int) -> tuple[LeftOut, ...]:
        """What was not judged, and what was flagged and is not stored."""
        few, over = self._n[CollectionStatus.NOT_ENOUGH_DATA], self.n_flagged - n_described
        reasons = (
            ("not enough data", few, f"{few} entities have too few collections of their own and no peers to stand in."),
            ("anomaly cap", over, "flagged entities that are not stored, those with the highest p-values"),
        )
        return tuple(LeftOut(reason, n, "entities", detail) for reason, n, detail in reasons if n)

    def described(self, most: int) -> list[tuple[Anomaly, Sighting]]:
        """An anomaly and a sighting for each flagged collection, at most so many, the oddest first."""
        return self._described(self._oddest(self._scores.flagged, most))

    def candidates(self, most: int) -> list[tuple[Anomaly, Sighting]]:
        """The same for collections that are nearly flagged."""
        scores = self._scores
        with np.errstate(invalid="ignore"):
            near = ~scores.flagged & (scores.p_value <= min(TIMES_TARGET * self._monitor.tail, MOST_LIKELY))
        return self._described(self._oddest(near, most))

    def _oddest(self, chosen: Bools, most: int) -> Ints:
        scores, rows = self._scores, np.flatnonzero(chosen)
        by_name = np.argsort(np.argsort(self._evidence.names[rows]))
        keys = (by_name, -scores.divergence[rows], -scores.anomaly_score[rows], scores.p_value[rows])
        return rows[np.lexsort(keys)[:most]].astype(np.int64)

    def _described(self, rows: Ints) -> list[tuple[Anomaly, Sighting]]:
        if not len(rows):
            return []
        why: Explanation = self._evidence.detector.explanation(
            self._counts, self._window.start, fine=self._fine, entities=rows
        )
        threshold, found = surprise(self._monitor.tail), []
        for place, row in enumerate(rows):
            anomaly, sighting = describe_collection(self._monitor.name, self._window, self._odd(int(row), place, why))
            beyond = excess(surprise(anomaly.p_value), threshold, reported=bool(self._scores.flagged[row]))
            found.append((anomaly, replace(sighting, excess=beyond)))
        return found

    def _odd(self, row: int, place: int, why: Explanation) -> OddCollection:
        monitor, scores, labels = self._monitor, self._scores, self._histograms.labels
        ends = (*labels[1:], "24:00") if monitor.is_time_of_day else ()
        nearest = [int(second) for second in why.nearest[place] if second >= 0]
        return OddCollection(
            part=Slice(((monitor.entity, str(self._evidence.names[row])),)),
            attribute=monitor.attribute,
            score=float(scores.anomaly_score[row]),
            p_value=float(scores.p_value[row]),
            divergence=float(scores.divergence[row]),
            threshold=float(scores.threshold[row]),
            by_peers=bool(scores.status[row] == CollectionStatus.BY_PEERS),
            labels=labels,
            ends=ends,
            observed=why.observed[place].tolist(),
            expected=why.expected[place].tolist(),
            lower=why.lower[place].tolist(),
            upper=why.upper[place].tolist(),
            terms=why.terms[place].tolist(),
            parts=_parts(scores, why, row, place),
            nearest=tuple(datetime.fromtimestamp(second, UTC) for second in nearest),
            unit_value=monitor.unit_value,
            timezone=monitor.timezone,
        )


def _parts(scores: CollectionScores, why: Explanation, row: int, place: int) -> tuple[Part, ...]:
    """The parts that were judged or that have figures, in a fixed order."""
    nothing = np.full(4, np.nan)
    found = []
    for name in sorted({*scores.parts, *why.parts}):
        figures: Any = why.parts[name][place] if name in why.parts else nothing
        p_value = float(scores.parts[name][row]) if name in scores.parts else float("nan")
        if np.isfinite(p_value) or np.isfinite(figures).any():
            observed, expected, lower, upper = (float(value) for value in figures)
            found.append(Part(name, observed, expected, lower, upper, p_value))
    return tuple(found)
