"""Numbers in standard deviations, whatever their units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.model import Floats

__all__ = ["Scaling", "Singles"]

LEAST = 1e-300
"""A deviation below this has no reciprocal."""

Singles = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True, eq=False)
class Scaling:
    """Numbers in standard deviations. centre, scale, middle (scaled median): float64 (n_numbers,)."""

    centre: Floats
    scale: Floats
    middle: Floats

    @classmethod
    def of(cls, numbers: Floats) -> Scaling:
        """Of the present values of each column."""
        centre, scale, middle = (np.zeros(numbers.shape[1]) for _ in range(3))
        for j in range(numbers.shape[1]):
            known = numbers[~np.isnan(numbers[:, j]), j]
            size = float(np.abs(known).max()) if len(known) else 0.0
            if size > 0:
                unit = known / size  # squares of the largest numbers would overflow
                deviation = unit.std()
                centre[j] = unit.mean() * size
                scale[j] = 1.0 / (deviation * size) if deviation > 1e-12 and deviation * size > LEAST else 0.0
                middle[j] = (np.median(unit) - unit.mean()) / deviation if deviation > 1e-12 else 0.0
        return cls(centre, scale, middle)

    def apply(self, numbers: Floats) -> Singles:
        """(n, n_numbers) float32, NaN = missing."""
        scaled = np.clip((numbers - self.centre) * self.scale, -1e18, 1e18)
        return np.ascontiguousarray(scaled, np.float32)
