"""One period judged against the evidence: three p-values a collection, and what they become together.

    shape        J / (bias + E J), its cube root, against past collections of the entity; Student's t, upper tail
    volume       records against an expected number by level and day of the week; upper tail
    dispersion   index of dispersion of the fine counts against the usual one; upper tail

Together they are the weighted harmonic mean of the p-values (Wilson, PNAS 2019), which holds however the parts depend
on one another, to first order in a small p; weights are the parts' shares of the false-positive rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from tocsin.detectors.collections.calibrated.evidence import Evidence, Observed
from tocsin.detectors.collections.calibrated.peers import ENOUGH, N_PEERS, Peers
from tocsin.detectors.collections.engine import CollectionStatus, Counts
from tocsin.kernels.collection_dispersion import dispersion_index, usual_dispersion
from tocsin.kernels.collection_shapes import collect_shapes, quantise, reference_shapes, spread_of_divergences
from tocsin.kernels.collection_volumes import forecast_volumes, volume_tails
from tocsin.kernels.divergence import jsd_from_mean
from tocsin.kernels.divergence_expectation import expected_jsd
from tocsin.kernels.student_t import t_upper_tails
from tocsin.model import Bools, Floats, Ints

__all__ = ["MEMORY", "Judgement", "Moment", "judge", "shape_statistics"]

SHARES = {"volume": 0.62, "shape": 0.3, "dispersion": 0.08}
"""Of the false-positive rate; volumes stray most in life, clumps least."""
ODD_DAY = 0.03
"""Chance that a day is like a day of another kind: holidays, bridge days, Saturdays that are worked."""
VOLUME_DF, SHAPE_DF, DISPERSION_DF = 5, 7, 49
"""Degrees of freedom of the tails: real volumes stray far now and then, clumps hardly."""
N_USUAL_SD, FEW_USUAL_SD = 100.0, 20.0
"""Collections' worth of the usual day-to-day deviation in each entity's own: learned from many peers, or assumed."""
KIND_PULL, BIAS_PULL, SPREAD_PULL, INDEX_PULL = 3.0, 5.0, 10.0, 20.0
"""Collections' worth of: both kinds of day in each kind; the usual bias; the spread by chance; the usual index."""
MIN_OWN = 7
"""Collections from which on an entity's own past counts."""
MANY = 30
"""Entities that a factor common to all needs."""
MEMORY = 28
"""Collections for which a level that was left is remembered."""
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
    """What is found of one period; arrays of length n_entities unless said otherwise.

    references : (2, n, n_bins) expected shares by kind of day
    level, effects, spread : the expected ln(records), see `forecast_volumes`
    factor     : ln of what all entities share today
    parts      : p-values by part
    peers      : as they are with this period's evidence
    """

    seen: Observed
    is_open: Bools
    status: Any
    references: Floats
    bias: Floats
    centre: Floats
    shape_spread: Floats
    level: Floats
    effects: Floats
    spread: Floats
    factor: float
    usual_index: Floats
    index_excess: Floats
    parts: dict[str, Floats]
    p_value: Floats
    peers: Peers

    def expected_volume(self, phase: int) -> Floats:
        """ln(records) expected."""
        result: Floats = self.level + self.effects[:, phase] + self.factor
        return result


def judge(
    evidence: Evidence,
    before: Peers,
    counts: Counts,
    moment: Moment,
    fine: Counts | None,
    common_factor: float | None = None,
) -> Judgement:
    """Judge (n_entities, n_bins) counts; changes nothing. A common factor that is known is taken for true."""
    records = counts.sum(axis=1, dtype=np.float64)
    is_open = records > 0
    sums, totals, n_own = collect_shapes(evidence.shares, evidence.weight, evidence.kind, -1)
    peers = Peers.of_shapes(before, sums, totals, evidence.group, n_own)
    references = reference_shapes(sums, totals, n_own, evidence.group, peers.shapes, peers.strength, KIND_PULL)
    own = references[moment.kind]
    divergence, expected = jsd_from_mean(counts, own), expected_jsd(records, own)
    bias, centre, shape_spread = shape_statistics(evidence, own, peers, totals.sum(axis=1))
    enough = n_own >= ENOUGH
    level, effects, own_sd, spread = forecast_volumes(
        evidence.volume,
        evidence.volume_phase,
        evidence.volume_counts,
        evidence.volume_head,
        peers.effects,
        peers.sd,
        FEW_USUAL_SD + (N_USUAL_SD - FEW_USUAL_SD) * peers.trust,
    )
    residual = np.log(np.maximum(records, 0.5)) - level - effects[:, moment.phase]
    factor = _common_factor(residual[is_open & enough]) if common_factor is None else common_factor
    p_shape = _shape_tails(counts, divergence, expected, references[1 - moment.kind], bias, centre, shape_spread)
    p_volume = volume_tails(records, level, effects, spread, moment.phase, factor, ODD_DAY, VOLUME_DF)
    _remember_old_level(p_volume, evidence, records, level, effects, spread, moment.phase, factor)
    index, variance = _no_index(len(records)) if fine is None else dispersion_index(fine)
    usual, excess = usual_dispersion(evidence.index, evidence.index_variance, evidence.weight, peers.index, INDEX_PULL)
    status = _status(is_open, n_own, peers.n_known[evidence.group])
    silent = ~np.isin(status, (CollectionStatus.TESTED, CollectionStatus.BY_PEERS))
    p_volume = np.where(silent | (n_own < MIN_OWN), np.nan, p_volume)
    weight = np.nan_to_num(LEAST_WEIGHT + (1.0 - LEAST_WEIGHT) * 1.5 * (1.0 - p_volume**2), nan=1.0)
    p_dispersion = _dispersion_tails(index, variance, usual, excess)
    parts = {
        "shape": np.where(silent, np.nan, np.minimum(p_shape / weight, 1.0)),
        "volume": p_volume,
        "dispersion": np.where(silent, np.nan, np.minimum(p_dispersion / weight, 1.0)),
    }
    p_value = _together(parts)
    with np.errstate(divide="ignore"):
        score = -special.ndtri(np.clip(p_value, TINIEST, 1.0))
    seen = Observed(
        moment.when,
        moment.kind,
        moment.phase,
        quantise(counts),
        records,
        divergence,
        expected,
        index,
        variance,
        residual - factor,
        score,
    )
    return Judgement(
        seen,
        is_open,
        status,
        references,
        bias,
        centre,
        shape_spread,
        level,
        effects,
        spread,
        factor,
        usual,
        excess,
        parts,
        p_value,
        peers.learned(enough, bias, own_sd, _newest_index(usual, evidence), effects),
    )


def shape_statistics(evidence: Evidence, reference: Floats, peers: Peers, total: Floats) -> tuple[Floats, ...]:
    """Bias, centre and spread of the cube root of J / (bias + E J), for entities without a past by their peers."""
    effective = 1.0 / np.maximum((reference * reference).sum(axis=1), 1e-12)
    unknown = 0.125 * np.maximum(effective - 1.0, 0.0) / (peers.strength[evidence.group] + total)
    found: tuple[Floats, ...] = spread_of_divergences(
        evidence.divergence, evidence.expected, evidence.weight, reference, BIAS_PULL, peers.bias + unknown, SPREAD_PULL
    )
    return found


def _shape_tails(
    counts: Counts, divergence: Floats, expected: Floats, other: Floats, bias: Floats, centre: Floats, spread: Floats
) -> Floats:
    """With the chance ODD_DAY the day is of the other kind; that only ever excuses."""
    own = t_upper_tails(_odds(divergence, expected, bias, centre, spread), SHAPE_DF)
    elsewhere = t_upper_tails(_odds(jsd_from_mean(counts, other), expected, bias, centre, spread), SHAPE_DF)
    result: Floats = (1.0 - ODD_DAY) * own + ODD_DAY * np.maximum(own, elsewhere)
    return result


def _odds(divergence: Floats, expected: Floats, bias: Floats, centre: Floats, spread: Floats) -> Floats:
    result: Floats = (np.cbrt(divergence / (bias + expected + 1e-12)) - centre) / spread
    return result


def _common_factor(residual: Floats) -> float:
    """ln of what all entities share today, 0 unless it is beyond doubt."""
    residual = residual[np.isfinite(residual)]
    if len(residual) < MANY:
        return 0.0
    middle = float(np.median(residual))
    doubt = 2.0 * 1.2533 * 1.4826 * float(np.median(np.abs(residual - middle))) / np.sqrt(len(residual))
    return float(np.sign(middle) * max(abs(middle) - doubt, 0.0))


def _remember_old_level(
    p_volume: Floats,
    evidence: Evidence,
    records: Floats,
    level: Floats,
    effects: Floats,
    spread: Floats,
    phase: int,
    factor: float,
) -> None:
    """Of an entity that fell to a lower level lately, the former level is as good an expectation."""
    fell = np.flatnonzero((evidence.jump < 0) & (evidence.jump_age <= MEMORY))
    if len(fell):
        former = level[fell] - evidence.jump[fell]
        again = volume_tails(records[fell], former, effects[fell], spread[fell], phase, factor, ODD_DAY, VOLUME_DF)
        p_volume[fell] = np.fmax(p_volume[fell], again)


def _no_index(n: int) -> tuple[Floats, Floats]:
    return np.full(n, np.nan), np.full(n, np.nan)


def _newest_index(usual: Floats, evidence: Evidence) -> Floats:
    """The usual index of entities that have one."""
    return np.where(np.isfinite(evidence.index).any(axis=1), usual, np.nan)


def _dispersion_tails(index: Floats, variance: Floats, usual: Floats, excess: Floats) -> Floats:
    """The larger of Student's t and a chi-square tail of the same variance, which is skewed as the index is."""
    known = np.isfinite(index)
    result = np.full(len(index), np.nan)
    if known.any():
        z = (index - usual)[known] / np.sqrt(variance * excess)[known]
        degrees = 2.0 / variance[known]
        chi_square = special.chdtrc(degrees, np.maximum(degrees + z * np.sqrt(2.0 * degrees), 0.0))
        result[known] = np.maximum(t_upper_tails(z, DISPERSION_DF), chi_square)
    return result


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
