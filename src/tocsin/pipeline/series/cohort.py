"""Series that were taken in together, their detector, and the course of each up to now."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.config import SeriesMonitorSettings
from tocsin.detectors import series as detectors
from tocsin.model import Bools, Floats, Ints
from tocsin.pipeline.series.points import Points

__all__ = ["N_COURSE", "Cohort", "Judged", "make_detector"]

N_COURSE = 72
"""Windows that a chart reaches back."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One window's points of some series, (n_series,) each, against what was expected of them."""

    keys: Sequence[str]
    value: Floats
    amount: Floats
    exposure: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    surprise: Floats
    """NaN where the point is missing, or too little is known."""

    @classmethod
    def joined(cls, parts: Sequence[Judged]) -> Judged:
        names = ("value", "amount", "exposure", "expected", "lower", "upper", "surprise")
        columns = [np.concatenate([np.empty(0), *(getattr(part, name) for part in parts)]) for name in names]
        return cls([key for part in parts for key in part.keys], *columns)


def make_detector(monitor: SeriesMonitorSettings) -> Any:
    """The detector of a monitor, with the monitor's settings."""
    if monitor.detector == "iid":
        return detectors.IID()
    if monitor.detector == "random_cut_forest":
        return detectors.RandomCutForest(shingle=monitor.shingle, random_state=0)
    if monitor.detector == "deep_ar":
        return detectors.DeepAR(season=monitor.n_season, random_state=0)
    return detectors.HoltWinters(
        season=monitor.n_season,
        second_season=monitor.n_second_season,
        seasonal=monitor.seasonal,
        shift=monitor.n_shift,
    )


class Cohort:
    """Series of one detector.

    Attributes
    ----------
    keys : slice keys, one a row of the detector
    flagged_at : the window in which each series was flagged last, -1: never
    """

    def __init__(self, monitor: SeriesMonitorSettings, keys: Sequence[str]) -> None:
        self._monitor, self.keys = monitor, list(keys)
        self.detector = make_detector(monitor)
        self._seen: Ints = np.zeros(len(self.keys), dtype=np.int64)
        self.flagged_at: Ints = np.full(len(self.keys), -1, dtype=np.int64)
        self._course: npt.NDArray[np.float32] = np.full((4, len(self.keys), N_COURSE), np.nan, dtype=np.float32)

    @property
    def n_bytes(self) -> int:
        """Of what is kept."""
        state = self.detector.get_state()
        return self._course.nbytes + sum(part.nbytes for part in state.values() if isinstance(part, np.ndarray))

    def learn(self, values: Floats) -> Floats:
        """Fit to the first half of a history, go through the second, and return its surprises."""
        half = values.shape[1] // 2
        self.detector.fit(values[:, :half])
        scores = self.detector.update(values[:, half:])
        seen = np.cumsum(~np.isnan(values), axis=1)
        self._seen = seen[:, -1].astype(np.int64) if values.shape[1] else self._seen
        self._remember(np.stack([values[:, half:], scores.expected, scores.lower, scores.upper]))
        wanted = seen[:, half:] > self._monitor.n_needed
        wanted &= self._counts(values[:, half:], scores.expected)
        return np.where(wanted, scores.surprise, np.nan)

    def begin(self) -> None:
        """Know nothing yet."""
        self.detector.fit(np.empty((len(self.keys), 0)))

    def step(self, points: Points, position: int, confirmed: Collection[str]) -> Judged:
        """Judge a window's points and learn them, but those that people have confirmed as anomalies."""
        rows = points.rows_of(self.keys)
        raw = points.columns(rows, position, position + 1)
        value, amount = (points.begun(part, position, since_first=False) for part in raw[:2])
        is_confirmed = np.array([key in confirmed for key in self.keys], dtype=bool)
        if is_confirmed.any():
            scores = copy.deepcopy(self.detector).update(value)
            self.detector.update(np.where(is_confirmed[:, None], np.nan, value))
        else:
            scores = self.detector.update(value)
        known = self._seen >= self._monitor.n_needed
        self._seen += ~np.isnan(value[:, 0]) & ~is_confirmed
        self._remember(np.stack([value, scores.expected, scores.lower, scores.upper]))
        return Judged(
            keys=self.keys,
            value=value[:, 0],
            amount=amount[:, 0],
            exposure=raw[2][:, 0],
            expected=scores.expected[:, 0],
            lower=scores.lower[:, 0],
            upper=scores.upper[:, 0],
            surprise=np.where(known, scores.surprise[:, 0], np.nan),
        )

    def course_of(self, row: int) -> npt.NDArray[np.float32]:
        """(4, N_COURSE) value, expected, lower, upper of the last windows."""
        return self._course[:, row]

    def eligible(self, judged: Judged) -> Bools:
        """Which points deviate in the direction and by the share that the monitor asks for."""
        return self._counts(judged.value, judged.expected)

    def _counts(self, values: Floats, expected: Floats) -> Bools:
        monitor = self._monitor
        with np.errstate(invalid="ignore"):
            deviation = values - expected
            found = np.abs(deviation) >= monitor.min_relative * np.abs(expected)
            if monitor.direction != "both":
                found &= deviation > 0 if monitor.direction == "up" else deviation < 0
        return np.asarray(found)

    def _remember(self, found: Floats) -> None:
        newest = found[:, :, -N_COURSE:].astype(np.float32)
        self._course = np.concatenate([self._course[:, :, newest.shape[2] :], newest], axis=2)

    # --- keeping ---------------------------------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Copies of the arrays, and JSON values."""
        found = self.detector.get_state()
        arrays = {f"d_{name}": part.copy() for name, part in found.items() if isinstance(part, np.ndarray)}
        plain = {name: part for name, part in found.items() if not isinstance(part, np.ndarray)}
        arrays |= {"seen": self._seen.copy(), "flagged_at": self.flagged_at.copy(), "course": self._course}
        return arrays, {"keys": self.keys, "detector": plain}

    @classmethod
    def restored(cls, monitor: SeriesMonitorSettings, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> Cohort:
        made = cls(monitor, meta["keys"])
        parts = {name[2:]: part for name, part in arrays.items() if name.startswith("d_")}
        made.detector.set_state({**parts, **meta["detector"]})
        made._seen, made._course = np.array(arrays["seen"]), np.array(arrays["course"])
        made.flagged_at = np.array(arrays["flagged_at"])
        return made
