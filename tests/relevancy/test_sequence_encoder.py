"""The sequence auto-encoder: windows of one kind lie together, nothing but the windows and the seed matters."""

import builtins
import json

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.exceptions import NotFittedError

from tocsin.errors import InputError
from tocsin.relevancy.sequence_encoder import SequenceEncoder

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'tocsin[deep]')")
pytestmark = pytest.mark.deep


def spikes(n_windows=200, n_points=10, size=3.8, seed=0):
    """White noise whose last point goes up in the first half of the windows, down in the others."""
    windows = np.random.default_rng(seed).normal(size=(n_windows, n_points))
    up = np.arange(n_windows) < n_windows // 2
    windows[:, -1] += np.where(up, size, -size)
    return windows, up


def small(**settings):
    return SequenceEncoder(**{"hidden": 4, "n_epochs": 2, "random_state": 0, **settings})


@pytest.fixture(scope="module")
def fitted():
    return small().fit(spikes(40)[0])


def test_clusters_of_the_embeddings_are_the_kinds_of_spikes():
    windows = spikes(400)[0]
    encoder = SequenceEncoder(random_state=0).fit(windows)
    new, is_up = spikes(200, seed=1)
    embeddings = encoder.transform(new)
    assert embeddings.shape == (200, 40)
    assert np.abs(embeddings).max() < 1
    found = KMeans(2, n_init=5, random_state=0).fit(encoder.transform(windows)).predict(embeddings) == 1
    assert max(np.mean(found == is_up), np.mean(found != is_up)) > 0.95
    assert encoder.loss_ < 0.8  # of variance 1: more than the mean is reconstructed


def test_the_embedding_is_the_last_states_of_both_directions(fitted):
    """The LSTM of its textbook, step by step, forwards and backwards."""
    windows = spikes(3, seed=2)[0]
    weights = fitted.get_state()

    def logistic(x):
        return 1 / (1 + np.exp(-x))

    def last_state(points, suffix):
        names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
        of_input, of_state, *biases = (weights[f"encoder.{name}{suffix}"] for name in names)
        state = memory = np.zeros(4)
        for point in points:
            enter, forget, change, leave = np.split(of_input[:, 0] * point + of_state @ state + sum(biases), 4)
            memory = logistic(forget) * memory + logistic(enter) * np.tanh(change)
            state = logistic(leave) * np.tanh(memory)
        return state

    scaled = (windows - fitted.centre_) / fitted.scale_
    expected = [np.r_[last_state(row, ""), last_state(row[::-1], "_reverse")] for row in scaled]
    np.testing.assert_allclose(fitted.transform(windows), expected, atol=1e-12)


def test_fitted_twice_the_same_and_another_seed_another():
    windows = spikes(60)[0]
    first = small().fit(windows).transform(windows)
    np.testing.assert_array_equal(small().fit(windows).transform(windows), first)
    assert not np.allclose(small(random_state=1).fit(windows).transform(windows), first)


def test_units_do_not_matter():
    windows = spikes(60)[0]
    first = small().fit(windows).transform(windows)
    np.testing.assert_array_equal(small().fit(1024 * windows).transform(1024 * windows), first)


def test_a_row_does_not_depend_on_the_others(fitted):
    windows = spikes(50, seed=3)[0]
    together = fitted.transform(windows)
    np.testing.assert_allclose(fitted.transform(windows[7:8])[0], together[7], atol=1e-14)
    np.testing.assert_allclose(fitted.transform(windows[::-1])[::-1], together, atol=1e-14)
    assert fitted.transform(windows[:0]).shape == (0, 8)


def test_a_state_as_plain_arrays_gives_the_same_embeddings(fitted):
    windows = spikes(20, seed=4)[0]
    state = fitted.get_state()
    text = json.dumps(state, default=np.ndarray.tolist)
    restored = clone(fitted).set_state(json.loads(text))
    np.testing.assert_array_equal(restored.transform(windows), fitted.transform(windows))
    assert restored.loss_ == fitted.loss_


def test_a_state_of_another_network_is_refused(fitted):
    state = fitted.get_state()
    with pytest.raises(InputError, match="hidden=5"):
        SequenceEncoder(hidden=5).set_state(state)
    with pytest.raises(InputError, match="another network"):
        clone(fitted).set_state({**state, "encoder.bias_ih_l0": np.zeros(3)})
    with pytest.raises(InputError, match="another network"):
        clone(fitted).set_state({name: value for name, value in state.items() if name != "encoder.bias_ih_l0"})
    with pytest.raises(InputError, match="not finite"):
        clone(fitted).set_state({**state, "encoder.bias_ih_l0": state["encoder.bias_ih_l0"] * np.nan})


def test_others_random_numbers_and_threads_are_left_alone():
    torch.manual_seed(5)
    expected, n_threads = torch.rand(3), torch.get_num_threads()
    torch.manual_seed(5)
    small().fit(spikes(20)[0])
    assert torch.equal(torch.rand(3), expected)
    assert torch.get_num_threads() == n_threads


def test_constant_windows_and_one_window_are_embedded():
    for windows in (np.full((10, 6), 0.1), np.arange(6.0)[None]):
        assert np.isfinite(small().fit(windows).transform(windows)).all()


@pytest.mark.parametrize(
    ("windows", "said"),
    [
        (np.zeros(5), "rows of an array"),
        (np.zeros((0, 5)), "No window"),
        (np.array([[1.0, np.nan]]), "missing or infinite"),
        (np.array([[1.0, np.inf]]), "missing or infinite"),
        ([["a", "b"]], "numbers"),
    ],
)
def test_what_are_no_windows_is_refused(windows, said):
    with pytest.raises(InputError, match=said):
        small().fit(windows)


def test_mistakes_are_named(fitted):
    with pytest.raises(InputError, match="10 points"):
        fitted.transform(np.zeros((2, 9)))
    with pytest.raises(InputError, match="n_epochs"):
        small(n_epochs=0).fit(np.zeros((2, 9)))
    with pytest.raises(NotFittedError):
        small().transform(np.zeros((2, 9)))
    with pytest.raises(NotFittedError):
        small().get_state()


def test_without_torch_the_extra_is_named(monkeypatch):
    original = builtins.__import__

    def without(name, *rest):
        if name == "torch":
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"tocsin\[deep\]"):
        small().fit(np.zeros((2, 9)))
