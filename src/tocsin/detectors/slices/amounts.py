"""Amounts that are sums of payments (revenue) as counts of pseudo-events: amount / scale, the scale learned.

A sum of payments has a variance made of a part that grows with its mean, as counts do (the number of payments and
their sizes: compound Poisson, variance = E[X^2] / E[X] times the mean), and a part that grows with its square. Divided
by a scale that makes the first part equal to the mean it is judged as counts are: level x season x common factor,
shrunk over the slices of a level, heavy tails by the mixture over tau^2.

The scale of a slice is a half of variance / mean of its reference windows, shrunk over the slices of its level (Smyth
2004) on the logarithmic scale; what the half leaves is learned as tau^2, which can only add.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tocsin.detectors.slices.common_factor import common_factor
from tocsin.detectors.slices.lattice import Lattice
from tocsin.detectors.slices.measures import moderate_variances
from tocsin.detectors.slices.rates import shrunk_rates
from tocsin.detectors.slices.reference import Reference
from tocsin.detectors.slices.seasonal import NONE, seasonal_effects
from tocsin.kernels.slice_history import dense_history, slice_totals
from tocsin.model import Floats

__all__ = ["in_scale", "scales"]

SHARE = 0.5
CUT, INSIDE = 3.0, 0.9733369246625415
"""Residuals beyond CUT robust deviations say nothing of the scale; E[z^2 | |z| < CUT] of a normal z."""


def in_scale(reference: Reference, scale: Floats) -> Reference:
    """The reference with whole pseudo-events in place of amounts."""
    of_fact = np.repeat(scale, np.diff(reference.indptr))
    return replace(
        reference, amount=np.rint(reference.amount / of_fact), now_amount=np.rint(reference.now_amount / scale)
    )


def scales(reference: Reference, lattice: Lattice) -> Floats:
    """Amount of one pseudo-event of every slice, > 0; first without season and common factor, then with them."""
    scale = _scales(reference, lattice, np.ones((1, reference.n_windows)))
    counted = in_scale(reference, scale)
    factor = common_factor(counted, lattice, False, NONE)
    amount, exposure, _, n_used = slice_totals(*counted.arrays, np.exp(factor.log[:-1]))
    rate, _, _ = shrunk_rates(lattice, amount, exposure, n_used, reference.has_denominator, scale)
    known = np.flatnonzero((n_used >= 3) & (rate > 0))
    effects, _ = seasonal_effects(counted, lattice, rate, factor, False, known)
    log = factor.log[None, :-1] + (effects[:, :-1] if effects.size else 0.0)
    if lattice.total >= 0:
        log = np.broadcast_to(log, (reference.n_slices, reference.n_windows)).copy()
        log[lattice.total] -= factor.log[:-1]
    return _scales(reference, lattice, np.exp(log))


def _scales(reference: Reference, lattice: Lattice, factor: Floats) -> Floats:
    y, d = dense_history(*reference.arrays)
    weight = d * factor
    n = (d > 0).sum(axis=1)
    rate = y.sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-300)
    expected = weight * rate[:, None]
    seen = expected > 0
    residual = np.divide(y - expected, np.sqrt(expected), out=np.full(y.shape, np.nan), where=seen)
    usable = seen.sum(axis=1) >= 3
    spread = np.zeros(len(y))
    centre = np.zeros(len(y))
    centre[usable] = np.nanmedian(residual[usable], axis=1)
    spread[usable] = 1.4826 * np.nanmedian(np.abs(residual[usable] - centre[usable, None]), axis=1)
    spread = np.where(spread > 0, spread, np.inf)  # more than half of the windows alike: nothing is cut
    inside = np.abs(np.nan_to_num(residual, nan=np.inf) - centre[:, None]) <= CUT * spread[:, None]
    inside &= seen
    kept = inside.sum(axis=1)
    variance = np.where(inside, residual, 0.0) ** 2
    variance = variance.sum(axis=1) / np.maximum(kept - 1, 1) / INSIDE
    freedom = np.where(usable & (variance > 0), np.maximum(kept - 1, 0), 0).astype(np.float64)
    scale = np.zeros(len(y))
    for _, rows in lattice.groups:
        scale[rows], _ = moderate_variances(variance[rows], freedom[rows])
    typical = rate * np.where(n > 0, d.sum(axis=1) / np.maximum(n, 1), 1.0)
    fallback = np.where(typical > 0, 1e-9 * typical, 1.0)  # constant amounts
    return np.asarray(SHARE * np.where(np.isfinite(scale) & (scale > 0), np.maximum(scale, fallback), fallback))
