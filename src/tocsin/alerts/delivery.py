"""From the outbox to the channels: at least once, in order, with growing pauses, until it is sent or given up.

An alert is claimed, sent, and recorded. A process that dies in between leaves a claim that expires, and the alert is
sent again with the same id and dedupe key. A channel that does not answer is left alone for the rest of the pass, so
that it holds up no other.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

from tocsin.alerts import channels
from tocsin.config import AlertSettings
from tocsin.errors import DeliveryError

__all__ = ["DeliveryReport", "Outbox", "PendingAlert", "deliver"]

_log = logging.getLogger(__name__)

LONGEST_PAUSE = timedelta(hours=6)
HOLD_SECONDS = 300.0
"""How long a claim lasts: longer than a channel may take, short enough that a crash delays an alert by minutes."""


class PendingAlert(Protocol):
    """What is read of a claimed row."""

    @property
    def id(self) -> int: ...
    @property
    def claim(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def payload(self) -> Mapping[str, Any]: ...
    @property
    def n_attempts(self) -> int: ...


class Outbox(Protocol):
    """What delivery needs of a store; see `tocsin.store.Store` for the meaning of each."""

    def claim_alerts(
        self, now: datetime, *, limit: int, hold_seconds: float, without_channels: Collection[str]
    ) -> Sequence[PendingAlert]: ...

    def record_attempt(
        self, row_id: int, claim: str, at: datetime, *, error: str | None, next_at: datetime | None
    ) -> bool: ...

    def alert_counts(self) -> Mapping[str, int]: ...


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """What a pass did.

    sent    : alerts delivered
    failed  : attempts that failed and will be repeated
    dead    : alerts given up
    waiting : alerts that wait after the pass
    """

    sent: int = 0
    failed: int = 0
    dead: int = 0
    waiting: int = 0


def deliver(
    outbox: Outbox,
    settings: AlertSettings,
    now: datetime,
    base: Path,
    *,
    elapsed: Callable[[], float] = time.monotonic,
) -> DeliveryReport:
    """Try every alert that is due once.

    Parameters
    ----------
    now : datetime
        When the pass begins, aware UTC. Delivery belongs to the present: give the real time also where the windows of
        another time were evaluated, or claims of two processes cannot be compared.
    base : Path
        The folder that file channels' paths start from.
    elapsed : callable
        Seconds on a clock that only moves forward, so that claims late in a long pass last as long as early ones.
    """
    start, counted = elapsed(), {"sent": 0, "failed": 0, "dead": 0}
    silent: set[str] = set()

    def moment() -> datetime:
        return now + timedelta(seconds=elapsed() - start)

    while claimed := outbox.claim_alerts(moment(), limit=1, hold_seconds=HOLD_SECONDS, without_channels=silent):
        for alert in claimed:
            counted[_attempt(outbox, settings, alert, moment, base, silent)] += 1
    return DeliveryReport(**counted, waiting=outbox.alert_counts()["waiting"])


def _attempt(
    outbox: Outbox,
    settings: AlertSettings,
    alert: PendingAlert,
    moment: Callable[[], datetime],
    base: Path,
    silent: set[str],
) -> str:
    channel = settings.channel.get(alert.channel)
    if channel is None:
        error = f"the channel {alert.channel} is not configured any more"
        outbox.record_attempt(alert.id, alert.claim, moment(), error=error, next_at=None)
        _log.error("an alert is given up: %s", error)
        return "dead"
    try:
        channels.send(channel, alert.payload, base)
    except DeliveryError as failure:
        if not isinstance(failure, channels.Refused):
            silent.add(alert.channel)
        return _failed(outbox, settings, alert, moment(), str(failure))
    outbox.record_attempt(alert.id, alert.claim, moment(), error=None, next_at=None)
    return "sent"


def _failed(outbox: Outbox, settings: AlertSettings, alert: PendingAlert, at: datetime, error: str) -> str:
    n_attempts = alert.n_attempts + 1
    given_up = n_attempts >= settings.max_attempts
    next_at = None if given_up else at + pause(settings, n_attempts)
    outbox.record_attempt(alert.id, alert.claim, at, error=error, next_at=next_at)
    verdict = "it is given up" if given_up else "it will be repeated"
    _log.warning("channel %s, attempt %d: %s (%s)", alert.channel, n_attempts, error, verdict)
    return "dead" if given_up else "failed"


def pause(settings: AlertSettings, n_attempts: int) -> timedelta:
    """How long to wait after `n_attempts` failures: doubling from the first retry up to six hours."""
    doublings = min(n_attempts - 1, 40)  # beyond that the cap holds anyway, and a timedelta would overflow
    return timedelta(seconds=min(settings.first_retry.total_seconds() * 2.0**doublings, LONGEST_PAUSE.total_seconds()))
