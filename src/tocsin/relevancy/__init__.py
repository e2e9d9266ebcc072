"""Which kinds of anomalies people want to hear of, learned from their answers, over the detectors of all lenses.

`Relevancy` and `Scale` are loaded when they are first used: a run without answers embeds what it finds and needs no
scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tocsin.relevancy.asking import Question, propose_questions
from tocsin.relevancy.embeddings import (
    Embedding,
    embed,
    embedding_matrix,
    embedding_names,
    embedding_schema,
    series_features,
)
from tocsin.relevancy.naming import name_types
from tocsin.relevancy.types import AnomalyTypes, find_types
from tocsin.relevancy.types_cards import AnomalyType, type_cards

if TYPE_CHECKING:
    from tocsin.relevancy.gaussian_process import Scale
    from tocsin.relevancy.relevancy import Relevancy

__all__ = [
    "AnomalyType",
    "AnomalyTypes",
    "Embedding",
    "Question",
    "Relevancy",
    "Scale",
    "embed",
    "embedding_matrix",
    "embedding_names",
    "embedding_schema",
    "find_types",
    "name_types",
    "propose_questions",
    "series_features",
    "type_cards",
]


def __getattr__(name: str) -> Any:
    if name == "Relevancy":
        from tocsin.relevancy.relevancy import Relevancy

        return Relevancy
    if name == "Scale":
        from tocsin.relevancy.gaussian_process import Scale

        return Scale
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
