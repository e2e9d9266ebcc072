"""Runs, anomalies, incidents, feedback, detector state and the outbox of alerts, in SQLite or PostgreSQL.

`Store` is the only name that other packages need. It is imported on first use, because SQLAlchemy is heavy.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.store.outbox import DeadLetter, OutboxRow
    from tocsin.store.state import DetectorState
    from tocsin.store.store import Store
    from tocsin.store.window import WindowTransaction

__all__ = ["DeadLetter", "DetectorState", "OutboxRow", "Store", "WindowTransaction"]

_HOMES = {
    "DeadLetter": "outbox",
    "DetectorState": "state",
    "OutboxRow": "outbox",
    "Store": "store",
    "WindowTransaction": "window",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"tocsin.store.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
