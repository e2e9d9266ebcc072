"""How well scores of points agree with labelled stretches of a series.

Point by point: area under the ROC curve, average precision, best F1. By event, an event being a stretch of abnormal
points: F1 where a stretch of alarms that meets an event finds it (`best_event_f1`), F1 where one alarm in an event
counts for all its points (`adjusted_scores`: kind to whoever guesses often, reported because others do), and
VUS-PR (Paparrizos et al. 2022), the area under precision against recall, averaged over how far from an event an
alarm still counts.

"Best" is over thresholds, chosen by the labels: what could be had, not what a user would get.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError
from tocsin.evaluate.precision import average_precision
from tocsin.model import Bools, Floats, Ints

__all__ = ["EventRates", "Measures", "adjusted_scores", "auroc", "best_event_f1", "best_f1", "event_rates",
           "measures_of", "vus_pr"]  # fmt: skip

BUFFER = 100
"""Points, the longest buffer around an event that VUS-PR averages over."""
N_THRESHOLDS = 100


@dataclass(frozen=True, slots=True)
class EventRates:
    """precision: share of the stretches of alarms that meet an event; recall: share of the events that are met."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        total = self.precision + self.recall
        return 2.0 * self.precision * self.recall / total if total > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Measures:
    """All of them, each in [0, 1], higher = better."""

    auroc: float
    auprc: float
    best_f1: float
    adjusted_f1: float
    event_f1: float
    event_precision: float
    event_recall: float
    vus_pr: float


def measures_of(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Measures:
    """Every measure of the scores (n,) of one series; its points in the order of time, without missing ones.

    Raises
    ------
    InputError : scores that are not finite or not one a point, or labels that are all alike
    """
    marked, found = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=np.float64)
    if found.shape != marked.shape or found.ndim != 1 or not np.isfinite(found).all():
        raise InputError("Scores of a series", allowed="one finite number a point", got=found.shape)
    if marked.all() or not marked.any():
        raise InputError("Labels of a series", allowed="some abnormal points and some normal ones", got="all alike")
    events = best_event_f1(marked, found)
    return Measures(
        auroc=auroc(marked, found),
        auprc=average_precision(marked, found),
        best_f1=best_f1(marked, found),
        adjusted_f1=best_f1(marked, adjusted_scores(marked, found)),
        event_f1=events.f1,
        event_precision=events.precision,
        event_recall=events.recall,
        vus_pr=vus_pr(marked, found),
    )


def auroc(labels: Bools, scores: Floats) -> float:
    """P(an abnormal point scores higher than a normal one), ties half (Mann and Whitney)."""
    from scipy.stats import rankdata

    n_abnormal = int(labels.sum())
    above = rankdata(scores)[labels].sum() - n_abnormal * (n_abnormal + 1) / 2
    return float(above / (n_abnormal * (len(labels) - n_abnormal)))


def best_f1(labels: Bools, scores: Floats) -> float:
    """The largest 2 TP / (alarms + abnormal points) over all thresholds."""
    order = np.argsort(-scores, kind="stable")
    last = _last_of_ties(scores[order])
    found = np.cumsum(labels[order])[last]
    return float(np.max(2.0 * found / (last + 1 + labels.sum())))


def adjusted_scores(labels: Bools, scores: Floats) -> Floats:
    """Each event's points with the highest score among them (the point-adjusted protocol)."""
    adjusted = scores.copy()
    for first, end in zip(*_stretches(labels), strict=True):
        adjusted[first:end] = scores[first:end].max()
    return adjusted


def event_rates(labels: Bools, alarms: Bools) -> EventRates:
    """Precision and recall of stretches of alarms; 0 and 0 without an alarm."""
    firsts, ends = _stretches(alarms)
    if len(firsts) == 0:
        return EventRates(0.0, 0.0)
    abnormal, alarmed = (np.append(0, np.cumsum(part)) for part in (labels, alarms))
    events, event_ends = _stretches(labels)
    return EventRates(
        precision=float(np.mean(abnormal[ends] > abnormal[firsts])),
        recall=float(np.mean(alarmed[event_ends] > alarmed[events])),
    )


def best_event_f1(labels: Bools, scores: Floats) -> EventRates:
    """The rates with the best F1 among thresholds that give 1, 2, ... up to half of the points, in equal ratios."""
    most = max(1, len(scores) // 2)
    counts = np.unique(np.geomspace(1, most, N_THRESHOLDS).astype(np.int64))
    thresholds = np.unique(np.sort(scores)[::-1][counts - 1])
    return max((event_rates(labels, scores >= threshold) for threshold in thresholds), key=lambda rates: rates.f1)


def vus_pr(labels: Bools, scores: Floats, buffer: int = BUFFER) -> float:
    """Volume under the surface of precision and recall (Paparrizos et al. 2022, section 4), mean over buffers 0..l.

    With a buffer l, a point at distance d <= l / 2 outside an event is abnormal to the degree sqrt(1 - d / l). At each
    threshold, recall = TP / ((points + degrees) / 2), at most 1, times the share of the (widened) events that are met,
    precision = TP / alarms, TP the sum of the degrees of the alarms. All thresholds are used.
    """
    order = np.argsort(-scores, kind="stable")
    last = _last_of_ties(scores[order])
    rank = np.empty(len(scores), dtype=np.int64)
    rank[order] = np.arange(len(scores))
    distance = _distance_to_events(labels)
    return float(np.mean([_area(labels, distance, l, order, rank, last) for l in range(buffer + 1)]))  # noqa: E741


def _area(labels: Bools, distance: Ints, buffer: int, order: Ints, rank: Ints, last: Ints) -> float:
    degrees = np.where(distance <= buffer // 2, np.sqrt(np.maximum(1.0 - distance / max(buffer, 1), 0.0)), 0.0)
    degrees[labels] = 1.0
    firsts, ends = _stretches(degrees > 0.0)
    met_at = np.sort([rank[first:end].min() for first, end in zip(firsts, ends, strict=True)])
    met = np.searchsorted(met_at, last, side="right") / len(firsts)
    true = np.cumsum(degrees[order])[last]
    recall = np.minimum(true / ((labels.sum() + degrees.sum()) / 2.0), 1.0) * met
    precision = true / (last + 1)
    steps = np.diff(recall, prepend=0.0)
    before = np.append(1.0, precision[:-1])
    return float(np.sum(steps * (precision + before) / 2.0))


def _distance_to_events(labels: Bools) -> Ints:
    """Points to the nearest abnormal one, 0 inside an event."""
    places = np.flatnonzero(labels)
    index = np.arange(len(labels))
    after = np.minimum(np.searchsorted(places, index), len(places) - 1)
    before = np.maximum(np.searchsorted(places, index, side="right") - 1, 0)
    nearest: Ints = np.minimum(np.abs(places[after] - index), np.abs(places[before] - index))
    return nearest


def _last_of_ties(falling: Floats) -> Ints:
    """Where each run of equal numbers ends: thresholds cannot part them."""
    ends: Ints = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)
    return ends


def _stretches(marked: Bools) -> tuple[Ints, Ints]:
    """First points and ends (exclusive) of the runs of True."""
    edges = np.diff(np.concatenate([[False], marked, [False]]).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
