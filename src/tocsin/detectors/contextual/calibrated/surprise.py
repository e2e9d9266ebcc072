"""How surprising a value is beside those of the table of fit: the common scale of all views.

A surprise is -log of the share of rows with a value at least as high (Fisher's scale: views add up). Within the values
of fit it is their empirical distribution, ties sharing one rank and others interpolated; above the largest it goes on
as an exponential tail, so that no two extremes tie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from tocsin.model import Floats

__all__ = ["Excess", "LocalExcess", "Surprise", "evidence_beyond"]

TAIL_SHARE = 0.02
LEAST_TAIL = 5
MAX_KNOTS, LEAST_ROWS_A_KNOT = 20, 25
STEEPEST = 1e300
"""Slope of the tail of values so near to 0 that their reciprocal overflows."""
SAME, BEYOND = 1e-11, 1e-6
"""Values this near to one another, relative to their size, are one; what is beyond a tied maximum is beyond all."""


@dataclass(frozen=True, slots=True, eq=False)
class Surprise:
    """The distribution of a value.

    ordered : (n,) the values of fit, ascending
    slope : how much the surprise grows a unit above the largest of them
    at, rank : (n_knots,) ranks between which others are interpolated: a value that is off by a rounding error, as when
        a row is scored among others than before, has nearly the rank of its own
    """

    ordered: Floats
    slope: float
    at: Floats = field(init=False, repr=False)
    rank: Floats = field(init=False, repr=False)

    def __post_init__(self) -> None:
        n, size = len(self.ordered), np.abs(self.ordered)
        size = np.maximum(size, np.median(size))
        starts = np.flatnonzero(np.append(True, np.diff(self.ordered) > SAME * size[1:]))
        ends = np.append(starts[1:], n)
        middle = 0.5 * (starts + ends + 1)
        keep = np.unique(np.concatenate([starts, ends - 1]))
        at, rank = self.ordered[keep], middle[np.searchsorted(starts, keep, "right") - 1]
        if middle[-1] < n:  # ties share the middle of their ranks: what is above them is above all
            at, rank = np.append(at, at[-1] + BEYOND * (size[-1] or 1.0)), np.append(rank, n + 0.5)
        object.__setattr__(self, "at", at)
        object.__setattr__(self, "rank", rank)

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Of the values of the rows of fit; at least one."""
        ordered = np.sort(values)
        n_tail = min(max(LEAST_TAIL, int(TAIL_SHARE * len(ordered))), len(ordered) - 1)
        widths = (
            float((ordered[-n_tail:] - ordered[-n_tail - 1]).mean()) if n_tail > 0 else 0.0,
            float((ordered[-1] - ordered).mean()),
            abs(float(ordered[-1])),
            1.0,
        )
        width = next(width for width in widths if width > SAME * widths[2])
        return cls(ordered, min(1.0 / width, STEEPEST))

    def __call__(self, values: Floats) -> Floats:
        """(n,) 0 or more: -log of the share of rows of fit at or above each value."""
        n = len(self.ordered)
        rank = np.interp(values, self.at, self.rank)
        with np.errstate(over="ignore"):
            beyond = np.maximum(values - self.ordered[-1], 0.0) * self.slope
        return np.asarray(-np.log(np.minimum((n - rank + 1.0) / n, 1.0)) + np.minimum(beyond, 300.0))

    def to_arrays(self) -> dict[str, Any]:
        """Plain arrays."""
        return {"ordered": self.ordered, "slope": self.slope}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Self:
        """The distribution of a `to_arrays`."""
        return cls(np.asarray(arrays["ordered"], np.float64), float(arrays["slope"]))


@dataclass(frozen=True, slots=True)
class Excess:
    """A value on a scale on which half of the rows of fit have 0 and a tenth more than 1."""

    middle: float
    width: float

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Of the values of the rows of fit."""
        middle, upper = np.quantile(values, [0.5, 0.9])
        width = float(upper - middle)
        if width <= 0:
            width = float(values.max() - middle)
        return cls(float(middle), width if width > 0 else 1.0)

    def __call__(self, values: Floats) -> Floats:
        """(n,), below 0 for the usual half."""
        return np.asarray((values - self.middle) / self.width)


@dataclass(frozen=True, slots=True, eq=False)
class LocalExcess:
    """A value on a scale of its own at each place: of the rows of fit near a place half have 0, a tenth more than 1.

    places : (n_knots,) ascending; middle, width : (n_knots,) the scale there, linear between them
    """

    places: Floats
    middle: Floats
    width: Floats

    @classmethod
    def of(cls, values: Floats, places: Floats) -> Self:
        """Of the values and places of the rows of fit, in up to 20 parts of equal size, each of at least 25 rows."""
        order = np.argsort(places, kind="stable")
        n_knots = max(1, min(MAX_KNOTS, len(values) // LEAST_ROWS_A_KNOT))
        parts = np.array_split(order, n_knots)
        knots = np.array([np.median(places[part]) for part in parts])
        apart = np.diff(knots) > SAME * np.maximum(np.abs(knots[1:]), 1.0)  # rows at one place have one scale
        starts = np.flatnonzero(np.append(True, apart))
        ends = np.append(starts[1:], n_knots)
        parts = [np.concatenate(parts[start:end]) for start, end in zip(starts, ends, strict=True)]
        scales, knots = [Excess.of(values[part]) for part in parts], knots[starts]
        return cls(knots, np.array([one.middle for one in scales]), np.array([one.width for one in scales]))

    def __call__(self, values: Floats, places: Floats) -> Floats:
        """(n,), below 0 for the usual half."""
        middle, width = (np.interp(places, self.places, one) for one in (self.middle, self.width))
        return np.asarray((values - middle) / width)

    def to_arrays(self) -> list[Floats]:
        """Plain arrays."""
        return [self.places, self.middle, self.width]

    @classmethod
    def from_arrays(cls, arrays: list[Any]) -> Self:
        """The scale of a `to_arrays`."""
        return cls(*(np.asarray(one, np.float64) for one in arrays))


def evidence_beyond(excess: Floats, threshold: float) -> float:
    """In [0, 1): the part of the rows beyond a threshold that chance does not explain.

    Of n rows, n / 2 * .2^threshold would be beyond it if the upper half, of which a fifth exceeds 1, were exponential.
    That number and two of its standard errors are taken from those that are found (Efron 2004, the false-discovery rate
    under an empirical null).

    >>> evidence_beyond(np.linspace(-1.0, 1.2, 1000), 3.0)
    0.0
    """
    by_chance = 0.5 * 0.2**threshold * len(excess)
    found = int((excess > threshold).sum())
    return max(0.0, 1.0 - (by_chance + 2.0 * by_chance**0.5) / found) if found else 0.0
