"""Evidence sets of all entities at one level: which collections are held as normal and as anomalous, and how they move.

An entity has one row in every array. Of its n_normal + n_anomalous slots the first hold normal evidence; each set fills
from its first slot on, then the newest collection takes the place of the oldest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.detectors.collections.engine import Counts
from tocsin.kernels.divergence_evidence import admit
from tocsin.model import Bools, Codes, Floats, Ints

__all__ = ["EvidenceSets"]

ARRAYS = ("shares", "periods", "records", "filled", "heads")
EMPTY = -1
"""Period of a slot without a collection."""


class EvidenceSets:
    """Rings of collections.

    shares    : float32 (n, n_bins, n_slots): distributions; an empty slot is all 0
    periods   : int64 (n, n_slots) epoch seconds of the collections' starts, -1 = empty
    records   : int64 (n, n_slots)
    filled    : int32 (n, 2) slots in use, normal and anomalous
    heads     : int32 (n, 2) the slot of each set that is written next, counted from its first
    """

    def __init__(self, n_entities: int, n_bins: int, n_normal: int, n_anomalous: int) -> None:
        n_slots = n_normal + n_anomalous
        self.n_normal = n_normal
        self.shares: npt.NDArray[np.float32] = np.zeros((n_entities, n_bins, n_slots), np.float32)
        self.periods: Ints = np.full((n_entities, n_slots), EMPTY, np.int64)
        self.records: Counts = np.zeros((n_entities, n_slots), np.int64)
        self.filled: Codes = np.zeros((n_entities, 2), np.int32)
        self.heads: Codes = np.zeros((n_entities, 2), np.int32)

    @property
    def n_anomalous(self) -> int:
        return int(self.periods.shape[1]) - self.n_normal

    def take(self, histogram: Counts, taken: Bools, anomalous: Bools, seconds: int, records: Counts) -> None:
        """Take collections of one period, where `taken`, into the anomalous or the normal set, one an entity."""
        sizes = np.array([self.n_normal, self.n_anomalous])
        into = anomalous.astype(np.int64)
        taken = taken & (sizes[into] > 0)
        rows = np.arange(len(taken))
        places = self.heads[rows, into]
        slots = places + into * self.n_normal
        admit(histogram, taken, self.shares, slots)
        rows, into, slots = rows[taken], into[taken], slots[taken]
        self.periods[rows, slots] = seconds
        self.records[rows, slots] = records[taken]
        self.heads[rows, into] = (places[taken] + 1) % sizes[into]
        self.filled[rows, into] = np.minimum(self.filled[rows, into] + 1, sizes[into])

    def move(self, entity: int, seconds: int, *, is_anomalous: bool) -> bool:
        """Put a collection that is held into the set where it belongs; False where it is not held."""
        place, other = int(is_anomalous), int(not is_anomalous)
        held = self.periods[entity] == seconds
        is_of = np.arange(len(held)) >= self.n_normal
        if (held & (is_of == is_anomalous)).any():
            return True
        found = np.flatnonzero(held & (is_of != is_anomalous))
        if not len(found):
            return False
        slot = int(found[-1])
        kept = self.shares[entity, :, slot].copy()
        records = int(self.records[entity, slot])
        self._rewrite(entity, other, [k for k in self._by_age(entity, other) if k != slot])
        self._insert(entity, place, kept, seconds, records)
        return True

    def _by_slot(self) -> tuple[npt.NDArray[Any], ...]:
        return self.shares, self.periods, self.records

    def _by_age(self, entity: int, part: int) -> list[int]:
        """Slots of a set in use, by the time of their collections."""
        start = part * self.n_normal
        used = range(start, start + int(self.filled[entity, part]))
        return sorted(used, key=lambda slot: int(self.periods[entity, slot]))

    def _rewrite(self, entity: int, part: int, slots: list[int]) -> None:
        """Keep these slots of a set, in this order; the others are emptied."""
        start = part * self.n_normal
        size = self.n_anomalous if part else self.n_normal
        for array in self._by_slot():
            of_entity = array[entity]
            kept = of_entity[..., slots].copy()
            of_entity[..., start : start + size] = EMPTY if array is self.periods else 0
            of_entity[..., start : start + len(slots)] = kept
        self.filled[entity, part] = len(slots)
        self.heads[entity, part] = len(slots) % max(size, 1)

    def _insert(self, entity: int, part: int, kept: npt.NDArray[Any], seconds: int, records: int) -> None:
        """Put a collection in the place that its time gives it; a full set loses its oldest for it."""
        size = self.n_anomalous if part else self.n_normal
        if size == 0:
            return
        order = self._by_age(entity, part)
        self._rewrite(entity, part, order[1:] if len(order) == size else order)
        slot = part * self.n_normal + int(self.filled[entity, part])
        for array, value in zip(self._by_slot(), (kept, seconds, records), strict=True):
            array[entity, ..., slot] = value
        self.filled[entity, part] += 1
        self._rewrite(entity, part, self._by_age(entity, part))

    def mean(self, entities: Ints | slice = slice(None)) -> Floats:
        """(n, n_bins) mean distribution of the normal evidence; all 0 where there is none."""
        total = self.shares[entities, :, : self.n_normal].sum(axis=2, dtype=np.float64)
        return np.asarray(total / np.maximum(self.filled[entities, :1], 1))

    def grow(self, n_entities: int) -> None:
        """Append entities without evidence."""
        more = n_entities - len(self.periods)
        self.shares = np.pad(self.shares, ((0, more), (0, 0), (0, 0)))
        self.periods = np.pad(self.periods, ((0, more), (0, 0)), constant_values=EMPTY)
        self.records = np.pad(self.records, ((0, more), (0, 0)))
        self.filled, self.heads = (np.pad(array, ((0, more), (0, 0))) for array in (self.filled, self.heads))

    @classmethod
    def joined(cls, parts: Sequence[EvidenceSets], n_normal: int, n_anomalous: int) -> EvidenceSets:
        """Of all entities of the parts, which are emptied; sets that get larger have never lost a collection."""
        sizes = (n_normal, n_anomalous)
        if len(parts) == 1 and (parts[0].n_normal, parts[0].n_anomalous) == sizes:
            return parts[0]
        result = cls.__new__(cls)
        result.n_normal = n_normal
        own_sizes = [(part.n_normal, part.n_anomalous) for part in parts]
        for name, empty in (("shares", 0), ("periods", EMPTY), ("records", 0)):
            pieces = [getattr(part, name) for part in parts]
            for part in parts:
                delattr(part, name)
            setattr(result, name, _in_slots(pieces, own_sizes, sizes, empty))
        result.filled = np.concatenate([part.filled for part in parts])
        heads = [
            np.where(np.equal(own, sizes), part.heads, part.filled) for part, own in zip(parts, own_sizes, strict=True)
        ]
        result.heads = np.concatenate(heads).astype(np.int32)
        return result

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All arrays, by name."""
        return {name: getattr(self, name) for name in ARRAYS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any], n_normal: int, suffix: str) -> EvidenceSets:
        """Evidence in these very arrays, whose names end so; they are changed in place."""
        result = cls.__new__(cls)
        result.n_normal = n_normal
        for name in ARRAYS:
            setattr(result, name, arrays[f"{name}{suffix}"])
        return result


def _in_slots(
    pieces: list[npt.NDArray[Any]], own_sizes: Sequence[tuple[int, int]], sizes: tuple[int, int], empty: int
) -> npt.NDArray[Any]:
    """Arrays by slot of some entities each as one, in sets of `sizes`; the pieces are let go one by one."""
    n = sum(len(piece) for piece in pieces)
    result = np.full((n, *pieces[0].shape[1:-1], sum(sizes)), empty, pieces[0].dtype)
    first = 0
    for place, (n_normal, n_anomalous) in enumerate(own_sizes):
        piece, pieces[place] = pieces[place], pieces[place][:0]
        rows = slice(first, first + len(piece))
        result[rows, ..., :n_normal] = piece[..., :n_normal]
        result[rows, ..., sizes[0] : sizes[0] + n_anomalous] = piece[..., n_normal:]
        first += len(piece)
    return result
