"""The evidence of many entities as arrays for the store, in shards of entities, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tocsin.store import DetectorState

__all__ = ["LAYOUT", "join_shards", "rows_of_arrays", "split_shards"]

SHARD = 20_000
"""Entities in one stored piece."""
LAYOUT = 1

Arrays = Mapping[str, Any]


def split_shards(names: Sequence[str], arrays: Arrays, detector: Arrays, meta: Mapping[str, Any]) -> list[Any]:
    """Copies of arrays with one row an entity; those of the detector that are of all entities go to the first shard."""
    shards = []
    for first in range(0, max(len(names), 1), SHARD):
        rows = slice(first, first + SHARD)
        mine = {f"d_{name}": np.array(array[rows]) for name, array in detector.items() if not _is_whole(name)}
        if first == 0:
            mine |= {f"d_{name}": np.array(array) for name, array in detector.items() if _is_whole(name)}
        mine |= {f"e_{name}": np.array(array[rows]) for name, array in arrays.items()}
        shards.append((mine | _text_arrays(names[rows]), meta if first == 0 else {"layout": LAYOUT}))
    return shards


def join_shards(shards: Sequence[DetectorState]) -> tuple[list[str], dict[str, Any], dict[str, Any]]:
    """Names, arrays and the detector's arrays of all entities."""
    names = [name for shard in shards for name in _texts(shard.arrays)]
    found: dict[str, dict[str, Any]] = {"d_": {}, "e_": {}}
    for key in shards[0].arrays:
        if key[:2] in found:
            pieces = [shard.arrays[key] for shard in (shards[:1] if _is_whole(key[2:]) else shards)]
            found[key[:2]][key[2:]] = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return names, found["e_"], found["d_"]


def rows_of_arrays(detector: Arrays, rows: Any) -> dict[str, Any]:
    """A detector's arrays with these entities alone."""
    return {name: array if _is_whole(name) else np.array(array[rows]) for name, array in detector.items()}


def _is_whole(name: str) -> bool:
    """Whether a detector's array is of all entities together."""
    return name.startswith("all_")


def _text_arrays(names: Sequence[str]) -> dict[str, Any]:
    """Names as bytes, because one long name would make a fixed-width array of texts huge."""
    encoded = [str(name).encode("utf-8", "surrogatepass") for name in names]
    lengths = np.array([len(item) for item in encoded], dtype=np.int64)
    return {"name_bytes": np.frombuffer(b"".join(encoded), dtype=np.uint8).copy(), "name_lengths": lengths}


def _texts(arrays: Arrays) -> list[str]:
    joined = arrays["name_bytes"].tobytes()
    ends = np.cumsum(arrays["name_lengths"]).tolist()
    return [joined[first:end].decode("utf-8", "surrogatepass") for first, end in zip([0, *ends], ends, strict=False)]
