"""Faults: kills at random instants, writers at once, a full disk, a lost connection, a lock that is held."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.store.conftest import make_anomaly, make_incident, make_run, window, write_window
from tests.store.writer_process import N_ANOMALIES, write_windows
from tocsin.errors import StoreError
from tocsin.model import IncidentState
from tocsin.store import Store

ROOT = Path(__file__).resolve().parents[2]


def start_writer(url: str, first: int, last: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.store.writer_process", url, str(first), str(last)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)


def begin(processes: list[subprocess.Popen[str]]) -> None:
    """Wait until all are ready, then let all go."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def check_whole(store: Store, n_windows: int | None = None) -> int:
    """Every window is there with all that belongs to it, or not at all; returns how many there are."""
    runs = store.runs("ctr")
    n = len(runs)
    assert [run.window for run in runs] == [window(index) for index in range(n)]
    assert n_windows is None or n == n_windows
    assert len(store.anomalies()) == n * N_ANOMALIES
    incidents = sorted(store.incidents(), key=lambda item: item.first)
    assert [item.first for item in incidents] == [run.window for run in runs]
    assert [item.state for item in incidents] == [IncidentState.CLOSED] * (n - 1) + [IncidentState.OPEN] * (n > 0)
    assert all(len(item.anomaly_ids) == N_ANOMALIES for item in incidents)
    assert store.alert_counts()["waiting"] == 2 * max(0, 2 * n - 1)
    return n


def test_a_kill_at_any_instant_leaves_whole_windows_and_a_rerun_completes_them(url: str) -> None:
    Store.open(url).close()
    chance = random.Random(20260302)  # noqa: S311 - not for secrets
    n_before, n_grown = 0, 0
    for _ in range(4):
        process = start_writer(url, 0, 400)
        begin([process])
        assert process.stdout is not None
        for _ in range(chance.randrange(12)):
            process.stdout.readline()
        # the next line is some hundred statements away; a fraction of it decides where the kill falls
        threading.Event().wait(chance.random() * 0.02)
        process.kill()
        process.communicate()
        with Store.open(url) as store:
            n_now = check_whole(store)
        n_grown += n_now > n_before
        n_before = n_now
    assert n_grown >= 2
    write_windows(url, 0, n_before + 2)
    with Store.open(url) as store:
        check_whole(store, n_before + 2)


def test_four_processes_that_write_the_same_windows_at_once_write_nothing_twice(url: str) -> None:
    Store.open(url).close()
    processes = [start_writer(url, 0, 10) for _ in range(4)]
    begin(processes)
    written: list[str] = []
    for process in processes:
        out, err = process.communicate()
        assert process.returncode == 0, err
        written += out.split()
    assert sorted(map(int, written)) == list(range(10))
    with Store.open(url) as store:
        check_whole(store, 10)


def test_a_full_disk_is_an_error_with_a_hint_and_leaves_the_last_whole_window(tmp_path: Path) -> None:
    with Store.open("sqlite:///store.db", base=tmp_path) as store:
        write_window(store, 1)

        def limit(connection: sqlite3.Connection, *_: object) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages + 2}")

        sa.event.listen(store._engine, "checkout", limit)
        anomalies = [make_anomaly(2, "x" * 4000 + str(part)) for part in range(50)]
        with (
            pytest.raises(StoreError, match=r"disk is full.*nothing was written.*Hint"),
            store.window_transaction("ctr", window(2)) as transaction,
        ):
            transaction.write(make_run(2), anomalies, [make_incident(2, 2)], [])
        assert [run.window for run in store.runs()] == [window(1)]
        assert len(store.anomalies()) == len(store.incidents()) == 1
        sa.event.remove(store._engine, "checkout", limit)
        store._engine.dispose()
        write_window(store, 2)
        assert len(store.runs()) == 2


@pytest.mark.postgres
def test_a_lost_connection_is_an_error_with_a_hint_and_the_store_goes_on(
    postgres_url: str, postgres_server: str
) -> None:
    import psycopg

    with Store.open(postgres_url) as store:
        write_window(store, 1)

        def lose_it() -> None:
            with store.window_transaction("ctr", window(2)) as transaction:
                backend = transaction._connection.execute(sa.text("SELECT pg_backend_pid()")).scalar()
                with psycopg.connect(postgres_server, autocommit=True) as other:
                    other.execute("SELECT pg_terminate_backend(%s)", (backend,))
                transaction.write(make_run(2), [make_anomaly(2)], [], [])

        with pytest.raises(StoreError, match=r"connection to the store was lost; nothing is half written.*Hint"):
            lose_it()
        assert [run.window for run in store.runs()] == [window(1)]
        write_window(store, 2)
        assert len(store.runs()) == 2


def test_a_lock_held_too_long_is_an_error_with_a_hint(url: str) -> None:
    with Store.open(url) as first, Store.open(url, patience_seconds=0.2) as second:
        with first.window_transaction("ctr", window(1)) as transaction:
            transaction.write(make_run(1), [], [], [])
            with pytest.raises(StoreError, match=r"busy.*Hint"):
                write_window(second, 1)
            assert second.runs() == []  # a reader waits for nobody
        write_window(second, 2)
        assert len(second.runs()) == 2


@pytest.mark.postgres
def test_writers_of_other_monitors_do_not_wait_on_postgresql(postgres_url: str) -> None:
    with Store.open(postgres_url) as first, Store.open(postgres_url, patience_seconds=0.2) as second:
        with first.window_transaction("ctr", window(1)) as transaction:
            transaction.write(make_run(1), [], [], [])
            write_window(second, 1, "other")
        assert len(first.runs()) == 2


def test_a_read_only_store_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with Store.open("sqlite:///store.db", base=tmp_path) as store:
        sa.event.listen(store._engine, "checkout", lambda raw, *_: raw.execute("PRAGMA query_only = ON"))
        with pytest.raises(StoreError, match=r"read-only.*Hint"):
            write_window(store, 1)
