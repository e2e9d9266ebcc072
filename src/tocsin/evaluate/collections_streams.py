"""Days of many entities with known truth, and what a detector says of them, day after day.

A detector sees the first days as evidence, then one day at a time, all entities together. Only the faithful mode is
told more, as the paper tells it: the share alpha of farmed days, and ten farmed days of the true kind and magnitude.
Which days of the stream are farmed nobody is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, nearest
from tocsin.evaluate.collections_drift import DRIFT_TESTS, ON_FINE

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CollectionContestant", "Said", "Stream", "collection_contestants", "watch_detector"]

Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Stream:
    """Entities that one detector watches together.

    Attributes
    ----------
    name : str
    periods : pandas.DatetimeIndex
        (n_periods,) days.
    counts : (n_entities, n_periods, n_bins)
    fine : (n_entities, n_periods, n_fine), optional
    farmed : (n_entities, n_periods) bool
    n_evidence : int
        So many first days are evidence; none of them farmed.
    alpha : float
        The share of farmed days, told to the faithful mode alone.
    farmed_counts, farmed_fine : (n_entities, m, n_bins or n_fine), optional
        The last m evidence days as they would be when farmed: the faithful mode's anomalous evidence.
    """

    name: str
    periods: pd.DatetimeIndex
    counts: Counts
    fine: Counts | None
    farmed: Bools
    n_evidence: int
    alpha: float = 0.1
    farmed_counts: Counts | None = None
    farmed_fine: Counts | None = None

    def __post_init__(self) -> None:
        n_periods = len(self.periods)
        if not 1 <= self.n_evidence < n_periods:
            raise InputError("Days of evidence", allowed=f"1 to {n_periods - 1}", got=self.n_evidence)
        if self.farmed[:, : self.n_evidence].any():
            raise InputError("Days of evidence", allowed="none that is farmed", got=self.name)

    @property
    def judged(self) -> Bools:
        """(n_entities, n_periods - n_evidence): open days after the evidence."""
        return np.asarray(self.counts[:, self.n_evidence :].any(axis=2))

    @property
    def truth(self) -> Bools:
        """(n_entities, n_periods - n_evidence)"""
        return self.farmed[:, self.n_evidence :]


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """(n_entities, n_periods - n_evidence) each; a score of NaN = not judged."""

    flagged: Bools
    score: Floats
    divergence: Floats


@dataclass(frozen=True, slots=True)
class CollectionContestant:
    """Somebody who judges streams; told: whether it is given what only a laboratory knows."""

    name: str
    watch: Callable[[Stream], Said]
    told: bool = False


def watch_detector(stream: Stream, settings: Mapping[str, Any], *, told: bool) -> Said:
    """Fit a CollectionDetector on the evidence of a stream and update it with every later day."""
    from tocsin.detectors.collections.detector import CollectionDetector

    detector: Any = CollectionDetector(**settings)
    n, fine = stream.n_evidence, stream.fine
    if told:
        if stream.farmed_counts is None:
            raise InputError(f"The stream {stream.name!r}", allowed="farmed evidence, for the faithful mode", got=None)
        m = stream.farmed_counts.shape[1]
        counts = np.concatenate([stream.counts[:, :n], stream.farmed_counts], axis=1)
        both = None
        if fine is not None and stream.farmed_fine is not None:
            both = np.concatenate([fine[:, :n], stream.farmed_fine], axis=1)
        periods = stream.periods[:n].append(stream.periods[n - m : n])
        detector.fit(counts, periods, fine=both, anomalous=np.arange(n + m) >= n)
    else:
        detector.fit(stream.counts[:, :n], stream.periods[:n], fine=None if fine is None else fine[:, :n])
    shape = (len(stream.counts), len(stream.periods) - n)
    said = Said(np.zeros(shape, dtype=bool), np.empty(shape), np.empty(shape))
    for day in range(shape[1]):
        now = None if fine is None else fine[:, n + day]
        answer = detector.update(stream.counts[:, n + day], stream.periods[n + day], fine=now)
        said.flagged[:, day] = np.asarray(answer["flagged"], dtype=bool)
        said.score[:, day] = np.asarray(answer["anomaly_score"], dtype=float)
        said.divergence[:, day] = np.asarray(answer["divergence"], dtype=float)
    return said


def collection_contestants(names: Sequence[str] = ()) -> list[CollectionContestant]:
    """Our modes and the drift tests, or those named.

    Raises
    ------
    InputError
        A name that is none.
    """
    every = {
        "calibrated": CollectionContestant("calibrated", _detector({"mode": "calibrated"})),
        **{
            f"faithful {name}": CollectionContestant(
                f"faithful {name}", _detector({"level": level}, told=True), told=True
            )
            for name, level in (("level 1", 1), ("level 2", 2), ("both levels", "both"))
        },
        **{name: CollectionContestant(name, _drift(name)) for name in DRIFT_TESTS},
    }
    unknown = [name for name in names if name not in every]
    if unknown:
        raise InputError("A detector", allowed=", ".join(every), got=unknown[0], hint=nearest(unknown[0], every))
    return [every[name] for name in names or every]


def _detector(settings: dict[str, Any], *, told: bool = False) -> Callable[[Stream], Said]:
    def watch(stream: Stream) -> Said:
        laboratory = {"mode": "faithful", "threshold": 5, "alpha": stream.alpha} if told else {}
        if settings.get("level", 1) != 1 and stream.fine is None:
            raise InputError(f"The stream {stream.name!r}", allowed="finer counts, for level 2", got=None)
        return watch_detector(stream, {**laboratory, **settings}, told=told)

    return watch


def _drift(name: str) -> Callable[[Stream], Said]:
    test = DRIFT_TESTS[name]

    def watch(stream: Stream) -> Said:
        counts = stream.fine if name in ON_FINE and stream.fine is not None else stream.counts
        reference = counts[:, : stream.n_evidence].sum(axis=1).astype(float)
        shape = (len(counts), len(stream.periods) - stream.n_evidence)
        score, flagged = np.empty(shape), np.zeros(shape, dtype=bool)
        for day in range(shape[1]):
            today = counts[:, stream.n_evidence + day].astype(float)
            score[:, day], flagged[:, day] = test(reference, today)
        return Said(flagged & stream.judged, score, score)

    return watch
