"""The window transaction and what is read back: round trips, replacement, idempotence, order, ids, hostile values."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.conftest import T0, make_alert, make_anomaly, make_incident, make_run, window, write_window
from tocsin.errors import InputError
from tocsin.model import Anomaly, Change, Direction, Incident, IncidentState, LeftOut, RunStatus, Slice
from tocsin.store import Store


def write(store: Store, index: int, anomalies: list[Anomaly], incidents: list[Incident], alerts=()) -> int:
    with store.window_transaction("ctr", window(index)) as transaction:
        return transaction.write(make_run(index), anomalies, incidents, list(alerts))


def test_everything_reads_back_as_it_was_written(store: Store) -> None:
    run = make_run(
        3,
        status=RunStatus.NOT_ENOUGH_DATA,
        left_out=(LeftOut("traffic floor", 12, "slices", "below 10 views"),),
        notes=("one", "two"),
    )
    anomaly = make_anomaly(3, direction=Direction.UP, evidence={"a": [1, 2.5, None], "b": {"c": "é"}})
    incident = make_incident(
        1, 3, (anomaly.id, "0123456789ab"), state=IncidentState.CLOSED, n_quiet=3, kind="source silent"
    )
    with store.window_transaction("ctr", window(3)) as transaction:
        assert transaction.previous is None
        transaction.write(run, [anomaly], [incident], [])
    assert store.last_run("ctr") == store.run_of("ctr", window(3)) == run
    assert store.anomalies() == [anomaly]
    assert store.incidents() == [incident]
    assert store.find(anomaly.id) == anomaly
    assert store.find(incident.id) == incident


def test_an_incident_whose_slice_widens_keeps_its_id_and_its_row(store: Store) -> None:
    first = make_incident(1, 1)
    wider = first.evolve(slice=Slice(), last=window(2))
    write(store, 1, [], [first])
    write(store, 2, [], [wider])
    assert store.incidents() == [wider]
    assert wider.id == first.id


def test_missing_numbers_stay_missing_and_infinite_ones_infinite(store: Store) -> None:
    anomaly = make_anomaly(
        1, p_value=math.nan, upper=math.inf, lower=-math.inf, evidence={"x": math.nan, "y": math.inf}
    )
    write(store, 1, [anomaly], [])
    (found,) = store.anomalies()
    assert math.isnan(found.p_value)
    assert (found.lower, found.upper) == (-math.inf, math.inf)
    assert found.evidence == {"x": None, "y": None}


def test_numbers_of_numpy_are_stored_as_numbers(store: Store) -> None:
    anomaly = make_anomaly(1, stake=np.float64(5), evidence={"n": np.int64(3), "x": np.array([1.5, np.nan])})
    with store.window_transaction("ctr", window(1)) as transaction:
        transaction.write(make_run(1, n_slices=np.int64(7)), [anomaly], [], [])
    assert store.anomalies()[0].evidence == {"n": 3, "x": [1.5, None]}
    run = store.last_run("ctr")
    assert run is not None
    assert run.n_slices == 7


@pytest.mark.parametrize("name", ["score", "stake"])
def test_what_orders_the_queue_must_be_a_number(store: Store, name: str) -> None:
    with pytest.raises(InputError, match=f"The {name} of the anomaly"):
        write(store, 1, [make_anomaly(1, **{name: math.nan})], [])
    assert store.runs() == []


HOSTILE = [
    "'; DROP TABLE run; --",
    '"quoted" \\ back',
    "line\nbreak\ttab",
    "nul\x00inside",
    "lone \ud800 surrogate",
    "<b>markup</b> & {{x}} %s",
    "🦊 é 漢字",
    "x" * 10_000,
    "",
]


@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: ascii(value)[:20])
def test_hostile_slice_values_read_back_exactly(store: Store, value: str) -> None:
    part = Slice((("app", value), (value, "install")))
    anomaly = make_anomaly(1, slice=part, evidence={"key": value})
    incident = make_incident(1, 1, (anomaly.id,), slice=part, details={"reasons": [value]})
    write(store, 1, [anomaly], [incident], [make_alert(incident, slice={"app": value})])
    assert store.anomalies() == [anomaly]
    assert store.incidents() == [incident]
    assert store.claim_alerts(T0 + timedelta(days=1))[0].payload["slice"] == {"app": value}


def test_text_that_a_database_refuses_is_shown_escaped(store: Store) -> None:
    write(store, 1, [], [make_incident(1, 1, headline="down: nul\x00 lone \udcff")])
    assert store.incidents()[0].headline == "down: nul\\x00 lone \\udcff"


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    items=st.lists(st.tuples(st.text(max_size=20), st.text(max_size=40)), max_size=3, unique_by=lambda item: item[0]),
    numbers=st.lists(st.floats(allow_nan=False), min_size=3, max_size=3),
    microseconds=st.integers(0, 10**15),
)
def test_any_anomaly_reads_back(store: Store, items, numbers, microseconds: int) -> None:
    part = Slice(tuple(items))
    anomaly = make_anomaly(1, slice=part, value=numbers[0], stake=numbers[1], share_of_total=numbers[2])
    at = datetime(1990, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    with store.window_transaction("ctr", window(1)) as transaction:
        transaction.write(make_run(1, evaluated_at=at), [anomaly], [], [])
    assert store.anomalies() == [anomaly]
    run = store.last_run("ctr")
    assert run is not None
    assert run.evaluated_at == at


def test_writing_a_window_again_replaces_its_anomalies_and_nothing_else(store: Store) -> None:
    before, kept, new = make_anomaly(1, "DE"), make_anomaly(2, "FR"), make_anomaly(2, "IT")
    dropped = make_anomaly(2, "ES")
    write(store, 1, [before], [make_incident(1, 1, (before.id,))])
    write(store, 2, [kept, dropped], [make_incident(1, 2, (before.id, kept.id, dropped.id))])
    with store.window_transaction("ctr", window(2)) as transaction:
        assert transaction.previous == make_run(2)
        assert {item.id for item in transaction.stored_anomalies()} == {kept.id, dropped.id}
        changed = make_anomaly(2, "FR", value=0.5)
        transaction.write(make_run(2, n_flagged=2), [changed, new], [make_incident(1, 2, (new.id, before.id))], [])
    assert {item.id: item.value for item in store.anomalies()} == {before.id: 0.008, kept.id: 0.5, new.id: 0.008}
    assert store.incidents()[0].anomaly_ids == (new.id, before.id)
    assert store.run_of("ctr", window(2)) == make_run(2, n_flagged=2)
    incident_id = make_incident(1, 2).id
    assert {item.id for item in store.anomalies(incident=incident_id)} == {new.id, before.id}


def test_an_incident_that_is_not_written_again_loses_what_was_retracted(store: Store) -> None:
    held, other = make_anomaly(2, "DE"), make_anomaly(1, "DE")
    incident = make_incident(1, 2, (other.id, held.id))
    write(store, 1, [other], [])
    write(store, 2, [held], [incident])
    write(store, 2, [], [])
    assert store.incidents()[0].anomaly_ids == (other.id,)


def test_a_window_of_another_length_is_another_window(store: Store) -> None:
    write_window(store, 1)
    longer = type(window(1))(window(1).start, window(1).end + timedelta(hours=1))
    assert store.run_of("ctr", longer) is None
    with store.window_transaction("ctr", longer) as transaction:
        assert transaction.previous is None


def test_the_same_news_is_queued_once_and_other_news_in_order(store: Store) -> None:
    incident = make_incident(1, 1)
    opened, retracted = make_alert(incident), make_alert(incident, Change.RETRACTED)
    assert write(store, 1, [], [incident], [opened]) == 2
    assert write(store, 1, [], [incident], [make_alert(incident, at_hour=9)]) == 0
    assert write(store, 1, [], [incident], [retracted]) == 2
    assert write(store, 1, [], [incident], [opened]) == 2
    assert write(store, 1, [], [incident], [opened]) == 0
    assert store.alert_counts() == {"waiting": 6, "sent": 0, "dead": 0}


def test_records_of_another_window_or_monitor_are_refused(store: Store) -> None:
    for records in (
        (make_run(2), [], []),
        (make_run(1, "other"), [], []),
        (make_run(1), [make_anomaly(2)], []),
        (make_run(1), [], [make_incident(1, 1, monitor="other")]),
    ):
        with pytest.raises(InputError), store.window_transaction("ctr", window(1)) as transaction:
            transaction.write(*records, [])
    assert store.runs() == []


def test_an_exception_in_the_block_leaves_nothing(store: Store) -> None:
    anomaly = make_anomaly(1)
    incident = make_incident(1, 1, (anomaly.id,))

    def fail_late() -> None:
        with store.window_transaction("ctr", window(1)) as transaction:
            transaction.write(make_run(1), [anomaly], [incident], [make_alert(incident)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    assert (store.runs(), store.anomalies(), store.incidents()) == ([], [], [])
    assert store.alert_counts()["waiting"] == 0


def test_live_incidents_are_the_open_ones_and_those_the_window_can_still_change(store: Store) -> None:
    held = make_anomaly(10, "held")
    incidents = {
        "open long ago": make_incident(1, 2),
        "over it": make_incident(8, 12, slice=Slice((("a", "1"),)), state=IncidentState.CLOSED, n_quiet=3),
        "holds it": make_incident(
            10, 10, (held.id,), slice=Slice((("a", "2"),)), state=IncidentState.CLOSED, n_quiet=3
        ),
        "closed by it": make_incident(6, 7, slice=Slice((("a", "3"),)), state=IncidentState.CLOSED, n_quiet=3),
        "closed before": make_incident(5, 6, slice=Slice((("a", "4"),)), state=IncidentState.CLOSED, n_quiet=3),
        "after it": make_incident(11, 12, slice=Slice((("a", "5"),)), state=IncidentState.CLOSED, n_quiet=3),
        "retracted": make_incident(9, 11, slice=Slice((("a", "6"),)), state=IncidentState.RETRACTED),
    }
    write(store, 10, [held], list(incidents.values()))
    with store.window_transaction("other", window(1)) as transaction:
        transaction.write(make_run(1, "other"), [], [make_incident(1, 1, monitor="other")], [])
    with store.window_transaction("ctr", window(10)) as transaction:
        live = transaction.live_incidents()
        assert transaction.anomalies_of(incidents["holds it"].id) == [held]
    names = {incident.id: name for name, incident in incidents.items()}
    assert [names[item.id] for item in live] == ["open long ago", "closed by it", "over it", "holds it"]
    assert live[3] == incidents["holds it"]


def test_queries_select_and_order(store: Store) -> None:
    scores = {1: 0.5, 2: 0.9, 3: 0.7}
    for index, score in scores.items():
        write(store, index, [make_anomaly(index, score=score)], [make_incident(index, index, stake=100 * score)])
    write_window(store, 2, "other")
    hour = [window(index).start for index in range(6)]
    assert [run.window for run in store.runs("ctr", since=hour[2], until=hour[3])] == [window(2)]
    assert len(store.runs()) == 4
    assert [item.score for item in store.anomalies(monitor="ctr", order="score", limit=2)] == [0.9, 0.7]
    assert [item.window for item in store.anomalies(monitor="ctr", since=hour[2])] == [window(2), window(3)]
    assert [item.stake for item in store.incidents(monitor="ctr")] == pytest.approx([90, 70, 50])
    assert [item.first for item in store.incidents(monitor="ctr", order="time", since=hour[3])] == [window(3)]
    assert store.incidents(states=[IncidentState.CLOSED]) == []
    assert len(store.incidents(states=list(IncidentState))) == 4
    assert store.last_run("nobody") is None


def test_ids_are_found_by_their_beginning(store: Store) -> None:
    anomalies = [make_anomaly(1, str(number)) for number in range(60)]
    write(store, 1, anomalies, [])
    ids = sorted(item.id for item in anomalies)
    shared = next(first[0] for first, second in pairwise(ids) if first[0] == second[0])
    for anomaly in anomalies:
        shortest = next(n for n in range(1, 13) if sum(other.startswith(anomaly.id[:n]) for other in ids) == 1)
        assert store.find(anomaly.id[:shortest]) == anomaly
        assert store.find(anomaly.id.upper()) == anomaly
    with pytest.raises(
        InputError, match=rf"begin like this.*{shared}[0-9a-f]{{11}} \(anomaly, ctr, 2026-03-02 01:00\)"
    ):
        store.find(shared)
    missing = next(f"{n:012x}" for n in range(1000) if f"{n:012x}" not in ids)
    with pytest.raises(InputError, match="No anomaly or incident"):
        store.find(missing)
    for wrong in ("", "xyz", "%", "_", "0" * 13):
        with pytest.raises(InputError, match="cannot be read"):
            store.find(wrong)


def test_times_of_other_zones_are_the_same_instants_and_naive_ones_are_refused(store: Store) -> None:
    write_window(store, 1)
    zone = timezone(timedelta(hours=5, minutes=30))
    assert len(store.runs(since=window(1).start.astimezone(zone))) == 1
    assert store.runs(until=window(1).start.astimezone(zone)) == []
    with pytest.raises(Exception, match="aware"):
        store.runs(since=datetime(2026, 3, 2))  # noqa: DTZ001 - that is the point


def test_detector_state_keeps_arrays_and_json(store: Store) -> None:
    arrays = {
        "file": np.arange(6, dtype=np.int32).reshape(2, 3),
        "empty": np.zeros((0, 4)),
        "text": np.array(["é", "b"]),
    }
    assert store.get_state("ctr", "series") is None
    store.put_state("ctr", "series", 1, {"old": np.ones(1)}, {}, at=T0)
    with store.window_transaction("ctr", window(1)) as transaction:
        transaction.put_state("series", 2, arrays, {"season": 24}, T0)
        transaction.write(make_run(1), [], [], [])
    found = store.get_state("ctr", "series")
    assert found is not None
    assert (found.version, found.saved_at, found.meta) == (2, T0, {"season": 24})
    assert set(found.arrays) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
    with pytest.raises(InputError, match="arrays of numbers"):
        store.put_state("ctr", "series", 3, {"x": np.array([object()])}, {}, at=T0)

    def fail_late() -> None:
        with store.window_transaction("ctr", window(2)) as transaction:
            transaction.put_state("series", 4, {}, {}, T0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_late()
    kept = store.get_state("ctr", "series")
    assert kept is not None
    assert kept.version == 2
