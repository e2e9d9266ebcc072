"""Holt-Winters on series whose truth is known: outliers, new levels, gaps, clocks that change, two seasons, trends."""

import numpy as np
import pytest

from tocsin.detectors.series import HoltWinters
from tocsin.errors import InputError

DAY = 24


def day_shape(points, amplitude=10.0, shift=0):
    times = np.arange(points) + shift
    return amplitude * (np.sin(times * 2 * np.pi / DAY) + 0.5 * np.sin(times * 4 * np.pi / DAY))


def noise(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def mean_error(scores, truth):
    return np.abs(scores.expected - truth).mean(axis=0)


def test_the_band_holds_what_it_says_and_tails_of_any_weight():
    random = np.random.default_rng(0)
    for draws in (
        random.standard_normal((8, 6_000)),
        random.standard_t(3, (8, 6_000)),
        random.laplace(size=(8, 6_000)),
    ):
        values = 100 + day_shape(6_000) + draws
        scores = HoltWinters(season=DAY).fit(values[:, :3_000]).update(values[:, 3_000:])
        outside = (values[:, 3_000:] < scores.lower) | (values[:, 3_000:] > scores.upper)
        assert outside.mean() == pytest.approx(0.01, abs=0.004)
        assert 0.0003 < (scores.surprise > 3).mean() < 0.003, "what is rarer still counts for a tenth"
        beyond = scores.surprise > 2.0
        assert (beyond == outside).mean() > 0.9999


def test_an_outlier_hardly_moves_the_forecast():
    values = 100 + day_shape(1_200) + noise((1, 1_200))
    spiked = values.copy()
    spiked[0, 1_000] += 500
    plain, found = (HoltWinters(season=DAY).fit(each[:, :960]).update(each[:, 960:]) for each in (values, spiked))
    assert found.surprise[0, 40] == found.surprise.max()
    after = np.abs(found.expected - plain.expected)[0, 41:]
    assert after.max() < 2.5
    assert found.score[0, 41:].max() < 0.9999


def test_outliers_in_the_history_do_not_spoil_it():
    values = 100 + day_shape(1_200) + noise((1, 1_200))
    spoilt = values.copy()
    spoilt[0, np.random.default_rng(1).choice(960, 25, replace=False)] *= 20
    truth = 100 + day_shape(1_200)[960:]
    error = mean_error(HoltWinters(season=DAY).fit(spoilt[:, :960]).update(values[:, 960:]), truth)
    assert error.mean() < 1.0


@pytest.mark.parametrize("change", [8.0, 60.0, -500.0])
def test_a_new_level_is_followed_within_two_days(change):
    values = 100 + day_shape(1_200) + noise((4, 1_200))
    values[:, 1_000:] += change
    scores = HoltWinters(season=DAY).fit(values[:, :960]).update(values[:, 960:])
    assert (scores.score[:, 40] > 0.99).all()
    assert (scores.direction[:, 40] == np.sign(change)).all()
    truth = 100 + day_shape(1_200)[960:] + change
    assert mean_error(scores, truth)[40 + 2 * DAY :].mean() < 3.0
    assert (scores.score[:, 40 + 2 * DAY :] > 0.999).mean() < 0.01


@pytest.mark.parametrize("hour", [-1, 1])
@pytest.mark.parametrize("per_hour", [1, 4])
def test_a_clock_that_changes_is_recovered_within_a_day(hour, per_hour):
    """Local time moves against the season's steps of UTC."""
    day, change = 24 * per_hour, 30 * 24 * per_hour
    times = np.arange(40 * day)
    local = times + np.where(times >= change, hour * per_hour, 0)
    shape = 20 * np.sin(local * 2 * np.pi / day) + 15 * np.sin(local * 6 * np.pi / day)
    values = 100 + shape + noise((4, 40 * day))
    history, new = values[:, : change - day], values[:, change - day :]
    plain = mean_error(HoltWinters(season=day).fit(history).update(new), 100 + shape[change - day :])
    moved = mean_error(HoltWinters(season=day, shift=per_hour).fit(history).update(new), 100 + shape[change - day :])
    assert moved[: day - 1].mean() == pytest.approx(plain[: day - 1].mean(), abs=0.05)  # nothing moves before
    assert moved[2 * day :].mean() < 1.0
    assert plain[2 * day : 4 * day].mean() > 1.5


def test_a_season_does_not_move_without_cause():
    values = 100 + day_shape(4_000) + 3 * noise((50, 4_000))
    detector = HoltWinters(season=DAY, smoothing=(0.1, 0.0, 0.1), shift=1).fit(values[:, :1_000])
    detector.update(values[:, 1_000:])
    plain = HoltWinters(season=DAY, smoothing=(0.1, 0.0, 0.1)).fit(values[:, :1_000])
    plain.update(values[:, 1_000:])
    np.testing.assert_array_equal(detector.season_, plain.season_)


def test_a_week_on_a_day():
    times = np.arange(24 * 7 * 8)
    weekend = (times // 24) % 7 >= 5
    shape = 100 + day_shape(len(times)) * np.where(weekend, 0.2, 1.0) - 15 * weekend
    values = shape + noise((2, len(times)))
    cut = 24 * 7 * 6
    both = HoltWinters(season=DAY, second_season=7 * DAY).fit(values[:, :cut]).update(values[:, cut:])
    one = HoltWinters(season=DAY).fit(values[:, :cut]).update(values[:, cut:])
    assert mean_error(both, shape[cut:]).mean() < 1.2
    assert mean_error(one, shape[cut:]).mean() > 1.5 * mean_error(both, shape[cut:]).mean()


def test_a_season_that_grows_with_the_level():
    times = np.arange(24 * 60)
    level = 100 * np.exp(times / 700)
    shape = level * (1 + 0.5 * np.sin(times * 2 * np.pi / DAY))
    values = shape * (1 + 0.02 * noise((2, len(times))))
    cut = 24 * 40
    errors = {}
    for seasonal in ("additive", "multiplicative"):
        detector = HoltWinters(season=DAY, seasonal=seasonal, damping=1.0).fit(values[:, :cut])
        errors[seasonal] = mean_error(detector.update(values[:, cut:]), shape[cut:]).mean()
    assert errors["multiplicative"] < 0.8 * errors["additive"]


def test_a_trend_is_followed_and_ends():
    times = np.arange(600)
    values = 5 * times + 3 * noise((1, 600))
    detector = HoltWinters().fit(values[:, :400])
    assert mean_error(detector.update(values[:, 400:]), 5 * times[400:]).mean() < 6
    far = detector.update(np.full((1, 2_000), np.nan)).expected[0]
    assert np.abs(far).max() < 4_000  # a damped trend does not run away


def test_a_season_with_phases_that_were_never_seen_is_filled_and_learned():
    values = 100 + day_shape(1_200) + 0.3 * noise((1, 1_200))
    holes = values.copy()
    hours = np.arange(1_200) % DAY
    holes[:, np.isin(hours, (3, 4, 5))] = np.nan
    detector = HoltWinters(season=DAY).fit(holes[:, :480])
    scores = detector.update(values[:, 480:])
    error = np.abs(scores.expected[0] - (100 + day_shape(1_200)[480:]))
    assert error[:DAY].max() < 4
    assert error[10 * DAY :].max() < 1.5


def test_a_season_longer_than_the_history_is_learned_as_it_comes():
    values = 100 + day_shape(600) + 0.3 * noise((1, 600))
    scores = HoltWinters(season=DAY).fit(values[:, :10]).update(values[:, 10:])
    error = mean_error(scores, 100 + day_shape(600)[10:])
    assert error[-10 * DAY :].mean() < 0.5 * error[: 2 * DAY].mean()


def test_after_a_gap_the_band_is_wider():
    values = np.cumsum(noise((1, 900)), axis=1)
    detector = HoltWinters().fit(values[:, :800])
    gap = detector.update(np.full((1, 30), np.nan))
    width = (gap.upper - gap.lower)[0]
    assert (np.diff(width) > 0).all()
    assert width[-1] > 3 * width[0]


def test_smoothing_is_found():
    """Of data made with known smoothing, the search comes near the best that a fine grid finds."""
    random = np.random.default_rng(0)
    for alpha in (0.06, 0.7):
        level, values = 0.0, []
        for shock in random.standard_normal(3_000):
            values.append(level + shock)
            level += alpha * shock
        series = np.array([values])
        found = HoltWinters().fit(series)
        assert found.smoothing_[0, 0] == pytest.approx(alpha, rel=0.7)
        errors = {}
        for tried in (*np.linspace(0.02, 0.95, 30), found.smoothing_[0, 0]):
            scores = HoltWinters(smoothing=(tried, 0.0, 0.1)).fit(series[:, :50]).update(series[:, 50:])
            errors[tried] = np.abs(series[:, 50:] - scores.expected).mean()
        assert errors[found.smoothing_[0, 0]] < 1.06 * min(errors.values())


def test_given_smoothing_is_not_searched():
    values = 100 + day_shape(480) + noise((2, 480))
    assert (
        HoltWinters(season=DAY, smoothing=(0.3, 0.1, 0.2)).fit(values).smoothing_.tolist() == [[0.3, 0.1, 0.2, 0.2]] * 2
    )
    given = HoltWinters(season=DAY, second_season=48, smoothing=(0.3, 0.1, 0.2, 0.4)).fit(values)
    assert given.smoothing_.tolist() == [[0.3, 0.1, 0.2, 0.4]] * 2


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"season": 1}, "season"),
        ({"second_season": 0}, "second season"),
        ({"level": 1.0}, "level"),
        ({"smoothing": (0.1, 0.2)}, "Smoothing"),
        ({"smoothing": (0.1, 0.2, 1.3)}, "Smoothing"),
        ({"seasonal": "sometimes"}, "additive"),
        ({"damping": 0.0}, "damping"),
        ({"shift": -1}, "shift"),
        ({"memory": 3}, "memory"),
    ],
)
def test_wrong_settings_are_named(wrong, said):
    with pytest.raises(InputError, match=said):
        HoltWinters(**wrong).fit([[1.0, 2.0]])


def test_an_anomaly_does_not_make_the_next_one_usual():
    """The same jump once a week, for a month of hours."""
    values = 100 + day_shape(24 * 56) + noise((6, 24 * 56))
    jumps = np.arange(24 * 28 + 10, 24 * 56, 24 * 7)
    values[:, jumps] += 15
    scores = HoltWinters(season=DAY).fit(values[:, : 24 * 28]).update(values[:, 24 * 28 :])
    assert (scores.surprise[:, jumps - 24 * 28] > 3).all()
