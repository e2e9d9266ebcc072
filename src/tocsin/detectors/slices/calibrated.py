"""The calibrated judgement of count KPIs: what was to be expected of every slice, and how surprising the window is.

For slice i and window t, y is the amount (clicks), d the exposure (views; 1 for a KPI without a denominator):

    y_it ~ counts with mean  lambda_it = d_it p_i f_t s_i(t)  and variance  lambda (1 - p) + lambda^2 tau_i^2

f_t    factor shared by all slices: weighted median of observed / expected, per window (`common_factor`)
s_i(t) seasonal profile of the slice, own deviations shrunk to those of its one-dimension roll-ups (`seasonal_effects`)
p_i    rate, prior around what the one-dimension roll-ups make expected, p_0 prod_d (p_d / p_0) (`prior_rates`)
tau_i^2 overdispersion on a grid, its distribution over the slices of a level learned by EM (empirical Bayes)

The predictive distribution integrates over p_i and tau_i^2; p-values are mid-p. The total is judged without f_t: its
p-value says whether everything moved. Formulas and measurements: docs/explanation/slices.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tocsin.detectors.slices.common_factor import TYPICAL_TAU2, CommonFactor, Singles, common_factor, weighted_quantiles
from tocsin.detectors.slices.lattice import Lattice
from tocsin.detectors.slices.rates import shrunk_rates
from tocsin.detectors.slices.reference import Reference
from tocsin.detectors.slices.seasonal import NONE, seasonal_effects
from tocsin.kernels.mixture import effect_likelihoods, mixture_weights, predictive_tails
from tocsin.kernels.slice_history import node_likelihoods, slice_totals, trim_table
from tocsin.model import Floats, Ints

__all__ = ["NODES", "CommonFactor", "Judgement", "common_factor", "judge_counts", "rates_in", "weighted_quantiles"]

NODES: Floats = np.concatenate([[0.0], (0.008 * 1.4 ** np.arange(17)) ** 2])
"""Grid of tau^2: 0 and tau from .008 to 1.74."""
GRIDS = (NODES[::3].copy(), NODES[::2].copy(), NODES)
"""The first passes need the rate and the damage only; copies, so that the kernel is compiled for one layout."""
MOST_FOR_PRIOR = 4_000
NODE_PRIOR = 10.0
"""Pseudo-counts spread evenly over the nodes: a level with few slices has a nearly flat prior."""
FIRST_DAMAGE = 0.05
LEAST_DAMAGE, MOST_DAMAGE = 0.004, 0.25
TRIMMED = trim_table()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of every slice in the target window; NaN where it was not judged.

    below, above : mid-probabilities of the predictive distribution on both sides of the value
    expected     : expected amount; relative_variance : of the predictive distribution beyond Poisson or binomial noise
    rate         : expected rate where counts are binomial, else 0
    judged       : indices for which below and above are known
    likelihood   : (n_judged, 1 + n_effects) of no effect and of each effect, float32
    n_windows    : reference windows used
    scale        : amount of a pseudo-event (see amounts.py), empty for counts; then `expected` alone is an amount
    in_sample    : rate of every slice without season and common factor (for charts)
    """

    below: Floats
    above: Floats
    expected: Floats
    relative_variance: Floats
    rate: Floats
    judged: Ints
    likelihood: Floats
    n_windows: Ints
    in_sample: Floats
    factor: CommonFactor
    log_effect: Singles
    scale: Floats = field(default_factory=lambda: np.empty(0))


def node_weights(lattice: Lattice, chosen: Ints, log_likelihood: Floats) -> Floats:
    """Posterior weights (n, n_nodes) of tau^2, its prior learned by EM for each group of slices."""
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=1, keepdims=True))
    n_nodes = likelihood.shape[1]
    group = lattice.group[chosen]
    flat = np.full(n_nodes, 1 / n_nodes)
    for kind in np.unique(group):
        rows = np.flatnonzero(group == kind)
        sample = likelihood[rows[:: max(1, len(rows) // MOST_FOR_PRIOR)]]
        prior = mixture_weights(sample, flat, flat * NODE_PRIOR, 40, 2e-4)
        likelihood[rows] *= prior
    return np.asarray(likelihood / likelihood.sum(axis=1, keepdims=True))


def judge_counts(
    reference: Reference,
    lattice: Lattice,
    *,
    on_odds: bool,
    min_expected: float,
    adapt_after: int,
    effects: Floats,
    unit: Floats | None = None,
) -> Judgement:
    """Predictive tail probabilities of every slice with enough expected counts (`min_expected`)."""
    n, n_slices = reference.n_windows, reference.n_slices
    has_exposure = reference.has_denominator
    factor = common_factor(reference, lattice, on_odds, NONE)
    amount, exposure, _, n_used = slice_totals(*reference.arrays, np.exp(factor.log[:n]))
    rate, prior, variance = shrunk_rates(lattice, amount, exposure, n_used, has_exposure, unit)
    now_y, now_d = np.nan_to_num(reference.now_amount), reference.exposure_now
    judged = np.flatnonzero((n_used >= 3) & (now_d * rate * np.exp(factor.log[n]) >= 0.8 * min_expected) & (now_d > 0))
    if lattice.total >= 0 and n_used[lattice.total] >= 3 and lattice.total not in judged and now_d[lattice.total] > 0:
        judged = np.append(judged, lattice.total)
    log_effect, effect_variance = seasonal_effects(reference, lattice, rate, factor, on_odds, judged)
    if log_effect.size:  # the season that slices do not share no longer blurs the factor
        factor = common_factor(reference, lattice, on_odds, log_effect, factor)
    is_total = judged == lattice.total
    judged = np.append(judged[~is_total], judged[is_total])
    parts = [(judged[judged != lattice.total], np.exp(factor.log)), (judged[judged == lattice.total], np.ones(n + 1))]
    below, above = np.full(n_slices, np.nan), np.full(n_slices, np.nan)
    base_factor = np.full(n_slices, np.exp(factor.log[n]))
    if lattice.total >= 0:
        base_factor[lattice.total] = 1.0
    if log_effect.size:
        base_factor = base_factor * np.exp(log_effect[:, n])
    expected = now_d * _at(rate, base_factor, on_odds)
    spread = np.full(n_slices, np.nan)
    likelihoods = []
    rate_now = _at(rate, base_factor, on_odds) if on_odds else np.zeros(n_slices)
    for chosen, with_factor in parts:
        if not len(chosen):
            continue
        common = (*reference.arrays, with_factor[:n], log_effect, reference.block, on_odds, adapt_after)
        tau2 = np.full(n_slices, TYPICAL_TAU2)
        level_start = np.full(n_slices, -1, np.int32)
        share = FIRST_DAMAGE
        for nodes in GRIDS:
            likelihood, mean, error, used, informative, trimmed = node_likelihoods(
                chosen, rate, prior, variance, tau2, share, level_start, *common, nodes, TRIMMED
            )
            weights = node_weights(lattice, chosen, likelihood)
            if nodes is NODES:
                break
            tau2[chosen] = weights @ nodes
            rate[chosen] *= np.maximum(1 + (weights * mean).sum(axis=1), 0.01)
            share = trimmed / informative if informative > 200 else FIRST_DAMAGE
            share = float(np.clip(share, LEAST_DAMAGE, MOST_DAMAGE))
        n_used[chosen] = used
        rate_then = _at(rate[chosen], base_factor[chosen], on_odds)
        extra = effect_variance[chosen] + (factor.variance[n] if chosen[0] != lattice.total else 0.0)
        known = (now_y[chosen], now_d[chosen] * rate_then, rate_then, on_odds, weights, mean, error, NODES, extra)
        low, up, mu, phi = predictive_tails(*known)
        likelihoods.append(effect_likelihoods(*known, np.exp(np.append(0.0, effects))))
        below[chosen], above[chosen], expected[chosen], spread[chosen] = low, up, mu, phi
        if on_odds:
            rate_now[chosen] = np.minimum(mu / now_d[chosen], 0.98)
    return Judgement(
        below,
        above,
        expected,
        spread,
        rate_now,
        judged,
        np.concatenate(likelihoods) if likelihoods else np.empty((0, 1 + len(effects)), np.float32),
        n_used,
        rate,
        factor,
        log_effect,
    )


def _at(rate: Floats, factor: Floats, on_odds: bool) -> Floats:
    return np.asarray(rate * factor / (1 - rate + rate * factor) if on_odds else rate * factor)


def rates_in(judgement: Judgement, index: int, places: Ints, on_odds: bool, is_total: bool) -> Floats:
    """Expected rate of one slice in some reference windows: rate x season x (but for the total) common factor."""
    log = np.zeros(len(places)) if is_total else judgement.factor.log[places]
    if judgement.log_effect.size:
        log = log + judgement.log_effect[index, places]
    return _at(np.full(len(places), judgement.in_sample[index]), np.exp(log), on_odds)
