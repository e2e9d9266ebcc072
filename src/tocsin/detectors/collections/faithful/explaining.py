"""What the normal evidence foretells of a collection, bin by bin, and which bins make its divergence."""

from __future__ import annotations

import numpy as np

from tocsin.detectors.collections.engine import Counts, Explanation
from tocsin.detectors.collections.faithful.evidence import EMPTY, EvidenceSets
from tocsin.kernels.divergence import jensen_shannon
from tocsin.model import Floats, Ints

__all__ = ["explain", "signed_terms"]

WITHIN_95 = 1.959964
N_NEAREST = 3


def signed_terms(observed: Floats, mean: Floats) -> Floats:
    """(n, n_bins) each bin's part of the Jensen-Shannon divergence of two distributions, absolute parts sum to 1.

    Positive where `observed` has more than `mean`; all 0 where they are equal or one is empty.
    """
    both = observed + mean
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = np.where(both > 0, (observed - mean) / both, 0.0)
        parts = 0.25 * both * ((1 + gap) * _log(1 + gap) + (1 - gap) * _log(1 - gap))
    total = parts.sum(axis=1, keepdims=True)
    return np.asarray(np.sign(gap) * parts / np.where(total > 0, total, 1.0))


def _log(values: Floats) -> Floats:
    """Natural logarithm, 0 at 0: there it is multiplied by 0."""
    return np.log(np.where(values > 0, values, 1.0))


def explain(counts: Counts, first_level: Counts, evidence: EvidenceSets, entities: Ints, of_bins: bool) -> Explanation:
    """Expectations of the entities' collections.

    Parameters
    ----------
    counts : (n, n_bins) of the entities asked for
    first_level : (n, …) their histograms at the level that is judged first
    of_bins : whether that is the level of the bins; of the second level's evidence none are known
    """
    records = counts.sum(axis=1).astype(np.float64)
    filled = evidence.filled[entities]
    known = (filled[:, 0] > 0) & (records > 0)
    shares = evidence.shares[entities]
    mean = evidence.mean(entities) if of_bins else np.zeros(counts.shape)
    expected = records[:, None] * mean
    spread = np.zeros_like(mean)
    if of_bins:
        used = (np.arange(evidence.n_normal) < filled[:, :1])[:, None]
        gaps = np.where(used, shares[:, :, : evidence.n_normal] - mean[:, :, None], 0.0)
        spread = (gaps**2).sum(axis=2) / np.maximum(filled[:, :1] - 1, 1)
    # the spread of the shares in the evidence already holds some of the chance of drawing so many records
    deviation = WITHIN_95 * np.sqrt(np.maximum(records[:, None] ** 2 * spread, expected))
    judged = known & of_bins
    blank = np.where(judged[:, None], 0.0, np.nan)
    observed_share = counts / np.maximum(records, 1.0)[:, None]
    terms = np.where(judged[:, None], signed_terms(observed_share, mean), 0.0)
    return Explanation(
        observed=counts,
        expected=expected + blank,
        lower=np.maximum(expected - deviation, 0.0) + blank,
        upper=expected + deviation + blank,
        terms=terms,
        parts={"volume": _volume(records, evidence, entities)},
        nearest=_nearest(first_level, evidence, entities),
    )


def _volume(records: Floats, evidence: EvidenceSets, entities: Ints) -> Floats:
    """(n, 4) observed, expected, lower, upper number of records, by the log volumes of the normal evidence."""
    held = evidence.records[entities, : evidence.n_normal].astype(np.float64)
    used = held > 0
    n_used = used.sum(axis=1)
    logs = np.log(np.where(used, held, 1.0))
    mean = logs.sum(axis=1) / np.maximum(n_used, 1)
    spread = np.sqrt((np.where(used, logs - mean[:, None], 0.0) ** 2).sum(axis=1) / np.maximum(n_used - 1, 1))
    reach = WITHIN_95 * np.sqrt(spread**2 + np.exp(-mean))
    result = np.column_stack([records, np.exp(mean), np.exp(mean - reach), np.exp(mean + reach)])
    result[n_used < 2, 1:] = np.nan
    return np.asarray(result)


def _nearest(histogram: Counts, evidence: EvidenceSets, entities: Ints) -> Ints:
    """(n, 3) the periods of the most alike anomalous evidence, nearest first; -1 = none."""
    slots = range(evidence.n_normal, evidence.n_normal + evidence.n_anomalous)
    result = np.full((len(entities), N_NEAREST), EMPTY, np.int64)
    if not len(entities) or not slots:
        return result
    apart = [jensen_shannon(histogram, evidence.shares[entities, :, slot].astype(np.float64)) for slot in slots]
    periods = evidence.periods[entities, evidence.n_normal :]
    distance = np.where(periods == EMPTY, np.inf, np.nan_to_num(np.stack(apart, axis=1), nan=np.inf))
    order = np.argsort(distance, axis=1, kind="stable")[:, :N_NEAREST]
    found = np.take_along_axis(periods, order, axis=1)
    usable = np.isfinite(np.take_along_axis(distance, order, axis=1))
    result[:, : found.shape[1]] = np.where(usable, found, EMPTY)
    return result
