"""Answers and what they exclude; retention; export."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.store.conftest import T0, make_alert, make_anomaly, make_incident, make_run, window, write_window
from tocsin.errors import InputError, StoreError
from tocsin.model import Feedback, IncidentState, Slice, Verdict
from tocsin.store import Store, schema
from tocsin.store import feedback as answers
from tocsin.store.engine import writing

EVER = (T0, T0 + timedelta(days=100))


def answer(subject_id: str, verdict: Verdict, hour: int = 0, author: str = "ada", comment: str = "") -> Feedback:
    return Feedback(subject_id, verdict, T0 + timedelta(hours=hour), author, comment)


def excluded(store: Store) -> set[tuple[int, str]]:
    """(hour of the window, country)"""
    return {
        (int((found.start - T0).total_seconds() // 3600), Slice.from_key(key).items[0][1])
        for found, key in store.excluded("ctr", *EVER)
    }


def test_an_answer_names_its_subject_by_a_unique_beginning(store: Store) -> None:
    incident = write_window(store, 1)
    given = store.add_feedback(answer(incident.id[:11], Verdict.UNSURE, comment="nul\x00 and 'quotes'"))
    assert given.subject_id == incident.id
    (kept,) = store.feedback()
    assert kept == Feedback(incident.id, Verdict.UNSURE, T0, "ada", "nul\\x00 and 'quotes'")
    with pytest.raises(InputError, match="No anomaly or incident"):
        store.add_feedback(answer("0" * 12, Verdict.RELEVANT))


def test_the_last_answer_of_an_author_counts_and_undo_brings_back_the_one_before(store: Store) -> None:
    incident = write_window(store, 1)
    verdicts = [Verdict.RELEVANT, Verdict.EXPECTED, Verdict.NOT_RELEVANT]
    for hour, verdict in enumerate(verdicts):
        store.add_feedback(answer(incident.id, verdict, hour))
    store.add_feedback(answer(incident.id, Verdict.UNSURE, 1, "bob"))
    assert [(item.author, item.verdict) for item in store.feedback()] == [
        ("bob", Verdict.UNSURE),
        ("ada", Verdict.NOT_RELEVANT),
    ]
    assert store.undo_feedback(incident.id[:11], "ada", at=T0).verdict is Verdict.NOT_RELEVANT
    assert [item.verdict for item in store.feedback(subject_id=incident.id)] == [Verdict.EXPECTED, Verdict.UNSURE]
    for expected in (Verdict.EXPECTED, Verdict.RELEVANT):
        assert store.undo_feedback(incident.id, "ada", at=T0).verdict is expected
    with pytest.raises(InputError, match="ada has no answer"):
        store.undo_feedback(incident.id, "ada", at=T0)
    assert [item.author for item in store.feedback(monitor="ctr")] == ["bob"]
    assert store.feedback(monitor="other") == []
    assert store.feedback(since=T0 + timedelta(hours=2)) == []


def test_an_answer_is_taken_back_once_by_two_at_once(store: Store) -> None:
    incident = write_window(store, 1)
    store.add_feedback(Feedback(incident.id, Verdict.RELEVANT, T0, "anna"))
    with writing(store._engine) as connection, ThreadPoolExecutor(1) as pool:
        assert answers.undo(connection, incident.id, "anna", T0).verdict is Verdict.RELEVANT
        second = pool.submit(store.undo_feedback, incident.id, "anna", at=T0)
        wait([second], timeout=0.5)
        connection.commit()
        with pytest.raises(InputError, match="anna has no answer there to undo"):
            second.result(30)


def test_confirmed_anomalies_leave_the_reference_and_expected_ones_stay(store: Store) -> None:
    ids = {}
    for index, country in ((1, "DE"), (2, "FR"), (3, "IT")):
        write_window(store, index, part=country)
        ids[country] = make_anomaly(index, country).id
    store.add_feedback(answer(ids["DE"], Verdict.RELEVANT))
    store.add_feedback(answer(ids["FR"], Verdict.EXPECTED))
    store.add_feedback(answer(ids["IT"], Verdict.NOT_RELEVANT))
    assert excluded(store) == {(1, "DE")}
    assert store.excluded("ctr", window(2).start, window(9).start) == []
    assert store.excluded("other", *EVER) == []
    store.undo_feedback(ids["DE"], "ada", at=T0)
    assert excluded(store) == set()


def test_an_incident_answers_for_its_anomalies_unless_they_have_an_answer_of_their_own(store: Store) -> None:
    anomalies = [make_anomaly(1, "DE"), make_anomaly(1, "FR")]
    later = make_anomaly(2, "DE")
    incident = make_incident(1, 2, tuple(item.id for item in (*anomalies, later)))
    for index, found in ((1, anomalies), (2, [later])):
        with store.window_transaction("ctr", window(index)) as transaction:
            transaction.write(make_run(index), found, [incident], [])
    store.add_feedback(answer(incident.id, Verdict.RELEVANT))
    assert excluded(store) == {(1, "DE"), (1, "FR"), (2, "DE")}
    store.add_feedback(answer(anomalies[1].id, Verdict.EXPECTED))
    assert excluded(store) == {(1, "DE"), (2, "DE")}


def test_where_people_differ_the_later_answer_decides_and_unsure_decides_nothing(store: Store) -> None:
    incident = write_window(store, 1)
    store.add_feedback(answer(incident.id, Verdict.EXPECTED, 1, "ada"))
    store.add_feedback(answer(incident.id, Verdict.RELEVANT, 2, "bob"))
    store.add_feedback(answer(incident.id, Verdict.UNSURE, 3, "eve"))
    assert excluded(store) == {(1, "DE")}
    store.add_feedback(answer(incident.id, Verdict.EXPECTED, 4, "ada"))
    assert excluded(store) == set()


def test_every_decided_answer_is_told_with_its_verdict(store: Store) -> None:
    first, second, third = (write_window(store, hour) for hour in (1, 5, 9))
    store.add_feedback(answer(first.id, Verdict.EXPECTED))
    store.add_feedback(answer(second.id, Verdict.RELEVANT, 1))
    store.add_feedback(answer(third.id, Verdict.NOT_RELEVANT, 2))
    store.add_feedback(answer(third.id, Verdict.UNSURE, 3))
    found = {(window.start, verdict) for window, _, verdict in store.decided("ctr", *EVER)}
    assert {verdict for _, verdict in found} == {Verdict.EXPECTED, Verdict.RELEVANT}
    assert {start for start, verdict in found if verdict is Verdict.RELEVANT} == {second.first.start}
    assert store.decided("other", *EVER) == []
    store.undo_feedback(third.id, "ada", at=T0)
    assert Verdict.NOT_RELEVANT in {verdict for _, _, verdict in store.decided("ctr", *EVER)}


def test_an_author_who_becomes_unsure_takes_the_earlier_answer_back(store: Store) -> None:
    incident = write_window(store, 1)
    store.add_feedback(answer(incident.id, Verdict.RELEVANT, 1))
    store.add_feedback(answer(incident.id, Verdict.UNSURE, 2))
    assert excluded(store) == set()


def test_retention_deletes_what_is_over_and_keeps_what_is_needed(store: Store) -> None:
    old_open = make_incident(1, 1, (make_anomaly(1, "open").id,), slice=Slice((("country", "open"),)))
    for index in range(1, 6):
        write_window(store, index, part=f"c{index}")
    closed = [item.evolve(state=IncidentState.CLOSED) for item in store.incidents()]
    with store.window_transaction("ctr", window(1)) as transaction:
        found = [make_anomaly(1, "c1"), make_anomaly(1, "open")]
        transaction.write(make_run(1), found, [*closed, old_open], [make_alert(old_open)])
    subject = make_anomaly(1, "c1").id
    store.add_feedback(answer(subject, Verdict.RELEVANT))
    for row in store.claim_alerts(T0 + timedelta(days=9), limit=3):
        store.record_attempt(row.id, row.claim, T0 + timedelta(days=9), error=None, next_at=None)
    counts = store.apply_retention(window(4).start)
    # windows 1 and 2 end before window 4 starts; window 3 ends when it starts
    assert counts == {"run": 2, "anomaly": 2, "item": 0, "incident": 2, "attempt": 3, "outbox": 3}
    assert [run.window for run in store.runs()] == [window(3), window(4), window(5)]
    assert {item.slice.items[0][1] for item in store.anomalies()} == {"open", "c3", "c4", "c5"}
    assert old_open in store.incidents()
    assert len(store.incidents()) == 4
    assert [item.subject_id for item in store.feedback()] == [subject]
    assert store.apply_retention(window(4).start) == dict.fromkeys(counts, 0)
    store.apply_retention(T0 + timedelta(days=50))
    last = store.last_run("ctr")
    assert last is not None
    assert last.window == window(5)
    assert store.alert_counts()["waiting"] == 9


def test_export_writes_every_table_with_all_rows(store: Store, tmp_path: Path) -> None:
    for index in range(3):
        write_window(store, index, part="nul\x00 'é' 漢")
    store.add_feedback(answer(store.incidents()[0].id, Verdict.RELEVANT))
    store.put_state("ctr", "series", 1, {}, {"season": 24}, at=T0)
    paths = store.export(tmp_path / "out" / "deep")
    assert sorted(path.name for path in (tmp_path / "out" / "deep").iterdir()) == sorted(path.name for path in paths)
    tables = {path.stem: pq.read_table(path) for path in paths}
    assert {name: table.num_rows for name, table in tables.items()} == {
        "run": 3, "anomaly": 3, "incident": 3, "incident_anomaly": 3, "feedback": 1, "outbox": 6, "attempt": 0,
        "lease": 0, "detector_state": 1, "item": 0,
    }  # fmt: skip
    assert set(tables) == set(schema.metadata.tables)
    rows = tables["anomaly"].to_pylist()
    assert [row["window_start"] for row in rows] == [window(index).start for index in range(3)]
    assert Slice.from_key(rows[0]["slice_key"]) == make_anomaly(0, "nul\x00 'é' 漢").slice
    assert json.loads(rows[0]["evidence"]) == {"reference": [1, 2, 3]}
    assert str(tables["run"].schema.field("window_start").type) == "timestamp[us, tz=UTC]"


def test_export_to_where_nothing_can_be_written_is_an_error(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"export to .* failed"):
        store.export(tmp_path / "file")
