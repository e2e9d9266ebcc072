"""From predictive tails to the scores of a window: p, q, flags, intervals, and why a slice was not tested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.detectors.slices.calibrated import Judgement
from tocsin.detectors.slices.lattice import Lattice
from tocsin.detectors.slices.multiple import q_values
from tocsin.detectors.slices.reference import Reference
from tocsin.model import Floats, SliceScores, SliceStatus

__all__ = ["LARGEST_SCORE", "Rules", "anomaly_scores", "count_scores", "flag", "interval"]

LARGEST_SCORE = float(np.nextafter(1.0, 0.0))
Z_INTERVAL = 1.959963984540054
"""Predictive intervals hold 95 %."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The settings that turn evidence into flags."""

    q: float
    direction: str
    min_expected: float
    min_relative: float
    min_absolute: float


def anomaly_scores(p_values: Floats) -> Floats:
    """1 - p, in [0, 1): p under the distance of 1 to the float below it gives that float."""
    return np.asarray(np.minimum(1.0 - p_values, LARGEST_SCORE))


def p_of(below: Floats, above: Floats, direction: str) -> Floats:
    if direction == "both":
        return np.asarray(np.minimum(2 * np.minimum(below, above), 1.0))
    return np.array(above if direction == "up" else below)


def interval(expected: Floats, relative_variance: Floats, rate: Floats) -> tuple[Floats, Floats]:
    """The 95 % predictive interval of an amount, on the scale 2 / sqrt(phi) asinh sqrt(phi y)."""
    binomial = np.sqrt((1 - np.minimum(rate, 0.98) + expected * relative_variance) / (1 + expected * relative_variance))
    root = np.sqrt(np.maximum(relative_variance, 1e-12))
    centre, reach = np.arcsinh(root * np.sqrt(expected)), 0.5 * root * Z_INTERVAL * binomial
    low, high = np.maximum(centre - reach, 0.0), centre + reach
    return (np.sinh(low) / root) ** 2, (np.sinh(high) / root) ** 2


def _agreeing(
    low: Floats, high: Floats, amount: Floats, expected: Floats, judgement: Judgement
) -> tuple[Floats, Floats]:
    """The interval with the end on the amount's side moved to the amount where it contradicts the exact tails."""
    unusual = 2 * np.minimum(judgement.below, judgement.above) < 0.05
    up = amount > expected
    high = np.where(up, np.where(unusual, np.minimum(high, amount), np.maximum(high, amount)), high)
    low = np.where(up, low, np.where(unusual, np.maximum(low, amount), np.minimum(low, amount)))
    return low, high


def flag(q: Floats, rules: Rules, amount: Floats, expected: Floats) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Whether a slice is flagged: its q-value, and both floors of the deviation."""
    with np.errstate(invalid="ignore"):
        deviation = np.abs(amount - expected)
        return (q <= rules.q) & (deviation >= rules.min_relative * np.abs(expected)) & (deviation >= rules.min_absolute)


def share_of_total(amount: Floats, expected: Floats, lattice: Lattice) -> Floats:
    """Each slice's deviation as a part of the expected amount of the total."""
    whole = np.array([lattice.total]) if lattice.total >= 0 else lattice.groups[0][1]
    total = float(expected[whole].sum() if lattice.total >= 0 else np.nansum(expected[whole]))
    return np.asarray((amount - expected) / total) if total else np.full(len(amount), np.nan)


def count_scores(
    judgement: Judgement, reference: Reference, lattice: Lattice, rules: Rules, on_odds: bool, has_exposure: bool
) -> SliceScores:
    """Scores of all slices for a count KPI."""
    n = reference.n_slices
    exposure = np.nan_to_num(reference.now_exposure) if has_exposure else np.ones(n)
    amount = np.nan_to_num(reference.now_amount)
    expected, scale = judgement.expected, judgement.scale if judgement.scale.size else 1.0
    events = expected / scale
    status = np.full(n, SliceStatus.TESTED, np.int8)
    status[~np.isfinite(judgement.below) | (events < rules.min_expected)] = SliceStatus.BELOW_MINIMUM
    status[judgement.n_windows < 3] = SliceStatus.NO_HISTORY
    status[exposure <= 0] = SliceStatus.ABSENT
    if not has_exposure:
        status[np.isnan(reference.now_amount) & (status != SliceStatus.TESTED)] = SliceStatus.ABSENT
    tested = np.flatnonzero(status == SliceStatus.TESTED)
    p, q = np.full(n, np.nan), np.full(n, np.nan)
    p[tested] = p_of(judgement.below[tested], judgement.above[tested], rules.direction)
    notes: tuple[str, ...] = ()
    if len(tested):
        place = np.empty(n, np.int64)
        place[judgement.judged] = np.arange(len(judgement.judged))
        q[tested], many = q_values(p[tested], judgement.likelihood[place[tested]], lattice.group[tested])
        notes = (_rule_note(lattice, many),)
    variance = events * (1 - judgement.rate) + events**2 * judgement.relative_variance
    low, high = (scale * end for end in interval(events, judgement.relative_variance, judgement.rate))
    low, high = _agreeing(low, high, amount, expected, judgement)
    with np.errstate(divide="ignore", invalid="ignore"):
        per = np.where(exposure > 0, exposure, np.nan)
        value = amount / per
        scores = SliceScores(
            value=value,
            expected=expected / per,
            lower=low / per,
            upper=(np.minimum(high, exposure) if on_odds else high) / per,
            p_value=p,
            q_value=q,
            anomaly_score=anomaly_scores(p),
            flagged=flag(q, rules, amount, expected),
            status=status,
            amount=amount,
            exposure=exposure,
            expected_amount=expected,
            deviation_sd=scale * np.sqrt(variance),
            share_of_total=share_of_total(amount, expected, lattice),
            common_factor=float(np.exp(judgement.factor.log[-1])),
            notes=notes,
        )
    return scores


def _rule_note(lattice: Lattice, many: tuple[int, ...]) -> str:
    few = len(lattice.groups) - len(many)
    rules = [f"local false-discovery rate on {len(many)} levels"] if many else []
    rules += [f"Benjamini-Hochberg on {few} small levels together"] if few else []
    return "q-values: " + ", ".join(rules)
