"""The pages: queue, one incident, kinds, what was held back, signing in. Plain forms; no script runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from tocsin.anomaly_types import left_out, types_of
from tocsin.effect import effect_of_answers
from tocsin.errors import InputError
from tocsin.model import Incident, IncidentState, Verdict
from tocsin.report import report_style, template_environment, view_incident
from tocsin.store import Store
from tocsin.web.answering import MOST_AUTHOR, MOST_COMMENT, Unknown, answer, author_of, require_id
from tocsin.web.desk import Desk, form_of
from tocsin.web.door import AUTHOR_COOKIE, SESSION_COOKIE, SESSION_SECONDS
from tocsin.web.reading import (
    DAYS,
    LATELY,
    contradictions,
    held_rows,
    item_rows,
    items_of,
    matter_of,
    queue,
    said_of,
    subject_of,
    timezone_of,
    told_of,
)

__all__ = ["Forbidden", "Pages"]

YEAR = timedelta(days=365)
ENTRANCE = "sign_in.html.j2"
_PAGE = re.compile(r"/(closed|types|held|incident/[0-9a-f]{12})?")


class Forbidden(InputError):
    """A form that this server did not write."""


class Pages:
    """Handlers of the pages."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def queue(self, request: Request) -> Response:
        desk, author = self._desk, _author(request)
        is_closed = request.url.path == "/closed"
        states = (IncidentState.CLOSED,) if is_closed else (IncidentState.OPEN,)
        with desk.store() as store:
            shown = queue(desk.settings, store, desk.kinds, author, states)
            told = contradictions(store, desk.clock() - LATELY, author)
        return self._page(request, "queue.html.j2", queue=shown, is_closed=is_closed, contradictions=told)

    def incident(self, request: Request) -> Response:
        desk, subject = self._desk, require_id(request.path_params["id"])
        with desk.store() as store:
            incident = _incident(store, subject)
            items = items_of(store, incident)
            told = [one for name in incident.anomaly_ids for one in store.feedback(subject_id=name)]
            return self._page(
                request,
                "incident.html.j2",
                view=view_incident(incident, timezone_of(desk.settings, incident.monitor)),
                matter=matter_of(desk.settings, store, desk.kinds, incident, _author(request)),
                rows=item_rows(desk.settings, store, desk.kinds, items, _author(request)),
                of_parts=said_of(told),
            )

    def types(self, request: Request) -> Response:
        desk = self._desk
        found = []
        with desk.store() as store:
            for monitor in desk.settings.monitor:
                cards, headlines = types_of(desk.settings, store, monitor, days=DAYS, now=None)
                sentences = effect_of_answers(desk.settings, store, monitor, days=DAYS).sentences() if cards else []
                sentences += left_out(desk.settings, store, monitor, days=DAYS)
                told = {name: told_of(store, name, _author(request)) for name in headlines}
                shown = {"name": monitor.name, "cards": cards, "headlines": headlines, "told": told}
                found.append(shown | {"sentences": sentences})
        return self._page(request, "types.html.j2", monitors=found, days=DAYS)

    def held(self, request: Request) -> Response:
        desk = self._desk
        with desk.store() as store:
            held, n_held_more = held_rows(desk.settings, store, desk.kinds, _author(request), is_held=True)
            raised, n_raised_more = held_rows(desk.settings, store, desk.kinds, _author(request), is_held=False)
        return self._page(
            request,
            "held.html.j2",
            held=held,
            raised=raised,
            n_held_more=n_held_more,
            n_raised_more=n_raised_more,
            days=DAYS,
        )

    def answer(self, request: Request) -> Response:
        """Store what a form says, then show the page it came from with what that changed."""
        desk, fields = self._desk, self._own_form(request)
        with desk.store() as store:
            given = answer(desk.settings, store, fields, desk.clock(), undo="undo" in fields)
        key = desk.keep_notice(given.sentences())
        response = RedirectResponse(f"{_page_of(fields)}?notice={key}", status_code=303)
        _remember(request, response, AUTHOR_COOKIE, quote(author_of(fields["author"])), YEAR)
        return response

    def name(self, request: Request) -> Response:
        """Remember who answers."""
        fields = self._own_form(request)
        author = author_of(fields.get("author", ""))
        response = RedirectResponse(_page_of(fields), status_code=303)
        _remember(request, response, AUTHOR_COOKIE, quote(author), YEAR)
        return response

    def sign_in_form(self, request: Request) -> Response:
        return self._page(request, ENTRANCE, problem="", wanted=_page_of(request.query_params))

    def sign_in(self, request: Request) -> Response:
        fields = self._own_form(request)
        session, wanted = self._desk.door.sign_in(fields.get("token", "")), _page_of(fields)
        if session is None:
            return self._page(request, ENTRANCE, status=403, problem="That is not the token.", wanted=wanted)
        response = RedirectResponse(wanted, status_code=303)
        _remember(request, response, SESSION_COOKIE, session, timedelta(seconds=SESSION_SECONDS))
        return response

    def sign_out(self, request: Request) -> Response:
        self._own_form(request)
        self._desk.door.sign_out(request.cookies.get(SESSION_COOKIE, ""))
        response = RedirectResponse("/login", status_code=303)
        response.delete_cookie(SESSION_COOKIE)
        return response

    def style(self, request: Request) -> Response:
        return PlainTextResponse(_style(), media_type="text/css")

    def icon(self, request: Request) -> Response:
        return PlainTextResponse(_own_file("icon.svg"), media_type="image/svg+xml")

    def problem(self, request: Request, status: int, sentence: str) -> Response:
        """An error as a page."""
        return self._page(request, "problem.html.j2", status=status, sentence=sentence)

    def _page(self, request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
        text = _template(template).render(
            author=_author(request),
            back=request.url.path,
            form_code=self._desk.door.form_code(request.cookies.get(SESSION_COOKIE, "")),
            is_locked=self._desk.door.is_locked,
            most_author=MOST_AUTHOR,
            most_comment=MOST_COMMENT,
            notice=self._desk.notice(request.query_params.get("notice", "")),
            status=status,
            is_entrance=template == ENTRANCE,
            n_monitors=len(self._desk.settings.monitor),
            verdicts=[verdict.value for verdict in Verdict],
            **values,
        )
        return HTMLResponse(text, status_code=status)

    def _own_form(self, request: Request) -> Mapping[str, str]:
        fields = form_of(request)
        if not self._desk.door.is_own_form(request.cookies.get(SESSION_COOKIE, ""), fields.get("form_code", "")):
            hint = "load the page again"
            raise Forbidden("The form is of no page of this server, or of one from before it started", hint=hint)
        return fields


def _page_of(fields: Mapping[str, str]) -> str:
    """Where a form came from; the queue unless it is a page of this server."""
    back = fields.get("back", "")
    return back if _PAGE.fullmatch(back) else "/"


def _remember(request: Request, response: Response, name: str, value: str, span: timedelta) -> None:
    response.set_cookie(
        name,
        value,
        max_age=int(span.total_seconds()),
        httponly=True,
        samesite="strict",
        # where something before this server speaks TLS, only what the browser says of the page tells
        secure=request.headers.get("origin", "").startswith("https:"),
    )


def _incident(store: Store, subject: str) -> Incident:
    found = subject_of(store, subject)
    if isinstance(found, Incident):
        return found
    told = store.feedback(subject_id=subject)
    what = "an anomaly, not an incident" if found is not None else "nothing that is still stored"
    kept = f"; {len(told)} of its answers are kept" if told else ""
    hint = "late data took it back, or retention deleted it" if found is None else "`tocsin why` explains it"
    raise Unknown(f"The id {subject} is of {what}{kept}", hint=hint)


def _author(request: Request) -> str:
    name = unquote(request.cookies.get(AUTHOR_COOKIE, "")).strip()
    return name if len(name) <= MOST_AUTHOR else ""


def _template(name: str) -> Any:
    return template_environment("tocsin.web").get_template(name)


@cache
def _own_file(name: str) -> str:
    return (files("tocsin.web") / "templates" / name).read_text(encoding="utf-8")


def _style() -> str:
    return report_style() + _own_file("review.css")
