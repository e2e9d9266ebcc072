"""Items of relevancy, what answers about them teach, and what becomes of both when time goes by."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from tests.store.conftest import T0, make_anomaly, make_incident, make_run, window
from tocsin.errors import InputError
from tocsin.model import Direction, Feedback, IncidentState, Item, Slice, Verdict
from tocsin.store import Store, schema
from tocsin.store.engine import create_engine, reading, writing
from tocsin.store.items import item_to_row
from tocsin.store.migrate import migrate
from tocsin.store.records import anomaly_to_row, run_to_row


def make_item(index: int, part: str = "DE", excess: float = 2.0, **changes: Any) -> Item:
    anomaly = make_anomaly(index, part)
    values: dict[str, Any] = {
        "slice": anomaly.slice,
        "direction": Direction.DOWN,
        "kind": "slices",
        "excess": excess,
        "anomaly_id": anomaly.id,
        "schema": "slices/1-0",
        "embedding": (0.1, -2.0, 1e-6),
        "headline": "down 62 %: \x00 'quotes' 漢",
        "is_base": True,
        "is_selected": True,
        **changes,
    }
    return Item(monitor=values.pop("monitor", "ctr"), window=window(index), **values)


def write(store: Store, index: int, *items: Item, others: tuple[str, ...] = ()) -> str:
    """A window with these items and one incident of their leading anomalies and some others; its id."""
    parts = [item.slice.items[0][1] for item in items if item.is_base] + list(others)
    anomalies = [make_anomaly(index, part) for part in parts]
    incident = make_incident(index, index, tuple(item.id for item in anomalies))
    with store.window_transaction("ctr", window(index)) as transaction:
        transaction.write(make_run(index), anomalies, [incident], [], items)
    return incident.id


def say(store: Store, subject: str, verdict: Verdict, hour: int = 0, author: str = "ada") -> None:
    store.add_feedback(Feedback(subject, verdict, T0 + timedelta(hours=hour), author))


def taught(store: Store) -> dict[str, bool]:
    return {label.id: label.is_relevant for label in store.labels(["ctr"])}


def test_items_come_back_as_they_were_and_a_window_replaces_its_own(store: Store) -> None:
    first, second = make_item(1), make_item(1, "FR", 3.5, relevance=-0.25, type_id=7, model_version="abc", kpi="ctr")
    write(store, 1, first, second)
    found = store.items("ctr")
    assert {item.id for item in found} == {first.id, second.id}
    shown = {"headline": "down 62 %: \\x00 'quotes' 漢"}
    assert next(item for item in found if item.id == second.id) == replace(second, **shown)
    with store.window_transaction("ctr", window(1)) as transaction:
        assert [item.id for item in transaction.items()] == [second.id, first.id]
        transaction.write(make_run(1), [make_anomaly(1)], [], [], [first])
    assert [item.id for item in store.items("ctr")] == [first.id]
    assert store.items("other") == []


def test_items_of_a_stretch_are_the_newest_in_order_of_time(store: Store) -> None:
    for index in (3, 1, 2, 5):
        write(store, index, make_item(index))
    starts = [item.window for item in store.items("ctr", since=window(2).start, until=window(5).start)]
    assert starts == [window(2), window(3)]
    assert [item.window for item in store.items("ctr", limit=2)] == [window(3), window(5)]


def test_an_item_of_another_window_is_refused(store: Store) -> None:
    with (
        pytest.raises(InputError, match="another window"),
        store.window_transaction("ctr", window(1)) as transaction,
    ):
        transaction.write(make_run(1), [], [], [], [make_item(2)])
    assert store.runs() == []


def test_an_answer_about_an_incident_stands_for_its_five_strongest_items(store: Store) -> None:
    items = [make_item(1, f"c{excess}", float(excess)) for excess in range(1, 9)]
    incident = write(store, 1, *items)
    write(store, 2, make_item(2, "other", 50.0))
    say(store, incident, Verdict.NOT_RELEVANT)
    labels = store.labels(["ctr"])
    assert sorted(label.excess for label in labels) == [4.0, 5.0, 6.0, 7.0, 8.0]
    assert {label.answered for label in labels} == {incident}
    assert {label.is_relevant for label in labels} == {False}
    assert {(label.at, label.schema, label.embedding) for label in labels} == {
        (window(1).start, "slices/1-0", (0.1, -2.0, 1e-6))
    }


def test_an_answer_about_an_anomaly_stands_for_the_item_it_leads_or_is_part_of(store: Store) -> None:
    write(store, 1, make_item(1), make_item(1, "FR"))
    say(store, make_anomaly(1, "FR").id, Verdict.RELEVANT)
    assert taught(store) == {make_item(1, "FR").id: True}
    inside = Slice((("country", "DE"), ("app", "7")))
    child = make_anomaly(2, slice=inside)
    item = make_item(2)
    with store.window_transaction("ctr", window(2)) as transaction:
        found = [make_anomaly(2), child]
        transaction.write(make_run(2), found, [], [], [item, make_item(2, "FR")])
    say(store, child.id, Verdict.NOT_RELEVANT)
    assert taught(store)[item.id] is False
    assert len(taught(store)) == 2


def test_an_item_below_the_threshold_is_answered_by_its_own_id(store: Store) -> None:
    below = make_item(1, "FR", -0.5, is_base=False, is_selected=False)
    write(store, 1, make_item(1), below)
    given = store.add_feedback(Feedback(below.id[:11], Verdict.RELEVANT, T0, "ada"))
    assert given.subject_id == below.id
    assert taught(store) == {below.id: True}
    assert store.decided("ctr", T0, T0 + timedelta(days=9)) == []
    with pytest.raises(InputError, match="No anomaly or incident"):
        say(store, "0" * 12, Verdict.RELEVANT)
    store.undo_feedback(below.id[:11], "ada", at=T0)
    assert taught(store) == {}


def test_an_id_that_fits_several_anomalies_is_not_taken_for_an_item(store: Store) -> None:
    below = make_item(1, "FR", -0.5, is_base=False, is_selected=False)
    start = below.id[:2]
    twins = [make_anomaly(1, f"c{number}") for number in range(3_000)]
    twins = [anomaly for anomaly in twins if anomaly.id.startswith(start)]
    assert len(twins) > 1
    with store.window_transaction("ctr", window(1)) as transaction:
        transaction.write(make_run(1), twins, [], [], [below])
    with pytest.raises(InputError, match="Several"):
        say(store, start, Verdict.RELEVANT)
    assert store.feedback() == []


def test_the_later_answer_decides_and_those_without_a_side_teach_nothing(store: Store) -> None:
    incident, item = write(store, 1, make_item(1)), make_item(1)
    say(store, incident, Verdict.RELEVANT, 1, "ada")
    say(store, incident, Verdict.NOT_RELEVANT, 2, "bob")
    say(store, incident, Verdict.UNSURE, 3, "eve")
    assert taught(store) == {item.id: False}
    say(store, incident, Verdict.EXPECTED, 4, "ada")
    assert taught(store) == {}
    store.undo_feedback(incident, "ada", at=T0)
    assert taught(store) == {item.id: False}
    store.undo_feedback(incident, "bob", at=T0)
    assert taught(store) == {item.id: True}
    say(store, item.anomaly_id, Verdict.NOT_RELEVANT, 0, "bob")
    assert taught(store) == {item.id: False}, "what is said of the anomaly itself goes first"
    store.undo_feedback(incident, "ada", at=T0)
    store.undo_feedback(item.anomaly_id, "bob", at=T0)
    store.undo_feedback(incident, "eve", at=T0)
    assert taught(store) == {}
    assert store.subjects([item]) == ({item.anomaly_id: incident}, set())


def test_an_author_who_becomes_unsure_teaches_nothing_any_more(store: Store) -> None:
    incident = write(store, 1, make_item(1))
    say(store, incident, Verdict.RELEVANT, 1)
    say(store, incident, Verdict.UNSURE, 2)
    assert taught(store) == {}
    say(store, incident, Verdict.NOT_RELEVANT, 0, "bob")
    assert taught(store) == {make_item(1).id: False}


def test_who_has_been_answered_is_told_of_incidents_anomalies_and_items(store: Store) -> None:
    items = [make_item(index) for index in range(3)]
    incidents = [write(store, index, item) for index, item in enumerate(items)]
    say(store, incidents[0], Verdict.UNSURE)
    say(store, items[1].anomaly_id, Verdict.EXPECTED)
    known, answered = store.subjects(items)
    assert known == {item.anomaly_id: incident for item, incident in zip(items, incidents, strict=True)}
    assert answered == {incidents[0], items[1].anomaly_id}


def test_an_answer_teaches_on_when_retention_has_deleted_its_subject(store: Store) -> None:
    for index in range(1, 4):
        incident = write(store, index, make_item(index))
        with store.window_transaction("ctr", window(index)) as transaction:
            ended = [item.evolve(state=IncidentState.CLOSED) for item in store.incidents() if item.id == incident]
            transaction.write(make_run(index), [make_anomaly(index)], ended, [], [make_item(index)])
        say(store, incident, Verdict.NOT_RELEVANT if index == 1 else Verdict.RELEVANT, index)
    before = store.labels(["ctr"])
    deleted = store.apply_retention(window(9).start)
    assert (deleted["anomaly"], deleted["item"], deleted["incident"]) == (3, 3, 3)
    assert store.items("ctr") == []
    assert store.labels(["ctr"]) == before
    assert [label.is_relevant for label in before] == [False, True, True]


def test_items_of_an_open_incident_are_kept_with_it(store: Store) -> None:
    write(store, 1, make_item(1), make_item(1, "FR", -1.0, is_base=False, is_selected=False))
    assert store.apply_retention(window(9).start)["item"] == 1
    assert [item.slice.items[0][1] for item in store.items("ctr")] == ["DE"]


def many_answers(store: Store, n: int, *, relevant_every: int) -> None:
    """Each about an item of its own, an hour after the other."""
    columns = ("subject_id", "subject_kind", "monitor", "window_start", "window_end", "slice_key", "verdict", "at",
               "author", "comment", "items")  # fmt: skip
    moments = [sa.bindparam(name, type_=schema.feedback.c.at.type) for name in ("window_start", "window_end", "at")]
    statement = sa.text(
        f"INSERT INTO feedback ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})"
    ).bindparams(*moments)
    given = (T0, T0 + timedelta(hours=1), "[]")
    rows = []
    for number in range(n):
        name, at = f"{number:012x}", T0 + timedelta(hours=number)
        verdict = "relevant" if number % relevant_every == 0 else "not-relevant"
        item = {"id": name, "monitor": "ctr", "at": at.isoformat(), "excess": 1.0, "schema": "slices/1-0"}
        text = json.dumps([{**item, "embedding": [float(number)]}])
        values = (name, "anomaly", "ctr", *given, verdict, at, "ada", "", text)
        rows.append(dict(zip(columns, values, strict=True)))
    with writing(store._engine) as connection:
        connection.execute(statement, rows)


def test_of_a_hundred_thousand_answers_the_newest_of_both_sides_teach(store: Store) -> None:
    many_answers(store, 100_000, relevant_every=100)
    labels = store.labels(["ctr"])
    relevant = [label for label in labels if label.is_relevant]
    assert len(labels) == 300
    assert len(relevant) == 150
    assert min(label.at for label in labels) == T0 + timedelta(hours=100_000 - 150 * 100)
    assert max(label.embedding[0] for label in labels) == 99_999.0
    assert [label.at for label in labels] == sorted(label.at for label in labels)
    assert store.labels(["other"]) == []


def test_the_same_answer_again_and_again_does_not_push_out_the_others(store: Store) -> None:
    """A script may answer one thing ten thousand times, under as many names."""
    many_answers(store, 3, relevant_every=2)
    incident = write(store, 5, make_item(5))
    say(store, incident, Verdict.NOT_RELEVANT, 100)
    columns = [column for column in schema.feedback.c if column.name not in ("id", "author")]
    with writing(store._engine) as connection:
        row = connection.execute(sa.select(*columns).where(schema.feedback.c.subject_id == incident)).one()
        copies = [{**row._mapping, "author": f"author {number}"} for number in range(10_000)]
        connection.execute(sa.insert(schema.feedback), copies)
    assert taught(store) == {f"{number:012x}": number % 2 == 0 for number in range(3)} | {make_item(5).id: False}


def test_a_crowd_of_one_side_does_not_push_out_the_other(store: Store) -> None:
    many_answers(store, 1_000, relevant_every=2)
    labels = store.labels(["ctr"], limit=20)
    assert sum(label.is_relevant for label in labels) == 10
    assert min(label.embedding[0] for label in labels) == 980.0


def test_damaged_or_foreign_items_in_an_answer_teach_nothing(store: Store) -> None:
    many_answers(store, 3, relevant_every=1)
    sound = {"monitor": "ctr", "at": T0.isoformat(), "excess": 1, "schema": "slices/1-0", "embedding": [1.0]}
    odd = [
        {"id": "x"}, {**sound, "id": "y", "at": "yesterday"}, {**sound, "id": "z", "embedding": []},
        {**sound, "id": "n", "embedding": ["nan"]}, {**sound, "id": "i", "excess": "inf"}, "no mapping", None,
    ]  # fmt: skip
    with writing(store._engine) as connection:
        table = schema.feedback
        connection.execute(sa.update(table).where(table.c.subject_id == f"{1:012x}").values(items=odd))
        connection.execute(sa.update(table).where(table.c.subject_id == f"{2:012x}").values(items=None))
    assert [label.id for label in store.labels(["ctr"])] == [f"{0:012x}"]


def test_two_people_answering_at_once_are_both_heard(url: str, store: Store) -> None:
    ids = [write(store, index, make_item(index)) for index in range(20)]
    failures: list[BaseException] = []

    def answer(author: str, mine: list[str]) -> None:
        try:
            with Store.open(url) as own:
                for name in mine:
                    say(own, name, Verdict.RELEVANT if author == "ada" else Verdict.NOT_RELEVANT, author=author)
        except BaseException as error:
            failures.append(error)

    people = [
        threading.Thread(target=answer, args=("ada", ids[:12])),
        threading.Thread(target=answer, args=("bob", ids[8:])),
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert failures == []
    assert len(store.feedback()) == 24
    known = taught(store)
    assert len(known) == 20
    assert all(known[make_item(index).id] for index in range(8))
    assert not any(known[make_item(index).id] for index in range(12, 20))


def test_a_store_of_the_schema_before_keeps_everything_and_learns_from_now_on(fresh_url: str) -> None:
    from pathlib import Path

    engine = create_engine(fresh_url, base=Path(), patience_seconds=5)
    migrate(engine, to="0002")
    old = make_anomaly(1)
    given = {
        "subject_id": old.id, "subject_kind": "anomaly", "monitor": "ctr", "window_start": old.window.start,
        "window_end": old.window.end, "slice_key": old.slice.key, "verdict": "relevant", "at": T0, "author": "ada",
        "comment": "before",
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(sa.insert(schema.run), [run_to_row(make_run(1))])
        connection.execute(sa.insert(schema.anomaly), [anomaly_to_row(old)])
        names = [name for name in given if name != "items"]
        columns = ", ".join(names)
        values = ", ".join(f":{name}" for name in names)
        plain = sa.text(f"INSERT INTO feedback ({columns}) VALUES ({values})")
        moment = sa.DateTime(timezone=True)
        typed = plain.bindparams(*(sa.bindparam(name, type_=moment) for name in ("window_start", "window_end", "at")))
        connection.execute(typed, given)
    engine.dispose()
    with Store.open(fresh_url) as store:
        assert [item.id for item in store.anomalies()] == [old.id]
        assert [(item.subject_id, item.comment) for item in store.feedback()] == [(old.id, "before")]
        assert store.labels(["ctr"]) == []
        assert store.items("ctr") == []
        write(store, 2, make_item(2))
        say(store, make_anomaly(2).id, Verdict.RELEVANT)
        assert taught(store) == {make_item(2).id: True}
        assert len(store.excluded("ctr", T0, T0 + timedelta(days=9))) == 2


def test_items_stored_before_their_indicator_was_are_read_on(fresh_url: str) -> None:
    from pathlib import Path

    engine = create_engine(fresh_url, base=Path(), patience_seconds=5)
    migrate(engine, to="0003")
    row = {name: value for name, value in item_to_row(make_item(1, relevance=-1.0)).items() if name != "kpi"}
    before = sa.Table(
        "item", sa.MetaData(), *(sa.Column(one.name, one.type) for one in schema.item.c if one.name != "kpi")
    )
    with writing(engine) as connection:
        connection.execute(sa.insert(before), [row])
    engine.dispose()
    with Store.open(fresh_url) as store:
        ((item,), counts) = store.items("ctr"), store.item_counts("ctr", T0)
        assert (item.id, item.kpi, item.relevance) == (make_item(1).id, "", -1.0)
        assert counts == {"slices/1-0": 1}
        assert store.n_answers_apart("ctr") == 0


def test_what_answers_teach_is_stored_as_plain_json(store: Store) -> None:
    say(store, write(store, 1, make_item(1)), Verdict.RELEVANT)
    with reading(store._engine) as connection:
        (kept,) = connection.execute(sa.select(schema.feedback.c["items"])).scalars()
    assert json.loads(json.dumps(kept)) == [
        {"id": make_item(1).id, "monitor": "ctr", "at": window(1).start.isoformat(), "excess": 2.0,
         "schema": "slices/1-0", "embedding": [0.1, -2.0, 1e-6]}
    ]  # fmt: skip
