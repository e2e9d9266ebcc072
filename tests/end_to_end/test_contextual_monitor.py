"""Odd publishers, from a table of events or of publishers to the incident, the answer and the blocklist."""

import csv
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.publishers import CONFIG, DAY, START, Publishers, events
from tocsin.blocklist import blocklist, render_blocklist, write_blocklist
from tocsin.check import check
from tocsin.errors import ConfigError, InputError, SourceError
from tocsin.model import Change, Direction, Feedback, IncidentState, RunStatus, Slice, Verdict
from tocsin.overview import write_report
from tocsin.why import why

ODD = "site6.example"
"""Publishes news, where a click-through rate of 0.24 is unheard of."""
READY = """
[source.events]
path = "events.parquet"
[[monitor]]
name = "publishers"
kind = "contextual"
source = "events"
entity = "publisher"
max_share = 0.02
"""


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return events(5, {ODD: range(1, 3)})


@pytest.fixture
def project(tmp_path: Path, table: pd.DataFrame) -> Publishers:
    made = Publishers(tmp_path)
    made.write(table)
    return made


def daily(table: pd.DataFrame) -> pd.DataFrame:
    """One row a publisher, of the second day."""
    day = table[(table["ts"] >= START + DAY) & (table["ts"] < START + 2 * DAY)]
    sums = day.groupby(["publisher", "country", "category"], as_index=False)[["views", "clicks"]].sum()
    return sums.assign(ctr=sums["clicks"] / sums["views"]).drop(columns="clicks")


def test_an_odd_publisher_is_one_incident_while_it_lasts(project: Publishers) -> None:
    report = project.backfill(0, 5, alerts=True)
    (monitor,) = report.monitors
    assert [run.status for run in monitor.runs] == [RunStatus.EVALUATED] * 5
    assert {run.n_slices for run in monitor.runs} == {100}
    with project.store() as store:
        (incident,) = [item for item in store.incidents() if item.slice == Slice((("publisher", ODD),))]
        anomalies = store.anomalies(incident=incident.id)
    assert (incident.first.start, incident.last.end) == (START + DAY, START + 3 * DAY)
    assert (incident.state, incident.kind, incident.direction) == (IncidentState.CLOSED, "contextual", Direction.NONE)
    assert incident.headline.startswith(f"publisher {ODD}: {incident.kpi} ")
    assert " publishers " in incident.headline
    changes = [change for item, change in monitor.changes if item.id == incident.id]
    assert changes == [Change.OPENED, Change.CLOSED]
    assert [anomaly.window.start for anomaly in anomalies] == [START + DAY, START + 2 * DAY]
    for anomaly in anomalies:
        assert anomaly.kpi in ("ctr", "cost")
        assert {"ctr", "cost"} <= {part["name"] for part in anomaly.evidence["indicators"]}
        assert anomaly.lower <= anomaly.expected <= anomaly.upper < anomaly.value
        assert anomaly.evidence["n_records"] == 2
    said = [alert for alert in project.alerts() if alert["incident_id"] == incident.id]
    assert len(said) == 2
    assert said[0]["indicators"][0]["name"] == said[0]["kpi"] in ("ctr", "cost")
    json.dumps(said, allow_nan=False)


def test_one_by_one_equals_a_backfill_and_again_changes_nothing(project: Publishers) -> None:
    for day in range(1, 4):
        project.run(day)
    before, alerts = project.facts(), project.alerts()
    again = project.run(3.1)
    assert again.monitors[0].runs == []
    assert (project.facts(), project.alerts()) == (before, alerts)
    other = Publishers(project.folder / "other")
    other.folder.mkdir()
    other.write(pd.read_parquet(project.folder / "events.parquet"))
    other.backfill(0, 3)
    assert other.facts()[0] == before[0]
    assert other.facts()[2] == before[2]


def test_the_order_of_rows_is_of_no_account(project: Publishers, table: pd.DataFrame) -> None:
    project.backfill(1, 2)
    before = project.facts()
    project.write(table.sample(frac=1, random_state=3))
    assert project.backfill(1, 2).monitors[0].n_unchanged == 1
    assert project.facts() == before


def test_killed_it_ends_as_if_nothing_had_happened(project: Publishers) -> None:
    since, until = START.isoformat(), (START + 3 * DAY).isoformat()
    command = [
        sys.executable,
        "-m",
        "tocsin",
        "backfill",
        "-c",
        str(project.config),
        "--since",
        since,
        "--until",
        until,
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    database = project.folder / "tocsin.db"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if _n_runs(database):  # a window has been written
            break
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    project.backfill(0, 3)
    after_kill = project.facts()
    other = Publishers(project.folder / "other")
    other.folder.mkdir()
    other.write(pd.read_parquet(project.folder / "events.parquet"))
    other.backfill(0, 3)
    assert other.facts() == after_kill


def _n_runs(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM run").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return 0


def test_late_rows_take_an_incident_back(project: Publishers, table: pd.DataFrame) -> None:
    """Half of the views of the newest day come late: what was said of the publisher is retracted."""
    late = (table["publisher"] == "site8.example") & (table["ts"] >= START + 4 * DAY)
    early = table.copy()
    early.loc[late, "views"] = early.loc[late, "clicks"]
    project.write(early, CONFIG.replace("close_after = 1", "close_after = 1\nreevaluate = 1"))
    project.run(5)
    with project.store() as store:
        (wrong,) = [item for item in store.incidents() if item.slice.items[0][1] == "site8.example"]
    table.to_parquet(project.folder / "events.parquet")
    project.run(5.2)
    with project.store() as store:
        assert store.find(wrong.id).state is IncidentState.RETRACTED  # type: ignore[union-attr]
    changes = [alert["change"] for alert in project.alerts() if alert["incident_id"] == wrong.id]
    assert sorted(map(str, changes)) == ["opened", "retracted"]


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.RELEVANT, RunStatus.NOT_ENOUGH_DATA),
        (Verdict.EXPECTED, RunStatus.EVALUATED),
    ],
)
def test_confirmed_trouble_is_not_learned_from(tmp_path: Path, verdict: Verdict, status: RunStatus) -> None:
    """Of 20 publishers all are needed: without the confirmed one the next day has too few to compare with."""
    project = Publishers(tmp_path)
    project.write(events(3, {ODD: range(3)}, n_publishers=20))
    project.backfill(0, 1)
    with project.store() as store:
        (incident,) = store.incidents()
        assert incident.slice.items[0][1] == ODD
        store.add_feedback(Feedback(incident.id, verdict, START + DAY, "anna"))
    (run,) = project.backfill(1, 2).monitors[0].runs
    assert run.status is status


def test_the_blocklist_follows_the_answers(project: Publishers, tmp_path: Path) -> None:
    project.backfill(1, 2)

    def listed() -> dict[str, str]:
        with project.store() as store:
            return {item.entity: item.answer for item in blocklist(project.settings, store, "publishers")}

    with project.store() as store:
        (incident,) = [item for item in store.incidents() if item.slice.items[0][1] == ODD]

    def answer(verdict: Verdict, minute: float) -> None:
        with project.store() as store:
            store.add_feedback(Feedback(incident.id, verdict, START + (3 + minute) * DAY, "anna"))

    assert listed()[ODD] == ""
    answer(Verdict.NOT_RELEVANT, 0)
    assert ODD not in listed()
    answer(Verdict.RELEVANT, 1)
    assert listed()[ODD] == "relevant"
    answer(Verdict.EXPECTED, 2)
    assert ODD not in listed()
    with project.store() as store:
        store.undo_feedback(incident.id, "anna", at=START + 9 * DAY)
    assert listed()[ODD] == "relevant"


def test_a_blocklist_is_safe_in_a_spreadsheet_and_exact_in_json(project: Publishers, table: pd.DataFrame) -> None:
    formula = '=HYPERLINK("http://x";"\n2")'
    project.write(table.replace(ODD, formula))
    project.backfill(1, 2)
    with project.store() as store:
        found = blocklist(project.settings, store, "publishers")
    (mine,) = [item for item in found if item.entity == formula]
    assert (mine.first_seen, mine.last_seen, mine.n_windows) == (START + DAY, START + 2 * DAY, 1)
    for name in ("b.csv", "b.json"):
        write_blocklist(found, project.folder / name)
    with (project.folder / "b.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["entity"][0] for row in rows}.isdisjoint("=+-@\t\r")
    assert "'" + formula in [row["entity"] for row in rows]
    assert formula in [row["entity"] for row in json.loads((project.folder / "b.json").read_text(encoding="utf-8"))]
    assert all(row["reason"] for row in rows)
    with pytest.raises(InputError, match=r"FILE\.csv or FILE\.json"):
        write_blocklist(found, project.folder / "b.xlsx")
    assert render_blocklist([], "csv").startswith("entity,score")


def test_a_blocklist_is_of_a_contextual_monitor(project: Publishers) -> None:
    with project.store() as store, pytest.raises(ConfigError, match="did you mean 'publishers'"):
        blocklist(project.settings, store, "publisher")


HOSTILE = ["<script>alert(1)</script>", "'; DROP TABLE run; --", "two\nlines", "\u202egnp.exe", "", "x" * 5_000, "=1+1"]


def test_hostile_names_go_all_the_way_through(project: Publishers, table: pd.DataFrame) -> None:
    names = dict(zip(sorted(table["publisher"].unique()), HOSTILE, strict=False))
    names[ODD] = HOSTILE[0] + HOSTILE[3]
    hostile = table.assign(
        publisher=table["publisher"].map(lambda name: names.get(name, name)),
        category=table["category"].replace("news", HOSTILE[0]),
    )
    project.write(hostile.rename(columns={"category": "select"}), CONFIG.replace('"category"', '"select"'))
    project.backfill(1, 2, alerts=True)
    with project.store() as store:
        (incident,) = [item for item in store.incidents() if item.slice.items[0][1] == names[ODD]]
        lines = [*why(store, incident.id), *why(store, incident.anomaly_ids[0])]
        write_report(project.folder / "r.html", project.settings, store, START + 2 * DAY)
    assert any("ctr" in line for line in lines)
    assert not any(line.startswith("stake") for line in lines), "a score is no stake"
    page = (project.folder / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page
    assert 'class="range"' in page
    assert "Entities flagged last" in page
    assert {alert["slice"]["publisher"] for alert in project.alerts()} >= {names[ODD]}


def test_new_gone_and_changed_entities_are_told(project: Publishers, table: pd.DataFrame) -> None:
    second = (table["ts"] >= START + DAY) & (table["ts"] < START + 2 * DAY)
    changed = table[~((table["publisher"] == "site1.example") & second)].copy()
    changed.loc[second & (table["publisher"] == ODD), "publisher"] = "new.example"
    changed.loc[second & (table["publisher"] == "site3.example"), "country"] = "moved"
    project.write(changed)
    first, then = project.backfill(0, 2).monitors[0].runs
    assert first.notes[0].startswith("There is no window before")
    assert then.notes[0] == "Since the window before, 1 entity is new, 2 gone; 1 has another attribute."
    with project.store() as store:
        (anomaly,) = [item for item in store.anomalies() if item.slice.items[0][1] == "new.example"]
    assert anomaly.evidence["is_new"] is True


def test_a_budget_and_a_cap_keep_a_ring_short(project: Publishers) -> None:
    ring = {f"site{number}.example": range(1) for number in range(0, 12, 2)}
    project.write(events(1, ring), CONFIG.replace("max_share = 0.02", "max_share = 0.06\nmax_incidents = 2"))
    report = project.backfill(0, 1).monitors[0]
    assert len({anomaly.slice for anomaly in report.anomalies}) == 6
    assert not any("max_share" in note for note in report.runs[0].notes)
    assert [change for _, change in report.changes] == [Change.OPENED] * 2
    (left,) = [left for left in report.runs[0].left_out if left.reason == "incident limit"]
    assert left.count == 4


def test_a_least_score_says_what_the_budget_keeps_back(project: Publishers, table: pd.DataFrame) -> None:
    project.write(table, CONFIG.replace("max_share = 0.02", "max_share = 0.02\nmin_score = 0.9"))
    (run,) = project.backfill(0, 1).monitors[0].runs
    assert run.n_flagged == 2
    assert any(note.endswith("a score of at least 0.9, beyond max_share.") for note in run.notes)


@pytest.mark.parametrize("n_publishers", [1, 19])
def test_few_entities_are_an_answer_of_their_own(tmp_path: Path, n_publishers: int) -> None:
    project = Publishers(tmp_path)
    project.write(events(1, {}, n_publishers=n_publishers))
    (run,) = project.backfill(0, 1).monitors[0].runs
    assert (run.status, run.n_slices, run.n_flagged) == (RunStatus.NOT_ENOUGH_DATA, n_publishers, 0)
    assert "at least 20" in run.notes[0]


def test_more_windows_make_few_entities_enough(tmp_path: Path) -> None:
    project = Publishers(tmp_path)
    project.write(events(3, {}, n_publishers=12), CONFIG.replace("close_after", "reference_windows = 2\nclose_after"))
    runs = project.backfill(0, 3).monitors[0].runs
    assert [run.status for run in runs] == [RunStatus.NOT_ENOUGH_DATA, RunStatus.EVALUATED, RunStatus.EVALUATED]


def test_entities_that_are_all_alike_are_an_answer_of_their_own(project: Publishers) -> None:
    alike = events(1, {}).assign(country="DE", category="news", views=10, clicks=1, cost=1.0)
    project.write(alike)
    (run,) = project.backfill(0, 1).monitors[0].runs
    assert run.status is RunStatus.NOT_ENOUGH_DATA


def test_a_window_without_rows_is_a_silent_source(project: Publishers, table: pd.DataFrame) -> None:
    project.write(table[(table["ts"] < START + DAY) | (table["ts"] >= START + 2 * DAY)])
    report = project.backfill(0, 3).monitors[0]
    assert [run.status for run in report.runs] == [RunStatus.EVALUATED, RunStatus.SILENT, RunStatus.EVALUATED]
    assert [item.kind for item, _ in report.changes].count("source silent") >= 1


def test_what_is_left_out_is_counted(project: Publishers, table: pd.DataFrame) -> None:
    thin = table.drop(table.index[(table["publisher"] == "site1.example") & (table["ts"].dt.hour == 8)])
    thin.loc[thin.index[-3:], "publisher"] = None
    project.write(thin, CONFIG.replace("close_after", "min_records = 2\nmax_entities = 50\nclose_after"))
    (run,) = project.backfill(4, 5).monitors[0].runs
    counts = {left.reason: left.count for left in run.left_out}
    assert counts["missing entity"] == 3
    assert counts["too few records"] == 4
    assert counts["entity cap"] == 46
    assert run.n_slices == 50


def test_a_stake_orders_the_incidents(project: Publishers) -> None:
    table = events(1, {ODD: range(1)})
    project.write(table, CONFIG.replace("max_share = 0.02", 'max_share = 0.04\nstake = "cost"'))
    project.backfill(0, 1)
    with project.store() as store:
        incidents = store.incidents()
        costs = [item.stake for item in incidents]
    assert len(costs) == 4
    assert costs == sorted(costs, reverse=True)
    assert all(item.details["stake_of"] == "cost" for item in incidents)
    sums = table.groupby("publisher")["cost"].sum()
    assert costs == pytest.approx([sums[item.slice.items[0][1]] for item in incidents])


def test_a_table_of_publishers_is_taken_as_it_is(project: Publishers, table: pd.DataFrame) -> None:
    project.write(daily(table).assign(tags=[["a"]] * 100), READY)
    (monitor,) = project.run(2).monitors
    (run,) = monitor.runs
    assert (run.status, run.n_slices) == (RunStatus.EVALUATED, 100)
    assert monitor.anomalies[0].slice.items == (("publisher", ODD),)
    assert [left.reason for left in run.left_out] == ["unusable column"]
    assert project.run(2.1).monitors[0].n_unchanged == 1
    with pytest.raises(InputError, match="no past to backfill"):
        project.backfill(0, 2)
    findings = check(project.config, now=START + 2.1 * DAY)
    assert all(finding.ok for finding in findings), findings


def test_a_snapshot_a_day_takes_the_newest_row(project: Publishers, table: pd.DataFrame) -> None:
    snapshot = daily(table)
    rows = pd.concat(
        [snapshot.assign(ctr=0.5, seen=START + DAY), snapshot.assign(seen=START + 1.5 * DAY)], ignore_index=True
    )
    project.write(rows, READY.replace("[[monitor]]", 'time = "seen"\n[[monitor]]'))
    (monitor,) = project.run(2).monitors
    assert monitor.anomalies[0].slice.items == (("publisher", ODD),)
    assert [left.reason for left in monitor.runs[0].left_out] == ["repeated entity"]


def test_given_contexts_are_compared_within(project: Publishers, table: pd.DataFrame) -> None:
    project.write(table, CONFIG.replace("max_share", 'contexts = [["category"]]\nmax_share'))
    (run,) = project.backfill(1, 2).monitors[0].runs
    assert (run.n_tested, run.n_flagged) == (100, 2)
    with project.store() as store:
        contexts = {part["context"] for item in store.anomalies() for part in item.evidence["indicators"]}
    assert "category" in contexts
    assert contexts <= {"", "category"}


def test_a_renamed_column_says_which_one_it_may_be(project: Publishers, table: pd.DataFrame) -> None:
    project.write(table.rename(columns={"category": "categories"}))
    with pytest.raises(SourceError, match=r"category.*categories"):
        project.run(2)
    findings = [finding for finding in check(project.config, now=START + 5 * DAY) if not finding.ok]
    assert any("'category'" in finding.sentence and "attribute" in finding.sentence for finding in findings)


@pytest.mark.parametrize("key", ['stake = "vews"', 'contexts = [["countri"]]'])
def test_an_unknown_column_of_a_table_is_named(project: Publishers, table: pd.DataFrame, key: str) -> None:
    project.write(daily(table), READY + key)
    with pytest.raises(ConfigError, match=r"did you mean '(views|country)'"):
        project.run(2)
    assert any("did you mean" in finding.sentence for finding in check(project.config, now=START + 2 * DAY))


@pytest.mark.postgres
def test_postgres_finds_what_duckdb_finds(project: Publishers, table: pd.DataFrame) -> None:
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed (pip install 'tocsin[postgres]')")
    url = os.environ.get("TOCSIN_TEST_POSTGRES", "postgresql://127.0.0.1/test")
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=3)
    except psycopg.OperationalError as error:
        pytest.skip(f"no PostgreSQL server: {type(error).__name__}")
    project.backfill(1, 3)
    here = project.facts()
    other = Publishers(project.folder / "other")
    other.folder.mkdir()
    name = f"tocsin_publishers_{os.getpid()}"
    columns = "ts timestamptz, publisher text, country text, category text, views bigint, clicks bigint, cost float8"
    with connection:
        connection.execute(f"CREATE TABLE {name} ({columns})")
        try:
            with connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN") as copy:
                for row in table.itertuples(index=False):
                    copy.write_row(tuple(row))
            other.write(table, CONFIG.replace('path = "events.parquet"', f'url = "{url}"\ntable = "{name}"', 1))
            other.backfill(1, 3)
        finally:
            connection.execute(f"DROP TABLE {name}")
    assert other.facts()[0] == here[0], "equal rows have equal digests in every engine"
    assert other.facts()[2] == here[2]


@pytest.fixture
def call(project: Publishers, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    from tocsin.cli import app

    def call(*words: str) -> str:
        app([*words, "-c", str(project.config)], standalone_mode=False)
        return capsys.readouterr().out

    return call


def test_the_command_line_counts_entities_and_exports(project: Publishers, call: Callable[..., str]) -> None:
    assert "2 entities flagged" in call("run", "--at", (START + 2 * DAY).isoformat())
    assert call("export", "blocklist", "-m", "publishers").startswith("entity,score")
    call("export", "blocklist", "-m", "publishers", "--out", str(project.folder / "blocked.json"))
    assert ODD in (project.folder / "blocked.json").read_text(encoding="utf-8")
    call("export", str(project.folder / "tables"))
    assert (project.folder / "tables" / "anomaly.parquet").exists()
