"""What every detector of every lens offers beside its lens's own methods."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, Self, runtime_checkable

from tocsin.model import Floats

__all__ = ["Detector"]


@runtime_checkable
class Detector(Protocol):
    """scikit-learn's manner: keyword-only settings stored untouched, `fit` returns self, `random_state` for chance."""

    def __init__(self, **settings: Any) -> None: ...

    def fit(self, reference: Any) -> Self:
        """Learn what is usual."""
        ...

    def anomaly_score(self, recent: Any) -> Floats:
        """(n,) in [0, 1), higher is more anomalous, NaN = not tested; calibrated: 1 - p."""
        ...

    def explain(self, recent: Any) -> Any:
        """The evidence behind the scores."""
        ...

    def get_state(self) -> dict[str, Any]:
        """What was learned: plain arrays and JSON values, never pickle."""
        ...

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state of `get_state` in place of a fit."""
        ...
