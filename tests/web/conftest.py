"""A store in which people's answers have held something back and raised something, and the page over it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from tests.end_to_end.test_relevance_stage import found_of, rise
from tests.store.conftest import (  # noqa: F401 - fixtures
    make_anomaly,
    make_incident,
    make_run,
    postgres_server,
    postgres_template,
    postgres_url,
    sqlite_template,
    url,
    window,
)
from tocsin.config import Settings, parse_settings
from tocsin.model import Feedback, IncidentState, Item, Verdict
from tocsin.pipeline.lens import Found
from tocsin.pipeline.relevance import Relevance
from tocsin.store import Store, schema
from tocsin.store.engine import reading
from tocsin.web.app import create_app

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
TOKEN = "correct horse battery staple"  # noqa: S105
CONFIG = """
[store]
url = "{url}"
[source.s]
path = "x.parquet"
time = "ts"
measures = {{ clicks = "count" }}
[[monitor]]
name = "ctr"
source = "s"
kpi = "clicks"
dimensions = ["country"]
"""
N_DAYS = 6
LAST = 30
"""The number of the newest window."""


def settings_for(address: str, base: Path) -> Settings:
    return parse_settings(CONFIG.format(url=address), base=base)


@dataclass
class Desk:
    """A filled store, and browsers that look at the page over it.

    opened, closed, held, raised : ids: of the open incident, of a closed one, of the anomaly that answers have held
        back, and of the one that they have raised
    """

    settings: Settings
    store: Store
    opened: str = ""
    closed: str = ""
    held: str = ""
    raised: str = ""
    now: datetime = NOON

    def app(self, **options: Any) -> Any:
        return create_app(self.settings, clock=lambda: self.now, **options)

    def browser(self, app: Any = None, **options: Any) -> Browser:
        return Browser(app or self.app(), **options)

    def content(self) -> dict[str, list[tuple[str, ...]]]:
        """Every row of every table."""
        with reading(self.store._engine) as connection:
            return {
                table.name: sorted(tuple(map(str, row)) for row in connection.execute(sa.select(table)))
                for table in schema.metadata.sorted_tables
            }


class Browser(TestClient):
    """Keeps cookies, says which site a request comes from, and fills in forms of the page that it loaded last."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, base_url="http://127.0.0.1:8765", **options)
        self.page = ""

    def load(self, path: str) -> str:
        answer = self.get(path)
        assert answer.status_code == 200, answer.text
        self.page = answer.text
        return answer.text

    @property
    def form_code(self) -> str:
        return re.findall(r'name="form_code" value="(\w+)"', self.page)[0]

    def fill_in(self, path: str, **fields: str) -> Any:
        """As the form of the page that was loaded last; redirects are followed."""
        headers = {"origin": "http://127.0.0.1:8765", "sec-fetch-site": "same-origin"}
        answer = self.post(path, data={"form_code": self.form_code} | fields, headers=headers)
        if answer.status_code == 200:
            self.page = answer.text
        return answer

    def answer(self, subject: str, verdict: str, author: str = "anna", **fields: str) -> Any:
        return self.fill_in("/answer", subject=subject, verdict=verdict, author=author, **fields)


def write_window(store: Store, relevance: Relevance, index: int, found: Found, **changes: Any) -> list[Item]:
    """Let relevancy choose, and store what rings as an incident each."""
    chosen = relevance.settle(found, relevance.judge(found, window(index)), None, [])
    rang = [one for one in chosen.found.anomalies if any(one.id in item.anomaly_ids for item in chosen.found.sightings)]
    incidents = [make_incident(index, index, (one.id,), slice=one.slice, **changes) for one in rang]
    with store.window_transaction("ctr", window(index)) as transaction:
        transaction.write(make_run(index), chosen.found.anomalies, incidents, [], chosen.items)
    return list(chosen.items)


def fill(settings: Settings, store: Store) -> Desk:
    """Six drops called relevant, six rises dismissed; then one of each, and a drop below the threshold."""
    monitor = settings.monitor[0]
    desk, plain = Desk(settings, store), Relevance(store, settings, monitor)
    for index in range(N_DAYS):
        drop, up = make_anomaly(index, "DE"), rise(index, "FR")
        write_window(store, plain, index, found_of([(drop, 2.0), (up, 2.0)]), state=IncidentState.CLOSED)
        for anomaly, verdict in ((drop, Verdict.RELEVANT), (up, Verdict.NOT_RELEVANT)):
            store.add_feedback(Feedback(anomaly.id, verdict, NOON, "zoe"))
    bad, good, below = rise(LAST, "FR"), make_anomaly(LAST, "DE"), make_anomaly(LAST - 1, "DE")
    learned = Relevance(store, settings, monitor)
    write_window(store, learned, LAST - 1, found_of([], [(below, -0.2)]), state=IncidentState.CLOSED)
    write_window(store, learned, LAST, found_of([(bad, 3.0), (good, 1.0)]))
    desk.held, desk.raised = bad.id, below.id
    states = {"opened": IncidentState.OPEN, "closed": IncidentState.CLOSED}
    for name, state in states.items():
        drops = [one for one in store.incidents(states=[state]) if one.slice == good.slice]
        setattr(desk, name, min(drops, key=lambda one: one.first.start).id)
    return desk


@pytest.fixture(scope="session")
def filled(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Desk:  # noqa: F811
    folder = tmp_path_factory.mktemp("filled")
    (folder / "store.db").write_bytes(sqlite_template.read_bytes())
    with Store.open("sqlite:///store.db", base=folder) as store:
        return fill(settings_for("sqlite:///store.db", folder), store)


@contextmanager
def copied(filled: Desk, folder: Path) -> Iterator[Desk]:
    """A store of one's own."""
    shutil.copytree(filled.settings.base, folder, dirs_exist_ok=True)
    settings = settings_for("sqlite:///store.db", folder)
    with Store.open(settings.store.url, base=folder) as store:
        yield replace(filled, settings=settings, store=store)


@pytest.fixture
def desk(filled: Desk, tmp_path: Path) -> Iterator[Desk]:
    """On SQLite."""
    with copied(filled, tmp_path) as made:
        yield made


@pytest.fixture
def any_desk(url: str, tmp_path: Path) -> Iterator[Desk]:  # noqa: F811
    """On SQLite and on PostgreSQL."""
    with Store.open(url) as store:
        yield fill(settings_for(url, tmp_path), store)


@pytest.fixture
def browser(desk: Desk) -> Browser:
    return desk.browser()
