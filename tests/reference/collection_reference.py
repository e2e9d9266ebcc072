"""Slow, literal forms of the calibrated mode's kernels: one entity, one collection, one bin after another."""

import math
from statistics import median

import numpy as np
from scipy import stats

WHOLE = 65535


def quantise(row):
    """Whole numbers of WHOLE, half and more up."""
    total = math.fsum(row)
    return [math.floor(value / total * WHOLE + 0.5) if total > 0 else 0 for value in row]


def collect_shapes(shares, weight, kinds, left_out):
    """Sums by kind, totals by kind, how many count; of one entity."""
    taken = [slot for slot in range(len(weight)) if weight[slot] > 0 and slot != left_out]
    sums = np.zeros((2, shares.shape[1]))
    totals = np.zeros(2)
    for slot in taken:
        sums[kinds[slot]] += float(weight[slot]) * shares[slot] / WHOLE
        totals[kinds[slot]] += float(weight[slot])
    return sums, totals, len(taken)


def reference_shape(sums, totals, filled, peers, strength, kind_pull):
    """(2, n_bins): own evidence shrunk to peers, then each kind shrunk to both together; of one entity."""
    result = []
    for kind in range(2):
        pooled = (sums.sum(axis=0) + strength * peers[kind]) / (totals.sum() + strength)
        if filled:
            pull = kind_pull * totals.sum() / filled
            pooled = (sums[kind] + pull * pooled) / (totals[kind] + pull) if pull else pooled
        result.append(pooled / pooled.sum())
    return np.array(result)


def spread_of_divergences(divergence, expected, reference, own_bias, pooled_bias, shape_spread):
    """Bias, centre, spread of one entity from the pairs that are known."""
    pairs = [(float(j), float(e)) for j, e in zip(divergence, expected, strict=True)]
    own = max(median([j - e for j, e in pairs]), 0.0) if pairs else 0.0
    bias = (len(pairs) * own + own_bias * pooled_bias) / (len(pairs) + own_bias)
    effective = 1.0 / sum(share**2 for share in reference)
    # Wilson and Hilferty: the cube root of a chi-square over its degrees of freedom is normal (1 - v, v), v = 2 / 9 df
    chance = 2.0 / (9.0 * max(1.2 * effective, 2.0))
    roots = [math.pow(j / (bias + e + 1e-12), 1.0 / 3.0) for j, e in pairs]
    middle = median(roots) if roots else 1.0 - chance
    off = [abs(root - middle) for root in roots]
    reach = 4.0 * max(math.sqrt(math.pi / 2) * sum(off) / max(len(off), 1), math.sqrt(chance))
    own_variance = sum(min(value, reach) ** 2 for value in off) / max(len(off) - 1, 1)
    variance = (len(off) * own_variance + shape_spread * chance) / (len(off) + shape_spread)
    centre = (len(off) * middle + 5.0 * (1.0 - chance)) / (len(off) + 5.0)
    return bias, centre, math.sqrt(variance * (1.0 + 1.0 / max(len(off), 1)))


def forecast_volume(volumes, phases, peer_effects, usual_sd, usual_weight):
    """Level, effects, own deviation, spread of one entity; volumes newest first."""
    n = len(volumes)
    if n == 0:
        return math.nan, np.zeros(7), math.nan, math.nan
    x, phases = np.array(volumes, float), np.array(phases)
    recent, long_run = 0.5 ** (np.arange(n) / 10.0), 0.5 ** (np.arange(n) / 40.0)
    trust, level = np.ones(n), np.average(x, weights=recent)
    for _ in range(2):
        effects = np.zeros(7)
        for day in range(7):
            mine = phases == day
            w = (long_run * trust)[mine]
            effects[day] = (0.5 * peer_effects[day] + (w * (x[mine] - level)).sum()) / (0.5 + w.sum())
        level = np.average(x - effects[phases], weights=recent * trust)
        off = np.abs(x - effects[phases] - level)
        noise = math.exp(-level)
        scale = max(1.4826 * median(off), 0.05)
        own = max(scale**2 - noise, 0.0)
        usual = (usual_weight * usual_sd**2 + n * own) / (usual_weight + n)
        trust = np.minimum(1.0, 1.5 * math.sqrt(usual + noise) / np.maximum(off, 1e-9))
    w = recent * trust
    doubt = 1.0 / max(w.sum() ** 2 / (w**2).sum(), 1.0) + 0.15
    return level, effects, math.sqrt(own), math.sqrt(usual * (1.0 + doubt) + noise * doubt)


def volume_tail(records, level, effects, spread, phase, factor, odd_day, df):
    """Chance of so many records: on its day of the week, or with `odd_day` on another."""
    s, result = max(spread, 1e-3), 0.0
    for day in range(7):
        foretold = math.exp(level + effects[day] + factor)
        z = 2.0 / s * (math.asinh(s * math.sqrt(records + 0.375)) - math.asinh(s * math.sqrt(foretold)))
        result += (1.0 - odd_day if day == phase else odd_day / 6) * stats.t.sf(z, df)
    return result


def dispersion_index(spans, joined):
    """Index and its variance of one row, by the moments of a multinomial."""
    observed = expected = noise = 0.0
    for start in range(0, len(spans), joined):
        block = [int(value) for value in spans[start : start + joined]]
        k, m = len(block), sum(block)
        if k < 2 or m == 0:
            continue
        # times k^2, in whole numbers
        observed += sum((k * value - m) ** 2 for value in block) / k**2
        expected += m * (k - 1) / k
        noise += 2 * m * (m - 1) * (k - 1) / k**2
    return (observed / expected, noise / expected**2) if noise > 0 else (math.nan, math.nan)


def usual_dispersion(index, variance, usual, pull):
    """Mean and excess of one entity from the pairs that are known."""
    pairs = [(float(value), max(float(noise), 1e-12)) for value, noise in zip(index, variance, strict=True)]
    if not pairs:
        return usual, max(usual, 1.0) ** 2
    whole = sum(1.0 / noise for _, noise in pairs)
    prior = 0.25 * pull * whole / len(pairs)
    mean = (sum(value / noise for value, noise in pairs) + prior * usual) / (whole + prior)
    scale = max(mean, 1.0) ** 2
    squares = sum(min((value - mean) ** 2 / (noise * scale), 16.0) for value, noise in pairs)
    return mean, scale * max((squares + pull) / (len(pairs) + pull), 1.0)


def peer_shape(sums, totals):
    """(2, n_bins) of the members of one group: sums (n, 2, n_bins), totals (n, 2)."""
    scale = np.where(totals > 0, 2_000.0 / (2_000.0 + totals), 0.0)
    shapes, weight = (scale[:, :, None] * sums).sum(axis=0), (scale * totals).sum(axis=0)
    n_bins = sums.shape[2]
    pooled = (shapes.sum(axis=0) + 0.5 / n_bins) / (weight.sum() + 0.5)
    result = (shapes + 0.5 * pooled) / (weight[:, None] + 0.5)
    return result / result.sum(axis=1, keepdims=True)


def distance_from_peers(sums, totals, peers):
    """1 / strength of one entity."""
    both = totals.sum()
    if both <= 0:
        return math.nan
    p, q = sums.sum(axis=0) / both, totals @ peers / both
    return ((p - q) ** 2 / q).sum() / max(len(p) - 1, 1) - 1.0 / both
