"""From a table of events to the one alert that matters, and nothing lost or said twice on the way."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest

from tests.end_to_end.project import CONFIG, END, HOUR, START, Project
from tocsin.errors import SourceError
from tocsin.model import Change, Feedback, IncidentState, RunStatus, Verdict


def facts_of(project: Project) -> tuple[object, ...]:
    """Everything that a store says, without the times at which it was said."""
    with project.store() as store:
        runs = [(run.monitor, run.window, run.status, run.facts_digest, run.n_flagged) for run in store.runs()]
        incidents = [
            (item.id, item.slice, item.state, round(item.stake, 6), item.anomaly_ids) for item in store.incidents()
        ]
        anomalies = sorted((item.id, item.slice.key, round(item.p_value, 12)) for item in store.anomalies())
        return runs, sorted(incidents), anomalies, store.alert_counts()


def test_a_country_that_loses_half_its_clicks_is_one_incident(project: Project) -> None:
    report = project.backfill(END - timedelta(days=1), END, alerts=True)
    (monitor,) = report.monitors
    assert len(monitor.runs) == 24
    with project.store() as store:
        hits = [item for item in store.incidents() if item.slice == project.trouble.slice]
    (incident,) = hits
    assert incident.first.start == project.trouble.start
    assert incident.last.end == project.trouble.end
    assert incident.state is IncidentState.CLOSED
    assert incident.headline.startswith("down 5") or incident.headline.startswith("down 4")
    changes = [change for item, change in monitor.changes if item.id == incident.id]
    assert (changes[0], changes[-1]) == (Change.OPENED, Change.CLOSED)
    assert len(changes) <= 4
    assert len(monitor.changes) - len(changes) <= 4, "few other alerts in a day of 24 windows"
    said = [alert for alert in project.alerts() if alert["incident_id"] == incident.id]
    assert len(said) == len(changes)


def test_run_after_run_equals_a_backfill(project: Project) -> None:
    begin = project.trouble.start - 3 * HOUR
    project.run(begin)
    for step in range(1, 12):
        project.run(begin + step * HOUR + timedelta(minutes=step))
    one_by_one = facts_of(project)
    (project.folder / "tocsin.db").unlink()
    for file in project.folder.glob("tocsin.db-*"):
        file.unlink()
    project.backfill(begin - 3 * HOUR, begin + 11 * HOUR, alerts=True)
    assert facts_of(project)[:3] == one_by_one[:3]


def test_running_again_changes_and_sends_nothing(project: Project) -> None:
    now = project.trouble.start + 2 * HOUR
    project.run(now)
    before, alerts = facts_of(project), project.alerts()
    again = project.run(now + timedelta(minutes=5))
    assert again.monitors[0].runs == []
    assert again.monitors[0].n_unchanged > 0
    assert (facts_of(project), project.alerts()) == (before, alerts)


def test_a_dry_run_writes_and_sends_nothing(project: Project) -> None:
    report = project.run(project.trouble.start + 2 * HOUR, dry_run=True)
    assert report.monitors[0].changes
    assert facts_of(project)[:3] == ([], [], [])
    assert project.alerts() == []


def test_late_rows_take_an_alarm_back(project: Project) -> None:
    """Clicks of the newest hour come late: what was said of it is retracted once they are there."""
    hour = END - 2 * HOUR
    late = (project.events["ts"] == hour) & (project.events["country"] == project.trouble.slice.items[0][1])
    incomplete = project.events.copy()
    incomplete.loc[late, "clicks"] = 0
    project.write(incomplete)
    project.backfill(hour - 3 * HOUR, hour)
    project.run(hour + HOUR)
    with project.store() as store:
        (wrong,) = [item for item in store.incidents() if item.first.start == hour]
    project.write(project.events)
    project.run(hour + 2 * HOUR)
    with project.store() as store:
        assert store.find(wrong.id).state is IncidentState.RETRACTED  # type: ignore[union-attr]
    assert [alert["change"] for alert in project.alerts() if alert["incident_id"] == wrong.id].count("retracted") == 1


def test_a_silent_source_is_one_incident_and_no_crowd(project: Project) -> None:
    gap = (project.events["ts"] >= END - 4 * HOUR) & (project.events["ts"] < END - HOUR)
    project.write(project.events[~gap])
    report = project.backfill(END - 5 * HOUR, END, alerts=True)
    statuses = [run.status for run in report.monitors[0].runs]
    assert statuses.count(RunStatus.SILENT) == 3
    opened = [item for item, change in report.monitors[0].changes if change is Change.OPENED]
    assert [item.kind for item in opened if item.first.start >= END - 4 * HOUR] == ["source silent"]


def test_too_little_history_is_said_and_nothing_is_flagged(project: Project) -> None:
    report = project.backfill(START, START + 2 * HOUR)
    assert {run.status for run in report.monitors[0].runs} == {RunStatus.NOT_ENOUGH_DATA}
    assert report.monitors[0].n_flagged == 0


def test_confirmed_anomalies_leave_the_reference(project: Project) -> None:
    project.backfill(project.trouble.start, project.trouble.end)
    with project.store() as store:
        (incident,) = [item for item in store.incidents() if item.slice == project.trouble.slice]
        before = store.runs()
        store.add_feedback(Feedback(incident.id, Verdict.RELEVANT, END, "anna"))
    project.backfill(project.trouble.end, project.trouble.end + HOUR)
    with project.store() as store:
        excluded = store.excluded("ctr", START, END)
        assert {window.start for window, _ in excluded} >= {project.trouble.start}
        assert len(store.runs()) == len(before) + 1


def test_two_runs_at_once_do_it_once(project: Project) -> None:
    command = [sys.executable, "-m", "tocsin", "run", "-c", str(project.config), "--at", (END - 6 * HOUR).isoformat()]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=120) for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    with project.store() as store:
        assert len(store.runs()) == 3
        counts = store.alert_counts()
    assert counts["waiting"] == 0
    assert counts["sent"] == len(project.alerts()) > 0


@pytest.mark.parametrize("seconds", [1.2, 1.8, 2.4, 3.0])
def test_killed_at_any_instant_it_ends_as_if_nothing_had_happened(project: Project, seconds: float) -> None:
    since, until = END - 12 * HOUR, END - 4 * HOUR
    arguments = ["backfill", "-c", str(project.config), "--since", since.isoformat(), "--until", until.isoformat()]
    command = [sys.executable, "-m", "tocsin", *arguments, "--alerts"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    # as `tocsin backfill` does it: with the clock, after which an expired claim of the killed process is taken over
    completed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert completed.returncode == 0, completed.stderr
    after_kill = facts_of(project)
    undisturbed = project.folder / "undisturbed"
    undisturbed.mkdir()
    other = Project(undisturbed, project.trouble, project.events)
    other.write(project.events)
    other.backfill(since, until, alerts=True)
    assert after_kill[:3] == facts_of(other)[:3]


HOSTILE = [
    "'; DROP TABLE run; --", '"quoted"', "two\nlines", "<script>alert(1)</script>", "emoji 🔔", "\u202egnp.exe",
    "x" * 10_000, "", " ", "null", "(missing)", "[bold red]markup[/]", "${HOME}", "{{ 7 * 7 }}", "a/b\\c", "=1+1",
]  # fmt: skip


def test_hostile_slice_values_go_all_the_way_through(project: Project) -> None:
    events = project.events.copy()
    apps = sorted(events["app"].unique())
    hit = project.trouble.slice.items[0][1]
    events["app"] = events["app"].map({app: HOSTILE[n % len(HOSTILE)] for n, app in enumerate(apps)})
    events["country"] = events["country"].map(
        {
            country: (HOSTILE[3] if country == hit else HOSTILE[n])
            for n, country in enumerate(events["country"].unique())
        }
    )
    events.loc[events.index[::7], "app"] = None
    project.write(events.rename(columns={"country": "select", "app": "install"}),
                  CONFIG.replace('"country", "app"', '"select", "install"'))  # fmt: skip
    report = project.backfill(END - 12 * HOUR, END - 9 * HOUR, alerts=True)
    (monitor,) = report.monitors
    assert any(item.slice.items[:1] == (("select", HOSTILE[3]),) for item, _ in monitor.changes)
    command = [
        sys.executable,
        "-m",
        "tocsin",
        "report",
        "-c",
        str(project.config),
        "-o",
        str(project.folder / "r.html"),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    page = (project.folder / "r.html").read_text(encoding="utf-8")
    assert "<script>alert(1)</script>" not in page
    assert "\u202e" not in page
    assert project.alerts()


def test_a_renamed_column_says_which_one_it_may_be(project: Project) -> None:
    project.write(project.events.rename(columns={"clicks": "click"}))
    with pytest.raises(SourceError, match=r"clicks.*click"):
        project.run(END)


def test_a_table_without_rows_is_a_silent_source(project: Project) -> None:
    project.write(project.events.iloc[:0])
    report = project.run(END)
    assert {run.status for run in report.monitors[0].runs} == {RunStatus.SILENT}


def test_the_partial_last_window_is_never_judged(project: Project) -> None:
    report = project.run(END - HOUR + timedelta(minutes=59))
    assert report.monitors[0].runs[-1].window.end == END - HOUR


def test_the_python_face_is_the_command(project: Project) -> None:
    import tocsin

    report = tocsin.run(project.config, now=END)
    with project.store() as store:
        assert store.runs() == report.monitors[0].runs
    command = [sys.executable, "-m", "tocsin", "run", "-c", str(project.config), "--at", END.isoformat()]
    again = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert "0 windows evaluated, 3 unchanged" in again.stdout
