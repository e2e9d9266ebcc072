"""Errors are a sentence on stderr and a status, never a traceback; results are never markup."""

import re
import subprocess
import sys
from datetime import timedelta

import pandas as pd
import pytest

from tests.cli.conftest import CONFIG, END, MARKUP

NOW = END.isoformat()


def assert_sentence(answer, *words, status=2):
    """The status, one complaint that holds the words, nothing that looks like Python."""
    assert answer.status == status
    assert answer.out == ""
    for word in words:
        assert word in answer.complaint
    for internal in ("Traceback", 'File "', "pydantic", "sqlalchemy.", "sqlalche.me"):
        assert internal not in answer.complaint


@pytest.mark.parametrize(
    "words",
    [
        ["check"], ["run"], ["backfill", "--since", "2026-01-10", "--until", "2026-01-11"], ["why", "3fa9"], ["report"],
        ["feedback", "3fa9", "relevant"], ["deliver"], ["export", "backup"], ["watch"],
    ],
)  # fmt: skip
def test_a_missing_configuration(call, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    answer = call(*words)
    assert_sentence(answer, "error:", "tocsin.toml")
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_key_names_the_nearest(call, project):
    (project / "tocsin.toml").write_text(CONFIG.replace("history =", "histroy ="), encoding="utf-8")
    assert_sentence(call("run", "--at", NOW), "histroy", "history")
    (project / "tocsin.toml").write_text("[store\n", encoding="utf-8")
    assert_sentence(call("run", "--at", NOW), "tocsin.toml")


def test_an_unreachable_database(call, project):
    store = CONFIG.replace("sqlite:///tocsin.db", "postgresql://nobody:s3cret@127.0.0.1:1/none")
    (project / "tocsin.toml").write_text(store, encoding="utf-8")
    answer = call("run", "--at", NOW)
    assert_sentence(answer, "error:")
    assert "s3cret" not in answer.err
    checked = call("check")
    assert checked.status == 1
    assert "LOOK store" in checked.text
    assert "s3cret" not in checked.out + checked.err
    source = CONFIG.replace('path = "events.parquet"', 'url = "postgres://nobody:s3cret@127.0.0.1:1/none"\ntable = "t"')
    (project / "tocsin.toml").write_text(source, encoding="utf-8")
    answer = call("run", "--at", NOW)
    assert_sentence(answer, "error:")
    assert "s3cret" not in answer.err


def test_missing_data_and_a_renamed_column(call, project):
    (project / "tocsin.toml").write_text(CONFIG.replace("events.parquet", "absent.parquet"), encoding="utf-8")
    assert_sentence(call("run", "--at", NOW), "absent.parquet")
    (project / "tocsin.toml").write_text(CONFIG.replace("sum(clicks)", "sum(klicks)"), encoding="utf-8")
    assert_sentence(call("run", "--at", NOW), "klicks", "clicks")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "--at", "yesterday"], "'yesterday' is not an ISO time"),
        (["backfill", "--since", "2026-01-10", "--until", "soon"], "'soon' is not an ISO time"),
        (["backfill", "--since", "2026-01-10"], "--until"),
        (["feedback", "3fa9", "maybe"], "'maybe' is not one of"),
        (["feedback", "3fa9"], "give a verdict, or --undo"),
        (["feedback", "3fa9", "relevant", "--undo"], "give a verdict, or --undo"),
        (["run", "--att", "2026-01-10"], "--att"),
        (["runn"], "runn"),
        (["report", "--config"], "--config"),
    ],
)
def test_bad_arguments(call, project, words, said):
    assert_sentence(call(*words), said)


def test_unknown_ids_and_names(call, project):
    for words in (["why", "abc123"], ["feedback", "abc123", "relevant"], ["feedback", "abc123", "--undo"]):
        assert_sentence(call(*words), "abc123")
    assert_sentence(call("run", "--monitor", "crt", "--at", NOW), "crt", "ctr")
    assert_sentence(call("watch", "--every", "often"), "often")
    assert_sentence(call("backfill", "--since", "2026-01-11", "--until", "2026-01-10"), "2026-01-1")


def test_an_existing_configuration_is_not_overwritten(call, project):
    answer = call("init", "events.parquet", "--no-backtest")
    assert_sentence(answer, "tocsin.toml", "--force")
    assert (project / "tocsin.toml").read_text(encoding="utf-8") == CONFIG
    assert_sentence(call("init", "nothing.csv", "--config", "new.toml"), "nothing.csv")
    assert not (project / "new.toml").exists()


def test_the_way_through_with_names_that_are_markup(call, project):
    """run, again, why, feedback and back, report, export: status 0, and the country's name as it is."""
    at = (END - timedelta(hours=2)).isoformat()
    dry = call("run", "--at", at, "--dry-run")
    assert dry.status == 0
    assert "dry run: nothing was written or sent" in dry.text
    ran = call("run", "--at", at)
    assert (ran.status, ran.err) == (0, "")
    assert "1 window evaluated" in ran.text
    assert MARKUP in ran.text
    assert "\x1b" not in ran.out
    incident = next(line.split()[0] for line in ran.out.splitlines() if re.match(r"[0-9a-f]{6} +opened", line))
    why = call("why", incident)
    assert why.status == 0
    assert MARKUP in why.text
    stored = call("feedback", incident, "not-relevant", "--comment", "[red]known[/red]", "--author", "anna")
    assert "stored: not-relevant" in stored.text
    undone = call("feedback", incident, "--undo", "--author", "anna")
    assert "taken back: not-relevant" in undone.text
    assert_sentence(call("feedback", incident, "--undo", "--author", "anna"), incident)
    assert call("report", "-o", "page.html").text.strip() == "written: page.html"
    page = (project / "page.html").read_text(encoding="utf-8")
    assert MARKUP in page
    exported = call("export", "backup")
    assert exported.status == 0
    assert len(pd.read_parquet(project / "backup" / "incident.parquet")) >= 1
    again = call("run", "--at", at)
    assert (again.status, again.text) == (0, "ctr: 0 windows evaluated, 0 slices flagged ")
    assert call("deliver").status == 0


def test_check_has_a_status_of_its_own(call, project):
    """Old data need attention (1); the configuration itself is a result, not an error."""
    answer = call("check")
    assert answer.status == 1
    assert "LOOK monitor ctr" in answer.text
    assert "ok configuration" in answer.text
    assert answer.err == ""


def test_the_terminal_prints_values_as_they_are(capsys):
    from tocsin.cli.console import Console, complain
    from tocsin.errors import InputError

    hostile = "[bold]x[/bold] [/] \x1b[2J\u202e [link=a]b"
    console = Console()
    console.lines([hostile])
    console.table(("name",), [(hostile,)])
    complain(InputError("The value " + hostile))
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert "[bold]x[/bold] [/]" in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_a_process_ends_with_the_status(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tocsin", "run"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
