"""Delivery from a real store's outbox to real channels: retries, order, dead letters, kills, deliverers at once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.alerts.conftest import Server
from tests.store.conftest import T0, make_incident, make_run, window
from tocsin.alerts import DeliveryReport, build_alert, channels, deliver
from tocsin.alerts.delivery import pause
from tocsin.config import AlertSettings
from tocsin.model import Change, Slice
from tocsin.store import Store, schema

NOW = T0 + timedelta(days=2)
ROOT = Path(__file__).resolve().parents[2]
SECRET = "hunter2" * 3


def settings(**channel: str | dict[str, Any]) -> AlertSettings:
    """Channels by name: a URL, or settings."""
    given = {name: value if isinstance(value, dict) else {"url": value} for name, value in channel.items()}
    return AlertSettings.model_validate({"channel": given, "max_attempts": 3, "first_retry": "30s"})


def announce(store: Store, index: int, *changes: Change, to: tuple[str, ...] = ("hook",)) -> None:
    incident = make_incident(index, index, slice=Slice((("n", str(index)),)))
    alerts = [build_alert(incident, change, [], at=T0, link=None, channels=to) for change in changes]
    with store.window_transaction("ctr", window(index)) as transaction:
        transaction.write(make_run(index), [], [incident], alerts)


def attempts(store: Store) -> list[tuple[bool, str | None]]:
    with store._engine.connect() as connection:
        table = schema.attempt
        rows = connection.execute(sa.select(table.c.delivered, table.c.error).order_by(table.c.id)).all()
    return [(row.delivered, row.error) for row in rows]


def at(minutes: float) -> dict[str, Any]:
    """The time of a pass, on a clock that stands still while it lasts."""
    return {"now": NOW + timedelta(minutes=minutes), "base": Path(), "elapsed": lambda: 0.0}


def test_an_alert_is_repeated_until_it_is_accepted_and_every_attempt_is_kept(store: Store, server: Server) -> None:
    server.answers = [503, 503, 200]
    chosen = settings(hook=f"json://127.0.0.1:{server.port}/{SECRET}")
    announce(store, 1, Change.OPENED)
    assert deliver(store, chosen, **at(0)) == DeliveryReport(failed=1, waiting=1)
    assert deliver(store, chosen, **at(0.49)) == DeliveryReport(waiting=1)
    assert deliver(store, chosen, **at(0.5)) == DeliveryReport(failed=1, waiting=1)
    assert deliver(store, chosen, **at(1.49)) == DeliveryReport(waiting=1)
    assert deliver(store, chosen, **at(1.5)) == DeliveryReport(sent=1)
    assert deliver(store, chosen, **at(600)) == DeliveryReport()
    error = "The service did not accept the alert (HTTP 503)."
    assert attempts(store) == [(False, error), (False, error), (True, None)]
    bodies = [request.json for request in server.received]
    assert bodies[0] == bodies[1] == bodies[2]


def test_pauses_double_up_to_six_hours() -> None:
    chosen = AlertSettings(first_retry=timedelta(seconds=30))
    assert [pause(chosen, n).total_seconds() for n in (1, 2, 3, 10, 11, 10_000)] == [
        30,
        60,
        120,
        15_360,
        21_600,
        21_600,
    ]


def test_after_the_last_attempt_an_alert_is_a_dead_letter_and_can_be_sent_later(store: Store, server: Server) -> None:
    server.answers = [500]
    chosen = settings(hook=f"json://127.0.0.1:{server.port}/{SECRET}")
    announce(store, 1, Change.OPENED)
    reports = [deliver(store, chosen, **at(minutes)) for minutes in (0, 10, 20)]
    assert reports == [DeliveryReport(failed=1, waiting=1)] * 2 + [DeliveryReport(dead=1)]
    (letter,) = store.dead_letters()
    assert (letter.channel, letter.n_attempts) == ("hook", 3)
    assert letter.last_error == "The service did not accept the alert (HTTP 500)."
    server.answers = [200]
    store.requeue(letter.id, now=NOW)
    assert deliver(store, chosen, **at(30)) == DeliveryReport(sent=1)


def test_a_broken_channel_is_tried_once_a_pass_and_does_not_stop_the_others(
    store: Store, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channels, "TIMEOUT_SECONDS", 0.3)
    server.answers = ["hang"]
    chosen = settings(hook=f"json://127.0.0.1:{server.port}", files={"path": str(tmp_path / "out")})
    for index in range(1, 6):
        announce(store, index, Change.OPENED, to=("hook", "files"))
    assert deliver(store, chosen, **at(0)) == DeliveryReport(sent=5, failed=1, waiting=5)
    assert len(list((tmp_path / "out").iterdir())) == 5
    assert len(server.received) == 1


def test_a_message_that_is_refused_does_not_stop_its_channel(store: Store, server: Server) -> None:
    server.answers = [400, 200]
    for index in (1, 2):
        announce(store, index, Change.OPENED)
    report = deliver(store, settings(hook=f"json://127.0.0.1:{server.port}"), **at(0))
    assert report == DeliveryReport(sent=1, failed=1, waiting=1)


def test_news_of_an_incident_arrive_in_order(store: Store, server: Server) -> None:
    server.answers = [400, 200]
    chosen = settings(hook=f"json://127.0.0.1:{server.port}")
    announce(store, 1, Change.OPENED, Change.UPDATED, Change.CLOSED)
    assert deliver(store, chosen, **at(0)) == DeliveryReport(failed=1, waiting=3)
    assert deliver(store, chosen, **at(5)) == DeliveryReport(sent=3)
    said = [request.json["change"] for request in server.received]
    assert said == ["opened", "opened", "updated", "closed"]


def test_a_channel_that_was_removed_from_the_configuration_makes_dead_letters(store: Store) -> None:
    announce(store, 1, Change.OPENED)
    assert deliver(store, settings(), **at(0)) == DeliveryReport(dead=1)
    assert store.dead_letters()[0].last_error == "the channel hook is not configured any more"


def test_secrets_reach_neither_the_log_nor_the_attempts(
    store: Store, server: Server, led_to_server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    server.answers = [503]
    chosen = settings(
        hook=f"json://ann:{SECRET}@127.0.0.1:{server.port}/{SECRET}",
        chat=f"slack://TAAAAAAAA/BBBBBBBBB/{SECRET}abc",
        odd=f"nosuch://{SECRET}",
        gone=f"json://127.0.0.1:1/{SECRET}",
    )
    announce(store, 1, Change.OPENED, to=("hook", "chat", "odd", "gone"))
    for minutes in (0, 10, 20):
        deliver(store, chosen, **at(minutes))
    assert len(store.dead_letters()) == 4
    assert len(attempts(store)) == 12
    assert SECRET not in str(attempts(store)) + str(store.dead_letters()) + caplog.text
    assert "channel chat, attempt 3" in caplog.text


def test_deliverers_at_once_send_every_alert_once(url: str, server: Server) -> None:
    chosen = settings(hook=f"json://127.0.0.1:{server.port}")
    with Store.open(url) as store, Store.open(url) as other:
        for index in range(1, 13):
            announce(store, index, Change.OPENED, Change.CLOSED)
        with ThreadPoolExecutor(4) as pool:
            reports = list(pool.map(lambda mine: deliver(mine, chosen, **at(0)), [store, other, store, other]))
        assert sum(report.sent for report in reports) == 24
    assert set(Counter(request.json["id"] for request in server.received).values()) == {1}
    for index in range(1, 13):
        said = [item.json["change"] for item in server.received if item.json["slice"] == {"n": str(index)}]
        assert said == ["opened", "closed"]


DELIVERER = """
import sys
from datetime import datetime
from pathlib import Path
from tocsin.alerts import deliver
from tocsin.config import AlertSettings
from tocsin.store import Store
chosen = AlertSettings.model_validate({"channel": {"hook": {"url": sys.argv[2]}}})
with Store.open(sys.argv[1]) as store:
    deliver(store, chosen, datetime.fromisoformat(sys.argv[3]), Path())
"""


def test_a_deliverer_that_is_killed_while_sending_loses_nothing(url: str, server: Server) -> None:
    hook = f"json://127.0.0.1:{server.port}"
    with Store.open(url) as store:
        announce(store, 1, Change.OPENED, Change.CLOSED)
        announce(store, 2, Change.OPENED)
        server.answers = ["hang"]
        process = subprocess.Popen(
            [sys.executable, "-c", DELIVERER, url, hook, NOW.isoformat()], cwd=ROOT, stderr=subprocess.PIPE
        )
        waiting = threading.Event()
        while not server.received and process.poll() is None:
            waiting.wait(0.01)
        process.kill()
        process.communicate()
        server.released.set()
        server.answers = [200]
        chosen = settings(hook=hook)
        # the other incident's alert goes out at once; the one in flight when its claim has expired
        assert deliver(store, chosen, **at(1)) == DeliveryReport(sent=1, waiting=2)
        assert deliver(store, chosen, **at(6)) == DeliveryReport(sent=2)
    said = [(request.json["slice"]["n"], request.json["change"]) for request in server.received]
    assert said == [("1", "opened"), ("2", "opened"), ("1", "opened"), ("1", "closed")]
    assert server.received[0].json["id"] == server.received[2].json["id"]
    assert json.dumps(attempts(store)).count("true") == 3
