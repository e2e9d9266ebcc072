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

from dataclasses import dataclass

import numpy as np

from tocsin.detectors.slices.lattice import Lattice
from tocsin.detectors.slices.reference import NO_FLOATS, Reference
from tocsin.kernels.mixture import effect_likelihoods, mixture_weights, predictive_tails
from tocsin.kernels.slice_history import (
    RATIO_BINS,
    RATIO_RANGE,
    node_likelihoods,
    profile_sums,
    ratio_histogram,
    slice_totals,
    trim_table,
)
from tocsin.model import Floats, Ints

__all__ = ["NODES", "CommonFactor", "Judgement", "common_factor", "judge_counts", "rates_in", "weighted_quantiles"]

NODES: Floats = np.concatenate([[0.0], (0.008 * 1.4 ** np.arange(17)) ** 2])
"""Grid of tau^2: 0 and tau from .008 to 1.74."""
MOST_FOR_PRIOR = 4_000
NODE_PRIOR = 10.0
"""Pseudo-counts spread evenly over the nodes: a level with few slices has a nearly flat prior."""
TYPICAL_TAU2 = 0.01
LEAST_FOR_FACTOR = 8.0
"""Expected amounts under it say nothing of the common factor; fewer independent slices than it make none."""
FIRST_DAMAGE = 0.05
LEAST_DAMAGE, MOST_DAMAGE = 0.004, 0.25
MOST_FOR_FACTOR = 2_500
"""More slices make the common factor no better: its error is then under .005."""
TRIMMED = trim_table()
NONE: Floats = np.empty((0, 0))


@dataclass(frozen=True, slots=True)
class CommonFactor:
    """Log factor of every reference window and the target (last), and the variance of its error."""

    log: Floats
    variance: Floats

    @classmethod
    def none(cls, n_windows: int) -> CommonFactor:
        return cls(np.zeros(n_windows + 1), np.zeros(n_windows + 1))


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is known of every slice in the target window; NaN where it was not judged.

    below, above : mid-probabilities of the predictive distribution on both sides of the value
    expected     : expected amount; relative_variance : of the predictive distribution beyond Poisson or binomial noise
    rate         : expected rate where counts are binomial, else 0
    judged       : indices for which below and above are known
    likelihood   : (n_judged, 1 + n_effects) of no effect and of each effect, float32
    n_windows    : reference windows used
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
    log_effect: Floats


def weighted_quantiles(histogram: Floats, shares: tuple[float, ...]) -> Floats:
    """Quantiles of each row of a histogram over [-RATIO_RANGE, RATIO_RANGE), linear within a bin; (n_rows, n_shares)."""
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


def _informative(lattice: Lattice, amount: Floats, n_used: Ints) -> Ints:
    """The disjoint slices that know most of the common factor: those of one group, large enough."""
    typical = amount / np.maximum(n_used, 1)
    best, chosen = 0.0, np.empty(0, np.int64)
    for group, rows in lattice.groups:
        if group == 0:
            continue
        large = rows[typical[rows] >= LEAST_FOR_FACTOR]
        information = typical[large] / (1 + TYPICAL_TAU2 * typical[large])
        total = float(information.sum())
        if len(large) and total * total / float((information * information).sum()) < LEAST_FOR_FACTOR:
            continue
        if total > best:
            best, chosen = total, large
    if len(chosen) > MOST_FOR_FACTOR:
        chosen = np.sort(chosen[np.argpartition(-typical[chosen], MOST_FOR_FACTOR)[:MOST_FOR_FACTOR]])
    return chosen


def common_factor(reference: Reference, lattice: Lattice, on_odds: bool, log_effect: Floats) -> CommonFactor:
    """The factor shared by all slices in each window.

    A weighted median, so that slices that moved on their own do not move it. Its variance comes from the spread of the
    slices; the factor is shrunk to 1 by the part of its own variance over the windows that this error explains.
    """
    n = reference.n_windows
    factor = np.ones(n)
    log, variance = np.zeros(n + 1), np.zeros(n + 1)
    now = np.nan_to_num(reference.now_amount), _exposure_now(reference)
    for step in range(2):
        amount, exposure, _, n_used = slice_totals(*reference.arrays, factor)
        chosen = _informative(lattice, amount, n_used)
        if not len(chosen):
            return CommonFactor.none(n)
        rate = amount / np.maximum(exposure, 1e-300)
        histogram = ratio_histogram(
            chosen, rate, *reference.arrays, *now, log_effect, on_odds, TYPICAL_TAU2, LEAST_FOR_FACTOR
        )
        low, log, high = weighted_quantiles(histogram, (0.25, 0.5, 0.75)).T
        if step == 0:
            # rates are known only up to the mean factor of the reference
            log = log - np.average(log[:n], weights=histogram[:n].sum(axis=1) + 1e-12)
            factor = np.exp(log[:n])
        information = histogram.sum(axis=1)
        largest = (information.max() / len(chosen)) if len(chosen) else 1.0
        n_independent = np.maximum(information / max(largest, 1e-12), 1.0)
        variance = np.pi / 2 * ((high - low) / 1.349) ** 2 / n_independent
        log = np.where(n_independent >= LEAST_FOR_FACTOR, log, 0.0)
    usable = reference.usable
    own = float(np.var(log[:n][usable])) if usable.any() else 0.0
    error = float(np.mean(variance[:n][usable])) if usable.any() else 0.0
    signal = max(own - error, 0.0)
    shrink = signal / (signal + variance) if signal > 0 else np.zeros(n + 1)
    # a shock far larger than the factor's history is believed: its own size is evidence of its variance
    square = np.maximum(log * log, variance)
    shrink = np.maximum(shrink, 1 - np.divide(variance, square, out=np.ones(n + 1), where=square > 0))
    return CommonFactor(log * shrink, variance * shrink)


def _exposure_now(reference: Reference) -> Floats:
    if reference.has_denominator:
        return np.nan_to_num(reference.now_exposure)
    return np.ones(reference.n_slices)


def _shrink_variance(deviation: Floats, noise: Floats, few: float) -> float:
    """Variance of true deviations, robustly: the spread beyond the noise."""
    if len(deviation) < 5:
        return few
    spread = 1.4826 * float(np.median(np.abs(deviation - np.median(deviation))))
    return float(np.clip(spread * spread - np.median(noise), 1e-3, 4.0))


def prior_rates(
    lattice: Lattice, amount: Floats, exposure: Floats, n_used: Ints, has_exposure: bool
) -> tuple[Floats, Floats]:
    """Prior mean and relative variance of every slice's rate.

    One-dimension roll-ups are shrunk to the total, deeper slices to ``p_0 prod_d (p_d / p_0)`` over the dimensions they
    fix, by variances that are learned for each group of slices.
    """
    few = 0.25 if has_exposure else 2.0
    if lattice.total >= 0:
        overall = amount[lattice.total] / max(exposure[lattice.total], 1e-300)
    else:
        rows = lattice.groups[0][1]
        overall = amount[rows].sum() / max(exposure[rows].sum(), 1e-300)
    overall = max(float(overall), 1e-12)
    if not has_exposure and len(lattice.groups) > 1:
        overall_of = {0: overall}
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
            prior[rows] = max(float(np.median(amount[rows] / np.maximum(exposure[rows], 1e-300))), 1e-12)
        ripe = rows[(amount[rows] >= 20) & (n_used[rows] >= 3)]
        deviation = np.log(amount[ripe] / (exposure[ripe] * prior[ripe]))
        noise = 1 / amount[ripe] + TYPICAL_TAU2 / n_used[ripe]
        variance[rows] = _shrink_variance(deviation, noise, few)
        shape = 1 / variance[rows]
        own = (amount[rows] + shape) / (exposure[rows] + shape / prior[rows])
        if depth == 1:
            effect[rows] = np.log(own / overall)
    return prior, variance


def seasonal_effects(
    reference: Reference, lattice: Lattice, rate: Floats, factor: CommonFactor, on_odds: bool, chosen: Ints
) -> tuple[Floats, Floats]:
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
        found: dict[int, tuple[Ints, Floats, Floats]] = {}
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
            sums = profile_sums(
                part,
                rate,
                inherited,
                season.classes[:n],
                n_classes,
                *reference.arrays,
                with_factor,
                on_odds,
                TYPICAL_TAU2,
            )
            deviation, error = _profile(*sums)
            if deviation is None or error is None:
                continue
            any_effect = True
            own[part] += deviation
            variance[part] += error[:, season.classes[n]]
            found[group] = (part, deviation, error)
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
    reference: Reference, lattice: Lattice, *, on_odds: bool, min_expected: float, adapt_after: int, effects: Floats
) -> Judgement:
    """Predictive tail probabilities of every slice with enough expected counts (`min_expected`;.8 of it as first cut)."""
    n, n_slices = reference.n_windows, reference.n_slices
    has_exposure = reference.has_denominator
    factor = common_factor(reference, lattice, on_odds, NONE)
    amount, exposure, _, n_used = slice_totals(*reference.arrays, np.exp(factor.log[:n]))
    rate, prior, variance = _rates(lattice, amount, exposure, n_used, has_exposure)
    now_y, now_d = np.nan_to_num(reference.now_amount), _exposure_now(reference)
    judged = np.flatnonzero((n_used >= 3) & (now_d * rate * np.exp(factor.log[n]) >= 0.8 * min_expected) & (now_d > 0))
    if lattice.total >= 0 and n_used[lattice.total] >= 3 and lattice.total not in judged and now_d[lattice.total] > 0:
        judged = np.append(judged, lattice.total)
    log_effect, effect_variance = seasonal_effects(reference, lattice, rate, factor, on_odds, judged)
    if log_effect.size:  # the season that slices do not share no longer blurs the factor
        factor = common_factor(reference, lattice, on_odds, log_effect)
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
        for nodes in (NODES[::3], NODES[::2], NODES):
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


def _rates(
    lattice: Lattice, amount: Floats, exposure: Floats, n_used: Ints, has_exposure: bool
) -> tuple[Floats, Floats, Floats]:
    prior, variance = prior_rates(lattice, amount, exposure, n_used, has_exposure)
    shape = 1 / variance
    rate = (amount + shape) / (exposure + shape / prior)
    if has_exposure:
        rate = np.maximum(rate, 1e-12)
    return rate, prior, variance


def rates_in(judgement: Judgement, index: int, places: Ints, on_odds: bool, is_total: bool) -> Floats:
    """Expected rate of one slice in some reference windows: its rate, season and (but for the total) the common factor."""
    log = np.zeros(len(places)) if is_total else judgement.factor.log[places]
    if judgement.log_effect.size:
        log = log + judgement.log_effect[index, places]
    return _at(np.full(len(places), judgement.in_sample[index]), np.exp(log), on_odds)
