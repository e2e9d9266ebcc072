"""The shape of windows of a series: each feature by its formula, and the kinds of anomalies that they part."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.relevancy.anomalies import LARGEST, NAN
from tocsin.errors import InputError
from tocsin.relevancy import series_features


def literal_shape(window: list[float], n_after: int) -> list[float]:
    """The features of one window, written out."""
    here = len(window) - n_after - 1
    known = [value for value in window[:here] if not math.isnan(value)]
    fill = sum(known) / len(known) if known else 0.0
    context = [fill if math.isnan(value) else value for value in window[:here]] or [0.0]
    middle = float(np.median(context))
    last = middle if math.isnan(window[here]) else window[here]
    spread = float(np.median([abs(value - middle) for value in context])) + 0.05
    jump, mean = last - middle, sum(context) / len(context)
    variance = sum((value - mean) ** 2 for value in context)
    product = sum((a - mean) * (b - mean) for a, b in itertools.pairwise(context))
    moves = variance > 1e-12 * max(1.0, sum(value**2 for value in context))
    half = len(context) // 2
    rise = (sum(context[-half:]) - sum(context[:half])) / half if half else 0.0
    side = float(np.sign(jump))
    run = 0
    while run < len(context) and (context[-1 - run] - middle) * side > 3 * spread:
        run += 1
    repeats = sum((value - middle) * side >= max(abs(jump) / 2, 3 * spread) for value in context)
    found = [
        math.asinh(last), math.asinh(last - context[-1]), side * math.log1p(abs(jump) / spread), math.log(spread),
        math.asinh(mean), product / variance if moves else 0.0, math.asinh(rise / spread), math.log1p(run),
        math.log1p(repeats),
    ]  # fmt: skip
    if n_after:
        later = [value for value in window[here + 1 :] if not math.isnan(value)]
        left = (sum(later) / len(later) if later else last) - middle
        part = left / jump if abs(jump) > 1e-9 * spread else 0.0
        found += [float(np.sign(left)) * math.log1p(abs(left) / spread), min(max(part, -1.0), 2.0)]
    return found


@settings(deadline=None)
@given(
    st.integers(1, 12).flatmap(
        lambda m: st.lists(
            st.lists(st.one_of(st.integers(-40, 40).map(lambda n: n / 4), st.just(NAN)), min_size=m, max_size=m),
            min_size=1,
            max_size=5,
        )
    ),
    st.integers(0, 3),
)
def test_shape_features_are_their_formulas(windows: list[list[float]], n_after: int) -> None:
    n_after = min(n_after, len(windows[0]) - 1)
    found = series_features(np.array(windows), n_after=n_after)
    expected = np.array([literal_shape(window, n_after) for window in windows])
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=2, max_size=20))
def test_shape_features_of_anything_are_finite(window: list[float]) -> None:
    found = series_features(np.array([window, window[::-1]]), n_after=1)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < LARGEST


def test_shapes_of_windows_tell_a_spike_a_shift_and_one_spike_of_many_apart() -> None:
    rng = np.random.default_rng(0)
    quiet = rng.standard_normal((60, 40))
    quiet[:, -1] = 6.0
    quiet[20:40, -8:] += 6.0  # it has been there for a while
    quiet[40:, 4:-1:6] += 6.0  # it comes every six points
    table = series_features(quiet)
    table = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 0.05)
    away = np.linalg.norm(table[:, None] - table[None], axis=2) + np.eye(60) * 1e9
    kind = np.arange(60) // 20
    assert (kind[away.argmin(axis=1)] == kind).mean() > 0.95


@pytest.mark.parametrize("windows", [np.zeros(5), np.zeros((2, 3, 4)), np.zeros((2, 2))])
def test_windows_without_a_point_that_is_meant_are_refused(windows: np.ndarray) -> None:
    with pytest.raises(InputError, match="Windows of a series"):
        series_features(windows, n_after=2)
