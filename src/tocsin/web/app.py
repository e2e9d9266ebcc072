"""The application: which handler answers which path, and what becomes of an error."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tocsin.config import Settings, utc_now
from tocsin.errors import InputError, StoreError
from tocsin.web.answering import Conflict, Unknown
from tocsin.web.desk import Desk
from tocsin.web.door import Door
from tocsin.web.guard import LOCAL_NAMES, Guard
from tocsin.web.pages import Forbidden, Pages
from tocsin.web.rest import Rest

__all__ = ["create_app"]


def create_app(
    settings: Settings,
    *,
    token: str | None = None,
    names: Collection[str] = (),
    clock: Callable[[], datetime] = utc_now,
) -> ASGIApp:
    """The review page of a configuration, as an ASGI application.

    Parameters
    ----------
    settings : which store, which monitors
    token : what people and programs must give; None: nothing
    names : by which the server may be called, beside those of this machine
    clock : the time of answers
    """
    desk = Desk(settings, Door(token), clock)
    pages, rest = Pages(desk), Rest(desk)
    routes = [
        Route("/", pages.queue),
        Route("/closed", pages.queue),
        Route("/incident/{id}", pages.incident),
        Route("/types", pages.types),
        Route("/held", pages.held),
        Route("/answer", pages.answer, methods=["POST"]),
        Route("/name", pages.name, methods=["POST"]),
        Route("/login", pages.sign_in_form, methods=["GET"]),
        Route("/login", pages.sign_in, methods=["POST"]),
        Route("/logout", pages.sign_out, methods=["POST"]),
        Route("/style.css", pages.style),
        Route("/icon.svg", pages.icon),
        Route("/api/incidents", rest.incidents),
        Route("/api/incidents/{id}", rest.incident),
        Route("/api/types", rest.types),
        Route("/api/questions", rest.questions),
        Route("/api/feedback", rest.feedback, methods=["POST"]),
        Route("/api/feedback/undo", rest.undo, methods=["POST"]),
    ]

    def failed(request: Request, error: Exception) -> Response:
        status, sentence = _reading_of(error)
        if request.url.path.startswith("/api/"):
            return JSONResponse({"error": sentence}, status)
        return pages.problem(request, status, sentence)

    kinds: list[type[Exception]] = [HTTPException, InputError, StoreError, Exception]
    app = Starlette(routes=routes, exception_handlers=dict.fromkeys(kinds, failed))
    app.router.redirect_slashes = False
    return Guard(app, desk.door, {*LOCAL_NAMES, *names})


def _reading_of(error: Exception) -> tuple[int, str]:
    """The status and a sentence that tells nothing of the inside."""
    match error:
        case HTTPException():
            return error.status_code, "There is no such page." if error.status_code == 404 else str(error.detail)
        case Forbidden():
            return 403, str(error)
        case Unknown():
            return 404, str(error)
        case Conflict():
            return 409, str(error)
        case InputError():
            return 400, str(error)
        case StoreError():
            return 503, str(error)
    return 500, "Something went wrong; the server's log tells what."
