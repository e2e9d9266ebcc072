"""`tocsin evaluate series`: the way through, what it writes, and errors in one sentence."""

import json

import pytest

from tests.evaluate.test_series_evaluation import table_of

FEW = ("--detector", "IID", "--detector", "HoltWinters", "--detector", "previous point")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table_of().rename(columns={"label": "odd"}).to_parquet(tmp_path / "made[bold].parquet")
    return tmp_path


def test_a_file_is_measured_printed_and_written(call, folder):
    words = ("evaluate", "series", "--data", "made[bold].parquet", "--labels", "odd", *FEW)
    answer = call(*words, "--series", "2", "--out", "all.json")
    assert (answer.status, answer.err) == (0, "")
    assert "made[bold] 2 series, 1,632 new points, 0.74 % of them abnormal" in answer.text
    assert "HoltWinters 0.99" in answer.text or "HoltWinters 1.000" in answer.text
    assert "VUS-PR" in answer.text
    assert "written: all.json" in answer.text
    written = json.loads((folder / "all.json").read_text(encoding="utf-8"))
    assert len(written["scores"]) == 6
    assert {line["detector"] for line in written["summary"]} == {"IID", "HoltWinters", "previous point"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--data", "absent.parquet"), "absent.parquet"),
        (("--data", "made[bold].parquet"), "lacks a column"),
        (("--data", ".", "--labels", "od"), "No labelled series"),
        (("--data", ".", "--labels", "odd", "--detector", "IDD"), "did you mean 'IID'"),
        (("--data", ".", "--labels", "odd", "--out", "x.txt"), "does not end in .json"),
    ],
)
def test_mistakes_are_told_in_a_sentence(call, folder, words, said):
    answer = call("evaluate", "series", *words)
    assert answer.status != 0
    assert said in answer.err
