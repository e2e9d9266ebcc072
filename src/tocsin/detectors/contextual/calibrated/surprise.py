"""How surprising a value is beside those of the table of fit: the common scale of all views.

A surprise is -log of the share of rows with a value at least as high (Fisher's scale: views add up). Within the values
of fit it is their empirical distribution, ties sharing one rank; above the largest it goes on as an exponential tail,
so that no two extremes tie.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tocsin.model import Floats

__all__ = ["Excess", "Surprise"]

TAIL_SHARE = 0.02
LEAST_TAIL = 5


@dataclass(frozen=True, slots=True, eq=False)
class Surprise:
    """The distribution of a value.

    ordered : (n,) the values of fit, ascending
    slope : how much the surprise grows a unit above the largest of them
    """

    ordered: Floats
    slope: float

    @classmethod
    def of(cls, values: Floats) -> Self:
        """Of the values of the rows of fit; at least one."""
        ordered = np.sort(values)
        n_tail = min(max(LEAST_TAIL, int(TAIL_SHARE * len(ordered))), len(ordered) - 1)
        excess = float((ordered[-n_tail:] - ordered[-n_tail - 1]).mean()) if n_tail > 0 else 0.0
        return cls(ordered, 1.0 / excess if excess > 0 else 0.0)

    def __call__(self, values: Floats) -> Floats:
        """(n,) 0 or more: -log of the share of rows of fit at or above each value."""
        n = len(self.ordered)
        below = np.searchsorted(self.ordered, values, "left")
        up_to = np.searchsorted(self.ordered, values, "right")
        rank = 0.5 * (below + up_to + 1)  # between 0.5 (below all) and n + 0.5 (above all); ties in the middle
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
