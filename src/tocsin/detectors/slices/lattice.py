"""How the slices of some facts are nested: which dimensions each fixes, and where its one-dimension roll-ups are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.model import Codes, Ints

__all__ = ["Lattice"]


@dataclass(frozen=True, slots=True)
class Lattice:
    """The nesting of slices.

    group : int64 (n_slices,), bit d is set where dimension d is fixed; 0 = the total
    groups : the groups that occur, from the total down, and the slices of each
    total : index of the total's slice, -1 if there is none
    main : int64 (n_slices, n_dimensions), the slice that fixes this dimension only, to the same value; -1 = none
    """

    group: Ints
    groups: tuple[tuple[int, npt.NDArray[np.int64]], ...]
    total: int
    main: Ints

    @classmethod
    def of(cls, codes: Codes) -> Lattice:
        n_slices, n_dimensions = codes.shape
        fixed = codes >= 0
        group = np.zeros(n_slices, np.int64)
        for dimension in range(n_dimensions):
            group |= fixed[:, dimension].astype(np.int64) << dimension
        present = sorted((int(g) for g in np.unique(group)), key=lambda g: (g.bit_count(), g))
        groups = tuple((g, np.flatnonzero(group == g)) for g in present)
        members = dict(groups)
        total = int(members[0][0]) if 0 in members else -1
        main = np.full((n_slices, n_dimensions), -1, np.int64)
        for dimension in range(n_dimensions):
            rows = members.get(1 << dimension)
            if rows is None:
                continue
            own = codes[rows, dimension]
            row_of = np.full(int(codes[:, dimension].max()) + 1, -1, np.int64)
            row_of[own] = rows
            main[:, dimension] = np.where(fixed[:, dimension], row_of[codes[:, dimension]], -1)
        return cls(group, groups, total, main)

    def take(self, rows: Ints) -> Lattice:
        """The nesting of some of the slices, in ascending order, as if there were no others."""
        if len(rows) == len(self.group):
            return self
        place = np.full(len(self.group) + 1, -1, np.int64)  # the last entry answers -1, no slice
        place[rows] = np.arange(len(rows))
        groups = ((group, place[members]) for group, members in self.groups)
        kept = tuple((group, members[members >= 0]) for group, members in groups)
        total = int(place[self.total])
        return Lattice(self.group[rows], tuple(pair for pair in kept if len(pair[1])), total, place[self.main[rows]])

    def depth(self, group: int) -> int:
        """How many dimensions the slices of a group fix."""
        return group.bit_count()
