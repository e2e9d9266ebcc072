"""A real browser, driven through a pipe: pages are opened, fields filled in and buttons pressed as people do."""

from __future__ import annotations

import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any, Self

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 30.0


class Chromium:
    """One page of a headless browser; `complaints` is what the browser wrote to its console."""

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        theirs_in, self._ours_out = _high_pipe()
        self._ours_in, theirs_out = _high_pipe()
        command = (
            f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'  # where the browser reads commands and writes answers
        )
        options = [
            "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--remote-debugging-pipe", f"--user-data-dir={profile}",
            "about:blank",
        ]  # fmt: skip
        self._process = subprocess.Popen(
            ["/bin/bash", "-c", command, CHROMIUM, *options],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._rest, self._number, self._session = b"", 0, ""
        self._events: list[dict[str, Any]] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        os.close(self._ours_in)
        os.close(self._ours_out)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Ask the browser and wait for what it answers."""
        self._number += 1
        session = {"sessionId": self._session} if self._session else {}
        message = {"id": self._number, "method": method, "params": params} | session
        os.write(self._ours_out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer)

    def open(self, address: str) -> None:
        """Go to an address and wait until it is loaded."""
        self._events.clear()
        self.call("Page.navigate", url=address)
        self.wait_for("Page.loadEventFired")

    def click(self, selector: str) -> None:
        """Press what a selector finds with the mouse, and wait for the page that follows."""
        place = "{const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]}"
        x, y = self.evaluate(
            f"(e => {{e.scrollIntoView({{block: 'center', behavior: 'instant'}}); {place[1:]})({_find(selector)})"
        )
        self._events.clear()
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.wait_for("Page.loadEventFired")

    def type(self, selector: str, text: str) -> None:
        """Write into a field."""
        self.evaluate(f"{_find(selector)}.focus()")
        self.call("Input.insertText", text=text)

    def evaluate(self, script: str) -> Any:
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, event: str) -> None:
        while all(one["method"] != event for one in self._events):
            self._note(self._next())

    def _next(self) -> dict[str, Any]:
        until = time.monotonic() + PATIENCE
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._ours_in], [], [], max(0.0, until - time.monotonic()))
            assert ready, "the browser says nothing"
            part = os.read(self._ours_in, 65_536)
            assert part, "the browser has ended"
            self._rest += part
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def _note(self, event: dict[str, Any]) -> None:
        self._events.append(event)
        if event.get("method") == "Log.entryAdded":
            self.complaints.append(event["params"]["entry"]["text"])


def _find(selector: str) -> str:
    return f"document.querySelector({json.dumps(selector)})"


def _high_pipe() -> tuple[int, int]:
    """Both ends above the numbers that the browser wants."""
    ends = os.pipe()
    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 64) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]
