"""Types of anomalies: clusters of their embeddings that keep their numbers from run to run, and a card for each.

K-means on features scaled by their standard deviations, with as many clusters as the mean silhouette is best for. The
clusters of the next run are matched to those of the last so that the sum of distances is least; one that is near none
of them is a new type, with a number that was never given.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from tocsin.errors import InputError
from tocsin.model import Floats, Ints

__all__ = ["AnomalyTypes", "find_types"]

MOST_TYPES = 12
MEMBERS = 4
"""Fewer items are no type: they are counted with the type that is nearest, and have no part in where it is."""
N_FIT, N_SILHOUETTE = 4_000, 1_000
"""More items are sampled, for the clusters and for choosing how many there are."""
LEAST_SPREAD = 0.05
"""A feature that hardly varies is not blown up."""
MOST_SPREADS = 4.0
"""A rare value of a feature is no type of its own just because it is rare."""
LEAST_SILHOUETTE = 0.05
"""Below it nothing is parted: one type."""
LEAST_RADIUS = 0.5
"""Of clusters of equal points, in spreads."""
CLEARLY = 0.03
"""Another number of types than last time must have a silhouette better by this."""


@dataclass(frozen=True, slots=True, eq=False)
class AnomalyTypes:
    """The types found at one time.

    schema  : of the embeddings
    ids     : (k,) of the types, at least 1; an id that is gone is not given again
    centres : (k, d) in the units of the embeddings
    mean, spread : (d,) of the embeddings that they were found in
    radius  : root mean square distance of these from their centres, in spreads
    next_id : the next id to be given
    """

    schema: str
    ids: Ints
    centres: Floats
    mean: Floats
    spread: Floats
    radius: float
    next_id: int

    def assign(self, embeddings: npt.ArrayLike) -> Ints:
        """(n,) the place in `ids` of the nearest type of each item.

        Raises
        ------
        InputError : another number of features
        """
        table = _read(embeddings, self.centres.shape[1])
        scaled, centres = _scaled(table, self.mean, self.spread), _scaled(self.centres, self.mean, self.spread)
        distance = (centres * centres).sum(axis=1) - 2.0 * scaled @ centres.T
        nearest: Ints = distance.argmin(axis=1).astype(np.int64)
        return nearest

    def distances(self, embeddings: npt.ArrayLike, places: Ints) -> Floats:
        """(n,) how far each item is from the centre of the type at its place, in spreads; raises `InputError`."""
        table = _read(embeddings, self.centres.shape[1])
        apart = _scaled(table, self.mean, self.spread) - _scaled(self.centres, self.mean, self.spread)[places]
        found: Floats = np.sqrt((apart * apart).sum(axis=1))
        return found

    def to_json(self) -> dict[str, Any]:
        """JSON values that `from_json` reads."""
        arrays = {name: getattr(self, name).tolist() for name in ("ids", "centres", "mean", "spread")}
        return {"schema": self.schema, **arrays, "radius": self.radius, "next_id": self.next_id}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What `to_json` gave.

        Raises
        ------
        InputError : anything else
        """
        try:
            arrays = {name: np.array(stored[name], dtype=np.float64) for name in ("centres", "mean", "spread")}
            ids = np.array(stored["ids"], dtype=np.int64)
            found = cls(
                str(stored["schema"]), ids, **arrays, radius=float(stored["radius"]), next_id=int(stored["next_id"])
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("Stored types of anomalies cannot be read", got=str(error)) from error
        if found.centres.shape != (len(ids), len(found.mean)) or found.spread.shape != found.mean.shape:
            raise InputError("Stored types of anomalies do not fit together", got=found.centres.shape)
        return found


def find_types(
    embeddings: npt.ArrayLike,
    *,
    schema: str = "",
    previous: AnomalyTypes | None = None,
    most: int = MOST_TYPES,
    random_state: int = 0,
) -> AnomalyTypes:
    """The types of some anomalies.

    Neither the order of the items nor the number of processors matters. At most 4,000 items are learned from.

    Parameters
    ----------
    embeddings : (n, d) finite, n at least 1
    schema : of the embeddings
    previous : the types of the last run, whose ids and number are kept where they still hold; of another schema, only
        their ids are not given again
    most : types, at least 1

    Raises
    ------
    InputError : no items, or values that are not finite
    """
    table = _read(embeddings)
    if not len(table) or most < 1:
        raise InputError("Types of anomalies", allowed="at least one item and one type", got=(len(table), most))
    table = table[np.lexsort(table.T[::-1])]
    chance = np.random.default_rng(random_state)
    if len(table) > N_FIT:
        table = table[np.sort(chance.choice(len(table), N_FIT, replace=False))]
    mean, spread = table.mean(axis=0), np.maximum(table.std(axis=0), LEAST_SPREAD)
    scaled = _scaled(table, mean, spread)
    alike = previous if previous is not None and _is_comparable(previous, schema, table) else None
    known = None if alike is None else _scaled(alike.centres, mean, spread)
    labels = _clusters(scaled, known, most, random_state, chance)
    n_types = int(labels.max()) + 1
    centres = np.array([table[labels == cluster].mean(axis=0) for cluster in range(n_types)])
    inside = (scaled - _scaled(centres, mean, spread)[labels])[labels >= 0]
    radius = float(np.sqrt((inside * inside).sum(axis=1).mean()))
    next_id = 1 if previous is None else previous.next_id
    if alike is None or known is None:
        ids = next_id + np.arange(n_types)
    else:
        ids = _matched(_scaled(centres, mean, spread), known, alike, radius, next_id)
    order = np.argsort(ids)
    return AnomalyTypes(schema, ids[order], centres[order], mean, spread, radius, max(next_id, int(ids.max()) + 1))


def _read(embeddings: npt.ArrayLike, n_features: int | None = None) -> Floats:
    table = np.asarray(embeddings, dtype=np.float64)
    if table.ndim != 2 or n_features not in (None, table.shape[1]):
        allowed = f"(n, {'d' if n_features is None else n_features})"
        raise InputError("Embeddings to be typed", allowed=allowed, got=f"shape {table.shape}")
    if not np.isfinite(table).all():
        raise InputError("Embeddings to be typed", allowed="finite values")
    return table


def _scaled(table: Floats, mean: Floats, spread: Floats) -> Floats:
    return np.clip((table - mean) / spread, -MOST_SPREADS, MOST_SPREADS)


def _is_comparable(previous: AnomalyTypes, schema: str, table: Floats) -> bool:
    return previous.schema == schema and previous.centres.shape[1] == table.shape[1]


def _clusters(scaled: Floats, known: Floats | None, most: int, seed: int, chance: np.random.Generator) -> Ints:
    """(n,) the cluster of each item, 0 to k - 1, none of them small; -1 = in none."""
    from sklearn.cluster import KMeans  # a run that asks for no types does not wait for the import
    from sklearn.metrics import silhouette_score

    limit = min(most, len(scaled) // MEMBERS, len(np.unique(scaled, axis=0)) - 1)
    part = np.sort(chance.choice(len(scaled), min(N_SILHOUETTE, len(scaled)), replace=False))
    found: dict[int, Ints] = {1: np.zeros(len(scaled), dtype=np.int64)}
    silhouettes = {1: LEAST_SILHOUETTE}
    with threadpool_limits(1):  # threads add in any order, which no seed can fix
        for n_clusters in range(2, limit + 1):
            starts: Any = known if known is not None and len(known) == n_clusters else "k-means++"
            means = KMeans(n_clusters, init=starts, n_init=2 if isinstance(starts, str) else 1, random_state=seed)
            labels = _without_small(means.fit(scaled).labels_)
            n_types, inside = int(labels.max()) + 1, part[labels[part] >= 0]
            if n_types > 1 and len(np.unique(labels[inside])) > 1:
                silhouette = float(silhouette_score(scaled[inside], labels[inside])) * len(inside) / len(part)
                if silhouette > silhouettes.get(n_types, -1.0):
                    found[n_types], silhouettes[n_types] = labels, silhouette
    best = max(silhouettes, key=lambda n_types: (silhouettes[n_types], -n_types))
    before = 0 if known is None else len(known)
    if silhouettes[best] < silhouettes.get(before, -np.inf) + CLEARLY:
        best = before
    return found[best]


def _without_small(labels: npt.NDArray[np.integer[Any]]) -> Ints:
    """Clusters renumbered from 0; items of those with fewer than `MEMBERS` are in none."""
    sizes = np.bincount(labels)
    number = np.where(sizes >= MEMBERS, np.cumsum(sizes >= MEMBERS) - 1, -1)
    renumbered: Ints = number[labels].astype(np.int64)
    return renumbered


def _matched(centres: Floats, known: Floats, previous: AnomalyTypes, radius: float, next_id: int) -> Ints:
    """(k,) the ids of the matching types of the last run, new ones where none matches."""
    from scipy.optimize import linear_sum_assignment

    distance = np.sqrt(((centres[:, None] - known[None]) ** 2).sum(axis=2))
    limit = max(radius, previous.radius, LEAST_RADIUS) / 2
    ids = np.zeros(len(centres), dtype=np.int64)
    # beyond the limit all are equally far: no near pair is given up for the sake of two that do not match anyway
    for mine, other in zip(*linear_sum_assignment(np.minimum(distance, limit)), strict=True):
        if distance[mine, other] < limit:
            ids[mine] = previous.ids[other]
    fresh = np.flatnonzero(ids == 0)
    ids[fresh] = next_id + np.arange(len(fresh))
    return ids
