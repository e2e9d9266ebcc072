"""Honest sellers with known truth, and what is done to their days: for the tests of the calibrated mode."""

import numpy as np
import pandas as pd

N_SPANS = 288


def days(n, start="2026-01-05"):
    """Days from a Monday on."""
    return pd.date_range(start, periods=n, freq="D", tz="UTC")


def honest(seed, n=100, n_days=60, volume=300, sd=0.12, concentration=1_000, n_bins=24, weekend=0.3, trend=0.0):
    """(n, n_days, 288) counts: log-normal volumes with a weekend, Dirichlet shapes about a seller's own, Poisson."""
    random = np.random.default_rng(seed)
    mean = random.dirichlet(np.full(n_bins, 4.0), (n, 1))
    shape = random.standard_gamma(np.maximum(concentration * mean, 1e-3) * np.ones((1, n_days, 1)))
    shape /= shape.sum(axis=2, keepdims=True)
    off = weekend * (np.arange(n_days) % 7 >= 5) + trend * np.arange(n_days)
    expected = volume * np.exp(off + random.normal(0, sd, (n, n_days)))
    per_bin = N_SPANS // n_bins
    return random.poisson(np.repeat(shape * expected[:, :, None] / per_bin, per_bin, axis=2))


def hours(fine, n_bins=24):
    """(..., n_bins) of (..., n_spans)."""
    return fine.reshape(*fine.shape[:-1], n_bins, -1).sum(axis=-1)


def watched(detector, fine, periods, first, n_bins=24, with_fine=True):
    """Fit on the days before `first`, then day by day: a data frame of all, with entity and day."""
    counts, spans = hours(fine, n_bins), (lambda part: part if with_fine else None)
    detector.fit(counts[:, :first], periods[:first], fine=spans(fine[:, :first]))
    tables = []
    for day in range(first, fine.shape[1]):
        table = detector.update(counts[:, day], periods[day], fine=spans(fine[:, day]))
        tables.append(table.assign(entity=np.arange(len(table)), day=day))
    return pd.concat(tables, ignore_index=True)
