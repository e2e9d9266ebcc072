"""The number of records against what level and day of the week foretell, upper tail: farming adds records."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.detectors.collections.calibrated.calendar import ODD_DAY
from tocsin.detectors.collections.calibrated.evidence import Evidence
from tocsin.detectors.collections.calibrated.peers import Peers
from tocsin.kernels.collection_volumes import forecast_volumes, volume_tails
from tocsin.model import Bools, Floats

__all__ = ["MEMORY", "Volumes", "judge_volumes"]

TAIL_DF = 5
"""Degrees of freedom of Student's t: real volumes stray far now and then."""
N_USUAL_SD, FEW_USUAL_SD = 100.0, 20.0
"""Collections' worth of the usual day-to-day deviation in each entity's own: learned from many peers, or assumed."""
MANY = 30
"""Entities that a factor common to all needs."""
MEMORY = 28
"""Collections for which a level that was left is remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Volumes:
    """Arrays of length n_entities unless said otherwise; NaN = nothing is expected.

    expected : ln(records), with the day of the week and the factor
    effects  : (n, 7) of the days of the week
    own_sd, spread : day-to-day deviation of ln(records), see `forecast_volumes`
    factor   : ln of what all entities share in this period
    residual : ln(records) beyond the expected
    p_value  : upper tail
    """

    expected: Floats
    effects: Floats
    own_sd: Floats
    spread: Floats
    factor: float
    residual: Floats
    p_value: Floats


def judge_volumes(
    evidence: Evidence, peers: Peers, records: Floats, tell: Bools, phase: int, common_factor: float | None
) -> Volumes:
    """Judge (n,) records; the entities that `tell` tell of a factor common to all, unless it is known."""
    usual_weight = FEW_USUAL_SD + (N_USUAL_SD - FEW_USUAL_SD) * peers.trust
    level, effects, own_sd, spread = forecast_volumes(
        evidence.volume, evidence.volume_phase, evidence.volume_counts, evidence.volume_head,
        peers.effects, peers.sd, usual_weight,
    )  # fmt: skip
    expected = level + effects[:, phase]
    residual = np.log(np.maximum(records, 0.5)) - expected
    factor = _common_factor(residual[tell]) if common_factor is None else common_factor
    p_value = volume_tails(records, level, effects, spread, phase, factor, ODD_DAY, TAIL_DF)
    fell = np.flatnonzero((evidence.jump < 0) & (evidence.jump_age <= MEMORY))
    if len(fell):  # of an entity that fell to a lower level lately, the former level is as good an expectation
        former = level[fell] - evidence.jump[fell]
        again = volume_tails(records[fell], former, effects[fell], spread[fell], phase, factor, ODD_DAY, TAIL_DF)
        p_value[fell] = np.fmax(p_value[fell], again)
    return Volumes(expected + factor, effects, own_sd, spread, factor, residual - factor, p_value)


def _common_factor(residual: Floats) -> float:
    """ln of what all entities share today, 0 unless it is beyond doubt."""
    residual = residual[np.isfinite(residual)]
    if len(residual) < MANY:
        return 0.0
    middle = float(np.median(residual))
    doubt = 2.0 * 1.2533 * 1.4826 * float(np.median(np.abs(residual - middle))) / np.sqrt(len(residual))
    return float(np.sign(middle) * max(abs(middle) - doubt, 0.0))
