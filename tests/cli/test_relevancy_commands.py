"""Questions at the end of a run, answers and what they change, kinds of anomalies."""

import re
from datetime import timedelta

from tests.cli.conftest import END, MARKUP
from tocsin.store import Store


def asked(text: str) -> list[str]:
    return re.findall(r"tocsin feedback ([0-9a-f]{8}) relevant", text)


def test_a_run_asks_and_the_answer_is_given_by_its_words(call, project) -> None:
    since, until = (END - timedelta(hours=8)).isoformat(), (END - timedelta(hours=2)).isoformat()
    filled = call("backfill", "--since", since, "--until", until, "--at", END.isoformat())
    assert asked(filled.out) == [], "only a run asks"
    ran = call("run", "--at", (END - timedelta(hours=1)).isoformat())
    (first, *_) = asked(ran.out)
    assert "your answer would help with" in ran.text
    assert MARKUP in ran.text
    assert len(asked(ran.out)) <= 3
    stored = call("feedback", first, "relevant", "--author", "anna")
    assert (stored.status, stored.err) == (0, "")
    assert re.match(rf"stored: relevant for {first}[0-9a-f]{{4}} ", stored.text)
    assert first not in asked(call("run", "--at", END.isoformat()).out)


def test_kinds_are_shown_with_examples_and_what_the_answers_change(call, project) -> None:
    assert "nothing has been seen yet" in call("types").text
    call(
        "backfill",
        "--since",
        (END - timedelta(days=2)).isoformat(),
        "--until",
        END.isoformat(),
        "--at",
        END.isoformat(),
    )
    shown = call("types", "--monitor", "ctr", "--days", "90")
    assert (shown.status, shown.err) == (0, "")
    assert "answers +0 -0, relevance 1" in shown.text
    assert re.search(r"No answers to learn from yet: \d+ alerts? of the detector in the last 90 days", shown.text)
    assert "\x1b" not in shown.out
    (example, *_) = re.findall(r"^ {6}([0-9a-f]{8})  ", shown.out, re.MULTILINE)
    assert call("feedback", example, "not-relevant", "--author", "anna").status == 0
    after = call("types")
    assert "answers +0 -1" in after.text
    assert "With your 1 answer the same rings in the last 30 days as without: 1 alert." in after.text
    assert call("types", "--monitor", "nobody").status == 2


def test_an_item_below_the_threshold_can_be_answered(call, project) -> None:
    """It has no anomaly and no incident: its own id is what a question names it by."""
    call(
        "backfill",
        "--since",
        (END - timedelta(hours=6)).isoformat(),
        "--until",
        END.isoformat(),
        "--at",
        END.isoformat(),
    )
    with Store.open("sqlite:///tocsin.db", base=project) as store:
        (incident, *_) = store.incidents()
        (item, *_) = store.items("ctr", limit=1)
    assert call("feedback", incident.id, "relevant", "--author", "anna").status == 0
    assert call("feedback", item.id, "unsure", "--author", "anna").text.startswith(f"stored: unsure for {item.id}")
    assert call("feedback", item.id, "--undo", "--author", "anna").text.startswith("taken back: unsure")
