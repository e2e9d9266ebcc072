"""What becomes evidence of what is usual, and what is held back until there is a second opinion.

A collection that is odd in a part (HOLD_BELOW) is held, not admitted: were it an attack that nobody confirms, it would
teach that attacks are usual. What is held comes back

* when ADOPT_AFTER collections in a row are held for their volume alone: the level has moved. Should a collection fall
  back to the former level within MEMORY collections, the move was none: the former level returns, and the volumes
  above it are no evidence.
* when the held ring is full of collections in a row with odd shapes but no clumps: the shape has changed for good.
* when people say that it was no anomaly.

Clumped records never become usual by themselves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tocsin.detectors.collections.calibrated.evidence import Evidence
from tocsin.detectors.collections.calibrated.judging import Judgement
from tocsin.detectors.collections.calibrated.volumes import MEMORY
from tocsin.model import Floats, Ints

__all__ = ["ADOPT_AFTER", "remember"]

HOLD_BELOW = {"volume": 0.03, "shape": 0.005, "dispersion": 0.003}
"""p-values by part: a collection below any of them is held."""
ADOPT_AFTER = 3
FALL_BACK = 0.6
"""Of a move of the level: a collection that lies this much of it back is at the former level."""
MOST_RUN = 10_000
LOW, LOW_AFTER = 2.5, 5
"""So many collections in a row, each this many deviations low, and the level has moved down."""


def remember(evidence: Evidence, judged: Judgement) -> None:
    """Take a judged period into the evidence, or hold it."""
    seen, is_open = judged.seen, judged.is_open
    odd = {name: np.nan_to_num(judged.parts[name], nan=1.0) < below for name, below in HOLD_BELOW.items()}
    is_held = is_open & (odd["volume"] | odd["shape"] | odd["dispersion"])
    evidence.admit(np.flatnonzero(is_open & ~is_held), seen)
    evidence.hold(np.flatnonzero(is_held), seen)
    evidence.jump_age[is_open] = np.minimum(evidence.jump_age[is_open] + 1, 2 * MEMORY)
    _fall_back(evidence, judged)
    is_low = seen.residual < -LOW * judged.volumes.spread
    runs = (
        (evidence.run_volume, is_open, is_held & ~odd["shape"] & ~odd["dispersion"]),
        # a low volume that is held is not among the volumes that a new level is made of
        (evidence.run_low, is_open & ~(is_held & is_low), is_low),
        (evidence.run_shape, is_open, is_held & odd["shape"] & ~odd["dispersion"]),
    )
    for run, counts, goes_on in runs:
        run[counts] = np.where(goes_on, np.minimum(run + 1, MOST_RUN), 0)[counts]
    _adopt_level(evidence)
    _adopt_low(evidence, seen.residual)
    _adopt_shape(evidence)


def _adopt_level(evidence: Evidence) -> None:
    """The held volumes are the new level; what lay before them moves up to them."""
    who = np.flatnonzero(evidence.run_volume >= ADOPT_AFTER)
    n_held = evidence.held_verdict.shape[1]
    if not len(who) or n_held < ADOPT_AFTER:
        return
    slots = [(evidence.held_head[who].astype(np.int64) - 1 - age) % n_held for age in range(ADOPT_AFTER)]
    by: Floats = np.stack([evidence.held_residual[who, slot] for slot in slots]).mean(axis=0, dtype=np.float64)
    since = evidence.held_when[who, slots[-1]]
    evidence.move_level(who, by, since)
    for age in reversed(range(ADOPT_AFTER)):
        evidence.release(who, age)
    _moved(evidence, who, by, since)


def _adopt_low(evidence: Evidence, residual: Floats) -> None:
    """The low volumes are evidence already; what lay before them moves down to them."""
    who = np.flatnonzero(evidence.run_low >= LOW_AFTER)
    if not len(who):
        return
    slots = (evidence.volume_head[who].astype(np.int64) - LOW_AFTER) % evidence.volume.shape[1]
    since = evidence.volume_when[who, slots]
    evidence.move_level(who, residual[who], since)
    _moved(evidence, who, residual[who], since)


def _moved(evidence: Evidence, who: Ints, by: Floats, since: Any) -> None:
    evidence.jump[who], evidence.jump_when[who], evidence.jump_age[who] = by, since, 0
    evidence.run_volume[who] = 0
    evidence.run_low[who] = 0


def _fall_back(evidence: Evidence, judged: Judgement) -> None:
    """Undo a move of the level where a collection is at the former one."""
    jump = evidence.jump.astype(np.float64)
    is_back = np.sign(jump) * judged.seen.residual < -FALL_BACK * np.abs(jump)
    who = np.flatnonzero(judged.is_open & (jump != 0) & (evidence.jump_age <= MEMORY) & is_back)
    if not len(who):
        return
    since = evidence.jump_when[who]
    evidence.move_level(who, -jump[who], since)
    is_now = evidence.volume_when[who] == judged.seen.when
    evidence.forget_volumes(who, since, is_now)
    evidence.jump[who] = 0


def _adopt_shape(evidence: Evidence) -> None:
    n_held = evidence.held_verdict.shape[1]
    who = np.flatnonzero(evidence.run_shape >= n_held)
    if not len(who):
        return
    evidence.forget_shapes(who, evidence.held_when[who].min(axis=1))
    for age in reversed(range(n_held)):
        evidence.release(who, age)
    evidence.run_shape[who] = 0
