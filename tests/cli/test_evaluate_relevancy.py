"""`tocsin simulate spikes` and `tocsin evaluate relevancy`."""

import json

import pandas as pd

from tocsin.simulate import write_spikes


def test_spikes_as_files_and_the_command(call, tmp_path):
    table, about = write_spikes(tmp_path, n_series=1, n_points=4_000, share=0.02)
    assert json.loads(about.read_text())["settings"]["share"] == 0.02
    assert pd.read_parquet(table)["label"].sum() == 40
    answer = call(
        "evaluate", "relevancy", str(table), "--series", "1", "--points", "20000", "--detector", "IID",
        "--answers", "20", "--alerts", "0.02", "--out", str(tmp_path / "rows.json"),
    )  # fmt: skip
    assert (answer.status, answer.err) == (0, "")
    assert "Table 1: labelled series, spikes.parquet" in answer.text
    assert ".38/.39/.63 to .55/.44/.74" in answer.text
    assert {row["mode"] for row in json.loads((tmp_path / "rows.json").read_text())["spikes"]} == {
        "faithful",
        "default",
    }
    short = tmp_path / "short.csv"
    pd.read_parquet(table).iloc[:20].to_csv(short, index=False)
    answer = call("evaluate", "relevancy", str(short), "--series", "0", "--detector", "IID")
    assert answer.status == 2
    assert "No series of short.csv" in answer.err
