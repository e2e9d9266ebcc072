"""Farmed sellers, from a table of orders to the incident, the answer and the evidence."""

import json
import multiprocessing
import signal
import sqlite3
import time
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.sellers import CONFIG, DAY, FIRST, START, Shops, orders
from tocsin.errors import ConfigError
from tocsin.model import Change, Direction, Feedback, IncidentState, RunStatus, Slice, Verdict
from tocsin.overview import write_report
from tocsin.pipeline import backfill
from tocsin.why import why

ODD = "shop6"
FARMED = range(FIRST + 1, FIRST + 3)


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    return orders(farmed={ODD: FARMED})


@pytest.fixture
def project(tmp_path: Path, table: pd.DataFrame) -> Shops:
    made = Shops(tmp_path)
    made.write(table)
    return made


def of_seller(project: Shops, name: str = ODD) -> list[object]:
    with project.store() as store:
        return [item for item in store.incidents() if item.slice == Slice((("seller", name),))]


def test_a_farmed_seller_is_one_incident_while_it_lasts(project: Shops) -> None:
    report = project.backfill(FIRST, FIRST + 4, alerts=True)
    (monitor,) = report.monitors
    assert [run.status for run in monitor.runs] == [RunStatus.EVALUATED] * 4
    assert {(run.n_slices, run.n_tested) for run in monitor.runs} == {(12, 12)}
    (incident,) = of_seller(project)
    with project.store() as store:
        anomalies = store.anomalies(incident=incident.id)
    assert (incident.first.start, incident.last.end) == (START + FARMED.start * DAY, START + FARMED.stop * DAY)
    assert (incident.state, incident.kind, incident.direction) == (IncidentState.CLOSED, "collections", Direction.NONE)
    assert incident.headline.startswith(f"seller {ODD}: ") or incident.headline.startswith(f"{ODD}: ")
    assert " % of its records between 0" in incident.headline
    assert " times the usual volume" in incident.headline
    assert [change for item, change in monitor.changes if item.id == incident.id] == [Change.OPENED, Change.CLOSED]
    assert [anomaly.window.start for anomaly in anomalies] == [START + day * DAY for day in FARMED]
    for anomaly in anomalies:
        assert anomaly.direction is Direction.UP
        assert anomaly.value > 1.5 * anomaly.expected
        assert anomaly.lower <= anomaly.expected <= anomaly.upper < anomaly.value
        assert anomaly.stake == pytest.approx(anomaly.value / 2, rel=0.25)
        histogram = anomaly.evidence["histogram"]
        assert histogram["bins"][3] == "03:00"
        assert sum(histogram["observed"]) == anomaly.value
        assert max(range(24), key=histogram["terms"].__getitem__) in (2, 3, 4)
        assert sum(map(abs, histogram["terms"])) == pytest.approx(1)
    said = [alert for alert in project.alerts() if alert["incident_id"] == incident.id]
    assert len(said) == 2
    json.dumps(said, allow_nan=False)


def test_one_by_one_equals_a_backfill_and_again_changes_nothing(project: Shops, table: pd.DataFrame) -> None:
    for day in range(FIRST, FIRST + 3):
        project.run(day + 1)
    before = project.facts()
    assert project.run(FIRST + 3.1).monitors[0].runs == []
    for first in (FIRST, FIRST + 2):
        assert project.backfill(first, FIRST + 3).monitors[0].runs == []
    assert project.facts() == before
    other = Shops(project.folder / "other")
    other.write(table)
    other.backfill(FIRST, FIRST + 3)
    assert other.facts()[0] == before[0]
    assert other.facts()[2] == before[2]


def test_the_order_of_rows_is_of_no_account(project: Shops, table: pd.DataFrame) -> None:
    project.backfill(FIRST, FIRST + 2)
    before = project.facts()
    project.write(table.sample(frac=1, random_state=3))
    assert project.backfill(FIRST, FIRST + 2).monitors[0].n_unchanged == 2
    assert project.facts() == before


def test_only_what_is_needed_again_is_kept(project: Shops, table: pd.DataFrame) -> None:
    """What was known before each of the windows that a run may judge again, and before the next one."""
    grid = project.settings.monitor_named("farmed").grid
    project.write(table, CONFIG.replace("close_after = 1", "close_after = 1\nreevaluate = 2"))
    project.backfill(FIRST, FIRST + 4)
    newest = grid.index_of(START) + FIRST + 4
    assert project.kept() == [f"before-{index:012}-000000" for index in range(newest - 2, newest + 1)]


def test_a_dry_run_keeps_nothing(project: Shops) -> None:
    report = project.run(FIRST + 2, dry_run=True)
    assert report.monitors[0].n_flagged == 1
    assert project.kept() == []
    assert project.facts() == ([], [], [])


def test_killed_it_ends_as_if_nothing_had_happened(project: Shops, table: pd.DataFrame) -> None:
    """Two runs at once, of which one is killed."""
    since, until = START + FIRST * DAY, START + (FIRST + 4) * DAY
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tocsin.pipeline", "tocsin.pipeline.collections", "ibis.backends.duckdb"])
    processes = [
        context.Process(target=backfill, args=(project.config, since, until), kwargs={"now": until}) for _ in range(2)
    ]
    for process in processes:
        process.start()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and processes[0].is_alive():
        if _n_runs(project.folder / "tocsin.db"):  # a window has been written
            break
        time.sleep(0.01)
    processes[0].kill()
    for process in processes:
        process.join()
    assert processes[0].exitcode in (0, -signal.SIGKILL)
    assert processes[1].exitcode == 0
    project.backfill(FIRST, FIRST + 4)
    other = Shops(project.folder / "other")
    other.write(table)
    other.backfill(FIRST, FIRST + 4)
    assert other.facts() == project.facts()
    assert other.kept() == project.kept()


def _n_runs(database: Path) -> int:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(*) FROM run").fetchone()[0])
    except sqlite3.OperationalError:  # not there yet
        return 0


def test_evidence_is_lost_or_kept_together_with_its_window(project: Shops, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the state was put and before the transaction ended."""
    from tocsin.store import WindowTransaction

    project.run(FIRST + 1)
    before, kept = project.facts(), project.kept()
    real = WindowTransaction.put_state

    def put_and_die(self: WindowTransaction, *arguments: object) -> None:
        real(self, *arguments)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(WindowTransaction, "put_state", put_and_die)
        with pytest.raises(KeyboardInterrupt):
            project.run(FIRST + 2)
    assert (project.facts(), project.kept()) == (before, kept)
    project.run(FIRST + 2)
    assert len(of_seller(project)) == 1


def test_late_rows_take_an_incident_back_and_change_the_evidence(project: Shops, table: pd.DataFrame) -> None:
    """Of a usual day the morning comes late; in the end all is as if it had been there from the start."""
    config = CONFIG.replace("close_after = 1", "close_after = 1\nreevaluate = 3")
    day = START + FIRST * DAY
    late = (table["seller"] == "shop2") & (table["ts"] >= day) & (table["ts"] < day + DAY / 2)
    project.write(table[~late], config)
    project.run(FIRST + 1)
    project.run(FIRST + 2)
    (wrong,) = of_seller(project, "shop2")
    assert " % of its records between " in wrong.headline
    project.write(table, config)
    project.run(FIRST + 3)
    with project.store() as store:
        assert store.find(wrong.id).state is IncidentState.RETRACTED
    other = Shops(project.folder / "other")
    other.write(table, config)
    for end in (FIRST + 1, FIRST + 2, FIRST + 3):
        other.run(end)
    assert other.facts()[0] == project.facts()[0]
    assert other.facts()[2] == project.facts()[2]


@pytest.mark.parametrize("verdict", [Verdict.RELEVANT, Verdict.NOT_RELEVANT])
def test_an_answer_moves_the_collection_and_leaves_no_trace_when_undone(
    project: Shops, table: pd.DataFrame, verdict: Verdict
) -> None:
    for end in (FIRST + 1, FIRST + 2):
        project.run(end)
    (incident,) = of_seller(project)
    with project.store() as store:
        store.add_feedback(Feedback(incident.id, verdict, START + (FIRST + 2) * DAY, "anna"))
    project.run(FIRST + 3)
    answered = project.facts()
    assert project.run(FIRST + 3.2).monitors[0].runs == []
    with project.store() as store:
        store.undo_feedback(incident.id, "anna", at=START + (FIRST + 3) * DAY)
    project.run(FIRST + 4)
    again = project.backfill(FIRST, FIRST + 4).monitors[0]
    assert [run.window.start for run in again.runs] == [START + (FIRST + 2) * DAY], "the one that knew the answer"
    other = Shops(project.folder / "other")
    other.write(table)
    other.backfill(FIRST, FIRST + 4)
    assert other.facts()[0] == project.facts()[0]
    assert other.facts()[2] == project.facts()[2]
    assert answered[0][:2] == project.facts()[0][:2]
    assert answered[0][2] != project.facts()[0][2]


def test_other_settings_begin_anew(project: Shops, table: pd.DataFrame) -> None:
    project.run(FIRST + 2)
    project.write(table, CONFIG.replace("n_normal = 14", "n_normal = 15"))
    (run,) = project.run(FIRST + 3).monitors[0].runs
    assert run.status is RunStatus.EVALUATED
    other = Shops(project.folder / "other")
    other.write(table, CONFIG.replace("n_normal = 14", "n_normal = 15"))
    other.run(FIRST + 3)
    assert other.facts()[0] == project.facts()[0][1:]


def test_a_limit_of_incidents_is_no_reason_to_learn_anew(project: Shops, table: pd.DataFrame) -> None:
    project.run(FIRST + 2)
    before = project.kept()
    project.write(table, CONFIG.replace("close_after = 1", "close_after = 2"))
    project.run(FIRST + 3)
    assert set(project.kept()) & set(before), "the evidence before the window is still of use"


def test_a_seller_closed_for_a_month_is_nobodys_evidence(tmp_path: Path) -> None:
    whole = orders(n_days=50, n_sellers=4, volume=100)
    closed = (whole["seller"] == "shop1") & whole["ts"].between(START + 17 * DAY, START + 47 * DAY, inclusive="left")
    project = Shops(tmp_path)
    project.write(whole[~closed])
    report = project.backfill(FIRST, 49).monitors[0]
    assert [run.n_slices for run in report.runs] == [4] + [3] * 30 + [4, 4]
    assert [run.n_tested for run in report.runs] == [4] + [3] * 30 + [4, 4]
    assert any("1 known entity has no records" in note for note in report.runs[5].notes)
    assert of_seller(project, "shop1") == []


def test_bins_follow_the_wall_clock(tmp_path: Path) -> None:
    """A seller in Berlin opens at nine on its own clock; in March the clock goes forward, and nothing is flagged."""
    from zoneinfo import ZoneInfo

    whole = orders(n_days=22, n_sellers=6)
    berlin = ZoneInfo("Europe/Berlin")
    local = whole["ts"].dt.tz_localize(None) + timedelta(days=63)  # the 21st day is the 29th of March
    is_gone = (local >= "2026-03-29 02:00") & (local < "2026-03-29 03:00")
    table = whole[~is_gone].assign(ts=local[~is_gone].dt.tz_localize(berlin).dt.tz_convert("UTC"))
    project = Shops(tmp_path)
    project.write(table, CONFIG.replace("close_after", 'timezone = "Europe/Berlin"\nclose_after'))
    start = START.replace(tzinfo=berlin) + timedelta(days=63)
    report = backfill(project.config, start + FIRST * DAY, start + 22 * DAY, now=start + 22 * DAY).monitors[0]
    lengths = [run.window.end - run.window.start for run in report.runs]
    assert lengths == [DAY] * 4 + [timedelta(hours=23)] + [DAY]
    assert [run.n_flagged for run in report.runs] == [0] * 6


def test_a_window_without_rows_is_a_silent_source(project: Shops, table: pd.DataFrame) -> None:
    gone = table["ts"].between(START + (FIRST + 1) * DAY, START + (FIRST + 2) * DAY, inclusive="left")
    project.write(table[~gone])
    report = project.backfill(FIRST, FIRST + 3).monitors[0]
    assert [run.status for run in report.runs] == [RunStatus.EVALUATED, RunStatus.SILENT, RunStatus.EVALUATED]
    assert [item.kind for item, _ in report.changes].count("source silent") >= 1


def test_too_little_history_is_an_answer_of_its_own(project: Shops) -> None:
    (run,) = project.backfill(0, 1).monitors[0].runs
    assert (run.status, run.n_tested, run.n_flagged) == (RunStatus.NOT_ENOUGH_DATA, 0, 0)
    assert {left.reason: left.count for left in run.left_out}["not enough data"] == 12


def test_a_new_seller_begins_without_evidence(project: Shops, table: pd.DataFrame) -> None:
    young = (table["seller"] == "shop3") & (table["ts"] < START + (FIRST + 1) * DAY)
    project.write(table[~young])
    report = project.backfill(FIRST, FIRST + 3).monitors[0]
    assert [run.n_slices for run in report.runs] == [11, 12, 12]
    assert [run.status for run in report.runs] == [RunStatus.EVALUATED] * 3


@pytest.mark.parametrize(
    ("settings", "label"),
    [
        ('attribute = "price"\nbins = 8', " and more"),
        ('attribute = "price"\nbins = [5, 10, 20, 40, 80]', "80 and more"),
        ('attribute = "channel"\nbins = ["web", "app"]', "other"),
    ],
)
def test_any_attribute_can_be_told_apart_by(tmp_path: Path, settings: str, label: str) -> None:
    """On farmed days half of the orders cost 999 and come from a channel of their own."""
    table = orders(farmed={ODD: FARMED}, volume=400).assign(channel="web")
    table.loc[table.index % 3 == 0, "channel"] = "app"
    fake = (table["seller"] == ODD) & (table["ts"].dt.hour.between(2, 4))
    fake &= table["ts"].between(START + FARMED.start * DAY, START + FARMED.stop * DAY, inclusive="left")
    table.loc[fake, "price"] = 999.0
    table.loc[fake, "channel"] = "bot"
    project = Shops(tmp_path)
    project.write(table, CONFIG.replace("close_after", f"{settings}\nclose_after"))
    project.backfill(FIRST, FIRST + 3)
    (incident,) = of_seller(project)
    histogram = incident.details["histogram"]
    assert histogram["bins"][-1].endswith(label)
    assert max(histogram["terms"]) == histogram["terms"][-1]
    assert f"% of its records with {incident.details['attribute']} " in incident.headline


def test_weights_are_summed_and_peers_are_read(tmp_path: Path) -> None:
    table = orders(farmed={ODD: FARMED}, n_days=20, volume=150).assign(n=2, trade="food")
    table.loc[table["seller"].isin(["shop1", "shop2"]), "trade"] = "books"
    project = Shops(tmp_path)
    project.write(table, CONFIG.replace("close_after", 'weight = "n"\npeers = ["trade"]\nclose_after'))
    project.backfill(FIRST, FIRST + 2)
    (incident,) = of_seller(project)
    n = ((table["seller"] == ODD) & (table["ts"] >= incident.last.start) & (table["ts"] < incident.last.end)).sum()
    assert incident.details["n_records"] == 2 * n


@pytest.mark.parametrize("settings", ["", 'mode = "faithful"\nlevel = "both"', 'fine = "none"'])
def test_absurd_weights_do_not_stop_the_monitor(tmp_path: Path, settings: str) -> None:
    """Sums beyond what a bin may hold, from one day on: that entity is odd, the others are judged as ever."""
    table = orders(n_days=18, n_sellers=6, volume=80).assign(n=1)
    table.loc[(table["seller"] == ODD[:-1] + "1") & (table["ts"] >= START + FIRST * DAY), "n"] = 10**12 - 1
    project = Shops(tmp_path)
    project.write(table, CONFIG.replace("close_after", f'weight = "n"\n{settings}\nclose_after'))
    runs = project.backfill(FIRST, FIRST + 2).monitors[0].runs
    assert [(run.status, run.n_tested) for run in runs] == [(RunStatus.EVALUATED, 6)] * 2
    if not settings:
        assert len(of_seller(project, ODD[:-1] + "1")) == 1


def test_rows_that_cannot_be_used_are_counted_though_the_window_is_silent(project: Shops, table: pd.DataFrame) -> None:
    project.write(table.assign(n=-1), CONFIG.replace("close_after", 'weight = "n"\nclose_after'))
    (run,) = project.backfill(FIRST, FIRST + 1).monitors[0].runs
    assert run.status is RunStatus.SILENT
    assert {left.reason for left in run.left_out} >= {"unusable weight"}


HOSTILE = ["<script>alert(1)</script>", "'; DROP TABLE run; --", "two\nlines", "\u202egnp.exe", "", "x" * 5_000, "=1+1"]


def test_hostile_names_go_all_the_way_through(project: Shops, table: pd.DataFrame) -> None:
    names = dict(zip(sorted(table["seller"].unique()), HOSTILE, strict=False))
    names[ODD] = HOSTILE[0] + HOSTILE[3]
    project.write(table.assign(seller=table["seller"].map(lambda name: names.get(name, name))))
    project.run(FIRST + 1)
    project.run(FIRST + 2)
    (incident,) = of_seller(project, names[ODD])
    with project.store() as store:
        lines = [*why(store, incident.id), *why(store, incident.anomaly_ids[0])]
        write_report(project.folder / "r.html", project.settings, store, START + (FIRST + 2) * DAY)
    assert any("divergence" in line for line in lines)
    page = (project.folder / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)" not in page
    assert "\u202e" not in page
    assert 'class="chart histogram"' in page


def test_what_is_left_out_is_counted(project: Shops, table: pd.DataFrame) -> None:
    nameless = table.assign(seller=table["seller"].where(table.index % 50 != 0))
    few = (table["seller"] == "shop1") & (table.index % 100 != 1)
    project.write(nameless[~few], CONFIG.replace("close_after", "min_records = 20\nmax_entities = 8\nclose_after"))
    (run,) = project.backfill(FIRST, FIRST + 1).monitors[0].runs
    counts = {left.reason: left.count for left in run.left_out}
    assert counts["too few records"] == 1
    assert counts["entity cap"] == 3
    assert counts["missing entity"] > 0
    assert run.n_slices == 8


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("bins = 7", "divide"),
        ('fine = "7min"', "fine"),
        ('window = "6h"', "whole days"),
        ('attribute = "price"\nbins = [3, 1]', "ascend"),
        ('attribute = "seller"\nbins = ["a"]', "different columns"),
        ("threshold = 10", "threshold"),
        ('history = "5d"', "history"),
        ('mode = "faithful"\nlevel = 2\nfine = "none"', "finer spans"),
        ("targetfpr = 0.1", "target_fpr"),
    ],
)
def test_a_mistake_in_the_settings_is_named(project: Shops, table: pd.DataFrame, settings: str, said: str) -> None:
    project.write(table, CONFIG.replace("close_after", f"{settings}\nclose_after").replace('history = "16d"\n', ""))
    with pytest.raises(ConfigError, match=said):
        project.run(FIRST + 1)


def test_who_is_gone_for_long_is_forgotten(tmp_path: Path) -> None:
    """A history is 7 days here; who has had no records for two of them leaves the evidence at the end of a history."""
    whole = orders(n_days=33, n_sellers=3, volume=60)
    gone = (whole["seller"] == "shop1") & (whole["ts"] >= START + 9 * DAY)
    project = Shops(tmp_path)
    project.write(whole[~gone], CONFIG.replace('"16d"', '"7d"'))
    project.backfill(7, 33)
    with project.store() as store:
        newest = store.state_names("farmed")[-1]
        state = store.get_state("farmed", newest)
        runs = store.runs("farmed")
    assert state is not None
    assert state.meta["n_entities"] == 2
    told = [any("1 known entity has no records" in note for note in run.notes) for run in runs]
    assert 14 <= sum(told) <= 21
    assert not any(told[-2:])
    assert project.backfill(7, 33).monitors[0].runs == []


@pytest.mark.parametrize("settings", ['mode = "faithful"', 'mode = "faithful"\nlevel = "both"\nthreshold = "bayes"'])
def test_the_papers_mode_goes_the_same_way(project: Shops, table: pd.DataFrame, settings: str) -> None:
    project.write(table, CONFIG.replace("close_after", f"{settings}\nclose_after"))
    project.run(FIRST + 1)
    project.run(FIRST + 2)
    incident = of_seller(project)[0]
    assert incident.kind == "collections"
    before = project.facts()
    assert project.backfill(FIRST, FIRST + 2).monitors[0].runs == []
    assert project.facts() == before
