"""Which entities are new, gone, or of other attributes than in the window before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tocsin.formatting import format_count
from tocsin.model import EntityTable

__all__ = ["Turnover"]


@dataclass(frozen=True, slots=True)
class Turnover:
    """What changed among the entities.

    new       : names that the window before had not; empty where there was no window before
    n_gone    : how many are no more
    n_changed : how many have another value of an attribute that is a text
    """

    new: frozenset[str] = frozenset()
    n_gone: int = 0
    n_changed: int = 0
    is_known: bool = False

    @classmethod
    def between(cls, table: EntityTable, before: int, now: int) -> Turnover:
        """Compare two windows of a table; a window without rows says nothing."""
        if before < 0 or table.silent[before]:
            return cls()
        old, new = table.rows_of(before), table.rows_of(now)
        _, here, there = np.intersect1d(
            table.names[new].astype(str), table.names[old].astype(str), assume_unique=True, return_indices=True
        )
        changed = np.zeros(len(here), dtype=bool)
        for column in table.columns.values():
            if column.dtype.kind == "O":
                changed |= column[new][here] != column[old][there]
        fresh = np.delete(table.names[new], here)
        n_gone = (old.stop - old.start) - len(there)
        return cls(frozenset(str(name) for name in fresh), n_gone, int(changed.sum()), True)

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence."""
        if not self.is_known:
            return ("There is no window before to tell new entities from old ones.",)
        new = format_count(len(self.new), "entity is", "entities are")
        changed = format_count(self.n_changed, "has another attribute", "have other attributes")
        return (f"Since the window before, {new} new, {self.n_gone:,} gone; {changed}.",)
