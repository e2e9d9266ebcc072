"""What a detector of tables has learned, as a file; and the function that scores pieces of a table by it.

A file is a ZIP of plain NumPy arrays (numpy.savez, never pickled) and one JSON text that says where each belongs. It
holds up to some 20,000 rows of the table of fit, which explanations compare with.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tocsin.detectors.contextual.con_out import ConOut
from tocsin.detectors.contextual.estimator import TableDetector
from tocsin.detectors.contextual.isolation_forest import IsolationForest
from tocsin.detectors.contextual.rocod import Rocod
from tocsin.errors import InputError
from tocsin.model import Floats

__all__ = ["SCORE", "ModelFile", "Tally", "detector_of", "read_model", "score_batches", "score_rows", "write_model"]

FORMAT = "tocsin/model/1"
ARRAY = "#array"
SCORE = "anomaly_score"


@dataclass(slots=True)
class Tally:
    """Values of scored tables that were not taken as they are: see `EncodedTable`."""

    n_infinite: int = 0
    n_unreadable: int = 0
    n_unseen: int = 0


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A detector, and what whoever saved it wants to know again (JSON values)."""

    detector: TableDetector
    about: Mapping[str, Any]


def score_batches(state: Mapping[str, Any], batches: Iterable[Any]) -> Iterator[Any]:
    """Arrow record batches with the column anomaly_score (float64) at their end.

    Parameters
    ----------
    state : mapping
        Of `get_state`, of ConOut, IsolationForest or Rocod.
    batches : iterable of pyarrow.RecordBatch
        Of any sizes: a row's score does not depend on the rows beside it.

    Raises
    ------
    InputError
        A column of the table of fit is missing; the state is none.

    Examples
    --------
    On Spark, over the partitions of a data frame:

    >>> state, schema = detector.get_state(), deepcopy(frame.schema).add("anomaly_score", "double")  # doctest: +SKIP
    >>> scored = frame.mapInArrow(partial(score_batches, state), schema)  # doctest: +SKIP
    """
    import pyarrow as pa

    detector = detector_of(state)
    for batch in batches:
        scores = score_rows(detector, batch)
        yield pa.RecordBatch.from_arrays([*batch.columns, pa.array(scores)], names=[*batch.schema.names, SCORE])


def score_rows(detector: TableDetector, batch: Any, tally: Tally | None = None) -> Floats:
    """(n,) anomaly scores of a record batch; what was unusual in it is added to the tally."""
    if batch.num_rows == 0:
        return np.empty(0)
    used = {column.name for column in detector.schema_.columns if column.used}
    seen = [name for name in batch.schema.names if name in used]
    encoded = detector.schema_.encode(batch.select(seen) if len(seen) == len(used) else batch)
    if tally is not None:
        tally.n_infinite += encoded.n_infinite
        tally.n_unreadable += encoded.n_unreadable
        tally.n_unseen += encoded.n_unseen
    return detector.score_encoded(encoded)


def detector_of(state: Mapping[str, Any]) -> TableDetector:
    """The detector of a `get_state`.

    Raises
    ------
    InputError
        For what is no such state.
    """
    name = state.get("detector")
    try:
        if name == "ConOut":
            return ConOut(mode=state["learned"]["mode"], n_jobs=-1).set_state(state)
        if name == "IsolationForest":
            return IsolationForest(n_jobs=-1).set_state(state)
        if name == "Rocod":
            return Rocod().set_state(state)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"A state of {name} is not complete", got=str(error)) from None
    raise InputError("A state", allowed="one of ConOut, IsolationForest, Rocod", got=name)


def write_model(path: Path, detector: TableDetector, about: Mapping[str, Any]) -> None:
    """Write a fitted detector as a whole or not at all."""
    arrays: list[Any] = []
    text = json.dumps({"format": FORMAT, "about": about, "state": _without_arrays(detector.get_state(), arrays)})
    named: dict[str, Any] = {f"a{k}": array for k, array in enumerate(arrays)}
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.partial")
    with unfinished.open("wb") as file:
        np.savez_compressed(file, json=np.frombuffer(text.encode("ascii"), np.uint8), **named)
    unfinished.replace(path)


def read_model(path: Path) -> ModelFile:
    """The detector of a `write_model`.

    Raises
    ------
    InputError
        No such file, or one that is something else, damaged, or of another version.
    """
    allowed = "a file that `tocsin score --save` has written"
    if not path.is_file():
        raise InputError("A model", allowed=allowed, got=str(path))
    try:
        with np.load(path, allow_pickle=False) as archive:
            content = json.loads(archive["json"].tobytes())
            if not isinstance(content, dict) or content.get("format") != FORMAT:
                raise ValueError("another format")
            about, state = dict(content["about"]), _with_arrays(content["state"], archive)
    except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"The model {path} cannot be read", allowed=allowed, got=str(error)) from None
    return ModelFile(detector_of(state), about)


def _without_arrays(value: Any, arrays: list[Any]) -> Any:
    """JSON values; each array is appended to `arrays` and stands as {"#array": place}."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("a state holds plain arrays")
        arrays.append(value)
        return {ARRAY: len(arrays) - 1}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {name: _without_arrays(part, arrays) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_arrays(part, arrays) for part in value]
    return value


def _with_arrays(value: Any, archive: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {ARRAY}:
            return archive[f"a{value[ARRAY]}"]
        return {name: _with_arrays(part, archive) for name, part in value.items()}
    return [_with_arrays(part, archive) for part in value] if isinstance(value, list) else value
