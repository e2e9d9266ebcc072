"""One period judged against the evidence: three p-values a collection, and what they become together.

    shape        see `shapes`
    volume       see `volumes`
    dispersion   see `clumps`

Together they are the weighted harmonic mean of the p-values (Wilson, PNAS 2019), which holds however the parts depend
on one another, to first order in a small p; weights are the parts' shares of the false-positive rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from tocsin.detectors.collections.calibrated.clumps import Clumps, judge_clumps
from tocsin.detectors.collections.calibrated.evidence import Evidence, Observed
from tocsin.detectors.collections.calibrated.peers import ENOUGH, N_PEERS, Peers
from tocsin.detectors.collections.calibrated.shapes import Shapes, expected_shares, judge_shapes
from tocsin.detectors.collections.calibrated.volumes import Volumes, judge_volumes
from tocsin.detectors.collections.engine import CollectionStatus, Counts, FineCounts
from tocsin.kernels.collection_shapes import collect_shapes, quantise
from tocsin.model import Bools, Floats, Ints

__all__ = ["MIN_OWN", "SHARES", "Judgement", "Moment", "judge"]

SHARES = {"volume": 0.62, "shape": 0.3, "dispersion": 0.08}
"""Of the false-positive rate; volumes stray most in life, clumps least."""
MIN_OWN = 7
"""Collections from which on an entity's own past counts."""
JUDGED = (CollectionStatus.TESTED, CollectionStatus.BY_PEERS)
TINIEST = 1e-300
LEAST_WEIGHT = 0.15
"""Farming adds records: on a day with few of them odd shapes and clumps count less, on one with many more. P-values
are divided by LEAST_WEIGHT + (1 - LEAST_WEIGHT) 1.5 (1 - p_volume^2), of mean 1 over honest days (weighted p-values of
Genovese, Roeder and Wasserman, 2006)."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When a period is: minutes since 1970, kind and phase of the day."""

    when: int
    kind: int
    phase: int


@dataclass(frozen=True, slots=True, eq=False)
class Judgement:
    """What is found of one period; arrays of length n_entities.

    seen    : the period as it will be remembered
    status  : a `CollectionStatus`
    parts   : p-values by part, NaN = not judged
    p_value : of the parts together
    peers   : as they are with this period's evidence
    """

    seen: Observed
    is_open: Bools
    status: Any
    shapes: Shapes
    volumes: Volumes
    clumps: Clumps
    parts: dict[str, Floats]
    p_value: Floats
    peers: Peers


def judge(
    evidence: Evidence,
    before: Peers,
    counts: Counts,
    moment: Moment,
    fine: FineCounts | None,
    common_factor: float | None = None,
) -> Judgement:
    """Judge (n_entities, n_bins) counts; changes nothing. A common factor that is known is taken for true."""
    records = counts.sum(axis=1, dtype=np.float64)
    is_open = records > 0
    sums, totals, n_own = collect_shapes(evidence.shares, evidence.weight, evidence.kind, -1)
    enough = n_own >= ENOUGH
    peers = Peers.of_shapes(before, sums, totals, evidence.group, n_own)
    references = expected_shares(evidence, peers, sums, totals, n_own)
    shapes = judge_shapes(evidence, peers, references, totals.sum(axis=1), counts, records, moment.kind)
    volumes = judge_volumes(evidence, peers, records, is_open & enough, moment.phase, common_factor)
    clumps = judge_clumps(evidence, peers, fine)
    status = _status(is_open, n_own, peers.n_known[evidence.group])
    parts = _parts(shapes, volumes, clumps, np.isin(status, JUDGED), n_own)
    p_value = _together(parts)
    with np.errstate(divide="ignore"):
        score = -special.ndtri(np.clip(p_value, TINIEST, 1.0))
    seen = Observed(
        moment.when, moment.kind, moment.phase, quantise(counts), records, shapes.divergence, shapes.expected,
        clumps.index, clumps.variance, volumes.residual, score,
    )  # fmt: skip
    known_index = np.where(np.isfinite(evidence.index).any(axis=1), clumps.usual, np.nan)
    learned = peers.learned(enough, shapes.bias, volumes.own_sd, known_index, volumes.effects)
    return Judgement(seen, is_open, status, shapes, volumes, clumps, parts, p_value, learned)


def _parts(shapes: Shapes, volumes: Volumes, clumps: Clumps, judged: Bools, n_own: Ints) -> dict[str, Floats]:
    """The p-values that count; a level of its own an entity has from MIN_OWN collections on."""
    p_volume = np.where(judged & (n_own >= MIN_OWN), volumes.p_value, np.nan)
    weight = np.nan_to_num(LEAST_WEIGHT + (1.0 - LEAST_WEIGHT) * 1.5 * (1.0 - p_volume**2), nan=1.0)
    return {
        "shape": np.where(judged, np.minimum(shapes.p_value / weight, 1.0), np.nan),
        "volume": p_volume,
        "dispersion": np.where(judged, np.minimum(clumps.p_value / weight, 1.0), np.nan),
    }


def _status(is_open: Bools, n_own: Ints, n_peers: Floats) -> Any:
    status = np.full(len(is_open), CollectionStatus.TESTED, np.int8)
    few = n_own < MIN_OWN
    status[few & (n_peers >= N_PEERS)] = CollectionStatus.BY_PEERS
    status[few & (n_peers < N_PEERS)] = CollectionStatus.NOT_ENOUGH_DATA
    status[~is_open] = CollectionStatus.CLOSED
    return status


def _together(parts: dict[str, Floats]) -> Floats:
    """Weighted harmonic mean over the parts that are known; NaN where none is."""
    whole, inverse = np.zeros(len(parts["shape"])), np.zeros(len(parts["shape"]))
    for name, p in parts.items():
        known = np.isfinite(p)
        whole += SHARES[name] * known
        inverse += np.where(known, SHARES[name] / np.maximum(np.nan_to_num(p, nan=1.0), TINIEST), 0.0)
    with np.errstate(invalid="ignore"):
        together: Floats = np.minimum(whole / inverse, 1.0)
    return together
