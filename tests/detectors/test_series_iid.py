"""Independent points: the distribution of what was seen is what is told."""

import numpy as np
import pytest

from tocsin.detectors import detector_class
from tocsin.detectors.series import IID, HoltWinters
from tocsin.errors import InputError


def test_probabilities_are_those_of_the_distribution():
    random = np.random.default_rng(0)
    for draws in (
        random.standard_normal((6, 12_000)),
        random.standard_t(3, (6, 12_000)),
        random.laplace(size=(6, 12_000)),
    ):
        values = 50 - 7 * draws
        scores = IID().fit(values[:, :4_000]).update(values[:, 4_000:])
        for rate in (0.3, 0.1, 0.01):
            assert (scores.surprise > -np.log10(rate)).mean() == pytest.approx(rate, rel=0.25)
        assert 0.0007 < (scores.surprise > 3).mean() < 0.002, "what is rarer still counts for a tenth"
        outside = (values[:, 4_000:] < scores.lower) | (values[:, 4_000:] > scores.upper)
        assert ((scores.surprise > 2.0) == outside).mean() > 0.9999


def test_the_farther_out_the_more_surprising_without_end():
    values = np.random.default_rng(0).standard_normal((1, 2_000))
    far = np.geomspace(4, 1e100, 60)
    surprise = [IID().fit(values).update([[x]]).surprise[0, 0] for x in far]
    assert (np.diff(surprise) > 0).all()


def test_what_stands_out_in_the_history_does_not_become_usual():
    random = np.random.default_rng(0)
    values = random.standard_normal((1, 2_000))
    spoilt = values.copy()
    spoilt[0, random.choice(2_000, 20, replace=False)] = 1e4
    clean, other = (IID().fit(each).update([[0.0, 8.0]]) for each in (values, spoilt))
    assert other.expected[0, 0] == pytest.approx(clean.expected[0, 0], abs=0.2)
    assert other.score[0, 1] > 0.98


def test_a_new_distribution_is_learned_in_time():
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(0, 1, 500), random.normal(30, 1, 8_000)])[None]
    scores = IID(memory=1_000).fit(values[:, :500]).update(values[:, 500:])
    assert scores.score[0, 0] > 0.999
    assert scores.expected[0, -1] == pytest.approx(30, abs=0.5)
    assert (scores.score[0, -2_000:] > 0.99).mean() < 0.02


def test_a_few_points_say_nothing():
    scores = IID().fit([[1.0, 2.0, 3.0]]).update([[1e6, 2.0]])
    assert scores.surprise.tolist() == [[0.0, 0.0]]
    assert scores.lower.tolist() == [[-np.inf, -np.inf]]
    assert scores.direction.tolist() == [[1, -1]]


def test_settings_are_checked():
    with pytest.raises(InputError, match="level"):
        IID(level=0.0).fit([[1.0]])
    with pytest.raises(InputError, match="memory"):
        IID(memory=1).fit([[1.0]])


def test_the_default_of_the_lens_is_holt_winters():
    assert detector_class("series") is HoltWinters


@pytest.mark.parametrize("detector", [IID(), HoltWinters(season=24)], ids=["IID", "HoltWinters"])
def test_a_series_of_two_values_is_not_all_surprises(detector):
    """1 comes one time in ten: a surprise of 1.0. A drifting scale moves it into bins that have seen none."""
    values = np.random.default_rng(0).binomial(1, 0.1, (20, 3_500)).astype(float)
    scores = detector.fit(values[:, :1_500]).update(values[:, 1_500:])
    ones = scores.surprise[values[:, 1_500:] == 1]
    assert 0.8 < np.median(ones) < 2.1
    assert (ones > 2.6).mean() < 0.05
    assert (scores.surprise > 3).mean() < 0.001
