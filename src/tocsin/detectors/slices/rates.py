"""The rates p_i of count KPIs from the reference: prior around what the one-dimension roll-ups make expected."""

from __future__ import annotations

import numpy as np

from tocsin.detectors.slices.common_factor import TYPICAL_TAU2
from tocsin.detectors.slices.lattice import Lattice
from tocsin.model import Floats, Ints

__all__ = ["prior_rates", "shrunk_rates"]


def _shrink_variance(deviation: Floats, noise: Floats, few: float) -> float:
    """Variance of true deviations, robustly: the spread beyond the noise."""
    if len(deviation) < 5:
        return few
    spread = 1.4826 * float(np.median(np.abs(deviation - np.median(deviation))))
    return float(np.clip(spread * spread - np.median(noise), 1e-3, 4.0))


def prior_rates(
    lattice: Lattice, amount: Floats, exposure: Floats, n_used: Ints, has_exposure: bool, unit: Floats
) -> tuple[Floats, Floats]:
    """Prior mean and relative variance of every slice's rate.

    unit (n_slices,) : what one of the counted events of a slice is worth; rates are compared by worth

    One-dimension roll-ups are shrunk to the total, deeper slices to ``p_0 prod_d (p_d / p_0)`` over the dimensions they
    fix, by variances that are learned for each group of slices.
    """
    few = 0.25 if has_exposure else 2.0
    worth = amount * unit
    if lattice.total >= 0:
        overall = worth[lattice.total] / max(exposure[lattice.total], 1e-300)
    else:
        rows = lattice.groups[0][1]
        overall = worth[rows].sum() / max(exposure[rows].sum(), 1e-300)
    overall = max(float(overall), 1e-12)
    prior, variance = np.full(len(amount), overall), np.full(len(amount), few)
    effect = np.zeros(len(amount))
    for group, rows in lattice.groups:
        if group == 0:
            variance[rows] = 100.0
            continue
        depth = lattice.depth(group)
        if depth > 1:
            main = lattice.main[rows]
            prior[rows] = overall * np.exp(np.where(main >= 0, effect[main], 0.0).sum(axis=1))
        elif not has_exposure:
            prior[rows] = max(float(np.median(worth[rows] / np.maximum(exposure[rows], 1e-300))), 1e-12)
        ripe = rows[(amount[rows] >= 20) & (n_used[rows] >= 3)]
        deviation = np.log(worth[ripe] / (exposure[ripe] * prior[ripe]))
        noise = 1 / amount[ripe] + TYPICAL_TAU2 / n_used[ripe]
        variance[rows] = _shrink_variance(deviation, noise, few)
        shape = 1 / variance[rows]
        own = (worth[rows] + shape * unit[rows]) / (exposure[rows] + shape * unit[rows] / prior[rows])
        if depth == 1:
            effect[rows] = np.log(own / overall)
    return prior / unit, variance


def shrunk_rates(
    lattice: Lattice, amount: Floats, exposure: Floats, n_used: Ints, has_exposure: bool, unit: Floats | None = None
) -> tuple[Floats, Floats, Floats]:
    """Rate of every slice, shrunk to its prior, and the prior's mean and relative variance (see `prior_rates`)."""
    unit = np.ones(len(amount)) if unit is None else unit
    prior, variance = prior_rates(lattice, amount, exposure, n_used, has_exposure, unit)
    shape = 1 / variance
    rate = (amount + shape) / (exposure + shape / prior)
    if has_exposure:
        rate = np.maximum(rate, 1e-12)
    return rate, prior, variance
