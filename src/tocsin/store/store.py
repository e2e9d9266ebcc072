"""`Store`: everything tocsin remembers, in one SQLite file or one PostgreSQL database."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
from pydantic import SecretStr
from sqlalchemy.engine import Engine

from tocsin.model import Anomaly, Feedback, Incident, IncidentState, Item, LabelledItem, Run, Verdict, Window
from tocsin.store import feedback as answers
from tocsin.store import items, labels, outbox, queries, state, upkeep
from tocsin.store import lease as leases
from tocsin.store.engine import create_engine, reading, writing
from tocsin.store.migrate import migrate
from tocsin.store.window import WindowTransaction, window_transaction

__all__ = ["Store"]


class Store:
    """Open one with `Store.open`; usable from several threads, and by several processes at once.

    Every method is one transaction. Methods raise `StoreError` (busy, full, lost, unreadable) with a hint; whatever
    raised, nothing is left half done.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, Store.open("sqlite:///tocsin.db", base=Path(folder)) as store:
    ...     print(store.incidents())
    []
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: SecretStr | str, *, base: Path = Path(), patience_seconds: float = 60.0) -> Self:
        """Open a store, creating or upgrading its tables.

        Parameters
        ----------
        url : SecretStr or str
            ``sqlite:///FILE`` (relative to `base`) or ``postgresql://…``.
        base : Path
            The folder of the configuration file.
        patience_seconds : float
            How long a writer waits for another one before it raises `StoreError`.
        """
        engine = create_engine(url, base=base, patience_seconds=patience_seconds)
        try:
            migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine)

    def close(self) -> None:
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- windows ---------------------------------------------------------------------------------------------------

    def window_transaction(self, monitor: str, window: Window) -> AbstractContextManager[WindowTransaction]:
        """The transaction in which a window is judged and written, see `WindowTransaction`.

        The same thread writes nothing else to the store inside the block: on SQLite it would wait for itself.
        """
        return window_transaction(self._engine, monitor, window)

    def last_run(self, monitor: str) -> Run | None:
        """The run of the monitor's newest window."""
        with reading(self._engine) as connection:
            return next(iter(queries.runs(connection, monitor=monitor, newest_first=True, limit=1)), None)

    def runs(
        self, monitor: str | None = None, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[Run]:
        """Runs of windows that start in [since, until), oldest first."""
        with reading(self._engine) as connection:
            return queries.runs(connection, monitor=monitor, since=since, until=until)

    def run_of(self, monitor: str, window: Window) -> Run | None:
        """What was written of exactly this window."""
        with reading(self._engine) as connection:
            found = queries.runs(connection, monitor=monitor, since=window.start, limit=1)
        return next((run for run in found if run.window == window), None)

    # --- anomalies and incidents -----------------------------------------------------------------------------------

    def anomalies(
        self,
        *,
        monitor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        incident: str | None = None,
        order: queries.AnomalyOrder = "time",
        limit: int | None = None,
    ) -> list[Anomaly]:
        """Anomalies whose window starts in [since, until); order "time", or "score" (most anomalous first)."""
        with reading(self._engine) as connection:
            return queries.anomalies(
                connection, monitor=monitor, since=since, until=until, incident=incident, order=order, limit=limit
            )

    def incidents(
        self,
        *,
        monitor: str | None = None,
        states: Collection[IncidentState] | None = None,
        since: datetime | None = None,
        order: queries.IncidentOrder = "stake",
        limit: int | None = None,
    ) -> list[Incident]:
        """Incidents last seen in a window that ends after `since`; order "stake" (highest first) or "time" (newest)."""
        with reading(self._engine) as connection:
            return queries.incidents(connection, monitor=monitor, states=states, since=since, order=order, limit=limit)

    def find(self, id_prefix: str) -> Anomaly | Incident:
        """The one anomaly or incident whose id begins so; raises `InputError` that lists the candidates."""
        with reading(self._engine) as connection:
            return queries.find(connection, id_prefix)

    def subject(self, id_prefix: str) -> Anomaly | Incident | Item:
        """What an answer can be given to: as `find`, and where there is nothing, the one item whose id begins so."""
        with reading(self._engine) as connection:
            return answers.subject_of(connection, id_prefix)

    def items(
        self,
        monitor: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
        changed: bool = False,
    ) -> list[Item]:
        """What relevancy remembers of windows that start in [since, until), oldest first; with a limit the newest.

        changed : not all, but what answers held back or raised
        """
        with reading(self._engine) as connection:
            return items.items(connection, monitor=monitor, since=since, until=until, limit=limit, changed=changed)

    def newest_items(self, monitor: str, span: timedelta, *, limit: int, schema: str) -> list[Item]:
        """The newest items of embeddings of one schema, in windows at most `span` before the newest's end."""
        with reading(self._engine) as connection:
            last = items.items(connection, monitor=monitor, limit=1, schema_name=schema)
            since = last[0].window.end - span if last else None
            return items.items(connection, monitor=monitor, since=since, limit=limit, schema_name=schema)

    def item_counts(self, monitor: str, since: datetime) -> dict[str, int]:
        """How many items there are of windows from `since` on, by the schema of their embeddings."""
        with reading(self._engine) as connection:
            return items.counts(connection, monitor, since)

    def subjects(self, found: Sequence[Item]) -> tuple[dict[str, str], set[str]]:
        """Of some items: leading anomaly -> its incident, and the ids of all that somebody has answered about."""
        with reading(self._engine) as connection:
            return items.subjects(connection, found)

    # --- feedback --------------------------------------------------------------------------------------------------

    def add_feedback(self, feedback: Feedback) -> Feedback:
        """Add an answer, its subject named by id or unique prefix; returns it with the full id."""
        with writing(self._engine) as connection:
            return answers.add(connection, feedback)

    def undo_feedback(self, subject_id: str, author: str, *, at: datetime) -> Feedback:
        """Take back the author's last answer and return it; the answer before it counts again."""
        with writing(self._engine) as connection:
            return answers.undo(connection, subject_id, author, at)

    def feedback(
        self, *, monitor: str | None = None, subject_id: str | None = None, since: datetime | None = None
    ) -> list[Feedback]:
        """The answers that count, given at `since` or later, oldest first."""
        with reading(self._engine) as connection:
            return answers.counting(connection, monitor=monitor, subject_id=subject_id, since=since)

    def labels(self, monitors: Sequence[str], *, limit: int = 300) -> list[LabelledItem]:
        """What the newest answers to these monitors teach, oldest first, both sides as even as may be."""
        with reading(self._engine) as connection:
            return labels.labels(connection, monitors, limit)

    def n_answers_apart(self, monitor: str) -> int:
        """How many answers with a side stand for no item: given before there were items, or about a silent source."""
        with reading(self._engine) as connection:
            return labels.n_apart(connection, monitor)

    def excluded(self, monitor: str, since: datetime, until: datetime) -> list[tuple[Window, str]]:
        """(window, slice key) of anomalies in [since, until) confirmed as relevant: they leave the reference."""
        with reading(self._engine) as connection:
            return answers.excluded(connection, monitor, since, until)

    def decided(self, monitor: str, since: datetime, until: datetime) -> list[tuple[Window, str, Verdict]]:
        """(window, slice key, verdict) of anomalies in [since, until) that people judged, whatever they said."""
        with reading(self._engine) as connection:
            return answers.decided(connection, monitor, since, until)

    # --- outbox ----------------------------------------------------------------------------------------------------

    def claim_alerts(
        self, now: datetime, *, limit: int = 1, hold_seconds: float = 300.0, without_channels: Collection[str] = ()
    ) -> list[outbox.OutboxRow]:
        """Due alerts, oldest first; no other deliverer gets them for `hold_seconds`."""
        with writing(self._engine) as connection:
            return outbox.claim(
                connection, now, limit=limit, hold_seconds=hold_seconds, without_channels=without_channels
            )

    def record_attempt(
        self, row_id: int, claim: str, at: datetime, *, error: str | None, next_at: datetime | None
    ) -> bool:
        """Note how delivering a claimed alert went: `error` None = sent; `next_at` None with an error = dead letter."""
        with writing(self._engine) as connection:
            return outbox.record_attempt(connection, row_id, claim, at, error=error, next_at=next_at)

    def alert_counts(self) -> dict[str, int]:
        """How many alerts are "waiting", "sent" and "dead"."""
        with reading(self._engine) as connection:
            return outbox.counts(connection)

    def dead_letters(self, *, limit: int | None = None) -> list[outbox.DeadLetter]:
        """Alerts that were given up, oldest first."""
        with reading(self._engine) as connection:
            return outbox.dead_letters(connection, limit=limit)

    def requeue(self, dead_letter_id: int, *, now: datetime) -> None:
        """Try a dead letter again, with a full set of attempts; raises `InputError` where there is none."""
        with writing(self._engine) as connection:
            outbox.requeue(connection, dead_letter_id, now)

    # --- leases, detector state, upkeep ----------------------------------------------------------------------------

    def lease(self, name: str, holder: str, now: datetime, seconds: float) -> AbstractContextManager[leases.Lease]:
        """Hold a lease for the block, `seconds` at a time (`Lease.renew`); raises `LeaseHeld` where another has it."""
        return leases.held(self._engine, name, holder, now, seconds)

    def get_state(self, monitor: str, name: str) -> state.DetectorState | None:
        """A detector's state, or None."""
        with reading(self._engine) as connection:
            return state.get_state(connection, monitor, name)

    def state_names(self, monitor: str, prefix: str = "") -> list[str]:
        """The names of the monitor's states that begin so, in order."""
        with reading(self._engine) as connection:
            return state.state_names(connection, monitor, prefix)

    def states(self, monitor: str, prefix: str) -> dict[str, state.DetectorState]:
        """The states whose names begin so, in the order of their names, all of one instant."""
        with reading(self._engine) as connection:
            names = state.state_names(connection, monitor, prefix)
            found = {name: state.get_state(connection, monitor, name) for name in names}
        return {name: kept for name, kept in found.items() if kept is not None}

    def put_state(
        self,
        monitor: str,
        name: str,
        version: int,
        arrays: Mapping[str, np.ndarray[Any, Any]],
        meta: Mapping[str, Any],
        *,
        at: datetime,
    ) -> None:
        """Replace a detector's state (`WindowTransaction.put_state` does so together with a window)."""
        with writing(self._engine) as connection:
            state.put_state(connection, monitor, name, version, arrays, meta, at)

    def apply_retention(self, before: datetime) -> dict[str, int]:
        """Delete what ended before `before`; returns the number of rows by table. Feedback is kept."""
        with writing(self._engine) as connection:
            return upkeep.apply_retention(connection, before)

    def export(self, folder: Path) -> list[Path]:
        """Write every table as a Parquet file, all of one instant; JSON columns as text."""
        with reading(self._engine) as connection:
            return upkeep.export(connection, folder)
