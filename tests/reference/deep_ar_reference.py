"""Slow, literal forms of what DeepAR's kernels compute."""

import numpy as np
from scipy import stats


def follow_scale(values, n, centre, scale, floor, memory):
    """[(centre, scale) before each point] of one series, and the state after it; None = not known."""
    before = []
    for value in values:
        before.append((centre if n > 0 else None, scale if n >= 10 else None))
        if np.isnan(value):
            continue
        if n == 0:
            centre = value
        elif scale == 0:
            scale = abs(value - centre)
            floor = scale / 1000
        else:
            bounded = np.clip((value - centre) / scale, -4, 4)
            share = 1 / min(n + 1, memory)
            variance = scale**2 + share * scale**2 * (bounded**2 - 1)
            centre, scale = centre + share * scale * bounded, max(floor, np.sqrt(variance))
        n += 1
    return before, (n, centre, scale, floor)


def surprise(distance, nu):
    """-log10 of the two-sided tail, by SciPy's distribution."""
    return -(np.log(2) + stats.t.logsf(abs(distance), nu)) / np.log(10)
