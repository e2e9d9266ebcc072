"""The page as people have it: a server process of its own, and a real browser that answers through it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.web.chromium import CHROMIUM, Chromium
from tests.web.conftest import CONFIG, TOKEN, Desk, copied
from tests.web.test_review_hostile import EVIL, write_hostile
from tocsin.model import Verdict

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@contextmanager
def served(desk: Desk, **environment: str) -> Iterator[str]:
    """`tocsin serve` over the desk's store; ended by Ctrl-C, without a word."""
    (desk.settings.base / "tocsin.toml").write_text(CONFIG.format(url="sqlite:///store.db"), encoding="utf-8")
    server = subprocess.Popen(
        [sys.executable, "-m", "tocsin", "serve", "-c", str(desk.settings.base / "tocsin.toml"), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "TOCSIN_TOKEN"} | environment,
    )
    try:
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        assert found, line + (server.stderr.read() if server.stderr else "")
        yield found[0]
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=30)
        assert (server.returncode, out, err) == (0, "", "")
    finally:
        server.kill()
        server.communicate()


@pytest.fixture(scope="module")
def unlocked(filled: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Desk, str]]:
    """A server's address, its desk, and the id of a hostile incident."""
    with copied(filled, tmp_path_factory.mktemp("unlocked")) as desk:
        identity = write_hostile(desk, EVIL + "x" * 300)
        with served(desk) as address:
            yield address, desk, identity


def test_the_server_says_nothing_of_itself(unlocked: tuple[str, Desk, str]) -> None:
    with urllib.request.urlopen(unlocked[0], timeout=30) as page:  # noqa: S310 - this test's own server
        assert b"Open incidents" in page.read()
        assert "server" not in page.headers, "its version is nobody's business"


@pytest.mark.browser
@needs_chromium
def test_an_answer_is_given_with_the_mouse_and_found_in_the_store(desk: Desk, tmp_path: Path) -> None:
    write_hostile(desk, EVIL)
    button = f'form:has(input[value="{desk.opened}"]) button'
    with served(desk, TOCSIN_TOKEN=TOKEN) as address, Chromium(tmp_path / "profile") as browser:
        browser.open(f"{address}incident/{desk.opened}")
        browser.type("input[name=token]", TOKEN)
        browser.click("form.answer button")
        assert browser.evaluate("location.pathname") == f"/incident/{desk.opened}"
        browser.type("form.answer input[name=author]", "Zoë")
        browser.type("form.answer input[name=comment]", "their <b>Thursday</b> mailing")
        browser.click(f'{button}[value="not-relevant"]')
        assert "Stored: not-relevant" in browser.evaluate("document.querySelector('[role=status]').textContent")
        (given,) = desk.store.feedback(subject_id=desk.opened)
        assert (given.author, given.verdict, given.comment) == (
            "Zoë",
            Verdict.NOT_RELEVANT,
            "their <b>Thursday</b> mailing",
        )

        browser.open(address)
        assert browser.evaluate("document.querySelector('.who input[name=author]').value") == "Zoë"
        browser.click(f"{button}[name=undo]")
        assert desk.store.feedback(subject_id=desk.opened) == []
        assert browser.evaluate("document.cookie") == "", "no script could read them"
        assert browser.complaints == []
        assert "alert(1)" in browser.evaluate("document.body.textContent"), "hostile text is there, as text"
        assert browser.evaluate("document.querySelectorAll('script, img, iframe, object').length") == 0


@pytest.mark.browser
@needs_chromium
def test_a_phone_shows_every_page_without_sideways_scrolling(unlocked: tuple[str, Desk, str], tmp_path: Path) -> None:
    address, desk, identity = unlocked
    with Chromium(tmp_path / "profile") as browser:
        size = {"width": 390, "height": 800, "deviceScaleFactor": 1, "mobile": True}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        for path in ("", "closed", "types", "held", f"incident/{desk.opened}", f"incident/{identity}"):
            browser.open(address + path)
            browser.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
            assert browser.evaluate("[document.documentElement.scrollWidth, innerWidth]") == [390, 390], path
        assert browser.complaints == []


@pytest.mark.browser
@needs_chromium
def test_a_form_of_another_site_is_refused(unlocked: tuple[str, Desk, str], tmp_path: Path) -> None:
    address, desk, _ = unlocked
    fields = {"subject": desk.opened, "verdict": "relevant", "author": "mallory", "form_code": "0"}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    with Chromium(tmp_path / "profile") as browser:
        page = tmp_path / "evil.html"
        page.write_text(f'<form method="post" action="{address}answer">{inputs}<button>win</button></form>')
        browser.open(page.as_uri())
        browser.click("button")
        assert "The request comes from another site." in browser.evaluate("document.body.textContent")
    assert desk.store.feedback(subject_id=desk.opened) == []
