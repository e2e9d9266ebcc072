"""Commands of the collections lens: sellers, farming one's own records, evaluation and power; errors."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from tocsin.simulate import seller_records, simulate_sellers


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    records, _ = seller_records(simulate_sellers(6, 45, alpha=0.0, random_state=4))
    records.to_parquet(tmp_path / "orders.parquet")
    return tmp_path


def test_sellers_are_written_with_their_truth(call, folder):
    answer = call(
        "simulate", "sellers", "new", "--sellers", "4", "--days", "40", "--alpha", "0.5", "--kind", "equalised"
    )
    assert (answer.status, answer.err) == (0, "")
    assert "written: new/records.parquet" in answer.text
    truth = pd.read_parquet(folder / "new" / "truth.parquet")
    assert set(truth["kind"]) == {"equalised"}
    assert len(truth) == 160
    assert truth["farmed"].any()


def test_sellers_take_real_volumes(call, folder):
    days = pd.date_range("2026-01-01", periods=50).astype(str)
    pd.DataFrame({"shop_id": 9, "date": days, "count": 25}).to_csv(folder / "daily.csv", index=False)
    assert call("simulate", "sellers", "new", "--volumes", "daily.csv", "--alpha", "0").status == 0
    records = pd.read_parquet(folder / "new" / "records.parquet")
    assert (records["ts"].dt.normalize().value_counts() == 25).all()
    assert set(records["seller"]) == {"9"}


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_ones_own_records_are_farmed(call, folder, suffix):
    own = pd.read_parquet(folder / "orders.parquet").astype({"seller": str})
    own.loc[5, "seller"] = None
    if suffix == ".csv":
        own.to_csv(folder / "own.csv", index=False)
    else:
        own.to_parquet(folder / "own.parquet")
    words = ("--entity", "seller", "--time", "ts", "--nu", "0.5", "--alpha", "0.4", "--since", "2026-02-01")
    answer = call("simulate", "farm", f"own{suffix}", *words, "--out", "farmed", "--timezone", "Asia/Shanghai")
    assert (answer.status, answer.err) == (0, "")
    assert "left as they are: 1 record without seller or ts" in answer.text
    read = pd.read_csv if suffix == ".csv" else pd.read_parquet
    truth, records = read(folder / "farmed" / f"truth{suffix}"), read(folder / "farmed" / f"records{suffix}")
    assert len(records) == len(own) + truth["fakes"].sum()
    assert f"{truth['fakes'].sum():,} fakes on {truth['farmed'].sum()} of" in answer.text
    assert (pd.to_datetime(truth.loc[truth["farmed"], "date"]) >= "2026-02-01").all()
    said = json.loads((folder / "farmed" / "farm.json").read_text(encoding="utf-8"))
    assert (said["n_fakes"], said["n_unusable"]) == (truth["fakes"].sum(), 1)


def test_drift_tests_are_compared_on_a_shop_and_on_real_hours(call, folder):
    chance = np.random.default_rng(0)
    hours = pd.DataFrame({"date": np.repeat(pd.date_range("2026-01-01", periods=80), 24), "hour": list(range(24)) * 80})
    hours.assign(count=chance.poisson(30, 1_920)).to_csv(folder / "[bold]bikes.csv", index=False)
    answer = call("evaluate", "collections", "--table", "none", "--detector", "PSI", "--detector", "faithful level 2",
                  "--quick", "--hours", "[bold]bikes.csv", "--out", "all.json")  # fmt: skip
    assert (answer.status, answer.err) == (0, "")
    assert "simulated shop, alpha 0.5" in answer.text
    assert "[bold]bikes, alpha 0.1" in answer.text
    assert "no answer: [bold]bikes: faithful level 2" in answer.text
    written = json.loads((folder / "all.json").read_text(encoding="utf-8"))
    of_psi = {
        (line["set"], line["kind"], line["magnitude"]): line for line in written["rates"] if line["detector"] == "PSI"
    }
    assert of_psi["simulated shop", "centralised", 1.0]["tpr"] > 0.8
    assert of_psi["simulated shop", "none", 0.0]["tpr"] is None
    assert written["failures"][0]["set"] == "[bold]bikes"


def test_the_papers_tables_are_printed_beside_its_figures(call, folder):
    answer = call("evaluate", "collections", "--quick", "--detector", "none", "--table", "IV", "--out", "paper.json")
    assert (answer.status, answer.err) == (0, "")
    assert "Table IV" in answer.text
    assert "98.31" in answer.text
    assert "93.73" in answer.text  # the misprint is named
    rows = json.loads((folder / "paper.json").read_text(encoding="utf-8"))["rows"]
    assert len(rows) == 6
    assert {row["table"] for row in rows} == {"IV"}


def test_power_on_ones_own_records_is_printed_drawn_and_written(call, folder):
    words = (
        "--entity",
        "seller",
        "--time",
        "ts",
        "--detector",
        "PSI",
        "--kind",
        "centralised",
        "--nu",
        "0.1",
        "--nu",
        "2",
    )
    answer = call("evaluate", "power", "orders.parquet", *words, "--plot", "power.svg", "--out", "power.json")
    assert (answer.status, answer.err) == (0, "")
    assert "The smallest attack that is found half the time" in answer.text
    picture = ET.parse(folder / "power-centralised.svg")  # noqa: S314  our own file
    assert "centralised" in "".join(picture.getroot().itertext())
    written = json.loads((folder / "power.json").read_text(encoding="utf-8"))
    assert {line["magnitude"] for line in written["curves"]} == {0.1, 2.0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("simulate", "sellers", "new", "--kind", "centralized"), "did you mean 'centralised'"),
        (("simulate", "sellers", "new", "--volumes", "absent.csv"), "absent.csv"),
        (("simulate", "farm", "orders.parquet", "--entity", "sellr", "--time", "ts", "--out", "x"), "'seller'"),
        (
            ("simulate", "farm", "orders.parquet", "--entity", "seller", "--time", "seller", "--out", "x"),
            "at least one",
        ),
        (
            ("simulate", "farm", "orders.parquet", "--entity", "seller", "--time", "ts", "--out", "x", "--nu", "0"),
            "above 0",
        ),
        (("evaluate", "collections", "--detector", "PIS"), "did you mean 'PSI'"),
        (("evaluate", "collections", "--table", "VII", "--detector", "none"), "II, III"),
        (("evaluate", "collections", "--out", "all.csv"), "does not end in .json"),
        (("evaluate", "collections", "--volumes", "orders.parquet"), "shop_id"),
        (("evaluate", "power", "orders.parquet"), "--entity and --time"),
        (("evaluate", "power", "--plot", "power.png"), "does not end in .svg"),
        (("evaluate", "power", "--nu", "1", "--nu", "0.5", "--entities", "1", "--detector", "PSI"), "rising"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(call, folder, words, said):
    answer = call(*words)
    assert answer.status == 2
    assert said in answer.complaint
    assert "Traceback" not in answer.err
