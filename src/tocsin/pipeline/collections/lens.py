"""Collections: each entity's histogram of a window, judged against its own evidence and its peers'.

The lens learns as time goes. It finds what it knew before the first window of a stretch in the store; where that is
missing or unfit (a first run, a backfill, changed settings, an answer taken back), it reads the history before the
window at which its evidence began, at most twice `history` ago, and learns anew.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import datetime
from typing import ClassVar, Self

from tocsin.config import CollectionMonitorSettings
from tocsin.incidents import describe_silence
from tocsin.model import Histograms, RunStatus
from tocsin.pipeline.collections.evidence import Answer, Evidence, answers_of, fitness
from tocsin.pipeline.collections.judgement import Judgement
from tocsin.pipeline.lens import Found
from tocsin.pipeline.memory import Kept, Memory
from tocsin.sources import HistogramQuery, Source

__all__ = ["CollectionsLens"]

MAX_ANOMALIES = 5_000
"""At most this many anomalies of one window are stored, those with the lowest p-values; the rest is counted."""


class CollectionsLens:
    """The histograms of some windows, and the evidence before the one that comes next."""

    chunk_windows: ClassVar[int] = 14

    def __init__(
        self,
        monitor: CollectionMonitorSettings,
        histograms: Histograms,
        first: int,
        evidence: Evidence,
        answers: list[Answer],
    ) -> None:
        self._monitor, self._histograms, self._first = monitor, histograms, first
        self._evidence, self._answers = evidence, answers
        self._fresh: tuple[Kept, ...] = ()
        self._n_candidates = 0
        self.left_out = histograms.general

    @classmethod
    def read(
        cls, monitor: CollectionMonitorSettings, source: Source, memory: Memory, windows: range, now: datetime
    ) -> Self:
        grid, start = monitor.grid, windows.start
        since = grid.start_of(start - 2 * monitor.n_history)
        answers = answers_of(monitor.entity, memory.decided(since, grid.start_of(windows.stop)))
        known = [answer for answer in answers if answer[0] < grid.start_of(start).timestamp()]
        found = memory.carried._before(start) if memory.carried is not None else None
        if found is None or not found.fits(start, known, since):
            found = Evidence.restored(monitor, start, memory.kept(start), known, since)
        if found is not None:
            histograms = source.histograms(_query(monitor, start, windows.stop, found.edges), now)
            lens = cls(monitor, histograms, start, found, answers)
        else:
            origin = _origin(monitor, memory, start)
            first = origin - monitor.n_history
            edges = _edges(monitor, source, range(first, origin), windows.stop, now)
            histograms = source.histograms(_query(monitor, first, windows.stop, edges), now)
            evidence = Evidence.learned(monitor, histograms, first, origin, answers)
            evidence.edges = edges
            lens = cls(monitor, histograms, first, evidence, answers)
            lens._advance(start)
            lens._fresh = (evidence.kept(),)
        memory.carried = lens
        lens._n_candidates = memory.n_candidates
        return lens

    @classmethod
    def problems(cls, monitor: CollectionMonitorSettings, source: Source, window: int) -> list[str]:
        return source.check(_query(monitor, window, window + 1, ()))

    def digest(self, window: int) -> str:
        """Of the settings, what was known before the window, and its histograms."""
        self._advance(window)
        parts = [self._monitor.model_dump_json(), self._evidence.digest]
        parts.append(self._histograms.digest_of(window - self._first))
        return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()

    def judge(self, window: int) -> Found:
        self._advance(window)
        position, evidence, histograms = window - self._first, self._evidence, self._histograms
        if histograms.silent[position]:
            silence = describe_silence(self._monitor.name, self._monitor.source)
            found = Found(RunStatus.SILENT, sightings=(silence,), left_out=histograms.general)
            return self._with_states(found, position)
        counts, fine = evidence.collections(histograms, position)
        left_out = (*histograms.general, *histograms.left_out[position])
        if counts is None:
            note = f"No {self._monitor.entity} has {self._monitor.min_records} records."
            found = Found(RunStatus.NOT_ENOUGH_DATA, left_out=left_out, notes=(note,))
            return self._with_states(found, position)
        judgement = Judgement(self._monitor, evidence, histograms, position, counts, fine)
        described = judgement.described(MAX_ANOMALIES)
        below = judgement.candidates(self._n_candidates) if self._n_candidates else []
        found = Found(
            status=judgement.status,
            n_parts=judgement.n_open,
            n_tested=judgement.n_tested,
            n_flagged=judgement.n_flagged,
            anomalies=tuple(anomaly for anomaly, _ in described),
            sightings=tuple(sighting for _, sighting in described),
            left_out=(*left_out, *judgement.left_out(len(described))),
            notes=judgement.notes + judgement.sight_notes(),
            candidates=tuple(sighting for _, sighting in below),
            candidate_anomalies=tuple(anomaly for anomaly, _ in below),
        )
        return self._with_states(found, position)

    def _with_states(self, found: Found, position: int) -> Found:
        """With what is known after the window, and before the first one where that was learned anew.

        Before anybody is known there is nothing to keep.
        """
        self._evidence.step(self._histograms, position)
        states = (*self._fresh, self._evidence.kept()) if len(self._evidence.names) else ()
        self._fresh = ()
        return replace(found, states=states, n_states=max(self._monitor.reevaluate, 1) + 1)

    def _before(self, window: int) -> Evidence:
        """What is known before a window, for the lens of the next stretch."""
        if window <= self._first + self._histograms.n_windows:
            self._advance(window)
        return self._evidence

    def _advance(self, window: int) -> None:
        """Know everything up to a window: what happened in those before it, and what people said of them."""
        evidence, starts = self._evidence, self._histograms.starts
        evidence.apply(self._answers, int(starts[evidence.window - self._first]))
        while evidence.window < window:
            evidence.step(self._histograms, evidence.window - self._first)
            evidence.apply(self._answers, int(starts[evidence.window - self._first]))


def _origin(monitor: CollectionMonitorSettings, memory: Memory, start: int) -> int:
    """Where learning anew begins: where the evidence that is kept began, if that is not too long ago."""
    kept = memory.newest()
    if kept is None or kept.meta.get("settings") != fitness(monitor):
        return start
    return max(min(int(kept.meta["origin"]), start), start - monitor.n_history)


def _query(monitor: CollectionMonitorSettings, first: int, last: int, edges: tuple[float, ...]) -> HistogramQuery:
    bins = monitor.bins
    given = [] if isinstance(bins, int) else list(bins)
    return HistogramQuery(
        grid=monitor.grid,
        first=first,
        last=last,
        entity=monitor.entity,
        attribute=None if monitor.is_time_of_day else monitor.attribute,
        n_bins=bins if isinstance(bins, int) else len(bins),
        fine_seconds=monitor.fine_seconds,
        edges=edges or tuple(float(value) for value in given if not isinstance(value, str)),
        categories=tuple(value for value in given if isinstance(value, str)),
        weight=monitor.weight,
        peers=monitor.peers,
        min_records=monitor.min_records,
        max_entities=monitor.max_entities,
    )


def _edges(
    monitor: CollectionMonitorSettings, source: Source, learned: range, stop: int, now: datetime
) -> tuple[float, ...]:
    """Of a column of numbers whose bins are quantiles, as they are in the history or, for want of one, in the windows
    to be judged; else none."""
    if monitor.is_time_of_day or not isinstance(monitor.bins, int):
        return ()
    for last in (learned.stop, stop):
        edges = source.edges(_query(monitor, learned.start, last, ()), monitor.bins, now)
        if edges:
            return edges
    return (0.0,)
