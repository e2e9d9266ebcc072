"""One window of some facts judged, by the calibrated method (counts, other measures) or the article's."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from tocsin.detectors.slices.amounts import in_scale, scales
from tocsin.detectors.slices.calibrated import Judgement, judge_counts, rates_in
from tocsin.detectors.slices.faithful import Article, article_scores, false_alarm_share
from tocsin.detectors.slices.lattice import Lattice
from tocsin.detectors.slices.measures import MeasureJudgement, judge_measures
from tocsin.detectors.slices.multiple import benjamini_hochberg, by_level, effect_grid
from tocsin.detectors.slices.reference import NO_BOOLS, Reference
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


@dataclass(frozen=True, slots=True)
class Nature:
    """What kind of numbers a KPI has, by the facts of a stretch of windows.

    on_odds : amounts are parts of exposures
    is_sum : amounts of parts add up to that of the whole, and none is negative: sums of payments
    """

    is_count: bool
    is_sum: bool
    on_odds: bool
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What depends on the facts alone.

    tallies : int64 (4, n_windows + 1), running counts over the windows of facts, of fractional and of negative amounts,
        and of amounts that exceed their exposure
    sums : (2, n_windows + 1), running sums of the total's amounts, and of the slices' that fix the first dimension only
    """

    facts: Facts
    kpi: Kpi
    lattice: Lattice
    calendar: Calendar
    tallies: Ints
    sums: Floats

    @classmethod
    def of(cls, facts: Facts, kpi: Kpi, calendar: Calendar) -> Prepared:
        amount = facts.measures[kpi.numerator]
        fractional = (amount != np.floor(amount)) & np.isfinite(amount)
        over = np.zeros(0, np.bool_) if kpi.denominator is None else amount > facts.measures[kpi.denominator]
        tallies = np.zeros((4, facts.n_windows + 1), np.int64)
        for row, which in enumerate((None, fractional, amount < 0, over)):
            if which is None or which.any():
                windows = facts.window if which is None else facts.window[which]
                tallies[row, 1:] = np.cumsum(np.bincount(windows, minlength=facts.n_windows))
        lattice = Lattice.of(facts.codes)
        sums = np.zeros((2, facts.n_windows + 1))
        parts = [rows for group, rows in lattice.groups if group.bit_count() == 1][:1]
        if fractional.any() and lattice.total >= 0 and parts:
            owner = np.repeat(np.arange(facts.n_slices), np.diff(facts.indptr))
            for row, members in enumerate((lattice.groups[0][1], parts[0])):
                which = np.isin(owner, members)
                by_window = np.bincount(facts.window[which], np.nan_to_num(amount[which]), facts.n_windows)
                sums[row, 1:] = np.cumsum(by_window)
        return cls(facts, kpi, lattice, calendar, tallies, sums)

    def nature(self, since: int, last: int) -> Nature:
        """Of the facts of the windows since .. last."""
        n_facts, fractions, negative, over = (int(n) for n in self.tallies[:, last + 1] - self.tallies[:, since])
        kpi, notes = self.kpi, []
        is_count = not fractions and not negative
        whole, parts = self.sums[:, last + 1] - self.sums[:, since]
        # the parts of a mean add up to more; a source may have left out small parts of a sum
        is_sum = not is_count and not negative and bool(0 < parts <= 1.001 * whole)
        if is_sum:
            notes.append(
                f"{kpi.numerator} is a sum of payments ({fractions:,} fractional values): judged on their scale"
            )
        elif not is_count:
            counted = ((negative, "negative"), (fractions, "fractional"))
            what = " and ".join(f"{number:,} {word} values" for number, word in counted if number)
            notes.append(f"{kpi.numerator} is not a count ({what}): judged by a robust predictive interval")
        on_odds = is_count and kpi.denominator is not None and over <= ON_ODDS_SHARE * n_facts
        if is_count and over:
            treated = "still parts of it" if on_odds else "not parts of it"
            notes.append(f"{kpi.numerator} exceeds {kpi.denominator} in {over:,} facts: taken as {treated}")
        return Nature(is_count, is_sum, on_odds, tuple(notes))


ABSENT: Mapping[str, Any] = {
    **dict.fromkeys(("value", "expected", "lower", "upper", "p_value", "q_value", "anomaly_score"), np.nan),
    **dict.fromkeys(("expected_amount", "deviation_sd", "share_of_total"), np.nan),
    "flagged": False, "status": SliceStatus.ABSENT, "amount": 0.0, "exposure": 0.0,
}  # fmt: skip
"""The scores of a slice that has no row in the windows looked at."""


def _spread(values: Any, rows: Ints, n: int, missing: Any) -> Any:
    full = np.full(n, missing, values.dtype)
    full[rows] = values
    return full


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A judged window: its scores, and what charts and explanations are drawn from."""

    scores: SliceScores
    reference: Reference
    n_windows: Ints
    counts: Judgement | None = None
    on_odds: bool = False
    total: int = -1
    has_row: Bools = field(default_factory=lambda: NO_BOOLS)
    """bool (n_slices,), whether the slice has a row in the window."""

    def spread(self, n_slices: int) -> Judged:
        """The same for all slices of the facts: those that the reference does not know are absent."""
        rows, scores = self.reference.rows, self.scores
        has_row = ~np.isnan(self.reference.now_amount)
        if len(rows) == n_slices:
            return replace(self, has_row=has_row)
        full: dict[str, Any] = {}
        for name, missing in ABSENT.items():
            full[name] = _spread(getattr(scores, name), rows, n_slices, missing)
        article = {
            name: _spread(values, rows, n_slices, False if values.dtype == np.bool_ else np.nan)
            for name, values in scores.article.items()
        }
        return replace(
            self,
            scores=replace(scores, **full, article=article),
            n_windows=_spread(self.n_windows, rows, n_slices, 0),
            has_row=_spread(has_row, rows, n_slices, False),
        )

    def history(self, index: int) -> tuple[Ints, Floats, Floats, Floats, Floats]:
        """Window, value, expected, lower, upper of one slice in the reference windows with a value, in sample.

        Parameters
        ----------
        index : index of the slice among the facts'
        """
        known = int(np.searchsorted(self.reference.rows, index))
        if known == len(self.reference.rows) or self.reference.rows[known] != index:
            empty = np.empty(0)
            return np.empty(0, np.int64), empty, empty, empty, empty
        return self._history(known, index)

    def _history(self, index: int, shown: int) -> tuple[Ints, Floats, Floats, Floats, Floats]:
        y, d = history_of(index, *self.reference.arrays)
        seen = np.flatnonzero(d > 0)
        value = y[seen] / d[seen]
        windows = self.reference.windows[seen]
        if self.counts is None:
            flat = [np.full(len(seen), a[shown]) for a in (self.scores.expected, self.scores.lower, self.scores.upper)]
            return windows, value, *flat
        rate = rates_in(self.counts, index, seen, self.on_odds, index == self.total)
        unit = self.counts.scale[index] if self.counts.scale.size else 1.0
        expected = rate * d[seen]
        spread = self.counts.relative_variance[index]
        phi = np.full(len(seen), spread if np.isfinite(spread) else 0.0)
        low, high = interval(expected, phi, rate if self.on_odds else np.zeros(len(seen)))
        return windows, value, rate * unit, low * unit / d[seen], high * unit / d[seen]


def judge_calibrated(
    detector: SliceDetector, lattice: Lattice, nature: Nature, kpi: Kpi, reference: Reference, run_scale: float
) -> Judged:
    rules = Rules(detector.q, detector.direction, detector.min_expected, detector.min_relative, detector.min_absolute)
    if not nature.is_count and not nature.is_sum:
        return _judge_measures(lattice, nature, kpi, reference, rules)
    scale = scales(reference, lattice) if nature.is_sum else None
    judgement = judge_counts(
        reference if scale is None else in_scale(reference, scale),
        lattice,
        on_odds=nature.on_odds,
        min_expected=detector.min_expected,
        adapt_after=max(3, math.ceil(detector.adapt_after * run_scale)),
        effects=effect_grid(detector.direction),
        unit=scale,
    )
    if scale is not None:
        judgement = replace(judgement, expected=judgement.expected * scale, scale=scale)
    scores = count_scores(judgement, reference, lattice, rules, nature.on_odds, kpi.denominator is not None)
    scores = replace(scores, notes=(*nature.notes, *scores.notes))
    return Judged(scores, reference, judgement.n_windows, judgement, nature.on_odds, lattice.total)


def _kpi_values(reference: Reference) -> tuple[Floats, Floats]:
    amount, exposure = dense_history(*reference.arrays)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = amount / exposure
        now = reference.now_amount / reference.now_exposure
    values[~np.isfinite(values)] = np.nan
    return values, np.where(np.isfinite(now), now, np.nan)


def _judge_measures(lattice: Lattice, nature: Nature, kpi: Kpi, reference: Reference, rules: Rules) -> Judged:
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
        notes=(
            *nature.notes,
            "q-values: Benjamini-Hochberg over all levels, each with an equal share",
        ),
    )
    return Judged(scores, reference, judged.n_windows, total=lattice.total)


def judge_faithful(detector: SliceDetector, lattice: Lattice, reference: Reference, chosen: Bools | None) -> Judged:
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
        share_of_total=share_of_total(amount, expected_amount, lattice),
        article={
            "actual_value": now,
            "bootstrapped_mean": found.mean,
            "within_z_score_range": within_z,
            "within_iqr_range": within_iqr,
        },
        notes=(note,) if testable.any() else (),
    )
    return Judged(scores, reference, n_values, total=lattice.total)


def _only_rows(reference: Reference, values: Floats) -> tuple[Floats, Ints]:
    """Values of windows in which the slice has a row; the others, 0 for a KPI without a denominator, are no values."""
    rows = np.repeat(np.arange(reference.n_slices), np.diff(reference.indptr))
    seen = np.zeros(values.shape, np.bool_)
    seen[rows, reference.position] = True
    return np.where(seen, values, np.nan), seen.sum(axis=1)
