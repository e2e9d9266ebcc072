"""How far a cause is beyond the detection threshold, and the slices just below it that relevancy may raise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tocsin.config import SliceMonitorSettings
from tocsin.incidents import Cause
from tocsin.model import Bools, Facts, Ints, SliceScores
from tocsin.pipeline.excess import excess, surprise

__all__ = ["candidate_slices", "excess_of"]

TIMES_Q = 5.0
"""A candidate's false-discovery rate is below so many times that of the monitor (and below one half)."""
P_OF_ARTICLE = 0.0455
"""The article flags beyond two deviations: so likely is a normal value."""
P_OF_CANDIDATE = 0.134
"""One and a half deviations."""


def excess_of(monitor: SliceMonitorSettings, scores: SliceScores, members: Sequence[int]) -> float:
    """Of the least likely of some slices, by the q-value; by the p-value in the faithful mode."""
    chosen = np.asarray(members, dtype=np.int64)
    is_faithful = monitor.mode == "faithful"
    tails = (scores.p_value if is_faithful else scores.q_value)[chosen]
    level = P_OF_ARTICLE if is_faithful else monitor.q
    least = float(np.nanmin(tails)) if np.isfinite(tails).any() else level
    return excess(surprise(least), surprise(level), reported=bool(scores.flagged[chosen].any()))


def candidate_slices(
    monitor: SliceMonitorSettings, facts: Facts, scores: SliceScores, causes: Sequence[Cause], most: int
) -> Ints:
    """Slices that are nearly flagged and share no record with a cause or with one another, the least likely first."""
    if not most:
        return np.empty(0, dtype=np.int64)
    is_faithful = monitor.mode == "faithful"
    tails = scores.p_value if is_faithful else scores.q_value
    most_likely = P_OF_CANDIDATE if is_faithful else min(TIMES_Q * monitor.q, 0.5)
    deviation = np.abs(scores.amount - scores.expected_amount)
    with np.errstate(invalid="ignore"):
        near = (
            ~scores.flagged
            & (tails <= most_likely)
            & (deviation >= monitor.min_relative * np.abs(scores.expected_amount))
            & (deviation >= monitor.min_absolute)
        )
    near[[cause.slice_index for cause in causes]] = False
    order = np.flatnonzero(near)
    order = order[np.lexsort((order, -deviation[order], scores.p_value[order], tails[order]))]
    return _apart(facts, order, causes, most)


def _apart(facts: Facts, order: Ints, causes: Sequence[Cause], most: int) -> Ints:
    taken = [facts.codes[cause.slice_index] for cause in causes]
    chosen: list[int] = []
    for index in order[: 10 * most]:
        mine = facts.codes[index]
        if not any(_overlap(mine, other) for other in taken):
            taken.append(mine)
            chosen.append(int(index))
        if len(chosen) == most:
            break
    return np.asarray(chosen, dtype=np.int64)


def _overlap(one: Ints, other: Ints) -> bool:
    """Whether two slices may share records: no dimension that both fix differs."""
    both: Bools = (one >= 0) & (other >= 0)
    return bool((one[both] == other[both]).all())
