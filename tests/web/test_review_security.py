"""What other sites, other machines and hostile names can do: nothing."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.web.conftest import TOKEN, Browser, Desk
from tocsin.errors import ConfigError
from tocsin.web.door import SESSION_SECONDS, Door
from tocsin.web.guard import MOST_BYTES
from tocsin.web.server import _token

OWN = {"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}
PAGES = ("/", "/closed", "/types", "/held", "/login", "/nonsense", "/style.css")


def answered(desk: Desk, browser: Browser, **options: Any) -> int:
    """Try to answer about the open incident; the status."""
    browser.load("/")
    fields = {"form_code": browser.form_code, "subject": desk.opened, "verdict": "relevant", "author": "anna"}
    options = {"data": fields, "headers": OWN} | options
    status: int = browser.post("/answer", follow_redirects=False, **options).status_code
    return status


def test_every_response_forbids_scripts_frames_and_guessing(desk: Desk, browser: Browser) -> None:
    for path in (*PAGES, f"/incident/{desk.opened}", "/api/incidents", "/api/nonsense"):
        for answer in (browser.get(path), browser.get(path, headers={"host": "evil.example"})):
            policy = answer.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'self'; ")
            assert "unsafe" not in policy
            assert "frame-ancestors 'none'" in policy
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["cache-control"] == "no-store"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert answer.headers["cross-origin-resource-policy"] == "same-origin"
            assert "access-control-allow-origin" not in answer.headers
    for path in PAGES:
        assert not re.search(r"<script|\sstyle=|\son\w+=|<style|https?://", browser.get(path).text)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example:8765", "", "[::2]"]
)
def test_a_foreign_name_that_points_here_reaches_nothing(desk: Desk, browser: Browser, host: str) -> None:
    for path in ("/", "/api/incidents", "/style.css"):
        answer = browser.get(path, headers={"host": host})
        assert answer.status_code == 400
        assert "country" not in answer.text
    assert answered(desk, browser, headers={**OWN, "host": host, "origin": f"http://{host}"}) == 400
    assert desk.store.feedback(subject_id=desk.opened) == []


def test_own_names_are_known_whatever_their_case_and_port(desk: Desk) -> None:
    browser = desk.browser(desk.app(names=["Tocsin.Example"]))
    for host in ("127.0.0.1", "LOCALHOST:1", "[::1]:8765", "tocsin.example", "TOCSIN.example:443"):
        assert browser.get("/", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://127.0.0.1:9999"},  # another port is another site
        {"origin": "null"},
        {"origin": "http://[", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {"origin": "http://127.0.0.1:8765", "sec-fetch-site": "cross-site"},
    ],
)
def test_other_sites_change_nothing(desk: Desk, browser: Browser, headers: dict[str, str]) -> None:
    assert answered(desk, browser, headers=headers) == 403
    body = {"subject": desk.opened, "verdict": "relevant", "author": "anna"}
    assert browser.post("/api/feedback", json=body, headers=headers).status_code == 403
    assert (
        browser.post("/name", data={"author": "x", "form_code": browser.form_code}, headers=headers).status_code == 403
    )
    assert desk.store.feedback(subject_id=desk.opened) == []


def test_a_form_needs_the_code_that_this_server_gave_to_this_session(desk: Desk, browser: Browser) -> None:
    other = desk.browser()
    other.load("/")
    for code in ("", "0" * 64, other.form_code, "\u00e9"):
        fields = {"form_code": code, "subject": desk.opened, "verdict": "relevant", "author": "anna"}
        assert answered(desk, browser, data=fields) == 403
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json"):
        content = f"form_code={browser.form_code}&subject={desk.opened}&verdict=relevant&author=anna"
        assert answered(desk, browser, data=None, content=content, headers={**OWN, "content-type": kind}) == 400
    assert desk.store.feedback(subject_id=desk.opened) == []
    assert answered(desk, browser) == 303

    app = desk.app(token=TOKEN)
    first, second = signed_in(desk, app), signed_in(desk, app)
    second.load("/")
    fields = {"form_code": second.form_code, "subject": desk.opened, "verdict": "relevant", "author": "anna"}
    assert answered(desk, first, data=fields) == 403
    assert answered(desk, second, data=fields) == 303


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_posting_writes(desk: Desk, browser: Browser, method: str) -> None:
    browser.load("/")
    before = desk.content()
    fields = {"form_code": browser.form_code, "subject": desk.opened, "verdict": "relevant", "author": "anna"}
    for path in ("/answer", "/name", "/logout", "/api/feedback", "/api/feedback/undo"):
        assert browser.request(method, path, params=fields, headers=OWN).status_code == 405
    assert desk.content() == before


@pytest.mark.parametrize(
    "back",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "/incident/../x", "/types\nx: y", "javascript:1"],
)
def test_no_form_leads_to_another_site(desk: Desk, browser: Browser, back: str) -> None:
    browser.load("/")
    for path in ("/answer", "/name"):
        fields = {"subject": desk.opened, "verdict": "relevant", "author": "anna", "back": back}
        answer = browser.post(path, data={"form_code": browser.form_code} | fields, headers=OWN, follow_redirects=False)
        assert answer.status_code == 303
        assert re.fullmatch(r"/(\?notice=[\w-]+)?", answer.headers["location"])
    locked = desk.browser(desk.app(token=TOKEN))
    locked.page = locked.get("/login", params={"back": back}).text
    assert 'name="back" value="/"' in locked.page
    fields = {"form_code": locked.form_code, "token": TOKEN, "back": back}
    answer = locked.post("/login", data=fields, headers=OWN, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def signed_in(desk: Desk, app: Any) -> Browser:
    browser = desk.browser(app)
    browser.load("/login")
    assert browser.fill_in("/login", token=TOKEN).status_code == 200
    return browser


def test_with_a_token_nobody_comes_in_without_it(desk: Desk) -> None:
    app = desk.app(token=TOKEN)
    stranger = desk.browser(app)
    for path in ("/", "/closed", "/types", "/held", "/incident/" + desk.opened, "/nonsense"):
        answer = stranger.get(path, follow_redirects=False)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?back=%2F")
        assert answer.text == ""
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}, {"authorization": "x"}):
        answer = stranger.get("/api/incidents", headers=headers)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert answer.json() == {"error": "A token is needed: Authorization: Bearer TOKEN."}
    assert stranger.get("/style.css").status_code == 200
    stranger.load("/login")
    assert "country" not in stranger.page
    wrong = stranger.fill_in("/login", token="wrong")  # noqa: S106
    assert (wrong.status_code, "That is not the token." in wrong.text) == (403, True)
    assert stranger.fill_in("/answer", subject=desk.opened, verdict="relevant", author="x").url.path == "/login"
    assert desk.store.feedback(subject_id=desk.opened) == []


def test_a_session_opens_the_page_that_was_wanted_and_ends(desk: Desk) -> None:
    app = desk.app(token=TOKEN)
    browser = desk.browser(app)
    browser.load(f"/incident/{desk.opened}")
    assert f'name="back" value="/incident/{desk.opened}"' in browser.page
    answer = browser.fill_in("/login", token=TOKEN, back=f"/incident/{desk.opened}")
    assert answer.url.path == f"/incident/{desk.opened}"
    assert "down 62 %" in answer.text
    assert browser.answer(desk.opened, "relevant").status_code == 200
    kept = dict(browser.cookies)
    assert browser.fill_in("/logout").url.path == "/login"
    stolen = desk.browser(app, cookies=kept)
    assert stolen.get("/", follow_redirects=False).status_code == 303


def test_a_program_sends_the_token_with_every_request(desk: Desk) -> None:
    program = desk.browser(desk.app(token=TOKEN), headers={"authorization": f"Bearer {TOKEN}"})
    assert program.get("/api/incidents").status_code == 200
    body = {"subject": desk.opened, "verdict": "relevant", "author": "script"}
    assert program.post("/api/feedback", json=body).status_code == 200


def test_sessions_run_out() -> None:
    now = [0.0]
    door = Door(TOKEN, clock=lambda: now[0])
    session = door.sign_in(TOKEN)
    assert session is not None
    assert door.lets_in("", {"tocsin_session": session})
    now[0] = SESSION_SECONDS + 1
    assert not door.lets_in("", {"tocsin_session": session})
    assert not door.lets_in("", {"tocsin_session": ""})
    assert not door.lets_in("", {})


def test_tokens_and_codes_are_compared_in_constant_time(monkeypatch) -> None:
    seen = []

    def compare(one: bytes, other: bytes) -> bool:
        seen.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("tocsin.web.door.hmac.compare_digest", compare)
    door = Door(TOKEN)
    assert door.sign_in("x") is None
    assert door.lets_in(f"Bearer {TOKEN}", {})
    assert door.is_own_form("session", door.form_code("session"))
    assert seen == [(32, 32), (32, 32), (64, 64)], "digests, whose length tells nothing"


def test_cookies_are_kept_from_scripts_and_other_sites_and_hold_no_token(desk: Desk) -> None:
    browser = desk.browser(desk.app(token=TOKEN))
    browser.load("/login")
    sent = browser.post(
        "/login", data={"form_code": browser.form_code, "token": TOKEN}, headers=OWN, follow_redirects=False
    )
    browser.load("/")
    fields = {"form_code": browser.form_code, "author": "Zoë; Path=/x", "back": "/"}
    named = browser.post(
        "/name", data=fields, headers={**OWN, "origin": "https://127.0.0.1:8765"}, follow_redirects=False
    )
    for answer in (sent, named):
        (cookie,) = answer.headers.get_list("set-cookie")
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "Domain" not in cookie
        assert cookie.count("Path=") == 1
        assert TOKEN not in cookie
    assert "Secure" in named.headers["set-cookie"]
    assert "Secure" not in sent.headers["set-cookie"], "a browser would not send it back over HTTP"


def test_no_secret_is_on_a_page_or_in_the_log(desk: Desk, caplog) -> None:
    browser = signed_in(desk, desk.app(token=TOKEN))
    texts = [browser.get(path).text for path in (*PAGES, f"/incident/{desk.opened}", "/api/types", "/api/incidents")]
    secrets = [TOKEN, *(value for name, value in browser.cookies.items() if name == "tocsin_session"), "store.db"]
    assert len(secrets) == 3
    assert not [one for one in secrets for text in [*texts, caplog.text] if one in text]


def test_a_fault_inside_tells_nothing_of_the_inside(desk: Desk, monkeypatch) -> None:
    def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError("postgresql://user:password@host")

    monkeypatch.setattr("tocsin.web.pages.queue", break_down)
    monkeypatch.setattr("tocsin.web.rest.current_questions", break_down)
    browser = desk.browser(raise_server_exceptions=False)
    for path in ("/", "/api/questions"):
        answer = browser.get(path)
        assert answer.status_code == 500
        assert "password" not in answer.text
        assert "Traceback" not in answer.text
        assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("path", ["/answer", "/login", "/api/feedback"])
def test_large_bodies_are_refused_before_they_are_read(desk: Desk, browser: Browser, path: str) -> None:
    body = b"x" * (MOST_BYTES + 1)
    assert browser.post(path, content=body, headers=OWN).status_code == 413
    assert browser.post(path, content=iter([body[:9_000], body[9_000:]]), headers=OWN).status_code == 413
    for length in ("-1", "9" * 5_000, "1e3", "٣"):
        assert browser.post(path, content=b"", headers={**OWN, "content-length": length.encode()}).status_code == 413
    many = "&".join("a=1" for _ in range(21))
    form = {**OWN, "content-type": "application/x-www-form-urlencoded"}
    assert browser.post("/answer", content=many, headers=form).status_code == 400


def test_a_body_that_does_not_come_is_not_waited_for(desk: Desk, monkeypatch) -> None:
    monkeypatch.setattr("tocsin.web.guard.SECONDS", 0.05)
    sent: list[dict[str, Any]] = []

    async def never() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/answer",
        "query_string": b"",
        "headers": [(b"host", b"localhost")],
    }
    asyncio.run(desk.app()(scope, never, send))
    assert sent[0]["status"] == 408


@pytest.mark.parametrize("names", [["0.0.0.0"], ["::"], ["192.168.0.7"], ["127.0.0.1", "tocsin.example"]])  # noqa: S104
def test_others_than_this_machine_need_a_token(names: list[str], monkeypatch) -> None:
    monkeypatch.delenv("TOCSIN_TOKEN", raising=False)
    with pytest.raises(ConfigError, match="Serving other machines needs a token"):
        _token(names)
    assert _token(["127.0.0.1", "localhost", "::1"]) is None
    monkeypatch.setenv("TOCSIN_TOKEN", "short")
    with pytest.raises(ConfigError, match="too short") as error:
        _token(names)
    assert "'short'" not in str(error.value)
    monkeypatch.setenv("TOCSIN_TOKEN", TOKEN)
    assert _token(names) == TOKEN


@given(st.text(max_size=200), st.text(max_size=200))
@hypothesis_settings(max_examples=60, database=None)
def test_a_form_code_fits_no_other_session(session: str, code: str) -> None:
    door = Door(None)
    assert door.is_own_form(session, door.form_code(session))
    assert not door.is_own_form(session, code)
    assert not door.is_own_form(session + "x", door.form_code(session))
