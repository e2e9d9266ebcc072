"""Passes over the reference windows of many slices of a count KPI: rates, the common factor, seasonal profiles,
dispersion.

Every pass walks compressed rows: the facts of slice i are ``indptr[i]:indptr[i + 1]`` of `position` (place among the
reference windows), `amount` and `exposure`. An empty `exposure` means a KPI without a denominator: every usable window
from a slice's first on has exposure 1, and no fact means an amount of 0. With a denominator, no fact is no observation.

Words and symbols: y amount, d exposure, p rate, f factor of a window, lambda = expected amount, tau^2 variance of a
slice's rate from window to window relative to its square. `on_odds` says that amounts are parts of exposures (clicks of
views): a factor then multiplies the odds of the rate, so that no rate leaves [0, 1], and counts are binomial, not
Poisson.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

__all__ = [
    "dense_history",
    "history_of",
    "node_likelihoods",
    "profile_sums",
    "ratio_histogram",
    "slice_totals",
    "trim_table",
]

TRIM_EARLY = 1.0
"""Windows leave the reference when the log odds of damage are beyond -1: leaving out a clean one costs less."""
RATIO_BINS = 1024
RATIO_RANGE = 4.0
"""The histogram of log(observed / expected) spans -RATIO_RANGE .. RATIO_RANGE."""


@njit(cache=True, nogil=True, error_model="numpy")
def _load(i, indptr, position, amount, exposure, excluded, first, usable, y, d):
    n = len(usable)
    if len(exposure) > 0:
        for t in range(n):
            y[t] = 0.0
            d[t] = 0.0
    else:
        for t in range(n):
            y[t] = 0.0
            d[t] = 1.0 if usable[t] and t >= first[i] else 0.0
    for fact in range(indptr[i], indptr[i + 1]):
        t = position[fact]
        value = amount[fact]
        weight = exposure[fact] if len(exposure) > 0 else 1.0
        if not usable[t] or (len(excluded) > 0 and excluded[fact]) or not (weight > 0.0) or not math.isfinite(value):
            d[t] = 0.0
        else:
            y[t] = value
            d[t] = weight


@njit(cache=True, nogil=True, error_model="numpy")
def _rate_at(p, f, on_odds):
    return p * f / (1.0 - p + p * f) if on_odds else p * f


@njit(cache=True, nogil=True, error_model="numpy")
def slice_totals(indptr, position, amount, exposure, excluded, first, usable, factor):
    """Sums over the usable reference windows: amount, exposure x factor, exposure, and the number of windows."""
    n_slices, n = len(indptr) - 1, len(usable)
    sum_y, sum_df, sum_d = np.zeros(n_slices), np.zeros(n_slices), np.zeros(n_slices)
    n_used = np.zeros(n_slices, np.int32)
    y, d = np.empty(n), np.empty(n)
    for i in range(n_slices):
        _load(i, indptr, position, amount, exposure, excluded, first, usable, y, d)
        for t in range(n):
            if d[t] > 0.0:
                sum_y[i] += y[t]
                sum_df[i] += d[t] * factor[t]
                sum_d[i] += d[t]
                n_used[i] += 1
    return sum_y, sum_df, sum_d, n_used


@njit(cache=True, nogil=True, error_model="numpy")
def ratio_histogram(
    chosen,
    rate,
    indptr,
    position,
    amount,
    exposure,
    excluded,
    first,
    usable,
    now_y,
    now_d,
    log_effect,
    on_odds,
    tau2,
    least,
):
    """For every reference window and the target (last row), the weighted histogram of log(observed / expected).

    chosen : indices of slices; log_effect (n_slices, n + 1) or empty: known log effects of slice and window
    least  : expected amounts under it are not used
    """
    n = len(usable)
    histogram = np.zeros((n + 1, RATIO_BINS))
    y, d = np.empty(n + 1), np.empty(n + 1)
    scale = RATIO_BINS / (2.0 * RATIO_RANGE)
    for i in chosen:
        p = rate[i]
        _load(i, indptr, position, amount, exposure, excluded, first, usable, y, d)
        y[n], d[n] = now_y[i], now_d[i]
        for t in range(n + 1):
            if not d[t] > 0.0:
                continue
            q = p if log_effect.shape[0] == 0 else _rate_at(p, math.exp(log_effect[i, t]), on_odds)
            expected = d[t] * q
            if expected < least:
                continue
            ratio = y[t] * (1.0 - q) / max((d[t] - y[t]) * q, 1e-300) if on_odds else y[t] / expected
            place = 0
            if ratio > 0.0:
                place = min(max(int((min(math.log(ratio), RATIO_RANGE) + RATIO_RANGE) * scale), 0), RATIO_BINS - 1)
            histogram[t, place] += expected / (1.0 + tau2 * expected)
    return histogram


def trim_table() -> npt.NDArray[np.float64]:
    """E[z^2 | |z| < c] of a normal z for c = 0, 0.1, … 8: what trimming takes from a variance."""
    table = np.ones(81)
    for k in range(1, 81):
        c = k / 10.0
        inside = math.erf(c / math.sqrt(2.0))
        table[k] = 1.0 - 2.0 * c * math.exp(-0.5 * c * c) / math.sqrt(2.0 * math.pi) / inside
    table[0] = table[1]
    return table


@njit(cache=True, nogil=True, error_model="numpy")
def _sort(values, n):
    for j in range(1, n):
        value, k = values[j], j - 1
        while k >= 0 and values[k] > value:
            values[k + 1] = values[k]
            k -= 1
        values[k + 1] = value


@njit(cache=True, nogil=True, error_model="numpy")
def _median(values, n, buffer):
    for j in range(n):
        buffer[j] = values[j]
    _sort(buffer, n)
    return 0.5 * (buffer[(n - 1) // 2] + buffer[n // 2])


@njit(cache=True, nogil=True, error_model="numpy")
def _rough_log(x):
    """log x for x >= 1 within 2 % of itself: Pade on the mantissa after halving by powers of 16."""
    shift = 0.0
    while x > 4.0:
        x *= 0.25
        shift += 1.3862943611198906
    return shift + 3.0 * (x * x - 1.0) / (x * x + 4.0 * x + 1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def profile_sums(
    chosen,
    rate,
    offset,
    classes,
    n_classes,
    block,
    indptr,
    position,
    amount,
    exposure,
    excluded,
    first,
    usable,
    factor,
    on_odds,
    tau2,
):
    """Precision and precision-weighted relative residual by class of window, for each chosen slice.

    offset (n_slices, n_windows or more) or empty : log effects that are already explained
    Neighbouring windows of one block and class are one observation, with their summed precision.
    A residual counts for at most 3 of its standard deviations away from the median of its class.

    Returns
    -------
    precision, weighted : (n_chosen, n_classes); square (n_chosen,): sum of squares of the standardised residuals;
    n_used : int64 (n_chosen,) windows
    """
    n = len(usable)
    precision, weighted = np.zeros((len(chosen), n_classes)), np.zeros((len(chosen), n_classes))
    square, n_used = np.zeros(len(chosen)), np.zeros(len(chosen), np.int64)
    y, d, residual, spread = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    label, buffer = np.empty(n, np.int32), np.empty(n)
    for place in range(len(chosen)):
        i = chosen[place]
        _load(i, indptr, position, amount, exposure, excluded, first, usable, y, d)
        count, last = 0, -1
        for t in range(n):
            if d[t] > 0.0:
                f = factor[t] if offset.shape[0] == 0 else factor[t] * math.exp(offset[i, t])
                q = _rate_at(rate[i], f, on_odds)
                expected = d[t] * q
                if expected > 1e-9:
                    value = y[t] / expected - 1.0
                    variance = (1.0 - q if on_odds else 1.0) / expected + tau2
                    if count > 0 and last == block[t] and label[count - 1] == classes[t]:
                        precise = 1.0 / spread[count - 1] + 1.0 / variance
                        value = (residual[count - 1] / spread[count - 1] + value / variance) / precise
                        variance = 1.0 / precise
                        count -= 1
                    residual[count], spread[count], label[count] = value, variance, classes[t]
                    last = block[t]
                    count += 1
        for c in range(n_classes):
            size = 0
            for j in range(count):
                if label[j] == c:
                    d[size] = residual[j]
                    size += 1
            if size == 0:
                continue
            centre = _median(d, size, buffer)
            for j in range(count):
                if label[j] == c:
                    limit = 3.0 * math.sqrt(spread[j])
                    value = min(max(residual[j], centre - limit), centre + limit)
                    precision[place, c] += 1.0 / spread[j]
                    weighted[place, c] += value / spread[j]
                    square[place] += value * value / spread[j]
        n_used[place] = count
    return precision, weighted, square, n_used


@njit(cache=True, nogil=True, error_model="numpy")
def _new_level(z, block, n, scale, run, blocks, sizes, buffer):
    """First index of the newest level: the split with the largest two-sample statistic, if that is beyond 5.

    A level has at least `run` blocks; values are clipped at 5 deviations, whose `scale` is that of successive
    differences.
    """
    centre = _median(z, n, buffer)
    n_blocks = 0
    for j in range(n):
        value = min(max((z[j] - centre) / scale, -5.0), 5.0)
        if j > 0 and block[j] == block[j - 1]:
            blocks[n_blocks - 1] += value
            sizes[n_blocks - 1] += 1
        else:
            blocks[n_blocks] = value
            sizes[n_blocks] = 1
            n_blocks += 1
    if n_blocks < run + 3:
        return 0
    total = 0.0
    for j in range(n_blocks):
        blocks[j] /= sizes[j]
        total += blocks[j]
    spread = 1.0
    if n_blocks < n:  # means of blocks: their own scale
        for j in range(1, n_blocks):
            buffer[j - 1] = abs(blocks[j] - blocks[j - 1])
        _sort(buffer, n_blocks - 1)
        spread = max(1.05 * 0.5 * (buffer[(n_blocks - 2) // 2] + buffer[(n_blocks - 1) // 2]), 0.1)
    # the best split may be younger than `run` blocks: then the newest level is not normal yet, and no other is taken
    best, cut, head = 5.0, 0, 0.0
    for j in range(1, n_blocks - 1):
        head += blocks[j - 1]
        k = n_blocks - j
        difference = (total - head) / k - head / j
        statistic = abs(difference) / (spread * math.sqrt(1.0 / k + 1.0 / j))
        if j >= 3 and statistic > best:
            best, cut = statistic, j if k >= run else 0
    if cut == 0:
        return 0
    place = 0
    for j in range(cut):
        place += sizes[j]
    return place


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"reassoc", "contract", "nsz", "arcp"})
def _node_sums(a, r, square, n, tau2, centre):
    """sum 1 / v, sum r / v, sum r^2 / v and sum log v for v = a + tau2; products of v / centre spare logarithms."""
    A, B, C, L = 0.0, 0.0, 0.0, 0.0
    inverse = 1.0 / centre
    begin = 0
    while begin < n:
        end = min(begin + 24, n)
        product = 1.0
        for j in range(begin, end):
            v = a[j] + tau2
            w = 1.0 / v
            A += w
            B += w * r[j]
            C += w * square[j]
            product *= v * inverse
        L += math.log(product)
        begin = end
    return A, B, C, L + n * math.log(centre)


@njit(cache=True, nogil=True, error_model="numpy")
def node_likelihoods(
    chosen, rate, prior_rate, prior_variance, tau2_of, damaged_share, level_start,
    indptr, position, amount, exposure, excluded, first, usable, factor, log_effect, block, on_odds, run, nodes,
    trimmed_square,
):  # fmt: skip
    """Log likelihood of each slice's reference under every tau^2 of `nodes`, its rate integrated out.

    The relative residuals r_t = y_t / lambda_t - 1 are taken as normal with variance a_t + tau^2, a_t = (1 - p) /
    lambda_t, around a mean with prior N(prior_rate / rate - 1, prior_variance): with A = sum 1 / v, B = sum r / v, C =
    sum r^2 / v the integral is closed. Windows of one block are correlated: with the mean correlation c inside blocks
    of m windows the mean has a share 1 / (1 + (m - 1) c) of its precision, the spread one of 1 / (1 + (m - 1) c^2).
    Left out are windows before a change of level (see `_new_level`) and those that are likelier damaged (relative
    deviation N(0, 0.5^2), share `damaged_share`) than not; what trimming takes from C is given back.

    Parameters
    ----------
    chosen : int64 (n,), slices; tau2_of, prior_rate, prior_variance, rate : (n_slices,)
    level_start : int32 (n_slices,)
        First window of the newest level, -1 where it is not known yet: it is then looked for and written here, and
        residuals are centred on their median, because `rate` is not robust yet.
    log_effect : (n_slices, n_windows or more) or empty
    block : int32 (n_windows,): windows of one block are one observation of the level
    run : fewest blocks of a new level

    Returns
    -------
    log_likelihood, mean, variance : (n, n_nodes): of the node, and of the relative correction of the rate under it
    n_used : int32 (n,) windows used; informative, trimmed : counts of windows in which damage would show, and did
    """
    n_windows, n_nodes = len(usable), len(nodes)
    log_likelihood, mean = np.empty((len(chosen), n_nodes)), np.empty((len(chosen), n_nodes))
    variance, n_used = np.empty((len(chosen), n_nodes)), np.zeros(len(chosen), np.int32)
    y, d = np.empty(n_windows), np.empty(n_windows)
    z, a, r, size = np.empty(n_windows), np.empty(n_windows), np.empty(n_windows), np.empty(n_windows)
    square, window = np.empty(n_windows), np.empty(n_windows, np.int32)
    blocks, sizes, buffer = np.empty(n_windows + 1), np.empty(n_windows + 1, np.int64), np.empty(n_windows + 1)
    own_block = np.empty(n_windows, np.int32)
    odds_damage = math.log((1.0 - damaged_share) / damaged_share) - TRIM_EARLY
    informative, trimmed = 0, 0
    several = False  # whether any block has several windows
    for t in range(1, n_windows):
        several = several or block[t] == block[t - 1]
    for place in range(len(chosen)):
        i = chosen[place]
        _load(i, indptr, position, amount, exposure, excluded, first, usable, y, d)
        n = 0
        largest = 0.0
        for t in range(n_windows):
            if d[t] > 0.0:
                f = factor[t] if log_effect.shape[0] == 0 else factor[t] * math.exp(log_effect[i, t])
                q = _rate_at(rate[i], f, on_odds)
                expected = d[t] * q
                if not 1e-12 < expected < 1e18:
                    continue
                a[n] = (max(1.0 - q, 0.02) if on_odds else 1.0) / expected
                r[n] = y[t] / expected - 1.0
                size[n] = expected
                largest += expected
                z[n] = 2.0 * (math.sqrt(y[t] + 0.375) - math.sqrt(expected + 0.375))
                own_block[n] = block[t]
                window[n] = t
                n += 1
        tau2 = tau2_of[i]
        if level_start[i] < 0:
            level_start[i] = 0
            if n >= 3:
                for j in range(1, n):
                    buffer[j - 1] = abs(z[j] - z[j - 1])
                _sort(buffer, n - 1)
                spread = 1.0484 * 0.5 * (buffer[(n - 2) // 2] + buffer[(n - 1) // 2])
                typical = largest / n
                scale2 = (n * spread * spread + 10.0 * (1.0 + typical * tau2)) / (n + 10.0)
                start = 0
                if n >= run + 3:
                    start = _new_level(z, own_block, n, math.sqrt(scale2), run, blocks, sizes, buffer)
                level_start[i] = window[start]
                tau2 = max(scale2 - 1.0, 0.0) / typical
                for j in range(start, n):
                    blocks[j - start] = z[j] / math.sqrt(size[j] + 0.375)
                centre = _median(blocks, n - start, buffer)
                for j in range(start, n):
                    z[j] -= centre * math.sqrt(size[j] + 0.375)
        used, n_blocks, last = 0, 0, -1
        typical, pairs, weighted_squares = 0.0, 0.0, 0.0
        block_sum, block_squares, block_size = 0.0, 0.0, 0
        for j in range(n):
            if window[j] < level_start[i]:
                continue
            usual = a[j] * size[j] + size[j] * tau2
            damaged = usual + 0.25 * size[j]
            big = size[j] > 50.0 and tau2 < 0.02
            informative += big
            inner = 1.0
            if z[j] * z[j] > usual * 2.0 * odds_damage * 0.8:
                cut2 = (odds_damage + 0.5 * math.log(damaged / usual)) / (0.5 / usual - 0.5 / damaged)
                if z[j] * z[j] > cut2:
                    trimmed += big
                    continue
            # the mean of squares inside the cut, on a coarse guess of it: the table is flat there
            ratio = 1.0 + 0.25 * size[j] / usual
            cut = math.sqrt((2.0 * odds_damage + _rough_log(ratio)) * ratio / (ratio - 1.0))
            inner = trimmed_square[int(10.0 * min(cut, 8.0) + 0.5)]
            a[used] = a[j]
            r[used] = r[j]
            square[used] = r[j] * r[j] / inner
            typical += a[j]
            used += 1
            if not several:
                continue
            if own_block[j] != last:
                pairs += block_sum * block_sum - block_squares
                weighted_squares += (block_size - 1) * block_squares
                block_sum, block_squares, block_size = 0.0, 0.0, 0
                last = own_block[j]
                n_blocks += 1
            standard = z[j] / math.sqrt(usual)
            block_sum += standard
            block_squares += standard * standard
            block_size += 1
        pairs += block_sum * block_sum - block_squares
        weighted_squares += (block_size - 1) * block_squares
        alike = min(max(pairs / weighted_squares, 0.0), 1.0) if weighted_squares > 0.0 else 0.0
        more = used / n_blocks - 1.0 if n_blocks > 0 else 0.0
        of_mean, of_spread = 1.0 / (1.0 + more * alike), 1.0 / (1.0 + more * alike * alike)
        typical = max(typical / max(used, 1), 1e-12)  # every window may be left out: then the prior stands alone
        prior_mean, s2 = prior_rate[i] / rate[i] - 1.0, prior_variance[i]
        for k in range(n_nodes):
            A, B, C, L = _node_sums(a, r, square, used, nodes[k], typical + nodes[k])
            rest = C - B * B / A if used > 0 else 0.0  # sum of squares around the mean
            A, B = A * of_mean, B * of_mean
            total = A + 1.0 / s2
            m = (B + prior_mean / s2) / total
            mean[place, k] = max(m, -0.99)
            variance[place, k] = 1.0 / total
            off = (B / A - prior_mean) ** 2 * A / (1.0 + s2 * A) if used > 0 else 0.0
            log_likelihood[place, k] = -0.5 * (of_spread * (L + rest) + math.log(1.0 + s2 * A) + off)
        n_used[place] = used
    return log_likelihood, mean, variance, n_used, informative, trimmed


@njit(cache=True, nogil=True, error_model="numpy")
def history_of(i, indptr, position, amount, exposure, excluded, first, usable):
    """Amount and exposure of one slice in every reference window; an exposure of 0 is no observation."""
    y, d = np.empty(len(usable)), np.empty(len(usable))
    _load(i, indptr, position, amount, exposure, excluded, first, usable, y, d)
    return y, d


@njit(cache=True, nogil=True, error_model="numpy")
def dense_history(indptr, position, amount, exposure, excluded, first, usable):
    """`history_of` of all slices: (n_slices, n_windows) each."""
    n_slices, n = len(indptr) - 1, len(usable)
    y, d = np.empty((n_slices, n)), np.empty((n_slices, n))
    for i in range(n_slices):
        _load(i, indptr, position, amount, exposure, excluded, first, usable, y[i], d[i])
    return y, d
