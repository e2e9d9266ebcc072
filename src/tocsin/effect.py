"""What people's answers change, in plain words: a replay of the stored items of a monitor.

Two replays. *Cross-fitted*: time is cut into stretches, and the items of each are chosen by a model that has not seen
the answers to that stretch: what the answers would have done where nobody had answered yet. *With all answers*: what
they do now, the answered items included, which is no evidence of anything. Everything comes from the store; nothing is
written. An alert is an incident; of what belongs to none, a sighting of a slice with those that follow it at most
`close_after` windows apart.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from tocsin.config import MonitorSettings, RelevancySettings, Settings
from tocsin.formatting import format_count
from tocsin.model import Bools, Feedback, Item, LabelledItem
from tocsin.pipeline.relevance import labels_of
from tocsin.pipeline.relevance_model import N_RECENT, Wishes
from tocsin.relevancy import embedding_schema
from tocsin.store import Store

__all__ = ["Changed", "Effect", "Replay", "Withdrawal", "change_by_answer", "effect_of_answers"]

N_STRETCHES = 5
MOST_ITEMS = 10_000
MOST_QUICKLY = 1_000
"""Items looked at when an answer is given."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What would have rung.

    n_alerts : of these `n_raised` that the detector does not report
    n_held : alerts of the detector that would not have rung
    n_lost : alerts called relevant that would not have rung
    n_spared : alerts called not relevant that would not have rung
    """

    n_alerts: int
    n_held: int
    n_raised: int
    n_lost: int
    n_spared: int


@dataclass(frozen=True, slots=True)
class Effect:
    """Of all answers that a monitor learns from, over the items of the last days.

    days : that were looked at, fewer than asked for where there are very many items
    n_answers : that are learned from; `is_off`: from none, because relevancy is off
    n_base : alerts of the detector
    n_relevant, n_dismissed : those of them that were called relevant, and not relevant
    """

    days: float
    n_answers: int
    n_base: int
    n_relevant: int
    n_dismissed: int
    crossed: Replay
    with_all: Replay
    is_off: bool = False

    def sentences(self) -> list[str]:
        """For people; the first figures are those of the cross-fitted replay."""
        span = format_count(round(self.days), "day")
        if self.is_off:
            return ["Relevancy is off here: whatever people answer, everything that the detector reports rings."]
        if not self.n_answers:
            alerts = format_count(self.n_base, "alert of the detector", "alerts of the detector")
            return [f"No answers to learn from yet: {alerts} in the last {span}, and none would be held back."]
        crossed, whole = self.crossed, self.with_all
        answers = format_count(self.n_answers, "answer")
        if not any((crossed.n_held, crossed.n_raised, whole.n_held, whole.n_raised)):
            alerts = format_count(self.n_base, "alert")
            return [f"With your {answers} the same rings in the last {span} as without: {alerts}."]
        return [
            f"With your {answers}: {format_count(crossed.n_alerts, 'alert')} instead of {self.n_base:,} in the last "
            f"{span}; {crossed.n_lost} of {self.n_relevant} you called relevant lost, "
            f"{crossed.n_spared} of {self.n_dismissed} you dismissed spared; {crossed.n_held} held back in all, "
            f"{crossed.n_raised} raised. (Each stretch of time judged without the answers to it.)",
            f"Judged with all answers, those to the same alerts included: {format_count(whole.n_alerts, 'alert')}, "
            f"{whole.n_lost} of {self.n_relevant} lost, {whole.n_spared} of {self.n_dismissed} spared.",
        ]


def effect_of_answers(settings: Settings, store: Store, monitor: MonitorSettings, *, days: float = 30.0) -> Effect:
    """Replay the items of the last days before the newest stored one.

    Parameters
    ----------
    days : how far back
    """
    items = _newest(store, monitor, timedelta(days=days), MOST_ITEMS)
    if len(items) == MOST_ITEMS:
        days = min(days, (items[-1].window.end - items[0].window.start) / timedelta(days=1))
    labels = _about(labels_of(store, settings, monitor), items)
    alerts = _alerts(store, items, monitor)
    is_base = np.array([item.is_base for item in items], dtype=bool)
    said = {label.id: label.is_relevant for label in labels}
    base = [any(is_base[place] for place in alert) for alert in alerts]
    of_each = [said.get(item.id) for item in items]
    verdicts = [_verdict([one for place in alert if (one := of_each[place]) is not None]) for alert in alerts]
    parts = (alerts, base, verdicts)
    return Effect(
        days=days,
        n_answers=len({label.answered for label in labels}),
        n_base=sum(base),
        n_relevant=sum(was and verdict is True for was, verdict in zip(base, verdicts, strict=True)),
        n_dismissed=sum(was and verdict is False for was, verdict in zip(base, verdicts, strict=True)),
        crossed=_replay(_crossed(settings.relevancy, items, labels, is_base, alerts), *parts),
        with_all=_replay(_chosen(settings.relevancy, items, labels, items, []), *parts),
        is_off=settings.relevancy.mode == "off" or not monitor.relevancy,
    )


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """That somebody takes back the last answer about something."""

    subject_id: str
    author: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Changed:
    """An answer that was stored or taken back, and how many alerts of the last days more are held back, and ring."""

    answer: Feedback
    n_held: int
    n_rung: int


def change_by_answer(settings: Settings, store: Store, given: Feedback | Withdrawal, *, days: float = 30.0) -> Changed:
    """Store an answer, or take one back, and tell what it changes.

    Raises
    ------
    InputError : no such subject, or no answer to take back
    """
    before = {monitor.name: labels_of(store, settings, monitor) for monitor in settings.monitor}
    if isinstance(given, Withdrawal):
        answer = store.undo_feedback(given.subject_id, given.author, at=given.at)
    else:
        answer = store.add_feedback(given)
    n_held = n_rung = 0
    for monitor in settings.monitor:
        after = labels_of(store, settings, monitor)
        if after != before[monitor.name]:
            items = _newest(store, monitor, timedelta(days=days), MOST_QUICKLY)
            rang, rings = (
                _chosen(settings.relevancy, items, _about(labels, items), items, [])
                for labels in (before[monitor.name], after)
            )
            for alert in _alerts(store, items, monitor):
                was, now = any(rang[place] for place in alert), any(rings[place] for place in alert)
                n_held, n_rung = n_held + (was and not now), n_rung + (now and not was)
    return Changed(answer, n_held, n_rung)


def _newest(store: Store, monitor: MonitorSettings, span: timedelta, most: int) -> list[Item]:
    """The newest items, oldest first, of the schema that this version gives."""
    return store.newest_items(monitor.name, span, limit=most, schema=embedding_schema(monitor.kind))


def _about(labels: Iterable[LabelledItem], items: Sequence[Item]) -> list[LabelledItem]:
    """Those that can be compared with the items."""
    return [label for label in labels if items and label.schema == items[0].schema]


def _alerts(store: Store, items: Sequence[Item], monitor: MonitorSettings) -> list[list[int]]:
    """Places of the items of each alert, in order of time."""
    grid, incidents = monitor.grid, store.subjects(items)[0]
    found: dict[tuple[str, ...], list[int]] = {}
    newest: dict[tuple[str, ...], tuple[int, int]] = {}
    for place, item in enumerate(items):
        key: tuple[str, ...] = (incidents.get(item.anomaly_id, ""),)
        if not key[0]:
            part, index = (item.slice.key, item.direction.value), grid.index_of(item.window.start)
            last, number = newest.get(part, (index, 0))
            newest[part] = index, number + (index - last > monitor.close_after)
            key = (*part, str(newest[part][1]))
        found.setdefault(key, []).append(place)
    return list(found.values())


def _verdict(said: Sequence[bool]) -> bool | None:
    """What was said of an alert; relevant where people said both of its items."""
    return None if not said else any(said)


def _chosen(
    settings: RelevancySettings,
    items: Sequence[Item],
    labels: Sequence[LabelledItem],
    usual: Sequence[Item],
    recent: Sequence[Item],
) -> Bools:
    """Which items ring, as judged at the end of their stretch; without answers those that the detector reports."""
    is_base = np.array([item.is_base for item in items], dtype=bool)
    if not labels or not items or settings.mode == "off":
        return is_base
    chosen, _ = Wishes(settings, labels, usual).choose(items, recent, _end(items))
    return chosen


def _end(items: Iterable[Item]) -> datetime:
    return max(item.window.end for item in items)


def _crossed(
    settings: RelevancySettings,
    items: Sequence[Item],
    labels: Sequence[LabelledItem],
    is_base: Bools,
    alerts: Sequence[Sequence[int]],
) -> Bools:
    """Stretch by stretch, by the answers to the others; stretches hold equally many answers, and whole alerts."""
    if not labels:
        return is_base
    first = {label.answered: label.at for label in sorted(labels, key=lambda label: label.at, reverse=True)}
    times = sorted(first.values())
    cuts = [times[len(times) * part // N_STRETCHES] for part in range(1, N_STRETCHES)]
    told_in = [bisect_right(cuts, label.at) for label in labels]
    stretch = np.empty(len(items), dtype=np.int64)
    for alert in alerts:
        stretch[list(alert)] = bisect_right(cuts, min(items[place].window.start for place in alert))
    chosen = is_base.copy()
    for number in range(N_STRETCHES):
        inside = np.flatnonzero(stretch == number)
        if len(inside):
            mine = [items[place] for place in inside.tolist()]
            names = {item.id for item in mine}
            # an answer about an incident speaks of many windows: it is left out whole if it speaks of any here
            seen = {
                label.answered for label, at in zip(labels, told_in, strict=True) if at == number or label.id in names
            }
            taught = [label for label in labels if label.answered not in seen]
            recent = items[max(0, int(inside[0]) - N_RECENT) : int(inside[0])]
            chosen[inside] = _chosen(settings, mine, taught, items, recent)
    return chosen


def _replay(
    chosen: Bools, alerts: Sequence[Sequence[int]], base: Sequence[bool], verdicts: Sequence[bool | None]
) -> Replay:
    rings = [any(chosen[place] for place in alert) for alert in alerts]
    silent = [was and not now for was, now in zip(base, rings, strict=True)]
    return Replay(
        n_alerts=sum(rings),
        n_held=sum(silent),
        n_raised=sum(now and not was for was, now in zip(base, rings, strict=True)),
        n_lost=sum(gone and verdict is True for gone, verdict in zip(silent, verdicts, strict=True)),
        n_spared=sum(gone and verdict is False for gone, verdict in zip(silent, verdicts, strict=True)),
    )
