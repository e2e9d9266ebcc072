"""How relevant an anomaly is, as a Gaussian process over its embedding and its time (the default mode).

    g(x) = asinh(excess) + h(e, t)         P(relevant) = 1 / (1 + exp(-g))

`excess` is how far the surprise is beyond the detection threshold, so that without answers g > 0 is the detector's own
decision. h has mean 0 and the covariance

    n / (n + FEW) (BIAS + sum over SCALES of 3 exp(-|e - e'|^2 / 2 (c l_2)^2) + 9 exp(-|e - e'|_1 / (.7 l_1)))
    exp(-|t - t'| / memory)

with l_1, l_2 the median distances between candidates: smooth over several scales, and, by the last term, able to tell
apart by few features, as an ensemble of random trees is (Balog et al. 2016, The Mondrian kernel). n is the number of
answered items: a handful of them shall not overrule a detector whose order is nearly right. Nothing of this depends on
what was answered, which is what makes the mode's promises provable: a posterior mode is increasing in each answer. The
posterior is Laplace's approximation (Rasmussen and Williams 2006, algorithms 3.1 and 3.2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial.distance import cdist
from scipy.special import expit

from tocsin.model import Bools, Floats

__all__ = ["FEW", "Posterior", "Scale", "prior_mean"]

SCALES = (0.35, 0.7, 1.4)
SMOOTH, ROUGH, BIAS = 3.0, 9.0, 4.0
ROUGH_SCALE = 0.7
LEAST_SD = 0.05
"""A feature that hardly varies would otherwise outweigh all others."""
FEW = 20.0
N_PAIRS = 1_000
MOST_STEPS, TOLERANCE = 100, 1e-10


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """The units in which embeddings are compared: what candidates look like, whatever people say of them.

    centre, unit : (n_features,)
    euclidean, taxicab : the median distances between two candidates in these units
    """

    centre: Floats
    unit: Floats
    euclidean: float
    taxicab: float

    @classmethod
    def of(cls, candidates: Floats) -> Scale:
        """Of candidates (n, n_features).

        A feature is divided by the square root of its standard deviation: half way between features as they are and
        features that all count the same.
        """
        if not len(candidates):
            n_features = candidates.shape[1]
            return cls(np.zeros(n_features), np.ones(n_features), 1.0, 1.0)
        centre = candidates.mean(axis=0)
        unit = np.sqrt(np.maximum(candidates.std(axis=0), LEAST_SD))
        scaled = (candidates - centre) / unit
        one, other = np.random.default_rng(0).integers(0, len(scaled), (2, N_PAIRS))
        difference = scaled[one] - scaled[other]
        return cls(
            centre,
            unit,
            _median(np.sqrt((difference**2).sum(axis=1))),
            _median(np.abs(difference).sum(axis=1)),
        )

    def scaled(self, embeddings: Floats) -> Floats:
        found: Floats = (embeddings - self.centre) / self.unit
        return found

    def covariance(self, one: Floats, other: Floats) -> Floats:
        """Of h at the same time, (n, m), between scaled embeddings (n, n_features) and (m, n_features)."""
        squared = cdist(one, other, "sqeuclidean")
        total: Floats = BIAS + ROUGH * np.exp(cdist(one, other, "cityblock") / (-ROUGH_SCALE * self.taxicab))
        for scale in SCALES:
            total += SMOOTH * np.exp(squared / (-2 * (scale * self.euclidean) ** 2))
        return total

    @property
    def variance(self) -> float:
        """Of h anywhere, before there are answers."""
        return BIAS + ROUGH + SMOOTH * len(SCALES)


def _median(distances: Floats) -> float:
    apart = distances[distances > 0]
    return float(np.median(apart)) if len(apart) else 1.0


def prior_mean(excess: Floats) -> Floats:
    """Linear near the threshold, logarithmic far beyond it: an enormous surprise does not outvote every answer."""
    mean: Floats = np.arcsinh(excess)
    return mean


class Posterior:
    """h after some answers.

    Parameters
    ----------
    scale : Scale
    memory : float
        In the unit of times: an answer's weight falls by e in so long.
    embeddings, excess, relevant, times : (n, n_features), (n,), (n,), (n,)
        What was answered; n may be 0.
    """

    def __init__(
        self, scale: Scale, memory: float, embeddings: Floats, excess: Floats, relevant: Bools, times: Floats
    ) -> None:
        self._scale, self._memory = scale, memory
        self._known, self._times = scale.scaled(embeddings), times
        self._share = max(len(times), 1) / (len(times) + FEW)
        covariance = self._share * scale.covariance(self._known, self._known) * self._fading(times, times)
        mean, answer = prior_mean(excess), relevant.astype(float)
        self._weights, mode = _mode(covariance, mean, answer)
        self._root, self._factor = _factor(covariance, mode)

    def at(self, embeddings: Floats, time: float) -> tuple[Floats, Floats]:
        """Mean and variance of h, (n,) each."""
        known = self._scale.covariance(self._scale.scaled(embeddings), self._known)
        known *= self._share * self._fading(np.array([time]), self._times)
        solved = solve_triangular(self._factor, self._root[:, None] * known.T, lower=True, check_finite=False)
        variance: Floats = np.maximum(self._share * self._scale.variance - (solved**2).sum(axis=0), 1e-9)
        return known @ self._weights, variance

    def _fading(self, times: Floats, others: Floats) -> Floats:
        faded: Floats = np.exp(-np.abs(np.subtract.outer(times, others)) / self._memory)
        return faded


def _mode(covariance: Floats, mean: Floats, answer: Floats) -> tuple[Floats, Floats]:
    """Weights a and mode f = mean + K a, by Newton's method with halved steps where one would overshoot."""

    def objective(weights: Floats, values: Floats) -> float:
        # log(1 + exp(-f)) for relevant, log(1 + exp(f)) for not
        loss = np.logaddexp(0.0, np.where(answer > 0, -values, values)).sum()
        return float(-0.5 * weights @ (values - mean) - loss)

    weights, values = np.zeros(len(mean)), mean.copy()
    best = objective(weights, values)
    for _ in range(MOST_STEPS):
        root, factor = _factor(covariance, values)
        chance = expit(values)
        target = root**2 * (values - mean) + answer - chance
        inner = solve_triangular(factor, root * (covariance @ target), lower=True, check_finite=False)
        wanted = target - root * solve_triangular(factor, inner, lower=True, trans="T", check_finite=False)
        step, before = 1.0, best
        while True:
            tried = weights + step * (wanted - weights)
            there = mean + covariance @ tried
            found = objective(tried, there)
            if found >= before or step < 1e-4:
                break
            step /= 2
        weights, values, best = tried, there, found
        if abs(best - before) < TOLERANCE:
            break
    return weights, values


def _factor(covariance: Floats, values: Floats) -> tuple[Floats, Floats]:
    """The root of the likelihood's curvature at `values`, and the Cholesky factor of I + W^1/2 K W^1/2."""
    chance = expit(values)
    root: Floats = np.sqrt(np.maximum(chance * (1 - chance), 1e-9))
    factor: Floats = cholesky(np.eye(len(values)) + root[:, None] * covariance * root, lower=True, check_finite=False)
    return root, factor
