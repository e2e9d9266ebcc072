"""The reference of one target window: which facts a slice is compared with, and what is known of those windows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tocsin.kernels.grouping import seen_between, select_windows
from tocsin.model import Bools, Codes, Facts, Floats, Ints, Kpi

__all__ = ["Reference", "Season"]

NO_FLOATS: Floats = np.empty(0)
NO_BOOLS: Bools = np.empty(0, np.bool_)


@dataclass(frozen=True, slots=True)
class Season:
    """Classes of windows that share a place in a season (a weekday, an hour).

    classes : int32 (n_reference + 1,), the target's last
    """

    name: str
    classes: Codes

    @property
    def n_classes(self) -> int:
        return int(self.classes.max()) + 1


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Facts of the slices of a stretch of windows in the reference windows (compressed rows), and in the target.

    windows : int64 (n_reference,), indices of the reference windows in time order
    indptr, position, amount, exposure, excluded : compressed rows; exposure and excluded may be empty
    first   : int32 (n_slices,), first reference window at or after the slice's first fact
    usable  : bool (n_reference,), False where the source was silent
    block   : int32 (n_reference,), windows that are one observation of the level (a local day)
    now_amount, now_exposure : (n_slices,), NaN where the slice has no row in the target
    rows    : int64 (n_slices,), which of the facts' slices these are: those with a row from `since` to the target
    """

    windows: Ints
    indptr: Ints
    position: Codes
    amount: Floats
    exposure: Floats
    excluded: Bools
    first: Codes
    usable: Bools
    block: Codes
    now_amount: Floats
    now_exposure: Floats
    rows: Ints
    seasons: tuple[Season, ...] = field(default=())
    has_denominator: bool = True

    @property
    def n_windows(self) -> int:
        return len(self.windows)

    @property
    def n_slices(self) -> int:
        return len(self.indptr) - 1

    @property
    def exposure_now(self) -> Floats:
        """Exposure of every slice in the target; without a denominator 1."""
        return np.nan_to_num(self.now_exposure) if self.has_denominator else np.ones(self.n_slices)

    @property
    def arrays(self) -> tuple[Ints, Codes, Floats, Floats, Bools, Codes, Bools]:
        """What every pass of kernels/slice_history.py takes."""
        return self.indptr, self.position, self.amount, self.exposure, self.excluded, self.first, self.usable

    @classmethod
    def of(
        cls,
        facts: Facts,
        kpi: Kpi,
        target: int,
        windows: Ints,
        block: Codes,
        seasons: tuple[Season, ...],
        excluded: Bools | None,
        since: int = 0,
    ) -> Reference:
        """The facts from window `since` on are all that is used: earlier and later ones change nothing."""
        position = np.full(facts.n_windows, -1, np.int32)
        position[windows] = np.arange(len(windows), dtype=np.int32)
        exposure = NO_FLOATS if kpi.denominator is None else facts.measures[kpi.denominator]
        selected = select_windows(
            facts.indptr,
            facts.window,
            position,
            target,
            facts.measures[kpi.numerator],
            exposure,
            NO_BOOLS if excluded is None else excluded,
            since,
        )
        seen = seen_between(facts.indptr, facts.window, since, target)
        rows = np.flatnonzero(seen)
        some = slice(None) if len(rows) == len(seen) else rows
        indptr, place, amount, chosen_exposure, left_out, now_amount, now_exposure, first = selected
        usable = ~facts.silent[windows]
        return cls(
            windows,
            np.append(indptr[:-1][some], indptr[-1]),  # slices that are left out have no facts
            place,
            amount,
            chosen_exposure,
            left_out,
            first[some],
            usable,
            block,
            now_amount[some],
            now_exposure[some],
            rows,
            seasons,
            kpi.denominator is not None,
        )
