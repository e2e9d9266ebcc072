"""One window of some facts judged, by the calibrated method (counts, other measures) or the article's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from tocsin.detectors.slices.calibrated import Judgement, judge_counts, rates_in
from tocsin.detectors.slices.faithful import Article, article_scores, false_alarm_share
from tocsin.detectors.slices.lattice import Lattice
from tocsin.detectors.slices.measures import MeasureJudgement, judge_measures
from tocsin.detectors.slices.multiple import benjamini_hochberg, by_level, effect_grid
from tocsin.detectors.slices.reference import Reference
from tocsin.detectors.slices.scoring import (
    Rules,
    anomaly_scores,
    count_scores,
    flag,
    interval,
    p_of,
    share_of_total,
)
from tocsin.detectors.slices.season import Calendar
from tocsin.kernels.slice_history import dense_history, history_of
from tocsin.model import Bools, Facts, Floats, Ints, Kpi, SliceScores, SliceStatus

if TYPE_CHECKING:
    from tocsin.detectors.slices.detector import SliceDetector

__all__ = ["Judged", "Prepared", "judge_calibrated", "judge_faithful"]

ON_ODDS_SHARE = 0.01
"""Amounts are parts of exposures if at most this share of the facts says otherwise."""


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What depends on the facts alone."""

    facts: Facts
    lattice: Lattice
    calendar: Calendar
    is_count: bool
    on_odds: bool
    notes: tuple[str, ...]

    @classmethod
    def of(cls, facts: Facts, kpi: Kpi, calendar: Calendar) -> Prepared:
        amount = facts.measures[kpi.numerator]
        notes = []
        finite = np.isfinite(amount)
        fractions = int(((amount != np.floor(amount)) & finite).sum())
        negative = int((amount < 0).sum())
        is_count = not fractions and not negative
        if not is_count:
            what = " and ".join(
                f"{number:,} {word} values"
                for number, word in ((negative, "negative"), (fractions, "fractional"))
                if number
            )
            notes.append(f"{kpi.numerator} is not a count ({what}): judged by a robust predictive interval")
        on_odds = False
        if is_count and kpi.denominator is not None:
            over = int((amount > facts.measures[kpi.denominator]).sum())
            on_odds = over <= ON_ODDS_SHARE * len(amount)
            if over:
                treated = "still parts of it" if on_odds else "not parts of it"
                notes.append(f"{kpi.numerator} exceeds {kpi.denominator} in {over:,} facts: taken as {treated}")
        return cls(facts, Lattice.of(facts.codes), calendar, is_count, on_odds, tuple(notes))


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A judged window: its scores, and what charts and explanations are drawn from."""

    scores: SliceScores
    reference: Reference
    n_windows: Ints
    counts: Judgement | None = None
    on_odds: bool = False
    total: int = -1

    def history(self, index: int) -> tuple[Ints, Floats, Floats, Floats, Floats]:
        """Window, value, expected, lower, upper of one slice in the reference windows with a value, in sample."""
        y, d = history_of(index, *self.reference.arrays)
        seen = np.flatnonzero(d > 0)
        value = y[seen] / d[seen]
        windows = self.reference.windows[seen]
        if self.counts is None:
            flat = [np.full(len(seen), a[index]) for a in (self.scores.expected, self.scores.lower, self.scores.upper)]
            return windows, value, *flat
        rate = rates_in(self.counts, index, seen, self.on_odds, index == self.total)
        expected = rate * d[seen]
        spread = self.counts.relative_variance[index]
        phi = np.full(len(seen), spread if np.isfinite(spread) else 0.0)
        low, high = interval(expected, phi, rate if self.on_odds else np.zeros(len(seen)))
        return windows, value, rate, low / d[seen], high / d[seen]


def judge_calibrated(
    detector: SliceDetector, prepared: Prepared, kpi: Kpi, reference: Reference, run_scale: float
) -> Judged:
    rules = Rules(detector.q, detector.direction, detector.min_expected, detector.min_relative, detector.min_absolute)
    lattice = prepared.lattice
    if not prepared.is_count:
        return _judge_measures(prepared, kpi, reference, rules)
    judgement = judge_counts(
        reference,
        lattice,
        on_odds=prepared.on_odds,
        min_expected=detector.min_expected,
        adapt_after=max(3, math.ceil(detector.adapt_after * run_scale)),
        effects=effect_grid(detector.direction),
    )
    scores = count_scores(judgement, reference, lattice, rules, prepared.on_odds, kpi.denominator is not None)
    return Judged(scores, reference, judgement.n_windows, judgement, prepared.on_odds, lattice.total)


def _kpi_values(reference: Reference) -> tuple[Floats, Floats]:
    amount, exposure = dense_history(*reference.arrays)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = amount / exposure
        now = reference.now_amount / reference.now_exposure
    values[~np.isfinite(values)] = np.nan
    return values, np.where(np.isfinite(now), now, np.nan)


def _judge_measures(prepared: Prepared, kpi: Kpi, reference: Reference, rules: Rules) -> Judged:
    lattice = prepared.lattice
    values, now = _kpi_values(reference)
    if kpi.denominator is None:  # an absent slice of a sum has no value, which is not a value of 0
        values[values == 0] = np.where(np.isnan(now).any(), np.nan, 0.0)
    judged: MeasureJudgement = judge_measures(values, now, lattice.group, lattice.total)
    p = p_of(judged.below, judged.above, rules.direction)
    status = np.where(judged.n_windows < 3, SliceStatus.NO_HISTORY, SliceStatus.TESTED).astype(np.int8)
    status[np.isnan(now)] = SliceStatus.ABSENT
    p[status != SliceStatus.TESTED] = np.nan
    q = np.full(len(p), np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    if len(tested):
        q[tested] = by_level(p[tested], lattice.group[tested])
    exposure = np.nan_to_num(reference.now_exposure)
    expected_amount = judged.expected * exposure
    amount = np.nan_to_num(reference.now_amount)
    scores = SliceScores(
        value=now,
        expected=judged.expected,
        lower=judged.lower,
        upper=judged.upper,
        p_value=p,
        q_value=q,
        anomaly_score=anomaly_scores(p),
        flagged=flag(q, rules, amount, expected_amount),
        status=status,
        amount=amount,
        exposure=exposure,
        expected_amount=expected_amount,
        deviation_sd=judged.deviation_sd * exposure,
        share_of_total=share_of_total(amount, expected_amount, lattice),
        common_factor=judged.common_factor,
        notes=("q-values: Benjamini-Hochberg over all levels, each with an equal share",),
    )
    return Judged(scores, reference, judged.n_windows, total=lattice.total)


def judge_faithful(detector: SliceDetector, prepared: Prepared, reference: Reference, chosen: Bools | None) -> Judged:
    """The article's method; `chosen` limits it to some slices (leaf rows), the others stay untested."""
    n = reference.n_slices
    values, now = _kpi_values(reference)
    if not reference.has_denominator:
        values, _ = _only_rows(reference, values)
    if chosen is not None:
        values[~chosen] = np.nan
    n_values = np.isfinite(values).sum(axis=1)
    order = np.argsort(np.isnan(values), axis=1, kind="stable")
    packed = np.take_along_axis(values, order, axis=1)
    random = np.random.default_rng(detector.random_state)
    found: Article = article_scores(
        packed, n_values, bootstrap=detector.bootstrap, n_bootstrap=detector.n_bootstrap, random=random
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (now - found.mean) / found.deviation
        low, high = found.fence
        within_z = np.abs(z) <= 2
        within_iqr = (low < now) & (now < high)
        testable = np.isfinite(z) & (found.deviation > 0)
        p = np.where(testable, 2 * special.ndtr(-np.abs(z)), np.nan)
    q = np.full(n, np.nan)
    q[testable] = benjamini_hochberg(p[testable])
    status = np.where(testable, SliceStatus.TESTED, SliceStatus.NO_HISTORY).astype(np.int8)
    status[np.isnan(now)] = SliceStatus.ABSENT
    exposure = np.nan_to_num(reference.now_exposure)
    amount, expected_amount = np.nan_to_num(reference.now_amount), found.mean * exposure
    typical = int(np.median(n_values[testable])) if testable.any() else reference.n_windows
    share = float(np.mean(false_alarm_share(n_values[testable]))) if testable.any() else math.nan
    note = f"the article's rule flags {share:.0%} of clean slices (exact law for normal data, {typical} windows)"
    scores = SliceScores(
        value=now,
        expected=found.mean,
        lower=found.mean - 2 * found.deviation,
        upper=found.mean + 2 * found.deviation,
        p_value=p,
        q_value=q,
        anomaly_score=anomaly_scores(p),
        flagged=testable & ~(within_z & within_iqr),
        status=status,
        amount=amount,
        exposure=exposure,
        expected_amount=expected_amount,
        deviation_sd=found.deviation * exposure,
        share_of_total=share_of_total(amount, expected_amount, prepared.lattice),
        article={
            "actual_value": now,
            "bootstrapped_mean": found.mean,
            "within_z_score_range": within_z,
            "within_iqr_range": within_iqr,
        },
        notes=(note,) if testable.any() else (),
    )
    return Judged(scores, reference, n_values, total=prepared.lattice.total)


def _only_rows(reference: Reference, values: Floats) -> tuple[Floats, Ints]:
    """Values of windows in which the slice has a row; the others, 0 for a KPI without a denominator, are no values."""
    rows = np.repeat(np.arange(reference.n_slices), np.diff(reference.indptr))
    seen = np.zeros(values.shape, np.bool_)
    seen[rows, reference.position] = True
    return np.where(seen, values, np.nan), seen.sum(axis=1)
