"""What a detector keeps between runs: arrays and JSON, never pickle."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from tocsin.errors import InputError, StoreError
from tocsin.store import schema

__all__ = ["DetectorState", "delete_states", "get_state", "put_state", "state_names"]


@dataclass(frozen=True, slots=True, eq=False)
class DetectorState:
    """A detector's state as it was saved.

    version  : of the state's layout, for the detector to judge
    saved_at : when, aware UTC
    arrays   : name -> array
    meta     : JSON values
    """

    version: int
    saved_at: datetime
    arrays: Mapping[str, np.ndarray[Any, Any]]
    meta: Mapping[str, Any]


def put_state(
    connection: Connection,
    monitor: str,
    name: str,
    version: int,
    arrays: Mapping[str, np.ndarray[Any, Any]],
    meta: Mapping[str, Any],
    at: datetime,
) -> None:
    """Replace the state of (monitor, name); raises `InputError` for arrays of objects."""
    for key, array in arrays.items():
        if array.dtype.hasobject:
            raise InputError(
                f"The state {name!r} cannot be kept", allowed="arrays of numbers, booleans or text", got=key
            )
    table = schema.detector_state
    connection.execute(sa.delete(table).where(table.c.monitor == monitor, table.c.name == name))
    connection.execute(
        sa.insert(table).values(
            monitor=monitor, name=name, version=version, saved_at=at, meta=dict(meta), arrays=_packed(arrays)
        )
    )


def _packed(arrays: Mapping[str, np.ndarray[Any, Any]]) -> bytes:
    """As `numpy.savez_compressed`, but quickly: a third of its time for a fifth more bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for key, array in arrays.items():
            with archive.open(f"_{key}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)
    return buffer.getvalue()


def get_state(connection: Connection, monitor: str, name: str) -> DetectorState | None:
    """The state of (monitor, name); raises `StoreError` where its bytes are damaged."""
    table = schema.detector_state
    row = connection.execute(sa.select(table).where(table.c.monitor == monitor, table.c.name == name)).one_or_none()
    if row is None:
        return None
    try:
        with np.load(io.BytesIO(row.arrays), allow_pickle=False) as archive:
            arrays = {key[1:]: archive[key] for key in archive.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise StoreError(f"The state {name!r} of {monitor!r} is damaged", hint="backfill the monitor") from error
    return DetectorState(row.version, row.saved_at, arrays, row.meta)


def state_names(connection: Connection, monitor: str, prefix: str = "") -> list[str]:
    """The names of the monitor's states that begin so, in order."""
    table = schema.detector_state
    names = connection.scalars(sa.select(table.c.name).where(table.c.monitor == monitor))
    return sorted(name for name in names if name.startswith(prefix))


def delete_states(connection: Connection, monitor: str, names: Iterable[str]) -> None:
    """Forget some states of a monitor."""
    table = schema.detector_state
    for name in names:
        connection.execute(sa.delete(table).where(table.c.monitor == monitor, table.c.name == name))
