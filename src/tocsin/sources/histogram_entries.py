"""The entries of histograms as an engine gives them, kept small: 12 bytes each and every name once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.model import Codes, Ints

__all__ = ["EntriesRead"]

ENTRIES = 1_000_000
"""So many entries are put together before their names are looked up: a look-up costs as much as all names known."""


class EntriesRead:
    """Names, cells (a window and a span as one number) and counts, in the order in which they come."""

    def __init__(self) -> None:
        self._new: list[Any] = []
        self._n_new = 0
        self._distinct: Any = None
        self._codes: list[Codes] = []
        self._cells: list[npt.NDArray[np.signedinteger[Any]]] = []
        self._counts: list[npt.NDArray[np.signedinteger[Any]]] = []

    def __len__(self) -> int:
        return sum(map(len, self._counts))

    @property
    def count_type(self) -> npt.DTypeLike:
        """32 bits where they are enough."""
        return np.int64 if any(count.dtype == np.int64 for count in self._counts) else np.int32

    def add(self, names: Any, cells: Ints, counts: Any) -> None:
        """Take a batch; `names` is an Arrow array of texts."""
        import pyarrow as pa

        self._new.append(names.cast(pa.string()))
        self._cells.append(_narrow(cells))
        self._counts.append(_narrow(counts.astype(np.int64)))
        self._n_new += len(names)
        if self._n_new >= ENTRIES:
            self._look_up()

    def names(self) -> tuple[npt.NDArray[np.object_], Codes]:
        """All names in binary order, and the place there of each name by its code."""
        import pyarrow as pa
        import pyarrow.compute as pc

        self._look_up()
        if self._distinct is None:
            return np.empty(0, dtype=object), np.empty(0, dtype=np.int32)
        order = pc.array_sort_indices(self._distinct).to_numpy()  # by bytes
        place = np.empty(len(order), dtype=np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        return self._distinct.take(pa.array(order)).to_numpy(zero_copy_only=False).astype(object), place

    def pieces(self) -> Iterator[tuple[Codes, Any, Any]]:
        """Codes, cells and counts, the last piece first; each is let go after it."""
        while self._codes:
            codes, cells, counts = self._codes.pop(), self._cells.pop(), self._counts.pop()
            yield codes, cells, counts

    def _look_up(self) -> None:
        """Codes of the names that are new, in the order in which names first came."""
        import pyarrow as pa

        if not self._new:
            return
        chunks = [name.dictionary_encode() for name in self._new]
        if self._distinct is not None:
            chunks.insert(0, self._distinct.dictionary_encode())
        one = pa.chunked_array(chunks).unify_dictionaries()
        self._distinct = one.chunk(0).dictionary
        self._codes.extend(chunk.indices.to_numpy().astype(np.int32) for chunk in one.chunks[-len(self._new) :])
        self._new, self._n_new = [], 0


def _narrow(numbers: Ints) -> npt.NDArray[np.signedinteger[Any]]:
    return numbers.astype(np.int32) if numbers.max(initial=0) < 2**31 else numbers
