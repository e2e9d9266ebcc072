"""Black boxes over windows: which way scores point, one model or many, gaps, state."""

import numpy as np
import pytest
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

from tocsin.detectors import wrap
from tocsin.errors import InputError

SPIKE = 60


def distance(rows):
    return np.abs(rows - np.median(rows, axis=1, keepdims=True)).max(axis=1)


class Pyod:
    """PyOD's manner: high is odd, `decision_scores_` after the fit."""

    def fit(self, X, y=None):
        self.centre_ = X.mean(axis=0)
        self.decision_scores_ = self.decision_function(X)
        return self

    def decision_function(self, X):
        return np.linalg.norm(X - self.centre_, axis=1)


class Own:
    """A user's object in scikit-learn's manner: low is odd."""

    def fit(self, X):
        self.centre_ = X.mean(axis=0)
        return self

    def score_samples(self, X):
        return -np.linalg.norm(X - self.centre_, axis=1)


class OwnHigh(Own):
    def score_samples(self, X):
        return -super().score_samples(X)


MODELS = {
    "forest": lambda: wrap(IsolationForest(n_estimators=50, random_state=0), window=2),
    "neighbours": lambda: wrap(LocalOutlierFactor(novelty=True)),
    "pyod": lambda: wrap(Pyod()),
    "own": lambda: wrap(Own()),
    "own_high": lambda: wrap(OwnHigh(), odd="high"),
    "function": lambda: wrap(distance),
    "together": lambda: wrap(Own(), together=True),
}


def is_near_the_top(surprise):
    """A window with the spike is among the five oddest of 100; isolation forests know nothing beyond their extremes."""
    return np.sum(surprise > np.nanmax(surprise[SPIKE : SPIKE + 8])) < 5


def noise(n_series=2):
    values = np.random.default_rng(0).standard_normal((n_series, 500))
    values[:, 400 + SPIKE] = 12.0
    return values[:, :400].copy(), values[:, 400:].copy()


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS.keys())
class TestEveryModel:
    def test_a_spike_is_odd_and_outside_the_band(self, make):
        history, new = noise()
        scores = make().fit(history).update(new)
        assert all(is_near_the_top(row) for row in scores.surprise)
        assert (scores.surprise >= 0).all()
        assert ((scores.score >= 0) & (scores.score < 1)).all()
        assert (new[:, SPIKE] > scores.upper[:, SPIKE]).all()
        assert (scores.lower <= scores.expected).all()
        assert (scores.expected <= scores.upper).all()
        assert (scores.direction[:, SPIKE] == 1).all()

    def test_pieces_and_units(self, make):
        history, new = noise()
        whole = make().fit(history).update(new)
        detector = make().fit(1024 * history)
        pieces = [detector.update(1024 * new[:, a:b]) for a, b in ((0, 1), (1, 1), (1, 70), (70, 100))]
        np.testing.assert_allclose(np.hstack([piece.surprise for piece in pieces]), whole.surprise, rtol=1e-6)
        np.testing.assert_allclose(np.hstack([piece.upper for piece in pieces]), 1024 * whole.upper)

    def test_gaps(self, make):
        history, new = noise()
        history[0, 50:80] = new[:, :3] = new[1, 20:50] = np.nan
        scores = make().fit(history).update(new)
        np.testing.assert_array_equal(np.isnan(scores.surprise), np.isnan(new))
        assert is_near_the_top(scores.surprise[1])
        assert np.isfinite(scores.upper).all()

    def test_the_given_model_is_left_alone(self, make):
        history, _ = noise()
        detector = make()
        before = dict(vars(detector.model)) if hasattr(detector.model, "fit") else {}
        detector.fit(history)
        assert (dict(vars(detector.model)) if hasattr(detector.model, "fit") else {}) == before


def test_a_series_of_which_nothing_is_known_says_nothing():
    history, new = noise()
    history[1] = np.nan
    scores = wrap(Own()).fit(history).update(new)
    assert (scores.surprise[1] == 0).all()
    assert scores.surprise[0, SPIKE] > 2


def test_models_of_their_own_do_not_see_other_series_and_one_together_does():
    history, new = noise()
    history[1], new[1] = history[1] ** 3, new[1] ** 3
    alone = wrap(Own()).fit(history[:1]).update(new[:1]).surprise[0]
    np.testing.assert_array_equal(wrap(Own()).fit(history).update(new).surprise[0], alone)
    assert (wrap(Own(), together=True).fit(history).update(new).surprise[0] != alone).any()


def test_a_function_is_restored_exactly_and_a_model_refuses():
    history, new = noise()
    detector = wrap(distance).fit(history)
    detector.update(new[:, :30])
    restored = wrap(distance).set_state(detector.get_state())
    np.testing.assert_array_equal(restored.update(new[:, 30:]).surprise, detector.update(new[:, 30:]).surprise)
    with pytest.raises(InputError, match="pickle"):
        wrap(Own()).fit(history).get_state()


@pytest.mark.parametrize(
    ("settings", "said"),
    [({"window": 0}, "window"), ({"odd": "both"}, "odd"), ({"level": 1.0}, "level"), ({"model": 3}, "wrap")],
)
def test_bad_settings_are_named(settings, said):
    with pytest.raises(InputError, match=said):
        wrap(**{"model": distance, **settings}).fit(noise()[0])


def test_scores_that_are_none_are_named():
    with pytest.raises(InputError, match="finite"):
        wrap(lambda rows: rows[:, 0] * np.nan).fit(noise()[0])
