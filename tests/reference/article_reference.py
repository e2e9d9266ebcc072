"""The article's loop, one slice and one resample after the other."""

import numpy as np


def article_row(value, old, n_bootstrap, random):
    """Bootstrapped mean and both ranges of one slice."""
    means = []
    for _ in range(n_bootstrap):
        means.append(np.mean(random.choice(old, size=len(old), replace=True)))
    return judged(value, np.array(means))


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
        "within_z_score_range": bool(abs((value - mean) / deviation) <= 2),
        "within_iqr_range": bool(first - fence < value < third + fence),
    }
