"""Tables wherever they live -> facts, entities or histograms per window: the only reader of users' data.

The whole aggregation runs in the user's engine; only its result comes out. ibis and everything that it brings stay
inside this package and are imported when a source is opened.
"""

from tocsin.sources.compiled import DIALECTS
from tocsin.sources.describe import ColumnDescription, TableDescription
from tocsin.sources.query import EntityQuery, FactsQuery, HistogramQuery
from tocsin.sources.source import OpenTable, Source, compile_sql, open_source, open_table

__all__ = [
    "DIALECTS",
    "ColumnDescription",
    "EntityQuery",
    "FactsQuery",
    "HistogramQuery",
    "OpenTable",
    "Source",
    "TableDescription",
    "compile_sql",
    "open_source",
    "open_table",
]
