"""The facts of a stretch of windows, the detector over them, and a digest that tells whether a window has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.config import SliceMonitorSettings
from tocsin.detectors import detector_class
from tocsin.model import Bools, Facts, Slice, SliceScores, Window

__all__ = ["Judge"]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Judge:
    """Judges the windows of some facts with the anomalies that people have confirmed left out of the reference."""

    def __init__(self, monitor: SliceMonitorSettings, facts: Facts, confirmed: Sequence[tuple[Window, str]]) -> None:
        self.facts = facts
        self.detector = _detector(monitor)
        self._excluded = _facts_of(facts, confirmed)
        self._n_history = monitor.n_history
        self._settings = monitor.model_dump_json()
        self._answers = sorted((int(window.start.timestamp()), key) for window, key in confirmed)
        self._names = _names(facts)
        self._order = np.argsort(facts.window, kind="stable")
        self._bounds = np.searchsorted(facts.window[self._order], np.arange(facts.n_windows + 1))
        self._owner = np.repeat(np.arange(facts.n_slices, dtype=np.int32), np.diff(facts.indptr))

    def scores(self, window: int) -> SliceScores:
        """One window's judgement of all slices; raises `NotEnoughData`."""
        scores: SliceScores = self.detector.judge(
            self.facts, window, excluded=self._excluded, since=max(0, window - self._n_history)
        )
        return scores

    def history(self, slice_index: int) -> tuple[Sequence[float], ...]:
        """Window, value, expected, lower, upper of a slice over the reference of the window judged last."""
        columns: tuple[Sequence[float], ...] = self.detector.history(slice_index)
        return columns

    def digest(self, window: int) -> str:
        """Of the settings, the answers in the history and the window's facts, whatever the order of the slices."""
        entries = self._order[self._bounds[window] : self._bounds[window + 1]]
        names = self._names[self._owner[entries]]
        arranged = np.argsort(names, kind="stable")
        first, last = self.facts.starts[max(0, window - self._n_history)], self.facts.starts[window]
        answers = [answer for answer in self._answers if first <= answer[0] <= last]
        digest = hashlib.blake2b(f"{self._settings}|{answers}".encode(), digest_size=16)
        digest.update(names[arranged].tobytes())
        for measure in sorted(self.facts.measures):
            digest.update(self.facts.measures[measure][entries[arranged]].tobytes())
        return digest.hexdigest()


def _detector(monitor: SliceMonitorSettings) -> Any:
    """The detector of a monitor's lens, with the monitor's settings."""
    return detector_class(monitor.kind)(
        kpi=monitor.kpi,
        dimensions=monitor.dimensions,
        mode=monitor.mode,
        q=monitor.q,
        direction=monitor.direction,
        min_expected=monitor.min_expected,
        min_relative=monitor.min_relative,
        min_absolute=monitor.min_absolute,
        season=monitor.season,
        holidays=monitor.holidays,
        timezone=monitor.timezone,
        adapt_after=monitor.adapt_after,
        random_state=0,
    )


def _names(facts: Facts) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of each slice that does not depend on which other slices there are."""
    names = np.zeros(facts.n_slices, dtype=np.uint64)
    for column, values in zip(facts.codes.T, facts.values, strict=True):
        hashes = np.array([_hash(str(value)) for value in values] + [0], dtype=np.uint64)
        names = names * GOLDEN + hashes[column]  # code -1, rolled up, takes the last
    return names


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _facts_of(facts: Facts, confirmed: Iterable[tuple[Window, str]]) -> Bools | None:
    """Which facts belong to confirmed anomalies: those of the slice and of all slices inside it, in that window."""
    mask = np.zeros(len(facts.window), dtype=bool)
    owner = np.repeat(np.arange(facts.n_slices), np.diff(facts.indptr))
    codes = {name: {str(value): code for code, value in enumerate(values)} for name, values in _columns(facts)}
    for window, key in confirmed:
        position = int(np.searchsorted(facts.starts, int(window.start.timestamp())))
        inside = np.ones(facts.n_slices, dtype=bool)
        for name, value in Slice.from_key(key).items:
            if name not in codes:  # the monitor has been given other dimensions since
                inside[:] = False
            else:
                inside &= facts.codes[:, facts.dimensions.index(name)] == codes[name].get(value, -2)
        mask |= (facts.window == position) & inside[owner]
    return mask if mask.any() else None


def _columns(facts: Facts) -> Iterable[tuple[str, npt.NDArray[np.object_]]]:
    return zip(facts.dimensions, facts.values, strict=True)
