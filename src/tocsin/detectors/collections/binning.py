"""Bins: how wide (eq. 6), numbers and times of the day to bins, and the second level's bins of the sub-volumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tocsin.detectors.collections.engine import Counts
from tocsin.errors import InputError
from tocsin.kernels.divergence_evidence import sub_volume_histogram
from tocsin.model import Bools, Floats, Ints

__all__ = ["N_SUB_VOLUME_BINS", "bin_width", "bins_of", "edges_of_width", "sub_volume_step", "sub_volumes"]

N_SUB_VOLUME_BINS = 64
"""Bins of the second level; the last is open."""
MOST_BINS = 10_000


def bin_width(values: Floats, factor: float = 0.5) -> float:
    """The width of bins that eq. 6 gives to a sample: factor x standard deviation x n^(-1/5).

    Parameters
    ----------
    values : (n,) finite numbers
    factor : c of eq. 6

    Raises
    ------
    InputError
        No values, or all are equal: they have no width.
    """
    spread = float(np.std(values)) if len(values) else 0.0
    if not spread > 0.0 or not np.isfinite(spread):
        raise InputError("A width of bins needs values that differ", got=f"{len(values)} values of spread {spread:g}")
    return float(factor * spread * len(values) ** -0.2)


def edges_of_width(low: float, high: float, width: float) -> Floats:
    """(n_bins + 1,) edges from `low` in equal steps, the last at or above `high`.

    Raises
    ------
    InputError
        `high` is not above `low`, or there would be more than 10,000 bins.
    """
    if not high > low or not width > 0.0:
        raise InputError("Edges of bins", allowed="low < high and a width above 0", got=(low, high, width))
    # a remainder of rounding makes no bin of its own
    n_bins = int(np.ceil((high - low) / width - 1e-9))
    if n_bins > MOST_BINS:
        raise InputError("Too many bins", allowed=f"at most {MOST_BINS:,}", got=f"{n_bins:,} of width {width:g}")
    return np.asarray(low + width * np.arange(max(n_bins, 1) + 1))


def bins_of(values: Floats, edges: Sequence[float] | Floats) -> Ints:
    """(n,) the bin of each number, 0 to n_edges - 2; below the first and above the last edge: the first and last bin.

    A bin holds its lower edge; the last one both. NaN gives -1.
    """
    inner = np.asarray(edges, np.float64)[1:-1]
    place = np.searchsorted(inner, values, side="right")
    return np.where(np.isnan(values), -1, place)


def sub_volume_step(fine: Counts, normal: Bools, factor: float) -> Floats:
    """(n,) width of the second level's bins: eq. 6 of each normal collection's sub-volumes, averaged.

    It is learned once and kept: taken from each day anew, it would grow with the volume and hide a farm that repeats
    every record.

    Parameters
    ----------
    fine : (n, n_periods, n_spans)
    normal : (n, n_periods) which collections count; empty ones never do

    Returns
    -------
    (n,) records, above 0; NaN without a normal collection
    """
    normal = normal & fine.any(axis=2)
    # one period at a time, as the spread of all at once would take as much memory again
    spread = np.stack([fine[:, period].std(axis=1) for period in range(fine.shape[1])], axis=1)
    widths = factor * spread * fine.shape[2] ** -0.2
    n_normal = normal.sum(axis=1)
    mean = np.where(normal, widths, 0.0).sum(axis=1) / np.maximum(n_normal, 1)
    # equal sub-volumes have no spread: whole numbers are told apart by 1
    return np.where(n_normal == 0, np.nan, np.where(mean > 0.0, mean, 1.0))


def sub_volumes(fine: Counts, step: Floats) -> Counts:
    """(n, 64) how many spans hold [0, step), [step, 2 step) … records; the last bin is open.

    Parameters
    ----------
    fine : (n, n_spans)
    step : (n,) of `sub_volume_step`; NaN gives an empty histogram
    """
    known = np.isfinite(step)
    result: Counts = sub_volume_histogram(fine, np.where(known, step, 1.0), N_SUB_VOLUME_BINS)
    if not known.all():
        result[~known] = 0
    return result
