"""Readable names for types of anomalies: what is true of nearly all of a type's members and not of everything else.

A name is a noun ("sharp drop") and what else the members share ("at night", "one app"). Nothing is said that holds for
fewer than four fifths of them, and nothing beside the noun that holds about as often for all other anomalies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from tocsin.errors import InputError
from tocsin.model import Bools, Floats, Slice
from tocsin.relevancy.naming_traits import Items, Trait, nouns_of, traits_of

__all__ = ["name_types"]

MOST_OF = 0.8
"""What is said of a type is true of at least this part of its members."""
DISTINCT = 0.25
"""A trait is told if the part of the members that have it is larger by so much than that of the others."""
MOST_TRAITS = 3
"""So many are told beside the noun; one more where two types would have the same name."""


def name_types(
    embeddings: Floats,
    names: Sequence[str],
    clusters: npt.ArrayLike,
    *,
    slices: Sequence[Slice] | None = None,
    kpis: Sequence[str] | None = None,
) -> list[str]:
    """A name for each cluster, all of them different.

    Parameters
    ----------
    embeddings : (n, d) of one schema, unscaled
    names : of the d features
    clusters : (n,) 0, 1, …; a name is returned for each number up to the highest
    slices : n, optional: with them "one app" and "app 7" can be said
    kpis : n, optional: what deviates (`Anomaly.kpi`); with them indicators can be named

    Returns
    -------
    Names that depend on the members of a cluster (and of the others), not on its number or on the order of the items.

    Raises
    ------
    InputError : lengths that do not fit
    """
    table, numbers = np.asarray(embeddings, dtype=np.float64), np.asarray(clusters)
    if not len(numbers):
        return []
    expected = {"embeddings": (len(table), len(numbers)), "names": (len(names), table.shape[-1])}
    expected |= {
        word: (len(given), len(numbers)) for word, given in (("slices", slices), ("kpis", kpis)) if given is not None
    }
    for word, (got, allowed) in expected.items():
        if got != allowed:
            raise InputError(f"The {word} of anomalies to be named", allowed=f"{allowed}", got=got)
    items = Items(table, names, slices, kpis)
    drafts = [_draft(items, numbers == cluster) for cluster in range(int(numbers.max()) + 1)]
    _tell_apart(drafts)
    return _numbered(drafts, table)


@dataclass(slots=True, eq=False)
class _Draft:
    """A name that is being made.

    spare : what is true of the members and has not been said
    """

    members: Bools
    noun: str
    told: list[Trait] = field(default_factory=list)
    spare: list[Trait] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.noun + "".join(trait.phrase for trait in sorted(self.told, key=lambda trait: trait.place))

    def speaks_of(self, trait: Trait) -> bool:
        """Whether anything has been said of what the trait is about."""
        return any(set(trait.about) & set(told.about) for told in self.told)


def _draft(items: Items, members: Bools) -> _Draft:
    if not members.any():
        return _Draft(members, "no anomalies")
    noun = next(trait for trait in nouns_of(items) if _part(trait, members) >= MOST_OF)
    draft = _Draft(members, noun.phrase)
    for trait in traits_of(items, members):
        inside = _part(trait, members)
        if inside < MOST_OF or draft.speaks_of(trait):
            continue
        is_distinct = members.all() or _part(trait, ~members) <= inside - DISTINCT
        (draft.told if is_distinct and len(draft.told) < MOST_TRAITS else draft.spare).append(trait)
    return draft


def _part(trait: Trait, chosen: Bools) -> float:
    return float(trait.holds[chosen].mean())


def _tell_apart(drafts: Sequence[_Draft]) -> None:
    """One more trait for types of the same name, where one sets a type apart from the others of that name."""
    texts = [draft.text for draft in drafts]
    for draft, text in zip(drafts, texts, strict=True):
        others = [other for other, same in zip(drafts, texts, strict=True) if same == text and other is not draft]
        rivals = np.logical_or.reduce([other.members for other in others]) if others else np.zeros(0, dtype=bool)
        if not rivals.any():
            continue
        for trait in draft.spare:
            if not draft.speaks_of(trait) and _part(trait, rivals) <= _part(trait, draft.members) - DISTINCT:
                draft.told.append(trait)
                break


def _numbered(drafts: Sequence[_Draft], table: Floats) -> list[str]:
    """The texts, with numbers behind those that are still equal: the largest type first, then by what they are like."""
    places: dict[str, list[tuple[Any, ...]]] = {}
    for number, draft in enumerate(drafts):
        mine = table[draft.members]
        centre = np.median(mine, axis=0).round(6).tolist() if len(mine) else []
        places.setdefault(draft.text, []).append((-len(mine), centre, number))
    texts = [draft.text for draft in drafts]
    for same in places.values():
        for rank, (*_, number) in enumerate(sorted(same), 1):
            texts[number] += f" ({rank})" if rank > 1 else ""
    return texts
