"""Click farming: fakes that a seller's day gets on top of its honest records.

centralised : one burst around the time of a random record of the day, normal, its standard deviation drawn anew for
              each day (uniform in 30 minutes to 4 hours, or as given)
equalised   : exact duplicates of records of the day
independent : each fake near a random record of the day, within 30 minutes: the day's shape is kept, slightly blurred

The magnitude nu is the number of fakes over the number of honest records; it may be a fraction. Source of the first two
kinds: Wang, Sun, Li, "Statistical Detection of Collective Data Anomalies". A day without records cannot be farmed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError, nearest

__all__ = [
    "CENTRALISED",
    "EQUALISED",
    "INDEPENDENT",
    "KINDS",
    "BurstWidth",
    "Fakes",
    "Farm",
    "UniformWidth",
    "draw_fakes",
    "farm_counts",
    "with_emulated_evidence",
]  # fmt: skip

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CENTRALISED, EQUALISED, INDEPENDENT = KINDS = ("centralised", "equalised", "independent")
DAY_SECONDS = 86_400
NEARNESS_SECONDS = 1_800
MAX_FAKES = 200_000_000

BurstWidth = Callable[[np.random.Generator, int], Floats]
"""Draws the standard deviations (n,) of n bursts, in seconds."""


@dataclass(frozen=True, slots=True)
class UniformWidth:
    """Burst widths uniform in low to high seconds."""

    low: float = 1_800.0
    high: float = 14_400.0

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.high < np.inf:
            raise InputError("The width of a burst", allowed="0 <= low <= high, seconds", got=(self.low, self.high))

    def __call__(self, chance: np.random.Generator, n: int) -> Floats:
        return chance.uniform(self.low, self.high, n)


@dataclass(frozen=True, slots=True)
class Farm:
    """How a click farm works.

    Parameters
    ----------
    kind : str
        centralised, equalised or independent.
    magnitude : float
        Fakes over honest records, above 0 to 100; fractions are allowed.
    width : callable, optional
        Draws the standard deviations of bursts in seconds; uniform in 30 minutes to 4 hours.

    Raises
    ------
    InputError
        Another kind, a magnitude out of range.
    """

    kind: str = CENTRALISED
    magnitude: float = 1.0
    width: BurstWidth = UniformWidth()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            allowed, hint = ", ".join(KINDS), nearest(str(self.kind), KINDS)
            raise InputError("The kind of click farming", allowed=allowed, got=self.kind, hint=hint)
        if not 0 < self.magnitude <= 100:
            raise InputError("The magnitude of click farming", allowed="above 0 to 100", got=self.magnitude)


@dataclass(frozen=True, slots=True, eq=False)
class Fakes:
    """Fakes, one element each.

    source  : (n,) which honest record it duplicates, is near to, or (centralised) was drawn to copy from
    seconds : (n,) time of day, 0 to the length of the day
    """

    source: Ints
    seconds: Floats


def draw_fakes(
    chance: np.random.Generator,
    collection: npt.NDArray[np.integer],
    seconds: Floats,
    farmed: Bools,
    farm: Farm,
    *,
    day_seconds: float = DAY_SECONDS,
) -> Fakes:
    """Fakes for the records of many collections (a seller's day each) at once.

    Parameters
    ----------
    collection : (n,) integers from 0
        Which collection a record belongs to, in any order.
    seconds : (n,)
        Time of day, 0 to `day_seconds`.
    farmed : (n_collections,) bool
    farm : Farm

    Raises
    ------
    InputError
        More than 200 million fakes.
    """
    order = np.argsort(collection, kind="stable")
    n_records = np.bincount(collection, minlength=len(farmed))
    first = np.cumsum(n_records) - n_records
    chosen = np.flatnonzero(farmed & (n_records > 0))
    if farm.kind == EQUALISED:
        repeats = np.where(farmed[collection[order]], _repeats(chance, np.ones(len(order), dtype=np.int64), farm), 0)
        _check_size(int(repeats.sum()))
        source = np.repeat(order, repeats)
        return Fakes(source.astype(np.int64), seconds[source])
    n_fakes = np.rint(farm.magnitude * n_records[chosen]).astype(np.int64)
    _check_size(int(n_fakes.sum()))
    owner = np.repeat(chosen, n_fakes)
    source = order[first[owner] + _below(chance, n_records[owner])].astype(np.int64)
    if farm.kind == CENTRALISED:
        centre = seconds[order[first[chosen] + _below(chance, n_records[chosen])]]
        return Fakes(source, _burst(chance, centre, n_fakes, farm, day_seconds))
    return Fakes(source, _near(chance, seconds[source], day_seconds))


def farm_counts(
    chance: np.random.Generator,
    counts: npt.NDArray[np.integer],
    farmed: Bools,
    farm: Farm,
    *,
    day_seconds: float = DAY_SECONDS,
) -> Ints:
    """Counts with fakes, from counts of equal spans of a day; records are taken to lie anywhere within their span.

    Parameters
    ----------
    counts : (..., n_spans) integers
        Honest records a span; the last axis covers the whole day.
    farmed : (...) bool

    Returns
    -------
    (..., n_spans) int64

    Raises
    ------
    InputError
        Shapes that do not match, negative counts, more than 200 million fakes (of the equalised kind any number).
    """
    if farmed.shape != counts.shape[:-1]:
        raise InputError("The farmed collections", allowed=f"a shape of {counts.shape[:-1]}", got=farmed.shape)
    if counts.size and counts.min() < 0:
        raise InputError("Counts of records", allowed="0 or more", got=int(counts.min()))
    n_spans = counts.shape[-1]
    total = counts.astype(np.int64).reshape(-1, n_spans)
    chosen = np.flatnonzero(farmed.ravel() & (total.sum(axis=1) > 0))
    honest = total[chosen]
    if farm.kind == EQUALISED:
        total[chosen] += _repeats(chance, honest, farm)
        return total.reshape(counts.shape)
    n_records = honest.sum(axis=1)
    wanted = farm.magnitude * n_records.astype(float)
    if wanted.sum() > MAX_FAKES:
        _check_size(wanted.sum())
    n_fakes = np.rint(wanted).astype(np.int64)
    owner = np.repeat(np.arange(len(chosen)), n_fakes)
    if farm.kind == CENTRALISED:
        centre = _times(chance, honest, np.arange(len(chosen)), day_seconds)
        seconds = _burst(chance, centre, n_fakes, farm, day_seconds)
    else:
        seconds = _near(chance, _times(chance, honest, owner, day_seconds), day_seconds)
    span = np.minimum((seconds * (n_spans / day_seconds)).astype(np.int64), n_spans - 1)
    fakes = np.bincount(owner * n_spans + span, minlength=honest.size)
    total[chosen] += fakes.reshape(honest.shape)
    return total.reshape(counts.shape)


def with_emulated_evidence(
    counts: npt.NDArray[np.integer],
    periods: Sequence[datetime],
    fine: npt.NDArray[np.integer] | None = None,
    *,
    n_anomalous: int = 10,
    magnitude: float = 1.0,
    random_state: int = 0,
) -> tuple[Ints, list[datetime], Ints | None, Bools]:
    """Arguments for `CollectionDetector.fit` with anomalous evidence, where no real one is known yet.

    The last collections are taken a second time, farmed: every other one centralised, the rest equalised.

    Parameters
    ----------
    counts : (n_entities, n_periods, n_bins) of equal spans of a day, honest
    periods : n_periods starts
    fine : (n_entities, n_periods, n_spans), optional; n_spans a multiple of n_bins. The fakes are drawn in these.
    n_anomalous : int
        1 to n_periods.

    Returns
    -------
    counts, periods, fine, anomalous : of n_periods + n_anomalous collections an entity

    Raises
    ------
    InputError
        More anomalous collections than there are honest ones, or spans that do not divide the bins.

    Examples
    --------
    >>> counts = np.ones((2, 30, 24), dtype=int)
    >>> days = [datetime(2026, 1, day) for day in range(1, 31)]
    >>> farmed, when, _, anomalous = with_emulated_evidence(counts, days)
    >>> farmed.shape, len(when), int(anomalous.sum()), int(farmed[0, 30].sum())
    ((2, 40, 24), 40, 10, 48)
    """
    n, n_periods, n_bins = counts.shape
    if not 1 <= n_anomalous <= n_periods:
        raise InputError("Emulated collections", allowed=f"1 to {n_periods}, those there are", got=n_anomalous)
    if fine is not None and fine.shape[2] % n_bins:
        raise InputError("The finer spans", allowed=f"a multiple of the {n_bins} bins", got=fine.shape[2])
    chance = np.random.default_rng(random_state)
    honest = (counts if fine is None else fine)[:, n_periods - n_anomalous :].astype(np.int64)
    odd = np.broadcast_to(np.arange(n_anomalous) % 2 == 1, (n, n_anomalous))
    farmed = farm_counts(chance, honest, ~odd, Farm(CENTRALISED, magnitude))
    farmed = farm_counts(chance, farmed, odd, Farm(EQUALISED, magnitude))
    coarse = farmed if fine is None else farmed.reshape(n, n_anomalous, n_bins, -1).sum(axis=3)
    return (
        np.concatenate([counts.astype(np.int64), coarse], axis=1),
        [*periods, *list(periods)[n_periods - n_anomalous :]],
        None if fine is None else np.concatenate([fine.astype(np.int64), farmed], axis=1),
        np.arange(n_periods + n_anomalous) >= n_periods,
    )


def _check_size(n_fakes: float) -> None:
    if n_fakes > MAX_FAKES:
        hint = "farm fewer days, or fewer entities at a time"
        raise InputError("The number of fakes", allowed=f"at most {MAX_FAKES:,}", got=n_fakes, hint=hint)


def _below(chance: np.random.Generator, n: Ints) -> Ints:
    """A whole number from 0 to n - 1 for each n."""
    return np.minimum((chance.random(len(n)) * n).astype(np.int64), n - 1)


def _repeats(chance: np.random.Generator, counts: Ints, farm: Farm) -> Ints:
    """How many duplicates so many records get: the whole part of the magnitude each, the rest by chance."""
    whole = int(farm.magnitude)
    return counts * whole + chance.binomial(counts, farm.magnitude - whole)


def _times(chance: np.random.Generator, honest: Ints, row: Ints, day_seconds: float) -> Floats:
    """The time of a random record of each row named."""
    n_spans = honest.shape[1]
    reached = np.cumsum(honest.ravel())  # of all rows: one search finds row and span
    before = reached[n_spans - 1 :: n_spans] - honest.sum(axis=1)
    drawn = before[row] + _below(chance, honest.sum(axis=1)[row])
    span = np.searchsorted(reached, drawn, side="right") % n_spans
    return np.asarray((span + chance.random(len(row))) * (day_seconds / n_spans), dtype=float)


def _burst(chance: np.random.Generator, centre: Floats, n_fakes: Ints, farm: Farm, day_seconds: float) -> Floats:
    width = np.asarray(farm.width(chance, len(centre)), dtype=float)
    if width.shape != centre.shape or not (np.isfinite(width) & (width >= 0)).all():
        allowed = f"{len(centre):,} numbers of 0 or more"
        raise InputError("The widths of bursts that were drawn", allowed=allowed, got=width)
    return _inside(chance.normal(np.repeat(centre, n_fakes), np.repeat(width, n_fakes)) % day_seconds, day_seconds)


def _near(chance: np.random.Generator, seconds: Floats, day_seconds: float) -> Floats:
    moved = seconds + chance.uniform(-NEARNESS_SECONDS, NEARNESS_SECONDS, len(seconds))
    return _inside(moved, day_seconds)


def _inside(seconds: Floats, day_seconds: float) -> Floats:
    """Within the day, its end excluded."""
    return np.clip(seconds, 0.0, np.nextafter(day_seconds, 0.0))
