"""Average precision of scores, and ranks of detectors over sets.

Average precision is the sum over thresholds of (R_k - R_(k-1)) P_k, with precision P and recall R of all rows at or
above the k-th largest distinct score: rows of equal score come together, so their order does not matter, and constant
scores get the share of anomalies.

Ranks are within a set, 1 = the best; ties share the mean of their ranks; a detector that gives no scores ranks behind
all that do.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError

__all__ = ["Floats", "average_precision", "mean_ranks"]

Floats = npt.NDArray[np.float64]


def average_precision(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """The mean precision at the anomalies, rows of equal score taken together.

    Parameters
    ----------
    labels : (n,) bool, True = anomalous; at least one
    scores : (n,) numbers, higher = more anomalous

    Raises
    ------
    InputError
        Scores that are NaN, or not one a row.

    Examples
    --------
    >>> average_precision([False, True, False, False], [0.2, 0.9, 0.1, 0.3])
    1.0
    >>> average_precision([False, True, False, False], [5, 5, 5, 5])
    0.25
    """
    positive, values = np.asarray(labels, dtype=bool), np.asarray(scores, dtype=float)
    if values.shape != positive.shape:
        raise InputError("The scores", allowed=f"one for each of {len(positive):,} rows", got=values.shape)
    if np.isnan(values).any():
        raise InputError("The scores", allowed="numbers", got=f"{np.isnan(values).sum():,} that are NaN")
    order = np.argsort(-values, kind="stable")
    last = np.append(np.flatnonzero(np.diff(values[order])), len(values) - 1)
    found = np.cumsum(positive[order])[last]
    return float(np.sum(np.diff(found, prepend=0) * found / (last + 1)) / found[-1])


def mean_ranks(values: npt.ArrayLike) -> Floats:
    """(n_detectors,) mean over sets of the rank within a set.

    Parameters
    ----------
    values : (n_sets, n_detectors)
        Average precisions; NaN = no scores, which rank behind all others.
    """
    from scipy.stats import rankdata

    filled = np.nan_to_num(np.asarray(values, dtype=float), nan=-1.0)
    return np.asarray(rankdata(-filled, axis=1).mean(axis=0), dtype=float)
