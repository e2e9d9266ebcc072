"""How much better a detector's alerts are once somebody has answered: point by point, for one series.

An oracle that knows the labels answers; relevancy sees the answers and never a label. Two courses:

* `taught_in_batches`, the paper's Algorithm 1: batch by batch, what is reported is chosen by what is known; in the
  teaching batches some relevant and some other candidates are answered after that; the batches after them count.
* `taught_once`: answers about points of an earlier stretch, drawn at random among those reported; a later one counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tocsin.errors import InputError
from tocsin.model import Bools, Floats, Ints
from tocsin.relevancy import Relevancy

__all__ = ["MODES", "Candidates", "Mode", "Quality", "quality", "taught_in_batches", "taught_once", "thresholds"]

Mode = Literal["default", "faithful"]
MODES: tuple[Mode, ...] = ("faithful", "default")


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The points of a series that a detector reports, or nearly reports, in the order of time.

    surprise, batch, wanted : (n,)
    n_wanted : (n_batches,) points that matter, those that are no candidates, too
    embeddings : mode -> (n, n_features)
    """

    surprise: Floats
    batch: Ints
    wanted: Bools
    n_wanted: Ints
    embeddings: Mapping[str, Floats]
    threshold: float
    candidate_threshold: float

    def stretch(self, first: int, last: int) -> Candidates:
        """Batches [first, last)."""
        rows = (self.batch >= first) & (self.batch < last)
        return Candidates(
            self.surprise[rows],
            self.batch[rows] - first,
            self.wanted[rows],
            self.n_wanted[first:last],
            {mode: table[rows] for mode, table in self.embeddings.items()},
            self.threshold,
            self.candidate_threshold,
        )

    @property
    def reported(self) -> Bools:
        """(n,) what the detector itself reports."""
        return self.surprise > self.threshold

    def model(self, mode: Mode, memory: float, seed: int) -> Relevancy:
        return Relevancy(
            mode=mode,
            threshold=self.threshold,
            candidate_threshold=self.candidate_threshold,
            memory=memory,
            random_state=seed,
        )


@dataclass(frozen=True, slots=True)
class Quality:
    """Of the points that were reported: F1, precision and recall, in [0, 1]; 0 where nothing was, or matters."""

    f1: float
    precision: float
    recall: float


def thresholds(surprise: Floats, alert_share: float, candidate_share: float) -> tuple[float, float]:
    """What the shares of a series' points with the highest surprise exceed; NaN are no points.

    Raises
    ------
    InputError : shares other than 0 < alert_share < candidate_share < 1
    """
    if not 0 < alert_share < candidate_share < 1:
        raise InputError(
            "The share of points that are reported", allowed="0 < alerts < candidates < 1",
            got=f"{alert_share:g}, {candidate_share:g}",
        )  # fmt: skip
    high, low = np.nanquantile(surprise, [1 - alert_share, 1 - candidate_share])
    return float(high), float(low)


def quality(candidates: Candidates, chosen: Bools) -> Quality:
    """Point by point, over all batches of the candidates."""
    n_chosen, n_wanted = int(chosen.sum()), int(candidates.n_wanted.sum())
    n_right = int((chosen & candidates.wanted).sum())
    return Quality(2 * n_right / max(n_chosen + n_wanted, 1), n_right / max(n_chosen, 1), n_right / max(n_wanted, 1))


def taught_in_batches(
    candidates: Candidates, mode: Mode, *, n_teaching: int, per_side: int = 10, memory: float = 10.0, seed: int = 0
) -> Bools:
    """(n,) what is reported, each batch by the answers of those before it.

    Parameters
    ----------
    n_teaching : int
        In so many first batches, at most `per_side` relevant and `per_side` other candidates are answered.
    memory : float
        In batches.
    """
    random, embeddings = np.random.default_rng(seed), candidates.embeddings[mode]
    chosen, answered = candidates.reported.copy(), np.zeros(0, dtype=np.int64)
    model: Relevancy | None = None
    for batch in range(len(candidates.n_wanted)):
        rows = np.flatnonzero(candidates.batch == batch)
        if model is not None:
            chosen[rows] = model.select(embeddings[rows], candidates.surprise[rows], float(batch))
        if batch >= n_teaching:
            continue
        wanted = candidates.wanted[rows]
        asked = [random.permutation(rows[side])[:per_side] for side in (wanted, ~wanted)]
        answered = np.concatenate([answered, *asked])
        model = candidates.model(mode, memory, seed).prepare(embeddings[candidates.batch <= batch])
        model.fit(*_answers(candidates, mode, answered))
    return chosen


def taught_once(
    earlier: Candidates, later: Candidates, mode: Mode, n_answers: int, *, seed: int = 0
) -> tuple[Bools, Bools]:
    """What is reported of `later`, by `n_answers` about `earlier`: as many as relevancy wants, as many as before."""
    reported = earlier.reported
    random = np.random.default_rng(seed)
    rows = np.concatenate([random.permutation(np.flatnonzero(side)) for side in (reported, ~reported)])[:n_answers]
    model = earlier.model(mode, np.inf, seed).prepare(earlier.embeddings[mode])
    model.fit(*_answers(earlier, mode, rows))
    about = later.embeddings[mode], later.surprise, 0.0
    return model.select(*about), model.select(*about, n_alerts=int(later.reported.sum()))


def _answers(candidates: Candidates, mode: Mode, rows: Ints) -> tuple[Floats, Floats, Ints, Floats]:
    labels = np.where(candidates.wanted[rows], 1, -1)
    times = candidates.batch[rows].astype(float)
    return candidates.embeddings[mode][rows], candidates.surprise[rows], labels, times
