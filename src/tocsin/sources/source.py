"""A source: a table wherever it lives, checked, described and turned into facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from tocsin.config import SourceSettings
from tocsin.errors import SourceError
from tocsin.model import EntityTable, Facts, Histograms, LeftOut
from tocsin.sources.compiled import DIALECTS, compile_expression, compiler_of
from tocsin.sources.describe import TableDescription, describe_table
from tocsin.sources.engines import Engine, connect, engine_errors
from tocsin.sources.entities import entities_expression, gather_entities
from tocsin.sources.event_time import with_seconds
from tocsin.sources.gather import gather_facts
from tocsin.sources.histograms import (
    edges_of,
    gather_histograms,
    gather_peers,
    histograms_expression,
    peers_expression,
    values_expression,
)
from tocsin.sources.query import EntityQuery, FactsQuery, HistogramQuery
from tocsin.sources.rows import column_of, time_column
from tocsin.sources.statement import facts_expression
from tocsin.sources.windowed import quality_expression

__all__ = ["OpenTable", "Source", "compile_sql", "open_source", "open_table"]


AnyQuery = FactsQuery | EntityQuery | HistogramQuery


class OpenTable:
    """A connected table without settings; a context manager."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.close()

    @property
    def name(self) -> str:
        return self._engine.name

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the table's columns, in order."""
        return tuple(self._engine.table.columns)

    def describe(self) -> TableDescription:
        """Columns with kinds, ranges and frequent values; raises `SourceError`."""
        with engine_errors(self.name, self._engine.secrets):
            return describe_table(self._engine.table, self._rows)

    def batches(self) -> Iterator[Any]:
        """All rows as pyarrow record batches, those of files in their order; raises `SourceError`."""
        with engine_errors(self.name, self._engine.secrets):
            yield from self._batches(self._engine.table)

    def _batches(self, expression: Any, query: FactsQuery | None = None) -> Iterator[Any]:
        sql = compile_expression(expression, self._engine.compiler, query)
        return self._engine.run(sql, expression)

    def _rows(self, expression: Any) -> list[dict[str, Any]]:
        return [row for batch in self._batches(expression) for row in batch.to_pylist()]


class Source(OpenTable):
    """A table of events or facts with its settings; opened by `open_source`."""

    def __init__(self, engine: Engine, settings: SourceSettings) -> None:
        super().__init__(engine)
        self.settings = settings

    def check(self, query: AnyQuery | None = None) -> list[str]:
        """Problems as sentences, none if all is well: columns, types, and what the engine says of the statement.

        Reads no data; with a query, the engine plans its statement.
        """
        try:
            with engine_errors(self.name, self._engine.secrets):
                table, dialect = self._engine.table, self._engine.dialect
                if query is None:
                    time_column(table, self.name, self.settings)
                    return self._missing_columns()
                facts_query = query if isinstance(query, FactsQuery) else None
                if facts_query is not None:
                    self._require_grouping_sets()
                expression = _expression(table, self.name, self.settings, query, query.end, dialect)
                self._engine.dry_run(compile_expression(expression, self._engine.compiler, facts_query))
        except SourceError as error:
            return [str(error)]
        return []

    def _missing_columns(self) -> list[str]:
        problems = []
        for label, measure in self.settings.measures.items():
            for column in (measure.column, measure.where_column):
                if column is not None:
                    try:
                        column_of(self._engine.table, self.name, column, f"measure {label!r}")
                    except SourceError as error:
                        problems.append(str(error))
        return problems

    def _require_grouping_sets(self) -> None:
        if self._engine.dialect not in DIALECTS:
            raise SourceError(
                f"Source {self.name!r}: the engine has no GROUPING SETS",
                allowed=", ".join(DIALECTS),
                got=self._engine.dialect,
                hint="export the table to Parquet and give its path",
            )

    def extent(self) -> tuple[datetime, datetime] | None:
        """First and last usable event time in whole seconds (aware UTC), None = empty; raises `SourceError`."""
        with engine_errors(self.name, self._engine.secrets):
            table, dialect = self._engine.table, self._engine.dialect
            # wall times are read with the offsets of these years; the clock of two centuries would make a long CASE
            start, end = datetime(2000, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
            rows = table.select(t=time_column(table, self.name, self.settings))
            rows = with_seconds(rows, self.settings.time_zone, start, end, dialect=dialect)
            found = self._rows(rows.aggregate(first=rows.sec.min(), last=rows.sec.max()))[0]
        if found["first"] is None:
            return None
        return datetime.fromtimestamp(int(found["first"]), UTC), datetime.fromtimestamp(int(found["last"]), UTC)

    def facts(self, query: FactsQuery, now: datetime) -> Facts:
        """The measures of all slices in the windows of a query.

        Parameters
        ----------
        query : FactsQuery
        now : datetime
            Aware UTC; rows of a later second are left out and counted.

        Raises
        ------
        SourceError
            A column is missing or of a wrong type, no row has a readable time, or the engine refuses.
        """
        with engine_errors(self.name, self._engine.secrets):
            self._require_grouping_sets()
            arguments = (self._engine.table, self.name, self.settings, query, now, self._engine.dialect)
            counts = self._counts(quality_expression(*arguments))
            batches = self._batches(facts_expression(*arguments), query)
            return gather_facts(batches, self.settings, query, counts["n_rows"], _left_out(counts, self.settings))

    def entities(self, query: EntityQuery, now: datetime) -> EntityTable:
        """The attributes of all entities in the windows of a query; parameters and errors as for `facts`.

        Of a table without a column of time, all rows belong to the newest window.
        """
        with engine_errors(self.name, self._engine.secrets):
            arguments = (self._engine.table, self.name, self.settings, query, now, self._engine.dialect)
            counts = self._counts(quality_expression(*arguments))
            general = _left_out(counts, self.settings)
            batches = self._batches(entities_expression(*arguments))
            return gather_entities(batches, self._engine.table, self.name, self.settings, query, general)

    def histograms(self, query: HistogramQuery, now: datetime) -> Histograms:
        """What all entities did in the windows of a query; parameters and errors as for `facts`."""
        with engine_errors(self.name, self._engine.secrets):
            arguments = (self._engine.table, self.name, self.settings, query, now, self._engine.dialect)
            counts = self._counts(quality_expression(*arguments))
            peers = gather_peers(self._batches(peers_expression(*arguments)), query) if query.peers else {}
            general = _left_out(counts, self.settings)
            return gather_histograms(self._batches(histograms_expression(*arguments)), query, peers, general)

    def edges(self, query: HistogramQuery, n_bins: int, now: datetime) -> tuple[float, ...]:
        """The edges of bins with equally many records each in the windows of a query, to four digits; () = no rows."""
        with engine_errors(self.name, self._engine.secrets):
            arguments = (self._engine.table, self.name, self.settings, query, now, self._engine.dialect)
            return edges_of(self._batches(values_expression(*arguments)), n_bins)

    def _counts(self, expression: Any) -> dict[str, int]:
        counts = {key: int(value) for key, value in self._rows(expression)[0].items()}
        self._require_times(counts)
        return counts

    def _require_times(self, counts: dict[str, int]) -> None:
        unreadable = counts["n_unreadable"] + counts["n_blank"]
        if unreadable and not counts["n_usable"] and self.extent() is None:
            raise SourceError(
                f"Source {self.name!r}: none of the {unreadable} times in column {self.settings.time!r} can be read",
                allowed="time stamps, dates, ISO 8601 texts, epoch seconds or milliseconds",
                got=str(time_column(self._engine.table, self.name, self.settings).type()),
            )


def _left_out(counts: dict[str, int], settings: SourceSettings) -> tuple[LeftOut, ...]:
    reasons = (
        ("future rows", "n_future", "rows are later than now; they are not counted yet."),
        ("missing time", "n_blank", f"rows have no value in {settings.time!r}."),
        (
            "unparseable time",
            "n_unreadable",
            f"rows have a value in {settings.time!r} that is no time from 1900 to 2199.",
        ),
        ("infinite measure", "n_unusable", "rows have an infinite or undefined measure; that value counts as nothing."),
        ("missing entity", "n_nameless", "rows name no entity."),
        ("missing attribute", "n_valueless", "rows have no usable value to be counted by; they are left out."),
        ("unusable weight", "n_weightless", "rows have no whole number from 0 on as their weight; they are left out."),
        ("negative measure", "n_negative", "rows have a negative measure; they are kept, as refunds are."),
    )
    return tuple(
        LeftOut(reason, counts[key], "rows", f"{counts[key]} {rest}")
        for reason, key, rest in reasons
        if counts.get(key)
    )


def open_source(name: str, settings: SourceSettings, base: Path) -> Source:
    """Connect to a source.

    Parameters
    ----------
    name : str
        Its name in the configuration, for messages.
    settings : SourceSettings
    base : Path
        The folder that relative paths start from.

    Raises
    ------
    SourceError
        The file, server or table cannot be reached.

    Examples
    --------
    >>> with open_source("events", settings, Path(".")) as source:  # doctest: +SKIP
    ...     facts = source.facts(query, now=datetime.now(UTC))
    """
    url = settings.url.get_secret_value() if settings.url is not None else None
    return Source(connect(name, settings.path, url, settings.table, base), settings)


def open_table(path_or_url: str, table: str | None, base: Path) -> OpenTable:
    """Connect to a table before there are settings, to describe it; raises `SourceError`."""
    if "://" in path_or_url:
        if table is None:
            raise SourceError("A URL needs the name of a table", hint="--table NAME, or --table SCHEMA.NAME")
        return OpenTable(connect("data", None, path_or_url, table, base))
    return OpenTable(connect("data", path_or_url, None, None, base))


def _expression(table: Any, name: str, settings: SourceSettings, query: AnyQuery, now: datetime, dialect: str) -> Any:
    if isinstance(query, HistogramQuery):
        return histograms_expression(table, name, settings, query, now, dialect)
    if isinstance(query, EntityQuery):
        return entities_expression(table, name, settings, query, now, dialect)
    return facts_expression(table, name, settings, query, now, dialect)


def compile_sql(
    name: str,
    settings: SourceSettings,
    schema: Mapping[str, str],
    query: AnyQuery,
    dialect: str,
    now: datetime,
) -> str:
    """The SQL text of a query's facts, entities or histograms, without a connection.

    Parameters
    ----------
    name : str
        The source's name, for messages.
    schema : mapping
        Columns of the table -> ibis types, like {"ts": "timestamp('UTC')", "views": "int64"}.
    dialect : str
        One of `DIALECTS`.
    now : datetime
        Aware UTC; later rows are left out.

    Raises
    ------
    SourceError
        A column is missing or of a wrong type; the dialect has no GROUPING SETS.
    """
    import ibis

    compiler = compiler_of(dialect)
    table = ibis.table(dict(schema), name=settings.table or name)
    expression = _expression(table, name, settings, query, now, dialect)
    return compile_expression(expression, compiler, query if isinstance(query, FactsQuery) else None)
