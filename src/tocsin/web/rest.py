"""The same as JSON. Errors are ``{"error": sentence}``; names of fields stay."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tocsin.anomaly_types import left_out, types_of
from tocsin.effect import effect_of_answers
from tocsin.errors import InputError
from tocsin.model import Feedback, Incident, IncidentState, Item, Window
from tocsin.pipeline import current_questions
from tocsin.store import Store
from tocsin.web.answering import Unknown, answer, require_id
from tocsin.web.desk import Desk
from tocsin.web.guard import BODY
from tocsin.web.reading import DAYS, items_of, subject_of

__all__ = ["Rest"]

MOST = 1_000
STATES = {
    "open": [IncidentState.OPEN],
    "closed": [IncidentState.CLOSED],
    "retracted": [IncidentState.RETRACTED],
    "all": list(IncidentState),
}


class Rest:
    """Handlers of /api."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def incidents(self, request: Request) -> Response:
        """?monitor=NAME&state=open|closed|retracted|all&limit=N, by stake."""
        query = request.query_params
        state, monitor = query.get("state", "open"), query.get("monitor")
        if state not in STATES:
            raise InputError("A state of incidents", allowed=", ".join(STATES), got=state)
        if monitor is not None:
            self._monitors(monitor)
        limit = _limit(query.get("limit", "100"))
        with self._desk.store() as store:
            found = store.incidents(monitor=monitor, states=STATES[state], limit=limit)
            return _json({"incidents": [_incident(store, incident) for incident in found]})

    def incident(self, request: Request) -> Response:
        subject = require_id(request.path_params["id"])
        with self._desk.store() as store:
            found = subject_of(store, subject)
            if not isinstance(found, Incident):
                raise Unknown("No incident is stored under this id", got=subject)
            items = [_item(item) for item in items_of(store, found)]
            return _json({"incident": _incident(store, found), "items": items, "details": found.details})

    def types(self, request: Request) -> Response:
        """?monitor=NAME: kinds of anomalies, and what the answers change."""
        desk, told = self._desk, []
        with desk.store() as store:
            for monitor in self._monitors(request.query_params.get("monitor")):
                cards, headlines = types_of(desk.settings, store, monitor, days=DAYS, now=None)
                effect = effect_of_answers(desk.settings, store, monitor, days=DAYS).sentences() if cards else []
                effect += left_out(desk.settings, store, monitor, days=DAYS)
                types = [
                    {
                        "id": card.id,
                        "name": card.name,
                        "n_sightings": card.n_items,
                        "n_rang": card.n_selected,
                        "n_relevant": card.n_relevant,
                        "n_not_relevant": card.n_not_relevant,
                        "relevance": card.relevance,
                        "examples": [{"id": name, "headline": headlines.get(name, "")} for name in card.examples],
                    }
                    for card in cards
                ]
                told.append({"monitor": monitor.name, "types": types, "effect": effect})
        return _json({"days": DAYS, "monitors": told})

    def questions(self, request: Request) -> Response:
        with self._desk.store() as store:
            asked = current_questions(self._desk.settings, store)
        return _json(
            {
                "questions": [
                    {"id": one.id, "monitor": one.monitor, "window": _window(one.window), "headline": one.headline}
                    for one in asked
                ]
            }
        )

    def feedback(self, request: Request) -> Response:
        """{"subject", "verdict", "author", "comment"}"""
        return self._answered(request, ("subject", "verdict", "author", "comment"), undo=False)

    def undo(self, request: Request) -> Response:
        """{"subject", "author"}"""
        return self._answered(request, ("subject", "author"), undo=True)

    def _answered(self, request: Request, names: tuple[str, ...], *, undo: bool) -> Response:
        desk, fields = self._desk, _fields(request, names)
        with desk.store() as store:
            given = answer(desk.settings, store, fields, desk.clock(), undo=undo)
        changed = given.changed
        return _json(
            {
                "answer": _feedback(changed.answer),
                "undone": undo,
                "effect": {"days": DAYS, "n_held": changed.n_held, "n_rung": changed.n_rung},
                "decides": given.decides.verdict if given.decides else None,
                "told": given.sentences(),
            }
        )

    def _monitors(self, name: str | None) -> Any:
        monitors = self._desk.settings.monitor
        if name is None:
            return monitors
        found = [monitor for monitor in monitors if monitor.name == name]
        if not found:
            raise Unknown("No such monitor", allowed=", ".join(one.name for one in monitors) or "none", got=name)
        return found


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MOST):
        raise InputError("A limit", allowed=f"1 to {MOST:,}", got=text)
    return int(text)


def _fields(request: Request, names: tuple[str, ...]) -> Mapping[str, str]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # a form of another site could send anything else without being asked
        raise InputError("The content type", allowed="application/json", got=kind)
    try:
        found = json.loads(request.scope[BODY])
        json.dumps(found, ensure_ascii=False).encode()  # half a character, which JSON can name, is no text
    except (ValueError, RecursionError):
        raise InputError("The request is not JSON") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InputError("The request", allowed=f"an object of texts: {', '.join(names)}")
    foreign = sorted(set(found) - set(names))
    if foreign:
        raise InputError("An unknown field", allowed=", ".join(names), got=foreign[0])
    return found


def _incident(store: Store, incident: Incident) -> dict[str, Any]:
    return {
        "id": incident.id,
        "monitor": incident.monitor,
        "lens": incident.kind,
        "kpi": incident.kpi,
        "slice": dict(incident.slice.items),
        "direction": incident.direction.value,
        "state": incident.state.value,
        "severity": incident.severity,
        "stake": incident.stake,
        "headline": incident.headline,
        "first": _window(incident.first),
        "last": _window(incident.last),
        "n_anomalies": len(incident.anomaly_ids),
        "answers": [_feedback(one) for one in store.feedback(subject_id=incident.id)],
    }


def _item(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "anomaly": item.anomaly_id,
        "window": _window(item.window),
        "slice": dict(item.slice.items),
        "headline": item.headline,
        "excess": item.excess,
        "is_reported": item.is_base,
        "rang": item.is_selected,
        "relevance": item.relevance,
        "type": item.type_id,
    }


def _feedback(given: Feedback) -> dict[str, Any]:
    return {
        "subject": given.subject_id,
        "verdict": given.verdict.value,
        "author": given.author,
        "comment": given.comment,
        "at": given.at.isoformat(),
    }


def _window(window: Window) -> dict[str, str]:
    return {"start": window.start.isoformat(), "end": window.end.isoformat()}


def _json(value: Mapping[str, Any]) -> Response:
    return JSONResponse(_finite(value))


def _finite(value: Any) -> Any:
    """JSON has no word for NaN and infinity: null."""
    match value:
        case float():
            return value if math.isfinite(value) else None
        case Mapping():
            return {str(key): _finite(item) for key, item in value.items()}
        case list() | tuple():
            return [_finite(item) for item in value]
    return value
