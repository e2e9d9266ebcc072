"""Seasonal profiles of the slices of count KPIs: how a weekday or a place in the day differs from the slice's mean."""

from __future__ import annotations

import numpy as np

from tocsin.detectors.slices.common_factor import TYPICAL_TAU2, CommonFactor, Singles
from tocsin.detectors.slices.lattice import Lattice
from tocsin.detectors.slices.reference import Reference
from tocsin.kernels.slice_history import profile_sums
from tocsin.model import Floats, Ints

__all__ = ["NONE", "seasonal_effects"]

NONE: Singles = np.empty((0, 0), np.float32)


def seasonal_effects(
    reference: Reference, lattice: Lattice, rate: Floats, factor: CommonFactor, on_odds: bool, chosen: Ints
) -> tuple[Singles, Floats]:
    """Log effects of slice and window (n_slices, n_windows + 1), or empty, and their variance in the target window.

    One season after the other: first the one-dimension roll-ups, then each slice's own deviation from the sum of its
    roll-ups' effects. A group's effects are used only where their variance is beyond chance, and shrunk by it.
    """
    n = reference.n_windows
    effects, variance = NONE, np.zeros(reference.n_slices)
    is_chosen = np.zeros(reference.n_slices, np.bool_)
    is_chosen[chosen] = True
    for season in reference.seasons:
        n_classes = season.n_classes
        # windows of one block and class are one observation: what moves a day moves all its hours
        block = reference.block
        own = np.zeros((reference.n_slices, n_classes), np.float32) if n_classes > 1 else None
        if own is None:
            continue
        any_effect = False
        for group, rows in lattice.groups:
            part = rows[is_chosen[rows]]
            if not len(part):
                continue
            with_factor = np.exp(factor.log[:n]) if group else np.ones(n)
            if lattice.depth(group) > 1 and any_effect:
                main = lattice.main[part]
                own[part] = np.where((main >= 0)[:, :, None], own[main], 0.0).sum(axis=1)
            inherited = effects
            if any_effect:
                inherited = np.zeros((reference.n_slices, n + 1), np.float32) if not effects.size else effects.copy()
                inherited[part] += own[part][:, season.classes]
            classes = season.classes[:n]
            sums = profile_sums(
                part, rate, inherited, classes, n_classes, block, *reference.arrays, with_factor, on_odds, TYPICAL_TAU2
            )
            deviation, error = _profile(*sums)
            if deviation is None or error is None:
                continue
            any_effect = True
            own[part] += deviation
            variance[part] += error[:, season.classes[n]]
        if any_effect:
            if not effects.size:
                effects = np.zeros((reference.n_slices, n + 1), np.float32)
            effects[chosen] += own[chosen][:, season.classes]
    return effects, variance


def _profile(precision: Floats, weighted: Floats, square: Floats, n_used: Ints) -> tuple[Floats | None, Floats | None]:
    """Shrunk class effects of one group and their variances; None where classes do not differ beyond chance."""
    total = precision.sum(axis=1)
    present = (precision > 0).sum(axis=1)
    fine = (present > 1) & (n_used > present + 2)
    if not fine.any():
        return None, None
    mean = weighted.sum(axis=1) / np.maximum(total, 1e-300)
    class_mean = np.divide(weighted, precision, out=np.zeros_like(weighted), where=precision > 0)
    between = (precision * (class_mean - mean[:, None]) ** 2).sum(axis=1)
    within = square - (weighted * class_mean).sum(axis=1)
    freedom_between, freedom_within = present - 1, n_used - present
    noise = np.maximum(within[fine].sum() / freedom_within[fine].sum(), 1e-6)
    # medians of F ratios would be robust; means over thousands of clipped residuals are, too, and work for one slice
    excess = between[fine].sum() / noise - freedom_between[fine].sum()
    if excess < 3 * np.sqrt(
        2 * freedom_between[fine].sum() * (1 + freedom_between[fine].sum() / freedom_within[fine].sum())
    ):
        return None, None
    own_noise = np.maximum(within / np.maximum(freedom_within, 1), 1e-6)
    own_noise = np.where(fine, (own_noise * freedom_within + 10 * noise) / (freedom_within + 10), noise)
    scaled = precision / own_noise[:, None]
    room = (
        scaled[fine].sum(axis=1) - (scaled[fine] ** 2).sum(axis=1) / np.maximum(scaled[fine].sum(axis=1), 1e-300)
    ).sum()
    excess_scaled = (between[fine] / own_noise[fine]).sum() - freedom_between[fine].sum()
    signal = max(excess_scaled / room, 1e-6)
    posterior = 1 / (scaled + 1 / signal)
    # relative to the slice's mean over all classes, which need not be its rate
    deviation = scaled * (class_mean - mean[:, None]) / np.maximum(1 + mean, 0.05)[:, None] * posterior
    return np.log1p(np.clip(deviation, -0.95, 20)), posterior
