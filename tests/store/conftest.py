"""Stores to test against: a new SQLite file, and a new schema on a PostgreSQL server, dropped afterwards."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tocsin.model import (
    Alert,
    Anomaly,
    Change,
    Direction,
    Incident,
    IncidentState,
    Run,
    RunStatus,
    Slice,
    Window,
)
from tocsin.store import Store
from tocsin.store.schema import metadata

T0 = datetime(2026, 3, 2, tzinfo=UTC)


def _postgres_server() -> str:
    """A reachable server's URL; the test is skipped, with the reason, where there is none."""
    psycopg = pytest.importorskip("psycopg")
    given = os.environ.get("TOCSIN_TEST_POSTGRES")
    names = [
        f"postgresql://{user}127.0.0.1/{name}" for name in ("test", "postgres") for user in ("", "postgres@", "root@")
    ]
    reasons = []
    for url in [given] if given else names:
        try:
            with psycopg.connect(url, connect_timeout=3) as connection:
                connection.execute("CREATE SCHEMA tocsin_probe_rights")
                connection.rollback()
            return url
        except psycopg.Error as error:
            reasons.append(type(error).__name__)
    pytest.skip(f"no PostgreSQL server (TOCSIN_TEST_POSTGRES): {', '.join(sorted(set(reasons)))}")


@pytest.fixture(scope="session")
def postgres_server() -> str:
    return _postgres_server()


@contextmanager
def _postgres_schema(server: str) -> Iterator[str]:
    import psycopg

    schema = f"tocsin_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}")
        separator = "&" if "?" in server else "?"
        try:
            yield f"{server}{separator}options={quote(f'-csearch_path={schema}')}"
        finally:
            connection.execute(f"DROP SCHEMA {schema} CASCADE")


BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


@pytest.fixture(params=BOTH)
def fresh_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A place where no store has been yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/store.db"
        return
    with _postgres_schema(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("template")
    Store.open("sqlite:///empty.db", base=folder).close()
    return folder / "empty.db"


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    with _postgres_schema(postgres_server) as url:
        Store.open(url).close()
        yield url


@pytest.fixture
def postgres_url(postgres_server: str, postgres_template: str) -> str:
    """An empty store on PostgreSQL: one schema for all tests, emptied for each, for migrating takes its time."""
    import psycopg

    with psycopg.connect(postgres_template) as connection:
        connection.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")
    return postgres_template


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store on either database."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "store.db")
        return f"sqlite:///{tmp_path}/store.db"
    server: str = request.getfixturevalue("postgres_url")
    return server


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


def window(index: int) -> Window:
    return Window(T0 + timedelta(hours=index), T0 + timedelta(hours=index + 1))


def make_run(index: int, monitor: str = "ctr", **changes: Any) -> Run:
    values: dict[str, Any] = {
        "evaluated_at": T0 + timedelta(hours=index + 1, minutes=5),
        "status": RunStatus.EVALUATED,
        "facts_digest": f"facts {index}",
        "n_slices": 10,
        "n_tested": 8,
        "n_flagged": 1,
        **changes,
    }
    return Run(monitor, window(index), **values)


def make_anomaly(index: int, part: str = "DE", monitor: str = "ctr", **changes: Any) -> Anomaly:
    values: dict[str, Any] = {
        "slice": Slice((("country", part),)),
        "kpi": "clicks / views",
        "value": 0.008,
        "expected": 0.021,
        "lower": 0.019,
        "upper": 0.024,
        "p_value": 1e-9,
        "q_value": 1e-6,
        "score": 0.999,
        "direction": Direction.DOWN,
        "amount": 80.0,
        "expected_amount": 210.0,
        "deviation_sd": 14.0,
        "share_of_total": -0.06,
        "stake": 130.0,
        "evidence": {"reference": [1, 2, 3]},
        **changes,
    }
    return Anomaly(monitor=monitor, window=window(index), **values)


def make_incident(first: int, last: int, ids: tuple[str, ...] = (), monitor: str = "ctr", **changes: Any) -> Incident:
    values: dict[str, Any] = {
        "slice": Slice((("country", "DE"),)),
        "kpi": "clicks / views",
        "direction": Direction.DOWN,
        "state": IncidentState.OPEN,
        "severity": "high",
        "stake": 130.0,
        "headline": "down 62 %: CTR, country DE is 0.8 % (expected 1.9 to 2.4 %)",
        "details": {"reasons": ["app 7"]},
        **changes,
    }
    return Incident(monitor=monitor, first=window(first), last=window(last), anomaly_ids=ids, **values)


def make_alert(incident: Incident, change: Change = Change.OPENED, at_hour: int = 1, **payload: Any) -> Alert:
    content = {"change": change.value, "at": (T0 + timedelta(hours=at_hour)).isoformat(), **payload}
    return Alert(incident.id, change, T0 + timedelta(hours=at_hour), content, ("file", "chat"))


def write_window(store: Store, index: int, monitor: str = "ctr", *, part: str = "DE") -> Incident:
    """One window with one anomaly in an incident that began in it, announced on two channels."""
    anomaly = make_anomaly(index, part, monitor)
    incident = make_incident(index, index, (anomaly.id,), monitor, slice=anomaly.slice)
    with store.window_transaction(monitor, window(index)) as transaction:
        transaction.write(make_run(index, monitor), [anomaly], [incident], [make_alert(incident)])
    return incident
