"""What a lens may know of the store: people's answers, and what it kept of earlier windows; and how it keeps more.

A lens that learns as time goes keeps what it knew before each of the newest windows, written in the transaction of the
window: a kill loses both or neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from tocsin.model import Verdict, Window
from tocsin.store import DetectorState, Store, WindowTransaction

__all__ = ["Kept", "Memory", "keep"]

PREFIX = "before-"


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """What a lens knew before a window, in shards of arrays and JSON values.

    window : index on the monitor's grid
    """

    window: int
    shards: Sequence[tuple[Mapping[str, np.ndarray[Any, Any]], Mapping[str, Any]]]
    version: int = 1


class Memory:
    """Of one monitor.

    Attributes
    ----------
    carried : what a lens hands to the next stretch of windows of the same run
    n_candidates : how many sightings below the detection threshold a window may name for relevancy to raise; 0 while
        nobody has said what is relevant
    """

    def __init__(self, store: Store, monitor: str, n_candidates: int = 0) -> None:
        self._store, self._monitor = store, monitor
        self.carried: Any = None
        self.n_candidates = n_candidates

    def confirmed(self, since: datetime, until: datetime) -> list[tuple[Window, str]]:
        """Window and slice key of the anomalies in [since, until) that people have confirmed."""
        return self._store.excluded(self._monitor, since, until)

    def decided(self, since: datetime, until: datetime) -> list[tuple[Window, str, Verdict]]:
        """Window, slice key and verdict of the anomalies in [since, until) that people have judged."""
        return self._store.decided(self._monitor, since, until)

    def kept(self, window: int) -> list[DetectorState]:
        """The shards of what was known before a window; none: nothing was kept."""
        return list(self._store.states(self._monitor, f"{PREFIX}{window:012}-").values())

    def kept_windows(self) -> list[int]:
        """The windows before which something was kept, in order."""
        names = self._store.state_names(self._monitor, PREFIX)
        return sorted({int(name.removeprefix(PREFIX).split("-")[0]) for name in names})

    def newest(self) -> DetectorState | None:
        """The first shard of what was known before the newest window."""
        names = self._store.state_names(self._monitor, PREFIX)
        heads = [name for name in names if name.endswith("-000000")]
        return self._store.get_state(self._monitor, heads[-1]) if heads else None


def keep(transaction: WindowTransaction, states: Sequence[Kept], n_kept: int, at: datetime) -> None:
    """Write what was known, and forget all but the newest `n_kept` windows."""
    stored: dict[int, list[str]] = {}
    for name in transaction.state_names(PREFIX):
        stored.setdefault(int(name.split("-")[1]), []).append(name)
    newest = sorted({*stored, *(state.window for state in states)})[-n_kept:]
    replaced = {state.window for state in states}
    transaction.delete_states(
        [name for window, names in stored.items() if window in replaced or window not in newest for name in names]
    )
    for state in states:
        if state.window in newest:
            for place, (arrays, meta) in enumerate(state.shards):
                name = f"{PREFIX}{state.window:012}-{place:06}"
                transaction.put_state(name, state.version, arrays, meta, at)
