"""One window: judged, folded into incidents, and written with its alerts in one transaction."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np

from tocsin.alerts import build_alert, route
from tocsin.config import MonitorSettings, Settings
from tocsin.errors import NotEnoughData
from tocsin.incidents import (
    Sighting,
    advance,
    describe_anomaly,
    describe_cause,
    describe_silence,
    find_causes,
)
from tocsin.model import Anomaly, Change, Incident, LeftOut, Run, RunStatus, SliceScores, Window
from tocsin.pipeline.course import Course
from tocsin.pipeline.judge import Judge
from tocsin.store import Store

__all__ = ["MonitorReport", "WindowWriter"]

MAX_ANOMALIES = 5_000
"""At most this many anomalies of one window are stored, those with the largest deviations; the rest is counted."""


@dataclass(slots=True)
class MonitorReport:
    """What a run did for one monitor.

    n_skipped : due windows left to a backfill because more than `max_catch_up` were missed
    left_out  : what the source left out of the facts, the last time they were read
    """

    monitor: str
    runs: list[Run] = field(default_factory=list)
    n_unchanged: int = 0
    n_skipped: int = 0
    changes: list[tuple[Incident, Change]] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    left_out: tuple[LeftOut, ...] = ()

    @property
    def n_flagged(self) -> int:
        return sum(run.n_flagged for run in self.runs)


@dataclass(frozen=True, slots=True)
class _Found:
    """What a judged window holds before it meets the incidents that are alive."""

    run: Run
    anomalies: tuple[Anomaly, ...] = ()
    sightings: tuple[Sighting, ...] = ()


class _DryRun(Exception):
    """Leaves the transaction so that nothing of the window is kept."""


class WindowWriter:
    """Judges windows of one monitor and writes what it finds.

    Parameters
    ----------
    alerts : bool
        Whether changes of incidents are announced.
    dry_run : bool
        Do everything inside the transaction, then roll it back.
    """

    def __init__(
        self, settings: Settings, monitor: MonitorSettings, store: Store, now: datetime, *, alerts: bool, dry_run: bool
    ) -> None:
        self._settings, self._monitor, self._store, self._now = settings, monitor, store, now
        self._alerts, self._dry_run = alerts, dry_run
        self.report = MonitorReport(monitor.name)

    def write(self, judge: Judge, course: Course, position: int) -> None:
        """Judge the window at `position` of the judge's facts and write it, unless nothing has changed."""
        window, digest = judge.facts.window_at(position), judge.digest(position)
        before = self._store.run_of(self._monitor.name, window)
        if before is not None and before.facts_digest == digest:
            self.report.n_unchanged += 1
            return
        run = Run(self._monitor.name, window, self._now, RunStatus.EVALUATED, digest, judge.facts.n_slices)
        if judge.facts.silent[position]:
            silence = describe_silence(self._monitor.name, self._monitor.source)
            found = _Found(replace(run, status=RunStatus.SILENT), (), (silence,))
        else:
            try:
                scores = judge.scores(position)
            except NotEnoughData as error:
                found = _Found(replace(run, status=RunStatus.NOT_ENOUGH_DATA, notes=(str(error),)))
            else:
                course.add(position, scores)
                found = self._found(judge, course, position, scores, run)
        self._commit(window, found)

    def _found(self, judge: Judge, course: Course, position: int, scores: SliceScores, run: Run) -> _Found:
        facts, window = judge.facts, run.window
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
        monitor = self._monitor
        about = (monitor.name, monitor.kpi, monitor.unit_value, facts, scores)
        anomalies = {int(index): describe_anomaly(*about, window, int(index)) for index in selected}
        sightings = [
            describe_cause(
                *about,
                cause,
                [anomalies[member].id for member in cause.members],
                course.of(cause.slice_index, position),
            )
            for cause in causes
        ]
        run = replace(
            run,
            n_tested=int(np.isfinite(scores.p_value).sum()),
            n_flagged=len(flagged),
            left_out=tuple(left_out),
            notes=tuple(scores.notes),
        )
        return _Found(run, tuple(anomalies.values()), tuple(sightings))

    def _commit(self, window: Window, found: _Found) -> None:
        monitor, run = self._monitor, found.run
        with suppress(_DryRun), self._store.window_transaction(monitor.name, window) as transaction:
            previous = transaction.previous
            if previous is not None and previous.facts_digest == run.facts_digest:
                self.report.n_unchanged += 1  # another process was faster
                return
            step = advance(
                monitor.name,
                str(monitor.kpi),
                window,
                transaction.live_incidents(),
                found.sightings,
                index_of=lambda other: monitor.grid.index_of(other.start),
                is_new=previous is None,
                counts_as_quiet=run.status is RunStatus.EVALUATED,
                close_after=monitor.close_after,
                max_incidents=monitor.max_incidents,
            )
            if step.n_left:
                detail = "causes beyond the limit of new incidents a window; their anomalies are stored"
                left_out = LeftOut("incident limit", step.n_left, "incidents", detail)
                run = replace(run, left_out=(*run.left_out, left_out))
            here = {anomaly.id: anomaly for anomaly in found.anomalies}
            messages = [
                build_alert(
                    incident,
                    change,
                    [here[name] for name in incident.anomaly_ids if name in here],
                    at=self._now,
                    link=self._settings.alerts.link,
                    channels=route(self._settings.alerts, incident),
                )
                for incident, change in (step.changes if self._alerts else ())
            ]
            transaction.write(run, found.anomalies, step.incidents, messages)
            self.report.runs.append(run)
            self.report.changes += step.changes
            self.report.anomalies += found.anomalies
            if self._dry_run:
                raise _DryRun


def _strongest(scores: SliceScores, flagged: np.ndarray) -> np.ndarray:
    if len(flagged) <= MAX_ANOMALIES:
        return flagged
    deviation = np.abs(scores.amount - scores.expected_amount)[flagged] / scores.deviation_sd[flagged]
    return np.sort(flagged[np.argsort(-deviation, kind="stable")[:MAX_ANOMALIES]])
