"""What an odd collection is like: where in the day its records moved, how many they are, how they clump, whose it is.

The shape weighs most: twelve of 31 features are the signed terms of its Jensen-Shannon divergence from the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from tocsin.model import Anomaly, Floats
from tocsin.relevancy.embeddings.quantities import (
    calendar,
    change,
    decades,
    hashed_sum,
    mapping,
    mappings,
    read_number,
    surprise,
    tail,
)

__all__ = ["N_TERMS", "VERSION", "collection_features"]

VERSION = "collections/1"
N_TERMS = 12
"""Stretches of the attribute: of a day, two hours each."""
N_ENTITY = 4
"""Features that tell whose collection it is."""
CLOCK = re.compile(r"\d\d:\d\d")


def collection_features(anomaly: Anomaly, details: Mapping[str, Any], timezone: str) -> dict[str, float]:
    """Features of one collection.

    terms_0 … terms_11 : signed shares of the divergence, by twelfths of the bins; a surplus is positive
    concentration : the sum of the bins' squared terms: 1 where one bin makes it all
    divergence    : log of it in units of the threshold (with none: of .01 nats)
    volume        : log(records / expected records), in [-5, 5]
    dispersion    : log(index of dispersion / usual index), in [-5, 5]
    volume_surprise, dispersion_surprise : log(1 - log10 p) of these parts
    surprise      : the same of the whole
    records       : their number in powers of ten
    by_peers      : 1 where it was judged by its peers
    of_day        : 1 where the bins are times of the day
    """
    evidence = anomaly.evidence or details
    histogram = mapping(evidence.get("histogram"))
    terms = _terms(histogram.get("terms"))
    parts = {str(part.get("name")): part for part in mappings(evidence.get("parts"))}
    volume, dispersion = parts.get("volume", {}), parts.get("dispersion", {})
    threshold = read_number(evidence.get("threshold"))
    p_value = read_number(anomaly.p_value)
    features = {f"terms_{place}": float(value) for place, value in enumerate(_stretches(terms))}
    features |= {
        "concentration": float((terms * terms).sum()),
        "divergence": change(read_number(evidence.get("divergence")), threshold if threshold > 0 else 0.01),
        "volume": change(read_number(anomaly.value), read_number(anomaly.expected)),
        "dispersion": change(read_number(dispersion.get("observed")), read_number(dispersion.get("expected"))),
        "volume_surprise": surprise(read_number(volume.get("p_value"))),
        "dispersion_surprise": surprise(read_number(dispersion.get("p_value"))),
        "surprise": surprise(p_value) if p_value >= 0 else tail(read_number(anomaly.score)),
        "records": decades(read_number(anomaly.value)),
        "by_peers": float(evidence.get("by_peers") is True),
        "of_day": float(_are_times(histogram.get("bins"))),
    }
    entity = hashed_sum({f"{name}={value}": 1.0 for name, value in anomaly.slice.items}, N_ENTITY)
    features |= {f"entity_{place}": value for place, value in enumerate(entity)}
    return features | calendar(anomaly.window, timezone)


def _are_times(bins: object) -> bool:
    """Whether bins are labelled by when they begin, "19:00"."""
    return (
        isinstance(bins, (list, tuple))
        and bool(bins)
        and all(isinstance(label, str) and CLOCK.fullmatch(label) is not None for label in bins)
    )


def _terms(stored: object) -> Floats:
    """(n_bins,) whose absolute values add up to at most 1; what is no number is 0."""
    found = stored if isinstance(stored, (list, tuple)) else []
    terms = np.array([min(max(read_number(term, 0.0), -1.0), 1.0) for term in found], dtype=np.float64)
    return terms / max(1.0, float(np.abs(terms).sum()))


def _stretches(terms: Floats) -> Floats:
    """(12,) the terms by equal stretches, those of a bin that lies in two by its parts."""
    if not len(terms):
        return np.zeros(N_TERMS)
    so_far = np.concatenate([[0.0], np.cumsum(terms)])
    edges = np.linspace(0.0, len(terms), N_TERMS + 1)
    stretches: Floats = np.diff(np.interp(edges, np.arange(len(so_far)), so_far))
    return stretches
