"""A uniform sample of the rows of a stream, in one pass and bounded memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.model import Ints

__all__ = ["Sample", "draw_sample"]


@dataclass(frozen=True, slots=True)
class Sample:
    """table : pyarrow.Table, its rows in their order; rows : int64 (n,) their places; n_rows : how many there were."""

    table: Any
    rows: Ints
    n_rows: int


def draw_sample(batches: Iterable[Any], size: int, seed: int) -> Sample | None:
    """At most `size` rows, each set of rows as likely as any other; None for a stream without batches.

    Every row draws a number, the rows of the smallest are kept: the sample does not depend on how the rows are cut
    into batches.
    """
    import pyarrow as pa

    random = np.random.default_rng(seed)
    kept: Any = None
    numbers, rows = np.empty(0), np.empty(0, np.int64)
    n_rows, bar = 0, 1.0
    for batch in batches:
        drawn = random.random(batch.num_rows)
        here = np.flatnonzero(drawn <= bar)
        part = pa.Table.from_batches([batch]).take(here)
        kept = part if kept is None else pa.concat_tables([kept, part])
        numbers, rows = np.append(numbers, drawn[here]), np.append(rows, n_rows + here)
        n_rows += batch.num_rows
        if len(rows) > 2 * size:
            kept, numbers, rows = _smallest(kept, numbers, rows, size)
            bar = float(numbers.max())
    if kept is None:
        return None
    kept, _, rows = _smallest(kept, numbers, rows, size)
    return Sample(kept, rows, n_rows)


def _smallest(table: Any, numbers: Any, rows: Any, size: int) -> tuple[Any, Any, Any]:
    if len(rows) <= size:
        return table, numbers, rows
    chosen = np.sort(np.argpartition(numbers, size - 1)[:size])
    return table.take(chosen).combine_chunks(), numbers[chosen], rows[chosen]
