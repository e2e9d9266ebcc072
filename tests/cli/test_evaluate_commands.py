"""`tocsin simulate publishers` and `tocsin evaluate roi`: the way through, and errors in one sentence."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest

NAMES = ("--visitors", "visitors", "--cost", "price", "--revenue", "revenue")


@pytest.fixture
def folder(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    answer = call("simulate", "publishers", "data", "--rows", "900", "--seed", "3")
    assert (answer.status, answer.err) == (0, "")
    assert "data/truth.parquet" in answer.text
    return tmp_path / "data"


def test_simulated_publishers_are_worth_something(call, folder):
    words = ("evaluate", "roi", "data/publishers.parquet", "--truth", "data/truth.parquet", *NAMES, "--label", "label")
    answer = call(*words, "--simulations", "200", "--budget", "400", "--budget", "800", "--plot", "roi.svg")
    assert (answer.status, answer.err) == (0, "")
    assert "the 1.11 % with the highest scores are not bid on" in answer.text
    for name in ("naive", "ConOut", "IsolationForest", "Rocod", "oracle"):
        assert name in answer.text
    assert "written: roi.svg" in answer.text
    drawn = ElementTree.parse(folder.parent / "roi.svg").getroot()  # noqa: S314 (written by us)
    assert "oracle" in [text.text for text in drawn.iter("{http://www.w3.org/2000/svg}text")]


def test_own_scores_from_a_csv_file_with_names_that_are_markup(call, folder):
    table, truth = (pd.read_parquet(folder / f"{name}.parquet") for name in ("publishers", "truth"))
    hostile = "[bold]mine[/bold]\x1b[2J"
    own = table.assign(**{hostile: truth["severity"], "revenue": truth["revenue"]})
    own.loc[:4, hostile] = None
    own.loc[5:6, "price"] = None
    own.to_csv(folder / "own.csv", index=False)
    answer = call("evaluate", "roi", "data/own.csv", *NAMES, "--score", hostile, "--simulations", "50")
    assert (answer.status, answer.err) == (0, "")
    assert "\x1b" not in answer.out
    assert "[bold]mine[/bold]" in answer.text
    assert "left out: 2 without visitors, cost, revenue or label" in answer.text
    assert "5 without a score, bid on" in answer.text
    assert "the 1 % with the highest scores" in answer.text
    assert "oracle" not in answer.text


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("absent.parquet", *NAMES), "absent.parquet"),
        (("data/publishers.json", *NAMES), "*.parquet or *.csv"),
        (("data/publishers.parquet", *NAMES), "'revenue'"),
        (("data/publishers.parquet", *NAMES[:-2]), "--revenue"),
        (("data/publishers.parquet", *NAMES, "--plot", "roi.png"), "does not end in .svg"),
        (("data/publishers.parquet", "--truth", "data/truth.parquet", *NAMES, "--label", "scheme"), "'scheme'"),
        (("data/publishers.parquet", "--truth", "data/truth.parquet", *NAMES, "--budget", "-1"), "budgets"),
    ],
)
def test_errors_are_a_sentence(call, folder, words, said):
    answer = call("evaluate", "roi", *words)
    assert answer.status == 2
    assert answer.out == ""
    assert said in answer.complaint
    assert "Traceback" not in answer.complaint
