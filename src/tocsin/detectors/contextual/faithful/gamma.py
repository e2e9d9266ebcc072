"""Which gamma: the one at which the outliers of its scores stand off most clearly from the rest.

The paper (eq. 7) turns scores s into probabilities 1 / (1 + exp(-A s - B)) by EM, after Gao and Tan (2006): the labels
"outlier" are latent, the E-step sets them from the probabilities, the M-step fits A and B. The gamma of the largest
likelihood is taken. As stated this has no answer. The labels threshold the very score that predicts them, so that a
steep enough curve fits any of them perfectly (likelihood 1 for every gamma), and with the softened labels of Platt
(1999) EM wanders to no outliers at all.

What is made of it:

* The share of outliers is not estimated but given, one of 0.5, 1, 2, 5 and 10 %. For a given share the E-step has one
  answer whatever A > 0 and B are (the highest scores), so that EM ends after one round.
* The M-step is Platt's: labels (N1 + 1) / (N1 + 2) and 1 / (N0 + 2) in place of 1 and 0 keep A finite, and the fit is
  good only where scores form two bunches, bad where they run on.
* What is compared between gammas is the part of the deviance explained, (L0 - L) / (L0 - Lmin), with L0 of a constant
  and Lmin of a perfect fit of the softened labels: it does not change with the scale of the scores. Its mean over the
  five shares is what gamma maximises.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from tocsin.model import Floats

__all__ = ["OUTLIER_SHARES", "explained_deviance", "separation"]

OUTLIER_SHARES = (0.005, 0.01, 0.02, 0.05, 0.1)
MAX_STEPS, MAX_HALVINGS = 30, 12
TOLERANCE = 1e-7


def separation(scores: Floats) -> Floats:
    """(n_gammas,) mean explained deviance of scores (n, n_gammas) over `OUTLIER_SHARES`; 0 for constant scores."""
    result = np.zeros(scores.shape[1])
    for g in range(scores.shape[1]):
        result[g] = explained_deviance(scores[:, g], OUTLIER_SHARES).mean()
    return result


def explained_deviance(scores: Floats, shares: tuple[float, ...]) -> Floats:
    """(n_shares,) part of the deviance that Platt's fit explains if the highest scores of each share are outliers.

    Parameters
    ----------
    scores : (n,) higher is more anomalous; rows equal to the last of the highest are outliers, too
    """
    n = len(scores)
    spread = scores.std()
    if n < 3 or not spread > 1e-12:
        return np.zeros(len(shares))
    x = (scores - scores.mean()) / spread
    ranked = np.sort(x)
    bars = np.array([ranked[n - max(1, round(share * n))] for share in shares])
    outlier = x >= bars[:, None]
    n_outliers = outlier.sum(axis=1, keepdims=True)
    target = np.where(outlier, (n_outliers + 1) / (n_outliers + 2), 1 / (n - n_outliers + 2))
    mean = target.mean(axis=1)
    constant = n * special.entr(np.stack([mean, 1 - mean])).sum(axis=0)
    least = special.entr(target).sum(axis=1) + special.entr(1 - target).sum(axis=1)
    fitted = _fit_logistic(x, target)
    possible = np.maximum(constant - least, 1e-12)
    return np.asarray(np.clip((constant - fitted) / possible, 0.0, 1.0))


def _loss(x: Floats, target: Floats, slope: Floats, offset: Floats) -> Floats:
    """(n_fits,) negative log-likelihood of soft labels."""
    z = slope[:, None] * x + offset[:, None]
    return np.asarray((np.logaddexp(0.0, z) - target * z).sum(axis=1))


def _fit_logistic(x: Floats, target: Floats) -> Floats:
    """(n_fits,) least negative log-likelihood of soft labels (n_fits, n): Newton's steps, halved until they descend.

    Lin, Lin and Weng (2007), for all fits at once.
    """
    slope = np.zeros(len(target))
    offset = special.logit(target.mean(axis=1))
    loss = _loss(x, target, slope, offset)
    for _ in range(MAX_STEPS):
        p = special.expit(slope[:, None] * x + offset[:, None])
        weight, gap = p * (1 - p), p - target
        h11, h12, h22 = (weight @ x**2) + 1e-9, weight @ x, weight.sum(axis=1) + 1e-9
        g1, g2 = gap @ x, gap.sum(axis=1)
        determinant = h11 * h22 - h12**2
        step1, step2 = (h22 * g1 - h12 * g2) / determinant, (h11 * g2 - h12 * g1) / determinant
        size = np.ones(len(target))
        for _ in range(MAX_HALVINGS):
            new = _loss(x, target, slope - size * step1, offset - size * step2)
            worse = new > loss
            if not worse.any():
                break
            size[worse] *= 0.5
        better = new <= loss
        slope = np.where(better, slope - size * step1, slope)
        offset = np.where(better, offset - size * step2, offset)
        change = np.where(better, loss - new, 0.0)
        loss = loss - change
        if (change <= TOLERANCE * loss).all():
            break
    return loss
