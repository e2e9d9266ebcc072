"""Which day of the week a period is, and whether it is a day off, in the user's time zone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from tocsin.errors import InputError

__all__ = ["ODD_DAY", "Calendar", "is_daily", "minutes"]

SATURDAY, SUNDAY = 5, 6
ODD_DAY = 0.03
"""Chance that a day is like a day of another kind: holidays, bridge days, Saturdays that are worked."""
FIRST, LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(6000, 1, 1, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def minutes(period: datetime) -> int:
    """Since 1970.

    Raises
    ------
    InputError
        For a period of another age than FIRST to LAST: it would not fit into 32 bits, or no time zone knows it.
    """
    if not FIRST <= period <= LAST:
        raise InputError("The period", allowed=f"{FIRST.date()} to {LAST.date()}", got=period.isoformat())
    return int((period - EPOCH) // timedelta(minutes=1))


def is_daily(periods: Sequence[datetime]) -> bool:
    """Whether periods are days (20 to 28 hours apart, most of them); of one alone it is taken to be."""
    starts = np.unique([minutes(period) for period in periods])
    return len(starts) < 2 or bool(20 * 60 <= np.median(np.diff(starts)) <= 28 * 60)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Days are compared with days like them; periods of another length only with one another.

    holidays : days that are judged like Sundays
    """

    timezone: str = "UTC"
    holidays: Collection[date] = ()
    daily: bool = True

    def phase(self, period: datetime) -> int:
        """Day of the week, Monday 0; a holiday is a Sunday."""
        if not self.daily:
            return 0
        # noon, because a day may start at 23:00 or 01:00 where the clocks change
        day = (period.astimezone(ZoneInfo(self.timezone)) + timedelta(hours=12)).date()
        return SUNDAY if day in self.holidays else day.weekday()

    def kind(self, period: datetime) -> int:
        """1 on a day off."""
        return int(self.phase(period) >= SATURDAY)
