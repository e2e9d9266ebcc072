"""Settings of the faithful mode."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real

from tocsin.detectors.collections.thresholds import CALCULATORS, RULES
from tocsin.errors import InputError, nearest

__all__ = ["ALGORITHMS", "LEAST_NORMAL", "FaithfulSettings"]

ALGORITHMS = ("dynamic", "basic", "mgof")
LEAST_NORMAL = 5
"""Normal collections that an entity must have before it is judged."""
LEVELS = (1, 2, "both")
ALPHAS = ("estimated", "feedback")


@dataclass(frozen=True, slots=True)
class FaithfulSettings:
    """What `CollectionDetector` says of them."""

    level: int | str = 1
    threshold: int | str = 5
    alpha: float | str = 0.1
    algorithm: str = "dynamic"
    target_fpr: float = 0.01
    n_normal: int | None = None
    n_anomalous: int | None = None
    step_factor: float = 0.5
    base: float = math.e

    def __post_init__(self) -> None:
        if self.level not in LEVELS or isinstance(self.level, bool):
            raise InputError("The setting level", allowed="1, 2 or 'both'", got=self.level)
        is_number = isinstance(self.threshold, int) and not isinstance(self.threshold, bool)
        if not (is_number and self.threshold in CALCULATORS) and self.threshold not in RULES:
            allowed = f"1 to 9 or one of {', '.join(RULES)}"
            hint = nearest(str(self.threshold), RULES)
            raise InputError("The setting threshold", allowed=allowed, got=self.threshold, hint=hint)
        is_share = isinstance(self.alpha, Real) and 0.0 < float(self.alpha) < 1.0
        if not is_share and self.alpha not in ALPHAS:
            raise InputError(
                "The setting alpha", allowed="a share in (0, 1), 'estimated' or 'feedback'", got=self.alpha
            )
        if self.algorithm not in ALGORITHMS:
            hint = nearest(str(self.algorithm), ALGORITHMS)
            raise InputError("The setting algorithm", allowed=", ".join(ALGORITHMS), got=self.algorithm, hint=hint)
        if self.n_normal is not None and self.n_normal < LEAST_NORMAL:
            raise InputError("The setting n_normal", allowed=f"at least {LEAST_NORMAL}", got=self.n_normal)
        if not isinstance(self.base, Real) or not 1.0 < float(self.base) < math.inf:
            raise InputError("The setting base", allowed="a number above 1", got=self.base)
        if not isinstance(self.step_factor, Real) or not 0.0 < float(self.step_factor) < math.inf:
            raise InputError("The setting step_factor", allowed="a number above 0", got=self.step_factor)

    @property
    def levels(self) -> tuple[int, ...]:
        """Levels that are judged."""
        return (1, 2) if self.level == "both" else (int(self.level),)
