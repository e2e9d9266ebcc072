"""From an ibis expression to the text of a statement.

ibis writes the SQL of every engine except for four things that it has no word for and that are changed in the syntax
tree that it hands over: GROUPING SETS, exact distinct counts on ClickHouse, and PostgreSQL's fences and binary order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from typing import Any

from tocsin.errors import SourceError
from tocsin.sources.query import FactsQuery

__all__ = ["DIALECTS", "MARK", "compile_expression", "compiler_of"]

DIALECTS = ("bigquery", "clickhouse", "databricks", "duckdb", "postgres", "pyspark", "snowflake", "trino")
"""The dialects that have GROUPING SETS."""

MARK = 777_000
"""Stands for GROUPING(dimension k) as MAX(w + MARK + k) until the syntax tree is changed."""


def compile_expression(expression: Any, compiler: Any, query: FactsQuery | None = None) -> str:
    """SQL text of an ibis expression in the compiler's dialect; with a query, its roll-ups as GROUPING SETS."""
    with _separate_selects():
        tree = compiler.to_sqlglot(expression)
    if query is not None and query.dimensions and query.depth:
        _with_grouping_sets(tree, query)
    word = compiler.dialect.__name__.lower()
    if word == "clickhouse":
        _with_exact_distinct(tree)
    if word == "postgres":
        _with_fences(tree)
        _with_binary_order(tree)
    return str(tree.sql(dialect=compiler.dialect, pretty=True))


@contextmanager
def _separate_selects() -> Iterator[None]:
    """Keep ibis from folding SELECTs into one: a column used ten times would be computed, and written, ten times."""
    import ibis

    before = ibis.options.sql.fuse_selects
    ibis.options.sql.fuse_selects = False
    try:
        yield
    finally:
        ibis.options.sql.fuse_selects = before


def _with_grouping_sets(tree: Any, query: FactsQuery) -> None:
    import sqlglot.expressions as sge

    n_dimensions = len(query.dimensions)
    for select in list(tree.find_all(sge.Select)):
        marks = {column.alias: column for column in select.expressions if column.alias[:1] == "g" and _mark_in(column)}
        if not marks or select.args.get("group") is None:
            continue
        by_name = {column.alias_or_name: column.unalias() for column in select.expressions}
        for alias, column in marks.items():
            column.set("this", sge.Anonymous(this="GROUPING", expressions=[by_name[f"d{alias[1:]}"].copy()]))
        depths = range(min(query.depth, n_dimensions) + 1)
        sets = [
            sge.Tuple(expressions=[by_name[name].copy() for name in ("w", *(f"d{k}" for k in chosen))])
            for depth in depths
            for chosen in combinations(range(n_dimensions), depth)
        ]
        select.set("group", sge.Group(grouping_sets=[sge.GroupingSets(expressions=sets)]))


def _mark_in(column: Any) -> bool:
    import sqlglot.expressions as sge

    return any(literal.this == str(MARK + int(column.alias[1:])) for literal in column.find_all(sge.Literal))


def _with_exact_distinct(tree: Any) -> None:
    """ibis counts distinct values on ClickHouse by `uniq`, an estimate; `uniqExact` is exact."""
    import sqlglot.expressions as sge

    for function in list(tree.find_all(sge.Func)):
        if function.sql(dialect="clickhouse").lower().startswith("uniq("):
            function.replace(sge.Anonymous(this="uniqExact", expressions=[function.this.copy()]))


_FENCED = {"t_text", "t_n", "t_year", "t_exists", "t_local", "sec"}


def _with_fences(tree: Any) -> None:
    """Let PostgreSQL compute each step of reading a time once per row: OFFSET 0 keeps it from unfolding the steps."""
    import sqlglot.expressions as sge

    for select in list(tree.find_all(sge.Select)):
        computed = {column.alias for column in select.expressions if not isinstance(column.unalias(), sge.Column)}
        if computed & _FENCED:
            select.set("offset", sge.Offset(expression=sge.Literal.number(0)))


def _with_binary_order(tree: Any) -> None:
    """PostgreSQL orders text by its collation, the other engines by bytes: which of equals comes first must not differ.

    It concerns the columns whose names begin with "b_".
    """
    import sqlglot.expressions as sge

    for ordered in list(tree.find_all(sge.Ordered)):
        if isinstance(ordered.this, sge.Column) and ordered.this.name.startswith("b_"):
            binary = sge.Collate(this=ordered.this.copy(), expression=sge.to_identifier("C", quoted=True))
            ordered.set("this", binary)


def compiler_of(dialect: str) -> Any:
    """ibis' compiler of a dialect, without a connection; raises `SourceError`."""
    import ibis.backends.sql.compilers as compilers

    if dialect not in DIALECTS:
        raise SourceError("The SQL dialect", allowed=", ".join(DIALECTS), got=dialect)
    return getattr(compilers, dialect).compiler
