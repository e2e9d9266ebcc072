"""Relevancy: which of a detector's candidates people want to hear of, learned from their answers.

An item is a surprise, -log10 of its tail probability, and an embedding: what it looks like. The detector reports what
is beyond its threshold; relevancy re-ranks its candidates, which may lie below it, so that what is like the relevant
answers comes first. See `gaussian_process` (default) and `clusters` (faithful) for what is learned.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from tocsin.errors import InputError
from tocsin.model import Bools, Floats
from tocsin.relevancy.answers import Answers, read_embeddings, read_surprise, strongest
from tocsin.relevancy.clusters import MOST_TIMES, Clusters, relevance, strongest_of_each
from tocsin.relevancy.gaussian_process import Posterior, Scale, prior_mean

__all__ = ["Relevancy"]

LEAST_CANDIDATES = 10
"""Fewer say nothing of types: the faithful mode leaves them to the detector."""
FIRST_ANSWERS, ENOUGH_ANSWERS, ENOUGH_RELEVANT = 10, 50, 5
"""Up to the first number of answers as many are selected as the detector reports; from the second on the whole band is
open, upwards only if enough of them are "relevant": with few answers, mostly dismissals, nearly all would be held."""
CAUTION = 0.5
"""Standard deviations by which the odds of what the detector does not report must be beyond even: people are asked
about what was reported, so that little is known of what lies below the threshold."""


class Relevancy(BaseEstimator):  # type: ignore[misc]
    """Select, among a detector's candidates, the kinds of anomalies that people want.

    Promises: without answers the selection is exactly the detector's. At equal embedding the order is the detector's.
    Turning an answer to "relevant" never lowers that item. `fit` replaces all earlier answers, so that one that is
    left out leaves no trace.

    Parameters
    ----------
    mode : "default" or "faithful"
        A Gaussian process over embeddings and time, or the clusters of the paper.
    threshold : float
        The detection threshold in surprise: the detector reports what is above it.
    candidate_threshold : float, optional
        What is not above it is never selected; by default all items given are candidates.
    memory : float
        The weight of an answer falls by e in so long, in the unit of `times`; inf = never (default mode).
    n_clusters : int, optional
        By default the number, 2 to 5, with the best silhouette (faithful mode).
    clip : (float, float)
        L and U, the bounds of the relevance r (faithful mode).
    pseudo_counts : float
        Imagined answers that draw r towards 1; the paper has none (faithful mode).
    band : (float, float)
        With answers enough, between so many times as many are selected as the detector reports (default mode).
    random_state : int, optional
        For the clusters' start; None = 0.

    Source
    ------
    The paper on user relevancy for black-box sequential anomaly detectors, Algorithm 1 (faithful mode).

    Examples
    --------
    >>> import numpy as np
    >>> embeddings = np.array([[0.0], [0.1], [5.0], [5.1]] * 5)
    >>> surprise = np.tile([3.1, 3.2, 3.3, 2.9], 5)
    >>> model = Relevancy(threshold=3.0).prepare(embeddings)
    >>> int(model.select(embeddings, surprise, 0.0).sum())
    15
    >>> model = model.fit(embeddings[:4], surprise[:4], [1, 1, -1, -1], np.zeros(4))
    >>> model.select(embeddings, surprise, 0.0, n_alerts=10).reshape(5, 4)[0].tolist()
    [True, True, False, False]
    """

    def __init__(
        self,
        *,
        threshold: float,
        mode: Literal["default", "faithful"] = "default",
        candidate_threshold: float | None = None,
        memory: float = 10.0,
        n_clusters: int | None = None,
        clip: tuple[float, float] = (2 / 3, 1.5),
        pseudo_counts: float = 0.0,
        band: tuple[float, float] = (0.5, 1.5),
        random_state: int | None = None,
    ) -> None:
        self.threshold = threshold
        self.mode = mode
        self.candidate_threshold = candidate_threshold
        self.memory = memory
        self.n_clusters = n_clusters
        self.clip = clip
        self.pseudo_counts = pseudo_counts
        self.band = band
        self.random_state = random_state

    # --- learning --------------------------------------------------------------------------------------------------

    def prepare(self, embeddings: Any) -> Self:
        """Learn from unlabelled candidates what they look like: the scale of embeddings, and the clusters.

        Parameters
        ----------
        embeddings : (n, n_features) numbers
            None at all are allowed.

        Raises
        ------
        InputError
        """
        self._check()
        candidates = read_embeddings(embeddings)
        self.n_features_ = candidates.shape[1]
        if self.mode == "default":
            self.scale_ = Scale.of(candidates)
        else:
            self.clusters_ = Clusters.of(candidates, self.n_clusters, self.random_state or 0)
        return self._learn(Answers.none(self.n_features_))

    def fit(self, embeddings: Any, surprise: Any, labels: Any, times: Any, *, answered: Any = None) -> Self:
        """Learn from answers, in place of all earlier ones.

        Parameters
        ----------
        embeddings, surprise : (n, n_features), (n,)
            Of the answered items; n may be 0.
        labels : (n,)
            1 = relevant, -1 = not.
        times : (n,)
            When the items were, in the unit of `memory`.
        answered : (n,), optional
            Which answer each item was judged by, where one speaks of several: it counts once for the band.

        Raises
        ------
        InputError, NotFittedError
        """
        self._require_prepared()
        return self._learn(Answers.read(embeddings, surprise, labels, times, self.n_features_, given=answered))

    def _learn(self, answers: Answers) -> Self:
        self.answers_ = answers
        if self.mode == "default":
            kept = answers.newest()
            self.posterior_ = Posterior(
                self.scale_, self.memory, kept.embeddings, kept.surprise - self.threshold, kept.relevant, kept.times
            )
        else:
            self.relevance_ = relevance(
                self.clusters_.share,
                self.clusters_.of_each(answers.embeddings),
                answers.relevant,
                clip=self.clip,
                pseudo_counts=self.pseudo_counts,
            )
        return self

    # --- what is learned, applied ----------------------------------------------------------------------------------

    def adjusted_score(self, embeddings: Any, surprise: Any, time: float) -> Floats:
        """(n,) the order in which items are selected, higher first; without answers it is the detector's.

        Default mode: the log-odds that the item is relevant, 0 at the threshold. Faithful mode: the surprise plus
        log10 r, since r times as many items of a cluster are above a threshold that is lower by log10 r.
        """
        return self.latent(embeddings, surprise, time)[0]

    def latent(self, embeddings: Any, surprise: Any, time: float) -> tuple[Floats, Floats]:
        """The adjusted score and its variance, (n,) each; the variance is 0 in the faithful mode."""
        items, surprises = self._items(embeddings, surprise)
        if not math.isfinite(time):
            raise InputError("The time of a selection", allowed="a finite number", got=time)
        if self.mode == "faithful":
            shift = np.log10(self.relevance_)[self.clusters_.of_each(items)]
            return surprises + shift, np.zeros(len(items))
        mean, variance = self.posterior_.at(items, time)
        return prior_mean(surprises - self.threshold) + mean, variance

    def select(
        self,
        embeddings: Any,
        surprise: Any,
        time: float,
        *,
        n_alerts: int | None = None,
        beside: Any = None,
        latent: tuple[Floats, Floats] | None = None,
    ) -> Bools:
        """(n,) which items to report.

        Parameters
        ----------
        embeddings, surprise : (n, n_features), (n,)
            The detector's candidates.
        time : float
            Now, in the unit of `memory`.
        n_alerts : int, optional
            Select exactly so many (all, where there are fewer).
        beside : (embeddings, surprise), optional
            Earlier candidates, which are not selected but count: where items come one at a time, "as many as the
            detector reports" has a meaning only over a longer stretch.
        latent : (scores, variances), optional
            What `latent` has given of these items at this time, if they are all, so that it is not worked out twice.

        Raises
        ------
        InputError, NotFittedError
        """
        items, surprises = self._items(embeddings, surprise)
        n_items = len(items)
        if n_alerts is not None:
            return strongest(self.adjusted_score(items, surprises, time), n_alerts)
        if beside is not None:
            others = self._items(*beside)
            items, surprises = np.concatenate([items, others[0]]), np.concatenate([surprises, others[1]])
        reported = surprises > self.threshold
        if self.candidate_threshold is not None:
            candidate = surprises > self.candidate_threshold
        else:
            candidate = np.ones(len(items), dtype=bool)
        if len(self.answers_) == 0 or (self.mode == "faithful" and candidate.sum() < LEAST_CANDIDATES):
            return reported[:n_items]
        chosen = np.zeros(len(items), dtype=bool)
        if self.mode == "faithful":
            cluster = self.clusters_.of_each(items[candidate])
            chosen[candidate] = strongest_of_each(cluster, surprises[candidate], self.threshold, self.relevance_)
        else:
            known = latent if latent is not None and beside is None else self.latent(items, surprises, time)
            chosen[candidate] = self._by_score(surprises[candidate], known[0][candidate], known[1][candidate])
        return chosen[:n_items]

    def _by_score(self, surprises: Floats, score: Floats, variance: Floats) -> Bools:
        """As many as are more likely relevant than not, in number near what the detector reports."""
        reported = surprises > self.threshold
        wanted = score - np.where(reported, 0.0, CAUTION * np.sqrt(variance)) > 0
        lowest, highest = self._numbers(int(reported.sum()))
        return strongest(score, min(max(int(wanted.sum()), lowest), highest))

    def _numbers(self, n_reported: int) -> tuple[int, int]:
        """How many may be selected, at least and at most: the band opens as answers come."""
        opened = (self.answers_.n_answers - FIRST_ANSWERS) / (ENOUGH_ANSWERS - FIRST_ANSWERS)
        opened = min(max(opened, 0.0), 1.0)
        upwards = opened if self.answers_.n_relevant >= ENOUGH_RELEVANT else 0.0
        low, high = 1 - opened * (1 - self.band[0]), 1 + upwards * (min(self.band[1], MOST_TIMES) - 1)
        return math.ceil(low * n_reported - 1e-9), math.floor(high * n_reported + 1e-9)

    # --- kept ------------------------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """What was learned: arrays and numbers; settings are not part of it."""
        self._require_prepared()
        state: dict[str, Any] = {"version": 2, "mode": self.mode, **self.answers_.as_arrays()}
        if self.mode == "default":
            scale = self.scale_
            lengths = np.array([scale.euclidean, scale.taxicab])
            return {**state, "centre": scale.centre, "unit": scale.unit, "lengths": lengths}
        return {**state, "centres": self.clusters_.centres, "share": self.clusters_.share, "relevance": self.relevance_}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state of `get_state`; raises `InputError` for one of another mode or version."""
        self._check()
        if (state.get("version"), state.get("mode")) != (2, self.mode):
            raise InputError(
                "This state of relevancy does not fit", allowed=f"version 2, mode {self.mode}",
                got=f"version {state.get('version')}, mode {state.get('mode')}",
            )  # fmt: skip
        if self.mode == "default":
            euclidean, taxicab = (float(length) for length in state["lengths"])
            self.scale_ = Scale(np.asarray(state["centre"]), np.asarray(state["unit"]), euclidean, taxicab)
            self.n_features_ = len(self.scale_.centre)
        else:
            self.clusters_ = Clusters(np.asarray(state["centres"]), np.asarray(state["share"]))
            self.n_features_ = self.clusters_.centres.shape[1]
        return self._learn(Answers.of_arrays(state, self.n_features_))

    # --- checks ----------------------------------------------------------------------------------------------------

    def _items(self, embeddings: Any, surprise: Any) -> tuple[Floats, Floats]:
        self._require_prepared()
        items = read_embeddings(embeddings, self.n_features_)
        return items, read_surprise(surprise, len(items))

    def _require_prepared(self) -> None:
        if not hasattr(self, "answers_"):
            raise NotFittedError("This Relevancy knows no candidates yet: call prepare first.")

    def _check(self) -> None:
        if self.mode not in ("default", "faithful"):
            raise InputError("No such mode of relevancy", allowed="default, faithful", got=self.mode)
        if not math.isfinite(self.threshold):
            raise InputError("The threshold of relevancy", allowed="a finite surprise", got=self.threshold)
        if not self.memory > 0:
            raise InputError("The memory of relevancy", allowed="a positive time", got=self.memory)
        if self.n_clusters is not None and self.n_clusters < 1:
            raise InputError("The number of clusters", allowed="at least 1, or None", got=self.n_clusters)
        if self.candidate_threshold is not None and math.isnan(self.candidate_threshold):
            raise InputError("The candidate threshold of relevancy", allowed="a surprise, or None", got="NaN")
        if not 0 < self.clip[0] <= 1 <= self.clip[1]:
            raise InputError("The bounds of relevance", allowed="0 < L <= 1 <= U", got=self.clip)
        if not 0 <= self.band[0] <= 1 <= self.band[1]:
            raise InputError("The band of the number of alerts", allowed="0 <= low <= 1 <= high", got=self.band)
        if not 0 <= self.pseudo_counts < math.inf:
            raise InputError("Pseudo-counts", allowed="0 or more, finite", got=self.pseudo_counts)
