"""The reference of one target window: which facts a slice is compared with, and what is known of those windows."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from tocsin.kernels.grouping import select_windows
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
    """Facts of all slices in the reference windows (compressed rows), and in the target.

    windows : int64 (n_reference,), indices of the reference windows in time order
    indptr, position, amount, exposure, excluded : compressed rows; exposure and excluded may be empty
    first   : int32 (n_slices,), first reference window at or after the slice's first fact
    usable  : bool (n_reference,), False where the source was silent
    block   : int32 (n_reference,), windows that are one observation of the level (a local day)
    now_amount, now_exposure : (n_slices,), NaN where the slice has no row in the target
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
    seasons: tuple[Season, ...] = field(default=())
    has_denominator: bool = True

    @property
    def n_windows(self) -> int:
        return len(self.windows)

    @property
    def n_slices(self) -> int:
        return len(self.indptr) - 1

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
    ) -> Reference:
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
        )
        indptr, place, amount, chosen_exposure, left_out, now_amount, now_exposure, first = selected
        usable = ~facts.silent[windows]
        return cls(
            windows,
            indptr,
            place,
            amount,
            chosen_exposure,
            left_out,
            first,
            usable,
            block,
            now_amount,
            now_exposure,
            seasons,
            kpi.denominator is not None,
        )
