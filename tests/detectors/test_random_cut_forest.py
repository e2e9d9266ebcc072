"""Random cut forest: duplicates, memory, level shifts, what it forgets, and states that do not fit."""

import numpy as np
import pytest

from tocsin.detectors.series import RandomCutForest
from tocsin.errors import InputError


def forest(**settings):
    return RandomCutForest(**{"n_trees": 20, "sample_size": 64, "shingle": 4, "random_state": 0, **settings})


def test_a_series_that_is_mostly_zero():
    """Equal shingles are one leaf: the trees stay small, and the rare sales are seen."""
    random = np.random.default_rng(0)
    values = np.where(random.random((1, 3_000)) < 0.02, random.integers(1, 4, (1, 3_000)), 0).astype(float)
    values[0, 2_900] = 40
    detector = forest().fit(values[:, :2_800])
    scores = detector.update(values[:, 2_800:])
    assert scores.surprise[0].argmax() in range(100, 104)
    assert np.median(scores.surprise) < 0.5
    assert np.isfinite(scores.surprise).all()
    detector.update(np.zeros((1, 30 * 64 * 40)))  # long enough for all to be forgotten
    root = detector.forest_.heads[0, :, 0]
    assert (detector.forest_.links[0, np.arange(20), root, 3] == 64).all()
    assert (root >= 63).all()  # a single leaf


def test_memory_does_not_grow():
    detector = forest().fit(np.random.default_rng(0).standard_normal((2, 1_000)))
    sizes = [array.nbytes for array in detector.forest_]
    detector.update(np.random.default_rng(1).standard_normal((2, 5_000)))
    assert [array.nbytes for array in detector.forest_] == sizes
    assert sum(sizes) / 2 < 20 * 64 * (12 * 4 + 26) * 1.1


@pytest.mark.parametrize("change", ["level", "noise"])
def test_a_new_normal_is_loud_and_then_learned(change):
    values = np.random.default_rng(0).standard_normal((1, 8_000))
    values[0, 3_000:] = values[0, 3_000:] + 12 if change == "level" else 5 * values[0, 3_000:]
    surprise = forest().fit(values[:, :3_000]).update(values[:, 3_000:]).surprise[0]
    assert surprise[:20].max() > 2
    assert np.mean(surprise[-500:] > 2) < 0.04


def test_the_band_holds_what_its_level_says():
    values = np.random.default_rng(0).gamma(2.0, size=(1, 5_000))
    for level in (0.5, 0.9, 0.99):
        scores = forest(level=level).fit(values[:, :2_000]).update(values[:, 2_000:])
        inside = (scores.lower <= values[:, 2_000:]) & (values[:, 2_000:] <= scores.upper)
        assert abs(inside.mean() - level) < 0.04


def test_a_pattern_is_expected():
    values = np.sin(np.arange(2_000) * 2 * np.pi / 24)[None]
    scores = forest().fit(values[:, :1_500]).update(values[:, 1_500:])
    assert np.abs(scores.expected - values[:, 1_500:]).mean() < 0.2


def test_another_seed_is_another_forest_and_none_is_chance():
    values = np.random.default_rng(0).standard_normal((1, 400))
    runs = [forest(random_state=seed).fit(values[:, :300]).update(values[:, 300:]).surprise for seed in (0, 0, 1, None)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])
    assert not np.array_equal(runs[0], runs[3])


@pytest.mark.parametrize("shingle", [1, 2, 9])
def test_small_forests(shingle):
    values = np.random.default_rng(0).standard_normal((1, 300))
    values[0, 250] = 30
    detector = RandomCutForest(shingle=shingle, n_trees=1, sample_size=2, random_state=0)
    assert np.isfinite(detector.fit(values[:, :200]).update(values[:, 200:]).surprise).all()
    larger = forest(shingle=shingle).fit(values[:, :200]).update(values[:, 200:]).surprise[0]
    assert larger.argmax() in range(50, 50 + shingle)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("shingle", 0), ("shingle", 2.5), ("n_trees", 0), ("sample_size", 1), ("sample_size", 20_000), ("level", 0.0)],
)
def test_bad_settings_are_named(setting, value):
    with pytest.raises(InputError, match=setting):
        forest(**{setting: value}).fit(np.zeros((1, 10)))


def test_a_state_of_other_settings_is_refused():
    state = forest().fit(np.zeros((1, 10))).get_state()
    with pytest.raises(InputError, match="other settings"):
        forest(shingle=5).set_state(state)
