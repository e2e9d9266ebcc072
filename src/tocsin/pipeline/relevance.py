"""Relevancy in the pipeline: of what a window's detector found and nearly found, what rings.

Between the judgement and the incidents. Without answers everything that the detector reports rings and nothing else.
Anomalies of what is held back stay stored; those of what is raised are stored, too. What rang once rings again when its
window is judged again and the detector still reports it: an answer changes what comes, never what was.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING

from tocsin.config import MonitorSettings, Settings
from tocsin.errors import InputError
from tocsin.formatting import format_count, format_slice
from tocsin.incidents import Sighting
from tocsin.model import Anomaly, Item, LabelledItem, Run, Window
from tocsin.pipeline.lens import Found
from tocsin.pipeline.relevance_model import N_RECENT, Wishes
from tocsin.store import Store

if TYPE_CHECKING:
    from tocsin.relevancy import AnomalyTypes

__all__ = ["TYPES_STATE", "Chosen", "Relevance", "labels_of", "stored_types"]

TYPES_STATE = "relevancy-types"
"""The name under which the types found last are kept in the store."""

N_CANDIDATES = 20
"""Sightings below the threshold that a window may name, once somebody has answered."""
N_USUAL = 2_000
"""The newest items that say what is usual."""
MOST_ITEMS = 500
"""Of more sightings in a window, so many become items, those with the highest excess; the others always ring."""
ENOUGH_OWN = 50
"""A monitor with fewer labelled items of its own learns from those of the other monitors of its kind, too."""
N_NAMED = 3
DIGITS = 6
"""Significant digits of an embedding, so that what is stored and read again is what was judged."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What rings of a window.

    found : what the detector found, with the sightings that ring, the anomalies to store, and notes
    items : of all sightings, those that do not ring included
    """

    found: Found
    items: tuple[Item, ...] = ()
    n_held: int = 0
    n_raised: int = 0


class Relevance:
    """Of one monitor, for one run: answers are read once, the model is learned anew for every day of windows.

    So windows that are judged one by one are judged as those of a backfill.
    """

    def __init__(self, store: Store, settings: Settings, monitor: MonitorSettings) -> None:
        self._store, self._settings, self._monitor = store, settings.relevancy, monitor
        self.is_on = settings.relevancy.mode != "off" and monitor.relevancy
        self._labels = labels_of(store, settings, monitor)
        self._types = stored_types(store, monitor.name) if self.is_on else None
        self._wishes: Wishes | None = None
        self._of: tuple[date, str] | None = None

    @property
    def has_answers(self) -> bool:
        """Whether there is anything to learn from."""
        return bool(self._labels)

    @property
    def n_candidates(self) -> int:
        """How many sightings below the threshold a window may name; 0 where nothing could raise them."""
        return N_CANDIDATES if any(label.is_relevant for label in self._labels) else 0

    def judge(self, found: Found, window: Window) -> list[Item]:
        """The items of a window, `is_selected` by the answers alone, with what they were chosen by."""
        if not self.is_on:
            return []
        items = self._typed(list(self._items(found, window))[:MOST_ITEMS])
        wishes = self._wishes_at(window, items[0].schema) if items else None
        if wishes is None:
            return [item for item in items if item.is_base]
        recent = [
            item
            for item in self._store.items(self._monitor.name, until=window.start, limit=N_RECENT)
            if item.schema == items[0].schema
        ]
        chosen, scores = wishes.choose(items, recent, window.start)
        return [
            replace(item, is_selected=bool(rings), relevance=float(score), model_version=wishes.version)
            for item, rings, score in zip(items, chosen, scores, strict=True)
        ]

    def settle(self, found: Found, items: Sequence[Item], before: Run | None, rang: Sequence[Item]) -> Chosen:
        """What rings, given what rang when the window was judged before.

        Parameters
        ----------
        items : from `judge`
        before, rang : the run and the items that are stored of the window
        """
        if not self.is_on:
            return Chosen(found)
        kept = {item.id for item in rang if item.is_selected}
        # judged before there were items: everything that was reported rang
        all_rang = before is not None and before.n_flagged > 0 and not rang
        settled = tuple(
            replace(item, is_selected=True)
            if item.is_base and not item.is_selected and (all_rang or item.id in kept)
            else item
            for item in items
        )
        held = [item for item in settled if item.is_base and not item.is_selected]
        raised = [item for item in settled if item.is_selected and not item.is_base]
        leads = {item.anomaly_id for item in held}
        wanted = {item.anomaly_id for item in raised}
        more = [sighting for sighting in found.candidates if _lead(sighting) in wanted]
        members = {name for sighting in more for name in sighting.anomaly_ids}
        found = replace(
            found,
            sightings=(*(sighting for sighting in found.sightings if _lead(sighting) not in leads), *more),
            anomalies=(*found.anomalies, *(item for item in found.candidate_anomalies if item.id in members)),
            notes=(*found.notes, *_notes(held, raised)),
        )
        return Chosen(found, settled, len(held), len(raised))

    def _typed(self, items: list[Item]) -> list[Item]:
        """With the type that each is of, where types were found."""
        types = self._types
        if types is None or not items or items[0].schema != types.schema:
            return items
        places = types.assign([item.embedding for item in items])
        return [replace(item, type_id=int(types.ids[place])) for item, place in zip(items, places, strict=True)]

    @property
    def wishes(self) -> Wishes | None:
        """What the last window was chosen by."""
        return self._wishes

    def learn(self, window: Window, schema: str) -> None:
        """Learn what a window with such items would be chosen by; `wishes` tells it."""
        self._wishes_at(window, schema)

    def _items(self, found: Found, window: Window) -> Iterator[Item]:
        """Highest excess first; a sighting without an anomaly that can be embedded always rings."""
        anomalies = {item.id: item for item in (*found.anomalies, *found.candidate_anomalies)}
        base = {id(sighting) for sighting in found.sightings}
        sightings = [item for item in (*found.sightings, *found.candidates) if math.isfinite(item.excess)]
        for sighting in sorted(sightings, key=lambda item: -item.excess):
            lead = anomalies.get(_lead(sighting))
            item = None if lead is None else self._item(sighting, lead, window, id(sighting) in base)
            if item is not None:
                yield item

    def _item(self, sighting: Sighting, lead: Anomaly, window: Window, is_base: bool) -> Item | None:
        from tocsin.relevancy import embed  # heavy, and without sightings not needed

        try:
            embedding = embed(lead, sighting.details, self._monitor.timezone)
        except InputError:
            return None
        return Item(
            monitor=self._monitor.name,
            window=window,
            slice=sighting.slice,
            direction=sighting.direction,
            kind=sighting.kind,
            excess=sighting.excess,
            anomaly_id=lead.id,
            schema=embedding.schema,
            embedding=tuple(float(f"{value:.{DIGITS}g}") for value in embedding.values),
            headline=sighting.headline,
            is_base=is_base,
            is_selected=is_base,
            kpi=lead.kpi,
        )

    def _wishes_at(self, window: Window, schema: str) -> Wishes | None:
        """What the answers about such items have taught, with what was usual before the window's day (UTC)."""
        labels = [label for label in self._labels if label.schema == schema]
        if not labels:
            return None
        key = (window.start.date(), schema)
        if self._of != key or self._wishes is None:
            until = datetime.combine(key[0], time(), UTC)
            usual = self._store.items(self._monitor.name, until=until, limit=N_USUAL)
            self._wishes = Wishes(self._settings, labels, [item for item in usual if item.schema == schema])
            self._of = key
        return self._wishes


def labels_of(store: Store, settings: Settings, monitor: MonitorSettings) -> list[LabelledItem]:
    """The monitor's own, and while they are few those of the monitors of its kind: a kind is one family."""
    if settings.relevancy.mode == "off" or not monitor.relevancy:
        return []
    own = store.labels([monitor.name])
    if len(own) >= ENOUGH_OWN:
        return own
    family = [other.name for other in settings.monitor if other.kind == monitor.kind and other.relevancy]
    return store.labels(family) if len(family) > 1 else own


def stored_types(store: Store, monitor: str) -> AnomalyTypes | None:
    """The types of anomalies found last; None: nobody has looked for any, or they cannot be read."""
    kept = store.get_state(monitor, TYPES_STATE)
    if kept is None:
        return None
    from tocsin.relevancy import AnomalyTypes  # heavy

    try:
        return AnomalyTypes.from_json(kept.meta)
    except InputError:
        return None


def _lead(sighting: Sighting) -> str:
    return sighting.anomaly_ids[0] if sighting.anomaly_ids else ""


def _notes(held: Sequence[Item], raised: Sequence[Item]) -> Iterator[str]:
    """What answers have changed, in plain words."""
    if held:
        they = format_count(len(held), "sighting is", "sightings are")
        yield f"{they} held back, not relevant by people's answers: {_named(held)}."
    if raised:
        they = format_count(len(raised), "sighting rings", "sightings ring")
        yield f"{they} below the detector's threshold, relevant by people's answers: {_named(raised)}."


def _named(items: Sequence[Item]) -> str:
    named = "; ".join(format_slice(item.slice) for item in items[:N_NAMED])
    return f"{named}; and {len(items) - N_NAMED} more" if len(items) > N_NAMED else named
