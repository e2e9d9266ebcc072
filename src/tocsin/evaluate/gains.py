"""Gain of one bidder over another over paired simulations: ratio of mean ROI, its interval, and a paired t-test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["comparison_table", "gain_table"]

Floats = npt.NDArray[np.float64]
_Z95 = 1.959963984540054


def gain_table(simulated: Floats, names: Sequence[str], budgets: Floats, limits: Floats) -> pd.DataFrame:
    """One line a bidder and budget, compared with the first bidder; columns as in `RoiResult.table`."""
    import pandas as pd

    rows = []
    for bidder, name in enumerate(names):
        for k, budget in enumerate(budgets):
            gain, lower, upper, p = _gain(simulated[:, bidder, k], simulated[:, 0, k])
            mean = _mean(simulated[:, bidder, k])
            rows.append((name, budget, mean, limits[bidder], gain, lower, upper, p))
    columns = ["detector", "budget", "roi", "roi_limit", "gain", "gain_lower", "gain_upper", "p_value"]
    return pd.DataFrame(rows, columns=columns)


def comparison_table(simulated: Floats, names: Sequence[str], budgets: Floats) -> pd.DataFrame:
    """One line an ordered pair of bidders and a budget; columns as in `RoiResult.comparisons`."""
    import pandas as pd

    rows: list[tuple[Any, ...]] = []
    for first, name in enumerate(names):
        for second, other in enumerate(names):
            for k, budget in enumerate(budgets if first != second else ()):
                gain, _, _, p = _gain(simulated[:, first, k], simulated[:, second, k])
                rows.append((name, other, budget, gain, p))
    return pd.DataFrame(rows, columns=["detector", "other", "budget", "gain", "p_value"])


def _mean(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def _gain(ours: Floats, theirs: Floats) -> tuple[float, float, float, float]:
    """Ratio of mean ROI minus 1 with its 95 % interval (delta method), p of the paired one-sided t-test.

    NaN gain where the others' mean is not above 0; p = 1 where the two never differ.
    """
    from scipy.special import stdtr

    both = ~(np.isnan(ours) | np.isnan(theirs))
    a, b = ours[both], theirs[both]
    n = len(a)
    if n < 2:
        return (float("nan"),) * 4
    difference = a - b
    mean, se = difference.mean(), difference.std(ddof=1) / np.sqrt(n)
    p = float(stdtr(n - 1, -mean / se)) if se > 0 else float(mean <= 0)
    if not b.mean() > 0:
        return float("nan"), float("nan"), float("nan"), p
    ratio = a.mean() / b.mean()
    half = _Z95 * (a - ratio * b).std(ddof=1) / np.sqrt(n) / b.mean()
    return float(ratio - 1), float(ratio - 1 - half), float(ratio - 1 + half), p
