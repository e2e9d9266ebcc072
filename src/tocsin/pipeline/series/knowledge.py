"""What is known of every series before a window, and how it came about.

Once a week of the grid everything is learned anew, from the history before that moment (the epoch); from there on it is
updated window by window. So what is known before a window is a function of the facts since a history before its epoch,
and of the answers about them, whether windows came one by one or at once. `digest` follows that function, not the
numbers. A series that begins after the epoch joins at one of fourteen moments of the week, knowing nothing.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from datetime import timedelta

import numpy as np

from tocsin.config import SeriesMonitorSettings
from tocsin.detectors.series import AlertBudget
from tocsin.errors import InputError
from tocsin.model import Bools, Floats, Window
from tocsin.pipeline.memory import Kept
from tocsin.pipeline.series.cohort import Cohort, Judged
from tocsin.pipeline.series.points import Points
from tocsin.store import DetectorState

__all__ = ["Answer", "Knowledge", "answers_of", "epoch_of"]

LAYOUT = 1
WEEK = timedelta(days=7)
JOINS_A_WEEK = 14
AT_ONCE = 20
MOST_FORESTS = 100
"""Of a cohort: a forest takes megabytes, and a cohort is kept as one piece."""
LEAST_SPARE = 3.0
LEAST_SURPRISE = 3.0
"""What is likelier than 1 in 1,000 never rings, whatever the budget."""
BASIS = (
    "source", "kpi", "dimensions", "window", "timezone", "origin", "detector", "season", "second_season", "seasonal",
    "shingle", "alerts_a_week", "history", "direction", "min_relative", "min_traffic", "max_series", "close_after",
)  # fmt: skip
"""The settings that what is known depends on."""

Answer = tuple[int, str]
"""Start of the window in epoch seconds, and the key of a series whose point people have confirmed as an anomaly."""


def epoch_of(monitor: SeriesMonitorSettings, window: int) -> int:
    """The window at which everything was learned anew that is known before `window`."""
    a_week = max(WEEK // monitor.window, 1)
    return window // a_week * a_week


def answers_of(confirmed: Iterable[tuple[Window, str]]) -> list[Answer]:
    """The points that are not learned from."""
    return sorted((int(window.start.timestamp()), key) for window, key in confirmed)


class Knowledge:
    """What is known before one window.

    Attributes
    ----------
    window : index on the grid of the window that comes next
    threshold : the surprise beyond which a point is reported: what the history says, or more, where that has not kept
        to the budget since the epoch
    digest : of everything that it depends on
    n_left : series beyond `max_series` or under `min_traffic`
    """

    def __init__(self, monitor: SeriesMonitorSettings, window: int, digest: str) -> None:
        self._monitor, self.window, self.digest = monitor, window, digest
        self.epoch = epoch_of(monitor, window)
        self.cohorts: list[Cohort] = []
        self.threshold = self._usual_threshold = math.inf
        self._rung: list[float] = []
        self.n_left = 0
        self._known: set[str] = set()
        self._waiting: set[str] = set()
        self._applied: list[Answer] = []

    @property
    def n_series(self) -> int:
        return sum(len(cohort.keys) for cohort in self.cohorts)

    @classmethod
    def learned(
        cls, monitor: SeriesMonitorSettings, points: Points, epoch: int, answers: Sequence[Answer]
    ) -> Knowledge:
        """Learn from the history before an epoch."""
        stop = epoch - points.first
        first = stop - monitor.n_history
        mine = [answer for answer in answers if points.starts[first] <= answer[0] < points.starts[stop]]
        digest = _digest(fitness(monitor), *(points.digest(place) for place in range(first, stop)), mine)
        made = cls(monitor, epoch, digest)
        made._applied = mine
        rows = made._chosen(points, first, stop)
        keys = [str(points.keys[row]) for row in rows]
        surprises = np.empty((0, 0))
        if keys:
            values = points.begun(points.columns(rows, first, stop)[0], first, since_first=True)
            values[_confirmed(points, first, stop, keys, mine)] = np.nan
            most = MOST_FORESTS if monitor.detector == "random_cut_forest" else len(keys)
            made.cohorts = [Cohort(monitor, keys[at : at + most]) for at in range(0, len(keys), most)]
            parts = np.split(values, range(most, len(keys), most))
            surprises = np.concatenate([cohort.learn(part) for cohort, part in zip(made.cohorts, parts, strict=True)])
        made.threshold = made._usual_threshold = made._threshold(surprises)
        return made

    def step(self, points: Points, answers: Sequence[Answer]) -> Judged:
        """Judge the next window, and take it as known."""
        position = self.window - points.first
        start = int(points.starts[position])
        mine = [answer for answer in answers if answer[0] == start]
        self._admit(points, position)
        confirmed = {key for _, key in mine}
        judged = Judged.joined([cohort.step(points, position, confirmed) for cohort in self.cohorts])
        self._applied += mine
        self.digest = _digest(self.digest, points.digest(position), mine)
        self._keep_to_budget(judged)
        self.window += 1
        return judged

    def eligible(self, judged: Judged) -> Bools:
        """Which points are judged, and deviate as the monitor asks for."""
        if not self.cohorts:
            return np.zeros(0, dtype=bool)
        return self.cohorts[0].eligible(judged) & ~np.isnan(judged.surprise)

    def _keep_to_budget(self, judged: Judged) -> None:
        """Raise the threshold where more has rung since the epoch than the budget of that time, and some, allows.

        What rings is a series, once while it lasts, and at most so many of one window: a large trouble is one.
        """
        monitor = self._monitor
        flagged = self.eligible(judged) & (judged.surprise > self.threshold)
        last = np.concatenate([np.empty(0, np.int64), *(cohort.flagged_at for cohort in self.cohorts)])
        begins = flagged & ((last < 0) | (self.window - last > monitor.close_after))
        parts = np.split(flagged, np.cumsum([len(cohort.keys) for cohort in self.cohorts])[:-1])
        for cohort, part in zip(self.cohorts, parts, strict=False):
            cohort.flagged_at[part] = self.window
        found = np.sort(judged.surprise[begins])[::-1][:AT_ONCE]
        spare = max(LEAST_SPARE, monitor.alerts_a_week)
        most = math.floor(monitor.alerts_a_week + spare) + 1
        self._rung = sorted([*self._rung, *map(float, found)], reverse=True)[:most]
        weeks = (self.window + 1 - self.epoch) / monitor.windows_a_week
        allowed = math.floor(monitor.alerts_a_week * min(weeks, 1.0) + spare)
        beyond = self._rung[allowed] if len(self._rung) > allowed else -math.inf
        self.threshold = max(self._usual_threshold, beyond)

    def course_of(self, place: int) -> Floats:
        """(4, n) value, expected, lower, upper of the last windows of series number `place`."""
        for cohort in self.cohorts:
            if place < len(cohort.keys):
                return cohort.course_of(place).astype(np.float64)
            place -= len(cohort.keys)
        raise InputError("No such series", allowed=f"0 to {self.n_series - 1}", got=place)

    def fits(self, answers: Sequence[Answer]) -> bool:
        """Whether the answers that count are those that were applied."""
        return sorted(self._applied) == sorted(answers)

    def _chosen(self, points: Points, first: int, stop: int) -> np.ndarray:
        """The series with traffic enough, the most first where there are too many, in the order of their keys."""
        measured = points.amount if points.exposure is None else points.exposure
        traffic = np.nansum(np.abs(measured[:, first:stop]), axis=1) / max(stop - first, 1)
        present = np.flatnonzero(~np.isnan(measured[:, first:stop]).all(axis=1))
        wanted = present[traffic[present] >= self._monitor.min_traffic]
        most = wanted[np.argsort(-traffic[wanted], kind="stable")][: self._monitor.max_series]
        self.n_left = len(present) - len(most)
        self._known = {str(points.keys[row]) for row in present}
        return np.sort(most)

    def _admit(self, points: Points, position: int) -> None:
        """Remember who is new; now and then take those in that have waited."""
        measured = points.amount if points.exposure is None else points.exposure
        with np.errstate(invalid="ignore"):
            here = points.keys[np.abs(measured[:, position]) >= self._monitor.min_traffic]
        self._waiting |= {str(key) for key in here} - self._known
        every = max(WEEK // self._monitor.window // JOINS_A_WEEK, 1)
        room = self._monitor.max_series - self.n_series
        if self.window % every == 0 and self._waiting and room > 0 and self._monitor.detector != "deep_ar":
            joining = sorted(self._waiting)[:room]
            cohort = Cohort(self._monitor, joining)
            cohort.begin()
            self.cohorts.append(cohort)
            self._known |= set(joining)
            self._waiting -= set(joining)

    def _threshold(self, surprises: Floats) -> float:
        monitor = self._monitor
        budget = AlertBudget(monitor.alerts_a_week, monitor.windows_a_week, rest=monitor.close_after)
        found = budget.threshold(surprises)
        if math.isinf(found):
            points_a_week = max(self.n_series, 1) * monitor.windows_a_week
            found = math.log10(max(points_a_week / monitor.alerts_a_week, 1.0))
        return max(found, LEAST_SURPRISE)

    # --- keeping ---------------------------------------------------------------------------------------------------

    @property
    def n_bytes(self) -> int:
        return sum(cohort.n_bytes for cohort in self.cohorts)

    def kept(self) -> Kept:
        """A copy for the store, a shard a cohort."""
        meta = {
            "layout": LAYOUT,
            "settings": fitness(self._monitor),
            "digest": self.digest,
            "thresholds": [self._usual_threshold, self.threshold],
            "rung": self._rung,
            "n_left": self.n_left,
            "waiting": sorted(self._waiting),
            "others": sorted(self._known.difference(*(cohort.keys for cohort in self.cohorts))),
            "applied": [list(answer) for answer in self._applied],
            "n_cohorts": len(self.cohorts),
        }
        shards = [cohort.state() for cohort in self.cohorts] or [({}, {})]
        shards[0] = (shards[0][0], {**shards[0][1], **meta})
        return Kept(self.window, shards)

    @classmethod
    def restored(cls, monitor: SeriesMonitorSettings, window: int, shards: Sequence[DetectorState]) -> Knowledge | None:
        """What was kept before a window; None where there is none, or settings have changed since."""
        meta = shards[0].meta if shards else {}
        if meta.get("layout") != LAYOUT or meta["settings"] != fitness(monitor):
            return None
        made = cls(monitor, window, meta["digest"])
        made._usual_threshold, made.threshold = map(float, meta["thresholds"])
        made._rung, made.n_left = [float(one) for one in meta["rung"]], int(meta["n_left"])
        made._waiting = set(meta["waiting"])
        made._applied = [(int(start), str(key)) for start, key in meta["applied"]]
        try:
            made.cohorts = [Cohort.restored(monitor, s.arrays, s.meta) for s in shards[: meta["n_cohorts"]]]
        except (InputError, KeyError):  # of another version of the detector
            return None
        if len(made.cohorts) != meta["n_cohorts"]:
            return None
        made._known = {*meta["others"], *(key for cohort in made.cohorts for key in cohort.keys)}
        return made


def fitness(monitor: SeriesMonitorSettings) -> str:
    """A digest of the settings that what is known depends on."""
    return hashlib.blake2b(monitor.model_dump_json(include=set(BASIS)).encode(), digest_size=16).hexdigest()


def _confirmed(points: Points, first: int, stop: int, keys: Sequence[str], answers: Sequence[Answer]) -> Bools:
    mask = np.zeros((len(keys), stop - first), dtype=bool)
    row_of = {key: row for row, key in enumerate(keys)}
    for start, key in answers:
        position = int(np.searchsorted(points.starts, start))
        if key in row_of and first <= position < stop and points.starts[position] == start:
            mask[row_of[key], position - first] = True
    return mask


def _digest(*parts: object) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(json.dumps(part).encode())
    return digest.hexdigest()
