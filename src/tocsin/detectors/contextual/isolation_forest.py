"""Isolation forest (Liu, Ting and Zhou 2008) for tables of mixed columns.

A row is odd when few random splits part it from the others: the score is 2^(-h / c), h its mean path length over the
trees, c that of a random row of a tree's sample (their equations 1 and 2); .5 is usual, towards 1 is odd.

* A path that ends in a leaf of n rows is longer by c(n) = 2 (digamma(n + 1) + .57722 - 1), the exact mean path of a
  random tree of n rows.
* Categories: each tree puts those of a column on a line in random order and cuts it like a number's range; each node
  so parts a random subset of the categories from the others, of any size. One-hot columns would dilute the table
  towards its categories, frequencies as numbers would make rarity itself a distance.
* A missing value goes to one side of each node, the likelier the more rows are there; a column of one value and holes
  is split into both. A category unseen in fit has a random place on each tree's line.
* Numbers are centred and divided by their quartile range, then compared as float32: seven digits relative to the
  distance from the median.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from math import ceil, log2
from numbers import Integral
from typing import Any

import numpy as np
from scipy.special import digamma

from tocsin.detectors.contextual.columns import EncodedTable
from tocsin.detectors.contextual.estimator import TableDetector
from tocsin.errors import InputError
from tocsin.kernels.isolation import grow_trees, path_lengths
from tocsin.model import Floats, Ints

__all__ = ["IsolationForest", "average_path_length", "n_threads", "standardisation", "standardised"]

ARRAYS = ("centre", "scale", "seeds", "split", "threshold", "path")
LEAST_ROWS_A_THREAD = 4_096
LARGEST = 1e30


class IsolationForest(TableDetector):
    """Isolation forest.

    Parameters
    ----------
    n_trees : int
        Trees.
    max_samples : int
        Rows that each tree is grown from, drawn without replacement (all, where there are fewer).
    contamination : float in (0, 0.5]
        Share of the rows of fit that `predict` calls outliers.
    random_state : int, RandomState, Generator or None
        Seed.
    n_jobs : int or None
        Threads; None = 1, -1 = one a core. Scores are the same for any number.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"visits": [*range(30), 500], "country": ["DE", "FR", "GB"] * 10 + ["DE"]})
    >>> scores = IsolationForest(random_state=0).fit(table).anomaly_score(table)
    >>> int(scores.argmax())
    30
    """

    def __init__(
        self,
        *,
        n_trees: int = 100,
        max_samples: int = 256,
        contamination: float = 0.01,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> None:
        self.n_trees = n_trees
        self.max_samples = max_samples
        self.contamination = contamination
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _check_settings(self) -> None:
        super()._check_settings()
        for name, least in (("n_trees", 1), ("max_samples", 2)):
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < least:
                raise InputError(f"The setting {name}", allowed=f"a whole number, at least {least}", got=value)
        n_threads(self.n_jobs)

    def _fit(self, table: EncodedTable, order: Ints, random: np.random.Generator) -> None:
        n_samples = min(int(self.max_samples), len(order))
        rows = np.stack([random.choice(len(order), n_samples, replace=False) for _ in range(int(self.n_trees))])
        sample = table.take(order[rows.ravel()])
        centre, scale = standardisation(sample.numbers)
        seeds = random.integers(0, 2**64, len(rows), dtype=np.uint64)
        own = np.arange(rows.size).reshape(rows.shape)
        length = average_path_length(np.arange(n_samples + 1)).astype(np.float32)
        numbers = standardised(sample.numbers, centre, scale)
        split, threshold, path, *_ = grow_trees(numbers, sample.codes, own, seeds, ceil(log2(n_samples)), length)
        self._trees: tuple[Any, ...] = (centre, scale, seeds, split, threshold, path)
        self._usual = float(average_path_length(np.array([n_samples]))[0])

    def _surprise(self, table: EncodedTable) -> Floats:
        result = np.empty(len(table))
        parts = min(n_threads(self.n_jobs), max(1, len(table) // LEAST_ROWS_A_THREAD))
        edges = np.linspace(0, len(table), parts + 1).astype(int)

        def walk(part: int) -> None:
            here = slice(edges[part], edges[part + 1])
            path_lengths(table.numbers[here], table.codes[here], *self._trees, result[here])

        if parts == 1:
            walk(0)
        else:
            with ThreadPoolExecutor(parts) as pool:
                list(pool.map(walk, range(parts)))
        np.multiply(result, -1.0 / self._usual, out=result)
        return np.exp2(result, out=result)

    def _get_learned(self) -> dict[str, Any]:
        return {"usual": self._usual, **dict(zip(ARRAYS, self._trees, strict=True))}

    def _set_learned(self, learned: Mapping[str, Any]) -> None:
        self._usual = float(learned["usual"])
        self._trees = tuple(np.ascontiguousarray(learned[name]) for name in ARRAYS)


def average_path_length(n: Any) -> Floats:
    """Mean path length c(n) of a random binary tree of n rows; smooth in n, 0 for n = 1, below 0 under it.

    >>> average_path_length(np.array([1, 2, 256])).round(4).tolist()
    [0.0, 1.0, 10.2487]
    """
    return np.asarray(2.0 * (digamma(np.asarray(n, np.float64) + 1.0) + np.euler_gamma - 1.0), np.float64)


def standardisation(numbers: Floats) -> tuple[Floats, Floats]:
    """Half the median and twice the reciprocal quartile range of each column: (n_columns,) centre and scale.

    Halves, so that the range of the largest numbers does not overflow. Where the quartiles are equal, the mean
    absolute deviation; where that is 0, too, 1.
    """
    centre, scale = np.zeros(numbers.shape[1]), np.ones(numbers.shape[1])
    for j in range(numbers.shape[1]):
        halves = 0.5 * numbers[~np.isnan(numbers[:, j]), j]
        if len(halves) == 0:
            continue
        low, centre[j], high = np.percentile(halves, (25, 50, 75), method="lower")
        width = high - low if high > low else float(np.abs(halves - centre[j]).mean())
        with np.errstate(divide="ignore", over="ignore"):
            scale[j] = np.nan_to_num(1.0 / width, posinf=1e300) if width > 0 else 1.0
    return centre, scale


def standardised(numbers: Floats, centre: Floats, scale: Floats) -> Any:
    """(n, n_columns) float32 as the trees see numbers: (x / 2 - centre) * scale, NaN = missing."""
    with np.errstate(over="ignore"):
        return np.clip((0.5 * numbers - centre) * scale, -LARGEST, LARGEST).astype(np.float32)


def n_threads(n_jobs: int | None) -> int:
    """Threads of a setting n_jobs."""
    if n_jobs is None:
        return 1
    if not isinstance(n_jobs, Integral) or isinstance(n_jobs, bool) or n_jobs == 0 or n_jobs < -1:
        raise InputError("The setting n_jobs", allowed="None, -1 or a number of threads", got=n_jobs)
    return int(n_jobs) if n_jobs > 0 else (os.cpu_count() or 1)
