"""Hostile names of slices, answers, cookies and queries are text on every page, and nothing else."""

from __future__ import annotations

import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.store.conftest import make_anomaly, make_incident, make_run, window
from tests.web.conftest import LAST, NOON, Browser, Desk
from tocsin.model import Feedback, Slice, Verdict

EVIL = "</title><script>alert(1)</script><img src=x onerror=alert(1)>'\" {{7*7}} \u202e\x00 javascript:"


class Shape(HTMLParser):
    """The elements of a page with the names of their attributes, without what they say."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.addresses: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # a text that is shortened is whole in its title
        self.found.append((tag, tuple(name for name, _ in attrs if name != "title")))
        self.addresses |= {value or "" for name, value in attrs if name in ("href", "src", "action")}


def write_hostile(desk: Desk, text: str) -> str:
    """An incident and an answer in which everything that comes from data or people is the text."""
    part = Slice((("country", text),))
    anomaly = make_anomaly(LAST + 1, slice=part)
    details = {
        "reasons": [text],
        "rows": [{"slice": text, "value": 1}],
        "contributions": [{"dimension": text, "value": text, "amount": 1, "expected": 2}],
    }
    incident = make_incident(LAST + 1, LAST + 1, (anomaly.id,), slice=part, headline=text, details=details, id="a" * 12)
    with desk.store.window_transaction("ctr", window(LAST + 1)) as transaction:
        transaction.write(make_run(LAST + 1), [anomaly], [incident], [])
    desk.store.add_feedback(Feedback(incident.id, Verdict.RELEVANT, NOON, text or "x", text))
    return incident.id


def test_hostile_text_changes_no_page(desk: Desk, browser: Browser) -> None:
    def shapes(text: str) -> list[Shape]:
        identity = write_hostile(desk, text)
        found = [Shape(browser.load(path)) for path in ("/", f"/incident/{identity}")]
        found.append(Shape(browser.get("/nonsense", params={"notice": text}).text))
        assert browser.get(f"/api/incidents/{identity}").json()["incident"]["headline"] is not None
        desk.store.undo_feedback(identity, text or "x", at=NOON)
        return found

    harmless = [(shape.found, shape.addresses) for shape in shapes("harmless")]

    @given(
        st.one_of(st.just(EVIL), st.text(min_size=1, max_size=60), st.text("<>&'\"/= {}%\\\u202e\x00ab", min_size=1))
    )
    @hypothesis_settings(max_examples=12, database=None)
    def check(text: str) -> None:
        assert [(shape.found, shape.addresses) for shape in shapes(text)] == harmless

    check()


def test_hostile_cookies_and_queries_are_survived(desk: Desk, browser: Browser) -> None:
    for cookie in (
        "tocsin_author=%3Cscript%3E; x",
        "a=b; =; ;;",
        "tocsin_author=%ff%00; tocsin_session=\xff",
        "x" * 9_000,
    ):
        answer = browser.get("/?notice=<script>", headers={"cookie": cookie.encode("latin-1")})
        assert answer.status_code == 200
        assert "<script" not in answer.text
    for comment, status in (("\x00", 200), ("\ud800", 400)):
        body = json.dumps({"subject": desk.opened, "verdict": "relevant", "author": "a", "comment": comment})
        answer = browser.post("/api/feedback", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == status
    body = json.dumps({"subject": "\ud800", "verdict": "relevant", "author": "a"})
    answer = browser.post("/api/feedback", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, "not JSON" in answer.text) == (400, True)
    assert browser.get(f"/incident/{desk.opened}").status_code == 200
