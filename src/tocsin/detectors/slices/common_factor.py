"""The factor f_t that all slices of a window share: a global shock, the part of the season that is everybody's.

Each group of slices (all countries; all apps; all country x app) gives an estimate, the weighted median of
observed / expected, which slices that moved on their own do not move. But a local trouble of a large part of one
dimension is inside every slice of the other dimensions: if one of six partners quadruples, every country is up. The
group that fixes the troubled dimension is the only one whose median stays. What is truly common is in all groups alike:
so the estimate of the best-informed group holds as long as it agrees with every other group's, and otherwise the one
that is nearest to 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.detectors.slices.lattice import Lattice
from tocsin.detectors.slices.reference import Reference
from tocsin.kernels.slice_history import RATIO_BINS, RATIO_RANGE, ratio_histogram, slice_totals
from tocsin.model import Bools, Floats, Ints

Singles = npt.NDArray[np.float32]

__all__ = ["TYPICAL_TAU2", "CommonFactor", "Singles", "common_factor", "weighted_quantiles"]

TYPICAL_TAU2 = 0.01
LEAST_FOR_FACTOR = 8.0
"""Expected amounts under it say nothing of the common factor; fewer independent slices than it make none."""
LEAST_FOR_BOUND = 3.0
"""A group of fewer independent slices has no say: one troubled slice of two is half of them."""
MOST_FOR_FACTOR, MOST_FOR_BOUND = 2_500, 500
"""More slices make the common factor no better: its error is then under .005."""
AGREE, DISAGREE = 2.0, 3.0
"""Two estimates agree up to the first number of standard errors of their difference and disagree beyond the second."""


@dataclass(frozen=True, slots=True)
class CommonFactor:
    """Log factor of every reference window and the target (last), and the variance of its error."""

    log: Floats
    variance: Floats

    @classmethod
    def none(cls, n_windows: int) -> CommonFactor:
        return cls(np.zeros(n_windows + 1), np.zeros(n_windows + 1))


def weighted_quantiles(histogram: Floats, shares: tuple[float, ...]) -> Floats:
    """Quantiles (n_rows, n_shares) of each row of a histogram over [-RATIO_RANGE, RATIO_RANGE), linear within a bin."""
    cumulated = np.cumsum(histogram, axis=1)
    rows = np.arange(len(histogram))
    result = np.zeros((len(histogram), len(shares)))
    for column, share in enumerate(shares):
        wanted = share * cumulated[:, -1]
        place = np.minimum((cumulated < wanted[:, None]).sum(axis=1), RATIO_BINS - 1)
        before = np.where(place > 0, cumulated[rows, place - 1], 0.0)
        inside = (wanted - before) / np.maximum(histogram[rows, place], 1e-300)
        result[:, column] = (place + np.clip(inside, 0, 1)) * (2 * RATIO_RANGE / RATIO_BINS) - RATIO_RANGE
    result[cumulated[:, -1] <= 0] = 0.0
    return result


@dataclass(frozen=True, slots=True)
class _Estimate:
    """Per window one group's log factor, the spread of its slices around it, how many independent slices made it."""

    log: Floats
    spread: Floats
    n_independent: Floats

    @property
    def variance(self) -> Floats:
        """Of the weighted median, by each window's own spread."""
        return np.asarray(np.pi / 2 * self.spread**2 / self.n_independent)

    @property
    def typical_variance(self) -> Floats:
        """By the median spread of all windows: a trouble that splits the group must not excuse it."""
        return np.asarray(np.pi / 2 * np.median(self.spread) ** 2 / self.n_independent)


def _groups(lattice: Lattice, amount: Floats, n_used: Ints) -> list[Ints]:
    """The large slices of every group that can say something, best-informed group first; they are disjoint."""
    typical = amount / np.maximum(n_used, 1)
    found = []
    for group, rows in lattice.groups:
        large = rows[typical[rows] >= LEAST_FOR_FACTOR]
        if group == 0 or not len(large):
            continue
        information = typical[large] / (1 + TYPICAL_TAU2 * typical[large])
        total = float(information.sum())
        n_independent = total * total / float((information * information).sum())
        if n_independent >= LEAST_FOR_BOUND:
            found.append((n_independent >= LEAST_FOR_FACTOR, total, large))
    found.sort(key=lambda item: (-item[0], -item[1]))
    if not found or not found[0][0]:
        return []
    return [_largest(large, typical, MOST_FOR_BOUND if k else MOST_FOR_FACTOR) for k, (_, _, large) in enumerate(found)]


def _largest(rows: Ints, size: Floats, most: int) -> Ints:
    if len(rows) <= most:
        return rows
    return np.sort(rows[np.argpartition(-size[rows], most)[:most]])


def common_factor(
    reference: Reference, lattice: Lattice, on_odds: bool, log_effect: Singles, start: CommonFactor | None = None
) -> CommonFactor:
    """The factor shared by all slices in each window; none where no group has enough independent slices.

    It is shrunk to 1 by the part of its own variance over the windows that its error explains.

    Parameters
    ----------
    log_effect : (n_slices, n_windows + 1) or empty, what is known of the slices' own seasons
    start : an earlier estimate
    """
    n = reference.n_windows
    now = np.nan_to_num(reference.now_amount), reference.exposure_now
    factor = np.ones(n) if start is None else np.exp(start.log[:n])

    def estimate(chosen: Ints, rate: Floats) -> _Estimate:
        histogram = ratio_histogram(
            chosen, rate, *reference.arrays, *now, log_effect, on_odds, TYPICAL_TAU2, LEAST_FOR_FACTOR
        )
        low, log, high = weighted_quantiles(histogram, (0.25, 0.5, 0.75)).T
        information = histogram.sum(axis=1)
        n_independent = information * len(chosen) / max(float(information.max()), 1e-12)
        return _Estimate(log, (high - low) / 1.349, np.maximum(n_independent, 1.0))

    for step in range(2 if start is None else 1):
        amount, exposure, _, n_used = slice_totals(*reference.arrays, factor)
        groups = _groups(lattice, amount, n_used)
        if not groups:
            return CommonFactor.none(n)
        rate = amount / np.maximum(exposure, 1e-300)
        best = estimate(groups[0], rate)
        if step == 0 and start is None:
            # rates are known only up to the mean factor of the reference
            factor = np.exp(best.log[:n] - np.average(best.log[:n], weights=best.n_independent[:n]))
    log, variance = _bounded(best, [estimate(chosen, rate) for chosen in groups[1:]])
    return _shrunk(np.where(best.n_independent >= LEAST_FOR_FACTOR, log, 0.0), variance, reference.usable)


def _bounded(best: _Estimate, others: list[_Estimate]) -> tuple[Floats, Floats]:
    """Log factor and variance: the best estimate, drawn towards 0 by the groups that disagree with it."""
    log, variance = best.log.copy(), best.variance
    for other in others:
        known = (best.n_independent[:-1] >= LEAST_FOR_FACTOR) & (other.n_independent[:-1] >= LEAST_FOR_BOUND)
        if not known.any():
            continue
        gap = (other.log - best.log)[:-1][known]
        centre = float(np.median(gap))
        scatter = 1.4826 * float(np.median(np.abs(gap - centre)))
        error = np.sqrt(np.maximum(scatter**2, other.typical_variance + best.typical_variance))
        own = other.log - centre
        own = np.where(own * log > 0, own, 0.0)  # estimates on both sides of 0 have 0 in common
        beyond = np.divide(np.abs(log) - np.abs(own), error, out=np.zeros(len(log)), where=error > 0)
        part = np.clip((beyond - AGREE) / (DISAGREE - AGREE), 0.0, 1.0) * (other.n_independent >= LEAST_FOR_BOUND)
        log = log + part * (own - log)
        variance = (1 - part) * variance + part * error**2
    return log, variance


def _shrunk(log: Floats, variance: Floats, usable: Bools) -> CommonFactor:
    n = len(log) - 1
    own = float(np.var(log[:n][usable])) if usable.any() else 0.0
    error = float(np.mean(variance[:n][usable])) if usable.any() else 0.0
    signal = max(own - error, 0.0)
    shrink = signal / (signal + variance) if signal > 0 else np.zeros(n + 1)
    # a shock far larger than the factor's history is believed: its own size is evidence of its variance
    square = np.maximum(log * log, variance)
    shrink = np.maximum(shrink, 1 - np.divide(variance, square, out=np.ones(n + 1), where=square > 0))
    return CommonFactor(log * shrink, variance * shrink)
