"""What is remembered of every entity: rings of arrays, one row an entity, some 3.4 KB each at 24 bins.

Three rings, each with a head that names the slot to be written next:

    normal    collections that are evidence of what is usual: shares, records, how they were judged at the time
    volumes   ln(records) of the last weeks, on the present level
    held      collections that were too odd to be evidence, or that people have confirmed: a second opinion may come
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from tocsin.model import Bools, Floats, Ints

__all__ = ["CONFIRMED", "EMPTY", "HELD", "Evidence", "Observed"]

EMPTY, HELD, CONFIRMED = 0, 1, 2
"""Verdicts of the held ring."""
N_VOLUMES = 42
"""Six weeks of days."""
HALF_WORTH = 500.0
"""A collection of so many records weighs half of what one without counting noise would: shapes vary by themselves."""

_Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Observed:
    """One period of all entities, as it is remembered; arrays of length n_entities.

    when : minutes since 1970; kind : 1 = day off; phase : day of the week; residual : ln(records) beyond the expected
    """

    when: int
    kind: int
    phase: int
    shares: npt.NDArray[np.uint16]
    records: Floats
    divergence: Floats
    expected: Floats
    index: Floats
    index_variance: Floats
    residual: Floats
    score: Floats

    @property
    def volume(self) -> Floats:
        return np.log(np.maximum(self.records, 0.5))


@dataclass(slots=True, eq=False)
class Evidence:
    """The rings; every array has one row an entity."""

    shares: _Array
    weight: _Array
    kind: _Array
    when: _Array
    records: _Array
    divergence: _Array
    expected: _Array
    index: _Array
    index_variance: _Array
    head: _Array
    volume: _Array
    volume_phase: _Array
    volume_when: _Array
    volume_counts: _Array
    volume_head: _Array
    held_shares: _Array
    held_verdict: _Array
    held_kind: _Array
    held_phase: _Array
    held_when: _Array
    held_records: _Array
    held_divergence: _Array
    held_expected: _Array
    held_index: _Array
    held_index_variance: _Array
    held_residual: _Array
    held_score: _Array
    held_head: _Array
    jump: _Array
    jump_when: _Array
    jump_age: _Array
    run_volume: _Array
    run_low: _Array
    run_shape: _Array
    group: _Array

    @classmethod
    def empty(cls, n: int, n_normal: int, n_held: int, n_bins: int) -> Self:
        """n entities without a past."""
        n_volumes = max(N_VOLUMES, n_normal)
        single, byte, minute, short = np.float32, np.uint8, np.int32, np.int16
        return cls(
            shares=np.zeros((n, n_normal, n_bins), np.uint16),
            weight=np.zeros((n, n_normal), single),
            kind=np.zeros((n, n_normal), byte),
            when=np.zeros((n, n_normal), minute),
            records=np.zeros((n, n_normal), single),
            divergence=np.full((n, n_normal), np.nan, single),
            expected=np.full((n, n_normal), np.nan, single),
            index=np.full((n, n_normal), np.nan, single),
            index_variance=np.full((n, n_normal), np.nan, single),
            head=np.zeros(n, short),
            volume=np.zeros((n, n_volumes), single),
            volume_phase=np.zeros((n, n_volumes), byte),
            volume_when=np.zeros((n, n_volumes), minute),
            volume_counts=np.zeros((n, n_volumes), np.bool_),
            volume_head=np.zeros(n, short),
            held_shares=np.zeros((n, n_held, n_bins), np.uint16),
            held_verdict=np.zeros((n, n_held), byte),
            held_kind=np.zeros((n, n_held), byte),
            held_phase=np.zeros((n, n_held), byte),
            held_when=np.zeros((n, n_held), minute),
            held_records=np.zeros((n, n_held), single),
            held_divergence=np.zeros((n, n_held), single),
            held_expected=np.zeros((n, n_held), single),
            held_index=np.full((n, n_held), np.nan, single),
            held_index_variance=np.full((n, n_held), np.nan, single),
            held_residual=np.zeros((n, n_held), single),
            held_score=np.zeros((n, n_held), single),
            held_head=np.zeros(n, short),
            jump=np.zeros(n, single),
            jump_when=np.zeros(n, minute),
            jump_age=np.zeros(n, short),
            run_volume=np.zeros(n, short),
            run_low=np.zeros(n, short),
            run_shape=np.zeros(n, short),
            group=np.zeros(n, np.int32),
        )

    @classmethod
    def joined(cls, parts: list[Evidence]) -> Evidence:
        """Of all entities of the parts, which are emptied: one array more than they hold is needed at a time."""
        if len(parts) == 1:
            return parts[0]
        whole = {}
        for field in fields(cls):
            whole[field.name] = np.concatenate([getattr(part, field.name) for part in parts])
            for part in parts:
                delattr(part, field.name)
        return cls(**whole)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, _Array]) -> Self:
        # those that cannot be written, as from a buffer, are copied
        return cls(**{field.name: np.require(arrays[field.name], requirements="W") for field in fields(cls)})

    def to_arrays(self) -> dict[str, _Array]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def n_entities(self) -> int:
        return len(self.head)

    def grown(self, n: int) -> Evidence:
        """With n entities; those that are new have no past."""
        n_normal, n_bins = self.shares.shape[1:]
        added = Evidence.empty(n - self.n_entities, n_normal, self.held_shares.shape[1], n_bins).to_arrays()
        return Evidence(**{name: np.concatenate([old, added[name]]) for name, old in self.to_arrays().items()})

    def admit(self, who: Ints, seen: Observed, *, with_volume: bool = True) -> None:
        """Take the collections of these entities as evidence of what is usual."""
        if not len(who):
            return
        slot = self.head[who]
        self.shares[who, slot] = seen.shares[who]
        self.weight[who, slot] = _weight(seen.records[who])
        self.kind[who, slot] = seen.kind
        self.when[who, slot] = seen.when
        self.records[who, slot] = seen.records[who]
        self.divergence[who, slot] = seen.divergence[who]
        self.expected[who, slot] = seen.expected[who]
        self.index[who, slot] = seen.index[who]
        self.index_variance[who, slot] = seen.index_variance[who]
        self.head[who] = (slot + 1) % self.weight.shape[1]
        if with_volume:
            self._admit_volume(who, seen.volume[who], seen.phase, seen.when)

    def _admit_volume(self, who: Ints, volume: Floats, phase: int | _Array, when: int | _Array) -> None:
        slot = self.volume_head[who]
        self.volume[who, slot] = volume
        self.volume_phase[who, slot] = phase
        self.volume_when[who, slot] = when
        self.volume_counts[who, slot] = True
        self.volume_head[who] = (slot + 1) % self.volume.shape[1]

    def hold(self, who: Ints, seen: Observed, verdict: int = HELD) -> None:
        """Keep the collections of these entities apart from the evidence."""
        if not len(who):
            return
        slot = self.held_head[who]
        self.held_shares[who, slot] = seen.shares[who]
        self.held_verdict[who, slot] = verdict
        self.held_kind[who, slot] = seen.kind
        self.held_phase[who, slot] = seen.phase
        self.held_when[who, slot] = seen.when
        self.held_records[who, slot] = seen.records[who]
        self.held_divergence[who, slot] = seen.divergence[who]
        self.held_expected[who, slot] = seen.expected[who]
        self.held_index[who, slot] = seen.index[who]
        self.held_index_variance[who, slot] = seen.index_variance[who]
        self.held_residual[who, slot] = seen.residual[who]
        self.held_score[who, slot] = seen.score[who]
        self.held_head[who] = (slot + 1) % self.held_verdict.shape[1]

    def release(self, who: Ints, age: int) -> None:
        """Make the held collection of `age` (0 = the newest) evidence of what is usual, unless people confirmed it.

        How it was judged is forgotten: it was judged against another normality.
        """
        slot = (self.held_head[who].astype(np.int64) - 1 - age) % self.held_verdict.shape[1]
        is_held = self.held_verdict[who, slot] == HELD
        who, slot = who[is_held], slot[is_held]
        if not len(who):
            return
        to = self.head[who]
        self.shares[who, to] = self.held_shares[who, slot]
        self.weight[who, to] = _weight(self.held_records[who, slot])
        self.kind[who, to] = self.held_kind[who, slot]
        self.when[who, to] = self.held_when[who, slot]
        self.records[who, to] = self.held_records[who, slot]
        self.divergence[who, to] = np.nan
        self.expected[who, to] = np.nan
        self.index[who, to] = self.held_index[who, slot]
        self.index_variance[who, to] = self.held_index_variance[who, slot]
        self.head[who] = (to + 1) % self.weight.shape[1]
        volume = np.log(np.maximum(self.held_records[who, slot], 0.5))
        self._admit_volume(who, volume, self.held_phase[who, slot], self.held_when[who, slot])
        self.held_verdict[who, slot] = EMPTY

    def move_level(self, who: Ints, by: Floats, since: _Array) -> None:
        """Volumes before `since` (minutes, one an entity) are `by` higher on the new level."""
        older = (self.volume_when[who] < since[:, None]) & self.volume_counts[who]
        self.volume[who] += np.where(older, by[:, None], 0.0).astype(np.float32)

    def forget_volumes(self, who: Ints, since: _Array, but: Bools) -> None:
        """Volumes from `since` on (minutes, one an entity), `but` some (len(who), n_slots), are evidence no more."""
        self.volume_counts[who] &= (self.volume_when[who] < since[:, None]) | but

    def forget_shapes(self, who: Ints, since: _Array) -> None:
        """Collections before `since` are no evidence any more."""
        old = self.when[who] < since[:, None]
        self.weight[who] = np.where(old, np.float32(0), self.weight[who])

    @property
    def n_own(self) -> Ints:
        """(n,) collections of evidence."""
        count: Ints = (self.weight > 0).sum(axis=1)
        return count

    @property
    def confirmed(self) -> Bools:
        """(n, n_held)"""
        mask: Bools = self.held_verdict == CONFIRMED
        return mask


def _weight(records: _Array) -> _Array:
    """What a collection's shape is worth: its records, ever less of them."""
    return (records * HALF_WORTH / (records + HALF_WORTH)).astype(np.float32)
