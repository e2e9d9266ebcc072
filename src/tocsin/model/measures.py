"""How numbers are aggregated from rows, and the KPIs made of them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tocsin.errors import InputError

__all__ = ["Kpi", "Measure"]

_MEASURE = re.compile(
    r"""\s*(?P<aggregate>count|sum|mean|distinct)\s*
        (?:\(\s*(?P<column>"[^"]+"|[^()"]*?)\s*\))?\s*
        (?:\bwhere\s+(?P<where_column>"[^"]+"|[^\s="]+)\s*=\s*'(?P<where_value>[^']*)'\s*)?$""",
    re.VERBOSE | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Measure:
    """How one number is aggregated from rows: ``aggregate(column) where where_column = 'where_value'``.

    aggregate : "count" (rows, or non-null values of a column), "sum", "mean" or "distinct"
    """

    aggregate: str
    column: str | None = None
    where_column: str | None = None
    where_value: str | None = None

    @classmethod
    def parse(cls, text: str) -> Measure:
        """Read ``count``, ``sum(revenue)``, ``distinct(user) where event = 'view'``; raises `InputError`."""
        allowed = "count, count(column), sum(column), mean(column), distinct(column), each with where column = 'value'"
        found = _MEASURE.match(text)
        if found is None:
            raise InputError("A measure cannot be read", allowed=allowed, got=text)
        aggregate = found["aggregate"].lower()
        column, where_column = (part.strip('"') if part else None for part in (found["column"], found["where_column"]))
        if column is None and aggregate != "count":
            raise InputError(f"The aggregate {aggregate} needs a column", allowed=allowed, got=text)
        return cls(aggregate, column, where_column, found["where_value"])

    @property
    def additive(self) -> bool:
        """Whether the value of a rolled-up slice is the sum of its parts'."""
        return self.aggregate in ("count", "sum")


@dataclass(frozen=True, slots=True)
class Kpi:
    """A measure, or the ratio of the sums of two measures (never a mean of ratios)."""

    numerator: str
    denominator: str | None = None

    @classmethod
    def parse(cls, text: str) -> Kpi:
        """Read "clicks / views" or "revenue"; raises `InputError`."""
        parts = [part.strip() for part in text.split("/")]
        if not all(parts) or len(parts) > 2:
            raise InputError("A KPI cannot be read", allowed='a measure, or a ratio like "clicks / views"', got=text)
        return cls(*parts)

    @property
    def measures(self) -> tuple[str, ...]:
        return (self.numerator,) if self.denominator is None else (self.numerator, self.denominator)

    def __str__(self) -> str:
        return " / ".join(self.measures)
