"""The shape of a collection against the entity's evidence: J / (bias + E J), its cube root, upper tail.

J is the divergence from the expected shares, E J what chance alone gives for so many records, and the bias the entity's
real variation from day to day. The cube root makes such a sum of squares nearly normal (Wilson and Hilferty).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from tocsin.detectors.collections.calibrated.calendar import ODD_DAY
from tocsin.detectors.collections.calibrated.evidence import Evidence
from tocsin.detectors.collections.calibrated.peers import Peers
from tocsin.detectors.collections.engine import Counts
from tocsin.kernels.collection_shapes import reference_shapes, spread_of_divergences
from tocsin.kernels.divergence import jsd_from_mean
from tocsin.kernels.divergence_expectation import expected_jsd
from tocsin.kernels.student_t import t_upper_tails
from tocsin.model import Floats, Ints

__all__ = ["Shapes", "expected_shares", "judge_shapes"]

KIND_PULL, BIAS_PULL, SPREAD_PULL = 3.0, 5.0, 10.0
"""Collections' worth of: both kinds of day in each kind; the usual bias; the spread that chance alone gives."""
TAIL_DF = 7
"""Degrees of freedom of Student's t: real shapes stray a little more than chance."""
NOTHING = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Arrays of length n_entities unless said otherwise.

    shares : (n, n_bins) expected
    divergence, expected : J and E J
    bias, centre, spread : of the cube root, see `spread_of_divergences`
    p_value : upper tail; with the chance ODD_DAY the day is of the other kind, which only ever excuses
    """

    shares: Floats
    divergence: Floats
    expected: Floats
    bias: Floats
    centre: Floats
    spread: Floats
    p_value: Floats

    def threshold(self, level: float) -> Floats:
        """The divergence at which the upper tail falls to `level`."""
        reach = float(stats.t.isf(level, TAIL_DF))
        found: Floats = (self.expected + self.bias) * (self.centre + self.spread * reach) ** 3
        return np.minimum(found, np.log(2.0))


def expected_shares(evidence: Evidence, peers: Peers, sums: Floats, totals: Floats, n_own: Ints) -> Floats:
    """(2, n, n_bins) of both kinds of day; sums, totals and n_own are what `collect_shapes` gives."""
    found: Floats = reference_shapes(sums, totals, n_own, evidence.group, peers.shapes, peers.strength, KIND_PULL)
    return found


def judge_shapes(
    evidence: Evidence, peers: Peers, references: Floats, total: Floats, counts: Counts, records: Floats, kind: int
) -> Shapes:
    """Judge the shapes of (n, n_bins) counts; total (n,) is the weight of all evidence."""
    own = references[kind]
    divergence, expected = jsd_from_mean(counts, own), expected_jsd(records, own)
    effective = 1.0 / np.maximum((own * own).sum(axis=1), NOTHING)
    # how far a member lies from its peers' shape, as far as its own evidence does not tell
    unknown = 0.125 * np.maximum(effective - 1.0, 0.0) / (peers.strength[evidence.group] + total)
    bias, centre, spread = spread_of_divergences(
        evidence.divergence, evidence.expected, evidence.weight, own, BIAS_PULL, peers.bias + unknown, SPREAD_PULL
    )

    def tail(divergence: Floats) -> Floats:
        found: Floats = t_upper_tails((np.cbrt(divergence / (bias + expected + NOTHING)) - centre) / spread, TAIL_DF)
        return found

    here, elsewhere = tail(divergence), tail(jsd_from_mean(counts, references[1 - kind]))
    p_value = (1.0 - ODD_DAY) * here + ODD_DAY * np.maximum(here, elsewhere)
    return Shapes(own, divergence, expected, bias, centre, spread, p_value)
