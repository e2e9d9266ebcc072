"""What can be said of anomalies in words, each with the anomalies that it is true of, read from their features."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from tocsin.formatting import format_slice, make_visible, shorten
from tocsin.model import Bools, Floats, Ints, Slice
from tocsin.relevancy.embeddings.collections import N_TERMS

__all__ = ["Items", "Trait", "nouns_of", "traits_of"]

Key = TypeVar("Key")

SHARP, SMALL = math.log(2.0), math.log(1.25)
"""A value doubled or halved changes sharply; less than a quarter more, or a fifth less, is small."""
MANY_SLICES = 10
LASTING = math.log1p(3)
"""Three windows in succession."""
FAR, NEAR = math.asinh(4.0), math.asinh(1.5)
"""Half widths of the band, of points of a series."""
TIMES = math.log(1.5)
"""Volumes and clumps are told of from half as much again, or a third less."""
MOST_HOURS = 6
"""Longer stretches of the day are not named."""
NIGHT = (22, 6)
ONE_LEADS, SEVERAL = 0.7, 2.5
"""One indicator makes so much of the score; or so many make it evenly."""


@dataclass(frozen=True, slots=True, eq=False)
class Trait:
    """A phrase with the sign or space that goes before it, and the anomalies it is true of.

    about : what it speaks of, one word or several; of what has been spoken of no other trait is told
    place : in the name; lower first
    """

    phrase: str
    holds: Bools
    about: tuple[str, ...] = ()
    place: int = 0


class Items:
    """The anomalies to be named, with their features by name."""

    def __init__(
        self, table: Floats, names: Sequence[str], slices: Sequence[Slice] | None, kpis: Sequence[str] | None
    ) -> None:
        self._columns = dict(zip(names, table.T, strict=True))
        self.n = len(table)
        self.slices, self.kpis = slices, kpis

    def has(self, name: str) -> bool:
        return name in self._columns

    def __getitem__(self, name: str) -> Floats:
        """(n,) a feature; zeros where the schema has none of this name."""
        column: Floats = self._columns.get(name, np.zeros(self.n))
        return column

    @property
    def entity(self) -> str:
        """What the anomalies of entities are of, one of them: "publisher"."""
        named = {part.items[0][0] for part in self.slices or () if part.items}
        return shorten(make_visible(named.pop()), 40) if len(named) == 1 else "entity"

    @property
    def terms(self) -> Floats:
        """(n, 12) signed terms of collections."""
        columns: Floats = np.column_stack([self[f"terms_{place}"] for place in range(N_TERMS)])
        return columns


# nouns ---------------------------------------------------------------------------------------------------------------


def nouns_of(items: Items) -> Iterator[Trait]:
    """The most specific first; the last is true of all."""
    if items.has("terms_0"):
        yield from _collection_nouns(items)
    elif items.has("odd_0"):
        entity = items.entity
        yield Trait(f"odd new {entity}", items["is_new"] > 0.5)
        yield Trait(f"odd {entity}", np.ones(items.n, dtype=bool))
    else:
        yield from _change_nouns(items)


def _change_nouns(items: Items) -> Iterator[Trait]:
    direction, size = items["direction"], np.abs(items["size"])
    is_sharp, is_small = size >= SHARP, size < SMALL
    if items.has("beyond"):  # of a series: its own band says what is sharp
        beyond = np.abs(items["beyond"])
        is_sharp, is_small = beyond >= FAR, beyond < NEAR
    for word, moved in (("drop", direction < 0), ("rise", direction > 0), ("change", np.ones(items.n, dtype=bool))):
        yield Trait(f"sharp {word}", moved & is_sharp)
        yield Trait(f"small {word}", moved & is_small)
        yield Trait(word, moved)


def _collection_nouns(items: Items) -> Iterator[Trait]:
    volume, dispersion = items["volume"], items["dispersion"]
    by_volume = items["volume_surprise"] > math.log1p(2)  # p < .01
    by_clumps = items["dispersion_surprise"] > math.log1p(2)
    yield Trait("too many records", by_volume & (volume >= TIMES))
    yield Trait("too few records", by_volume & (volume <= -TIMES))
    yield Trait("clumped records", by_clumps & (dispersion >= TIMES))
    yield Trait("records spread too evenly", by_clumps & (dispersion <= -TIMES))
    yield Trait("records at unusual times", ~by_volume & ~by_clumps & (items["of_day"] > 0.5))
    yield Trait(f"odd records of a {items.entity}", np.ones(items.n, dtype=bool))


# what else the members share -----------------------------------------------------------------------------------------


def traits_of(items: Items, members: Bools) -> Iterator[Trait]:
    """What may be told of some anomalies, most telling first."""
    yield from _when(items, members)
    yield from _surplus(items, members)
    yield from _indicator(items, members)
    yield from _which(items, members)
    yield from _breadth(items)
    yield from _course(items)
    yield from _week(items)


def _when(items: Items, members: Bools) -> Iterator[Trait]:
    """The hours of the windows, as far as these are short enough to tell."""
    hours = _hours(items)
    step = 0 if hours is None else int(np.gcd.reduce([24, *(hours - hours[0])]))  # a window is at most so long
    if hours is None or step > MOST_HOURS:
        return
    first = int(hours[0]) % step
    weight = np.bincount(hours[members] // step, minlength=24 // step).astype(np.float64)
    arc = _arc(weight, 1.0) or _arc(weight, 0.8)
    stretch = None if arc is None else (arc[0] * step + first, arc[1] * step)
    if stretch is not None and stretch[1] <= MOST_HOURS // 2:
        yield Trait(_clock(*stretch), _within(hours, *stretch), ("hour",), 1)
    length = (NIGHT[1] - NIGHT[0]) % 24
    yield Trait(" at night", _within(hours, NIGHT[0], length - step + 1), ("hour",), 1)
    if stretch is not None:
        yield Trait(_clock(*stretch), _within(hours, *stretch), ("hour",), 1)


def _hours(items: Items) -> Ints | None:
    """(n,) the hour of the day in which a window begins, 0 to 23; None where the features do not tell."""
    if not items.has("hour_sin"):
        return None
    angle = np.arctan2(items["hour_sin"], items["hour_cos"]) % (2 * np.pi)
    hours: Ints = np.floor(angle * 12 / np.pi + 1e-6).astype(np.int64) % 24
    return hours


def _arc(weight: Floats, most_of: float) -> tuple[int, int] | None:
    """First place and length of the shortest stretch of a circle that holds `most_of` of the weight."""
    twice = np.concatenate([[0.0], np.cumsum(np.concatenate([weight, weight]))])
    n, whole = len(weight), float(weight.sum())
    for length in range(1, n * MOST_HOURS // 24 + 1):
        held = twice[length : length + n] - twice[:n]
        if whole > 0 and held.max() >= most_of * whole - 1e-9:
            return int(held.argmax()), length
    return None


def _within(hours: Ints, first: int, length: int) -> Bools:
    inside: Bools = (hours - first) % 24 < length
    return inside


def _clock(first: int, length: int) -> str:
    return f", {first % 24:02d}:00-{(first + length - 1) % 24 + 1:02d}:00"


def _surplus(items: Items, members: Bools) -> Iterator[Trait]:
    """The time of day that has more records than usual."""
    if not items.has("terms_0") or not items["of_day"][members].all():
        return
    surplus = np.maximum(items.terms, 0.0)
    whole = surplus.sum(axis=1)
    arc = _arc(surplus[members].sum(axis=0), 0.8)
    if arc is not None:
        first, length = arc
        held = surplus[:, [(first + place) % N_TERMS for place in range(length)]].sum(axis=1)
        holds = (whole > 0) & (held >= 0.5 * whole) & (items["of_day"] > 0.5)
        hours = 24 // N_TERMS
        yield Trait(_clock(first * hours, length * hours), holds, ("hour",), 1)


def _indicator(items: Items, members: Bools) -> Iterator[Trait]:
    """Which indicator leads, to which side; or how many make the score."""
    if not items.has("odd_0"):
        return
    if items.kpis is not None:
        kpis = np.array([str(kpi) for kpi in items.kpis], dtype=object)
        lead = _most_frequent(list(kpis[members]))
        word, mine = shorten(make_visible(lead), 40), kpis == lead
        if lead:
            side = items["lead_deviation"]
            yield Trait(f": {word} too high", mine & (side > 0), ("indicator",), 0)
            yield Trait(f": {word} too low", mine & (side < 0), ("indicator",), 0)
            yield Trait(f": {word}", mine, ("indicator",), 0)
    yield Trait(", in one indicator", items["lead_share"] >= ONE_LEADS, ("evenness",), 3)
    yield Trait(", in several indicators", items["evenness"] >= SEVERAL, ("evenness",), 3)


def _which(items: Items, members: Bools) -> Iterator[Trait]:
    """The whole; one slice, one value of a dimension, or the same dimensions whatever the values."""
    if items.has("depth"):
        yield Trait(" of everything", items["depth"] == 0, ("which",), 2)
    if items.slices is None:
        return
    mine = [part for part, inside in zip(items.slices, members, strict=True) if inside]
    for part, _ in _ranked(Counter(part for part in mine if part.items))[:1]:
        holds = np.array([other == part for other in items.slices], dtype=bool)
        yield Trait(f", {shorten(format_slice(part), 80)}", holds, _about(_dimensions(part)), 2)
    values: Counter[tuple[str, str]] = Counter(item for part in mine for item in part.items)
    for item, _ in _ranked(values)[:3]:
        holds = np.array([item in part.items for part in items.slices], dtype=bool)
        yield Trait(f", {shorten(format_slice(Slice((item,))), 60)}", holds, _about(item[:1]), 2)
    if items.has("odd_0") or items.has("terms_0"):  # each of these is one entity
        return
    for fixed, _ in _ranked(Counter(_dimensions(part) for part in mine if part.items))[:1]:
        words = " x ".join(shorten(make_visible(name), 40) for name in fixed)
        holds = np.array([_dimensions(part) == fixed for part in items.slices], dtype=bool)
        yield Trait(f", one {words}", holds, _about(fixed), 2)


def _about(dimensions: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"dimension {name}" for name in dimensions)


def _dimensions(part: Slice) -> tuple[str, ...]:
    return tuple(name for name, _ in part.items)


def _ranked(counts: Counter[Key]) -> list[tuple[Key, int]]:
    """The most frequent first, equals by what they are."""
    return sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))


def _most_frequent(texts: Sequence[str]) -> str:
    return _ranked(Counter(texts))[0][0]


def _breadth(items: Items) -> Iterator[Trait]:
    if items.has("breadth"):
        yield Trait(" over many slices", items["breadth"] >= math.log1p(MANY_SLICES), ("breadth",), 0)
        yield Trait(", nothing else with it", items["breadth"] <= math.log1p(1), ("breadth",), 3)


def _course(items: Items) -> Iterator[Trait]:
    name = "duration" if items.has("duration") else "run"
    if items.has(name):
        yield Trait(", lasting", items[name] >= LASTING - 1e-9, ("course",), 3)
        yield Trait(", at its onset", items[name] <= math.log1p(1) + 1e-9, ("course",), 3)
    if items.has("shape_repeats"):
        yield Trait(", one of several", items["shape_repeats"] >= math.log1p(3) - 1e-9, ("repeats",), 3)


def _week(items: Items) -> Iterator[Trait]:
    if items.has("weekend"):
        weekend = items["weekend"] > 0.5
        yield Trait(", at weekends", weekend, ("week",), 4)
        yield Trait(", on weekdays", ~weekend, ("week",), 4)
