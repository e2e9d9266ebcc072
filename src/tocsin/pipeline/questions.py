"""What a run asks people: the few sightings whose answers help most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from tocsin.config import Settings
from tocsin.model import Item, Run, Window
from tocsin.pipeline.relevance import Relevance
from tocsin.store import Store

__all__ = ["OpenQuestion", "current_questions", "open_questions"]

LOOK_BACK = timedelta(days=7)
MOST_ITEMS = 200
"""The newest of a monitor that are thought of."""
NO_ANSWERS = 10.0
"""Variance of the adjusted score of an item of whose kind nobody has said anything."""


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """Something to be answered.

    id : of the incident; of the anomaly, where it was held back; of the item, where the detector does not report it
    """

    id: str
    monitor: str
    window: Window
    headline: str


def open_questions(store: Store, judged: Iterable[tuple[Relevance, Run]], n: int) -> tuple[OpenQuestion, ...]:
    """At most `n` questions about the newest days of some monitors; the same run asks the same.

    Parameters
    ----------
    judged : what chose, and the newest run of each monitor
    """
    known: dict[str, OpenQuestion] = {}
    candidates, answered, seed = [], set[str](), []
    if not n:
        return ()
    for relevance, run in judged:
        if not relevance.is_on:
            continue
        from tocsin.relevancy import Question  # heavy

        since, monitor = run.window.end - LOOK_BACK, run.monitor
        items = store.items(monitor, since=since, until=run.window.end, limit=MOST_ITEMS)
        incidents, given = store.subjects(items)
        answered |= given
        seed += [monitor, run.window.start.isoformat()]
        for item, score, variance in zip(items, *_latent(relevance, items, run.window), strict=True):
            incident = incidents.get(item.anomaly_id, "")
            name = incident or (item.anomaly_id if item.is_base or item.is_selected else item.id)
            if not {item.id, item.anomaly_id} & given:
                question = OpenQuestion(name, monitor, item.window, item.headline)
                known[name] = max(known.get(name, question), question, key=lambda one: one.window)
                kind = item.type_id if item.type_id >= 0 else None
                candidates.append(Question(name, score, variance, item.is_selected, incident, kind))
    if not candidates:
        return ()
    from tocsin.relevancy import propose_questions

    return tuple(known[question.id] for question in propose_questions(candidates, n, answered=answered, seed=seed))


def current_questions(settings: Settings, store: Store) -> tuple[OpenQuestion, ...]:
    """What the monitors' last runs would ask now, with all that has been answered since; nothing is written."""
    judged = []
    for monitor in settings.monitor:
        last, newest = store.last_run(monitor.name), store.items(monitor.name, limit=1)
        if last is not None:
            relevance = Relevance(store, settings, monitor)
            if relevance.is_on and newest:
                relevance.learn(last.window, newest[0].schema)
            judged.append((relevance, last))
    return open_questions(store, judged, settings.relevancy.ask)


def _latent(relevance: Relevance, items: list[Item], window: Window) -> tuple[list[float], list[float]]:
    """Adjusted scores and variances by what chose last; before any answer those that a model starts with."""
    wishes = relevance.wishes
    if wishes is None or any(item.schema != wishes.schema for item in items):
        return np.arcsinh([item.excess for item in items]).tolist(), [NO_ANSWERS] * len(items)
    scores, variances = wishes.latent(items, window.start)
    return scores.tolist(), variances.tolist()
