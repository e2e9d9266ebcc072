"""Histograms of many entities over consecutive windows: what a source gives to the lens of collections."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.model.facts import Bools, Codes, Ints, window_at
from tocsin.model.records import LeftOut, Window

__all__ = ["Histograms"]


@dataclass(frozen=True, slots=True, eq=False)
class Histograms:
    """How many records each entity had in each span (of the day, of a number's range, of values) of each window.

    Sparse: a collection (an entity in a window) is a row, rows are sorted by window and then by entity; the entries of
    row `i` are ``indptr[i]:indptr[i + 1]`` of `span` and `count`. An entity without records in a window has no row.

    entity   : the column that names the entities
    names    : (n_names,) object array of str, in binary order
    labels   : of the bins, length n_bins
    n_spans  : how many spans there are; each bin is made of n_spans / n_bins of them
    window   : (n_rows,) int32 index of the window
    code     : (n_rows,) int32 into `names`
    indptr   : (n_rows + 1,) int64
    span     : (n_entries,) int16, ascending in a row
    count    : (n_entries,) int32 or int64, at least 1
    starts   : (n_windows + 1,) int64 epoch seconds UTC; window w is [starts[w], starts[w + 1])
    silent   : (n_windows,) bool, True where the source had no rows at all
    peers    : (n_rows,) object array of texts that say whom the entity was like in the window; None: nobody asked
    left_out : what was cut from each window and why, n_windows tuples
    general  : what could not be used of the table as a whole
    """

    entity: str
    names: npt.NDArray[np.object_]
    labels: tuple[str, ...]
    n_spans: int
    window: Codes
    code: Codes
    indptr: Ints
    span: npt.NDArray[np.int16]
    count: npt.NDArray[np.signedinteger]
    starts: Ints
    silent: Bools
    peers: npt.NDArray[np.object_] | None = None
    left_out: tuple[tuple[LeftOut, ...], ...] = ()
    general: tuple[LeftOut, ...] = ()

    @property
    def n_windows(self) -> int:
        return len(self.starts) - 1

    @property
    def n_bins(self) -> int:
        return len(self.labels)

    def window_at(self, index: int) -> Window:
        return window_at(self.starts, index)

    def rows_of(self, window: int) -> slice:
        """The rows of a window."""
        first, last = np.searchsorted(self.window, np.array([window, window + 1], dtype=np.int32))
        return slice(int(first), int(last))

    def names_of(self, window: int) -> npt.NDArray[np.object_]:
        """The entities with records in a window, in binary order."""
        return self.names[self.code[self.rows_of(window)]]

    def spans_of(self, rows: slice, places: Ints, n_places: int) -> npt.NDArray[np.signedinteger]:
        """(n_places, n_spans) counts in the type of `count`: row `i` of `rows` (of one window) at ``places[i]``."""
        entries = slice(int(self.indptr[rows.start]), int(self.indptr[rows.stop]))
        owner = np.repeat(places, np.diff(self.indptr[rows.start : rows.stop + 1]))
        counts = np.zeros((n_places, self.n_spans), dtype=self.count.dtype)
        counts[owner, self.span[entries]] = self.count[entries]
        return counts

    def rolled_up(self, spans: npt.NDArray[np.signedinteger]) -> Ints:
        """Counts of spans (…, n_spans) as int64 counts of bins (…, n_bins)."""
        bins: Ints = spans.reshape(*spans.shape[:-1], self.n_bins, -1).sum(axis=-1, dtype=np.int64)
        return bins

    def digest_of(self, window: int) -> str:
        """Of everything that a window holds: equal digests, equal histograms."""
        rows = self.rows_of(window)
        entries = slice(int(self.indptr[rows.start]), int(self.indptr[rows.stop]))
        digest = hashlib.blake2b(json.dumps([self.labels, self.n_spans, bool(self.silent[window])]).encode())
        digest.update(json.dumps(self.names_of(window).tolist()).encode())
        digest.update(np.diff(self.indptr[rows.start : rows.stop + 1]).tobytes())
        digest.update(self.span[entries].tobytes())
        digest.update(self.count[entries].astype(np.int64).tobytes())
        if self.peers is not None:
            digest.update(json.dumps(self.peers[rows].tolist()).encode())
        return digest.hexdigest()
