"""The same as JSON, for programs."""

from __future__ import annotations

import json
import math

import pytest

from tests.web.conftest import NOON, Browser, Desk
from tocsin.effect import Withdrawal, change_by_answer
from tocsin.model import Feedback, Verdict
from tocsin.pipeline import current_questions
from tocsin.web.rest import _finite


def test_incidents_are_listed_by_state_and_stake(desk: Desk, browser: Browser) -> None:
    found = browser.get("/api/incidents").json()["incidents"]
    assert [one["id"] for one in found] == [one.id for one in desk.store.incidents() if one.state == "open"]
    first = found[0]
    assert first["slice"] == {"country": "DE"}
    assert (first["monitor"], first["lens"], first["state"], first["severity"]) == ("ctr", "slices", "open", "high")
    assert first["first"] == {"start": "2026-03-03T06:00:00+00:00", "end": "2026-03-03T07:00:00+00:00"}
    everything = browser.get("/api/incidents", params={"state": "all", "monitor": "ctr"}).json()["incidents"]
    assert {one["id"] for one in everything} == {one.id for one in desk.store.incidents()}
    assert len(browser.get("/api/incidents?state=all&limit=3").json()["incidents"]) == 3


def test_an_incident_has_its_items_answers_and_details(desk: Desk, browser: Browser) -> None:
    desk.store.add_feedback(Feedback(desk.opened, Verdict.EXPECTED, NOON, "ben", "a campaign"))
    found = browser.get(f"/api/incidents/{desk.opened}").json()
    assert found["incident"]["answers"] == [
        {
            "subject": desk.opened,
            "verdict": "expected",
            "author": "ben",
            "comment": "a campaign",
            "at": NOON.isoformat(),
        }
    ]
    assert found["details"] == {"reasons": ["app 7"]}
    (item,) = found["items"]
    assert (item["rang"], item["is_reported"], item["excess"]) == (True, True, 1.0)


def test_kinds_and_questions(desk: Desk, browser: Browser) -> None:
    (monitor,) = browser.get("/api/types").json()["monitors"]
    assert monitor["effect"][0].startswith("With your 12 answers: ")
    assert sorted((one["n_relevant"], one["n_not_relevant"]) for one in monitor["types"]) == [(0, 6), (6, 0)]
    asked = browser.get("/api/questions").json()["questions"]
    assert [one["id"] for one in asked] == [one.id for one in current_questions(desk.settings, desk.store)]


def test_an_answer_by_a_program_is_the_same_as_on_the_command_line(desk: Desk, browser: Browser) -> None:
    wanted = {"subject": desk.held, "verdict": "relevant", "author": "script", "comment": "by rule 7"}
    done = browser.post("/api/feedback", json=wanted)
    assert done.status_code == 200
    assert done.json()["answer"] == wanted | {"at": NOON.isoformat()}
    assert done.json()["told"][0].startswith("Stored: relevant; ")
    (given,) = desk.store.feedback(subject_id=desk.held)
    assert given == Feedback(desk.held, Verdict.RELEVANT, NOON, "script", "by rule 7")
    back = browser.post("/api/feedback/undo", json={"subject": desk.held, "author": "script"})
    assert (back.status_code, back.json()["undone"], back.json()["decides"]) == (200, True, None)
    assert desk.store.feedback(subject_id=desk.held) == []
    # what the command line would have said of the same
    changed = change_by_answer(desk.settings, desk.store, given)
    assert done.json()["effect"] == {"days": 30.0, "n_held": changed.n_held, "n_rung": changed.n_rung}
    change_by_answer(desk.settings, desk.store, Withdrawal(desk.held, "script", NOON))
    again = browser.post("/api/feedback/undo", json={"subject": desk.held, "author": "script"})
    assert (again.status_code, list(again.json())) == (409, ["error"])


GOOD = {"verdict": "relevant", "author": "anna"}


@pytest.mark.parametrize(
    ("body", "kind", "status", "said"),
    [
        (json.dumps(GOOD | {"subject": "0" * 12}), "application/json", 404, "Nothing is stored under this id"),
        (json.dumps(GOOD), "application/json", 400, "An id cannot be read"),
        (json.dumps(GOOD | {"subject": 7}), "application/json", 400, "an object of texts"),
        (json.dumps(GOOD | {"subject": "0" * 12, "verdct": "x"}), "application/json", 400, "An unknown field"),
        (json.dumps([GOOD]), "application/json", 400, "an object of texts"),
        ("{", "application/json", 400, "not JSON"),
        ("[" * 9_000, "application/json", 400, "not JSON"),
        ("\ud800".encode("utf-8", "surrogatepass"), "application/json", 400, "not JSON"),
        (json.dumps(GOOD | {"subject": "0" * 12}), "text/plain", 400, "Allowed: application/json"),
        ("subject=0", "application/x-www-form-urlencoded", 400, "Allowed: application/json"),
    ],
)
def test_a_request_that_cannot_be_read_is_refused_with_a_sentence(
    desk: Desk, browser: Browser, body: str | bytes, kind: str, status: int, said: str
) -> None:
    before = desk.content()
    answer = browser.post("/api/feedback", content=body, headers={"content-type": kind})
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert desk.content() == before


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/incidents?state=opn", 400), ("/api/incidents?limit=0", 400), ("/api/incidents?limit=1001", 400),
        ("/api/incidents?limit=9999999999999999999", 400), ("/api/incidents?limit=٣", 400),
        ("/api/incidents?monitor=nobody", 404), ("/api/types?monitor=nobody", 404),
        ("/api/incidents/xyz", 400), ("/api/incidents/000000000000", 404), ("/api/nonsense", 404),
        ("/api/feedback", 405),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_as_json(browser: Browser, path: str, status: int) -> None:
    answer = browser.get(path)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


def test_numbers_that_json_has_no_word_for_are_null() -> None:
    assert _finite({"a": [math.nan, math.inf, 1.5], "b": (True, "x")}) == {"a": [None, None, 1.5], "b": [True, "x"]}
