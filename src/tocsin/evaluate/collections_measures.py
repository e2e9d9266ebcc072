"""How often farmed days are found and clean ones flagged: rates, their standard errors, and the area under the ROC.

TPR = found of the farmed days, FPR = flagged of the clean days, ACC = right of all, F1 = 2 TPR-hits over flagged plus
farmed; all in [0, 1]. AUC is the chance that a farmed day scores above a clean one, ties half; days without a score
count as the lowest. Closed days do not count at all.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Rates", "auc_of", "rates_of", "roc_of"]

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Rates:
    """What a detector did on days whose truth is known; NaN where there is no such day."""

    n_farmed: int
    n_clean: int
    tpr: float
    fpr: float
    accuracy: float
    f1: float
    auc: float
    found_at_1: float
    """TPR at the threshold that flags 1 % of these clean days: it knows the truth, so it is fair between detectors."""
    tpr_se: float
    fpr_se: float
    auc_se: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def rates_of(flagged: npt.ArrayLike, farmed: npt.ArrayLike, score: npt.ArrayLike | None = None) -> Rates:
    """Rates over days.

    Parameters
    ----------
    flagged, farmed : (n,) bool
    score : (n,), optional
        Higher = more anomalous, NaN = none; without it AUC is NaN.

    Examples
    --------
    >>> rates = rates_of([1, 0, 0, 1], [1, 1, 0, 0], [0.9, 0.5, 0.1, 0.8])
    >>> rates.tpr, rates.fpr, rates.auc
    (0.5, 0.5, 0.75)
    """
    said, truth = np.asarray(flagged, dtype=bool), np.asarray(farmed, dtype=bool)
    n_farmed, n_clean = int(truth.sum()), int((~truth).sum())
    hits, false = int((said & truth).sum()), int((said & ~truth).sum())
    tpr, fpr = _ratio(hits, n_farmed), _ratio(false, n_clean)
    auc, found = np.nan, np.nan
    if score is not None:
        values = np.nan_to_num(np.asarray(score, dtype=float), nan=-np.inf)
        auc = auc_of(values, truth)
        if n_clean and n_farmed:
            found = float((values[truth] > np.quantile(values[~truth], 0.99, method="higher")).mean())
    return Rates(
        n_farmed=n_farmed,
        n_clean=n_clean,
        tpr=tpr,
        fpr=fpr,
        accuracy=_ratio(hits + n_clean - false, len(truth)),
        f1=_ratio(2 * hits, hits + false + n_farmed),
        auc=auc,
        found_at_1=found,
        tpr_se=_se(tpr, n_farmed),
        fpr_se=_se(fpr, n_clean),
        auc_se=_auc_se(auc, n_farmed, n_clean),
    )


def auc_of(score: Floats, truth: Bools) -> float:
    """The area under the ROC; NaN without both kinds of days."""
    from scipy.stats import rankdata

    n_farmed, n_clean = int(truth.sum()), int((~truth).sum())
    if not n_farmed or not n_clean:
        return np.nan
    ranks = rankdata(score)
    return float((ranks[truth].sum() - n_farmed * (n_farmed + 1) / 2) / (n_farmed * n_clean))


def roc_of(score: npt.ArrayLike, farmed: npt.ArrayLike, at: npt.ArrayLike) -> Floats:
    """TPR at given false-positive rates: at the lowest threshold that flags no larger share of the clean days."""
    values = np.nan_to_num(np.asarray(score, dtype=float), nan=-np.inf)
    truth = np.asarray(farmed, dtype=bool)
    clean = np.sort(values[~truth])[::-1]
    wanted = np.asarray(at, dtype=float)
    if not truth.any() or not len(clean):
        return np.full(wanted.shape, np.nan)
    allowed = np.floor(wanted * len(clean) + 1e-9).astype(int)
    thresholds = np.append(clean, -np.inf)[np.minimum(allowed, len(clean))]
    found = values[truth][:, None] > thresholds
    return np.where(allowed >= len(clean), 1.0, found.mean(axis=0))


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole else np.nan


def _se(share: float, n: int) -> float:
    """Binomial."""
    return float(np.sqrt(share * (1 - share) / n)) if n else np.nan


def _auc_se(auc: float, n_farmed: int, n_clean: int) -> float:
    """After Hanley and McNeil (1982), for independent days."""
    if np.isnan(auc):
        return np.nan
    both_above, both_below = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n_farmed - 1) * (both_above - auc**2) + (n_clean - 1) * (both_below - auc**2)
    return float(np.sqrt(max(variance, 0.0) / (n_farmed * n_clean)))
