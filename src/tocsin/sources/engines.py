"""Connections: a table in the user's engine, and Arrow batches of what a statement returns.

Nothing here writes: files and DuckDB databases are opened read-only, PostgreSQL sessions are read-only, and all engines
are sent SELECT alone. DuckDB loads no extension from the network. Error texts carry no URL and no password.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from tocsin.errors import SourceError, TocsinError, nearest

__all__ = ["Engine", "connect", "engine_errors"]

BATCH_ROWS = 200_000


@dataclass
class Engine:
    """A connected table.

    Parameters
    ----------
    dialect : str
        The SQL dialect of `compiler`.
    run : callable
        SQL text and the ibis expression it was compiled from -> an iterator of pyarrow record batches.
    dry_run : callable
        Raises where the engine refuses a SQL text; reads no data.
    """

    name: str
    table: Any
    compiler: Any
    run: Callable[[str, Any], Iterator[Any]]
    dry_run: Callable[[str], Any]
    close: Callable[[], None]
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def dialect(self) -> str:
        word = str(self.compiler.dialect.__name__).lower()
        return {"spark": "pyspark"}.get(word, word)


def connect(name: str, path: str | None, url: str | None, table: str | None, base: Path) -> Engine:
    """Open a file, folder, glob, or a table behind a URL; raises `SourceError`."""
    secrets = _secrets(url) if url is not None else ()
    with engine_errors(name, secrets):
        if path is not None:
            return _open_files(name, path, base)
        if url is None or table is None:
            raise SourceError(f"Source {name!r}: nowhere to read from", allowed="a path, or a url and a table")
        scheme = url.split(":", 1)[0].lower()
        if scheme == "duckdb":
            return _open_duckdb(name, url, table, base)
        if scheme in ("postgres", "postgresql"):
            return _open_postgres(name, url, table, secrets)
        if scheme == "spark":
            return _open_spark(name, url, table, base)
        return _open_other(name, url, table, secrets)


@contextmanager
def engine_errors(name: str, secrets: tuple[str, ...]) -> Iterator[None]:
    """Turn whatever an engine raises into `SourceError`, without its secrets and without its traceback's arguments."""
    try:
        yield
    except TocsinError:
        raise
    except ImportError as error:
        extra = {"psycopg": "postgres", "pyspark": "spark"}.get(str(error.name).split(".")[0])
        hint = f"pip install 'tocsin[{extra}]'" if extra else f"install the package {error.name}"
        raise SourceError(f"Source {name!r} needs a package that is not installed: {error.name}", hint=hint) from None
    except Exception as error:
        text = " ".join(_without_secrets(str(error), secrets).split())
        raise SourceError(f"Source {name!r} cannot be read: {type(error).__name__}: {text[:600]}") from None


def _secrets(url: str) -> tuple[str, ...]:
    parts = urlsplit(url)
    found = {
        url,
        parts.password or "",
        unquote(parts.password or ""),
        parts.netloc if "@" in parts.netloc else "",
        parts.query,
    }
    return tuple(sorted((text for text in found if len(text) > 1), key=len, reverse=True))


def _without_secrets(text: str, secrets: tuple[str, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    text = re.sub(r"://[^\s/@]+@", "://***@", text)
    return re.sub(r"(?i)(password|token|secret)\s*[=:]\s*\S+", r"\1=***", text)


# Files and DuckDB ----------------------------------------------------------------------------------------------------


def _duckdb_backend(database: str) -> Any:
    import ibis

    settings = {
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        # Parquet's minima and maxima ignore NaN; DuckDB concludes from them that isnan() is false, and sums become NaN
        "disabled_optimizers": "statistics_propagation",
        "temp_directory": str(Path(tempfile.gettempdir()) / f"tocsin-duckdb-{os.getpid()}"),
    }
    return ibis.duckdb.connect(database, read_only=database != ":memory:", **settings)


def _duckdb_engine(name: str, backend: Any, table: Any) -> Engine:
    def run(sql: str, _: Any) -> Iterator[Any]:
        result = backend.con.sql(sql)
        # the reader's name differs between DuckDB 1 and 2
        reader = getattr(result, "to_arrow_reader", None) or result.fetch_record_batch
        yield from reader(BATCH_ROWS)

    return Engine(name, table, backend.compiler, run, lambda sql: backend.con.sql(f"EXPLAIN {sql}"), backend.disconnect)


def _open_files(name: str, path: str, base: Path) -> Engine:
    files, reader = _files(name, path, base)
    backend = _duckdb_backend(":memory:")
    try:
        listed = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
        scan = reader.format(files=f"[{listed}]")
        backend.con.sql(f"CREATE TEMP VIEW facts_of_source AS SELECT {_columns(backend, scan)} FROM {scan}")  # noqa: S608
        return _duckdb_engine(name, backend, backend.table("facts_of_source"))
    except BaseException:
        backend.disconnect()
        raise


def _columns(backend: Any, scan: str) -> str:
    """All columns; nanoseconds with a zone, a type that ibis does not know, become microseconds."""
    described = backend.con.sql(f"DESCRIBE SELECT * FROM {scan}").fetchall()  # noqa: S608
    fine = ['"' + name.replace('"', '""') + '"' for name, kind, *_ in described if kind == "TIMESTAMPTZ_NS"]
    replaced = ", ".join(f"CAST({column} AS TIMESTAMPTZ) AS {column}" for column in fine)
    return f"* REPLACE ({replaced})" if replaced else "*"


_READERS = {
    "parquet": "read_parquet({files}, union_by_name = true)",
    # types are decided by all lines: one late text in a column of numbers is found here, not in the middle of a run
    "csv": "read_csv({files}, union_by_name = true, sample_size = -1)",
}
_KINDS = {".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv"}


def _kind(file: str) -> str | None:
    return _KINDS.get(Path(file.lower().removesuffix(".gz").removesuffix(".zst")).suffix)


def _files(name: str, path: str, base: Path) -> tuple[list[str], str]:
    """The files behind a path in sorted order, and the DuckDB function that reads them."""
    import glob

    place = str(base / path)
    if Path(place).is_dir():
        found = [file for file in glob.glob(f"{glob.escape(place)}/**", recursive=True) if _kind(file)]
    elif Path(place).is_file():
        found = [place]
    else:
        found = [file for file in glob.glob(place, recursive=True) if Path(file).is_file()]
    kinds = {_kind(file) for file in found}
    if not found or kinds == {None}:
        thing = "no such file" if not found else "its kind is not known by its name"
        raise SourceError(
            f"Source {name!r}: {thing}",
            allowed="a .parquet, .csv or .tsv file (.gz and .zst too), a folder of them, or a glob",
            got=path,
            hint=f"relative paths start from {base}",
        )
    if len(kinds) > 1:
        raise SourceError(f"Source {name!r}: files of several kinds", allowed="Parquet alone or CSV alone", got=path)
    return sorted(found), _READERS[str(kinds.pop())]


def _open_duckdb(name: str, url: str, table: str, base: Path) -> Engine:
    file = base / unquote(url.split("://", 1)[-1])
    if not file.is_file():
        raise SourceError(
            f"Source {name!r}: no such DuckDB database", got=str(file), hint=f"relative paths start from {base}"
        )
    backend = _duckdb_backend(str(file))
    try:
        return _duckdb_engine(name, backend, _table(name, backend, table))
    except BaseException:
        backend.disconnect()
        raise


def _table(name: str, backend: Any, table: str) -> Any:
    """ "table" or "schema.table"; raises `SourceError` that names the nearest one."""
    schema, _, bare = table.rpartition(".")
    try:
        listed = list(
            _duckdb_tables(backend, schema)
            if backend.name == "duckdb"
            else backend.list_tables(database=schema or None)
        )
    except Exception:  # the schema does not exist, or the engine cannot list; reading it says what is wrong
        listed = [bare]
    if bare not in listed and not schema and table not in listed:
        shown = ", ".join(listed[:20]) or "none"
        raise SourceError(f"Source {name!r} has no table {table!r}", allowed=shown, hint=nearest(bare, listed))
    return backend.table(bare, database=schema or None)


def _duckdb_tables(backend: Any, schema: str) -> list[str]:
    """ibis' own list leaves a result open, after which DuckDB 2 refuses further statements."""
    rows = backend.con.sql("SELECT table_schema, table_name FROM information_schema.tables").fetchall()
    return [table for found, table in rows if found == (schema or "main")]


# PostgreSQL ----------------------------------------------------------------------------------------------------------


def _open_postgres(name: str, url: str, table: str, secrets: tuple[str, ...]) -> Engine:
    import ibis
    import psycopg

    connection = psycopg.connect(
        "postgresql:" + url.split(":", 1)[1],
        autocommit=True,
        application_name="tocsin",
        options="-c default_transaction_read_only=on -c timezone=UTC -c datestyle=ISO -c extra_float_digits=1",
    )
    try:
        backend = ibis.postgres.from_connection(connection)
        source = _table(name, backend, table)
    except BaseException:
        connection.close()
        raise

    def run(sql: str, expression: Any) -> Iterator[Any]:
        import pyarrow as pa

        schema = expression.schema().to_pyarrow()
        with connection.transaction(), connection.cursor(name="tocsin", binary=True) as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(BATCH_ROWS // 4):
                columns = [
                    pa.array(column, type=kind)
                    for column, kind in zip(zip(*rows, strict=True), schema.types, strict=True)
                ]
                yield pa.record_batch(columns, schema=schema)

    return Engine(
        name, source, backend.compiler, run, lambda sql: connection.execute(f"EXPLAIN {sql}"), connection.close, secrets
    )


# Spark and the rest --------------------------------------------------------------------------------------------------


def _open_spark(name: str, url: str, table: str, base: Path) -> Engine:
    """`spark://` is the session that is active, or a new local one; `spark://HOST:PORT` is a cluster's master."""
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # workers would take the system's Python
    import ibis
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    master = url if urlsplit(url).netloc else "local[*]"
    session = active or SparkSession.builder.master(master).appName("tocsin").getOrCreate()
    backend = ibis.pyspark.connect(session)
    view = None
    if (base / table).exists():
        view = f"tocsin_{re.sub('[^A-Za-z0-9]', '_', name)}"
        session.read.parquet(str(base / table)).createOrReplaceTempView(view)
    source = backend.table(view) if view else _table(name, backend, table)

    def run(sql: str, _: Any) -> Iterator[Any]:
        yield from session.sql(sql).toArrow().to_batches(BATCH_ROWS)

    def close() -> None:
        if view:
            session.catalog.dropTempView(view)
        if active is None:
            session.stop()

    return Engine(name, source, backend.compiler, run, lambda sql: session.sql(sql).schema, close)


def _open_other(name: str, url: str, table: str, secrets: tuple[str, ...]) -> Engine:
    import ibis

    backend = ibis.connect(url)
    source = _table(name, backend, table)

    def run(sql: str, _: Any) -> Iterator[Any]:
        yield from backend.to_pyarrow_batches(backend.sql(sql), chunk_size=BATCH_ROWS)

    return Engine(
        name, source, backend.compiler, run, lambda sql: backend.sql(sql).schema(), backend.disconnect, secrets
    )
