"""Why collections are odd: the bins that moved, the volume, the clumps, and past collections like them."""

from __future__ import annotations

import numpy as np
from scipy import special

from tocsin.detectors.collections.calibrated.evidence import EMPTY, Evidence
from tocsin.detectors.collections.calibrated.judging import Judgement
from tocsin.detectors.collections.engine import Counts, Explanation
from tocsin.kernels.collection_shapes import WHOLE
from tocsin.kernels.divergence import jsd_from_mean
from tocsin.model import Floats, Ints

__all__ = ["explained"]

TWO_SIDED = 1.96
"""Normal deviations of a 95 % interval."""
N_NEAREST = 3


def explained(evidence: Evidence, judged: Judgement, counts: Counts, entities: Ints) -> Explanation:
    """Of a judged period, for some entities."""
    chosen = counts[entities]
    shares = judged.shapes.shares[entities]
    records = judged.seen.records[entities]
    expected = records[:, None] * shares
    effective = 1.0 / np.maximum((shares * shares).sum(axis=1), 1e-12)
    # the bias is what a Dirichlet of this concentration adds to chance, (B - 1) / (8 concentration)
    per_concentration = 8.0 * judged.shapes.bias[entities] / np.maximum(effective - 1.0, 1e-9)
    variance = expected * (1.0 - shares) * (1.0 + np.maximum(records - 1.0, 0.0) * per_concentration)[:, None]
    reach = TWO_SIDED * np.sqrt(variance)
    return Explanation(
        observed=chosen,
        expected=expected,
        lower=np.maximum(expected - reach, 0.0),
        upper=np.minimum(expected + reach, records[:, None]),
        terms=_signed_terms(chosen / np.maximum(records, 1.0)[:, None], shares),
        parts={"volume": _volume(judged, entities), "dispersion": _dispersion(judged, entities)},
        nearest=_nearest(evidence, judged, entities),
    )


def _signed_terms(p: Floats, q: Floats) -> Floats:
    """Each bin's share of the divergence, negative where there are fewer records than expected."""
    middle = 0.5 * (p + q)
    terms = np.maximum(0.5 * (special.rel_entr(p, middle) + special.rel_entr(q, middle)), 0.0)
    whole = terms.sum(axis=1, keepdims=True)
    has_terms = (whole > 1e-300) & p.any(axis=1, keepdims=True)  # a closed period has no divergence
    signed: Floats = np.sign(p - q) * np.divide(terms, whole, out=np.zeros_like(terms), where=has_terms)
    return signed


def _volume(judged: Judgement, entities: Ints) -> Floats:
    middle = judged.volumes.expected[entities]
    spread = np.sqrt(judged.volumes.spread[entities] ** 2 + np.exp(-middle))
    low, high = np.exp(middle - TWO_SIDED * spread), np.exp(middle + TWO_SIDED * spread)
    part: Floats = np.column_stack([judged.seen.records[entities], np.exp(middle), low, high])
    part[~np.isfinite(middle)] = np.nan
    return part


def _dispersion(judged: Judgement, entities: Ints) -> Floats:
    index, usual = judged.seen.index[entities], judged.clumps.usual[entities]
    reach = TWO_SIDED * judged.clumps.sd[entities]
    part: Floats = np.column_stack([index, usual, np.maximum(usual - reach, 0.0), usual + reach])
    part[~np.isfinite(index)] = np.nan
    return part


def _nearest(evidence: Evidence, judged: Judgement, entities: Ints) -> Ints:
    """When the most alike collections that are held were, epoch seconds; -1 = none."""
    past = evidence.held_shares[entities].astype(np.float64) / WHOLE
    now = judged.seen.shares[entities].astype(np.float64) / WHOLE
    distance = np.column_stack(
        [jsd_from_mean(np.ascontiguousarray(past[:, slot]), now) for slot in range(past.shape[1])]
    )
    is_other = (evidence.held_verdict[entities] != EMPTY) & (evidence.held_when[entities] != judged.seen.when)
    distance = np.where(is_other & np.isfinite(distance), distance, np.inf)
    order = np.argsort(distance, axis=1, kind="stable")[:, :N_NEAREST]
    seconds = np.take_along_axis(evidence.held_when[entities].astype(np.int64) * 60, order, axis=1)
    nearest: Ints = np.where(np.isfinite(np.take_along_axis(distance, order, axis=1)), seconds, -1)
    return nearest
