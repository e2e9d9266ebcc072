"""What the pages show of the store: matters to answer about, what was said of them, what was held back.

Every question to the store is one short transaction, so that a run may write at the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.config import Settings
from tocsin.errors import InputError
from tocsin.formatting import format_moment, format_number, format_slice, format_window
from tocsin.model import Anomaly, Feedback, Incident, IncidentState, Item, Verdict
from tocsin.overview import reason_of
from tocsin.pipeline import OpenQuestion, current_questions
from tocsin.report import view_incident
from tocsin.store import Store
from tocsin.web.kinds import Kinds

__all__ = [
    "DAYS",
    "LATELY",
    "Contradiction",
    "ItemRow",
    "Matter",
    "Queue",
    "Said",
    "Told",
    "contradictions",
    "held_rows",
    "item_rows",
    "items_of",
    "matter_of",
    "queue",
    "said_of",
    "subject_of",
    "timezone_of",
    "told_of",
]

DAYS = 30.0
"""How far back kinds, effects and what was held back are looked at."""
MOST_MATTERS = 100
MOST_ITEMS = 500
MOST_ROWS = 200
MOST_CONTRADICTIONS = 5
LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; `decides`: of several people's it is the one that counts."""

    author: str
    verdict: str
    comment: str
    when: str
    decides: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What people have said about one subject, newest first; `mine` is the verdict of the one who looks, or empty."""

    said: tuple[Said, ...] = ()
    mine: str = ""


@dataclass(frozen=True, slots=True)
class Matter:
    """Something to answer about: an incident, or an anomaly or item that did not ring.

    kind : the name of its kind of anomaly, may be empty
    state : of the incident; else "held back" or "below the threshold"
    """

    id: str
    headline: str
    monitor: str
    when: str
    lens: str
    kind: str
    state: str
    severity: str = ""
    stake: str = ""
    is_incident: bool = False
    told: Told = field(default_factory=Told)


@dataclass(frozen=True, slots=True)
class Queue:
    """The questions, then the incidents; `is_new`: no window has been evaluated."""

    questions: tuple[Matter, ...]
    incidents: tuple[Matter, ...]
    is_more: bool
    is_new: bool


@dataclass(frozen=True, slots=True)
class ItemRow:
    """One sighting and what became of it."""

    id: str
    when: str
    monitor: str
    slice: str
    headline: str
    became: str
    kind: str
    why: str
    told: Told


@dataclass(frozen=True, slots=True)
class Contradiction:
    """That somebody has answered otherwise, later, about the same."""

    subject: str
    mine: str
    theirs: str
    author: str
    when: str
    is_incident: bool


def queue(
    settings: Settings, store: Store, kinds: Kinds, author: str, states: Sequence[IncidentState] = (IncidentState.OPEN,)
) -> Queue:
    """What is to be answered, the questions that a run would ask first, then incidents by stake."""
    is_open = IncidentState.OPEN in states
    incidents = store.incidents(states=states, order="stake" if is_open else "time", limit=MOST_MATTERS + 1)
    known = {incident.id: incident for incident in incidents}
    asked = current_questions(settings, store) if is_open else ()
    questions = tuple(_question(settings, store, kinds, question, known, author) for question in asked)
    shown = {question.id for question in asked}
    rest = [incident for incident in incidents[:MOST_MATTERS] if incident.id not in shown]
    # of a silent source nothing is judged: that comes before all stakes
    rest.sort(key=lambda incident: incident.kind != "source silent")
    return Queue(
        questions=questions,
        incidents=tuple(matter_of(settings, store, kinds, incident, author) for incident in rest),
        is_more=len(incidents) > MOST_MATTERS,
        is_new=all(store.last_run(monitor.name) is None for monitor in settings.monitor),
    )


def _question(
    settings: Settings,
    store: Store,
    kinds: Kinds,
    question: OpenQuestion,
    known: Mapping[str, Incident],
    author: str,
) -> Matter:
    found = known.get(question.id) or subject_of(store, question.id)
    if isinstance(found, Incident):
        return matter_of(settings, store, kinds, found, author)
    return Matter(
        id=question.id,
        headline=question.headline,
        monitor=question.monitor,
        when=format_window(question.window, timezone_of(settings, question.monitor)),
        lens=next((one.kind for one in settings.monitor if one.name == question.monitor), ""),
        kind=kinds.name_of(settings, store, question.monitor, [question.id]),
        state="held back" if found else "below the threshold",
    )


def matter_of(settings: Settings, store: Store, kinds: Kinds, incident: Incident, author: str) -> Matter:
    """An incident with everybody's answers to it and to its anomalies."""
    view = view_incident(incident, timezone_of(settings, incident.monitor), full=False)
    return Matter(
        id=incident.id,
        headline=incident.headline,
        monitor=incident.monitor,
        when=view.when,
        lens=incident.kind,
        kind=kinds.name_of(settings, store, incident.monitor, incident.anomaly_ids),
        state=view.state,
        severity=incident.severity,
        stake=view.stake,
        is_incident=True,
        told=told_of(store, incident.id, author),
    )


def subject_of(store: Store, identity: str) -> Anomaly | Incident | None:
    """What is stored under a whole id; None: nothing, or a sighting below the threshold."""
    try:
        return store.find(identity)
    except InputError:
        return None


def items_of(store: Store, incident: Incident) -> list[Item]:
    """The newest sightings that the incident is made of."""
    held = set(incident.anomaly_ids)
    items = store.items(incident.monitor, since=incident.first.start, until=incident.last.end, limit=MOST_ITEMS)
    return [item for item in items if item.anomaly_id in held]


def told_of(store: Store, subject: str, author: str) -> Told:
    """The answers about one subject as `author` sees them."""
    said = said_of(store.feedback(subject_id=subject))
    return Told(said, next((one.verdict for one in said if one.author == author), "") if author else "")


def said_of(answers: Sequence[Feedback]) -> tuple[Said, ...]:
    """The answers about one subject, newest first."""
    sides = [answer for answer in answers if answer.verdict is not Verdict.UNSURE]
    deciding = sides[-1] if sides else None
    return tuple(
        Said(answer.author, answer.verdict.value, answer.comment, format_moment(answer.at), decides=answer is deciding)
        for answer in reversed(answers)
    )


def contradictions(store: Store, since: datetime, author: str) -> tuple[Contradiction, ...]:
    """Where somebody else has decided otherwise after `author`; the newest few first."""
    mine: dict[str, Feedback] = {}
    later: dict[str, Feedback] = {}
    for answer in store.feedback(since=since) if author else ():
        if answer.author == author:
            mine[answer.subject_id] = answer
            later.pop(answer.subject_id, None)
        elif answer.subject_id in mine and answer.verdict is not Verdict.UNSURE:
            later[answer.subject_id] = answer
    found = [answer for answer in later.values() if answer.verdict is not mine[answer.subject_id].verdict]
    return tuple(
        Contradiction(
            answer.subject_id,
            mine[answer.subject_id].verdict.value,
            answer.verdict.value,
            answer.author,
            format_moment(answer.at),
            isinstance(subject_of(store, answer.subject_id), Incident),
        )
        for answer in sorted(found, key=lambda answer: answer.at, reverse=True)[:MOST_CONTRADICTIONS]
    )


def item_rows(
    settings: Settings, store: Store, kinds: Kinds, items: Iterable[Item], author: str
) -> tuple[ItemRow, ...]:
    """What became of each sighting, newest first."""
    rows = []
    for item in sorted(items, key=lambda item: (item.window.start, item.excess), reverse=True):
        rang = "rang" if item.is_base else "raised"
        subject = item.anomaly_id if item.is_base or item.is_selected else item.id
        rows.append(
            ItemRow(
                id=subject,
                when=format_window(item.window, timezone_of(settings, item.monitor)),
                monitor=item.monitor,
                slice=format_slice(item.slice),
                headline=item.headline,
                became=rang if item.is_selected else "held back" if item.is_base else "below the threshold",
                kind=kinds.name_of(settings, store, item.monitor, [item.id]),
                why=_why(item),
                told=told_of(store, subject, author),
            )
        )
    return tuple(rows)


def held_rows(
    settings: Settings, store: Store, kinds: Kinds, author: str, *, is_held: bool
) -> tuple[tuple[ItemRow, ...], int]:
    """What answers have held back (or raised) in the newest `DAYS` of each monitor, and how many are not shown."""
    found: list[Item] = []
    for monitor in settings.monitor:
        last = store.last_run(monitor.name)
        if last is not None:
            items = store.items(monitor.name, since=last.window.end - timedelta(days=DAYS), changed=True)
            found += [item for item in items if item.is_base is is_held]
    found.sort(key=lambda item: item.window.start, reverse=True)
    return item_rows(settings, store, kinds, found[:MOST_ROWS], author), max(0, len(found) - MOST_ROWS)


def _why(item: Item) -> str:
    distance, side = format_number(abs(item.excess), 2), "beyond" if item.excess > 0 else "below"
    beyond = f"{distance} {'power' if distance == '1' else 'powers'} of ten {side} the threshold"
    return beyond if item.is_base is item.is_selected else f"{reason_of(item)}; {beyond}"


def timezone_of(settings: Settings, monitor: str) -> str:
    return next((one.timezone for one in settings.monitor if one.name == monitor), "UTC")
