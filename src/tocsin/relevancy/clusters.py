"""Types of anomalies as clusters, and the relevance of each (the faithful mode).

    d_c          the share of the candidates in each cluster
    d_+, d_-     the share of the relevant, and of the other, answers in each cluster
    r            exp((d_+ - d_-) / d_c), clipped to [L, U]
    N_adj        floor(N_b r), N_b what the detector reports of each cluster

With kappa pseudo-answers, spread as the candidates are, d_+ and d_- become (counts + kappa d_c) / (n + kappa), which
keeps a few answers from deciding much. A side without answers is d_c, and no candidates or equal sides give r = 1: no
evidence leaves the detector as it is.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tocsin.model import Bools, Floats, Ints

__all__ = ["MOST_TIMES", "Clusters", "quotas", "relevance", "strongest_of_each"]

MOST_CLUSTERS = 5
N_SILHOUETTE = 1_000
N_STARTS = 4
EXPONENT = 50.0
MOST_TIMES = 1e9
"""An unbounded r is as good as this."""


@dataclass(frozen=True, slots=True, eq=False)
class Clusters:
    """K-means over the embeddings of candidates, as they are.

    centres : (n_clusters, n_features)
    share   : (n_clusters,), d_c
    """

    centres: Floats
    share: Floats

    @classmethod
    def of(cls, candidates: Floats, n_clusters: int | None, seed: int) -> Clusters:
        """`n_clusters` None: the number, 2 to 5, with the best silhouette."""
        n_distinct = len(np.unique(candidates, axis=0))
        if n_distinct < 3:
            return cls(candidates[:1] if len(candidates) else np.zeros((1, candidates.shape[1])), np.ones(1))
        numbers = range(2, MOST_CLUSTERS + 1) if n_clusters is None else (n_clusters,)
        tried = [_fitted(candidates, min(number, n_distinct - 1), seed) for number in numbers]
        if len(tried) > 1:
            sample = np.random.default_rng(seed).permutation(len(candidates))[:N_SILHOUETTE]
            fits = [_silhouette(candidates[sample], model.labels_[sample]) for model in tried]
            tried = [tried[int(np.argmax(fits))]]
        centres: Floats = tried[0].cluster_centers_
        return cls(centres, np.bincount(tried[0].labels_, minlength=len(centres)) / len(candidates))

    def of_each(self, embeddings: Floats) -> Ints:
        """(n,) the nearest centre of each embedding."""
        if not len(embeddings):
            return np.zeros(0, dtype=np.int64)
        nearest: Ints = cdist(embeddings, self.centres, "sqeuclidean").argmin(axis=1)
        return nearest


def _fitted(candidates: Floats, n_clusters: int, seed: int) -> KMeans:
    # threads add in any order, which no seed can fix, and are slower on so few items
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return KMeans(n_clusters, n_init=N_STARTS, random_state=seed).fit(candidates)


def _silhouette(sample: Floats, labels: Ints) -> float:
    return float(silhouette_score(sample, labels)) if 1 < len(np.unique(labels)) < len(sample) else -1.0


def relevance(
    share: Floats, clusters: Ints, relevant: Bools, *, clip: tuple[float, float], pseudo_counts: float
) -> Floats:
    """(n_clusters,) r: how many times as many alerts each cluster deserves.

    Parameters
    ----------
    share : (n_clusters,)
        d_c.
    clusters, relevant : (n,), (n,)
        The cluster of each answered item, and its answer.
    """

    def side(mask: Bools) -> Floats:
        n = mask.sum() + pseudo_counts
        counts = np.bincount(clusters[mask], minlength=len(share))
        mixed: Floats = (counts + pseudo_counts * share) / n if n > 0 else share
        return mixed

    difference = side(relevant) - side(~relevant)
    ratio = np.divide(difference, share, out=np.zeros(len(share)), where=share > 0)
    found: Floats = np.clip(np.exp(np.clip(ratio, -EXPONENT, EXPONENT)), *clip)
    return found


def quotas(n_reported: Ints, n_candidates: Ints, ratio: Floats) -> Ints:
    """(n_clusters,) N_adj; where a cluster has fewer candidates than its quota, they are not made up by another's."""
    wanted = np.floor(n_reported * np.minimum(ratio, MOST_TIMES) + 1e-9)  # 3 x (1/3) must not become 0
    found: Ints = np.minimum(wanted, n_candidates).astype(np.int64)
    return found


def strongest_of_each(clusters: Ints, surprises: Floats, threshold: float, ratio: Floats) -> Bools:
    """(n,) the highest surprises of each cluster, N_adj of them; `ratio` (n_clusters,) is r."""
    order = np.lexsort((-surprises, clusters))
    sizes = np.bincount(clusters, minlength=len(ratio))
    reported = np.bincount(clusters[surprises > threshold], minlength=len(ratio))
    rank: Ints = np.empty(len(clusters), dtype=np.int64)
    rank[order] = np.arange(len(clusters)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen: Bools = rank < quotas(reported, sizes, ratio)[clusters]
    return chosen
