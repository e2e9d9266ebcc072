"""Measures of scored series: their definitions, and what they say of perfect, constant and unlucky scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from tests.reference import series_measures_reference as reference
from tocsin.errors import InputError
from tocsin.evaluate.series_measures import (
    adjusted_scores,
    auroc,
    best_event_f1,
    best_f1,
    event_rates,
    measures_of,
    vus_pr,
)

POINTS = st.lists(st.tuples(st.booleans(), st.integers(-4, 12)), min_size=2, max_size=40).filter(
    lambda points: 0 < sum(label for label, _ in points) < len(points)
)


def arrays(points):
    return np.array([label for label, _ in points]), np.array([float(score) for _, score in points])


@given(POINTS)
def test_measures_are_as_defined(points):
    labels, scores = arrays(points)
    assert auroc(labels, scores) == pytest.approx(roc_auc_score(labels, scores))
    assert best_f1(labels, scores) == pytest.approx(reference.best_f1(labels, scores))
    adjusted = best_f1(labels, adjusted_scores(labels, scores))
    assert adjusted == pytest.approx(reference.adjusted_f1(list(labels), list(scores)))
    rates = event_rates(labels, scores > 3)
    assert (rates.precision, rates.recall) == pytest.approx(reference.event_rates(labels, list(scores > 3)))


@settings(max_examples=40)
@given(POINTS, st.integers(0, 12))
def test_vus_pr_is_as_defined(points, buffer):
    labels, scores = arrays(points)
    assert vus_pr(labels, scores, buffer) == pytest.approx(reference.vus_pr(list(labels), list(scores), buffer))


@settings(max_examples=20)
@given(POINTS)
def test_all_are_shares_and_only_the_order_of_scores_counts(points):
    labels, scores = arrays(points)
    found = measures_of(labels, scores)
    for name in found.__slots__:
        assert 0.0 <= getattr(found, name) <= 1.0 + 1e-12, name
    assert measures_of(labels, np.exp(scores) - 7) == found


def test_perfect_scores_are_perfect():
    labels = np.zeros(400, bool)
    labels[50:60] = labels[200:203] = True
    found = measures_of(labels, labels + 0.0)
    for name in found.__slots__:
        if name != "vus_pr":
            assert getattr(found, name) == 1.0, name
    assert vus_pr(labels, labels + 0.0, 0) == 1.0
    assert 0.5 < found.vus_pr < 1.0  # alarms are expected near events, too


def test_one_alarm_in_a_long_event():
    """What the point-adjusted protocol hides, and events show, are the missed points and the false alarm."""
    labels = np.zeros(100, bool)
    labels[20:60] = True
    scores = np.zeros(100)
    scores[[30, 90]] = 2.0, 1.0
    assert best_f1(labels, adjusted_scores(labels, scores)) == 1.0
    assert best_f1(labels, scores) == pytest.approx(2 * 40 / 140)
    assert best_event_f1(labels, scores).f1 == 1.0
    rates = event_rates(labels, scores > 0.5)
    assert (rates.precision, rates.recall) == (0.5, 1.0)


def test_a_near_miss_is_worth_more_than_a_far_one():
    labels = np.zeros(1_000, bool)
    labels[500:510] = True
    near, far = np.zeros(1_000), np.zeros(1_000)
    near[515:520] = far[800:805] = 1.0
    assert vus_pr(labels, near) > vus_pr(labels, far) + 0.05
    assert best_f1(labels, near) == best_f1(labels, far)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(InputError, match="all alike"):
        measures_of([False, False], [1.0, 2.0])
    with pytest.raises(InputError, match="finite"):
        measures_of([False, True], [1.0, np.nan])
    with pytest.raises(InputError, match="one finite number a point"):
        measures_of([False, True], [1.0])
