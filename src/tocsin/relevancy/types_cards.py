"""The card of a type of anomalies: its name, how many there were and were shown, what people said, and examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError
from tocsin.model import Floats, Ints, Slice
from tocsin.relevancy.naming import name_types
from tocsin.relevancy.types import AnomalyTypes

__all__ = ["AnomalyType", "type_cards"]

N_EXAMPLES = 3
ROUNDING = 1e-6
PSEUDO_COUNTS, CLIP = 5.0, (0.2, 5.0)
"""The first answers do not count for everything."""


@dataclass(frozen=True, slots=True)
class AnomalyType:
    """A kind of anomaly as people see it.

    id         : stays the same from run to run
    n_selected : of its items, those that people were told of
    n_relevant, n_not_relevant : answers about such items, those that are gone or of another monitor included
    relevance  : above 1 more of the kind is wanted than is reported, below 1 less; 1 without answers
    examples   : ids of the most typical items
    """

    id: int
    name: str
    n_items: int
    n_selected: int
    n_relevant: int
    n_not_relevant: int
    relevance: float
    examples: tuple[str, ...]


def type_cards(
    types: AnomalyTypes,
    embeddings: Floats,
    names: Sequence[str],
    *,
    item_ids: Sequence[str],
    selected: npt.ArrayLike,
    answered: Floats | None = None,
    labels: npt.ArrayLike = (),
    subjects: Sequence[str] | None = None,
    relevance: Sequence[float] | None = None,
    slices: Sequence[Slice] | None = None,
    kpis: Sequence[str] | None = None,
) -> tuple[AnomalyType, ...]:
    """A card for each type that has items, the most frequent first.

    Parameters
    ----------
    embeddings : (n, d) of the items, not scaled; `names` of the features
    item_ids, selected : n, which items there are and whether people were told of them
    answered, labels : (m, d) embeddings that were answered, and m answers: > 0 relevant, < 0 not relevant, 0 neither
    subjects : m, optional, what each was answered by: an answer about several items of a type is one answer
    relevance : one a type, in the order of `types.ids`; None: r of the answers, see `clusters`
    slices, kpis : n, optional, for the names

    Raises
    ------
    InputError : lengths that do not fit
    """
    shown, said = np.asarray(selected, dtype=bool), np.asarray(labels, dtype=np.float64)
    places = types.assign(embeddings)
    given = np.empty((0, types.centres.shape[1])) if answered is None or not len(answered) else answered
    judged = types.assign(given)
    for word, got, allowed in (("ids", item_ids, places), ("selections", shown, places), ("answers", said, judged)):
        if len(got) != len(allowed):
            raise InputError(f"The {word} of anomalies on cards", allowed=str(len(allowed)), got=len(got))
    n_types = len(types.ids)
    # what is said of another monitor's anomalies is about a type only if it could be a member of it
    reach = np.full(n_types, -np.inf)
    np.maximum.at(reach, places, types.distances(embeddings, places))
    is_near = types.distances(given, judged) <= reach[judged] + ROUNDING
    judged, said = judged[is_near], said[is_near]
    if subjects is not None:
        by_answer = list(zip(judged.tolist(), said.tolist(), np.asarray(subjects)[is_near].tolist(), strict=True))
        once = [by_answer.index(one) for one in dict.fromkeys(by_answer)]
        judged, said = judged[once], said[once]
    n_items, n_selected, n_relevant, n_not = (
        np.bincount(chosen, minlength=n_types) for chosen in (places, places[shown], judged[said > 0], judged[said < 0])
    )
    from tocsin.relevancy.clusters import relevance as relevance_of  # with scikit-learn, which asking does not need

    decided = said != 0
    share = n_items / max(int(n_items.sum()), 1)
    wanted = (
        relevance_of(share, judged[decided], said[decided] > 0, clip=CLIP, pseudo_counts=PSEUDO_COUNTS)
        if relevance is None
        else np.asarray(relevance, dtype=np.float64)
    )
    if relevance is None:
        wanted[(n_relevant + n_not) == 0] = 1.0  # answers about other types alone say nothing of one to people
    told = name_types(embeddings, names, places, slices=slices, kpis=kpis)
    cards = [
        AnomalyType(
            id=int(types.ids[place]),
            name=told[place],
            n_items=int(n_items[place]),
            n_selected=int(n_selected[place]),
            n_relevant=int(n_relevant[place]),
            n_not_relevant=int(n_not[place]),
            relevance=float(wanted[place]),
            examples=_examples(types, embeddings, item_ids, slices, np.flatnonzero(places == place), int(place)),
        )
        for place in np.flatnonzero(n_items)
    ]
    return tuple(sorted(cards, key=lambda card: (-card.n_items, card.id)))


def _examples(
    types: AnomalyTypes,
    embeddings: Floats,
    item_ids: Sequence[str],
    slices: Sequence[Slice] | None,
    mine: Ints,
    place: int,
) -> tuple[str, ...]:
    """The members nearest to the centre, equals by id; in the nearer half of them, one of each slice comes first."""
    away = (np.asarray(embeddings)[mine] - types.centres[place]) / types.spread
    distance = (away * away).sum(axis=1).round(9).tolist()
    ranked = sorted(zip(distance, (item_ids[item] for item in mine), mine.tolist(), strict=True))
    first: list[str] = []
    again: list[str] = []
    seen: set[Slice] = set()
    for _, name, item in ranked[: max(N_EXAMPLES, (len(ranked) + 1) // 2)]:
        part = None if slices is None else slices[item]
        (again if part in seen else first).append(name)
        seen |= set() if part is None else {part}
    return tuple([*first, *again][:N_EXAMPLES])
