"""What every request passes before anything reads it, and what every response carries.

Host: only names that the server knows, so that a foreign name that is made to point here reaches nothing. Origin: what
changes something comes from this server's own pages, or from a program, which sends neither Origin nor Sec-Fetch-Site.
Size: at most `MOST_BYTES`, within `SECONDS`. Token: where there is one.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from urllib.parse import urlencode, urlsplit

import anyio
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.web.door import Door

__all__ = ["BODY", "LOCAL_NAMES", "MOST_BYTES", "Guard"]

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
MOST_BYTES = 16_384
SECONDS = 10.0
BODY = "tocsin.body"
"""The scope's key of the whole body."""
OPEN_TO_ALL = ("/login", "/style.css", "/icon.svg")
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    # with "no-referrer" a browser would send `Origin: null` with this server's own forms
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Around the whole application, the pages for errors included.

    Parameters
    ----------
    hosts : names by which the server may be called, without port
    """

    def __init__(self, app: ASGIApp, door: Door, hosts: Collection[str]) -> None:
        self._app, self._door = app, door
        self._hosts = frozenset(name.lower() for name in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._pass(scope, receive, _with_headers(send))

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers, path = Headers(scope=scope), str(scope["path"])
        if _name_of(headers.get("host", "")) not in self._hosts:
            return await _refuse(scope, send, 400, "This server is not known by that name; `--name` adds one.")
        if scope["method"] not in ("GET", "HEAD") and _is_foreign(headers):
            return await _refuse(scope, send, 403, "The request comes from another site.")
        if path not in OPEN_TO_ALL and not self._lets_in(scope, headers):
            if path.startswith("/api/"):
                return await _refuse(scope, send, 401, "A token is needed: Authorization: Bearer TOKEN.")
            back = {"back": path} if scope["method"] == "GET" else {}
            return await _respond(send, 303, b"", {"location": f"/login?{urlencode(back)}".rstrip("?")})
        body = b""
        if scope["method"] not in ("GET", "HEAD"):
            with anyio.move_on_after(SECONDS) as limit:
                read = await _body_of(headers, receive)
            if limit.cancelled_caught:
                return await _refuse(scope, send, 408, "The request was not sent in time.")
            if read is None:
                return await _refuse(scope, send, 413, f"A request may have {MOST_BYTES:,} bytes.")
            body = read
        return await self._app({**scope, BODY: body}, receive, send)

    def _lets_in(self, scope: Scope, headers: Headers) -> bool:
        return self._door.lets_in(headers.get("authorization", ""), HTTPConnection(scope).cookies)


def _with_headers(send: Send) -> Send:
    async def carried(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return carried


def _name_of(host: str) -> str:
    """Without the port."""
    if host.startswith("["):
        return host[: host.find("]") + 1].lower()
    return host.partition(":")[0].lower()


def _is_foreign(headers: Mapping[str, str]) -> bool:
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return True
    origin = headers.get("origin")
    try:
        return origin is not None and urlsplit(origin).netloc.lower() != headers["host"].lower()
    except ValueError:
        return True


async def _body_of(headers: Headers, receive: Receive) -> bytes | None:
    """None: too long."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > len(str(MOST_BYTES)) or int(length) > MOST_BYTES:
        return None
    parts: list[bytes] = []
    size, is_more = 0, True
    while is_more:
        message = await receive()
        if message["type"] != "http.request":
            return b""
        parts.append(message.get("body", b""))
        size, is_more = size + len(parts[-1]), message.get("more_body", False)
        if size > MOST_BYTES:
            return None
    return b"".join(parts)


async def _refuse(scope: Scope, send: Send, status: int, sentence: str) -> None:
    if str(scope["path"]).startswith("/api/"):
        body, kind = json.dumps({"error": sentence}).encode(), "application/json"
    else:
        body, kind = sentence.encode(), "text/plain; charset=utf-8"
    headers = {"content-type": kind, "connection": "close"} | ({"www-authenticate": "Bearer"} if status == 401 else {})
    await _respond(send, status, body, headers)


async def _respond(send: Send, status: int, body: bytes, headers: Mapping[str, str]) -> None:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    pairs.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})
