"""The names of the kinds of anomalies, found once a run of a monitor and kept as long as this process."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from tocsin.config import Settings
from tocsin.overview import kinds_of_items
from tocsin.store import Store

__all__ = ["Kinds"]


class Kinds:
    """Names kinds; nothing is written, so that looking changes nothing.

    Parameters
    ----------
    days : how far back from a monitor's newest window
    """

    def __init__(self, *, days: float) -> None:
        self._span = timedelta(days=days)
        self._known: dict[str, tuple[datetime, Mapping[str, str]]] = {}
        self._lock = threading.Lock()

    def name_of(self, settings: Settings, store: Store, monitor_name: str, ids: Iterable[str]) -> str:
        """The name of the kind that most of some items or anomalies are of.

        Empty where all are older, or the monitor is gone.
        """
        monitor = next((one for one in settings.monitor if one.name == monitor_name), None)
        run = store.last_run(monitor_name)
        if run is None or monitor is None:
            return ""
        with self._lock:  # whoever comes meanwhile waits for the same names
            known = self._known.get(monitor.name)
            if known is None or known[0] != run.evaluated_at:
                known = run.evaluated_at, kinds_of_items(monitor, store, run.window.end - self._span)
                self._known[monitor.name] = known
        names = Counter(known[1][name] for name in ids if name in known[1])
        return max(names, key=lambda name: names[name], default="")
