"""How far a sighting is beyond the detection threshold: the one number by which relevancy compares all lenses.

In log10 of the tail probability (or of the false-discovery rate): 1 is ten times rarer than what is just reported. What
the detector reports is above 0 and what it does not report is below, whatever rounding and second conditions say.
"""

from __future__ import annotations

import math

import numpy as np

from tocsin.model import Floats

__all__ = ["excess", "midway", "surprise"]

LEAST = 1e-6
TINIEST = 1e-300
"""A tail probability of 0 is as rare as this."""


def surprise(tail: float) -> float:
    """-log10 of a tail probability, 0 to 300; NaN where it is not known.

    >>> surprise(0.001)
    3.0
    """
    return abs(math.log10(min(max(tail, TINIEST), 1.0))) if math.isfinite(tail) else math.nan


def excess(found: float, threshold: float, *, reported: bool) -> float:
    """From two surprises; what is reported for another reason than its surprise is just above the threshold.

    >>> excess(4.0, 3.0, reported=True), excess(2.5, 3.0, reported=True) > 0, excess(2.5, 3.0, reported=False)
    (1.0, True, -0.5)
    """
    beyond = found - threshold
    if not math.isfinite(beyond):
        beyond = 0.0
    return max(beyond, LEAST) if reported else min(beyond, -LEAST)


def midway(reported: Floats, others: Floats, default: float) -> float:
    """The threshold of a lens that reports the oddest so many: between the last reported and the first other surprise.

    default : where there are no others, or nothing is reported
    """
    if not len(reported) or not len(others):
        return default
    return float(np.min(reported) + np.max(others)) / 2
