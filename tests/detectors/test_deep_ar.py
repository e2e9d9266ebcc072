"""DeepAR: the kernels against their literal forms and torch, what it learns, gaps, shifts, and what is refused."""

import builtins
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.base import clone

from tests.reference import deep_ar_reference
from tocsin.detectors.series import DeepAR
from tocsin.detectors.series.deep_ar_inputs import Inputs, calendar, make_inputs, n_inputs, scaled
from tocsin.detectors.series.deep_ar_tails import spread
from tocsin.errors import InputError
from tocsin.kernels import tail_counts
from tocsin.kernels.error_tails import judge_errors
from tocsin.kernels.running_scale import follow_scale
from tocsin.kernels.tail_counts import N_BINS

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'tocsin[deep]')")
pytestmark = pytest.mark.deep

SEASON = 24


def days(n_series=3, n_days=25, seed=0, noise=0.5):
    """Daily patterns, each series with its own level and amplitude and the same shape."""
    random = np.random.default_rng(seed)
    shape = np.sin(np.arange(n_days * SEASON) * 2 * np.pi / SEASON) + 0.5 * (np.arange(n_days * SEASON) % SEASON == 7)
    levels, sizes = random.uniform(-50, 200, (n_series, 1)), random.uniform(1, 30, (n_series, 1))
    return levels + sizes * (5 * shape + noise * random.standard_normal((n_series, n_days * SEASON)))


def small(**given):
    return DeepAR(**{"season": SEASON, "random_state": 0, "hidden": 8, "n_steps": 60, **given})


@pytest.fixture(scope="module")
def fitted():
    return small().fit(days())


@settings(max_examples=60)
@given(
    st.lists(st.none() | st.floats(-1e6, 1e6).map(lambda value: round(value, 3)), max_size=40),
    st.integers(0, 30),
    st.sampled_from([0.0, 1.0, 300.0]),
    st.sampled_from([12.0, 500.0]),
)
def test_centre_and_scale_are_followed_as_written(points, n, scale, memory):
    values = np.array([[np.nan if point is None else point for point in points]], dtype=np.float64).reshape(1, -1)
    wanted, state = deep_ar_reference.follow_scale(values[0], n, 3.0, scale, scale / 1000, memory)
    found = [np.array([float(part)]) for part in (n, 3.0, scale, scale / 1000)]
    centres, scales = np.empty_like(values), np.empty_like(values)
    follow_scale(values, *found, memory, centres, scales)
    np.testing.assert_allclose(centres[0], [np.nan if c is None else c for c, _ in wanted], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(scales[0], [np.nan if s is None else s for _, s in wanted], rtol=1e-9)
    np.testing.assert_allclose([part[0] for part in found], state, rtol=1e-9, atol=1e-9)


def test_the_kernel_computes_what_torch_does(fitted):
    from tocsin.detectors.series.deep_ar_network import Network
    from tocsin.kernels.networks import load_weights

    random = np.random.default_rng(0)
    inputs = Inputs(random.standard_normal((4, 30, 11)) * 3, random.standard_normal((4, 30, 2)) * 30)
    network = Network(11, 8).double()
    load_weights(network, fitted.weights_.arrays)
    with torch.no_grad():
        forecasts, (hidden, memory) = network(torch.from_numpy(inputs.features), torch.from_numpy(inputs.lags))
    state, found = np.zeros((2, 4, 8)), np.empty((3, 4, 30))
    fitted.weights_.forecast(inputs, *state, *found)
    np.testing.assert_allclose(found, [part.numpy() for part in forecasts], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(state, [hidden[0].numpy(), memory[0].numpy()], rtol=1e-11, atol=1e-12)


def test_likelihood_is_that_of_students_t(fitted):
    from tocsin.detectors.series.deep_ar_network import Network, _loss

    torch.manual_seed(0)
    network = Network(11, 8)
    random = np.random.default_rng(1)
    inputs = Inputs(random.standard_normal((2, 15, 11)), random.standard_normal((2, 15, 2)))
    targets = random.standard_normal((2, 15)) * 4
    targets[0, 3:6] = np.nan
    with torch.no_grad():
        features, lags = (torch.as_tensor(part, dtype=torch.float32) for part in (inputs.features, inputs.lags))
        (mu, sigma, nu), _ = network(features, lags)
        loss = float(_loss(network, (inputs, targets), "cpu"))
    known = ~np.isnan(targets)
    wanted = -stats.t.logpdf(targets[known], nu.numpy()[known], mu.numpy()[known], sigma.numpy()[known]).mean()
    assert loss == pytest.approx(wanted, rel=1e-5)


ERRORS = st.lists(
    st.tuples(
        st.none() | st.floats(0, 1e3).map(lambda size: round(size, 3)) | st.sampled_from([0.0, 1.0, 1e5]), st.booleans()
    ),
    max_size=40,
)


@given(
    ERRORS,
    ERRORS,
    st.sampled_from([20.0, 30.0]),
    st.sampled_from([0.5, 1.0, 3.0]),
    st.sampled_from([1.0, 40.0]),
    st.sampled_from([25.0, 1e4]),
)
def test_errors_are_judged_as_written(before, after, longest, mean, wide, memory):
    n, seen = 20.0, []
    state = np.array([[n], [mean], [wide]])
    counts, nothing = np.zeros((1, N_BINS)), np.empty((1, 0))
    for part in (before, after):
        sizes = np.array([[np.nan if size is None else size for size, _ in part]], dtype=np.float64).reshape(1, -1)
        learned = np.array([[is_learned for _, is_learned in part]], dtype=bool).reshape(1, -1)
        wanted, (n, mean, wide) = deep_ar_reference.judge_errors(
            sizes[0], learned[0], n, mean, wide, seen, longest, memory
        )
        surprise, edge = np.empty_like(sizes), np.empty_like(sizes)
        judge_errors(sizes, learned, *state, counts, longest, memory, 0.01, surprise, edge)
        np.testing.assert_allclose(surprise[0], [found for found, _ in wanted], rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(state[:, 0], [n, mean, wide], rtol=1e-9)
    if len(edge[0]):  # what is as far out as the edge of the band has the band's surprise
        unit = max(mean, 0.1 * wide, 1e-3)
        at_edge = np.array([[unit * tail_counts.band_edge(counts[0], 0.01)]])
        judge_errors(
            at_edge, np.zeros((1, 1), bool), *state, counts, longest, memory, 0.01, surprise[:, :1], edge[:, :1]
        )
        assert surprise[0, 0] == pytest.approx(2.0, rel=1e-7)
        assert edge[0, 0] == pytest.approx(at_edge[0, 0])
    before_them = [part.copy() for part in (state, counts)]
    judge_errors(np.array([[1.0]]), np.ones((1, 1), bool), *state, nothing, longest, memory, 0.5, nothing, nothing)
    assert not np.array_equal(state, before_them[0])
    np.testing.assert_array_equal(counts, before_them[1], err_msg="without counts only the means are learned")


def test_the_spread_is_that_of_students_t():
    sigma, nu = np.array([1.0, 2.0, 0.5]), np.array([2.1, 4.0, 80.0])
    wanted = [stats.t.expect(abs, (df,), scale=scale) for scale, df in zip(sigma, nu, strict=True)]
    np.testing.assert_allclose(spread(sigma, nu), np.sqrt(np.pi / 2) * np.array(wanted), rtol=1e-6)


def test_extremes_never_tie():
    sizes = np.geomspace(0.1, 1e200, 400)[None]
    surprise, edge = np.empty_like(sizes), np.empty_like(sizes)
    nothing_learned = np.zeros(sizes.shape, bool)
    judge_errors(sizes, nothing_learned, *np.ones((3, 1)), np.zeros((1, N_BINS)), 200.0, 1e4, 0.01, surprise, edge)
    assert np.isfinite(surprise).all()
    assert (np.diff(surprise[0]) > 0).all()


def test_inputs_know_only_what_was_before():
    last, ago = np.array([[np.nan, 2.0, -1.0]]), np.array([[3.0, np.nan, 0.0]])
    places = calendar(5, 3, 4, None)
    inputs = make_inputs(last, ago, places[None])
    assert inputs.features.shape == (1, 3, n_inputs(4, None))
    np.testing.assert_allclose(inputs.features[0, :, 0], np.arcsinh([0, 2, -1]))
    np.testing.assert_array_equal(inputs.features[0, :, 1], [0, 1, 1])
    np.testing.assert_allclose(inputs.features[0, :, 2], np.arcsinh([3, 0, 0]))
    np.testing.assert_allclose(inputs.features[0, 0, 3:5], [1.0, 0.0], atol=1e-12)  # point 5 of a cycle of 4: a quarter
    np.testing.assert_array_equal(inputs.lags[0], [[0, 3], [2, 0], [-1, 0]])


def test_scaled_of_unknown_and_constant_series():
    found = scaled(
        np.array([[5.0, 5.0, 7.0, 3.0, np.nan]]), np.full((1, 5), 5.0), np.array([[np.nan, 0, 0, 2, np.nan]])
    )
    np.testing.assert_array_equal(found, [[0, 0, 50, -1, np.nan]])


def test_learns_the_season_of_all_series():
    """Forecasts of a series with days to learn from come near the noise; a short one profits from the others."""
    values = days(6, 40, seed=1)
    values[5, : 34 * SEASON] = np.nan  # three days of history
    detector = small(hidden=16, n_steps=200).fit(values[:, : 37 * SEASON])
    new = values[:, 37 * SEASON :]
    scores = detector.update(new)
    error = np.sqrt(np.mean((new - scores.expected) ** 2, axis=1))
    repeated = np.sqrt(np.mean((new - values[:, 36 * SEASON : -SEASON]) ** 2, axis=1))
    assert (error < repeated).all()
    outside = np.mean((new < scores.lower) | (new > scores.upper))
    assert outside < 0.06
    assert detector.n_steps_ > 0


def test_each_series_is_judged_by_its_own_errors():
    """Whatever the network says of their spread; and what it could not know on the first day is no error to expect."""
    random = np.random.default_rng(0)
    noise = np.geomspace(0.02, 20, 8)[:, None] * random.standard_normal((8, 60 * SEASON))
    values = 100 + 20 * np.sin(np.arange(60 * SEASON) * 2 * np.pi / SEASON) + noise
    history, new = values[:, : 25 * SEASON], values[:, 25 * SEASON :]
    scores = small(hidden=16, n_steps=100).fit(history).update(new)
    outside = (new < scores.lower) | (new > scores.upper)
    np.testing.assert_array_equal(outside, scores.score > 0.99)
    assert outside.mean() == pytest.approx(0.01, abs=0.005)
    assert (outside.mean(axis=1) > 0.002).all()
    assert (outside.mean(axis=1) < 0.03).all()


def test_the_band_of_a_constant_series_holds_its_rounding():
    jitter = np.random.default_rng(0).integers(-3, 4, (1, 300)) * np.spacing(1e9)
    scores = small(n_steps=0).fit(1e9 + jitter[:, :200]).update(1e9 + jitter[:, 200:])
    assert scores.score.max() < 0.99
    assert (scores.lower <= 1e9 + jitter[:, 200:]).all()
    assert (scores.upper >= 1e9 + jitter[:, 200:]).all()


def test_finds_what_was_planted():
    values = days(2, 30, seed=2)
    history, new = values[:, : 25 * SEASON], values[:, 25 * SEASON :].copy()
    spread = history.std(axis=1)
    new[0, 50] += 3 * spread[0]
    new[1, 70] -= 3 * spread[1]
    scores = small(random_state=1).fit(history).update(new)
    assert scores.surprise[0].argmax() == 50
    assert scores.surprise[1].argmax() == 70
    assert (scores.direction[0, 50], scores.direction[1, 70]) == (1, -1)
    assert scores.score[0, 50] > 0.999


def test_a_gap_is_crossed_and_a_new_level_is_followed(fitted):
    new = days(3, 60, seed=0)[:, 25 * SEASON :]
    new[:, 30:60] = np.nan
    new[1, 100:] += 60 * np.nanmax(np.abs(new[1]))
    scores = clone(fitted).set_state(fitted.get_state()).update(new)
    missing = np.isnan(new)
    assert np.isnan(scores.surprise[missing]).all()
    assert np.isfinite(scores.expected).all()
    assert np.isfinite(scores.surprise[~missing]).all()
    assert scores.surprise[1, 100] > 4
    assert np.median(scores.surprise[1, -2 * SEASON :]) < 2  # a month later it is the level


def test_a_series_that_begins_later_is_taken_in():
    history = days(2)
    history[1] = np.nan
    new = days(2, 30, seed=4)
    scores = small(n_steps=20).fit(history).update(new)
    assert np.isinf(scores.upper[1, :9]).all()
    assert (scores.surprise[1, :9] == 0).all()
    assert np.isfinite(scores.upper[1, 10:]).all()


def test_a_second_season_is_an_input():
    detector = small(second_season=7 * SEASON, n_steps=20).fit(days())
    assert detector.weights_.n_inputs == 3 + 8 + 8
    assert np.isfinite(detector.update(days()[:, :5]).surprise).all()


def test_seeds_matter_and_repeat():
    values, new = days(), days(seed=9)[:, :30]
    first = small(n_steps=20).fit(values).update(new).surprise
    assert not np.array_equal(small(n_steps=20, random_state=1).fit(values).update(new).surprise, first)
    generator = small(n_steps=20, random_state=np.random.default_rng(3)).fit(values).update(new).surprise
    again = small(n_steps=20, random_state=np.random.default_rng(3)).fit(values).update(new).surprise
    np.testing.assert_array_equal(generator, again)


def test_scoring_a_restored_state_needs_no_torch(fitted, tmp_path):
    state = json.dumps(fitted.get_state(), default=np.ndarray.tolist)
    (tmp_path / "state.json").write_text(state)
    program = (
        "import json, sys; from pathlib import Path\n"
        "from tocsin.detectors.series import DeepAR\n"
        f"detector = DeepAR(season={SEASON}, hidden=8).set_state(json.loads(Path(sys.argv[1]).read_text()))\n"
        "print(json.dumps(detector.update([[1.0, 2.0]] * 3).surprise.tolist())); assert 'torch' not in sys.modules"
    )
    said = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "state.json")], capture_output=True, text=True, check=True
    )
    restored = clone(fitted).set_state(fitted.get_state())
    np.testing.assert_array_equal(json.loads(said.stdout), restored.update([[1.0, 2.0]] * 3).surprise)


def test_states_of_others_are_refused(fitted):
    with pytest.raises(InputError, match="another network"):
        DeepAR(season=SEASON, hidden=9).set_state(fitted.get_state())
    with pytest.raises(InputError, match="another network"):
        DeepAR(season=None, hidden=8).set_state(fitted.get_state())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"season": 1}, "season"),
        ({"second_season": 0}, "second season"),
        ({"level": 1.0}, "level"),
        ({"hidden": 0}, "hidden"),
        ({"n_steps": -1}, "n_steps"),
        ({"device": "abacus"}, "device"),
    ],
)
def test_settings_are_checked(setting, said):
    with pytest.raises(InputError, match=said):
        small(**setting).fit(days())


def test_without_torch_the_extra_is_named(monkeypatch):
    original = builtins.__import__

    def without(name, *rest):
        if name == "torch":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"tocsin\[deep\]"):
        small().fit(days())


@pytest.mark.parametrize("device", ["cpu:0", *(["cuda"] if torch.cuda.is_available() else [])])
def test_torchs_forecasts_agree_with_the_kernels(fitted, device):
    new = days(seed=9)[:, :100]
    there, here = (small(device=one).set_state(fitted.get_state()) for one in (device, "cpu"))
    for part in (new[:, :40], new[:, 40:]):
        np.testing.assert_allclose(there.update(part).surprise, here.update(part).surprise, rtol=1e-7, atol=1e-9)


def test_another_device_learns_too():
    assert small(device="cpu:0", n_steps=20).fit(days()).n_steps_ > 0
