"""What relevancy remembers of a sighting: how far it was beyond the threshold, what it is like, and whether it rang."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from tocsin.model.records import Direction, Slice, Window, short_id

__all__ = ["Item", "LabelledItem"]


@dataclass(frozen=True, slots=True)
class Item:
    """One cause, entity or point in one window: what people answer about. Key: (monitor, window, id).

    excess        : how far it is beyond the detection threshold, in log10 of the tail probability; > 0: reported
    anomaly_id    : its leading anomaly; that of an item below the threshold is stored only if the item was raised
    schema        : of the embedding; only embeddings of one schema may be compared
    is_base       : whether the detector itself reports it
    is_selected   : whether it rang
    relevance     : the adjusted score it was chosen by, > 0 where it is wanted; NaN: there were no answers
    type_id       : its kind of anomaly under the model that chose; -1: none
    model_version : digest of what that model had learned from; empty: there were no answers
    kpi           : what deviates, `Anomaly.kpi` of the leading anomaly; empty: stored before this was remembered
    """

    monitor: str
    window: Window
    slice: Slice
    direction: Direction
    kind: str
    excess: float
    anomaly_id: str
    schema: str
    embedding: tuple[float, ...]
    headline: str
    is_base: bool
    is_selected: bool
    relevance: float = math.nan
    type_id: int = -1
    model_version: str = ""
    kpi: str = ""

    @property
    def id(self) -> str:
        parts = (self.monitor, self.window.start.isoformat(), self.slice.key, self.direction, self.kind)
        return short_id("item", *parts)


@dataclass(frozen=True, slots=True)
class LabelledItem:
    """What an answer teaches: an item as it was when it was answered, and what was said of it.

    answered : id of the incident, anomaly or item that the answer was given to; several items may have one answer
    at       : when the item's window began: what is wanted changes with the time of what happens
    """

    id: str
    answered: str
    monitor: str
    at: datetime
    excess: float
    schema: str
    embedding: tuple[float, ...]
    is_relevant: bool
