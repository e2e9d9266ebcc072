"""`tocsin evaluate contextual`: the way through on a small table, what it writes, and errors in one sentence."""

from __future__ import annotations

import csv
import json

import numpy as np
import pandas as pd
import pytest

FEW = ("--detector", "IsolationForest", "--detector", "Rocod", "--seeds", "2")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    table = pd.DataFrame({"visits": random.normal(size=120), "kind": random.choice(["a", "b"], 120)})
    table["confirmed"] = np.where(np.arange(120) < 4, "fraud", "honest")
    table.loc[:3, "visits"] += 30.0
    table.to_parquet(tmp_path / "=own[bold].parquet")
    return tmp_path


def test_a_table_is_compared_printed_and_written(call, folder):
    words = ("evaluate", "contextual", "=own[bold].parquet", "--label", "confirmed", *FEW)
    answer = call(*words, "--out", "all.json")
    assert (answer.status, answer.err) == (0, "")
    assert "120 rows, 1 number and 1 category; 4 anomalies (3.33 %)" in answer.text
    assert "=own[bold]" in answer.text
    assert "IsolationForest 1.000 0.000 2" in answer.text
    assert "Rocod 1.000 – 1" in answer.text
    assert "written: all.json" in answer.text
    written = json.loads((folder / "all.json").read_text(encoding="utf-8"))
    assert {(line["detector"], line["average_precision"]) for line in written["scores"]} == {
        ("IsolationForest", 1.0), ("Rocod", 1.0),
    }  # fmt: skip
    assert [line["sd"] for line in written["scores"]] == [0.0, None]
    assert len(written["runs"]) == 3
    assert call(*words, "--out", "all.csv").status == 0
    with (folder / "all.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert {line["set"] for line in lines} == {"'=own[bold]"}


def test_a_folder_adds_planted_tables_and_says_what_is_left_out(call, folder):
    pd.DataFrame({"visits": [1.0, 2.0]}).to_parquet(folder / "unlabelled.parquet")
    answer = call("evaluate", "contextual", "--data", ".", "--label", "confirmed", *FEW)
    assert answer.status == 0
    assert "=own[bold] planted" in answer.text
    assert "left out: unlabelled" in answer.text
    assert "planted" not in call("evaluate", "contextual", "--data", ".", "--label", "confirmed", *FEW,
                                 "--no-planted").text  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("absent.parquet",), "absent.parquet"),
        (("=own[bold].parquet",), "Got 'label'"),
        (("=own[bold].parquet", "--label", "kind"), "'kind'"),
        (("--data", "absent"), "absent"),
        (("--detector", "ConOt"), "ConOut"),
        (("--out", "all.xlsx"), "does not end in .json or .csv"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(call, folder, words, said):
    answer = call("evaluate", "contextual", *words)
    assert answer.status == 2
    assert said in answer.complaint
    assert "Traceback" not in answer.err
