"""What an anomaly is like, as numbers: the words that the embeddings of all lenses share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

import numpy as np

from tocsin.errors import InputError
from tocsin.model import Floats

__all__ = ["Embedding", "embedding_matrix", "schema_of"]


@dataclass(frozen=True, slots=True)
class Embedding:
    """One anomaly as a point; near points are anomalies of one kind.

    schema : the lens, the version of its embedding and a digest of `names`: only equal schemas may be compared
    names  : of the features
    values : finite, one a name, of the order of 1
    """

    schema: str
    names: tuple[str, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.names) != len(self.values):
            raise InputError(
                f"The embedding {self.schema}", allowed=f"{len(self.names)} values, one a name", got=len(self.values)
            )
        if not all(map(math.isfinite, self.values)):
            raise InputError(f"The embedding {self.schema}", allowed="finite values", got=self.values)

    @classmethod
    def of(cls, version: str, features: Mapping[str, float]) -> Self:
        """Features by name, in the order of the mapping.

        Parameters
        ----------
        version : "slices/1"; counted up whenever a feature changes its meaning but not its name
        """
        names = tuple(features)
        return cls(schema_of(version, names), names, tuple(map(float, features.values())))


def schema_of(version: str, names: Sequence[str]) -> str:
    """ "slices/1-0c54d1e8": differs as soon as a name does."""
    digest = blake2b("\n".join(names).encode(), digest_size=4).hexdigest()
    return f"{version}-{digest}"


def embedding_matrix(embeddings: Sequence[Embedding]) -> Floats:
    """(n, d) values of embeddings of one schema; without any, (0, 0).

    Raises
    ------
    InputError : embeddings of more than one schema
    """
    schemas = sorted({embedding.schema for embedding in embeddings})
    if len(schemas) > 1:
        raise InputError(
            "Embeddings of several schemas cannot be compared", allowed="one schema", got=", ".join(schemas),
            hint="embed the stored anomalies anew",
        )  # fmt: skip
    if not embeddings:
        return np.empty((0, 0))
    return np.array([embedding.values for embedding in embeddings], dtype=np.float64)
