"""The empty context: how odd a row is among all rows, by several views of its numbers.

* density forest: isolation trees whose leaves say how thin they are (log of the share of the volume over the share of
  the rows), after Ting et al., "Mass estimation" (2013), and isotree's density metric;
* quantile forest: an isolation forest (Liu, Ting and Zhou 2008) on the columns' normal scores, which heavy tails
  do not dominate;
* core: Mahalanobis distance from the densest half (Rousseeuw and Van Driessen's concentration steps, 1999);
* peers: mean distance to the nearest row of many small samples (Sugiyama and Borgwardt 2013), tails drawn in by asinh.

No view is best for every table. A view is trusted as far as the others confirm it: its weight is a power of the mean
correlation of its upper tenth with theirs, which needs no label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from tocsin.detectors.contextual.calibrated.frame import Frame
from tocsin.detectors.contextual.calibrated.surprise import Surprise
from tocsin.detectors.contextual.isolation_forest import average_path_length, standardisation, standardised
from tocsin.kernels.isolation import grow_trees, path_lengths
from tocsin.model import Floats

__all__ = ["WholeViews"]

N_TREES, N_SAMPLES, DEPTH = 200, 256, 8
CORE_SHARE, N_STEPS, RIDGE, FURTHEST = 0.5, 6, 1e-3, 1e3
N_DRAWS, DRAW = 50, 16
UPPER_SHARE, TRUST_POWER, LEAST_TRUST = 0.1, 8.0, 1e-3
CHUNK = 8_192


class Forest:
    """Isolation trees over numbers; a row's value is minus the mean of its leaves' values."""

    def __init__(self, arrays: tuple[Any, ...]) -> None:
        self._arrays = arrays

    @classmethod
    def grow(cls, numbers: Floats, density: bool, random: np.random.Generator) -> Self:
        n = len(numbers)
        n_samples = min(N_SAMPLES, n)
        depth = DEPTH if density else max(1, int(np.ceil(np.log2(n_samples))))
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


class Core:
    """Squared Mahalanobis distance from the densest half of the rows."""

    def __init__(self, mean: Floats, whiten: Floats) -> None:
        self._mean, self._whiten = mean, whiten

    @classmethod
    def of(cls, scaled: Floats) -> Self:
        scaled = np.clip(scaled, -FURTHEST, FURTHEST)
        n, n_columns = scaled.shape
        size = max(int(CORE_SHARE * n), min(n, n_columns + 2))
        inside = np.arange(n)
        for _ in range(N_STEPS):
            mean = scaled[inside].mean(axis=0)
            covariance = (
                np.cov(scaled[inside].T).reshape(n_columns, n_columns) if len(inside) > 1 else np.eye(n_columns)
            )
            values, vectors = np.linalg.eigh(covariance)
            values = np.maximum(values, 0.0)
            values += RIDGE * values.mean() if values.mean() > 0 else 1.0
            found = cls(mean, vectors / np.sqrt(values))
            inside = np.argpartition(found(scaled), size - 1)[:size]
        return found

    def __call__(self, scaled: Floats) -> Floats:
        return np.asarray((((np.clip(scaled, -FURTHEST, FURTHEST) - self._mean) @ self._whiten) ** 2).sum(axis=1))

    def to_arrays(self) -> list[Any]:
        return [self._mean, self._whiten]


class Peers:
    """Mean distance to the nearest row of small samples."""

    def __init__(self, samples: Floats) -> None:
        self._samples = samples  # (n_draws, draw, n_columns)

    @classmethod
    def draw(cls, scaled: Floats, random: np.random.Generator) -> Self:
        n = len(scaled)
        size = min(DRAW, max(1, n // 2))
        return cls(np.stack([np.arcsinh(scaled[random.choice(n, size, replace=False)]) for _ in range(N_DRAWS)]))

    def __call__(self, scaled: Floats) -> Floats:
        drawn_in = np.arcsinh(scaled)
        n_draws, size, n_columns = self._samples.shape
        flat = self._samples.reshape(-1, n_columns)
        squared = (drawn_in**2).sum(axis=1)[:, None] - 2.0 * drawn_in @ flat.T + (flat**2).sum(axis=1)
        nearest = squared.reshape(-1, n_draws, size).min(axis=2)
        return np.asarray(np.sqrt(np.maximum(nearest, 0.0)).mean(axis=1))

    def to_arrays(self) -> list[Any]:
        return [self._samples]


class WholeViews:
    """All views together: `surprise` is their weighted mean surprise.

    weights : (n_views,) trust in each view, summing to 1
    """

    def __init__(self, views: tuple[Any, ...], scales: tuple[Surprise, ...], weights: Floats, frame: Frame) -> None:
        self._views, self._scales, self._frame = views, scales, frame
        self.weights = weights

    @classmethod
    def fit(cls, numbers: Floats, random: np.random.Generator) -> Self:
        """Learn from (n, n_numbers) rows, NaN = missing."""
        frame = Frame.of(numbers)
        raw, normal, scaled = frame.prepare(numbers)
        views = (
            Forest.grow(raw, True, random),
            Forest.grow(normal, False, random),
            Core.of(scaled),
            Peers.draw(scaled, random),
        )
        values = _view_values(views, raw, normal, scaled)
        scales = tuple(Surprise.of(column) for column in values.T)
        surprise = np.column_stack([scale(column) for scale, column in zip(scales, values.T, strict=True)])
        return cls(views, scales, trust(surprise), frame)

    def surprise(self, numbers: Floats) -> Floats:
        """(n,) 0 or more."""
        result = np.empty(len(numbers))
        for start in range(0, len(numbers), CHUNK):
            values = _view_values(self._views, *self._frame.prepare(numbers[start : start + CHUNK]))
            parts = [scale(column) for scale, column in zip(self._scales, values.T, strict=True)]
            result[start : start + CHUNK] = np.column_stack(parts) @ self.weights
        return result

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays."""
        return {
            "views": [view.to_arrays() for view in self._views],
            "scales": [scale.to_arrays() for scale in self._scales],
            "weights": self.weights,
            "frame": self._frame.to_arrays(),
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The views of a `to_arrays`."""
        density, quantile, core, peers = ([np.ascontiguousarray(one) for one in view] for view in arrays["views"])
        views = Forest(tuple(density)), Forest(tuple(quantile)), Core(*core), Peers(*peers)
        scales = tuple(Surprise.from_arrays(scale) for scale in arrays["scales"])
        return cls(views, scales, np.asarray(arrays["weights"], np.float64), Frame.from_arrays(arrays["frame"]))


def _view_values(views: tuple[Any, ...], raw: Floats, normal: Floats, scaled: Floats) -> Floats:
    density, quantile, core, peers = views
    return np.column_stack([density(raw), quantile(normal), core(scaled), peers(scaled)])


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
