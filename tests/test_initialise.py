"""`tocsin init` on a table of entities: what is written is valid, and the first run judges them."""

import pandas as pd
import pytest

from tocsin.config import load_settings
from tocsin.errors import ConfigError, NotEnoughData
from tocsin.initialise import initialise
from tocsin.pipeline import run
from tocsin.simulate import simulate_publishers

HOSTILE = 'a "b" \\ ${HOME} #'


def test_entities_are_judged_by_what_was_guessed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table, _ = simulate_publishers(200)
    table.insert(0, "domain", [f"site{place}.example" for place in range(len(table))])
    table[HOSTILE] = table.pop("price")
    table.to_parquet("publishers.parquet")
    config = tmp_path / "new" / "tocsin.toml"
    result = initialise("publishers.parquet", config=config)
    assert result.next_step == f"tocsin run --config {config}"
    assert "the oddest 2 of 200 are flagged (max_share)" in result.guesses
    (monitor,) = load_settings(config).monitor
    assert (monitor.kind, monitor.entity) == ("contextual", "domain")
    assert set(monitor.columns) == {*table.columns, HOSTILE} - {"domain"}
    report = run(config).monitors[0]
    assert (report.runs[0].n_slices, report.n_flagged) == (200, 2)
    with pytest.raises(ConfigError, match="--force"):
        initialise("publishers.parquet", config=config)


def test_a_table_without_times_and_names_is_for_scoring(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"size": [1.5, 2.5] * 50, "colour": ["red", "blue"] * 50}).to_parquet("table.parquet")
    with pytest.raises(NotEnoughData, match="`tocsin score` needs neither"):
        initialise("table.parquet")
    assert not (tmp_path / "tocsin.toml").exists()


def test_records_of_sellers_get_a_monitor_of_collections_beside_the_slices(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    seconds = [(k * 977) % (20 * 86_400) for k in range(6_000)]
    times = pd.Timestamp("2026-01-05", tz="UTC") + pd.to_timedelta(seconds, unit="s")
    pd.DataFrame({"ts": times, "seller": [f"s{k % 4}" for k in range(6_000)]}).to_parquet("orders.parquet")
    result = initialise("orders.parquet")
    assert "collections: the times of day of each seller's records" in result.guesses
    *_, last = load_settings(result.config).monitor
    assert (last.kind, last.entity) == ("collections", "seller")
    assert last.name not in {item.monitor for item in result.backtest}
    (report,) = run(result.config, now=times.max().ceil("D").to_pydatetime(), monitors=[last.name]).monitors
    assert (report.runs[0].n_slices, report.runs[0].n_tested) == (4, 4)
