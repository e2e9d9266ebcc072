"""What is asked of a source: which windows, and the measures of slices or the attributes of entities in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from tocsin.config import SourceSettings
from tocsin.errors import SourceError, nearest
from tocsin.formatting import format_number
from tocsin.model import Kpi, Measure
from tocsin.windows import WindowGrid

__all__ = ["DAY_SECONDS", "EntityQuery", "FactsQuery", "HistogramQuery", "WindowsQuery"]

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class WindowsQuery:
    """The windows that are asked for.

    Parameters
    ----------
    grid : WindowGrid
    first, last : int
        The windows [first, last) by their index on the grid.
    """

    grid: WindowGrid
    first: int
    last: int

    def __post_init__(self) -> None:
        if not self.first < self.last:
            raise SourceError("A query has no windows", allowed="first < last", got=(self.first, self.last))

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


@dataclass(frozen=True)
class FactsQuery(WindowsQuery):
    """A request for facts.

    Parameters
    ----------
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

    measures: tuple[str, ...]
    dimensions: tuple[str, ...]
    depth: int
    traffic: str
    min_traffic: float = 0.0
    max_slices: int = 100_000

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.traffic not in self.measures:
            raise SourceError("A query's traffic", allowed="one of its measures", got=self.traffic)
        if len(set(self.dimensions)) != len(self.dimensions):
            raise SourceError("A query's dimensions", allowed="different columns", got=self.dimensions)
        if self.depth < 0 or self.max_slices < 1:
            raise SourceError("A query", allowed="depth >= 0 and max_slices >= 1", got=(self.depth, self.max_slices))

    def measures_of(self, name: str, settings: SourceSettings) -> dict[str, Measure]:
        """The measures by name; raises `SourceError` for one that the source's settings do not have."""
        return {measure: _measure(name, settings.measures, measure) for measure in self.measures}


@dataclass(frozen=True)
class EntityQuery(WindowsQuery):
    """A request for a table of entities.

    Parameters
    ----------
    entity : str
        The column that names them.
    features : mapping
        Name -> how it is aggregated from an entity's rows, or a ratio of two features or measures of the source.
        Without any, the table has one row an entity (and window), of which the newest is taken as it is.
    attributes : tuple of str
        Columns of which an entity has its most frequent value; of equally frequent ones the first in binary order.
    columns : tuple of str
        Without features: the columns to take; empty = all.
    min_records : int
        Entities with fewer rows in a window are left out of it.
    max_entities : int
        At most this many in a window, those with the most rows, equals by name in binary order.
    """

    entity: str
    features: Mapping[str, Measure | Kpi]
    attributes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    min_records: int = 1
    max_entities: int = 200_000

    @property
    def is_ready(self) -> bool:
        """Whether the table has one row an entity already."""
        return not self.features

    def measures_of(self, name: str, settings: SourceSettings) -> dict[str, Measure]:
        """What is aggregated, by name: features, and the source's measures that ratios need; raises `SourceError`."""
        found = {label: feature for label, feature in self.features.items() if isinstance(feature, Measure)}
        known = {**settings.measures, **found}
        for feature in self.features.values():
            if isinstance(feature, Kpi):
                found |= {label: _measure(name, known, label) for label in feature.measures}
        return found


@dataclass(frozen=True)
class HistogramQuery(WindowsQuery):
    """A request for histograms of what entities did.

    Parameters
    ----------
    entity : str
        The column that names them.
    attribute : str or None
        The column that is counted by its values; None = by the time of day, on the wall clock of the grid.
    n_bins : int
        Of the time of day: equal spans.
    fine_seconds : int or None
        Of the time of day: the length of the finer spans that are asked for; it divides a bin.
    edges : tuple of float
        Of a column of numbers: n edges make n + 1 bins, each with its lower edge.
    categories : tuple of str
        Of any other column: the values, each a bin; the last bin is for all others.
    weight : str or None
        A column of whole numbers to sum; None = every row counts 1.
    peers : tuple of str
        Columns whose most frequent values say whom an entity is like; of equally frequent ones the first in binary
        order.
    min_records : int
        Entities with fewer records in a window are left out of it.
    max_entities : int
        At most this many in a window, those with the most records, equals by name in binary order.
    """

    entity: str
    attribute: str | None = None
    n_bins: int = 24
    fine_seconds: int | None = None
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    weight: str | None = None
    peers: tuple[str, ...] = ()
    min_records: int = 1
    max_entities: int = 200_000

    @property
    def span_seconds(self) -> int:
        """The length of the finest spans of the day."""
        return self.fine_seconds or DAY_SECONDS // self.n_bins

    @property
    def n_spans(self) -> int:
        return DAY_SECONDS // self.span_seconds if self.attribute is None else len(self.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the bins, for people."""
        if self.attribute is None:
            step = DAY_SECONDS // self.n_bins
            return tuple(_clock(index * step) for index in range(self.n_bins))
        if self.categories:
            return (*self.categories, "other")
        edges = [format_number(edge, 6) for edge in self.edges]
        inner = (f"{low} to {high}" for low, high in pairwise(edges))
        return (f"below {edges[0]}", *inner, f"{edges[-1]} and more") if edges else ("all",)

    def measures_of(self, name: str, settings: SourceSettings) -> dict[str, Measure]:
        """None: what is counted is no measure."""
        return {}


def _clock(seconds: int) -> str:
    minutes, second = divmod(seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}"
    return f"{clock}:{second:02}" if second else clock


def _measure(name: str, known: Mapping[str, Measure], label: str) -> Measure:
    if label not in known:
        hint = nearest(label, known)
        raise SourceError(f"Source {name!r} has no measure {label!r}", allowed=", ".join(known), hint=hint)
    return known[label]
