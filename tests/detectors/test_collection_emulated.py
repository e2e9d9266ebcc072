"""Anomalous evidence where none is known: the last collections, farmed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tocsin import CollectionDetector
from tocsin.detectors.collections.farm import Farm, farm_counts, with_emulated_evidence
from tocsin.errors import InputError

SHAPE = np.array([0, 0, 0, 0, 0, 0, 1, 2, 4, 6, 8, 9, 9, 8, 8, 9, 9, 10, 11, 12, 10, 6, 2, 1], float)


@pytest.fixture(scope="module")
def days():
    chance = np.random.default_rng(0)
    fine = chance.poisson(np.repeat(SHAPE, 12) / SHAPE.sum() / 12 * 1_500, (8, 31, 288))
    return fine.reshape(8, 31, 24, 12).sum(axis=3), fine, pd.date_range("2026-01-01", periods=31, tz="UTC")


def test_honest_collections_stay_and_farmed_ones_follow(days):
    counts, fine, when = days
    together, periods, spans, anomalous = with_emulated_evidence(counts, list(when), fine, n_anomalous=6)
    assert np.array_equal(together[:, :31], counts)
    assert np.array_equal(spans[:, :31], fine)
    assert list(periods[31:]) == list(when[25:])
    assert anomalous.tolist() == [False] * 31 + [True] * 6
    assert np.array_equal(together[:, 31:].sum(axis=2), 2 * counts[:, 25:].sum(axis=2))
    assert np.array_equal(spans.reshape(8, 37, 24, 12).sum(axis=3), together)
    assert np.array_equal(spans[:, 32], 2 * fine[:, 26])  # every other one is equalised
    assert not np.array_equal(spans[:, 31], 2 * fine[:, 25])


def test_the_papers_threshold_works_from_the_first_day_on(days):
    counts, fine, when = days
    together, periods, spans, anomalous = with_emulated_evidence(counts[:, :30], list(when[:30]), fine[:, :30])
    detector = CollectionDetector(mode="faithful", level=1, threshold=5)
    detector.fit(together, periods, fine=spans, anomalous=anomalous)
    farmed = farm_counts(np.random.default_rng(1), fine[:, 30], np.ones(8, bool), Farm("centralised", 1.0))
    assert detector.judge(counts[:, 30], when[30], fine[:, 30]).flagged.mean() <= 0.25
    assert detector.judge(farmed.reshape(8, 24, 12).sum(axis=2), when[30], farmed).flagged.all()


def test_what_cannot_be_emulated_is_said(days):
    counts, fine, when = days
    with pytest.raises(InputError, match="Emulated collections"):
        with_emulated_evidence(counts, list(when), n_anomalous=32)
    with pytest.raises(InputError, match="finer spans"):
        with_emulated_evidence(counts, list(when), fine[:, :, :100])
