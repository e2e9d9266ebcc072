"""One trouble, many flagged slices: which slice is named as the cause."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.incidents import find_causes
from tocsin.model import Facts, SliceScores

SIZES = {"country": 10, "app": 12, "partner": 5}
TOTAL = (slice(None),) * 3


def cube(effect: np.ndarray, seed: int = 0, noise: float = 0.05, max_depth: int = 2) -> tuple[Facts, SliceScores]:
    """Facts and scores of every level of a cube whose leaves' amounts are Poisson around volume x effect."""
    rng = np.random.default_rng(seed)
    volume = np.exp(rng.normal(6, 1.5, effect.shape))
    observed = rng.poisson(volume * effect)
    codes, amounts, expected = [], [], []
    for fixed in itertools.product([False, True], repeat=effect.ndim):
        if sum(fixed) > max_depth:
            continue
        axes = tuple(axis for axis, is_fixed in enumerate(fixed) if not is_fixed)
        rolled, usual = np.asarray(observed.sum(axis=axes)), np.asarray(volume.sum(axis=axes))
        for index in np.ndindex(rolled.shape):
            values = iter(index)
            codes.append([next(values) if is_fixed else -1 for is_fixed in fixed])
            amounts.append(float(rolled[index]))
            expected.append(float(usual[index]))
    amount, usual = np.array(amounts), np.array(expected)
    n = len(amount)
    sd = np.sqrt(usual + (noise * usual) ** 2)
    names = tuple(SIZES)[: effect.ndim]
    facts = Facts(
        dimensions=names,
        values=tuple(np.array([f"{name}{i}" for i in range(SIZES[name])], dtype=object) for name in names),
        codes=np.array(codes, dtype=np.int32),
        starts=np.array([0, 3600]),
        indptr=np.arange(n + 1),
        window=np.zeros(n, dtype=np.int32),
        measures={"clicks": amount},
        silent=np.zeros(1, dtype=bool),
    )
    flagged = np.abs(amount - usual) > 4 * sd
    nan, p_value = np.full(n, np.nan), np.where(flagged, 0.0, 0.5)
    scores = SliceScores(
        value=amount, expected=usual, lower=nan, upper=nan, p_value=p_value, q_value=nan, anomaly_score=nan,
        flagged=flagged, status=np.zeros(n, dtype=np.int8), amount=amount, exposure=np.ones(n),
        expected_amount=usual, deviation_sd=sd, share_of_total=(amount - usual) / usual[0],
    )  # fmt: skip
    return facts, scores


def causes_of(effect: np.ndarray, **settings: float) -> tuple[list[dict[str, str]], int, int]:
    facts, scores = cube(effect, **settings)
    flagged = np.flatnonzero(scores.flagged)
    causes, rest = find_causes(facts, scores, flagged)
    folded = sum(len(cause.members) for cause in causes)
    return [dict(facts.slice_at(cause.slice_index).items) for cause in causes], folded, len(flagged) - len(rest)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("where", "named"),
    [
        (np.s_[3], {"country": "country3"}),
        (np.s_[:, 7], {"app": "app7"}),
        (np.s_[:, :, 1], {"partner": "partner1"}),
        (np.s_[2, 5], {"country": "country2", "app": "app5"}),
        (np.s_[4, :, 2], {"country": "country4", "partner": "partner2"}),
    ],
)
def test_one_trouble_has_one_cause(where: object, named: dict[str, str], seed: int) -> None:
    effect = np.ones(tuple(SIZES.values()))
    effect[where] = 0.4
    causes, folded, n_flagged = causes_of(effect, seed=seed, noise=0.02)
    assert causes[:1] == [named]
    assert len(causes) == 1
    assert folded == n_flagged


def test_two_troubles_have_two_causes() -> None:
    effect = np.ones(tuple(SIZES.values()))
    effect[1] *= 0.6
    effect[:, 7] *= 1.8
    causes, _, _ = causes_of(effect)
    assert sorted(map(str, causes)) == sorted(map(str, [{"country": "country1"}, {"app": "app7"}]))


def test_opposite_effects_are_not_folded_into_one() -> None:
    effect = np.ones(tuple(SIZES.values()))
    effect[1, 2], effect[5, 9] = 0.2, 3.0
    causes, _, _ = causes_of(effect)
    assert {"country": "country1", "app": "app2"} in causes
    assert {"country": "country5", "app": "app9"} in causes


def test_nothing_flagged_has_no_cause() -> None:
    facts, scores = cube(np.ones(tuple(SIZES.values())))
    assert find_causes(facts, scores, np.array([], dtype=np.int64))[0] == []


def test_a_limit_leaves_the_rest_unexplained() -> None:
    effect = np.ones(tuple(SIZES.values()))
    effect[1, 2], effect[5, 9], effect[7, 3] = 0.2, 3.0, 0.3
    facts, scores = cube(effect)
    causes, rest = find_causes(facts, scores, np.flatnonzero(scores.flagged), limit=1)
    assert len(causes) == 1
    assert len(rest) > 0
    assert not set(rest) & set(causes[0].members)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.0, 3.0), st.integers(0, 9), st.booleans())
def test_every_flagged_slice_is_in_exactly_one_place(seed: int, factor: float, country: int, total: bool) -> None:
    effect = np.ones(tuple(SIZES.values()))
    effect[TOTAL if total else country] = factor
    facts, scores = cube(effect, seed=seed)
    flagged = np.flatnonzero(scores.flagged)
    causes, rest = find_causes(facts, scores, flagged, limit=5)
    placed = [member for cause in causes for member in cause.members] + list(rest)
    assert sorted(placed) == sorted(flagged)
    assert all(cause.members[0] == cause.slice_index for cause in causes)
