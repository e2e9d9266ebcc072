"""Tables wherever they live -> facts per window and slice: the only reader of users' data.

The whole aggregation runs in the user's engine; only facts come out. ibis and everything that it brings stay inside
this package and are imported when a source is opened.
"""

from tocsin.sources.describe import ColumnDescription, TableDescription
from tocsin.sources.query import FactsQuery
from tocsin.sources.source import OpenTable, Source, open_source, open_table
from tocsin.sources.statement import DIALECTS, compile_sql

__all__ = [
    "DIALECTS",
    "ColumnDescription",
    "FactsQuery",
    "OpenTable",
    "Source",
    "TableDescription",
    "compile_sql",
    "open_source",
    "open_table",
]
