"""What an anomaly of any lens is like, as numbers, from the records that are stored of it and from nothing else.

A pure function of its arguments: what was embedded once can be embedded again. Whatever the evidence holds, of whatever
version, the result is finite; what is missing has the value that says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any

from tocsin.errors import InputError, nearest
from tocsin.model import Anomaly, Direction, Slice, Window
from tocsin.relevancy.embeddings import collections, contextual, series, slices
from tocsin.relevancy.embeddings.embedding import Embedding, embedding_matrix
from tocsin.relevancy.embeddings.quantities import mapping
from tocsin.relevancy.embeddings.shapes import SHAPE_NAMES, series_features

__all__ = [
    "EMBEDDERS",
    "SHAPE_NAMES",
    "Embedding",
    "embed",
    "embedding_matrix",
    "embedding_names",
    "embedding_schema",
    "series_features",
]

Embedder = Callable[[Anomaly, Mapping[str, Any], str], dict[str, float]]

EMBEDDERS: Mapping[str, tuple[str, Embedder]] = MappingProxyType(
    {
        "slices": (slices.VERSION, slices.slice_features),
        "collections": (collections.VERSION, collections.collection_features),
        "contextual": (contextual.VERSION, contextual.contextual_features),
        "series": (series.VERSION, series.point_features),
    }
)
"""Kind of an anomaly -> version of its embedding, and what makes it."""


def embed(anomaly: Anomaly, details: Mapping[str, Any], timezone: str) -> Embedding:
    """What the lead anomaly of a sighting is like.

    Parameters
    ----------
    anomaly : of any lens; its evidence may be of another version, or empty
    details : the sighting's, JSON values
    timezone : IANA name, for the hour of the day and the day of the week

    Returns
    -------
    Embedding : of the same schema and length for all anomalies of a kind, whatever dimensions their monitors have

    Raises
    ------
    InputError : an unknown kind or time zone

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from tocsin.model import Direction, Slice, Window
    >>> window = Window(datetime(2026, 1, 5, 14, tzinfo=UTC), datetime(2026, 1, 5, 15, tzinfo=UTC))
    >>> figures = (0.01, 0.02, 0.018, 0.022, 1e-9, 1e-7, 0.999, Direction.DOWN, 100.0, 200.0, 14.0, -0.1, 100.0)
    >>> found = embed(Anomaly("ctr", window, Slice((("app", "7"),)), "clicks / views", *figures), {}, "UTC")
    >>> round(dict(zip(found.names, found.values, strict=True))["size"], 3)
    -0.693
    """
    if anomaly.kind not in EMBEDDERS:
        hint = nearest(anomaly.kind, EMBEDDERS)
        raise InputError("Anomalies of this kind have no embedding", allowed=", ".join(EMBEDDERS), got=anomaly.kind,
                         hint=hint)  # fmt: skip
    version, embedder = EMBEDDERS[anomaly.kind]
    return Embedding.of(version, embedder(_sound(anomaly), mapping(details), timezone))


def embedding_schema(kind: str) -> str:
    """The schema of what `embed` gives for anomalies of a kind; embeddings of another were made by another version.

    Raises
    ------
    InputError : an unknown kind
    """
    return _empty(kind).schema


def embedding_names(schema: str) -> tuple[str, ...]:
    """The features behind the values of a stored embedding.

    Raises
    ------
    InputError : a schema of another version
    """
    schemas = {embedding_schema(kind): kind for kind in EMBEDDERS}
    if schema not in schemas:
        raise InputError("Embeddings of another version", allowed=", ".join(schemas), got=schema,
                         hint="windows that are judged from now on have the new one")  # fmt: skip
    return _empty(schemas[schema]).names


@cache
def _empty(kind: str) -> Embedding:
    """What is made of an anomaly of which nothing is known."""
    nothing = (math.nan,) * 7
    window = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC))
    return embed(Anomaly("", window, Slice(), "", *nothing, Direction.NONE, *nothing[:5], kind=kind), {}, "UTC")


def _sound(anomaly: Anomaly) -> Anomaly:
    """Evidence that is no JSON object is none."""
    return anomaly if isinstance(anomaly.evidence, Mapping) else replace(anomaly, evidence={})
