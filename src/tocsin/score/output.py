"""Tables written in pieces, as Parquet or as CSV, as a whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tocsin.errors import InputError
from tocsin.formatting import FORMULA_STARTS, spreadsheet_text

__all__ = ["require_form", "spooled", "write_table"]

FORMS = (".parquet", ".csv")


def require_form(path: Path) -> None:
    """Raise `InputError` for a file that is neither Parquet nor CSV by its name."""
    if path.suffix.lower() not in FORMS:
        raise InputError("A file for the scores", allowed="FILE.parquet or FILE.csv", got=str(path))


@contextmanager
def spooled(path: Path) -> Iterator[tuple[Callable[[Any], None], Callable[[], Iterator[Any]]]]:
    """A pile of record batches on disk beside `path`: a function that adds one, and one that reads them all again."""
    import pyarrow.parquet as pq

    place = path.with_name(f".{path.name}.rows")
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: list[Any] = []

    def add(batch: Any) -> None:
        if not writers:
            writers.append(pq.ParquetWriter(place, batch.schema))
        writers[0].write_batch(batch)

    def read() -> Iterator[Any]:
        writers[0].close()
        with pq.ParquetFile(place) as file:
            yield from file.iter_batches()

    try:
        yield add, read
    finally:
        for writer in writers:
            writer.close()
        place.unlink(missing_ok=True)


def write_table(path: Path, batches: Iterable[Any]) -> None:
    """Write record batches of one schema, at least one.

    In CSV, texts and names that a spreadsheet would run as a formula begin with an apostrophe; lists and structures
    are JSON, bytes hexadecimal.
    """
    unfinished = path.with_name(f".{path.name}.partial")
    try:
        _write(unfinished, batches, as_csv=path.suffix.lower() == ".csv")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _write(path: Path, batches: Iterable[Any], as_csv: bool) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    writer: Any = None
    try:
        for batch in batches:
            ready = _for_csv(batch) if as_csv else batch
            if writer is None:
                opened = pyarrow.csv.CSVWriter if as_csv else pyarrow.parquet.ParquetWriter
                writer = opened(path, ready.schema)
            writer.write_batch(ready)
    finally:
        if writer is not None:
            writer.close()


def _for_csv(batch: Any) -> Any:
    import pyarrow as pa

    names = [spreadsheet_text(name) for name in batch.schema.names]
    return pa.RecordBatch.from_arrays([_csv_column(column) for column in batch.columns], names=names)


def _csv_column(column: Any) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return pa.array([None if value is None else value.hex() for value in column.to_pylist()], pa.string())
    if pa.types.is_nested(column.type):
        return pa.array(
            [
                None if value is None else json.dumps(value, ensure_ascii=False, default=str)
                for value in column.to_pylist()
            ],
            pa.string(),
        )
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    start = pc.utf8_slice_codeunits(pc.utf8_ltrim(column, " "), 0, 1)
    strange = pc.is_in(start, pa.array(FORMULA_STARTS, start.type))
    quote = pa.scalar("'", column.type)
    return pc.if_else(strange, pc.binary_join_element_wise(quote, column, pa.scalar("", column.type)), column)
