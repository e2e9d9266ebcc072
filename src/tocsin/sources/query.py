"""What is asked of a source: which windows, measures and slices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tocsin.config import SourceSettings
from tocsin.errors import SourceError, nearest
from tocsin.windows import WindowGrid

__all__ = ["FactsQuery"]


@dataclass(frozen=True)
class FactsQuery:
    """A request for facts.

    Parameters
    ----------
    grid : WindowGrid
    first, last : int
        The windows [first, last) by their index on the grid.
    measures : tuple of str
        Names out of the source's settings.
    dimensions : tuple of str
        Columns; their order is the order of `Slice.items`.
    depth : int
        Slices fix at most this many dimensions at once; all combinations are made, the total included.
    traffic : str
        The measure that the floor and the cap are judged by. A distinct count is summed over windows; a mean is judged
        by the number of its values.
    min_traffic : float
        Slices with less traffic per window of the query, on average, are left out; the total never is.
    max_slices : int
        At most this many slices, the total and those with the most traffic.
    """

    grid: WindowGrid
    first: int
    last: int
    measures: tuple[str, ...]
    dimensions: tuple[str, ...]
    depth: int
    traffic: str
    min_traffic: float = 0.0
    max_slices: int = 100_000

    def __post_init__(self) -> None:
        if not self.first < self.last:
            raise SourceError("A query has no windows", allowed="first < last", got=(self.first, self.last))
        if self.traffic not in self.measures:
            raise SourceError("A query's traffic", allowed="one of its measures", got=self.traffic)
        if len(set(self.dimensions)) != len(self.dimensions):
            raise SourceError("A query's dimensions", allowed="different columns", got=self.dimensions)
        if self.depth < 0 or self.max_slices < 1:
            raise SourceError("A query", allowed="depth >= 0 and max_slices >= 1", got=(self.depth, self.max_slices))

    @property
    def n_windows(self) -> int:
        return self.last - self.first

    @property
    def start(self) -> datetime:
        """When the first window begins, aware UTC."""
        return self.grid.start_of(self.first)

    @property
    def end(self) -> datetime:
        """When the last window ends, aware UTC."""
        return self.grid.start_of(self.last)

    def require_measures(self, name: str, settings: SourceSettings) -> None:
        """Raise `SourceError` for a measure that the source's settings do not have."""
        for measure in self.measures:
            if measure not in settings.measures:
                raise SourceError(
                    f"Source {name!r} has no measure {measure!r}",
                    allowed=", ".join(settings.measures),
                    hint=nearest(measure, settings.measures),
                )
