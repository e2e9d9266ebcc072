"""Scores of one context as probabilities of being an outlier.

The paper (eq. 7) turns scores s into probabilities 1 / (1 + exp(-A s - B)) by EM, after Gao and Tan (2006): the labels
"outlier" are latent, the E-step sets them from the probabilities, the M-step fits A and B. The gamma of the largest
likelihood is taken. As stated this has no answer. The labels threshold the very score that predicts them, so that a
steep enough curve fits any of them perfectly (likelihood 1 for every gamma), and with the softened labels of Platt
(1999) EM wanders to no outliers at all.

What is made of it:

* The share of outliers is not estimated but given, one of 0.5, 1, 2, 5 and 10 %. For a given share the E-step has one
  answer whatever A > 0 and B are (the highest scores), so that EM ends after one round.
* The M-step is Platt's: labels (N1 + 1) / (N1 + 2) and 1 / (N0 + 2) in place of 1 and 0 keep A finite.
* The probability of a row is the mean over the five shares. Contexts are compared by it, not by their scores: a
  context that leaves a single indicator of two values gives every row a score near 1.
* gamma is not chosen by this likelihood, which is largest where scores are most discrete: mostly at 1,000, where no row
  has peers. What is asked instead is what gamma is for: with which one the context of a row foretells its indicators
  best (`ContextForest.foretold`), a likelihood of rows that had no part in what foretells them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special

from tocsin.model import Floats

__all__ = ["OUTLIER_SHARES", "Calibration", "calibrate"]

OUTLIER_SHARES = (0.005, 0.01, 0.02, 0.05, 0.1)
MAX_STEPS, MAX_HALVINGS = 30, 12
TOLERANCE = 1e-7
LEAST_SPREAD = 1e-9
"""Scores that differ by less are equal."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """slope, offset : (n_shares,) of the curves."""

    slope: Floats
    offset: Floats

    def probability(self, scores: Floats) -> Floats:
        """(n,) mean over the shares of 1 / (1 + exp(-slope s - offset)), below 1."""
        curves = special.expit(self.slope[:, None] * scores + self.offset[:, None])
        return np.asarray(np.minimum(curves.mean(axis=0), np.nextafter(1.0, 0.0)))


def calibrate(scores: Floats, shares: tuple[float, ...] = OUTLIER_SHARES) -> Calibration:
    """Platt's fits if the highest scores of each share are outliers; a row equal to the last of them is one, too.

    Parameters
    ----------
    scores : (n,) higher is more anomalous; of constant ones every row has the mean share
    """
    n = len(scores)
    centre, spread = float(scores.mean()), float(scores.std())
    if n < 3 or not spread > LEAST_SPREAD:
        return Calibration(np.zeros(len(shares)), special.logit(np.array(shares)))
    x = (scores - centre) / spread
    ranked = np.sort(x)
    bars = np.array([ranked[n - max(1, round(share * n))] for share in shares])
    outlier = x >= bars[:, None]
    n_outliers = outlier.sum(axis=1, keepdims=True)
    target = np.where(outlier, (n_outliers + 1) / (n_outliers + 2), 1 / (n - n_outliers + 2))
    slope, offset = _fit_logistic(x, target)
    return Calibration(slope / spread, offset - slope * centre / spread)


def _loss(x: Floats, target: Floats, slope: Floats, offset: Floats) -> Floats:
    """(n_fits,) negative log-likelihood of soft labels."""
    z = slope[:, None] * x + offset[:, None]
    return np.asarray((np.logaddexp(0.0, z) - target * z).sum(axis=1))


def _fit_logistic(x: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Slopes and offsets of the curves of soft labels (n_fits, n) by Newton's steps.

    A step is halved until it descends (Lin, Lin and Weng 2007), for all fits at once.
    """
    slope, offset = np.zeros(len(target)), special.logit(target.mean(axis=1))
    loss = _loss(x, target, slope, offset)
    for _ in range(MAX_STEPS):
        along_slope, along_offset = _newton_step(x, target, slope, offset)
        size = np.ones(len(target))
        for _ in range(MAX_HALVINGS):
            new = _loss(x, target, slope - size * along_slope, offset - size * along_offset)
            if not (new > loss).any():
                break
            size[new > loss] *= 0.5
        size[new > loss] = 0.0
        slope, offset = slope - size * along_slope, offset - size * along_offset
        change = np.where(size > 0.0, loss - new, 0.0)
        loss = loss - change
        if (change <= TOLERANCE * loss).all():
            break
    return slope, offset


def _newton_step(x: Floats, target: Floats, slope: Floats, offset: Floats) -> tuple[Floats, Floats]:
    p = special.expit(slope[:, None] * x + offset[:, None])
    weight, gap = p * (1 - p), p - target
    h11, h12, h22 = (weight @ x**2) + 1e-9, weight @ x, weight.sum(axis=1) + 1e-9
    g1, g2 = gap @ x, gap.sum(axis=1)
    determinant = h11 * h22 - h12**2
    return (h22 * g1 - h12 * g2) / determinant, (h11 * g2 - h12 * g1) / determinant
