"""The empty context: how odd a row is among all rows, by three views of its numbers.

* density: isolation trees whose leaves say how thin they are (log of a leaf's share of the rows over its share of the
  volume; after Ting et al., "Mass estimation", 2013, and isotree's density metric);
* isolation: path lengths (Liu, Ting and Zhou 2008) on the columns' normal scores, which heavy tails do not dominate, in
  trees of few rows, which see the outskirts of the whole rather than those of its clusters;
* core: distance from the densest half of the rows (the concentration steps of Rousseeuw and Van Driessen 1999).

No view is best for every table. A view is trusted as far as the others confirm it: its weight is a power of the mean
correlation of its upper tenth with theirs, which needs no label.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2
from typing import Any, Self

import numpy as np

from tocsin.detectors.contextual.calibrated.core import Core
from tocsin.detectors.contextual.calibrated.frame import Frame
from tocsin.detectors.contextual.calibrated.surprise import Surprise
from tocsin.detectors.contextual.isolation_forest import average_path_length, standardisation, standardised
from tocsin.kernels.isolation import grow_trees, path_lengths
from tocsin.model import Floats

__all__ = ["WholeViews"]

N_TREES = 200
DENSITY_SAMPLES, ISOLATION_SAMPLES = 256, 64
CORE_SHARE, CORE_RIDGE, FURTHEST = 0.5, 1e-3, 1e3
UPPER_SHARE, TRUST_POWER, LEAST_TRUST = 0.1, 8.0, 1e-3


class Forest:
    """Isolation trees over numbers; a row's value is minus the mean of its leaves' values."""

    def __init__(self, arrays: tuple[Any, ...]) -> None:
        self._arrays = arrays

    @classmethod
    def grow(cls, numbers: Floats, n_samples: int, density: bool, random: np.random.Generator) -> Self:
        """Grow from (n, n_numbers) rows without NaN, at most `n_samples` a tree."""
        n = len(numbers)
        n_samples = min(n_samples, n)
        depth = max(1, ceil(log2(n_samples)))
        rows = np.stack([random.choice(n, n_samples, replace=False) for _ in range(N_TREES)])
        seeds = random.integers(0, 2**64, N_TREES, dtype=np.uint64)
        centre, scale = standardisation(numbers)
        no_codes = np.empty((n, 0), np.int32)
        length = average_path_length(np.arange(n_samples + 1)).astype(np.float32)
        trees = grow_trees(standardised(numbers, centre, scale), no_codes, rows, seeds, depth, length)
        split, threshold, path, count, share = trees
        leaf = _thickness(count / n_samples, share) if density else path
        return cls((centre, scale, seeds, split, threshold, leaf))

    def __call__(self, numbers: Floats) -> Floats:
        result = np.empty(len(numbers))
        path_lengths(numbers, np.empty((len(numbers), 0), np.int32), *self._arrays, result)
        return -result

    def to_arrays(self) -> list[Any]:
        return list(self._arrays)


def _thickness(mass: Floats, share: Any) -> Any:
    """(n_trees, n_leaves) float32: log of a leaf's share of the rows over its share of the volume."""
    log_volume = np.zeros((len(share), 1))
    level = 0
    while log_volume.shape[1] < mass.shape[1]:
        here = share[:, (1 << level) - 1 : (2 << level) - 1].astype(np.float64)
        cut = here > 0
        to_left = np.where(cut, np.log(np.clip(here, 1e-9, 1.0)), 0.0)
        to_right = np.where(cut, np.log(np.clip(1.0 - here, 1e-9, 1.0)), 0.0)
        log_volume = np.stack([log_volume + to_left, log_volume + to_right], axis=2).reshape(len(share), -1)
        level += 1
    return (np.log(np.maximum(mass, 1e-12)) - log_volume).astype(np.float32)


class WholeViews:
    """All views together: `surprise` is their weighted mean surprise.

    weights : (n_views,) trust in each view, summing to 1
    """

    def __init__(self, views: tuple[Any, ...], scales: tuple[Surprise, ...], weights: Floats) -> None:
        self._views, self._scales = views, scales
        self.weights = weights

    @classmethod
    def fit(cls, frame: Frame, numbers: Floats, random: np.random.Generator) -> Self:
        """Learn from (n, n_numbers) rows, NaN = missing."""
        raw, normal, scaled = frame.prepare(numbers)
        views = (
            Forest.grow(raw, DENSITY_SAMPLES, True, random),
            Forest.grow(normal, ISOLATION_SAMPLES, False, random),
            Core.of(np.clip(scaled, -FURTHEST, FURTHEST), CORE_SHARE, CORE_RIDGE),
        )
        values = _view_values(views, raw, normal, scaled)
        scales = tuple(Surprise.of(column) for column in values.T)
        surprise = np.column_stack([scale(column) for scale, column in zip(scales, values.T, strict=True)])
        return cls(views, scales, trust(surprise))

    def surprise(self, frame: Frame, numbers: Floats) -> Floats:
        """(n,) 0 or more."""
        values = _view_values(self._views, *frame.prepare(numbers))
        parts = [scale(column) for scale, column in zip(self._scales, values.T, strict=True)]
        return np.asarray(np.column_stack(parts) @ self.weights)

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays."""
        return {
            "views": [view.to_arrays() for view in self._views],
            "scales": [scale.to_arrays() for scale in self._scales],
            "weights": self.weights,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The views of a `to_arrays`."""
        density, isolation, core = ([np.ascontiguousarray(one) for one in view] for view in arrays["views"])
        views = Forest(tuple(density)), Forest(tuple(isolation)), Core(*core)
        scales = tuple(Surprise.from_arrays(scale) for scale in arrays["scales"])
        return cls(views, scales, np.asarray(arrays["weights"], np.float64))


def _view_values(views: tuple[Any, ...], raw: Floats, normal: Floats, scaled: Floats) -> Floats:
    """(n, n_views) higher is odder."""
    density, isolation, core = views
    return np.column_stack([density(raw), isolation(normal), core(np.clip(scaled, -FURTHEST, FURTHEST))])


def trust(surprise: Floats) -> Floats:
    """(n_views,) weights of views by how far their upper tenths agree, summing to 1.

    Parameters
    ----------
    surprise : (n, n_views)
    """
    upper = np.maximum(surprise, np.quantile(surprise, 1.0 - UPPER_SHARE, axis=0))
    deviation = upper - upper.mean(axis=0)
    size = np.sqrt((deviation**2).sum(axis=0))
    deviation /= np.where(size > 0, size, 1.0)
    agreement = deviation.T @ deviation
    np.fill_diagonal(agreement, 0.0)
    weights = np.maximum(agreement.sum(axis=1) / max(len(agreement) - 1, 1), LEAST_TRUST) ** TRUST_POWER
    return np.asarray(weights / weights.sum())
