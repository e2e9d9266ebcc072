"""The categories as context: how far a row's numbers are from their joint dependence within its categories.

Numbers are normal scores less what a ridge regression on the categories foretells of them; the distance is that from
the core of these residuals (a Gaussian copula within categories). Normal scores have no heavy tails: only rows whose
numbers do not go together are far out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from tocsin.detectors.contextual.calibrated.core import Core
from tocsin.model import Codes, Floats, Ints

__all__ = ["Copula"]

SHARE, SHRINKAGE = 0.75, 0.1
MAX_LEVELS, LEAST_LEVEL, LEAST_VARIANCE = 50, 10, 1e-9
PRIOR_ROWS = 20.0
"""A category's mean is shrunk as if so many rows without any effect were in it."""


class Copula:
    """Distance of rows from the dependence of numbers within categories.

    levels : for each categorical column the codes with an effect of their own
    centre : (n_effects,) share of each; effects : (n_effects, n_numbers); mean, scale : (n_numbers,)
    """

    def __init__(
        self, levels: tuple[Ints, ...], centre: Floats, effects: Floats, mean: Floats, scale: Floats, core: Core
    ) -> None:
        self._levels, self._centre, self._effects = levels, centre, effects
        self._mean, self._scale, self._core = mean, scale, core

    @classmethod
    def fit(cls, scores: Floats, codes: Codes) -> Self:
        """Learn from (n, n_numbers) normal scores, without NaN, and (n, n_categoricals) codes."""
        levels = tuple(_frequent(column) for column in codes.T)
        dummies = _dummies(codes, levels)
        centre = dummies.mean(axis=0)
        centred = dummies - centre
        mean = scores.mean(axis=0)
        ridge = centred.T @ centred + PRIOR_ROWS * np.eye(len(centre))
        effects = np.linalg.solve(ridge, centred.T @ (scores - mean)) if len(centre) else np.zeros((0, scores.shape[1]))
        residuals = scores - mean - centred @ effects
        deviation = residuals.std(axis=0)
        scale = np.where(deviation > LEAST_VARIANCE, deviation, 1.0)
        core = Core.of(residuals / scale, SHARE, SHRINKAGE, np.ones(scores.shape[1]))
        return cls(levels, centre, effects, mean, scale, core)

    def residuals(self, scores: Floats, codes: Codes) -> Floats:
        """(n, n_numbers) what the categories do not foretell, in standard deviations."""
        foretold = (_dummies(codes, self._levels) - self._centre) @ self._effects
        return np.asarray((scores - self._mean - foretold) / self._scale)

    def distance(self, scores: Floats, codes: Codes) -> Floats:
        """(n,) 0 or more."""
        return np.asarray(np.sqrt(self._core(self.residuals(scores, codes))))

    def alone(self, scores: Floats, codes: Codes) -> Floats:
        """(n, n_numbers) squared distance of each number from what the other numbers and the categories foretell."""
        return self._core.alone(self.residuals(scores, codes))

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays."""
        return {
            "levels": list(self._levels),
            "centre": self._centre,
            "effects": self._effects,
            "mean": self._mean,
            "scale": self._scale,
            "core": self._core.to_arrays(),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The copula of a `to_arrays`."""
        levels = tuple(np.asarray(one, np.int64) for one in arrays["levels"])
        names = ("centre", "effects", "mean", "scale")
        centre, effects, mean, scale = (np.asarray(arrays[name], np.float64) for name in names)
        core = Core(*(np.asarray(one, np.float64) for one in arrays["core"]))
        return cls(levels, centre, effects.reshape(len(centre), len(mean)), mean, scale, core)


def _frequent(codes: Codes) -> Ints:
    """The codes of at least ten rows, at most 50, the commonest first."""
    present, counts = np.unique(codes, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return np.asarray(present[order][counts[order] >= LEAST_LEVEL][:MAX_LEVELS], np.int64)


def _dummies(codes: Codes, levels: tuple[Ints, ...]) -> Floats:
    parts = [codes[:, [j]] == one for j, one in enumerate(levels)]
    return np.hstack([np.zeros((len(codes), 0)), *parts]).astype(np.float64)
