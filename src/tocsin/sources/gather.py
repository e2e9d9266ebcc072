"""Batches of the facts statement -> `model.Facts`: compressed rows, dictionary codes, everything in a fixed order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.config import SourceSettings
from tocsin.model import Codes, Facts, Floats, LeftOut
from tocsin.sources.query import FactsQuery

__all__ = ["gather_facts", "settled"]

Objects = npt.NDArray[np.object_]


class _Pieces:
    """What the batches held: facts as growing lists of arrays, slices as columns."""

    def __init__(self, query: FactsQuery) -> None:
        self.slice: list[npt.NDArray[np.int32]] = []
        self.window: list[npt.NDArray[np.int32]] = []
        self.measures: list[list[Floats]] = [[] for _ in query.measures]
        self.numbers: list[npt.NDArray[np.int64]] = []
        self.keys: list[list[Objects]] = [[] for _ in query.dimensions]
        self.cut: dict[str, float] = {}

    def add(self, batch: Any) -> None:
        """Take over one record batch: facts have a window, slices have none, the line on cuts has neither."""
        import pyarrow.compute as pc

        facts = batch.filter(pc.is_valid(batch["w"]))
        self.slice.append(facts["slice"].to_numpy(zero_copy_only=False).astype(np.int32))
        self.window.append(facts["w"].to_numpy(zero_copy_only=False).astype(np.int32))
        for index, pieces in enumerate(self.measures):
            # NULL (a mean of no values) becomes NaN
            pieces.append(facts[f"m{index}"].to_numpy(zero_copy_only=False).astype(np.float64))
        slices = batch.filter(pc.and_(pc.is_null(batch["w"]), pc.is_valid(batch["slice"])))
        self.numbers.append(slices["slice"].to_numpy(zero_copy_only=False).astype(np.int64))
        for k, keys in enumerate(self.keys):
            keys.append(slices[f"k{k}"].to_numpy(zero_copy_only=False))
        for line in batch.filter(pc.is_null(batch["slice"])).to_pylist():
            self.cut = {name: float(line[name] or 0.0) for name in ("n_floor", "n_cap", "t_floor", "t_cap", "t_all")}


def gather_facts(
    batches: Iterator[Any], settings: SourceSettings, query: FactsQuery, n_rows: int, left_out: tuple[LeftOut, ...]
) -> Facts:
    """Read all batches; memory stays within about three times the facts' own size.

    Slices are sorted by the number of their dimensions, then by which they are, then by value; windows ascend.
    """
    pieces = _Pieces(query)
    for batch in batches:
        pieces.add(batch)
    numbers = _joined(pieces.numbers, np.int64)
    values, codes = _dictionaries([_joined(keys, np.object_) for keys in pieces.keys], len(numbers))
    order = _slice_order(codes)
    place = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.int32)
    place[numbers[order]] = np.arange(len(order), dtype=np.int32)
    rows = place[_joined(pieces.slice, np.int32)]
    window = _joined(pieces.window, np.int32)
    pieces.slice, pieces.window = [], []
    indptr, permutation = _compressed(rows, window, len(order), query.n_windows)
    measures: dict[str, Floats] = {}
    for index, label in enumerate(query.measures):
        column = _joined(pieces.measures[index], np.float64)[permutation]
        pieces.measures[index] = []
        measures[label] = settled(column) if settings.measures[label].aggregate in ("sum", "mean") else column
    window = window[permutation]
    silent = np.ones(query.n_windows, dtype=bool)
    silent[window] = False
    starts = [int(query.grid.start_of(index).timestamp()) for index in range(query.first, query.last + 1)]
    return Facts(
        dimensions=query.dimensions,
        values=values,
        codes=codes[order],
        starts=np.array(starts, dtype=np.int64),
        indptr=indptr,
        window=window,
        measures=measures,
        silent=silent,
        left_out=left_out + _cuts(pieces.cut, query),
        n_rows=n_rows,
    )


def _joined(arrays: list[Any], dtype: Any) -> Any:
    return np.concatenate(arrays) if arrays else np.empty(0, dtype=dtype)


def _dictionaries(columns: list[Objects], n_slices: int) -> tuple[tuple[Objects, ...], Codes]:
    """Sorted values and codes of every dimension; None (rolled up) has code -1."""
    values: list[Objects] = []
    codes: Codes = np.full((n_slices, len(columns)), -1, dtype=np.int32)
    for k, column in enumerate(columns):
        fixed = np.array([value is not None for value in column], dtype=bool)
        ordered = sorted(set(column[fixed]))
        code_of = {value: code for code, value in enumerate(ordered)}
        codes[fixed, k] = [code_of[value] for value in column[fixed]]
        distinct = np.empty(len(ordered), dtype=object)
        distinct[:] = ordered
        values.append(distinct)
    return tuple(values), codes


def _slice_order(codes: Codes) -> npt.NDArray[np.int64]:
    fixed = codes >= 0
    n_dimensions = codes.shape[1]
    # the earlier a dimension is configured, the earlier its slices come
    which = -(fixed * (1 << np.arange(n_dimensions)[::-1])).sum(axis=1)
    return np.lexsort((*codes.T[::-1], which, fixed.sum(axis=1)))


def _compressed(
    rows: npt.NDArray[np.int32], window: npt.NDArray[np.int32], n_slices: int, n_windows: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """indptr, and the permutation that sorts by slice and then window, in linear time."""
    from scipy.sparse import coo_array

    positions = np.arange(1, len(rows) + 1, dtype=np.int64)
    matrix = coo_array((positions, (rows, window)), shape=(n_slices, n_windows)).tocsr()
    matrix.sort_indices()
    return matrix.indptr.astype(np.int64), matrix.data - 1


def settled(values: Floats) -> Floats:
    """Fractions rounded to 12 significant digits: the order in which an engine adds must not show in the facts."""
    fraction = values != np.rint(values)
    fraction &= np.isfinite(values)
    if fraction.any():
        chosen = values[fraction]
        scale = 10.0 ** (11 - np.floor(np.log10(np.abs(chosen))))
        rounded = np.rint(chosen * scale) / scale
        values[fraction] = np.where(np.isfinite(rounded), rounded, chosen)
    return values


def _cuts(cut: Mapping[str, float], query: FactsQuery) -> tuple[LeftOut, ...]:
    found = []
    reasons = (
        ("traffic floor", "floor", f"less than {query.min_traffic:g} {query.traffic} per window on average"),
        ("slice cap", "cap", f"beyond the {query.max_slices} slices with the most {query.traffic}"),
    )
    for reason, key, why in reasons:
        count = int(cut.get(f"n_{key}", 0))
        if count:
            share = cut[f"t_{key}"] / cut["t_all"] if cut["t_all"] else 0.0
            detail = f"{count} slices have {why}; they carry {share:.2%} of the traffic of all slices of all levels."
            found.append(LeftOut(reason, count, "slices", detail))
    return tuple(found)
