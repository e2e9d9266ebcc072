"""What a mode of CollectionDetector offers to `detector.py`.

A collection is what one entity (a seller, a publisher) did in one period (a day): a row of counts over bins, and
optionally a row of counts over finer spans. All entities are judged at once; an entity is its row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from tocsin.model import Bools, Floats, Ints

__all__ = ["CollectionScores", "CollectionStatus", "Counts", "Engine", "Explanation", "FineCounts", "Part"]

Counts = npt.NDArray[np.int64]
FineCounts = npt.NDArray[np.signedinteger[Any]]
"""int64 or int32: of fine counts there are many, and few of them are large."""
Part = tuple[Counts, FineCounts | None, Bools]
"""Some entities' past: counts (n, n_periods, n_bins), fine (n, n_periods, n_spans) and the marks of anomalous evidence
(n, n_periods)."""


class CollectionStatus(IntEnum):
    """What became of an entity in a period."""

    TESTED = 0
    CLOSED = 1
    """No records at all: nothing to judge, never evidence."""
    NOT_ENOUGH_DATA = 2
    """Too few collections of its own and no peers to stand in."""
    BY_PEERS = 3
    """Tested, but against its peers: its own history is too short, or not to be trusted."""


@dataclass(frozen=True, slots=True, eq=False)
class CollectionScores:
    """One period's judgement of all entities, arrays of length n_entities; NaN = not judged.

    divergence    : Jensen-Shannon divergence from the mean of the evidence, nats, 0 to ln 2
    p_value       : chance of an honest collection at least as odd
    threshold     : the divergence from which on it would be flagged by its shape alone
    anomaly_score : in [0, 1)
    flagged       : bool
    status        : int8, a `CollectionStatus`
    parts         : name -> p-value of each part (calibrated: "shape", "volume", "dispersion")
    common_factor : ln of the factor that all entities' volumes share in this period; 0 = none that is beyond doubt
    """

    divergence: Floats
    p_value: Floats
    threshold: Floats
    anomaly_score: Floats
    flagged: Bools
    status: npt.NDArray[np.int8]
    parts: Mapping[str, Floats]
    common_factor: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """Why some collections are odd; arrays over the entities asked for (first axis).

    observed      : (n, n_bins) counts
    expected      : (n, n_bins) counts that the evidence foretells for so many records
    lower, upper  : (n, n_bins) 95 % interval of an honest collection's counts
    terms         : (n, n_bins) signed shares of the divergence, their absolute values sum to 1 (0 where it is 0);
                    positive = more records than expected
    parts         : name -> (n, 4): observed, expected, lower, upper of that part ("volume": records; "dispersion":
                    index of dispersion of the fine counts, 1 = as chance has it); NaN = not judged
    nearest       : (n, k) epoch seconds (UTC) of the entity's most alike confirmed or flagged past collections,
                    nearest first, -1 = none
    """

    observed: Counts
    expected: Floats
    lower: Floats
    upper: Floats
    terms: Floats
    parts: Mapping[str, Floats]
    nearest: Ints


class Engine(Protocol):
    """Holds the evidence of all entities and judges their next collections.

    Every array of counts is int64 (fine ones int64 or int32), non-negative, checked and complete when it arrives here;
    periods are aware UTC starts, and come in any order in `fit` but after those of fit in `update`. Nothing here reads
    a clock.
    """

    @property
    def n_entities(self) -> int: ...

    def fit(self, parts: Iterable[Part], periods: tuple[datetime, ...], groups: Ints | None) -> Self:
        """Learn from the past of all entities, some of them at a time; how they are parted changes nothing.

        groups (n_entities,) are peer groups from 0, None = all are peers. Raises `InputError` where their number is not
        that of the entities.
        """
        ...

    def judge(
        self, counts: Counts, period: datetime, fine: FineCounts | None, common_factor: float | None = None
    ) -> CollectionScores:
        """Judge (n_entities, n_bins) and change nothing; a common factor that is known is taken for true."""
        ...

    def update(self, counts: Counts, period: datetime, fine: FineCounts | None) -> CollectionScores:
        """Judge, then take what is fit to be evidence."""
        ...

    def explain(self, counts: Counts, period: datetime, fine: FineCounts | None, entities: Ints) -> Explanation:
        """Why these entities are odd; before the update with the same counts."""
        ...

    def feedback(self, entity: int, period: datetime, *, is_anomalous: bool) -> bool:
        """Move a collection between the evidence sets; False where it is not (or no longer) remembered."""
        ...

    def grow(self, n_entities: int, groups: Ints | None) -> None:
        """Entities not seen before take the rows after the last, without any history."""
        ...

    def get_state(self) -> dict[str, Any]:
        """{"arrays": name -> array with one row an entity (or "all_" + name: not by entity), "meta": JSON values}."""
        ...

    def set_state(self, state: Mapping[str, Any]) -> Self:
        """Take a state of `get_state` in place of a fit; arrays may be memory-mapped and are then changed in place."""
        ...
