"""Entities with mixed attributes: scored in their contexts, the oddest flagged, each an incident of its own.

What is learned from are the entities of the window itself and of `reference_windows` before it, without those that
people have confirmed as trouble. The seed is the monitor's name: the same rows are judged the same every time.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from tocsin.config import ContextualMonitorSettings
from tocsin.detectors import detector_class
from tocsin.errors import ConfigError, InputError, nearest
from tocsin.formatting import format_count
from tocsin.incidents import Indicator, OddEntity, describe_entity, describe_silence, indicators_of
from tocsin.model import EntityTable, Floats, Ints, RunStatus, Slice
from tocsin.pipeline.contextual.candidates import excesses, next_entities
from tocsin.pipeline.contextual.turnover import Turnover
from tocsin.pipeline.lens import Found
from tocsin.pipeline.memory import Memory
from tocsin.sources import EntityQuery, Source

__all__ = ["MIN_ENTITIES", "ContextualLens"]

MIN_ENTITIES = 20
"""Fewer are too few to say what is usual among them."""
MAX_ANOMALIES = 5_000
"""At most this many anomalies of one window are stored, those with the highest scores; the rest is counted."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class ContextualLens:
    """The entities of some windows, of the one before them, and of those they are compared with."""

    chunk_windows: ClassVar[int] = 7

    def __init__(
        self,
        monitor: ContextualMonitorSettings,
        table: EntityTable,
        first: int,
        confirmed: list[tuple[datetime, str]],
        n_candidates: int = 0,
    ) -> None:
        self._monitor, self._table, self._first, self._confirmed = monitor, table, first, confirmed
        self._n_candidates = n_candidates
        self.left_out = table.general

    @classmethod
    def read(
        cls, monitor: ContextualMonitorSettings, source: Source, memory: Memory, windows: range, now: datetime
    ) -> Self:
        for problem in _unknown(monitor, source):
            raise ConfigError(problem)
        query = _query(monitor, windows.start, windows.stop)
        known = [(window.start, _name(monitor, key)) for window, key in memory.confirmed(LONG_AGO, query.end)]
        return cls(monitor, source.entities(query, now), query.first, known, memory.n_candidates)

    @classmethod
    def problems(cls, monitor: ContextualMonitorSettings, source: Source, window: int) -> list[str]:
        return [*source.check(_query(monitor, window, window + 1)), *_unknown(monitor, source)]

    def digest(self, window: int) -> str:
        """Of the settings, the confirmed entities, and the rows that the window is judged by."""
        position = window - self._first
        about = [self._monitor.model_dump_json(), sorted(self._known_trouble(position))]
        digest = hashlib.blake2b(json.dumps(about).encode(), digest_size=16)
        rows = self._compared(position)
        digest.update((self._table.window[rows] - position).tobytes())
        digest.update(self._table.n_records[rows].tobytes())
        for name, column in [("", self._table.names), *sorted(self._table.columns.items())]:
            values = column[rows]
            is_text = values.dtype.kind == "O"
            digest.update(name.encode())
            digest.update(json.dumps(values.tolist()).encode() if is_text else values.tobytes())
        return digest.hexdigest()

    def judge(self, window: int) -> Found:
        position = window - self._first
        if self._table.silent[position]:
            silence = describe_silence(self._monitor.name, self._monitor.source)
            return Found(RunStatus.SILENT, sightings=(silence,))
        rows = self._table.rows_of(position)
        n_entities = rows.stop - rows.start
        left_out = (*self._table.general, *self._table.left_out[position])
        frame = self._frame(rows)
        try:
            detector, compared = self._fitted(position)
            scores: Floats = detector.anomaly_score(frame) if n_entities else np.empty(0)
        except InputError as error:  # too few entities, or none of their columns varies
            return Found(RunStatus.NOT_ENOUGH_DATA, n_entities, left_out=left_out, notes=(str(error),))
        flagged, notes = self._flagged(scores)
        n_flagged = len(flagged)
        shown = np.concatenate([flagged, next_entities(scores, flagged, self._n_candidates)])
        beyond = excesses(scores, shown, n_flagged, self._monitor.min_score)
        lines = detector.explain(frame.iloc[shown]) if len(shown) else None
        turnover = Turnover.between(self._table, position - 1, position)
        described = []
        for place, row in enumerate(shown):
            indicators = indicators_of(lines, place, compared)
            odd = self._odd(rows.start + int(row), float(scores[row]), indicators, turnover)
            anomaly, sighting = describe_entity(self._monitor.name, self._table.window_at(position), odd)
            described.append((anomaly, replace(sighting, excess=beyond[place])))
        return Found(
            n_parts=n_entities,
            n_tested=int(np.isfinite(scores).sum()),
            n_flagged=n_flagged,
            anomalies=tuple(anomaly for anomaly, _ in described[:n_flagged]),
            sightings=tuple(sighting for _, sighting in described[:n_flagged]),
            left_out=left_out,
            notes=(*turnover.notes, *notes, *_set_aside(detector)),
            candidates=tuple(sighting for _, sighting in described[n_flagged:]),
            candidate_anomalies=tuple(anomaly for anomaly, _ in described[n_flagged:]),
        )

    def _odd(self, row: int, score: float, indicators: tuple[Indicator, ...], turnover: Turnover) -> OddEntity:
        table, stake = self._table, self._monitor.stake
        name = str(table.names[row])
        moved = score if stake is None else _amount(table.columns[stake][row])
        return OddEntity(
            part=Slice(((table.entity, name),)),
            score=score,
            stake=abs(moved) if np.isfinite(moved) else 0.0,
            stake_of=stake,
            n_records=int(table.n_records[row]),
            is_new=name in turnover.new,
            indicators=indicators,
        )

    def _flagged(self, scores: Floats) -> tuple[Ints, tuple[str, ...]]:
        """The rows to flag, highest score first, equals by name; and what is said of those that were held back."""
        monitor = self._monitor
        odd = np.flatnonzero(scores >= monitor.min_score)
        order = odd[np.argsort(-scores[odd], kind="stable")]
        budget = min(max(1, int(monitor.max_share * len(scores))), MAX_ANOMALIES)
        if len(order) <= budget or not monitor.min_score:
            return order[:budget], ()
        held = format_count(len(order) - budget, "more entity", "more entities")
        return order[:budget], (f"{held} with a score of at least {monitor.min_score:g}, beyond max_share.",)

    def _fitted(self, position: int) -> tuple[Any, list[str]]:
        """A detector that has learned what is usual, and the names of the entities it has learned from."""
        trouble = self._known_trouble(position)
        rows = self._compared(position)
        kept = np.array([name not in trouble for name in self._table.names[rows]], dtype=bool)
        if kept.sum() < MIN_ENTITIES:
            raise InputError(
                "Too few entities to compare with", allowed=f"at least {MIN_ENTITIES}", got=int(kept.sum()),
                hint="a longer window, or reference_windows",
            )  # fmt: skip
        seed = int.from_bytes(hashlib.blake2b(self._monitor.name.encode(), digest_size=4).digest(), "big")
        detector: Any = detector_class("contextual")(contexts=self._monitor.contexts or None, random_state=seed)
        return detector.fit(self._frame(rows)[kept]), self._table.names[rows][kept].tolist()

    def _compared(self, position: int) -> slice:
        """The rows of the window and of those it is compared with."""
        first = max(0, position - self._monitor.reference_windows)
        return slice(self._table.rows_of(first).start, self._table.rows_of(position).stop)

    def _known_trouble(self, position: int) -> set[str]:
        end = self._table.window_at(position).end
        return {name for start, name in self._confirmed if start < end}

    def _frame(self, rows: slice) -> pd.DataFrame:
        return pd.DataFrame(
            {name: column[rows] for name, column in self._table.columns.items()}, index=self._table.names[rows]
        )


def _query(monitor: ContextualMonitorSettings, first: int, last: int) -> EntityQuery:
    return EntityQuery(
        grid=monitor.grid,
        first=first - max(1, monitor.reference_windows),
        last=last,
        entity=monitor.entity,
        features=monitor.features,
        attributes=monitor.attributes,
        columns=monitor.columns,
        min_records=monitor.min_records,
        max_entities=monitor.max_entities,
    )


def _unknown(monitor: ContextualMonitorSettings, source: Source) -> list[str]:
    """What a monitor of a table of entities names that the table has not; of events the configuration tells."""
    if not monitor.is_ready:
        return []
    named = [*(name for context in monitor.contexts for name in context), *filter(None, [monitor.stake])]
    return [
        f"Monitor {monitor.name!r} names the unknown column {name!r}; "
        f"{nearest(name, source.columns) or ', '.join(source.columns[:30])}"
        for name in dict.fromkeys(named)
        if name not in source.columns
    ]


def _name(monitor: ContextualMonitorSettings, key: str) -> str:
    """The entity of an anomaly; an anomaly of another column, from before an edit, names none."""
    return dict(Slice.from_key(key).items).get(monitor.entity, "")


def _amount(value: object) -> float:
    """A number of the stake's column; what is no number is nothing at stake."""
    return float(value) if isinstance(value, float) else 0.0


def _set_aside(detector: Any) -> tuple[str, ...]:
    """A sentence for each column that the detector could not use."""
    return tuple(f"{column.name} is not used: {column.note}" for column in detector.schema_.set_aside)
