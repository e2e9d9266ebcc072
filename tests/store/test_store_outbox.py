"""The outbox: claims, order, expiry, attempts, dead letters; leases."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.store.conftest import T0, make_alert, make_incident, make_run, window
from tocsin.errors import InputError, LeaseHeld
from tocsin.model import Change, Slice
from tocsin.store import OutboxRow, Store

NOW = T0 + timedelta(days=2)


def announce(store: Store, index: int, *changes: Change) -> str:
    """Alerts about one incident, written in one window."""
    incident = make_incident(index, index)
    with store.window_transaction("ctr", window(index)) as transaction:
        transaction.write(make_run(index), [], [incident], [make_alert(incident, change) for change in changes])
    return incident.id


def claim(store: Store, **options) -> list[OutboxRow]:
    return store.claim_alerts(NOW, **{"limit": 100, **options})


def test_a_claimed_row_is_not_claimed_again_until_its_claim_expires(store: Store) -> None:
    announce(store, 1, Change.OPENED)
    first = claim(store, hold_seconds=60)
    assert {(row.channel, row.change, row.n_attempts) for row in first} == {
        ("file", "opened", 0),
        ("chat", "opened", 0),
    }
    assert claim(store) == []
    assert store.claim_alerts(NOW + timedelta(seconds=59)) == []
    again = store.claim_alerts(NOW + timedelta(seconds=60), limit=100)
    assert [row.id for row in again] == [row.id for row in first]
    assert not store.record_attempt(first[0].id, first[0].claim, NOW, error="late", next_at=None)
    assert store.alert_counts() == {"waiting": 2, "sent": 0, "dead": 0}


def test_a_late_delivery_counts_although_the_claim_has_expired(store: Store) -> None:
    announce(store, 1, Change.OPENED)
    (row,) = claim(store, limit=1, hold_seconds=1)
    (other,) = store.claim_alerts(NOW + timedelta(seconds=2), limit=1)
    assert other.id == row.id
    store.record_attempt(row.id, row.claim, NOW, error=None, next_at=None)
    assert store.alert_counts()["sent"] == 1
    assert not store.record_attempt(other.id, other.claim, NOW, error="refused", next_at=None)
    assert store.alert_counts() == {"waiting": 1, "sent": 1, "dead": 0}


def test_an_update_never_overtakes_what_was_said_before_it(store: Store) -> None:
    announce(store, 1, Change.OPENED, Change.UPDATED, Change.CLOSED)
    announce(store, 2, Change.OPENED)
    rows = claim(store, without_channels=["file"])
    assert [row.change for row in rows] == ["opened", "opened"]
    store.record_attempt(rows[0].id, rows[0].claim, NOW, error="HTTP 503", next_at=NOW + timedelta(hours=1))
    assert claim(store, without_channels=["file"]) == []
    (retry,) = store.claim_alerts(NOW + timedelta(hours=1), limit=1, without_channels=["file"])
    assert (retry.id, retry.n_attempts) == (rows[0].id, 1)
    store.record_attempt(retry.id, retry.claim, NOW, error=None, next_at=None)
    (update,) = claim(store, without_channels=["file"])
    assert update.change == "updated"
    store.record_attempt(update.id, update.claim, NOW, error="HTTP 400", next_at=None)
    (closed,) = claim(store, without_channels=["file"])
    assert closed.change == "closed"


def test_alerts_are_due_from_their_time_on(store: Store) -> None:
    announce(store, 1, Change.OPENED)
    assert store.claim_alerts(T0 + timedelta(minutes=59), limit=9) == []
    assert len(store.claim_alerts(T0 + timedelta(hours=1), limit=9)) == 2


def test_dead_letters_are_listed_and_can_be_tried_again(store: Store) -> None:
    incident = announce(store, 1, Change.OPENED)
    (row,) = claim(store, limit=1)
    store.record_attempt(row.id, row.claim, NOW, error="HTTP 404", next_at=None)
    (letter,) = store.dead_letters()
    assert (letter.id, letter.incident_id, letter.channel, letter.n_attempts) == (row.id, incident, row.channel, 1)
    assert letter.last_error == "HTTP 404"
    with pytest.raises(InputError, match="No dead letter"):
        store.requeue(letter.id + 100, now=NOW)
    store.requeue(letter.id, now=NOW)
    assert store.dead_letters() == []
    again = claim(store)
    assert [(item.id, item.n_attempts) for item in again if item.id == row.id] == [(row.id, 0)]


def test_two_deliverers_at_once_never_hold_the_same_row(url: str) -> None:
    with Store.open(url) as store, Store.open(url) as other:
        for index in range(20):
            incident = make_incident(index, index, slice=Slice((("n", str(index)),)))
            with store.window_transaction("ctr", window(index)) as transaction:
                transaction.write(make_run(index), [], [incident], [make_alert(incident)])

        def deliver_all(mine: Store) -> list[int]:
            sent: list[int] = []
            while rows := mine.claim_alerts(NOW, limit=2):
                for row in rows:
                    mine.record_attempt(row.id, row.claim, NOW, error=None, next_at=None)
                    sent.append(row.id)
            return sent

        with ThreadPoolExecutor(4) as pool:
            sent = [row_id for ids in pool.map(deliver_all, [store, other, store, other]) for row_id in ids]
        assert Counter(sent) == Counter(dict.fromkeys(sent, 1))
        assert store.alert_counts() == {"waiting": 0, "sent": 40, "dead": 0}


def test_a_lease_has_one_holder_and_is_taken_over_after_it_expired(store: Store) -> None:
    with store.lease("watch", "first", NOW, 60) as lease:
        with pytest.raises(LeaseHeld, match=r"held by first until 2026-03-04 00:01:00 UTC.*Hint"):
            store.lease("watch", "second", NOW + timedelta(seconds=59), 60).__enter__()
        with store.lease("another", "second", NOW, 60):
            pass
        lease.renew(NOW + timedelta(seconds=50))
        with pytest.raises(LeaseHeld):
            store.lease("watch", "second", NOW + timedelta(seconds=109), 60).__enter__()
        with store.lease("watch", "second", NOW + timedelta(seconds=110), 60):
            with pytest.raises(LeaseHeld, match="held by second"):
                lease.renew(NOW + timedelta(seconds=120))
            lease.release()  # what another holds is not given back
            with pytest.raises(LeaseHeld, match="held by second"):
                store.lease("watch", "third", NOW + timedelta(seconds=120), 60).__enter__()
    with store.lease("watch", "third", NOW, 60):
        pass


def test_a_lease_is_given_back_when_the_block_fails(store: Store) -> None:
    def fail() -> None:
        with store.lease("watch", "first", NOW, 60):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with store.lease("watch", "second", NOW, 60):
        pass


def test_of_many_who_want_a_lease_at_once_one_gets_it(url: str) -> None:
    with Store.open(url) as store:
        kept = []

        def take(number: int) -> bool:
            lease = store.lease("watch", f"holder {number}", NOW, 60)
            kept.append(lease)  # a context manager that is forgotten gives its lease back
            try:
                lease.__enter__()
            except LeaseHeld:
                return False
            return True

        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(take, range(16))) == 1
