"""The facts of some windows as points of series: one series a combination of the dimensions' values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.model import Bools, Facts, Floats, Ints, Kpi, LeftOut

__all__ = ["Points", "read_points"]


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Consecutive windows of many series.

    keys      : slice keys of the series, in order
    amount    : (n_series, n_windows) the KPI's numerator (or the KPI itself), NaN = no rows
    exposure  : the same of its denominator, None where it has none
    silent    : (n_windows,) the source had no rows at all
    starts    : (n_windows + 1,) epoch seconds
    first     : index on the grid of the first window
    is_sum    : a window without rows has amount 0, once the series has begun
    """

    keys: npt.NDArray[np.object_]
    amount: Floats
    exposure: Floats | None
    silent: Bools
    starts: Ints
    first: int
    is_sum: bool
    left_out: tuple[LeftOut, ...] = ()

    @property
    def n_windows(self) -> int:
        return len(self.silent)

    def rows_of(self, keys: Sequence[str]) -> Ints:
        """The row of each series; -1: it has no rows here."""
        place = {key: row for row, key in enumerate(self.keys)}
        return np.array([place.get(key, -1) for key in keys], dtype=np.int64)

    def traffic(self, stop: int) -> Floats:
        """(n_series,) mean of the denominator, or the KPI, over the windows before position `stop`."""
        found = (self.amount if self.exposure is None else self.exposure)[:, :stop]
        return np.asarray(np.nansum(np.abs(found), axis=1) / max(stop, 1))

    def columns(self, rows: Ints, first: int, stop: int) -> tuple[Floats, Floats, Floats]:
        """Values of the KPI, amounts and exposures (NaN without a denominator) of some series at positions
        [first, stop); a row of -1 has no rows in any. What a sum lacks is NaN here, see `begun`."""
        amount = _taken(self.amount, rows, first, stop)
        if self.exposure is None:
            return amount, amount, np.full(amount.shape, np.nan)
        exposure = _taken(self.exposure, rows, first, stop)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(exposure > 0, amount / exposure, np.nan), amount, exposure

    def begun(self, values: Floats, first: int, *, since_first: bool) -> Floats:
        """With 0 where a sum has no rows though its source has some.

        since_first : only from the first point of each series on
        """
        if not self.is_sum:
            return values
        silent = self.silent[first : first + values.shape[1]]
        absent = np.isnan(values) & ~silent
        if since_first:
            absent &= np.logical_or.accumulate(~np.isnan(values), axis=1)
        return np.where(absent, 0.0, values)

    def digest(self, position: int) -> str:
        """Of one window's facts."""
        parts = [self.amount[:, position]]
        if self.exposure is not None:
            parts.append(self.exposure[:, position])
        present = np.flatnonzero(~np.isnan(parts[0]))
        digest = hashlib.blake2b(b"silent" if self.silent[position] else b"", digest_size=16)
        digest.update("\0".join(self.keys[present]).encode("utf-8", "surrogatepass"))
        for part in parts:
            digest.update(part[present].tobytes())
        return digest.hexdigest()


def read_points(facts: Facts, kpi: Kpi, first: int, *, is_sum: bool) -> Points:
    """The points of the slices that fix every dimension; `first` is the grid's index of the first window."""
    whole = np.flatnonzero((facts.codes >= 0).all(axis=1))
    keys = np.array([facts.slice_at(int(index)).key for index in whole], dtype=object)
    order = np.argsort(keys, kind="stable")
    row_of = np.full(facts.n_slices, -1, dtype=np.int64)
    row_of[whole[order]] = np.arange(len(whole))
    owner = row_of[np.repeat(np.arange(facts.n_slices), np.diff(facts.indptr))]
    inside = owner >= 0
    made = []
    for name in kpi.measures:
        dense = np.full((len(whole), facts.n_windows), np.nan)
        dense[owner[inside], facts.window[inside]] = facts.measures[name][inside]
        dense[~np.isfinite(dense)] = np.nan
        made.append(dense)
    exposure = made[1] if kpi.denominator is not None else None
    silent = np.asarray(facts.silent, dtype=bool)
    return Points(
        keys[order], made[0], exposure, silent, facts.starts, first, is_sum and exposure is None, facts.left_out
    )


def _taken(dense: Floats, rows: Ints, first: int, stop: int) -> Floats:
    found = np.full((len(rows), stop - first), np.nan)
    found[rows >= 0] = dense[rows[rows >= 0], first:stop]
    return found
