"""`run`, every few minutes, by one process at a time.

The lease row in the store keeps a second instance from watching the same store; a lease whose holder died is taken over
when it runs out. A tick that is still running swallows the ticks it overlaps; a tick that fails is logged and the next
one tries again.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType

from tocsin.config import load_settings, utc_now
from tocsin.errors import LeaseHeld, TocsinError
from tocsin.pipeline import RunReport, run
from tocsin.store import Store

__all__ = ["watch"]

LEASE = "watch"
_log = logging.getLogger(__name__)


def watch(
    config: str | Path,
    every: timedelta,
    *,
    monitors: Sequence[str] = (),
    on_report: Callable[[RunReport], None] | None = None,
    clock: Callable[[], datetime] = utc_now,
    n_ticks: int | None = None,
) -> None:
    """Call `run` at once and then every so often until SIGTERM, SIGINT, or `n_ticks` ticks.

    The configuration is read anew at each tick, so that an edit needs no restart; one that has become invalid is
    logged and the tick is skipped.

    Raises
    ------
    LeaseHeld
        Another instance watches this store.
    """
    from apscheduler.schedulers.blocking import BlockingScheduler

    settings = load_settings(config)
    holder = f"{socket.gethostname()}:{os.getpid()}"
    seconds = 3 * every.total_seconds()
    scheduler = BlockingScheduler(timezone="UTC")
    left = n_ticks

    def tick() -> None:
        nonlocal left
        try:
            lease.renew(clock())
            report = run(config, now=clock(), monitors=monitors)
            if on_report is not None:
                on_report(report)
        except LeaseHeld:
            _log.exception("another instance took the lease over; this one stops")
            scheduler.shutdown(wait=False)
        except TocsinError as error:
            _log.error("this tick failed and the next one tries again: %s", error)
        if left is not None:
            left -= 1
            if left <= 0:
                scheduler.shutdown(wait=False)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        scheduler.shutdown(wait=False)

    with (
        Store.open(settings.store.url, base=settings.base) as store,
        store.lease(LEASE, holder, clock(), seconds) as lease,
    ):
        signal.signal(signal.SIGTERM, stop)
        scheduler.add_job(
            tick,
            "interval",
            seconds=every.total_seconds(),
            next_run_time=utc_now(),
            max_instances=1,
            coalesce=True,
            misfire_grace_time=None,
        )
        try:
            scheduler.start()
        except KeyboardInterrupt:
            _log.info("stopped")
