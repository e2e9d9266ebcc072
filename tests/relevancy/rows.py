"""Features of anomalies by name, to be named and typed."""

import math

import numpy as np

from tocsin.model import Slice
from tocsin.relevancy import embedding_names, embedding_schema

SLICES, COLLECTIONS, CONTEXTUAL, SERIES = (
    embedding_names(embedding_schema(kind)) for kind in ("slices", "collections", "contextual", "series")
)


def table_of(names: tuple[str, ...], *rows: dict[str, float]) -> np.ndarray:
    """Rows by feature; `hour` stands for the two features that it makes."""
    table = np.zeros((len(rows), len(names)))
    for place, row in enumerate(rows):
        full = dict(row)
        angle = 2 * math.pi * full.pop("hour", 12.0) / 24
        full |= {"hour_sin": math.sin(angle), "hour_cos": math.cos(angle)}
        for name, value in full.items():
            table[place, names.index(name)] = value
    return table


def drop(hour: float, size: float = -1.0, **changes: float) -> dict[str, float]:
    return {"direction": -1.0, "size": size, "hour": hour, "depth": 1.0, "breadth": math.log1p(3)} | changes


def rise(hour: float, size: float = 0.1, **changes: float) -> dict[str, float]:
    return {"direction": 1.0, "size": size, "hour": hour, "depth": 1.0, "breadth": math.log1p(30)} | changes


def app(number: int) -> Slice:
    return Slice((("app", str(number)),))
