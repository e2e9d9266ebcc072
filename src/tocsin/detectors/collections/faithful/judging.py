"""From the divergences of one level to thresholds, p-values and flags."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, chdtri, ndtri

from tocsin.detectors.collections.engine import Counts
from tocsin.detectors.collections.faithful.evidence import EvidenceSets
from tocsin.detectors.collections.faithful.settings import FaithfulSettings
from tocsin.detectors.collections.thresholds import (
    bayes_threshold,
    calculated_threshold,
    one_sided_threshold,
    two_sided_thresholds,
    upper_tail,
)
from tocsin.kernels.divergence import kullback_leibler
from tocsin.kernels.divergence_evidence import evidence_divergences
from tocsin.model import Bools, Floats

__all__ = ["LevelScores", "judge_level"]

LEAST_ANOMALOUS = 2
"""Anomalous collections that a spread can be taken of; below, the upper tail of the normal evidence decides."""


@dataclass(frozen=True, slots=True, eq=False)
class LevelScores:
    """Arrays of length n_entities; NaN = not judged."""

    divergence: Floats
    threshold: Floats
    p_value: Floats
    flagged: Bools


def judge_level(counts: Counts, evidence: EvidenceSets, settings: FaithfulSettings, alpha: float) -> LevelScores:
    """Judge one level's histograms, (n, n_bins), against its evidence."""
    if settings.algorithm == "mgof":
        return _mgof(counts, evidence.mean(), settings.target_fpr)
    found = evidence_divergences(counts, evidence.shares, evidence.filled, evidence.n_normal)
    found /= math.log(settings.base)
    divergence, mean, spread, mean_anomalous, spread_anomalous = found.T
    threshold, least = _thresholds(mean, spread, mean_anomalous, spread_anomalous, evidence, settings, alpha)
    flagged = divergence >= threshold
    if least is not None:
        flagged |= divergence <= least
    p_value = upper_tail(divergence, mean, spread)
    if settings.threshold == "density":
        p_value = np.minimum(2.0 * np.minimum(p_value, 1.0 - p_value), 1.0)
    return LevelScores(divergence, threshold, p_value, flagged)


def _thresholds(
    mean: Floats,
    spread: Floats,
    mean_anomalous: Floats,
    spread_anomalous: Floats,
    evidence: EvidenceSets,
    settings: FaithfulSettings,
    alpha: float,
) -> tuple[Floats, Floats | None]:
    """The thresholds, and for the density rule the lower ones."""
    if settings.threshold == "density":
        lower, upper = two_sided_thresholds(mean, spread, settings.target_fpr)
        return upper, lower
    deviations = 3.0 if settings.threshold == "3sigma" else -float(ndtri(settings.target_fpr))
    tail = one_sided_threshold(mean, spread, deviations)
    if settings.threshold in ("tail", "3sigma"):
        return tail, None
    moments = mean, spread, mean_anomalous, spread_anomalous, alpha
    if settings.threshold == "bayes":
        between = bayes_threshold(*moments)
    else:
        between = calculated_threshold(int(settings.threshold), *moments)
    return np.where(evidence.filled[:, 1] >= LEAST_ANOMALOUS, between, tail), None


def _mgof(counts: Counts, mean: Floats, target_fpr: float) -> LevelScores:
    """The multinomial goodness of fit: 2 N KLD of the mean of the evidence is chi-squared; bins it lacks are dropped.

    The divergence is the Kullback-Leibler one here. N is what the histogram counts: records at the first level, spans
    at the second. Of the readings that were tried this comes nearest to Table VI. With the number of records at both
    levels every clean day is flagged at the second, as a record then counts as if it were a span of its own; a test
    against each day of the evidence in turn (Wang et al., 2011: fits any of those known) flags fewer clean days at the
    first level than the paper has, and more at the second.
    """
    divergence = kullback_leibler(counts, mean, True)
    n = counts.sum(axis=1)
    freedom = np.maximum((mean > 0).sum(axis=1) - 1, 1)
    statistic = np.maximum(2.0 * n * divergence, 0.0)
    p_value = np.where(np.isnan(divergence), np.nan, chdtrc(freedom, np.nan_to_num(statistic)))
    threshold = chdtri(freedom, target_fpr) / np.maximum(2.0 * n, 1.0)
    return LevelScores(divergence, threshold, p_value, divergence >= threshold)
