"""Slow, literal forms of what DeepAR's kernels compute."""

import numpy as np

from tests.reference.holt_winters_reference import survival


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
            scale = abs(value - centre) if abs(value - centre) > 1e-12 * abs(centre) else 0.0
            floor = scale / 1000
        else:
            bounded = np.clip((value - centre) / scale, -4, 4)
            share = 1 / min(n + 1, memory)
            variance = scale**2 + share * scale**2 * (bounded**2 - 1)
            centre, scale = centre + share * scale * bounded, max(floor, np.sqrt(variance))
        n += 1
    return before, (n, centre, scale, floor)


def judge_errors(sizes, learned, n, mean, wide, seen, longest, memory):
    """[(surprise, unit) of each error of one series], and n, mean and wide after it.

    seen : pairs (size, weight), see `survival`, of the errors before; the new ones are appended
    """
    found = []
    for error, is_learned in zip(sizes, learned, strict=True):
        unit = max(mean, 0.1 * wide, 1e-3)
        if np.isnan(error):
            found.append((np.nan, unit))
            continue
        surprise = -np.log10(min(survival(seen, error / unit, memory), 1.0))
        found.append((surprise, unit))
        if is_learned:
            seen.append((error / unit, 0.1 if surprise > 4 else 1.0))
            n = min(n + 1, memory)
            mean += (min(error, 4 * unit) - mean) / min(n, longest)
            wide += (min(error, 5_000 * unit) - wide) / n
    return found, (n, mean, wide)
