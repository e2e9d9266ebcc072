"""Algorithms 1 and 2: divergence of each collection from the mean of the normal evidence, against a threshold.

Dynamic (Algorithm 2): a flagged collection takes the place of the oldest anomalous evidence, any other one that of the
oldest normal evidence, and divergences and threshold follow. Basic (Algorithm 1): the evidence stays that of fit. MGoF
tests against the same mean by its own statistic. With both levels, each keeps evidence of its own, moved by its own
flags: a day that is odd at one level alone would be called anomalous evidence of the other, where it is as usual; that
draws the other's threshold down until it flags nearly everything. The anomaly score is 1 - p, with p the upper tail of
the normal law that the divergences of the normal evidence have.

Source: Wang, Sun, Li, "Statistical Detection of Collective Data Anomalies" (arXiv:2001.00688).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tocsin.detectors.collections.binning import N_SUB_VOLUME_BINS, sub_volume_step, sub_volumes
from tocsin.detectors.collections.engine import (
    CollectionScores,
    CollectionStatus,
    Counts,
    Explanation,
    FineCounts,
    Part,
)
from tocsin.detectors.collections.faithful.evidence import EvidenceSets
from tocsin.detectors.collections.faithful.explaining import explain
from tocsin.detectors.collections.faithful.judging import LevelScores, judge_level
from tocsin.detectors.collections.faithful.settings import LEAST_NORMAL, FaithfulSettings
from tocsin.errors import InputError
from tocsin.model import Bools, Floats, Ints

__all__ = ["FaithfulEngine"]

N_NORMAL, N_ANOMALOUS = 30, 10
"""Room for evidence where fit is given none."""
PRIOR_ALPHA, PRIOR_COLLECTIONS = 0.1, 100
"""The share of anomalous collections before any answer, and how many judged collections it is worth."""
PARTS = {1: "shape", 2: "sub-volumes"}
LARGEST_SCORE = float(np.nextafter(1.0, 0.0))


class FaithfulEngine:
    """The engine of mode "faithful"; see `tocsin.detectors.collections.engine.Engine`. Settings: `FaithfulSettings`."""

    def __init__(self, **settings: Any) -> None:
        self.settings = FaithfulSettings(**settings)
        self._answers = {"prior": PRIOR_ALPHA, "judged": 0.0, "confirmed": 0.0}

    @property
    def n_entities(self) -> int:
        return len(self._step)

    @property
    def alpha(self) -> float:
        """Share of anomalous collections that thresholds reckon with."""
        if not isinstance(self.settings.alpha, str):
            return float(self.settings.alpha)
        prior, confirmed = self._answers["prior"], self._answers["confirmed"]
        if self.settings.alpha == "feedback":
            prior = (PRIOR_COLLECTIONS * prior + confirmed) / (PRIOR_COLLECTIONS + self._answers["judged"])
        return min(max(prior, 1e-3), 1.0 - 1e-3)

    def fit(self, parts: Iterable[Part], periods: tuple[datetime, ...], groups: Ints | None) -> Self:
        """Fill the evidence sets, oldest first; peers play no part in this mode."""
        found = [self._learned(part, periods) for part in parts]
        most = found[0].most_given
        for part in found:
            most = np.maximum(most, part.most_given)
        n_normal = self.settings.n_normal or (int(most[0]) if most[0] >= LEAST_NORMAL else N_NORMAL)
        n_anomalous = self.settings.n_anomalous or int(most[1]) or N_ANOMALOUS
        self._n_bins = found[0].n_bins
        self._step = np.concatenate([part.step for part in found])
        n_open, n_marked = (sum(counted) for counted in zip(*(part.n_collections for part in found), strict=True))
        share = n_marked / max(n_open, 1)
        self._answers = {"prior": share if n_marked else PRIOR_ALPHA, "judged": 0.0, "confirmed": 0.0}
        self._evidence = [
            EvidenceSets.joined(list(of_level), n_normal, n_anomalous)
            for of_level in zip(*(part.evidence for part in found), strict=True)
        ]
        return self

    def _learned(self, part: Part, periods: tuple[datetime, ...]) -> _Learned:
        """The evidence of some entities, in sets of the size that the settings tell or that these need."""
        counts, fine, anomalous = part
        is_open = counts.any(axis=2)
        normal, marked = is_open & ~anomalous, is_open & anomalous
        most = np.array([normal.sum(axis=1).max(initial=0), marked.sum(axis=1).max(initial=0)])
        n_normal = self.settings.n_normal or int(most[0])
        n_anomalous = self.settings.n_anomalous or int(most[1])
        sizes = {1: counts.shape[2], 2: N_SUB_VOLUME_BINS}
        room = n_normal, n_anomalous
        evidence = [EvidenceSets(len(counts), sizes[level], *room) for level in self.settings.levels]
        step = np.full(len(counts), np.nan)
        if 2 in self.settings.levels:
            step = sub_volume_step(self._fine(fine), normal, self.settings.step_factor)
        for number in sorted(range(len(periods)), key=lambda place: periods[place]):
            now = np.ascontiguousarray(counts[:, number])
            spans = None if fine is None else np.ascontiguousarray(fine[:, number])
            odd = [anomalous[:, number]] * len(evidence)
            self._admit(evidence, step, now, periods[number], spans, odd)
        return _Learned(evidence, step, most, (int(is_open.sum()), int(marked.sum())), counts.shape[2])

    def judge(
        self, counts: Counts, period: datetime, fine: FineCounts | None, common_factor: float | None = None
    ) -> CollectionScores:
        """Judge and change nothing; a factor that all share is unknown to this mode."""
        return self._judged(counts, fine)[0]

    def update(self, counts: Counts, period: datetime, fine: FineCounts | None) -> CollectionScores:
        """Judge, then let each collection enter the evidence sets that it was judged to belong to (Algorithm 2)."""
        scores, flagged = self._judged(counts, fine)
        if self.settings.algorithm != "basic":
            self._admit(self._evidence, self._step, counts, period, fine, flagged)
        else:
            young = scores.status == CollectionStatus.NOT_ENOUGH_DATA
            if young.any():
                of_young = np.where(young[:, None], counts, 0)
                self._admit(self._evidence, self._step, of_young, period, fine, flagged)
        self._answers["judged"] += float((scores.status == CollectionStatus.TESTED).sum())
        return scores

    def _judged(self, counts: Counts, fine: FineCounts | None) -> tuple[CollectionScores, list[Bools]]:
        """One answer, and what each level flags by itself."""
        histograms = self._histograms(counts, fine)
        records = counts.sum(axis=1)
        alpha, levels = self.alpha, self.settings.levels
        found = [
            judge_level(histogram, evidence, self.settings, alpha)
            for histogram, evidence in zip(histograms, self._evidence, strict=True)
        ]
        known = np.isfinite(sum(level.divergence for level in found))
        for evidence in self._evidence:
            known &= evidence.filled[:, 0] >= LEAST_NORMAL
        status = np.where(known, CollectionStatus.TESTED, CollectionStatus.NOT_ENOUGH_DATA)
        status = np.where(records > 0, status, CollectionStatus.CLOSED).astype(np.int8)
        tested = status == CollectionStatus.TESTED
        scores = _scores(found, [PARTS[level] for level in levels], status)
        return scores, [tested & level.flagged for level in found]

    def explain(self, counts: Counts, period: datetime, fine: FineCounts | None, entities: Ints) -> Explanation:
        """Counts beside those that the mean of the normal evidence foretells."""
        chosen, spans = counts[entities], None if fine is None else fine[entities]
        first = self._histograms(chosen, spans, self._step[entities])[0]
        return explain(chosen, first, self._evidence[0], entities, of_bins=1 in self.settings.levels)

    def feedback(self, entity: int, period: datetime, *, is_anomalous: bool) -> bool:
        """Move a collection between the evidence sets."""
        when = int(period.timestamp())
        moved = [evidence.move(entity, when, is_anomalous=is_anomalous) for evidence in self._evidence]
        if any(moved) and is_anomalous:
            self._answers["confirmed"] += 1.0
        return any(moved)

    def grow(self, n_entities: int, groups: Ints | None) -> None:
        """Append entities without evidence; their second level's bins are those of their first collection."""
        more = n_entities - self.n_entities
        for evidence in self._evidence:
            evidence.grow(n_entities)
        self._step = np.concatenate([self._step, np.full(more, np.nan)])

    def get_state(self) -> dict[str, Any]:
        """Evidence, the second level's steps, and what is known of alpha."""
        arrays: dict[str, Any] = {"step": self._step}
        for level, evidence in zip(self.settings.levels, self._evidence, strict=True):
            arrays |= {f"{name}_{level}": array for name, array in evidence.arrays().items()}
        meta = {"n_normal": self._evidence[0].n_normal, "n_bins": self._n_bins, "answers": dict(self._answers)}
        return {"arrays": arrays, "meta": {**meta, "levels": list(self.settings.levels)}}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state; arrays are changed in place by updates."""
        meta, arrays = state["meta"], dict(state["arrays"])
        if list(meta["levels"]) != list(self.settings.levels):
            raise InputError("A state of other levels", allowed=f"levels {self.settings.levels}", got=meta["levels"])
        self._step, n_normal = arrays["step"], int(meta["n_normal"])
        self._evidence = [EvidenceSets.from_arrays(arrays, n_normal, f"_{level}") for level in self.settings.levels]
        self._n_bins = int(meta["n_bins"])
        self._answers = {name: float(value) for name, value in meta["answers"].items()}
        return self

    def _fine(self, fine: FineCounts | None) -> FineCounts:
        if fine is None:
            hint = "give fine, the counts of finer spans, or take level=1"
            raise InputError("The second level needs the volumes of finer spans", hint=hint)
        return fine

    def _histograms(self, counts: Counts, fine: FineCounts | None, step: Floats | None = None) -> list[Counts]:
        """One histogram a level."""
        step = self._step if step is None else step
        return [counts if level == 1 else sub_volumes(self._fine(fine), step) for level in self.settings.levels]

    def _admit(
        self,
        evidence: Sequence[EvidenceSets],
        step: Floats,
        counts: Counts,
        period: datetime,
        fine: FineCounts | None,
        anomalous: Sequence[Bools],
    ) -> None:
        """Take collections into each level's evidence, by that level's flags."""
        is_open = np.asarray(counts.any(axis=1))
        if 2 in self.settings.levels:
            new = np.isnan(step) & is_open & ~anomalous[-1]
            if new.any():
                first = self._fine(fine)[new][:, None]
                step[new] = sub_volume_step(first, new[new][:, None], self.settings.step_factor)
        histograms = self._histograms(counts, fine, step)
        for histogram in histograms:  # records without any finer ones have no second level
            is_open &= histogram.any(axis=1)
        records, seconds = counts.sum(axis=1), int(period.timestamp())
        for sets, histogram, odd in zip(evidence, histograms, anomalous, strict=True):
            sets.take(histogram, is_open, odd & is_open, seconds, records)


@dataclass(frozen=True, slots=True, eq=False)
class _Learned:
    """What fit makes of some entities.

    most_given : most normal and most anomalous collections of one entity
    n_collections : how many there are of all, and marked ones
    """

    evidence: list[EvidenceSets]
    step: Floats
    most_given: Ints
    n_collections: tuple[int, int]
    n_bins: int


def _scores(found: list[LevelScores], names: list[str], status: npt.NDArray[np.int8]) -> CollectionScores:
    """One answer of all levels: flagged by any of them, p-value of the least with Sidak's correction."""
    tested = status == CollectionStatus.TESTED

    def judged(values: Floats) -> Floats:
        return np.where(tested, values, np.nan)

    least = np.min([level.p_value for level in found], axis=0)
    p_value = judged(-np.expm1(len(found) * np.log1p(-np.minimum(least, LARGEST_SCORE))))
    parts = {name: judged(level.p_value) for name, level in zip(names, found, strict=True)}
    flagged = tested & np.any([level.flagged for level in found], axis=0)
    score = np.clip(1.0 - p_value, 0.0, LARGEST_SCORE)
    divergence, threshold = judged(found[0].divergence), judged(found[0].threshold)
    return CollectionScores(divergence, p_value, threshold, score, flagged, status, parts)
