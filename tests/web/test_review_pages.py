"""What people see and do on the review page."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from tests.web.conftest import NOON, Browser, Desk, settings_for
from tocsin.effect import effect_of_answers
from tocsin.errors import InputError
from tocsin.model import Verdict
from tocsin.store import Store
from tocsin.store.engine import writing

EVERY_PAGE = ("/", "/closed", "/types", "/held", "/incident/{}", "/style.css", "/icon.svg", "/login")
EVERY_RESOURCE = ("/api/incidents", "/api/incidents/{}", "/api/types", "/api/questions")


def words(page: str) -> str:
    """What a reader sees, white space folded."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.partition("<main")[2])))


def notice(page: str) -> str:
    return words("<main" + re.findall(r'<aside class="next" role="status">(.*?)</aside>', page, re.DOTALL)[0]).strip()


def test_the_queue_has_open_incidents_and_questions_and_the_closed_ones_are_apart(desk: Desk, browser: Browser) -> None:
    page = browser.load("/")
    assert f'name="subject" value="{desk.opened}"' in page
    assert f'name="subject" value="{desk.closed}"' not in page
    assert "country DE is 0.8 %" in words(page)
    assert "kind: " in words(page)
    closed = browser.load("/closed")
    assert f'name="subject" value="{desk.closed}"' in closed
    assert f'name="subject" value="{desk.opened}"' not in closed


def test_what_would_help_most_is_asked_first(desk: Desk, browser: Browser) -> None:
    page = browser.load("/")
    asked = page.partition('id="incidents"')[0]
    assert "Your answer would help with" in asked
    (first, *_) = re.findall(r'name="subject" value="(\w+)"', asked)
    assert words(browser.answer(first, "relevant").text)
    assert first not in re.findall(r'name="subject" value="(\w+)"', browser.load("/").partition('id="incidents"')[0])


def test_an_answer_is_stored_and_said_with_its_effect(desk: Desk, browser: Browser) -> None:
    browser.load(f"/incident/{desk.opened}")
    shown = browser.answer(desk.opened, "not-relevant", comment="  known campaign ", back=f"/incident/{desk.opened}")
    assert shown.url.path == f"/incident/{desk.opened}"
    assert re.match(
        r"Stored: not-relevant; (of|it changes nothing of) the alerts of the last 30 days", notice(shown.text)
    )
    (given,) = desk.store.feedback(subject_id=desk.opened)
    assert (given.author, given.verdict, given.comment) == ("anna", Verdict.NOT_RELEVANT, "known campaign")
    assert given.at == NOON
    assert "known campaign" in words(shown.text)
    assert re.search(r'value="not-relevant" aria-pressed="true"', shown.text)
    # the name is remembered, so that it is not asked again
    assert '<input type="hidden" name="author" value="anna">' in browser.load("/")
    assert notice(shown.text) not in words(browser.load("/")), "once is enough"


def test_taking_back_restores_the_answer_before_it(desk: Desk, browser: Browser) -> None:
    browser.load("/")
    browser.answer(desk.opened, "relevant")
    desk.now += timedelta(minutes=1)
    browser.answer(desk.opened, "expected")
    shown = browser.fill_in("/answer", subject=desk.opened, author="anna", undo="1")
    assert notice(shown.text).startswith("Taken back: expected;")
    assert [one.verdict for one in desk.store.feedback(subject_id=desk.opened)] == [Verdict.RELEVANT]
    assert browser.fill_in("/answer", subject=desk.opened, author="anna", undo="1").status_code == 200
    gone = browser.fill_in("/answer", subject=desk.opened, author="anna", undo="1")
    assert (gone.status_code, desk.store.feedback(subject_id=desk.opened)) == (409, [])
    assert "anna has no answer about this to take back" in words(gone.text)


def test_an_incident_is_shown_as_in_the_report_with_what_became_of_its_sightings(desk: Desk, browser: Browser) -> None:
    page = words(browser.load(f"/incident/{desk.opened}"))
    assert "down 62 %: CTR, country DE" in page
    assert "app 7" in page, "its reasons"
    assert re.search(r"What became of its sightings .* rang .* 1 power of ten beyond the threshold", page)
    assert f"tocsin why {desk.opened}" in page


def test_answers_to_parts_of_an_incident_are_shown(desk: Desk, browser: Browser) -> None:
    page = words(browser.load(f"/incident/{desk.closed}"))
    assert re.search(r"Answers to single anomalies of it; .* relevant zoe", page)


def test_what_answers_held_back_and_raised_is_shown_with_the_reason_and_can_be_answered(
    desk: Desk, browser: Browser
) -> None:
    page = browser.load("/held")
    held, _, raised = page.partition("<h2>Raised")
    assert f'name="subject" value="{desk.held}"' in held
    assert "likelier not wanted than wanted; 3 powers of ten beyond the threshold" in words(held)
    assert f'name="subject" value="{desk.raised}"' in raised
    assert "like what was called relevant; 0.2 powers of ten below the threshold" in words("<main" + raised)
    shown = browser.answer(desk.held, "relevant", back="/held")
    assert shown.url.path == "/held"
    assert [one.author for one in desk.store.feedback(subject_id=desk.held)] == ["anna"]
    assert re.search(r'value="relevant" aria-pressed="true"', shown.text)
    assert "take back" in words(shown.text)


def test_kinds_are_cards_with_the_effect_of_the_answers(desk: Desk, browser: Browser) -> None:
    page = words(browser.load("/types"))
    sentences = effect_of_answers(desk.settings, desk.store, desk.settings.monitor[0]).sentences()
    assert sentences[0].startswith("With your 12 answers: ")
    for sentence in sentences:
        assert sentence in page
    assert re.search(r"\d+ sightings, \d+ % rang · answers: 6 relevant, 0 not", page)
    assert re.search(r"answers: 0 relevant, 6 not", page)


def test_looking_writes_nothing(desk: Desk, browser: Browser) -> None:
    before = desk.content()
    for path in (*EVERY_PAGE, *EVERY_RESOURCE):
        assert browser.get(path.format(desk.opened)).status_code == 200
        assert browser.head(path.format(desk.opened)).status_code == 200
    assert desk.content() == before


def test_two_reviewers_who_differ_are_told(desk: Desk) -> None:
    anna, ben = desk.browser(), desk.browser()
    anna.load("/")
    anna.answer(desk.opened, "relevant", author="anna")
    ben.load("/")
    desk.now += timedelta(minutes=1)
    said = notice(ben.answer(desk.opened, "not-relevant", author="ben").text)
    assert "anna said relevant" in said
    assert said.endswith("The latest answer that takes a side decides: not-relevant.")
    assert re.search(r"ben said not-relevant \(.*\) after you had said relevant", words(anna.load("/")))
    assert f'<a href="/incident/{desk.opened}"><code>' in anna.page
    assert "after you had said" not in words(ben.load("/"))
    page = words(anna.load(f"/incident/{desk.opened}"))
    assert re.search(r"not-relevant ben , [\w :,]+ UTC decides relevant anna", page)


def test_who_differs_about_what_has_no_page_is_named_without_a_link(desk: Desk) -> None:
    for author, verdict in (("anna", "relevant"), ("ben", "not-relevant")):
        browser = desk.browser()
        browser.load("/held")
        browser.answer(desk.held, verdict, author)
        desk.now += timedelta(minutes=1)
    anna = desk.browser(cookies={"tocsin_author": "anna"})
    assert f"about {desk.held} :" in words(anna.load("/"))
    assert f"/incident/{desk.held}" not in anna.page


@pytest.mark.parametrize(
    ("subject", "verdict", "author", "status", "said"),
    [
        ("0" * 12, "relevant", "anna", 404, "Nothing is stored under this id"),
        ("nonsense", "relevant", "anna", 400, "An id cannot be read"),
        ("", "relevant", "anna", 400, "An id cannot be read"),
        ("opened", "relevnt", "anna", 400, "did you mean 'relevant'"),
        ("opened", "relevant", "  ", 400, "An answer has an author"),
        ("opened", "relevant", "a" * 101, 400, "a name of 1 to 100 visible characters"),
        ("opened", "relevant", "an\u202ena", 400, "a name of 1 to 100 visible characters"),
    ],
)
def test_what_cannot_be_stored_is_said_and_nothing_is_stored(
    desk: Desk, browser: Browser, subject: str, verdict: str, author: str, status: int, said: str
) -> None:
    before = desk.content()
    browser.load("/")
    answer = browser.answer(desk.opened if subject == "opened" else subject, verdict, author)
    assert answer.status_code == status
    assert said in words(answer.text)
    assert desk.content() == before


def test_a_comment_that_is_too_long_is_refused(desk: Desk, browser: Browser) -> None:
    browser.load("/")
    assert browser.answer(desk.opened, "relevant", comment="x" * 2_001).status_code == 400
    assert browser.answer(desk.opened, "relevant", comment="x" * 2_000).status_code == 200


def test_what_is_gone_says_so_and_that_its_answers_are_kept(desk: Desk, browser: Browser) -> None:
    assert browser.get("/incident/" + "0" * 12).status_code == 404
    anomaly = browser.get(f"/incident/{desk.held}")
    assert anomaly.status_code == 404
    assert "an anomaly, not an incident" in words(anomaly.text)
    browser.load("/")
    browser.answer(desk.closed, "expected")
    desk.store.apply_retention(NOON + timedelta(days=400))
    with pytest.raises(InputError):
        desk.store.find(desk.closed)
    gone = browser.get(f"/incident/{desk.closed}")
    assert gone.status_code == 404
    assert "nothing that is still stored; 1 of its answers are kept" in words(gone.text)
    assert browser.get("/").status_code == 200


def test_an_empty_store_and_an_unknown_page_say_what_to_do(tmp_path) -> None:
    settings = settings_for("sqlite:///new.db", tmp_path)
    with Store.open(settings.store.url, base=tmp_path) as store:
        browser = Desk(settings, store).browser()
        assert "No window has been evaluated yet. tocsin run" in words(browser.load("/"))
        assert "Nothing has been seen yet." in words(browser.load("/types"))
        assert "Nothing: everything that was reported rang." in words(browser.load("/held"))
        assert browser.get("/nonsense").status_code == 404
        assert browser.get("/answer").status_code == 405


def test_a_store_that_is_busy_is_said_and_can_be_tried_again(desk: Desk, browser: Browser, monkeypatch) -> None:
    monkeypatch.setattr("tocsin.web.desk.PATIENCE_SECONDS", 0.05)
    browser.load("/")
    with writing(desk.store._engine):
        assert browser.get("/").status_code == 200, "who reads does not wait for who writes"
        busy = browser.answer(desk.opened, "relevant")
    assert busy.status_code == 503
    assert "The store is busy" in words(busy.text)
    assert browser.answer(desk.opened, "relevant").status_code == 200
