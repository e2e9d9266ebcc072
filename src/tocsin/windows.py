"""Tumbling windows on a grid: aligned to an origin, in a time zone, right on days of 23 and 25 hours.

A window of up to an hour has an equal length of elapsed time. A longer one follows the wall clock of the time zone: its
index is ``floor((epoch + UTC offset - origin) / length)``, so that a local day is one window however long it lasts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from tocsin.errors import InputError
from tocsin.model import Window

__all__ = ["WindowGrid", "format_duration", "parse_duration"]

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}
MONDAY = datetime(1970, 1, 5)  # noqa: DTZ001 - a wall time; the grid's time zone makes it aware
"""The default origin: weeks begin on Monday."""


def parse_duration(text: str) -> timedelta:
    """Read "5min", "1h", "2d", "1w"; raises `InputError`.

    >>> parse_duration("90min")
    datetime.timedelta(seconds=5400)
    """
    found = re.fullmatch(r"\s*(\d+)\s*(s|min|h|d|w)\s*", text)
    if found is None:
        allowed = "a whole number of s, min, h, d or w, like 15min"
        raise InputError("A duration cannot be read", allowed=allowed, got=text)
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def format_duration(length: timedelta) -> str:
    """The shortest exact text that `parse_duration` reads.

    >>> format_duration(timedelta(hours=36))
    '36h'
    """
    seconds = int(length.total_seconds())
    unit = next(unit for unit in ("w", "d", "h", "min", "s") if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


@dataclass(frozen=True)
class WindowGrid:
    """All windows of one length.

    Parameters
    ----------
    length : timedelta
        1 minute to 4 weeks; above an hour it divides a day or is whole days.
    timezone : str
        IANA name; wall-clock windows follow it.
    origin : datetime
        A naive wall time at which some window begins.
    """

    length: timedelta
    timezone: str = "UTC"
    origin: datetime = MONDAY

    def __post_init__(self) -> None:
        seconds = self.length.total_seconds()
        if not 60 <= seconds <= 28 * 86_400 or seconds % 60:
            raise InputError("A window's length", allowed="whole minutes, 1min to 4w", got=format_duration(self.length))
        if seconds > 3600 and (86_400 % seconds if seconds < 86_400 else seconds % 86_400):
            raise InputError(
                "A window longer than an hour divides a day or is whole days",
                allowed="2h, 3h, 4h, 6h, 8h, 12h, 1d, 7d, …",
                got=format_duration(self.length),
            )
        if self.origin.tzinfo is not None:
            raise InputError("A window grid's origin", allowed="a naive wall time", got=self.origin.isoformat())
        try:
            ZoneInfo(self.timezone)
        except (KeyError, ValueError, OSError) as error:
            allowed = "an IANA name like Europe/Berlin"
            raise InputError("A time zone is not known", allowed=allowed, got=self.timezone) from error

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def length_seconds(self) -> int:
        return int(self.length.total_seconds())

    @property
    def is_wall_clock(self) -> bool:
        return self.length_seconds > 3600

    @cached_property
    def origin_seconds(self) -> int:
        """The origin as seconds on the axis on which windows are equal: local for wall-clock grids, else UTC."""
        if self.is_wall_clock:
            return int(self.origin.replace(tzinfo=UTC).timestamp())
        return int(self.origin.replace(tzinfo=self.zone).timestamp())

    def offset_seconds(self, moment: datetime) -> int:
        """What is added to the epoch seconds of `moment` to reach that axis."""
        if not self.is_wall_clock:
            return 0
        offset = moment.astimezone(self.zone).utcoffset()
        return int(offset.total_seconds()) if offset is not None else 0

    def offsets(self, start: datetime, end: datetime) -> list[tuple[int, int]]:
        """Pieces (from this epoch second on, offset) of the offset over [start, end), the first at or before start."""
        pieces = [(int(start.timestamp()), self.offset_seconds(start))]
        moment = start
        while self.is_wall_clock and moment < end:
            following = min(moment + timedelta(hours=12), end)
            if self.offset_seconds(following) != pieces[-1][1]:
                change = self._transition(moment, following)
                pieces.append((int(change.timestamp()), self.offset_seconds(change)))
            moment = following
        return pieces

    def _transition(self, before: datetime, after: datetime) -> datetime:
        low, high, old = int(before.timestamp()), int(after.timestamp()), self.offset_seconds(before)
        while high - low > 1:
            middle = (low + high) // 2
            if self.offset_seconds(datetime.fromtimestamp(middle, UTC)) == old:
                low = middle
            else:
                high = middle
        return datetime.fromtimestamp(high, UTC)

    def index_of(self, moment: datetime) -> int:
        """The index of the window that holds `moment`."""
        seconds = int(moment.timestamp()) + self.offset_seconds(moment)
        return (seconds - self.origin_seconds) // self.length_seconds

    def start_of(self, index: int) -> datetime:
        """When window `index` begins, aware UTC."""
        seconds = self.origin_seconds + index * self.length_seconds
        if not self.is_wall_clock:
            return datetime.fromtimestamp(seconds, UTC)
        wall = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
        # fold=0: the first of two equal wall times; a wall time that does not exist maps to the instant of the jump
        moment = wall.replace(tzinfo=self.zone).astimezone(UTC)
        if moment.astimezone(self.zone).replace(tzinfo=None) != wall:
            moment = self._transition(moment - timedelta(hours=12), moment + timedelta(hours=12))
        return moment

    def window(self, index: int) -> Window:
        return Window(self.start_of(index), self.start_of(index + 1))

    def last_due(self, now: datetime, delay: timedelta = timedelta()) -> int:
        """The index of the last window that ended at least `delay` before `now`."""
        return self.index_of(now - delay) - 1
