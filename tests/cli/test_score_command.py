"""`tocsin score`: from a table to sentences, files and a model that scores the next table."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def sellers(tmp_path, monkeypatch):
    """Where and how much 300 sellers sell; one sells as nobody does. In two CSV files."""
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"seller": [f"seller {place}" for place in range(300)]})
    frame["country"] = random.choice(["DE", "FR"], 300)
    frame["sold"] = random.poisson(100, 300)
    frame["returned"] = random.binomial(frame["sold"], 0.1)
    frame.loc[4, ["seller", "returned"]] = ["[red]Q[/red]\x1b[2J", 95]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sellers").mkdir()
    frame[:150].to_csv("sellers/first.csv", index=False)
    frame[150:].to_csv("sellers/second.csv", index=False)
    return frame


def test_one_command_names_the_odd_rows_and_saves_what_it_learned(call, sellers, tmp_path):
    words = ("--detector", "isolation_forest", "--top", 3)
    answer = call("score", "sellers", *words, "--out", "scored.csv", "--save", "sellers.npz")
    assert (answer.status, answer.err) == (0, "")
    lines = answer.out.splitlines()
    assert lines[0].startswith("row 5 ([red]Q[/red]")
    assert "returned 95, expected 10" in lines[0]
    assert "\x1b" not in answer.out
    assert len(lines[: lines.index("")]) == 3
    assert "300 rows scored" in lines
    assert "note: seller is not used" in answer.out
    assert lines[-2:] == ["written: sellers.npz", "written: scored.csv"]
    scored = pd.read_csv("scored.csv")
    assert scored["sold"].tolist() == sellers["sold"].tolist()
    assert scored["anomaly_score"].idxmax() == 4
    again = call("score", "sellers/*.csv", "--model", "sellers.npz", "--top", 3)
    assert again.out.splitlines()[:3] == lines[:3]
    assert "scored by a saved IsolationForest of 4 columns" in again.text


def test_columns_are_named_once_or_in_a_list(call, sellers):
    answer = call(
        "score", "sellers", "--context", "country,sold", "--detector", "rocod", "--without", "seller", "--top", 1
    )
    assert answer.status == 0
    assert answer.out.startswith("row 5, 0.9")
    assert "country" not in answer.out.splitlines()[0]
    named = call("score", "sellers", "--context", '"country"', "--detector", "rocod", "--id", "country", "--top", 1)
    assert named.status == 2
    assert "country" in named.complaint


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("absent.parquet",), "absent.parquet"),
        (("sellers", "--detector", "con-out"), "did you mean 'con_out'"),
        (("sellers", "--out", "scored.xlsx"), "FILE.parquet or FILE.csv"),
        (("sellers", "--out", "sellers/scored.csv"), "outside"),
        (("sellers", "--id", "name"), "seller"),
        (("sellers", "--model", "absent.npz"), "absent.npz"),
        (("sellers", "--model", "absent.npz", "--context", "country"), "--context"),
    ],
)
def test_errors_are_a_sentence(call, sellers, words, said):
    answer = call("score", *words)
    assert (answer.status, answer.out) == (2, "")
    assert said in answer.complaint
    assert "Traceback" not in answer.complaint
