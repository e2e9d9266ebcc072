"""Slow, literal forms of the passes over reference windows: dense arrays, one slice and one window after the other.

A history is (y, d): amount and exposure of one slice in every window; a window with d = 0 is no observation.
"""

import math

import numpy as np
from scipy import special, stats


def dense(i, indptr, position, amount, exposure, excluded, first, usable):
    """(y, d) of slice i."""
    facts = {int(position[f]): f for f in range(indptr[i], indptr[i + 1])}
    y, d = np.zeros(len(usable)), np.zeros(len(usable))
    for t in range(len(usable)):
        if not usable[t]:
            continue
        if (
            t not in facts
        ):  # a count without a row is 0, from the slice's first row on; a ratio without a row is nothing
            d[t] = float(len(exposure) == 0 and t >= first[i])
            continue
        f = facts[t]
        weight = exposure[f] if len(exposure) else 1.0
        if math.isfinite(amount[f]) and weight > 0 and not (len(excluded) and excluded[f]):
            y[t], d[t] = amount[f], weight
    return y, d


def rate_at(p, f, on_odds):
    """The rate when a factor multiplies it, or its odds."""
    if not on_odds:
        return p * f
    odds = p / (1 - p) * f
    return odds / (1 + odds)


def totals(y, d, factor):
    seen = d > 0
    return y[seen].sum(), (d * factor)[seen].sum(), d[seen].sum(), int(seen.sum())


def weighted_log_ratios(histories, now, rates, effects, on_odds, tau2, least):
    """For every window and the target: [(log of observed / expected, weight)] of the slices with enough expected."""
    n = len(histories[0][0])
    found = [[] for _ in range(n + 1)]
    for (y, d), (now_y, now_d), p, effect in zip(histories, now, rates, effects, strict=True):
        for t, (amount, exposure) in enumerate([*zip(y, d, strict=True), (now_y, now_d)]):
            q = rate_at(p, math.exp(effect[t]), on_odds)
            expected = exposure * q
            if exposure <= 0 or expected < least:
                continue
            if on_odds:
                ratio = math.inf if amount >= exposure else amount / (exposure - amount) / (q / (1 - q))
            else:
                ratio = amount / expected
            log = -math.inf if ratio <= 0 else math.log(ratio)
            found[t].append((log, expected / (1 + tau2 * expected)))
    return found


def profile(y, d, rate, factor, effect, classes, n_classes, block, on_odds, tau2):
    """(precision, weighted residual) by class, sum of squares, number of observations of one slice."""
    runs = []  # windows in a row of one block and class are one observation
    for t in range(len(y)):
        q = rate_at(rate, factor[t] * math.exp(effect[t]), on_odds)
        expected = d[t] * q
        if d[t] > 0 and expected > 1e-9:
            seen = (y[t] / expected - 1, 1 / ((1 - q if on_odds else 1) / expected + tau2))
            if runs and runs[-1][:2] == (block[t], classes[t]):
                runs[-1][2].append(seen)
            else:
                runs.append((block[t], classes[t], [seen]))
    residual = np.array([sum(r * w for r, w in run) / sum(w for _, w in run) for _, _, run in runs])
    variance = np.array([1 / sum(w for _, w in run) for _, _, run in runs])
    label = np.array([c for _, c, _ in runs])
    precision, weighted, square = np.zeros(n_classes), np.zeros(n_classes), 0.0
    for c in range(n_classes):
        own = label == c
        if own.any():
            centre = np.median(residual[own])
            clipped = np.clip(residual[own], centre - 3 * np.sqrt(variance[own]), centre + 3 * np.sqrt(variance[own]))
            precision[c] = (1 / variance[own]).sum()
            weighted[c] = (clipped / variance[own]).sum()
            square += (clipped**2 / variance[own]).sum()
    return precision, weighted, square, len(residual)


def square_inside(cut):
    """E[z^2 | |z| < cut] of a standard normal z."""
    return 1 - 2 * cut * stats.norm.pdf(cut) / (stats.norm.cdf(cut) - stats.norm.cdf(-cut))


def new_level(z, block, scale, run):
    """First index of the newest level: the split of block means with the largest two-sample statistic beyond 5."""
    clipped = np.clip((z - np.median(z)) / scale, -5, 5)
    starts = [0, *(j for j in range(1, len(z)) if block[j] != block[j - 1])]
    means = np.array([part.mean() for part in np.split(clipped, starts[1:])])
    n = len(means)
    if n < run + 3:
        return 0
    spread = 1.0
    if n < len(z):
        spread = max(1.05 * np.median(np.abs(np.diff(means))), 0.1)
    best, cut = 5.0, 0
    for j in range(3, n - 1):
        k = n - j
        statistic = abs(means[j:].mean() - means[:j].mean()) / (spread * math.sqrt(1 / k + 1 / j))
        if statistic > best:
            best, cut = statistic, j if k >= run else 0
    return starts[cut]


def block_shares(standard, block):
    """Shares of their precision that the mean and the spread keep, because values of one block are correlated."""
    starts = [0, *(j for j in range(1, len(block)) if block[j] != block[j - 1])]
    parts = np.split(standard, starts[1:])
    pairs = sum(float(np.sum(np.outer(part, part)) - np.sum(part**2)) for part in parts)
    possible = sum((len(part) - 1) * float(np.sum(part**2)) for part in parts)
    alike = min(max(pairs / possible, 0.0), 1.0) if possible > 0 else 0.0
    more = len(block) / len(starts) - 1 if block else -1.0
    return 1 / (1 + more * alike), 1 / (1 + more * alike**2)


def node_likelihoods(
    y, d, rate, prior_rate, prior_variance, tau2, share, known_start, factor, effect, block, on_odds, run, nodes
):
    """What is known under every node.

    Returns (log likelihood, mean, variance of every node; windows used, informative, trimmed; first window of the new
    level; sum of squares under every node).
    """
    windows = [t for t in range(len(y)) if d[t] > 0]
    q = np.array([rate_at(rate, factor[t] * math.exp(effect[t]), on_odds) for t in windows])
    amount, expected = y[windows], d[windows] * q
    a = (np.maximum(1 - q, 0.02) if on_odds else 1.0) / expected
    r = amount / expected - 1
    z = 2 * (np.sqrt(amount + 0.375) - np.sqrt(expected + 0.375))  # Anscombe
    start = 0
    if known_start < 0 and len(windows) >= 3:
        spread = 1.0484 * np.median(np.abs(np.diff(z)))
        n = len(windows)
        scale2 = (n * spread**2 + 10 * (1 + expected.mean() * tau2)) / (n + 10)
        if n >= run + 3:
            start = new_level(z, [block[t] for t in windows], math.sqrt(scale2), run)
        tau2 = max(scale2 - 1, 0) / expected.mean()
        root = np.sqrt(expected + 0.375)
        centre = np.median((z / root)[start:])
        z = z.copy()
        z[start:] -= centre * root[start:]
    elif known_start >= 0:
        start = sum(t < known_start for t in windows)
    used, squares, standard, informative, trimmed = [], [], [], 0, 0
    for j in range(start, len(windows)):
        usual = a[j] * expected[j] + expected[j] * tau2
        damaged = usual + 0.25 * expected[j]
        shows = expected[j] > 50 and tau2 < 0.02
        informative += shows
        # log odds of damage: N(z; 0, damaged) against N(z; 0, usual), prior odds, from -1 on
        prior_odds = math.log((1 - share) / share) - 1
        cut = 2 * (prior_odds + 0.5 * math.log(damaged / usual)) / (1 / usual - 1 / damaged)
        if z[j] ** 2 > cut:
            trimmed += shows
            continue
        used.append(j)
        standard.append(z[j] / math.sqrt(usual))
        squares.append(r[j] ** 2 / square_inside(min(math.sqrt(cut / usual), 8)))
    of_mean, of_spread = block_shares(np.array(standard), [block[windows[j]] for j in used])
    log_likelihood, mean, variance, sums = [], [], [], []
    for node in nodes:
        v = a[used] + node
        shift = prior_rate / rate - 1
        own = (r[used] / v).sum() / (1 / v).sum() if used else 0.0
        precision = of_mean * (1 / v).sum()
        total = precision + 1 / prior_variance
        m = (own * precision + shift / prior_variance) / total
        sums.append((np.array(squares) / v).sum())
        around = sums[-1] - own**2 * (1 / v).sum()
        off = (own - shift) ** 2 / (prior_variance + 1 / precision) if used else 0.0
        spread = of_spread * (np.log(v).sum() + around)
        log_likelihood.append(-0.5 * (spread + math.log(1 + prior_variance * precision) + off))
        mean.append(max(m, -0.99))
        variance.append(1 / total)
    first = windows[start] if known_start < 0 and len(windows) >= 3 else max(known_start, 0)
    of_nodes = (np.array(log_likelihood), np.array(mean), np.array(variance))
    return *of_nodes, len(used), informative, trimmed, first, np.array(sums)


def effect_likelihoods(y, base, rate, on_odds, weight, mean, variance, nodes, extra, factors):
    """Likelihood of y under each factor, on the scale of square roots, scaled to a largest of 1."""
    noise = 1 - min(rate, 0.98) if on_odds else 1.0
    logs = []
    for factor in factors:
        parts = []
        for w, m, s, node in zip(weight, mean, variance, nodes, strict=True):
            if w >= 1e-4:
                moved = base * (1 + m) * factor
                gap = 2 * math.sqrt(y + 0.375) - 2 * math.sqrt(moved + 0.375)
                v = noise + (node + s + extra) * moved
                parts.append(math.log(w) - 0.5 * gap * gap / v - 0.5 * math.log(v))
        logs.append(special.logsumexp(parts))
    return np.exp(np.array(logs) - max(logs))
