"""What is known of every entity before a window: the detector, who is in which of its rows, and how it came about.

The chain. What is known before window i + 1 is a function of what was known before window i, of the histograms of
window i, and of the answers about windows up to i. `digest` follows that function, not the numbers: equal digests,
equal evidence. An answer is applied once; one that was taken back, or changed, makes the evidence unfit, and it is
learned anew from `origin` on, the window at which the chain began.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from tocsin.config import CollectionMonitorSettings
from tocsin.detectors import detector_class
from tocsin.errors import InputError
from tocsin.model import Histograms, Ints, Slice, Verdict, Window
from tocsin.pipeline.collections.keeping import LAYOUT, join_shards, rows_of_arrays, split_shards
from tocsin.pipeline.memory import Kept
from tocsin.store import DetectorState

__all__ = ["Answer", "Evidence", "answers_of", "fitness"]

BASIS = (
    "source", "entity", "attribute", "bins", "fine", "weight", "peers", "window", "timezone", "origin", "history",
    "n_normal", "mode", "target_fpr", "level", "threshold", "alpha", "holidays", "min_records", "max_entities",
)  # fmt: skip
"""The settings that evidence depends on."""

PART_BYTES = 1 << 27
"""Size of the fine counts of the entities that are learned at a time."""

Answer = tuple[int, str, bool]
"""Start of the window in epoch seconds, the entity, and whether the collection is anomalous."""


def fitness(monitor: CollectionMonitorSettings) -> str:
    """A digest of the settings that evidence depends on."""
    text = monitor.model_dump_json(include=set(BASIS))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def answers_of(entity: str, decided: Iterable[tuple[Window, str, Verdict]]) -> list[Answer]:
    """What people said of the entities' collections; an anomaly of another column, from before an edit, is none."""
    found = []
    for window, key, verdict in decided:
        name = dict(Slice.from_key(key).items).get(entity)
        if name is not None:
            found.append((int(window.start.timestamp()), name, verdict is Verdict.RELEVANT))
    return sorted(found)


class Evidence:
    """The evidence before one window.

    Attributes
    ----------
    window : index on the grid of the window that comes next
    origin : index of the first window that was not learned from at once
    edges : of the bins of a column of numbers
    digest : of everything that it depends on
    """

    def __init__(
        self, monitor: CollectionMonitorSettings, window: int, edges: Sequence[float], origin: int, digest: str
    ) -> None:
        self._monitor = monitor
        self.window, self.edges, self.origin, self.digest = window, tuple(edges), origin, digest
        self.detector: Any = None
        self.names: Any = pd.Index([], dtype=object)
        self._last_seen: Ints = np.empty(0, dtype=np.int64)
        self._group: Ints = np.empty(0, dtype=np.int64)
        self._groups: list[str] = []
        self._applied: set[Answer] = set()

    # --- learning --------------------------------------------------------------------------------------------------

    @classmethod
    def learned(
        cls, monitor: CollectionMonitorSettings, histograms: Histograms, first: int, origin: int, answers: list[Answer]
    ) -> Evidence:
        """Learn at once from the windows before `origin`; `first` is the index of the histograms' first window."""
        n_windows = origin - first
        digest = _digest(fitness(monitor), histograms.labels, *(histograms.digest_of(w) for w in range(n_windows)))
        made = cls(monitor, origin, (), origin, digest)
        rows = slice(0, histograms.rows_of(n_windows - 1).stop)
        if rows.stop:
            made._admit(histograms, rows, origin)
            mine = [answer for answer in answers if answer[0] < histograms.starts[n_windows]]
            anomalous = made._anomalous(histograms, mine)[:, :n_windows]
            periods = pd.DatetimeIndex([histograms.window_at(w).start for w in range(n_windows)])
            made.detector = made._new_detector()
            parts = _parts(histograms, len(made.names), n_windows, anomalous)
            made.detector.fit_parts(parts, periods, groups=made._given_groups())
        made.apply(answers, histograms.starts[n_windows])
        return made

    def step(self, histograms: Histograms, position: int) -> None:
        """Take the window at `position` of the histograms as known."""
        counts, fine = self.collections(histograms, position)
        if counts is not None:
            self.detector.update(counts, histograms.window_at(position).start, fine=fine)
        self.digest = _digest(self.digest, histograms.digest_of(position))
        self.window += 1
        if self.window % self._monitor.n_history == 0:
            self._forget()

    def collections(self, histograms: Histograms, position: int) -> tuple[Ints | None, Any]:
        """Counts of bins and of finer spans, one row an entity that is known; None: nobody has any."""
        rows = histograms.rows_of(position)
        if rows.start == rows.stop:
            return None, None
        self._admit(histograms, rows, self.window)
        if self.detector is None:
            self._begin(histograms)
        return _split(histograms, histograms.spans_of(rows, self.places(histograms, position), len(self.names)))

    def places(self, histograms: Histograms, position: int) -> Ints:
        """The detector's row of each entity with records in a window."""
        found: Ints = self.names.get_indexer(histograms.names_of(position)).astype(np.int64)
        return found

    def apply(self, answers: Sequence[Answer], before: int) -> None:
        """Move the collections that people have judged, of windows that start before, between the evidence sets."""
        fresh = [answer for answer in answers if answer[0] < before and answer not in self._applied]
        if not fresh:
            return
        rows = self.names.get_indexer([name for _, name, _ in fresh])
        for (start, _, is_anomalous), row in zip(fresh, rows, strict=True):
            if row >= 0:
                self.detector.feedback(int(row), datetime.fromtimestamp(start, UTC), anomalous=is_anomalous)
        self._applied.update(fresh)
        self.digest = _digest(self.digest, *map(json.dumps, fresh))

    def _admit(self, histograms: Histograms, rows: slice, window: int) -> None:
        """Give a row to each entity that is new, in the order of their names."""
        codes, newest = np.unique(histograms.code[rows][::-1], return_index=True)
        names = histograms.names[codes]
        places = self.names.get_indexer(names)
        self._last_seen[places[places >= 0]] = window
        is_new = places < 0
        if not is_new.any():
            return
        self.names = self.names.append(pd.Index(names[is_new], dtype=object))
        self._last_seen = np.append(self._last_seen, np.full(int(is_new.sum()), window))
        labels = None if histograms.peers is None else histograms.peers[rows][::-1][newest[is_new]]
        self._group = np.append(self._group, self._codes_of(labels, int(is_new.sum())))
        if self.detector is not None:
            self.detector.grow(len(self.names), groups=self._given_groups())

    def _forget(self) -> None:
        """Let go of those who have had no records for two histories, so that the evidence does not grow for ever."""
        stays = np.flatnonzero(self._last_seen >= self.window - 2 * self._monitor.n_history)
        if len(stays) == len(self.names):
            return
        self.names, self._last_seen, self._group = self.names[stays], self._last_seen[stays], self._group[stays]
        state, self.detector = self.detector.get_state(copy=False), None
        if len(stays):
            self.detector = self._new_detector()
            self.detector.set_state({"arrays": rows_of_arrays(state["arrays"], stays), "meta": state["meta"]})

    def _begin(self, histograms: Histograms) -> None:
        """Nobody was known: a detector that knows of one closed period."""
        counts = np.zeros((len(self.names), 1, histograms.n_bins), dtype=np.int64)
        n_fine = histograms.n_spans if histograms.n_spans > histograms.n_bins else 0
        fine = np.zeros((len(self.names), 1, n_fine), dtype=np.int64) if n_fine else None
        before = pd.DatetimeIndex([self._monitor.grid.start_of(self.window - 1)])
        self.detector = self._new_detector()
        self.detector.fit(counts, before, fine=fine, groups=self._given_groups())

    def _codes_of(self, labels: Any, n: int) -> Ints:
        if labels is None:
            return np.zeros(n, dtype=np.int64)
        known = {label: code for code, label in enumerate(self._groups)}
        for label in sorted(set(labels) - set(known)):
            known[label] = len(known)
        self._groups = list(known)
        return np.array([known[label] for label in labels], dtype=np.int64)

    def _given_groups(self) -> Ints | None:
        return self._group if self._monitor.peers else None

    def _anomalous(self, histograms: Histograms, answers: Iterable[Answer]) -> Any:
        found = np.zeros((len(self.names), histograms.n_windows), dtype=bool)
        for start, name, is_anomalous in answers:
            row, window = self.names.get_indexer([name])[0], int(np.searchsorted(histograms.starts, start))
            if row >= 0 and is_anomalous and window < histograms.n_windows and histograms.starts[window] == start:
                found[row, window] = True
        return found

    def _new_detector(self) -> Any:
        monitor = self._monitor
        return detector_class(monitor.kind)(
            mode=monitor.mode,
            target_fpr=monitor.target_fpr,
            n_normal=monitor.n_normal,
            level=monitor.level,
            threshold=monitor.threshold,
            alpha=monitor.alpha,
            timezone=monitor.timezone,
            holidays=monitor.holidays,
        )

    def fits(self, window: int, answers: Sequence[Answer], since: datetime) -> bool:
        """Whether this is what is known before a window, given the answers that count, as far back as `since`."""
        oldest = since.timestamp()
        applied = {answer for answer in self._applied if answer[0] >= oldest}
        return self.window == window and len(self.names) > 0 and applied <= set(answers)

    # --- keeping ---------------------------------------------------------------------------------------------------

    def kept(self) -> Kept:
        """A copy for the store, in shards of entities."""
        empty: dict[str, Any] = {"arrays": {}, "meta": {}}
        state = self.detector.get_state(copy=False) if self.detector is not None else empty
        meta = {
            "layout": LAYOUT,
            "settings": fitness(self._monitor),
            "origin": self.origin,
            "digest": self.digest,
            "edges": list(self.edges),
            "applied": sorted(map(list, self._applied)),
            "groups": self._groups,
            "detector": state["meta"],
            "n_entities": len(self.names),
        }
        arrays = {"last_seen": self._last_seen, "group": self._group}
        return Kept(self.window, tuple(split_shards(self.names, arrays, state["arrays"], meta)))

    @classmethod
    def restored(
        cls,
        monitor: CollectionMonitorSettings,
        window: int,
        shards: Sequence[DetectorState],
        answers: Sequence[Answer],
        since: datetime,
    ) -> Evidence | None:
        """What was kept before a window; None where there is none, or settings or answers have changed since."""
        meta: Mapping[str, Any] = shards[0].meta if shards else {}
        if meta.get("layout") != LAYOUT or meta["settings"] != fitness(monitor):
            return None
        made = cls(monitor, window, meta["edges"], int(meta["origin"]), meta["digest"])
        made._applied = {(int(start), str(name), bool(anomalous)) for start, name, anomalous in meta["applied"]}
        made._groups = list(meta["groups"])
        names, arrays, detector = join_shards(shards)
        made.names = pd.Index(names, dtype=object)
        if len(names) != meta["n_entities"] or not made.fits(window, answers, since):
            return None
        made._last_seen, made._group = arrays["last_seen"], arrays["group"]
        made.detector = made._new_detector()
        try:
            made.detector.set_state({"arrays": detector, "meta": meta["detector"]})
        except InputError:  # of another version of the detector
            return None
        return made


def _parts(histograms: Histograms, n_names: int, n_windows: int, anomalous: Any) -> Iterator[tuple[Any, Any, Any]]:
    """The first windows of all entities (whose rows are in the order of their codes), some entities at a time."""
    codes = np.unique(histograms.code[: histograms.rows_of(n_windows - 1).stop])
    size = max(PART_BYTES // (histograms.count.itemsize * n_windows * histograms.n_spans), 1)
    for first in range(0, n_names, size):
        mine = codes[first : first + size]
        ends = np.array([mine[0], mine[-1] + 1], dtype=codes.dtype)
        spans = np.zeros((len(mine), n_windows, histograms.n_spans), dtype=histograms.count.dtype)
        for window in range(n_windows):
            rows = histograms.rows_of(window)
            low, high = np.searchsorted(histograms.code[rows], ends) + rows.start
            places = np.searchsorted(mine, histograms.code[low:high])
            spans[:, window] = histograms.spans_of(slice(low, high), places, len(mine))
        counts, fine = _split(histograms, spans)
        yield counts, fine, anomalous[first : first + size]


def _split(histograms: Histograms, spans: Any) -> tuple[Ints, Any]:
    """Counts of bins, and of the finer spans where there are any."""
    if histograms.n_spans == histograms.n_bins:
        return spans.astype(np.int64), None
    return histograms.rolled_up(spans), spans


def _digest(*parts: object) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(json.dumps(part).encode())
    return digest.hexdigest()
