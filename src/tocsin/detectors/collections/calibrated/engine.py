"""The engine of the calibrated mode: learns from past collections, judges, remembers, explains."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Self

import numpy as np
from scipy import special

from tocsin.detectors.collections.calibrated.admission import ADOPT_AFTER, remember
from tocsin.detectors.collections.calibrated.calendar import Calendar, is_daily, minutes
from tocsin.detectors.collections.calibrated.evidence import CONFIRMED, EMPTY, HELD, Evidence, Observed
from tocsin.detectors.collections.calibrated.explaining import explained
from tocsin.detectors.collections.calibrated.judging import MIN_OWN, SHARES, Judgement, Moment, judge
from tocsin.detectors.collections.calibrated.peers import Peers
from tocsin.detectors.collections.calibrated.shapes import expected_shares
from tocsin.detectors.collections.engine import CollectionScores, Counts, Explanation, FineCounts, Part
from tocsin.detectors.collections.thresholds import bayes_threshold
from tocsin.errors import InputError
from tocsin.kernels.collection_dispersion import dispersion_index
from tocsin.kernels.collection_shapes import collect_shapes, quantise
from tocsin.kernels.divergence import jsd_from_mean
from tocsin.kernels.divergence_expectation import expected_jsd
from tocsin.model import Ints

__all__ = ["CalibratedEngine"]

ENOUGH_CONFIRMED = 10
"""Confirmed anomalies from which on their scores move the threshold."""
SIZES = {"n_normal": (MIN_OWN, 10_000), "n_anomalous": (ADOPT_AFTER, 10_000)}
"""With less evidence nothing would ever be tested, or a lasting change never be learned."""
FREEDOM = 5.0
"""By how much at most the false-positive rate may then differ from its target."""


class CalibratedEngine:
    """The calibrated mode; told neither a kind of attack, nor its size, nor how many collections are farmed.

    Parameters
    ----------
    target_fpr : float
        Share of honest collections that may be flagged.
    n_normal, n_anomalous : int
        Collections an entity that are remembered as evidence, and as odd.
    timezone, holidays
        Of the days that periods are.
    """

    def __init__(
        self,
        *,
        target_fpr: float = 0.01,
        n_normal: int = 30,
        n_anomalous: int = 10,
        timezone: str = "UTC",
        holidays: tuple[date, ...] = (),
    ) -> None:
        for name, size in (("n_normal", n_normal), ("n_anomalous", n_anomalous)):
            least, most = SIZES[name]
            if not least <= size <= most:
                raise InputError(f"The setting {name}, calibrated", allowed=f"{least} to {most:,}", got=size)
        self._target_fpr = target_fpr
        self._n_normal, self._n_held = n_normal, n_anomalous
        self._calendar = Calendar(timezone, frozenset(holidays))

    @property
    def n_entities(self) -> int:
        return self._evidence.n_entities

    def fit(self, parts: Iterable[Part], periods: tuple[datetime, ...], groups: Ints | None) -> Self:
        self._calendar = Calendar(self._calendar.timezone, self._calendar.holidays, is_daily(periods))
        self._evidence = Evidence.joined([self._admitted(part, periods) for part in parts])
        self._evidence.group[:] = 0 if groups is None else groups
        n_bins = self._evidence.shares.shape[2]
        self._peers = Peers.unknown(int(self._evidence.group.max(initial=0)) + 1, n_bins)
        self._judge_evidence()
        return self

    def _admitted(self, part: Part, periods: tuple[datetime, ...]) -> Evidence:
        """The evidence of some entities, not yet judged."""
        counts, fine, anomalous = part
        evidence = Evidence.empty(len(counts), self._n_normal, self._n_held, counts.shape[2])
        for column in np.argsort([minutes(period) for period in periods], kind="stable"):
            now = np.ascontiguousarray(counts[:, column])
            spans = None if fine is None else np.ascontiguousarray(fine[:, column])
            seen, odd = self._unjudged(now, periods[column], spans), anomalous[:, column]
            evidence.admit(np.flatnonzero((seen.records > 0) & ~odd), seen)
            evidence.hold(np.flatnonzero((seen.records > 0) & odd), seen, CONFIRMED)
        return evidence

    def judge(
        self, counts: Counts, period: datetime, fine: FineCounts | None, common_factor: float | None = None
    ) -> CollectionScores:
        return self._scores(self._judged(counts, period, fine, common_factor))

    def update(self, counts: Counts, period: datetime, fine: FineCounts | None) -> CollectionScores:
        judged = self._judged(counts, period, fine)
        self._peers = judged.peers
        remember(self._evidence, judged)
        return self._scores(judged)

    def explain(self, counts: Counts, period: datetime, fine: FineCounts | None, entities: Ints) -> Explanation:
        return explained(self._evidence, self._judged(counts, period, fine), counts, entities)

    def feedback(self, entity: int, period: datetime, *, is_anomalous: bool) -> bool:
        evidence, when = self._evidence, minutes(period)
        held = np.flatnonzero((evidence.held_when[entity] == when) & (evidence.held_verdict[entity] != EMPTY))
        normal = np.flatnonzero((evidence.when[entity] == when) & (evidence.weight[entity] > 0))
        if is_anomalous:
            if len(normal):
                self._withdraw(entity, int(normal[0]))
            evidence.held_verdict[entity, held] = CONFIRMED
            if len(held) or len(normal):
                # what people call an attack is no sign that the level or the shape has moved
                evidence.run_volume[entity] = evidence.run_low[entity] = evidence.run_shape[entity] = 0
        elif len(held):
            slot = int(held[0])
            evidence.held_verdict[entity, slot] = HELD
            age = (int(evidence.held_head[entity]) - 1 - slot) % evidence.held_verdict.shape[1]
            evidence.release(np.array([entity]), age)
        return bool(len(held) or len(normal))

    def grow(self, n_entities: int, groups: Ints | None) -> None:
        before = self.n_entities
        self._evidence = self._evidence.grown(n_entities)
        if groups is not None:
            self._evidence.group[before:] = groups[before:]
        n_groups = int(self._evidence.group.max(initial=0)) + 1
        known = len(self._peers.strength)
        if n_groups > known:
            more = Peers.unknown(n_groups - known, self._peers.shapes.shape[2])
            self._peers = Peers(
                np.concatenate([self._peers.shapes, more.shapes]),
                np.concatenate([self._peers.strength, more.strength]),
                np.concatenate([self._peers.n_known, more.n_known]),
                self._peers.bias,
                self._peers.sd,
                self._peers.index,
                self._peers.effects,
            )

    def get_state(self) -> dict[str, Any]:
        arrays = {**self._evidence.to_arrays(), **self._peers.to_arrays()}
        return {"arrays": arrays, "meta": {"daily": self._calendar.daily}}

    def set_state(self, state: Mapping[str, Any]) -> Self:
        self._evidence = Evidence.from_arrays(state["arrays"])
        self._peers = Peers.from_arrays(state["arrays"])
        self._n_normal, self._n_held = self._evidence.weight.shape[1], self._evidence.held_verdict.shape[1]
        daily = bool(state["meta"]["daily"])
        self._calendar = Calendar(self._calendar.timezone, self._calendar.holidays, daily)
        return self

    def _moment(self, period: datetime) -> Moment:
        return Moment(minutes(period), self._calendar.kind(period), self._calendar.phase(period))

    def _judged(
        self, counts: Counts, period: datetime, fine: FineCounts | None, common_factor: float | None = None
    ) -> Judgement:
        return judge(self._evidence, self._peers, counts, self._moment(period), fine, common_factor)

    def _unjudged(self, counts: Counts, period: datetime, fine: FineCounts | None) -> Observed:
        moment, unknown = self._moment(period), np.full(len(counts), np.nan)
        index, variance = (unknown, unknown) if fine is None else dispersion_index(fine)
        records = counts.sum(axis=1, dtype=np.float64)
        return Observed(
            moment.when, moment.kind, moment.phase, quantise(counts), records, unknown, unknown, index, variance,
            np.zeros(len(counts)), np.zeros(len(counts)),
        )  # fmt: skip

    def _judge_evidence(self) -> None:
        """Judge each collection of the evidence by the others: what an honest one looks like."""
        evidence = self._evidence
        sums, totals, n_own = collect_shapes(evidence.shares, evidence.weight, evidence.kind, -1)
        self._peers = peers = Peers.of_shapes(self._peers, sums, totals, evidence.group, n_own)
        for slot in range(self._n_normal):
            others = expected_shares(
                evidence, peers, *collect_shapes(evidence.shares, evidence.weight, evidence.kind, slot)
            )
            kind = evidence.kind[:, slot].astype(np.int64)
            reference = others[kind, np.arange(self.n_entities)]
            divergence = jsd_from_mean(evidence.shares[:, slot].astype(np.float64), reference)
            evidence.divergence[:, slot] = divergence
            evidence.expected[:, slot] = expected_jsd(evidence.records[:, slot].astype(np.float64), reference)
        # what is usual among all is learned with each judgement: here that of a period without any records
        nobody = np.zeros((self.n_entities, evidence.shares.shape[2]), np.int64)
        self._peers = judge(evidence, peers, nobody, Moment(0, 0, 0), None).peers

    def _withdraw(self, entity: int, slot: int) -> None:
        """A collection of the evidence becomes a confirmed anomaly."""
        evidence = self._evidence
        to = int(evidence.held_head[entity])
        for name in ("shares", "kind", "when", "records", "divergence", "expected", "index", "index_variance"):
            getattr(evidence, f"held_{name}")[entity, to] = getattr(evidence, name)[entity, slot]
        evidence.held_verdict[entity, to] = CONFIRMED
        evidence.held_residual[entity, to] = evidence.held_score[entity, to] = 0.0
        evidence.held_head[entity] = (to + 1) % self._n_held
        evidence.weight[entity, slot] = 0
        evidence.volume_counts[entity] &= evidence.volume_when[entity] != evidence.when[entity, slot]

    def _scores(self, judged: Judgement) -> CollectionScores:
        p = judged.p_value
        tested = np.isfinite(p)
        return CollectionScores(
            divergence=judged.seen.divergence,
            p_value=p,
            threshold=np.where(tested, judged.shapes.threshold(self._target_fpr * SHARES["shape"]), np.nan),
            anomaly_score=np.where(tested, np.clip(1.0 - p, 0.0, np.nextafter(1.0, 0.0)), np.nan),
            flagged=tested & (np.where(tested, judged.seen.score, -np.inf) >= self._score_threshold()),
            status=judged.status,
            parts=judged.parts,
            common_factor=judged.volumes.factor,
        )

    def _score_threshold(self) -> float:
        """The normal score from which on a collection is flagged.

        That of the target; with enough confirmed anomalies the one of least cost (eq. 10) between honest scores, which
        are standard normal, and theirs, at their share of what was judged, within FREEDOM times the target.
        """
        confirmed = self._evidence.held_score[self._evidence.held_verdict == CONFIRMED].astype(np.float64)
        confirmed = confirmed[confirmed != 0]  # those of `fit` were never judged
        if len(confirmed) < ENOUGH_CONFIRMED:
            return float(-special.ndtri(self._target_fpr))
        n_judged = len(confirmed) + max(int(self._evidence.n_own.sum()), 1)
        mean, spread = float(np.mean(confirmed)), max(float(np.std(confirmed, ddof=1)), 0.1)
        one = np.ones(1)
        found = bayes_threshold(0 * one, one, mean * one, spread * one, len(confirmed) / n_judged)
        low, high = (-special.ndtri(min(self._target_fpr * by, 0.5)) for by in (FREEDOM, 1.0 / FREEDOM))
        return float(np.clip(found[0], low, high))
