"""What people's answers have taught of items of one embedding, and which items of a window ring by it.

The detector's budget is what it reports of the newest items and the window's together, since one window alone holds too
few; `tocsin.relevancy.Relevancy` says how many of them are wanted, near that budget. Those with the highest adjusted
scores ring, but

* what the detector reports and is more likely relevant than not rings before all else: nothing from below the threshold
  takes its place, so that what is held back is more likely irrelevant;
* what the detector does not report rings only if it is more likely relevant than not, by `ANY` answers about its like:
  an alert that was dismissed is not replaced by the next best noise;
* what is more likely irrelevant is held back, whatever the budget, where `ENOUGH` answers are about its like and `MOST`
  of them are dismissals: a kind that was dismissed again and again is gone even where it makes up nearly everything.
  Where people, or their mistakes, contradict each other, the budget holds.

The faithful mode is the paper's selection inside clusters, on scaled embeddings: the features of our lenses differ in
size, other than those of the paper's auto-encoder, and unscaled the clusters would follow the largest alone.

Everything follows from the answers and from the items before a day: learned again from the same, it is the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from tocsin.config import RelevancySettings
from tocsin.model import Bools, Floats, Item, LabelledItem

__all__ = ["N_RECENT", "STATE", "Wishes"]

STATE = "relevancy"
"""The name under which what was last chosen by is kept in the store."""
LAYOUT = 3
"""2: the faithful mode's clusters are of scaled embeddings. 3: the band counts answers, not their items."""
N_RECENT = 300
"""The newest items before a window that its own are chosen beside."""
ANY, ENOUGH = 1.0, 2.0
"""Answers about alike items, each counted by how alike it is, from which on a kind is known at all, and known well."""
MOST = 2 / 3
"""Of the answers about alike items."""
REACH = 0.45
"""Items this part of the median distance apart are alike by a factor of exp(-1/2); at the median by 0.08."""
DAY = timedelta(days=1)


class Wishes:
    """Learned from labelled items; judges others of the same schema.

    Parameters
    ----------
    labels : at least one
    recent : items before the day that is judged: what is usual, for the scales and the clusters
    """

    def __init__(self, settings: RelevancySettings, labels: Sequence[LabelledItem], recent: Sequence[Item]) -> None:
        from tocsin.relevancy import Relevancy, Scale  # with scikit-learn, which a run without answers does not need

        self._settings, self._labels = settings, labels
        self._taught = _matrix(labels)
        usual = np.concatenate([_matrix(recent), self._taught]) if recent else self._taught
        self._scale = Scale.of(usual)
        self._times = np.array([_days(label.at) for label in labels])
        answered = [label.answered for label in labels]
        self._answer = np.unique(answered, return_inverse=True)[1]
        self._model = Relevancy(
            mode="faithful" if settings.mode == "faithful" else "default",
            threshold=0.0,
            memory=settings.memory / DAY,
            band=settings.band,
            random_state=0,
        )
        signs = [1 if label.is_relevant else -1 for label in labels]
        taught = self._seen(self._taught), _excesses(labels), signs, self._times
        self._model.prepare(self._seen(usual)).fit(*taught, answered=self._answer)
        self.version = self._digest(usual)

    @property
    def schema(self) -> str:
        """Of the embeddings that it judges."""
        return self._labels[0].schema

    def _seen(self, embeddings: Floats) -> Floats:
        """Embeddings as the model takes them: the default mode scales them itself."""
        return self._scale.scaled(embeddings) if self._settings.mode == "faithful" else embeddings

    def latent(self, items: Sequence[Item], at: datetime) -> tuple[Floats, Floats]:
        """(n,) adjusted scores, above 0 where an item is wanted, and their variances."""
        return self._model.latent(self._seen(_matrix(items)), _excesses(items), _days(at))

    def choose(self, items: Sequence[Item], recent: Sequence[Item], at: datetime) -> tuple[Bools, Floats]:
        """Which items of a window ring, and the adjusted scores they were chosen by.

        Parameters
        ----------
        items : at least one
        recent : the newest before the window
        """
        batch = [*items, *recent]
        embeddings, excesses, day = self._seen(_matrix(batch)), _excesses(batch), _days(at)
        scores, variances = self._model.latent(embeddings, excesses, day)
        is_base = np.array([item.is_base for item in batch], dtype=bool)
        chosen = self._model.select(embeddings, excesses, day, latent=(scores, variances))
        if self._settings.mode != "faithful":
            n_alike = self.n_alike(batch, at)
            n_dismissed = self.n_alike(batch, at, dismissed=True)
            is_unwanted = (scores < 0) & (n_alike >= ENOUGH) & (n_dismissed >= MOST * n_alike)
            may = np.where(is_base, ~is_unwanted, (scores > 0) & (n_alike >= ANY))
            chosen = _strongest(scores, may, is_base & (scores > 0), int(chosen.sum()))
        return chosen[: len(items)], scores[: len(items)]

    def n_alike(self, items: Sequence[Item], at: datetime, *, dismissed: bool = False) -> Floats:
        """(n,) answers about such items: each counts by how alike the most alike of its items is, and how long ago.

        dismissed : only those that call something not relevant
        Likeness is that of the default mode's model, in either mode.
        """
        scale = self._scale
        mine, others = scale.scaled(_matrix(items)), scale.scaled(self._taught)
        squared = (mine**2).sum(axis=1)[:, None] + (others**2).sum(axis=1) - 2 * mine @ others.T
        age = np.abs(self._times - _days(at)) / (self._settings.memory / DAY)
        alike = np.exp(-np.maximum(squared, 0.0) / (2 * (REACH * scale.euclidean) ** 2) - age)
        if dismissed:
            alike = alike * np.array([not label.is_relevant for label in self._labels])
        by_answer = np.zeros((int(self._answer.max()) + 1, len(mine)))
        np.maximum.at(by_answer, self._answer, alike.T)
        counted: Floats = by_answer.sum(axis=0)
        return counted

    def state(self) -> tuple[int, dict[str, Any], dict[str, Any]]:
        """Layout, arrays and JSON values: what was chosen by, to be shown and to be learned again from."""
        learned = self._model.get_state()
        arrays = {name: value for name, value in learned.items() if isinstance(value, np.ndarray)}
        meta = {
            **{name: value for name, value in learned.items() if name not in arrays},
            "model_version": self.version,
            "schema": self.schema,
            "scale": {"centre": self._scale.centre.tolist(), "unit": self._scale.unit.tolist()},
            "settings": self._settings.model_dump(mode="json"),
            "items": [label.id for label in self._labels],
        }
        return LAYOUT, arrays, meta

    def _digest(self, usual: Floats) -> str:
        about = [
            LAYOUT,
            self._settings.model_dump_json(exclude={"ask"}),
            *((item.id, item.is_relevant, item.excess, item.at.isoformat()) for item in self._labels),
        ]
        digest = hashlib.blake2b(json.dumps(about).encode(), digest_size=8)
        digest.update(usual.tobytes())
        return digest.hexdigest()


def _strongest(scores: Floats, among: Bools, first: Bools, n: int) -> Bools:
    """The highest `n` of some, all where there are fewer, `first` before others; of equals those that come first."""
    places = np.flatnonzero(among)
    chosen = np.zeros(len(scores), dtype=bool)
    chosen[places[np.lexsort((-scores[places], ~first[places]))[:n]]] = True
    return chosen


def _matrix(items: Sequence[Item | LabelledItem]) -> Floats:
    return np.array([item.embedding for item in items], dtype=np.float64)


def _excesses(items: Sequence[Item | LabelledItem]) -> Floats:
    return np.array([item.excess for item in items], dtype=np.float64)


def _days(moment: datetime) -> float:
    return moment.timestamp() / DAY.total_seconds()
