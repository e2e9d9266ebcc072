"""Several reviewers answer at once, through one server, while a run writes: nothing is lost and nobody is told lies."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.store.conftest import write_window
from tests.web.conftest import LAST, Desk
from tocsin.model import Verdict

N_EACH = 8


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Machines that run tests are slow."""
    monkeypatch.setattr("tocsin.web.desk.PATIENCE_SECONDS", 60.0)


def test_two_reviewers_and_a_run_at_once(any_desk: Desk) -> None:
    desk = any_desk
    app = desk.app()
    subjects = sorted(one.id for one in desk.store.incidents())[:N_EACH]
    ready = threading.Barrier(3)

    def review(author: str, verdict: str) -> list[int]:
        browser = desk.browser(app)
        browser.load("/")
        ready.wait()
        return [browser.answer(subject, verdict, author).status_code for subject in subjects]

    def run() -> None:
        ready.wait()
        for index in range(LAST + 1, LAST + 9):
            write_window(desk.store, index, part="IT")

    with ThreadPoolExecutor(3) as pool:
        anna, ben = pool.submit(review, "anna", "relevant"), pool.submit(review, "ben", "not-relevant")
        writer = pool.submit(run)
        assert Counter(anna.result()) == Counter(ben.result()) == {200: len(subjects)}
        writer.result()
    for subject in subjects:
        said = {one.author: one.verdict for one in desk.store.feedback(subject_id=subject)}
        assert said == {"anna": Verdict.RELEVANT, "ben": Verdict.NOT_RELEVANT}


def test_one_reviewer_in_two_windows_has_one_answer_about_one_thing(any_desk: Desk) -> None:
    desk = any_desk
    app = desk.app()
    ready = threading.Barrier(2)

    def review(verdict: str) -> int:
        browser = desk.browser(app)
        browser.load("/")
        ready.wait()
        return browser.answer(desk.opened, verdict, "anna").status_code

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(review, ("relevant", "expected"))) == [200, 200]
    assert len(desk.store.feedback(subject_id=desk.opened)) == 1


def test_taking_back_the_same_twice_at_once_takes_it_back_once(any_desk: Desk) -> None:
    desk = any_desk
    app = desk.app()
    first = desk.browser(app)
    first.load("/")
    first.answer(desk.opened, "relevant")
    ready = threading.Barrier(2)

    def undo(_: int) -> int:
        browser = desk.browser(app)
        browser.load("/")
        ready.wait()
        return browser.fill_in("/answer", subject=desk.opened, author="anna", undo="1").status_code

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(undo, range(2))) == [200, 409]
    assert desk.store.feedback(subject_id=desk.opened) == []


def test_a_store_that_is_replaced_is_not_written_to_any_more(desk: Desk, tmp_path: Path) -> None:
    browser = desk.browser()
    browser.load("/")
    for path in tmp_path.glob("store.db*"):
        path.unlink()
    assert browser.answer(desk.opened, "relevant").status_code == 404
