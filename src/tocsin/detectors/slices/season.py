"""Which earlier windows a window is compared with, and which of them share its place in the day and in the week.

Windows of a day or longer: the most recent ones, with the weekday as a season. Shorter windows, where the history holds
at least `LEAST_DAYS` days: the windows at the same local time of day, and their neighbours as far as the budget allows,
with the place in the day and the weekday as seasons. Otherwise: the most recent windows. A holiday counts as a Sunday.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from tocsin.detectors.slices.reference import Season
from tocsin.model import Bools, Codes, Facts, Ints

__all__ = ["Calendar", "Plan"]

DAY, WEEK = 86_400, 604_800
MOST_RECENT, MOST_SAME_PHASE, MOST_DAYS = 64, 96, 28
LEAST_DAYS, LEAST_WEEKS = 3, 2
SUNDAY = 6


@dataclass(frozen=True, slots=True)
class Plan:
    """Reference windows of one target in time order, their blocks, and the seasons of both."""

    windows: Ints
    block: Codes
    seasons: tuple[Season, ...]
    run_scale: float = 1.0
    """Blocks a window is worth in `adapt_after`."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Local day, second of the day and weekday (holidays as Sundays) of every window's start."""

    length: int
    day: Ints
    second: Ints
    weekday: Ints
    silent: Bools

    @classmethod
    def of(cls, facts: Facts, timezone: str, holidays: Sequence[date]) -> Calendar:
        starts = facts.starts[:-1]
        zone = ZoneInfo(timezone)
        if timezone == "UTC":
            local = starts
        else:
            offsets = [datetime.fromtimestamp(int(s), UTC).astimezone(zone).utcoffset() for s in starts]
            local = starts + np.array([int(o.total_seconds()) if o else 0 for o in offsets], np.int64)
        day = local // DAY
        weekday = (day + 3) % 7  # 1970-01-01 was a Thursday
        days_off = [(holiday - date(1970, 1, 1)).days for holiday in holidays]
        weekday = np.where(np.isin(day, days_off), SUNDAY, weekday)
        length = int(np.median(np.diff(facts.starts)))
        return cls(length, day, local - day * DAY, weekday, facts.silent)

    def plan(self, target: int, limit: int, season: str | Sequence[int], since: int = 0) -> Plan:
        """The reference of window `target` among the windows `since` .. `limit` - 1.

        season : "auto", or the lengths in seconds of the seasons to use (a day, a week; () = none)
        """
        candidates = since + np.flatnonzero(~self.silent[since:limit])
        if not len(candidates):
            return Plan(candidates, np.empty(0, np.int32), ())
        days = int(self.day[candidates[-1]] - self.day[candidates[0]]) + 1
        use_day = self.length < DAY and (days > LEAST_DAYS if season == "auto" else DAY in season)
        weekly = days >= 7 * LEAST_WEEKS if season == "auto" else WEEK in season
        weekly = weekly and self.length <= DAY
        if use_day:
            plan = self._same_time_of_day(target, candidates, weekly)
            if plan is not None:
                return plan
        windows = candidates[-MOST_RECENT:]
        seasons = (self._weekdays(windows, target),) if weekly else ()
        return Plan(windows, np.arange(len(windows), dtype=np.int32), seasons)

    def _weekdays(self, windows: Ints, target: int) -> Season:
        return Season("weekday", self.weekday[np.append(windows, target)].astype(np.int32))

    def _same_time_of_day(self, target: int, candidates: Ints, weekly: bool) -> Plan | None:
        away = (self.second[candidates] - self.second[target] + DAY // 2) % DAY - DAY // 2
        same = candidates[away == 0][-MOST_DAYS:]
        if len(same) < LEAST_DAYS:
            return None
        most = max(1, 3600 // self.length)
        reach = min(most, (MOST_SAME_PHASE // len(same) - 1) // 2)
        offset = np.rint(away / self.length).astype(np.int64)
        near = (np.abs(offset) <= reach) & (away % self.length == 0) & (candidates >= same[0] - reach)
        windows, offset = candidates[near], offset[near]
        per_day = max(1, round(DAY / self.length))
        block = (windows - target + per_day // 2) // per_day
        seasons: tuple[Season, ...] = ()
        if reach:
            seasons = (Season("time of day", np.append(offset + reach, reach).astype(np.int32)),)
        if weekly:
            seasons = (*seasons, self._weekdays(windows, target))
        return Plan(windows, (block - block[0]).astype(np.int32), seasons, self.length / DAY)
