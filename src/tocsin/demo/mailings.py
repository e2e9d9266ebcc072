"""Mailings that multiply an app's views in one country for an hour: nothing is wrong, and it happens again and again.

They are answered as a person would who hears of the first ones: `answer_mailings` calls them not relevant. What becomes
of those that follow is the demo of relevancy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.anomaly_types import types_of
from tocsin.config import Settings
from tocsin.effect import change_by_answer, effect_of_answers
from tocsin.formatting import format_count, format_slice
from tocsin.model import Feedback, Incident, Item, Slice, Verdict, Window
from tocsin.relevancy import AnomalyType
from tocsin.report import PlantedRow
from tocsin.simulate import Trouble
from tocsin.store import Store

__all__ = ["ANSWERED", "MAILED", "Lesson", "answer_mailings", "compare_mailings", "lesson_of", "plan_mailings"]

MAILED = "views"
"""The monitor that tells of them."""
SLICE = Slice((("country", "US"), ("app", "app 6")))
FACTOR = 2.0
HOURS = ((6, 10), (5, 15), (4, 9), (4, 17), (3, 11), (3, 19), (2, 10), (2, 18), (1, 8), (1, 12), (1, 16), (1, 20))
"""Days before the end, and the hour (UTC)."""
ANSWERED = timedelta(days=1)
"""So long before the end those that have been are answered."""
AUTHOR, COMMENT = "demo", "a mailing, nothing is wrong"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the answers have changed.

    sentences : for people
    cards     : of the kinds of anomalies that were answered; headlines of their examples by id
    n_kinds   : of all
    effect    : the replay, in words
    """

    sentences: tuple[str, ...]
    cards: tuple[AnomalyType, ...]
    headlines: Mapping[str, str]
    n_kinds: int
    effect: tuple[str, ...]


def plan_mailings(end: datetime) -> list[Trouble]:
    """In order of time."""
    starts = [end - days * DAY + hour * HOUR for days, hour in HOURS]
    return [
        Trouble(
            name=f"mailing {number}",
            kind="promotion",
            slice=SLICE,
            start=start,
            end=start + HOUR,
            kpi="views",
            factor=FACTOR,
            harmful=False,
            sentence=f"A mailing brings {FACTOR:g} times the views of {format_slice(SLICE)} for an hour.",
            also=(("clicks", FACTOR), ("installs", FACTOR), ("revenue", FACTOR)),
        )
        for number, start in enumerate(starts, start=1)
    ]


def answer_mailings(settings: Settings, store: Store, mailings: Sequence[Trouble], at: datetime) -> list[Incident]:
    """Call the incidents that tell of mailings not relevant; those that were answered, in order of time."""
    told = _told(store.incidents(monitor=MAILED, order="time"), mailings)
    answered = [told[mailing.name] for mailing in mailings if mailing.name in told]
    for incident in answered:
        given = Feedback(incident.id, Verdict.NOT_RELEVANT, at, AUTHOR, COMMENT)
        change_by_answer(settings, store, given)
    return answered


def compare_mailings(
    mailings: Sequence[Trouble], answered: Sequence[Incident], at: datetime, incidents: Sequence[Incident]
) -> PlantedRow:
    """One row for all: how many rang before the answers at `at`, and how many after.

    Parameters
    ----------
    incidents : those of the monitor at the end
    """
    after = [item for item in mailings if item.start >= at]
    rang = _told(incidents, after)
    return PlantedRow(
        sentence=f"{len(mailings)} mailings to {format_slice(SLICE)} bring {FACTOR:g} times the views, an hour each.",
        where=f"{len(mailings)} mailings, {format_slice(SLICE)}",
        window=Window(mailings[0].start, mailings[-1].end),
        harmful=False,
        incident_ids=tuple(incident.id for incident in answered),
        remark=f"{len(answered)} of {len(mailings) - len(after)} rang before they were answered, "
        f"{len(rang)} of {len(after)} after that",
    )


def lesson_of(
    settings: Settings, store: Store, mailings: Sequence[Trouble], answered: Sequence[Incident], at: datetime
) -> Lesson:
    """What became of the sightings after the answers at `at`, the kinds that were answered, and the replay."""
    after = [item for item in mailings if item.start >= at]
    items = [item for item in store.items(MAILED, since=at) if item.is_base]
    of_mailings = [item for item in items if any(_is_of(item, mailing) for mailing in after)]
    others = [item for item in items if item not in of_mailings]
    held = [item for item in of_mailings if not item.is_selected]
    monitor = settings.monitor_named(MAILED)
    cards, headlines = types_of(settings, store, monitor, days=30.0, now=at)
    besides = f"of {format_count(len(others), 'other')} {sum(not item.is_selected for item in others)}"
    sentences = (
        f"As if you had answered: {format_count(len(answered), 'incident')} of mailings before the last day, "
        "all not-relevant.",
        f"Of the {format_count(len(of_mailings), 'sighting')} of the last day's {len(after)} mailings {len(held)} "
        f"{'is' if len(held) == 1 else 'are'} held back, {besides if others else 'and there were no others'}.",
    )
    return Lesson(
        sentences,
        tuple(card for card in cards if card.n_relevant + card.n_not_relevant),
        headlines,
        len(cards),
        tuple(effect_of_answers(settings, store, monitor).sentences()),
    )


def _told(incidents: Sequence[Incident], mailings: Sequence[Trouble]) -> dict[str, Incident]:
    """The incident of the very slice that was alive during each mailing, by the mailing's name."""
    return {
        mailing.name: incident
        for incident in incidents
        for mailing in mailings
        if incident.slice == mailing.slice and incident.first.start < mailing.end and mailing.start < incident.last.end
    }


def _is_of(item: Item, mailing: Trouble) -> bool:
    return mailing.slice.contains(item.slice) and item.window.start == mailing.start
