"""Series: each combination of the dimensions' values over time, judged against its own forecast.

The lens learns as time goes. It finds what it knew before a stretch of windows in the store; where that is missing or
unfit (a first run, a new week, a backfill, changed settings, another answer), it reads the history before the epoch and
learns anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, ClassVar, Self

import numpy as np

from tocsin.config import SeriesMonitorSettings
from tocsin.errors import StoreError
from tocsin.incidents import OddPoint, Sighting, describe_point, describe_silence, number
from tocsin.model import Anomaly, Floats, Ints, LeftOut, RunStatus, Slice, Window
from tocsin.pipeline.excess import excess
from tocsin.pipeline.lens import Found
from tocsin.pipeline.memory import Kept, Memory
from tocsin.pipeline.series.cohort import N_COURSE, Judged
from tocsin.pipeline.series.knowledge import Answer, Knowledge, answers_of, epoch_of
from tocsin.pipeline.series.points import Points, read_points
from tocsin.sources import FactsQuery, Source

__all__ = ["SeriesLens"]

MAX_ANOMALIES = 5_000
"""At most this many anomalies of one window are stored, the most surprising; the rest is counted."""
CANDIDATE_DEPTH = 1.5
"""A candidate is at most so many powers of ten likelier than what is reported."""
STATE_BYTES = 1 << 22
"""What is known is kept before every window; of a larger state, only before every so-many-th."""
MOST_APART = 60


class SeriesLens:
    """The points of some windows, and what is known before the one that comes next."""

    chunk_windows: ClassVar[int] = 500

    def __init__(
        self,
        monitor: SeriesMonitorSettings,
        points: Points,
        knowledge: Knowledge,
        answers: list[Answer],
        n_candidates: int,
    ) -> None:
        self._monitor, self._points, self._knowledge, self._answers = monitor, points, knowledge, answers
        self._n_candidates = n_candidates
        self._every = min(max(knowledge.n_bytes // STATE_BYTES, 1), MOST_APART)
        self._fresh: list[Kept] = []
        self.left_out = points.left_out

    @classmethod
    def read(
        cls, monitor: SeriesMonitorSettings, source: Source, memory: Memory, windows: range, now: datetime
    ) -> Self:
        grid = monitor.grid
        epoch = epoch_of(monitor, windows.start)
        last_epoch = epoch_of(monitor, windows.stop - 1)
        since = grid.start_of(epoch - monitor.n_history)
        answers = answers_of(memory.confirmed(since, grid.start_of(windows.stop)))
        knowledge = _found(monitor, memory, windows.start, answers)
        first = min(knowledge.window, windows.start) if knowledge is not None else epoch - monitor.n_history
        if last_epoch > windows.start:  # the next weeks' histories
            first = min(first, _next_epoch(monitor, windows.start) - monitor.n_history)
        is_sum = source.settings.measures[monitor.kpi.numerator].aggregate != "mean"
        facts = source.facts(_query(monitor, first, windows.stop), now)
        points = read_points(facts, monitor.kpi, first, is_sum=is_sum)
        is_new = knowledge is None
        if knowledge is None:
            knowledge = Knowledge.learned(monitor, points, epoch, answers)
        lens = cls(monitor, points, knowledge, answers, memory.n_candidates)
        lens._advance(windows.start)
        if is_new:
            lens._fresh = [lens._knowledge.kept()]
        memory.carried = lens
        return lens

    @classmethod
    def problems(cls, monitor: SeriesMonitorSettings, source: Source, window: int) -> list[str]:
        missing = monitor.detector == "deep_ar" and find_spec("torch") is None
        needed = ["the detector deep_ar needs PyTorch: pip install 'tocsin[deep]'"] if missing else []
        return needed + source.check(_query(monitor, window, window + 1))

    def digest(self, window: int) -> str:
        """Of the settings, what was known before the window, its facts and the answers about it."""
        self._advance(window)
        parts = [self._monitor.model_dump_json(), self._knowledge.digest]
        parts.append(self._points.digest(window - self._points.first))
        return hashlib.blake2b("|".join(parts).encode(), digest_size=16).hexdigest()

    def judge(self, window: int) -> Found:
        self._advance(window)
        knowledge, position = self._knowledge, window - self._points.first
        threshold, n_left = knowledge.threshold, knowledge.n_left
        judged = knowledge.step(self._points, self._answers)
        n_series = len(judged.keys)
        left_out = [*self._points.left_out]
        if n_left:
            detail = "series with less traffic than min_traffic, or beyond max_series"
            left_out.append(LeftOut("traffic floor", n_left, "series", detail))
        tested = np.flatnonzero(~np.isnan(judged.surprise))
        if self._points.silent[position]:
            silence = describe_silence(self._monitor.name, self._monitor.source)
            found = Found(RunStatus.SILENT, n_series, sightings=(silence,), left_out=tuple(left_out))
        elif not len(tested):
            note = f"No series has points enough yet: {self._monitor.n_needed}."
            found = Found(RunStatus.NOT_ENOUGH_DATA, n_series, left_out=tuple(left_out), notes=(note,))
        else:
            found = self._evaluated(position, judged, tested, threshold, left_out)
        return self._with_states(found)

    def _evaluated(
        self, position: int, judged: Judged, tested: Ints, threshold: float, left_out: list[LeftOut]
    ) -> Found:
        eligible = np.flatnonzero(self._knowledge.eligible(judged))
        order = eligible[np.lexsort((eligible, -judged.surprise[eligible]))]
        surprise = judged.surprise[order]
        flagged = order[surprise > threshold]
        below = order[(surprise <= threshold) & (surprise > threshold - CANDIDATE_DEPTH)][: self._n_candidates]
        if len(flagged) > MAX_ANOMALIES:
            detail = "flagged series that are not stored, the least surprising"
            left_out.append(LeftOut("anomaly cap", len(flagged) - MAX_ANOMALIES, "series", detail))
        anomalies, sightings = self._described(position, judged, flagged[:MAX_ANOMALIES], threshold)
        candidate_anomalies, candidates = self._described(position, judged, below, threshold)
        return Found(
            n_parts=len(judged.keys),
            n_tested=len(tested),
            n_flagged=len(flagged),
            anomalies=anomalies,
            sightings=sightings,
            left_out=tuple(left_out),
            candidates=candidates,
            candidate_anomalies=candidate_anomalies,
        )

    def _described(
        self, position: int, judged: Judged, chosen: Ints, threshold: float
    ) -> tuple[tuple[Anomaly, ...], tuple[Sighting, ...]]:
        """The anomalies and sightings of some points."""
        if not len(chosen):
            return (), ()
        monitor, points = self._monitor, self._points
        window = Window(*(datetime.fromtimestamp(int(s), UTC) for s in points.starts[position : position + 2]))
        weight = np.where(np.isnan(judged.exposure), 1.0, judged.exposure) if monitor.kpi.denominator else 1.0
        expected_amount = np.asarray(judged.expected * weight)
        total = float(np.nansum(expected_amount))
        is_ratio = monitor.kpi.denominator is not None and np.nanmedian(judged.expected) <= 1.0
        described = []
        for place in map(int, chosen):
            deviation = float(judged.amount[place] - expected_amount[place])
            odd = OddPoint(
                part=Slice.from_key(judged.keys[place]),
                value=float(judged.value[place]),
                expected=float(judged.expected[place]),
                lower=float(judged.lower[place]),
                upper=float(judged.upper[place]),
                surprise=float(judged.surprise[place]),
                threshold=threshold,
                amount=float(judged.amount[place]),
                expected_amount=float(expected_amount[place]),
                exposure=float(judged.exposure[place]),
                share_of_total=deviation / total if total > 0 else float("nan"),
                unit="ratio" if is_ratio else "amount",
                unit_value=monitor.unit_value,
                detector=monitor.detector,
                course=self._course(place, position),
            )
            beyond = excess(odd.surprise, threshold, reported=odd.surprise > threshold)
            described.append(describe_point(monitor.name, monitor.kpi, window, odd, beyond))
        return tuple(anomaly for anomaly, _ in described), tuple(sighting for _, sighting in described)

    def _course(self, place: int, position: int) -> list[dict[str, Any]]:
        """The last windows of a series, oldest first, for the chart."""
        found: Floats = self._knowledge.course_of(place)
        grid, window = self._monitor.grid, self._points.first + position
        return [
            {
                "start": grid.start_of(window - age).isoformat(),
                **dict(zip(("value", "expected", "lower", "upper"), map(number, row), strict=True)),
            }
            for age, row in zip(range(N_COURSE - 1, -1, -1), found.T, strict=True)
            if not np.isnan(row).all()
        ]

    def _with_states(self, found: Found) -> Found:
        """With what is known after the window, and before the first one where that was learned anew."""
        states = list(self._fresh)
        self._fresh = []
        known = self._knowledge
        is_last = known.epoch != epoch_of(self._monitor, known.window)  # of its week: the next begins anew
        if known.window % self._every == 0 and not is_last:
            states.append(known.kept())
        return replace(found, states=tuple(states), n_states=self._monitor.reevaluate // self._every + 2)

    def _advance(self, window: int) -> None:
        """Know everything up to a window; at the beginning of a week everything is learned anew."""
        while self._knowledge.window < window:
            self._knowledge.step(self._points, self._answers)
            self._renew()
        self._renew()

    def _renew(self) -> None:
        epoch = epoch_of(self._monitor, self._knowledge.window)
        if epoch > self._knowledge.epoch and self._points.first <= epoch - self._monitor.n_history:
            self._knowledge = Knowledge.learned(self._monitor, self._points, epoch, self._answers)

    @property
    def _stop(self) -> int:
        return self._points.first + self._points.n_windows

    def before(self, window: int) -> Knowledge | None:
        """What is known before a window, for the lens of the next stretch; None: it is to be learned anew."""
        if self._knowledge.window <= window <= self._stop:
            self._advance(window)
        known = self._knowledge
        return known if known.window == window and known.epoch == epoch_of(self._monitor, window) else None


def _found(monitor: SeriesMonitorSettings, memory: Memory, start: int, answers: Sequence[Answer]) -> Knowledge | None:
    """What is known at the newest moment before a window, since its epoch, if the answers are still the same."""
    epoch = epoch_of(monitor, start)
    since = monitor.grid.start_of(epoch - monitor.n_history).timestamp()
    for knowledge in _known(monitor, memory, epoch, start):
        before = monitor.grid.start_of(knowledge.window).timestamp()
        if knowledge.fits([answer for answer in answers if since <= answer[0] < before]):
            return knowledge
    return None


def _known(monitor: SeriesMonitorSettings, memory: Memory, epoch: int, start: int) -> Iterator[Knowledge]:
    """What the stretch before has carried on, and what is kept, the newest first."""
    carried = memory.carried.before(start) if isinstance(memory.carried, SeriesLens) else None
    if carried is not None:
        yield carried
    for window in reversed(memory.kept_windows()):
        found = _restored(monitor, memory, window) if epoch <= window <= start else None
        if found is not None:
            yield found


def _restored(monitor: SeriesMonitorSettings, memory: Memory, window: int) -> Knowledge | None:
    """What is kept before a window; a damaged piece is as good as none, because all can be learned again the same."""
    try:
        return Knowledge.restored(monitor, window, memory.kept(window))
    except StoreError:
        return None


def _next_epoch(monitor: SeriesMonitorSettings, window: int) -> int:
    """The first window after this one at which everything is learned anew."""
    epoch = epoch_of(monitor, window)
    step = 1
    while epoch_of(monitor, window + step) == epoch:
        step += 1
    return window + step


def _query(monitor: SeriesMonitorSettings, first: int, last: int) -> FactsQuery:
    """All series with rows in windows [first, last); who is watched is decided by the history alone."""
    return FactsQuery(
        grid=monitor.grid,
        first=first,
        last=last,
        measures=monitor.kpi.measures,
        dimensions=monitor.dimensions,
        depth=len(monitor.dimensions),
        traffic=monitor.kpi.denominator or monitor.kpi.numerator,
        max_slices=8 * monitor.max_series,
    )
