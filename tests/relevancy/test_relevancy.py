"""What relevancy promises, in both modes, and that it computes what it says."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tests.reference.relevancy_reference import relevance_by_hand, select_by_hand
from tocsin import Relevancy
from tocsin.errors import InputError
from tocsin.relevancy.clusters import Clusters, quotas, relevance
from tocsin.relevancy.gaussian_process import FEW, Posterior, Scale, prior_mean

MODES = ("default", "faithful")
SEEDS = st.integers(0, 2**32 - 1)


class Items:
    """Candidates of which those with a high first feature tend to be relevant."""

    def __init__(self, seed, n_items=120, n_features=4, n_answers=40, n_distinct=None):
        random = np.random.default_rng(seed)
        self.embeddings = random.standard_normal((n_items, n_features))
        if n_distinct is not None:
            self.embeddings = self.embeddings[random.integers(0, n_distinct, n_items)]
        self.surprise = 1 + random.exponential(2, n_items)
        self.answered = random.choice(n_items, n_answers, replace=False)
        noisy = self.embeddings[self.answered, 0] + random.standard_normal(n_answers)
        self.labels = np.where(noisy > 0, 1, -1)
        self.times = random.uniform(0, 20, n_items)

    def fitted(self, mode, rows=None, labels=None, **settings):
        rows = self.answered if rows is None else rows
        labels = self.labels if labels is None else labels
        model = Relevancy(mode=mode, threshold=3.0, random_state=1, **settings).prepare(self.embeddings)
        return model.fit(self.embeddings[rows], self.surprise[rows], labels, self.times[rows])


@pytest.mark.parametrize("mode", MODES)
@given(seed=SEEDS, n_items=st.integers(0, 60))
def test_without_answers_the_detector_decides(mode, seed, n_items):
    items = Items(seed, max(n_items, 1), n_answers=0)
    model = items.fitted(mode)
    embeddings, surprise = items.embeddings[:n_items], items.surprise[:n_items]
    assert np.array_equal(model.select(embeddings, surprise, 7.0), surprise > 3.0)
    assert np.array_equal(np.argsort(-model.adjusted_score(embeddings, surprise, 7.0)), np.argsort(-surprise))
    n = n_items // 3
    chosen = model.select(embeddings, surprise, 7.0, n_alerts=n)
    assert chosen.sum() == n
    assert n == 0 or surprise[chosen].min() >= surprise[~chosen].max(initial=0)


@pytest.mark.parametrize("mode", MODES)
@given(seed=SEEDS)
def test_at_equal_embedding_the_order_is_the_detectors(mode, seed):
    items = Items(seed)
    model = items.fitted(mode)
    surprise = np.sort(np.random.default_rng(seed).uniform(0, 300, 40))
    same = np.repeat(items.embeddings[:1], 40, axis=0)
    assert (np.diff(model.adjusted_score(same, surprise, 21.0)) > 0).all()
    chosen = model.select(same, surprise, 21.0)
    assert (np.diff(chosen.astype(int)) >= 0).all()


@pytest.mark.parametrize("mode", MODES)
@given(seed=SEEDS, n_distinct=st.sampled_from([None, 3, 12]), memory=st.sampled_from([0.5, 10.0, np.inf]))
def test_turning_an_answer_to_relevant_never_lowers_its_item(mode, seed, n_distinct, memory):
    items = Items(seed, n_distinct=n_distinct)
    place = np.random.default_rng(seed).integers(0, len(items.labels))
    row, scores = items.answered[place], []
    for label in (-1, 1):
        labels = items.labels.copy()
        labels[place] = label
        model = items.fitted(mode, labels=labels, memory=memory)
        about = items.embeddings[[row]], items.surprise[[row]]
        scores.append([model.adjusted_score(*about, now)[0] for now in (items.times[row], 25.0)])
    assert (np.diff(scores, axis=0) >= -1e-7).all()


@pytest.mark.parametrize("mode", MODES)
@given(seed=SEEDS)
def test_a_retracted_answer_leaves_no_trace(mode, seed):
    items = Items(seed)
    kept = np.arange(len(items.labels)) % 3 > 0
    never = items.fitted(mode, items.answered[kept], items.labels[kept])
    taken_back = items.fitted(mode)
    rows = items.answered[kept]
    taken_back.fit(items.embeddings[rows], items.surprise[rows], items.labels[kept], items.times[rows])
    about = (items.embeddings, items.surprise, 20.0)
    assert np.array_equal(never.adjusted_score(*about), taken_back.adjusted_score(*about))
    assert np.array_equal(never.select(*about), taken_back.select(*about))


@pytest.mark.parametrize("mode", MODES)
@given(seed=SEEDS, n_answers=st.integers(1, 100), share=st.floats(0, 1))
def test_the_number_stays_within_the_band(mode, seed, n_answers, share):
    items = Items(seed, n_answers=n_answers)
    labels = np.where(np.random.default_rng(seed).random(n_answers) < share, 1, -1)
    model = items.fitted(mode, labels=labels)
    n_base = (items.surprise > 3.0).sum()
    n = model.select(items.embeddings, items.surprise, 20.0).sum()
    if mode == "default":
        assert 0.5 * n_base <= n <= 1.5 * n_base
        if n_answers <= 10:
            assert n == n_base
        if (labels > 0).sum() < 5:
            assert n <= n_base
    else:
        assert n <= 1.5 * n_base
    assert model.select(items.embeddings, items.surprise, 20.0, n_alerts=17).sum() == 17
    assert model.select(items.embeddings, items.surprise, 20.0, n_alerts=1_000).all()


@pytest.mark.parametrize("mode", MODES)
def test_below_the_candidate_threshold_nothing_is_selected(mode):
    items = Items(3)
    model = items.fitted(mode, candidate_threshold=2.0)
    chosen = model.select(items.embeddings, items.surprise, 20.0)
    assert chosen.any()
    assert not (chosen & (items.surprise <= 2.0)).any()


@pytest.mark.parametrize("mode", MODES)
def test_items_that_come_one_at_a_time_are_chosen_beside_the_earlier_ones(mode):
    items = Items(5, n_items=300, n_answers=80)
    model = items.fitted(mode)
    together = model.select(items.embeddings, items.surprise, 20.0)
    beside = (items.embeddings[:299], items.surprise[:299])
    alone = model.select(items.embeddings[299:], items.surprise[299:], 20.0, beside=beside)
    assert alone.shape == (1,)
    assert alone[0] == together[299]


def test_an_answer_about_many_items_opens_the_band_once():
    """Three answers, each about twenty items, are three."""
    items = Items(6, n_answers=60)
    rows = items.answered
    about = items.embeddings[rows], items.surprise[rows], np.full(60, -1), items.times[rows]
    model = Relevancy(threshold=3.0, random_state=1).prepare(items.embeddings)
    n_base = (items.surprise > 3.0).sum()
    everything = items.embeddings, items.surprise, 20.0
    assert model.fit(*about).select(*everything).sum() < n_base
    assert model.fit(*about, answered=np.repeat(["x", "y", "z"], 20)).select(*everything).sum() == n_base
    restored = clone(model).set_state(model.get_state())
    assert restored.select(*everything).sum() == n_base
    with pytest.raises(InputError, match="of an answer"):
        model.fit(*about, answered=[1, 2])


def test_settings_without_bounds_are_no_bounds():
    """What is infinite must not become a negative number of alerts."""
    items = Items(7, n_answers=80)
    labels = np.ones(80)
    wide = items.fitted("default", labels=labels, band=(0.0, np.inf)).select(items.embeddings, items.surprise, 20.0)
    assert wide.sum() > 1.5 * (items.surprise > 3.0).sum()
    for ratio in (5e21, np.inf):
        found = quotas(np.array([3, 0]), np.array([10, 10]), np.array([ratio, ratio]))
        assert found.tolist() == [10, 0]


@pytest.mark.parametrize("mode", MODES)
def test_hostile_but_allowed_items(mode):
    items = Items(2)
    constant = np.column_stack([items.embeddings, np.full(120, 7.0)])
    surprise = np.where(np.arange(120) == 0, np.inf, items.surprise)
    twice = np.r_[items.answered, items.answered]  # every item answered both ways
    model = Relevancy(mode=mode, threshold=3.0).prepare(constant)
    model.fit(constant[twice], surprise[twice], np.r_[items.labels, -items.labels], np.zeros(80))
    assert np.isfinite(model.adjusted_score(constant, surprise, 1e9)).all()
    same = Relevancy(mode=mode, threshold=3.0).prepare(np.ones((50, 2)))
    same.fit(np.ones((3, 2)), [4.0, 4.0, 4.0], [-1, -1, 1], [0, 0, 0])
    assert np.isfinite(same.adjusted_score(np.ones((5, 2)), np.arange(5.0), 0.0)).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_state_is_what_was_learned(mode):
    items = Items(4)
    model = items.fitted(mode)
    state = model.get_state()
    json.dumps(state, default=np.ndarray.tolist)
    restored = clone(model).set_state(state)
    about = (items.embeddings, items.surprise, 20.0)
    assert np.array_equal(model.adjusted_score(*about), restored.adjusted_score(*about))
    assert np.array_equal(model.select(*about), restored.select(*about))
    other = Relevancy(mode=MODES[mode == "default"], threshold=3.0)
    with pytest.raises(InputError, match="does not fit"):
        other.set_state(state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mode": "fast"}, "No such mode"),
        ({"threshold": np.nan}, "finite surprise"),
        ({"memory": 0.0}, "positive time"),
        ({"clip": (1.2, 1.5)}, "bounds"),
        ({"band": (1.5, 2.0)}, "band"),
        ({"pseudo_counts": -1.0}, "Pseudo"),
        ({"n_clusters": 0}, "number of clusters"),
        ({"pseudo_counts": np.inf}, "Pseudo"),
        ({"candidate_threshold": np.nan}, "candidate threshold"),
    ],
)
def test_bad_settings_are_named(change, message):
    with pytest.raises(InputError, match=message):
        Relevancy(**{"threshold": 3.0, **change}).prepare(np.zeros((3, 2)))


def test_bad_items_are_named():
    model = Relevancy(threshold=3.0)
    with pytest.raises(NotFittedError):
        model.select(np.zeros((1, 2)), [4.0], 0.0)
    model.prepare(np.random.default_rng(0).standard_normal((20, 2)))
    with pytest.raises(InputError, match="another kind"):
        model.select(np.zeros((1, 3)), [4.0], 0.0)
    with pytest.raises(InputError, match="no number"):
        model.select([[np.nan, 0.0]], [4.0], 0.0)
    with pytest.raises(InputError, match="surprise is missing"):
        model.select(np.zeros((1, 2)), [np.nan], 0.0)
    for now in (np.nan, np.inf):
        with pytest.raises(InputError, match="time of a selection"):
            model.adjusted_score(np.zeros((1, 2)), [4.0], now)
    with pytest.raises(InputError, match="1 \\(relevant\\)"):
        model.fit(np.zeros((1, 2)), [4.0], [0], [0.0])
    with pytest.raises(InputError, match="a time each"):
        model.fit(np.zeros((2, 2)), [4.0, 4.0], [1, -1], [0.0])


@given(
    candidates=st.lists(st.integers(0, 3), min_size=1, max_size=30),
    answers=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([1, -1])), max_size=20),
    kappa=st.sampled_from([0.0, 5.0]),
)
def test_relevance_is_the_papers_formula(candidates, answers, kappa):
    share = np.bincount(candidates, minlength=4) / len(candidates)
    where, labels = [cluster for cluster, _ in answers], [label for _, label in answers]
    found = relevance(share, np.array(where, int), np.array(labels, int) > 0, clip=(2 / 3, 1.5), pseudo_counts=kappa)
    assert found == pytest.approx(relevance_by_hand(candidates, where, labels, 4, 2 / 3, 1.5, kappa))
    if not answers:
        assert (found == 1).all()


@given(seed=SEEDS, n_clusters=st.integers(2, 6))
def test_the_faithful_selection_is_the_papers(seed, n_clusters):
    items = Items(seed)
    items.surprise = np.round(items.surprise, 1)  # ties
    model = items.fitted("faithful", n_clusters=n_clusters)
    clusters = model.clusters_.of_each(items.embeddings)
    by_hand = select_by_hand(clusters.tolist(), items.surprise.tolist(), 3.0, model.relevance_.tolist())
    assert model.select(items.embeddings, items.surprise, 0.0).tolist() == by_hand


def test_the_silhouette_finds_how_many_clusters_there_are():
    random = np.random.default_rng(0)
    for n in (2, 3, 5):
        centres = 20 * np.eye(5)[:n]
        candidates = np.repeat(centres, 40, axis=0) + random.standard_normal((40 * n, 5))
        assert len(Clusters.of(candidates, None, 0).centres) == n


def test_one_answered_side_counts_against_the_candidates():
    share = np.array([0.25, 0.75])
    found = relevance(share, np.array([0, 0]), np.array([False, False]), clip=(0.01, 100), pseudo_counts=0.0)
    assert found == pytest.approx([np.exp((0.25 - 1) / 0.25), np.exp((0.75 - 0) / 0.75)])


@given(seed=SEEDS, n_answers=st.integers(1, 60))
def test_the_posterior_is_at_its_mode(seed, n_answers):
    """At the mode, h = K (y - sigmoid(prior + h))."""
    random = np.random.default_rng(seed)
    known = random.standard_normal((n_answers, 3)) * random.choice([1.0, 10.0])
    excess = random.uniform(-3, 1e4, n_answers)
    times, relevant = random.uniform(0, 30, n_answers), random.random(n_answers) < 0.5
    scale = Scale.of(random.standard_normal((100, 3)))
    posterior = Posterior(scale, 10.0, known, excess, relevant, times)
    scaled = scale.scaled(known)
    covariance = scale.covariance(scaled, scaled) * np.exp(-np.abs(np.subtract.outer(times, times)) / 10.0)
    covariance *= n_answers / (n_answers + FEW)
    mean = np.concatenate([posterior.at(known[[row]], times[row])[0] for row in range(n_answers)])
    by_hand = covariance @ (relevant - expit(prior_mean(excess) + mean))
    assert mean == pytest.approx(by_hand, abs=2e-3)


def test_variance_falls_near_answers_and_comes_back_with_time():
    scale = Scale.of(np.random.default_rng(0).standard_normal((200, 2)))
    here, far = np.zeros((1, 2)), np.full((1, 2), 50.0)
    posterior = Posterior(scale, 10.0, np.repeat(here, 9, axis=0), np.zeros(9), np.ones(9, bool), np.zeros(9))
    assert posterior.at(here, 0.0)[1] < posterior.at(far, 0.0)[1] < scale.variance
    assert posterior.at(here, 0.0)[1] < posterior.at(here, 10.0)[1] < posterior.at(here, 1e3)[1]
    assert posterior.at(here, 1e4)[0] == pytest.approx(0.0, abs=1e-6)


def test_many_answers_are_judged_by_the_newest_of_both_kinds():
    random = np.random.default_rng(0)
    n = 100_000
    embeddings, times = random.standard_normal((n, 3)), np.arange(n, dtype=float)
    labels = np.where(np.arange(n) < 200, 1, -1)  # the relevant ones are long ago
    model = Relevancy(threshold=3.0, memory=np.inf).prepare(embeddings[:500])
    model.fit(embeddings, np.full(n, 4.0), labels, times)
    kept = model.answers_.newest()
    assert len(kept.times) == 300
    assert kept.relevant.sum() == 150
    assert kept.times[~kept.relevant].min() == n - 150
    few = model.answers_.newest(400)
    assert (few.relevant.sum(), len(few.times)) == (200, 400)


def wanted_after(flip_at, answers_wrong, seed):
    """F1 at the end of a run of batches, whose wish flips from low to high first features at a batch."""
    random = np.random.default_rng(seed)
    answered, scores = [], []
    for batch in range(20):
        embeddings, surprise = random.standard_normal((60, 3)), 2 + random.exponential(1, 60)
        relevant = (embeddings[:, 0] > 0) == (batch >= flip_at)
        if answered:
            model = Relevancy(threshold=3.0, memory=5.0).prepare(embeddings)
            model.fit(*(np.concatenate(column) for column in zip(*answered, strict=True)))
            chosen = model.select(embeddings, surprise, float(batch), n_alerts=20)
            scores.append(relevant[chosen].mean())
        rows = random.choice(60, 10, replace=False)
        told = np.where(relevant[rows] ^ (random.random(10) < answers_wrong), 1, -1)
        answered.append((embeddings[rows], surprise[rows], told, np.full(10, float(batch))))
    return np.array(scores)


def test_a_wish_that_flips_is_followed():
    precision = np.mean([wanted_after(10, 0.0, seed) for seed in range(5)], axis=0)
    assert precision[5:9].mean() > 0.9
    assert precision[9] < 0.2  # nobody could know
    assert precision[15:].mean() > 0.9


def test_wrong_answers_are_tolerated():
    precision = np.mean([wanted_after(99, 0.2, seed)[8:].mean() for seed in range(3)])
    assert precision > 0.8


def test_the_default_mode_imports_no_torch():
    code = (
        "import sys, numpy as np; from tocsin import Relevancy; e = np.eye(3);"
        "Relevancy(threshold=1.0).prepare(e).fit(e, [2.0] * 3, [1, -1, 1], [0] * 3).select(e, [2.0] * 3, 0.0);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
