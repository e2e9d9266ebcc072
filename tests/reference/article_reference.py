"""The article's loop, one slice and one resample after the other."""

import numpy as np


def resampled_means(old, draws):
    """Means of the resamples whose places are given: draws (n_bootstrap, n)."""
    return np.array([np.mean([old[place] for place in resample]) for resample in draws])


def judged(value, means):
    mean, deviation = np.mean(means), np.std(means)
    first, third = np.percentile(means, 25), np.percentile(means, 75)
    fence = 2 * (third - first)
    return {
        "actual_value": value,
        "bootstrapped_mean": mean,
        "deviation": deviation,
        "first": first,
        "third": third,
        "within_z_score_range": bool(abs((value - mean) / deviation) <= 2) if deviation else False,
        "within_iqr_range": bool(first - fence < value < third + fence),
    }


def outside_central(old, value, share):
    """Whether `value` lies outside the central `share` percent of the old values, ranks interpolated by hand."""
    ordered = sorted(old)
    ends = []
    for percent in (50 - share / 2, 50 + share / 2):
        place = percent / 100 * (len(ordered) - 1)
        below = int(np.floor(place))
        above = min(below + 1, len(ordered) - 1)
        ends.append(ordered[below] + (ordered[above] - ordered[below]) * (place - below))
    return value < ends[0] or value > ends[1]
