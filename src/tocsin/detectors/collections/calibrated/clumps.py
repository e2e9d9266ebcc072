"""Whether records come in clumps within the hour: the index of dispersion of the fine counts, upper tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from tocsin.detectors.collections.calibrated.evidence import Evidence
from tocsin.detectors.collections.calibrated.peers import Peers
from tocsin.detectors.collections.engine import FineCounts
from tocsin.kernels.collection_dispersion import dispersion_index, usual_dispersion
from tocsin.kernels.student_t import t_upper_tails
from tocsin.model import Floats

__all__ = ["Clumps", "judge_clumps"]

TAIL_DF = 49
INDEX_PULL = 20.0
"""Collections' worth of the usual index in each entity's own."""


@dataclass(frozen=True, slots=True, eq=False)
class Clumps:
    """Arrays of length n_entities; NaN = not known.

    index, variance : of this period, see `dispersion_index`
    usual, excess   : of the evidence, see `usual_dispersion`
    p_value         : upper tail
    """

    index: Floats
    variance: Floats
    usual: Floats
    excess: Floats
    p_value: Floats

    @property
    def sd(self) -> Floats:
        result: Floats = np.sqrt(self.variance * self.excess)
        return result


def judge_clumps(evidence: Evidence, peers: Peers, fine: FineCounts | None) -> Clumps:
    """Judge (n, n_spans) counts; the larger of Student's t and a chi-square tail, skewed as the index is."""
    n = evidence.n_entities
    usual, excess = usual_dispersion(evidence.index, evidence.index_variance, evidence.weight, peers.index, INDEX_PULL)
    p_value, unknown = np.full(n, np.nan), np.full(n, np.nan)
    if fine is None:
        return Clumps(unknown, unknown, usual, excess, p_value)
    index, variance = dispersion_index(fine)
    known = np.isfinite(index)
    if known.any():
        z = (index - usual)[known] / np.sqrt(variance * excess)[known]
        degrees = 2.0 / variance[known]
        chi_square = special.chdtrc(degrees, np.maximum(degrees + z * np.sqrt(2.0 * degrees), 0.0))
        p_value[known] = np.maximum(t_upper_tails(z, TAIL_DF), chi_square)
    return Clumps(index, variance, usual, excess, p_value)
