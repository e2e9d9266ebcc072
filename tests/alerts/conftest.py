"""Stores (as in tests/store), a real HTTP server on the loopback, and Apprise's requests led to it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.store.conftest import postgres_server, postgres_template, postgres_url, sqlite_template, store, url

__all__ = ["postgres_server", "postgres_template", "postgres_url", "sqlite_template", "store", "url"]


@dataclass
class Received:
    """One request as the server got it."""

    method: str
    host: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Server:
    """Answers with `answers` in turn, then with the last one: a status, "hang" or "close"."""

    port: int = 0
    answers: list[int | str] = field(default_factory=lambda: [200])
    received: list[Received] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    def next_answer(self) -> int | str:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            host = self.headers.get("X-Original-Host", self.headers["Host"])
            state.received.append(Received(self.command, host, self.path, dict(self.headers), body))
            answer = state.next_answer()
            if answer == "hang":
                state.released.wait(30)
            elif isinstance(answer, int):
                self.send_response(answer)
                if answer in (301, 302, 307):
                    self.send_header("Location", f"http://127.0.0.1:{state.port}/elsewhere")
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

        def do_GET(self) -> None:
            self.do_POST()

        def do_PUT(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            pass

    http_server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http_server.daemon_threads = True
    state.port = http_server.server_address[1]
    thread = threading.Thread(target=http_server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield state
    state.released.set()
    http_server.shutdown()
    thread.join()
    http_server.server_close()


@pytest.fixture
def led_to_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Everything that `requests` sends, whatever its host, goes to the loopback server over a real connection."""
    from urllib.parse import urlsplit, urlunsplit

    from requests.adapters import HTTPAdapter

    original: Callable[..., Any] = HTTPAdapter.send

    def send(adapter: HTTPAdapter, request: Any, **options: Any) -> Any:
        parts = urlsplit(request.url)
        request.headers["X-Original-Host"] = parts.netloc
        request.url = urlunsplit(("http", f"127.0.0.1:{server.port}", parts.path, parts.query, ""))
        return original(adapter, request, **options)

    monkeypatch.setattr(HTTPAdapter, "send", send)
    return server
