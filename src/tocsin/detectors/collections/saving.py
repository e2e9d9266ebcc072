"""A detector's state in a folder, whole at any instant.

folder/meta.json          names the arrays' folder; replaced in one step, so that readers see the old or the new state
folder/arrays-<n>/*.npy   one file an array, never pickled; older ones are deleted after the new ones are in use
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from tocsin.errors import InputError

__all__ = ["read_state", "write_state"]

FORMAT = "tocsin/collections/1"
META = "meta.json"
SMALL_BYTES = 4_096


def write_state(folder: Path, arrays: Mapping[str, Any], meta: Mapping[str, Any]) -> None:
    """Write arrays and JSON values, in place of what is there."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"arrays-{uuid4().hex}"
    (folder / name).mkdir()
    for key, array in arrays.items():
        with (folder / name / f"{key}.npy").open("wb") as file:
            np.save(file, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
    unfinished = folder / f".{name}.json"
    text = json.dumps({"format": FORMAT, "arrays": name, "names": sorted(arrays), **meta}, allow_nan=False)
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(folder / META)
    for old in folder.glob("arrays-*"):
        if old.name != name:
            shutil.rmtree(old, ignore_errors=True)
    for old in folder.glob(".arrays-*.json"):
        old.unlink(missing_ok=True)


def read_state(folder: Path, *, memory_mapped: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Arrays and JSON values.

    Parameters
    ----------
    memory_mapped : bool
        Map the files copy-on-write: what changes is held in memory, the files stay as they are.

    Raises
    ------
    InputError
        No such folder, or one that is something else or damaged.
    """
    allowed = "a folder that CollectionDetector.save has written"
    try:
        meta = json.loads((folder / META).read_text(encoding="utf-8"))
        if not isinstance(meta, dict) or meta.get("format") != FORMAT:
            raise ValueError("another format")
        arrays = {name: _read(folder / meta["arrays"] / f"{name}.npy", memory_mapped) for name in meta["names"]}
    except (OSError, ValueError, KeyError, TypeError, EOFError) as error:
        raise InputError("A saved detector", allowed=allowed, got=f"{folder}: {error}") from None
    return arrays, meta


def _read(path: Path, memory_mapped: bool) -> Any:
    """One array; an empty one cannot be mapped, and a small one need not be."""
    mapped = memory_mapped and path.stat().st_size > SMALL_BYTES
    return np.load(path, mmap_mode="c" if mapped else None, allow_pickle=False)
