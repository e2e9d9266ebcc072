"""What relevancy is given: items as arrays, and people's answers about some of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tocsin.errors import InputError
from tocsin.model import Bools, Floats, Ints

__all__ = ["Answers", "read_embeddings", "read_surprise", "strongest"]

MOST_ANSWERS = 300
"""Learning takes the cube of their number."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Items that people have judged: embeddings (n, n_features), and (n,) surprise, relevant, times.

    given : (n,) the number of the answer that each item was judged by; one answer may speak of several items
    """

    embeddings: Floats
    surprise: Floats
    relevant: Bools
    times: Floats
    given: Ints

    @classmethod
    def none(cls, n_features: int) -> Answers:
        return cls(
            np.zeros((0, n_features)), np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0), np.zeros(0, dtype=np.int64)
        )

    @classmethod
    def read(
        cls, embeddings: Any, surprise: Any, labels: Any, times: Any, n_features: int, *, given: Any = None
    ) -> Answers:
        """Raises `InputError` for arrays that do not fit each other, and for labels other than 1 and -1.

        given : None: an answer each
        """
        signs = np.asarray(labels).ravel()
        if not np.isin(signs, (-1, 1)).all():
            strange = signs[~np.isin(signs, (-1, 1))][0]
            raise InputError("An answer is 1 (relevant) or -1 (not)", allowed="1, -1", got=strange)
        items = read_embeddings(embeddings, n_features)
        moments = np.asarray(times, dtype=float).ravel()
        if not len(items) == len(signs) == len(moments):
            sizes = f"{len(items)} embeddings, {len(signs)} labels, {len(moments)} times"
            raise InputError("Answers need an embedding, a label and a time each", got=sizes)
        if not np.isfinite(moments).all():
            raise InputError("The time of an answer", allowed="a finite number", got="NaN or infinite")
        numbers = (
            np.arange(len(items)) if given is None else np.unique(np.asarray(given).ravel(), return_inverse=True)[1]
        )
        if len(numbers) != len(items):
            raise InputError("Each item is of an answer", allowed=f"{len(items)} numbers", got=len(numbers))
        return cls(items, read_surprise(surprise, len(items)), signs > 0, moments, numbers)

    def __len__(self) -> int:
        return len(self.times)

    def newest(self, most: int = MOST_ANSWERS) -> Answers:
        """At most so many, the newest, half of each kind where there are enough; in the order they are in."""
        if len(self) <= most:
            return self
        order = np.argsort(-self.times, kind="stable")
        rank: Ints = np.empty(len(self), dtype=np.int64)
        for kind in (True, False):
            of_kind = order[self.relevant[order] == kind]
            rank[of_kind] = np.arange(len(of_kind))
        kept = np.sort(np.lexsort((-self.times, rank >= most // 2))[:most])
        embeddings, surprise, relevant = self.embeddings[kept], self.surprise[kept], self.relevant[kept]
        return Answers(embeddings, surprise, relevant, self.times[kept], self.given[kept])

    @property
    def n_answers(self) -> int:
        """How many answers the items were judged by."""
        return len(np.unique(self.given))

    @property
    def n_relevant(self) -> int:
        """How many of the answers call something relevant."""
        return len(np.unique(self.given[self.relevant]))

    def as_arrays(self) -> dict[str, Any]:
        return {
            "answer_embeddings": self.embeddings,
            "answer_surprise": self.surprise,
            "answer_relevant": self.relevant,
            "answer_times": self.times,
            "answer_given": self.given,
        }

    @classmethod
    def of_arrays(cls, arrays: Mapping[str, Any], n_features: int) -> Answers:
        labels = np.where(np.asarray(arrays["answer_relevant"], dtype=bool), 1, -1)
        embeddings, surprise, times = (arrays[f"answer_{name}"] for name in ("embeddings", "surprise", "times"))
        return cls.read(embeddings, surprise, labels, times, n_features, given=arrays["answer_given"])


def read_embeddings(embeddings: Any, n_features: int | None = None) -> Floats:
    """(n, n_features) finite numbers; raises `InputError`."""
    try:
        found = np.ascontiguousarray(embeddings, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("Embeddings are numbers", allowed="an array (n, n_features)", got=str(error)) from error
    if found.size == 0 and n_features is not None:
        found = found.reshape(0, n_features)
    if found.ndim != 2:
        raise InputError("Embeddings are rows of an array", allowed="(n, n_features)", got=f"shape {found.shape}")
    if n_features is not None and found.shape[1] != n_features:
        raise InputError("Embeddings of another kind", allowed=f"{n_features} features", got=found.shape[1])
    if not np.isfinite(found).all():
        raise InputError("An embedding has a value that is no number", allowed="finite numbers", got="NaN or infinite")
    return found


def read_surprise(surprise: Any, n_items: int) -> Floats:
    """(n,) -log10 of tail probabilities; infinite ones count as very large; raises `InputError`."""
    found = np.asarray(surprise, dtype=np.float64).ravel()
    if len(found) != n_items:
        raise InputError("Each item has a surprise", allowed=f"{n_items} values", got=len(found))
    if np.isnan(found).any():
        raise InputError("A surprise is missing", allowed="numbers", got="NaN", hint="leave out what is not scored")
    clipped: Floats = np.clip(found, -np.finfo(float).max, np.finfo(float).max)
    return clipped


def strongest(score: Floats, n: int) -> Bools:
    """(n,) the n highest scores, equals in their order."""
    chosen = np.zeros(len(score), dtype=bool)
    chosen[np.argsort(-score, kind="stable")[: max(n, 0)]] = True
    return chosen
