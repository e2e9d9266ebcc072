"""One window: judged, folded into incidents, and written with its alerts in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime

from tocsin.alerts import build_alert, route
from tocsin.config import MonitorSettings, Settings
from tocsin.incidents import advance
from tocsin.model import Alert, Anomaly, Change, Incident, Item, LeftOut, Run, RunStatus
from tocsin.pipeline.lens import Found, Lens
from tocsin.pipeline.memory import keep
from tocsin.pipeline.relevance import Relevance
from tocsin.pipeline.relevance_model import STATE
from tocsin.store import Store, WindowTransaction

__all__ = ["MonitorReport", "WindowWriter"]


@dataclass(slots=True)
class MonitorReport:
    """What a run did for one monitor.

    n_skipped : due windows left to a backfill because more than `max_catch_up` were missed
    left_out  : what the source left out, the last time it was read
    noun      : what was judged, one and many
    n_held, n_raised : sightings that were held back, and that rang below the detector's threshold, for people's answers
    """

    monitor: str
    noun: tuple[str, str] = ("slice", "slices")
    runs: list[Run] = field(default_factory=list)
    n_unchanged: int = 0
    n_skipped: int = 0
    n_held: int = 0
    n_raised: int = 0
    changes: list[tuple[Incident, Change]] = field(default_factory=list)
    anomalies: list[Anomaly] = field(default_factory=list)
    left_out: tuple[LeftOut, ...] = ()

    @property
    def n_flagged(self) -> int:
        return sum(run.n_flagged for run in self.runs)


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
        self.relevance = Relevance(store, settings, monitor)
        self._kept_model = ""
        self.report = MonitorReport(monitor.name, monitor.noun)

    def write(self, lens: Lens, index: int) -> None:
        """Judge a window (by its index on the monitor's grid) and write it, unless nothing has changed."""
        window, digest = self._monitor.grid.window(index), lens.digest(index)
        before = self._store.run_of(self._monitor.name, window)
        if before is not None and before.facts_digest == digest:
            self.report.n_unchanged += 1
            return
        found = lens.judge(index)
        run = Run(
            self._monitor.name,
            window,
            self._now,
            found.status,
            digest,
            found.n_parts,
            found.n_tested,
            found.n_flagged,
            found.left_out,
        )
        self._commit(run, found, self.relevance.judge(found, window))

    def _commit(self, run: Run, judged: Found, items: Sequence[Item]) -> None:
        monitor, window = self._monitor, run.window
        with suppress(_DryRun), self._store.window_transaction(monitor.name, window) as transaction:
            previous = transaction.previous
            if previous is not None and previous.facts_digest == run.facts_digest:
                self.report.n_unchanged += 1  # another process was faster
                return
            chosen = self.relevance.settle(judged, items, previous, transaction.items())
            found = chosen.found
            run = replace(run, notes=found.notes)
            step = advance(
                monitor.name,
                monitor.subject,
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
            messages = self._messages(step.changes, found.anomalies)
            transaction.write(run, found.anomalies, step.incidents, messages, chosen.items)
            if found.states:
                keep(transaction, found.states, found.n_states, self._now)
            self._keep_model(transaction)
            self.report.runs.append(run)
            self.report.n_held += chosen.n_held
            self.report.n_raised += chosen.n_raised
            self.report.changes += step.changes
            self.report.anomalies += found.anomalies
            if self._dry_run:
                raise _DryRun

    def _messages(self, changes: Sequence[tuple[Incident, Change]], anomalies: Sequence[Anomaly]) -> list[Alert]:
        """What is to be announced."""
        here = {anomaly.id: anomaly for anomaly in anomalies}
        return [
            build_alert(
                incident,
                change,
                [here[name] for name in incident.anomaly_ids if name in here],
                at=self._now,
                link=self._settings.alerts.link,
                channels=route(self._settings.alerts, incident),
            )
            for incident, change in (changes if self._alerts else ())
        ]

    def _keep_model(self, transaction: WindowTransaction) -> None:
        """Keep what was chosen by, once for each model; nothing, once all answers are taken back."""
        if not self.relevance.has_answers:
            transaction.delete_states([STATE])
        wishes = self.relevance.wishes
        if wishes is not None and wishes.version != self._kept_model:
            layout, arrays, meta = wishes.state()
            transaction.put_state(STATE, layout, arrays, meta, self._now)
            self._kept_model = wishes.version
